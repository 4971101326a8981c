package pipeline

import (
	"context"
	"encoding/json"
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
	"rapport/shared/store"
	"rapport/shared/topology"
)

// PatchRow is one record that a replay or an undo changes in a CRM, and what became of it. The values stand in the archive
// alone. Kept under the job and a hash of the record.
type PatchRow struct {
	Account      string       `json:"account"` // CRM account
	Object       string       `json:"object"`
	Key          string       `json:"key"`
	Kind         string       `json:"kind"`
	Verb         string       `json:"verb"`
	Mention      string       `json:"mention,omitempty"`
	Conversation string       `json:"conversation,omitempty"`
	Ref          string       `json:"ref"`  // of the newer receipt
	Line         string       `json:"line"` // in it
	Revision     int64        `json:"revision,omitempty"`
	Undo         bool         `json:"undo,omitempty"`
	State        ledger.State `json:"state"`
	Reason       string       `json:"reason,omitempty"`
	Left         []string     `json:"left,omitempty"` // fields that somebody changed since
	At           time.Time    `json:"at"`
}

// Patched tells where a replay or an undo stands. Total is the sum of the others but Fields.
type Patched struct {
	Job       JobRow     `json:"job"`
	Total     int        `json:"total"`
	Open      int        `json:"open"` // under way, or waiting for the CRM
	Written   int        `json:"written"`
	Unchanged int        `json:"unchanged"`      // the CRM held it already
	Skipped   int        `json:"skipped"`        // changed, deleted or erased since
	Failed    int        `json:"failed"`         // refused for good
	Fields    int        `json:"fields"`         // left as somebody has them
	List      []PatchRow `json:"list,omitempty"` // of which something was left, skipped or failed
}

// Patched counts what became of the records of a replay or an undo. NotFound: there is no such job.
func (p *Pipeline) Patched(ctx context.Context, job string) (Patched, error) {
	j, err := p.Job(ctx, job)
	out := Patched{Job: j}
	if err != nil {
		return out, err
	}
	for row, err := range p.patches.List(ctx, store.Range{Part: job}) {
		if err != nil {
			return out, err
		}
		v := row.Value
		out.Total++
		out.Fields += len(v.Left)
		switch {
		case v.State.Open():
			out.Open++
		case v.State == ledger.Written:
			out.Written++
		case v.State == ledger.Unchanged:
			out.Unchanged++
		case v.State == ledger.Dead:
			out.Failed++
		default:
			out.Skipped++
		}
		if len(v.Left) > 0 || v.State == ledger.NotAllowed || v.State == ledger.Refused || v.State == ledger.Dead {
			out.List = append(out.List, v)
		}
	}
	return out, nil
}

// patchAll notes what is to be changed and sends it by the bulk lane. What an earlier attempt noted stays as it is.
func (p *Pipeline) patchAll(ctx context.Context, j *JobRow, rows []*store.Row[PatchRow]) error {
	for some := range slices.Chunk(rows, 100) {
		for i, res := range p.patches.Put(ctx, some...) {
			row := some[i]
			if conflicted(res) {
				stored, err := p.patches.Row(res.Stored)
				if err != nil {
					return err
				}
				row.Value = stored.Value
			} else if res.Err != nil {
				return res.Err
			}
			if !row.Value.State.Open() {
				continue
			}
			t := Task{Lane: topology.DeliverBulk, Patch: j.ID + "#" + row.Sort}
			t.Account, t.Attempted = row.Value.Account, conflicted(res)
			if err := p.Queue.Send(ctx, t.message())[0]; err != nil {
				return err
			}
		}
		j.Done += len(some)
	}
	return nil
}

// patch is what a want changes in one record, as somebody approved.
type patch struct {
	row    PatchRow
	fields []FieldWrite
	left   []string // as somebody has them
}

// patched makes a want of a task that changes a record as somebody approved. What is written otherwise in the same batch goes
// first.
func (b *delivering) patched(ctx context.Context, t *task) error {
	job, sort, _ := strings.Cut(t.Patch, "#")
	row, err := b.p.patches.One(ctx, job, sort)
	if err != nil {
		return err
	}
	v := row.Value
	if row.Version == 0 || !v.State.Open() && v.State != ledger.Dead {
		t.done = true
		return nil
	}
	w, brand, reason, err := b.approved(ctx, t, v)
	switch {
	case err != nil || t.verdict.state != "":
		return err
	case reason != "":
		t.verdict = verdict{state: ledger.NotAllowed, reason: reason}
		return nil
	}
	id := v.Object + "\x00" + v.Key
	if b.wants[id] != nil {
		t.verdict = verdict{state: ledger.Queued, reason: "the record is being delivered", wait: time.Second}
		return nil
	}
	n := &want{kind: v.Kind, revision: v.Revision, leveled: true, brand: brand, target: &rendered{}, patch: &patch{row: v},
		record: crm.Record{Object: v.Object, KeyField: b.keyField(v, brand), Key: v.Key, ID: w.ID, Fields: map[string]any{}, Links: w.Links,
			Attempted: t.Attempted || v.Verb != WouldCreate}}
	for _, f := range w.Fields {
		f.Old, f.New = unpack(f.Old), unpack(f.New)
		n.patch.fields = append(n.patch.fields, f)
		n.record.Fields[f.Field] = f.New
		n.target.human = append(n.target.human, f.Field)
	}
	if v.Kind == flow.KindMention {
		n.follow(t)
	}
	b.wants[id] = n
	b.order = append(b.order, n)
	t.wants = append(t.wants, n)
	return nil
}

// keyField names the field that holds our key in a record.
func (b *delivering) keyField(v PatchRow, brand string) string {
	for _, t := range b.plan.Mapping.For(b.conf.Name, v.Kind, brand) {
		if t.Object() == v.Object {
			return t.KeyField()
		}
	}
	return b.info.KeyField
}

// approved reads what was approved of a record, and tells why it may not be written any more, "" if it may.
func (b *delivering) approved(ctx context.Context, t *task, v PatchRow) (w Write, brand, reason string, err error) {
	const erased = "erased"
	batch, err := b.p.Archive.Read(ctx, v.Ref)
	if fault.Is(err, fault.NotFound) {
		return w, "", erased, nil
	}
	if err != nil {
		return w, "", "", err
	}
	at := slices.IndexFunc(batch.Entries, func(e archive.Entry) bool { return e.Line == v.Line })
	if at < 0 {
		return w, "", erased, nil
	}
	var a amendment
	var in decide.Inputs
	var is decide.Decision
	for _, part := range []struct {
		text []byte
		to   any
	}{{batch.Entries[at].Previous, &a}, {batch.Entries[at].Inputs, &in}, {batch.Entries[at].Decision, &is}} {
		if err := json.Unmarshal(part.text, part.to); err != nil {
			return w, "", "", fault.New(fault.Invalid, "the newer receipt of %s is damaged: %w", v.Line, err)
		}
	}
	found := slices.IndexFunc(a.Writes, func(w Write) bool { return w.Account == v.Account && w.Object == v.Object && w.Key == v.Key })
	if found < 0 {
		return w, "", erased, nil
	}
	m, err := b.p.mentions.One(ctx, v.Mention, "-")
	if err != nil {
		return w, "", "", err
	}
	row := m.Value
	switch {
	case m.Version == 0 || row.Erased:
		return w, "", erased, nil
	case v.Kind == flow.KindMention && !row.current(v.Line), row.Mention.Deleted && in.Event.Verb != flow.Delete:
		return w, "", "the mention changed since", nil
	case v.Kind == flow.KindMention:
		err = b.first(ctx, t, row)
	case v.Kind == flow.KindConversation:
		reason, err = b.p.shortened(ctx, v.Conversation, is.Conversation)
	}
	return a.Writes[found], row.Mention.Brand, reason, err
}

// current tells whether a line is the newest that made a mention what it is; counted reactions do not.
func (r MentionRow) current(line string) bool {
	for _, e := range slices.Backward(r.Events) {
		if e.Line.Sort == line {
			return true
		}
		if !strings.Contains(e.ID, "|"+string(flow.Reaction)+"|") {
			return false
		}
	}
	return false
}

// first lets a change of a mention's record wait for the deliveries of the mention, and learns what they wrote.
func (b *delivering) first(ctx context.Context, t *task, row MentionRow) error {
	for _, e := range row.Events {
		line, err := b.p.lines.One(ctx, e.Line.Part, e.Line.Sort)
		if err != nil {
			return err
		}
		d := line.Value.Delivery(t.Account)
		if d == nil {
			continue
		}
		if t.remember(d, b.sole(row.Mention.Brand)); d.State.Open() {
			t.verdict = verdict{state: ledger.Queued, reason: "the mention is still being delivered", wait: 2 * time.Second}
		}
	}
	return nil
}

// shortened tells why an exchange may not be shown as it was decided: it is erased, or something of it is gone since.
func (p *Pipeline) shortened(ctx context.Context, id string, was *flow.Conversation) (string, error) {
	if id == "" || was == nil {
		return "", nil
	}
	row, _, err := p.conversation(ctx, id)
	if err != nil {
		return "", err
	}
	if row.Version == 0 || row.Value.Erased || row.Value.Conversation.ID != id {
		return "erased", nil
	}
	for _, t := range row.Value.Conversation.Turns {
		if (t.Deleted || t.Replaced) && slices.ContainsFunc(was.Turns, func(o flow.Turn) bool {
			return o.Mention == t.Mention && o.At.Equal(t.At) && !o.Deleted && !o.Replaced
		}) {
			return "the conversation changed since", nil
		}
	}
	return "", nil
}

// compare leaves out of a patch what is not as it was when somebody approved it.
func (b *delivering) comparePatch(w *want, row crm.Row) {
	j := &w.journal.Value
	switch {
	case row.MergedInto != "":
		w.record.ID = row.MergedInto
	case !row.Found && (w.patch.row.Verb == WouldCreate && j.ID == ""):
		return
	case !row.Found:
		w.state, w.reason = ledger.NotAllowed, gone
		j.Gone = true
		return
	}
	if row.ID != "" && row.MergedInto == "" {
		w.record.ID = row.ID
	}
	for _, f := range w.patch.fields {
		if _, asks := w.record.Fields[f.Field]; !asks {
			continue
		}
		switch now := b.p.print(row.Fields[f.Field]); {
		case now == b.p.print(f.New) && w.patch.row.Verb != WouldBlank:
			delete(w.record.Fields, f.Field)
		case now != b.p.print(f.Old) && !(f.Ours && now == j.Fields[f.Field]) || slices.Contains(j.Human, f.Field):
			delete(w.record.Fields, f.Field)
			w.patch.left = append(w.patch.left, f.Field)
		}
	}
	if len(w.record.Fields) > 0 {
		return
	}
	if w.state = ledger.Unchanged; len(w.patch.left) > 0 {
		w.state, w.reason = ledger.NotAllowed, "somebody changed the record since"
	}
}

// blanks takes back records that were not there before: what nobody changed since goes, as in an erasure, and the record stays
// ours should it be written again.
func (b *delivering) blanks(ctx context.Context) error {
	for _, w := range b.order {
		if w.patch == nil || w.patch.row.Verb != WouldBlank || w.state != "" || w.err != nil {
			continue
		}
		w.record.Fields = maps.Clone(w.record.Fields)
		delete(w.record.Fields, w.record.KeyField)
		err := b.call(ctx, func(a crm.Account) error {
			return b.adapter.Erase(ctx, a, crm.Subject{Records: []crm.Record{w.record}})
		})
		switch {
		case err == nil:
			w.state, w.outcome = ledger.Written, crm.Outcome{Key: w.record.Key, ID: w.record.ID, State: crm.Updated}
		case closes(err):
			w.err = err
			return err
		default:
			w.fail(err, !fault.Is(err, fault.Ambiguous))
		}
	}
	return nil
}

// noted brings the journal of a record to what a patch wrote. How far the record follows our own state is not changed: what
// waits is written still. Of what was undone nothing is written again but by a new event.
func (w *want) noted(now time.Time) {
	v := &w.journal.Value
	if v.Written == 0 && len(v.Fields) == 0 {
		v.Fields = maps.Clone(w.prints)
	}
	v.Patched = max(v.Patched, w.revision)
	v.Undone = time.Time{}
	if w.patch.row.Undo {
		v.Undone = now
	}
}

// settlePatch notes what became of a patch.
func (p *Pipeline) settlePatch(ctx context.Context, t *task) {
	job, sort, _ := strings.Cut(t.Patch, "#")
	_, err := p.patches.Update(ctx, job, sort, func(r *store.Row[PatchRow]) (bool, error) {
		v := &r.Value
		if r.Version == 0 || !v.State.Open() && v.State != ledger.Dead || v.State == t.verdict.state {
			return false, nil
		}
		v.State, v.Reason, v.At, v.Left = t.verdict.state, t.verdict.reason, p.now(), nil
		for _, w := range t.wants {
			if w.patch != nil {
				v.Left = w.patch.left
			}
		}
		return true, nil
	})
	if t.err == nil {
		t.err = err
	}
}
