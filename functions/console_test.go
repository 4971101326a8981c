package functions_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rapport/scripts/lambdahost/host"
	"rapport/shared/flow"
	"rapport/shared/topology"
	"rapport/shared/twin/oidc"
)

// door is the way of a browser to a function: what Lambda's address does with a call and its answer.
type door struct {
	s        *stack
	function string
	host     string
}

func (d door) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != d.host {
		return http.DefaultTransport.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	head, cookies := map[string]string{"host": d.host}, []string{}
	for name, values := range r.Header {
		if name == "Cookie" {
			cookies = strings.Split(values[0], "; ")
			continue
		}
		head[strings.ToLower(name)] = strings.Join(values, ",")
	}
	event, err := json.Marshal(map[string]any{"version": "2.0", "rawPath": r.URL.EscapedPath(), "rawQueryString": r.URL.RawQuery, "headers": head, "cookies": cookies, "body": string(body),
		"requestContext": map[string]any{"domainName": d.host, "http": map[string]any{"method": r.Method, "sourceIp": "198.51.100.7"}}})
	if err != nil {
		return nil, err
	}
	said, err := d.s.host.Invoke(r.Context(), d.function, event)
	if err != nil {
		return nil, err
	}
	var a struct {
		StatusCode int
		Headers    map[string]string
		Cookies    []string
		Body       string
	}
	if err := json.Unmarshal(said, &a); err != nil {
		return nil, fmt.Errorf("%s: %w", said, err)
	}
	resp := &http.Response{StatusCode: a.StatusCode, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Set-Cookie": a.Cookies}, Body: io.NopCloser(strings.NewReader(a.Body)), Request: r}
	for name, value := range a.Headers {
		resp.Header.Set(name, value)
	}
	return resp, nil
}

// TestConsole logs people in to the console's own binary at a provider, each with the roles of its groups; what one
// process began another goes on with.
func TestConsole(t *testing.T) {
	s := open(t)
	const outside = "console.example"
	provider := httptest.NewServer(oidc.New(oidc.Options{Now: time.Now, Client: "rapport", Secret: "a-client-secret", Redirects: []string{"https://" + outside + topology.ConsoleBack},
		People: map[string]oidc.Person{"ada": {Email: "ada@nordlicht.example", Groups: []string{"rapport-admin"}}, "vic": {Email: "vic@nordlicht.example", Groups: []string{"rapport-viewer"}}}}))
	t.Cleanup(provider.Close)
	get := func(c *http.Client, path string) (int, string) {
		t.Helper()
		resp, err := c.Get("https://" + outside + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if cerr := resp.Body.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		return resp.StatusCode, string(text)
	}
	browser := func() *http.Client {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Client{Jar: jar, Transport: door{s, "console", outside}}
	}
	if code, page := get(browser(), "/"); code != http.StatusServiceUnavailable || strings.Contains(page, "console.example") {
		t.Errorf("before anybody can log in: %d %s", code, page)
	}
	settings := fmt.Sprintf(`{"issuer": %q, "client": "rapport", "secret": "aws:login", "base": "https://%s", "claims": ["groups"]}`, provider.URL, outside)
	for name, value := range map[string]string{topology.ConsoleParameter: settings, "login": "a-client-secret"} {
		if err := s.Secrets.Set(t.Context(), "aws:"+name, flow.NewSecret(value)); err != nil {
			t.Fatal(err)
		}
	}
	enter := func(person string) *http.Client {
		t.Helper()
		b := browser()
		resp, err := b.Get("https://" + outside + "/login?to=%2Fmentions")
		if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Request.URL.String(), provider.URL) {
			t.Fatal(resp, err, s.log)
		}
		_ = resp.Body.Close()
		resp, err = b.PostForm(resp.Request.URL.String(), url.Values{"person": {person}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Request.URL.String() != "https://"+outside+"/mentions" {
			t.Fatalf("%s comes in: %s at %s\n%s", person, resp.Status, resp.Request.URL, s.log)
		}
		return b
	}
	if code, page := get(browser(), "/access"); code != http.StatusUnauthorized || !strings.Contains(page, "/login?to=%2Faccess") {
		t.Errorf("a stranger: %d %s", code, page)
	}
	ada, vic := enter("ada"), enter("vic")
	code, page := get(ada, "/draft")
	if code != http.StatusOK || !strings.Contains(page, "ada@nordlicht.example") {
		t.Errorf("an admin: %d", code)
	}
	if code, _ := get(vic, "/draft"); code != http.StatusForbidden {
		t.Errorf("a viewer: %d", code)
	}
	for _, path := range []string{"/", "/accounts", "/failures", "/mapping", "/asset/app.css"} {
		if code, page := get(vic, path); code != http.StatusOK {
			t.Errorf("%s: %d %.300s", path, code, page)
		}
	}

	_, after, _ := strings.Cut(page, `name="csrf" value="`)
	mark, _, _ := strings.Cut(after, `"`)
	resp, err := ada.PostForm("https://"+outside+"/draft/try", url.Values{"csrf": {mark}, "hours": {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for _, f := range topology.Functions() { // another process
		if f.Name == "console" {
			s.host.Set(host.Function{Name: f.Name, Program: filepath.Join(binaries(t), f.Name, topology.Handler), Env: s.env, Limit: f.Limit, Memory: f.Memory})
		}
	}
	if code, page := get(ada, resp.Request.URL.Path); code != http.StatusOK || strings.Contains(page, "data-reload") || !strings.HasPrefix(resp.Request.URL.Path, "/draft/trial/") {
		t.Errorf("the dry run, in another process: %d at %s", code, resp.Request.URL)
	}
	log := s.log.String()
	for _, word := range []string{"a-client-secret", "code=", "eyJ", "/mentions?"} {
		if strings.Contains(log, word) {
			t.Errorf("%q is in the log", word)
		}
	}
}
