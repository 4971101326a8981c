package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rapport/shared/app"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/datafile"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/x"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	storefile "rapport/shared/store/sqlite"
	"rapport/shared/topology"
	xtwin "rapport/shared/twin/x"
	"rapport/shared/webhook"
)

// paid is a brand with many accounts on X, where everything costs, and processes that share one data file.
type paid struct {
	t    *testing.T
	path string
	file *datafile.File
	now  atomic.Int64
	ids  atomic.Int64
	x    *xtwin.Server
}

// xAccounts is how many accounts read at the same time.
const xAccounts = 6

func (p *paid) document(budget string) string {
	var b strings.Builder
	b.WriteString("version: 1\nbrands:\n  - {name: nord, languages: [de], terms: [nord]" + budget + "}\nhooks:\n  - {name: x, kind: x, secrets: {secret: \"env:C\"}}\nnetworks:\n")
	for i := range xAccounts {
		id := p.x.Brand()
		if i > 0 {
			id = p.x.AddUser(xtwin.User{Handle: fmt.Sprintf("nord%d", i)})
		}
		fmt.Fprintf(&b, "  - {name: x%d, kind: x, hook: x, brand: nord, id: %q, replies: approve, streams: [\"search:mill\", mentions], settings: {page: 10}, secrets: {token: \"env:T\", bearer: \"env:B\"}}\n", i, id)
	}
	b.WriteString("crms: []\n")
	return b.String()
}

func newPaid(t *testing.T) *paid {
	t.Helper()
	p := &paid{t: t, path: filepath.Join(t.TempDir(), "rapport.db")}
	p.now.Store(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC).UnixNano())
	p.x = xtwin.New(xtwin.Options{Now: p.clock, Twice: true})
	p.reopen()
	t.Cleanup(func() { _ = p.file.Close() })
	return p
}

func (p *paid) clock() time.Time { return time.Unix(0, p.now.Load()).UTC() }

func (p *paid) pass(d time.Duration) { p.now.Add(int64(d)) }

// reopen ends all processes and opens the file anew.
func (p *paid) reopen() {
	p.t.Helper()
	if p.file != nil {
		if err := p.file.Close(); err != nil {
			p.t.Fatal(err)
		}
	}
	var err error
	if p.file, err = datafile.Open(p.path, datafile.Options{}); err != nil {
		p.t.Fatal(err)
	}
}

// tokens gives the twin's secrets.
type tokens struct{}

func (tokens) Get(_ context.Context, ref string) (flow.Secret, error) {
	return flow.NewSecret(map[string]string{"env:T": "twin-token", "env:B": "twin-bearer", "env:C": "twin-consumer"}[ref]), nil
}
func (tokens) Forget(string) {}

// process is one process on the file.
func (p *paid) process() *app.App {
	p.t.Helper()
	s, err := storefile.New(p.file, storefile.Options{Now: p.clock})
	if err != nil {
		p.t.Fatal(err)
	}
	id := func() string { return fmt.Sprintf("%020d", p.ids.Add(1)) }
	a, err := app.New(p.t.Context(), app.Options{Store: s, Queue: queuememory.New(queuememory.Options{Now: p.clock, NewID: id}), Archive: archivememory.New(), Secrets: tokens{},
		Networks: map[string]network.Network{"x": x.New()}, Ports: pipeline.Ports{Now: p.clock, NewID: id, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), HTTP: &http.Client{Transport: p.x}}})
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (p *paid) publish(a *app.App, budget string) {
	p.t.Helper()
	if _, err := a.Publish(p.t.Context(), []byte(p.document(budget)), "test", "test", ""); err != nil {
		p.t.Fatal(err)
	}
}

// storm lets each process do all that costs at the same time: polls, backfills, estimates, doctors.
func (p *paid) storm(processes ...*app.App) {
	var wg sync.WaitGroup
	for n, a := range processes {
		for i := range xAccounts {
			name := fmt.Sprintf("x%d", i)
			wg.Go(func() {
				body, _ := json.Marshal(map[string]string{"account": name})
				a.Poll(p.t.Context(), []queue.Message{{Lane: topology.Polls, Body: body}})
			})
			wg.Go(func() {
				id := fmt.Sprintf("b%d-%d", n, i)
				if _, err := a.Start(p.t.Context(), pipeline.JobRow{ID: id, Kind: "backfill", Account: name, From: p.clock().AddDate(0, 0, -6), To: p.clock()}); err != nil {
					p.t.Error(err)
				}
				body, _ := json.Marshal(id)
				for range 4 {
					a.Jobs(p.t.Context(), []queue.Message{{Lane: topology.Jobs, Body: body}})
				}
			})
			wg.Go(func() {
				_, _, _, _, _ = a.Estimate(p.t.Context(), name, p.clock().AddDate(0, 0, -6), p.clock()) // refused when the budget is
				_, _ = a.Doctor(p.t.Context(), name)
			})
		}
	}
	wg.Wait()
}

// Not one paid call is made beyond the daily budget: not by many workers of several processes at once, not after a
// restart; the next day it goes on.
func TestNothingIsBoughtBeyondTheBudget(t *testing.T) {
	const budget = 0.9
	p := newPaid(t)
	for i := range 120 {
		p.x.Post(xtwin.Post{By: fmt.Sprintf("guest%d", i), Text: fmt.Sprintf("@nordlicht the mill %d", i), At: p.clock().Add(-time.Duration(i+1) * 10 * time.Minute)})
	}
	one, two := p.process(), p.process()
	p.publish(one, fmt.Sprintf(", budget: %g", budget))
	for range 4 {
		p.storm(one, two)
		for i := range 30 {
			p.x.Post(xtwin.Post{By: "guest", Text: fmt.Sprintf("@nordlicht the mill again %d", i)})
		}
		p.pass(2 * time.Minute)
	}
	_, usd := p.x.Charged()
	if usd > budget+1e-6 {
		t.Fatalf("%.3f USD were charged, the budget is %.2f", usd, budget)
	}
	spent, err := one.Spent(t.Context(), "nord")
	if err != nil || spent > budget+1e-6 || spent < usd-1e-6 || usd < budget/3 {
		t.Errorf("spent %.3f USD by our count, %.3f by the vendor's, %v", spent, usd, err)
	}
	p.reopen()
	three := p.process()
	if again, err := three.Spent(t.Context(), "nord"); err != nil || again != spent {
		t.Errorf("after a restart %.3f USD are spent, before %.3f: %v", again, spent, err)
	}
	for range 3 {
		p.storm(three, p.process())
		p.pass(2 * time.Minute)
	}
	if _, usd = p.x.Charged(); usd > budget+1e-6 {
		t.Fatalf("after a restart %.3f USD were charged, the budget is %.2f", usd, budget)
	}
	p.pass(24 * time.Hour)
	before := usd
	p.storm(three)
	if _, usd = p.x.Charged(); usd <= before || usd > before+budget+1e-6 {
		t.Errorf("the next day %.3f USD were charged, the budget is %.2f", usd-before, budget)
	}
}

// A budget of nothing makes no paid call at all; one that is not set is 5 USD.
func TestBudgetOfNothing(t *testing.T) {
	p := newPaid(t)
	p.x.Post(xtwin.Post{By: "guest", Text: "@nordlicht the mill"})
	a := p.process()
	p.publish(a, ", budget: 0")
	p.storm(a)
	if of, usd := p.x.Charged(); usd > 0 || p.x.Calls("GET /2/tweets/search/recent")+p.x.Calls("GET /2/tweets/counts/recent")+p.x.Calls("GET /2/users/me") > 0 {
		t.Errorf("%v were bought for %.3f USD without a budget", of, usd)
	}
	p.publish(a, "")
	plan, err := a.Plan(t.Context(), "")
	if err != nil || plan.Doc.Brand("nord").Budget != 5 {
		t.Errorf("a budget that is not set is %.2f USD, %v", plan.Doc.Brand("nord").Budget, err)
	}
	p.pass(time.Hour)
	p.storm(a)
	if _, usd := p.x.Charged(); usd == 0 {
		t.Error("nothing is read within a budget")
	}
}

// An answer costs too. What webhooks bring is charged without being asked for: it is booked, and nothing is left for reads.
func TestWebhooksCountToo(t *testing.T) {
	p := newPaid(t)
	a := p.process()
	p.publish(a, ", budget: 0.05")
	sign := func(body []byte) http.Header {
		h, err := x.New().Sign(network.Hook{Secrets: map[string]flow.Secret{"secret": flow.NewSecret("twin-consumer")}}, "", body, p.clock())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for i := range 12 {
		body := []byte(fmt.Sprintf(`{"data":{"event_type":"post.mention.create","filter":{"user_id":%q},"payload":{"id":"21240728270898462%02d","text":"nord %d","author_id":"7"}}}`, p.x.Brand(), i, i))
		answer, err := a.Receive(t.Context(), "x", webhook.Request{Method: http.MethodPost, Header: sign(body), Body: body, At: p.clock()})
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("%+v %v", answer, err)
		}
	}
	q := a.Pipeline.Queue.(*queuememory.Queue)
	batch := q.Receive(topology.MentionsLive, 100)
	for _, err := range a.Enrich(t.Context(), batch) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if spent, err := a.Spent(t.Context(), "nord"); err != nil || spent < 0.0599 || spent > 0.0601 {
		t.Errorf("%d events of webhooks are booked with %.4f USD, want 0.06: %v", len(batch), spent, err)
	}
	p.x.Post(xtwin.Post{By: "guest", Text: "@nordlicht the mill"})
	p.storm(a)
	if of, usd := p.x.Charged(); usd > 0 {
		t.Errorf("%v were bought for %.3f USD though webhooks used the budget up", of, usd)
	}
}
