package networktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

func parseChecks() []check {
	return []check{
		{"cases", nil, checkCases},
		{"pure", nil, checkPure},
		{"own", nil, checkOwn},
		{"garbage", nil, checkGarbage},
	}
}

// parse gives Parse's answer; a panic is reported and becomes an error.
func parse(r Reporter, n network.Network, raw network.Raw) (events []flow.Event, err error) {
	r.Helper()
	defer func() {
		if p := recover(); p != nil {
			r.Errorf("Parse panics on %.120q: %v", raw.Body, p)
			err = fault.New(fault.Invalid, "panic")
		}
	}()
	return n.(network.Parser).Parse(raw)
}

// checkCases compares every case with what it wants.
func checkCases(r Reporter, s Suite) {
	cases := s.cases(r)
	if len(cases) == 0 {
		r.Errorf("no cases in %s: add a folder with raw.json and want.json", s.Cases)
	}
	byName := map[string][]string{}
	for _, c := range cases {
		events, err := parse(r, s.New(), c.raw)
		got := outcome{Events: events}
		if err != nil {
			got = outcome{Fault: fault.Of(err).String(), Reason: err.Error()}
		}
		for _, e := range events {
			byName[c.name] = append(byName[c.name], e.ID())
			shape(r, s.New().Info().Name, c.name, e)
		}
		c.compare(r, got)
	}
	for _, c := range cases {
		if c.same == "" {
			continue
		}
		if other, ok := byName[c.same]; !ok || !slices.Equal(other, byName[c.name]) {
			r.Errorf("case %s must give the event ids of case %s:\n%v\n%v", c.name, c.same, byName[c.name], other)
		}
	}
}

// shape wants what the pipeline counts on in every event.
func shape(r Reporter, name, where string, e flow.Event) {
	r.Helper()
	m := e.Mention
	if e.Erase != nil {
		return
	}
	fail := func(format string, args ...any) {
		r.Helper()
		r.Errorf("%s: event %s: %s", where, m.ID, fmt.Sprintf(format, args...))
	}
	if native, ok := strings.CutPrefix(m.ID, name+":"); !ok || native == "" {
		fail("a mention id is %s:<native id>", name)
	}
	if m.Network != name {
		fail("Network is %q", m.Network)
	}
	if e.At.IsZero() || e.At.Location() != time.UTC {
		fail("At is %v, want a time in UTC", e.At)
	}
	if m.Account != "" || m.Brand != "" {
		fail("Account and Brand are the pipeline's to set")
	}
	if e.Verb == flow.Delete {
		return
	}
	if !slices.Contains([]flow.Verb{flow.New, flow.Edit, flow.Reaction}, e.Verb) {
		fail("verb %q", e.Verb)
	}
	if !slices.Contains([]flow.Kind{flow.Post, flow.Comment, flow.ReplyTo, flow.Message, flow.Review}, m.Kind) {
		fail("kind %q", m.Kind)
	}
	if m.Direction != flow.In && m.Direction != flow.Out {
		fail("direction %q", m.Direction)
	}
	if m.Kind == flow.Message && !m.Private {
		fail("a message is private")
	}
	if native, ok := strings.CutPrefix(m.Author.ID, name+":"); m.Author.ID != "" && (!ok || native == "") {
		fail("author id %q, want %s:<native id>", m.Author.ID, name)
	}
	if m.Created.IsZero() || m.Created.Location() != time.UTC || !m.Edited.IsZero() && m.Edited.Location() != time.UTC {
		fail("Created and Edited are times in UTC: %v, %v", m.Created, m.Edited)
	}
	if !utf8.ValidString(m.Text) || strings.ContainsRune(m.Text, 0) {
		fail("the text is no clean UTF-8")
	}
	for k, v := range m.Extra {
		switch v.(type) {
		case string, float64, bool:
		default:
			fail("Extra[%s] is a %T; only string, float64 and bool are allowed", k, v)
		}
	}
}

// checkPure parses everything twice, with two connectors, and looks whether the body was left alone.
func checkPure(r Reporter, s Suite) {
	for _, c := range s.cases(r) {
		before := slices.Clone(c.raw.Body)
		one, err1 := parse(r, s.New(), c.raw)
		two, err2 := parse(r, s.New(), c.raw)
		if !reflect.DeepEqual(one, two) || (err1 == nil) != (err2 == nil) {
			r.Errorf("case %s: Parse gives different answers for the same body", c.name)
		}
		later := c.raw
		later.At = c.raw.At.Add(48 * time.Hour) // a poll of the same thing, two days on
		if c.raw.At.IsZero() {
			later.At = s.Now
		}
		three, _ := parse(r, s.New(), later)
		if !slices.Equal(ids(one), ids(three)) {
			r.Errorf("case %s: the event ids depend on when it was received", c.name)
		}
		if !bytes.Equal(before, c.raw.Body) {
			r.Errorf("case %s: Parse changes the body", c.name)
		}
		if _, _, ok := roundTrip(one); !ok {
			r.Errorf("case %s: the events do not survive JSON", c.name)
		}
	}
}

func roundTrip(events []flow.Event) (a, b []byte, ok bool) {
	a, err := json.Marshal(events)
	if err != nil {
		return nil, nil, false
	}
	var back []flow.Event
	if json.Unmarshal(a, &back) != nil {
		return a, nil, false
	}
	b, err = json.Marshal(back)
	return a, b, err == nil && bytes.Equal(a, b)
}

func ids(events []flow.Event) []string {
	out := make([]string, 0, len(events))
	for _, e := range events {
		out = append(out, e.ID())
	}
	return out
}

// checkOwn wants a case in which the brand itself speaks.
func checkOwn(r Reporter, s Suite) {
	for _, c := range s.cases(r) {
		events, _ := parse(r, s.New(), c.raw)
		if slices.ContainsFunc(events, func(e flow.Event) bool { return e.Mention.Direction == flow.Out }) {
			return
		}
	}
	r.Errorf("no case has an event with direction out: own posts must stop the clock")
}

// checkGarbage feeds what no vendor sends.
func checkGarbage(r Reporter, s Suite) {
	cases := s.cases(r)
	var settings network.Raw
	if len(cases) > 0 {
		settings = cases[0].raw
	}
	bad := slices.Concat(s.Garbage, [][]byte{nil, []byte(" "), []byte("\x00\xff\xfe"), []byte("{"), []byte("no body at all"),
		[]byte(strings.Repeat("[", 20000)), []byte(`{"a":` + strings.Repeat(`{"a":`, 20000)), []byte("\x1f\x8b\x08\x00")})
	for _, body := range bad {
		raw := settings
		raw.Body = body
		if events, err := parse(r, s.New(), raw); err == nil || len(events) > 0 {
			r.Errorf("body %.40q gives %d events and error %v, want invalid", body, len(events), err)
		} else if !fault.Is(err, fault.Invalid) {
			r.Errorf("body %.40q gives %s, want invalid: %v", body, fault.Of(err), err)
		}
	}
	for _, c := range cases {
		half := c.raw
		half.Body = c.raw.Body[:len(c.raw.Body)/2]
		if _, err := parse(r, s.New(), half); !s.NoJSON && !fault.Is(err, fault.Invalid) {
			r.Errorf("half of case %s gives %v, want invalid", c.name, err)
		}
		for _, body := range mutants(c.raw.Body, 120) {
			raw := c.raw
			raw.Body = body
			if _, err := parse(r, s.New(), raw); err != nil && !fault.Is(err, fault.Invalid) {
				r.Errorf("a twisted case %s gives %s, want events or invalid: %v", c.name, fault.Of(err), err)
			}
		}
	}
}

// mutants gives copies of a JSON body in which one value has another type, about limit of them from all over the body.
func mutants(body []byte, limit int) [][]byte {
	var root any
	if json.Unmarshal(body, &root) != nil {
		return nil
	}
	var out [][]byte
	seen, step := 0, 1+6*nodes(root)/limit
	var walk func(v any, set func(any))
	walk = func(v any, set func(any)) {
		for _, other := range []any{nil, -1.5, "\u0000", []any{}, map[string]any{}, true} {
			if seen++; seen%step != 0 {
				continue
			}
			set(other)
			if b, err := json.Marshal(root); err == nil {
				out = append(out, b)
			}
		}
		set(v)
		switch v := v.(type) {
		case []any:
			for i := range v {
				walk(v[i], func(x any) { v[i] = x })
			}
		case map[string]any:
			for _, k := range sorted(v) {
				walk(v[k], func(x any) { v[k] = x })
			}
		}
	}
	walk(root, func(x any) { root = x })
	return out
}

// nodes counts the values of a decoded JSON text.
func nodes(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			n += nodes(x)
		}
	case map[string]any:
		for _, x := range v {
			n += nodes(x)
		}
	}
	return n
}

func sorted(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Fuzz feeds Parse with what the fuzzer makes of the suite's cases: no panic, Invalid as the only fault, the same
// answer twice, and events of the right shape.
func Fuzz(f *testing.F, s Suite) {
	s = s.filled()
	cases := s.cases(f)
	var settings network.Raw
	for _, c := range cases {
		settings = c.raw
		f.Add(c.raw.Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := settings
		raw.Body = slices.Clone(body)
		one, err := s.New().(network.Parser).Parse(raw)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%s, want invalid: %v", fault.Of(err), err)
			}
			if len(one) > 0 {
				t.Fatal("events and an error")
			}
			return
		}
		two, _ := s.New().(network.Parser).Parse(raw)
		if !reflect.DeepEqual(one, two) {
			t.Fatal("two answers for one body")
		}
		if !bytes.Equal(raw.Body, body) {
			t.Fatal("the body was changed")
		}
		for _, e := range one {
			shape(t, s.New().Info().Name, "fuzz", e)
		}
	})
}
