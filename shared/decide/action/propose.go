package action

import "slices"

type wish struct{ action, why string }

// proposals lists what fits, the best first.
func proposals(s Situation) []wish {
	numbered := slices.ContainsFunc(s.PII, func(k string) bool { return k == "order_number" || k == "customer_number" })
	switch {
	case s.Idle:
		return idle(s)
	case s.Pending && s.Severity < 2:
		return []wish{{Watch, "an answer is on its way"}, {OpenCase, ""}}
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
	case s.Loop && (s.Complaint || s.is("question") || s.is("churn")):
		return []wish{{OpenCase, "an automatic answer did not settle it: a person has to look"}, {CallBack, ""}}
	case s.Complaint && s.Doubt && s.Severity < 2:
		return append([]wish{{ReplyPublic, "perhaps a complaint: a public answer does no harm if it is none"}}, complaint(s, numbered)...)
	case s.Complaint:
		return complaint(s, numbered)
	case s.is("churn"):
		return []wish{{OpenCase, "wants to leave"}, {CallBack, ""}}
	case s.is("purchase") && s.is("question") && !s.Old:
		return []wish{{ReplyPublic, "asks something before buying: an answer where it was asked serves both"}, {SendToSales, "wants to buy, and asks"}, {CallBack, ""}}
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
	case s.is("praise") && s.Doubt:
		return []wish{{ReplyPublic, "praise, if it is meant so: a person should read it before it is thanked for"}, {Watch, "praise, if it is meant so"}, {Thank, ""}}
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
	if (s.Private || s.Moment != "") && !numbered && !s.Known {
		out = append(out, wish{Identify, "a complaint in private, by somebody not known yet"})
	}
	return append(out, wish{OpenCase, why}, wish{ReplyPublic, ""}, wish{CallBack, ""})
}

// idle proposes where nothing is open.
func idle(s Situation) []wish {
	var out []wish
	if s.Moment != "" && !s.Known {
		out = append(out, wish{Identify, "nobody knows yet who it is"})
	}
	if s.Score >= Multiplier {
		out = append(out, wish{Thank, "nothing is open, and many listen to them"})
	}
	return append(out, wish{None, "nothing is open"}, wish{Watch, ""})
}
