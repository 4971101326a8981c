package worker

import (
	"context"
	"net/http"

	"rapport/shared/fault"
	"rapport/shared/lambdarun"
	"rapport/shared/webhook"
)

// Receive runs the function of the hooks.
func Receive() {
	var h home
	lambdarun.Start("receive", lambdarun.HTTP(func(ctx context.Context, f *lambdarun.Function, r webhook.Request) (webhook.Answer, error) {
		if r.Path == "/healthz" {
			return webhook.Answer{Type: "text/plain; charset=utf-8", Body: []byte("ok\n")}, nil
		}
		a, err := h.ready(ctx, f)
		if err != nil {
			return say(http.StatusServiceUnavailable, "not ready"), err
		}
		if _, err := a.Plan(ctx, ""); err != nil {
			return say(http.StatusServiceUnavailable, "not ready"), err
		}
		name, ok := a.HookAt(ctx, r.Path)
		if !ok {
			return say(http.StatusNotFound, "no such hook"), fault.New(fault.NotFound, "no hook has this address")
		}
		return a.Receive(ctx, name, r)
	}))
}

func say(status int, text string) webhook.Answer {
	return webhook.Answer{Status: status, Type: "text/plain; charset=utf-8", Body: []byte(text + "\n")}
}
