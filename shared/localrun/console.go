package localrun

import (
	"context"
	"net"

	"rapport/shared/console"
	"rapport/shared/fault"
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
	h.console, err = console.New(console.Options{Pipeline: h.Pipeline, Backend: h.App, Queue: h.admin, Hosts: []string{ln.Addr().String()}})
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

// ConsoleLink makes a link that opens the console once within a quarter of an hour. NotFound: it has no listener.
func (h *Home) ConsoleLink(ctx context.Context, user string, roles ...string) (string, error) {
	if h.console == nil {
		return "", fault.New(fault.NotFound, "this rapport runs without a console: start it with --console 127.0.0.1:8081")
	}
	path, err := h.console.Link(ctx, user, roles...)
	return "http://" + h.consoleAt + path, err
}
