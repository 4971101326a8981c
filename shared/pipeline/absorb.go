package pipeline

import (
	"context"
	"maps"
	"slices"

	"rapport/shared/decide/identity"
	"rapport/shared/flow"
	"rapport/shared/store"
)

func sameLink(a, b flow.Link) bool {
	return a.To == b.To && a.Object == b.Object && a.Record == b.Record
}

func hasLink(list []flow.Link, l flow.Link) bool {
	return slices.ContainsFunc(list, func(x flow.Link) bool { return sameLink(x, l) })
}

// take adds to a person what another is, and notes what was new. An objection of one is an objection of both; a consent is
// not.
func (r *PersonRow) take(id string, was PersonRow) {
	v, o := &r.Person, was.Person
	a := Absorbed{Merge: id, Brought: o.Objected, Had: v.Objected}
	for _, x := range o.Authors {
		if !slices.Contains(v.Authors, x) {
			v.Authors, a.Authors = append(v.Authors, x), append(a.Authors, x)
		}
	}
	for _, l := range o.Links {
		if !hasLink(v.Links, l) {
			v.Links, a.Links = append(v.Links, l), append(a.Links, l)
		}
	}
	v.Objected = slices.Clone(v.Objected)
	for _, x := range o.Objected {
		if !slices.Contains(v.Objected, x) {
			v.Objected, a.Objected = append(v.Objected, x), append(a.Objected, x)
		}
	}
	for _, x := range sorted(o.Accepted) {
		if o.Accepted[x] && !v.Accepted[x] {
			if v.Accepted == nil {
				v.Accepted = map[string]bool{}
			}
			v.Accepted[x], a.Accepted = true, append(a.Accepted, x)
		}
	}
	keys, traits := maps.Clone(r.Keys), maps.Clone(r.Traits)
	for _, place := range sorted(was.Keys) {
		if _, mine := keys[place]; mine {
			continue
		}
		if keys == nil {
			keys = map[string][]string{}
		}
		keys[place], a.Places = was.Keys[place], append(a.Places, place)
		if t, ok := was.Traits[place]; ok {
			if traits == nil {
				traits = map[string]identity.Traits{}
			}
			traits[place] = t
		}
	}
	r.Keys, r.Traits = keys, traits
	if v.Name == "" && o.Name != "" {
		v.Name, a.Name = o.Name, o.Name
	}
	if v.Score.Version == "" && o.Score.Version != "" {
		v.Score, a.Scored = o.Score, true
	}
	if o.Protected && !v.Protected {
		v.Protected, a.Protected = true, true
	}
	r.Merges = append(r.Merges, a)
}

// absorbed finds what a merge brought.
func (r PersonRow) absorbed(id string) (Absorbed, bool) {
	i := slices.IndexFunc(r.Merges, func(a Absorbed) bool { return a.Merge == id })
	if i < 0 {
		return Absorbed{}, false
	}
	return r.Merges[i], true
}

// giveBack takes out of a person what a merge brought, and tells whether there was anything. What another merge brought too
// stays, as that one's.
func (r *PersonRow) giveBack(id string, was flow.Person) bool {
	a, ok := r.absorbed(id)
	if !ok {
		return false
	}
	v := &r.Person
	r.Merges = slices.DeleteFunc(slices.Clone(r.Merges), func(x Absorbed) bool { return x.Merge == id })
	v.Authors = slices.DeleteFunc(v.Authors, func(x string) bool { return slices.Contains(a.Authors, x) })
	v.Links = slices.DeleteFunc(v.Links, func(l flow.Link) bool { return hasLink(a.Links, l) })
	for _, x := range a.Objected {
		i := slices.IndexFunc(r.Merges, func(m Absorbed) bool { return slices.Contains(m.Brought, x) })
		if i >= 0 {
			r.Merges[i].Objected = with1(r.Merges[i].Objected, x)
			continue
		}
		v.Objected = slices.DeleteFunc(slices.Clone(v.Objected), func(y string) bool { return y == x })
	}
	for _, x := range a.Accepted {
		delete(v.Accepted, x)
	}
	for _, place := range a.Places {
		delete(r.Keys, place)
		delete(r.Traits, place)
	}
	if a.Name != "" && v.Name == a.Name {
		v.Name = ""
	}
	if a.Scored && v.Score.Total == was.Score.Total && v.Score.At.Equal(was.Score.At) {
		v.Score = flow.Score{}
	}
	if a.Protected {
		v.Protected = false
	}
	return true
}

// returned gives a person as it was before a merge, but for what happened since: what is gone meanwhile stays gone, keys are
// as the CRM told them last, and an objection that was made since is one of both.
func (r PersonRow) returned(id string, was PersonRow) PersonRow {
	a, ok := r.absorbed(id)
	if !ok {
		return was
	}
	out := was
	out.Person.Authors = slices.DeleteFunc(slices.Clone(was.Person.Authors), func(x string) bool { return !slices.Contains(r.Person.Authors, x) })
	out.Person.Links = slices.DeleteFunc(slices.Clone(was.Person.Links), func(l flow.Link) bool { return !hasLink(r.Person.Links, l) })
	out.Person.Objected = slices.Clone(was.Person.Objected)
	for _, x := range r.Person.Objected {
		if !slices.Contains(a.Objected, x) && !slices.Contains(a.Had, x) {
			out.Person.Objected = with1(out.Person.Objected, x)
		}
	}
	out.Keys, out.Traits = maps.Clone(was.Keys), maps.Clone(was.Traits)
	for _, place := range a.Places {
		if now, ok := r.Keys[place]; ok {
			out.Keys[place] = now
		} else {
			delete(out.Keys, place)
		}
		if now, ok := r.Traits[place]; ok {
			out.Traits[place] = now
		} else {
			delete(out.Traits, place)
		}
	}
	return out
}

// withoutAuthor takes an author out of what merges brought.
func withoutAuthor(list []Absorbed, author string) []Absorbed {
	out := slices.Clone(list)
	for i := range out {
		out[i].Authors = slices.DeleteFunc(slices.Clone(out[i].Authors), func(a string) bool { return a == author })
		out[i].Links = slices.DeleteFunc(slices.Clone(out[i].Links), func(l flow.Link) bool { return l.To == author })
	}
	return out
}

// unmention takes an author who is erased out of review lists and of what is kept to undo merges.
func (p *Pipeline) unmention(ctx context.Context, plan *Plan, who PersonRow, author string) error {
	for _, a := range who.Merges {
		_, err := p.merges.Update(ctx, a.Merge, "-", func(r *store.Row[MergeRow]) (bool, error) {
			v := &r.Value.Was.Person
			n := len(v.Authors)
			v.Authors = slices.DeleteFunc(v.Authors, func(x string) bool { return x == author })
			v.Links = slices.DeleteFunc(v.Links, func(l flow.Link) bool { return l.To == author })
			r.Value.Was.Merges = withoutAuthor(r.Value.Was.Merges, author)
			return r.Version > 0 && len(v.Authors) != n, nil
		})
		if err != nil {
			return err
		}
	}
	return p.unreview(ctx, plan, author, "")
}

// forgetMerges removes what is kept to undo merges of a person who is erased, and takes the person out of review lists.
func (p *Pipeline) forgetMerges(ctx context.Context, plan *Plan, id string, was PersonRow) error {
	for _, a := range was.Merges {
		if err := p.remove(ctx, p.merges.Key(a.Merge, "-")); err != nil {
			return err
		}
	}
	return p.unreview(ctx, plan, "", id)
}
