package identity

import (
	"math"
	"slices"
)

// Point is one thing that was compared between an author and a person.
type Point struct {
	Of    string  `json:"of" expr:"of"`                 // first, last, city, country, firm, born, kind, spelt, mocking, young, bot, verified, taken
	Level string  `json:"level" expr:"level"`           // same, sound, part, initial, other
	Often float64 `json:"often,omitempty" expr:"often"` // how often such a value occurs among persons, 0–1
}

// The levels of a point.
const (
	Same    = "same"
	Sounds  = "sound"
	Part    = "part"
	Initial = "initial"
	Other   = "other"
)

// Often tells how often a hashed value of a kind (first, last, sounds, city, firm) occurs among persons, 0–1, smoothed so that
// it never is 0, and whether it occurs at all.
type Often func(kind, hash string) (share float64, seen bool)

// Compare gives what agrees and what contradicts. What one side does not tell is no point. It compares no word that is not
// hashed.
func Compare(p Profile, t Traits, often Often) []Point {
	var out []Point
	add := func(of, level string, rate float64) {
		out = append(out, Point{of, level, math.Round(rate*1e7) / 1e7})
	}
	same := func(of, kind, value string) {
		rate, _ := often(kind, value)
		add(of, Same, rate)
	}
	if p.Company != t.Company || p.Called != "" && p.Called == t.Firm { // or its employer itself
		add("kind", Other, 0)
	}
	if p.Spelt {
		add("spelt", Same, 0)
	}
	if p.Initial != "" && t.Initial != "" {
		switch {
		case len(p.Last) > 0 && len(t.Last) > 0 && p.Last[0] == t.Last[0]:
			same("last", "last", t.Last[0])
		case slices.ContainsFunc(p.Last, func(l string) bool { return slices.Contains(t.Last, l) }):
			add("last", Part, 0)
		case p.Sound != "" && p.Sound == t.Sound:
			rate, _ := often("sounds", t.Sound)
			add("last", Sounds, rate)
		case (len(p.Last) == 0 || len(t.Last) == 0) && p.Letter == t.Letter:
			add("last", Initial, 0)
		case len(p.Last) == 0 || len(t.Last) == 0 || genuine(p, often):
			add("last", Other, 0)
		}
		// A word beside a family name that fits is a given name.
		alike := len(out) > 0 && out[len(out)-1].Of == "last" && out[len(out)-1].Level != Other
		switch {
		case p.First != "" && p.First == t.First:
			same("first", "first", t.First)
		case (p.First == "" || t.First == "") && p.Initial == t.Initial:
			add("first", Initial, 0)
		case p.First == "" || t.First == "" || alike || genuine(p, often):
			add("first", Other, 0)
		}
	}
	if t.City != "" {
		switch {
		case slices.Contains(p.Words, t.City):
			same("city", "city", t.City)
		case p.Located:
			add("city", Other, 0)
		}
	}
	if t.Firm != "" && slices.Contains(p.Words, t.Firm) {
		same("firm", "firm", t.Firm)
	}
	if p.Born != "" && t.Born != "" {
		add("born", level(p.Born == t.Born), 1.0/60)
	}
	if p.Land != "" && t.Land != "" && p.Land != t.Land {
		add("country", Other, 0)
	}
	for _, x := range [...]struct {
		is bool
		of string
	}{{p.Mocking, "mocking"}, {p.Young, "young"}, {p.Bot, "bot"}} {
		if x.is {
			add(x.of, Other, 0)
		}
	}
	if p.Verified && len(out) > 0 {
		add("verified", Same, 0)
	}
	return out
}

func level(same bool) string {
	if same {
		return Same
	}
	return Other
}

// genuine tells whether a profile's name is one that people have: only then it contradicts another. What looks like a name
// and is none (“Kaffee Tante”) says nothing.
func genuine(p Profile, often Often) bool {
	if p.Named || p.First == "" {
		return true
	}
	_, seen := often("first", p.First)
	return seen
}

// Likeness sums up what points are worth, in bits, where no exact key led to the person.
func Likeness(points []Point) float64 {
	sum := 0.0
	for _, p := range points {
		bits, _ := weight(p, false)
		sum += bits
	}
	return sum
}

// Closest compares an author with each record of a person and gives what was compared with the likest.
func Closest(p Profile, records []Traits, often Often) []Point {
	var best []Point
	for i, t := range records {
		if points := Compare(p, t, often); i == 0 || Likeness(points) > Likeness(best) {
			best = points
		}
	}
	return best
}

// Worth is how many bits of likeness are needed so that a person is worth a look among so many.
func Worth(people int) float64 { return math.Log2(float64(max(people, fewest))) - 1.5 }
