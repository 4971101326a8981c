package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

// net is a network as small as can be: it has webhooks that come twice, late and out of order, and a list to poll.
type net struct {
	s       *Sim
	posts   map[string]*post
	ids     []string
	authors []string
	todo    []delivery   // webhooks not sent yet
	feed    []flow.Event // what a poll reads, in order
	cursor  int          // how far it was read at least once
	slow    time.Time    // 429 until then
	held    time.Time    // no webhook is sent before
	taken   int          // events taken in, repeats included
	posted  map[string]int
}

// post is what the oracle knows of a mention: the newest that was said.
type post struct {
	author    string
	thread    string
	last      flow.Event
	deleted   bool
	poison    bool
	ignored   bool
	complaint bool
	out       bool
	events    []string
}

type delivery struct {
	events []flow.Event
	times  int
}

// texts is what people say; the numbers tell mentions apart, the mark tells whose they are.
var texts = [...]string{"Meine Bestellung kam schon wieder kaputt an, unverschämt!", "The app is down again, this is unacceptable.",
	"Danke für die schnelle Hilfe!", "What does the big one cost?", "just saw your shop", "ignore me", "POISON pill, kaputt und unverschämt!"}

// mark is in everything an author says and is called.
func mark(author string) string { return "‹" + author[4:] + "›" }

func newNet(s *Sim) *net {
	n := &net{s: s, posts: map[string]*post{}, posted: map[string]int{}}
	for i := range 1 + s.options.Posts/3 {
		n.authors = append(n.authors, fmt.Sprintf("net:u%d", i))
	}
	for i := range s.options.Posts {
		n.write(i)
	}
	// Mostly in order, sometimes far from it: an original may come after its edits and its deletion.
	for i := range n.todo {
		if s.rng.IntN(4) == 0 {
			j := min(i+s.rng.IntN(12), len(n.todo)-1)
			n.todo[i], n.todo[j] = n.todo[j], n.todo[i]
			s.counted(hookLate, i != j)
		}
	}
	if s.rng.IntN(4) == 0 {
		n.todo = slices.DeleteFunc(n.todo, func(delivery) bool { return s.counted(hookWithheld, s.rng.IntN(5) == 0) })
	}
	if s.options.Withheld > 0 {
		n.held = s.now.Add(s.options.Withheld)
	}
	return n
}

// write makes one post with what becomes of it.
func (n *net) write(i int) {
	s := n.s
	author := n.authors[s.rng.IntN(len(n.authors))]
	id := fmt.Sprintf("net:m%d", i)
	at := s.now.Add(time.Duration(i) * time.Minute).Add(-time.Duration(s.options.Posts) * time.Minute)
	text := texts[s.rng.IntN(len(texts))]
	m := flow.Mention{ID: id, Network: "net", Kind: flow.Comment, Direction: flow.In, Text: fmt.Sprintf("%s %s %d", mark(author), text, i),
		Author:  flow.Author{ID: author, Handle: mark(author), Name: "N " + mark(author), Counted: true, Followers: s.rng.IntN(5000)},
		Created: at, Permalink: "https://net.example/" + id}
	if s.rng.IntN(2) == 0 {
		m.Root = fmt.Sprintf("net:t%d", s.rng.IntN(3))
	}
	p := &post{author: author, thread: m.Thread(), poison: strings.Contains(text, "POISON"), ignored: strings.Contains(text, "ignore"),
		complaint: strings.Contains(text, "kaputt") || strings.Contains(text, "unacceptable")}
	n.posts[id], n.ids = p, append(n.ids, id)
	n.say(p, flow.Event{Verb: flow.New, At: at, Mention: m})
	for k := range s.rng.IntN(3) {
		at = at.Add(time.Duration(1+s.rng.IntN(30)) * time.Second)
		m.Text, m.Edited = fmt.Sprintf("%s, edit %d", m.Text, k+1), at
		n.say(p, flow.Event{Verb: flow.Edit, At: at, Mention: m})
	}
	switch s.rng.IntN(8) {
	case 0:
		n.say(p, flow.Event{Verb: flow.Delete, At: at.Add(time.Minute), Mention: flow.Mention{ID: id, Network: "net", Kind: m.Kind, Direction: flow.In, Author: m.Author, Root: m.Root}})
	case 1: // the brand answers with a tool of its own
		out := flow.Mention{ID: fmt.Sprintf("net:o%d", i), Network: "net", Kind: flow.ReplyTo, Direction: flow.Out, Text: fmt.Sprintf("by hand %d", i),
			Author: flow.Author{ID: "net:brand", Handle: "brand"}, Parent: id, Created: at.Add(time.Minute)}
		p := &post{author: "net:brand", out: true}
		n.posts[out.ID], n.ids = p, append(n.ids, out.ID)
		n.say(p, flow.Event{Verb: flow.New, At: out.Created, Mention: out})
	}
}

// say adds an event to what webhooks and polls will tell.
func (n *net) say(p *post, e flow.Event) {
	p.last, p.deleted = e, e.Verb == flow.Delete
	p.events = append(p.events, e.ID())
	d := delivery{events: []flow.Event{e}, times: 1 + n.s.rng.IntN(2)}
	n.s.counted(hookTwice, d.times > 1)
	if last := len(n.todo) - 1; last >= 0 && n.s.rng.IntN(4) == 0 {
		n.todo[last].events = append(n.todo[last].events, e)
	} else {
		n.todo = append(n.todo, d)
	}
	n.feed = append(n.feed, e)
}

func (n *net) finished() bool { return len(n.todo) == 0 }

// silent tells whether webhooks are withheld.
func (n *net) silent() bool { return n.s.now.Before(n.held) }

// unread tells whether the poll has not come to the end of the feed.
func (n *net) unread() bool { return n.cursor < len(n.feed) }

// send delivers one webhook, and again until it is answered with 2xx.
func (n *net) send() {
	if len(n.todo) == 0 || n.silent() {
		return
	}
	i := min(n.s.rng.IntN(4), len(n.todo)-1)
	d := n.todo[i]
	body, _ := json.Marshal(d.events)
	answer, err := n.s.app.Receive(context.Background(), "hook", webhook.Request{Method: "POST", Body: body, At: n.s.now})
	if err != nil || answer.Status != 200 {
		return // it stays where it is and is sent again
	}
	n.taken += len(d.events)
	at := slices.IndexFunc(n.todo, func(x delivery) bool {
		return x.events[0].ID() == d.events[0].ID() && len(x.events) == len(d.events)
	})
	if at < 0 {
		return // somebody else's try got through first
	}
	if n.todo[at].times--; n.todo[at].times <= 0 {
		n.todo = slices.Delete(n.todo, at, at+1)
	}
}

// Info implements network.Network.
func (n *net) Info() network.Info {
	return network.Info{Name: "net", Title: "Simulated network", Hook: []network.Field{}, HookSecrets: []network.Field{{Name: "secret"}}, Poll: 20 * time.Second, MaxText: 500, Private: true,
		Buckets: []network.Bucket{{Name: "default", Calls: 60, Per: time.Minute, Reserve: 10}},
		Rules:   network.Rules{MayMatch: "yes", MayScore: true, MayStore: true}}
}

// Verify implements network.Receiver.
func (n *net) Verify(context.Context, network.Hook, webhook.Request) (webhook.Answer, error) {
	return webhook.Answer{Keep: true}, nil
}

// Parse implements network.Parser.
func (n *net) Parse(raw network.Raw) ([]flow.Event, error) {
	var events []flow.Event
	if err := json.Unmarshal(raw.Body, &events); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	return events, nil
}

// Poll implements network.Poller: it looks back a little, as real ones do.
func (n *net) Poll(_ context.Context, _ network.Account, cursor string) (network.Page, error) {
	n.s.point("poll")
	switch {
	case n.s.lost():
		return network.Page{}, errLost
	case n.s.counted(pollSlow, n.s.now.Before(n.slow)):
		return network.Page{}, fault.Wait(fault.RateLimited, n.slow.Sub(n.s.now), "slow down")
	case n.s.chance(pollSlow, 0.1):
		return network.Page{}, fault.Wait(fault.RateLimited, 5*time.Second, "slow down")
	case n.s.chance(pollCut, 0.08):
		return network.Page{}, fault.New(fault.Ambiguous, "no answer")
	}
	from, _ := strconv.Atoi(cursor)
	to := min(from+7, len(n.feed))
	events := n.feed[max(from-3, 0):to]
	page := network.Page{Cursor: strconv.Itoa(to), More: to < len(n.feed)}
	if len(events) > 0 {
		body, _ := json.Marshal(events)
		page.Bodies = []network.Body{{Data: body}}
	}
	n.cursor = max(n.cursor, from)
	return page, nil
}

// Reply implements network.Replier; it has no idempotency key.
func (n *net) Reply(_ context.Context, _ network.Account, r flow.Reply, _ string) (network.Posted, error) {
	n.s.point("reply")
	switch {
	case n.s.lost():
		return network.Posted{}, errLost
	case n.s.stubborn(replyDown, 0.1):
		return network.Posted{}, fault.New(fault.Unavailable, "down")
	case n.s.stubborn(replySlow, 0.1):
		return network.Posted{}, fault.Wait(fault.RateLimited, 3*time.Second, "slow down")
	}
	n.s.clean("an answer", []byte(r.Text))
	n.posted[r.Text]++
	n.s.log("  posted %q", r.Text)
	if n.s.stubborn(replyCut, 0.2) {
		return network.Posted{}, fault.New(fault.Ambiguous, "posted, but the answer was cut")
	}
	n.s.point("replied")
	if n.s.lost() {
		return network.Posted{}, errLost
	}
	return network.Posted{Native: "r", Permalink: "https://net.example/" + r.ID, At: n.s.now}, nil
}

// Idempotent implements network.Replier.
func (n *net) Idempotent() bool { return false }

// FindReply implements network.ReplyFinder.
func (n *net) FindReply(_ context.Context, _ network.Account, r flow.Reply) (network.Posted, error) {
	n.s.point("find reply")
	switch {
	case n.s.lost():
		return network.Posted{}, errLost
	case n.s.stubborn(replyDown, 0.1):
		return network.Posted{}, fault.New(fault.Unavailable, "down")
	case n.posted[r.Text] == 0:
		return network.Posted{}, fault.New(fault.NotFound, "not there")
	}
	return network.Posted{Native: "r", Permalink: "https://net.example/" + r.ID}, nil
}
