package pulse

import (
	"math"
	"time"
)

// How the level is learned.
const (
	hoursOfWeek = 168
	keepWeek    = 0.84 // what a week is worth after the next one: it halves in four
	prior       = 2.0  // so many weeks of an hour's own are worth as much as what such hours have in common
	spread      = 0.35 // of a brand about which nothing is known
	longest     = 24 * 7 * 10
)

// Level is what a brand is used to, in voices an hour. The zero value knows nothing.
type Level struct {
	From    time.Time `json:"from,omitzero"`    // the first hour that was learned
	Through time.Time `json:"through,omitzero"` // the end of the last
	Sums    []float64 `json:"sums,omitempty"`   // by hour of the week, from Monday 0 o'clock UTC: of the weeks so far, each worth less than the next
	All     float64   `json:"all,omitempty"`    // voices so far, those of four weeks ago worth half
	Bad     float64   `json:"bad,omitempty"`    // complaining voices so far
	Spread  float64   `json:"spread,omitempty"` // how much hours vary beyond chance
	Last    []int     `json:"last,omitempty"`   // voices of the last week, by hour of the week
	LastBad []int     `json:"last_bad,omitempty"`
}

// hourOf is an hour's place in the week.
func hourOf(at time.Time) int {
	at = at.UTC()
	return (int(at.Weekday())+6)%7*24 + at.Hour()
}

// weeks tells how much is known of an hour of the week, in weeks of today's worth.
func (l *Level) weeks(hour int) float64 {
	if l.From.IsZero() || !l.From.Before(l.Through) {
		return 0
	}
	first := (hour - hourOf(l.From) + hoursOfWeek) % hoursOfWeek // hours from From to the first such hour
	whole := int(l.Through.Sub(l.From) / time.Hour)
	if whole <= first {
		return 0
	}
	n := (whole-1-first)/hoursOfWeek + 1
	return (1 - math.Pow(keepWeek, float64(n))) / (1 - keepWeek)
}

// Usual tells how many voices an hour is expected around a moment, and how uncertain that is: the spread of what may come.
func (l *Level) Usual(at time.Time) (rate, vary float64) {
	vary = l.Spread
	if vary == 0 {
		vary = spread
	}
	if len(l.Sums) != hoursOfWeek {
		return 1, vary + 1
	}
	hour := hourOf(at)
	var all, known, alike, knownAlike float64
	for h, s := range l.Sums {
		w := l.weeks(h)
		all, known = all+s, known+w
		if near(h, hour) {
			alike, knownAlike = alike+s, knownAlike+w
		}
	}
	mean := (all + 1) / (known + 1)
	common := (alike + 12*mean) / (knownAlike + 12)
	sum, own := l.Sums[hour], l.weeks(hour)
	rate = (sum + prior*common) / (own + prior)
	return rate, vary + 1/(alike+all/4+1)
}

// near tells whether two hours of the week are alike: the same hour, or the next, of a working day or of a weekend.
func near(a, b int) bool {
	weekend := func(h int) bool { return h/24 >= 5 }
	gap := (a%24 - b%24 + 24) % 24
	return weekend(a) == weekend(b) && (gap <= 1 || gap == 23)
}

// share is the part of the voices that usually complain.
func (l *Level) share() float64 { return (l.Bad + 1) / (l.All + 10) }

// learn takes in an hour that is over. What is far above the usual counts as if it were just above: one bad day must not
// become the measure.
func (l *Level) learn(hour time.Time, voices, bad int) {
	if len(l.Sums) != hoursOfWeek {
		l.Sums, l.Last, l.LastBad = make([]float64, hoursOfWeek), make([]int, hoursOfWeek), make([]int, hoursOfWeek)
		l.From, l.Spread = hour, spread
	}
	rate, vary := l.Usual(hour)
	x := float64(voices)
	if sd := math.Sqrt(rate + vary*rate*rate); x > rate+3*sd {
		x = rate + 3*sd
	}
	if rate > 0.5 {
		over := min(((x-rate)*(x-rate)-rate)/(rate*rate), 4)
		l.Spread = round(min(max(l.Spread+(over-l.Spread)/250, 0.02), 3))
	}
	h := hourOf(hour)
	l.Sums[h] = round(l.Sums[h]*keepWeek + x)
	fade := math.Pow(0.5, 1.0/(28*24))
	part := 1.0
	if voices > 0 {
		part = x / float64(voices)
	}
	l.All, l.Bad = round(l.All*fade+x), round(l.Bad*fade+min(float64(bad), float64(voices))*part)
	l.Last[h], l.LastBad[h] = voices, bad
	l.Through = hour.Add(time.Hour)
}

// round keeps four places, so that a level stays small where it is kept.
func round(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	if scale > 1e4 {
		scale = 1e4
	}
	return math.Round(x*scale) / scale
}
