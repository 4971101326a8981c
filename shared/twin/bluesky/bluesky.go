// Package bluesky is a fake server of the AT Protocol, both the account's own host (PDS) and the network's index behind it
// (AppView), with the quirks of the true ones: an expired access token is a 400, refresh tokens rotate and an old one is
// refused, log-ins have a limit of their own, lists go back in time only and are ordered by a time that authors influence,
// the cursor of a search is a number, missing posts and profiles are left out silently, posts of somebody who blocks us look
// deleted, what the account writes reaches the index later than its own host, and the edge answers 403 in HTML.
//
// A Server is an http.Handler for sockets and an http.RoundTripper for tests without sockets. It is safe for concurrent
// use. It belongs to one brand account, whose notifications and session it serves.
package bluesky

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options says how the server behaves. The zero value is a current server.
type Options struct {
	Now      func() time.Time // the server's clock; nil = time.Now
	Brand    string           // handle of the brand's account; "" = nordlicht.example
	Email    string           // its address for log-ins; "" = social@nordlicht.example
	Password string           // its app password; "" = nord-lich-twin-pass
	Domain   string           // what the host gives handles below; "" = bsky.social
	Page     int              // the largest page; 0 = 100
	Quota    int              // calls per five minutes, then 429; 0 = no limit
	LogIns   int              // log-ins per day, then 429; 0 = 300
	Access   time.Duration    // life of an access token; 0 = 120 minutes
	Blind    bool             // putRecord ignores swapRecord, as simpler hosts do
	Lag      bool             // what came by the API is indexed only when Index is called
	Factor   bool             // the password is the main one, and a second factor is asked for
}

// Account is somebody.
type Account struct {
	Handle    string
	Display   string
	Bio       string
	Followers int
	Following int
	Posts     int
	Labels    []string
	Verified  bool // by a trusted verifier
	Created   time.Time
}

// Post is what somebody says.
type Post struct {
	By      string // handle
	Text    string // mentions, tags and addresses become facets
	ReplyTo string // address (at://…) of the post it answers
	Quote   string // address of the post it quotes
	Langs   []string
	Images  []string      // alt texts
	Before  time.Duration // how much earlier than now the author claims to have written it
}

// Posted is a post that came by the API.
type Posted struct{ URI, Text, Parent, Root string }

type account struct {
	Account
	did    string
	taken  bool // down, or deactivated
	blocks bool // the brand
}

type post struct {
	n       int // order of arrival
	uri     string
	cid     string
	by      *account
	record  object
	created time.Time // as claimed
	indexed time.Time
	sort    time.Time // the earlier of the two, as lists are ordered
	likes   int
	gated   bool // answers are restricted
	deleted bool
	hidden  bool // not yet indexed
	byAPI   bool
	labels  []string
}

type notice struct {
	n      int
	reason string
	by     *account
	post   *post
	about  string
	sort   time.Time
}

type token struct {
	refresh bool
	until   time.Time
	used    bool
}

// Server is the fake. Make it with New.
type Server struct {
	o       Options
	mu      sync.Mutex
	n       int
	people  map[string]*account // by DID
	handles map[string]*account
	posts   []*post
	notices []*notice
	reposts []*post
	tokens  map[string]*token
	window  time.Time
	used    int
	logins  int
	edge    bool
	mux     *http.ServeMux
}

type object = map[string]any

// New gives a server on which the brand has its account and nobody said anything.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	set := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	set(&o.Brand, "nordlicht.example")
	set(&o.Email, "social@nordlicht.example")
	set(&o.Password, "nord-lich-twin-pass")
	set(&o.Domain, "bsky.social")
	if o.Page == 0 {
		o.Page = 100
	}
	if o.LogIns == 0 {
		o.LogIns = 300
	}
	if o.Access == 0 {
		o.Access = 120 * time.Minute
	}
	s := &Server{o: o, people: map[string]*account{}, handles: map[string]*account{}, tokens: map[string]*token{}}
	s.AddAccount(Account{Handle: o.Brand, Display: "Nordlicht", Followers: 1200, Following: 80})
	s.routes()
	return s
}

// Brand is the DID of the brand's account.
func (s *Server) Brand() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handles[s.o.Brand].did
}

// AddAccount adds somebody, or replaces the profile of a handle, and gives the DID.
func (s *Server) AddAccount(a Account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.person(a).did
}

func (s *Server) person(a Account) *account {
	if a.Created.IsZero() {
		a.Created = s.o.Now().AddDate(-1, 0, 0).UTC()
	}
	if old := s.handles[a.Handle]; old != nil {
		old.Account = a
		return old
	}
	sum := sha256.Sum256([]byte(a.Handle))
	p := &account{Account: a, did: "did:plc:" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))}
	s.people[p.did], s.handles[a.Handle] = p, p
	return p
}

// Rename gives an account another handle; the DID stays.
func (s *Server) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.handles[from]; p != nil {
		delete(s.handles, from)
		p.Handle = to
		s.handles[to] = p
	}
}

// Post says something and gives its address (at://…). Whom it names, answers or quotes is notified; only the brand's
// notifications are kept. An unknown author is added first.
func (s *Server) Post(p Post) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.By == "" {
		p.By = s.o.Brand
	}
	by := s.handles[p.By]
	if by == nil {
		by = s.person(Account{Handle: p.By, Display: p.By, Followers: 40, Following: 60, Posts: 7})
	}
	now := s.o.Now().UTC()
	record := object{"$type": collection, "text": p.Text, "createdAt": stamp(now.Add(-p.Before))}
	if facets := s.facets(p.Text); len(facets) > 0 {
		record["facets"] = facets
	}
	if len(p.Langs) > 0 {
		record["langs"] = p.Langs
	}
	if parent := s.find(p.ReplyTo); parent != nil {
		root := object{"uri": parent.uri, "cid": parent.cid}
		if r, ok := parent.record["reply"].(object); ok {
			root = r["root"].(object)
		}
		record["reply"] = object{"root": root, "parent": object{"uri": parent.uri, "cid": parent.cid}}
	}
	if quoted := s.find(p.Quote); quoted != nil {
		record["embed"] = object{"$type": "app.bsky.embed.record", "record": object{"uri": quoted.uri, "cid": quoted.cid}}
	}
	if len(p.Images) > 0 {
		var images []object
		for _, alt := range p.Images {
			images = append(images, object{"alt": alt, "image": object{"$type": "blob", "ref": object{"$link": s.cid(alt)}, "mimeType": "image/jpeg", "size": 52011}})
		}
		record["embed"] = object{"$type": "app.bsky.embed.images", "images": images}
	}
	return s.add(by, s.key(now), record).uri
}

// add files a record and notifies the brand.
func (s *Server) add(by *account, rkey string, record object) *post {
	s.n++
	now := s.o.Now().UTC()
	p := &post{n: s.n, uri: "at://" + by.did + "/" + collection + "/" + rkey, cid: s.cid(fmt.Sprint(s.n, record)), by: by, record: record, indexed: now, sort: now}
	if text, _ := record["createdAt"].(string); text != "" {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			if p.created = at.UTC(); at.Before(now) {
				p.sort = at.UTC()
			}
		}
	}
	s.posts = append(s.posts, p)
	brand := s.handles[s.o.Brand]
	if by == brand {
		return p
	}
	if r, ok := record["reply"].(object); ok {
		parent, _ := r["parent"].(object)
		if about := s.find(fmt.Sprint(parent["uri"])); about != nil && about.by == brand {
			s.notify("reply", by, p, about.uri)
			return p
		}
	}
	if e, ok := record["embed"].(object); ok {
		r, _ := e["record"].(object)
		if about := s.find(fmt.Sprint(r["uri"])); about != nil && about.by == brand {
			s.notify("quote", by, p, about.uri)
			return p
		}
	}
	if names(record, brand.did) {
		s.notify("mention", by, p, "")
	}
	return p
}

func (s *Server) notify(reason string, by *account, p *post, about string) {
	s.n++
	s.notices = append(s.notices, &notice{n: s.n, reason: reason, by: by, post: p, about: about, sort: p.sort})
}

// Notify adds a notification that is no post: like, repost, follow, verified …
func (s *Server) Notify(reason, by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.person(Account{Handle: by, Display: by})
	now := s.o.Now().UTC()
	s.notify(reason, p, &post{uri: "at://" + p.did + "/app.bsky.graph." + reason + "/" + s.key(now), cid: s.cid(by), by: p, sort: now, indexed: now,
		record: object{"$type": "app.bsky.graph." + reason, "createdAt": stamp(now)}}, "")
}

// Repost shows a post of somebody else in the brand's own feed.
func (s *Server) Repost(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(uri); p != nil {
		s.reposts = append(s.reposts, p)
	}
}

// Delete removes a post; its author or the brand does that.
func (s *Server) Delete(uri string) { s.change(uri, func(p *post) { p.deleted = true }) }

// Gate restricts who may answer a post: the brand may not.
func (s *Server) Gate(uri string) { s.change(uri, func(p *post) { p.gated = true }) }

// Label puts a label on a post, as !takedown or !hide.
func (s *Server) Label(uri, label string) {
	s.change(uri, func(p *post) { p.labels = append(p.labels, label) })
}

func (s *Server) change(uri string, f func(*post)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(uri); p != nil {
		f(p)
	}
}

// Block makes somebody block the brand: the index hides their posts from it, though they stand.
func (s *Server) Block(handle string) { s.mark(handle, func(a *account) { a.blocks = true }) }

// TakeDown removes an account with all its posts from the index.
func (s *Server) TakeDown(handle string) { s.mark(handle, func(a *account) { a.taken = true }) }

func (s *Server) mark(handle string, f func(*account)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.handles[handle]; p != nil {
		f(p)
	}
}

// Index lets the index catch up with what came by the API.
func (s *Server) Index() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.posts {
		p.hidden = false
	}
}

// Edge makes the network's edge refuse every call with a page of HTML, or stops that.
func (s *Server) Edge(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edge = on
}

// Session logs the brand in and gives access and refresh token.
func (s *Server) Session() (access, refresh string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session()
}

// Expire ends the life of all access tokens; with all set, of the refresh tokens too.
func (s *Server) Expire(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if all || !t.refresh {
			t.until = time.Time{}
		}
	}
}

// LogIns tells how often somebody logged in with the password.
func (s *Server) LogIns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Posted gives what came by the API, oldest first; what was deleted since is left out.
func (s *Server) Posted() []Posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Posted
	for _, p := range s.posts {
		if !p.byAPI || p.deleted {
			continue
		}
		x := Posted{URI: p.uri}
		x.Text, _ = p.record["text"].(string)
		if r, ok := p.record["reply"].(object); ok {
			x.Parent, _ = r["parent"].(object)["uri"].(string)
			x.Root, _ = r["root"].(object)["uri"].(string)
		}
		out = append(out, x)
	}
	return out
}

// session makes a pair of tokens. They look like the true ones: nobody but the server should read more than the expiry.
func (s *Server) session() (access, refresh string) {
	now := s.o.Now()
	make1 := func(refresh bool, life time.Duration) string {
		s.n++
		claims := fmt.Sprintf(`{"sub":%q,"jti":"%d","iat":%d,"exp":%d}`, s.handles[s.o.Brand].did, s.n, now.Unix(), now.Add(life).Unix())
		text := strings.Join([]string{code([]byte(`{"typ":"at+jwt","alg":"none"}`)), code([]byte(claims)), code([]byte("twin-signature-" + strconv.Itoa(s.n)))}, ".")
		s.tokens[text] = &token{refresh: refresh, until: now.Add(life)}
		return text
	}
	return make1(false, s.o.Access), make1(true, 90*24*time.Hour)
}

func code(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// find gives the post at an address, nil if none or deleted.
func (s *Server) find(uri string) *post {
	i := slices.IndexFunc(s.posts, func(p *post) bool { return p.uri == uri && !p.deleted })
	if i < 0 {
		return nil
	}
	return s.posts[i]
}

// seen tells whether the index shows a post to the brand.
func (s *Server) seen(p *post) bool {
	return p != nil && !p.deleted && !p.hidden && !p.by.taken && !p.by.blocks
}

func (s *Server) cid(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "bafyrei" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// key makes a record key of a time (a TID).
func (s *Server) key(at time.Time) string {
	s.n++
	const letters = "234567abcdefghijklmnopqrstuvwxyz"
	v := uint64(at.UnixMicro())<<10 | uint64(s.n&1023)
	out := make([]byte, 13)
	for i := 12; i >= 0; i-- {
		out[i] = letters[v&31]
		v >>= 5
	}
	return string(out)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
