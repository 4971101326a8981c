package main

import (
	"math"
	"sync"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/text"
)

// linear is a model in the making.
type linear struct {
	bias   [text.Outputs]float64
	dense  [text.Dense][text.Outputs]float64
	rows   [][text.Outputs]float64
	square struct {
		bias  [text.Outputs]float64
		dense [text.Dense][text.Outputs]float64
		rows  [][text.Outputs]float64
	}
}

func (l *linear) raw(x *example, first, end int) (z [text.Outputs]float64) {
	sum := func(rows []uint32, first, end int) {
		for _, h := range rows {
			for o := first; o < end; o++ {
				z[o] += l.rows[h][o]
			}
		}
		for o := first; o < end; o++ {
			z[o] = float64(z[o]*norm(rows)) + l.bias[o]
		}
	}
	sum(x.rows, first, min(end, text.ToneOutput))
	sum(x.tones, max(first, text.ToneOutput), end)
	for i, v := range x.dense {
		if v != 0 {
			for o := first; o < end; o++ {
				z[o] += float64(float64(v) * l.dense[i][o])
			}
		}
	}
	return z
}

// norm is by what weights are multiplied, so that long texts do not weigh more than short ones.
func norm(rows []uint32) float64 { return 1 / math.Sqrt(float64(max(len(rows), 1))) }

// learn averages a few fits that saw the examples in other orders: less chance, the same size.
func learn(v vocabulary, data []example, rounds, epochs, first, end int) *linear {
	fits := make([]*linear, rounds)
	var wait sync.WaitGroup
	for i := range fits {
		wait.Go(func() { fits[i] = fitText(v, data, uint64(i), epochs, first, end) })
	}
	wait.Wait()
	l := fits[0]
	for o := range l.bias {
		for _, f := range fits[1:] {
			l.bias[o] += f.bias[o]
			for i := range l.dense {
				l.dense[i][o] += f.dense[i][o]
			}
			for h := range l.rows {
				l.rows[h][o] += f.rows[h][o]
			}
		}
		l.bias[o] /= float64(rounds)
		for i := range l.dense {
			l.dense[i][o] /= float64(rounds)
		}
		for h := range l.rows {
			l.rows[h][o] /= float64(rounds)
		}
	}
	return l
}

// fitText fits logistic regressions, one per output, by AdaGrad.
func fitText(v vocabulary, data []example, run uint64, epochs, first, end int) *linear {
	l := &linear{rows: make([][text.Outputs]float64, len(v))}
	l.square.rows = make([][text.Outputs]float64, len(v))
	order := make([]int, len(data))
	for i := range order {
		order[i] = i
	}
	chance := corpus.Chance(seed + 1 + run*1000)
	for range epochs {
		corpus.Shuffle(&chance, order)
		for _, i := range order {
			x := &data[i]
			if chance.Next(drop) == 0 {
				bare := *x
				clear(bare.dense[:32])
				x = &bare
			}
			l.step(x, first, end)
		}
	}
	return l
}

// step moves the weights by one example: those about brands, or those of the tone in general.
func (l *linear) step(x *example, first, end int) {
	z := l.raw(x, first, end)
	rows, rate := x.rows, rateFirst
	if first >= text.ToneOutput {
		rows, rate = x.tones, rateTone
	}
	norm := norm(rows)
	var g [text.Outputs]float64
	for o := first; o < end; o++ {
		y := 0.0
		if x.want[o] {
			y = 1
		}
		g[o] = (1/(1+math.Exp(-z[o])) - y) * float64(x.weight)
	}
	move := func(w, s *[text.Outputs]float64, v, shrink float64) {
		for o := first; o < end; o++ {
			if g[o] == 0 {
				continue
			}
			d := float64(g[o]*v) + float64(shrink*w[o])
			s[o] += float64(d * d)
			w[o] -= rate * d / (math.Sqrt(s[o]) + 1e-3)
		}
	}
	for _, h := range rows {
		move(&l.rows[h], &l.square.rows[h], norm, 2e-4)
	}
	for i, v := range x.dense {
		if v != 0 {
			move(&l.dense[i], &l.square.dense[i], float64(v), 2e-4)
		}
	}
	move(&l.bias, &l.square.bias, 1, 0)
}

// rounded gives the weights in the form that is stored.
func (l *linear) rounded(v vocabulary) *text.Weights {
	w := &text.Weights{Hashes: v, Rows: make([][text.Outputs]float32, len(v))}
	for o := range l.bias {
		w.Bias[o] = float32(l.bias[o])
	}
	for i := range l.dense {
		for o, f := range l.dense[i] {
			w.Dense[i][o] = float32(f)
		}
	}
	for i := range l.rows {
		for o, f := range l.rows[i] {
			w.Rows[i][o] = float32(f)
		}
	}
	return w
}
