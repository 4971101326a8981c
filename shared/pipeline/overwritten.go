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
	"rapport/shared/rest"
	"rapport/shared/store"
)

// overwritten looks whether a human's edit fell between our reading a record and our writing it: no CRM writes on condition
// of what was read. Such an edit is told later, by an event or by the record's history, with its time and value. If the field
// still holds what we wrote, the human's value is put back, and from then on the field is theirs. It is counted in the journal.
func (p *Pipeline) overwritten(ctx context.Context, plan *Plan, conf config.Account, key string, c flow.Change) error {
	row, err := p.records.One(ctx, conf.Name, c.Object+"#"+key)
	if err != nil || row.Version == 0 || c.Verb != "update" || !row.Value.within(c.At) {
		return err
	}
	theirs := p.theirs(plan, conf, key, row.Value, c)
	adapter := p.CRMs[conf.Kind]
	if len(theirs) == 0 || !readable(adapter, conf, p.now()) {
		return nil
	}
	release, ok, err := p.Leases.Acquire(ctx, conf.Name+"#"+c.Object+"#"+key, leaseFor)
	if err != nil {
		return err
	}
	if !ok {
		return fault.Wait(fault.Conflict, 0, "somebody else is writing the record")
	}
	defer release()
	names := sorted(theirs)
	at := key
	if row.Value.ID != "" {
		at = "id:" + row.Value.ID
	}
	var rows []crm.Row
	buckets := adapter.Info().Buckets
	err = p.vendor(ctx, conf, buckets, true, func(a rest.Account) (err error) {
		rows, err = adapter.Read(ctx, a, c.Object, []string{at}, names)
		return err
	})
	if fault.Is(err, fault.Drift) {
		return nil // the field is gone
	}
	if err != nil || len(rows) != 1 || !rows[0].Found || rows[0].MergedInto != "" {
		return err
	}
	for f := range theirs {
		if p.print(rows[0].Fields[f]) != row.Value.Fields[f] { // somebody looked after it already
			delete(theirs, f)
		}
	}
	if len(theirs) == 0 {
		return nil
	}
	// First ours no more, so that whatever becomes of us nobody writes it again.
	if err := p.cede(ctx, conf.Name, c.Object+"#"+key, theirs, false); err != nil {
		return err
	}
	record := crm.Record{Object: c.Object, KeyField: p.keyFieldOf(plan, conf, c.Object, key), Key: key, ID: rows[0].ID, Fields: theirs, Attempted: true}
	var outcomes []crm.Outcome
	err = p.vendor(ctx, conf, buckets, true, func(a rest.Account) (err error) {
		outcomes, err = adapter.Upsert(ctx, a, []crm.Record{record})
		return err
	})
	if err == nil && len(outcomes) == 1 {
		err = outcomes[0].Err
	}
	if err != nil && !fault.Is(err, fault.Gone) {
		return err
	}
	p.Ports.Log.Warn("a human's edit fell between reading and writing, and was put back", "account", conf.Name, "object", c.Object, "record", rows[0].ID, "fields", names)
	return p.cede(ctx, conf.Name, c.Object+"#"+key, theirs, true)
}

// within tells whether something happened while a record was read and written, as far as clocks agree.
func (r RecordRow) within(at time.Time) bool {
	return !r.Looked.IsZero() && !at.Before(r.Looked.Add(-skew)) && !at.After(r.At.Add(skew))
}

// theirs lists the fields of a change in which a human's edit stays and which we wrote otherwise.
func (p *Pipeline) theirs(plan *Plan, conf config.Account, key string, j RecordRow, c flow.Change) map[string]any {
	out := map[string]any{}
	for f, v := range c.Fields {
		ours, wrote := j.Fields[f]
		if strings.HasPrefix(f, "@") || !wrote || p.print(v) == ours {
			continue
		}
		kind, _, _ := flow.SplitKey(key)
		for _, b := range plan.Doc.Brands {
			for _, t := range plan.Mapping.For(conf.Name, kind, b.Name) {
				if !conf.Writes(t.Object(), b.Name) || t.Object() != c.Object {
					continue
				}
				for _, m := range t.Marks() {
					if m.Field == f && m.Human {
						out[f] = v
					}
				}
			}
		}
	}
	return out
}

// keyFieldOf names the field that holds our key in an object.
func (p *Pipeline) keyFieldOf(plan *Plan, conf config.Account, object, key string) string {
	kind, _, _ := flow.SplitKey(key)
	for _, b := range plan.Doc.Brands {
		for _, t := range plan.Mapping.For(conf.Name, kind, b.Name) {
			if t.Object() == object {
				return t.KeyField()
			}
		}
	}
	return p.CRMs[conf.Kind].Info().KeyField
}

// cede leaves fields to humans; done tells that their values are back.
func (p *Pipeline) cede(ctx context.Context, account, record string, fields map[string]any, done bool) error {
	_, err := p.records.Update(ctx, account, record, func(r *store.Row[RecordRow]) (bool, error) {
		v := &r.Value
		for _, f := range sorted(fields) {
			if !slices.Contains(v.Human, f) {
				v.Human = append(v.Human, f)
			}
		}
		if done {
			v.Restored += len(fields)
		}
		return true, nil
	})
	return err
}
