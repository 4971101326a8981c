package mapping

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was made with testdata/<name>.json.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		kind, settings, name string
		change               func(*decide.Env)
	}{
		{"hubspot", "", "hubspot-stranger", nil},
		{"hubspot", "", "hubspot-accepted", func(e *decide.Env) { e.Person.Accepted = map[string]bool{"sales": true} }},
		{"hubspot", "settings: {custom_objects: true}", "hubspot-custom", func(e *decide.Env) {
			e.Person.Links = []flow.Link{{To: "sales", Object: "contacts", Record: "501"}}
		}},
		{"sink", "", "sink", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := config.Load([]byte("brands: [{name: nordlicht}]\ncrms:\n  - name: sales\n    kind: "+c.kind+"\n    "+c.settings+"\n"), config.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := New(doc, nil, map[string]crm.Info{"sales": hubspot})
			if err != nil {
				t.Fatal(err)
			}
			env := sample()
			if c.change != nil {
				c.change(env)
			}
			var records []crm.Record
			for _, kind := range flow.Kinds {
				for _, target := range m.For("sales", kind, "nordlicht") {
					r, err := target.Render(env)
					if err != nil {
						t.Fatal(err)
					}
					if len(r.Problems) > 0 {
						t.Errorf("%s: %v", target.Object(), r.Problems)
					}
					if r.OK {
						records = append(records, r.Record)
					}
				}
			}
			golden(t, c.name, records)
		})
	}
}

// TestDefaultsWorkAfterSetup describes to the compiler what setup made, with the CRM's own fields beside.
func TestDefaultsWorkAfterSetup(t *testing.T) {
	doc := load(t, "hubspot", "")
	doc.CRMs[0].Settings = map[string]any{"custom_objects": true}
	infos := map[string]crm.Info{"sales": hubspot}
	m, err := New(doc, nil, infos)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "hubspot-setup", m.Objects("sales"))
	portal := map[string]crm.Object{}
	for _, o := range m.Objects("sales") {
		portal[o.Name] = o
	}
	contacts, tickets := portal["contacts"], portal["tickets"]
	contacts.Fields = append(contacts.Fields, crm.Field{Name: "lastname", Label: "Last name", Type: "text"})
	tickets.Fields = append(tickets.Fields, crm.Field{Name: "subject", Type: "text"}, crm.Field{Name: "content", Type: "longtext"}, crm.Field{Name: "hs_pipeline_stage", Type: "choice", Choices: []crm.Choice{{Value: "3"}, {Value: "waiting"}}})
	portal["contacts"], portal["tickets"] = contacts, tickets
	if m, err = New(doc, map[string]map[string]crm.Object{"sales": portal}, infos); err != nil {
		t.Fatal(err)
	}
	env := sample()
	env.Person.Accepted = map[string]bool{"sales": true}
	for _, kind := range flow.Kinds {
		r, err := m.For("sales", kind, "nordlicht")[0].Render(env)
		if err != nil || !r.OK || len(r.Problems) > 0 {
			t.Errorf("%s: %v, %+v", kind, err, r.Problems)
		}
		if r.Record.Fields[SourceField] != "live" {
			t.Errorf("%s does not tell its source", kind)
		}
	}
}

func TestDefaultsLeaveForeignFieldsAlone(t *testing.T) {
	doc := load(t, "hubspot", "")
	m, err := New(doc, nil, map[string]crm.Info{"sales": hubspot})
	if err != nil {
		t.Fatal(err)
	}
	env := sample()
	contact := m.For("sales", flow.KindPerson, "nordlicht")[0]
	if r, err := contact.Render(env); err != nil || r.OK {
		t.Errorf("a stranger becomes a contact: %+v, %v", r.Record, err)
	}
	env.Person.Links = []flow.Link{{To: "other", Object: "contacts", Record: "7"}, {To: "sales", Object: "contacts", Record: "501"}}
	r, err := contact.Render(env)
	if err != nil || !r.OK || r.Record.ID != "501" {
		t.Fatalf("%+v, %v", r, err)
	}
	for name := range r.Record.Fields {
		if !isOurs(name) {
			t.Errorf("%s of an existing contact is touched", name)
		}
	}
	for _, kind := range flow.Kinds {
		for _, target := range m.For("sales", kind, "") {
			for _, mark := range target.Marks() {
				if !isOurs(mark.Field) && !mark.Once && mark.Field != "hs_pipeline_stage" { // a closed ticket to which the author comes back
					t.Errorf("%s.%s is not ours and not for creation only", target.Object(), mark.Field)
				}
			}
		}
	}
}

func TestFor(t *testing.T) {
	m := compile(t, "test", `mapping:
  - {crm: sales, object: a, for: mention, fields: {x: text}}
  - {crm: sales, object: b, for: mention, brands: [nordlicht], fields: {x: text}}
  - {crm: sales, object: c, for: mention, brands: [suedwind], fields: {x: text}}
  - {crm: sales, object: d, for: person, fields: {x: person.name}}
`, nil, hubspot)
	for _, c := range []struct{ account, kind, brand, want string }{
		{"sales", "mention", "nordlicht", "a b"}, {"sales", "mention", "suedwind", "a c"}, {"sales", "person", "suedwind", "d"},
		{"sales", "conversation", "suedwind", ""}, {"other", "mention", "suedwind", ""},
	} {
		var got []string
		for _, target := range m.For(c.account, c.kind, c.brand) {
			got = append(got, target.Object())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestValues(t *testing.T) {
	fields := []crm.Field{
		{Name: "rapport_key", Type: "text", Unique: true}, {Name: "text", Type: "text", Max: 30}, {Name: "long", Type: "longtext"}, {Name: "page", Type: "html"},
		{Name: "number", Type: "number"}, {Name: "integer", Type: "integer"}, {Name: "flag", Type: "flag"}, {Name: "date", Type: "date"}, {Name: "time", Type: "time"},
		{Name: "choice", Type: "choice", Choices: []crm.Choice{{Value: "1", Label: "Low"}, {Value: "2", Label: "High"}, {Value: "3", Label: "Same"}, {Value: "4", Label: "Same"}}},
		{Name: "choices", Type: "choices", Choices: []crm.Choice{{Value: "l", Label: "lampe"}, {Value: "service", Label: "Service"}}},
		{Name: "owner", Type: "reference", Choices: []crm.Choice{{Value: "77", Label: "service@nordlicht.example"}}},
		{Name: "url", Type: "url", Max: 20},
	}
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		field, expression string
		want              any
		problem           string
	}{
		{"text", `author.name`, "Frieda", ""},
		{"text", `mention.likes`, "3", ""},
		{"text", `2.50`, "2.5", ""},
		{"text", `mention.private`, "false", ""},
		{"text", `mention.created`, "2026-11-21T09:30:00Z", ""},
		{"text", `mention.tags`, "lampe; service", ""},
		{"text", `mention.kind`, "post", ""},
		{"text", `"a\u0000b"`, "ab", ""},
		{"text", `text`, "Die Lampe von @nordlicht ist…", ""},
		{"long", `mention.extra.missing`, nil, ""},
		{"page", `"<b>Hallo & Moin</b>\nDu"`, "&lt;b&gt;Hallo &amp; Moin&lt;/b&gt;<br>Du", ""},
		{"number", `mention.extra.sentiment`, -0.7, ""},
		{"number", `float("1.5")`, 1.5, ""},
		{"number", `mention.extra.sentiment / 0`, nil, "finite"},
		{"integer", `mention.likes + 2*mention.shares + 3*mention.comments`, 10, ""},
		{"integer", `4 / 2`, 2, ""},
		{"integer", `5 / 2`, nil, "round"},
		{"integer", `float("1e300")`, nil, "too large"},
		{"flag", `complaint`, true, ""},
		{"flag", `mention.extra.sentiment`, nil, "true or false"},
		{"date", `mention.created`, at.Truncate(24 * time.Hour), ""},
		{"time", `mention.created`, at, ""},
		{"time", `iso(mention.created)`, at, ""},
		{"time", `mention.edited`, nil, ""},
		{"time", `author.name`, nil, "a time such as"},
		{"choice", `priority`, "2", ""},
		{"choice", `"Low"`, "1", ""},
		{"choice", `author.name`, nil, "none of the field's choices: 1, 2, 3, 4"},
		{"choice", `author.name == "" ? "" : author.bio`, nil, ""},
		{"choice", `trim("Same ")`, nil, "several choices"},
		{"choices", `mention.tags`, "l;service", ""},
		{"choices", `"service; l"`, "service;l", ""},
		{"owner", `"service@nordlicht.example"`, "77", ""},
		{"url", `author.url`, nil, "longer than the 20 runes"},
		{"text", `mention.extra.sentiment < mention.extra.missing ? "a" : "b"`, nil, "invalid operation"},
	} {
		r := one(t, c.field+": '"+c.expression+"'", fields, crm.Info{KeyField: "rapport_key"}, nil)
		got, written := r.Record.Fields[c.field]
		switch {
		case c.problem != "" && (written || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Say, c.problem)):
			t.Errorf("%s: %s gives %v with %v, want the problem %q", c.field, c.expression, got, r.Problems, c.problem)
		case c.problem == "" && (!written || len(r.Problems) > 0 || fmt.Sprintf("%T %v", got, got) != fmt.Sprintf("%T %v", c.want, c.want)):
			t.Errorf("%s: %s gives %T %v with %v, want %v", c.field, c.expression, got, got, r.Problems, c.want)
		}
	}
}

func TestMarksAndKeys(t *testing.T) {
	r := one(t, `
a: text
b: {value: text, wins: rapport}
c: {value: text, once: true}
d: {value: text, shared: true}`, nil, hubspot, nil)
	if !slices.Equal(r.Human, []string{"a", "d"}) || !slices.Equal(r.Once, []string{"c"}) || !slices.Equal(r.Shared, []string{"d"}) {
		t.Errorf("human %v, once %v, shared %v", r.Human, r.Once, r.Shared)
	}
	if r.Record.KeyField != DefaultKey || r.Record.Key != "rapport:mention:mastodon:990" || r.Record.Object != "note" {
		t.Errorf("%+v", r.Record)
	}
	if _, ok := r.Record.Fields[DefaultKey]; ok {
		t.Error("the key stands twice")
	}
	r = one(t, "ExternalId: mention.id", nil, crm.Info{KeyField: "ExternalId"}, nil)
	if r.Record.Key != "mastodon:990" || r.Record.KeyField != "ExternalId" || r.Record.Fields["ExternalId"] != "mastodon:990" {
		t.Errorf("a key that is mapped: %+v", r.Record)
	}
}

func TestNoRecord(t *testing.T) {
	m := compile(t, "test", `mapping:
  - {crm: sales, object: a, for: mention, when: severity > 2, fields: {x: text}}
  - {crm: sales, object: b, for: conversation, fields: {x: text}}
  - {crm: sales, object: c, for: mention, when: mention.extra.missing > 1, fields: {x: text}}
  - {crm: sales, object: d, for: mention, key: y, fields: {y: mention.edited}}
`, nil, hubspot)
	mentions := m.For("sales", "mention", "nordlicht")
	if r, err := mentions[0].Render(sample()); err != nil || r.OK {
		t.Errorf("a condition that does not hold: %+v, %v", r, err)
	}
	for _, target := range []*Target{m.For("sales", "conversation", "nordlicht")[0], mentions[1], mentions[2]} {
		env := sample()
		env.Conversation = flow.Conversation{}
		if r, err := target.Render(env); fault.Of(err) != fault.Invalid || r.OK {
			t.Errorf("%s: %+v, %v", target.Object(), r, err)
		}
	}
}

func TestDeletedMentionsAreBlank(t *testing.T) {
	r := one(t, `
a: text
b: mention.text
c: decision.safe
d: 'join(mention.tags, ";")'
e: 'join(map(conversation.turns, .text), "|")'
f: mention.deleted
g: mention.extra.sentiment`, nil, hubspot, func(e *decide.Env) {
		e.Mention.Deleted, e.Decision.Safe, e.Conversation.Turns[0].Deleted = true, "safe", true
	})
	want := map[string]any{"a": "", "b": "", "c": "", "d": "", "e": "|Das tut uns leid!", "f": true, "g": nil}
	for name, v := range want {
		if r.Record.Fields[name] != v {
			t.Errorf("%s = %v", name, r.Record.Fields[name])
		}
	}
	env := sample()
	env.Mention.Deleted = true
	before := env.Mention.Text
	if (&Target{}).see(env); env.Mention.Text != before {
		t.Error("the caller's environment was changed")
	}
}

func TestLinks(t *testing.T) {
	const text = `mapping:
  - {crm: sales, object: people, for: person, when: crm.accepted, fields: {x: person.name}}
  - {crm: sales, object: cases, for: conversation, when: conversation.case, fields: {x: text}, links: [{to: person, label: author}]}
  - {crm: sales, object: notes, for: mention, fields: {x: text}, links: [{to: conversation}, {to: person}]}
`
	m := compile(t, "test", text, nil, hubspot)
	note := m.For("sales", "mention", "nordlicht")[0]
	for _, c := range []struct {
		name   string
		change func(*decide.Env)
		want   []crm.Link
	}{
		{"a case", func(*decide.Env) {}, []crm.Link{{Object: "cases", Key: "rapport:conversation:c1"}}},
		{"no conversation", func(e *decide.Env) { e.Conversation = flow.Conversation{Case: true} }, nil},
		{"no case", func(e *decide.Env) { e.Conversation.Case = false }, nil},
		{"an accepted person", func(e *decide.Env) { e.Conversation.Case, e.Person.Accepted = false, map[string]bool{"sales": true} },
			[]crm.Link{{Object: "people", Key: "rapport:person:p1"}}},
		{"a person with a record", func(e *decide.Env) {
			e.Conversation, e.Person.Links = flow.Conversation{}, []flow.Link{{To: "sales", Object: "contacts", Record: "501"}}
		}, []crm.Link{{Object: "contacts", ID: "501"}}},
	} {
		env := sample()
		c.change(env)
		r, err := note.Render(env)
		if err != nil || !slices.Equal(r.Record.Links, c.want) {
			t.Errorf("%s: %+v, %v", c.name, r.Record.Links, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	described := map[string]crm.Object{
		"tickets": {Name: "tickets", Label: "Ticket", Fields: []crm.Field{
			{Name: "subject", Label: "Ticket name", Type: "text"}, {Name: "hs_number", Label: "Number", Type: "integer"}, {Name: "sum", Label: "Number", Type: "number"},
			{Name: "open", Label: "Open", Type: "flag"}, {Name: "created", Label: "Created", Type: "time", ReadOnly: true}, {Name: "due", Label: "Due", Type: "time"},
			{Name: "prio", Label: "Priority", Type: "choice", Choices: []crm.Choice{{Value: "HIGH", Label: "High"}, {Value: "LOW", Label: "Low"}}},
		}},
		"x1": {Name: "x1", Label: "Double"}, "x2": {Name: "x2", Label: "Double"},
	}
	const text = `mapping:
  - crm: sales
    object: ticket
    for: conversation
    when: conversation.status
    key: subject
    fields:
      Ticket name: conversation.subjct
      Number: severity
      hs_number: '"many"'
      open: {value: severity, once: true}
      created: mention.created
      due: complaint
      priority: 'severity > 1 ? "High" : "Lwo"'
      subjekt: text
      rapport_x: author
    links: [{to: mention}, {to: conversation}, {to: person}]
  - {crm: sales, object: tickts, for: mention, fields: {x: text}}
  - {crm: sales, object: double, for: mention, fields: {x: text}}
  - {crm: sales, object: Ticket, for: person, fields: {subject: text, Ticket name: text}}
`
	doc := load(t, "test", text)
	doc.CRMs[0].Modes = map[string]string{"ticket": "write"}
	_, err := New(doc, map[string]map[string]crm.Object{"sales": described}, map[string]crm.Info{"sales": hubspot})
	var list config.Errors
	if !errors.As(err, &list) {
		t.Fatal(err)
	}
	want, ferr := os.ReadFile("testdata/mistakes.txt")
	if *update {
		want, ferr = []byte(list.Error()+"\n"), os.WriteFile("testdata/mistakes.txt", []byte(list.Error()+"\n"), 0o644)
	}
	if ferr != nil {
		t.Fatal(ferr)
	}
	if got := list.Error() + "\n"; got != string(want) {
		t.Errorf("got\n%s", got)
	}
}

func TestNoMapping(t *testing.T) {
	_, err := New(load(t, "unheard", ""), nil, nil)
	if err == nil || err.Error() != `rapport.yaml:4:5: crms[0]: nothing under mapping is for sales, and "unheard" has no default mapping` {
		t.Error(err)
	}
}

func TestWhatIsKnownOfTheCRM(t *testing.T) {
	const text = "mapping: [{crm: sales, object: tickets, for: mention, fields: {subject: text, x: text}}]"
	infos := map[string]crm.Info{"sales": hubspot}
	for _, c := range []struct {
		name    string
		objects map[string]crm.Object
		want    string
		fields  int
	}{
		{"nothing", nil, "", 2},
		{"another object", map[string]crm.Object{"contacts": {Fields: []crm.Field{{Name: "lastname"}}}}, "", 2},
		{"all objects by name", map[string]crm.Object{"contacts": {}, "tickets": {}}, "", 2},
		{"all objects by name, not this one", map[string]crm.Object{"contacts": {}, "ticket": {}}, `sales has no object "tickets"; did you mean "ticket"?`, 2},
		{"its fields", map[string]crm.Object{"tickets": {Fields: []crm.Field{{Name: "subject"}}}}, `tickets has no field "x"`, 1},
	} {
		m, err := New(load(t, "test", text), map[string]map[string]crm.Object{"sales": c.objects}, infos)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		r, err := m.For("sales", "mention", "nordlicht")[0].Render(sample())
		if err != nil || len(r.Record.Fields) != c.fields {
			t.Errorf("%s: %v, %v", c.name, r.Record.Fields, err)
		}
	}
}

func TestKeyField(t *testing.T) {
	for _, c := range []struct{ settings, key, info, want string }{
		{"", "", "rapport_key", "rapport_key"}, {"{key_field: other}", "", "rapport_key", "other"}, {"{id_field: ExternalId}", "", "", "ExternalId"},
		{"{key_field: other}", "third", "rapport_key", "third"}, {"", "", "", ""},
	} {
		doc := load(t, "test", "mapping: [{crm: sales, object: a, for: mention, fields: {x: text}}]")
		if c.settings != "" {
			name, value, _ := strings.Cut(strings.Trim(c.settings, "{}"), ": ")
			doc.CRMs[0].Settings = map[string]any{name: value}
		}
		doc.Mapping[0].Key = c.key
		m, err := New(doc, nil, map[string]crm.Info{"sales": {KeyField: c.info}})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.For("sales", "mention", "nordlicht")[0].KeyField(); got != c.want {
			t.Errorf("%+v: the key field is %q", c, got)
		}
	}
}
