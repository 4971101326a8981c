package salesforce

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/rest"
)

// permissionSet is the integration user's: without it nobody sees the fields that setup makes.
const permissionSet = "Rapport"

// todo is a step with the component that it makes.
type todo struct {
	step crm.Step
	part component
}

// admin is a client with the administrator's token.
func (f *Salesforce) admin(ctx context.Context, a crm.Account) (client, error) {
	if s := a.Secrets["admin"]; !s.Empty() {
		a.Name += " (admin)"
		a.Secrets = map[string]flow.Secret{"token": s, "admin": s}
	}
	return f.open(ctx, a)
}

// plan compares what is needed with what is there. c is the administrator's client, user the integration user's.
func (c client) plan(ctx context.Context, user client, need []crm.Object) ([]todo, error) {
	var list []todo
	need = c.whole(need)
	hidden := 0
	for _, o := range need {
		there, err := c.learn(ctx, o.Name)
		if fault.Is(err, fault.NotFound) && isOurs(o.Name) {
			list = append(list, todo{crm.Step{What: "object", Name: o.Name, Why: objectWhy(o.Name)}, objectOf(o)})
			err = nil
		}
		if err != nil {
			return nil, err
		}
		seen := there
		if user.s != c.s {
			if seen, err = user.learn(ctx, o.Name); err != nil && !fault.Is(err, fault.NotFound) {
				return nil, err
			}
		}
		for _, f := range o.Fields {
			list = append(list, compare(o.Name, f, there.field(vendor(f.Name))))
			if at := seen.field(vendor(f.Name)); at == nil || !at.Updateable && !f.ReadOnly {
				hidden++
			}
		}
	}
	step := crm.Step{What: "permission set", Name: permissionSet, Why: "shows the integration user what Rapport writes", Done: hidden == 0}
	return append(list, todo{step, permissions(permissionSet, "Rapport", need, false)}), nil
}

func objectWhy(name string) string {
	if name == replyObject {
		return "agents write answers in it"
	}
	return "holds what was said"
}

// compare is the step for one field: it is made, gets the choices it lacks, or cannot be used as it is.
func compare(object string, f crm.Field, have *column) todo {
	t := todo{crm.Step{What: "field", Name: object + "." + f.Name, Why: "Rapport writes it"}, fieldOf(object, f)}
	if have == nil {
		return t
	}
	is := have.field()
	alike := is.Type == f.Type || f.Type == "" && is.Type == "text" || f.Type == "integer" && is.Type == "number" || f.Type == "html" && is.Type == "longtext" || f.Type == "formula"
	switch {
	case !alike:
		t.step.Error = fault.New(fault.Conflict, "field %s of %s is there as %s, %s is needed: rename or remove it", vendor(f.Name), object, is.Type, f.Type)
	case f.Unique && (!is.Unique || !have.Caseful):
		t.step.Error = fault.New(fault.Conflict, "field %s of %s is there, and not a unique external id that tells upper from lower case: change it in Salesforce, or set key_field", vendor(f.Name), object)
	default:
		t.step.Done = !slices.ContainsFunc(f.Choices, func(c crm.Choice) bool {
			return !slices.ContainsFunc(is.Choices, func(h crm.Choice) bool { return h.Value == c.Value })
		})
		if !t.step.Done {
			t.step.Why = "choices are missing"
			for _, h := range is.Choices { // what others added stays
				if !slices.ContainsFunc(f.Choices, func(c crm.Choice) bool { return c.Value == h.Value }) {
					f.Choices = append(slices.Clone(f.Choices), h)
				}
			}
			t.part = fieldOf(object, f)
		}
	}
	return t
}

// Plan lists what setup would make, then the rules of the org that will act on what Rapport writes, and the storage it takes.
func (f *Salesforce) Plan(ctx context.Context, a crm.Account, need []crm.Object) ([]crm.Step, error) {
	c, user, err := f.both(ctx, a)
	if err != nil {
		return nil, err
	}
	list, err := c.plan(ctx, user, need)
	if err != nil {
		return nil, err
	}
	return append(steps(list), c.surroundings(ctx, need)...), nil
}

func (f *Salesforce) both(ctx context.Context, a crm.Account) (c, user client, err error) {
	if c, err = f.admin(ctx, a); err != nil {
		return c, c, err
	}
	user, err = f.open(ctx, a)
	return c, user, err
}

// Apply makes what is missing: objects, then fields, then the permission set, which it gives to the integration user. A step
// that fails does not keep the others back; it carries its error.
func (f *Salesforce) Apply(ctx context.Context, a crm.Account, need []crm.Object) ([]crm.Step, error) {
	c, user, err := f.both(ctx, a)
	if err != nil {
		return nil, err
	}
	list, err := c.plan(ctx, user, need)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{"CustomObject", "CustomField", "PermissionSet"} {
		var open []int
		for i, t := range list {
			if t.part.kind == kind && !t.step.Done && t.step.Error == nil {
				open = append(open, i)
			}
		}
		for some := range slices.Chunk(open, 10) { // as many as a call takes
			if err := c.make(ctx, list, some); err != nil {
				return steps(list), err
			}
		}
	}
	if last := &list[len(list)-1].step; last.Error == nil {
		err := c.assign(ctx, user)
		if last.Done, last.Error = err == nil, err; ctx.Err() != nil {
			return steps(list), err
		}
	}
	for _, one := range []client{c, user} {
		one.s.mu.Lock()
		one.s.described = map[string]description{}
		one.s.mu.Unlock()
	}
	return append(steps(list), c.surroundings(ctx, need)...), nil
}

// make creates or changes components of one kind and notes in their steps what became of them.
func (c client) make(ctx context.Context, list []todo, some []int) error {
	var body strings.Builder
	for _, i := range some {
		list[i].part.soap(&body)
	}
	var out struct {
		Results []struct {
			Success bool `xml:"success"`
			Errors  []struct {
				Message string `xml:"message"`
			} `xml:"errors"`
		} `xml:"Body>upsertMetadataResponse>result"`
	}
	err := c.soap(ctx, "upsertMetadata", body.String(), &out)
	if err == nil && len(out.Results) != len(some) {
		err = fault.New(fault.Ambiguous, "Salesforce answered %d results for %d components", len(out.Results), len(some))
	}
	for n, i := range some {
		switch {
		case err != nil:
			list[i].step.Error = err
		case out.Results[n].Success:
			list[i].step.Done = true
		default:
			why := "without a reason"
			if len(out.Results[n].Errors) > 0 {
				why = rest.Snippet([]byte(out.Results[n].Errors[0].Message))
			}
			list[i].step.Error = fault.New(fault.Invalid, "Salesforce refused %s: %s", list[i].part.name, why)
		}
	}
	return ctx.Err()
}

// soap writes a component as the Metadata API takes it.
func (c component) soap(b *strings.Builder) {
	var in bytes.Buffer
	el("fullName", c.name).write(&in, "")
	for _, k := range c.kids {
		if k.name != "fullName" {
			k.write(&in, "")
		}
	}
	b.WriteString(`<metadata xsi:type="` + c.kind + `">` + in.String() + `</metadata>`)
}

// soap makes a call of the Metadata API, which answers at once.
func (c client) soap(ctx context.Context, verb, inner string, out any) error {
	var token bytes.Buffer
	_ = xml.EscapeText(&token, []byte(c.s.token)) // a buffer takes all
	body := `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<soapenv:Header><SessionHeader><sessionId>` + token.String() + `</sessionId></SessionHeader></soapenv:Header><soapenv:Body><` + verb + `>` + inner + `</` + verb + `></soapenv:Body></soapenv:Envelope>`
	resp, err := c.a.Do(ctx, rest.Request{Method: http.MethodPost, URL: "/services/Soap/m/" + c.version, Body: []byte(body), Header: http.Header{"Content-Type": {"text/xml; charset=UTF-8"}, "SOAPAction": {`""`}}})
	if err != nil {
		return err
	}
	var refusal struct {
		Code string `xml:"Body>Fault>faultcode"`
		Text string `xml:"Body>Fault>faultstring"`
	}
	switch {
	case resp.Status == 500 && xml.Unmarshal(resp.Body, &refusal) == nil && refusal.Code != "":
		if strings.HasSuffix(refusal.Code, "INVALID_SESSION_ID") {
			c.slot.drop(ctx, c.s)
		}
		return fault.New(fault.Unauthorized, "Salesforce forbids changes of its setup: %s", rest.Snippet([]byte(refusal.Text)))
	case resp.Status/100 != 2:
		return c.refused(ctx, resp, 1)
	}
	if err := xml.Unmarshal(resp.Body, out); err != nil {
		return fault.New(fault.Ambiguous, "Salesforce's answer to %s cannot be read: %w", verb, err)
	}
	return nil
}

// assign gives the permission set to the integration user.
func (c client) assign(ctx context.Context, user client) error {
	self, err := user.self(ctx)
	if err != nil {
		return err
	}
	given, err := c.query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = "+quote(self)+" AND PermissionSet.Name = "+quote(permissionSet), false)
	if err != nil || len(given) > 0 {
		return err
	}
	sets, err := c.query(ctx, "SELECT Id FROM PermissionSet WHERE Name = "+quote(permissionSet), false)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		return fault.New(fault.NotFound, "there is no permission set %s to give to the integration user", permissionSet)
	}
	return c.call(ctx, http.MethodPost, c.at("sobjects", "PermissionSetAssignment"), nil, map[string]string{"AssigneeId": self, "PermissionSetId": sets[0].text("Id")}, nil, 1)
}

func steps(list []todo) []crm.Step {
	out := make([]crm.Step, len(list))
	for i, t := range list {
		out[i] = t.step
	}
	return out
}

// surroundings lists what in the org acts on records that Rapport writes, where it may be seen, and what they will take of
// the storage. Nothing of it is made or changed.
func (c client) surroundings(ctx context.Context, need []crm.Object) []crm.Step {
	var names, labels []string
	for _, o := range need {
		names = append(names, vendor(o.Name))
		if d, err := c.describe(ctx, o.Name); err == nil { // else it is not made yet, and nothing acts on it
			labels = append(labels, d.Label)
		}
	}
	in := strings.Join(slices.Collect(quoted(names)), ",")
	var out []crm.Step
	look := func(what, name, object, path, soql, why string) {
		rows, err := c.pages(ctx, path+"?q="+escape(soql))
		if err != nil {
			out = append(out, crm.Step{What: what, Name: "unknown", Why: "cannot be read: " + rest.Snippet([]byte(err.Error())), Done: true})
			return
		}
		for _, r := range rows {
			if object == "" || slices.ContainsFunc(append(labels, names...), func(n string) bool { return strings.EqualFold(n, r.text(object)) }) {
				out = append(out, crm.Step{What: what, Name: strings.Trim(r.text(object)+"."+r.text(name), "."), Why: why, Done: true})
			}
		}
	}
	look("flow", "Label", "TriggerObjectOrEventLabel", c.at("query"), "SELECT Label, TriggerObjectOrEventLabel FROM FlowDefinitionView WHERE IsActive = true", "runs on records that Rapport writes")
	look("trigger", "Name", "TableEnumOrId", c.at("query"), "SELECT Name, TableEnumOrId FROM ApexTrigger WHERE Status = 'Active'", "runs on records that Rapport writes")
	look("assignment rule", "Name", "SobjectType", c.at("query"), "SELECT Name, SobjectType FROM AssignmentRule WHERE Active = true", "kept from Rapport's records, unless the mapping puts \"rules\" into OwnerId")
	look("duplicate rule", "DeveloperName", "SobjectType", c.at("query"), "SELECT DeveloperName, SobjectType FROM DuplicateRule WHERE IsActive = true AND SobjectType IN ("+in+")", "warnings are passed over, blocks are not")
	look("validation rule", "ValidationName", "EntityDefinition.QualifiedApiName", c.at("tooling", "query"), "SELECT ValidationName, EntityDefinition.QualifiedApiName FROM ValidationRule WHERE Active = true AND EntityDefinition.QualifiedApiName IN ("+in+")", "may refuse records of Rapport")
	out = append(out, c.autoResponses(ctx, names)...)
	return append(out, crm.Step{What: "storage", Name: "forecast", Why: c.storage(ctx), Done: true})
}

// autoResponses reads the auto-response rules, which only the Metadata API tells.
func (c client) autoResponses(ctx context.Context, names []string) (out []crm.Step) {
	for _, object := range []string{"Case", "Lead"} {
		if !slices.Contains(names, object) {
			continue
		}
		var answer struct {
			Rules []struct {
				Name   string `xml:"fullName"`
				Active bool   `xml:"active"`
			} `xml:"Body>readMetadataResponse>result>records>autoResponseRule"`
		}
		if err := c.soap(ctx, "readMetadata", "<type>AutoResponseRules</type><fullNames>"+object+"</fullNames>", &answer); err != nil {
			out = append(out, crm.Step{What: "auto-response rule", Name: "unknown", Why: "cannot be read: " + rest.Snippet([]byte(err.Error())), Done: true})
			continue
		}
		for _, r := range answer.Rules {
			if r.Active {
				out = append(out, crm.Step{What: "auto-response rule", Name: object + "." + r.Name, Why: "would write to people by e-mail, where a record of Rapport carries their address", Done: true})
			}
		}
	}
	return out
}

// recordKB is the storage that a record counts for, in KB, however small it is.
const recordKB = 2

// storage says what Rapport's records take, and when the org would be full at the pace of the last thirty days.
func (c client) storage(ctx context.Context) string {
	var limits map[string]struct{ Max, Remaining int }
	if err := c.call(ctx, http.MethodGet, c.at("limits"), nil, nil, &limits, 1); err != nil {
		return fmt.Sprintf("each record counts %d KB; how much is left cannot be read: %s", recordKB, rest.Snippet([]byte(err.Error())))
	}
	room := limits["DataStorageMB"]
	left := room.Remaining * 1024 / recordKB
	text := fmt.Sprintf("each record counts %d KB; %d of %d MB are free, room for %d records", recordKB, room.Remaining, room.Max, left)
	month, total := 0, 0
	for _, object := range []string{"rapport_mention", "Case"} {
		where := ""
		if object == "Case" {
			where = " AND " + c.key() + " != null"
		}
		all, err := c.count(ctx, object, strings.Replace(where, " AND ", " WHERE ", 1))
		if err != nil {
			continue // not made yet
		}
		n, err := c.count(ctx, object, " WHERE CreatedDate >= LAST_N_DAYS:30"+where)
		if err == nil {
			month, total = month+n, total+all
		}
	}
	if month == 0 {
		return text + "; 1,000 mentions a day would take 2 MB of it daily"
	}
	return fmt.Sprintf("%s; Rapport has %d records, %d of the last 30 days: at that pace it is full in %s", text, total, month, span(left*30/month))
}

// span says a number of days as people do.
func span(days int) string {
	switch years := days / 365; {
	case years > 100:
		return "more than 100 years"
	case years > 2:
		return fmt.Sprintf("%d years", years)
	}
	return fmt.Sprintf("%d days", days)
}
