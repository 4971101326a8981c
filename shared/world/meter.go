package world

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// meter listens to the home's log and adds up the work of each verb. What it hears it passes on.
type meter struct {
	next slog.Handler
	mu   *sync.Mutex
	work map[string]*work // by verb; shared by all handlers made of this one
}

// work of one verb.
type work struct {
	batches, messages int
	busy              time.Duration
}

func newMeter(next slog.Handler) *meter {
	return &meter{next: next, mu: &sync.Mutex{}, work: map[string]*work{}}
}

func (m *meter) log() *slog.Logger { return slog.New(m) }

// of gives the work of a verb so far.
func (m *meter) of(verb string) work {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.work[verb]; w != nil {
		return *w
	}
	return work{}
}

// Enabled implements slog.Handler: lines about batches are wanted at every level.
func (m *meter) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (m *meter) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "batch" {
		m.add(r)
	}
	if !m.next.Enabled(ctx, r.Level) {
		return nil
	}
	return m.next.Handle(ctx, r)
}

func (m *meter) add(r slog.Record) {
	verb, batch := "", work{batches: 1}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "verb":
			verb = a.Value.String()
		case "messages":
			batch.messages = int(a.Value.Int64())
		case "ms":
			batch.busy = time.Duration(a.Value.Int64()) * time.Millisecond
		}
		return true
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.work[verb]
	if w == nil {
		w = &work{}
		m.work[verb] = w
	}
	w.batches += batch.batches
	w.messages += batch.messages
	w.busy += batch.busy
}

// WithAttrs implements slog.Handler.
func (m *meter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &meter{next: m.next.WithAttrs(attrs), mu: m.mu, work: m.work}
}

// WithGroup implements slog.Handler.
func (m *meter) WithGroup(name string) slog.Handler {
	return &meter{next: m.next.WithGroup(name), mu: m.mu, work: m.work}
}
