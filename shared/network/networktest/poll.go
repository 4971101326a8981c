package networktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// maxPolls bounds one walk, so that a poller that never ends is an error and no hanging test.
const maxPolls = 200

func pollChecks() []check {
	polls := func(s Suite, n network.Network) bool {
		_, ok := n.(network.Poller)
		return ok && s.Vendor != nil
	}
	return []check{
		{"first poll", polls, checkFirstPoll},
		{"pages", polls, checkPages},
		{"poll again", polls, checkPollAgain},
		{"history", polls, checkHistory},
		{"own by poll", polls, checkOwnPoll},
		{"status", polls, checkStatus},
		{"poll cancelled", polls, checkPollCancelled},
		{"foreign link", polls, checkForeignLink},
	}
}

func (b *bench) poll(cursor string) (network.Page, error) {
	page, err := b.n.(network.Poller).Poll(context.Background(), b.account, cursor)
	leaks(b.r, err, secrets(b.account.Secrets))
	for _, s := range secrets(b.account.Secrets) {
		if strings.Contains(page.Cursor, s) {
			b.r.Errorf("the cursor holds a secret")
		}
	}
	return page, err
}

// walk polls until nothing more is to be had at once.
func (b *bench) walk(cursor string) (events []flow.Event, last string) {
	b.r.Helper()
	for range maxPolls {
		page, err := b.poll(cursor)
		if err != nil {
			b.r.Errorf("poll: %v", err)
			return events, cursor
		}
		if page.Cursor == "" {
			b.r.Errorf("a page has no cursor")
			return events, cursor
		}
		events = append(events, b.read(page.Bodies)...)
		cursor = page.Cursor
		if !page.More {
			return events, cursor
		}
	}
	b.r.Errorf("after %d polls there is still more", maxPolls)
	return events, cursor
}

func (b *bench) read(bodies []network.Body) (events []flow.Event) {
	b.r.Helper()
	for _, body := range bodies {
		got, err := parse(b.r, b.n, network.Raw{Settings: b.account.Settings, Account: b.account.ID, Stream: body.Stream, Body: body.Data,
			At: b.account.Now, Origin: b.account.Origin})
		if err != nil {
			b.r.Errorf("a polled body cannot be parsed: %v\n%.300s", err, body.Data)
		}
		events = append(events, got...)
	}
	return events
}

// once wants each of ids among the events, exactly once, and nothing else.
func once(r Reporter, events []flow.Event, want []string, what string) {
	r.Helper()
	seen := map[string]int{}
	for _, e := range events {
		seen[e.Mention.ID]++
	}
	for _, id := range want {
		if seen[id] != 1 {
			r.Errorf("%s: %s came %d times, want once", what, id, seen[id])
		}
		delete(seen, id)
	}
	for id := range seen {
		r.Errorf("%s: %s came unasked", what, id)
	}
}

// ready gives a bench whose account was polled for the first time.
func (s Suite) ready(r Reporter) (*bench, string) {
	r.Helper()
	b := s.bench(r)
	b.Say(b.Page + 1)
	_, cursor := b.walk("")
	return b, cursor
}

// checkFirstPoll: a new account starts at now.
func checkFirstPoll(r Reporter, s Suite) {
	b := s.bench(r)
	b.Say(2*b.Page + 1)
	events, cursor := b.walk("")
	if len(events) > 0 {
		r.Errorf("the first poll brings %d events of the past", len(events))
	}
	said := b.Say(1)
	events, _ = b.walk(cursor)
	once(r, events, said, "after the first poll")

	// An account on which nothing was ever said must not lose the first thing.
	b = s.bench(r)
	_, cursor = b.walk("")
	said = b.Say(b.Page + 1)
	events, _ = b.walk(cursor)
	once(r, events, said, "on an account that was empty")
}

// checkPages: everything comes once, over several pages and several walks.
func checkPages(r Reporter, s Suite) {
	b, cursor := s.ready(r)
	for round, n := range []int{2*b.Page + 1, 0, b.Page, 1} {
		said := b.Say(n)
		events, next := b.walk(cursor)
		once(r, events, said, fmt.Sprintf("walk %d of %d new things", round+1, n))
		cursor = next
	}
}

// checkPollAgain: a page may be read twice, and gives the same then.
func checkPollAgain(r Reporter, s Suite) {
	b, cursor := s.ready(r)
	b.Say(b.Page + 1)
	one, end := b.walk(cursor)
	two, _ := b.walk(cursor)
	if !slices.Equal(ids(one), ids(two)) {
		r.Errorf("the same cursor gives other events the second time:\n%v\n%v", ids(one), ids(two))
	}
	three, _ := b.walk(end)
	if len(three) > 0 {
		r.Errorf("%d events come again after the last page: the cursor goes back", len(three))
	}
}

// checkHistory: a backfill gets what was there before.
func checkHistory(r Reporter, s Suite) {
	b := s.bench(r)
	said := b.Say(2*b.Page + 1)
	b.account.History = true
	events, cursor := b.walk("")
	once(r, events, said, "a first poll that asks for history")
	more := b.Say(2)
	events, _ = b.walk(cursor)
	once(r, events, more, "after the history")
}

func checkOwnPoll(r Reporter, s Suite) {
	b, cursor := s.ready(r)
	if b.Own == nil {
		r.Errorf("Vendor.Own is missing")
		return
	}
	id := b.Own()
	events, _ := b.walk(cursor)
	once(r, events, []string{id}, "a post of the brand itself")
	for _, e := range events {
		if e.Mention.Direction != flow.Out {
			r.Errorf("the brand's own post %s has direction %q, want out", e.Mention.ID, e.Mention.Direction)
		}
	}
}

// statuses is the table of what an answer means.
var statuses = []struct {
	status int
	header map[string]string
	kind   fault.Kind
	after  time.Duration // exactly; 0 = anything below a day
}{
	{status: 400, kind: fault.Invalid},
	{status: 401, kind: fault.Unauthorized},
	{status: 403, kind: fault.Unauthorized},
	{status: 404, kind: fault.NotFound},
	{status: 409, kind: fault.Conflict},
	{status: 410, kind: fault.Gone},
	{status: 429, kind: fault.RateLimited},
	{status: 429, kind: fault.RateLimited, header: map[string]string{"Retry-After": "17"}, after: 17 * time.Second},
	{status: 500, kind: fault.Unavailable},
	{status: 502, kind: fault.Unavailable},
	{status: 503, kind: fault.Unavailable},
	{status: 503, kind: fault.Unavailable, header: map[string]string{"Retry-After": "9"}, after: 9 * time.Second},
	{status: 504, kind: fault.Unavailable},
}

func checkStatus(r Reporter, s Suite) {
	b, cursor := s.ready(r)
	for _, row := range statuses {
		for _, body := range []string{`{"error":"no"}`, "", "<html>no</html>"} {
			b.set(func() { b.force = &forced{status: row.status, header: row.header, body: body} })
			page, err := b.poll(cursor)
			kind := row.kind
			if k, ok := s.Status[row.status]; ok {
				kind = k
			}
			what := fmt.Sprintf("status %d with %d bytes", row.status, len(body))
			b.judged(err, what, kind)
			if after := fault.After(err); row.after > 0 && after != row.after || after < 0 || after > 24*time.Hour {
				r.Errorf("%s: to wait %v, want %v", what, after, row.after)
			}
			if len(page.Bodies) > 0 {
				r.Errorf("%s: bodies and an error", what)
			}
		}
	}
	for _, body := range []string{"", "<html>", `{"a"`, "null x"} {
		b.set(func() { b.force = &forced{status: 200, body: body} })
		if page, err := b.poll(cursor); err == nil && len(page.Bodies) > 0 {
			r.Errorf("an answer 200 %q is taken for a page", body)
		}
	}
	b.set(func() { b.force = nil })
	said := b.Say(1)
	events, _ := b.walk(cursor)
	once(r, events, said, "after all these failures")
}

func checkPollCancelled(r Reporter, s Suite) {
	b, cursor := s.ready(r)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	before := b.count()
	within(r, 5*time.Second, "Poll with an ended context", func(context.Context) {
		if _, err := b.n.(network.Poller).Poll(ctx, b.account, cursor); !errors.Is(err, context.Canceled) {
			r.Errorf("an ended context gives %v", err)
		}
	})
	if b.count() != before {
		r.Errorf("Poll calls the vendor though its context has ended")
	}
	came := make(chan struct{}, 100)
	b.set(func() { b.hang = came })
	ctx, cancel = context.WithCancel(context.Background())
	within(r, 5*time.Second, "Poll whose context ends while it waits", func(context.Context) {
		go func() {
			<-came
			cancel()
		}()
		if _, err := b.n.(network.Poller).Poll(ctx, b.account, cursor); err == nil {
			r.Errorf("Poll gives no error when its context ends")
		}
	})
	cancel()
}

// checkForeignLink turns every address of the vendor's answers to another host, which must see no credential.
func checkForeignLink(r Reporter, s Suite) {
	b, cursor := s.ready(r)
	var mu sync.Mutex
	var seen []string
	texts := secrets(b.account.Secrets)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		said := fmt.Sprint(req.URL.String(), req.Header)
		mu.Lock()
		defer mu.Unlock()
		for _, s := range texts {
			if strings.Contains(said, s) {
				seen = append(seen, req.URL.Path+" carries a secret")
			}
		}
		if req.Header.Get("Authorization") != "" || req.Header.Get("Cookie") != "" {
			seen = append(seen, req.URL.Path+" carries credentials")
		}
		b.Handler.ServeHTTP(w, req)
	}))
	r.Cleanup(foreign.Close)
	b.Say(2*b.Page + 1)
	b.set(func() { b.replace = [2]string{b.account.Origin, foreign.URL} })
	for range 20 {
		page, err := b.poll(cursor)
		if err != nil || !page.More {
			break
		}
		cursor = page.Cursor
	}
	b.set(func() { b.replace = [2]string{} })
	b.set(func() {
		b.force = &forced{status: 302, header: map[string]string{"Location": foreign.URL + "/elsewhere"}}
	})
	if _, err := b.poll(cursor); err == nil {
		r.Errorf("a redirect is taken for a page")
	}
	mu.Lock()
	defer mu.Unlock()
	for _, what := range seen {
		r.Errorf("a foreign host was called: %s", what)
	}
}
