package hubspot

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// bench is a portal with a clock that is moved by hand.
type bench struct {
	*Portal
	t  *testing.T
	at time.Time
}

func open(t *testing.T, o Options) *bench {
	b := &bench{t: t, at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	o.Now = func() time.Time { return b.at }
	b.Portal = New(o)
	b.Field("contacts", "rapport_key", "string", true)
	b.Field("contacts", "rapport_text", "string", false)
	return b
}

// call makes a call and gives status, body and header.
func (b *bench) call(method, path, body string) (int, map[string]any, http.Header) {
	b.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token-1")
	b.ServeHTTP(w, r)
	var out map[string]any
	if w.Code != 204 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			b.t.Fatalf("%s %s answers no JSON: %s", method, path, w.Body)
		}
	}
	return w.Code, out, w.Header()
}

const upsert = "/crm/objects/2026-09/contacts/batch/upsert"

func inputs(list ...string) string { return `{"inputs":[` + strings.Join(list, ",") + `]}` }

func one(key, text string) string {
	return `{"id":"` + key + `","idProperty":"rapport_key","objectWriteTraceId":"` + key + `","properties":{"rapport_text":"` + text + `"}}`
}

func TestUpsert(t *testing.T) {
	b := open(t, Options{})
	status, out, _ := b.call("POST", upsert, inputs(one("a", "1"), one("b", "2")))
	if r := out["results"].([]any); status != 200 || len(r) != 2 || r[0].(map[string]any)["new"] != true || r[0].(map[string]any)["objectWriteTraceId"] != "a" {
		t.Errorf("%d %v", status, out)
	}
	status, out, _ = b.call("POST", upsert, inputs(one("a", "3")))
	if status != 200 || out["results"].([]any)[0].(map[string]any)["new"] != false || b.Count("contacts", "rapport_text", "3") != 1 || len(b.Rows("contacts")) != 2 {
		t.Errorf("%d %v", status, out)
	}
}

// TestRefusals: what sinks a batch, and how it is told.
func TestRefusals(t *testing.T) {
	var many []string
	for i := range 101 {
		many = append(many, one(strconv.Itoa(i), "x"))
	}
	for name, c := range map[string]struct {
		o      Options
		path   string
		body   string
		status int
		words  string
	}{
		"another version":      {path: "/crm/objects/2020-03/contacts/batch/upsert", body: inputs(one("a", "1")), status: 404, words: "not found"},
		"no version":           {path: "/crm/v3/objects/contacts/batch/upsert", body: inputs(one("a", "1")), status: 404, words: "not found"},
		"no object":            {path: "/crm/objects/2026-09/butterflies/batch/upsert", body: inputs(one("a", "1")), status: 400, words: "infer object type"},
		"too many":             {path: upsert, body: inputs(many...), status: 400, words: "maximum"},
		"twice":                {path: upsert, body: inputs(one("a", "1"), one("a", "2")), status: 400, words: "Duplicate IDs"},
		"unknown property":     {path: upsert, body: inputs(one("a", "1"), `{"id":"b","idProperty":"rapport_key","properties":{"nope":"1"}}`), status: 400, words: "PROPERTY_DOESNT_EXIST"},
		"not unique":           {path: upsert, body: inputs(`{"id":"b","idProperty":"firstname","properties":{}}`), status: 400, words: "non-unique"},
		"bad e-mail":           {path: upsert, body: inputs(one("a", "1"), `{"id":"b","idProperty":"rapport_key","properties":{"email":"nobody"}}`), status: 400, words: "INVALID_EMAIL"},
		"bad e-mail, alone":    {o: Options{PerRecord: true}, path: upsert, body: inputs(one("a", "1"), `{"id":"b","idProperty":"rapport_key","objectWriteTraceId":"b","properties":{"email":"nobody"}}`), status: 207, words: `objectWriteTraceId:[b]`},
		"read only":            {path: upsert, body: inputs(`{"id":"b","idProperty":"rapport_key","properties":{"createdate":"1"}}`), status: 400, words: "READ_ONLY_VALUE"},
		"unique clash":         {path: upsert, body: inputs(one("a", "1"), `{"id":"b","idProperty":"rapport_key","properties":{"email":"Taken@nordlicht.example"}}`), status: 409, words: "Existing ID"},
		"ticket without stage": {path: "/crm/objects/2026-09/tickets/batch/create", body: inputs(`{"properties":{"subject":"x"}}`), status: 400, words: "REQUIRED_PROPERTY"},
		"no plan for objects":  {path: "/crm-object-schemas/2026-09/schemas", body: `{}`, status: 403, words: "MISSING_SCOPES"},
		"no JSON":              {path: upsert, body: `{`, status: 400, words: "Invalid input JSON"},
	} {
		b := open(t, c.o)
		b.Create("contacts", map[string]any{"email": "taken@nordlicht.example"})
		status, out, _ := b.call("POST", c.path, c.body)
		text, _ := json.Marshal(out)
		if status != c.status || !strings.Contains(strings.ReplaceAll(string(text), `"`, ""), c.words) {
			t.Errorf("%s: %d %s, want %d with %s", name, status, text, c.status, c.words)
		}
		if n := len(b.Rows("contacts")); c.status == 400 && n != 1 {
			t.Errorf("%s: a refused batch left %d records", name, n)
		}
	}
}

func TestEmailUpsertIsNotPartial(t *testing.T) {
	b := open(t, Options{})
	id := b.Create("contacts", map[string]any{"email": "kundin@nordlicht.example", "firstname": "K.", "rapport_text": "x"})
	b.call("POST", upsert, inputs(`{"id":"kundin@nordlicht.example","idProperty":"email","properties":{"rapport_text":"y"}}`))
	if row, _ := b.Row("contacts", id); row.Fields["firstname"] != "" || row.Fields["rapport_text"] != "y" {
		t.Errorf("the record holds %v", row.Fields)
	}
}

func TestLimits(t *testing.T) {
	b := open(t, Options{Limit10s: 3, LimitDaily: 6, Zone: "Europe/Berlin"})
	read := func() (int, map[string]any, http.Header) {
		return b.call("GET", "/crm/objects/2026-09/contacts", "")
	}
	for i := range 3 {
		if status, _, h := read(); status != 200 || h.Get("X-HubSpot-RateLimit-Remaining") != strconv.Itoa(2-i) {
			t.Errorf("call %d: %d, %v", i, status, h)
		}
	}
	status, out, h := read()
	if status != 429 || out["policyName"] != "TEN_SECONDLY_ROLLING" || h.Get("Retry-After") == "" {
		t.Errorf("%d %v %v", status, out, h)
	}
	b.at = b.at.Add(11 * time.Second)
	for range 3 {
		read()
	}
	b.at = b.at.Add(11 * time.Second)
	if status, out, h := read(); status != 429 || out["policyName"] != "DAILY" || h.Get("Retry-After") != "" {
		t.Errorf("%d %v", status, out)
	}
	b.at = time.Date(2026, 11, 20, 23, 0, 1, 0, time.UTC) // midnight in Berlin is past
	if status, out, _ := read(); status != 200 {
		t.Errorf("the next day: %d %v", status, out)
	}
	for i := range 6 {
		status, out, _ := b.call("POST", "/crm/objects/2026-09/contacts/search", `{}`)
		if i == 5 && (status != 429 || out["policyName"] != "SECONDLY") {
			t.Errorf("search %d: %d %v", i, status, out)
		}
	}
}

func TestSearchLags(t *testing.T) {
	b := open(t, Options{SearchLag: 10 * time.Second})
	id := b.Create("contacts", map[string]any{"rapport_text": "old"})
	total := func(text string) any {
		_, out, _ := b.call("POST", "/crm/objects/2026-09/contacts/search", `{"filterGroups":[{"filters":[{"propertyName":"rapport_text","operator":"EQ","value":"`+text+`"}]}]}`)
		return out["total"]
	}
	if n := total("old"); n != 0.0 {
		t.Errorf("search finds %v at once", n)
	}
	b.at = b.at.Add(11 * time.Second)
	b.Edit("contacts", id, map[string]any{"rapport_text": "new"})
	if a, n := total("old"), total("new"); a != 1.0 || n != 0.0 {
		t.Errorf("search finds %v old and %v new", a, n)
	}
	b.at = b.at.Add(11 * time.Second)
	if a, n := total("old"), total("new"); a != 0.0 || n != 1.0 {
		t.Errorf("later search finds %v old and %v new", a, n)
	}
}

func TestMergeGivesANewID(t *testing.T) {
	for _, o := range []Options{{}, {LoserKeeps: true}, {NoAlias: true}} {
		b := open(t, o)
		winner := b.Create("contacts", map[string]any{"firstname": "W"})
		loser := b.Create("contacts", map[string]any{"firstname": "L", "lastname": "L", "rapport_key": "k"})
		s := b.Merge("contacts", winner, loser)
		row, _ := b.Row("contacts", loser)
		if row.ID != s || s == winner || row.Fields["firstname"] != "W" || row.Fields["lastname"] != "L" || (row.Fields["rapport_key"] == "k") != o.LoserKeeps {
			t.Errorf("the survivor is %+v", row)
		}
		status, _, _ := b.call("GET", "/crm/objects/2026-09/contacts/"+winner, "")
		_, out, _ := b.call("POST", "/crm/objects/2026-09/contacts/batch/update", inputs(`{"id":"`+winner+`","properties":{"lastname":"N"}}`))
		if status != 200 || (len(out["results"].([]any)) == 1) == o.NoAlias {
			t.Errorf("reading the old id gives %d, writing it %v", status, out)
		}
	}
}

func TestArchive(t *testing.T) {
	b := open(t, Options{})
	b.call("POST", upsert, inputs(one("a", "1")))
	id := b.Rows("contacts")[0].ID
	b.Delete("contacts", id)
	if _, ok := b.Row("contacts", id); ok {
		t.Error("it is still there")
	}
	if _, out, _ := b.call("POST", "/crm/objects/2026-09/contacts/batch/read?archived=true", inputs(`{"id":"`+id+`"}`)); len(out["results"].([]any)) != 1 {
		t.Errorf("the bin gives %v", out)
	}
	b.Restore("contacts", id)
	if row, ok := b.Row("contacts", id); !ok || row.Fields["rapport_key"] != "a" {
		t.Errorf("restored: %+v", row)
	}
	if d := b.Doubles("contacts", "rapport_key"); len(d) != 0 {
		t.Errorf("doubles: %v", d)
	}
}

// TestAtOnce runs under the race detector.
func TestAtOnce(t *testing.T) {
	b := open(t, Options{Limit10s: -1})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				b.call("POST", upsert, inputs(one("k"+strconv.Itoa(i%3), "x")))
				b.Rows("contacts")
			}
		})
	}
	wg.Wait()
	if n := len(b.Rows("contacts")); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}
