// Package fault names the kinds of failure on which the pipeline acts differently.
//
// A kind is for programs, a message is for people. Adapters classify, only the pipeline retries. An error without a
// kind counts as [Unknown] and is treated like [Transient], with fewer tries.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind is what the pipeline has to know of an error.
type Kind int

// The kinds, and what the pipeline does on each.
const (
	Unknown        Kind = iota // nobody judged it: back on the queue, at most three judgements by the vendor
	Transient                  // passes by itself: back on the queue
	Forged                     // an inbound call that fails verification: refused, counted, never stored
	RateLimited                // too fast: the lane closes until After
	QuotaExhausted             // a budget is used up: the lane closes until After, no probes before
	Unavailable                // the vendor is down: the account closes, probes at 1, 2, 4 … 60 s
	Unauthorized               // credentials are refused: refreshed once, then the account closes and asks to reconnect
	Drift                      // a field or object is gone or changed: only the touched field (Fields) is parked
	Split                      // the batch was refused as a whole: halves, then singles
	Ambiguous                  // no answer after the send: keyed writes repeat, others are looked for first
	Invalid                    // will never pass: dead letter at once, with the reason
	NotFound                   // never existed or not visible: the caller decides
	Gone                       // existed and was removed: the caller decides
	Conflict                   // somebody else was faster: the caller decides
)

var names = [...]string{"unknown", "transient", "forged", "rate limited", "quota exhausted", "unavailable", "unauthorized",
	"drift", "split", "ambiguous", "invalid", "not found", "gone", "conflict"}

// String gives the kind in words.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// Error is a classified failure. Values are immutable and safe to share.
type Error struct {
	Kind   Kind
	Msg    string        // says what, where and what to do; never holds a secret
	After  time.Duration // how long to wait, 0 = not told
	Fields []string      // the fields a Drift touches
	Err    error         // the cause, may be nil
}

// Error gives the message and the cause.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Msg
	case e.Msg == "":
		return e.Err.Error()
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a classified error; the format is that of fmt.Errorf, %w included.
func New(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// Wait makes a classified error that names how long to wait.
func Wait(k Kind, after time.Duration, format string, args ...any) error {
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...), After: after}
}

// Drifted makes a Drift that names the touched fields.
func Drifted(fields []string, format string, args ...any) error {
	return &Error{Kind: Drift, Msg: fmt.Sprintf(format, args...), Fields: fields}
}

// Of gives the kind of err: that of the outermost *Error in its chain; Transient for a context's end; else Unknown.
// Of(nil) is Unknown, so test for nil first.
func Of(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Transient
	}
	return Unknown
}

// Is tells whether err is of kind k; false for nil.
func Is(err error, k Kind) bool { return err != nil && Of(err) == k }

// After gives the wait that err names, 0 if none.
func After(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.After
	}
	return 0
}

// Fields gives the fields that a Drift names, nil if none.
func Fields(err error) []string {
	var e *Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}
