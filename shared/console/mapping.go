package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v4"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/mapping"
	"rapport/shared/pipeline"
)

type mappings struct {
	Accounts []mappedAccount `json:"accounts"`
}

type mappedAccount struct {
	Name    string         `json:"name"`
	Kind    string         `json:"kind"`
	Default bool           `json:"default"` // the mapping that its kind comes with
	Objects []mappedObject `json:"objects"`
}

type mappedObject struct {
	Index  int         `json:"index"`
	Object string      `json:"object"`
	For    string      `json:"for"`
	When   string      `json:"when,omitempty"`
	Fields int         `json:"fields"`
	Mode   string      `json:"mode"`
	Brands []brandMode `json:"brands,omitempty"` // where the account serves several
}

// brandMode is the mode of an object for one brand.
type brandMode struct {
	Brand string `json:"brand"`
	Mode  string `json:"mode"`
}

// brandModes tells the modes of an object brand by brand, where an account serves several.
func brandModes(doc *config.Document, a config.Account, o config.Object) (out []brandMode) {
	for _, b := range doc.Brands {
		if a.Serves(b.Name) && (len(o.Brands) == 0 || slices.Contains(o.Brands, b.Name)) {
			mode := "observe"
			if a.Writes(o.Object, b.Name) {
				mode = "write"
			}
			out = append(out, brandMode{b.Name, mode})
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// objectsOf gives what is mapped to an account, and whether that is the default of its kind.
func objectsOf(doc *config.Document, a config.Account) (objects []config.Object, usual bool) {
	for _, o := range doc.Mapping {
		if o.CRM == a.Name {
			objects = append(objects, o)
		}
	}
	if objects != nil {
		return objects, false
	}
	objects, _ = mapping.Default(defaultKind(a))
	for i := range objects {
		objects[i].CRM = a.Name
	}
	return objects, true
}

// defaultKind names the default mapping of an account.
func defaultKind(a config.Account) (kind string, custom bool) {
	custom, _ = a.Settings["custom_objects"].(bool)
	if persons, _ := a.Settings["person_accounts"].(bool); persons {
		return a.Kind + "-person", custom
	}
	return a.Kind, custom
}

func modeOf(a config.Account, object string) string {
	if a.Writes(object, a.Brand) {
		return "write"
	}
	return "observe"
}

func (c *Console) mappings(q *request) (answer, error) {
	plan, _, err := c.candidate(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	var m mappings
	for _, a := range plan.Doc.CRMs {
		objects, usual := objectsOf(plan.Doc, a)
		acc := mappedAccount{Name: a.Name, Kind: a.Kind, Default: usual}
		for i, o := range objects {
			acc.Objects = append(acc.Objects, mappedObject{i, o.Object, o.For, o.When, len(o.Fields), modeOf(a, o.Object), brandModes(plan.Doc, a, o)})
		}
		m.Accounts = append(m.Accounts, acc)
	}
	return answer{Title: "Mapping", Data: m}, nil
}

// editor is the page of one mapped object.
type editor struct {
	Account  string      `json:"account"`
	Kind     string      `json:"kind"`
	Index    int         `json:"index"`
	Default  bool        `json:"default"`
	Object   string      `json:"object"`
	Label    string      `json:"label,omitempty"`
	For      string      `json:"for"`
	When     string      `json:"when,omitempty"`
	Key      string      `json:"key,omitempty"`
	Mode     string      `json:"mode"`
	Links    []string    `json:"links,omitempty"`
	Live     bool        `json:"live"` // the CRM told its fields just now
	Note     string      `json:"note,omitempty"`
	Fields   []fieldRow  `json:"fields"`
	Others   []crm.Field `json:"-"`
	Missing  []crm.Field `json:"missing,omitempty"` // required and not filled
	Samples  []sample    `json:"samples"`
	Sample   string      `json:"sample,omitempty"`
	Rendered rendered    `json:"rendered"`
	Names    []string    `json:"-"`
	CanEdit  bool        `json:"-"`
}

type fieldRow struct {
	Name     string   `json:"name"`
	Label    string   `json:"label,omitempty"`
	Type     string   `json:"type,omitempty"`
	Required bool     `json:"required,omitempty"`
	Unique   bool     `json:"unique,omitempty"`
	Ours     bool     `json:"ours,omitempty"`
	Unknown  bool     `json:"unknown,omitempty"` // the CRM does not have it (yet)
	Choices  []string `json:"choices,omitempty"`
	Value    string   `json:"value"`
	Wins     string   `json:"wins"`
	Once     bool     `json:"once,omitempty"`
	At       string   `json:"at,omitempty"`
	Gives    string   `json:"gives,omitempty"` // for the sample
	Problem  string   `json:"problem,omitempty"`
}

type sample struct {
	ID  string `json:"id"`
	Say string `json:"say"`
}

// rendered is the record that a sample would make.
type rendered struct {
	OK       bool    `json:"ok"`
	Say      string  `json:"say,omitempty"`
	Key      string  `json:"key,omitempty"`
	Fields   []pair  `json:"fields,omitempty"`
	Problems []pair  `json:"problems,omitempty"`
	MS       float64 `json:"ms"`
}

// lore remembers what CRMs told of their objects.
type lore struct {
	mu sync.Mutex
	of map[string]told
}

type told struct {
	at     time.Time
	object crm.Object
	err    error
}

const loreFor = 2 * time.Minute

// describe asks the CRM what fields an object has; for a moment the last answer will do.
func (c *Console) describe(ctx context.Context, a config.Account, object string) (crm.Object, error) {
	d, can := c.Pipeline.CRMs[a.Kind].(crm.Describer)
	if !can {
		return crm.Object{}, fault.New(fault.NotFound, "%s does not tell its fields", a.Kind)
	}
	key := a.Name + "\x00" + object
	c.lore.mu.Lock()
	t, ok := c.lore.of[key]
	c.lore.mu.Unlock()
	if ok && c.now().Sub(t.at) < loreFor {
		return t.object, t.err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := c.Pipeline.Connect(ctx, a.Name)
	if err == nil {
		t.object, err = d.Describe(ctx, conn, object)
	}
	t.at, t.err = c.now(), err
	c.lore.mu.Lock()
	defer c.lore.mu.Unlock()
	if c.lore.of == nil || len(c.lore.of) > 200 {
		c.lore.of = map[string]told{}
	}
	c.lore.of[key] = t
	return t.object, t.err
}

// place finds the mapped object that a request is about.
func (c *Console) mapped(q *request) (plan *pipeline.Plan, a config.Account, objects []config.Object, index int, usual bool, err error) {
	plan, _, err = c.candidate(q.r.Context())
	if err != nil {
		return
	}
	a, ok := plan.Doc.CRM(q.value("account"))
	if !ok {
		err = fault.New(fault.NotFound, "there is no CRM account %q", q.value("account"))
		return
	}
	objects, usual = objectsOf(plan.Doc, a)
	if text := q.value("index"); text != "" {
		if index, err = strconv.Atoi(text); err != nil || index < 0 || index >= len(objects) {
			err = fault.New(fault.NotFound, "%s has %d mapped objects, counted from 0", a.Name, len(objects))
		}
	}
	return
}

func (c *Console) mapping(q *request) (answer, error) {
	plan, a, objects, index, usual, err := c.mapped(q)
	if err != nil {
		return answer{}, err
	}
	o := objects[index]
	e := editor{Account: a.Name, Kind: a.Kind, Index: index, Default: usual, Object: o.Object, For: o.For, When: o.When, Key: o.Key, Mode: modeOf(a, o.Object),
		Names: names, CanEdit: q.who.has(Admin)}
	for _, l := range o.Links {
		e.Links = append(e.Links, l.To)
	}
	object, err := c.describe(q.r.Context(), a, o.Object)
	if e.Live = err == nil && len(object.Fields) > 0; err != nil {
		e.Note = err.Error()
	}
	e.Label = object.Label
	e.fields(o, object)
	if err := c.samples(q, &e, a); err != nil {
		return answer{}, err
	}
	target, _, err := c.compiled(q.r.Context(), plan, a, objects, index)
	if err != nil {
		e.Rendered.Say = err.Error()
	} else if e.Sample != "" {
		if e.Rendered, err = c.render(q, plan, target, e.Sample); err != nil {
			return answer{}, err
		}
	}
	e.fit()
	return answer{Title: "Mapping", Data: e}, nil
}

// fields puts the mapping and what the CRM tells beside each other.
func (e *editor) fields(o config.Object, object crm.Object) {
	known := map[string]crm.Field{}
	for _, f := range object.Fields {
		known[f.Name], known[strings.ToLower(f.Label)] = f, f
	}
	done := map[string]bool{}
	for _, name := range sortedKeys(o.Fields) {
		m := o.Fields[name]
		f, ok := known[name]
		if !ok {
			f, ok = known[strings.ToLower(name)]
		}
		r := fieldRow{Name: name, Label: f.Label, Type: f.Type, Required: f.Required, Unique: f.Unique, Ours: f.Ours || strings.HasPrefix(strings.ToLower(name), "rapport"),
			Unknown: !ok && e.Live, Value: m.Value, Wins: m.Wins, Once: m.Once, At: m.At}
		if r.Wins == "" {
			r.Wins = "human"
		}
		for _, ch := range f.Choices {
			r.Choices = append(r.Choices, ch.Value)
		}
		done[f.Name] = ok
		e.Fields = append(e.Fields, r)
	}
	for _, f := range object.Fields {
		if done[f.Name] || f.ReadOnly {
			continue
		}
		e.Others = append(e.Others, f)
		if f.Required {
			e.Missing = append(e.Missing, f)
		}
	}
	slices.SortFunc(e.Others, func(x, y crm.Field) int { return strings.Compare(x.Name, y.Name) })
	e.Others = e.Others[:min(len(e.Others), 200)]
}

// fit puts what the sample gives beside each field.
func (e *editor) fit() {
	for i := range e.Fields {
		f := &e.Fields[i]
		for _, p := range e.Rendered.Fields {
			if p.Name == f.Name {
				f.Gives = p.Value
			}
		}
		for _, p := range e.Rendered.Problems {
			if p.Name == f.Name {
				f.Problem = p.Value
			}
		}
	}
}

// samples lists mentions of the brands that the account serves, and chooses one.
func (c *Console) samples(q *request, e *editor, a config.Account) error {
	rows, err := c.recentRows(q, 60)
	if err != nil {
		return err
	}
	for _, r := range rows {
		d := r.raw.Decision
		if !a.Serves(r.raw.Mention.Brand) || r.Masked || r.raw.Erased || r.raw.Mention.Deleted || d.Outcome != decide.Mention ||
			e.For == flow.KindConversation && d.Conversation == nil || e.For == flow.KindPerson && d.Person == "" {
			continue
		}
		text := cut(strings.Join(strings.Fields(r.Text), " "), 60)
		e.Samples = append(e.Samples, sample{r.ID, fmt.Sprintf("%s · @%s · %s", r.Network, cut(r.By, 24), text)})
		if len(e.Samples) == 24 {
			break
		}
	}
	if len(e.Samples) == 0 {
		e.Samples = examplesOf(q.lang)
	}
	e.Sample = q.value("sample")
	if e.Sample == "" && len(e.Samples) > 0 {
		e.Sample = e.Samples[0].ID
	}
	return nil
}

// compiled makes the target of one mapped object alone: quick enough to follow somebody who types.
func (c *Console) compiled(ctx context.Context, plan *pipeline.Plan, a config.Account, objects []config.Object, index int) (*mapping.Target, map[string]crm.Object, error) {
	described := map[string]crm.Object{}
	for _, o := range objects {
		if d, err := c.describe(ctx, a, o.Object); err == nil && len(d.Fields) > 0 {
			if d.Name == "" {
				d.Name = o.Object
			}
			described[d.Name] = d
		}
	}
	all := map[string]map[string]crm.Object{}
	if len(described) > 0 {
		all[a.Name] = described
	}
	doc := &config.Document{Version: 1, Brands: plan.Doc.Brands, CRMs: []config.Account{a}, Mapping: objects}
	m, err := mapping.New(doc, all, map[string]crm.Info{a.Name: c.Pipeline.CRMs[a.Kind].Info()})
	if err != nil {
		return nil, described, err
	}
	brand := ""
	if len(objects[index].Brands) > 0 {
		brand = objects[index].Brands[0]
	}
	same := 0 // targets of one kind come in the order of the document
	for _, o := range objects[:index] {
		if o.For == objects[index].For && (len(o.Brands) == 0 || slices.Contains(o.Brands, brand)) {
			same++
		}
	}
	targets := m.For(a.Name, objects[index].For, brand)
	if same >= len(targets) {
		return nil, described, fault.New(fault.NotFound, "this object takes mentions of no brand")
	}
	return targets[same], described, nil
}

// render makes the record of a sample mention.
func (c *Console) render(q *request, plan *pipeline.Plan, t *mapping.Target, id string) (rendered, error) {
	begin := time.Now()
	env, err := c.env(q, plan, id)
	if err != nil {
		return rendered{}, err
	}
	made, err := t.Render(env)
	out := rendered{OK: made.OK, Key: made.Record.Key}
	switch {
	case err != nil:
		out.Say = err.Error()
	case !made.OK:
		out.Say = say(q.lang, "No record: the condition does not hold for this mention.")
	}
	for _, f := range sortedKeys(made.Record.Fields) {
		out.Fields = append(out.Fields, pair{f, cut(plainValue(made.Record.Fields[f]), 300)})
	}
	for _, p := range made.Problems {
		out.Problems = append(out.Problems, pair{p.Field, p.Say})
	}
	out.MS = float64(time.Since(begin).Microseconds()) / 1000
	return out, nil
}

// env gathers what the expressions see of a sample.
func (c *Console) env(q *request, plan *pipeline.Plan, id string) (*decide.Env, error) {
	ctx := q.r.Context()
	if x, ok := exampleOf(id); ok {
		return x.env(plan, q.value("account"), c.now()), nil
	}
	row, err := c.mentions.One(ctx, id, "-")
	if err != nil {
		return nil, err
	}
	if row.Version == 0 || row.Value.Erased {
		return nil, fault.New(fault.NotFound, "the sample mention %q is not known", id)
	}
	m := row.Value
	if _, masked := shownText(q, &m); masked {
		return nil, fault.New(fault.Unauthorized, "your role may not see this sample")
	}
	var conv *flow.Conversation
	if d := m.Decision.Conversation; d != nil {
		conv = d
		if t, err := c.talks.One(ctx, flow.Place(d.ID), "current"); err == nil && t.Version > 0 && t.Value.Conversation.ID == d.ID {
			conv = &t.Value.Conversation
		}
	}
	var person *flow.Person
	if m.Decision.Person != "" {
		p, err := c.people.One(ctx, m.Decision.Person, "-")
		if err != nil {
			return nil, err
		}
		if p.Version > 0 {
			person = &p.Value.Person
		}
	}
	source := m.Source
	if source == "" {
		source = "live"
	}
	return decide.EnvOf(m.Mention, m.Decision, conv, person, plan.Doc.Brand(m.Mention.Brand), source), nil
}

// preview checks one field as it is being typed, and shows the whole record that it would make.
func (c *Console) preview(q *request) (answer, error) {
	begin := time.Now()
	plan, a, objects, index, _, err := c.mapped(q)
	if err != nil {
		return answer{}, err
	}
	objects = slices.Clone(objects)
	o := objects[index]
	fields := map[string]config.Field{}
	for name, f := range o.Fields {
		fields[name] = f
	}
	name, value := q.value("field"), q.value("value")
	switch {
	case name == "@when":
		o.When = value
	case name != "" && value != "":
		f := fields[name]
		f.Value = value
		fields[name] = f
	default:
		delete(fields, name)
	}
	o.Fields = fields
	objects[index] = o
	out := map[string]any{"field": name}
	target, _, err := c.compiled(q.r.Context(), plan, a, objects, index)
	var mistakes config.Errors
	switch {
	case errors.As(err, &mistakes):
		out["error"] = plainMistake(mistakes, index, name)
	case err != nil:
		out["error"] = err.Error()
	case q.value("sample") != "":
		r, err := c.render(q, plan, target, q.value("sample"))
		if err != nil {
			return answer{}, err
		}
		out["record"] = r
	}
	out["ms"] = float64(time.Since(begin).Microseconds()) / 1000
	return answer{Data: out, To: q.r.URL.Path}, nil
}

// plainMistake gives the mistake of the field itself, without its place in the file.
func plainMistake(all config.Errors, index int, field string) string {
	at := config.Join(config.Join(config.Index("mapping", index), "fields"), field)
	if field == "@when" {
		at = config.Join(config.Index("mapping", index), "when")
	}
	for _, m := range append(slices.Clone(all), all...) {
		if m.Path == at || strings.HasPrefix(m.Path, at+".") {
			text := m.Say
			if m.Nearest != "" {
				text += fmt.Sprintf("; did you mean %q?", m.Nearest)
			}
			return text
		}
	}
	return all.Error()
}

// setField puts a field into the draft.
func (c *Console) setField(q *request) (answer, error) {
	_, a, objects, index, usual, err := c.mapped(q)
	if err != nil {
		return answer{}, err
	}
	name, value := q.value("field"), q.value("value")
	if name == "" {
		return answer{}, wrong("choose a field")
	}
	at := objects[index]
	err = c.change(q, a.Name+" "+at.Object+" "+name, func(text string) (string, error) {
		if usual {
			if text, err = ownMapping(text, a); err != nil {
				return "", err
			}
		}
		return edited(text, func(root *yaml.Node) error {
			n := nth(child(root, "mapping"), a.Name, index)
			if n == nil {
				return fault.New(fault.NotFound, "the draft has no such object any more")
			}
			if name == "@when" {
				if value == "" {
					put(n, "when", nil)
				} else {
					put(n, "when", textNode(value))
				}
				return nil
			}
			fields := under(n, "fields", yaml.MappingNode)
			if value == "" || q.value("remove") == "1" {
				put(fields, name, nil)
				return nil
			}
			old := at.Fields[name]
			put(fields, name, fieldNode(value, q.value("wins"), q.value("once") != "", old))
			return nil
		})
	})
	var mistakes config.Errors
	if errors.As(err, &mistakes) {
		err = wrong("%s: %s", name, plainMistakeAny(mistakes, name))
	}
	return answer{To: fmt.Sprintf("/mapping/%s/%d#f-%s", escape(a.Name), index, name), Say: "In the draft: " + name}, err
}

// plainMistakeAny finds the mistake of a field whatever its place in the document.
func plainMistakeAny(all config.Errors, field string) string {
	for _, m := range all {
		if strings.HasSuffix(m.Path, "."+field) || strings.Contains(m.Path, "."+field+".") {
			if m.Nearest != "" {
				return fmt.Sprintf("%s; did you mean %q?", m.Say, m.Nearest)
			}
			return m.Say
		}
	}
	return all.Error()
}

// fieldNode writes a field as briefly as it can be said.
func fieldNode(value, wins string, once bool, old config.Field) *yaml.Node {
	if wins != "rapport" && !once && old.At == "" && !old.Shared {
		return textNode(value)
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	put(n, "value", textNode(value))
	if wins == "rapport" {
		put(n, "wins", textNode(wins))
	}
	if once {
		put(n, "once", plainNode("1", "flag"))
	}
	if old.At != "" {
		put(n, "at", textNode(old.At))
	}
	if old.Shared {
		put(n, "shared", plainNode("1", "flag"))
	}
	return n
}

// nth gives the nth object of an account in the mapping.
func nth(list *yaml.Node, account string, index int) *yaml.Node {
	if list == nil {
		return nil
	}
	for _, n := range list.Content {
		if k := child(n, "crm"); k != nil && k.Value == account {
			if index == 0 {
				return n
			}
			index--
		}
	}
	return nil
}

// ownMapping copies the default mapping of an account into a text.
func ownMapping(text string, a config.Account) (string, error) {
	usual, _ := mapping.DefaultText(defaultKind(a))
	if usual == "" {
		return "", wrong("%s has no default mapping", a.Kind)
	}
	var from yaml.Node
	if err := yaml.Unmarshal([]byte(usual), &from); err != nil {
		return "", err
	}
	return edited(text, func(root *yaml.Node) error {
		list := under(root, "mapping", yaml.SequenceNode)
		for _, n := range child(from.Content[0], "mapping").Content {
			put(n, "crm", textNode(a.Name))
			list.Content = append(list.Content, n)
		}
		return nil
	})
}

func (c *Console) own(q *request) (answer, error) {
	_, a, _, _, usual, err := c.mapped(q)
	if err != nil {
		return answer{}, err
	}
	if !usual {
		return answer{}, wrong("%s has a mapping of its own already", a.Name)
	}
	err = c.change(q, a.Name+": default mapping copied", func(text string) (string, error) { return ownMapping(text, a) })
	return answer{To: "/mapping", Say: "The default mapping is in the draft, to be changed"}, err
}

func (c *Console) learn(q *request) (answer, error) {
	name := q.value("account")
	c.lore.mu.Lock()
	c.lore.of = nil
	c.lore.mu.Unlock()
	if err := c.Backend.Learn(q.r.Context(), name); err != nil {
		return answer{}, err
	}
	return answer{To: "/mapping", Say: "The fields were read anew"}, c.note(q.r.Context(), q.who.User, "read fields", name)
}
