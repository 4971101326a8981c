package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/cost"
	"rapport/shared/ledger"
	"rapport/shared/network"
)

// Cost tells what a stretch of time cost: AWS by the prices of a region ("" = the default), reckoned from what the ledger
// says became of each event; the networks' fees and the calls of CRMs as they were counted.
func (a *App) Cost(ctx context.Context, from, to time.Time, region string) (cost.Report, error) {
	plan, err := a.Plan(ctx, "")
	if err != nil {
		return cost.Report{}, err
	}
	var names []string
	for _, conf := range plan.Doc.Networks {
		names = append(names, conf.Name)
	}
	for _, h := range plan.Doc.Hooks { // what reached no account stands under its hook
		if !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return a.CostOf(ctx, from, to, region, func(add func(ledger.Line)) error {
		for _, name := range names {
			err := a.Lines(ctx, name, from, to, func(_ ledger.Place, l ledger.Line) error {
				add(l)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// CostOf is Cost of the lines that each gives.
func (a *App) CostOf(ctx context.Context, from, to time.Time, region string, each func(add func(ledger.Line)) error) (cost.Report, error) {
	list, err := cost.Of(region)
	if err != nil {
		return cost.Report{}, err
	}
	plan, err := a.Plan(ctx, "")
	if err != nil {
		return cost.Report{}, err
	}
	fold := cost.NewFold(list, func(account string) bool {
		conf, ok := plan.Doc.Network(account)
		return !ok || conf.Hook != ""
	})
	if err := each(fold.Add); err != nil {
		return cost.Report{}, err
	}
	var reads []cost.Reading
	for _, conf := range plan.Doc.Networks {
		read, err := a.reading(ctx, list, conf, from, to)
		if err != nil {
			return cost.Report{}, err
		}
		reads = append(reads, read)
	}
	called := map[string]int{}
	for _, conf := range plan.Doc.CRMs {
		n, _, err := a.calls(ctx, conf, from, to)
		if err != nil {
			return cost.Report{}, err
		}
		if n >= 0 {
			called[conf.Name] = n
		}
	}
	return fold.Report(from, to, reads, called), nil
}

// calls counts an account's calls; -1 where nobody does.
func (a *App) calls(ctx context.Context, conf config.Account, from, to time.Time) (n int, usd float64, err error) {
	days, spent, err := a.Days(ctx, conf, from, to)
	if err != nil {
		return -1, 0, err
	}
	var buckets []network.Bucket
	if k, ok := a.Networks[conf.Kind]; ok {
		buckets = k.Info().Buckets
	} else if c, ok := a.CRMs[conf.Kind]; ok {
		buckets = c.Info().Buckets
	}
	if len(buckets) == 0 {
		n = -1
	}
	for _, d := range days {
		n += d
	}
	for _, d := range spent {
		usd += d
	}
	return n, usd, nil
}

// reading is what it took to read a network account.
func (a *App) reading(ctx context.Context, list cost.List, conf config.Account, from, to time.Time) (cost.Reading, error) {
	r := cost.Reading{Account: conf.Name}
	var err error
	if r.Calls, r.Fees, err = a.calls(ctx, conf, from, to); err != nil {
		return r, err
	}
	k, ok := a.Networks[conf.Kind]
	if _, polled := k.(network.Poller); !ok || !polled || k.Info().Poll <= 0 || conf.Paused {
		return r, nil
	}
	every := k.Info().Poll
	if d, err := time.ParseDuration(conf.Every); err == nil && d > 0 {
		every = d
	}
	r.Polls = float64(to.Sub(from)) / float64(every)
	r.AWS = list.USD(cost.Poll.Of(1).Times(r.Polls))
	return r, nil
}

// quotas tells how the quotas stand that an account draws from, of those that a day may use up.
func (a *App) quotas(ctx context.Context, account string) ([]network.Finding, error) {
	list, err := a.Quotas(ctx, time.Hour)
	if err != nil {
		return nil, err
	}
	var out []network.Finding
	for _, q := range list {
		for _, name := range q.Accounts {
			if name != account {
				continue
			}
			f := network.Finding{What: "quota", OK: q.Out.IsZero(), Say: fmt.Sprintf("%d of our %d calls per %s of bucket %s are used", q.Used, q.Calls-q.Reserve, q.Per, q.Bucket)}
			if !f.OK {
				f.Say += fmt.Sprintf("; at this pace they end at %s, before %s", q.Out.Format("15:04"), q.Until.Format("15:04"))
				f.Mend = "lower the account's `every` or its streams, raise the quota, or let it end: what waits then is written by itself"
			}
			out = append(out, f)
		}
	}
	return out, nil
}
