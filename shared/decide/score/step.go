package score

import (
	"maps"
	"math"
	"slices"
	"time"

	"rapport/shared/flow"
)

// Bound holds a score back where it would move by more than Step in a day, and remembers how it stands. What was made by
// another version or by other weights binds nothing, nor does the past bind the first score of an author.
func (s *Scorer) Bound(is flow.Score, seen Seen, now time.Time) (flow.Score, Seen) {
	day := int(now.Unix() / (24 * 60 * 60))
	if seen.By != s.by {
		seen.By, seen.From, seen.FromDay, seen.Day = s.by, [len(parts)]int{}, 0, 0
	}
	if seen.Day > 0 && day > seen.Day {
		seen.From, seen.FromDay = seen.Points, seen.Day
	}
	if seen.FromDay > 0 && day > seen.FromDay {
		hold(&is, seen.From, Step*(day-seen.FromDay))
	}
	if day >= seen.Day {
		for i, p := range is.Parts {
			seen.Points[i] = p.Points
		}
		seen.Day = day
	}
	return is, seen
}

// heldBack is the order in which parts give way: the one that jumps most easily first.
var heldBack = [...]int{1, 0, 3, 2, 4}

// hold moves parts back towards where they were, until the total is no farther from there than most.
func hold(is *flow.Score, was [len(parts)]int, most int) {
	before := 0
	for _, n := range was {
		before += n
	}
	over, sign := is.Total-before-most, 1
	if is.Total < before {
		over, sign = before-is.Total-most, -1
	}
	for _, i := range heldBack {
		p := &is.Parts[i]
		back := min(over, sign*(p.Points-was[i]))
		if back <= 0 {
			continue
		}
		over -= back
		p.Points -= sign * back
		is.Total -= sign * back
		p.Reason += "; held back: a score moves by " + count(Step) + " points a day at most"
	}
}

// Combine gives the score of a person with several accounts: what does not reach people by one of them reaches them by
// another, 1 − Π(1 − s). The parts are those of the highest, and one for what the others add.
func Combine(of map[string]flow.Score) flow.Score {
	var best flow.Score
	rest, weight, sure := 1.0, 0.0, 0.0
	scored := 0
	for _, id := range slices.Sorted(maps.Keys(of)) {
		s := of[id]
		if s.Version == "" {
			continue
		}
		scored++
		if best.Version == "" || s.Total > best.Total {
			best.Total, best.Version, best.Parts = s.Total, s.Version, s.Parts
		}
		if s.At.After(best.At) {
			best.At = s.At
		}
		rest *= 1 - float64(s.Total)/100
		w := float64(s.Total + 1)
		weight += w
		sure += w * float64(s.Confidence)
	}
	if scored == 0 {
		return flow.Score{}
	}
	best.Confidence = int(sure / weight)
	if scored == 1 {
		return best
	}
	total := int(math.Floor((1-rest)*100 + 1e-9))
	best.Parts = append(slices.Clone(best.Parts), flow.ScorePart{Name: "networks", Points: total - best.Total, Max: 100 - best.Total,
		Reason: "+" + count(total-best.Total) + ": " + count(scored) + " accounts of one person"})
	best.Total = total
	return best
}

// Note keeps in a person the score of one of its accounts, and what all of them come to. A score without version takes
// the account's away. It tells whether the person's score changed.
func Note(p *flow.Person, author string, s flow.Score) bool {
	of := maps.Clone(p.Scores)
	if of == nil {
		of = map[string]flow.Score{}
		if other := only(p.Authors, author); p.Score.Version != "" && other != "" {
			of[other] = p.Score
		}
	}
	was, before := p.Score, of[author]
	_, held := p.Scores[author]
	if delete(of, author); s.Version != "" {
		of[author] = s
	}
	next := Combine(of)
	if alike(next, was) && (len(of) < 2 || alike(before, s)) && !(held && s.Version == "") {
		return false
	}
	p.Score, p.Scores = next, of
	if len(of) == 0 || len(of) == 1 && len(p.Authors) < 2 {
		p.Scores = nil // the one score says it
	}
	return true
}

// Drop takes the score of one account away for good. Where nobody can tell of which account the person's score is, it goes
// whole; the next mention of another makes it anew.
func Drop(p *flow.Person, author string) bool {
	if p.Scores != nil {
		return Note(p, author, flow.Score{})
	}
	had := p.Score.Version != ""
	p.Score = flow.Score{}
	return had
}

func alike(a, b flow.Score) bool { return a.Total == b.Total && a.Version == b.Version }

// only gives the author besides one, "" where there is none or several.
func only(authors []string, but string) string {
	other := ""
	for _, a := range authors {
		if a == but {
			continue
		}
		if other != "" {
			return ""
		}
		other = a
	}
	return other
}
