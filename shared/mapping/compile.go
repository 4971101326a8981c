package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/expression"
	"rapport/shared/flow"
)

// compiler makes the targets of one CRM account.
type compiler struct {
	doc       *config.Document
	account   config.Account
	info      crm.Info
	described map[string]crm.Object // nil = not known
	file      string                // of a default mapping; "" = the document
	errs      config.Errors
	pending   []pending
}

// pending is a target whose links are not resolved yet.
type pending struct {
	target *Target
	links  []config.Link
	path   string
}

func (c *compiler) fail(path, near, format string, args ...any) {
	c.mistake(path, fmt.Sprintf(format, args...), near, 0, 0)
}

func (c *compiler) mistake(path, say, near string, line, column int) {
	if c.file == "" {
		c.errs = append(c.errs, c.doc.Mistake(path, say, near, line, column))
		return
	}
	c.errs = append(c.errs, config.Error{File: c.file, Path: path, Say: say, Nearest: near})
}

// program compiles an expression; nil after a mistake.
func (c *compiler) program(source, path string, want bool) *expression.Program {
	kind := expression.Any
	if want {
		kind = expression.Bool
	}
	p, err := expression.Compile(source, scope{}, kind)
	var e *expression.Error
	if errors.As(err, &e) {
		c.mistake(path, e.Message, e.Nearest, e.Line, e.Column)
		return nil
	}
	return p
}

// add compiles one object of the mapping.
func (c *compiler) add(all []*Target, o config.Object, path string) []*Target {
	t := &Target{account: c.account.Name, kind: o.For, brands: o.Brands, source: path}
	if c.file != "" {
		t.source = c.file + " " + path
	}
	object, known := c.object(o.Object, config.Join(path, "object"))
	t.object, t.label, t.ours = object.Name, object.Label, isOurs(object.Name)
	if o.When != "" {
		t.when = c.program(o.When, config.Join(path, "when"), true)
	}
	for _, name := range sorted(o.Fields) {
		at := config.Join(config.Join(path, "fields"), name)
		f, ok := c.field(object, known, name, at)
		if !ok {
			continue
		}
		if slices.ContainsFunc(t.slots, func(s *slot) bool { return s.name == f.Name }) {
			c.fail(at, "", "the field %s is mapped twice, by its name and by its label", f.Name)
			continue
		}
		c.slot(t, f, o.Fields[name], at)
	}
	c.source(t, object)
	slices.SortFunc(t.slots, func(a, b *slot) int { return strings.Compare(a.name, b.name) })
	c.key(t, o, object, known, path)
	c.pending = append(c.pending, pending{t, o.Links, path})
	return append(all, t)
}

// object resolves a name or label. known is false where nothing is known of its fields.
func (c *compiler) object(name, path string) (object crm.Object, known bool) {
	if c.described == nil {
		return crm.Object{Name: name}, false
	}
	var hits []crm.Object
	var names []string
	complete := false // some objects are known by name alone, so all are listed
	for _, api := range sorted(c.described) {
		o := c.described[api]
		if o.Name == "" {
			o.Name = api
		}
		if o.Name == name {
			return o, len(o.Fields) > 0
		}
		complete = complete || len(o.Fields) == 0
		if strings.EqualFold(o.Name, name) || strings.EqualFold(o.Label, name) {
			hits = append(hits, o)
		}
		names = append(names, o.Name, o.Label)
	}
	switch {
	case len(hits) == 1:
		return hits[0], len(hits[0].Fields) > 0
	case len(hits) > 1:
		c.fail(path, "", "the label %q names several objects: %s and %s; use one of these names", name, hits[0].Name, hits[1].Name)
	case complete && !isOurs(name):
		c.fail(path, expression.Nearest(name, names), "%s has no object %q", c.account.Name, name)
	}
	return crm.Object{Name: name}, false
}

// field resolves a name or label. Our own fields need not be there yet: setup makes them.
func (c *compiler) field(o crm.Object, known bool, name, path string) (crm.Field, bool) {
	if !known {
		return own(name), true
	}
	var hits []crm.Field
	var names []string
	for _, f := range o.Fields {
		if f.Name == name {
			hits = []crm.Field{f}
			break
		}
		if strings.EqualFold(f.Name, name) || strings.EqualFold(f.Label, name) {
			hits = append(hits, f)
		}
		names = append(names, f.Name, f.Label)
	}
	switch {
	case len(hits) > 1:
		c.fail(path, "", "the label %q names several fields: %s and %s; use one of these names", name, hits[0].Name, hits[1].Name)
		return crm.Field{}, false
	case len(hits) == 1 && hits[0].ReadOnly:
		c.fail(path, "", "the field %s cannot be written", hits[0].Name)
		return crm.Field{}, false
	case len(hits) == 1:
		return hits[0], true
	case isOurs(name):
		return own(name), true
	}
	c.fail(path, expression.Nearest(name, names), "%s has no field %q", o.Name, name)
	return crm.Field{}, false
}

// slot compiles what fills a field.
func (c *compiler) slot(t *Target, f crm.Field, m config.Field, path string) {
	at := path
	if line, column := c.doc.Where(path + ".value"); line > 0 && c.file == "" {
		if l, col := c.doc.Where(path); l != line || col != column {
			at = path + ".value"
		}
	}
	p := c.program(m.Value, at, false)
	if p == nil {
		return
	}
	if say := fits(p.Gives(), f.Type); say != "" {
		c.fail(at, "", "the expression gives %s, but %s wants %s; %s", givesWords(p.Gives()), f.Name, wantsWords(f.Type), say)
		return
	}
	if len(f.Choices) > 0 && (f.Type == "choice" || f.Type == "choices" || f.Type == "reference") {
		for _, text := range p.Texts() {
			if _, n := find(f.Choices, text); n != 1 && text != "" && !(f.Type == "choices" && strings.Contains(text, ";")) {
				c.fail(at, expression.Nearest(text, choiceNames(f.Choices)), "%q is %s of %s: %s", text, pickWords(n), f.Name, list(f.Choices))
				return
			}
		}
	}
	s := &slot{name: f.Name, program: p, field: f, once: m.Once, purpose: m.Purpose}
	if m.At != "" {
		if s.at = c.program(m.At, path+".at", false); s.at == nil {
			return
		}
		if gives := s.at.Gives(); gives != "time" && gives != "any" {
			c.fail(path+".at", "", "the expression gives %s, but at wants a time, such as conversation.reply_at", givesWords(gives))
			return
		}
	}
	switch f.Type {
	case "", "text", "longtext", "html", "email", "phone", "url":
		s.limit = limit{Limit: c.info.Text, html: f.Type == "html"}
		if f.Max > 0 {
			s.limit.Max = f.Max
		}
	}
	t.slots = append(t.slots, s)
	if m.Wins != "rapport" && !m.Once && m.At == "" {
		t.human = append(t.human, f.Name)
	}
	if m.Once {
		t.once = append(t.once, f.Name)
	}
	if m.Shared {
		t.shared = append(t.shared, f.Name)
	}
}

// source lets every record carry where it comes from, where the CRM has a field for it.
func (c *compiler) source(t *Target, o crm.Object) {
	there := slices.ContainsFunc(o.Fields, func(f crm.Field) bool { return f.Name == SourceField })
	if !there && !t.ours || slices.ContainsFunc(t.slots, func(s *slot) bool { return s.name == SourceField }) {
		return
	}
	value := "source"
	if t.kind == flow.KindConversation {
		value = "conversation.source"
	}
	c.slot(t, own(SourceField), config.Field{Value: value, Wins: "rapport"}, SourceField)
}

// key finds the unique field and what fills it. A CRM that names none (a plain endpoint) is given the key with the record
// alone.
func (c *compiler) key(t *Target, o config.Object, object crm.Object, known bool, path string) {
	name, at := o.Key, config.Join(path, "key")
	for _, setting := range []string{"key_field", "id_field"} {
		if set, _ := c.account.Settings[setting].(string); name == "" {
			name = set
		}
	}
	if name == "" {
		name = c.info.KeyField
	}
	if name == "" {
		return
	}
	f, ok := c.field(object, known, name, at)
	if !ok {
		return
	}
	if known && c.info.Keyed && !f.Unique && !f.Ours && !isOurs(f.Name) {
		c.fail(at, "", "the field %s is not unique, so records would double", f.Name)
		return
	}
	t.key = f.Name
	for _, s := range t.slots {
		if s.name == f.Name {
			t.keyed = s
		}
	}
}

// link resolves what targets link to.
func (c *compiler) link(all []*Target) {
	for _, p := range c.pending {
		for i, l := range p.links {
			at := config.Join(config.Index(config.Join(p.path, "links"), i), "to")
			k := link{to: l.To, label: l.Label}
			for _, t := range all {
				if t.kind == l.To {
					k.targets = append(k.targets, t)
				}
			}
			switch {
			case l.To == previous && p.target.kind == flow.KindConversation && p.target.keyed == nil:
				k.targets = []*Target{p.target}
			case l.To == previous:
				c.fail(at, "", "only a conversation under our own key follows another")
			case l.To == p.target.kind:
				c.fail(at, "", "a %s cannot be linked to itself", l.To)
			case len(k.targets) == 0 && l.To != flow.KindPerson:
				c.fail(at, "", "nothing maps a %s to an object of %s", l.To, c.account.Name)
			}
			p.target.links = append(p.target.links, k)
		}
	}
}

// modes checks that write modes name objects that are mapped: a misspelt one would observe for ever.
func (c *compiler) modes(all []*Target, path string) {
	var objects []string
	for _, t := range all {
		objects = append(objects, t.object)
	}
	c.file = "" // modes stand in the document
	for _, key := range sorted(c.account.Modes) {
		object, _, _ := strings.Cut(key, "/")
		if len(c.errs) == 0 && !slices.Contains(objects, object) {
			c.fail(config.Join(config.Join(path, "modes"), key), expression.Nearest(object, objects), "nothing is mapped to an object %q", object)
		}
	}
}

// fits tells what to do where a kind of result can never fill a type of field; "" = it may.
func fits(gives, field string) string {
	const other = "use another field or expression"
	switch {
	case gives == "any" || gives == "nil":
		return ""
	case gives == "object":
		return "name one of its fields"
	}
	switch field {
	case "":
		return ""
	case "number", "integer":
		switch gives {
		case "number", "integer":
			return ""
		case "text":
			return "use int(…) or float(…)"
		case "list":
			return "use len(…) for how many there are"
		}
		return other
	case "flag":
		switch gives {
		case "flag":
			return ""
		case "integer", "number":
			return "compare it, as in … > 0"
		case "list":
			return "compare it, as in len(…) > 0"
		}
		return other
	case "date", "time":
		if gives == "time" || gives == "text" {
			return ""
		}
		return other
	case "choices":
		return ""
	case "choice", "reference", "email", "phone", "url":
		if gives == "list" {
			return "take one of it, as in first(…)"
		}
		return ""
	}
	return "" // texts take everything
}

func givesWords(gives string) string {
	switch gives {
	case "flag":
		return "true or false"
	case "integer", "object":
		return "an " + gives
	}
	return "a " + gives
}

func wantsWords(field string) string {
	switch field {
	case "flag":
		return "true or false"
	case "integer":
		return "a whole number"
	case "choice":
		return "one of its choices"
	case "email", "url":
		return "an " + field
	case "":
		return "a value"
	}
	return "a " + field
}

func pickWords(n int) string {
	if n == 0 {
		return "none of the choices"
	}
	return "the label of several choices"
}

func choiceNames(choices []crm.Choice) []string {
	var names []string
	for _, c := range choices {
		names = append(names, c.Value, c.Label)
	}
	return names
}
