package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rapport/shared/store"
	"rapport/shared/store/memory"
	"rapport/shared/store/storetest"
)

func TestSuite(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	storetest.Run(t, storetest.Harness{
		New:     func(testing.TB) store.Store { return memory.New(memory.Options{Now: func() time.Time { return now }}) },
		Now:     func() time.Time { return now },
		Advance: func(d time.Duration) { now = now.Add(d) },
	})
}

func TestSweep(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := memory.New(memory.Options{Now: func() time.Time { return now }})
	for k := range 10 {
		item := store.Item{Part: fmt.Sprint("p", k%3), Sort: fmt.Sprint(k)}
		if k%2 == 0 {
			item.Expires = now.Add(time.Minute)
		}
		if r := s.Put(ctx, item)[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	now = now.Add(time.Hour)
	for _, want := range []int{3, 2, 0} {
		if n, err := s.Sweep(ctx, 3); n != want || err != nil {
			t.Fatalf("swept %d and %v, want %d", n, err, want)
		}
	}
}
