package pipeline

import (
	"context"
	"slices"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// DraftAnswer keeps an answer that somebody wrote, to be approved by whoever may. Nothing is sent. The same text in the same
// conversation is the same answer: what was asked for already stays as it is.
func (p *Pipeline) DraftAnswer(ctx context.Context, conversation, text string, private bool, by string) (id string, err error) {
	row, _, err := p.conversation(ctx, conversation)
	if err != nil {
		return "", err
	}
	c := row.Value.Conversation
	if row.Version == 0 || row.Value.Erased {
		return "", fault.New(fault.NotFound, "no conversation %q is known", conversation)
	}
	if text == "" {
		return "", fault.New(fault.Invalid, "the answer is empty")
	}
	r := flow.Reply{ID: p.hashed("reply", c.ID, text, "draft"), Account: c.Account, Conversation: c.ID, Author: c.Author, Text: text,
		Private: private || c.Private, State: flow.Draft, Sender: by, Asked: p.now(), Until: c.ReplyUntil}
	_, err = p.updateConversation(ctx, c.ID, func(row *store.Row[ConversationRow]) bool {
		if slices.Contains(row.Value.Replies, r.ID) {
			return false
		}
		row.Value.Replies = last(append(row.Value.Replies, r.ID), maxReplies)
		return true
	})
	if err != nil {
		return "", err
	}
	_, err = p.replies.Update(ctx, r.ID, "-", func(row *store.Row[ReplyRow]) (bool, error) {
		if row.Version > 0 && !ended(row.Value.Reply.State) {
			return false, nil
		}
		row.Value = ReplyRow{Reply: r, At: p.now()}
		return true, nil
	})
	return r.ID, err
}

// Approve has a draft sent as an answer of whoever approves it; text over its own where that is not empty. The draft itself
// ends: who dies in between leaves both, and approving again sends nothing twice. NotFound: there is no such draft.
func (p *Pipeline) Approve(ctx context.Context, id, text, by string) error {
	row, err := p.draft(ctx, id)
	if err != nil {
		return err
	}
	drafted := row.Reply.Sender
	if text == "" {
		text = row.Reply.Text
	} else if text != row.Reply.Text {
		drafted = "" // those were other words
	}
	if err := p.answerAs(ctx, row.Reply.Conversation, text, row.Reply.Private, by, drafted); err != nil {
		return err
	}
	return p.endDraft(ctx, id, "approved by "+by)
}

// Drop ends a draft that nobody wants to send. NotFound: there is no such draft.
func (p *Pipeline) Drop(ctx context.Context, id, by string) error {
	if _, err := p.draft(ctx, id); err != nil {
		return err
	}
	return p.endDraft(ctx, id, "not approved by "+by)
}

func (p *Pipeline) draft(ctx context.Context, id string) (ReplyRow, error) {
	row, err := p.replies.One(ctx, id, "-")
	if err == nil && (row.Version == 0 || row.Value.Reply.State != flow.Draft) {
		err = fault.New(fault.NotFound, "there is no draft %q any more: somebody approved or dropped it", id)
	}
	return row.Value, err
}

// endDraft leaves of a draft what became of it. Its words stand in the answer, or nowhere.
func (p *Pipeline) endDraft(ctx context.Context, id, why string) error {
	_, err := p.replies.Update(ctx, id, "-", func(row *store.Row[ReplyRow]) (bool, error) {
		v := &row.Value
		if row.Version == 0 || v.Reply.State != flow.Draft {
			return false, nil
		}
		v.Reply.State, v.Reply.Reason, v.Reply.Text, v.Ended = flow.Failed, why, "", p.now()
		return true, nil
	})
	return err
}
