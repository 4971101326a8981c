// Package store is the contract of Rapport's state: small versioned items in sorted partitions.
//
// DynamoDB, SQLite and memory meet it with the same four methods; suites in storetest judge them alike.
package store

import (
	"context"
	"iter"
	"time"
)

// MaxData is the largest Data an item may hold, in bytes. (DynamoDB allows 400 KB with all names and keys.)
const MaxData = 390 << 10

// MaxGet is the most keys one Get may ask for.
const MaxGet = 100

// AnyVersion makes a Delete unconditional.
const AnyVersion int64 = -1

// Key names an item: a partition and a place in its order. Both are non-empty UTF-8 of at most 1,024 bytes without NUL.
type Key struct{ Part, Sort string }

// Item is what is stored. An item whose Expires has passed is absent to every method.
type Item struct {
	Part    string
	Sort    string
	Version int64     // 0 = absent; 1 after creation, then one more with every Put
	Expires time.Time // zero = never; seconds are kept
	Data    []byte
}

// Key gives the item's key.
func (i Item) Key() Key { return Key{i.Part, i.Sort} }

// Result is what became of one item of a Put or Delete.
type Result struct {
	Version int64 // the version now stored, where Err is nil
	Stored  Item  // where Err is a fault.Conflict: what is stored (Version 0 = absent)
	Err     error // nil, fault.Conflict, fault.Invalid (too large, bad key) or a failure of the driver
}

// Range is a stretch of one partition: From ≤ sort key < To; empty bounds are open.
type Range struct {
	Part     string
	From, To string
	Desc     bool
	Limit    int // 0 = all
}

// Glancer is a store that also reads at half the price, as DynamoDB does. Its answer is Get's, but may be a moment old: an
// item as it was before the newest Puts and Deletes. Whoever glances must find that out by himself: by a conditional write
// of what he read, or because he knows a version that the item has reached.
type Glancer interface {
	Glance(ctx context.Context, keys ...Key) ([]Item, error)
}

// Store keeps items. All methods are safe for concurrent use and return promptly when ctx ends.
type Store interface {
	// Get reads up to MaxGet items; the answer has the same length and order, absent ones with Version 0.
	// A read sees every Put that returned before it began.
	Get(ctx context.Context, keys ...Key) ([]Item, error)

	// Put writes items, each conditional on the stored version being Item.Version (0 creates). It is not atomic: every
	// item has a Result of its own, in order. A key named twice in one call is Invalid the second time.
	Put(ctx context.Context, items ...Item) []Result

	// Delete removes items, each conditional on Item.Version (AnyVersion = unconditional). What is absent already is
	// a conflict, but for AnyVersion. Results as in Put.
	Delete(ctx context.Context, items ...Item) []Result

	// List walks one partition by sort key in byte order. An error ends the walk.
	List(ctx context.Context, r Range) iter.Seq2[Item, error]
}
