// Package memory queues messages in memory: for tests, the simulation and the demo.
//
// Nothing in it depends on chance or on the order of a map. Besides Consume it can be worked by hand: Receive claims
// messages, Settle says what became of each, NextDue says to when a simulation may turn its clock.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/topology"
)

var (
	_ queue.Queue    = (*Queue)(nil)
	_ queue.Consumer = (*Queue)(nil)
	_ queue.Admin    = (*Queue)(nil)
)

// Options of New.
type Options struct {
	Lanes      []queue.Lane                        // nil = those of package topology
	Now        func() time.Time                    // nil = time.Now
	NewID      func() string                       // ids of messages; nil = 1, 2, 3 …
	Visibility time.Duration                       // after so long a received message that nobody settled is visible again; 0 = 6 minutes
	Backoff    time.Duration                       // wait after a first plain error, then twice as long each time; 0 = 1 s
	Linger     func(lane queue.Lane) time.Duration // how long Consume lets a batch fill up; nil = not at all
}

// Queue holds messages in memory. All methods are safe for concurrent use.
type Queue struct {
	options Options
	mu      sync.Mutex
	last    int64
	lanes   []*lane // in the order of Options.Lanes
}

type lane struct {
	name   queue.Lane
	line   queue.Line[*message]
	claims []*claim // received and not settled, the oldest first
	held   int      // claimed by Consume
	dead   []queue.Dead
	wake   chan struct{}
}

type message struct {
	queue.Message
	sent  time.Time
	alone bool // a batch failed as a whole with it: handed out by itself
}

type claim struct {
	*message
	until time.Time
}

// New makes empty queues.
func New(o Options) *Queue {
	if o.Lanes == nil {
		for _, l := range topology.Queues() {
			o.Lanes = append(o.Lanes, queue.Lane(l.Name))
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Visibility == 0 {
		o.Visibility = 6 * time.Minute
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	q := &Queue{options: o}
	for _, name := range o.Lanes {
		q.lanes = append(q.lanes, &lane{name: name, wake: make(chan struct{}, 1)})
	}
	return q
}

// Send implements queue.Queue.
func (q *Queue) Send(ctx context.Context, messages ...queue.Message) []error {
	errs := make([]error, len(messages))
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	for k, m := range messages {
		if errs[k] = m.Check(q.options.Lanes); errs[k] != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			errs[k] = fmt.Errorf("memory queue: send: %w", err)
			continue
		}
		m.Body = bytes.Clone(m.Body)
		q.add(m, now)
	}
	return errs
}

// add queues a message under a new id.
func (q *Queue) add(m queue.Message, now time.Time) {
	q.last++
	m.ID, m.Receives = strconv.FormatInt(q.last, 10), 0
	if q.options.NewID != nil {
		m.ID = q.options.NewID()
	}
	l := q.lane(m.Lane)
	if m.Delay > 0 {
		l.line.Later(now.Add(m.Delay), m.Group, &message{Message: m, sent: now})
	} else {
		l.line.Push(m.Group, &message{Message: m, sent: now}, now)
	}
	l.rouse()
}

// lane finds a lane; nil = there is none.
func (q *Queue) lane(name queue.Lane) *lane {
	if at := slices.Index(q.options.Lanes, name); at >= 0 {
		return q.lanes[at]
	}
	return nil
}

// rouse wakes one consumer that waits.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Receive claims up to most messages of a lane that are visible now. Each comes back by itself after
// Options.Visibility unless Settle is called for it.
func (q *Queue) Receive(name queue.Lane, most int) []queue.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(name)
	if l == nil {
		return nil
	}
	now := q.options.Now()
	l.release(now)
	if ok, _ := l.line.Due(now, most, 0); !ok {
		return nil
	}
	var out []queue.Message
	for _, m := range l.take(most) {
		l.claims = append(l.claims, &claim{m, now.Add(q.options.Visibility)})
		out = append(out, m.hand())
	}
	return out
}

// take pops a batch: a suspect by itself, others together.
func (l *lane) take(most int) []*message {
	var batch []*message
	for len(batch) < most {
		_, m, ok := l.line.Pop()
		if !ok {
			break
		}
		if m.alone && len(batch) > 0 {
			l.line.Back(m.Group, m, m.sent)
			break
		}
		m.Receives++
		batch = append(batch, m)
		if m.alone {
			break
		}
	}
	return batch
}

// hand gives a copy that the receiver may change.
func (m *message) hand() queue.Message {
	out := m.Message
	out.Body = bytes.Clone(m.Body)
	return out
}

// release makes visible again what was received too long ago.
func (l *lane) release(now time.Time) {
	for len(l.claims) > 0 && !l.claims[0].until.After(now) {
		m := l.claims[0].message
		l.claims = l.claims[1:]
		if m.Receives >= queue.MaxReceives {
			l.bury(m, "received too often: nobody settled it", now)
		} else {
			l.line.Push(m.Group, m, now)
		}
	}
}

// Settle says what became of a received message, as a Handler's answer does. A claim that has run out is not settled any
// more: the message is on its way again.
func (q *Queue) Settle(m queue.Message, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(m.Lane)
	if l == nil {
		return
	}
	now := q.options.Now()
	l.release(now)
	at := slices.IndexFunc(l.claims, func(c *claim) bool { return c.ID == m.ID && c.Receives == m.Receives })
	if at < 0 {
		return
	}
	held := l.claims[at].message
	l.claims = slices.Delete(l.claims, at, at+1)
	q.settle(l, held, err, now)
}

// settle removes, buries or delays a message.
func (q *Queue) settle(l *lane, m *message, err error, now time.Time) {
	switch {
	case err == nil:
	case fault.Is(err, fault.Invalid), m.Receives >= queue.MaxReceives:
		l.bury(m, err.Error(), now)
	default:
		wait := fault.After(err)
		if wait <= 0 {
			wait = queue.Backoff(q.options.Backoff, m.Receives)
		}
		l.line.Later(now.Add(wait), m.Group, m)
		l.rouse()
	}
}

func (l *lane) bury(m *message, reason string, now time.Time) {
	l.dead = append(l.dead, queue.Dead{Message: m.Message, Reason: reason, At: now})
}

// NextDue gives the moment from which a message can be received: now if one can at once; false if there is none at all.
func (q *Queue) NextDue() (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	var next time.Time
	for _, l := range q.lanes {
		ok, at := l.line.Due(now, 1, 0)
		if ok {
			return now, true
		}
		if len(l.claims) > 0 && (at.IsZero() || l.claims[0].until.Before(at)) {
			at = l.claims[0].until
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero()
}

// Consume implements queue.Consumer. What it hands out stays claimed for as long as the handler works.
func (q *Queue) Consume(ctx context.Context, name queue.Lane, size int, h queue.Handler) error {
	l := q.lane(name)
	if l == nil || size < 1 {
		return fault.New(fault.Invalid, "memory queue: consume of lane %q in batches of %d: name a lane and a size", name, size)
	}
	linger := time.Duration(0)
	if q.options.Linger != nil {
		linger = q.options.Linger(name)
	}
	for ctx.Err() == nil {
		batch, wait := q.claim(l, size, linger)
		if batch == nil {
			queue.Await(ctx, l.wake, wait)
			continue
		}
		out := make([]queue.Message, len(batch))
		for k, m := range batch {
			out[k] = m.hand()
		}
		errs, whole := queue.Call(func() []error { return h(ctx, out) }, len(out))
		q.mu.Lock()
		now := q.options.Now()
		for k, m := range batch {
			m.alone = m.alone || whole != nil
			q.settle(l, m, errs[k], now)
		}
		l.held -= len(batch)
		q.mu.Unlock()
	}
	l.rouse() // the wake may have been for somebody else
	return nil
}

// claim takes a batch for Consume; if there is none it says how long to wait, 0 = until woken.
func (q *Queue) claim(l *lane, size int, linger time.Duration) ([]*message, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	l.release(now)
	ok, at := l.line.Due(now, size, linger)
	if !ok {
		if at.IsZero() {
			return nil, 0
		}
		return nil, max(at.Sub(now), time.Microsecond)
	}
	batch := l.take(size)
	l.held += len(batch)
	l.line.Taken(now)
	if l.line.Ready() > 0 {
		l.rouse()
	}
	return batch, 0
}

// Depth implements queue.Admin. What waits after an error counts as delayed.
func (q *Queue) Depth(ctx context.Context) ([]queue.Depth, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory queue: depth: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	var out []queue.Depth
	for _, l := range q.lanes {
		l.release(now)
		l.line.Due(now, 1, 0)
		d := queue.Depth{Lane: l.name, Waiting: l.line.Ready(), Held: l.held + len(l.claims), Delayed: l.line.Delayed(), Dead: len(l.dead)}
		l.line.Each(func(m *message) { d.Oldest = max(d.Oldest, now.Sub(m.sent)) })
		out = append(out, d)
	}
	return out, nil
}

// Dead implements queue.Admin.
func (q *Queue) Dead(ctx context.Context, name queue.Lane, limit int) ([]queue.Dead, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory queue: dead letters: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(name)
	if l == nil {
		return nil, fault.New(fault.Invalid, "memory queue: there is no lane %q", name)
	}
	out := slices.Clone(l.dead[:min(limit, len(l.dead))])
	for k := range out {
		out[k].Body = bytes.Clone(out[k].Body)
	}
	return out, nil
}

// Redrive implements queue.Admin. A letter that goes back gets a new id and begins anew.
func (q *Queue) Redrive(ctx context.Context, name queue.Lane, limit int, wanted func(reason string) bool) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("memory queue: redrive: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(name)
	if l == nil {
		return 0, fault.New(fault.Invalid, "memory queue: there is no lane %q", name)
	}
	n := 0
	l.dead = slices.DeleteFunc(l.dead, func(d queue.Dead) bool {
		if n >= limit || wanted != nil && !wanted(d.Reason) {
			return false
		}
		n++
		d.Message.Delay = 0
		q.add(d.Message, q.options.Now())
		return true
	})
	return n, nil
}
