package rest

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"rapport/shared/fault"
)

// GuardOptions says which addresses may be dialled.
type GuardOptions struct {
	Private bool          // loopback and private ranges too: a process flag or CDK context, never configuration
	Timeout time.Duration // of one whole call; 0 = 30 s
}

// Guard gives the HTTP client of the product: every address is checked when it is dialled, after name resolution, on
// every hop. Link-local addresses, among them the metadata service and Lambda's runtime API, are always refused.
// Redirects are not followed, so that no credential leaves its origin.
func Guard(o GuardOptions) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	d := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return Allowed(address, o.Private)
	}}
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 8, IdleConnTimeout: 60 * time.Second,
			ForceAttemptHTTP2: true, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: o.Timeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Allowed tells whether an address (host:port, numeric) may be dialled; the fault is Invalid.
func Allowed(address string, private bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fault.New(fault.Invalid, "address %q cannot be checked", address)
	}
	ip := ap.Addr().Unmap()
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast(), ip.IsMulticast(), ip.IsUnspecified(), ip == netip.MustParseAddr("fd00:ec2::254"):
		return fault.New(fault.Invalid, "address %s is never called: it belongs to the machine itself", ip)
	case private:
		return nil
	case ip.IsLoopback(), ip.IsPrivate(), netip.MustParsePrefix("100.64.0.0/10").Contains(ip):
		return fault.New(fault.Invalid, "address %s is private: start with --allow-private to call it", ip)
	}
	return nil
}
