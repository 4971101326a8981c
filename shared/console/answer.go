package console

import (
	"strings"

	"rapport/shared/decide/phrase"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// answerRoutes are drafts of answers, which somebody writes and somebody approves.
func (c *Console) answerRoutes() []route {
	return []route{
		{"POST", "/conversations/{id}/draft", running, "", "keep an answer as a draft, to be approved: text, or template (an action whose text is taken), private", true, c.draftAnswer},
		{"POST", "/answers/{id}/approve", running, "", "send a draft: text, where it is to be another", true, c.approveAnswer},
		{"POST", "/answers/{id}/drop", running, "", "end a draft that is not to be sent", true, c.dropAnswer},
	}
}

// mayAnswer refuses who may not write to people in a brand's name.
func mayAnswer(q *request, brand string) error {
	if !q.who.answers(brand) {
		return fault.New(fault.Unauthorized, "who answers must be allowed to read what was said: that takes the roles viewer and operator, or admin")
	}
	return nil
}

func (c *Console) draftAnswer(q *request) (answer, error) {
	ctx, id := q.r.Context(), q.value("id")
	t, err := c.talk(q)
	if err != nil {
		return answer{}, err
	}
	of, _ := t.Data.(talk)
	if err := mayAnswer(q, of.Brand); err != nil {
		return answer{}, err
	}
	text := q.value("text")
	if action := q.value("template"); text == "" && action != "" {
		w, err := c.offer(ctx, q, of.Conversation, action)
		if err != nil {
			return answer{}, err
		}
		if w == nil {
			return answer{}, wrong("no text belongs to %q: use one of %s", action, strings.Join(phrase.Actions(), ", "))
		}
		text = w.Text
	}
	draft, err := c.Pipeline.DraftAnswer(ctx, id, text, q.value("private") != "", q.who.User)
	if err != nil {
		return answer{}, err
	}
	a := answer{To: "/conversations/" + escape(id), Say: "The draft waits to be approved"}
	if q.api {
		a.Data = map[string]any{"answer": draft}
	}
	return a, c.note(ctx, q.who.User, "drafted an answer", id)
}

// draftOf finds the conversation of a draft that somebody may decide on.
func (c *Console) draftOf(q *request) (conversation string, err error) {
	ctx, id := q.r.Context(), q.value("id")
	row, err := c.replies.One(ctx, id, "-")
	if err != nil {
		return "", err
	}
	conversation = row.Value.Reply.Conversation
	talk, err := c.talks.One(ctx, flow.Place(conversation), "current")
	if err != nil {
		return "", err
	}
	if row.Version == 0 || !q.mine(talk.Value.Conversation.Brand) {
		return "", fault.New(fault.NotFound, "there is no draft %q", id)
	}
	return conversation, mayAnswer(q, talk.Value.Conversation.Brand)
}

func (c *Console) approveAnswer(q *request) (answer, error) {
	to, err := c.draftOf(q)
	if err != nil {
		return answer{}, err
	}
	if err := c.Pipeline.Approve(q.r.Context(), q.value("id"), q.value("text"), q.who.User); err != nil {
		return answer{}, err
	}
	return answer{To: "/conversations/" + escape(to), Say: "The answer is on its way"}, c.note(q.r.Context(), q.who.User, "approved an answer", to)
}

func (c *Console) dropAnswer(q *request) (answer, error) {
	to, err := c.draftOf(q)
	if err != nil {
		return answer{}, err
	}
	if err := c.Pipeline.Drop(q.r.Context(), q.value("id"), q.who.User); err != nil {
		return answer{}, err
	}
	return answer{To: "/conversations/" + escape(to), Say: "The draft is gone"}, c.note(q.r.Context(), q.who.User, "dropped a draft", to)
}
