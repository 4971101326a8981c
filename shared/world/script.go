package world

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"rapport/events/demo"
	"rapport/shared/fault"
)

// line is one line of the day's script. Which keys stand in it depends on the file; see events/demo.
type line struct {
	At string `json:"at"` // 07:19
	Do string `json:"do"` // "" = somebody says something, or a webhook comes

	// On the social network.
	ID   string `json:"id"` // label, for lines that come back to it
	By   string `json:"by"` // handle; "" = the brand
	Text string `json:"text"`
	Lang string `json:"lang"`
	Re   string `json:"re"`   // label of what it answers
	Vis  string `json:"vis"`  // direct; "" = public
	Of   string `json:"of"`   // label of what it is about
	Also bool   `json:"also"` // the monitoring tool sends it too

	// On the second brand's networks.
	On    string `json:"on"`    // bluesky, facebook, instagram, x, press
	Name  string `json:"name"`  // of a person on Facebook and Instagram, whose handle is a number
	Title string `json:"title"` // of an article

	// Webhooks.
	Body  json.RawMessage `json:"body"`
	Times int             `json:"times"` // how often it is sent; 0 = once

	// In the CRMs.
	Calls int    `json:"calls"`
	After string `json:"after"` // label that must have arrived before
}

// step is one thing that happens.
type step struct {
	at   time.Duration // since midnight
	what string        // for the log of the day: post, webhook, CRM
	do   func(context.Context) error
}

// day is the date in the scripts; the player moves it so that the last minute is the moment the play begins.
var day = regexp.MustCompile(`2026-11-20T\d\d:\d\d:\d\d\+01:00`)

const lastMinute = "2026-11-20T23:59:00+01:00"

// read makes the day's steps, in the order of time.
func (w *world) read() ([]step, error) {
	files := []struct {
		name string
		make func(line) (step, error)
	}{
		{"mastodon.jsonl", w.social1},
		{"echolot.jsonl", func(l line) (step, error) { return w.webhook("echolot", l), nil }},
		{"sterne.jsonl", func(l line) (step, error) { return w.webhook("sterne", l), nil }},
		{"crm.jsonl", w.office},
		{"reisen.jsonl", w.reisen},
	}
	var steps []step
	for _, f := range files {
		data, err := demo.Files.ReadFile(f.name)
		if err != nil {
			return nil, err
		}
		in := bufio.NewScanner(bytes.NewReader(data))
		in.Buffer(nil, 1<<20)
		for n := 1; in.Scan(); n++ {
			s, err := parse(in.Bytes(), f.make)
			if err != nil {
				return nil, fault.New(fault.Invalid, "events/demo/%s:%d: %w", f.name, n, err)
			}
			steps = append(steps, s)
		}
		if err := in.Err(); err != nil {
			return nil, fmt.Errorf("events/demo/%s: %w", f.name, err)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	return steps, nil
}

func parse(text []byte, made func(line) (step, error)) (step, error) {
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return step{}, err
	}
	clock, err := time.Parse("15:04", l.At)
	if err != nil {
		return step{}, err
	}
	s, err := made(l)
	s.at = time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute
	return s, err
}

// when gives the moment that a time of the script stands for.
func (w *world) when(l line) time.Time {
	t, err := time.Parse("2006-01-02T15:04Z07:00", "2026-11-20T"+l.At+"+01:00")
	if err != nil { // parse has looked at it
		return w.begin
	}
	return w.shift(t)
}

// shift moves a time of the script to the day that ends now.
func (w *world) shift(t time.Time) time.Time {
	end, err := time.Parse(time.RFC3339, lastMinute)
	if err != nil {
		return t
	}
	return w.begin.Add(t.Sub(end)).UTC()
}

// today gives a body with its times moved.
func (w *world) today(body []byte) []byte {
	return day.ReplaceAllFunc(body, func(text []byte) []byte {
		t, err := time.Parse(time.RFC3339, string(text))
		if err != nil {
			return text
		}
		return []byte(w.shift(t).Format(time.RFC3339))
	})
}
