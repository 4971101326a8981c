package salesforce_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/crm/salesforce"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	twin "rapport/shared/twin/salesforce"
	"rapport/shared/webhook"
)

// poll reads all pages.
func (p *place) poll(t *testing.T, cursor string, into *[]flow.Change) string {
	t.Helper()
	p.account.Now = p.clock.now()
	for range 100 {
		page, err := p.crm.Changes(ctx, p.account, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bodies {
			list, err := p.crm.ParseChanges(network.Raw{Settings: p.account.Settings, Body: b.Data, Stream: b.Stream, At: p.account.Now})
			if err != nil {
				t.Fatal(err)
			}
			if into != nil {
				*into = append(*into, list...)
			}
		}
		cursor = page.Cursor
		if !page.More {
			return cursor
		}
	}
	t.Fatal("a hundred pages and no end")
	return ""
}

// news gives what a poll after a minute brings, each change once, as the pipeline takes it in.
func (p *place) news(t *testing.T, cursor *string, seen map[string]bool) []flow.Change {
	t.Helper()
	p.clock.move(time.Minute)
	var all, fresh []flow.Change
	*cursor = p.poll(t, *cursor, &all)
	for _, c := range all {
		if c.ID == "" {
			t.Errorf("a change without id: %+v", c)
		}
		if !seen[c.ID] {
			fresh = append(fresh, c)
		}
		seen[c.ID] = true
	}
	return fresh
}

func answering(t *testing.T) place {
	p := open(t, twin.Options{})
	p.furnish("Case")
	for name, kind := range map[string]string{"rapport_reply__c": "textarea", "rapport_reply_state__c": "string", "rapport_reply_visibility__c": "string"} {
		p.Field("Case", name, kind)
	}
	p.Field("Case", "rapport_accepted__c", "boolean")
	p.Object("rapport_reply__c", "Rapport reply")
	p.Lookup("rapport_reply__c", "rapport_case_link__c", "Case")
	p.Field("rapport_reply__c", "rapport_text__c", "textarea")
	p.Field("rapport_reply__c", "rapport_state__c", "string")
	p.Field("rapport_reply__c", "rapport_visibility__c", "string")
	return p
}

func replies(list []flow.Change) (out []string) {
	for _, c := range list {
		if c.Fields[crm.FieldReplyState] == flow.Approved {
			private := ""
			if c.Fields[crm.FieldReplyPrivate] == true {
				private = " (private)"
			}
			out = append(out, c.Key+": "+c.Fields[crm.FieldReply].(string)+private)
		}
	}
	return out
}

// TestReplies: an answer is read in the object made for it and in the fields of the case, approved and whole, though we wrote
// the case meanwhile. Nothing else that agents write is an answer.
func TestReplies(t *testing.T) {
	p := answering(t)
	r := caseOf("rapport:conversation:1")
	r.ID = p.upsert(t, r)[0].ID
	seen := map[string]bool{}
	cursor := p.poll(t, "", nil)
	p.clock.move(10 * time.Minute)
	p.news(t, &cursor, seen)

	p.Edit(r.ID, map[string]any{"Description": "Please answer: Sorry!", "Priority": "High"})
	p.Edit(r.ID, map[string]any{"rapport_reply__c": "Sorry!", "rapport_reply_state__c": "draft", "rapport_text__c": "Sorry!"})
	draft := p.Create("rapport_reply__c", map[string]any{"rapport_case_link__c": r.ID, "rapport_text__c": "We are on it.", "rapport_state__c": "draft", "rapport_visibility__c": "private"})
	stray := p.Create("rapport_reply__c", map[string]any{"rapport_text__c": "To nobody.", "rapport_state__c": "approved"})
	if got := replies(p.news(t, &cursor, seen)); len(got) != 0 {
		t.Errorf("drafts, notes and fields give answers: %v", got)
	}
	p.Edit(draft, map[string]any{"rapport_state__c": "approved"})
	if got := replies(p.news(t, &cursor, seen)); !slices.Equal(got, []string{"rapport:conversation:1: We are on it. (private)"}) {
		t.Errorf("the answers are %v", got)
	}
	p.Delete(stray)
	p.Delete(draft)
	if got := p.news(t, &cursor, seen); len(got) != 0 {
		t.Errorf("deleted answers are told: %+v", got)
	}

	p.Edit(r.ID, map[string]any{"rapport_reply_state__c": "approved", "rapport_reply_visibility__c": "public", "OwnerId": twin.Agent})
	r.Fields["rapport_score"] = 3
	p.upsert(t, r) // hides who approved
	list := p.news(t, &cursor, seen)
	if got := replies(list); !slices.Contains(got, "rapport:conversation:1: Sorry!") {
		t.Errorf("the answers are %v", got)
	}
	if at := slices.IndexFunc(list, func(c flow.Change) bool {
		return c.By != "self" && c.Fields[crm.FieldOwner] == "desk@nordlicht.example"
	}); at < 0 {
		t.Errorf("the owner is not told: %+v", list)
	}
	p.upsert(t, r)
	for _, c := range p.news(t, &cursor, seen) {
		if c.By != "self" {
			t.Errorf("one state is told twice: %+v", c)
		}
	}
}

// TestClosingIsDated: a case that a person closed and we wrote since was closed when it was closed, and one that nobody
// closed is not told to be open because we wrote it.
// TestTwiceInASecond: Salesforce tells times to the second. A note that was read before the approval came does not hide it.
func TestTwiceInASecond(t *testing.T) {
	p := answering(t)
	r := caseOf("rapport:conversation:1")
	r.ID = p.upsert(t, r)[0].ID
	seen := map[string]bool{}
	cursor := p.poll(t, "", nil)
	p.clock.move(10 * time.Minute)
	p.news(t, &cursor, seen)
	p.Edit(r.ID, map[string]any{"Description": "Called the workshop."})
	p.news(t, &cursor, seen)
	p.Edit(r.ID, map[string]any{"rapport_reply__c": "Sorry!", "rapport_reply_state__c": "approved"})
	if got := replies(p.news(t, &cursor, seen)); !slices.Equal(got, []string{"rapport:conversation:1: Sorry!"}) {
		t.Errorf("the answers are %v", got)
	}
}

// TestWithinTheFirstSecond: what is approved in the second in which the first poll began is told.
func TestWithinTheFirstSecond(t *testing.T) {
	p := answering(t)
	r := caseOf("rapport:conversation:1")
	r.ID = p.upsert(t, r)[0].ID
	p.clock.move(time.Minute + 400*time.Millisecond)
	cursor := p.poll(t, "", nil)
	p.Edit(r.ID, map[string]any{"rapport_reply__c": "Sorry!", "rapport_reply_state__c": "approved"})
	p.clock.move(10 * time.Minute)
	if got := replies(p.news(t, &cursor, map[string]bool{})); !slices.Equal(got, []string{"rapport:conversation:1: Sorry!"}) {
		t.Errorf("the answers are %v", got)
	}
}

func TestClosingIsDated(t *testing.T) {
	p := answering(t)
	r := caseOf("rapport:conversation:1")
	r.ID = p.upsert(t, r)[0].ID
	seen := map[string]bool{}
	cursor := p.poll(t, "", nil)
	p.upsert(t, r)
	for _, c := range p.news(t, &cursor, seen) {
		if c.By != "self" && c.Fields[crm.FieldStatus] != nil {
			t.Errorf("our own write tells a status: %+v", c)
		}
	}
	p.Edit(r.ID, map[string]any{"Status": "Closed"})
	closed := p.clock.now()
	p.clock.move(30 * time.Second)
	p.upsert(t, r)
	list := p.news(t, &cursor, seen)
	if at := slices.IndexFunc(list, func(c flow.Change) bool {
		return c.By != "self" && c.Fields[crm.FieldStatus] == "closed" && c.At.Equal(closed)
	}); at < 0 {
		t.Errorf("the closing is not told with its time: %+v", list)
	}
}

// TestEnds: deletions, merges and conversions are told once each, with where the record went.
func TestEnds(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Contact")
	p.furnish("Lead")
	seen := map[string]bool{}
	ids := p.upsert(t, caseless("rapport:person:1"), caseless("rapport:person:2"), caseless("rapport:person:3"))
	lead := p.upsert(t, sample("Lead")("rapport:person:4"))[0].ID
	cursor := p.poll(t, "", nil)
	p.clock.move(time.Hour)
	p.news(t, &cursor, seen)
	p.Delete(ids[0].ID)
	p.Merge(ids[1].ID, ids[2].ID)
	_, contact := p.Convert(lead)
	var got []string
	for _, c := range p.news(t, &cursor, seen) {
		if c.Verb != "update" && c.Verb != "create" {
			got = append(got, strings.Join([]string{c.Verb, c.Object, c.Key, c.Into, c.Object2}, " "))
		}
	}
	slices.Sort(got)
	want := []string{"convert Lead rapport:person:4 " + contact + " Contact", "delete Contact rapport:person:1  ", "merge Contact rapport:person:2 " + ids[2].ID + " "}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestObjections: consent and objections come from our field, from the org's own flags, and from the record of its own
// in which they may be kept.
func TestObjections(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Contact")
	p.Field("Contact", "rapport_objected__c", "string")
	r := caseless("rapport:person:1")
	r.ID = p.upsert(t, r)[0].ID
	seen := map[string]bool{}
	cursor := p.poll(t, "", nil)
	p.clock.move(time.Hour)
	p.news(t, &cursor, seen)
	told := func() (out string) {
		for _, c := range p.news(t, &cursor, seen) {
			if v, ok := c.Fields[crm.FieldObjected].(string); ok && c.By != "self" {
				out = v
			}
		}
		return out
	}
	p.Edit(r.ID, map[string]any{"rapport_objected__c": "scoring", "DoNotCall": true, "Email": "kundin@nordlicht.example"})
	if got := told(); got != "scoring;marketing" {
		t.Errorf("objected to %q", got)
	}
	who := p.Create("Individual", map[string]any{"HasOptedOutProfiling": false})
	p.Edit(r.ID, map[string]any{"IndividualId": who})
	told()
	p.clock.move(time.Hour)
	p.Edit(who, map[string]any{"HasOptedOutProfiling": true}) // the contact itself is not touched
	if got := told(); got != "scoring;marketing;matching" {
		t.Errorf("objected to %q", got)
	}
	p.Edit(who, map[string]any{"HasOptedOutProfiling": false, "HasOptedOutProcessing": true})
	if got := told(); got != "scoring;marketing;service;matching" {
		t.Errorf("objected to %q", got)
	}
}

// TestManyChanges: more than a page, all in one second, all read once.
func TestManyChanges(t *testing.T) {
	p := open(t, twin.Options{Page: 200})
	p.account.Settings["objects"] = []any{"Contact"}
	p.account.Settings["overlap"] = 0
	cursor := p.poll(t, "", nil)
	p.clock.move(time.Minute)
	for range 1203 {
		p.Create("Contact", map[string]any{"Phone": "+49301234"})
	}
	p.clock.move(time.Minute)
	var got []flow.Change
	p.poll(t, cursor, &got)
	seen := map[string]bool{}
	for _, c := range got {
		seen[c.Record] = true
		if c.Verb != "create" || c.Fields[crm.FieldPhone] != "+49301234" || c.By != twin.Agent {
			t.Fatalf("a change is %+v", c)
		}
	}
	if len(seen) != 1203 || len(got) != 1203 {
		t.Errorf("%d of 1203 new records were seen, in %d changes", len(seen), len(got))
	}
	p.account.Now = p.clock.now()
	if _, err := p.crm.Changes(ctx, p.account, "no cursor"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a cursor that is none gives %v", err)
	}
}

// TestFieldsThatComeAndGo: what was learnt of an object is learnt anew when a query is refused.
func TestFieldsThatComeAndGo(t *testing.T) {
	p := answering(t)
	cursor := p.poll(t, "", nil)
	p.RemoveField("Case", "rapport_accepted__c") // before anything was learnt
	p.poll(t, cursor, nil)
	p.RemoveField("Case", "rapport_reply__c")
	p.account.Now = p.clock.move(time.Minute)
	_, err := p.crm.Changes(ctx, p.account, cursor)
	if !fault.Is(err, fault.Transient) {
		t.Errorf("a field that went since gives %v", err)
	}
	p.poll(t, cursor, nil) // learnt anew
}

// TestEvents reads events/salesforce.
func TestEvents(t *testing.T) {
	settings := map[string]any{"user_id": twin.Integration}
	want := map[string]string{
		"owner-changed.json": "Case 500000000000101AAA update 005000000000002AAA @owner=005000000000002AAA",
		"case-closed.json":   "Case 500000000000101AAA update 005000000000002AAA @status=closed Status=Closed",
		"echo.json":          "Contact 003000000000102AAA update self rapport_score=61; Contact 003000000000103AAA update self rapport_score=61",
		"new-contact.json":   "Contact 003000000000104AAA create 005000000000002AAA @email=kundin@nordlicht.example @phone=+491713920000",
		"deleted.json":       "",
	}
	for name, want := range want {
		body, err := os.ReadFile("../../../events/salesforce/" + name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := salesforce.New().ParseChanges(network.Raw{Settings: settings, Body: body})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var out []string
		for _, c := range list {
			data, _ := json.Marshal(c.Fields) // in the order of names
			out = append(out, c.Object+" "+c.Record+" "+c.Verb+" "+c.By+" "+strings.NewReplacer("{", "", "}", "", `"`, "", ":", "=", ",", " ").Replace(string(data)))
		}
		if got := strings.Join(out, "; "); got != want {
			t.Errorf("%s gives\n%s, want\n%s", name, got, want)
		}
	}
	if files, _ := os.ReadDir("../../../events/salesforce"); len(files) != len(want) {
		t.Errorf("events/salesforce has %d files, %d are tested", len(files), len(want))
	}
}

// TestEnvelopes: an event tells the same in every envelope it may come in, and without any.
func TestEnvelopes(t *testing.T) {
	body, err := os.ReadFile("../../../events/salesforce/case-closed.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := salesforce.New().ParseChanges(network.Raw{Body: body})
	if err != nil || len(want) != 1 {
		t.Fatal(want, err)
	}
	var e struct {
		Detail struct{ Payload json.RawMessage }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{`%s`, `{"payload":%s}`, `{"schemaId":"c1","id":"e2","payload":%s}`, `{"detail":%s}`,
		`{"data":{"schema":"c1","payload":%s,"event":{"replayId":7}},"channel":"/data/CaseChangeEvent"}`} {
		got, err := salesforce.New().ParseChanges(network.Raw{Body: fmt.Appendf(nil, form, e.Detail.Payload)})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v (%v), want %+v", form, got, err, want)
		}
	}
	for _, body := range []string{`{"detail":{"payload":{}}}`, `{"Status":"Closed"}`, `[]`, `{"detail":{"detail":{"detail":{"ChangeEventHeader":{}}}}}`} {
		if _, err := salesforce.New().ParseChanges(network.Raw{Body: []byte(body)}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "no ChangeEventHeader") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestVerify(t *testing.T) {
	h := network.Hook{Name: "relay", Secrets: map[string]flow.Secret{"secret": flow.NewSecret("newer-secret"), "previous": flow.NewSecret("older-secret")}}
	header, err := salesforce.New().Sign(h, "", nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	good := webhook.Request{Method: "POST", Header: header, Body: []byte("{}")}
	old := good
	old.Header = http.Header{"X-Rapport-Secret": {"older-secret"}}
	for _, r := range []webhook.Request{good, old} {
		if a, err := salesforce.New().Verify(ctx, h, r); err != nil || !a.Keep {
			t.Errorf("a call with the secret gives %+v, %v", a, err)
		}
	}
	for name, r := range map[string]webhook.Request{
		"no header": {Method: "POST", Header: http.Header{}, Body: []byte("{}")},
		"another":   {Method: "POST", Header: http.Header{"X-Rapport-Secret": {"other-secret"}}, Body: []byte("{}")},
		"a GET":     {Method: "GET", Header: header},
	} {
		if _, err := salesforce.New().Verify(ctx, h, r); !fault.Is(err, fault.Forged) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

func FuzzParseChanges(f *testing.F) {
	for _, name := range []string{"owner-changed.json", "case-closed.json", "new-contact.json"} {
		body, err := os.ReadFile("../../../events/salesforce/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"object":"Contact","stamp":"SystemModstamp","key":"rapport_key__c","self":"005000000000001AAA","from":1,"watch":["OwnerId","Owner.Email","Email","Individual.ShouldForget"],"rows":[{"Id":"003000000000102AAA","SystemModstamp":"2026-11-20T12:00:00.000+0000","CreatedDate":"2026-11-20T12:00:00.000+0000","LastModifiedById":"005000000000001AAA","Email":"a@b.example","Owner":{"Email":null},"Individual":{"ShouldForget":true}}]}`))
	f.Add([]byte(`{"object":"Case","stamp":"SystemModstamp","watch":["Status","rapport_reply_state__c"],"rows":[{"Id":"500000000000102AAA","SystemModstamp":"2026-11-20T12:00:00Z","IsDeleted":true,"MasterRecordId":"500000000000103AAA"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := salesforce.New().ParseChanges(network.Raw{Body: body})
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("the error is %v", err)
		}
		b, _ := salesforce.New().ParseChanges(network.Raw{Body: body})
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Error("parsing is not pure")
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add("POST", "newer-secret", []byte("{}"))
	f.Add("GET", "", []byte(nil))
	f.Fuzz(func(t *testing.T, method, given string, body []byte) {
		h := network.Hook{Secrets: map[string]flow.Secret{"secret": flow.NewSecret("newer-secret")}}
		_, err := salesforce.New().Verify(ctx, h, webhook.Request{Method: method, Header: http.Header{"X-Rapport-Secret": {given}}, Body: body})
		if (err == nil) != (method == "POST" && given == "newer-secret") || err != nil && !fault.Is(err, fault.Forged) {
			t.Errorf("%s with %q gives %v", method, given, err)
		}
	})
}
