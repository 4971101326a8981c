package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/pipeline"
	"rapport/shared/store"
	"rapport/shared/webhook"
)

// Receiver is the app as far as the calls of hooks need it: it reads which hooks there are and compiles nothing, so that a
// process that only receives holds no rules, no mapping and no models. Safe for concurrent use.
type Receiver struct {
	options  Options
	versions store.Table[config.Version]
	pipeline *pipeline.Pipeline

	mu   sync.Mutex
	plan *pipeline.Plan // without what is compiled; nil = not read yet
}

// NewReceiver makes a receiver. It reads nothing yet. Networks and CRMs must be given.
func NewReceiver(o Options) *Receiver {
	r := &Receiver{options: o, versions: store.Table[config.Version]{Store: o.Store, Name: "config"}}
	r.pipeline = pipeline.New(pipeline.Options{Store: o.Store, Queue: o.Queue, Urgent: o.Urgent, Archive: o.Archive, Secrets: o.Secrets,
		Networks: o.Networks, CRMs: o.CRMs, Plans: r, Leases: o.Leases, Ports: o.Ports})
	return r
}

// Plan implements pipeline.Planner for the present version; its plan holds the document alone.
func (r *Receiver) Plan(ctx context.Context, _ string) (*pipeline.Plan, error) {
	r.mu.Lock()
	plan := r.plan
	r.mu.Unlock()
	if plan != nil {
		return plan, nil
	}
	if err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan, nil
}

// Refresh reads the present version, if it is another than the known one. NotFound: none is published yet.
func (r *Receiver) Refresh(ctx context.Context) error {
	row, err := r.versions.One(ctx, present, "-")
	if err != nil {
		return err
	}
	if row.Version == 0 {
		return unpublished()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plan != nil && r.plan.Doc.Hash == row.Value.Hash {
		return nil
	}
	name := fmt.Sprintf("version %d", row.Value.Number)
	doc, err := config.Load([]byte(row.Value.Text), config.Options{File: name, Env: r.options.Env})
	if err != nil {
		return fault.New(fault.Transient, "configuration %s: %w", name, err)
	}
	r.plan = &pipeline.Plan{Doc: doc}
	return nil
}

// Receive takes a call of the hook that has its path. The answer is complete without the error, which is for the log.
func (r *Receiver) Receive(ctx context.Context, q webhook.Request) (webhook.Answer, error) {
	say := func(status int, text string) webhook.Answer {
		return webhook.Answer{Status: status, Type: "text/plain; charset=utf-8", Body: []byte(text + "\n")}
	}
	plan, err := r.Plan(ctx, "")
	if err != nil {
		return say(http.StatusServiceUnavailable, "not ready"), err
	}
	name, ok := hookAt(plan.Doc, q.Path)
	if !ok {
		return say(http.StatusNotFound, "no such hook"), fault.New(fault.NotFound, "no hook has this address")
	}
	return r.pipeline.Receive(ctx, name, q)
}

// unpublished is the fault of a store without a configuration.
func unpublished() error {
	return fault.New(fault.NotFound, "no configuration is published yet: start with --config, or run `rapport config apply`")
}
