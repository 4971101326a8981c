package pipeline_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/archive"
	"rapport/shared/archive/dir"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	queuememory "rapport/shared/queue/memory"
	storememory "rapport/shared/store/memory"
)

// BenchmarkReplay replays a day of b.N events from files, each with another mapping, so that every record differs. A whole day:
// go test ./shared/pipeline -run xxx -bench 'Replay$' -benchtime 100000x
func BenchmarkReplay(b *testing.B) {
	r := &rig{now: start, secrets: map[string]string{"env:HOOK": "hook", "env:SITE": "site-token", "env:CRM": "crm-token"}}
	clock := func() time.Time { return r.now }
	r.net, r.crm = &site{r: r, rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true}}, newFake(r, true)
	files, err := dir.New(dir.Options{Root: b.TempDir(), NoSync: true, Now: clock})
	if err != nil {
		b.Fatal(err)
	}
	a, err := app.New(b.Context(), app.Options{Store: storememory.New(storememory.Options{Now: clock}), Queue: queuememory.New(queuememory.Options{Now: clock, NewID: r.newID}),
		Archive: files, Secrets: r, Networks: map[string]network.Network{"site": r.net}, CRMs: map[string]crm.CRM{"crm": r.crm},
		Ports: pipeline.Ports{Now: clock, NewID: r.newID}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := a.Publish(b.Context(), []byte(basic), "bench", "bench", ""); err != nil {
		b.Fatal(err)
	}
	was, err := a.Plan(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	is, err := a.Check(b.Context(), []byte(upper(basic)), "candidate")
	if err != nil {
		b.Fatal(err)
	}
	fill(b, files, was, b.N)
	b.ResetTimer()
	got, err := a.Replay(b.Context(), is, []string{"site"}, start, start.Add(24*time.Hour))
	if err != nil || got.Entries != b.N || got.Verbs[pipeline.WouldUpdate] != b.N {
		b.Fatalf("%d of %d, %v, %v", got.Entries, b.N, got.Verbs, err)
	}
}

// fill writes a day of n events into an archive, as enrich would have: batches of 100 with bodies, Inputs and Decisions.
func fill(b *testing.B, files archive.Archive, plan *pipeline.Plan, n int) {
	b.Helper()
	texts := []string{complaint, "Danke, alles bestens!", "Wo finde ich die Anleitung für die Lampe?", "Just saw your shop in Kiel, lovely."}
	encode := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		return text
	}
	for first := 0; first < n; first += 100 {
		at := start.Add(24 * time.Hour * time.Duration(first) / time.Duration(n))
		batch := archive.Batch{Account: "site", At: at, ID: fmt.Sprintf("%09d", first)}
		for i := first; i < min(first+100, n); i++ {
			e := said(fmt.Sprintf("m%d", i), fmt.Sprintf("a%d", i%20_000), texts[i%len(texts)], at)
			raw := encode([]flow.Event{e})
			e.Mention.Account, e.Mention.Brand = "site", "nord"
			in := decide.Inputs{Now: at, Config: plan.Doc.Hash, Model: decide.Model, Event: e, Source: "live", MayMatch: "yes", MayScore: true}
			place := ledger.At("site", at, fmt.Sprintf("%015d%05d", at.UnixMilli(), i), 0)
			batch.Entries = append(batch.Entries, archive.Entry{Line: place.Sort, Account: "site", At: at, Mention: e.Mention.ID, Author: e.Mention.Author.ID,
				Raw: raw, Inputs: encode(in), Decision: encode(plan.Decider.Decide(in))})
		}
		if _, err := files.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
