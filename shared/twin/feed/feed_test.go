package feed_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	twin "rapport/shared/twin/feed"
)

// call asks a site over a socket.
func call(t *testing.T, base, path string, header ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// TestSite: each switch does what it says.
func TestSite(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := twin.New(twin.Options{Now: func() time.Time { return now }, Window: 2, Format: "atom", MaxAge: 60})
	server := httptest.NewServer(s)
	defer server.Close()
	s.SetSelf(server.URL)
	for _, title := range []string{"eins", "zwei", "drei"} {
		s.Publish(twin.Entry{Title: title})
	}
	status, h, body := call(t, server.URL, "/feed")
	if status != 200 || strings.Contains(body, "eins") || strings.Index(body, "drei") > strings.Index(body, "zwei") || h.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("%d %v %s", status, h, body)
	}
	if status, _, body = call(t, server.URL, "/feed", "If-None-Match", h.Get("ETag")); status != 304 || body != "" {
		t.Errorf("known version: %d %s", status, body)
	}
	id := s.Publish(twin.Entry{Title: "vier"})
	if status, _, _ = call(t, server.URL, "/feed", "If-None-Match", h.Get("ETag")); status != 200 {
		t.Errorf("another version: %d", status)
	}
	s.Retract(id, true)
	if _, _, body = call(t, server.URL, "/feed"); !strings.Contains(body, `deleted-entry ref="`+id+`"`) || strings.Contains(body, "vier") {
		t.Errorf("tombstone: %s", body)
	}
	if status, _, _ = call(t, server.URL, "/robots.txt"); status != 404 {
		t.Errorf("robots.txt: %d", status)
	}
	s.Move("/neu")
	if status, h, _ = call(t, server.URL, "/feed"); status != 301 || h.Get("Location") != "/neu" {
		t.Errorf("moved: %d %s", status, h.Get("Location"))
	}
	s.Fail(503)
	if status, _, _ = call(t, server.URL, "/neu"); status != 503 || s.Calls("/neu 503") != 1 {
		t.Errorf("failing: %d", status)
	}
	s.Fail(0)
	s.Change(func(o *twin.Options) { o.Auth = "Bearer x" })
	if status, _, _ = call(t, server.URL, "/neu"); status != 401 {
		t.Errorf("private: %d", status)
	}
}

// TestTogether: people and readers at the same time.
func TestTogether(t *testing.T) {
	s := twin.New(twin.Options{})
	server := httptest.NewServer(s)
	defer server.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s.Edit(s.Publish(twin.Entry{Title: "x"}), "y")
			call(t, server.URL, "/feed")
		})
	}
	wg.Wait()
	if _, _, body := call(t, server.URL, "/feed"); strings.Count(body, "<item>") != 8 {
		t.Errorf("%s", body)
	}
}
