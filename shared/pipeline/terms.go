package pipeline

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/pulse"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// TermRow is what people said about a brand in a week: words of at least pulse.FewestPeople people, no names, and none of what
// people said of their health, faith and the like, or of being minors. Kept under
// the brand, sorted by the week's first day. It is made anew every day from what is still there, so what is erased is not in
// it the next day.
type TermRow struct {
	At    time.Time   `json:"at"`
	Terms pulse.Terms `json:"terms"`
}

const (
	termsEvery  = 24 * time.Hour
	termsSample = 2000 // mentions of a week that are read for it
	termsFor    = 60 * 7 * 24 * time.Hour
	termsBefore = 4 // weeks that a week is compared with
	dayFormat   = "2006-01-02"
)

// weekOf gives the Monday of a time's week.
func weekOf(at time.Time) time.Time {
	day := at.UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// foldTerms counts the words of yesterday's week.
func (p *Pipeline) foldTerms(ctx context.Context, plan *Plan, b config.Brand, now time.Time) error {
	week := weekOf(now.Add(-termsEvery))
	type sampled struct {
		id   string
		hash uint32
	}
	var some []sampled
	seen := map[string]bool{}
	for _, a := range plan.Doc.Networks {
		if a.Brand != b.Name {
			continue
		}
		err := p.Lines(ctx, a.Name, week, week.AddDate(0, 0, 7), func(_ ledger.Place, l ledger.Line) error {
			if v, ok := voice(l); ok && v.Mention != "" && !l.Erased && !seen[v.Mention] {
				seen[v.Mention] = true
				h := fnv.New32a()
				h.Write([]byte(v.Mention))
				some = append(some, sampled{v.Mention, h.Sum32()})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(some, func(a, b sampled) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.id, b.id)) })
	some = some[:min(len(some), termsSample)]
	var said []pulse.Said
	for part := range slices.Chunk(some, 100) {
		var keys []store.Key
		for _, s := range part {
			keys = append(keys, p.mentions.Key(s.id, "-"))
		}
		rows, err := p.mentions.Glance(ctx, keys...)
		if err != nil {
			return err
		}
		for _, row := range rows {
			m := row.Value.Mention
			if row.Version == 0 || row.Value.Erased || m.Deleted || m.Private || m.Direction == flow.Out {
				continue
			}
			text := plan.Decider.Shareable(b.Name, cmp.Or(row.Value.Decision.Safe, m.Text))
			said = append(said, pulse.Said{Author: m.Author.ID, Names: []string{m.Author.Handle, m.Author.Name}, Text: text})
		}
	}
	banned := append([]string{b.Name, b.Title}, b.Terms...)
	_, err := p.terms.Update(ctx, b.Name, week.Format(dayFormat), func(r *store.Row[TermRow]) (bool, error) {
		r.Value, r.Expires = TermRow{At: now, Terms: pulse.Count(said, banned...)}, week.Add(termsFor)
		return true, nil
	})
	return err
}

// Rising tells which words rose about a brand in its newest week, and which week that is.
func (p *Pipeline) Rising(ctx context.Context, brand string, most int) (week string, rising []pulse.Rise, err error) {
	var weeks []pulse.Terms
	for row, err := range p.terms.List(ctx, store.Range{Part: brand, Desc: true, Limit: termsBefore + 1}) {
		if err != nil {
			return "", nil, err
		}
		if week == "" {
			week = row.Sort
		}
		weeks = append(weeks, row.Value.Terms)
	}
	if len(weeks) == 0 {
		return "", nil, nil
	}
	return week, pulse.Rising(weeks[0], weeks[1:], most), nil
}

// TopicCount is how much was said about a topic.
type TopicCount struct {
	Brand    string `json:"brand"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Mentions int    `json:"mentions"`
	Bad      int    `json:"complaints"`
	Good     int    `json:"praise"`
}

// Topics counts what was said about a brand's topics between two times, in the order of the configuration.
func (p *Pipeline) Topics(ctx context.Context, brand string, from, to time.Time) ([]TopicCount, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	var out []TopicCount
	for i, t := range plan.Doc.Brand(brand).Topics {
		at[t.Name] = i
		out = append(out, TopicCount{Brand: brand, Name: t.Name, Kind: cmp.Or(t.Kind, "theme")})
	}
	for _, a := range plan.Doc.Networks {
		if a.Brand != brand || len(out) == 0 {
			continue
		}
		err := p.Lines(ctx, a.Name, from, to, func(_ ledger.Place, l ledger.Line) error {
			v, ok := voice(l)
			for _, name := range v.Topics {
				i, known := at[name]
				if !ok || !known {
					continue
				}
				out[i].Mentions++
				switch {
				case v.Bad:
					out[i].Bad++
				case v.Mood > 0:
					out[i].Good++
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
