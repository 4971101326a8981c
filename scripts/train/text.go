package main

import (
	"embed"
	"fmt"
	"math"
	"slices"
	"sync"

	"rapport/scripts/train/corpus"
	"rapport/scripts/train/gauge"
	"rapport/shared/decide/text"
)

//go:embed data
var own embed.FS

const (
	seed      = 20261122
	variants  = 4  // hurried twins of each post written by hand
	each      = 40 // posts of each template
	rounds    = 3
	epochs    = 7
	folds     = 6
	drop      = 4 // one in this many examples is learned without the lexicon's help
	rateFirst = 0.06
)

// example is a post as the model sees it.
type example struct {
	post   corpus.Post
	hashed []uint32
	dense  [text.Dense]float32
	want   [text.Outputs]bool
	mask   [text.Outputs]bool // outputs that learn nothing from it
	weight float32
}

// gather reads all posts written for training and makes more of them.
func gather() (hand, more []corpus.Post, err error) {
	chance := corpus.Chance(seed)
	for _, name := range []string{"posts-de.txt", "posts-en.txt", "posts-more.txt", "posts-second-de.txt", "posts-second-en.txt", "posts-third.txt"} {
		b, err := own.ReadFile("data/" + name)
		if err != nil {
			return nil, nil, err
		}
		posts, err := corpus.Parse(name, b)
		if err != nil {
			return nil, nil, err
		}
		hand = append(hand, posts...)
	}
	for i := range hand { // groups that hold all there is of an intent are parted
		switch p := &hand[i]; p.Industry {
		case "chatter", "press", "legal", "job", "garden", "appliance", "insurance-other", "subscription", "subway", "swimming":
			p.Family += fmt.Sprint(" ", i%folds)
		}
	}
	b, err := own.ReadFile("data/templates.txt")
	if err != nil {
		return nil, nil, err
	}
	made, err := corpus.Expand("templates.txt", b, each, 3.0/each, &chance)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range made {
		more = append(more, corpus.Vary(p, &chance))
	}
	for _, p := range hand {
		for range variants {
			v := corpus.Vary(p, &chance)
			v.Weight = 0.25
			more = append(more, v)
		}
	}
	return hand, more, nil
}

func input(p corpus.Post) text.Input {
	return text.Input{Text: p.Text, Lang: p.Lang, Kind: p.Kind, News: p.Kind == "post" && p.Industry == "press"}
}

func examine(r *text.Reader, posts []corpus.Post) []example {
	out := make([]example, 0, len(posts))
	for _, p := range posts {
		x := example{post: p, weight: float32(p.Weight)}
		x.hashed, x.dense = r.Signals(input(p))
		x.want = text.Wanted(p.Sentiment, p.Intents, p.Severity, p.Department)
		out = append(out, x)
	}
	return out
}

// trainText makes the weights of the reader of texts.
func trainText(dir string, cross bool) ([]byte, error) {
	rules, err := text.Rules()
	if err != nil {
		return nil, err
	}
	hand, more, err := gather()
	if err != nil {
		return nil, err
	}
	lists, err := wordLists(dir)
	if err != nil {
		return nil, err
	}
	a, b, c := examine(rules, hand), examine(rules, more), examine(rules, lists)
	for i := range c {
		for o := 3; o < text.Outputs; o++ {
			c[i].mask[o] = true
		}
		c[i].dense = [text.Dense]float32{}
	}
	fmt.Printf("text: %d posts by hand, %d made of them and of templates, %d words\n", len(a), len(b), len(c))

	// Posts of each industry are judged by a model that saw none of it: what calibration and thresholds are set by.
	families := map[string]int{}
	for _, x := range a {
		if _, ok := families[x.post.Family]; !ok {
			families[x.post.Family] = len(families) % folds
		}
	}
	scores := make([][text.Outputs]float64, len(a))
	var folded []*text.Weights
	for f := range folds {
		var part []example
		for _, x := range slices.Concat(a, b) {
			if k, ok := families[x.post.Family]; !ok || k != f {
				part = append(part, x)
			}
		}
		w := learn(append(part, c...))
		for i, x := range a {
			if families[x.post.Family] == f {
				scores[i] = w.raw(&x)
			}
		}
		folded = append(folded, w.rounded())
	}
	w := learn(slices.Concat(a, b, c))
	out := w.rounded()
	calibrate(out, a, scores)
	if cross {
		report(out, a, scores)
		return out.Encode(), leftOut(folded, out, a, families)
	}
	return out.Encode(), nil
}

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

func (l *linear) raw(x *example) (z [text.Outputs]float64) {
	norm := 1 / math.Sqrt(float64(max(len(x.hashed), 1)))
	for _, h := range x.hashed {
		for o := range z {
			z[o] += l.rows[h][o]
		}
	}
	for o := range z {
		z[o] = float64(z[o]*norm) + l.bias[o]
	}
	for i, v := range x.dense {
		if v != 0 {
			for o := range z {
				z[o] += float64(float64(v) * l.dense[i][o])
			}
		}
	}
	return z
}

// learn averages a few fits that saw the examples in other orders: less chance, the same size.
func learn(data []example) *linear {
	fits := make([]*linear, rounds)
	var wait sync.WaitGroup
	for i := range fits {
		wait.Go(func() { fits[i] = fitText(data, uint64(i)) })
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
		l.bias[o] /= rounds
		for i := range l.dense {
			l.dense[i][o] /= rounds
		}
		for h := range l.rows {
			l.rows[h][o] /= rounds
		}
	}
	return l
}

// fitText fits logistic regressions, one per output, by AdaGrad.
func fitText(data []example, run uint64) *linear {
	l := &linear{rows: make([][text.Outputs]float64, text.Buckets)}
	l.square.rows = make([][text.Outputs]float64, text.Buckets)
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
			l.step(x)
		}
	}
	return l
}

// step moves the weights by one example.
func (l *linear) step(x *example) {
	z := l.raw(x)
	norm := 1 / math.Sqrt(float64(max(len(x.hashed), 1)))
	var g [text.Outputs]float64
	for o := range g {
		if x.mask[o] {
			continue
		}
		y := 0.0
		if x.want[o] {
			y = 1
		}
		g[o] = (1/(1+math.Exp(-z[o])) - y) * float64(x.weight)
	}
	move := func(w, s *[text.Outputs]float64, v, shrink float64) {
		for o := range g {
			if g[o] == 0 {
				continue
			}
			d := float64(g[o]*v) + float64(shrink*w[o])
			s[o] += float64(d * d)
			w[o] -= rateFirst * d / (math.Sqrt(s[o]) + 1e-3)
		}
	}
	for _, h := range x.hashed {
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
func (l *linear) rounded() *text.Weights {
	w := &text.Weights{Rows: make([][text.Outputs]float32, text.Buckets)}
	for o := range l.bias {
		w.Bias[o] = float32(l.bias[o])
	}
	for i := range l.dense {
		for o, v := range l.dense[i] {
			w.Dense[i][o] = float32(v)
		}
	}
	for i := range l.rows {
		for o, v := range l.rows[i] {
			w.Rows[i][o] = float32(v)
		}
	}
	return w
}

// leftOut prints what whole readers reach on the posts of industries that they had not seen.
func leftOut(folded []*text.Weights, out *text.Weights, a []example, families map[string]int) error {
	var whole *gauge.Tally
	for f, w := range folded {
		w.Slope, w.Offset, w.From = out.Slope, out.Offset, out.From
		r, err := text.With(string(w.Encode()))
		if err != nil {
			return err
		}
		var set []corpus.Post
		for _, x := range a {
			if families[x.post.Family] == f {
				set = append(set, x.post)
			}
		}
		whole = gauge.Posts(r, set, func(p corpus.Post) string { return p.Lang }).Add(whole)
	}
	c := *whole.Intents["complaint"]
	fmt.Printf("left out, whole reader: complaint recall %.3f precision %.3f, intents %.3f, main %.3f, department %.3f, sentiment %.3f, severity %.3f, error of calibration %.3f\n  %s\n",
		c.Recall(), c.Precision(), gauge.Macro(whole.Intents, gauge.Counts.F1), float64(whole.Main)/float64(whole.N), gauge.Macro(whole.Departments, gauge.Counts.F1),
		gauge.Macro(whole.Sentiment, gauge.Counts.F1), float64(whole.Severity)/float64(whole.Complaints), whole.Calibration(), gauge.PerIntent(whole))
	return nil
}
