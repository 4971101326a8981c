// Package desk runs the function of the console. It stands alone, so that no other function holds pages and log-in.
package desk

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"rapport/shared/console"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/lambdarun"
	"rapport/shared/lambdarun/worker"
	"rapport/shared/oidc"
	"rapport/shared/topology"
)

// Console runs the function of the console. Where people log in stands in a parameter, which is read with the first call:
// the function's own address, which is part of it, is known only once the function exists.
func Console() {
	var d desk
	lambdarun.Start("console", lambdarun.Serve(d.open))
}

// desk is the console of a process.
type desk struct {
	home worker.Home

	sitting sync.Mutex
	said    string // the parameter that console was made with
	console *console.Console
}

func (d *desk) open(ctx context.Context, f *lambdarun.Function) (http.Handler, error) {
	a, err := d.home.Ready(ctx, f)
	if err != nil {
		return nil, err
	}
	text, err := f.Parameters.Get(ctx, "aws:"+topology.ConsoleParameter)
	if err != nil {
		return nil, err
	}
	d.sitting.Lock()
	defer d.sitting.Unlock()
	if d.console != nil && d.said == text.Reveal() {
		return d.console, nil
	}
	settings, err := oidc.Parse([]byte(text.Reveal()))
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(settings.Base)
	if err != nil || at.Host == "" {
		return nil, fault.New(fault.Invalid, "log-in: base is missing: the address of the console")
	}
	o := oidc.Options{Settings: settings, HTTP: a.Ports.HTTP, Now: a.Ports.Now}
	if settings.Secret != "" {
		o.Key = func(ctx context.Context) (flow.Secret, error) { return a.Secrets.Get(ctx, settings.Secret) }
	}
	made, err := console.New(console.Options{Pipeline: a.Pipeline, Backend: a, Queue: f.Queue, Hosts: []string{at.Host},
		Secure: at.Scheme == "https", Base: settings.Base, Login: oidc.New(o), Inline: true})
	if err != nil {
		return nil, err
	}
	d.said, d.console = text.Reveal(), made
	return made, nil
}
