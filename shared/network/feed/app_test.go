package feed_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/app/apptest"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/crm"
	"rapport/shared/crm/hubspot"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/feed"
	"rapport/shared/pipeline"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/rest"
	storememory "rapport/shared/store/memory"
	twin "rapport/shared/twin/feed"
	hubspottwin "rapport/shared/twin/hubspot"
)

const document = `version: 1
brands:
  - {name: nordlicht, languages: [de], terms: [Nordlicht]}
networks:
  - {name: presse, kind: feed, streams: [%q, %q], settings: {own: [nordlicht.example]}}
crms:
  - {name: hub, kind: hubspot, origin: %q, mode: write, secrets: {token: "env:HUB"}, settings: {app_id: "62515"}}
`

type vault map[string]string

func (v vault) Get(_ context.Context, ref string) (flow.Secret, error) {
	return flow.NewSecret(v[ref]), nil
}
func (vault) Forget(string) {}

// stage is an app between a site and a portal on real sockets, on a clock that is moved by hand.
type stage struct {
	t      *testing.T
	now    time.Time
	ids    int
	app    *app.App
	queue  *queuememory.Queue
	site   *twin.Site
	portal *hubspottwin.Portal
}

func stand(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, now: noon}
	clock := func() time.Time { return s.now }
	id := func() string { s.ids++; return fmt.Sprintf("%08d", s.ids) }
	s.site = twin.New(twin.Options{Now: clock, Format: "atom", Robots: "User-agent: *\nAllow: /\n"})
	s.portal = hubspottwin.New(hubspottwin.Options{Now: clock, Token: "pat-eu1-c4n4ry-4711"})
	site, portal := httptest.NewServer(s.site), httptest.NewServer(s.portal)
	s.site.SetSelf(site.URL)
	client := rest.Guard(rest.GuardOptions{Private: true})
	t.Cleanup(func() { client.CloseIdleConnections(); site.Close(); portal.Close() })
	s.queue = queuememory.New(queuememory.Options{Now: clock, NewID: id})
	var err error
	s.app, err = app.New(t.Context(), app.Options{Store: storememory.New(storememory.Options{Now: clock}), Queue: s.queue, Archive: archivememory.New(),
		Secrets:  vault{"env:HUB": "pat-eu1-c4n4ry-4711"},
		Networks: map[string]network.Network{"feed": feed.New()}, CRMs: map[string]crm.CRM{"hubspot": hubspot.New()},
		Ports: pipeline.Ports{Now: clock, NewID: id, Log: slog.New(slog.DiscardHandler), HTTP: client}})
	if err == nil {
		_, err = s.app.Publish(t.Context(), fmt.Appendf(nil, document, site.URL+"/gone.xml", site.URL+"/feed", portal.URL), "test", "test", "")
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

// TestWholeWay: beside a feed that is not there, what a site publishes comes to the portal once, with its edit and its
// deletion; the brand's own word is no case.
func TestWholeWay(t *testing.T) {
	s := stand(t)
	s.site.Publish(twin.Entry{Title: "Von gestern", HTML: "Unverschämt, alles kaputt!"})
	s.live(20 * time.Minute) // the first poll starts at now
	id := s.site.Publish(twin.Entry{Title: "Nordlicht: schon wieder kaputt geliefert, unverschämt!", HTML: "<p>Seit Wochen keine Antwort, ich will mein Geld zurück.</p>", Author: "mahlgut77"})
	s.site.Publish(twin.Entry{Title: "Stellungnahme", HTML: "<p>Kaputt geliefert, das ist unverschämt von uns.</p>", Link: "https://www.nordlicht.example/presse/1"})
	s.live(40 * time.Minute)
	rows := s.portal.Rows("tickets")
	if len(rows) != 1 {
		t.Fatalf("%d tickets, want 1", len(rows))
	}
	if turns := fmt.Sprint(rows[0].Fields["rapport_turns"]); !strings.Contains(turns, "Geld zurück") {
		t.Errorf("turns %q", turns)
	}
	s.site.Edit(id, "<p>Nachtrag: immer noch nichts.</p>")
	s.live(40 * time.Minute)
	if turns := fmt.Sprint(s.portal.Rows("tickets")[0].Fields["rapport_turns"]); !strings.Contains(turns, "Nachtrag") {
		t.Errorf("after the edit: turns %q", turns)
	}
	s.site.Retract(id, true)
	s.live(40 * time.Minute)
	rows = s.portal.Rows("tickets")
	if turns := fmt.Sprint(rows[0].Fields["rapport_turns"]); len(rows) != 1 || strings.Contains(turns, "Nachtrag") || strings.Contains(turns, "Geld") {
		t.Errorf("after the deletion: %d tickets, turns %q", len(rows), turns)
	}
	if s.site.Calls("/feed 304") == 0 || s.site.Calls("/robots.txt") > 2 {
		t.Errorf("%d times 304, robots.txt %d times", s.site.Calls("/feed 304"), s.site.Calls("/robots.txt"))
	}
}
