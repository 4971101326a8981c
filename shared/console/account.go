package console

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/secret"
)

type accountList struct {
	Networks []health `json:"networks"`
	CRMs     []health `json:"crms"`
}

func (c *Console) accountList(q *request) (answer, error) {
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	all, err := c.healths(q.r.Context(), q.narrowed(plan.Doc))
	var l accountList
	for _, h := range all {
		if h.CRM {
			l.CRMs = append(l.CRMs, h)
		} else {
			l.Networks = append(l.Networks, h)
		}
	}
	return answer{Title: "Accounts", Data: l}, err
}

// account is the page of one account.
type accountPage struct {
	health
	Title    string            `json:"title"`
	Docs     string            `json:"docs,omitempty"`
	Conf     config.Account    `json:"-"`
	Settings []setting         `json:"settings"`
	Secrets  []heldSecret      `json:"secrets"`
	Objects  []mappedObject    `json:"objects,omitempty"`
	Address  string            `json:"address,omitempty"` // where webhooks are to be sent
	Needs    []network.Need    `json:"needs,omitempty"`
	Findings []network.Finding `json:"findings,omitempty"`
	LogIn    bool              `json:"log_in,omitempty"` // at the vendor
	Setup    bool              `json:"-"`                // our fields can be made in it
	Ask      bool              `json:"-"`                // the vendor, whether it sends webhooks
	Draft    bool              `json:"draft,omitempty"`  // it is not published yet
	Own      bool              `json:"-"`                // may be tested by who looks
}

type setting struct {
	network.Field
	Value string `json:"value"`
}

type heldSecret struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	Help  string `json:"help,omitempty"`
	Ref   string `json:"ref"`
	Set   bool   `json:"set"`
}

// kind gives what a connector says of itself.
func (c *Console) kind(name string) (title, docs string, settings, secrets []network.Field, needs []network.Need, isCRM, ok bool) {
	if n, is := c.Pipeline.Networks[name]; is {
		i := n.Info()
		return i.Title, i.Docs, i.Settings, i.Secrets, i.Needs, false, true
	}
	if m, is := c.Pipeline.CRMs[name]; is {
		i := m.Info()
		return i.Title, i.Docs, i.Settings, i.Secrets, i.Needs, true, true
	}
	return
}

func find(doc *config.Document, name string) (a config.Account, isCRM, ok bool) {
	if a, ok = doc.Network(name); ok {
		return a, false, true
	}
	a, ok = doc.CRM(name)
	return a, true, ok
}

func (c *Console) account(q *request) (answer, error) {
	p, err := c.accountPage(q)
	return answer{Title: q.value("name"), Data: p}, err
}

func (c *Console) accountPage(q *request) (accountPage, error) {
	ctx := q.r.Context()
	plan, _, err := c.candidate(ctx)
	if err != nil {
		return accountPage{}, err
	}
	a, isCRM, ok := find(q.narrowed(plan.Doc), q.value("name"))
	if !ok {
		return accountPage{}, fault.New(fault.NotFound, "there is no account %q", q.value("name"))
	}
	p := accountPage{Conf: a, Own: slices.ContainsFunc([]string{Admin, Operator}, func(role string) bool { return q.who.has(role) || !isCRM && q.who.in(a.Brand, role) })}
	p.health = health{Name: a.Name, Kind: a.Kind, CRM: isCRM, Brand: a.Brand, State: "ok", Replies: a.Replies, Mode: a.Mode}
	if err := c.state(ctx, a, &p.health); err != nil {
		return p, err
	}
	var settings, secrets []network.Field
	p.Title, p.Docs, settings, secrets, p.Needs, _, _ = c.kind(a.Kind)
	for _, f := range settings {
		s := setting{Field: f}
		if v, set := a.Settings[f.Name]; set {
			s.Value = plainValue(v)
		}
		p.Settings = append(p.Settings, s)
	}
	for _, f := range secrets {
		h := heldSecret{Name: f.Name, Title: f.Title, Help: f.Help, Ref: c.Backend.SecretRef(ctx, a.Name, f.Name)}
		if got, err := c.Pipeline.Secrets.Get(ctx, h.Ref); err == nil && !got.Empty() {
			h.Set = true
		}
		p.Secrets = append(p.Secrets, h)
	}
	if k, ok := plan.Doc.Hook(a.Hook); ok {
		p.Address = c.hookAddress(k.Name, k.Path)
	}
	if isCRM {
		objects, _ := objectsOf(plan.Doc, a)
		for i, o := range objects {
			p.Objects = append(p.Objects, mappedObject{i, o.Object, o.For, o.When, len(o.Fields), modeOf(a, o.Object), brandModes(plan.Doc, a, o)})
		}
	}
	_, p.LogIn = c.connector(a.Kind).(network.Authorizer)
	_, p.Setup = c.connector(a.Kind).(crm.Installer)
	if a.Hook != "" {
		_, p.Ask = c.connector(a.Kind).(network.Subscriber)
	}
	if present, err := c.plan(ctx); err == nil {
		_, _, published := find(present.Doc, a.Name)
		p.Draft = !published
	}
	return p, nil
}

func (c *Console) connector(kind string) any {
	if n, ok := c.Pipeline.Networks[kind]; ok {
		return n
	}
	return c.Pipeline.CRMs[kind]
}

// test asks the vendor, and shows what it finds on the account's page.
func (c *Console) test(q *request) (answer, error) {
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	if a, isCRM, ok := find(q.narrowed(plan.Doc), q.value("name")); !ok || !q.owns(a, isCRM) {
		if ok {
			return answer{}, fault.New(fault.Unauthorized, "%s serves other brands too: your role must hold for all of them", a.Name)
		}
		return answer{}, fault.New(fault.NotFound, "there is no account %q", q.value("name"))
	}
	found, err := c.Backend.Doctor(q.r.Context(), q.value("name"))
	if err != nil {
		return answer{}, err
	}
	if q.api {
		return answer{Data: map[string]any{"findings": found}}, nil
	}
	p, err := c.accountPage(q)
	if err != nil {
		return answer{}, err
	}
	p.Findings = found
	c.show(q.w, q, "account", 200, view{Title: p.Name, Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}

// accountNode finds an account in the YAML.
func accountNode(root *yaml.Node, name string) (*yaml.Node, error) {
	for _, list := range []string{"networks", "crms"} {
		if n := named(child(root, list), "name", name); n != nil {
			return n, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no account %q in the draft", name)
}

func (c *Console) changeAccount(q *request, what string, do func(n *yaml.Node) error) error {
	name := q.value("name")
	return c.change(q, name+": "+what, func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			n, err := accountNode(root, name)
			if err != nil {
				return err
			}
			return do(n)
		})
	})
}

func (c *Console) pause(q *request) (answer, error) {
	on := q.value("pause") == "1"
	err := c.changeAccount(q, fmt.Sprintf("paused %t", on), func(n *yaml.Node) error {
		if put(n, "paused", nil); on {
			put(n, "paused", plainNode("1", "flag"))
		}
		return nil
	})
	return answer{To: "/draft", Say: "In the draft: pause"}, err
}

// mode puts a write mode into the draft. Before it can be published by hand its dry run shows what it would write.
func (c *Console) mode(q *request) (answer, error) {
	object, mode := q.value("object"), q.value("mode")
	if mode != "write" && mode != "observe" {
		return answer{}, wrong("a mode is write or observe")
	}
	if brand := q.value("brand"); brand != "" {
		object += "/" + brand
	}
	err := c.changeAccount(q, object+" → "+mode, func(n *yaml.Node) error {
		put(under(n, "modes", yaml.MappingNode), object, textNode(mode))
		return nil
	})
	if err != nil || mode == "observe" {
		return answer{To: "/draft", Say: "In the draft: " + object + " → " + mode}, err
	}
	return c.try(q) // so that nobody switches without having seen what would be written
}

func (c *Console) setSettings(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, _, err := c.candidate(ctx)
	if err != nil {
		return answer{}, err
	}
	a, _, ok := find(plan.Doc, q.value("name"))
	if !ok {
		return answer{}, fault.New(fault.NotFound, "there is no account %q", q.value("name"))
	}
	_, _, fields, _, _, _, _ := c.kind(a.Kind)
	err = c.changeAccount(q, "settings", func(n *yaml.Node) error {
		for _, f := range fields {
			if f.Type == "map" || f.Type == "list" || !q.form.Has("set."+f.Name) && f.Type != "flag" {
				continue
			}
			value := q.value("set." + f.Name)
			if f.Type == "flag" && value == "" && !q.form.Has("flags") {
				continue
			}
			settings := under(n, "settings", yaml.MappingNode)
			if value == "" {
				put(settings, f.Name, nil)
			} else {
				put(settings, f.Name, plainNode(value, f.Type))
			}
			if len(settings.Content) == 0 {
				put(n, "settings", nil)
			}
		}
		return nil
	})
	return answer{To: "/draft", Say: "In the draft: settings of " + a.Name}, err
}

// setSecret hands a secret to where secrets are kept. It is in no draft, log or answer.
func (c *Console) setSecret(q *request) (answer, error) {
	ctx, name, which := q.r.Context(), q.value("name"), q.value("secret")
	plan, _, err := c.candidate(ctx)
	if err != nil {
		return answer{}, err
	}
	a, _, ok := find(plan.Doc, name)
	if !ok {
		return answer{}, fault.New(fault.NotFound, "there is no account %q", name)
	}
	_, _, _, secrets, _, _, _ := c.kind(a.Kind)
	if !slices.ContainsFunc(secrets, func(f network.Field) bool { return f.Name == which }) {
		return answer{}, wrong("%s has no secret %q", a.Kind, which)
	}
	if err := c.keep(ctx, c.Backend.SecretRef(ctx, name, which), q.form.Get("value")); err != nil {
		return answer{}, err
	}
	return answer{To: "/accounts/" + escape(name), Say: "The secret is kept"}, c.note(ctx, q.who.User, "set a secret", name+" "+which)
}

func (c *Console) keep(ctx context.Context, ref, value string) error {
	w, can := c.Pipeline.Secrets.(secret.Writer)
	if !can {
		return fault.New(fault.Invalid, "secrets cannot be kept from here: set %s where they are kept", ref)
	}
	if strings.TrimSpace(value) == "" {
		return wrong("the secret is empty")
	}
	if err := w.Set(ctx, ref, flow.NewSecret(strings.TrimSpace(value))); err != nil {
		return fault.New(fault.Of(err), "the secret could not be kept under %s", ref)
	}
	c.Pipeline.Secrets.Forget(ref)
	return nil
}

type connectPage struct {
	Kinds    []kindRow
	Kind     string
	Title    string
	CRM      bool
	Settings []network.Field
	Secrets  []network.Field
	Needs    []network.Need
	Brands   []string
	Hooks    []string
	Origin   bool
}

type kindRow struct {
	Name, Title string
	CRM         bool
}

func (c *Console) connectForm(q *request) (answer, error) {
	plan, _, err := c.candidate(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	p := connectPage{Kind: q.value("kind")}
	for _, name := range sortedKeys(c.Pipeline.Networks) {
		p.Kinds = append(p.Kinds, kindRow{name, c.Pipeline.Networks[name].Info().Title, false})
	}
	for _, name := range sortedKeys(c.Pipeline.CRMs) {
		p.Kinds = append(p.Kinds, kindRow{name, c.Pipeline.CRMs[name].Info().Title, true})
	}
	var ok bool
	if p.Title, _, p.Settings, p.Secrets, p.Needs, p.CRM, ok = c.kind(p.Kind); !ok {
		p.Kind = ""
	}
	for _, b := range plan.Doc.Brands {
		p.Brands = append(p.Brands, b.Name)
	}
	for _, h := range plan.Doc.Hooks {
		if h.Kind == p.Kind {
			p.Hooks = append(p.Hooks, h.Name)
		}
	}
	return answer{Title: "Connect", Data: p}, nil
}

// connect puts a new account into the draft. Its secrets go to where secrets are kept, at once.
func (c *Console) connect(q *request) (answer, error) {
	ctx, kind, name := q.r.Context(), q.value("kind"), q.value("name")
	_, _, settings, secrets, _, isCRM, ok := c.kind(kind)
	if !ok {
		return answer{}, wrong("there is no kind %q of network or CRM", kind)
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	put(n, "name", textNode(name))
	put(n, "kind", textNode(kind))
	for _, key := range []string{"origin", "hook", "id"} {
		if v := q.value(key); v != "" {
			put(n, key, textNode(v))
		}
	}
	if brand := q.value("brand"); brand != "" && !isCRM {
		put(n, "brand", textNode(brand))
	}
	if isCRM {
		put(n, "mode", textNode("observe"))
	}
	for _, f := range settings {
		if v := q.value("set." + f.Name); v != "" {
			put(under(n, "settings", yaml.MappingNode), f.Name, plainNode(v, f.Type))
		}
	}
	refs := map[string]string{}
	for _, f := range secrets {
		if q.form.Get("secret."+f.Name) == "" {
			continue
		}
		refs[f.Name] = c.Backend.SecretRef(ctx, name, f.Name)
		put(under(n, "secrets", yaml.MappingNode), f.Name, textNode(refs[f.Name]))
	}
	err := c.change(q, "connected "+name, func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			list := "networks"
			if isCRM {
				list = "crms"
			}
			at := under(root, list, yaml.SequenceNode)
			if named(at, "name", name) != nil {
				return fault.New(fault.Conflict, "there is an account %q already", name)
			}
			at.Content = append(at.Content, n)
			return nil
		})
	})
	if err != nil {
		return answer{}, err
	}
	for _, which := range sortedKeys(refs) {
		if err := c.keep(ctx, refs[which], q.form.Get("secret."+which)); err != nil {
			return answer{}, err
		}
	}
	return answer{To: "/accounts/" + escape(name), Say: "The account is in the draft"}, nil
}
