package console

import (
	"time"

	"rapport/shared/decide"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// madeUp is an invented mention, to try a mapping with before anything was received.
type madeUp struct{ id, text string }

func examples() []madeUp {
	return []madeUp{
		{"example:complaint", "Die Lampe ist schon wieder kaputt, und niemand antwortet!"},
		{"example:question", "Wann kommt das blaue Rad wieder? Ich würde es gern kaufen."},
		{"example:praise", "Thank you, the new lamp is wonderful!"},
	}
}

// examplesOf lists them as samples.
func examplesOf(lang string) []sample {
	var out []sample
	for _, x := range examples() {
		out = append(out, sample{x.id, say(lang, "An example:") + " " + x.text})
	}
	return out
}

func exampleOf(id string) (madeUp, bool) {
	for _, x := range examples() {
		if x.id == id {
			return x, true
		}
	}
	return madeUp{}, false
}

// env decides an example as if somebody had said it now to a brand that the CRM account serves.
func (x madeUp) env(plan *pipeline.Plan, account string, now time.Time) *decide.Env {
	brand := ""
	a, _ := plan.Doc.CRM(account)
	for _, b := range plan.Doc.Brands {
		if a.Serves(b.Name) {
			brand = b.Name
			break
		}
	}
	author := flow.Author{ID: "example:author", Handle: "beispiel", Name: "Beispiel", Followers: 120, Counted: true}
	m := flow.Mention{ID: x.id, Network: "example", Account: "example", Brand: brand, Kind: flow.Comment, Direction: flow.In, Text: x.text, Created: now, Author: author, Permalink: "https://social.example/1"}
	person := &flow.Person{ID: "example:person", Name: "Beispiel", Authors: []string{author.ID}, Revision: 1}
	d := plan.Decider.Decide(decide.Inputs{Now: now, Received: now, Event: flow.Event{Verb: flow.New, At: now, Mention: m}, Source: "test", Person: person, MayMatch: "yes", MayScore: true})
	return decide.EnvOf(m, d, d.Conversation, person, plan.Doc.Brand(brand), "test")
}
