package world

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// front stands before a fake service on a port of its own. It counts calls and has the bad moments that true services
// have: a limit reached, a second of outage.
type front struct {
	service http.Handler
	server  *http.Server
	url     string

	mu      sync.Mutex
	calls   map[string]int // by method and path
	total   int
	limit   int  // so many calls more are answered 429
	broken  bool // the next call begins an outage
	back    time.Time
	limited int
	down    int
}

// outage is how long a broken service stays away, from the first call that finds it so.
const outage = time.Second

func newFront() (*front, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{url: "http://" + ln.Addr().String(), calls: map[string]int{}}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = f.server.Serve(ln) }() // ends with close
	return f, nil
}

// ServeHTTP answers one call.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := f.mood(r, time.Now()); status != 0 {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, `{"message":"`+http.StatusText(status)+`"}`, status)
		return
	}
	f.service.ServeHTTP(w, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[r.Method+" "+r.URL.Path]++
}

// mood counts a call and gives the status with which it is turned away, 0 if it is let in.
func (f *front) mood(r *http.Request, now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total++
	switch {
	case f.limit > 0 && r.Method == http.MethodPost:
		f.limit--
		f.limited++
		return http.StatusTooManyRequests
	case f.broken:
		if f.back.IsZero() {
			f.back = now.Add(outage)
		}
		if now.Before(f.back) {
			f.down++
			return http.StatusServiceUnavailable
		}
		f.broken, f.back = false, time.Time{}
	}
	return 0
}

// limitNext makes the service answer so many writing calls with 429.
func (f *front) limitNext(calls int) { f.mu.Lock(); defer f.mu.Unlock(); f.limit += calls }

// breakDown makes the service unavailable, for a second from the next call on.
func (f *front) breakDown() { f.mu.Lock(); defer f.mu.Unlock(); f.broken = true }

// counts gives all calls, and those turned away by limit and outage.
func (f *front) counts() (total, limited, down int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total, f.limited, f.down
}

// answered counts the calls whose method and path begin so.
func (f *front) answered(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for call, times := range f.calls {
		if strings.HasPrefix(call, prefix) {
			n += times
		}
	}
	return n
}
