package pipeline

import (
	"context"
	"maps"
	"net/http"

	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

// largest body that travels through the queue itself, in bytes.
const maxQueued = 700 << 10

// Receive takes one inbound call of a hook: it verifies the raw bytes, answers handshakes, and makes events durable
// before it answers 2xx. It never parses, dedupes or enriches. The error is for the log; the answer is complete without it.
func (p *Pipeline) Receive(ctx context.Context, hook string, r webhook.Request) (webhook.Answer, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "not ready"), err
	}
	conf, ok := plan.Doc.Hook(hook)
	receiver, info := p.receiver(conf.Kind)
	if !ok || receiver == nil {
		return refuse(http.StatusNotFound, "no such hook"), fault.New(fault.NotFound, "hook %q is not configured", hook)
	}
	if len(r.Body) > webhook.MaxBody {
		return refuse(http.StatusRequestEntityTooLarge, "body too large"), fault.New(fault.Invalid, "hook %s: body of %d bytes", hook, len(r.Body))
	}
	h, err := p.ResolveHook(ctx, conf)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "not ready"), err
	}
	answer, err := receiver.Verify(ctx, h, r)
	if fault.Is(err, fault.Forged) && p.rotated(ctx, conf, &h) {
		answer, err = receiver.Verify(ctx, h, r)
	}
	switch {
	case fault.Is(err, fault.Forged):
		status := http.StatusUnauthorized
		if info.Forged != 0 {
			status = info.Forged
		}
		if answer.Status >= 400 { // the vendor wants another for this call, such as 403 for a wrong verify token
			status = answer.Status
		}
		return refuse(status, "refused"), err
	case fault.Is(err, fault.Invalid):
		return refuse(http.StatusBadRequest, "bad request"), err
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "try again"), err
	}
	if answer.Keep {
		lane := queue.Lane(topology.MentionsLive)
		if _, change := p.CRMs[conf.Kind]; change {
			lane = topology.Changes
		}
		if err := p.keep(ctx, lane, hook, answer, r); err != nil {
			return refuse(http.StatusServiceUnavailable, "try again"), err
		}
	}
	if answer.Erasure != "" {
		if answer, err = p.standing(ctx, answer); err != nil {
			return refuse(http.StatusServiceUnavailable, "try again"), err
		}
	}
	if answer.Status == 0 {
		answer.Status = http.StatusOK
	}
	return answer, nil
}

// keep makes a verified body durable.
func (p *Pipeline) keep(ctx context.Context, lane queue.Lane, hook string, answer webhook.Answer, r webhook.Request) error {
	env := Envelope{Receipt: p.Ports.NewID(), At: r.At, Hook: hook}
	for _, name := range answer.Headers {
		if v := r.Header.Get(name); v != "" {
			if env.Header == nil {
				env.Header = make(map[string]string, len(answer.Headers))
			}
			env.Header[name] = v
		}
	}
	return p.enqueue(ctx, p.Urgent, lane, env, r.Body)
}

// enqueue sends one body, by way of the archive where it is too large.
func (p *Pipeline) enqueue(ctx context.Context, q queue.Queue, lane queue.Lane, env Envelope, body []byte) error {
	if len(body) > maxQueued {
		name := env.Hook + env.Account
		ref, err := p.Archive.Write(ctx, archive.Batch{Account: name, At: env.At, ID: "body-" + env.Receipt,
			Entries: []archive.Entry{{Line: env.Receipt, Account: name, At: env.At, Raw: body}}})
		if err != nil {
			return err
		}
		env.Pointer, body = ref, nil
	}
	return q.Send(ctx, queue.Message{Lane: lane, Group: env.Hook + env.Account, Body: env.seal(body)})[0]
}

// receiver finds what takes the webhooks of a kind: a network, or a CRM that sends changes.
func (p *Pipeline) receiver(kind string) (network.Receiver, network.Info) {
	if n, ok := p.Networks[kind]; ok {
		r, _ := n.(network.Receiver)
		return r, p.infos[kind]
	}
	if c, ok := p.CRMs[kind]; ok {
		r, _ := c.(network.Receiver)
		return r, network.Info{}
	}
	return nil, network.Info{}
}

// ResolveHook gives a hook with its secrets.
func (p *Pipeline) ResolveHook(ctx context.Context, conf config.Hook) (network.Hook, error) {
	secrets, err := p.secrets(ctx, "hook "+conf.Name, conf.Secrets)
	return network.Hook{Name: conf.Name, Kind: conf.Kind, Settings: conf.Settings, Secrets: secrets}, err
}

// rotated reads a hook's secrets anew and tells whether they have changed since they were read: the sender may use a new
// one already. The source bounds how often it really asks.
func (p *Pipeline) rotated(ctx context.Context, conf config.Hook, h *network.Hook) bool {
	for _, ref := range conf.Secrets {
		p.Secrets.Forget(ref)
	}
	fresh, err := p.ResolveHook(ctx, conf)
	if err != nil || maps.Equal(fresh.Secrets, h.Secrets) {
		return false
	}
	*h = fresh
	return true
}

// secrets resolves references. An absent optional secret is an error too: whoever names one wants it.
func (p *Pipeline) secrets(ctx context.Context, of string, refs map[string]string) (map[string]flow.Secret, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	out := make(map[string]flow.Secret, len(refs))
	for name, ref := range refs {
		s, err := p.Secrets.Get(ctx, ref)
		if err != nil {
			return nil, fault.New(fault.Of(err), "secret %q of %s: %w", name, of, err)
		}
		out[name] = s
	}
	return out, nil
}

func refuse(status int, text string) webhook.Answer {
	return webhook.Answer{Status: status, Type: "text/plain; charset=utf-8", Body: []byte(text + "\n")}
}
