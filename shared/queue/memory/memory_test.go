package memory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/queue/memory"
	"rapport/shared/queue/queuetest"
)

var lanes = []queue.Lane{"one", "two"}

func TestSuite(t *testing.T) {
	queuetest.Run(t, queuetest.Harness{Lanes: lanes, New: func(testing.TB) queuetest.Driver {
		return memory.New(memory.Options{Lanes: lanes, Backoff: 2 * time.Millisecond})
	}})
}

type world struct {
	*memory.Queue
	now time.Time
}

func newWorld() *world {
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.Queue = memory.New(memory.Options{Lanes: lanes, Now: func() time.Time { return w.now }, Visibility: time.Minute})
	return w
}

func (w *world) send(t *testing.T, messages ...queue.Message) {
	t.Helper()
	for _, err := range w.Send(t.Context(), messages...) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// next turns the clock to when something is due.
func (w *world) next(t *testing.T, want time.Duration) {
	t.Helper()
	at, ok := w.NextDue()
	if !ok || at.Sub(w.now) != want {
		t.Fatalf("next is due in %v (%v), want in %v", at.Sub(w.now), ok, want)
	}
	w.now = at
}

func TestByHand(t *testing.T) {
	w := newWorld()
	if _, ok := w.NextDue(); ok {
		t.Fatal("something is due in empty queues")
	}
	w.send(t, queue.Message{Lane: "one", Body: []byte("a")}, queue.Message{Lane: "one", Body: []byte("b"), Delay: 30 * time.Second})
	w.next(t, 0)
	got := w.Receive("one", 10)
	if len(got) != 1 || got[0].ID != "1" || got[0].Receives != 1 {
		t.Fatalf("received %+v", got)
	}
	if len(w.Receive("one", 10)) != 0 || len(w.Receive("two", 10)) != 0 {
		t.Fatal("a claimed message came twice, or in another lane")
	}
	w.next(t, 30*time.Second) // b
	w.Settle(w.Receive("one", 10)[0], nil)
	w.next(t, 30*time.Second) // a: its worker is lost
	again := w.Receive("one", 10)
	if len(again) != 1 || again[0].ID != "1" || again[0].Receives != 2 {
		t.Fatalf("after the visibility timeout: %+v", again)
	}
	w.Settle(got[0], nil) // the first worker wakes up: too late
	w.Settle(again[0], fault.Wait(fault.RateLimited, 5*time.Second, "slow down"))
	w.next(t, 5*time.Second)
	for _, wait := range []time.Duration{4 * time.Second, 8 * time.Second, 16 * time.Second} {
		w.Settle(w.Receive("one", 1)[0], errors.New("broken"))
		w.next(t, wait)
	}
	w.Settle(w.Receive("one", 1)[0], errors.New("broken for good"))
	if _, ok := w.NextDue(); ok {
		t.Fatal("a dead message is due")
	}
	dead, err := w.Dead(t.Context(), "one", 5)
	if err != nil || len(dead) != 1 || dead[0].Reason != "broken for good" || dead[0].Receives != queue.MaxReceives {
		t.Fatalf("dead letters: %+v, %v", dead, err)
	}
}

// TestSame: the same calls give the same answers.
func TestSame(t *testing.T) {
	play := func() string {
		w := newWorld()
		out := ""
		for k := range 60 {
			w.send(t, queue.Message{Lane: lanes[k%2], Group: fmt.Sprint(k % 5), Body: []byte{byte(k)}, Delay: time.Duration(k%4) * time.Second})
		}
		for range 200 {
			at, ok := w.NextDue()
			if !ok {
				break
			}
			w.now = at
			for _, l := range lanes {
				for _, m := range w.Receive(l, 3) {
					out += fmt.Sprint(m.ID, "@", m.Receives, " ")
					switch {
					case m.Body[0]%7 == 3 && m.Receives == 1: // lost
					case m.Body[0]%7 == 5 && m.Receives < 3:
						w.Settle(m, errors.New("again"))
					default:
						w.Settle(m, nil)
					}
				}
			}
		}
		return out
	}
	if a, b := play(), play(); a != b {
		t.Fatalf("two runs differ:\n%s\n%s", a, b)
	}
}
