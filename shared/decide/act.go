package decide

import (
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/action"
	"rapport/shared/decide/text"
	"rapport/shared/flow"
)

// act proposes what to do next.
func (w *draft) act() {
	c, rule := w.choose(w.situation(), &w.Receipts)
	w.Action, w.Why, w.RunnerUp, w.Forbidden = c.Action, c.Why, c.RunnerUp, c.Names()
	if c.Propensity != 1 {
		w.Propensity = c.Propensity
	}
	w.env.Action = c.Action
	w.say("action", "%s: %s", c.Action, c.Why)
	if rule != nil && c.Action == rule.value {
		w.reply(rule.name)
	}
}

// choose lets the first of the tenant's rules that holds propose, and the table where none does.
func (w *draft) choose(s action.Situation, receipts *[]Receipt) (action.Choice, *rule) {
	r := first(w.actions, w.m.Brand, w.env, receipts)
	if r == nil {
		return action.Choose(s, "", ""), nil
	}
	return action.Choose(s, r.value, r.name), r
}

// situation is what a proposal rests on, as far as it does not change by itself.
func (w *draft) situation() action.Situation {
	c := w.in.Conversation
	s := action.Situation{
		Intents: w.Intents, Complaint: w.Complaint, Severity: w.Severity, PII: w.PII, Private: private(*w.m), Feed: w.feed(),
		Closed: !w.m.ReplyUntil.IsZero() && !w.in.Now.Before(w.m.ReplyUntil), Crisis: w.in.Crisis, Impostor: w.Impostor, Known: w.Person != "", Grief: w.spoke.Grief, Held: w.held,
		Answered: c != nil && c.Status == flow.Answered && c.AnsweredAt.After(w.m.Created),
	}
	if s.Old = strings.HasPrefix(w.in.Model, firstModel); s.Old {
		return s
	}
	s.Bot, s.Doubt, s.NoMarketing = w.author.Bot, Doubtful(w.spoke), !w.markets()
	s.NoPrivate = w.in.NoPrivate && w.brand.Contact.Link == "" && !slices.ContainsFunc(w.brand.Templates, func(t config.Template) bool { return t.Action == action.MoveToPrivate })
	s.Pending = c != nil && (c.ReplyState == flow.Approved || c.ReplyState == flow.Sending)
	return s
}

// markets tells whether a basis for marketing holds for the author. Where the configuration says nothing there is none.
func (w *draft) markets() bool {
	ok, _ := w.serves("marketing")
	return ok && w.basis["marketing"] != ""
}

// Doubtful tells whether a text that was read as complaint or praise may as well be the other.
func Doubtful(r text.Result) bool {
	if r.Complaint {
		return r.Sure < 0.8
	}
	return r.Sure >= 0.1
}

// Moment is when and where a proposal is asked for.
type Moment struct {
	Contact string // "" = on the network; call, shop, chat, mail: they are in contact with the brand there
	Pending bool   // an answer is drafted, approved or being sent
	Loop    bool   // the brand's last word was an automatic answer
	Score   int    // of whoever it is about
}

// Works tells whether a time is within a brand's hours.
func (d *Decider) Works(brand string, at time.Time) bool { return d.brand(brand).calendar.Works(at) }

// Propose proposes what to do about a mention that was decided before, as things stand at in.Now: in is what is known of mention,
// conversation, person, network and brand now, was the decision. Without a mention, with its brand alone, it proposes what to do where
// nothing is open. It is pure.
func (d *Decider) Propose(in Inputs, was Decision, at Moment) action.Choice {
	m := &in.Event.Mention
	w := &draft{Decider: d, Decision: was, in: &in, m: m, brand: d.brand(m.Brand), author: m.Author, person: in.Person}
	w.corrected, _ = flow.Corrected(in.Corrections)
	if in.Known != nil && !w.author.Newer(*in.Known) {
		w.author = *in.Known
	}
	in.Model = Model
	if m.Text != "" { // what is only held back is written down nowhere
		w.spoke = reader().Read(text.Input{Text: m.Text, Lang: was.Lang, Kind: string(m.Kind), News: w.feed(), Rating: m.Rating})
		w.correct(&w.spoke)
		w.held = len(w.brand.finder.Held(m.Text)) > 0
	}
	s := w.situation()
	s.Known = s.Known || in.Person != nil
	s.Pending, s.Loop = s.Pending || at.Pending, at.Loop
	s.Quiet, s.Moment, s.Score = !w.brand.calendar.Works(in.Now), at.Contact, at.Score
	if s.Idle = m.ID == ""; s.Idle {
		s.Doubt = false
		return action.Choose(s, "", "")
	}
	w.env = EnvOf(*m, was, in.Conversation, in.Person, w.brand.Brand, w.source())
	w.env.Author = w.author
	c, _ := w.choose(s, &w.Receipts)
	return c
}
