package bluesky_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/app/apptest"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/crm"
	"rapport/shared/crm/hubspot"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/bluesky"
	"rapport/shared/pipeline"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/rest"
	"rapport/shared/store"
	storememory "rapport/shared/store/memory"
	twin "rapport/shared/twin/bluesky"
	hubspottwin "rapport/shared/twin/hubspot"
)

const document = `version: 1
brands:
  - {name: nordlicht, languages: [de], terms: [Nordlicht]}
networks:
  - {name: sky, kind: bluesky, id: %q, origin: %q, replies: approve, secrets: {password: "env:SKY"}}
crms:
  - {name: hub, kind: hubspot, origin: %q, mode: write, secrets: {token: "env:HUB"}, settings: {app_id: "62515"}}
`

type vault map[string]string

func (v vault) Get(_ context.Context, ref string) (flow.Secret, error) {
	return flow.NewSecret(v[ref]), nil
}
func (vault) Forget(string) {}

// stage is an app between a host and a portal on real sockets, on a clock that is moved by hand.
type stage struct {
	t      *testing.T
	now    time.Time
	ids    int
	app    *app.App
	queue  *queuememory.Queue
	sky    *twin.Server
	portal *hubspottwin.Portal
	store  store.Store
	asked  atomic.Int64 // calls for profiles
}

func open(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, now: noon}
	clock := func() time.Time { return s.now }
	id := func() string { s.ids++; return fmt.Sprintf("%08d", s.ids) }
	s.sky = twin.New(twin.Options{Now: clock})
	s.portal = hubspottwin.New(hubspottwin.Options{Now: clock, Token: "pat-eu1-c4n4ry-4711"})
	sky, portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "getProfiles") {
			s.asked.Add(1)
		}
		s.sky.ServeHTTP(w, r)
	})), httptest.NewServer(s.portal)
	client := rest.Guard(rest.GuardOptions{Private: true})
	t.Cleanup(func() { client.CloseIdleConnections(); sky.Close(); portal.Close() })
	s.queue = queuememory.New(queuememory.Options{Now: clock, NewID: id})
	s.store = storememory.New(storememory.Options{Now: clock})
	var err error
	s.app, err = app.New(t.Context(), app.Options{Store: s.store, Queue: s.queue, Archive: archivememory.New(),
		Secrets:  vault{"env:SKY": "nord-lich-twin-pass", "env:HUB": "pat-eu1-c4n4ry-4711"},
		Networks: map[string]network.Network{"bluesky": bluesky.New()}, CRMs: map[string]crm.CRM{"hubspot": hubspot.New()},
		Ports: pipeline.Ports{Now: clock, NewID: id, Log: slog.New(slog.DiscardHandler), HTTP: client}})
	if err == nil {
		_, err = s.app.Publish(t.Context(), fmt.Appendf(nil, document, s.sky.Brand(), sky.URL, portal.URL), "test", "test", "")
	}
	if err == nil {
		_, err = s.app.SetupApply(t.Context(), "hub")
	}
	if err == nil {
		err = s.app.Learn(t.Context(), "hub")
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// live lets time go by, with a tick every half minute.
func (s *stage) live(d time.Duration) {
	s.t.Helper()
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(30 * time.Second)
		if err := s.app.Tick(s.t.Context(), pipeline.Feed{Probe: 5, Most: 100}); err != nil {
			s.t.Fatal(err)
		}
		apptest.Drain(s.t, s.app, s.queue)
	}
}

// TestWholeWay: with an app password alone the account logs in once; a complaint becomes a ticket; the agent's answer is
// posted below it; the session is renewed, not opened anew, when it ran out meanwhile.
func TestWholeWay(t *testing.T) {
	s := open(t)
	s.live(3 * time.Minute) // the first poll starts at now
	if n := s.sky.LogIns(); n != 1 {
		t.Fatalf("%d log-ins, want 1", n)
	}
	post := s.sky.Post(twin.Post{By: "gast.example", Text: "@nordlicht.example Meine Bestellung kam schon wieder kaputt an, unverschämt! 😡", Langs: []string{"de"}})
	s.live(3 * time.Minute)
	rows := s.portal.Rows("tickets")
	if len(rows) != 1 {
		t.Fatalf("%d tickets, want 1", len(rows))
	}
	s.sky.Expire(false)
	s.portal.Edit("tickets", rows[0].ID, map[string]any{"rapport_reply": "Das tut uns leid – schreib uns: https://nordlicht.example/hilfe", "rapport_reply_state": "approved"})
	s.live(6 * time.Minute)
	posted := s.sky.Posted()
	if len(posted) != 1 || posted[0].Parent != post || posted[0].Root != post {
		t.Fatalf("posted %+v; state %v, %v", posted, s.portal.Rows("tickets")[0].Fields["rapport_reply_state"], s.portal.Rows("tickets")[0].Fields["rapport_reply_note"])
	}
	if n := s.sky.LogIns(); n != 1 {
		t.Errorf("%d log-ins, want 1: a session is renewed", n)
	}
	s.live(3 * time.Hour) // the token's whole life, and more
	s.sky.Post(twin.Post{By: "zwei.example", Text: "@nordlicht.example Frechheit, meine Lieferung ist kaputt und niemand antwortet!"})
	s.live(3 * time.Minute)
	if rows, n := s.portal.Rows("tickets"), s.sky.LogIns(); len(rows) != 2 || n != 1 {
		t.Errorf("%d tickets, want 2; %d log-ins, want 1", len(rows), n)
	}
}

// TestAuthorsAreLookedUp: notifications tell no counts, so each author's profile is read once, 25 a call, and again under
// another handle, which may have been evidence. Without the profile nothing is held up.
func TestAuthorsAreLookedUp(t *testing.T) {
	s := open(t)
	s.live(2 * time.Minute)
	row := func(did string) flow.Author {
		t.Helper()
		got, err := store.Table[pipeline.AuthorRow]{Store: s.store, Name: "author"}.One(t.Context(), flow.MentionID("bluesky", did), "-")
		if err != nil {
			t.Fatal(err)
		}
		return got.Value.Author
	}
	dids := make([]string, 30)
	for i := range dids {
		handle := fmt.Sprintf("gast%d.example", i)
		dids[i] = s.sky.AddAccount(twin.Account{Handle: handle, Display: "Gast", Followers: 4000 + i})
		s.sky.Post(twin.Post{By: handle, Text: "@nordlicht.example Schönes Rad!"})
	}
	s.live(2 * time.Minute)
	for i, did := range dids {
		if a := row(did); !a.Counted || a.Followers != 4000+i {
			t.Fatalf("author %d: %+v", i, a)
		}
	}
	if n := s.asked.Load(); n != 2 {
		t.Errorf("%d calls for 30 profiles, want 2", n)
	}
	s.sky.Post(twin.Post{By: "gast1.example", Text: "@nordlicht.example Wirklich schön!"})
	s.live(2 * time.Minute)
	if n := s.asked.Load(); n != 2 {
		t.Errorf("who is known was looked up again: %d calls", n)
	}
	s.sky.Rename("gast1.example", "gast1.bsky.social")
	s.sky.Post(twin.Post{By: "gast1.bsky.social", Text: "@nordlicht.example Immer noch!"})
	s.live(2 * time.Minute)
	if a := row(dids[1]); a.Handle != "gast1.bsky.social" || slices.Contains(a.Proven, "https://gast1.example") || a.Followers != 4001 {
		t.Errorf("after the handle changed: %+v", a)
	}
}
