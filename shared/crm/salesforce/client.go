package salesforce

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/pattern"
	"rapport/shared/rest"
)

// client speaks Salesforce's HTTP for one account.
type client struct {
	a        crm.Account
	version  string
	keyField string
	slot     *slot
	s        *session
}

func (c client) key() string { return vendor(c.keyField) }

// at makes a path below the version.
func (c client) at(parts ...string) string {
	path := "/services/data/v" + c.version
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// call makes one call and decodes what came; n is the number of records that a refusal would be about.
func (c client) call(ctx context.Context, method, path string, header http.Header, body, out any, n int) error {
	path, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return fault.New(fault.Invalid, "an address cannot be read")
	}
	resp, err := c.a.Do(ctx, rest.Request{Method: method, URL: path, Query: values, Header: header, JSON: body, Auth: "Bearer " + c.s.token})
	if err != nil {
		return err
	}
	if resp.Status/100 != 2 {
		return c.refused(ctx, resp, n)
	}
	if out == nil || resp.Status == http.StatusNoContent {
		return nil
	}
	if err := resp.JSON(out); err != nil {
		return fault.New(fault.Ambiguous, "%s: %w", path, err)
	}
	return nil
}

// problem is an error, of a call or of a row.
type problem struct {
	Message string   `json:"message"`
	Code    string   `json:"errorCode"`
	Status  string   `json:"statusCode"`
	Fields  []string `json:"fields"`
}

func (p problem) code() string {
	if p.Code != "" {
		return p.Code
	}
	return p.Status
}

// text is the vendor's message in one line, bounded.
func (p problem) text() string { return rest.Snippet([]byte(p.code() + ": " + p.Message)) }

// gone tells of a record that is not there any more, or not under this id.
func (p problem) gone() bool {
	switch p.code() {
	case "ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD", "MALFORMED_ID":
		return true
	case "INVALID_CROSS_REFERENCE_KEY":
		return len(p.Fields) == 0
	}
	return false
}

// astray tells of a link that leads nowhere.
func (p problem) astray() bool {
	return p.code() == "INVALID_FIELD" && strings.Contains(p.Message, "Foreign key external ID")
}

var (
	noColumn = pattern.New(`No such column '([^']{1,80})'`)
	noWrite  = pattern.New(`Unable to create/update fields: ([\w, ]{1,400})`)
	holder   = pattern.New(`on record with id: ([0-9A-Za-z]{15,18})`)
)

// missing names the fields that the org does not have, does not show us, or does not let us write.
func (p problem) missing() []string {
	var names []string
	switch p.code() {
	case "INVALID_FIELD":
		if m := noColumn().FindStringSubmatch(p.Message); m != nil {
			names = []string{ours(m[1])}
		}
	case "INVALID_FIELD_FOR_INSERT_UPDATE":
		list := p.Fields
		if m := noWrite().FindStringSubmatch(p.Message); m != nil && len(list) == 0 {
			list = strings.Split(m[1], ",")
		}
		for _, name := range list {
			names = append(names, ours(strings.TrimSpace(name)))
		}
	}
	return names
}

// refused turns an answer that is no success into a fault. n is the number of records it may be about: of one the
// refusal is judged, of several the batch is to be split.
func (c client) refused(ctx context.Context, resp rest.Response, n int) error {
	var list []problem
	if json.Unmarshal(resp.Body, &list) != nil || len(list) == 0 {
		list = []problem{{Message: rest.Snippet(resp.Body)}}
	}
	p := list[0]
	after := rest.RetryAfter(resp.Header, c.a.Now)
	switch s := resp.Status; {
	case s == 401:
		if c.s != nil {
			c.slot.drop(ctx, c.s)
		}
		return fault.New(fault.Unauthorized, "Salesforce does not take the session: %s", p.text())
	case p.code() == "REQUEST_LIMIT_EXCEEDED":
		return limited(resp.Header, p, after)
	case s == 403:
		return fault.New(fault.Unauthorized, "Salesforce forbids the call; look at the user's permissions: %s", p.text())
	case s == 404 && strings.Contains(p.Message, "external ID field"):
		return fault.Drifted([]string{c.keyField}, "Salesforce has no external id %s that we may see: run setup: %s", c.key(), p.text())
	case s == 404, p.code() == "INVALID_TYPE":
		return fault.New(fault.Drift, "Salesforce has no such object that we may see: run setup, or correct the name: %s", p.text())
	case s == 410:
		return fault.New(fault.Drift, "version %s of the API has ended: set version: %s", c.version, p.text())
	case p.code() == "QUERY_TIMEOUT", p.code() == "UNABLE_TO_LOCK_ROW":
		return fault.Wait(fault.Transient, max(after, 2*time.Second), "%s", p.text())
	case s == 400:
		return c.judged(p, n)
	}
	return rest.Classify(resp, c.a.Now)
}

// judged is the fault of a refusal that lies in what was sent.
func (c client) judged(p problem, n int) error {
	if names := p.missing(); len(names) > 0 {
		return fault.Drifted(names, "Salesforce has no field %s that we may write: run setup, or take it out of the mapping", strings.Join(names, ", "))
	}
	if n > 1 {
		return fault.New(fault.Split, "Salesforce refused the batch of %d: %s", n, p.text())
	}
	return fault.New(fault.Invalid, "Salesforce refused the record: %s", p.text())
}

// limited tells the day's limit from too many calls at once: the header says how many calls are left.
func limited(h http.Header, p problem, after time.Duration) error {
	for _, part := range strings.Split(h.Get("Sforce-Limit-Info"), ";") {
		name, usage, _ := strings.Cut(strings.TrimSpace(part), "=")
		used, limit, ok := strings.Cut(usage, "/")
		n, err := strconv.Atoi(used)
		m, err2 := strconv.Atoi(limit)
		if name == "api-usage" && ok && err == nil && err2 == nil && n >= m {
			return fault.Wait(fault.QuotaExhausted, max(after, 15*time.Minute), "the org's %d calls of a rolling day are used up: %s", m, p.text())
		}
	}
	return fault.Wait(fault.RateLimited, max(after, 5*time.Second), "too many long calls at once: %s", p.text())
}

// one is the fault of a problem of one row.
func (c client) one(p problem) error {
	switch code := p.code(); {
	case code == "UNABLE_TO_LOCK_ROW", strings.Contains(p.Message, "UNABLE_TO_LOCK_ROW"):
		return fault.Wait(fault.Transient, 2*time.Second, "%s", p.text())
	case code == "ALL_OR_NONE_OPERATION_ROLLED_BACK", code == "SERVER_UNAVAILABLE", code == "QUERY_TIMEOUT":
		return fault.New(fault.Transient, "%s", p.text())
	case code == "REQUEST_LIMIT_EXCEEDED":
		return fault.Wait(fault.RateLimited, 5*time.Second, "%s", p.text())
	case code == "DUPLICATE_VALUE":
		return fault.New(fault.Conflict, "another record has a unique value already: %s", p.text())
	case code == "DUPLICATES_DETECTED":
		return fault.New(fault.Invalid, "a duplicate rule of the org blocks the record; a person has to say whether it is the same one: %s", p.text())
	case code == "ENTITY_IS_DELETED":
		return fault.New(fault.Gone, "%s", p.text())
	case code == "":
		return fault.New(fault.Unknown, "Salesforce refused the record without a reason")
	}
	return c.judged(p, 1)
}

// result is what became of one row of a collection.
type result struct {
	ID      string    `json:"id"`
	Success bool      `json:"success"`
	Created bool      `json:"created"`
	Errors  []problem `json:"errors"`
}

func (r result) problem() problem {
	if len(r.Errors) == 0 {
		return problem{}
	}
	return r.Errors[0]
}

// save writes a collection: by external id below path, by record id where path is "".
func (c client) save(ctx context.Context, path string, rows []map[string]any, header http.Header) ([]result, error) {
	h := http.Header{"Sforce-Auto-Assign": {"FALSE"}, "Sforce-Duplicate-Rule-Header": {"allowSave=true"}}
	for name, v := range header {
		h[name] = v
	}
	var out []result
	err := c.call(ctx, http.MethodPatch, c.at("composite", "sobjects")+path, h, map[string]any{"allOrNone": false, "records": rows}, &out, len(rows))
	if err == nil && len(out) != len(rows) {
		err = fault.New(fault.Ambiguous, "Salesforce answered %d results for %d records", len(out), len(rows))
	}
	return out, err
}

// delete puts records into the bin.
func (c client) delete(ctx context.Context, ids []string) error {
	var out []result
	if err := c.call(ctx, http.MethodDelete, c.at("composite", "sobjects")+"?allOrNone=false&ids="+strings.Join(ids, ","), nil, nil, &out, 1); err != nil {
		return err
	}
	if len(out) != len(ids) {
		return fault.New(fault.Ambiguous, "Salesforce answered %d results for %d deletions", len(out), len(ids))
	}
	for _, r := range out {
		if p := r.problem(); !r.Success && !p.gone() {
			return c.one(p)
		}
	}
	return nil
}

// record is a row of a query.
type record map[string]any

// at gives a column, relations included.
func (r record) at(name string) any {
	m := map[string]any(r)
	for {
		head, rest, more := strings.Cut(name, ".")
		if !more {
			return m[head]
		}
		next, ok := m[head].(map[string]any)
		if !ok {
			return nil
		}
		m, name = next, rest
	}
}

func (r record) text(name string) string { s, _ := r.at(name).(string); return s }

func (r record) flag(name string) bool { b, _ := r.at(name).(bool); return b }

func (r record) time(name string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05.000-0700", r.text(name))
	if err != nil {
		t, _ = time.Parse(time.RFC3339Nano, r.text(name)) // zero where it is none
	}
	return t.UTC()
}

func (r record) deleted() bool { return r.flag("IsDeleted") && r.text("MasterRecordId") == "" }

// into gives what survived a merge or conversion of the record.
func (r record) into() (string, bool) {
	for _, name := range []string{"MasterRecordId", "ConvertedContactId"} {
		if id := r.text(name); id != "" {
			return id, true
		}
	}
	return "", false
}

// movedTo is the object of what a converted lead became, "" for all else.
func (r record) movedTo() string {
	if r.text("MasterRecordId") == "" && r.text("ConvertedContactId") != "" {
		return "Contact"
	}
	return ""
}

// query reads all pages of a query; bin reads what was deleted too.
func (c client) query(ctx context.Context, soql string, bin bool) ([]record, error) {
	verb := "query"
	if bin {
		verb = "queryAll"
	}
	return c.pages(ctx, c.at(verb)+"?"+url.Values{"q": {soql}}.Encode())
}

func (c client) pages(ctx context.Context, path string) ([]record, error) {
	var all []record
	for range 1000 {
		var out struct {
			Records []record `json:"records"`
			Done    *bool    `json:"done"`
			Next    string   `json:"nextRecordsUrl"`
		}
		if err := c.call(ctx, http.MethodGet, path, nil, nil, &out, 1); err != nil {
			return nil, err
		}
		if out.Done == nil || out.Records == nil {
			return nil, fault.New(fault.Ambiguous, "Salesforce answered a query without records")
		}
		all = append(all, out.Records...)
		if *out.Done || out.Next == "" {
			return all, nil
		}
		if path = out.Next; !strings.HasPrefix(path, "/services/data/") {
			return nil, fault.New(fault.Invalid, "Salesforce leads to a page outside its data")
		}
	}
	return nil, fault.New(fault.Invalid, "a thousand pages and no end")
}

// maxQuery bounds the list of values in a query: addresses are limited to 16 KB, and quotes take three bytes each.
const maxQuery = 8000

// find reads records by id and key, the bin included, with what tells of merges and conversions. What is no id, and keys
// that no field can hold, are not asked for.
func (c client) find(ctx context.Context, object string, ids, keys, fields []string) ([]record, error) {
	cols := []string{"Id", "IsDeleted", "SystemModstamp", "LastModifiedById", c.key()}
	cols = append(cols, trail(object)...)
	for _, name := range fields {
		if name = vendor(name); !slices.ContainsFunc(cols, func(c string) bool { return strings.EqualFold(c, name) }) {
			cols = append(cols, name)
		}
	}
	if bad := slices.IndexFunc(append(cols, vendor(object)), func(s string) bool { return strings.Trim(s, letters+".") != "" || s == "" }); bad >= 0 {
		return nil, fault.New(fault.Invalid, "%q is no name of a field or object", append(cols, vendor(object))[bad])
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !isID(id) })
	keys = slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "" || utf8.RuneCountInString(k) > maxKey })
	var all []record
	for _, part := range []struct {
		column string
		values []string
	}{{"Id", ids}, {c.key(), keys}} {
		for list := range quoted(part.values) {
			some, err := c.query(ctx, "SELECT "+strings.Join(cols, ", ")+" FROM "+vendor(object)+" WHERE "+part.column+" IN ("+list+")", true)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

// trail names the columns that tell of an object's merges and conversions.
func trail(object string) []string {
	switch object {
	case "Lead":
		return []string{"MasterRecordId", "IsConverted", "ConvertedContactId"}
	case "Account", "Contact", "Case":
		return []string{"MasterRecordId"}
	}
	return nil
}

// quoted gives lists of values as queries take them, none too long.
func quoted(values []string) func(func(string) bool) {
	return func(yield func(string) bool) {
		list, n := []string{}, 0
		for _, v := range slices.Compact(slices.Sorted(slices.Values(values))) {
			q := quote(v)
			size := len(url.QueryEscape(q)) + 3
			if n+size > maxQuery && len(list) > 0 {
				if !yield(strings.Join(list, ",")) {
					return
				}
				list, n = nil, 0
			}
			list, n = append(list, q), n+size
		}
		if len(list) > 0 {
			yield(strings.Join(list, ","))
		}
	}
}

// quote writes a text as queries take it.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(clean(s)) + "'"
}

// instant writes a time as queries take it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// value turns a field's value into JSON that Salesforce takes; nil clears. Times are written by the job, which knows dates.
func value(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, int, int64:
		return v, true
	case string:
		return clean(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case []string:
		return clean(strings.Join(v, ";")), true
	case time.Time:
		if v.IsZero() {
			return nil, true
		}
		return instant(v), true
	}
	return nil, false
}

// clean takes out what no text may hold: control characters and broken UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func escape(s string) string { return url.QueryEscape(s) }
