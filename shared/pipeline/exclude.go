package pipeline

import (
	"context"

	"rapport/shared/decide"
	"rapport/shared/decide/score"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// Exclude keeps somebody from being scored: the score and what it rested on go, also from the CRMs, and none is made again.
// why stands with the person and in every receipt, so it must name nobody. With why "" they may be scored again, from
// nothing. Twice is fine. NotFound: nothing is known of them.
func (p *Pipeline) Exclude(ctx context.Context, s Subject, why string) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	people, known := with1(nil, s.Person), false
	for _, author := range s.Authors {
		row, err := p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
			v := &r.Value
			if r.Version == 0 || v.Objected || v.Unscored == why {
				return false, nil
			}
			v.Unscored = why
			v.Score, v.Seen = flow.Score{}, decide.Seen{Last: v.Seen.Last}
			return true, nil
		})
		if err != nil {
			return err
		}
		known = known || row.Version > 0
		people = with1(people, row.Value.Person)
	}
	for _, id := range people {
		if id == "" {
			continue
		}
		row, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
			v := &r.Value.Person
			if r.Version == 0 || !r.Value.Erased.IsZero() {
				return false, nil
			}
			changed := false
			if id == s.Person { // the whole person, whatever account they open
				changed = v.Unscored != why
				v.Unscored = why
			}
			for _, author := range s.Authors {
				changed = score.Drop(v, author) || changed
			}
			if v.Unscored != "" && v.Score.Version != "" {
				v.Score, v.Scores, changed = flow.Score{}, nil, true
			}
			v.Updated = p.now()
			v.Revision++
			return changed, nil
		})
		if err != nil {
			return err
		}
		known = known || row.Version > 0
		if row.Version > 0 && unscorable(row.Value.Person) {
			if err := p.unscoreMerges(ctx, row.Value.Merges); err != nil {
				return err
			}
		}
		if row.Version > 0 {
			if err := p.tellPerson(ctx, plan, id); err != nil {
				return err
			}
		}
	}
	if !known {
		return fault.New(fault.NotFound, "nothing is known of them: %s", subjectForms)
	}
	return nil
}
