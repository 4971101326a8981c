package pipeline

import (
	"context"
	"maps"
	"slices"

	"rapport/shared/decide/identity"
	"rapport/shared/decide/score"
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
	for _, t := range o.Told { // whoever objected there is known here too, so that nobody else takes it back
		if t.What == flow.Objection && slices.Contains(a.Objected, t.Purpose) && !slices.ContainsFunc(v.Told, func(x flow.Told) bool { return x.Purpose == t.Purpose && aside(x.What, t.What) }) {
			v.Told, a.Told = append(slices.Clone(v.Told), t), append(a.Told, t)
		}
	}
	a.takeScores(v, o)
	if a.Protects = o.Protected; o.Protected && !v.Protected {
		v.Protected, a.Protected = true, true
	}
	r.Merges = append(r.Merges, a)
}

// takeScores lets a person have the scores of another's accounts. Whom one of the two kept from being scored has none: it does
// not come back with an undoing, the next mention makes it anew.
func (a *Absorbed) takeScores(v *flow.Person, o flow.Person) {
	a.Excluded, a.Excludes = v.Unscored, o.Unscored
	if v.Unscored == "" {
		v.Unscored, a.Unscored = o.Unscored, o.Unscored
	}
	if unscorable(*v) {
		v.Score, v.Scores = flow.Score{}, nil
		return
	}
	theirs, known := scoresOf(o)
	before := *v
	before.Authors = slices.DeleteFunc(slices.Clone(v.Authors), func(x string) bool { return slices.Contains(a.Authors, x) })
	mine, sure := scoresOf(before)
	switch {
	case known && sure:
		for _, author := range sorted(theirs) {
			if _, there := mine[author]; !there {
				mine[author], a.Scores = theirs[author], append(a.Scores, author)
			}
		}
		if len(a.Scores) > 0 {
			scored(v, mine)
		}
	case v.Score.Version == "" && o.Score.Version != "":
		v.Score, a.Scored = o.Score, true
	}
}

// unscorable tells whether somebody may have no score.
func unscorable(p flow.Person) bool {
	return p.Unscored != "" || slices.Contains(p.Objected, "scoring")
}

// scoresOf gives the scores of a person's accounts, false where nobody can tell of which account the score is.
func scoresOf(p flow.Person) (map[string]flow.Score, bool) {
	switch {
	case p.Scores != nil:
		return maps.Clone(p.Scores), true
	case p.Score.Version == "":
		return map[string]flow.Score{}, true
	case len(p.Authors) == 1:
		return map[string]flow.Score{p.Authors[0]: p.Score}, true
	}
	return nil, false
}

// scored lets a person have the scores of its accounts.
func scored(p *flow.Person, of map[string]flow.Score) {
	p.Score, p.Scores = score.Combine(of), of
	if len(of) == 0 || len(of) == 1 && len(p.Authors) < 2 {
		p.Scores = nil // the one score says it
	}
}

// giveScores takes the scores out of a person that a merge brought. An exclusion that another merge brought too stays, as
// that one's.
func (r *PersonRow) giveScores(a Absorbed, was flow.Person, of map[string]flow.Score, known bool) {
	v := &r.Person
	if a.Unscored != "" && v.Unscored == a.Unscored {
		v.Unscored = ""
		if i := slices.IndexFunc(r.Merges, func(m Absorbed) bool { return m.Excludes != "" }); i >= 0 {
			v.Unscored, r.Merges[i].Unscored = r.Merges[i].Excludes, r.Merges[i].Excludes
		}
	}
	switch {
	case len(a.Scores) > 0 && known:
		maps.DeleteFunc(of, func(author string, _ flow.Score) bool { return slices.Contains(a.Scores, author) })
		scored(v, of)
	case a.Scored && v.Score.Total == was.Score.Total && v.Score.At.Equal(was.Score.At):
		v.Score = flow.Score{}
	}
	for _, author := range a.Authors { // scored since
		if _, there := v.Scores[author]; there {
			score.Drop(v, author)
		}
	}
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
	of, known := scoresOf(*v)
	r.Merges = slices.DeleteFunc(slices.Clone(r.Merges), func(x Absorbed) bool { return x.Merge == id })
	v.Authors = slices.DeleteFunc(v.Authors, func(x string) bool { return slices.Contains(a.Authors, x) })
	v.Links = slices.DeleteFunc(v.Links, func(l flow.Link) bool { return hasLink(a.Links, l) })
	for _, x := range a.Objected {
		i := slices.IndexFunc(r.Merges, func(m Absorbed) bool { return slices.Contains(m.Brought, x) })
		if i >= 0 {
			r.Merges[i].Objected = with1(r.Merges[i].Objected, x)
			for _, t := range a.Told {
				if t.Purpose == x {
					r.Merges[i].Told = append(slices.Clone(r.Merges[i].Told), t)
				}
			}
			continue
		}
		v.Objected = slices.DeleteFunc(slices.Clone(v.Objected), func(y string) bool { return y == x })
	}
	v.Told = slices.DeleteFunc(slices.Clone(v.Told), func(t flow.Told) bool {
		return !slices.Contains(v.Objected, t.Purpose) && slices.Contains(a.Told, t)
	})
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
	r.giveScores(a, was, of, known)
	if a.Protected {
		i := slices.IndexFunc(r.Merges, func(m Absorbed) bool { return m.Protects })
		if v.Protected = i >= 0; v.Protected {
			r.Merges[i].Protected = true
		}
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
		others := slices.ContainsFunc(r.Merges, func(m Absorbed) bool { return m.Merge != id && slices.Contains(m.Objected, x) })
		if !others && !slices.Contains(a.Objected, x) && !slices.Contains(a.Had, x) && !slices.Contains(out.Person.Objected, x) {
			out.Person.Objected = with1(out.Person.Objected, x)
			for _, t := range r.Person.Told {
				if t.Purpose == x && t.What == flow.Objection {
					out.Person.Told = withTold(out.Person.Told, t)
				}
			}
		}
	}
	others := slices.ContainsFunc(r.Merges, func(m Absorbed) bool { return m.Merge != id && m.Unscored != "" })
	if out.Person.Unscored == "" && a.Excluded == "" && !others {
		out.Person.Unscored = r.Person.Unscored // said of the two since
	}
	if unscorable(out.Person) {
		out.Person.Score, out.Person.Scores = flow.Score{}, nil
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
		out[i].Scores = slices.DeleteFunc(slices.Clone(out[i].Scores), func(a string) bool { return a == author })
	}
	return out
}

// unmention takes an author who is erased out of review lists and of what is kept to undo merges.
func (p *Pipeline) unmention(ctx context.Context, plan *Plan, who PersonRow, author string) error {
	for _, a := range who.Merges {
		_, err := p.merges.Update(ctx, a.Merge, "-", func(r *store.Row[MergeRow]) (bool, error) {
			v := &r.Value.Was.Person
			n := len(v.Authors)
			score.Drop(v, author)
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

// unscoreMerges takes scores out of what is kept to undo merges of whom may have none any more.
func (p *Pipeline) unscoreMerges(ctx context.Context, list []Absorbed) error {
	for _, a := range list {
		_, err := p.merges.Update(ctx, a.Merge, "-", func(r *store.Row[MergeRow]) (bool, error) {
			v := &r.Value.Was.Person
			had := r.Version > 0 && (v.Score.Version != "" || v.Scores != nil)
			v.Score, v.Scores = flow.Score{}, nil
			return had, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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
