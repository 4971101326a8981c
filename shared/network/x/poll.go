package x

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/rest"
)

const (
	recent = 7 * 24 * time.Hour // how far recent search reaches back
	margin = time.Hour          // kept away from that edge
	lag    = 15 * time.Second   // X refuses an end that is nearer to now
)

// cursor says how far each stream was read. It is JSON; nobody but this package looks inside.
type cursor struct {
	network.Turns
	Streams map[string]*place `json:"streams"`
}

// place is where one stream stands. A walk begins at the newest post and goes back to Since; Top becomes the next Since.
type place struct {
	On    bool   `json:"on,omitempty"`
	Since string `json:"since,omitempty"`
	Top   string `json:"top,omitempty"`
	Next  string `json:"next,omitempty"` // the vendor's token of the next page
	done  bool   // nothing new in this walk
}

func streamsOf(a network.Account) []string { return network.Streams(a, mentions) }

// source is how one stream is read.
type source struct {
	path  string
	price string // of a post
	auth  string
	next  string // name of the parameter that takes the next page's token
	query string // of a search
	least int    // smallest page
	most  int
}

func sourceOf(a network.Account, stream string, past bool) (source, error) {
	s := source{price: readPost, next: "pagination_token", least: 5, most: 100, auth: userToken(a)}
	if query, ok := strings.CutPrefix(stream, search); ok {
		s.path, s.next, s.least, s.auth, s.query = "/2/tweets/search/recent", "next_token", 10, appToken(a), strings.TrimSpace(query)
		if past && a.Bool("archive") {
			s.path, s.most = "/2/tweets/search/all", 500
		}
		return s, checkQuery(a, s.query)
	}
	id, err := self(a)
	if err != nil {
		return s, err
	}
	if a.Bool("owned") {
		s.price = readOwned
	}
	switch stream {
	case mentions:
		s.path = "/2/users/" + id + "/mentions"
	case own:
		s.path = "/2/users/" + id + "/tweets"
	default:
		return s, fault.New(fault.Invalid, "stream %q is not known: use mentions, own or search:<query>", stream)
	}
	return s, nil
}

// checkQuery refuses what X would refuse, before it costs a call.
func checkQuery(a network.Account, query string) error {
	most := maxQuery
	if a.Text("plan") == "enterprise" {
		most = 4096
	}
	switch n := len([]rune(query)); {
	case n == 0:
		return fault.New(fault.Invalid, "a search stream has no query: write search:<query>")
	case n > most:
		return fault.New(fault.Invalid, "the query %.40q… has %d characters, X takes %d", query, n, most)
	}
	return nil
}

// read makes one call: a page of n posts, whole or by their ids alone.
func (s source) read(ctx context.Context, a network.Account, q url.Values, n int, whole bool) (list, []byte, error) {
	n = min(max(n, s.least), s.most)
	q.Set("max_results", strconv.Itoa(n))
	paid := map[string]int{s.price: n}
	if s.query != "" {
		q.Set("query", s.query)
	}
	if whole {
		full(q)
		paid[readUser] = n
	}
	var raw json.RawMessage
	resp, err := get(ctx, a, s.auth, rest.Request{URL: s.path, Query: q, Paid: paid, Came: came(s.price, paid)}, &raw)
	if err != nil {
		return list{}, nil, err
	}
	l, err := decode(resp.Body)
	if err != nil || l.Meta == nil {
		return list{}, nil, fault.New(fault.Transient, "X's answer is no page of posts")
	}
	return l, resp.Body, nil
}

// Poll makes one call: it reads the next page of one stream, in turn, until all streams have nothing new.
func (Network) Poll(ctx context.Context, a network.Account, at string) (network.Page, error) {
	var c cursor
	if err := network.ReadCursor(at, "account", &c); err != nil {
		return network.Page{}, err
	}
	streams := streamsOf(a)
	stream := c.Next(streams)
	p := network.Place(&c.Streams, stream)
	body, err := p.poll(ctx, a, stream)
	if err != nil {
		return network.Page{}, in(stream, err)
	}
	more := c.Took(stream, p.done, streams)
	text, err := json.Marshal(c)
	page := network.Page{Cursor: string(text), More: more}
	if body != nil {
		page.Bodies = []network.Body{{Stream: stream, Data: body}}
	}
	return page, err
}

// poll reads one page of a stream; the body is nil when there is nothing to parse. The first reads the smallest page, for
// the newest id alone: an account starts at now.
func (p *place) poll(ctx context.Context, a network.Account, stream string) ([]byte, error) {
	s, err := sourceOf(a, stream, false)
	if err != nil {
		return nil, err
	}
	fresh := !p.On && !a.History
	q, n := url.Values{}, a.Int("page", 25)
	switch t, ok := born(p.Since); {
	case fresh:
		n = s.least
	case p.Since == "":
	case s.query != "" && ok && a.Now.Sub(t) > recent-margin: // X refuses a since_id that is older
		q.Set("start_time", stamp(a.Now.Add(margin-recent)))
	default:
		q.Set("since_id", p.Since)
	}
	if p.Next != "" {
		q.Set(s.next, p.Next)
	}
	l, body, err := s.read(ctx, a, q, n, !fresh)
	if err != nil {
		return nil, err
	}
	if p.Top == "" {
		if p.Top = l.Meta.Newest; p.Top == "" && len(l.posts) > 0 {
			p.Top = l.posts[0].ID
		}
	}
	p.On, p.Next = true, l.Meta.Next
	if fresh || p.Next == "" {
		if p.Top != "" {
			p.Since = p.Top
		}
		p.Top, p.Next, p.done = "", "", true
	}
	if fresh || len(l.posts) == 0 {
		return nil, nil
	}
	return body, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// span sets the times of a stretch of the past; ok is false where nothing of it can be read.
func span(q url.Values, a network.Account, s source, from, to time.Time) bool {
	if edge := a.Now.Add(margin/60 - recent); strings.HasSuffix(s.path, "/recent") && from.Before(edge) {
		from = edge
	}
	if !from.Before(to) || !from.Before(a.Now) {
		return false
	}
	q.Set("start_time", stamp(from))
	if to.Before(a.Now.Add(-lag)) {
		q.Set("end_time", stamp(to))
	}
	return true
}

// stretch is the cursor of a range.
type stretch struct {
	At   int    `json:"at,omitempty"`
	Next string `json:"next,omitempty"`
}

// Range reads a page of one stream from its newest end back. Searches reach back seven days, with the setting archive to
// the beginning; mentions the newest 800, own posts the newest 3,200.
func (Network) Range(ctx context.Context, a network.Account, from, to time.Time, at string) (network.Page, error) {
	var c stretch
	if err := network.ReadCursor(at, "range", &c); err != nil {
		return network.Page{}, err
	}
	streams := streamsOf(a)
	if c.At < 0 || c.At >= len(streams) {
		return network.Page{}, nil
	}
	stream := streams[c.At]
	s, err := sourceOf(a, stream, true)
	if err != nil {
		return network.Page{}, err
	}
	page, q := network.Page{}, url.Values{}
	if readable := span(q, a, s, from, to); readable {
		if c.Next != "" {
			q.Set(s.next, c.Next)
		}
		l, body, err := s.read(ctx, a, q, 100, true)
		if err != nil {
			return network.Page{}, in(stream, err)
		}
		c.Next = l.Meta.Next
		if body = within(l, body, from, to); body != nil {
			page.Bodies = []network.Body{{Stream: stream, Data: body}}
		}
	}
	if c.Next == "" {
		c.At++
	}
	page.More = c.At < len(streams)
	text, err := json.Marshal(c)
	page.Cursor = string(text)
	return page, err
}

// within keeps the posts that were made in [from, to); nil if there are none.
func within(l list, body []byte, from, to time.Time) []byte {
	var whole struct {
		Data     []json.RawMessage `json:"data"`
		Includes json.RawMessage   `json:"includes,omitempty"`
		Meta     struct{}          `json:"meta"`
	}
	if json.Unmarshal(body, &whole) != nil || len(whole.Data) != len(l.posts) {
		return body // Parse says what is wrong with it
	}
	var kept []json.RawMessage
	for i, p := range l.posts {
		if t, ok := moment(p); !ok || !t.Before(from) && t.Before(to) {
			kept = append(kept, whole.Data[i])
		}
	}
	if len(kept) == 0 {
		return nil
	}
	whole.Data = kept
	out, err := json.Marshal(whole)
	if err != nil {
		return body
	}
	return out
}

// Estimate asks X for the number of posts, which costs a fraction of reading one page. The number is X's own and not exact.
func (Network) Estimate(ctx context.Context, a network.Account, from, to time.Time) (mentions, calls int, exact bool, err error) {
	for _, stream := range streamsOf(a) {
		n, made, err := count(ctx, a, stream, from, to)
		if err != nil {
			return 0, 0, false, in(stream, err)
		}
		mentions += n
		calls += made + (n+99)/100
	}
	return mentions, calls, false, nil
}

// count gives the number of posts of a stream, and of the calls that took.
func count(ctx context.Context, a network.Account, stream string, from, to time.Time) (n, calls int, err error) {
	s, err := sourceOf(a, stream, true)
	if err != nil {
		return 0, 0, err
	}
	query := s.query
	switch stream {
	case own:
		query = "from:" + a.ID + " -is:retweet"
	case mentions:
		handle := strings.TrimPrefix(a.Text("handle"), "@")
		if handle == "" {
			users, err := readUsers(ctx, a, []string{a.ID})
			if err != nil {
				return 0, 1, err
			}
			if len(users) == 0 {
				return 0, 1, fault.New(fault.Invalid, "X knows no account %s: set the account's id", a.ID)
			}
			calls, handle = 1, users[0].Username
		}
		query = "@" + handle + " -is:retweet"
	}
	path, price := "/2/tweets/counts/recent", countRecent
	if a.Bool("archive") {
		path, price = "/2/tweets/counts/all", countAll
	}
	q := url.Values{"query": {query}, "granularity": {"day"}}
	if !span(q, a, source{path: path}, from, to) {
		return 0, calls + 1, nil
	}
	for {
		var told struct {
			Meta struct {
				Total int    `json:"total_tweet_count"`
				Next  string `json:"next_token"`
			} `json:"meta"`
		}
		if _, err := get(ctx, a, appToken(a), rest.Request{URL: path, Query: q, Paid: map[string]int{price: 1}}, &told); err != nil {
			return 0, calls, err
		}
		calls++
		n += max(told.Meta.Total, 0)
		if told.Meta.Next == "" || calls > 40 { // a page is a month
			return n, calls, nil
		}
		q.Set("next_token", told.Meta.Next)
	}
}
