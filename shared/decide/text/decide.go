package text

import "slices"

// order is which intent goes first where several hold: what somebody must act on.
var order = [...]int{6, 7, 8, 0, 5, 3, 4, 1, 2} // legal press job complaint churn purchase idea question praise

// The places of intents that the rules below name.
const (
	atComplaint = 0
	atQuestion  = 1
	atPraise    = 2
	atPurchase  = 3
	atIdea      = 4
	atChurn     = 5
	atLegal     = 6
	atPress     = 7
	atJob       = 8
	atSpam      = 9
	atChatter   = 10
)

// decide makes a result of the model's probabilities. What the lexicon's rules alone know stays: danger, grief, stars.
func (r *reading) decide(in Input, t *tokens, e *evidence, ruled Result) Result {
	p, odds := r.outputs(in.Rating)
	mains := r.m.mains(&odds, &r.dense)
	r.explain(t, e)
	res := Result{Grief: ruled.Grief, Intents: r.choose(&p, &mains, in, e, &ruled)}
	res.Sure = float64(p[outIntent+atComplaint])
	for _, i := range res.Intents {
		res.Complaint = res.Complaint || i == "complaint"
	}
	res.Confidence = res.Sure
	if !res.Complaint {
		res.Confidence = 1 - res.Sure
	}
	res.Polarity = float64(p[outPositive] - p[outNegative])
	res.Sentiment = mood(&p, &res)
	res.Severity = r.severity(&p, &res, ruled, e)
	res.Department = department(&res, res.Severity < 2 && mains[mainProduct] > productFrom*mains[atComplaint])
	return res
}

// choose lists the intents that hold, the main one first. Spam and chatter stand alone.
func (r *reading) choose(p *[Outputs]float32, mains *[Mains]float32, in Input, e *evidence, ruled *Result) []string {
	danger := ruled.Severity == 3 && ruled.Complaint && !in.News // words of danger outweigh what merely sounds like a headline
	plain := ruled.Complaint && !in.News                         // the lexicon's rules find a reproach too
	holds := func(i int) bool {
		switch {
		case i == atComplaint && (danger || plain && p[outIntent+i] > plainFrom):
			return true
		case danger && (i == atPress || i == atChatter || i == atPraise):
			return false
		}
		return p[outIntent+i] >= r.m.from[outIntent+i]
	}
	reproach := holds(atComplaint)
	likely := *mains
	if !holds(atSpam) || likely[atSpam] < spamFrom || likely[atSpam] < spamSure && e.sum[hComplaint] >= 1.4 || ruled.Severity == 3 {
		likely[atSpam] = 0 // it is put aside only where there is hardly a doubt
	}
	if danger {
		likely[atPress], likely[atChatter], likely[atPraise] = 0, 0, 0
	}
	switch { // neither chat nor praise goes with a reproach
	case reproach && e.sum[hComplaint] >= sureFrom:
		likely[atChatter], likely[atPraise] = 0, 0
	case reproach:
		likely[atChatter] *= besideReproach
		likely[atPraise] *= besideReproach
	}
	first := likeliest(&likely)
	reproach = reproach && first != atPraise
	stars := in.Rating == 1 || in.Rating == 2
	switch {
	case first == mainProduct, (first == atChatter || first == atPraise) && stars, first == atChurn && reproach && ruled.Complaint,
		first == atQuestion && reproach, first == atIdea && reproach && p[outIntent+atComplaint] >= 0.5:
		first = atComplaint
	case first == atChurn && e.cues == 0: // who leaves need not reproach
		reproach = reproach && p[outIntent+atComplaint] >= leavesFrom
	}
	out := append(make([]string, 0, 3), intents[first])
	if first == atSpam || first == atChatter {
		return out
	}
	for _, i := range order {
		if i != first && len(out) < 3 && holds(i) && !excluded(i, out, p) && (reproach || i != atComplaint) {
			out = append(out, intents[i])
		}
	}
	return out
}

// besideReproach is what counts of chat and praise where a reproach seems to hold, by posts left out of training.
const besideReproach = 0.4

// sureFrom is how much reproach the lexicon must find so that nothing speaks against it: two sure words, or a phrase that is never meant otherwise.
const sureFrom = 2.2

// leavesFrom is how likely a complaint must be where somebody leaves and the lexicon finds no reproach.
const leavesFrom = 0.75

// productFrom is how many times likelier than another one a complaint about the product itself must be: training has what is
// rare count more.
const productFrom = 1.5

// How likely the main intent must be spam, and where the lexicon finds a reproach too.
const (
	spamFrom = 0.6
	spamSure = 0.97
)

// plainFrom is how likely a complaint must be where the lexicon's rules find one by themselves.
const plainFrom = 0.2

// excluded tells which intents do not go with those that are there already.
func excluded(i int, there []string, p *[Outputs]float32) bool {
	first := there[0]
	switch i {
	case atPraise: // praise and reproach: the stronger one counts
		return first != "question" && first != "idea"
	case atQuestion:
		return first == "legal" || first == "press" || first == "job"
	case atComplaint:
		return first == "press" || first == "job"
	case atChurn:
		return first != "complaint" && first != "legal"
	}
	return true
}

// mood gives the attitude. A complaint is negative; praise is positive.
func mood(p *[Outputs]float32, r *Result) string {
	switch {
	case r.Complaint:
		r.Polarity = min(r.Polarity, -0.3)
		return "negative"
	case r.Intents[0] == "praise":
		r.Polarity = max(r.Polarity, 0.3)
		return "positive"
	case r.Intents[0] == "spam":
		r.Polarity = 0
		return "neutral"
	case r.Intents[0] == "churn" && p[outNegative] > p[outPositive]: // who leaves without a reproach bears none
		r.Polarity = max(r.Polarity, -0.2)
		return "neutral"
	case p[outNegative] > p[outNeutral] && p[outNegative] > p[outPositive]:
		return "negative"
	case p[outPositive] > p[outNeutral]:
		return "positive"
	}
	return "neutral"
}

func (r *reading) severity(p *[Outputs]float32, res *Result, ruled Result, e *evidence) int {
	severe := p[outSevere] >= r.m.from[outSevere]
	danger := p[outDanger] >= r.m.from[outDanger]
	switch main := res.Intents[0]; main {
	case "complaint", "legal", "churn":
		switch {
		case !res.Complaint && !danger && ruled.Severity < 3:
			return 0
		case danger || ruled.Severity == 3 && e.sum[hDanger] > 0:
			return 3
		case severe || len(res.Intents) > 1 && (main == "legal" || res.Intents[1] == "churn"):
			return 2
		}
		return 1
	case "press", "idea", "question":
		if severe && (p[outSevere] > 0.5 || ruled.Severity >= 2) {
			if danger && main != "press" && e.sum[hDanger] > 0 {
				return 3
			}
			return 2
		}
	}
	return 0
}

// department says who can act on what the text is mainly about; product whether a complaint is one about the product itself.
func department(res *Result, product bool) string {
	switch res.Intents[0] {
	case "spam", "chatter":
		return "none"
	case "legal":
		return "legal"
	case "press", "praise":
		return "marketing"
	case "job":
		return "hr"
	case "purchase":
		return "sales"
	case "idea":
		if res.Severity < 2 {
			return "product"
		}
	case "complaint":
		if product {
			return "product"
		}
	}
	return "service"
}

// Intents lists what somebody may mean.
func Intents() []string { return slices.Clone(intents[:]) }

// Department says who acts first on what a text is mainly about.
func Department(r *Result) string { return department(r, false) }

// explain adds what single words brought to the words that the lexicon found.
func (r *reading) explain(t *tokens, e *evidence) {
	norm := scaled(r.n)
	c, n, p := r.m.scale[outIntent]*norm, r.m.scale[outNegative]*norm, r.m.scale[outPositive]*norm
	known := len(e.words)
words:
	for i := range t.words {
		if i == mostWords {
			break
		}
		w := &t.words[i]
		s := r.said[i]
		weight := float32(s.positive)*p - float32(s.negative)*n - float32(s.complaint)*c
		if w.number || weight > -shownFrom && weight < shownFrom {
			continue
		}
		for _, have := range e.words[:known] {
			if w.start >= have.at && int(w.start) < int(have.at)+len(have.word) {
				continue words
			}
		}
		e.words = append(e.words, weighed{t.text[w.start:w.end], weight / 2, w.start})
	}
}

// shownFrom is what a word must bring to be worth showing.
const shownFrom = 0.4
