package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// A mention is explained from its newest receipt alone: it is decided again, equal, with the reasons and what would change it;
// the short form reaches the CRM.
func TestExplain(t *testing.T) {
	r := newRig(t, options{config: strings.Replace(basic, "note: sentiment", "note: why", 1) +
		"routing:\n  - {name: broken, when: 'mention.text contains \"kaputt\"', department: product}\n"})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.run()
	x, err := r.app.Explain(t.Context(), "site:m1")
	if err != nil || !x.Equal || !strings.Contains(x.Short, "product by rule “broken”") || len(x.Reasons) < 5 {
		t.Fatalf("%+v, %v", x, err)
	}
	if note := r.of("m1").Fields["note"]; note != x.Short || strings.Contains(x.Short, "Bestellung") {
		t.Errorf("the CRM says %v, explain %q", note, x.Short)
	}
	told := ""
	for _, o := range x.Others {
		told += o.If + ": " + strings.Join(o.Then, ", ") + "\n"
	}
	if !strings.Contains(told, "routing rule “broken” were not there: department: product → ") {
		t.Errorf("what would change it: %s", told)
	}
	r.publish(basic)
	diff := r.dry()
	r.again(pipeline.JobReplay, "j1", diff.Hash, "")
	if y, err := r.app.Explain(t.Context(), "site:m1"); err != nil || !y.Equal || strings.Contains(y.Short, "broken") || y.Config == x.Config {
		t.Errorf("after a replay: %+v, %v", y, err)
	}
	who, err := r.app.ExplainPerson(t.Context(), "site:anna")
	if err != nil || len(who.Mentions) != 1 || who.Mentions[0].Mention != "site:m1" || who.Person.Score.Total == 0 {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := r.app.Explain(t.Context(), "site:nothing"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := r.app.ExplainPerson(t.Context(), "pnobody"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := r.app.Erase(t.Context(), flow.Erasure{Author: "site:anna", At: r.now}, start.Add(-time.Hour), r.now); err != nil {
		t.Fatal(err)
	}
	if x, err := r.app.Explain(t.Context(), "site:m1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("after an erasure: %+v, %v", x, err)
	}
}
