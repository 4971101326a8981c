package pipeline

import (
	"context"
	"time"

	"rapport/shared/config"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// Health is how the accounts are, as numbers that an alarm can watch.
type Health struct {
	Closed   int     // CRM accounts that take nothing now
	Degraded int     // accounts of either side that are amiss: not read, not told, closed, or owed what was missed
	Expiring int     // tokens that run out within a week and that nobody renews by itself
	Quota    float64 // percent of the fullest quota, used up by its end if it goes on like this; 100 and more = it will not last
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
	var closures, tokens, quotas []store.Key
	var buckets []network.Bucket
	seen := map[store.Key]bool{}
	look := func(conf config.Account, list []network.Bucket) {
		tokens = append(tokens, p.tokens.Key(conf.Name, "-"))
		a := rest.Account{Name: conf.Name, Origin: conf.Origin}
		if a.Origin == "" {
			a.Origin = p.origin(conf.Kind)
		}
		for _, b := range list {
			key := p.quotas.Key(owner(b, a)+"#"+b.Name, "-")
			if b.Calls > 0 && b.Per >= time.Hour && !seen[key] {
				seen[key] = true
				quotas, buckets = append(quotas, key), append(buckets, b)
			}
		}
	}
	for _, conf := range plan.Doc.Networks {
		look(conf, p.infos[conf.Kind].Buckets)
	}
	for _, conf := range plan.Doc.CRMs {
		closures = append(closures, p.closures.Key(conf.Name, wholeGate))
		if c, ok := p.CRMs[conf.Kind]; ok {
			look(conf, c.Info().Buckets)
		}
	}
	closed, err := p.closures.Get(ctx, closures...)
	if err != nil {
		return h, err
	}
	for _, row := range closed {
		if row.Version > 0 {
			h.Closed++
		}
	}
	held, err := p.tokens.Get(ctx, tokens...)
	if err != nil {
		return h, err
	}
	now := p.now()
	for _, row := range held {
		if t := row.Value; row.Version > 0 && len(t.Refresh) == 0 && !t.Expires.IsZero() && t.Expires.Before(now.Add(warning)) {
			h.Expiring++
		}
	}
	used, err := p.quotas.Get(ctx, quotas...)
	if err != nil {
		return h, err
	}
	for i, row := range used {
		b := buckets[i]
		if passed := now.Sub(now.Truncate(b.Per)); row.Value.Window.Equal(now.Truncate(b.Per)) && passed >= b.Per/settled {
			h.Quota = max(h.Quota, 100*float64(row.Value.Used)/float64(b.Calls)*float64(b.Per)/float64(passed))
		}
	}
	return h, nil
}
