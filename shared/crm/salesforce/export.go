package salesforce

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/fault"
)

// root is where a source project keeps what it deploys.
const root = "force-app/main/default/"

// Export gives a source project for the Salesforce CLI: objects, fields, permission sets, layouts, list views, a report
// type and reports, and a page on how to deploy it.
func (f *Salesforce) Export(a crm.Account, need []crm.Object) (map[string][]byte, error) {
	c := client{a: a, version: a.Text("version"), keyField: a.Text("key_field")}
	if c.version == "" {
		c.version = defaultVersion
	}
	if c.keyField == "" {
		c.keyField = defaultKeyField
	}
	need = c.whole(need)
	project, err := json.MarshalIndent(map[string]any{"name": "rapport", "namespace": "", "sourceApiVersion": c.version,
		"packageDirectories": []any{map[string]any{"path": "force-app", "default": true}}}, "", "  ")
	if err != nil {
		return nil, fault.New(fault.Invalid, "the project cannot be written: %w", err)
	}
	files := map[string][]byte{"sfdx-project.json": append(project, '\n'), "README.md": []byte(guide)}
	members := map[string][]string{}
	put := func(path string, part component) {
		files[root+path] = part.file()
		members[part.kind] = append(members[part.kind], part.name)
	}
	for _, o := range need {
		dir := "objects/" + vendor(o.Name) + "/"
		if isOurs(o.Name) {
			put(dir+vendor(o.Name)+".object-meta.xml", objectOf(o))
		}
		for _, one := range o.Fields {
			put(dir+"fields/"+vendor(one.Name)+".field-meta.xml", fieldOf(o.Name, one))
		}
		for _, v := range views(o) {
			put(dir+"listViews/"+v.kids[len(v.kids)-2].text+".listView-meta.xml", v)
		}
		if part, ok := layout(o, need); ok {
			put("layouts/"+part.name+".layout-meta.xml", part)
		}
	}
	put("permissionsets/"+permissionSet+".permissionset-meta.xml", permissions(permissionSet, "Rapport", need, false))
	put("permissionsets/"+permissionSet+"_Agent.permissionset-meta.xml", permissions(permissionSet+"_Agent", "Rapport agent", need, true))
	for _, part := range reports(need) {
		switch part.kind {
		case "ReportType":
			put("reportTypes/"+part.name+".reportType-meta.xml", part)
		case "ReportFolder":
			files[root+"reports/Rapport.reportFolder-meta.xml"] = part.file()
			members["Report"] = append(members["Report"], "Rapport")
		default:
			put("reports/"+part.name+".report-meta.xml", part)
		}
	}
	files["manifest/package.xml"] = manifest(members, c.version)
	return files, nil
}

// manifest lists what the project deploys.
func manifest(members map[string][]string, version string) []byte {
	part := component{kind: "Package"}
	var kinds []string
	for kind := range members {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		types := element{name: "types"}
		slices.Sort(members[kind])
		for _, m := range members[kind] {
			types.kids = append(types.kids, el("members", m))
		}
		types.kids = append(types.kids, el("name", kind))
		part.kids = append(part.kids, types)
	}
	part.kids = append(part.kids, el("version", version))
	return part.file()
}

// has gives those of the names that an object has fields of, as Salesforce writes them.
func has(o crm.Object, names ...string) []string {
	var out []string
	for _, n := range names {
		if slices.ContainsFunc(o.Fields, func(f crm.Field) bool { return f.Name == n }) {
			out = append(out, vendor(n))
		}
	}
	return out
}

// views are the list views of an object: mentions by score, cases by the time an answer is owed, answers by state. A list
// view cannot say how it is sorted, so the column to sort by comes first.
func views(o crm.Object) []component {
	view := func(name, label string, filter []element, columns ...string) component {
		kids := []element{}
		for _, c := range columns {
			kids = append(kids, el("columns", c))
		}
		kids = append(append(kids, el("filterScope", "Everything")), filter...)
		return component{kind: "ListView", name: vendor(o.Name) + "." + name, kids: append(kids, el("fullName", name), el("label", label))}
	}
	filter := func(field, operation, value string) element {
		return group("filters", el("field", field), el("operation", operation), el("value", value))
	}
	switch {
	case o.Name == "rapport_mention" && len(has(o, "rapport_score")) > 0:
		columns := append(has(o, "rapport_score"), "NAME")
		columns = append(columns, has(o, "rapport_title", "rapport_author_name", "rapport_network", "rapport_sentiment", "rapport_severity", "rapport_department", "rapport_posted_at")...)
		return []component{view("Rapport_by_score", "Rapport: by score", []element{filter("rapport_score__c", "greaterThan", "0")}, columns...)}
	case o.Name == "Case" && len(has(o, "rapport_due")) > 0:
		columns := append(has(o, "rapport_due"), "CASES.CASE_NUMBER", "CASES.SUBJECT", "CASES.STATUS")
		columns = append(columns, has(o, "rapport_priority", "rapport_severity", "rapport_department", "rapport_author_handle", "rapport_network")...)
		return []component{view("Rapport_by_due_time", "Rapport: by due time", []element{filter("CASES.CLOSED", "equals", "0"), filter("rapport_due__c", "notEqual", "")}, columns...)}
	case o.Name == replyObject:
		return []component{view("Rapport_answers", "Rapport: answers", nil, "NAME", "rapport_case_link__c", "rapport_state__c", "rapport_outcome__c", "CREATED_DATE")}
	}
	return nil
}

// layout is the page of an object of ours, or a page for cases beside the customer's own.
func layout(o crm.Object, need []crm.Object) (component, bool) {
	item := func(behavior, field string) element {
		return group("layoutItems", el("behavior", behavior), el("field", field))
	}
	section := func(label string, left, right []element) element {
		l, r := element{name: "layoutColumns", kids: left}, element{name: "layoutColumns", kids: right}
		return group("layoutSections", el("customLabel", "true"), el("detailHeading", "true"), el("editHeading", "true"), el("label", label), l, r, el("style", "TwoColumnsTopToBottom"))
	}
	var left, right []element
	for i, f := range o.Fields {
		behavior := "Readonly"
		if !f.ReadOnly && (theirs(f.Name) || o.Name == replyObject) {
			behavior = "Edit"
		}
		if f.Unique {
			continue // our key says nothing to people
		}
		if i%2 == 0 {
			left = append(left, item(behavior, vendor(f.Name)))
		} else {
			right = append(right, item(behavior, vendor(f.Name)))
		}
	}
	var kids []element
	switch {
	case isOurs(o.Name):
		kids = []element{section("Rapport", append([]element{item("Readonly", "Name")}, left...), right)}
	case o.Name == "Case":
		kids = []element{section("Case", []element{item("Required", "Status"), item("Edit", "Priority"), item("Edit", "ContactId")}, []element{item("Edit", "OwnerId"), item("Edit", "Origin")}),
			section("Words", []element{item("Edit", "Subject"), item("Edit", "Description")}, []element{}), section("Rapport", left, right)}
		kids = append(kids, related(o, need)...)
	default:
		return component{}, false // pages of persons stay the customer's: the guide says what to add
	}
	return component{kind: "Layout", name: vendor(o.Name) + "-" + pageName(o), kids: kids}, true
}

func pageName(o crm.Object) string {
	if isOurs(o.Name) {
		return singular(o) + " Layout"
	}
	return "Rapport " + o.Name + " Layout"
}

// related are the lists of what refers to an object.
func related(to crm.Object, need []crm.Object) []element {
	var out []element
	for _, o := range need {
		if o.Name == to.Name || !slices.ContainsFunc(o.Fields, func(f crm.Field) bool { return f.Type == "reference" && slices.Contains(f.Refers, to.Name) }) {
			continue
		}
		list := element{name: "relatedLists", kids: []element{el("fields", "NAME")}}
		for _, name := range has(o, "rapport_title", "rapport_score", "rapport_posted_at", "rapport_state", "rapport_outcome") {
			list.kids = append(list.kids, el("fields", name))
		}
		list.kids = append(list.kids, el("relatedList", vendor(o.Name)+"."+lookup(to.Name)))
		out = append(out, list)
	}
	return out
}

// reports are a report type over mentions, and two reports in a folder.
func reports(need []crm.Object) []component {
	at := func(name string) (crm.Object, bool) {
		i := slices.IndexFunc(need, func(o crm.Object) bool { return o.Name == name })
		if i < 0 {
			return crm.Object{}, false
		}
		return need[i], true
	}
	list := []component{{kind: "ReportFolder", name: "Rapport", kids: []element{el("accessType", "Public"), el("name", "Rapport"), el("publicFolderAccess", "ReadOnly")}}}
	report := func(name, label, kind, sort, order, date string, filters []element, columns ...string) component {
		var kids []element
		for _, c := range columns {
			kids = append(kids, group("columns", el("field", c)))
		}
		if filters != nil {
			kids = append(kids, group("filter", filters...))
		}
		kids = append(kids, el("format", "Tabular"), el("name", label), el("reportType", kind), el("scope", "organization"), el("showDetails", "true"), el("showGrandTotal", "true"),
			el("sortColumn", sort), el("sortOrder", order), group("timeFrameFilter", el("dateColumn", date), el("interval", "INTERVAL_LAST30")))
		return component{kind: "Report", name: "Rapport/" + name, kids: kids}
	}
	if o, ok := at("rapport_mention"); ok {
		sect := element{name: "sections"}
		for _, f := range o.Fields {
			if f.Type != "reference" {
				sect.kids = append(sect.kids, group("columns", el("checkedByDefault", fmt.Sprint(f.Name == "rapport_score" || f.Name == "rapport_title")), el("field", vendor(f.Name)), el("table", vendor(o.Name))))
			}
		}
		sect.kids = append(sect.kids, group("columns", el("checkedByDefault", "true"), el("field", "CreatedDate"), el("table", vendor(o.Name))), el("masterLabel", "Mentions"))
		list = append(list, component{kind: "ReportType", name: "Rapport_Mentions", kids: []element{el("baseObject", vendor(o.Name)), el("category", "other"), el("deployed", "true"), el("description", "What was said, with its scores."), el("label", "Rapport mentions"), sect}})
		if len(has(o, "rapport_score")) > 0 {
			var columns []string
			for _, name := range has(o, "rapport_title", "rapport_author_name", "rapport_score", "rapport_network", "rapport_sentiment", "rapport_department") {
				columns = append(columns, vendor(o.Name)+"$"+name)
			}
			list = append(list, report("Rapport_mentions_by_score", "Mentions by score", "Rapport_Mentions__c", vendor(o.Name)+"$rapport_score__c", "Desc", vendor(o.Name)+"$CreatedDate", nil, columns...))
		}
	}
	if o, ok := at("Case"); ok && len(has(o, "rapport_due")) > 0 {
		columns := []string{"CASE_NUMBER", "SUBJECT", "STATUS", "OWNER"}
		for _, name := range has(o, "rapport_due", "rapport_answered_at", "rapport_priority", "rapport_department") {
			columns = append(columns, "Case."+name)
		}
		open := group("criteriaItems", el("column", "CLOSED"), el("columnToColumn", "false"), el("isUnlocked", "true"), el("operator", "equals"), el("value", "False"))
		list = append(list, report("Rapport_cases_by_due_time", "Open cases by due time", "CaseList", "Case.rapport_due__c", "Asc", "CREATED_DATEONLY", []element{open}, columns...))
	}
	return list
}

const guideEvents = `
## Changes within seconds

Rapport reads what people changed every two minutes. To hear of it within seconds, let Salesforce push change events:

1. Setup, Change Data Capture: select Case, and Contact, Lead or Account.
2. Make an event channel with these objects, and an Event Relay from it to Amazon EventBridge (PlatformEventChannel,
   PlatformEventChannelMember, NamedCredential, EventRelayConfig; the account number and region are yours).
3. In AWS, associate the partner event source with an event bus. Make a connection with an API key named x-rapport-secret, an
   API destination with the address of Rapport's hook, and a rule that sends all events of the bus to it, with a dead-letter
   queue.
4. In rapport.yaml give the account a hook of kind salesforce with the same secret, and the integration user's id as user_id.

Polling goes on beside it: it finds what was merged, what answers were written, and what the relay lost.
`

var guide = strings.TrimSpace(`
# Rapport in Salesforce

A source project: objects, fields, permission sets, layouts, list views, a report type and reports. It changes nothing that
is there: no page, profile or rule of yours.

    sf project deploy start --manifest manifest/package.xml --target-org YOURS --dry-run
    sf project deploy start --manifest manifest/package.xml --target-org YOURS
    sf org assign permset --name Rapport --on-behalf-of INTEGRATION_USER --target-org YOURS
    sf org assign permset --name Rapport_Agent --on-behalf-of AGENT --target-org YOURS

Fields without the permission set are seen by nobody, Rapport included.

- The permission set lets Rapport change fields, not see every record: where cases or contacts are private, share them with
  the integration user. A contact without an account is private always.
- Give the layout "Rapport Case Layout" to the agents' profiles, or add the section Rapport and the related lists of
  mentions and answers to your own.
- Add the related list of mentions to the pages of contacts (or person accounts) where you want them.
- A list view cannot carry its order: click the first column once (score, due time); Salesforce remembers it for each person.
- Agents answer in a record of "Rapport reply" of the case, or in the fields Rapport reply of the case itself: text,
  visibility, and the state approved sends it. Nothing else goes out: no comment, note, post, e-mail or other field.
`) + "\n" + guideEvents
