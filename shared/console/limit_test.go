package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// calls makes calls without a pause and counts those that were let through.
func (g *guest) calls(n int, change func(r *http.Request)) (through int, last *httptest.ResponseRecorder) {
	for range n {
		r := g.request("GET", "/asset/icon.svg", nil)
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		if g.h.console.ServeHTTP(w, r); w.Code != http.StatusTooManyRequests {
			through++
		}
		last = w
	}
	return through, last
}

// A session may make so many calls at once and so many a second; others are not slowed down by it. Who makes sessions up is
// counted by the address.
func TestLimits(t *testing.T) {
	h := open(t)
	g, other := h.enter(), h.enter()
	h.pass(time.Minute)
	n, last := g.calls(200, nil)
	if n != 120 || last.Header().Get("Retry-After") == "" {
		t.Errorf("%d of 200 calls of a session, Retry-After %q", n, last.Header().Get("Retry-After"))
	}
	if n, _ := other.calls(50, nil); n != 50 {
		t.Errorf("%d of 50 calls of another session", n)
	}
	h.pass(time.Second)
	if n, _ := g.calls(200, nil); n != 30 {
		t.Errorf("%d more calls a second later", n)
	}
	from := func(r *http.Request) { r.RemoteAddr = "192.0.2.7:4711" }
	if n, _ := h.tool("viewer").calls(200, from); n != 120 {
		t.Errorf("%d of 200 calls with a token from one address", n)
	}
	made := 0
	if n, _ := (&guest{h: h}).calls(2000, func(r *http.Request) {
		made++
		r.RemoteAddr = "192.0.2.8:4711"
		r.AddCookie(&http.Cookie{Name: "rapport_session", Value: strconv.Itoa(made)})
	}); n != 1200 {
		t.Errorf("%d of 2000 calls with made-up sessions from one address", n)
	}
}

// A session ends after twelve hours, with logging out, and with nothing else; a link after a quarter of an hour; a token when
// it is revoked.
func TestSessionEnds(t *testing.T) {
	h := open(t)
	g, tool := h.enter(), h.tool("viewer")
	code := func(g *guest, path string) int { return g.do("GET", path, nil).Code }
	h.pass(12*time.Hour - time.Minute)
	if got := code(g, "/"); got != http.StatusOK {
		t.Errorf("before twelve hours: %d", got)
	}
	h.pass(time.Minute)
	if got := code(g, "/"); got != http.StatusUnauthorized {
		t.Errorf("after twelve hours: %d", got)
	}
	if w := g.do("POST", "/draft/discard", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("a form after twelve hours: %d", w.Code)
	}
	g = h.enter()
	other := h.enter()
	g.do("POST", "/leave", nil)
	if a, b := code(g, "/"), code(other, "/"); a != http.StatusUnauthorized || b != http.StatusOK {
		t.Errorf("after logging out: %d, somebody else %d", a, b)
	}
	if got := code(tool, "/api/v1/overview"); got != http.StatusOK {
		t.Errorf("a token: %d", got)
	}
	var list struct {
		Tokens []struct{ ID string }
	}
	if other.api("GET", "/access", nil, &list); len(list.Tokens) != 1 {
		t.Fatalf("tokens: %+v", list)
	}
	other.do("POST", "/access/revoke", url.Values{"token": {list.Tokens[0].ID}})
	if got := code(tool, "/api/v1/overview"); got != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", got)
	}
}
