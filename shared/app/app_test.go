package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/app/apptest"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/crm"
	"rapport/shared/crm/hubspot"
	"rapport/shared/direct"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/store"
	storememory "rapport/shared/store/memory"
	"rapport/shared/topology"
	twin "rapport/shared/twin/hubspot"
	"rapport/shared/webhook"
)

const token = "pat-eu1-c4n4ry-4711"

// site is a network whose webhooks are JSON of events.
type site struct {
	posted []string
	calls  int // of Reply, whatever became of them
}

func (*site) Info() network.Info {
	return network.Info{Name: "site", Title: "Site", Hook: []network.Field{}, HookSecrets: []network.Field{{Name: "secret"}}, MaxText: 500, Private: true,
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true}}
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
	s.calls++
	if strings.Contains(r.Text, "refuse me") {
		return network.Posted{}, fault.New(fault.Invalid, "the author does not take answers")
	}
	s.posted = append(s.posted, r.Text)
	return network.Posted{Native: "r", Permalink: fmt.Sprintf("https://site.example/r%d", len(s.posted))}, nil
}

func (*site) Idempotent() bool { return true }

// oneSecret gives the portal's token for everything.
type oneSecret struct{}

func (oneSecret) Get(context.Context, string) (flow.Secret, error) { return flow.NewSecret(token), nil }
func (oneSecret) Forget(string)                                    {}

// home is an app with a portal behind it, on a clock that is moved by hand.
type home struct {
	t      *testing.T
	now    time.Time
	ids    int
	store  store.Store
	queue  *queuememory.Queue
	portal *twin.Portal
	net    *site
	app    *app.App
	log    bytes.Buffer
	crms   map[string]crm.CRM
}

const document = `version: 1
score: {strangers: true}
brands:
  - {name: nord, languages: [de], terms: [nord]}
hooks:
  - {name: site, kind: site, secrets: {secret: "env:S"}}
networks:
  - {name: site, kind: site, hook: site, brand: nord, replies: approve}
crms:
  - {name: hub, kind: hubspot, mode: write, secrets: {token: "env:HUB"}, settings: {app_id: "62515"}}
`

func open(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), net: &site{}, crms: map[string]crm.CRM{"hubspot": hubspot.New()}}
	clock := func() time.Time { return h.now }
	h.store = storememory.New(storememory.Options{Now: clock})
	h.queue = queuememory.New(queuememory.Options{Now: clock, NewID: h.newID})
	h.portal = twin.New(twin.Options{Now: clock, Token: token})
	h.boot()
	return h
}

func (h *home) newID() string { h.ids++; return fmt.Sprintf("%08d", h.ids) }

func (h *home) boot() {
	h.t.Helper()
	var err error
	h.app, err = app.New(h.t.Context(), app.Options{Store: h.store, Queue: h.queue, Archive: archivememory.New(), Secrets: oneSecret{},
		Networks: map[string]network.Network{"site": h.net}, CRMs: h.crms,
		Ports: pipeline.Ports{Now: func() time.Time { return h.now }, NewID: h.newID, Log: slog.New(slog.NewTextHandler(&h.log, nil)), HTTP: &http.Client{Transport: direct.Transport{Handler: h.portal}}}})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) publish(text string) {
	h.t.Helper()
	if _, err := h.app.Publish(h.t.Context(), []byte(text), "test", "test", ""); err != nil {
		h.t.Fatal(err)
	}
}

// setup makes our fields in the portal and learns what there is.
func (h *home) setup() {
	h.t.Helper()
	if _, err := h.app.SetupApply(h.t.Context(), "hub"); err != nil {
		h.t.Fatal(err)
	}
	if err := h.app.Learn(h.t.Context(), "hub"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) said(id, text string) {
	h.t.Helper()
	h.send(h.comment(id, "anna", text))
}

// comment makes the event of a comment under the only post.
func (h *home) comment(id, author, text string) flow.Event {
	return flow.Event{Verb: flow.New, At: h.now, Mention: flow.Mention{ID: "site:" + id, Network: "site", Kind: flow.Comment, Direction: flow.In, Text: text, Created: h.now, Root: "site:t1",
		Author: flow.Author{ID: "site:" + author, Handle: author, Name: strings.ToUpper(author[:1]) + author[1:], Counted: true, Followers: 50}, Permalink: "https://site.example/" + id}}
}

func (h *home) send(events ...flow.Event) {
	h.t.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		h.t.Fatal(err)
	}
	if a, err := h.app.Receive(h.t.Context(), "site", webhook.Request{Method: "POST", Body: body, At: h.now}); a.Status != 200 {
		h.t.Fatal(a.Status, err)
	}
}

// live lets time go by, with a tick every half minute.
func (h *home) live(d time.Duration) {
	h.t.Helper()
	for end := h.now.Add(d); h.now.Before(end); {
		h.now = h.now.Add(30 * time.Second)
		if err := h.app.Tick(h.t.Context(), pipeline.Feed{Probe: 5, Most: 100}); err != nil {
			h.t.Fatal(err)
		}
		h.run()
	}
}

func (h *home) run() {
	h.t.Helper()
	apptest.Drain(h.t, h.app, h.queue)
}

// ticket gives the only ticket.
func (h *home) ticket() twin.Row {
	h.t.Helper()
	rows := h.portal.Rows("tickets")
	if len(rows) != 1 {
		h.t.Fatalf("%d tickets, want 1\n%s", len(rows), h.log.String())
	}
	return rows[0]
}

func (h *home) want(field, value string) {
	h.t.Helper()
	if got := h.ticket().Fields[field]; got != value {
		h.t.Errorf("%s: the ticket's %s is %q, want %q", h.now.Format(time.TimeOnly), field, got, value)
	}
}

// The default mapping, unchanged, after setup: an agent answers in the ticket, is told what became of it, and keeps what
// is the agent's own.
func TestAnswersInHubSpot(t *testing.T) {
	h := open(t)
	h.publish(document)
	h.setup()
	h.live(3 * time.Minute) // the first poll starts at now
	h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.live(time.Minute)
	id := h.ticket().ID
	h.want("rapport_reply_state", "")
	if n := len(h.portal.Rows("contacts")); n != 0 {
		t.Errorf("a stranger is %d contacts", n)
	}

	// A draft stays the agent's, whatever the author says meanwhile.
	h.portal.Edit("tickets", id, map[string]any{"rapport_reply": "Das tut uns lei", "rapport_reply_state": "draft", "rapport_priority": "low"})
	h.said("m2", "Und jetzt? Immer noch kaputt!")
	h.live(5 * time.Minute)
	h.want("rapport_reply", "Das tut uns lei")
	h.want("rapport_reply_state", "draft")
	h.want("rapport_priority", "low")
	if len(h.net.posted) > 0 {
		t.Fatalf("a draft was posted: %q", h.net.posted)
	}

	h.portal.Edit("tickets", id, map[string]any{"rapport_reply": "Das tut uns leid.", "rapport_reply_state": "approved"})
	h.live(6 * time.Minute)
	if len(h.net.posted) != 1 || h.net.posted[0] != "Das tut uns leid." {
		t.Fatalf("posted %q\n%s", h.net.posted, h.log.String())
	}
	h.want("rapport_reply_state", "sent")
	h.want("rapport_reply_permalink", "https://site.example/r1")
	h.want("rapport_reply", "Das tut uns leid.")
	h.want("rapport_status", "answered")

	// The next answer: written while the first one's end stands there, refused, corrected, sent.
	h.said("m3", "Danke, aber es ist immer noch kaputt!")
	h.live(2 * time.Minute)
	h.portal.Edit("tickets", id, map[string]any{"rapport_reply": "refuse me", "rapport_reply_state": "approved"})
	h.said("m4", "Hallo? Alles kaputt!")
	h.live(6 * time.Minute)
	h.want("rapport_reply_state", "failed")
	h.want("rapport_reply_reason", "the author does not take answers")
	h.want("rapport_reply_permalink", "")
	h.portal.Edit("tickets", id, map[string]any{"rapport_reply": "Wir tauschen es aus.", "rapport_reply_state": "approved"})
	h.live(6 * time.Minute)
	h.want("rapport_reply_state", "sent")
	h.want("rapport_reply_reason", "")
	h.want("rapport_reply_permalink", "https://site.example/r2")
	if len(h.net.posted) != 2 {
		t.Errorf("posted %q", h.net.posted)
	}

	// An agent accepts the author: a contact, linked to the ticket.
	h.portal.Edit("tickets", id, map[string]any{"rapport_accepted": "true"})
	h.live(6 * time.Minute)
	contacts := h.portal.Rows("contacts")
	if len(contacts) != 1 || contacts[0].Fields["rapport_accounts"] != "site:anna" || contacts[0].Fields["lastname"] != "Anna" {
		t.Fatalf("contacts: %+v", contacts)
	}
	if !h.portal.Linked("tickets", id, "contacts", contacts[0].ID) {
		t.Error("the ticket is not linked to the contact")
	}
	h.want("rapport_priority", "low")
	if strings.Contains(h.log.String(), token) {
		t.Error("the token stands in the log")
	}
}

// A field that vanished from the CRM costs that field. Nothing published is refused for it, after a restart neither; what
// is published anew is.
func TestAFieldThatVanished(t *testing.T) {
	h := open(t)
	text := document + `mapping:
  - crm: hub
    object: tickets
    for: conversation
    when: conversation.case
    fields:
      subject: {value: conversation.subject, once: true}
      our_own_label: {value: conversation.department, wins: rapport}
      rapport_status: {value: conversation.status, wins: rapport}
`
	h.publish(text)
	h.portal.Field("tickets", "our_own_label", "string", false)
	h.setup()
	h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.run()
	h.want("our_own_label", "service")
	h.portal.RemoveField("tickets", "our_own_label")
	if err := h.app.Learn(t.Context(), "hub"); err != nil {
		t.Fatal(err)
	}
	h.boot()
	h.said("m2", "Hallo? Immer noch kaputt!")
	h.live(2 * time.Minute)
	plan, err := h.app.Plan(t.Context(), "")
	if err != nil || plan == nil {
		t.Fatalf("everything stands still: %v", err)
	}
	if n := strings.Count(h.log.String(), "does not fit the CRM any more"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	unsettled := 0
	err = h.app.Lines(t.Context(), "site", h.now.Add(-time.Hour), h.now.Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
		if d := l.Delivery("hub"); d == nil || d.State.Open() || d.State == ledger.Dead {
			unsettled++
		}
		return nil
	})
	if err != nil || unsettled > 0 {
		t.Errorf("%d deliveries did not arrive, %v", unsettled, err)
	}
	if _, err := h.app.Check(t.Context(), []byte(text), "candidate"); err == nil || !strings.Contains(err.Error(), "our_own_label") {
		t.Errorf("a new version with the field is let through: %v", err)
	}
	if again, err := h.app.Plan(t.Context(), ""); err != nil || again != plan {
		t.Errorf("it is compiled again and again: %v", err)
	}
}

// A number leads to what was published under it, whoever died in between.
func TestVersions(t *testing.T) {
	h := open(t)
	h.publish(document)
	second := document + "filters:\n  - {name: a, when: 'mention.text contains \"a\"'}\n"
	third := document + "filters:\n  - {name: b, when: 'mention.text contains \"b\"'}\n"
	h.publish(second)
	// Somebody died after the number was taken and before it was published.
	row := store.Row[map[string]any]{Part: "number", Sort: "000003", Value: map[string]any{"number": 3, "hash": "x", "text": "never published"}}
	if res := (store.Table[map[string]any]{Store: h.store, Name: "config"}).Put(t.Context(), &row)[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	h.publish(third)
	h.publish(third)
	v, err := h.app.Version(t.Context(), 3)
	if err != nil || v.Text != third {
		t.Errorf("version 3 is %q, %v", v.Text, err)
	}
	back, err := h.app.Rollback(t.Context(), 1, "test")
	if err != nil || back.Number != 4 || back.Text != document {
		t.Errorf("%+v, %v", back, err)
	}
	list, err := h.app.History(t.Context(), 10)
	if err != nil || len(list) != 4 || list[0].Number != 4 || list[0].Text != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := h.app.Version(t.Context(), 9); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	// Many versions are published; the process keeps a few, and gives each by its hash.
	first, err := h.app.Version(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		h.publish(fmt.Sprintf("%sfilters:\n  - {name: n%d, when: 'mention.text contains \"x%d\"'}\n", document, i, i))
	}
	plan, err := h.app.Plan(t.Context(), first.Hash)
	if err != nil || plan.Doc.Hash != first.Hash {
		t.Errorf("%v", err)
	}
	if _, err := h.app.Plan(t.Context(), "no such hash"); err == nil {
		t.Error("a version that never was is given")
	}
}

// Another process publishes; the next look uses it.
func TestRefresh(t *testing.T) {
	h := open(t)
	h.publish(document)
	other := h.app
	h.boot()
	if _, err := h.app.Plan(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Publish(t.Context(), []byte(document+"filters:\n  - {name: a, when: 'mention.text contains \"a\"'}\n"), "test", "test", ""); err != nil {
		t.Fatal(err)
	}
	if err := h.app.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	plan, err := h.app.Plan(t.Context(), "")
	if err != nil || len(plan.Doc.Filters) != 1 {
		t.Errorf("%v", err)
	}
}

// Nothing is published yet: that is said, and nothing breaks.
func TestNothingPublished(t *testing.T) {
	h := open(t)
	if _, err := h.app.Plan(t.Context(), ""); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "config apply") {
		t.Error(err)
	}
	if a, _ := h.app.Receive(t.Context(), "site", webhook.Request{}); a.Status != 503 {
		t.Error(a.Status)
	}
}

// Every lane has a verb, and every verb a handler.
func TestLanes(t *testing.T) {
	h := open(t)
	for _, q := range topology.Queues() {
		if h.app.Handler(queue.Lane(q.Name)) == nil || app.Verb(queue.Lane(q.Name)) == "" {
			t.Errorf("nobody works on %s", q.Name)
		}
	}
	if h.app.Handler("nowhere") != nil {
		t.Error("somebody works on nothing")
	}
}
