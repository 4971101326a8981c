package action

// forbid names what must not be done, and why.
func forbid(s Situation) *bars {
	f := &bars{}
	present(s, f)
	channel(s, f)
	if len(s.PII) > 0 && !onlyName(s.PII) && !s.main("praise") {
		f.no("personal data stands in it, which an answer in public would draw eyes to", ReplyPublic)
	}
	if s.Held {
		f.no("it tells something that is not for everybody's ears", ReplyPublic, Advocate)
	}
	if s.Answered {
		f.no("the brand answered already", ReplyPublic, MoveToPrivate)
	}
	if s.Complaint {
		f.no("it is a complaint", Thank, Advocate, SendToSales, HideSpam)
	}
	if s.Grief {
		f.no("somebody is in grief", SendToSales, Advocate, Thank)
	}
	if s.Crisis {
		f.no("the brand is in a crisis", Thank, Advocate, SendToSales)
	}
	if s.Severity >= 2 {
		f.no("it is grave: severity 2 or more", Watch, None, Advocate)
	}
	if s.Severity >= 3 {
		f.no("danger, fraud or a grave accusation is not settled in public", ReplyPublic)
	}
	if s.Complaint && s.Severity == 1 {
		f.no("a small fault is no crisis", Escalate)
	}
	byIntent(s, f)
	if !s.Old {
		since(s, f)
	}
	return f
}

// since adds what an intent excludes since the second version.
func since(s Situation, f *bars) {
	switch {
	case s.is("press") && !s.Feed:
		f.no("the press waits for an answer", None)
	case s.is("spam") && !s.Impostor && !s.Complaint && s.Severity < 2:
		f.no("it looks like spam", OpenCase)
	case s.is("chatter"):
		f.no("nothing is asked of the brand", Advocate)
	case s.is("idea") && s.Severity < 2:
		f.no("a suggestion is no crisis", Escalate)
	}
}

// present adds what stands against actions for reasons of who spoke, what is under way and what time it is.
func present(s Situation, f *bars) {
	if s.Bot {
		f.no("a machine said it, and machines are not talked to", ReplyPublic, MoveToPrivate, CallBack, SendToSales, Thank, Advocate, Identify)
	}
	if s.Pending {
		f.no("an answer is on its way already", ReplyPublic, MoveToPrivate, Thank, Advocate)
	}
	if s.Loop {
		f.no("the last word was an automatic answer: a person has to look", Thank, Advocate)
	}
	if s.NoMarketing {
		f.no("no basis for marketing holds", Advocate)
		if !s.is("purchase") { // who asks to buy is not advertised to
			f.no("no basis for marketing holds, and they did not ask to buy", SendToSales)
		}
		if s.Idle {
			f.no("no basis for marketing holds, and there is no occasion", Thank)
		}
	}
	if s.Quiet && s.Moment == "" {
		f.no("outside the brand's hours", Advocate)
		if s.Severity < 3 {
			f.no("outside the brand's hours", CallBack)
		}
		if !s.Private {
			f.no("outside the brand's hours nobody gets a private message unasked", Identify)
		}
	}
	if s.Quiet && s.Moment == Mail {
		f.no("outside the brand's hours", CallBack, Advocate)
	}
	if s.Moment != "" {
		f.no("they are in contact with you right now", ReplyPublic, MoveToPrivate)
	}
	if s.Moment == Call || s.Moment == Shop {
		f.no("they are speaking with you right now", CallBack)
	}
	if s.Idle {
		f.no("nothing of theirs is open", ReplyPublic, MoveToPrivate, CallBack, OpenCase, SendToSales, HideSpam, Escalate)
		if s.Score < Multiplier {
			f.no("nothing of theirs is open, and few listen to them", Thank, Advocate)
		}
		if s.Known || s.Moment == "" {
			f.no("nothing of theirs is open", Identify)
		}
	}
}

// channel adds what the place does not allow.
func channel(s Situation, f *bars) {
	if s.Private {
		f.no("it was said in private", ReplyPublic, MoveToPrivate)
	}
	if s.Feed {
		f.no("nobody can be answered there", ReplyPublic, MoveToPrivate, Thank, Advocate, CallBack, Identify, SendToSales, HideSpam)
	}
	if s.Closed {
		f.no("the network takes no answer any more", ReplyPublic)
		if !s.Private {
			f.no("the network takes no answer any more", MoveToPrivate, Thank, Advocate)
		} else if !s.Old && s.Moment == "" {
			f.no("the network takes no answer any more", Thank, Advocate, Identify)
		}
	}
	if s.NoPrivate && !s.Private && s.Moment == "" {
		f.no("the network has no private messages here, and the brand names no other way", MoveToPrivate, Identify)
	}
}

// byIntent adds what an intent excludes. Whatever is grave may become a case.
func byIntent(s Situation, f *bars) {
	grave := s.Severity >= 2 && !s.Old
	switch {
	case s.is("legal"):
		f.no("a legal matter is never answered in public", ReplyPublic)
		f.no("it is a legal matter", SendToSales, Thank, Advocate, HideSpam, None)
	case s.is("press"):
		f.no("the press asks or reports", SendToSales, Advocate, HideSpam)
		if s.Severity >= 2 {
			f.no("the press asks or reports about an incident", ReplyPublic, Thank)
		}
	case s.is("spam"):
		f.no("it looks like spam", ReplyPublic, MoveToPrivate, CallBack, SendToSales, Thank, Advocate, Identify)
		if !s.Impostor {
			f.no("it looks like spam", Escalate)
		}
	case s.is("chatter"):
		const why = "nothing is asked of the brand"
		f.no(why, SendToSales, CallBack, Escalate, MoveToPrivate, Identify, HideSpam)
		if !grave {
			f.no(why, OpenCase)
		}
	case s.main("praise"):
		const why = "it is praise"
		f.no(why, CallBack, SendToSales, HideSpam, Escalate)
		if !grave {
			f.no(why, OpenCase)
		}
	case s.is("question"), s.is("purchase"), s.is("job"):
		f.no("somebody waits for an answer", None, HideSpam)
		if s.Severity < 3 {
			f.no("a question is no crisis", Escalate)
		}
	}
	if s.is("question") && !s.is("praise") || s.is("job") || s.is("idea") || s.is("churn") {
		f.no("there was no praise to build on", Advocate)
	}
	if s.is("idea") || s.is("churn") || s.is("job") {
		f.no("they want something else", SendToSales, HideSpam)
	}
}

func onlyName(pii []string) bool { return len(pii) == 1 && pii[0] == "name" }
