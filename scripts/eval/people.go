package main

import (
	"context"
	"fmt"
	"strings"

	"rapport/scripts/simulate-people/people"
)

// identities measures the recognition of people in invented worlds. The weights were set while the world of seed 1 was looked
// at; these worlds are others, and nothing was mended by them.
func identities(contacts int, seeds ...uint64) ([]figure, error) {
	linked, right := 0, 0
	var of [2]people.Counts
	var names []string
	for _, seed := range seeds {
		r, err := people.Run(context.Background(), people.Options{Seed: seed, Contacts: contacts})
		if err != nil {
			return nil, err
		}
		linked, right = linked+r.Linked, right+r.Right
		for i, group := range []string{"verified evidence", "public claims"} {
			if c := r.Of[group]; c != nil {
				of[i].Authors, of[i].Right = of[i].Authors+c.Authors, of[i].Right+c.Right
			}
		}
		names = append(names, fmt.Sprint(seed))
	}
	data := fmt.Sprintf("invented worlds of seeds %s, tuned on seed 1", strings.Join(names, " and "))
	row := func(metric string, right, of int, goal float64, form string) figure {
		f := figure{"5", fmt.Sprintf("%s (%d of %d)", metric, right, of), data, fmt.Sprintf("%.4f", float64(right)/float64(max(of, 1))), "", fmt.Sprintf("≥ "+form, goal), "no"}
		if float64(right) >= goal*float64(of) && of > 0 {
			f.met = "yes"
		}
		return f
	}
	out := []figure{row("links made without asking: precision", right, linked, 0.998, "%.3f"),
		row("found by verified evidence", of[0].Right, of[0].Authors, 0.98, "%.2f"), row("found by public claims alone", of[1].Right, of[1].Authors, 0.55, "%.2f")}
	if linked < 3000 { // too few to say it
		out[0].met = "no"
	}
	return out, nil
}
