package main

import (
	"fmt"
	"math"
	"slices"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/text"
)

// counts are hits and misses of one class.
type counts struct{ hit, extra, missed float64 }

func (c counts) precision() float64 { return c.hit / math.Max(c.hit+c.extra, 1) }
func (c counts) recall() float64    { return c.hit / math.Max(c.hit+c.missed, 1) }
func (c counts) f1() float64        { return 2 * c.hit / math.Max(2*c.hit+c.extra+c.missed, 1) }

func (c *counts) count(said, is bool) {
	switch {
	case said && is:
		c.hit++
	case said:
		c.extra++
	case is:
		c.missed++
	}
}

// macro is the mean F1 of the classes that occur.
func macro(m map[string]*counts, of func(counts) float64) float64 {
	sum, n := 0.0, 0.0
	for _, k := range slices.Sorted(keys(m)) {
		if c := *m[k]; c.hit+c.missed > 0 {
			sum += of(c)
			n++
		}
	}
	return sum / math.Max(n, 1)
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// tally is what a reader reaches on a set of posts.
type tally struct {
	n                                int
	sentiment, intents, departments  map[string]*counts
	main, severity, complaints, near int
	bins                             [10]struct{ n, sure, right float64 }
}

func at(m map[string]*counts, k string) *counts {
	if m[k] == nil {
		m[k] = &counts{}
	}
	return m[k]
}

var names = []string{"complaint", "question", "praise", "purchase", "idea", "churn", "legal", "press", "job", "spam", "chatter"}

// posts measures a reader. tongue gives the language that the reader is told.
func posts(r *text.Reader, set []corpus.Post, tongue func(corpus.Post) string) *tally {
	t := &tally{n: len(set), sentiment: map[string]*counts{}, intents: map[string]*counts{}, departments: map[string]*counts{}}
	for _, p := range set {
		got := r.Read(text.Input{Text: p.Text, Lang: tongue(p), Kind: p.Kind})
		for _, s := range []string{"negative", "neutral", "positive"} {
			at(t.sentiment, s).count(got.Sentiment == s, p.Sentiment == s)
		}
		for _, i := range names {
			at(t.intents, i).count(slices.Contains(got.Intents, i), p.Has(i))
		}
		for _, d := range []string{"service", "sales", "marketing", "hr", "legal", "product", "none"} {
			at(t.departments, d).count(got.Department == d, p.Department == d)
		}
		if got.Intents[0] == p.Intents[0] {
			t.main++
		}
		if p.Complaint() {
			t.complaints++
			if got.Severity == p.Severity {
				t.severity++
			}
			if d := got.Severity - p.Severity; d >= -1 && d <= 1 {
				t.near++
			}
		}
		b := &t.bins[min(int(got.Sure*10), 9)]
		b.n++
		b.sure += got.Sure
		if p.Complaint() {
			b.right++
		}
	}
	return t
}

// calibration is the expected calibration error of complaint or not.
func (t *tally) calibration() float64 {
	sum := 0.0
	for _, b := range t.bins {
		sum += math.Abs(b.sure - b.right)
	}
	return sum / float64(max(t.n, 1))
}

// figures compares a reader with the lexicon's rules on one set.
func figures(name string, t, rules *tally, goals bool) []figure {
	g := func(x float64) float64 {
		if goals {
			return x
		}
		return 0
	}
	was := func(x float64) string { return fmt.Sprintf("%.3f rules alone", x) }
	c, rc := *t.intents["complaint"], *rules.intents["complaint"]
	spam := *t.intents["spam"]
	share := func(a, b int) float64 { return float64(a) / math.Max(float64(b), 1) }
	out := []figure{
		least("2", "complaint recall", name, c.recall(), was(rc.recall()), g(0.85)),
		least("2", "complaint precision", name, c.precision(), was(rc.precision()), g(0.70)),
		least("2", "intents, macro-F1 of 11", name, macro(t.intents, counts.f1), was(macro(rules.intents, counts.f1)), g(0.72)),
		least("2", "main intent right", name, share(t.main, t.n), was(share(rules.main, rules.n)), 0),
		least("2", "department, macro-F1 of 7", name, macro(t.departments, counts.f1), was(macro(rules.departments, counts.f1)), g(0.80)),
		least("2", "sentiment, macro-F1", name, macro(t.sentiment, counts.f1), was(macro(rules.sentiment, counts.f1)), 0),
		least("2", "severity exact, of complaints", name, share(t.severity, t.complaints), was(share(rules.severity, rules.complaints)), 0),
		least("2", "severity within one", name, share(t.near, t.complaints), was(share(rules.near, rules.complaints)), 0),
		least("2", fmt.Sprintf("spam precision (%.0f of %.0f found)", spam.hit, spam.hit+spam.missed), name, spam.precision(), was(rules.intents["spam"].precision()), g(0.98)),
	}
	if goals {
		out = append(out, most("2", "expected calibration error, complaint", name, t.calibration(), "%.3f", was(rules.calibration()), 0.05))
	} else {
		out = append(out, least("2", "expected calibration error, complaint", name, t.calibration(), was(rules.calibration()), 0))
	}
	return out
}

// perIntent tells each intent's F1, for looking at sets that may be looked at.
func perIntent(t *tally) string {
	s := ""
	for _, i := range names {
		if c := t.intents[i]; c.hit+c.missed+c.extra > 0 {
			s += fmt.Sprintf("%s %.2f/%.2f, ", i, c.precision(), c.recall())
		}
	}
	return s
}
