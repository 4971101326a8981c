package main

import (
	"fmt"
	"math"

	"rapport/shared/decide/text"
)

// calibrate sets slope and offset of each output (Platt scaling) and the probability from which it holds, by posts that the scoring
// models had not seen.
func calibrate(w *text.Weights, data []example, scores [][text.Outputs]float64) {
	for o := text.ToneOutput; o < text.Outputs; o++ {
		w.Slope[o], w.From[o] = 1, 0.5
	}
	for o := range text.ToneOutput {
		a, b := platt(data, scores, o)
		w.Slope[o], w.Offset[o] = float32(a), float32(b)
		w.From[o] = float32(threshold(data, scores, o, a, b))
	}
}

// platt fits p = 1/(1+exp(-(a z + b))) by descent, the targets drawn in as Platt has it, a held near one where there is little.
func platt(data []example, scores [][text.Outputs]float64, o int) (a, b float64) {
	n, all := 0.0, 0.0
	for i := range data {
		if all += float64(data[i].weight); data[i].want[o] {
			n += float64(data[i].weight)
		}
	}
	yes, no := (n+1)/(n+2), 1/(all-n+2)
	a = 1
	var sa, sb float64
	for range 1500 {
		ga, gb := 2*(a-1), 0.0
		for i := range data {
			z := scores[i][o]
			y := no
			if data[i].want[o] {
				y = yes
			}
			d := (1/(1+math.Exp(-(float64(a*z)+b))) - y) * float64(data[i].weight)
			ga += float64(d * z)
			gb += d
		}
		sa, sb = float64(0.98*sa)+float64(0.02*ga*ga), float64(0.98*sb)+float64(0.02*gb*gb)
		a -= 0.01 * ga / (math.Sqrt(sa) + 1)
		b -= 0.01 * gb / (math.Sqrt(sb) + 1)
	}
	return math.Max(a, 0.2), b
}

// enough is which share of what an output tells must be so, where more counts than the best F1: a complaint that is missed costs more than one too
// many, but who is told of too many stops looking; and spam is put aside.
var enough = map[int]float64{text.ComplaintOutput: 0.72, text.SpamOutput: 0.985}

// threshold looks for the probability with the best F1, or for the lowest from which enough is right.
func threshold(data []example, scores [][text.Outputs]float64, o int, a, b float64) float64 {
	best, at := -1.0, 0.5
	if enough[o] > 0 {
		at = 0.95
	}
	for step := 95; step >= 15; step-- {
		from := float64(step) / 100
		var hit, extra, missed float64
		for i := range data {
			p, weight := 1/(1+math.Exp(-(float64(a*scores[i][o])+b))), float64(data[i].weight)
			switch {
			case p >= from && data[i].want[o]:
				hit += weight
			case p >= from:
				extra += weight
			case data[i].want[o]:
				missed += weight
			}
		}
		if share := enough[o]; share > 0 {
			if hit >= share*(hit+extra) {
				at = from
			}
			continue
		}
		f := 2 * hit / math.Max(2*hit+extra+missed, 1)
		if f > best+1e-9 || f > best-1e-9 && math.Abs(from-0.5) < math.Abs(at-0.5) {
			best, at = f, from
		}
	}
	switch o {
	case text.ComplaintOutput: // below it is a guess
		at = math.Max(at, 0.3)
	case text.SpamOutput:
		at = math.Max(at, 0.6)
	case text.SevereOutput:
		at = math.Max(at, 0.35)
	case text.ProductOutput: // a complaint goes to service unless it is more likely than not about the product itself
		at = math.Max(at, 0.5)
	case text.DangerOutput: // it wakes people
		at = math.Max(at, 0.4)
	}
	return at
}

// report prints what the left-out posts reach per output.
func report(w *text.Weights, data []example, scores [][text.Outputs]float64) {
	for o := range text.ToneOutput {
		var hit, extra, missed float64
		for i := range data {
			p := 1 / (1 + math.Exp(-(float64(w.Slope[o])*scores[i][o] + float64(w.Offset[o]))))
			switch {
			case p >= float64(w.From[o]) && data[i].want[o]:
				hit++
			case p >= float64(w.From[o]):
				extra++
			case data[i].want[o]:
				missed++
			}
		}
		fmt.Printf("  %-10s left out: F1 %.3f, precision %.3f, recall %.3f, from %.2f (slope %.2f)\n", text.OutputName(o), 2*hit/math.Max(2*hit+extra+missed, 1),
			hit/math.Max(hit+extra, 1), hit/math.Max(hit+missed, 1), w.From[o], w.Slope[o])
	}
}
