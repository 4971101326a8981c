package pipeline

import (
	"context"
	"slices"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// The states of a merge.
const (
	Merging   = "merging"
	MergedNow = "merged"
	Splitting = "splitting"
	Split     = "split"
)

// MergeRow is two persons that somebody made one, with what is needed to undo exactly that. Kept under its id; it goes with
// the persons.
type MergeRow struct {
	ID      string        `json:"id"`
	Winner  string        `json:"winner"` // stays
	Loser   string        `json:"loser"`  // its id leads to the winner
	Was     PersonRow     `json:"was"`    // the loser before
	Keys    []MovedKey    `json:"keys,omitempty"`
	Noted   bool          `json:"noted,omitempty"` // Keys and Records are complete
	Records []MovedRecord `json:"records,omitempty"`
	State   string        `json:"state"`
	By      string        `json:"by"`
	Why     string        `json:"why,omitempty"`
	At      time.Time     `json:"at"`
	Undone  time.Time     `json:"undone,omitzero"`
}

// MovedKey is where the two stood under a matching key before. -1 = not at all.
type MovedKey struct {
	Hash   string   `json:"hash"`
	Loser  int      `json:"loser"`
	Winner int      `json:"winner"`
	Known  KnownRow `json:"known,omitzero"` // of a name: the loser's
}

// MovedRecord is a CRM record of the loser that stands for the winner too, which had none there.
type MovedRecord struct {
	Account string `json:"account"`
	Object  string `json:"object"`
}

// Absorbed is what a person got from another in a merge.
type Absorbed struct {
	Merge     string      `json:"merge"`
	Authors   []string    `json:"authors,omitempty"`
	Links     []flow.Link `json:"links,omitempty"`
	Objected  []string    `json:"objected,omitempty"` // that were new
	Brought   []string    `json:"brought,omitempty"`  // all that the other objected to
	Had       []string    `json:"had,omitempty"`      // all that the person itself objected to
	Accepted  []string    `json:"accepted,omitempty"`
	Places    []string    `json:"places,omitempty"`
	Name      string      `json:"name,omitempty"`
	Scored    bool        `json:"scored,omitempty"`
	Told      []flow.Told `json:"told,omitempty"`     // from where what was objected to is known
	Scores    []string    `json:"scores,omitempty"`   // authors whose scores were new
	Unscored  string      `json:"unscored,omitempty"` // exclusion from the score that was new
	Excludes  string      `json:"excludes,omitempty"` // the other's exclusion
	Excluded  string      `json:"excluded,omitempty"` // the person's own
	Protected bool        `json:"protected,omitempty"`
	Protects  bool        `json:"protects,omitempty"` // the other is protected
}

// Merge makes one person of two, because somebody said that they are one; the winner's id stays, the loser's leads to it.
// A job does it; Unmerge undoes it. In the CRMs only links move: their records of persons stay as they are. NotFound: there
// is no such person. Conflict: one of them is being merged already.
func (p *Pipeline) Merge(ctx context.Context, winner, loser, by, why string) (MergeRow, error) {
	if winner == loser {
		return MergeRow{}, fault.New(fault.Invalid, "a person cannot be merged with itself")
	}
	for _, id := range []string{winner, loser} {
		row, err := p.people.One(ctx, id, "-")
		switch {
		case err != nil:
			return MergeRow{}, err
		case row.Version == 0 || !row.Value.Erased.IsZero():
			return MergeRow{}, fault.New(fault.NotFound, "there is no person %q", id)
		case row.Value.Person.Merged != "":
			return MergeRow{}, fault.New(fault.Conflict, "person %s was merged into %s already", id, row.Value.Person.Merged)
		}
	}
	m := MergeRow{ID: "merge-" + p.Ports.NewID(), Winner: winner, Loser: loser, State: Merging, By: p.Pseudonym(by), Why: why, At: p.now()}
	if res := p.merges.Put(ctx, &store.Row[MergeRow]{Part: m.ID, Sort: "-", Value: m})[0]; res.Err != nil {
		return m, res.Err
	}
	_, err := p.Start(ctx, JobRow{ID: m.ID, Kind: JobRelink, Relink: &Relink{Verb: "merge", Merge: m.ID, By: p.Pseudonym(by), At: p.now()}})
	return m, err
}

// Unmerge undoes a merge, named by its id or by the id of the person that was merged away: exactly what it did, and nothing
// that happened since. Conflict: the winner was merged into somebody itself, which has to be undone before, or the merge is
// not finished.
func (p *Pipeline) Unmerge(ctx context.Context, id, by string) (MergeRow, error) {
	m, err := p.mergeOf(ctx, id)
	if err != nil {
		return m, err
	}
	winner, err := p.people.One(ctx, m.Winner, "-")
	switch {
	case err != nil:
		return m, err
	case m.State != MergedNow && m.State != Splitting:
		return m, fault.New(fault.Conflict, "merge %s is %s", m.ID, m.State)
	case winner.Value.Person.Merged != "":
		return m, fault.New(fault.Conflict, "person %s was merged into %s since: undo that first", m.Winner, winner.Value.Person.Merged)
	}
	row, err := p.merges.Update(ctx, m.ID, "-", func(r *store.Row[MergeRow]) (bool, error) {
		again := r.Value.State == Splitting
		r.Value.State = Splitting
		return !again, nil
	})
	if err != nil {
		return m, err
	}
	_, err = p.Start(ctx, JobRow{ID: "un" + m.ID, Kind: JobRelink, Relink: &Relink{Verb: "unmerge", Merge: m.ID, By: p.Pseudonym(by), At: p.now()}})
	return row.Value, err
}

// mergeOf finds a merge by its id, or by the person that was merged away.
func (p *Pipeline) mergeOf(ctx context.Context, id string) (MergeRow, error) {
	row, err := p.merges.One(ctx, id, "-")
	if err != nil || row.Version > 0 {
		return row.Value, err
	}
	gone, err := p.people.One(ctx, id, "-")
	if err != nil {
		return MergeRow{}, err
	}
	into, err := p.people.One(ctx, gone.Value.Person.Merged, "-")
	if gone.Value.Person.Merged == "" || err != nil {
		return MergeRow{}, fault.New(fault.NotFound, "there is no merge %q", id)
	}
	for _, a := range into.Value.Merges {
		if row, err := p.merges.One(ctx, a.Merge, "-"); err != nil || row.Value.Loser == id {
			return row.Value, err
		}
	}
	return MergeRow{}, fault.New(fault.NotFound, "person %s was merged in the CRM: that has to be undone there", id)
}

// merged notes that a merge, or its undoing, is done.
func (p *Pipeline) merged(ctx context.Context, id string) error {
	_, err := p.merges.Update(ctx, id, "-", func(r *store.Row[MergeRow]) (bool, error) {
		switch r.Value.State {
		case Merging:
			r.Value.State = MergedNow
		case Splitting:
			r.Value.State, r.Value.Undone, r.Value.Was, r.Value.Keys = Split, p.now(), PersonRow{}, nil
		default:
			return false, nil
		}
		return r.Version > 0, nil
	})
	return err
}

// joinStep merges two persons. The winner knows all before the loser's id leads to it, so that no objection is ever unknown.
func (p *Pipeline) joinStep(ctx context.Context, _ *Plan, id string) (authors, people []string, err error) {
	row, err := p.merges.One(ctx, id, "-")
	m := &row.Value
	if err != nil || row.Version == 0 {
		return nil, nil, err
	}
	row.Part, row.Sort = id, "-"
	loser, err := p.people.One(ctx, m.Loser, "-")
	if err != nil {
		return nil, nil, err
	}
	switch into := loser.Value.Person.Merged; {
	case into == m.Winner:
	case into != "" || loser.Version == 0 || !loser.Value.Erased.IsZero():
		return nil, nil, fault.New(fault.Invalid, "person %s is gone or was merged meanwhile", m.Loser)
	default:
		m.Was = loser.Value
		if err := p.noteMoved(ctx, m); err != nil {
			return nil, nil, err
		}
		if m.Was.Person.Owner != "" { // the name stands in the row of the merge now
			if err := p.namedAt(ctx, "merge", id, "-", latest(p.now(), m.Was.Owned.Add(StaffFor))); err != nil {
				return nil, nil, err
			}
		}
		if res := p.merges.Put(ctx, &row)[0]; res.Err != nil {
			return nil, nil, res.Err
		}
		winner, err := p.people.Update(ctx, m.Winner, "-", func(r *store.Row[PersonRow]) (bool, error) {
			if r.Version == 0 || r.Value.Person.Merged != "" || !r.Value.Erased.IsZero() {
				return false, fault.New(fault.Invalid, "person %s is gone or was merged meanwhile", m.Winner)
			}
			r.Value.giveBack(id, m.Was.Person)
			r.Value.take(id, m.Was)
			r.Value.Person.Updated = p.now()
			r.Value.Person.Revision++
			return true, nil
		})
		if err != nil {
			return nil, nil, err
		}
		loser.Part, loser.Sort = m.Loser, "-"
		loser.Value = PersonRow{Person: flow.Person{ID: m.Loser, Merged: m.Winner, Updated: winner.Value.Person.Updated, Revision: m.Was.Person.Revision + 1}}
		if res := p.people.Put(ctx, &loser)[0]; res.Err != nil { // it changed meanwhile: once more
			return nil, nil, fault.New(fault.Transient, "person %s changed meanwhile: %w", m.Loser, res.Err)
		}
	}
	for _, author := range m.Was.Person.Authors {
		if err := p.moveAuthor(ctx, author, m.Loser, m.Winner); err != nil {
			return nil, nil, err
		}
	}
	for _, k := range m.Keys {
		if err := p.moveKey(ctx, k.Hash, m.Loser, m.Winner); err != nil {
			return nil, nil, err
		}
	}
	for _, rec := range m.Records {
		if err := p.lendRecord(ctx, rec, m.Loser, m.Winner); err != nil {
			return nil, nil, err
		}
	}
	return m.Was.Person.Authors, []string{m.Winner}, nil
}

func (p *Pipeline) moveAuthor(ctx context.Context, author, from, to string) error {
	_, err := p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		mine := r.Version > 0 && r.Value.Person == from
		if mine {
			r.Value.Person = to
		}
		return mine, nil
	})
	return err
}

// noteMoved notes where keys stand and which records will be lent, before anything moves.
func (p *Pipeline) noteMoved(ctx context.Context, m *MergeRow) error {
	m.Keys, m.Records, m.Noted = nil, nil, true
	for _, place := range sorted(m.Was.Keys) {
		for _, h := range m.Was.Keys[place] {
			row, err := p.keys.One(ctx, h, "-")
			if err != nil {
				return err
			}
			if slices.ContainsFunc(m.Keys, func(k MovedKey) bool { return k.Hash == h }) {
				continue
			}
			list := row.Value.people()
			k := MovedKey{Hash: h, Loser: slices.Index(list, m.Loser), Winner: slices.Index(list, m.Winner)}
			if k.Loser >= 0 && len(row.Value.Known) > 0 {
				k.Known = row.Value.Known[k.Loser]
			}
			m.Keys = append(m.Keys, k)
		}
	}
	for _, l := range records(m.Was.Person) {
		at := MovedRecord{l.To, l.Object}
		mine, err := p.records.One(ctx, l.To, l.Object+"#"+flow.Key(flow.KindPerson, m.Winner))
		if err != nil {
			return err
		}
		if mine.Version == 0 && !slices.Contains(m.Records, at) {
			m.Records = append(m.Records, at)
		}
	}
	return nil
}

// lendRecord lets a record of the loser stand for the winner, so that cases can point at it.
func (p *Pipeline) lendRecord(ctx context.Context, rec MovedRecord, loser, winner string) error {
	theirs, err := p.records.One(ctx, rec.Account, rec.Object+"#"+flow.Key(flow.KindPerson, loser))
	if err != nil || theirs.Value.ID == "" || theirs.Value.Gone {
		return err
	}
	row := &store.Row[RecordRow]{Part: rec.Account, Sort: rec.Object + "#" + flow.Key(flow.KindPerson, winner),
		Value: RecordRow{Object: rec.Object, ID: theirs.Value.ID, Human: theirs.Value.Human, Fields: theirs.Value.Fields, At: p.now()}}
	if res := p.records.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// splitStep undoes a merge. The loser stands again before anything is taken from the winner.
func (p *Pipeline) splitStep(ctx context.Context, _ *Plan, id string) (authors, people []string, err error) {
	row, err := p.merges.One(ctx, id, "-")
	m := row.Value
	if err != nil || row.Version == 0 || m.State != Splitting {
		return nil, nil, err
	}
	winner, err := p.people.One(ctx, m.Winner, "-")
	if err != nil {
		return nil, nil, err
	}
	if winner.Version == 0 || winner.Value.Person.Merged != "" || !winner.Value.Erased.IsZero() {
		return nil, nil, fault.New(fault.Invalid, "person %s is gone or was merged meanwhile", m.Winner)
	}
	loser, err := p.people.Update(ctx, m.Loser, "-", func(r *store.Row[PersonRow]) (bool, error) {
		if r.Value.Person.Merged != m.Winner {
			return false, nil
		}
		revision := r.Value.Person.Revision
		r.Value = winner.Value.returned(id, m.Was)
		r.Value.Person.Updated, r.Value.Person.Revision = p.now(), revision+1
		return true, nil
	})
	if err == nil && loser.Value.Person.Owner != "" {
		err = p.namedAt(ctx, "person", m.Loser, "-", latest(p.now(), loser.Value.Owned.Add(StaffFor)))
	}
	if err != nil {
		return nil, nil, err
	}
	for _, author := range loser.Value.Person.Authors {
		if err := p.moveAuthor(ctx, author, m.Winner, m.Loser); err != nil {
			return nil, nil, err
		}
	}
	for _, k := range m.Keys {
		if err := p.returnKey(ctx, k, m); err != nil {
			return nil, nil, err
		}
	}
	for _, rec := range m.Records {
		if err := p.remove(ctx, p.records.Key(rec.Account, rec.Object+"#"+flow.Key(flow.KindPerson, m.Winner))); err != nil {
			return nil, nil, err
		}
	}
	_, err = p.people.Update(ctx, m.Winner, "-", func(r *store.Row[PersonRow]) (bool, error) {
		if !r.Value.giveBack(id, m.Was.Person) {
			return false, nil
		}
		r.Value.Person.Updated = p.now()
		r.Value.Person.Revision++
		return true, nil
	})
	return loser.Value.Person.Authors, []string{m.Winner, m.Loser}, err
}

// people lists who a key leads to.
func (r KeyRow) people() []string {
	if len(r.Known) > 0 {
		out := make([]string, len(r.Known))
		for i, k := range r.Known {
			out[i] = k.Person
		}
		return out
	}
	if r.Person == "" {
		return nil
	}
	return append([]string{r.Person}, r.Others...)
}

// returnKey puts the two where they stood under a key, and leaves others as they are. What the winner lost since stays lost.
func (p *Pipeline) returnKey(ctx context.Context, k MovedKey, m MergeRow) error {
	_, err := p.keys.Update(ctx, k.Hash, "-", func(r *store.Row[KeyRow]) (bool, error) {
		list := r.Value.people()
		if k.Loser < 0 || !slices.Contains(list, m.Winner) {
			return false, nil
		}
		if len(r.Value.Known) > 0 {
			r.Value.Known = returned(r.Value.Known, k, m, func(x KnownRow) string { return x.Person }, k.Known)
			return true, nil
		}
		list = returned(list, k, m, func(s string) string { return s }, m.Loser)
		r.Value.Person, r.Value.Others = list[0], list[1:]
		return true, nil
	})
	return err
}

func returned[T any](list []T, k MovedKey, m MergeRow, id func(T) string, loser T) []T {
	var winner []T
	var rest []T
	for _, x := range list {
		switch id(x) {
		case m.Winner:
			winner = append(winner, x)
		case m.Loser:
		default:
			rest = append(rest, x)
		}
	}
	put := func(at int, x T) { rest = slices.Insert(rest, min(at, len(rest)), x) }
	switch {
	case k.Winner < 0:
		put(k.Loser, loser)
	case k.Winner < k.Loser:
		put(k.Winner, winner[0])
		put(k.Loser, loser)
	default:
		put(k.Loser, loser)
		put(k.Winner, winner[0])
	}
	return rest
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
