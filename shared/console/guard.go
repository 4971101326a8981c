package console

import (
	"fmt"
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
		if !c.unhurried(r) {
			h.Set("Retry-After", "2")
			http.Error(w, "too many calls; try again in two seconds", http.StatusTooManyRequests)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 2<<20)
		next.ServeHTTP(w, r)
	})
}

// unhurried tells whether a caller may call once more: the session, and the address, which several people may share. Who
// makes up sessions is counted by the address.
func (c *Console) unhurried(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	crowd := 1.0
	if k, err := r.Cookie(c.cookie(cookie)); err == nil {
		if !c.throttles.take(hash(k.Value), c.now(), 1) {
			return false
		}
		crowd = 10
	}
	return c.throttles.take(fmt.Sprint(host, " ", crowd), c.now(), crowd)
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

// take tells whether one more call is all right; crowd is how many callers a name stands for.
func (t *throttles) take(name string, now time.Time, crowd float64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == nil || len(t.left) > 10_000 {
		t.left = map[string]*bucket{}
	}
	b := t.left[name]
	if b == nil {
		b = &bucket{burst * crowd, now}
		t.left[name] = b
	}
	b.left = min(burst*crowd, b.left+now.Sub(b.at).Seconds()*perSec*crowd)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
