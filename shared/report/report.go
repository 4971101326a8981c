package report

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// By is how a report is divided.
type By string

// The divisions of a report. A team is a department; a queue is a routing rule, or what the text says.
const (
	Network By = "network"
	Team    By = "team"
	Queue   By = "queue"
	Brand   By = "brand"
	Date    By = "day"
)

// Divisions lists them.
func Divisions() []By { return []By{Network, Team, Queue, Brand, Date} }

// Row is the key figures of one group. What cannot be told is nil, never nought.
type Row struct {
	Name       string   `json:"name"`
	Mentions   int      `json:"mentions"`
	Positive   int      `json:"positive"`
	Negative   int      `json:"negative"`
	Mood       *float64 `json:"mood"` // −100 … 100
	Complaints int      `json:"complaints"`
	Contacts   int      `json:"contacts"`
	Answered   int      `json:"answered"`
	Closed     int      `json:"closed_without_answer"`
	Share      *float64 `json:"answered_percent"`
	Median     *int     `json:"first_answer_minutes"` // working time
	Slow       *int     `json:"first_answer_p90_minutes"`
	Wall       *int     `json:"first_answer_clock_minutes"` // as the author waits: nights and holidays too
	Promised   int      `json:"sla_decided"`
	Kept       *float64 `json:"sla_kept_percent"`
	Escalated  int      `json:"escalated"`
	USD        *float64 `json:"usd_per_contact"`
	Reach      *float64 `json:"reach_of_top_fifth_percent"`

	sum   Cell
	marks map[string]bool
}

// Report is the key figures of a stretch of days.
type Report struct {
	From  string     `json:"from"`
	To    string     `json:"to"` // the last day, included
	By    By         `json:"by"`
	Rows  []Row      `json:"rows"`
	Total *Row       `json:"total"`  // of the rows; nil where fewer than five people spoke
	Few   int        `json:"groups"` // left out, as fewer than five people spoke in them
	Days  []Bar      `json:"days"`   // of the rows, per day
	Tops  []Top      `json:"-"`      // to be looked up, the highest first
	Staff []AgentRow `json:"agents,omitempty"`
}

// Bar is what one day came to, of the groups in the report.
type Bar struct {
	Day      string `json:"day"`
	Mentions int    `json:"mentions"`
	Positive int    `json:"positive"`
	Negative int    `json:"negative"`
	Contacts int    `json:"contacts"`
	Answered int    `json:"answered"`
	Few      bool   `json:"few,omitempty"` // fewer than five people: nothing is told

	marks map[string]bool
}

// AgentRow is the figures of one of the staff, in the order of names.
type AgentRow struct {
	Name     string   `json:"name"`
	Contacts int      `json:"contacts"`
	Answered int      `json:"answered"`
	Median   *int     `json:"first_answer_minutes"`
	Kept     *float64 `json:"sla_kept_percent"`
}

// Other names the groups of fewer than five people, where they are five together.
const Other = "other"

// New makes a report of days, which may be of several brands. agents says that figures of the staff are wanted, where days
// hold them.
func New(days []Day, from, to string, by By, agents bool) Report {
	r := Report{From: from, To: to, By: by}
	groups := map[string]*Row{}
	for _, d := range days {
		for _, c := range d.Cells {
			name := nameOf(by, d, c)
			if groups[name] == nil {
				groups[name] = &Row{Name: name, marks: map[string]bool{}}
			}
			groups[name].add(c)
		}
	}
	shown := r.choose(groups)
	for _, d := range days {
		r.Tops = append(r.Tops, d.Tops...)
		for _, c := range d.Cells {
			if shown[nameOf(by, d, c)] {
				r.bar(d.Day, c)
			}
		}
	}
	slices.SortFunc(r.Tops, higher)
	for i, b := range r.Days {
		if len(b.marks) < Few {
			r.Days[i] = Bar{Day: b.Day, Few: true}
		}
	}
	slices.SortFunc(r.Days, func(a, b Bar) int { return strings.Compare(a.Day, b.Day) })
	if agents {
		r.staff(days)
	}
	return r
}

func nameOf(by By, d Day, c *Cell) string {
	switch by {
	case Team:
		return orNone(c.Department)
	case Queue:
		if c.Queue != "" {
			return c.Queue
		}
		return "text: " + orNone(c.Department)
	case Brand:
		return d.Brand
	case Date:
		return d.Day
	}
	return c.Network
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// choose keeps the groups of which something may be said. The total is of these alone, so that nobody subtracts one from the
// other.
func (r *Report) choose(groups map[string]*Row) (shown map[string]bool) {
	shown = map[string]bool{}
	total, few := &Row{Name: "all", marks: map[string]bool{}}, &Row{Name: Other, marks: map[string]bool{}}
	var small []string
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		if len(g.marks) < Few {
			small = append(small, name)
			few.join(g)
			continue
		}
		shown[name] = true
		total.join(g)
		r.Rows = append(r.Rows, g.figures())
	}
	if r.Few = len(small); len(small) > 1 && len(few.marks) >= Few {
		for _, name := range small {
			shown[name] = true
		}
		total.join(few)
		r.Rows = append(r.Rows, few.figures())
	}
	if len(r.Rows) > 0 {
		all := total.figures()
		r.Total = &all
	}
	return shown
}

func (r *Row) add(c *Cell) {
	for _, m := range c.Marks {
		r.marks[m] = true
	}
	s := &r.sum
	s.Mentions, s.Positive, s.Negative, s.Complaints = s.Mentions+c.Mentions, s.Positive+c.Positive, s.Negative+c.Negative, s.Complaints+c.Complaints
	s.Contacts, s.Answered, s.Closed, s.Promised = s.Contacts+c.Contacts, s.Answered+c.Answered, s.Closed+c.Closed, s.Promised+c.Promised
	s.Kept, s.Escalated, s.USD = s.Kept+c.Kept, s.Escalated+c.Escalated, s.USD+c.USD
	for _, h := range []struct {
		to   *map[int]int
		from map[int]int
	}{{&s.First, c.First}, {&s.Worked, c.Worked}, {&s.Reach, c.Reach}} {
		for k, n := range h.from {
			add(h.to, k, n)
		}
	}
}

func (r *Row) join(o *Row) {
	sum := o.sum
	r.add(&sum)
	maps.Copy(r.marks, o.marks)
}

// figures works out what is told of a group.
func (r *Row) figures() Row {
	s, out := r.sum, Row{Name: r.Name}
	out.Mentions, out.Positive, out.Negative, out.Complaints = s.Mentions, s.Positive, s.Negative, s.Complaints
	out.Contacts, out.Answered, out.Closed, out.Promised, out.Escalated = s.Contacts, s.Answered, s.Closed, s.Promised, s.Escalated
	out.Mood = percent(s.Positive-s.Negative, s.Mentions)
	out.Share = percent(s.Answered, s.Contacts)
	out.Kept = percent(s.Kept, s.Promised)
	out.Median, out.Slow, out.Wall = quantile(s.Worked, 50), quantile(s.Worked, 90), quantile(s.First, 50)
	out.Reach = topFifth(s.Reach)
	if s.Contacts > 0 {
		usd := math.Round(s.USD/float64(s.Contacts)*1e6) / 1e6
		out.USD = &usd
	}
	return out
}

// percent gives a share to one digit after the point; nil where there is nothing to share.
func percent(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	p := math.Round(float64(part)*1000/float64(whole)) / 10
	return &p
}

// quantile gives the value below or at which so many percent lie: of 4 values, 50 % is the second.
func quantile(counts map[int]int, percent int) *int {
	all := 0
	for _, n := range counts {
		all += n
	}
	rank, seen := (all*percent+99)/100, 0
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if seen += counts[k]; seen >= rank {
			return &k
		}
	}
	return nil
}

// topFifth gives the share of all reach that the fifth with the most has, in percent; nil for fewer than five.
func topFifth(counts map[int]int) *float64 {
	all, sum := 0, 0.0
	for k, n := range counts {
		all, sum = all+n, sum+float64(k)*float64(n)
	}
	if all < Few {
		return nil
	}
	left, top := float64(all)/5, 0.0
	for _, k := range slices.Backward(slices.Sorted(maps.Keys(counts))) {
		n := min(float64(counts[k]), left)
		top, left = top+n*float64(k), left-n
	}
	p := math.Round(top*1000/sum) / 10
	return &p
}

func (r *Report) bar(day string, c *Cell) {
	i := slices.IndexFunc(r.Days, func(b Bar) bool { return b.Day == day })
	if i < 0 {
		r.Days = append(r.Days, Bar{Day: day, marks: map[string]bool{}})
		i = len(r.Days) - 1
	}
	b := &r.Days[i]
	for _, m := range c.Marks {
		b.marks[m] = true
	}
	b.Mentions, b.Positive, b.Negative = b.Mentions+c.Mentions, b.Positive+c.Positive, b.Negative+c.Negative
	b.Contacts, b.Answered = b.Contacts+c.Contacts, b.Answered+c.Answered
}

// staff gives the figures of each of the staff who had to do with five people at least, by name.
func (r *Report) staff(days []Day) {
	sums, marks := map[string]*Agent{}, map[string]map[string]bool{}
	for _, d := range days {
		for _, a := range d.Staff {
			if sums[a.Name] == nil {
				sums[a.Name], marks[a.Name] = &Agent{Name: a.Name}, map[string]bool{}
			}
			s := sums[a.Name]
			s.Contacts, s.Answered, s.Promised, s.Kept = s.Contacts+a.Contacts, s.Answered+a.Answered, s.Promised+a.Promised, s.Kept+a.Kept
			for k, n := range a.Worked {
				add(&s.Worked, k, n)
			}
			for _, m := range a.Marks {
				marks[a.Name][m] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		if s := sums[name]; len(marks[name]) >= Few {
			r.Staff = append(r.Staff, AgentRow{Name: name, Contacts: s.Contacts, Answered: s.Answered, Median: quantile(s.Worked, 50), Kept: percent(s.Kept, s.Promised)})
		}
	}
}
