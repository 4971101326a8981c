package console

import (
	"fmt"
	"slices"
	"time"
)

// bars is a chart of stacked bars over time: plain numbers, which the template draws and writes out as a table for
// screen readers.
type bars struct {
	Title  string      `json:"title"`
	Series []series    `json:"series"`
	Slots  []slot      `json:"slots"`
	Width  int         `json:"-"`
	Height int         `json:"-"`
	Zero   int         `json:"-"` // where the line of nothing lies
	Top    int         `json:"most"`
	Marks  []mark      `json:"-"`
	Steps  []gridLine  `json:"-"`
	Spikes []time.Time `json:"spikes,omitempty"`
}

type series struct {
	Name  string `json:"name"`
	Class string `json:"-"`
	Total int    `json:"total"`
}

// slot is what one stretch of time holds, by series.
type slot struct {
	At     time.Time `json:"at"`
	Counts []int     `json:"counts"`
	Boxes  []box     `json:"-"`
	X      int       `json:"-"`
	Spike  bool      `json:"spike,omitempty"`
	Y      int       `json:"-"`
}

type box struct {
	X, Y, W, H int
	Class      string
	Say        string
}

type mark struct {
	X   int
	Say string
}

type gridLine struct {
	Y   int
	Say string
}

// draw lays the boxes out. below tells which series hang under the line.
func (b *bars) draw(below func(name string) bool, stamp string) {
	const left, width, height = 34, 760, 150
	b.Width, b.Height = left+width, height+22
	up, down := 0, 0
	for _, s := range b.Slots {
		u, d := 0, 0
		for i, n := range s.Counts {
			if below != nil && below(b.Series[i].Name) {
				d += n
			} else {
				u += n
			}
		}
		up, down = max(up, u), max(down, d)
	}
	b.Top = max(up, 1)
	scale := float64(height-6) / float64(max(up+down, 1))
	b.Zero = 4 + int(float64(up)*scale)
	if below == nil || up+down == 0 {
		b.Zero = height
	}
	step := width / max(len(b.Slots), 1)
	for k := range b.Slots {
		s := &b.Slots[k]
		s.X = left + k*step
		y, low, all := b.Zero, b.Zero, 0
		for i, n := range s.Counts {
			if n == 0 {
				continue
			}
			all += n
			h := max(int(float64(n)*scale), 1)
			x := box{X: s.X + 1, W: max(step-3, 2), H: h, Class: b.Series[i].Class, Say: fmt.Sprintf("%s %s: %d", s.At.Format(stamp), b.Series[i].Name, n)}
			if below != nil && below(b.Series[i].Name) {
				x.Y, low = low, low+h
			} else {
				y -= h
				x.Y = y
			}
			s.Boxes = append(s.Boxes, x)
		}
		s.Y = y
		if k%4 == 0 {
			b.Marks = append(b.Marks, mark{s.X, s.At.Format(stamp)})
		}
	}
	for _, part := range []int{0, 1, 2} {
		n := b.Top * part / 2
		b.Steps = append(b.Steps, gridLine{b.Zero - int(float64(n)*scale), fmt.Sprint(n)})
	}
	b.Steps = slices.CompactFunc(b.Steps, func(x, y gridLine) bool { return x.Say == y.Say })
}

// spikes marks stretches with more than three times the middle one, and at least 8.
func (b *bars) spike() {
	var all []int
	for _, s := range b.Slots {
		all = append(all, total(s.Counts))
	}
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return
	}
	middle := sorted[len(sorted)/2]
	for i := range b.Slots {
		if n := all[i]; n >= 8 && n > 3*middle {
			b.Slots[i].Spike = true
			b.Spikes = append(b.Spikes, b.Slots[i].At)
		}
	}
}

func total(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
