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
	_, err := p.spend(ctx, plan.Doc.Brand(conf.Brand), buckets[0].Cost)
	return err
}

// payer gives leave for the paid calls of an account out of its brand's daily budget, which is written down before the call:
// who dies in between has spent it. What did not come is given back afterwards.
func (p *Pipeline) payer(conf config.Account, budget func(context.Context) (config.Brand, error)) rest.Payer {
	return func(ctx context.Context, most map[string]int) (func(map[string]int), error) {
		cost, err := p.cost(conf, most)
		if err != nil {
			return nil, err
		}
		brand, err := budget(ctx)
		if err != nil {
			return nil, err
		}
		day, err := p.spend(ctx, brand, cost)
		if err != nil {
			return nil, err
		}
		return func(came map[string]int) {
			left, err := p.cost(conf, came)
			if err == nil && left < cost {
				p.giveBack(context.WithoutCancel(ctx), brand.Name, day, cost-left)
			} else if left > cost { // the vendor sent more than was asked for
				p.book(context.WithoutCancel(ctx), brand.Name, left-cost)
			}
		}, nil
	}
}

// cost adds up prices; the account's setting "prices" goes before the network's list.
func (p *Pipeline) cost(conf config.Account, of map[string]int) (sum float64, err error) {
	own, _ := conf.Settings["prices"].(map[string]any)
	for _, name := range sorted(of) {
		usd, known := amount(own[name])
		for _, price := range p.infos[conf.Kind].Prices {
			if price.Name == name && !known {
				usd, known = price.USD, true
			}
		}
		if !known {
			return 0, fault.New(fault.Invalid, "the price of a %s of network %s is not known, so it is not bought", name, conf.Kind)
		}
		sum += usd * float64(max(of[name], 0))
	}
	return sum, nil
}

func amount(v any) (usd float64, ok bool) {
	switch v := v.(type) {
	case float64:
		usd, ok = v, true
	case int:
		usd, ok = float64(v), true
	case int64:
		usd, ok = float64(v), true
	case uint64:
		usd, ok = float64(v), true
	}
	return usd, ok && usd >= 0
}

// cent keeps sums of floating numbers from missing a budget by a hair, in USD.
const cent = 1e-9

// spend takes an amount out of a brand's budget of the day, which it gives. QuotaExhausted until midnight UTC where that is
// more than what is left.
func (p *Pipeline) spend(ctx context.Context, brand config.Brand, cost float64) (time.Time, error) {
	now := p.now()
	day := now.Truncate(24 * time.Hour)
	short := false
	_, err := p.quotas.Update(ctx, "budget#"+brand.Name, "-", func(r *store.Row[QuotaRow]) (bool, error) {
		if r.Value.Window.Before(day) {
			r.Value = QuotaRow{Window: day}
		}
		if short = r.Value.Spent+cost > brand.Budget+cent; short {
			return false, nil
		}
		r.Value.Spent += cost
		return cost > 0, nil
	})
	if err == nil && short {
		return day, fault.Wait(fault.QuotaExhausted, day.Add(24*time.Hour).Sub(now), "the daily budget of %.2f USD of brand %s is used up", brand.Budget, brand.Name)
	}
	return day, err
}

// giveBack returns what was not spent of a day. A failure costs a little of that day's budget, never money.
func (p *Pipeline) giveBack(ctx context.Context, brand string, day time.Time, usd float64) {
	_, _ = p.quotas.Update(ctx, "budget#"+brand, "-", func(r *store.Row[QuotaRow]) (bool, error) {
		if !r.Value.Window.Equal(day) {
			return false, nil
		}
		r.Value.Spent = max(r.Value.Spent-usd, 0)
		return true, nil
	})
}

// book writes down what was charged without being asked for, whether or not the budget holds it.
func (p *Pipeline) book(ctx context.Context, brand string, usd float64) {
	day := p.now().Truncate(24 * time.Hour)
	_, err := p.quotas.Update(ctx, "budget#"+brand, "-", func(r *store.Row[QuotaRow]) (bool, error) {
		if r.Value.Window.Before(day) {
			r.Value = QuotaRow{Window: day}
		}
		r.Value.Spent += usd
		return true, nil
	})
	if err != nil {
		p.Ports.Log.Error("a charge could not be booked", "brand", brand, "usd", usd, "error", err.Error())
	}
}

// bookPushed books what vendors charge for the events that a batch of webhooks brought. A batch that comes again is booked
// again: rather too much than too little.
func (p *Pipeline) bookPushed(ctx context.Context, todo []*one) {
	charged := map[string]float64{}
	for _, o := range todo {
		b, ok := p.Networks[o.account.Kind].(network.Biller)
		if !ok || o.env.Hook == "" || o.env.Tries > 0 {
			continue
		}
		if usd, err := p.cost(o.account, b.Billed(o.event)); err == nil {
			charged[o.account.Brand] += usd
		}
	}
	for _, brand := range sorted(charged) {
		if charged[brand] > 0 {
			p.book(ctx, brand, charged[brand])
		}
	}
}

// Spent tells what a brand spent today, in USD.
func (p *Pipeline) Spent(ctx context.Context, brand string) (float64, error) {
	row, err := p.quotas.One(ctx, "budget#"+brand, "-")
	if err != nil || !row.Value.Window.Equal(p.now().Truncate(24*time.Hour)) {
		return 0, err
	}
	return row.Value.Spent, nil
}
