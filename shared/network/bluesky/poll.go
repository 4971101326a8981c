package bluesky

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/network"
)

const (
	lookBack = 10 * time.Minute // how much earlier than the newest a late post may sort
	memory   = 1000             // things remembered of that time
)

// cursor says how far each stream was read. It is JSON; nobody but this package looks inside.
type cursor struct {
	network.Turns
	Self    string            `json:"self,omitempty"` // DID of the account, for the stream "own"
	Streams map[string]*place `json:"streams"`
}

// place is where one stream stands. A walk goes from now back to Since; what it meets of Seen was read before.
type place struct {
	On    bool      `json:"on,omitempty"` // it has a beginning
	Since time.Time `json:"since,omitzero"`
	Seen  []string  `json:"seen,omitempty"`

	// Of the walk that goes on.
	Back  string    `json:"back,omitempty"`  // the server's cursor
	Top   time.Time `json:"top,omitzero"`    // time of its newest
	Fresh []string  `json:"fresh,omitempty"` // becomes Seen
	Last  time.Time `json:"last,omitzero"`   // time of the oldest of Fresh
	Quiet bool      `json:"quiet,omitempty"` // the first walk of a new account: it only remembers
	done  bool      // nothing new in this round
}

// item is a thing of a list: as the server sent it (nil: no concern of ours), who it is, and the time by which the list is
// ordered (zero: not told).
type item struct {
	raw json.RawMessage
	id  string
	at  time.Time
}

func streamsOf(a network.Account) []string { return network.Streams(a, notifications, own) }

// Poll makes one call: it reads the next page of one stream, in turn, until all streams have nothing new.
func (Network) Poll(ctx context.Context, a network.Account, at string) (network.Page, error) {
	var c cursor
	err := network.ReadCursor(at, "account", &c)
	if err != nil {
		return network.Page{}, err
	}
	streams := streamsOf(a)
	stream := c.Next(streams)
	if stream == own && c.Self == "" {
		if c.Self, err = self(ctx, a); err != nil {
			return network.Page{}, err
		}
		if a.ID == "" { // it took a call
			return c.page(stream, nil, true)
		}
	}
	p := network.Place(&c.Streams, stream)
	items, next, err := list(ctx, a, stream, c.Self, p.Back, p.from(), time.Time{})
	if err != nil {
		return network.Page{}, in(stream, err)
	}
	kept := p.walk(items, next, a.History)
	return c.page(stream, kept, c.Took(stream, p.done, streams))
}

func (c *cursor) page(stream string, kept []item, more bool) (network.Page, error) {
	text, err := json.Marshal(c)
	page := network.Page{Cursor: string(text), More: more}
	if len(kept) > 0 {
		page.Bodies = []network.Body{{Stream: stream, Data: wrap(stream, kept)}}
	}
	return page, err
}

// wrap makes a list of the server's own shape again.
func wrap(stream string, kept []item) []byte {
	raws := make([]json.RawMessage, len(kept))
	for i, x := range kept {
		raws[i] = x.raw
	}
	body, _ := json.Marshal(map[string]any{listName(stream): raws}) // raw JSON that was just read
	return body
}

func listName(stream string) string {
	switch stream {
	case notifications:
		return "notifications"
	case own:
		return "feed"
	}
	return "posts"
}

// from is where a search may begin; zero = everywhere.
func (p *place) from() time.Time {
	if p.On && !p.Quiet {
		return p.Since
	}
	return time.Time{}
}

// walk takes a page of a walk in and gives what is new.
func (p *place) walk(items []item, next string, history bool) (kept []item) {
	if !p.On {
		p.On, p.Quiet = true, !history
	}
	end := next == "" || next == p.Back || len(items) == 0
	for _, x := range items {
		if p.Top.IsZero() {
			p.Top = x.at
		}
		bound := p.Since
		if p.Quiet {
			bound = p.Top.Add(-lookBack)
		}
		if !x.at.IsZero() && x.at.Before(bound) {
			end = true
			break
		}
		key := short(x.id)
		if slices.Contains(p.Fresh, key) { // the list moved on between two pages
			continue
		}
		if len(p.Fresh) < memory && !x.at.Before(p.Top.Add(-lookBack)) {
			p.Fresh, p.Last = append(p.Fresh, key), x.at
		}
		if !p.Quiet && x.raw != nil && !slices.Contains(p.Seen, key) {
			kept = append(kept, x)
		}
	}
	p.Back = next
	if end {
		p.finish()
	}
	return kept
}

// finish ends a walk: the next one goes back to where this one's memory begins.
func (p *place) finish() {
	if !p.Top.IsZero() {
		p.Since = p.Top.Add(-lookBack)
		if len(p.Fresh) >= memory {
			p.Since = p.Last
		}
		p.Seen = p.Fresh
	}
	p.Back, p.Top, p.Last, p.Fresh, p.Quiet, p.done = "", time.Time{}, time.Time{}, nil, false, true
}

// short is what is remembered of an address.
func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// list reads a page of a stream, newest first, and the server's cursor to the page before it.
func list(ctx context.Context, a network.Account, stream, did, at string, from, to time.Time) ([]item, string, error) {
	query := url.Values{"limit": {"100"}}
	if at != "" {
		query.Set("cursor", at)
	}
	method := "app.bsky.feed.searchPosts"
	switch {
	case stream == notifications:
		method, query["reasons"] = "app.bsky.notification.listNotifications", reasons
	case stream == own:
		method = "app.bsky.feed.getAuthorFeed"
		query.Set("actor", did)
		query.Set("filter", "posts_with_replies")
	case strings.HasPrefix(stream, tag) && len(stream) > len(tag):
		hashtag := strings.TrimPrefix(stream[len(tag):], "#")
		query.Set("q", "#"+hashtag)
		query.Set("tag", hashtag)
	case strings.HasPrefix(stream, search) && len(stream) > len(search):
		query.Set("q", stream[len(search):])
	default:
		return nil, "", fault.New(fault.Invalid, "stream %q is not known: use notifications, own, tag:<hashtag> or search:<words>", stream)
	}
	if method == "app.bsky.feed.searchPosts" {
		query.Set("sort", "latest")
		if !from.IsZero() {
			query.Set("since", from.Format(time.RFC3339Nano))
		}
		if !to.IsZero() {
			query.Set("until", to.Format(time.RFC3339Nano))
		}
	}
	var answer map[string]json.RawMessage
	if err := get(ctx, a, method, query, &answer); err != nil {
		return nil, "", err
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(answer[listName(stream)], &raws); err != nil {
		return nil, "", fault.New(fault.Transient, "the server's answer holds no %s", listName(stream))
	}
	var next string
	_ = json.Unmarshal(answer["cursor"], &next) // absent at the end
	items := make([]item, 0, len(raws))
	for _, raw := range raws {
		items = append(items, itemOf(raw))
	}
	return items, next, nil
}

// itemOf reads of a thing what paging needs; Parse says what is wrong with the rest.
func itemOf(raw json.RawMessage) item {
	var x struct {
		view
		Post *view           `json:"post"`
		Why  json.RawMessage `json:"reason"` // a word in a notification, a repost in a feed
	}
	_ = json.Unmarshal(raw, &x)
	v := x.view
	if x.Post == nil {
		return item{raw: raw, id: v.URI + " " + string(x.Why), at: v.sorted()}
	}
	v = *x.Post
	if len(x.Why) == 0 {
		return item{raw: raw, id: v.URI, at: v.sorted()}
	}
	var repost struct {
		At string `json:"indexedAt"`
	}
	_ = json.Unmarshal(x.Why, &repost)
	at, _ := when(repost.At) // without a time it bounds nothing
	return item{id: v.URI + " repost", at: at}
}

// sorted is the time by which lists are ordered: the earlier one of when the index met a post and what its author claims.
func (p *view) sorted() time.Time {
	at := p.at()
	var rec struct {
		CreatedAt string `json:"createdAt"`
	}
	if json.Unmarshal(p.Record, &rec) == nil {
		if claimed, err := when(rec.CreatedAt); err == nil && claimed.Before(at) {
			return claimed
		}
	}
	return at
}

// stretch is the cursor of a range.
type stretch struct {
	At   int    `json:"at,omitempty"`
	Next string `json:"next,omitempty"`
}

// Range reads a page of one stream from its newest end back, and keeps what came in [from, to).
func (Network) Range(ctx context.Context, a network.Account, from, to time.Time, at string) (network.Page, error) {
	var s stretch
	if err := network.ReadCursor(at, "range", &s); err != nil {
		return network.Page{}, err
	}
	streams := streamsOf(a)
	if s.At < 0 || s.At >= len(streams) {
		return network.Page{}, nil
	}
	stream := streams[s.At]
	kept, next, past, _, err := s.read(ctx, a, stream, from, to)
	if err != nil {
		return network.Page{}, in(stream, err)
	}
	if past || next == "" || next == s.Next {
		s.At, s.Next = s.At+1, ""
	} else {
		s.Next = next
	}
	text, err := json.Marshal(s)
	page := network.Page{Cursor: string(text), More: s.At < len(streams)}
	if len(kept) > 0 {
		page.Bodies = []network.Body{{Stream: stream, Data: wrap(stream, kept)}}
	}
	return page, err
}

// read gives what of the stretch's next page lies in [from, to), and all of it; past is true when the list reaches below.
func (s stretch) read(ctx context.Context, a network.Account, stream string, from, to time.Time) (kept []item, next string, past bool, all []item, err error) {
	did := ""
	if stream == own {
		if did, err = self(ctx, a); err != nil {
			return nil, "", false, nil, err
		}
	}
	all, next, err = list(ctx, a, stream, did, s.Next, from, to)
	for _, x := range all {
		if past = !x.at.IsZero() && x.at.Before(from); past {
			break
		}
		if x.raw != nil && x.at.Before(to) {
			kept = append(kept, x)
		}
	}
	return kept, next, past, all, err
}

// Estimate reads one page of each stream and reckons from its density.
func (Network) Estimate(ctx context.Context, a network.Account, from, to time.Time) (mentions, calls int, exact bool, err error) {
	exact = true
	for _, stream := range streamsOf(a) {
		kept, next, past, all, err := stretch{}.read(ctx, a, stream, from, to)
		if err != nil {
			return 0, 0, false, in(stream, err)
		}
		calls++
		if past || next == "" || len(all) == 0 {
			mentions += len(kept)
			continue
		}
		exact = false
		span := max(a.Now.Sub(all[len(all)-1].at), time.Hour)
		total := float64(len(all)) * a.Now.Sub(from).Hours() / span.Hours()
		mentions += int(total * to.Sub(from).Hours() / max(a.Now.Sub(from).Hours(), 1))
		calls += int(total) / len(all)
	}
	return mentions, calls, exact, nil
}
