// Package feed is a fake website with feeds: RSS 2.0, Atom, JSON Feed, or an alert of a search engine in Atom. It has the
// quirks of true ones: it shows the newest entries only, answers 304 to whoever knows its version, moves, tells how often it
// wants to be read, forbids robots, forgets ids and dates, breaks off in the middle, and serves a page of HTML in its place.
//
// A Site is an http.Handler for sockets and an http.RoundTripper for tests without sockets. It is safe for concurrent use.
package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rapport/shared/direct"
)

// Options says how the site behaves. The zero value is a tidy RSS feed.
type Options struct {
	Now      func() time.Time // the site's clock; nil = time.Now
	Self     string           // base address without slash; "" = https://verlag.twin.example, see SetSelf
	Title    string           // of the feed; "" = Nachrichten
	Format   string           // rss (""), atom, json, alert
	Window   int              // entries shown; 0 = 100
	NoTag    bool             // neither ETag nor Last-Modified
	NoIDs    bool             // entries have no id
	NoDates  bool             // entries have no dates
	Complete bool             // the feed says that it holds all there is: what is absent was deleted
	TTL      int              // minutes; 0 = not told
	MaxAge   int              // seconds; 0 = not told
	Robots   string           // robots.txt; "" = there is none
	Auth     string           // wanted in Authorization; "" = public
}

// Entry is something the site publishes.
type Entry struct {
	Title, HTML, Author string
	Link                string    // "" = a page of the site
	Answers             string    // id of the entry that it comments
	At                  time.Time // zero = now
	id                  string
	edited              time.Time
}

// Site is the fake. Make it with New.
type Site struct {
	mu      sync.Mutex
	o       Options
	n       int
	entries []Entry
	stones  []Entry // deleted, and the feed says so
	moved   string  // path that the feed moved to
	status  int     // answers the feed instead
	broken  string  // see Break
	calls   map[string]int
}

// New gives a site that published nothing.
func New(o Options) *Site {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Self == "" {
		o.Self = "https://verlag.twin.example"
	}
	if o.Title == "" {
		o.Title = "Nachrichten"
	}
	if o.Window == 0 {
		o.Window = 100
	}
	return &Site{o: o, calls: map[string]int{}}
}

// SetSelf changes the base address, once the port is known.
func (s *Site) SetSelf(base string) { s.Change(func(o *Options) { o.Self = base }) }

// Change changes how the site behaves from now on.
func (s *Site) Change(f func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.o)
}

// Publish adds an entry and gives its id as the feed tells it, "" where the feed tells none.
func (s *Site) Publish(e Entry) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if e.At.IsZero() {
		e.At = s.o.Now()
	}
	if e.Link == "" {
		e.Link = fmt.Sprintf("%s/posts/%d", s.o.Self, s.n)
	}
	switch s.o.Format {
	case "atom":
		e.id = fmt.Sprintf("tag:verlag.example,2026:%d", s.n)
	case "alert":
		e.id = fmt.Sprintf("tag:google.com,2013:googlealerts/feed:%d", 9000000000000000000+s.n)
	default:
		e.id = fmt.Sprintf("%s/posts/%d", s.o.Self, s.n)
	}
	s.entries = append(s.entries, e)
	if s.o.NoIDs {
		return ""
	}
	return e.id
}

// Edit changes what an entry says.
func (s *Site) Edit(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.entries {
		if s.entries[i].id == id {
			s.entries[i].HTML, s.entries[i].edited = text, s.o.Now()
		}
	}
}

// Retract takes an entry out of the feed; with a tombstone (Atom) the feed says that it was deleted.
func (s *Site) Retract(id string, tombstone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.entries, func(e Entry) bool { return e.id == id })
	if i < 0 {
		return
	}
	if tombstone {
		e := s.entries[i]
		e.edited = s.o.Now()
		s.stones = append(s.stones, e)
	}
	s.entries = slices.Delete(s.entries, i, i+1)
}

// Move lets /feed lead to another path for good (301).
func (s *Site) Move(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = path
}

// Fail lets the feed answer a status, 0 = no longer.
func (s *Site) Fail(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Break spoils the feed: cut (it breaks off), page (HTML in its place), ampersand (bare & and unknown entities),
// control (characters that XML forbids), "" = no longer.
func (s *Site) Break(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = how
}

// Calls tells how often a path was asked for; a status behind it counts those answers alone, as "/feed 304".
func (s *Site) Calls(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path]
}

// ServeHTTP answers one call.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[r.URL.Path]++
	answer := func(status int, body string) {
		s.calls[r.URL.Path+" "+strconv.Itoa(status)]++
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a client that went away is no concern of the site
	}
	feed := strings.HasPrefix(r.URL.Path, "/feed") || s.moved != "" && r.URL.Path == s.moved
	switch {
	case r.URL.Path == "/robots.txt" && s.o.Robots != "":
		answer(200, s.o.Robots)
	case !feed:
		answer(404, "not here")
	case s.o.Auth != "" && r.Header.Get("Authorization") != s.o.Auth:
		answer(401, "who are you?")
	case s.status != 0:
		answer(s.status, "not now")
	case s.moved != "" && r.URL.Path != s.moved:
		w.Header().Set("Location", s.moved)
		answer(301, "")
	default:
		s.feed(w, r, answer)
	}
}

func (s *Site) feed(w http.ResponseWriter, r *http.Request, answer func(int, string)) {
	body, kind := s.render()
	sum := sha256.Sum256([]byte(body))
	tag := `W/"` + hex.EncodeToString(sum[:8]) + `"`
	if !s.o.NoTag {
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", s.changed().UTC().Format(http.TimeFormat))
	}
	if s.o.MaxAge > 0 {
		w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(s.o.MaxAge))
	}
	w.Header().Set("Content-Type", kind)
	if !s.o.NoTag && r.Header.Get("If-None-Match") == tag {
		answer(304, "")
		return
	}
	switch s.broken {
	case "cut":
		body = body[:len(body)*2/3]
	case "page":
		body = "<!DOCTYPE html><html><head><title>Wartung</title></head><body><p>Gleich wieder da.</p></body></html>"
	case "ampersand":
		body = strings.ReplaceAll(body, "<title>", "<title>Müller & Söhne &nbsp;&bogus; ")
	case "control":
		body = strings.ReplaceAll(body, "<title>", "<title>\x0b\x01")
	}
	answer(200, body)
}

// RoundTrip answers a call without a socket.
func (s *Site) RoundTrip(r *http.Request) (*http.Response, error) {
	return direct.Transport{Handler: s}.RoundTrip(r)
}

func (s *Site) changed() time.Time {
	var last time.Time
	for _, e := range slices.Concat(s.entries, s.stones) {
		last = latest(last, latest(e.At, e.edited))
	}
	return last
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// shown gives the newest entries, newest first.
func (s *Site) shown() []Entry {
	out := slices.Clone(s.entries[max(0, len(s.entries)-s.o.Window):])
	slices.Reverse(out)
	return out
}

func (s *Site) render() (body, kind string) {
	switch s.o.Format {
	case "atom", "alert":
		return s.atom(), "application/atom+xml; charset=utf-8"
	case "json":
		return s.json(), "application/feed+json"
	}
	return s.rss(), "application/rss+xml; charset=utf-8"
}

func (s *Site) rss() string {
	var b strings.Builder
	esc := html.EscapeString
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:fh="http://purl.org/syndication/history/1.0"><channel><title>%s</title><link>%s/</link><language>de-DE</language>`, esc(s.o.Title), esc(s.o.Self))
	if s.o.TTL > 0 {
		fmt.Fprintf(&b, "<ttl>%d</ttl>", s.o.TTL)
	}
	if s.o.Complete {
		b.WriteString("<fh:complete/>")
	}
	for _, e := range s.shown() {
		fmt.Fprintf(&b, "<item><title>%s</title><link>%s</link><content:encoded><![CDATA[%s]]></content:encoded>", esc(e.Title), esc(e.Link), e.HTML)
		if e.Author != "" {
			fmt.Fprintf(&b, "<dc:creator>%s</dc:creator>", esc(e.Author))
		}
		if !s.o.NoIDs {
			fmt.Fprintf(&b, `<guid isPermaLink="false">%s</guid>`, esc(e.id))
		}
		if !s.o.NoDates {
			fmt.Fprintf(&b, "<pubDate>%s</pubDate>", e.At.UTC().Format(time.RFC1123Z))
		}
		b.WriteString("</item>")
	}
	b.WriteString("</channel></rss>")
	return b.String()
}

func (s *Site) atom() string {
	var b strings.Builder
	esc := html.EscapeString
	title := s.o.Title
	if s.o.Format == "alert" {
		title = "Google Alert – " + s.o.Title
	}
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" xmlns:at="http://purl.org/atompub/tombstones/1.0" xmlns:fh="http://purl.org/syndication/history/1.0" xml:lang="de"><id>tag:verlag.example,2026:feed</id><title>%s</title><updated>%s</updated>`, esc(title), s.changed().UTC().Format(time.RFC3339))
	if s.o.Complete {
		b.WriteString("<fh:complete/>")
	}
	for _, e := range s.stones {
		fmt.Fprintf(&b, `<at:deleted-entry ref="%s" when="%s"/>`, esc(e.id), e.edited.UTC().Format(time.RFC3339))
	}
	for _, e := range s.shown() {
		link, name := e.Link, esc(e.Title)
		if s.o.Format == "alert" {
			link = "https://www.google.com/url?rct=j&sa=t&url=" + url.QueryEscape(e.Link) + "&ct=ga&cd=twin"
			name = esc(strings.ReplaceAll(e.Title, s.o.Title, "<b>"+s.o.Title+"</b>"))
		}
		fmt.Fprintf(&b, `<entry><title type="html">%s</title><link href="%s"/><content type="html">%s</content>`, name, esc(link), esc(e.HTML))
		if e.Author != "" && s.o.Format != "alert" {
			fmt.Fprintf(&b, "<author><name>%s</name></author>", esc(e.Author))
		}
		if e.Answers != "" {
			fmt.Fprintf(&b, `<thr:in-reply-to ref="%s"/>`, esc(e.Answers))
		}
		if !s.o.NoIDs {
			fmt.Fprintf(&b, "<id>%s</id>", esc(e.id))
		}
		if !s.o.NoDates {
			fmt.Fprintf(&b, "<published>%s</published><updated>%s</updated>", e.At.UTC().Format(time.RFC3339), latest(e.At, e.edited).UTC().Format(time.RFC3339))
		}
		b.WriteString("</entry>")
	}
	b.WriteString("</feed>")
	return b.String()
}

func (s *Site) json() string {
	items := []map[string]any{}
	for _, e := range s.shown() {
		x := map[string]any{"url": e.Link, "title": e.Title, "content_html": e.HTML}
		if !s.o.NoIDs {
			x["id"] = e.id
		}
		if e.Author != "" {
			x["authors"] = []map[string]any{{"name": e.Author}}
		}
		if !s.o.NoDates {
			x["date_published"] = e.At.UTC().Format(time.RFC3339)
			if !e.edited.IsZero() {
				x["date_modified"] = e.edited.UTC().Format(time.RFC3339)
			}
		}
		items = append(items, x)
	}
	out, _ := json.Marshal(map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": s.o.Title, "home_page_url": s.o.Self + "/", "language": "de", "items": items}) // plain data
	return string(out)
}
