// Package app wires everything: connectors, drivers, configuration, verbs. Its methods are the verbs of the pipeline and
// what operators do with configuration. A home (Lambda or local) only chooses drivers and calls them.
package app

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"

	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/connectors"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/secret"
	"rapport/shared/store"
)

// Options is what a home chooses.
type Options struct {
	Store    store.Store
	Queue    queue.Queue
	Urgent   queue.Queue // for receive; default Queue
	Archive  archive.Archive
	Secrets  secret.Source
	Leases   pipeline.Leaser // default: in the store
	Ports    pipeline.Ports
	Networks map[string]network.Network // default: all
	CRMs     map[string]crm.CRM         // default: all
	Env      string                     // environment whose overlay applies
	Scheme   string                     // what references of secrets begin with that nobody configured: "env:" (default) or "aws:"
}

// App is Rapport, wired. Safe for concurrent use.
type App struct {
	*pipeline.Pipeline
	options  Options
	versions store.Table[config.Version]
	objects  store.Table[crm.Object]
	meta     store.Table[string]

	mu      sync.Mutex
	plans   map[string]*pipeline.Plan // compiled, by hash
	order   []string                  // their hashes, oldest first
	current string                    // hash of the present version; "" = not read yet
}

// New wires an app. It makes the key of its hashes at the first start.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Networks == nil {
		o.Networks = connectors.Networks()
	}
	if o.CRMs == nil {
		o.CRMs = connectors.CRMs()
	}
	a := &App{options: o, plans: map[string]*pipeline.Plan{}}
	a.versions = store.Table[config.Version]{Store: o.Store, Name: "config"}
	a.objects = store.Table[crm.Object]{Store: o.Store, Name: "described"}
	a.meta = store.Table[string]{Store: o.Store, Name: "meta"}
	pepper, err := a.pepper(ctx)
	if err != nil {
		return nil, err
	}
	a.Pipeline = pipeline.New(pipeline.Options{Store: o.Store, Queue: o.Queue, Urgent: o.Urgent, Archive: o.Archive, Secrets: o.Secrets,
		Networks: o.Networks, CRMs: o.CRMs, Plans: a, Leases: o.Leases, Pepper: pepper, Ports: o.Ports})
	return a, nil
}

// pepper reads the key of the hashes, or makes it; of two first starts one wins.
func (a *App) pepper(ctx context.Context) ([]byte, error) {
	row, err := a.meta.Update(ctx, "pepper", "-", func(r *store.Row[string]) (bool, error) {
		if r.Version > 0 {
			return false, nil
		}
		r.Value = base64.StdEncoding.EncodeToString(pipeline.NewPepper())
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(row.Value)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the key of the hashes in the store is damaged: %w", err)
	}
	return key, nil
}

// HookAt finds the hook of a public address's path: /hooks/<name>, or the path that the hook is configured with.
func (a *App) HookAt(ctx context.Context, path string) (string, bool) {
	plan, err := a.Plan(ctx, "")
	if err != nil {
		return "", false
	}
	return hookAt(plan.Doc, path)
}

func hookAt(doc *config.Document, path string) (string, bool) {
	name, under := strings.CutPrefix(path, "/hooks/")
	for _, k := range doc.Hooks {
		if k.Path != "" && k.Path == path || k.Path == "" && under && k.Name == name {
			return k.Name, true
		}
	}
	return "", false
}

// Handler gives the verb that works on a lane's batches, nil for a lane nobody works on.
func (a *App) Handler(lane queue.Lane) queue.Handler {
	switch Verb(lane) {
	case "enrich":
		return a.Enrich
	case "deliver":
		return a.Deliver
	case "poll":
		return a.Poll
	case "changes":
		return a.Changes
	case "reply":
		return a.Reply
	case "jobs":
		return a.Jobs
	}
	return nil
}
