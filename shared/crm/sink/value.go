package sink

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/expression"
	"rapport/shared/fault"
)

// row is a record as expressions see it.
type row struct {
	Key       string         `expr:"key" json:"key"`
	ID        string         `expr:"id" json:"id,omitempty"`
	Object    string         `expr:"object" json:"object"`
	KeyField  string         `expr:"key_field" json:"key_field,omitempty"`
	Fields    map[string]any `expr:"fields" json:"fields"` // with the key in its key field
	Links     []link         `expr:"links" json:"links,omitempty"`
	Attempted bool           `expr:"attempted" json:"attempted,omitempty"`
	at        int            // place in the call
}

type link struct {
	Object string `expr:"object" json:"object"`
	ID     string `expr:"id" json:"id,omitempty"`
	Key    string `expr:"key" json:"key,omitempty"`
	Label  string `expr:"label" json:"label,omitempty"`
}

// request is what the expressions of a request see.
type request struct {
	Account string   `expr:"account"`
	Object  string   `expr:"object"`
	Records []*row   `expr:"records"`
	Record  *row     `expr:"record"` // the first
	Keys    []string `expr:"keys"`
	Key     string   `expr:"key"` // the first
	IDs     []string `expr:"ids"`
	ID      string   `expr:"id"`     // the first
	Fields  []string `expr:"fields"` // to read
	Delete  bool     `expr:"delete"` // whole records may go
	Session any      `expr:"session"`
}

// signing is what expressions see that may hold secrets.
type signing struct {
	Account string                       `expr:"account"`
	Object  string                       `expr:"object"`
	Session any                          `expr:"session"`
	Secret  func(string) (string, error) `expr:"secret"`
}

// answer is what the expressions over an answer see.
type answer struct {
	Status int               `expr:"status"`
	Header map[string]string `expr:"header"`
	Body   any               `expr:"body"`
	Item   any               `expr:"item"`
}

// Root gives a top-level name.
func (a answer) Root(name string) any {
	switch name {
	case "status":
		return a.Status
	case "header":
		return a.Header
	case "body":
		return a.Body
	case "item":
		return a.Item
	}
	return nil
}

// rows prepares records and begins their outcomes. What cannot be sent has its error there.
func (p *plan) rows(records []crm.Record, out []crm.Outcome) []*row {
	all := make([]row, len(records))
	rows := make([]*row, len(records))
	seen := make(map[string]bool, len(records))
	for i, r := range records {
		all[i] = row{ID: r.ID, Object: r.Object, KeyField: r.KeyField, Attempted: r.Attempted, at: i}
		rows[i] = &all[i]
		out[i].Key = r.Key
		var err error
		if all[i].Fields, err = clean(r.Fields); err != nil {
			out[i].Err = fault.New(fault.Invalid, "record %s: %w", r.Key, err)
		}
		all[i].Key = p.key(r, all[i].Fields)
		if r.KeyField != "" && all[i].Fields[r.KeyField] == nil {
			all[i].Fields = with(all[i].Fields, r.KeyField, all[i].Key)
		}
		for _, l := range r.Links {
			all[i].Links = append(all[i].Links, link(l))
		}
		if seen[all[i].Key] && out[i].Err == nil {
			out[i].Err = fault.New(fault.Invalid, "key %s stands twice in one call", all[i].Key)
		}
		seen[all[i].Key] = true
	}
	return rows
}

// key is the record's key as the endpoint knows it.
func (p *plan) key(r crm.Record, fields map[string]any) string {
	for _, name := range []string{p.idField, r.KeyField} {
		if v := fields[name]; name != "" && v != nil {
			if s := text(v); s != "" {
				return s
			}
		}
	}
	return r.Key
}

// clean takes out of values what JSON or endpoints choke on: NUL in texts; times become text. The map is copied only
// where something changes.
func clean(fields map[string]any) (map[string]any, error) {
	out, copied := fields, false
	for name, v := range fields {
		var now any
		switch x := v.(type) {
		case string:
			if strings.IndexByte(x, 0) < 0 {
				continue
			}
			now = strings.ReplaceAll(x, "\x00", "")
		case time.Time:
			if now = any(expression.ISO(x)); now == "" {
				now = nil
			}
		case float64:
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fields, fmt.Errorf("field %s holds no finite number", name)
			}
			continue
		default:
			continue
		}
		if !copied {
			out, copied = with(fields, name, now), true
		}
		out[name] = now
	}
	return out, nil
}

func with(fields map[string]any, name string, v any) map[string]any {
	out := make(map[string]any, len(fields)+1)
	for k, x := range fields {
		out[k] = x
	}
	out[name] = v
	return out
}

func keysOf(rows []*row) []string {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	return keys
}

// text writes a value of an answer as text; numbers in full, nothing as "".
func text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case int:
		return strconv.Itoa(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	case []any:
		var parts []string
		for _, y := range x {
			parts = append(parts, text(y))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

// truth reads a value as yes or no: nothing, "", 0, false and empty lists are no.
func truth(v any) bool {
	switch x := v.(type) {
	case nil:
		return false
	case bool:
		return x
	case string:
		return x != ""
	case int:
		return x != 0
	case float64:
		return x != 0
	case []any:
		return len(x) > 0
	}
	return true
}

// names reads a name or a list of names.
func names(v any) []string {
	var out []string
	switch x := v.(type) {
	case string:
		if x != "" {
			out = append(out, x)
		}
	case []string:
		out = x
	case []any:
		for _, y := range x {
			if s := text(y); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

// moment reads a time of an answer; the zero time where there is none.
func moment(v any) time.Time {
	switch x := v.(type) {
	case string:
		t, _ := time.Parse(time.RFC3339, x)
		return t.UTC()
	case int:
		return time.Unix(int64(x), 0).UTC()
	case float64:
		return time.Unix(int64(x), 0).UTC()
	}
	return time.Time{}
}
