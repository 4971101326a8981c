package meta

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rapport/shared/network"
)

var _ network.Ranger = Network{}

// lookBack is how much older than a range what is commented on may be. Who comments later is told by webhooks alone.
const lookBack = 30 * 24 * time.Hour

// How many things come with one call. What has more comments, or messages, than come along is read on by itself.
const (
	perPage = 25
	along   = 25
	below   = 100
)

// edges lists what a range reads, in this order. Recommendations and Instagram's mentions cannot be listed by time.
func edges(a network.Account) []string {
	if platformOf(a) == instagram {
		return []string{"media", "conversations"}
	}
	return []string{"feed", "tagged", "conversations"}
}

// reach is the cursor of a range.
type reach struct {
	Edge int      `json:"edge,omitempty"`
	Next string   `json:"next,omitempty"`
	Open []onward `json:"open,omitempty"` // what has more than came along
}

// onward is what is left to read below a post, comment or conversation.
type onward struct {
	Of    string `json:"of"`
	Next  string `json:"next,omitempty"`
	With  string `json:"with,omitempty"`  // of a conversation: the other one
	Under string `json:"under,omitempty"` // of answers: the media
}

// listed is a page of any edge.
type listed struct {
	Data   []thing `json:"data"`
	Paging struct {
		Cursors struct {
			After text `json:"after"`
		} `json:"cursors"`
		Next text `json:"next"`
	} `json:"paging"`
}

// next gives the cursor of the following page, "" if this is the last.
func (l listed) next() string {
	if l.Paging.Next == "" {
		return ""
	}
	return string(l.Paging.Cursors.After)
}

// thing is a post, comment, conversation or message in a list.
type thing struct {
	node
	Updated  text        `json:"updated_time"`
	Comments lax[listed] `json:"comments"`
	Replies  lax[listed] `json:"replies"`
	Messages lax[listed] `json:"messages"`
	To       lax[struct {
		Data []from `json:"data"`
	}] `json:"to"`
	People lax[struct {
		Data []from `json:"data"`
	}] `json:"participants"`
	Attached lax[struct {
		Data []attachment `json:"data"`
	}] `json:"attachments"`
	One lax[attachment] `json:"attachment"` // of a comment
}

type attachment struct {
	Type text `json:"media_type"`
	Kind text `json:"type"`
	File text `json:"file_url"`
	Mime text `json:"mime_type"`
	Data lax[struct {
		Image lax[struct {
			Src text `json:"src"`
		}] `json:"image"`
		Source text `json:"source"`
	}] `json:"media"`
	Image lax[struct {
		URL text `json:"url"`
	}] `json:"image_data"`
	Video lax[struct {
		URL text `json:"url"`
	}] `json:"video_data"`
}

func (t thing) at() time.Time { return when(first(t.Created, t.Timestamp)) }

// span is one call of a range on its way to bodies.
type span struct {
	a        network.Account
	from, to time.Time
	entries  []any
	open     []onward
}

func (s *span) holds(at time.Time) bool { return !at.Before(s.from) && at.Before(s.to) }

// Range reads posts and what was commented on them, places where the Page is tagged, and private messages, each newest first.
// It gives them in the shape of webhooks. See network.Ranger.
func (Network) Range(ctx context.Context, a network.Account, from, to time.Time, cursor string) (network.Page, error) {
	var r reach
	if err := network.ReadCursor(cursor, "range", &r); err != nil {
		return network.Page{}, err
	}
	list := edges(a)
	if r.Edge < 0 || r.Edge >= len(list) || a.Now.Before(from) {
		return network.Page{}, nil
	}
	s := &span{a: a, from: from, to: to}
	var err error
	if len(r.Open) > 0 {
		err = s.follow(ctx, list[r.Edge], r.Open[0])
		r.Open = r.Open[1:]
	} else {
		r.Next, err = s.list(ctx, list[r.Edge], r.Next)
	}
	if err != nil {
		return network.Page{}, err
	}
	if r.Open = append(r.Open, s.open...); len(r.Open) == 0 && r.Next == "" {
		r.Edge++
	}
	text, err := json.Marshal(r)
	page := network.Page{Cursor: string(text), More: r.Edge < len(list)}
	if len(s.entries) > 0 {
		object := map[string]string{facebook: "page", instagram: "instagram"}[platformOf(a)]
		data, _ := json.Marshal(map[string]any{"object": object, "entry": s.entries}) // plain texts: cannot fail
		page.Bodies = []network.Body{{Stream: "range", Data: data}}
	}
	return page, err
}

// Estimate counts what the first page of each list has, and reckons from there. See network.Ranger.
func (n Network) Estimate(ctx context.Context, a network.Account, from, to time.Time) (mentions, calls int, exact bool, err error) {
	exact = true
	for i := range edges(a) {
		s := &span{a: a, from: from, to: to}
		next, err := s.list(ctx, edges(a)[i], "")
		if err != nil {
			return 0, 0, false, err
		}
		mentions, calls = mentions+len(s.entries), calls+1+len(s.open)
		if next != "" || len(s.open) > 0 {
			mentions, calls, exact = mentions+len(s.entries), calls+1, false
		}
	}
	return mentions, calls, exact, nil
}

// list reads a page of an edge and tells the next, "" if there is none that matters.
func (s *span) list(ctx context.Context, edge, after string) (next string, err error) {
	since := s.from.Add(-lookBack)
	query := url.Values{"limit": {strconv.Itoa(perPage)}, "fields": {fieldsOf(s.a, edge)}}
	if after != "" {
		query.Set("after", after)
	}
	owner := s.a.ID
	switch edge {
	case "conversations":
		owner, since = inbox(s.a), s.from
		query.Set("platform", map[string]string{facebook: "messenger", instagram: "instagram"}[platformOf(s.a)])
	default:
		query.Set("since", strconv.FormatInt(since.Unix(), 10))
	}
	var page listed
	if _, _, err := call(ctx, s.a, "", "/"+url.PathEscape(owner)+"/"+edge, query, nil, &page); err != nil {
		return "", err
	}
	for _, t := range page.Data {
		if last := when(first(t.Updated, t.Created, t.Timestamp)); edge != "tagged" && !last.IsZero() && last.Before(since) {
			return "", nil // newest first: all that follows is older
		}
		switch edge {
		case "conversations":
			s.messages(onward{Of: string(t.ID), With: s.other(t)}, t.Messages.v)
		case "media":
			s.comments(onward{Of: string(t.ID)}, t.Comments.v)
		case "tagged":
			s.say("mention", t, "")
		default:
			s.say("feed", t, "")
			s.comments(onward{Of: string(t.ID)}, t.Comments.v)
		}
	}
	return page.next(), nil
}

// follow reads on where more was said than came along.
func (s *span) follow(ctx context.Context, edge string, of onward) error {
	sub, fields := "/comments", commentFields(s.a)
	switch {
	case edge == "conversations":
		sub, fields = "/messages", messageFields
	case of.Under != "":
		sub = "/replies"
	}
	query := url.Values{"limit": {strconv.Itoa(below)}, "fields": {fields}, "after": {of.Next}}
	if platformOf(s.a) == facebook && edge != "conversations" {
		query.Set("filter", "stream")
		query.Set("order", "reverse_chronological")
	}
	var page listed
	if _, _, err := call(ctx, s.a, "", "/"+url.PathEscape(of.Of)+sub, query, nil, &page); err != nil {
		return err
	}
	if edge == "conversations" {
		s.messages(of, page)
	} else {
		s.comments(of, page)
	}
	return nil
}

const messageFields = "id,created_time,from,to,message,attachments{mime_type,file_url,image_data{url},video_data{url}}"

func commentFields(a network.Account) string {
	if platformOf(a) == instagram {
		one := "id,text,timestamp,username,from,parent_id"
		return one + ",replies.limit(" + strconv.Itoa(along) + "){" + one + "}"
	}
	return "id,message,created_time,from,permalink_url,parent,attachment{type,media{image{src},source}}"
}

func fieldsOf(a network.Account, edge string) string {
	n := strconv.Itoa(along)
	switch edge {
	case "conversations":
		return "id,updated_time,participants,messages.limit(" + n + "){" + messageFields + "}"
	case "media":
		return "id,timestamp,comments.limit(" + n + "){" + commentFields(a) + "}"
	case "tagged":
		return "id,message,created_time,from,permalink_url"
	}
	return "id,message,created_time,from,permalink_url,attachments{media_type,media{image{src},source}},comments.filter(stream).order(reverse_chronological).limit(" + n + "){" + commentFields(a) + "}"
}

// comments takes in a list of comments, newest first, and notes what has to be read on.
func (s *span) comments(of onward, list listed) {
	on := of.Of
	if of.Under != "" {
		on = of.Under
	}
	for _, c := range list.Data {
		s.say("comments", c, on)
		if more := c.Replies.v; len(more.Data) > 0 {
			s.comments(onward{Of: string(c.ID), Under: on}, more)
		}
	}
	s.more(of, list)
}

// more notes that a list goes on, unless it came to the range's beginning.
func (s *span) more(of onward, list listed) {
	if of.Next = list.next(); of.Next == "" || len(list.Data) == 0 {
		return
	}
	if last := list.Data[len(list.Data)-1].at(); !last.IsZero() && last.Before(s.from) {
		return
	}
	s.open = append(s.open, of)
}

// say writes a post or comment as the webhook would tell it; on is what it comments on.
func (s *span) say(field string, t thing, on string) {
	at := t.at()
	if !s.holds(at) || t.ID == "" {
		return
	}
	v := map[string]any{"verb": "add", "created_time": at.Unix(), "from": t.who()}
	if platformOf(s.a) == instagram {
		v["id"], v["text"], v["parent_id"], v["media"] = t.ID, t.Text, t.ParentID, map[string]any{"id": on}
	} else {
		v["item"], v["message"], v["permalink_url"], v["post_id"] = "status", t.Message, t.Permalink, t.ID
		if field == "mention" {
			v["item"] = "post"
		}
		if on != "" {
			field, v["item"], v["comment_id"], v["post_id"], v["parent_id"] = "feed", "comment", t.ID, on, first(t.Parent.v.ID, text(on))
		}
		for _, x := range append(t.Attached.v.Data, t.One.v) {
			switch kind := string(first(x.Type, x.Kind)); {
			case strings.Contains(kind, "video") && x.Data.v.Source != "":
				v["video"] = x.Data.v.Source
			case strings.Contains(kind, "photo") || kind == "album":
				v["photo"] = x.Data.v.Image.v.Src
			}
		}
	}
	s.entries = append(s.entries, map[string]any{"id": s.a.ID, "time": at.Unix(), "changes": []any{map[string]any{"field": field, "value": v}}})
}

// other is who the account talks with.
func (s *span) other(t thing) string {
	for _, x := range t.People.v.Data {
		if x.ID != "" && string(x.ID) != s.a.ID && string(x.ID) != inbox(s.a) {
			return string(x.ID)
		}
	}
	return ""
}

// messages takes in private messages, newest first.
func (s *span) messages(of onward, list listed) {
	for _, m := range list.Data {
		at := m.at()
		if !s.holds(at) || m.ID == "" {
			continue
		}
		sender, to := m.From.v.ID, of.With
		own := string(sender) == s.a.ID || string(sender) == inbox(s.a)
		if own {
			sender = text(s.a.ID)
			if len(m.To.v.Data) > 0 {
				to = string(m.To.v.Data[0].ID)
			}
		} else {
			to = s.a.ID
		}
		words := map[string]any{"mid": m.ID, "text": m.Message, "is_echo": own}
		var files []any
		for _, x := range m.Attached.v.Data {
			kind, address := "file", x.File
			switch {
			case x.Image.v.URL != "":
				kind, address = "image", x.Image.v.URL
			case x.Video.v.URL != "":
				kind, address = "video", x.Video.v.URL
			case strings.HasPrefix(string(x.Mime), "audio/"):
				kind = "audio"
			}
			files = append(files, map[string]any{"type": kind, "payload": map[string]any{"url": address}})
		}
		if files != nil {
			words["attachments"] = files
		}
		s.entries = append(s.entries, map[string]any{"id": s.a.ID, "time": at.UnixMilli(), "messaging": []any{map[string]any{
			"sender": map[string]any{"id": sender}, "recipient": map[string]any{"id": to}, "timestamp": at.UnixMilli(), "message": words}}})
	}
	s.more(of, list)
}
