package pipeline

import (
	"context"
	"slices"
	"strings"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide/identity"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// maxOthers bounds how many further persons a matching key remembers: two are as good as a hundred.
const maxOthers = 3

// keyPlace names where a matching key stands in a CRM; with kind "" it leads all keys of a record.
func keyPlace(conf config.Account, object, record, kind string) string {
	return conf.Name + "#" + object + "#" + record + "#" + kind
}

// chosen tells whether an account's fields of a kind are matching keys. Where nothing is chosen, e-mails and phones are.
func chosen(conf config.Account, object, kind string) bool {
	if len(conf.Match) == 0 {
		return true
	}
	return slices.ContainsFunc(conf.Match, func(m config.Match) bool { return m.Object == object && len(keyFields(m, kind)) > 0 })
}

func keyFields(m config.Match, kind string) []string {
	switch kind {
	case identity.KeyEmail:
		return m.Email
	case identity.KeyPhone:
		return m.Phone
	}
	return m.Customer
}

// saveKeys makes a person findable by the strong keys of a change, hashed, and by those that stood there before no more.
func (p *Pipeline) saveKeys(ctx context.Context, plan *Plan, conf config.Account, person string, c flow.Change) error {
	record, object := c.Record, c.Object
	if c.Into != "" {
		return nil // the survivor tells its keys itself
	}
	for _, k := range [][2]string{{identity.KeyEmail, crm.FieldEmail}, {identity.KeyPhone, crm.FieldPhone}} {
		value, told := c.Fields[k[1]].(string)
		if !told || !chosen(conf, object, k[0]) {
			continue
		}
		var hashes []string
		if value = normal(plan, conf, k[0], value); value != "" {
			hashes = []string{p.hashed(k[0], value)}
		}
		if err := p.setKeys(ctx, person, keyPlace(conf, object, record, k[0]), hashes); err != nil {
			return err
		}
		for _, h := range hashes {
			if err := p.addKey(ctx, h, keyOf(person, k[0], conf)); err != nil {
				return err
			}
		}
	}
	return nil
}

func keyOf(person, kind string, conf config.Account) KeyRow {
	return KeyRow{Person: person, Kind: kind, Evidence: "the same " + strings.ReplaceAll(kind, "_", " ") + " as the record in " + conf.Name}
}

// setKeys notes which keys stand in one place of a person's records, and takes back those that stood there alone.
func (p *Pipeline) setKeys(ctx context.Context, person, place string, hashes []string) error {
	var gone []string
	_, err := p.people.Update(ctx, person, "-", func(r *store.Row[PersonRow]) (bool, error) {
		was := r.Value.Keys[place]
		if r.Version == 0 || !r.Value.Erased.IsZero() || slices.Equal(was, hashes) {
			return false, nil
		}
		if len(was) > 1 && len(hashes) == 1 { // of several fields nobody knows which one changed
			hashes = slices.Compact(slices.Sorted(slices.Values(append(hashes, was...))))
		}
		next := map[string][]string{place: hashes}
		for _, at := range sorted(r.Value.Keys) {
			if at != place {
				next[at] = r.Value.Keys[at]
			}
		}
		if len(hashes) == 0 {
			delete(next, place)
			delete(r.Value.Traits, place)
		}
		r.Value.Keys, gone = next, left(was, next)
		return true, nil
	})
	if err != nil {
		return err
	}
	return p.takeKeys(ctx, person, gone)
}

// left gives what of a list stands in no place any more.
func left(list []string, places map[string][]string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(h string) bool {
		for _, other := range places {
			if slices.Contains(other, h) {
				return true
			}
		}
		return false
	})
}

// dropKeys takes back all keys of a record that is gone.
func (p *Pipeline) dropKeys(ctx context.Context, person, prefix string) error {
	row, err := p.people.One(ctx, person, "-")
	for _, place := range sorted(row.Value.Keys) {
		if err == nil && strings.HasPrefix(place, prefix) {
			err = p.setKeys(ctx, person, place, nil)
		}
	}
	return err
}

// addKey lets a key lead to a person. Where it leads to another already it leads to both, and links nobody by itself.
func (p *Pipeline) addKey(ctx context.Context, hash string, k KeyRow) error {
	_, err := p.keys.Update(ctx, hash, "-", func(r *store.Row[KeyRow]) (bool, error) {
		v := &r.Value
		switch {
		case len(k.Known) > 0:
			return v.join(k), nil
		case v.Person == k.Person || slices.Contains(v.Others, k.Person):
			return false, nil
		case v.Person == "":
			*v = k
		case len(v.Others) < maxOthers:
			v.Others = append(v.Others, k.Person)
		default:
			return false, nil
		}
		return true, nil
	})
	return err
}

// join adds who goes by a name, and tells whether that is news. Too many are as good as none.
func (r *KeyRow) join(k KeyRow) bool {
	if r.Hot {
		return false
	}
	if r.Kind == "" {
		*r = k
		return true
	}
	i := slices.IndexFunc(r.Known, func(x KnownRow) bool { return x.Person == k.Known[0].Person })
	switch {
	case i >= 0 && r.Known[i].Traits.Equal(k.Known[0].Traits):
		return false
	case i >= 0:
		r.Known = slices.Clone(r.Known)
		r.Known[i] = k.Known[0]
	case len(r.Known) >= maxKnown:
		r.Known, r.Hot = nil, true
	default:
		r.Known = append(slices.Clone(r.Known), k.Known[0])
	}
	return true
}

// pass lets another go by a name in somebody's place; to = "" nobody.
func (r *KeyRow) pass(from, to string) bool {
	i := slices.IndexFunc(r.Known, func(x KnownRow) bool { return x.Person == from })
	if i < 0 {
		return false
	}
	r.Known = slices.Clone(r.Known)
	if to == "" || slices.ContainsFunc(r.Known, func(x KnownRow) bool { return x.Person == to }) {
		r.Known = slices.Delete(r.Known, i, i+1)
	} else {
		r.Known[i].Person = to
	}
	return true
}

// takeKeys lets keys lead to a person no more.
func (p *Pipeline) takeKeys(ctx context.Context, person string, hashes []string) error {
	for _, h := range hashes {
		if err := p.moveKey(ctx, h, person, ""); err != nil {
			return err
		}
	}
	return nil
}

// moveKey lets a key lead to another person than before; to = "" to nobody in its place.
func (p *Pipeline) moveKey(ctx context.Context, hash, from, to string) error {
	row, err := p.keys.Update(ctx, hash, "-", func(r *store.Row[KeyRow]) (bool, error) {
		v := &r.Value
		if len(v.Known) > 0 {
			return v.pass(from, to), nil
		}
		list := append([]string{v.Person}, v.Others...)
		if !slices.Contains(list, from) {
			return false, nil
		}
		list = slices.DeleteFunc(list, func(id string) bool { return id == from || id == "" || id == to })
		if to != "" {
			list = append([]string{to}, list...)
		}
		v.Person, v.Others = "", nil
		if len(list) > 0 {
			v.Person, v.Others = list[0], list[1:]
		}
		return true, nil
	})
	if err != nil || row.Version == 0 || row.Value.Person != "" || len(row.Value.Known) > 0 || row.Value.Hot {
		return err
	}
	// A hash that leads nowhere is a trace all the same. Who takes it up meanwhile keeps it.
	key := p.keys.Key(hash, "-")
	if res := p.Store.Delete(ctx, store.Item{Part: key.Part, Sort: key.Sort, Version: row.Version})[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// joined makes one person of two whose records were merged or converted into one: the one who has the survivor stays.
func (p *Pipeline) joined(ctx context.Context, plan *Plan, conf config.Account, loser string, c flow.Change) error {
	object := c.Object
	if c.Object2 != "" {
		object = c.Object2
	}
	row, err := p.foreign.One(ctx, conf.Name, object+"#"+c.Into)
	kind, winner, ok := flow.SplitKey(row.Value.Key)
	if err != nil || !ok || kind != flow.KindPerson || winner == loser {
		return err
	}
	gone, err := p.people.One(ctx, loser, "-")
	if err != nil || gone.Version == 0 || !gone.Value.Erased.IsZero() {
		return err
	}
	was := gone.Value
	there := false
	_, err = p.people.Update(ctx, winner, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if there = r.Version > 0 && v.Merged == "" && r.Value.Erased.IsZero(); !there {
			return false, nil
		}
		absorb(&r.Value, was, conf.Name, c)
		v.Updated = p.now()
		v.Revision++
		return true, nil
	})
	if err != nil || !there {
		return err
	}
	for _, author := range was.Person.Authors {
		_, err := p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
			mine := r.Version > 0 && r.Value.Person == loser
			r.Value.Person = winner
			return mine, nil
		})
		if err != nil {
			return err
		}
	}
	for _, place := range sorted(was.Keys) {
		for _, h := range was.Keys[place] {
			if err := p.moveKey(ctx, h, loser, winner); err != nil {
				return err
			}
		}
	}
	// The last, so that who dies before begins anew.
	_, err = p.people.Update(ctx, loser, "-", func(r *store.Row[PersonRow]) (bool, error) {
		r.Value = PersonRow{Person: flow.Person{ID: loser, Merged: winner, Updated: p.now(), Revision: r.Value.Person.Revision + 1}}
		return true, nil
	})
	if err != nil {
		return err
	}
	return p.tellPerson(ctx, plan, winner)
}

// absorb adds to a person what is known of another. An objection to one is an objection of both; a consent is not.
func absorb(r *PersonRow, was PersonRow, account string, c flow.Change) {
	v, o := &r.Person, was.Person
	for _, a := range o.Authors {
		v.Authors = with1(v.Authors, a)
	}
	for _, purpose := range o.Objected {
		v.Objected = with1(v.Objected, purpose)
	}
	for _, l := range o.Links {
		same := l.To == account && (l.Record == c.Record || l.Record == c.Into)
		if !same && !slices.ContainsFunc(v.Links, func(x flow.Link) bool { return x.To == l.To && x.Object == l.Object && x.Record == l.Record }) {
			v.Links = append(v.Links, l)
		}
	}
	for _, crm := range sorted(o.Accepted) {
		if v.Accepted == nil {
			v.Accepted = map[string]bool{}
		}
		v.Accepted[crm] = v.Accepted[crm] || o.Accepted[crm]
	}
	if v.Name == "" {
		v.Name = o.Name
	}
	if v.Score.Version == "" {
		v.Score = o.Score
	}
	v.Protected = v.Protected || o.Protected
	keys := map[string][]string{}
	for _, list := range []map[string][]string{was.Keys, r.Keys} {
		for _, place := range sorted(list) {
			keys[place] = list[place]
		}
	}
	r.Keys = keys
	traits := map[string]identity.Traits{}
	for _, list := range []map[string]identity.Traits{was.Traits, r.Traits} {
		for _, place := range sorted(list) {
			traits[place] = list[place]
		}
	}
	r.Traits = traits
}
