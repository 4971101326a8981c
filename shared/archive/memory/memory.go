// Package memory keeps an archive in memory: for tests and the simulation. Its walks are ordered and it copies what it
// takes and gives, as a file would.
package memory

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/archive"
	"rapport/shared/fault"
)

var _ archive.Archive = (*Archive)(nil)

// Archive is an archive.Archive in memory. Safe for concurrent use.
type Archive struct {
	mu      sync.Mutex
	batches map[string]archive.Batch
	refs    []string // sorted
}

// New makes an empty archive.
func New() *Archive { return &Archive{batches: map[string]archive.Batch{}} }

// Write stores a batch.
func (a *Archive) Write(ctx context.Context, b archive.Batch) (string, error) {
	ref, err := archive.Ref(b)
	if err != nil {
		return "", err
	}
	if err := ended(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, found := slices.BinarySearch(a.refs, ref); !found {
		a.refs = slices.Insert(a.refs, at, ref)
	}
	a.batches[ref] = clone(b)
	return ref, nil
}

// Read gives a batch back.
func (a *Archive) Read(ctx context.Context, ref string) (archive.Batch, error) {
	if err := ended(ctx); err != nil {
		return archive.Batch{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b, ok := a.batches[ref]
	if !ok {
		return archive.Batch{}, fault.New(fault.NotFound, "archive: there is no batch %q", ref)
	}
	return clone(b), nil
}

// List walks an account's references, oldest first.
func (a *Archive) List(ctx context.Context, account string, from, to time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		a.mu.Lock()
		refs := slices.Clone(a.refs)
		a.mu.Unlock()
		prefix := archive.Name(account) + "/"
		for _, ref := range refs {
			if !strings.HasPrefix(ref, prefix) {
				continue
			}
			if err := ended(ctx); err != nil {
				yield("", err)
				return
			}
			place, err := archive.Locate(ref)
			if err == nil && !archive.Within(place.At, from, to) {
				continue
			}
			if !yield(ref, err) || err != nil {
				return
			}
		}
	}
}

// Rewrite removes entries.
func (a *Archive) Rewrite(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	if err := ended(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b, ok := a.batches[ref]
	if !ok {
		return nil
	}
	b = clone(b)
	if b.Entries = slices.DeleteFunc(b.Entries, drop); len(b.Entries) > 0 {
		a.batches[ref] = b
		return nil
	}
	delete(a.batches, ref)
	if at, found := slices.BinarySearch(a.refs, ref); found {
		a.refs = slices.Delete(a.refs, at, at+1)
	}
	return nil
}

func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Transient, "archive: %w", err)
	}
	return nil
}

func clone(b archive.Batch) archive.Batch {
	b.Entries = slices.Clone(b.Entries)
	for i := range b.Entries {
		e := &b.Entries[i]
		e.Raw, e.Inputs, e.Decision, e.Previous = bytes.Clone(e.Raw), bytes.Clone(e.Inputs), bytes.Clone(e.Decision), bytes.Clone(e.Previous)
		e.Headers = slices.Clone(e.Headers)
	}
	return b
}
