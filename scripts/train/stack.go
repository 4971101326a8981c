package main

import (
	"math"

	"rapport/shared/decide/text"
)

const (
	stackRounds = 250
	stackShrink = 10  // as much as ten posts, against each weight
	stackEven   = 0.5 // how much rare ones count more: 0 not at all, 1 all the same in sum
	stackRate   = 0.05
)

// fitStack fits which intent is the main one, by the outputs of models that had not seen the posts (a multinomial logistic
// regression, all posts at a time). Posts for which leave holds are left out.
func fitStack(w *text.Weights, data []example, scores [][text.Outputs]float64, leave func(*example) bool) (out [text.Mains][text.StackWidth]float32) {
	type row struct {
		x    [text.StackWidth]float64
		main int
		much float64
	}
	var rows []row
	var count [text.Mains]float64
	all := 0.0
	for i := range data {
		if leave(&data[i]) {
			continue
		}
		p := data[i].post
		r := row{main: text.MainOf(p.Intents[0], p.Department)}
		for k, v := range text.StackInput(w, &scores[i], &data[i].dense) {
			r.x[k] = float64(v)
		}
		r.much = float64(data[i].weight)
		count[r.main] += r.much
		all += r.much
		rows = append(rows, r)
	}
	for i := range rows {
		rows[i].much *= math.Pow(all/(float64(text.Mains)*count[rows[i].main]), stackEven)
	}
	var m, first, second [text.Mains][text.StackWidth]float64
	for n := range stackRounds {
		var g [text.Mains][text.StackWidth]float64
		for i := range rows {
			r := &rows[i]
			p := softmax(&m, &r.x)
			p[r.main]--
			for c := range g {
				d := p[c] * r.much
				for k, v := range r.x {
					g[c][k] += float64(d * v)
				}
			}
		}
		for c := range g {
			for k := range g[c] {
				d := g[c][k]
				if k > 0 {
					d += float64(stackShrink * m[c][k])
				}
				d /= all
				first[c][k] = float64(0.9*first[c][k]) + float64(0.1*d)
				second[c][k] = float64(0.99*second[c][k]) + float64(0.01*d*d)
				a := first[c][k] / (1 - math.Pow(0.9, float64(n+1)))
				b := second[c][k] / (1 - math.Pow(0.99, float64(n+1)))
				m[c][k] -= stackRate * a / (math.Sqrt(b) + 1e-8) * (1 - float64(n)/stackRounds)
			}
		}
	}
	for c := range m {
		for k, v := range m[c] {
			out[c][k] = float32(v)
		}
	}
	return out
}

func softmax(m *[text.Mains][text.StackWidth]float64, x *[text.StackWidth]float64) (p [text.Mains]float64) {
	most := math.Inf(-1)
	for c := range m {
		z := 0.0
		for k, v := range x {
			z += float64(m[c][k] * v)
		}
		p[c] = z
		most = math.Max(most, z)
	}
	sum := 0.0
	for c := range p {
		p[c] = math.Exp(p[c] - most)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}
