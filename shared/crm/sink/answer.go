package sink

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/rest"
)

// write makes one call for rows and reads their outcomes. An error means that nothing is known of any of them.
func (c *calling) write(ctx context.Context, q *call, rows []*row, out []crm.Outcome) error {
	a, err := c.do(ctx, q, request{Records: rows, Record: rows[0], Keys: keysOf(rows), Key: rows[0].Key, ID: rows[0].ID})
	if err == nil {
		return c.outcomes(q, a, rows, out)
	}
	// What blames a record and not the call is the record's outcome, or a reason to look for it in halves.
	switch kind := fault.Of(err); kind {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Gone:
		if len(rows) > 1 {
			if kind == fault.NotFound || kind == fault.Gone {
				return err
			}
			return fault.New(fault.Split, "%w", err)
		}
		if rows[0].ID != "" && kind == fault.NotFound {
			err = fault.New(fault.Gone, "record %s is not there any more: %w", rows[0].ID, err)
		}
		out[rows[0].at].Err = err
		return nil
	}
	return err
}

// outcomes reads the results of a call that succeeded.
func (c *calling) outcomes(q *call, a answer, rows []*row, out []crm.Outcome) error {
	if q.results == nil {
		for _, r := range rows {
			c.outcome(q, a, r, &out[r.at])
		}
		return nil
	}
	lost := func(format string, args ...any) error {
		return fault.New(fault.Ambiguous, c.place(q)+": "+format, args...)
	}
	v, err := q.results.Eval(a)
	if err != nil {
		return lost("the answer has no results: %w", err)
	}
	byKey := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		byKey = v
	case map[any]any:
		for k, x := range v {
			byKey[text(k)] = x
		}
	case []any:
		key := q.result["key"]
		if key == nil {
			if len(v) != len(rows) {
				return lost("the answer holds %d results for %d records", len(v), len(rows))
			}
			for i, r := range rows {
				a.Item = v[i]
				c.outcome(q, a, r, &out[r.at])
			}
			return nil
		}
		for _, item := range v {
			a.Item = item
			k, err := key.Eval(a)
			if err != nil {
				return lost("result.key: %w", err)
			}
			byKey[text(k)] = item
		}
	default:
		return lost("the answer has no results (%s gives %s)", q.results, kind(v))
	}
	known := 0
	for _, r := range rows {
		item, ok := byKey[r.Key]
		if !ok {
			out[r.at].Err = lost("the answer says nothing of record %s", r.Key)
			continue
		}
		known++
		a.Item = item
		c.outcome(q, a, r, &out[r.at])
	}
	if known == 0 {
		return lost("the answer says nothing of any record")
	}
	return nil
}

// outcome reads one result; a.Item is it.
func (c *calling) outcome(q *call, a answer, r *row, o *crm.Outcome) {
	var failed error
	get := func(name string) any {
		x := q.result[name]
		if x == nil {
			return nil
		}
		v, err := x.Eval(a)
		if err != nil && failed == nil {
			failed = fault.New(fault.Ambiguous, "%s: result.%s of record %s: %w", c.place(q), name, r.Key, err)
		}
		return v
	}
	// What stands only in refusals is read only there: its expressions may fail on a success.
	ok, said, fields := q.result["ok"] != nil && truth(get("ok")), "", []string(nil)
	if !ok {
		said = rest.Snippet([]byte(c.hide(text(get("error")))))
		ok = q.result["ok"] == nil && said == ""
	}
	if !ok {
		said = cmp.Or(said, "refused without a reason")
		fields = names(get("drift"))
	}
	switch {
	case failed != nil:
		o.Err = failed
	case ok:
		c.settled(r, o, text(get("id")), crm.State(text(get("state"))))
	case len(fields) > 0:
		o.Err = fault.Drifted(fields, "record %s: %s", r.Key, said)
	case truth(get("gone")):
		o.Err = fault.New(fault.Gone, "record %s: %s", r.Key, said)
	case truth(get("retry")):
		o.Err = fault.New(fault.Transient, "record %s: %s", r.Key, said)
	default:
		o.Err = fault.New(fault.Invalid, "record %s: %s", r.Key, said)
	}
}

// settled fills the outcome of a record that was written. Where the endpoint tells no id, the key stands for it.
func (c *calling) settled(r *row, o *crm.Outcome, id string, state crm.State) {
	o.ID, o.State = cmp.Or(id, r.ID, r.Key), state
	if state != crm.Created && state != crm.Updated && state != crm.Unchanged {
		if o.State = crm.Created; r.ID != "" || c.plan.keyed && r.Attempted {
			o.State = crm.Updated
		}
	}
}

// find tells which keys exist, and their record ids (the key where the endpoint tells no id).
func (c *calling) find(ctx context.Context, keys []string) (map[string]string, error) {
	found := map[string]string{}
	for chunk := range slices.Chunk(keys, c.plan.find.size(len(keys))) {
		a, err := c.do(ctx, c.plan.find, request{Keys: chunk, Key: chunk[0]})
		switch {
		case fault.Is(err, fault.NotFound) && len(chunk) == 1 && c.plan.find.batch == 1:
			continue
		case fault.Is(err, fault.Ambiguous): // only a question was lost
			return nil, fault.New(fault.Transient, "%w", err)
		case err != nil:
			return nil, err
		}
		v, err := c.plan.find.ids.Eval(a)
		if err != nil {
			return nil, fault.New(fault.Transient, "%s: find.ids: %w", c.place(c.plan.find), err)
		}
		switch v := v.(type) {
		case []any:
			for _, k := range v {
				found[text(k)] = text(k)
			}
		case map[string]any:
			for k, id := range v {
				found[k] = text(id)
			}
		case map[any]any:
			for k, id := range v {
				found[text(k)] = text(id)
			}
		default:
			return nil, fault.New(fault.Transient, "%s: find.ids (%s) gives %s, not a list of keys", c.place(c.plan.find), c.plan.find.ids, kind(v))
		}
	}
	return found, nil
}

// read reads rows of one chunk of keys, in its order.
func (c *calling) read(ctx context.Context, keys, fields []string) ([]crm.Row, error) {
	q := c.plan.read
	r := request{Fields: fields}
	for _, k := range keys {
		if id, ok := strings.CutPrefix(k, "id:"); ok {
			r.IDs, r.ID = append(r.IDs, id), id
		} else {
			r.Keys, r.Key = append(r.Keys, k), k
		}
	}
	out := make([]crm.Row, len(keys))
	a, err := c.do(ctx, q, r)
	if err != nil {
		if q.batch == 1 && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone)) {
			return out, nil
		}
		return nil, err
	}
	v, err := q.rows.Eval(a)
	if err != nil {
		return nil, fault.New(fault.Transient, "%s: read.rows: %w", c.place(q), err)
	}
	list, ok := v.([]any)
	if one, is := v.(map[string]any); is {
		list, ok = []any{one}, true
	}
	if !ok {
		return nil, fault.New(fault.Transient, "%s: read.rows (%s) gives %s, not a list", c.place(q), q.rows, kind(v))
	}
	for _, item := range list {
		a.Item = item
		row, err := c.row(q, a, fields)
		if err != nil {
			return nil, err
		}
		for i, k := range keys {
			if id, byID := strings.CutPrefix(k, "id:"); byID && id == row.ID || !byID && k == row.Key {
				out[i] = row
			}
		}
	}
	return out, nil
}

func (c *calling) row(q *call, a answer, fields []string) (crm.Row, error) {
	var failed error
	get := func(name string) any {
		if q.result[name] == nil {
			return nil
		}
		v, err := q.result[name].Eval(a)
		if err != nil && failed == nil {
			failed = fault.New(fault.Transient, "%s: row.%s: %w", c.place(q), name, err)
		}
		return v
	}
	all := object(a.Item)
	if q.result["fields"] != nil {
		all = object(get("fields"))
	}
	r := crm.Row{Found: true, ID: text(get("id")), Key: text(get("key")), Changed: moment(get("changed")), By: text(get("by")),
		MergedInto: text(get("merged_into")), Object: text(get("object")), Fields: map[string]any{}}
	for _, name := range fields {
		if v, ok := all[name]; ok {
			r.Fields[name] = v
		}
	}
	return r, failed
}

// erase erases what is there of the records.
func (c *calling) erase(ctx context.Context, records []crm.Record) error {
	all := c.plan.rows(records, make([]crm.Outcome, len(records)))
	rows := slices.DeleteFunc(slices.Clone(all), func(r *row) bool { return r.ID == "" })
	unknown := slices.DeleteFunc(all, func(r *row) bool { return r.ID != "" })
	switch {
	case len(unknown) > 0 && c.plan.find != nil:
		ids, err := c.find(ctx, keysOf(unknown))
		if err != nil {
			return err
		}
		for _, r := range unknown {
			if id, ok := ids[r.Key]; ok {
				r.ID = id
				rows = append(rows, r)
			}
		}
	default:
		rows = append(rows, unknown...)
	}
	for part := range slices.Chunk(rows, c.plan.erase.size(len(rows))) {
		out := make([]crm.Outcome, len(records))
		r := request{Records: part, Record: part[0], Keys: keysOf(part), Key: part[0].Key, ID: part[0].ID, Delete: c.erasing}
		for _, x := range part {
			r.IDs = append(r.IDs, x.ID)
		}
		a, err := c.do(ctx, c.plan.erase, r)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			continue // nothing is there any more
		}
		if err == nil {
			err = c.outcomes(c.plan.erase, a, part, out)
		}
		if err != nil {
			return err
		}
		for _, o := range out {
			if o.Err != nil && !fault.Is(o.Err, fault.Gone) && !fault.Is(o.Err, fault.NotFound) {
				return o.Err
			}
		}
	}
	return nil
}
