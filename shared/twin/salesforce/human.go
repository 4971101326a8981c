package salesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The methods here are what people do in the org's pages, and what a test wants to know. Objects and fields have the
// vendor's names; what there is not makes them panic, because then the test itself is wrong.

func (g *Org) must(name string) *object {
	o := g.objects[strings.ToLower(name)]
	if o == nil {
		panic("twin/salesforce: no object " + name)
	}
	return o
}

func (g *Org) mustRow(id string) *row {
	x := g.rows[short(id)]
	if x == nil || x.deleted {
		panic("twin/salesforce: no live record " + id)
	}
	return x
}

func (g *Org) given(o *object, fields map[string]any) map[string]any {
	was := g.admin
	g.admin = true
	defer func() { g.admin = was }()
	out, p := g.check(o, fields)
	if p != nil {
		panic("twin/salesforce: " + p.text)
	}
	return out
}

// Create makes a record by hand and gives its id. Required fields that are not given are filled.
func (g *Org) Create(name string, fields map[string]any) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.must(name)
	clean := g.given(o, fields)
	for _, f := range o.fields {
		if f.required && clean[f.name] == nil {
			clean[f.name] = fmt.Sprintf("Nordlicht %d", g.next)
		}
	}
	return g.add(o, clean, Agent).id
}

// Edit changes a record by hand.
func (g *Org) Edit(id string, fields map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.mustRow(id)
	g.set(x, g.given(x.object, fields), Agent)
}

// Delete puts a record in the bin.
func (g *Org) Delete(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bin(g.mustRow(id), Agent)
}

// Merge merges loser into winner, which keeps its id; what looked up the loser looks up the winner.
func (g *Org) Merge(loser, winner string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, w := g.mustRow(loser), g.mustRow(winner)
	l.fields["MasterRecordId"] = w.id
	g.bin(l, Agent)
	g.touch(w, Agent)
	for _, x := range g.order {
		for _, f := range x.object.fields {
			if f.kind == "reference" && f.name != "MasterRecordId" && x.fields[f.name] == l.id {
				x.fields[f.name] = w.id
			}
		}
	}
	return w.id
}

// Convert turns a lead into a contact of a new account; values of fields that both have go along, our key does not.
func (g *Org) Convert(id string) (object, survivor string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.mustRow(id)
	account := g.add(g.must("Account"), map[string]any{"Name": x.fields["Company"]}, Agent)
	contact := g.add(g.must("Contact"), map[string]any{"LastName": x.fields["LastName"], "FirstName": x.fields["FirstName"], "Email": x.fields["Email"], "AccountId": account.id}, Agent)
	x.fields["IsConverted"], x.fields["ConvertedContactId"], x.fields["ConvertedAccountId"] = true, contact.id, account.id
	g.touch(x, Agent)
	return "Contact", contact.id
}

// Field makes a field that all see: kind string, textarea, double, boolean, date, datetime, picklist or url.
func (g *Org) Field(object, name, kind string, values ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := field{name: name, kind: kind, custom: true, values: values}
	if kind == "textarea" {
		f.length = 32768
	}
	g.must(object).define(f)
}

// Key makes a unique external id that tells upper from lower case.
func (g *Org) Key(object, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.must(object).define(field{name: name, kind: "string", external: true, unique: true, caseful: true, custom: true})
}

// Lookup makes a reference to another object.
func (g *Org) Lookup(object, name, to string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.must(object).define(field{name: name, kind: "reference", refers: to, relation: strings.TrimSuffix(name, "c") + "r", custom: true})
}

// RemoveField removes a field.
func (g *Org) RemoveField(object, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.must(object)
	delete(o.fields, strings.ToLower(name))
	o.order = slices.DeleteFunc(o.order, func(n string) bool { return strings.EqualFold(n, name) })
}

// Object makes a custom object.
func (g *Org) Object(name, label string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.make(name, label, fmt.Sprintf("a%02d", len(g.names)), field{name: "Name", kind: "string", length: 80, readOnly: true}, field{name: "OwnerId", kind: "reference", refers: "User,Group", relation: "Owner"})
}

// Queue makes a queue and gives its id.
func (g *Org) Queue(name string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.add(g.must("Group"), map[string]any{"Name": name, "DeveloperName": name, "Type": "Queue"}, Agent).id
}

// User makes a user and gives its id.
func (g *Org) User(email string, active bool) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.add(g.must("User"), map[string]any{"Name": email, "Username": email, "Email": email, "IsActive": active}, Agent).id
}

// Rule makes a record of the setup: ValidationRule, FlowDefinitionView, DuplicateRule, AssignmentRule, ApexTrigger.
func (g *Org) Rule(kind string, fields map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.add(g.must(kind), fields, Agent)
}

// AutoResponse makes an auto-response rule of an object.
func (g *Org) AutoResponse(object, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.granted["auto:"+object] = append(g.granted["auto:"+object], name)
}

// Refuse makes requests with more records than one fail whole when one has this key.
func (g *Org) Refuse(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse[key] = true
}

// Lock makes the next n writes of a key or id find the row locked.
func (g *Org) Lock(key string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.locks[key] = n
}

// Use counts calls of other programs against the daily limit.
func (g *Org) Use(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used += n
}

// Change changes options of a living org.
func (g *Org) Change(f func(*Options)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.o)
}

// Row gives what a live record holds, nil if there is none.
func (g *Org) Row(id string) map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.rows[short(id)]
	if x == nil || x.deleted {
		return nil
	}
	return x.copied()
}

func (x *row) copied() map[string]any {
	out := map[string]any{"Id": x.id}
	for n, v := range x.fields {
		if v != nil {
			out[n] = v
		}
	}
	return out
}

// Rows gives the live records of an object in the order of creation.
func (g *Org) Rows(name string) []map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	o, out := g.objects[strings.ToLower(name)], []map[string]any{}
	for _, x := range g.order {
		if x.object == o && !x.deleted {
			out = append(out, x.copied())
		}
	}
	return out
}

// Count counts live records whose field holds a value.
func (g *Org) Count(object, name string, value any) int {
	n := 0
	for _, x := range g.Rows(object) {
		if x[name] == value {
			n++
		}
	}
	return n
}

// Doubles gives the values of a field that more than one live record of an object holds.
func (g *Org) Doubles(object, name string) []string {
	seen := map[string]int{}
	for _, x := range g.Rows(object) {
		if v, ok := x[name].(string); ok {
			seen[v]++
		}
	}
	return slices.DeleteFunc(sorted(seen), func(v string) bool { return seen[v] < 2 })
}

// Calls gives the calls so far.
func (g *Org) Calls() []Call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.calls)
}

// Writes counts the calls that changed anything.
func (g *Org) Writes() int {
	n := 0
	for _, c := range g.Calls() {
		if c.Method != http.MethodGet && !strings.HasSuffix(c.Path, "/token") {
			n++
		}
	}
	return n
}
