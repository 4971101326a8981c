package console

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// policy lets nothing in but our own files: no inline script or style, no frame, no foreign address.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guard sets what every answer carries, and refuses foreign hosts and too many calls.
func (c *Console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if c.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !c.allowed(r.Host) { // a name that somebody pointed at this address
			http.Error(w, "this address is not the console's", http.StatusMisdirectedRequest)
			return
		}
		if !c.throttles.take(caller(r), c.now()) {
			h.Set("Retry-After", "2")
			http.Error(w, "too many calls; try again in two seconds", http.StatusTooManyRequests)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 2<<20)
		next.ServeHTTP(w, r)
	})
}

// caller names who is counted: the session, else the address.
func caller(r *http.Request) string {
	if k, err := r.Cookie(cookie); err == nil {
		return hash(k.Value)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Calls that one caller may make: so many at once, so many a second after that.
const (
	burst  = 120
	perSec = 30
)

// throttles counts calls. The zero value is ready.
type throttles struct {
	mu   sync.Mutex
	left map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// take tells whether one more call is all right.
func (t *throttles) take(name string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == nil || len(t.left) > 10_000 {
		t.left = map[string]*bucket{}
	}
	b := t.left[name]
	if b == nil {
		b = &bucket{burst, now}
		t.left[name] = b
	}
	b.left = min(burst, b.left+now.Sub(b.at).Seconds()*perSec)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
