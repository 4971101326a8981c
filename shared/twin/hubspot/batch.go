package hubspot

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// input is one record of a batch.
type input struct {
	ID         string         `json:"id"`
	IDProperty string         `json:"idProperty"`
	Trace      string         `json:"objectWriteTraceId"`
	Properties map[string]any `json:"properties"`
}

func (p *Portal) self() value {
	return value{source: "INTEGRATION", from: strconv.FormatInt(p.o.App, 10)}
}

func (p *Portal) human() value { return value{source: "CRM_UI", from: "userId:8"} }

// objectCall serves /crm/objects/{version}/{type}…
func (p *Portal) objectCall(method string, rest []string, q url.Values, body []byte) (int, any, *refusal) {
	if len(rest) == 0 {
		return 0, nil, refuse(404, "OBJECT_NOT_FOUND", "resource not found")
	}
	o, bad := p.object(rest[0])
	if bad != nil {
		return 0, nil, bad
	}
	switch verb := method + " " + strings.Join(rest[1:], "/"); {
	case verb == "POST batch/upsert", verb == "POST batch/update", verb == "POST batch/create", verb == "POST batch/read", verb == "POST batch/archive":
		return p.batch(o, rest[2], q, body)
	case verb == "POST search":
		return p.searchCall(o, body)
	case verb == "POST merge":
		return p.mergeCall(o, body)
	case verb == "GET ":
		return p.list(o, q)
	case verb == "POST ":
		var in input
		if err := json.Unmarshal(body, &in); err != nil {
			return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
		}
		out, bad := p.write(o, "create", &in, nil)
		return 201, out, bad
	case len(rest) == 2:
		return p.single(o, method, rest[1], q, body)
	}
	return 0, nil, refuse(405, "VALIDATION_ERROR", "Method Not Allowed")
}

func (p *Portal) single(o *object, method, id string, q url.Values, body []byte) (int, any, *refusal) {
	n, _ := strconv.ParseInt(id, 10, 64)
	r := o.find(n)
	if by := q.Get("idProperty"); by != "" {
		r = o.by(by, id)
	}
	if r == nil && method != "DELETE" {
		return 0, nil, refuse(404, "OBJECT_NOT_FOUND", "Object not found. objectId are usually numeric.")
	}
	switch method {
	case "GET":
		return 200, o.shown(r, split(q.Get("properties")), q.Get("propertiesWithHistory") != ""), nil
	case "PATCH":
		var in input
		if err := json.Unmarshal(body, &in); err != nil {
			return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
		}
		out, bad := p.write(o, "update", &in, r)
		return 200, out, bad
	case "DELETE":
		if r != nil {
			p.archive(o, r, p.self())
		}
		return 204, nil, nil
	}
	return 0, nil, refuse(405, "VALIDATION_ERROR", "Method Not Allowed")
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// batch serves the batch calls.
func (p *Portal) batch(o *object, verb string, q url.Values, body []byte) (int, any, *refusal) {
	var in struct {
		IDProperty string   `json:"idProperty"`
		Inputs     []input  `json:"inputs"`
		Properties []string `json:"properties"`
		History    []string `json:"propertiesWithHistory"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON on line 1, column 1: %.40s", err)
	}
	limit := 100
	if verb == "read" && len(in.History) > 0 {
		limit = 50
	}
	if len(in.Inputs) > limit {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "The maximum number of inputs supported in a batch request for object reads is %d", limit)
	}
	if verb == "read" {
		return p.readBatch(o, in.IDProperty, in.Inputs, in.Properties, in.History, q.Get("archived") == "true")
	}
	if bad := p.batchFlaw(o, verb, in.Inputs); bad != nil {
		return 0, nil, bad
	}
	if verb == "archive" {
		for _, x := range in.Inputs {
			n, _ := strconv.ParseInt(x.ID, 10, 64)
			if r := o.find(n); r != nil {
				p.archive(o, r, p.self())
			}
		}
		return 204, nil, nil
	}
	results, errs := []any{}, []any{}
	for i := range in.Inputs {
		out, bad := p.write(o, verb, &in.Inputs[i], nil)
		if bad != nil {
			errs = append(errs, p.traced(bad, verb, in.Inputs[i]))
			continue
		}
		results = append(results, out)
	}
	return p.multi(results, errs)
}

// multi is the answer of a batch: 207 when a part failed.
func (p *Portal) multi(results, errs []any) (int, any, *refusal) {
	at := iso(p.o.Now())
	out := map[string]any{"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
	if len(errs) == 0 {
		return 200, out, nil
	}
	out["errors"], out["numErrors"] = errs, len(errs)
	return 207, out, nil
}

// traced says in an error which input it is about.
func (p *Portal) traced(bad *refusal, verb string, in input) map[string]any {
	context, _ := bad.body["context"].(map[string]any)
	if context == nil {
		context = map[string]any{}
	}
	if verb != "update" && in.Trace != "" && !p.o.NoTrace {
		context["objectWriteTraceId"] = []string{in.Trace}
	} else if verb == "update" && !p.o.NoTrace {
		context["ids"] = []string{in.ID}
	}
	bad.body["context"] = context
	return bad.body
}

// batchFlaw finds what sinks a whole batch before anything is written.
func (p *Portal) batchFlaw(o *object, verb string, inputs []input) *refusal {
	seen := map[string]bool{}
	var flaws []flaw
	for _, in := range inputs {
		if p.refuse[in.ID] && len(inputs) > 1 {
			return refuse(400, "VALIDATION_ERROR", "There was a problem with the request.")
		}
		if verb != "create" && seen[in.ID] {
			return refuse(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input: [%s]. IDs must be unique", in.ID).with("context", map[string]any{"ids": []string{in.ID}})
		}
		seen[in.ID] = true
		if verb == "upsert" && (in.IDProperty == "" || o.unique[in.IDProperty] == nil) {
			if o.props[in.IDProperty] == nil {
				return invalid([]flaw{{"PROPERTY_DOESNT_EXIST", in.IDProperty, fmt.Sprintf("Property %q does not exist", in.IDProperty)}})
			}
			return refuse(400, "VALIDATION_ERROR", "Unable to perform update/upsert by non-unique %s property %s in portal ID %d", o.id, in.IDProperty, p.o.Portal)
		}
		_, bad := o.check(in.Properties)
		for _, f := range bad {
			if f.code == "PROPERTY_DOESNT_EXIST" || !p.o.PerRecord {
				flaws = append(flaws, f)
			}
		}
	}
	if len(flaws) > 0 {
		return invalid(flaws)
	}
	if p.o.PerRecord || verb == "archive" {
		return nil
	}
	for _, in := range inputs {
		fields, _ := o.check(in.Properties)
		r := p.target(o, verb, in)
		if other := o.clash(fields, r); other != nil && (r != nil || verb != "update") {
			return refuse(409, "CONFLICT", "%s already exists. Existing ID: %d", o.singular, other.id)
		}
		if r == nil && verb != "update" {
			if bad := o.missing(fields); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// target is the record that an input means, nil if there is none.
func (p *Portal) target(o *object, verb string, in input) *row {
	if verb == "create" {
		return nil
	}
	if in.IDProperty != "" {
		return o.by(in.IDProperty, in.ID)
	}
	n, _ := strconv.ParseInt(in.ID, 10, 64)
	if p.o.NoAlias && o.alias[n] != 0 {
		return nil
	}
	return o.find(n)
}

// write makes or changes one record; r is the record where the path names it.
func (p *Portal) write(o *object, verb string, in *input, r *row) (map[string]any, *refusal) {
	fields, bad := o.check(in.Properties)
	if len(bad) > 0 {
		return nil, invalid(bad)
	}
	if r == nil {
		r = p.target(o, verb, *in)
	}
	if other := o.clash(fields, r); other != nil {
		return nil, refuse(409, "CONFLICT", "%s already exists. Existing ID: %d", o.singular, other.id).with("context", map[string]any{"existingId": []string{strconv.FormatInt(other.id, 10)}})
	}
	fresh := r == nil
	switch {
	case fresh && verb == "update":
		return nil, refuse(404, "OBJECT_NOT_FOUND", "Could not get some %s objects, they may be deleted or not exist. Check that ids are valid.", strings.ToUpper(o.singular))
	case fresh:
		if bad := o.missing(fields); bad != nil {
			return nil, bad
		}
		if in.IDProperty != "" {
			fields[in.IDProperty] = in.ID
		}
		r = p.create(o, fields, p.self())
	default:
		if in.IDProperty == "email" && verb == "upsert" { // no partial upserts by e-mail: what is not sent is emptied
			for _, name := range o.order {
				if _, sent := fields[name]; !sent && !o.props[name].ReadOnly && name != "email" && r.get(name) != "" {
					fields[name] = ""
				}
			}
		}
		p.set(o, r, fields, p.self())
	}
	out := o.shown(r, sorted(fields), false)
	if in.Trace != "" && !p.o.NoTrace {
		out["objectWriteTraceId"] = in.Trace
	}
	if verb == "upsert" {
		out["new"] = fresh
	}
	return out, nil
}

func (p *Portal) readBatch(o *object, idProperty string, inputs []input, properties, history []string, archived bool) (int, any, *refusal) {
	if idProperty != "" && o.unique[idProperty] == nil {
		if o.props[idProperty] == nil {
			return 0, nil, invalid([]flaw{{"PROPERTY_DOESNT_EXIST", idProperty, fmt.Sprintf("Property %q does not exist", idProperty)}})
		}
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Unable to read by non-unique property %s", idProperty)
	}
	results, missing := []any{}, []string{}
	seen := map[int64]bool{}
	for _, in := range inputs {
		n, _ := strconv.ParseInt(in.ID, 10, 64)
		r := o.find(n)
		switch {
		case idProperty != "":
			r = o.by(idProperty, in.ID)
		case archived:
			if r = o.rows[n]; r != nil && !r.archived {
				r = nil
			}
		}
		if r == nil {
			missing = append(missing, in.ID)
			continue
		}
		if !seen[r.id] {
			results = append(results, o.shown(r, append(properties, history...), len(history) > 0))
		}
		seen[r.id] = true
	}
	if len(missing) == 0 {
		return p.multi(results, nil)
	}
	return p.multi(results, []any{map[string]any{"status": "error", "category": "OBJECT_NOT_FOUND", "context": map[string]any{"ids": missing},
		"message": fmt.Sprintf("Could not get some %s objects, they may be deleted or not exist. Check that ids are valid.", strings.ToUpper(o.singular))}})
}

func (p *Portal) mergeCall(o *object, body []byte) (int, any, *refusal) {
	var in struct{ PrimaryObjectID, ObjectIDToMerge string }
	if err := json.Unmarshal(body, &in); err != nil {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
	}
	a, _ := strconv.ParseInt(in.PrimaryObjectID, 10, 64)
	b, _ := strconv.ParseInt(in.ObjectIDToMerge, 10, 64)
	winner, loser := o.find(a), o.find(b)
	if winner == nil || loser == nil || winner == loser {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "One of the objects cannot be merged.")
	}
	return 200, o.shown(p.merge(o, winner, loser, p.self()), nil, false), nil
}

func (p *Portal) list(o *object, q url.Values) (int, any, *refusal) {
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		limit = 10
	}
	after, _ := strconv.ParseInt(q.Get("after"), 10, 64)
	results := []any{}
	out := map[string]any{}
	for _, id := range o.ids {
		r := o.rows[id]
		if id < after || r == nil || r.archived != (q.Get("archived") == "true") {
			continue
		}
		if len(results) == limit {
			out["paging"] = map[string]any{"next": map[string]any{"after": strconv.FormatInt(id, 10), "link": "https://api.hubapi.com/"}}
			break
		}
		results = append(results, o.shown(r, split(q.Get("properties")), false))
	}
	out["results"] = results
	return 200, out, nil
}

// filter is one condition of a search.
type filter struct {
	PropertyName, Operator, Value, HighValue string
	Values                                   []string
}

func (p *Portal) searchCall(o *object, body []byte) (int, any, *refusal) {
	var in struct {
		FilterGroups []struct{ Filters []filter }
		Sorts        []json.RawMessage
		Properties   []string
		Limit        int
		After        any
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
	}
	groups := len(in.FilterGroups)
	for _, g := range in.FilterGroups {
		for _, f := range g.Filters {
			if o.props[f.PropertyName] == nil {
				return 0, nil, refuse(400, "VALIDATION_ERROR", "There was a problem with the request. Property %s does not exist", f.PropertyName)
			}
		}
		if len(g.Filters) > 6 {
			groups = 99
		}
	}
	if groups > 5 || in.Limit > 200 {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "There was a problem with the request: too many filters or results asked for.")
	}
	if in.Limit == 0 {
		in.Limit = 10
	}
	after, _ := strconv.Atoi(plainText(in.After))
	if after+in.Limit > 10000 {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Paging reaches past the 10,000 results that a search gives.")
	}
	at := p.o.Now().Add(-p.o.SearchLag)
	var hits []*row
	for _, id := range o.ids {
		r := o.rows[id]
		if r == nil || r.archived || r.created.After(at) {
			continue
		}
		match := len(in.FilterGroups) == 0
		for _, g := range in.FilterGroups {
			match = match || !slices.ContainsFunc(g.Filters, func(f filter) bool { return !f.match(r.as(f.PropertyName, at)) })
		}
		if match {
			hits = append(hits, r)
		}
	}
	order(hits, in.Sorts, at)
	results := []any{}
	for _, r := range hits[min(after, len(hits)):min(after+in.Limit, len(hits))] {
		results = append(results, o.shown(r, in.Properties, false))
	}
	out := map[string]any{"total": len(hits), "results": results}
	if next := after + in.Limit; next < len(hits) {
		out["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(next)}}
	}
	return 200, out, nil
}

// order sorts by the first of sorts: a name, "-" and a name, or an object.
func order(hits []*row, sorts []json.RawMessage, at time.Time) {
	if len(sorts) == 0 {
		return
	}
	var by struct{ PropertyName, Direction string }
	if json.Unmarshal(sorts[0], &by) != nil {
		_ = json.Unmarshal(sorts[0], &by.PropertyName)
		if name, ok := strings.CutPrefix(by.PropertyName, "-"); ok {
			by.PropertyName, by.Direction = name, "DESCENDING"
		}
	}
	slices.SortStableFunc(hits, func(a, b *row) int {
		c := compare(a.as(by.PropertyName, at), b.as(by.PropertyName, at))
		if by.Direction == "DESCENDING" {
			return -c
		}
		return c
	})
}

// compare compares numbers as numbers, times as times, and else texts.
func compare(a, b string) int {
	if x, ok := rank(a); ok {
		if y, ok := rank(b); ok {
			return int(min(max(x-y, -1), 1))
		}
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

func rank(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UnixMilli(), true
	}
	return 0, false
}

func (f filter) match(text string) bool {
	switch f.Operator {
	case "HAS_PROPERTY":
		return text != ""
	case "NOT_HAS_PROPERTY":
		return text == ""
	}
	if text == "" {
		return f.Operator == "NEQ" || f.Operator == "NOT_IN"
	}
	c := compare(text, f.Value)
	switch f.Operator {
	case "EQ":
		return c == 0
	case "NEQ":
		return c != 0
	case "GT":
		return c > 0
	case "GTE":
		return c >= 0
	case "LT":
		return c < 0
	case "LTE":
		return c <= 0
	case "BETWEEN":
		return c >= 0 && compare(text, f.HighValue) <= 0
	case "IN", "NOT_IN":
		in := slices.ContainsFunc(f.Values, func(v string) bool { return compare(text, v) == 0 })
		return in == (f.Operator == "IN")
	case "CONTAINS_TOKEN":
		return strings.Contains(strings.ToLower(text), strings.ToLower(strings.Trim(f.Value, "*")))
	}
	return false
}
