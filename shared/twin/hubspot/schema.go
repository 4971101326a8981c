package hubspot

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// definition is a property on the wire.
type definition struct {
	Name           string   `json:"name"`
	Label          string   `json:"label"`
	Type           string   `json:"type"`
	FieldType      string   `json:"fieldType"`
	GroupName      string   `json:"groupName"`
	Description    string   `json:"description"`
	Options        []option `json:"options"`
	HasUniqueValue bool     `json:"hasUniqueValue"`
}

func (d *property) wire() map[string]any {
	options := d.Options
	if options == nil {
		options = []option{}
	}
	out := map[string]any{"name": d.Name, "label": d.Label, "type": d.Type, "fieldType": d.FieldType, "groupName": d.Group, "description": d.Description,
		"options": options, "hasUniqueValue": d.Unique, "calculated": d.Calculated, "hidden": false, "hubspotDefined": !d.Ours, "displayOrder": -1,
		"externalOptions": false, "formField": false, "dataSensitivity": "non_sensitive", "archived": false,
		"modificationMetadata": map[string]any{"archivable": d.Ours, "readOnlyDefinition": !d.Ours, "readOnlyValue": d.ReadOnly}}
	if d.Name == "hubspot_owner_id" {
		out["externalOptions"], out["referencedObjectType"] = true, "OWNER"
	}
	return out
}

// property checks a definition that is to be made.
func (o *object) property(d definition) (property, *refusal) {
	fit := map[string][]string{"string": {"text", "textarea", "html", "phonenumber", "file"}, "number": {"number"}, "bool": {"booleancheckbox"},
		"enumeration": {"select", "radio", "checkbox", "booleancheckbox"}, "date": {"date"}, "datetime": {"date"}}
	switch {
	case o.props[d.Name] != nil:
		return property{}, refuse(409, "OBJECT_ALREADY_EXISTS", "A property named '%s' already exists.", d.Name)
	case !slices.Contains(fit[d.Type], d.FieldType):
		return property{}, refuse(400, "VALIDATION_ERROR", "Property type %s does not go with field type %s", d.Type, d.FieldType)
	case d.Label == "" || d.Name == "" || d.Name != url.PathEscape(d.Name):
		return property{}, refuse(400, "VALIDATION_ERROR", "Property name or label is not valid")
	case d.HasUniqueValue && len(o.unique) >= 11:
		return property{}, refuse(400, "VALIDATION_ERROR", "No more than 10 unique properties can be made per object type.")
	case d.Type == "enumeration" && len(d.Options) == 0, (d.Type == "bool" || d.FieldType == "booleancheckbox") && len(d.Options) != 2:
		return property{}, refuse(400, "VALIDATION_ERROR", "Options are missing for property %s", d.Name)
	}
	return property{Name: d.Name, Label: d.Label, Type: d.Type, FieldType: d.FieldType, Group: d.GroupName, Description: d.Description, Options: d.Options, Unique: d.HasUniqueValue, Ours: true}, nil
}

// propertyCall serves /crm/properties/{version}/{type}…
func (p *Portal) propertyCall(method string, rest []string, body []byte) (int, any, *refusal) {
	if len(rest) == 0 {
		return 0, nil, refuse(404, "OBJECT_NOT_FOUND", "resource not found")
	}
	o, bad := p.object(rest[0])
	if bad != nil {
		bad.status = 404
		return 0, nil, bad
	}
	groups := len(rest) == 2 && rest[1] == "groups"
	switch {
	case method == "GET" && len(rest) == 1:
		list := []any{}
		for _, name := range o.order {
			if o.props[name] != nil {
				list = append(list, o.props[name].wire())
			}
		}
		return 200, map[string]any{"results": list}, nil
	case method == "POST" && len(rest) == 1:
		var d definition
		if json.Unmarshal(body, &d) != nil {
			return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
		}
		out, bad := p.makeProperty(o, d)
		return 201, out, bad
	case method == "POST" && len(rest) == 3 && rest[1] == "batch" && rest[2] == "create":
		return p.makeProperties(o, body)
	case method == "GET" && groups:
		list := []any{map[string]any{"name": o.name + "information", "label": o.singular + " information", "archived": false}}
		for _, g := range o.groups {
			list = append(list, g)
		}
		return 200, map[string]any{"results": list}, nil
	case method == "POST" && groups:
		var g struct{ Name, Label string }
		if json.Unmarshal(body, &g) != nil || g.Name == "" || g.Label == "" {
			return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
		}
		if o.group(g.Name) {
			return 0, nil, refuse(409, "OBJECT_ALREADY_EXISTS", "A property group named '%s' already exists.", g.Name)
		}
		o.groups = append(o.groups, map[string]any{"name": g.Name, "label": g.Label, "archived": false})
		return 201, o.groups[len(o.groups)-1], nil
	case len(rest) == 2 && o.props[rest[1]] != nil:
		return p.propertyOne(o, method, o.props[rest[1]], body)
	}
	return 0, nil, refuse(404, "OBJECT_NOT_FOUND", "Property does not exist")
}

func (o *object) group(name string) bool {
	return name == o.name+"information" || slices.ContainsFunc(o.groups, func(g map[string]any) bool { return g["name"] == name })
}

func (p *Portal) makeProperty(o *object, d definition) (map[string]any, *refusal) {
	if !o.group(d.GroupName) {
		return nil, refuse(400, "VALIDATION_ERROR", "Property group %s does not exist", d.GroupName)
	}
	made, bad := o.property(d)
	if bad != nil {
		return nil, bad
	}
	o.define(made)
	return o.props[d.Name].wire(), nil
}

func (p *Portal) makeProperties(o *object, body []byte) (int, any, *refusal) {
	var in struct{ Inputs []definition }
	if json.Unmarshal(body, &in) != nil {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
	}
	results, errs := []any{}, []any{}
	for _, d := range in.Inputs {
		out, bad := p.makeProperty(o, d)
		if bad != nil {
			bad.body["context"] = map[string]any{"name": []string{d.Name}}
			errs = append(errs, bad.body)
			continue
		}
		results = append(results, out)
	}
	status, out, _ := p.multi(results, errs)
	if status == 200 {
		status = 201
	}
	return status, out, nil
}

func (p *Portal) propertyOne(o *object, method string, d *property, body []byte) (int, any, *refusal) {
	switch method {
	case "GET":
	case "PATCH":
		var in definition
		if json.Unmarshal(body, &in) != nil {
			return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
		}
		if in.Options != nil {
			d.Options = in.Options
		}
		if in.Label != "" {
			d.Label = in.Label
		}
	case "DELETE":
		if !d.Ours {
			return 0, nil, refuse(400, "VALIDATION_ERROR", "Property %s cannot be archived", d.Name)
		}
		p.forget(o, d.Name)
		return 204, nil, nil
	}
	return 200, d.wire(), nil
}

func (p *Portal) forget(o *object, name string) {
	delete(o.props, name)
	delete(o.unique, name)
	o.order = slices.DeleteFunc(o.order, func(n string) bool { return n == name })
}

// pipelines serves the one pipeline that tickets have.
func (p *Portal) pipelines(object string) (int, any, *refusal) {
	if object != "tickets" && object != "0-5" {
		return 200, map[string]any{"results": []any{}}, nil
	}
	var stages []any
	for i, label := range []string{"New", "Waiting on contact", "Waiting on us", "Closed"} {
		stages = append(stages, map[string]any{"id": strconv.Itoa(i + 1), "label": label, "displayOrder": i, "archived": false,
			"metadata": map[string]any{"ticketState": map[bool]string{true: "CLOSED", false: "OPEN"}[i == 3], "isClosed": strconv.FormatBool(i == 3)}})
	}
	return 200, map[string]any{"results": []any{map[string]any{"id": "0", "label": "Support pipeline", "displayOrder": 0, "archived": false, "stages": stages}}}, nil
}

// schemaCall serves /crm-object-schemas/{version}/schemas…
func (p *Portal) schemaCall(method string, rest []string, body []byte) (int, any, *refusal) {
	if !p.o.CustomObjects {
		return 0, nil, refuse(403, "MISSING_SCOPES", "One or more of the following scopes are required.").
			with("context", map[string]any{"requiredGranularScopes": []string{"crm.schemas.custom.read"}})
	}
	switch {
	case method == "GET" && len(rest) == 0:
		list := []any{}
		for _, n := range p.names {
			if o := p.objects[n]; o.custom {
				list = append(list, p.schema(o))
			}
		}
		return 200, map[string]any{"results": list}, nil
	case method == "GET" && len(rest) == 1:
		o, bad := p.object(rest[0])
		if bad != nil {
			bad.status = 404
			return 0, nil, bad
		}
		return 200, p.schema(o), nil
	case method == "POST" && len(rest) == 0:
		return p.makeSchema(body)
	}
	return 0, nil, refuse(404, "OBJECT_NOT_FOUND", "resource not found")
}

func (p *Portal) schema(o *object) map[string]any {
	props := []any{}
	for _, name := range o.order {
		props = append(props, o.props[name].wire())
	}
	return map[string]any{"id": o.id, "objectTypeId": o.id, "name": o.name, "fullyQualifiedName": fmt.Sprintf("p%d_%s", p.o.Portal, o.name), "archived": false,
		"labels": map[string]any{"singular": o.singular, "plural": o.plural}, "properties": props, "requiredProperties": append([]string{}, o.required...),
		"searchableProperties": []string{}, "secondaryDisplayProperties": []string{}, "primaryDisplayProperty": o.display, "associations": []any{}}
}

func (p *Portal) makeSchema(body []byte) (int, any, *refusal) {
	var in struct {
		Name                   string
		Labels                 struct{ Singular, Plural string }
		PrimaryDisplayProperty string
		RequiredProperties     []string
		AssociatedObjects      []string
		Properties             []definition
	}
	if json.Unmarshal(body, &in) != nil {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
	}
	switch {
	case in.Name == "" || in.Labels.Singular == "" || in.Labels.Plural == "":
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Name and labels are required")
	case p.objects[in.Name] != nil:
		return 0, nil, refuse(409, "OBJECT_ALREADY_EXISTS", "Object type %s already exists", in.Name)
	case !slices.ContainsFunc(in.Properties, func(d definition) bool { return d.Name == in.PrimaryDisplayProperty }):
		return 0, nil, refuse(400, "VALIDATION_ERROR", "The primary display property must be one of the properties")
	}
	o := p.add(in.Name, fmt.Sprintf("2-%d", 100+len(p.names)), in.Labels.Singular, in.Labels.Plural)
	o.custom, o.required, o.display = true, in.RequiredProperties, in.PrimaryDisplayProperty
	for _, d := range in.Properties {
		made, bad := o.property(d)
		if bad != nil {
			delete(p.objects, in.Name)
			p.names = p.names[:len(p.names)-1]
			return 0, nil, bad
		}
		o.define(made)
	}
	o.groups = append(o.groups, map[string]any{"name": in.Name + "_information", "label": in.Labels.Singular, "archived": false})
	return 201, p.schema(o), nil
}

// associationCall serves /crm/associations/{version}/{from}/{to}/batch/…
func (p *Portal) associationCall(method string, rest []string, body []byte) (int, any, *refusal) {
	if method != "POST" || len(rest) < 4 || rest[2] != "batch" {
		return 0, nil, refuse(404, "OBJECT_NOT_FOUND", "resource not found")
	}
	from, bad := p.object(rest[0])
	if bad != nil {
		return 0, nil, bad
	}
	to, bad := p.object(rest[1])
	if bad != nil {
		return 0, nil, bad
	}
	var in struct {
		Inputs []struct {
			From, To struct{ ID string }
			Types    []struct {
				AssociationCategory string
				AssociationTypeID   int `json:"associationTypeId"`
			}
		}
	}
	if json.Unmarshal(body, &in) != nil || len(in.Inputs) > 2000 {
		return 0, nil, refuse(400, "VALIDATION_ERROR", "Invalid input JSON")
	}
	labelled := rest[3] == "create"
	results, errs := []any{}, []any{}
	for _, x := range in.Inputs {
		a, _ := strconv.ParseInt(x.From.ID, 10, 64)
		b, _ := strconv.ParseInt(x.To.ID, 10, 64)
		r, s := from.find(a), to.find(b)
		if r == nil || s == nil || labelled && len(x.Types) == 0 {
			errs = append(errs, map[string]any{"status": "error", "category": "OBJECT_NOT_FOUND", "message": "One or more objects do not exist",
				"context": map[string]any{"fromObjectId": []string{x.From.ID}, "toObjectId": []string{x.To.ID}}})
			continue
		}
		p.links[link(from.name, r.id, to.name, s.id)] = true
		p.links[link(to.name, s.id, from.name, r.id)] = true
		results = append(results, map[string]any{"from": map[string]any{"id": x.From.ID}, "to": map[string]any{"id": x.To.ID},
			"associationSpec": map[string]any{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 16}})
	}
	return p.multi(results, errs)
}

// token serves the OAuth token endpoint: codes begin with "code-", refresh tokens with "refresh-".
func (p *Portal) token(body []byte) (int, any, *refusal) {
	form, err := url.ParseQuery(string(body))
	refused := func(why string) (int, any, *refusal) {
		return 0, nil, &refusal{status: 400, body: map[string]any{"status": "BAD_AUTH_CODE", "message": why, "error": "invalid_grant"}}
	}
	switch {
	case err != nil:
		return refused("the form cannot be read")
	case p.o.Seal && (form.Get("client_id") != p.o.ClientID || form.Get("client_secret") != p.o.ClientSecret):
		return refused("missing or invalid client id or secret")
	case form.Get("grant_type") == "authorization_code" && len(form.Get("code")) > 5 && form.Get("code")[:5] == "code-":
	case form.Get("grant_type") == "refresh_token" && len(form.Get("refresh_token")) > 8 && form.Get("refresh_token")[:8] == "refresh-":
	default:
		return refused("missing or unknown code or refresh token")
	}
	p.grants++
	access := fmt.Sprintf("access-%d-%d", p.o.Portal, p.grants)
	p.tokens[access] = p.o.Now().Add(30 * time.Minute)
	return 200, map[string]any{"token_type": "bearer", "access_token": access, "refresh_token": fmt.Sprintf("refresh-%d", p.o.Portal), "expires_in": 1800,
		"hub_id": p.o.Portal, "scopes": []string{"crm.objects.contacts.write", "tickets"}}, nil
}
