package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"rapport/shared/archive"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// commit makes decisions last, in the order in which a crash does least harm: archive; authors, conversations, persons;
// mentions (which claim their events); lines; deliveries. What lost a race goes again, whole.
func (p *Pipeline) commit(ctx context.Context, plan *Plan, w *world, todo []*one) (again []*one, failed []failure) {
	if err := p.archiveAll(ctx, w, todo); err != nil {
		return nil, failAll(todo, err)
	}
	p.putRows(ctx, w)
	if w.err != nil {
		return nil, failAll(todo, w.err)
	}
	var lines []*one
	for _, o := range todo {
		switch err, lost := w.fate(o); {
		case lost:
			again = append(again, o.reset())
		case err != nil:
			failed = append(failed, failure{o, err})
		default:
			lines = append(lines, o)
		}
	}
	for _, f := range p.putLines(ctx, w, lines) {
		failed = append(failed, f)
	}
	return again, failed
}

func failAll(todo []*one, err error) []failure {
	out := make([]failure, len(todo))
	for i, o := range todo {
		out[i] = failure{o, err}
	}
	return out
}

// reset makes an event ready for another round.
func (o *one) reset() *one {
	o.lost = true
	o.settled, o.resumed, o.known, o.inputs, o.made = false, false, false, nil, nil
	o.line.Outcome, o.line.Reason, o.line.Deliveries, o.line.Archive = "", "", nil, ""
	return o
}

// archiveAll writes raw bodies, Inputs and Decisions, one batch per account. What merged is archived already.
func (p *Pipeline) archiveAll(ctx context.Context, w *world, todo []*one) error {
	var names []string
	batches := map[string]*archive.Batch{}
	members := map[string][]*one{}
	for _, o := range todo {
		if o.known || o.resumed || o.raw == nil && o.inputs == nil || short(o) {
			continue
		}
		b := batches[o.account.Name]
		if b == nil {
			b = &archive.Batch{Account: o.account.Name, At: o.env.At, ID: o.env.Receipt}
			batches[o.account.Name] = b
			names = append(names, o.account.Name)
		}
		e := archive.Entry{Line: o.place.Sort, Account: o.account.Name, At: o.env.At, Mention: o.event.Mention.ID,
			Author: o.event.Mention.Author.ID, Raw: o.raw}
		if o.inputs != nil {
			var err error
			if e.Inputs, err = json.Marshal(o.inputs); err != nil {
				return fault.New(fault.Invalid, "inputs of %s: %w", o.id, err)
			}
			if e.Decision, err = json.Marshal(o.made); err != nil {
				return fault.New(fault.Invalid, "decision of %s: %w", o.id, err)
			}
		}
		b.Entries = append(b.Entries, e)
		members[o.account.Name] = append(members[o.account.Name], o)
	}
	for _, name := range names {
		ref, err := p.Archive.Write(ctx, *batches[name])
		if err != nil {
			return err
		}
		for _, o := range members[name] {
			o.line.Archive = ref
		}
	}
	return nil
}

// short tells that a network's data must go so soon that it never reaches the archive.
func short(o *one) bool {
	return o.profile.StoreFor > 0 && o.profile.StoreFor <= 48*time.Hour
}

// putRows writes what the decisions changed; each row learns whether it lost.
func (p *Pipeline) putRows(ctx context.Context, w *world) {
	for _, e := range w.earlier { // before the row that takes its place
		res := p.conversations.Put(ctx, &e.Row)[0]
		if conflicted(res) { // an earlier attempt kept it
			res.Err = nil
		}
		if base := w.conversations[e.Part]; res.Err != nil && base != nil {
			base.err = res.Err
		}
	}
	p.flush(ctx, slices.Concat(stage(p.people, w.people), stage(p.authors, w.authors), stage(p.conversations, w.conversations), p.remind(w)))
	// A mention claims its events, so it follows only where the rows it changed are in place.
	for _, id := range sorted(w.mentions) {
		row := w.mentions[id]
		if !row.dirty {
			continue
		}
		m := row.Value.Mention
		if a := w.authors[m.Author.ID]; a != nil && (a.lost || a.err != nil) {
			row.lost, row.err = a.lost, a.err
		}
		if d := row.Value.Decision.Conversation; d != nil {
			if c := w.conversations[flow.Place(d.ID)]; c != nil && (c.lost || c.err != nil) {
				row.lost, row.err = row.lost || c.lost, c.err
			}
		}
	}
	p.flush(ctx, stage(p.mentions, w.mentions))
	for _, id := range sorted(w.mentions) {
		if row := w.mentions[id]; row.dirty && !row.lost && row.err == nil {
			p.recent.keep(id, row.Row)
		} else if row.dirty {
			p.recent.forget(id)
		}
	}
}

// staged is a row on its way into the store, and who wants to know what became of it.
type staged struct {
	item store.Item
	done func(store.Result)
}

// stage encodes the dirty rows of a map, in the order of their keys.
func stage[T any](t store.Table[T], rows map[string]*held[T]) []staged {
	var out []staged
	for _, id := range sorted(rows) {
		r := rows[id]
		if !r.dirty || r.lost || r.err != nil {
			continue
		}
		item, err := t.Item(r.Row)
		if err != nil {
			r.err = err
			continue
		}
		out = append(out, staged{item, func(res store.Result) {
			switch {
			case res.Err == nil:
				r.Version = res.Version
			case conflicted(res):
				r.lost = true
			default:
				r.err = res.Err
			}
		}})
	}
	return out
}

// flush writes staged rows of any tables in one call.
func (p *Pipeline) flush(ctx context.Context, rows []staged) {
	if len(rows) == 0 {
		return
	}
	items := make([]store.Item, len(rows))
	for i, r := range rows {
		items[i] = r.item
	}
	for i, res := range p.Store.Put(ctx, items...) {
		rows[i].done(res)
	}
}

// fate tells whether an event's rows were written, lost a race, or failed.
func (w *world) fate(o *one) (err error, lost bool) {
	row := w.mentions[o.event.Mention.ID]
	if row == nil || o.line.Outcome == ledger.Rejected {
		return nil, false
	}
	if o.known && !row.dirty {
		return nil, false
	}
	if p := w.people[w.authorOf(o).Value.Person]; p != nil && (p.lost || p.err != nil) {
		return p.err, p.lost
	}
	if a := w.authorOf(o); a.lost || a.err != nil {
		return a.err, a.lost
	}
	return row.err, row.lost
}

func (w *world) authorOf(o *one) *held[AuthorRow] {
	if a := w.authors[o.event.Mention.Author.ID]; a != nil {
		return a
	}
	return &held[AuthorRow]{}
}

// putLines writes ledger lines and sends the deliveries they owe. A line that is there already is an earlier attempt's;
// its open deliveries are sent again.
func (p *Pipeline) putLines(ctx context.Context, w *world, todo []*one) (failed []failure) {
	rows := make([]*store.Row[ledger.Line], len(todo))
	for i, o := range todo {
		rows[i] = &store.Row[ledger.Line]{Part: o.place.Part, Sort: o.place.Sort, Value: o.line}
	}
	if len(rows) == 0 {
		return nil
	}
	var messages []queue.Message
	var owners []*one
	known := make([]bool, len(todo))
	for i, res := range p.lines.Put(ctx, rows...) {
		o := todo[i]
		if conflicted(res) {
			stored, err := p.lines.Row(res.Stored)
			if err == nil {
				stored.Part, stored.Sort = o.place.Part, o.place.Sort
				rows[i], res.Err, known[i] = &stored, nil, true
			}
		}
		if res.Err != nil {
			failed = append(failed, failure{o, res.Err})
			continue
		}
		for _, m := range p.deliveries(w, o, rows[i], known[i]) {
			messages, owners = append(messages, m), append(owners, o)
		}
	}
	for i, err := range p.Queue.Send(ctx, messages...) {
		if err != nil {
			failed = append(failed, failure{owners[i], err})
		}
	}
	return failed
}

// Task is the body of a deliver message: a pointer, and the line it settles.
type Task struct {
	flow.Delivery
	Place   ledger.Place `json:"place,omitzero"` // empty: no line hangs on it
	Version int64        `json:"version,omitempty"`
	Line    ledger.Line  `json:"line,omitzero"`
	Lane    queue.Lane   `json:"lane"`
	Kinds   []string     `json:"kinds,omitempty"` // of records it asks for; none = all
	Tries   int          `json:"tries,omitempty"` // how often it went back to its queue
	Bad     string       `json:"bad,omitempty"`   // why one of its records never will pass, while others are tried still
}

// deliveries makes the messages for a line's open deliveries.
func (p *Pipeline) deliveries(w *world, o *one, row *store.Row[ledger.Line], again bool) []queue.Message {
	var out []queue.Message
	for _, d := range row.Value.Deliveries {
		if !d.State.Open() {
			continue
		}
		t := Task{Place: o.place, Version: row.Version, Line: row.Value, Lane: topology.DeliverBulk}
		t.Account, t.Mention, t.Attempted = d.Account, o.event.Mention.ID, again
		if m := w.mentions[t.Mention]; m != nil {
			d := m.Value.Decision
			if d.Conversation != nil {
				t.Conversation = d.Conversation.ID
			}
			if urgent(d, o.line.Source) {
				t.Lane = topology.DeliverUrgent
			}
		}
		t.Person = w.authorOf(o).Value.Person
		out = append(out, t.message())
	}
	return out
}

// message wraps a task for its lane.
func (t Task) message() queue.Message {
	body, _ := json.Marshal(t) // plain data: cannot fail
	return queue.Message{Lane: t.Lane, Group: t.Account, Body: body}
}
