package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// every road by which an answer comes stops the clock, settles the promise, and nothing is escalated any more.
func TestEveryRoadOfAnAnswerStopsTheClock(t *testing.T) {
	own := func(r *rig, root string) {
		e := said("o1", "nord", "Das tut uns leid.", r.now)
		e.Mention.Direction, e.Mention.Parent = flow.Out, root
		r.hook(e)
	}
	roads := map[string]func(*rig){
		"in the network, by whatever tool": func(r *rig) { own(r, "site:m1") },
		"approved in the CRM":              func(r *rig) { r.approve("Das tut uns leid.") },
		"sent, and shown by the network":   func(r *rig) { r.approve("Das tut uns leid."); r.run(); own(r, "site:m1") },
		"the case is closed": func(r *rig) {
			c := r.crm.one("case")
			r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", By: "agent", Fields: map[string]any{crm.FieldStatus: "closed"}})
		},
		"the author deletes it": func(r *rig) { r.hook(deleted(said("m1", "anna", complaint, start), r.now)) },
	}
	for name, answer := range roads {
		for _, late := range []bool{false, true} {
			r := newRig(t, options{})
			r.hook(said("m1", "anna", complaint, start))
			wait := 20 * time.Minute
			if late {
				wait = 5 * time.Hour
			}
			r.live(wait, 5*time.Minute)
			answer(r)
			r.run()
			before := r.conversation()
			r.live(6*time.Hour, 10*time.Minute)
			c := r.conversation()
			want := flow.Kept
			if late {
				want = flow.Missed
			}
			if strings.HasPrefix(name, "the author") && !late {
				want = ""
			}
			if c.SLA != want || (c.Status != flow.Answered && c.Status != flow.Closed) || len(c.Escalated) != len(before.Escalated) || late != (len(c.Escalated) == 1) {
				t.Errorf("%s, late %t: %s, %q, escalated %v", name, late, c.Status, c.SLA, c.Escalated)
			}
			if answered := c.Status == flow.Answered; answered != !c.First.IsZero() || answered && c.First.After(start.Add(wait+time.Minute)) {
				t.Errorf("%s, late %t: first answered at %s", name, late, c.First)
			}
		}
	}
}

const ladder = `    escalate:
      - {name: hurry, after: 50%, priority: high, alert: true}
      - {name: lead, after: breach, priority: urgent, department: legal, alert: true}
`

func withLadder(text string) string {
	text = strings.Replace(text, "    budget: 1\n", "    budget: 1\n"+ladder, 1)
	return strings.Replace(text, "      note: conversation.priority\n", "      note: conversation.priority + \" \" + conversation.department + \" \" + join(conversation.escalated, \",\") + \" \" + conversation.sla\n", 1)
}

// Each escalation is made once, at its minute, is seen in the CRM, and alerts once, wherever an attempt dies.
func TestEscalations(t *testing.T) {
	for _, of := range []string{"", "conversation", "due", "record", "account"} {
		r := newRig(t, options{edit: withLadder})
		r.hook(said("m1", "anna", complaint, start))
		r.run()
		c := r.conversation()
		half := c.Since.Add(c.Due.Sub(c.Since) / 2)
		var marks []string
		for r.now.Before(c.Due.Add(time.Hour)) {
			if of != "" && r.now.Equal(half.Add(time.Minute).Truncate(time.Minute)) {
				r.store.fail = once(of, fault.New(fault.Transient, "throttled"))
			}
			r.pass(time.Minute)
			_ = r.app.Tick(t.Context(), pipeline.Feed{Probe: 10, Most: 1000}) // what fails is due still
			r.run()
			if now := strings.Join(r.conversation().Escalated, ","); len(marks) == 0 || marks[len(marks)-1] != now {
				if marks = append(marks, now); now == "hurry" && (r.now.Before(half) || r.now.After(half.Add(4*time.Minute))) {
					t.Errorf("%q: half of the time is over at %s, not at %s", of, half, r.now)
				}
			}
		}
		if !slices.Equal(marks, []string{"", "hurry", "hurry,lead"}) {
			t.Errorf("%q: %q", of, marks)
		}
		if row := r.crm.one("case"); row.Fields["note"] != "urgent legal hurry,lead missed" {
			t.Errorf("%q: the case says %v", of, row.Fields["note"])
		}
		for _, name := range []string{"hurry", "lead"} {
			if n := strings.Count(r.log.String(), `say="escalated: `+name+`"`); n != 1 {
				t.Errorf("%q: %d alerts of %s", of, n, name)
			}
		}
		for k := range table[map[string]any](r, "due") {
			if strings.HasPrefix(k.Sort, "sla#") {
				t.Errorf("%q: %v is left", of, k)
			}
		}
	}
}

// Who asks to be forgotten leaves no reminder behind, at whatever step it stood.
func TestNoReminderOfWhoIsForgotten(t *testing.T) {
	r := newRig(t, options{edit: withLadder})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	if n := len(table[map[string]any](r, "due")); n == 0 {
		t.Fatal("nothing is due")
	}
	j := jobOf("erase")
	j.Erasure = flow.Erasure{ID: "e", Author: "site:anna", Reason: "request", At: r.now}
	if _, err := r.app.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	r.run()
	for k := range table[map[string]any](r, "due") {
		if strings.HasPrefix(k.Sort, "sla#") {
			t.Errorf("%v is left", k)
		}
	}
}
