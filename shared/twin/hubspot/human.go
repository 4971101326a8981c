package hubspot

import (
	"fmt"
	"slices"
	"strconv"
)

// The methods here are what people do in the portal's pages, and what a test wants to know. Objects are given by name;
// what there is not makes them panic, because then the test itself is wrong.

func (p *Portal) must(name string) *object {
	o := p.objects[name]
	if o == nil {
		panic("twin/hubspot: no object " + name)
	}
	return o
}

func (p *Portal) mustRow(name, id string) (*object, *row) {
	o := p.must(name)
	n, _ := strconv.ParseInt(id, 10, 64)
	r := o.find(n)
	if r == nil {
		panic(fmt.Sprintf("twin/hubspot: no live record %s of %s", id, name))
	}
	return o, r
}

func (o *object) given(fields map[string]any) map[string]string {
	out, bad := o.check(fields)
	if len(bad) > 0 {
		panic(fmt.Sprintf("twin/hubspot: %+v", bad))
	}
	return out
}

// Create makes a record by hand and gives its id.
func (p *Portal) Create(object string, fields map[string]any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.must(object)
	return strconv.FormatInt(p.create(o, o.given(fields), p.human()).id, 10)
}

// Edit changes a record by hand.
func (p *Portal) Edit(object, id string, fields map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, r := p.mustRow(object, id)
	p.set(o, r, o.given(fields), p.human())
}

// Delete puts a record in the bin.
func (p *Portal) Delete(object, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, r := p.mustRow(object, id)
	p.archive(o, r, p.human())
}

// Restore takes a record out of the bin.
func (p *Portal) Restore(object, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.must(object)
	n, _ := strconv.ParseInt(id, 10, 64)
	if r := o.rows[n]; r != nil && r.archived {
		r.archived = false
		for name, index := range o.unique {
			if v := r.get(name); v != "" && index[v] == 0 {
				index[v] = r.id
			}
		}
		p.tell(o, r, "restore", p.human(), nil)
	}
}

// Forget deletes a record for good at its person's wish.
func (p *Portal) Forget(object, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, r := p.mustRow(object, id)
	p.archive(o, r, p.human())
	delete(o.rows, r.id)
	p.tell(o, r, "privacyDeletion", p.human(), nil)
}

// Merge merges loser into winner by hand; the survivor has a new id.
func (p *Portal) Merge(object, winner, loser string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, w := p.mustRow(object, winner)
	_, l := p.mustRow(object, loser)
	return strconv.FormatInt(p.merge(o, w, l, p.human()).id, 10)
}

// Field makes a property: type string, number, bool, enumeration, date or datetime.
func (p *Portal) Field(object, name, kind string, unique bool, options ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.must(object)
	form := map[string]string{"string": "text", "number": "number", "bool": "booleancheckbox", "enumeration": "select", "date": "date", "datetime": "date"}[kind]
	if o.props[name] == nil {
		o.define(property{Name: name, Label: name, Type: kind, FieldType: form, Unique: unique, Options: choices(options...), Ours: true})
	}
}

// RemoveField archives a property.
func (p *Portal) RemoveField(object, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(p.must(object), name)
}

// Object makes a custom object with a unique text property.
func (p *Portal) Object(name, label, key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.objects[name] == nil {
		o := p.add(name, fmt.Sprintf("2-%d", 100+len(p.names)), label, label+"s", property{Name: key, Label: key, Type: "string", FieldType: "text", Unique: true, Ours: true})
		o.custom, o.display = true, key
	}
}

// Refuse makes batches of more than one input fail whole when one has this id.
func (p *Portal) Refuse(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse[id] = true
}

// Change changes options of a living portal: limits, lag, behaviour.
func (p *Portal) Change(f func(*Options)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.o)
}

// Row is a live record with the properties that are filled.
type Row struct {
	ID     string
	Fields map[string]string
}

func (o *object) row(r *row) Row {
	out := Row{ID: strconv.FormatInt(r.id, 10), Fields: map[string]string{}}
	for _, name := range o.order {
		if v := r.get(name); v != "" {
			out.Fields[name] = v
		}
	}
	return out
}

// Rows gives the live records of an object in the order of creation.
func (p *Portal) Rows(object string) []Row {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Row
	o := p.objects[object]
	if o == nil {
		return nil
	}
	for _, id := range o.ids {
		if r := o.rows[id]; r != nil && !r.archived {
			out = append(out, o.row(r))
		}
	}
	return out
}

// Row gives a live record, merges followed; ok is false where there is none.
func (p *Portal) Row(object, id string) (Row, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.must(object)
	n, _ := strconv.ParseInt(id, 10, 64)
	r := o.find(n)
	if r == nil {
		return Row{}, false
	}
	return o.row(r), true
}

// Count counts live records whose property holds a value.
func (p *Portal) Count(object, property, text string) int {
	n := 0
	for _, r := range p.Rows(object) {
		if r.Fields[property] == text {
			n++
		}
	}
	return n
}

// Doubles gives the values of a property that more than one live record of an object holds.
func (p *Portal) Doubles(object, property string) []string {
	seen := map[string]int{}
	for _, r := range p.Rows(object) {
		if v := r.Fields[property]; v != "" {
			seen[v]++
		}
	}
	return slices.DeleteFunc(sorted(seen), func(v string) bool { return seen[v] < 2 })
}

// Linked tells whether two records are associated.
func (p *Portal) Linked(from, a, to, b string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x, _ := strconv.ParseInt(a, 10, 64)
	y, _ := strconv.ParseInt(b, 10, 64)
	return p.links[link(from, x, to, y)]
}

// Calls gives the calls so far.
func (p *Portal) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}
