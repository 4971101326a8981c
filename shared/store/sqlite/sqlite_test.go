package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"rapport/shared/datafile"
	"rapport/shared/store"
	"rapport/shared/store/sqlite"
	"rapport/shared/store/storetest"
)

func open(t testing.TB, path string, o sqlite.Options) *sqlite.Store {
	t.Helper()
	f, err := datafile.Open(path, datafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := sqlite.New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	storetest.Run(t, storetest.Harness{
		New: func(t testing.TB) store.Store {
			return open(t, filepath.Join(t.TempDir(), "data.db"), sqlite.Options{Now: func() time.Time { return now }})
		},
		Now:     func() time.Time { return now },
		Advance: func(d time.Duration) { now = now.Add(d) },
	})
}

func TestSweep(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, filepath.Join(t.TempDir(), "data.db"), sqlite.Options{Now: func() time.Time { return now }})
	var items []store.Item
	for k := range 300 {
		item := store.Item{Part: fmt.Sprint("p", k%7), Sort: fmt.Sprint(k)}
		if k%3 == 0 {
			item.Expires = now.Add(time.Minute)
		}
		items = append(items, item)
	}
	for _, r := range s.Put(ctx, items...) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	now = now.Add(time.Hour)
	swept := 0
	for range 300 / (3 * 20) * 8 { // looks at everything at least once
		n, err := s.Sweep(ctx, 3)
		if err != nil || n > 3 {
			t.Fatalf("swept %d at once and %v", n, err)
		}
		swept += n
	}
	if swept != 100 {
		t.Fatalf("swept %d, want 100", swept)
	}
	left := 0
	for k := range 7 {
		for _, err := range s.List(ctx, store.Range{Part: fmt.Sprint("p", k)}) {
			if err != nil {
				t.Fatal(err)
			}
			left++
		}
	}
	if left != 200 {
		t.Fatalf("%d left, want 200", left)
	}
}

func TestReadBeside(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "data.db")
	s := open(t, path, sqlite.Options{})
	item := store.Item{Part: "p", Sort: "a", Data: []byte("x")}
	if r := s.Put(ctx, item)[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	f, err := datafile.Open(path, datafile.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	beside, err := sqlite.New(f, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := beside.Get(ctx, item.Key())
	if err != nil || got[0].Version != 1 {
		t.Fatalf("beside the writer: %+v, %v", got, err)
	}
	if r := beside.Put(ctx, item)[0]; r.Err == nil {
		t.Fatal("a store that is open for reading took a put")
	}
}
