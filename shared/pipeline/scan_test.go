package pipeline_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
)

// A scan finds a person in store, archive and dead letters by everything they can be told by, and nothing once they are erased;
// of others it finds nothing at any time.
func TestScan(t *testing.T) {
	r := customer(t)
	who, err := r.app.Resolve(t.Context(), "anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	traces, err := r.app.TracesOf(t.Context(), who)
	if err == nil {
		traces, err = r.app.MoreTraces(t.Context(), traces, nil, []string{"@Anna_A"}, []string{"Anna@example.org"}, []string{who.Person}, []string{"Annas Sache"})
	}
	if err != nil {
		t.Fatal(err)
	}
	letters := []queue.Dead{{Message: queue.Message{Lane: "mentions-live", Body: []byte("{}\nAnnas Sache")}}}
	before, err := r.app.Scan(t.Context(), traces, letters)
	if err != nil || before.Items == 0 || before.Batches == 0 || before.Letters != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	found := map[string]bool{}
	for _, h := range before.Hits {
		table, _, _ := strings.Cut(h.Place, "#")
		if h.Where != "store" {
			table = h.Where
		}
		found[table+" "+h.What] = true
	}
	for _, want := range []string{"mention id", "mention word", "mention handle", "author id", "conversation id", "key id", "person id", "archive id", "archive word", "dead letters word"} {
		if !found[want] {
			t.Errorf("the scan does not find: %s (%v)", want, found)
		}
	}
	stranger, err := r.app.MoreTraces(t.Context(), pipeline.Traces{}, []string{"site:ann"}, []string{"ann"}, []string{"ann@example.org"}, nil, nil)
	if s, serr := r.app.Scan(t.Context(), stranger, letters); err != nil || serr != nil || len(s.Hits) > 0 {
		t.Errorf("somebody else is found: %+v, %v, %v", s.Hits, err, serr)
	}
	r.erased("anna@example.org")
	after, err := r.app.Scan(t.Context(), traces, nil)
	if err != nil || after.Items == 0 || len(after.Hits) > 0 {
		t.Errorf("after the erasure: %+v, %v", after, err)
	}
	if s, err := r.app.Scan(t.Context(), pipeline.Traces{Ids: []string{"site:berta"}}, nil); err != nil || len(s.Hits) == 0 {
		t.Errorf("the other one: %+v, %v", s, err)
	}
}

// Nothing is found either where a replay wrote records, where the CRM's ids are our keys, or where a clock ran that was answered.
func TestScanAfterAReplay(t *testing.T) {
	r := newRig(t, options{})
	r.crm.keyed = true
	r.hook(said("m1", "anna", complaint+" Annas Sache", start), said("m2", "berta", "Bertas Frage: wo finde ich das?", start))
	r.run()
	late := said("o1", "brand", "Das tut uns leid.", start.Add(time.Minute))
	late.Mention.Direction, late.Mention.Parent = flow.Out, "site:m1"
	r.hook(late)
	r.run()
	r.publish(upper(basic))
	if got := r.again(pipeline.JobReplay, "j1", r.dry().Hash, ""); got.Written < 2 {
		t.Fatalf("%+v", got)
	}
	who, err := r.app.Resolve(t.Context(), "site:anna")
	if err != nil {
		t.Fatal(err)
	}
	traces, err := r.app.TracesOf(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	before, err := r.app.Scan(t.Context(), traces, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{"patch#", "due#", "line#"} {
		if !slices.ContainsFunc(before.Hits, func(h pipeline.Hit) bool { return strings.HasPrefix(h.Place, kept) }) {
			t.Errorf("before the erasure nothing is found in %s", kept)
		}
	}
	r.erased("site:anna")
	after, err := r.app.Scan(t.Context(), traces, nil)
	if err != nil || len(after.Hits) > 0 {
		t.Errorf("after the erasure: %+v, %v", after.Hits, err)
	}
	if left := table[pipeline.PatchRow](r, "patch"); len(left) == 0 {
		t.Error("what a replay did with the others is forgotten")
	}
}

// When a network's own term ends, the CRM's copies are blanked in time, by the road of a deletion: the case and our answer stay;
// whoever is on hold stays whole. Then the content goes from here too.
func TestCopiesGoInTime(t *testing.T) {
	r := newRig(t, options{})
	r.net.rules.StoreFor = 72 * time.Hour
	r.boot()
	r.hook(said("m1", "anna", complaint+" Annas Sache", start))
	r.hook(said("m2", "berta", complaint+" Bertas Sache", start))
	r.run()
	berta, err := r.app.Resolve(t.Context(), "site:berta")
	if err == nil {
		_, err = r.app.PutHold(t.Context(), berta, "legal", "file 12", time.Time{})
	}
	if err != nil {
		t.Fatal(err)
	}
	words := func() (all string) {
		for _, row := range append(r.crm.all("mention"), r.crm.all("case")...) {
			text, _ := json.Marshal(row.Fields)
			all += string(text)
		}
		return all
	}
	r.live(4*time.Hour, 10*time.Minute)
	r.live(44*time.Hour, 6*time.Hour)
	if !strings.Contains(words(), "Annas Sache") {
		t.Errorf("the copy went too early: %s", words())
	}
	r.live(22*time.Hour, 2*time.Hour)
	if s := words(); strings.Contains(s, "Annas") || !strings.Contains(s, "Bertas Sache") || len(r.crm.all("case")) != 2 {
		t.Errorf("at the end of the term the CRM holds %s", s)
	}
	copies := 0
	for _, j := range table[pipeline.JobRow](r, "job") {
		copies += j.Copies
	}
	if copies != 1 {
		t.Errorf("%d copies are counted", copies)
	}
	r.live(90*time.Hour, 6*time.Hour)
	r.sender.bodies = nil
	r.log.Reset()
	if where := r.everywhere("site:m1"); len(where) > 0 {
		t.Errorf("%v", where)
	}
	if where := r.everywhere("Bertas Sache"); len(where) == 0 {
		t.Error("what is on hold is gone")
	}
}

// What was missed and is fetched brings nobody back who was erased, and does not count them.
func TestAGapFetchesNobodyErased(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint+" Annas Sache", start))
	r.run()
	r.erased("site:anna")
	body, err := json.Marshal([]flow.Event{said("m1", "anna", complaint+" Annas Sache", start), said("m3", "anna", "Annas neue Sache", r.now), said("m4", "carla", "Carlas Sache", r.now)})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := json.Marshal([]flow.Event{said("m5", "anna", "Annas dritte Sache", r.now)})
	if err != nil {
		t.Fatal(err)
	}
	r.net.past = func(string) (network.Page, error) {
		return network.Page{Bodies: []network.Body{{Data: body}, {Data: alone}}}, nil
	}
	lines := len(r.lines())
	id, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "gap", Account: "site", From: start, To: r.now})
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	j, err := r.app.Job(t.Context(), id)
	if err != nil || j.Done != 1 {
		t.Errorf("%+v, %v", j, err)
	}
	r.sender.bodies = nil
	r.log.Reset()
	if where := r.everywhere("Anna"); len(where) > 0 {
		t.Errorf("%v", where)
	}
	if more := r.lines()[lines:]; len(more) != 1 || more[0].Outcome != ledger.Mention || more[0].Mention != "site:m4" {
		t.Errorf("%+v", more)
	}
}
