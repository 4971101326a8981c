package pipeline

import (
	"context"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// QuotaRow counts what a bucket gave, or a brand spent, in the present window.
type QuotaRow struct {
	Window time.Time `json:"window"`
	Used   int       `json:"used,omitempty"`
	Spent  float64   `json:"spent,omitempty"` // USD
}

// draw takes one call from the first bucket of an account before it is made, and looks whether the other buckets have
// calls left. A reserve stays for the customer's other tools; the bulk lane leaves a tenth of the rest, so that urgent
// work always finds calls. RateLimited or QuotaExhausted name the end of the window.
func (p *Pipeline) draw(ctx context.Context, a rest.Account, buckets []network.Bucket, conf config.Account, urgent bool) error {
	for i, b := range buckets {
		if b.Calls <= 0 || b.Per <= 0 || i > 0 && !spans(b, buckets[0]) {
			continue
		}
		n := 0
		if i == 0 {
			n = 1
		}
		if err := p.take(ctx, a, b, conf, n, urgent); err != nil {
			return err
		}
	}
	return nil
}

// spans tells whether every call that counts in one bucket counts in another as well: those of a longer time do.
func spans(b, first network.Bucket) bool { return b.Per >= first.Per }

func (p *Pipeline) take(ctx context.Context, a rest.Account, b network.Bucket, conf config.Account, n int, urgent bool) error {
	reserve := b.Reserve
	if conf.Reserve > 0 {
		reserve = conf.Reserve
	}
	limit := b.Calls * (100 - reserve) / 100
	if !urgent {
		limit = limit * 9 / 10
	}
	limit = max(limit, 1)
	now := p.now()
	window := now.Truncate(b.Per)
	var wait time.Duration
	_, err := p.quotas.Update(ctx, owner(b, a)+"#"+b.Name, "-", func(r *store.Row[QuotaRow]) (bool, error) {
		if !r.Value.Window.Equal(window) {
			r.Value = QuotaRow{Window: window}
		}
		wait = 0
		if r.Value.Used+max(n, 1) > limit {
			wait = window.Add(b.Per).Sub(now)
			return false, nil
		}
		r.Value.Used += n
		return n > 0, nil
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

// calls counts what an adapter really called, by bucket.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

// metered gives an account whose calls are counted.
func metered(a rest.Account) (rest.Account, *calls) {
	c := &calls{n: map[string]int{}}
	a.OnCall = func(bucket string, n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n[bucket] += n
	}
	return a, c
}

// of counts the calls that a bucket saw; the first sees those that name none.
func (c *calls) of(b network.Bucket, buckets []network.Bucket) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n[b.Name]
	if b.Name == buckets[0].Name {
		n += c.n[""]
	} else if spans(b, buckets[0]) {
		n += c.n[buckets[0].Name] + c.n[""]
	}
	return n
}

// settleCalls books the calls that were made beyond the one that was drawn. A failure costs accuracy, not data.
func (p *Pipeline) settleCalls(ctx context.Context, a rest.Account, buckets []network.Bucket, c *calls) {
	now := p.now()
	for i, b := range buckets {
		n := c.of(b, buckets)
		if i == 0 {
			n-- // drawn before
		}
		if b.Calls <= 0 || b.Per <= 0 || n <= 0 {
			continue
		}
		window := now.Truncate(b.Per)
		_, _ = p.quotas.Update(ctx, owner(b, a)+"#"+b.Name, "-", func(r *store.Row[QuotaRow]) (bool, error) {
			if !r.Value.Window.Equal(window) {
				r.Value = QuotaRow{Window: window}
			}
			r.Value.Used += n
			return true, nil
		})
	}
}

// owner names who draws from the same bucket.
func owner(b network.Bucket, a rest.Account) string {
	if b.Shared == "origin" {
		return a.Origin
	}
	return a.Name
}

// afford checks the brand's daily budget before a paid read; QuotaExhausted until midnight UTC when it is used up.
func (p *Pipeline) afford(ctx context.Context, plan *Plan, conf config.Account, buckets []network.Bucket) error {
	if len(buckets) == 0 || buckets[0].Cost <= 0 {
		return nil
	}
	cost, budget, brand := buckets[0].Cost, plan.Doc.Brand(conf.Brand).Budget, conf.Brand
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
