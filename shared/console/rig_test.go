package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/app/apptest"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/console"
	"rapport/shared/crm"
	"rapport/shared/crm/hubspot"
	"rapport/shared/direct"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/store"
	storememory "rapport/shared/store/memory"
	twin "rapport/shared/twin/hubspot"
	"rapport/shared/webhook"
)

const (
	token = "pat-eu1-c4n4ry-4711"
	host  = "127.0.0.1:4711"
)

// site is a network whose webhooks are JSON of events.
type site struct {
	posted []string
	door   string // of its log-in page
}

func (*site) Info() network.Info {
	return network.Info{Name: "site", Title: "Site", Hook: []network.Field{}, HookSecrets: []network.Field{{Name: "secret"}, {Name: "verify", Title: "Verify token", Required: true}}, MaxText: 500, Private: true,
		Settings: []network.Field{{Name: "depth", Type: "number", Title: "Depth"}}, Secrets: []network.Field{{Name: "token", Title: "Token"}},
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true}}
}

// Connect implements network.Authorizer.
func (s *site) Connect(_ context.Context, _ network.Account, redirect, state string) (string, error) {
	return s.door + "/grant?" + url.Values{"redirect_uri": {redirect}, "state": {state}}.Encode(), nil
}

// Exchange implements network.Authorizer: it takes the codes good and many.
func (s *site) Exchange(_ context.Context, _ network.Account, _, code string) (network.Token, []network.Target, error) {
	shops := []network.Target{{ID: "s1", Title: "Nord shop"}, {ID: "s2", Title: "South shop"}}
	switch code {
	case "good":
		return network.Token{Access: flow.NewSecret("t0ken-word"), Target: shops[0]}, shops[:1], nil
	case "many":
		return network.Token{Refresh: flow.NewSecret("t0ken-word")}, shops, nil
	}
	return network.Token{}, nil, fault.New(fault.Unauthorized, "the code is refused")
}

// Refresh implements network.Authorizer.
func (s *site) Refresh(context.Context, network.Account, network.Token) (network.Token, error) {
	return network.Token{}, fault.New(fault.Unauthorized, "the token is refused")
}

func (*site) Verify(context.Context, network.Hook, webhook.Request) (webhook.Answer, error) {
	return webhook.Answer{Keep: true}, nil
}

func (*site) Parse(raw network.Raw) ([]flow.Event, error) {
	var events []flow.Event
	if err := json.Unmarshal(raw.Body, &events); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	return events, nil
}

func (s *site) Reply(_ context.Context, _ network.Account, r flow.Reply, _ string) (network.Posted, error) {
	s.posted = append(s.posted, r.Text)
	return network.Posted{Native: "r", Permalink: "https://site.example/r"}, nil
}

func (*site) Idempotent() bool { return true }

// vault keeps secrets and gives the portal's token for everything else.
type vault map[string]string

func (v vault) Get(_ context.Context, ref string) (flow.Secret, error) {
	if s, ok := v[ref]; ok {
		return flow.NewSecret(s), nil
	}
	return flow.NewSecret(token), nil
}
func (v vault) Forget(string) {}
func (v vault) Set(_ context.Context, ref string, s flow.Secret) error {
	v[ref] = s.Reveal()
	return nil
}

// counting counts the rows that are read.
type counting struct {
	store.Store
	rows atomic.Int64
	puts atomic.Int64 // rows written or deleted
}

func (c *counting) Put(ctx context.Context, items ...store.Item) []store.Result {
	c.puts.Add(int64(len(items)))
	return c.Store.Put(ctx, items...)
}

func (c *counting) Delete(ctx context.Context, items ...store.Item) []store.Result {
	c.puts.Add(int64(len(items)))
	return c.Store.Delete(ctx, items...)
}

func (c *counting) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	c.rows.Add(int64(len(keys)))
	return c.Store.Get(ctx, keys...)
}

func (c *counting) List(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		for i, err := range c.Store.List(ctx, r) {
			c.rows.Add(1)
			if !yield(i, err) {
				return
			}
		}
	}
}

// home is an app with a portal behind it and a console before it, on a clock that is moved by hand.
type home struct {
	t       testing.TB
	clock   atomic.Int64 // nanoseconds
	ids     atomic.Int64
	store   *counting
	queue   *queuememory.Queue
	portal  *twin.Portal
	app     *app.App
	vault   vault
	net     *site
	console *console.Console
	log     bytes.Buffer
}

const document = `version: 1
score: {strangers: true}
# kept: a remark
brands:
  - {name: nord, languages: [de], terms: [nord]}
hooks:
  - {name: site, kind: site, secrets: {secret: "env:S", verify: "env:V"}}
networks:
  - {name: site, kind: site, hook: site, brand: nord, replies: approve}
crms:
  - {name: hub, kind: hubspot, mode: write, secrets: {token: "env:HUB"}, settings: {app_id: "62515"}}
`

func open(t *testing.T) *home { t.Helper(); return openWith(t, document) }

func openWith(t testing.TB, document string) *home {
	t.Helper()
	return openOn(t, document, nil)
}

// openOn is openWith over a store of its own; nil = in memory.
func openOn(t testing.TB, document string, over store.Store) *home {
	t.Helper()
	h := &home{t: t, vault: vault{}, net: &site{}}
	h.clock.Store(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).UnixNano())
	clock := h.at
	if h.store = (&counting{Store: over}); over == nil {
		h.store.Store = storememory.New(storememory.Options{Now: clock})
	}
	h.queue = queuememory.New(queuememory.Options{Now: clock, NewID: h.newID})
	h.portal = twin.New(twin.Options{Now: clock, Token: token})
	var err error
	h.app, err = app.New(t.Context(), app.Options{Store: h.store, Queue: h.queue, Archive: archivememory.New(), Secrets: h.vault,
		Networks: map[string]network.Network{"site": h.net}, CRMs: map[string]crm.CRM{"hubspot": hubspot.New()},
		Ports: pipeline.Ports{Now: clock, NewID: h.newID, Log: slog.New(slog.NewTextHandler(&h.log, nil)), HTTP: &http.Client{Transport: direct.Transport{Handler: h.portal}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.Publish(t.Context(), []byte(document), "test", "test", ""); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(document, "{name: hub,") {
		if _, err := h.app.SetupApply(t.Context(), "hub"); err != nil {
			t.Fatal(err)
		}
		if err := h.app.Learn(t.Context(), "hub"); err != nil {
			t.Fatal(err)
		}
	}
	if h.console, err = console.New(console.Options{Pipeline: h.app.Pipeline, Backend: h.app, Queue: h.queue, Hosts: []string{host}}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *home) newID() string { return fmt.Sprintf("%08d", h.ids.Add(1)) }

func (h *home) at() time.Time        { return time.Unix(0, h.clock.Load()).UTC() }
func (h *home) pass(d time.Duration) { h.clock.Add(int64(d)) }

func (h *home) said(id, author, text string) {
	h.t.Helper()
	h.send(flow.Event{Verb: flow.New, At: h.at(), Mention: flow.Mention{ID: "site:" + id, Network: "site", Kind: flow.Comment, Direction: flow.In, Text: text, Created: h.at(), Root: "site:t1",
		Author: flow.Author{ID: "site:" + author, Handle: author, Name: author, Bio: author, URL: "javascript:" + author, Counted: true, Followers: 50}, Permalink: "javascript:alert(1)", Tags: []string{author}}})
}

func (h *home) send(events ...flow.Event) {
	h.t.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		h.t.Fatal(err)
	}
	if a, err := h.app.Receive(h.t.Context(), "site", webhook.Request{Method: "POST", Body: body, At: h.at()}); a.Status != 200 {
		h.t.Fatal(a.Status, err)
	}
	for range 8 {
		h.step()
	}
}

// step lets half a minute go by.
func (h *home) step() {
	h.t.Helper()
	h.pass(30 * time.Second)
	if err := h.app.Tick(h.t.Context(), pipeline.Feed{Probe: 50, Most: 500}); err != nil {
		h.t.Fatal(err)
	}
	apptest.Drain(h.t, h.app, h.queue)
}

// guest is somebody with a browser.
type guest struct {
	h      *home
	cookie string
	csrf   string
	bearer string
}

// enter logs somebody in by a link.
func (h *home) enter(roles ...string) *guest {
	h.t.Helper()
	path, err := h.console.Link(h.t.Context(), "tester", roles...)
	if err != nil {
		h.t.Fatal(err)
	}
	_, key, _ := strings.Cut(path, "key=")
	g := &guest{h: h}
	w := g.do("POST", "/enter", url.Values{"key": {key}})
	if w.Code != http.StatusSeeOther {
		h.t.Fatalf("entering: %d %s", w.Code, w.Body)
	}
	for _, k := range w.Result().Cookies() {
		g.cookie = k.Name + "=" + k.Value
	}
	page := g.do("GET", "/", nil).Body.String()
	if _, after, ok := strings.Cut(page, `name="csrf" value="`); ok {
		g.csrf, _, _ = strings.Cut(after, `"`)
	}
	return g
}

// request makes a request of the guest.
func (g *guest) request(method, path string, form url.Values) *http.Request {
	var r *http.Request
	if method == "POST" {
		if form == nil {
			form = url.Values{}
		}
		if g.csrf != "" && !form.Has("csrf") {
			form.Set("csrf", g.csrf)
		}
		r = httptest.NewRequest(method, "http://"+host+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r = httptest.NewRequest(method, "http://"+host+path, nil)
	}
	if g.cookie != "" {
		r.Header.Set("Cookie", g.cookie)
	}
	if g.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+g.bearer)
	}
	return r
}

func (g *guest) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.h.console.ServeHTTP(w, g.request(method, path, form))
	g.h.pass(100 * time.Millisecond) // so that nobody is too quick
	return w
}

// get opens a page that has to be there.
func (g *guest) get(path string) string {
	g.h.t.Helper()
	w := g.do("GET", path, nil)
	if w.Code != 200 {
		g.h.t.Fatalf("GET %s: %d %.600s\n%s", path, w.Code, w.Body, g.h.log.String())
	}
	return w.Body.String()
}
