package pipeline

import (
	"context"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/store"
)

// Closure says that an account takes nothing now, why, and until when.
type Closure struct {
	Kind   string    `json:"kind"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"` // the next probe
	Probes int       `json:"probes"`
}

// ParkedRow is a message that waits for its account. Kept under the account, in the order of arrival.
type ParkedRow struct {
	Lane   queue.Lane `json:"lane"`
	Group  string     `json:"group"`
	Body   []byte     `json:"body"`
	Reason string     `json:"reason"`
	Dead   bool       `json:"dead,omitempty"`
	At     time.Time  `json:"at"`
}

// closes tells whether a fault closes an account.
func closes(err error) bool {
	switch fault.Of(err) {
	case fault.RateLimited, fault.QuotaExhausted, fault.Unavailable, fault.Unauthorized:
		return err != nil
	}
	return false
}

// closeAccount records that an account is closed and when it is probed again: 1, 2, 4 … 60 s, never before the vendor's word.
func (p *Pipeline) closeAccount(ctx context.Context, account string, cause error) error {
	now := p.now()
	_, err := p.closures.Update(ctx, account, "-", func(r *store.Row[Closure]) (bool, error) {
		c := &r.Value
		if c.Since.IsZero() {
			c.Since = now
		}
		if now.Before(c.Until) { // several workers hit the same wall: one step only
			if until := now.Add(fault.After(cause)); until.After(c.Until) {
				c.Until = until
				return true, nil
			}
			return false, nil
		}
		wait := min(time.Second<<min(c.Probes, 6), time.Minute)
		if after := fault.After(cause); after > 0 && fault.Is(cause, fault.RateLimited) {
			wait = after
		} else {
			wait = max(wait, after)
		}
		c.Kind, c.Reason, c.Until = fault.Of(cause).String(), cause.Error(), now.Add(wait)
		c.Probes++
		return true, nil
	})
	return err
}

// openAccount forgets a closure after a call that worked.
func (p *Pipeline) openAccount(ctx context.Context, row store.Row[Closure]) {
	if row.Version > 0 {
		item := store.Item{Part: "closure#" + row.Part, Sort: row.Sort, Version: row.Version}
		p.Store.Delete(ctx, item)
	}
}

// park puts messages aside until their account opens.
func (p *Pipeline) park(ctx context.Context, account, reason string, messages []queue.Message) []error {
	rows := make([]*store.Row[ParkedRow], len(messages))
	for i, m := range messages {
		rows[i] = &store.Row[ParkedRow]{Part: account, Sort: p.Ports.NewID(),
			Value: ParkedRow{Lane: m.Lane, Group: m.Group, Body: m.Body, Reason: reason, At: p.now()}}
	}
	errs := make([]error, len(messages))
	for i, res := range p.parked.Put(ctx, rows...) {
		errs[i] = res.Err
	}
	return errs
}

// unpark feeds parked messages of an account back, oldest first: a probe's worth while it is closed, more once open.
// It sends before it deletes, so a crash may double a message but never lose one.
func (p *Pipeline) unpark(ctx context.Context, account string, probe, most int) error {
	closure, err := p.closures.One(ctx, account, "-")
	if err != nil {
		return err
	}
	n := most
	if closure.Version > 0 {
		if p.now().Before(closure.Value.Until) {
			return nil
		}
		n = probe
	}
	var rows []store.Row[ParkedRow]
	for row, err := range p.parked.List(ctx, store.Range{Part: account, Limit: n}) {
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		if closure.Version > 0 { // nothing waits: let the next message find out
			p.openAccount(ctx, closure)
		}
		return nil
	}
	messages := make([]queue.Message, len(rows))
	for i, r := range rows {
		messages[i] = queue.Message{Lane: r.Value.Lane, Group: r.Value.Group, Body: r.Value.Body}
	}
	var done []store.Item
	for i, err := range p.Queue.Send(ctx, messages...) {
		if err == nil {
			done = append(done, store.Item{Part: "parked#" + account, Sort: rows[i].Sort, Version: store.AnyVersion})
		}
	}
	p.Store.Delete(ctx, done...)
	return nil
}

// Waiting counts what is parked for a CRM account.
func (p *Pipeline) Waiting(ctx context.Context, account string) (int, error) {
	n := 0
	for _, err := range p.parked.List(ctx, store.Range{Part: account}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Closed tells whether an account takes nothing now.
func (p *Pipeline) Closed(ctx context.Context, account string) (Closure, bool, error) {
	row, err := p.closures.One(ctx, account, "-")
	return row.Value, row.Version > 0, err
}
