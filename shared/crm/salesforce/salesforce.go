// Package salesforce writes to Salesforce and brings its changes back.
//
// What is odd: records go out 200 in a call, are answered in order, and the answer says 200 when rows fail; a value of the
// wrong type sinks the whole call. Upserts know external ids only, so records known by id take another path. What a person
// may not see looks as if it were not there, and new fields are seen by nobody. Assignment rules run on every REST write
// unless a header stops them, and would take a case from its agent. Merged records lie in the bin and name their survivor,
// converted leads name their contact. Too many calls of the day and too many at once are one error, told apart by a header.
// Changes are told with who was last to touch the record only, never who changed which field.
//
// Own fields and objects are named as everywhere in Rapport, without the __c that Salesforce puts behind them.
//
// Documentation: https://developer.salesforce.com/docs/platform/api-rest/guide/intro-rest.html
package salesforce

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/network"
)

var (
	_ crm.CRM          = (*Salesforce)(nil)
	_ crm.Describer    = (*Salesforce)(nil)
	_ crm.Installer    = (*Salesforce)(nil)
	_ crm.Watcher      = (*Salesforce)(nil)
	_ crm.ChangeParser = (*Salesforce)(nil)
	_ crm.Finder       = (*Salesforce)(nil)
	_ crm.Lister       = (*Salesforce)(nil)
	_ network.Receiver = (*Salesforce)(nil)
	_ network.Signer   = (*Salesforce)(nil)
	_ network.Prober   = (*Salesforce)(nil)
)

const (
	defaultVersion  = "66.0"
	defaultKeyField = "rapport_key"
	defaultAudience = "https://login.salesforce.com"
	maxBatch        = 200
	maxKey          = 255 // characters of an external id
	maxText         = 32768
	replyObject     = "rapport_reply"
	erased          = "(erased)" // stands where a field must not be empty
)

// Salesforce is the adapter. It keeps the sessions that it opened, so one value is shared.
type Salesforce struct{ sessions *sessions }

// New makes the adapter.
func New() *Salesforce { return &Salesforce{sessions: newSessions()} }

// Info describes Salesforce.
func (*Salesforce) Info() crm.Info {
	text := func(name, title, help string, def any) network.Field {
		return network.Field{Name: name, Title: title, Help: help, Type: "text", Default: def}
	}
	list := func(name, title, help string, def any) network.Field {
		return network.Field{Name: name, Title: title, Help: help, Type: "list", Default: def}
	}
	waiting := list("waiting_statuses", "Waiting statuses", "Case statuses in which it is your move; a case that is reopened gets the first, or the one in which cases begin.", nil)
	return crm.Info{
		Name: "salesforce", Title: "Salesforce", Docs: "https://developer.salesforce.com/docs/platform/api-rest/guide/intro-rest.html",
		Settings: []network.Field{
			text("version", "API version", "As the path has it.", defaultVersion),
			text("key_field", "Key field", "Unique external id that setup makes for our key.", defaultKeyField),
			text("client_id", "Consumer key", "Of the External Client App.", nil),
			text("username", "User name", "Of the integration user, for the log-in by signed assertion.", nil),
			{Name: "audience", Title: "Audience", Help: "Of signed assertions: https://test.salesforce.com for a sandbox.", Type: "address", Default: defaultAudience},
			text("queue", "Fallback queue", "Developer name or id of the queue that owns new cases and leads for which the mapping names no owner, or one that cannot be.", nil),
			{Name: "person_accounts", Title: "Person accounts", Help: "The org keeps persons as accounts: chooses the default mapping for them.", Type: "flag", Default: false},
			text("person_record_type", "Record type of persons", "Id, for new person accounts; the first active one if empty.", nil),
			list("objects", "Watched objects", "Objects whose changes are polled; those that the user cannot see are left out.", watchedObjects(false)),
			list("watch", "Watched fields", "Further fields whose changes are told.", nil),
			waiting,
			{Name: "overlap", Title: "Overlap", Help: "Seconds that each poll looks back, as long transactions show late.", Type: "number", Default: 120},
		},
		Secrets: []network.Field{
			{Name: "private_key", Title: "Private key", Help: "PEM, for the log-in by signed assertion (JWT bearer).", Type: "text"},
			{Name: "client_secret", Title: "Consumer secret", Help: "For the log-in by client credentials.", Type: "text"},
			{Name: "token", Title: "Access token", Help: "A standing one, in place of a log-in.", Type: "text"},
			{Name: "admin", Title: "Administrator's access token", Help: "Used by setup only; the integration user if empty.", Type: "text"},
		},
		Hook:        []network.Field{text("user_id", "Integration user", "Id of the integration user; tells our own changes from others'.", nil), waiting},
		HookSecrets: []network.Field{{Name: "secret", Title: "Secret of the API destination", Help: "The API key x-rapport-secret of the connection in EventBridge.", Type: "text", Required: true}, {Name: "previous", Title: "Previous secret", Help: "Still taken during a rotation.", Type: "text"}},
		Batch:       maxBatch, Keyed: true, KeyField: defaultKeyField, Text: crm.Limit{Max: maxText, Unit: "utf16"},
		Buckets: []network.Bucket{{Name: "default", Calls: 100000, Per: 24 * time.Hour, Shared: "origin", Reserve: 20}},
		Poll:    2 * time.Minute,
		Needs: []network.Need{
			{What: "an External Client App with the scope api, and an integration user who may use it without asking", Who: "a Salesforce administrator", Takes: "an hour", Before: "all in observe mode"},
			{What: "the permission set Rapport, given to the integration user (setup makes it; setup --export gives it as a source project)", Who: "a Salesforce administrator", Takes: "minutes to the next release of your own pipeline", Before: "observe mode shows what would be written"},
			{What: "the agents' permission set, layouts, list views and reports of setup --export, deployed", Who: "a Salesforce administrator", Takes: "minutes", Before: "all; agents find the fields on no page yet"},
			{What: "Event Relay to Amazon EventBridge, where changes are to come within seconds", Who: "a Salesforce administrator and whoever owns the AWS account", Takes: "days", Before: "all; changes come by polling every two minutes"},
		},
	}
}

// Upsert makes one call for records known by id and one for records known by key. More calls are made only where
// something asks for them: which records exist, where owners are set; who owners and queues are; what became of records that
// were merged, converted or deleted; rows again without a link that leads nowhere, or with the fallback queue. All may be repeated.
// An outcome with Conflict names in ID the record that holds the unique value.
func (f *Salesforce) Upsert(ctx context.Context, a crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	if len(records) == 0 {
		return nil, nil
	}
	if len(records) > maxBatch {
		return nil, fault.New(fault.Invalid, "%d records in a batch: Salesforce takes %d", len(records), maxBatch)
	}
	c, err := f.open(ctx, a)
	if err != nil {
		return nil, err
	}
	j, err := newJob(ctx, c, records)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{j.owners, j.byID, j.byKey} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return j.outcomes(), nil
}

// Read makes one query for all keys and ids, or more where they are long. The bin is read too, as it knows of merges.
func (f *Salesforce) Read(ctx context.Context, a crm.Account, object string, keys, fields []string) ([]crm.Row, error) {
	rows := make([]crm.Row, len(keys))
	if len(keys) == 0 {
		return rows, nil
	}
	c, err := f.open(ctx, a)
	if err != nil {
		return nil, err
	}
	var ids, ours []string
	for _, k := range keys {
		if id, ok := strings.CutPrefix(k, "id:"); ok {
			ids = append(ids, id)
		} else {
			ours = append(ours, k)
		}
	}
	found, err := c.find(ctx, object, ids, ours, fields)
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		id, byID := strings.CutPrefix(k, "id:")
		at := slices.IndexFunc(found, func(r record) bool {
			return byID && same(r.text("Id"), id) || !byID && !r.deleted() && r.text(c.key()) == k
		})
		if at < 0 {
			continue
		}
		r := found[at]
		if into, moved := r.into(); moved {
			rows[i] = crm.Row{Found: true, ID: into, MergedInto: into, Object: r.movedTo(), Fields: map[string]any{}}
			continue
		}
		if !r.deleted() {
			rows[i] = c.row(r, fields)
		}
	}
	return rows, nil
}

// row is a record in our words.
func (c client) row(r record, fields []string) crm.Row {
	row := crm.Row{Found: true, ID: r.text("Id"), Key: r.text(c.key()), Fields: map[string]any{}, Changed: r.time("SystemModstamp"), By: r.text("LastModifiedById")}
	for _, name := range fields {
		if v := r.at(vendor(name)); v != nil {
			row.Fields[name] = v
		}
	}
	return row
}

// Erase finds the records by key and id and blanks our key and the fields we filled. Names that must not be empty say
// that they were erased. With Delete it also deletes records of our own objects; the bin keeps them for fifteen days, blanked.
func (f *Salesforce) Erase(ctx context.Context, a crm.Account, s crm.Subject) error {
	c, err := f.open(ctx, a)
	if err != nil {
		return err
	}
	for _, records := range s.ByObject() {
		if err := c.erase(ctx, records[0].Object, records, s.Delete); err != nil {
			return err
		}
	}
	return nil
}

func (c client) erase(ctx context.Context, object string, records []crm.Record, del bool) error {
	d, err := c.describe(ctx, object)
	if err != nil {
		return err
	}
	var ids, keys []string
	for _, r := range records {
		if r.ID != "" {
			ids = append(ids, r.ID)
		}
		if r.Key != "" {
			keys = append(keys, r.Key)
		}
	}
	found, err := c.find(ctx, object, ids, keys, nil)
	if err != nil {
		return err
	}
	var rows []map[string]any
	var whole []string
	for _, r := range found {
		if into, _ := r.into(); r.deleted() || into != "" {
			continue
		}
		row := map[string]any{"attributes": map[string]any{"type": vendor(object)}, "id": r.text("Id"), c.key(): nil}
		for _, rec := range records {
			if !same(rec.ID, r.text("Id")) && (rec.Key == "" || rec.Key != r.text(c.key())) {
				continue
			}
			for name := range rec.Fields {
				if at := d.field(vendor(name)); at != nil && at.Updateable && at.Name != "OwnerId" {
					row[at.Name] = at.blank()
				}
			}
		}
		rows = append(rows, row)
		if del && isOurs(object) {
			whole = append(whole, r.text("Id"))
		}
	}
	for some := range slices.Chunk(rows, maxBatch) {
		out, err := c.save(ctx, "", some, nil)
		if err != nil {
			return err
		}
		for _, r := range out {
			if p := r.problem(); !r.Success && !p.gone() {
				return c.one(p)
			}
		}
	}
	for some := range slices.Chunk(whole, maxBatch) {
		if err := c.delete(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// isOurs tells whether setup makes an object or field of this name.
func isOurs(name string) bool { return strings.HasPrefix(strings.ToLower(name), "rapport_") }

// vendor is a name as Salesforce has it, and ours as we do.
func vendor(name string) string {
	if isOurs(name) && !strings.HasSuffix(name, "__c") && !strings.HasSuffix(name, "__r") {
		return name + "__c"
	}
	return name
}

func ours(name string) string {
	if isOurs(name) {
		return strings.TrimSuffix(name, "__c")
	}
	return name
}

// isID tells whether a text has the form of a record id.
func isID(s string) bool {
	return (len(s) == 15 || len(s) == 18) && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// same compares ids, which come with and without three characters behind.
func same(a, b string) bool { return isID(a) && isID(b) && a[:15] == b[:15] }
