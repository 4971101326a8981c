package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/topology"
)

// How often it is looked what became of mentions, and how many days back where the look is free.
const (
	recheckEvery = 24 * time.Hour
	recheckDays  = 7
)

// goneStream marks a body of our own: the ids of mentions that a look-up did not find any more. No network has such a stream.
const goneStream = "#gone"

// rechecks tells how many days back an account's mentions are looked up. Where that is paid for its setting recheck says so.
func (p *Pipeline) rechecks(conf config.Account) (days int, ok bool) {
	if _, can := p.Networks[conf.Kind].(network.Checker); !can || conf.Paused {
		return 0, false
	}
	if days = recheckDays; len(p.infos[conf.Kind].Prices) > 0 {
		days = rest.Account{Settings: conf.Settings}.Int("recheck", 0)
	}
	return days, days > 0
}

// tickRechecks starts a job for every account whose mentions are to be looked up: first a day after it was first seen.
func (p *Pipeline) tickRechecks(ctx context.Context, plan *Plan) error {
	for _, conf := range plan.Doc.Networks {
		days, ok := p.rechecks(conf)
		if !ok {
			continue
		}
		row, err := p.accounts.One(ctx, "#check#"+conf.Name, "-")
		if err != nil {
			return err
		}
		now := p.now()
		if row.Version > 0 && now.Before(row.Value.Next) {
			continue
		}
		due := row.Version > 0
		row.Part, row.Sort, row.Value.Next = "#check#"+conf.Name, "-", now.Add(recheckEvery)
		if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil {
			if conflicted(res) {
				continue // somebody else starts it
			}
			return res.Err
		}
		if !due {
			continue
		}
		_, err = p.Start(ctx, JobRow{ID: "recheck-" + conf.Name + "-" + now.Format("20060102"), Kind: "recheck", Account: conf.Name,
			From: now.AddDate(0, 0, -days).Truncate(time.Hour), To: now})
		if err != nil {
			return err
		}
	}
	return nil
}

// recheck looks up what was received in the next hours, until one call's worth of mentions has been looked at. What is gone
// becomes a deletion, what was edited comes in as history.
func (p *Pipeline) recheck(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, err
	}
	conf, _ := plan.Doc.Network(j.Account)
	checker, can := p.Networks[conf.Kind].(network.Checker)
	if !can {
		return false, fault.New(fault.Invalid, "mentions of account %q cannot be looked up", j.Account)
	}
	hour := j.From
	if j.Cursor != "" {
		if hour, err = time.Parse(time.RFC3339, j.Cursor); err != nil {
			return false, fault.New(fault.Invalid, "the job's cursor is damaged: %w", err)
		}
	}
	seen := map[string]bool{}
	var ids []string
	for most := max(checker.CheckBatch(), 1); hour.Before(j.To) && len(ids) < most; hour = hour.Add(time.Hour) {
		err := p.Lines(ctx, conf.Name, hour, hour.Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
			if l.Outcome == ledger.Mention && l.Mention != "" && !seen[l.Mention] {
				seen[l.Mention] = true
				ids = append(ids, l.Mention)
			}
			return nil
		})
		if err != nil {
			return true, err
		}
	}
	for part := range slices.Chunk(ids, max(checker.CheckBatch(), 1)) {
		if err := p.lookUp(ctx, plan, conf, checker, part); err != nil {
			return true, err
		}
		j.Done += len(part)
	}
	j.Pages++
	j.Cursor = hour.Format(time.RFC3339)
	return hour.Before(j.To), nil
}

// lookUp looks up mentions in one call, and makes what changed durable. One that the network refuses is left as it is.
func (p *Pipeline) lookUp(ctx context.Context, plan *Plan, conf config.Account, checker network.Checker, ids []string) error {
	known := map[string]*held[MentionRow]{}
	if err := fetch(ctx, p.mentions, "-", ids, known); err != nil {
		return err
	}
	var list []flow.Mention
	events := map[string]bool{}
	for _, id := range ids {
		if row := known[id]; exists(row) && !row.Value.Erased && !row.Value.Mention.Deleted {
			list = append(list, row.Value.Mention)
			for _, ref := range row.Value.Events {
				events[ref.ID] = true
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	var bodies []network.Body
	var gone []string
	err := p.reads(ctx, plan, conf, func(a rest.Account) (err error) {
		bodies, gone, err = checker.Check(ctx, a, list)
		return err
	})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) {
		if len(list) > 1 { // one of them spoils the call
			half := len(ids) / 2
			if err := p.lookUp(ctx, plan, conf, checker, ids[:half]); err != nil {
				return err
			}
			return p.lookUp(ctx, plan, conf, checker, ids[half:])
		}
		p.Ports.Log.Warn("a mention cannot be looked up", "account", conf.Name, "mention", list[0].ID, "error", brief(err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	env := Envelope{At: p.now(), Account: conf.Name}
	if gone = slices.DeleteFunc(gone, func(id string) bool { return !exists(known[id]) }); len(gone) > 0 {
		env.Receipt, env.Stream = p.Ports.NewID(), goneStream
		data, _ := json.Marshal(gone) // texts: cannot fail
		if err := p.enqueue(ctx, p.Queue, topology.MentionsLive, env, data); err != nil {
			return err
		}
	}
	for _, b := range bodies {
		if !p.news(conf, b, events) {
			continue
		}
		env.Receipt, env.Stream, env.Source = p.Ports.NewID(), b.Stream, history
		if err := p.enqueue(ctx, p.Queue, queue.Lane(topology.MentionsBulk), env, b.Data); err != nil {
			return err
		}
	}
	return nil
}

// news tells whether a body holds an event that is not known; what cannot be read counts as one, so that it is told.
func (p *Pipeline) news(conf config.Account, b network.Body, known map[string]bool) bool {
	parser, ok := p.Networks[conf.Kind].(network.Parser)
	if !ok {
		return false
	}
	events, err := parser.Parse(network.Raw{Settings: conf.Settings, Account: conf.ID, Stream: b.Stream, Body: b.Data, At: p.now(), Origin: conf.Origin})
	return err != nil || slices.ContainsFunc(events, func(e flow.Event) bool { return !known[e.ID()] })
}

// deletions makes events of a body of our own.
func deletions(kind string, data []byte, at time.Time) ([]flow.Event, error) {
	var ids []string
	if err := json.Unmarshal(data, &ids); err != nil {
		return nil, fault.New(fault.Invalid, "this is no list of ids: %w", err)
	}
	events := make([]flow.Event, 0, len(ids))
	for _, id := range ids {
		events = append(events, flow.Event{Verb: flow.Delete, At: at, Mention: flow.Mention{ID: id, Network: kind}})
	}
	return events, nil
}
