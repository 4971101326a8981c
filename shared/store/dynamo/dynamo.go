// Package dynamo keeps items in one DynamoDB table: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/
//
// What makes it odd: an item is at most 400 KB with all names and keys; a batch read may leave keys out, which are asked
// for again; a batch write knows no conditions, so every item is a request of its own (a few at a time); a refused write
// brings the stored item along for nothing; items that expired stay until the service sweeps them (days, perhaps), so
// every read and condition leaves them out itself. Reads are strongly consistent but for
// Glance, which costs half.
//
// The table: hash key "part" and range key "sort" (strings), "v" the version (number), "x" when it expires (number,
// seconds; the table's TTL attribute), "d" the data (binary; missing when empty).
package dynamo

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"rapport/shared/awsapi"
	"rapport/shared/fault"
	"rapport/shared/store"
)

var (
	_ store.Store   = (*Store)(nil)
	_ store.Glancer = (*Store)(nil)
)

const (
	atOnce = 16   // requests of one Put or Delete that are under way together
	maxKey = 1024 // bytes of each half of a key
)

// Options of a store.
type Options struct {
	Client *awsapi.Client // of dynamodb, with JSON 1.0; its HTTP client should keep at least 16 idle connections
	Table  string
	Now    func() time.Time                 // for expiry; nil = time.Now
	Used   func(kind string, units float64) // told of the units that calls used, of kind "reads" or "writes"; nil = nobody counts
}

// Store is a store.Store over a table. Safe for concurrent use.
//
// A write that the client repeats after a lost answer may conflict with itself: the conflict then brings the very item
// that was written. Whoever must know writes something into Data that only he writes, such as the holder of a lease.
type Store struct{ table }

// New makes a store. It asks nothing of the service yet.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{table{client: o.Client, name: o.Table, now: o.Now, used: o.Used}}
}

// Get reads up to store.MaxGet items.
func (s *Store) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	return s.get(ctx, keys, true)
}

// Glance implements store.Glancer by eventually consistent reads.
func (s *Store) Glance(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	return s.get(ctx, keys, false)
}

func (s *Store) get(ctx context.Context, keys []store.Key, consistent bool) ([]store.Item, error) {
	if len(keys) > store.MaxGet {
		return nil, fault.New(fault.Invalid, "store: a get asks for %d keys, at most %d may be", len(keys), store.MaxGet)
	}
	ask := make([]store.Key, 0, len(keys)) // each once, the service refuses doubles
	found := make(map[store.Key]store.Item, len(keys))
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return nil, err
		}
		if _, doubled := found[key]; !doubled {
			found[key] = store.Item{}
			ask = append(ask, key)
		}
	}
	if len(ask) > 0 {
		if err := s.read(ctx, ask, consistent, func(item store.Item) { found[item.Key()] = item }); err != nil {
			return nil, err
		}
	}
	items := make([]store.Item, len(keys))
	handed := make(map[store.Key]bool, len(keys))
	for i, key := range keys {
		item := found[key]
		item.Part, item.Sort = key.Part, key.Sort
		if handed[key] {
			item.Data = append([]byte(nil), item.Data...) // two answers share no memory
		}
		items[i], handed[key] = item, true
	}
	return items, nil
}

// Put writes items.
func (s *Store) Put(ctx context.Context, items ...store.Item) []store.Result {
	return each(ctx, items, s.put)
}

// Delete removes items.
func (s *Store) Delete(ctx context.Context, items ...store.Item) []store.Result {
	return each(ctx, items, s.remove)
}

// List walks a partition.
func (s *Store) List(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		if err := checkPart(r.Part); err != nil {
			yield(store.Item{}, err)
			return
		}
		if r.To != "" && r.From >= r.To {
			if err := ctx.Err(); err != nil {
				yield(store.Item{}, classify(err, "list"))
			}
			return // the service calls an empty range an error
		}
		left := r.Limit
		for page, err := range s.pages(ctx, r) {
			if err != nil {
				yield(store.Item{}, err)
				return
			}
			for _, item := range page {
				if r.To != "" && item.Sort == r.To {
					continue // its ranges hold both ends
				}
				if !yield(item, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

// each runs write for every item whose key is good and new, a few at a time, and keeps the order.
func each(ctx context.Context, items []store.Item, write func(context.Context, store.Item) store.Result) []store.Result {
	results := make([]store.Result, len(items))
	seen := make(map[store.Key]bool, len(items))
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i, item := range items {
		if err := checkItem(item, seen[item.Key()]); err != nil {
			results[i].Err = err
			continue
		}
		seen[item.Key()] = true
		if i == len(items)-1 { // the last one, and so the only one, needs no goroutine
			results[i] = write(ctx, item)
			break
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			results[i] = write(ctx, item)
		})
	}
	wait.Wait()
	return results
}

func checkItem(item store.Item, doubled bool) error {
	if err := checkKey(item.Key()); err != nil {
		return err
	}
	switch {
	case doubled:
		return fault.New(fault.Invalid, "store: the key %.80q is named twice in one call", item.Key())
	case len(item.Data) > store.MaxData:
		return fault.New(fault.Invalid, "store: the item %.80q has %d bytes, at most %d fit", item.Key(), len(item.Data), store.MaxData)
	}
	return nil
}

func checkKey(key store.Key) error {
	if err := checkPart(key.Part); err != nil {
		return err
	}
	return checkPart(key.Sort)
}

func checkPart(text string) error {
	if text == "" || len(text) > maxKey || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return fault.New(fault.Invalid, "store: %.80q (%d bytes) is no part of a key: it must be UTF-8 of 1 to %d bytes without NUL", text, len(text), maxKey)
	}
	return nil
}

// expired tells whether an item of a time is absent by now; 0 = it never is.
func expired(at int64, now time.Time) bool { return at != 0 && at <= now.Unix() }

func number(n int64) string { return strconv.FormatInt(n, 10) }

var errNoNumber = errors.New("a version or time is no number")
