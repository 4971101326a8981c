// Package hubspot writes to HubSpot and brings its changes back.
//
// What is odd: paths carry a date, and versions end after eighteen months. A batch is upserted by a unique property of
// ours; single inputs are found again by trace ids, yet one bad value or unique clash may refuse the whole batch without
// saying where. All values are texts. Upserts reach nothing by record id, so records that are known by id go through
// batch/update. A merge makes a new record and both old ids lead to it. Tickets need a stage when they are made, which
// must not be sent again later, as agents move it. Search lags behind writes and has a small quota of its own.
//
// Documentation: https://developers.hubspot.com/docs/api-reference
package hubspot

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/network"
)

var (
	_ crm.CRM            = HubSpot{}
	_ crm.Describer      = HubSpot{}
	_ crm.Installer      = HubSpot{}
	_ crm.Watcher        = HubSpot{}
	_ crm.ChangeParser   = HubSpot{}
	_ crm.Finder         = HubSpot{}
	_ crm.Lister         = HubSpot{}
	_ network.Receiver   = HubSpot{}
	_ network.Prober     = HubSpot{}
	_ network.Authorizer = HubSpot{}
)

const (
	defaultVersion  = "2026-09"
	defaultKeyField = "rapport_key"
	maxBatch        = 100
	maxText         = 65536
	propMerged      = "hs_merged_object_ids"
	propPipeline    = "hs_pipeline"
	propStage       = "hs_pipeline_stage"
)

// HubSpot is the adapter. It holds nothing.
type HubSpot struct{}

// New makes the adapter.
func New() HubSpot { return HubSpot{} }

// Info describes HubSpot.
func (HubSpot) Info() crm.Info {
	text := func(name, title, help string, def any) network.Field {
		return network.Field{Name: name, Title: title, Help: help, Type: "text", Default: def}
	}
	list := func(name, title, help string, def any) network.Field {
		return network.Field{Name: name, Title: title, Help: help, Type: "list", Default: def}
	}
	app := text("app_id", "App id", "Numeric id of the app whose token is used; tells our own changes from others'.", nil)
	closed := list("closed_stages", "Closed stages", "Ids of the ticket stages that mean closed.", []string{"4"})
	waiting := list("waiting_stages", "Waiting stages", "Ids of the ticket stages in which it is your move.", []string{"3"})
	return crm.Info{
		Name: "hubspot", Title: "HubSpot", Docs: "https://developers.hubspot.com/docs/api-reference", Origin: "https://api.hubapi.com",
		Settings: []network.Field{
			text("version", "API version", "Date version of the API.", defaultVersion),
			text("key_field", "Key property", "Unique property that setup makes for our key.", defaultKeyField),
			app,
			text("timezone", "Time zone", "The account's own zone: the daily quota ends at its midnight.", "UTC"),
			text("pipeline", "Ticket pipeline", "Id of the pipeline for new tickets; the first one if empty.", nil),
			text("stage", "Ticket stage", "Id of the stage for new tickets; the pipeline's first if empty.", nil),
			closed, waiting,
			{Name: "custom_objects", Title: "Custom objects", Help: "The account has an Enterprise plan: mentions become records of their own.", Type: "flag", Default: false},
			list("objects", "Watched objects", "Objects whose changes are polled.", []string{"contacts", "tickets"}),
			list("watch", "Watched properties", "Further properties whose changes are told.", nil),
			{Name: "overlap", Title: "Overlap", Help: "Seconds that each poll looks back, as search lags behind.", Type: "number", Default: 120},
			text("client_id", "Client id", "Of the app, for connecting by OAuth.", nil),
			{Name: "app_origin", Title: "Address of the pages", Help: "Where a person logs in.", Type: "address", Default: "https://app.hubspot.com"},
		},
		Secrets: []network.Field{
			{Name: "token", Title: "Access token", Help: "Service key or static token of an app; not needed when connected by OAuth.", Type: "text"},
			{Name: "admin", Title: "Administrator's token", Help: "Used by setup only; token if empty.", Type: "text"},
			{Name: "client_secret", Title: "Client secret", Help: "Of the app, for connecting by OAuth.", Type: "text"},
		},
		Hook:        []network.Field{app, closed, waiting},
		HookSecrets: []network.Field{{Name: "secret", Title: "Client secret", Help: "Of the app that sends webhooks.", Type: "text", Required: true}, {Name: "previous", Title: "Previous client secret", Help: "Still taken during a rotation.", Type: "text"}},
		Batch:       maxBatch, Keyed: true, KeyField: defaultKeyField, Text: crm.Limit{Max: maxText, Unit: "utf16"},
		Buckets: []network.Bucket{
			{Name: "default", Calls: 100, Per: 10 * time.Second, Shared: "account", Reserve: 10},
			{Name: "daily", Calls: 250000, Per: 24 * time.Hour, Shared: "origin", Reserve: 10},
			{Name: "search", Calls: 5, Per: time.Second, Shared: "origin", Reserve: 20},
		},
		Poll: 2 * time.Minute,
		Needs: []network.Need{
			{What: "a service key with scopes for contacts, tickets and their schemas", Who: "a super admin of the HubSpot account", Takes: "minutes", Before: "all in observe mode"},
			{What: "a project app, for webhooks", Who: "a super admin of the HubSpot account", Takes: "an hour", Before: "all; changes come by polling"},
			{What: "an Enterprise plan, for mentions as custom objects", Who: "HubSpot sales", Takes: "days", Before: "tickets and contacts"},
		},
	}
}

// Upsert makes up to five calls: which tickets exist, the stage for new ones, records known by id, records known by key,
// links. All but the writes are left out where nothing asks for them, and all may be repeated. A link to a key that is
// not there is left out. An outcome with Conflict names in ID the record that holds the unique value.
func (HubSpot) Upsert(ctx context.Context, a crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	if len(records) == 0 {
		return nil, nil
	}
	if len(records) > maxBatch {
		return nil, fault.New(fault.Invalid, "%d records in a batch: HubSpot takes %d", len(records), maxBatch)
	}
	j, err := newJob(a, records)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{j.tickets, j.byID, j.byKey, j.links} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return j.outcomes(), nil
}

// Read makes one call for keys and one for ids, for every hundred of them. Values are the texts that HubSpot holds.
func (HubSpot) Read(ctx context.Context, a crm.Account, object string, keys, fields []string) ([]crm.Row, error) {
	rows := make([]crm.Row, len(keys))
	if len(keys) == 0 {
		return rows, nil
	}
	c := open(a)
	if err := c.shape(); err != nil {
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
	byID, err := c.read(ctx, object, "", ids, fields)
	if err != nil {
		return nil, err
	}
	byKey, err := c.read(ctx, object, c.keyField, ours, fields)
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		if id, ok := strings.CutPrefix(k, "id:"); ok {
			if at := slices.IndexFunc(byID, func(r result) bool { return r.is(id) }); at >= 0 {
				rows[i] = c.row(byID[at])
				if rows[i].ID != id {
					rows[i].MergedInto = rows[i].ID
				}
			}
		} else if at := slices.IndexFunc(byKey, func(r result) bool { return r.get(c.keyField) == k }); at >= 0 {
			rows[i] = c.row(byKey[at])
		}
	}
	return rows, nil
}

// row is a record in our words.
func (c client) row(r result) crm.Row {
	row := crm.Row{Found: true, ID: r.ID, Key: r.get(c.keyField), Fields: make(map[string]any, len(r.Properties)), Changed: r.UpdatedAt}
	for name, v := range r.Properties {
		if v != nil {
			row.Fields[name] = *v
		}
	}
	return row
}

// read reads live records by id, or by a unique property; absent ones are left out.
func (c client) read(ctx context.Context, object, idProperty string, ids, fields []string) ([]result, error) {
	type input struct {
		ID string `json:"id"`
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var all []result
	for some := range slices.Chunk(ids, maxBatch) {
		inputs := make([]input, len(some))
		for i, id := range some {
			inputs[i].ID = id
		}
		body := map[string]any{"inputs": inputs, "properties": append([]string{c.keyField, propMerged}, fields...), "propertiesWithHistory": []string{}}
		if idProperty != "" {
			body["idProperty"] = idProperty
		}
		var out answer
		if err := c.call(ctx, "POST", c.batch(object, "read"), body, &out, 1); err != nil {
			return nil, err
		}
		for _, p := range out.Errors {
			if p.Category != "OBJECT_NOT_FOUND" && p.Category != "OBJECTS_NOT_FOUND" {
				return nil, c.one(p)
			}
		}
		if out.Results == nil {
			return nil, fault.New(fault.Ambiguous, "HubSpot answered a read of %s without results", object)
		}
		for _, r := range out.Results {
			if !r.Archived {
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// Erase finds the records by key and id and blanks our fields and our key. With Delete it also puts records into the bin
// that our application made and that are no contacts or companies; the bin keeps them for ninety days, blanked.
func (HubSpot) Erase(ctx context.Context, a crm.Account, s crm.Subject) error {
	c := open(a)
	if err := c.shape(); err != nil {
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
	var ids, keys []string
	for _, r := range records {
		if r.ID != "" {
			ids = append(ids, r.ID)
		}
		if r.Key != "" {
			keys = append(keys, r.Key)
		}
	}
	source := []string{"hs_object_source", "hs_object_source_id"}
	found, err := c.read(ctx, object, c.keyField, keys, source)
	if err != nil {
		return err
	}
	more, err := c.read(ctx, object, "", ids, source)
	if err != nil {
		return err
	}
	blank, whole := map[string]map[string]string{}, []map[string]string{}
	var order []string
	for _, r := range append(found, more...) {
		for _, rec := range records {
			if r.get(c.keyField) != rec.Key && (rec.ID == "" || !r.is(rec.ID)) {
				continue
			}
			if blank[r.ID] == nil {
				blank[r.ID] = map[string]string{c.keyField: ""}
				order = append(order, r.ID)
				if del && c.ours(object, r) {
					whole = append(whole, map[string]string{"id": r.ID})
				}
			}
			for name := range rec.Fields {
				if name != propPipeline && name != propStage { // a ticket is never without
					blank[r.ID][name] = ""
				}
			}
		}
	}
	if err := c.blank(ctx, object, order, blank); err != nil {
		return err
	}
	for some := range slices.Chunk(whole, maxBatch) {
		if err := c.call(ctx, "POST", c.batch(object, "archive"), map[string]any{"inputs": some}, nil, 1); err != nil {
			return err
		}
	}
	return nil
}

// blank empties fields. Fields that are gone from HubSpot hold nothing any more and are left out the second time.
func (c client) blank(ctx context.Context, object string, ids []string, fields map[string]map[string]string) error {
	for some := range slices.Chunk(ids, maxBatch) {
		send := func() (answer, error) {
			var inputs []map[string]any
			for _, id := range some {
				inputs = append(inputs, map[string]any{"id": id, "properties": fields[id]})
			}
			var out answer
			err := c.call(ctx, "POST", c.batch(object, "update"), map[string]any{"inputs": inputs}, &out, 1)
			return out, err
		}
		out, err := send()
		if names := fault.Fields(err); fault.Is(err, fault.Drift) && len(names) > 0 {
			for _, id := range some {
				for _, name := range names {
					delete(fields[id], name)
				}
			}
			out, err = send()
		}
		if err != nil {
			return err
		}
		for _, p := range out.Errors {
			if p.Category != "OBJECT_NOT_FOUND" {
				return c.one(p)
			}
		}
		if len(out.Results) == 0 && len(out.Errors) == 0 {
			return fault.New(fault.Ambiguous, "HubSpot answered an erasure in %s without results", object)
		}
	}
	return nil
}

// ours tells whether a record was made by our application and holds no person.
func (c client) ours(object string, r result) bool {
	if object == "contacts" || object == "companies" || r.get(propMerged) != "" {
		return false
	}
	app := c.a.Text("app_id")
	return r.get("hs_object_source") == "INTEGRATION" && (app == "" || r.get("hs_object_source_id") == app)
}

func standard(object string) bool {
	return slices.Contains([]string{"contacts", "companies", "deals", "tickets", "notes", "tasks", "calls", "emails", "meetings", "communications", "leads", "products"}, object)
}

// number reads an index that was sent as trace id.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
