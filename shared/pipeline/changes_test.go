package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
)

// two is basic with a second CRM that holds cases too.
var two = strings.Replace(basic, "mapping:\n", "  - {name: second, kind: list, mode: write}\nmapping:\n"+
	"  - {crm: second, object: case, for: conversation, when: conversation.case, fields: {state: {value: conversation.status, wins: rapport}, owner: {value: conversation.owner, wins: rapport}}}\n", 1)

// What somebody changed in one CRM is told to the others, also when the first attempt died half way; our echoes are not.
func TestChangesReachTheOtherCRMs(t *testing.T) {
	for _, dies := range []bool{false, true} {
		r := newRig(t, options{config: two})
		r.hook(said("m1", "anna", complaint, start))
		r.run()
		c := r.crm.one("case")
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", By: "self", Fields: map[string]any{"@status": "closed"}})
		r.run()
		if r.conversation().Status == flow.Closed {
			t.Fatal("an echo of our own was taken for news")
		}
		if dies {
			n := 0
			r.sender.fail = func(m queue.Message) error {
				if m.Lane != "deliver-urgent" {
					return nil
				}
				if n++; n == 1 {
					return fault.New(fault.Transient, "busy")
				}
				return nil
			}
		}
		change := flow.Change{ID: "c1", Object: "case", Record: c.ID, Verb: "update", Fields: map[string]any{"@status": "closed", "@owner": "kim@crm.example"}, At: r.now}
		if !dies {
			r.change(change) // without our key: the record's id leads to it
		} else {
			fail := r.sender.fail
			r.sender.fail = nil
			r.change(change)
			r.sender.fail = fail
		}
		r.live(2*time.Minute, 10*time.Second)
		for _, row := range []map[string]any{c.Fields, r.other.one("case").Fields} {
			if row["state"] != "closed" {
				t.Errorf("dies %v: a case says %v", dies, row["state"])
			}
		}
		if r.other.one("case").Fields["owner"] != "kim@crm.example" {
			t.Errorf("the owner is %v", r.other.one("case").Fields["owner"])
		}
		calls := len(r.crm.at)
		r.change(change)
		r.run()
		if len(r.crm.at) != calls {
			t.Error("a repeated change is worked on again")
		}
	}
}

// A closing before the author's last word, and what is older than the CRM's last word, are out of date.
func TestStaleStatus(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.run()
	c := r.crm.one("case")
	tell := func(status string, at time.Time) {
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", At: at, Fields: map[string]any{"@status": status}})
		r.run()
	}
	tell("closed", start.Add(-time.Minute))
	if s := r.conversation().Status; s != flow.Waiting {
		t.Errorf("closed before it was said: %s", s)
	}
	tell("closed", start.Add(10*time.Minute))
	tell("open", start.Add(5*time.Minute))
	if s := r.conversation().Status; s != flow.Closed {
		t.Errorf("an older word reopened it: %s", s)
	}
	tell("open", start.Add(11*time.Minute))
	if s := r.conversation().Status; s != flow.Waiting {
		t.Errorf("it was not reopened: %s", s)
	}
}

// An agent accepts an author: a person is made in that CRM, and the case linked to it.
func TestAccepted(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "      state: {value", "      person: {value: person.name, wins: rapport}\n      state: {value", 1)
	}})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	if n := len(r.crm.all("contact")); n != 0 {
		t.Fatalf("a stranger is %d contacts", n)
	}
	c := r.crm.one("case")
	for range 2 {
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@accepted": true}})
		r.run()
	}
	row := r.crm.one("contact")
	if row.Fields["name"] != "Name of anna" || row.Fields["accounts"] != "site:anna" || row.Fields["score"] == 0 {
		t.Errorf("%v", row.Fields)
	}
	if c.Fields["person"] != "Name of anna" {
		t.Errorf("the case knows %v", c.Fields["person"])
	}
	r.approve("Das tut uns leid.")
	r.run()
	r.live(time.Minute, 20*time.Second)
	if c.Fields["person"] != "Name of anna" {
		t.Errorf("who tells of the answer wipes the person: %v", c.Fields["person"])
	}
	before := row.Fields["score"]
	loud := said("m2", "anna", complaint, start.Add(time.Minute))
	loud.Mention.Author.Followers = 5_000_000
	r.hook(loud)
	r.run()
	if row.Fields["score"] == before {
		t.Error("the person's score does not follow")
	}
}

// An objection to one purpose stops it and takes back its results; one to everything takes back everything.
func TestObjectionsOfAPerson(t *testing.T) {
	build := func() (*rig, *outcomeRow) {
		r := newRig(t, options{})
		r.hook(said("m1", "anna", complaint, start))
		r.run()
		c := r.crm.one("case")
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@accepted": true}})
		r.run()
		return r, r.crm.one("contact")
	}
	object := func(r *rig, row *outcomeRow, purposes string) {
		r.change(flow.Change{Object: "contact", Record: row.ID, Key: row.Key, Verb: "update", Fields: map[string]any{"@objected": purposes}})
		r.run()
	}
	r, row := build()
	object(r, row, "scoring")
	if row.Fields["score"] != 0 || row.Fields["accounts"] != "site:anna" {
		t.Errorf("scoring: %v", row.Fields)
	}
	r, row = build()
	object(r, row, "matching")
	if row.Fields["accounts"] != nil && row.Fields["accounts"] != "" {
		t.Errorf("matching: %v", row.Fields)
	}
	for _, a := range table[pipeline.AuthorRow](r, "author") {
		if a.Person != "" {
			t.Errorf("matching: the author is still linked: %+v", a)
		}
	}
	r, row = build()
	object(r, row, "service")
	r.live(20*time.Minute, time.Minute)
	r.sender.bodies = nil
	if where := r.everywhere("kaputt"); len(where) > 0 {
		t.Errorf("service: what was said stands in %v", where)
	}
	if where := r.everywhere("Name of anna"); len(where) > 0 {
		t.Errorf("service: the name stands in %v", where)
	}
	for _, rows := range r.crm.rows {
		for f, v := range rows.Fields {
			if s, _ := v.(string); strings.Contains(s, "kaputt") || strings.Contains(s, "anna") {
				t.Errorf("service: %s %s says %v", rows.Object, f, v)
			}
		}
	}
}

// A contact that is deleted in the CRM is no link any more.
func TestADeletedContact(t *testing.T) {
	r := newRig(t, options{})
	r.crm.write(recordType{Object: "contact", Key: "", Fields: map[string]any{"name": "Anna A."}})
	change := func(verb string) {
		r.change(flow.Change{Object: "contact", Record: "1", Verb: verb, Fields: map[string]any{"@email": "anna@example.org"}})
		r.run()
	}
	change("update")
	delete(r.crm.rows, "contact/1")
	change("delete")
	for _, v := range table[pipeline.PersonRow](r, "person") {
		if len(v.Person.Links) > 0 {
			t.Errorf("%+v", v.Person)
		}
	}
	e := said("m1", "anna", "Meine Adresse ist anna@example.org, alles kaputt!", start)
	e.Mention.Kind = flow.Message
	r.hook(e)
	r.run()
	if n := len(r.crm.all("contact")); n != 0 {
		t.Error("the deleted contact is created again")
	}
}

// An erasure reaches store, archive and CRMs, leaves others' traces, and twice is fine.
func TestErase(t *testing.T) {
	r := newRig(t, options{config: two})
	r.hook(said("m1", "anna", complaint+" Annas Geheimnis", start), said("m2", "berta", complaint+" Bertas Sache", start))
	r.run()
	answer := said("o1", "nord", "Liebe Annas Freundin", start.Add(time.Minute))
	answer.Mention.Direction, answer.Mention.Parent = flow.Out, "site:m1"
	r.hook(answer)
	r.run()
	for _, row := range r.crm.all("case") {
		if strings.Contains(fmt.Sprint(row.Fields["subject"]), "Annas") {
			r.change(flow.Change{Object: "case", Record: row.ID, Key: row.Key, Verb: "update", Fields: map[string]any{"@accepted": true}})
			r.change(flow.Change{Object: "case", Record: row.ID, Key: row.Key, Verb: "update", Fields: map[string]any{"@reply": "An Annas Adresse", "@reply_state": "approved"}})
		}
	}
	r.run()
	id, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: flow.Erasure{Author: "site:anna"}})
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	j, err := r.app.Job(t.Context(), id)
	if err != nil || j.State != "running" && j.State != "done" {
		t.Fatalf("%+v, %v", j, err)
	}
	r.live(15*time.Minute, time.Minute)
	if j, _ = r.app.Job(t.Context(), id); j.State != "done" || !j.Swept || j.Result.Mentions != 1 {
		t.Errorf("%+v", j)
	}
	r.sender.bodies = nil
	for _, text := range []string{"Annas", "Name of anna"} {
		if where := r.everywhere(text); len(where) > 0 && !(text == "Annas" && onlyOut(where)) {
			t.Errorf("%q stands in %v", text, where)
		}
	}
	for _, f := range []*crmFake{r.crm, r.other} {
		for _, row := range f.rows {
			for name, v := range row.Fields {
				if s := fmt.Sprint(v); strings.Contains(s, "Annas") && !strings.Contains(s, "Freundin") || strings.Contains(s, "anna") {
					t.Errorf("%s %s says %q", row.Object, name, s)
				}
			}
		}
	}
	if where := r.everywhere("Bertas Sache"); len(where) == 0 {
		t.Error("berta's traces are gone too")
	}
	cases := len(r.crm.all("case"))
	again, err := r.app.Erase(t.Context(), flow.Erasure{Author: "site:anna"}, start.Add(-time.Hour), r.now)
	if err != nil || again.Mentions != 0 {
		t.Errorf("twice: %+v, %v", again, err)
	}
	r.live(6*time.Hour, time.Hour)
	if n := len(r.crm.all("case")); n != cases {
		t.Error("an erased case came back")
	}
}

// onlyOut allows what the brand said itself.
func onlyOut(where []string) bool {
	return !slices.ContainsFunc(where, func(w string) bool {
		return w != "store mention#site:o1" && !strings.HasPrefix(w, "archive")
	})
}

// A delivery that was under way while its author's traces were erased writes nothing that stays.
func TestErasedUnderWay(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start))
	r.work("mentions-live", 10)
	id, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: flow.Erasure{Author: "site:anna"}})
	if err != nil {
		t.Fatal(err)
	}
	erased := false
	r.crm.call = func(verb string, _ accountType, _ []recordType) error {
		if verb == "upsert" && !erased { // the delivery has read its state; now everything is erased
			erased = true
			r.work("jobs", 1)
		}
		return nil
	}
	r.work("deliver-urgent", 10)
	r.run()
	r.live(20*time.Minute, time.Minute)
	for _, row := range r.crm.rows {
		for f, v := range row.Fields {
			if strings.Contains(fmt.Sprint(v), "kaputt") {
				t.Errorf("%s %s says %v", row.Object, f, v)
			}
		}
	}
	if j, _ := r.app.Job(t.Context(), id); !j.Swept {
		t.Errorf("%+v", j)
	}
	if d := r.state("crm"); d.State.Open() {
		t.Errorf("%+v", d)
	}
}

// An erasure that finds the CRM down waits for it.
func TestEraseWaits(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	down := true
	r.crm.call = func(string, accountType, []recordType) error {
		if down {
			return fault.New(fault.Unavailable, "down")
		}
		return nil
	}
	id, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: flow.Erasure{Author: "site:anna"}})
	if err != nil {
		t.Fatal(err)
	}
	r.live(time.Hour, time.Minute)
	j, err := r.app.Job(t.Context(), id)
	if err != nil || j.State != "running" || !strings.Contains(j.Problem, "down") || r.dead("jobs") > 0 {
		t.Errorf("%+v, %v, %d dead letters", j, err, r.dead("jobs"))
	}
	down = false
	r.live(15*time.Minute, time.Minute)
	if j, _ = r.app.Job(t.Context(), id); j.State != "done" || j.Problem != "" || len(r.crm.erases) == 0 {
		t.Errorf("%+v", j)
	}
	for _, c := range []flow.Erasure{{}, {Email: "nobody@example.org"}, {Person: "p1"}} {
		id, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: c})
		if err != nil {
			t.Fatal(err)
		}
		r.run()
		if j, _ := r.app.Job(t.Context(), id); j.State != "failed" || !strings.Contains(j.Problem, "somebody who is known") {
			t.Errorf("%+v: %+v", c, j)
		}
	}
}

// A backfill goes on where its worker died, page by page, and stops when it is cancelled.
func TestBackfillResumesAndStops(t *testing.T) {
	r := newRig(t, options{})
	pages := 0
	var cursors []string
	r.net.past = func(cursor string) (pageType, error) {
		cursors = append(cursors, cursor)
		pages++
		return pageType{Cursor: fmt.Sprintf("p%d", len(cursor)+1) + strings.Repeat("x", len(cursor)), More: true}, nil
	}
	if _, err := r.app.Start(t.Context(), jobOf("backfill")); err != nil {
		t.Fatal(err)
	}
	r.work("jobs", 1)
	r.work("jobs", 1)
	batch := r.queue.Receive("jobs", 1) // a worker takes the third page, and dies with the job's lease
	release, ok, err := r.app.Leases.Acquire(t.Context(), "job#backfill1", 5*time.Minute)
	if err != nil || !ok || len(batch) != 1 {
		t.Fatal(err, ok, len(batch))
	}
	_ = release
	r.pass(2 * time.Minute) // its message comes back while the lease still holds
	r.work("jobs", 1)
	if pages != 2 {
		t.Fatalf("%d pages under somebody else's lease", pages)
	}
	r.pass(4 * time.Minute)
	r.work("jobs", 1)
	if pages != 3 || cursors[2] == "" || cursors[2] == cursors[1] {
		t.Fatalf("pages %d, cursors %q: it does not go on", pages, cursors)
	}
	if err := r.app.Cancel(t.Context(), "backfill1"); err != nil {
		t.Fatal(err)
	}
	r.live(20*time.Minute, time.Minute)
	if j, _ := r.app.Job(t.Context(), "backfill1"); j.State != "cancelled" || pages != 3 || j.Pages != 3 {
		t.Errorf("%+v after %d pages", j, pages)
	}
}

// A page that fails is tried again for as long as it takes; what never can be done says so.
func TestJobsThatFail(t *testing.T) {
	r := newRig(t, options{})
	fails := 0
	r.net.past = func(string) (pageType, error) {
		if fails++; fails < 9 {
			return pageType{}, fault.New(fault.Unavailable, "down")
		}
		return pageType{}, nil
	}
	if _, err := r.app.Start(t.Context(), jobOf("backfill")); err != nil {
		t.Fatal(err)
	}
	r.live(30*time.Minute, 20*time.Second)
	if j, _ := r.app.Job(t.Context(), "backfill1"); j.State != "done" || r.dead("jobs") > 0 {
		t.Errorf("%+v, %d dead letters", j, r.dead("jobs"))
	}
	j := jobOf("backfill")
	j.ID, j.Account = "b2", "nowhere"
	if _, err := r.app.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	r.run()
	if j, _ := r.app.Job(t.Context(), "b2"); j.State != "failed" || !strings.Contains(j.Problem, "nowhere") {
		t.Errorf("%+v", j)
	}
}

// A lease that ran out is not given back over its next holder.
func TestLeases(t *testing.T) {
	r := newRig(t, options{})
	clock := func() time.Time { return r.now }
	for name, l := range map[string]pipeline.Leaser{
		"store": &pipeline.StoreLeases{Store: r.store, Now: clock, NewID: r.newID}, "local": &pipeline.LocalLeases{Now: clock},
	} {
		take := func() (func(), bool) {
			release, ok, err := l.Acquire(t.Context(), "x", time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			return release, ok
		}
		first, ok := take()
		if !ok {
			t.Fatalf("%s: nobody has it", name)
		}
		if _, ok := take(); ok {
			t.Errorf("%s: two have it", name)
		}
		r.pass(2 * time.Minute)
		second, ok := take()
		if !ok {
			t.Errorf("%s: it never ends", name)
		}
		first()
		if _, ok := take(); ok {
			t.Errorf("%s: the first gave the second's lease away", name)
		}
		second()
		if _, ok := take(); !ok {
			t.Errorf("%s: it was not given back", name)
		}
	}
}

// A token is renewed before it ends, once, and used on while the log-in is down and it still holds.
func TestTokensAreRenewedInTime(t *testing.T) {
	f := &refresher{}
	r := newRig(t, options{})
	r.nets["site"] = struct {
		*site
		*refresher
	}{r.net, f}
	r.boot()
	down := true
	f.refresh = func(network.Token) (network.Token, error) {
		if down {
			return network.Token{}, fault.New(fault.Unavailable, "down")
		}
		return network.Token{Access: flow.NewSecret(fmt.Sprintf("t%d", f.refreshed)), Refresh: flow.NewSecret("r"), Expires: r.now.Add(time.Hour)}, nil
	}
	if err := r.app.SaveToken(t.Context(), "site", network.Token{Access: flow.NewSecret("t0"), Refresh: flow.NewSecret("r"), Expires: r.now.Add(30 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	r.poll()
	if len(r.net.seen) != 1 || r.net.seen[0].Secret("token") != "t0" {
		t.Fatalf("the old token still holds: %d polls", len(r.net.seen))
	}
	down = false
	r.pass(time.Minute)
	r.poll()
	r.poll()
	if n := len(r.net.seen); n != 3 || r.net.seen[2].Secret("token") != fmt.Sprintf("t%d", f.refreshed) || f.refreshed != 2 {
		t.Errorf("%d polls after %d renewals", n, f.refreshed)
	}
}

// What is due while a reminder of somebody else is damaged is done all the same.
func TestOneBadReminderStopsNobody(t *testing.T) {
	r := newRig(t, options{})
	r.tick()
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	due := r.conversation().Due
	row := storeRow[pipeline.DueRow]{Part: due.Truncate(time.Minute).Add(time.Minute).Format("200601021504"), Sort: "a", Value: pipeline.DueRow{Kind: "sla", Subject: "broken"}}
	if res := tableOf[pipeline.DueRow](r, "due").Put(t.Context(), &row)[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	item := itemType{Part: "conversation#broken", Sort: "current", Data: []byte("{")}
	if res := r.store.Put(t.Context(), item)[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	for r.now.Before(due.Add(3 * time.Minute)) {
		r.pass(time.Minute)
		r.tick()
		r.run()
	}
	delete(r.store.items, item.Key())
	if c := r.conversation(); c.Priority != "urgent" {
		t.Error("the reminder behind a damaged one is never worked on")
	}
}

// The mapping's columns sum up to what was received.
func TestReportSums(t *testing.T) {
	r := newRig(t, options{config: basic + "filters:\n  - {name: dull, when: 'mention.text contains \"langweilig\"'}\n"})
	e := said("m1", "anna", complaint, start)
	r.hook(e, e, said("m2", "berta", "langweilig", start))
	r.post("hook", []byte("nonsense"), 200)
	r.run()
	got, err := r.app.Report(t.Context(), start.Add(-time.Hour), start.Add(time.Hour), 0, 0)
	if want := (ledger.Tally{Received: 4, Written: 1, Merged: 1, Filtered: 1, Rejected: 1}); err != nil || got.Total != want {
		t.Errorf("%+v, %v", got.Total, err)
	}
}
