package x

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// list is an answer of the API, or a webhook, as far as we know it.
type list struct {
	Data     json.RawMessage `json:"data"` // a list, an object, or absent
	Includes includes        `json:"includes"`
	Errors   []problem       `json:"errors"`
	Meta     *struct {
		Newest string `json:"newest_id"`
		Next   string `json:"next_token"`
	} `json:"meta"`
	ForUser string `json:"for_user_id"` // the older product, which is not read

	posts []post // of Data, where it holds them
}

type includes struct {
	Users []user  `json:"users"`
	Posts []post  `json:"tweets"`
	Media []media `json:"media"`
}

type media struct {
	Key     string `json:"media_key"`
	Type    string `json:"type"`
	URL     string `json:"url"`
	Preview string `json:"preview_image_url"`
	Alt     string `json:"alt_text"`
}

// post is a post as version 2 of the API gives it, by poll and by webhook alike.
type post struct {
	ID           string `json:"id"`
	Text         string `json:"text"`
	AuthorID     string `json:"author_id"`
	CreatedAt    string `json:"created_at"`
	Lang         string `json:"lang"`
	Conversation string `json:"conversation_id"`
	ReplySetting string `json:"reply_settings"`
	Sensitive    bool   `json:"possibly_sensitive"`
	InReplyTo    string `json:"in_reply_to_tweet_id"`
	Referenced   []struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"referenced_tweets"`
	History []string `json:"edit_history_tweet_ids"`
	Metrics struct {
		Reposts int `json:"retweet_count"`
		Replies int `json:"reply_count"`
		Likes   int `json:"like_count"`
		Quotes  int `json:"quote_count"`
		Views   int `json:"impression_count"`
	} `json:"public_metrics"`
	Entities    entities `json:"entities"`
	Attachments struct {
		Keys []string `json:"media_keys"`
	} `json:"attachments"`
	Note *struct { // the whole of a long post
		Text     string   `json:"text"`
		Entities entities `json:"entities"`
	} `json:"note_tweet"`
}

type entities struct {
	URLs []struct {
		URL      string `json:"url"`
		Expanded string `json:"expanded_url"`
		Media    string `json:"media_key"`
	} `json:"urls"`
	Tags []struct {
		Tag string `json:"tag"`
	} `json:"hashtags"`
	Mentions []struct {
		ID string `json:"id"`
	} `json:"mentions"`
}

// user comes as it is, or wrapped.
type user struct {
	ID          string `json:"id"`
	Username    string `json:"username"`
	Display     string `json:"name"`
	Description string `json:"description"`
	Location    string `json:"location"`
	Avatar      string `json:"profile_image_url"`
	Protected   bool   `json:"protected"`
	Type        string `json:"verified_type"`
	Identity    bool   `json:"is_identity_verified"`
	CreatedAt   string `json:"created_at"`
	Metrics     *struct {
		Followers int `json:"followers_count"`
		Following int `json:"following_count"`
		Posts     int `json:"tweet_count"`
		Listed    int `json:"listed_count"`
	} `json:"public_metrics"`
	Entities struct {
		URL struct {
			URLs []struct {
				Expanded string `json:"expanded_url"`
			} `json:"urls"`
		} `json:"url"`
	} `json:"entities"`
	Data *user `json:"data"`
}

func (u user) bare() user {
	if u.Data != nil {
		return *u.Data
	}
	return u
}

// activity is an event of the Activity API.
type activity struct {
	Type   string `json:"event_type"`
	Filter struct {
		User string `json:"user_id"`
	} `json:"filter"`
	Payload  json.RawMessage `json:"payload"`
	Includes includes        `json:"includes"`
}

// direct is the payload of a message event.
type direct struct {
	Events []struct {
		Type    string `json:"type"`
		ID      string `json:"id"`
		Created string `json:"created_timestamp"` // milliseconds
		Message struct {
			Target struct {
				Recipient string `json:"recipient_id"`
			} `json:"target"`
			Sender string `json:"sender_id"`
			Data   struct {
				Text     string   `json:"text"`
				Entities entities `json:"entities"`
			} `json:"message_data"`
		} `json:"message_create"`
	} `json:"direct_message_events"`
	Users map[string]user `json:"users"`
}

// Parse reads pages of posts and events of the Activity API. Reposts, likes, follows and events of later days are no
// concern of ours.
func (Network) Parse(raw network.Raw) ([]flow.Event, error) {
	l, err := decode(raw.Body)
	if err != nil {
		return nil, err
	}
	if l.posts != nil || l.Data == nil {
		return events(l.posts, l.Includes, raw, raw.Account, "")
	}
	var e activity
	if err := json.Unmarshal(l.Data, &e); err != nil {
		return nil, foreign(err)
	}
	if e.Type == "" { // a post by itself, as stream webhooks send it
		var p post
		if err := json.Unmarshal(l.Data, &p); err != nil {
			return nil, foreign(err)
		}
		return events([]post{p}, l.Includes, raw, raw.Account, "")
	}
	switch {
	case e.Type == "post.delete":
		var p post
		if err := json.Unmarshal(e.Payload, &p); err != nil || p.ID == "" {
			return nil, foreign(err)
		}
		at := raw.At.UTC()
		if at.IsZero() {
			if at, _ = moment(p); at.IsZero() {
				return nil, foreign(nil)
			}
		}
		return []flow.Event{{Account: e.Filter.User, Verb: flow.Delete, At: at, Mention: flow.Mention{ID: flow.MentionID(Name, p.first()), Network: Name}}}, nil
	case e.Type == "dm.received" || e.Type == "dm.sent":
		return e.messages()
	case strings.HasPrefix(e.Type, "post.") && e.Type != "post.repost.create":
		var p post
		if err := json.Unmarshal(e.Payload, &p); err != nil {
			return nil, foreign(err)
		}
		return events([]post{p}, e.Includes, raw, e.Filter.User, e.Filter.User)
	}
	return nil, nil
}

func foreign(err error) error {
	if err == nil {
		return fault.New(fault.Invalid, "this is no answer and no event of the X API")
	}
	return fault.New(fault.Invalid, "this is no answer and no event of the X API: %w", err)
}

// decode reads an answer; posts are decoded where Data is a list.
func decode(body []byte) (l list, err error) {
	if b := bytes.TrimSpace(body); len(b) == 0 || b[0] != '{' {
		return l, foreign(nil)
	}
	if err := json.Unmarshal(body, &l); err != nil {
		return l, foreign(err)
	}
	switch data := bytes.TrimSpace(l.Data); {
	case len(data) == 0 || bytes.Equal(data, []byte("null")):
		if l.Meta == nil && len(l.Errors) == 0 && l.ForUser == "" {
			return l, foreign(nil)
		}
		l.Data = nil
	case data[0] == '[':
		l.posts = []post{}
		if err := json.Unmarshal(data, &l.posts); err != nil {
			return l, foreign(err)
		}
	case data[0] != '{':
		return l, foreign(nil)
	}
	return l, nil
}

// events says in our words what posts are. self is the vendor's id of the brand's account, reached of the one an event is for.
func events(posts []post, in includes, raw network.Raw, self, reached string) ([]flow.Event, error) {
	var out []flow.Event
	people := map[string]user{}
	for _, u := range in.Users {
		u = u.bare()
		people[u.ID] = u
	}
	for i, p := range posts {
		if p.refers("retweeted") != "" {
			continue
		}
		at, ok := moment(p)
		if !ok { // told without a time, so it is about now
			at = raw.At.UTC()
			ok = !at.IsZero()
		}
		if p.ID == "" || p.AuthorID == "" || !ok {
			return nil, fault.New(fault.Invalid, "post %d of %d has no id, author or time: this is no answer of the X API", i+1, len(posts))
		}
		e := flow.Event{Account: reached, Verb: flow.New, At: at, Mention: p.mention(at, people[p.AuthorID], in.Media)}
		if self != "" && p.AuthorID == self || raw.Stream == own {
			e.Mention.Direction = flow.Out
		}
		if first := p.first(); first != p.ID {
			e.Verb, e.Mention.Edited = flow.Edit, at
			if t, ok := born(first); ok {
				e.Mention.Created = t
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func (p post) mention(at time.Time, by user, files []media) flow.Mention {
	text, links := p.plain()
	m := flow.Mention{ID: flow.MentionID(Name, p.first()), Network: Name, Kind: flow.Post, Direction: flow.In, Text: text, Links: links, Lang: language(p.Lang),
		Permalink: "https://x.com/i/status/" + p.ID, Created: at, Author: flow.Author{ID: flow.MentionID(Name, p.AuthorID)},
		Likes: max(0, p.Metrics.Likes), Shares: max(0, p.Metrics.Reposts) + max(0, p.Metrics.Quotes), Comments: max(0, p.Metrics.Replies), Views: max(0, p.Metrics.Views),
		Extra: map[string]any{}}
	if by.ID != "" {
		m.Author = by.author()
	}
	if m.Author.Handle != "" {
		m.Permalink = "https://x.com/" + m.Author.Handle + "/status/" + p.ID
	}
	if parent := p.refers("replied_to"); parent != "" {
		m.Kind, m.Parent = flow.ReplyTo, flow.MentionID(Name, parent)
		if p.Conversation != "" && p.Conversation != p.ID && p.Conversation != p.first() {
			m.Root = flow.MentionID(Name, p.Conversation)
		}
	}
	if quoted := p.refers("quoted"); quoted != "" {
		m.Extra["quotes"] = flow.MentionID(Name, quoted)
	}
	if p.Sensitive {
		m.Extra["sensitive"] = true
	}
	for _, t := range p.Entities.Tags {
		m.Tags = append(m.Tags, clean(t.Tag))
	}
	m.Media = p.media(files, m.Extra)
	if len(m.Extra) == 0 {
		m.Extra = nil
	}
	return m
}

// media lists the attachments. Webhooks may bring no more than their keys, so that alternative texts stand beside the
// mention: else a poll of the same post would look like an edit.
func (p post) media(files []media, extra map[string]any) (out []flow.Media) {
	var alts []string
	for _, key := range p.Attachments.Keys {
		x := flow.Media{Kind: kindOf(key)}
		for _, f := range files {
			if f.Key == key {
				if x.URL = clean(f.URL); x.URL == "" {
					x.URL = clean(f.Preview)
				}
				if alt := clean(f.Alt); alt != "" {
					alts = append(alts, alt)
				}
			}
		}
		out = append(out, x)
	}
	if len(alts) > 0 {
		extra["alt"] = strings.Join(alts, "\n")
	}
	return out
}

// kindOf tells from a media key what it names: 3_ a photo, 7_ and 13_ a video, 16_ a moving picture.
func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, "_")
	switch kind {
	case "3":
		return "image"
	case "7", "13", "16":
		return "video"
	}
	return "file"
}

func (e activity) messages() ([]flow.Event, error) {
	var d direct
	if err := json.Unmarshal(e.Payload, &d); err != nil {
		return nil, foreign(err)
	}
	var out []flow.Event
	for _, x := range d.Events {
		if x.Type != "message_create" {
			continue
		}
		at, err := strconv.ParseInt(x.Created, 10, 64)
		if x.ID == "" || x.Message.Sender == "" || err != nil || at <= 0 || at > 253_000_000_000_000 {
			return nil, fault.New(fault.Invalid, "a message has no id, sender or time: this is no event of the X API")
		}
		text, links := expand(x.Message.Data.Text, x.Message.Data.Entities)
		created := time.UnixMilli(at).UTC()
		m := flow.Mention{ID: flow.MentionID(Name, message+x.ID), Network: Name, Kind: flow.Message, Private: true, Direction: flow.In, Text: text, Links: links,
			Created: created, Author: flow.Author{ID: flow.MentionID(Name, x.Message.Sender)}}
		if u := d.Users[x.Message.Sender].bare(); u.ID == x.Message.Sender {
			m.Author = u.author()
		}
		if x.Message.Sender == e.Filter.User || e.Type == "dm.sent" {
			m.Direction = flow.Out
			if to := x.Message.Target.Recipient; to != "" {
				m.To = flow.MentionID(Name, to)
			}
		}
		out = append(out, flow.Event{Account: e.Filter.User, Verb: flow.New, At: created, Mention: m})
	}
	return out, nil
}

// message stands before the native ids of direct messages.
const message = "dm/"

// author says who it is in our words. A blue mark is bought, so it vouches for nobody.
func (u user) author() flow.Author {
	out := flow.Author{ID: flow.MentionID(Name, u.ID), Handle: clean(u.Username), Name: clean(u.Display), Bio: clean(u.Description), Avatar: clean(u.Avatar),
		Location: clean(u.Location), Verified: u.Type == "business" || u.Type == "government" || u.Identity, Extra: map[string]any{}}
	if out.Handle != "" {
		out.URL = "https://x.com/" + out.Handle
	}
	if m := u.Metrics; m != nil {
		out.Counted = true
		out.Followers, out.Following, out.Posts, out.Listed = max(0, m.Followers), max(0, m.Following), max(0, m.Posts), max(0, m.Listed)
	}
	if t, err := when(u.CreatedAt); err == nil {
		out.Created = t
	}
	if len(u.Entities.URL.URLs) > 0 && u.Entities.URL.URLs[0].Expanded != "" {
		out.Extra["website"] = clean(u.Entities.URL.URLs[0].Expanded)
	}
	if u.Type != "" && u.Type != "none" {
		out.Extra["verified_type"] = clean(u.Type)
	}
	if u.Protected {
		out.Extra["protected"] = true
	}
	if len(out.Extra) == 0 {
		out.Extra = nil
	}
	return out
}

// first is the id by which a post is known: that of its first version.
func (p post) first() string {
	if len(p.History) > 0 && p.History[0] != "" {
		return p.History[0]
	}
	return p.ID
}

// newest is the id of its last version.
func (p post) newest() string {
	if n := len(p.History); n > 0 && p.History[n-1] != "" {
		return p.History[n-1]
	}
	return p.ID
}

// refers gives the post that this one replied_to, quoted or retweeted, "" if none.
func (p post) refers(how string) string {
	for _, r := range p.Referenced {
		if r.Type == how {
			return r.ID
		}
	}
	if how == "replied_to" {
		return p.InReplyTo
	}
	return ""
}

// mentioned tells whether the text names an account.
func (p post) mentioned(id string) bool {
	for _, e := range []entities{p.Entities, p.note()} {
		for _, m := range e.Mentions {
			if id != "" && m.ID == id {
				return true
			}
		}
	}
	return false
}

func (p post) note() entities {
	if p.Note != nil {
		return p.Note.Entities
	}
	return entities{}
}

// plain gives the whole text with addresses as their authors wrote them, and those addresses.
func (p post) plain() (string, []string) {
	if p.Note != nil && p.Note.Text != "" {
		return expand(p.Note.Text, entities{URLs: slices.Concat(p.Note.Entities.URLs, p.Entities.URLs)})
	}
	return expand(p.Text, p.Entities)
}

// expand undoes what X does to a text: addresses shortened, an address added for attachments, three characters escaped.
func expand(text string, e entities) (string, []string) {
	var links []string
	seen := map[string]bool{}
	for _, u := range e.URLs {
		if u.URL == "" || seen[u.URL] {
			continue
		}
		seen[u.URL] = true
		if u.Media != "" {
			text = strings.ReplaceAll(text, u.URL, "")
			continue
		}
		if full := clean(u.Expanded); full != "" {
			text = strings.ReplaceAll(text, u.URL, full)
			links = append(links, full)
		}
	}
	return strings.TrimSpace(clean(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text))), links
}

// clean makes a text that may be stored anywhere.
func clean(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ReplaceAll(text, "\x00", "")
}

// when reads a time of the API.
func when(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if t = t.UTC(); err != nil || t.Year() < 1970 || t.Year() > 9998 {
		return time.Time{}, fault.New(fault.Invalid, "%.40q is no time", text)
	}
	return t, nil
}

// moment is when a post was made.
func moment(p post) (time.Time, bool) {
	if t, err := when(p.CreatedAt); err == nil {
		return t, true
	}
	return born(p.ID)
}

// epoch is where the time in ids begins, in milliseconds.
const epoch = 1288834974657

// born reads the time out of an id. Ids made before November 2010 hold none.
func born(id string) (time.Time, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 1<<40 {
		return time.Time{}, false
	}
	return time.UnixMilli(n>>22 + epoch).UTC(), true
}

// number tells whether an id is that of a post.
func number(id string) bool {
	return id != "" && len(id) <= 19 && !strings.ContainsFunc(id, func(r rune) bool { return r < '0' || r > '9' })
}

// language gives an ISO 639-1 code; und, zxx and the like are none.
func language(tag string) string {
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if len(base) != 2 {
		return ""
	}
	return base
}
