package decide

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/route"
	"rapport/shared/flow"
)

// Overdue names the escalation that holds for brands without own ones: when an answer is late, it becomes urgent.
const Overdue = "overdue"

// Step is an escalation that a conversation comes to, as long as nobody answers.
type Step struct {
	Name       string
	At         time.Time
	Done       bool   // made already, within the present clock
	Priority   string // raised to; "" = as it is
	Department string // moved to; "" = as it is
	Alert      bool   // people must hear of it
}

// escalation is one configured escalation, made ready.
type escalation struct {
	config.Escalation
	percent int // of the time from the clock's start to its end
}

// escalations reads a brand's escalations. Its error names the one that is wrong, and what it may be.
func escalations(list []config.Escalation, queues []string) ([]escalation, error) {
	if len(list) == 0 {
		return []escalation{{config.Escalation{Name: Overdue, Priority: route.Urgent}, 100}}, nil
	}
	var out []escalation
	var errs []error
	for i, e := range list {
		percent, err := share(e.After)
		if err == nil {
			err = checkEscalation(e, queues)
		}
		if err == nil && slices.ContainsFunc(list[:i], func(o config.Escalation) bool { return o.Name == e.Name }) {
			err = errors.New("name stands there twice: each escalation is made once, by its name")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("escalate[%d] %q: %w", i, e.Name, err))
		}
		out = append(out, escalation{e, percent})
	}
	return out, errors.Join(errs...)
}

// share reads "80%" or "breach", which is the same as 100%.
func share(text string) (int, error) {
	if text == "" || text == "breach" {
		return 100, nil
	}
	number, ok := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if !ok || err != nil || n < 1 || n > 100 {
		return 0, fmt.Errorf("after %q is no share of the time: write 80%%, or breach", text)
	}
	return n, nil
}

func checkEscalation(e config.Escalation, queues []string) error {
	for _, d := range append(slices.Clone(e.Departments), e.Department) {
		if d != "" && !slices.Contains(departments[:], d) {
			return unknown("department", d, departments[:])
		}
	}
	for _, q := range e.Queues {
		if !slices.Contains(queues, q) {
			return unknown("queue", q, append(queues, "(the names of the rules under routing)"))
		}
	}
	for _, p := range append(slices.Clone(e.Priorities), e.Priority) {
		if p != "" && route.Rank(p) == 0 {
			return unknown("priority", p, []string{route.Low, route.Normal, route.High, route.Urgent})
		}
	}
	if e.Priority == "" && e.Department == "" && !e.Alert {
		return errors.New("does nothing: say priority, department or alert: true")
	}
	return nil
}

// holds tells whether an escalation is about a conversation. What was made already stays about it, whatever it changed.
func (e escalation) holds(c flow.Conversation) bool {
	among := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	return slices.Contains(c.Escalated, e.Name) || among(e.Departments, c.Department) && among(e.Queues, c.Queue) && among(e.Priorities, c.Priority)
}

// Steps gives the escalations that a conversation comes to in the course of its present clock, in the order of time. A share
// of the time is one of working time, to the next full minute.
func (d *Decider) Steps(c flow.Conversation) []Step {
	if c.Due.IsZero() || c.Status != flow.Open && c.Status != flow.Waiting {
		return nil
	}
	b := d.brand(c.Brand)
	var out []Step
	for _, e := range b.escalations {
		if !e.holds(c) {
			continue
		}
		at := c.Due
		if e.percent < 100 && !c.Since.IsZero() {
			whole := b.calendar.Between(c.Since, c.Due)
			at = b.calendar.Add(c.Since, (whole * time.Duration(e.percent) / 100).Truncate(time.Minute))
			if at.IsZero() || at.After(c.Due) {
				at = c.Due
			}
		}
		out = append(out, Step{Name: e.Name, At: at, Done: slices.Contains(c.Escalated, e.Name), Priority: e.Priority, Department: e.Department, Alert: e.Alert})
	}
	slices.SortStableFunc(out, func(a, b Step) int { return a.At.Compare(b.At) })
	return out
}

// Escalate makes the escalations whose time has come, each once, and tells whether that changed the conversation: the
// priority only rises. An answer that is not there in time misses its promise.
func (d *Decider) Escalate(c *flow.Conversation, now time.Time) bool {
	changed := false
	for _, s := range d.Steps(*c) {
		if s.Done || now.Before(s.At) {
			continue
		}
		c.Escalated, changed = append(slices.Clone(c.Escalated), s.Name), true
		if route.Rank(s.Priority) > route.Rank(c.Priority) {
			c.Priority = s.Priority
		}
		if s.Department != "" {
			c.Department = s.Department
		}
	}
	waits := c.Status == flow.Open || c.Status == flow.Waiting
	if waits && !c.Due.IsZero() && !now.Before(c.Due) && c.First.IsZero() && c.SLA == "" {
		c.SLA, changed = flow.Missed, true
	}
	return changed
}

// Next gives when a conversation has to be looked at again; ok is false where nothing is owed any more.
func (d *Decider) Next(c flow.Conversation) (at time.Time, ok bool) {
	for _, s := range d.Steps(c) {
		if !s.Done {
			return s.At, true
		}
	}
	waits := c.Status == flow.Open || c.Status == flow.Waiting
	return c.Due, waits && !c.Due.IsZero()
}

// Clock gives the working time of a brand from one moment to another, and its zone.
func (d *Decider) Clock(brand string, from, to time.Time) time.Duration {
	return d.brand(brand).calendar.Between(from, to)
}

// Zone gives the time zone in which a brand counts its days.
func (d *Decider) Zone(brand string) *time.Location { return d.brand(brand).calendar.Zone() }
