package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"rapport/shared/datafile"
	"rapport/shared/fault"
	"rapport/shared/queue"
)

// claim is a message in hand.
type claim struct {
	group string
	entry
	suspect bool
}

// verdict is what becomes of a claim.
type verdict struct {
	claim
	dead     string        // the reason, if it is dead
	again    time.Duration // wait until it comes again, if it is neither done nor dead
	receives int
}

// Consume implements queue.Consumer.
func (q *Queue) Consume(ctx context.Context, lane queue.Lane, size int, h queue.Handler) error {
	l := q.lane(lane)
	switch {
	case l == nil || size < 1:
		return fault.New(fault.Invalid, "sqlite queue: consume of lane %q in batches of %d: name a lane and a size", lane, size)
	case q.flight == nil:
		return fault.New(fault.Invalid, "sqlite queue: the data file is open for reading only: another process works on it")
	}
	linger := time.Duration(0)
	if q.options.Linger != nil {
		linger = q.options.Linger(lane)
	}
	q.mu.Lock()
	if l.want == 0 || size < l.want {
		l.want = size
	}
	q.mu.Unlock()
	w := &worker{q: q, l: l, slot: q.flight.slot(), settled: make(chan struct{}, mostSettling)}
	for range mostSettling {
		w.settled <- struct{}{}
	}
	defer w.end()
	defer l.rouse() // a wake-up may have been for somebody else
	for ctx.Err() == nil {
		batch, wait := q.claim(l, size, linger)
		if batch == nil {
			queue.Await(ctx, l.wake, wait)
			continue
		}
		if err := w.work(ctx, batch, h); err != nil {
			return err
		}
	}
	return nil
}

// mostSettling is how many batches of one consumer may be on their way out of the file.
const mostSettling = 64

// worker is one call of Consume.
type worker struct {
	q       *Queue
	l       *lane
	slot    *slot
	settled chan struct{} // holds a token for each batch that may still be settled
}

// end waits until everything is settled.
func (w *worker) end() {
	for range mostSettling {
		<-w.settled
	}
	w.slot.leave()
}

// work hands a batch out and settles it. The settlement goes on while the next batches are worked on. An error says that the
// file is closed.
func (w *worker) work(ctx context.Context, batch []claim, h queue.Handler) error {
	q, l := w.q, w.l
	messages, batch, err := q.bodies(l, batch)
	if errors.Is(err, datafile.ErrClosed) {
		q.release(l, batch, 0)
		return fmt.Errorf("sqlite queue: consume: %w", err)
	}
	if err != nil || len(batch) == 0 {
		q.release(l, batch, q.options.Backoff) // the disk may come back
		return nil
	}
	ids := make([]int64, len(batch))
	for k := range batch {
		ids[k] = batch[k].id
	}
	if err := w.slot.note(ids); err != nil {
		q.release(l, batch, q.options.Backoff)
		return nil
	}
	errs, whole := queue.Call(func() []error { return h(ctx, messages) }, len(messages))
	_ = w.slot.note(nil) // at worst they are suspects for nothing
	verdicts := q.judge(batch, errs, whole)
	<-w.settled
	q.settle(l, verdicts, func() { w.settled <- struct{}{} })
	return nil
}

// claim takes a batch; if there is none it says how long to wait, 0 = until woken.
func (q *Queue) claim(l *lane, size int, linger time.Duration) ([]claim, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	if len(l.suspects) > 0 && !q.suspecting {
		s := l.suspects[0]
		l.suspects = l.suspects[1:]
		q.suspecting = true
		l.held++
		return []claim{{s.group, s.entry, true}}, 0
	}
	ok, at := l.line.Due(now, size, linger)
	if !ok {
		if at.IsZero() {
			return nil, 0
		}
		return nil, max(at.Sub(now), time.Microsecond)
	}
	batch := make([]claim, 0, min(size, l.line.Ready()))
	for len(batch) < size {
		group, e, ok := l.line.Pop()
		if !ok {
			break
		}
		alone := e.past != nil && e.alone
		if alone && len(batch) > 0 {
			l.line.Back(group, e, now)
			break
		}
		batch = append(batch, claim{group: group, entry: e})
		if alone {
			break
		}
	}
	l.held += len(batch)
	l.line.Taken(now)
	if l.line.Ready() > 0 {
		l.rouse()
	}
	return batch, 0
}

// bodies makes the messages of a batch. What would make it too large is given back; what is no more in the file is
// dropped.
func (q *Queue) bodies(l *lane, batch []claim) ([]queue.Message, []claim, error) {
	messages := make([]queue.Message, len(batch))
	missing, size := 0, 0
	q.mu.Lock()
	for k, c := range batch {
		m := &messages[k]
		*m = queue.Message{ID: name(c.id), Lane: l.name, Group: c.group, Receives: 1}
		if c.past != nil {
			m.Receives += c.receives
		}
		body, ok := q.kept[c.id]
		if !ok {
			missing++
			continue
		}
		m.Body = body
		size += len(body)
		q.keptBytes -= len(body)
		delete(q.kept, c.id)
	}
	q.mu.Unlock()
	if missing == 0 {
		return messages, batch, nil
	}
	full := len(batch)
	gone := make([]bool, len(batch))
	err := q.file.Read(context.Background(), func(c *sqlite.Conn) error {
		for k := range batch {
			if messages[k].Body != nil {
				continue
			}
			if size > mostBatch {
				full = min(full, k)
				break
			}
			body, ok, err := readBody(c, batch[k].id)
			if err != nil {
				return err
			}
			messages[k].Body, gone[k] = body, !ok
			size += len(body)
		}
		return nil
	})
	if err != nil {
		return nil, batch, err
	}
	q.release(l, batch[full:], 0)
	for k := full - 1; k >= 0; k-- {
		if gone[k] {
			q.drop(l, batch[k])
			batch, messages = slices.Delete(batch, k, k+1), slices.Delete(messages, k, k+1)
			full--
		}
	}
	return messages[:full], batch[:full], nil
}

// readBody reads one body; never nil if there is one.
func readBody(c *sqlite.Conn, id int64) (body []byte, ok bool, err error) {
	stmt, err := c.Prepare(selectBody)
	if err != nil {
		return nil, false, err
	}
	defer stmt.Reset()
	stmt.BindInt64(1, id)
	row, err := stmt.Step()
	if err != nil || !row {
		return nil, false, err
	}
	body = make([]byte, stmt.ColumnLen(0))
	stmt.ColumnBytes(0, body)
	return body, true, nil
}

// release gives claims back that were not worked on, at once or later.
func (q *Queue) release(l *lane, batch []claim, wait time.Duration) {
	if len(batch) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	for _, c := range slices.Backward(batch) {
		l.held--
		if c.suspect {
			q.cleared()
		}
		switch {
		case wait > 0:
			l.line.Later(now.Add(wait), c.group, c.entry)
		case c.suspect:
			l.suspects = append(l.suspects, suspect{c.group, c.entry})
		default:
			l.line.Back(c.group, c.entry, now)
		}
	}
	l.rouse()
}

// drop forgets a claim whose message is no more.
func (q *Queue) drop(l *lane, c claim) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.held--
	if c.suspect {
		q.cleared()
	}
}

// cleared says that no suspect is in hand, to everybody who has one waiting.
func (q *Queue) cleared() {
	q.suspecting = false
	for _, l := range q.lanes {
		if len(l.suspects) > 0 {
			l.rouse()
		}
	}
}

// judge turns a handler's answer into verdicts.
func (q *Queue) judge(batch []claim, errs []error, whole error) []verdict {
	out := make([]verdict, len(batch))
	for k, c := range batch {
		v := verdict{claim: c, receives: 1}
		if c.past != nil {
			v.receives += c.receives
		}
		err := errs[k]
		switch {
		case err == nil:
		case fault.Is(err, fault.Invalid), v.receives >= queue.MaxReceives:
			if v.dead = err.Error(); v.dead == "" {
				v.dead = fault.Of(err).String()
			}
		default:
			if v.again = fault.After(err); v.again <= 0 {
				v.again = queue.Backoff(q.options.Backoff, v.receives)
			}
			v.past = &past{receives: v.receives, alone: whole != nil || c.past != nil && c.alone}
		}
		out[k] = v
	}
	return out
}

// settle makes verdicts true: in memory at once for what comes again, in the file for what is done or dead. then is
// called when that is durable; if the file refuses, the messages come again.
func (q *Queue) settle(l *lane, verdicts []verdict, then func()) {
	q.mu.Lock()
	now := q.options.Now()
	over := verdicts[:0:0]
	for _, v := range verdicts {
		if v.suspect {
			q.cleared()
		}
		if v.again > 0 {
			l.held--
			l.line.Later(now.Add(v.again), v.group, v.entry)
			l.rouse()
			continue
		}
		over = append(over, v)
	}
	q.mu.Unlock()
	if len(over) == 0 {
		then()
		return
	}
	// Lazily: until then the messages are held, and one that comes twice after a crash does no harm.
	q.file.Begin(context.Background(), datafile.Lazy, func(c *sqlite.Conn) error {
		for k := range over {
			if err := end(c, &over[k], now); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		q.ended(l, over, err)
		then()
	})
}

// end removes a message that is done, or moves it to the dead letters.
func end(c *sqlite.Conn, v *verdict, now time.Time) error {
	if v.dead != "" {
		stmt, err := c.Prepare(insertDead)
		if err != nil {
			return err
		}
		stmt.BindInt64(1, v.id)
		stmt.BindInt64(2, int64(v.receives))
		stmt.BindText(3, v.dead)
		stmt.BindInt64(4, now.UnixMilli())
		if err := step(stmt); err != nil {
			return err
		}
	}
	stmt, err := c.Prepare(deleteMessage)
	if err != nil {
		return err
	}
	stmt.BindInt64(1, v.id)
	return step(stmt)
}

// ended counts what is gone from the lane; what could not be removed comes again.
func (q *Queue) ended(l *lane, over []verdict, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.held -= len(over)
	now := q.options.Now()
	for _, v := range over {
		switch {
		case err != nil:
			v.past = &past{receives: min(v.receives, queue.MaxReceives-1)}
			l.line.Later(now.Add(q.options.Backoff), v.group, v.entry)
			l.rouse()
		case v.dead != "":
			l.dead++
		}
	}
}
