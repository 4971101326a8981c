// Package salesforce is a fake Salesforce org with the quirks of the true one: log-in by signed assertion or client
// credentials without a lifetime told, collections of 200 that answer in order and say 200 when rows fail, a value of the
// wrong type that sinks a whole request, fields that nobody sees until a permission set shows them, assignment rules that
// run unless a header stops them, merged and converted records that stay in the bin, limits told apart by a header only.
// It keeps all in memory, starts no goroutine, reads no clock but Options.Now, and gives the same answers to the same calls.
package salesforce

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Ids of the people in every org.
const (
	Integration = "005000000000001AAA" // the user behind Options.Token, the log-ins, and our own writes
	Agent       = "005000000000002AAA" // who works by hand
	OrgID       = "00D000000000001EAA"
)

// Options of an org. The zero value is an Enterprise org with headroom that lets any token in.
type Options struct {
	Now            func() time.Time // nil = a clock that stands still on 20 November 2026
	Token          string           // a standing access token of the integration user; "" = any is let in
	Admin          string           // the access token of an administrator, who sees all fields; "" = none
	Version        string           // the API version that is served; "" = 66.0
	ClientID       string           // of the External Client App
	ClientSecret   string           // for client credentials; "" = that flow is off
	Key            *rsa.PublicKey   // checks signed assertions; nil = that flow is off
	Username       string           // of the integration user, as assertions name it
	Audience       string           // "" = https://login.salesforce.com
	Life           time.Duration    // of a session; 0 = two hours
	Instance       string           // instance_url of log-ins; "" = the address that was called
	LimitDaily     int              // calls of a rolling day; 0 = 100,000
	Concurrent     bool             // every call is refused for too many at once, with headroom left
	Page           int              // rows of a query's page; 0 = 2000
	WholeBatch     bool             // an unknown column sinks the whole request, else its row
	Visible        bool             // fields made by metadata are seen at once, without a permission set
	AssignTo       string           // active assignment rules hand cases and leads to this user or queue
	BlockDuplicate bool             // a duplicate rule blocks contacts and leads of the same last name; else it only warns
	PersonAccounts bool             // accounts may be persons
	StorageMB      int              // data storage; 0 = 10,240
	ForbidRules    bool             // the user may not read rules and flows
}

// Call is one call that was let in or refused.
type Call struct {
	Method, Path string
	Status       int
	Records      int         // of a collection
	Header       http.Header // of the request, without Authorization
}

// Org is the fake. It is safe for concurrent use; calls are served one after another.
type Org struct {
	mu       sync.Mutex
	o        Options
	objects  map[string]*object // by lower-case name
	names    []string
	rows     map[string]*row // by the first 15 characters of the id
	order    []*row
	next     int
	used     int
	calls    []Call
	refuse   map[string]bool
	locks    map[string]int
	sessions map[string]time.Time
	grants   int
	pages    map[string][]any
	granted  map[string][]string // permission set → fields as Object.Field
	actor    string
	admin    bool
}

// New makes an org with accounts, contacts, leads and cases, and nobody in it but two users and a queue.
func New(o Options) *Org {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }
	}
	if o.Version == "" {
		o.Version = "66.0"
	}
	if o.Audience == "" {
		o.Audience = "https://login.salesforce.com"
	}
	if o.Life == 0 {
		o.Life = 2 * time.Hour
	}
	if o.LimitDaily == 0 {
		o.LimitDaily = 100000
	}
	if o.Page == 0 {
		o.Page = 2000
	}
	if o.StorageMB == 0 {
		o.StorageMB = 10240
	}
	g := &Org{o: o, objects: map[string]*object{}, rows: map[string]*row{}, refuse: map[string]bool{}, locks: map[string]int{},
		sessions: map[string]time.Time{}, pages: map[string][]any{}, granted: map[string][]string{}, next: 101}
	g.standard()
	return g
}

// problem is an error as the REST API tells it: a list of one.
type problem struct {
	status int
	code   string
	text   string
	fields []string
}

func refuse(status int, code, format string, args ...any) *problem {
	return &problem{status: status, code: code, text: fmt.Sprintf(format, args...)}
}

func (p *problem) on(fields ...string) *problem { p.fields = fields; return p }

// row is the error as an answer about many tells it.
func (p *problem) row() map[string]any {
	return map[string]any{"statusCode": p.code, "message": p.text, "fields": append([]string{}, p.fields...)}
}

// ServeHTTP serves one call.
func (g *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, 50<<20))
	if err != nil {
		return
	}
	var status, n int
	var answer any
	switch path := r.URL.Path; {
	case path == "/services/oauth2/token":
		status, answer = g.token(r, body)
	case strings.HasPrefix(path, "/services/Soap/m/"):
		status, answer = g.soap(body)
	default:
		status, n, answer = g.rest(w, r, body)
	}
	header := r.Header.Clone()
	header.Del("Authorization")
	g.calls = append(g.calls, Call{Method: r.Method, Path: r.URL.Path, Status: status, Records: n, Header: header})
	if text, ok := answer.(string); ok {
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	if status != http.StatusNoContent {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// enter checks a session and says who calls.
func (g *Org) enter(token string) *problem {
	until, known := g.sessions[token]
	g.actor, g.admin = Integration, false
	switch {
	case g.o.Admin != "" && token == g.o.Admin:
		g.admin = true
	case known && g.o.Now().Before(until):
	case known, token == "", g.o.Token != "" && token != g.o.Token, g.o.Token == "" && (g.o.Key != nil || g.o.ClientSecret != ""):
		return refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
	}
	return nil
}

// rest serves a call of the REST API.
func (g *Org) rest(w http.ResponseWriter, r *http.Request, body []byte) (int, int, any) {
	fail := func(p *problem) (int, int, any) {
		one := map[string]any{"message": p.text, "errorCode": p.code}
		if p.fields != nil {
			one["fields"] = p.fields
		}
		return p.status, 0, []any{one}
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if strings.Trim(r.URL.Path, "/") == "services/data" { // the one call that tells no limit
		return 200, 0, []any{map[string]any{"label": "Spring '26", "url": "/services/data/v" + g.o.Version, "version": g.o.Version}}
	}
	if p := g.enter(token); p != nil {
		return fail(p)
	}
	if r.URL.Path == "/services/oauth2/userinfo" {
		return 200, 0, map[string]any{"user_id": Integration, "organization_id": OrgID, "preferred_username": g.o.Username}
	}
	g.used++
	w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d; api-bursts=1/750", min(g.used, g.o.LimitDaily), g.o.LimitDaily))
	switch {
	case g.used > g.o.LimitDaily:
		return fail(refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
	case g.o.Concurrent:
		return fail(refuse(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."))
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/services/data/v"+g.o.Version+"/")
	if !ok {
		if old, _ := strconv.ParseFloat(strings.TrimPrefix(strings.SplitN(strings.TrimPrefix(r.URL.Path, "/services/data/"), "/", 2)[0], "v"), 64); old > 0 && old <= 30 {
			return fail(refuse(410, "UNSUPPORTED_API_VERSION", "API version %v is no longer supported", old))
		}
		return fail(refuse(404, "NOT_FOUND", "The requested resource does not exist"))
	}
	status, n, answer, p := g.route(r, strings.Trim(path, "/"), body)
	if p != nil {
		return fail(p)
	}
	return status, n, answer
}

// route finds what a path below the version means.
func (g *Org) route(r *http.Request, path string, body []byte) (int, int, any, *problem) {
	seg := strings.Split(path, "/")
	switch verb := r.Method + " " + seg[0]; {
	case verb == "GET query" || verb == "GET queryAll" || verb == "GET tooling" && len(seg) > 1 && seg[1] == "query":
		if len(seg) == 2 && seg[0] != "tooling" {
			return g.more(seg[1])
		}
		if seg[0] == "tooling" && g.o.ForbidRules {
			return 0, 0, nil, refuse(403, "INSUFFICIENT_ACCESS", "insufficient access rights on the object")
		}
		out, p := g.query(r.URL.Query().Get("q"), seg[0] == "queryAll")
		return 200, 0, out, p
	case verb == "GET limits":
		n := (len(g.order)*2 + 1023) / 1024
		return 200, 0, map[string]any{"DailyApiRequests": map[string]int{"Max": g.o.LimitDaily, "Remaining": max(g.o.LimitDaily-g.used, 0)},
			"DataStorageMB": map[string]int{"Max": g.o.StorageMB, "Remaining": g.o.StorageMB - n}}, nil
	case path == "sobjects" && r.Method == "GET":
		return 200, 0, g.list(), nil
	case len(seg) == 3 && seg[0] == "sobjects" && seg[2] == "describe" && r.Method == "GET":
		o, p := g.object(seg[1])
		if p != nil {
			return 0, 0, nil, p
		}
		return 200, 0, g.describe(o), nil
	case len(seg) == 2 && seg[0] == "sobjects" && r.Method == "POST":
		return g.insert(seg[1], body)
	case len(seg) >= 2 && seg[0] == "composite" && seg[1] == "sobjects":
		return g.collection(r, seg[2:], body)
	}
	return 0, 0, nil, refuse(404, "NOT_FOUND", "The requested resource does not exist")
}

func (g *Org) insert(name string, body []byte) (int, int, any, *problem) {
	o, p := g.object(name)
	if p != nil {
		return 0, 0, nil, p
	}
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return 0, 0, nil, refuse(400, "JSON_PARSER_ERROR", "Unexpected character")
	}
	clean, p := g.check(o, fields)
	if p != nil {
		return 0, 0, nil, p
	}
	x := g.add(o, clean, g.actor)
	if o.name == "PermissionSetAssignment" {
		g.show(fmt.Sprint(clean["PermissionSetId"]))
	}
	return 201, 1, map[string]any{"id": x.id, "success": true, "errors": []any{}}, nil
}

// collection serves /composite/sobjects…
func (g *Org) collection(r *http.Request, rest []string, body []byte) (int, int, any, *problem) {
	if r.Method == http.MethodDelete && len(rest) == 0 {
		return g.erase(r.URL.Query())
	}
	var in struct {
		AllOrNone bool             `json:"allOrNone"`
		Records   []map[string]any `json:"records"`
	}
	if r.Method != http.MethodPatch || json.Unmarshal(body, &in) != nil {
		return 0, 0, nil, refuse(400, "JSON_PARSER_ERROR", "Unexpected character at [line:1, column:1]")
	}
	switch n := len(in.Records); {
	case n == 0:
		return 0, 0, nil, refuse(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
	case n > 200:
		return 0, n, nil, refuse(400, "EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records into this call")
	}
	external := ""
	if len(rest) == 2 {
		o, p := g.object(rest[0])
		if p != nil {
			return 0, 0, nil, refuse(404, "NOT_FOUND", "The requested resource does not exist")
		}
		f := o.field(rest[1], g.admin)
		if f == nil || !f.external {
			return 0, 0, nil, refuse(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: %s", rest[1])
		}
		external = f.name
	}
	if p := g.whole(in.Records, external); p != nil {
		return 0, len(in.Records), nil, p
	}
	assign := !strings.EqualFold(r.Header.Get("Sforce-Auto-Assign"), "FALSE")
	allow := strings.Contains(strings.ToLower(r.Header.Get("Sforce-Duplicate-Rule-Header")), "allowsave=true")
	seen := map[string]bool{}
	before, failed := state{}, false
	if in.AllOrNone {
		before = g.snapshot()
	}
	var out []any
	for _, rec := range in.Records {
		key, _ := rec[external].(string)
		var id string
		var created bool
		var p *problem
		if external != "" && seen[key] {
			p = refuse(400, "DUPLICATE_VALUE", "Duplicate external id specified: %s", key).on(external)
		} else {
			id, created, p = g.write(rec, external, assign, allow)
		}
		seen[key] = true
		failed = failed || p != nil
		switch {
		case p != nil && external == "":
			out = append(out, map[string]any{"id": rec["id"], "success": false, "errors": []any{p.row()}})
		case p != nil:
			out = append(out, map[string]any{"success": false, "created": false, "errors": []any{p.row()}})
		case external == "":
			out = append(out, map[string]any{"id": id, "success": true, "errors": []any{}})
		default:
			out = append(out, map[string]any{"id": id, "success": true, "created": created, "errors": []any{}})
		}
	}
	if in.AllOrNone && failed {
		g.restore(before)
		for i := range out {
			if row := out[i].(map[string]any); row["success"] == true {
				out[i] = map[string]any{"success": false, "created": false, "errors": []any{refuse(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header").row()}}
			}
		}
	}
	return 200, len(in.Records), out, nil
}

// state is what a request that fails as a whole goes back to.
type state struct {
	rows  map[string]row
	order []*row
}

func (g *Org) snapshot() state {
	s := state{rows: map[string]row{}, order: slices.Clone(g.order)}
	for id, x := range g.rows {
		was := *x
		was.fields = maps.Clone(x.fields)
		s.rows[id] = was
	}
	return s
}

func (g *Org) restore(s state) {
	g.order = s.order
	for id, x := range g.rows {
		if was, ok := s.rows[id]; ok {
			*x = was
		} else {
			delete(g.rows, id)
		}
	}
}

func (g *Org) erase(q url.Values) (int, int, any, *problem) {
	ids := strings.Split(q.Get("ids"), ",")
	if len(ids) > 200 {
		return 0, 0, nil, refuse(400, "EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records into this call")
	}
	var out []any
	for _, id := range ids {
		x := g.rows[short(id)]
		if x == nil || x.deleted {
			out = append(out, map[string]any{"id": id, "success": false, "errors": []any{refuse(404, "ENTITY_IS_DELETED", "entity is deleted").row()}})
			continue
		}
		g.bin(x, g.actor)
		out = append(out, map[string]any{"id": x.id, "success": true, "errors": []any{}})
	}
	return 200, len(ids), out, nil
}

// more serves the next page of a query.
func (g *Org) more(locator string) (int, int, any, *problem) {
	rest, ok := g.pages[locator]
	if !ok {
		return 0, 0, nil, refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
	}
	return 200, 0, g.page(rest, len(rest)), nil
}

// page cuts a list of records and keeps the rest for later.
func (g *Org) page(all []any, total int) map[string]any {
	out := map[string]any{"totalSize": total, "done": true, "records": all}
	if len(all) > g.o.Page {
		g.grants++
		locator := fmt.Sprintf("01g000000000%03dAAA-%d", g.grants, g.o.Page)
		g.pages[locator] = slices.Clone(all[g.o.Page:])
		out["done"], out["records"], out["nextRecordsUrl"] = false, all[:g.o.Page], "/services/data/v"+g.o.Version+"/query/"+locator
	}
	return out
}
