package worker

import (
	"context"
	"sync"
	"time"

	"rapport/shared/app"
	"rapport/shared/connectors"
	"rapport/shared/lambdarun"
	"rapport/shared/webhook"
)

// door is the receiver of a process, made when the first call comes.
type door struct {
	mu     sync.Mutex
	app    *app.Receiver
	looked time.Time
}

// ready gives the receiver, with a configuration that is fresh.
func (d *door) ready(ctx context.Context, f *lambdarun.Function) *app.Receiver {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if d.app == nil {
		o := Options(f)
		o.Networks, o.CRMs = connectors.Networks(), connectors.CRMs()
		d.app, d.looked = app.NewReceiver(o), now
		return d.app
	}
	if now.Sub(d.looked) >= fresh {
		if err := d.app.Refresh(ctx); err != nil {
			f.Log.Warn("the configuration cannot be looked up; the known one is used", "error", err.Error())
		}
		d.looked = now
	}
	return d.app
}

// Receive runs the function of the hooks.
func Receive() {
	var d door
	lambdarun.Start("receive", lambdarun.HTTP(func(ctx context.Context, f *lambdarun.Function, r webhook.Request) (webhook.Answer, error) {
		if r.Path == "/healthz" {
			return webhook.Answer{Type: "text/plain; charset=utf-8", Body: []byte("ok\n")}, nil
		}
		return d.ready(ctx, f).Receive(ctx, r)
	}))
}
