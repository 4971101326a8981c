package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
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
	"rapport/shared/rest"
)

// The APIs, whose paths are /<api>/<version>/…
const (
	apiObjects      = "crm/objects"
	apiProperties   = "crm/properties"
	apiPipelines    = "crm/pipelines"
	apiAssociations = "crm/associations"
	apiSchemas      = "crm-object-schemas"
	apiAccount      = "account-info"
	apiToken        = "oauth"
)

// client speaks HubSpot's HTTP for one account.
type client struct {
	a        crm.Account
	version  string
	keyField string
}

func open(a crm.Account) client {
	c := client{a: a, version: a.Text("version"), keyField: a.Text("key_field")}
	if c.version == "" {
		c.version = defaultVersion
	}
	if c.keyField == "" {
		c.keyField = defaultKeyField
	}
	return c
}

// at makes the path of an API.
func (c client) at(api string, parts ...string) string {
	path := "/" + api + "/" + url.PathEscape(c.version)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// batch makes the path of a batch call of an object.
func (c client) batch(object, verb string) string {
	return c.at(apiObjects, pathOf(object), "batch", verb)
}

// pathOf is an object's name as paths take it: own objects have a prefix, ids and full names stand for themselves.
func pathOf(object string) string {
	switch {
	case standard(object), strings.HasPrefix(object, "p_"), strings.HasPrefix(object, "0-"), strings.HasPrefix(object, "2-"):
		return object
	}
	if full := strings.TrimLeft(strings.TrimPrefix(object, "p"), "0123456789"); strings.HasPrefix(object, "p") && strings.HasPrefix(full, "_") {
		return object
	}
	return "p_" + object
}

// call makes one call and decodes what came; n is the number of records that a refusal would be about.
func (c client) call(ctx context.Context, method, path string, body, out any, n int) error {
	req := rest.Request{Method: method, URL: path, JSON: body, Auth: "Bearer " + c.a.Secret("token"), Bucket: "default"}
	if strings.HasSuffix(path, "/search") {
		req.Bucket = "search"
	}
	resp, err := c.a.Do(ctx, req)
	if err != nil {
		return err
	}
	if resp.Status/100 != 2 {
		return c.refused(resp, n)
	}
	if out == nil || resp.Status == http.StatusNoContent {
		return nil
	}
	if err := resp.JSON(out); err != nil {
		return fault.New(fault.Ambiguous, "%s: %w", path, err)
	}
	return nil
}

// answer is what calls about many records give.
type answer struct {
	Results []result  `json:"results"`
	Errors  []problem `json:"errors"`
	Total   int       `json:"total"`
	Paging  struct {
		Next struct {
			After string `json:"after"`
		} `json:"next"`
	} `json:"paging"`
}

// result is one record.
type result struct {
	ID         string             `json:"id"`
	Trace      string             `json:"objectWriteTraceId"`
	New        bool               `json:"new"`
	Properties map[string]*string `json:"properties"`
	UpdatedAt  time.Time          `json:"updatedAt"`
	Archived   bool               `json:"archived"`
}

// get gives a property, "" where it is absent or null.
func (r result) get(name string) string {
	if v := r.Properties[name]; v != nil {
		return *v
	}
	return ""
}

// is tells whether the record is the one that once had id: itself, or what survived its merge.
func (r result) is(id string) bool {
	return r.ID == id || slices.Contains(strings.Split(r.get(propMerged), ";"), id)
}

// problem is an error, alone or within an answer about many.
type problem struct {
	Message  string                     `json:"message"`
	Category string                     `json:"category"`
	Code     string                     `json:"code"`
	Policy   string                     `json:"policyName"`
	Context  map[string]json.RawMessage `json:"context"`
	Errors   []problem                  `json:"errors"`
}

// context gives a list of the context, where it is one.
func (p problem) context(name string) []string {
	var list []string
	if json.Unmarshal(p.Context[name], &list) != nil {
		return nil
	}
	return list
}

// text is the vendor's message in one line, bounded, without the JSON that it sometimes ends in.
func (p problem) text() string {
	s := p.Message
	if at := strings.Index(s, "[{"); at > 0 && len(p.Errors) > 0 {
		s = s[:at] + p.Errors[0].Message
	}
	if p.Category != "" {
		s = p.Category + ": " + s
	}
	return rest.Snippet([]byte(s))
}

// missingFields names the properties that the vendor does not know or does not let write any more.
func (p problem) missingFields() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, e := range append([]problem{p}, p.Errors...) {
		if e.Code == "PROPERTY_DOESNT_EXIST" || e.Code == "READ_ONLY_VALUE" || e.Category == "PROPERTY_DOESNT_EXIST" {
			for _, name := range e.context("propertyName") {
				add(name)
			}
			add(e.quoted())
		}
	}
	if _, list, ok := strings.Cut(p.Message, "Property values were not valid: "); ok && names == nil {
		var flaws []struct{ Error, Name string }
		_ = json.Unmarshal([]byte(list), &flaws)
		for _, f := range flaws {
			if f.Error == "PROPERTY_DOESNT_EXIST" || f.Error == "READ_ONLY_VALUE" {
				add(f.Name)
			}
		}
	}
	return names
}

// quoted is the name in a message of the form: Property "x" does not exist.
func (p problem) quoted() string {
	if len(p.context("propertyName")) > 0 || !strings.HasPrefix(p.Message, `Property "`) {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(p.Message, `Property "`), `"`)
	return name
}

// refused turns an answer that is no success into a fault. n is the number of records it may be about: of one the
// refusal is judged, of several the batch is to be split.
func (c client) refused(resp rest.Response, n int) error {
	var p problem
	if json.Unmarshal(resp.Body, &p) != nil {
		p.Message = rest.Snippet(resp.Body)
	}
	after := rest.RetryAfter(resp.Header, c.a.Now)
	switch s := resp.Status; {
	case s == 429:
		return c.limited(resp.Header, p, after)
	case s == 423:
		return fault.Wait(fault.Transient, max(after, 2*time.Second), "HubSpot has locked the record: %s", p.text())
	case s == 477:
		return fault.Wait(fault.Unavailable, max(after, time.Minute), "HubSpot is moving the account to another data centre: %s", p.text())
	case s == 401:
		return fault.New(fault.Unauthorized, "HubSpot does not take the token: %s", p.text())
	case s == 403:
		if scopes := p.context("requiredGranularScopes"); len(scopes) > 0 {
			return fault.New(fault.Unauthorized, "the token lacks a scope: give it one of %s", strings.Join(scopes, ", "))
		}
		return fault.New(fault.Unauthorized, "HubSpot forbids the call: %s", p.text())
	case s == 404, s == 400 && strings.Contains(p.Message, "infer object type"):
		return fault.New(fault.Drift, "HubSpot has no such object, or no version %s of its API: run setup, or set the version: %s", c.version, p.text())
	case s == 400 || s == 409 || s == 422:
		return c.judged(p, s == 409, n)
	case s == 524:
		return fault.Wait(fault.Unavailable, after, "HubSpot took too long")
	}
	return rest.Classify(resp, c.a.Now)
}

// judged is the fault of a refusal that lies in what was sent.
func (c client) judged(p problem, conflict bool, n int) error {
	if names := p.missingFields(); len(names) > 0 {
		return fault.Drifted(names, "HubSpot has no writable property %s: run setup, or take it out of the mapping", strings.Join(names, ", "))
	}
	if n > 1 {
		return fault.New(fault.Split, "HubSpot refused the batch of %d: %s", n, p.text())
	}
	if conflict || p.Category == "CONFLICT" {
		return fault.New(fault.Conflict, "another record has a unique value already: %s", p.text())
	}
	return fault.New(fault.Invalid, "HubSpot refused the record: %s", p.text())
}

// limited tells how long to wait: the vendor promises no Retry-After, so its policies do.
func (c client) limited(h http.Header, p problem, after time.Duration) error {
	if strings.EqualFold(p.Policy, "DAILY") {
		zone, err := time.LoadLocation(c.a.Text("timezone"))
		if err != nil {
			zone = time.UTC
		}
		now := c.a.Now.In(zone)
		midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, zone)
		return fault.Wait(fault.QuotaExhausted, midnight.Sub(now), "the account's calls of the day are used up until %s", midnight.Format(time.RFC3339))
	}
	if after == 0 {
		after = 10 * time.Second
		if ms, err := strconv.Atoi(h.Get("X-HubSpot-RateLimit-Interval-Milliseconds")); err == nil && ms > 0 && ms <= 60000 {
			after = time.Duration(ms) * time.Millisecond
		}
		if strings.EqualFold(p.Policy, "SECONDLY") {
			after = time.Second
		}
	}
	return fault.Wait(fault.RateLimited, after, "too many calls (%s)", rest.Snippet([]byte(p.Policy)))
}

// one is the fault of a problem that an answer about many reports for one record.
func (c client) one(p problem) error {
	switch p.Category {
	case "RATE_LIMITS":
		return fault.Wait(fault.RateLimited, 10*time.Second, "%s", p.text())
	case "OBJECT_NOT_FOUND":
		return fault.New(fault.NotFound, "%s", p.text())
	case "MISSING_SCOPES", "INVALID_AUTHENTICATION", "BANNED":
		return fault.New(fault.Unauthorized, "%s", p.text())
	case "CONFLICT", "VALIDATION_ERROR":
		return c.judged(p, false, 1)
	}
	return fault.New(fault.Unknown, "HubSpot refused the record: %s", p.text())
}

// values turns fields into the texts that HubSpot takes for everything; nil clears.
func values(fields map[string]any) (map[string]string, error) {
	out := make(map[string]string, len(fields)+1)
	for name, v := range fields {
		text, ok := textOf(v)
		if !ok {
			return nil, fault.New(fault.Invalid, "field %s holds %T, which HubSpot cannot store: use a text, number, flag or time", name, v)
		}
		out[name] = text
	}
	return out, nil
}

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return clean(v), true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsNaN(v) && !math.IsInf(v, 0)
	case []string:
		return clean(strings.Join(v, ";")), true
	case time.Time:
		return moment(v), true
	}
	return "", false
}

// moment writes midnight as milliseconds, which dates and times both take, and all else as RFC 3339.
func moment(t time.Time) string {
	t = t.UTC().Truncate(time.Millisecond)
	switch {
	case t.IsZero():
		return ""
	case t.Equal(t.Truncate(24 * time.Hour)):
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	return t.Format(time.RFC3339Nano)
}

// clean takes out what no text may hold: NUL and broken UTF-8.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "")
}

// shape checks the form of setting that ends up in paths.
func (c client) shape() error {
	if _, err := time.Parse("2006-01", c.version); err != nil {
		return fault.New(fault.Invalid, "setting version is %q: it has the form 2026-09", c.version)
	}
	if c.a.Secret("token") == "" {
		return fault.New(fault.Unauthorized, "account %s has no token: set secret token, or connect it", c.a.Name)
	}
	return nil
}

func index(i int) string { return fmt.Sprint(i) }
