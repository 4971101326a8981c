package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/topology"
)

// subscribeEvery is how often it is looked whether a vendor still sends an account's events.
const subscribeEvery = 6 * time.Hour

// subscribes tells whether an account's webhooks have to be asked for at the vendor.
func (p *Pipeline) subscribes(conf config.Account) (network.Subscriber, bool) {
	s, can := p.Networks[conf.Kind].(network.Subscriber)
	return s, can && conf.Hook != "" && !conf.Paused
}

// tickSubscriptions sends a message for every account whose subscription is to be looked at. The row is moved on first.
func (p *Pipeline) tickSubscriptions(ctx context.Context, plan *Plan) error {
	for _, conf := range plan.Doc.Networks {
		if _, ok := p.subscribes(conf); !ok {
			continue
		}
		row, err := p.accounts.One(ctx, "#hook#"+conf.Name, "-")
		if err != nil {
			return err
		}
		if p.now().Before(row.Value.Next) {
			continue
		}
		row.Part, row.Sort, row.Value.Next = "#hook#"+conf.Name, "-", p.now().Add(subscribeEvery)
		if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil {
			if conflicted(res) {
				continue // somebody else sends it
			}
			return res.Err
		}
		body, _ := json.Marshal(pollTask{Account: conf.Name, Subscribe: true}) // plain data: cannot fail
		if err := p.Queue.Send(ctx, queue.Message{Lane: topology.Polls, Group: conf.Name, Body: body})[0]; err != nil {
			return err
		}
	}
	return nil
}

// subscribe looks at an account's subscription and renews it where the vendor ended it. What fails is tried again in an hour.
func (p *Pipeline) subscribe(ctx context.Context, plan *Plan, account string) error {
	conf, _ := plan.Doc.Network(account)
	subscriber, ok := p.subscribes(conf)
	if !ok {
		return nil
	}
	hook, _ := plan.Doc.Hook(conf.Hook)
	address := ""
	if p.Ports.Base != "" {
		address = p.Ports.Base + "/hooks/" + hook.Name
		if hook.Path != "" {
			address = p.Ports.Base + hook.Path
		}
	}
	err := p.vendor(ctx, conf, p.infos[conf.Kind].Buckets, false, func(a rest.Account) error {
		live, until, err := subscriber.Subscription(ctx, a, address)
		if err != nil || live && (until.IsZero() || until.After(p.now().Add(2*subscribeEvery))) {
			return err
		}
		return subscriber.Renew(ctx, a, address)
	})
	row, rerr := p.accounts.One(ctx, "#hook#"+conf.Name, "-")
	if rerr != nil {
		return rerr
	}
	row.Part, row.Sort = "#hook#"+conf.Name, "-"
	row.Value.Problem = ""
	if err == nil {
		row.Value.Last, row.Value.Fails = p.now(), 0
	} else {
		row.Value.Problem, row.Value.Next = brief(err.Error()), p.now().Add(time.Hour)
		row.Value.Fails++
		p.Ports.Log.Warn("subscription failed", "account", conf.Name, "kind", fault.Of(err).String(), "error", err.Error())
	}
	if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}
