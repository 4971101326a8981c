package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

func byteOrder(ctx context.Context, b bench) error {
	// Code points above U+FFFF sort before U+E000 in UTF-16, after it in bytes; upper case sorts before lower.
	want := []string{"\x01", " ", "10", "9", "Z", "a", "a#", "a0", "aa", "b", "é", "\uffee", "\U0001F600"}
	var items []store.Item
	for k := range want {
		items = append(items, store.Item{Part: b.part, Sort: want[k*5%len(want)]})
	}
	for k, r := range b.Put(ctx, items...) {
		if r.Err != nil {
			return fmt.Errorf("put %d: %w", k, r.Err)
		}
	}
	return b.lists(ctx, store.Range{Part: b.part}, want)
}

// lists checks the sort keys of a range.
func (b bench) lists(ctx context.Context, r store.Range, want []string) error {
	items, err := b.walk(ctx, r)
	if err != nil {
		return err
	}
	got := make([]string, len(items))
	for k, item := range items {
		got[k] = item.Sort
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("list from %q to %q, desc %v, limit %d gave %q, want %q", r.From, r.To, r.Desc, r.Limit, got, want)
	}
	return nil
}

func partitionsApart(ctx context.Context, b bench) error {
	for _, part := range []string{b.part + "a", b.part + "b", b.part + "a#", b.part} {
		if err := b.put(ctx, store.Item{Part: part, Sort: "x", Data: []byte(part)}); err != nil {
			return err
		}
	}
	for _, part := range []string{b.part, b.part + "a", b.part + "b"} {
		items, err := b.walk(ctx, store.Range{Part: part})
		if err != nil {
			return err
		}
		if err := count("items of one partition", len(items), 1); err != nil {
			return err
		}
		if err := same("item", items[0], store.Item{Part: part, Sort: "x", Version: 1, Data: []byte(part)}); err != nil {
			return err
		}
	}
	return b.lists(ctx, store.Range{Part: b.part + "none"}, []string{})
}

func ranges(ctx context.Context, b bench) error {
	all := []string{"b", "c", "d", "e", "f", "g"}
	for _, sort := range all {
		if err := b.put(ctx, store.Item{Part: b.part, Sort: sort, Data: []byte(sort)}); err != nil {
			return err
		}
	}
	for from := range 8 {
		for to := range 8 {
			for _, limit := range []int{0, 1, 3, 6, 100} {
				for _, desc := range []bool{false, true} {
					r := store.Range{Part: b.part, Desc: desc, Limit: limit}
					if from > 0 {
						r.From = string(rune('a' + from - 1))
					}
					if to > 0 {
						r.To = string(rune('a' + to))
					}
					if err := b.lists(ctx, r, within(all, r)); err != nil {
						return err
					}
				}
			}
		}
	}
	if err := b.lists(ctx, store.Range{Part: b.part, From: "cc", To: "ee"}, []string{"d", "e"}); err != nil {
		return err
	}
	for item, err := range b.List(ctx, store.Range{Part: b.part}) {
		if err != nil {
			return err
		}
		if item.Sort == "c" {
			break // a walk may end early
		}
	}
	return b.holds(ctx, store.Item{Part: b.part, Sort: "c", Version: 1, Data: []byte("c")})
}

// within is what a range means.
func within(all []string, r store.Range) []string {
	got := []string{}
	for _, s := range all {
		if s >= r.From && (r.To == "" || s < r.To) {
			got = append(got, s)
		}
	}
	if r.Desc {
		slices.Reverse(got)
	}
	if r.Limit > 0 && len(got) > r.Limit {
		got = got[:r.Limit]
	}
	return got
}

func longWalk(ctx context.Context, b bench) error {
	// Together more than a service gives in one page.
	const n = 700
	data := []byte(strings.Repeat("x", 4<<10))
	want := make([]string, n)
	items := make([]store.Item, n)
	for k := range n {
		want[k] = fmt.Sprintf("%04d", k)
		items[k] = store.Item{Part: b.part, Sort: want[k], Data: data}
	}
	for k, r := range b.Put(ctx, items...) {
		if r.Err != nil {
			return fmt.Errorf("put %d: %w", k, r.Err)
		}
	}
	if err := b.lists(ctx, store.Range{Part: b.part}, want); err != nil {
		return errors.New("a walk over 700 items of 4 KiB skips, repeats or mixes some")
	}
	if err := b.lists(ctx, store.Range{Part: b.part, Limit: 600}, want[:600]); err != nil {
		return errors.New("a walk over 600 of 700 items skips, repeats or mixes some")
	}
	slices.Reverse(want)
	if err := b.lists(ctx, store.Range{Part: b.part, Desc: true, To: "0650"}, want[50:]); err != nil {
		return errors.New("a walk backwards skips, repeats or mixes some")
	}
	return nil
}

func walkAndWrite(ctx context.Context, b bench) error {
	const n = 120
	var items []store.Item
	for k := range n {
		items = append(items, store.Item{Part: b.part, Sort: fmt.Sprintf("%03d", k)})
	}
	for k, r := range b.Put(ctx, items...) {
		if r.Err != nil {
			return fmt.Errorf("put %d: %w", k, r.Err)
		}
	}
	seen := 0
	for item, err := range b.List(ctx, store.Range{Part: b.part}) {
		if err != nil {
			return err
		}
		seen++
		if r := b.Delete(ctx, item)[0]; r.Err != nil {
			return fmt.Errorf("delete of %q within the walk: %w", item.Sort, r.Err)
		}
		if err := b.put(ctx, store.Item{Part: b.part + "moved", Sort: item.Sort}); err != nil {
			return err
		}
	}
	if err := count("items seen by a walk that deletes them", seen, n); err != nil {
		return err
	}
	return b.lists(ctx, store.Range{Part: b.part}, []string{})
}

// everything walks the whole store, where it is a Walker: every item once, whatever its partition, but what has expired.
func everything(ctx context.Context, b bench) error {
	w, can := b.Store.(store.Walker)
	if !can {
		return nil // an ability of its own, that a wrapper may hide
	}
	want := map[store.Key]string{}
	var items []store.Item
	for k := range 150 {
		item := store.Item{Part: fmt.Sprintf("%s#%d", b.part, k%30), Sort: fmt.Sprint(k), Data: bytes.Repeat([]byte{byte('a' + k%26)}, 1+k*20)}
		items, want[item.Key()] = append(items, item), string(item.Data)
	}
	items = append(items, store.Item{Part: b.part, Sort: "over", Expires: b.now().Add(-time.Hour), Data: []byte("over")})
	for k, r := range b.Put(ctx, items...) {
		if r.Err != nil {
			return fmt.Errorf("put %d: %w", k, r.Err)
		}
	}
	for item, err := range w.Walk(ctx) {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(item.Part, b.part) {
			continue
		}
		if data, ok := want[item.Key()]; !ok || data != string(item.Data) || item.Version != 1 {
			return fmt.Errorf("the walk gave %v with %d bytes at version %d: twice, expired or never written so", item.Key(), len(item.Data), item.Version)
		}
		delete(want, item.Key())
	}
	return count("items that the walk left out", len(want), 0)
}

func expiry(ctx context.Context, b bench) error {
	past, later := b.now().Add(-time.Hour), b.now().Add(time.Hour)
	dead := store.Item{Part: b.part, Sort: "dead", Data: []byte("old"), Expires: past}
	live := store.Item{Part: b.part, Sort: "live", Data: []byte("x"), Expires: later}
	if err := errors.Join(b.put(ctx, dead), b.put(ctx, live)); err != nil {
		return err
	}
	live.Version = 1
	if err := b.holds(ctx, live); err != nil {
		return err
	}
	return b.absent(ctx, dead, []string{"live"})
}

// absent checks that a stored but expired item of version 1 is absent to every method.
func (b bench) absent(ctx context.Context, dead store.Item, others []string) error {
	key := store.Item{Part: dead.Part, Sort: dead.Sort}
	if err := b.holds(ctx, key); err != nil {
		return fmt.Errorf("expired: %w", err)
	}
	for _, desc := range []bool{false, true} {
		if err := b.lists(ctx, store.Range{Part: dead.Part, Desc: desc}, others); err != nil {
			return fmt.Errorf("expired: %w", err)
		}
		if err := b.lists(ctx, store.Range{Part: dead.Part, Desc: desc, Limit: 1}, others); err != nil {
			return fmt.Errorf("expired and a limit: %w", err)
		}
	}
	key.Version = 1
	for what, r := range map[string]store.Result{"put over": b.Put(ctx, key)[0], "delete of": b.Delete(ctx, key)[0]} {
		if err := refused("a "+what+" an expired item by its old version", r, fault.Conflict); err != nil {
			return err
		}
		if r.Stored.Version != 0 {
			return fmt.Errorf("a %s an expired item brings version %d, want 0", what, r.Stored.Version)
		}
	}
	fresh := store.Item{Part: dead.Part, Sort: dead.Sort, Data: []byte("fresh")}
	if err := b.put(ctx, fresh); err != nil {
		return fmt.Errorf("an expired item cannot be created again: %w", err)
	}
	fresh.Version = 1
	if err := b.holds(ctx, fresh); err != nil {
		return err
	}
	if r := b.Delete(ctx, fresh)[0]; r.Err != nil {
		return r.Err
	}
	if err := b.put(ctx, dead); err != nil {
		return err
	}
	if r := b.Delete(ctx, store.Item{Part: dead.Part, Sort: dead.Sort, Version: store.AnyVersion})[0]; r.Err != nil {
		return fmt.Errorf("an unconditional delete of an expired item: %w", r.Err)
	}
	return nil
}

// expiryInTime moves the clock where that is possible.
func expiryInTime(ctx context.Context, b bench) error {
	if b.advance == nil {
		return nil
	}
	item := store.Item{Part: b.part, Sort: "a", Data: []byte("x"), Expires: b.now().Add(time.Minute)}
	if err := b.put(ctx, item); err != nil {
		return err
	}
	b.advance(50 * time.Second)
	held := item
	held.Version = 1
	if err := b.holds(ctx, held); err != nil {
		return fmt.Errorf("ten seconds before it expires: %w", err)
	}
	b.advance(11 * time.Second)
	return b.absent(ctx, item, []string{})
}

// atOnce runs f n times at once and joins the errors.
func atOnce(n int, f func(k int) error) error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for k := range n {
		wg.Go(func() {
			<-start
			errs[k] = f(k)
		})
	}
	close(start)
	wg.Wait()
	return errors.Join(errs...)
}

func fiftyCreate(ctx context.Context, b bench) error {
	results := make([]store.Result, 50)
	_ = atOnce(50, func(k int) error {
		results[k] = b.Put(ctx, store.Item{Part: b.part, Sort: "a", Data: fmt.Appendf(nil, "by %d", k)})[0]
		return nil
	})
	winner := store.Item{Part: b.part, Sort: "a", Version: 1}
	won := 0
	for k, r := range results {
		if r.Err == nil {
			won++
			winner.Data = fmt.Appendf(nil, "by %d", k)
		}
	}
	if err := count("creators that won", won, 1); err != nil {
		return err
	}
	for _, r := range results {
		if r.Err == nil {
			continue
		}
		if err := refused("a late create", r, fault.Conflict); err != nil {
			return err
		}
		if err := same("the late creator's conflict", r.Stored, winner); err != nil {
			return err
		}
	}
	return b.holds(ctx, winner)
}

func fiftyUpdate(ctx context.Context, b bench) error {
	err := atOnce(50, func(k int) error {
		item := store.Item{Part: b.part, Sort: "a"}
		for {
			next := item
			next.Data = append(slices.Clone(item.Data), byte(k))
			r := b.Put(ctx, next)[0]
			switch {
			case r.Err == nil:
				return nil
			case !fault.Is(r.Err, fault.Conflict):
				return r.Err
			case r.Stored.Version == item.Version:
				return fmt.Errorf("a put at version %d was refused, and the conflict brought that very version", item.Version)
			}
			item.Version, item.Data = r.Stored.Version, r.Stored.Data
		}
	})
	if err != nil {
		return err
	}
	got, err := b.one(ctx, store.Key{Part: b.part, Sort: "a"})
	if err != nil {
		return err
	}
	if err := count("version after fifty updates", int(got.Version), 50); err != nil {
		return err
	}
	slices.Sort(got.Data)
	return count("updates kept of fifty", len(slices.Compact(got.Data)), 50)
}

func readYourWrites(ctx context.Context, b bench) error {
	return atOnce(4, func(k int) error {
		for v := range int64(40) {
			item := store.Item{Part: b.part, Sort: fmt.Sprint(k), Version: v, Data: fmt.Appendf(nil, "%d %d", k, v)}
			if err := b.put(ctx, item); err != nil {
				return err
			}
			item.Version++
			if err := b.holds(ctx, item); err != nil {
				return fmt.Errorf("right after the put returned: %w", err)
			}
			if err := b.lists1(ctx, item); err != nil {
				return fmt.Errorf("right after the put returned: %w", err)
			}
		}
		return nil
	})
}

// lists1 checks that a list shows an item as it is.
func (b bench) lists1(ctx context.Context, want store.Item) error {
	items, err := b.walk(ctx, store.Range{Part: want.Part, From: want.Sort, Limit: 1})
	if err != nil {
		return err
	}
	if err := count("listed", len(items), 1); err != nil {
		return err
	}
	return same("listed", items[0], want)
}

func cancelled(ctx context.Context, b bench) error {
	item := store.Item{Part: b.part, Sort: "a", Data: []byte("x")}
	if err := b.put(ctx, item); err != nil {
		return err
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.Get(ended, item.Key()); err == nil {
		return errors.New("get with an ended context gave no error")
	}
	other := store.Item{Part: b.part, Sort: "b"}
	if r := b.Put(ended, other, other); len(r) != 2 || r[0].Err == nil || r[1].Err == nil {
		return errors.New("put with an ended context gave no errors")
	}
	item.Version = 1
	if r := b.Delete(ended, item); len(r) != 1 || r[0].Err == nil {
		return errors.New("delete with an ended context gave no error")
	}
	if _, err := b.walk(ended, store.Range{Part: b.part}); err == nil {
		return errors.New("list with an ended context gave no error")
	}
	if err := b.holds(ctx, other); err != nil {
		return err
	}
	return b.holds(ctx, item)
}
