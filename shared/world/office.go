package world

import (
	"context"

	"rapport/shared/fault"
	"rapport/shared/flow"
	hubspottwin "rapport/shared/twin/hubspot"
)

// office makes a step of a line about the CRMs and the people who work in them.
func (w *world) office(l line) (step, error) {
	s := step{what: "in the CRMs"}
	switch l.Do {
	case "limit":
		s.do = func(context.Context) error { w.fronts["hubspot"].limitNext(l.Calls); return nil }
	case "outage":
		s.do = func(context.Context) error { w.fronts["feedback"].breakDown(); return nil }
	case "forged":
		s.what = "forged"
		s.do = w.forge
	case "human":
		s.do = func(ctx context.Context) error { return w.correct(ctx, l) }
	case "answer":
		s.do = func(ctx context.Context) error { return w.answer(ctx, l) }
	case "close":
		s.do = func(ctx context.Context) error { return w.shutCase(ctx, l) }
	case "restart":
		s.do = func(ctx context.Context) error {
			if !w.o.restart {
				return nil
			}
			return w.restart(ctx)
		}
	default:
		return s, fault.New(fault.Invalid, "nobody knows how to %q", l.Do)
	}
	return s, nil
}

// ticket waits for the ticket of a labelled mention's conversation.
func (w *world) ticket(ctx context.Context, label string) (row hubspottwin.Row, err error) {
	story, err := w.known(ctx, label)
	if err != nil {
		return row, err
	}
	if story.Conversation == nil {
		return row, fault.New(fault.Invalid, "“%s” opened no conversation", label)
	}
	key := flow.Key(flow.KindConversation, story.Conversation.ID)
	err = until(ctx, "there is a ticket for “"+label+"”", func(context.Context) (bool, error) {
		for _, r := range w.portal.Rows(tickets) {
			if r.Fields[fieldKey] == key {
				row = r
				return true, nil
			}
		}
		return false, nil
	})
	return row, err
}

// correct is a human who writes another department into a ticket. It waits for a quiet moment: this CRM has no conditional
// writes, so that an edit between our reading and our writing would be lost.
func (w *world) correct(ctx context.Context, l line) error {
	row, err := w.ticket(ctx, l.Of)
	if err == nil {
		err = until(ctx, "nothing is under way", w.home.Drained)
	}
	if err != nil {
		return err
	}
	w.portal.Edit(tickets, row.ID, map[string]any{fieldDepartment: l.Text})
	w.human[row.ID] = l.Text
	return nil
}

// answer is an agent who writes an answer in the place made for it, and approves it. The portal tells by webhook, and is polled too.
func (w *world) answer(ctx context.Context, l line) error {
	if _, err := w.known(ctx, l.After); err != nil {
		return err
	}
	row, err := w.ticket(ctx, l.Of)
	if err != nil {
		return err
	}
	w.portal.Edit(tickets, row.ID, map[string]any{fieldReply: l.Text, fieldReplyState: flow.Approved})
	w.asked[l.Of] = l.Text
	w.portal.Deliver(ctx, w.http)
	return nil
}

// shutCase is an agent who closes a ticket.
func (w *world) shutCase(ctx context.Context, l line) error {
	row, err := w.ticket(ctx, l.Of)
	if err != nil {
		return err
	}
	w.portal.Edit(tickets, row.ID, map[string]any{fieldStage: "4"})
	w.shut = append(w.shut, l.Of)
	w.portal.Deliver(ctx, w.http)
	return nil
}
