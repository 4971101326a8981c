package mapping

import (
	"slices"
	"strings"
	"testing"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/flow"
)

var salesforce = crm.Info{Name: "salesforce", KeyField: DefaultKey, Keyed: true, Text: crm.Limit{Max: 32768, Unit: "utf16"}}

// TestSalesforceDefaults: one default for orgs with contacts, one for orgs with person accounts. A stranger is neither; of what
// Salesforce has itself nothing is written that is not for new records alone.
func TestSalesforceDefaults(t *testing.T) {
	for _, c := range []struct {
		name, settings, person string
		change                 func(*decide.Env)
	}{
		{"salesforce-stranger", "", "Contact", nil},
		{"salesforce-accepted", "", "Contact", func(e *decide.Env) { e.Person.Accepted = map[string]bool{"sales": true} }},
		{"salesforce-person", "settings: {person_accounts: true}", "Account", func(e *decide.Env) {
			e.Person.Links = []flow.Link{{To: "sales", Object: "Account", Record: "001000000000101AAA"}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := config.Load([]byte("brands: [{name: nordlicht}]\ncrms:\n  - name: sales\n    kind: salesforce\n    "+c.settings+"\n"), config.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := New(doc, nil, map[string]crm.Info{"sales": salesforce})
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
					if err != nil || len(r.Problems) > 0 {
						t.Fatalf("%s: %v, %v", target.Object(), err, r.Problems)
					}
					if kind == flow.KindPerson && target.Object() != c.person {
						t.Errorf("persons go to %s, want %s", target.Object(), c.person)
					}
					for name := range r.Record.Fields {
						if !strings.HasPrefix(name, "rapport_") && (r.Record.ID != "" || !slices.Contains(r.Once, name)) {
							t.Errorf("%s.%s is written to records that exist", target.Object(), name)
						}
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
