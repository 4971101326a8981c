package decide

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/action"
	"rapport/shared/flow"
)

const lampBroken = "Meine Lampe ist seit drei Wochen kaputt, und niemand antwortet. So ein schlechter Service!"

// What stands against an action besides the words: a machine, a place without private messages, a basis, an answer under way.
func TestBars(t *testing.T) {
	template := func(doc *config.Document) {
		doc.Brands[0].Templates = []config.Template{{Action: action.MoveToPrivate, Lang: "de", Text: "Bitte schreibt an hilfe@nordlicht.example."}}
	}
	consent := func(doc *config.Document) { doc.Basis = config.Basis{"marketing": "legitimate_interest"} }
	for _, c := range []struct {
		name   string
		text   string
		config func(*config.Document)
		change func(*Inputs)
		not    []string
		may    []string
	}{
		{"a stranger's complaint", lampBroken, consent, nil, []string{action.Thank}, []string{action.MoveToPrivate, action.Identify}},
		{"a machine", lampBroken, nil, func(in *Inputs) { in.Event.Mention.Author.Bot = true }, []string{action.ReplyPublic, action.MoveToPrivate}, []string{action.OpenCase}},
		{"no private messages", lampBroken, nil, func(in *Inputs) { in.NoPrivate = true }, []string{action.MoveToPrivate, action.Identify}, []string{action.ReplyPublic}},
		{"another way that the brand names", lampBroken, template, func(in *Inputs) { in.NoPrivate = true }, nil, []string{action.MoveToPrivate}},
		{"on its way", lampBroken, nil, func(in *Inputs) {
			in.Conversation = &flow.Conversation{ID: "x~y", Status: flow.Waiting, ReplyState: flow.Approved}
		}, []string{action.ReplyPublic, action.MoveToPrivate}, nil},
		{"nothing said of marketing", "Vielen Dank, ihr seid super, @nordlicht!", nil, nil, []string{action.Advocate}, []string{action.Thank}},
		{"a basis for marketing", "Vielen Dank, ihr seid super, @nordlicht!", consent, nil, nil, []string{action.Advocate, action.Thank}},
		{"an objection to it", "Vielen Dank, ihr seid super, @nordlicht!", consent, func(in *Inputs) { in.Refuses = []string{"marketing"} }, []string{action.Advocate}, nil},
		{"no basis, but they want to buy", "Ich möchte zu Nordlicht wechseln, was kostet der Tarif?", nil, nil, nil, []string{action.SendToSales}},
		{"as the first version knew it", lampBroken, nil, func(in *Inputs) {
			in.Model, in.NoPrivate, in.Event.Mention.Author.Bot = strings.Replace(Model, "rapport-2/", firstModel, 1), true, true
		}, nil, []string{action.ReplyPublic, action.MoveToPrivate, action.Identify}},
	} {
		in := inputs(c.text)
		if c.change != nil {
			c.change(&in)
		}
		d := decider(t, c.config).Decide(in)
		for _, a := range c.not {
			if !slices.Contains(d.Forbidden, a) {
				t.Errorf("%s: %s is not forbidden: %v", c.name, a, d.Forbidden)
			}
		}
		for _, a := range c.may {
			if slices.Contains(d.Forbidden, a) {
				t.Errorf("%s: %s is forbidden: %v", c.name, a, d.Forbidden)
			}
		}
		if d.Propensity != 0 {
			t.Errorf("%s: propensity %v is written down", c.name, d.Propensity)
		}
	}
}

// What is proposed later knows what was decided and what the moment says.
func TestPropose(t *testing.T) {
	d := decider(t, nil)
	in := inputs(lampBroken)
	was := d.Decide(in)
	bars := func(c action.Choice) string {
		var all []string
		for _, b := range c.Forbidden {
			all = append(all, b.Action+": "+b.Why)
		}
		return strings.Join(all, "\n")
	}
	in.Now = now.Add(-3 * 24 * time.Hour) // a Sunday
	if c := d.Propose(in, was, Moment{}); !strings.Contains(bars(c), "call_back: outside the brand's hours") || c.Action != was.Action || c.Why == "" || c.Propensity != 1 {
		t.Errorf("on a Sunday: %+v", c)
	}
	in.Now = now.Add(time.Hour)
	if c := d.Propose(in, was, Moment{}); strings.Contains(bars(c), action.CallBack) {
		t.Errorf("in working hours: %+v", c)
	}
	if c := d.Propose(in, was, Moment{Pending: true}); !strings.Contains(bars(c), "an answer is on its way") {
		t.Errorf("with an answer under way: %+v", c)
	}
	if c := d.Propose(in, was, Moment{Contact: action.Call}); !strings.Contains(bars(c), "in contact with you") || c.Action == action.MoveToPrivate {
		t.Errorf("on the phone: %+v", c)
	}
	nobody := Inputs{Now: now, Event: flow.Event{Mention: flow.Mention{Brand: "nordlicht"}}}
	if c := d.Propose(nobody, Decision{}, Moment{Contact: action.Call}); c.Action != action.Identify {
		t.Errorf("a stranger calls: %+v", c)
	}
	nobody.Person = &flow.Person{ID: "p1"}
	if c := d.Propose(nobody, Decision{}, Moment{Score: 80}); c.Action != action.None {
		t.Errorf("without a basis for marketing: %+v", c)
	}
	free := decider(t, func(doc *config.Document) { doc.Basis = config.Basis{"marketing": "legitimate_interest"} })
	if c := free.Propose(nobody, Decision{}, Moment{Score: 80}); c.Action != action.Thank {
		t.Errorf("to whom many listen: %+v", c)
	}
}
