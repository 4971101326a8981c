package console

import (
	"context"
	"time"

	"rapport/shared/cost"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
)

// Bounds of the page of costs: lines that are counted, and the time it reckons at once while somebody waits.
const (
	costLines   = 2500
	verifyHours = 24
	verifyFor   = 25 * time.Second
)

// accountRoutes are what the house accounts for itself: money, quotas, the sealed ledger.
func (c *Console) accountRoutes() []route {
	return []route{
		{"GET", "/costs", reading, "costs", "what it costs, and what is left of each quota and budget", true, c.costs},
		{"GET", "/ledger", reading, "ledger", "how far the ledger is sealed, with the newest seals", true, c.seals},
		{"POST", "/ledger/verify", operating, "", "compare the lines of the last hours with their seals: hours", true, c.verify},
		{"GET", "/audit", audited, "audit", "who did what: by, did, days", true, c.audit},
	}
}

// audited may read who of the staff did what.
var audited = right{[]string{Admin, Privacy}, false}

type costsPage struct {
	Report  cost.Report       `json:"report"`
	Partly  bool              `json:"partly,omitempty"` // there are more lines than were counted
	Quotas  []pipeline.Quota  `json:"quotas"`
	Budgets []pipeline.Budget `json:"budgets"`
}

func (c *Console) costs(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	now := c.now()
	from := now.Add(-24 * time.Hour)
	entries, next, err := c.newest(ctx, places(plan.Doc), "", costLines, nil)
	if err != nil {
		return answer{}, err
	}
	p := costsPage{Partly: next != ""}
	for i, e := range entries {
		if e.Line.At.Before(from) {
			entries, p.Partly = entries[:i], false
			break
		}
	}
	if p.Partly && len(entries) > 0 {
		from = entries[len(entries)-1].Line.At
	}
	p.Report, err = c.Backend.CostOf(ctx, from, now, "", func(add func(ledger.Line)) error {
		for _, e := range entries {
			add(e.Line)
		}
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	if p.Quotas, err = c.Pipeline.Quotas(ctx, 0); err != nil {
		return answer{}, err
	}
	p.Budgets, err = c.Pipeline.Budgets(ctx)
	return answer{Title: "Cost", Data: p}, err
}

type sealsPage struct {
	Head    pipeline.SealRow `json:"head"`
	Seals   []ledger.Seal    `json:"seals"`
	Checked *ledger.Checked  `json:"checked,omitempty"`
	May     bool             `json:"-"` // verify
}

// shownSeals is how many of the newest seals are listed.
const shownSeals = 48

func (c *Console) sealed(q *request) (p sealsPage, err error) {
	ctx := q.r.Context()
	p.May = q.who.has(operating.roles...)
	if p.Head, err = c.Pipeline.Head(ctx); err != nil {
		return p, err
	}
	p.Seals, err = c.Pipeline.NewestSeals(ctx, shownSeals)
	for i := range p.Seals {
		p.Seals[i].Parts, p.Seals[i].Changes = nil, nil
	}
	if s := p.Head.Seal; s != nil {
		brief := *s
		brief.Parts, brief.Changes = nil, nil
		p.Head.Seal = &brief
	}
	return p, err
}

func (c *Console) seals(q *request) (answer, error) {
	p, err := c.sealed(q)
	return answer{Title: "Ledger", Data: p}, err
}

// verify reads everything of some hours, so it is no page but something that is asked for.
func (c *Console) verify(q *request) (answer, error) {
	hours := within(q.value("hours"), verifyHours, verifyHours)
	ctx, cancel := context.WithTimeout(q.r.Context(), verifyFor)
	defer cancel()
	now := c.now()
	got, err := c.Pipeline.VerifyLedger(ctx, now.Add(-time.Duration(hours)*time.Hour), now, "")
	if ctx.Err() != nil {
		err = wrong("there is too much to compare while you wait: try fewer hours, or `rapport verify ledger`")
	}
	if err != nil {
		return answer{}, err
	}
	if err := c.note(q.r.Context(), q.who.User, "verified the ledger", ""); err != nil || q.api {
		return answer{Data: got}, err
	}
	p, err := c.sealed(q)
	if err != nil {
		return answer{}, err
	}
	p.Checked = &got
	c.show(q.w, q, "ledger", 200, view{Title: "Ledger", Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}
