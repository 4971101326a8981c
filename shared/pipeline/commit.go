package pipeline

import (
	"cmp"
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
	if err := p.archiveAll(ctx, todo); err != nil {
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
		case fault.Is(err, fault.Invalid): // no store will ever keep it
			o.line.Outcome, o.line.Reason, o.line.Deliveries = ledger.Rejected, "cannot be kept: "+brief(err.Error()), nil
			o.line.Gist = nil
			lines = append(lines, o)
		case err != nil:
			failed = append(failed, failure{o, err})
		default:
			lines = append(lines, o)
		}
	}
	lines, failed = p.quell(ctx, lines, failed)
	failed = append(failed, p.putLines(ctx, w, lines)...)
	for _, a := range w.answers {
		if slices.Contains(lines, a.of) {
			if err := p.askByRule(ctx, a.of, a.made); err != nil {
				failed = append(failed, failure{a.of, err})
			}
		}
	}
	for _, o := range lines {
		if !o.left || !exists(w.exchange(o)) {
			continue
		}
		if err := p.tellAll(ctx, plan, w.exchange(o).Value.Conversation, flow.KindConversation); err != nil {
			failed = append(failed, failure{o, err})
		}
	}
	for _, a := range w.alerts {
		// What has no line yet comes again, and is told then.
		if slices.Contains(lines, a.of) && !slices.ContainsFunc(failed, func(f failure) bool { return f.one == a.of }) {
			p.Ports.Log.Warn("alert", "mention", a.of.event.Mention.ID, "account", a.of.account.Name, "say", a.say)
			if err := p.notify(ctx, plan, a.of.event.Mention.Brand, alertMention, alertMention, a.of.event.Mention.ID); err != nil {
				failed = append(failed, failure{a.of, err})
			}
		}
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
	o.settled, o.resumed, o.known, o.left, o.remains, o.whose, o.inputs, o.made = false, false, false, false, false, "", nil, nil
	o.line.Outcome, o.line.Reason, o.line.Deliveries, o.line.Archive, o.line.Gist = "", "", nil, "", nil
	return o
}

// archiveAll writes raw bodies, Inputs and Decisions, one batch per account. What merged is archived already. Every attempt
// has a batch of its own: one that replaced another would take the receipts of what was committed then.
func (p *Pipeline) archiveAll(ctx context.Context, todo []*one) error {
	var names []string
	batches := map[string]*archive.Batch{}
	members := map[string][]*one{}
	for _, o := range todo { // a body tells of all its events, so one that may not be kept bars it
		o.body.barred = o.body.barred || o.line.Outcome == ledger.Suppressed
	}
	for _, o := range todo {
		if o.known || o.resumed || o.line.Outcome == ledger.Suppressed || o.line.Outcome == ledger.Unread || soon(o.profile) {
			continue
		}
		name := o.account.Name
		b := batches[name]
		if b == nil {
			b = &archive.Batch{Account: name, At: o.env.At, ID: o.env.Receipt + "-" + p.Ports.NewID()}
			batches[name] = b
			names = append(names, name)
		}
		e, err := o.entry()
		if err != nil {
			return err
		}
		if whole := o.body; !whole.barred && !whole.kept[name] {
			whole.kept[name] = true
			if whole.events == 1 {
				e.Raw = whole.data
			} else {
				b.Entries = append(b.Entries, archive.Entry{Line: o.env.Receipt, Account: name, At: o.env.At, Raw: whole.data})
			}
		}
		b.Entries = append(b.Entries, e)
		members[name] = append(members[name], o)
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

// entry makes an event's receipt.
func (o *one) entry() (archive.Entry, error) {
	m := o.event.Mention
	e := archive.Entry{Line: o.place.Sort, Account: o.account.Name, At: o.env.At, Mention: m.ID, Author: m.Author.ID}
	if o.inputs == nil {
		return e, nil
	}
	var err error
	if e.Inputs, err = json.Marshal(o.inputs); err != nil {
		return e, fault.New(fault.Invalid, "inputs of %s: %w", o.id, err)
	}
	if e.Decision, err = json.Marshal(o.made); err != nil {
		return e, fault.New(fault.Invalid, "decision of %s: %w", o.id, err)
	}
	return e, nil
}

// putRows writes what the decisions changed; each row learns whether it lost.
func (p *Pipeline) putRows(ctx context.Context, w *world) {
	for _, e := range w.earlier { // before the row that takes its place
		if err := p.putAside(ctx, e); err != nil {
			if base := w.conversations[e.Part]; base != nil {
				base.err = err
			}
		}
	}
	p.nameAuthors(ctx, w)
	p.flush(ctx, slices.Concat(stage(p.people, w.people), stage(p.threads, w.threads), stage(p.authors, w.authors), stage(p.conversations, w.past),
		stage(p.conversations, w.conversations), p.remind(w), p.doubts(w), p.stageStale(w)))
	// A mention claims its events, so it follows only where the rows it changed are in place.
	for _, id := range sorted(w.mentions) {
		if row := w.mentions[id]; row.dirty {
			row.err, row.lost = w.amiss(row.Value)
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

// quell takes back what an attempt wrote into a conversation before it saw that the author objects: another erasure finds it
// by its line.
func (p *Pipeline) quell(ctx context.Context, lines []*one, failed []failure) ([]*one, []failure) {
	var rest []*one
	for _, o := range lines {
		var err error
		if author := o.event.Mention.Author.ID; o.line.Exchange != "" || o.remains {
			row, rerr := p.conversations.One(ctx, cmp.Or(o.line.Exchange, "-"), current)
			author = cmp.Or(author, o.whose)
			if err = rerr; err == nil && author != "" && (o.remains || row.Version > 0 && !row.Value.Erased && row.Value.Conversation.Author.ID == author) {
				id := "objection-" + o.env.Receipt
				_, err = p.Start(ctx, JobRow{ID: id, Kind: "erase", From: o.env.At.Add(-time.Hour),
					Erasure: flow.Erasure{ID: id, Author: author, Reason: "objection", At: p.now()}})
			}
		}
		if o.line.Outcome == ledger.Suppressed && err == nil {
			err = p.unled(ctx, o)
		}
		if e := o.event.Erase; e != nil && err == nil { // asked for twice it is begun once
			_, err = p.Start(ctx, JobRow{ID: e.ID, Kind: "erase", Erasure: *e})
		}
		if err != nil {
			failed = append(failed, failure{o, err})
			continue
		}
		rest = append(rest, o)
	}
	return rest, failed
}

// putAside keeps an exchange that another follows in its place. An earlier attempt may have kept an older state of it.
func (p *Pipeline) putAside(ctx context.Context, e *held[ConversationRow]) error {
	res := p.conversations.Put(ctx, &e.Row)[0]
	if !conflicted(res) {
		return res.Err
	}
	stored, err := p.conversations.Row(res.Stored)
	if err != nil || stored.Value.Conversation.Revision >= e.Value.Conversation.Revision {
		return err
	}
	e.Version = stored.Version
	return p.conversations.Put(ctx, &e.Row)[0].Err
}

// amiss tells whether a row that a mention changed failed or lost a race.
func (w *world) amiss(row MentionRow) (err error, lost bool) {
	check := func(e error, l bool) {
		if lost = lost || l; err == nil {
			err = e
		}
	}
	if a := w.authors[row.Mention.Author.ID]; a != nil {
		check(a.err, a.lost)
		if p := w.people[a.Value.Person]; p != nil {
			check(p.err, p.lost)
		}
	}
	if t := w.threads[row.Mention.Thread()]; t != nil {
		check(t.err, t.lost)
	}
	if d := row.Decision.Conversation; d != nil {
		if c := w.conversations[flow.Place(d.ID)]; c != nil {
			check(c.err, c.lost)
		}
		if c := w.past[d.ID]; c != nil {
			check(c.err, c.lost)
		}
	}
	return err, lost
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
	if row == nil || o.line.Outcome == ledger.Rejected || o.line.Outcome == ledger.Unread {
		return nil, false
	}
	if o.known && !row.dirty {
		if c := w.exchange(o); o.left && exists(c) {
			return c.err, c.lost
		}
		return nil, false
	}
	if err, lost := w.amiss(row.Value); err != nil || lost {
		return err, lost
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
		o.line.Salt = p.salt()
		rows[i] = &store.Row[ledger.Line]{Part: o.place.Part, Sort: o.place.Sort, Value: o.line}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := p.openHours(ctx, todo); err != nil {
		return failAll(todo, err)
	}
	var messages []queue.Message
	var owners []*one
	known := make([]bool, len(todo))
	for i, res := range p.writeLines(ctx, rows...) {
		o := todo[i]
		if conflicted(res) {
			stored, err := p.lines.Row(res.Stored)
			if err == nil && o.follows(stored.Value) {
				rows[i].Version = stored.Version
				res = p.writeLines(ctx, rows[i])[0]
			} else if err == nil {
				stored.Part, stored.Sort = o.place.Part, o.place.Sort
				rows[i], res.Err, known[i] = &stored, nil, true
			}
		}
		if res.Err != nil {
			failed = append(failed, failure{o, res.Err})
			continue
		}
		if o.line.Outcome == ledger.Unread {
			continue
		}
		if m, yes := p.attached(o); yes && o.line.Outcome != ledger.Suppressed && o.line.Outcome != ledger.Rejected {
			messages, owners = append(messages, m), append(owners, o)
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

// follows tells whether what became of an event takes the place of what its line says: it was parked, or given up and
// driven again.
func (o *one) follows(was ledger.Line) bool {
	return was.Outcome == ledger.Unread || o.env.Tries > 0 && was.Outcome == ledger.Rejected && o.line.Outcome != ledger.Rejected
}

// Task is the body of a deliver message: a pointer, and the line it settles.
type Task struct {
	flow.Delivery
	Place   ledger.Place `json:"place,omitzero"` // empty: no line hangs on it
	Version int64        `json:"version,omitempty"`
	Line    ledger.Line  `json:"line,omitzero"`
	Seen    int64        `json:"seen,omitempty"` // version of the mention's row that it is about
	Lane    queue.Lane   `json:"lane"`
	Kinds   []string     `json:"kinds,omitempty"` // of records it asks for; none = all
	Tries   int          `json:"tries,omitempty"` // how often it went back to its queue
	Patch   string       `json:"patch,omitempty"` // job and row of a change that somebody approved: then it is about that record alone
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
			if !o.resumed { // else an edit may have got past this line, which was not there: a glance would not do
				t.Seen = m.Version
			}
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

// message wraps a task for its lane. Who was at it before reads its line anew, so that is not kept anywhere beside.
func (t Task) message() queue.Message {
	if t.Attempted && t.Place.Part != "" {
		t.Line, t.Version = ledger.Line{}, 0
	}
	body, _ := json.Marshal(t) // plain data: cannot fail
	return queue.Message{Lane: t.Lane, Group: t.Account, Body: body}
}
