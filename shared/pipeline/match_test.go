package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// compared is a rig whose CRM says by which fields people are compared, and holds some.
func compared(t *testing.T) (*rig, *bulkCRM) {
	t.Helper()
	r := newRig(t, options{})
	l := &bulkCRM{crmFake: r.crm}
	r.crms["crm"] = l
	r.boot()
	r.publish(strings.Replace(basic, "mode: write", "match: [{object: contact, email: [mail], phone: [mobile], name: [given, family], city: town, company: firm, born: birth, site: [web], handle: [social]}], mode: write", 1))
	for _, c := range [][]string{{"Anna", "Berg", "anna@nordwerk.example", "Kiel", "Nordwerk GmbH", "1984-05-06"}, {"Otto", "Berg", "otto@gmx.de", "Kiel", "", ""},
		{"Marlene", "Quandt", "mq@quandt.example", "Bonn", "Südtec AG", ""}, {"Jürgen", "Wößner", "jw@gmx.de", "Ulm", "", ""}} {
		l.add(map[string]any{"given": c[0], "family": c[1], "mail": c[2], "town": c[3], "firm": c[4], "birth": c[5]})
	}
	r.sync()
	r.run()
	return r, l
}

func profile(e flow.Event, name, bio, place string) flow.Event {
	e.Mention.Author.Name, e.Mention.Author.Bio, e.Mention.Author.Location = name, bio, place
	return e
}

// A public claim links together with the name, and says so; a name alone suggests; namesakes of nobody are strangers.
func TestClaims(t *testing.T) {
	r, _ := compared(t)
	r.hook(
		profile(said("m1", "a1", complaint, start), "Anna Berg", "Ingenieurin. anna@nordwerk.example", ""),
		profile(said("m2", "a2", complaint, start), "Marlene Quandt", "Katzen und Kaffee", ""),
		profile(said("m3", "a3", complaint, start), "Juergen Woessner", "jw@gmx.de", "Ulm"),
		profile(said("m4", "a4", complaint, start), "Sina Vollrath", "", ""),
		profile(said("m5", "a5", complaint, start), "Kaffee Tante", "anna@nordwerk.example", ""),
	)
	r.run()
	people := map[string]string{}
	for _, row := range table[pipeline.AuthorRow](r, "author") {
		people[row.Author.ID] = row.Person
	}
	for author, want := range map[string]bool{"site:a1": true, "site:a2": false, "site:a3": true, "site:a4": false, "site:a5": false} {
		if (people[author] != "") != want {
			t.Errorf("%s is linked to %q: %s", author, people[author], r.identity("site:m"+author[len(author)-1:]))
		}
	}
	s, err := r.app.Story(t.Context(), "site:m1")
	if err != nil || s.Decision.Link == nil || s.Decision.Link.Class != "B" || !s.Decision.Claimed || s.Decision.Link.By == "" {
		t.Errorf("the link is %+v, %v", s.Decision.Link, err)
	}
	for m, want := range map[string]int{"site:m2": 1, "site:m4": 0, "site:m5": 1} {
		if s, _ := r.app.Story(t.Context(), m); len(s.Decision.Suggest) != want {
			t.Errorf("%s suggests %+v: %s", m, s.Decision.Suggest, r.identity(m))
		}
	}
	for _, text := range []string{"Quandt", "quandt", "Südtec", "sudtec"} {
		for _, where := range r.everywhere(text) {
			if strings.HasPrefix(where, "store key") || strings.HasPrefix(where, "store person") || strings.HasPrefix(where, "store often") {
				t.Errorf("%q stands in %s", text, where)
			}
		}
	}
}

// Who is linked, or was looked for by the same profile, costs no look-up; a profile that changed does.
func TestLookUpsAreFew(t *testing.T) {
	r, _ := compared(t)
	lookUps := func(event flow.Event) int {
		t.Helper()
		r.hook(event)
		n := 0
		r.store.gets = func(k store.Key) {
			if strings.HasPrefix(k.Part, "key#") {
				n++
			}
		}
		r.run()
		r.store.gets = nil
		return n
	}
	at := start
	for i, c := range []struct {
		author, name, bio string
		least, most       int
	}{
		{"a1", "Anna Berg", "Ingenieurin bei Nordwerk. anna@nordwerk.example, 0170 1234567", 1, 6},
		{"a1", "Anna Berg", "Ingenieurin bei Nordwerk. anna@nordwerk.example, 0170 1234567", 0, 0}, // linked
		{"a2", "Marlene Quandt", "", 1, 6},
		{"a2", "Marlene Quandt", "", 0, 0}, // the same profile
		{"a2", "Marlene Quandt", "Bonn", 1, 6},
		{"a3", "Sina Vollrath", "a@b.example b@b.example c@b.example d@b.example e@b.example f@b.example g@b.example", 1, 6},
	} {
		if n := lookUps(profile(said(fmt.Sprintf("l%d", i), c.author, "Danke!", at), c.name, c.bio, "")); n < c.least || n > c.most {
			t.Errorf("%d (%s): %d keys were read, want %d to %d", i, c.author, n, c.least, c.most)
		}
	}
	r.pass(8 * 24 * 60 * 60 * 1e9)
	if n := lookUps(profile(said("l9", "a2", "Danke!", r.now), "Marlene Quandt", "Bonn", "")); n == 0 {
		t.Error("after a week nobody looked again")
	}
}

// A name that too many have is no key by itself; a record that goes takes its name with it.
func TestHotNames(t *testing.T) {
	r, l := compared(t)
	for i := range 60 {
		l.add(map[string]any{"given": "Peter", "family": "Schmidt", "mail": fmt.Sprintf("ps%d@gmx.de", i), "town": fmt.Sprintf("Ort%c", 'a'+i%26), "firm": "", "birth": ""})
	}
	r.sync()
	r.run()
	hot, warm := 0, 0
	for _, row := range table[pipeline.KeyRow](r, "key") {
		switch {
		case row.Hot && len(row.Known) == 0:
			hot++
		case len(row.Known) > 0:
			warm++
		}
		if len(row.Known) > 50 {
			t.Errorf("%d persons under one key", len(row.Known))
		}
	}
	if hot != 2 || warm < 26 { // sound and whole name
		t.Errorf("%d hot keys, %d others", hot, warm)
	}
	r.change(flow.Change{Object: "contact", Record: "3", Verb: "delete"})
	r.run()
	r.hook(profile(said("m2", "a2", complaint, start), "Marlene Quandt", "", "Bonn"))
	r.run()
	if say := r.identity("site:m2"); say != "nobody known" {
		t.Errorf("after its record is gone: %s", say)
	}
}
