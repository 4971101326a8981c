package console

import (
	"context"
	"slices"
	"strconv"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/pulse"
	"rapport/shared/pipeline"
)

// Bounds of the page: changes of state and rising words of each brand.
const (
	pulseChanges = 20
	pulseWords   = 12
	pulseBlock   = 4 // hours of one bar
)

type pulsePage struct {
	Days   int          `json:"days"` // that topics are counted over
	Brands []brandPulse `json:"brands"`
}

// brandPulse is how one brand is. It holds numbers and words of at least five people, nothing of anybody.
type brandPulse struct {
	Brand   string                `json:"brand"`
	State   string                `json:"state,omitempty"`
	Since   time.Time             `json:"since,omitzero"`
	Say     string                `json:"say,omitempty"`
	Reading *pulse.Reading        `json:"reading,omitempty"`
	Week    *bars                 `json:"week,omitempty"`
	Changes []pipeline.AlertRow   `json:"changes,omitempty"`
	Topics  []pipeline.TopicCount `json:"topics"`
	Words   string                `json:"words_of,omitempty"` // first day of the week
	Rising  []pulse.Rise          `json:"rising"`
}

func (c *Console) pulseRoutes() []route {
	return []route{
		{"GET", "/pulse", watching, "pulse", "how each brand is: state, the week's voices, changes of state, topics and rising words: days", true, c.pulse},
		{"GET", "/topics", watching, "pulse", "what is said about the topics of each brand, and which words rise: days", true, c.topics},
	}
}

func (c *Console) pulse(q *request) (answer, error)  { return c.pulsed(q, "Pulse", true) }
func (c *Console) topics(q *request) (answer, error) { return c.pulsed(q, "Topics", false) }

func (c *Console) pulsed(q *request, title string, states bool) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	p := pulsePage{Days: 1}
	if n, err := strconv.Atoi(q.value("days")); err == nil && n >= 1 && n <= 7 {
		p.Days = n
	}
	for _, b := range q.narrowed(plan.Doc).Brands {
		v := brandPulse{Brand: b.Name}
		if states && !b.Pulse.Off {
			if err := c.feel(ctx, &v); err != nil {
				return answer{}, err
			}
		}
		if v.Topics, err = c.Pipeline.Topics(ctx, b.Name, c.now().AddDate(0, 0, -p.Days), c.now()); err != nil {
			return answer{}, err
		}
		if v.Words, v.Rising, err = c.Pipeline.Rising(ctx, b.Name, pulseWords); err != nil {
			return answer{}, err
		}
		p.Brands = append(p.Brands, v)
	}
	return answer{Title: title, Data: p}, nil
}

// feel fills in the state of a brand.
func (c *Console) feel(ctx context.Context, v *brandPulse) error {
	now, err := c.Pipeline.Pulse(ctx, v.Brand)
	if err != nil {
		return err
	}
	v.State, v.Since, v.Reading = now.Name(), now.Since, &now.Reading
	if v.Changes, err = c.Pipeline.StateChanges(ctx, v.Brand, pulseChanges); err != nil {
		return err
	}
	if v.State != pulse.Normal && len(v.Changes) > 0 {
		v.Say = v.Changes[0].Say
	}
	if week := now.Week(); len(week) > 0 {
		v.Week = weekBars(week)
	}
	return nil
}

// weekBars draws a week, some hours to a bar; a dot marks what is far above the usual.
func weekBars(week []pulse.Hour) *bars {
	b := &bars{Title: "People per four hours", Series: []series{{Name: "complaining", Class: "bad"}, {Name: "others", Class: "s0"}}}
	for part := range slices.Chunk(week, pulseBlock) {
		s := slot{At: part[0].At, Counts: []int{0, 0}}
		usual := 0.0
		for _, h := range part {
			s.Counts[0] += h.Bad
			s.Counts[1] += max(h.Voices-h.Bad, 0)
			usual += h.Usual
		}
		n := float64(total(s.Counts))
		s.Spike = n >= 8 && n > 3*usual
		b.Series[0].Total += s.Counts[0]
		b.Series[1].Total += s.Counts[1]
		b.Slots = append(b.Slots, s)
	}
	b.draw(nil, "02.01.")
	return b
}

// unusual lists the brands that are not as usual, for the overview.
func (c *Console) unusual(ctx context.Context, brands []config.Brand) ([]brandPulse, error) {
	var out []brandPulse
	for _, b := range brands {
		if b.Pulse.Off {
			continue
		}
		now, err := c.Pipeline.Pulse(ctx, b.Name)
		if err != nil {
			return nil, err
		}
		if now.Name() == pulse.Normal {
			continue
		}
		v := brandPulse{Brand: b.Name, State: now.Name(), Since: now.Since}
		last, err := c.Pipeline.StateChanges(ctx, b.Name, 1)
		if err != nil {
			return nil, err
		}
		if len(last) > 0 {
			v.Say = last[0].Say
		}
		out = append(out, v)
	}
	return out, nil
}
