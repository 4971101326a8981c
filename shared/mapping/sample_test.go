package mapping

import (
	"strings"
	"testing"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/flow"
)

// sample is the mention that all tests and the examples of docs/mapping.md look at.
func sample() *decide.Env {
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	author := flow.Author{ID: "mastodon:4711", Handle: "frieda@social.example", Name: "Frieda", URL: "https://social.example/@frieda",
		Counted: true, Followers: 12000}
	m := flow.Mention{ID: "mastodon:990", Network: "mastodon", Account: "social", Brand: "nordlicht", Kind: flow.Post, Direction: flow.In,
		Text: "Die Lampe von @nordlicht ist schon wieder kaputt. #lampe #service", Lang: "de", Permalink: "https://social.example/@frieda/990",
		Author: author, Created: at, Tags: []string{"lampe", "service"}, Likes: 3, Shares: 2, Comments: 1, Extra: map[string]any{"sentiment": -0.7}}
	c := &flow.Conversation{ID: "c1", Account: "social", Brand: "nordlicht", Network: "mastodon", Author: author, Status: flow.Waiting,
		Subject: "Complaint: Die Lampe ist kaputt", Department: "service", Priority: "high", Severity: 2, Action: "ask_details", Case: true, Number: 1,
		Opened: at, Due: at.Add(2 * time.Hour), Source: "live", Updated: at, Turns: []flow.Turn{
			{Mention: m.ID, Direction: flow.In, By: "frieda@social.example", At: at, Text: m.Text, Permalink: m.Permalink},
			{Mention: "mastodon:991", Direction: flow.Out, By: "nordlicht", At: at.Add(time.Hour), Text: "Das tut uns leid!"},
		}}
	p := &flow.Person{ID: "p1", Name: "Frieda", Authors: []string{author.ID}, Score: flow.Score{Total: 61, Confidence: 80, Version: "1",
		Parts: []flow.ScorePart{{Name: "reach", Points: 21, Max: 30, Reason: "12,000 followers"}, {Name: "role", Points: 2, Max: 15, Reason: "no role named"}}}}
	d := decide.Decision{Outcome: "mention", Lang: "de", Sentiment: "negative", Polarity: -0.8, Complaint: true, Severity: 2, Intents: []string{"complaint"},
		Department: "service", Priority: "high", Action: "ask_details", Score: p.Score, Person: p.ID}
	return decide.EnvOf(m, d, c, p, config.Brand{Name: "nordlicht"}, "live")
}

var hubspot = crm.Info{Name: "hubspot", KeyField: DefaultKey, Keyed: true, Text: crm.Limit{Max: 65536, Unit: "utf16"}}

// load makes a document of one brand and one CRM account named sales, with what a test adds.
func load(t testing.TB, kind, rest string) *config.Document {
	t.Helper()
	doc, err := config.Load([]byte("version: 1\nbrands: [{name: nordlicht}, {name: suedwind}]\ncrms:\n  - {name: sales, kind: "+kind+"}\n"+rest), config.Options{File: "rapport.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// compile makes the mapping of such a document.
func compile(t testing.TB, kind, rest string, fields map[string]crm.Object, info crm.Info) *Mapping {
	t.Helper()
	m, err := New(load(t, kind, rest), map[string]map[string]crm.Object{"sales": fields}, map[string]crm.Info{"sales": info})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// one compiles a mapping with the given fields for mentions and renders the sample, changed by change.
func one(t testing.TB, fields string, described []crm.Field, info crm.Info, change func(*decide.Env)) Rendered {
	t.Helper()
	var objects map[string]crm.Object
	if described != nil {
		objects = map[string]crm.Object{"note": {Name: "note", Label: "Note", Fields: described}}
	}
	m := compile(t, "test", "mapping:\n  - crm: sales\n    object: note\n    for: mention\n    fields:\n      "+
		strings.ReplaceAll(strings.TrimSpace(fields), "\n", "\n      ")+"\n", objects, info)
	env := sample()
	if change != nil {
		change(env)
	}
	r, err := m.For("sales", flow.KindMention, "nordlicht")[0].Render(env)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
