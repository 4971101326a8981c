package mastodon

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/network"
)

// cursor says how far each stream was read. It is JSON; nobody but this package looks inside.
type cursor struct {
	network.Turns
	Self    string            `json:"self,omitempty"` // local id of the account, for the stream "own"
	Streams map[string]*place `json:"streams"`
}

// place is where one stream stands. Addresses are path and query of the server's own links.
type place struct {
	On   bool   `json:"on,omitempty"`   // it has a beginning
	From string `json:"from,omitempty"` // page of what is newer; "" = there was nothing at all so far
	Back string `json:"back,omitempty"` // page of what is older, while a list is read from its end
	done bool   // nothing new in this walk

	// Of a search, which has no links: what lies between Min and Max is still to be read; Top becomes the next Min.
	Min string `json:"min,omitempty"`
	Max string `json:"max,omitempty"`
	Top string `json:"top,omitempty"`
}

func streamsOf(a network.Account) []string { return network.Streams(a, notifications, own) }

func (c *cursor) page(stream string, body []byte, more bool) (network.Page, error) {
	text, err := json.Marshal(c)
	page := network.Page{Cursor: string(text), More: more}
	if body != nil {
		page.Bodies = []network.Body{{Stream: stream, Data: body}}
	}
	return page, err
}

// pollList reads a page of a list that has Link headers; the body is nil when there is nothing to parse.
func (c *cursor) pollList(ctx context.Context, a network.Account, stream string) ([]byte, error) {
	p := network.Place(&c.Streams, stream)
	address, query := first(p.Back, p.From), url.Values(nil)
	if address == "" {
		var err error
		if address, query, err = beginning(stream, c.Self); err != nil {
			return nil, err
		}
	}
	var items []json.RawMessage
	resp, err := get(ctx, a, address, query, &items)
	if err != nil {
		return nil, in(stream, err)
	}
	newer, older, err := links(a, resp.Header)
	if err != nil {
		return nil, in(stream, err)
	}
	if len(items) > 0 && newer == "" {
		return nil, fault.New(fault.Invalid, "stream %s: the server sends a list without Link header, so it cannot be read without gaps", stream)
	}
	switch {
	case p.Back != "":
		p.Back = onward(p.Back, older, len(items))
		p.done = p.Back == ""
	case p.From != "":
		if onward(p.From, newer, len(items)) == "" {
			p.done = true
		} else {
			p.From = newer
		}
	default:
		fresh := !p.On && !a.History
		p.On, p.From = true, newer
		if fresh { // a new account starts at now
			p.done = true
			return nil, nil
		}
		p.Back = onward("", older, len(items))
		p.done = p.Back == ""
	}
	if len(items) == 0 {
		return nil, nil
	}
	if stream == own {
		return withParents(ctx, a, resp.Body, items)
	}
	return resp.Body, nil
}

// withParents adds to own posts what they answer, in one more call: an answer given with another tool must find its
// conversation, and names its parent by local id only.
func withParents(ctx context.Context, a network.Account, body []byte, items []json.RawMessage) ([]byte, error) {
	here := map[string]bool{}
	var wanted []string
	for _, item := range items {
		var st status
		if err := json.Unmarshal(item, &st); err != nil {
			return body, nil // Parse says what is wrong with it
		}
		here[st.ID] = true
		if st.ParentID != "" && !slices.Contains(wanted, st.ParentID) {
			wanted = append(wanted, st.ParentID)
		}
	}
	wanted = slices.DeleteFunc(wanted, func(id string) bool { return here[id] })
	if len(wanted) == 0 {
		return body, nil
	}
	parents, err := fetch(ctx, a, wanted)
	if err != nil {
		return nil, in(own, err)
	}
	return json.Marshal(map[string]any{"statuses": items, "parents": parents})
}

// onward gives the link to follow after a page, "" when the list ends or the server turns in a circle.
func onward(from, to string, items int) string {
	if items == 0 || to == from {
		return ""
	}
	return to
}

// pollSearch reads a page of a search: back from the newest hit to the newest of the walk before.
func (c *cursor) pollSearch(ctx context.Context, a network.Account, stream string) ([]byte, error) {
	p := network.Place(&c.Streams, stream)
	body, ids, err := searchPage(ctx, a, stream, p.Min, p.Max)
	if err != nil {
		return nil, err
	}
	if !p.On && !a.History {
		p.On, p.done = true, true
		if len(ids) > 0 {
			p.Min = ids[0]
		}
		return nil, nil
	}
	p.On = true
	// A server that knows no max_id sends the first page again, one that knows no min_id goes on into the past.
	again := len(ids) > 0 && p.Top != "" && slices.Contains(ids, p.Top)
	if len(ids) == 0 || again || slices.Contains(ids, p.Min) {
		fresh := len(ids) > 0 && ids[0] != p.Min
		p.Min = first(p.Top, first(append(ids, p.Min)...))
		p.Max, p.Top, p.done = "", "", true
		if len(ids) == 0 || again || !fresh {
			return nil, nil
		}
		return body, nil
	}
	p.Top, p.Max = first(p.Top, ids[0]), ids[len(ids)-1]
	return body, nil
}

func searchPage(ctx context.Context, a network.Account, stream, after, before string) ([]byte, []string, error) {
	query := url.Values{"q": {strings.TrimPrefix(stream, search)}, "type": {"statuses"}, "limit": {"40"}}
	if after != "" {
		query.Set("min_id", after)
	}
	if before != "" {
		query.Set("max_id", before)
	}
	var found struct {
		Statuses []struct {
			ID string `json:"id"`
		} `json:"statuses"`
	}
	resp, err := get(ctx, a, "/api/v2/search", query, &found)
	if err != nil {
		return nil, nil, in(stream, err)
	}
	var ids []string
	for _, st := range found.Statuses {
		ids = append(ids, st.ID)
	}
	return resp.Body, ids, nil
}

// beginning is the address of a stream's newest page.
func beginning(stream, self string) (string, url.Values, error) {
	switch {
	case stream == notifications:
		return "/api/v1/notifications", url.Values{"types[]": kinds, "include_filtered": {"true"}, "limit": {"80"}}, nil
	case stream == own:
		return "/api/v1/accounts/" + url.PathEscape(self) + "/statuses", url.Values{"exclude_reblogs": {"true"}, "limit": {strconv.Itoa(checkBatch)}}, nil
	case strings.HasPrefix(stream, tag) && len(stream) > len(tag):
		return "/api/v1/timelines/tag/" + url.PathEscape(strings.TrimPrefix(stream[len(tag):], "#")), url.Values{"limit": {"40"}}, nil
	}
	return "", nil, fault.New(fault.Invalid, "stream %q is not known: use notifications, own, tag:<hashtag> or search:<words>", stream)
}

// stretch is the cursor of a range.
type stretch struct {
	At   int    `json:"at,omitempty"`
	Self string `json:"self,omitempty"`
	Next string `json:"next,omitempty"` // link of the next page, or the id below which a search goes on
}

// Range reads a page of one stream from its newest end back, and keeps what was created in [from, to).
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
	var kept []json.RawMessage
	if stream == own && s.Self == "" {
		me, err := myself(ctx, a)
		if err != nil {
			return network.Page{}, err
		}
		s.Self = me.ID
	} else {
		items, next, err := s.read(ctx, a, stream)
		if err != nil {
			return network.Page{}, err
		}
		var past bool
		kept, past = within(items, from, to)
		if s.Next = onward(s.Next, next, len(items)); past || s.Next == "" {
			s.At, s.Next = s.At+1, ""
		}
	}
	text, err := json.Marshal(s)
	page := network.Page{Cursor: string(text), More: s.At < len(streams)}
	if len(kept) > 0 {
		body, _ := json.Marshal(kept) // raw JSON that was just read
		page.Bodies = []network.Body{{Stream: stream, Data: body}}
	}
	return page, err
}

// read gives the items of the stretch's next page and where the page after it is.
func (s stretch) read(ctx context.Context, a network.Account, stream string) (items []json.RawMessage, next string, err error) {
	if strings.HasPrefix(stream, search) {
		body, ids, err := searchPage(ctx, a, stream, "", s.Next)
		if err != nil || len(ids) == 0 {
			return nil, "", err
		}
		var found struct {
			Statuses []json.RawMessage `json:"statuses"`
		}
		err = json.Unmarshal(body, &found)
		return found.Statuses, ids[len(ids)-1], err
	}
	address, query := s.Next, url.Values(nil)
	if address == "" {
		if address, query, err = beginning(stream, s.Self); err != nil {
			return nil, "", err
		}
	}
	resp, err := get(ctx, a, address, query, &items)
	if err != nil {
		return nil, "", in(stream, err)
	}
	_, next, err = links(a, resp.Header)
	return items, next, in(stream, err)
}

// within keeps the items whose status was created in [from, to); past is true when the page reaches below from.
func within(items []json.RawMessage, from, to time.Time) (kept []json.RawMessage, past bool) {
	for _, item := range items {
		var e entry
		if json.Unmarshal(item, &e) != nil {
			kept = append(kept, item) // Parse says what is wrong with it
			continue
		}
		listed, err := when(e.CreatedAt)
		past = err == nil && listed.Before(from)
		st := e.post()
		if st == nil {
			continue
		}
		if made, err := when(st.CreatedAt); err != nil || !made.Before(from) && made.Before(to) {
			kept = append(kept, item)
		}
	}
	return kept, past
}

// Estimate reads one page of each stream and reckons from its density.
func (n Network) Estimate(ctx context.Context, a network.Account, from, to time.Time) (mentions, calls int, exact bool, err error) {
	exact = true
	for i, stream := range streamsOf(a) {
		s := stretch{At: i}
		if stream == own {
			me, err := myself(ctx, a)
			if err != nil {
				return 0, 0, false, err
			}
			s.Self = me.ID
			calls++
		}
		items, next, err := s.read(ctx, a, stream)
		if err != nil {
			return 0, 0, false, err
		}
		kept, past := within(items, from, to)
		calls++
		if past || next == "" || len(items) == 0 {
			mentions += len(kept)
			continue
		}
		exact = false
		var last entry
		_ = json.Unmarshal(items[len(items)-1], &last) // without a time the page counts for an hour
		oldest, err := when(last.CreatedAt)
		span := a.Now.Sub(oldest)
		if err != nil || span < time.Hour {
			span = time.Hour
		}
		total := float64(len(items)) * a.Now.Sub(from).Hours() / span.Hours()
		mentions += int(total * to.Sub(from).Hours() / max(a.Now.Sub(from).Hours(), 1))
		calls += int(total) / len(items)
	}
	return mentions, calls, exact, nil
}
