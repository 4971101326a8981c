package salesforce

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// describedFor is how long a session relies on what it learnt of an object.
const describedFor = time.Hour

// column is a field in the vendor's words.
type column struct {
	Name       string   `json:"name"`
	Label      string   `json:"label"`
	Type       string   `json:"type"`
	Length     int      `json:"length"`
	Scale      int      `json:"scale"`
	Creatable  bool     `json:"createable"`
	Updateable bool     `json:"updateable"`
	Nillable   bool     `json:"nillable"`
	Defaulted  bool     `json:"defaultedOnCreate"`
	External   bool     `json:"externalId"`
	Unique     bool     `json:"unique"`
	Caseful    bool     `json:"caseSensitive"`
	Rich       string   `json:"extraTypeInfo"`
	Refers     []string `json:"referenceTo"`
	Values     []struct {
		Value  string `json:"value"`
		Label  string `json:"label"`
		Active bool   `json:"active"`
	} `json:"picklistValues"`
}

// blank is what stands in the field when it is erased.
func (f column) blank() any {
	switch {
	case f.Type == "boolean":
		return false
	case f.Nillable:
		return nil
	}
	return erased
}

// description is what the org tells of an object, and when it did.
type description struct {
	at     time.Time
	Label  string   `json:"label"`
	Create bool     `json:"createable"`
	Fields []column `json:"fields"`
}

func (d description) field(name string) *column {
	if i := slices.IndexFunc(d.Fields, func(f column) bool { return strings.EqualFold(f.Name, name) }); i >= 0 {
		return &d.Fields[i]
	}
	return nil
}

// describe reads an object's fields, or remembers them. NotFound: there is no such object that we may see.
func (c client) describe(ctx context.Context, object string) (description, error) {
	c.s.mu.Lock()
	d, ok := c.s.described[object]
	c.s.mu.Unlock()
	if ok && c.a.Now.Sub(d.at).Abs() < describedFor {
		return d, nil
	}
	return c.learn(ctx, object)
}

// learn reads an object's fields anew.
func (c client) learn(ctx context.Context, object string) (description, error) {
	if strings.Trim(object, letters) != "" || object == "" {
		return description{}, fault.New(fault.NotFound, "%q is no name of an object", object)
	}
	d := description{}
	err := c.call(ctx, http.MethodGet, c.at("sobjects", vendor(object), "describe"), nil, nil, &d, 1)
	if fault.Is(err, fault.Drift) {
		return d, fault.New(fault.NotFound, "Salesforce has no object %s that we may see: run setup, or correct the name", vendor(object))
	}
	if err == nil && len(d.Fields) == 0 {
		err = fault.New(fault.Ambiguous, "Salesforce answered the description of %s without fields", object)
	}
	if err != nil {
		return d, err
	}
	d.at = c.a.Now
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.described[object] = d
	return d, nil
}

// Describe reads the fields of an object.
func (f *Salesforce) Describe(ctx context.Context, a crm.Account, object string) (crm.Object, error) {
	c, err := f.open(ctx, a)
	if err != nil {
		return crm.Object{}, err
	}
	d, err := c.learn(ctx, object)
	if err != nil {
		return crm.Object{}, err
	}
	o := crm.Object{Name: object, Label: d.Label, Creatable: d.Create}
	for _, one := range d.Fields {
		f := one.field()
		if object == "Case" && f.Name == "Status" {
			f.Choices = append(f.Choices, crm.Choice{Value: string(flow.Waiting), Label: "whichever status means " + string(flow.Waiting)})
		}
		o.Fields = append(o.Fields, f)
	}
	return o, nil
}

// Objects lists the objects a mapping may write.
func (f *Salesforce) Objects(ctx context.Context, a crm.Account) ([]crm.Object, error) {
	c, err := f.open(ctx, a)
	if err != nil {
		return nil, err
	}
	var out struct {
		Objects []struct {
			Name      string `json:"name"`
			Label     string `json:"label"`
			Creatable bool   `json:"createable"`
			Queryable bool   `json:"queryable"`
			Layout    bool   `json:"layoutable"`
		} `json:"sobjects"`
	}
	if err := c.call(ctx, http.MethodGet, c.at("sobjects"), nil, nil, &out, 1); err != nil {
		return nil, err
	}
	var list []crm.Object
	for _, o := range out.Objects {
		if o.Creatable && o.Queryable && o.Layout {
			list = append(list, crm.Object{Name: ours(o.Name), Label: o.Label, Creatable: true})
		}
	}
	return list, nil
}

// field is a column in our words.
func (f column) field() crm.Field {
	out := crm.Field{Name: ours(f.Name), Label: f.Label, Type: "text", Max: f.Length, Unique: f.Unique && f.External, Ours: isOurs(f.Name), ReadOnly: !f.Updateable,
		Required: f.Creatable && !f.Nillable && !f.Defaulted && f.Type != "boolean"}
	switch f.Type {
	case "textarea":
		out.Type = "longtext"
		if f.Rich == "richtextarea" {
			out.Type = "html"
		}
	case "double", "currency", "percent":
		out.Type, out.Max = "number", 0
	case "int", "long":
		out.Type, out.Max = "integer", 0
	case "boolean":
		out.Type, out.Max = "flag", 0
	case "date":
		out.Type, out.Max = "date", 0
	case "datetime":
		out.Type, out.Max = "time", 0
	case "email", "phone", "url":
		out.Type = f.Type
	case "reference":
		out.Type, out.Max = "reference", 0
		for _, r := range f.Refers {
			out.Refers = append(out.Refers, ours(r))
		}
	case "picklist", "multipicklist":
		out.Type, out.Max = map[string]string{"picklist": "choice", "multipicklist": "choices"}[f.Type], 0
		for _, v := range f.Values {
			if v.Active {
				out.Choices = append(out.Choices, crm.Choice{Value: v.Value, Label: v.Label})
			}
		}
	case "id", "address", "location", "base64", "time", "anyType", "complexvalue":
		out.ReadOnly = true
	}
	return out
}
