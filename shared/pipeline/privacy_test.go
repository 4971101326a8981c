package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
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

// What was kept as long as it may be goes by itself, its receipts before; what is on hold or newer stays, and no later read
// brings back what went. The audit trail forgets names after 90 days.
func TestRetention(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "mapping:\n", "retain: {content: 720h, receipts: 240h}\nmapping:\n", 1)
	}})
	old := said("m1", "anna", complaint+" Annas Sache", start)
	r.hook(old)
	r.hook(said("m2", "berta", complaint+" Bertas Sache", start))
	r.run()
	berta, err := r.app.Resolve(t.Context(), "site:berta")
	if err != nil {
		t.Fatal(err)
	}
	hold, err := r.app.PutHold(t.Context(), berta, "legal", "file 12", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.app.Note(t.Context(), pipeline.AuditRow{By: "Clara Case", Did: "looked"}); err != nil {
		t.Fatal(err)
	}
	r.live(11*24*time.Hour, 6*time.Hour)
	r.hook(said("m3", "carla", complaint+" Carlas Sache", r.now))
	r.live(24*time.Hour, 6*time.Hour)
	r.sender.bodies = nil
	r.log.Reset()
	stands := func(text, where string, want bool) {
		t.Helper()
		got := false
		for _, at := range r.everywhere(text) {
			got = got || strings.HasPrefix(at, where)
		}
		if got != want {
			t.Errorf("%q stands in the %s: %t, want %t (%v)", text, where, got, want, r.everywhere(text))
		}
	}
	stands("Annas Sache", "archive", false)
	stands("Annas Sache", "store", true)
	stands("Carlas Sache", "archive", true)
	r.live(20*24*time.Hour, 6*time.Hour)
	for _, text := range []string{"Annas Sache", "site:anna", "site:m1"} {
		stands(text, "store", false)
		stands(text, "archive", false)
	}
	stands("Bertas Sache", "store", true)
	stands("Carlas Sache", "store", true)
	r.hook(old)
	r.run()
	stands("Annas Sache", "store", false)
	if _, err := r.app.LiftHold(t.Context(), hold.ID); err != nil {
		t.Fatal(err)
	}
	r.live(24*time.Hour, 6*time.Hour)
	stands("Bertas Sache", "store", false)
	stands("Bertas Sache", "archive", false)
	if rep, err := r.app.Report(t.Context(), start.Add(-time.Hour), r.now.Add(time.Hour), 0, 0); err != nil || rep.Total.Received != 4 || rep.Unaccounted != 0 {
		t.Errorf("the ledger's sums: %+v, %v", rep.Total, err)
	}
	r.live(60*24*time.Hour, 24*time.Hour)
	list, err := r.app.Trail(t.Context(), start, 10)
	if err != nil || len(list) != 1 || list[0].By != r.app.Pseudonym("Clara Case") || len(r.everywhere("Clara")) > 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A dossier holds what is known of one person, with reasons and records, and nothing of others or of the staff.
func TestAccess(t *testing.T) {
	r := customer(t)
	s, err := r.app.Resolve(t.Context(), "anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.app.Access(t.Context(), s)
	if err != nil || len(d.Mentions) != 1 || len(d.Conversations) != 1 || len(d.Accounts) != 1 || d.Person == nil || d.Keys != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	m := d.Mentions[0]
	if len(m.Reasons) == 0 || len(m.Lines) != 1 || len(m.Records["crm"]) == 0 || !strings.Contains(m.Mention.Text, "Annas Sache") || len(d.Basis) != 5 || d.Basis[2].Basis != "legitimate_interest" {
		t.Errorf("%+v", m)
	}
	if !m.Expires.IsZero() || d.Accounts[0].Since.IsZero() || d.Accounts[0].InformBy.IsZero() {
		t.Errorf("nothing expires by this configuration: %+v", d.Accounts)
	}
	r.publish(basic + "retain: {content: 720h, receipts: 240h}\n")
	// As a job it is the same; it says when things end, is encrypted, and goes with an erasure.
	job, err := r.app.StartAccess(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.app.AccessOf(t.Context(), job); !fault.Is(err, fault.Conflict) {
		t.Errorf("before it is done: %v", err)
	}
	r.run()
	d, err = r.app.AccessOf(t.Context(), job)
	if err != nil || len(d.Mentions) != 1 || len(d.Conversations) != 1 || d.Person == nil || !strings.Contains(d.Mentions[0].Mention.Text, "Annas Sache") {
		t.Fatalf("%+v, %v", d, err)
	}
	if m, a := d.Mentions[0], d.Accounts[0]; !m.Expires.Equal(start.Add(720*time.Hour)) || !m.ReceiptsExpire.Equal(start.Add(240*time.Hour)) || !a.Expires.Equal(m.Expires) || d.Conversations[0].Expires.IsZero() {
		t.Errorf("ends: %+v %+v %+v", m.Expires, m.ReceiptsExpire, a)
	}
	for _, where := range r.everywhere("Annas Sache") {
		if strings.HasPrefix(where, "store access") {
			t.Errorf("it stands openly in %s", where)
		}
	}
	defer func() {
		r.erased("anna@example.org")
		if _, err := r.app.AccessOf(t.Context(), job); !fault.Is(err, fault.NotFound) || len(table[pipeline.AccessRow](r, "access")) > 0 {
			t.Errorf("after the erasure: %v", err)
		}
	}()
	if text := fmt.Sprintf("%+v", d); strings.Contains(text, "Berta") || strings.Contains(text, "berta") {
		t.Errorf("others stand in it: %s", text)
	}
}

// An erasure that cannot put its tombstone yet buries nothing: what comes later finds it.
func TestNothingIsBuriedWithoutATombstone(t *testing.T) {
	r := newRig(t, options{})
	m := said("m1", "anna", complaint, start)
	r.hook(m)
	r.run()
	r.store.fail = once("tomb", fault.New(fault.Transient, "throttled"))
	r.erased("site:anna")
	if _, there, err := r.app.Tomb(t.Context(), "site:anna"); err != nil || !there {
		t.Errorf("there is no tombstone (%v)", err)
	}
	r.hook(m, said("m2", "anna", complaint, r.now))
	r.run()
	for key := range table[pipeline.MentionRow](r, "mention") {
		t.Errorf("%v came back", key)
	}
}

// A log-in that a CRM refuses stands still for all to see, though an erasure alone needs it; once it is mended the erasure ends
// and the account is open.
func TestAnErasureWaitsForALogin(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	dead := true
	r.crm.call = func(string, crm.Account, []crm.Record) error {
		if dead {
			return fault.New(fault.Unauthorized, "the log-in is over")
		}
		return nil
	}
	who, err := r.app.Resolve(t.Context(), "site:anna")
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.app.StartErasure(t.Context(), who, "letter")
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	r.live(5*time.Minute, time.Minute)
	if c, closed, err := r.app.Closed(t.Context(), "crm"); err != nil || !closed || c.Kind != "unauthorized" {
		t.Errorf("nobody learns of it: %+v %t, %v", c, closed, err)
	}
	dead = false
	r.live(30*time.Minute, time.Minute)
	if j, err := r.app.Job(t.Context(), id); err != nil || !j.Swept {
		t.Errorf("%+v, %v", j, err)
	}
	if c, closed, err := r.app.Closed(t.Context(), "crm"); err != nil || closed {
		t.Errorf("it stays closed: %+v, %v", c, err)
	}
}
