package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/topology"
	"rapport/shared/twin/oidc"
)

// hall is the way of a browser to the console and to everybody else.
type hall struct {
	s    *stage
	host string // the console's
}

func (h hall) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != h.host {
		return http.DefaultTransport.RoundTrip(r)
	}
	resp, err := h.s.http.Transport.RoundTrip(r)
	if err == nil {
		resp.Request = r // the browser knows nothing of the way
	}
	return resp, err
}

// console wants the deployed console to lead to a log-in and to let in who has a group. The stack's own provider is
// Cognito, of which the emulator has the resources and no log-in page: so the parameter that says where people log in,
// which the function reads when it is called, is changed to a provider of the test.
func (s *stage) console(t *testing.T) {
	var made struct{ Issuer, Client, Logout, Base string }
	ref := "aws:" + topology.ConsoleParameter
	text, err := s.drivers.Parameters.Get(t.Context(), ref)
	if err == nil {
		err = json.Unmarshal([]byte(text.Reveal()), &made)
	}
	if err != nil || made.Client == "" || made.Base != s.outputs["ConsoleUrl"] || !strings.HasPrefix(made.Issuer, "https://cognito-idp."+region) || !strings.HasSuffix(made.Logout, "/logout") {
		t.Fatalf("where people log in: %+v %v", made, err)
	}
	at, err := url.Parse(made.Base)
	if err != nil {
		t.Fatal(err)
	}
	provider := httptest.NewServer(oidc.New(oidc.Options{Now: time.Now, Client: "rapport", Redirects: []string{made.Base + topology.ConsoleBack}, People: map[string]oidc.Person{
		"ada": {Email: "ada@nordlicht.example", Groups: []string{"rapport-admin"}}, "max": {Email: "max@nordlicht.example"}}}))
	t.Cleanup(provider.Close)
	settings := fmt.Sprintf(`{"issuer": %q, "client": "rapport", "base": %q}`, provider.URL, made.Base)
	if err := s.drivers.Parameters.Set(t.Context(), ref, flow.NewSecret(settings)); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &http.Client{Jar: jar, Transport: hall{s, at.Host}, Timeout: 30 * time.Second}
	get := func(path string) (*http.Response, string) {
		t.Helper()
		resp, err := b.Get(made.Base + path)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		if cerr := resp.Body.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		return resp, string(page)
	}
	if resp, page := get("/accounts"); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(page, "/login?to=%2Faccounts") {
		t.Fatalf("the console answers a stranger %s: %.300s", resp.Status, page)
	}
	enter := func(person string) (*http.Response, string) {
		t.Helper()
		resp, _ := get("/login?to=%2Faccounts")
		if !strings.HasPrefix(resp.Request.URL.String(), provider.URL+"/authorize") {
			t.Fatalf("the log-in leads to %s: %s", resp.Request.URL, resp.Status)
		}
		resp, err := b.PostForm(resp.Request.URL.String(), url.Values{"person": {person}})
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		if cerr := resp.Body.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		return resp, string(page)
	}
	if resp, page := enter("max"); resp.StatusCode != http.StatusForbidden || !strings.Contains(page, "in no group") {
		t.Errorf("who is in no group: %s %.300s", resp.Status, page)
	}
	resp, page := enter("ada")
	if resp.StatusCode != http.StatusOK || resp.Request.URL.String() != made.Base+"/accounts" || !strings.Contains(page, "ada@nordlicht.example") {
		t.Fatalf("an admin comes in: %s at %s: %.600s", resp.Status, resp.Request.URL, page)
	}
	for _, path := range []string{"/", "/mentions", "/failures", "/configuration", "/access"} {
		if resp, page := get(path); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %.300s", path, resp.Status, page)
		}
	}
	if resp, _ := get("/privacy"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("an admin looks after privacy: %s", resp.Status)
	}
	t.Logf("people log in to the console at %s", made.Base)
}
