package crmtest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"

	"rapport/shared/rest"
)

// valve stands in the account's transport: calls reach the vendor over the real socket, answers reach the adapter as
// the check wants them.
type valve struct {
	next   http.RoundTripper
	origin string
	leak   func(where, text string)

	mu     sync.Mutex
	calls  int
	cut    int     // the call after which the answer is lost, counted from 1; 0 = none
	forced *Status // every call is answered so
}

// newValve puts a valve into the account's client.
func newValve(a *rest.Account, leak func(where, text string)) *valve {
	client := a.HTTP
	if client == nil {
		client = rest.Guard(rest.GuardOptions{Private: true})
	}
	v := &valve{next: client.Transport, origin: a.Origin, leak: leak}
	if v.next == nil {
		v.next = http.DefaultTransport
	}
	own := *client
	own.Transport = v
	a.HTTP = &own
	return v
}

// RoundTrip lets a call through, or answers it.
func (v *valve) RoundTrip(r *http.Request) (*http.Response, error) {
	v.leak("an address", r.URL.String())
	if rest.Origin(r.URL) != v.origin {
		for _, values := range r.Header {
			for _, value := range values {
				v.leak("a header to the foreign host "+r.URL.Host, value)
			}
		}
	}
	v.mu.Lock()
	v.calls++
	lost, forced := v.cut == v.calls, v.forced
	v.mu.Unlock()
	if forced != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		h := http.Header{"Content-Type": {"application/json"}}
		for k, values := range forced.Header {
			h[http.CanonicalHeaderKey(k)] = values
		}
		return &http.Response{StatusCode: forced.Status, Status: http.StatusText(forced.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: h, Body: io.NopCloser(bytes.NewReader([]byte(forced.Body))), ContentLength: int64(len(forced.Body)), Request: r}, nil
	}
	resp, err := v.next.RoundTrip(r)
	if err == nil && lost {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return nil, errors.New("connection reset after the request was read")
	}
	return resp, err
}

// force answers every call with s; nil lets them through again.
func (v *valve) force(s *Status) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forced = s
}

// cutAt loses the answer of the n-th call from now.
func (v *valve) cutAt(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls, v.cut = 0, n
}

// count gives the calls since the last reset, and resets.
func (v *valve) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.calls
	v.calls, v.cut = 0, 0
	return n
}
