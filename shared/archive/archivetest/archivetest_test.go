package archivetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/archive"
	"rapport/shared/archive/archivetest"
	"rapport/shared/archive/memory"
	"rapport/shared/fault"
)

// broken is an archive with one fault built in.
type broken struct {
	*memory.Archive
	write   func(b archive.Batch) (archive.Batch, bool) // false = not stored at all
	read    func(b archive.Batch, err error) (archive.Batch, error)
	list    func(account string, from, to time.Time) (string, time.Time, time.Time)
	order   func(refs []string) []string
	rewrite func(ctx context.Context, ref string, drop func(archive.Entry) bool) error
	mu      sync.Mutex // guards kept
	kept    []archive.Batch
}

func (a *broken) Write(ctx context.Context, b archive.Batch) (string, error) {
	if a.write != nil {
		changed, stored := a.write(b)
		if !stored {
			return archive.Ref(b)
		}
		b = changed
	}
	return a.Archive.Write(ctx, b)
}

func (a *broken) Read(ctx context.Context, ref string) (archive.Batch, error) {
	b, err := a.Archive.Read(ctx, ref)
	if a.read != nil {
		return a.read(b, err)
	}
	return b, err
}

func (a *broken) List(ctx context.Context, account string, from, to time.Time) iter.Seq2[string, error] {
	if a.list != nil {
		account, from, to = a.list(account, from, to)
	}
	if a.order == nil {
		return a.Archive.List(ctx, account, from, to)
	}
	return func(yield func(string, error) bool) {
		var refs []string
		for ref, err := range a.Archive.List(ctx, account, from, to) {
			if err != nil {
				yield("", err)
				return
			}
			refs = append(refs, ref)
		}
		for _, ref := range a.order(refs) {
			if !yield(ref, nil) {
				return
			}
		}
	}
}

func (a *broken) Rewrite(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	if a.rewrite != nil {
		return a.rewrite(ctx, ref, drop)
	}
	return a.Archive.Rewrite(ctx, ref, drop)
}

// Every fault must be found, by a check whose name says what is wrong.
func TestSuiteFindsBrokenArchives(t *testing.T) {
	twins := map[string]struct {
		found string // the check that must fail
		make  func(a *broken)
	}{
		"sound":            {"", func(*broken) {}},
		"loses the last":   {"write and read", func(a *broken) { a.write = loseLast }},
		"stores nothing":   {"write and read", func(a *broken) { a.write = func(b archive.Batch) (archive.Batch, bool) { return b, false } }},
		"forgets headers":  {"write and read", func(a *broken) { a.write = change(func(e *archive.Entry) { e.Headers = nil }) }},
		"forgets previous": {"write and read", func(a *broken) { a.write = change(func(e *archive.Entry) { e.Previous = nil }) }},
		"keeps seconds":    {"bytes as they are", func(a *broken) { a.read = roundTime }},
		"text only": {"bytes as they are", func(a *broken) {
			a.write = change(func(e *archive.Entry) { e.Raw = []byte(strings.ToValidUTF8(string(e.Raw), "?")) })
		}},
		"trims lines": {"bytes as they are", func(a *broken) {
			a.write = change(func(e *archive.Entry) { e.Inputs = []byte(strings.TrimSpace(string(e.Inputs))) })
		}},
		"first one stays":   {"written again", func(a *broken) { a.write = a.firstStays }},
		"missing is empty":  {"what is not there", func(a *broken) { a.read = func(b archive.Batch, _ error) (archive.Batch, error) { return b, nil } }},
		"missing has a bug": {"what is not there", func(a *broken) { a.read = unclassified }},
		"ignores from": {"list a range", func(a *broken) {
			a.list = func(n string, _, to time.Time) (string, time.Time, time.Time) { return n, time.Time{}, to }
		}},
		"ignores to": {"list a range", func(a *broken) {
			a.list = func(n string, from, _ time.Time) (string, time.Time, time.Time) { return n, from, time.Time{} }
		}},
		"includes to": {"list a range", func(a *broken) { a.list = includeTo }},
		"whole days":  {"list a range", func(a *broken) { a.list = wholeDays }},
		"ignores case": {"accounts are apart", func(a *broken) {
			a.list = func(n string, f, u time.Time) (string, time.Time, time.Time) { return strings.ToLower(n), f, u }
		}},
		"newest first": {"list in time order", func(a *broken) { a.order = func(refs []string) []string { slices.Reverse(refs); return refs } }},
		"lists by id":  {"list in time order", func(a *broken) { a.order = byID }},
		"lists twice":  {"list in time order", func(a *broken) { a.order = func(refs []string) []string { return append(refs, refs...) } }},
		"rewrite keeps": {"rewrite", func(a *broken) {
			a.rewrite = func(context.Context, string, func(archive.Entry) bool) error { return nil }
		}},
		"rewrite inverts":   {"rewrite", func(a *broken) { a.rewrite = a.inverted }},
		"rewrite drops all": {"rewrite without need", func(a *broken) { a.rewrite = a.dropsAll }},
		"leaves empties":    {"rewrite to nothing", func(a *broken) { a.rewrite = a.leavesEmpty }},
		"lost update":       {"rewrites at once", func(a *broken) { a.rewrite = a.unlocked }},
		"keeps our memory":  {"data is the archive's own", func(a *broken) { a.read = a.aliased }},
		"parts overlap":     {"data is the archive's own", func(a *broken) { a.read = overlap }},
		"ignores the end": {"cancelled context", func(a *broken) {
			a.rewrite = func(_ context.Context, r string, d func(archive.Entry) bool) error {
				return a.Archive.Rewrite(context.Background(), r, d)
			}
		}},
	}
	for name, twin := range twins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := archivetest.Failures(t, archivetest.Harness{Patience: 10 * time.Second, New: func(testing.TB) archive.Archive {
				a := &broken{Archive: memory.New()}
				twin.make(a)
				return a
			}})
			if twin.found == "" {
				if len(failed) > 0 {
					t.Errorf("a sound archive fails: %v", failed)
				}
				return
			}
			if !slices.ContainsFunc(failed, func(f archivetest.Failure) bool { return f.Check == twin.found }) {
				t.Errorf("check %q lets it pass; failed: %v", twin.found, failed)
			}
		})
	}
}

func loseLast(b archive.Batch) (archive.Batch, bool) {
	b.Entries = b.Entries[:max(0, len(b.Entries)-1)]
	return b, true
}

func change(do func(*archive.Entry)) func(archive.Batch) (archive.Batch, bool) {
	return func(b archive.Batch) (archive.Batch, bool) {
		b.Entries = slices.Clone(b.Entries)
		for i := range b.Entries {
			do(&b.Entries[i])
		}
		return b, true
	}
}

func roundTime(b archive.Batch, err error) (archive.Batch, error) {
	b.At = b.At.Truncate(time.Second)
	return b, err
}

func unclassified(b archive.Batch, err error) (archive.Batch, error) {
	if fault.Is(err, fault.NotFound) {
		err = errors.New("file does not exist")
	}
	return b, err
}

func (a *broken) firstStays(b archive.Batch) (archive.Batch, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.kept {
		if k.ID == b.ID && k.Account == b.Account {
			return b, false
		}
	}
	a.kept = append(a.kept, b)
	return b, true
}

func includeTo(name string, from, to time.Time) (string, time.Time, time.Time) {
	if !to.IsZero() {
		to = to.Add(1)
	}
	return name, from, to
}

func wholeDays(name string, from, to time.Time) (string, time.Time, time.Time) {
	if !to.IsZero() {
		to = to.Truncate(24 * time.Hour).Add(24 * time.Hour)
	}
	return name, from.Truncate(24 * time.Hour), to
}

func byID(refs []string) []string {
	slices.SortFunc(refs, func(x, y string) int {
		return strings.Compare(x[strings.LastIndexByte(x, '-'):], y[strings.LastIndexByte(y, '-'):])
	})
	return refs
}

func (a *broken) inverted(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	return a.Archive.Rewrite(ctx, ref, func(e archive.Entry) bool { return !drop(e) })
}

func (a *broken) dropsAll(ctx context.Context, ref string, _ func(archive.Entry) bool) error {
	return a.Archive.Rewrite(ctx, ref, func(archive.Entry) bool { return true })
}

func (a *broken) leavesEmpty(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	b, err := a.Archive.Read(ctx, ref)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	b.Entries = slices.DeleteFunc(b.Entries, drop)
	_, err = a.Archive.Write(ctx, b)
	return err
}

// unlocked reads, changes and writes with nothing to keep two of them apart.
func (a *broken) unlocked(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	b, err := a.Archive.Read(ctx, ref)
	if err != nil {
		return nil
	}
	b.Entries = slices.DeleteFunc(b.Entries, drop)
	time.Sleep(time.Millisecond)
	if len(b.Entries) == 0 {
		return a.Archive.Rewrite(ctx, ref, drop)
	}
	_, err = a.Archive.Write(ctx, b)
	return err
}

// aliased answers with memory that earlier answers share.
func (a *broken) aliased(b archive.Batch, err error) (archive.Batch, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.kept {
		if err == nil && k.ID == b.ID && k.Account == b.Account && len(k.Entries) == len(b.Entries) {
			return k, nil
		}
	}
	a.kept = append(a.kept, b)
	return b, err
}

// overlap answers with parts that lie in one piece of memory with room to run into each other.
func overlap(b archive.Batch, err error) (archive.Batch, error) {
	var all []byte
	for _, e := range b.Entries {
		all = append(all, e.Raw...)
	}
	for i := range b.Entries {
		n := len(b.Entries[i].Raw)
		b.Entries[i].Raw, all = all[:n], all[n:]
	}
	return b, err
}
