package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
)

const personal = "Meine Bestellung kam schon wieder kaputt an, unverschämt! Wegen meiner Depression schaffe ich keinen Anruf."

// What people say of their own health, faith and so on is held back: an answer in public needs the yes of two people, and nowhere
// is written down why.
func TestSecondPerson(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", personal, start))
	for _, word := range []string{"held", "sensitive", "special", "Art. 9", "minor", "health", "religion", "disability", "illness", "category"} {
		if where := r.everywhere(word); len(where) > 0 {
			t.Errorf("%q stands in %v", word, where)
		}
	}
	d := r.mention("m1").Decision
	if !strings.Contains(strings.Join(d.Forbidden, " "), "reply_public") || strings.Contains(strings.Join(d.Words, " "), "depress") || len(d.PII) > 0 {
		t.Errorf("%+v", d)
	}
	approve := func(by string) {
		r.pass(time.Minute)
		c := r.crm.one("case")
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", By: by, Fields: map[string]any{"@reply": "Das tut uns leid.", "@reply_state": "approved"}})
		r.run()
	}
	approve("berta")
	if a := r.answer(); len(r.net.posted) != 0 || a.State != flow.Failed || !strings.Contains(a.Reason, "second person") || strings.Contains(a.Reason, "Depression") {
		t.Fatalf("posted %q: %+v", r.net.posted, a)
	}
	approve("berta")
	if len(r.net.posted) != 0 {
		t.Fatal("one person said yes twice")
	}
	approve("carla")
	if len(r.net.posted) != 1 || r.answer().State != flow.Sent {
		t.Errorf("posted %q: %+v", r.net.posted, r.answer())
	}
}

// With the profile health what is personal in a public post reaches no CRM, and with it no name.
func TestHealthProfile(t *testing.T) {
	r := asked(t, options{edit: func(text string) string {
		return strings.Replace(text, "    region: DE\n", "    region: DE\n    profile: health\n", 1)
	}},
		said("m1", "anna", "Unverschämt, mein Pflaster kam kaputt an! Wegen meiner Depression rufe ich nicht an. Frau Krause weiß Bescheid.", start))
	for _, rows := range r.crm.all("mention") {
		text, _ := rows.Fields["text"].(string)
		if strings.Contains(text, "Depression") || strings.Contains(text, "Krause") || !strings.Contains(text, "[…]") || !strings.Contains(text, "Pflaster") {
			t.Errorf("the CRM has %q", text)
		}
	}
	for _, row := range r.crm.all("case") {
		if text, _ := row.Fields["subject"].(string); strings.Contains(text, "Depression") {
			t.Errorf("the CRM has %q", text)
		}
	}
}
