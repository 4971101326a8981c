package salesforce_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/crm/salesforce"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/mapping"
	"rapport/shared/network"
	twin "rapport/shared/twin/salesforce"
)

// needs is what the default mapping wants of an org, and the mapping itself.
func needs(t *testing.T, persons bool, described map[string]crm.Object) (*mapping.Mapping, []crm.Object) {
	t.Helper()
	text := "version: 1\nbrands: [{name: nordlicht}]\ncrms:\n  - {name: sales, kind: salesforce}\n"
	if persons {
		text = strings.Replace(text, "salesforce}", "salesforce, settings: {person_accounts: true}}", 1)
	}
	doc, err := config.Load([]byte(text), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.New(doc, map[string]map[string]crm.Object{"sales": described}, map[string]crm.Info{"sales": salesforce.New().Info()})
	if err != nil {
		t.Fatal(err)
	}
	return m, m.Objects("sales")
}

// TestDefaultFromAnEmptyOrg: setup makes what the default mapping needs, in an org in which new fields are seen by nobody, and
// everything that the mapping writes is taken.
func TestDefaultFromAnEmptyOrg(t *testing.T) {
	for _, persons := range []bool{false, true} {
		p := open(t, twin.Options{PersonAccounts: persons, Admin: "00D000000000001!admin.4711"})
		p.account.Secrets["admin"] = flow.NewSecret("00D000000000001!admin.4711")
		_, need := needs(t, persons, nil)
		for range 2 {
			steps, err := p.crm.Apply(ctx, p.account, need)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range steps {
				if !s.Done || s.Error != nil {
					t.Errorf("step %+v", s)
				}
			}
		}
		described := map[string]crm.Object{}
		for _, o := range need {
			d, err := p.crm.Describe(ctx, p.account, o.Name)
			if err != nil {
				t.Fatal(err)
			}
			described[o.Name] = d
		}
		m, _ := needs(t, persons, described)
		env := story()
		person, api := "Contact", map[string]string{"rapport_mention": "rapport_mention__c"}
		if persons {
			person = "Account"
		}
		ids := map[string]string{}
		for _, kind := range flow.Kinds {
			r, err := m.For("sales", kind, "nordlicht")[0].Render(env)
			if err != nil || !r.OK || len(r.Problems) > 0 {
				t.Fatalf("%s: %v, %+v", kind, err, r.Problems)
			}
			ids[kind] = p.upsert(t, r.Record)[0].ID
			if again := p.upsert(t, r.Record)[0]; again.ID != ids[kind] || again.State != crm.Updated {
				t.Errorf("%s again gives %+v", kind, again)
			}
			name := r.Record.Object
			if api[name] != "" {
				name = api[name]
			}
			if n := len(p.Rows(name)); n != 1 {
				t.Errorf("%d records of %s", n, name)
			}
		}
		mention := p.Row(ids[flow.KindMention])
		if mention["rapport_case_link__c"] != ids[flow.KindConversation] || mention["rapport_"+strings.ToLower(person)+"_link__c"] != ids[flow.KindPerson] || mention["rapport_text__c"] != env.Mention.Text {
			t.Errorf("the mention holds %v", mention)
		}
		if got := p.Row(ids[flow.KindConversation])["rapport_"+strings.ToLower(person)+"_link__c"]; got != ids[flow.KindPerson] {
			t.Errorf("the case refers to person %v, want %s", got, ids[flow.KindPerson])
		}
		if who := p.Row(ids[flow.KindPerson]); persons && (who["RecordTypeId"] != "012000000000001AAA" || who["IsPersonAccount"] != true) {
			t.Errorf("the person account holds %v", who)
		}
	}
}

// story is a complaint of somebody whom an agent accepted.
func story() *decide.Env {
	author := flow.Author{ID: "mastodon:4711", Handle: "radlerin@velo.example", Name: "Radlerin", Counted: true, Followers: 1200, URL: "https://velo.example/@radlerin"}
	m := flow.Mention{ID: "mastodon:990", Network: "mastodon", Brand: "nordlicht", Kind: flow.Post, Direction: flow.In, Text: "Die Lampe ist kaputt.", Author: author, Permalink: "https://velo.example/@radlerin/990"}
	c := &flow.Conversation{ID: "mastodon:990~abc", Brand: "nordlicht", Network: "mastodon", Author: author, Status: flow.Waiting, Subject: "Complaint: Die Lampe ist kaputt", Priority: "high", Case: true, Source: "live",
		Turns: []flow.Turn{{Mention: m.ID, Direction: flow.In, By: author.Handle, Text: m.Text}}}
	p := &flow.Person{ID: "p1", Name: "Radlerin", Authors: []string{author.ID}, Accepted: map[string]bool{"sales": true}}
	d := decide.Decision{Outcome: "mention", Lang: "de", Sentiment: "negative", Complaint: true, Severity: 2, Priority: "high", Department: "service", Person: p.ID}
	return decide.EnvOf(m, d, c, p, config.Brand{Name: "nordlicht"}, "live")
}

// TestHiddenFields: what is there and not shown is one step, and needs no administrator to be told.
func TestHiddenFields(t *testing.T) {
	p := open(t, twin.Options{Admin: "00D000000000001!admin.4711"})
	need := []crm.Object{{Name: "Contact", Fields: []crm.Field{{Name: "rapport_score", Type: "number"}, {Name: "rapport_tone", Type: "choice", Choices: []crm.Choice{{Value: "calm", Label: "Calm"}}}}}}
	p.account.Secrets["admin"] = flow.NewSecret("00D000000000001!admin.4711")
	if _, err := p.crm.Apply(ctx, p.account, need); err != nil {
		t.Fatal(err)
	}
	p.upsert(t, crm.Record{Object: "Contact", Key: "rapport:person:1", Fields: map[string]any{"LastName": "x", "rapport_score": 3.5, "rapport_tone": "calm"}})
	need[0].Fields[1].Choices = append(need[0].Fields[1].Choices, crm.Choice{Value: "angry", Label: "Angry"})
	steps, err := p.crm.Plan(ctx, p.account, need)
	open := func(steps []crm.Step) (names []string) {
		for _, s := range steps {
			if !s.Done {
				names = append(names, s.Name)
			}
		}
		return names
	}
	if err != nil || !slices.Equal(open(steps), []string{"Contact.rapport_tone"}) {
		t.Errorf("a missing choice gives %v, %v", open(steps), err)
	}
	if steps, err = p.crm.Apply(ctx, p.account, need); err != nil || open(steps) != nil {
		t.Errorf("after Apply there is to do %v, %v", open(steps), err)
	}
	p.upsert(t, crm.Record{Object: "Contact", Key: "rapport:person:1", Fields: map[string]any{"rapport_tone": "angry"}})

	q := open2(t)
	q.Field("Contact", "rapport_score__c", "string")
	q.Field("Contact", "rapport_key__c", "string")
	steps, err = q.crm.Apply(ctx, q.account, need)
	failed := 0
	for _, s := range steps {
		if fault.Is(s.Error, fault.Conflict) {
			failed++
		}
	}
	if err != nil || failed != 2 { // a score of text, a key that is not unique
		t.Errorf("the steps are %+v, %v", steps, err)
	}
}

func open2(t *testing.T) place { return open(t, twin.Options{Visible: true}) }

// TestSurroundings: setup lists what in the org will act on our records, and what they take of the storage.
func TestSurroundings(t *testing.T) {
	p := open(t, twin.Options{Visible: true, StorageMB: 20})
	p.Rule("FlowDefinitionView", map[string]any{"Label": "Escalate", "TriggerObjectOrEventLabel": "Case", "IsActive": true})
	p.Rule("FlowDefinitionView", map[string]any{"Label": "Sort", "TriggerObjectOrEventLabel": "Rapport mention", "IsActive": true})
	p.Rule("FlowDefinitionView", map[string]any{"Label": "Old", "TriggerObjectOrEventLabel": "Case", "IsActive": false})
	p.Rule("ApexTrigger", map[string]any{"Name": "CaseAlarm", "TableEnumOrId": "Case", "Status": "Active"})
	p.Rule("ApexTrigger", map[string]any{"Name": "AssetAlarm", "TableEnumOrId": "Asset", "Status": "Active"})
	p.Rule("AssignmentRule", map[string]any{"Name": "Standard", "SobjectType": "Case", "Active": true})
	p.Rule("DuplicateRule", map[string]any{"DeveloperName": "Same_Name", "SobjectType": "Contact", "IsActive": true})
	p.Rule("ValidationRule", map[string]any{"ValidationName": "Needs_Origin", "EntityDefinition.QualifiedApiName": "Case", "Active": true})
	p.AutoResponse("Case", "Thanks")
	_, need := needs(t, false, nil)
	told := func() string {
		steps, err := p.crm.Plan(ctx, p.account, need)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, s := range steps {
			if s.What != "field" && s.What != "object" && s.What != "permission set" {
				list = append(list, s.What+" "+s.Name)
			}
			if s.What == "storage" {
				list = append(list, s.Why)
			}
		}
		return strings.Join(list, "\n")
	}
	got := told()
	for _, want := range []string{"flow Case.Escalate\n", "trigger Case.CaseAlarm\n", "assignment rule Case.Standard\n", "duplicate rule Contact.Same_Name\n", "validation rule Case.Needs_Origin\n", "auto-response rule Case.Thanks\n", "counts 2 KB; 19 of 20 MB are free, room for 9728 records"} {
		if !strings.Contains(got, want) {
			t.Errorf("setup does not tell %q of\n%s", want, got)
		}
	}
	if strings.Contains(got, "Old") || strings.Contains(got, "Asset") {
		t.Errorf("setup tells of what does not touch us:\n%s", got)
	}
	if _, err := p.crm.Apply(ctx, p.account, need); err != nil {
		t.Fatal(err)
	}
	var records []crm.Record
	for i := range 30 {
		records = append(records, crm.Record{Object: "rapport_mention", Key: "rapport:mention:x:" + string(rune('A'+i)), Fields: map[string]any{"rapport_text": "x"}})
	}
	p.upsert(t, records...)
	if got := told(); !strings.Contains(got, "flow Rapport mention.Sort") {
		t.Errorf("setup does not tell of a flow on our own object, which goes by its label:\n%s", got)
	}
	if got := told(); !strings.Contains(got, "30 of the last 30 days: at that pace it is full in 26 years") {
		t.Errorf("the forecast is\n%s", got)
	}
	p.Change(func(o *twin.Options) { o.ForbidRules = true })
	if got := told(); !strings.Contains(got, "validation rule unknown") || !strings.Contains(got, "auto-response rule unknown") {
		t.Errorf("what cannot be read is not told:\n%s", got)
	}
}

// TestExport: the project is well formed, complete in itself, and what it shows to people is there.
func TestExport(t *testing.T) {
	for _, persons := range []bool{false, true} {
		_, need := needs(t, persons, nil)
		files, err := salesforce.New().Export(crm.Account{Name: "sales"}, need)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := salesforce.New().Export(crm.Account{Name: "sales"}, need)
		const root = "force-app/main/default/"
		for name, data := range files {
			if string(again[name]) != string(data) {
				t.Errorf("%s is another one each time", name)
			}
			if strings.HasSuffix(name, ".xml") {
				wellFormed(t, name, data)
			}
		}
		person := map[bool]string{false: "Contact", true: "Account"}[persons]
		for _, want := range []string{"sfdx-project.json", "README.md", "manifest/package.xml", root + "objects/Case/fields/rapport_key__c.field-meta.xml", root + "objects/rapport_mention__c/rapport_mention__c.object-meta.xml",
			root + "objects/rapport_mention__c/fields/rapport_case_link__c.field-meta.xml", root + "objects/" + person + "/fields/rapport_score__c.field-meta.xml", root + "objects/Case/listViews/Rapport_by_due_time.listView-meta.xml",
			root + "objects/rapport_mention__c/listViews/Rapport_by_score.listView-meta.xml", root + "objects/rapport_reply__c/fields/rapport_text__c.field-meta.xml", root + "layouts/Case-Rapport Case Layout.layout-meta.xml",
			root + "layouts/rapport_mention__c-Rapport mention Layout.layout-meta.xml", root + "permissionsets/Rapport.permissionset-meta.xml", root + "permissionsets/Rapport_Agent.permissionset-meta.xml",
			root + "reports/Rapport/Rapport_mentions_by_score.report-meta.xml", root + "reports/Rapport/Rapport_cases_by_due_time.report-meta.xml", root + "reports/Rapport.reportFolder-meta.xml", root + "reportTypes/Rapport_Mentions.reportType-meta.xml"} {
			if files[want] == nil {
				t.Errorf("there is no %s", want)
			}
		}
		key := string(files[root+"objects/Case/fields/rapport_key__c.field-meta.xml"])
		for _, want := range []string{"<caseSensitive>true<", "<externalId>true<", "<unique>true<", "<length>255<", "<type>Text<"} {
			if !strings.Contains(key, want) {
				t.Errorf("the key's field lacks %s:\n%s", want, key)
			}
		}
		refers(t, root, files)
		agents := string(files[root+"permissionsets/Rapport_Agent.permissionset-meta.xml"])
		if !strings.Contains(agents, "<editable>true</editable>\n        <field>rapport_reply__c.rapport_text__c<") || !strings.Contains(agents, "<editable>false</editable>\n        <field>Case.rapport_key__c<") {
			t.Errorf("agents may change what is ours, or cannot answer:\n%s", agents)
		}
		if page := string(files[root+"layouts/Case-Rapport Case Layout.layout-meta.xml"]); !strings.Contains(page, "<relatedList>rapport_mention__c.rapport_case_link__c<") || !strings.Contains(page, "<relatedList>rapport_reply__c.rapport_case_link__c<") {
			t.Errorf("the page of cases lists no mentions or answers:\n%s", page)
		}
	}
}

func wellFormed(t *testing.T, name string, data []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(data)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// refers checks that what pages, views and permission sets name as ours is made by the project.
func refers(t *testing.T, root string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		rest := string(data)
		object, _, _ := strings.Cut(strings.TrimPrefix(name, root+"objects/"), "/")
		if strings.HasPrefix(name, root+"layouts/") {
			object, _, _ = strings.Cut(strings.TrimPrefix(name, root+"layouts/"), "-")
		}
		for _, tag := range []string{"field", "columns"} {
			for _, part := range strings.Split(rest, "<"+tag+">")[1:] {
				field, _, _ := strings.Cut(part, "<")
				field = strings.Replace(strings.TrimSpace(field), "$", ".", 1)
				if !strings.HasSuffix(field, "__c") || strings.HasPrefix(name, root+"reportTypes/") {
					continue
				}
				if !strings.Contains(field, ".") {
					field = object + "." + field
				}
				o, f, _ := strings.Cut(field, ".")
				if files[root+"objects/"+o+"/fields/"+f+".field-meta.xml"] == nil {
					t.Errorf("%s names %s, which the project does not make", name, field)
				}
			}
		}
	}
}

func TestProbe(t *testing.T) {
	p := open(t, twin.Options{Visible: true, LimitDaily: 1000})
	bad := func() (list []string) {
		found, err := p.crm.Probe(ctx, p.account)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.OK == (f.Mend != "") {
				t.Errorf("a finding is %+v", f)
			}
			if !f.OK {
				list = append(list, f.What+" "+f.Say)
			}
		}
		return list
	}
	if got := bad(); len(got) != 4 {
		t.Errorf("an org without setup gives %q", got)
	}
	_, need := needs(t, false, nil)
	if _, err := p.crm.Apply(ctx, p.account, need); err != nil {
		t.Fatal(err)
	}
	if got := bad(); got != nil {
		t.Errorf("after setup the doctor says %q", got)
	}
	p.account.Settings["queue"] = "No_Such_Queue"
	p.account.Settings["version"] = "66.0"
	p.Use(850)
	if got := bad(); len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "No_Such_Queue") || !strings.Contains(strings.Join(got, "\n"), "calls of the rolling day") {
		t.Errorf("the doctor says %q", got)
	}
	p.account.Secrets["token"] = flow.NewSecret("another-token-4711")
	var _ network.Prober = p.crm
	if got := bad(); len(got) != 1 {
		t.Errorf("with a wrong token: %q", got)
	}
}
