// Package report makes key figures: a day of a brand as one small row, and reports of many such rows. It is pure. Every
// figure has its definition beside it, and nothing is said of groups of fewer than five people.
package report

import (
	"slices"
	"strings"
	"time"
)

// Day is what a brand's day came to. It names nobody. Days are those of the brand's time zone, and what counts is when
// something was received.
type Day struct {
	Brand string    `json:"brand"`
	Day   string    `json:"day"` // 2026-11-22
	At    time.Time `json:"at"`  // when it was counted
	Cells []*Cell   `json:"cells,omitempty"`
	Tops  []Top     `json:"tops,omitempty"`   // the highest scores of the day, at most MaxTops, one for each author
	Staff []*Agent  `json:"agents,omitempty"` // only where the configuration asks for it, with a reason
}

// Cell is what belongs to one network, department and queue on a day.
type Cell struct {
	Network    string `json:"network"`
	Department string `json:"department,omitempty"` // "" or none = nobody's
	Queue      string `json:"queue,omitempty"`      // routing rule; "" = by what the text says

	Mentions   int         `json:"mentions,omitempty"`
	Positive   int         `json:"positive,omitempty"`
	Negative   int         `json:"negative,omitempty"`
	Complaints int         `json:"complaints,omitempty"`
	Marks      []string    `json:"marks,omitempty"` // at most Few, of its authors: see Mark
	Reach      map[int]int `json:"reach,omitempty"` // followers to two digits → authors who have so many, each once a day

	Contacts  int         `json:"contacts,omitempty"` // conversations that waited for the brand
	Answered  int         `json:"answered,omitempty"`
	Closed    int         `json:"closed,omitempty"`    // without an answer in public
	Promised  int         `json:"promised,omitempty"`  // an answer was owed by a time, and it is decided whether it came
	Kept      int         `json:"kept,omitempty"`      // in time
	Escalated int         `json:"escalated,omitempty"` // at least once
	First     map[int]int `json:"first,omitempty"`     // minutes to the first answer, to two digits → conversations
	Worked    map[int]int `json:"worked,omitempty"`    // the same in working time

	USD float64 `json:"usd,omitempty"` // what Rapport itself cost: reckoned AWS of the events, counted fees of the networks
}

// Top points at a mention whose author had a high score that day. Who it is, and whether that may be shown, is looked up when
// it is: an erasure leaves a pointer to nothing.
type Top struct {
	Score int    `json:"score"`
	Mark  string `json:"mark"` // of the author
	Part  string `json:"part"` // where the ledger line is kept
	Sort  string `json:"sort"`
}

// Agent is what one of the staff had to do with on a day.
type Agent struct {
	Name     string      `json:"name"` // a pseudonym of the owner of cases
	Contacts int         `json:"contacts,omitempty"`
	Answered int         `json:"answered,omitempty"`
	Promised int         `json:"promised,omitempty"`
	Kept     int         `json:"kept,omitempty"`
	Worked   map[int]int `json:"worked,omitempty"`
	Marks    []string    `json:"marks,omitempty"` // of the authors
}

// Few is how many people a group must have, so that anything is said of it.
const Few = 5

// MaxTops is how many of the highest scores a day keeps.
const MaxTops = 10

// Mark gives two letters of an author's hash. Thousands share each, so it leads to nobody; but five different marks are five
// people at least, over however many days.
func Mark(hash string) string { return hash[:min(2, len(hash))] }

// mark adds a mark to those of a group: the Few lowest are kept, so that what is kept of several groups tells the same as
// all of them would.
func mark(marks []string, more ...string) []string {
	for _, m := range more {
		i, known := slices.BinarySearch(marks, m)
		if m == "" || known || i >= Few {
			continue
		}
		marks = slices.Insert(slices.Clip(marks), i, m)
		marks = marks[:min(len(marks), Few)]
	}
	return marks
}

// Digits rounds to two significant digits: enough for a report, and few different values.
func Digits(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// Mention is what counts of one mention.
type Mention struct {
	Network, Department, Queue string
	Author                     string // hash; "" = not known any more
	Sentiment                  int    // −1, 0, 1
	Complaint                  bool
	Followers                  int // 0 = not known
	Score                      int // 0 = none
	Part, Sort                 string
}

// Contact is what counts of a conversation that waited for the brand.
type Contact struct {
	Network, Department, Queue string
	Author                     string
	Answered, Closed           bool
	SLA                        string // kept, missed, or "" where no answer was owed by a time, or it is not decided
	Escalated                  bool
	First, Worked              time.Duration // until the first answer
	Owner                      string        // set only where figures of agents are switched on
}

// Fold counts one day. The zero value is not ready: make it with NewFold.
type Fold struct {
	day   *Day
	cells map[[3]string]*Cell
	heard map[string]bool // network, cell and author whose reach counted
	tops  map[string]Top  // by author
	staff map[string]*Agent
}

// NewFold begins the count of a day.
func NewFold(brand, day string, at time.Time) *Fold {
	return &Fold{day: &Day{Brand: brand, Day: day, At: at}, cells: map[[3]string]*Cell{}, heard: map[string]bool{}, tops: map[string]Top{}, staff: map[string]*Agent{}}
}

func (f *Fold) cell(network, department, queue string) *Cell {
	if department == "none" {
		department = ""
	}
	key := [3]string{network, department, queue}
	if f.cells[key] == nil {
		f.cells[key] = &Cell{Network: network, Department: department, Queue: queue}
	}
	return f.cells[key]
}

// Mention counts something that was said.
func (f *Fold) Mention(m Mention) {
	c := f.cell(m.Network, m.Department, m.Queue)
	c.Mentions++
	switch {
	case m.Sentiment > 0:
		c.Positive++
	case m.Sentiment < 0:
		c.Negative++
	}
	if m.Complaint {
		c.Complaints++
	}
	if m.Author == "" {
		return
	}
	c.Marks = mark(c.Marks, Mark(m.Author))
	if who := strings.Join([]string{c.Network, c.Department, c.Queue, m.Author}, "\x00"); m.Followers > 0 && !f.heard[who] {
		f.heard[who] = true
		add(&c.Reach, Digits(m.Followers), 1)
	}
	if t := f.tops[m.Author]; m.Score > t.Score {
		f.tops[m.Author] = Top{Score: m.Score, Mark: Mark(m.Author), Part: m.Part, Sort: m.Sort}
	}
}

// Contact counts a conversation that waited for the brand.
func (f *Fold) Contact(x Contact) {
	c := f.cell(x.Network, x.Department, x.Queue)
	a := &Agent{}
	if x.Owner != "" {
		if f.staff[x.Owner] == nil {
			f.staff[x.Owner] = &Agent{Name: x.Owner}
		}
		a = f.staff[x.Owner]
	}
	c.Contacts++
	a.Contacts++
	if x.Author != "" {
		c.Marks, a.Marks = mark(c.Marks, Mark(x.Author)), mark(a.Marks, Mark(x.Author))
	}
	switch {
	case x.Answered:
		c.Answered++
		a.Answered++
		add(&c.First, Digits(int(x.First/time.Minute)), 1)
		add(&c.Worked, Digits(int(x.Worked/time.Minute)), 1)
		add(&a.Worked, Digits(int(x.Worked/time.Minute)), 1)
	case x.Closed:
		c.Closed++
	}
	if x.SLA != "" {
		c.Promised++
		a.Promised++
	}
	if x.SLA == "kept" {
		c.Kept++
		a.Kept++
	}
	if x.Escalated {
		c.Escalated++
	}
}

// Cost shares what a network's day cost among its cells, by their mentions.
func (f *Fold) Cost(network string, usd float64) {
	all := 0
	for _, c := range f.cells {
		if c.Network == network {
			all += c.Mentions
		}
	}
	for _, c := range f.cells {
		if c.Network == network && all > 0 {
			c.USD += usd * float64(c.Mentions) / float64(all)
		}
	}
}

// Day gives what was counted, always in the same order.
func (f *Fold) Day() Day {
	d := *f.day
	for _, c := range f.cells {
		d.Cells = append(d.Cells, c)
	}
	slices.SortFunc(d.Cells, func(a, b *Cell) int {
		return strings.Compare(a.Network+"\x00"+a.Department+"\x00"+a.Queue, b.Network+"\x00"+b.Department+"\x00"+b.Queue)
	})
	for _, t := range f.tops {
		d.Tops = append(d.Tops, t)
	}
	slices.SortFunc(d.Tops, higher)
	d.Tops = d.Tops[:min(len(d.Tops), MaxTops)]
	for _, a := range f.staff {
		d.Staff = append(d.Staff, a)
	}
	slices.SortFunc(d.Staff, func(a, b *Agent) int { return strings.Compare(a.Name, b.Name) })
	return d
}

func higher(a, b Top) int {
	if a.Score != b.Score {
		return b.Score - a.Score
	}
	return strings.Compare(a.Part+a.Sort, b.Part+b.Sort)
}

func add(m *map[int]int, key, n int) {
	if *m == nil {
		*m = map[int]int{}
	}
	(*m)[key] += n
}
