package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// day is the time that the replays of these tests look at.
func (r *rig) day() (time.Time, time.Time) { return start.Add(-time.Hour), start.Add(2 * time.Hour) }

// dry looks what the configuration in force would make of the day.
func (r *rig) dry() pipeline.Replayed {
	r.t.Helper()
	plan, err := r.app.Plan(r.t.Context(), "")
	if err != nil {
		r.t.Fatal(err)
	}
	from, to := r.day()
	got, err := r.app.Replay(r.t.Context(), plan, []string{"site"}, from, to)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// again starts a job over the day, works until nothing is left, and tells what became of it.
func (r *rig) again(kind, id, approved, event string) pipeline.Patched {
	r.t.Helper()
	from, to := r.day()
	_, err := r.app.Start(r.t.Context(), pipeline.JobRow{ID: id, Kind: kind, From: from, To: to,
		Again: &pipeline.Again{Accounts: []string{"site"}, Approved: approved, Event: event, By: "test"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.run()
	r.live(3*time.Minute, 10*time.Second)
	got, err := r.app.Patched(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// of gives the CRM's record of a mention.
func (r *rig) of(mention string) *outcomeRow {
	r.t.Helper()
	for _, row := range r.crm.all("mention") {
		if row.Key == "rapport:mention:site:"+mention {
			return row
		}
	}
	r.t.Fatalf("the CRM has no record of %s", mention)
	return nil
}

func upper(text string) string {
	return strings.Replace(text, "note: sentiment", "note: upper(sentiment)", 1)
}

// What was approved is written: what a human changed since is left and told, and the next dry run finds nothing.
func TestApply(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Danke!", start), said("m3", "carla", "Wo finde ich das?", start))
	r.run()
	r.publish(upper(basic))
	before := r.dry()
	if before.Verbs[pipeline.WouldUpdate] != 3 || before.Hash == "" || before.Hash != r.dry().Hash {
		t.Fatalf("%+v", before)
	}
	if got := r.again(pipeline.JobReplay, "j0", "something else", ""); got.Job.State != "failed" || !strings.Contains(got.Job.Problem, "look at the dry run again") || got.Total != 0 {
		t.Errorf("what nobody approved: %+v", got)
	}
	r.of("m2").Fields["note"] = "a human's"
	calls := len(r.crm.upserts)
	got := r.again(pipeline.JobReplay, "j1", before.Hash, "")
	if got.Job.State != "done" || got.Total != 3 || got.Written != 2 || got.Skipped != 1 || got.Fields != 1 || len(got.List) != 1 || got.List[0].Mention != "site:m2" {
		t.Errorf("%+v", got)
	}
	for id, want := range map[string]string{"m1": "NEGATIVE", "m2": "a human's", "m3": "NEUTRAL"} {
		if note := r.of(id).Fields["note"]; note != want {
			t.Errorf("mention %s: %v", id, note)
		}
	}
	for _, call := range r.crm.upserts[calls:] {
		for _, record := range call {
			if len(record.Fields) != 1 || record.Fields["note"] == nil {
				t.Errorf("more than was approved is written: %v", record)
			}
		}
	}
	if after := r.dry(); len(after.Writes) != 0 || after.Entries != 3 {
		t.Errorf("the second dry run: %+v", after.Writes)
	}
	calls = len(r.crm.upserts)
	if again := r.again(pipeline.JobReplay, "j1", before.Hash, ""); again.Written != 2 || len(r.crm.upserts) != calls {
		t.Errorf("begun twice it is done twice: %+v", again)
	}
	from, to := r.day()
	receipts, err := r.app.VerifyReceipts(t.Context(), []string{"site"}, from, to)
	if err != nil || receipts.Entries != 3 || receipts.Equal != 3 {
		t.Errorf("receipts: %+v, %v", receipts, err)
	}
	r.hook(edited(said("m1", "anna", complaint, start), "Danke, alles gut!", start.Add(30*time.Minute)))
	r.live(5*time.Minute, 10*time.Second)
	if row := r.of("m1"); row.Fields["note"] == "NEGATIVE" || row.Fields["text"] != "Danke, alles gut!" {
		t.Errorf("after a replay an edit is not written: %v", row.Fields)
	}
}

// A decision that is made otherwise reaches our own state as well, so that nothing later takes it back; a case that only the
// new rules see is made.
func TestApplyDecisions(t *testing.T) {
	hidden := basic + "filters:\n  - {name: hidden, when: 'mention.text contains \"kaputt\"'}\n"
	r := newRig(t, options{config: hidden})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Die Lieferung ist nicht da, ich bin sauer!", start))
	r.run()
	if n := len(r.crm.all("case")); n != 1 {
		t.Fatalf("%d cases", n)
	}
	r.publish(strings.Replace(basic, "note: conversation.priority", "note: conversation.department", 1) +
		"routing:\n  - {name: late, when: 'mention.text contains \"Lieferung\"', department: sales}\n")
	diff := r.dry()
	if diff.Verbs[pipeline.WouldCreate] != 2 || diff.Verbs[pipeline.WouldUpdate] != 1 {
		t.Fatalf("%+v", diff)
	}
	alerts := strings.Count(r.log.String(), "msg=alert")
	got := r.again(pipeline.JobReplay, "j1", diff.Hash, "")
	if got.Written != 3 || got.Open != 0 || strings.Count(r.log.String(), "msg=alert") != alerts {
		t.Errorf("%+v", got)
	}
	if len(r.crm.all("case")) != 2 || len(r.crm.all("mention")) != 2 {
		t.Errorf("%d cases, %d mentions", len(r.crm.all("case")), len(r.crm.all("mention")))
	}
	if note := r.crm.all("case")[0].Fields["note"]; note != "sales" {
		t.Errorf("the case says %v", note)
	}
	if after := r.dry(); len(after.Writes) != 0 {
		t.Errorf("the second dry run: %+v", after.Writes)
	}
	c := r.crm.all("case")[0]
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@status": "closed"}, At: r.now})
	r.live(time.Minute, 10*time.Second)
	if c.Fields["state"] != "closed" || c.Fields["note"] != "sales" {
		t.Errorf("a later change of the case: %v", c.Fields)
	}
}

// A replay may die at every write to store, queue or archive: in the end everything is written once.
func TestApplySurvives(t *testing.T) {
	for n := 1; ; n++ {
		r := newRig(t, options{})
		for i := range 3 {
			r.hook(said(fmt.Sprintf("m%d", i), fmt.Sprintf("a%d", i), complaint, start))
		}
		r.run()
		r.publish(upper(basic))
		diff := r.dry()
		count, failed := 0, false
		trip := func() error {
			if count++; count == n {
				failed = true
				return fault.New(fault.Transient, "cut")
			}
			return nil
		}
		r.store.fail = func(string, itemType) error { return trip() }
		from, to := r.day()
		_, err := r.app.Start(t.Context(), pipeline.JobRow{ID: "j1", Kind: pipeline.JobReplay, From: from, To: to,
			Again: &pipeline.Again{Accounts: []string{"site"}, Approved: diff.Hash}})
		if err != nil {
			r.app.Start(t.Context(), pipeline.JobRow{ID: "j1", Kind: pipeline.JobReplay, From: from, To: to, Again: &pipeline.Again{Accounts: []string{"site"}, Approved: diff.Hash}})
		}
		for range 4 {
			r.pass(10 * time.Second)
			if err := r.app.Tick(t.Context(), pipeline.Feed{Probe: 2, Most: 100}); err != nil && !failed {
				t.Fatal(err)
			}
			r.run()
		}
		r.store.fail = nil
		r.live(10*time.Minute, 10*time.Second)
		got, err := r.app.Patched(t.Context(), "j1")
		if err != nil || got.Job.State != "done" || got.Total != 3 || got.Written+got.Unchanged != 3 {
			t.Fatalf("cut at %d: %+v, %v", n, got, err)
		}
		for _, row := range r.crm.all("mention") {
			if row.Fields["note"] != "NEGATIVE" {
				t.Errorf("cut at %d: %v", n, row.Fields)
			}
		}
		if after := r.dry(); len(after.Writes) != 0 {
			t.Errorf("cut at %d: %+v", n, after.Writes)
		}
		if !failed {
			return
		}
		if n > 200 {
			t.Fatal("no end")
		}
	}
}

// What is deleted, erased or changed between the yes and the write is left alone.
func TestApplyLooksAgain(t *testing.T) {
	r := newRig(t, options{})
	one := said("m1", "anna", complaint, start)
	r.hook(one, said("m2", "berta", complaint, start), said("m3", "carla", complaint, start))
	r.run()
	r.publish(strings.Replace(basic, "note: sentiment", "note: upper(text)", 1))
	diff := r.dry()
	if len(diff.Writes) != 3 {
		t.Fatalf("%+v", diff.Writes)
	}
	from, to := r.day()
	if _, err := r.app.Start(t.Context(), pipeline.JobRow{ID: "j1", Kind: pipeline.JobReplay, From: from, To: to,
		Again: &pipeline.Again{Accounts: []string{"site"}, Approved: diff.Hash}}); err != nil {
		t.Fatal(err)
	}
	r.work("jobs", 1)
	r.work("jobs", 1) // the changes are on their way
	r.hook(deleted(one, start.Add(time.Minute)))
	r.work("mentions-live", 10)
	third := r.of("m3")
	delete(r.crm.rows, "mention/"+third.ID)
	r.live(10*time.Minute, 10*time.Second)
	got, err := r.app.Patched(t.Context(), "j1")
	if err != nil || got.Written != 1 || got.Skipped != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if n := len(r.crm.all("mention")); n != 2 || strings.Contains(fmt.Sprint(r.of("m1").Fields), "KAPUTT") || r.of("m2").Fields["note"] != strings.ToUpper(complaint) {
		t.Errorf("%d: %v %v", n, r.of("m1").Fields, r.of("m2").Fields)
	}
}

// An erasure finds what a replay keeps, and a replay writes nothing of it.
func TestApplyAndErasure(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", complaint, start))
	r.run()
	r.publish(strings.Replace(basic, "note: sentiment", "note: upper(text)", 1))
	diff := r.dry()
	from, to := r.day()
	if _, err := r.app.Start(t.Context(), pipeline.JobRow{ID: "j1", Kind: pipeline.JobReplay, From: from, To: to,
		Again: &pipeline.Again{Accounts: []string{"site"}, Approved: diff.Hash}}); err != nil {
		t.Fatal(err)
	}
	r.work("jobs", 1)
	r.work("jobs", 1)
	if _, err := r.app.Erase(t.Context(), flow.Erasure{Author: "site:anna", At: r.now}, from, to); err != nil {
		t.Fatal(err)
	}
	r.live(10*time.Minute, 10*time.Second)
	got, err := r.app.Patched(t.Context(), "j1")
	if err != nil || got.Skipped != 1 || got.Written != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for ref, err := range r.archive.List(t.Context(), "site", time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.archive.Read(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			if e.Author == "site:anna" || strings.Contains(string(e.Previous), "m1") {
				t.Errorf("%s still holds %s", ref, e.Line)
			}
		}
	}
	for _, row := range r.crm.all("mention") {
		if row.Key == "" && row.Fields["note"] != nil {
			t.Errorf("%v", row.Fields)
		}
	}
}
