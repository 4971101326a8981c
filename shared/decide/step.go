package decide

import (
	"fmt"
	"slices"
	"strings"

	"rapport/shared/config"
	"rapport/shared/decide/identity"
	"rapport/shared/decide/personal"
	"rapport/shared/decide/phrase"
	"rapport/shared/decide/route"
	"rapport/shared/decide/score"
	"rapport/shared/decide/text"
	"rapport/shared/flow"
)

// growth is how many reactions make a complaint one that grows.
const growth = 100

// tongue tells the language.
func (w *draft) tongue() {
	lang, sure := detector().Detect(w.m.Text, w.m.Lang)
	if c := w.corrected.Lang; c != "" {
		lang, sure = c, 1
	}
	w.Lang = lang
	switch {
	case lang == "und":
		w.say("language", "cannot be told")
	default:
		w.say("language", "%s (%.2f)", lang, sure)
	}
}

// read tells what the text means for the brand.
func (w *draft) read() {
	r := reader().Read(text.Input{Text: w.m.Text, Lang: w.Lang, Kind: string(w.m.Kind), News: w.feed(), Rating: w.m.Rating})
	w.correct(&r)
	if w.otherwise != nil {
		w.otherwise(&r)
	}
	w.spoke = r
	w.Sentiment, w.Polarity, w.Complaint, w.Severity = r.Sentiment, hundredth(r.Polarity), r.Complaint, r.Severity
	w.Intents, w.Confidence, w.Words, w.Department = r.Intents, hundredth(r.Confidence), r.Words, r.Department
	w.say("sentiment", "%s (%.2f)", r.Sentiment, r.Polarity)
	no := "no "
	if r.Complaint {
		no = ""
	}
	w.say("complaint", "%scomplaint, %.2f likely%s, severity %d", no, r.Sure, quoted(r.Words), r.Severity)
	w.say("intent", "%s", strings.Join(r.Intents, ", "))
}

// subjects tells which of the brand's topics the text is about.
func (w *draft) subjects() {
	if w.Topics = w.brand.subjects.Find(w.m.Text); len(w.Topics) > 0 {
		w.say("topics", "%s", strings.Join(w.Topics, ", "))
	}
}

func hundredth(x float64) float64 {
	n := int(x*100 + 0.5)
	if x < 0 {
		n = int(x*100 - 0.5)
	}
	return float64(n) / 100
}

func quoted(words []string) string {
	if len(words) == 0 {
		return ""
	}
	var b strings.Builder
	for i, w := range words {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString("«" + w[1:] + "»")
	}
	return b.String()
}

// personal finds personal data. Values are kept of private messages only; public texts are redacted.
func (w *draft) personal() {
	found := w.brand.finder.Find(w.m.Text)
	if held := w.brand.finder.Held(w.m.Text); len(held) > 0 {
		w.held = true
		w.Words = slices.DeleteFunc(w.Words, func(word string) bool { return held.In(w.m.Text, word[1:]) })
		if w.brand.Profile == health && !private(*w.m) {
			w.Safe = personal.Withhold(w.m.Text, held)
			found = w.brand.finder.Find(w.Safe)
		}
	}
	if len(found) == 0 {
		return
	}
	w.PII = personal.Kinds(found)
	if private(*w.m) {
		w.Found = found
		w.say("personal data", "%s, in a private message", strings.Join(w.PII, ", "))
		return
	}
	text := w.m.Text
	if w.Safe != "" {
		text = w.Safe
	}
	redact := personal.Redact
	if strict(w.brand.Profile) {
		redact = personal.Blank
	}
	if safe := redact(text, found); safe != w.m.Text {
		w.Safe = safe
	}
	w.say("personal data", "%s, in public", strings.Join(w.PII, ", "))
	w.Words = slices.DeleteFunc(w.Words, func(word string) bool { return strings.ContainsAny(word, "@0123456789") && w.Safe != "" })
}

// identify says who the author is, as far as that may be asked.
func (w *draft) identify() {
	if by, ok := identity.Impostor(w.author, w.brand.marks, w.brand.Official); ok {
		w.Impostor = true
		w.say("identity", "goes by the name of “%s” without being one of its accounts", by)
	}
	candidates := w.in.Candidates
	ok, why := w.serves("matching")
	switch may := w.in.MayMatch; {
	case !ok:
	case may == "optin" && !slices.Contains(w.in.Consented, "matching"):
		ok, why = false, "the network allows it only with consent"
	case may == "told" && !slices.Contains(w.in.Consented, "matching"):
		// All keys are of that sort (see keys.go); each must say which.
		candidates = slices.DeleteFunc(slices.Clone(candidates), func(c Candidate) bool { return c.Evidence == "" })
	case may != "yes" && may != "optin" && may != "told":
		ok, why = false, "the network's rules do not allow it"
	}
	if !ok {
		w.say("identity", "not matched: %s", why)
		return
	}
	known := ""
	if w.in.Person != nil {
		known = w.in.Person.ID
	}
	if known == "" && slices.Contains(w.in.Unknown, UnknownKeys) {
		w.say("identity", "not yet known: the matching keys of the CRM are still being read")
		return
	}
	c := identity.Resolve(known, candidates, w.in.People)
	w.Person, w.Suggest = c.Person, c.Suggest
	if known != "" {
		w.person = w.in.Person
	}
	if c.Link != nil {
		w.Link = &flow.Link{To: w.m.Author.ID, Evidence: c.Link.Ground(), Class: c.Link.Class, By: identity.Version, At: w.in.Now}
	}
	w.say("identity", "%s", c.Reason)
	if w.Claimed = w.claimed(); w.Claimed {
		w.say("identity", "linked by a public claim: nothing that stands in the CRM may be told")
	}
}

// claimed tells whether the author is linked to the person by nothing better than a public claim.
func (w *draft) claimed() bool {
	if w.Link != nil || w.person == nil {
		return w.Link != nil && w.Link.Class != "A"
	}
	claimed := false
	for _, l := range w.person.Links {
		if l.To == w.m.Author.ID {
			if l.Class == "A" {
				return false
			}
			claimed = true
		}
	}
	return claimed
}

// score computes the Social Customer Score, as far as that may be done.
func (w *draft) score() {
	if ok, why := w.scores(); !ok {
		w.Seen = score.Seen{Last: w.in.Now} // what a score would rest on is not kept
		w.say("score", "none: %s", why)
		return
	}
	w.Seen = w.scorer.Add(w.in.Seen, w.in.Now, w.gained(), w.onTopic(), w.in.Before == nil && w.in.Event.Verb == flow.New)
	told := w.in.Now
	if !w.m.Author.Counted && w.author.Counted {
		told = w.in.Seen.Last // the profile is from then
	}
	w.Score, w.Seen = w.scorer.Bound(w.scorer.Compute(score.ProfileOf(w.m.Network, w.author, told), w.Seen, w.in.Now), w.Seen, w.in.Now)
	w.say("score", "%d of 100, confidence %d %%", w.Score.Total, w.Score.Confidence)
	if p := w.person; p != nil && len(p.Authors) > 1 {
		all := *p
		if score.Note(&all, w.author.ID, w.Score); len(all.Scores) > 1 {
			w.Combined = all.Score
			w.say("score", "%d of 100 with all %d accounts", w.Combined.Total, len(all.Scores))
		}
	}
	w.env.Decision.Score, w.env.Decision.Combined = w.Score, w.Combined
	w.env.Score = w.carries()
}

// carries is the score that counts: of the person where several accounts are one, else of the author.
func (w *draft) carries() int {
	if w.Combined.Version != "" {
		return w.Combined.Total
	}
	return w.Score.Total
}

// scores tells whether a score may be made, and why not.
func (w *draft) scores() (bool, string) {
	ok, why := w.serves("scoring")
	switch p := w.in.Person; {
	case w.scorer.Off():
		return false, "switched off"
	case w.in.Unscored != "":
		return false, "excluded: " + w.in.Unscored
	case p != nil && p.Unscored != "":
		return false, "excluded: " + p.Unscored
	case !ok:
		return false, why
	case !w.in.MayScore:
		return false, "the network's rules do not allow it"
	case w.author.ID == "":
		return false, "the author is not known"
	case !w.scorer.Strangers() && !customer(w.person):
		return false, "no customer; strangers are not scored"
	}
	return true, ""
}

// gained is how many reactions are new. Of an edit or reaction to something not known before nothing counts, for it may
// have counted already.
func (w *draft) gained() int {
	n := reactions(w.m)
	switch {
	case w.in.Before != nil:
		return max(n-reactions(w.in.Before), 0)
	case w.in.Event.Verb == flow.New:
		return n
	}
	return 0
}

func reactions(m *flow.Mention) int { return m.Likes + m.Shares + m.Comments }

// onTopic tells whether the mention is about the brand's topics, or about the brand where no topics are set.
func (w *draft) onTopic() bool {
	topics := w.topics
	if len(topics) == 0 {
		topics = w.brand.terms
	}
	for _, t := range topics {
		if mentions(w.m.Text, t) || slices.ContainsFunc(w.m.Tags, func(tag string) bool { return strings.EqualFold(tag, t) }) {
			return true
		}
	}
	return false
}

// mentions tells whether a text has a term, given in lower case, whatever the case of its letters.
func mentions(text, term string) bool {
	for i := 0; i+len(term) <= len(text); i++ {
		if a, b := text[i], term[0]; (a == b || a|0x20 == b || a >= 0x80 && b >= 0x80) && strings.EqualFold(text[i:i+len(term)], term) {
			return true
		}
	}
	return false
}

// protected tells whether the author's trouble raises an alert.
func (w *draft) protected() bool {
	return slices.Contains(w.brand.Protected, w.m.Author.ID) || w.person != nil && w.person.Protected
}

// route finds department and priority: by the first rule that holds, else by the text.
func (w *draft) route() {
	var why string
	w.Priority, why = route.Priority(route.Case{Intents: w.Intents, Complaint: w.Complaint, Severity: w.Severity, Score: w.carries(),
		Protected: w.protected(), Impostor: w.Impostor})
	w.Route = "text"
	if w.Impostor {
		w.Department = "marketing"
	}
	w.env.Department, w.env.Priority = w.Department, w.Priority
	if r := first(w.routes, w.m.Brand, w.env, &w.Receipts); r != nil {
		w.Route, w.Department = r.name, r.value
		switch {
		case r.urgency != "" && r.weighs && route.Rank(r.urgency) < route.Rank(w.Priority):
			why += "; the rule looks at the score, so it may not lower it"
		case r.urgency != "":
			w.Priority, why = r.urgency, "set by the rule"
		}
	}
	if w.corrected.Department != "" { // a person's word outweighs rules
		w.Route, w.Department = corrected, w.corrected.Department
	}
	w.env.Department, w.env.Priority = w.Department, w.Priority
	w.env.Decision.Department, w.env.Decision.Priority, w.env.Decision.Route = w.Department, w.Priority, w.Route
	by := "by what the text says"
	switch w.Route {
	case "text":
	case corrected:
		by = "as a person corrected it"
	default:
		by = "by rule “" + w.Route + "”"
	}
	w.say("route", "%s, %s; priority %s: %s", w.Department, by, w.Priority, why)
}

func (w *draft) feed() bool { return w.in.NoReply || w.m.Network == "rss" }

// reply lets a rule answer: with the brand's own words, in the language of who asked where there are such. It answers what
// is new and said now, once, and never where somebody of the brand has spoken already.
func (w *draft) reply(name string) {
	i := slices.IndexFunc(w.actions, func(r rule) bool { return r.name == name })
	if i < 0 || !w.actions[i].answers || w.source() != "live" || w.in.Event.Verb != flow.New || w.in.Before != nil || w.feed() || w.held {
		return
	}
	c := w.in.Conversation
	if c != nil && (c.ReplyState != "" || slices.ContainsFunc(c.Turns, func(t flow.Turn) bool { return t.Direction == flow.Out })) {
		w.say("action", "rule “%s” does not answer: the brand has spoken here already", name)
		return
	}
	t, _ := phrase.Own(w.brand.Brand, w.Lang, w.Action)
	values := phrase.Case{Brand: w.brand.Brand}.Values(t.Lang) // nobody has looked whether a name that somebody chose may be repeated
	text, missing := phrase.Fill(t.Text, values)
	if text == "" {
		w.say("action", "rule “%s” does not answer: without %s nothing is left of the text", name, strings.Join(missing, ", "))
		return
	}
	w.Answer, w.AnswerBy, w.Notice = text, name, Notice(w.brand.Brand, t.Lang)
	w.say("action", "rule “%s” answers by itself", name)
}

// Notice is what stands below an answer that nobody wrote by hand.
func Notice(b config.Brand, lang string) string {
	switch own := b.Notice[lang]; {
	case own != "":
		return own
	case lang == "de":
		return "Automatische Antwort."
	}
	return "This is an automated answer."
}

// alarm tells what people must hear of at once. The past alarms nobody.
func (w *draft) alarm() {
	if w.history() {
		return
	}
	opened := w.Conversation != nil && w.Conversation.Case && (w.in.Conversation == nil || !w.in.Conversation.Case || w.in.Conversation.ID != w.Conversation.ID)
	w.Urgent = route.Rank(w.Priority) >= route.Rank(route.High) || opened
	fresh := w.in.Event.Verb != flow.Reaction && w.in.Event.Verb != flow.Correct // who corrects has seen it
	switch trouble := w.Complaint || w.Severity > 0; {
	case fresh && trouble && w.protected():
		w.Alert = fmt.Sprintf("protected customer in trouble: severity %d", w.Severity)
	case fresh && w.Severity >= 3:
		w.Alert = "severity 3: danger, fraud or a grave accusation"
	case fresh && w.Impostor:
		w.Alert = "somebody acts under the brand's name"
	case fresh && w.Complaint && w.in.Crowd == Crowd(w.brand.Brand):
		w.Alert = fmt.Sprintf("growing complaint: %d people under one post", w.in.Crowd)
		w.Urgent = true
	case w.Complaint && w.grows():
		w.Alert = fmt.Sprintf("growing complaint: %d reactions", reactions(w.m))
	default:
		return
	}
	w.say("alert", "%s", w.Alert)
}

// Crowd is how many people who complain under one post raise an alert.
func Crowd(b config.Brand) int {
	if b.Crowd > 0 {
		return b.Crowd
	}
	return 10
}

// grows tells whether a mention has just passed the mark; with an event per like there is still one alert.
func (w *draft) grows() bool {
	if reactions(w.m) < growth {
		return false
	}
	if w.in.Before == nil {
		return w.in.Event.Verb == flow.New
	}
	return reactions(w.in.Before) < growth
}
