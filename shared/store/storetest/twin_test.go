package storetest_test

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
	"rapport/shared/store/memory"
	"rapport/shared/store/storetest"
)

// twin is a right store whose methods can be broken one by one.
type twin struct {
	store.Store
	get  func(ctx context.Context, keys []store.Key) ([]store.Item, error)
	put  func(ctx context.Context, items []store.Item) []store.Result
	del  func(ctx context.Context, items []store.Item) []store.Result
	list func(ctx context.Context, r store.Range) iter.Seq2[store.Item, error]
}

func (w *twin) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if w.get != nil {
		return w.get(ctx, keys)
	}
	return w.Store.Get(ctx, keys...)
}

func (w *twin) Put(ctx context.Context, items ...store.Item) []store.Result {
	if w.put != nil {
		return w.put(ctx, items)
	}
	return w.Store.Put(ctx, items...)
}

func (w *twin) Delete(ctx context.Context, items ...store.Item) []store.Result {
	if w.del != nil {
		return w.del(ctx, items)
	}
	return w.Store.Delete(ctx, items...)
}

func (w *twin) List(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
	if w.list != nil {
		return w.list(ctx, r)
	}
	return w.Store.List(ctx, r)
}

// results changes every result of a right put.
func results(s store.Store, change func(k int, r *store.Result)) func(context.Context, []store.Item) []store.Result {
	return func(ctx context.Context, items []store.Item) []store.Result {
		rs := s.Put(ctx, items...)
		for k := range rs {
			change(k, &rs[k])
		}
		return rs
	}
}

// walked changes what a right list gives.
func walked(s store.Store, change func(r store.Range, items []store.Item) []store.Item) func(context.Context, store.Range) iter.Seq2[store.Item, error] {
	return func(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
		return func(yield func(store.Item, error) bool) {
			var items []store.Item
			for item, err := range s.List(ctx, r) {
				if err != nil {
					yield(item, err)
					return
				}
				items = append(items, item)
			}
			for _, item := range change(r, items) {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// TestBrokenTwins shows that the suite finds out every broken store, by the check that is meant to.
func TestBrokenTwins(t *testing.T) {
	type broken struct {
		by   string // a check that must fail
		make func(s store.Store) *twin
	}
	never := func() time.Time { return time.Unix(0, 0) }
	for name, b := range map[string]broken{
		"ignores versions": {"create once", func(s store.Store) *twin {
			return &twin{put: func(ctx context.Context, items []store.Item) []store.Result {
				items = slices.Clone(items)
				for k := range items {
					if old, err := s.Get(ctx, items[k].Key()); err == nil {
						items[k].Version = old[0].Version
					}
				}
				return s.Put(ctx, items...)
			}}
		}},
		"looks before it writes": {"fifty update at once", func(s store.Store) *twin {
			return &twin{put: func(ctx context.Context, items []store.Item) []store.Result {
				old, err := s.Get(ctx, items[0].Key())
				if len(items) > 1 || err != nil || old[0].Version != items[0].Version {
					return s.Put(ctx, items...)
				}
				time.Sleep(time.Millisecond) // others look meanwhile
				for {
					r := s.Put(ctx, items...)
					if !fault.Is(r[0].Err, fault.Conflict) {
						return r
					}
					items[0].Version = r[0].Stored.Version
				}
			}}
		}},
		"loses a record": {"many items", func(s store.Store) *twin {
			return &twin{put: func(ctx context.Context, items []store.Item) []store.Result {
				rs := s.Put(ctx, items...)
				if n := len(items); n > 100 {
					s.Delete(ctx, store.Item{Part: items[n-1].Part, Sort: items[n-1].Sort, Version: store.AnyVersion})
				}
				return rs
			}}
		}},
		"forgets the conflict's item": {"conflict brings what is stored", func(s store.Store) *twin {
			return &twin{put: results(s, func(_ int, r *store.Result) { r.Stored = store.Item{} })}
		}},
		"says unknown instead of conflict": {"create once", func(s store.Store) *twin {
			return &twin{put: results(s, func(_ int, r *store.Result) {
				if r.Err != nil {
					r.Err = fault.New(fault.Unknown, "no")
				}
			})}
		}},
		"swaps results": {"results keep their order", func(s store.Store) *twin {
			return &twin{put: func(ctx context.Context, items []store.Item) []store.Result {
				rs := s.Put(ctx, items...)
				slices.Reverse(rs)
				return rs
			}}
		}},
		"swaps what it gets": {"get keeps order", func(s store.Store) *twin {
			return &twin{get: func(ctx context.Context, keys []store.Key) ([]store.Item, error) {
				items, err := s.Get(ctx, keys...)
				slices.SortFunc(items, func(a, b store.Item) int { return bytes.Compare([]byte(a.Sort), []byte(b.Sort)) })
				return items, err
			}}
		}},
		"leaves absent ones out": {"get keeps order", func(s store.Store) *twin {
			return &twin{get: func(ctx context.Context, keys []store.Key) ([]store.Item, error) {
				items, err := s.Get(ctx, keys...)
				return slices.DeleteFunc(items, func(i store.Item) bool { return i.Version == 0 }), err
			}}
		}},
		"counts versions wrong": {"versions count up", func(s store.Store) *twin {
			return &twin{put: results(s, func(_ int, r *store.Result) { r.Version = min(r.Version, 3) })}
		}},
		"takes a key twice": {"key named twice", func(s store.Store) *twin {
			return &twin{put: func(ctx context.Context, items []store.Item) []store.Result {
				var rs []store.Result
				for _, item := range items {
					rs = append(rs, s.Put(ctx, item)...)
				}
				return rs
			}}
		}},
		"takes too large data": {"sizes", func(s store.Store) *twin {
			return &twin{put: results(s, func(_ int, r *store.Result) {
				if fault.Is(r.Err, fault.Invalid) {
					r.Err = nil
				}
			})}
		}},
		"cuts data at 64 KiB": {"sizes", func(s store.Store) *twin {
			return &twin{put: func(ctx context.Context, items []store.Item) []store.Result {
				items = slices.Clone(items)
				for k := range items {
					if len(items[k].Data) <= store.MaxData {
						items[k].Data = items[k].Data[:min(len(items[k].Data), 64<<10)]
					}
				}
				return s.Put(ctx, items...)
			}}
		}},
		"shares its memory": {"data is the store's own", func(s store.Store) *twin {
			shared := map[string][]byte{}
			return &twin{get: func(ctx context.Context, keys []store.Key) ([]store.Item, error) {
				items, err := s.Get(ctx, keys...)
				for k := range items {
					if len(items[k].Data) == 4 {
						if old := shared[items[k].Part]; old != nil {
							items[k].Data = old
						}
						shared[items[k].Part] = items[k].Data
					}
				}
				return items, err
			}}
		}},
		"ignores expiry": {"expiry", func(store.Store) *twin { return &twin{Store: memory.New(memory.Options{Now: never})} }},
		"lists the expired": {"expiry", func(store.Store) *twin {
			right, all := memory.New(memory.Options{}), memory.New(memory.Options{Now: never})
			return &twin{Store: right, list: all.List, put: func(ctx context.Context, items []store.Item) []store.Result {
				all.Put(ctx, items...)
				return right.Put(ctx, items...)
			}}
		}},
		"walks one too far": {"ranges", func(s store.Store) *twin {
			return &twin{list: func(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
				if r.To != "" {
					r.To += "\x01"
				}
				return s.List(ctx, r)
			}}
		}},
		"walks one way only": {"ranges", func(s store.Store) *twin {
			return &twin{list: func(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
				r.Desc = false
				return s.List(ctx, r)
			}}
		}},
		"limits before it turns": {"ranges", func(s store.Store) *twin {
			return &twin{list: walked(s, func(r store.Range, items []store.Item) []store.Item {
				if r.Desc && r.Limit > 1 {
					return items[1:]
				}
				return items
			})}
		}},
		"stops after a page": {"long walk", func(s store.Store) *twin {
			return &twin{list: walked(s, func(_ store.Range, items []store.Item) []store.Item { return items[:min(len(items), 500)] })}
		}},
		"orders by UTF-16": {"byte order", func(s store.Store) *twin {
			return &twin{list: walked(s, func(_ store.Range, items []store.Item) []store.Item {
				if n := len(items); n == 13 {
					items[n-1], items[n-2] = items[n-2], items[n-1]
				}
				return items
			})}
		}},
		"mixes partitions": {"partitions are apart", func(s store.Store) *twin {
			return &twin{list: func(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
				r.Part = string(bytes.TrimRight([]byte(r.Part), "ab"))
				return s.List(ctx, r)
			}}
		}},
		"refuses to delete nothing": {"delete", func(s store.Store) *twin {
			return &twin{del: func(ctx context.Context, items []store.Item) []store.Result {
				rs := s.Delete(ctx, items...)
				for k := range rs {
					if old, err := s.Get(ctx, items[k].Key()); err == nil && old[0].Version == 0 && items[k].Version == store.AnyVersion {
						rs[k].Err = fault.New(fault.Conflict, "absent")
					}
				}
				return rs
			}}
		}},
		"deletes at any version": {"conflict brings what is stored", func(s store.Store) *twin {
			return &twin{del: func(ctx context.Context, items []store.Item) []store.Result {
				items = slices.Clone(items)
				for k := range items {
					items[k].Version = store.AnyVersion
				}
				return s.Delete(ctx, items...)
			}}
		}},
		"reads late": {"read what was written", func(s store.Store) *twin {
			var mu sync.Mutex
			var last store.Item
			return &twin{get: func(ctx context.Context, keys []store.Key) ([]store.Item, error) {
				items, err := s.Get(ctx, keys...)
				mu.Lock()
				defer mu.Unlock()
				if len(keys) == 1 && len(items) == 1 && items[0].Version > 20 {
					last, items[0] = items[0], last
				}
				return items, err
			}}
		}},
		"ignores its context": {"cancelled context", func(s store.Store) *twin {
			return &twin{get: func(ctx context.Context, keys []store.Key) ([]store.Item, error) {
				return s.Get(context.WithoutCancel(ctx), keys...)
			}}
		}},
		"takes any key": {"keys", func(s store.Store) *twin {
			return &twin{put: results(s, func(_ int, r *store.Result) {
				if fault.Is(r.Err, fault.Invalid) {
					r.Err = nil
				}
			})}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			failed := storetest.Failures(t, storetest.Harness{Patience: 20 * time.Second, New: func(testing.TB) store.Store {
				right := memory.New(memory.Options{})
				w := b.make(right)
				if w.Store == nil {
					w.Store = right
				}
				return w
			}})
			if !slices.ContainsFunc(failed, func(f storetest.Failure) bool { return f.Check == b.by }) {
				t.Errorf("the check %q did not find it out; those that did: %v", b.by, failed)
			}
		})
	}
}

func TestRightStorePasses(t *testing.T) {
	for _, f := range storetest.Failures(t, storetest.Harness{New: func(testing.TB) store.Store { return memory.New(memory.Options{}) }}) {
		t.Errorf("%s: %v", f.Check, f.Err)
	}
}
