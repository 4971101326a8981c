// Package pulse tells how a brand is: whether more is said about it than it is used to, whether that is trouble, and what
// people suddenly talk about. It is pure: what was counted goes in, the next state comes out; the same lines give the same
// states, in the order of time, live and in a back-test.
//
// What counts is voices: distinct authors within a window, so that one author with a hundred posts is one. How many are
// usual is learned by the hour of the week, drawn to the mean of such hours and to the brand's mean as long as little is
// known. How unusual a number is, is the tail of a negative binomial, in powers of ten. Complaints are weighed in the same
// way against the complaints that are usual.
package pulse

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Slot is how often a brand is looked at.
const Slot = 5 * time.Minute

// The windows that are looked at: a sudden wave shows in the short one, few people's in the long.
const (
	short = 15 * time.Minute
	mid   = 30 * time.Minute
	// Span is the longest, and so how far back a look needs voices.
	Span = time.Hour
)

// Voice is one thing somebody said, as a ledger's line has it.
type Voice struct {
	At      time.Time // received
	Mention string    // said twice it counts once
	Author  string    // "" = not known any more: counts as somebody of their own
	Mood    int       // −1, 0, 1
	Bad     bool      // a complaint, or severity above 0
	Reach   int       // class
	Print   string
	Topics  []string
}

// Reading is what one look at a brand found.
type Reading struct {
	At       time.Time `json:"at"`
	Minutes  int       `json:"minutes"`          // of the window that told most
	Voices   int       `json:"voices"`           // people who said something in it
	Bad      int       `json:"bad,omitempty"`    // of them, with a complaint
	Good     int       `json:"good,omitempty"`   // of them, with praise
	Wide     int       `json:"wide,omitempty"`   // complaints by authors with 100,000 followers and more
	Copies   int       `json:"copies,omitempty"` // people who said nearly the same as others
	Usual    float64   `json:"usual"`            // voices expected
	UsualBad float64   `json:"usual_bad"`        // complaining voices expected
	Trouble  float64   `json:"trouble"`          // how unusual the complaints are: 3 = once in a thousand such windows
	Volume   float64   `json:"volume"`           // how unusual the voices are
	Kind     string    `json:"kind,omitempty"`   // what it looks like: trouble, copies, praise, volume
}

// window counts the voices after a moment, up to and with another.
func window(voices []Voice, from, to time.Time) (r Reading) {
	type person struct{ bad, good, wide, copied bool }
	people := map[string]person{}
	seen := map[string]bool{}
	flock := crowd(voices, from, to)
	for _, v := range voices {
		if !v.At.After(from) || v.At.After(to) || v.Mention != "" && seen[v.Mention] {
			continue
		}
		seen[v.Mention] = true
		who := cmp.Or(v.Author, "?"+v.Mention)
		p := people[who]
		p.bad = p.bad || v.Bad
		p.good = p.good || v.Mood > 0
		p.wide = p.wide || v.Bad && v.Reach >= 5
		p.copied = p.copied || flock(v.Print)
		people[who] = p
	}
	r.At, r.Minutes, r.Voices = to, int(to.Sub(from)/time.Minute), len(people)
	for _, p := range people {
		if p.copied {
			r.Copies++
		}
		switch {
		case p.bad && !p.copied:
			r.Bad++
		case p.good && !p.bad:
			r.Good++
		}
		if p.wide {
			r.Wide++
		}
	}
	if r.Copies > 0 { // who copies speaks with one voice
		r.Voices -= r.Copies - 1
	}
	return r
}

// fewestCopies is how many must say nearly the same before it is a flock.
const fewestCopies = 5

// crowd tells which prints belong to the largest flock of texts that are nearly the same.
func crowd(voices []Voice, from, to time.Time) func(print string) bool {
	count := map[uint64]int{}
	n, best := 0, uint64(0)
	for _, v := range voices {
		if len(v.Print) != 2*Places || !v.At.After(from) || v.At.After(to) {
			continue
		}
		n++
		p := bits(v.Print)
		for i := range Places { // equal in all places but one
			k := without(p, i)
			if count[k]++; best == 0 || count[k] > count[best] || count[k] == count[best] && k < best {
				best = k
			}
		}
	}
	flock := count[best] >= fewestCopies && 4*count[best] >= n
	return func(print string) bool {
		if !flock || len(print) != 2*Places {
			return false
		}
		p := bits(print)
		for i := range Places {
			if without(p, i) == best {
				return true
			}
		}
		return false
	}
}

// bits reads a print.
func bits(print string) (p uint64) {
	for i := range len(print) {
		c := print[i]
		if c >= 'a' {
			c -= 'a' - '0' - 10
		}
		p = p<<4 | uint64(c-'0')&15
	}
	return p
}

// without is a print without one of its places; 0 is none.
func without(p uint64, place int) uint64 {
	return p&^(0xff<<(8*place)) | uint64(place+1)<<32
}

// surprise tells how unlikely it is that something usual, a negative binomial of some mean and spread, comes to n or more:
// in powers of ten, at most 30. spread 0 is a Poisson.
func surprise(n int, mean, spread float64) float64 {
	if n <= 0 || float64(n) <= mean {
		return 0
	}
	mean = max(mean, 1e-6)
	size := 1 / max(spread, 1e-6)
	lg := func(x float64) float64 { y, _ := math.Lgamma(x); return y }
	k := float64(n)
	log := lg(k+size) - lg(size) - lg(k+1) + size*math.Log(size/(mean+size)) + k*math.Log(mean/(mean+size))
	sum, term, q := 1.0, 1.0, mean/(mean+size)
	for x := k; x < k+20000; x++ {
		term *= (x + size) / (x + 1) * q
		if sum += term; term < 1e-9*sum {
			break
		}
	}
	return min(max(-(log+math.Log(sum))/math.Ln10, 0), 30)
}

// sorted puts voices in the order of time.
func sorted(voices []Voice) []Voice {
	out := slices.Clone(voices)
	slices.SortStableFunc(out, func(a, b Voice) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Mention, b.Mention)) })
	return out
}
