package pipeline_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/topology"
)

func yes() *bool { b := true; return &b }
func no() *bool  { return new(bool) }

// correct says how a mention should have been read, and lets it take effect.
func (r *rig) correct(id string, to flow.Reading) {
	r.t.Helper()
	if _, err := r.app.Correct(r.t.Context(), "site:"+id, flow.Correction{By: "mara", To: to}); err != nil {
		r.t.Fatal(err)
	}
	r.run()
}

func (r *rig) mention(id string) pipeline.MentionRow {
	r.t.Helper()
	return table[pipeline.MentionRow](r, "mention")[keyOf("site:"+id, "-")]
}

// A correction takes effect on the mention, its conversation and the CRM, with a receipt that is decided again alike; taken
// back, everything is as it was read.
func TestCorrection(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	was := r.mention("m1")
	if r.of("m1").Fields["note"] != "negative" {
		t.Fatalf("%v", r.of("m1").Fields)
	}
	r.pass(time.Hour)
	r.correct("m1", flow.Reading{Intents: []string{"praise"}, Department: "hr"})
	row := r.mention("m1")
	if d := row.Decision; d.Complaint || d.Sentiment != "positive" || d.Department != "hr" || d.Route != "correction" || d.Severity != 0 || row.Revision != was.Revision+1 || !row.At.Equal(was.At) {
		t.Errorf("%+v", row)
	}
	if note := r.of("m1").Fields["note"]; note != "positive" {
		t.Errorf("the CRM says %v", note)
	}
	if c := table[pipeline.ConversationRow](r, "conversation"); len(c) != 1 {
		t.Errorf("%d conversations", len(c))
	} else {
		for _, x := range c {
			if v := x.Conversation; v.Status != flow.Open || !v.Due.IsZero() || v.Department != "hr" || v.Severity != 0 || !v.Case {
				t.Errorf("conversation %+v", v)
			}
		}
	}
	x, err := r.app.Explain(t.Context(), "site:m1")
	if err != nil || !x.Equal || !strings.Contains(x.Short, "hr as a person corrected it") {
		t.Errorf("%+v %v", x, err)
	}
	if v, err := r.app.VerifyReceipts(t.Context(), []string{"site"}, start.Add(-time.Hour), r.now.Add(time.Hour)); err != nil || v.Entries != 2 || v.Equal != 2 {
		t.Errorf("%d of %d receipts are equal: %v", v.Equal, v.Entries, err)
	}
	s, err := r.app.Story(t.Context(), "site:m1")
	if err != nil || len(s.Corrections) != 1 || s.Corrections[0].By != r.app.Pseudonym("mara") || !*s.Corrections[0].Was.Complaint {
		t.Errorf("%+v %v", s.Corrections, err)
	}
	for _, e := range s.Receipts {
		if strings.Contains(e.Say, "mara") {
			t.Errorf("a receipt names who corrected: %s", e.Say)
		}
	}

	if _, err := r.app.Correct(t.Context(), "site:m1", flow.Correction{By: "mara", Undo: true}); err != nil {
		t.Fatal(err)
	}
	r.run()
	if d := r.mention("m1").Decision; !d.Complaint || d.Department != was.Decision.Department || d.Route != was.Decision.Route || r.of("m1").Fields["note"] != "negative" {
		t.Errorf("taken back: %+v", d)
	}
	if _, err := r.app.Correct(t.Context(), "site:m1", flow.Correction{By: "mara", Undo: true}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a second undo: %v", err)
	}
}

// What was taken for small talk becomes a complaint: it opens a conversation and a case, and an answer is owed.
func TestCorrectionOpensACase(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", "Guten Morgen in die Runde", start))
	if len(table[pipeline.ConversationRow](r, "conversation")) != 0 {
		t.Fatal("small talk opened a conversation")
	}
	r.pass(time.Hour)
	r.correct("m1", flow.Reading{Complaint: yes()})
	c := r.crm.one("case")
	if c == nil || r.of("m1").Fields["note"] != "negative" {
		t.Fatalf("no case, and %v", r.of("m1").Fields)
	}
	for _, x := range table[pipeline.ConversationRow](r, "conversation") {
		if v := x.Conversation; v.Status != flow.Waiting || !v.Due.After(r.now) || v.Severity != 1 {
			t.Errorf("%+v", v)
		}
	}
	if line := len(r.mention("m1").Events); line != 2 {
		t.Errorf("%d events", line)
	}
	seen := table[pipeline.AuthorRow](r, "author")[keyOf("site:anna", "-")].Seen
	if seen.Mentions != 1 {
		t.Errorf("the author said %v things", seen.Mentions)
	}
}

// The same message twice, or late, corrects once; an edit keeps the correction and says so.
func TestCorrectionTwiceAndEdit(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	r.pass(time.Minute)
	if _, err := r.app.Correct(t.Context(), "site:m1", flow.Correction{By: "mara", To: flow.Reading{Sentiment: "neutral", Complaint: no()}}); err != nil {
		t.Fatal(err)
	}
	batch := r.queue.Receive(queue.Lane(topology.MentionsLive), 10)
	if len(batch) != 1 {
		t.Fatalf("%d messages", len(batch))
	}
	for range 3 {
		for _, err := range r.app.Handler(queue.Lane(topology.MentionsLive))(t.Context(), batch) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	r.queue.Settle(batch[0], nil)
	r.run()
	if row := r.mention("m1"); len(row.Corrections) != 1 || row.Revision != 2 {
		t.Errorf("%d corrections, revision %d", len(row.Corrections), row.Revision)
	}
	// An edit that the network made before the correction and tells after it is no old news.
	r.hook(edited(said("m1", "anna", complaint, start), "Meine Bestellung kam kaputt an, wer hilft?", start.Add(30*time.Second)))
	r.run()
	row := r.mention("m1")
	if !strings.Contains(row.Mention.Text, "wer hilft") || row.Decision.Complaint || len(row.Corrections) != 1 {
		t.Errorf("%+v", row)
	}
	s, err := r.app.Story(t.Context(), "site:m1")
	if err != nil || !slices.ContainsFunc(s.Receipts, func(x decide.Receipt) bool { return x.Of == "correction" && strings.Contains(x.Say, "edited since") }) {
		t.Errorf("%+v %v", s.Receipts, err)
	}
	var stale []bool
	err = r.app.Corrections(t.Context(), []string{"site"}, start, r.now.Add(time.Hour), func(c pipeline.CorrectedMention) error {
		stale = append(stale, c.Stale)
		return nil
	})
	if err != nil || !slices.Equal(stale, []bool{true}) {
		t.Errorf("%v %v", stale, err)
	}
}

// Corrections go with the person, whenever they come, and name nobody in what is exported.
func TestCorrectionsAreErased(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	r.pass(time.Minute)
	r.correct("m1", flow.Reading{Sentiment: "neutral"})
	var list []pipeline.Example
	walk := func() {
		t.Helper()
		list = nil
		err := r.app.Corrections(t.Context(), []string{"site"}, start.Add(-time.Hour), r.now.Add(time.Hour), func(c pipeline.CorrectedMention) error {
			list = append(list, c.Example)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	walk()
	if len(list) != 1 || list[0].Sentiment != "neutral" || list[0].Was.Sentiment != "negative" || list[0].Text != complaint {
		t.Fatalf("%+v", list)
	}
	if text, _ := json.Marshal(list); strings.Contains(string(text), "anna") || strings.Contains(string(text), "mara") {
		t.Errorf("an example names somebody: %s", text)
	}
	if _, err := r.app.Correct(t.Context(), "site:m1", flow.Correction{By: "mara", To: flow.Reading{Department: "legal"}}); err != nil { // on its way
		t.Fatal(err)
	}
	if _, err := r.app.Erase(t.Context(), flow.Erasure{Author: "site:anna", At: r.now}, start.Add(-time.Hour), r.now); err != nil {
		t.Fatal(err)
	}
	r.run()
	if walk(); len(list) != 0 {
		t.Errorf("still there: %+v", list)
	}
	for k, item := range r.store.items {
		if strings.Contains(string(plain(item)), "mara") {
			t.Errorf("%v still names who corrected: %s", k, plain(item))
		}
	}
	if _, err := r.app.Correct(t.Context(), "site:m1", flow.Correction{By: "mara", To: flow.Reading{Department: "legal"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a correction after the erasure: %v", err)
	}
}

func TestCorrectionsThatNobodyCanMake(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	four, none := 4, 0
	for want, c := range map[string]flow.Correction{
		"did you mean":        {To: flow.Reading{Sentiment: "postive"}},
		"stands alone":        {To: flow.Reading{Intents: []string{"spam", "question"}}},
		"goes from 0 to 3":    {To: flow.Reading{Severity: &four}},
		"has severity 1":      {To: flow.Reading{Severity: &none, Complaint: yes()}},
		"contradict":          {To: flow.Reading{Complaint: yes(), Intents: []string{"praise"}}},
		"is no language":      {To: flow.Reading{Lang: "Deutsch"}},
		"what is to be":       {},
		"no correction of":    {Undo: true},
		"either correct some": {Undo: true, To: flow.Reading{Lang: "de"}},
	} {
		c.By = "mara"
		_, err := r.app.Correct(t.Context(), "site:m1", c)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", c, err, want)
		}
	}
	if _, err := r.app.Correct(t.Context(), "site:m2", flow.Correction{By: "mara", To: flow.Reading{Lang: "de"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("of nothing: %v", err)
	}
}

// Who corrects a mention makes it no younger: its words go when their time is over, and so do the receipts of corrections.
func TestCorrectionKeepsNothingLonger(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "mapping:\n", "retain: {content: 720h}\nmapping:\n", 1)
	}})
	r.hook(said("m1", "anna", complaint+" Annas Sache", start))
	r.run()
	r.live(20*24*time.Hour, 6*time.Hour)
	r.correct("m1", flow.Reading{Sentiment: "neutral"})
	if len(r.everywhere("Annas Sache")) == 0 {
		t.Fatal("nothing is there")
	}
	r.live(12*24*time.Hour, 6*time.Hour)
	r.sender.bodies = nil
	r.log.Reset()
	if where := append(r.everywhere("Annas Sache"), r.everywhere("mara")...); len(where) > 0 {
		t.Errorf("stands in %v", where)
	}
}
