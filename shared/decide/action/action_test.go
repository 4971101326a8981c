package action

import (
	"bufio"
	"encoding/json"
	"os"
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
	if got := Choose(s, ReplyPublic, "always"); got.Action != MoveToPrivate || !slices.Contains(got.Names(), ReplyPublic) {
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
			Held: flag("held"), NoPrivate: flag("no private"), NoMarketing: flag("no marketing"), Bot: flag("bot"), Pending: flag("pending"), Loop: flag("loop"), Doubt: flag("doubt"),
			Quiet: flag("quiet"), Moment: rapid.SampledFrom(append(Moments(), "", "", "")).Draw(t, "moment"), Score: rapid.IntRange(0, 100).Draw(t, "score"),
		}
		if s.Idle = rapid.IntRange(0, 9).Draw(t, "idle") == 0; s.Idle {
			s.Intents, s.Complaint, s.Severity = nil, false, 0
		}
		if flag("data") {
			s.PII = []string{"iban"}
		}
		got := Choose(s, rapid.SampledFrom(append(Names(), "")).Draw(t, "rule"), "r")
		if slices.Contains(got.Names(), got.RunnerUp) || got.RunnerUp == got.Action || got.Propensity != 1 {
			t.Fatalf("%+v", got)
		}
		if slices.Contains(got.Names(), got.Action) {
			t.Fatalf("proposes what is forbidden: %+v", got)
		}
		if slices.ContainsFunc(got.Forbidden, func(b Bar) bool { return b.Why == "" }) {
			t.Fatalf("forbids without a reason: %+v", got)
		}
		spoken := slices.Contains([]string{ReplyPublic, MoveToPrivate, Thank, Advocate}, got.Action)
		if spoken && (s.Bot || s.Pending || s.Feed) || got.Action == CallBack && s.Quiet && s.Severity < 3 && s.Moment == "" || got.Action == Advocate && s.NoMarketing {
			t.Fatalf("%+v: %+v", s, got)
		}
		if s.NoPrivate && !s.Private && s.Moment == "" && (got.Action == MoveToPrivate || got.Action == Identify) {
			t.Fatalf("%+v: %+v", s, got)
		}
		if got.Action == ReplyPublic && (s.Private || s.Feed || s.Idle || s.Severity == 3 || len(s.PII) > 0 && s.Intents[0] != "praise") {
			t.Fatalf("%+v answers in public", s)
		}
		if s.Complaint && (got.Action == Thank || got.Action == HideSpam) {
			t.Fatalf("%+v", got)
		}
	})
}

// Receipts of the first version are decided as they were: their limits and their words stay.
func TestFirstVersion(t *testing.T) {
	f, err := os.Open("testdata/first.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var was struct {
			Situation Situation `json:"situation"`
			Rule      string    `json:"rule"`
			Action    string    `json:"action"`
			Why       string    `json:"why"`
			RunnerUp  string    `json:"runner_up"`
			Forbidden []string  `json:"forbidden"`
		}
		if err := json.Unmarshal(lines.Bytes(), &was); err != nil {
			t.Fatal(err)
		}
		was.Situation.Old = true
		is := Choose(was.Situation, was.Rule, "r")
		if is.Action != was.Action || is.Why != was.Why || is.RunnerUp != was.RunnerUp || !slices.Equal(is.Names(), was.Forbidden) {
			t.Errorf("%s\nis now %+v", lines.Text(), is)
		}
	}
	if n < 50 {
		t.Errorf("%d situations", n)
	}
}
