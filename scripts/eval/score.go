package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/score"
)

// judged is two accounts, and whether people thought the first to carry farther.
type judged struct {
	a, b  known
	first bool
}

// known is what the set tells of an account that a score looks at.
type known struct {
	followers, listed int
	reactions         float64
}

// scores measures the Social Customer Score on pairs that people judged. Of the set every second pair was looked at when the
// shape of the parts was chosen; the others are held back.
func scores(public string) ([]figure, error) {
	const say = "0.840 followers alone, 0.854 a sum of logarithms, 0.861 a regression of 11 features"
	const swayed = "43 % followers alone, 16 % a sum of logarithms"
	pairs, err := pairs(filepath.Join(public, "peerindex", "train.csv"))
	if err != nil {
		return []figure{{"6", "AUC against people's judgement", "PeerIndex pairs", "not here", say, "≥ 0.855", "no"},
			{"6", "×10 followers overtake", "PeerIndex pairs", "not here", swayed, "≤ 8.0 %", "no"}}, nil
	}
	s, err := score.New(config.Score{})
	if err != nil {
		return nil, err
	}
	of := func(k known) float64 { return float64(total(s, k)) }
	alone := func(k known) float64 { return float64(k.followers) }
	var looked, held []judged
	for i, p := range pairs {
		if i%2 == 0 {
			looked = append(looked, p)
		} else {
			held = append(held, p)
		}
	}
	var out []figure
	for _, set := range []struct {
		name  string
		pairs []judged
		goal  bool
	}{{"PeerIndex, %d pairs held back", held, true}, {"PeerIndex, %d pairs looked at", looked, false}} {
		name := fmt.Sprintf(set.name, len(set.pairs))
		auc, bought := figure{"6", "AUC against people's judgement", name, fmt.Sprintf("%.4f", area(set.pairs, of)), say, "", ""},
			figure{"6", "×10 followers overtake", name, fmt.Sprintf("%.1f %%", overtaken(set.pairs, of)), fmt.Sprintf("%s (here %.1f %%)", swayed, overtaken(set.pairs, alone)), "", ""}
		if set.goal {
			auc.goal, auc.met = "≥ 0.855", yesNo(area(set.pairs, of) >= 0.855)
			bought.goal, bought.met = "≤ 8.0 %", yesNo(overtaken(set.pairs, of) <= 8)
		}
		out = append(out, auc, bought)
	}
	return out, nil
}

func yesNo(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}

func total(s *score.Scorer, k known) int {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return s.Compute(score.Profile{Network: "x", Counted: true, Followers: k.followers, Listed: k.listed, At: now}, score.Seen{Reactions: k.reactions, Last: now}, now).Total
}

// pairs reads the set: mentions and retweets received are what it tells of reactions.
func pairs(file string) ([]judged, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	var out []judged
	for n, row := range rows[1:] {
		var wrong error
		one := func(who string) known {
			number := func(name string) float64 {
				x, err := strconv.ParseFloat(row[at[who+name]], 64)
				if err != nil {
					wrong = fmt.Errorf("%s, row %d: %w", file, n+2, err)
				}
				return x
			}
			return known{int(number("_follower_count")), int(number("_listed_count")), number("_mentions_received") + number("_retweets_received")}
		}
		out = append(out, judged{one("A"), one("B"), row[at["Choice"]] == "1"})
		if wrong != nil {
			return nil, wrong
		}
	}
	return out, nil
}

// area is how probably a pair in which the first was judged ahead has the greater difference of scores than one in which the
// second was: 1 = always, 0.5 = chance. Ties count half.
func area(pairs []judged, of func(known) float64) float64 {
	var ahead, behind []float64
	for _, p := range pairs {
		if d := of(p.a) - of(p.b); p.first {
			ahead = append(ahead, d)
		} else {
			behind = append(behind, d)
		}
	}
	slices.Sort(behind)
	won := 0.0
	for _, d := range ahead {
		low, _ := slices.BinarySearch(behind, d)
		high, _ := slices.BinarySearchFunc(behind, d, func(x, d float64) int {
			if x <= d {
				return -1
			}
			return 1
		})
		won += float64(low) + float64(high-low)/2
	}
	return won / float64(len(ahead)*len(behind))
}

// overtaken is in what share of pairs, in percent, whoever has the lower score gets ahead by ten times as many followers.
func overtaken(pairs []judged, of func(known) float64) float64 {
	n, over := 0, 0
	for _, p := range pairs {
		low, high := p.a, p.b
		if of(low) > of(high) {
			low, high = high, low
		}
		if of(low) == of(high) {
			continue
		}
		n++
		if low.followers *= 10; of(low) > of(high) {
			over++
		}
	}
	return 100 * float64(over) / float64(n)
}
