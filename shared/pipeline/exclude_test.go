package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// Who is excluded loses the score everywhere and with it what it rested on, gets no new one, and begins from nothing later.
func TestExclude(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	c := r.crm.one("case")
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@accepted": true}})
	r.run()
	row := r.crm.one("contact")
	author := func() pipeline.DossierAuthor {
		d, err := r.app.Access(t.Context(), pipeline.Subject{Authors: []string{"site:anna"}})
		if err != nil || len(d.Accounts) != 1 {
			t.Fatal(err, d)
		}
		return d.Accounts[0]
	}
	if row.Fields["score"] == 0 || author().Seen.Mentions == 0 {
		t.Fatalf("%v", row.Fields)
	}
	for _, named := range []func() (pipeline.Subject, error){
		func() (pipeline.Subject, error) { return r.app.Resolve(t.Context(), "site:anna") },
		func() (pipeline.Subject, error) {
			x, err := r.app.ExplainPerson(t.Context(), "site:anna")
			return pipeline.Subject{Person: x.Person.ID, Authors: x.Person.Authors}, err
		},
	} {
		s, err := named()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := r.app.Exclude(t.Context(), s, "works here"); err != nil {
				t.Fatal(err)
			}
		}
		r.run()
		r.hook(said("m"+r.newID(), "anna", "Noch einmal: "+complaint, r.now))
		r.run()
		a := author()
		if row.Fields["score"] != 0 || a.Score.Version != "" || a.Seen.Reactions != 0 || a.Seen.Mentions != 0 {
			t.Fatalf("contact %v, author %+v", row.Fields, a)
		}
		if x, err := r.app.ExplainPerson(t.Context(), "site:anna"); err != nil || !slices.ContainsFunc(x.Mentions[0].Reasons, func(p decide.Receipt) bool { return strings.Contains(p.Say, "excluded: works here") }) {
			t.Errorf("%v %+v", err, x)
		}
		if err := r.app.Exclude(t.Context(), s, ""); err != nil {
			t.Fatal(err)
		}
		r.hook(said("m"+r.newID(), "anna", "Und wieder: "+complaint, r.now))
		r.run()
		if a := author(); row.Fields["score"] == 0 || a.Score.Total == 0 || a.Seen.Mentions != 1 {
			t.Fatalf("contact %v, author %+v", row.Fields, a)
		}
		r.pass(time.Hour)
	}
	if err := r.app.Exclude(t.Context(), pipeline.Subject{Authors: []string{"site:nobody"}}, "x"); !fault.Is(err, fault.NotFound) {
		t.Errorf("nobody: %v", err)
	}
}
