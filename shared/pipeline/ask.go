package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// prepare renders the records the tasks ask for, leases those that others may write, and leaves humans' edits alone.
func (b *delivering) prepare(ctx context.Context) error {
	for _, t := range b.tasks {
		if t.done || t.err != nil || t.Patch != "" {
			continue
		}
		if wait := b.behind(ctx, t); wait != nil {
			if fault.Of(wait) != fault.Transient {
				return wait
			}
			t.verdict = verdict{state: ledger.Queued, reason: wait.Error(), wait: fault.After(wait)}
			continue
		}
		if t.done {
			continue
		}
		for _, kind := range flow.Kinds {
			if t.asks(kind) && !(t.passed && kind == flow.KindMention) {
				b.ask(ctx, t, kind)
			}
		}
	}
	for _, t := range b.tasks {
		if t.Patch != "" && t.err == nil {
			t.err = b.patched(ctx, t)
		}
	}
	if err := b.lease(ctx); err != nil {
		return err
	}
	b.parkFields()
	if err := b.spare(ctx); err != nil {
		return err
	}
	return b.intend(ctx)
}

// asks tells whether a task asks for records of a kind. Who tells of a conversation's new state asks for nothing of the
// mention, which would be written a second time.
func (t *task) asks(kind string) bool { return len(t.Kinds) == 0 || slices.Contains(t.Kinds, kind) }

// behind tells why an edit has to wait: the delivery of an earlier revision is still under way.
func (b *delivering) behind(ctx context.Context, t *task) error {
	row := b.mentions[t.Mention]
	if row == nil || row.Value.Revision < 2 || !t.asks(flow.KindMention) || t.Place.Part == "" && len(t.Kinds) == 0 {
		return nil
	}
	for i, e := range row.Value.Events {
		line, err := b.p.lines.One(ctx, e.Line.Part, e.Line.Sort)
		if err != nil {
			return err
		}
		d := line.Value.Delivery(t.Account)
		if e.Line == t.Place { // a copy of a message that was settled knows too little to write again
			if t.done = d != nil && !d.State.Open(); t.done || b.p.Ports.Exact {
				return nil
			}
			return b.passed(ctx, t, row.Value.Events[i+1:])
		}
		if d == nil {
			continue
		}
		t.remember(d, b.sole(row.Value.Mention.Brand))
		if d.State.Open() {
			return fault.Wait(fault.Transient, 2*time.Second, "an earlier revision is still being delivered")
		}
		if left := b.p.Ports.Fence - b.p.now().Sub(d.At); left > 0 {
			return fault.Wait(fault.Transient, left, "an earlier revision was delivered just now")
		}
	}
	return nil
}

// passed looks whether a later revision has a delivery of its own. Then a task leaves the mention's record to that one, which
// waits for it: a slow copy of the task's own message may still write what it read before.
func (b *delivering) passed(ctx context.Context, t *task, later []EventRef) error {
	for _, e := range later {
		line, err := b.p.lines.One(ctx, e.Line.Part, e.Line.Sort)
		switch {
		case err != nil:
			return err
		case line.Version == 0:
			return fault.Wait(fault.Transient, 2*time.Second, "a later revision is being taken in")
		case line.Value.Delivery(t.Account) != nil:
			t.passed = true
			return nil
		}
	}
	return nil
}

// sole gives the only object that holds a brand's mentions, "" where there are several.
func (b *delivering) sole(brand string) string {
	targets := b.plan.Mapping.For(b.conf.Name, flow.KindMention, brand)
	if len(targets) != 1 {
		return ""
	}
	return targets[0].Object()
}

// remember takes over what an earlier revision's delivery knew of the mention's records. sole is the only object that holds
// mentions, "" where there are several.
func (t *task) remember(d *ledger.Delivery, sole string) {
	if t.earlier == nil {
		t.earlier, t.prints = map[string]string{}, map[string]string{}
	}
	for _, record := range d.Records {
		if object, id, ok := strings.Cut(record, "#"); ok {
			t.earlier[object] = id
		}
	}
	if d.Record != "" && sole != "" {
		t.earlier[sole] = d.Record
	}
	for f, print := range d.Prints {
		t.prints[f] = print
	}
}

// ask renders the records of one kind that a task wants; tasks of the batch share a record.
func (b *delivering) ask(ctx context.Context, t *task, kind string) {
	m := b.mentions[t.Mention]
	c, person := b.conversations[t.Conversation], b.people[t.Person]
	var revision int64
	var brand string
	switch {
	case kind == flow.KindMention && m != nil && m.Version > 0 && !m.Value.Erased:
		revision, brand = m.Value.Revision, m.Value.Mention.Brand
	case kind == flow.KindConversation && c != nil && c.Version > 0 && !c.Value.Erased:
		revision, brand = c.Value.Conversation.Revision, c.Value.Conversation.Brand
	case kind == flow.KindPerson && person != nil && person.Version > 0 && person.Value.Person.Merged == "" && person.Value.Erased.IsZero():
		revision = person.Value.Person.Revision
		if m != nil {
			brand = m.Value.Mention.Brand
		}
	default:
		return
	}
	for _, target := range b.plan.Mapping.For(b.conf.Name, kind, brand) {
		env := b.env(t, brand)
		b.lawful(t, env, kind)
		r, ok, err := render(target, env)
		if err != nil {
			t.Bad = "mapping of " + target.Object() + ": " + brief(err.Error())
			continue
		}
		if !ok {
			continue
		}
		if env.Mention.Deleted && kind == flow.KindMention || slices.ContainsFunc(env.Conversation.Turns, func(t flow.Turn) bool { return t.Deleted }) {
			r.forget()
		}
		if err := b.withhold(ctx, target, t, r); err != nil {
			t.err = err
			return
		}
		id := r.record.Object + "\x00" + r.record.Key
		w := b.wants[id]
		if w == nil {
			w = &want{kind: kind, record: r.record, target: r, revision: revision, brand: brand}
			w.leveled = kind != flow.KindMention || revision > 1
			b.wants[id] = w
			b.order = append(b.order, w)
		}
		if kind == flow.KindMention {
			w.follow(t)
		}
		// What has an earlier revision may be there already, so nothing is created blindly.
		w.record.Attempted = w.record.Attempted || t.Attempted || revision > 1
		t.wants = append(t.wants, w)
	}
}

// follow makes a mention's record an update of what an earlier revision wrote.
func (w *want) follow(t *task) {
	if id := t.earlier[w.record.Object]; id != "" {
		w.known(id)
	}
	for f, print := range t.prints {
		if object, field, _ := strings.Cut(f, "."); object == w.record.Object {
			if w.prints == nil {
				w.prints = map[string]string{}
			}
			w.prints[field] = print
		}
	}
}

// forget lets a deletion reach fields that are otherwise set at creation only, unless a human changed them since.
func (r *rendered) forget() {
	r.human, r.once = append(slices.Clone(r.human), r.once...), nil
}

// known makes a record an update of one that exists: what is set at creation only stays as it is.
func (w *want) known(id string) {
	w.record.ID = id
	for _, f := range w.target.once {
		delete(w.record.Fields, f)
	}
}

// env gathers what the mapping of a task sees.
func (b *delivering) env(t *task, brand string) *decide.Env {
	var m MentionRow
	if row := b.mentions[t.Mention]; row != nil {
		m = row.Value
	}
	var c *flow.Conversation
	if row := b.conversations[t.Conversation]; row != nil && row.Version > 0 {
		c = &row.Value.Conversation
	}
	var person *flow.Person
	if row := b.people[t.Person]; row != nil && row.Version > 0 {
		person = &row.Value.Person
	}
	src := m.Source
	if src == "" {
		src = "live"
	}
	return decide.EnvOf(m.Mention, m.Decision, c, person, b.plan.Doc.Brand(brand), src)
}
