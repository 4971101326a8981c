package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// bulkCRM is a CRM whose records can be read in bulk, some hundred at a time.
type bulkCRM struct {
	*crmFake
	fields [][]string // that were asked for
	fail   func(row int) error
	given  int
}

func (l *bulkCRM) List(_ context.Context, _ crm.Account, object string, fields []string, cursor string) iter.Seq2[crm.Row, error] {
	l.fields = append(l.fields, fields)
	after, _ := strconv.Atoi(cursor)
	return func(yield func(crm.Row, error) bool) {
		for _, row := range l.all(object) {
			if id, _ := strconv.Atoi(row.ID); id <= after {
				continue
			}
			if l.fail != nil {
				if err := l.fail(l.given); err != nil {
					yield(crm.Row{}, err)
					return
				}
			}
			l.given++
			if !yield(*row, nil) {
				return
			}
		}
	}
}

func (l *bulkCRM) Count(_ context.Context, _ crm.Account, object string) (int, error) {
	return len(l.all(object)), nil
}

// matched is a rig whose CRM chooses its matching keys and holds some contacts.
func matched(t *testing.T, contacts int) (*rig, *bulkCRM) {
	t.Helper()
	r := newRig(t, options{})
	l := &bulkCRM{crmFake: r.crm}
	r.crms["crm"] = l
	r.boot()
	r.publish(strings.Replace(basic, "mode: write", "person: create, match: [{object: contact, email: [mail], phone: [mobile]}], mode: write", 1))
	for i := range contacts {
		l.add(map[string]any{"name": "Somebody", "mail": fmt.Sprintf("Kunde%d@Example.org", i), "mobile": fmt.Sprintf("0170 1%06d", i), "secret": "Hausnummer"})
	}
	return r, l
}

// add makes a contact that is none of ours.
func (l *bulkCRM) add(fields map[string]any) {
	l.next++
	row := &crm.Row{Found: true, ID: strconv.Itoa(l.next), Object: "contact", Fields: fields}
	l.rows["contact/"+row.ID] = row
	l.order = append(l.order, "contact/"+row.ID)
}

func (r *rig) sync() string {
	r.t.Helper()
	id, err := r.app.Start(r.t.Context(), pipeline.JobRow{Kind: "sync", Account: "crm"})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func private(id, author, text string, at time.Time) flow.Event {
	e := said(id, author, text, at)
	e.Mention.Kind = flow.Message
	return e
}

// identity gives what the newest decision says of who a mention's author is.
func (r *rig) identity(mention string) string {
	r.t.Helper()
	s, err := r.app.Story(r.t.Context(), mention)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, x := range s.Receipts {
		if x.Of == "identity" {
			return x.Say
		}
	}
	return ""
}

// Matching keys are read in pages, with estimate and progress, go on after a failure where they stood, hold the chosen fields
// alone, and stand hashed. Until the end nobody is recognised and no person is made; then everybody is.
func TestFirstSync(t *testing.T) {
	r, l := matched(t, 2500)
	n, err := r.app.SyncEstimate(t.Context(), "crm")
	if err != nil || n != 2500 {
		t.Fatalf("%d records are estimated, %v", n, err)
	}
	r.hook(private("m1", "anna", "Meine Adresse ist kunde7@example.org, alles kaputt!", start), private("m2", "berta", "Erreichbar unter berta@example.org, alles kaputt!", start))
	r.run()
	for _, m := range []string{"site:m1", "site:m2"} {
		if say := r.identity(m); !strings.HasPrefix(say, "not yet known") {
			t.Errorf("before the sync %s is %q", m, say)
		}
	}
	c := r.crm.all("case")[0]
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@accepted": true}}) // waits
	r.run()
	if n := len(table[pipeline.PersonRow](r, "person")); n != 0 || len(r.crm.all("contact")) != 2500 {
		t.Fatalf("%d persons were made before the sync", n)
	}

	failed := false
	l.fail = func(row int) error {
		if row == 1500 && !failed {
			failed = true
			return fault.New(fault.Unavailable, "down")
		}
		return nil
	}
	id := r.sync()
	r.work("jobs", 1)
	j, _ := r.app.Job(t.Context(), id)
	if j.Total != 2500 || j.Done != 1000 || j.State != "running" {
		t.Errorf("after a page: %d of %d, %s", j.Done, j.Total, j.State)
	}
	r.boot() // another process goes on
	r.work("jobs", 1)
	if j, _ = r.app.Job(t.Context(), id); j.Done != 1500 || j.Problem == "" {
		t.Errorf("after a failure: %d of %d, %q", j.Done, j.Total, j.Problem)
	}
	r.hook(private("m3", "clara", "kunde8@example.org, alles kaputt!", start))
	r.run()
	if say := r.identity("site:m3"); !strings.HasPrefix(say, "not yet known") {
		t.Errorf("half way clara is %q", say)
	}
	r.live(10*time.Minute, 30*time.Second)
	if j, _ = r.app.Job(t.Context(), id); j.State != "done" || j.Done != 2500 || l.given != 2500 {
		t.Fatalf("%+v, %d records were given", j, l.given)
	}
	for _, f := range l.fields {
		if !slices.Equal(f, []string{"mail", "mobile"}) {
			t.Errorf("fields %v were read", f)
		}
	}
	for _, text := range []string{"kunde7@", "Kunde7@", "170 1000007", "1701000007", "Somebody", "Hausnummer"} {
		for _, where := range r.everywhere(text) {
			if strings.HasPrefix(where, "store key") || strings.HasPrefix(where, "store person") || strings.HasPrefix(where, "store foreign") || strings.HasPrefix(where, "store sync") {
				t.Errorf("%q stands in %s", text, where)
			}
		}
	}

	accepted := 0
	for _, row := range r.crm.all("contact") {
		if row.Fields["accounts"] != nil {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("%d contacts after the acceptance that waited, want 1", accepted)
	}
	r.hook(private("m4", "dora", "kunde9@example.org, alles kaputt!", r.now), private("m5", "emil", "0170 1000010 ist meine Nummer, alles kaputt!", r.now))
	r.run()
	for id, author := range map[string]string{"10": "site:dora", "11": "site:emil"} {
		if row := r.crm.find("contact", id, "", false); row.Fields["accounts"] != author {
			t.Errorf("%s is not recognised: contact %s has %v", author, id, row.Fields["accounts"])
		}
	}
	contacts := len(r.crm.all("contact"))
	r.hook(private("m6", "frida", "neu@example.org, alles kaputt!", r.now))
	r.run()
	if n := len(r.crm.all("contact")); n != contacts+1 {
		t.Errorf("a stranger who wrote privately made %d contacts", n-contacts)
	}
}

// What two records share proves nothing; what changes or goes in the CRM is no key any more.
func TestKeysFollowTheCRM(t *testing.T) {
	r, l := matched(t, 3)
	l.find("contact", "2", "", false).Fields["mobile"] = "0170 1000000" // a household
	r.sync()
	r.run()
	asks := func(id, author, text string) string {
		t.Helper()
		r.pass(time.Second)
		r.hook(private(id, author, text+", alles kaputt!", r.now))
		r.run()
		return r.identity("site:" + id)
	}
	if say := asks("m1", "anna", "0170 1000000"); !strings.Contains(say, "several persons") {
		t.Errorf("a number of two contacts: %q", say)
	}
	change := func(record, verb string, fields map[string]any) {
		r.pass(time.Second)
		r.change(flow.Change{Object: "contact", Record: record, Verb: verb, Fields: fields})
		r.run()
	}
	change("3", "update", map[string]any{"@email": "jetzt@example.org"})
	if say := asks("m2", "berta", "kunde2@example.org"); strings.HasPrefix(say, "linked") {
		t.Errorf("the address that was taken away: %q", say)
	}
	if say := asks("m3", "clara", "jetzt@example.org"); !strings.HasPrefix(say, "linked") {
		t.Errorf("the new address: %q", say)
	}
	change("1", "delete", nil)
	if say := asks("m4", "dora", "kunde0@example.org"); strings.HasPrefix(say, "linked") {
		t.Errorf("of a deleted contact: %q", say)
	}
	if say := asks("m5", "emil", "0170 1000000"); !strings.HasPrefix(say, "linked") {
		t.Errorf("the number that one contact has left: %q", say)
	}
	change("2", "update", map[string]any{"@phone": "", "@email": ""})
	if say := asks("m6", "frida", "0170 1000000"); strings.HasPrefix(say, "linked") {
		t.Errorf("a number that was cleared: %q", say)
	}
}

// Two records that become one are one person: what was known of both goes on in the survivor, and nothing else is made.
func TestMergedPeople(t *testing.T) {
	r := newRig(t, options{})
	r.crm.write(recordType{Object: "contact", Fields: map[string]any{"name": "Anna A."}})
	r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@email": "anna@example.org"}})
	r.run()
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	c := r.crm.one("case")
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@accepted": true}})
	r.run()
	contacts := r.crm.all("contact")
	if len(contacts) != 2 {
		t.Fatalf("%d contacts", len(contacts))
	}
	made := contacts[1]
	r.change(flow.Change{Object: "contact", Record: made.ID, Key: made.Key, Verb: "update", Fields: map[string]any{"@objected": "scoring"}})
	r.run()
	delete(r.crm.rows, "contact/"+made.ID)
	for range 2 { // told twice
		r.change(flow.Change{Object: "contact", Record: made.ID, Key: made.Key, Verb: "merge", Into: "1"})
		r.run()
	}
	row := r.crm.one("contact")
	if row.Fields["accounts"] != "site:anna" || row.Fields["name"] != "Anna A." {
		t.Errorf("the survivor: %v", row.Fields)
	}
	r.hook(said("m2", "anna", "Immer noch kaputt!", r.now), private("m3", "zweite", "anna@example.org, alles kaputt!", r.now))
	r.run()
	if row := r.crm.one("contact"); row.Fields["accounts"] != "site:anna;site:zweite" {
		t.Errorf("the survivor: %v", row.Fields)
	}
	persons := 0
	for _, v := range table[pipeline.PersonRow](r, "person") {
		if v.Person.Merged == "" {
			persons++
			if !slices.Contains(v.Person.Objected, "scoring") {
				t.Error("the objection is lost")
			}
		}
	}
	if persons != 1 {
		t.Errorf("%d persons", persons)
	}
}

// Where a purpose rests on consent, it begins with it and ends with it; owner and objections come back as well.
func TestConsentComesAndGoes(t *testing.T) {
	r := newRig(t, options{edit: func(s string) string { return s + "basis: {scoring: consent}\n" }})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	c := r.crm.one("case")
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@accepted": true}})
	r.run()
	row := r.crm.one("contact")
	tell := func(fields map[string]any) {
		r.pass(time.Second)
		r.change(flow.Change{Object: "contact", Record: row.ID, Key: row.Key, Verb: "update", Fields: fields})
		r.run()
	}
	score := func(id string) any {
		r.pass(time.Second)
		r.hook(said(id, "anna", complaint+" "+id, r.now))
		r.run()
		return row.Fields["score"]
	}
	if got := score("m2"); got != 0 {
		t.Errorf("without consent the score is %v", got)
	}
	tell(map[string]any{"@consented": "scoring; marketing", "@owner": "kim@crm.example"})
	if got := score("m3"); got == 0 {
		t.Error("with consent there is no score")
	}
	tell(map[string]any{"@consented": "marketing"})
	if got := row.Fields["score"]; got != 0 {
		t.Errorf("the consent was withdrawn, the score is %v", got)
	}
	if got := score("m4"); got != 0 {
		t.Errorf("after it was withdrawn the score is %v", got)
	}
	for _, v := range table[pipeline.PersonRow](r, "person") {
		if text, _ := json.Marshal(v.Person); v.Person.Owner != "kim@crm.example" {
			t.Errorf("%s", text)
		}
	}
}
