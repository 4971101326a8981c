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

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// api calls the API in the place of the guest's pages and decodes what it answers.
func (g *guest) api(method, path string, form url.Values, out any) int {
	g.h.t.Helper()
	w := g.do(method, "/api/v1"+path, form)
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			g.h.t.Fatalf("%s %s: %d %.300s", method, path, w.Code, w.Body)
		}
	}
	return w.Code
}

// tool makes a token of all that an admin may, and whoever uses it.
func (h *home) tool(role string) *guest {
	h.t.Helper()
	var made struct{ Token string }
	if err := json.Unmarshal(h.enter().do("POST", "/api/v1/access", url.Values{"name": {"tool"}, "role": {role}}).Body.Bytes(), &made); err != nil {
		h.t.Fatal(err)
	}
	return &guest{h: h, bearer: made.Token}
}

// shown waits for a dry run and gives its page.
func (g *guest) shown(path string) string {
	page := g.get(path)
	for tries := 0; strings.Contains(page, "data-reload") && tries < 400; tries++ {
		time.Sleep(10 * time.Millisecond)
		page = g.get(path)
	}
	return page
}

// A day is taken back: its dry run shows what that writes, nothing is written before somebody says yes, and a stale yes is
// refused.
func TestUndoOfADay(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	subject := func() string {
		for _, r := range h.portal.Rows("tickets") {
			return fmt.Sprint(r.Fields["subject"])
		}
		return ""
	}
	was := subject()
	if was == "" {
		t.Fatal("no ticket")
	}
	g := h.enter()
	w := g.do("POST", "/jobs/try", url.Values{"kind": {"undo"}, "day": {"2026-11-20"}})
	page := g.shown(w.Header().Get("Location"))
	hash := regexp.MustCompile(`name="hash" value="([0-9a-f]{16})"`).FindStringSubmatch(page)
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page)
	if hash == nil || id == nil {
		t.Fatalf("%d %.900s", w.Code, page)
	}
	if subject() != was {
		t.Error("a dry run wrote")
	}
	if w := g.do("POST", "/jobs/apply", url.Values{"id": {id[1]}, "hash": {"0123456789abcdef"}}); w.Code != http.StatusConflict {
		t.Errorf("another hash: %d", w.Code)
	}
	w = g.do("POST", "/jobs/apply", url.Values{"id": {id[1]}, "hash": {hash[1]}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for range 10 {
		h.step()
	}
	if got := subject(); got == was {
		t.Errorf("the ticket still holds %q", got)
	}
	page = g.get(w.Header().Get("Location"))
	if !strings.Contains(page, ">done<") {
		t.Errorf("the job: %.1500s", page)
	}
	if page = g.get("/jobs"); !strings.Contains(page, ">undo<") {
		t.Error("the job is not listed")
	}
}

// Who keeps things running sees jobs, but not whom they are about, and starts none that costs or writes.
func TestJobsTellOfNobody(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Kaputt!")
	id, err := h.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: flow.Erasure{ID: "e1", Author: "site:anna", Reason: "letter of Anna"}})
	if err != nil {
		t.Fatal(err)
	}
	g := h.enter("operator")
	for _, path := range []string{"/jobs", "/jobs/" + id, "/api/v1/jobs", "/api/v1/jobs/" + id} {
		if page := g.get(path); !strings.Contains(page, "erase") || strings.Contains(strings.ToLower(page), "anna") {
			t.Errorf("%s: %.600s", path, page)
		}
	}
	if code := g.do("POST", "/jobs/"+id+"/cancel", nil).Code; code != http.StatusForbidden {
		t.Errorf("cancelled by an operator: %d", code)
	}
	if code := h.enter().do("POST", "/jobs/"+id+"/cancel", nil).Code; code != http.StatusUnprocessableEntity {
		t.Errorf("an erasure is cancelled: %d", code)
	}
}

// Of what failed those alike are sent again, and a dry run first tells how many.
func TestRedriveAlike(t *testing.T) {
	h := open(t)
	parked := store.Table[pipeline.ParkedRow]{Store: h.store, Name: "parked"}
	for i, reason := range []string{"property a was 71 characters too long", "property a was 9 characters too long", "record 4711aa was deleted"} {
		body, err := json.Marshal(pipeline.Task{Delivery: flow.Delivery{Account: "hub", Mention: fmt.Sprint("site:m", i)}, Lane: topology.DeliverUrgent})
		if err != nil {
			t.Fatal(err)
		}
		parked.Put(t.Context(), &store.Row[pipeline.ParkedRow]{Part: "hub#dead", Sort: fmt.Sprint(i), Value: pipeline.ParkedRow{Lane: topology.DeliverUrgent, Group: "hub", Body: body, Reason: reason, Dead: true, At: h.at()}})
	}
	tool := h.tool("operator")
	form := url.Values{"where": {"hub"}, "kind": {"property a was 12 characters too long"}}
	var would struct{ Would, Redriven int }
	form.Set("try", "1")
	if tool.api("POST", "/failures/redrive", form, &would); would.Would != 2 {
		t.Errorf("the dry run counts %d", would.Would)
	}
	form.Del("try")
	if tool.api("POST", "/failures/redrive", form, &would); would.Redriven != 2 {
		t.Errorf("sent again: %d", would.Redriven)
	}
	var left struct{ Causes []struct{ Say string } }
	if tool.api("GET", "/failures", nil, &left); len(left.Causes) != 1 || !strings.Contains(left.Causes[0].Say, "deleted") {
		t.Errorf("left: %+v", left)
	}
}

// Dead letters of a lane are grouped by cause too, in plain words and in both languages; those alike are counted first and
// sent again by themselves, and when only a part was looked at that is said.
func TestDeadLettersAlike(t *testing.T) {
	h := open(t)
	bury := func(reason string, n int) {
		for range n {
			if err := h.queue.Send(t.Context(), queue.Message{Lane: queue.Lane(topology.Changes), Body: []byte("x")})[0]; err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range h.queue.Receive(queue.Lane(topology.Changes), n) {
			h.queue.Settle(m, fault.New(fault.Invalid, "%s", reason))
		}
	}
	bury("changes of hook-1: the account is not configured", 2)
	bury("changes of hook-27: the account is not configured", 1)
	bury("a deliver message is damaged: invalid character 'x'", 1)
	g, tool := h.enter(), h.tool("operator")
	page := g.get("/failures")
	for _, want := range []string{"The account is not configured", "The message cannot be read", "changes of hook-1: the account"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if page := g.get("/failures?lang=de"); !strings.Contains(page, "Das Konto ist nicht eingerichtet") {
		t.Error("the cause is not told in German")
	}
	form := url.Values{"where": {string(topology.Changes)}, "kind": {"changes of hook-4: the account is not configured"}, "try": {"1"}}
	var got struct{ Would, Redriven int }
	if tool.api("POST", "/failures/redrive", form, &got); got.Would != 3 {
		t.Errorf("the dry run counts %d", got.Would)
	}
	form.Del("try")
	form.Set("limit", "1")
	if tool.api("POST", "/failures/redrive", form, &got); got.Redriven != 1 {
		t.Errorf("one again: %d", got.Redriven)
	}
	form.Set("limit", "5000")
	if tool.api("POST", "/failures/redrive", form, &got); got.Redriven != 2 {
		t.Errorf("all of the kind: %d", got.Redriven)
	}
	dead, err := h.queue.Dead(t.Context(), queue.Lane(topology.Changes), 10)
	if err != nil || len(dead) != 1 || !strings.Contains(dead[0].Reason, "damaged") {
		t.Errorf("left: %v %+v", err, dead)
	}
	bury("many", 250)
	if page := g.get("/failures"); !strings.Contains(page, "looked at 200 of about 251") {
		t.Error("the page does not say that it looked at a part")
	}
	if w := g.do("POST", "/failures/redrive", url.Values{"where": {"nothing"}}); w.Code != http.StatusNotFound {
		t.Errorf("a lane that is not there: %d", w.Code)
	}
}

// Things are found by what names them exactly; the page says where it looked, and who may not see them finds nothing.
func TestLookUp(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	ticket := ""
	for _, r := range h.portal.Rows("tickets") {
		ticket = r.ID
	}
	g := h.enter()
	for want, hit := range map[string]string{"site:m1": `href="/mentions/site:m1"`, "site:anna": `href="/people/site:anna"`, "@Anna": `href="/people/site:anna"`, "LAMPE wieder": `href="/mentions/site:m1"`, ticket: `href="/conversations/`, "hub:tickets/" + ticket: `href="/conversations/`} {
		if page := g.get("/find?q=" + url.QueryEscape(want)); !strings.Contains(page, hit) || !strings.Contains(page, "Searched:") {
			t.Errorf("%s: %.2000s", want, page)
		}
	}
	if page := g.get("/find?q=nobody@nowhere.example"); !strings.Contains(page, "by their hash") || !strings.Contains(page, "Nothing is called exactly so.") {
		t.Errorf("an unknown address: %.900s", page)
	}
	if page := g.get("/find?q=anna"); !strings.Contains(page, "Look in what was said too") {
		t.Errorf("words cannot be looked for where a key led to somebody: %.2000s", page)
	}
	if page := g.get("/find?q=Lampe+Brille"); strings.Contains(page, "/mentions/site:m1") {
		t.Error("a mention is found that holds one of two words")
	}
	foreign := h.enter("viewer:other")
	for _, want := range []string{"site:m1", ticket, "anna", "Lampe"} {
		if page := foreign.get("/find?q=" + url.QueryEscape(want)); strings.Contains(page, "/mentions/site:m1") || strings.Contains(page, "/people/site:anna") || strings.Contains(page, `href="/conversations/`) {
			t.Errorf("another brand finds %s", want)
		}
	}
}

// The list of mentions by author, and by hour, holds what was asked for and nothing else.
func TestMentionsBy(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Wort eins")
	h.said("m2", "ben", "Wort zwei")
	h.pass(2 * time.Hour)
	h.said("m3", "anna", "Wort drei")
	g := h.enter()
	for path, want := range map[string]string{"?author=site:anna": "eins drei", "?author=site:ben": "zwei", "?hour=2026-11-20T12": "eins zwei", "?hour=2026-11-20T12:00&author=site:anna": "eins"} {
		page := g.get("/mentions" + path)
		for _, word := range []string{"eins", "zwei", "drei"} {
			if strings.Contains(page, "Wort "+word) != strings.Contains(want, word) {
				t.Errorf("%s and %s", path, word)
			}
		}
	}
	if w := g.do("GET", "/mentions?hour=yesterday", nil); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong hour: %d", w.Code)
	}
}

// Hours, promised times, texts and weights go into the draft and are checked there; the remark stays.
func TestStanding(t *testing.T) {
	h := open(t)
	g := h.enter()
	for path, form := range map[string]url.Values{
		"/rules/brand":    {"brand": {"nord"}, "zone": {"Europe/Berlin"}, "mon": {"09:00-17:00"}, "urgent": {"15m"}, "holidays": {"2026-12-24, 2026-12-31"}, "tue": {""}},
		"/rules/template": {"brand": {"nord"}, "action": {"open_case"}, "lang": {"de"}, "text": {"Das tut uns leid."}},
		"/rules/score":    {"reach": {"40"}, "resonance": {"30"}, "connectedness": {"10"}, "relevance": {"10"}, "role": {"10"}, "half_life": {"240h"}},
	} {
		if w := g.do("POST", path, form); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d %.900s", path, w.Code, w.Body)
		}
	}
	text := g.get("/configuration/edit")
	for _, want := range []string{"Europe/Berlin", "09:00-17:00", "urgent: 15m", "2026-12-24", "Das tut uns leid.", "reach: 40", "# kept: a remark"} {
		if !strings.Contains(text, want) {
			t.Errorf("the draft lacks %q", want)
		}
	}
	for path, form := range map[string]url.Values{
		"/rules/brand":    {"brand": {"nord"}, "zone": {"Europe/Berlim"}},
		"/rules/score":    {"reach": {"40"}, "resonance": {"30"}},
		"/rules/template": {"brand": {"nord"}, "index": {"7"}, "action": {"x"}, "lang": {"de"}, "text": {"y"}},
	} {
		if w := g.do("POST", path, form); w.Code < 400 {
			t.Errorf("%s with a mistake: %d", path, w.Code)
		}
	}
	g.do("POST", "/rules/template", url.Values{"brand": {"nord"}, "index": {"0"}, "remove": {"1"}})
	if strings.Contains(g.get("/configuration/edit"), "Das tut uns leid.") {
		t.Error("the template is not taken out")
	}
}

// A condition is tried on what was said.
func TestRulePreview(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	h.said("m2", "ben", "Danke, ihr seid großartig!")
	if code := h.tool("viewer").api("POST", "/rules/preview", url.Values{"value": {`text contains "Lampe"`}}, nil); code != http.StatusForbidden {
		t.Errorf("who may not read everything asks about words: %d", code)
	}
	tool := h.tool("admin")
	var got struct {
		Error   string
		Matches int
		Of      int
	}
	if tool.api("POST", "/rules/preview", url.Values{"value": {`sentiment == "negative"`}}, &got); got.Matches != 1 || got.Of != 2 {
		t.Errorf("%+v", got)
	}
	if tool.api("POST", "/rules/preview", url.Values{"value": {`sentimen == "negative"`}}, &got); !strings.Contains(got.Error, "sentiment") {
		t.Errorf("a misspelt name: %+v", got)
	}
}

// What two stacks share is carried from one to the other by export and import: the rules arrive, the accounts stay, and what
// does not fit here is refused with its place.
func TestPromoteBetweenStacks(t *testing.T) {
	one, two := open(t), openWith(t, strings.Replace(document, "name: site, kind: site, hook: site, brand: nord, replies: approve", "name: site, kind: site, hook: site, brand: nord, id: prod-1", 1))
	g := one.enter()
	g.do("POST", "/rules", url.Values{"section": {"filters"}, "name": {"spam"}, "when": {`"spam" in intents`}})
	g.do("POST", "/draft/publish", url.Values{"note": {"no spam"}})
	text := g.get("/configuration/file")
	there := two.enter()
	if w := there.do("POST", "/configuration/import", url.Values{"text": {text}, "part": {"filters", "mapping"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.900s", w.Code, w.Body)
	}
	page := there.get("/draft")
	if !strings.Contains(page, "filters[spam]") || strings.Contains(page, "prod-1") || strings.Contains(page, "replies") {
		t.Errorf("the draft: %.2500s", page)
	}
	if w := there.do("POST", "/draft/publish", url.Values{"note": {"from one"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if v, err := two.app.Version(t.Context(), 0); err != nil || !strings.Contains(v.Text, "prod-1") || !strings.Contains(v.Text, `"spam" in intents`) {
		t.Errorf("%v %s", err, v.Text)
	}
	wrong := strings.Replace(text, `"spam" in intents`, `"spam" in intent`, 1)
	if w := there.do("POST", "/configuration/import", url.Values{"text": {wrong}, "part": {"filters"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "intents") {
		t.Errorf("what does not fit: %d %.900s", w.Code, w.Body)
	}
	if w := there.do("POST", "/configuration/import", url.Values{"text": {text}, "part": {"crms"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("accounts are taken over: %d", w.Code)
	}
}

// Between environments of one configuration modes and settings are laid over, secrets are not.
func TestPromoteBetweenEnvironments(t *testing.T) {
	h := openWith(t, document+`environments:
  test: {accounts: {hub: {modes: {tickets: observe}, secrets: {token: "env:HUB_TEST"}}}}
  prod: {accounts: {hub: {secrets: {token: "env:HUB_PROD"}}}}
`)
	g := h.enter()
	if page := g.get("/configuration/promote?from=test&to=prod"); !strings.Contains(page, "crms[hub].modes.tickets") {
		t.Errorf("the difference: %.1500s", page)
	}
	if w := g.do("POST", "/configuration/promote", url.Values{"from": {"test"}, "to": {"prod"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %.900s", w.Code, w.Body)
	}
	page := g.get("/draft")
	if !strings.Contains(page, "environments.prod.accounts.hub.modes") && !strings.Contains(page, "observe") || strings.Contains(page, "HUB_TEST") {
		t.Errorf("the draft: %.2000s", page)
	}
}

// The audit trail is searched by who and what.
func TestAuditSearch(t *testing.T) {
	h := open(t)
	g := h.enter()
	g.do("POST", "/rules", url.Values{"section": {"filters"}, "name": {"quiet"}, "when": {"severity < 1"}})
	if page := g.get("/audit?did=draft"); !strings.Contains(page, "filters: quiet") || strings.Contains(page, ">logged in<") {
		t.Errorf("%.1500s", page)
	}
	if page := g.get("/audit?by=nobody"); strings.Contains(page, "filters: quiet") {
		t.Error("what others did is listed")
	}
	if code := h.enter("operator").do("GET", "/audit", nil).Code; code != http.StatusForbidden {
		t.Errorf("an operator reads it: %d", code)
	}
}

// The sealed ledger is compared with its lines; a line that somebody changed is found.
func TestSeals(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Kaputt!")
	for range 8 {
		h.pass(time.Hour)
		h.step()
	}
	g := h.enter()
	if page := g.get("/ledger"); !strings.Contains(page, "Newest seal") {
		t.Fatalf("nothing is sealed: %.900s", page)
	}
	if page := g.do("POST", "/ledger/verify", url.Values{"hours": {"24"}}).Body.String(); !strings.Contains(page, "Every line is as it was sealed") {
		t.Errorf("%.1500s", page)
	}
	entries, err := h.app.Story(t.Context(), "site:m1")
	if err != nil || len(entries.Lines) == 0 {
		t.Fatal(err)
	}
	at := entries.Lines[0].Place
	items, err := h.store.Store.Get(t.Context(), store.Key{Part: "line#" + at.Part, Sort: at.Sort})
	if err != nil {
		t.Fatal(err)
	}
	items[0].Part, items[0].Sort = "line#"+at.Part, at.Sort
	items[0].Data = []byte(strings.Replace(string(items[0].Data), "site:m1", "site:m9", 1))
	if res := h.store.Put(t.Context(), items...)[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	if page := g.do("POST", "/ledger/verify", url.Values{"hours": {"24"}}).Body.String(); !strings.Contains(page, "What does not agree with the seals") {
		t.Errorf("a changed line is not found: %.1500s", page)
	}
}

// A new app registration: its verify token is made up, kept as a secret, and shown once.
func TestHook(t *testing.T) {
	h := open(t)
	g := h.enter()
	g.get("/hooks?kind=site")
	w := g.do("POST", "/hooks", url.Values{"kind": {"site"}, "name": {"north"}, "secret.secret": {"s3cr3t-word"}})
	made := h.vault["env:NORTH_VERIFY"]
	if made == "" || !strings.Contains(w.Body.String(), made) || h.vault["env:NORTH_SECRET"] != "s3cr3t-word" {
		t.Fatalf("%d %v %.1500s", w.Code, h.vault, w.Body)
	}
	for _, path := range []string{"/hooks", "/draft", "/configuration/edit", "/audit"} {
		if page := g.get(path); strings.Contains(page, made) || strings.Contains(page, "s3cr3t-word") {
			t.Errorf("%s shows a secret", path)
		}
	}
	if page := g.get("/hooks"); !strings.Contains(page, "/hooks/north") || !strings.Contains(page, "not published") {
		t.Errorf("%.1500s", page)
	}
	g.do("POST", "/hooks/north/token", nil)
	if again := h.vault["env:NORTH_VERIFY"]; again == made || again == "" {
		t.Error("no new token")
	}
}

// A log-in at a vendor: the browser that comes back must be the one that went, once, and within its time; the token is kept
// sealed, and of several accounts one is chosen.
func TestVendorLogIn(t *testing.T) {
	h := open(t)
	var asked []string
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.RawQuery) }))
	t.Cleanup(vendor.Close)
	h.net.door = vendor.URL
	g := h.enter()
	begin := func() (state string, cookie *http.Cookie) {
		w := g.do("POST", "/accounts/site/login", nil)
		to := regexp.MustCompile(`href="(http://127[^"]+)"`).FindStringSubmatch(w.Body.String())
		if to == nil {
			t.Fatalf("%d %.900s", w.Code, w.Body)
		}
		u, err := url.Parse(strings.ReplaceAll(to[1], "&amp;", "&"))
		if err != nil || u.Query().Get("redirect_uri") != "http://"+host+"/connected" {
			t.Fatal(err, u)
		}
		for _, k := range w.Result().Cookies() {
			if k.Name == "rapport_connect" {
				cookie = k
			}
		}
		return u.Query().Get("state"), cookie
	}
	back := func(state, code string, cookie *http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "http://"+host+"/connected?"+url.Values{"state": {state}, "code": {code}}.Encode(), nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		h.console.ServeHTTP(w, r)
		return w
	}
	state, cookie := begin()
	if cookie == nil || cookie.SameSite != http.SameSiteLaxMode || !cookie.HttpOnly {
		t.Fatalf("%+v", cookie)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{"another browser": back(state, "good", nil), "another state": back("x"+state, "good", cookie), "no state": back("", "good", cookie)} {
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := back(state, "bad", cookie); w.Code < 400 {
		t.Errorf("a refused code: %d", w.Code)
	}
	w := back(state, "good", cookie)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "Nord shop") || strings.Contains(w.Body.String(), "t0ken-word") {
		t.Fatalf("%d %.1500s", w.Code, w.Body)
	}
	cleared := false
	for _, k := range w.Result().Cookies() {
		cleared = cleared || k.Name == "rapport_connect" && k.MaxAge < 0
	}
	if !cleared {
		t.Error("the sealed cookie holds for more than one answer")
	}
	row, err := store.Table[pipeline.TokenRow]{Store: h.store, Name: "token"}.One(t.Context(), "site", "-")
	if err != nil || row.Version == 0 || strings.Contains(string(row.Value.Access), "t0ken-word") {
		t.Errorf("kept: %v %+v", err, row)
	}
	state, cookie = begin()
	h.pass(11 * time.Minute)
	if w := back(state, "good", cookie); w.Code != http.StatusForbidden {
		t.Errorf("too late: %d", w.Code)
	}
	if w := g.do("POST", "/accounts/site/code", url.Values{"code": {"many"}}); !strings.Contains(w.Body.String(), "Which one is the account?") || !strings.Contains(w.Body.String(), "South shop") {
		t.Errorf("several: %d %.900s", w.Code, w.Body)
	}
	if w := g.do("POST", "/accounts/site/target", url.Values{"target": {"s2"}}); w.Code != http.StatusSeeOther || !strings.Contains(g.get("/draft"), "networks[site].id") {
		t.Errorf("chosen: %d", w.Code)
	}
	state, cookie = begin()
	g.do("POST", "/leave", nil)
	if w := back(state, "good", cookie); w.Code != http.StatusForbidden {
		t.Errorf("after logging out: %d", w.Code)
	}
	if strings.Contains(h.log.String(), "t0ken-word") || strings.Contains(h.log.String(), state) {
		t.Error("the log holds a secret")
	}
}

// A draft is sent once it is approved, once, by who may answer, and its words are gone from it; one that is dropped never is.
func TestDraftAnswer(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	g := h.enter()
	talk := regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindStringSubmatch(g.get("/conversations"))[1]
	g.do("POST", talk+"/draft", url.Values{"text": {"Das tut uns leid."}})
	g.do("POST", talk+"/draft", url.Values{"text": {"Pech gehabt."}})
	for range 3 {
		h.step()
	}
	if len(h.net.posted) != 0 {
		t.Fatalf("a draft was sent: %q", h.net.posted)
	}
	ids := regexp.MustCompile(`action="(/answers/[^"]+)/approve"`).FindAllStringSubmatch(g.get(talk), -1)
	if len(ids) != 2 {
		t.Fatalf("drafts: %v", ids)
	}
	if code := h.enter("operator").do("POST", ids[0][1]+"/approve", nil).Code; code != http.StatusForbidden {
		t.Errorf("who may not read approves: %d", code)
	}
	if code := h.enter("viewer:other", "operator:other").do("POST", ids[0][1]+"/approve", nil).Code; code != http.StatusNotFound {
		t.Errorf("who has another brand approves: %d", code)
	}
	for range 2 {
		g.do("POST", ids[0][1]+"/approve", nil)
	}
	if code := g.do("POST", ids[1][1]+"/drop", nil).Code; code != http.StatusSeeOther {
		t.Errorf("dropped: %d", code)
	}
	for range 4 {
		h.step()
	}
	if len(h.net.posted) != 1 || !strings.Contains(h.net.posted[0], "Das tut uns leid.") {
		t.Errorf("posted %q", h.net.posted)
	}
	if page := g.get(talk); strings.Contains(page, "Pech gehabt.") || strings.Count(page, "Das tut uns leid.") != 1 {
		t.Errorf("%.3000s", page)
	}
}

// What the API's document says that a route takes, the handlers read.
func TestTaken(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(f, "_test.go") {
			source.Write(text)
		}
	}
	all, n := open(t).console.Taken(), 0
	for route, names := range all {
		for _, name := range names {
			n++
			if !strings.Contains(source.String(), `"`+name+`"`) {
				t.Errorf("%s: nobody reads %q", route, name)
			}
		}
	}
	if n < 60 || !slices.Equal(all["POST /jobs/apply"], []string{"id", "hash"}) || !slices.Contains(all["GET /mentions"], "author") {
		t.Errorf("%d names: %v", n, all)
	}
}
