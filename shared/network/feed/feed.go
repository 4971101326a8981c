// Package feed connects Rapport with RSS 2.0, Atom and JSON Feed: news, blogs, forums, Google Alerts.
//
// What is odd: a feed is a document of the newest entries, read whole each time, so that the cursor remembers which of them
// were seen, and a body is the document as it came with the list of what is new in it. What has left the document is not
// deleted: feeds are windows. Only a tombstone (RFC 6721), or absence from a feed that calls itself complete (RFC 5005),
// says so. Entries may lack ids and dates, ids may be numbers that other feeds use too, authors are mere names. Feeds are
// broken in small ways all the time. Sites say how often they like to be read, and robots.txt who may; an alert of a search
// engine is made for its one subscriber, so robots.txt does not speak of it. Nothing can be answered.
//
// Documentation: https://www.rssboard.org/rss-specification, https://www.rfc-editor.org/rfc/rfc4287,
// https://www.jsonfeed.org/version/1.1/, https://www.rfc-editor.org/rfc/rfc9309 (robots.txt)
package feed

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

var (
	_ network.Parser = Network{}
	_ network.Poller = Network{}
	_ network.Ranger = Network{}
	_ network.Prober = Network{}
)

const (
	name     = "feed"
	most     = 500       // entries read of one document
	maxBytes = 8 << 20   // of one document
	maxText  = 20_000    // runes kept of one entry
	agent    = "rapport" // by which robots.txt may name us
)

// Network is the connector. It has no state.
type Network struct{}

// New gives the connector.
func New() Network { return Network{} }

// Info describes it.
func (Network) Info() network.Info {
	return network.Info{
		Name: name, Title: "Feeds (RSS, Atom, JSON Feed, Google Alerts)", Docs: "https://www.rssboard.org/rss-specification",
		Settings: []network.Field{
			{Name: "streams", Title: "Feeds", Type: "list", Help: "addresses of feeds; a path is taken below the account's origin"},
			{Name: "own", Title: "Own sites", Type: "list", Help: "domains of the brand itself: what they publish is its own word, no mention"},
			{Name: "robots", Title: "robots.txt", Type: "choice", Choices: []string{"follow", "ignore"}, Default: "follow", Help: "ignore only what the owner of the feed permitted you to read"},
			{Name: "contact", Title: "Contact", Type: "text", Help: "address or page that sites are told in the User-Agent, so that they can reach you"},
		},
		Secrets: []network.Field{
			{Name: "authorization", Title: "Authorization", Type: "text", Help: "header of that name, for a private feed; sent to the account's own origin only"},
		},
		Poll:    usual,
		Buckets: []network.Bucket{{Name: "default", Calls: 600, Per: time.Hour, Shared: "account"}},
		Rules: network.Rules{MayMatch: "no", MayScore: true, MayStore: true, OnDelete: "blank", DeleteBy: 24 * time.Hour,
			Source: "each site's own terms; robots.txt is followed"},
		Needs: []network.Need{
			{What: "the addresses of the feeds", Who: "nobody", Takes: "minutes"},
			{What: "for Google Alerts: an alert per search with \"Deliver to: RSS feed\", made by hand in a Google account", Who: "you", Takes: "minutes", Before: "all other feeds"},
		},
	}
}

// envelope is a polled document with what is new in it.
type envelope struct {
	Feed     string   `json:"feed"`           // its address as configured
	Document []byte   `json:"document"`       // as it came
	Only     []string `json:"only"`           // short names of the events that are new; null = all
	Gone     []string `json:"gone,omitempty"` // native ids that a complete feed does not hold any more
}

// Parse reads a document, or a polled one with what is new in it. What the sites of the setting "own" publish has
// direction out. An entry without a date counts from when it was received.
func (Network) Parse(raw network.Raw) ([]flow.Event, error) {
	body := []byte(strings.TrimSpace(strings.TrimPrefix(string(raw.Body), "\ufeff")))
	env := envelope{Feed: raw.Stream, Document: body}
	if len(body) > 0 && body[0] == '{' {
		var probe struct {
			Document *json.RawMessage `json:"document"`
		}
		if err := json.Unmarshal(body, &probe); err != nil {
			return nil, fault.New(fault.Invalid, "this is no feed: %w", err)
		}
		if probe.Document != nil {
			env = envelope{}
			if err := json.Unmarshal(body, &env); err != nil {
				return nil, fault.New(fault.Invalid, "this is no polled feed: %w", err)
			}
		}
	}
	doc, err := read(env.Feed, env.Document, raw)
	if err != nil {
		return nil, err
	}
	events := doc.events
	if env.Only != nil {
		wanted := map[string]bool{}
		for _, s := range env.Only {
			wanted[s] = true
		}
		events = nil
		for _, e := range doc.events {
			if wanted[short(e.ID())] {
				events = append(events, e)
			}
		}
	}
	for _, native := range env.Gone {
		if native != "" && clean(native) == native {
			events = append(events, gone(native, raw.At))
		}
	}
	return events, nil
}

// gone is the event of an entry that its feed says was deleted.
func gone(native string, at time.Time) flow.Event {
	return flow.Event{Verb: flow.Delete, At: dated(at), Mention: flow.Mention{ID: flow.MentionID(name, native), Network: name}}
}

// dated gives a time that events can carry.
func dated(at time.Time) time.Time {
	if at.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return at.UTC()
}

// streamsOf gives the addresses of the configured feeds, each once.
func streamsOf(a network.Account) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, s := range a.Texts("streams") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		u, err := url.Parse(s)
		if base, bad := url.Parse(a.Origin); err == nil && !u.IsAbs() && bad == nil && base.Host != "" {
			u = base.ResolveReference(u)
		}
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fault.New(fault.Invalid, "feed %q of account %s is no address: write it with https:// and host", s, a.Name)
		}
		if s = u.String(); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "account %s names no feed: list addresses under streams", a.Name)
	}
	return out, nil
}

// Range reads one feed whole and keeps what was published in [from, to). A feed holds only its newest entries.
func (Network) Range(ctx context.Context, a network.Account, from, to time.Time, at string) (network.Page, error) {
	streams, err := streamsOf(a)
	if err != nil {
		return network.Page{}, err
	}
	i := 0
	if err := network.ReadCursor(at, "range", &i); err != nil {
		return network.Page{}, err
	}
	if i < 0 || i >= len(streams) {
		return network.Page{}, nil
	}
	body, n, err := stretch(ctx, a, streams[i], from, to)
	if err != nil {
		return network.Page{}, in(streams[i], err)
	}
	text, err := json.Marshal(i + 1)
	page := network.Page{Cursor: string(text), More: i+1 < len(streams)}
	if n > 0 {
		page.Bodies = []network.Body{{Stream: streams[i], Data: body}}
	}
	return page, err
}

// stretch gives a feed's body with what was published in [from, to), and how much that is.
func stretch(ctx context.Context, a network.Account, address string, from, to time.Time) ([]byte, int, error) {
	if verdict, err := ask(ctx, a, address); err != nil || verdict.barred {
		return nil, 0, refused(address, err)
	}
	got, err := fetch(ctx, a, address, nil)
	if err != nil {
		return nil, 0, err
	}
	doc, err := read(address, got.body, rawOf(a, address))
	if err != nil {
		return nil, 0, err
	}
	env := envelope{Feed: address, Document: got.body, Only: []string{}}
	for _, e := range doc.events {
		if e.Verb != flow.Delete && !e.Mention.Created.Before(from) && e.Mention.Created.Before(to) {
			env.Only = append(env.Only, short(e.ID()))
		}
	}
	body, err := json.Marshal(env)
	return body, len(env.Only), err
}

// Estimate reads each feed once, so that its number is exact as long as nothing new comes.
func (Network) Estimate(ctx context.Context, a network.Account, from, to time.Time) (mentions, calls int, exact bool, err error) {
	streams, err := streamsOf(a)
	if err != nil {
		return 0, 0, false, err
	}
	for _, s := range streams {
		_, n, err := stretch(ctx, a, s, from, to)
		if err != nil {
			return 0, 0, false, in(s, err)
		}
		mentions, calls = mentions+n, calls+2
	}
	return mentions, calls, true, nil
}

// rawOf is how Parse will see a body of this account.
func rawOf(a network.Account, address string) network.Raw {
	return network.Raw{Settings: a.Settings, Account: a.ID, Stream: address, At: a.Now, Origin: a.Origin}
}

// Probe reads each feed once and says what it found.
func (Network) Probe(ctx context.Context, a network.Account) ([]network.Finding, error) {
	streams, err := streamsOf(a)
	if err != nil {
		return []network.Finding{{What: "settings", Say: err.Error(), Mend: "List the addresses of feeds under streams."}}, nil
	}
	var out []network.Finding
	for _, s := range streams {
		f, err := probe(ctx, a, s)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
