package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
)

// customer is a rig with a contact of the CRM's own, 1, to whom the author anna is linked by the address she wrote. Berta
// wrote too.
func customer(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, options{})
	r.crm.write(recordType{Object: "contact", Key: "", Fields: map[string]any{"name": "Anna A."}})
	r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@email": "anna@example.org"}})
	r.run()
	e := said("m1", "anna", "Meine Adresse ist anna@example.org, Annas Sache ist kaputt!", start)
	e.Mention.Kind = flow.Message
	e.Mention.Author.Handle = "anna_a"
	r.hook(e)
	r.hook(said("m2", "berta", complaint+" Bertas Sache", start))
	r.run()
	if r.crm.one("contact").Fields["accounts"] != "site:anna" {
		t.Fatal("anna is not linked")
	}
	return r
}

// erased runs an erasure to its very end.
func (r *rig) erased(who string) pipeline.JobRow {
	r.t.Helper()
	s, err := r.app.Resolve(r.t.Context(), who)
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := r.app.StartErasure(r.t.Context(), s, "letter")
	if err != nil {
		r.t.Fatal(err)
	}
	r.run()
	r.live(30*time.Minute, time.Minute)
	j, err := r.app.Job(r.t.Context(), id)
	if err != nil || !j.Swept {
		r.t.Fatalf("%+v, %v", j, err)
	}
	return j
}

func TestSubjects(t *testing.T) {
	r := customer(t)
	person := ""
	for k, v := range table[pipeline.PersonRow](r, "person") {
		if len(v.Person.Authors) > 0 {
			person = k.Part
		}
	}
	var ticket string
	for _, row := range r.crm.all("case") {
		if strings.Contains(row.Key, "site:m2") {
			ticket = row.ID
		}
	}
	for _, c := range []struct{ who, author, person string }{
		{"site:anna", "site:anna", ""},
		{"site:@anna_a", "site:anna", ""},
		{"site:@ANNA_A", "site:anna", ""},
		{" Anna@Example.org ", "site:anna", person},
		{"crm:contact/1", "site:anna", person},
		{person, "site:anna", person},
		{"crm:case/" + ticket, "site:berta", ""},
	} {
		s, err := r.app.Resolve(t.Context(), c.who)
		if err != nil || s.Person != c.person || len(s.Authors) != 1 || s.Authors[0] != c.author {
			t.Errorf("%s: %+v, %v", c.who, s, err)
		}
		if (s.Beyond != "") != (c.person == "" && c.author == "site:anna") {
			t.Errorf("%s: it is told that there is more: %q", c.who, s.Beyond)
		}
	}
	for _, who := range []string{"site:@nobody", "nobody@example.org", "crm:contact/9", "pnobody"} {
		if s, err := r.app.Resolve(t.Context(), who); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %+v, %v", who, s, err)
		}
	}
	// Two with one address, and two who went by one handle: nobody is taken for another.
	r.change(flow.Change{Object: "contact", Record: "2", Verb: "update", Fields: map[string]any{"@email": "anna@example.org"}})
	other := said("m3", "anna2", "Grüße", start)
	other.Mention.Author.Handle = "anna_a"
	r.hook(other)
	r.run()
	for _, who := range []string{"anna@example.org", "site:@anna_a"} {
		if s, err := r.app.Resolve(t.Context(), who); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %+v, %v", who, s, err)
		}
	}
}

// An erasure of a person takes keys, links and our fields in a record that is not ours, proposes that record to a human, and
// neither the CRM nor the network brings anything back.
func TestAPersonIsErased(t *testing.T) {
	r := customer(t)
	j := r.erased("anna@example.org")
	row := r.crm.one("contact")
	if row.Fields["name"] != "Anna A." || row.Fields["accounts"] != nil && row.Fields["accounts"] != "" {
		t.Errorf("the contact: %v", row.Fields)
	}
	report, err := r.app.ErasureReport(t.Context(), j.ID)
	if err != nil || !report.Check() || len(report.Report.Proposals) != 1 || report.Report.Proposals[0].Where != "CRM crm contact 1" {
		t.Errorf("%+v, %v", report, err)
	}
	if text := fmt.Sprintf("%+v", report); strings.Contains(text, "anna") {
		t.Errorf("the report names somebody: %s", text)
	}
	if report.Report.Removed[0].Count++; report.Check() {
		t.Error("a changed report passes")
	}
	tomb, ok, err := r.app.Tomb(t.Context(), "site:anna")
	if err != nil || !ok || tomb.Report != report.Hash {
		t.Errorf("%+v, %v", tomb, err)
	}
	again := said("m1", "anna", "Annas Sache ist kaputt!", start)
	deleted := flow.Event{Verb: flow.Delete, At: start.Add(time.Hour), Mention: flow.Mention{ID: "site:m1", Network: "site"}}
	r.hook(again, said("m9", "anna", "Annas neue Sache", start.Add(time.Hour)), deleted)
	r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@email": "anna@example.org"}})
	r.run()
	r.sender.bodies = nil
	r.log.Reset()
	for _, text := range []string{"anna", "Anna", "site:m1", "site:m9"} {
		if where := r.everywhere(text); len(where) > 0 {
			t.Errorf("%q stands in %v", text, where)
		}
	}
	if where := r.everywhere("Bertas Sache"); len(where) == 0 {
		t.Error("berta's traces are gone too")
	}
	if s, err := r.app.Resolve(t.Context(), "anna@example.org"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the address leads to %+v, %v", s, err)
	}
	n := 0
	for _, l := range r.lines() {
		if l.Outcome == ledger.Suppressed {
			n++
		}
	}
	if n != 3 || len(r.lines()) != 5 {
		t.Errorf("the ledger: %+v", r.lines())
	}
}

// Whoever is on legal hold stays until the hold is lifted or ends; then the erasure goes on by itself.
func TestLegalHold(t *testing.T) {
	for _, lift := range []bool{true, false} {
		r := customer(t)
		who, err := r.app.Resolve(t.Context(), "anna@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.app.PutHold(t.Context(), who, "legal", "", time.Time{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a hold without a reason: %v", err)
		}
		h, err := r.app.PutHold(t.Context(), who, "legal", "file 12", r.now.Add(48*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		author, err := r.app.Resolve(t.Context(), "site:anna")
		if err != nil {
			t.Fatal(err)
		}
		id, err := r.app.StartErasure(t.Context(), author, "letter")
		if err != nil {
			t.Fatal(err)
		}
		r.live(2*time.Hour, 10*time.Minute)
		j, err := r.app.Job(t.Context(), id)
		if err != nil || j.State != "running" || !strings.Contains(j.Problem, "legal hold") || !strings.Contains(j.Problem, "file 12") || len(r.everywhere("Annas Sache")) == 0 {
			t.Errorf("%+v, %v", j, err)
		}
		if _, err := r.app.Erase(t.Context(), flow.Erasure{Author: "site:anna"}, start, r.now); !fault.Is(err, fault.Conflict) {
			t.Errorf("erased at once: %v", err)
		}
		if lift {
			if _, err := r.app.LiftHold(t.Context(), h.ID); err != nil {
				t.Fatal(err)
			}
			r.run()
			r.live(time.Hour, time.Minute)
		} else {
			r.live(50*time.Hour, 10*time.Minute)
		}
		if j, err = r.app.Job(t.Context(), id); err != nil || !j.Swept {
			t.Errorf("lifted %t: %+v, %v", lift, j, err)
		}
		r.sender.bodies = nil
		if where := r.everywhere("Annas Sache"); len(where) > 0 {
			t.Errorf("lifted %t: what was said stands in %v", lift, where)
		}
		if list, err := r.app.Holds(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("lifted %t: %+v, %v", lift, list, err)
		}
	}
}
