package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

// HoldRow is a legal hold: somebody's traces have to stay for now. Kept in one partition, under the hash of the subject; it
// goes when it is lifted, and the audit trail remembers it.
type HoldRow struct {
	ID      string    `json:"id"`
	Authors []string  `json:"authors,omitempty"`
	Person  string    `json:"person,omitempty"`
	By      string    `json:"by"`
	Why     string    `json:"why"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until,omitzero"` // zero = until it is lifted
	Jobs    []string  `json:"jobs,omitempty"` // erasures that wait for its end
}

// active tells whether a hold is in force.
func (h HoldRow) active(now time.Time) bool { return h.Until.IsZero() || now.Before(h.Until) }

// covers tells whether a hold is about one of some authors, or a person.
func (h HoldRow) covers(authors, people []string) bool {
	return h.Person != "" && slices.Contains(people, h.Person) || slices.ContainsFunc(h.Authors, func(a string) bool { return slices.Contains(authors, a) })
}

// PutHold sets a legal hold, or changes it: whom it is about decides. Erasures and the retention sweep leave the subject
// alone until it ends or is lifted. Invalid: nobody said why, or its end is past.
func (p *Pipeline) PutHold(ctx context.Context, s Subject, by, why string, until time.Time) (HoldRow, error) {
	switch {
	case strings.TrimSpace(why) == "":
		return HoldRow{}, fault.New(fault.Invalid, "a legal hold needs a reason")
	case !until.IsZero() && !until.After(p.now()):
		return HoldRow{}, fault.New(fault.Invalid, "a legal hold that ended on %s holds nothing", until.Format(time.DateOnly))
	case s.Person == "" && len(s.Authors) == 0:
		return HoldRow{}, fault.New(fault.Invalid, "a legal hold needs somebody: %s", subjectForms)
	}
	id := p.hashed(append([]string{"hold", s.Person}, s.Authors...)...)[:12]
	if s.Person != "" {
		id = p.hashed("hold", s.Person)[:12]
	}
	row, err := p.holds.Update(ctx, "-", id, func(r *store.Row[HoldRow]) (bool, error) {
		r.Value = HoldRow{ID: id, Authors: s.Authors, Person: s.Person, By: by, Why: why, At: p.now(), Until: until, Jobs: r.Value.Jobs}
		return true, nil
	})
	if err == nil {
		err = p.Named(ctx, "hold", "-", id)
	}
	return row.Value, err
}

// LiftHold ends a legal hold; erasures that waited for it go on. NotFound: there is none of that id.
func (p *Pipeline) LiftHold(ctx context.Context, id string) (HoldRow, error) {
	row, err := p.holds.Update(ctx, "-", id, func(r *store.Row[HoldRow]) (bool, error) {
		if r.Version == 0 {
			return false, fault.New(fault.NotFound, "there is no legal hold %q: `rapport privacy holds` lists them", id)
		}
		r.Value.Until = p.now() // from here on it holds nothing, whatever becomes of the rest
		return true, nil
	})
	if err != nil {
		return row.Value, err
	}
	for _, job := range row.Value.Jobs {
		if err := p.wake(ctx, job, 0); err != nil {
			return row.Value, err
		}
	}
	res := p.Store.Delete(ctx, store.Item{Part: "hold#-", Sort: id, Version: row.Version})[0]
	if conflicted(res) { // set anew, or a job came to wait: lifted again it is done
		return row.Value, fault.New(fault.Conflict, "the legal hold %q was changed meanwhile: look, and lift it again", id)
	}
	return row.Value, res.Err
}

// Holds lists the legal holds that are in force.
func (p *Pipeline) Holds(ctx context.Context) ([]HoldRow, error) {
	var list []HoldRow
	for row, err := range p.holds.List(ctx, store.Range{Part: "-"}) {
		if err != nil {
			return nil, err
		}
		if row.Value.active(p.now()) {
			list = append(list, row.Value)
		}
	}
	return list, nil
}

// heldBy gives the legal hold that an erasure has to wait for, and notes there that it waits; "" = none.
func (p *Pipeline) heldBy(ctx context.Context, job string, authors, people []string) (h HoldRow, err error) {
	list, err := p.Holds(ctx)
	if err != nil {
		return h, err
	}
	for _, h := range list {
		if !h.covers(authors, people) {
			continue
		}
		there := false
		row, err := p.holds.Update(ctx, "-", h.ID, func(r *store.Row[HoldRow]) (bool, error) {
			there = r.Version > 0 && r.Value.active(p.now())
			if !there || job == "" || slices.Contains(r.Value.Jobs, job) {
				return false, nil
			}
			r.Value.Jobs = append(r.Value.Jobs, job)
			return true, nil
		})
		if err != nil || there {
			return row.Value, err
		}
	}
	return HoldRow{}, nil
}
