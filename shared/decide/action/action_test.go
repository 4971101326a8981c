package action

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name, want string
		s          Situation
	}{
		{"complaint", MoveToPrivate, Situation{Intents: []string{"complaint"}, Complaint: true, Severity: 1}},
		{"bad complaint", OpenCase, Situation{Intents: []string{"complaint"}, Complaint: true, Severity: 2}},
		{"complaint in private", Identify, Situation{Intents: []string{"complaint"}, Complaint: true, Severity: 1, Private: true}},
		{"with a number", OpenCase, Situation{Intents: []string{"complaint"}, Complaint: true, Severity: 1, Private: true, PII: []string{"order_number"}}},
		{"question", ReplyPublic, Situation{Intents: []string{"question"}}},
		{"question with personal data", MoveToPrivate, Situation{Intents: []string{"question"}, PII: []string{"phone"}}},
		{"question in private", OpenCase, Situation{Intents: []string{"question"}, Private: true}},
		{"purchase", SendToSales, Situation{Intents: []string{"purchase"}}},
		{"praise", Thank, Situation{Intents: []string{"praise"}}},
		{"praise in a feed", Watch, Situation{Intents: []string{"praise"}, Feed: true}},
		{"spam", HideSpam, Situation{Intents: []string{"spam"}}},
		{"legal", OpenCase, Situation{Intents: []string{"legal"}}},
		{"chatter", None, Situation{Intents: []string{"chatter"}}},
		{"nothing at all", None, Situation{}},
	} {
		if got := Choose(c.s, "", ""); got.Action != c.want || got.Why == "" {
			t.Errorf("%s: %+v; want %s", c.name, got, c.want)
		}
	}
}

func TestARuleHoldsUnlessForbidden(t *testing.T) {
	s := Situation{Intents: []string{"complaint"}, Complaint: true, Severity: 1, PII: []string{"iban"}}
	if got := Choose(s, CallBack, "phone them"); got.Action != CallBack || got.RunnerUp != MoveToPrivate {
		t.Errorf("%+v", got)
	}
	if got := Choose(s, ReplyPublic, "always"); got.Action != MoveToPrivate || !slices.Contains(got.Forbidden, ReplyPublic) {
		t.Errorf("%+v", got)
	}
}

// Whatever the situation and the rule: what is proposed is not forbidden, and the hard limits hold.
func TestLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flag := func(n string) bool { return rapid.Bool().Draw(t, n) }
		s := Situation{
			Intents:   []string{rapid.SampledFrom([]string{"question", "complaint", "praise", "purchase", "idea", "churn", "legal", "press", "job", "spam", "chatter"}).Draw(t, "intent")},
			Complaint: flag("complaint"), Severity: rapid.IntRange(0, 3).Draw(t, "severity"), Private: flag("private"), Feed: flag("feed"), Closed: flag("closed"),
			Answered: flag("answered"), Crisis: flag("crisis"), Impostor: flag("impostor"), Known: flag("known"), Grief: flag("grief"),
		}
		if flag("data") {
			s.PII = []string{"iban"}
		}
		got := Choose(s, rapid.SampledFrom(append(Names(), "")).Draw(t, "rule"), "r")
		if slices.Contains(got.Forbidden, got.RunnerUp) || got.RunnerUp == got.Action {
			t.Fatalf("%+v", got)
		}
		if slices.Contains(got.Forbidden, got.Action) && got.Action != Watch {
			t.Fatalf("proposes what is forbidden: %+v", got)
		}
		if got.Action == ReplyPublic && (s.Private || s.Feed || s.Severity == 3 || len(s.PII) > 0 && s.Intents[0] != "praise") {
			t.Fatalf("%+v answers in public", s)
		}
		if s.Complaint && (got.Action == Thank || got.Action == HideSpam) {
			t.Fatalf("%+v", got)
		}
	})
}
