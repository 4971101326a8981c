// Package sink takes any HTTP endpoint that speaks JSON as a CRM, by settings alone: a REST batch, one record a call,
// lines of JSON, JSON-RPC with a session.
//
// Settings describe requests (write, update, find, read, erase, login) and say, in expressions, how an answer is read.
// In requests stand records, record, keys, key, ids, object, fields, delete and session; in answers status, header, body
// and, for each result, item. Only header values, auth and login.body know secret("name"). In a path {…} holds an
// expression.
//
// The odd thing about such endpoints is what they lack. Most create and never match: with keyed false a record that may
// have been written before (Attempted) is looked for with find, and only what is missing is sent. A record that exists is
// changed with update, and left as it is (Unchanged) where there is no update. An answer without the configured results
// is a failure, never a success: nobody knows what became of the records.
//
// A record's key is the value of the field named by id_field, else the value of its key field if the mapping fills it,
// else rapport:<kind>:<id>. Keys in find, read and results are that one.
//
// Standard Webhooks, for standard: https://www.standardwebhooks.com
package sink

import (
	"context"
	"errors"
	"slices"

	"rapport/shared/crm"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/network"
)

var (
	_ crm.CRM       = (*Sink)(nil)
	_ crm.Describer = (*Sink)(nil)
	_ crm.Readable  = (*Sink)(nil)
)

// Name is the word in configurations.
const Name = "sink"

// MaxBatch is how many records are asked for at once where neither account nor settings name a number.
const MaxBatch = 100

// Sink is the adapter. Create it with New and share it: it keeps what it compiled out of settings, and sessions.
type Sink struct {
	plans    *expression.Cache[*plan]
	sessions *sessions
}

// New makes the adapter.
func New() *Sink { return &Sink{plans: expression.NewCache[*plan](), sessions: newSessions()} }

// Info describes the adapter.
func (*Sink) Info() crm.Info {
	request := "method, path, headers, body, batch, and how its answer is read"
	return crm.Info{
		Name: Name, Title: "Any REST or JSON-RPC endpoint", Docs: "https://www.standardwebhooks.com",
		Settings: []network.Field{
			{Name: "mode", Title: "Form of the body", Type: "choice", Choices: []string{"array", "single", "ndjson"}, Default: "array"},
			{Name: "batch", Title: "Most records of a call", Type: "number", Help: "empty: as many as the account's batch says"},
			{Name: "keyed", Title: "The endpoint updates what has the same key", Type: "flag"},
			{Name: "id_field", Title: "Field whose value is the record's key", Type: "text"},
			{Name: "idempotency", Title: "Send Idempotency-Key", Type: "flag"},
			{Name: "standard", Title: "Sign as Standard Webhooks", Type: "flag"},
			{Name: "headers", Title: "Headers of every call", Type: "map", Help: "name → expression; secret(\"name\") gives a secret"},
			{Name: "auth", Title: "Value of Authorization", Type: "expression", Help: "over session and secret"},
			{Name: "write", Title: "Request that writes", Type: "map", Required: true, Help: request},
			{Name: "update", Title: "Request that changes a record by its id", Type: "map", Help: request},
			{Name: "find", Title: "Request that tells which keys exist", Type: "map", Help: request + "; ids gives a list of keys, or an object of key → id"},
			{Name: "read", Title: "Request that reads records", Type: "map", Help: request + "; rows gives a list, row says how one is read"},
			{Name: "erase", Title: "Request that erases records", Type: "map", Help: request},
			{Name: "login", Title: "Request that opens a session", Type: "map", Help: request + "; session gives the session"},
			{Name: "results", Title: "Results of a write", Type: "expression", Help: "a list in the order of the records, or with result.key in any order, or an object of key → result"},
			{Name: "result", Title: "How one result is read", Type: "map", Help: "key, ok, id, state, error, retry, gone, drift: expressions over item"},
			{Name: "ok", Title: "Whether an answer is a success", Type: "expression", Help: "for endpoints that refuse with 200"},
			{Name: "error", Title: "Text of a refusal", Type: "expression"},
			{Name: "retry", Title: "Whether a refusal passes by itself", Type: "expression"},
			{Name: "expired", Title: "Whether the session has ended", Type: "expression"},
			{Name: "gone", Title: "Whether a refusal means that the record is gone", Type: "expression"},
			{Name: "drift", Title: "Fields that the endpoint does not know", Type: "expression", Help: "gives a name or a list of names"},
			{Name: "fields", Title: "Fields, for the mapping editor", Type: "map", Help: "a list, or an object → list"},
			{Name: "objects", Title: "Settings per object", Type: "map", Help: "object → settings that replace those above"},
			{Name: "origin", Title: "Address", Type: "address", Help: "where the account names none"},
		},
		Secrets: []network.Field{
			{Name: "secret", Title: "Signing secret", Type: "text", Help: "for Standard Webhooks: whsec_…"},
			{Name: "token", Title: "Token", Type: "text"},
			{Name: "user", Title: "User", Type: "text"},
			{Name: "password", Title: "Password", Type: "text"},
		},
		Batch: MaxBatch,
		Text:  crm.Limit{Max: 32768, Unit: "runes"},
		Needs: []network.Need{{What: "an endpoint that takes records", Who: "the endpoint's administrator", Takes: "hours", Before: "observe mode shows what would be written"}},
	}
}

// Readable tells whether the account's settings say how records are read.
func (s *Sink) Readable(a crm.Account) bool {
	p, err := s.plan(a, "")
	return err == nil && p.read != nil
}

// Upsert writes as the settings say. See crm.CRM. Where the records need several calls and one after the first fails,
// the records of that call and of all later ones carry its error.
func (s *Sink) Upsert(ctx context.Context, a crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	if len(records) == 0 {
		return nil, ctx.Err()
	}
	p, err := s.plan(a, records[0].Object)
	if err != nil {
		return nil, err
	}
	c := &calling{sink: s, plan: p, account: a, object: records[0].Object}
	out := make([]crm.Outcome, len(records))
	rows := p.rows(records, out)
	if err := c.lookUp(ctx, rows, out); err != nil {
		return nil, err
	}
	var writes, updates []*row
	for _, r := range rows {
		o := &out[r.at]
		switch {
		case o.Err != nil || o.State != "":
		case r.ID != "" && p.update != nil:
			updates = append(updates, r)
		case r.ID != "" && !p.keyed:
			o.ID, o.State = r.ID, crm.Unchanged // it exists, and the endpoint can only create
		default:
			writes = append(writes, r)
		}
	}
	if err := c.send(ctx, p.write, writes, out); err != nil {
		return nil, err
	}
	if err := c.send(ctx, p.update, updates, out); err != nil {
		return nil, err
	}
	return out, nil
}

// lookUp finds which of the records that may have been written before exist already. They get their id.
func (c *calling) lookUp(ctx context.Context, rows []*row, out []crm.Outcome) error {
	if c.plan.keyed {
		return nil
	}
	var doubtful []*row
	for _, r := range rows {
		if r.Attempted && r.ID == "" && out[r.at].Err == nil {
			doubtful = append(doubtful, r)
		}
	}
	if len(doubtful) == 0 || c.plan.find == nil && c.plan.idempotent && c.plan.batch == 1 {
		return nil
	}
	if c.plan.find == nil {
		for _, r := range doubtful {
			out[r.at].Err = fault.New(fault.Invalid, "record %s may exist already and the endpoint cannot be asked: configure find, or keyed if it matches by key", r.Key)
		}
		return nil
	}
	ids, err := c.find(ctx, keysOf(doubtful))
	if err != nil {
		return err
	}
	for _, r := range doubtful {
		if id, ok := ids[r.Key]; ok {
			r.ID = id
		}
	}
	return nil
}

// send makes the calls that the rows need and reads their outcomes. It answers an error where nothing is known of any
// record.
func (c *calling) send(ctx context.Context, q *call, rows []*row, out []crm.Outcome) error {
	for len(rows) > 0 {
		n := min(len(rows), q.size(len(rows)))
		part := rows[:n]
		err := c.write(ctx, q, part, out)
		if rows = rows[n:]; err == nil {
			c.wrote = true
			continue
		}
		if !c.wrote {
			return err
		}
		for _, r := range part {
			out[r.at].Err = later(err)
		}
		if fault.Is(err, fault.Ambiguous) {
			err = fault.New(fault.Transient, "not sent, since the call before had no clear answer")
		}
		for _, r := range rows {
			out[r.at].Err = later(err)
		}
		return nil
	}
	return nil
}

// later makes of a whole call's failure that of one record. A refused batch is sent again, by then alone or not.
func later(err error) error {
	if fault.Is(err, fault.Split) {
		return fault.New(fault.Transient, "%s", err.Error())
	}
	return err
}

// Read reads as the settings say. See crm.CRM. Invalid where they do not say how.
func (s *Sink) Read(ctx context.Context, a crm.Account, object string, keys, fields []string) ([]crm.Row, error) {
	if len(keys) == 0 {
		return nil, ctx.Err()
	}
	p, err := s.plan(a, object)
	if err != nil {
		return nil, err
	}
	if p.read == nil {
		return nil, fault.New(fault.Invalid, "account %s cannot be read: configure read", a.Name)
	}
	c := &calling{sink: s, plan: p, account: a, object: object}
	out := make([]crm.Row, 0, len(keys))
	for chunk := range slices.Chunk(keys, p.read.size(len(keys))) {
		rows, err := c.read(ctx, chunk, fields)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// Erase erases as the settings say. See crm.CRM. Records that find does not know are left out. Invalid where the
// settings do not say how.
func (s *Sink) Erase(ctx context.Context, a crm.Account, subject crm.Subject) error {
	byObject := map[string][]crm.Record{}
	var objects []string
	for _, r := range subject.Records {
		if byObject[r.Object] == nil {
			objects = append(objects, r.Object)
		}
		byObject[r.Object] = append(byObject[r.Object], r)
	}
	for _, object := range objects {
		p, err := s.plan(a, object)
		if err != nil {
			return err
		}
		if p.erase == nil {
			return fault.New(fault.Invalid, "account %s cannot erase: configure erase, or erase there by hand", a.Name)
		}
		c := &calling{sink: s, plan: p, account: a, object: object, erasing: subject.Delete}
		if err := c.erase(ctx, byObject[object]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Describe gives the fields that the settings list. Without a list every field may be written. See crm.Describer.
func (s *Sink) Describe(_ context.Context, a crm.Account, object string) (crm.Object, error) {
	p, err := s.plan(a, object)
	if err != nil {
		return crm.Object{}, err
	}
	o := crm.Object{Name: object, Label: object, Creatable: true, Fields: p.common}
	if p.fields != nil {
		var ok bool
		if o.Fields, ok = p.fields[object]; !ok {
			return crm.Object{}, fault.New(fault.NotFound, "settings.fields lists no object %q", object)
		}
	}
	return o, nil
}

// Objects lists the objects that the settings name.
func (s *Sink) Objects(_ context.Context, a crm.Account) ([]crm.Object, error) {
	p, err := s.plan(a, "")
	if err != nil {
		return nil, err
	}
	var out []crm.Object
	for _, name := range p.objects {
		out = append(out, crm.Object{Name: name, Label: name, Creatable: true, Fields: p.fields[name]})
	}
	return out, nil
}

// Check gives all mistakes in the settings of an account, each naming the setting it stands in.
func Check(settings map[string]any) []error {
	_, errs := compile(settings, "")
	for _, name := range sorted(object(settings["objects"])) {
		_, more := compile(settings, name)
		for _, err := range more {
			if !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }) {
				errs = append(errs, wrong("objects."+name+": %w", err))
			}
		}
	}
	return errs
}

func (s *Sink) plan(a crm.Account, object string) (*plan, error) {
	return s.plans.Get(a.Settings, object, func() (*plan, error) {
		p, errs := compile(a.Settings, object)
		if len(errs) > 0 {
			// Nothing can be sent until a person corrects them; no record is to blame.
			return nil, fault.New(fault.Unauthorized, "settings of account %s: %w", a.Name, errors.Join(errs...))
		}
		return p, nil
	})
}
