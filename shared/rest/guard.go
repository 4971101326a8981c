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
	Never   string        // host:port that is refused whatever Private says, such as Lambda's runtime API; "" = none
}

// Guard gives the HTTP client of the product: every address is checked when it is dialled, after name resolution, on
// every hop. Link-local addresses, among them the metadata service, are always refused, and so is Never.
// Redirects are not followed, so that no credential leaves its origin.
func Guard(o GuardOptions) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	d := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if address == o.Never {
			return fault.New(fault.Invalid, "address %s is never called: it belongs to the machine itself", address)
		}
		return Allowed(address, o.Private)
	}}
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 8, IdleConnTimeout: 60 * time.Second,
			ForceAttemptHTTP2: true, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: o.Timeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// carried gives the IPv4 address that one of IPv6 carries, which a gateway on the way may call: NAT64 and 6to4.
func carried(ip netip.Addr) netip.Addr {
	b := ip.As16()
	switch {
	case within(ip, "64:ff9b::/96"):
		return netip.AddrFrom4([4]byte(b[12:]))
	case within(ip, "2002::/16"):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}

// Allowed tells whether an address (host:port, numeric) may be dialled; the fault is Invalid.
func Allowed(address string, private bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fault.New(fault.Invalid, "address %q cannot be checked", address)
	}
	ip := carried(ap.Addr().WithZone("").Unmap())
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified(), within(ip, "0.0.0.0/8", "255.255.255.255/32", "fd00:ec2::/32"):
		return fault.New(fault.Invalid, "address %s is never called: it belongs to the machine itself", ip)
	case private:
		return nil
	case ip.IsLoopback(), ip.IsPrivate(), within(ip, "100.64.0.0/10", "64:ff9b:1::/48", "fec0::/10"):
		return fault.New(fault.Invalid, "address %s is private: start with --allow-private to call it", ip)
	}
	return nil
}

func within(ip netip.Addr, prefixes ...string) bool {
	for _, p := range prefixes {
		if netip.MustParsePrefix(p).Contains(ip) {
			return true
		}
	}
	return false
}
