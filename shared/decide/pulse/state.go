package pulse

import (
	"fmt"
	"math"
	"time"
)

// The states of a brand.
const (
	Normal  = "normal"
	Watch   = "watch"   // unusual, and no crisis: people should look
	Crisis  = "crisis"  // many different people complain at once
	Cooling = "cooling" // a crisis that ebbed away; it may come back
)

// What makes something unusual.
const (
	Trouble = "trouble" // many complain
	Copies  = "copies"  // many say the same: a sweepstake, a campaign, bots
	Praise  = "praise"  // many praise
	Volume  = "volume"  // many say something
)

// Options is how a brand is watched. The zero value is the usual way.
type Options struct {
	Minimum     int    // so many people must complain within an hour before it is a crisis; 0 = 8
	Sensitivity string // low, normal or high; "" = normal
}

func (o Options) minimum() int {
	if o.Minimum > 0 {
		return o.Minimum
	}
	return 8
}

// marks gives how unusual things must be: to watch complaints, to watch voices, to call it a crisis.
func (o Options) marks() (bad, all, crisis float64) {
	switch o.Sensitivity {
	case "low":
		return 5, 7, 7
	case "high":
		return 3, 4, 4
	}
	return 4, 5, 5
}

// How long it must be calm before a state ends, and how fast a record fades.
const (
	calmWatch   = time.Hour
	calmCrisis  = time.Hour
	calmCooling = 3 * time.Hour
	calmBelow   = 0.5 // of the mark
	recordHalf  = 30 * 24 * time.Hour
)

// Pulse is all that is known of a brand: it fits into one row of 4 KB.
type Pulse struct {
	Level    Level     `json:"level,omitzero"`
	At       time.Time `json:"at,omitzero"`        // of the newest look
	State    string    `json:"state,omitempty"`    // "" = normal
	Kind     string    `json:"kind,omitempty"`     // what made it so
	Since    time.Time `json:"since,omitzero"`     // of the state
	Quiet    time.Time `json:"quiet,omitzero"`     // since when it is calm in a state that is not normal
	Number   int       `json:"number,omitempty"`   // of state changes so far
	Trouble  float64   `json:"trouble,omitempty"`  // the most unusual complaints so far, fading
	Volume   float64   `json:"volume,omitempty"`   // the most unusual number of voices so far, fading
	RecordAt time.Time `json:"record_at,omitzero"` // when these two were faded last
	Reading  Reading   `json:"reading,omitzero"`   // of the newest look
}

// Change is one change of state.
type Change struct {
	Number  int       `json:"number"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	At      time.Time `json:"at"`
	Reading Reading   `json:"reading"`
}

// Name gives the state.
func (p *Pulse) Name() string {
	if p.State == "" {
		return Normal
	}
	return p.State
}

// Learn takes in whole hours up to a moment, an hour with voices and an hour without alike. voices must hold all of them
// from Level.Through on; what is older is left out. Twice is harmless.
func (p *Pulse) Learn(voices []Voice, to time.Time) {
	l := &p.Level
	to = to.UTC().Truncate(time.Hour)
	if l.Through.IsZero() {
		l.Through = to.Add(-time.Hour)
		if len(voices) > 0 {
			if first := sorted(voices)[0].At.UTC().Truncate(time.Hour); first.Before(l.Through) {
				l.Through = first
			}
		}
	}
	if oldest := to.Add(-longest * time.Hour); l.Through.Before(oldest) { // silent for so long that nothing is usual any more
		*l = Level{Through: oldest}
	}
	for hour := l.Through; hour.Before(to); hour = hour.Add(time.Hour) {
		r := window(voices, hour.Add(-time.Nanosecond), hour.Add(time.Hour-time.Nanosecond))
		l.learn(hour, r.Voices, r.Bad)
	}
}

// Look takes in the voices of the last hour and gives the change of state, if there is one. It must be called in the order
// of time; how often is free.
func (p *Pulse) Look(voices []Voice, now time.Time, o Options) (Change, bool) {
	now = now.UTC()
	if !now.After(p.At) {
		return Change{}, false
	}
	before := p.At
	p.At = now
	p.fade(now)
	r := p.read(voices, now)
	bad, all, crisis := o.marks()
	weight := r.Bad + min(2*r.Wide, r.Bad)
	many := share(r) >= 0.5 || share(r) >= 0.2 && surprise(r.Bad, float64(r.Voices)*p.Level.share(), 0.05) >= 2
	grave := many && weight >= o.minimum() && r.Trouble >= max(crisis, min(p.Trouble/2, 2*crisis))
	odd := ""
	switch {
	case many && weight >= (3*o.minimum()+3)/4 && r.Trouble >= max(bad, min(p.Trouble*0.8, 2*crisis)):
		odd = Trouble
	case r.Copies >= max(10, int(2*r.Usual)) && 2*r.Copies >= r.Voices:
		odd = Copies
	case r.Voices >= 2*o.minimum() && r.Volume >= max(all, p.Volume):
		odd = Volume
		if 2*r.Good >= r.Voices {
			odd = Praise
		}
	}
	r.Kind = odd
	if grave {
		r.Kind = Trouble
	}
	p.Reading = r
	calm := r.Trouble < bad*calmBelow && r.Volume < all*calmBelow && odd != Copies
	if p.Name() == Crisis || p.Name() == Cooling {
		calm = r.Trouble < bad*calmBelow
	}
	switch {
	case !calm:
		p.Quiet = time.Time{}
	case p.Quiet.IsZero():
		p.Quiet = now
		if now.Sub(before) > Span && !before.IsZero() { // nobody looked, because nothing was said
			p.Quiet = before
		}
	}
	return p.step(grave, odd, now)
}

// step moves the state.
func (p *Pulse) step(grave bool, odd string, now time.Time) (Change, bool) {
	quiet := time.Duration(0)
	if !p.Quiet.IsZero() {
		quiet = now.Sub(p.Quiet)
	}
	to := p.Name()
	switch p.Name() {
	case Normal:
		switch {
		case grave:
			to = Crisis
		case odd != "":
			to = Watch
		}
	case Watch:
		switch {
		case grave:
			to = Crisis
		case quiet >= calmWatch:
			to = Normal
		}
	case Crisis:
		if quiet >= calmCrisis {
			to = Cooling
		}
	case Cooling:
		switch {
		case grave:
			to = Crisis
		case quiet >= calmCooling:
			to = Normal
		}
	}
	// What was, the next is measured by. Who had the worst day of all must still be warned of the next.
	p.Trouble, p.Volume = round(max(p.Trouble, min(p.Reading.Trouble, 12))), round(max(p.Volume, min(p.Reading.Volume, 20)))
	if to == p.Name() {
		return Change{}, false
	}
	c := Change{From: p.Name(), To: to, At: now, Reading: p.Reading}
	p.Number++
	c.Number = p.Number
	p.State, p.Since, p.Kind = to, now, p.Reading.Kind
	if to == Normal {
		p.State, p.Kind = "", ""
	}
	if to != Cooling {
		p.Quiet = time.Time{}
	}
	return c, true
}

// fade lets records fade.
func (p *Pulse) fade(now time.Time) {
	if !p.RecordAt.IsZero() && now.After(p.RecordAt) {
		f := math.Pow(0.5, float64(now.Sub(p.RecordAt))/float64(recordHalf))
		p.Trouble, p.Volume = p.Trouble*f, p.Volume*f
	}
	p.RecordAt = now
}

// read looks at the windows and keeps the most unusual one.
func (p *Pulse) read(voices []Voice, now time.Time) Reading {
	var best Reading
	for _, span := range []time.Duration{short, mid, Span} {
		if span > p.Span() {
			break
		}
		r := window(voices, now.Add(-span), now)
		rate, vary := p.Level.Usual(now.Add(-span / 2))
		if span < Span { // short windows vary more than hours do
			vary *= 1.25
		}
		r.Usual = rate * span.Hours()
		r.UsualBad = r.Usual * p.Level.share()
		r.Trouble = surprise(r.Bad+min(2*r.Wide, r.Bad), r.UsualBad, vary)
		r.Volume = surprise(r.Voices, r.Usual, vary)
		if best.At.IsZero() || r.Trouble > best.Trouble || r.Trouble == best.Trouble && r.Volume > best.Volume {
			best.At, best.Minutes, best.Voices, best.Bad, best.Good, best.Wide, best.Copies, best.Usual, best.UsualBad =
				r.At, r.Minutes, r.Voices, r.Bad, r.Good, r.Wide, r.Copies, round(r.Usual), round(r.UsualBad)
		}
		best.Trouble, best.Volume = max(best.Trouble, round(r.Trouble)), max(best.Volume, round(r.Volume))
	}
	return best
}

// Span is how far back the next look needs voices: of a brand with many, half an hour tells as much as a whole one.
func (p *Pulse) Span() time.Duration {
	if len(p.Level.Sums) == hoursOfWeek && p.Level.All/(28*24*1.44) > 30 {
		return mid
	}
	return Span
}

func share(r Reading) float64 {
	if r.Voices == 0 {
		return 0
	}
	return float64(r.Bad) / float64(r.Voices)
}

// Say tells a change in a sentence, without a word of anybody.
func (c Change) Say() string {
	r := c.Reading
	seen := fmt.Sprintf("%d people in %d minutes, %d of them complain; usual are %.1f and %.1f", r.Voices, r.Minutes, r.Bad, r.Usual, r.UsualBad)
	switch c.To {
	case Crisis:
		return "crisis: " + seen
	case Cooling:
		return "the crisis ebbs away: " + seen
	case Normal:
		return "back to normal: " + seen
	}
	switch r.Kind {
	case Copies:
		return fmt.Sprintf("%d people say nearly the same: a campaign, a sweepstake or bots", r.Copies)
	case Praise:
		return "many praise: " + seen
	case Volume:
		return "much more is said than usual: " + seen
	}
	return "more complaints than usual: " + seen
}

// Hour is one hour of the chart of a week.
type Hour struct {
	At     time.Time `json:"at"`
	Voices int       `json:"voices"`
	Bad    int       `json:"bad"`
	Usual  float64   `json:"usual"`
}

// Week gives the last seven days up to what was learned, oldest first.
func (p *Pulse) Week() []Hour {
	l := &p.Level
	if len(l.Sums) != hoursOfWeek {
		return nil
	}
	var out []Hour
	for at := l.Through.Add(-hoursOfWeek * time.Hour); at.Before(l.Through); at = at.Add(time.Hour) {
		if at.Before(l.From) {
			continue
		}
		h := hourOf(at)
		rate, _ := l.Usual(at)
		out = append(out, Hour{At: at, Voices: l.Last[h], Bad: l.LastBad[h], Usual: math.Round(rate*10) / 10})
	}
	return out
}
