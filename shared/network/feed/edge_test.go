package feed_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/feed"
	twin "rapport/shared/twin/feed"
)

// reading is an account that reads sites by host name, on a clock that is moved by hand.
type reading struct {
	t      *testing.T
	a      network.Account
	sites  map[string]*twin.Site
	calls  []string
	agents map[string]bool
	cursor string
	wait   time.Duration
}

func open(t *testing.T, settings map[string]any, sites map[string]*twin.Site) *reading {
	r := &reading{t: t, sites: sites, agents: map[string]bool{}}
	r.a = network.Account{Name: "news", Kind: "feed", Settings: settings, Now: noon, HTTP: &http.Client{Transport: r,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	return r
}

// RoundTrip leads a call to the site of its host.
func (r *reading) RoundTrip(req *http.Request) (*http.Response, error) {
	r.calls = append(r.calls, req.URL.Host+req.URL.Path)
	r.agents[req.Header.Get("User-Agent")] = true
	return r.sites[req.URL.Host].RoundTrip(req)
}

// poll reads to the end of a round.
func (r *reading) poll() ([]flow.Event, error) {
	r.t.Helper()
	var events []flow.Event
	for range 50 {
		page, err := feed.New().Poll(r.t.Context(), r.a, r.cursor)
		if err != nil {
			return events, err
		}
		for _, b := range page.Bodies {
			got, err := feed.New().Parse(network.Raw{Settings: r.a.Settings, Stream: b.Stream, Body: b.Data, At: r.a.Now})
			if err != nil {
				r.t.Fatal(err)
			}
			events = append(events, got...)
		}
		r.cursor, r.wait = page.Cursor, page.Wait
		if !page.More {
			return events, nil
		}
	}
	r.t.Fatal("the round does not end")
	return nil, nil
}

func (r *reading) want(what, want string) {
	r.t.Helper()
	events, err := r.poll()
	if err != nil {
		r.t.Errorf("%s: %v", what, err)
	}
	if got := texts(events); got != want {
		r.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func one(t *testing.T, o twin.Options, settings map[string]any) (*reading, *twin.Site) {
	r := open(t, nil, nil)
	o.Now = func() time.Time { return r.a.Now }
	s := twin.New(o)
	r.sites = map[string]*twin.Site{"verlag.twin.example": s}
	r.a.Settings = map[string]any{"streams": []string{"https://verlag.twin.example/feed"}}
	for k, v := range settings {
		r.a.Settings[k] = v
	}
	return r, s
}

// TestConditional: who knows the version gets a 304; an unchanged document without validators is noticed as well.
func TestConditional(t *testing.T) {
	r, s := one(t, twin.Options{}, nil)
	s.Publish(twin.Entry{Title: "alt"})
	r.want("the first time", "")
	r.want("again", "")
	if n := s.Calls("/feed 304"); n != 1 {
		t.Errorf("%d times 304", n)
	}
	s.Change(func(o *twin.Options) { o.NoTag = true })
	r.want("without validators", "")
	s.Publish(twin.Entry{Title: "neu"})
	r.want("something new", "new neu")
	r.want("again", "")
	if n := s.Calls("/robots.txt"); n != 1 {
		t.Errorf("robots.txt was read %d times in a day", n)
	}
}

// TestEdited: same id, other words is an edit; a window that moves on deletes nothing, nor does an entry that vanishes.
func TestEdited(t *testing.T) {
	r, s := one(t, twin.Options{Format: "atom", Window: 2}, nil)
	r.want("nothing yet", "")
	id := s.Publish(twin.Entry{Title: "eins", HTML: "A"})
	r.want("one", "new eins||A")
	r.a.Now = noon.Add(time.Hour)
	s.Edit(id, "B")
	r.want("edited", "edit eins||B")
	s.Publish(twin.Entry{Title: "zwei"})
	last := s.Publish(twin.Entry{Title: "drei"})
	r.want("the window moves", "new drei; new zwei")
	s.Retract(last, false)
	r.want("one vanishes, an old one is back in the window", "")
}

// TestDeleted: only where the feed says so.
func TestDeleted(t *testing.T) {
	r, s := one(t, twin.Options{Format: "atom"}, nil)
	r.want("nothing yet", "")
	a, b := s.Publish(twin.Entry{Title: "eins"}), s.Publish(twin.Entry{Title: "zwei"})
	r.want("two", "new zwei; new eins")
	s.Retract(a, true)
	events, err := r.poll()
	if err != nil || len(events) != 1 || events[0].Verb != flow.Delete || events[0].Mention.ID != "feed:"+a {
		t.Errorf("a tombstone: %+v, %v", events, err)
	}
	r.want("the tombstone stays", "")
	s.Change(func(o *twin.Options) { o.Complete = true })
	r.want("it is complete now", "")
	s.Retract(b, false)
	events, err = r.poll()
	if err != nil || len(events) != 1 || events[0].Verb != flow.Delete || events[0].Mention.ID != "feed:"+b {
		t.Errorf("absent from a complete feed: %+v, %v", events, err)
	}
	r.want("once", "")
}

// TestNamelessEntries: without ids and dates everything still comes once, and keeps its id.
func TestNamelessEntries(t *testing.T) {
	r, s := one(t, twin.Options{NoIDs: true, NoDates: true}, nil)
	s.Publish(twin.Entry{Title: "alt"})
	r.want("the first time", "")
	s.Publish(twin.Entry{Title: "neu", HTML: "x"})
	events, err := r.poll()
	if err != nil || len(events) != 1 || !events[0].Mention.Created.Equal(noon) || !strings.HasPrefix(events[0].Mention.ID, "feed:verlag.twin.example~") {
		t.Fatalf("%+v, %v", events, err)
	}
	r.a.Now = noon.Add(time.Hour)
	r.want("again", "")
}

// TestBroken: small faults are forgiven, a document that breaks off or is none changes nothing, and nothing is lost.
func TestBroken(t *testing.T) {
	r, s := one(t, twin.Options{NoTag: true}, nil)
	r.want("nothing yet", "")
	s.Publish(twin.Entry{Title: "eins"})
	for _, how := range []string{"cut", "page"} {
		s.Break(how)
		if events, err := r.poll(); !fault.Is(err, fault.Invalid) || len(events) > 0 {
			t.Errorf("%s: %d events, %v", how, len(events), err)
		}
	}
	for how, want := range map[string]string{"ampersand": "new Müller & Söhne &bogus; eins", "control": "new eins"} {
		s.Break(how)
		keep := r.cursor
		r.want(how, want)
		r.cursor = keep
	}
	s.Break("")
	r.want("whole again", "new eins")
}

// TestMoved: a permanent redirect is remembered, too many are refused, and the credential stays with its origin.
func TestMoved(t *testing.T) {
	r, s := one(t, twin.Options{}, nil)
	r.want("nothing yet", "")
	s.Move("/new-feed")
	s.Publish(twin.Entry{Title: "eins"})
	r.want("moved", "new eins")
	before := s.Calls("/feed")
	s.Publish(twin.Entry{Title: "zwei"})
	r.want("where it is now", "new zwei")
	if n := s.Calls("/feed"); n != before {
		t.Errorf("the old address was asked again")
	}
	s.Move("/elsewhere")
	if _, err := r.poll(); err == nil {
		r.want("asked at the old address after a 404", "")
	}
	loop := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "" && !strings.HasPrefix(req.URL.Path, "/feed") {
			t.Errorf("%s carries the credential", req.URL.Path)
		}
		if req.URL.Path == "/robots.txt" {
			w.WriteHeader(404)
			return
		}
		http.Redirect(w, req, req.URL.Path+"x", http.StatusFound)
	})
	server := httptest.NewServer(loop)
	defer server.Close()
	a := network.Account{Settings: map[string]any{"streams": []string{server.URL + "/feed"}}, HTTP: &http.Client{CheckRedirect: r.a.HTTP.CheckRedirect}, Now: noon}
	page, err := feed.New().Poll(t.Context(), a, "")
	if err == nil {
		_, err = feed.New().Poll(t.Context(), a, page.Cursor)
	}
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "redirects more than") {
		t.Errorf("a circle: %v", err)
	}
}

// TestCredential goes to the account's own origin alone.
func TestCredential(t *testing.T) {
	r := open(t, map[string]any{"streams": []string{"/feed", "https://fremd.example/feed"}}, nil)
	r.sites = map[string]*twin.Site{"verlag.twin.example": twin.New(twin.Options{Now: now, Auth: "Basic c2VjcmV0"}), "fremd.example": twin.New(twin.Options{Now: now, Auth: "Basic c2VjcmV0"})}
	r.a.Origin, r.a.Secrets = "https://verlag.twin.example", map[string]flow.Secret{"authorization": flow.NewSecret("Basic c2VjcmV0")}
	r.want("one is open to us, one is not", "")
	if s := r.sites; s["verlag.twin.example"].Calls("/feed 200") != 1 || s["fremd.example"].Calls("/feed 401") != 1 {
		t.Errorf("calls %v", r.calls)
	}
}

// TestRobots: what robots.txt forbids is not read; it is asked once a day; an alert and an owner's consent go past it.
func TestRobots(t *testing.T) {
	r, s := one(t, twin.Options{Robots: "User-agent: *\nDisallow: /\n\nUser-agent: rapport\nDisallow: /feed\n"}, map[string]any{"contact": "mailto:web@nordlicht.example"})
	if _, err := r.poll(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "robots.txt") {
		t.Errorf("forbidden: %v", err)
	}
	if n := s.Calls("/feed"); n != 0 {
		t.Errorf("it was read %d times", n)
	}
	findings, err := feed.New().Probe(t.Context(), r.a)
	if err != nil || len(findings) != 1 || findings[0].OK || !strings.Contains(findings[0].Say, "robots.txt") {
		t.Errorf("probe: %+v, %v", findings, err)
	}
	s.Change(func(o *twin.Options) { o.Robots = "User-agent: rapport\nAllow: /\n\nUser-agent: *\nDisallow: /\n" })
	r.a.Now = noon.Add(25 * time.Hour)
	r.want("a day later it allows us", "")
	s.Change(func(o *twin.Options) { o.Robots = "User-agent: *\nDisallow: /\n" })
	r.cursor, r.a.Settings["robots"] = "", "ignore"
	r.want("with the owner's consent", "")
	if !r.agents["rapport/1 (+mailto:web@nordlicht.example)"] || len(r.agents) != 1 {
		t.Errorf("agents %v", r.agents)
	}
	alert := open(t, map[string]any{"streams": []string{"https://www.google.com/alerts/feeds/1/2"}}, map[string]*twin.Site{"www.google.com": s})
	_, _ = alert.poll()
	if len(alert.calls) != 1 || alert.calls[0] != "www.google.com/alerts/feeds/1/2" {
		t.Errorf("an alert: calls %v", alert.calls)
	}
}

// TestPolite: a site is left alone for as long as it says, by document, by header, by Crawl-delay.
func TestPolite(t *testing.T) {
	for what, tc := range map[string]struct {
		o    twin.Options
		wait time.Duration
	}{
		"ttl": {twin.Options{TTL: 90}, 90 * time.Minute}, "max-age": {twin.Options{MaxAge: 7200}, 2 * time.Hour}, "the longer one": {twin.Options{TTL: 30, MaxAge: 7200}, 2 * time.Hour},
	} {
		r, s := one(t, tc.o, nil)
		r.want(what, "")
		if r.wait != tc.wait {
			t.Errorf("%s: wait %v, want %v", what, r.wait, tc.wait)
		}
		s.Publish(twin.Entry{Title: "neu"})
		r.a.Now = noon.Add(tc.wait - time.Second)
		r.want(what+", too early", "")
		if n := s.Calls("/feed"); n != 1 {
			t.Errorf("%s: read %d times", what, n)
		}
		r.a.Now = noon.Add(tc.wait)
		r.want(what+", in time", "new neu")
		r.a.Now = r.a.Now.Add(tc.wait)
		r.want(what+", unchanged", "")
		if r.wait != tc.wait {
			t.Errorf("%s: after a 304 wait %v, want %v", what, r.wait, tc.wait)
		}
	}
	r, _ := one(t, twin.Options{MaxAge: 60}, nil)
	if r.want("a short max-age", ""); r.wait != 0 {
		t.Errorf("a site that may be read every minute is read every %v", r.wait)
	}
	slow := twin.New(twin.Options{Now: now, Robots: "User-agent: *\nCrawl-delay: 20\n"})
	other := twin.New(twin.Options{Now: now, Self: "https://andere.example"})
	r = open(t, map[string]any{"streams": []string{"https://verlag.twin.example/feed", "https://verlag.twin.example/feed2", "https://andere.example/feed", "https://verlag.twin.example/feed3"}},
		map[string]*twin.Site{"verlag.twin.example": slow, "andere.example": other})
	var order []string
	for _, step := range []struct {
		after, wait time.Duration
	}{{0, 20 * time.Second}, {20 * time.Second, 20 * time.Second}, {40 * time.Second, 0}, {usual, 20 * time.Second}, {usual + 20*time.Second, 20 * time.Second}, {usual + 40*time.Second, 0}} {
		r.a.Now, r.calls = noon.Add(step.after), nil
		r.want("with a Crawl-delay", "")
		if r.wait != step.wait {
			t.Errorf("after %v: wait %v, want %v", step.after, r.wait, step.wait)
		}
		for _, call := range r.calls {
			if !strings.HasSuffix(call, "robots.txt") {
				order = append(order, strings.TrimPrefix(call, "verlag.twin.example"))
			}
		}
	}
	if got := strings.Join(order, " "); got != "/feed andere.example/feed /feed2 /feed3 /feed andere.example/feed /feed2 /feed3" {
		t.Errorf("read in the order %s", got)
	}
}

// usual is the pause between polls.
const usual = 15 * time.Minute

// TestOneFails: a feed that fails does not hold up the others, and is tried again ever more rarely; where all fail the
// account does.
func TestOneFails(t *testing.T) {
	good, bad := twin.New(twin.Options{Now: now}), twin.New(twin.Options{Now: now, Self: "https://kaputt.example"})
	r := open(t, map[string]any{"streams": []string{"https://kaputt.example/feed", "https://verlag.twin.example/feed"}},
		map[string]*twin.Site{"verlag.twin.example": good, "kaputt.example": bad})
	r.want("both", "")
	bad.Fail(500)
	for i, n := range []string{"eins", "zwei", "drei"} {
		r.a.Now = noon.Add(time.Duration(i+1) * 20 * time.Minute)
		good.Publish(twin.Entry{Title: n})
		r.want(n, "new "+n)
	}
	if n := bad.Calls("/feed 500"); n != 2 {
		t.Errorf("the one that fails was tried %d times in an hour, want 2", n)
	}
	good.Fail(410)
	r.a.Now = noon.Add(10 * time.Hour)
	if _, err := r.poll(); err == nil {
		t.Error("both fail, and nobody is told")
	}
	bad.Fail(0)
	good.Fail(0)
	bad.Publish(twin.Entry{Title: "wieder da"})
	r.a.Now = noon.Add(60 * time.Hour)
	r.want("both are back", "new wieder da")
}

// TestCursor stays small, whatever a feed holds.
func TestCursor(t *testing.T) {
	r, s := one(t, twin.Options{Window: 2000}, nil)
	for range 3 {
		for range 700 {
			s.Publish(twin.Entry{Title: "Nachricht", HTML: strings.Repeat("x", 100)})
		}
		if _, err := r.poll(); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.cursor) > 20_000 {
		t.Errorf("the cursor has %d bytes", len(r.cursor))
	}
	if !json.Valid([]byte(r.cursor)) {
		t.Error("the cursor is no JSON")
	}
}

// TestAddresses: what is no address is said before anything is called.
func TestAddresses(t *testing.T) {
	for _, streams := range [][]string{{}, {"nordlicht.example/feed"}, {"ftp://nordlicht.example/feed"}, {"/feed"}, {"https://"}} {
		r := open(t, map[string]any{"streams": streams}, nil)
		if _, err := r.poll(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", streams, err)
		}
		findings, err := feed.New().Probe(t.Context(), r.a)
		if err != nil || len(findings) != 1 || findings[0].OK || findings[0].Mend == "" {
			t.Errorf("%q: probe %+v, %v", streams, findings, err)
		}
	}
}

// TestDeadSite: robots.txt that cannot be read forbids a new site, and one that was allowed the day before goes on.
func TestDeadSite(t *testing.T) {
	s := twin.New(twin.Options{Now: now})
	down := false
	r := open(t, map[string]any{"streams": []string{"https://verlag.twin.example/feed"}}, nil)
	r.a.HTTP = &http.Client{Transport: tap(func(req *http.Request) (*http.Response, error) {
		if down && req.URL.Path == "/robots.txt" {
			w := httptest.NewRecorder()
			w.WriteHeader(503)
			return w.Result(), nil
		}
		return s.RoundTrip(req)
	})}
	down = true
	if _, err := r.poll(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a new site: %v", err)
	}
	down = false
	r.want("it is up", "")
	down = true
	r.a.Now = noon.Add(30 * time.Hour)
	s.Publish(twin.Entry{Title: "neu"})
	r.want("the day after", "new neu")
}

type tap func(*http.Request) (*http.Response, error)

func (f tap) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
