package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// ReplyRow is an answer on its way. Kept under its id.
type ReplyRow struct {
	Reply flow.Reply `json:"reply"`
	At    time.Time  `json:"at"`              // of the change that approved it, on the CRM's clock
	Tries int        `json:"tries,omitempty"` // how often it went back to its queue
	Ended time.Time  `json:"ended,omitzero"`
}

// How long an answer is tried, and how many answers a conversation remembers.
const (
	replyFor   = 24 * time.Hour
	maxReplies = 20
)

func ended(state string) bool {
	return state == flow.Sent || state == flow.Failed || state == flow.Parked
}

// ask takes in an answer that somebody approved in the place made for it. The same text in the same conversation is the same
// answer: once sent it is never sent again; one that failed is, when it is approved anew.
func (p *Pipeline) ask(ctx context.Context, conf config.Account, c flow.Conversation, text string, private bool, change flow.Change, drafted ...string) error {
	r := flow.Reply{ID: p.hashed("reply", c.ID, text, fmt.Sprint(private)), Account: c.Account, Conversation: c.ID, Author: c.Author,
		Text: text, Private: private || c.Private, State: flow.Approved, Sender: change.By, CRM: conf.Name, Record: change.Record,
		Asked: p.now(), Until: c.ReplyUntil}
	for _, by := range drafted {
		if by != "" && by != change.By {
			r.Seconds = with1(r.Seconds, p.Pseudonym(by))
		}
	}
	for _, t := range c.Turns { // it answers what the author said last
		if t.Direction == flow.In && !t.Deleted {
			r.Mention = t.Mention
		}
	}
	_, err := p.updateConversation(ctx, c.ID, func(row *store.Row[ConversationRow]) bool {
		if slices.Contains(row.Value.Replies, r.ID) {
			return false
		}
		row.Value.Replies = last(append(row.Value.Replies, r.ID), maxReplies)
		return true
	})
	if err != nil {
		return err
	}
	_, err = p.replies.Update(ctx, r.ID, "-", func(row *store.Row[ReplyRow]) (bool, error) {
		v := &row.Value
		again := (v.Reply.State == flow.Failed || v.Reply.State == flow.Parked) && change.At.After(v.At)
		if v.Reply.State == flow.Parked && !change.At.After(v.Ended) {
			again = false // of what may stand there only who knows that it was left open may say again
		}
		if row.Version > 0 && !again {
			return false, nil
		}
		for _, by := range p.seconds(v.Reply) { // the same words: what was said to them before counts
			r.Seconds = with1(r.Seconds, by)
		}
		*v = ReplyRow{Reply: r, At: change.At}
		return true, nil
	})
	if err == nil && r.Sender != "" {
		err = p.Named(ctx, "reply", r.ID, "-")
	}
	if err != nil {
		return err
	}
	return p.wakeReply(ctx, r, 0)
}

// askByRule lets a rule answer, once in a conversation. A reader is told that nobody wrote it by hand.
func (p *Pipeline) askByRule(ctx context.Context, o *one, d decide.Decision) error {
	m := o.event.Mention
	r := flow.Reply{ID: p.hashed("reply", d.Conversation.ID, "rule"), Account: o.account.Name, Conversation: d.Conversation.ID, Mention: m.ID, Author: m.Author,
		Text: d.Answer + "\n\n" + d.Notice, Private: m.Private, State: flow.Approved, Rule: d.AnswerBy, Asked: p.now(), Until: m.ReplyUntil}
	row := store.Row[ReplyRow]{Part: r.ID, Sort: "-", Value: ReplyRow{Reply: r, At: m.Created}}
	if res := p.replies.Put(ctx, &row)[0]; res.Err != nil {
		if !conflicted(res) {
			return res.Err
		}
	}
	_, err := p.updateConversation(ctx, d.Conversation.ID, func(row *store.Row[ConversationRow]) bool {
		if slices.Contains(row.Value.Replies, r.ID) {
			return false
		}
		row.Value.Replies = last(append(row.Value.Replies, r.ID), maxReplies)
		return true
	})
	if err != nil {
		return err
	}
	return p.wakeReply(ctx, r, 0)
}

// wakeAsked wakes the answers of a conversation that are approved: an earlier attempt may have died before it did, and what
// it read may be gone from the CRM since. One too many finds nothing to do.
func (p *Pipeline) wakeAsked(ctx context.Context, conversation string) error {
	row, err := p.updateConversation(ctx, conversation, func(*store.Row[ConversationRow]) bool { return false })
	if err != nil {
		return err
	}
	var keys []store.Key
	for _, id := range row.Value.Replies {
		keys = append(keys, p.replies.Key(id, "-"))
	}
	rows, err := p.replies.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Version > 0 && r.Value.Reply.State == flow.Approved {
			if err := p.wakeReply(ctx, r.Value.Reply, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Pipeline) wakeReply(ctx context.Context, r flow.Reply, delay time.Duration) error {
	body, _ := json.Marshal(r.ID) // a text: cannot fail
	return p.Queue.Send(ctx, queue.Message{Lane: topology.Replies, Group: r.Account, Body: body, Delay: min(delay, 15*time.Minute)})[0]
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
	row, err := p.replies.One(ctx, id, "-")
	if err != nil || row.Version == 0 {
		return err
	}
	// Answers of one conversation go one after the other: the second finds that there is one already.
	release, ok, err := p.Leases.Acquire(ctx, "reply#"+row.Value.Reply.Conversation, 2*time.Minute)
	if err != nil {
		return err
	}
	if !ok {
		return p.wakeReply(ctx, row.Value.Reply, 5*time.Second)
	}
	defer release()
	if row, err = p.replies.One(ctx, id, "-"); err != nil || row.Version == 0 {
		return err
	}
	row.Part, row.Sort = id, "-"
	if ended(row.Value.Reply.State) {
		return p.tell(ctx, row.Value) // an earlier attempt may not have told the CRM
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	conf, _ := plan.Doc.Network(row.Value.Reply.Account)
	replier, can := p.Networks[conf.Kind].(network.Replier)
	if old, err := p.held(ctx, row.Value); err != nil {
		return err
	} else if old {
		return p.endReply(ctx, &row, flow.Parked, "approved before the data were restored, so nobody knows whether it was sent: approve it anew where it is missing")
	}
	unsure := row.Value.Reply.State == flow.Sending
	if unsure && can && !replier.Idempotent() {
		done, err := p.look(ctx, conf, &row)
		if done || err != nil {
			return p.orLater(ctx, &row, err)
		}
		unsure = false
	}
	reason, err := p.refusal(ctx, conf, can, &row.Value.Reply, unsure)
	switch {
	case errors.Is(err, errNotYet):
		return p.orLater(ctx, &row, err)
	case err != nil:
		return err
	case reason != "" && unsure:
		return p.endReply(ctx, &row, flow.Parked, "nobody knows whether it was sent, and it is not sent again: "+reason)
	case reason != "":
		return p.endReply(ctx, &row, flow.Failed, reason)
	}
	if !unsure {
		if err := p.inform(ctx, plan, conf, &row.Value.Reply); err != nil {
			return err
		}
	}
	return p.post(ctx, conf, &row, replier)
}

// post sends an answer, and takes in what became of it.
func (p *Pipeline) post(ctx context.Context, conf config.Account, row *store.Row[ReplyRow], replier network.Replier) error {
	r := &row.Value.Reply
	r.State = flow.Sending
	if res := p.replies.Put(ctx, row)[0]; res.Err != nil {
		return res.Err
	}
	var posted network.Posted
	err := p.vendor(ctx, conf, p.infos[conf.Kind].Buckets, true, func(a rest.Account) (err error) {
		posted, err = replier.Reply(ctx, a, *r, "rapport-"+r.ID)
		return err
	})
	switch {
	case err == nil:
		r.Native, r.Permalink = posted.Native, posted.Permalink
		return p.endReply(ctx, row, flow.Sent, "")
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.Gone), fault.Is(err, fault.NotFound), fault.Is(err, fault.Conflict):
		return p.endReply(ctx, row, flow.Failed, brief(err.Error()))
	case fault.Is(err, fault.Unauthorized):
		return p.endReply(ctx, row, flow.Failed, "the network refuses our credentials: connect account "+conf.Name+" again")
	case closes(err): // nothing was sent
		r.State = flow.Approved
	case !replier.Idempotent():
		done, lerr := p.look(ctx, conf, row)
		if done {
			return lerr
		}
		if lerr == nil { // certainly not there
			r.State = flow.Approved
		}
	}
	return p.orLater(ctx, row, err)
}

// orLater lets an answer try again, for a day at most.
func (p *Pipeline) orLater(ctx context.Context, row *store.Row[ReplyRow], cause error) error {
	r := &row.Value.Reply
	if cause == nil || ended(r.State) {
		return cause
	}
	if p.now().Sub(r.Asked) > replyFor {
		if r.State == flow.Sending {
			return p.endReply(ctx, row, flow.Parked, "nobody knows whether it was sent: "+brief(cause.Error()))
		}
		return p.endReply(ctx, row, flow.Failed, "it could not be sent for a day: "+brief(cause.Error()))
	}
	wait := max(backoff(row.Value.Tries), fault.After(cause))
	r.Reason = brief(cause.Error())
	row.Value.Tries++
	if res := p.replies.Put(ctx, row)[0]; res.Err != nil {
		return res.Err
	}
	return p.wakeReply(ctx, *r, wait)
}

// errNotYet says that who took in what an answer answers got as far as its conversation; the message that brought it comes again.
var errNotYet = fault.New(fault.Transient, "what it answers is not written down yet")

// refusal tells why an answer is not sent, "" if it may be, and puts its window right. unsure = an earlier try may have sent it.
func (p *Pipeline) refusal(ctx context.Context, conf config.Account, can bool, r *flow.Reply, unsure bool) (string, error) {
	info := p.infos[conf.Kind]
	conv, _, err := p.conversation(ctx, r.Conversation)
	if err != nil {
		return "", err
	}
	if r.Mention == "" || strings.TrimSpace(r.Text) == "" {
		return "nothing is left that it could answer", nil
	}
	mention, err := p.mentions.One(ctx, r.Mention, "-")
	if err != nil {
		return "", err
	}
	c := conv.Value.Conversation
	if c.ReplyUntil.After(r.Until) { // the author wrote again
		r.Until = c.ReplyUntil
	}
	switch {
	case conf.Name == "":
		return "the account is not configured any more", nil
	case !can:
		return "this network takes no answers", nil
	case conf.Replies == "" || conf.Replies == "off":
		return "answers are switched off for account " + conf.Name, nil
	case r.Rule != "" && conf.Replies != "on":
		return "rules may not answer for account " + conf.Name + ": its replies are not on", nil
	case conv.Value.Erased || mention.Value.Erased:
		return "the author's traces were erased", nil
	case mention.Version == 0 && slices.ContainsFunc(c.Turns, func(t flow.Turn) bool { return t.Mention == r.Mention }):
		return "", errNotYet
	case mention.Version == 0:
		return "what it answers is not known", nil
	case mention.Value.Mention.Deleted:
		return "the author deleted what it answers", nil
	case !r.Until.IsZero() && p.now().After(r.Until.Add(p.longer(conf, *r))):
		return "the network closed the answer window at " + expression.ISO(r.Until), nil
	case !unsure && !c.AnsweredAt.IsZero() && c.AnsweredAt.After(r.Asked):
		return "answered meanwhile", nil
	case info.MaxText > 0 && network.Length(r.Text, info.Unit) > info.MaxText:
		return fmt.Sprintf("too long: %d of %d %s", network.Length(r.Text, info.Unit), info.MaxText, info.Unit), nil
	}
	if reason, err := p.needsSecond(ctx, *r, c, mention.Value.Mention); (err != nil || reason != "") && !unsure {
		return reason, err
	}
	if r.Rule != "" && !unsure {
		return p.outdone(ctx, *r, conv.Value.Replies)
	}
	return "", nil
}

// outdone tells that a person answers where a rule was about to.
func (p *Pipeline) outdone(ctx context.Context, r flow.Reply, ids []string) (string, error) {
	var keys []store.Key
	for _, id := range ids {
		if id != r.ID {
			keys = append(keys, p.replies.Key(id, "-"))
		}
	}
	rows, err := p.replies.Get(ctx, keys...)
	for _, row := range rows {
		if other := row.Value.Reply; row.Version > 0 && other.Conversation == r.Conversation && other.State != flow.Failed {
			return "somebody answers already", nil
		}
	}
	return "", err
}

// look asks the network whether an answer of unknown outcome is there. done = its end is known; else it certainly is not
// there, where err is nil.
func (p *Pipeline) look(ctx context.Context, conf config.Account, row *store.Row[ReplyRow]) (done bool, err error) {
	finder, ok := p.Networks[conf.Kind].(network.ReplyFinder)
	if !ok {
		return true, p.endReply(ctx, row, flow.Parked, "nobody knows whether it was sent: look at the network and decide")
	}
	var posted network.Posted
	err = p.vendor(ctx, conf, p.infos[conf.Kind].Buckets, true, func(a rest.Account) (err error) {
		posted, err = finder.FindReply(ctx, a, row.Value.Reply)
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	row.Value.Reply.Native, row.Value.Reply.Permalink = posted.Native, posted.Permalink
	return true, p.endReply(ctx, row, flow.Sent, "")
}

// endReply writes down how an answer ended, and tells the CRM.
func (p *Pipeline) endReply(ctx context.Context, row *store.Row[ReplyRow], state, reason string) error {
	before, _, err := p.conversation(ctx, row.Value.Reply.Conversation)
	if err != nil {
		return err
	}
	end := p.now()
	if last := before.Value.Conversation.ReplyAt; !end.After(last) { // the clock of who ended the one before was ahead
		end = last.Add(time.Millisecond)
	}
	row.Value.Reply.State, row.Value.Reply.Reason, row.Value.Ended = state, reason, end
	if res := p.replies.Put(ctx, row)[0]; res.Err != nil {
		return res.Err
	}
	return p.tell(ctx, row.Value)
}

// spoken appends a sent answer to what was said, unless the network showed it to us before. When the network does later, its
// id leads to the same turn.
func spoken(c *flow.Conversation, v ReplyRow) {
	r := v.Reply
	t := flow.Turn{Direction: flow.Out, By: r.Account, At: v.Ended, Text: expression.Cut(r.Text, maxSpoken), Permalink: r.Permalink}
	if r.Native != "" {
		t.Mention = flow.MentionID(c.Network, r.Native)
	}
	if t.Text == "" || slices.ContainsFunc(c.Turns, func(x flow.Turn) bool {
		return t.Mention != "" && x.Mention == t.Mention || x.Direction == flow.Out && t.Permalink != "" && x.Permalink == t.Permalink
	}) {
		return
	}
	i := len(c.Turns)
	for i > 0 && c.Turns[i-1].At.After(t.At) {
		i--
	}
	c.Turns = last(slices.Insert(slices.Clone(c.Turns), i, t), flow.MaxTurns)
}

// maxSpoken bounds an answer in a turn, in characters.
const maxSpoken = 1000

// tell shows the end of an answer in the conversation, and so in the CRMs.
func (p *Pipeline) tell(ctx context.Context, v ReplyRow) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	r := v.Reply
	if err := p.informed(ctx, v); err != nil {
		return err
	}
	row, err := p.updateConversation(ctx, r.Conversation, func(row *store.Row[ConversationRow]) bool {
		c := &row.Value.Conversation
		if row.Value.Erased || !v.Ended.After(c.ReplyAt) {
			return false
		}
		note := r.Reason
		if r.State == flow.Sent {
			note = r.Permalink
		}
		c.ReplyState, c.ReplyNote, c.ReplyAt, c.Updated = r.State, note, v.Ended, p.now()
		if r.State == flow.Sent {
			spoken(c, v)
			c.Answer(v.Ended)
		}
		if r.State == flow.Sent && (c.Status == flow.Open || c.Status == flow.Waiting) {
			c.Status, c.AnsweredAt = flow.Answered, v.Ended
		}
		c.Revision++
		return true
	})
	if err != nil || row.Version == 0 || row.Value.Erased {
		return err
	}
	return p.tellAll(ctx, plan, row.Value.Conversation, flow.KindConversation)
}
