package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

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
			w.state, w.reason = ledger.NotAllowed, gone
		case w.patch != nil:
		case row.Value.Patched > w.revision && w.revision > 0 && w.kind != flow.KindPerson:
			w.err = fault.Wait(fault.Conflict, 0, "our own state changed meanwhile")
		case !row.Value.Undone.IsZero() && !b.later(w, row.Value.Undone):
			w.state, w.reason = ledger.NotAllowed, undone
		case row.Version > 0 && row.Value.Written >= w.revision:
			w.state = ledger.Unchanged
		}
		if row.Value.ID != "" {
			w.known(row.Value.ID)
		}
		for f, at := range w.target.at { // told already; what stands there now is somebody else's
			if row.Value.Fields[f] == b.p.print(at.UTC().Format(time.RFC3339Nano)) {
				delete(w.record.Fields, f)
			}
		}
		// A journal without a written record is an intent: somebody may have created it and died.
		w.record.Attempted = w.record.Attempted || row.Version > 0
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
		if t.verdict.state != "" {
			continue
		}
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

// later tells whether what asks for a record was received after a moment.
func (b *delivering) later(w *want, at time.Time) bool {
	return slices.ContainsFunc(b.tasks, func(t *task) bool {
		return t.Place.Part != "" && t.Line.At.After(at) && slices.Contains(t.wants, w)
	})
}

// undone is why a record stays as it was before.
const undone = "it was undone; only what comes later is written again"

// gone is why a record is not written any more.
const gone = "a human deleted the record; it is not created again"

// parkFields leaves out fields that the CRM does not have just now, until they are probed again.
func (b *delivering) parkFields() {
	for _, w := range b.order {
		if c, shut := b.gates.shut(b.p.now(), driftGate+w.record.Object); shut {
			w.drop(c.Fields)
		}
	}
}

// readable tells whether the account's rows can be read. No credentials are needed to know that.
func (b *delivering) readable() bool { return readable(b.adapter, b.conf, b.p.now()) }

func readable(adapter crm.CRM, conf config.Account, now time.Time) bool {
	r, ok := adapter.(crm.Readable)
	return !ok || r.Readable(crm.Account{Name: conf.Name, Kind: conf.Kind, ID: conf.ID, Origin: conf.Origin, Settings: conf.Settings, Now: now})
}

// spare reads shared records before they are written again and leaves out what a human changed since.
func (b *delivering) spare(ctx context.Context) error {
	groups := map[string][]*want{}
	var objects []string
	for _, w := range b.order {
		if w.state != "" || w.err != nil || !w.compared() && len(w.others()) == 0 {
			continue
		}
		if w.compared() && !w.knows() {
			if w.err = b.foregone(ctx, w); w.err != nil {
				continue
			}
		}
		if groups[w.record.Object] == nil {
			objects = append(objects, w.record.Object)
		}
		groups[w.record.Object] = append(groups[w.record.Object], w)
	}
	if len(objects) == 0 || !b.readable() {
		return nil
	}
	for _, object := range objects {
		for _, chunk := range chunks(groups[object], b.batchSize()) {
			if err := b.read(ctx, object, chunk); err != nil {
				for _, w := range chunk {
					w.err = err
				}
			}
		}
	}
	return nil
}

// compared tells whether a record is compared with what we wrote before.
func (w *want) compared() bool {
	return len(w.target.human) > 0 && (w.knows() || w.kind == flow.KindMention && w.leveled)
}

// knows tells whether it stands written down what we wrote into the record before. Of a mention's first revision that was never
// settled, or that left the record to a later one, it does not.
func (w *want) knows() bool {
	switch {
	case w.patch != nil:
		return true
	case w.kind == flow.KindMention:
		return w.journal.Value.Written > 0 || len(w.journal.Value.Fields) > 0 || w.prints != nil
	}
	return w.journal.Version > 0
}

// read compares one chunk of records with what we wrote. Its error is for all of them.
func (b *delivering) read(ctx context.Context, object string, chunk []*want) error {
	var keys, fields []string
	for _, w := range chunk {
		key := w.record.Key
		if w.record.ID != "" {
			key = "id:" + w.record.ID
		}
		keys = append(keys, key)
		for _, f := range slices.Concat(w.target.human, w.others()) {
			if !slices.Contains(fields, f) && !slices.Contains(w.dropped, f) {
				fields = append(fields, f)
			}
		}
	}
	looked := b.p.now()
	var rows []crm.Row
	err := b.call(ctx, func(a crm.Account) (err error) {
		rows, err = b.adapter.Read(ctx, a, object, keys, fields)
		return err
	})
	if some := fault.Fields(err); fault.Is(err, fault.Drift) && slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(some, f) }) {
		b.drifted(ctx, object, some, err)
		for _, w := range chunk {
			w.drop(some)
			w.dropped = append(w.dropped, some...)
		}
		return b.read(ctx, object, chunk)
	}
	if err == nil && len(rows) != len(keys) {
		err = fault.New(fault.Transient, "the adapter read %d rows for %d keys", len(rows), len(keys))
	}
	if err != nil {
		return err
	}
	for i, row := range rows {
		chunk[i].journal.Value.Looked = looked
		if chunk[i].patch != nil {
			b.comparePatch(chunk[i], row)
			continue
		}
		if chunk[i].compared() {
			b.compare(chunk[i], row)
		}
		if err := b.keep(ctx, chunk[i], row); err != nil {
			chunk[i].err = fault.New(fault.Transient, "what stood there cannot be kept: %w", err)
		}
	}
	return nil
}

// compare leaves out of a record what a human changed since we wrote it.
func (b *delivering) compare(w *want, row crm.Row) {
	j := &w.journal.Value
	switch {
	case row.MergedInto != "":
		w.record.ID = row.MergedInto
	case !row.Found && w.record.ID == "":
		return // an intent that came to nothing
	case !row.Found:
		w.state, w.reason = ledger.NotAllowed, gone
		j.Gone = true
		return
	}
	if !row.Found {
		return
	}
	if w.record.ID == "" && row.ID != "" {
		w.known(row.ID)
	}
	for _, f := range w.target.human {
		want, asks := w.record.Fields[f]
		if !asks {
			continue
		}
		now := b.p.print(row.Fields[f])
		was := j.Fields[f]
		if was == "" && j.Written == 0 {
			was = w.prints[f]
		}
		ours := now == was || now == b.p.print(want) || slices.Contains(strings.Fields(j.Intents[f]), now) || slices.Contains(w.maybe[f], now)
		if !ours || slices.Contains(j.Human, f) {
			delete(w.record.Fields, f)
			w.human = append(w.human, f)
		}
	}
}

// intend notes what is about to be written where that cannot be told afterwards from what a human wrote, or from what
// somebody else created. It also makes sure that nobody else wrote since the journal was read.
func (b *delivering) intend(ctx context.Context) error {
	var rows []*store.Row[RecordRow]
	var list []*want
	readable := b.readable()
	for _, w := range b.order {
		if w.state != "" || w.err != nil || !w.leveled {
			continue
		}
		j := &w.journal.Value
		intents := map[string]string{}
		for f, prints := range j.Intents { // of fields that are not written this time
			if _, asks := w.record.Fields[f]; !asks {
				intents[f] = prints
			}
		}
		if readable {
			for _, f := range slices.Concat(w.target.human, w.target.once) {
				if v, asks := w.record.Fields[f]; asks {
					intents[f] = strings.Join(last(with1(strings.Fields(j.Intents[f]), b.p.print(v)), maxIntents), " ")
				}
			}
		}
		if len(intents) == 0 && (w.journal.Version > 0 || b.keyed()) {
			continue
		}
		j.Object, j.At, j.Intents = w.record.Object, b.p.now(), intents
		rows, list = append(rows, &w.journal), append(list, w)
	}
	if len(rows) == 0 {
		return nil
	}
	for i, res := range b.p.records.Put(ctx, rows...) {
		switch {
		case conflicted(res):
			list[i].err = fault.Wait(fault.Conflict, 0, "the record was written by somebody else meanwhile")
		case res.Err != nil:
			list[i].err = fault.New(fault.Transient, "the journal cannot be written: %w", res.Err)
		}
	}
	return nil
}

// maxIntents bounds how many unanswered writes of a field are remembered.
const maxIntents = 4

// with1 appends a text that is not there yet and not empty.
func with1(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}
