package sqs

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

const (
	maxHide    = 11 * time.Hour // the service hides a message for twelve hours at most, counted from its receipt
	settling   = 10 * time.Second
	firstPause = time.Second // after a failed receive, doubling up to the last
	lastPause  = 30 * time.Second
	maxSuspect = 10_000 // suspects remembered; more than that and all are forgotten
)

// received is a message as it came, with what is needed to answer the service.
type received struct {
	queue.Message
	text    string // the encoded body
	group   string // the encoded group
	receipt string
	sent    time.Time
	labels  map[string]attribute
	bad     error // why the body cannot be read
}

// Consume hands out messages of a lane. A batch whose handler panics or leaves answers out comes again one by one, so
// that one bad message does not condemn its neighbours; so do messages that a process died over. It returns an error
// before ctx ends when the queue is missing or forbidden. It may take Options.Wait to end: a request for messages that
// is cut off would hide what it was about to bring. The queues themselves must not wait (ReceiveMessageWaitTimeSeconds 0).
func (q *Queue) Consume(ctx context.Context, name queue.Lane, size int, h queue.Handler) error {
	l, err := q.lane(name)
	if err != nil {
		return err
	}
	pause := firstPause
	for ctx.Err() == nil {
		batch, err := q.receive(context.WithoutCancel(ctx), l, l.queue, max(size, 1), l.visibility, q.wait)
		switch {
		case err != nil && permanent(err):
			return classify(err, "receive from "+l.queue)
		case err != nil:
			if !sleep(ctx, pause) {
				return nil
			}
			pause = min(2*pause, lastPause)
			continue
		}
		pause = firstPause
		for _, part := range q.parts(batch) {
			if ctx.Err() != nil {
				q.release(ctx, l.queue, part)
				continue
			}
			q.work(ctx, l, part, h)
		}
	}
	return nil
}

// sleep waits; false when ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// receive asks for up to size messages: it waits for the first ones and takes what else is there.
func (q *Queue) receive(ctx context.Context, l lane, from string, size int, hide time.Duration, wait int32) ([]received, error) {
	url, err := q.url(ctx, from)
	if err != nil {
		return nil, err
	}
	var all []received
	for len(all) < size {
		n := min(size-len(all), perCall)
		var out receiveOut
		err := q.call(ctx, "ReceiveMessage", receiveIn{QueueURL: url, MaxNumberOfMessages: n, WaitTimeSeconds: wait, VisibilityTimeout: seconds(hide),
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []string{receiveCount, messageGroup, sentTimestamp}}, &out)
		if err != nil && len(all) == 0 {
			return nil, err
		}
		if err != nil || len(out.Messages) == 0 {
			return all, nil
		}
		for _, m := range out.Messages {
			all = append(all, open(l, m))
		}
		wait = 0
	}
	return all, nil
}

// open reads a message.
func open(l lane, m message) received {
	r := received{text: m.Body, receipt: m.ReceiptHandle, labels: m.MessageAttributes, group: m.Attributes[messageGroup]}
	count, _ := strconv.Atoi(m.Attributes[receiveCount])
	millis, _ := strconv.ParseInt(m.Attributes[sentTimestamp], 10, 64)
	r.sent = time.UnixMilli(millis).UTC()
	r.Message = queue.Message{ID: m.MessageID, Lane: l.name, Group: Group(r.group), Receives: max(count, 1)}
	r.Body, r.bad = Decode(r.text)
	return r
}

// parts cuts a batch: suspects alone, the others together. What was handed out often may be what kills the process.
func (q *Queue) parts(batch []received) [][]received {
	q.mu.Lock()
	defer q.mu.Unlock()
	var together []received
	var parts [][]received
	for _, r := range batch {
		if q.suspects[r.ID] || r.Receives > queue.MaxReceives/2 {
			parts = append(parts, []received{r})
		} else {
			together = append(together, r)
		}
	}
	if len(together) > 0 {
		parts = append([][]received{together}, parts...)
	}
	return parts
}

// work hands a part to the handler and settles what it answers.
func (q *Queue) work(ctx context.Context, l lane, part []received, h queue.Handler) {
	var messages []queue.Message
	var readable, unreadable []received
	for _, r := range part {
		if r.bad != nil {
			unreadable = append(unreadable, r)
			continue
		}
		readable, messages = append(readable, r), append(messages, r.Message)
	}
	ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	for _, r := range unreadable {
		q.killAll(ended, l, []received{r}, []error{r.bad})
	}
	if len(messages) == 0 {
		return
	}
	errs, whole := call(ctx, h, messages)
	q.suspect(readable, whole != nil)
	if whole != nil {
		errs = make([]error, len(messages))
		for i := range errs {
			errs[i] = whole
		}
	}
	ended, cancel = context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	q.settle(ended, l, readable, errs)
}

// call runs the handler; whole is an error of the batch as such.
func call(ctx context.Context, h queue.Handler, messages []queue.Message) (errs []error, whole error) {
	defer func() {
		if p := recover(); p != nil {
			whole = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	if errs = h(ctx, messages); len(errs) != len(messages) {
		return nil, fmt.Errorf("the handler gave %d answers to %d messages", len(errs), len(messages))
	}
	return errs, nil
}

// suspect remembers or forgets the messages of a batch.
func (q *Queue) suspect(batch []received, guilty bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.suspects) > maxSuspect {
		clear(q.suspects)
	}
	for _, r := range batch {
		if guilty {
			q.suspects[r.ID] = true
		} else {
			delete(q.suspects, r.ID)
		}
	}
}

// settle removes, buries or postpones messages. What the service does not take comes again by itself.
func (q *Queue) settle(ctx context.Context, l lane, batch []received, errs []error) {
	var done, dead, later []received
	var reasons []error
	var waits []int32
	for i, r := range batch {
		err := errs[i]
		switch {
		case err == nil:
			done = append(done, r)
		case fault.Is(err, fault.Invalid), r.Receives >= queue.MaxReceives:
			dead, reasons = append(dead, r), append(reasons, err)
		case fault.After(err) > 0:
			later, waits = append(later, r), append(waits, seconds(min(fault.After(err), maxHide)))
		}
	}
	q.remove(ctx, l.queue, done)
	q.killAll(ctx, l, dead, reasons)
	q.hide(ctx, l.queue, later, waits)
}

// killAll moves messages to the dead letters: first a copy, then the message goes.
func (q *Queue) killAll(ctx context.Context, l lane, batch []received, reasons []error) {
	var buried []received
	for i, r := range batch {
		if q.kill(ctx, l, r, reasons[i]) == nil {
			buried = append(buried, r)
		}
	}
	q.remove(ctx, l.queue, buried)
}

// kill puts a copy of a message among the dead letters.
func (q *Queue) kill(ctx context.Context, l lane, r received, reason error) error {
	e := envelope{lane: l, entry: entry{MessageBody: r.text}}
	if r.group != "" {
		e.entry.MessageGroupId = r.group
	}
	return q.bury(ctx, e, r.Message, reason.Error())
}

// remove deletes messages and says how many are gone.
func (q *Queue) remove(ctx context.Context, name string, batch []received) (gone int) {
	for len(batch) > 0 {
		n := min(len(batch), perCall)
		entries := make([]handle, n)
		for i, r := range batch[:n] {
			entries[i] = handle{ID: strconv.Itoa(i), ReceiptHandle: r.receipt}
		}
		if url, err := q.url(ctx, name); err == nil {
			var out batchOut
			if q.call(ctx, "DeleteMessageBatch", batchIn{url, entries}, &out) == nil {
				gone += len(out.Successful)
			}
		}
		batch = batch[n:]
	}
	return gone
}

// release lets others have messages at once.
func (q *Queue) release(ctx context.Context, name string, batch []received) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	q.hide(ctx, name, batch, make([]int32, len(batch)))
}

// hide lets messages come again after some seconds.
func (q *Queue) hide(ctx context.Context, name string, batch []received, waits []int32) {
	for len(batch) > 0 {
		n := min(len(batch), perCall)
		entries := make([]handle, n)
		for i, r := range batch[:n] {
			entries[i] = handle{ID: strconv.Itoa(i), ReceiptHandle: r.receipt, VisibilityTimeout: &waits[i]}
		}
		if url, err := q.url(ctx, name); err == nil {
			_ = q.call(ctx, "ChangeMessageVisibilityBatch", batchIn{url, entries}, nil)
		}
		batch, waits = batch[n:], waits[n:]
	}
}
