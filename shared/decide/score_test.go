package decide

import (
	"strings"
	"testing"

	"rapport/shared/config"
	"rapport/shared/flow"
)

// Strangers are scored only where somebody switched that on, and who is excluded never is: then nothing is kept that a
// score would rest on.
func TestWhoIsScored(t *testing.T) {
	stranger := inputs(complaint)
	known := inputs(complaint)
	known.Person = &flow.Person{ID: "p1", Authors: []string{"mastodon:ada"}}
	customer := inputs(complaint)
	customer.Person = &flow.Person{ID: "p1", Authors: []string{"mastodon:ada"}, Links: []flow.Link{{To: "crm", Object: "Contact", Record: "7"}}}
	excluded, author := customer, stranger
	who := *customer.Person
	who.Unscored = "works here"
	excluded.Person = &who
	author.Unscored = "a journalist"
	for _, c := range []struct {
		name      string
		in        Inputs
		strangers bool
		say       string
	}{
		{"stranger", stranger, false, "none: no customer"}, {"stranger, switched on", stranger, true, "of 100"},
		{"known, but in no CRM", known, false, "none: no customer"}, {"customer", customer, false, "of 100"},
		{"excluded person", excluded, true, "none: excluded: works here"}, {"excluded author", author, true, "none: excluded: a journalist"},
	} {
		c.in.Seen = Seen{Mentions: 9, Reactions: 400, Relevant: 5, Last: now.AddDate(0, 0, -1)}
		got := decider(t, func(doc *config.Document) { doc.Score.Strangers = c.strangers }).Decide(c.in)
		say := ""
		for _, r := range got.Receipts {
			if r.Of == "score" {
				say += r.Say
			}
		}
		scored := c.say == "of 100"
		if !strings.Contains(say, c.say) || (got.Score.Version != "") != scored || (got.Seen.Reactions > 0) != scored || (got.Seen.Mentions > 0) != scored || got.Seen.Last.IsZero() {
			t.Errorf("%s: %q, score %+v, seen %+v", c.name, say, got.Score, got.Seen)
		}
	}
}

// Whoever has several accounts is heard by all of them: the rules see what these come to.
func TestSeveralAccounts(t *testing.T) {
	in := inputs(complaint)
	in.Person = &flow.Person{ID: "p1", Authors: []string{"mastodon:ada", "x:ada"}, Links: []flow.Link{{To: "crm", Object: "Contact", Record: "7"}},
		Score: flow.Score{Total: 58, Version: "scs-2", Confidence: 70}, Scores: map[string]flow.Score{"x:ada": {Total: 58, Version: "scs-2", Confidence: 70}}}
	got := decider(t, nil).Decide(in)
	if got.Combined.Total <= 58 || got.Score.Total >= 58 || len(in.Person.Scores) != 1 {
		t.Errorf("own %+v, combined %+v, person %+v", got.Score, got.Combined, in.Person)
	}
	if env := EnvOf(in.Event.Mention, got, nil, in.Person, config.Brand{}, "live"); env.Score != got.Combined.Total {
		t.Errorf("rules see %d", env.Score)
	}
}

// A score brings somebody forward and never back, whatever the rules say; and it filters nobody out.
func TestAScoreLowersNothing(t *testing.T) {
	route := func(when, priority string) Decision {
		return decider(t, func(doc *config.Document) {
			doc.Routing = []config.Route{{Name: "r", When: when, Department: "service", Priority: priority}}
		}).Decide(inputs(complaint))
	}
	plain := route("false", "").Priority
	if got := route("score < 50", "low").Priority; got != plain || plain == "low" {
		t.Errorf("a low score made %s of %s", got, plain)
	}
	if got := route("score < 50", "urgent").Priority; got != "urgent" {
		t.Errorf("it may raise: %s", got)
	}
	if got := route(`mention.network == "mastodon"`, "low").Priority; got != "low" {
		t.Errorf("other rules may lower: %s", got)
	}
	doc := document()
	doc.Filters = []config.Rule{{Name: "unimportant", When: "person.score.total < 5"}}
	if _, err := New(doc); err == nil || !strings.Contains(err.Error(), "drops nobody") {
		t.Errorf("a filter looks at the score: %v", err)
	}
	doc.Filters[0].When = `text contains "the \"score\" was" or text contains 'score'`
	if _, err := New(doc); err != nil {
		t.Errorf("the word in a text is no look at it: %v", err)
	}
}
