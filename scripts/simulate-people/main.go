// Command simulate-people makes a world of people from a seed, lets Rapport recognise them as it does in production, and
// prints how often it was right. The world is invented; it has namesakes, families, colleagues, impostors and parodies, and
// most of those who speak are in no CRM.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"

	"rapport/scripts/simulate-people/people"
)

func main() {
	seed := flag.Uint64("seed", 1, "which world")
	contacts := flag.Int("contacts", 20_000, "persons in the CRM; the authors grow with them")
	wrong := flag.Int("wrong", 0, "show so many wrong links, with what they rest on")
	missed := flag.Int("missed", 0, "show so many links that were not made")
	flag.Parse()
	r, err := people.Run(context.Background(), people.Options{Seed: *seed, Contacts: *contacts})
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulate-people:", err)
		os.Exit(1)
	}
	fmt.Print(r)
	for _, line := range append(slices.Clone(r.Wrong[:min(*wrong, len(r.Wrong))]), r.Missed[:min(*missed, len(r.Missed))]...) {
		fmt.Println(line)
	}
}
