package identity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// When an author is linked without asking, and when people are asked.
const (
	sure   = 0.999 // at least so likely
	margin = 3     // bits, more likely than the next
	maybe  = 0.5
)

// fewest is how many persons are reckoned at least: of a small CRM most people are not in it.
const fewest = 1000

// maxSuggest bounds whom people are shown for one author.
const maxSuggest = 5

// Choice is what Resolve decided.
type Choice struct {
	Person  string      // "" = a stranger
	Link    *Candidate  // the evidence of a new edge; nil where the author was linked already
	Suggest []Candidate // for people to look at, the likeliest first
	Reason  string      // in plain words
}

// Resolve chooses among candidates. known is the person the author is already linked to, "" if none; people is how many the
// CRMs know, 0 = not counted.
func Resolve(known string, candidates []Candidate, people int) Choice {
	all := rank(known, candidates, people)
	c := Choice{Person: known}
	for i := range all {
		if x := &all[i]; x.Sure >= maybe && (known == "" || x.Class == "A" || x.Class == "B" && x.Key != "") && len(c.Suggest) < maxSuggest {
			c.Suggest = append(c.Suggest, *x)
		}
	}
	switch {
	case known != "" && len(c.Suggest) > 0 && c.Suggest[0].Class == "A":
		c.Reason = "linked already; strong evidence leads to somebody else too: for people to look at"
	case known != "":
		c.Reason = "linked already"
	case len(all) == 0:
		c.Reason = "nobody known"
	default:
		c.choose(all)
	}
	return c
}

// choose links the likeliest where it is sure enough, and says why not where it is not.
func (c *Choice) choose(all []Candidate) {
	best := all[0]
	clear := len(all) == 1 || best.Bits-all[1].Bits >= margin
	switch {
	case best.Sure < maybe:
		c.Reason = fmt.Sprintf("nobody likely: the best of %d is %s likely", len(all), percent(best.Sure))
	case best.Sure >= sure && clear && best.proven():
		c.Person, c.Link = best.Person, &best
		c.Suggest = slices.DeleteFunc(c.Suggest, func(s Candidate) bool { return s.Person == best.Person || s.Shared > 1 || s.Class == "C" })
		if len(c.Suggest) == 0 {
			c.Suggest = nil
		}
		c.Reason = "linked: " + best.Ground()
	case !clear && best.Class == "A" && all[1].Class == "A":
		c.Reason = "strong evidence leads to several persons: for people to look at"
	case best.Class == "C":
		c.Reason = fmt.Sprintf("only alike, %s likely: suggested, not linked", percent(best.Sure))
	case best.Class == "B" && best.seconds() < 2:
		c.Reason = "only claimed: suggested, not linked"
	default:
		c.Reason = fmt.Sprintf("%s likely: suggested, not linked", percent(best.Sure))
	}
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", math.Floor(x*1000)/10) }

// rank weighs each person once, likeliest first.
func rank(known string, candidates []Candidate, people int) []Candidate {
	var order []string
	by := map[string][]Candidate{}
	for _, x := range candidates {
		if x.Person == "" || x.Person == known || x.Rejected {
			continue
		}
		if by[x.Person] == nil {
			order = append(order, x.Person)
		}
		by[x.Person] = append(by[x.Person], x)
	}
	out := make([]Candidate, 0, len(order))
	for _, person := range order {
		out = append(out, weigh(by[person], people))
	}
	slices.SortStableFunc(out, func(a, b Candidate) int { return cmp.Compare(b.Bits, a.Bits) })
	return out
}

// weigh sums up what speaks for and against one person. keys are what led to it.
func weigh(keys []Candidate, people int) Candidate {
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b Candidate) int {
		return cmp.Or(strings.Compare(a.Class, b.Class), cmp.Compare(strength(b), strength(a)))
	})
	best := keys[0]
	for _, k := range keys {
		if len(best.Compared) == 0 {
			best.Compared = k.Compared
		}
	}
	n := float64(max(people, fewest))
	best.Why = []Step{{"anybody", fmt.Sprintf("one of %.0f people", n), -tenth(math.Log2(n))}}
	claimed := false
	var seen []string
	for _, k := range keys {
		if k.Class == "C" || slices.Contains(seen, k.Key) {
			continue
		}
		seen, claimed = append(seen, k.Key), true
		best.add(k.Key, k.Evidence, math.Log2(n)+strength(k))
	}
	for _, p := range best.Compared {
		if best.echoes() && (p.Of == "first" || p.Of == "last") {
			continue
		}
		if bits, say := weight(p, claimed); bits != 0 {
			if p.Of == "taken" && best.Class == "A" { // some have two
				bits /= 4
			}
			best.add(p.Of, say, bits)
		}
	}
	for _, s := range best.Why {
		best.Bits += s.Bits
	}
	best.Bits = tenth(best.Bits)
	best.Sure = math.Round(1e6/(1+math.Exp2(-best.Bits))) / 1e6
	if best.Class == "C" && best.employed() {
		best.Class = "B" // name, employer and city together are a claim
	}
	return best
}

func (c *Candidate) add(of, say string, bits float64) {
	c.Why = append(c.Why, Step{of, say, tenth(bits)})
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

// strength is what an exact key is worth, in bits beyond finding one among all: how seldom somebody shows it who is
// somebody else.
func strength(k Candidate) float64 {
	wrong := 0.05
	switch {
	case k.Class == "B" && (k.Key == KeySite || k.Key == KeyDomain):
		wrong = 0.02
	case k.Key == KeySite:
		wrong = 0.0008
	case k.Key == KeyDomain:
		wrong = 0.002
	case k.Key == KeyHandle:
		wrong = 0.02
	case k.Class == "A" && k.Key == KeyPhone: // households share one
		wrong = 0.0008
	case k.Class == "A":
		wrong = 0.0005
	case k.Way == InPost: // people post whom one can turn to
		wrong = 0.1
	case k.Key == KeyEmail || k.Key == KeyCustomer:
		wrong = 0.01
	case k.Key == KeyPhone:
		wrong = 0.02
	}
	return math.Log2(0.95/wrong) - math.Log2(float64(max(k.Shared, 1)))
}

// weight is what one point is worth: log2 of how likely it is for the right person over how likely for a wrong one. Where
// an exact key led to the person, those who could be meant instead are its family and colleagues.
func weight(p Point, claimed bool) (bits float64, say string) {
	u := max(p.Often, 1e-6)
	ratio := func(m, u float64) float64 { return math.Log2(m / u) }
	often := func(what string) string { return fmt.Sprintf("%s, which one in %.0f has", what, max(1, 1/u)) }
	switch p.Of + " " + p.Level {
	case "first same":
		return ratio(0.85, min(u, 0.5)), often("the same given name")
	case "first initial":
		return 2.5, "the same initial of the given name"
	case "first other":
		return -5.6, "another given name"
	case "last same":
		if claimed {
			u = max(u, 0.3)
			return ratio(0.9, u), "the same family name"
		}
		return ratio(0.9, u), often("the same family name")
	case "last part":
		return 3, "a part of the family name"
	case "last sound":
		if claimed {
			return 0.5, "a family name that sounds the same"
		}
		return ratio(0.1, u), often("a family name that sounds the same")
	case "last initial":
		return 2.5, "the same initial of the family name"
	case "last other":
		if claimed { // people marry
			return -3.2, "another family name"
		}
		return -4.3, "another family name"
	case "city same":
		return ratio(0.7, max(u, 0.002)), often("the same city")
	case "city other":
		return -1.5, "another place"
	case "country other":
		return -4, "another country"
	case "firm same":
		if claimed { // colleagues share it
			return 1.5, "the same employer"
		}
		return ratio(0.6, max(u, 0.0003)), often("the same employer")
	case "born same":
		return ratio(0.95, 1.0/60), "the same year of birth"
	case "born other":
		return -5, "another year of birth"
	case "kind other":
		return -12, "one is a company, the other a human"
	case "mocking other":
		return -10, "calls itself a fan or a parody"
	case "young other":
		return -5, "the account was made lately"
	case "bot other":
		return -4, "says that it is a bot"
	case "taken other":
		return -8, "that person has another account on this network"
	case "verified same":
		return 2, "the network vouches for the name"
	}
	return 0, ""
}

func (c Candidate) level(of string) string {
	for _, p := range c.Compared {
		if p.Of == of {
			return p.Level
		}
	}
	return ""
}

// echoes tells whether the name says no more than the handle that led to the person.
func (c Candidate) echoes() bool { return c.Key == KeyHandle && c.level("spelt") != "" }

// named tells whether the names agree whole.
func (c Candidate) named() bool {
	return !c.echoes() && (c.level("first") == Same || c.level("first") == Initial) && (c.level("last") == Same || c.level("last") == Part)
}

// employed tells whether name, employer and city agree.
func (c Candidate) employed() bool {
	return c.level("first") == Same && c.level("last") == Same && c.level("firm") == Same && c.level("city") == Same
}

// seconds counts the independent attributes that agree.
func (c Candidate) seconds() int {
	n := 0
	for _, s := range c.Why {
		switch s.Of {
		case KeyEmail, KeyPhone, KeyCustomer, KeyDomain, KeySite, KeyHandle:
			n++
		}
	}
	if c.named() {
		n++
	}
	for _, of := range [...]string{"firm", "city", "born"} {
		if c.level(of) == Same {
			n++
		}
	}
	return n
}

// proven tells whether the evidence may link without asking: hard to fake, or a claim with a second attribute; and nothing
// that forbids it.
func (c Candidate) proven() bool {
	if c.level("mocking") != "" || c.level("kind") != "" || (c.level("taken") != "" || c.level("young") != "") && c.Class != "A" {
		return false
	}
	if c.Key == KeyName { // name, employer and city are one claim
		return c.Class == "B" && c.seconds() >= 4
	}
	return c.Class == "A" || c.Class == "B" && c.seconds() >= 2
}

// Ground says in plain words what a link rests on, without any value.
func (c Candidate) Ground() string {
	var say []string
	for _, s := range c.Why[1:] {
		if s.Bits > 0 {
			what, _, _ := strings.Cut(s.Say, ", which")
			say = append(say, what)
		}
	}
	return strings.Join(say, "; ")
}
