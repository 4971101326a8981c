package config

import (
	"fmt"
	"slices"
	"strings"
)

// refer checks what one part of a document says of another.
func (d *decoder) refer(doc *Document) {
	var brands, hooks, crms []string
	for i, b := range doc.Brands {
		brands = d.unique(brands, b.Name, Index("brands", i), "another brand")
		var topics []string
		for k, t := range b.Topics {
			topics = d.unique(topics, t.Name, Index(Join(Index("brands", i), "topics"), k), "another topic of the brand")
		}
	}
	if len(doc.Brands) == 0 {
		d.at("brands", "", "there must be at least one brand, such as: brands: [{name: acme}]")
	}
	var paths []string
	for i, h := range doc.Hooks {
		at := Index("hooks", i)
		hooks = d.unique(hooks, h.Name, at, "another hook")
		d.known(h.Brand, brands, Join(at, "brand"), "brand")
		address := h.Path
		if address == "" {
			address = "/hooks/" + h.Name
		}
		if slices.Contains(paths, address) {
			d.at(Join(at, "path"), "", "another hook has the path %s", address)
		}
		paths = append(paths, address)
	}
	var accounts, ids []string
	for i, a := range doc.Networks {
		at := Index("networks", i)
		accounts = d.unique(accounts, a.Name, at, "another account")
		if a.Brand == "" && len(brands) > 1 {
			d.at(at, "", "brand is missing: one of %s", strings.Join(brands, ", "))
		}
		d.known(a.Brand, brands, Join(at, "brand"), "brand")
		d.known(a.Hook, hooks, Join(at, "hook"), "hook")
		if a.ID == "" {
			continue
		}
		id := a.Kind + "\x00" + a.Origin + "\x00" + a.ID
		if slices.Contains(ids, id) {
			d.at(Join(at, "id"), "", "another account of this kind has the same id: a webhook would not know which is meant")
		}
		ids = append(ids, id)
	}
	for i, a := range doc.CRMs {
		at := Index("crms", i)
		accounts = d.unique(accounts, a.Name, at, "another account")
		crms = append(crms, a.Name)
		d.serves(a.Brands, brands, at)
		d.known(a.Hook, hooks, Join(at, "hook"), "hook")
		for _, key := range sorted(a.Modes) {
			if _, brand, ok := strings.Cut(key, "/"); ok {
				d.known(brand, brands, Join(Join(at, "modes"), key), "brand")
			}
		}
	}
	for i, o := range doc.Mapping {
		at := Index("mapping", i)
		d.known(o.CRM, crms, Join(at, "crm"), "CRM account")
		d.serves(o.Brands, brands, at)
	}
	var filters, routes, actions []string
	for i, r := range doc.Filters {
		filters = d.unique(filters, r.Name, Index("filters", i), "another filter")
		d.serves(r.Brands, brands, Index("filters", i))
	}
	for i, r := range doc.Routing {
		routes = d.unique(routes, r.Name, Index("routing", i), "another rule")
		d.serves(r.Brands, brands, Index("routing", i))
	}
	for i, a := range doc.Actions {
		actions = d.unique(actions, a.Name, Index("actions", i), "another rule")
		d.serves(a.Brands, brands, Index("actions", i))
	}
	var channels []string
	for i, a := range doc.Alerts {
		channels = d.unique(channels, a.Name, Index("alerts", i), "another channel")
		d.serves(a.Brands, brands, Index("alerts", i))
	}
	for _, env := range sorted(doc.Overlays) {
		at := Join("environments", env)
		for _, name := range sorted(doc.Overlays[env].Accounts) {
			d.known(name, accounts, Join(Join(at, "accounts"), name), "account")
		}
		for _, name := range sorted(doc.Overlays[env].Hooks) {
			d.known(name, hooks, Join(Join(at, "hooks"), name), "hook")
		}
	}
}

// unique adds a name to those seen.
func (d *decoder) unique(seen []string, name, at, say string) []string {
	if name == "" {
		return seen
	}
	if slices.Contains(seen, name) {
		d.at(Join(at, "name"), "", "%s has the name %q", say, name)
	}
	return append(seen, name)
}

// known wants a name that is there; "" is none.
func (d *decoder) known(name string, names []string, at, what string) {
	if name != "" && !slices.Contains(names, name) {
		d.at(at, nearest(name, names), "there is no %s %q", what, name)
	}
}

func (d *decoder) serves(brands, known []string, at string) {
	for i, b := range brands {
		d.known(b, known, Index(Join(at, "brands"), i), "brand")
	}
}

// connectors checks kinds, settings and secrets.
func (d *decoder) connectors(doc *Document, all map[string]Connector) {
	for i, h := range doc.Hooks {
		at := Index("hooks", i)
		c, ok := all[h.Kind]
		switch {
		case h.Kind == "":
		case !ok:
			d.at(Join(at, "kind"), nearest(h.Kind, sorted(all)), "there is no connector %q", h.Kind)
		case len(c.Hook)+len(c.HookSecrets) == 0:
			d.at(Join(at, "kind"), "", "%s has no hooks", h.Kind)
		default:
			d.settings(at, h.Settings, h.Secrets, c.Hook, c.HookSecrets, c.CheckHook)
		}
	}
	section := func(name string, accounts []Account, crm bool) {
		for i, a := range accounts {
			at := Index(name, i)
			c, ok := all[a.Kind]
			switch {
			case a.Kind == "":
			case !ok:
				var kinds []string
				for _, k := range sorted(all) {
					if all[k].CRM == crm {
						kinds = append(kinds, k)
					}
				}
				d.at(Join(at, "kind"), nearest(a.Kind, kinds), "there is no connector %q; there are %s", a.Kind, strings.Join(kinds, ", "))
			case c.CRM != crm:
				d.at(Join(at, "kind"), "", "%s is a %s: it belongs under %s", a.Kind, pick(c.CRM, "CRM", "network"), pick(c.CRM, "crms", "networks"))
			default:
				d.settings(at, a.Settings, a.Secrets, c.Settings, c.Secrets, c.Check)
			}
		}
	}
	section("networks", doc.Networks, false)
	section("crms", doc.CRMs, true)
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// settings compares what is set with what a connector wants.
func (d *decoder) settings(at string, set map[string]any, secrets map[string]string, want, wantSecrets []Setting, deeper func(map[string]any) []error) {
	before := len(d.errs)
	byName, secretNames := map[string]Setting{}, []string{}
	for _, s := range want {
		byName[s.Name] = s
		if _, ok := set[s.Name]; s.Required && !ok {
			d.at(at, "", "settings.%s is missing", s.Name)
		}
	}
	for _, s := range wantSecrets {
		secretNames = append(secretNames, s.Name)
		if _, ok := secrets[s.Name]; s.Required && !ok {
			d.at(at, "", "secrets.%s is missing: say where it is kept, as env:NAME", s.Name)
		}
	}
	for _, name := range sorted(set) {
		path := Join(Join(at, "settings"), name)
		s, ok := byName[name]
		switch {
		case ok:
			if say, near := s.check(set[name]); say != "" {
				d.at(path, near, "%s", say)
			}
		case slices.Contains(secretNames, name):
			d.at(path, "", "is a secret: write it under secrets, as env:NAME")
		default:
			d.at(path, nearest(name, sorted(byName)), "there is no such setting")
		}
	}
	for _, name := range sorted(secrets) {
		if !slices.Contains(secretNames, name) {
			d.at(Join(Join(at, "secrets"), name), nearest(name, secretNames), "there is no such secret")
		}
	}
	if deeper == nil || len(d.errs) > before {
		return
	}
	for _, err := range deeper(set) {
		path, say := Join(at, "settings"), err.Error()
		if lead, rest, ok := strings.Cut(say, ": "); ok && d.places[path+"."+lead] != (place{}) {
			path, say = path+"."+lead, rest
		}
		d.at(path, "", "%s", say)
	}
}

// check looks at the form of a value.
func (s Setting) check(v any) (say, near string) {
	switch s.Type {
	case "text", "expression", "address", "choice":
		text, ok := v.(string)
		if !ok {
			switch v.(type) {
			case int, float64:
				text = fmt.Sprint(v)
			case bool:
				if s.Type == "expression" {
					return "", "" // true is an expression too
				}
				return "wants a text; put it in quotes", ""
			default:
				return "wants a text", ""
			}
		}
		if s.Type == "choice" {
			return among(s.Choices)(text)
		}
		if s.Type == "address" && !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
			return "must be an address such as https://crm.example", ""
		}
	case "number":
		switch v.(type) {
		case int, float64:
		default:
			return "wants a number", ""
		}
	case "flag":
		if _, ok := v.(bool); !ok {
			return "wants true or false", ""
		}
	case "map":
		switch v.(type) {
		case map[string]any, []any:
		default:
			return "wants an object", ""
		}
	case "list":
		switch v.(type) {
		case []any, string:
		default:
			return "wants a list", ""
		}
	}
	return "", ""
}
