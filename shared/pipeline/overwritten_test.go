package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// An edit between our reading and our writing is put back once the CRM tells of it, stays from then on, and is counted.
func TestAnEditInTheGapComesBack(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", "What does the big one cost?", start)
	r.hook(e)
	r.run()
	c := r.crm.one("case")
	key := c.Key
	r.pass(time.Minute)
	const danger = "Der Akku hat Feuer gefangen, mein Kind ist verletzt!"
	more := said("m2", "anna", danger, r.now)
	more.Mention.Root, more.Mention.Parent = "site:m1", "site:m1"
	var at time.Time
	r.crm.call = func(verb string, _ crm.Account, records []crm.Record) error {
		if verb == "upsert" && at.IsZero() && len(records) > 0 && records[0].Object == "case" { // the record was read already
			c.Fields["note"], at = "a human's", r.now
		}
		return nil
	}
	r.hook(more)
	r.run()
	if at.IsZero() || c.Fields["note"] == "a human's" {
		t.Fatalf("the gap was not met: %v", c.Fields)
	}
	told := flow.Change{Object: "case", Record: c.ID, Key: key, Verb: "update", By: "agent", Fields: map[string]any{"note": "a human's"}, At: at, ID: "c1"}
	r.pass(time.Minute)
	r.change(told)
	r.run()
	if c.Fields["note"] != "a human's" {
		t.Errorf("the edit is lost: %v", c.Fields)
	}
	calls := len(r.crm.upserts)
	told.ID = "c2" // another event of the same edit
	r.change(told)
	r.run()
	if len(r.crm.upserts) != calls {
		t.Error("it is put back twice")
	}
	n := 0
	for _, v := range table[pipeline.RecordRow](r, "record") {
		n += v.Restored
	}
	if n != 1 || !strings.Contains(r.log.String(), "was put back") {
		t.Errorf("%d edits are counted", n)
	}
	r.live(5*time.Hour, 10*time.Minute) // overdue: the case is written again
	if c.Fields["note"] != "a human's" {
		t.Errorf("a later write takes it: %v", c.Fields)
	}
}

// What a human wrote before we looked, or after we wrote, is no edit in the gap: nothing is written for it.
func TestEditsOutsideTheGap(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.run()
	r.pass(time.Hour)
	r.hook(edited(e, complaint+" Edit.", r.now))
	r.live(time.Minute, 10*time.Second)
	c := r.crm.one("case")
	calls := len(r.crm.upserts)
	for i, at := range []time.Time{start.Add(time.Minute), r.now.Add(time.Hour)} {
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", By: "agent", Fields: map[string]any{"note": "old news"}, At: at, ID: fmt.Sprint("c", i)})
		r.run()
	}
	if len(r.crm.upserts) != calls || c.Fields["note"] == "old news" {
		t.Errorf("%v", c.Fields)
	}
}

// Reading before writing costs one call more for each batch: at most 22 for 1,000 records.
func TestCallsPerThousandRecords(t *testing.T) {
	r := newRig(t, options{})
	r.crm.batch = 100
	r.boot()
	events := make([]flow.Event, 500)
	for i := range events {
		events[i] = said(fmt.Sprintf("m%d", i), fmt.Sprintf("a%d", i), complaint, start)
	}
	r.hook(events...)
	r.run()
	if n := len(r.crm.all("case")); n != len(events) {
		t.Fatalf("%d cases", n)
	}
	r.pass(time.Minute)
	r.crm.upserts, r.crm.reads = nil, nil
	for i, e := range events {
		events[i] = edited(e, complaint+" Edit.", r.now)
	}
	r.hook(events...)
	r.live(time.Minute, 5*time.Second)
	records := 0
	for _, call := range r.crm.upserts {
		records += len(call)
	}
	calls := len(r.crm.upserts) + len(r.crm.reads)
	if records != 2*len(events) || len(r.crm.reads) == 0 || calls*1000 > 22*records {
		t.Errorf("%d calls, %d of them to read, for %d records", calls, len(r.crm.reads), records)
	}
}
