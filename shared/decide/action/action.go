// Package action proposes what to do next. Hard limits come first: what must not be done is named, whatever a rule says.
// Among the rest a table by intent and severity proposes one action, with its reason and a runner-up.
package action

import "slices"

// The actions.
const (
	ReplyPublic   = "reply_public"    // answers where everyone can read it
	MoveToPrivate = "move_to_private" // a short acknowledgement in public with an invitation to a private channel
	CallBack      = "call_back"       // a person phones
	OpenCase      = "open_case"       // ticket for the department
	SendToSales   = "send_to_sales"
	Thank         = "thank"
	Advocate      = "invite_advocate" // asks for a review or referral
	Identify      = "ask_to_identify" // asks in private for customer or order number
	HideSpam      = "hide_spam"
	Watch         = "watch" // no answer now
	Escalate      = "escalate_crisis"
	None          = "no_action"
)

// All lists the actions in a fixed order.
var all = [...]string{ReplyPublic, MoveToPrivate, CallBack, OpenCase, SendToSales, Thank, Advocate, Identify, HideSpam, Watch, Escalate, None}

// Known tells whether there is such an action.
func Known(name string) bool { return slices.Contains(all[:], name) }

// Names lists the actions.
func Names() []string { return slices.Clone(all[:]) }

// Situation is what a proposal rests on.
type Situation struct {
	Intents   []string // the main one first
	Complaint bool
	Severity  int
	PII       []string // kinds of personal data in the text
	Private   bool     // a message: only author and brand see it
	Feed      bool     // nobody can be answered there
	Closed    bool     // the network's answer window is over
	Answered  bool     // the brand answered after this was said
	Crisis    bool
	Impostor  bool
	Known     bool // the author is linked to a person
	Grief     bool
	Held      bool // what everybody would learn from an answer in public
}

func (s Situation) is(intent string) bool   { return slices.Contains(s.Intents, intent) }
func (s Situation) main(intent string) bool { return len(s.Intents) > 0 && s.Intents[0] == intent }

// Choice is a proposal.
type Choice struct {
	Action    string
	Why       string
	RunnerUp  string
	Forbidden []string // in the order of All
}

// Choose proposes. rule is what a rule of the tenant wants, "" = nothing; it holds unless it is forbidden.
func Choose(s Situation, rule, name string) Choice {
	forbidden := forbid(s)
	c := Choice{}
	for _, a := range all {
		if forbidden[a] {
			c.Forbidden = append(c.Forbidden, a)
		}
	}
	wish := proposals(s)
	if rule != "" && !forbidden[rule] {
		c.Action, c.Why = rule, "rule “"+name+"”"
	} else if rule != "" {
		c.Why = "rule “" + name + "” wants " + rule + ", which is forbidden here; "
	}
	for _, w := range wish {
		switch {
		case forbidden[w.action] || w.action == c.Action:
		case c.Action == "":
			c.Action, c.Why = w.action, c.Why+w.why
		case c.RunnerUp == "":
			c.RunnerUp = w.action
		}
	}
	if c.Action == "" {
		c.Action, c.Why = Watch, c.Why+"nothing else is allowed"
		if forbidden[Watch] && !forbidden[OpenCase] {
			c.Action = OpenCase
		}
	}
	return c
}

// forbid names what must not be done.
func forbid(s Situation) map[string]bool {
	f := map[string]bool{}
	no := func(actions ...string) {
		for _, a := range actions {
			f[a] = true
		}
	}
	if s.Private || s.Feed || s.Closed {
		no(ReplyPublic)
	}
	if s.Private {
		no(MoveToPrivate)
	}
	if s.Feed || s.Closed && !s.Private {
		no(MoveToPrivate, Thank, Advocate)
	}
	if s.Feed {
		no(CallBack, Identify, SendToSales, HideSpam)
	}
	if len(s.PII) > 0 && !onlyName(s.PII) && !s.main("praise") {
		no(ReplyPublic)
	}
	if s.Held {
		no(ReplyPublic, Advocate)
	}
	if s.Answered {
		no(ReplyPublic, MoveToPrivate)
	}
	if s.Crisis {
		no(Thank, Advocate, SendToSales)
	}
	if s.Complaint {
		no(Thank, Advocate, SendToSales, HideSpam)
	}
	if s.Severity >= 2 {
		no(Watch, None, Advocate)
	}
	if s.Severity >= 3 {
		no(ReplyPublic)
	}
	if s.Complaint && s.Severity == 1 {
		no(Escalate)
	}
	if s.Grief {
		no(SendToSales, Advocate, Thank)
	}
	byIntent(s, no)
	return f
}

// byIntent adds what an intent excludes.
func byIntent(s Situation, no func(...string)) {
	switch {
	case s.is("legal"):
		no(ReplyPublic, SendToSales, Thank, Advocate, HideSpam, None)
	case s.is("press"):
		no(SendToSales, Advocate, HideSpam)
		if s.Severity >= 2 {
			no(ReplyPublic, Thank)
		}
	case s.is("spam"):
		no(ReplyPublic, MoveToPrivate, CallBack, SendToSales, Thank, Advocate, Identify)
		if !s.Impostor {
			no(Escalate)
		}
	case s.is("chatter"):
		no(OpenCase, SendToSales, CallBack, Escalate, MoveToPrivate, Identify, HideSpam)
	case s.main("praise"):
		no(CallBack, OpenCase, SendToSales, HideSpam, Escalate)
	case s.is("question"), s.is("purchase"), s.is("job"):
		no(None, HideSpam)
		if s.Severity < 3 {
			no(Escalate)
		}
	}
	if s.is("question") && !s.is("praise") || s.is("job") || s.is("idea") || s.is("churn") {
		no(Advocate)
	}
	if s.is("idea") || s.is("churn") || s.is("job") {
		no(SendToSales, HideSpam)
	}
}

func onlyName(pii []string) bool { return len(pii) == 1 && pii[0] == "name" }

type wish struct{ action, why string }

// proposals lists what fits, the best first.
func proposals(s Situation) []wish {
	numbered := slices.ContainsFunc(s.PII, func(k string) bool { return k == "order_number" || k == "customer_number" })
	switch {
	case s.Answered && !s.Complaint:
		return []wish{{Watch, "it is answered already"}, {None, ""}}
	case s.is("spam"):
		return []wish{{HideSpam, "it looks like spam"}, {None, "it looks like spam, and cannot be hidden here"}}
	case s.Severity >= 3 && s.Complaint:
		return []wish{{OpenCase, "severity 3: danger, fraud or a grave accusation"}, {Escalate, ""}, {CallBack, ""}}
	case s.is("legal"):
		return []wish{{OpenCase, "a legal matter is never answered in public"}, {Identify, ""}}
	case s.is("press") && s.Severity >= 2:
		return []wish{{OpenCase, "the press asks or reports about an incident"}, {Escalate, ""}}
	case s.is("press"):
		return []wish{{OpenCase, "the press asks or reports"}, {Watch, ""}}
	case s.Complaint:
		return complaint(s, numbered)
	case s.is("churn"):
		return []wish{{OpenCase, "wants to leave"}, {CallBack, ""}}
	case s.is("purchase"):
		return []wish{{SendToSales, "wants to buy"}, {ReplyPublic, ""}, {CallBack, ""}}
	case s.is("job"):
		return []wish{{MoveToPrivate, "asks about work"}, {ReplyPublic, ""}, {OpenCase, "asks about work"}}
	case s.is("idea") && s.Severity >= 2:
		return []wish{{OpenCase, "an urgent hint"}, {MoveToPrivate, ""}}
	case s.is("idea"):
		return []wish{{ReplyPublic, "a suggestion deserves an answer"}, {OpenCase, "a suggestion"}, {Thank, ""}}
	case s.is("question"):
		return []wish{{ReplyPublic, "a question that can be answered where it was asked"}, {MoveToPrivate, "a question that must not be answered in public"},
			{OpenCase, "a question asked in private"}, {Watch, ""}}
	case s.is("praise"):
		return []wish{{Thank, "praise"}, {ReplyPublic, ""}, {Watch, "praise where nobody can be answered"}, {Advocate, ""}}
	}
	return []wish{{None, "nothing is asked"}, {Watch, ""}}
}

func complaint(s Situation, numbered bool) []wish {
	why := "a complaint"
	if len(s.PII) > 0 && !s.Private {
		why = "a complaint with personal data in public"
	}
	out := []wish{}
	if s.Severity >= 2 {
		out = append(out, wish{OpenCase, why + ", severity 2"})
	}
	if s.Answered {
		return append(out, wish{OpenCase, "a complaint that was answered already"}, wish{Identify, ""})
	}
	out = append(out, wish{MoveToPrivate, why})
	if s.Private && !numbered && !s.Known {
		out = append(out, wish{Identify, "a complaint in private, by somebody not known yet"})
	}
	return append(out, wish{OpenCase, why}, wish{ReplyPublic, ""}, wish{CallBack, ""})
}
