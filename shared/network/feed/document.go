package feed

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	ext "github.com/mmcdole/gofeed/extensions"
	"github.com/mmcdole/gofeed/rss"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// maxDepth is how deep elements may lie in each other: the library goes down by recursion.
const maxDepth = 100

// document is a feed in our words.
type document struct {
	title    string
	events   []flow.Event // in the feed's order, deletions last
	complete bool         // the feed holds all there is
	pause    time.Duration
	skip     []int // hours of the day (UTC) in which the site does not want to be read
}

// read makes a document of bytes. Invalid: they are no feed.
func read(address string, body []byte, raw network.Raw) (document, error) {
	f, err := parse(body)
	if err != nil {
		return document{}, err
	}
	r := reader{feed: f, address: address, raw: raw, host: host(first(address, f.FeedLink, f.Link)), repeated: map[string]int{}}
	doc := document{title: line(f.Title), complete: has(f.Extensions, "complete")}
	if o, ok := f.OriginalFeed().(*rss.Feed); ok {
		if n, err := strconv.Atoi(strings.TrimSpace(o.TTL)); err == nil && n > 0 {
			doc.pause = time.Duration(min(n, 24*60)) * time.Minute
		}
		for _, h := range o.SkipHours {
			if n, err := strconv.Atoi(strings.TrimSpace(h)); err == nil && n >= 0 && n <= 24 && !slices.Contains(doc.skip, n%24) {
				doc.skip = append(doc.skip, n%24)
			}
		}
	}
	items := f.Items[:min(len(f.Items), most)]
	for _, x := range items {
		if x != nil {
			r.repeated[x.GUID]++
		}
	}
	seen := map[string]bool{}
	for _, x := range items {
		if x == nil {
			continue
		}
		e, ok := r.event(x)
		if ok && !seen[e.ID()] {
			seen[e.ID()] = true
			doc.events = append(doc.events, e)
		}
	}
	for _, stone := range named(f.Extensions, "deleted-entry") {
		if ref := stone.Attrs["ref"]; ref != "" {
			at, err := time.Parse(time.RFC3339, stone.Attrs["when"])
			if err != nil || at.Year() < 1970 || at.Year() > 9998 {
				at = raw.At
			}
			doc.events = append(doc.events, gone(r.native(ref, "", ""), at))
		}
	}
	return doc, nil
}

// parse hands a document to the library. Never panics.
func parse(body []byte) (f *gofeed.Feed, err error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 || body[0] != '<' && body[0] != '{' {
		return nil, fault.New(fault.Invalid, "this is no feed: it is neither XML nor JSON")
	}
	if body, err = unified(body); err != nil {
		return nil, err
	}
	if body[0] == '<' && tooDeep(body) {
		return nil, fault.New(fault.Invalid, "this is no feed: its elements lie too deep in each other")
	}
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fault.New(fault.Invalid, "this is no feed that can be read: %v", p)
		}
	}()
	p := gofeed.NewParser()
	p.KeepOriginalFeed = true
	if f, err = p.Parse(bytes.NewReader(body)); err != nil {
		return nil, fault.New(fault.Invalid, "this is no feed that can be read: %w", err)
	}
	if f.FeedType == "json" && !strings.Contains(f.FeedVersion, "jsonfeed.org") {
		return nil, fault.New(fault.Invalid, "this is no JSON Feed: it names no version")
	}
	return f, nil
}

// tooDeep looks how deep elements lie in each other, as far as the document can be read at all.
func tooDeep(body []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	for depth := 0; depth <= maxDepth; {
		t, err := d.RawToken()
		if err != nil {
			return false // the end, or what the library stumbles over as well
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return true
}

// reader makes events of the entries of one feed.
type reader struct {
	feed     *gofeed.Feed
	address  string
	raw      network.Raw
	host     string         // of the feed
	repeated map[string]int // how often an id is in the document
}

// event says what an entry is in our words; false where it says nothing.
func (r reader) event(x *gofeed.Item) (flow.Event, bool) {
	title := line(x.Title)
	text, links := plain(first(x.Content, x.Description))
	if title == "" && text == "" {
		return flow.Event{}, false
	}
	permalink := unwrap(strings.TrimSpace(x.Link))
	if !strings.HasPrefix(permalink, "http") && strings.HasPrefix(x.GUID, "http") {
		permalink = strings.TrimSpace(x.GUID)
	}
	if !strings.HasPrefix(permalink, "http") {
		permalink = ""
	}
	m := flow.Mention{
		ID: flow.MentionID(name, r.native(x.GUID, permalink, first(title, text))), Network: name, Kind: flow.Post, Direction: flow.In,
		Text: whole(title, text), Lang: language(r.feed.Language), Permalink: clean(permalink), Extra: map[string]any{"feed_title": line(r.feed.Title)},
	}
	m.Created = r.created(x)
	m.Author = r.author(x, permalink)
	if r.own(host(permalink)) {
		m.Direction = flow.Out
	}
	if ref := named(x.Extensions, "in-reply-to"); len(ref) > 0 && ref[0].Attrs["ref"] != "" {
		m.Kind, m.Parent = flow.Comment, flow.MentionID(name, r.native(ref[0].Attrs["ref"], "", ""))
		m.Root = m.Parent
	}
	for _, l := range append(slices.Clone(x.Links), links...) {
		if l = clean(unwrap(l)); strings.HasPrefix(l, "http") && l != m.Permalink && !slices.Contains(m.Links, l) && len(m.Links) < 50 {
			m.Links = append(m.Links, l)
		}
	}
	for _, c := range x.Categories {
		if c = line(c); c != "" && !slices.Contains(m.Tags, c) && len(m.Tags) < 30 {
			m.Tags = append(m.Tags, c)
		}
	}
	m.Media = media(x)
	e := flow.Event{Verb: flow.New, At: m.Created, Mention: m}
	if at := x.UpdatedParsed; at != nil && x.PublishedParsed != nil && at.Sub(m.Created) > time.Second && !r.late(*at) {
		e.Verb, e.At, e.Mention.Edited = flow.Edit, at.UTC(), at.UTC()
	}
	return e, true
}

// native is how an entry is known: by its id where that is an address or the like, below the feed's address where it is a
// mere word, and by link and title where there is none.
func (r reader) native(id, link, title string) string {
	id = strings.TrimSpace(id)
	switch {
	case id == "" || r.repeated[id] > 1 && link != "":
		return r.host + "~" + digest(link, title)
	case !strings.Contains(id, ":"):
		at, _, _ := strings.Cut(first(r.address, r.feed.FeedLink, r.feed.Link), "?")
		_, place, _ := strings.Cut(at, "://")
		id = place + "#" + id
	}
	if len(id) > 180 || clean(id) != id || strings.ContainsAny(id, " \t\r\n") {
		return r.host + "~" + digest(id)
	}
	return id
}

// created is the entry's date; entries without one, or with one that is yet to come, count from when they were received.
func (r reader) created(x *gofeed.Item) time.Time {
	for _, at := range []*time.Time{x.PublishedParsed, x.UpdatedParsed} {
		if at != nil && at.Year() >= 1970 && !r.late(*at) {
			return at.UTC()
		}
	}
	return dated(r.raw.At)
}

// late tells whether a time is yet to come, with a day's grace for wrong zones.
func (r reader) late(at time.Time) bool {
	return at.Year() > 9998 || !r.raw.At.IsZero() && at.After(r.raw.At.Add(24*time.Hour))
}

// author is a name on a site, or the site itself. Feeds know no accounts.
func (r reader) author(x *gofeed.Item, permalink string) flow.Author {
	site := first(host(permalink), r.host, "unknown")
	out := flow.Author{ID: flow.MentionID(name, site), Name: site}
	if site == r.host || r.host == "" {
		out.Name = first(line(r.feed.Title), site)
	}
	if u, err := url.Parse(permalink); err == nil && u.Host != "" {
		out.URL = u.Scheme + "://" + u.Host
	}
	people := x.Authors
	if len(people) == 0 && x.DublinCoreExt != nil && len(x.DublinCoreExt.Creator) > 0 {
		people = []*gofeed.Person{{Name: x.DublinCoreExt.Creator[0]}}
	}
	for _, p := range people {
		if p == nil || line(p.Name) == "" {
			continue
		}
		out.Name = line(p.Name)
		out.ID = flow.MentionID(name, site+"~"+digest(strings.ToLower(out.Name)))
		break
	}
	return out
}

// own tells whether a site is the brand's.
func (r reader) own(site string) bool {
	if site == "" {
		return false
	}
	for _, d := range (network.Account{Settings: r.raw.Settings}).Texts("own") {
		d = strings.TrimPrefix(strings.ToLower(first(host(d), d)), "www.")
		if site == d || strings.HasSuffix(site, "."+d) {
			return true
		}
	}
	return false
}

func media(x *gofeed.Item) (out []flow.Media) {
	for _, e := range x.Enclosures {
		if e == nil || !strings.HasPrefix(e.URL, "http") || len(out) == 20 {
			continue
		}
		kind, _, _ := strings.Cut(e.Type, "/")
		if kind != "image" && kind != "audio" && kind != "video" {
			kind = "file"
		}
		size, _ := strconv.ParseInt(e.Length, 10, 64)
		out = append(out, flow.Media{Kind: kind, URL: clean(e.URL), Type: clean(e.Type), Size: max(size, 0)})
	}
	if len(out) == 0 && x.Image != nil && strings.HasPrefix(x.Image.URL, "http") {
		out = append(out, flow.Media{Kind: "image", URL: clean(x.Image.URL), Alt: line(x.Image.Title)})
	}
	return out
}

// unwrap gives the target of a search engine's redirect, or the address itself.
func unwrap(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Path != "/url" || !strings.HasPrefix(strings.TrimPrefix(u.Hostname(), "www."), "google.") {
		return address
	}
	for _, key := range []string{"url", "q"} {
		if target := u.Query().Get(key); strings.HasPrefix(target, "http") {
			return target
		}
	}
	return address
}

// named gives the extension elements of a name, whatever prefix the feed chose.
func named(all ext.Extensions, element string) (out []ext.Extension) {
	prefixes := make([]string, 0, len(all))
	for p := range all {
		prefixes = append(prefixes, p)
	}
	slices.Sort(prefixes)
	for _, p := range prefixes {
		out = append(out, all[p][element]...)
	}
	return out
}

func has(all ext.Extensions, element string) bool { return len(named(all, element)) > 0 }

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
}

func language(tag string) string {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	if len(base) != 2 {
		return ""
	}
	return base
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// short is what is remembered of an event.
func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}
