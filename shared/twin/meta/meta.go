// Package meta is a fake of Meta's Graph API and of its webhooks, with the quirks of the true ones: errors come with status
// 400 and a code in the body, a Page's token comes out of a log-in's, calls want a proof, limits are told in headers of
// JSON, messages may be sent for 24 hours, a comment may be answered privately once. Webhooks are signed over their raw
// bytes with every non-ASCII character and slash escaped, batched, flat or in lists, sent again until they are answered with
// 2xx and sometimes twice; the Page's own words come back as events. Deletion requests are signed forms.
//
// A Server is an http.Handler for sockets. It is safe for concurrent use. It belongs to one app with one Page and one
// Instagram account.
package meta

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The two platforms.
const (
	Facebook  = "facebook"
	Instagram = "instagram"
)

// Options says how the server behaves. The zero value is a Page and an account that work.
type Options struct {
	Now       func() time.Time // the server's clock; nil = time.Now
	Target    string           // address of the hook; "" = nothing is sent
	HTTP      *http.Client     // for webhooks; nil = http.DefaultClient
	Page      string           // id; "" = 1101
	Account   string           // id of the Instagram account; "" = 17841400000000001
	AppID     string           // "" = 7001
	AppSecret string           // signs webhooks and proves calls; "" = twin-app-secret
	Verify    string           // verify token; "" = twin-verify
	Token     string           // of the Page; "" = twin-page-token
	Flat      bool             // Instagram changes stand flat in the entry, as with Instagram Login
	Batch     int              // changes of one call; 0 = 1
	Twice     bool             // every call is sent once more after it was taken
	Standby   bool             // another inbox owns all conversations
	Agent     bool             // the app has the Human Agent permission
	Standard  []string         // permissions that have Standard Access only
	Denied    []string         // permissions that the log-in did not grant
	Business  string           // verification status; "" = verified
	Quota     int              // calls until a limit is answered; 0 = no limit
	Ends      time.Duration    // life of the Page's token; 0 = does not end
}

// Person is somebody, with the id that the Page or account sees.
type Person struct {
	ID        string
	Name      string
	Username  string // on Instagram
	Followers int
	Verified  bool
	Shy       bool   // gave no consent to their profile
	Blocks    bool   // cannot be written to
	Login     string // id that the app sees, where the person has logged in to it
}

// Post is what somebody says in public.
type Post struct {
	Platform string // Facebook, unless it is Instagram
	By       string // id of a person; "" = the brand
	Text     string
	On       string // the post or media it comments on; "" = it is a post
	Parent   string // the comment it answers
	Mention  bool   // it stands elsewhere and mentions the brand
	Stars    int    // it is a recommendation of the Page
	Photo    string // address of a picture
	At       time.Time
}

type thing struct {
	Post
	id      string
	at      time.Time
	gone    bool
	barred  bool
	walled  bool
	byAPI   bool
	private bool // was answered privately
}

type note struct {
	id, from, text string
	at             time.Time
	gone, byAPI    bool
	tag            string
}

// Server is the fake. Make it with New.
type Server struct {
	o      Options
	mu     sync.Mutex
	n      int
	people map[string]Person
	things map[string]*thing
	order  []*thing
	talks  map[string][]*note // by platform/person
	tokens map[string]string  // token → page, login, app, account
	codes  map[string]bool
	fields map[string][]string // subscribed fields by Page or account
	off    bool                // the app's callback is switched off
	blind  bool                // the permission to read what people say was withdrawn
	calls  int
	open   []event
}

// New gives a server on which nobody said anything.
func New(o Options) *Server {
	set := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	set(&o.Page, "1101")
	set(&o.Account, "17841400000000001")
	set(&o.AppID, "7001")
	set(&o.AppSecret, "twin-app-secret")
	set(&o.Verify, "twin-verify")
	set(&o.Token, "twin-page-token")
	set(&o.Business, "verified")
	if o.Batch == 0 {
		o.Batch = 1
	}
	all := []string{"feed", "mention", "ratings", "messages", "message_echoes", "message_edits", "messaging_postbacks", "standby"}
	ig := []string{"comments", "live_comments", "mentions", "messages", "messaging_postbacks", "message_edit"}
	return &Server{o: o, people: map[string]Person{}, things: map[string]*thing{}, talks: map[string][]*note{}, codes: map[string]bool{},
		tokens: map[string]string{o.Token: "page", o.AppID + "|" + o.AppSecret: "app"}, fields: map[string][]string{o.Page: all, o.Account: ig}}
}

// SetTarget names the hook's address once its port is known.
func (s *Server) SetTarget(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Target = address
}

// Add adds or replaces somebody.
func (s *Server) Add(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[p.ID] = p
}

// Revoke makes a token invalid: subcode 460, as after a new password.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// Rotate gives the Page another token, as a new log-in would; the old one is dead.
func (s *Server) Rotate(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, s.o.Token)
	s.o.Token = token
	s.tokens[token] = "page"
}

// Unsubscribe ends the webhooks of a Page or account, and SwitchOff those of the whole app.
func (s *Server) Unsubscribe(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.fields, id)
}

// SwitchOff is what Meta does with an address that fails for long.
func (s *Server) SwitchOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = true
}

// next makes an id that grows.
func (s *Server) next() string {
	s.n++
	return strconv.Itoa(900_000_000 + s.n)
}

func (s *Server) name(id, platform string) string {
	if id == s.o.Page || id == s.o.Account {
		return "nordlicht"
	}
	p := s.people[id]
	if platform == Instagram && p.Username != "" {
		return p.Username
	}
	if p.Name != "" {
		return p.Name
	}
	return "person " + id
}

// self is the brand's id on a platform.
func (s *Server) self(platform string) string {
	if platform == Instagram {
		return s.o.Account
	}
	return s.o.Page
}

// Say says something in public and gives its native id, as the connector's mention ids have it.
func (s *Server) Say(p Post) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.say(p, false).id
}

func (s *Server) say(p Post, byAPI bool) *thing {
	if p.Platform == "" {
		p.Platform = Facebook
	}
	if p.By == "" {
		p.By = s.self(p.Platform)
	}
	if p.At.IsZero() {
		p.At = s.o.Now()
	}
	t := &thing{Post: p, at: p.At.UTC().Truncate(time.Second), byAPI: byAPI, id: s.next()}
	switch {
	case p.Platform == Facebook && p.On != "":
		t.id = lastPart(p.On) + "_" + t.id
	case p.Platform == Facebook && p.Mention:
		t.id = p.By + "_" + t.id
	case p.Platform == Facebook && p.Stars == 0:
		t.id = s.o.Page + "_" + t.id
	}
	s.things[t.id] = t
	s.order = append(s.order, t)
	s.tell(t, "add")
	if p.Platform == Instagram && p.Mention {
		media := p.On
		if media == "" {
			return &thing{id: "mention." + t.id}
		}
		return &thing{id: "mention." + media + "." + t.id}
	}
	return t
}

// lastPart is the post's own part of its id.
func lastPart(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

// bare takes off what the connector puts before a mention's id.
func bare(id string) string {
	id = strings.TrimPrefix(id, "mention.")
	return id[strings.LastIndexByte(id, '.')+1:]
}

// Edit changes what was said in public. Instagram tells nobody.
func (s *Server) Edit(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.things[bare(id)]; t != nil {
		t.Text = text
		s.tell(t, "edited")
	}
}

// Remove deletes what was said in public. Instagram tells nobody.
func (s *Server) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.things[bare(id)]; t != nil {
		t.gone = true
		s.tell(t, "remove")
	}
}

// Bar forbids the brand to answer something.
func (s *Server) Bar(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.things[bare(id)]; t != nil {
		t.barred = true
	}
}

// Wall forbids our app to read something that stands elsewhere: code 10, as without Page Public Content Access.
func (s *Server) Wall(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.things[bare(id)]; t != nil {
		t.walled = true
	}
}

// Blind withdraws the permission to read what people say, or gives it back: single things look deleted then, lists are refused.
func (s *Server) Blind(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blind = on
}

// Write is a private message of somebody to the brand; it gives its native id.
func (s *Server) Write(platform, by, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(platform, by, &note{from: by, text: text}).id
}

// Echo is a private message of the brand to somebody by another tool.
func (s *Server) Echo(platform, to, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(platform, to, &note{from: s.self(platform), text: text}).id
}

func (s *Server) write(platform, with string, m *note) *note {
	m.id, m.at = "m_"+s.next()+"-Tw", s.o.Now().UTC().Truncate(time.Millisecond)
	key := platform + "/" + with
	s.talks[key] = append(s.talks[key], m)
	s.tellNote(platform, with, m, "message")
	return m
}

// Rewrite edits a private message, and Unsend takes it back.
func (s *Server) Rewrite(id, text string) {
	s.eachNote(id, "message_edit", func(m *note) { m.text = text })
}

// Unsend takes a private message back.
func (s *Server) Unsend(id string) { s.eachNote(id, "unsent", func(m *note) { m.gone = true }) }

func (s *Server) eachNote(id, what string, do func(*note)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, list := range s.talks {
		for _, m := range list {
			if m.id == id {
				do(m)
				platform, with, _ := strings.Cut(key, "/")
				s.tellNote(platform, with, m, what)
			}
		}
	}
}

// Sent is what came by the API.
type Sent struct {
	ID, Text, To, Tag string // To is what it answers, or the person
	Private           bool
}

// Sent gives what came by the API, oldest first in each place.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Sent
	for _, t := range s.order {
		if t.byAPI && !t.gone {
			to := t.Parent
			if to == "" {
				to = t.On
			}
			out = append(out, Sent{ID: t.id, Text: t.Text, To: to})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.talks)) {
		_, with, _ := strings.Cut(key, "/")
		for _, m := range s.talks[key] {
			if m.byAPI {
				out = append(out, Sent{ID: m.id, Text: m.text, To: with, Private: true, Tag: m.tag})
			}
		}
	}
	return out
}
