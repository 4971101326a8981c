package crmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/rest"
)

// small is a CRM of a few lines with a socket: what the suite is tried on.
type small struct {
	mu      sync.Mutex
	next    int
	rows    map[string]map[string]any // id → fields
	merged  map[string]string
	removed map[string]bool
	refuse  string
	flaw    string
}

type wire struct {
	Key, ID string
	Fields  map[string]any
	Found   bool
	New     bool
	Error   string
}

func (s *small) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in []wire
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		http.Error(w, "no JSON", 400)
		return
	}
	for _, x := range in {
		if r.URL.Path == "/upsert" && s.refuse != "" && x.Key == s.refuse && len(in) > 1 {
			http.Error(w, "batch refused", 409)
			return
		}
	}
	for i := range in {
		s.serve(r.URL.Path, &in[i])
	}
	_ = json.NewEncoder(w).Encode(in)
}

func (s *small) find(x *wire) {
	if into := s.merged[x.ID]; into != "" {
		x.ID = into
	}
	if x.ID == "" {
		for id, row := range s.rows {
			if row["key"] == x.Key {
				x.ID = id
			}
		}
	}
	x.Found = s.rows[x.ID] != nil
}

func (s *small) serve(path string, x *wire) {
	given := x.ID
	if s.flaw != "doubles" || given != "" || path == "/read" {
		s.find(x)
	}
	switch path {
	case "/read":
		x.Fields = s.rows[x.ID]
	case "/erase":
		for name := range x.Fields {
			if x.Found && name != "key" {
				delete(s.rows[x.ID], name)
			}
		}
	case "/upsert":
		for name, v := range x.Fields {
			if s.removed[name] {
				x.Error = "no field " + name
				return
			}
			if v == "bad" {
				x.Error = "bad value"
				return
			}
		}
		if given != "" && !x.Found {
			x.Error = "gone"
			return
		}
		if !x.Found {
			s.next++
			x.ID, x.New = fmt.Sprint(s.next), true
			s.rows[x.ID] = map[string]any{}
		}
		for name, v := range x.Fields {
			s.rows[x.ID][name] = v
		}
		s.rows[x.ID]["key"] = x.Key
	}
}

// adapter speaks to small; flaw breaks it in one way.
type adapter struct{ flaw string }

func (adapter) Info() crm.Info {
	return crm.Info{Name: "small", Title: "Small", Batch: 10, Keyed: true, KeyField: "key", Text: crm.Limit{Max: 65536, Unit: "runes"}}
}

func (d adapter) call(ctx context.Context, a crm.Account, path string, in []wire) ([]wire, error) {
	resp, err := a.Do(ctx, rest.Request{Method: "POST", URL: path, JSON: in, Auth: "Bearer " + a.Secret("token")})
	if err != nil {
		return nil, err
	}
	if err := rest.Classify(resp, a.Now); err != nil {
		switch {
		case d.flaw == "leaks":
			return nil, fault.New(fault.Of(err), "with %s: %w", a.Secret("token"), err)
		case d.flaw == "any status is success" && resp.Status >= 500:
			return in, nil
		case fault.Is(err, fault.Conflict) && len(in) > 1 && d.flaw != "never splits":
			return nil, fault.New(fault.Split, "refused: %w", err)
		}
		return nil, err
	}
	var out []wire
	if err := resp.JSON(&out); err != nil {
		return nil, err
	}
	if len(out) != len(in) {
		return nil, fault.New(fault.Ambiguous, "the answer tells of %d records, asked for %d", len(out), len(in))
	}
	return out, nil
}

func (d adapter) Upsert(ctx context.Context, a crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	if len(records) == 0 {
		return nil, nil
	}
	var in []wire
	for i, r := range records {
		if d.flaw == "loses one" && i == 1 {
			continue
		}
		x := wire{Key: r.Key, ID: r.ID, Fields: map[string]any{}}
		for name, v := range r.Fields {
			if s, ok := v.(string); ok && d.flaw != "keeps NUL" {
				v = strings.ReplaceAll(s, "\x00", "")
			}
			x.Fields[name] = v
		}
		if d.flaw == "forgets nil" {
			for name, v := range x.Fields {
				if v == nil {
					delete(x.Fields, name)
				}
			}
		}
		if d.flaw == "ignores ids" {
			x.ID = ""
		}
		in = append(in, x)
	}
	out, err := d.call(ctx, a, "/upsert", in)
	if err != nil {
		return nil, err
	}
	if d.flaw == "loses one" && len(records) > 1 {
		out = append(out[:1], append([]wire{{Key: records[1].Key, ID: "77"}}, out[1:]...)...)
	}
	if d.flaw == "swaps" && len(out) > 1 {
		out[0].ID, out[1].ID = out[1].ID, out[0].ID
	}
	outcomes := make([]crm.Outcome, len(records))
	for i, x := range out {
		o := crm.Outcome{Key: records[i].Key, ID: x.ID, State: crm.Updated}
		switch {
		case x.New:
			o.State = crm.Created
		case x.Error == "gone":
			o.Err = fault.New(fault.Gone, "deleted")
		case strings.HasPrefix(x.Error, "no field ") && d.flaw != "no drift":
			o.Err = fault.Drifted([]string{strings.TrimPrefix(x.Error, "no field ")}, "%s", x.Error)
		case x.Error != "" && d.flaw != "errors are success":
			o.Err = fault.New(fault.Invalid, "%s", x.Error)
		}
		outcomes[i] = o
	}
	return outcomes, nil
}

func (d adapter) Read(ctx context.Context, a crm.Account, _ string, keys, _ []string) ([]crm.Row, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var in []wire
	for _, k := range keys {
		x := wire{Key: k}
		if id, ok := strings.CutPrefix(k, "id:"); ok {
			x = wire{ID: id}
		}
		in = append(in, x)
	}
	out, err := d.call(ctx, a, "/read", in)
	if err != nil {
		return nil, err
	}
	rows := make([]crm.Row, len(out))
	for i, x := range out {
		if x.Found {
			key, _ := x.Fields["key"].(string)
			rows[i] = crm.Row{Found: true, ID: x.ID, Key: key, Fields: x.Fields}
			if asked := in[i].ID; asked != "" && asked != x.ID {
				rows[i].MergedInto = x.ID
			}
		}
	}
	return rows, nil
}

func (d adapter) Erase(ctx context.Context, a crm.Account, s crm.Subject) error {
	var in []wire
	for _, r := range s.Records {
		in = append(in, wire{Key: r.Key, ID: r.ID, Fields: r.Fields})
	}
	if d.flaw == "erases nothing" {
		return nil
	}
	_, err := d.call(ctx, a, "/erase", in)
	return err
}

func start(flaw string) func(*testing.T) World {
	return func(t *testing.T) World {
		s := &small{rows: map[string]map[string]any{}, merged: map[string]string{}, removed: map[string]bool{}, flaw: flaw}
		srv := httptest.NewServer(s)
		t.Cleanup(srv.Close)
		locked := func(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }
		sample := func(key string) crm.Record {
			return crm.Record{Object: "things", KeyField: "key", Key: key, Fields: map[string]any{"note": "about " + key, "size": 3}}
		}
		return World{
			Account: crm.Account{Name: "small", Origin: srv.URL, HTTP: rest.Guard(rest.GuardOptions{Private: true}), Now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
				Secrets: map[string]flow.Secret{"token": flow.NewSecret("canary-4711-canary")}},
			Object: "things", KeyField: "key", Text: "note", Foreign: "theirs", Sample: sample,
			Bad: func(key string) crm.Record { r := sample(key); r.Fields["size"] = "bad"; return r },
			Count: func(key string) (n int) {
				locked(func() {
					for _, row := range s.rows {
						if row["key"] == key {
							n++
						}
					}
				})
				return n
			},
			Total: func() (n int) { locked(func() { n = len(s.rows) }); return n },
			Row: func(id string) (row map[string]any) {
				locked(func() {
					for name, v := range s.rows[id] {
						if row == nil {
							row = map[string]any{}
						}
						row[name] = v
					}
				})
				return row
			},
			HumanCreate: func(f map[string]any) (id string) {
				locked(func() { s.next++; id = fmt.Sprint(s.next); s.rows[id] = f })
				return id
			},
			HumanEdit: func(id string, f map[string]any) {
				locked(func() {
					for name, v := range f {
						s.rows[id][name] = v
					}
				})
			},
			HumanDelete:   func(id string) { locked(func() { delete(s.rows, id) }) },
			Merge:         func(a, b string) string { locked(func() { delete(s.rows, a); s.merged[a] = b }); return b },
			RemoveField:   func(name string) { locked(func() { s.removed[name] = true }) },
			RefuseBatchOn: func(key string) { locked(func() { s.refuse = key }) },
		}
	}
}

func suite(flaw string) Suite {
	return Suite{New: func() crm.CRM { return adapter{flaw} }, Start: start(flaw), Skips: map[string]string{
		"convert": "a small CRM has no leads", "describe": "it describes nothing", "setup": "it has no fields to make",
		"changes": "it tells of no changes", "list": "it lists nothing"}}
}

func TestSmall(t *testing.T) { Run(t, suite("")) }

// TestFlaws breaks the adapter in one way each and looks that the right check goes red.
func TestFlaws(t *testing.T) {
	for flaw, names := range map[string][]string{
		"swaps":                 {"order", "batch"},
		"loses one":             {"order"},
		"errors are success":    {"one bad"},
		"any status is success": {"status"},
		"leaks":                 {"status"},
		"doubles":               {"cut", "twice"},
		"never splits":          {"split"},
		"no drift":              {"removed field"},
		"ignores ids":           {"adopt", "delete"},
		"forgets nil":           {"values"},
		"erases nothing":        {"erase", "erase whole"},
	} {
		for _, name := range names {
			found := suite(flaw).problems(t, named(t, name))
			if len(found) == 0 {
				t.Errorf("an adapter that %q passes the check %q", flaw, name)
			}
			for _, text := range found {
				if strings.Contains(text, "canary-4711") {
					t.Errorf("the suite itself prints the secret: %s", text)
				}
			}
		}
	}
}

// TestMissingHook looks that a check without its hook fails instead of passing in silence.
func TestMissingHook(t *testing.T) {
	s := suite("")
	whole := s.Start
	s.Start = func(t *testing.T) World { w := whole(t); w.Merge = nil; return w }
	if found := s.problems(t, named(t, "merge")); len(found) != 1 || !strings.Contains(found[0], "Merge") {
		t.Errorf("without the hook the check says %q", found)
	}
}

func named(t *testing.T, name string) func(*check) {
	t.Helper()
	for _, c := range checks {
		if c.name == name {
			return c.run
		}
	}
	t.Fatalf("there is no check %q", name)
	return nil
}
