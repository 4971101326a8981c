package mastodon_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	twin "rapport/shared/twin/mastodon"
)

// call asks a server over a socket or, with base "", without one.
func call(t *testing.T, s *twin.Server, base, method, path, body string, header ...string) (int, http.Header, []map[string]any) {
	t.Helper()
	client := http.DefaultClient
	if base == "" {
		base, client = "https://mastodon.twin.example", &http.Client{Transport: s}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer twin-token")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var raw json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if json.Unmarshal(raw, &list) != nil {
		list = make([]map[string]any, 1)
		if err := json.Unmarshal(raw, &list[0]); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, resp.Header, list
}

func texts(list []map[string]any) string {
	var out []string
	for _, x := range list {
		content, _ := x["content"].(string)
		out = append(out, strings.TrimSuffix(content[strings.LastIndex(content, " ")+1:], "</p>"))
	}
	return strings.Join(out, "")
}

var prev = regexp.MustCompile(`<[^>]*[?&]min_id=(\w+)[^>]*>; rel="prev"`)

// TestPaging: min_id gives the oldest page after a place, since_id the newest; links hold hidden numbers.
func TestPaging(t *testing.T) {
	s := twin.New(twin.Options{Page: 2})
	server := httptest.NewServer(s)
	defer server.Close()
	s.SetSelf(server.URL)
	for n := range 5 {
		s.Post(twin.Post{Text: "#mill " + string(rune('1'+n))})
	}
	for _, base := range []string{"", server.URL} {
		_, _, list := call(t, s, base, "GET", "/api/v1/timelines/tag/MILL?max_id=999999999", "")
		if texts(list) != "54" {
			t.Errorf("newest page %s", texts(list))
		}
		var h http.Header
		_, h, list = call(t, s, base, "GET", "/api/v1/timelines/tag/mill?min_id=0", "")
		if texts(list) != "21" {
			t.Errorf("oldest page %s", texts(list))
		}
		m := prev.FindStringSubmatch(h.Get("Link"))
		if m == nil || m[1] == list[0]["id"] {
			t.Fatalf("link %q", h.Get("Link"))
		}
		if _, _, list = call(t, s, base, "GET", "/api/v1/timelines/tag/mill?min_id="+m[1], ""); texts(list) != "43" {
			t.Errorf("min_id gives %s", texts(list))
		}
		if _, _, list = call(t, s, base, "GET", "/api/v1/timelines/tag/mill?since_id="+m[1], ""); texts(list) != "54" {
			t.Errorf("since_id gives %s", texts(list))
		}
	}
}

// TestKeys: the same key posts once within the hour, and again after it.
func TestKeys(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := twin.New(twin.Options{Now: func() time.Time { return now }})
	post := func() { call(t, s, "", "POST", "/api/v1/statuses", `{"status":"hello"}`, "Idempotency-Key", "k1") }
	post()
	now = now.Add(59 * time.Minute)
	post()
	if n := len(s.Posted()); n != 1 {
		t.Errorf("%d posts within the hour", n)
	}
	now = now.Add(2 * time.Minute)
	post()
	if n := len(s.Posted()); n != 2 {
		t.Errorf("%d posts after the hour", n)
	}
}

// TestRefusals: each refusal has its status.
func TestRefusals(t *testing.T) {
	s := twin.New(twin.Options{Quota: 1000})
	gone := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht hi"})
	barred := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht hi"})
	s.Delete(gone)
	s.Bar(barred)
	for _, tc := range []struct {
		method, path, body string
		header             []string
		want               int
	}{
		{"GET", "/api/v1/notifications", "", []string{"Authorization", "Bearer x"}, 401},
		{"GET", "/api/v1/statuses/" + gone, "", nil, 404},
		{"GET", "/api/v9/none", "", nil, 404},
		{"POST", "/api/v1/statuses", `{"status":"x","in_reply_to_id":"` + gone + `"}`, nil, 404},
		{"POST", "/api/v1/statuses", `{"status":"x","in_reply_to_id":"` + barred + `"}`, nil, 403},
		{"POST", "/api/v1/statuses", `{"status":""}`, nil, 422},
		{"POST", "/api/v1/statuses", `{"status":"` + strings.Repeat("x", 501) + `"}`, nil, 422},
		{"POST", "/oauth/token", `{"grant_type":"authorization_code","code":"x"}`, nil, 400},
	} {
		if status, h, _ := call(t, s, "", tc.method, tc.path, tc.body, tc.header...); status != tc.want || h.Get("X-RateLimit-Reset") == "" {
			t.Errorf("%s %s: %d, want %d", tc.method, tc.path, status, tc.want)
		}
	}
	if n := len(s.Posted()); n != 0 {
		t.Errorf("%d posts", n)
	}
}

// TestTogether: people and clients at the same time.
func TestTogether(t *testing.T) {
	s := twin.New(twin.Options{ULID: true})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			id := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht hi"})
			s.Edit(id, "@nordlicht hello")
			if len(id) != 26 || s.Find(s.URI(id)) != id {
				t.Errorf("id %s", id)
			}
			call(t, s, "", "GET", "/api/v1/notifications?limit=80", "")
		})
	}
	wg.Wait()
	if _, _, list := call(t, s, "", "GET", "/api/v1/notifications?limit=80", ""); len(list) != 8 {
		t.Errorf("%d notifications", len(list))
	}
}
