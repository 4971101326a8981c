// Package route says how urgent a mention is and how soon it is owed an answer, where no rule of the tenant says so.
package route

import (
	"fmt"
	"strings"
	"time"
)

// The priorities, from the lowest.
const (
	Low    = "low"
	Normal = "normal"
	High   = "high"
	Urgent = "urgent"
)

// Case is what a priority is judged by.
type Case struct {
	Intents   []string
	Complaint bool
	Severity  int
	Score     int
	Protected bool // somebody whose trouble raises an alert
	Impostor  bool
}

// Priority gives the priority and the reason. A score only ever raises it.
func Priority(c Case) (priority, reason string) {
	trouble := c.Complaint || c.Severity > 0
	switch {
	case c.Severity >= 3:
		return Urgent, "severity 3"
	case c.Protected && trouble:
		return Urgent, "a protected customer is in trouble"
	case c.Severity == 2:
		return High, "severity 2"
	case c.Impostor:
		return High, "acts under the brand's name"
	case c.Complaint && c.Score >= 60:
		return High, fmt.Sprintf("a complaint by somebody with score %d", c.Score)
	case trouble:
		return Normal, "a complaint"
	}
	for _, i := range c.Intents {
		switch i {
		case "question", "purchase", "churn", "legal", "press", "job", "idea":
			return Normal, "wants an answer: " + i
		}
	}
	return Low, "nothing that waits for an answer"
}

// Rank orders priorities; unknown ones come first.
func Rank(priority string) int {
	switch priority {
	case Low:
		return 1
	case Normal:
		return 2
	case High:
		return 3
	case Urgent:
		return 4
	}
	return 0
}

// SLA is the working time until the first answer per priority; 0 = none is owed.
type SLA struct{ low, normal, high, urgent time.Duration }

// NewSLA reads a configuration: priority → "1h30m", or "none". What it leaves out is urgent 30m, high 2h, normal 8h, low none.
func NewSLA(config map[string]string) (SLA, error) {
	s := SLA{normal: 8 * time.Hour, high: 2 * time.Hour, urgent: 30 * time.Minute}
	known := 0
	for _, p := range []struct {
		name string
		to   *time.Duration
	}{{Low, &s.low}, {Normal, &s.normal}, {High, &s.high}, {Urgent, &s.urgent}} {
		text, ok := config[p.name]
		if !ok {
			continue
		}
		known++
		if text == "" || text == "none" {
			*p.to = 0
			continue
		}
		d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		if err != nil || d < 0 {
			return s, fmt.Errorf("sla.%s %q is no duration: write 1h30m, or none", p.name, text)
		}
		*p.to = d.Truncate(time.Minute)
	}
	if known != len(config) {
		return s, fmt.Errorf("sla names a priority that is none: use low, normal, high, urgent")
	}
	return s, nil
}

// Of gives the time for a priority; 0 = no answer is owed.
func (s SLA) Of(priority string) time.Duration {
	switch priority {
	case Low:
		return s.low
	case Normal:
		return s.normal
	case High:
		return s.high
	case Urgent:
		return s.urgent
	}
	return 0
}
