package pipeline

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/store"
)

// gapJob is the kind of job that fetches what was missed.
const gapJob = "gap"

// silence is the kind of problem of an account that tells nothing, though nothing is known to be wrong.
const silence = "silence"

const (
	gapLeast   = 5 * time.Minute    // shorter ones are nothing to speak of, and as much is fetched before each
	gapMost    = 7 * 24 * time.Hour // older ones are fetched from there on
	gapAgain   = 6 * time.Hour      // what is silent still is looked through again
	weeksKnown = 4                  // how far back it is looked how often an account tells something
	rare       = 0.001              // a silence that is rarer by chance is unusual
)

// missed tells from when on an account's events may be missing; zero = from never. Of an account that never worked nothing
// is missing.
func missed(v AccountRow, heard time.Time, silent, live bool, cause error, now time.Time) time.Time {
	switch {
	case cause != nil && !fault.Is(cause, fault.Unauthorized):
		return time.Time{} // nobody could look: nothing is known to be missing
	case cause != nil || !live:
		return v.Last
	case silent && v.Gap.To.Before(heard):
		return heard
	case silent && now.Sub(v.Gap.To) >= gapAgain:
		return v.Gap.To
	}
	return time.Time{}
}

// closeGap ends a gap and lets it be fetched. It may be called again after a crash: the job is the same one.
func (p *Pipeline) closeGap(ctx context.Context, conf config.Account, g *Gap) error {
	g.To = p.now()
	from := g.From.Add(-gapLeast)
	if first := g.To.Add(-gapMost); from.Before(first) {
		from = first
	}
	if p.polled(conf) {
		g.Note = "polls went on beside it"
		return nil
	}
	if _, can := p.Networks[conf.Kind].(network.Ranger); !can {
		g.Note = "this network cannot be read backwards"
		return nil
	}
	g.Job = gapJob + "-" + conf.Name + "-" + g.From.UTC().Format("20060102150405")
	_, err := p.Start(ctx, JobRow{ID: g.Job, Kind: gapJob, Account: conf.Name, From: from, To: g.To})
	return err
}

// caughtUp gives the gap of an account whose polls work again: it ends with the last page that is owed.
func (p *Pipeline) caughtUp(conf config.Account, isCRM bool, was AccountRow, page network.Page, moved bool) Gap {
	g, now := was.Gap, p.now()
	if !was.Bad.IsZero() && !was.Last.IsZero() && now.Sub(was.Last) >= gapLeast {
		g = Gap{From: was.Last}
	}
	if g.From.IsZero() || !g.To.IsZero() {
		return g
	}
	for _, body := range page.Bodies {
		g.Events += p.countEvents(conf, isCRM, body)
	}
	if !page.More || !moved {
		g.To = now
	}
	return g
}

// countEvents counts what a body tells; one that cannot be read counts once.
func (p *Pipeline) countEvents(conf config.Account, isCRM bool, b network.Body) int {
	raw := network.Raw{Settings: conf.Settings, Account: conf.ID, Stream: b.Stream, Body: b.Data, At: p.now(), Origin: conf.Origin}
	if parser, can := p.CRMs[conf.Kind].(crm.ChangeParser); isCRM && can {
		if list, err := parser.ParseChanges(raw); err == nil {
			return len(list)
		}
	} else if parser, can := p.Networks[conf.Kind].(network.Parser); can {
		if list, err := parser.Parse(raw); err == nil {
			return len(list)
		}
	}
	return 1
}

// unknown counts the events of a body that nobody told before; one that cannot be read counts once. Where the body tells of who
// was erased, or of what is gone for good, the envelope means the rest alone: what is gone is not fetched again.
func (p *Pipeline) unknown(ctx context.Context, plan *Plan, env *Envelope, b network.Body) (n int, err error) {
	list, err := p.parse(plan, 0, *env, b.Data)
	if err != nil {
		return 1, err
	}
	if len(list) == 1 && list[0].settled && list[0].event.Mention.ID == "" {
		return 1, nil // it cannot be read
	}
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i] = o.event.Mention.ID
	}
	known := map[string]*held[MentionRow]{}
	if err := fetch(ctx, p.mentions, "-", ids, known); err != nil {
		return 0, err
	}
	gone, err := p.buried(ctx, list)
	if err != nil {
		return 0, err
	}
	only := []int{}
	for i, o := range list {
		if gone[i] {
			continue
		}
		only = append(only, o.index)
		if _, told := known[o.event.Mention.ID].Value.seen(o.id); !told {
			n++
		}
	}
	if len(only) < len(list) {
		env.Only = only
	}
	return n, nil
}

// silence tells when an account was last heard of, to the hour, and whether it is silent for unusually long: so long that it
// would come about less than once in a thousand times, by how often it told something in the same hours of such days, working
// days or weekends, of four weeks. Only where its events come by webhook alone does silence mean anything.
func (p *Pipeline) silence(ctx context.Context, conf config.Account) (heard time.Time, unusual bool, err error) {
	if p.polled(conf) {
		return heard, false, nil
	}
	now := p.now().Truncate(time.Hour) // hours that are over
	active := map[time.Time]bool{}
	var first time.Time
	from := now.Add(-weeksKnown * week).Format(hourFormat)
	for row, err := range p.hourly.List(ctx, store.Range{Part: conf.Name, From: from}) {
		if err != nil {
			return heard, false, err
		}
		if at, err := time.Parse(hourFormat, row.Sort); err == nil {
			active[at], heard = true, at
			if first.IsZero() {
				first = at
			}
		}
	}
	if first.IsZero() {
		return heard, false, nil
	}
	return heard.Add(time.Hour), unusualSilence(active, first, heard, now), nil
}

// unusualSilence tells whether no event in the hours between the last one and now is rarer than chance lets expect.
func unusualSilence(active map[time.Time]bool, first, heard, now time.Time) bool {
	chance := 1.0
	for hour := heard.Add(time.Hour); hour.Before(now); hour = hour.Add(time.Hour) {
		told, known := 0.0, 0.0
		for at := hour.AddDate(0, 0, -1); !at.Before(first); at = at.AddDate(0, 0, -1) {
			if weekend(at) != weekend(hour) {
				continue
			}
			if known++; active[at] {
				told++
			}
		}
		chance *= 1 - told/(known+1) // one more day could always have been silent
		if chance < rare {
			return true
		}
	}
	return false
}

func weekend(t time.Time) bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }

// Condition is how an account is, as far as that is known without asking the vendor.
type Condition struct {
	Account string
	CRM     bool
	Bad     bool      // degraded: something does not come, or is not taken
	Kind    string    // of what is amiss: a fault's, or silence
	Say     string    // what is amiss
	Since   time.Time // when that began
	Next    time.Time // when it is tried again
	Last    time.Time // when the account was last read, or found to be well
	Gap     Gap       // the last one, for a week
	Owed    bool      // a gap is being fetched
}

// Tell says how long a gap was and what was fetched of it, "" if there is none.
func (g Gap) Tell() string {
	switch {
	case g.From.IsZero():
		return ""
	case g.To.IsZero():
		return "events are missing since " + g.From.UTC().Format("2006-01-02 15:04")
	}
	text := "gap of " + span(g.To.Sub(g.From)) + " until " + g.To.UTC().Format("2006-01-02 15:04")
	if g.Note != "" {
		return text + ": " + g.Note
	}
	if g.Events == 1 {
		return text + ", 1 event fetched"
	}
	return text + ", " + strconv.Itoa(g.Events) + " events fetched"
}

// span says how long something took, in the largest unit that fits.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return strconv.Itoa(int(math.Round(d.Hours()/24))) + " days"
	case d >= 90*time.Minute:
		return strconv.Itoa(int(math.Round(d.Hours()))) + " h"
	}
	return strconv.Itoa(int(math.Round(d.Minutes()))) + " min"
}

// Conditions tells how accounts are: the named ones, or all that are configured and not paused.
func (p *Pipeline) Conditions(ctx context.Context, names ...string) ([]Condition, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	var list []Condition
	var keys, shut []store.Key
	add := func(conf config.Account, isCRM bool) {
		if len(names) > 0 && !slices.Contains(names, conf.Name) || conf.Paused {
			return
		}
		list = append(list, Condition{Account: conf.Name, CRM: isCRM})
		keys = append(keys, p.accounts.Key(conf.Name, "-"), p.accounts.Key(hookRow(conf.Name), "-"))
		shut = append(shut, p.closures.Key(conf.Name, wholeGate))
	}
	for _, conf := range plan.Doc.Networks {
		add(conf, false)
	}
	for _, conf := range plan.Doc.CRMs {
		add(conf, true)
	}
	rows, err := p.accounts.Glance(ctx, keys...)
	if err != nil {
		return nil, err
	}
	closed, err := p.closures.Glance(ctx, shut...)
	if err != nil {
		return nil, err
	}
	for i := range list {
		c := &list[i]
		c.read(rows[2*i].Value, p.now())
		c.read(rows[2*i+1].Value, p.now())
		if v := closed[i].Value; closed[i].Version > 0 {
			c.Bad, c.Kind, c.Say, c.Since, c.Next = true, v.Kind, v.Reason, v.Since, v.Until
		}
		if c.Gap.Job == "" {
			continue
		}
		job, err := p.jobs.One(ctx, c.Gap.Job, "-")
		if err != nil {
			return nil, err
		}
		c.Gap.Events, c.Owed = job.Value.Done, job.Value.State == "running"
		if c.Gap.Note = job.Value.Problem; c.Owed && !c.Bad {
			c.Bad, c.Kind, c.Say, c.Since = true, gapJob, "what was missed is being fetched", c.Gap.From
		}
	}
	return list, nil
}

// read adds what a row says. One poll that fails is nothing yet, unless it never will pass.
func (c *Condition) read(v AccountRow, now time.Time) {
	if v.Last.After(c.Last) {
		c.Last = v.Last
	}
	lasting := v.Fails >= 2 || v.Kind == silence || v.Kind == fault.Unauthorized.String() || v.Kind == fault.Invalid.String()
	if v.Problem != "" && lasting && !c.Bad {
		c.Bad, c.Kind, c.Say, c.Since, c.Next = true, v.Kind, v.Problem, v.Bad, v.Next
	}
	if g := v.Gap; !g.From.IsZero() && (g.To.IsZero() || now.Sub(g.To) < week) && g.From.After(c.Gap.From) {
		c.Gap = g
	}
}
