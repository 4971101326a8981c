package sqs

import (
	"context"
	"strconv"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

// Record is a message as the service hands it to a function:
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type Record struct {
	ID         string            `json:"messageId"`
	Receipt    string            `json:"receiptHandle"`
	Body       string            `json:"body"`
	Attributes map[string]string `json:"attributes"`
	ARN        string            `json:"eventSourceARN"`
}

// Handle lets a handler work on a batch that woke a function, and gives the IDs of the messages that must come again; the
// service removes the others by itself. What will never pass, and what failed for the last time, is moved to the dead
// letters with its reason; what has a time of its own comes again then. Messages that were handed out often, or in a
// batch whose handler panicked, are worked on alone. What ctx leaves no time for comes again. wrong is the first error.
func (q *Queue) Handle(ctx context.Context, name queue.Lane, records []Record, h queue.Handler) (again []string, wrong error) {
	l, err := q.lane(name)
	if err != nil {
		for _, r := range records {
			again = append(again, r.ID)
		}
		return again, err
	}
	batch := make([]received, len(records))
	for i, r := range records {
		batch[i] = arrived(l, r)
	}
	for _, part := range q.parts(batch) {
		errs := q.answers(ctx, part, h)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
		var later []received
		var waits []int32
		for i, r := range part {
			if errs[i] == nil {
				continue
			}
			if wrong == nil {
				wrong = errs[i]
			}
			final := fault.Is(errs[i], fault.Invalid) || r.Receives >= queue.MaxReceives
			if final && q.kill(end, l, r, errs[i]) == nil {
				continue
			}
			again = append(again, r.ID)
			if wait := fault.After(errs[i]); wait > 0 {
				later, waits = append(later, r), append(waits, seconds(min(wait, maxHide)))
			}
		}
		q.hide(end, l.queue, later, waits)
		cancel()
	}
	return again, wrong
}

// answers runs the handler over a part; the answer has the part's length and order.
func (q *Queue) answers(ctx context.Context, part []received, h queue.Handler) []error {
	errs := make([]error, len(part))
	var messages []queue.Message
	var at []int
	for i, r := range part {
		if errs[i] = r.bad; r.bad == nil {
			messages, at = append(messages, r.Message), append(at, i)
		}
	}
	if len(messages) == 0 {
		return errs
	}
	var got []error
	whole := ctx.Err()
	if whole == nil {
		got, whole = call(ctx, h, messages)
		readable := make([]received, len(at))
		for k, i := range at {
			readable[k] = part[i]
		}
		q.suspect(readable, whole != nil)
	}
	for k, i := range at {
		if errs[i] = whole; whole == nil {
			errs[i] = got[k]
		}
	}
	return errs
}

// arrived reads a message that woke a function.
func arrived(l lane, m Record) received {
	r := received{text: m.Body, receipt: m.Receipt, group: m.Attributes["MessageGroupId"]}
	count, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
	millis, _ := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
	r.sent = time.UnixMilli(millis).UTC()
	r.Message = queue.Message{ID: m.ID, Lane: l.name, Group: Group(r.group), Receives: max(count, 1)}
	r.Body, r.bad = Decode(r.text)
	return r
}
