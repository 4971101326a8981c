package x_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/x"
	twin "rapport/shared/twin/x"
)

// ledger keeps what calls asked for and what they came to.
type ledger struct {
	asked, spent map[string]int
	calls        int
}

func (l *ledger) pay(a *network.Account) {
	l.asked, l.spent = map[string]int{}, map[string]int{}
	a.Pay = func(_ context.Context, most map[string]int) (func(map[string]int), error) {
		l.calls++
		for k, n := range most {
			l.asked[k] += n
			l.spent[k] += n
		}
		return func(came map[string]int) {
			for k, n := range most {
				l.spent[k] -= n
			}
			for k, n := range came {
				l.spent[k] += n
			}
		}, nil
	}
}

// Each call asks for what it can cost at most, and counts what came: exactly what X charges.
func TestCostPerResource(t *testing.T) {
	s, a := account(t, twin.Options{Twice: true}, "mentions", "own", "search:mill")
	var l ledger
	l.pay(&a)
	_, cursor := walk(t, a, "")
	for i := range 7 {
		s.Post(twin.Post{By: fmt.Sprintf("guest%d", i%3), Text: fmt.Sprintf("@nordlicht the mill %d", i)})
	}
	first := s.Post(twin.Post{By: "guest", Text: "@nordlicht quite another thing"})
	walk(t, a, cursor)
	var known []flow.Mention
	for _, id := range []string{first, "99999", s.Edit(first, "@nordlicht changed")} {
		known = append(known, flow.Mention{ID: flow.MentionID(x.Name, id)})
	}
	_, _, err := x.New().Check(t.Context(), a, known)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = x.New().Profiles(t.Context(), a, []string{s.Brand(), "404"}); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err = x.New().Estimate(t.Context(), a, noon.AddDate(0, 0, -6), noon); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"At nine.", "At nine, see nordlicht.de/hours"} {
		if _, err = x.New().Reply(t.Context(), a, flow.Reply{Mention: flow.MentionID(x.Name, first), Text: text}, "k"); err != nil {
			t.Fatal(err)
		}
	}
	charged, usd := s.Charged()
	var sum float64
	for _, p := range (x.Network{}).Info().Prices {
		sum += p.USD * float64(l.spent[p.Name])
		if l.spent[p.Name] != charged[p.Name] {
			t.Errorf("%s: %d counted, %d charged", p.Name, l.spent[p.Name], charged[p.Name])
		}
		if l.asked[p.Name] < l.spent[p.Name] {
			t.Errorf("%s: %d asked for, %d spent", p.Name, l.asked[p.Name], l.spent[p.Name])
		}
	}
	if d := sum - usd; d > 1e-9 || d < -1e-9 || usd == 0 {
		t.Errorf("%.4f USD counted, %.4f charged", sum, usd)
	}
	if charged["create_address"] != 1 || charged["create_summoned"] != 1 {
		t.Errorf("replies were charged as %v", charged)
	}
}

// The setting owned says that the account owns the app: its own posts and mentions are counted at their lower price.
func TestOwnedReads(t *testing.T) {
	s, a := account(t, twin.Options{}, "mentions")
	a.Settings["owned"] = true
	var l ledger
	_, cursor := walk(t, a, "")
	l.pay(&a)
	s.Post(twin.Post{By: "guest", Text: "@nordlicht hello"})
	walk(t, a, cursor)
	if l.spent["owned"] != 1 || l.spent["user"] != 1 || l.spent["post"] != 0 {
		t.Errorf("counted %v", l.spent)
	}
}

// TestEdit: an edit has a new id at X and the old one with us.
func TestEdit(t *testing.T) {
	s, a := account(t, twin.Options{}, "mentions")
	_, cursor := walk(t, a, "")
	id := s.Post(twin.Post{By: "guest", Text: "@nordlicht the mil is broken"})
	before, cursor := walk(t, a, cursor)
	edited := s.Edit(id, "@nordlicht the mill is broken")
	after, _ := walk(t, a, cursor)
	if len(before) != 1 || len(after) != 1 || after[0].Mention.ID != before[0].Mention.ID || after[0].Verb != flow.Edit || after[0].ID() == before[0].ID() ||
		!strings.HasSuffix(after[0].Mention.Permalink, edited) || after[0].Mention.Created.Sub(before[0].Mention.Created).Abs() > time.Second {
		t.Errorf("%+v\n%+v", before, after)
	}
}

// TestHidden: who protects the account or is suspended wants to be forgotten as well; what is merely not told is no deletion.
func TestHidden(t *testing.T) {
	s, a := account(t, twin.Options{}, "mentions")
	var known []flow.Mention
	for _, by := range []string{"shy", "bad", "open"} {
		known = append(known, flow.Mention{ID: flow.MentionID(x.Name, s.Post(twin.Post{By: by, Text: "@nordlicht hello from " + by}))})
	}
	known = append(known, flow.Mention{ID: "x:dm/1"})
	s.Change("shy", func(u *twin.User) { u.Protected = true })
	s.Change("bad", func(u *twin.User) { u.Suspended = true })
	_, gone, err := x.New().Check(t.Context(), a, known)
	if err != nil || len(gone) != 2 || gone[0] != known[0].ID || gone[1] != known[1].ID {
		t.Errorf("gone %v, %v", gone, err)
	}
	if _, err := x.New().Reply(t.Context(), a, flow.Reply{Mention: known[0].ID, Text: "Hello"}, "k"); !fault.Is(err, fault.Gone) {
		t.Errorf("a reply to somebody protected: %v", err)
	}
}

// TestPermitted: self-serve apps answer who mentioned or quoted the account, Enterprise answers everybody.
func TestPermitted(t *testing.T) {
	for _, c := range []struct {
		name       string
		enterprise bool
		post       func(s *twin.Server) twin.Post
		text       string
		kind       fault.Kind // Unknown = it is sent
	}{
		{"mentioned", false, func(*twin.Server) twin.Post { return twin.Post{Text: "hey @nordlicht"} }, "Hello", fault.Unknown},
		{"quoted", false, func(s *twin.Server) twin.Post {
			return twin.Post{Text: "well, well", Quotes: s.Post(twin.Post{Text: "We open at nine."})}
		}, "Hello", fault.Unknown},
		{"quoted somebody else", false, func(s *twin.Server) twin.Post {
			return twin.Post{Text: "well", Quotes: s.Post(twin.Post{By: "other", Text: "nordlicht opens at nine."})}
		}, "Hello", fault.Invalid},
		{"neither", false, func(*twin.Server) twin.Post { return twin.Post{Text: "nordlicht is late"} }, "Hello", fault.Invalid},
		{"neither, Enterprise", true, func(*twin.Server) twin.Post { return twin.Post{Text: "nordlicht is late"} }, "Hello", fault.Unknown},
		{"the author limits replies", false, func(*twin.Server) twin.Post { return twin.Post{Text: "hey @nordlicht", Settings: "following"} }, "Hello", fault.Invalid},
		{"two cashtags", false, func(*twin.Server) twin.Post { return twin.Post{Text: "hey @nordlicht"} }, "$NORD or $SUED", fault.Invalid},
		{"281 characters", false, func(*twin.Server) twin.Post { return twin.Post{Text: "hey @nordlicht"} }, strings.Repeat("x", 281), fault.Invalid},
		{"280 characters", false, func(*twin.Server) twin.Post { return twin.Post{Text: "hey @nordlicht"} }, strings.Repeat("x", 280), fault.Unknown},
		{"a long address", false, func(*twin.Server) twin.Post { return twin.Post{Text: "hey @nordlicht"} }, "https://nordlicht.de/" + strings.Repeat("y", 300), fault.Unknown},
	} {
		s, a := account(t, twin.Options{Enterprise: c.enterprise})
		if c.enterprise {
			a.Settings["plan"] = "enterprise"
		}
		p := c.post(s)
		p.By = "guest"
		_, err := x.New().Reply(t.Context(), a, flow.Reply{Mention: flow.MentionID(x.Name, s.Post(p)), Text: c.text}, "k")
		if sent := len(s.Posted()); c.kind == fault.Unknown && (err != nil || sent != 1) || c.kind != fault.Unknown && (!fault.Is(err, c.kind) || sent != 0) {
			t.Errorf("%s: %v, %d sent", c.name, err, sent)
		}
		if n := s.Calls("POST /2/tweets"); c.kind == fault.Invalid && c.post(s).Settings == "" && n != 0 {
			t.Errorf("%s: X was asked %d times, which costs", c.name, n)
		}
	}
}

// TestMessages: private answers go by direct message, where the account has them switched on, and are found again.
func TestMessages(t *testing.T) {
	s, a := account(t, twin.Options{})
	id := s.Message("guest", "my number is K-1007")
	r := flow.Reply{Mention: "x:dm/" + id, Text: "Thank you & goodbye", Private: true, Author: flow.Author{ID: flow.MentionID(x.Name, s.AddUser(twin.User{Handle: "guest"}))}, Asked: noon}
	if _, err := x.New().Reply(t.Context(), a, r, "k"); !fault.Is(err, fault.Invalid) {
		t.Errorf("messages that are switched off: %v", err)
	}
	a.Settings["messages"] = true
	if _, err := x.New().FindReply(t.Context(), a, r); !fault.Is(err, fault.NotFound) {
		t.Errorf("before it was sent: %v", err)
	}
	posted, err := x.New().Reply(t.Context(), a, r, "k")
	if err != nil || len(s.Posted()) != 1 || s.Posted()[0].Text != r.Text || s.Posted()[0].To == "" {
		t.Errorf("%v %+v", err, s.Posted())
	}
	if found, err := x.New().FindReply(t.Context(), a, r); err != nil || found.Native != posted.Native {
		t.Errorf("%+v %v, want %s", found, err, posted.Native)
	}
	r.Author.ID = flow.MentionID(x.Name, s.AddUser(twin.User{Handle: "stranger"}))
	if _, err := x.New().Reply(t.Context(), a, r, "k"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a message to who takes none: %v", err)
	}
}

// TestLimits: how X says that it is too much, and how long that lasts.
func TestLimits(t *testing.T) {
	_, a := account(t, twin.Options{Quota: 1}, "search:mill")
	_, cursor := walk(t, a, "")
	a.Now = noon.Add(4 * time.Minute)
	if _, err := x.New().Poll(t.Context(), a, cursor); !fault.Is(err, fault.RateLimited) || fault.After(err) != 11*time.Minute {
		t.Errorf("%v, to wait %v, want 11 minutes", err, fault.After(err))
	}
	s, a := account(t, twin.Options{Credits: 0.001}, "search:mill")
	s.Post(twin.Post{By: "guest", Text: "mill"})
	_, cursor = walk(t, a, "")
	if _, err := x.New().Poll(t.Context(), a, cursor); !fault.Is(err, fault.QuotaExhausted) || !strings.Contains(err.Error(), "credits") {
		t.Errorf("without credits: %v", err)
	}
	s, a = account(t, twin.Options{Cap: 1}, "search:mill")
	s.Post(twin.Post{By: "guest", Text: "mill"})
	_, cursor = walk(t, a, "")
	if _, err := x.New().Poll(t.Context(), a, cursor); !fault.Is(err, fault.QuotaExhausted) {
		t.Errorf("at the cap: %v", err)
	}
}

// TestOldCursor: X refuses a since_id of more than seven days; an account that slept so long reads what is left.
func TestOldCursor(t *testing.T) {
	clock := noon
	s, a := account(t, twin.Options{Now: func() time.Time { return clock }}, "search:mill")
	s.Post(twin.Post{By: "guest", Text: "an old mill"})
	_, cursor := walk(t, a, "")
	clock = noon.AddDate(0, 0, 9)
	a.Now = clock
	s.Post(twin.Post{By: "guest", Text: "a new mill", At: clock.Add(-time.Hour)})
	events, cursor := walk(t, a, cursor)
	if len(events) != 1 || events[0].Mention.Text != "a new mill" {
		t.Errorf("%+v", events)
	}
	if events, _ = walk(t, a, cursor); len(events) != 0 {
		t.Errorf("again: %+v", events)
	}
}

// TestQueries: what X would refuse costs nothing.
func TestQueries(t *testing.T) {
	for _, stream := range []string{"search:", "search: ", "search:" + strings.Repeat("x", 513), "home", "tag:mill"} {
		s, a := account(t, twin.Options{}, stream)
		if _, err := x.New().Poll(t.Context(), a, ""); !fault.Is(err, fault.Invalid) || s.Calls("GET /2/tweets/search/recent") > 0 {
			t.Errorf("%.20q: %v", stream, err)
		}
	}
	_, a := account(t, twin.Options{}, "mentions")
	a.ID = ""
	if _, err := x.New().Poll(t.Context(), a, ""); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "rapport connect") {
		t.Errorf("without id: %v", err)
	}
}

// TestEstimate: counts know every kind of stream, and cost what they cost.
func TestEstimate(t *testing.T) {
	s, a := account(t, twin.Options{}, "mentions", "own", "search:mill lang:de")
	for i := range 5 {
		s.Post(twin.Post{By: "guest", Text: fmt.Sprintf("@nordlicht die mill %d", i), Language: "de", At: noon.Add(-time.Duration(i) * 24 * time.Hour)})
	}
	s.Post(twin.Post{Text: "we open"})
	s.Post(twin.Post{By: "guest", Text: "the mill", Language: "en"})
	n, calls, exact, err := x.New().Estimate(t.Context(), a, noon.Add(-7*24*time.Hour), noon.Add(time.Minute))
	if err != nil || n != 11 || exact || calls < 6 {
		t.Errorf("%d mentions, %d calls, exact %v, %v", n, calls, exact, err)
	}
	a.Settings["handle"] = "@nordlicht"
	s.Force(500) // of three calls none is a look-up now
	if _, _, _, err = x.New().Estimate(t.Context(), a, noon.Add(-time.Hour), noon); !fault.Is(err, fault.Unavailable) || s.Calls("GET /2/users") != 1 {
		t.Errorf("%v after %d look-ups", err, s.Calls("GET /2/users"))
	}
}

// TestClient uses the twin without the connector, to see that it is what it says.
func TestTwinRefuses(t *testing.T) {
	s, a := account(t, twin.Options{})
	for path, want := range map[string]int{
		"/2/tweets/search/recent?query=x&max_results=5": 400, "/2/tweets/search/recent?query=x&since_id=20": 400, "/2/tweets/search/recent?query=x&next_token=no": 400,
		"/2/tweets?ids=" + strings.Repeat("1,", 100) + "1": 400, "/2/users/me": 200, "/2/nothing": 404, "/2/webhooks": 403,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.Origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer twin-token")
		resp, err := s.RoundTrip(req)
		if err != nil || resp.StatusCode != want {
			t.Errorf("%.50s: %v %v, want %d", path, resp.StatusCode, err, want)
		}
	}
}
