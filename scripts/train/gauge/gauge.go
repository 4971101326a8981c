// Package gauge counts what a reader of texts gets right on labelled posts.
package gauge

import (
	"fmt"
	"math"
	"slices"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/text"
)

// Counts are hits and misses of one class.
type Counts struct{ Hit, Extra, Missed float64 }

// Precision is the share of what was said that is so.
func (c Counts) Precision() float64 { return c.Hit / math.Max(c.Hit+c.Extra, 1) }

// Recall is the share of what is so that was said.
func (c Counts) Recall() float64 { return c.Hit / math.Max(c.Hit+c.Missed, 1) }

// F1 is their harmonic mean.
func (c Counts) F1() float64 { return 2 * c.Hit / math.Max(2*c.Hit+c.Extra+c.Missed, 1) }

// Count adds one case.
func (c *Counts) Count(said, is bool) {
	switch {
	case said && is:
		c.Hit++
	case said:
		c.Extra++
	case is:
		c.Missed++
	}
}

// Macro is the mean F1 of the classes that occur.
func Macro(m map[string]*Counts, of func(Counts) float64) float64 {
	sum, n := 0.0, 0.0
	for _, k := range slices.Sorted(keys(m)) {
		if c := *m[k]; c.Hit+c.Missed > 0 {
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

// Tally is what a reader reaches on a set of posts.
type Tally struct {
	N                                int
	Sentiment, Intents, Departments  map[string]*Counts
	Main, Severity, Complaints, Near int
	bins                             [10]struct{ n, sure, right float64 }
}

// At gives the counts of a class, new ones where there are none.
func At(m map[string]*Counts, k string) *Counts {
	if m[k] == nil {
		m[k] = &Counts{}
	}
	return m[k]
}

var names = []string{"complaint", "question", "praise", "purchase", "idea", "churn", "legal", "press", "job", "spam", "chatter"}

// Posts measures a reader. tongue gives the language that the reader is told.
func Posts(r *text.Reader, set []corpus.Post, tongue func(corpus.Post) string) *Tally {
	t := &Tally{N: len(set), Sentiment: map[string]*Counts{}, Intents: map[string]*Counts{}, Departments: map[string]*Counts{}}
	for _, p := range set {
		got := r.Read(text.Input{Text: p.Text, Lang: tongue(p), Kind: p.Kind})
		for _, s := range []string{"negative", "neutral", "positive"} {
			At(t.Sentiment, s).Count(got.Sentiment == s, p.Sentiment == s)
		}
		for _, i := range names {
			At(t.Intents, i).Count(slices.Contains(got.Intents, i), p.Has(i))
		}
		for _, d := range []string{"service", "sales", "marketing", "hr", "legal", "product", "none"} {
			At(t.Departments, d).Count(got.Department == d, p.Department == d)
		}
		if got.Intents[0] == p.Intents[0] {
			t.Main++
		}
		if p.Complaint() {
			t.Complaints++
			if got.Severity == p.Severity {
				t.Severity++
			}
			if d := got.Severity - p.Severity; d >= -1 && d <= 1 {
				t.Near++
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

// Calibration is the expected calibration error of complaint or not.
func (t *Tally) Calibration() float64 {
	sum := 0.0
	for _, b := range t.bins {
		sum += math.Abs(b.sure - b.right)
	}
	return sum / float64(max(t.N, 1))
}

// PerIntent tells each intent's F1, for looking at sets that may be looked at.
func PerIntent(t *Tally) string {
	s := ""
	for _, i := range names {
		if c := t.Intents[i]; c.Hit+c.Missed+c.Extra > 0 {
			s += fmt.Sprintf("%s %.2f/%.2f, ", i, c.Precision(), c.Recall())
		}
	}
	return s
}

// Add puts two tallies together; b may be nil.
func (t *Tally) Add(b *Tally) *Tally {
	if b == nil {
		return t
	}
	t.N += b.N
	t.Main += b.Main
	t.Severity += b.Severity
	t.Complaints += b.Complaints
	t.Near += b.Near
	for i := range t.bins {
		t.bins[i].n += b.bins[i].n
		t.bins[i].sure += b.bins[i].sure
		t.bins[i].right += b.bins[i].right
	}
	for _, m := range [][2]map[string]*Counts{{t.Sentiment, b.Sentiment}, {t.Intents, b.Intents}, {t.Departments, b.Departments}} {
		for k, c := range m[1] {
			x := At(m[0], k)
			x.Hit += c.Hit
			x.Extra += c.Extra
			x.Missed += c.Missed
		}
	}
	return t
}
