package pipeline

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// Undo tells what would give records of CRMs back what they held before events: all that network accounts received in a
// time, or those of one mention (or one line of it) alone. It writes nothing.
//
// What our own fields held before is decided by the receipts before; what stood in fields of others when we first wrote
// into them was kept then. What was not there is blanked, but for persons. Words that an author took back do not come back.
func (p *Pipeline) Undo(ctx context.Context, accounts []string, from, to time.Time, event string) (Replayed, error) {
	u, err := p.undoing(ctx, accounts, from, to, event)
	if err != nil {
		return Replayed{}, err
	}
	u.sum()
	return u.out, nil
}

// undoing is one run of an undo.
type undoing struct {
	*replay
	records map[string]*before
	entries []undoneEntry
}

// before is a record that events touched.
type before struct {
	kind  string
	was   *shown       // before the first of the events; nil = not there
	is    shown        // after the last
	write Write        // with the newest event that asks for it
	kept  []FieldWrite // of a record whose state is not told by receipts: what stood there first
	stays bool         // what was there before is what an author took back: it stays away
}

// undoneEntry is the receipt of an event that is undone.
type undoneEntry struct {
	archive.Entry
	at      time.Time // of its batch
	in      decide.Inputs
	is      decide.Decision
	records []string
}

func (p *Pipeline) undoing(ctx context.Context, accounts []string, from, to time.Time, event string) (*undoing, error) {
	u := &undoing{replay: p.replaying(nil), records: map[string]*before{}}
	u.out.Undo = true
	var err error
	if event == "" {
		err = u.walk(ctx, accounts, from, to, u.entry)
	} else {
		err = u.only(ctx, event)
	}
	if err != nil {
		return nil, err
	}
	for _, id := range sorted(u.records) {
		b := u.records[id]
		was := map[string]shown{}
		if b.was != nil {
			was[id] = *b.was
		}
		w := difference(id, map[string]shown{id: b.is}, was)
		if b.kept != nil {
			w.Verb, w.Fields = WouldUpdate, b.kept
		}
		switch {
		case w == nil, b.stays, w.Verb == WouldSkip && b.kind == flow.KindPerson:
			continue
		case w.Verb == WouldSkip:
			w.Verb = WouldBlank
		}
		w.Mention, w.Line = b.write.Mention, b.write.Line
		u.writes[id] = w
	}
	return u, nil
}

// only looks at the events of one mention, or at one line of it.
func (u *undoing) only(ctx context.Context, event string) error {
	mention, line, _ := strings.Cut(event, "@")
	row, err := u.p.mentions.One(ctx, mention, "-")
	if err == nil && (row.Version == 0 || row.Value.Erased) {
		err = fault.New(fault.NotFound, "no mention %q is known: `rapport ledger --list` names them", mention)
	}
	if err != nil {
		return err
	}
	for _, e := range row.Value.Events {
		if line != "" && e.Line.Sort != line {
			continue
		}
		err := u.receipt(ctx, e.Line, func(x archive.Entry) error { return u.entry(ctx, x) })
		if err != nil {
			return err
		}
	}
	return nil
}

// receipt gives the newest receipt of a line, if there is one.
func (r *replay) receipt(ctx context.Context, at ledger.Place, visit func(archive.Entry) error) error {
	line, err := r.p.lines.One(ctx, at.Part, at.Sort)
	if err != nil || line.Value.Archive == "" {
		return err
	}
	place, err := archive.Locate(line.Value.Archive)
	if err != nil {
		return err
	}
	list, err := r.p.around(ctx, place)
	if err != nil {
		return err
	}
	inner := r.p.replaying(nil)
	inner.plans, inner.jobs = r.plans, r.jobs
	list.first = []string{line.Value.Archive}
	return inner.through(ctx, list, func(_ context.Context, e archive.Entry) error {
		if e.Line != at.Sort {
			return nil
		}
		r.at, r.newer, r.kept, r.hour, r.account = inner.at, inner.newer, inner.kept, inner.hour, inner.account
		return visit(e)
	})
}

// entry takes in one event that is to be undone. What was undone before is passed over.
func (u *undoing) entry(ctx context.Context, e archive.Entry) error {
	if a, ok := u.newer[e.Line]; ok && a.Undone {
		return nil
	}
	x := undoneEntry{Entry: e, at: u.at}
	var err error
	if x.in, x.is, err = recorded(e); err != nil {
		return err
	}
	plan, err := u.plan(ctx, x.in.Config)
	if err != nil {
		return err
	}
	after, err := u.replay.records(plan, x.in, x.is)
	if err != nil {
		return err
	}
	kept := u.kept[e.Line]
	u.out.Entries++
	for _, id := range sorted(after) {
		b := u.records[id]
		if b == nil {
			b = &before{kind: after[id].kind}
			if b.was, err = u.state(ctx, plan, x, id, b.kind); err != nil {
				return err
			}
			u.records[id] = b
		}
		b.is, b.write = after[id], Write{Mention: e.Mention, Line: e.Line}
		verb := x.in.Event.Verb
		b.stays = b.stays || b.was != nil && b.kind != flow.KindPerson && (verb == flow.Edit || verb == flow.Delete)
		x.records = append(x.records, id)
	}
	for _, k := range slices.Backward(kept) { // of two attempts the first saw what stood there
		u.put(&x, k)
	}
	u.entries = append(u.entries, x)
	return nil
}

// put takes in what stood in a record of others before an event was written into it.
func (u *undoing) put(x *undoneEntry, k kept) {
	fields := unpacked(k.Fields)
	if b := u.records[k.Record]; b != nil && b.was != nil {
		b.was.record.Fields = maps.Clone(b.was.record.Fields)
		maps.Copy(b.was.record.Fields, fields)
		return
	}
	_, object, key := recordOf(k.Record)
	b := &before{kind: k.Kind, is: shown{kind: k.Kind, record: crm.Record{Object: object, Key: key}},
		was: &shown{kind: k.Kind, record: crm.Record{Object: object, Key: key, Fields: fields}}, write: Write{Mention: x.Mention, Line: x.Line}}
	for _, f := range sorted(fields) {
		b.kept = append(b.kept, FieldWrite{Field: f, New: fields[f], Ours: true})
	}
	if u.records[k.Record] == nil {
		x.records = append(x.records, k.Record)
	}
	u.records[k.Record] = b
}

// state gives what a record held before an event, nil where it was not there.
func (u *undoing) state(ctx context.Context, plan *Plan, x undoneEntry, id, kind string) (*shown, error) {
	in, d := x.in, x.is
	var earlier *undoneEntry
	var err error
	switch kind {
	case flow.KindMention:
		if earlier, err = u.earlier(ctx, x.Mention, x.Line); err != nil || earlier == nil {
			return nil, err
		}
		in, d = earlier.in, earlier.is
		if plan, err = u.plan(ctx, in.Config); err != nil {
			return nil, err
		}
	case flow.KindConversation:
		c := in.Conversation
		if c == nil || d.Conversation == nil || c.ID != d.Conversation.ID {
			return nil, nil
		}
		if n := len(c.Turns); n > 0 {
			if earlier, err = u.earlier(ctx, c.Turns[n-1].Mention, x.Line); err != nil {
				return nil, err
			}
		}
		if earlier != nil {
			in, d = earlier.in, earlier.is
		}
		d.Outcome, d.Conversation = decide.Mention, c
	case flow.KindPerson:
		d.Link, d.Score, d.Combined = nil, flow.Score{}, in.Person.Score
	}
	all, err := u.replay.records(plan, in, d)
	if err != nil {
		return nil, err
	}
	if s, ok := all[id]; ok {
		return &s, nil
	}
	return nil, nil
}

// earlier gives the newest receipt of a mention before a line, nil where there is none.
func (u *undoing) earlier(ctx context.Context, mention, line string) (*undoneEntry, error) {
	row, err := u.p.mentions.One(ctx, mention, "-")
	if err != nil {
		return nil, err
	}
	at, newer, kept, hour, account := u.at, u.newer, u.kept, u.hour, u.account
	defer func() { u.at, u.newer, u.kept, u.hour, u.account = at, newer, kept, hour, account }()
	var out *undoneEntry
	for _, e := range slices.Backward(row.Value.Events) {
		if e.Line.Sort >= line {
			continue
		}
		err := u.receipt(ctx, e.Line, func(x archive.Entry) error {
			if a, ok := u.newer[x.Line]; ok && a.Undone {
				return nil
			}
			out = &undoneEntry{Entry: x}
			out.in, out.is, err = recorded(x)
			return err
		})
		if err != nil || out != nil {
			return out, err
		}
	}
	return nil, nil
}

// draftUndo computes an undo, and the newer receipts that say so.
func (p *Pipeline) draftUndo(ctx context.Context, j *JobRow) error {
	a := j.Again
	u, err := p.undoing(ctx, a.Accounts, j.From, j.To, a.Event)
	if err != nil {
		return err
	}
	if u.sum(); u.out.Hash != a.Approved {
		return unapproved(a.Approved, u.out.Hash)
	}
	var at time.Time
	d := &drafts{p: p, job: j, at: func() time.Time { return at }}
	d.group(u.out.Writes)
	for _, x := range u.entries {
		am := amendment{Undone: true, Holds: map[string]holding{}}
		for _, id := range x.records {
			b := u.records[id]
			h := holding{Kind: b.kind}
			switch {
			case b.stays || b.was == nil && b.kind == flow.KindPerson:
				h.Fields = packed(b.is.record.Fields)
			case b.was != nil:
				h.Fields = packed(b.was.record.Fields)
			}
			am.Holds[id] = h
		}
		at = x.at
		if err := d.add(ctx, x.Entry, x.in, x.is, am); err != nil {
			return err
		}
	}
	return d.flush(ctx)
}
