package pipeline_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/crm"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	figure "rapport/shared/report"
)

// overheard is the slow model: what somebody who wrote down everything by hand would count from the world itself.
type overheard struct {
	author    string
	day       string // received
	asks      bool   // waits for the brand
	at, first time.Time
}

// The figures are what counting the world by hand gives, before the days are kept, once they are, and after answers that come
// days later; whoever is asked for reads rows of days.
func TestFiguresAreRight(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, options{})
		var world []*overheard
		waits := map[string]*overheard{}
		texts := []string{complaint, "Vielen Dank, ihr seid großartig!"}
		answer := func() {
			for _, id := range slices.Sorted(maps.Keys(waits)) {
				if rapid.IntRange(0, 2).Draw(rt, "answers") > 0 {
					continue
				}
				e := said("o"+id, "nord", "Das tut uns leid.", r.now)
				e.Mention.Direction, e.Mention.Parent = flow.Out, "site:"+id
				r.hook(e)
				waits[id].first = r.now
				delete(waits, id)
			}
		}
		n := 0
		for range rapid.IntRange(1, 5).Draw(rt, "days") {
			for range rapid.IntRange(0, 12).Draw(rt, "mentions") {
				n++
				w := &overheard{author: fmt.Sprint("a", rapid.IntRange(0, 8).Draw(rt, "author")), day: r.now.Format(time.DateOnly), at: r.now, asks: rapid.Bool().Draw(rt, "asks")}
				id := fmt.Sprint("m", n)
				text := texts[1]
				if w.asks {
					text, waits[id] = texts[0], w
				}
				r.hook(said(id, w.author, text, r.now))
				r.run()
				world = append(world, w)
				r.now = r.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(rt, "pause")) * time.Minute)
			}
			answer()
			r.run()
			if rapid.Bool().Draw(rt, "counts") {
				r.count()
			}
			r.now = r.now.Add(time.Duration(rapid.IntRange(6, 30).Draw(rt, "hours")) * time.Hour)
			answer()
			r.run()
		}
		for _, kept := range []bool{false, true} {
			if kept {
				r.count()
			}
			from, to := start.Format(time.DateOnly), r.now.Format(time.DateOnly)
			got, err := r.app.Figures(t.Context(), pipeline.ReportQuery{From: from, To: to, By: figure.Network})
			if err != nil {
				rt.Fatal(err)
			}
			people, want := map[string]bool{}, figure.Row{}
			var minutes []int
			for _, w := range world {
				people[w.author] = true
				want.Mentions++
				if !w.asks {
					continue
				}
				if want.Contacts++; !w.first.IsZero() {
					want.Answered++
					minutes = append(minutes, figure.Digits(int(w.first.Sub(w.at)/time.Minute)))
				}
			}
			if len(people) < figure.Few {
				if len(got.Rows) != 0 || got.Total != nil {
					rt.Fatalf("%d people, and figures: %+v", len(people), got.Rows)
				}
				continue
			}
			if got.Total == nil {
				rt.Fatalf("kept %t: nothing of %d mentions by %d people", kept, len(world), len(people))
			}
			if g := got.Total; g.Mentions != want.Mentions || kept && (g.Contacts != want.Contacts || g.Answered != want.Answered) {
				rt.Fatalf("kept %t: %d mentions, %d contacts, %d answered; by hand %d, %d, %d", kept, g.Mentions, g.Contacts, g.Answered, want.Mentions, want.Contacts, want.Answered)
			}
			if kept && len(minutes) > 0 {
				slices.Sort(minutes)
				if middle := minutes[(len(minutes)+1)/2-1]; got.Total.Wall == nil || *got.Total.Wall != middle {
					rt.Fatalf("the middle of %v is told as %v", minutes, got.Total.Wall)
				}
			}
		}
	})
}

// count lets a job count what is to be counted.
func (r *rig) count() {
	r.t.Helper()
	j := jobOf("report")
	j.ID, j.To = "report-"+r.newID(), r.now
	if _, err := r.app.Start(r.t.Context(), j); err != nil {
		r.t.Fatal(err)
	}
	r.run()
	if done, err := r.app.Job(r.t.Context(), j.ID); err != nil || done.State != "done" {
		r.t.Fatalf("%+v, %v", done, err)
	}
}

// What is kept of a day leads to nobody who asked to be forgotten; multipliers are looked up, and gone then.
func TestFiguresNameNobody(t *testing.T) {
	r := newRig(t, options{})
	for i := range 7 {
		e := said(fmt.Sprint("m", i), fmt.Sprint("person", i), complaint, start)
		e.Mention.Author.Counted, e.Mention.Author.Followers, e.Mention.Author.Handle = true, 1000*(i+1), fmt.Sprint("handle", i)
		r.hook(e)
	}
	r.run()
	r.now = r.now.Add(30 * time.Hour)
	r.count()
	q := pipeline.ReportQuery{From: "2026-03-02", To: "2026-03-02", By: figure.Team}
	before, err := r.app.Figures(t.Context(), q)
	if err != nil || before.Total == nil || before.Total.Mentions != 7 || before.Total.Reach == nil || len(before.Heard) == 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	if before.Total.USD == nil || *before.Total.USD <= 0 {
		t.Error("it cost nothing")
	}
	for _, m := range before.Heard {
		r.erased(m.Author)
	}
	after, err := r.app.Figures(t.Context(), q)
	if err != nil || after.Total == nil || after.Total.Mentions != 7 || len(after.Heard) != 0 {
		t.Errorf("%+v, %v", after, err)
	}
	for k, d := range table[figure.Day](r, "report") {
		if len(d.Cells) == 0 || len(d.Tops) != 7 || len(d.Staff) != 0 {
			t.Errorf("%v holds %+v", k, d)
		}
	}
	r.count() // the conversations are gone, and nobody may be told from another
	if again, err := r.app.Figures(t.Context(), q); err != nil || again.Total != nil || again.Few != 1 {
		t.Errorf("counted anew: %+v, %v", again.Total, err)
	}
}

// Figures of the staff exist only where they are switched on with a reason, and of nobody who had to do with fewer than five
// people.
func TestFiguresOfAgents(t *testing.T) {
	for _, on := range []bool{false, true} {
		r := newRig(t, options{edit: func(s string) string {
			if on {
				return s + "reports: {agents: {on: true, reason: agreed with the works council}}\n"
			}
			return s + "\n"
		}})
		for i := range 6 {
			r.hook(said(fmt.Sprint("m", i), fmt.Sprint("person", i), complaint, start))
		}
		r.run()
		for i, c := range r.crm.all("case") {
			owner := "eva@nord.example"
			if i == 0 {
				owner = "olaf@nord.example"
			}
			r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", By: "agent", Fields: map[string]any{crm.FieldOwner: owner}})
		}
		r.run()
		r.count()
		got, err := r.app.Figures(t.Context(), pipeline.ReportQuery{From: "2026-03-02", To: "2026-03-02", By: figure.Network})
		if err != nil || on != (got.Agents != nil) || on != (len(got.Staff) == 1) || on && (got.Staff[0].Name != r.app.Pseudonym("eva@nord.example") || got.Staff[0].Contacts != 5) {
			t.Errorf("on %t: %+v, %v", on, got.Staff, err)
		}
		for _, d := range table[figure.Day](r, "report") {
			if on != (len(d.Staff) == 2) {
				t.Errorf("on %t: kept %+v", on, d.Staff)
			}
		}
	}
}

// Too much to count at once is said, and what an earlier count saw is told.
func TestFiguresAreBounded(t *testing.T) {
	r := newRig(t, options{})
	for i := range 12 {
		r.hook(said(fmt.Sprint("m", i), fmt.Sprint("person", i), complaint, start))
	}
	r.run()
	q := pipeline.ReportQuery{From: "2026-03-02", To: "2026-03-02", By: figure.Network, Lines: 10}
	got, err := r.app.Figures(t.Context(), q)
	if err != nil || got.Total != nil || len(got.Partly) != 1 || got.Read > 20 {
		t.Errorf("%+v, %v", got, err)
	}
	r.count()
	if got, err = r.app.Figures(t.Context(), q); err != nil || got.Total == nil || got.Total.Mentions != 12 || len(got.Partly) != 1 {
		t.Errorf("counted: %+v, %v", got.Total, err)
	}
	for _, bad := range []pipeline.ReportQuery{{From: "soon", To: "2026-03-02", By: figure.Network}, {From: "2026-03-03", To: "2026-03-02", By: figure.Network}, {From: "2026-03-02", To: "2026-03-02", By: "mood"}} {
		if _, err := r.app.Figures(t.Context(), bad); err == nil {
			t.Errorf("%+v passed", bad)
		}
	}
}
