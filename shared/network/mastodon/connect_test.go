package mastodon_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/mastodon"
	twin "rapport/shared/twin/mastodon"
)

// client calls a twin without a socket.
func client(s *twin.Server) *http.Client {
	return &http.Client{Transport: s, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// TestConnect: from nothing to a working account.
func TestConnect(t *testing.T) {
	s, a := account(twin.Options{}, "notifications")
	n := mastodon.New()
	a.Secrets = nil
	const redirect = "https://console.example/connect"
	if _, err := n.Connect(t.Context(), a, redirect, "s1"); !fault.Is(err, fault.Invalid) {
		t.Errorf("without client id: %v", err)
	}
	kept, err := n.Register(t.Context(), a, redirect)
	if err != nil {
		t.Fatal(err)
	}
	a.Secrets = kept
	address, err := n.Connect(t.Context(), a, redirect, "s 1&")
	if err != nil {
		t.Fatal(err)
	}
	if secret := kept["client_secret"].Reveal(); secret == "" || strings.Contains(address, secret) {
		t.Error("the address of the consent page holds the secret, or there is none")
	}
	resp, err := client(s).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || back.Query().Get("state") != "s 1&" {
		t.Fatalf("sent back to %q, %v", back, err)
	}
	if _, _, err := n.Exchange(t.Context(), a, redirect, "wrong"); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a wrong code: %v", err)
	}
	token, targets, err := n.Exchange(t.Context(), a, redirect, back.Query().Get("code"))
	if err != nil || len(targets) != 1 || targets[0].ID != s.Brand() || token.Target != targets[0] || !token.Expires.IsZero() {
		t.Fatalf("%+v %+v %v", token, targets, err)
	}
	if len(token.Scopes) != 5 {
		t.Errorf("scopes %v", token.Scopes)
	}
	a.Secrets = map[string]flow.Secret{"token": token.Access}
	walk(t, a, "")
	s.Revoke(token.Access.Reveal())
	if _, err := n.Refresh(t.Context(), a, token); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("refresh: %v", err)
	}
}

// TestProbe: each thing that is wrong is named, with what to do.
func TestProbe(t *testing.T) {
	bad := func(a network.Account) []string {
		findings, err := mastodon.New().Probe(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range findings {
			if !f.OK {
				out = append(out, f.What)
			}
		}
		return out
	}
	for what, tc := range map[string]struct {
		o    twin.Options
		mend func(*network.Account)
		want []string
	}{
		"sound":        {twin.Options{}, func(*network.Account) {}, nil},
		"old server":   {twin.Options{Version: "3.5.19"}, func(*network.Account) {}, nil},
		"clock":        {twin.Options{}, func(a *network.Account) { a.Now = a.Now.Add(-time.Hour) }, []string{"clock"}},
		"other id":     {twin.Options{}, func(a *network.Account) { a.ID = "https://x.example/users/y" }, []string{"credentials"}},
		"no id":        {twin.Options{}, func(a *network.Account) { a.ID = "" }, []string{"credentials"}},
		"scope":        {twin.Options{Scopes: "read"}, func(*network.Account) {}, []string{"permissions"}},
		"short texts":  {twin.Options{MaxText: 300}, func(*network.Account) {}, []string{"settings"}},
		"GoToSocial":   {twin.Options{ULID: true, Version: "0.19.1"}, func(*network.Account) {}, []string{"settings"}},
		"bad stream":   {twin.Options{}, func(a *network.Account) { a.Settings["streams"] = []any{"notifications", "tags"} }, []string{"stream tags"}},
		"token":        {twin.Options{}, func(a *network.Account) { a.Secrets = map[string]flow.Secret{"token": flow.NewSecret("gone")} }, []string{"credentials"}},
		"not a stream": {twin.Options{Scopes: "read:accounts read:statuses read:search write"}, func(*network.Account) {}, []string{"permissions", "stream notifications"}},
	} {
		_, a := account(tc.o, "notifications", "own", "tag:mill", "search:mill")
		tc.mend(&a)
		if got := bad(a); !slices.Equal(got, tc.want) {
			t.Errorf("%s: bad are %v, want %v", what, got, tc.want)
		}
	}
}
