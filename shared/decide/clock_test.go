package decide

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/config"
	"rapport/shared/flow"
)

// With pause, a clock has in all its stretches together the working minutes that the SLA gives, as counting every minute in
// which it is the brand's turn gives them; without, every stretch has all of them.
func TestTheClockPausesWhileTheAuthorIsToSpeak(t *testing.T) {
	for _, pause := range []bool{true, false} {
		d := decider(t, func(doc *config.Document) {
			doc.Brands[0].Pause, doc.Brands[0].SLA = pause, map[string]string{"low": "5h", "normal": "5h", "high": "5h", "urgent": "5h"}
		})
		rapid.Check(t, func(t *rapid.T) {
			at := now.Truncate(time.Minute)
			zone := d.Zone("nordlicht")
			works := func(m time.Time) bool {
				l := m.In(zone)
				return l.Weekday() != time.Saturday && l.Weekday() != time.Sunday && l.Hour() >= 9 && l.Hour() < 17
			}
			say := func(c *flow.Conversation, n int, text string) *flow.Conversation {
				in := inputs(text)
				in.Now, in.Conversation = at, c
				in.Event.At, in.Event.Mention.Created = at, at
				in.Event.Mention.ID, in.Event.Mention.Root = fmt.Sprint("mastodon:", n), "mastodon:1"
				if text == "Wir fragen nach." {
					in.Event.Mention.Author, in.Event.Mention.Direction = flow.Author{ID: "mastodon:ours"}, flow.Out
				}
				return d.Decide(in).Conversation
			}
			left := 300 // working minutes
			c := say(nil, 1, complaint)
			for turn := range rapid.IntRange(0, 5).Draw(t, "turns") {
				want := at
				for n := left; n > 0; want = want.Add(time.Minute) {
					if works(want) {
						n--
					}
				}
				if !c.Due.Equal(want) || c.Status != flow.Waiting {
					t.Fatalf("turn %d, at %s: due %s (%s), counted %s", turn, at, c.Due, c.Status, want)
				}
				for n := rapid.IntRange(0, 30*60).Draw(t, "ours"); n > 0; n-- { // it is the brand's turn
					if works(at) {
						left--
					}
					at = at.Add(time.Minute)
				}
				c = say(c, 100+turn, "Wir fragen nach.")
				if c.Status != flow.Answered || turn == 0 && (c.SLA == flow.Missed) != at.After(want) {
					t.Fatalf("answered at %s, due %s: %s, %s", at, want, c.Status, c.SLA)
				}
				at = at.Add(time.Duration(rapid.IntRange(1, 48*60).Draw(t, "theirs")) * time.Minute)
				if left <= 0 || !pause { // a broken promise is no reason to be late again at once
					left = 300
				}
				c = say(c, 200+turn, complaint)
			}
		})
	}
}

// The first answer settles the promise, whatever comes later, and in whatever order answers become known.
func TestFirstAnswer(t *testing.T) {
	d := decider(t, nil)
	opened := d.Decide(inputs(complaint))
	if c := opened.Conversation; c.Owed.IsZero() || !c.First.IsZero() || c.SLA != "" || c.Start != "mastodon:1" || !c.Since.Equal(c.Owed) {
		t.Fatalf("%+v", c)
	}
	out := func(before Decision, id string, later time.Duration) Decision {
		in := said(before, id, "Wir schauen nach!", later)
		in.Event.Mention.Author = flow.Author{ID: "mastodon:ours"}
		return d.Decide(in)
	}
	late := out(opened, "mastodon:8", 9*24*time.Hour)
	if late.Conversation.SLA != flow.Missed {
		t.Errorf("nine days: %q", late.Conversation.SLA)
	}
	earlier := out(late, "mastodon:7", 10*time.Minute).Conversation // comes after it, was said before it
	if earlier.SLA != flow.Kept || !earlier.First.Equal(now.Add(9*time.Minute)) {
		t.Errorf("%s %s", earlier.SLA, earlier.First)
	}
	again := d.Decide(said(Decision{Conversation: earlier}, "mastodon:9", complaint, 10*24*time.Hour))
	slow := out(again, "mastodon:10", 30*24*time.Hour).Conversation
	if slow.SLA != flow.Kept || !slow.First.Equal(earlier.First) {
		t.Errorf("a later answer changed the first: %s %s", slow.SLA, slow.First)
	}
	past := inputs(complaint)
	past.Source = "history"
	if c := d.Decide(past).Conversation; !c.Owed.IsZero() {
		t.Error("the past owes an answer")
	}
}

func escalating(list ...config.Escalation) func(*config.Document) {
	return func(doc *config.Document) {
		doc.Brands[0].Escalate = list
		doc.Routing = []config.Route{{Name: "bills", When: `mention.text contains "Rechnung"`, Department: "sales"}}
	}
}

func TestEscalations(t *testing.T) {
	d := decider(t, escalating(
		config.Escalation{Name: "half", After: "50%", Priority: "urgent", Alert: true},
		config.Escalation{Name: "others", After: "10%", Queues: []string{"bills"}, Departments: []string{"hr"}, Priority: "low"},
		config.Escalation{Name: "law", Queues: []string{"bills"}, Priorities: []string{"normal", "high", "urgent"}, Department: "legal", Priority: "low"},
	))
	c := *d.Decide(inputs(complaint)).Conversation
	if c.Queue != "bills" || c.Department != "sales" {
		t.Fatalf("%+v", c)
	}
	steps := d.Steps(c)
	names := func() (out []string) {
		for _, s := range steps {
			out = append(out, s.Name)
		}
		return out
	}
	whole := d.Clock("nordlicht", c.Since, c.Due)
	if !slices.Equal(names(), []string{"half", "law"}) || d.Clock("nordlicht", c.Since, steps[0].At) != (whole/2).Truncate(time.Minute) || !steps[1].At.Equal(c.Due) {
		t.Fatalf("%+v of %s", steps, whole)
	}
	if at, ok := d.Next(c); !ok || !at.Equal(steps[0].At) {
		t.Errorf("next %s", at)
	}
	if d.Escalate(&c, steps[0].At.Add(-time.Minute)) || !d.Escalate(&c, steps[0].At) || d.Escalate(&c, steps[0].At) {
		t.Error("half of the time is not used up once")
	}
	if c.Priority != "urgent" || c.SLA != "" || !slices.Equal(c.Escalated, []string{"half"}) {
		t.Errorf("%+v", c)
	}
	if !d.Escalate(&c, c.Due) || c.Priority != "urgent" || c.Department != "legal" || c.SLA != flow.Missed || d.Escalate(&c, c.Due.Add(time.Hour)) {
		t.Errorf("late: %+v", c)
	}
	c.Status = flow.Answered
	if d.Steps(c) != nil || d.Escalate(&c, c.Due.Add(time.Hour)) {
		t.Error("what is answered is escalated")
	}
}

// Without own escalations a late answer becomes urgent.
func TestOverdueIsUrgent(t *testing.T) {
	d := decider(t, nil)
	c := *d.Decide(inputs(complaint)).Conversation
	if d.Escalate(&c, c.Due.Add(-time.Minute)) || !d.Escalate(&c, c.Due) || c.Priority != "urgent" || !slices.Equal(c.Escalated, []string{Overdue}) {
		t.Errorf("%+v", c)
	}
}

func TestMistakesInEscalations(t *testing.T) {
	doc := document()
	escalating(config.Escalation{Name: "a", After: "soon", Alert: true}, config.Escalation{Name: "b"}, config.Escalation{Name: "c", Queues: []string{"bils"}, Alert: true},
		config.Escalation{Name: "d", Department: "servise"}, config.Escalation{Name: "e", Priority: "hihg"}, config.Escalation{Name: "e", Alert: true})(doc)
	_, err := New(doc)
	if err == nil {
		t.Fatal("it passed")
	}
	for _, want := range []string{`brands[0] "nordlicht": escalate[0] "a": after "soon"`, "write 80%", `escalate[1] "b": does nothing`, `did you mean "bills"?`, `did you mean "service"?`,
		`did you mean "high"?`, `escalate[5] "e": name stands there twice`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("…%s… is missing in:\n%v", want, err)
		}
	}
}
