package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rapport/shared/browser"
	"rapport/shared/console"
	"rapport/shared/oidc"
	provider "rapport/shared/twin/oidc"
)

// In a real browser people log in at the provider, each sees what their group may, and log-out ends both sessions.
func TestJourneyLogIn(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	there := provider.New(provider.Options{Now: h.at, Client: "console", People: map[string]provider.Person{
		"ada": {Email: "ada@nordlicht.example", Groups: []string{"rapport-admin"}}, "vic": {Email: "vic@nordlicht.example", Groups: []string{"rapport-viewer"}}, "max": {Email: "max@nordlicht.example"}}})
	outside := httptest.NewServer(there)
	t.Cleanup(outside.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.pass(50 * time.Millisecond)
		h.console.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	// Another name than the provider's, so that the browser takes them for two sites.
	base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := oidc.Parse([]byte(`{"issuer": "` + outside.URL + `", "client": "console"}`))
	if err != nil {
		t.Fatal(err)
	}
	h.console, err = console.New(console.Options{Pipeline: h.app.Pipeline, Backend: h.app, Queue: h.queue, Hosts: []string{at.Host}, Base: base,
		Login: oidc.New(oidc.Options{Settings: settings, HTTP: http.DefaultClient, Now: h.at})})
	if err != nil {
		t.Fatal(err)
	}
	b, err := browser.Open(t.Context(), 1280, 900)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	d := &desk{h, b, base}

	d.open("/configuration")
	var bad []string
	d.ok(b.Eval(accessible, &bad))
	for _, x := range bad {
		t.Errorf("the page before the console: %s", x)
	}
	b.Wrong() // the browser calls an answer of 401 an error
	d.press(`a[href^="/login"]`)
	d.see("Who are you?")
	d.press(`button[value="ada"]`)
	d.see("Version 1 is in force")
	d.open("/access")
	d.see("Tokens of the API")
	d.press(`form[action="/leave"] button`)
	d.see("Log in")
	if _, _, left := there.Counts(); left != 1 {
		t.Errorf("the provider's own session ended %d times", left)
	}
	b.Wrong()

	d.press(`a[href^="/login"]`)
	d.see("Who are you?")
	d.press(`button[value="vic"]`)
	d.see("received in 24 hours")
	var links string
	d.ok(b.Eval(`[...document.querySelectorAll("nav a")].map((a) => a.getAttribute("href")).join(" ")`, &links))
	if strings.Contains(links, "/access") || strings.Contains(links, "/privacy") || !strings.Contains(links, "/mentions") {
		t.Errorf("a viewer is offered %s", links)
	}
	d.quiet()
	d.press(`form[action="/leave"] button`)
	d.see("Log in")
	d.press(`a[href^="/login"]`)
	d.see("Who are you?")
	d.press(`button[value="max"]`)
	d.see("in no group")
}
