package storetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"rapport/shared/fault"
	"rapport/shared/store"
)

func createOnce(ctx context.Context, b bench) error {
	item := store.Item{Part: b.part, Sort: "a", Data: []byte("first")}
	if err := b.put(ctx, item); err != nil {
		return err
	}
	if err := refused("a second create", b.Put(ctx, item)[0], fault.Conflict); err != nil {
		return err
	}
	item.Version = 1
	return b.holds(ctx, item)
}

func conflictBrings(ctx context.Context, b bench) error {
	stored := store.Item{Part: b.part, Sort: "a", Data: []byte("stored"), Expires: b.now().Add(1000e9)}
	if err := b.put(ctx, stored); err != nil {
		return err
	}
	stored.Version = 1
	for _, version := range []int64{0, 2, 7} {
		try := store.Item{Part: b.part, Sort: "a", Version: version, Data: []byte("other")}
		r := b.Put(ctx, try)[0]
		if err := refused(fmt.Sprintf("a put at version %d over version 1", version), r, fault.Conflict); err != nil {
			return err
		}
		if err := same("the conflict's item", r.Stored, stored); err != nil {
			return err
		}
	}
	r := b.Put(ctx, store.Item{Part: b.part, Sort: "b", Version: 3})[0]
	if err := refused("a put at version 3 over nothing", r, fault.Conflict); err != nil {
		return err
	}
	if r.Stored.Version != 0 {
		return fmt.Errorf("a conflict over nothing brought version %d, want 0", r.Stored.Version)
	}
	r = b.Delete(ctx, store.Item{Part: b.part, Sort: "a", Version: 4})[0]
	if err := refused("a delete at version 4 of version 1", r, fault.Conflict); err != nil {
		return err
	}
	if err := same("the item of the delete's conflict", r.Stored, stored); err != nil {
		return err
	}
	return b.holds(ctx, stored)
}

func versionsCount(ctx context.Context, b bench) error {
	for v := range int64(5) {
		item := store.Item{Part: b.part, Sort: "a", Version: v, Data: fmt.Appendf(nil, "at %d", v)}
		if err := b.put(ctx, item); err != nil {
			return err
		}
		item.Version++
		if err := b.holds(ctx, item); err != nil {
			return err
		}
	}
	// A put replaces everything: an expiry that is not named again is gone.
	item := store.Item{Part: b.part, Sort: "b", Data: []byte("x"), Expires: b.now().Add(1000e9)}
	if err := b.put(ctx, item); err != nil {
		return err
	}
	item = store.Item{Part: b.part, Sort: "b", Version: 1}
	if err := b.put(ctx, item); err != nil {
		return err
	}
	return b.holds(ctx, store.Item{Part: b.part, Sort: "b", Version: 2})
}

func deletes(ctx context.Context, b bench) error {
	a := store.Item{Part: b.part, Sort: "a", Data: []byte("x")}
	if err := b.put(ctx, a); err != nil {
		return err
	}
	a.Version = 1
	if r := b.Delete(ctx, a)[0]; r.Err != nil {
		return fmt.Errorf("delete at the right version: %w", r.Err)
	}
	if err := b.holds(ctx, store.Item{Part: b.part, Sort: "a"}); err != nil {
		return err
	}
	r := b.Delete(ctx, a)[0]
	if err := refused("a delete of what is absent", r, fault.Conflict); err != nil {
		return err
	}
	if r.Stored.Version != 0 {
		return fmt.Errorf("the conflict of a delete of nothing brought version %d", r.Stored.Version)
	}
	if r := b.Delete(ctx, store.Item{Part: b.part, Sort: "a", Version: store.AnyVersion})[0]; r.Err != nil {
		return fmt.Errorf("an unconditional delete of what is absent: %w", r.Err)
	}
	a.Version = 0
	if err := b.put(ctx, a); err != nil { // counts from one again
		return err
	}
	if r := b.Delete(ctx, store.Item{Part: b.part, Sort: "a", Version: store.AnyVersion})[0]; r.Err != nil {
		return fmt.Errorf("an unconditional delete: %w", r.Err)
	}
	return b.holds(ctx, store.Item{Part: b.part, Sort: "a"})
}

func resultsInOrder(ctx context.Context, b bench) error {
	const n = 40
	var old, all []store.Item
	for k := range n {
		// The order of the keys is not the order of the call.
		item := store.Item{Part: b.part, Sort: fmt.Sprintf("%02d", k*17%n), Data: fmt.Appendf(nil, "new %d", k)}
		all = append(all, item)
		if k%3 == 0 {
			item.Data = fmt.Appendf(nil, "old %d", k)
			old = append(old, item)
		}
	}
	for k, r := range b.Put(ctx, old...) {
		if r.Err != nil {
			return fmt.Errorf("put %d: %w", k, r.Err)
		}
	}
	for step, results := range [][]store.Result{b.Put(ctx, all...), b.Delete(ctx, versioned(all)...)} {
		what := []string{"put", "delete"}[step]
		if err := count("results of a "+what, len(results), n); err != nil {
			return err
		}
		for k, r := range results {
			taken := k%3 == 0
			if step == 1 {
				taken = k%2 == 1
			}
			if !taken {
				if r.Err != nil {
					return fmt.Errorf("%s %d: %w", what, k, r.Err)
				}
				continue
			}
			if err := refused(fmt.Sprintf("%s %d", what, k), r, fault.Conflict); err != nil {
				return err
			}
			if r.Stored.Sort != all[k].Sort {
				return fmt.Errorf("%s %d: the conflict brought %q, want %q", what, k, r.Stored.Sort, all[k].Sort)
			}
		}
	}
	return nil
}

// versioned sets a right version in every even item and a wrong one in every odd.
func versioned(items []store.Item) []store.Item {
	list := make([]store.Item, len(items))
	for k, item := range items {
		item.Version = 1 + int64(k%2)*5
		list[k] = item
	}
	return list
}

func namedTwice(ctx context.Context, b bench) error {
	one := store.Item{Part: b.part, Sort: "a", Data: []byte("one")}
	two := store.Item{Part: b.part, Sort: "a", Data: []byte("two")}
	next := store.Item{Part: b.part, Sort: "b", Data: []byte("next")}
	r := b.Put(ctx, one, two, next)
	if err := count("results", len(r), 3); err != nil {
		return err
	}
	if r[0].Err != nil || r[2].Err != nil {
		return fmt.Errorf("a key named twice spoils others: %v, %v", r[0].Err, r[2].Err)
	}
	if err := refused("the second put of a key", r[1], fault.Invalid); err != nil {
		return err
	}
	one.Version, next.Version = 1, 1
	if err := b.holds(ctx, one); err != nil {
		return err
	}
	if err := b.holds(ctx, next); err != nil {
		return err
	}
	r = b.Delete(ctx, one, one)
	if r[0].Err != nil {
		return fmt.Errorf("the first delete of a key: %w", r[0].Err)
	}
	return refused("the second delete of a key", r[1], fault.Invalid)
}

func getInOrder(ctx context.Context, b bench) error {
	for _, sort := range []string{"c", "a", "b"} {
		if err := b.put(ctx, store.Item{Part: b.part, Sort: sort, Data: []byte(sort)}); err != nil {
			return err
		}
	}
	ask := []string{"b", "none", "c", "b", "a", "never"}
	var keys []store.Key
	for _, sort := range ask {
		keys = append(keys, store.Key{Part: b.part, Sort: sort})
	}
	got, err := b.Get(ctx, keys...)
	if err != nil {
		return err
	}
	if err := count("items", len(got), len(ask)); err != nil {
		return err
	}
	for k, sort := range ask {
		want := store.Item{Part: b.part, Sort: sort, Version: 1, Data: []byte(sort)}
		if len(sort) > 1 {
			want.Version = 0
		}
		if err := same(fmt.Sprintf("item %d", k), got[k], want); err != nil {
			return err
		}
	}
	if none, err := b.Get(ctx); err != nil || len(none) != 0 {
		return fmt.Errorf("get of nothing gave %d items and %v", len(none), err)
	}
	return nil
}

func manyItems(ctx context.Context, b bench) error {
	const n = 250
	items := make([]store.Item, n)
	keys := make([]store.Key, n)
	for k := range items {
		items[k] = store.Item{Part: b.part, Sort: fmt.Sprintf("%03d", k), Data: fmt.Appendf(nil, "data %d", k)}
		keys[k] = items[k].Key()
	}
	r := b.Put(ctx, items...)
	if err := count("results", len(r), n); err != nil {
		return err
	}
	for k := range r {
		if r[k].Err != nil || r[k].Version != 1 {
			return fmt.Errorf("put %d: version %d, %v", k, r[k].Version, r[k].Err)
		}
	}
	got, err := b.Get(ctx, keys[:store.MaxGet]...)
	if err != nil {
		return err
	}
	for k := range got {
		items[k].Version = 1
		if err := same("item", got[k], items[k]); err != nil {
			return err
		}
	}
	if _, err := b.Get(ctx, keys[:store.MaxGet+1]...); !fault.Is(err, fault.Invalid) {
		return fmt.Errorf("get of %d keys gave %v, want invalid", store.MaxGet+1, err)
	}
	for k := range items {
		items[k].Version = 1
	}
	for k, r := range b.Delete(ctx, items...) {
		if r.Err != nil {
			return fmt.Errorf("delete %d: %w", k, r.Err)
		}
	}
	left, err := b.walk(ctx, store.Range{Part: b.part})
	if err != nil {
		return err
	}
	return count("items left", len(left), 0)
}

func sizes(ctx context.Context, b bench) error {
	every := make([]byte, 256)
	for k := range every {
		every[k] = byte(k)
	}
	long := bytes.Repeat(every, store.MaxData/256)
	long = append(long, make([]byte, store.MaxData-len(long))...)
	items := []store.Item{
		{Part: b.part, Sort: "empty"},
		{Part: b.part, Sort: "bytes", Data: every},
		{Part: b.part, Sort: "longest", Data: long},
		{Part: b.part, Sort: "too long", Data: append(long, 0)},
		{Part: b.part, Sort: "after", Data: []byte("x")},
		{Part: b.part, Sort: "longest two", Data: long},
		{Part: b.part, Sort: "longest three", Data: long},
	}
	r := b.Put(ctx, items...)
	if err := count("results", len(r), len(items)); err != nil {
		return err
	}
	if err := refused("an item that is too long", r[3], fault.Invalid); err != nil {
		return err
	}
	for k, item := range items {
		if k != 3 {
			if r[k].Err != nil {
				return fmt.Errorf("put of %q: %w", item.Sort, r[k].Err)
			}
			item.Version = 1
		}
		if err := b.holds(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

func ownData(ctx context.Context, b bench) error {
	data := []byte("kept")
	if err := b.put(ctx, store.Item{Part: b.part, Sort: "a", Data: data}); err != nil {
		return err
	}
	copy(data, "lost")
	want := store.Item{Part: b.part, Sort: "a", Version: 1, Data: []byte("kept")}
	got, err := b.one(ctx, want.Key())
	if err != nil {
		return err
	}
	if err := same("after the caller changed its slice", got, want); err != nil {
		return err
	}
	copy(got.Data, "lost")
	conflict := b.Put(ctx, store.Item{Part: b.part, Sort: "a"})[0]
	copy(conflict.Stored.Data, "lost")
	for item := range b.List(ctx, store.Range{Part: b.part}) {
		copy(item.Data, "lost")
	}
	return b.holds(ctx, want)
}

func keys(ctx context.Context, b bench) error {
	longest := strings.Repeat("ä", 512)
	for _, part := range []string{b.part, b.part + longest[:1024-len(b.part)-len(b.part)%2]} {
		for _, sort := range []string{" ", "#", "a#b|c/d", "ünïcødé", "日本語", "👩‍👩‍👧", "\x01\x1f\x7f", "'; --", "%_*", longest} {
			item := store.Item{Part: part, Sort: sort, Data: []byte(sort)}
			if err := b.put(ctx, item); err != nil {
				return err
			}
			item.Version = 1
			if err := b.holds(ctx, item); err != nil {
				return err
			}
		}
	}
	for _, bad := range []string{"", "a\x00b", "\x00", "a\xff", longest + "x"} {
		for _, item := range []store.Item{{Part: b.part, Sort: bad}, {Part: bad, Sort: "x"}} {
			r := b.Put(ctx, item)
			if err := refused(fmt.Sprintf("a put with the key %.20q", item.Key()), r[0], fault.Invalid); err != nil {
				return err
			}
			if err := refused(fmt.Sprintf("a delete with the key %.20q", item.Key()), b.Delete(ctx, item)[0], fault.Invalid); err != nil {
				return err
			}
			if _, err := b.Get(ctx, item.Key()); !fault.Is(err, fault.Invalid) {
				return fmt.Errorf("a get with the key %.20q gave %v, want invalid", item.Key(), err)
			}
		}
	}
	return nil
}
