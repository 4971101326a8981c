package console

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"rapport/shared/flow"
)

type reportPage struct {
	Days     int          `json:"days"`
	From     time.Time    `json:"from"`
	Partly   bool         `json:"partly,omitempty"`
	Read     int          `json:"looked_at"`
	Networks []figures    `json:"networks"`
	Meanings []definition `json:"-"`
}

// figures are the key figures of one network.
type figures struct {
	Network    string  `json:"network"`
	Mentions   int     `json:"mentions"`
	Authors    int     `json:"authors"`
	Reactions  int     `json:"reactions"`
	Positive   int     `json:"positive"`
	Negative   int     `json:"negative"`
	Mood       int     `json:"mood"` // −100 … 100
	Complaints int     `json:"complaints"`
	Cases      int     `json:"cases"`
	Answered   int     `json:"answered"`
	First      float64 `json:"first_answer_minutes"` // middle value; 0 = none
	first      []float64
	authors    map[string]bool
}

type definition struct{ Name, Say string }

func (c *Console) figures(q *request) (reportPage, error) {
	p := reportPage{Days: 1, Meanings: []definition{
		{"Mentions", "What people said about the brand, each once; the brand's own posts do not count."},
		{"Authors", "Different accounts that spoke."},
		{"Reactions", "Likes, shares and comments, as the network last told."},
		{"Mood", "Positive minus negative, in percent of all mentions: from −100 to 100."},
		{"Complaints", "Mentions understood as a complaint."},
		{"Cases", "Conversations that deserve a case in a CRM."},
		{"Answered", "Of the cases, those with an answer of the brand, from whatever tool."},
		{"First answer", "The middle time from the first mention to the first answer, in minutes."},
	}}
	if n, err := strconv.Atoi(q.value("days")); err == nil && n >= 1 && n <= 31 {
		p.Days = n
	}
	p.From = c.now().AddDate(0, 0, -p.Days)
	rows, err := c.recentRows(q, 1200)
	if err != nil {
		return p, err
	}
	p.Read = len(rows)
	p.Partly = len(rows) > 1100
	by := map[string]*figures{}
	for _, r := range rows {
		m, d := r.raw.Mention, r.raw.Decision
		if m.Created.Before(p.From) || m.Direction == flow.Out {
			continue
		}
		f := by[m.Network]
		if f == nil {
			f = &figures{Network: m.Network, authors: map[string]bool{}}
			by[m.Network] = f
		}
		f.Mentions++
		f.authors[m.Author.ID] = true
		f.Reactions += m.Likes + m.Shares + m.Comments
		switch d.Sentiment {
		case "positive":
			f.Positive++
		case "negative":
			f.Negative++
		}
		if d.Complaint {
			f.Complaints++
		}
	}
	talks, err := c.talksOf(q.r.Context(), rows, 800)
	if err != nil {
		return p, err
	}
	for _, t := range talks {
		k := t.Value.Conversation
		f := by[k.Network]
		if f == nil || !k.Case || k.Opened.Before(p.From) {
			continue
		}
		f.Cases++
		if !k.AnsweredAt.IsZero() {
			f.Answered++
			f.first = append(f.first, k.AnsweredAt.Sub(k.Opened).Minutes())
		}
	}
	for _, name := range sortedKeys(by) {
		f := by[name]
		f.Authors = len(f.authors)
		f.Mood = (f.Positive - f.Negative) * 100 / f.Mentions
		if sort.Float64s(f.first); len(f.first) > 0 {
			f.First = float64(int(f.first[len(f.first)/2]*10)) / 10
		}
		p.Networks = append(p.Networks, *f)
	}
	return p, nil
}

func (c *Console) report(q *request) (answer, error) {
	p, err := c.figures(q)
	return answer{Title: "Reports", Data: p}, err
}

// defuse keeps a spreadsheet from taking a text for a formula.
func defuse(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return "'" + s
		}
	}
	return s
}

func (c *Console) reportFile(q *request) (answer, error) {
	p, err := c.figures(q)
	if err != nil {
		return answer{}, err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"network", "mentions", "authors", "reactions", "positive", "negative", "mood", "complaints", "cases", "answered", "first_answer_minutes"}) // into memory
	for _, f := range p.Networks {
		_ = w.Write([]string{defuse(f.Network), fmt.Sprint(f.Mentions), fmt.Sprint(f.Authors), fmt.Sprint(f.Reactions), fmt.Sprint(f.Positive), fmt.Sprint(f.Negative),
			fmt.Sprint(f.Mood), fmt.Sprint(f.Complaints), fmt.Sprint(f.Cases), fmt.Sprint(f.Answered), plainValue(f.First)}) // likewise
	}
	w.Flush()
	return answer{Raw: b.Bytes(), Type: "text/csv; charset=utf-8", Name: "rapport-" + c.now().Format("2006-01-02") + ".csv"}, w.Error()
}
