package salesforce

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// bench is an org with a clock that is moved by hand.
type bench struct {
	*Org
	t  *testing.T
	at time.Time
}

func open(t *testing.T, o Options) *bench {
	b := &bench{t: t, at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	o.Now = func() time.Time { return b.at }
	b.Org = New(o)
	b.Key("Contact", "rapport_key__c")
	b.Field("Contact", "rapport_score__c", "double")
	return b
}

// call makes a call below the version and gives status, body as text and header.
func (b *bench) call(method, path, body string, header ...string) (int, string, http.Header) {
	b.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/services/data/v66.0/"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token-1")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	b.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String()), w.Header()
}

const upsert = "composite/sobjects/Contact/rapport_key__c"

func records(list ...string) string {
	return `{"allOrNone":false,"records":[` + strings.Join(list, ",") + `]}`
}

func one(key, more string) string {
	return `{"attributes":{"type":"Contact"},"rapport_key__c":"` + key + `","LastName":"` + key + `"` + more + `}`
}

// TestAnswersInOrder: rows are answered in order with status 200, also where some fail.
func TestAnswersInOrder(t *testing.T) {
	b := open(t, Options{})
	status, text, h := b.call("PATCH", upsert, records(one("a", ""), one("b", `,"Email":"nobody"`), one("a", ""), one("c", `,"nope":1`)))
	var out []struct {
		ID               string
		Success, Created bool
		Errors           []struct{ StatusCode string }
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil || status != 200 || len(out) != 4 {
		t.Fatalf("%d %s", status, text)
	}
	if !out[0].Created || len(out[0].ID) != 18 || out[1].Errors[0].StatusCode != "INVALID_EMAIL_ADDRESS" || out[2].Errors[0].StatusCode != "DUPLICATE_VALUE" || out[3].Errors[0].StatusCode != "INVALID_FIELD" {
		t.Errorf("%s", text)
	}
	if got := h.Get("Sforce-Limit-Info"); got != "api-usage=1/100000; api-bursts=1/750" {
		t.Errorf("the header says %s", got)
	}
}

// TestAllOrNone: with one bad row nothing is written, though the status is 200.
func TestAllOrNone(t *testing.T) {
	b := open(t, Options{})
	status, text, _ := b.call("PATCH", upsert, strings.Replace(records(one("a", ""), one("b", `,"Email":"nobody"`)), "false", "true", 1))
	if status != 200 || !strings.Contains(text, "ALL_OR_NONE_OPERATION_ROLLED_BACK") || strings.Contains(text, `"success":true`) || len(b.Rows("Contact")) != 0 {
		t.Errorf("%d %s, rows %v", status, text, b.Rows("Contact"))
	}
}

// TestRefusals: what sinks a call, and how it is told.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		o                  Options
		method, path, body string
		status             int
		words              string
	}{
		"nothing":          {method: "PATCH", path: upsert, body: records(), status: 400, words: "At least 1 record is required"},
		"too many":         {method: "PATCH", path: upsert, body: records(strings.Split(strings.Repeat(one("a", "")+"|", 200)+one("a", ""), "|")...), status: 400, words: "EXCEEDED_ID_LIMIT"},
		"a wrong type":     {method: "PATCH", path: upsert, body: records(one("a", ""), one("b", `,"rapport_score__c":"many"`)), status: 400, words: "JSON_PARSER_ERROR"},
		"an unknown field": {o: Options{WholeBatch: true}, method: "PATCH", path: upsert, body: records(one("a", `,"nope":1`)), status: 400, words: "No such column 'nope'"},
		"no external id":   {method: "PATCH", path: "composite/sobjects/Contact/LastName", body: records(one("a", "")), status: 404, words: "external ID field"},
		"no object":        {method: "PATCH", path: "composite/sobjects/Butterfly/x", body: records(one("a", "")), status: 404, words: "NOT_FOUND"},
		"no JSON":          {method: "PATCH", path: upsert, body: "{", status: 400, words: "JSON_PARSER_ERROR"},
		"a wrong token":    {o: Options{Token: "another"}, method: "GET", path: "limits", status: 401, words: "INVALID_SESSION_ID"},
		"a used up day":    {o: Options{LimitDaily: -1}, method: "GET", path: "limits", status: 403, words: "REQUEST_LIMIT_EXCEEDED"},
		"a bad query":      {method: "GET", path: "query?q=" + url.QueryEscape("SELECT Id FROM Contact ORDER Id"), status: 400, words: "MALFORMED_QUERY"},
		"a bad column":     {method: "GET", path: "query?q=" + url.QueryEscape("SELECT Nope FROM Contact"), status: 400, words: "INVALID_FIELD"},
		"a bad relation":   {method: "GET", path: "query?q=" + url.QueryEscape("SELECT Nope.Id FROM Contact"), status: 400, words: "relationship"},
		"a bad id":         {method: "GET", path: "query?q=" + url.QueryEscape("SELECT Id FROM Contact WHERE Id = '7'"), status: 400, words: "invalid ID field"},
	} {
		b := open(t, c.o)
		status, text, _ := b.call(c.method, c.path, c.body)
		if status != c.status || !strings.Contains(text, c.words) {
			t.Errorf("%s: %d %s, want %d with %s", name, status, text, c.status, c.words)
		}
		if n := len(b.Rows("Contact")); n != 0 {
			t.Errorf("%s: a refused call left %d records", name, n)
		}
	}
}

// TestAssignmentRules run unless the header stops them, also on updates.
func TestAssignmentRules(t *testing.T) {
	b := open(t, Options{AssignTo: Agent})
	b.Key("Case", "rapport_key__c")
	body := records(`{"attributes":{"type":"Case"},"rapport_key__c":"a","OwnerId":"` + Integration + `"}`)
	for _, c := range []struct{ header, want string }{{"FALSE", Integration}, {"", Agent}, {"false", Integration}, {"TRUE", Agent}} {
		b.call("PATCH", "composite/sobjects/Case/rapport_key__c", body, "Sforce-Auto-Assign", c.header)
		if got := b.Rows("Case")[0]["OwnerId"]; got != c.want {
			t.Errorf("with %q the case belongs to %v, want %s", c.header, got, c.want)
		}
	}
}

// TestBin: merged records name their survivor, and only queryAll shows them.
func TestBin(t *testing.T) {
	b := open(t, Options{Page: 1})
	x, y := b.Create("Contact", nil), b.Create("Contact", nil)
	b.Merge(x, y)
	q := "?q=" + url.QueryEscape("SELECT Id, IsDeleted, MasterRecordId, Owner.Email FROM Contact ORDER BY Id")
	if _, text, _ := b.call("GET", "query"+q, ""); strings.Contains(text, x) || !strings.Contains(text, y) || !strings.Contains(text, `"Owner":{"Email":"desk@nordlicht.example"}`) {
		t.Errorf("query gives %s", text)
	}
	_, text, _ := b.call("GET", "queryAll"+q, "")
	var page struct {
		Done           bool
		NextRecordsURL string `json:"nextRecordsUrl"`
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil || page.Done || !strings.Contains(text, `"MasterRecordId":"`+y+`"`) {
		t.Fatalf("queryAll gives %s", text)
	}
	if _, text, _ = b.call("GET", strings.TrimPrefix(page.NextRecordsURL, "/services/data/v66.0/"), ""); !strings.Contains(text, y) || !strings.Contains(text, `"done":true`) {
		t.Errorf("the next page is %s", text)
	}
	status, text, _ := b.call("PATCH", "composite/sobjects", records(`{"attributes":{"type":"Contact"},"id":"`+x+`","LastName":"late"}`))
	if status != 200 || !strings.Contains(text, "ENTITY_IS_DELETED") {
		t.Errorf("writing a merged record gives %d %s", status, text)
	}
}

// TestHidden: a field that metadata made is seen by nobody until a permission set that is assigned shows it.
func TestHidden(t *testing.T) {
	b := open(t, Options{Admin: "admin-1"})
	field := func() bool {
		_, text, _ := b.call("GET", "sobjects/Contact/describe", "")
		return strings.Contains(text, "tone__c")
	}
	soap := func(inner string) string {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest("POST", "/services/Soap/m/66.0", strings.NewReader(`<e xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Header><SessionHeader><sessionId>admin-1</sessionId></SessionHeader></Header><Body><upsertMetadata>`+inner+`</upsertMetadata></Body></e>`)))
		return w.Body.String()
	}
	if text := soap(`<metadata xsi:type="CustomField"><fullName>Contact.tone__c</fullName><label>Tone</label><type>Checkbox</type></metadata>`); !strings.Contains(text, "defaultValue") {
		t.Errorf("a checkbox without a default gives %s", text)
	}
	soap(`<metadata xsi:type="CustomField"><fullName>Contact.tone__c</fullName><label>Tone</label><type>DateTime</type></metadata>`)
	soap(`<metadata xsi:type="PermissionSet"><fullName>Rapport</fullName><label>x</label><fieldPermissions><field>Contact.tone__c</field></fieldPermissions></metadata>`)
	if field() {
		t.Error("a new field is seen at once")
	}
	_, text, _ := b.call("GET", "query?q="+url.QueryEscape("SELECT Id FROM PermissionSet WHERE Name = 'Rapport'"), "")
	_, id, _ := strings.Cut(text, `"Id":"`)
	b.call("POST", "sobjects/PermissionSetAssignment", `{"AssigneeId":"`+Integration+`","PermissionSetId":"`+id[:18]+`"}`)
	if !field() {
		t.Error("a field that a permission set shows is not seen")
	}
}
