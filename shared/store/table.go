package store

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"rapport/shared/fault"
)

// Table keeps values of one type as JSON in items, packed where that is worth it. It adds no state of its own.
type Table[T any] struct {
	Store Store
	Name  string // leads every partition: "person" makes "person#…"
}

// Row is a value with its place and version.
type Row[T any] struct {
	Part    string // without the table's name
	Sort    string
	Version int64
	Expires time.Time
	Value   T
}

// Key gives the row's key in the store.
func (t Table[T]) Key(part, sort string) Key { return Key{t.Name + "#" + part, sort} }

// Item encodes a row.
func (t Table[T]) Item(r Row[T]) (Item, error) {
	data, err := json.Marshal(r.Value)
	if err != nil {
		return Item{}, fault.New(fault.Invalid, "%s %q cannot be stored: %w", t.Name, r.Part, err)
	}
	return Item{Part: t.Name + "#" + r.Part, Sort: r.Sort, Version: r.Version, Expires: r.Expires, Data: pack(data)}, nil
}

// Row decodes an item; one with Version 0 gives a zero value.
func (t Table[T]) Row(i Item) (Row[T], error) {
	r := Row[T]{Sort: i.Sort, Version: i.Version, Expires: i.Expires}
	if len(i.Part) > len(t.Name) {
		r.Part = i.Part[len(t.Name)+1:]
	}
	if i.Version == 0 {
		return r, nil
	}
	text, err := Unpack(i.Data)
	if err == nil {
		err = json.Unmarshal(text, &r.Value)
	}
	if err != nil {
		return r, fault.New(fault.Invalid, "%s %q in the store is damaged: %w", t.Name, r.Part, err)
	}
	return r, nil
}

// Get reads rows in order, in as many calls as their number needs.
func (t Table[T]) Get(ctx context.Context, keys ...Key) ([]Row[T], error) {
	return t.read(ctx, t.Store.Get, keys)
}

// Glance reads as Get does; where the store is a Glancer, rows may be a moment old.
func (t Table[T]) Glance(ctx context.Context, keys ...Key) ([]Row[T], error) {
	if g, can := t.Store.(Glancer); can {
		return t.read(ctx, g.Glance, keys)
	}
	return t.Get(ctx, keys...)
}

func (t Table[T]) read(ctx context.Context, get func(context.Context, ...Key) ([]Item, error), keys []Key) ([]Row[T], error) {
	rows := make([]Row[T], 0, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), MaxGet)
		items, err := get(ctx, keys[:n]...)
		if err != nil {
			return nil, err
		}
		for k, item := range items {
			item.Part, item.Sort = keys[k].Part, keys[k].Sort
			row, err := t.Row(item)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		keys = keys[n:]
	}
	return rows, nil
}

// One reads a single row.
func (t Table[T]) One(ctx context.Context, part, sort string) (Row[T], error) {
	rows, err := t.Get(ctx, t.Key(part, sort))
	if err != nil {
		return Row[T]{}, err
	}
	return rows[0], nil
}

// Put writes rows and sets the new version in each that was stored.
func (t Table[T]) Put(ctx context.Context, rows ...*Row[T]) []Result {
	items := make([]Item, len(rows))
	for k, r := range rows {
		item, err := t.Item(*r)
		if err != nil {
			bad := make([]Result, len(rows))
			for i := range bad {
				bad[i].Err = err
			}
			return bad
		}
		items[k] = item
	}
	results := t.Store.Put(ctx, items...)
	for k := range results {
		if results[k].Err == nil {
			rows[k].Version = results[k].Version
		}
	}
	return results
}

// Update reads a row, changes it and writes it, again while others are faster. change says whether to write.
// At most 20 rounds; then the fault is Transient.
func (t Table[T]) Update(ctx context.Context, part, sort string, change func(*Row[T]) (bool, error)) (Row[T], error) {
	row, err := t.One(ctx, part, sort)
	if err != nil {
		return row, err
	}
	for range 20 {
		row.Part, row.Sort = part, sort
		write, err := change(&row)
		if err != nil || !write {
			return row, err
		}
		res := t.Put(ctx, &row)[0]
		if res.Err == nil || !fault.Is(res.Err, fault.Conflict) {
			return row, res.Err
		}
		if row, err = t.Row(res.Stored); err != nil {
			return row, err
		}
	}
	return row, fault.New(fault.Transient, "%s %q is written by too many at once", t.Name, part)
}

// List walks a partition of the table.
func (t Table[T]) List(ctx context.Context, r Range) iter.Seq2[Row[T], error] {
	r.Part = t.Name + "#" + r.Part
	return func(yield func(Row[T], error) bool) {
		for item, err := range t.Store.List(ctx, r) {
			var row Row[T]
			if err == nil {
				row, err = t.Row(item)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
