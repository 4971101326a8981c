//go:build unix

package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rapport/shared/store"
	"rapport/shared/store/sqlite"
)

// cpu gives the processor time that the process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// each runs f for 0 … n−1 with so many callers at once, and reports the processor time of one.
func each(b *testing.B, callers, n int, f func(k int)) {
	b.Helper()
	before := cpu()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for k := int(next.Add(1)) - 1; k < n; k = int(next.Add(1)) - 1 {
				f(k)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(n), "cpu-µs/op")
}

var data = bytes.Repeat([]byte("0123456789"), 50)

// keys are of a row in order (a snowflake id) or at random (a hash).
var keys = map[string]func(k int) string{
	"ordered": func(k int) string { return fmt.Sprintf("mention#mastodon:%016d", k) },
	"random":  func(int) string { return fmt.Sprintf("author#mastodon:%016x", rand.Uint64()) },
}

func filled(b *testing.B, kind string, rows int) *sqlite.Store {
	b.Helper()
	s := open(b, filepath.Join(b.TempDir(), "data.db"), sqlite.Options{})
	items := make([]store.Item, 0, 1000)
	for k := range rows {
		items = append(items, store.Item{Part: keys[kind](k), Sort: "-", Data: data})
		if len(items) == cap(items) || k == rows-1 {
			s.Put(context.Background(), items...)
			items = items[:0]
		}
	}
	return s
}

// BenchmarkPut creates items of 500 bytes, with 32 callers that put four each.
func BenchmarkPut(b *testing.B) {
	ctx := context.Background()
	for _, kind := range []string{"ordered", "random"} {
		for _, rows := range []int{20_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", kind, rows), func(b *testing.B) {
				s := filled(b, kind, rows)
				b.ResetTimer()
				each(b, 32, b.N, func(k int) {
					var items [4]store.Item
					for i := range items {
						items[i] = store.Item{Part: keys[kind](rows + 4*k + i), Sort: "-", Data: data}
					}
					for _, r := range s.Put(ctx, items[:]...) {
						if r.Err != nil {
							b.Error(r.Err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkUpdate reads an item of 500 bytes and writes it.
func BenchmarkUpdate(b *testing.B) {
	ctx := context.Background()
	const rows = 20_000
	s := filled(b, "ordered", rows)
	b.ResetTimer()
	each(b, 32, b.N, func(k int) {
		item := store.Item{Part: keys["ordered"](k % rows), Sort: "-"}
		got, err := s.Get(ctx, item.Key())
		if err != nil {
			b.Error(err)
			return
		}
		item.Version, item.Data = got[0].Version, got[0].Data
		if r := s.Put(ctx, item)[0]; r.Err != nil && b.N < rows {
			b.Error(r.Err)
		}
	})
}

// BenchmarkGet reads three items that are there, or are not.
func BenchmarkGet(b *testing.B) {
	const rows = 100_000
	s := filled(b, "ordered", rows)
	for name, shift := range map[string]int{"there": 0, "absent": rows} {
		b.Run(name, func(b *testing.B) {
			each(b, 4, b.N, func(k int) {
				var ask [3]store.Key
				for i := range ask {
					ask[i] = store.Key{Part: keys["ordered"]((k*3+i)*7919%rows + shift), Sort: "-"}
				}
				if _, err := s.Get(context.Background(), ask[:]...); err != nil {
					b.Error(err)
				}
			})
		})
	}
}
