package networktest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
)

// bench is one vendor on a socket, with the suite standing in front of it.
type bench struct {
	Vendor
	r       Reporter
	n       network.Network
	account network.Account

	mu      sync.Mutex
	calls   int
	force   *forced         // answers instead of the vendor
	after   func() bool     // the vendor processes; true = its answer is cut
	lost    int             // the vendor processes the next writing call and this status is answered
	replace [2]string       // in answers: from, to
	hang    chan<- struct{} // told when a call came, which is then held until its client goes away
}

// forced is an answer that the suite gives in the vendor's place.
type forced struct {
	status int
	header map[string]string
	body   string
}

func (s Suite) bench(r Reporter) *bench {
	b := &bench{r: r, n: s.New()}
	server := httptest.NewUnstartedServer(b)
	origin := "http://" + server.Listener.Addr().String()
	b.Vendor = s.Vendor(r, origin)
	server.Start()
	client := rest.Guard(rest.GuardOptions{Private: true, Timeout: 20 * time.Second})
	r.Cleanup(func() {
		client.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	b.account = b.Vendor.Account
	b.account.Origin, b.account.HTTP, b.account.Now = origin, client, s.Now
	return b
}

// ServeHTTP stands in front of the vendor.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.calls++
	force, after, lost, replace, hang := b.force, b.after, b.lost, b.replace, b.hang
	writes := r.Method != http.MethodGet && r.Method != http.MethodHead
	if writes {
		b.lost = 0
	}
	b.mu.Unlock()
	switch {
	case hang != nil:
		hang <- struct{}{}
		<-r.Context().Done()
	case force != nil:
		for k, v := range force.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(force.status)
		_, _ = w.Write([]byte(force.body))
	case after != nil && writes:
		b.cut(w, r, after)
	case lost != 0 && writes:
		b.Handler.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(lost)
	case replace[0] != "":
		b.twist(w, r, replace)
	default:
		b.Handler.ServeHTTP(w, r)
	}
}

// cut lets the vendor process a call and breaks its answer in the middle.
func (b *bench) cut(w http.ResponseWriter, r *http.Request, after func() bool) {
	rec := httptest.NewRecorder()
	b.Handler.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	if !after() {
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)+10))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body[:len(body)/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// twist replaces a text in the vendor's headers and body: paging links then lead elsewhere.
func (b *bench) twist(w http.ResponseWriter, r *http.Request, replace [2]string) {
	rec := httptest.NewRecorder()
	b.Handler.ServeHTTP(rec, r)
	for k, values := range rec.Header() {
		for _, v := range values {
			w.Header().Add(k, strings.ReplaceAll(v, replace[0], replace[1]))
		}
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(rec.Code)
	_, _ = w.Write([]byte(strings.ReplaceAll(rec.Body.String(), replace[0], replace[1])))
}

func (b *bench) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *bench) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// secrets are the texts that no error may hold.
func secrets(m map[string]flow.Secret) []string {
	var out []string
	for _, s := range m {
		if len(s.Reveal()) >= 4 {
			out = append(out, s.Reveal())
		}
	}
	return out
}

// leaks looks for secrets in an error, however it is printed.
func leaks(r Reporter, err error, texts []string) {
	r.Helper()
	if err == nil {
		return
	}
	said := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, s := range texts {
		if strings.Contains(said, s) {
			r.Errorf("an error holds a secret: %s", strings.ReplaceAll(err.Error(), s, "<secret>"))
		}
	}
}

// judged wants an error of one of the kinds and no secret in it.
func (b *bench) judged(err error, what string, kinds ...fault.Kind) {
	b.r.Helper()
	leaks(b.r, err, secrets(b.account.Secrets))
	if err == nil {
		b.r.Errorf("%s: no error, want %v", what, kinds)
		return
	}
	for _, k := range kinds {
		if fault.Is(err, k) {
			return
		}
	}
	b.r.Errorf("%s: %s, want %v: %v", what, fault.Of(err), kinds, err)
}

// within runs f and reports when it does not come back.
func within(r Reporter, d time.Duration, what string, f func(ctx context.Context)) {
	r.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(context.Background())
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		r.Errorf("%s does not come back within %v", what, d)
	}
}
