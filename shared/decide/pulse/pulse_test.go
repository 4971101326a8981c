package pulse_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"rapport/shared/decide/pulse"
	"rapport/shared/twin/crowd"
)

// trial counts what a seeded brand's weeks came to: alarms without a reason, and how late the crisis was found.
func trial(b crowd.Brand, seed uint64, people int) (crises, watches int, late time.Duration, found bool, p pulse.Pulse) {
	m := crowd.New(b, seed)
	begin, weeks := crowd.Week(0), 6
	at := crowd.Week(5).Add(time.Duration(8+seed%120) * time.Hour)
	voices := slices.Concat(m.Usual(begin, crowd.Week(weeks)), m.Crisis(at, people))
	p.Level.Through = begin
	for _, c := range p.Run(voices, begin, crowd.Week(weeks), pulse.Options{}) {
		ours := !c.At.Before(at) && c.At.Before(at.Add(6*time.Hour))
		switch {
		case ours && c.To == pulse.Crisis && !found:
			found, late = true, c.At.Sub(at)
		case ours || c.At.Before(crowd.Week(1)): // the first week is for learning
		case c.To == pulse.Crisis:
			crises++
		case c.To == pulse.Watch:
			watches++
		}
	}
	return crises, watches, late, found, p
}

// A crisis is found, soon, in brands of any size, and usual weeks raise no alarm.
func TestCrises(t *testing.T) {
	for name, people := range map[string]int{"small": 40, "middle": 80} {
		for seed := range uint64(3) {
			crises, watches, late, found, _ := trial(crowd.Brands()[name], seed, people)
			if !found || late > 25*time.Minute || crises > 0 || watches > 1 {
				t.Errorf("%s, seed %d: found %t after %v, %d crises and %d watches without a reason", name, seed, found, late, crises, watches)
			}
		}
	}
}

// What is no crisis is told apart: praise, copies, one author, three complaints after silence.
func TestTellsApart(t *testing.T) {
	b := crowd.Brands()["middle"]
	at := crowd.Week(3).Add(40 * time.Hour)
	for name, test := range map[string]struct {
		more func(m *crowd.Maker) []pulse.Voice
		to   string
		kind string
	}{
		"praise":     {func(m *crowd.Maker) []pulse.Voice { return m.Praise(at, 150) }, pulse.Watch, pulse.Praise},
		"sweepstake": {func(m *crowd.Maker) []pulse.Voice { return m.Copied(at, 150, false) }, pulse.Watch, pulse.Copies},
		"bots":       {func(m *crowd.Maker) []pulse.Voice { return m.Copied(at, 150, true) }, pulse.Watch, pulse.Copies},
		"one author": {func(m *crowd.Maker) []pulse.Voice { return m.Single(at, 150) }, "", ""},
		"few":        {func(m *crowd.Maker) []pulse.Voice { return m.Crisis(at, 3) }, "", ""},
		"crisis":     {func(m *crowd.Maker) []pulse.Voice { return m.Crisis(at, 150) }, pulse.Crisis, pulse.Trouble},
	} {
		m := crowd.New(b, 4)
		begin, end := crowd.Week(0), at.Add(12*time.Hour)
		voices := slices.Concat(m.Usual(begin, end), test.more(m))
		var p pulse.Pulse
		to, kind := "", ""
		for _, c := range p.Run(voices, begin, end, pulse.Options{}) {
			if c.At.After(at) && c.To != pulse.Normal && (to == "" || c.To == pulse.Crisis) {
				to, kind = c.To, c.Reading.Kind
			}
		}
		if to != test.to || kind != test.kind {
			t.Errorf("%s: %q %q, want %q %q", name, to, kind, test.to, test.kind)
		}
	}
	var p pulse.Pulse // silence, then three complaints
	m := crowd.New(crowd.Brand{}, 1)
	if got := p.Run(m.Crisis(at, 3), crowd.Week(0), at.Add(6*time.Hour), pulse.Options{}); len(got) > 0 {
		t.Errorf("three complaints after silence: %+v", got)
	}
}

// Every crisis goes through its states once, and each change is told once.
func TestStates(t *testing.T) {
	m := crowd.New(crowd.Brands()["middle"], 5)
	begin, end := crowd.Week(0), crowd.Week(3)
	at := crowd.Week(2).Add(34 * time.Hour)
	voices := slices.Concat(m.Usual(begin, end), m.Crisis(at, 150))
	var p pulse.Pulse
	var states []string
	for i, c := range p.Run(voices, begin, end, pulse.Options{}) {
		if c.Number != i+1 {
			t.Errorf("change %d has number %d", i+1, c.Number)
		}
		if c.At.After(at) {
			states = append(states, c.To)
		}
	}
	if p.Name() != pulse.Normal || !slices.Contains(states, pulse.Crisis) || !slices.Contains(states, pulse.Cooling) || len(states) > 4 {
		t.Errorf("%v, now %s", states, p.Name())
	}
}

// What comes twice, or in another order, changes nothing; nor do looks that are left out while nothing is said.
func TestTwiceAndLate(t *testing.T) {
	m := crowd.New(crowd.Brands()["middle"], 9)
	begin, end := crowd.Week(0), crowd.Week(1)
	voices := slices.Concat(m.Usual(begin, end), m.Crisis(end.Add(-10*time.Hour), 100))
	var a, b pulse.Pulse
	first := a.Run(voices, begin, end, pulse.Options{})
	twice := slices.Concat(voices, voices)
	slices.Reverse(twice)
	if second := b.Run(twice, begin, end, pulse.Options{}); !reflect.DeepEqual(first, second) || !reflect.DeepEqual(a, b) {
		t.Errorf("%+v and %+v", first, second)
	}
	number := a.Number
	if _, changed := a.Look(voices, end, pulse.Options{}); changed || a.Number != number {
		t.Error("the same look twice counts")
	}
}

// A pulse fits into 4 KB, whatever the size of the brand.
func TestSize(t *testing.T) {
	m := crowd.New(crowd.Brand{Rate: 9000, Bad: 0.3, Noise: 0.4}, 1)
	var p pulse.Pulse
	for hour := range 9 * 7 * 24 {
		at := crowd.Week(0).Add(time.Duration(hour) * time.Hour)
		voices := make([]pulse.Voice, 0, 20)
		if hour > 8*7*24 {
			voices = m.Usual(at, at.Add(time.Hour))
		}
		p.Learn(voices, at.Add(time.Hour))
	}
	data, err := json.Marshal(p)
	if err != nil || len(data) > 4096 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
