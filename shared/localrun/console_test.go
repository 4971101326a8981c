package localrun_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rapport/shared/localrun"
	"rapport/shared/secret/env"
	provider "rapport/shared/twin/oidc"
)

// At home people log in at a provider too, where one is named; a link opens the console as before.
func TestConsoleLogIn(t *testing.T) {
	there := httptest.NewServer(provider.New(provider.Options{Now: time.Now, Client: "rapport", Secret: "home-secret",
		People: map[string]provider.Person{"vic": {Email: "vic@nordlicht.example", Groups: []string{"rapport-viewer"}}}}))
	defer there.Close()
	secrets := env.New(env.Options{Lookup: func(name string) (string, bool) { return "home-secret", name == "LOGIN_SECRET" }})
	o := localrun.Options{Data: filepath.Join(t.TempDir(), "rapport.db"), Console: "127.0.0.1:0", Private: true, Secrets: secrets, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Login: []byte(`{"issuer": "` + there.URL + `", "client": "rapport", "secret": "env:LOGIN_SECRET"}`)}
	h, err := localrun.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	link, err := h.ConsoleLink(t.Context(), "somebody")
	base, _, ok := strings.Cut(link, "/enter?key=")
	if err != nil || !ok {
		t.Fatal(link, err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &http.Client{Jar: jar}
	resp, err := b.Get(base + "/login")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp, err = b.PostForm(resp.Request.URL.String(), url.Values{"person": {"vic"}}); err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if at, _ := url.Parse(base); err != nil || resp.Request.URL.Host != at.Host || len(jar.Cookies(at)) == 0 {
		t.Errorf("%s at %s: %.300s %v", resp.Status, resp.Request.URL, page, err)
	}
	o.Data, o.Login = filepath.Join(t.TempDir(), "rapport.db"), []byte(`{"issuer": "http://login.example", "client": "rapport"}`)
	wrong, err := localrun.Open(t.Context(), o)
	if err == nil {
		if err = wrong.Start(t.Context()); err == nil {
			_ = wrong.Stop(t.Context())
		}
	}
	if err == nil || !strings.Contains(err.Error(), "https://") {
		t.Errorf("a log-in in the open: %v", err)
	}
}
