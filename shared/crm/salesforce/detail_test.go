package salesforce_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	twin "rapport/shared/twin/salesforce"
)

var ctx = context.Background()

func (p place) upsert(t *testing.T, records ...crm.Record) []crm.Outcome {
	t.Helper()
	out, err := p.crm.Upsert(ctx, p.account, records)
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

func caseOf(key string) crm.Record {
	return crm.Record{Object: "Case", Key: key, Fields: map[string]any{"Subject": "about " + key}}
}

// paths lists the calls since n, below the version.
func paths(p place, n int) []string {
	var out []string
	for _, c := range p.Calls()[n:] {
		out = append(out, c.Method+" "+strings.TrimPrefix(c.Path, "/services/data/v66.0/"))
	}
	return out
}

func TestFullBatchTakesOneCall(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Contact")
	var records []crm.Record
	for i := range 200 {
		records = append(records, sample("Contact")("rapport:person:"+strings.Repeat("x", i%7)+string(rune('A'+i%26))+strings.Repeat("y", i/26)))
	}
	p.upsert(t, records...)
	calls := p.Calls()
	if got := paths(p, 0); !slices.Equal(got, []string{"PATCH composite/sobjects/Contact/rapport_key__c"}) || calls[0].Records != 200 {
		t.Errorf("calls %v with %d records", got, calls[0].Records)
	}
	if h := calls[0].Header; h.Get("Sforce-Auto-Assign") != "FALSE" || h.Get("Sforce-Duplicate-Rule-Header") != "allowSave=true" {
		t.Errorf("the headers are %v", h)
	}
	if _, err := p.crm.Upsert(ctx, p.account, append(records, sample("Contact")("rapport:person:more"))); !fault.Is(err, fault.Invalid) {
		t.Errorf("201 records give %v", err)
	}
}

// TestKeysTellUpperFromLower: ids of networks differ in case alone.
func TestKeysTellUpperFromLower(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Contact")
	out := p.upsert(t, sample("Contact")("rapport:person:abc"), sample("Contact")("rapport:person:ABC"))
	rows, err := p.crm.Read(ctx, p.account, "Contact", []string{"rapport:person:ABC", "id:" + out[0].ID[:15]}, []string{"rapport_text"})
	if err != nil || out[0].ID == out[1].ID || rows[0].ID != out[1].ID || rows[1].ID != out[0].ID {
		t.Errorf("the outcomes are %+v, the rows %+v, %v", out, rows, err)
	}
	long := sample("Contact")("rapport:person:" + strings.Repeat("x", 250))
	if got, err := p.crm.Upsert(ctx, p.account, []crm.Record{long}); err != nil || !fault.Is(got[0].Err, fault.Invalid) {
		t.Errorf("a key that no external id holds gives %+v, %v", got, err)
	}
}

// TestOwners: an owner is set when a record is created and never again, assignment rules stay out, and where an owner
// cannot be the fallback queue owns.
func TestOwners(t *testing.T) {
	p := open(t, twin.Options{AssignTo: twin.Agent})
	p.furnish("Case")
	queue, fallback := p.Queue("Social_Service"), p.Queue("Fallback")
	inactive, active := p.User("gone@nordlicht.example", false), p.User("here@nordlicht.example", true)
	p.account.Settings["queue"] = "Fallback"
	owner := func(key string, v any) crm.Record {
		r := caseOf("rapport:conversation:" + key)
		if v != nil {
			r.Fields["OwnerId"] = v
		}
		return r
	}
	records := []crm.Record{owner("1", "Social_Service"), owner("2", "here@nordlicht.example"), owner("3", "gone@nordlicht.example"), owner("4", inactive), owner("5", nil), owner("6", "No_Such_Queue"), owner("7", queue), owner("8", "rules")}
	out := p.upsert(t, records...)
	for i, want := range []string{queue, active, fallback, fallback, fallback, fallback, queue, twin.Agent} {
		if got := p.Row(out[i].ID)["OwnerId"]; got != want {
			t.Errorf("case %d belongs to %v, want %s", i+1, got, want)
		}
	}
	p.Edit(out[0].ID, map[string]any{"OwnerId": twin.Agent})
	p.Edit(out[6].ID, map[string]any{"OwnerId": twin.Agent})
	n := len(p.Calls())
	records[0].Attempted = true
	again := p.upsert(t, records...) // by key, not knowing what became of them
	byID := owner("7", queue)
	byID.ID = out[6].ID
	p.upsert(t, byID)
	for _, i := range []int{0, 6} {
		if got := p.Row(out[i].ID)["OwnerId"]; got != twin.Agent || again[i].ID != out[i].ID {
			t.Errorf("writing again gave the agent's case to %v", got)
		}
	}
	for _, c := range p.Calls()[n:] {
		if c.Method == http.MethodPatch && c.Header.Get("Sforce-Auto-Assign") != "FALSE" {
			t.Errorf("%s lets assignment rules run", c.Path)
		}
	}
}

func TestLinks(t *testing.T) {
	p := open(t, twin.Options{WholeBatch: true})
	p.furnish("Contact")
	p.furnish("Case")
	p.Object("rapport_mention__c", "Mention")
	p.furnish("rapport_mention__c")
	p.Lookup("rapport_mention__c", "rapport_case_link__c", "Case")
	p.Lookup("Case", "rapport_contact_link__c", "Contact")
	person, conversation, mention := sample("Contact")("rapport:person:1"), caseOf("rapport:conversation:1"), sample("rapport_mention")("rapport:mention:1")
	conversation.Links = []crm.Link{{Object: "Contact", Key: person.Key}}
	mention.Links = []crm.Link{{Object: "Case", Key: conversation.Key}, {Object: "Contact", Key: person.Key}} // no lookup to contacts
	lost := sample("rapport_mention")("rapport:mention:2")
	lost.Links = []crm.Link{{Object: "Case", Key: "rapport:conversation:absent"}}
	contact := p.upsert(t, person)[0]
	one := p.upsert(t, conversation)[0]
	two := p.upsert(t, mention, lost)
	if got := p.Row(one.ID)["rapport_contact_link__c"]; got != contact.ID {
		t.Errorf("the case refers to %v, want %s", got, contact.ID)
	}
	if got := p.Row(two[0].ID)["rapport_case_link__c"]; got != one.ID {
		t.Errorf("the mention refers to %v, want %s", got, one.ID)
	}
	if row := p.Row(two[1].ID); row["rapport_case_link__c"] != nil || row["rapport_text__c"] == nil {
		t.Errorf("a mention whose case is absent holds %v", row)
	}
	conversation.ID, conversation.Links = one.ID, []crm.Link{{Object: "Contact", ID: contact.ID, Label: "ContactId"}}
	p.upsert(t, conversation)
	if got := p.Row(one.ID)["ContactId"]; got != contact.ID {
		t.Errorf("a labelled link leads to %v", got)
	}
}

func TestRowErrors(t *testing.T) {
	p := open(t, twin.Options{BlockDuplicate: true})
	p.furnish("Contact")
	first := p.upsert(t, sample("Contact")("rapport:person:1"))[0]
	try := func(r crm.Record) crm.Outcome {
		out, err := p.crm.Upsert(ctx, p.account, []crm.Record{r, caseless("rapport:person:beside")})
		if err != nil || out[1].Err != nil {
			t.Fatalf("%+v, %v", out, err)
		}
		return out[0]
	}
	if o := try(sample("Contact")("rapport:person:2")); !fault.Is(o.Err, fault.Invalid) || !strings.Contains(o.Err.Error(), "duplicate rule") {
		t.Errorf("a blocking duplicate rule gives %v", o.Err)
	}
	p.Change(func(o *twin.Options) { o.BlockDuplicate = false })
	if o := try(sample("Contact")("rapport:person:2")); o.Err != nil {
		t.Errorf("a warning duplicate rule gives %v", o.Err)
	}
	taken := caseless("rapport:person:1")
	taken.ID = p.Create("Contact", map[string]any{"LastName": "by hand"})
	if o := try(taken); !fault.Is(o.Err, fault.Conflict) || o.ID != first.ID[:15] {
		t.Errorf("a taken key gives %+v, want Conflict that names %s", o, first.ID)
	}
	p.Lock("rapport:person:1", 1)
	r := sample("Contact")("rapport:person:1")
	if o := try(r); !fault.Is(o.Err, fault.Transient) || fault.After(o.Err) == 0 {
		t.Errorf("a locked row gives %v", o.Err)
	}
	if o := try(r); o.Err != nil || o.ID != first.ID {
		t.Errorf("after the lock %+v", o)
	}
	r.Fields["rapport_source"] = "nowhere"
	if o := try(r); !fault.Is(o.Err, fault.Invalid) {
		t.Errorf("a choice that is none gives %v", o.Err)
	}
}

// caseless is a contact with another name each, so that no duplicate rule sees it.
func caseless(key string) crm.Record {
	r := sample("Contact")(key)
	r.Fields["LastName"] = key
	return r
}

func TestLimits(t *testing.T) {
	p := open(t, twin.Options{LimitDaily: 10})
	p.furnish("Contact")
	r := []crm.Record{sample("Contact")("rapport:person:1")}
	p.Change(func(o *twin.Options) { o.Concurrent = true })
	if _, err := p.crm.Upsert(ctx, p.account, r); !fault.Is(err, fault.RateLimited) {
		t.Errorf("too many at once give %v", err)
	}
	p.Change(func(o *twin.Options) { o.Concurrent = false })
	p.Use(10)
	if _, err := p.crm.Upsert(ctx, p.account, r); !fault.Is(err, fault.QuotaExhausted) || fault.After(err) < time.Minute {
		t.Errorf("a day that is used up gives %v", err)
	}
	p.account.Settings["version"] = "30.0"
	if _, err := p.crm.Upsert(ctx, p.account, r); !fault.Is(err, fault.QuotaExhausted) {
		t.Errorf("another version gives %v", err)
	}
	p.Change(func(o *twin.Options) { o.LimitDaily = 1000 })
	if _, err := p.crm.Upsert(ctx, p.account, r); !fault.Is(err, fault.Drift) || !strings.Contains(err.Error(), "version") {
		t.Errorf("a version that has ended gives %v", err)
	}
}

func TestSessions(t *testing.T) {
	p := byAssertion(t, twin.Options{})
	p.furnish("Contact")
	r := sample("Contact")("rapport:person:1")
	p.upsert(t, r)
	p.upsert(t, r)
	if n := p.Grants(); n != 1 {
		t.Errorf("two calls logged in %d times", n)
	}
	p.clock.move(3 * time.Hour)
	p.account.Now = p.clock.now()
	if _, err := p.crm.Upsert(ctx, p.account, []crm.Record{r}); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("an ended session gives %v", err)
	}
	p.upsert(t, r)
	if n := p.Grants(); n != 2 {
		t.Errorf("after the end of the session there were %d log-ins, want 2", n)
	}
	p.account.Secrets["private_key"] = flow.NewSecret("not a key any more")
	if _, err := p.crm.Upsert(ctx, p.account, []crm.Record{r}); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a session outlives the credentials it was opened with: %v", err)
	}
	for name, change := range map[string]func(*place){
		"another user":     func(p *place) { p.account.Settings["username"] = "other@nordlicht.example" },
		"another app":      func(p *place) { p.account.Settings["client_id"] = "consumer-2" },
		"another audience": func(p *place) { p.account.Settings["audience"] = "https://test.salesforce.com" },
		"no key":           func(p *place) { p.account.Secrets["private_key"] = flow.NewSecret("-----BEGIN nothing") },
		"a late clock":     func(p *place) { p.account.Now = p.account.Now.Add(-time.Hour) },
		"another address": func(p *place) {
			p.Change(func(o *twin.Options) { o.Instance = "https://nordlicht.my.salesforce.example" })
		},
		"no credentials": func(p *place) { p.account.Secrets = nil },
	} {
		p := byAssertion(t, twin.Options{})
		change(&p)
		_, err := p.crm.Upsert(ctx, p.account, []crm.Record{r})
		if !fault.Is(err, fault.Unauthorized) || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s gives %v", name, err)
		}
		if n := p.Writes(); n != 0 {
			t.Errorf("%s wrote all the same", name)
		}
		if list, err := p.crm.Probe(ctx, p.account); err != nil || len(list) != 1 || list[0].OK || list[0].Mend == "" {
			t.Errorf("%s: the doctor says %+v, %v", name, list, err)
		}
	}
}

// TestConverted: the contact is written for a lead that was converted, known by id or key, then and later.
func TestConverted(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Lead")
	p.furnish("Contact")
	r := sample("Lead")("rapport:person:1")
	lead := p.upsert(t, r)[0].ID
	_, contact := p.Convert(lead)
	r.Fields["rapport_text"] = "after"
	byKey := p.upsert(t, r)[0]
	if byKey.ID != contact || byKey.MovedTo != "Contact" {
		t.Errorf("by key it is %+v, want contact %s", byKey, contact)
	}
	for _, id := range []string{lead, contact} {
		r.ID = id
		o := p.upsert(t, r)[0]
		row := p.Row(contact)
		if o.ID != contact || o.MovedTo != "Contact" || row["rapport_text__c"] != "after" || row["rapport_key__c"] != r.Key {
			t.Errorf("by id %s it is %+v, the contact holds %v", id, o, row)
		}
	}
	rows, err := p.crm.Read(ctx, p.account, "Lead", []string{"id:" + lead}, nil)
	if err != nil || rows[0].MergedInto != contact || rows[0].Object != "Contact" {
		t.Errorf("Read says %+v, %v", rows, err)
	}
}

func TestDays(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Contact")
	p.Field("Contact", "Birthdate", "date")
	p.Field("Contact", "Seen__c", "datetime")
	r := sample("Contact")("rapport:person:1")
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	r.Fields["Birthdate"], r.Fields["Seen__c"], r.Fields["rapport_at"] = day, day, day
	row := p.Row(p.upsert(t, r)[0].ID)
	if row["Birthdate"] != "2026-11-20" || row["Seen__c"] != "2026-11-20T00:00:00.000+0000" || row["rapport_at__c"] != row["Seen__c"] {
		t.Errorf("the record holds %v", row)
	}
	r.Fields["Birthdate"] = struct{}{}
	if out, err := p.crm.Upsert(ctx, p.account, []crm.Record{r}); err != nil || !fault.Is(out[0].Err, fault.Invalid) {
		t.Errorf("a value of no kind gives %v, %v", out, err)
	}
}

func TestReopened(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Case")
	r := caseOf("rapport:conversation:1")
	r.ID = p.upsert(t, r)[0].ID
	for _, want := range []string{"New", "Escalated"} {
		p.Edit(r.ID, map[string]any{"Status": "Closed"})
		r.Fields["Status"] = "waiting"
		p.upsert(t, r)
		if got := p.Row(r.ID)["Status"]; got != want {
			t.Errorf("a reopened case is %v, want %s", got, want)
		}
		p.account.Settings["waiting_statuses"] = []any{"Escalated"}
	}
}

func TestEraseDeletesOnlyWhatIsOurs(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Contact")
	p.furnish("Case")
	p.Object("rapport_mention__c", "Mention")
	p.furnish("rapport_mention__c")
	person, conversation, mention := sample("Contact")("rapport:person:1"), caseOf("rapport:conversation:1"), sample("rapport_mention")("rapport:mention:1")
	who := p.upsert(t, person)[0].ID
	what := p.upsert(t, conversation)[0].ID
	p.upsert(t, mention)
	conversation.Fields["rapport_no_more"] = nil // a field that is gone keeps nothing from being erased
	for range 2 {
		if err := p.crm.Erase(ctx, p.account, crm.Subject{Records: []crm.Record{person, conversation, mention}, Delete: true}); err != nil {
			t.Fatal(err)
		}
	}
	if row := p.Row(who); row["LastName"] != "(erased)" || row["rapport_text__c"] != nil || row["rapport_key__c"] != nil {
		t.Errorf("the contact holds %v", row)
	}
	if row := p.Row(what); row == nil || row["Subject"] != nil || row["rapport_key__c"] != nil {
		t.Errorf("the case holds %v", row)
	}
	if n := len(p.Rows("rapport_mention__c")); n != 0 {
		t.Errorf("%d mentions are left", n)
	}
}

func TestFind(t *testing.T) {
	p := open(t, twin.Options{})
	p.furnish("Contact")
	a := p.Create("Contact", map[string]any{"Email": "kundin@nordlicht.example", "Phone": "+49 30 901820"})
	b := p.Create("Contact", map[string]any{"MobilePhone": "00491713920000"})
	p.Create("Contact", map[string]any{"Phone": "+43 1713920000"})
	lead := p.Create("Lead", map[string]any{"Email": "kundin@nordlicht.example"})
	p.Convert(lead)
	find := func(object string, emails, phones []string) string {
		found, err := p.crm.Find(ctx, p.account, object, emails, phones)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range found {
			out = append(out, f.ID+" "+f.By)
		}
		return strings.Join(out, ", ")
	}
	contacts := find("Contact", []string{" Kundin@Nordlicht.example", "it's@nordlicht.example"}, []string{"+491713920000", "+4930901820"})
	if !strings.HasPrefix(contacts, a+" email") || !strings.HasSuffix(contacts, b+" phone") {
		t.Errorf("found %s", contacts)
	}
	p.furnish("Lead")
	if got := find("Lead", []string{"kundin@nordlicht.example"}, nil); got != "" {
		t.Errorf("a converted lead is found: %s", got)
	}
	if got := find("Contact", nil, nil); got != "" {
		t.Errorf("nothing asked, found %s", got)
	}
}
