package pipeline

import (
	"context"
	"slices"
	"time"

	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// remind stages when conversations have to be looked at because nobody answers. Each is a row of its own minute, so tick finds
// it without a search; one too many finds nothing to do.
func (p *Pipeline) remind(w *world) []staged {
	var out []staged
	for _, row := range w.reminders {
		item, err := p.due.Item(row)
		if err != nil {
			w.err = err
			continue
		}
		out = append(out, staged{item, func(res store.Result) {
			if res.Err != nil && !conflicted(res) && !fault.Is(res.Err, fault.Invalid) { // the same row twice in a call is one
				w.err = res.Err
			}
		}})
	}
	return out
}

// reminder makes the row for the next step of a conversation's clock; ok is false where there is none.
func (p *Pipeline) reminder(plan *Plan, c flow.Conversation) (row store.Row[DueRow], ok bool) {
	step, ok := plan.Decider.Next(c)
	at := step
	if now := p.now(); at.Before(now) { // the past is not looked at again
		at = now
	}
	return store.Row[DueRow]{Part: minuteOf(at), Sort: "sla#" + c.ID, Value: DueRow{Kind: "sla", Subject: c.ID, At: step}}, ok
}

// remind notes a minute in which the clock is looked at, so that an erasure finds the reminder; what is past goes.
func (r *ConversationRow) remind(at string, now time.Time) {
	r.Reminded = slices.DeleteFunc(slices.Clone(r.Reminded), func(m string) bool { return m == at || m < now.Format(minute) })
	r.Reminded = append(r.Reminded, at)
}

// minuteOf names the minute in which tick looks at what is due at a time.
func minuteOf(at time.Time) string { return at.Truncate(time.Minute).Add(time.Minute).Format(minute) }

// overdue makes the escalations of a conversation whose time has come, each once, and says so to the CRMs that hold it.
// Whoever dies in between finds what is made already, and does the rest.
func (p *Pipeline) overdue(ctx context.Context, plan *Plan, due DueRow) error {
	var before []string
	row, err := p.updateConversation(ctx, due.Subject, func(r *store.Row[ConversationRow]) bool {
		c := &r.Value.Conversation
		before = c.Escalated
		if !plan.Decider.Escalate(c, p.now()) {
			return false
		}
		c.Updated = p.now()
		c.Revision++
		if following, ok := p.reminder(plan, *c); ok {
			r.Value.remind(following.Part, p.now())
		}
		return true
	})
	c := row.Value.Conversation
	steps := plan.Decider.Steps(c)
	late := len(steps) > 0 && !p.now().Before(c.Due)
	if err != nil || row.Version == 0 || !late && !slices.ContainsFunc(steps, func(s decide.Step) bool { return s.Done }) {
		return err
	}
	author, err := p.authors.One(ctx, c.Author.ID, "-")
	if err != nil || author.Value.Objected { // an erasure is on its way
		return err
	}
	if err := p.tellAll(ctx, plan, c, flow.KindConversation); err != nil {
		return err
	}
	if next, ok := plan.Decider.Next(c); ok && next.After(p.now()) {
		following, _ := p.reminder(plan, c)
		if res := p.due.Put(ctx, &following)[0]; res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	if late {
		p.Ports.Log.Warn("answer overdue", "conversation", c.ID, "account", c.Account, "due", c.Due)
	}
	for _, s := range steps {
		if s.Alert && s.Done && (s.At.Equal(due.At) || !slices.Contains(before, s.Name)) {
			p.Ports.Log.Warn("alert", "mention", c.Start, "account", c.Account, "say", "escalated: "+s.Name)
		}
	}
	return nil
}

// tellAll sends the present state of a conversation, and of what else is named, to every CRM account that serves its brand.
func (p *Pipeline) tellAll(ctx context.Context, plan *Plan, c flow.Conversation, kinds ...string) error {
	var messages []queue.Message
	for _, a := range plan.Doc.CRMs {
		if !a.Serves(c.Brand) || len(plan.Mapping.For(a.Name, flow.KindConversation, c.Brand)) == 0 {
			continue
		}
		t := Task{Lane: topology.DeliverUrgent, Kinds: kinds}
		t.Account, t.Conversation, t.Person = a.Name, c.ID, c.Person
		if n := len(c.Turns); n > 0 {
			t.Mention = c.Turns[n-1].Mention
		}
		messages = append(messages, t.message())
	}
	for _, err := range p.Queue.Send(ctx, messages...) {
		if err != nil {
			return err
		}
	}
	return nil
}
