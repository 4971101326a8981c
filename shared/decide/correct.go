package decide

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"rapport/shared/decide/text"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// corrected is the route of a department that a person set.
const corrected = "correction"

var code = regexp.MustCompile(`^[a-z]{2,3}$`)

// Check tells what of a corrected reading nobody can say. Invalid names the part, the value and what there is.
func Check(r flow.Reading) error {
	one := func(part, value string, of []string) error {
		if value == "" || slices.Contains(of, value) {
			return nil
		}
		if near := expression.Nearest(value, of); near != "" {
			return fault.New(fault.Invalid, "%s %q is not known; did you mean %q?", part, value, near)
		}
		return fault.New(fault.Invalid, "%s %q is not known: use one of %s", part, value, strings.Join(of, ", "))
	}
	if r.Lang != "" && !code.MatchString(r.Lang) {
		return fault.New(fault.Invalid, "lang %q is no language: use one such as de, en or und", r.Lang)
	}
	if err := one("sentiment", r.Sentiment, Sentiments()); err != nil {
		return err
	}
	if err := one("department", r.Department, Departments()); err != nil {
		return err
	}
	for i, name := range r.Intents {
		if err := one("intent", name, text.Intents()); err != nil {
			return err
		}
		if slices.Contains(r.Intents[:i], name) {
			return fault.New(fault.Invalid, "intent %q is named twice", name)
		}
		if alone := name == "spam" || name == "chatter"; alone && len(r.Intents) > 1 {
			return fault.New(fault.Invalid, "intent %s stands alone, not with %s", name, strings.Join(slices.DeleteFunc(slices.Clone(r.Intents), func(i string) bool { return i == name }), ", "))
		}
	}
	if r.Severity != nil && (*r.Severity < 0 || *r.Severity > 3) {
		return fault.New(fault.Invalid, "severity %d is none: it goes from 0 to 3", *r.Severity)
	}
	if r.Complaint != nil && len(r.Intents) > 0 && *r.Complaint != slices.Contains(r.Intents, "complaint") {
		return fault.New(fault.Invalid, "complaint and intents contradict each other: a complaint has the intent complaint, and nothing else has")
	}
	return nil
}

// Sentiments lists the attitudes.
func Sentiments() []string { return []string{"positive", "neutral", "negative"} }

// Departments lists who can act first.
func Departments() []string { return slices.Clone(departments[:]) }

// correct puts what people corrected over what was read. What hangs on it and was not corrected follows.
func (w *draft) correct(r *text.Result) {
	c, newest := flow.Corrected(w.in.Corrections)
	if newest == nil || c.Empty() {
		return
	}
	r.Intents = slices.Clone(r.Intents)
	moved := len(c.Intents) > 0 || c.Complaint != nil
	switch {
	case len(c.Intents) > 0:
		r.Intents = slices.Clone(c.Intents)
	case c.Complaint != nil && *c.Complaint && !slices.Contains(r.Intents, "complaint"):
		r.Intents = append([]string{"complaint"}, slices.DeleteFunc(r.Intents, alone)...)
	case c.Complaint != nil && !*c.Complaint:
		if r.Intents = slices.DeleteFunc(r.Intents, func(i string) bool { return i == "complaint" }); len(r.Intents) == 0 {
			r.Intents = []string{"chatter"}
		}
	}
	if moved {
		if r.Complaint = slices.Contains(r.Intents, "complaint"); r.Complaint {
			r.Sentiment, r.Sure = "negative", 1
		} else {
			r.Sure = 0
			switch {
			case r.Intents[0] == "praise":
				r.Sentiment = "positive"
			case r.Sentiment == "negative":
				r.Sentiment = "neutral"
			}
		}
	}
	r.Confidence = 1
	if c.Sentiment != "" {
		r.Sentiment = c.Sentiment
	}
	switch r.Sentiment {
	case "positive":
		r.Polarity = max(r.Polarity, 0.3)
	case "negative":
		r.Polarity = min(r.Polarity, -0.3)
	default:
		r.Polarity = 0
	}
	switch {
	case c.Severity != nil:
		r.Severity = *c.Severity
	case moved && r.Complaint:
		r.Severity = max(r.Severity, 1)
	case moved:
		r.Severity = 0
	}
	switch {
	case c.Department != "":
		r.Department = c.Department
	case moved:
		r.Department = text.Department(r)
	}
	kept := ""
	if newest.Of != "" && newest.Of != w.m.Revision() {
		kept = "; the words were edited since, and the correction still holds: look whether it should"
	}
	w.say(corrected, "corrected by a person on %s: %s%s", newest.At.UTC().Format("2006-01-02"), Tell(c), kept)
}

func alone(intent string) bool { return intent == "spam" || intent == "chatter" }

// Tell says a reading in words.
func Tell(r flow.Reading) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.Sentiment != "" {
		add("sentiment %s", r.Sentiment)
	}
	if r.Complaint != nil && *r.Complaint {
		add("a complaint")
	} else if r.Complaint != nil {
		add("no complaint")
	}
	if r.Severity != nil {
		add("severity %d", *r.Severity)
	}
	if len(r.Intents) > 0 {
		add("intents %s", strings.Join(r.Intents, ", "))
	}
	if r.Department != "" {
		add("department %s", r.Department)
	}
	if r.Lang != "" {
		add("language %s", r.Lang)
	}
	return strings.Join(parts, ", ")
}

// ReadingOf gives what a decision took a text for.
func ReadingOf(d Decision) flow.Reading {
	return flow.Reading{Lang: d.Lang, Sentiment: d.Sentiment, Complaint: &d.Complaint, Severity: &d.Severity, Intents: d.Intents, Department: d.Department}
}

// amend lets a conversation follow a corrected mention. Where the mention is all that its author said, it follows wholly; a case
// that a CRM has stays, for a person closes it.
func (w *draft) amend(c *flow.Conversation, act bool) {
	others := slices.ContainsFunc(c.Turns, func(t flow.Turn) bool {
		return t.Mention != w.m.ID && t.Direction != flow.Out && !t.Deleted && !t.Replaced
	})
	if others {
		return
	}
	c.Department, c.Queue, c.Priority, c.Severity, c.Action = w.Department, w.queue(), w.Priority, w.Severity, w.Action
	words := w.m.Text
	if w.Safe != "" {
		words = w.Safe
	}
	if c.Subject != "" {
		c.Subject = w.subject(words)
	}
	switch {
	case act && c.Status == flow.Open:
		c.Status = flow.Waiting
		w.owe(c, 0)
	case !act && c.Status == flow.Waiting:
		c.Status, c.Due, c.Owed, c.Since = flow.Open, time.Time{}, time.Time{}, time.Time{}
		w.say("conversation", "waits for nothing any more")
	}
}
