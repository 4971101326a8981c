package console

import (
	"slices"
	"strconv"
	"strings"

	"rapport/shared/pipeline"
)

// auditRows is how many rows of the audit trail are looked at, auditShown how many of them are listed.
const (
	auditRows  = 3000
	auditShown = 200
)

type auditPage struct {
	Rows []pipeline.AuditRow `json:"rows"`
	By   string              `json:"by,omitempty"`
	Did  string              `json:"did,omitempty"`
	Days int                 `json:"days"`
	Read int                 `json:"looked_at"`
	More bool                `json:"more,omitempty"` // than are listed, or were looked at
	Who  []string            `json:"-"`              // names that occur
}

// audit lists who did what.
func (c *Console) audit(q *request) (answer, error) {
	p := auditPage{By: q.value("by"), Did: q.value("did"), Days: within(q.value("days"), 30, 365)}
	all, err := c.Pipeline.Trail(q.r.Context(), c.now().AddDate(0, 0, -p.Days), auditRows)
	if err != nil {
		return answer{}, err
	}
	p.Read, p.More = len(all), len(all) == auditRows
	for _, a := range all {
		if !slices.Contains(p.Who, a.By) {
			p.Who = append(p.Who, a.By)
		}
		if p.By != "" && a.By != p.By || p.Did != "" && !strings.Contains(strings.ToLower(a.Did+" "+a.What), strings.ToLower(p.Did)) {
			continue
		}
		if len(p.Rows) == auditShown {
			p.More = true
			continue
		}
		p.Rows = append(p.Rows, a)
	}
	slices.Sort(p.Who)
	return answer{Title: "Audit trail", Data: p}, nil
}

// within reads a number from 1 to most; everything else is usual.
func within(text string, usual, most int) int {
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= most {
		return n
	}
	return usual
}
