package decide

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rapport/shared/config"
)

// The nearest number of followers is told exactly: one fewer changes nothing, and that many do.
func TestWhatIf(t *testing.T) {
	d := decider(t, func(doc *config.Document) {
		doc.Filters = []config.Rule{{Name: "dull", When: `mention.text contains "langweilig"`}}
		doc.Routing = []config.Route{{Name: "famous", When: "author.followers > 12345", Department: "marketing", Priority: "urgent"}}
		doc.Actions = nil
	})
	in := inputs("Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	in.Event.Mention.Author.Followers, in.Event.Mention.Author.Counted = 100, true
	others := d.WhatIf(in)
	find := func(say string) Other {
		t.Helper()
		i := slices.IndexFunc(others, func(o Other) bool { return strings.Contains(o.If, say) })
		if i < 0 {
			t.Fatalf("nothing says %q: %+v", say, others)
		}
		return others[i]
	}
	more := find("followers or more")
	n, err := strconv.Atoi(strings.Fields(strings.TrimPrefix(more.If, "the author had "))[0])
	if err != nil || n > 12346 {
		t.Errorf("%+v", more)
	}
	is := d.Decide(in)
	for followers, same := range map[int]bool{n - 1: true, n: false} {
		in := in
		in.Event.Mention.Author.Followers = followers
		o := d.Decide(in)
		if got := o.Department == is.Department && o.Priority == is.Priority && o.Action == is.Action; got != same {
			t.Errorf("%d followers: %s %s %s", followers, o.Department, o.Priority, o.Action)
		}
	}
	if o := find("filter rule “dull” held"); !strings.Contains(o.Then[0], "filtered (dull)") {
		t.Errorf("%+v", o)
	}
	if o := find("routing rule “famous” held"); !strings.Contains(strings.Join(o.Then, " "), "→ marketing") {
		t.Errorf("%+v", o)
	}
	find("the text were not read as a complaint")
	find("the author objected")
	if !reflect.DeepEqual(others, d.WhatIf(in)) {
		t.Error("asked twice the answers differ")
	}
	if !reflect.DeepEqual(is, d.Decide(in)) {
		t.Error("asking changed the decision")
	}
}

// The short form holds the reasons, no words of the text, and is bounded.
func TestShort(t *testing.T) {
	s := Short(Decision{Outcome: Mention, Priority: "high", Intents: []string{"complaint"}, Severity: 2, Sentiment: "negative",
		Department: "service", Route: "broken", Action: "ask_details", Words: []string{"-kaputt"}})
	if s != "high; complaint; severity 2; negative; service by rule “broken”; ask_details" {
		t.Error(s)
	}
	if s := Short(Decision{Outcome: Filtered, Reason: "dull"}); s != "filtered (dull)" {
		t.Error(s)
	}
	if long := []rune(Short(Decision{Department: "service", Route: strings.Repeat("ä", 400)})); len(long) != ShortLength {
		t.Errorf("%d characters", len(long))
	}
}
