package text

import (
	_ "embed" // the weights
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// The trained model is linear: every feature of a text adds its weights to the outputs. Features are hashed words, pairs of
// words, denied words and letter groups, and a few dozen numbers, among them what the lexicon found. scripts/train makes the
// weights.

//go:embed model.bin
var weights string

// Buckets is how many hashes of features there are. Few of them have weights, so that what training never saw, or hardly, mostly adds
// nothing.
const Buckets = 1 << 20

// Outputs of the model, in this order: three of sentiment toward the brand, then the intents, severity and department, and
// three of the tone in general, which the others look at.
const (
	outNegative = iota
	outNeutral
	outPositive
	outIntent              // the first of the intents, in the order of Intents
	outSevere  = iota + 10 // at least 2
	outDanger              // 3
	outProduct             // for the department product
	outTone                // negative, neutral, positive, whatever the text is about
	Outputs    = outTone + 3
)

// Intents in the order of the model's outputs.
var intents = [...]string{"complaint", "question", "praise", "purchase", "idea", "churn", "legal", "press", "job", "spam", "chatter"}

// Dense is how many features are numbers. The last two are the tone in general, known when the others are.
const (
	Dense    = outDense + 2
	polarAt  = 62
	outDense = polarAt + polarFeatures
)

// headerLength is what precedes the hashed weights: a mark, then scales, biases, calibration, thresholds and dense weights, and a bit
// for each hash that has weights.
const (
	mark         = "rapport text 3\n\x00"
	headerFloats = Outputs*5 + Dense*Outputs + Mains*StackWidth
	headerLength = len(mark) + 4*headerFloats + Buckets/8
)

// model is the weights made ready.
type model struct {
	scale   [Outputs]float32
	bias    [Outputs]float32
	slope   [Outputs]float32 // Platt scaling
	offset  [Outputs]float32
	from    [Outputs]float32 // from which probability an output holds
	dense   [Dense][Outputs]float32
	stack   [Mains][StackWidth]float32
	present []uint64 // one bit per hash: has weights
	before  []uint32 // how many have before each of these words
	rows    string   // int8, Outputs to each hash that has weights
}

// load reads weights.
func load(data string) (*model, error) {
	if len(data) < headerLength || data[:len(mark)] != mark {
		return nil, fmt.Errorf("text model: %d bytes, want more than %d beginning %q: run scripts/train", len(data), headerLength, mark)
	}
	m := &model{present: make([]uint64, Buckets/64), before: make([]uint32, Buckets/64)}
	at := len(mark)
	for _, part := range [][]float32{m.scale[:], m.bias[:], m.slope[:], m.offset[:], m.from[:]} {
		at = floats(data, at, part)
	}
	for i := range m.dense {
		at = floats(data, at, m.dense[i][:])
	}
	for i := range m.stack {
		at = floats(data, at, m.stack[i][:])
	}
	kept := 0
	for i := range m.present {
		m.present[i] = binary.LittleEndian.Uint64([]byte(data[at : at+8]))
		m.before[i] = uint32(kept)
		kept += bits.OnesCount64(m.present[i])
		at += 8
	}
	if m.rows = data[at:]; len(m.rows) != kept*Outputs {
		return nil, fmt.Errorf("text model: %d bytes of weights for %d hashes, want %d: run scripts/train", len(m.rows), kept, kept*Outputs)
	}
	return m, nil
}

// row gives the weights of a hash, nothing where it has none.
func (m *model) row(h uint32) string {
	word, bit := m.present[h>>6], uint64(1)<<(h&63)
	if word&bit == 0 {
		return ""
	}
	at := (int(m.before[h>>6]) + bits.OnesCount64(word&(bit-1))) * Outputs
	return m.rows[at : at+Outputs]
}

func floats(data string, at int, into []float32) int {
	for i := range into {
		into[i] = math.Float32frombits(binary.LittleEndian.Uint32([]byte(data[at : at+4])))
		at += 4
	}
	return at
}

// Weights is a model as training leaves it.
type Weights struct {
	Bias, Slope, Offset, From [Outputs]float32
	Dense                     [Dense][Outputs]float32
	Stack                     [Mains][StackWidth]float32
	Hashes                    []uint32           // those that have weights, ascending
	Rows                      [][Outputs]float32 // of each of Hashes
}

// Encode gives the bytes of model.bin. Each output's weights are cut at the value that all but few stay below.
func (w *Weights) Encode() []byte {
	var scale [Outputs]float32
	for o := range Outputs {
		var all []float32
		for _, r := range w.Rows {
			if r[o] != 0 {
				all = append(all, max(r[o], -r[o]))
			}
		}
		slices.Sort(all)
		if len(all) > 0 {
			scale[o] = all[len(all)-1-len(all)/2000] / 127
		}
	}
	out := append(make([]byte, 0, headerLength+len(w.Rows)*Outputs), mark...)
	put := func(list []float32) {
		for _, f := range list {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
		}
	}
	for _, part := range [][]float32{scale[:], w.Bias[:], w.Slope[:], w.Offset[:], w.From[:]} {
		put(part)
	}
	for i := range w.Dense {
		put(w.Dense[i][:])
	}
	for i := range w.Stack {
		put(w.Stack[i][:])
	}
	present := make([]byte, Buckets/8)
	rows := make([]byte, 0, len(w.Rows)*Outputs)
	for i, r := range w.Rows {
		var row [Outputs]byte
		for o, v := range r {
			if scale[o] > 0 {
				row[o] = byte(int8(math.Round(float64(max(min(v/scale[o], 127), -127)))))
			}
		}
		if row != [Outputs]byte{} {
			h := w.Hashes[i]
			present[h/8] |= 1 << (h % 8)
			rows = append(rows, row[:]...)
		}
	}
	return append(append(out, present...), rows...)
}

// words of a text that are looked at; what follows changes little.
const mostWords = 160

// reading is what one text gives: features while training, sums while judging.
type reading struct {
	m     *model
	keep  []uint32 // all hashed features, where they are wanted
	n     int      // of those that have weights for what is said about a brand
	tones int      // and for the tone in general
	sum   [Outputs]int32
	dense [Dense]float32
	said  [mostWords]contribution
}

// contribution is what one word added.
type contribution struct{ complaint, negative, positive int32 }

// take adds one feature.
func (r *reading) take(h uint32) {
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 13
	h &= Buckets - 1
	if r.m == nil {
		r.keep = append(r.keep, h)
		return
	}
	if row := r.m.row(h); row != "" {
		var brand, tone byte
		for o := range outTone {
			r.sum[o] += int32(int8(row[o]))
			brand |= row[o]
		}
		for o := outTone; o < Outputs; o++ {
			r.sum[o] += int32(int8(row[o]))
			tone |= row[o]
		}
		if brand != 0 {
			r.n++
		}
		if tone != 0 {
			r.tones++
		}
	}
}

// add takes all features that a word has by itself.
func (r *reading) add(k *known) {
	r.n += int(k.n[0])
	r.tones += int(k.n[1])
	for o := range r.sum {
		r.sum[o] += k.sum[o]
	}
}

// FNV-1a.
const (
	basis = 2166136261
	prime = 16777619
)

func hash(h uint32, w []byte) uint32 {
	for _, b := range w {
		h = (h ^ uint32(b)) * prime
	}
	return h
}

// scan takes the features of all words.
func (r *reading) scan(t *tokens) {
	last := uint32(1)
	deny := 0
	for i := range t.words {
		if i == mostWords {
			break
		}
		before := r.sum
		w := &t.words[i]
		word := t.at(i)
		if w.clause {
			deny = 0
		}
		h := w.hash
		if w.number {
			h = 77
		}
		alone := !w.number && len(word) > 2
		switch {
		case alone && r.m != nil:
			r.add(w.known)
		case alone:
			r.take(h + 1)
			r.groups(word)
		default:
			r.take(h + 1)
		}
		r.take(h*31 + last)
		if deny > 0 {
			r.take(h*17 + 5)
			deny--
		}
		if w.neg {
			deny = 4
		}
		last = h
		r.said[i] = contribution{r.sum[outIntent] - before[outIntent], r.sum[outNegative] - before[outNegative], r.sum[outPositive] - before[outPositive]}
	}
	r.take(last*13 + 9) // how it ends
}

// groups takes the letter groups of a word, its ends marked.
func (r *reading) groups(word []byte) {
	var buffer [34]byte
	p := append(buffer[:0], '<')
	p = append(p, word[:min(len(word), 32)]...)
	p = append(p, '>')
	for i := 0; i+3 <= len(p); i++ {
		h := uint32(0x3c6ef372)
		h = (h ^ uint32(p[i])) * prime
		h = (h ^ uint32(p[i+1])) * prime
		h = (h ^ uint32(p[i+2])) * prime
		if i+4 <= len(p) {
			h = (h ^ uint32(p[i+3])) * prime
			r.take(h)
			if i+5 <= len(p) {
				r.take((h ^ uint32(p[i+4])) * prime)
			}
		} else {
			r.take(h)
		}
	}
}

// numbers fills the dense features: what the lexicon found, what its rules say, and the form of the text.
func (r *reading) numbers(in Input, t *tokens, e *evidence, ruled *Result) {
	d := &r.dense
	for i, v := range e.sum {
		d[i] = max(min(v, 3), -3) / 2
	}
	at := int(heads)
	set := func(yes bool) {
		if yes {
			d[at] = 1
		}
		at++
	}
	for _, name := range intents {
		set(slices.Contains(ruled.Intents, name))
	}
	set(ruled.Sentiment == "positive")
	set(ruled.Sentiment == "negative")
	set(ruled.Severity >= 2)
	set(ruled.Severity >= 3)
	set(ruled.Department == "product")
	set(in.Rating == 1 || in.Rating == 2)
	set(in.Rating >= 4)
	for _, kind := range [...]string{"post", "comment", "reply", "message", "review"} {
		set(in.Kind == kind)
	}
	set(in.News)
	set(in.Lang == "de")
	set(in.Lang == "en")
	set(in.Lang == "und" || in.Lang == "")
	set(t.questions > 0)
	set(t.questions > 0 && e.opening)
	set(t.questions > 0 && e.opening && e.sum[hComplaint] < 0.4)
	set(t.shouts > 0)
	set(t.shouts > 2)
	set(t.links > 0)
	set(t.tags > 0)
	set(t.capitals > 2)
	set(len(t.words) == 0)
	set(len(t.words) <= 3)
	set(len(t.words) <= 8)
	set(len(t.words) > 25)
	set(e.aside)
	set(e.address)
	set(e.self)
	set(e.lone)
	set(e.cues > 1)
	set(e.strong >= 1)
	d[at] = min(e.pos, 3) / 2
	t.polarity(in.Lang, d[polarAt:outDense])
}

// outputs gives the calibrated probabilities, and the odds they are of. Stars are no part of training: they move the odds.
func (r *reading) outputs(rating int) (p, z [Outputs]float32) {
	m := r.m
	norm := scaled(r.n)
	for o := range z {
		if o == outTone {
			norm = scaled(r.tones)
		}
		z[o] = m.bias[o] + float32(r.sum[o])*m.scale[o]*norm
	}
	add := func(i int) {
		if v := r.dense[i]; v != 0 {
			row := &m.dense[i]
			for o := range z {
				z[o] += v * row[o]
			}
		}
	}
	for i := range outDense {
		add(i)
	}
	r.dense[outDense], r.dense[outDense+1] = Toned(z[outTone], z[outTone+1], z[outTone+2])
	add(outDense)
	add(outDense + 1)
	switch {
	case rating == 1 || rating == 2:
		z[outIntent+atComplaint] += starred
		z[outNegative] += starred
	case rating >= 4:
		z[outIntent+atComplaint] -= starred
		z[outNegative] -= starred
		z[outPositive] += starred
		z[outIntent+atPraise] += starred
	}
	for o := range p {
		z[o] = m.slope[o]*z[o] + m.offset[o]
		p[o] = float32(logistic(float64(z[o])))
	}
	for _, first := range [...]int{outNegative, outTone} {
		sum := p[first] + p[first+1] + p[first+2]
		for o := first; o < first+3; o++ {
			p[o] /= max(sum, 1e-6)
		}
	}
	return p, z
}

// scaled is by what the sum of so many features is multiplied, so that long texts do not weigh more than short ones.
func scaled(features int) float32 { return 1 / float32(math.Sqrt(float64(max(features, 1)))) }

// Toned makes of the tone in general, as odds, the two numbers that the other outputs look at: which way, and how much.
func Toned(negative, neutral, positive float32) (way, much float32) {
	draw := func(z float32) float32 { return max(min(z, 4), -4) / 4 }
	return draw(positive - negative), -draw(neutral)
}

// starred is what stars add, as a logarithm of odds.
const starred = 2.5

// Signals gives what the model sees of a text: hashed features and numbers. It is for training.
func (r *Reader) Signals(in Input) (hashed []uint32, dense [Dense]float32) {
	t := cut(in.Text)
	e := r.weigh(t, in.Lang)
	ruled := judge(in, t, e)
	var x reading
	x.scan(t)
	x.numbers(in, t, e, &ruled)
	return x.keep, x.dense
}

// Outputs that training treats in a way of their own.
const (
	ComplaintOutput = outIntent + atComplaint
	SpamOutput      = outIntent + atSpam
	SevereOutput    = outSevere
	DangerOutput    = outDanger
	ProductOutput   = outProduct
	ToneOutput      = outTone  // and the two after it
	ToneDense       = outDense // and the one after it
)

// OutputName names an output.
func OutputName(o int) string {
	switch {
	case o < outIntent:
		return [...]string{"negative", "neutral", "positive"}[o]
	case o < outSevere:
		return intents[o-outIntent]
	}
	return [...]string{"severe", "danger", "product", "tone -", "tone 0", "tone +"}[o-outSevere]
}

// Wanted gives what the outputs should be for a label.
func Wanted(sentiment string, labels []string, severity int, department string) (out [Outputs]bool) {
	out[outNegative], out[outNeutral], out[outPositive] = sentiment == "negative", sentiment == "neutral", sentiment == "positive"
	for i, name := range intents {
		out[outIntent+i] = slices.Contains(labels, name)
	}
	out[outSevere], out[outDanger] = severity >= 2, severity >= 3
	out[outProduct] = department == "product" && slices.Contains(labels, "complaint")
	copy(out[outTone:], out[:outIntent])
	return out
}
