package hubspot_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/crm/hubspot"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	twin "rapport/shared/twin/hubspot"
	"rapport/shared/webhook"
)

var ctx = context.Background()

func upsert(t *testing.T, p place, records ...crm.Record) []crm.Outcome {
	t.Helper()
	out, err := hubspot.New().Upsert(ctx, p.account, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		if o.Err != nil {
			t.Fatalf("%s: %v", o.Key, o.Err)
		}
	}
	return out
}

func ticket(key string) crm.Record {
	return crm.Record{Object: "tickets", Key: key, Fields: map[string]any{"subject": "about " + key}}
}

// paths lists the calls since n, without the version.
func paths(p place, n int) []string {
	var out []string
	for _, c := range p.Calls()[n:] {
		out = append(out, strings.Replace(c.Path, "/2026-09", "", 1))
	}
	return out
}

func TestTicketsKeepTheirStage(t *testing.T) {
	p := open(t, twin.Options{})
	p.Field("tickets", "rapport_key", "string", true)
	a := upsert(t, p, ticket("rapport:conversation:a"))[0]
	row, _ := p.Row("tickets", a.ID)
	if row.Fields["hs_pipeline"] != "0" || row.Fields["hs_pipeline_stage"] != "1" || a.State != crm.Created {
		t.Errorf("a new ticket is %s and holds %v", a.State, row.Fields)
	}
	p.Edit("tickets", a.ID, map[string]any{"hs_pipeline_stage": "3"})
	n := len(p.Calls())
	out := upsert(t, p, ticket("rapport:conversation:a"), ticket("rapport:conversation:b"))
	if row, _ := p.Row("tickets", a.ID); row.Fields["hs_pipeline_stage"] != "3" || out[0].ID != a.ID {
		t.Errorf("writing again moved the ticket to stage %s of record %s", row.Fields["hs_pipeline_stage"], out[0].ID)
	}
	want := []string{"/crm/objects/tickets/batch/read", "/crm/pipelines/tickets", "/crm/objects/tickets/batch/update", "/crm/objects/tickets/batch/upsert"}
	if got := paths(p, n); !slices.Equal(got, want) {
		t.Errorf("calls %v, want %v", got, want)
	}
	p.account.Settings["pipeline"], p.account.Settings["stage"] = "0", "2"
	n = len(p.Calls())
	c := upsert(t, p, ticket("rapport:conversation:c"))[0]
	if row, _ := p.Row("tickets", c.ID); row.Fields["hs_pipeline_stage"] != "2" {
		t.Errorf("the configured stage is not used: %v", row.Fields)
	}
	if got := paths(p, n); len(got) != 2 {
		t.Errorf("with a configured stage the calls are %v", got)
	}
}

func TestLinks(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("contacts")
	p.Field("tickets", "rapport_key", "string", true)
	person := sample("contacts")("rapport:person:1")
	c := upsert(t, p, person)[0]
	r := ticket("rapport:conversation:1")
	r.Links = []crm.Link{{Object: "contacts", Key: person.Key}, {Object: "contacts", Key: "rapport:person:absent"}}
	for range 2 {
		o := upsert(t, p, r)[0]
		if !p.Linked("tickets", o.ID, "contacts", c.ID) || !p.Linked("contacts", c.ID, "tickets", o.ID) {
			t.Error("ticket and contact are not linked")
		}
	}
	r.Links = []crm.Link{{Object: "contacts", ID: c.ID, Label: "HUBSPOT_DEFINED:16"}}
	upsert(t, p, r)
	r.Links[0].Label = "customer"
	out, err := hubspot.New().Upsert(ctx, p.account, []crm.Record{r})
	if err != nil || !fault.Is(out[0].Err, fault.Invalid) {
		t.Errorf("an unknown label gives %v, %v", out, err)
	}
}

func TestConflictNamesTheOther(t *testing.T) {
	for _, o := range []twin.Options{{}, {PerRecord: true}} {
		p := open(t, o)
		p.furnish("contacts")
		other := p.Create("contacts", map[string]any{"email": "kundin@nordlicht.example"})
		r := sample("contacts")("rapport:person:1")
		r.Fields["email"] = "Kundin@nordlicht.example"
		out, err := hubspot.New().Upsert(ctx, p.account, []crm.Record{r})
		if err != nil || !fault.Is(out[0].Err, fault.Conflict) || !strings.Contains(out[0].Err.Error(), other) {
			t.Errorf("a taken e-mail gives %+v, %v; want Conflict that names %s", out, err, other)
		}
		if o.PerRecord && out[0].ID != other {
			t.Errorf("the outcome names record %s, want %s", out[0].ID, other)
		}
	}
}

func TestValues(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("contacts")
	p.Field("contacts", "rapport_day", "date", false)
	r := sample("contacts")("rapport:person:1")
	r.Fields["rapport_day"] = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	r.Fields["rapport_at"] = time.Date(2026, 11, 20, 10, 11, 12, 13e6, time.FixedZone("", 3600))
	r.Fields["rapport_score"] = 12345678.5
	row, _ := p.Row("contacts", upsert(t, p, r)[0].ID)
	for name, want := range map[string]string{"rapport_day": "2026-11-20", "rapport_at": "2026-11-20T09:11:12.013Z", "rapport_score": "12345678.5", "rapport_open": "true"} {
		if row.Fields[name] != want {
			t.Errorf("%s is %q, want %q", name, row.Fields[name], want)
		}
	}
	r.Fields["rapport_day"] = struct{}{}
	if out, err := hubspot.New().Upsert(ctx, p.account, []crm.Record{r}); err != nil || !fault.Is(out[0].Err, fault.Invalid) {
		t.Errorf("a value of no kind gives %v, %v", out, err)
	}
}

// TestDriftIsRead: HubSpot tells of unknown properties in three ways.
func TestDriftIsRead(t *testing.T) {
	for _, body := range []string{
		`{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Property \\\"rapport_text\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"rapport_text\"}]"}`,
		`{"status":"error","category":"VALIDATION_ERROR","message":"bad","errors":[{"code":"PROPERTY_DOESNT_EXIST","message":"Property \"rapport_text\" does not exist","context":{"propertyName":["rapport_text"]}}]}`,
		`{"status":"error","category":"VALIDATION_ERROR","message":"bad","errors":[{"code":"PROPERTY_DOESNT_EXIST","message":"Property \"rapport_text\" does not exist"}]}`,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = w.Write([]byte(body))
		}))
		p := open(t, twin.Options{})
		p.account.Origin = srv.URL
		_, err := hubspot.New().Upsert(ctx, p.account, []crm.Record{sample("contacts")("a"), sample("contacts")("b")})
		if !fault.Is(err, fault.Drift) || !slices.Equal(fault.Fields(err), []string{"rapport_text"}) {
			t.Errorf("%s gives %v with fields %q", body, err, fault.Fields(err))
		}
		srv.Close()
	}
}

func TestEraseDeletesOnlyWhatIsOurs(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("contacts")
	p.Field("tickets", "rapport_key", "string", true)
	person := sample("contacts")("rapport:person:1")
	upsert(t, p, person)
	made := ticket("rapport:conversation:1")
	upsert(t, p, made)
	adopted := ticket("rapport:conversation:2")
	adopted.ID = p.Create("tickets", map[string]any{"subject": "by hand", "content": "theirs", "hs_pipeline_stage": "2"})
	upsert(t, p, adopted)
	if err := hubspot.New().Erase(ctx, p.account, crm.Subject{Records: []crm.Record{person, made, adopted}, Delete: true}); err != nil {
		t.Fatal(err)
	}
	if n := len(p.Rows("contacts")); n != 1 {
		t.Errorf("%d contacts are left, want 1: a contact is never deleted", n)
	}
	rows := p.Rows("tickets")
	if len(rows) != 1 || rows[0].ID != adopted.ID || rows[0].Fields["content"] != "theirs" || rows[0].Fields["subject"] != "" || rows[0].Fields["rapport_key"] != "" {
		t.Errorf("the tickets left are %+v", rows)
	}
	p.RemoveField("contacts", "rapport_score") // a field that is gone keeps nothing from being erased
	again := sample("contacts")("rapport:person:2")
	delete(again.Fields, "rapport_score")
	upsert(t, p, again)
	if err := hubspot.New().Erase(ctx, p.account, crm.Subject{Records: []crm.Record{sample("contacts")("rapport:person:2")}}); err != nil {
		t.Error(err)
	}
	if n := p.Count("contacts", "rapport_text", "about rapport:person:2"); n != 0 {
		t.Error("the text is still there")
	}
}

func TestFind(t *testing.T) {
	p := open(t, twin.Options{SearchLag: time.Minute})
	p.furnish("contacts")
	a := p.Create("contacts", map[string]any{"email": "kundin@nordlicht.example", "phone": "+49 30 901820"})
	b := p.Create("contacts", map[string]any{"phone": "+49 171 3920000"})
	p.Create("contacts", map[string]any{"phone": "+43 1713920000"}) // the same digits, another country
	find := func(emails, phones []string) string {
		found, err := hubspot.New().Find(ctx, p.account, "contacts", emails, phones)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range found {
			out = append(out, f.ID+" "+f.By)
		}
		return strings.Join(out, ", ")
	}
	if got := find([]string{" Kundin@Nordlicht.example", "nobody@nordlicht.example"}, []string{"+491713920000"}); got != a+" email" {
		t.Errorf("at once only the e-mail is found: %s", got)
	}
	p.clock.move(2 * time.Minute)
	if got := find([]string{"kundin@nordlicht.example"}, []string{"+491713920000", "+4930901820"}); got != a+" email, "+b+" phone" {
		t.Errorf("found %s", got)
	}
	if got := find(nil, nil); got != "" {
		t.Errorf("nothing asked, found %s", got)
	}
}

func TestWebhooks(t *testing.T) {
	p := open(t, twin.Options{ClientSecret: "new-client-secret"})
	p.furnish("contacts")
	var mu sync.Mutex
	var changes []flow.Change
	refuse, secrets := true, map[string]flow.Secret{"secret": flow.NewSecret("newer-client-secret"), "previous": flow.NewSecret("new-client-secret")}
	var address string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body := new(strings.Builder)
		_ = json.NewDecoder(r.Body).Decode((*rawText)(body))
		req := webhook.Request{Method: r.Method, URL: address, Header: r.Header, Body: []byte(body.String()), At: p.clock.now()}
		answer, err := hubspot.New().Verify(ctx, network.Hook{Secrets: secrets}, req)
		if err != nil || !answer.Keep {
			t.Errorf("a signed call gives %+v, %v", answer, err)
		}
		for _, broken := range []func(*webhook.Request){
			func(r *webhook.Request) { r.Body = append(slices.Clone(r.Body), ' ') },
			func(r *webhook.Request) { r.URL += "x" },
			func(r *webhook.Request) { r.At = r.At.Add(6 * time.Minute) },
			func(r *webhook.Request) { r.Method = "PUT" },
			func(r *webhook.Request) { r.Header = http.Header{} },
		} {
			bad := req
			broken(&bad)
			if _, err := hubspot.New().Verify(ctx, network.Hook{Secrets: secrets}, bad); !fault.Is(err, fault.Forged) {
				t.Errorf("a forged call gives %v", err)
			}
		}
		if refuse {
			refuse = false
			w.WriteHeader(503)
			return
		}
		list, err := hubspot.New().ParseChanges(network.Raw{Body: req.Body, At: req.At})
		if err != nil {
			t.Error(err)
		}
		changes = append(changes, list...)
	}))
	defer srv.Close()
	address = srv.URL + "/hooks/hub?brand=nordlicht"
	p.Change(func(o *twin.Options) { o.Hook.Target = address })
	ours := upsert(t, p, sample("contacts")("rapport:person:1"))[0].ID
	theirs := p.Create("contacts", map[string]any{"email": "kundin@nordlicht.example"})
	survivor := p.Merge("contacts", ours, theirs)
	p.Delete("contacts", survivor)
	if n := p.Deliver(ctx, srv.Client()); n != 0 || p.Waiting() == 0 {
		t.Errorf("a refusing receiver took %d events, %d wait", n, p.Waiting())
	}
	p.clock.move(time.Hour)
	p.Deliver(ctx, srv.Client())
	if p.Waiting() != 0 {
		t.Errorf("%d events wait still", p.Waiting())
	}
	has := func(what string, ok func(flow.Change) bool) {
		t.Helper()
		if !slices.ContainsFunc(changes, ok) {
			t.Errorf("no change tells of %s: %+v", what, changes)
		}
	}
	has("our own creation", func(c flow.Change) bool {
		return c.Record == ours && c.Verb == "create" && c.By == "self" && c.Account == "4711"
	})
	has("the e-mail", func(c flow.Change) bool {
		return c.Record == theirs && c.Fields[crm.FieldEmail] == "kundin@nordlicht.example" && c.By == "userId:8" && c.Object == "contacts"
	})
	has("the merge of ours", func(c flow.Change) bool { return c.Record == ours && c.Verb == "merge" && c.Into == survivor })
	has("the merge of theirs", func(c flow.Change) bool { return c.Record == theirs && c.Verb == "merge" && c.Into == survivor })
	has("the deletion", func(c flow.Change) bool { return c.Record == survivor && c.Verb == "delete" })
}

// rawText takes a JSON value as it came.
type rawText strings.Builder

func (r *rawText) UnmarshalJSON(b []byte) error {
	(*strings.Builder)(r).Write(b)
	return nil
}

// TestReplies: an answer is told whole, though its parts are filled at different times.
func TestReplies(t *testing.T) {
	p := open(t, twin.Options{})
	for _, f := range []string{"rapport_reply", "rapport_reply_state", "rapport_reply_visibility"} {
		p.Field("tickets", f, "string", false)
	}
	p.Field("tickets", "rapport_key", "string", true)
	id := upsert(t, p, ticket("rapport:conversation:1"))[0].ID
	p.Edit("tickets", id, map[string]any{"rapport_reply": "Thank you!", "rapport_reply_visibility": "private"})
	p.clock.move(10 * time.Minute)
	cursor := poll(t, &p, "", nil)
	var got []flow.Change
	p.clock.move(time.Minute)
	p.Edit("tickets", id, map[string]any{"rapport_reply_state": "approved", "hs_pipeline_stage": "4"})
	p.clock.move(time.Minute)
	cursor = poll(t, &p, cursor, &got)
	if len(got) != 1 || got[0].Fields[crm.FieldReply] != "Thank you!" || got[0].Fields[crm.FieldReplyState] != "approved" ||
		got[0].Fields[crm.FieldReplyPrivate] != true || got[0].Fields[crm.FieldStatus] != "closed" || got[0].Key != "rapport:conversation:1" {
		t.Fatalf("the changes are %+v", got)
	}
	first := got[0].ID
	got = nil
	if poll(t, &p, cursor, &got); len(got) != 1 || got[0].ID != first {
		t.Errorf("the overlap gives %+v, want the same change with id %s", got, first)
	}
	got = nil
	p.clock.move(10 * time.Minute)
	cursor = poll(t, &p, cursor, &got)
	got = nil
	if poll(t, &p, cursor, &got); len(got) != 0 {
		t.Errorf("after the overlap there is %+v", got)
	}
}

// poll reads all pages.
func poll(t *testing.T, p *place, cursor string, into *[]flow.Change) string {
	t.Helper()
	p.account.Now = p.clock.now()
	for range 100 {
		page, err := hubspot.New().Changes(ctx, p.account, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bodies {
			list, err := hubspot.New().ParseChanges(network.Raw{Settings: p.account.Settings, Body: b.Data, Stream: b.Stream, At: p.account.Now})
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

// TestLag: what search did not show yet when it was polled is found by the next poll.
func TestLag(t *testing.T) {
	p := open(t, twin.Options{SearchLag: 30 * time.Second})
	cursor := poll(t, &p, "", nil)
	p.clock.move(time.Minute)
	id := p.Create("contacts", map[string]any{"phone": "+49301234"})
	var got []flow.Change
	for range 5 {
		p.clock.move(10 * time.Second)
		cursor = poll(t, &p, cursor, &got)
	}
	if len(got) == 0 || got[0].Record != id || got[0].ID != got[len(got)-1].ID {
		t.Errorf("the polls give %+v, want record %s", got, id)
	}
}

// TestManyChanges: more than a page, many in one millisecond, all read once.
func TestManyChanges(t *testing.T) {
	p := open(t, twin.Options{SearchLag: 30 * time.Second})
	p.account.Settings["overlap"] = 60
	cursor := poll(t, &p, "", nil)
	p.clock.move(time.Minute)
	for i := range 330 {
		if i%130 == 0 {
			p.clock.move(time.Second)
		}
		p.Create("contacts", map[string]any{"phone": "+49301234" + string(rune('0'+i%10))})
	}
	p.clock.move(2 * time.Minute)
	var got []flow.Change
	poll(t, &p, cursor, &got)
	seen := map[string]bool{}
	for _, c := range got {
		seen[c.Record] = true
		if c.Verb != "create" || c.Fields[crm.FieldPhone] == "" {
			t.Fatalf("a change is %+v", c)
		}
	}
	if len(seen) != 330 {
		t.Errorf("%d of 330 new records were seen", len(seen))
	}
}

// TestSamples reads events/hubspot.
func TestSamples(t *testing.T) {
	want := map[string]string{
		"owner-changed.json": "tickets 9008 update userId:8 @owner=77",
		"stage-closed.json":  "tickets 9008 update userId:8 @status=closed hs_pipeline_stage=4",
		"echo.json":          "contacts 9015 update self rapport_score=61",
		"merged.json":        "contacts 9022 merge userId:8 into 9036; contacts 9015 merge userId:8 into 9036",
		"gone.json":          "contacts 9029 delete userId:8; contacts 9043 delete userId:8 privacy_deletion=true",
		"mixed.json":         "contacts 9050 update userId:8 @email=kundin@nordlicht.example; contacts 9050 create userId:8; 2-104 9057 update AUTOMATION_PLATFORM:enrollmentId:12 rapport_department=service",
	}
	for name, want := range want {
		body, err := os.ReadFile("../../../events/hubspot/" + name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := hubspot.New().ParseChanges(network.Raw{Body: body})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := told(list); got != want {
			t.Errorf("%s gives\n%s, want\n%s", name, got, want)
		}
	}
	if files, _ := os.ReadDir("../../../events/hubspot"); len(files) != len(want) {
		t.Errorf("events/hubspot has %d files, %d are tested", len(files), len(want))
	}
}

func told(list []flow.Change) string {
	var out []string
	for _, c := range list {
		s := c.Object + " " + c.Record + " " + c.Verb + " " + c.By
		if c.Into != "" {
			s += " into " + c.Into
		}
		data, _ := json.Marshal(c.Fields) // in the order of names
		if c.Verb == "update" || len(c.Fields) > 0 {
			s += " " + strings.NewReplacer("{", "", "}", "", `"`, "", ":", "=", ",", " ").Replace(string(data))
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestGrants(t *testing.T) {
	p := open(t, twin.Options{Seal: true, ClientID: "client-1", ClientSecret: "client-secret-1"})
	p.account.Settings["client_id"], p.account.Secrets["client_secret"] = "client-1", flow.NewSecret("client-secret-1")
	address, err := hubspot.New().Connect(ctx, p.account, "https://rapport.example/back", "state-1")
	u, _ := url.Parse(address)
	if err != nil || u.Host != "app.hubspot.com" || u.Query().Get("state") != "state-1" || strings.Contains(address, "secret") {
		t.Errorf("Connect gives %s, %v", address, err)
	}
	token, targets, err := hubspot.New().Exchange(ctx, p.account, "https://rapport.example/back", "code-1")
	if err != nil || len(targets) != 1 || targets[0].ID != "4711" || !token.Expires.Equal(p.account.Now.Add(30*time.Minute)) {
		t.Fatalf("Exchange gives %+v, %+v, %v", token, targets, err)
	}
	p.account.Secrets["token"] = token.Access
	p.furnish("contacts")
	upsert(t, p, sample("contacts")("rapport:person:1"))
	p.clock.move(31 * time.Minute)
	if _, err := hubspot.New().Upsert(ctx, p.account, []crm.Record{sample("contacts")("rapport:person:1")}); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("an old token gives %v", err)
	}
	next, err := hubspot.New().Refresh(ctx, p.account, token)
	if err != nil || next.Access.Reveal() == token.Access.Reveal() || next.Refresh.Empty() {
		t.Errorf("Refresh gives %+v, %v", next, err)
	}
	p.account.Secrets["client_secret"] = flow.NewSecret("wrong-secret")
	if _, err := hubspot.New().Refresh(ctx, p.account, token); !fault.Is(err, fault.Unauthorized) || strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("a wrong secret gives %v", err)
	}
}

func TestProbe(t *testing.T) {
	p := open(t, twin.Options{Zone: "Europe/Berlin"})
	p.Field("contacts", "rapport_key", "string", true)
	list, err := hubspot.New().Probe(ctx, p.account)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]bool{}
	for _, f := range list {
		if f.OK == (f.Mend != "") {
			t.Errorf("a finding is %+v", f)
		}
		bad[f.What+" "+f.Say] = !f.OK
	}
	if !bad["clock the account's zone is Europe/Berlin"] || !bad["fields tickets has no unique property rapport_key"] || bad["fields contacts has the unique property rapport_key"] {
		t.Errorf("the findings are %+v", list)
	}
	p.account.Secrets["token"] = flow.NewSecret("wrong-token-1234")
	if list, err := hubspot.New().Probe(ctx, p.account); err != nil || len(list) != 1 || list[0].OK {
		t.Errorf("with a wrong token: %+v, %v", list, err)
	}
}

func TestSetupOfAnObject(t *testing.T) {
	need := []crm.Object{{Name: "rapport_mention", Label: "Mention", Fields: []crm.Field{{Name: "rapport_text", Type: "longtext"}, {Name: "rapport_title", Type: "text"}}},
		{Name: "contacts", Fields: []crm.Field{{Name: "rapport_score", Type: "number"}, {Name: "lastname", Type: "text"}}}}
	p := open(t, twin.Options{CustomObjects: true})
	p.account.Secrets["admin"] = flow.NewSecret(canary)
	p.account.Secrets["token"] = flow.NewSecret("a-token-without-rights")
	for range 2 {
		steps, err := hubspot.New().Apply(ctx, p.account, need)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if !s.Done || s.Error != nil {
				t.Errorf("step %+v", s)
			}
		}
	}
	plan, err := hubspot.New().Plan(ctx, p.account, need)
	if i := slices.IndexFunc(plan, func(s crm.Step) bool { return !s.Done }); err != nil || i >= 0 {
		t.Errorf("after setup something is missing: %+v, %v", plan, err)
	}
	p.account.Secrets["token"] = flow.NewSecret(canary)
	r := crm.Record{Object: "rapport_mention", Key: "rapport:mention:mastodon:1", Fields: map[string]any{"rapport_text": "Hello", "rapport_title": "x"}}
	upsert(t, p, r)
	upsert(t, p, r)
	if n := len(p.Rows("rapport_mention")); n != 1 {
		t.Errorf("%d mentions", n)
	}
	p = open(t, twin.Options{})
	p.Field("contacts", "rapport_score", "string", false)
	p.Field("contacts", "rapport_key", "string", false)
	steps, err := hubspot.New().Apply(ctx, p.account, need)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, s := range steps {
		if s.Error != nil {
			failed++
		}
	}
	if failed != 3 { // no plan for objects, a score of text, a key that is not unique
		t.Errorf("the steps are %+v", steps)
	}
}

func FuzzParseChanges(f *testing.F) {
	for _, name := range []string{"mixed.json", "merged.json", "gone.json"} {
		body, err := os.ReadFile("../../../events/hubspot/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"object":"contacts","key":"rapport_key","from":1,"watch":["email"],"results":[{"id":"1","createdAt":"2026-11-20T00:00:00Z","properties":{"email":null},"propertiesWithHistory":{"email":[{"value":"a@b.example","timestamp":"2026-11-20T00:00:00Z"}],"hs_merged_object_ids":[{"value":"2;3","timestamp":"2026-11-20T00:00:00Z"}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := hubspot.New().ParseChanges(network.Raw{Body: body})
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("the error is %v", err)
		}
		b, _ := hubspot.New().ParseChanges(network.Raw{Body: body})
		if len(a) != len(b) {
			t.Error("parsing is not pure")
		}
	})
}
