package salesforce

import (
	"encoding/xml"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
)

// node is any XML element.
type node struct {
	XMLName xml.Name
	Type    string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
	Text    string `xml:",chardata"`
	Nodes   []node `xml:",any"`
}

func (n node) find(name string) (node, bool) {
	for _, c := range n.Nodes {
		if c.XMLName.Local == name {
			return c, true
		}
	}
	return node{}, false
}

func (n node) get(path ...string) string {
	for _, p := range path {
		n, _ = n.find(p)
	}
	return strings.TrimSpace(n.Text)
}

func (n node) all(name string) (list []node) {
	for _, c := range n.Nodes {
		if c.XMLName.Local == name {
			list = append(list, c)
		}
	}
	return list
}

const soapHead = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>`

const soapTail = `</soapenv:Body></soapenv:Envelope>`

func soapFault(code, text string) (int, string) {
	return 500, soapHead + `<soapenv:Fault><faultcode>sf:` + code + `</faultcode><faultstring>` + code + `: ` + html.EscapeString(text) + `</faultstring></soapenv:Fault>` + soapTail
}

// soap serves upsertMetadata and readMetadata.
func (g *Org) soap(body []byte) (int, any) {
	var envelope node
	if err := xml.Unmarshal(body, &envelope); err != nil {
		status, text := soapFault("INVALID_TYPE", "the message cannot be read")
		return status, text
	}
	head, _ := envelope.find("Header")
	in, _ := envelope.find("Body")
	if p := g.enter(head.get("SessionHeader", "sessionId")); p != nil {
		return soapFault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader")
	}
	g.used++
	var out strings.Builder
	switch {
	case len(in.all("upsertMetadata")) == 1:
		list := in.all("upsertMetadata")[0].all("metadata")
		if len(list) > 10 {
			return soapFault("LIMIT_EXCEEDED", "more than 10 components in one call")
		}
		out.WriteString("<upsertMetadataResponse>")
		for _, m := range list {
			created, why := g.component(m)
			if why != "" {
				fmt.Fprintf(&out, "<result><created>false</created><errors><message>%s</message><statusCode>FIELD_INTEGRITY_EXCEPTION</statusCode></errors><fullName>%s</fullName><success>false</success></result>", html.EscapeString(why), m.get("fullName"))
				continue
			}
			fmt.Fprintf(&out, "<result><created>%v</created><fullName>%s</fullName><success>true</success></result>", created, m.get("fullName"))
		}
		out.WriteString("</upsertMetadataResponse>")
	case len(in.all("readMetadata")) == 1:
		if g.o.ForbidRules {
			return soapFault("INSUFFICIENT_ACCESS", "insufficient access rights")
		}
		ask := in.all("readMetadata")[0]
		out.WriteString("<readMetadataResponse><result>")
		for _, n := range ask.all("fullNames") {
			fmt.Fprintf(&out, `<records xsi:type="AutoResponseRules"><fullName>%s</fullName>`, strings.TrimSpace(n.Text))
			for _, rule := range g.granted["auto:"+strings.TrimSpace(n.Text)] {
				fmt.Fprintf(&out, "<autoResponseRule><fullName>%s</fullName><active>true</active></autoResponseRule>", html.EscapeString(rule))
			}
			out.WriteString("</records>")
		}
		out.WriteString("</result></readMetadataResponse>")
	default:
		return soapFault("INVALID_OPERATION", "no such operation")
	}
	return 200, soapHead + out.String() + soapTail
}

// component makes or changes one component; why it is refused, "" if it is not.
func (g *Org) component(m node) (created bool, why string) {
	name := m.get("fullName")
	switch m.Type {
	case "CustomObject":
		if !strings.HasSuffix(name, "__c") || m.get("label") == "" || m.get("nameField", "type") == "" || m.get("sharingModel") == "" {
			return false, "label, nameField and sharingModel are required"
		}
		if g.objects[strings.ToLower(name)] != nil {
			return false, ""
		}
		g.make(name, m.get("label"), fmt.Sprintf("a%02d", len(g.names)), field{name: "Name", kind: "string", length: 80, readOnly: m.get("nameField", "type") == "AutoNumber"},
			field{name: "OwnerId", kind: "reference", refers: "User,Group", relation: "Owner"})
		return true, ""
	case "CustomField":
		object, column, _ := strings.Cut(name, ".")
		o := g.objects[strings.ToLower(object)]
		if o == nil || !strings.HasSuffix(column, "__c") {
			return false, "Entity Enumeration Or ID: bad value for restricted picklist field: " + object
		}
		return g.column(o, column, m)
	case "PermissionSet":
		var list []string
		for _, p := range m.all("fieldPermissions") {
			object, column, _ := strings.Cut(p.get("field"), ".")
			o := g.objects[strings.ToLower(object)]
			if o == nil || o.field(column, true) == nil {
				return false, "In field: field - no CustomField named " + p.get("field") + " found"
			}
			if o.field(column, true).required {
				return false, "You cannot deploy to a required field: " + p.get("field")
			}
			list = append(list, p.get("field"))
		}
		at := slices.IndexFunc(g.order, func(x *row) bool { return x.object.name == "PermissionSet" && x.fields["Name"] == name })
		g.granted[name] = append(g.granted[name], list...)
		if at < 0 {
			g.add(g.objects["permissionset"], map[string]any{"Name": name, "Label": m.get("label")}, Agent)
			return true, ""
		}
		for _, x := range g.order {
			if x.object.name == "PermissionSetAssignment" && x.fields["PermissionSetId"] == g.order[at].id {
				g.show(g.order[at].id)
			}
		}
		return false, ""
	}
	return false, "unknown type " + m.Type
}

// column makes a field, or changes the choices of one.
func (g *Org) column(o *object, name string, m node) (bool, string) {
	f := field{name: name, label: m.get("label"), custom: true, hidden: !g.o.Visible, external: m.get("externalId") == "true", unique: m.get("unique") == "true", caseful: m.get("caseSensitive") == "true"}
	f.length, _ = strconv.Atoi(m.get("length"))
	switch kind := m.get("type"); kind {
	case "Text":
		if f.kind = "string"; m.get("formula") != "" {
			f.readOnly = true
			break
		}
		if f.kind = "string"; f.length < 1 || f.length > 255 {
			return false, "Text length must be between 1 and 255"
		}
	case "LongTextArea", "Html":
		if f.kind = "textarea"; f.length < 256 || f.length > 131072 || m.get("visibleLines") == "" {
			return false, "LongTextArea length must be between 256 and 131072, and visibleLines is required"
		}
	case "Number":
		if f.kind = "double"; m.get("precision") == "" || m.get("scale") == "" {
			return false, "Must specify 'precision' and 'scale' for a CustomField of type Number"
		}
	case "Checkbox":
		if f.kind = "boolean"; m.get("defaultValue") == "" {
			return false, "Must specify 'defaultValue' for a CustomField of type Checkbox"
		}
	case "Date":
		f.kind = "date"
	case "DateTime":
		f.kind = "datetime"
	case "Email":
		f.kind = "email"
	case "Phone":
		f.kind, f.length = "phone", 40
	case "Url":
		f.kind, f.length = "url", 255
	case "Picklist", "MultiselectPicklist":
		f.kind = map[string]string{"Picklist": "picklist", "MultiselectPicklist": "multipicklist"}[kind]
		set, _ := m.find("valueSet")
		definition, _ := set.find("valueSetDefinition")
		for _, v := range definition.all("value") {
			f.values = append(f.values, v.get("fullName"))
		}
		if f.values == nil {
			return false, "a Picklist needs a valueSet"
		}
	case "Lookup":
		f.kind, f.refers, f.relation = "reference", m.get("referenceTo"), strings.TrimSuffix(name, "c")+"r"
		if g.objects[strings.ToLower(f.refers)] == nil || m.get("relationshipName") == "" {
			return false, "referenceTo value of '" + f.refers + "' does not resolve to a valid sObject type"
		}
	default:
		return false, "invalid type " + kind
	}
	old := o.fields[strings.ToLower(name)]
	if old != nil && old.kind != f.kind {
		return false, "Cannot change field type from " + old.kind + " to " + f.kind
	}
	if old != nil {
		f.hidden = old.hidden
	}
	o.define(f)
	return old == nil, ""
}

// show makes visible what a permission set that is assigned shows.
func (g *Org) show(set string) {
	x := g.rows[short(set)]
	if x == nil {
		return
	}
	for _, name := range g.granted[fmt.Sprint(x.fields["Name"])] {
		object, column, _ := strings.Cut(name, ".")
		if f := g.objects[strings.ToLower(object)].field(column, true); f != nil {
			f.hidden = false
		}
	}
}
