package sink

import (
	"context"
	"sync"

	"rapport/shared/crm"
	"rapport/shared/fault"
)

// sessions keeps the open session of each account. Safe for concurrent use: one caller logs in, the others wait.
type sessions struct {
	mu   sync.Mutex
	open map[string]*slot
}

// slot is one account's session; who holds the token of turn may look at it.
type slot struct {
	turn  chan struct{}
	value any
}

func newSessions() *sessions { return &sessions{open: map[string]*slot{}} }

func (s *sessions) of(a crm.Account) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := a.Name + "\x00" + a.Origin
	if s.open[name] == nil {
		s.open[name] = &slot{turn: make(chan struct{}, 1)}
	}
	return s.open[name]
}

// drop forgets a session that has ended, unless somebody renewed it already.
func (s *sessions) drop(ctx context.Context, a crm.Account, ended any) error {
	slot := s.of(a)
	select {
	case slot.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if same(slot.value, ended) {
		slot.value = nil
	}
	<-slot.turn
	return nil
}

// same tells whether two sessions are one; they are texts, or what JSON gives.
func same(a, b any) bool { return text(a) == text(b) }

// session gives the account's session, opened if there is none; nil where the settings have no login.
func (c *calling) session(ctx context.Context) (any, error) {
	if c.plan.login == nil {
		return nil, nil
	}
	slot := c.sink.sessions.of(c.account)
	select {
	case slot.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-slot.turn }()
	if slot.value != nil {
		return slot.value, nil
	}
	q := c.plan.login
	a, err := c.once(ctx, q, request{}, nil)
	switch kind := fault.Of(err); {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case kind == fault.Ambiguous: // nothing was written yet
		return nil, fault.New(fault.Transient, "%w", err)
	case kind == fault.Invalid, kind == fault.NotFound, kind == fault.Gone, kind == fault.Conflict:
		return nil, fault.New(fault.Unauthorized, "log-in: %w", err)
	default:
		return nil, err
	}
	v, err := q.session.Eval(a)
	if err != nil || !truth(v) {
		return nil, fault.New(fault.Transient, "%s: the log-in was answered without a session", c.place(q))
	}
	slot.value = v
	return v, nil
}
