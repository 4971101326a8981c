package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// scored is basic with the score on each mention, and a field for marketing alone.
func scored(text string) string {
	text = strings.Replace(text, "      note: sentiment\n", "      note: sentiment\n      score: {value: score, wins: rapport}\n      offer: {value: author.handle, wins: rapport, purpose: marketing}\n", 1)
	return strings.Replace(text, "mapping:\n", "basis: {marketing: legitimate_interest}\nmapping:\n", 1)
}

func (r *rig) object(who, purpose string, withdraw bool) {
	r.t.Helper()
	s, err := r.app.Resolve(r.t.Context(), who)
	if err == nil {
		_, err = r.app.Object(r.t.Context(), s, purpose, "command of Clara Case", withdraw)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.run()
}

func (r *rig) standing(who, purpose string) pipeline.Standing {
	r.t.Helper()
	s, err := r.app.Resolve(r.t.Context(), who)
	if err != nil {
		r.t.Fatal(err)
	}
	d, err := r.app.Access(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, x := range d.Basis {
		if x.Purpose == purpose {
			return x
		}
	}
	r.t.Fatalf("nothing is said about %s: %+v", purpose, d.Basis)
	return pipeline.Standing{}
}

// A stranger who objects to scoring has no score any more, here and on each record in the CRM; what a human wrote there stays.
// What they say next has none, until they take it back.
func TestAStrangerObjectsToScoring(t *testing.T) {
	r := newRig(t, options{edit: scored})
	r.hook(said("m1", "anna", complaint, start))
	r.hook(said("m2", "berta", complaint, start))
	r.run()
	rowOf := func(id string) map[string]any {
		for _, row := range r.crm.all("mention") {
			if strings.HasSuffix(row.Key, id) {
				return row.Fields
			}
		}
		t.Fatalf("%s is not in the CRM", id)
		return nil
	}
	if n, _ := rowOf("m1")["score"].(int); n == 0 {
		t.Fatalf("there is no score to begin with: %v", rowOf("m1"))
	}
	if x := r.standing("site:anna", "scoring"); !x.Holds || x.Basis != "legitimate_interest" || x.Source != "the software's default" || !x.Since.Equal(start) {
		t.Errorf("before: %+v", x)
	}
	rowOf("m1")["note"] = "what a human wrote"
	r.object("site:anna", "scoring", false)
	if f := rowOf("m1"); f["score"] != 0 || f["note"] != "what a human wrote" {
		t.Errorf("in the CRM stands %v", f)
	}
	if n, _ := rowOf("m2")["score"].(int); n == 0 {
		t.Errorf("the other one lost a score: %v", rowOf("m2"))
	}
	for k, a := range table[pipeline.AuthorRow](r, "author") {
		if (k.Part == "site:anna") != (a.Score.Total == 0) {
			t.Errorf("%s: %+v", k.Part, a.Score)
		}
	}
	if x := r.standing("site:anna", "scoring"); x.Holds || x.Source != "objection told by command of Clara Case" || !x.Since.Equal(r.now) {
		t.Errorf("after: %+v", x)
	}
	r.hook(said("m3", "anna", complaint, r.now))
	r.run()
	if f := rowOf("m3"); f["score"] != 0 {
		t.Errorf("what came later has a score: %v", f)
	}
	r.object("site:anna", "scoring", true)
	r.hook(said("m4", "anna", complaint, r.now))
	r.run()
	if n, _ := rowOf("m4")["score"].(int); n == 0 {
		t.Errorf("lifted: %v", rowOf("m4"))
	}
	if x := r.standing("site:anna", "scoring"); !x.Holds {
		t.Errorf("lifted: %+v", x)
	}
	r.live(5*time.Minute, time.Minute)
	for _, j := range table[pipeline.JobRow](r, "job") {
		if j.Objection != nil && (j.State != "done" || slices.Contains(j.Authors, "site:anna")) {
			t.Errorf("the job names its author still: %+v", j)
		}
	}
}

// A field that is for a purpose is filled only for whom that purpose has a basis, and emptied by an objection.
func TestAFieldForAPurpose(t *testing.T) {
	r := newRig(t, options{edit: scored})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	if f := r.crm.one("mention").Fields; f["offer"] != "anna" {
		t.Fatalf("%v", f)
	}
	r.object("site:anna", "marketing", false)
	if f := r.crm.one("mention").Fields; f["offer"] != nil || f["text"] == nil {
		t.Errorf("%v", f)
	}
	r.publish(strings.Replace(scored(basic), "marketing: legitimate_interest", "marketing: none", 1))
	r.hook(said("m2", "berta", complaint, start))
	r.run()
	for _, row := range r.crm.all("mention") {
		if row.Fields["offer"] != nil {
			t.Errorf("without a basis: %v", row.Fields)
		}
	}
	if x := r.standing("site:berta", "marketing"); x.Holds || x.Source != "configuration version 2" {
		t.Errorf("%+v", x)
	}
	if _, err := config.Load([]byte(strings.Replace(scored(basic), "purpose: marketing", "purpose: sales", 1)), config.Options{}); err == nil || !strings.Contains(err.Error(), "must be one of service, matching, scoring, product, marketing") {
		t.Errorf("an unknown purpose: %v", err)
	}
}

// Who objects to being matched is linked to nobody any more and never again: not by an address they wrote, not by an agent, not
// by the console. The CRM takes back only what it said itself.
func TestNobodyIsMatchedAgain(t *testing.T) {
	r := customer(t)
	r.object("site:anna", "matching", false)
	if f := r.crm.one("contact").Fields; f["accounts"] != "" && f["accounts"] != nil {
		t.Errorf("%v", f)
	}
	e := said("m5", "anna", "Meine Adresse ist anna@example.org, noch einmal!", r.now)
	e.Mention.Kind = flow.Message
	r.hook(e)
	r.run()
	if a := table[pipeline.AuthorRow](r, "author")[store.Key{Part: "site:anna", Sort: "-"}]; a.Person != "" {
		t.Errorf("linked again: %+v", a)
	}
	for _, m := range table[pipeline.MentionRow](r, "mention") {
		if m.Mention.Author.ID == "site:anna" && (m.Decision.Person != "" || m.Decision.Link != nil || m.Decision.Suggest != nil) {
			t.Errorf("%s still leads to %s", m.Mention.ID, m.Decision.Person)
		}
	}
	who, err := r.app.Resolve(t.Context(), "crm:contact/1")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.app.Confirm(t.Context(), "site:anna", who.Person, "seen", "Clara"); !fault.Is(err, fault.Conflict) {
		t.Errorf("the console links anyway: %v", err)
	}
	// By the person's record: the CRM, which never heard of it, does not take it back.
	r.object("anna@example.org", "scoring", false)
	r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@objected": "marketing"}})
	r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@objected": ""}})
	r.run()
	for _, v := range table[pipeline.PersonRow](r, "person") {
		if v.Person.ID == who.Person && !slices.Equal(v.Person.Objected, []string{"scoring"}) {
			t.Errorf("objections: %v %+v", v.Person.Objected, v.Person.Told)
		}
	}
}

// A consent is known with its source and time; when it ends, what rested on it goes, and comes back with a new one.
func TestAConsentEnds(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(scored(text), "basis: {", "basis: {scoring: consent, ", 1)
	}})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	c := r.crm.one("case")
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@accepted": true}})
	r.run()
	contact := r.crm.one("contact")
	consent := func(text string) {
		r.pass(1e9)
		r.change(flow.Change{Object: "contact", Record: contact.ID, Key: contact.Key, Verb: "update", Fields: map[string]any{"@consented": text}})
		r.run()
	}
	if x := r.standing("site:anna", "scoring"); x.Holds || x.Basis != "consent" {
		t.Errorf("nobody consented: %+v", x)
	}
	consent("scoring")
	since := r.now
	r.hook(said("m2", "anna", complaint, r.now))
	r.run()
	who := "crm:contact/" + contact.ID
	if x := r.standing(who, "scoring"); !x.Holds || x.Source != "consent told by CRM crm contact "+contact.ID || !x.Since.Equal(since) {
		t.Errorf("consented: %+v", x)
	}
	score := func(want bool) {
		t.Helper()
		for _, row := range r.crm.all("mention") {
			if n, _ := row.Fields["score"].(int); strings.HasSuffix(row.Key, "m2") && n > 0 != want {
				t.Errorf("the CRM's score: %v", row.Fields["score"])
			}
		}
	}
	score(true)
	consent("")
	score(false)
	if x := r.standing(who, "scoring"); x.Holds || !strings.HasPrefix(x.Source, "withdrawn told by CRM") {
		t.Errorf("withdrawn: %+v", x)
	}
	consent("scoring")
	if x := r.standing(who, "scoring"); !x.Holds {
		t.Errorf("again: %+v", x)
	}
}

func TestObjectionsThatAreNone(t *testing.T) {
	r := customer(t)
	s, err := r.app.Resolve(t.Context(), "site:anna")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who      pipeline.Subject
		purpose  string
		withdraw bool
	}{{s, "sales", false}, {pipeline.Subject{}, "scoring", false}, {s, "service", true}} {
		if _, err := r.app.Object(t.Context(), c.who, c.purpose, "test", c.withdraw); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
