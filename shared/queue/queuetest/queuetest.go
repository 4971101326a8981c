// Package queuetest is the conformance suite of package queue. Every driver runs it, on every machine.
//
// A check gets empty queues and says in an error what is wrong with them. Nothing sleeps: a check waits until what it
// expects has come, or until its patience ends. The suite itself is tested with broken queues: each must be found out.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

// Driver is what the suite judges. A service that wakes functions by itself is given a Consumer by the harness.
type Driver interface {
	queue.Queue
	queue.Consumer
	queue.Admin
}

// Harness tells the suite how to make queues and how fast they are.
type Harness struct {
	// New gives a driver whose lanes, at least Lanes, are empty. Cleaning up belongs to t.Cleanup.
	New func(t testing.TB) Driver
	// Lanes are two or more lanes that New makes.
	Lanes []queue.Lane
	// Retry is the shortest wait that the driver can keep after an error and as a delay; 0 = 20 ms. (SQS: 1 s.)
	Retry time.Duration
	// MaxBody is the largest body that fits when it does not compress; 0 = queue.MaxBody. (SQS takes no bytes, only text.)
	// What compresses must fit up to queue.MaxBody.
	MaxBody int
	// Parallel runs the checks side by side, for drivers that mostly wait. New must give queues of their own then.
	Parallel bool
	// Skip declares checks that a driver cannot meet: name → reason. The reason is logged.
	Skip map[string]string
	// Only names the one check to run; "" = all.
	Only string
	// Patience bounds one check; 0 = 20 s. A right driver never waits for it, a broken one does.
	Patience time.Duration
}

// Failure is a check that a driver does not pass.
type Failure struct {
	Check string
	Err   error
}

// Run runs every check as a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for name := range h.Skip {
		if !slices.ContainsFunc(checks, func(c check) bool { return c.name == name }) {
			t.Errorf("the harness skips %q, which is no check of the suite", name)
		}
	}
	for _, c := range h.checks() {
		t.Run(c.name, func(t *testing.T) {
			if reason, ok := h.Skip[c.name]; ok {
				t.Logf("skipped by declaration: %s", reason)
				return
			}
			if h.Parallel {
				t.Parallel()
			}
			if err := h.run(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Failures runs every check that is not skipped and gives those that fail, in order; t is only for making drivers.
func Failures(t testing.TB, h Harness) []Failure {
	t.Helper()
	var failed []Failure
	for _, c := range h.checks() {
		if _, ok := h.Skip[c.name]; ok {
			continue
		}
		if err := h.run(t, c); err != nil {
			failed = append(failed, Failure{c.name, err})
		}
	}
	return failed
}

func (h Harness) checks() []check {
	if h.Only == "" {
		return checks
	}
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return c.name != h.Only })
}

func (h Harness) run(t testing.TB, c check) error {
	if h.Patience == 0 {
		h.Patience = 20 * time.Second
	}
	if h.Retry == 0 {
		h.Retry = 20 * time.Millisecond
	}
	if h.MaxBody == 0 {
		h.MaxBody = queue.MaxBody
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.Patience)
	defer cancel()
	return c.run(ctx, bench{Driver: h.New(t), lane: h.Lanes[0], other: h.Lanes[1], retry: h.Retry, maxBody: h.MaxBody})
}

// bench is what a check works with.
type bench struct {
	Driver
	lane, other queue.Lane
	retry       time.Duration
	maxBody     int
}

type check struct {
	name string
	run  func(ctx context.Context, b bench) error
}

var checks = []check{
	{"send and consume", sendAndConsume},
	{"many in one send", manyInOneSend},
	{"lanes are apart", lanesApart},
	{"bodies", bodies},
	{"refused messages", refusedMessages},
	{"ended context", endedContext},
	{"batches", batches},
	{"delay", delay},
	{"redelivery after an error", redelivery},
	{"the error says when", errorSaysWhen},
	{"redelivery after a plain error", plainError},
	{"partial answers", partialAnswers},
	{"missing answers", missingAnswers},
	{"panic in the handler", panics},
	{"poison among good ones", poison},
	{"invalid is dead at once", invalidIsDead},
	{"dead after too many receives", deadAfterMany},
	{"redrive", redrive},
	{"redrive of some", redriveSome},
	{"depth", depth},
	{"groups", groups},
	{"workers share a lane", workersShare},
	{"consume ends with its handler", consumeEnds},
	{"send while consuming", sendWhileConsuming},
}

// send sends messages that must all be accepted.
func (b bench) send(ctx context.Context, messages ...queue.Message) error {
	errs := b.Send(ctx, messages...)
	if len(errs) != len(messages) {
		return fmt.Errorf("send of %d messages gave %d answers", len(messages), len(errs))
	}
	for k, err := range errs {
		if err != nil {
			return fmt.Errorf("send %d: %w", k, err)
		}
	}
	return nil
}

// log is what a handler saw. Safe for concurrent use.
type log struct {
	mu      sync.Mutex
	batches [][]queue.Message
	times   []time.Time
	bodies  map[string]int // body → how often
	changed chan struct{}
}

func newLog() *log { return &log{bodies: map[string]int{}, changed: make(chan struct{}, 1)} }

func (l *log) add(batch []queue.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, slices.Clone(batch))
	l.times = append(l.times, time.Now())
	for _, m := range batch {
		l.bodies[string(m.Body)]++
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// seen counts the hand-outs of a body.
func (l *log) seen(body string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bodies[body]
}

// total counts all hand-outs.
func (l *log) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, b := range l.batches {
		n += len(b)
	}
	return n
}

// all gives the hand-outs in their order.
func (l *log) all() []queue.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.batches...)
}

// consume works on a lane until the log and the lane are as wanted: until says when enough was seen, and then the lane
// must run empty. What else comes until then is in the log too, so that doubled messages show.
func (b bench) consume(ctx context.Context, lane queue.Lane, size int, l *log, answer func([]queue.Message) []error, until func() bool) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- b.Consume(inner, lane, size, func(_ context.Context, batch []queue.Message) []error {
			defer l.add(batch)
			return answer(batch)
		})
	}()
	err := b.wait(ctx, l, until)
	if err == nil {
		err = b.empty(ctx, lane)
	}
	stop()
	select {
	case ended := <-done:
		if ended != nil && err == nil {
			err = fmt.Errorf("consume ended with %w, want nil when its context ends", ended)
		}
	case <-time.After(5 * time.Second):
		err = errors.Join(err, errors.New("consume goes on five seconds after its context ended"))
	}
	return err
}

// wait waits until a condition holds, looking whenever the log has grown and now and then.
func (b bench) wait(ctx context.Context, l *log, until func() bool) error {
	tick := time.NewTicker(b.retry/4 + time.Millisecond)
	defer tick.Stop()
	for !until() {
		select {
		case <-l.changed:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain; handed out so far: %d messages, %s", l.total(), l.summary())
		}
	}
	return nil
}

func (l *log) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for body, n := range l.bodies {
		out = append(out, fmt.Sprintf("%.12q×%d", body, n))
	}
	slices.Sort(out)
	if len(out) > 12 {
		out = append(out[:12], "…")
	}
	return strings.Join(out, " ")
}

// empty waits until a lane holds nothing but dead letters.
func (b bench) empty(ctx context.Context, lane queue.Lane) error {
	return b.depthIs(ctx, lane, "an empty lane", func(d queue.Depth) bool { return d.Waiting+d.Held+d.Delayed == 0 })
}

// depthIs waits until a lane's depth is as wanted.
func (b bench) depthIs(ctx context.Context, lane queue.Lane, what string, ok func(queue.Depth) bool) error {
	tick := time.NewTicker(b.retry/4 + time.Millisecond)
	defer tick.Stop()
	for {
		depths, err := b.Depth(ctx)
		if err != nil {
			return fmt.Errorf("depth: %w", err)
		}
		at := slices.IndexFunc(depths, func(d queue.Depth) bool { return d.Lane == lane })
		if at < 0 {
			return fmt.Errorf("depth does not count the lane %s", lane)
		}
		if ok(depths[at]) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s; depth is %+v", what, depths[at])
		}
	}
}

// done answers every message with nil.
func done(batch []queue.Message) []error { return make([]error, len(batch)) }

// later is an error after which a message comes again soon.
func (b bench) later() error { return fault.Wait(fault.Transient, b.retry, "try again") }

// numbered makes n messages with the bodies prefix 0 … n−1.
func (b bench) numbered(prefix string, n int) []queue.Message {
	list := make([]queue.Message, n)
	for k := range list {
		list[k] = queue.Message{Lane: b.lane, Body: fmt.Appendf(nil, "%s %d", prefix, k)}
	}
	return list
}

// once checks that every message was handed out exactly once and nothing else was.
func (l *log) once(messages []queue.Message) error {
	for _, m := range messages {
		if n := l.seen(string(m.Body)); n != 1 {
			return fmt.Errorf("%.20q was handed out %d times, want once (all: %s)", m.Body, n, l.summary())
		}
	}
	if n := l.total(); n != len(messages) {
		return fmt.Errorf("%d messages were handed out, want %d", n, len(messages))
	}
	return nil
}

// dead gives the dead letters of a lane once there are n.
func (b bench) dead(ctx context.Context, lane queue.Lane, n int) ([]queue.Dead, error) {
	if err := b.depthIs(ctx, lane, fmt.Sprintf("%d dead letters", n), func(d queue.Depth) bool { return d.Dead == n }); err != nil {
		return nil, err
	}
	letters, err := b.Dead(ctx, lane, n+10)
	if err != nil {
		return nil, fmt.Errorf("dead: %w", err)
	}
	if len(letters) != n {
		return nil, fmt.Errorf("%d dead letters are listed, want %d", len(letters), n)
	}
	return letters, nil
}
