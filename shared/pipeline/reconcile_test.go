package pipeline_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

// withheld is a day on which the network told of every post but the fourth and every third one after it; its list has all.
func withheld(t *testing.T) (r *rig, missing []string) {
	t.Helper()
	r = newRig(t, options{})
	r.tick()
	var all []flow.Event
	for n := range 10 {
		e := said(fmt.Sprintf("m%d", n), fmt.Sprintf("author%d", n), "nord, Nummer "+fmt.Sprint(n), r.now)
		all = append(all, e)
		if n%3 == 0 && n > 0 {
			missing = append(missing, e.Mention.ID)
		} else {
			r.hook(e)
		}
		r.live(20*time.Minute, 10*time.Minute)
	}
	if _, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: flow.Erasure{Author: "site:author1"}}); err != nil {
		t.Fatal(err)
	}
	r.net.past = func(cursor string) (network.Page, error) {
		part, next, more := all[:4], "2", true // the pages overlap
		if cursor == "2" {
			part, next, more = all[3:], "3", false
		}
		body, err := json.Marshal(part)
		return network.Page{Bodies: []network.Body{{Data: body}}, Cursor: next, More: more}, err
	}
	return r, missing
}

// What no webhook told of is found by the network's list, exactly that, and counted; a second look finds nothing.
func TestReconcile(t *testing.T) {
	r, missing := withheld(t)
	look := func() pipeline.Gaps {
		t.Helper()
		id, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "reconcile", Account: "site", From: start, To: start.Add(24 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		r.live(10*time.Minute, time.Minute)
		j, err := r.app.Job(t.Context(), id)
		if err != nil || j.State != "done" || j.Gaps == nil {
			t.Fatalf("the job: %+v, %v", j, err)
		}
		return *j.Gaps
	}
	if g := look(); g.Found != len(missing)+0 || g.Listed < 10 || g.Known != g.Listed-g.Found || len(g.Hours) != 4 {
		t.Errorf("the first look: %+v, want %d found", g, len(missing))
	}
	var got []string
	for _, l := range r.lines() {
		if l.Found {
			got = append(got, l.Mention)
			if l.Outcome != ledger.Mention || l.Source != "" {
				t.Errorf("%s is %s from %q", l.Mention, l.Outcome, l.Source)
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(missing) {
		t.Errorf("found are %v, missing were %v", got, missing)
	}
	if rep, err := r.app.Report(t.Context(), start.Add(-time.Hour), r.now, 0, 0); err != nil || rep.Found != len(missing) {
		t.Errorf("the report counts %d found: %v", rep.Found, err)
	}
	before := len(r.lines())
	if g := look(); g.Found != 0 || len(r.lines()) != before {
		t.Errorf("the second look: %+v, %d lines more", g, len(r.lines())-before)
	}
}

// The day before is compared by itself, once, from when the account was first seen; where that costs, only with leave.
func TestReconcileDaily(t *testing.T) {
	r, missing := withheld(t)
	r.live(30*time.Hour, 30*time.Minute)
	n := 0
	for _, l := range r.lines() {
		if l.Found {
			n++
		}
	}
	if n != len(missing) {
		t.Errorf("%d are found in a day, want %d", n, len(missing))
	}
	if jobs := table[pipeline.JobRow](r, "job"); len(jobs) < 2 {
		t.Errorf("the jobs: %+v", jobs)
	}
	paid, _ := withheld(t)
	paid.net.buckets = []network.Bucket{{Name: "reads", Calls: 100, Per: time.Hour, Shared: "account", Cost: 0.01}}
	paid.boot()
	paid.live(30*time.Hour, 30*time.Minute)
	for _, l := range paid.lines() {
		if l.Found {
			t.Errorf("%s was paid for without leave", l.Mention)
		}
	}
}
