package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// connectors is what two kinds want, as plain data.
var connectors = map[string]Connector{
	"mastodon": {
		Settings: []Setting{{Name: "tags", Type: "list"}, {Name: "limit", Type: "number"}},
		Secrets:  []Setting{{Name: "token", Required: true}},
	},
	"hook": {
		Settings:    []Setting{},
		Hook:        []Setting{{Name: "header", Type: "text", Required: true}, {Name: "algorithm", Type: "choice", Choices: []string{"sha1", "sha256"}}, {Name: "fields"}},
		HookSecrets: []Setting{{Name: "secret", Required: true}},
		CheckHook: func(s map[string]any) []error {
			if f, _ := s["fields"].(map[string]any); f["text"] == "bad" {
				return []error{errors.New("fields.text: unknown name bad")}
			}
			return nil
		},
	},
	"hubspot": {CRM: true, Settings: []Setting{{Name: "pipeline", Type: "text"}, {Name: "stage", Type: "text"}}, Secrets: []Setting{{Name: "token", Required: true}}},
}

const good = `version: 1
brands:
  - name: nordlicht
    languages: [de, en]
    calendar: {zone: Europe/Berlin, country: DE-BY, hours: {mon: 09:00-17:30, fri: 09:00-24:00}, holidays: [2026-12-24]}
    sla: {urgent: 30m, normal: 8h}
    numbers: {order_number: 'NL-\d{6}'}
hooks:
  - {name: monitor, kind: hook, settings: {header: X-Signature, algorithm: sha256, fields: {text: item.text}}, secrets: {secret: env:MONITOR}}
networks:
  - {name: social, kind: mastodon, origin: https://social.example/, id: 4711, every: 2m, settings: {tags: [nordlicht], limit: 40}, secrets: {token: env:MASTODON}}
  - {name: listening, kind: hook, hook: monitor}
crms:
  - name: sales
    kind: hubspot
    mode: observe
    modes: {tickets/nordlicht: write}
    settings: {pipeline: "0", stage: "1"}
    secrets: {token: aws:/rapport/hubspot}
mapping:
  - crm: sales
    object: tickets
    for: conversation
    fields:
      subject: conversation.subject
      rapport_score: {value: person.score.total, wins: rapport}
      rapport_note: {value: text, once: true, shared: true}
filters:
  - {name: jobs, when: '"job" in intents'}
routing:
  - {name: vip, when: severity > 2, department: service, priority: urgent}
score: {half_life: 720h, max: {reach: 30, resonance: 25, connectedness: 15, relevance: 15, role: 15}}
basis: {marketing: consent}
retain: {content: 8760h}
environments:
  test:
    accounts:
      sales: {origin: https://sandbox.example, mode: write, settings: {pipeline: "7"}, secrets: {token: env:SANDBOX}}
    hooks:
      monitor: {secrets: {secret: env:MONITOR_TEST}}
`

func TestLoad(t *testing.T) {
	doc, err := Load([]byte(good), Options{File: "rapport.yaml", Connectors: connectors})
	if err != nil {
		t.Fatal(err)
	}
	if a, _ := doc.Network("social"); a.ID != "4711" || a.Origin != "https://social.example" || a.Brand != "nordlicht" || a.Settings["limit"] != 40 {
		t.Errorf("social = %+v", a)
	}
	f := doc.Mapping[0].Fields
	if f["subject"] != (Field{Value: "conversation.subject"}) || f["rapport_score"] != (Field{Value: "person.score.total", Wins: "rapport"}) || !f["rapport_note"].Once || !f["rapport_note"].Shared {
		t.Errorf("fields = %+v", f)
	}
	if line, column := doc.Where("mapping[0].fields.subject"); line != 25 || column != 16 {
		t.Errorf("subject stands at %d:%d", line, column)
	}
	if line, _ := doc.Where("mapping[0].fields.missing"); line != 25 {
		t.Errorf("a missing field is looked for in line %d", line)
	}
	e := doc.Mistake("mapping[0].fields.subject", "no such name", "subject", 1, 14)
	if got := e.Error(); got != `rapport.yaml:25:29: mapping[0].fields.subject: no such name; did you mean "subject"?` {
		t.Error(got)
	}
}

func TestOverlay(t *testing.T) {
	plain, err := Load([]byte(good), Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := Load([]byte(good), Options{Env: "test", Connectors: connectors})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := doc.CRM("sales")
	if a.Mode != "write" || a.Modes["tickets/nordlicht"] != "write" || a.Settings["pipeline"] != "7" || a.Settings["stage"] != "1" || a.Secrets["token"] != "env:SANDBOX" || a.Kind != "hubspot" {
		t.Errorf("sales = %+v", a)
	}
	if h, _ := doc.Hook("monitor"); h.Secrets["secret"] != "env:MONITOR_TEST" || h.Settings["header"] != "X-Signature" {
		t.Errorf("monitor = %+v", h)
	}
	if doc.Hash == plain.Hash {
		t.Error("two environments have one hash")
	}
	_, err = Load([]byte(good), Options{File: "r.yaml", Env: "tset"})
	if err == nil || !strings.Contains(err.Error(), `r.yaml:36:3: environments: there is no environment "tset"; did you mean "test"?`) {
		t.Error(err)
	}
}

func TestHashIsOfTheContent(t *testing.T) {
	same := strings.NewReplacer(
		"version: 1\n", "# a remark\nversion: 1\n",
		"brands:\n  - name: nordlicht\n    languages: [de, en]", "brands:\n  - languages: [de, \"en\"]\n    name: 'nordlicht'").Replace(good)
	a, err := Load([]byte(good), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Load([]byte(same), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash != b.Hash || len(a.Hash) != 16 {
		t.Errorf("%q and %q", a.Hash, b.Hash)
	}
	for _, change := range []string{"8h|9h", "30m|31m", "conversation.subject|conversation.id", "shared: true|shared: false", "aws:/rapport/hubspot|aws:/rapport/other",
		"8760h|760h", "720h|700h", "reach: 30, resonance: 25|reach: 25, resonance: 30", "severity > 2|severity > 1", "consent|contract", "item.text|item.body", "every: 2m|every: 3m"} {
		old, now, _ := strings.Cut(change, "|")
		c, err := Load([]byte(strings.Replace(good, old, now, 1)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if a.Hash == c.Hash {
			t.Errorf("%s does not change the hash", change)
		}
	}
	c, err := Load([]byte(strings.Replace(good, "https://sandbox.example", "https://other.example", 1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash != c.Hash {
		t.Error("what another environment says changes the hash")
	}
}

// TestMistakes reads testdata/<case>.yaml, whose mistakes are listed in <case>.txt.
func TestMistakes(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(path, ".yaml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(text, Options{File: "rapport.yaml", Connectors: connectors})
			var list Errors
			if !errors.As(err, &list) {
				t.Fatalf("gave %v", err)
			}
			if got := list.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a secret is repeated")
			}
		})
	}
}

func TestDiff(t *testing.T) {
	a, err := Load([]byte(good), Options{})
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("every: 2m", "every: 5m", "languages: [de, en]", "languages: [de]",
		"      subject: conversation.subject\n", "      subject: conversation.subject\n      content: text\n",
		`  - {name: jobs, when: '"job" in intents'}`, `  - {name: spam, when: '"spam" in intents'}`).Replace(good)
	b, err := Load([]byte(changed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{`brands[nordlicht].languages`, `["de","en"]`, `["de"]`},
		{`filters[jobs].name`, `"jobs"`, ``},
		{`filters[jobs].when`, `"\"job\" in intents"`, ``},
		{`filters[spam].name`, ``, `"spam"`},
		{`filters[spam].when`, ``, `"\"spam\" in intents"`},
		{`mapping[sales tickets conversation].fields.content.value`, ``, `"text"`},
		{`networks[social].every`, `"2m"`, `"5m"`},
	}
	got := Diff(a, b)
	if len(got) != len(want) {
		t.Fatalf("got %d changes: %+v", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("change %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	if got := Diff(a, a); len(got) != 0 {
		t.Errorf("nothing changed, but %+v", got)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(good), "test")
	f.Add([]byte("version: 1\nbrands: &b [{name: x}, *b]\n"), "")
	f.Add([]byte("a: &a [*a, *a]\nnetworks: [{settings: {x: *a}}]\n"), "")
	f.Add([]byte("environments: {x: {accounts: {a: {<<: *b}}}}"), "x")
	f.Add([]byte("networks: [{name: a, settings: {? [a]: b, ~: c}}]"), "")
	f.Fuzz(func(t *testing.T, text []byte, env string) {
		doc, err := Load(text, Options{File: "f", Env: env, Connectors: connectors})
		var list Errors
		if err != nil && !errors.As(err, &list) {
			t.Errorf("%T is no list of mistakes", err)
		}
		if err == nil && doc.Hash == "" {
			t.Error("no hash")
		}
	})
}
