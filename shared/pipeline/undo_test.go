package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// undoable looks what an undo would do.
func (r *rig) undoable(event string) pipeline.Replayed {
	r.t.Helper()
	from, to := r.day()
	got, err := r.app.Undo(r.t.Context(), []string{"site"}, from, to, event)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// A day is undone: what it made is blank but for what a human wrote since, nothing of it is written again by late messages, and
// a replay brings it back into the same records.
func TestUndoADayAndRedo(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Danke!", start))
	r.work("mentions-live", 10)
	late := r.sender.sent[len(r.sender.sent)-1]
	r.run()
	diff := r.undoable("")
	if diff.Verbs[pipeline.WouldBlank] != 3 || len(diff.Writes) != 3 || !strings.Contains(strings.Join(diff.Risks, " "), "would be blanked") {
		t.Fatalf("%+v", diff)
	}
	one, two, c := r.of("m1"), r.of("m2"), r.crm.one("case")
	one.Fields["note"] = "a human's"
	got := r.again(pipeline.JobUndo, "u1", diff.Hash, "")
	if got.Job.State != "done" || got.Written != 3 || got.Fields != 1 || got.List[0].Left[0] != "note" {
		t.Errorf("%+v", got)
	}
	if one.Fields["text"] != nil || one.Fields["note"] != "a human's" || two.Fields["text"] != nil || c.Fields["subject"] != nil {
		t.Errorf("%v %v %v", one.Fields, two.Fields, c.Fields)
	}
	if again := r.undoable(""); len(again.Writes) != 0 {
		t.Errorf("undone twice: %+v", again.Writes)
	}
	r.sender.Queue.Send(t.Context(), late) // a late copy of what wrote it
	r.change(flow.Change{Object: "case", Record: c.ID, Key: "rapport:conversation:" + r.conversation().ID, Verb: "update", Fields: map[string]any{"@status": "closed"}})
	r.live(3*time.Hour, 10*time.Minute)
	if one.Fields["text"] != nil || two.Fields["text"] != nil || c.Fields["subject"] != nil {
		t.Errorf("what was undone is written again: %v %v %v", one.Fields, two.Fields, c.Fields)
	}
	redo := r.dry()
	if redo.Verbs[pipeline.WouldCreate] != 3 {
		t.Fatalf("%+v", redo)
	}
	back := r.again(pipeline.JobReplay, "v1", redo.Hash, "")
	if back.Written != 3 || one.Fields["text"] != complaint || two.Fields["text"] != "Danke!" || one.Fields["note"] != "a human's" || c.Fields["subject"] == nil {
		t.Errorf("%+v: %v %v %v", back, one.Fields, two.Fields, c.Fields)
	}
	if len(r.crm.all("mention")) != 2 || len(r.crm.all("case")) != 1 {
		t.Error("a redo makes new records")
	}
	if after := r.dry(); len(after.Writes) != 0 {
		t.Errorf("after the redo: %+v", after.Writes)
	}
}

// One event of an exchange is undone: the case goes back to what it was before, and a new event writes it again.
func TestUndoAnEvent(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", "What does the big one cost?", start)
	r.hook(e)
	r.run()
	const danger = "Der Akku hat Feuer gefangen, mein Kind ist verletzt!"
	worse := said("m2", "anna", danger, start.Add(time.Minute))
	worse.Mention.Root, worse.Mention.Parent = "site:m1", "site:m1"
	was, c := "normal", r.crm.one("case")
	r.hook(worse)
	r.live(time.Minute, 10*time.Second)
	if c.Fields["note"] == was {
		t.Fatalf("%v", c.Fields)
	}
	diff := r.undoable("site:m2")
	if diff.Verbs[pipeline.WouldBlank] != 1 || diff.Verbs[pipeline.WouldUpdate] != 1 {
		t.Fatalf("%+v", diff)
	}
	got := r.again(pipeline.JobUndo, "u1", diff.Hash, "site:m2")
	if got.Written != 2 || c.Fields["note"] != was || r.of("m1").Fields["text"] == nil {
		t.Errorf("%+v: %v", got, c.Fields)
	}
	told, err := r.app.Story(t.Context(), "site:m2")
	if err != nil {
		t.Fatal(err)
	}
	if a := told.Lines[0].Amended; a == nil || a.Kind != pipeline.JobUndo {
		t.Errorf("the story does not tell that it was undone: %+v", told.Lines)
	}
	for _, shown := range told.Records["crm"] {
		if shown.Object == "mention" && (!shown.Undone || len(shown.Fields) > 0) || shown.Object == "case" && shown.Fields["note"] != was {
			t.Errorf("the story tells of %+v", shown)
		}
	}
	more := said("m3", "anna", danger, start.Add(10*time.Minute))
	more.Mention.Root, more.Mention.Parent = "site:m1", "site:m1"
	r.hook(more)
	r.live(time.Minute, 10*time.Second)
	if c.Fields["note"] == was {
		t.Errorf("a new event does not reach the case: %v", c.Fields)
	}
	if _, err := r.app.Undo(t.Context(), []string{"site"}, start, start, "site:nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown event: %v", err)
	}
}

// Words that an author took back do not come back.
func TestUndoBringsNoDeletedWords(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.run()
	r.pass(5 * time.Hour)
	r.hook(deleted(e, r.now))
	r.run()
	got, err := r.app.Undo(t.Context(), []string{"site"}, start.Add(4*time.Hour), start.Add(6*time.Hour), "")
	if err != nil || len(got.Writes) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What stood in the fields of a contact of theirs before we wrote into it for the first time comes back; what we never wrote,
// and the contact itself, stay.
func TestUndoGivesBackWhatWasTheirs(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "mode: write", "mode: write, person: create", 1)
	}})
	theirs := r.crm.write(recordType{Object: "contact", Key: "", Fields: map[string]any{"name": "Anna A.", "accounts": "kept by hand", "score": 7}})
	r.crm.judge = func(rec recordType) error {
		if rec.Object == "contact" && rec.ID == "" {
			return fault.New(fault.Conflict, "the address is taken")
		}
		return nil
	}
	r.crm.extra = func(o *outcomeType) {
		if fault.Is(o.Err, fault.Conflict) {
			o.ID = theirs.ID
		}
	}
	e := said("m1", "anna", "Meine Adresse ist anna@example.org, alles kaputt!", start)
	e.Mention.Kind = flow.Message
	r.hook(e)
	r.run()
	row := r.crm.one("contact")
	if row.Fields["accounts"] != "site:anna" {
		t.Fatalf("%+v", row)
	}
	row.Fields["score"] = 99 // by a human
	diff := r.undoable("")
	got := r.again(pipeline.JobUndo, "u1", diff.Hash, "")
	if row.Fields["accounts"] != "kept by hand" || row.Fields["name"] != "Anna A." || row.Fields["score"] != 99 || got.Fields != 1 || got.Failed != 0 {
		t.Errorf("%+v: %v", got, row.Fields)
	}
}
