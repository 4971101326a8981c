package pipeline

import (
	"context"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
)

// hydrate reads what events only point at, and the profiles of authors of whom the network told nothing but the id, or no
// counts, and whom nobody knows yet. A profile that cannot be had delays nothing; what was said does: it is read later.
func (p *Pipeline) hydrate(ctx context.Context, plan *Plan, todo []*one) {
	bare := map[string][]*one{} // by account
	var names []string
	for _, o := range todo {
		if o.settled {
			continue
		}
		if o.event.Thin {
			if err := p.fill(ctx, plan, o); err != nil {
				p.putOff(o, err)
			}
		}
		if !o.settled && p.bare(o) {
			if bare[o.account.Name] == nil {
				names = append(names, o.account.Name)
			}
			bare[o.account.Name] = append(bare[o.account.Name], o)
		}
	}
	for _, name := range names {
		p.introduce(ctx, plan, bare[name])
	}
}

// readFor is how long it is tried to read what an event points at: at first after readSoon, then ever more rarely.
const (
	readFor  = 24 * time.Hour
	readSoon = 15 * time.Second
	readLate = 15 * time.Minute // the longest delay of a queue
)

// putOff parks an event whose words cannot be read just now, or gives it up after a day.
func (p *Pipeline) putOff(o *one, cause error) {
	o.settled, o.line.Outcome, o.line.Reason = true, ledger.Unread, "cannot be read now: "+brief(cause.Error())
	o.wait = min(max(readSoon<<min(o.env.Tries, 6), fault.After(cause)), readLate)
	if p.now().Sub(o.env.At) >= readFor {
		o.line.Outcome, o.line.Reason = ledger.Rejected, "could not be read for a day: "+brief(cause.Error())
		o.late = fault.New(fault.Invalid, "what %s points at %s", o.event.Mention.ID, o.line.Reason)
	}
}

// again sends a message anew for those of its events that are parked: with its own delay, so that the queue's count stays
// for crashes. Which were given up goes to the dead letters: whoever mends the cause can redrive it. It tells whether the
// message's body is still needed.
func (p *Pipeline) again(ctx context.Context, m queue.Message, list []*one) (needed bool, err error) {
	var parked []int
	var wait time.Duration
	for _, o := range list {
		if o.late != nil {
			return true, o.late
		}
		if o.line.Outcome == ledger.Unread {
			parked, wait = append(parked, o.index), max(wait, o.wait)
		}
	}
	if len(parked) == 0 {
		return false, nil
	}
	env, body, err := open(m.Body)
	if err != nil {
		return true, err
	}
	if env.Tries++; len(parked) < list[0].body.events {
		env.Only = parked
	}
	return true, p.Queue.Send(ctx, queue.Message{Lane: m.Lane, Group: m.Group, Body: env.seal(body), Delay: wait})[0]
}

// bare tells whether an event says less of its author than a profile would.
func (p *Pipeline) bare(o *one) bool {
	a := o.event.Mention.Author
	if _, can := p.Networks[o.account.Kind].(network.Profiler); !can || a.ID == "" || o.event.Mention.Direction == flow.Out || o.event.Verb == flow.Delete {
		return false
	}
	return a.Name == "" && a.Handle == "" || !a.Counted && p.infos[o.account.Kind].Bare
}

// fill reads what a thin event points at. What is gone meanwhile, or may not be read, is rejected with that reason.
func (p *Pipeline) fill(ctx context.Context, plan *Plan, o *one) error {
	checker, can := p.Networks[o.account.Kind].(network.Checker)
	if !can {
		return nil
	}
	var bodies []network.Body
	var gone []string
	err := p.reads(ctx, plan, o.account, func(a rest.Account) (err error) {
		bodies, gone, err = checker.Check(ctx, a, []flow.Mention{o.event.Mention})
		return err
	})
	switch {
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.NotFound):
		o.settled, o.line.Outcome, o.line.Reason = true, ledger.Rejected, "cannot be read: "+brief(err.Error())
		return nil
	case err != nil:
		return err
	case len(gone) > 0:
		o.settled, o.line.Outcome, o.line.Reason = true, ledger.Rejected, "it was gone before it could be read"
		return nil
	}
	parser, _ := checker.(network.Parser)
	for _, b := range bodies {
		events, err := parser.Parse(network.Raw{Settings: o.account.Settings, Account: o.account.ID, Stream: b.Stream, Body: b.Data, At: o.env.At, Origin: o.account.Origin})
		if err != nil {
			return fault.New(fault.Transient, "what %s points at: %w", o.event.Mention.ID, err)
		}
		for _, e := range events {
			if e.Mention.ID == o.event.Mention.ID {
				p.replace(o, e)
			}
		}
	}
	return nil
}

// replace puts the whole event in the place of the thin one.
func (p *Pipeline) replace(o *one, e flow.Event) {
	e.Account, e.Source = o.event.Account, o.event.Source
	o.id = e.ID()
	clip(&e.Mention)
	e.Mention.Account, e.Mention.Brand = o.account.Name, o.account.Brand
	e.Mention.Private = e.Mention.Private || e.Mention.Kind == flow.Message
	o.event = e
	o.line.Event, o.line.Author = o.id, p.whoseLine(e.Mention)
}

// whoseLine is how the line of a mention names its author: who said it, or to whom the brand wrote privately, so that an
// erasure finds both. "" where nobody is known.
func (p *Pipeline) whoseLine(m flow.Mention) string {
	switch {
	case m.To != "" && m.Direction == flow.Out:
		return p.authorHash(m.To)
	case m.Author.ID != "":
		return p.authorHash(m.Author.ID)
	}
	return ""
}

// introduce reads the profiles of authors of one account whom nobody knows yet, or under another handle: it may have been
// evidence.
func (p *Pipeline) introduce(ctx context.Context, plan *Plan, list []*one) {
	ids, handles := map[string]bool{}, map[string]string{}
	for _, o := range list {
		a := o.event.Mention.Author
		ids[a.ID], handles[a.ID] = true, a.Handle
	}
	known := map[string]*held[AuthorRow]{}
	if err := fetch(ctx, p.authors, "-", sorted(ids), known); err != nil {
		return // gather meets the same store and says so
	}
	conf := list[0].account
	profiler := p.Networks[conf.Kind].(network.Profiler)
	var natives []string
	for _, id := range sorted(ids) {
		row := known[id]
		moved := p.infos[conf.Kind].Bare && row.Value.Author.Handle != handles[id] && !row.Value.Objected
		if row.Version == 0 || moved {
			natives = append(natives, flow.Native(id))
		}
	}
	found := map[string]flow.Author{}
	for chunk := range slices.Chunk(natives, max(1, profiler.ProfileBatch())) {
		err := p.reads(ctx, plan, conf, func(a rest.Account) error {
			some, err := profiler.Profiles(ctx, a, chunk)
			for native, author := range some {
				found[native] = author
			}
			return err
		})
		if err != nil {
			p.Ports.Log.Warn("profiles cannot be read", "account", conf.Name, "kind", fault.Of(err).String(), "error", err.Error())
			break
		}
	}
	for _, o := range list {
		m := &o.event.Mention
		if author, ok := found[flow.Native(m.Author.ID)]; ok && author.ID == m.Author.ID {
			m.Author = author
			clip(m)
		}
	}
}

// reads makes one reading call for an account, under its quota and budget.
func (p *Pipeline) reads(ctx context.Context, plan *Plan, conf config.Account, do func(rest.Account) error) error {
	buckets := p.infos[conf.Kind].Buckets
	return p.vendor(ctx, conf, buckets, true, func(a rest.Account) error {
		if err := p.afford(ctx, plan, conf, buckets); err != nil {
			return err
		}
		return do(a)
	})
}

// longer is how much longer than the network's usual window an answer may be sent.
func (p *Pipeline) longer(conf config.Account, r flow.Reply) time.Duration {
	if e, ok := p.Networks[conf.Kind].(network.Extender); ok {
		return e.Extend(conf.Settings, r)
	}
	return 0
}
