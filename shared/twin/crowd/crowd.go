// Package crowd makes what is said about invented brands, from a seed: days and weeks with their rhythm, noise that is
// heavier than chance, waves of praise, sweepstakes, and crises whose begin is known.
package crowd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"rapport/shared/decide/pulse"
)

// Brand is how much is said about a brand, and how.
type Brand struct {
	Rate  float64 // voices an hour, over the whole week
	Bad   float64 // part of them that complain
	Noise float64 // how much an hour varies beyond chance: 0 = a Poisson
}

// Brands are three sizes.
func Brands() map[string]Brand {
	return map[string]Brand{"small": {Rate: 0.4, Bad: 0.3, Noise: 0.5}, "middle": {Rate: 8, Bad: 0.25, Noise: 0.3}, "large": {Rate: 250, Bad: 0.2, Noise: 0.15}}
}

// Start is a Monday, 0 o'clock UTC.
var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// Week gives the begin of a week, from 0 on.
func Week(n int) time.Time { return start.AddDate(0, 0, 7*n) }

// Maker makes voices of one brand.
type Maker struct {
	Brand
	rnd *rand.Rand
	n   int
}

// New makes a maker from a seed.
func New(b Brand, seed uint64) *Maker {
	return &Maker{Brand: b, rnd: rand.New(rand.NewPCG(seed, 7))}
}

// Usual makes what is said in usual hours between two times.
func (m *Maker) Usual(from, to time.Time) []pulse.Voice {
	var out []pulse.Voice
	for hour := from; hour.Before(to); hour = hour.Add(time.Hour) {
		rate := m.Rate * rhythm(hour)
		if m.Noise > 0 { // a gamma of mean 1
			rate *= m.gamma(1/m.Noise) * m.Noise
		}
		for range m.poisson(rate) {
			out = append(out, m.voice(hour.Add(time.Duration(m.rnd.Int64N(int64(time.Hour)))), m.rnd.Float64() < m.Bad))
		}
	}
	return out
}

// rhythm is how an hour compares with the mean of the week.
func rhythm(at time.Time) float64 {
	day := 1 + 0.85*math.Sin(2*math.Pi*(float64(at.Hour())-9)/24)
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		day *= 0.6
	}
	return max(day, 0.05) * 1.1
}

// Crisis makes complaints of many different people: so many within the first hour, then fewer with each.
func (m *Maker) Crisis(at time.Time, people int) []pulse.Voice {
	var out []pulse.Voice
	for hour := range 4 {
		for range people >> hour {
			v := m.voice(at.Add(time.Duration(hour)*time.Hour+time.Duration(m.rnd.Int64N(int64(time.Hour)))), true)
			out = append(out, v)
		}
	}
	return out
}

// Praise makes praise of many different people.
func (m *Maker) Praise(at time.Time, people int) []pulse.Voice {
	out := m.Crisis(at, people)
	for i := range out {
		out[i].Bad, out[i].Mood = false, 1
	}
	return out
}

// Copied makes what many accounts say in nearly the same words; bad says that it is a complaint.
func (m *Maker) Copied(at time.Time, accounts int, bad bool) []pulse.Voice {
	out := m.Crisis(at, accounts)
	print := pulse.Print(fmt.Sprintf("we all take part in number %d of this and wish ourselves luck", m.rnd.IntN(1000)))
	for i := range out {
		out[i].Bad, out[i].Print = bad, print
	}
	return out
}

// Single makes many complaints of one author.
func (m *Maker) Single(at time.Time, posts int) []pulse.Voice {
	out := m.Crisis(at, posts)
	for i := range out {
		out[i].Author = "one"
	}
	return out
}

func (m *Maker) voice(at time.Time, bad bool) pulse.Voice {
	m.n++
	v := pulse.Voice{At: at, Mention: fmt.Sprint("m", m.n), Author: fmt.Sprint("a", m.n), Bad: bad, Reach: 1 + m.rnd.IntN(3), Print: fmt.Sprintf("%08x", m.rnd.Uint32())}
	switch {
	case bad:
		v.Mood = -1
	case m.rnd.Float64() < 0.3:
		v.Mood = 1
	}
	return v
}

func (m *Maker) poisson(mean float64) int {
	if mean > 60 {
		return max(int(mean+math.Sqrt(mean)*m.rnd.NormFloat64()+0.5), 0)
	}
	n := 0
	for p := m.rnd.Float64(); p > math.Exp(-mean); p *= m.rnd.Float64() {
		n++
	}
	return n
}

// gamma draws by Marsaglia and Tsang; shape at least 1.
func (m *Maker) gamma(shape float64) float64 {
	d := shape - 1.0/3
	for {
		x := m.rnd.NormFloat64()
		v := math.Pow(1+x/math.Sqrt(9*d), 3)
		if v > 0 && math.Log(m.rnd.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
