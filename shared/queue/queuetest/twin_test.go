package queuetest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/queue/memory"
	"rapport/shared/queue/queuetest"
)

var lanes = []queue.Lane{"one", "two"}

func right() *memory.Queue {
	return memory.New(memory.Options{Lanes: lanes, Backoff: 2 * time.Millisecond})
}

// twin is right queues whose methods can be broken one by one.
type twin struct {
	queuetest.Driver
	send    func(ctx context.Context, messages []queue.Message) []error
	handler func(h queue.Handler) queue.Handler
	consume func(ctx context.Context, lane queue.Lane, size int, h queue.Handler) error
	depth   func(d []queue.Depth)
	dead    func(d []queue.Dead) []queue.Dead
	redrive func(ctx context.Context, lane queue.Lane, limit int, wanted func(string) bool) (int, error)
}

func (w *twin) Send(ctx context.Context, messages ...queue.Message) []error {
	if w.send != nil {
		return w.send(ctx, messages)
	}
	return w.Driver.Send(ctx, messages...)
}

func (w *twin) Consume(ctx context.Context, lane queue.Lane, size int, h queue.Handler) error {
	if w.handler != nil {
		h = w.handler(h)
	}
	if w.consume != nil {
		return w.consume(ctx, lane, size, h)
	}
	return w.Driver.Consume(ctx, lane, size, h)
}

func (w *twin) Depth(ctx context.Context) ([]queue.Depth, error) {
	d, err := w.Driver.Depth(ctx)
	if w.depth != nil {
		w.depth(d)
	}
	return d, err
}

func (w *twin) Dead(ctx context.Context, lane queue.Lane, limit int) ([]queue.Dead, error) {
	d, err := w.Driver.Dead(ctx, lane, limit)
	if w.dead != nil {
		d = w.dead(d)
	}
	return d, err
}

func (w *twin) Redrive(ctx context.Context, lane queue.Lane, limit int, wanted func(string) bool) (int, error) {
	if w.redrive != nil {
		return w.redrive(ctx, lane, limit, wanted)
	}
	return w.Driver.Redrive(ctx, lane, limit, wanted)
}

// each changes every message before it is sent.
func each(q queue.Queue, change func(k int, m *queue.Message)) func(context.Context, []queue.Message) []error {
	return func(ctx context.Context, messages []queue.Message) []error {
		messages = slices.Clone(messages)
		for k := range messages {
			change(k, &messages[k])
		}
		return q.Send(ctx, messages...)
	}
}

// seen changes every message before it is handed out.
func seen(change func(m *queue.Message)) func(queue.Handler) queue.Handler {
	return func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, batch []queue.Message) []error {
			for k := range batch {
				change(&batch[k])
			}
			return h(ctx, batch)
		}
	}
}

// answered changes every answer of the handler.
func answered(change func(m queue.Message, err error) error) func(queue.Handler) queue.Handler {
	return func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, batch []queue.Message) []error {
			errs := h(ctx, batch)
			for k := range errs {
				errs[k] = change(batch[k], errs[k])
			}
			return errs
		}
	}
}

// TestBrokenTwins shows that the suite finds out every broken driver, by the check that is meant to.
func TestBrokenTwins(t *testing.T) {
	type broken struct {
		by   string // the check that must fail
		make func(q *memory.Queue) *twin
	}
	for name, b := range map[string]broken{
		"loses a message": {"many in one send", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				if n := len(messages); n > 100 {
					return append(q.Send(ctx, messages[:n-1]...), nil)
				}
				return q.Send(ctx, messages...)
			}}
		}},
		"doubles a message": {"send and consume", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				q.Send(ctx, messages[0])
				return q.Send(ctx, messages...)
			}}
		}},
		"gives no ids": {"send and consume", func(*memory.Queue) *twin {
			return &twin{handler: seen(func(m *queue.Message) { m.ID = "" })}
		}},
		"gives a new id each time": {"redelivery after an error", func(*memory.Queue) *twin {
			var n atomic.Int32
			return &twin{handler: seen(func(m *queue.Message) { m.ID = string('a' + n.Add(1)) })}
		}},
		"forgets the group": {"send and consume", func(q *memory.Queue) *twin {
			return &twin{send: each(q, func(_ int, m *queue.Message) { m.Group = "" })}
		}},
		"sends all to the first lane": {"lanes are apart", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				return each(q, func(_ int, m *queue.Message) { m.Lane = messages[0].Lane })(ctx, messages)
			}}
		}},
		"mends bodies": {"bodies", func(*memory.Queue) *twin {
			return &twin{handler: seen(func(m *queue.Message) { m.Body = bytes.ToValidUTF8(m.Body, []byte("?")) })}
		}},
		"cuts bodies": {"bodies", func(q *memory.Queue) *twin {
			return &twin{send: each(q, func(_ int, m *queue.Message) { m.Body = m.Body[:min(len(m.Body), 256<<10)] })}
		}},
		"takes too large bodies": {"refused messages", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				errs := q.Send(ctx, messages...)
				for k := range errs {
					if len(messages[k].Body) > queue.MaxBody {
						errs[k] = nil
					}
				}
				return errs
			}}
		}},
		"refuses all for one": {"refused messages", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				errs := make([]error, len(messages))
				for k, m := range messages {
					if errs[k] = m.Check(lanes); errs[k] != nil {
						for i := range errs {
							errs[i] = errs[k]
						}
						return errs
					}
				}
				return q.Send(ctx, messages...)
			}}
		}},
		"swaps the answers of a send": {"refused messages", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				errs := q.Send(ctx, messages...)
				slices.Reverse(errs)
				if len(errs) > 1 {
					errs[0], errs[1] = errs[1], errs[0]
				}
				return errs
			}}
		}},
		"ignores its context": {"ended context", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				return q.Send(context.WithoutCancel(ctx), messages...)
			}}
		}},
		"hands out one more": {"batches", func(q *memory.Queue) *twin {
			return &twin{consume: func(ctx context.Context, lane queue.Lane, size int, h queue.Handler) error {
				return q.Consume(ctx, lane, size+1, h)
			}}
		}},
		"hands out one by one": {"batches", func(q *memory.Queue) *twin {
			return &twin{consume: func(ctx context.Context, lane queue.Lane, _ int, h queue.Handler) error {
				return q.Consume(ctx, lane, 1, h)
			}}
		}},
		"ignores delays": {"delay", func(q *memory.Queue) *twin {
			return &twin{send: each(q, func(_ int, m *queue.Message) { m.Delay = 0 })}
		}},
		"forgets what failed": {"redelivery after an error", func(*memory.Queue) *twin {
			return &twin{handler: answered(func(queue.Message, error) error { return nil })}
		}},
		"forgets what failed plainly": {"redelivery after a plain error", func(*memory.Queue) *twin {
			return &twin{handler: answered(func(_ queue.Message, err error) error {
				if fault.Of(err) == fault.Unknown {
					return nil
				}
				return err
			})}
		}},
		"counts no receives": {"redelivery after an error", func(*memory.Queue) *twin {
			return &twin{handler: seen(func(m *queue.Message) { m.Receives = 1 })}
		}},
		"does not hear when": {"the error says when", func(*memory.Queue) *twin {
			return &twin{handler: answered(func(_ queue.Message, err error) error {
				if err == nil {
					return nil
				}
				return fault.Wait(fault.Of(err), time.Millisecond, "%v", err)
			})}
		}},
		"all or nothing": {"partial answers", func(*memory.Queue) *twin {
			return &twin{handler: func(h queue.Handler) queue.Handler {
				return func(ctx context.Context, batch []queue.Message) []error {
					errs := h(ctx, batch)
					if at := slices.IndexFunc(errs, func(err error) bool { return err != nil }); at >= 0 {
						for k := range errs {
							errs[k] = errs[at]
						}
					}
					return errs
				}
			}}
		}},
		"takes a missing answer for yes": {"missing answers", func(*memory.Queue) *twin {
			return &twin{handler: func(h queue.Handler) queue.Handler {
				return func(ctx context.Context, batch []queue.Message) []error {
					errs := h(ctx, batch)
					return append(errs, make([]error, len(batch)-len(errs))...)
				}
			}}
		}},
		"takes a panic for yes": {"panic in the handler", func(*memory.Queue) *twin {
			return &twin{handler: func(h queue.Handler) queue.Handler {
				return func(ctx context.Context, batch []queue.Message) (errs []error) {
					defer func() {
						if recover() != nil {
							errs = make([]error, len(batch))
						}
					}()
					return h(ctx, batch)
				}
			}}
		}},
		"condemns the neighbours": {"poison among good ones", func(*memory.Queue) *twin {
			return &twin{handler: func(h queue.Handler) queue.Handler {
				return func(ctx context.Context, batch []queue.Message) (errs []error) {
					defer func() {
						if recover() != nil {
							for range batch {
								errs = append(errs, errors.New("panic"))
							}
						}
					}()
					return h(ctx, batch)
				}
			}}
		}},
		"tries invalid ones again": {"invalid is dead at once", func(*memory.Queue) *twin {
			return &twin{handler: answered(func(m queue.Message, err error) error {
				if fault.Is(err, fault.Invalid) && m.Receives == 1 {
					return fault.Wait(fault.Transient, time.Millisecond, "%v", err)
				}
				return err
			})}
		}},
		"drops dead letters": {"invalid is dead at once", func(*memory.Queue) *twin {
			return &twin{handler: answered(func(_ queue.Message, err error) error {
				if fault.Is(err, fault.Invalid) {
					return nil
				}
				return err
			})}
		}},
		"drops the reason": {"invalid is dead at once", func(*memory.Queue) *twin {
			return &twin{dead: func(d []queue.Dead) []queue.Dead {
				for k := range d {
					d[k].Reason = "dead"
				}
				return d
			}}
		}},
		"tries for ever": {"dead after too many receives", func(q *memory.Queue) *twin {
			return &twin{handler: func(h queue.Handler) queue.Handler {
				return func(ctx context.Context, batch []queue.Message) []error {
					errs := h(ctx, batch)
					for k, m := range batch {
						if errs[k] != nil && m.Receives == queue.MaxReceives {
							errs[k] = nil
							q.Send(ctx, m)
						}
					}
					return errs
				}
			}}
		}},
		"gives up early": {"dead after too many receives", func(*memory.Queue) *twin {
			return &twin{handler: answered(func(m queue.Message, err error) error {
				if err != nil && m.Receives == queue.MaxReceives-1 {
					return fault.New(fault.Invalid, "%v", err)
				}
				return err
			})}
		}},
		"redrives nothing": {"redrive", func(*memory.Queue) *twin {
			return &twin{redrive: func(_ context.Context, _ queue.Lane, limit int, _ func(string) bool) (int, error) {
				return min(limit, 3), nil
			}}
		}},
		"redrives too much": {"redrive", func(q *memory.Queue) *twin {
			return &twin{redrive: func(ctx context.Context, lane queue.Lane, limit int, _ func(string) bool) (int, error) {
				n, err := q.Redrive(ctx, lane, 100, nil)
				return min(n, limit), err
			}}
		}},
		"redrives what nobody wants": {"redrive of some", func(q *memory.Queue) *twin {
			return &twin{redrive: func(ctx context.Context, lane queue.Lane, limit int, _ func(string) bool) (int, error) {
				return q.Redrive(ctx, lane, limit, nil)
			}}
		}},
		"counts the held as waiting": {"depth", func(*memory.Queue) *twin {
			return &twin{depth: func(d []queue.Depth) {
				for k := range d {
					d[k].Waiting, d[k].Held = d[k].Waiting+d[k].Held, 0
				}
			}}
		}},
		"starves groups": {"groups", func(q *memory.Queue) *twin {
			return &twin{send: func(ctx context.Context, messages []queue.Message) []error {
				return each(q, func(_ int, m *queue.Message) { m.Group = "" })(ctx, messages)
			}}
		}},
		"lets each worker see all": {"workers share a lane", func(q *memory.Queue) *twin {
			return &twin{handler: func(h queue.Handler) queue.Handler {
				return func(ctx context.Context, batch []queue.Message) []error {
					h(ctx, slices.Clone(batch))
					return h(ctx, batch)
				}
			}}
		}},
		"ends before its handler": {"consume ends with its handler", func(q *memory.Queue) *twin {
			return &twin{consume: func(ctx context.Context, lane queue.Lane, size int, h queue.Handler) error {
				go q.Consume(ctx, lane, size, h)
				<-ctx.Done()
				return nil
			}}
		}},
		"ends with an error": {"send and consume", func(q *memory.Queue) *twin {
			return &twin{consume: func(ctx context.Context, lane queue.Lane, size int, h queue.Handler) error {
				return errors.Join(q.Consume(ctx, lane, size, h), ctx.Err())
			}}
		}},
		"sleeps while others send": {"send while consuming", func(q *memory.Queue) *twin {
			var once sync.Once
			return &twin{consume: func(ctx context.Context, lane queue.Lane, size int, h queue.Handler) error {
				inner, stop := context.WithCancel(ctx)
				defer stop()
				err := q.Consume(inner, lane, size, func(ctx context.Context, batch []queue.Message) []error {
					defer once.Do(stop)
					return h(ctx, batch)
				})
				<-ctx.Done()
				return err
			}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := queuetest.Harness{Lanes: lanes, Retry: 5 * time.Millisecond, Patience: 600 * time.Millisecond, Only: b.by}
			h.New = func(testing.TB) queuetest.Driver {
				q := right()
				w := b.make(q)
				w.Driver = q
				return w
			}
			failed := queuetest.Failures(t, h)
			if len(failed) != 1 || failed[0].Check != b.by {
				t.Errorf("the check %q did not find it out: %v", b.by, failed)
			}
		})
	}
}

func TestRightQueuesPass(t *testing.T) {
	h := queuetest.Harness{Lanes: lanes, New: func(testing.TB) queuetest.Driver { return right() }}
	for _, f := range queuetest.Failures(t, h) {
		t.Errorf("%s: %v", f.Check, f.Err)
	}
}
