// Package mapping turns what Rapport knows into records of a CRM. A mapping is data: for each object of a CRM account it
// says which expression fills which field. It is compiled once, checked against what the CRM tells of its fields, and
// then rendered for each mention, conversation and person. The package is pure: no clock, no chance, no I/O.
package mapping

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/expression"
	"rapport/shared/flow"
)

// Mapping is every target of a document. It is immutable and safe for concurrent use.
type Mapping struct {
	targets map[place][]*Target // in the order of the document
	needs   map[string][]crm.Object
}

// place is where targets are looked up: a CRM account and a kind of thing.
type place struct{ account, kind string }

// Target fills one object of one CRM account from one kind of thing. It is immutable and safe for concurrent use.
type Target struct {
	account string
	kind    string
	object  string // API name
	label   string
	key     string // unique field
	keyed   *slot  // where the mapping fills the key field itself
	brands  []string
	when    *expression.Program // nil = always
	slots   []*slot             // sorted by field
	links   []link
	ours    bool // the object is made by setup
	human   []string
	once    []string
	shared  []string
	source  string // how errors name it
}

// slot is one field and what fills it.
type slot struct {
	name    string // API name
	program *expression.Program
	field   crm.Field // Type "" = not described
	limit   limit
	once    bool
	at      *expression.Program // when the value became so; nil = it is always news
	purpose string              // what it is for, where the configuration says so
}

// link associates the record with another of ours.
type link struct {
	to      string
	label   string
	targets []*Target // of the same account that write what it links to
}

// Mark says who may change a field of a target.
type Mark struct {
	Field  string
	Human  bool // a human's edit stays
	Once   bool // set at creation only
	Shared bool // not ours alone: read before every write
}

// Account is the CRM account's name.
func (t *Target) Account() string { return t.account }

// Object is the API name of the object it fills.
func (t *Target) Object() string { return t.object }

// Kind is mention, conversation or person.
func (t *Target) Kind() string { return t.kind }

// KeyField is the unique field by which its records are found.
func (t *Target) KeyField() string { return t.key }

// Marks lists the fields it may fill, by name.
func (t *Target) Marks() []Mark {
	marks := make([]Mark, len(t.slots))
	for i, s := range t.slots {
		marks[i] = Mark{Field: s.name, Human: slices.Contains(t.human, s.name), Once: s.once, Shared: slices.Contains(t.shared, s.name)}
	}
	return marks
}

// Purposes gives what fields are for, by name, where the configuration says so; nil where it says nothing.
func (t *Target) Purposes() map[string]string {
	var out map[string]string
	for _, s := range t.slots {
		if s.purpose != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[s.name] = s.purpose
		}
	}
	return out
}

// Rule gives the expression that fills a field, with its place in the configuration; "" where none does.
func (t *Target) Rule(field string) string {
	for _, s := range t.slots {
		if s.name == field {
			return t.source + ".fields." + field + ": " + s.program.String()
		}
	}
	return ""
}

// New compiles the mapping of a document. An account that the document's mapping does not name has the default mapping of
// its kind.
//
// describe tells what is known of the CRMs' objects, by account and API name. What is not described is taken at its word:
// an account, an object, or the fields of an object that has none there. Where some objects have no fields, as a CRM lists
// them, all are taken to be listed, and a name that is not among them is a mistake. infos tells what each account's CRM
// is, by account.
//
// The error is of type [config.Errors] and lists every mistake. The mapping is there even then, without the fields that are
// wrong: a version that was right when it was published can go on after somebody removed a field in the CRM.
func New(doc *config.Document, describe map[string]map[string]crm.Object, infos map[string]crm.Info) (*Mapping, error) {
	m := &Mapping{targets: map[place][]*Target{}, needs: map[string][]crm.Object{}}
	var errs config.Errors
	for i, account := range doc.CRMs {
		c := &compiler{doc: doc, account: account, described: describe[account.Name]}
		if info, ok := infos[account.Name]; ok {
			c.info = info
		} else {
			c.info.KeyField = DefaultKey
		}
		var all []*Target
		for k, o := range doc.Mapping {
			if o.CRM == account.Name {
				all = c.add(all, o, config.Index("mapping", k))
			}
		}
		if all == nil && len(c.errs) == 0 {
			objects, name := Default(defaultOf(account), custom(account))
			if objects == nil {
				c.errs = append(c.errs, doc.Mistake(config.Index("crms", i), fmt.Sprintf("nothing under mapping is for %s, and %q has no default mapping", account.Name, account.Kind), "", 0, 0))
			}
			c.file = name
			for k, o := range objects {
				all = c.add(all, o, config.Index("mapping", k))
			}
		}
		c.link(all)
		c.modes(all, config.Index("crms", i))
		for _, t := range all {
			at := place{account.Name, t.kind}
			m.targets[at] = append(m.targets[at], t)
		}
		m.needs[account.Name] = needs(all)
		errs = append(errs, c.errs...)
	}
	return m, errs.Err()
}

// custom tells whether an account may have objects of its own.
func custom(a config.Account) bool { on, _ := a.Settings["custom_objects"].(bool); return on }

// defaultOf names the default mapping of an account: there is another one for CRMs that keep persons as accounts.
func defaultOf(a config.Account) string {
	if persons, _ := a.Settings["person_accounts"].(bool); persons {
		return a.Kind + "-person"
	}
	return a.Kind
}

// For gives the targets of a CRM account for a kind of thing of a brand, in the order of the document.
func (m *Mapping) For(account, kind, brand string) []*Target {
	all := m.targets[place{account, kind}]
	for i, t := range all {
		if t.takes(brand) {
			continue
		}
		some := slices.Clone(all[:i])
		for _, t := range all[i+1:] {
			if t.takes(brand) {
				some = append(some, t)
			}
		}
		return some
	}
	return all
}

// Sees tells whether anything an account's mapping fills depends on the conversation or person of a mention, so that
// it has to be read.
func (m *Mapping) Sees(account, kind string) bool {
	for _, of := range flow.Kinds {
		for _, t := range m.targets[place{account, of}] {
			if t.sees(kind) {
				return true
			}
		}
	}
	return false
}

func (t *Target) sees(kind string) bool {
	names := func(p *expression.Program) bool { return p != nil && strings.Contains(p.String(), kind) }
	return t.kind == kind || names(t.when) || slices.ContainsFunc(t.links, func(l link) bool { return l.to == kind }) ||
		slices.ContainsFunc(t.slots, func(s *slot) bool { return names(s.program) || names(s.at) })
}

func (t *Target) takes(brand string) bool {
	return len(t.brands) == 0 || slices.Contains(t.brands, brand)
}

// Objects lists what setup must create in an account: our own objects and fields, with the unique key field.
func (m *Mapping) Objects(account string) []crm.Object { return m.needs[account] }

// scope is what the expressions of a mapping see: all that rules see, and crm.
type scope struct {
	*decide.Env
	CRM home `expr:"crm"`
}

// home is what expressions see of the CRM account.
type home struct {
	Name     string `expr:"name"`
	Accepted bool   `expr:"accepted"` // the person may be created there
	Linked   bool   `expr:"linked"`   // the person has a record there
}

// see makes the scope of a target. The text of a deleted mention is gone, whatever it is asked by.
func (t *Target) see(env *decide.Env) *scope {
	if env.Mention.Deleted || slices.ContainsFunc(env.Conversation.Turns, func(t flow.Turn) bool { return t.Deleted && t.Text != "" }) {
		env = blank(env)
	}
	s := &scope{Env: env, CRM: home{Name: t.account, Accepted: env.Person.Accepted[t.account]}}
	_, s.CRM.Linked = record(&env.Person, t.account, "")
	return s
}

// blank gives a copy without the content of deleted mentions.
func blank(env *decide.Env) *decide.Env {
	e := *env
	if m := &e.Mention; m.Deleted {
		m.Text, m.Tags, m.Links, m.Media, m.Extra, m.Rating = "", nil, nil, nil, nil, 0
		e.Text, e.Decision.Safe, e.Decision.Words, e.Decision.Found, e.Decision.Receipts = "", "", nil, nil, nil
	}
	e.Conversation.Turns = slices.Clone(e.Conversation.Turns)
	for i := range e.Conversation.Turns {
		if turn := &e.Conversation.Turns[i]; turn.Deleted {
			turn.Text = ""
		}
	}
	return &e
}

// record gives the CRM record a person is linked to in an account; object "" = any.
func record(p *flow.Person, account, object string) (flow.Link, bool) {
	for _, l := range p.Links {
		if l.To == account && l.Record != "" && (object == "" || strings.EqualFold(l.Object, object)) {
			return l, true
		}
	}
	return flow.Link{}, false
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
