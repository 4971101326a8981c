package localrun

import (
	"context"
	"net"
	"net/url"

	"rapport/shared/console"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/oidc"
)

// openConsole starts the console on a listener of its own, on the loopback interface only: who gets in has all roles but
// one, and came by a link that was printed on this machine.
func (h *Home) openConsole() error {
	if h.options.Console == "" {
		return nil
	}
	ln, err := net.Listen("tcp", h.options.Console)
	if err != nil {
		return fault.New(fault.Invalid, "cannot listen for the console: %w", err)
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		_ = ln.Close() // nothing was served
		return fault.New(fault.Invalid, "the console listens on this machine only: use 127.0.0.1 and a port, and a tunnel from elsewhere")
	}
	o := console.Options{Pipeline: h.Pipeline, Backend: h.App, Queue: h.admin, Hosts: []string{ln.Addr().String()}}
	if err := h.provider(&o); err != nil {
		_ = ln.Close() // nothing was served
		return err
	}
	h.console, err = console.New(o)
	if err != nil {
		_ = ln.Close() // nothing was served
		return err
	}
	if _, port, err := net.SplitHostPort(ln.Addr().String()); err == nil {
		h.console.Allow("localhost:" + port)
	}
	h.consoleAt = ln.Addr().String()
	h.serve(ln, h.console)
	return nil
}

// provider lets people log in at a provider too, where the options name one. An address of https is that of a proxy before
// the listener; it must hand over the Host header.
func (h *Home) provider(o *console.Options) error {
	if h.options.Login == nil {
		return nil
	}
	settings, err := oidc.Parse(h.options.Login)
	if err != nil {
		return err
	}
	if o.Base = settings.Base; o.Base != "" {
		at, err := url.Parse(settings.Base)
		if err != nil {
			return fault.New(fault.Invalid, "log-in: base is no address")
		}
		o.Hosts, o.Secure = append(o.Hosts, at.Host), at.Scheme == "https"
	}
	p := oidc.Options{Settings: settings, HTTP: h.Ports.HTTP, Now: h.Ports.Now}
	if settings.Secret != "" {
		p.Key = func(ctx context.Context) (flow.Secret, error) { return h.Secrets.Get(ctx, settings.Secret) }
	}
	o.Login = oidc.New(p)
	return nil
}

// ConsoleLink makes a link that opens the console once within a quarter of an hour. NotFound: it has no listener.
func (h *Home) ConsoleLink(ctx context.Context, user string, roles ...string) (string, error) {
	if h.console == nil {
		return "", fault.New(fault.NotFound, "this rapport runs without a console: start it with --console 127.0.0.1:8081")
	}
	path, err := h.console.Link(ctx, user, roles...)
	return "http://" + h.consoleAt + path, err
}
