package pipeline

import (
	"context"
	"errors"
	"slices"

	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/ledger"
	"rapport/shared/mapping"
	"rapport/shared/store"
)

// target is a record as the mapping rendered it, with what the mapping says of its fields.
type target = rendered

type rendered struct {
	record crm.Record
	human  []string // fields a human's edit wins in
	once   []string // fields set at creation only
}

// render runs a mapping; ok is false where it asks for no record.
func render(t *mapping.Target, env *decide.Env) (*rendered, bool, error) {
	r, err := t.Render(env)
	if err != nil || !r.OK {
		return nil, false, err
	}
	return &rendered{record: r.Record, human: r.Human, once: r.Once}, true, nil
}

// lease takes the right to write each record that others may write too, and reads its journal. What the CRM has already
// is unchanged; what somebody else writes just now waits.
func (b *delivering) lease(ctx context.Context) error {
	var keys []store.Key
	var list []*want
	for _, w := range b.order {
		if !b.conf.Writes(w.record.Object, w.brand) {
			w.state, w.reason = ledger.NotAllowed, "observe mode"
			continue
		}
		if !w.leveled && b.keyed() {
			continue
		}
		release, ok, err := b.p.Leases.Acquire(ctx, b.conf.Name+"#"+w.record.Object+"#"+w.record.Key, leaseFor)
		if err != nil {
			return err
		}
		if !ok {
			w.err = fault.Wait(fault.Conflict, 0, "somebody else is writing the record")
			continue
		}
		w.release = release
		if w.leveled {
			keys = append(keys, b.p.records.Key(b.conf.Name, w.record.Object+"#"+w.record.Key))
			list = append(list, w)
		}
	}
	rows, err := b.p.records.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		w := list[i]
		row.Part, row.Sort = b.conf.Name, w.record.Object+"#"+w.record.Key
		w.journal = row
		switch {
		case row.Value.Gone:
			w.state, w.reason = ledger.NotAllowed, "a human deleted the record; it is not created again"
		case row.Version > 0 && row.Value.Written >= w.revision:
			w.state = ledger.Unchanged
		}
		if row.Value.ID != "" {
			w.known(row.Value.ID)
		}
	}
	// Who holds a lease now may have settled what this task wants: look again, after the lease.
	return b.recheck(ctx)
}

// recheck drops tasks on unkeyed records that somebody settled between reading and leasing.
func (b *delivering) recheck(ctx context.Context) error {
	if b.keyed() || b.p.Ports.Exact { // a message that never has a copy is settled by nobody else
		return nil
	}
	if err := b.refresh(ctx); err != nil {
		return err
	}
	var begun []*task
	for _, t := range b.tasks {
		for _, w := range t.wants {
			w.record.Attempted = w.record.Attempted || t.Attempted
			if t.done && w.state == "" && w.err == nil && !w.leveled {
				w.state = ledger.Unchanged
			}
		}
		if !t.done && len(t.wants) > 0 {
			t.verdict = verdict{state: ledger.Queued, begun: true}
			begun = append(begun, t)
		}
	}
	b.p.settle(ctx, begun)
	for _, t := range begun {
		if t.verdict = (verdict{}); t.err != nil {
			return t.err
		}
	}
	return nil
}

// keyed tells whether the CRM's unique key makes repeats harmless.
func (b *delivering) keyed() bool { return b.info.Keyed || b.conf.Settings["keyed"] == true }

func (b *delivering) releaseAll() {
	for _, w := range b.order {
		if w.release != nil {
			w.release()
		}
	}
}

// spare reads shared records before they are written again and leaves out what a human changed since.
func (b *delivering) spare(ctx context.Context) error {
	if r, ok := b.adapter.(crm.Readable); ok {
		account, err := b.connect(ctx)
		if err != nil || !r.Readable(account) {
			return err
		}
	}
	groups := map[string][]*want{}
	var objects []string
	for _, w := range b.order {
		if w.state != "" || w.err != nil || w.journal.Version == 0 || len(w.target.human) == 0 || w.record.ID == "" {
			continue
		}
		if groups[w.record.Object] == nil {
			objects = append(objects, w.record.Object)
		}
		groups[w.record.Object] = append(groups[w.record.Object], w)
	}
	for _, object := range objects {
		for _, chunk := range chunks(groups[object], b.batchSize()) {
			if err := b.read(ctx, object, chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

// read compares one chunk of records with the journal.
func (b *delivering) read(ctx context.Context, object string, chunk []*want) error {
	account, err := b.connect(ctx)
	if err != nil {
		return err
	}
	var keys, fields []string
	for _, w := range chunk {
		keys = append(keys, "id:"+w.record.ID)
		for _, f := range w.target.human {
			if !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	rows, err := b.adapter.Read(ctx, account, object, keys, fields)
	if err != nil {
		for _, w := range chunk {
			w.err = err
		}
		return nil
	}
	b.calls++
	for i, row := range rows {
		w := chunk[i]
		switch {
		case row.MergedInto != "":
			w.record.ID = row.MergedInto
			continue
		case !row.Found:
			w.state, w.reason = ledger.NotAllowed, "a human deleted the record; it is not created again"
			w.journal.Value.Gone = true
			continue
		}
		for _, f := range w.target.human {
			was, wrote := w.journal.Value.Fields[f]
			if now := fingerprint(row.Fields[f]); wrote && now != was || slices.Contains(w.journal.Value.Human, f) {
				if _, ours := w.record.Fields[f]; ours {
					delete(w.record.Fields, f)
					w.human = append(w.human, f)
				}
			}
		}
	}
	return nil
}

// write sends what is to be written. It answers why the account has to close, nil if it need not.
func (b *delivering) write(ctx context.Context) error {
	for _, group := range b.byObject() {
		for _, chunk := range chunks(group, b.batchSize()) {
			if closed := b.send(ctx, chunk); closed != nil {
				for _, w := range b.order { // nothing else is tried now
					if w.state == "" && w.err == nil {
						w.err = closed
					}
				}
				return closed
			}
		}
	}
	for _, w := range b.order { // reading before writing may have found the account closed
		if w.err != nil && closes(w.err) {
			return w.err
		}
	}
	return nil
}

// send makes one upsert and takes in its outcomes. Refused batches are halved; drifted fields are left out once.
func (b *delivering) send(ctx context.Context, chunk []*want) error {
	account, err := b.connect(ctx)
	if err == nil {
		err = b.p.draw(ctx, account, b.info.Buckets, b.conf, 1, b.urgent())
	}
	if err != nil {
		return b.whole(ctx, chunk, err)
	}
	records := make([]crm.Record, len(chunk))
	for i, w := range chunk {
		records[i] = w.record
	}
	outcomes, err := b.adapter.Upsert(ctx, account, records)
	if err != nil {
		return b.whole(ctx, chunk, err)
	}
	b.calls++
	if len(outcomes) != len(chunk) {
		err := fault.New(fault.Ambiguous, "the adapter answered %d outcomes for %d records", len(outcomes), len(chunk))
		return b.whole(ctx, chunk, err)
	}
	var drifted []*want
	for i, o := range outcomes {
		w := chunk[i]
		w.outcome = o
		switch {
		case o.Err == nil && o.State == crm.Unchanged:
			w.state = ledger.Unchanged
		case o.Err == nil:
			w.state = ledger.Written
		case fault.Is(o.Err, fault.Drift) && w.drop(fault.Fields(o.Err)):
			drifted = append(drifted, w)
		case fault.Is(o.Err, fault.Gone):
			w.state, w.reason = ledger.NotAllowed, "a human deleted the record; it is not created again"
			w.journal.Value.Gone, w.leveled = true, true
			w.journal.Part, w.journal.Sort = b.conf.Name, w.record.Object+"#"+w.record.Key
		default:
			w.err = o.Err
		}
	}
	if len(drifted) > 0 {
		return b.send(ctx, drifted)
	}
	return nil
}

// whole takes in the failure of a whole call.
func (b *delivering) whole(ctx context.Context, chunk []*want, err error) error {
	switch {
	case fault.Is(err, fault.Split) && len(chunk) > 1:
		b.calls++
		half := len(chunk) / 2
		if closed := b.send(ctx, chunk[:half]); closed != nil {
			return closed
		}
		return b.send(ctx, chunk[half:])
	case fault.Is(err, fault.Split):
		b.calls++
		chunk[0].err = fault.New(fault.Invalid, "refused: %w", errors.Unwrap(err))
		if errors.Unwrap(err) == nil {
			chunk[0].err = fault.New(fault.Invalid, "refused: %s", err.Error())
		}
		return nil
	case fault.Is(err, fault.Drift):
		b.calls++
		fields := fault.Fields(err)
		var rest []*want
		for _, w := range chunk {
			if w.drop(fields) {
				rest = append(rest, w)
			}
		}
		if len(rest) > 0 {
			b.p.Ports.Log.Warn("fields are gone from the CRM and left out", "account", b.conf.Name, "object", chunk[0].record.Object, "fields", fields)
			if len(rest) < len(chunk) {
				for _, w := range chunk {
					if !slices.Contains(rest, w) {
						rest = append(rest, w)
					}
				}
			}
			return b.send(ctx, rest)
		}
		for _, w := range chunk {
			w.err = fault.New(fault.Invalid, "the CRM's fields changed: %s", err.Error())
		}
		return nil
	case closes(err):
		if fault.Is(err, fault.Unauthorized) && !b.renewed {
			b.renewed, b.account.Name = true, ""
			if b.p.renew(ctx, b.conf) {
				return b.send(ctx, chunk)
			}
		}
		for _, w := range chunk {
			w.err = err
		}
		return err
	default:
		for _, w := range chunk {
			w.err = err
			w.record.Attempted = true
		}
		return nil
	}
}

// drop takes drifted fields out of a record and tells whether that changed it.
func (w *want) drop(fields []string) bool {
	hit := false
	for _, f := range fields {
		if _, ok := w.record.Fields[f]; ok {
			delete(w.record.Fields, f)
			w.dropped = append(w.dropped, f)
			hit = true
		}
	}
	return hit
}

func (b *delivering) urgent() bool {
	return slices.ContainsFunc(b.tasks, func(t *task) bool { return t.Lane == "deliver-urgent" })
}

// connect makes the account ready to call, once per pass.
func (b *delivering) connect(ctx context.Context) (crm.Account, error) {
	if b.account.Name != "" {
		return b.account, nil
	}
	a, err := b.p.connect(ctx, b.conf)
	if err == nil {
		b.account = a
	}
	return a, err
}

// journalAll writes down what the CRM was given, before any line is settled.
func (b *delivering) journalAll(ctx context.Context) error {
	var rows []*store.Row[RecordRow]
	var list []*want
	var foreign []*store.Row[ForeignRow]
	for _, w := range b.order {
		wrote := w.state == ledger.Written || w.state == ledger.Unchanged && w.outcome.ID != ""
		if !w.leveled || !wrote && !w.journal.Value.Gone {
			continue
		}
		r := &w.journal
		r.Value.Object, r.Value.At, r.Value.Config = w.record.Object, b.p.now(), b.plan.Doc.Hash
		if wrote {
			r.Value.Written = w.revision
			if w.outcome.ID != "" && w.outcome.ID != r.Value.ID {
				foreign = append(foreign, &store.Row[ForeignRow]{Part: b.conf.Name, Sort: w.record.Object + "#" + w.outcome.ID,
					Value: ForeignRow{Key: w.record.Key}})
				r.Value.ID = w.outcome.ID
			}
			if w.outcome.MovedTo != "" {
				r.Value.Object = w.outcome.MovedTo
			}
			if r.Value.Fields == nil {
				r.Value.Fields = map[string]string{}
			}
			for f, v := range w.record.Fields {
				r.Value.Fields[f] = fingerprint(v)
			}
			for _, f := range w.human {
				if !slices.Contains(r.Value.Human, f) {
					r.Value.Human = append(r.Value.Human, f)
				}
			}
		}
		rows, list = append(rows, r), append(list, w)
	}
	for i, res := range b.p.records.Put(ctx, rows...) {
		if conflicted(res) { // the lease ended under us: write again from the state of that moment
			list[i].state, list[i].err = "", fault.Wait(fault.Conflict, 0, "the record was written by somebody else meanwhile")
			continue
		}
		if res.Err != nil {
			return res.Err
		}
	}
	for _, res := range b.p.foreign.Put(ctx, foreign...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	return nil
}
