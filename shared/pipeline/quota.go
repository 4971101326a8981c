package pipeline

import (
	"context"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// QuotaRow counts what a bucket gave in its present window.
type QuotaRow struct {
	Window time.Time `json:"window"`
	Used   int       `json:"used"`
	Spent  float64   `json:"spent,omitempty"` // USD
}

// draw takes n calls from the first bucket of an account before they are made. A reserve stays for the customer's other
// tools; the bulk lane stops at half of what is left, so that urgent work always finds calls. RateLimited names the end
// of the window. Paid buckets also pass the daily budget.
func (p *Pipeline) draw(ctx context.Context, a rest.Account, buckets []network.Bucket, conf config.Account, n int, urgent bool) error {
	if len(buckets) == 0 {
		return nil
	}
	b := buckets[0]
	if b.Calls <= 0 || b.Per <= 0 {
		return nil
	}
	reserve := b.Reserve
	if conf.Reserve > 0 {
		reserve = conf.Reserve
	}
	limit := b.Calls * (100 - reserve) / 100
	if !urgent {
		limit = limit * 9 / 10
	}
	now := p.now()
	window := now.Truncate(b.Per)
	var wait time.Duration
	_, err := p.quotas.Update(ctx, owner(b, a)+"#"+b.Name, "-", func(r *store.Row[QuotaRow]) (bool, error) {
		if !r.Value.Window.Equal(window) {
			r.Value = QuotaRow{Window: window, Spent: keepSpent(r.Value, now)}
		}
		if r.Value.Used+n > max(limit, 1) {
			wait = window.Add(b.Per).Sub(now)
			return false, nil
		}
		wait = 0
		r.Value.Used += n
		r.Value.Spent += b.Cost * float64(n)
		return true, nil
	})
	if err == nil && wait > 0 {
		kind := fault.RateLimited
		if b.Per >= time.Hour {
			kind = fault.QuotaExhausted
		}
		return fault.Wait(kind, wait, "our share of %d calls per %s of bucket %s is used; %d %% stay in reserve", limit, b.Per, b.Name, reserve)
	}
	return err
}

// owner names who draws from the same bucket.
func owner(b network.Bucket, a rest.Account) string {
	if b.Shared == "origin" {
		return a.Origin
	}
	return a.Name
}

func keepSpent(r QuotaRow, now time.Time) float64 {
	if r.Window.UTC().Truncate(24 * time.Hour).Equal(now.Truncate(24 * time.Hour)) {
		return r.Spent
	}
	return 0
}

// afford checks the brand's daily budget before paid reads; QuotaExhausted until midnight UTC when it is used up.
func (p *Pipeline) afford(ctx context.Context, brand string, budget, cost float64) error {
	if cost <= 0 {
		return nil
	}
	now := p.now()
	day := now.Truncate(24 * time.Hour)
	short := false
	_, err := p.quotas.Update(ctx, "budget#"+brand, "-", func(r *store.Row[QuotaRow]) (bool, error) {
		if !r.Value.Window.Equal(day) {
			r.Value = QuotaRow{Window: day}
		}
		if short = r.Value.Spent+cost > budget; short {
			return false, nil
		}
		r.Value.Spent += cost
		return true, nil
	})
	if err == nil && short {
		return fault.Wait(fault.QuotaExhausted, day.Add(24*time.Hour).Sub(now), "the daily budget of %.2f USD of brand %s is used up", budget, brand)
	}
	return err
}
