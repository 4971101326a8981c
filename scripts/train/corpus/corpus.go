// Package corpus reads the labelled posts that the readers of text and language are trained and measured with, and makes more
// of them from templates. The same files and seed give the same posts in the same order.
package corpus

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Post is one labelled post.
type Post struct {
	Text       string
	Lang       string
	Kind       string
	Industry   string
	Sentiment  string
	Tone       string   // in general, whatever it is about; "" = as Sentiment, which is toward the brand
	Intents    []string // the main one first
	Severity   int
	Department string
	Family     string // posts of one family are never parted between training and what checks it
	Part       int    // a number from 1 on that a post and what is made of it share, 0 = none
	Weight     float64
	ToneWeight float64 // for the tone in general
}

// Has tells whether an intent applies.
func (p Post) Has(intent string) bool { return slices.Contains(p.Intents, intent) }

// Complaint tells whether the post is one.
func (p Post) Complaint() bool { return p.Has("complaint") }

var letters = map[byte]string{'c': "complaint", 'q': "question", 'p': "praise", 'b': "purchase", 'i': "idea", 'u': "churn", 'l': "legal", 'm': "press",
	'j': "job", 's': "spam", 'x': "chatter"}

// Parse reads posts as testdata/heldback.txt explains them. An error names the line.
func Parse(name string, data []byte) ([]Post, error) {
	var out []Post
	group := Post{Kind: "comment"}
	number := 0
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		number++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if head, ok := strings.CutPrefix(line, "@ "); ok {
			f := strings.Fields(head)
			if len(f) != 3 {
				return nil, fmt.Errorf("%s:%d: a group is “@ language kind industry”", name, number)
			}
			group = Post{Lang: f[0], Kind: f[1], Industry: f[2], Family: f[2], Weight: 1}
			continue
		}
		label, text, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("%s:%d: no label", name, number)
		}
		p := group
		p.Text = text
		if err := p.label(label); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// label reads "cu2(P)" and derives what follows from it.
func (p *Post) label(s string) error {
	s, odd, _ := strings.Cut(s, "(")
	p.Intents, p.Severity = nil, 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '3' {
			p.Severity = int(s[i] - '0')
			continue
		}
		name, ok := letters[s[i]]
		if !ok {
			return fmt.Errorf("label %q: no intent %q", s, s[i])
		}
		p.Intents = append(p.Intents, name)
	}
	if len(p.Intents) == 0 {
		return fmt.Errorf("label %q names no intent", s)
	}
	p.Sentiment = "neutral"
	switch {
	case p.Has("complaint"):
		p.Sentiment = "negative"
	case p.Has("praise"):
		p.Sentiment = "positive"
	}
	switch p.Intents[0] {
	case "spam", "chatter":
		p.Department = "none"
	case "legal":
		p.Department = "legal"
	case "press", "praise":
		p.Department = "marketing"
	case "job":
		p.Department = "hr"
	case "purchase":
		p.Department = "sales"
	case "idea":
		p.Department = "product"
	default:
		p.Department = "service"
	}
	for _, o := range strings.TrimSuffix(odd, ")") {
		switch o {
		case 'P':
			p.Department = "product"
		case 'S':
			p.Department = "service"
		case '+':
			p.Sentiment = "positive"
		case '-':
			p.Sentiment = "negative"
		case '0':
			p.Sentiment = "neutral"
		default:
			return fmt.Errorf("%q is no exception", o)
		}
	}
	return nil
}

// Chance is a small generator of pseudo-random numbers (splitmix64), the same everywhere and for ever.
type Chance uint64

// Next gives the next number below n.
func (c *Chance) Next(n int) int {
	*c += 0x9e3779b97f4a7c15
	z := uint64(*c)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) >> 1 % uint64(n))
}

// Shuffle mixes a list.
func Shuffle[T any](c *Chance, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		k := c.Next(i + 1)
		list[i], list[k] = list[k], list[i]
	}
}
