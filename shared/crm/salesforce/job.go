package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// job is one Upsert on its way through its calls.
type job struct {
	c      client
	object string
	queue  string // id of the fallback queue, where owners were looked at and there is one
	writes []*write
	place  []*write // by index of the record that was given
	keys   []string // of the records that were given
}

// write is one record to write: of those with one key the last, under an id that any of them knew.
type write struct {
	key     string
	object  string         // where it lives
	fields  map[string]any // by the vendor's names
	refs    map[string]any // links: lookup → id, or relation → key
	id      string
	rules   bool // the org's assignment rules route it when it is created
	bare    bool // its object has no field for our key
	missing bool // the id leads nowhere, or to what was merged, converted or deleted
	spared  bool // sent a second time, without what kept it back
	settled bool
	out     crm.Outcome
}

func (w *write) settle(err error) {
	w.settled = true
	w.out.Err = err
}

func newJob(ctx context.Context, c client, records []crm.Record) (*job, error) {
	j := &job{c: c, object: records[0].Object}
	if records[0].KeyField != "" {
		j.c.keyField = ours(records[0].KeyField)
	}
	byKey, byID := map[string]*write{}, map[string]bool{}
	for _, r := range records {
		w := byKey[r.Key]
		if w == nil {
			w = &write{}
			byKey[r.Key] = w
			j.writes = append(j.writes, w)
		}
		id := w.id
		*w = write{key: r.Key, object: r.Object, id: id, out: crm.Outcome{Key: r.Key}}
		if r.ID != "" {
			w.id = r.ID
		}
		if r.Object == "Lead" && strings.HasPrefix(w.id, "003") { // it was converted before
			w.object = "Contact"
		}
		j.place, j.keys = append(j.place, w), append(j.keys, r.Key)
		var err error
		switch w.fields, err = j.c.values(ctx, r); {
		case fault.Is(err, fault.Invalid):
			w.settle(err)
		case err != nil:
			return nil, err
		case r.Key == "" || utf8.RuneCountInString(r.Key) > maxKey:
			w.settle(fault.New(fault.Invalid, "a record of %s has no key, or one of more than %d characters", r.Object, maxKey))
		case r.Object != j.object:
			w.settle(fault.New(fault.Invalid, "a record of %s is among records of %s", r.Object, j.object))
		}
		if r.Object == "Case" && w.fields["Status"] == string(flow.Waiting) {
			if err := j.c.reopen(ctx, w.fields); err != nil {
				return nil, err
			}
		}
		w.refs = j.c.refs(r)
		if w.object != r.Object && !w.settled {
			if err := j.convert(ctx, w, w.object); err != nil {
				return nil, err
			}
		}
	}
	for _, w := range j.writes {
		if w.id != "" && byID[w.id[:min(15, len(w.id))]] {
			return nil, fault.New(fault.Split, "two records of a batch have id %s", w.id)
		}
		byID[w.id[:min(15, len(w.id))]] = true
	}
	return j, nil
}

// values turns fields into what Salesforce takes. A midnight may be a day or a moment: the org is asked which.
func (c client) values(ctx context.Context, r crm.Record) (map[string]any, error) {
	out := make(map[string]any, len(r.Fields)+2)
	for name, v := range r.Fields {
		one, ok := value(v)
		if !ok {
			return nil, fault.New(fault.Invalid, "field %s holds %T, which Salesforce cannot store: use a text, number, flag or time", name, v)
		}
		if strings.Trim(name, letters) != "" || name == "" {
			return nil, fault.New(fault.Invalid, "%q is no name of a field", name)
		}
		if t, ok := v.(time.Time); ok && !isOurs(name) && !t.IsZero() && t.Equal(t.Truncate(24*time.Hour)) {
			d, err := c.describe(ctx, r.Object)
			if err != nil {
				return nil, err
			}
			if f := d.field(name); f != nil && f.Type == "date" {
				one = t.UTC().Format(time.DateOnly)
			}
		}
		out[vendor(name)] = one
	}
	return out, nil
}

// lookup names the field of ours that refers to records of an object.
func lookup(object string) string {
	return "rapport_" + strings.TrimPrefix(strings.ToLower(ours(object)), "rapport_") + "_link__c"
}

// refs turns links into lookups. A label names another lookup than ours.
func (c client) refs(r crm.Record) map[string]any {
	refs := map[string]any{}
	for _, l := range r.Links {
		name := lookup(l.Object)
		if l.Label != "" {
			name = vendor(l.Label)
		}
		relation := strings.TrimSuffix(name, "Id")
		if n, own := strings.CutSuffix(name, "__c"); own {
			relation = n + "__r"
		}
		switch {
		case l.ID != "":
			refs[name] = l.ID
		case l.Key != "" && refs[name] == nil:
			refs[relation] = map[string]any{"attributes": map[string]any{"type": vendor(l.Object)}, c.key(): l.Key}
		}
	}
	return refs
}

func (j *job) outcomes() []crm.Outcome {
	out := make([]crm.Outcome, len(j.place))
	for i, w := range j.place {
		out[i] = w.out
		out[i].Key = j.keys[i]
	}
	return out
}

// open gives the writes that are still to do, by id or by key.
func (j *job) open(known bool) []*write {
	var list []*write
	for _, w := range j.writes {
		if !w.settled && (w.id != "") == known {
			list = append(list, w)
		}
	}
	return list
}

// byID writes the records whose id is known and stamps them with their key. What its id does not lead to is looked up: a
// merged record is written where it went, a converted lead in its contact, a deleted one is Gone.
func (j *job) byID(ctx context.Context) error {
	list := j.open(true)
	for range 3 { // a survivor may have been merged again
		if err := j.send(ctx, "", list, nil); err != nil {
			return err
		}
		var err error
		if list, err = j.follow(ctx, list); err != nil || len(list) == 0 {
			return err
		}
	}
	for _, w := range list {
		w.settle(fault.New(fault.Transient, "record %s of %s is being merged again and again", w.id, w.object))
	}
	return nil
}

// follow looks missing records up and gives those that live on elsewhere.
func (j *job) follow(ctx context.Context, list []*write) ([]*write, error) {
	groups, moved := map[string][]*write{}, []*write{}
	for _, w := range list {
		if w.missing && !w.settled {
			groups[w.object] = append(groups[w.object], w)
		}
	}
	for _, object := range []string{"Contact", j.object} {
		var ids, keys []string
		for _, w := range groups[object] {
			if w.id != "" {
				ids = append(ids, w.id)
			} else {
				keys = append(keys, w.key)
			}
		}
		if len(groups[object]) == 0 {
			continue
		}
		there, err := j.c.find(ctx, object, ids, keys, nil)
		if err != nil {
			return nil, err
		}
		for _, w := range groups[object] {
			at := slices.IndexFunc(there, func(r record) bool {
				return same(r.text("Id"), w.id) || w.id == "" && r.text(j.c.key()) == w.key && r.text("ConvertedContactId") != ""
			})
			var into, to string
			if at >= 0 {
				into, _ = there[at].into()
				to = there[at].movedTo()
			}
			if into == "" {
				w.settle(fault.New(fault.Gone, "record %s of %s was deleted in Salesforce", w.id, w.object))
				continue
			}
			if w.id, w.missing = into, false; to != "" {
				if err := j.convert(ctx, w, to); err != nil {
					return nil, err
				}
			}
			if slices.ContainsFunc(moved, func(m *write) bool { return same(m.id, w.id) }) {
				return nil, fault.New(fault.Split, "two records of a batch were merged into %s", w.id)
			}
			moved = append(moved, w)
		}
		groups[object] = nil
	}
	return moved, nil
}

// convert makes a write of a lead one of the contact that it became: of that, only fields of ours that it has.
func (j *job) convert(ctx context.Context, w *write, to string) error {
	d, err := j.c.describe(ctx, to)
	if err != nil {
		return err
	}
	w.object, w.out.MovedTo, w.bare = to, to, d.field(j.c.key()) == nil
	for name := range w.fields {
		if f := d.field(name); !isOurs(name) || f == nil || !f.Updateable {
			delete(w.fields, name)
		}
	}
	for name := range w.refs {
		if d.field(strings.TrimSuffix(name, "__r")+"__c") == nil && d.field(name) == nil {
			delete(w.refs, name)
		}
	}
	return nil
}

// byKey upserts the rest. Records that the org's rules route go in a call of their own. Of a lead that was converted its
// contact is written.
func (j *job) byKey(ctx context.Context) error {
	path := "/" + vendor(j.object) + "/" + j.c.key()
	var routed, rest []*write
	for _, w := range j.open(false) {
		if w.rules {
			routed = append(routed, w)
		} else {
			rest = append(rest, w)
		}
	}
	if err := j.send(ctx, path, rest, nil); err != nil {
		return err
	}
	if err := j.send(ctx, path, routed, http.Header{"Sforce-Auto-Assign": {"TRUE"}}); err != nil {
		return err
	}
	moved, err := j.follow(ctx, j.open(false))
	if err != nil {
		return err
	}
	if err := j.send(ctx, "", moved, nil); err != nil {
		return err
	}
	for _, w := range moved {
		if w.missing && !w.settled {
			w.settle(fault.New(fault.Transient, "the contact %s of a converted lead is being merged", w.id))
		}
	}
	return nil
}

// send makes one collection call and finds out what became of each record. Rows that one thing kept back which can be
// left out go a second time without it.
func (j *job) send(ctx context.Context, path string, list []*write, header http.Header) error {
	if len(list) == 0 {
		return nil
	}
	out, err := j.c.save(ctx, path, j.rows(path, list), header)
	if names := fault.Fields(err); fault.Is(err, fault.Drift) && j.unlink(list, names) {
		out, err = j.c.save(ctx, path, j.rows(path, list), header)
	}
	if err != nil {
		if len(list) == 1 && fault.Is(err, fault.Invalid) {
			list[0].settle(err)
			return nil
		}
		return err
	}
	var again []*write
	for i, r := range out {
		w, p := list[i], r.problem()
		switch {
		case r.Success && isID(r.ID):
			w.settled, w.out.ID, w.out.Err, w.out.State = true, r.ID, nil, crm.Updated
			if r.Created {
				w.out.State = crm.Created
			}
		case r.Success:
			w.settle(fault.New(fault.Ambiguous, "Salesforce's answer names no record for %s", w.key))
		case !w.spared && j.spare(w, p):
			again = append(again, w)
		case p.gone() && (path == "" || p.code() == "CANNOT_UPDATE_CONVERTED_LEAD"):
			w.missing = true
		default:
			if m := holder().FindStringSubmatch(p.Message); m != nil && p.code() == "DUPLICATE_VALUE" {
				w.out.ID = m[1]
			}
			w.settle(j.c.one(p))
		}
	}
	return j.send(ctx, path, again, header)
}

func (j *job) rows(path string, list []*write) []map[string]any {
	rows := make([]map[string]any, len(list))
	for i, w := range list {
		row := map[string]any{"attributes": map[string]any{"type": vendor(w.object)}, j.c.key(): w.key}
		if w.bare {
			delete(row, j.c.key())
		}
		for name, v := range w.fields {
			row[name] = v
		}
		for name, v := range w.refs {
			row[name] = v
		}
		if path == "" {
			row["id"] = w.id
		}
		rows[i] = row
	}
	return rows
}

// unlink takes links out whose lookups the org does not have, and tells whether there were any.
func (j *job) unlink(list []*write, names []string) bool {
	hit := false
	for _, w := range list {
		for _, name := range names {
			for _, n := range []string{vendor(name), name, vendor(strings.TrimSuffix(name, "__r"))} {
				if _, ok := w.refs[n]; ok {
					delete(w.refs, n)
					hit = true
				}
			}
		}
	}
	return hit
}

// spare leaves out what kept a row back, where that may be: a link that leads nowhere, an owner who cannot be.
func (j *job) spare(w *write, p problem) bool {
	w.spared = true
	owner := p.code() == "INACTIVE_OWNER_OR_USER" || slices.Contains(p.Fields, "OwnerId") || p.code() == "TRANSFER_REQUIRES_READ"
	switch {
	case p.astray(): // it does not say which
		n := len(w.refs)
		for name := range w.refs {
			if strings.HasSuffix(name, "__r") || !strings.HasSuffix(name, "__c") {
				delete(w.refs, name)
			}
		}
		return len(w.refs) < n
	case p.code() == "INVALID_CROSS_REFERENCE_KEY" && j.unlink([]*write{w}, ourNames(p.Fields)), j.unlink([]*write{w}, p.missing()):
		return true
	case owner && w.fields["OwnerId"] != nil:
		if was := fmt.Sprint(w.fields["OwnerId"]); j.queue != "" && !same(j.queue, was) {
			w.fields["OwnerId"] = j.queue
		} else {
			delete(w.fields, "OwnerId")
		}
		return true
	}
	w.spared = false
	return false
}

func ourNames(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ours(n)
	}
	return out
}
