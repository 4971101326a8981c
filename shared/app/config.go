package app

import (
	"context"
	"fmt"
	"slices"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/mapping"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// Verb names the function that a lane wakes.
func Verb(lane queue.Lane) string {
	for _, f := range topology.Functions() {
		for _, l := range f.Lanes {
			if queue.Lane(l) == lane {
				return f.Name
			}
		}
	}
	return ""
}

// Connectors says as data what every kind wants to be configured with.
func Connectors(networks map[string]network.Network, crms map[string]crm.CRM) map[string]config.Connector {
	out := map[string]config.Connector{}
	for name, n := range networks {
		i := n.Info()
		c := config.Connector{Settings: settings(i.Settings), Secrets: settings(i.Secrets), Hook: settings(i.Hook), HookSecrets: settings(i.HookSecrets)}
		if k, ok := n.(interface{ Check(map[string]any) []error }); ok {
			c.CheckHook = k.Check
		}
		out[name] = c
	}
	for name, m := range crms {
		i := m.Info()
		c := config.Connector{CRM: true, Settings: settings(i.Settings), Secrets: settings(i.Secrets), Hook: settings(i.Hook), HookSecrets: settings(i.HookSecrets)}
		if k, ok := m.(interface{ Check(map[string]any) []error }); ok {
			c.Check = k.Check
		}
		out[name] = c
	}
	return out
}

func settings(fields []network.Field) []config.Setting {
	var out []config.Setting
	for _, f := range fields {
		out = append(out, config.Setting{Name: f.Name, Type: f.Type, Required: f.Required, Choices: f.Choices})
	}
	return out
}

// Check reads a configuration document and compiles it: expressions, rules, mapping against what is known of the CRMs.
// It stores nothing. The error lists every mistake with its place.
func (a *App) Check(ctx context.Context, text []byte, file string) (*pipeline.Plan, error) {
	doc, err := config.Load(text, config.Options{File: file, Env: a.options.Env, Connectors: Connectors(a.options.Networks, a.options.CRMs)})
	if err != nil {
		return nil, err
	}
	if err := Templates(doc, a.options.Networks); err != nil {
		return nil, err
	}
	described, err := a.described(ctx, doc)
	if err != nil {
		return nil, err
	}
	plan, err := compile(doc, a.options.CRMs, described)
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// restore makes the plan of a version that was published before. It was right then: what a CRM or a connector changed since
// costs the fields it touches, not the whole.
func (a *App) restore(ctx context.Context, v config.Version) (*pipeline.Plan, error) {
	name := fmt.Sprintf("version %d", v.Number)
	doc, err := config.Load([]byte(v.Text), config.Options{File: name, Env: a.options.Env, Connectors: Connectors(a.options.Networks, a.options.CRMs)})
	if err != nil {
		a.options.Ports.Log.Warn("the configuration does not fit the connectors any more", "version", v.Number, "error", err.Error())
		if doc, err = config.Load([]byte(v.Text), config.Options{File: name, Env: a.options.Env}); err != nil {
			return nil, fault.New(fault.Transient, "configuration %s: %w", name, err)
		}
	}
	described, err := a.described(ctx, doc)
	if err != nil {
		return nil, err
	}
	plan, err := compile(doc, a.options.CRMs, described)
	if plan == nil {
		return nil, fault.New(fault.Transient, "configuration %s: %w", name, err)
	}
	if err != nil {
		a.options.Ports.Log.Warn("the mapping does not fit the CRM any more; these fields are left out", "version", v.Number, "error", err.Error())
	}
	return plan, nil
}

// Compile makes a plan of a document against nothing but what connectors say of themselves.
func Compile(doc *config.Document, crms map[string]crm.CRM) (*pipeline.Plan, error) {
	plan, err := compile(doc, crms, nil)
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// compile gives a plan. Where the error is of the mapping alone the plan is there all the same, without the fields that are
// wrong.
func compile(doc *config.Document, crms map[string]crm.CRM, described map[string]map[string]crm.Object) (*pipeline.Plan, error) {
	infos := map[string]crm.Info{}
	for _, c := range doc.CRMs {
		if k, ok := crms[c.Kind]; ok {
			infos[c.Name] = k.Info()
		}
	}
	decider, err := decide.New(doc)
	if err != nil {
		return nil, err
	}
	m, err := mapping.New(doc, described, infos)
	return &pipeline.Plan{Doc: doc, Decider: decider, Mapping: m}, err
}

// described reads what was last learnt of the CRM accounts' objects.
func (a *App) described(ctx context.Context, doc *config.Document) (map[string]map[string]crm.Object, error) {
	out := map[string]map[string]crm.Object{}
	for _, c := range doc.CRMs {
		for row, err := range a.objects.List(ctx, store.Range{Part: c.Name}) {
			if err != nil {
				return nil, err
			}
			if out[c.Name] == nil {
				out[c.Name] = map[string]crm.Object{}
			}
			out[c.Name][row.Sort] = row.Value
		}
	}
	return out, nil
}

// Learn reads the fields of the objects that a CRM account's mapping touches, so that the next check knows them.
func (a *App) Learn(ctx context.Context, account string) error {
	plan, err := a.Plan(ctx, "")
	if err != nil {
		return err
	}
	conf, ok := plan.Doc.CRM(account)
	describer, can := a.CRMs[conf.Kind].(crm.Describer)
	if !ok || !can {
		return fault.New(fault.NotFound, "CRM account %q cannot be described", account)
	}
	conn, err := a.Connect(ctx, account)
	if err != nil {
		return err
	}
	for _, o := range plan.Mapping.Objects(account) {
		object, err := describer.Describe(ctx, conn, o.Name)
		if err != nil {
			return fault.New(fault.Of(err), "object %s of %s: %w", o.Name, account, err)
		}
		_, err = a.objects.Update(ctx, account, o.Name, func(r *store.Row[crm.Object]) (bool, error) {
			r.Value = object
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.plans, plan.Doc.Hash) // it is compiled anew with what was learnt
	a.order = slices.DeleteFunc(a.order, func(hash string) bool { return hash == plan.Doc.Hash })
	return nil
}

// present names the partition that leads to the current version.
const present = "present"

// Publish checks a document and makes it the current version. An equal one is not published twice.
func (a *App) Publish(ctx context.Context, text []byte, file, by, note string) (config.Version, error) {
	plan, err := a.Check(ctx, text, file)
	if err != nil {
		return config.Version{}, err
	}
	var v config.Version
	_, err = a.versions.Update(ctx, present, "-", func(r *store.Row[config.Version]) (bool, error) {
		if r.Value.Hash == plan.Doc.Hash {
			v = r.Value
			return false, nil
		}
		v = config.Version{Number: r.Value.Number + 1, Hash: plan.Doc.Hash, By: by, At: a.options.Ports.Now().UTC(), Note: note, Text: string(text)}
		// Kept under its hash before it becomes current, so that no delivery ever misses its version.
		kept := store.Row[config.Version]{Part: "hash", Sort: v.Hash, Value: v}
		if res := a.versions.Put(ctx, &kept)[0]; res.Err != nil && !fault.Is(res.Err, fault.Conflict) {
			return false, res.Err
		}
		if err := a.number(ctx, v); err != nil {
			return false, err
		}
		r.Value = v
		return true, nil
	})
	if err == nil { // of two that published at once the other may have taken the number first
		err = a.number(ctx, v)
	}
	for _, at := range []store.Key{{Part: "hash", Sort: v.Hash}, {Part: "number", Sort: fmt.Sprintf("%06d", v.Number)}, {Part: present, Sort: "-"}} {
		if err == nil {
			err = a.Named(ctx, "config", at.Part, at.Sort)
		}
	}
	if err != nil {
		return v, err
	}
	a.use(plan)
	return v, nil
}

// number keeps a version under its number, over one that was never published.
func (a *App) number(ctx context.Context, v config.Version) error {
	_, err := a.versions.Update(ctx, "number", fmt.Sprintf("%06d", v.Number), func(r *store.Row[config.Version]) (bool, error) {
		if r.Version > 0 && r.Value.Hash == v.Hash {
			return false, nil
		}
		r.Value = v
		return true, nil
	})
	return err
}

func (a *App) use(plan *pipeline.Plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current = plan.Doc.Hash
	a.keep(plan)
}

// Use makes a compiled plan the present one without storing it: for simulations and benchmarks.
func (a *App) Use(plan *pipeline.Plan) { a.use(plan) }

// History lists the published versions, newest first, without their texts.
func (a *App) History(ctx context.Context, limit int) ([]config.Version, error) {
	var out []config.Version
	for row, err := range a.versions.List(ctx, store.Range{Part: "number", Desc: true, Limit: limit}) {
		if err != nil {
			return nil, err
		}
		row.Value.Text = ""
		out = append(out, row.Value)
	}
	return out, nil
}

// Version gives a published version by number, 0 = the present one.
func (a *App) Version(ctx context.Context, number int) (config.Version, error) {
	row, err := a.versions.One(ctx, present, "-")
	if number > 0 {
		row, err = a.versions.One(ctx, "number", fmt.Sprintf("%06d", number))
	}
	if err == nil && row.Version == 0 {
		err = fault.New(fault.NotFound, "there is no configuration version %d: `rapport config history` lists them", number)
	}
	return row.Value, err
}

// maxSince bounds how many versions are looked at for how long something stands in the configuration.
const maxSince = 20

// Since implements pipeline.Versions.
func (a *App) Since(ctx context.Context, say func(*config.Document) []string) ([]pipeline.Since, error) {
	var now []string
	var out []pipeline.Since
	var over []bool
	for row, err := range a.versions.List(ctx, store.Range{Part: "number", Desc: true, Limit: maxSince}) {
		if err != nil {
			return nil, err
		}
		doc, err := config.Load([]byte(row.Value.Text), config.Options{File: fmt.Sprintf("version %d", row.Value.Number), Env: a.options.Env})
		if err != nil {
			break // an older language than this one
		}
		said := say(doc)
		if now == nil {
			now, out, over = said, make([]pipeline.Since, len(said)), make([]bool, len(said))
		}
		for i := range said {
			if over[i] = over[i] || said[i] != now[i]; !over[i] {
				out[i] = pipeline.Since{Number: row.Value.Number, At: row.Value.At}
			}
		}
		if !slices.Contains(over, false) {
			break
		}
	}
	return out, nil
}

// Rollback publishes an earlier version again, as a new one.
func (a *App) Rollback(ctx context.Context, number int, by string) (config.Version, error) {
	v, err := a.Version(ctx, number)
	if err != nil {
		return v, err
	}
	return a.Publish(ctx, []byte(v.Text), fmt.Sprintf("version %d", number), by, fmt.Sprintf("back to version %d", number))
}

// Plan implements pipeline.Planner.
func (a *App) Plan(ctx context.Context, hash string) (*pipeline.Plan, error) {
	a.mu.Lock()
	if hash == "" {
		hash = a.current
	}
	plan := a.plans[hash]
	a.mu.Unlock()
	if plan != nil {
		return plan, nil
	}
	row, err := a.versions.One(ctx, present, "-")
	if hash != "" {
		row, err = a.versions.One(ctx, "hash", hash)
	}
	if err != nil {
		return nil, err
	}
	if row.Version == 0 {
		return nil, unpublished()
	}
	if plan, err = a.restore(ctx, row.Value); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep(plan)
	if hash == "" {
		a.current = plan.Doc.Hash
	}
	return plan, nil
}

// maxPlans bounds how many compiled versions are kept.
const maxPlans = 8

// keep remembers a compiled plan; the oldest that is not the present one makes room. The caller holds the lock.
func (a *App) keep(plan *pipeline.Plan) {
	hash := plan.Doc.Hash
	if _, known := a.plans[hash]; !known {
		a.order = append(a.order, hash)
	}
	a.plans[hash] = plan
	for i := 0; len(a.order) > maxPlans && i < len(a.order); i++ {
		if old := a.order[i]; old != hash && old != a.current {
			delete(a.plans, old)
			a.order = slices.Delete(a.order, i, i+1)
			i--
		}
	}
}

// Refresh looks whether another process published a newer version; the next verb uses it.
func (a *App) Refresh(ctx context.Context) error {
	row, err := a.versions.One(ctx, present, "-")
	if err != nil || row.Version == 0 {
		return err
	}
	a.mu.Lock()
	known := a.current == row.Value.Hash
	if !known {
		a.current = ""
	}
	a.mu.Unlock()
	return nil
}
