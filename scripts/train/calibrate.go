package main

import (
	"fmt"
	"math"

	"rapport/shared/decide/text"
)

// calibrate sets slope and offset of each output (Platt scaling) and the probability from which it holds (the best F1), by
// posts that the scoring models had not seen.
func calibrate(w *text.Weights, data []example, scores [][text.Outputs]float64) {
	for o := range text.Outputs {
		a, b := platt(data, scores, o)
		w.Slope[o], w.Offset[o] = float32(a), float32(b)
		w.From[o] = float32(threshold(data, scores, o, a, b))
	}
}

// platt fits p = 1/(1+exp(-(a z + b))) by Newton's method; b starts where the share of positives wants it.
func platt(data []example, scores [][text.Outputs]float64, o int) (a, b float64) {
	a = 1
	for range 50 {
		var ga, gb, haa, hab, hbb float64
		for i := range data {
			z := scores[i][o]
			p := 1 / (1 + math.Exp(-(float64(a*z) + b)))
			y := 0.02
			if data[i].want[o] {
				y = 0.98
			}
			d, h := p-y, math.Max(float64(p*(1-p)), 1e-6)
			ga += float64(d * z)
			gb += d
			haa += float64(float64(h*z) * z)
			hab += float64(h * z)
			hbb += h
		}
		ga += 0.1 * (a - 1) // stay near one where there are few
		haa += 0.1
		det := float64(haa*hbb) - float64(hab*hab)
		if math.Abs(det) < 1e-9 {
			break
		}
		da, db := (float64(hbb*ga)-float64(hab*gb))/det, (float64(haa*gb)-float64(hab*ga))/det
		a, b = a-da, b-db
		if math.Abs(da)+math.Abs(db) < 1e-7 {
			break
		}
	}
	return math.Max(a, 0.2), b
}

// threshold looks for the probability with the best F1; spam needs to be all but certain.
func threshold(data []example, scores [][text.Outputs]float64, o int, a, b float64) float64 {
	best, at := -1.0, 0.5
	for step := 15; step <= 70; step++ {
		from := float64(step) / 100
		var hit, false_, missed float64
		for i := range data {
			p := 1 / (1 + math.Exp(-(float64(a*scores[i][o]) + b)))
			switch {
			case p >= from && data[i].want[o]:
				hit++
			case p >= from:
				false_++
			case data[i].want[o]:
				missed++
			}
		}
		f1 := 2 * hit / math.Max(2*hit+false_+missed, 1)
		if f1 > best+1e-9 || f1 > best-1e-9 && math.Abs(from-0.5) < math.Abs(at-0.5) {
			best, at = f1, from
		}
	}
	if o == text.SpamOutput {
		at = math.Max(at, 0.6)
	}
	return at
}

// report prints what the left-out posts reach per output.
func report(w *text.Weights, data []example, scores [][text.Outputs]float64) {
	for o := range text.Outputs {
		var hit, false_, missed float64
		for i := range data {
			p := 1 / (1 + math.Exp(-(float64(w.Slope[o])*scores[i][o] + float64(w.Offset[o]))))
			switch {
			case p >= float64(w.From[o]) && data[i].want[o]:
				hit++
			case p >= float64(w.From[o]):
				false_++
			case data[i].want[o]:
				missed++
			}
		}
		fmt.Printf("  %-10s left out: F1 %.3f, precision %.3f, recall %.3f, from %.2f (slope %.2f)\n", text.OutputName(o), 2*hit/math.Max(2*hit+false_+missed, 1),
			hit/math.Max(hit+false_, 1), hit/math.Max(hit+missed, 1), w.From[o], w.Slope[o])
	}
}
