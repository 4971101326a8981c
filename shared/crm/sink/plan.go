package sink

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/expression"
)

// plan is what the settings of an account were compiled to, for one object. It never changes.
type plan struct {
	mode       string
	batch      int // 0 = as many as are given
	keyed      bool
	idempotent bool
	standard   bool
	idField    string
	origin     string
	auth       *expression.Program
	headers    []header
	write      *call
	update     *call // nil = not configured, as all below
	find       *call
	read       *call
	erase      *call
	login      *call
	fields     map[string][]crm.Field
	common     []crm.Field // of every object
	objects    []string
}

// call is one configured request and how its answer is read.
type call struct {
	name    string
	method  string
	path    []piece
	query   int // index of the piece in which the query begins
	headers []header
	body    *expression.Program // nil = the usual one
	batch   int                 // 0 = as many as are given

	ok, failed, retry, expired, gone, drift *expression.Loose
	results                                 *expression.Loose
	result                                  map[string]*expression.Loose
	ids, rows, session                      *expression.Loose
}

func (q *call) size(n int) int {
	if q.batch > 0 {
		return q.batch
	}
	return max(n, 1)
}

// piece is a part of a path: literal text, or an expression.
type piece struct {
	text string
	expr *expression.Program
}

type header struct {
	name  string
	value *expression.Program
}

// The names that a request block may hold, beside those of its answer.
var requestNames = [...]string{"method", "path", "headers", "body", "batch", "ok", "error", "retry", "expired", "gone", "drift"}

// The names that results and rows are read with.
var (
	resultNames = [...]string{"key", "ok", "id", "state", "error", "retry", "gone", "drift"}
	rowNames    = [...]string{"key", "id", "fields", "changed", "by", "merged_into", "object"}
)

// compile reads settings for one object ("" = any). The plan is nil where there are errors.
func compile(settings map[string]any, name string) (*plan, []error) {
	c := &compiler{}
	if over := object(object(settings["objects"])[name]); name != "" && over != nil {
		settings = merged(settings, over)
	}
	c.settings = settings
	c.names()
	p := &plan{mode: c.choice("mode", "array", "array", "single", "ndjson"), batch: c.number("", settings, "batch"), keyed: c.flag("keyed"),
		idempotent: c.flag("idempotency"), standard: c.flag("standard"), idField: c.text("", settings, "id_field"), origin: c.text("", settings, "origin")}
	if p.mode == "single" {
		p.batch = 1
	}
	p.auth = c.program("auth", settings["auth"], signing{})
	p.headers = c.headers("headers", settings["headers"])
	p.write = c.request(p, "write", "POST", []string{"results", "result"})
	p.update = c.request(p, "update", "PATCH", []string{"results", "result"})
	p.find = c.request(p, "find", "POST", []string{"ids"})
	p.read = c.request(p, "read", "POST", []string{"rows", "row"})
	p.erase = c.request(p, "erase", "POST", []string{"results", "result"})
	p.login = c.request(p, "login", "POST", []string{"session"})
	c.whole(p)
	c.describe(p)
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return p, nil
}

// whole checks what settings must have together.
func (c *compiler) whole(p *plan) {
	if p.write == nil {
		c.wrong("write: is missing: say with which request records are written")
	} else {
		p.write.batch = p.batch
	}
	if p.find != nil && p.find.ids == nil {
		c.wrong("find.ids: is missing: an expression that gives the list of keys that exist, or an object of key → id")
	}
	if p.read != nil && p.read.rows == nil {
		c.wrong("read.rows: is missing: an expression that gives the list of records")
	}
	if p.login != nil && p.login.session == nil {
		c.wrong("login.session: is missing: an expression that gives the session")
	}
	for q, n := range map[*call]int{p.update: 1, p.erase: 1, p.find: 200, p.read: MaxBatch} {
		if q != nil && q.batch == 0 {
			q.batch = n
		}
	}
	if !p.keyed && p.find == nil && (!p.idempotent || p.batch != 1) {
		c.wrong("find: is missing: a call whose answer is lost could write records twice; set find, or keyed if the endpoint matches by key, or idempotency together with mode single")
	}
}

// request compiles one block. Settings of the same name at the top stand for all blocks, results and result for write.
func (c *compiler) request(p *plan, name, method string, extra []string) *call {
	block, ok := c.settings[name].(map[string]any)
	if !ok {
		if c.settings[name] != nil {
			c.wrong("%s: must be an object with method, path and body, not %s", name, kind(c.settings[name]))
		}
		return nil
	}
	c.known(name+".", block, append(requestNames[:], extra...))
	q := &call{name: name, method: strings.ToUpper(c.text(name+".", block, "method")), batch: c.number(name+".", block, "batch")}
	if q.method == "" {
		q.method = method
	}
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, q.method) {
		c.wrong("%s.method: %q is none of GET, POST, PUT, PATCH, DELETE", name, q.method)
	}
	c.path(q, c.text(name+".", block, "path"))
	q.headers = c.headers(name+".headers", block["headers"])
	if name == "login" {
		q.body = c.program(name+".body", block["body"], signing{})
	} else {
		q.body = c.program(name+".body", block["body"], request{})
	}
	at := func(setting string, everywhere bool) (string, any) {
		if v, ok := block[setting]; ok {
			return name + "." + setting, v
		}
		if everywhere {
			return setting, c.settings[setting]
		}
		return setting, nil
	}
	read := func(setting string, everywhere bool) *expression.Loose {
		where, v := at(setting, everywhere)
		return c.loose(where, v)
	}
	q.ok, q.failed, q.retry = read("ok", true), read("error", true), read("retry", true)
	q.gone, q.drift = read("gone", true), read("drift", true)
	if name != "login" {
		q.expired = read("expired", true)
	}
	q.results, q.ids, q.rows, q.session = read("results", name == "write"), read("ids", false), read("rows", false), read("session", false)
	if slices.Contains(extra, "result") {
		where, v := at("result", name == "write")
		q.result = c.looses(where, v, resultNames[:])
	}
	if slices.Contains(extra, "row") {
		where, v := at("row", false)
		q.result = c.looses(where, v, rowNames[:])
	}
	return q
}

// path splits a path such as /contacts/{record.id} into its pieces.
func (c *compiler) path(q *call, path string) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		c.wrong("%s.path: must begin with one / : it stands under the account's address", q.name)
		return
	}
	q.query = -1
	for path != "" {
		text, rest, hole := strings.Cut(path, "{")
		if text != "" {
			if q.query < 0 && strings.Contains(text, "?") {
				q.query = len(q.path)
			}
			q.path = append(q.path, piece{text: text})
		}
		if !hole {
			return
		}
		source, after, ok := strings.Cut(rest, "}")
		if !ok {
			c.wrong("%s.path: { without }", q.name)
			return
		}
		if x := c.program(q.name+".path", source, request{}); x != nil {
			q.path = append(q.path, piece{expr: x})
		}
		path = after
	}
}

// describe reads the list of fields.
func (c *compiler) describe(p *plan) {
	p.objects = append(p.objects, sorted(object(c.settings["objects"]))...)
	switch v := c.settings["fields"].(type) {
	case nil:
	case []any:
		p.common = c.fieldList("fields", v)
	case map[string]any:
		p.fields = map[string][]crm.Field{}
		for _, name := range sorted(v) {
			list, ok := v[name].([]any)
			if !ok {
				c.wrong("fields.%s: must be a list, not %s", name, kind(v[name]))
			}
			p.fields[name] = c.fieldList("fields."+name, list)
			if !slices.Contains(p.objects, name) {
				p.objects = append(p.objects, name)
			}
		}
	default:
		c.wrong("fields: must be a list of fields, or an object → list, not %s", kind(v))
	}
}

func (c *compiler) fieldList(where string, list []any) []crm.Field {
	var out []crm.Field
	for i, v := range list {
		at := fmt.Sprintf("%s[%d]", where, i)
		if name, ok := v.(string); ok {
			v = map[string]any{"name": name}
		}
		m, ok := v.(map[string]any)
		if !ok {
			c.wrong("%s: must be a name or an object, not %s", at, kind(v))
			continue
		}
		c.known(at+".", m, []string{"name", "label", "type", "max", "choices", "required", "read_only", "unique", "ours"})
		f := crm.Field{Name: c.text(at+".", m, "name"), Label: c.text(at+".", m, "label"), Type: c.text(at+".", m, "type"), Max: c.number(at+".", m, "max"),
			Required: m["required"] == true, ReadOnly: m["read_only"] == true, Unique: m["unique"] == true, Ours: m["ours"] == true}
		if f.Name == "" {
			c.wrong("%s: has no name", at)
		}
		if f.Type == "" {
			f.Type = "text"
		}
		choices, _ := m["choices"].([]any)
		for _, x := range choices {
			f.Choices = append(f.Choices, crm.Choice{Value: fmt.Sprint(x), Label: fmt.Sprint(x)})
		}
		out = append(out, f)
	}
	return out
}

type compiler struct {
	settings map[string]any
	errs     []error
}

func wrong(format string, args ...any) error { return fmt.Errorf(format, args...) }

func (c *compiler) wrong(format string, args ...any) { c.errs = append(c.errs, wrong(format, args...)) }

func (c *compiler) names() {
	var names []string
	for _, f := range (*Sink)(nil).Info().Settings {
		names = append(names, f.Name)
	}
	c.known("", c.settings, names)
}

// known refuses names that nobody reads.
func (c *compiler) known(where string, m map[string]any, names []string) {
	for _, name := range sorted(m) {
		if !slices.Contains(names, name) {
			hint := ""
			if near := expression.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			c.wrong("%s%s: there is no such setting%s", where, name, hint)
		}
	}
}

func (c *compiler) text(where string, m map[string]any, name string) string {
	switch v := m[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		c.wrong("%s%s: must be a text, not %s", where, name, kind(v))
		return ""
	}
}

func (c *compiler) flag(name string) bool {
	switch v := c.settings[name].(type) {
	case nil:
		return false
	case bool:
		return v
	default:
		c.wrong("%s: must be true or false, not %s", name, kind(v))
		return false
	}
}

func (c *compiler) number(where string, m map[string]any, name string) int {
	n, ok := 0, true
	switch v := m[name].(type) {
	case nil:
		return 0
	case int:
		n = v
	case int64:
		n = int(v)
	case uint64:
		n = int(v)
	case float64:
		n, ok = int(v), v == float64(int(v))
	default:
		ok = false
	}
	if !ok || n < 1 || n > 1<<20 {
		c.wrong("%s%s: must be a whole number from 1 on", where, name)
	}
	return n
}

func (c *compiler) choice(name, def string, choices ...string) string {
	v := c.text("", c.settings, name)
	if v == "" {
		return def
	}
	if !slices.Contains(choices, v) {
		c.wrong("%s: %q is none of %s; wrapped bodies and JSON-RPC are written with write.body", name, v, strings.Join(choices, ", "))
	}
	return v
}

// program compiles an expression of a request, against the type of env.
func (c *compiler) program(where string, v any, env any) *expression.Program {
	source, ok := c.source(where, v)
	if !ok {
		return nil
	}
	x, err := expression.Compile(source, env, expression.Any)
	if err != nil {
		c.wrong("%s: %w", where, err)
	}
	return x
}

// loose compiles an expression over an answer.
func (c *compiler) loose(where string, v any) *expression.Loose {
	source, ok := c.source(where, v)
	if !ok {
		return nil
	}
	x, err := expression.CompileLoose(source, answer{})
	if err != nil {
		c.wrong("%s: %w", where, err)
		return nil
	}
	return x
}

func (c *compiler) looses(where string, v any, names []string) map[string]*expression.Loose {
	m, ok := v.(map[string]any)
	if !ok {
		if v != nil {
			c.wrong("%s: must map names to expressions, not %s", where, kind(v))
		}
		return nil
	}
	c.known(where+".", m, names)
	out := map[string]*expression.Loose{}
	for _, name := range sorted(m) {
		if x := c.loose(where+"."+name, m[name]); x != nil {
			out[name] = x
		}
	}
	return out
}

func (c *compiler) headers(where string, v any) []header {
	m, ok := v.(map[string]any)
	if !ok {
		if v != nil {
			c.wrong("%s: must map header names to expressions, not %s", where, kind(v))
		}
		return nil
	}
	var out []header
	for _, name := range sorted(m) {
		if x := c.program(where+"."+name, m[name], signing{}); x != nil {
			out = append(out, header{http.CanonicalHeaderKey(name), x})
		}
	}
	return out
}

func (c *compiler) source(where string, v any) (string, bool) {
	switch v := v.(type) {
	case nil:
	case string:
		return v, strings.TrimSpace(v) != ""
	default:
		c.wrong("%s: must be an expression written as text, not %s", where, kind(v))
	}
	return "", false
}

func merged(settings, over map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range settings {
		out[k] = v
	}
	for k, v := range over {
		out[k] = v
	}
	return out
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "a flag"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case int, int64, uint64, float64:
		return "a number"
	}
	return fmt.Sprintf("a %T", v)
}
