package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"rapport/shared/app"
	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	storememory "rapport/shared/store/memory"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

// Outage is a CRM that is down for hours while mentions go on coming, and then drains.
type Outage struct {
	Hours int           // it is down
	Rate  int           // mentions a second
	Calls int           // it takes so many
	Per   time.Duration // in so long
	Batch int           // records of a call
}

// Drained is what an outage came to.
type Drained struct {
	Mentions   int
	Parked     int           // at the end of the outage
	Probes     int           // calls that were made while it lasted
	Lost       int           // mentions the CRM does not hold, or not as they were said last
	Doubled    int           // records that were created twice
	Backwards  int           // records that were given an older state after a newer one
	Busiest    int           // calls in the busiest stretch of Per
	Took       time.Duration // until everything was there, in virtual time
	Unsettled  int           // lines of the ledger that are open
	Violations []string
}

// outage is a run of one.
type outage struct {
	Outage
	now   time.Time
	ids   int
	app   *app.App
	queue *queuememory.Queue
	crm   *downCRM
	said  int
}

// RunOutage plays one through the whole app, with nothing else going wrong.
func RunOutage(o Outage) (d Drained, err error) {
	r := &outage{Outage: o, now: time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return r.now }
	newID := func() string { r.ids++; return fmt.Sprintf("%011d%08d", r.now.UnixMilli()%1e11, r.ids) }
	r.crm = &downCRM{r: r, rows: map[string]*held{}, windows: map[int64]int{}}
	r.queue = queuememory.New(queuememory.Options{Now: clock, NewID: newID, Visibility: visibility})
	crms := map[string]crm.CRM{"down": r.crm}
	networks := map[string]network.Network{"net": &plainNet{}}
	r.app, err = app.New(context.Background(), app.Options{
		Store: storememory.New(storememory.Options{Now: clock}), Queue: r.queue, Archive: nowhere{}, Secrets: canary{}, Networks: networks, CRMs: crms,
		Ports: pipeline.Ports{Now: clock, NewID: newID, Log: slog.New(slog.DiscardHandler), Exact: true},
	})
	if err != nil {
		return d, err
	}
	doc, err := config.Load([]byte(outageDocument), config.Options{File: "outage", Connectors: app.Connectors(networks, crms)})
	if err != nil {
		return d, err
	}
	plan, err := app.Compile(doc, crms)
	if err != nil {
		return d, err
	}
	r.app.Use(plan)
	begun := r.now
	r.crm.down = begun.Add(time.Duration(o.Hours) * time.Hour)
	for r.now.Before(r.crm.down) {
		if err := r.second(); err != nil {
			return d, err
		}
	}
	if d.Parked, err = r.app.Waiting(context.Background(), "down"); err != nil {
		return d, err
	}
	d.Probes, d.Mentions = r.crm.refused, r.said
	for settled := false; !settled; {
		r.now = r.now.Add(time.Second)
		if err := r.turn(); err != nil {
			return d, err
		}
		if r.now.Unix()%10 != 0 || !r.idle() {
			continue
		}
		parked, err := r.app.Waiting(context.Background(), "down")
		if err != nil {
			return d, err
		}
		if settled = parked == 0; r.now.Sub(r.crm.down) > 24*time.Hour {
			return d, fmt.Errorf("a day later %d are parked still", parked)
		}
	}
	d.Took = r.now.Sub(r.crm.down)
	return d, r.count(&d, begun)
}

const outageDocument = `version: 1
score: {strangers: true}
brands:
  - {name: nordlicht, languages: [de, en], terms: [nordlicht]}
hooks:
  - {name: hook, kind: net, secrets: {secret: "env:X"}}
networks:
  - {name: site, kind: net, hook: hook, brand: nordlicht}
crms:
  - {name: down, kind: down, mode: write}
mapping:
  - {crm: down, object: mention, for: mention, fields: {text: {value: text, wins: rapport}}}
  - crm: down
    object: case
    for: conversation
    when: conversation.case
    fields:
      subject: {value: conversation.subject, wins: rapport}
      rev: {value: conversation.revision, wins: rapport}
`

// second lets a second pass with its mentions.
func (r *outage) second() error {
	r.now = r.now.Add(time.Second)
	events := make([]flow.Event, r.Rate)
	for i := range events {
		author := fmt.Sprintf("net:u%d", r.said%997)
		id := fmt.Sprintf("net:m%d", r.said)
		m := flow.Mention{ID: id, Network: "net", Kind: flow.Comment, Direction: flow.In, Text: fmt.Sprintf("Danke %d", r.said), Created: r.now,
			Author: flow.Author{ID: author, Handle: author[4:], Name: "N", Counted: true}, Root: fmt.Sprintf("net:t%d", r.said%7)}
		if r.said%20 == 0 {
			m.Text = fmt.Sprintf("Schon wieder kaputt, unverschämt! %d", r.said)
		}
		events[i] = flow.Event{Verb: flow.New, At: r.now, Mention: m}
		r.said++
	}
	body, err := json.Marshal(events)
	if err != nil {
		return err
	}
	if a, err := r.app.Receive(context.Background(), "hook", webhook.Request{Method: "POST", Body: body, At: r.now}); err != nil || a.Status != 200 {
		return fmt.Errorf("a webhook is answered %d: %w", a.Status, err)
	}
	if r.now.Unix()%10 == 0 {
		return r.turn()
	}
	return nil
}

// turn lets tick and all workers do what is there to do.
func (r *outage) turn() error {
	if err := r.app.Tick(context.Background(), pipeline.Feed{Probe: 100, Most: 1000}); err != nil {
		return err
	}
	for busy := true; busy; {
		busy = false
		for _, q := range topology.Queues() {
			batch := r.queue.Receive(queue.Lane(q.Name), 100)
			if len(batch) == 0 {
				continue
			}
			busy = true
			errs := r.app.Handler(queue.Lane(q.Name))(context.Background(), batch)
			for i, m := range batch {
				r.queue.Settle(m, errs[i])
			}
		}
	}
	return nil
}

func (r *outage) idle() bool {
	depth, err := r.queue.Depth(context.Background())
	return err == nil && !slices.ContainsFunc(depth, func(d queue.Depth) bool { return d.Waiting+d.Held+d.Delayed > 0 })
}

// count compares what the CRM holds with what was said.
func (r *outage) count(d *Drained, begun time.Time) error {
	for i := range r.said {
		have := r.crm.rows["mention/"+flow.Key(flow.KindMention, fmt.Sprintf("net:m%d", i))]
		if have == nil || !strings.HasSuffix(have.text, fmt.Sprintf(" %d", i)) {
			d.Lost++
		}
	}
	d.Doubled, d.Backwards = r.crm.doubled, r.crm.backwards
	for _, n := range r.crm.windows {
		d.Busiest = max(d.Busiest, n)
	}
	lines := 0
	err := r.app.Lines(context.Background(), "site", begun, r.now.Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
		lines++
		if column, _ := l.Final(); column != string(ledger.Written) {
			d.Unsettled++
		}
		return nil
	})
	if lines != r.said {
		d.Violations = append(d.Violations, fmt.Sprintf("%d lines of %d mentions", lines, r.said))
	}
	return err
}

// downCRM is a CRM that keeps nothing but what has to be known of each record.
type downCRM struct {
	r         *outage
	rows      map[string]*held
	down      time.Time
	refused   int
	doubled   int
	backwards int
	windows   map[int64]int // calls, by stretch
}

type held struct {
	text string
	rev  float64
	id   string
}

// Info implements crm.CRM.
func (c *downCRM) Info() crm.Info {
	return crm.Info{Name: "down", Title: "down", Batch: c.r.Batch, Keyed: true, KeyField: "key", Text: crm.Limit{Max: 1000, Unit: "runes"},
		Buckets: []network.Bucket{{Name: "default", Calls: c.r.Calls, Per: c.r.Per, Shared: "account"}}}
}

// called counts a call, and refuses it while the CRM is down.
func (c *downCRM) called() error {
	if c.r.now.Before(c.down) {
		c.refused++
		return fault.New(fault.Unavailable, "down for maintenance")
	}
	c.windows[c.r.now.UnixNano()/int64(c.r.Per)]++
	return nil
}

// Upsert implements crm.CRM.
func (c *downCRM) Upsert(_ context.Context, _ crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	if err := c.called(); err != nil {
		return nil, err
	}
	out := make([]crm.Outcome, len(records))
	for i, r := range records {
		out[i] = crm.Outcome{Key: r.Key, State: crm.Updated}
		have := c.rows[r.Object+"/"+r.Key]
		if have == nil {
			have = &held{id: fmt.Sprint(len(c.rows) + 1)}
			c.rows[r.Object+"/"+r.Key], out[i].State = have, crm.Created
		} else if r.Object == "mention" {
			c.doubled++
		}
		if rev, ok := number(r.Fields["rev"]); ok {
			if rev < have.rev {
				c.backwards++
			}
			have.rev = rev
		}
		if text, ok := r.Fields["text"].(string); ok {
			have.text = text
		}
		out[i].ID = have.id
	}
	return out, nil
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	}
	return 0, false
}

// Read implements crm.CRM.
func (c *downCRM) Read(_ context.Context, _ crm.Account, object string, keys, _ []string) ([]crm.Row, error) {
	if err := c.called(); err != nil {
		return nil, err
	}
	out := make([]crm.Row, len(keys))
	for i, k := range keys {
		if have := c.rows[object+"/"+k]; have != nil {
			out[i] = crm.Row{Found: true, ID: have.id, Key: k}
		}
	}
	return out, nil
}

// Erase implements crm.CRM.
func (c *downCRM) Erase(context.Context, crm.Account, crm.Subject) error { return nil }

// plainNet is a network of webhooks alone.
type plainNet struct{}

// Info implements network.Network.
func (*plainNet) Info() network.Info {
	return network.Info{Name: "net", Title: "Simulated network", Hook: []network.Field{}, HookSecrets: []network.Field{{Name: "secret"}}, MaxText: 500,
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true}}
}

// Verify implements network.Receiver.
func (*plainNet) Verify(context.Context, network.Hook, webhook.Request) (webhook.Answer, error) {
	return webhook.Answer{Keep: true}, nil
}

// Parse implements network.Parser.
func (*plainNet) Parse(raw network.Raw) (events []flow.Event, err error) {
	if err = json.Unmarshal(raw.Body, &events); err != nil {
		err = fault.New(fault.Invalid, "%w", err)
	}
	return events, err
}

// nowhere is an archive that keeps nothing: of hours of mentions it would need more memory than all the rest.
type nowhere struct{ archive.Archive }

// Write implements archive.Archive.
func (nowhere) Write(_ context.Context, b archive.Batch) (string, error) { return b.ID, nil }
