package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/console"
	"rapport/shared/decide"
	"rapport/shared/expression"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// concrete puts ids into a route's path.
func concrete(path string) string {
	return strings.NewReplacer("/mentions/{id}", "/mentions/site:m1", "/next/{id}", "/next/site:m1", "/people/{id}", "/people/site:anna", "/accounts/{name}", "/accounts/hub", "{account}", "hub",
		"{index}", "1", "{number}", "1", "{id}", "none").Replace(path)
}

// Every route lets in whom the table names and nobody else, with a session and with a token of the API.
func TestRoles(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist kaputt, unverschämt!")
	stranger := &guest{h: h}
	for _, role := range console.Roles() {
		g := h.enter(role)
		if g.csrf == "" && role != console.Agent {
			t.Fatalf("%s: no csrf", role)
		}
		admin := h.enter()
		w := admin.do("POST", "/api/v1/access", url.Values{"name": {"tool"}, "role": {role}})
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		var made struct{ Token string }
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || made.Token == "" {
			t.Fatalf("no token: %s", w.Body)
		}
		tool := &guest{h: h, bearer: made.Token}
		for _, rt := range h.console.Routes() {
			path := concrete(rt.Path)
			allowed := slices.Contains(rt.Roles, role)
			if rt.Path != "/leave" {
				if code := g.do(rt.Method, path, nil).Code; (code == http.StatusForbidden) == allowed && !(allowed && g.csrf == "" && rt.Method == "POST") {
					t.Errorf("%s: %s %s is %d, allowed %t", role, rt.Method, rt.Path, code, allowed)
				}
			}
			if !rt.API {
				continue
			}
			api := "/api/v1" + path
			if rt.Path == "/" {
				api = "/api/v1/overview"
			}
			w := tool.do(rt.Method, api, nil)
			if (w.Code == http.StatusForbidden) == allowed {
				t.Errorf("token of %s: %s %s is %d, allowed %t", role, rt.Method, api, w.Code, allowed)
			}
			if kind := w.Header().Get("Content-Type"); w.Code != 200 && !strings.HasPrefix(kind, "application/json") {
				t.Errorf("%s answers %d with %s", api, w.Code, kind)
			}
			if code := stranger.do(rt.Method, api, nil).Code; code != http.StatusUnauthorized {
				t.Errorf("a stranger: %s %s is %d", rt.Method, api, code)
			}
			if code := stranger.do(rt.Method, path, nil).Code; code != http.StatusUnauthorized {
				t.Errorf("a stranger: %s %s is %d", rt.Method, path, code)
			}
		}
	}
}

// What the table must say, whatever else changes: who may only look changes nothing, and an agent's tool learns one thing.
func TestWhoMayWhat(t *testing.T) {
	const asks = "/next-action" // writes nothing: a POST, so that nobody's key stands in an address
	for _, rt := range open(t).console.Routes() {
		if rt.Method == "POST" && !rt.API && rt.Path != "/leave" {
			t.Errorf("%s is done by pages alone", rt.Path)
		}
		if rt.Method == "POST" && slices.Contains(rt.Roles, console.Viewer) && rt.Path != "/leave" && rt.Path != asks {
			t.Errorf("a viewer may %s", rt.Path)
		}
		if slices.Contains(rt.Roles, console.Agent) && rt.Path != "/leave" && rt.Path != "/next/{id}" && rt.Path != asks {
			t.Errorf("an agent may %s", rt.Path)
		}
		for part, only := range map[string]string{"/privacy": console.Privacy, "/access": console.Admin, "/draft": console.Admin} {
			if strings.HasPrefix(rt.Path, part) && !slices.Equal(rt.Roles, []string{only}) {
				t.Errorf("%s is open to %v", rt.Path, rt.Roles)
			}
		}
	}
}

// A form of another page, a wrong mark, an old session, a used link and a foreign host get nothing.
func TestSafe(t *testing.T) {
	h := open(t)
	g := h.enter()
	form := func() url.Values { return url.Values{"where": {"hub"}} }
	for name, change := range map[string]func(r *http.Request){
		"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"same site":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
	} {
		r := g.request("POST", "/failures/redrive", form())
		change(r)
		w := httptest.NewRecorder()
		if h.console.ServeHTTP(w, r); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	wrong := form()
	wrong.Set("csrf", "x")
	if code := g.do("POST", "/failures/redrive", wrong).Code; code != http.StatusForbidden {
		t.Errorf("wrong mark: %d", code)
	}
	if code := g.do("POST", "/failures/redrive", form()).Code; code != http.StatusSeeOther {
		t.Errorf("the right one: %d", code)
	}
	r := g.request("GET", "/", nil)
	r.Host = "rebound.example:4711"
	w := httptest.NewRecorder()
	if h.console.ServeHTTP(w, r); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("foreign host: %d", w.Code)
	}
	w = g.do("GET", "/", nil)
	if p := w.Header().Get("Content-Security-Policy"); strings.Contains(p, "unsafe") || !strings.Contains(p, "default-src 'none'") {
		t.Errorf("policy %q", p)
	}
	path, err := h.console.Link(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(path, "key=")
	var codes []int
	for range 2 {
		codes = append(codes, (&guest{h: h}).do("POST", "/enter", url.Values{"key": {key}}).Code)
	}
	if !slices.Equal(codes, []int{303, 403}) {
		t.Errorf("a link used twice: %v", codes)
	}
	path, _ = h.console.Link(t.Context(), "x")
	_, key, _ = strings.Cut(path, "key=")
	h.pass(16 * time.Minute)
	if code := (&guest{h: h}).do("POST", "/enter", url.Values{"key": {key}}).Code; code != http.StatusForbidden {
		t.Errorf("an old link: %d", code)
	}
	h.pass(12 * time.Hour)
	if code := g.do("GET", "/", nil).Code; code != http.StatusUnauthorized {
		t.Errorf("an old session: %d", code)
	}
	g = h.enter()
	g.do("POST", "/leave", nil)
	if code := g.do("GET", "/", nil).Code; code != http.StatusUnauthorized {
		t.Errorf("after logging out: %d", code)
	}
	limited := 0
	for range 200 {
		w := httptest.NewRecorder()
		if h.console.ServeHTTP(w, (&guest{h: h}).request("GET", "/", nil)); w.Code == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 {
		t.Error("two hundred calls at once are all answered")
	}
	for _, secret := range []string{key, token} {
		if strings.Contains(h.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

// hostile is what somebody may call himself, or say.
var hostile = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'-alert(1)-'`, `{{.Who.CSRF}}`, `</textarea><svg onload=alert(1)>`, "\u202eevil", `=cmd|'/c calc'!A1`}

// Names and texts of strangers are text on every page.
func TestHostile(t *testing.T) {
	h := open(t)
	for i, x := range hostile {
		h.said(fmt.Sprintf("m%d", i), x, "Unverschämt, schon wieder kaputt! "+x)
	}
	h.said("m1", "anna", "Kaputt!")
	g := h.enter()
	tag := regexp.MustCompile(`(?i)<script>|<img|<svg onload|href="javascript:|href="=cmd`)
	paths := []string{"/find?q=" + url.QueryEscape(hostile[0]), "/mentions/site:m0", "/mentions/site:m4", "/conversations?state=" + url.QueryEscape(hostile[1]),
		"/mapping/hub/1?sample=site:m0", "/mapping/hub/2", "/reports?days=7", "/rules/templates?sample=site:m0", "/rules/templates?sample=site:m4"}
	for i, x := range hostile {
		paths = append(paths, "/people/"+url.PathEscape("site:"+x), fmt.Sprintf("/mentions/site:m%d", i), fmt.Sprintf("/next/site:m%d", i))
	}
	for _, rt := range h.console.Routes() {
		if rt.Method == "GET" && rt.Page != "" && !strings.Contains(rt.Path, "{id}") {
			paths = append(paths, concrete(rt.Path))
		}
	}
	talks := regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindAllStringSubmatch(g.get("/conversations"), -1)
	if len(talks) == 0 {
		t.Error("no conversation")
	}
	for _, m := range talks {
		paths = append(paths, m[1], m[1]+"?template=thank")
	}
	shown := 0
	for _, path := range paths {
		for _, lang := range console.Languages() {
			h.pass(time.Second)
			r := g.request("GET", path, nil)
			r.Header.Set("Accept-Language", lang)
			w := httptest.NewRecorder()
			h.console.ServeHTTP(w, r)
			page := w.Body.String()
			if bad := tag.FindString(strings.ReplaceAll(page, `<script src="/asset/app.js" defer>`, "")); bad != "" {
				t.Errorf("%s (%d): %s", path, w.Code, bad)
			}
			if w.Code >= 500 || len(page) > 100<<10 {
				t.Errorf("%s: %d, %d bytes", path, w.Code, len(page))
			}
			shown += strings.Count(page, "&lt;script&gt;")
		}
	}
	if shown < 10 {
		t.Errorf("hostile text is on %d places only: the test looks at nothing", shown)
	}
}

// Who keeps things running sees no words at all; who looks sees what was said in public; who answers sees everything.
func TestMasked(t *testing.T) {
	h := open(t)
	h.send(flow.Event{Verb: flow.New, At: h.at(), Mention: flow.Mention{ID: "site:p1", Network: "site", Kind: flow.Message, Direction: flow.In, Private: true, Text: "Geheimwort kaputt!", Created: h.at(),
		Author: flow.Author{ID: "site:anna", Handle: "anna"}}})
	h.said("m1", "ben", "Offenwort, alles kaputt!")
	talks := regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindAllStringSubmatch(h.enter().get("/conversations"), -1)
	if len(talks) < 2 {
		t.Fatal("no conversations")
	}
	paths := []string{"/mentions", "/mentions/site:p1", "/mentions/site:m1", "/conversations", "/people/site:anna", "/people/site:ben", "/", "/answers", "/mapping/hub/1", "/mapping/hub/1?sample=site:p1", "/find?q=anna", "/find?q=kaputt", "/failures", "/review", "/next/site:m1", "/reports"}
	for _, m := range talks {
		paths = append(paths, m[1])
	}
	for _, of := range []struct {
		roles        []string
		public, priv bool
	}{{[]string{console.Viewer}, true, false}, {[]string{console.Operator}, false, false}, {[]string{console.Viewer, console.Operator}, true, true}, {[]string{console.Admin}, true, true},
		{[]string{console.Privacy}, true, true}, {[]string{console.Agent}, false, false}} {
		g := h.enter(of.roles...)
		var all strings.Builder
		for _, path := range paths {
			for _, kind := range []string{"text/html", "application/json"} {
				r := g.request("GET", path, nil)
				r.Header.Set("Accept", kind)
				w := httptest.NewRecorder()
				h.console.ServeHTTP(w, r)
				h.pass(100 * time.Millisecond)
				all.WriteString(w.Body.String())
				for word, may := range map[string]bool{"Offenwort": of.public, "Geheimwort": of.priv} {
					if strings.Contains(w.Body.String(), word) && !may {
						t.Errorf("%v read %s on %s as %s", of.roles, word, path, kind)
					}
				}
			}
		}
		for word, may := range map[string]bool{"offenwort": of.public, "geheimwort": of.priv} { // to find is to read
			if found := g.do("GET", "/find?q="+word, nil).Body.String(); strings.Contains(found, `href="/mentions/`) != may {
				t.Errorf("%v find by %s: %t", of.roles, word, !may)
			}
		}
		if strings.Contains(all.String(), "Offenwort") != of.public || strings.Contains(all.String(), "Geheimwort") != of.priv {
			t.Errorf("%v do not read what they may", of.roles)
		}
	}
}

// A field with a mistake is refused with the mistake and the nearest right name; the right one goes into the draft, past
// the remarks in the file, and is published; a dry run says what it would write.
func TestMapping(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	g := h.enter()
	page := g.get("/mapping/hub/1")
	for _, want := range []string{"Ticket description", "rapport_department", "conversation.department", "site:m1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	preview := func(field, value string) (out struct {
		Error  string
		MS     float64
		Record struct {
			OK     bool
			Fields []struct{ Name, Value string }
		}
	}) {
		r := g.request("POST", "/mapping/hub/1/preview", url.Values{"field": {field}, "value": {value}, "sample": {"site:m1"}})
		r.Header.Set("Accept", "application/json")
		w := httptest.NewRecorder()
		h.console.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return out
	}
	if got := preview("rapport_action", "conversation.deparment"); !strings.Contains(got.Error, "department") {
		t.Errorf("a misspelt name: %+v", got)
	}
	if got := preview("rapport_severity", `"high"`); got.Error == "" {
		t.Errorf("a text in a number: %+v", got)
	}
	got := preview("rapport_action", `upper(conversation.author.handle)`)
	if i := slices.IndexFunc(got.Record.Fields, func(f struct{ Name, Value string }) bool { return f.Name == "rapport_action" }); got.Error != "" || i < 0 || got.Record.Fields[i].Value != "ANNA" {
		t.Errorf("the right one: %+v", got)
	}
	if w := g.do("POST", "/mapping/hub/1", url.Values{"field": {"rapport_action"}, "value": {"conversation.deparment"}, "wins": {"rapport"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "department") {
		t.Errorf("into the draft: %d %.300s", w.Code, w.Body)
	}
	if w := g.do("POST", "/mapping/hub/1", url.Values{"field": {"rapport_action"}, "value": {"upper(conversation.author.handle)"}, "wins": {"rapport"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("into the draft: %d %.900s", w.Code, w.Body)
	}
	page = g.get("/draft")
	if !strings.Contains(page, "upper(conversation.author.handle)") {
		t.Error("the draft does not show the change")
	}
	w := g.do("POST", "/draft/try", url.Values{"hours": {"24"}})
	trial := w.Header().Get("Location")
	for range 200 {
		if page = g.get(trial); !strings.Contains(page, "data-reload") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(page, "ANNA") || !strings.Contains(page, "rapport_action") {
		t.Errorf("the dry run: %.1500s", page)
	}
	if w := g.do("POST", "/draft/publish", url.Values{"note": {"louder"}}); w.Header().Get("Location") != "/configuration" {
		t.Fatalf("publishing: %d %s", w.Code, w.Body)
	}
	v, err := h.app.Version(t.Context(), 0)
	if err != nil || v.Note != "louder" || v.By != "tester" || !strings.Contains(v.Text, "# kept: a remark") {
		t.Errorf("published: %v %+v", err, v)
	}
	if page := g.get("/configuration/versions/2"); !strings.Contains(page, "upper(conversation.author.handle)") {
		t.Error("the version does not show what it changed")
	}
	h.said("m2", "anna", "Und niemand antwortet, es ist immer noch kaputt!")
	found := false
	for _, r := range h.portal.Rows("tickets") {
		found = found || fmt.Sprint(r.Fields["rapport_action"]) == "ANNA"
	}
	if !found {
		t.Error("the CRM does not hold it")
	}
	if w := g.do("POST", "/configuration/versions/1/rollback", nil); w.Code != http.StatusSeeOther {
		t.Errorf("back: %d %s", w.Code, w.Body)
	}
}

// Before anything was received a mapping is tried with invented mentions.
func TestMappingExamples(t *testing.T) {
	g := open(t).enter()
	if page := g.get("/mapping/hub/1"); !strings.Contains(page, "An example:") || !strings.Contains(page, "Die Lampe ist schon wieder kaputt") {
		t.Errorf("no example: %.3000s", page)
	}
	var out struct {
		Record struct {
			OK     bool
			Fields []struct{ Name, Value string }
		}
	}
	if code := g.api("POST", "/mapping/hub/1/preview", url.Values{"field": {"rapport_action"}, "value": {"upper(conversation.author.handle)"}, "sample": {"example:complaint"}}, &out); code != 200 || !out.Record.OK {
		t.Fatalf("%d %+v", code, out)
	}
	if i := slices.IndexFunc(out.Record.Fields, func(f struct{ Name, Value string }) bool { return f.Name == "rapport_action" }); i < 0 || out.Record.Fields[i].Value != "BEISPIEL" {
		t.Errorf("%+v", out)
	}
}

// The overview tells the mood of each network over time, and the topics that were found.
func TestOverviewByNetwork(t *testing.T) {
	h := openWith(t, strings.Replace(document, "terms: [nord]}", "terms: [nord], topics: [{name: Licht, words: [lampe]}]}", 1))
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	h.said("m2", "ben", "Danke, ihr seid großartig!")
	h.pass(time.Minute)
	var got struct {
		Moods []struct {
			Name               string
			Good, Bad          int
			Positive, Negative []int
		}
		Topics []struct{ Name string }
	}
	if h.tool("viewer").api("GET", "/overview", nil, &got); len(got.Moods) != 1 || got.Moods[0].Name != "site" || got.Moods[0].Good != 1 || got.Moods[0].Bad != 1 || got.Moods[0].Negative[23] != 1 {
		t.Errorf("%+v", got.Moods)
	}
	if !slices.ContainsFunc(got.Topics, func(x struct{ Name string }) bool { return x.Name == "Licht" }) {
		t.Errorf("topics: %+v", got.Topics)
	}
}

// A conversation shows what the brand answered with some other tool, and that its clock has stopped.
func TestAnswerOfAnotherTool(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	g := h.enter()
	talk := regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindStringSubmatch(g.get("/conversations"))
	if talk == nil {
		t.Fatal("no conversation")
	}
	if page := g.get(talk[1]); !strings.Contains(page, ">waiting<") {
		t.Errorf("before: %.2500s", page)
	}
	h.send(flow.Event{Verb: flow.New, At: h.at(), Mention: flow.Mention{ID: "site:o1", Network: "site", Kind: flow.Comment, Direction: flow.Out, Text: "Wir tauschen sie aus.", Created: h.at(), Root: "site:t1", Parent: "site:m1",
		Author: flow.Author{ID: "site:nord", Handle: "nord"}}})
	if page := g.get(talk[1]); !strings.Contains(page, "Wir tauschen sie aus.") || !strings.Contains(page, `class="turn out"`) || !strings.Contains(page, ">answered<") {
		t.Errorf("after: %.3500s", page)
	}
}

// Who works with answers sees first where the time to answer ends soon.
func TestWindowAboutToClose(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	talks := store.Table[pipeline.ConversationRow]{Store: h.store, Name: "conversation"}
	row, err := store.Table[pipeline.MentionRow]{Store: h.store, Name: "mention"}.One(t.Context(), "site:m1", "-")
	if err != nil || row.Value.Decision.Conversation == nil {
		t.Fatal(err)
	}
	ends := func(in time.Duration) string {
		if _, err := talks.Update(t.Context(), flow.Place(row.Value.Decision.Conversation.ID), "current", func(r *store.Row[pipeline.ConversationRow]) (bool, error) {
			r.Value.Conversation.ReplyUntil = h.at().Add(in)
			return true, nil
		}); err != nil {
			t.Fatal(err)
		}
		return h.enter().get("/answers")
	}
	if page := ends(2 * time.Hour); !strings.Contains(page, "Window about to close") || !strings.Contains(page, "@anna") {
		t.Errorf("%.2500s", page)
	}
	if page := ends(-time.Hour); strings.Contains(page, "Window about to close") {
		t.Error("a window that is closed is about to close")
	}
}

// Of two drafts the second cannot undo what the first published, unless somebody says so.
func TestStale(t *testing.T) {
	h := open(t)
	g := h.enter()
	if w := g.do("POST", "/rules", url.Values{"section": {"filters"}, "name": {"spam"}, "when": {`"spam" in intents`}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := g.do("POST", "/rules", url.Values{"section": {"filters"}, "name": {"bad"}, "when": {`severty > 1`}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong rule: %d", w.Code)
	}
	if _, err := h.app.Publish(t.Context(), []byte(strings.Replace(document, "terms: [nord]", "terms: [nord, north]", 1)), "test", "somebody", ""); err != nil {
		t.Fatal(err)
	}
	if w := g.do("POST", "/draft/publish", nil); w.Code != http.StatusConflict {
		t.Errorf("over another: %d", w.Code)
	}
	if w := g.do("POST", "/draft/publish", url.Values{"over": {"1"}}); w.Code != http.StatusSeeOther {
		t.Errorf("over another, said so: %d %s", w.Code, w.Body)
	}
	text := "version: 1\nbrands: [{name: nord, colour: red}]\n"
	if w := g.do("POST", "/configuration/edit", url.Values{"text": {text}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "colour: red") {
		t.Errorf("a wrong text is lost: %d", w.Code)
	}
}

// A new account's secrets go to where secrets are kept, and nowhere else.
func TestConnect(t *testing.T) {
	h := open(t)
	g := h.enter()
	g.get("/accounts/new?kind=site")
	w := g.do("POST", "/accounts/new", url.Values{"kind": {"site"}, "name": {"second"}, "brand": {"nord"}, "set.depth": {"3"}, "secret.token": {"s3cr3t-word"}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if h.vault["env:SECOND_TOKEN"] != "s3cr3t-word" {
		t.Errorf("kept: %v", h.vault)
	}
	for _, path := range []string{"/draft", "/accounts/second", "/configuration/edit", "/privacy"} {
		if strings.Contains(g.get(path), "s3cr3t-word") {
			t.Errorf("%s shows the secret", path)
		}
	}
	for name, form := range map[string]url.Values{"pause": {"pause": {"1"}}, "mode": {"object": {"tickets"}, "mode": {"observe"}}, "secret": {"secret": {"token"}, "value": {"n3w-word"}}} {
		if w := g.do("POST", "/accounts/hub/"+name, form); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if h.vault["env:HUB"] != "n3w-word" {
		t.Errorf("kept: %v", h.vault)
	}
	if page := g.get("/draft"); !strings.Contains(page, "crms[hub].paused") || !strings.Contains(page, "observe") {
		t.Errorf("draft: %s", page)
	}
}

// An erasure wants its subject twice, then everything of the author is gone from the pages.
func TestErase(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Kaputtwort! Unverschämt.")
	g := h.enter()
	if w := g.do("POST", "/privacy/erase", url.Values{"subject": {"site:anna"}, "confirm": {"site:anne"}, "reason": {"letter"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without care: %d", w.Code)
	}
	w := g.do("POST", "/privacy/erase", url.Values{"subject": {"site:anna"}, "confirm": {"site:anna"}, "reason": {"letter"}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for range 20 {
		h.step()
	}
	if page := g.get(w.Header().Get("Location")); !strings.Contains(page, ">done<") {
		t.Errorf("the job: %s", page)
	}
	for _, path := range []string{"/", "/mentions", "/people/site:anna", "/conversations", "/answers"} {
		if strings.Contains(g.get(path), "Kaputtwort") {
			t.Errorf("%s still shows it", path)
		}
	}
}

// The API's document tells of every route, and every reading one answers with JSON.
func TestAPI(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Kaputt!")
	g := h.enter()
	var made struct{ Token string }
	if err := json.Unmarshal(g.do("POST", "/api/v1/access", url.Values{"name": {"all"}, "role": {"admin"}}).Body.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	tool := &guest{h: h, bearer: made.Token}
	var doc struct {
		Paths map[string]map[string]struct {
			Summary string
			Roles   []string `json:"x-roles"`
		}
	}
	if err := json.Unmarshal(tool.do("GET", "/api/v1/openapi.json", nil).Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, rt := range h.console.Routes() {
		path := "/api/v1" + rt.Path
		if rt.Path == "/" {
			path = "/api/v1/overview"
		}
		op, told := doc.Paths[path][strings.ToLower(rt.Method)]
		if told != rt.API || rt.API && (op.Summary == "" || !slices.Equal(op.Roles, rt.Roles)) {
			t.Errorf("%s %s: told %t %+v", rt.Method, path, told, op)
		}
		if rt.API && rt.Method == "GET" && slices.Contains(rt.Roles, console.Admin) && !strings.Contains(concrete(path), "none") && !strings.HasSuffix(path, "/file") {
			if w := tool.do("GET", concrete(path), nil); w.Code != 200 || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s: %d %.200s", path, w.Code, w.Body)
			}
		}
	}
	for row, err := range h.store.List(t.Context(), store.Range{Part: "consoletoken#-"}) {
		if err != nil || strings.Contains(string(row.Data), made.Token) || row.Sort == made.Token {
			t.Error("the token is stored as it is")
		}
	}
}

// Every text of the pages has its German.
func TestGerman(t *testing.T) {
	files, err := filepath.Glob("page/*.html")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	texts := regexp.MustCompile(`\bt "([^"]+)"`)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range texts.FindAllStringSubmatch(string(raw), -1) {
			if _, ok := console.German()[m[1]]; !ok {
				t.Errorf("%s: %q has no German", f, m[1])
			}
		}
	}
	g := open(t).enter()
	if page := g.get("/?lang=de"); !strings.Contains(page, "Überblick") || !strings.Contains(page, `lang="de"`) {
		t.Error("the page is not German")
	}
}

// What expressions are offered they know.
func TestNames(t *testing.T) {
	for _, name := range console.Names() {
		if strings.HasPrefix(name, "crm.") {
			continue // of a mapping alone
		}
		if _, err := expression.Compile(name, decide.Env{}, expression.Any); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A full store does not make a page read more than 5,000 rows, nor lose the order: pages follow each other without a gap.
func TestBounded(t *testing.T) {
	more := ""
	for _, name := range []string{"o1", "o2", "o3", "o4", "o5", "o6", "o7"} { // they make an hour lie in many partitions, most of them empty
		more += fmt.Sprintf("  - {name: %s, kind: site, hook: site, brand: nord, id: %s}\n", name, name)
	}
	h := openWith(t, strings.Replace(document, "crms:\n", more+"crms:\n", 1))
	const hours, each = 8, 2500
	lines := store.Table[ledger.Line]{Store: h.store, Name: "line"}
	mentions := store.Table[pipeline.MentionRow]{Store: h.store, Name: "mention"}
	opened := store.Table[pipeline.HourRow]{Store: h.store, Name: "hour"}
	for k := range hours {
		at := h.at().Add(-time.Duration(k) * time.Hour)
		for _, name := range []string{"site", "o1"} {
			opened.Put(t.Context(), &store.Row[pipeline.HourRow]{Part: name, Sort: at.Format("2006010215")})
		}
		var some []*store.Row[ledger.Line]
		var said []*store.Row[pipeline.MentionRow]
		for i := range each {
			receipt := fmt.Sprintf("%04d%06d", hours-k, i)
			account := "site"
			if k == 0 && i < 500 {
				account = "o1"
			}
			p := ledger.At(account, at, receipt, 0)
			id := "site:" + receipt
			some = append(some, &store.Row[ledger.Line]{Part: p.Part, Sort: p.Sort, Value: ledger.Line{Account: account, Network: "site", At: at, Mention: id, Outcome: ledger.Mention}})
			said = append(said, &store.Row[pipeline.MentionRow]{Part: id, Sort: "-", Value: pipeline.MentionRow{Mention: flow.Mention{ID: id, Network: "site", Text: receipt, Created: at,
				Author: flow.Author{ID: "site:a", Handle: "a"}}, Decision: decide.Decision{Outcome: decide.Mention, Sentiment: "neutral", Conversation: &flow.Conversation{ID: "site:" + receipt + "~x"}}}})
		}
		lines.Put(t.Context(), some...)
		mentions.Put(t.Context(), said...)
	}
	g := h.enter()
	for _, rt := range h.console.Routes() {
		if rt.Method != "GET" || rt.Page == "" || strings.Contains(rt.Path, "{id}") && !strings.HasPrefix(rt.Path, "/people") {
			continue
		}
		h.pass(10 * time.Second)
		path := strings.ReplaceAll(concrete(rt.Path), "site:anna", "site:a")
		before, begin := h.store.rows.Load(), time.Now()
		g.do("GET", path, nil)
		if n := h.store.rows.Load() - before; n > 5000 {
			t.Errorf("%s reads %d rows", path, n)
		} else {
			t.Logf("%-34s %5d rows %6.1f ms", path, n, float64(time.Since(begin).Microseconds())/1000)
		}
	}
	next := regexp.MustCompile(`href="\?(before=[^"]+)"`)
	text := regexp.MustCompile(`>(\d{10})<`)
	path, last, seen := "/mentions", "9", 0
	for range 60 {
		page := g.get(path)
		for _, m := range text.FindAllStringSubmatch(page, -1) {
			if m[1] >= last {
				t.Fatalf("%s comes after %s", m[1], last)
			}
			last = m[1]
			seen++
		}
		m := next.FindStringSubmatch(page)
		if m == nil {
			break
		}
		path = "/mentions?" + strings.ReplaceAll(m[1], "&amp;", "&")
		if want := 60 * 50; seen >= want-50 {
			break
		}
	}
	if want := fmt.Sprintf("%04d%06d", hours-1, 2*each-seen); seen < 2900 || last != want {
		t.Errorf("%d seen, the last is %s, want %s", seen, last, want)
	}
}
