package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// pollTask is the body of a poll message.
type pollTask struct {
	Account   string `json:"account"`
	CRM       bool   `json:"crm,omitempty"`
	Subscribe bool   `json:"subscribe,omitempty"` // look whether the account's webhooks come instead
}

// maxPages bounds how many pages one poll message reads; the rest follows in the next.
const maxPages = 20

// Poll reads accounts from their cursors on. The cursor is saved after the bodies are durable, so a page may be read twice
// and is recognised then.
func (p *Pipeline) Poll(ctx context.Context, batch []queue.Message) []error {
	errs := make([]error, len(batch))
	for i, m := range batch {
		var t pollTask
		if err := json.Unmarshal(m.Body, &t); err != nil {
			errs[i] = fault.New(fault.Invalid, "a poll message is damaged: %w", err)
			continue
		}
		errs[i] = p.poll(ctx, t)
	}
	return errs
}

// reader is what a poll reads from: a network's Poller, or a CRM's Watcher.
type reader func(ctx context.Context, a rest.Account, cursor string) (network.Page, error)

func (p *Pipeline) poll(ctx context.Context, t pollTask) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	if t.Subscribe {
		return p.attend(ctx, plan, t.Account)
	}
	conf, read, every, buckets, ok := p.reader(plan, t)
	if !ok || conf.Paused {
		return nil // taken out of the configuration meanwhile
	}
	release, free, err := p.Leases.Acquire(ctx, "poll#"+conf.Name, 2*time.Minute)
	if err != nil || !free {
		return err // who holds the lease reads it
	}
	defer release()
	row, err := p.accounts.One(ctx, conf.Name, "-")
	if err != nil {
		return err
	}
	row.Part, row.Sort = conf.Name, "-"
	for range maxPages {
		page, err := p.page(ctx, plan, conf, t.CRM, read, buckets, row.Value.Cursor)
		if err != nil {
			return p.postpone(ctx, &row, every, plan.Doc.Hash, err)
		}
		moved := page.Cursor != row.Value.Cursor
		wait := every
		if page.Wait > 0 {
			wait = page.Wait
		}
		row.Value = AccountRow{Cursor: page.Cursor, Last: p.now(), Next: p.now().Add(wait), Gap: p.caughtUp(conf, t.CRM, row.Value, page, moved)}
		if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil {
			return res.Err
		}
		if !page.More || !moved {
			return nil
		}
	}
	row.Value.Next = p.now()
	return p.accounts.Put(ctx, &row)[0].Err
}

// page reads one page and makes its bodies durable.
func (p *Pipeline) page(ctx context.Context, plan *Plan, conf config.Account, isCRM bool, read reader, buckets []network.Bucket, cursor string) (network.Page, error) {
	var page network.Page
	err := p.vendor(ctx, conf, buckets, true, func(a rest.Account) (err error) {
		if err = p.afford(ctx, plan, conf, buckets); err == nil {
			page, err = read(ctx, a, cursor)
		}
		return err
	})
	if err != nil {
		return page, err
	}
	lane := queue.Lane(topology.MentionsLive)
	if isCRM {
		lane = topology.Changes
	}
	for _, body := range page.Bodies {
		env := Envelope{Receipt: p.Ports.NewID(), At: p.now(), Account: conf.Name, Stream: body.Stream}
		if err := p.enqueue(ctx, p.Queue, lane, env, body.Data); err != nil {
			return page, err
		}
	}
	return page, nil
}

// reader finds out how an account is read.
func (p *Pipeline) reader(plan *Plan, t pollTask) (conf config.Account, read reader, every time.Duration, buckets []network.Bucket, ok bool) {
	if t.CRM {
		if conf, ok = plan.Doc.CRM(t.Account); !ok {
			return
		}
		w, can := p.CRMs[conf.Kind].(crm.Watcher)
		if !can {
			return conf, nil, 0, nil, false
		}
		info := p.CRMs[conf.Kind].Info()
		return conf, w.Changes, interval(conf, info.Poll), info.Buckets, info.Poll > 0
	}
	if conf, ok = plan.Doc.Network(t.Account); !ok {
		return
	}
	n, can := p.Networks[conf.Kind].(network.Poller)
	if !can {
		return conf, nil, 0, nil, false
	}
	info := p.infos[conf.Kind]
	return conf, n.Poll, interval(conf, info.Poll), info.Buckets, info.Poll > 0
}

func interval(conf config.Account, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(conf.Every); err == nil && d > 0 {
		return d
	}
	return usual
}

// postpone notes why a poll failed and when it is tried again. The message itself is done: the row owns the account.
func (p *Pipeline) postpone(ctx context.Context, row *store.Row[AccountRow], every time.Duration, config string, cause error) error {
	v := &row.Value
	v.Fails++
	v.Problem, v.Kind, v.Config = cause.Error(), fault.Of(cause).String(), config
	if v.Bad.IsZero() {
		v.Bad = p.now()
	}
	wait := max(backoff(v.Fails-1), fault.After(cause))
	if fault.Is(cause, fault.Invalid) || fault.Is(cause, fault.Unauthorized) {
		wait = max(wait, every)
	}
	v.Next = p.now().Add(wait)
	p.Ports.Log.Warn("poll failed", "account", row.Part, "kind", fault.Of(cause).String(), "error", cause.Error(), "again", wait.String())
	return p.accounts.Put(ctx, row)[0].Err
}
