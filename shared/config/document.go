package config

import "go.yaml.in/yaml/v4"

// This file says for each type of the document what its keys read. What refers to something else is checked in refer.go.

func document(d *decoder, n *yaml.Node, path string, v *Document) {
	v.Version = 1
	d.object(n, path, keys{
		"version":  whole(&v.Version, 1, 1),
		"brands":   list(&v.Brands, brand),
		"hooks":    list(&v.Hooks, hook),
		"networks": list(&v.Networks, network),
		"crms":     list(&v.CRMs, crm),
		"mapping":  list(&v.Mapping, object),
		"filters":  list(&v.Filters, rule),
		"routing":  list(&v.Routing, route),
		"actions":  list(&v.Actions, action),
		"alerts": list(&v.Alerts, func(d *decoder, n *yaml.Node, path string, v *Alert) {
			d.object(n, path, keys{"name": text(&v.Name, isName), "url": text(&v.URL, isAddress), "secret": text(&v.Secret, isReference), "brands": texts(&v.Brands),
				"on": texts(&v.On, oneOf("alerts.on"))}, "name", "url")
		}),
		"score":   func(d *decoder, n *yaml.Node, path string) { score(d, n, path, &v.Score) },
		"reports": func(d *decoder, n *yaml.Node, path string) { reports(d, n, path, &v.Reports) },
		"basis": func(d *decoder, n *yaml.Node, path string) {
			textMap((*map[string]string)(&v.Basis), oneOf("basis"), oneOf("basis.*"))(d, n, path)
		},
		"retain": func(d *decoder, n *yaml.Node, path string) {
			textMap((*map[string]string)(&v.Retain), oneOf("retain"), isDuration)(d, n, path)
		},
		"roles":        textLists(&v.Roles, oneOf("roles"), notEmpty),
		"environments": func(d *decoder, n *yaml.Node, path string) { overlays(d, n, path, v) },
	})
}

func brand(d *decoder, n *yaml.Node, path string, v *Brand) {
	v.Budget = DefaultBudget
	d.object(n, path, keys{
		"name":      text(&v.Name, isName),
		"title":     text(&v.Title),
		"languages": texts(&v.Languages, matches(`^[a-z]{2,3}$`, "a language such as de or en")),
		"terms":     texts(&v.Terms, notEmpty),
		"official":  texts(&v.Official, matches(`^[a-z0-9]+:.+`, "an author id such as mastodon:109876")),
		"industry":  text(&v.Industry),
		"profile":   text(&v.Profile, oneOf("brands.profile")),
		"region":    text(&v.Region, matches(`^[A-Z]{2}$`, "a country such as DE")),
		"calendar":  func(d *decoder, n *yaml.Node, path string) { calendar(d, n, path, &v.Calendar) },
		"sla":       textMap(&v.SLA, oneOf("brands.sla"), isDuration),
		"pause":     flag(&v.Pause),
		"escalate":  list(&v.Escalate, escalation),
		"protected": texts(&v.Protected, matches(`^[a-z0-9]+:.+`, "an author id such as mastodon:109876")),
		"numbers":   textMap(&v.Numbers, oneOf("brands.numbers"), isRegexp),
		"templates": list(&v.Templates, func(d *decoder, n *yaml.Node, path string, v *Template) {
			d.object(n, path, keys{
				"action": text(&v.Action, notEmpty), "lang": text(&v.Lang, matches(`^[a-z]{2,3}$`, "a language such as de or en")), "text": text(&v.Text, notEmpty),
			}, "action", "lang", "text")
		}),
		"contact": func(d *decoder, n *yaml.Node, path string) {
			d.object(n, path, keys{"link": text(&v.Contact.Link, isAddress), "channel": textMap(&v.Contact.Channel, matches(`^[a-z]{2,3}$`, "a language such as de or en"), notEmpty)})
		},
		"information": textMap(&v.Information, matches(`^[a-z]{2,3}$`, "a language such as de or en"), notEmpty),
		"notice":      textMap(&v.Notice, matches(`^[a-z]{2,3}$`, "a language such as de or en"), notEmpty),
		"crowd":       whole(&v.Crowd, 0, 100_000),
		"reopen_days": whole(&v.ReopenDays, 0, 3650),
		"roles":       textLists(&v.Roles, oneOf("roles"), notEmpty),
		"budget":      amount(&v.Budget),
		"topics": list(&v.Topics, func(d *decoder, n *yaml.Node, path string, v *Topic) {
			d.object(n, path, keys{"name": text(&v.Name, notEmpty), "kind": text(&v.Kind, oneOf("brands.topics.kind")), "words": texts(&v.Words, notEmpty), "whole": flag(&v.Whole)}, "name")
		}),
		"pulse": func(d *decoder, n *yaml.Node, path string) {
			d.object(n, path, keys{"off": flag(&v.Pulse.Off), "minimum": whole(&v.Pulse.Minimum, 0, 100_000), "sensitivity": text(&v.Pulse.Sensitivity, oneOf("brands.pulse.sensitivity"))})
		},
	}, "name")
}

func escalation(d *decoder, n *yaml.Node, path string, v *Escalation) {
	priority := oneOf("routing.priority")
	d.object(n, path, keys{
		"name": text(&v.Name, notEmpty), "after": text(&v.After, matches(`^([1-9][0-9]?%|100%|breach)$`, "a share of the time such as 80%, or breach")),
		"departments": texts(&v.Departments, notEmpty), "queues": texts(&v.Queues, notEmpty), "priorities": texts(&v.Priorities, priority),
		"priority": text(&v.Priority, priority), "department": text(&v.Department, notEmpty), "alert": flag(&v.Alert),
	}, "name")
}

func reports(d *decoder, n *yaml.Node, path string, v *Reports) {
	d.object(n, path, keys{"agents": func(d *decoder, n *yaml.Node, path string) {
		d.object(n, path, keys{"on": flag(&v.Agents.On), "reason": text(&v.Agents.Reason, notEmpty)})
		if v.Agents.On && v.Agents.Reason == "" {
			d.fail(n, path, "", "figures of single members of the staff need a reason: write reason: and why, as it was agreed with them")
		}
	}})
}

func calendar(d *decoder, n *yaml.Node, path string, v *Calendar) {
	d.object(n, path, keys{
		"zone":     text(&v.Zone, isZone),
		"hours":    textMap(&v.Hours, oneOf("brands.calendar.hours"), isHours),
		"holidays": texts(&v.Holidays, isDate),
		"country":  text(&v.Country, matches(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`, "a country or region such as DE or DE-BY")),
	})
}

func hook(d *decoder, n *yaml.Node, path string, v *Hook) {
	d.object(n, path, hookKeys(v), "name", "kind")
}

func hookKeys(v *Hook) keys {
	return keys{
		"name":     text(&v.Name, isName),
		"kind":     text(&v.Kind, notEmpty),
		"path":     text(&v.Path, matches(`^/[A-Za-z0-9._~/-]*$`, "a path such as /hooks/shop")),
		"brand":    text(&v.Brand),
		"settings": settings(&v.Settings),
		"secrets":  textMap(&v.Secrets, nil, isReference),
	}
}

// accountKeys are common to networks and CRMs.
func accountKeys(v *Account) keys {
	return keys{
		"name":     text(&v.Name, isName),
		"kind":     text(&v.Kind, notEmpty),
		"hook":     text(&v.Hook),
		"id":       text(&v.ID, notEmpty),
		"origin":   text(&v.Origin, isOrigin),
		"paused":   flag(&v.Paused),
		"every":    text(&v.Every, isDuration),
		"settings": settings(&v.Settings),
		"secrets":  textMap(&v.Secrets, nil, isReference),
	}
}

func networkKeys(v *Account, k keys) {
	k["brand"] = text(&v.Brand)
	k["replies"] = text(&v.Replies, oneOf("networks.replies"))
	k["media"] = text(&v.Media, oneOf("networks.media"))
	k["streams"] = texts(&v.Streams, notEmpty)
}

func crmKeys(v *Account, k keys) {
	k["brands"] = texts(&v.Brands)
	k["mode"] = text(&v.Mode, oneOf("crms.mode"))
	k["modes"] = textMap(&v.Modes, nil, oneOf("crms.modes"))
	k["person"] = text(&v.Person, oneOf("crms.person"))
	k["batch"] = whole(&v.Batch, 1, 10_000)
	k["reserve"] = whole(&v.Reserve, 0, 100)
	k["match"] = list(&v.Match, func(d *decoder, n *yaml.Node, path string, v *Match) {
		d.object(n, path, keys{"object": text(&v.Object, notEmpty), "email": texts(&v.Email, notEmpty), "phone": texts(&v.Phone, notEmpty),
			"customer": texts(&v.Customer, notEmpty), "name": texts(&v.Name, notEmpty), "city": text(&v.City, notEmpty), "country": text(&v.Country, notEmpty),
			"company": text(&v.Company, notEmpty), "born": text(&v.Born, notEmpty), "site": texts(&v.Site, notEmpty), "handle": texts(&v.Handle, notEmpty)}, "object")
	})
}

// Keys lists the keys of an account under networks or crms.
func Keys(section string) []string {
	k := accountKeys(&Account{})
	if section == "crms" {
		crmKeys(&Account{}, k)
	} else {
		networkKeys(&Account{}, k)
	}
	return sorted(k)
}

// foreign refuses keys of the other section with the reason.
func foreign(k, other keys, say string) {
	for name := range other {
		if _, ok := k[name]; !ok {
			k[name] = func(d *decoder, n *yaml.Node, path string) { d.fail(n, path, "", "%s", say) }
		}
	}
}

func network(d *decoder, n *yaml.Node, path string, v *Account) {
	k, other := accountKeys(v), keys{}
	networkKeys(v, k)
	crmKeys(&Account{}, other)
	foreign(k, other, "belongs to an account under crms, not networks")
	d.object(n, path, k, "name", "kind")
}

func crm(d *decoder, n *yaml.Node, path string, v *Account) {
	k, other := accountKeys(v), keys{}
	crmKeys(v, k)
	networkKeys(&Account{}, other)
	foreign(k, other, "belongs to an account under networks, not crms")
	d.object(n, path, k, "name", "kind")
}

func object(d *decoder, n *yaml.Node, path string, v *Object) {
	d.object(n, path, keys{
		"crm":    text(&v.CRM, notEmpty),
		"object": text(&v.Object, notEmpty),
		"for":    text(&v.For, oneOf("mapping.for")),
		"when":   text(&v.When, notEmpty),
		"key":    text(&v.Key, notEmpty),
		"brands": texts(&v.Brands),
		"fields": func(d *decoder, n *yaml.Node, path string) {
			v.Fields = map[string]Field{}
			seen := d.pairs(n, path, "an object of fields", func(key, value *yaml.Node) {
				at := Join(path, key.Value)
				if target, ok := d.see(value, at); ok {
					v.Fields[key.Value] = mapped(d, target, at)
				} else {
					d.fail(value, at, "", "is empty; a field wants an expression")
				}
			})
			if len(seen) == 0 && n.Kind == yaml.MappingNode {
				d.fail(n, path, "", "names no field")
			}
		},
		"links": list(&v.Links, func(d *decoder, n *yaml.Node, path string, v *Link) {
			d.object(n, path, keys{"to": text(&v.To, oneOf("mapping.links.to")), "label": text(&v.Label, notEmpty)}, "to")
		}),
	}, "crm", "object", "for", "fields")
}

// mapped reads what fills a field: a bare text, number or flag is its expression.
func mapped(d *decoder, n *yaml.Node, path string) (v Field) {
	if n.Kind == yaml.ScalarNode {
		if tag := n.ShortTag(); tag == "!!bool" || tag == "!!int" || tag == "!!float" {
			v.Value = n.Value
			return v
		}
		text(&v.Value, notEmpty)(d, n, path)
		return v
	}
	d.object(n, path, keys{
		"value":   text(&v.Value, notEmpty),
		"wins":    text(&v.Wins, oneOf("mapping.fields.wins")),
		"once":    flag(&v.Once),
		"at":      text(&v.At, notEmpty),
		"shared":  flag(&v.Shared),
		"purpose": text(&v.Purpose, oneOf("mapping.fields.purpose")),
	}, "value")
	return v
}

func rule(d *decoder, n *yaml.Node, path string, v *Rule) {
	d.object(n, path, keys{"name": text(&v.Name, isName), "when": text(&v.When, notEmpty), "brands": texts(&v.Brands)}, "name", "when")
}

func route(d *decoder, n *yaml.Node, path string, v *Route) {
	d.object(n, path, keys{
		"name": text(&v.Name, isName), "when": text(&v.When, notEmpty), "department": text(&v.Department, notEmpty),
		"priority": text(&v.Priority, oneOf("routing.priority")), "brands": texts(&v.Brands),
	}, "name", "when", "department")
}

func action(d *decoder, n *yaml.Node, path string, v *Action) {
	d.object(n, path, keys{
		"name": text(&v.Name, isName), "when": text(&v.When, notEmpty), "do": text(&v.Do, notEmpty), "answer": flag(&v.Answer), "brands": texts(&v.Brands),
	}, "name", "when", "do")
}

func score(d *decoder, n *yaml.Node, path string, v *Score) {
	d.object(n, path, keys{
		"off": flag(&v.Off), "strangers": flag(&v.Strangers),
		"max": func(d *decoder, n *yaml.Node, path string) {
			v.Max = map[string]int{}
			known, sum := keys{}, 0
			for _, name := range Choices("score.max") {
				known[name] = func(d *decoder, n *yaml.Node, path string) {
					var points int
					whole(&points, 0, 100)(d, n, path)
					v.Max[name] = points
					sum += points
				}
			}
			d.object(n, path, known, Choices("score.max")...)
			if len(v.Max) == len(known) && sum != 100 {
				d.fail(n, path, "", "the points sum to %d, not to 100", sum)
			}
		},
		"half_life": text(&v.HalfLife, isDuration),
		"terms":     texts(&v.Terms, notEmpty),
	})
}

func overlays(d *decoder, n *yaml.Node, path string, v *Document) {
	v.Overlays = map[string]Overlay{}
	d.pairs(n, path, "an object of environments", func(key, value *yaml.Node) {
		at := Join(path, key.Value)
		target, ok := d.see(value, at)
		if !ok {
			return
		}
		var o Overlay
		d.object(target, at, keys{
			"accounts": parts(&o.Accounts, func(v *Account) keys {
				k := accountKeys(v)
				networkKeys(v, k)
				crmKeys(v, k)
				return k
			}),
			"hooks": parts(&o.Hooks, hookKeys),
		})
		v.Overlays[key.Value] = o
	})
}

// parts reads pieces by name. The name itself and the kind cannot be replaced.
func parts[T any](p *map[string]T, of func(*T) keys) field {
	return func(d *decoder, n *yaml.Node, path string) {
		*p = map[string]T{}
		d.pairs(n, path, "an object by name", func(key, value *yaml.Node) {
			at := Join(path, key.Value)
			target, ok := d.see(value, at)
			if !ok {
				return
			}
			var v T
			known := of(&v)
			for _, fixed := range []string{"name", "kind"} {
				known[fixed] = func(d *decoder, n *yaml.Node, path string) { d.fail(n, path, "", "cannot differ between environments") }
			}
			d.object(target, at, known)
			(*p)[key.Value] = v
		})
	}
}
