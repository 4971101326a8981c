package pipeline

import (
	"context"
	"time"

	"rapport/shared/store"
)

// Health is how the accounts are, as numbers that an alarm can watch.
type Health struct {
	Closed   int     // CRM accounts that take nothing now
	Degraded int     // accounts of either side that are amiss: not read, not told, closed, or owed what was missed
	Expiring int     // tokens that run out within a week and that nobody renews by itself
	Quota    float64 // percent of our share of the fullest quota of an hour or more, used up by its end if it goes on like this; 100 and more = it will not last
}

const (
	warning = 7 * 24 * time.Hour
	settled = 10 // a forecast is made once this share of a quota's time has passed: a tenth
)

// Health reads it: five reads, however many accounts there are up to fifty.
func (p *Pipeline) Health(ctx context.Context) (h Health, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return h, err
	}
	conditions, err := p.Conditions(ctx)
	if err != nil {
		return h, err
	}
	for _, c := range conditions {
		if c.Bad {
			h.Degraded++
		}
	}
	var closures, tokens []store.Key
	for _, conf := range plan.Doc.Networks {
		tokens = append(tokens, p.tokens.Key(conf.Name, "-"))
	}
	for _, conf := range plan.Doc.CRMs {
		closures, tokens = append(closures, p.closures.Key(conf.Name, wholeGate)), append(tokens, p.tokens.Key(conf.Name, "-"))
	}
	closed, err := p.closures.Glance(ctx, closures...)
	if err != nil {
		return h, err
	}
	for _, row := range closed {
		if row.Version > 0 {
			h.Closed++
		}
	}
	held, err := p.tokens.Glance(ctx, tokens...)
	if err != nil {
		return h, err
	}
	now := p.now()
	for _, row := range held {
		if t := row.Value; row.Version > 0 && len(t.Refresh) == 0 && !t.Expires.IsZero() && t.Expires.Before(now.Add(warning)) {
			h.Expiring++
		}
	}
	quotas, err := p.Quotas(ctx, time.Hour)
	for _, q := range quotas {
		h.Quota = max(h.Quota, q.Percent)
	}
	return h, err
}
