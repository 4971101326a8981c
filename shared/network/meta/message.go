package meta

import (
	"strings"
	"time"

	"rapport/shared/flow"
)

// Forms of native ids. Meta's own are kept as they are; a mention on foreign Instagram media has none of its own.
const mentionPrefix = "mention."

// isObject tells whether an id is one of a post or comment: digits, or digits_digits.
func isObject(native string) bool {
	return native != "" && strings.Trim(native, "0123456789_") == "" && strings.Count(native, "_") <= 1
}

// isMessage tells whether an id is one of a private message.
func isMessage(native string) bool {
	return native != "" && !isObject(native) && !strings.HasPrefix(native, mentionPrefix)
}

// letter is one thing that happened in a private conversation. Reading, typing, reactions and the like are left out.
type letter struct {
	Sender    lax[from]   `json:"sender"`
	Recipient lax[from]   `json:"recipient"`
	Timestamp number      `json:"timestamp"`
	Message   *lax[words] `json:"message"`
	Edit      *lax[words] `json:"message_edit"`
	Postback  *lax[tap]   `json:"postback"`
}

type words struct {
	ID          text            `json:"mid"`
	Text        text            `json:"text"`
	Echo        bool            `json:"is_echo"`
	Deleted     bool            `json:"is_deleted"`
	Unsupported bool            `json:"is_unsupported"`
	App         text            `json:"app_id"`
	Attachments lax[[]attached] `json:"attachments"`
	QuickReply  lax[tap]        `json:"quick_reply"`
	ReplyTo     lax[struct {
		ID    text        `json:"mid"`
		Story lax[medium] `json:"story"`
	}] `json:"reply_to"`
}

type tap struct {
	ID      text `json:"mid"`
	Title   text `json:"title"`
	Payload text `json:"payload"`
}

type attached struct {
	Type    text `json:"type"`
	Title   text `json:"title"`
	URL     text `json:"url"`
	Payload lax[struct {
		URL     text `json:"url"`
		Title   text `json:"title"`
		Sticker text `json:"sticker_id"`
	}] `json:"payload"`
}

// letter reads a private message.
func (r *reading) letter(l letter, standby bool) (flow.Event, bool) {
	at := r.at(l.Timestamp)
	m := flow.Mention{Kind: flow.Message, Private: true, Direction: flow.In, Created: at, Extra: map[string]any{}}
	e := flow.Event{Verb: flow.New, At: at}
	echo := false
	switch {
	case l.Message != nil:
		w := l.Message.v
		m.ID, m.Text, echo = string(w.ID), string(w.Text), w.Echo
		if w.Deleted {
			e.Verb = flow.Delete
		}
		w.describe(&m)
	case l.Edit != nil:
		w := l.Edit.v
		m.ID, m.Text, m.Edited, e.Verb = string(w.ID), string(w.Text), at, flow.Edit
	case l.Postback != nil: // a button was tapped: what stands on it was said
		p := l.Postback.v
		m.ID, m.Text = string(p.ID), string(first(p.Title, p.Payload))
		if m.ID == "" && l.Sender.v.ID != "" {
			m.ID = "postback." + string(l.Sender.v.ID) + "." + at.Format(time.RFC3339Nano)
		}
		put(m.Extra, "payload", p.Payload)
	}
	sender, recipient := l.Sender.v.ID, l.Recipient.v.ID
	if m.ID == "" || sender == "" && e.Verb != flow.Delete {
		return flow.Event{}, false
	}
	m.ID = id(m.ID)
	if sender != "" {
		m.Author = flow.Author{ID: id(string(sender))}
	}
	if echo || sender != "" && sender == r.ID {
		m.Direction = flow.Out
		if recipient != "" {
			m.To = id(string(recipient))
		}
	} else {
		m.ReplyUntil = at.Add(window)
	}
	if standby {
		m.Extra["standby"] = true
	}
	if e.Verb == flow.Delete {
		m = flow.Mention{ID: m.ID, Kind: m.Kind, Private: true, Direction: m.Direction, Author: m.Author, To: m.To, Created: at, Deleted: true}
	}
	e.Mention = m
	return e, true
}

// describe fills in all but the text.
func (w words) describe(m *flow.Mention) {
	if parent := w.ReplyTo.v; parent.ID != "" {
		m.Parent = id(string(parent.ID))
	} else {
		put(m.Extra, "story", parent.Story.v.ID)
	}
	put(m.Extra, "app", w.App)
	put(m.Extra, "payload", w.QuickReply.v.Payload)
	if w.Unsupported {
		m.Extra["unsupported"] = true
	}
	for _, a := range w.Attachments.v {
		address := string(first(a.Payload.v.URL, a.URL))
		kind := "file"
		switch a.Type {
		case "image", "video", "audio":
			kind = string(a.Type)
		case "ig_reel", "reel":
			kind = "video"
		case "story_mention":
			kind = "image"
			m.Extra["story_mention"] = true
		case "fallback", "share", "post", "ig_post": // a link and its preview
			if address != "" {
				m.Links = append(m.Links, address)
			}
			continue
		case "template", "location":
			continue
		}
		m.Media = append(m.Media, flow.Media{Kind: kind, URL: address, Alt: string(first(a.Title, a.Payload.v.Title)), Expires: expiry(address)})
	}
}
