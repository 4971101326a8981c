package pipeline

import (
	"context"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// remind stages when answers are overdue. Each is a row of its own minute, so tick finds it without a search; one too many
// finds nothing overdue.
func (p *Pipeline) remind(w *world) []staged {
	var out []staged
	for _, c := range w.reminders {
		at := c.Due
		if now := p.now(); at.Before(now) { // the past is not looked at again
			at = now
		}
		at = at.Truncate(time.Minute).Add(time.Minute)
		item, err := p.due.Item(store.Row[DueRow]{Part: at.Format(minute), Sort: "sla#" + c.ID, Value: DueRow{Kind: "sla", Subject: c.ID, At: c.Due}})
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

// overdue raises the priority of a conversation whose answer is late and says so to the CRMs that hold it.
func (p *Pipeline) overdue(ctx context.Context, plan *Plan, id string) error {
	late := false
	row, err := p.updateConversation(ctx, id, func(r *store.Row[ConversationRow]) bool {
		c := &r.Value.Conversation
		late = (c.Status == flow.Open || c.Status == flow.Waiting) && !c.Due.IsZero() && !p.now().Before(c.Due)
		if !late || c.Priority == "urgent" {
			return false
		}
		c.Priority, c.Updated = "urgent", p.now()
		c.Revision++
		return true
	})
	if err != nil || !late {
		return err
	}
	author, err := p.authors.One(ctx, row.Value.Conversation.Author.ID, "-")
	if err != nil || author.Value.Objected { // an erasure is on its way
		return err
	}
	p.Ports.Log.Warn("answer overdue", "conversation", id, "account", row.Value.Conversation.Account, "due", row.Value.Conversation.Due)
	return p.tellAll(ctx, plan, row.Value.Conversation, flow.KindConversation)
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
