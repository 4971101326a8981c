package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rapport/shared/config"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// ReplyRow is an answer on its way. Kept under its id.
type ReplyRow struct {
	Reply flow.Reply `json:"reply"`
}

// ask takes in an answer that somebody approved in the place made for it.
func (p *Pipeline) ask(ctx context.Context, plan *Plan, conf config.Account, c flow.Conversation, text string, private bool, change flow.Change) error {
	r := flow.Reply{ID: p.hashed("reply", c.ID, text, fmt.Sprint(private)), Account: c.Account, Conversation: c.ID, Author: c.Author,
		Text: text, Private: private || c.Private, State: flow.Approved, Sender: change.By, CRM: conf.Name, Record: change.Record,
		Asked: p.now(), Until: c.ReplyUntil}
	for _, t := range c.Turns { // it answers what the author said last
		if t.Direction == flow.In && !t.Deleted {
			r.Mention = t.Mention
		}
	}
	row := store.Row[ReplyRow]{Part: r.ID, Sort: "-", Value: ReplyRow{r}}
	if res := p.replies.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	body, _ := json.Marshal(r.ID) // a text: cannot fail
	return p.Queue.Send(ctx, queue.Message{Lane: topology.Replies, Group: c.Account, Body: body})[0]
}

// Reply sends approved answers, each once. Just before sending an answer is refused, with the reason, where it no longer
// makes sense. It is stored as sending before the call; of an unknown outcome the network is asked, else a human.
func (p *Pipeline) Reply(ctx context.Context, batch []queue.Message) []error {
	errs := make([]error, len(batch))
	for i, m := range batch {
		var id string
		if err := json.Unmarshal(m.Body, &id); err != nil {
			errs[i] = fault.New(fault.Invalid, "a reply message is damaged: %w", err)
			continue
		}
		errs[i] = p.reply(ctx, id)
	}
	return errs
}

func (p *Pipeline) reply(ctx context.Context, id string) error {
	release, ok, err := p.Leases.Acquire(ctx, "reply#"+id, 2*time.Minute)
	if err != nil {
		return err
	}
	if !ok {
		return fault.Wait(fault.Transient, 5*time.Second, "the answer is being sent by somebody else")
	}
	defer release()
	row, err := p.replies.One(ctx, id, "-")
	if err != nil || row.Version == 0 {
		return err
	}
	row.Part, row.Sort = id, "-"
	r := &row.Value.Reply
	if r.State == flow.Sent || r.State == flow.Failed || r.State == flow.Parked {
		return p.tell(ctx, *r) // an earlier attempt may not have told the CRM
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	conf, _ := plan.Doc.Network(r.Account)
	replier, can := p.Networks[conf.Kind].(network.Replier)
	again := r.State == flow.Sending
	if reason, err := p.refusal(ctx, conf, can, *r, again); err != nil {
		return err
	} else if reason != "" {
		return p.endReply(ctx, &row, flow.Failed, reason)
	}
	a, err := p.connect(ctx, conf)
	if err != nil {
		return err
	}
	if again && !replier.Idempotent() {
		if done, err := p.look(ctx, a, &row); done || err != nil {
			return err
		}
	}
	r.State = flow.Sending
	if res := p.replies.Put(ctx, &row)[0]; res.Err != nil {
		return res.Err
	}
	posted, err := replier.Reply(ctx, a, *r, "rapport-"+r.ID)
	return p.replied(ctx, a, &row, replier, posted, err)
}

// refusal tells why an answer is not sent, "" if it may be.
func (p *Pipeline) refusal(ctx context.Context, conf config.Account, can bool, r flow.Reply, again bool) (string, error) {
	info := p.infos[conf.Kind]
	conv, _, err := p.conversation(ctx, r.Conversation)
	if err != nil {
		return "", err
	}
	mention, err := p.mentions.One(ctx, r.Mention, "-")
	if err != nil {
		return "", err
	}
	c := conv.Value.Conversation
	switch {
	case conf.Name == "":
		return "the account is not configured any more", nil
	case !can:
		return "this network takes no answers", nil
	case conf.Replies == "" || conf.Replies == "off":
		return "answers are switched off for account " + conf.Name, nil
	case mention.Value.Mention.Deleted:
		return "the author deleted what it answers", nil
	case !r.Until.IsZero() && p.now().After(r.Until):
		return "the network closed the answer window at " + expression.ISO(r.Until), nil
	case !again && !c.AnsweredAt.IsZero() && c.AnsweredAt.After(r.Asked):
		return "answered meanwhile", nil
	case info.MaxText > 0 && network.Length(r.Text, info.Unit) > info.MaxText:
		return fmt.Sprintf("too long: %d of %d %s", network.Length(r.Text, info.Unit), info.MaxText, info.Unit), nil
	}
	return "", nil
}

// look asks the network whether an answer of unknown outcome is there.
func (p *Pipeline) look(ctx context.Context, a network.Account, row *store.Row[ReplyRow]) (done bool, err error) {
	finder, ok := p.Networks[a.Kind].(network.ReplyFinder)
	if !ok {
		return true, p.endReply(ctx, row, flow.Parked, "nobody knows whether it was sent: look at the network and decide")
	}
	posted, err := finder.FindReply(ctx, a, row.Value.Reply)
	switch {
	case fault.Is(err, fault.NotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	row.Value.Reply.Native, row.Value.Reply.Permalink = posted.Native, posted.Permalink
	return true, p.endReply(ctx, row, flow.Sent, "")
}

// replied takes in what became of a send.
func (p *Pipeline) replied(ctx context.Context, a network.Account, row *store.Row[ReplyRow], replier network.Replier, posted network.Posted, err error) error {
	r := &row.Value.Reply
	switch {
	case err == nil:
		r.Native, r.Permalink = posted.Native, posted.Permalink
		return p.endReply(ctx, row, flow.Sent, "")
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.Gone), fault.Is(err, fault.NotFound), fault.Is(err, fault.Conflict):
		return p.endReply(ctx, row, flow.Failed, err.Error())
	case fault.Is(err, fault.Unauthorized):
		return p.endReply(ctx, row, flow.Failed, "the network refuses our credentials: connect account "+a.Name+" again")
	case fault.Is(err, fault.Ambiguous) && !replier.Idempotent():
		if done, err := p.look(ctx, a, row); done || err != nil {
			return err
		}
		return fault.Wait(fault.Transient, 5*time.Second, "the answer did not arrive")
	}
	return err // still "sending": the next attempt repeats it under its key, or looks first
}

// endReply writes down how an answer ended, and tells the CRM.
func (p *Pipeline) endReply(ctx context.Context, row *store.Row[ReplyRow], state, reason string) error {
	row.Value.Reply.State, row.Value.Reply.Reason = state, reason
	if res := p.replies.Put(ctx, row)[0]; res.Err != nil {
		return res.Err
	}
	return p.tell(ctx, row.Value.Reply)
}

// tell shows the end of an answer in the conversation, and so in the CRM it came from.
func (p *Pipeline) tell(ctx context.Context, r flow.Reply) error {
	_, sort, err := p.conversation(ctx, r.Conversation)
	if err != nil {
		return err
	}
	changed := false
	_, err = p.conversations.Update(ctx, flow.Place(r.Conversation), sort, func(row *store.Row[ConversationRow]) (bool, error) {
		c := &row.Value.Conversation
		note := r.Reason
		if r.State == flow.Sent {
			note = r.Permalink
		}
		changed = row.Version > 0 && (c.ReplyState != r.State || c.ReplyNote != note)
		if !changed {
			return false, nil
		}
		c.ReplyState, c.ReplyNote, c.Updated = r.State, note, p.now()
		if r.State == flow.Sent && (c.Status == flow.Open || c.Status == flow.Waiting) {
			c.Status, c.AnsweredAt = flow.Answered, p.now()
		}
		c.Revision++
		return true, nil
	})
	if err != nil || r.CRM == "" {
		return err
	}
	t := Task{Lane: topology.DeliverUrgent}
	t.Account, t.Conversation, t.Mention = r.CRM, r.Conversation, r.Mention
	return p.Queue.Send(ctx, t.message())[0]
}
