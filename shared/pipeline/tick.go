package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// DueRow is something that has to happen at a minute. Kept under minute and shard; the sort key names kind and subject.
type DueRow struct {
	Kind    string    `json:"kind"` // sla, job, accept, staff
	Subject string    `json:"subject"`
	Account string    `json:"account,omitempty"` // CRM account of an acceptance that waits, or table of a name
	At      time.Time `json:"at"`
}

// Feed is how much tick takes out of the parking of one account at once.
type Feed struct{ Probe, Most int }

// Tick turns what is due into messages: polls, parked work of accounts that open, answers overdue. One runs at a time.
func (p *Pipeline) Tick(ctx context.Context, feed Feed) error {
	release, ok, err := p.Leases.Acquire(ctx, "tick", time.Minute)
	if err != nil || !ok {
		return err
	}
	defer release()
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	errs = append(errs, p.unparkAll(ctx, plan, feed), p.tickPolls(ctx, plan), p.tickAttention(ctx, plan), p.tickRechecks(ctx, plan), p.tickRetain(ctx), p.tickReconcile(ctx, plan), p.tickSeal(ctx), p.tickPulse(ctx, plan), p.tickDue(ctx, plan))
	return errors.Join(errs...)
}

// tickPolls sends a message for every account whose time has come. The row is moved on first: who dies in between only
// delays the account by one pause.
func (p *Pipeline) tickPolls(ctx context.Context, plan *Plan) error {
	var tasks []pollTask
	for _, a := range plan.Doc.Networks {
		tasks = append(tasks, pollTask{Account: a.Name})
	}
	for _, a := range plan.Doc.CRMs {
		tasks = append(tasks, pollTask{Account: a.Name, CRM: true})
	}
	var keys []store.Key
	var polled []pollTask
	for _, t := range tasks {
		if conf, _, _, _, ok := p.reader(plan, t); ok && !conf.Paused {
			keys, polled = append(keys, p.accounts.Key(t.Account, "-")), append(polled, t)
		}
	}
	rows, err := p.accounts.Get(ctx, keys...)
	if err != nil {
		return err
	}
	now := p.now()
	for i, row := range rows {
		// Another configuration may have another budget: who waits for the next day's need not.
		raised := row.Value.Kind == fault.QuotaExhausted.String() && row.Value.Config != plan.Doc.Hash
		if now.Before(row.Value.Next) && !raised {
			continue
		}
		_, _, every, _, _ := p.reader(plan, polled[i])
		row.Part, row.Sort = polled[i].Account, "-"
		row.Value.Next = now.Add(max(every, time.Second))
		if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil {
			if fault.Is(res.Err, fault.Conflict) {
				continue // it is being read just now
			}
			return res.Err
		}
		body, _ := json.Marshal(polled[i]) // plain data: cannot fail
		if err := p.Queue.Send(ctx, queue.Message{Lane: topology.Polls, Group: polled[i].Account, Body: body})[0]; err != nil {
			return err
		}
	}
	return nil
}

const minute = "200601021504"

// skew is how far the clocks of workers may differ: a minute is looked at once nobody puts anything into it any more.
const skew = 10 * time.Second

// tickDue works through the minutes since the last tick, at most an hour of them at once.
func (p *Pipeline) tickDue(ctx context.Context, plan *Plan) error {
	cursor, err := p.accounts.One(ctx, "#tick", "-")
	if err != nil {
		return err
	}
	now := p.now().Add(-skew).Truncate(time.Minute)
	from := cursor.Value.Last
	if cursor.Version == 0 {
		from = now.Add(-time.Minute)
	}
	if !from.Before(now) {
		return nil
	}
	to := from
	for n := 0; to.Before(now) && n < 60; n++ {
		to = to.Add(time.Minute)
		if err := p.dueMinute(ctx, plan, to); err != nil {
			return err
		}
	}
	cursor.Part, cursor.Sort, cursor.Value.Last = "#tick", "-", to
	return p.accounts.Put(ctx, &cursor)[0].Err
}

func (p *Pipeline) dueMinute(ctx context.Context, plan *Plan, at time.Time) error {
	for row, err := range p.due.List(ctx, store.Range{Part: at.Format(minute)}) {
		if err != nil {
			return err
		}
		switch row.Value.Kind {
		case "sla":
			err = p.overdue(ctx, plan, row.Value)
		case "job":
			err = p.wake(ctx, row.Value.Subject, 0)
		case staffDue:
			err = p.forgetName(ctx, row.Value)
		case "accept":
			err = p.acceptLater(ctx, plan, row.Value)
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			return err
		}
		if err != nil { // it will never pass, and must not stop the others
			p.Ports.Log.Error("what was due cannot be worked on", "kind", row.Value.Kind, "subject", row.Value.Subject, "error", err.Error())
		}
		p.Store.Delete(ctx, store.Item{Part: "due#" + at.Format(minute), Sort: row.Sort, Version: store.AnyVersion})
	}
	return nil
}
