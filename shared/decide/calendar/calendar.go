// Package calendar counts working time: hours per weekday in a time zone, public holidays, days off. All arithmetic is in
// whole minutes on the zone's wall clock, so a shift that spans a change of the clock has the hours it really has.
package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the zones must not depend on the machine

	"github.com/rickar/cal/v2"

	"rapport/shared/config"
)

// horizon is how many days ahead a due time is looked for; beyond it the calendar has no working time.
const horizon = 366 * 3

// Calendar is one brand's working time. It is immutable and safe for concurrent use. The zero value works always.
type Calendar struct {
	zone     *time.Location
	hours    [7]span // by time.Weekday
	always   bool
	off      map[date]bool
	holidays *cal.Calendar
}

// span is a working day in minutes after midnight; to is exclusive and may be 24:00. An empty one is a day off.
type span struct{ from, to int }

type date struct {
	year  int
	month time.Month
	day   int
}

// days are the names that a configuration uses, at their time.Weekday.
var days = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// New reads a configuration. Errors name the key and what it may be.
func New(c config.Calendar) (*Calendar, error) {
	out := &Calendar{zone: time.UTC, always: len(c.Hours) == 0}
	if c.Zone != "" {
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			return nil, fmt.Errorf("zone %q is not known: use an IANA name such as Europe/Berlin", c.Zone)
		}
		out.zone = zone
	}
	if err := out.setHours(c.Hours); err != nil {
		return nil, err
	}
	for _, h := range c.Holidays {
		t, err := time.Parse(time.DateOnly, h)
		if err != nil {
			return nil, fmt.Errorf("holiday %q is no date: write 2026-12-25", h)
		}
		if out.off == nil {
			out.off = map[date]bool{}
		}
		out.off[dateOf(t)] = true
	}
	if c.Country != "" {
		list, ok := public(strings.ToUpper(c.Country))
		if !ok {
			return nil, fmt.Errorf("country %q has no list of holidays here: use one of %s, or list them under holidays", c.Country, Countries)
		}
		out.holidays = &cal.Calendar{Holidays: list}
	}
	return out, nil
}

func (c *Calendar) setHours(hours map[string]string) error {
	known := 0
	for i, day := range days {
		text, ok := hours[day]
		if !ok {
			continue
		}
		known++
		s, err := parseSpan(text)
		if err != nil {
			return fmt.Errorf("hours of %s: %w", day, err)
		}
		c.hours[i] = s
	}
	if known == len(hours) {
		return nil
	}
	return fmt.Errorf("hours has a day that is none: use mon, tue, wed, thu, fri, sat, sun")
}

// parseSpan reads "09:00-17:30"; "" and "off" are a day off.
func parseSpan(text string) (span, error) {
	text = strings.ReplaceAll(text, " ", "")
	if text == "" || text == "off" {
		return span{}, nil
	}
	a, b, ok := strings.Cut(text, "-")
	from, okA := clock(a)
	to, okB := clock(b)
	if !ok || !okA || !okB || from >= to {
		return span{}, fmt.Errorf("%q is no stretch of a day: write 09:00-17:30, or off", text)
	}
	return span{from, to}, nil
}

// clock reads "09:30" as minutes after midnight; 24:00 is the end of the day.
func clock(text string) (int, bool) {
	h, m, ok := strings.Cut(text, ":")
	hour, errH := strconv.Atoi(h)
	minute, errM := strconv.Atoi(m)
	if !ok || errH != nil || errM != nil || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > 24*60 {
		return 0, false
	}
	return hour*60 + minute, true
}

func dateOf(t time.Time) date {
	y, m, d := t.Date()
	return date{y, m, d}
}

// Add gives the moment at which work of length d, begun at from, is used up: exact to the minute, in UTC. Seconds of from
// count as the next full minute. A calendar that never works within three years gives the zero time.
func (c *Calendar) Add(from time.Time, d time.Duration) time.Time {
	if from.Second() != 0 || from.Nanosecond() != 0 {
		from = from.Truncate(time.Minute).Add(time.Minute)
	}
	if c.always || c.zone == nil {
		return from.UTC().Add(d)
	}
	day := from.In(c.zone)
	for range horizon {
		begin, end := c.shift(day)
		if begin.Before(from) {
			begin = from
		}
		if left := end.Sub(begin); left > 0 {
			if d <= left {
				return begin.Add(d).UTC()
			}
			d -= left
		}
		day = time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, c.zone)
	}
	return time.Time{}
}

// Zone gives the time zone whose days the calendar counts.
func (c *Calendar) Zone() *time.Location {
	if c.zone == nil {
		return time.UTC
	}
	return c.zone
}

// Works tells whether t is working time.
func (c *Calendar) Works(t time.Time) bool {
	if c.always || c.zone == nil {
		return true
	}
	begin, end := c.shift(t.In(c.zone))
	return !t.Before(begin) && t.Before(end)
}

// Between counts the working time from a to b; 0 where b is not after a.
func (c *Calendar) Between(a, b time.Time) time.Duration {
	if c.always || c.zone == nil {
		return max(b.Sub(a), 0)
	}
	var sum time.Duration
	for day := a.In(c.zone); day.Before(b); day = time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, c.zone) {
		begin, end := c.shift(day)
		if begin.Before(a) {
			begin = a
		}
		if end.After(b) {
			end = b
		}
		sum += max(end.Sub(begin), 0)
	}
	return sum
}

// shift gives begin and end of work on day's date; both the same on a day off.
func (c *Calendar) shift(day time.Time) (begin, end time.Time) {
	s := c.hours[day.Weekday()]
	if s == (span{}) || c.holiday(day) {
		return day, day
	}
	y, m, d := day.Date()
	return c.wall(y, m, d, s.from, false), c.wall(y, m, d, s.to, true)
}

// wall gives the moment at which the clock on the wall shows so many minutes after midnight. A moment that the clock skips is
// when it skips it; of one that it shows twice it is the first where work begins, and the last where work ends.
func (c *Calendar) wall(y int, m time.Month, d, minutes int, ends bool) time.Time {
	t := time.Date(y, m, d, 0, minutes, 0, 0, c.zone)
	const near = 4 * time.Hour // no clock changes by more
	from, to := t.ZoneBounds()
	changed, changes := !from.IsZero() && t.Sub(from) < near, !to.IsZero() && to.Sub(t) < near
	if !changed && !changes {
		return t
	}
	shown := time.Date(y, m, d, 0, minutes, 0, 0, time.UTC)
	offset := func(at time.Time) time.Duration { _, s := at.Zone(); return time.Duration(s) * time.Second }
	switch skipped := t.UTC().Add(offset(t)).Sub(shown); {
	case skipped > 0:
		return from
	case skipped < 0:
		return to
	}
	if changed && !ends {
		if before := shown.Add(-offset(from.Add(-time.Second))); before.Before(from) {
			return before.In(c.zone)
		}
	}
	if changes && ends {
		if after := shown.Add(-offset(to)); !after.Before(to) {
			return after.In(c.zone)
		}
	}
	return t
}

func (c *Calendar) holiday(day time.Time) bool {
	if c.off[dateOf(day)] {
		return true
	}
	if c.holidays == nil {
		return false
	}
	actual, observed, _ := c.holidays.IsHoliday(day)
	return actual || observed
}
