package pipeline

import (
	"context"
	"errors"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// Closure says that an account takes nothing now, why, and until when. Kept under the account and the gate.
type Closure struct {
	Kind   string    `json:"kind"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"` // the next probe
	Probes int       `json:"probes"`
	Fields []string  `json:"fields,omitempty"` // of an object, where they alone are closed
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

// The gates of an account: everything, or its bulk lane alone where only our own share of the quota is used up. What is
// left out of an object because its field is gone has a gate of its own, drift and the object's name.
const (
	wholeGate = "-"
	bulkGate  = "bulk"
	driftGate = "drift#"
)

// gates is what of an account is closed.
type gates map[string]store.Row[Closure]

func (p *Pipeline) gates(ctx context.Context, account string) (gates, error) {
	g := gates{}
	for row, err := range p.closures.List(ctx, store.Range{Part: account}) {
		if err != nil {
			return nil, err
		}
		g[row.Sort] = row
	}
	return g, nil
}

// shut tells whether a gate is closed and not to be probed yet.
func (g gates) shut(now time.Time, gate string) (Closure, bool) {
	row := g[gate]
	return row.Value, row.Version > 0 && now.Before(row.Value.Until)
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
func (p *Pipeline) closeAccount(ctx context.Context, account, gate string, cause error) error {
	now := p.now()
	_, err := p.closures.Update(ctx, account, gate, func(r *store.Row[Closure]) (bool, error) {
		c := &r.Value
		if c.Since.IsZero() {
			c.Since = now
		}
		if now.Before(c.Until) { // several workers hit the same wall: one step only
			if until := now.Add(fault.After(cause)); until.After(c.Until) {
				c.Kind, c.Reason, c.Until = fault.Of(cause).String(), brief(cause.Error()), until
				return true, nil
			}
			return false, nil
		}
		wait := backoff(c.Probes)
		if after := fault.After(cause); after > 0 && fault.Is(cause, fault.RateLimited) {
			wait = after
		} else {
			wait = max(wait, after)
		}
		c.Kind, c.Reason, c.Until = fault.Of(cause).String(), brief(cause.Error()), now.Add(wait)
		c.Probes++
		return true, nil
	})
	return err
}

// open forgets a closure after a call that worked.
func (p *Pipeline) open(ctx context.Context, account string, row store.Row[Closure]) {
	if row.Version > 0 { // else there is none; who closes it again just now has changed the version
		p.Store.Delete(ctx, store.Item{Part: "closure#" + account, Sort: row.Sort, Version: row.Version})
	}
}

// parkOf names where messages of a lane wait for an account: what is urgent never waits behind what is not.
func parkOf(account string, lane queue.Lane) string {
	if lane == topology.DeliverBulk {
		return account + "#" + bulkGate
	}
	return account
}

// parkIndex lists the accounts for which something may wait, whether or not they are configured still.
const parkIndex = "#accounts"

// park puts messages aside until their account opens.
func (p *Pipeline) park(ctx context.Context, account, reason string, messages []queue.Message) []error {
	index := &store.Row[ParkedRow]{Part: parkIndex, Sort: account, Value: ParkedRow{At: p.now()}}
	if res := p.parked.Put(ctx, index)[0]; res.Err != nil && !conflicted(res) {
		return all(len(messages), res.Err)
	}
	rows := make([]*store.Row[ParkedRow], len(messages))
	for i, m := range messages {
		rows[i] = &store.Row[ParkedRow]{Part: parkOf(account, m.Lane), Sort: p.Ports.NewID(),
			Value: ParkedRow{Lane: m.Lane, Group: m.Group, Body: m.Body, Reason: reason, At: p.now()}}
	}
	errs := make([]error, len(messages))
	for i, res := range p.parked.Put(ctx, rows...) {
		errs[i] = res.Err
	}
	return errs
}

// unparkAll feeds what waits back to the queues: of every configured account that is not paused, and of accounts that were
// taken out of the configuration, so that deliver can say so.
func (p *Pipeline) unparkAll(ctx context.Context, plan *Plan, feed Feed) error {
	var names []string
	var errs []error
	for row, err := range p.parked.List(ctx, store.Range{Part: parkIndex}) {
		if err != nil {
			return err
		}
		names = append(names, row.Sort)
	}
	for _, name := range names {
		if conf, ok := plan.Doc.CRM(name); !ok || !conf.Paused {
			errs = append(errs, p.unpark(ctx, name, feed))
		}
	}
	return errors.Join(errs...)
}

// unpark feeds parked messages of an account back, the urgent ones first, each kind oldest first: a probe's worth while it is
// closed, more once it is open.
func (p *Pipeline) unpark(ctx context.Context, account string, feed Feed) error {
	g, err := p.gates(ctx, account)
	if err != nil {
		return err
	}
	now := p.now()
	for _, lane := range []queue.Lane{topology.DeliverUrgent, topology.DeliverBulk} {
		var probed []store.Row[Closure]
		for _, gate := range gatesOf(lane) {
			if _, shut := g.shut(now, gate); shut {
				return nil
			}
			if g[gate].Version > 0 {
				probed = append(probed, g[gate])
			}
		}
		n := feed.Most
		if len(probed) > 0 {
			n = feed.Probe
		}
		moved, err := p.feed(ctx, parkOf(account, lane), n)
		if err != nil {
			return err
		}
		if moved > 0 && g[wholeGate].Version > 0 {
			return nil // these find out for all
		}
		if moved == 0 && lane == topology.DeliverBulk { // nothing waits: let the next message find out
			for _, row := range probed {
				p.open(ctx, account, row)
			}
		}
	}
	return nil
}

// gatesOf lists the gates that a message of a lane goes through: the bulk lane has one more.
func gatesOf(lane queue.Lane) []string {
	if lane == topology.DeliverBulk {
		return []string{wholeGate, bulkGate}
	}
	return []string{wholeGate}
}

// feed sends what waits in one place, and removes it afterwards, so a crash may double a message but never lose one.
func (p *Pipeline) feed(ctx context.Context, place string, most int) (int, error) {
	var rows []store.Row[ParkedRow]
	var messages []queue.Message
	for row, err := range p.parked.List(ctx, store.Range{Part: place, Limit: most}) {
		if err != nil {
			return 0, err
		}
		rows = append(rows, row)
		messages = append(messages, queue.Message{Lane: row.Value.Lane, Group: row.Value.Group, Body: row.Value.Body})
	}
	if len(rows) == 0 {
		return 0, nil
	}
	var done []store.Item
	var failed error
	for i, err := range p.Queue.Send(ctx, messages...) {
		if err != nil {
			failed = err
			continue
		}
		done = append(done, store.Item{Part: "parked#" + place, Sort: rows[i].Sort, Version: store.AnyVersion})
	}
	if len(done) > 0 {
		p.Store.Delete(ctx, done...) // what stays is sent again, and recognised
	}
	return len(rows), failed
}

// Waiting counts what is parked for a CRM account.
func (p *Pipeline) Waiting(ctx context.Context, account string) (int, error) {
	n := 0
	for _, lane := range []queue.Lane{topology.DeliverUrgent, topology.DeliverBulk} {
		for _, err := range p.Store.List(ctx, store.Range{Part: "parked#" + parkOf(account, lane)}) { // nobody looks into them
			if err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// Closed tells whether an account takes nothing now.
func (p *Pipeline) Closed(ctx context.Context, account string) (Closure, bool, error) {
	row, err := p.closures.One(ctx, account, wholeGate)
	return row.Value, row.Version > 0, err
}
