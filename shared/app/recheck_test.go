package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/topology"
	xtwin "rapport/shared/twin/x"
)

// observed is a CRM to which nothing is written.
const observed = `crms:
  - {name: log, kind: sink, origin: "https://log.example", mode: observe, settings: {keyed: true, id_field: Id, write: {path: /batch}, results: body, result: {ok: "true", id: item.id}}}
mapping:
  - {crm: log, object: feedback, for: mention, key: Id, fields: {Text: text}}
`

// live lets time go by in steps of an hour, with a tick at each, and works on all lanes.
func (p *paid) live(a *app.App, hours int) {
	p.t.Helper()
	q := a.Pipeline.Queue.(*queuememory.Queue)
	for range hours {
		p.pass(time.Hour)
		if err := a.Tick(p.t.Context(), pipeline.Feed{Probe: 2, Most: 100}); err != nil {
			p.t.Fatal(err)
		}
		for n := 1; n > 0; {
			n = 0
			for _, lane := range topology.Queues() {
				batch := q.Receive(queue.Lane(lane.Name), 10)
				if n += len(batch); len(batch) == 0 {
					continue
				}
				for i, err := range a.Handler(queue.Lane(lane.Name))(p.t.Context(), batch) {
					q.Settle(batch[i], err)
				}
			}
		}
	}
}

// ends counts the ledger's mentions of account x0 by how their event ends.
func (p *paid) ends(a *app.App) (deleted []string, all int) {
	p.t.Helper()
	err := a.Lines(p.t.Context(), "x0", p.clock().AddDate(0, 0, -9), p.clock().Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
		all++
		if l.Outcome == ledger.Mention && strings.HasSuffix(l.Event, "|delete") {
			deleted = append(deleted, l.Mention)
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return deleted, all
}

// What its author deleted, edited or hid is found within a day by looking it up, where the account is set so; what stands
// makes no noise.
func TestDeletionsAreLookedFor(t *testing.T) {
	for _, on := range []bool{true, false} {
		p := newPaid(t)
		a := p.process()
		text := strings.Replace(p.document(", budget: 5"), "crms: []\n", observed, 1)
		if on {
			text = strings.Replace(text, "settings: {page: 10}", "settings: {page: 10, recheck: 2}", 1)
		}
		if _, err := a.Publish(t.Context(), []byte(text), "test", "test", ""); err != nil {
			t.Fatal(err)
		}
		p.live(a, 1)
		var ids []string
		for i := range 4 {
			ids = append(ids, p.x.Post(xtwin.Post{By: fmt.Sprintf("guest%d", i), Text: fmt.Sprintf("@nordlicht hello %d", i)}))
		}
		p.live(a, 2)
		_, before := p.ends(a)
		p.x.Delete(ids[0])
		p.x.Change("guest1", func(u *xtwin.User) { u.Protected = true })
		p.pass(23 * time.Hour)
		p.live(a, 2)
		deleted, all := p.ends(a)
		if before != 4 || on && (len(deleted) != 2 || all != 6) || !on && (len(deleted) != 0 || all != 4) {
			t.Errorf("looked for: %v, %d lines at first, %d then, deleted %v of %v", on, before, all, deleted, ids)
		}
		p.pass(23 * time.Hour)
		p.live(a, 2)
		if again, lines := p.ends(a); len(again) != len(deleted) || lines != all {
			t.Errorf("looked for: %v, the next day there are %d lines and %d deletions, before %d and %d", on, lines, len(again), all, len(deleted))
		}
	}
}
