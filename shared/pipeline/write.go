package pipeline

import (
	"context"
	"slices"
	"time"

	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/mapping"
	"rapport/shared/store"
)

// target is a record as the mapping rendered it, with what the mapping says of its fields.
type target = rendered

type rendered struct {
	record crm.Record
	human  []string             // fields a human's edit wins in
	once   []string             // fields set at creation only
	at     map[string]time.Time // when some values became so
}

// render runs a mapping; ok is false where it asks for no record.
func render(t *mapping.Target, env *decide.Env) (*rendered, bool, error) {
	r, err := t.Render(env)
	if err != nil || !r.OK {
		return nil, false, err
	}
	return &rendered{record: r.Record, human: r.Human, once: r.Once, at: r.At}, true, nil
}

// write sends what is to be written. It answers why the account has to close, nil if it need not.
func (b *delivering) write(ctx context.Context) error {
	if closed := b.shut(); closed != nil { // reading before writing found it
		b.giveUp(closed)
		return closed
	}
	if closed := b.blanks(ctx); closed != nil {
		b.giveUp(closed)
		return closed
	}
	for _, group := range b.byObject() {
		for _, chunk := range chunks(group, b.batchSize()) {
			if closed := b.send(ctx, chunk); closed != nil {
				b.giveUp(closed)
				return closed
			}
		}
	}
	return b.shut()
}

// shut gives what closes the account, nil if nothing does.
func (b *delivering) shut() error {
	for _, w := range b.order {
		if w.err != nil && closes(w.err) {
			return w.err
		}
	}
	return nil
}

// giveUp lets everything else wait.
func (b *delivering) giveUp(closed error) {
	for _, w := range b.order {
		if w.state == "" && w.err == nil {
			w.err = closed
		}
	}
}

// call makes one vendor call: our share of the quota first, then the call, once more with renewed credentials where they
// are refused.
func (b *delivering) call(ctx context.Context, do func(crm.Account) error) error {
	for {
		account, err := b.connect(ctx)
		if err != nil {
			return err
		}
		account, count := metered(account)
		if err := b.p.draw(ctx, account, b.info.Buckets, b.conf, b.urgent()); err != nil {
			b.short = b.short || closes(err) && !b.urgent()
			return err
		}
		err = do(account)
		b.p.settleCalls(ctx, account, b.info.Buckets, count, b.urgent())
		if fault.Is(err, fault.Unauthorized) && !b.renewed {
			b.renewed = true
			if b.p.renew(ctx, b.conf, account) {
				b.account = crm.Account{}
				continue
			}
		}
		if err == nil || !closes(err) && !fault.Is(err, fault.Ambiguous) && !fault.Is(err, fault.Transient) {
			b.calls++ // it answered
		}
		return err
	}
}

// send makes one upsert and takes in its outcomes. Refused batches are halved; drifted fields are left out once.
func (b *delivering) send(ctx context.Context, chunk []*want) error {
	records := make([]crm.Record, len(chunk))
	for i, w := range chunk {
		records[i] = w.record
	}
	var outcomes []crm.Outcome
	err := b.call(ctx, func(a crm.Account) (err error) {
		outcomes, err = b.adapter.Upsert(ctx, a, records)
		return err
	})
	if err != nil {
		return b.whole(ctx, chunk, err)
	}
	if len(outcomes) != len(chunk) {
		err := fault.New(fault.Ambiguous, "the adapter answered %d outcomes for %d records", len(outcomes), len(chunk))
		return b.whole(ctx, chunk, err)
	}
	b.healed(ctx, chunk)
	var again []*want
	for i, o := range outcomes {
		w := chunk[i]
		w.outcome = o
		switch {
		case o.Err == nil && o.State == crm.Unchanged && w.patch != nil:
			w.state, w.reason = ledger.NotAllowed, "the CRM changes no records that exist"
		case o.Err == nil && o.State == crm.Unchanged:
			w.state = ledger.Unchanged
		case o.Err == nil:
			w.state = ledger.Written
		case fault.Is(o.Err, fault.Drift) && w.drop(fault.Fields(o.Err)):
			b.drifted(ctx, w.record.Object, fault.Fields(o.Err), o.Err)
			again = append(again, w)
		case fault.Is(o.Err, fault.Conflict) && o.ID != "" && w.kind == flow.KindPerson && !w.adopted:
			w.adopted = true // a record that holds the person's unique value is theirs
			w.known(o.ID)
			again = append(again, w)
		case fault.Is(o.Err, fault.Gone):
			w.state, w.reason = ledger.NotAllowed, gone
			w.journal.Value.Gone, w.leveled = true, true
			w.journal.Part, w.journal.Sort = b.conf.Name, w.record.Object+"#"+w.record.Key
		default:
			w.fail(o.Err, !closes(o.Err) && !fault.Is(o.Err, fault.Ambiguous))
		}
	}
	if again = b.keepAll(ctx, again); len(again) > 0 {
		return b.send(ctx, again)
	}
	return nil
}

// fail notes why a record was not written. judged = the vendor looked at it and at nothing else.
func (w *want) fail(err error, judged bool) {
	if fault.Is(err, fault.Drift) { // of nothing that could be left out
		err = fault.New(fault.Invalid, "the CRM's fields changed: %w", err)
	}
	w.err, w.judged, w.record.Attempted = err, judged, true
}

// whole takes in the failure of a whole call. Of a batch that was refused nobody knows because of which record, so it is
// halved; only of a single record is it a judgement.
func (b *delivering) whole(ctx context.Context, chunk []*want, err error) error {
	halves := fault.Is(err, fault.Split) || fault.Is(err, fault.Unknown) || fault.Is(err, fault.Invalid)
	switch {
	case halves && len(chunk) > 1:
		half := len(chunk) / 2
		if closed := b.send(ctx, chunk[:half]); closed != nil {
			return closed
		}
		return b.send(ctx, chunk[half:])
	case fault.Is(err, fault.Split):
		chunk[0].fail(fault.New(fault.Invalid, "refused: %w", err), true)
	case fault.Is(err, fault.Unknown), fault.Is(err, fault.Invalid):
		chunk[0].fail(err, true)
	case fault.Is(err, fault.Drift):
		hit := false
		for _, w := range chunk {
			hit = w.drop(fault.Fields(err)) || hit
		}
		if hit {
			b.drifted(ctx, chunk[0].record.Object, fault.Fields(err), err)
			return b.send(ctx, chunk)
		}
		for _, w := range chunk {
			w.fail(err, true)
		}
	case closes(err):
		for _, w := range chunk {
			w.err = err
		}
		return err
	default:
		for _, w := range chunk {
			w.fail(err, false)
		}
	}
	return nil
}

// drifted closes fields of an object: they are left out, and tried again after a minute, two, four … up to an hour.
func (b *delivering) drifted(ctx context.Context, object string, fields []string, cause error) {
	now := b.p.now()
	b.p.Ports.Log.Warn("fields are gone from the CRM and left out", "account", b.conf.Name, "object", object, "fields", fields)
	_, err := b.p.closures.Update(ctx, b.conf.Name, driftGate+object, func(r *store.Row[Closure]) (bool, error) {
		c := &r.Value
		if now.Before(c.Until) && !slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(c.Fields, f) }) {
			return false, nil
		}
		for _, f := range fields {
			c.Fields = with1(c.Fields, f)
		}
		if c.Since.IsZero() {
			c.Since = now
		}
		c.Kind, c.Reason, c.Until = fault.Drift.String(), brief(cause.Error()), now.Add(min(time.Minute<<min(c.Probes, 6), time.Hour))
		c.Probes++
		return true, nil
	})
	if err != nil { // the next batch finds out again
		b.p.Ports.Log.Warn("a closed field could not be noted", "account", b.conf.Name, "error", err.Error())
	}
}

// healed opens the fields of an object again once they were taken.
func (b *delivering) healed(ctx context.Context, chunk []*want) {
	gate := driftGate + chunk[0].record.Object
	row := b.gates[gate]
	if row.Version == 0 || b.p.now().Before(row.Value.Until) {
		return
	}
	for _, f := range row.Value.Fields {
		if !slices.ContainsFunc(chunk, func(w *want) bool { _, has := w.record.Fields[f]; return has }) {
			return
		}
	}
	b.p.open(ctx, b.conf.Name, row)
	delete(b.gates, gate)
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
		if wrote && w.patch != nil {
			w.noted(b.p.now())
		} else if wrote {
			r.Value.Written, r.Value.Undone = w.revision, time.Time{}
		}
		if wrote {
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
				if at, dated := w.target.at[f]; dated {
					v = at.UTC().Format(time.RFC3339Nano)
				}
				r.Value.Fields[f] = b.p.print(v)
			}
			for _, f := range w.human {
				r.Value.Human = with1(r.Value.Human, f)
			}
			for f := range r.Value.Fields {
				delete(r.Value.Intents, f) // what else was meant to be written stays a maybe
			}
		}
		rows, list = append(rows, r), append(list, w)
	}
	if len(rows) == 0 {
		return nil
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
	if len(foreign) == 0 {
		return nil
	}
	for _, res := range b.p.foreign.Put(ctx, foreign...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	return nil
}

// byObject groups wants that are to be written by object, kinds in their order, keeping first come first.
func (b *delivering) byObject() [][]*want {
	var groups [][]*want
	index := map[string]int{}
	for _, kind := range flow.Kinds {
		for _, w := range b.order {
			if w.kind != kind || w.state != "" || w.err != nil {
				continue
			}
			id := kind + "\x00" + w.record.Object
			at, ok := index[id]
			if !ok {
				at = len(groups)
				index[id] = at
				groups = append(groups, nil)
			}
			groups[at] = append(groups[at], w)
		}
	}
	return groups
}

// batchSize is how many records one call takes.
func (b *delivering) batchSize() int {
	n := max(b.info.Batch, 1)
	if b.conf.Batch > 0 {
		n = min(n, b.conf.Batch)
	}
	return n
}

// chunks cuts a group into calls.
func chunks(group []*want, size int) [][]*want {
	return slices.Collect(slices.Chunk(group, size))
}
