package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/decide/text"
	"rapport/shared/flow"
)

// Other is one thing that would have made a decision other than it is, and how. It is found by deciding again.
type Other struct {
	If   string   `json:"if"`   // what would have to be otherwise
	Then []string `json:"then"` // which parts of the decision, from → to
}

// WhatIf tells what would change the outcome, department, priority, action, case or person of a decision: one input or one
// rule is changed at a time, and everything decided again. Of what can be counted the nearest number is told. The same
// Inputs give the same answer.
func (d *Decider) WhatIf(in Inputs) []Other {
	w := &wondering{d: d, in: in, is: d.Decide(in)}
	w.followers()
	w.reading()
	w.author()
	w.circumstances()
	w.rules()
	return w.out
}

// wondering is one run of what would be otherwise.
type wondering struct {
	d   *Decider
	in  Inputs
	is  Decision
	out []Other
}

// try decides with something changed, and notes what that changes.
func (w *wondering) try(what string, change func(*Inputs)) {
	in := w.in
	change(&in)
	w.note(what, w.d.Decide(in))
}

func (w *wondering) note(what string, d Decision) {
	if then := differ(w.is, d); len(then) > 0 {
		w.out = append(w.out, Other{If: what, Then: then})
	}
}

// differ lists what two decisions decide otherwise.
func differ(was, is Decision) []string {
	var out []string
	for _, p := range [...]struct{ name, was, is string }{
		{"outcome", outcome(was), outcome(is)}, {"department", was.Department, is.Department}, {"priority", was.Priority, is.Priority},
		{"action", was.Action, is.Action}, {"case", opens(was), opens(is)}, {"person", linked(was), linked(is)}, {"alert", was.Alert, is.Alert},
	} {
		if p.was != p.is {
			out = append(out, p.name+": "+or(p.was)+" → "+or(p.is))
		}
	}
	return out
}

func outcome(d Decision) string {
	if d.Reason == "" {
		return d.Outcome
	}
	return d.Outcome + " (" + d.Reason + ")"
}

func opens(d Decision) string {
	if d.Conversation != nil && d.Conversation.Case {
		return "yes"
	}
	return "no"
}

func linked(d Decision) string {
	if d.Person != "" {
		return "known"
	}
	return "a stranger"
}

func or(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// most is how far the number of followers is followed.
const most = 100_000_000

// followers finds the nearest larger and smaller number of followers that changes something.
func (w *wondering) followers() {
	now := w.in.Event.Mention.Author.Followers
	if k := w.in.Known; k != nil && !w.in.Event.Mention.Author.Newer(*k) {
		now = k.Followers
	}
	with := func(n int) Decision {
		in := w.in
		set(&in, func(a *flow.Author) { a.Followers, a.Counted = n, true })
		return w.d.Decide(in)
	}
	flips := func(n int) bool { return len(differ(w.is, with(n))) > 0 }
	for far := max(now, 1) * 2; far <= most; far *= 2 {
		if flips(far) {
			w.note(fmt.Sprintf("the author had %d followers or more, not %d", nearest(far/2, far, flips), now), with(nearest(far/2, far, flips)))
			break
		}
	}
	for far := now / 2; now > 0; far /= 2 {
		if flips(far) {
			n := nearest(min(far*2+1, now), far, flips)
			w.note(fmt.Sprintf("the author had %d followers or fewer, not %d", n, now), with(n))
			break
		}
		if far == 0 {
			break
		}
	}
}

// nearest halves the way from a number that changes nothing to one that does.
func nearest(same, other int, flips func(int) bool) int {
	for same+1 < other || other+1 < same {
		if mid := same + (other-same)/2; flips(mid) {
			other = mid
		} else {
			same = mid
		}
	}
	return other
}

// set changes the author wherever a decision looks for one.
func set(in *Inputs, change func(*flow.Author)) {
	change(&in.Event.Mention.Author)
	if in.Known != nil {
		known := *in.Known
		change(&known)
		in.Known = &known
	}
}

// reading changes what the text was understood as.
func (w *wondering) reading() {
	read := func(what string, change func(*text.Result)) {
		w.note(what, w.d.decide(w.in, change))
	}
	complaint := "the text were read as a complaint"
	if w.is.Complaint {
		complaint = "the text were not read as a complaint"
	}
	read(complaint, func(r *text.Result) {
		if r.Complaint = !r.Complaint; r.Complaint {
			r.Intents = append([]string{"complaint"}, r.Intents...)
		} else {
			r.Intents = slices.DeleteFunc(slices.Clone(r.Intents), func(i string) bool { return i == "complaint" })
			if len(r.Intents) == 0 {
				r.Intents = []string{"chatter"}
			}
		}
	})
	for _, label := range []string{"positive", "neutral", "negative"} {
		if label != w.is.Sentiment {
			read("the sentiment were "+label+", not "+or(w.is.Sentiment), func(r *text.Result) { r.Sentiment = label })
		}
	}
	for severity := range 4 {
		if severity == w.is.Severity+1 || severity == w.is.Severity-1 {
			read(fmt.Sprintf("the severity were %d, not %d", severity, w.is.Severity), func(r *text.Result) { r.Severity = severity })
		}
	}
	for _, intent := range []string{"question", "praise", "purchase", "churn", "legal", "press", "job", "idea", "spam"} {
		if !slices.Contains(w.is.Intents, intent) {
			read("the text were read as "+intent+" above all", func(r *text.Result) { r.Intents = []string{intent} })
		}
	}
}

// author changes who the author is taken for.
func (w *wondering) author() {
	m := w.in.Event.Mention
	if w.in.Person == nil {
		w.try("the author were a known person", func(in *Inputs) { in.Person = &flow.Person{ID: "somebody", Authors: []string{m.Author.ID}} })
	} else {
		w.try("the author were a stranger", func(in *Inputs) { in.Person, in.Candidates = nil, nil })
		w.try("the person were protected", func(in *Inputs) { p := *in.Person; p.Protected = !p.Protected; in.Person = &p })
	}
	if len(w.in.Candidates) > 0 {
		w.try("nobody were found by e-mail, phone or address", func(in *Inputs) { in.Candidates = nil })
	}
	w.try("the author objected", func(in *Inputs) { in.Objected = !in.Objected })
	for _, purpose := range []string{"service", "matching", "scoring"} {
		if slices.Contains(w.in.Consented, purpose) {
			w.try("the author had not consented to "+purpose, func(in *Inputs) {
				in.Consented = slices.DeleteFunc(slices.Clone(in.Consented), func(p string) bool { return p == purpose })
			})
		} else {
			w.try("the author had consented to "+purpose, func(in *Inputs) { in.Consented = append(slices.Clone(in.Consented), purpose) })
		}
	}
}

// circumstances changes where and when it was said.
func (w *wondering) circumstances() {
	say := "it were private"
	if w.in.Event.Mention.Private {
		say = "it were public"
	}
	w.try(say, func(in *Inputs) { in.Event.Mention.Private = !in.Event.Mention.Private })
	w.try("the brand were in crisis", func(in *Inputs) { in.Crisis = !in.Crisis })
	if w.in.Conversation == nil {
		return
	}
	w.try("it were the first word of the exchange", func(in *Inputs) { in.Conversation = nil })
	if w.in.Conversation.Status != flow.Answered {
		w.try("the brand had answered already", func(in *Inputs) {
			c := *in.Conversation
			c.Status, c.AnsweredAt = flow.Answered, in.Event.Mention.Created.Add(time.Second)
			in.Conversation = &c
		})
	}
}

// rules leaves out each rule that holds, and lets each hold that does not.
func (w *wondering) rules() {
	for _, list := range []struct {
		name string
		of   func(*Decider) *[]rule
	}{
		{"filter", func(d *Decider) *[]rule { return &d.filters }}, {"routing", func(d *Decider) *[]rule { return &d.routes }},
		{"action", func(d *Decider) *[]rule { return &d.actions }},
	} {
		for i, r := range *list.of(w.d) {
			if len(r.brands) > 0 && !slices.Contains(r.brands, w.in.Event.Mention.Brand) {
				continue
			}
			for _, holds := range []bool{false, true} {
				if holds && r.when == nil {
					continue // it always does
				}
				d := *w.d
				rest := slices.Delete(slices.Clone(*list.of(w.d)), i, i+1)
				say := fmt.Sprintf("%s rule “%s” were not there", list.name, r.name)
				if holds {
					always := r
					always.when = nil
					rest = append([]rule{always}, rest...)
					say = fmt.Sprintf("%s rule “%s” held: %s", list.name, r.name, r.when)
				}
				*list.of(&d) = rest
				w.note(say, d.Decide(w.in))
			}
		}
	}
}

// Short says in a line why a decision is as it is: no words of what was said, at most ShortLength characters.
func Short(d Decision) string {
	if d.Outcome != Mention && d.Outcome != "" {
		return cut(outcome(d))
	}
	var parts []string
	if d.Priority != "" {
		parts = append(parts, d.Priority)
	}
	if len(d.Intents) > 0 {
		parts = append(parts, strings.Join(d.Intents, ", "))
	}
	if d.Severity > 0 {
		parts = append(parts, fmt.Sprintf("severity %d", d.Severity))
	}
	if d.Sentiment != "" {
		parts = append(parts, d.Sentiment)
	}
	if d.Department != "" {
		by := d.Department
		if d.Route == corrected {
			by += " as a person corrected it"
		} else if d.Route != "" && d.Route != "text" {
			by += " by rule “" + d.Route + "”"
		}
		parts = append(parts, by)
	}
	if d.Action != "" {
		parts = append(parts, d.Action)
	}
	if d.Score.Version != "" {
		parts = append(parts, fmt.Sprintf("score %d", d.Score.Total))
	}
	if d.Person != "" {
		parts = append(parts, "known")
	}
	return cut(strings.Join(parts, "; "))
}

// ShortLength bounds Short, in characters.
const ShortLength = 250

func cut(s string) string {
	if r := []rune(s); len(r) > ShortLength {
		return string(r[:ShortLength-1]) + "…"
	}
	return s
}
