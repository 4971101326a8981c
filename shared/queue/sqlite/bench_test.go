//go:build unix

package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rapport/shared/datafile"
	"rapport/shared/queue"
	"rapport/shared/queue/sqlite"
	"rapport/shared/store"
	items "rapport/shared/store/sqlite"
)

// cpu gives the processor time that the process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// senders runs f for 0 … n−1 with so many callers at once.
func senders(callers, n int, f func(k int)) {
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
}

func report(b *testing.B, before time.Duration) {
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// quantiles reports how long callers waited.
func quantiles(b *testing.B, waits []time.Duration) {
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkSend: 64 callers send a body of 1500 bytes each, as webhooks do.
func BenchmarkSend(b *testing.B) {
	q, _ := open(b, filepath.Join(b.TempDir(), "data.db"), sqlite.Options{})
	body := bytes.Repeat([]byte("x"), 1500)
	waits := make([]time.Duration, b.N)
	b.ResetTimer()
	before := cpu()
	senders(64, b.N, func(k int) {
		began := time.Now()
		if err := q.Urgent().Send(context.Background(), queue.Message{Lane: "one", Body: body})[0]; err != nil {
			b.Error(err)
		}
		waits[k] = time.Since(began)
	})
	report(b, before)
	quantiles(b, waits)
}

// BenchmarkConsume hands out, a hundred at a time, what lies in the file.
func BenchmarkConsume(b *testing.B) {
	path := filepath.Join(b.TempDir(), "data.db")
	q, shut := open(b, path, sqlite.Options{})
	list := make([]queue.Message, b.N)
	for k := range list {
		list[k] = queue.Message{Lane: "one", Body: bytes.Repeat([]byte("x"), 1500)}
	}
	send(b, q, list...)
	shut()
	q, _ = open(b, path, sqlite.Options{})
	ctx, stop := context.WithCancel(context.Background())
	left := b.N
	b.ResetTimer()
	before := cpu()
	_ = q.Consume(ctx, "one", 100, func(_ context.Context, batch []queue.Message) []error {
		if left -= len(batch); left == 0 {
			stop()
		}
		return make([]error, len(batch))
	})
	report(b, before)
}

// BenchmarkMention does with queues and store what one mention costs, in the sizes that are usual: an urgent send; a
// worker that takes batches, reads three items, writes four and sends a delivery; a second worker that takes that.
func BenchmarkMention(b *testing.B) {
	for _, rows := range []int{0, 250_000} {
		for _, rate := range []int{0, 100} { // 0 = as fast as 64 callers can, else a second
			if rate > 0 && rows > 0 {
				continue
			}
			b.Run(fmt.Sprintf("%d mentions there/rate %d", rows, rate), func(b *testing.B) { mentions(b, rows, rate) })
		}
	}
}

func mentions(b *testing.B, rows, rate int) {
	ctx, stop := context.WithCancel(context.Background())
	f, err := datafile.Open(filepath.Join(b.TempDir(), "data.db"), datafile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	q, err := sqlite.New(f, sqlite.Options{Lanes: lanes, Linger: func(l queue.Lane) time.Duration {
		return map[queue.Lane]time.Duration{"two": 20 * time.Millisecond}[l]
	}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := items.New(f, items.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for k := 0; k < rows; k += 250 {
		var batch []store.Item
		for i := range 250 {
			batch = append(batch, rowsOf(k+i)...)
		}
		s.Put(ctx, batch...)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var workers sync.WaitGroup
	workers.Go(func() { q.Consume(ctx, "one", 100, enrich(q, s, rows)) })
	workers.Go(func() {
		q.Consume(ctx, "two", 100, func(_ context.Context, batch []queue.Message) []error {
			if left.Add(-int64(len(batch))) == 0 {
				stop()
			}
			return make([]error, len(batch))
		})
	})
	body := bytes.Repeat([]byte("x"), 1500)
	waits := make([]time.Duration, b.N)
	b.ResetTimer()
	before, began := cpu(), time.Now()
	senders(64, b.N, func(k int) {
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(k) * time.Second / time.Duration(rate))))
		}
		sent := time.Now()
		if err := q.Urgent().Send(ctx, queue.Message{Lane: "one", Body: body})[0]; err != nil {
			b.Error(err)
		}
		waits[k] = time.Since(sent)
	})
	workers.Wait()
	report(b, before)
	quantiles(b, waits)
}

// rowsOf makes the four rows of mention k: two keyed in order, two at random.
func rowsOf(k int) []store.Item {
	return []store.Item{
		{Part: fmt.Sprintf("mention#mastodon:%016d", k), Sort: "-", Data: bytes.Repeat([]byte("m"), 1500)},
		{Part: fmt.Sprintf("line#nordlicht#%08d#3", k/1000), Sort: fmt.Sprintf("%016d", k), Data: bytes.Repeat([]byte("l"), 400)},
		{Part: fmt.Sprintf("author#mastodon:%016x", rand.Uint64()), Sort: "-", Data: bytes.Repeat([]byte("a"), 500)},
		{Part: fmt.Sprintf("conversation#%016x", rand.Uint64()), Sort: "current", Data: bytes.Repeat([]byte("c"), 800)},
	}
}

func enrich(q *sqlite.Queue, s *items.Store, from int) queue.Handler {
	return func(ctx context.Context, batch []queue.Message) []error {
		ctx = context.WithoutCancel(ctx)
		var rows []store.Item
		var keys []store.Key
		var out []queue.Message
		for range batch {
			four := rowsOf(from)
			from++
			rows = append(rows, four...)
			keys = append(keys, four[0].Key(), four[2].Key(), four[3].Key())
			out = append(out, queue.Message{Lane: "two", Group: "crm", Body: bytes.Repeat([]byte("d"), 300)})
		}
		for len(keys) > 0 {
			n := min(len(keys), store.MaxGet)
			if _, err := s.Get(ctx, keys[:n]...); err != nil {
				panic(err)
			}
			keys = keys[n:]
		}
		for _, r := range s.Put(ctx, rows...) {
			if r.Err != nil {
				panic(r.Err)
			}
		}
		return q.Send(ctx, out...)
	}
}
