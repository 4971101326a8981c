// Package text reads what a post means for the brand it reached: attitude, complaint and how bad, intents, department. It
// is the first honest version: a lexicon of own making (German and English, the commonest of French, Spanish, Italian and
// Dutch), negation, irony and reproach cues, and a few rules on the whole. Everything it decides, it can name words for.
package text

import (
	"math"
	"slices"
	"strings"

	"rapport/shared/memo"
)

// Model is the version of lexicon and rules; a change that can change a result changes it.
const Model = "linear-3"

// Input is what a text is judged by.
type Input struct {
	Text   string
	Lang   string
	Kind   string // post, comment, reply, message, review
	News   bool   // from a feed: nobody to answer
	Rating int    // stars 1–5, 0 = none
}

// Result is what the text means.
type Result struct {
	Sentiment  string // positive, neutral, negative
	Polarity   float64
	Complaint  bool
	Severity   int
	Intents    []string // the main one first, at least one
	Department string
	Confidence float64  // of complaint or not, 0–1
	Sure       float64  // how likely a complaint it is, 0–1
	Grief      bool     // speaks of a death
	Words      []string // what decided, the strongest first, with sign: "-kaputt"
}

// Reader reads texts. It is immutable and safe for concurrent use.
type Reader struct {
	lexicon *lexicon
	model   *model // nil = the lexicon's rules alone decide
	polar   polar
	known   *memo.Cache[known]
}

// known is what a word says by itself.
type known struct {
	begins []int32        // patterns that may begin with it
	sum    [Outputs]int32 // of the model's weights of its features
	n      [2]int32       // how many they are: about brands, and of the tone in general
	tones  [polarLangs]float32
}

// know looks all words up.
func (r *Reader) know(t *tokens) {
	for i := range t.words {
		w := &t.words[i]
		word := t.at(i)
		w.hash = hash(basis, word)
		w.known = r.known.Of(word, w.hash, func(word []byte) known {
			x := reading{m: r.model}
			if r.model != nil {
				x.take(w.hash + 1)
				x.groups(word)
			}
			return known{r.lexicon.begin(word), x.sum, [2]int32{int32(x.n), int32(x.tones)}, r.polar.tones(word)}
		})
	}
}

// New makes a reader. An error is a mistake in the package's own lexicon.
func New() (*Reader, error) {
	return With(weights, polarities)
}

// With makes a reader with other weights and another list of polarity than the package's own, as scripts/train makes them.
func With(model, list string) (*Reader, error) {
	r, err := RulesWith(list)
	if err != nil {
		return nil, err
	}
	if r.model, err = load(model); err != nil {
		return nil, err
	}
	return r, nil
}

// Rules makes a reader that has the lexicon and its rules alone: what the trained model is compared with.
func Rules() (*Reader, error) { return RulesWith(polarities) }

// RulesWith makes such a reader with another list of polarity than the package's own, as EncodePolar makes it.
func RulesWith(list string) (*Reader, error) {
	l, err := parse(source)
	if err != nil {
		return nil, err
	}
	p, err := loadPolar(list)
	if err != nil {
		return nil, err
	}
	return &Reader{lexicon: l, polar: p, known: memo.New[known](8192)}, nil
}

// evidence is what the hits of one text add up to.
type evidence struct {
	sum     effects
	pos     float32 // positive tone alone
	cues    int     // hits for a complaint
	strong  float32 // the strongest single one
	words   []weighed
	opening bool // begins as a question does
	aside   bool // "wenn", "if": what follows is supposed
	address bool // speaks to somebody: ihr, euch, you, your
	self    bool // speaks of himself or herself: ich, wir, my
	lone    bool // a sentence of one word of praise: "Toll."
	weak    float32
}

type weighed struct {
	word   string
	weight float32
	at     int32
}

// Read judges a text.
func (r *Reader) Read(in Input) Result {
	t := cut(in.Text)
	e := r.weigh(t, in.Lang)
	res := judge(in, t, e)
	if r.model != nil {
		x := reading{m: r.model}
		x.scan(t)
		x.numbers(in, t, e, &res)
		res = x.decide(in, t, e, res)
	}
	res.Words = e.shown(6)
	return res
}

// weigh finds the patterns and sums what they say. Of hits within a longer hit only the longer counts.
func (r *Reader) weigh(t *tokens, lang string) *evidence {
	r.know(t)
	e := &evidence{words: make([]weighed, 0, 8)}
	var buffer [24]hit
	covered := 0 // words before this index belong to a longer hit
	for i := range t.words {
		hits := r.lexicon.find(t, i, lang, buffer[:0])
		longest := i
		for _, h := range hits {
			longest = max(longest, h.to)
		}
		if longest <= covered {
			continue
		}
		for _, h := range hits {
			if h.to == longest || h.p.effects[hDanger] > 0 {
				e.take(t, h)
			}
		}
		if longest > i+1 {
			covered = longest
		}
	}
	e.form(t)
	return e
}

// take adds one hit.
func (e *evidence) take(t *tokens, h hit) {
	turned := !h.p.denies && negated(t, h)
	strength := intensity(t, h.from)
	var own float32
	for k, w := range h.p.effects {
		if w == 0 {
			continue
		}
		switch k {
		case hComplaint:
			if turned {
				continue
			}
			w *= strength
			own = max(own, w)
			e.cues++
			if h.p.effects[hComplaint] == weakCue { // the little words say little, however many there are
				w = min(w, weakMost-e.weak)
				e.weak += w
			}
		case hTone:
			w *= strength
			if turned {
				w *= -0.5
				if w < -0.3 { // "not good" is a reproach
					e.sum[hComplaint] += 0.6
					own = 0.6
				}
			}
			if w > 0 {
				e.pos += w
				e.lone = e.lone || h.to == h.from+1 && t.words[h.from].sentence && (h.to == len(t.words) || t.words[h.to].sentence) && h.p.effects[hPraise] > 0 && plain(t.at(h.from))
			}
		case hPraise:
			if turned {
				continue
			}
		default:
			if turned {
				w = 0
			}
		}
		e.sum[k] += w
	}
	e.strong = max(e.strong, own)
	e.word(t, h, turned)
}

// plain tells words of praise that stand alone in irony; thanks mostly closes a letter, and emoji are no words.
func plain(w []byte) bool {
	return w[0] < 0x80 && string(w) != "danke" && string(w) != "thanks" && string(w) != "thx"
}

// word remembers what is worth showing.
func (e *evidence) word(t *tokens, h hit, turned bool) {
	weight := h.p.effects[hTone]
	if turned {
		weight *= -0.5
	}
	if c := h.p.effects[hComplaint] + h.p.effects[hDanger] + h.p.effects[hIrony]; c > 0 && !turned {
		weight = min(weight, -c)
	}
	if weight == 0 {
		return
	}
	from, to := t.words[h.from].start, t.words[h.to-1].end
	if turned && h.from > 0 {
		from = t.words[h.from-1].start
	}
	e.words = append(e.words, weighed{t.text[from:to], weight, from})
}

// negated tells whether a negator stands shortly before a hit in the same clause, or right behind a single positive word.
func negated(t *tokens, h hit) bool {
	for i, n := h.from, 0; i > 0 && n < 3 && !t.words[i].clause; n++ {
		i--
		if t.words[i].neg {
			return !emphatic(t, i)
		}
	}
	if h.p.effects[hTone] > 0 && h.to < len(t.words) && !t.words[h.to].clause && t.words[h.to].neg {
		return true
	}
	return false
}

// emphatic tells "nicht nur", "not only", "nie so", "never so": they do not turn round.
func emphatic(t *tokens, i int) bool {
	if i+1 >= len(t.words) {
		return false
	}
	switch string(t.at(i + 1)) {
	case "nur", "only", "so", "just", "too", "bloss":
		return true
	}
	return false
}

// intensity is how much the word before strengthens or weakens.
func intensity(t *tokens, i int) float32 {
	if i == 0 || t.words[i].sentence {
		return 1
	}
	switch string(t.at(i - 1)) {
	case "sehr", "so", "total", "absolut", "extrem", "echt", "richtig", "wirklich", "voll", "mega", "unglaublich", "viel", "ganz", "komplett", "dermassen",
		"very", "really", "extremely", "absolutely", "totally", "completely", "absurdly", "incredibly", "utterly", "truly", "bloody",
		"tres", "vraiment", "muy", "molto", "davvero", "heel", "echte", "erg":
		return 1.3
	case "etwas", "bisschen", "wenig", "relativ", "ziemlich", "halbwegs", "bit", "slightly", "somewhat", "quite", "fairly", "rather", "un", "poco":
		return 0.75
	}
	return 1
}

// form looks at how the text begins and what it supposes.
func (e *evidence) form(t *tokens) {
	for i := range t.words {
		w := string(t.at(i))
		if t.words[i].sentence && asks(w) {
			e.opening = true
		}
		switch w {
		case "wenn", "falls", "if":
			e.aside = true
		case "ihr", "euch", "euer", "eure", "eurem", "euren", "eurer", "sie", "ihnen", "ihre", "ihren", "you", "your", "vous", "votre", "u", "uw":
			e.address = true
		case "ich", "wir", "mir", "mich", "uns", "mein", "meine", "meinen", "meiner", "meinem", "unser", "unsere", "i", "we", "my", "our", "me", "us", "im", "ive", "hab":
			e.self = true
		}
	}
}

// asks tells words with which questions begin.
func asks(w string) bool {
	switch w {
	case "wann", "wo", "wie", "was", "wer", "warum", "wieso", "weshalb", "welche", "welcher", "welches", "wohin", "woher", "kann", "koennt", "koennen", "darf",
		"gibt", "gibts", "habt", "haben", "ist", "sind", "hat", "macht", "seid", "muss", "wird", "fahrt", "geht", "weiss", "ab", "bis", "unterstuetzt", "sucht", "nehmt",
		"when", "where", "how", "what", "who", "why", "which", "can", "could", "do", "does", "did", "is", "are", "will", "would", "has", "have", "should",
		"est", "puis", "peut", "comment", "quand", "quel", "quelle", "puedo", "cuando", "como", "posso", "quando", "come", "kan", "hoe", "waar", "wanneer", "zijn":
		return true
	}
	return false
}

// weakCue marks the little words ("nicht", "only"); together they give at most weakMost.
const (
	weakCue  = 0.3
	weakMost = 0.45
)

// logistic maps a distance from a threshold to a probability.
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// shown gives the strongest words, each once, with sign.
func (e *evidence) shown(most int) []string {
	slices.SortFunc(e.words, func(a, b weighed) int {
		if x, y := math.Abs(float64(a.weight)), math.Abs(float64(b.weight)); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return int(a.at - b.at)
	})
	out := make([]string, 0, most)
	for _, w := range e.words {
		sign := "+"
		if w.weight < 0 {
			sign = "-"
		}
		word := sign + strings.ToLower(strings.Join(strings.Fields(w.word), " "))
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
		if len(out) == most {
			break
		}
	}
	return out
}

// Tone gives the attitude that a text shows, whatever it is about: what public sets of tweets are labelled with. Read tells
// the attitude to the brand.
func (r *Reader) Tone(in Input) string {
	if r.model == nil {
		return r.Read(in).Sentiment
	}
	t := cut(in.Text)
	e := r.weigh(t, in.Lang)
	ruled := judge(in, t, e)
	x := reading{m: r.model}
	x.scan(t)
	x.numbers(in, t, e, &ruled)
	p, _ := x.outputs(in.Rating)
	best := outTone
	for o := outTone; o < Outputs; o++ {
		if p[o]/r.model.from[o] > p[best]/r.model.from[best] {
			best = o
		}
	}
	return [...]string{"negative", "neutral", "positive"}[best-outTone]
}
