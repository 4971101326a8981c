package bluesky_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	twin "rapport/shared/twin/bluesky"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// call asks a host over a socket.
func call(t *testing.T, base, token, method, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+"/xrpc/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, out
}

func open(t *testing.T, o twin.Options) (*twin.Server, string) {
	t.Helper()
	s := twin.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// TestTokens: an expired one is a 400, a refresh token is used once, and neither stands in for the other.
func TestTokens(t *testing.T) {
	now := noon
	s, base := open(t, twin.Options{Now: func() time.Time { return now }})
	access, refresh := s.Session()
	for _, step := range []struct {
		token, method, path string
		after               time.Duration
		status              int
		name                any
	}{
		{"", "GET", "com.atproto.server.getSession", 0, 401, "AuthMissing"},
		{"junk", "GET", "com.atproto.server.getSession", 0, 400, "InvalidToken"},
		{refresh, "GET", "com.atproto.server.getSession", 0, 400, "InvalidToken"},
		{access, "GET", "com.atproto.server.getSession", 119 * time.Minute, 200, nil},
		{access, "GET", "com.atproto.server.getSession", 121 * time.Minute, 400, "ExpiredToken"},
		{access, "POST", "com.atproto.server.refreshSession", 0, 400, "InvalidToken"},
		{refresh, "POST", "com.atproto.server.refreshSession", 0, 200, nil},
		{refresh, "POST", "com.atproto.server.refreshSession", 0, 400, "ExpiredToken"},
		{access, "GET", "com.atproto.nothing", 0, 404, "XRPCNotSupported"},
	} {
		now = noon.Add(step.after)
		if status, out := call(t, base, step.token, step.method, step.path, ""); status != step.status || out["error"] != step.name {
			t.Errorf("%s after %v: %d %v, want %d %v", step.path, step.after, status, out["error"], step.status, step.name)
		}
	}
}

// TestPut: a null swapRecord writes only where there is nothing; keys, lengths and times are checked.
func TestPut(t *testing.T) {
	s, base := open(t, twin.Options{})
	access, _ := s.Session()
	put := func(key, text, swap string) (int, any) {
		record, _ := json.Marshal(map[string]any{"$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-21T12:00:00Z"})
		status, out := call(t, base, access, "POST", "com.atproto.repo.putRecord",
			`{"repo":"`+s.Brand()+`","collection":"app.bsky.feed.post","rkey":"`+key+`"`+swap+`,"record":`+string(record)+`}`)
		return status, out["error"]
	}
	for _, step := range []struct {
		key, text, swap string
		status          int
		name            any
	}{
		{"3lbgown2222aa", "eins", `,"swapRecord":null`, 200, nil},
		{"3lbgown2222aa", "zwei", `,"swapRecord":null`, 400, "InvalidSwap"},
		{"3lbgown2222aa", "drei", ``, 200, nil},
		{"my-own-key", "vier", ``, 400, "InvalidRequest"},
		{"3lbgown2222ab", strings.Repeat("👩‍👩‍👧", 301), ``, 400, "InvalidRequest"},
	} {
		if status, name := put(step.key, step.text, step.swap); status != step.status || name != step.name {
			t.Errorf("%s %.10s: %d %v, want %d %v", step.key, step.text, status, name, step.status, step.name)
		}
	}
	if p := s.Posted(); len(p) != 1 || p[0].Text != "drei" {
		t.Errorf("posted %+v", p)
	}
}

// TestLists: who is named, answered or quoted is notified, in the order of the time that authors claim; pages lead back.
func TestLists(t *testing.T) {
	s, base := open(t, twin.Options{Page: 2, Now: func() time.Time { return noon }})
	access, _ := s.Session()
	own := s.Post(twin.Post{Text: "Wir"})
	s.Post(twin.Post{By: "gast.example", Text: "@nordlicht.example eins"})
	s.Post(twin.Post{By: "gast.example", Text: "zwei", ReplyTo: own, Before: time.Hour})
	s.Post(twin.Post{By: "gast.example", Text: "drei", Quote: own})
	s.Post(twin.Post{By: "gast.example", Text: "nordlicht.example, bloß genannt"})
	s.Notify("like", "gast.example")
	var got []string
	for cursor := ""; ; {
		_, out := call(t, base, access, "GET", "app.bsky.notification.listNotifications?reasons=mention&reasons=reply&reasons=quote&cursor="+url.QueryEscape(cursor), "")
		list, _ := out["notifications"].([]any)
		for _, x := range list {
			n := x.(map[string]any)
			got = append(got, n["reason"].(string)+" "+n["record"].(map[string]any)["text"].(string))
		}
		if cursor, _ = out["cursor"].(string); cursor == "" {
			break
		}
	}
	if strings.Join(got, ", ") != "quote drei, mention @nordlicht.example eins, reply zwei" {
		t.Errorf("got %q", got)
	}
}

// TestTogether: people and clients at the same time.
func TestTogether(t *testing.T) {
	s, base := open(t, twin.Options{})
	access, _ := s.Session()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s.Delete(s.Post(twin.Post{By: "gast.example", Text: "@nordlicht.example weg"}))
			s.Post(twin.Post{By: "gast.example", Text: "@nordlicht.example da"})
			call(t, base, access, "GET", "app.bsky.notification.listNotifications", "")
		})
	}
	wg.Wait()
	if _, out := call(t, base, access, "GET", "app.bsky.notification.listNotifications", ""); len(out["notifications"].([]any)) != 8 {
		t.Errorf("%v", out)
	}
}
