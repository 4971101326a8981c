package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/pulse"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// PulseRow is how a brand is, and the changes of its state that are not told yet. Kept under the brand; at most 4 KB. It is
// made from the ledger's lines by looking at all of them, so nothing that comes twice or late counts twice.
type PulseRow struct {
	Pulse   pulse.Pulse    `json:"pulse"`
	Pending []pulse.Change `json:"pending,omitempty"`
	Terms   time.Time      `json:"terms,omitzero"` // when its words were counted last
}

// AlertRow is one change of a brand's state. Kept under the brand, sorted by its number; there is one for each, whoever dies.
type AlertRow struct {
	Change pulse.Change `json:"change"`
	Say    string       `json:"say"`
}

const (
	pulseJob  = "#pulse"               // the message that wakes it
	alertsFor = 400 * 24 * time.Hour   // how long changes of state are kept
	pulseLate = 15 * time.Minute       // how long after its end an hour is learned
	idleLearn = 6 * time.Hour          // so often silent hours are learned
	pulseKeep = pulse.Span + time.Hour // how long a brand is looked at after the last word
)

// looks remembers in which slot this process last looked.
type looks struct {
	mu   sync.Mutex
	last time.Time
}

// next tells whether a slot is new.
func (l *looks) next(slot time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slot.After(l.last) {
		return false
	}
	l.last = slot
	return true
}

// tickPulse wakes who looks at the brands, every five minutes while anything is said, and until all is calm again. While
// nothing is said that takes two reads, for all brands together.
func (p *Pipeline) tickPulse(ctx context.Context, plan *Plan) error {
	now := p.now()
	if !p.looks.next(now.Truncate(pulse.Slot)) || !pulsed(plan.Doc) {
		return nil
	}
	for _, err := range p.hourly.List(ctx, store.Range{Part: hourIndex + now.Format(hourFormat), Limit: 1}) {
		if err != nil {
			return err
		}
		return p.wakePulse(ctx, plan)
	}
	row, err := p.accounts.One(ctx, pulseJob, "-")
	if err != nil || !now.Before(row.Value.Next) {
		return err
	}
	return p.wakePulse(ctx, plan)
}

// wakePulse wakes who looks, and takes note of what was seen last.
func (p *Pipeline) wakePulse(ctx context.Context, plan *Plan) error {
	if _, err := p.crisis(ctx, plan, nil); err != nil {
		return err
	}
	return p.wake(ctx, pulseJob, 0)
}

// Crises tells how many brands are in crisis, as far as this process saw when it last woke who looks.
func (p *Pipeline) Crises() int {
	n := 0
	for _, is := range p.crises.remembered() {
		if is {
			n++
		}
	}
	return n
}

// pulsed tells whether any brand is watched.
func pulsed(doc *config.Document) bool {
	for _, b := range doc.Brands {
		if !b.Pulse.Off {
			return true
		}
	}
	return false
}

// pulseWoken looks at every brand once. A second one at the same time finds its row written, and leaves it.
func (p *Pipeline) pulseWoken(ctx context.Context) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	var brands []config.Brand
	var keys []store.Key
	for _, b := range plan.Doc.Brands {
		if !b.Pulse.Off {
			brands, keys = append(brands, b), append(keys, p.pulses.Key(b.Name, "-"))
		}
	}
	rows, err := p.pulses.Get(ctx, keys...)
	if err != nil {
		return err
	}
	now := p.now()
	voices, err := p.voices(ctx, plan, rows, brands, now)
	if err != nil {
		return err
	}
	var errs []error
	restless := false
	for i, b := range brands {
		row := rows[i]
		row.Part, row.Sort = b.Name, "-"
		errs = append(errs, p.feel(ctx, plan, b, &row, voices[b.Name], now))
		restless = restless || row.Value.Pulse.State != "" || len(row.Value.Pending) > 0 || len(voices[b.Name]) > 0
	}
	return errors.Join(append(errs, p.stayAwake(ctx, restless, now))...)
}

// stayAwake lets tick wake us for a while, also when nothing more is said.
func (p *Pipeline) stayAwake(ctx context.Context, restless bool, now time.Time) error {
	row, err := p.accounts.One(ctx, pulseJob, "-")
	if err != nil || !restless || row.Value.Next.After(now.Add(2*pulse.Slot)) {
		return err
	}
	row.Part, row.Sort, row.Value.Next = pulseJob, "-", now.Add(pulseKeep)
	if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// since is from when a brand's voices are needed: for the look, and for the hours that are over and not learned yet.
func since(v *pulse.Pulse, now time.Time) time.Time {
	from := now.Add(-v.Span())
	if hour := now.Truncate(time.Hour); v.Level.Through.Before(hour) && !now.Before(hour.Add(pulseLate)) && v.Level.Through.Before(from) && !v.Level.Through.IsZero() {
		from = v.Level.Through
	}
	return from
}

// voices reads what was said to brands, as the ledger's lines have it.
func (p *Pipeline) voices(ctx context.Context, plan *Plan, rows []store.Row[PulseRow], brands []config.Brand, now time.Time) (map[string][]pulse.Voice, error) {
	from := map[string]time.Time{}
	for i, b := range brands {
		from[b.Name] = since(&rows[i].Value.Pulse, now)
	}
	out := map[string][]pulse.Voice{}
	for _, a := range plan.Doc.Networks {
		begin, ok := from[a.Brand]
		if !ok {
			continue
		}
		err := p.Lines(ctx, a.Name, begin, now.Add(time.Nanosecond), func(_ ledger.Place, l ledger.Line) error {
			if v, ok := voice(l); ok && l.Brand == a.Brand {
				out[l.Brand] = append(out[l.Brand], v)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// voice makes a voice of a line; ok is false where it is none: the past, edits, the brand's own words, what was left out.
func voice(l ledger.Line) (v pulse.Voice, ok bool) {
	g := l.Gist
	if l.Outcome != ledger.Mention || g == nil || g.Own || g.Again || l.Source != "" && l.Source != "live" {
		return v, false
	}
	return pulse.Voice{At: l.At, Mention: l.Mention, Author: l.Author, Mood: g.Sentiment, Bad: g.Complaint || g.Severity > 0, Reach: g.Reach, Print: g.Print, Topics: g.Topics}, true
}

// feel takes one look at a brand. What changed is written with the new state, then told, then struck off: who dies in
// between leaves the rest to the next look.
func (p *Pipeline) feel(ctx context.Context, plan *Plan, b config.Brand, row *store.Row[PulseRow], voices []pulse.Voice, now time.Time) error {
	v := &row.Value.Pulse
	hour := now.Truncate(time.Hour)
	learns := !now.Before(hour.Add(pulseLate)) && v.Level.Through.Before(hour)
	long := learns && hour.Sub(v.Level.Through) >= idleLearn
	if row.Version > 0 && len(voices) == 0 && v.State == "" && len(row.Value.Pending) == 0 && !long {
		return nil // nothing is said: the hours are learned together
	}
	if v.Level.Through.IsZero() {
		v.Level.Through, learns = hour, false
	}
	if learns {
		v.Learn(between(voices, v.Level.Through, hour), hour)
	}
	if c, changed := v.Look(between(voices, now.Add(-v.Span()), now.Add(time.Nanosecond)), now, watching(b)); changed {
		row.Value.Pending = append(row.Value.Pending, c)
	}
	if now.Sub(row.Value.Terms) >= termsEvery {
		if err := p.foldTerms(ctx, plan, b, now); err != nil {
			return err
		}
		row.Value.Terms = now.Truncate(termsEvery)
	}
	if res := p.pulses.Put(ctx, row)[0]; conflicted(res) {
		return nil // somebody else looked
	} else if res.Err != nil {
		return res.Err
	}
	if len(row.Value.Pending) == 0 {
		return nil
	}
	for _, c := range row.Value.Pending {
		if err := p.raise(ctx, plan, b, c); err != nil {
			return err
		}
	}
	row.Value.Pending = nil
	if res := p.pulses.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// watching is how a brand is watched.
func watching(b config.Brand) pulse.Options {
	return pulse.Options{Minimum: b.Pulse.Minimum, Sensitivity: b.Pulse.Sensitivity}
}

// between gives the voices of a stretch of time.
func between(voices []pulse.Voice, from, to time.Time) []pulse.Voice {
	var out []pulse.Voice
	for _, v := range voices {
		if !v.At.Before(from) && v.At.Before(to) {
			out = append(out, v)
		}
	}
	return out
}

// Pulse gives how a brand is.
func (p *Pipeline) Pulse(ctx context.Context, brand string) (pulse.Pulse, error) {
	row, err := p.pulses.One(ctx, brand, "-")
	return row.Value.Pulse, err
}

// StateChanges gives the changes of state of a brand, the newest first.
func (p *Pipeline) StateChanges(ctx context.Context, brand string, most int) ([]AlertRow, error) {
	var out []AlertRow
	for row, err := range p.alerts.List(ctx, store.Range{Part: brand, Desc: true, Limit: most}) {
		if err != nil {
			return out, err
		}
		out = append(out, row.Value)
	}
	return out, nil
}

// Backtest looks at a brand again as it would have been looked at, by the ledger: what would have changed, when. The level is
// learned from as far back as the ledger goes.
func (p *Pipeline) Backtest(ctx context.Context, brand string, from, to time.Time) ([]pulse.Change, *pulse.Pulse, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	first, err := p.firstHour(ctx, plan, to)
	if err != nil {
		return nil, nil, err
	}
	var voices []pulse.Voice
	for _, a := range plan.Doc.Networks {
		if a.Brand != brand {
			continue
		}
		err := p.Lines(ctx, a.Name, first, to, func(_ ledger.Place, l ledger.Line) error {
			if v, ok := voice(l); ok && l.Brand == brand {
				voices = append(voices, v)
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	var out []pulse.Change
	v := &pulse.Pulse{}
	for _, c := range v.Run(voices, first, to, watching(plan.Doc.Brand(brand))) {
		if !c.At.Before(from) {
			out = append(out, c)
		}
	}
	return out, v, nil
}

// crises remembers for half a minute which brands are in crisis, so that deciding on a mention costs no read.
type crises struct {
	mu  sync.Mutex
	at  time.Time
	are map[string]bool
}

const crisesFor = 30 * time.Second

// known gives what is remembered, nil if that is too old.
func (c *crises) known(now time.Time) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.After(now) || now.Sub(c.at) >= crisesFor {
		return nil
	}
	return c.are
}

func (c *crises) remembered() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.are
}

func (c *crises) keep(now time.Time, are map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.are = now, are
}

// crisis tells which brands of a round are in crisis.
func (p *Pipeline) crisis(ctx context.Context, plan *Plan, todo []*one) (map[string]bool, error) {
	live := len(todo) == 0
	for _, o := range todo {
		live = live || !o.settled && o.line.Source != history
	}
	if !live {
		return nil, nil
	}
	now := p.now()
	if are := p.crises.known(now); are != nil {
		return are, nil
	}
	var keys []store.Key
	var names []string
	for _, b := range plan.Doc.Brands {
		if !b.Pulse.Off {
			keys, names = append(keys, p.pulses.Key(b.Name, "-")), append(names, b.Name)
		}
	}
	rows, err := p.pulses.Glance(ctx, keys...)
	if err != nil {
		return nil, err
	}
	are := map[string]bool{}
	for i, row := range rows {
		are[names[i]] = row.Value.Pulse.State == pulse.Crisis
	}
	p.crises.keep(now, are)
	return are, nil
}
