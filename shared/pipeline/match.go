package pipeline

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/decide/identity"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// How many may go by one name before it is hot, how many of them are looked at closer, how long a profile that was looked
// for is not looked for again, and how old what is known of frequencies may be.
const (
	maxKnown   = 50
	maxLikely  = 3
	judgedFor  = 7 * 24 * time.Hour
	oftenFresh = time.Hour
)

// compares tells whether people of a brand are compared by name: some CRM account names the fields.
func compares(doc *config.Document, brand string) bool {
	return slices.ContainsFunc(doc.CRMs, func(c config.Account) bool { return c.Serves(brand) && comparing(c) })
}

func comparing(conf config.Account) bool {
	return slices.ContainsFunc(conf.Match, func(m config.Match) bool { return len(m.Name) > 0 })
}

// short is the hash under which something that is compared is kept.
func (p *Pipeline) short(kind, value string) string { return p.hashed("trait", kind, value)[:8] }

// seek chooses by which keys an event's author is looked up: those of the text always, those of the profile unless the
// author is linked or was looked for by the same profile, and at most identity.MaxReads.
func (w *world) seek(o *one) {
	m := o.event.Mention
	o.keys, o.who, o.judged, o.likely = w.plan.Decider.Keys(m), nil, Judged{}, nil
	if len(o.keys) == 0 || o.profile.MayMatch == "no" || o.profile.MayMatch == "" {
		return
	}
	row, a := w.authors[m.Author.ID], m.Author
	linked := false
	if exists(row) {
		linked = row.Value.Person != ""
		if !a.Newer(row.Value.Author) {
			a = row.Value.Author
		}
	}
	print := w.p.printOf(a)
	known := exists(row) && row.Value.Judged.Print == print && w.now.Before(row.Value.Judged.Look)
	if linked || known || w.unsynced[m.Brand] {
		o.keys = slices.DeleteFunc(o.keys, func(k decide.Key) bool { return k.Way == identity.InProfile })
	}
	if compares(w.plan.Doc, m.Brand) && !linked {
		who := identity.ProfileOf(a, w.now, w.p.short)
		o.who = &who
		if !known && !w.unsynced[m.Brand] {
			if k, ok := decide.HandleKey(a); ok {
				o.keys = append(o.keys, k)
			}
			o.keys = append(o.keys, who.Blocks()...)
		}
	}
	slices.SortStableFunc(o.keys, func(a, b decide.Key) int { return strings.Compare(a.Class, b.Class) })
	o.keys = o.keys[:min(len(o.keys), identity.MaxReads+1)] // the author itself is none of them
	if slices.ContainsFunc(o.keys, func(k decide.Key) bool { return k.Way == identity.InProfile }) {
		o.judged = Judged{print, w.now.Add(judgedFor)}
	}
}

// printOf names a profile as far as it is looked for by.
func (p *Pipeline) printOf(a flow.Author) string {
	return p.hashed(append([]string{"profile", a.Handle, a.Name, a.Bio, a.Location}, a.Proven...)...)[:12]
}

// gatherPeople reads the persons that authors are linked to, those that exact keys lead to, and those whose name and more is
// alike.
func (p *Pipeline) gatherPeople(ctx context.Context, w *world, todo []*one) error {
	var hashes []string
	compared := false
	for _, o := range todo {
		if o.settled {
			continue
		}
		w.seek(o)
		compared = compared || o.who != nil && len(o.keys) > 1
		for _, k := range o.keys {
			if k.Kind != identity.KeyAuthor {
				hashes = append(hashes, p.hashed(k.Kind, k.Value))
			}
		}
	}
	found := map[string]*held[KeyRow]{}
	if err := fetch(ctx, p.keys, "-", hashes, found); err != nil {
		return err
	}
	var people []string
	for _, h := range hashes {
		if row := found[h]; row.Version > 0 {
			w.keys[h] = row.Value
			people = append(append(people, row.Value.Person), row.Value.Others...)
		}
	}
	for _, id := range sorted(w.authors) {
		people = append(people, w.authors[id].Value.Person)
	}
	if compared {
		if err := p.frequencies(ctx, w); err != nil {
			return err
		}
	}
	for _, o := range todo {
		if o.settled {
			continue
		}
		w.alike(o)
		people = append(people, o.likely...)
		if m := o.event.Mention; m.Private && len(o.keys) > 1 { // an attempt that died half way may have made one
			people = append(people, p.personOf(m.Author.ID))
		}
	}
	for range 4 { // through merges
		if err := fetch(ctx, p.people, "-", people, w.people); err != nil {
			return err
		}
		var more []string
		for _, id := range people {
			if row := w.people[id]; exists(row) && row.Value.Person.Merged != "" && w.people[row.Value.Person.Merged] == nil {
				more = append(more, row.Value.Person.Merged)
			}
		}
		if people = more; len(people) == 0 {
			break
		}
	}
	return nil
}

// alike chooses whom of those who go by the author's name to look at closer.
func (w *world) alike(o *one) {
	if o.who == nil || w.often == nil {
		return
	}
	type match struct {
		person string
		bits   float64
	}
	var list []match
	for _, k := range o.keys {
		row := w.keys[w.p.hashed(k.Kind, k.Value)]
		for _, x := range row.Known {
			bits := identity.Likeness(identity.Compare(*o.who, x.Traits, w.often))
			if bits < identity.Worth(w.crowdOf) || slices.ContainsFunc(list, func(m match) bool { return m.person == x.Person }) {
				continue
			}
			list = append(list, match{x.Person, bits})
		}
	}
	slices.SortStableFunc(list, func(a, b match) int { return cmp.Compare(b.bits, a.bits) })
	for _, m := range list[:min(len(list), maxLikely)] {
		o.likely = append(o.likely, m.person)
	}
}

// candidates gives who an event's author may be, with what was compared.
func (w *world) candidates(o *one) []decide.Candidate {
	var out []decide.Candidate
	a := w.authors[o.event.Mention.Author.ID]
	add := func(id string, c decide.Candidate) {
		who := w.personRow(id)
		if who == nil || slices.Contains(who.Person.Objected, "matching") {
			return
		}
		c.Person = who.Person.ID
		if exists(a) {
			c.Rejected = slices.Contains(a.Value.Rejected, c.Person)
		}
		first := true
		for _, x := range out {
			first = first && x.Person != c.Person
			if x.Person == c.Person && x.Key == c.Key {
				return
			}
		}
		if first {
			c.Compared = w.compare(o, who)
		}
		out = append(out, c)
	}
	for _, k := range o.keys {
		row := w.keys[w.p.hashed(k.Kind, k.Value)]
		if k.Kind == identity.KeyAuthor || row.Person == "" {
			continue
		}
		people := append([]string{row.Person}, row.Others...)
		c := decide.Candidate{Key: k.Kind, Evidence: k.Evidence + ": " + row.Evidence, Class: k.Class, Way: k.Way, Shared: len(people)}
		if k.Kind == identity.KeyDomain {
			if c.Key = row.Kind; len(people) > 1 { // not one person's site
				c.Class = "B"
			}
		}
		for _, id := range people {
			add(id, c)
		}
	}
	for _, id := range o.likely {
		add(id, decide.Candidate{Key: identity.KeyName, Evidence: "goes by a name that is alike", Class: "C", Way: identity.InProfile})
	}
	return out
}

// compare compares an event's author with a person.
func (w *world) compare(o *one, who *PersonRow) []identity.Point {
	if o.who == nil || w.often == nil {
		return nil
	}
	var records []identity.Traits
	for _, place := range sorted(who.Traits) {
		records = append(records, who.Traits[place])
	}
	points := identity.Closest(*o.who, records, w.often)
	for _, other := range who.Person.Authors {
		if network, _, _ := strings.Cut(other, ":"); network == o.who.Network && other != o.event.Mention.Author.ID {
			return append(points, identity.Point{Of: "taken", Level: identity.Other})
		}
	}
	return points
}

// personRow gives a person's row by id, through merges; nil where there is none any more.
func (w *world) personRow(id string) *PersonRow {
	for range 4 {
		row := w.people[id]
		if id == "" || !exists(row) || !row.Value.Erased.IsZero() {
			return nil
		}
		if row.Value.Person.Merged == "" {
			return &row.Value
		}
		id = row.Value.Person.Merged
	}
	return nil
}

// OftenRow counts how often names, cities and employers occur among the persons of a CRM account. Kept under the account;
// values stand in it as hashes of hashes.
type OftenRow struct {
	Job    string          `json:"job"` // the sync that counts, or counted
	Counts identity.Counts `json:"counts"`
}

// often remembers the frequencies of all accounts for a while.
type often struct {
	mu     sync.Mutex
	at     time.Time
	counts []*identity.Counts
}

// frequencies makes the frequencies of all accounts known to a round.
func (p *Pipeline) frequencies(ctx context.Context, w *world) error {
	p.often.mu.Lock()
	defer p.often.mu.Unlock()
	if p.often.at.IsZero() || w.now.Sub(p.often.at) > oftenFresh {
		var keys []store.Key
		for _, c := range w.plan.Doc.CRMs {
			if comparing(c) {
				keys = append(keys, p.oftens.Key(c.Name, "-"))
			}
		}
		rows, err := p.oftens.Get(ctx, keys...)
		if err != nil {
			return err
		}
		p.often.counts = nil
		for i := range rows {
			p.often.counts = append(p.often.counts, &rows[i].Value.Counts)
		}
		p.often.at = w.now
	}
	w.often = identity.OftenIn(p.often.counts)
	for _, c := range p.often.counts {
		w.crowdOf += c.Total
	}
	return nil
}

// count adds the persons of a page to the frequencies. done is how many records the job had kept before: a page that is read
// again counts once.
func (p *Pipeline) count(ctx context.Context, account, job string, done int, list []identity.Traits) error {
	_, err := p.oftens.Update(ctx, account, "-", func(r *store.Row[OftenRow]) (bool, error) {
		if r.Value.Job != job {
			r.Value = OftenRow{Job: job}
		}
		news := list[min(max(r.Value.Counts.Total-done, 0), len(list)):]
		for _, t := range news {
			r.Value.Counts.Add(t)
		}
		return len(news) > 0, nil
	})
	p.often.mu.Lock()
	defer p.often.mu.Unlock()
	p.often.at = time.Time{}
	return err
}
