package people

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/app"
	archive "rapport/shared/archive/memory"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/store"
	storememory "rapport/shared/store/memory"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

// Options say which world.
type Options struct {
	Seed     uint64
	Contacts int
}

// Result is how well people were recognised.
type Result struct {
	Options
	Authors  int
	Linked   int                // without asking
	Right    int                // of those
	Groups   []string           // in the order of making
	Of       map[string]*Counts // group → what became of its authors
	Wrong    []string           // each wrong link and its ground
	Missed   []string           // each known person who gave evidence and was not linked
	Reviewed int                // authors for whom somebody is suggested
}

// Counts is what became of a group.
type Counts struct{ Authors, Right, Wrong, Suggested int }

// Precision is the share of right ones among the links that were made without asking.
func (r Result) Precision() float64 { return float64(r.Right) / float64(max(r.Linked, 1)) }

// Recall is the share of a group that was linked to the right person.
func (r Result) Recall(group string) float64 {
	c := r.Of[group]
	return float64(c.Right) / float64(max(c.Authors, 1))
}

// String shows the result as a table.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d persons in the CRM, %d authors, %d linked without asking, %d of them wrong: precision %.4f\n", r.Seed, r.Contacts, r.Authors, r.Linked, r.Linked-r.Right, r.Precision())
	fmt.Fprintf(&b, "%-20s %8s %8s %8s %10s\n", "group", "authors", "right", "wrong", "suggested")
	for _, g := range r.Groups {
		c := r.Of[g]
		fmt.Fprintf(&b, "%-20s %8d %8d %8d %10d\n", g, c.Authors, c.Right, c.Wrong, c.Suggested)
	}
	return b.String()
}

const document = `version: 1
brands: [{name: nord, languages: [de, en], region: DE, numbers: {customer_number: "NL-[0-9]{6}"}}]
hooks:
  - {name: site, kind: site, secrets: {secret: "env:X"}}
  - {name: plaza, kind: plaza, secrets: {secret: "env:X"}}
networks:
  - {name: site, kind: site, hook: site, brand: nord}
  - {name: plaza, kind: plaza, hook: plaza, brand: nord}
crms:
  - name: crm
    kind: crm
    match: [{object: contact, email: [mail], phone: [phone], customer: [customer], name: [first, last], city: city, country: land, company: firm, born: born, site: [site], handle: [handle]}]
mapping:
  - {crm: crm, object: mention, for: mention, fields: {text: text}}
`

// Run makes a world and lets Rapport recognise its authors.
func Run(ctx context.Context, o Options) (Result, error) {
	w := &world{Rand: rand.New(rand.NewPCG(o.Seed, 7)), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), taken: map[string]bool{}}
	w.populate(o.Contacts)
	n := o.Contacts / 8
	w.verified(n)
	w.claiming(n)
	w.named(n / 2)
	w.strangers(3 * n)
	w.traps(n / 2)
	order := w.Perm(len(w.authors))
	slices.SortStableFunc(order, func(a, b int) int { // who is copied mostly is there before
		return rank(w.authors[a], a) - rank(w.authors[b], b)
	})
	h := &home{now: w.now}
	st := storememory.New(storememory.Options{Now: h.clock})
	h.queue = queuememory.New(queuememory.Options{Now: h.clock, NewID: h.id, Visibility: time.Hour})
	var err error
	h.app, err = app.New(ctx, app.Options{Store: st, Queue: h.queue, Archive: archive.New(), Secrets: h,
		Networks: map[string]network.Network{"site": place("site"), "plaza": place("plaza")}, CRMs: map[string]crm.CRM{"crm": list{contacts: w.contacts}},
		Ports: pipeline.Ports{Now: h.clock, NewID: h.id, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}})
	if err != nil {
		return Result{}, err
	}
	if _, err := h.app.Publish(ctx, []byte(document), "people", "people", ""); err != nil {
		return Result{}, err
	}
	if _, err := h.app.Start(ctx, pipeline.JobRow{Kind: "sync", Account: "crm"}); err != nil {
		return Result{}, err
	}
	if err := h.work(ctx); err != nil {
		return Result{}, err
	}
	for chunk := range slices.Chunk(order, 100) {
		for _, name := range []string{"site", "plaza"} {
			var events []flow.Event
			for _, i := range chunk {
				if e := w.authors[i].event(i, h.now); e.Mention.Network == name {
					events = append(events, e)
				}
			}
			body, err := json.Marshal(events)
			if err != nil {
				return Result{}, err
			}
			if _, err := h.app.Receive(ctx, name, webhook.Request{Method: "POST", Body: body, At: h.now}); err != nil {
				return Result{}, err
			}
		}
		if err := h.work(ctx); err != nil {
			return Result{}, err
		}
		h.now = h.now.Add(time.Minute)
	}
	return w.judge(ctx, o, st)
}

// rank lets four in five impostors come after all others.
func rank(a author, salt int) int {
	if a.group == "impostors" && salt%5 != 0 {
		return 1
	}
	return 0
}

// judge compares what was linked with who everybody is.
func (w *world) judge(ctx context.Context, o Options, st store.Store) (Result, error) {
	r := Result{Options: o, Authors: len(w.authors), Of: map[string]*Counts{}}
	r.Contacts = len(w.contacts)
	authors, people, mentions := store.Table[pipeline.AuthorRow]{Store: st, Name: "author"}, store.Table[pipeline.PersonRow]{Store: st, Name: "person"}, store.Table[pipeline.MentionRow]{Store: st, Name: "mention"}
	for i, a := range w.authors {
		c := r.Of[a.group]
		if c == nil {
			c = &Counts{}
			r.Of[a.group], r.Groups = c, append(r.Groups, a.group)
		}
		c.Authors++
		row, err := authors.One(ctx, a.ID, "-")
		if err != nil {
			return r, err
		}
		m, err := mentions.One(ctx, a.event(i, w.now).Mention.ID, "-")
		if err != nil {
			return r, err
		}
		if m.Version == 0 {
			return r, fmt.Errorf("author %s was never heard", a.ID)
		}
		if len(m.Value.Decision.Suggest) > 0 {
			c.Suggested++
			r.Reviewed++
		}
		if row.Value.Person == "" {
			if a.is >= 0 && a.group != "name alone" {
				r.Missed = append(r.Missed, fmt.Sprintf("%s: %q, %q, %q, %q → %+v %v", a.group, a.Name, a.Handle, a.Bio, a.text, w.contacts[a.is], m.Value.Decision.Suggest))
			}
			continue
		}
		who, err := people.One(ctx, row.Value.Person, "-")
		if err != nil {
			return r, err
		}
		record := ""
		for _, l := range who.Value.Person.Links {
			if l.Record != "" {
				record = l.Record
			}
		}
		r.Linked++
		if record == strconv.Itoa(a.is+1) {
			r.Right++
			c.Right++
			continue
		}
		c.Wrong++
		ground := ""
		if l := m.Value.Decision.Link; l != nil {
			ground = l.Class + ": " + l.Evidence
		}
		n, _ := strconv.Atoi(record)
		r.Wrong = append(r.Wrong, fmt.Sprintf("%s: %q, %q, %q → %+v (%s)", a.group, a.Name, a.Bio, a.text, w.contacts[max(n-1, 0)], ground))
	}
	return r, nil
}

// home is a Rapport in memory with a clock of its own.
type home struct {
	app   *app.App
	queue *queuememory.Queue
	now   time.Time
	ids   int
}

func (h *home) clock() time.Time { return h.now }

func (h *home) id() string { h.ids++; return fmt.Sprintf("%020d", h.ids) }

// Get implements secret.Source.
func (*home) Get(context.Context, string) (flow.Secret, error) { return flow.NewSecret("x"), nil }

// Forget implements secret.Source.
func (*home) Forget(string) {}

// work works on what was received and on jobs; what goes to the CRM is of no interest here.
func (h *home) work(ctx context.Context) error {
	for again := true; again; {
		again = false
		for _, lane := range []string{topology.MentionsLive, topology.Jobs, topology.DeliverBulk, topology.DeliverUrgent} {
			size := 10
			if lane == topology.Jobs {
				size = 1
			}
			batch := h.queue.Receive(queue.Lane(lane), size)
			again = again || len(batch) > 0
			var errs []error
			if lane == topology.MentionsLive || lane == topology.Jobs {
				errs = h.app.Handler(queue.Lane(lane))(ctx, batch)
			}
			for i, m := range batch {
				if len(errs) > 0 && errs[i] != nil {
					return errs[i]
				}
				h.queue.Settle(m, nil)
			}
		}
	}
	return nil
}

// place is a network that tells events as they are.
type place string

func (p place) Info() network.Info {
	return network.Info{Name: string(p), Title: string(p), Hook: []network.Field{}, HookSecrets: []network.Field{{Name: "secret"}},
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true}}
}

func (place) Verify(context.Context, network.Hook, webhook.Request) (webhook.Answer, error) {
	return webhook.Answer{Keep: true}, nil
}

func (place) Parse(raw network.Raw) ([]flow.Event, error) {
	var events []flow.Event
	err := json.Unmarshal(raw.Body, &events)
	return events, err
}

// list is a CRM that is only read.
type list struct{ contacts []contact }

func (list) Info() crm.Info { return crm.Info{Name: "crm", Title: "crm", Batch: 100, Keyed: true} }

func (list) Upsert(context.Context, crm.Account, []crm.Record) ([]crm.Outcome, error) {
	return nil, fault.New(fault.Invalid, "this CRM is only read")
}

func (list) Read(_ context.Context, _ crm.Account, _ string, keys, _ []string) ([]crm.Row, error) {
	return make([]crm.Row, len(keys)), nil
}

func (list) Erase(context.Context, crm.Account, crm.Subject) error { return nil }

func (l list) Count(context.Context, crm.Account, string) (int, error) { return len(l.contacts), nil }

func (l list) List(_ context.Context, _ crm.Account, _ string, _ []string, cursor string) iter.Seq2[crm.Row, error] {
	after, _ := strconv.Atoi(cursor)
	return func(yield func(crm.Row, error) bool) {
		for _, c := range l.contacts[after:] {
			row := crm.Row{Found: true, ID: strconv.Itoa(c.id + 1), Fields: map[string]any{"mail": c.mail, "phone": c.phone, "customer": c.customer, "first": c.first, "last": c.last,
				"city": c.city, "land": c.land, "firm": c.firm, "born": c.born, "site": c.site, "handle": c.handle}}
			if !yield(row, nil) {
				return
			}
		}
	}
}
