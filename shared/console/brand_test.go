package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"rapport/shared/console"
	"rapport/shared/flow"
	"rapport/shared/webhook"
)

// two is a configuration of two brands, of which each has a network and a CRM of its own, and both share a CRM.
const two = `version: 1
brands:
  - {name: nord, languages: [de], terms: [nord]}
  - {name: sued, languages: [de], terms: [sued]}
hooks:
  - {name: site, kind: site, secrets: {secret: "env:S", verify: "env:V"}, brand: nord}
  - {name: suedhook, kind: site, secrets: {secret: "env:S", verify: "env:V"}, brand: sued}
networks:
  - {name: site, kind: site, hook: site, brand: nord, replies: approve}
  - {name: suednetz, kind: site, hook: suedhook, brand: sued, replies: approve}
crms:
  - {name: hub, kind: hubspot, mode: write, secrets: {token: "env:HUB"}, settings: {app_id: "62515"}}
  - {name: nordcrm, kind: hubspot, brands: [nord], mode: observe, secrets: {token: "env:HUB"}, settings: {app_id: "62516"}}
  - {name: suedcrm, kind: hubspot, brands: [sued], mode: observe, secrets: {token: "env:HUB"}, settings: {app_id: "62517"}}
`

// saidTo has an author say something to a hook.
func (h *home) saidTo(hook, id, author, text string) {
	h.t.Helper()
	body, err := json.Marshal([]flow.Event{{Verb: flow.New, At: h.at(), Mention: flow.Mention{ID: "site:" + id, Network: "site", Kind: flow.Comment, Direction: flow.In, Text: text, Tags: []string{author + "tag"},
		Created: h.at(), Root: "site:" + author, Author: flow.Author{ID: "site:" + author, Handle: author, Name: author}}}})
	if err != nil {
		h.t.Fatal(err)
	}
	if a, err := h.app.Receive(h.t.Context(), hook, webhook.Request{Method: "POST", Body: body, At: h.at()}); a.Status != 200 {
		h.t.Fatal(a.Status, err)
	}
	for range 8 {
		h.step()
	}
}

// Whose role holds for one brand opens what is of a brand, sees that brand alone, and opens nothing that is of all.
func TestBrands(t *testing.T) {
	h := openWith(t, two)
	h.saidTo("site", "n1", "nordanna", "Nordwort, die Lampe ist kaputt, unverschämt!")
	h.saidTo("suedhook", "s1", "suedben", "Suedwort, die Lampe ist kaputt, unverschämt!")
	link := regexp.MustCompile(`href="(/conversations/[^"?]+)"`)
	all := h.enter()
	talks := link.FindAllStringSubmatch(all.get("/conversations"), -1)
	if len(talks) != 2 || !strings.Contains(all.get("/mentions"), "Suedwort") || !strings.Contains(all.get("/mentions"), "Nordwort") {
		t.Fatalf("%d conversations", len(talks))
	}
	foreign := regexp.MustCompile(`(?i)sued\w+`)
	for _, grants := range [][]string{{"viewer:nord"}, {"operator:nord"}, {"admin:nord"}, {"privacy:nord"}, {"agent:nord"}, {"viewer:nord", "operator:nord"}} {
		g := h.enter(grants...)
		mine := func(roles []string) bool {
			for _, role := range roles {
				for _, have := range grants {
					if have == role+":nord" {
						return true
					}
				}
			}
			return false
		}
		seen := 0
		for _, rt := range h.console.Routes() {
			if rt.Path == "/leave" {
				continue
			}
			paths := []string{concrete(rt.Path), strings.NewReplacer("/mentions/{id}", "/mentions/site:s1", "/next/{id}", "/next/site:s1", "/people/{id}", "/people/site:suedben", "/accounts/{name}", "/accounts/suedcrm",
				"{account}", "suedcrm", "{index}", "1", "{number}", "1", "{id}", "none").Replace(rt.Path),
				strings.NewReplacer("/mentions/{id}", "/mentions/site:n1", "/next/{id}", "/next/site:n1", "/people/{id}", "/people/site:nordanna", "/accounts/{name}", "/accounts/nordcrm",
					"{account}", "nordcrm", "{index}", "1", "{number}", "1", "{id}", "none").Replace(rt.Path)}
			if rt.Path == "/conversations/{id}" {
				paths = append(paths, talks[0][1], talks[1][1])
			}
			if rt.Path == "/find" {
				paths = []string{"/find?q=suedben", "/find?q=site:suedben", "/find?q=site:s1", "/find?q=nordanna"}
			}
			for _, path := range paths {
				for _, kind := range []string{"text/html", "application/json"} {
					r := g.request(rt.Method, path, url.Values{"where": {"suedcrm"}, "author": {"site:suedben"}, "person": {"p"}, "verdict": {"accept"}, "text": {"x"}, "try": {"1"}})
					r.Header.Set("Accept", kind)
					w := httptest.NewRecorder()
					h.console.ServeHTTP(w, r)
					h.pass(200_000_000)
					allowed := rt.Each && mine(rt.Roles)
					if (w.Code == http.StatusForbidden) == allowed && !(rt.Method == "POST" && allowed) && !(g.csrf == "" && rt.Method == "POST") {
						t.Errorf("%v: %s %s is %d, allowed %t", grants, rt.Method, path, w.Code, allowed)
					}
					if strings.Contains(path, "sued") || w.Code != 200 { // the question comes back
						if w.Code == 200 && !strings.HasPrefix(path, "/find") {
							t.Errorf("%v: %s %s of another brand is shown", grants, rt.Method, path)
						}
						if strings.Contains(w.Body.String(), "Suedwort") {
							t.Errorf("%v: %s %s shows another brand's words", grants, rt.Method, path)
						}
						continue
					}
					if found := foreign.FindString(w.Body.String()); found != "" && !strings.HasPrefix(path, "/find") {
						t.Errorf("%v: %s %s shows %q", grants, rt.Method, path, found)
					}
					seen += strings.Count(w.Body.String(), "Nordwort")
				}
			}
		}
		if reads := mine([]string{console.Viewer, console.Admin, console.Privacy}); (seen > 0) != reads {
			t.Errorf("%v: their own brand's words are shown %d times", grants, seen)
		}
	}
}

// Where an account serves several brands an object's mode is shown and switched for each of them.
func TestBrandModes(t *testing.T) {
	h := openWith(t, strings.Replace(document, "hooks:\n", "  - {name: sued, languages: [de], terms: [sued]}\nhooks:\n", 1))
	g := h.enter()
	if page := g.get("/accounts/hub"); strings.Count(page, `name="brand" value="sued"`) == 0 {
		t.Fatalf("the modes of a brand are not shown: %.3000s", page)
	}
	if w := g.do("POST", "/accounts/hub/mode", url.Values{"object": {"tickets"}, "brand": {"sued"}, "mode": {"observe"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if text := g.get("/configuration/edit"); !strings.Contains(text, "tickets/sued: observe") {
		t.Errorf("the draft: %s", text)
	}
	var got struct {
		Objects []struct {
			Object, Mode string
			Brands       []struct{ Brand, Mode string }
		}
	}
	g.do("POST", "/draft/publish", nil)
	if h.tool("admin").api("GET", "/accounts/hub", nil, &got); len(got.Objects) == 0 {
		t.Fatal("no objects")
	}
	for _, o := range got.Objects {
		for _, b := range o.Brands {
			if want := b.Brand == "sued" && o.Object == "tickets"; (b.Mode == "observe") != want {
				t.Errorf("%s for %s: %s", o.Object, b.Brand, b.Mode)
			}
		}
	}
}

// What somebody may for one brand does nothing to what is others' too.
func TestBrandActs(t *testing.T) {
	h := openWith(t, two)
	h.saidTo("site", "n1", "nordanna", "Nordwort, die Lampe ist kaputt, unverschämt!")
	h.saidTo("suedhook", "s1", "suedben", "Suedwort, die Lampe ist kaputt, unverschämt!")
	talk := map[string]string{}
	for _, m := range regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindAllStringSubmatch(h.enter().get("/conversations"), -1) {
		for _, name := range []string{"nordanna", "suedben"} {
			if strings.Contains(h.enter().get(m[1]), name) {
				talk[name] = m[1]
			}
		}
	}
	g, lone := h.enter("viewer:nord", "operator:nord"), h.enter("operator:nord")
	for _, try := range []struct {
		who  *guest
		path string
		form url.Values
		want int
	}{
		{g, "/failures/redrive", url.Values{"where": {"suedcrm"}}, http.StatusNotFound},
		{g, "/failures/redrive", url.Values{"where": {"hub"}}, http.StatusForbidden},
		{g, "/failures/redrive", url.Values{"where": {"deliver-bulk"}}, http.StatusForbidden},
		{g, "/failures/redrive", url.Values{"where": {"nordcrm"}}, http.StatusSeeOther},
		{g, "/accounts/suednetz/test", nil, http.StatusNotFound},
		{g, "/accounts/hub/test", nil, http.StatusForbidden},
		{g, "/accounts/nordcrm/test", nil, http.StatusOK},
		{g, "/accounts/nordcrm/pause", url.Values{"pause": {"1"}}, http.StatusForbidden},
		{g, "/review", url.Values{"author": {"site:suedben"}, "person": {"p"}, "verdict": {"reject"}}, http.StatusNotFound},
		{g, talk["suedben"] + "/answer", url.Values{"text": {"Das tut uns leid."}}, http.StatusNotFound},
		{lone, talk["nordanna"] + "/answer", url.Values{"text": {"Das tut uns leid."}}, http.StatusForbidden},
		{g, talk["nordanna"] + "/answer", url.Values{"text": {"Das tut uns leid."}}, http.StatusSeeOther},
	} {
		if w := try.who.do("POST", try.path, try.form); w.Code != try.want {
			t.Errorf("%s %v: %d, want %d: %.300s", try.path, try.form, w.Code, try.want, w.Body)
		}
	}
	if w := h.enter("admin").do("POST", "/access", url.Values{"name": {"x"}, "role": {"viewer"}, "brand": {"nord"}}); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "viewer:nord") {
		t.Errorf("a token for one brand: %d", w.Code)
	}
	if w := h.enter("admin").do("POST", "/access", url.Values{"name": {"x"}, "role": {"root"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a token of a role that is not there: %d", w.Code)
	}
}
