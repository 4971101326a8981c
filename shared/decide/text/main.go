package text

import "math"

// Which intent is the main one, and with it who acts first, is told by a second small model that looks at all outputs of the
// first together: a question with a reproach in it is neither what "question" nor what "complaint" says alone.

// Mains are the classes of the main intent: the intents, and the complaint about the product itself.
const (
	Mains       = len(intents) + 1
	mainProduct = Mains - 1
)

// What the second model looks at: one, the odds of the outputs, the tone in general, and the form of the text.
const (
	formFrom   = 32 // of the dense features
	formEnd    = 62
	stackTone  = 1 + outTone
	stackForm  = stackTone + 2
	StackWidth = stackForm + formEnd - formFrom
)

// MainOf gives the class of a label.
func MainOf(intent, department string) int {
	for i, name := range intents {
		if name != intent {
			continue
		}
		if i == atComplaint && department == "product" {
			return mainProduct
		}
		return i
	}
	return atChatter
}

// stackInput fills what the second model looks at.
func stackInput(x *[StackWidth]float32, odds *[Outputs]float32, dense *[Dense]float32) {
	x[0] = 1
	for o := range outTone {
		x[1+o] = max(min(odds[o], 6), -6) / 2
	}
	copy(x[stackTone:], dense[outDense:])
	copy(x[stackForm:], dense[formFrom:formEnd])
}

// StackInput gives what the second model looks at for outputs as training has them. It is for training.
func StackInput(w *Weights, z *[Outputs]float64, dense *[Dense]float32) (x [StackWidth]float32) {
	var odds [Outputs]float32
	for o := range outTone {
		odds[o] = w.Slope[o]*float32(z[o]) + w.Offset[o]
	}
	stackInput(&x, &odds, dense)
	return x
}

// mains gives how likely each class is the main intent.
func (m *model) mains(odds *[Outputs]float32, dense *[Dense]float32) (p [Mains]float32) {
	var x [StackWidth]float32
	stackInput(&x, odds, dense)
	var most, sum float32
	for c := range p {
		for k, v := range x {
			p[c] += m.stack[c][k] * v
		}
		if c == 0 || p[c] > most {
			most = p[c]
		}
	}
	for c := range p {
		p[c] = float32(math.Exp(float64(p[c] - most)))
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

// acts gives the place of the department of a class, in no order that means anything.
func acts(class int) int {
	switch class {
	case atSpam, atChatter:
		return 0
	case atLegal:
		return 1
	case atPress, atPraise:
		return 2
	case atJob:
		return 3
	case atPurchase:
		return 4
	case atIdea, mainProduct:
		return 5
	}
	return 6
}

// likeliest gives the likeliest class of the likeliest department.
func likeliest(p *[Mains]float32) int {
	var sum [7]float32
	for c, v := range p {
		sum[acts(c)] += v
	}
	best := 0
	for c := range p {
		if a, b := sum[acts(c)], sum[acts(best)]; a > b || a == b && p[c] > p[best] {
			best = c
		}
	}
	return best
}
