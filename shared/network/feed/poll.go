package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

const (
	usual     = 15 * time.Minute // pause between polls
	robotsFor = 24 * time.Hour   // how long robots.txt is believed
	width     = 8                // characters remembered of an event
)

// cursor says how far each feed was read. It is JSON; nobody but this package looks inside.
type cursor struct {
	Feeds map[string]*place `json:"feeds"`          // by address
	Round time.Time         `json:"round,omitzero"` // when the present round began
}

// place is where one feed stands.
type place struct {
	On       bool      `json:"on,omitempty"`       // it was read once
	Address  string    `json:"address,omitempty"`  // where it moved to
	ETag     string    `json:"etag,omitempty"`     //
	Modified string    `json:"modified,omitempty"` // as the site wrote it
	Sum      string    `json:"sum,omitempty"`      // of the last document
	Known    string    `json:"known,omitempty"`    // short names of the events seen, newest first, without anything between
	Whole    []string  `json:"whole,omitempty"`    // native ids of a feed that calls itself complete
	Due      time.Time `json:"due,omitzero"`       // not before
	Asked    time.Time `json:"asked,omitzero"`     // when robots.txt was read
	Barred   bool      `json:"barred,omitempty"`   // by robots.txt
	Delay    int       `json:"delay,omitempty"`    // seconds that robots.txt wants between two calls
	Pause    int       `json:"pause,omitempty"`    // seconds that the document wants between two calls
	Skip     []int     `json:"skip,omitempty"`     // hours of the day (UTC) in which it wants none
	Fails    int       `json:"fails,omitempty"`    // in a row
	Done     bool      `json:"done,omitempty"`     // read in this round
	Queued   bool      `json:"queued,omitempty"`   // it waits for another feed of its site, until Due
}

func readCursor(text string, feeds []string) (cursor, error) {
	c := cursor{}
	if err := network.ReadCursor(text, "account", &c); err != nil {
		return c, err
	}
	old := c.Feeds
	c.Feeds = map[string]*place{}
	for _, f := range feeds { // those that were taken out of the configuration are forgotten
		if c.Feeds[f] = old[f]; old[f] == nil {
			c.Feeds[f] = &place{}
		}
	}
	return c, nil
}

// Poll makes one call: robots.txt where that is due, else the next feed that may be read. One feed that fails does not hold
// up the others: it is left alone for a while, longer each time. Where all fail, the last failure is the account's.
func (Network) Poll(ctx context.Context, a network.Account, at string) (network.Page, error) {
	feeds, err := streamsOf(a)
	if err != nil {
		return network.Page{}, err
	}
	c, err := readCursor(at, feeds)
	if err != nil {
		return network.Page{}, err
	}
	f := c.next(a, feeds)
	if f == "" {
		return c.page(a, feeds, nil)
	}
	p := c.Feeds[f]
	if asks(a, f) && a.Now.Sub(p.Asked) >= robotsFor {
		v, err := ask(ctx, a, p.address(f))
		switch {
		case err == nil:
			p.Asked, p.Barred, p.Delay = a.Now, v.barred, int(v.delay.Seconds())
			return c.page(a, feeds, nil)
		case p.Asked.IsZero() || ctx.Err() != nil:
			return c.failed(ctx, a, feeds, f, err)
		}
		p.Asked = p.Asked.Add(time.Hour) // what it said the day before holds a little longer
	}
	if p.Barred && asks(a, f) {
		return c.failed(ctx, a, feeds, f, refused(f, nil))
	}
	got, err := fetch(ctx, a, p.address(f), p)
	if err != nil {
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			p.Address = "" // perhaps it moved back
		}
		return c.failed(ctx, a, feeds, f, err)
	}
	body, err := p.take(a, f, got)
	if err != nil {
		return c.failed(ctx, a, feeds, f, err)
	}
	p.Fails, p.Done, p.Queued = 0, true, false
	c.queue(a, feeds, f)
	if body == nil {
		return c.page(a, feeds, nil)
	}
	return c.page(a, feeds, []network.Body{{Stream: f, Data: body}})
}

func (p *place) address(configured string) string { return first(p.Address, configured) }

// next gives the feed whose turn it is, "" if none may be read now. Those that had to wait for their site come first; where
// that takes long the others need not wait with them.
func (c *cursor) next(a network.Account, feeds []string) string {
	if a.Now.Sub(c.Round) >= usual {
		c.Round = a.Now
		for _, f := range feeds {
			c.Feeds[f].Done = false
		}
	}
	for _, queued := range []bool{true, false} {
		for _, f := range feeds {
			if p := c.Feeds[f]; !p.Done && p.Queued == queued && !a.Now.Before(p.Due) {
				return f
			}
		}
	}
	return ""
}

// queue lets the other feeds of a site wait for as long as its robots.txt wants.
func (c *cursor) queue(a network.Account, feeds []string, read string) {
	delay := time.Duration(c.Feeds[read].Delay) * time.Second
	if delay == 0 {
		return
	}
	for _, f := range feeds {
		p := c.Feeds[f]
		if f != read && host(f) == host(read) && p.Due.Before(a.Now.Add(delay)) {
			p.Due, p.Queued = a.Now.Add(delay), !p.Done
		}
	}
}

// page ends a call. When no feed is left in this round the next one is prepared; where all feeds want to be left alone for
// long it begins when the first of them may be read. A site that may be read more often than usual is not for that.
func (c *cursor) page(a network.Account, feeds []string, bodies []network.Body) (network.Page, error) {
	page := network.Page{Bodies: bodies}
	var soonest, turn time.Time // when the first may be read; and the first that is queued
	for i, f := range feeds {
		p := c.Feeds[f]
		page.More = page.More || !p.Done && !a.Now.Before(p.Due)
		if i == 0 || p.Due.Before(soonest) {
			soonest = p.Due
		}
		if p.Queued && !p.Done && (turn.IsZero() || p.Due.Before(turn)) {
			turn = p.Due
		}
	}
	switch wait := soonest.Sub(a.Now); {
	case page.More:
	case !turn.IsZero():
		page.Wait = turn.Sub(a.Now)
	default:
		c.Round = time.Time{}
		if wait >= usual {
			page.Wait = wait
		}
	}
	text, err := json.Marshal(c)
	page.Cursor = string(text)
	return page, err
}

// failed leaves a feed alone for a while.
func (c *cursor) failed(ctx context.Context, a network.Account, feeds []string, f string, cause error) (network.Page, error) {
	if err := ctx.Err(); err != nil {
		return network.Page{}, err
	}
	p := c.Feeds[f]
	p.Fails++
	p.Due, p.Done = a.Now.Add(max(usual<<min(p.Fails-1, 7), fault.After(cause))), true
	p.Queued = false
	if !slices.ContainsFunc(feeds, func(x string) bool { return c.Feeds[x].Fails == 0 }) {
		return network.Page{}, in(f, cause)
	}
	return c.page(a, feeds, nil)
}

// take remembers what a site gave, and makes a body of what is new; nil if nothing is.
func (p *place) take(a network.Account, f string, got answer) ([]byte, error) {
	if got.body == nil { // not modified
		p.rest(a, got.pause)
		return nil, nil
	}
	if sum := digest(string(got.body)); sum == p.Sum {
		p.keep(got, sum)
		p.rest(a, got.pause)
		return nil, nil
	}
	doc, err := read(f, got.body, rawOf(a, f))
	if err != nil {
		return nil, err
	}
	env := envelope{Feed: f, Document: got.body, Only: []string{}}
	var here strings.Builder
	var whole []string
	for _, e := range doc.events {
		key := short(e.ID())
		if !p.knows(key) {
			env.Only = append(env.Only, key)
		}
		here.WriteString(key)
		if e.Verb != flow.Delete {
			whole = append(whole, flow.Native(e.Mention.ID))
		}
	}
	if doc.complete && len(doc.events) < most {
		for _, id := range p.Whole {
			if !slices.Contains(whole, id) {
				env.Gone = append(env.Gone, id)
			}
		}
		p.Whole = whole
	} else {
		p.Whole = nil
	}
	quiet := !p.On && !a.History // a new feed starts at now
	p.On, p.Known = true, p.remembered(here.String())
	p.keep(got, digest(string(got.body)))
	p.Pause, p.Skip = int(doc.pause.Seconds()), doc.skip
	p.rest(a, got.pause)
	if quiet || len(env.Only)+len(env.Gone) == 0 {
		return nil, nil
	}
	return json.Marshal(env)
}

// knows tells whether an event was seen.
func (p *place) knows(key string) bool {
	for i := 0; i+width <= len(p.Known); i += width {
		if p.Known[i:i+width] == key {
			return true
		}
	}
	return false
}

// remembered is what the document holds, and of what it held before as much as there is room for: entries come and go.
func (p *place) remembered(here string) string {
	out := here
	fresh := place{Known: here}
	for i := 0; i+width <= len(p.Known) && len(out) < 2*most*width; i += width {
		if key := p.Known[i : i+width]; !fresh.knows(key) {
			out += key
		}
	}
	return out
}

func (p *place) keep(got answer, sum string) {
	p.ETag, p.Modified, p.Sum = got.etag, got.modified, sum
	if got.moved != "" {
		p.Address = got.moved
	}
}

// rest is how long the site wants to be left alone: what it said in the answer and in the document, and the hours it does
// not like.
func (p *place) rest(a network.Account, pause time.Duration) {
	p.Due = time.Time{}
	if pause = max(pause, time.Duration(p.Pause)*time.Second); pause > 0 {
		p.Due = a.Now.Add(pause)
	}
	if len(p.Skip) == 0 || len(p.Skip) >= 24 {
		return
	}
	at := a.Now.UTC()
	if p.Due.After(at) {
		at = p.Due.UTC()
	}
	for slices.Contains(p.Skip, at.Hour()) {
		at = at.Truncate(time.Hour).Add(time.Hour)
		p.Due = at
	}
}

// probe reads one feed and says what it found. An error means that nothing can be said, as the context's end.
func probe(ctx context.Context, a network.Account, f string) (network.Finding, error) {
	what := "feed " + host(f)
	v, err := ask(ctx, a, f)
	if err == nil && v.barred {
		return network.Finding{What: what, Say: "robots.txt forbids to read it.", Mend: "Ask the owner of the site; with their consent set robots to ignore."}, nil
	}
	var got answer
	if err == nil {
		got, err = fetch(ctx, a, f, nil)
	}
	var doc document
	if err == nil {
		doc, err = read(f, got.body, rawOf(a, f))
	}
	switch {
	case ctx.Err() != nil:
		return network.Finding{}, ctx.Err()
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Gone):
		return network.Finding{What: what, Say: "The feed is not there any more.", Mend: "Find its new address on the site, or take it out of streams."}, nil
	case fault.Is(err, fault.Unauthorized):
		return network.Finding{What: what, Say: "The site refuses us: " + err.Error(), Mend: "Set the secret authorization and the account's origin, if the feed is private."}, nil
	case err != nil:
		return network.Finding{What: what, Say: "It cannot be read: " + err.Error(), Mend: "Open the address in a browser and look whether it is a feed."}, nil
	case got.moved != "":
		return network.Finding{What: what, OK: true, Say: fmt.Sprintf("%d entries. It moved to %s: change the address when you can.", len(doc.events), got.moved)}, nil
	}
	return network.Finding{What: what, OK: true, Say: fmt.Sprintf("%s: %d entries.", first(doc.title, "No title"), len(doc.events))}, nil
}
