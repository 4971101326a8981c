package text

import "slices"

// Thresholds of the heads. They were set on general grounds and looked at against the posts in testdata.
const (
	complaintFrom = 0.75
	intentFrom    = 1.0
	severeFrom    = 1.0
)

// judge turns evidence into a result.
func judge(in Input, t *tokens, e *evidence) Result {
	e.relate(in, t)
	var r Result
	c := float64(e.sum[hComplaint])
	r.Sure = logistic(2.4 * (c - complaintFrom))
	r.Complaint = c >= complaintFrom
	r.Confidence = max(r.Sure, 1-r.Sure)

	r.Intents = e.intents(in, t, &r)
	if r.Complaint = slices.Contains(r.Intents, "complaint"); r.Complaint != (r.Sure >= 0.5) {
		r.Confidence = 0.5 // another head decided
	}
	if r.Intents[0] == "chatter" {
		r.Confidence = min(r.Confidence, 0.55) // nothing was recognised, which says little
	}
	r.Polarity, r.Sentiment = e.attitude(&r)
	r.Severity = e.severity(&r)
	r.Department = department(&r, e.sum[hProduct] >= 1 && in.Kind != "message" && e.sum[hDanger] == 0)
	r.Grief = e.sum[hGrief] > 0
	return r
}

// relate lets the heads act on each other, before anything is decided.
func (e *evidence) relate(in Input, t *tokens) {
	s := &e.sum
	if s[hDanger] > 0 {
		s[hSevere] += 2 * min(s[hDanger], 1)
	}
	// Somebody who speaks to the brand, or of himself, and says what is not: that is mostly meant as it sounds.
	if s[hComplaint] >= weakCue && t.questions == 0 && s[hPraise] < 0.7 {
		if e.address || in.Kind == "reply" || in.Kind == "review" || t.tags > 0 {
			s[hComplaint] += 0.2
		}
		if e.self {
			s[hComplaint] += 0.2
		}
	} else if t.questions > 0 && e.weak > 0 {
		s[hComplaint] -= e.weak // "gibt es das nicht auch in blau?"
	}
	if e.lone && s[hComplaint] >= weakCue {
		s[hIrony] += 0.9
	}
	// Praise next to a reproach is irony, or the friendly first sentence before it; irony needs something to be about.
	if s[hIrony] > 0 {
		switch {
		case s[hComplaint] >= 0.35 || s[hPraise] < 0.5 && e.pos < 0.5 && in.Kind != "review":
			s[hComplaint] += s[hIrony] * 0.75
			s[hTone] -= e.pos + s[hIrony]
			s[hPraise] = 0
		default:
			s[hTone] += s[hIrony] * 0.6
			s[hPraise] += s[hIrony] * 0.6
		}
	}
	switch {
	case in.Rating == 1 || in.Rating == 2:
		s[hComplaint] += 1.2
		s[hTone] -= 1
	case in.Rating >= 4:
		s[hComplaint] -= 0.6
		s[hTone] += 0.8
		s[hPraise] += 0.8
	}
	// A balance: what outweighs a reproach in a friendly text is praise with a wish.
	if e.pos > 1.2 && float64(e.pos) > 1.6*float64(s[hComplaint]) && s[hDanger] == 0 && s[hIrony] == 0 {
		s[hComplaint] -= 0.8
	}
	if asked := t.questions > 0; asked && e.aside && s[hComplaint] < 1.6 {
		s[hComplaint] *= 0.6 // "what if my parcel arrives broken?"
	}
	if t.shouts+t.capitals > 2 && s[hComplaint] > 0.5 {
		s[hComplaint] += 0.2
	}
	if t.links > 0 && s[hSpam] > 0 {
		s[hSpam] += 0.6
	}
	if t.questions > 0 && e.opening {
		s[hQuestion] += 1.2
	} else if t.questions > 0 {
		s[hQuestion] += 1
	}
}

// intents lists what applies, the main one first. Spam and chatter stand alone.
func (e *evidence) intents(in Input, t *tokens, r *Result) []string {
	s := &e.sum
	has := func(h int) bool { return s[h] >= intentFrom }
	if s[hSpam] >= intentFrom && s[hComplaint] < 1.4 && s[hLegal] < intentFrom && s[hDanger] == 0 {
		return []string{"spam"}
	}
	complaint := r.Complaint && (!has(hChurn) || s[hComplaint]-e.weak >= 0.6) || has(hChurn) && s[hComplaint]-e.weak >= 0.5
	if has(hIdea) && s[hComplaint] < 1.1 && s[hDanger] == 0 && !has(hChurn) {
		complaint = false // a hint, with a word of what is wrong
	}
	if has(hJob) && s[hDanger] == 0 {
		return []string{"job"}
	}
	news := has(hPress) && (in.News || s[hComplaint] < 2.2 && s[hLegal] < intentFrom)
	if news {
		return []string{"press"}
	}
	out := make([]string, 0, 3)
	if has(hLegal) {
		out = append(out, "legal")
	}
	if !complaint && has(hChurn) {
		out = append(out, "churn")
	}
	if complaint {
		out = append(out, "complaint")
		if has(hChurn) {
			out = append(out, "churn")
		}
		if t.questions > 0 && e.opening && s[hQuestion] >= 0.9 && !has(hLegal) && len(out) < 2 {
			out = append(out, "question")
		}
		return out
	}
	if len(out) > 0 {
		return out
	}
	if has(hPurchase) {
		out = append(out, "purchase")
		if t.questions > 0 && s[hQuestion] >= 1.7 && s[hPurchase] < 2 {
			out = append(out, "question")
		}
		return out
	}
	return e.small(t, has, out)
}

// small decides among idea, question, praise and chatter.
func (e *evidence) small(t *tokens, has func(int) bool, out []string) []string {
	s := &e.sum
	if has(hIdea) {
		return append(out, "idea")
	}
	if has(hQuestion) {
		out = append(out, "question")
	}
	if s[hPraise] >= 0.7 && s[hTone] > 0.3 && (len(out) == 0 || s[hPraise] > 1.6) {
		out = append(out, "praise")
	}
	if len(out) == 0 {
		return []string{"chatter"}
	}
	return out
}

// attitude gives polarity and sentiment toward the brand.
func (e *evidence) attitude(r *Result) (float64, string) {
	s := &e.sum
	tone := float64(s[hTone])
	switch {
	case r.Complaint:
		p := -min(0.35+0.2*float64(s[hComplaint]), 1)
		return p, "negative"
	case slices.Contains(r.Intents, "praise"):
		return min(0.35+0.2*tone, 1), "positive"
	case slices.ContainsFunc(r.Intents, func(i string) bool { return i != "churn" && i != "chatter" && i != "idea" }):
		return 0, "neutral"
	case tone < -1.2 && s[hComplaint] > 0.7:
		return -0.3, "negative"
	}
	return 0, "neutral"
}

func (e *evidence) severity(r *Result) int {
	s := &e.sum
	switch main := r.Intents[0]; {
	case main == "spam" || main == "chatter" || main == "job" || main == "praise" || main == "purchase":
		return 0
	case (s[hDanger] >= 1 || s[hDanger] > 0.4 && s[hComplaint] >= 1.3) && main != "press":
		return 3
	case s[hSevere] >= severeFrom && (r.Complaint || main == "press" || main == "idea"):
		return 2
	case r.Complaint && (main == "legal" || slices.Contains(r.Intents, "churn")):
		return 2
	case r.Complaint:
		return 1
	}
	return 0
}
