package hubspot

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// group is the property group that holds our fields.
const group = "rapport"

// property is a field in the vendor's words.
type property struct {
	Name        string   `json:"name"`
	Label       string   `json:"label"`
	Type        string   `json:"type"`
	FieldType   string   `json:"fieldType"`
	Group       string   `json:"groupName,omitempty"`
	Description string   `json:"description,omitempty"`
	Unique      bool     `json:"hasUniqueValue,omitempty"`
	Options     []option `json:"options,omitempty"`
	Calculated  bool     `json:"calculated,omitempty"`
	External    bool     `json:"externalOptions,omitempty"`
	Refers      string   `json:"referencedObjectType,omitempty"`
	Modify      *struct {
		ReadOnly bool `json:"readOnlyValue"`
	} `json:"modificationMetadata,omitempty"`
}

type option struct {
	Label  string `json:"label"`
	Value  string `json:"value"`
	Order  int    `json:"displayOrder"`
	Hidden bool   `json:"hidden"`
}

// Describe reads the properties of an object.
func (HubSpot) Describe(ctx context.Context, a crm.Account, object string) (crm.Object, error) {
	c := open(a)
	if err := c.shape(); err != nil {
		return crm.Object{}, err
	}
	list, err := c.properties(ctx, object)
	if err != nil {
		return crm.Object{}, err
	}
	o := crm.Object{Name: object, Label: label(object), Creatable: true}
	for _, p := range list {
		f := p.field()
		if at := slices.IndexFunc(f.Choices, func(x crm.Choice) bool { return x.Value == c.waiting() }); object == "tickets" && f.Name == propStage && at >= 0 {
			f.Choices = append(f.Choices, crm.Choice{Value: string(flow.Waiting), Label: "whichever stage means " + string(flow.Waiting)})
		}
		o.Fields = append(o.Fields, f)
	}
	return o, nil
}

func (c client) properties(ctx context.Context, object string) ([]property, error) {
	var out struct {
		Results []property `json:"results"`
	}
	err := c.call(ctx, http.MethodGet, c.at(apiProperties, pathOf(object)), nil, &out, 1)
	if fault.Is(err, fault.Drift) {
		return nil, fault.New(fault.NotFound, "HubSpot has no object %s: run setup, or correct the name", object)
	}
	if err == nil && out.Results == nil {
		err = fault.New(fault.Ambiguous, "HubSpot answered the properties of %s without results", object)
	}
	return out.Results, err
}

// field is a property in our words.
func (p property) field() crm.Field {
	f := crm.Field{Name: p.Name, Label: p.Label, Type: "text", Unique: p.Unique, Ours: p.Group == group || strings.HasPrefix(p.Name, "rapport_")}
	f.ReadOnly = p.Calculated || p.Modify != nil && p.Modify.ReadOnly || p.FieldType == "calculation_equation" || p.FieldType == "file"
	switch {
	case p.External || p.Refers != "":
		f.Type, f.Refers = "reference", []string{strings.ToLower(p.Refers)}
	case p.Type == "number":
		f.Type = "number"
	case p.Type == "bool", p.FieldType == "booleancheckbox":
		f.Type = "flag"
	case p.Type == "date":
		f.Type = "date"
	case p.Type == "datetime":
		f.Type = "time"
	case p.Type == "enumeration" && p.FieldType == "checkbox":
		f.Type = "choices"
	case p.Type == "enumeration":
		f.Type = "choice"
	case p.FieldType == "html":
		f.Type, f.Max = "html", maxText
	case p.FieldType == "textarea":
		f.Type, f.Max = "longtext", maxText
	case p.FieldType == "phonenumber":
		f.Type, f.Max = "phone", maxText
	case p.Name == "email":
		f.Type, f.Max = "email", maxText
	default:
		f.Max = maxText
	}
	if f.Type == "choice" || f.Type == "choices" {
		for _, o := range p.Options {
			f.Choices = append(f.Choices, crm.Choice{Value: o.Value, Label: o.Label})
		}
	}
	return f
}

// schema is an own object.
type schema struct {
	Name   string `json:"name"`
	Labels struct {
		Plural string `json:"plural"`
	} `json:"labels"`
}

// schemas lists own objects; none where the plan or the token has no right to them.
func (c client) schemas(ctx context.Context) ([]schema, error) {
	var out struct {
		Results []schema `json:"results"`
	}
	err := c.call(ctx, http.MethodGet, c.at(apiSchemas, "schemas"), nil, &out, 1)
	return out.Results, err
}

// Objects lists the standard objects a mapping may write, and own ones.
func (HubSpot) Objects(ctx context.Context, a crm.Account) ([]crm.Object, error) {
	c := open(a)
	if err := c.shape(); err != nil {
		return nil, err
	}
	var list []crm.Object
	for _, name := range []string{"contacts", "companies", "deals", "tickets"} {
		list = append(list, crm.Object{Name: name, Label: label(name), Creatable: true})
	}
	own, err := c.schemas(ctx)
	if err != nil && !fault.Is(err, fault.Unauthorized) {
		return nil, err
	}
	for _, s := range own {
		list = append(list, crm.Object{Name: s.Name, Label: s.Labels.Plural, Creatable: true})
	}
	return list, nil
}

func label(name string) string {
	words := strings.Split(strings.TrimPrefix(name, "p_"), "_")
	words[0] = strings.ToUpper(words[0][:min(1, len(words[0]))]) + words[0][min(1, len(words[0])):]
	return strings.Join(words, " ")
}

// define is a field that setup makes.
func define(f crm.Field) property {
	p := property{Name: f.Name, Label: f.Label, Type: "string", FieldType: "text", Group: group, Unique: f.Unique, Description: "Kept by Rapport."}
	if p.Label == "" {
		p.Label = label(f.Name)
	}
	switch f.Type {
	case "longtext":
		p.FieldType = "textarea"
	case "html":
		p.FieldType = "html"
	case "phone":
		p.FieldType = "phonenumber"
	case "number", "integer":
		p.Type, p.FieldType = "number", "number"
	case "date":
		p.Type, p.FieldType = "date", "date"
	case "time":
		p.Type, p.FieldType = "datetime", "date"
	case "flag":
		p.Type, p.FieldType = "bool", "booleancheckbox"
		p.Options = []option{{Label: "Yes", Value: "true"}, {Label: "No", Value: "false", Order: 1}}
	case "choice", "choices":
		p.Type, p.FieldType = "enumeration", map[string]string{"choice": "select", "choices": "checkbox"}[f.Type]
		for i, c := range f.Choices {
			p.Options = append(p.Options, option{Label: c.Label, Value: c.Value, Order: i})
		}
	}
	return p
}

// wanted are an object's fields that setup makes: those that are asked for by a name of ours, and the key.
func (c client) wanted(o crm.Object) []property {
	list := []property{{Name: c.keyField, Label: "Rapport key", Type: "string", FieldType: "text", Group: group, Unique: true, Description: "Names the record for Rapport. Do not change."}}
	for _, f := range o.Fields {
		if f.Name != c.keyField && (f.Ours || strings.HasPrefix(f.Name, "rapport_")) {
			list = append(list, define(f))
		}
	}
	return list
}

// todo is a step with the call that takes it.
type todo struct {
	step         crm.Step
	method, path string
	body         any
}

// plan compares what is needed with what is there.
func (c client) plan(ctx context.Context, need []crm.Object) ([]todo, error) {
	var list []todo
	for _, o := range need {
		there, err := c.properties(ctx, o.Name)
		if fault.Is(err, fault.NotFound) && !standard(o.Name) {
			list = append(list, c.newObject(o))
			continue
		}
		if err != nil {
			return nil, err
		}
		var groups struct {
			Results []struct{ Name string } `json:"results"`
		}
		if err := c.call(ctx, http.MethodGet, c.at(apiProperties, pathOf(o.Name), "groups"), nil, &groups, 1); err != nil {
			return nil, err
		}
		done := slices.ContainsFunc(groups.Results, func(g struct{ Name string }) bool { return g.Name == group })
		var fields []todo
		lacking := false
		for _, p := range c.wanted(o) {
			fields = append(fields, c.compare(o.Name, p, there))
			lacking = lacking || !fields[len(fields)-1].step.Done
		}
		if done || lacking { // what came with an own object lies in a group of HubSpot's, and needs none of ours
			list = append(list, todo{crm.Step{What: "group", Name: o.Name + "." + group, Why: "holds our properties", Done: done},
				http.MethodPost, c.at(apiProperties, pathOf(o.Name), "groups"), map[string]string{"name": group, "label": "Rapport"}})
		}
		list = append(list, fields...)
	}
	return list, nil
}

// compare is the step for one field: it is made, gets the choices it lacks, or cannot be used as it is.
func (c client) compare(object string, p property, there []property) todo {
	t := todo{crm.Step{What: "field", Name: object + "." + p.Name, Why: "Rapport writes it"}, http.MethodPost, c.at(apiProperties, pathOf(object)), p}
	at := slices.IndexFunc(there, func(h property) bool { return h.Name == p.Name })
	if at < 0 {
		return t
	}
	have := there[at]
	switch {
	case have.Type != p.Type && !(have.FieldType == p.FieldType && p.Type == "bool"):
		t.step.Error = fault.New(fault.Conflict, "property %s of %s is there as %s, %s is needed: rename or remove it", p.Name, object, have.Type, p.Type)
		return t
	case p.Unique && !have.Unique:
		t.step.Error = fault.New(fault.Conflict, "property %s of %s is there and not unique, which cannot be changed: remove it, or set key_field", p.Name, object)
		return t
	}
	options := slices.Clone(have.Options)
	for _, o := range p.Options {
		if p.Type == "enumeration" && !slices.ContainsFunc(options, func(h option) bool { return h.Value == o.Value }) {
			o.Order = len(options)
			options = append(options, o)
		}
	}
	if len(options) == len(have.Options) {
		t.step.Done = true
		return t
	}
	t.step.Why = strconv.Itoa(len(options)-len(have.Options)) + " choices are missing"
	t.method, t.path, t.body = http.MethodPatch, c.at(apiProperties, pathOf(object), p.Name), map[string]any{"options": options}
	return t
}

// newObject is the step for an own object with all its fields, linked to contacts and tickets.
func (c client) newObject(o crm.Object) todo {
	singular := strings.TrimSuffix(o.Label, "s")
	if o.Label == "" {
		singular = label(o.Name)
	}
	props := c.wanted(o)
	for i := range props {
		props[i].Group = ""
	}
	display := c.keyField
	for _, p := range props {
		if p.Type == "string" && p.FieldType == "text" && !p.Unique {
			display = p.Name
			break
		}
	}
	body := map[string]any{"name": o.Name, "labels": map[string]string{"singular": singular, "plural": singular + "s"}, "primaryDisplayProperty": display,
		"requiredProperties": []string{}, "searchableProperties": []string{}, "secondaryDisplayProperties": []string{},
		"associatedObjects": []string{"CONTACT", "TICKET"}, "properties": props, "allowsSensitiveProperties": false}
	return todo{crm.Step{What: "object", Name: o.Name, Why: "mentions become records of their own"}, http.MethodPost, c.at(apiSchemas, "schemas"), body}
}

// Plan lists what setup would make.
func (HubSpot) Plan(ctx context.Context, a crm.Account, need []crm.Object) ([]crm.Step, error) {
	c := admin(a)
	if err := c.shape(); err != nil {
		return nil, err
	}
	list, err := c.plan(ctx, need)
	return steps(list), err
}

// Apply makes what is missing. A step that fails does not keep the others back; it carries its error.
func (HubSpot) Apply(ctx context.Context, a crm.Account, need []crm.Object) ([]crm.Step, error) {
	c := admin(a)
	if err := c.shape(); err != nil {
		return nil, err
	}
	list, err := c.plan(ctx, need)
	if err != nil {
		return nil, err
	}
	for i, t := range list {
		if t.step.Done || t.step.Error != nil {
			continue
		}
		err := c.call(ctx, t.method, t.path, t.body, nil, 1)
		if err != nil && ctx.Err() != nil {
			return steps(list), err
		}
		if fault.Is(err, fault.Conflict) { // somebody made it meanwhile
			err = nil
		}
		list[i].step.Done, list[i].step.Error = err == nil, err
	}
	return steps(list), nil
}

func steps(list []todo) []crm.Step {
	out := make([]crm.Step, len(list))
	for i, t := range list {
		out[i] = t.step
	}
	return out
}

// admin is the client with the administrator's token.
func admin(a crm.Account) client {
	if s := a.Secrets["admin"]; !s.Empty() {
		secrets := make(map[string]flow.Secret, len(a.Secrets))
		for name, v := range a.Secrets {
			secrets[name] = v
		}
		secrets["token"] = s
		a.Secrets = secrets
	}
	return open(a)
}

// Export gives each group, property and object as the body of the call that makes it.
func (HubSpot) Export(a crm.Account, need []crm.Object) (map[string][]byte, error) {
	c := open(a)
	files := map[string][]byte{}
	var guide strings.Builder
	guide.WriteString("What Rapport needs in HubSpot. Send each file as the body of the call beside it, in this order.\n\n")
	put := func(name, call string, body any) error {
		data, err := json.MarshalIndent(body, "", "  ")
		if err != nil {
			return fault.New(fault.Invalid, "%s cannot be written: %w", name, err)
		}
		files[name] = append(data, '\n')
		guide.WriteString(call + "  <  " + name + "\n")
		return nil
	}
	for _, o := range need {
		if !standard(o.Name) {
			t := c.newObject(o)
			if err := put(o.Name+"/object.json", "POST "+t.path, t.body); err != nil {
				return nil, err
			}
			continue
		}
		path := c.at(apiProperties, pathOf(o.Name))
		if err := put(o.Name+"/group.json", "POST "+path+"/groups", map[string]string{"name": group, "label": "Rapport"}); err != nil {
			return nil, err
		}
		for _, p := range c.wanted(o) {
			if err := put(o.Name+"/"+p.Name+".json", "POST "+path, p); err != nil {
				return nil, err
			}
		}
	}
	guide.WriteString("\nWhat is there already answers 409 and stays as it is.\n")
	files["README.txt"] = []byte(guide.String())
	return files, nil
}
