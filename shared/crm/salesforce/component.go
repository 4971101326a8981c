package salesforce

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"rapport/shared/crm"
)

// element is an XML element: with text, or with elements within.
type element struct {
	name string
	text string
	kids []element
}

func el(name, text string) element { return element{name: name, text: text} }

func group(name string, kids ...element) element { return element{name: name, kids: kids} }

// write writes the element and what is within.
func (e element) write(b *bytes.Buffer, indent string) {
	if len(e.kids) == 0 {
		b.WriteString(indent + "<" + e.name + ">")
		_ = xml.EscapeText(b, []byte(e.text)) // a buffer takes all
		b.WriteString("</" + e.name + ">\n")
		return
	}
	b.WriteString(indent + "<" + e.name + ">\n")
	for _, k := range e.kids {
		k.write(b, indent+"    ")
	}
	b.WriteString(indent + "</" + e.name + ">\n")
}

// component is one piece of metadata.
type component struct {
	kind string // CustomObject, CustomField, PermissionSet …
	name string // as the Metadata API has it: Case.rapport_key__c
	kids []element
}

// file is the component as it stands in a source project.
func (c component) file() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + c.kind + ` xmlns="http://soap.sforce.com/2006/04/metadata">` + "\n")
	for _, k := range c.kids {
		k.write(&b, "    ")
	}
	b.WriteString("</" + c.kind + ">\n")
	return b.Bytes()
}

// fieldOf is a field that setup makes.
func fieldOf(object string, f crm.Field) component {
	name := vendor(f.Name)
	label := f.Label
	if label == "" {
		label = labelOf(f.Name)
	}
	kids := []element{el("fullName", name)}
	if f.Unique {
		kids = append(kids, el("caseSensitive", "true"))
	}
	if f.Type == "flag" {
		kids = append(kids, el("defaultValue", "false"))
	}
	kids = append(kids, el("description", "Kept by Rapport."))
	if f.Unique {
		kids = append(kids, el("externalId", "true"))
	}
	kids = append(kids, el("label", label[:min(len(label), 40)]))
	switch f.Type {
	case "longtext", "html":
		length := f.Max
		if length == 0 {
			length = maxText
		}
		if f.Name == "rapport_turns" {
			length = 131072
		}
		kids = append(kids, el("length", fmt.Sprint(max(min(length, 131072), 256))), el("type", map[string]string{"longtext": "LongTextArea", "html": "Html"}[f.Type]), el("visibleLines", "6"))
	case "number":
		kids = append(kids, el("precision", "18"), el("scale", "4"), el("type", "Number"))
	case "integer":
		kids = append(kids, el("precision", "18"), el("scale", "0"), el("type", "Number"))
	case "flag":
		kids = append(kids, el("type", "Checkbox"))
	case "date":
		kids = append(kids, el("type", "Date"))
	case "time":
		kids = append(kids, el("type", "DateTime"))
	case "email":
		kids = append(kids, el("type", "Email"))
	case "phone":
		kids = append(kids, el("type", "Phone"))
	case "url":
		kids = append(kids, el("type", "Url"))
	case "formula":
		kids = []element{kids[0], el("description", "Kept by Rapport."), el("formula", f.Label), el("formulaTreatBlanksAs", "BlankAsZero"), el("label", labelOf(f.Name)), el("type", "Text")}
	case "choice", "choices":
		kids = append(kids, el("type", map[string]string{"choice": "Picklist", "choices": "MultiselectPicklist"}[f.Type]), picklist(f.Choices))
		if f.Type == "choices" {
			kids = append(kids, el("visibleLines", "4"))
		}
	case "reference":
		to := "Case"
		if len(f.Refers) > 0 {
			to = f.Refers[0]
		}
		kids = append(kids, el("deleteConstraint", "SetNull"), el("referenceTo", vendor(to)), el("relationshipLabel", plural(labelOf(object))), el("relationshipName", "rapport_"+strings.TrimPrefix(strings.ToLower(ours(object)), "rapport_")+"s"), el("type", "Lookup"))
	default:
		kids = append(kids, el("length", "255"), el("type", "Text"))
		if f.Unique {
			kids = append(kids, el("unique", "true"))
		}
	}
	return component{kind: "CustomField", name: vendor(object) + "." + name, kids: kids}
}

func picklist(choices []crm.Choice) element {
	definition := group("valueSetDefinition", el("sorted", "false"))
	for _, c := range choices {
		definition.kids = append(definition.kids, group("value", el("fullName", c.Value), el("default", "false"), el("label", c.Label)))
	}
	return group("valueSet", el("restricted", "true"), definition)
}

// objectOf is an object that setup makes; its records are numbered.
func objectOf(o crm.Object) component {
	label := singular(o)
	return component{kind: "CustomObject", name: vendor(o.Name), kids: []element{
		el("deploymentStatus", "Deployed"), el("description", "Kept by Rapport."), el("enableActivities", "true"), el("enableReports", "true"), el("enableSearch", "true"),
		el("label", label), group("nameField", el("displayFormat", "R-{000000}"), el("label", "Number"), el("type", "AutoNumber")), el("pluralLabel", plural(label)), el("sharingModel", "ReadWrite")}}
}

func singular(o crm.Object) string {
	if o.Label == "" {
		return labelOf(o.Name)
	}
	return o.Label
}

func plural(label string) string {
	if y, ok := strings.CutSuffix(label, "y"); ok {
		return y + "ies"
	}
	return label + "s"
}

func labelOf(name string) string {
	words := strings.ReplaceAll(ours(name), "_", " ")
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// persons are the objects that hold people.
func persons(object string) bool {
	return slices.Contains([]string{"Contact", "Lead", "Account"}, object)
}

// whole completes what the mapping needs with what it takes for granted: the key, the lookups of links, and the object in
// which agents answer.
func (c client) whole(need []crm.Object) []crm.Object {
	var out []crm.Object
	cases := false
	for _, o := range need {
		one := crm.Object{Name: o.Name, Label: o.Label, Fields: []crm.Field{{Name: c.keyField, Label: "Rapport key", Type: "text", Unique: true}}}
		for _, f := range o.Fields {
			if f.Name != c.keyField && isOurs(f.Name) {
				f.Unique = false
				one.Fields = append(one.Fields, f)
			}
		}
		for _, to := range need {
			if to.Name != o.Name && (isOurs(o.Name) || o.Name == "Case" && persons(to.Name)) && !isOurs(to.Name) {
				one.Fields = append(one.Fields, crm.Field{Name: ours(lookup(to.Name)), Label: "Rapport " + strings.ToLower(to.Name), Type: "reference", Refers: []string{to.Name}})
			}
		}
		if o.Name == "Case" {
			cases = true
			one.Fields = append(one.Fields, crm.Field{Name: "rapport_case_link", Label: "Rapport previous case", Type: "reference", Refers: []string{"Case"}})
		}
		out = append(out, one)
	}
	if cases {
		out = append(out, answers())
	}
	return out
}

// answers is the object in which agents write what goes back to the network.
func answers() crm.Object {
	choices := func(values ...string) (list []crm.Choice) {
		for _, v := range values {
			list = append(list, crm.Choice{Value: v, Label: strings.ToUpper(v[:1]) + v[1:]})
		}
		return list
	}
	return crm.Object{Name: replyObject, Label: "Rapport reply", Fields: []crm.Field{
		{Name: "rapport_case_link", Label: "Case", Type: "reference", Refers: []string{"Case"}},
		{Name: "rapport_text", Label: "Answer", Type: "longtext"},
		{Name: "rapport_visibility", Label: "Visibility", Type: "choice", Choices: choices("public", "private")},
		{Name: "rapport_state", Label: "State", Type: "choice", Choices: choices("draft", "approved")},
		{Name: "rapport_outcome", Label: "TEXT(rapport_case_link__r.rapport_reply_state__c)", Type: "formula", ReadOnly: true},
	}}
}

// permissions are the permission set of the integration user, or that of agents, who may change only what is theirs.
func permissions(name, label string, need []crm.Object, agents bool) component {
	kids := []element{el("description", "What Rapport reads and writes."), el("hasActivationRequired", "false"), el("label", label)}
	if agents {
		kids[0].text = "What people who work on cases of Rapport see and fill."
	}
	flag := func(ok bool) string { return fmt.Sprint(ok) }
	var fields, objects []element
	for _, o := range need {
		for _, f := range o.Fields {
			edit := !f.ReadOnly && (!agents || o.Name == replyObject || theirs(f.Name))
			fields = append(fields, group("fieldPermissions", el("editable", flag(edit)), el("field", vendor(o.Name)+"."+vendor(f.Name)), el("readable", "true")))
		}
		own := isOurs(o.Name)
		if agents && !own {
			continue // their profile says what they may do with cases and contacts
		}
		write := !agents || o.Name == replyObject
		objects = append(objects, group("objectPermissions", el("allowCreate", flag(write)), el("allowDelete", flag(!agents && own)), el("allowEdit", flag(write)), el("allowRead", "true"),
			el("modifyAllRecords", "false"), el("object", vendor(o.Name)), el("viewAllRecords", flag(!agents && own))))
	}
	for _, name := range []string{"Account", "Contact"} { // cases and contacts depend on being let to read these
		if !agents && !slices.ContainsFunc(need, func(o crm.Object) bool { return o.Name == name }) {
			objects = append(objects, group("objectPermissions", el("allowCreate", "false"), el("allowDelete", "false"), el("allowEdit", "false"), el("allowRead", "true"),
				el("modifyAllRecords", "false"), el("object", name), el("viewAllRecords", "false")))
		}
	}
	kids = append(append(kids, fields...), objects...)
	if !agents {
		for _, p := range []string{"ApiEnabled", "ViewRoles", "ViewSetup"} {
			kids = append(kids, group("userPermissions", el("enabled", "true"), el("name", p)))
		}
	}
	// the schema wants the elements in the order of their names
	slices.SortStableFunc(kids, func(a, b element) int { return strings.Compare(a.name, b.name) })
	return component{kind: "PermissionSet", name: name, kids: kids}
}

// theirs names the fields that people fill, and those that they may correct.
func theirs(name string) bool {
	return slices.Contains([]string{"rapport_reply", "rapport_reply_state", "rapport_reply_visibility", "rapport_accepted", "rapport_objected", "rapport_department", "rapport_priority"}, name)
}
