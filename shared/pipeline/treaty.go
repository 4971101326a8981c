package pipeline

import (
	"context"
	"time"

	"rapport/shared/config"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// UrgentWithin is how long what is urgent may take into a CRM that takes calls, from its reception on, whatever else waits
// for that CRM's quota.
const UrgentWithin = 5 * time.Minute

// Quota is where one bucket of calls stands in its present window. Several accounts may draw from it.
type Quota struct {
	Bucket   string         `json:"bucket"`
	Owner    string         `json:"owner"` // the account, or the address that shares it
	Accounts []string       `json:"accounts"`
	Calls    int            `json:"calls"` // that the vendor allows
	Per      time.Duration  `json:"per_ns"`
	Reserve  int            `json:"reserve"` // calls that stay for the customer's other tools
	Used     int            `json:"used"`
	Urgent   int            `json:"urgent"` // of these
	Left     int            `json:"left"`   // of ours
	Held     int            `json:"held"`   // of these, for the urgent lane
	By       map[string]int `json:"by,omitempty"`
	Until    time.Time      `json:"until"`            // the window's end
	Percent  float64        `json:"forecast_percent"` // of our share, used by the window's end at the present pace; 0 = too early to tell
	Out      time.Time      `json:"out,omitzero"`     // when our share is used up at that pace, if before the end
}

// Budget is where a brand's money for paid calls stands today.
type Budget struct {
	Brand string             `json:"brand"`
	Most  float64            `json:"budget_usd"`
	Spent float64            `json:"spent_usd"`
	By    map[string]float64 `json:"by_usd,omitempty"` // account → USD
	Out   time.Time          `json:"out,omitzero"`     // when it is used up at today's pace, if before midnight UTC
}

// bucketOf is a bucket with who draws from it.
type bucketOf struct {
	network.Bucket
	owner    string
	accounts []config.Account
}

// buckets lists the buckets of a configuration's accounts whose windows are at least so long.
func (p *Pipeline) buckets(plan *Plan, least time.Duration) []bucketOf {
	var out []bucketOf
	index := map[string]int{}
	look := func(conf config.Account, list []network.Bucket) {
		a := rest.Account{Name: conf.Name, Origin: conf.Origin}
		if a.Origin == "" {
			a.Origin = p.origin(conf.Kind)
		}
		for _, b := range list {
			if b.Calls <= 0 || b.Per < max(least, 1) {
				continue
			}
			key := owner(b, a) + "#" + b.Name
			if _, known := index[key]; !known {
				index[key] = len(out)
				out = append(out, bucketOf{Bucket: b, owner: owner(b, a)})
			}
			out[index[key]].accounts = append(out[index[key]].accounts, conf)
		}
	}
	for _, conf := range plan.Doc.Networks {
		look(conf, p.infos[conf.Kind].Buckets)
	}
	for _, conf := range plan.Doc.CRMs {
		if c, ok := p.CRMs[conf.Kind]; ok {
			look(conf, c.Info().Buckets)
		}
	}
	return out
}

// Quotas tells where the buckets of the configured accounts stand whose windows are at least so long: one read for each
// hundred of them.
func (p *Pipeline) Quotas(ctx context.Context, least time.Duration) ([]Quota, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	list := p.buckets(plan, least)
	keys := make([]store.Key, len(list))
	for i, b := range list {
		keys[i] = p.quotas.Key(b.owner+"#"+b.Name, "-")
	}
	rows, err := p.quotas.Glance(ctx, keys...)
	if err != nil {
		return nil, err
	}
	out := make([]Quota, len(list))
	for i, row := range rows {
		out[i] = list[i].stand(row.Value, p.now())
	}
	return out, nil
}

// stand tells where a bucket stands at a time.
func (b bucketOf) stand(r QuotaRow, now time.Time) Quota {
	window := now.Truncate(b.Per)
	r.turn(window, b.Per)
	limit := usable(b.Bucket, b.accounts[0])
	q := Quota{Bucket: b.Name, Owner: b.owner, Calls: b.Calls, Per: b.Per, Reserve: b.Calls - limit, Used: r.Used, Urgent: r.Urgent,
		Left: max(limit-r.Used, 0), Until: window.Add(b.Per)}
	for _, a := range b.accounts {
		q.Accounts = append(q.Accounts, a.Name)
	}
	passed := now.Sub(window)
	q.Held = min(r.held(limit, b.Per, passed), q.Left)
	for _, name := range sorted(r.By) {
		if q.By == nil {
			q.By = map[string]int{}
		}
		q.By[name] = int(r.By[name])
	}
	if passed >= b.Per/settled && r.Used > 0 {
		q.Percent = 100 * float64(r.Used) / float64(limit) * float64(b.Per) / float64(passed)
		q.Out = out(window, now, passed, b.Per, float64(r.Used)/float64(limit))
	}
	return q
}

// out tells when a share of something is used up that is used since begin, zero if not before the window ends.
func out(begin, now time.Time, passed, per time.Duration, share float64) time.Time {
	if share <= 0 || float64(passed)/share >= float64(per) {
		return time.Time{}
	}
	at := begin.Add(time.Duration(float64(passed) / share)).Truncate(time.Second)
	if at.Before(now) {
		return now.Truncate(time.Second)
	}
	return at
}

// Budgets tells where the brands' money for paid calls stands today, for brands that have accounts on networks that charge.
func (p *Pipeline) Budgets(ctx context.Context) ([]Budget, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	var list []Budget
	seen := map[string]bool{}
	now := p.now()
	day := now.Truncate(24 * time.Hour)
	for _, conf := range plan.Doc.Networks {
		if len(p.infos[conf.Kind].Prices) == 0 || seen[conf.Brand] {
			continue
		}
		seen[conf.Brand] = true
		brand := plan.Doc.Brand(conf.Brand)
		row, err := p.quotas.One(ctx, "budget#"+brand.Name, day.Format(time.DateOnly))
		if err != nil {
			return nil, err
		}
		b := Budget{Brand: brand.Name, Most: brand.Budget, Spent: row.Value.Spent, By: row.Value.By}
		if brand.Budget > 0 && now.Sub(day) >= 24*time.Hour/settled {
			b.Out = out(day, now, now.Sub(day), 24*time.Hour, b.Spent/brand.Budget)
		}
		list = append(list, b)
	}
	return list, nil
}

// Days gives what an account called by day, and the USD its calls cost by day, from a day on: as counted when the calls
// were made. Calls are remembered for maxDays, USD for a year.
func (p *Pipeline) Days(ctx context.Context, conf config.Account, from, to time.Time) (calls map[string]int, usd map[string]float64, err error) {
	calls, usd = map[string]int{}, map[string]float64{}
	first, last := from.UTC().Format(time.DateOnly), to.UTC().Format(time.DateOnly)
	list := p.infos[conf.Kind].Buckets
	if c, ok := p.CRMs[conf.Kind]; ok {
		list = c.Info().Buckets
	}
	if len(list) > 0 {
		a := rest.Account{Name: conf.Name, Origin: conf.Origin}
		if a.Origin == "" {
			a.Origin = p.origin(conf.Kind)
		}
		row, err := p.quotas.One(ctx, owner(list[0], a)+"#"+list[0].Name, "-")
		if err != nil {
			return nil, nil, err
		}
		for _, d := range row.Value.Days {
			if n, called := d.By[conf.Name]; called && d.Day >= first && d.Day <= last {
				calls[d.Day] = n
			}
		}
	}
	if len(p.infos[conf.Kind].Prices) == 0 {
		return calls, usd, nil
	}
	for row, err := range p.quotas.List(ctx, store.Range{Part: "budget#" + conf.Brand, From: first, To: last + "~"}) {
		if err != nil {
			return nil, nil, err
		}
		if spent := row.Value.By[conf.Name]; spent > 0 {
			usd[row.Sort] = spent
		}
	}
	return calls, usd, nil
}
