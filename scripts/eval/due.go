package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"rapport/scripts/train/corpus"
	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/decide/calendar"
	"rapport/shared/flow"
)

// bavaria are the holidays of 2026 there, from the law.
var bavaria = []string{"2026-01-01", "2026-01-06", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-06-04", "2026-08-15",
	"2026-10-03", "2026-11-01", "2026-12-25", "2026-12-26", "2027-01-01", "2027-01-06"}

// dueTimes compares due times with what counting every minute by itself gives: an office in Bavaria, over a year with both
// changes of the clock.
func dueTimes() ([]figure, error) {
	const draws = 2000
	hours := map[string]string{"mon": "09:00-17:30", "tue": "09:00-17:30", "wed": "09:00-17:30", "thu": "09:00-17:30", "fri": "09:00-15:00"}
	c, err := calendar.New(config.Calendar{Zone: "Europe/Berlin", Country: "DE-BY", Hours: hours})
	if err != nil {
		return nil, err
	}
	r, begin := rand.New(rand.NewPCG(1, 2)), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	exact := 0
	for range draws {
		from, work := begin.Add(time.Duration(r.IntN(350*24*60))*time.Minute), 1+r.IntN(16*60)
		want := from
		for left := work; left > 0; want = want.Add(time.Minute) {
			if at := want.In(c.Zone()); open(at) {
				left--
			}
		}
		if c.Add(from, time.Duration(work)*time.Minute).Equal(want) {
			exact++
		}
	}
	return []figure{least("7", "due times exact to the minute", "2,000 drawn times, each minute counted; an office in Bavaria, 2026", float64(exact)/draws, "", 1)}, nil
}

// open tells whether the office works in a minute.
func open(at time.Time) bool {
	end := 17*60 + 30
	switch at.Weekday() {
	case time.Saturday, time.Sunday:
		return false
	case time.Friday:
		end = 15 * 60
	}
	minute := at.Hour()*60 + at.Minute()
	return minute >= 9*60 && minute < end && !slices.Contains(bavaria, at.Format(time.DateOnly))
}

// decided measures all steps of a decision together.
func decided(held []corpus.Post) ([]figure, error) {
	d, err := decide.New(&config.Document{Version: 1, Score: config.Score{Strangers: true}, Brands: []config.Brand{{Name: "nordlicht", Title: "Nordlicht", Languages: []string{"de", "en"}, Region: "DE",
		Terms: []string{"nordlicht"}, Topics: []config.Topic{{Name: "Lampe"}, {Name: "Rechnung"}}, Calendar: config.Calendar{Zone: "Europe/Berlin", Country: "DE-BE"}}},
		Routing: []config.Route{{Name: "grave", When: "severity >= 2", Department: "service", Priority: "high"}}})
	if err != nil {
		return nil, err
	}
	now := time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	var took []time.Duration // of each post the middle of some: what else the machine does is no part of it
	for _, p := range held {
		m := flow.Mention{ID: "mastodon:1", Network: "mastodon", Account: "fedi", Brand: "nordlicht", Kind: flow.Post, Direction: flow.In, Text: p.Text, Created: now,
			Author: flow.Author{ID: "mastodon:anna", Handle: "anna", Name: "Anna", Counted: true, Followers: 300}}
		in := decide.Inputs{Now: now, Model: decide.Model, Event: flow.Event{Verb: flow.New, At: now, Mention: m}, Source: "live", MayMatch: "yes", MayScore: true}
		var times [21]time.Duration
		for i := range times {
			begin := time.Now()
			d.Decide(in)
			times[i] = time.Since(begin)
		}
		slices.Sort(times[:])
		took = append(took, times[len(times)/2])
	}
	slices.Sort(took)
	micros := func(share float64) float64 {
		return float64(took[int(share*float64(len(took)-1))].Nanoseconds()) / 1000
	}
	return []figure{most("all", "µs per mention, all steps together, median", "posts held back, the middle of 21 times each", micros(0.5), "%.0f", "", 250),
		most("all", "µs per mention, all steps together, p99", "posts held back, the middle of 21 times each", micros(0.99), "%.0f", "", 1000)}, nil
}
