package main

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"rapport/scripts/train/corpus"
	"rapport/scripts/train/gauge"
	"rapport/shared/decide/text"
)

//go:embed data
var own embed.FS

const (
	seed       = 20261122
	variants   = 3  // hurried twins of each post written by hand
	filled     = 40 // posts of each template
	rounds     = 3
	epochs     = 6
	toneEpochs = 3
	folds      = 6
	drop       = 4 // one in this many examples is learned without the lexicon's help
	rateFirst  = 0.06
	rateTone   = 0.09
)

// example is a post as the model sees it.
type example struct {
	post   corpus.Post
	hashed []uint32 // all features
	rows   []uint32 // in the vocabulary: of those that tell of brands
	tones  []uint32 // and of those that tell the tone in general
	dense  [text.Dense]float32
	want   [text.Outputs]bool
	weight float32
}

// round is what a post of some files weighs, and what for the tone in general.
type round struct {
	files        string
	weight, tone float64
}

// written are the posts by hand: the first that fits a file's name counts. Those of the fourth round are the hardest: most say what they
// mean between the lines. Those of the sixth that are toward brands say it plainly, as most people do; the rest is as companies get it, the
// eighth to tenth with more praise, talk near a brand and complaints about products than there is, the twelfth with irony. Posts about
// anything teach little but that most of what is said is about no brand.
var written = [...]round{
	{"posts-fourth-tone.txt", 0.1, 0.2}, {"posts-sixth-tone-*.txt", 0.1, 0.1}, {"posts-fourth-*.txt", 0.4, 1.6}, {"posts-*.txt", 1, 4},
}

// gather reads all posts written for training and makes more of them.
func gather() (hand, more []corpus.Post, err error) {
	chance := corpus.Chance(seed)
	files, err := fs.Glob(own, "data/posts-*.txt")
	if err != nil {
		return nil, nil, err
	}
	for _, file := range files {
		b, err := own.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		name := path.Base(file)
		posts, err := corpus.Parse(name, b)
		if err != nil {
			return nil, nil, err
		}
		by := written[slices.IndexFunc(written[:], func(r round) bool {
			ok, _ := path.Match(r.files, name)
			return ok
		})]
		for i := range posts {
			general(&posts[i], strings.Contains(name, "-tone"))
			posts[i].Weight, posts[i].ToneWeight = by.weight, by.tone
		}
		hand = append(hand, posts...)
	}
	for i := range hand {
		p := &hand[i]
		p.Part = i%folds + 1
		switch p.Industry { // groups that hold all there is of an intent are parted
		case "chatter", "press", "legal", "job", "garden", "appliance", "insurance-other", "subscription", "subway", "swimming", "bypass":
			p.Family += fmt.Sprint(" ", i%folds)
		}
	}
	b, err := own.ReadFile("data/templates.txt")
	if err != nil {
		return nil, nil, err
	}
	made, err := corpus.Expand("templates.txt", b, filled, 3.0/filled, &chance)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range made {
		more = append(more, corpus.Vary(p, &chance))
	}
	for _, p := range hand {
		for range variants {
			v := corpus.Vary(p, &chance)
			v.Weight /= variants
			v.ToneWeight /= variants
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
		if p.Tone != "" {
			tone := text.Wanted(p.Tone, nil, 0, "")
			copy(x.want[text.ToneOutput:], tone[:3])
		}
		out = append(out, x)
	}
	return out
}

// trainText makes the weights of the reader of texts.
func trainText(dir string, cross bool) ([]byte, error) {
	list, err := polarList(dir)
	if err != nil {
		return nil, err
	}
	rules, err := text.RulesWith(string(list))
	if err != nil {
		return nil, err
	}
	hand, more, err := gather()
	if err != nil {
		return nil, err
	}
	a, b := examine(rules, hand), examine(rules, more)
	fmt.Printf("text: %d posts by hand, %d made of them and of templates\n", len(a), len(b))
	bare, public, err := toned(dir, rules)
	if err != nil {
		return nil, err
	}
	tones := slices.Concat(bare, public)
	v := features(a, b, tones)
	general := learnTone(v, tones, slices.Concat(a, b))
	for _, list := range [][]example{a, b} {
		for i := range list {
			general.tell(&list[i])
		}
	}

	scores, _ := leaveOut(v, a, b, general, func(p *corpus.Post) int { return p.Part - 1 })
	w := learn(v, slices.Concat(a, b), rounds, epochs, 0, text.ToneOutput)
	w.join(general)
	out := w.rounded(v)
	brand, said := aboutBrands(a, scores)
	calibrate(out, brand, said)
	out.Stack = fitStack(out, a, scores, func(*example) bool { return false })
	if cross {
		report(out, a, scores)
		return out.Encode(), crossed(v, out, list, a, b, general)
	}
	return out.Encode(), nil
}

// leaveOut has each part of the posts judged by a model that saw none of it. part gives a post's, below 0 for one that is in no part.
func leaveOut(v vocabulary, a, b []example, general *linear, part func(*corpus.Post) int) (scores [][text.Outputs]float64, folded []*text.Weights) {
	scores = make([][text.Outputs]float64, len(a))
	folded = make([]*text.Weights, folds)
	var wait sync.WaitGroup
	for f := range folds {
		wait.Go(func() {
			var rest []example
			for _, x := range slices.Concat(a, b) {
				if part(&x.post) != f {
					rest = append(rest, x)
				}
			}
			w := learn(v, rest, 1, epochs, 0, text.ToneOutput)
			w.join(general)
			for i := range a {
				if part(&a[i].post) == f {
					scores[i] = w.raw(&a[i], 0, text.Outputs)
				}
			}
			folded[f] = w.rounded(v)
		})
	}
	wait.Wait()
	return scores, folded
}

// crossed prints what whole readers reach on the posts of industries that they had not seen: of all posts, and of those that
// say plainly what they mean.
func crossed(v vocabulary, out *text.Weights, list []byte, a, b []example, general *linear) error {
	families := map[string]int{}
	for _, x := range a {
		if _, ok := families[x.post.Family]; !ok {
			families[x.post.Family] = len(families) % folds
		}
	}
	industry := func(p *corpus.Post) int {
		if f, ok := families[p.Family]; ok {
			return f
		}
		return -1
	}
	scores, folded := leaveOut(v, a, b, general, industry)
	var sums [2]*gauge.Tally
	for f, w := range folded {
		w.Slope, w.Offset, w.From = out.Slope, out.Offset, out.From
		w.Stack = fitStack(w, a, scores, func(x *example) bool { return industry(&x.post) == f })
		r, err := text.With(string(w.Encode()), string(list))
		if err != nil {
			return err
		}
		var sets [2][]corpus.Post
		for _, x := range a {
			if industry(&x.post) != f {
				continue
			}
			sets[0] = append(sets[0], x.post)
			if x.post.Weight == 1 {
				sets[1] = append(sets[1], x.post)
			}
		}
		for i := range sums {
			sums[i] = gauge.Posts(r, sets[i], func(p corpus.Post) string { return p.Lang }).Add(sums[i])
		}
	}
	for i, name := range [...]string{"all", "plain"} {
		t := sums[i]
		c := *t.Intents["complaint"]
		fmt.Printf("left out, whole reader, %s (%d): complaint recall %.3f precision %.3f, intents %.3f, main %.3f, department %.3f, sentiment %.3f, severity %.3f, error of calibration %.3f\n  %s\n",
			name, t.N, c.Recall(), c.Precision(), gauge.Macro(t.Intents, gauge.Counts.F1), float64(t.Main)/float64(t.N), gauge.Macro(t.Departments, gauge.Counts.F1),
			gauge.Macro(t.Sentiment, gauge.Counts.F1), float64(t.Severity)/float64(t.Complaints), t.Calibration(), gauge.PerIntent(t))
	}
	return nil
}

// aboutBrands gives the posts that a brand may be reached by: those by which probabilities are set.
func aboutBrands(data []example, scores [][text.Outputs]float64) (brand []example, said [][text.Outputs]float64) {
	for i, x := range data {
		if x.post.Tone == "" {
			brand, said = append(brand, x), append(said, scores[i])
		}
	}
	return brand, said
}
