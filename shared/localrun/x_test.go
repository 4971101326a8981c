package localrun_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/localrun"
	secrets "rapport/shared/secret/env"
	sinktwin "rapport/shared/twin/sink"
	xtwin "rapport/shared/twin/x"
)

const xConfig = `version: 1
brands: [{name: nordlicht, budget: 2}]
hooks: [{name: x, kind: x, secrets: {secret: env:X_CONSUMER}}]
networks:
  - name: brand
    kind: x
    hook: x
    id: %q
    origin: %s
    brand: nordlicht
    every: 500ms
    streams: [mentions, own]
    settings: {handle: nordlicht}
    secrets: {bearer: env:X_BEARER, client_id: env:X_CLIENT, client_secret: env:X_CLIENT_SECRET}
crms:
  - name: feedback
    kind: sink
    origin: %s
    mode: write
    settings:
      batch: 10
      id_field: ExternalId
      write: {path: /batch}
      results: body.results
      result: {ok: item.success, id: item.id, error: item.error}
      find: {path: /find, ids: body}
mapping:
  - {crm: feedback, object: feedback, for: mention, key: ExternalId, fields: {Text: text}}
`

// TestX goes the whole road over real sockets: log in, have X send its events here, and read by poll what no webhook told;
// nothing comes twice, a token that expires is renewed, and what was spent outlives the process.
func TestX(t *testing.T) {
	feedback := sinktwin.New(sinktwin.Options{})
	crm := httptest.NewServer(feedback)
	defer crm.Close()
	var address atomic.Value
	address.Store("")
	vendor := xtwin.New(xtwin.Options{Reach: func(public string) string {
		return strings.Replace(public, "https://rapport.nordlicht.example", "http://"+address.Load().(string), 1)
	}})
	server := httptest.NewServer(vendor)
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "rapport.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, xConfig, vendor.Brand(), server.URL, crm.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	vault := map[string]string{"X_CONSUMER": "twin-consumer", "X_BEARER": "twin-bearer", "X_CLIENT": "twin-client", "X_CLIENT_SECRET": "twin-secret"}
	options := localrun.Options{Data: filepath.Join(dir, "rapport.db"), Config: file, Listen: "127.0.0.1:0", Base: "https://rapport.nordlicht.example", Private: true,
		Secrets: secrets.New(secrets.Options{Lookup: func(name string) (string, bool) { s, ok := vault[name]; return s, ok }}), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	home, err := localrun.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	logIn(t, home)
	if err := home.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	address.Store(home.Addr())
	stop := func() {
		if err := home.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	wait(t, "X sends its events here", func() bool { return vendor.Calls("POST /2/activity/subscriptions") == 5 })
	wait(t, "both streams were read once", func() bool {
		return vendor.Calls("GET /2/users/"+vendor.Brand()+"/mentions") > 0 && vendor.Calls("GET /2/users/"+vendor.Brand()+"/tweets") > 0
	})

	record := func(id string) int { return feedback.Count(flow.Key(flow.KindMention, flow.MentionID("x", id))) }
	told := vendor.Post(xtwin.Post{By: "guest", Text: "@nordlicht the mill is broken"})
	if n := vendor.Deliver(t.Context()); n != 1 {
		t.Fatalf("%d webhooks were taken", n)
	}
	wait(t, "the mention is in the CRM", func() bool { return record(told) == 1 })

	vendor.Expire() // and nobody tells: X gave the webhook up
	vendor.Invalidate()
	missed := vendor.Post(xtwin.Post{By: "guest", Text: "@nordlicht is anybody there?"})
	wait(t, "the poll brings what no webhook told", func() bool { return record(missed) == 1 })
	if vendor.Calls("POST /2/oauth2/token") != 2 {
		t.Errorf("the token was asked for %d times, want once and renewed once", vendor.Calls("POST /2/oauth2/token"))
	}
	own := vendor.Post(xtwin.Post{Text: "@guest we are on it", ReplyTo: missed})
	wait(t, "the brand's own answer is read", func() bool {
		for _, l := range lines(t, home) {
			if l.Mention == flow.MentionID("x", own) {
				return true
			}
		}
		return false
	})
	stop()
	if feedback.Doubles() != 0 || record(told) != 1 || record(missed) != 1 || record(own) != 0 || feedback.Total() != 2 {
		t.Errorf("the CRM holds %v", feedback.Rows())
	}

	if home, err = localrun.Open(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	defer stop()
	_, usd := vendor.Charged()
	if spent, err := home.Spent(t.Context(), "nordlicht"); err != nil || spent < usd || spent > 2 {
		t.Errorf("%.3f USD are booked, %.3f were charged, %v", spent, usd, err)
	}
	findings, err := home.Doctor(t.Context(), "brand")
	said := fmt.Sprint(findings)
	if err != nil || !strings.Contains(said, "posts a day") || !strings.Contains(said, "of 2.00 USD of brand nordlicht are spent today") || !strings.Contains(said, "gave up the webhook") {
		t.Errorf("%+v %v", findings, err)
	}
}

// logIn connects the account as a person with a browser would.
func logIn(t *testing.T, home *localrun.Home) {
	t.Helper()
	const redirect = "http://127.0.0.1/connected"
	page, err := home.LogInAddress(t.Context(), "brand", redirect, "state1")
	if err != nil || page == "" {
		t.Fatal(page, err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	_, targets, err := home.LogIn(t.Context(), "brand", redirect, back.Query().Get("code"))
	if err != nil || len(targets) != 1 || targets[0].Handle != "nordlicht" {
		t.Fatal(targets, err)
	}
}

// lines gives the ledger of the account.
func lines(t *testing.T, home *localrun.Home) (out []ledger.Line) {
	t.Helper()
	err := home.Lines(t.Context(), "brand", time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
		out = append(out, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
