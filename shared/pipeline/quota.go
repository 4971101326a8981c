package pipeline

import (
	"context"
	"math"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// QuotaRow counts what a bucket gave in the present window, or what a brand spent on a day.
type QuotaRow struct {
	Window time.Time          `json:"window"`
	Used   int                `json:"used,omitempty"`
	Urgent int                `json:"urgent,omitempty"` // of these, by the urgent lane
	Before int                `json:"before,omitempty"` // by the urgent lane in the window before
	By     map[string]float64 `json:"by,omitempty"`     // account → its calls in the window, or its USD of the day
	Days   []DayCalls         `json:"days,omitempty"`   // calls of the last days, oldest first; of an account's first bucket
	Spent  float64            `json:"spent,omitempty"`  // USD
}

// DayCalls is what the accounts of a bucket called on a day.
type DayCalls struct {
	Day string         `json:"day"` // 2026-11-22, UTC
	By  map[string]int `json:"by"`
}

// maxDays bounds how many days of calls are remembered.
const maxDays = 35

// turn begins a new window where the last has ended.
func (r *QuotaRow) turn(window time.Time, per time.Duration) {
	if r.Window.Equal(window) {
		return
	}
	next := QuotaRow{Window: window, Days: r.Days}
	if r.Window.Add(per).Equal(window) {
		next.Before = r.Urgent
	}
	*r = next
}

// count books calls of an account.
func (r *QuotaRow) count(account string, n int, urgent, first bool, now time.Time) {
	r.Used += n
	if urgent {
		r.Urgent += n
	}
	if r.By == nil {
		r.By = map[string]float64{}
	}
	r.By[account] += float64(n)
	if !first {
		return
	}
	day := now.Format(time.DateOnly)
	if k := len(r.Days); k == 0 || r.Days[k-1].Day != day {
		r.Days = last(append(r.Days, DayCalls{day, map[string]int{}}), maxDays)
	}
	r.Days[len(r.Days)-1].By[account] += n
}

// held is how many calls of a limit the bulk lane leaves to the urgent one: a tenth, or half as many again as that will
// need until the window ends, going by the window so far or, at its beginning, by the one before; of a long window also
// all whose time has not come yet, as nobody knows what becomes urgent. A tenth stays for bulk.
func (r *QuotaRow) held(limit int, per, passed time.Duration) int {
	rate := float64(r.Before) / float64(per)
	if passed >= per/settled {
		rate = max(float64(r.Urgent)/float64(passed), rate*float64(per-passed)/float64(per))
	}
	need := int(math.Ceil(1.5 * rate * float64(per-passed)))
	if per >= time.Hour {
		need = max(need, limit-limit/10-int(float64(limit)*float64(passed)/float64(per)))
	}
	return min(max(limit/10, need), limit*9/10)
}

// draw takes one call from the first bucket of an account before it is made, and looks whether the other buckets have
// calls left. A reserve stays for the customer's other tools; the bulk lane leaves of the rest what urgent work will need.
// RateLimited or QuotaExhausted name the end of the window, or when there may be calls for the bulk lane again.
func (p *Pipeline) draw(ctx context.Context, a rest.Account, buckets []network.Bucket, conf config.Account, urgent bool) error {
	for i, b := range buckets {
		if b.Calls <= 0 || b.Per <= 0 || i > 0 && !spans(b, buckets[0]) {
			continue
		}
		n := 0
		if i == 0 {
			n = 1
		}
		if err := p.take(ctx, a, b, conf, n, urgent, i == 0); err != nil {
			return err
		}
	}
	return nil
}

// spans tells whether every call that counts in one bucket counts in another as well: those of a longer time do.
func spans(b, first network.Bucket) bool { return b.Per >= first.Per }

func (p *Pipeline) take(ctx context.Context, a rest.Account, b network.Bucket, conf config.Account, n int, urgent, first bool) error {
	share := reserved(b, conf)
	limit := usable(b, conf)
	now := p.now()
	window := now.Truncate(b.Per)
	var wait time.Duration
	_, err := p.quotas.Update(ctx, owner(b, a)+"#"+b.Name, "-", func(r *store.Row[QuotaRow]) (bool, error) {
		r.Value.turn(window, b.Per)
		wait = 0
		free := limit
		if !urgent {
			free = max(limit-r.Value.held(limit, b.Per, now.Sub(window)), 1)
		}
		if used := r.Value.Used + max(n, 1); used > free {
			if wait = window.Add(b.Per).Sub(now); used <= limit-limit/10 { // kept for urgent work that may not come
				wait = min(wait, max(b.Per/24, time.Second))
			}
			return false, nil
		}
		if n > 0 {
			r.Value.count(a.Name, n, urgent, first, now)
		}
		return n > 0, nil
	})
	if err == nil && wait > 0 {
		kind := fault.RateLimited
		if b.Per >= time.Hour {
			kind = fault.QuotaExhausted
		}
		return fault.Wait(kind, wait, "our share of %d calls per %s of bucket %s is used; %d %% stay in reserve", limit, b.Per, b.Name, share)
	}
	return err
}

// reserved is how many percent of a bucket stay for the customer's other tools.
func reserved(b network.Bucket, conf config.Account) int {
	if conf.Reserve > 0 {
		return conf.Reserve
	}
	return b.Reserve
}

// usable is how many calls of a window are ours.
func usable(b network.Bucket, conf config.Account) int {
	return max(b.Calls*(100-reserved(b, conf))/100, 1)
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
func (p *Pipeline) settleCalls(ctx context.Context, a rest.Account, buckets []network.Bucket, c *calls, urgent bool) {
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
			r.Value.turn(window, b.Per)
			r.Value.count(a.Name, n, urgent, i == 0, now)
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
	_, err := p.spend(ctx, plan.Doc.Brand(conf.Brand), conf.Name, buckets[0].Cost)
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
		day, err := p.spend(ctx, brand, conf.Name, cost)
		if err != nil {
			return nil, err
		}
		return func(came map[string]int) {
			left, err := p.cost(conf, came)
			if err == nil && left < cost {
				p.giveBack(context.WithoutCancel(ctx), brand.Name, conf.Name, day, cost-left)
			} else if left > cost { // the vendor sent more than was asked for
				p.book(context.WithoutCancel(ctx), brand.Name, conf.Name, left-cost)
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

// spentFor is how long it is remembered what was spent on a day.
const spentFor = 400 * 24 * time.Hour

// onDay changes what a brand spent on a day. The row of the day stays, so that the cost can be told afterwards.
func (p *Pipeline) onDay(ctx context.Context, brand, account string, day time.Time, change func(spent float64) (more float64, write bool)) error {
	_, err := p.quotas.Update(ctx, "budget#"+brand, day.Format(time.DateOnly), func(r *store.Row[QuotaRow]) (bool, error) {
		more, write := change(r.Value.Spent)
		if !write {
			return false, nil
		}
		if r.Value.By == nil {
			r.Value.By = map[string]float64{}
		}
		r.Value.Window, r.Expires = day, day.Add(spentFor)
		r.Value.Spent = max(r.Value.Spent+more, 0)
		r.Value.By[account] = max(r.Value.By[account]+more, 0)
		return true, nil
	})
	return err
}

// spend takes an amount out of a brand's budget of the day, which it gives. QuotaExhausted until midnight UTC where that is
// more than what is left.
func (p *Pipeline) spend(ctx context.Context, brand config.Brand, account string, cost float64) (time.Time, error) {
	now := p.now()
	day := now.Truncate(24 * time.Hour)
	short := false
	err := p.onDay(ctx, brand.Name, account, day, func(spent float64) (float64, bool) {
		short = spent+cost > brand.Budget+cent
		return cost, !short && cost > 0
	})
	if err == nil && short {
		return day, fault.Wait(fault.QuotaExhausted, day.Add(24*time.Hour).Sub(now), "the daily budget of %.2f USD of brand %s is used up", brand.Budget, brand.Name)
	}
	return day, err
}

// giveBack returns what was not spent of a day. A failure costs a little of that day's budget, never money.
func (p *Pipeline) giveBack(ctx context.Context, brand, account string, day time.Time, usd float64) {
	_ = p.onDay(ctx, brand, account, day, func(float64) (float64, bool) { return -usd, true })
}

// book writes down what was charged without being asked for, whether or not the budget holds it.
func (p *Pipeline) book(ctx context.Context, brand, account string, usd float64) {
	err := p.onDay(ctx, brand, account, p.now().Truncate(24*time.Hour), func(float64) (float64, bool) { return usd, true })
	if err != nil {
		p.Ports.Log.Error("a charge could not be booked", "brand", brand, "usd", usd, "error", err.Error())
	}
}

// bookPushed books what vendors charge for the events that a batch of webhooks brought. A batch that comes again is booked
// again: rather too much than too little.
func (p *Pipeline) bookPushed(ctx context.Context, todo []*one) {
	charged := map[string]float64{} // by account
	accounts := map[string]config.Account{}
	for _, o := range todo {
		b, ok := p.Networks[o.account.Kind].(network.Biller)
		if !ok || o.env.Hook == "" || o.env.Tries > 0 {
			continue
		}
		if usd, err := p.cost(o.account, b.Billed(o.event)); err == nil {
			charged[o.account.Name] += usd
			accounts[o.account.Name] = o.account
		}
	}
	for _, name := range sorted(charged) {
		if charged[name] > 0 {
			p.book(ctx, accounts[name].Brand, name, charged[name])
		}
	}
}

// Spent tells what a brand spent today, in USD.
func (p *Pipeline) Spent(ctx context.Context, brand string) (float64, error) {
	row, err := p.quotas.One(ctx, "budget#"+brand, p.now().Format(time.DateOnly))
	return row.Value.Spent, err
}
