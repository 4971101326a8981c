package hubspot

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a kind of record.
type object struct {
	name, id, singular, plural string
	custom                     bool
	required                   []string
	display                    string
	modified                   string // name of the property with the last change
	props                      map[string]*property
	order                      []string // names of properties
	groups                     []map[string]any
	rows                       map[int64]*row
	ids                        []int64         // all ids ever, ascending
	alias                      map[int64]int64 // merged → survivor
	unique                     map[string]map[string]int64
}

// property is a field, in the words of the vendor.
type property struct {
	Name, Label, Type, FieldType, Group, Description string
	Options                                          []option
	Unique, ReadOnly, Calculated, Ours               bool
}

type option struct {
	Label  string `json:"label"`
	Value  string `json:"value"`
	Order  int    `json:"displayOrder"`
	Hidden bool   `json:"hidden"`
}

// value is what a property held from a moment on.
type value struct {
	text         string
	at           time.Time
	source, from string // INTEGRATION and the app's id, CRM_UI and the user's
}

// row is a record. props holds the newest value of each property last.
type row struct {
	id               int64
	props            map[string][]value
	created, updated time.Time
	archived         bool
	merged           []int64
	source           value // who made it
}

// MaxText is the longest value of a text property.
const MaxText = 65536

func readBody(r *http.Request) ([]byte, *refusal) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 8<<20))
	if err != nil {
		return nil, refuse(413, "VALIDATION_ERROR", "The request is too large or was cut.")
	}
	return body, nil
}

// standard makes the objects that every portal has.
func (p *Portal) standard() {
	text := func(name, label string) property {
		return property{Name: name, Label: label, Type: "string", FieldType: "text"}
	}
	owner := property{Name: "hubspot_owner_id", Label: "Owner", Type: "enumeration", FieldType: "select"}
	p.add("contacts", "0-1", "Contact", "Contacts", text("email", "Email"), text("firstname", "First name"), text("lastname", "Last name"),
		property{Name: "phone", Label: "Phone number", Type: "string", FieldType: "phonenumber"},
		property{Name: "mobilephone", Label: "Mobile phone number", Type: "string", FieldType: "phonenumber"},
		property{Name: "hs_searchable_calculated_phone_number", Label: "Calculated phone number", Type: "string", FieldType: "text", ReadOnly: true, Calculated: true},
		property{Name: "lifecyclestage", Label: "Lifecycle stage", Type: "enumeration", FieldType: "radio", Options: choices("subscriber", "lead", "opportunity", "customer")}, owner)
	p.add("companies", "0-2", "Company", "Companies", text("name", "Name"), text("domain", "Company domain name"), owner)
	p.add("deals", "0-3", "Deal", "Deals", text("dealname", "Deal name"), property{Name: "amount", Label: "Amount", Type: "number", FieldType: "number"}, owner)
	p.add("tickets", "0-5", "Ticket", "Tickets", text("subject", "Ticket name"),
		property{Name: "content", Label: "Ticket description", Type: "string", FieldType: "textarea"},
		property{Name: "hs_pipeline", Label: "Pipeline", Type: "enumeration", FieldType: "select", Options: choices("0")},
		property{Name: "hs_pipeline_stage", Label: "Ticket status", Type: "enumeration", FieldType: "select", Options: choices("1", "2", "3", "4")},
		property{Name: "hs_ticket_priority", Label: "Priority", Type: "enumeration", FieldType: "select", Options: choices("LOW", "MEDIUM", "HIGH", "URGENT")}, owner)
	p.add("tasks", "0-27", "Task", "Tasks", text("hs_task_subject", "Task title"), property{Name: "hs_task_body", Label: "Notes", Type: "string", FieldType: "textarea"},
		property{Name: "hs_task_priority", Label: "Priority", Type: "enumeration", FieldType: "select", Options: choices("LOW", "MEDIUM", "HIGH", "NONE")},
		property{Name: "hs_timestamp", Label: "Due date", Type: "datetime", FieldType: "date"}, owner)
	p.objects["tasks"].required = []string{"hs_timestamp"}
	p.objects["tickets"].required = []string{"hs_pipeline_stage"}
	p.objects["contacts"].modified = "lastmodifieddate"
}

func choices(values ...string) []option {
	var out []option
	for i, v := range values {
		out = append(out, option{Label: "Label of " + v, Value: v, Order: i})
	}
	return out
}

func (p *Portal) add(name, id, singular, plural string, props ...property) *object {
	o := &object{name: name, id: id, singular: singular, plural: plural, modified: "hs_lastmodifieddate", props: map[string]*property{},
		rows: map[int64]*row{}, alias: map[int64]int64{}, unique: map[string]map[string]int64{}}
	for _, s := range []string{"hs_object_id", "hs_merged_object_ids", "hs_object_source", "hs_object_source_id"} {
		props = append(props, property{Name: s, Label: s, Type: "string", FieldType: "text", ReadOnly: true})
	}
	for _, s := range []string{"createdate", "hs_createdate", "lastmodifieddate", "hs_lastmodifieddate"} {
		props = append(props, property{Name: s, Label: s, Type: "datetime", FieldType: "date", ReadOnly: true})
	}
	for i := range props {
		o.define(props[i])
	}
	p.objects[name] = o
	p.names = append(p.names, name)
	return o
}

func (o *object) define(d property) {
	if d.Group == "" {
		d.Group = o.name + "information"
	}
	o.props[d.Name] = &d
	o.order = append(o.order, d.Name)
	if d.Unique || o.name == "contacts" && d.Name == "email" {
		o.unique[d.Name] = map[string]int64{}
	}
}

// object finds an object by name, type id or fully qualified name.
func (p *Portal) object(name string) (*object, *refusal) {
	for _, n := range p.names {
		o := p.objects[n]
		if name == n && !o.custom || name == o.id || name == o.singular && !o.custom || o.custom && (name == "p_"+n || name == fmt.Sprintf("p%d_%s", p.o.Portal, n)) {
			return o, nil
		}
	}
	return nil, refuse(400, "VALIDATION_ERROR", "Unable to infer object type from: %s", name)
}

// find gives a live record by id, following merges.
func (o *object) find(id int64) *row {
	for o.alias[id] != 0 {
		id = o.alias[id]
	}
	if r := o.rows[id]; r != nil && !r.archived {
		return r
	}
	return nil
}

// by gives the live record that holds a value in a unique property.
func (o *object) by(name, text string) *row {
	if name == "email" {
		text = strings.ToLower(text)
	}
	if id := o.unique[name][text]; id != 0 {
		return o.find(id)
	}
	return nil
}

func (r *row) get(name string) string {
	if v := r.props[name]; len(v) > 0 {
		return v[len(v)-1].text
	}
	return ""
}

// as gives a property as the record held it at a moment.
func (r *row) as(name string, at time.Time) string {
	v := r.props[name]
	for i := len(v) - 1; i >= 0; i-- {
		if !v[i].at.After(at) {
			return v[i].text
		}
	}
	return ""
}

// set writes values that were checked before, keeps the unique index, and tells the hooks.
func (p *Portal) set(o *object, r *row, fields map[string]string, by value) {
	by.at = p.o.Now().UTC().Truncate(time.Millisecond)
	for _, name := range sorted(fields) {
		text := fields[name]
		old := r.get(name)
		if index := o.unique[name]; index != nil {
			if name == "email" {
				text = strings.ToLower(text)
			}
			if index[old] == r.id {
				delete(index, old)
			}
			if text != "" {
				index[text] = r.id
			}
		}
		if old == text && len(r.props[name]) > 0 {
			continue
		}
		by.text = text
		history := append(r.props[name], by)
		r.props[name] = history[max(len(history)-8, 0):]
		if old != text {
			p.tell(o, r, "propertyChange", by, map[string]any{"propertyName": name, "propertyValue": text})
		}
	}
	r.updated = by.at
	p.stamp(o, r)
}

// stamp keeps the properties that the portal fills by itself.
func (p *Portal) stamp(o *object, r *row) {
	put := func(name, text string) {
		if v := r.props[name]; len(v) == 0 || v[len(v)-1].text != text {
			history := append(v, value{text: text, at: r.updated, source: "CALCULATED"})
			r.props[name] = history[max(len(history)-8, 0):]
		}
	}
	put(o.modified, iso(r.updated))
	put("createdate", iso(r.created))
	put("hs_object_id", strconv.FormatInt(r.id, 10))
	put("hs_object_source", r.source.source)
	put("hs_object_source_id", r.source.from)
	if len(r.merged) > 0 {
		var ids []string
		for _, id := range r.merged {
			ids = append(ids, strconv.FormatInt(id, 10))
		}
		put("hs_merged_object_ids", strings.Join(ids, ";"))
	}
	if phone := r.get("phone"); phone != "" {
		put("hs_searchable_calculated_phone_number", national(phone))
	}
}

// national is a number without country code, as far as a fake needs to know country codes.
func national(phone string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
	if strings.HasPrefix(phone, "+") {
		for _, code := range []string{"1", "49", "43", "41", "44", "33"} {
			if rest, ok := strings.CutPrefix(digits, code); ok {
				return rest
			}
		}
	}
	return strings.TrimLeft(digits, "0")
}

// create makes a record of checked values.
func (p *Portal) create(o *object, fields map[string]string, by value) *row {
	p.next += 7
	now := p.o.Now().UTC().Truncate(time.Millisecond)
	r := &row{id: p.next, props: map[string][]value{}, created: now, updated: now, source: by}
	o.rows[r.id] = r
	o.ids = append(o.ids, r.id)
	p.tell(o, r, "creation", by, nil)
	p.set(o, r, fields, by)
	return r
}

// archive puts a record in the bin. Its unique values are free again.
func (p *Portal) archive(o *object, r *row, by value) {
	r.archived = true
	r.updated = p.o.Now().UTC().Truncate(time.Millisecond)
	for name, index := range o.unique {
		if index[r.get(name)] == r.id {
			delete(index, r.get(name))
		}
	}
	p.tell(o, r, "deletion", by, nil)
}

// merge makes a new record of two; the winner's values count, the loser's fill what is empty.
func (p *Portal) merge(o *object, winner, loser *row, by value) *row {
	fields := map[string]string{}
	for _, name := range o.order {
		d := o.props[name]
		text := winner.get(name)
		if text == "" && (!d.Unique || p.o.LoserKeeps) {
			text = loser.get(name)
		}
		if text != "" && !d.ReadOnly {
			fields[name] = text
		}
	}
	for _, r := range []*row{winner, loser} {
		for name, index := range o.unique {
			if index[r.get(name)] == r.id {
				delete(index, r.get(name))
			}
		}
	}
	p.next += 7
	now := p.o.Now().UTC().Truncate(time.Millisecond)
	s := &row{id: p.next, props: map[string][]value{}, created: winner.created, updated: now, source: winner.source}
	s.merged = append(append(append(s.merged, winner.merged...), loser.merged...), winner.id, loser.id)
	o.rows[s.id] = s
	o.ids = append(o.ids, s.id)
	for _, r := range []*row{winner, loser} {
		o.alias[r.id] = s.id
		delete(o.rows, r.id)
	}
	p.tell(o, s, "merge", by, map[string]any{"primaryObjectId": winner.id, "mergedObjectIds": []int64{loser.id}, "newObjectId": s.id, "numberOfPropertiesMoved": len(fields)})
	p.set(o, s, fields, by)
	for _, key := range sorted(p.links) {
		from, a, to, b := linkParts(key)
		moved := link(from, p.moved(o, from, a, winner, loser, s), to, p.moved(o, to, b, winner, loser, s))
		if moved != key {
			delete(p.links, key)
			p.links[moved] = true
		}
	}
	return s
}

func (p *Portal) moved(o *object, object string, id int64, winner, loser, s *row) int64 {
	if object == o.name && (id == winner.id || id == loser.id) {
		return s.id
	}
	return id
}

func link(from string, a int64, to string, b int64) string {
	return fmt.Sprintf("%s|%d|%s|%d", from, a, to, b)
}

func linkParts(key string) (from string, a int64, to string, b int64) {
	part := strings.Split(key, "|")
	a, _ = strconv.ParseInt(part[1], 10, 64)
	b, _ = strconv.ParseInt(part[3], 10, 64)
	return part[0], a, part[2], b
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// shown is a record as the API gives it.
func (o *object) shown(r *row, properties []string, history bool) map[string]any {
	out := map[string]any{"id": strconv.FormatInt(r.id, 10), "createdAt": iso(r.created), "updatedAt": iso(r.updated), "archived": r.archived,
		"url": fmt.Sprintf("https://app-eu1.hubspot.com/contacts/0/record/%s/%d", o.id, r.id)}
	props, past := map[string]any{}, map[string]any{}
	for _, name := range append([]string{"createdate", o.modified, "hs_object_id"}, properties...) {
		if o.props[name] == nil {
			continue // a name that nobody knows is passed over when reading
		}
		props[name] = nil
		if len(r.props[name]) > 0 && r.get(name) != "" {
			props[name] = r.get(name)
		}
		if history && slices.Contains(properties, name) {
			var list []map[string]any
			for i := len(r.props[name]) - 1; i >= 0; i-- {
				v := r.props[name][i]
				list = append(list, map[string]any{"value": v.text, "timestamp": iso(v.at), "sourceType": v.source, "sourceId": v.from})
			}
			if list != nil {
				past[name] = list
			}
		}
	}
	out["properties"] = props
	if history {
		out["propertiesWithHistory"] = past
	}
	return out
}
