package main

import (
	"slices"
	"testing"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/action"
	"rapport/shared/decide/language"
	"rapport/shared/decide/text"
)

// On the half of the labelled situations that may be looked at nothing forbidden is proposed, and what is proposed fits.
func TestSituations(t *testing.T) {
	list, err := situations("../../" + situationLines)
	if err != nil || len(list) < 120 {
		t.Fatal(len(list), err)
	}
	f, err := chosen("../../"+situationLines, false)
	if err != nil || f.n < 60 || f.n == len(list) {
		t.Fatal(f.n, err)
	}
	for _, say := range f.says {
		t.Log(say)
	}
	if f.forbidden > 0 || float64(f.acceptable) < 0.85*float64(f.n) {
		t.Errorf("of %d proposals %d are acceptable and %d forbidden", f.n, f.acceptable, f.forbidden)
	}
	if f.wished < 400 || f.given > 2 { // a homonym of the brand's name cannot be told from other chatter
		t.Errorf("a rule gets %d of %d things that are forbidden", f.given, f.wished)
	}
	t.Logf("of %d proposals %d are acceptable and %d forbidden", f.n, f.acceptable, f.forbidden)
}

// From the words alone: what is misread may be answered amiss, but not often.
func TestPostsToActions(t *testing.T) {
	r, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	d, err := language.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]float64{"posts.jsonl": 0.95, "unseen.jsonl": 0.8} { // all of the latter are hard
		posts, err := labelledIn("../../"+testdata, name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := carriedOut(r, posts, func(p corpus.Post) string { code, _ := d.Detect(p.Text, ""); return code })
		if err != nil {
			t.Fatal(err)
		}
		for _, say := range f.says {
			t.Log(say)
		}
		if f.n < 20 || float64(f.acceptable) < least*float64(f.n) {
			t.Errorf("%s: of %d proposals %d are acceptable and %d forbidden", name, f.n, f.acceptable, f.forbidden)
		}
		t.Logf("%s: of %d proposals %d are acceptable and %d forbidden", name, f.n, f.acceptable, f.forbidden)
	}
}

// The guide says of a complaint, a message and a number what the labels of people say.
func TestGuide(t *testing.T) {
	fit, not := guide(corpus.Post{Kind: "message", Intents: []string{"complaint"}, Severity: 2}, []string{"customer_number"})
	if slices.Contains(fit, action.Identify) || slices.Contains(fit, action.MoveToPrivate) || !slices.Contains(fit, action.CallBack) || !slices.Contains(not, action.ReplyPublic) || !slices.Contains(not, action.Watch) {
		t.Errorf("fit %v, forbidden %v", fit, not)
	}
}
