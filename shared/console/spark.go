package console

import (
	"fmt"
	"strings"
)

// spark is one network's mood over the hours, small enough to stand beside the others'.
type spark struct {
	Name     string `json:"name"`
	Positive []int  `json:"positive"` // by hour, oldest first
	Negative []int  `json:"negative"`
	Good     int    `json:"good"`
	Bad      int    `json:"bad"`
	Up, Down string `json:"-"` // paths in a box of 240 by 40, the line of nothing in the middle
}

// sparksOf makes one for each of the networks.
func sparksOf(networks []string) []spark {
	out := make([]spark, len(networks))
	for i, name := range networks {
		out[i] = spark{Name: name, Positive: make([]int, 24), Negative: make([]int, 24)}
	}
	return out
}

// add counts a mention.
func (s *spark) add(hour int, sentiment string) {
	switch sentiment {
	case "positive":
		s.Positive[hour]++
		s.Good++
	case "negative":
		s.Negative[hour]++
		s.Bad++
	}
}

// draw makes the paths. Each network has a scale of its own: this is about when, the numbers beside it say how much.
func (s *spark) draw() {
	most := 1
	for i := range s.Positive {
		most = max(most, s.Positive[i], s.Negative[i])
	}
	var up, down strings.Builder
	for i := range s.Positive {
		if h := s.Positive[i] * 19 / most; s.Positive[i] > 0 {
			fmt.Fprintf(&up, "M%d 20v-%dh8v%dz", 10*i+1, max(h, 1), max(h, 1))
		}
		if h := s.Negative[i] * 19 / most; s.Negative[i] > 0 {
			fmt.Fprintf(&down, "M%d 20v%dh8v-%dz", 10*i+1, max(h, 1), max(h, 1))
		}
	}
	s.Up, s.Down = up.String(), down.String()
}
