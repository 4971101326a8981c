package pipeline

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// Gaps is what a network lists of an account, compared with what the ledger has: by the hour in which it was said.
type Gaps struct {
	Listed int       `json:"listed"`
	Known  int       `json:"known"`
	Found  int       `json:"found"` // nobody had told us of: they are on their way now
	Hours  []GapHour `json:"hours,omitempty"`
}

// GapHour is one hour of it.
type GapHour struct {
	Hour   time.Time `json:"hour"`
	Listed int       `json:"listed"`
	Known  int       `json:"known"`
	Found  int       `json:"found"`
}

func (g *Gaps) add(at time.Time, known bool) {
	at = at.UTC().Truncate(time.Hour)
	i, there := slices.BinarySearchFunc(g.Hours, at, func(h GapHour, at time.Time) int { return h.Hour.Compare(at) })
	if !there {
		g.Hours = slices.Insert(g.Hours, i, GapHour{Hour: at})
	}
	h := &g.Hours[i]
	g.Listed++
	h.Listed++
	if known {
		g.Known++
		h.Known++
	} else {
		g.Found++
		h.Found++
	}
}

const (
	reconcileMost  = 92 * 24 * time.Hour // of one job
	reconcileAfter = 2 * time.Hour       // after midnight UTC the day before is looked at
	liveFor        = 48 * time.Hour      // what is found later than that is history
)

// reconciles tells whether an account's days are compared by themselves. Where listing costs, only if its setting reconcile says so.
func (p *Pipeline) reconciles(conf config.Account) bool {
	if _, can := p.Networks[conf.Kind].(network.Ranger); !can || conf.Paused {
		return false
	}
	info := p.infos[conf.Kind]
	paid := len(info.Prices) > 0 || info.PerMention > 0 || slices.ContainsFunc(info.Buckets, func(b network.Bucket) bool { return b.Cost > 0 })
	return !paid || rest.Account{Settings: conf.Settings}.Int("reconcile", 0) > 0
}

// tickReconcile starts a job a day for every account that can be listed, about the day before; of an account's first day
// only what came after it was first seen.
func (p *Pipeline) tickReconcile(ctx context.Context, plan *Plan) error {
	for _, conf := range plan.Doc.Networks {
		if !p.reconciles(conf) {
			continue
		}
		row, err := p.accounts.One(ctx, "#gaps#"+conf.Name, "-")
		if err != nil {
			return err
		}
		now := p.now()
		if row.Version > 0 && now.Before(row.Value.Next) {
			continue
		}
		due, today := row.Version > 0, now.Truncate(24*time.Hour)
		from := today.Add(-24 * time.Hour)
		if !due {
			row.Value.Last = now
		}
		if row.Value.Last.After(from) {
			from = row.Value.Last
		}
		row.Part, row.Sort, row.Value.Next = "#gaps#"+conf.Name, "-", today.Add(24*time.Hour+reconcileAfter)
		if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil {
			if conflicted(res) {
				continue // somebody else starts it
			}
			return res.Err
		}
		if !due || !from.Before(today) {
			continue
		}
		_, err = p.Start(ctx, JobRow{ID: "reconcile-" + conf.Name + "-" + now.Format("20060102"), Kind: "reconcile", Account: conf.Name, From: from, To: today})
		if err != nil {
			return err
		}
	}
	return nil
}

// reconcile compares one page of what a network lists with what is known, and takes in what is missing by the road of all events.
func (p *Pipeline) reconcile(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, err
	}
	conf, ok := plan.Doc.Network(j.Account)
	ranger, can := p.Networks[conf.Kind].(network.Ranger)
	switch {
	case !ok || !can:
		return false, fault.New(fault.Invalid, "account %q cannot be read backwards, so nothing can be compared", j.Account)
	case j.To.Sub(j.From) > reconcileMost:
		return false, fault.New(fault.Invalid, "%s are compared at most at once: choose a shorter time", reconcileMost)
	}
	var page network.Page
	buckets := p.infos[conf.Kind].Buckets
	err = p.vendor(ctx, conf, buckets, false, func(a rest.Account) (err error) {
		if err = p.afford(ctx, plan, conf, buckets); err == nil {
			a.History = true
			page, err = ranger.Range(ctx, a, j.From, j.To, j.Cursor)
		}
		return err
	})
	if err != nil {
		return true, err
	}
	gaps := Gaps{}
	if j.Gaps != nil {
		gaps = *j.Gaps
		gaps.Hours = slices.Clone(gaps.Hours)
	}
	for _, body := range page.Bodies {
		if err := p.compare(ctx, plan, conf, body, j, &gaps); err != nil {
			return true, err
		}
	}
	j.Pages++
	j.Gaps, j.Done = &gaps, gaps.Listed
	more = page.More && page.Cursor != j.Cursor
	j.Cursor = page.Cursor
	return more, nil
}

// compare looks at one body. What is missing of it goes the usual road.
func (p *Pipeline) compare(ctx context.Context, plan *Plan, conf config.Account, body network.Body, j *JobRow, gaps *Gaps) error {
	env := Envelope{Receipt: p.Ports.NewID(), At: p.now(), Account: conf.Name, Stream: body.Stream, Source: history, Found: true}
	list, err := p.parse(plan, 0, env, body.Data)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(o *one) bool {
		at := o.event.Mention.Created
		return o.settled || o.event.Mention.ID == "" || at.Before(j.From) || !at.Before(j.To)
	})
	known, err := p.heard(ctx, list)
	if err != nil {
		return err
	}
	var missing []string
	seen := map[string]bool{}
	for _, o := range list {
		m := o.event.Mention
		if seen[m.ID] {
			continue
		}
		seen[m.ID] = true
		if gaps.add(m.Created, known[m.ID]); known[m.ID] {
			continue
		}
		missing = append(missing, m.ID)
		env.Only = append(env.Only, o.index)
		if p.now().Sub(m.Created) < liveFor {
			env.Source = ""
		}
	}
	if len(missing) == 0 {
		return nil
	}
	lane := queue.Lane(topology.MentionsLive)
	if env.Source == history {
		lane = topology.MentionsBulk
	}
	if err := p.enqueue(ctx, p.Queue, lane, env, body.Data); err != nil {
		return err
	}
	// Of what may not be kept no mention tells that it came: so that is noted, and it is not found every day.
	rows := make([]*store.Row[SeenRow], len(missing))
	for i, id := range missing {
		rows[i] = &store.Row[SeenRow]{Part: p.listed(id), Sort: "-", Expires: p.now().Add(reconcileMost), Value: SeenRow{At: p.now()}}
	}
	for _, res := range p.seen.Put(ctx, rows...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	return nil
}

func (p *Pipeline) listed(mention string) string { return "listed#" + p.hashed("listed", mention) }

// heard tells which mentions are known: they are stored or gone, were found before, or their author objects.
func (p *Pipeline) heard(ctx context.Context, list []*one) (map[string]bool, error) {
	out := map[string]bool{}
	var mentions, listed []store.Key
	for _, o := range list {
		m := o.event.Mention
		mentions = append(mentions, p.mentions.Key(m.ID, "-"))
		listed = append(listed, p.seen.Key(p.listed(m.ID), "-"))
	}
	known, err := p.mentions.Get(ctx, mentions...)
	if err != nil {
		return nil, err
	}
	before, err := p.seen.Get(ctx, listed...)
	if err != nil {
		return nil, err
	}
	gone, err := p.buried(ctx, list)
	if err != nil {
		return nil, err
	}
	for i, o := range list {
		out[o.event.Mention.ID] = known[i].Version > 0 || before[i].Version > 0 || gone[i]
	}
	return out, nil
}

// buried tells of each event whether it is of what is gone for good: its author objects or was erased, or it was kept as long as
// it may be.
func (p *Pipeline) buried(ctx context.Context, list []*one) ([]bool, error) {
	var authors, tombs []store.Key
	for _, o := range list {
		m := o.event.Mention
		authors = append(authors, p.authors.Key(cmp.Or(m.Author.ID, "-"), "-"))
		tombs = append(tombs, p.tombs.Key(p.tombOf(m.ID), "-"), p.tombs.Key(p.authorHash(m.Author.ID), "-"))
	}
	who, err := p.authors.Get(ctx, authors...)
	if err != nil {
		return nil, err
	}
	stones, err := p.tombs.Get(ctx, tombs...)
	if err != nil {
		return nil, err
	}
	out := make([]bool, len(list))
	for i := range list {
		out[i] = who[i].Value.Objected || stones[2*i].Version > 0 || stones[2*i+1].Version > 0
	}
	return out, nil
}

// found tells whether a line is something that nobody but reconcile told of.
func found(l ledger.Line) bool { return l.Found && l.Outcome != ledger.Merged }
