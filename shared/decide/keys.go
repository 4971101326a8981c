package decide

import (
	"rapport/shared/config"
	"rapport/shared/decide/identity"
	"rapport/shared/decide/personal"
	"rapport/shared/flow"
)

// Keys gives the exact strong keys of a mention by which a person may be looked up, normalised and not hashed: the author
// id always; e-mail, phone and customer number, class A where they were sent in a private message, else B; domains that
// link back, A where they are one person's. What the brand itself said has none.
func Keys(m flow.Mention, b config.Brand) []Key {
	finder, err := personal.New(b.Region, b.Numbers)
	if err != nil {
		finder, _ = personal.New(b.Region, nil) // New refuses such a brand
	}
	return keys(m, finder)
}

// Keys is the function of that name for a mention's brand, quicker: the patterns are compiled already.
func (d *Decider) Keys(m flow.Mention) []Key { return keys(m, d.brand(m.Brand).finder) }

func keys(m flow.Mention, finder *personal.Finder) []Key {
	if m.Direction == flow.Out || m.Author.ID == "" {
		return nil
	}
	out := []Key{{Kind: identity.KeyAuthor, Value: m.Author.ID, Class: "A", Evidence: "the account itself was linked before"}}
	add := func(kind, value, class, way, evidence string) {
		for i := range out {
			if out[i].Kind == kind && out[i].Value == value {
				return // the first is the stronger
			}
		}
		out = append(out, Key{Kind: kind, Value: value, Class: class, Way: way, Evidence: evidence})
	}
	class, way, how := "B", identity.InPost, " claimed in public"
	switch {
	case private(m) && identity.ForOthers(m.Text):
		how = " of somebody else sent in a private message"
	case private(m):
		class, way, how = "A", identity.InPrivate, " sent in a private message"
	}
	for _, e := range finder.Strong(m.Text) {
		switch e.Kind {
		case personal.Email:
			add(identity.KeyEmail, identity.Email(e.Value), class, way, "e-mail address"+how)
		case personal.Phone:
			add(identity.KeyPhone, e.Value, class, way, "phone number"+how)
		case personal.Customer:
			add(identity.KeyCustomer, identity.Number(e.Value), class, way, "customer number"+how)
		}
	}
	for _, e := range finder.Find(m.Author.Bio) {
		switch e.Kind {
		case personal.Email:
			add(identity.KeyEmail, identity.Email(e.Value), "B", identity.InProfile, "e-mail address claimed in the bio")
		case personal.Phone:
			add(identity.KeyPhone, e.Value, "B", identity.InProfile, "phone number claimed in the bio")
		}
	}
	for _, domain := range identity.Domains(m.Author.Proven) {
		add(identity.KeyDomain, domain, "A", identity.InProfile, "own domain that links back to the account")
	}
	for _, domain := range identity.Sites(m.Author.Bio) {
		add(identity.KeyDomain, domain, "B", identity.InProfile, "own site claimed in the bio")
	}
	return out
}

func private(m flow.Mention) bool { return m.Private || m.Kind == flow.Message }

// HandleKey gives the key by which a CRM that holds social handles knows an author.
func HandleKey(a flow.Author) (Key, bool) {
	h := identity.Handle(a.Handle)
	return Key{Kind: identity.KeyHandle, Value: h, Class: "B", Way: identity.InProfile, Evidence: "the handle that stands in the CRM"}, h != ""
}

// Redacted gives a text without personal data, names included, as a brand's patterns find them.
func (d *Decider) Redacted(brand, text string) string {
	return personal.Blank(text, d.brand(brand).finder.Find(text))
}

// Normal gives a key of a kind in the form in which texts are searched for it by a brand, "" where value is none.
func (d *Decider) Normal(brand, kind, value string) string {
	for _, e := range d.brand(brand).finder.Strong(value) {
		if e.Kind == kind && kind == identity.KeyEmail {
			return identity.Email(e.Value)
		}
		if e.Kind == kind {
			return e.Value
		}
	}
	return ""
}
