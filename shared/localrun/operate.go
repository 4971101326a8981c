package localrun

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/webhook"
)

// Command carries out a command of the local API in this process.
func (h *Home) Command(ctx context.Context, name string, in, out any) error {
	do, ok := h.commands()[name]
	if !ok {
		return fault.New(fault.NotFound, "there is no command %q", name)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	result, err := do(ctx, raw)
	if err != nil || out == nil {
		return err
	}
	if raw, err = json.Marshal(result); err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// Queues is the state of all queues and CRM accounts.
type Queues struct {
	Lanes    []queue.Depth  `json:"lanes"`
	Letters  []queue.Dead   `json:"letters,omitempty"`
	Accounts []AccountState `json:"accounts"`
}

// AccountState is what waits for one CRM account, and why.
type AccountState struct {
	Account string                  `json:"account"`
	Parked  int                     `json:"parked"`
	Closed  string                  `json:"closed,omitempty"`
	Until   time.Time               `json:"until,omitzero"`
	Dead    []pipeline.DeadDelivery `json:"dead,omitempty"`
}

// Queues reads it.
func (h *Home) Queues(ctx context.Context) (q Queues, err error) {
	if q.Lanes, err = h.admin.Depth(ctx); err != nil {
		return q, err
	}
	for _, d := range q.Lanes {
		if d.Dead > 0 {
			dead, err := h.admin.Dead(ctx, d.Lane, 20)
			if err != nil {
				return q, err
			}
			q.Letters = append(q.Letters, dead...)
		}
	}
	plan, err := h.Plan(ctx, "")
	if err != nil {
		return q, err
	}
	for _, c := range plan.Doc.CRMs {
		a := AccountState{Account: c.Name}
		if a.Parked, err = h.Waiting(ctx, c.Name); err != nil {
			return q, err
		}
		closure, closed, err := h.Closed(ctx, c.Name)
		if err != nil {
			return q, err
		}
		if closed {
			a.Closed, a.Until = closure.Reason, closure.Until
		}
		if a.Dead, err = h.DeadDeliveries(ctx, c.Name, 50); err != nil {
			return q, err
		}
		q.Accounts = append(q.Accounts, a)
	}
	return q, nil
}

// Candidate compiles a configuration file without publishing it; "" gives the present version.
func (h *Home) Candidate(ctx context.Context, file string) (*pipeline.Plan, error) {
	if file == "" {
		return h.Plan(ctx, "")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Invalid, "configuration: %w", err)
	}
	return h.Check(ctx, text, file)
}

// Sign makes the request by which a vendor would send a body to a hook.
func (h *Home) Sign(ctx context.Context, hook, to string, body []byte) (webhook.Request, error) {
	plan, err := h.Plan(ctx, "")
	if err != nil {
		return webhook.Request{}, err
	}
	conf, ok := plan.Doc.Hook(hook)
	if !ok {
		return webhook.Request{}, fault.New(fault.NotFound, "there is no hook %q in the configuration", hook)
	}
	signer, ok := h.Connector(conf.Kind).(network.Signer)
	if !ok {
		return webhook.Request{}, fault.New(fault.NotFound, "%s has no way to sign", conf.Kind)
	}
	resolved, err := h.ResolveHook(ctx, conf)
	if err != nil {
		return webhook.Request{}, err
	}
	path := conf.Path
	if path == "" {
		path = "/hooks/" + url.PathEscape(conf.Name)
	}
	r := webhook.Request{Method: http.MethodPost, URL: to + path, Path: path, Body: body, At: time.Now().UTC()}
	if r.Header, err = signer.Sign(resolved, r.URL, body, r.At); err != nil {
		return r, err
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// Post sends a signed request.
func Post(ctx context.Context, r webhook.Request) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return 0, nil, fault.New(fault.Invalid, "address %q: %w", r.URL, err)
	}
	req.Header = r.Header
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return 0, nil, fault.New(fault.Unavailable, "the hook does not answer: %w", err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, bytes.TrimSpace(answer), err
}
