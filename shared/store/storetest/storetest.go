// Package storetest is the conformance suite of package store. Every driver runs it, on every machine.
//
// A check gets a store and says in an error what is wrong with it. It works in partitions of its own, so that a
// driver may give the same (even a used) table to all checks. The suite itself is tested with broken stores: each
// must be found out.
package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

// Harness tells the suite how to make a store and what time it is there.
type Harness struct {
	// New gives a store; it may be the same for every check. Cleaning up belongs to t.Cleanup.
	New func(t testing.TB) store.Store
	// Now is the store's clock; nil = time.Now.
	Now func() time.Time
	// Advance moves the store's clock, nil where it cannot be moved. Without it, expiry is checked with times that
	// have passed already.
	Advance func(d time.Duration)
	// Skip declares checks that a driver cannot meet: name → reason. The reason is logged.
	Skip map[string]string
	// Patience bounds one check; 0 = one minute.
	Patience time.Duration
}

// Failure is a check that a store does not pass.
type Failure struct {
	Check string
	Err   error
}

// Run runs every check as a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for name := range h.Skip {
		if !slices.ContainsFunc(checks, func(c check) bool { return c.name == name }) {
			t.Errorf("the harness skips %q, which is no check of the suite", name)
		}
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if reason, ok := h.Skip[c.name]; ok {
				t.Logf("skipped by declaration: %s", reason)
				return
			}
			if err := h.run(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Failures runs every check that is not skipped and gives those that fail, in order; t is only for making stores.
func Failures(t testing.TB, h Harness) []Failure {
	t.Helper()
	var failed []Failure
	for _, c := range checks {
		if _, ok := h.Skip[c.name]; ok {
			continue
		}
		if err := h.run(t, c); err != nil {
			failed = append(failed, Failure{c.name, err})
		}
	}
	return failed
}

func (h Harness) run(t testing.TB, c check) error {
	patience := h.Patience
	if patience == 0 {
		patience = time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	now := h.Now
	if now == nil {
		now = time.Now
	}
	return c.run(ctx, bench{Store: h.New(t), now: now, advance: h.Advance, part: c.name + "-" + rand.Text()})
}

// bench is what a check works with.
type bench struct {
	store.Store
	now     func() time.Time
	advance func(time.Duration) // nil = cannot
	part    string              // a partition nobody else uses; more of them by appending
}

type check struct {
	name string
	run  func(ctx context.Context, b bench) error
}

var checks = []check{
	{"create once", createOnce},
	{"conflict brings what is stored", conflictBrings},
	{"versions count up", versionsCount},
	{"delete", deletes},
	{"results keep their order", resultsInOrder},
	{"key named twice", namedTwice},
	{"get keeps order", getInOrder},
	{"many items", manyItems},
	{"sizes", sizes},
	{"data is the store's own", ownData},
	{"keys", keys},
	{"byte order", byteOrder},
	{"partitions are apart", partitionsApart},
	{"ranges", ranges},
	{"long walk", longWalk},
	{"walk and write", walkAndWrite},
	{"everything is found", everything},
	{"expiry", expiry},
	{"expiry in time", expiryInTime},
	{"fifty create at once", fiftyCreate},
	{"fifty update at once", fiftyUpdate},
	{"read what was written", readYourWrites},
	{"cancelled context", cancelled},
}

// put writes one item that must be accepted.
func (b bench) put(ctx context.Context, item store.Item) error {
	got := b.Put(ctx, item)
	if len(got) != 1 {
		return fmt.Errorf("put of one item gave %d results", len(got))
	}
	if got[0].Err != nil {
		return fmt.Errorf("put of %q at version %d: %w", item.Sort, item.Version, got[0].Err)
	}
	if got[0].Version != item.Version+1 {
		return fmt.Errorf("put of %q at version %d gave version %d, want one more", item.Sort, item.Version, got[0].Version)
	}
	return nil
}

// one reads one item.
func (b bench) one(ctx context.Context, key store.Key) (store.Item, error) {
	items, err := b.Get(ctx, key)
	if err != nil {
		return store.Item{}, fmt.Errorf("get of %q: %w", key.Sort, err)
	}
	if len(items) != 1 {
		return store.Item{}, fmt.Errorf("get of one key gave %d items", len(items))
	}
	return items[0], nil
}

// holds checks what is stored under want's key; Version 0 = nothing may be.
func (b bench) holds(ctx context.Context, want store.Item) error {
	got, err := b.one(ctx, want.Key())
	if err != nil {
		return err
	}
	return same("stored", got, want)
}

// walk lists a range into a slice.
func (b bench) walk(ctx context.Context, r store.Range) ([]store.Item, error) {
	var items []store.Item
	for item, err := range b.List(ctx, r) {
		if err != nil {
			return items, fmt.Errorf("list: %w", err)
		}
		items = append(items, item)
	}
	return items, nil
}

func same(what string, got, want store.Item) error {
	if want.Version == 0 {
		if got.Version != 0 || len(got.Data) != 0 {
			return fmt.Errorf("%s: %q is there at version %d, want absent", what, want.Sort, got.Version)
		}
		return nil
	}
	if got.Key() != want.Key() {
		return fmt.Errorf("%s: key is %q, want %q", what, got.Key(), want.Key())
	}
	if got.Version != want.Version {
		return fmt.Errorf("%s: %q has version %d, want %d", what, want.Sort, got.Version, want.Version)
	}
	if string(got.Data) != string(want.Data) {
		return fmt.Errorf("%s: %q holds %d bytes (%.20q), want %d (%.20q)", what, want.Sort, len(got.Data), got.Data, len(want.Data), want.Data)
	}
	if got.Expires.IsZero() != want.Expires.IsZero() || !want.Expires.IsZero() && got.Expires.Unix() != want.Expires.Unix() {
		return fmt.Errorf("%s: %q expires at %v, want %v", what, want.Sort, got.Expires, want.Expires)
	}
	return nil
}

// refused checks that a result is a fault of a kind.
func refused(what string, r store.Result, kind fault.Kind) error {
	if r.Err == nil {
		return fmt.Errorf("%s was accepted at version %d, want %v", what, r.Version, kind)
	}
	if !fault.Is(r.Err, kind) {
		return fmt.Errorf("%s failed as %v (%w), want %v", what, fault.Of(r.Err), r.Err, kind)
	}
	return nil
}

// count wraps a count that is not what it should be.
func count(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s: %d, want %d", what, got, want)
	}
	return nil
}
