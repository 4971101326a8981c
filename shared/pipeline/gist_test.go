package pipeline_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// Each line says what was decided, so that counting needs no content; an erasure takes what leads to somebody out of it.
func TestGists(t *testing.T) {
	r := newRig(t, options{})
	c := said("m1", "anna", complaint, start)
	c.Mention.Author.Followers = 2500
	secret := said("m2", "berta", complaint, start)
	secret.Mention.Private, secret.Mention.Author.Counted = true, false
	r.hook(c, said("m3", "carl", "Vielen Dank, ihr seid großartig!", start), secret)
	r.run()
	r.hook(edited(c, complaint+" Noch immer!", start.Add(time.Minute)), deleted(secret, start.Add(time.Minute)), c)
	r.run()
	out := said("m4", "nord", "Wir schauen nach.", start)
	out.Mention.Direction, out.Mention.Parent = flow.Out, c.Mention.ID
	r.hook(out)
	r.run()
	var got []*ledger.Gist
	for _, l := range r.lines() {
		if g := l.Gist; g != nil && !g.Own { // who is scored, and is heard by so many
			if g.Opens != g.Complaint || g.Score == 0 && l.Mention != "site:m2" {
				t.Errorf("%s: %+v", l.Mention, g)
			}
			bare := *g
			bare.Opens, bare.Score, bare.Heard = false, 0, 0
			l.Gist = &bare
		}
		got = append(got, l.Gist)
	}
	print := got[0].Print
	if len(print) != 8 {
		t.Fatalf("%+v", got[0])
	}
	again := *got[3]
	if again.Print = ""; len(got) != 7 {
		t.Fatalf("%d lines", len(got))
	}
	trouble := func(g ledger.Gist) *ledger.Gist {
		g.Sentiment, g.Complaint, g.Severity, g.Department = -1, true, got[0].Severity, "service"
		return &g
	}
	want := []*ledger.Gist{trouble(ledger.Gist{Reach: 3, Print: print}), {Sentiment: 1, Reach: 2, Department: got[1].Department, Print: got[1].Print}, trouble(ledger.Gist{}),
		trouble(ledger.Gist{Reach: 3, Again: true}), nil, nil, {Own: true}}
	want[3].Severity = 2 // it goes on
	got[3] = &again
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("line %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	r.erased("site:anna")
	for _, l := range r.lines() {
		if l.Erased && l.Gist != nil && (l.Gist.Print != "" || l.Gist.Reach != 0) {
			t.Errorf("an erased line still says %+v", l.Gist)
		}
		if l.Erased && strings.HasPrefix(string(l.Outcome), "mention") && (l.Gist == nil || !l.Gist.Complaint) {
			t.Errorf("an erased line counts for nothing any more: %+v", l)
		}
	}
}

// An attempt that died between the mention and its line says the same in the line.
func TestGistsOfAnAttemptThatDied(t *testing.T) {
	r := newRig(t, options{})
	r.store.fail = once("line", fault.New(fault.Transient, "throttled"))
	r.hook(said("m1", "anna", complaint, start))
	r.live(2*time.Minute, 30*time.Second)
	if g := r.line(ledger.Mention).Gist; g == nil || !g.Complaint || g.Again || g.Reach != 2 {
		t.Errorf("%+v", g)
	}
}
