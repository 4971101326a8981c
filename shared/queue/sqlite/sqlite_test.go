package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/datafile"
	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/queue/queuetest"
	"rapport/shared/queue/sqlite"
)

var lanes = []queue.Lane{"one", "two"}

func open(t testing.TB, path string, o sqlite.Options) (*sqlite.Queue, func()) {
	t.Helper()
	f, err := datafile.Open(path, datafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shut := sync.OnceFunc(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(shut)
	if o.Lanes == nil {
		o.Lanes = lanes
	}
	q, err := sqlite.New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return q, shut
}

func TestSuite(t *testing.T) {
	queuetest.Run(t, queuetest.Harness{Lanes: lanes, New: func(t testing.TB) queuetest.Driver {
		q, _ := open(t, filepath.Join(t.TempDir(), "data.db"), sqlite.Options{Backoff: 2 * time.Millisecond})
		return q
	}})
}

func TestSuiteWithLinger(t *testing.T) {
	queuetest.Run(t, queuetest.Harness{Lanes: lanes, New: func(t testing.TB) queuetest.Driver {
		q, _ := open(t, filepath.Join(t.TempDir(), "data.db"), sqlite.Options{Backoff: 2 * time.Millisecond,
			Linger: func(queue.Lane) time.Duration { return 5 * time.Millisecond }})
		return q
	}})
}

func send(t testing.TB, q queue.Queue, messages ...queue.Message) {
	t.Helper()
	for _, err := range q.Send(context.Background(), messages...) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// consume works on lane one until n messages were handed out.
func consume(t testing.TB, q *sqlite.Queue, size, n int, answer func(queue.Message) error) [][]queue.Message {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	var got [][]queue.Message
	seen := 0
	if err := q.Consume(ctx, "one", size, func(_ context.Context, batch []queue.Message) []error {
		got = append(got, slices.Clone(batch))
		errs := make([]error, len(batch))
		for k, m := range batch {
			errs[k] = answer(m)
		}
		if seen += len(batch); seen >= n {
			stop()
		}
		return errs
	}); err != nil {
		t.Fatal(err)
	}
	if seen != n {
		t.Fatalf("%d messages were handed out, want %d", seen, n)
	}
	return got
}

func done(queue.Message) error { return nil }

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	q, shut := open(t, path, sqlite.Options{})
	for k := range 5 {
		send(t, q.Urgent(), queue.Message{Lane: "one", Group: "g", Body: fmt.Append(nil, k)})
	}
	consume(t, q, 1, 2, func(m queue.Message) error {
		if string(m.Body) == "1" {
			return fault.Wait(fault.RateLimited, time.Hour, "later")
		}
		return nil
	})
	shut()
	q, _ = open(t, path, sqlite.Options{})
	got := consume(t, q, 10, 4, done)
	if len(got) != 1 {
		t.Fatalf("%d batches, want one: a proper end makes nobody a suspect", len(got))
	}
	for k, m := range got[0] {
		if string(m.Body) != fmt.Sprint(k+1) || m.Group != "g" || m.Receives < 2 {
			t.Errorf("message %d is %q of group %q at receive %d", k, m.Body, m.Group, m.Receives)
		}
	}
}

// TestLinger: a batch waits to fill up, but a full one does not wait.
func TestLinger(t *testing.T) {
	q, _ := open(t, filepath.Join(t.TempDir(), "data.db"), sqlite.Options{Linger: func(l queue.Lane) time.Duration {
		return map[queue.Lane]time.Duration{"one": time.Hour}[l]
	}})
	go func() {
		for k := range 10 {
			send(t, q, queue.Message{Lane: "one", Body: fmt.Append(nil, k)})
		}
	}()
	if got := consume(t, q, 10, 10, done); len(got) != 1 {
		t.Fatalf("%d batches, want one", len(got))
	}
}

// TestBodiesAreNotKept: more waits than memory may hold, and all of it comes.
func TestBodiesAreNotKept(t *testing.T) {
	q, _ := open(t, filepath.Join(t.TempDir(), "data.db"), sqlite.Options{})
	var sent []queue.Message
	for k := range 40 {
		sent = append(sent, queue.Message{Lane: "one", Body: []byte(strings.Repeat(fmt.Sprintf("%02d", k), 250_000))})
	}
	send(t, q, sent...)
	next := 0
	for _, batch := range consume(t, q, 100, 40, done) {
		if len(batch) > 20 {
			t.Errorf("a batch of %d bodies of half a megabyte", len(batch))
		}
		for _, m := range batch {
			if string(m.Body) != string(sent[next].Body) {
				t.Fatalf("message %d begins with %.2q", next, m.Body)
			}
			next++
		}
	}
}

func TestBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	q, _ := open(t, path, sqlite.Options{})
	send(t, q, queue.Message{Lane: "one", Body: []byte("a")}, queue.Message{Lane: "two"})
	consume(t, q, 1, 1, func(queue.Message) error { return fault.New(fault.Invalid, "no") })
	f, err := datafile.Open(path, datafile.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	beside, err := sqlite.New(f, sqlite.Options{Lanes: lanes})
	if err != nil {
		t.Fatal(err)
	}
	depth, err := beside.Depth(context.Background())
	if err != nil || depth[0].Dead != 1 || depth[0].Waiting != 0 || depth[1].Waiting != 1 {
		t.Fatalf("depth beside: %+v, %v", depth, err)
	}
	if err := beside.Send(context.Background(), queue.Message{Lane: "one"})[0]; err == nil {
		t.Fatal("beside, a send was accepted")
	}
	if err := beside.Consume(context.Background(), "one", 1, nil); err == nil {
		t.Fatal("beside, consume was accepted")
	}
	if _, err := os.Stat(path + "-flight"); err != nil {
		t.Fatal(err)
	}
}
