package bluesky_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/bluesky"
	twin "rapport/shared/twin/bluesky"
)

// account gives a twin without sockets and an account on it.
func account(o twin.Options, streams ...string) (*twin.Server, network.Account) {
	if o.Now == nil {
		o.Now = now
	}
	s := twin.New(o)
	a := vendor(s, "", streams).Account
	a.Origin, a.HTTP, a.Now = "https://pds.nordlicht.example", &http.Client{Transport: s}, o.Now()
	return s, a
}

// walk polls to the end of one round.
func walk(t *testing.T, a network.Account, cursor string) ([]flow.Event, string) {
	t.Helper()
	var events []flow.Event
	for range 100 {
		page, err := bluesky.New().Poll(t.Context(), a, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bodies {
			got, err := bluesky.New().Parse(network.Raw{Settings: a.Settings, Account: a.ID, Stream: b.Stream, Body: b.Data, Origin: a.Origin})
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, got...)
		}
		if cursor = page.Cursor; !page.More {
			return events, cursor
		}
	}
	t.Fatal("the round does not end")
	return nil, ""
}

// TestLate: a post whose author claims an earlier time sorts behind what was read already, and comes all the same.
func TestLate(t *testing.T) {
	s, a := account(twin.Options{Page: 2}, "notifications", "tag:mill")
	for range 5 {
		s.Post(twin.Post{By: "guest.example", Text: "@nordlicht.example an #mill of old"})
	}
	_, cursor := walk(t, a, "")
	s.Post(twin.Post{By: "guest.example", Text: "@nordlicht.example in time"})
	s.Post(twin.Post{By: "guest.example", Text: "@nordlicht.example and late", Before: 8 * time.Minute})
	events, cursor := walk(t, a, cursor)
	if len(events) != 2 || events[1].Mention.Text != "@nordlicht.example and late" {
		t.Errorf("got %+v", events)
	}
	if events, _ = walk(t, a, cursor); len(events) > 0 {
		t.Errorf("the second time: %+v", events)
	}
}

// TestNoise: likes, follows, reposts and kinds of the future are no mentions, and end no walk.
func TestNoise(t *testing.T) {
	s, a := account(twin.Options{Page: 2}, "notifications", "own")
	_, cursor := walk(t, a, "")
	first := s.Post(twin.Post{By: "guest.example", Text: "Fremdes", Before: 48 * time.Hour})
	s.Post(twin.Post{Text: "Eigenes"})
	s.Repost(first)
	for _, reason := range []string{"like", "follow", "repost", "verified", "of-the-future"} {
		s.Notify(reason, "fan.example")
	}
	events, _ := walk(t, a, cursor)
	if len(events) != 1 || events[0].Mention.Direction != flow.Out {
		t.Errorf("got %+v", events)
	}
}

// TestThread: replies name parent and root, also below other people's answers, and marks count bytes.
func TestThread(t *testing.T) {
	s, a := account(twin.Options{Lag: true}, "notifications")
	s.AddAccount(twin.Account{Handle: "gast.example", Display: "Gast"})
	root := s.Post(twin.Post{By: "gast.example", Text: "Die Mühle 🙂"})
	parent := s.Post(twin.Post{By: "guest.example", Text: "@nordlicht.example stimmt das?", ReplyTo: root})
	text := "Grüße 👩‍👩‍👧 an @gast.example (und @niemand.example): https://nordlicht.example/ö. #Mühle, a@b.example #1"
	r := flow.Reply{Account: "sky", Mention: "bluesky:" + parent, Text: text, Asked: noon.Add(-time.Hour)}
	one, err := bluesky.New().Reply(t.Context(), a, r, "key")
	if err != nil {
		t.Fatal(err)
	}
	a.Now = noon.Add(time.Hour) // a retry, an hour later
	two, err := bluesky.New().Reply(t.Context(), a, r, "key")
	if err != nil || one.Native != two.Native || !one.At.Equal(two.At) {
		t.Errorf("%+v, then %+v, %v", one, two, err)
	}
	posted := s.Posted()
	if len(posted) != 1 || posted[0].Parent != parent || posted[0].Root != root || posted[0].Text != text {
		t.Fatalf("posted %+v", posted)
	}
	if !strings.HasPrefix(one.Permalink, "https://bsky.app/profile/"+a.ID+"/post/") {
		t.Errorf("permalink %s", one.Permalink)
	}
	s.Index()
	events, _ := walk(t, account2(a, "own"), `{"streams":{"own":{"on":true}}}`)
	if len(events) != 1 {
		t.Fatalf("got %+v", events)
	}
	m := events[0].Mention
	if len(m.Links) != 1 || m.Links[0] != "https://nordlicht.example/ö" || len(m.Tags) != 1 || m.Tags[0] != "Mühle" || m.Root != "bluesky:"+root {
		t.Errorf("read back: %+v", m)
	}
	// The handle that exists is marked, so that its owner is notified; the one that does not is not.
	if got := s.Marked(one.Native); strings.Join(got, " ") != "@gast.example https://nordlicht.example/ö #Mühle" {
		t.Errorf("marked %q", got)
	}
}

func account2(a network.Account, streams ...string) network.Account {
	a.Settings = map[string]any{"streams": streams}
	return a
}

// TestKeys: other replies have other keys, and all are of the form that hosts take.
func TestKeys(t *testing.T) {
	s, a := account(twin.Options{}, "notifications")
	parent := s.Post(twin.Post{By: "guest.example", Text: "@nordlicht.example hm"})
	seen := map[string]bool{}
	for i, asked := range []time.Time{{}, noon, noon, noon.Add(time.Millisecond)} {
		r := flow.Reply{Account: "sky", Mention: "bluesky:" + parent, Text: "hm", Asked: asked}
		p, err := bluesky.New().Reply(t.Context(), a, r, string(rune('a'+i)))
		if err != nil || seen[p.Native] {
			t.Errorf("%d: %s, %v", i, p.Native, err)
		}
		seen[p.Native] = true
	}
}

// TestBlocked: a post that the index hides because of a block is not taken for deleted; a taken down one is.
func TestBlocked(t *testing.T) {
	s, a := account(twin.Options{}, "notifications")
	_, cursor := walk(t, a, "")
	for _, by := range []string{"blocks.example", "down.example", "deletes.example", "stays.example"} {
		s.Post(twin.Post{By: by, Text: "@nordlicht.example hello"})
	}
	events, _ := walk(t, a, cursor)
	var known []flow.Mention
	for _, e := range events {
		known = append(known, e.Mention)
		if strings.HasPrefix(e.Mention.Author.Handle, "deletes") {
			s.Delete(flow.Native(e.Mention.ID))
		}
	}
	s.Block("blocks.example")
	s.TakeDown("down.example")
	bodies, gone, err := bluesky.New().Check(t.Context(), a, known)
	if err != nil || len(gone) != 2 || len(bodies) != 1 || len(known) != 4 {
		t.Errorf("gone %v, %d bodies, %v", gone, len(bodies), err)
	}
	r := flow.Reply{Mention: known[3].ID, Text: "hm"} // the oldest: who blocks
	if _, err := bluesky.New().Reply(t.Context(), a, r, "k"); !fault.Is(err, fault.Gone) {
		t.Errorf("a reply to who blocks us: %v", err)
	}
}

// TestProfiles: counts, verification and the domain that a handle proves.
func TestProfiles(t *testing.T) {
	s, a := account(twin.Options{}, "notifications")
	a.Settings["shared_domains"] = []any{"himmel.example"}
	ids := map[string]string{}
	for handle, proven := range map[string]string{"backhaus.example": "https://backhaus.example", "kunde.bsky.social": "", "kunde.himmel.example": "",
		"presse.backhaus.example": "", "laden.co.uk": "https://laden.co.uk", "himmel.example": ""} {
		ids[s.AddAccount(twin.Account{Handle: handle, Followers: 3, Following: 2, Posts: 1, Verified: true, Bio: "hallo"})] = proven
	}
	list := []string{"did:plc:nobody"}
	for id := range ids {
		list = append(list, id)
	}
	got, err := bluesky.New().Profiles(t.Context(), a, list)
	if err != nil || len(got) != len(ids) {
		t.Fatalf("%d profiles, %v", len(got), err)
	}
	for id, proven := range ids {
		p := got[id]
		if strings.Join(p.Proven, "") != proven || !p.Counted || p.Followers != 3 || !p.Verified || p.Bio != "hallo" || p.ID != "bluesky:"+id {
			t.Errorf("want proven %q: %+v", proven, p)
		}
	}
}

// TestSession: what logging in, renewing and running out bring.
func TestSession(t *testing.T) {
	n := bluesky.New()
	clock := noon
	s, a := account(twin.Options{Now: func() time.Time { return clock }}, "notifications")
	page, err := n.Connect(t.Context(), a, "", "")
	if err != nil || page != "https://bsky.app/settings/app-passwords" {
		t.Errorf("connect: %q, %v", page, err)
	}
	a.Settings["identifier"] = "social@nordlicht.example"
	token, targets, err := n.Exchange(t.Context(), a, "", " nord-lich-twin-pass\n")
	if err != nil || len(targets) != 1 || targets[0].ID != s.Brand() || !token.Expires.Equal(noon.Add(2*time.Hour)) {
		t.Fatalf("exchange: %+v, %v, %v", token, targets, err)
	}
	a.Secrets = map[string]flow.Secret{"token": token.Access}
	clock = noon.Add(121 * time.Minute)
	a.Now = clock
	if _, err := n.Poll(t.Context(), a, ""); !fault.Is(err, fault.Unauthorized) { // a 400 on the wire
		t.Errorf("an expired token: %v", err)
	}
	fresh, err := n.Refresh(t.Context(), a, token)
	if err != nil || fresh.Refresh.Reveal() == token.Refresh.Reveal() || !fresh.Expires.Equal(clock.Add(2*time.Hour)) {
		t.Fatalf("refresh: %+v, %v", fresh, err)
	}
	if _, err := n.Refresh(t.Context(), a, token); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a refresh token was used twice: %v", err)
	}
	if _, err := n.Refresh(t.Context(), a, network.Token{}); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("no session and no password: %v", err)
	}
	a.Secrets["password"] = flow.NewSecret("nord-lich-twin-pass")
	if _, err := n.Refresh(t.Context(), a, token); err != nil || s.LogIns() != 2 {
		t.Errorf("a used up session with a password: %v, %d log-ins", err, s.LogIns())
	}
	if _, err := n.Refresh(t.Context(), a, network.Token{}); err != nil || s.LogIns() != 3 {
		t.Errorf("a password alone: %v, %d log-ins", err, s.LogIns())
	}
}

// TestRefusedLogIns: each refusal says in words what to do, and no password is in it.
func TestRefusedLogIns(t *testing.T) {
	for _, tc := range []struct {
		o          twin.Options
		code, want string
		kind       fault.Kind
		id         string
	}{
		{twin.Options{}, "wrong-pass-word", "make a new app password", fault.Unauthorized, ""},
		{twin.Options{Factor: true}, "nord-lich-twin-pass", "second factor", fault.Unauthorized, ""},
		{twin.Options{LogIns: -1}, "nord-lich-twin-pass", "limit", fault.RateLimited, ""},
		{twin.Options{}, "nord-lich-twin-pass", "connect the right one", fault.Unauthorized, "did:plc:other"},
		{twin.Options{}, "", "no app password", fault.Unauthorized, ""},
	} {
		_, a := account(tc.o, "notifications")
		if tc.id != "" {
			a.ID, a.Settings["identifier"] = tc.id, "nordlicht.example"
		}
		_, _, err := bluesky.New().Exchange(t.Context(), a, "", tc.code)
		if !fault.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.want) || tc.code != "" && strings.Contains(err.Error(), tc.code) {
			t.Errorf("want %q: %s, %v", tc.want, fault.Of(err), err)
		}
	}
	s, a := account(twin.Options{})
	s.TakeDown("nordlicht.example")
	if _, _, err := bluesky.New().Exchange(t.Context(), a, "", "nord-lich-twin-pass"); !fault.Is(err, fault.Unauthorized) || !strings.Contains(err.Error(), "not active") {
		t.Errorf("taken down: %v", err)
	}
}

// TestLimit: the reset in Unix seconds is the wait; the edge's 403 is no reason to log in again.
func TestLimit(t *testing.T) {
	_, busy := account(twin.Options{Quota: 1, Now: func() time.Time { return noon.Add(time.Minute) }}, "notifications")
	_, _ = bluesky.New().Poll(t.Context(), busy, "")
	if _, err := bluesky.New().Poll(t.Context(), busy, ""); !fault.Is(err, fault.RateLimited) || fault.After(err) != 4*time.Minute {
		t.Errorf("%v, wait %v", err, fault.After(err))
	}
	s, a := account(twin.Options{}, "notifications")
	s.Edge(true)
	if _, err := bluesky.New().Poll(t.Context(), a, ""); !fault.Is(err, fault.Unavailable) {
		t.Errorf("edge: %v", err)
	}
	findings, err := bluesky.New().Probe(t.Context(), a)
	if err != nil || len(findings) != 1 || findings[0].OK || findings[0].Mend == "" {
		t.Errorf("probe: %+v, %v", findings, err)
	}
}

// TestProbe: what is wrong is said in words.
func TestProbe(t *testing.T) {
	_, a := account(twin.Options{}, "notifications", "tag:", "nonsense")
	a.Now = noon.Add(time.Hour)
	a.ID = "did:plc:other"
	findings, err := bluesky.New().Probe(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]bool{}
	for _, f := range findings {
		if !f.OK {
			bad[f.What] = true
			if f.Mend == "" {
				t.Errorf("%s: nothing to mend it", f.What)
			}
		}
	}
	for _, what := range []string{"clock", "credentials", "stream tag:", "stream nonsense"} {
		if !bad[what] {
			t.Errorf("%s is not noticed: %+v", what, findings)
		}
	}
}

// TestIndex: the chosen index is named to the host on reads of the network, and on nothing else.
func TestIndex(t *testing.T) {
	s, a := account(twin.Options{}, "notifications", "own")
	a.Settings["appview"] = "did:web:index.example#bsky_appview"
	seen := map[string]string{}
	a.HTTP = &http.Client{Transport: tap(func(r *http.Request) (*http.Response, error) {
		seen[r.URL.Path] = r.Header.Get("Atproto-Proxy")
		return s.RoundTrip(r)
	})}
	a.ID = ""
	walk(t, a, "")
	if seen["/xrpc/app.bsky.notification.listNotifications"] == "" || seen["/xrpc/com.atproto.server.getSession"] != "" || len(seen) != 3 {
		t.Errorf("calls %v", seen)
	}
}

type tap func(*http.Request) (*http.Response, error)

func (f tap) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
