package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// CSV writes the rows of a report and their total, under the keys of the figures. What cannot be told is empty; a name that a
// spreadsheet would take for a formula is defused.
func CSV(to io.Writer, r Report) error {
	w := csv.NewWriter(to)
	head := []string{string(r.By)}
	for _, m := range Meanings() {
		head = append(head, m.Key)
	}
	if err := w.Write(head); err != nil {
		return err
	}
	rows := r.Rows
	if r.Total != nil {
		rows = append(rows[:len(rows):len(rows)], *r.Total)
	}
	for _, row := range rows {
		line := []string{defuse(row.Name)}
		for _, m := range Meanings() {
			line = append(line, row.Value(m.Key))
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// Value gives a figure by its key, as it is written in CSV; "" = it cannot be told.
func (r Row) Value(key string) string {
	real := func(p *float64) string {
		if p == nil {
			return ""
		}
		return strconv.FormatFloat(*p, 'f', -1, 64)
	}
	whole := func(p *int) string {
		if p == nil {
			return ""
		}
		return strconv.Itoa(*p)
	}
	switch key {
	case "mentions":
		return strconv.Itoa(r.Mentions)
	case "positive":
		return strconv.Itoa(r.Positive)
	case "negative":
		return strconv.Itoa(r.Negative)
	case "mood":
		return real(r.Mood)
	case "complaints":
		return strconv.Itoa(r.Complaints)
	case "contacts":
		return strconv.Itoa(r.Contacts)
	case "answered":
		return strconv.Itoa(r.Answered)
	case "closed_without_answer":
		return strconv.Itoa(r.Closed)
	case "answered_percent":
		return real(r.Share)
	case "first_answer_minutes":
		return whole(r.Median)
	case "first_answer_p90_minutes":
		return whole(r.Slow)
	case "first_answer_clock_minutes":
		return whole(r.Wall)
	case "sla_decided":
		return strconv.Itoa(r.Promised)
	case "sla_kept_percent":
		return real(r.Kept)
	case "escalated":
		return strconv.Itoa(r.Escalated)
	case "usd_per_contact":
		return real(r.USD)
	case "reach_of_top_fifth_percent":
		return real(r.Reach)
	}
	return ""
}

// defuse keeps a spreadsheet from taking a text for a formula.
func defuse(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
