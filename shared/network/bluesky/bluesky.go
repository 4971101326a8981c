// Package bluesky connects Rapport with Bluesky and every other host of the AT Protocol.
//
// What is odd: an account lives on a host (PDS) that passes reads on to the network's index (AppView), so that all calls go
// to the account's own host. Sessions are short, their refresh tokens are used once, log-ins are few a day, and an expired
// token is a 400. Posts cannot be edited. Lists go from now into the past, ordered by a time that authors influence, so
// that a walk looks back some minutes and leaves out what it saw. Nobody tells deletions: missing from a batch is looked up
// once more, because posts of somebody who blocks the brand are missing too. Text is marked by byte offsets; without marks
// a mention notifies nobody and an address is no link. The client chooses the key of a record, which makes replies safe to
// repeat. The record of a post is its content; what the index adds differs from call to call.
//
// Documentation: https://docs.bsky.app/ and https://atproto.com/specs/xrpc
package bluesky

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
	_ network.Parser      = Network{}
	_ network.Poller      = Network{}
	_ network.Profiler    = Network{}
	_ network.Ranger      = Network{}
	_ network.Checker     = Network{}
	_ network.Replier     = Network{}
	_ network.ReplyFinder = Network{}
	_ network.Authorizer  = Network{}
	_ network.Prober      = Network{}
)

const (
	name     = "bluesky"
	home     = "https://bsky.social"
	web      = "https://bsky.app"
	batch    = 25  // posts or profiles of one call
	maxText  = 300 // graphemes
	maxBytes = 3000

	// What a stream is called in the configuration.
	notifications = "notifications"
	own           = "own"     // what the brand's account says itself
	tag           = "tag:"    // a hashtag
	search        = "search:" // words in public posts
)

// Network is the connector. It has no state.
type Network struct{}

// New gives the connector.
func New() Network { return Network{} }

// Info describes it.
func (Network) Info() network.Info {
	return network.Info{
		Name: name, Title: "Bluesky", Docs: "https://docs.bsky.app/", Origin: home,
		Settings: []network.Field{
			{Name: "streams", Title: "Streams", Type: "list", Help: "notifications, own, tag:<hashtag>, search:<words>", Default: []string{notifications, own}},
			{Name: "identifier", Title: "Handle or e-mail", Type: "text", Help: "for log-ins; without it the account's id is used"},
			{Name: "appview", Title: "Index", Type: "text", Help: "service that reads are passed on to, as did:web:api.bsky.app#bsky_appview; without it the host decides"},
			{Name: "web", Title: "Web client", Type: "address", Default: web, Help: "where people open posts: permalinks lead there"},
			{Name: "shared_domains", Title: "Shared domains", Type: "list", Help: "domains below which a host gives handles away, beside bsky.social: such a handle proves no domain"},
		},
		Secrets: []network.Field{
			{Name: "password", Title: "App password", Type: "text", Help: "from Settings > Privacy and security > App passwords; not needed after Connect, which keeps the session alone"},
		},
		Poll: time.Minute, Bare: true,
		// Log-ins have a limit of their own (100 a day were seen): only Exchange and a failed Refresh log in.
		Buckets: []network.Bucket{{Name: "default", Calls: 3000, Per: 5 * time.Minute, Shared: "origin", Reserve: 20}},
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true, OnDelete: "blank", DeleteBy: 24 * time.Hour,
			Source: "https://docs.bsky.app/docs/support/developer-guidelines and https://bsky.social/about/support/tos"},
		MaxText: maxText, Unit: "graphemes",
		Needs: []network.Need{
			{What: "an account on Bluesky or another host of the AT Protocol, and the host's address as the account's origin", Who: "nobody: sign-up is open on bsky.social", Takes: "minutes", Before: "everything with the demo's twin"},
			{What: "an app password of that account", Who: "you: Settings > Privacy and security > App passwords", Takes: "a minute"},
			{What: "a handle that is the brand's own domain (recommended, so that people know it is you)", Who: "whoever keeps the domain's DNS", Takes: "minutes to a day", Before: "everything"},
		},
		FirstStreams: []string{notifications, own},
	}
}

// Parse reads lists of notifications, feeds and posts. Own posts are those of Raw.Account (the DID) and of the stream "own".
func (Network) Parse(raw network.Raw) ([]flow.Event, error) {
	posts, err := decode(raw.Body)
	if err != nil {
		return nil, err
	}
	var events []flow.Event
	seen := map[string]bool{}
	for i := range posts {
		p := &posts[i]
		if !p.concerns() {
			continue
		}
		e, err := p.event(raw)
		if err != nil {
			return nil, err
		}
		if e.Verb != "" && !seen[e.ID()] {
			seen[e.ID()] = true
			events = append(events, e)
		}
	}
	return events, nil
}

// event says what a post is in our words; no verb where it is none.
func (p *view) event(raw network.Raw) (flow.Event, error) {
	did, rkey, ok := split(p.URI)
	if !ok || p.Author.DID != did {
		return flow.Event{}, fault.New(fault.Invalid, "a post has no address or author: this is no answer of the AT Protocol")
	}
	if p.removed() { // moderators took it down
		return flow.Event{Verb: flow.Delete, At: p.at(), Mention: flow.Mention{ID: flow.MentionID(name, p.URI), Network: name}}, nil
	}
	created := p.at()
	if created.IsZero() {
		return flow.Event{}, fault.New(fault.Invalid, "the post %.80q has no time", p.URI)
	}
	var rec record
	if json.Unmarshal(p.Record, &rec) != nil || rec.Type != collection {
		return flow.Event{}, nil // a record that is no post: its author's affair, and not to cost the page
	}
	text, links, tags := rec.read()
	m := flow.Mention{
		ID: flow.MentionID(name, p.URI), Network: name, Kind: flow.Post, Direction: flow.In, Text: text, Lang: rec.language(),
		Permalink: page(raw.Settings, did) + "/post/" + rkey, Author: p.Author.author(raw.Settings), Created: created, Links: links, Tags: tags,
		Media: rec.media(p.Embed), Likes: max(0, p.Likes), Shares: max(0, p.Reposts) + max(0, p.Quotes), Comments: max(0, p.Replies),
		Extra: map[string]any{"cid": p.CID},
	}
	if raw.Stream == own || raw.Account != "" && did == raw.Account {
		m.Direction = flow.Out
	}
	if rec.Reply != nil && rec.Reply.Parent.URI != "" {
		m.Kind = flow.ReplyTo
		m.Parent = flow.MentionID(name, rec.Reply.Parent.URI)
		m.Root = flow.MentionID(name, first(rec.Reply.Root.URI, rec.Reply.Parent.URI))
	}
	if quoted := rec.quoted(); quoted != "" {
		m.Extra["quotes"] = quoted
	}
	if claimed, err := when(rec.CreatedAt); err == nil && claimed.Sub(created).Abs() > time.Hour {
		m.Extra["claimed_at"] = claimed.Format(time.RFC3339)
	}
	return flow.Event{Verb: flow.New, At: created, Mention: m}, nil
}

// Profiles reads profiles by DID in one call; who is gone or taken down is left out.
func (Network) Profiles(ctx context.Context, a network.Account, ids []string) (map[string]flow.Author, error) {
	if len(ids) == 0 {
		return map[string]flow.Author{}, nil
	}
	var found struct {
		Profiles []profile `json:"profiles"`
	}
	if err := get(ctx, a, "app.bsky.actor.getProfiles", url.Values{"actors": ids}, &found); err != nil {
		return nil, err
	}
	out := map[string]flow.Author{}
	for _, p := range found.Profiles {
		out[p.DID] = p.author(a.Settings)
	}
	return out, nil
}

// ProfileBatch is the most ids of one call.
func (Network) ProfileBatch() int { return batch }

// Check reads posts by address. What the index leaves out is asked for once more by record, because it also leaves out the
// posts of people who block the brand: these are not judged.
func (Network) Check(ctx context.Context, a network.Account, mentions []flow.Mention) ([]network.Body, []string, error) {
	if len(mentions) == 0 {
		return nil, nil, nil
	}
	var uris []string
	for _, m := range mentions {
		uris = append(uris, flow.Native(m.ID))
	}
	items, err := getPosts(ctx, a, uris)
	if err != nil {
		return nil, nil, err
	}
	here := map[string]bool{}
	for _, item := range items {
		var x struct {
			URI string `json:"uri"`
		}
		if err := json.Unmarshal(item, &x); err != nil || x.URI == "" {
			return nil, nil, fault.New(fault.Transient, "the server's batch of posts holds something else")
		}
		here[x.URI] = true
	}
	var gone []string
	for i, uri := range uris {
		if here[uri] {
			continue
		}
		switch _, err := getRecord(ctx, a, uri); {
		case fault.Is(err, fault.Gone):
			gone = append(gone, mentions[i].ID)
		case err != nil:
			return nil, nil, err
		}
	}
	if len(items) == 0 {
		return nil, gone, nil
	}
	body, err := json.Marshal(map[string]any{"posts": items})
	if err != nil {
		return nil, nil, fault.New(fault.Transient, "the server's batch of posts cannot be kept: %w", err)
	}
	return []network.Body{{Stream: "posts", Data: body}}, gone, nil
}

// CheckBatch is the most mentions of one call.
func (Network) CheckBatch() int { return batch }

// page is where people see an account. The DID stays when the handle changes.
func page(settings map[string]any, did string) string {
	base, _ := settings["web"].(string)
	return strings.TrimSuffix(first(base, web), "/") + "/profile/" + did
}
