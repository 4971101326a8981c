// Package sink is a pair of fake endpoints: a REST batch CRM that creates and never matches, with its bad moods, and a
// small JSON-RPC CRM with sessions that refuses inside answers of 200. Both are http.Handlers, hold everything in
// memory and show what they hold. They know no clock and no chance but those they are given, and no goroutines.
package sink

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The limits of one call.
const (
	MaxBatch = 100
	MaxFind  = 200
)

// Options of a CRM.
type Options struct {
	KeyField string              // "" = ExternalId
	Fields   []string            // known fields; empty = every field is known
	Token    string              // wanted as bearer token; "" = nobody is asked
	Seed     uint64              // of the moods
	Sleep    func(time.Duration) // for Mood.Latency; nil = none
}

// Mood is how the endpoint behaves. Shares are from 0 to 1.
type Mood struct {
	Latency    time.Duration // before each answer
	Limited    float64       // share of calls answered 429 with Retry-After: 1
	Cut        float64       // share of writes whose answer is cut after storing
	Locked     float64       // share of records refused with UNABLE_TO_LOCK_ROW
	Down       bool          // every call is answered 503
	RefuseBoth string        // a batch with this key and another is refused whole
}

// CRM is the REST batch endpoint:
//
//	POST /batch    [{…}, …]             creates, never matches     {"results":[{"id","success","error","field"}]}
//	POST /upsert   [{…}, …]             creates or updates by key  the same
//	PATCH /records/{id} {…}             changes one record         {"id"}
//	POST /find     ["key", …]           the keys that exist        ["key", …]
//	POST /read     {"keys":[],"ids":[]} records                    {"rows":[{"id","key","fields","changed"}]}
//	POST /erase    {"delete":false,"records":[{"key","id","fields"}]}
//
// The id of a record made by /batch is its key; others count up. Safe for concurrent use.
type CRM struct {
	o     Options
	mu    sync.Mutex
	dice  *rand.Rand
	mood  Mood
	order []string // ids in the order of their creation
	rows  map[string]map[string]any
	index map[string]string // key → the first live record's id
	gone  map[string]bool   // ids and keys that a human deleted
	next  int
	calls map[string]int
	batch map[int]int // records of a call → calls
}

// New makes an empty CRM.
func New(o Options) *CRM {
	if o.KeyField == "" {
		o.KeyField = "ExternalId"
	}
	return &CRM{o: o, dice: rand.New(rand.NewPCG(o.Seed, 1)), rows: map[string]map[string]any{}, index: map[string]string{},
		gone: map[string]bool{}, calls: map[string]int{}, batch: map[int]int{}}
}

// SetMood changes how the endpoint behaves from now on.
func (c *CRM) SetMood(m Mood) { c.mu.Lock(); defer c.mu.Unlock(); c.mood = m }

// ServeHTTP answers one call.
func (c *CRM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body any
	bad := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&body)
	if pause := c.latency(); pause > 0 && c.o.Sleep != nil {
		c.o.Sleep(pause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[r.URL.Path]++
	switch {
	case c.mood.Down:
		refuse(w, http.StatusServiceUnavailable, "down for maintenance", "")
	case c.o.Token != "" && r.Header.Get("Authorization") != "Bearer "+c.o.Token:
		refuse(w, http.StatusUnauthorized, "INVALID_TOKEN", "")
	case c.roll(c.mood.Limited):
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "")
	case bad != nil:
		refuse(w, http.StatusBadRequest, "JSON_PARSER_ERROR", "")
	default:
		c.serve(w, r, body)
	}
}

func (c *CRM) latency() time.Duration { c.mu.Lock(); defer c.mu.Unlock(); return c.mood.Latency }

func (c *CRM) roll(share float64) bool { return share > 0 && c.dice.Float64() < share }

func (c *CRM) serve(w http.ResponseWriter, r *http.Request, body any) {
	id, one := strings.CutPrefix(r.URL.Path, "/records/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/batch":
		c.write(w, body, false)
	case r.Method == http.MethodPost && r.URL.Path == "/upsert":
		c.write(w, body, true)
	case r.Method == http.MethodPatch && one:
		c.patch(w, id, body)
	case r.Method == http.MethodPost && r.URL.Path == "/find":
		c.find(w, body)
	case r.Method == http.MethodPost && r.URL.Path == "/read":
		c.read(w, body)
	case r.Method == http.MethodPost && r.URL.Path == "/erase":
		c.erase(w, body)
	default:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "")
	}
}

type result struct {
	ID      string `json:"id"`
	Key     string `json:"key,omitempty"`
	Success bool   `json:"success"`
	Created bool   `json:"created,omitempty"`
	Error   string `json:"error,omitempty"`
	Field   string `json:"field,omitempty"`
}

func (c *CRM) write(w http.ResponseWriter, body any, upsert bool) {
	list, ok := body.([]any)
	if !ok || len(list) == 0 || len(list) > MaxBatch {
		refuse(w, http.StatusBadRequest, "EXCEEDED_MAX_SIZE", "")
		return
	}
	c.batch[len(list)]++
	if len(list) > 1 && c.mood.RefuseBoth != "" {
		for _, x := range list {
			if fields, _ := x.(map[string]any); fields[c.o.KeyField] == c.mood.RefuseBoth {
				refuse(w, http.StatusBadRequest, "BATCH_REFUSED", "")
				return
			}
		}
	}
	results := make([]result, len(list))
	for i, x := range list {
		fields, _ := x.(map[string]any)
		results[i] = c.one(fields, upsert)
	}
	if c.roll(c.mood.Cut) {
		panic(http.ErrAbortHandler) // stored, and nobody is told
	}
	answer(w, map[string]any{"results": results})
}

func (c *CRM) one(fields map[string]any, upsert bool) result {
	key, _ := fields[c.o.KeyField].(string)
	r := result{ID: key, Key: key}
	switch fail, field := c.check(fields); {
	case key == "":
		r.Error, r.Field = "REQUIRED_FIELD_MISSING", c.o.KeyField
	case fail != "":
		r.Error, r.Field = fail, field
	case c.roll(c.mood.Locked):
		r.Error = "UNABLE_TO_LOCK_ROW"
	case upsert && c.gone[key]:
		r.Error = "ENTITY_IS_DELETED"
	case upsert:
		r.ID, r.Success = c.byKey(key), true
		if r.Created = r.ID == ""; r.Created {
			r.ID = c.add("", fields)
		} else {
			c.merge(r.ID, fields)
		}
	default:
		r.Success = true
		r.ID = c.add(key, fields)
	}
	return r
}

// check gives why fields are refused, and which of them.
func (c *CRM) check(fields map[string]any) (fail, field string) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if len(c.o.Fields) > 0 && name != c.o.KeyField && !slices.Contains(c.o.Fields, name) {
			return "INVALID_FIELD", name
		}
		if n, ok := fields[name].(string); ok && name == "Stars" && n != "" {
			return "NUMBER_EXPECTED", name
		}
	}
	return "", ""
}

// add stores a record. Under a wanted id that is taken a second one gets a number of its own: that is a double.
func (c *CRM) add(id string, fields map[string]any) string {
	if id == "" || c.rows[id] != nil {
		c.next++
		id = strings.TrimPrefix(id+"#"+strconv.Itoa(c.next), "#")
	}
	c.order = append(c.order, id)
	c.rows[id] = map[string]any{}
	c.merge(id, fields)
	return id
}

func (c *CRM) merge(id string, fields map[string]any) {
	for name, v := range fields {
		if v == nil {
			delete(c.rows[id], name)
			continue
		}
		c.rows[id][name] = v
	}
	if key, ok := fields[c.o.KeyField].(string); ok && c.byKey(key) == "" {
		c.index[key] = id
	}
}

// byKey gives the id of the first live record with a key, "" if there is none.
func (c *CRM) byKey(key string) string {
	if id := c.index[key]; c.rows[id] != nil && c.rows[id][c.o.KeyField] == key {
		return id
	}
	return ""
}

func (c *CRM) patch(w http.ResponseWriter, id string, body any) {
	fields, ok := body.(map[string]any)
	fail, field := c.check(fields)
	switch {
	case !ok:
		refuse(w, http.StatusBadRequest, "JSON_PARSER_ERROR", "")
	case c.gone[id]:
		refuse(w, http.StatusGone, "ENTITY_IS_DELETED", "")
	case c.rows[id] == nil:
		refuse(w, http.StatusNotFound, "NOT_FOUND", "")
	case fail != "":
		refuse(w, http.StatusBadRequest, fail, field)
	default:
		c.merge(id, fields)
		if c.roll(c.mood.Cut) {
			panic(http.ErrAbortHandler)
		}
		answer(w, map[string]any{"id": id})
	}
}

func (c *CRM) find(w http.ResponseWriter, body any) {
	keys := texts(body)
	if len(keys) > MaxFind {
		refuse(w, http.StatusBadRequest, "EXCEEDED_MAX_SIZE", "")
		return
	}
	found := []string{}
	for _, k := range keys {
		if c.byKey(k) != "" {
			found = append(found, k)
		}
	}
	answer(w, found)
}

func (c *CRM) read(w http.ResponseWriter, body any) {
	ask, _ := body.(map[string]any)
	ids := texts(ask["ids"])
	for _, k := range texts(ask["keys"]) {
		ids = append(ids, c.byKey(k))
	}
	rows := []any{}
	for _, id := range ids {
		if row := c.rows[id]; row != nil {
			rows = append(rows, map[string]any{"id": id, "key": row[c.o.KeyField], "fields": row})
		}
	}
	answer(w, map[string]any{"rows": rows})
}

func (c *CRM) erase(w http.ResponseWriter, body any) {
	ask, _ := body.(map[string]any)
	list, _ := ask["records"].([]any)
	for _, x := range list {
		r, _ := x.(map[string]any)
		id, _ := r["id"].(string)
		if c.rows[id] == nil {
			key, _ := r["key"].(string)
			id = c.byKey(key)
		}
		if c.rows[id] == nil {
			continue
		}
		if ask["delete"] == true {
			delete(c.rows, id)
			continue
		}
		fields, _ := r["fields"].(map[string]any)
		for name := range fields {
			if name != c.o.KeyField {
				delete(c.rows[id], name)
			}
		}
	}
	answer(w, map[string]any{"done": true})
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

func refuse(w http.ResponseWriter, status int, text, field string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text, "field": field}) // the caller may be gone
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone
}
