package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/console"
	"rapport/shared/direct"
	"rapport/shared/oidc"
	provider "rapport/shared/twin/oidc"
)

// gate is a console that people reach by https and enter through a provider.
type gate struct {
	*home
	provider *provider.Provider
}

const (
	issuer  = "https://login.example"
	outside = "https://console.example"
)

func openGate(t *testing.T, document string) *gate {
	t.Helper()
	h := openWith(t, document)
	g := &gate{home: h}
	g.provider = provider.New(provider.Options{Now: h.at, Issuer: issuer, Client: "console", Redirects: []string{outside + oidc.Back}, People: map[string]provider.Person{
		"ada": {Email: "ada@nordlicht.example", Groups: []string{"rapport-admin", "everybody"}}, "vic": {Email: "vic@nordlicht.example", Groups: []string{"rapport-viewer"}},
		"nora": {Email: "nora@nordlicht.example", Groups: []string{"Team Nord"}}, "max": {Email: "max@nordlicht.example", Groups: []string{"everybody"}}}})
	settings, err := oidc.Parse([]byte(`{"issuer": "` + issuer + `", "client": "console"}`))
	if err != nil {
		t.Fatal(err)
	}
	login := oidc.New(oidc.Options{Settings: settings, HTTP: &http.Client{Transport: direct.Transport{Handler: g.provider}}, Now: h.at})
	h.console, err = console.New(console.Options{Pipeline: h.app.Pipeline, Backend: h.app, Queue: h.queue, Hosts: []string{"console.example"}, Secure: true, Base: outside, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// visitor is a browser outside: it keeps cookies as browsers do.
type visitor struct {
	g       *gate
	cookies map[string]string
	set     map[string]*http.Cookie
}

func (g *gate) visitor() *visitor {
	return &visitor{g, map[string]string{}, map[string]*http.Cookie{}}
}

func (v *visitor) do(method, address string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	v.g.console.ServeHTTP(w, r)
	v.g.pass(100 * time.Millisecond)
	for _, k := range w.Result().Cookies() {
		v.set[k.Name] = k
		if v.cookies[k.Name] = k.Value; k.MaxAge < 0 {
			delete(v.cookies, k.Name)
		}
	}
	return w
}

func (v *visitor) get(path string) *httptest.ResponseRecorder { return v.do("GET", outside+path, nil) }

// leaves begins a log-in and gives where the browser is sent.
func (v *visitor) leaves(path string) *url.URL {
	v.g.t.Helper()
	w := v.get(path)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || !strings.HasPrefix(to.String(), issuer+"/authorize?") {
		v.g.t.Fatalf("%s: %d to %s: %s", path, w.Code, to, w.Body)
	}
	return to
}

// chooses logs in at the provider and gives the address to which that sends the browser back.
func (v *visitor) chooses(at *url.URL, person string) string {
	v.g.t.Helper()
	r := httptest.NewRequest("POST", at.String(), strings.NewReader(url.Values{"person": {person}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	if v.g.provider.ServeHTTP(w, r); w.Code != http.StatusSeeOther {
		v.g.t.Fatalf("the provider: %d %s", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// enters logs somebody in.
func (v *visitor) enters(person string) *visitor {
	v.g.t.Helper()
	if w := v.do("GET", v.chooses(v.leaves("/login"), person), nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		v.g.t.Fatalf("%s comes in: %d %s %s", person, w.Code, w.Header().Get("Location"), w.Body)
	}
	return v
}

func (v *visitor) mark() string {
	_, after, _ := strings.Cut(v.get("/").Body.String(), `name="csrf" value="`)
	mark, _, _ := strings.Cut(after, `"`)
	return mark
}

// Who is in a group of ours gets in with its roles and nothing more; who is in none is told so.
func TestLogIn(t *testing.T) {
	g := openGate(t, strings.Replace(document, "terms: [nord]}", `terms: [nord], roles: {viewer: ["Team Nord"]}}`, 1))
	v := g.visitor()
	if w := v.get("/mentions?column=dead"); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), `href="/login?to=%2Fmentions%3Fcolumn%3Ddead"`) {
		t.Errorf("a stranger: %d %s", w.Code, w.Body)
	}
	to := v.leaves("/login?to=%2Fmentions%3Fcolumn%3Ddead")
	q := to.Query()
	for name, want := range map[string]string{"client_id": "console", "response_type": "code", "code_challenge_method": "S256", "redirect_uri": outside + "/login/back", "scope": "openid email profile"} {
		if q.Get(name) != want {
			t.Errorf("%s=%q", name, q.Get(name))
		}
	}
	if q.Get("nonce") == "" || q.Get("state") == "" || strings.Contains(v.cookies["__Host-rapport_login"], q.Get("state")) {
		t.Error("the attempt lies open, or has no nonce")
	}
	if w := v.do("GET", v.chooses(to, "ada"), nil); w.Header().Get("Location") != "/mentions?column=dead" {
		t.Errorf("after the log-in: %d %s", w.Code, w.Body)
	}
	k := v.set["__Host-rapport_session"]
	if k == nil || !k.HttpOnly || !k.Secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
		t.Fatalf("the session's cookie: %+v", k)
	}
	if w := v.get("/access"); w.Code != 200 || !strings.Contains(w.Body.String(), "ada@nordlicht.example") {
		t.Errorf("an admin: %d", w.Code)
	}
	if code := v.get("/privacy").Code; code != http.StatusForbidden {
		t.Errorf("an admin looks after privacy: %d", code)
	}
	vic := g.visitor().enters("vic")
	if vic.get("/").Code != 200 || vic.get("/access").Code != http.StatusForbidden {
		t.Error("a viewer")
	}
	nora := g.visitor().enters("nora")
	if nora.get("/").Code != 200 || nora.get("/configuration").Code != http.StatusForbidden {
		t.Error("a viewer of one brand, by a group that the configuration names")
	}
	max := g.visitor()
	if w := max.do("GET", max.chooses(max.leaves("/login"), "max"), nil); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "in no group") || max.cookies["__Host-rapport_session"] != "" {
		t.Errorf("in no group: %d %s", w.Code, w.Body)
	}
	if page := g.visitor().get("/login/back?error=access_denied&state=x").Body.String(); strings.Contains(page, "access_denied") {
		t.Error("an answer to nobody's question is believed")
	}
	if log := g.log.String(); strings.Contains(log, "eyJ") || strings.Contains(log, q.Get("state")) {
		t.Errorf("a proof is in the log: %s", log)
	}
}

// What does not belong to this log-in of this browser opens nothing.
func TestLogInRefused(t *testing.T) {
	g := openGate(t, document)
	refused := func(name string, v *visitor, address string) {
		t.Helper()
		if w := v.do("GET", address, nil); w.Code != http.StatusForbidden || v.cookies["__Host-rapport_session"] != "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Location"))
		}
	}
	v := g.visitor()
	back := v.chooses(v.leaves("/login"), "ada")
	refused("another browser", g.visitor(), back)
	other := g.visitor()
	other.leaves("/login")
	refused("another browser with a log-in of its own", other, back)
	v = g.visitor()
	back = v.chooses(v.leaves("/login"), "ada")
	refused("another state", v, strings.Replace(back, "state=", "state=x", 1))
	refused("the attempt is used up", v, back)

	v = g.visitor()
	back = v.chooses(v.leaves("/login"), "ada")
	kept := v.cookies["__Host-rapport_login"]
	if w := v.do("GET", back, nil); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	replay := g.visitor()
	replay.cookies["__Host-rapport_login"] = kept
	refused("a code used twice", replay, back)

	v = g.visitor()
	begun := v.leaves("/login")
	g.pass(11 * time.Minute)
	refused("too late", v, v.chooses(begun, "ada"))

	v = g.visitor()
	back = v.chooses(v.leaves("/login"), "ada")
	v.cookies["__Host-rapport_login"] = v.cookies["__Host-rapport_login"][1:]
	refused("a damaged cookie", v, back)

	v = g.visitor()
	back = v.chooses(v.leaves("/login"), "ada")
	refused("another issuer", v, strings.Replace(back, url.QueryEscape(issuer), url.QueryEscape("https://evil.example"), 1))
	v = g.visitor()
	at := v.leaves("/login")
	refused("who is not known there", v, v.chooses(at, "nobody"))
	for name, forge := range map[string]func(*provider.Token){
		"another nonce":    func(t *provider.Token) { t.Claims["nonce"] = "x" },
		"another audience": func(t *provider.Token) { t.Claims["aud"] = "x" },
		"two audiences":    func(t *provider.Token) { t.Claims["aud"] = []string{"console", "x"} },
		"another party":    func(t *provider.Token) { t.Claims["azp"] = "x" },
		"another provider": func(t *provider.Token) { t.Claims["iss"] = "https://evil.example" },
		"too old":          func(t *provider.Token) { t.Claims["exp"] = g.at().Add(-time.Minute).Unix() },
		"to come":          func(t *provider.Token) { t.Claims["iat"] = g.at().Add(time.Hour).Unix() },
		"nobody":           func(t *provider.Token) { t.Claims["sub"] = "" },
		"unsigned":         func(t *provider.Token) { t.Alg = "none" },
		"shared key":       func(t *provider.Token) { t.Alg = "HS256" },
	} {
		v := g.visitor()
		back := v.chooses(v.leaves("/login"), "ada")
		g.provider.Forge(forge)
		refused(name, v, back)
	}
	if v := g.visitor().enters("ada"); v.get("/").Code != 200 {
		t.Error("the right one does not open")
	}
}

// A log-in ends on a page of ours, wherever it was asked to end.
func TestNoOpenRedirect(t *testing.T) {
	g := openGate(t, document)
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, `\\evil.example`, "/%2F/evil.example", "javascript:alert(1)", "evil.example", "http:/evil.example",
		"/\t/evil.example", "///evil.example", "/login", "/api/v1/overview", "https:evil.example"} {
		v := g.visitor()
		at := v.leaves("/login?to=" + url.QueryEscape(to))
		w := v.do("GET", v.chooses(at, "vic"), nil)
		got, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther || got.Host != "" || got.Scheme != "" || !strings.HasPrefix(got.Path, "/") || strings.HasPrefix(got.Path, "//") || strings.Contains(got.Path, "evil") && to != "x" {
			t.Errorf("%q leads to %q (%d)", to, w.Header().Get("Location"), w.Code)
		}
	}
}

// A session begins with the log-in, ends with log-out, when it is not used, and with the working day.
func TestSession(t *testing.T) {
	g := openGate(t, document)
	v := g.visitor()
	v.cookies["__Host-rapport_session"] = "chosen-by-somebody-else"
	v.enters("ada")
	if v.cookies["__Host-rapport_session"] == "chosen-by-somebody-else" {
		t.Error("a session's name was chosen by its visitor")
	}
	before := v.cookies["__Host-rapport_session"]
	v.enters("ada")
	old := g.visitor()
	old.cookies["__Host-rapport_session"] = before
	if code := old.get("/").Code; code != http.StatusUnauthorized {
		t.Errorf("the session before a new log-in: %d", code)
	}

	for range 8 {
		g.pass(50 * time.Minute)
		if code := v.get("/").Code; code != 200 {
			t.Fatalf("used every fifty minutes: %d", code)
		}
	}
	g.pass(61 * time.Minute)
	if code := v.get("/").Code; code != http.StatusUnauthorized {
		t.Errorf("not used for an hour: %d", code)
	}
	v.enters("ada")
	codes := map[int]int{}
	for range 14 {
		g.pass(50 * time.Minute)
		codes[v.get("/").Code]++
	}
	if codes[200] != 11 || codes[http.StatusUnauthorized] != 3 {
		t.Errorf("over a day: %v", codes)
	}

	v = g.visitor().enters("ada")
	kept := v.cookies["__Host-rapport_session"]
	w := v.do("POST", outside+"/leave", url.Values{"csrf": {v.mark()}})
	page := strings.ReplaceAll(w.Body.String(), "&amp;", "&")
	if w.Code != 200 || !strings.Contains(page, issuer+"/logout?client_id=console&id_token_hint=eyJ") || !strings.Contains(page, url.QueryEscape(outside+"/")) {
		t.Errorf("logging out: %d %s", w.Code, page)
	}
	v = g.visitor()
	v.cookies["__Host-rapport_session"] = kept
	if code := v.get("/").Code; code != http.StatusUnauthorized {
		t.Errorf("after logging out: %d", code)
	}
	if w := v.do("POST", outside+"/mentions", nil); w.Code == 200 {
		t.Error("a form without session")
	}
}

// Keys that the provider changes are learned at the next log-in; keys that nobody knows are asked for once in a while.
func TestKeys(t *testing.T) {
	g := openGate(t, document)
	g.visitor().enters("ada")
	g.visitor().enters("vic")
	if asked, _, _ := g.provider.Counts(); asked != 1 {
		t.Errorf("keys were fetched %d times for two log-ins", asked)
	}
	g.provider.Rotate()
	g.pass(time.Minute)
	g.visitor().enters("ada")
	if asked, _, _ := g.provider.Counts(); asked != 2 {
		t.Errorf("keys were fetched %d times after one change", asked)
	}
	g.pass(time.Minute)
	for range 5 {
		v := g.visitor()
		back := v.chooses(v.leaves("/login"), "ada")
		g.provider.Forge(func(t *provider.Token) { t.ID = "unknown" })
		if w := v.do("GET", back, nil); w.Code != http.StatusForbidden {
			t.Errorf("an unknown key: %d", w.Code)
		}
	}
	if asked, _, _ := g.provider.Counts(); asked != 3 {
		t.Errorf("keys were fetched %d times for five tokens of unknown keys", asked)
	}
	g.pass(time.Minute)
	g.visitor().enters("ada")
}

// A provider that does not answer is said to be away, and the next log-in asks it again.
func TestProviderAway(t *testing.T) {
	h := openWith(t, document)
	settings, err := oidc.Parse([]byte(`{"issuer": "` + issuer + `", "client": "console"}`))
	if err != nil {
		t.Fatal(err)
	}
	away := true
	there := provider.New(provider.Options{Now: h.at, Issuer: issuer, Client: "console"})
	login := oidc.New(oidc.Options{Settings: settings, Now: h.at, HTTP: &http.Client{Transport: direct.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away {
			http.Error(w, "hidden words", http.StatusBadGateway)
			return
		}
		there.ServeHTTP(w, r)
	})}}})
	c, err := console.New(console.Options{Pipeline: h.app.Pipeline, Backend: h.app, Queue: h.queue, Hosts: []string{host}, Login: login})
	if err != nil {
		t.Fatal(err)
	}
	var codes []int
	for range 2 {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest("GET", "http://"+host+"/login", nil))
		if codes = append(codes, w.Code); strings.Contains(w.Body.String(), "hidden words") {
			t.Error("what the provider said is shown")
		}
		away = false
	}
	if !slices.Equal(codes, []int{http.StatusServiceUnavailable, http.StatusSeeOther}) {
		t.Errorf("%v", codes)
	}
}
