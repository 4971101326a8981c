package salesforce

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var tokens = regexp.MustCompile(`'(?:[^'\\]|\\.)*'|[A-Za-z_][\w.]*(?::\d+)?|[\d][\w:.+\-]*|<=|>=|!=|[=<>(),]`)

// reader reads one query of the part of SOQL that is served.
type reader struct {
	g    *Org
	text string
	toks []string
	at   int
	o    *object
	bad  *problem
}

type condition func(*row) bool

func (r *reader) peek() string {
	if r.at < len(r.toks) {
		return r.toks[r.at]
	}
	return ""
}

func (r *reader) next() string { t := r.peek(); r.at++; return t }

func (r *reader) word(w string) bool {
	if strings.EqualFold(r.peek(), w) {
		r.at++
		return true
	}
	return false
}

func (r *reader) fail(code, format string, args ...any) {
	if r.bad == nil {
		r.bad = refuse(400, code, format, args...)
	}
}

func (r *reader) want(w string) {
	if !r.word(w) {
		r.fail("MALFORMED_QUERY", "unexpected token: '%s'", r.peek())
	}
}

// column checks that there is such a column, relations included.
func (r *reader) column(name string) string {
	o := r.o
	if o.fields[strings.ToLower(name)] != nil && strings.Contains(name, ".") {
		return name // a stand-in for a relation of a setup object
	}
	parts := strings.Split(name, ".")
	for i, p := range parts {
		if i == len(parts)-1 {
			f := o.field(p, r.g.admin)
			if f == nil {
				r.fail("INVALID_FIELD", "\nSELECT %s\n       ^\nERROR at Row:1:Column:8\nNo such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name.", p, p, o.name)
			}
			break
		}
		var step *field
		for _, f := range o.fields {
			if f.relation != "" && strings.EqualFold(f.relation, p) && (!f.hidden || r.g.admin) {
				step = f
			}
		}
		if step == nil {
			r.fail("INVALID_FIELD", "\nDidn't understand relationship '%s' in field path.", p)
			break
		}
		refers, _, _ := strings.Cut(step.refers, ",")
		if o = r.g.objects[strings.ToLower(refers)]; o == nil {
			r.fail("INVALID_FIELD", "\nDidn't understand relationship '%s' in field path.", p)
			break
		}
	}
	return name
}

// value reads a column of a record, relations included.
func (g *Org) value(x *row, name string) any {
	if f := x.object.fields[strings.ToLower(name)]; f != nil {
		if f.kind == "id" {
			return x.id
		}
		return x.fields[f.name]
	}
	head, rest, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	for _, f := range x.object.fields {
		if f.relation != "" && strings.EqualFold(f.relation, head) {
			id, _ := x.fields[f.name].(string)
			if to := g.rows[short(id)]; id != "" && to != nil {
				return g.value(to, rest)
			}
		}
	}
	return nil
}

func unquote(t string) string {
	var b strings.Builder
	t = t[1 : len(t)-1]
	for i := 0; i < len(t); i++ {
		if t[i] == '\\' && i+1 < len(t) {
			i++
			switch t[i] {
			case 'n':
				b.WriteByte('\n')
				continue
			case 'r':
				b.WriteByte('\r')
				continue
			case 't':
				b.WriteByte('\t')
				continue
			}
		}
		b.WriteByte(t[i])
	}
	return b.String()
}

// literal reads a constant.
func (r *reader) literal() any {
	t := r.next()
	switch {
	case strings.HasPrefix(t, "'"):
		return unquote(t)
	case strings.EqualFold(t, "true"), strings.EqualFold(t, "false"):
		return strings.EqualFold(t, "true")
	case strings.EqualFold(t, "null"):
		return nil
	case strings.HasPrefix(strings.ToUpper(t), "LAST_N_DAYS:"):
		n, _ := strconv.Atoi(t[len("LAST_N_DAYS:"):])
		return r.g.o.Now().AddDate(0, 0, -n)
	}
	if at, err := time.Parse(time.RFC3339, t); err == nil {
		return at
	}
	if n, err := strconv.ParseFloat(t, 64); err == nil {
		return n
	}
	r.fail("MALFORMED_QUERY", "unexpected token: '%s'", t)
	return nil
}

func (r *reader) or() condition {
	list := []condition{r.and()}
	for r.word("OR") {
		list = append(list, r.and())
	}
	return func(x *row) bool { return slices.ContainsFunc(list, func(c condition) bool { return c(x) }) }
}

func (r *reader) and() condition {
	list := []condition{r.term()}
	for r.word("AND") {
		list = append(list, r.term())
	}
	return func(x *row) bool { return !slices.ContainsFunc(list, func(c condition) bool { return !c(x) }) }
}

func (r *reader) term() condition {
	if r.word("(") {
		c := r.or()
		r.want(")")
		return c
	}
	name := r.column(r.next())
	op := strings.ToUpper(r.next())
	var list []any
	switch op {
	case "IN":
		r.want("(")
		for r.bad == nil {
			list = append(list, r.literal())
			if !r.word(",") {
				break
			}
		}
		r.want(")")
	case "=", "!=", "<", ">", "<=", ">=":
		list = []any{r.literal()}
	default:
		r.fail("MALFORMED_QUERY", "unexpected token: '%s'", op)
		return func(*row) bool { return false }
	}
	if strings.EqualFold(name, "Id") {
		for _, v := range list {
			if s, ok := v.(string); ok && len(s) != 15 && len(s) != 18 {
				r.fail("INVALID_QUERY_FILTER_OPERATOR", "\ninvalid ID field: %s", s)
			}
		}
	}
	caseful := false
	if f := r.o.fields[strings.ToLower(name)]; f != nil {
		caseful = f.caseful
	}
	return func(x *row) bool {
		have := r.g.value(x, name)
		return slices.ContainsFunc(list, func(v any) bool { return compare(have, op, v, caseful) })
	}
}

// compare compares texts without regard to case, unless the column is unique in both.
func compare(have any, op string, want any, caseful bool) bool {
	n := 0
	switch w := want.(type) {
	case nil:
		return (have == nil) == (op == "=" || op == "IN")
	case bool:
		return (have == w) == (op != "!=")
	case float64:
		h, ok := have.(float64)
		if !ok {
			return op == "!="
		}
		n = sign(h - w)
	case time.Time:
		h, err := time.Parse("2006-01-02T15:04:05.000+0000", fmt.Sprint(have))
		if err != nil {
			return op == "!="
		}
		n = h.Compare(w)
	case string:
		h, ok := have.(string)
		if !ok {
			return op == "!="
		}
		if len(w) == 15 && len(h) == 18 || len(w) == 18 && len(h) == 15 {
			h, w = short(h), short(w)
		}
		if !caseful {
			h, w = strings.ToLower(h), strings.ToLower(w)
		}
		n = strings.Compare(h, w)
	}
	switch op {
	case "=", "IN":
		return n == 0
	case "!=":
		return n != 0
	case "<":
		return n < 0
	case ">":
		return n > 0
	case "<=":
		return n <= 0
	}
	return n >= 0
}

func sign(f float64) int {
	switch {
	case f < 0:
		return -1
	case f > 0:
		return 1
	}
	return 0
}

// query serves a query; all shows the bin too.
func (g *Org) query(text string, all bool) (map[string]any, *problem) {
	r := &reader{g: g, text: text, toks: tokens.FindAllString(text, -1)}
	r.want("SELECT")
	var cols []string
	count := false
	for r.bad == nil {
		c := r.next()
		if strings.EqualFold(c, "COUNT") {
			count = true
			r.want("(")
			r.want(")")
		} else {
			cols = append(cols, c)
		}
		if !r.word(",") {
			break
		}
	}
	r.want("FROM")
	name := r.next()
	if r.o = g.objects[strings.ToLower(name)]; r.o == nil {
		return nil, refuse(400, "INVALID_TYPE", "\nSELECT Id FROM %s\n               ^\nERROR at Row:1:Column:16\nsObject type '%s' is not supported.", name, name)
	}
	for _, c := range cols {
		r.column(c)
	}
	cond := condition(func(*row) bool { return true })
	if r.word("WHERE") {
		cond = r.or()
	}
	order := r.order()
	limit := 50000
	if r.word("LIMIT") {
		limit, _ = strconv.Atoi(r.next())
	}
	if r.bad == nil && r.at < len(r.toks) {
		r.fail("MALFORMED_QUERY", "unexpected token: '%s'", r.peek())
	}
	if r.bad != nil {
		return nil, r.bad
	}
	var hits []*row
	for _, x := range g.order {
		if x.object == r.o && (all || !x.deleted) && cond(x) {
			hits = append(hits, x)
		}
	}
	if count {
		return map[string]any{"totalSize": len(hits), "done": true, "records": []any{}}, nil
	}
	slices.SortStableFunc(hits, func(a, b *row) int {
		for _, c := range order {
			if n := strings.Compare(fmt.Sprint(g.value(a, c)), fmt.Sprint(g.value(b, c))); n != 0 {
				return n
			}
		}
		return 0
	})
	hits = hits[:min(limit, len(hits))]
	out := []any{}
	for _, x := range hits {
		out = append(out, g.record(x, cols))
	}
	return g.page(out, len(out)), nil
}

func (r *reader) order() (list []string) {
	if !r.word("ORDER") {
		return nil
	}
	r.want("BY")
	for r.bad == nil {
		list = append(list, r.column(r.next()))
		r.word("ASC")
		if !r.word(",") {
			break
		}
	}
	return list
}

// record is a row as queries tell it: relations are records within.
func (g *Org) record(x *row, cols []string) map[string]any {
	out := map[string]any{"attributes": map[string]any{"type": x.object.name, "url": "/services/data/v" + g.o.Version + "/sobjects/" + x.object.name + "/" + x.id}}
	for _, c := range cols {
		v := g.value(x, c)
		if f := x.object.fields[strings.ToLower(c)]; f != nil && !strings.Contains(c, ".") {
			out[f.name] = v
			continue
		}
		parts := strings.Split(c, ".")
		at := out
		for _, p := range parts[:len(parts)-1] {
			in, ok := at[p].(map[string]any)
			if !ok {
				in = map[string]any{}
				at[p] = in
			}
			at = in
		}
		at[parts[len(parts)-1]] = v
	}
	return out
}
