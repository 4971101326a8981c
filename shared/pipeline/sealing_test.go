package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// sealedRig has three sealed hours: what came in the first was sealed, then redriven and settled otherwise, and sealed again.
func sealedRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, options{})
	r.tick()
	r.crm.judge = refuse("m3")
	r.hook(said("m1", "anna", complaint, start), said("m2", "ben", "nord ist prima", start), said("m3", "carl", "nord, hallo", start))
	r.run()
	r.live(2*time.Hour, 5*time.Minute)
	r.crm.judge = nil
	if n, err := r.app.Redrive(t.Context(), "crm", 10); err != nil || n != 1 {
		t.Fatalf("%d dead deliveries are tried again: %v", n, err)
	}
	r.hook(said("m4", "anna", "nord, noch etwas", r.now))
	r.run()
	r.live(2*time.Hour, 5*time.Minute)
	return r
}

// refuse makes a CRM refuse one mention's record for good.
func refuse(id string) func(crm.Record) error {
	return func(rec crm.Record) error {
		if strings.HasSuffix(rec.Key, id) {
			return fault.New(fault.Transient, "not this one")
		}
		return nil
	}
}

func (r *rig) exported() []byte {
	r.t.Helper()
	var file bytes.Buffer
	out := json.NewEncoder(&file)
	if err := r.app.ExportLedger(r.t.Context(), start.Add(-24*time.Hour), r.now, func(x ledger.Record) error { return out.Encode(x) }); err != nil {
		r.t.Fatal(err)
	}
	return file.Bytes()
}

func (r *rig) checked(file []byte, known string) ledger.Checked {
	r.t.Helper()
	c, err := ledger.Check(bytes.NewReader(file), known)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// A file is checked alone; what somebody did to it is named, whatever it is.
func TestTamperedLedger(t *testing.T) {
	r := sealedRig(t)
	file := r.exported()
	head, err := r.app.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole := r.checked(file, head.Hash)
	if len(whole.Findings) > 0 || whole.Lines != 4 || whole.Changes < 1 || whole.Seals < 2 || whole.Sealed != whole.Now || whole.Now.Received != 4 {
		t.Fatalf("the file as it was exported: %+v\n%s", whole, file)
	}
	text := strings.Split(strings.TrimSpace(string(file)), "\n")
	at := func(part string) int { // the first record of a kind
		return slices.IndexFunc(text, func(s string) bool { return strings.HasPrefix(s, `{"`+part+`"`) })
	}
	place := func(i int) string {
		var rec ledger.Record
		if err := json.Unmarshal([]byte(text[i]), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Line != nil {
			return ledger.Place{Part: rec.Line.Facts.Part, Sort: rec.Line.Facts.Sort}.String()
		}
		if rec.Change != nil {
			return rec.Change.Place().String()
		}
		return rec.Entry.Place().String()
	}
	line, entry, change, seal := at("line"), at("entry"), at("change"), at("seal")
	second := seal + 1 + slices.IndexFunc(text[seal+1:], func(s string) bool { return strings.HasPrefix(s, `{"seal"`) })
	edit := func(i int, old, with string) []string {
		out := slices.Clone(text)
		if out[i] = strings.Replace(out[i], old, with, 1); out[i] == text[i] {
			t.Fatalf("nothing of %s is edited", text[i])
		}
		return out
	}
	swap := func(i, k int) []string {
		out := slices.Clone(text)
		out[i], out[k] = out[k], out[i]
		return out
	}
	without := func(i int) []string { return slices.Delete(slices.Clone(text), i, i+1) }
	copied := strings.Replace(text[line], `"sort":"`, `"sort":"z`, 1)
	for name, c := range map[string]struct {
		file        []string
		what, where string
	}{
		"a changed outcome":         {edit(line, `"state":"written"`, `"state":"unchanged"`), "altered", place(line)},
		"a changed column":          {edit(line, `"outcome":"mention"`, `"outcome":"filtered"`), "altered", place(line)},
		"a changed record":          {edit(line, `"created":2`, `"created":9`), "altered", place(line)},
		"another salt":              {edit(line, `"salt":"`, `"salt":"x`), "altered", place(line)},
		"a removed line":            {without(line), "removed", place(line)},
		"an added line":             {slices.Insert(slices.Clone(text), line+1, copied), "added", strings.Replace(place(line), "/", "/z", 1)},
		"a line twice":              {slices.Insert(slices.Clone(text), line+1, text[line]), "added", place(line)},
		"lines in another order":    {swap(line, line+1), "order", place(line)},
		"a removed entry":           {without(entry), "added", place(entry)},
		"an altered entry":          {edit(entry, `"leaf":"`, `"leaf":"x`), "altered", strings.Split(place(entry), "/")[0]},
		"an altered amendment":      {edit(change, `"leaf":"`, `"leaf":"x`), "altered", place(change)},
		"an amendment from afar":    {edit(change, `"old":"`, `"old":"x`), "altered", place(change)},
		"a removed amendment":       {without(change), "altered", place(change)},
		"a removed seal":            {without(second), "removed", "seal 2"},
		"swapped seals":             {swap(seal, second), "order", "seal 1 (2026-03-02 09h)"},
		"an altered seal":           {edit(seal, `"config":"`, `"config":"x`), "altered", "seal 1 (2026-03-02 09h)"},
		"an altered count":          {edit(seal, `"received":3`, `"received":4`), "altered", "seal 1 (2026-03-02 09h)"},
		"a file that was cut":       {text[:len(text)-1], "removed", "the file"},
		"something else":            {edit(line, `"line"`, `"lines"`), "damaged", fmt.Sprintf("line %d of the file", line+1)},
		"a line that nobody sealed": {slices.Insert(slices.Clone(text), line+1, copied), "added", strings.Replace(place(line), "/", "/z", 1)},
	} {
		got := r.checked([]byte(strings.Join(c.file, "\n")+"\n"), head.Hash)
		if !slices.ContainsFunc(got.Findings, func(f ledger.Finding) bool { return f.What == c.what && f.Where == c.where }) {
			t.Errorf("%s is told as %+v, want %s %s", name, got.Findings, c.what, c.where)
		}
	}
	if got := r.checked(file, "another"); len(got.Findings) == 0 {
		t.Error("a chain that does not hold the kept seal passes")
	}
}

// What is changed in the store past the pipeline is found; what the pipeline changes is due, then amended.
func TestTamperedStore(t *testing.T) {
	r := sealedRig(t)
	verify := func() ledger.Checked {
		t.Helper()
		c, err := r.app.VerifyLedger(t.Context(), start.Add(-24*time.Hour), r.now, "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := verify(); len(c.Findings)+len(c.Due) > 0 || c.Lines != 4 {
		t.Fatalf("the store as it was left: %+v", c)
	}
	lines := store.Table[ledger.Line]{Store: r.store, Name: "line"}
	for k := range table[ledger.Line](r, "line") {
		row, err := lines.One(t.Context(), k.Part, k.Sort)
		if err != nil {
			t.Fatal(err)
		}
		row.Part, row.Sort, row.Value.Reason = k.Part, k.Sort, "nobody will see"
		if res := lines.Put(t.Context(), &row)[0]; res.Err != nil {
			t.Fatal(res.Err)
		}
		if c := verify(); len(c.Findings) != 1 || c.Findings[0].What != "altered" || c.Findings[0].Where != k.Part+"/"+k.Sort {
			t.Fatalf("an altered line is told as %+v", c.Findings)
		}
		row.Value.Reason = ""
		lines.Put(t.Context(), &row)
	}
	if c := verify(); len(c.Findings) > 0 {
		t.Fatalf("the lines as they were: %+v", c.Findings)
	}
}

// An erased line has no ids and another salt; what the seals knew it by stays, and what they say of it still holds.
func TestErasedLedger(t *testing.T) {
	r := sealedRig(t)
	old := string(r.exported())
	if _, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: flow.Erasure{Author: "site:anna"}}); err != nil {
		t.Fatal(err)
	}
	r.live(30*time.Minute, time.Minute)
	due := r.checked(r.exported(), "")
	if len(due.Findings) > 0 || len(due.Due) != 2 || due.Erased != 2 {
		t.Errorf("before the next seal: %+v", due)
	}
	r.live(2*time.Hour, 5*time.Minute)
	file := r.exported()
	c := r.checked(file, due.File.Head)
	if len(c.Findings)+len(c.Due) > 0 || c.Erased != 2 || c.Changes != due.Changes+2 || c.Sealed != due.Sealed {
		t.Errorf("after it: %+v", c)
	}
	for text := range strings.Lines(old) {
		var rec ledger.Record
		if err := json.Unmarshal([]byte(text), &rec); err != nil || rec.Line == nil {
			continue
		}
		gone := rec.Line.Facts.Mention == "site:m1" || rec.Line.Facts.Mention == "site:m4"
		if leaf := ledger.Leaf(rec.Line.Salt, rec.Line.Facts); !bytes.Contains(file, []byte(leaf)) {
			t.Errorf("the leaf of %s is gone", rec.Line.Facts.Mention)
		}
		// What the queues were once given is over.
		left := slices.DeleteFunc(r.everywhere(rec.Line.Salt), func(where string) bool { return where == "queue" })
		if gone == bytes.Contains(file, []byte(rec.Line.Salt)) || gone == (len(left) > 0) {
			t.Errorf("the salt of %s, erased %v, stands in %v", rec.Line.Facts.Mention, gone, left)
		}
	}
	if bytes.Contains(file, []byte("site:m1")) || bytes.Contains(file, []byte("site:m4")) {
		t.Errorf("an erased mention is named:\n%s", file)
	}
}

// Whoever seals may die between any two writes: whoever goes on makes the one chain, and no second seal of an hour.
func TestSealingDies(t *testing.T) {
	for dies := 1; dies < 40; dies++ {
		r := newRig(t, options{})
		r.tick()
		r.hook(said("m1", "anna", complaint, start), said("m2", "ben", "nord ist prima", start))
		r.work("mentions-live", 10)
		r.pass(76 * time.Minute)
		left := dies
		r.store.fail = func(string, store.Item) error {
			if left--; left < 0 {
				return fault.New(fault.Transient, "died")
			}
			return nil
		}
		_, _ = r.app.Seal(t.Context()) // it may die
		died := left < 0
		r.store.fail = nil
		r.pass(6 * time.Minute) // the lease of the dead
		r.run()                 // now the deliveries are settled
		for more := true; more; {
			var err error
			if more, err = r.app.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if c := r.checked(r.exported(), ""); len(c.Findings) > 0 || c.Lines != 2 || c.Seals != 1 || c.File.Number != 1 {
			t.Fatalf("dead after %d writes: %+v", dies, c)
		}
		r.live(2*time.Hour, 10*time.Minute)
		if c := r.checked(r.exported(), ""); len(c.Findings)+len(c.Due) > 0 || c.Sealed.Written != 2 {
			t.Fatalf("dead after %d writes, two hours later: %+v", dies, c)
		}
		if !died {
			return
		}
	}
	t.Error("it never ends by itself")
}

// Two who seal at once make one chain, also where one slept over its lease and finds more than the other did.
func TestTwoSeal(t *testing.T) {
	r := newRig(t, options{})
	r.tick()
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	r.pass(76 * time.Minute)
	slept := false
	r.store.fail = func(verb string, item store.Item) error {
		if !slept && strings.HasPrefix(item.Part, "seal#head") {
			slept = true
			r.pass(10 * time.Minute)
			r.hookAt(start, said("m2", "ben", "nord, spät", start)) // late, for the hour that is being sealed
			r.run()
			other := r.another()
			if _, err := other.Seal(context.Background()); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if _, err := r.app.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.store.fail = nil
	r.live(2*time.Hour, 10*time.Minute)
	c := r.checked(r.exported(), "")
	if !slept || len(c.Findings)+len(c.Due) > 0 || c.Lines != 2 {
		t.Fatalf("two who seal: %+v", c)
	}
}

// Who is slow takes over what a faster one wrote down before it died, though the line has changed between the two.
func TestSlowSeals(t *testing.T) {
	r := newRig(t, options{})
	r.tick()
	r.hook(said("m1", "anna", complaint, start))
	r.work("mentions-live", 10)
	r.pass(76 * time.Minute)
	slow := false
	r.store.fail = func(_ string, item store.Item) error {
		switch {
		case !slow && strings.HasPrefix(item.Part, "leaf#"):
			slow = true
			r.pass(10 * time.Minute)
			r.run()
			if _, err := r.another().Seal(context.Background()); err == nil {
				t.Error("the faster one does not die")
			}
		case slow && strings.HasPrefix(item.Part, "seal#head"):
			r.store.fail = nil
			return fault.New(fault.Transient, "died")
		}
		return nil
	}
	if _, err := r.app.Seal(t.Context()); err != nil || !slow {
		t.Fatal(err)
	}
	r.live(2*time.Hour, 10*time.Minute)
	if c := r.checked(r.exported(), ""); len(c.Findings)+len(c.Due) > 0 || c.Sealed.Written != 1 {
		t.Fatalf("a slow one and one that died: %+v", c)
	}
}

// another is a second process on the same store.
func (r *rig) another() *app.App {
	a, err := app.New(context.Background(), app.Options{Store: r.store, Queue: r.sender, Archive: r.archive, Secrets: r, Networks: r.nets, CRMs: r.crms, Ports: r.ports})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// hookAt takes in events as if they had come earlier and waited in their queue since.
func (r *rig) hookAt(at time.Time, events ...flow.Event) {
	now := r.now
	r.now = at
	r.hook(events...)
	r.now = now
}
