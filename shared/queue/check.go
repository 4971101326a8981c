package queue

import (
	"context"
	"slices"
	"time"

	"rapport/shared/fault"
)

// MaxDelay is the longest Delay of a message.
const MaxDelay = 15 * time.Minute

// Check tells what is wrong with a message that is to be sent: nil or fault.Invalid. Every driver asks before it sends.
func (m Message) Check(lanes []Lane) error {
	switch {
	case !slices.Contains(lanes, m.Lane):
		return fault.New(fault.Invalid, "queue: there is no lane %.80q: send to one of %q", m.Lane, lanes)
	case len(m.Body) > MaxBody:
		return fault.New(fault.Invalid, "queue: a body for lane %s has %d bytes: at most %d are allowed", m.Lane, len(m.Body), MaxBody)
	case m.Delay < 0 || m.Delay > MaxDelay:
		return fault.New(fault.Invalid, "queue: a message for lane %s has a delay of %v: at most %v are allowed", m.Lane, m.Delay, MaxDelay)
	}
	return nil
}

// Call calls a handler and judges its answer: one error per message, where a panic or a missing answer is an error for
// each. whole tells that the batch failed as a whole, so that nobody knows which message is to blame.
func Call(h func() []error, n int) (errs []error, whole error) {
	errs, whole = call(h)
	if whole == nil && len(errs) != n {
		whole = fault.New(fault.Unknown, "queue: the handler answered %d of %d messages", len(errs), n)
	}
	if whole != nil {
		errs = make([]error, n)
		for k := range errs {
			errs[k] = whole
		}
	}
	return errs, whole
}

func call(h func() []error) (errs []error, whole error) {
	defer func() {
		if r := recover(); r != nil {
			whole = fault.New(fault.Unknown, "queue: the handler broke down: %v", r)
		}
	}()
	return h(), nil
}

// Backoff is how long a message waits that failed without saying when it may come again: first, then twice as long each
// time, at most a minute. receives counts from 1.
func Backoff(first time.Duration, receives int) time.Duration {
	wait := first
	for range receives - 1 {
		if wait *= 2; wait >= time.Minute {
			return time.Minute
		}
	}
	return min(wait, time.Minute)
}

// Await waits for a wake-up or until wait has passed (0 = for a wake-up only), or until ctx ends.
func Await(ctx context.Context, wake <-chan struct{}, wait time.Duration) {
	if wait <= 0 {
		select {
		case <-wake:
		case <-ctx.Done():
		}
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}
