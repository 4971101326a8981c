// Package mastodon is a fake server of the Mastodon API with the quirks of the true ones: lists are paged by hidden
// numbers that only the Link header tells, min_id and since_id differ, ids are opaque (snowflakes or ULIDs), notifications
// of strangers are held back unless asked for, the limit's reset is an ISO time without Retry-After, an idempotency key is
// forgotten after an hour, the batch of statuses exists since 4.3 only, and deleted statuses are simply absent.
//
// A Server is an http.Handler for sockets and an http.RoundTripper for tests without sockets. It is safe for concurrent
// use. It belongs to one brand account, whose notifications and token it serves.
package mastodon

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options says how the server behaves. The zero value is a current Mastodon.
type Options struct {
	Now      func() time.Time // the server's clock; nil = time.Now
	Self     string           // base address without slash; "" = https://mastodon.twin.example, see SetSelf
	Seed     uint64           // makes ids differ between servers
	ULID     bool             // ids as GoToSocial gives them
	Version  string           // "" = 4.4.2; before 4.3 there is no batch of statuses, before 4.0 no instance v2
	Page     int              // the largest page; 0 = 40
	Brand    string           // name of the brand's account; "" = nordlicht
	Token    string           // its access token; "" = twin-token
	Scopes   string           // of that token; "" = all that a connector needs
	MaxText  int              // longest status in characters; 0 = 500
	NoKeys   bool             // Idempotency-Key is ignored, as GoToSocial does
	Quota    int              // calls per five minutes, then 429; 0 = no limit
	NoSearch bool             // statuses cannot be searched by words
}

// Account is somebody.
type Account struct {
	Name      string // user name
	Domain    string // of the home server; "" = here
	Display   string
	Bio       string // HTML
	Followers int
	Following int
	Posts     int
	Fields    []Field
	Bot       bool
	NoIndex   bool
	Hidden    bool // not indexable: words of its posts cannot be searched
	Stranger  bool // the notification policy holds its mentions back
	Created   time.Time
}

// Field is a line of a profile.
type Field struct {
	Name     string
	Value    string    // HTML
	Verified time.Time // the linked page links back; zero = not
}

// Post is what somebody says.
type Post struct {
	By         string // handle as AddAccount gave it
	Text       string // plain text; mentions, tags and addresses become links
	HTML       string // content as it is, instead of Text
	Visibility string // public (""), unlisted, private, direct
	ReplyTo    string // id of the status it answers
	Language   string
	Spoiler    string
	Media      []Media
	At         time.Time // zero = now
}

// Media is an attachment.
type Media struct{ Kind, URL, Alt string }

// Posted is a status that came by the API.
type Posted struct {
	ID, URI, Text, ReplyTo, Visibility, Key string
}

type account struct {
	Account
	id string
}

type status struct {
	id, acct   string
	pos        int // hidden place in lists
	post       Post
	text       string // plain
	created    time.Time
	edited     time.Time
	likes      int
	deleted    bool
	barred     bool
	byAPI      bool
	key        string
	mentions   []string // handles
	tags       []string
	remotePart string // of the uri
}

type notice struct {
	id, kind, acct, status string
	pos                    int
	at                     time.Time
	filtered               bool
}

type keyed struct {
	status string
	at     time.Time
}

// Server is the fake. Make it with New.
type Server struct {
	o       Options
	mu      sync.Mutex
	self    string
	n       int                 // counts ids and places
	people  map[string]*account // by handle
	byID    map[string]*status
	stats   []*status
	notices []*notice
	keys    map[string]keyed
	apps    map[string]string // client id → secret
	codes   map[string]string // code → client id
	tokens  map[string]string // token → scopes
	window  time.Time
	used    int
	mux     *http.ServeMux
}

const scopes = "read:notifications read:statuses read:search read:accounts write:statuses"

// New gives a server on which the brand has its account and nobody said anything.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "4.4.2"
	}
	set := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	set(&o.Self, "https://mastodon.twin.example")
	set(&o.Brand, "nordlicht")
	set(&o.Token, "twin-token")
	set(&o.Scopes, scopes)
	if o.Page == 0 {
		o.Page = 40
	}
	if o.MaxText == 0 {
		o.MaxText = 500
	}
	s := &Server{o: o, self: o.Self, people: map[string]*account{}, byID: map[string]*status{}, keys: map[string]keyed{},
		apps: map[string]string{}, codes: map[string]string{}, tokens: map[string]string{o.Token: o.Scopes}}
	s.AddAccount(Account{Name: o.Brand, Display: strings.ToUpper(o.Brand[:1]) + o.Brand[1:], Followers: 1200, Following: 80})
	s.routes()
	return s
}

// SetSelf changes the base address, once the port is known.
func (s *Server) SetSelf(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.self = base
}

// Brand is the actor address of the brand's account.
func (s *Server) Brand() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.actor(s.people[s.o.Brand])
}

// Token is the brand's access token.
func (s *Server) Token() string { return s.o.Token }

// Revoke makes a token invalid.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// AddAccount adds or replaces somebody and gives the handle: name, or name@domain.
func (s *Server) AddAccount(a Account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	handle := a.Name
	if a.Domain != "" {
		handle += "@" + a.Domain
	}
	if a.Created.IsZero() {
		a.Created = s.o.Now().AddDate(-2, 0, 0)
	}
	if old, ok := s.people[handle]; ok {
		old.Account = a
		return handle
	}
	s.people[handle] = &account{Account: a, id: s.newID(s.o.Now())}
	return handle
}

// Post says something and gives the status id. Whom it mentions is notified; only the brand's notifications are kept.
// An unknown author is added first.
func (s *Server) Post(p Post) string {
	if p.By == "" {
		p.By = s.o.Brand
	}
	s.mu.Lock()
	_, known := s.people[p.By]
	s.mu.Unlock()
	if !known {
		name, domain, _ := strings.Cut(p.By, "@")
		s.AddAccount(Account{Name: name, Domain: domain, Display: name, Followers: 40, Following: 60, Posts: 7})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(p).id
}

func (s *Server) add(p Post) *status {
	now := s.o.Now().UTC()
	if p.At.IsZero() {
		p.At = now
	}
	id := s.newID(p.At)
	st := &status{id: id, acct: p.By, pos: s.n, post: p, created: p.At.UTC(), remotePart: strconv.Itoa(s.n)}
	s.write(st, p)
	s.byID[st.id] = st
	s.stats = append(s.stats, st)
	if slices.Contains(st.mentions, s.o.Brand) && p.By != s.o.Brand {
		s.notify("mention", p.By, st.id)
	}
	return st
}

func (s *Server) write(st *status, p Post) {
	st.post = p
	st.text = p.Text
	content, mentions, tags := s.render(p.Text)
	if p.HTML == "" {
		st.post.HTML = content
	} else {
		st.text = p.HTML
		_, mentions, tags = s.render(visible(p.HTML))
	}
	st.mentions, st.tags = mentions, tags
	if parent := s.byID[p.ReplyTo]; parent != nil && !slices.Contains(st.mentions, parent.acct) && parent.acct != p.By && p.HTML != "" {
		st.mentions = append(st.mentions, parent.acct)
	}
}

func (s *Server) notify(kind, by, status string) {
	id := s.newID(s.o.Now())
	s.notices = append(s.notices, &notice{id: id, kind: kind, acct: by, status: status, pos: s.n, at: s.o.Now().UTC(),
		filtered: s.people[by].Stranger})
}

// Notify adds another notification of the brand: favourite, reblog, follow, update, quote … status may be "".
func (s *Server) Notify(kind, by, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byID[status]; st != nil && kind == "favourite" {
		st.likes++
	}
	s.notify(kind, by, status)
}

// Edit changes the text of a status.
func (s *Server) Edit(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byID[id]; st != nil {
		p := st.post
		p.Text, p.HTML = text, ""
		s.write(st, p)
		st.edited = s.o.Now().UTC()
	}
}

// Delete removes a status: it is absent from then on.
func (s *Server) Delete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byID[id]; st != nil {
		st.deleted = true
	}
}

// Bar forbids the brand to answer a status.
func (s *Server) Bar(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byID[id]; st != nil {
		st.barred = true
	}
}

// URI gives the global address of a status, "" if there was none of that id.
func (s *Server) URI(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byID[id]; st != nil {
		return s.uri(st)
	}
	return ""
}

// Find gives the id of the status at a global address, "" if none.
func (s *Server) Find(uri string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.stats {
		if s.uri(st) == uri {
			return st.id
		}
	}
	return ""
}

// Posted gives what came by the API, oldest first; what was deleted since is left out.
func (s *Server) Posted() []Posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Posted
	for _, st := range s.stats {
		if st.byAPI && !st.deleted {
			out = append(out, Posted{ID: st.id, URI: s.uri(st), Text: st.post.Text, ReplyTo: st.post.ReplyTo, Visibility: st.post.Visibility, Key: st.key})
		}
	}
	return out
}

// newID makes an id of a time, and moves the place on.
func (s *Server) newID(at time.Time) string {
	s.n++
	ms := uint64(at.UnixMilli())
	if !s.o.ULID {
		return strconv.FormatUint(ms<<16|(uint64(s.n)+s.o.Seed*977)&0xffff, 10)
	}
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	out := make([]byte, 26)
	tail := uint64(s.n) + s.o.Seed<<32
	for i := 25; i >= 10; i-- {
		out[i] = letters[tail&31]
		tail >>= 5
	}
	for i := 9; i >= 0; i-- {
		out[i] = letters[ms&31]
		ms >>= 5
	}
	return string(out)
}

func (s *Server) actor(a *account) string {
	if a.Domain == "" {
		return s.self + "/users/" + a.Name
	}
	return fmt.Sprintf("https://%s/users/%s", a.Domain, a.Name)
}

func (s *Server) uri(st *status) string {
	a := s.people[st.acct]
	if a.Domain == "" {
		return s.actor(a) + "/statuses/" + st.id
	}
	return s.actor(a) + "/statuses/9" + st.remotePart
}
