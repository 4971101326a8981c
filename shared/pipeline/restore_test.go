package pipeline_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// After a restore an answer that was approved before is held; approved anew it is sent once.
func TestAnswersFromBeforeARestoreAreHeld(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	r.pass(time.Minute)
	r.approve("Das tut uns leid.")
	r.pass(time.Minute)
	if err := r.app.Hold(t.Context(), r.now); err != nil {
		t.Fatal(err)
	}
	r.run()
	if len(r.net.posted) != 0 || r.answer().State != flow.Parked {
		t.Fatalf("posted %q, the answer is %s: %s", r.net.posted, r.answer().State, r.answer().Reason)
	}
	r.pass(time.Minute)
	r.approve("Das tut uns leid.")
	r.run()
	if len(r.net.posted) != 1 || r.answer().State != flow.Sent {
		t.Errorf("approved anew: posted %q, the answer is %s", r.net.posted, r.answer().State)
	}
}

// listing is a CRM that can be listed.
type listing struct{ *crmFake }

func (l listing) List(_ context.Context, _ crm.Account, object string, fields []string, _ string) iter.Seq2[crm.Row, error] {
	return func(yield func(crm.Row, error) bool) {
		for _, row := range l.all(object) {
			if !yield(crm.Row{Found: true, ID: row.ID, Fields: map[string]any{fields[0]: row.Key}}, nil) {
				return
			}
		}
	}
}

func (l listing) Count(context.Context, crm.Account, string) (int, error) { return len(l.rows), nil }

// The store forgets which records are ours; the CRM knows it.
func TestLinksAreMadeAnewFromTheCRM(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	before := table[pipeline.RecordRow](r, "record")
	if len(before) == 0 {
		t.Fatal("no record is known")
	}
	for k := range r.store.items {
		if strings.HasPrefix(k.Part, "record#") || strings.HasPrefix(k.Part, "foreign#") {
			r.store.Delete(t.Context(), store.Item{Part: k.Part, Sort: k.Sort, Version: store.AnyVersion})
		}
	}
	r.app.CRMs["crm"] = listing{r.crm}
	found, err := r.app.Restore(t.Context(), "crm")
	if err != nil || found.Records == 0 || found.Links != found.Records {
		t.Fatalf("%+v %v", found, err)
	}
	if again, err := r.app.Restore(t.Context(), "crm"); err != nil || again.Links != 0 || again.Records != found.Records {
		t.Errorf("the second time: %+v %v", again, err)
	}
	c := r.crm.one("case")
	for key, row := range table[pipeline.RecordRow](r, "record") {
		if row.Object == "case" && row.ID != c.ID {
			t.Errorf("%s leads to %q, want %q", key, row.ID, c.ID)
		}
	}
	r.approve("Das tut uns leid.") // the change finds its conversation
	r.run()
	if len(r.net.posted) != 1 {
		t.Errorf("posted %q", r.net.posted)
	}
}
