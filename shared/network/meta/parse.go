package meta

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// text is a JSON text or number, as text: ids come as both. Anything else is "".
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(clean(s))
		return nil
	}
	if len(data) > 0 && (data[0] == '-' || data[0] >= '0' && data[0] <= '9') {
		*t = text(data)
	}
	return nil
}

// number is a whole JSON number, or a text of one. Anything else is 0.
type number int64

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseInt(string(bytes.Trim(data, `"`)), 10, 64)
	if err == nil {
		*n = number(v)
	}
	return nil
}

// time reads seconds or milliseconds since 1970; zero for what is no time.
func (n number) time() time.Time {
	switch {
	case n <= 0 || n > 253_000_000_000_000:
		return time.Time{}
	case n > 100_000_000_000: // in seconds that would be in the year 5138
		return time.UnixMilli(int64(n)).UTC()
	}
	return time.Unix(int64(n), 0).UTC()
}

// lax decodes an object and takes anything else for an empty one: one odd value must not cost the rest of a body.
type lax[T any] struct{ v T }

// UnmarshalJSON never fails.
func (l *lax[T]) UnmarshalJSON(data []byte) error {
	var v T
	if json.Unmarshal(data, &v) == nil {
		l.v = v
	}
	return nil
}

type entry struct {
	ID        text          `json:"id"`
	Time      number        `json:"time"`
	Changes   lax[[]change] `json:"changes"`
	Field     text          `json:"field"` // the flat form, as Instagram Login sends it
	Value     lax[value]    `json:"value"`
	Messaging lax[[]letter] `json:"messaging"`
	Standby   lax[[]letter] `json:"standby"` // another inbox owns the thread
}

type change struct {
	Field text       `json:"field"`
	Value lax[value] `json:"value"`
}

// value is what a change of a feed, a mention, a rating or an Instagram comment says.
type value struct {
	Item, Verb     text
	Comment        text        `json:"comment_id"`
	Post           text        `json:"post_id"`
	Parent         text        `json:"parent_id"`
	Message        text        `json:"message"`
	Created        number      `json:"created_time"`
	Published      *number     `json:"published"`
	From           lax[from]   `json:"from"`
	Sender         text        `json:"sender_id"`
	SenderName     text        `json:"sender_name"`
	Permalink      text        `json:"permalink_url"`
	Place          lax[place]  `json:"post"`
	Link           text        `json:"link"`
	Photo          text        `json:"photo"`
	Photos         lax[[]text] `json:"photos"`
	Video          text        `json:"video"`
	Story          text        `json:"open_graph_story_id"`
	Reviewer       text        `json:"reviewer_id"`
	ReviewerName   text        `json:"reviewer_name"`
	Review         text        `json:"review_text"`
	Rating         number      `json:"rating"`
	Recommendation text        `json:"recommendation_type"`
	ID             text        `json:"id"` // Instagram from here on
	Text           text        `json:"text"`
	Media          lax[medium] `json:"media"`
	MediaID        text        `json:"media_id"`
}

type from struct {
	ID       text `json:"id"`
	Name     text `json:"name"`
	Username text `json:"username"`
	Self     text `json:"self_ig_scoped_id"` // set where the account itself speaks
}

type place struct {
	Permalink text `json:"permalink_url"`
}

type medium struct {
	ID      text `json:"id"`
	Ad      text `json:"ad_id"`
	AdTitle text `json:"ad_title"`
}

// Parse reads a webhook's body of any of Meta's shapes, or a deletion request. See network.Parser.
func (Network) Parse(raw network.Raw) ([]flow.Event, error) {
	if body := bytes.TrimSpace(raw.Body); len(body) == 0 || body[0] != '{' {
		e, err := erasure(raw.Body)
		if err != nil {
			return nil, err
		}
		return []flow.Event{e}, nil
	}
	var envelope struct {
		Object text            `json:"object"`
		Entry  json.RawMessage `json:"entry"`
	}
	var entries []lax[entry]
	if err := json.Unmarshal(raw.Body, &envelope); err != nil {
		return nil, fault.New(fault.Invalid, "the body is no JSON: %w", err)
	}
	if envelope.Object == "" || json.Unmarshal(envelope.Entry, &entries) != nil {
		return nil, fault.New(fault.Invalid, "the body has no object or no entries: this is no webhook of Meta")
	}
	platform := map[text]string{"page": facebook, "instagram": instagram}[envelope.Object]
	if platform == "" { // permissions, user, whatsapp_business_account …
		return nil, nil
	}
	var events []flow.Event
	for _, x := range entries {
		r := reading{entry: x.v, platform: platform, raw: raw}
		changes := r.Changes.v
		if r.Field != "" {
			changes = append(changes, change{r.Field, r.Value})
		}
		for _, c := range changes {
			r.add(r.change(c))
		}
		for _, m := range r.Messaging.v {
			r.add(r.letter(m, false))
		}
		for _, m := range r.Standby.v {
			r.add(r.letter(m, true))
		}
		events = append(events, r.events...)
	}
	return events, nil
}

// reading is one entry on its way.
type reading struct {
	entry
	platform string
	raw      network.Raw
	events   []flow.Event
}

func (r *reading) add(e flow.Event, ok bool) {
	if !ok {
		return
	}
	e.Account = string(r.ID)
	e.Mention.Network = Name
	if e.Mention.Extra == nil {
		e.Mention.Extra = map[string]any{}
	}
	e.Mention.Extra["platform"] = r.platform
	r.events = append(r.events, e)
}

// at gives the first time that is told; the reception where none is.
func (r *reading) at(times ...number) time.Time {
	for _, n := range append(times, r.Time) {
		if t := n.time(); !t.IsZero() {
			return t
		}
	}
	if r.raw.At.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return r.raw.At.UTC()
}

func (r *reading) change(c change) (flow.Event, bool) {
	v := c.Value.v
	if v.Comment == "0" {
		v.Comment = ""
	}
	switch string(c.Field) {
	case "feed":
		return r.feed(v, false)
	case "mention":
		return r.feed(v, true)
	case "ratings":
		return r.rating(v)
	case "comments", "live_comments":
		return r.caption(v, c.Field == "live_comments")
	case "mentions":
		return r.pointer(v)
	}
	return flow.Event{}, false
}

// verb gives ours for Meta's; "" for what is no event of interest, such as hiding.
func verb(v text) flow.Verb {
	switch v {
	case "add":
		return flow.New
	case "edit", "edited", "update":
		return flow.Edit
	case "remove", "delete":
		return flow.Delete
	}
	return ""
}

// items of a feed that somebody said.
func items() []text {
	return []text{"comment", "post", "status", "photo", "video", "share", "link", "note", "reel"}
}

// feed reads a post or comment on a Page, or one elsewhere in which the Page is mentioned.
func (r *reading) feed(v value, mention bool) (flow.Event, bool) {
	do := verb(v.Verb)
	native, kind := string(v.Post), flow.Post
	if v.Item == "comment" {
		native, kind = string(v.Comment), flow.Comment
	}
	draft := v.Published != nil && *v.Published == 0
	if do == "" || native == "" || draft || !slices.Contains(items(), v.Item) {
		return flow.Event{}, false
	}
	author := from{ID: first(v.From.v.ID, v.Sender), Name: first(v.From.v.Name, v.SenderName)}
	m := flow.Mention{ID: id(native), Kind: kind, Direction: flow.In, Text: string(v.Message), Author: author.author(r.ID), Created: r.at(v.Created),
		Permalink: permalink(v)}
	if author.ID != "" && author.ID == r.ID {
		m.Direction = flow.Out
	}
	if kind == flow.Comment && v.Post != "" {
		m.Root, m.Parent = id(string(v.Post)), id(string(v.Post))
		if v.Parent != "" && v.Parent != v.Post {
			m.Kind, m.Parent = flow.ReplyTo, id(string(v.Parent))
		}
	}
	m.Media = media(v)
	if v.Link != "" && len(m.Media) == 0 {
		m.Links = []string{string(v.Link)}
	}
	if mention {
		m.Extra = map[string]any{"mention": true}
	}
	e := flow.Event{Verb: do, At: m.Created, Mention: m}
	// A mention may come without the words that make it one.
	e.Thin = mention && do != flow.Delete && m.Text == "" && len(m.Media) == 0
	return r.changed(e), true
}

// changed puts the times of an edit or deletion right: created_time is that of the thing, the entry's is that of the event.
func (r *reading) changed(e flow.Event) flow.Event {
	if e.Verb == flow.New {
		return e
	}
	if t := r.Time.time(); t.After(e.At) {
		e.At = t
	}
	if e.Verb == flow.Edit {
		e.Mention.Edited = e.At
	} else {
		e.Mention = flow.Mention{ID: e.Mention.ID, Direction: e.Mention.Direction, Kind: e.Mention.Kind, Author: e.Mention.Author, Created: e.Mention.Created, Deleted: true}
	}
	return e
}

// rating reads a recommendation of a Page, and comments on it.
func (r *reading) rating(v value) (flow.Event, bool) {
	do := verb(v.Verb)
	switch {
	case do == "" || v.Story == "":
		return flow.Event{}, false
	case v.Item == "comment" && v.Comment != "":
		v.Post = v.Story
		return r.feed(v, false)
	case v.Item != "rating":
		return flow.Event{}, false
	}
	m := flow.Mention{ID: id(string(v.Story)), Kind: flow.Review, Direction: flow.In, Text: string(v.Review), Created: r.at(v.Created),
		Author: from{ID: v.Reviewer, Name: v.ReviewerName}.author(r.ID)}
	if v.Rating >= 1 && v.Rating <= 5 {
		m.Rating = int(v.Rating)
	}
	if v.Recommendation != "" {
		m.Extra = map[string]any{"recommendation": strings.ToLower(string(v.Recommendation))}
	}
	return r.changed(flow.Event{Verb: do, At: m.Created, Mention: m}), true
}

// caption reads a comment on the account's own Instagram media.
func (r *reading) caption(v value, live bool) (flow.Event, bool) {
	if v.ID == "" {
		return flow.Event{}, false
	}
	m := flow.Mention{ID: id(string(v.ID)), Kind: flow.Comment, Direction: flow.In, Text: string(v.Text), Author: v.From.v.author(r.ID), Created: r.at(),
		Extra: map[string]any{}}
	if who := v.From.v; who.ID != "" && (who.ID == r.ID || who.Self != "") {
		m.Direction = flow.Out
		m.Author.ID = id(string(r.ID))
	}
	if on := v.Media.v; on.ID != "" {
		m.Root, m.Parent = id(string(on.ID)), id(string(on.ID))
		put(m.Extra, "ad", on.Ad)
		put(m.Extra, "ad_title", on.AdTitle)
	}
	if v.Parent != "" {
		m.Kind, m.Parent = flow.ReplyTo, id(string(v.Parent))
	}
	if live {
		m.Extra["live"] = true
	}
	e := flow.Event{Verb: flow.New, At: m.Created, Mention: m}
	if v.Verb == "edited" { // by Check alone
		e.Verb, e.Mention.Edited = flow.Edit, e.At
		e.Mention.Created = r.at(v.Created)
	}
	return e, true
}

// pointer reads a mention on somebody else's Instagram media: ids alone, unless Check filled it in.
func (r *reading) pointer(v value) (flow.Event, bool) {
	if v.MediaID == "" {
		return flow.Event{}, false
	}
	native, kind := mentionPrefix+string(v.MediaID), flow.Post
	if v.Comment != "" {
		native, kind = native+"."+string(v.Comment), flow.Comment
	}
	m := flow.Mention{ID: id(native), Kind: kind, Direction: flow.In, Text: string(v.Text), Author: v.From.v.author(r.ID), Created: r.at(v.Created),
		Permalink: string(v.Permalink), Extra: map[string]any{"mention": true}}
	if kind == flow.Comment {
		m.Root, m.Parent = id(mentionPrefix+string(v.MediaID)), id(mentionPrefix+string(v.MediaID))
	}
	return flow.Event{Verb: flow.New, At: m.Created, Mention: m, Thin: v.Verb != "add"}, true
}

// author gives nobody where the network does not tell who. The Page or account that was reached is the brand.
func (f from) author(self text) flow.Author {
	if f.ID == "" && f.Username == "" {
		return flow.Author{}
	}
	a := flow.Author{Name: string(f.Name), Handle: string(f.Username)}
	if f.ID != "" {
		a.ID = id(string(f.ID))
	} else {
		a.ID = id("@" + string(f.Username)) // a mention names its author by handle alone
	}
	if f.Username != "" {
		a.URL = "https://www.instagram.com/" + url.PathEscape(string(f.Username)) + "/"
	}
	return a
}

func permalink(v value) string {
	link := string(first(v.Permalink, v.Place.v.Permalink))
	if link == "" && isObject(string(v.Post)) {
		link = "https://www.facebook.com/" + string(v.Post)
	}
	if _, comment, ok := strings.Cut(string(v.Comment), "_"); ok && link != "" && v.Permalink == "" && isObject(string(v.Comment)) {
		if strings.Contains(link, "?") {
			return link + "&comment_id=" + comment
		}
		return link + "?comment_id=" + comment
	}
	return link
}

// media lists what is attached. Addresses of Meta's servers end at a time that they name.
func media(v value) []flow.Media {
	var out []flow.Media
	for _, x := range append([]text{v.Photo}, v.Photos.v...) {
		if x != "" {
			out = append(out, flow.Media{Kind: "image", URL: string(x), Expires: expiry(string(x))})
		}
	}
	if v.Item == "photo" && len(out) == 0 && v.Link != "" {
		out = append(out, flow.Media{Kind: "image", URL: string(v.Link), Expires: expiry(string(v.Link))})
	}
	if v.Video != "" {
		out = append(out, flow.Media{Kind: "video", URL: string(v.Video), Expires: expiry(string(v.Video))})
	}
	return out
}

// expiry reads until when an address is good: seconds since 1970, in hex.
func expiry(address string) time.Time {
	u, err := url.Parse(address)
	if err != nil {
		return time.Time{}
	}
	n, err := strconv.ParseInt(u.Query().Get("oe"), 16, 64)
	if err != nil {
		return time.Time{}
	}
	return number(n).time()
}

func id(native string) string { return flow.MentionID(Name, native) }

func put(extra map[string]any, name string, v text) {
	if v != "" {
		extra[name] = string(v)
	}
}

func first(texts ...text) text {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// clean takes out what no store keeps.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "")
}
