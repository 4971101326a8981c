// Package memory keeps items in memory: for tests, the simulation and the demo.
//
// Nothing in it depends on chance or on the order of a map: the same calls in the same order give the same answers.
package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"sync"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

var (
	_ store.Store  = (*Store)(nil)
	_ store.Walker = (*Store)(nil)
)

// page is how many items a walk copies at once.
const page = 64

// Options of New.
type Options struct {
	Now func() time.Time // the clock for expiry; nil = time.Now
}

// Store is a store in memory. All methods are safe for concurrent use.
type Store struct {
	now   func() time.Time
	mu    sync.Mutex
	parts map[string]*part
}

// part is one partition: its rows by sort key.
type part struct{ rows []row }

type row struct {
	sort    string
	version int64
	expires int64 // Unix seconds, 0 = never
	data    []byte
}

// New makes an empty store.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{now: o.Now, parts: map[string]*part{}}
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory store: get: %w", err)
	}
	if len(keys) > store.MaxGet {
		return nil, fault.New(fault.Invalid, "memory store: get of %d keys: ask for at most %d", len(keys), store.MaxGet)
	}
	items := make([]store.Item, len(keys))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().Unix()
	for k, key := range keys {
		if err := key.Check(); err != nil {
			return nil, err
		}
		items[k] = s.item(key, now)
	}
	return items, nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, items ...store.Item) []store.Result {
	return s.write(ctx, "put", items, func(p *part, at int, there bool, item store.Item) int64 {
		r := row{sort: item.Sort, version: item.Version + 1, data: slices.Clone(item.Data)}
		if !item.Expires.IsZero() {
			r.expires = item.Expires.Unix()
		}
		if there {
			p.rows[at] = r
		} else {
			p.rows = slices.Insert(p.rows, at, r)
		}
		return r.version
	})
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, items ...store.Item) []store.Result {
	return s.write(ctx, "delete", items, func(p *part, at int, there bool, _ store.Item) int64 {
		switch {
		case there && at == 0: // what is worked off from its beginning need not be moved up each time
			p.rows[0] = row{}
			p.rows = p.rows[1:]
		case there:
			p.rows = slices.Delete(p.rows, at, at+1)
		}
		return 0
	})
}

// write checks every item against what is stored and lets change work on those that fit.
func (s *Store) write(ctx context.Context, verb string, items []store.Item, change func(p *part, at int, there bool, item store.Item) int64) []store.Result {
	results := store.Check(items)
	if err := ctx.Err(); err != nil {
		for k := range results {
			results[k].Err = fmt.Errorf("memory store: %s: %w", verb, err)
		}
		return results
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().Unix()
	for k, item := range items {
		if results[k].Err != nil {
			continue
		}
		stored := s.item(item.Key(), now)
		switch {
		case verb == "delete" && item.Version == store.AnyVersion:
		case stored.Version != item.Version, verb == "delete" && stored.Version == 0:
			results[k].Stored = stored
			results[k].Err = fault.New(fault.Conflict, "store: %.80q / %.80q is at version %d, not %d", item.Part, item.Sort, stored.Version, item.Version)
			continue
		}
		p := s.parts[item.Part]
		if p == nil {
			p = &part{}
			s.parts[item.Part] = p
		}
		at, there := p.find(item.Sort)
		results[k].Version = change(p, at, there, item)
		if len(p.rows) == 0 {
			delete(s.parts, item.Part)
		}
	}
	return results
}

// List implements store.Store. Between two items the store is not locked.
func (s *Store) List(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		if err := (store.Key{Part: r.Part, Sort: "-"}).Check(); err != nil {
			yield(store.Item{}, err)
			return
		}
		given, after := 0, ""
		for {
			if err := ctx.Err(); err != nil {
				yield(store.Item{}, fmt.Errorf("memory store: list: %w", err))
				return
			}
			items, more := s.page(r, after)
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
				after = item.Sort
				if given++; given == r.Limit {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// Walk implements store.Walker.
func (s *Store) Walk(ctx context.Context) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		s.mu.Lock()
		names := make([]string, 0, len(s.parts))
		for name := range s.parts {
			names = append(names, name)
		}
		s.mu.Unlock()
		slices.Sort(names)
		for _, name := range names {
			for item, err := range s.List(ctx, store.Range{Part: name}) {
				if !yield(item, err) || err != nil {
					return
				}
			}
		}
	}
}

// page copies the next items of a range behind the sort key after ("" = from the start).
func (s *Store) page(r store.Range, after string) (items []store.Item, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parts[r.Part]
	if p == nil {
		return nil, false
	}
	now := s.now().Unix()
	from, _ := p.find(r.From)
	to := len(p.rows)
	if r.To != "" {
		to, _ = p.find(r.To)
	}
	if after != "" {
		at, there := p.find(after)
		switch {
		case r.Desc:
			to = min(to, at)
		case there:
			from = max(from, at+1)
		default:
			from = max(from, at)
		}
	}
	for n := range to - from {
		at := from + n
		if r.Desc {
			at = to - 1 - n
		}
		if item := p.rows[at].item(r.Part); !item.Expired(now) {
			if items = append(items, item); len(items) == page {
				return items, true
			}
		}
	}
	return items, false
}

// Sweep removes up to limit expired items and counts them; partitions are looked at in their order.
func (s *Store) Sweep(ctx context.Context, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("memory store: sweep: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().Unix()
	names := make([]string, 0, len(s.parts))
	for name := range s.parts {
		names = append(names, name)
	}
	slices.Sort(names)
	swept := 0
	for _, name := range names {
		p := s.parts[name]
		p.rows = slices.DeleteFunc(p.rows, func(r row) bool {
			if swept == limit || r.expires == 0 || r.expires > now {
				return false
			}
			swept++
			return true
		})
		if len(p.rows) == 0 {
			delete(s.parts, name)
		}
	}
	return swept, nil
}

// item copies what is stored under a key, the zero item if it is absent or expired.
func (s *Store) item(key store.Key, now int64) store.Item {
	p := s.parts[key.Part]
	if p == nil {
		return store.Item{Part: key.Part, Sort: key.Sort}
	}
	if at, there := p.find(key.Sort); there {
		if item := p.rows[at].item(key.Part); !item.Expired(now) {
			return item
		}
	}
	return store.Item{Part: key.Part, Sort: key.Sort}
}

func (r row) item(part string) store.Item {
	item := store.Item{Part: part, Sort: r.sort, Version: r.version, Data: slices.Clone(r.data)}
	if r.expires != 0 {
		item.Expires = time.Unix(r.expires, 0).UTC()
	}
	return item
}

func (p *part) find(key string) (int, bool) {
	if n := len(p.rows); n > 0 && p.rows[n-1].sort < key { // most rows come in order
		return n, false
	}
	at := sort.Search(len(p.rows), func(k int) bool { return p.rows[k].sort >= key })
	return at, at < len(p.rows) && p.rows[at].sort == key
}
