package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// TombRow keeps what is gone from coming back. Kept under a hash of a mention's id, or the hash by which lines name an
// author; neither can be turned back into the id.
type TombRow struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`             // author, mention
	Why    string    `json:"why"`              // erased: its author objected; expired: kept as long as it may be
	Report string    `json:"report,omitempty"` // hash of the erasure's report
}

// erasedWhy is why a tombstone of what was erased stands.
const erasedWhy = "erased"

// Veil gives the name under which the ledger keeps what must not be named any more. The same id has the same veil.
func (p *Pipeline) Veil(id string) string {
	if id == "" || strings.HasPrefix(id, "~") {
		return id
	}
	return "~" + p.hashed("veil", id)
}

// Tomb gives the tombstone of an author; ok is false where there is none.
func (p *Pipeline) Tomb(ctx context.Context, author string) (TombRow, bool, error) {
	row, err := p.tombs.One(ctx, p.authorHash(author), "-")
	return row.Value, row.Version > 0, err
}

// tombOf is where the tombstone of a mention stands.
func (p *Pipeline) tombOf(mention string) string { return p.hashed("tomb", mention) }

func (p *Pipeline) putTomb(ctx context.Context, at, kind, why string) error {
	row := &store.Row[TombRow]{Part: at, Sort: "-", Value: TombRow{At: p.now(), Kind: kind, Why: why}}
	if res := p.tombs.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// putTombs puts the tombstones that stay, before the rows that stood for them go.
func (p *Pipeline) putTombs(ctx context.Context, j *JobRow) error {
	for _, author := range j.Authors {
		if err := p.putTomb(ctx, p.authorHash(author), "author", erasedWhy); err != nil {
			return err
		}
	}
	return nil
}

// buryPage takes the ids of what was erased out of the store: rows that are blank go, lines keep hashes. It begins when
// whatever was under way has seen the tombstones or is over. On the last page it makes the report.
func (p *Pipeline) buryPage(ctx context.Context, plan *Plan, j *JobRow, from, to time.Time, last bool) error {
	for _, author := range j.Authors {
		short := p.authorHash(author)
		for _, name := range places(plan.Doc) {
			err := p.Lines(ctx, name, from, to, func(at ledger.Place, l ledger.Line) error {
				if l.Author != short {
					return nil
				}
				return p.buryLine(ctx, plan, at, l, author)
			})
			if err != nil {
				return err
			}
		}
	}
	if !last {
		return nil
	}
	if err := p.buryPatches(ctx); err != nil {
		return err
	}
	hash, err := p.reportErasure(ctx, plan, j)
	if err != nil {
		return err
	}
	for _, author := range j.Authors {
		_, err := p.tombs.Update(ctx, p.authorHash(author), "-", func(r *store.Row[TombRow]) (bool, error) {
			r.Value.Report = hash
			return r.Version > 0, nil
		})
		if err == nil {
			err = p.buryPerson(ctx, plan, author)
		}
		if err == nil {
			err = p.buryAuthor(ctx, author)
		}
		if err == nil {
			err = p.removeAccesses(ctx, author)
		}
		if err != nil {
			return err
		}
	}
	for i, author := range j.Authors {
		j.Authors[i] = p.Veil(author)
	}
	j.Erasure.Author, j.Erasure.Email = p.Veil(j.Erasure.Author), p.Veil(j.Erasure.Email)
	j.Report = hash
	return nil
}

// buryAuthor removes an author, with what somebody may have let lead there while the erasure began.
func (p *Pipeline) buryAuthor(ctx context.Context, author string) error {
	row, err := p.authors.One(ctx, author, "-")
	if err == nil {
		err = p.unname(ctx, author, row.Value)
	}
	if err != nil {
		return err
	}
	return p.remove(ctx, p.authors.Key(author, "-"))
}

// remove deletes rows, whatever their version.
func (p *Pipeline) remove(ctx context.Context, keys ...store.Key) error {
	for _, k := range keys {
		if res := p.Store.Delete(ctx, store.Item{Part: k.Part, Sort: k.Sort, Version: store.AnyVersion})[0]; res.Err != nil {
			return res.Err
		}
	}
	return nil
}

// buryLine buries what a line leads to, then takes the ids out of it: the line goes last, as nothing else leads there.
func (p *Pipeline) buryLine(ctx context.Context, plan *Plan, at ledger.Place, l ledger.Line, author string) error {
	if l.Mention != "" && !strings.HasPrefix(l.Mention, "~") {
		row, err := p.mentions.One(ctx, l.Mention, "-")
		if err != nil {
			return err
		}
		if row.Version > 0 && row.Value.Erased {
			if err := p.buryMention(ctx, plan, l.Mention, row.Value, author); err != nil {
				return err
			}
		}
	}
	if l.Exchange != "" {
		if err := p.buryConversation(ctx, plan, l.Exchange, author); err != nil {
			return err
		}
	}
	return p.veilLine(ctx, at)
}

// veilLine takes the ids out of a line and gives it a new salt, so that no seal tells what stood there. What became of it
// stays, so that the sums hold.
func (p *Pipeline) veilLine(ctx context.Context, at ledger.Place) error {
	_, err := p.changeLine(ctx, at, func(l *ledger.Line) bool {
		if l.Erased {
			return false
		}
		p.veiled(l)
		l.Salt = p.salt()
		return true
	})
	return err
}

// veiled puts hashes in place of the ids of a line.
func (p *Pipeline) veiled(l *ledger.Line) {
	l.Event, l.Mention, l.Author, l.Exchange, l.Erased = p.Veil(l.Event), p.Veil(l.Mention), "", "", true
	l.Gist = l.Gist.Anonymous()
	for i := range l.Deliveries { // a record's id may be our key, and a CRM's refusal may repeat what was said
		d := &l.Deliveries[i]
		if _, _, ours := flow.SplitKey(d.Record); ours {
			d.Record = p.Veil(d.Record)
		}
		d.Reason = ""
	}
}

func (p *Pipeline) buryMention(ctx context.Context, plan *Plan, id string, v MentionRow, author string) error {
	if c := v.Decision.Conversation; c != nil {
		if err := p.buryConversation(ctx, plan, c.ID, author); err != nil {
			return err
		}
	}
	if err := p.putTomb(ctx, p.tombOf(id), "mention", erasedWhy); err != nil {
		return err
	}
	if err := p.buryRecords(ctx, plan, flow.KindMention, id); err != nil {
		return err
	}
	if err := p.remove(ctx, p.medias.Key(id, "-"), p.threads.Key(id, "-"), p.mentions.Key(id, "-")); err != nil {
		return err
	}
	p.recent.forget(id)
	return nil
}

// buryConversation removes an exchange that was erased, with the answers that were given in it.
func (p *Pipeline) buryConversation(ctx context.Context, plan *Plan, id, author string) error {
	row, sort, err := p.conversation(ctx, id)
	if err != nil || row.Version == 0 || !row.Value.Erased || row.Value.Conversation.Author.ID != author {
		return err
	}
	for _, reply := range row.Value.Replies {
		if err := p.remove(ctx, p.replies.Key(reply, "-")); err != nil {
			return err
		}
	}
	if err := p.buryRecords(ctx, plan, flow.KindConversation, row.Value.Conversation.ID); err != nil {
		return err
	}
	if err := p.undue(ctx, id, author); err != nil {
		return err
	}
	return p.remove(ctx, p.conversations.Key(flow.Place(id), sort))
}

// buryRecords forgets the journal of records that are blank.
func (p *Pipeline) buryRecords(ctx context.Context, plan *Plan, kind, id string) error {
	key := flow.Key(kind, id)
	for _, a := range plan.Doc.CRMs {
		for _, object := range plan.objects(a.Name, kind) {
			row, err := p.records.One(ctx, a.Name, object+"#"+key)
			if err == nil && row.Value.ID != "" {
				err = p.remove(ctx, p.foreign.Key(a.Name, object+"#"+row.Value.ID))
			}
			if err == nil && row.Version > 0 {
				err = p.remove(ctx, p.records.Key(a.Name, object+"#"+key))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// buryPatches forgets of replays and undos which records they changed, where what these were of is gone.
func (p *Pipeline) buryPatches(ctx context.Context) error {
	for j, err := range p.jobs.List(ctx, store.Range{Part: jobList}) {
		if err != nil {
			return err
		}
		if k := j.Value.Kind; k != JobReplay && k != JobUndo {
			continue
		}
		for row, err := range p.patches.List(ctx, store.Range{Part: j.Value.ID}) {
			var gone bool
			if err == nil {
				gone, err = p.patchGone(ctx, row.Value)
			}
			if err == nil && gone {
				err = p.remove(ctx, p.patches.Key(row.Part, row.Sort))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// patchGone tells whether what a patch is about stands under a tombstone.
func (p *Pipeline) patchGone(ctx context.Context, v PatchRow) (bool, error) {
	kind, id, _ := flow.SplitKey(v.Key)
	tombs := []store.Key{p.tombs.Key(p.tombOf(v.Mention), "-")}
	if kind == flow.KindMention && id != v.Mention {
		tombs = append(tombs, p.tombs.Key(p.tombOf(id), "-"))
	}
	rows, err := p.tombs.Get(ctx, tombs...)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(rows, func(r store.Row[TombRow]) bool { return r.Version > 0 }) {
		return true, nil
	}
	if kind != flow.KindConversation {
		return false, nil
	}
	row, _, err := p.conversation(ctx, id)
	return err == nil && row.Version == 0, err
}

// objects lists the objects of a CRM account that hold things of a kind.
func (p *Plan) objects(account, kind string) []string {
	var list []string
	for _, b := range p.Doc.Brands {
		for _, t := range p.Mapping.For(account, kind, b.Name) {
			list = with1(list, t.Object())
		}
	}
	return list
}

// buryPerson removes the person that was made of an author alone, once it is blank.
func (p *Pipeline) buryPerson(ctx context.Context, plan *Plan, author string) error {
	id := p.personOf(author)
	row, err := p.people.One(ctx, id, "-")
	if v := row.Value.Person; err != nil || row.Version == 0 || !row.Value.Erased.IsZero() || v.Merged != "" || len(v.Authors) > 0 || len(records(v)) > 0 {
		return err
	}
	if err := p.buryRecords(ctx, plan, flow.KindPerson, id); err != nil {
		return err
	}
	return p.remove(ctx, p.people.Key(id, "-"))
}

// mourn looks for tombstones: of authors nobody knows or who are about to be forgotten, and of unknown mentions where an event names no author or is old
// enough to have been removed.
func (p *Pipeline) mourn(ctx context.Context, w *world, todo []*one) error {
	var keys []store.Key
	var places []string
	asked := map[string]bool{"": true}
	look := func(at string) {
		if !asked[at] {
			asked[at] = true
			keys, places = append(keys, p.tombs.Key(at, "-")), append(places, at)
		}
	}
	for _, o := range todo {
		if o.settled {
			continue
		}
		m, row := o.event.Mention, w.mentions[o.event.Mention.ID]
		if a := w.authors[m.Author.ID]; !exists(a) || a.Value.Objected || row.Value.Erased {
			look(o.line.Author)
		}
		if bare := o.event.Verb == flow.Delete || o.event.Verb == flow.Reaction || o.event.Verb == flow.Correct; !exists(row) && (bare || w.aged(o)) {
			look(p.tombOf(m.ID))
		}
	}
	rows, err := p.tombs.Get(ctx, keys...)
	for i, row := range rows {
		if row.Version > 0 {
			w.tombs[places[i]] = row.Value
		}
	}
	return err
}

// remains tells whether an attempt that died half way left something of who is erased. Then the author counts as one who
// objects, as before the end of the erasure, and another one is begun.
func (w *world) remains(o *one) bool {
	m, c := w.mentions[o.event.Mention.ID], w.exchange(o)
	if !(exists(m) && !m.Value.Erased) && !(exists(c) && !c.Value.Erased && c.Value.Conversation.Author.ID == o.event.Mention.Author.ID) {
		return false
	}
	if a := w.authors[o.event.Mention.Author.ID]; a != nil {
		a.Value.Objected = true
	}
	if o.remains = true; exists(m) {
		o.whose = m.Value.Mention.Author.ID
	}
	return true
}

// rests settles an event of what is gone for good: its line keeps hashes alone.
func (w *world) rests(o *one) bool {
	t, of := w.tombs[o.line.Author]
	if !of {
		t, of = w.tombs[w.p.tombOf(o.event.Mention.ID)]
	}
	if !of {
		return false
	}
	if t.Why == erasedWhy && w.remains(o) {
		return false
	}
	o.settled, o.body.barred = true, true
	o.line.Outcome, o.line.Reason = ledger.Suppressed, "objection"
	if t.Why == expired {
		o.line.Reason = "kept as long as it may be"
	}
	w.p.veiled(&o.line)
	return true
}
