package sink

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// RPCOptions of an RPC.
type RPCOptions struct {
	Database string // "" = crm
	User     string
	Password string
	Fields   []string // known fields; empty = every field is known
	Uses     int      // calls that a session lasts; 0 = for ever
}

// RPC is a small CRM behind JSON-RPC: POST /<database>/ with {"id","method","params"}. Its methods are
// common.db.login [user, {"password"}] → [uid, token], and of every model create [[{…}]] → [id, …], all or nothing,
// write [[id, …], {…}] → null, delete [[id, …]] → null, and search_read [[["field","in",[…]]], ["field", …]] → [{…}].
// A session travels as "Authorization: Session base64(user:uid:token)"; without one the answer is 401, and what is
// refused is answered 200 with "error":[name, detail]. It creates and never matches. Safe for concurrent use.
type RPC struct {
	o       RPCOptions
	mu      sync.Mutex
	rows    map[int]map[string]any
	model   map[int]string
	next    int
	logins  int
	session map[string]int // token → uses left
	calls   int
}

// NewRPC makes an empty CRM.
func NewRPC(o RPCOptions) *RPC {
	if o.Database == "" {
		o.Database = "crm"
	}
	return &RPC{o: o, rows: map[int]map[string]any{}, model: map[int]string{}, session: map[string]int{}}
}

type rpcCall struct {
	ID     any    `json:"id"`
	Method string `json:"method"`
	Params []any  `json:"params"`
}

// rpcError is a refusal: its name and what is wrong.
type rpcError [2]string

func (e rpcError) Error() string { return e[0] + ": " + e[1] }

// ServeHTTP answers one call.
func (c *RPC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call rpcCall
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&call); err != nil || r.Method != http.MethodPost || r.URL.Path != "/"+c.o.Database+"/" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if call.Method == "common.db.login" {
		c.login(w, call)
		return
	}
	if !c.known(r.Header.Get("Authorization")) {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	v, err := c.run(call)
	if err != nil {
		answer(w, map[string]any{"id": call.ID, "error": err})
		return
	}
	answer(w, map[string]any{"id": call.ID, "result": v})
}

func (c *RPC) login(w http.ResponseWriter, call rpcCall) {
	var user, password string
	if len(call.Params) == 2 {
		user, _ = call.Params[0].(string)
		secret, _ := call.Params[1].(map[string]any)
		password, _ = secret["password"].(string)
	}
	if user != c.o.User || password != c.o.Password {
		answer(w, map[string]any{"id": call.ID, "error": rpcError{"LoginException", "wrong user or password"}})
		return
	}
	c.logins++
	token := fmt.Sprintf("token-%04d", c.logins)
	if c.session[token] = c.o.Uses; c.o.Uses == 0 {
		c.session[token] = -1
	}
	answer(w, map[string]any{"id": call.ID, "result": []any{7, token}})
}

func (c *RPC) known(header string) bool {
	text, ok := strings.CutPrefix(header, "Session ")
	raw, err := base64.StdEncoding.DecodeString(text)
	token, fits := strings.CutPrefix(string(raw), c.o.User+":7:")
	if !ok || err != nil || !fits || c.session[token] == 0 {
		return false
	}
	if c.session[token] > 0 {
		c.session[token]--
	}
	return true
}

func (c *RPC) run(call rpcCall) (any, error) {
	model, verb, ok := cutLast(strings.TrimPrefix(call.Method, "model."))
	if !ok || !strings.HasPrefix(call.Method, "model.") || len(call.Params) == 0 {
		return nil, rpcError{"NotImplementedError", "no method " + call.Method}
	}
	first, _ := call.Params[0].([]any)
	switch verb {
	case "create":
		return c.create(model, first)
	case "write", "delete":
		ids, err := c.ids(model, first)
		if err != nil {
			return nil, err
		}
		if verb == "delete" {
			for _, id := range ids {
				delete(c.rows, id)
			}
			return nil, nil
		}
		var fields map[string]any
		if len(call.Params) > 1 {
			fields, _ = call.Params[1].(map[string]any)
		}
		if err := c.check(fields); err != nil {
			return nil, err
		}
		for _, id := range ids {
			c.set(id, fields)
		}
		return nil, nil
	case "search_read":
		return c.search(model, first), nil
	}
	return nil, rpcError{"NotImplementedError", "no method " + call.Method}
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// create makes all records or none.
func (c *RPC) create(model string, list []any) (any, error) {
	for _, x := range list {
		fields, ok := x.(map[string]any)
		if !ok {
			return nil, rpcError{"TypeError", "a record is no object"}
		}
		if err := c.check(fields); err != nil {
			return nil, err
		}
	}
	ids := []int{}
	for _, x := range list {
		c.next++
		c.rows[c.next], c.model[c.next] = map[string]any{}, model
		c.set(c.next, x.(map[string]any))
		ids = append(ids, c.next)
	}
	return ids, nil
}

func (c *RPC) set(id int, fields map[string]any) {
	for name, v := range fields {
		if v == nil {
			delete(c.rows[id], name)
			continue
		}
		c.rows[id][name] = v
	}
}

func (c *RPC) check(fields map[string]any) error {
	names := slices.Sorted(maps.Keys(fields))
	for _, name := range names {
		if len(c.o.Fields) > 0 && !slices.Contains(c.o.Fields, name) {
			return rpcError{"FieldError", name}
		}
		if n, ok := fields[name].(string); ok && name == "stars" && n != "" {
			return rpcError{"UserError", "stars must be a number"}
		}
	}
	return nil
}

func (c *RPC) ids(model string, list []any) ([]int, error) {
	var ids []int
	for _, x := range list {
		id, err := strconv.Atoi(fmt.Sprint(x))
		if err != nil || c.rows[id] == nil || c.model[id] != model {
			return nil, rpcError{"AccessError", fmt.Sprintf("record %v does not exist", x)}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// search understands a list of ["field", "in", […]], of which one must fit: what a client here needs.
func (c *RPC) search(model string, domain []any) []map[string]any {
	out := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(c.rows)) {
		row := maps.Clone(c.rows[id])
		row["id"] = id
		if c.model[id] == model && fits(row, domain) {
			out = append(out, row)
		}
	}
	return out
}

func fits(row map[string]any, domain []any) bool {
	for _, x := range domain {
		clause, _ := x.([]any)
		if len(clause) != 3 || clause[1] != "in" {
			continue
		}
		for _, want := range texts(clause[2]) {
			if v, ok := row[fmt.Sprint(clause[0])]; ok && fmt.Sprint(v) == want {
				return true
			}
		}
	}
	return false
}

// EndSessions makes all sessions end.
func (c *RPC) EndSessions() { c.mu.Lock(); defer c.mu.Unlock(); clear(c.session) }

// Logins tells how often a session was opened.
func (c *RPC) Logins() int { c.mu.Lock(); defer c.mu.Unlock(); return c.logins }

// Total tells how many records there are.
func (c *RPC) Total() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.rows) }

// Count tells how many records hold a value in a field.
func (c *RPC) Count(field string, value any) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, row := range c.rows {
		if row[field] == value {
			n++
		}
	}
	return n
}

// Row gives a copy of a record; nil if there is none.
func (c *RPC) Row(id string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _ := strconv.Atoi(id) // no number is no record
	return maps.Clone(c.rows[n])
}

// Create makes a record by hand.
func (c *RPC) Create(model string, fields map[string]any) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	c.rows[c.next], c.model[c.next] = map[string]any{}, model
	c.set(c.next, fields)
	return strconv.Itoa(c.next)
}

// Edit changes a record by hand.
func (c *RPC) Edit(id string, fields map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, _ := strconv.Atoi(id); c.rows[n] != nil {
		c.set(n, fields)
	}
}

// Delete removes a record by hand.
func (c *RPC) Delete(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _ := strconv.Atoi(id) // no number is no record
	delete(c.rows, n)
}

// RemoveField takes a field away; writing it is refused from now on. RPCOptions.Fields must list it.
func (c *RPC) RemoveField(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.o.Fields = slices.DeleteFunc(slices.Clone(c.o.Fields), func(f string) bool { return f == name })
	for _, row := range c.rows {
		delete(row, name)
	}
}
