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
	"rapport/shared/store"
	"rapport/shared/topology"
)

// How often it is looked whether an account's webhooks come: where nothing else brings its events, and where polls do.
const (
	attendSoon = 5 * time.Minute
	attendLate = 30 * time.Minute
)

// renewBefore is how long before its end a subscription is renewed.
const renewBefore = 12 * time.Hour

// hookRow names the row of an account's webhooks among the accounts.
func hookRow(account string) string { return "#hook#" + account }

// attends tells how often it is looked whether an account's webhooks come; ok is false where it has none, or where nothing
// can be known of them.
func (p *Pipeline) attends(conf config.Account) (every time.Duration, ok bool) {
	_, can := p.Networks[conf.Kind].(network.Subscriber)
	switch {
	case conf.Hook == "" || conf.Paused || p.polled(conf) && !can:
		return 0, false
	case p.polled(conf):
		return attendLate, true
	}
	return attendSoon, true
}

// polled tells whether polls bring an account's events.
func (p *Pipeline) polled(conf config.Account) bool {
	_, can := p.Networks[conf.Kind].(network.Poller)
	return can && p.infos[conf.Kind].Poll > 0
}

// tickAttention sends a message for every account whose webhooks are to be looked at. The row is moved on first.
func (p *Pipeline) tickAttention(ctx context.Context, plan *Plan) error {
	var keys []store.Key
	var confs []config.Account
	for _, conf := range plan.Doc.Networks {
		if _, ok := p.attends(conf); ok {
			keys, confs = append(keys, p.accounts.Key(hookRow(conf.Name), "-")), append(confs, conf)
		}
	}
	rows, err := p.accounts.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		conf := confs[i]
		if p.now().Before(row.Value.Next) {
			continue
		}
		every, _ := p.attends(conf)
		row.Part, row.Sort, row.Value.Next = hookRow(conf.Name), "-", p.now().Add(every)
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

// attend looks whether an account's webhooks come. Where the vendor ended them it asks for them anew; what was missed
// meanwhile is fetched. That something was missed is noted before it is mended, so that who dies in between leaves it known.
func (p *Pipeline) attend(ctx context.Context, plan *Plan, account string) error {
	conf, _ := plan.Doc.Network(account)
	every, ok := p.attends(conf)
	if !ok {
		return nil
	}
	row, err := p.accounts.One(ctx, hookRow(account), "-")
	if err != nil {
		return err
	}
	row.Part, row.Sort = hookRow(account), "-"
	v := &row.Value
	heard, silent, err := p.silence(ctx, conf)
	if err != nil {
		return err
	}
	live, ending, cause := p.subscription(ctx, plan, conf)
	if from := missed(*v, heard, silent, live, cause, p.now()); !from.IsZero() && !v.open() {
		v.Gap = Gap{From: from}
		if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil {
			return unlessConflict(res)
		}
	}
	if cause == nil && (!live || ending || v.open()) {
		cause = p.resubscribe(ctx, plan, conf)
	}
	if cause == nil && v.open() {
		if err := p.closeGap(ctx, conf, &v.Gap); err != nil {
			return err
		}
		p.Ports.Log.Warn("webhooks were missing", "account", conf.Name, "from", v.Gap.From, "to", v.Gap.To)
	}
	switch {
	case cause != nil:
		v.fails(cause, p.now(), every)
		p.Ports.Log.Warn("subscription failed", "account", conf.Name, "kind", v.Kind, "error", cause.Error())
	case silent:
		v.Last, v.Fails, v.Kind, v.Bad = p.now(), 0, silence, heard
		v.Problem = "no event came since " + heard.Format(time.RFC3339) + ", which is unusual for this account"
	default:
		v.Last, v.Fails, v.Kind, v.Bad, v.Problem = p.now(), 0, "", time.Time{}, ""
	}
	return unlessConflict(p.accounts.Put(ctx, &row)[0])
}

// unlessConflict gives the error of a row that may be left to whoever was faster.
func unlessConflict(res store.Result) error {
	if conflicted(res) {
		return nil
	}
	return res.Err
}

// open tells whether an account misses something that was not fetched yet.
func (v AccountRow) open() bool { return !v.Gap.From.IsZero() && v.Gap.To.IsZero() }

// fails notes that an account cannot be looked at, and when it is tried again: after 1, 2, 4 … minutes.
func (v *AccountRow) fails(cause error, now time.Time, every time.Duration) {
	if v.Bad.IsZero() {
		v.Bad = now
	}
	v.Problem, v.Kind = brief(cause.Error()), fault.Of(cause).String()
	v.Next = now.Add(max(min(time.Minute<<min(v.Fails, 6), every), fault.After(cause)))
	v.Fails++
}

// subscription asks the vendor whether it sends an account's events. Where nobody can be asked they are taken to come.
func (p *Pipeline) subscription(ctx context.Context, plan *Plan, conf config.Account) (live, ending bool, err error) {
	subscriber, can := p.Networks[conf.Kind].(network.Subscriber)
	if !can {
		return true, false, nil
	}
	err = p.vendor(ctx, conf, p.infos[conf.Kind].Buckets, false, func(a rest.Account) error {
		ok, until, err := subscriber.Subscription(ctx, a, p.hookAddress(plan, conf))
		live = ok && (until.IsZero() || until.After(p.now()))
		ending = live && !until.IsZero() && until.Before(p.now().Add(renewBefore))
		return err
	})
	return live, ending, err
}

// resubscribe asks the vendor for an account's events anew.
func (p *Pipeline) resubscribe(ctx context.Context, plan *Plan, conf config.Account) error {
	subscriber, can := p.Networks[conf.Kind].(network.Subscriber)
	if !can {
		return nil
	}
	return p.vendor(ctx, conf, p.infos[conf.Kind].Buckets, false, func(a rest.Account) error {
		return subscriber.Renew(ctx, a, p.hookAddress(plan, conf))
	})
}

// hookAddress is where a vendor is to send an account's events, "" where that is not known.
func (p *Pipeline) hookAddress(plan *Plan, conf config.Account) string {
	hook, _ := plan.Doc.Hook(conf.Hook)
	switch {
	case p.Ports.Base == "":
		return ""
	case hook.Path != "":
		return p.Ports.Base + hook.Path
	}
	return p.Ports.Base + "/hooks/" + hook.Name
}

// Subscribed asks a vendor whether it sends an account's events by webhook; anew has it asked for them first. can is false
// where the vendor cannot be asked, or the account has no webhooks.
func (p *Pipeline) Subscribed(ctx context.Context, account string, anew bool) (live, can bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return false, false, err
	}
	conf, ok := plan.Doc.Network(account)
	if !ok {
		return false, false, fault.New(fault.NotFound, "there is no network account %q in the configuration", account)
	}
	if _, can = p.Networks[conf.Kind].(network.Subscriber); !can || conf.Hook == "" {
		return false, false, nil
	}
	if anew {
		if err := p.resubscribe(ctx, plan, conf); err != nil {
			return false, true, err
		}
	}
	live, _, err = p.subscription(ctx, plan, conf)
	return live, true, err
}
