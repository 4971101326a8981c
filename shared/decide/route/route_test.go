package route

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPriority(t *testing.T) {
	for want, c := range map[string]Case{
		"urgent": {Complaint: true, Severity: 3},
		"high":   {Complaint: true, Severity: 2},
		"normal": {Complaint: true, Severity: 1},
		"low":    {Intents: []string{"praise"}, Score: 99},
	} {
		if got, why := Priority(c); got != want || why == "" {
			t.Errorf("%+v: %s (%s); want %s", c, got, why, want)
		}
	}
	if got, _ := Priority(Case{Intents: []string{"spam"}, Impostor: true}); got != High {
		t.Errorf("impostor: %s", got)
	}
	if got, _ := Priority(Case{Complaint: true, Severity: 1, Protected: true}); got != Urgent {
		t.Errorf("protected: %s", got)
	}
	if got, _ := Priority(Case{Complaint: true, Severity: 1, Score: 60}); got != High {
		t.Errorf("influential: %s", got)
	}
}

// A higher score, severity or protection never lowers the priority.
func TestNothingLowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Case{Complaint: rapid.Bool().Draw(t, "complaint"), Severity: rapid.IntRange(0, 3).Draw(t, "severity"), Score: rapid.IntRange(0, 100).Draw(t, "score"),
			Intents: []string{rapid.SampledFrom([]string{"praise", "question", "spam"}).Draw(t, "intent")}}
		before, _ := Priority(c)
		c.Score, c.Severity, c.Protected = min(c.Score+rapid.IntRange(0, 50).Draw(t, "more"), 100), min(c.Severity+rapid.IntRange(0, 1).Draw(t, "worse"), 3), true
		if after, _ := Priority(c); Rank(after) < Rank(before) {
			t.Fatalf("%s became %s", before, after)
		}
	})
}

func TestSLA(t *testing.T) {
	s, err := NewSLA(map[string]string{"high": "1h30m", "normal": "none"})
	if err != nil || s.Of(Urgent) != 30*time.Minute || s.Of(High) != 90*time.Minute || s.Of(Normal) != 0 || s.Of(Low) != 0 {
		t.Errorf("%+v %v", s, err)
	}
	for want, c := range map[string]map[string]string{"sla.high": {"high": "soon"}, "none: use low": {"critical": "1h"}} {
		if _, err := NewSLA(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", c, err)
		}
	}
}
