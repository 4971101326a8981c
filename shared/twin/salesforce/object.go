package salesforce

import (
	"fmt"
	"net/mail"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf16"
)

// field is one column of an object.
type field struct {
	name, label string
	kind        string // as describe says: string, textarea, double, boolean, date, datetime, picklist, email, phone, url, reference, id
	length      int
	external    bool
	unique      bool
	caseful     bool // upper and lower case differ
	custom      bool
	required    bool
	readOnly    bool
	hidden      bool // no permission set shows it yet
	values      []string
	refers      string
	relation    string // name by which queries walk on
}

type object struct {
	name, label, prefix string
	custom              bool
	fields              map[string]*field // by lower-case name
	order               []string
}

// row is a record. Values are texts, numbers, flags or nil.
type row struct {
	id      string
	object  *object
	fields  map[string]any
	deleted bool
}

// short is the part of an id that counts.
func short(id string) string { return id[:min(15, len(id))] }

// long adds the three characters by which an id survives programs that ignore case.
func long(id string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	out := id
	for i := 0; i < 15; i += 5 {
		n := 0
		for k := range 5 {
			if c := id[i+k]; c >= 'A' && c <= 'Z' {
				n |= 1 << k
			}
		}
		out += string(letters[n])
	}
	return out
}

func (g *Org) object(name string) (*object, *problem) {
	if o := g.objects[strings.ToLower(name)]; o != nil {
		return o, nil
	}
	return nil, refuse(404, "NOT_FOUND", "The requested resource does not exist")
}

// field finds a column that the caller may see.
func (o *object) field(name string, admin bool) *field {
	f := o.fields[strings.ToLower(name)]
	if f == nil || f.hidden && !admin {
		return nil
	}
	return f
}

func (o *object) define(f field) {
	if f.label == "" {
		f.label = f.name
	}
	if f.length == 0 && f.kind == "string" {
		f.length = 255
	}
	if o.fields[strings.ToLower(f.name)] == nil {
		o.order = append(o.order, f.name)
	}
	o.fields[strings.ToLower(f.name)] = &f
}

func (g *Org) make(name, label, prefix string, fields ...field) *object {
	o := &object{name: name, label: label, prefix: prefix, custom: strings.HasSuffix(name, "__c"), fields: map[string]*field{}}
	for _, f := range []field{{name: "Id", kind: "id"}, {name: "IsDeleted", kind: "boolean"}, {name: "CreatedDate", kind: "datetime"}, {name: "CreatedById", kind: "reference"},
		{name: "LastModifiedDate", kind: "datetime"}, {name: "LastModifiedById", kind: "reference"}, {name: "SystemModstamp", kind: "datetime"}} {
		f.readOnly = true
		o.define(f)
	}
	for _, f := range fields {
		o.define(f)
	}
	if g.objects[strings.ToLower(name)] == nil {
		g.names = append(g.names, name)
	}
	g.objects[strings.ToLower(name)] = o
	return o
}

// standard makes what every org has.
func (g *Org) standard() {
	text := func(name string, length int) field { return field{name: name, kind: "string", length: length} }
	owner := field{name: "OwnerId", kind: "reference", refers: "User,Group", relation: "Owner"}
	read := func(f field) field { f.readOnly = true; return f }
	master := func(of string) field {
		return read(field{name: "MasterRecordId", kind: "reference", refers: of, relation: "MasterRecord"})
	}
	flags := func(names ...string) (list []field) {
		for _, n := range names {
			list = append(list, field{name: n, kind: "boolean"})
		}
		return list
	}
	g.make("User", "User", "005", text("Name", 121), text("Username", 80), field{name: "Email", kind: "email"}, flags("IsActive")[0])
	g.make("Group", "Group", "00G", text("Name", 40), text("DeveloperName", 80), text("Type", 40), field{name: "Email", kind: "email"})
	g.make("RecordType", "Record Type", "012", text("SobjectType", 40), text("DeveloperName", 80), flags("IsActive")[0], flags("IsPersonType")[0])
	g.make("PermissionSet", "Permission Set", "0PS", text("Name", 80), text("Label", 80))
	g.make("PermissionSetAssignment", "Permission Set Assignment", "0Pa", field{name: "AssigneeId", kind: "reference"}, field{name: "PermissionSetId", kind: "reference", relation: "PermissionSet", refers: "PermissionSet"})
	g.make("ValidationRule", "Validation Rule", "03d", text("ValidationName", 80), text("EntityDefinition.QualifiedApiName", 80), flags("Active")[0])
	g.make("FlowDefinitionView", "Flow", "3dd", text("ApiName", 80), text("Label", 80), text("TriggerObjectOrEventLabel", 80), flags("IsActive")[0])
	g.make("DuplicateRule", "Duplicate Rule", "0Bm", text("DeveloperName", 80), text("SobjectType", 40), flags("IsActive")[0])
	g.make("AssignmentRule", "Assignment Rule", "01Q", text("Name", 80), text("SobjectType", 40), flags("Active")[0])
	g.make("ApexTrigger", "Apex Trigger", "01q", text("Name", 80), text("TableEnumOrId", 40), text("Status", 40))
	g.make("CaseStatus", "Case Status", "01J", text("ApiName", 80), text("MasterLabel", 80), field{name: "SortOrder", kind: "int"}, flags("IsDefault")[0], flags("IsClosed")[0])
	g.make("Individual", "Individual", "0PK", append(flags("HasOptedOutProcessing", "HasOptedOutProfiling", "HasOptedOutSolicit", "ShouldForget"), field{name: "LastName", kind: "string", length: 80, required: true})...)
	person := func() []field {
		return append(flags("HasOptedOutOfEmail", "DoNotCall"), field{name: "LastName", kind: "string", length: 80, required: true}, text("FirstName", 40), field{name: "Email", kind: "email", length: 80},
			field{name: "Phone", kind: "phone", length: 40}, field{name: "MobilePhone", kind: "phone", length: 40}, field{name: "IndividualId", kind: "reference", refers: "Individual", relation: "Individual"}, owner)
	}
	account := []field{{name: "Name", kind: "string", length: 255, required: true}, {name: "Phone", kind: "phone", length: 40}, owner, master("Account")}
	if g.o.PersonAccounts {
		account = append(account[1:], field{name: "LastName", kind: "string", length: 80, required: true}, text("FirstName", 40), field{name: "PersonEmail", kind: "email", length: 80}, field{name: "PersonMobilePhone", kind: "phone", length: 40},
			field{name: "PersonHasOptedOutOfEmail", kind: "boolean"}, field{name: "PersonDoNotCall", kind: "boolean"}, field{name: "RecordTypeId", kind: "reference", refers: "RecordType"}, read(flags("IsPersonAccount")[0]))
	}
	g.make("Account", "Account", "001", account...)
	g.make("Contact", "Contact", "003", append(person(), master("Contact"), field{name: "AccountId", kind: "reference", refers: "Account", relation: "Account"})...)
	g.make("Lead", "Lead", "00Q", append(person(), master("Lead"), field{name: "Company", kind: "string", length: 255, required: true}, field{name: "Status", kind: "picklist", values: []string{"Open", "Working", "Closed - Converted"}},
		read(flags("IsConverted")[0]), read(field{name: "ConvertedContactId", kind: "reference"}), read(field{name: "ConvertedAccountId", kind: "reference"}))...)
	g.make("Case", "Case", "500", text("Subject", 255), field{name: "Description", kind: "textarea", length: 32000}, field{name: "Status", kind: "picklist", values: []string{"New", "Working", "Escalated", "Closed"}},
		field{name: "Priority", kind: "picklist", values: []string{"High", "Medium", "Low"}}, field{name: "Origin", kind: "picklist", values: []string{"Phone", "Email", "Web"}}, read(flags("IsClosed")[0]), read(field{name: "ClosedDate", kind: "datetime"}),
		field{name: "ContactId", kind: "reference", refers: "Contact", relation: "Contact"}, owner, master("Case"))
	for _, name := range []string{"CaseComment", "FeedItem", "EmailMessage"} { // what agents write for each other
		parent := map[string]string{"CaseComment": "Case", "FeedItem": "Case,Contact", "EmailMessage": "Case"}[name]
		g.make(name, name, map[string]string{"CaseComment": "00a", "FeedItem": "0D5", "EmailMessage": "02s"}[name], field{name: "ParentId", kind: "reference", refers: parent, relation: "Parent"}, field{name: "Body", kind: "textarea", length: 10000})
	}
	g.seed(Integration, "User", map[string]any{"Name": "Rapport", "Username": g.o.Username, "Email": "rapport@nordlicht.example", "IsActive": true})
	g.seed(Agent, "User", map[string]any{"Name": "Service desk", "Username": "desk@nordlicht.example", "Email": "desk@nordlicht.example", "IsActive": true})
	for i, status := range []string{"New", "Working", "Escalated", "Closed"} {
		g.seed(fmt.Sprintf("01J00000000000%dAAA", i+1), "CaseStatus", map[string]any{"ApiName": status, "MasterLabel": status, "SortOrder": float64(i + 1), "IsDefault": i == 0, "IsClosed": i == 3})
	}
	if g.o.PersonAccounts {
		g.seed("012000000000001AAA", "RecordType", map[string]any{"SobjectType": "Account", "DeveloperName": "PersonAccount", "IsActive": true, "IsPersonType": true})
	}
}

func (g *Org) seed(id, name string, fields map[string]any) {
	o := g.objects[strings.ToLower(name)]
	x := &row{id: id, object: o, fields: fields}
	for n, v := range map[string]any{"IsDeleted": false, "CreatedById": Agent, "LastModifiedById": Agent, "CreatedDate": g.stamp(), "LastModifiedDate": g.stamp(), "SystemModstamp": g.stamp()} {
		x.fields[n] = v
	}
	g.rows[short(id)], g.order = x, append(g.order, x)
}

func (g *Org) stamp() string { return moment(g.o.Now()) }

// moment is how times are told: in UTC, to the second, with zeros behind.
func moment(t time.Time) string {
	return t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000+0000")
}

func (g *Org) add(o *object, fields map[string]any, by string) *row {
	g.next++
	x := &row{id: long(fmt.Sprintf("%s%012d", o.prefix, g.next)), object: o, fields: map[string]any{}}
	for n, v := range map[string]any{"IsDeleted": false, "CreatedById": by, "CreatedDate": g.stamp()} {
		x.fields[n] = v
	}
	for _, f := range o.fields {
		if f.kind == "boolean" && x.fields[f.name] == nil {
			x.fields[f.name] = false
		}
	}
	if o.field("OwnerId", true) != nil {
		x.fields["OwnerId"] = by
	}
	if o.name == "Case" || o.name == "Lead" {
		x.fields["Status"] = o.field("Status", true).values[0]
	}
	if o.name == "Account" && fields["LastName"] != nil {
		x.fields["IsPersonAccount"] = true
	}
	g.rows[short(x.id)], g.order = x, append(g.order, x)
	g.set(x, fields, by)
	return x
}

func (g *Org) set(x *row, fields map[string]any, by string) {
	for n, v := range fields {
		x.fields[n] = v
	}
	if x.object.name == "Case" {
		closed := x.fields["Status"] == "Closed"
		if closed && x.fields["IsClosed"] != true {
			x.fields["ClosedDate"] = g.stamp()
		} else if !closed {
			x.fields["ClosedDate"] = nil
		}
		x.fields["IsClosed"] = closed
	}
	g.touch(x, by)
}

func (g *Org) touch(x *row, by string) {
	x.fields["LastModifiedById"], x.fields["LastModifiedDate"], x.fields["SystemModstamp"] = by, g.stamp(), g.stamp()
}

// bin puts a record in the bin.
func (g *Org) bin(x *row, by string) {
	x.deleted, x.fields["IsDeleted"] = true, true
	g.touch(x, by)
}

// whole finds what sinks a whole request before anything is written.
func (g *Org) whole(records []map[string]any, external string) *problem {
	for _, rec := range records {
		attributes, _ := rec["attributes"].(map[string]any)
		name, _ := attributes["type"].(string)
		o := g.objects[strings.ToLower(name)]
		if o == nil {
			return refuse(400, "INVALID_TYPE", "sObject type '%s' is not supported.", name)
		}
		if key, _ := rec[external].(string); g.refuse[key] && len(records) > 1 {
			return refuse(400, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support")
		}
		for _, n := range sorted(rec) {
			f := o.field(n, g.admin)
			switch {
			case n == "attributes", n == "id", n == "Id", strings.HasSuffix(n, "__r"):
			case f == nil && g.o.WholeBatch:
				return refuse(400, "INVALID_FIELD", "No such column '%s' on sobject of type %s", n, o.name)
			case f != nil && !fitsJSON(f, rec[n]):
				return refuse(400, "JSON_PARSER_ERROR", "Cannot deserialize instance of %s from VALUE_STRING value %.40v or request may be missing a required field at [line:1, column:1]", f.kind, rec[n])
			}
		}
	}
	return nil
}

// fitsJSON tells whether the parser takes a value for a kind of column.
func fitsJSON(f *field, v any) bool {
	text, isText := v.(string)
	switch {
	case v == nil || v == "":
		return true
	case f.kind == "double":
		_, ok := v.(float64)
		return ok
	case f.kind == "boolean":
		_, ok := v.(bool)
		return ok
	case f.kind == "date":
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	case f.kind == "datetime":
		_, err := time.Parse(time.RFC3339, text)
		return err == nil
	case !isText:
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' })
}

// check turns values into what is stored.
func (g *Org) check(o *object, in map[string]any) (map[string]any, *problem) {
	out := map[string]any{}
	for _, n := range sorted(in) {
		v := in[n]
		if n == "attributes" || n == "id" || n == "Id" {
			continue
		}
		if nested, ok := v.(map[string]any); ok && strings.HasSuffix(n, "__r") {
			f := o.field(strings.TrimSuffix(n, "r")+"c", g.admin)
			if f == nil {
				return nil, refuse(400, "INVALID_FIELD", "No such column '%s' on sobject of type %s", n, o.name)
			}
			id, p := g.foreign(f, nested)
			if p != nil {
				return nil, p
			}
			out[f.name] = id
			continue
		}
		f := o.field(n, g.admin)
		switch {
		case f == nil:
			return nil, refuse(400, "INVALID_FIELD", "No such column '%s' on sobject of type %s", n, o.name)
		case f.readOnly:
			return nil, refuse(400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", n).on(n)
		}
		stored, p := g.store(f, v)
		if p != nil {
			return nil, p
		}
		out[f.name] = stored
	}
	return out, nil
}

// foreign finds the record that a nested external id names.
func (g *Org) foreign(f *field, nested map[string]any) (string, *problem) {
	for _, n := range sorted(nested) {
		if n == "attributes" {
			continue
		}
		for _, x := range g.order {
			if !x.deleted && strings.EqualFold(x.object.name, f.refers) && x.fields[n] == nested[n] {
				return x.id, nil
			}
		}
		return "", refuse(400, "INVALID_FIELD", "Foreign key external ID: %v not found for field %s in entity %s", nested[n], n, f.refers)
	}
	return "", refuse(400, "INVALID_FIELD", "a reference names nothing")
}

func (g *Org) store(f *field, v any) (any, *problem) {
	if text, ok := v.(string); ok {
		text = strings.TrimSpace(text)
		v = text
		switch {
		case text == "":
			return nil, nil
		case f.kind == "datetime":
			t, _ := time.Parse(time.RFC3339, text)
			return moment(t), nil
		case f.length > 0 && len(utf16.Encode([]rune(text))) > f.length:
			return nil, refuse(400, "STRING_TOO_LONG", "%s: data value too large: %.40s (max length=%d)", f.label, text, f.length).on(f.name)
		case f.kind == "picklist" && !slices.Contains(f.values, text):
			return nil, refuse(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "%s: bad value for restricted picklist field: %.40s", f.label, text).on(f.name)
		case f.kind == "email":
			if a, err := mail.ParseAddress(text); err != nil || a.Address != text {
				return nil, refuse(400, "INVALID_EMAIL_ADDRESS", "%s: invalid email address: %.40s", f.label, text).on(f.name)
			}
		case f.kind == "reference":
			x := g.rows[short(text)]
			if len(text) != 15 && len(text) != 18 {
				return nil, refuse(400, "MALFORMED_ID", "%s: id value of incorrect type: %.40s", f.label, text).on(f.name)
			}
			if x == nil || x.deleted {
				return nil, refuse(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on(f.name)
			}
			if f.name == "OwnerId" && x.object.name == "User" && x.fields["IsActive"] != true {
				return nil, refuse(400, "INACTIVE_OWNER_OR_USER", "operation performed with inactive user [%s] as owner of record", x.id).on(f.name)
			}
			return x.id, nil
		}
	}
	if v == nil && f.kind == "boolean" {
		return false, nil
	}
	return v, nil
}

// write creates or updates one record of a collection.
func (g *Org) write(rec map[string]any, external string, assign, allow bool) (string, bool, *problem) {
	attributes, _ := rec["attributes"].(map[string]any)
	o := g.objects[strings.ToLower(fmt.Sprint(attributes["type"]))]
	key, _ := rec[external].(string)
	var x *row
	if external == "" {
		id, _ := rec["id"].(string)
		if x = g.rows[short(id)]; len(id) != 15 && len(id) != 18 {
			return "", false, refuse(400, "MALFORMED_ID", "malformed id %s", id)
		}
		if x == nil || x.object != o {
			return "", false, refuse(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
		}
		if x.deleted {
			return "", false, refuse(400, "ENTITY_IS_DELETED", "entity is deleted")
		}
	} else {
		if key == "" {
			return "", false, refuse(400, "MISSING_ARGUMENT", "%s not specified", external)
		}
		x = g.by(o, external, key)
	}
	if x != nil && x.fields["IsConverted"] == true {
		return "", false, refuse(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
	}
	if lock := g.lockOf(key, x); lock != "" {
		g.locks[lock]--
		return "", false, refuse(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: %s", lock)
	}
	fields, p := g.check(o, rec)
	if p != nil {
		return "", false, p
	}
	if p := g.rules(o, x, fields, allow); p != nil {
		return "", false, p
	}
	created := x == nil
	if created {
		x = g.add(o, fields, g.actor)
	} else {
		g.set(x, fields, g.actor)
	}
	if assign && g.o.AssignTo != "" && (o.name == "Case" || o.name == "Lead") {
		x.fields["OwnerId"] = g.o.AssignTo
	}
	return x.id, created, nil
}

func (g *Org) lockOf(key string, x *row) string {
	if g.locks[key] > 0 {
		return key
	}
	if x != nil && g.locks[x.id] > 0 {
		return x.id
	}
	return ""
}

// rules are what a record must keep: required and unique fields, duplicate rules.
func (g *Org) rules(o *object, x *row, fields map[string]any, allow bool) *problem {
	var lack []string
	for _, n := range o.order {
		f := o.fields[strings.ToLower(n)]
		v, given := fields[f.name]
		if f.required && v == nil && (given || x == nil) {
			lack = append(lack, f.name)
		}
		if f.unique && v != nil {
			if other := g.by(o, f.name, fmt.Sprint(v)); other != nil && other != x {
				return refuse(400, "DUPLICATE_VALUE", "duplicate value found: %s duplicates value on record with id: %s", f.name, short(other.id)).on(f.name)
			}
		}
	}
	if lack != nil {
		return refuse(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [%s]", strings.Join(lack, ", ")).on(lack...)
	}
	if name := fields["LastName"]; name != nil && x == nil && (o.name == "Contact" || o.name == "Lead") && (g.o.BlockDuplicate || !allow) {
		for _, other := range g.order {
			if other.object == o && !other.deleted && other.fields["LastName"] == name {
				return refuse(400, "DUPLICATES_DETECTED", "Use one of these records?")
			}
		}
	}
	return nil
}

// by finds a live record by a unique value.
func (g *Org) by(o *object, name, value string) *row {
	f := o.fields[strings.ToLower(name)]
	for _, x := range g.order {
		if x.object != o || x.deleted {
			continue
		}
		have, _ := x.fields[name].(string)
		if have == value || f != nil && !f.caseful && strings.EqualFold(have, value) {
			return x
		}
	}
	return nil
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// list is what /sobjects tells.
func (g *Org) list() map[string]any {
	var all []any
	for _, n := range g.names {
		o := g.objects[strings.ToLower(n)]
		usable := o.custom || slices.Contains([]string{"Account", "Contact", "Lead", "Case", "Individual"}, o.name)
		all = append(all, map[string]any{"name": o.name, "label": o.label, "custom": o.custom, "createable": usable, "updateable": usable, "queryable": true, "keyPrefix": o.prefix, "layoutable": usable})
	}
	return map[string]any{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all}
}

func (g *Org) describe(o *object) map[string]any {
	var all []any
	for _, n := range o.order {
		f := o.field(n, g.admin)
		if f == nil {
			continue
		}
		values := []any{}
		for _, v := range f.values {
			values = append(values, map[string]any{"value": v, "label": v, "active": true})
		}
		refers := []string{}
		if f.refers != "" {
			refers = strings.Split(f.refers, ",")
		}
		all = append(all, map[string]any{"name": f.name, "label": f.label, "type": f.kind, "length": f.length, "createable": !f.readOnly, "updateable": !f.readOnly, "nillable": !f.required,
			"defaultedOnCreate": f.kind == "boolean" || f.name == "OwnerId", "externalId": f.external, "unique": f.unique, "caseSensitive": f.caseful, "custom": f.custom, "calculated": false,
			"restrictedPicklist": f.kind == "picklist", "picklistValues": values, "referenceTo": refers, "relationshipName": f.relation, "extraTypeInfo": nil, "scale": 0})
	}
	return map[string]any{"name": o.name, "label": o.label, "createable": true, "keyPrefix": o.prefix, "fields": all}
}
