package x_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/x"
	twin "rapport/shared/twin/x"
	"rapport/shared/webhook"
)

const redirect = "https://rapport.nordlicht.example/back"

// visit opens the address of Connect as a browser would and gives the code that comes back.
func visit(t *testing.T, s *twin.Server, address, state string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusFound {
		t.Fatalf("the page of X answers %v, %v", resp.StatusCode, err)
	}
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || back.Query().Get("state") != state {
		t.Fatalf("back at %v, %v", back, err)
	}
	return back.Query().Get("code")
}

// TestLogIn: PKCE, a code good for one use, tokens of two hours, refresh tokens good for one use.
func TestLogIn(t *testing.T) {
	clock := noon
	s, a := account(t, twin.Options{Now: func() time.Time { return clock }}, "mentions")
	n := x.New()
	a.Secrets = map[string]flow.Secret{"client_id": flow.NewSecret("twin-client"), "bearer": flow.NewSecret("twin-bearer")}
	if _, err := n.Connect(t.Context(), a, redirect, "st"); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a client secret: %v", err)
	}
	a.Secrets["client_secret"] = flow.NewSecret("twin-secret")
	address, err := n.Connect(t.Context(), a, redirect, "st")
	if err != nil || strings.Contains(address, "twin-secret") {
		t.Fatal(address, err)
	}
	code := visit(t, s, address, "st")
	if _, _, err := n.Exchange(t.Context(), a, redirect+"/else", code); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a code for another address: %v", err)
	}
	code = visit(t, s, address, "st")
	token, targets, err := n.Exchange(t.Context(), a, redirect, code)
	if err != nil || len(targets) != 1 || targets[0].ID != s.Brand() || targets[0].Handle != "nordlicht" || !token.Expires.Equal(noon.Add(2*time.Hour)) ||
		!slices.Contains(token.Scopes, "offline.access") || slices.Contains(token.Scopes, "dm.write") {
		t.Fatalf("%+v %+v %v", token, targets, err)
	}
	if _, _, err := n.Exchange(t.Context(), a, redirect, code); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("the same code again: %v", err)
	}
	clock = noon.Add(3 * time.Hour)
	a.Now = clock
	a.Secrets["token"] = token.Access
	if _, err := n.Poll(t.Context(), a, ""); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("an expired token: %v", err)
	}
	fresh, err := n.Refresh(t.Context(), a, token)
	if err != nil || fresh.Refresh.Reveal() == token.Refresh.Reveal() || fresh.Refresh.Empty() || !fresh.Expires.Equal(clock.Add(2*time.Hour)) {
		t.Fatalf("%+v %v", fresh, err)
	}
	a.Secrets["token"] = fresh.Access
	if _, err := n.Poll(t.Context(), a, ""); err != nil {
		t.Errorf("with the fresh token: %v", err)
	}
	if _, err := n.Refresh(t.Context(), a, token); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("the old refresh token again: %v", err)
	}
	if _, err := n.Refresh(t.Context(), a, network.Token{}); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("without a refresh token: %v", err)
	}
	a.Origin = "https://api.x.com"
	if address, err := n.Connect(t.Context(), a, redirect, "st"); err != nil || !strings.HasPrefix(address, "https://x.com/i/oauth2/authorize?") {
		t.Errorf("people log in at %s, %v", address, err)
	}
}

// receiver is our end of a webhook, over a real socket.
func receiver(t *testing.T, secret string, events chan<- []byte) *httptest.Server {
	t.Helper()
	h := network.Hook{Secrets: map[string]flow.Secret{"secret": flow.NewSecret(secret)}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 0, 1<<16)
		for buf := make([]byte, 4096); ; {
			n, err := r.Body.Read(buf)
			body = append(body, buf[:n]...)
			if err != nil {
				break
			}
		}
		answer, err := x.New().Verify(r.Context(), h, webhook.Request{Method: r.Method, Header: r.Header, Query: r.URL.Query(), Body: body, At: noon})
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if answer.Keep {
			events <- body
		}
		_, _ = w.Write(answer.Body)
	}))
	t.Cleanup(server.Close)
	return server
}

// TestSubscribe: the address passes the challenge, all events are subscribed once, a webhook that X gave up comes back, and
// what X sends passes and parses.
func TestSubscribe(t *testing.T) {
	events := make(chan []byte, 100)
	server := receiver(t, "twin-consumer", events)
	const address = "https://rapport.nordlicht.example/hooks/x"
	reach := server.URL
	s, a := account(t, twin.Options{Reach: func(string) string { return reach }}, "mentions")
	a.Settings["messages"] = true
	n := x.New()
	if live, _, err := n.Subscription(t.Context(), a, address); live || err != nil {
		t.Fatal(live, err)
	}
	for _, bad := range []string{"http://rapport.nordlicht.example/hooks/x", "https://rapport.nordlicht.example:8443/hooks/x"} {
		if err := n.Renew(t.Context(), a, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for range 2 { // made twice it is set up once
		if err := n.Renew(t.Context(), a, address); err != nil {
			t.Fatal(err)
		}
	}
	if live, _, err := n.Subscription(t.Context(), a, address); !live || err != nil || s.Calls("POST /2/activity/subscriptions") != 7 {
		t.Fatal(live, err, s.Calls("POST /2/activity/subscriptions"))
	}
	s.Invalidate()
	if live, _, err := n.Subscription(t.Context(), a, address); live || err != nil {
		t.Fatal("a webhook that X gave up is live", err)
	}
	findings, err := n.Probe(t.Context(), a)
	if err != nil || !slices.ContainsFunc(findings, func(f network.Finding) bool { return !f.OK && f.What == "subscription" && f.Mend != "" }) {
		t.Errorf("%+v %v", findings, err)
	}
	if err := n.Renew(t.Context(), a, address); err != nil {
		t.Fatal(err)
	}
	own := s.Post(twin.Post{Text: "We open at nine."})
	asked := s.Post(twin.Post{By: "guest", Text: "@nordlicht and on Sunday?", ReplyTo: own})
	s.Post(twin.Post{By: "guest", Text: "nice", Quotes: own})
	s.Post(twin.Post{By: "guest", Reposts: own, Text: "RT"})
	s.Message("guest", "my number is K-1007")
	s.Delete(own)
	if n := s.Deliver(t.Context()); n != 6 { // the reply is told as reply and as mention, the repost not at all
		t.Errorf("%d events were taken", n)
	}
	close(events)
	seen := map[string]int{}
	for body := range events {
		for _, e := range parse(t, network.Raw{Body: body, At: noon}) {
			if e.Account != a.ID {
				t.Errorf("the event is for %q", e.Account)
			}
			seen[string(e.Verb)+" "+string(e.Mention.Kind)+" "+string(e.Mention.Direction)+" "+e.ID()]++
		}
	}
	twice := 0
	for what, n := range seen {
		if n == 2 && strings.Contains(what, asked) {
			twice++
		}
	}
	if len(seen) != 5 || twice != 1 {
		t.Errorf("%v", seen)
	}
}

// TestWrongSecret: a receiver with another secret fails the challenge, and X says so.
func TestWrongSecret(t *testing.T) {
	server := receiver(t, "another", make(chan []byte, 1))
	_, a := account(t, twin.Options{Reach: func(string) string { return server.URL }}, "mentions")
	if err := x.New().Renew(t.Context(), a, "https://rapport.nordlicht.example/hooks/x"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "CrcValidationFailed") {
		t.Error(err)
	}
}

// TestProbe says in plain words what is wrong, and what a query would cost.
func TestProbe(t *testing.T) {
	s, a := account(t, twin.Options{}, "search:mill")
	for range 70 {
		s.Post(twin.Post{By: "guest", Text: "a mill"})
	}
	find := func(what string) network.Finding {
		t.Helper()
		list, err := x.New().Probe(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if f.What == what {
				return f
			}
		}
		t.Fatalf("nothing is said of %s: %+v", what, list)
		return network.Finding{}
	}
	if f := find("stream search:mill"); !f.OK || !strings.Contains(f.Say, "10.0 posts a day, 0.15 USD") {
		t.Errorf("%+v", f)
	}
	if f := find("credentials"); !f.OK || !strings.Contains(f.Say, "@nordlicht") {
		t.Errorf("%+v", f)
	}
	a.ID = "1"
	if f := find("credentials"); f.OK || !strings.Contains(f.Mend, s.Brand()) {
		t.Errorf("%+v", f)
	}
	a.Secrets = map[string]flow.Secret{"bearer": flow.NewSecret("twin-bearer")}
	if f := find("credentials"); !f.OK || !strings.Contains(f.Say, "rapport connect") {
		t.Errorf("%+v", f)
	}
	a.Secrets = map[string]flow.Secret{"token": flow.NewSecret("twin-token")}
	if f := find("access level"); f.OK || f.Mend == "" {
		t.Errorf("%+v", f)
	}
}
