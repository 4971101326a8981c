// Package x is a fake X with the quirks of the true one: everything that is read is charged for by the resource, an edit
// makes a new id, lists come newest first and answer 200 with errors beside data, searches refuse a since_id of more than
// seven days, refresh tokens are good for one use, replies are allowed only where the account was mentioned or quoted,
// duplicates are refused, users come bare or wrapped, and webhooks are signed without a time, after a challenge.
//
// A Server is an http.Handler for sockets and an http.RoundTripper for tests without sockets. It is safe for concurrent
// use. It serves one app, which one brand account uses.
package x

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options says how the server behaves.
type Options struct {
	Now        func() time.Time // the server's clock; nil = time.Now
	Page       int              // the largest page; 0 = 100
	Bearer     string           // app-only token; "" = twin-bearer
	Token      string           // a user token of the brand that does not expire; "" = twin-token
	Client     string           // OAuth client; "" = twin-client
	Secret     string           // of that client; "" = twin-secret
	Consumer   string           // consumer secret, which signs webhooks; "" = twin-consumer
	Brand      string           // handle of the brand's account; "" = nordlicht
	Enterprise bool             // replies are allowed everywhere
	Quota      int              // calls per fifteen minutes, then 429; 0 = no limit
	Credits    float64          // USD; what is left pays for reads, then 402; 0 = as much as is wanted
	Twice      bool             // what was charged before on the same UTC day is charged again, as X does not promise it is not
	Cap        int              // posts that may be read in all, then 429 usage-capped; 0 = no cap
	Hooks      *http.Client     // calls webhooks; nil = http.DefaultClient
	Reach      func(address string) string
}

// User is somebody.
type User struct {
	ID, Handle, Display, Bio, Location, Website string
	Type                                        string // none, blue, business, government
	Followers, Following, Posts, Listed         int
	Protected, Suspended                        bool
	Created                                     time.Time
}

// Post is what somebody says.
type Post struct {
	By       string // handle; "" = the brand
	Text     string
	ReplyTo  string // id
	Quotes   string // id
	Reposts  string // id
	Language string
	Media    []Media
	Settings string    // who may reply: everyone (""), following, mentionedUsers
	At       time.Time // zero = now
}

// Media is an attachment.
type Media struct{ Kind, URL, Alt string } // photo, video

type post struct {
	Post
	id, by  string // by = user id
	history *[]string
	root    string
	created time.Time
	deleted bool
	byAPI   bool
	asked   string // the text as it came by the API
	likes   int
}

type note struct {
	id, from, to, text string
	at                 time.Time
	byAPI              bool
}

type grant struct {
	expires time.Time
	scopes  string
}

// Server is the fake. Make it with New.
type Server struct {
	o       Options
	mu      sync.Mutex
	n       int64
	users   map[string]*User // by id
	posts   []*post          // oldest first
	notes   []*note
	tokens  map[string]grant
	refresh map[string]string // refresh token → scopes
	codes   map[string]string // code → challenge and redirect
	hooks   []*hook
	subs    []*subscription
	outbox  []Call
	charged map[string]int // resource → how many were charged
	usd     float64
	seen    map[string]bool // resource, id and UTC day that was charged already
	forced  []int
	calls   map[string]int
	window  time.Time
	used    int
	mux     *http.ServeMux
}

// New gives a server on which the brand has its account and nobody said anything.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	for s, def := range map[*string]string{&o.Bearer: "twin-bearer", &o.Token: "twin-token", &o.Client: "twin-client", &o.Secret: "twin-secret",
		&o.Consumer: "twin-consumer", &o.Brand: "nordlicht"} {
		if *s == "" {
			*s = def
		}
	}
	if o.Page == 0 {
		o.Page = 100
	}
	s := &Server{o: o, users: map[string]*User{}, tokens: map[string]grant{o.Token: {}}, refresh: map[string]string{}, codes: map[string]string{},
		charged: map[string]int{}, seen: map[string]bool{}, calls: map[string]int{}}
	s.AddUser(User{Handle: o.Brand, Display: strings.ToUpper(o.Brand[:1]) + o.Brand[1:], Type: "business", Followers: 5200, Following: 90, Posts: 800})
	s.routes()
	return s
}

// Brand is the id of the brand's account.
func (s *Server) Brand() string { return s.AddUser(User{Handle: s.o.Brand}) }

// AddUser adds somebody and gives the id; who is known by that handle stays as is.
func (s *Server) AddUser(u User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user(u).ID
}

func (s *Server) user(u User) *User {
	if old := s.byHandle(u.Handle); old != nil {
		return old
	}
	if u.ID == "" {
		s.n++
		u.ID = strconv.FormatInt(1_700_000_000_000+s.n, 10)
	}
	if u.Created.IsZero() {
		u.Created = s.o.Now().AddDate(-3, 0, 0)
	}
	s.users[u.ID] = &u
	return &u
}

func (s *Server) byHandle(handle string) *User {
	for _, u := range s.users {
		if strings.EqualFold(u.Handle, handle) {
			return u
		}
	}
	return nil
}

// Change lets somebody's account change: protect, suspend.
func (s *Server) Change(handle string, change func(*User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.byHandle(handle); u != nil {
		change(u)
	}
}

// epoch is where the time in ids begins, in milliseconds.
const epoch = 1288834974657

func (s *Server) newID(at time.Time) string {
	s.n++
	return strconv.FormatInt((at.UnixMilli()-epoch)<<22|s.n&0x3fffff, 10)
}

// Post says something, tells it to subscribed webhooks, and gives the id. An unknown author is added first.
func (s *Server) Post(p Post) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(p).id
}

func (s *Server) add(p Post) *post {
	if p.By == "" {
		p.By = s.o.Brand
	}
	if p.At.IsZero() {
		p.At = s.o.Now()
	}
	u := s.user(User{Handle: p.By, Display: p.By, Type: "none", Followers: 40, Following: 60, Posts: 7})
	x := &post{Post: p, by: u.ID, created: p.At.UTC(), id: s.newID(p.At)}
	x.history, x.root = &[]string{x.id}, x.id
	if parent := s.alive(p.ReplyTo); parent != nil {
		x.root = parent.root
	}
	s.posts = append(s.posts, x)
	s.tellPost(x)
	return x
}

// Edit changes a post, which gets a new id by that.
func (s *Server) Edit(id, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(id)
	if old == nil {
		return ""
	}
	x := *old
	x.Text, x.created = text, s.o.Now().UTC()
	x.id = s.newID(x.created)
	*x.history = append(*x.history, x.id)
	s.posts = append(s.posts, &x)
	s.tellPost(&x)
	return x.id
}

// Delete removes a post in all its versions.
func (s *Server) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.posts {
		if slices.Contains(*p.history, id) && !p.deleted {
			p.deleted = true
			if p.id == (*p.history)[len(*p.history)-1] {
				s.tell("post.delete", p.by, object{"id": p.id, "author_id": p.by}, object{"users": []object{{"data": s.userJSON(s.users[p.by])}}})
			}
		}
	}
}

// Like adds likes to a post.
func (s *Server) Like(id string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(id); p != nil {
		p.likes += n
	}
}

// Message sends a direct message to the brand and tells it to the webhooks.
func (s *Server) Message(from, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(User{Handle: from, Display: from, Type: "none", Followers: 40, Following: 60, Posts: 7})
	return s.message(u.ID, s.byHandle(s.o.Brand).ID, text).id
}

func (s *Server) message(from, to, text string) *note {
	now := s.o.Now().UTC()
	m := &note{id: s.newID(now), from: from, to: to, text: text, at: now}
	s.notes = append(s.notes, m)
	s.tellMessage(m)
	return m
}

// find gives a version of a post, also a deleted one.
func (s *Server) find(id string) *post {
	for _, p := range s.posts {
		if p.id == id {
			return p
		}
	}
	return nil
}

// alive gives a version of a post that anybody may see.
func (s *Server) alive(id string) *post {
	p := s.find(id)
	if p == nil || p.deleted || s.users[p.by].Suspended || s.users[p.by].Protected {
		return nil
	}
	return p
}

// Posted is what came by the API.
type Posted struct{ ID, Text, ReplyTo, To string }

// Posted lists what was posted and sent through the API.
func (s *Server) Posted() (out []Posted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.posts {
		if p.byAPI {
			out = append(out, Posted{ID: p.id, Text: p.Text, ReplyTo: p.ReplyTo})
		}
	}
	for _, m := range s.notes {
		if m.byAPI {
			out = append(out, Posted{ID: m.id, Text: m.text, To: m.to})
		}
	}
	return out
}

// Charged tells what the app was charged for: by resource, and in USD. What was charged before on the same UTC day is free.
func (s *Server) Charged() (of map[string]int, usd float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of = map[string]int{}
	for k, n := range s.charged {
		of[k] = n
	}
	return of, s.usd
}

// Calls tells how often a path was called, with its method: "GET /2/tweets".
func (s *Server) Calls(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[what]
}

// Force answers the next calls with these statuses.
func (s *Server) Force(statuses ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forced = append(s.forced, statuses...)
}

// Expire makes all tokens that Connect brought invalid now; refresh tokens still work.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, g := range s.tokens {
		if !g.expires.IsZero() {
			g.expires = s.o.Now()
			s.tokens[t] = g
		}
	}
}

// Revoke takes all access of users away, refresh tokens too.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens, s.refresh = map[string]grant{}, map[string]string{}
	s.tell("oauth.revoke", "", object{"date_time": s.o.Now().UTC().Format(time.RFC3339), "user_id": s.byHandle(s.o.Brand).ID, "app_id": "1"}, nil)
}
