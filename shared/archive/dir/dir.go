// Package dir keeps the archive in a folder: one compressed file per batch, under <root>/<account>/<yyyy-mm-dd>/.
//
// A file appears whole or not at all: it is written under .tmp and renamed. `zstd -dc <file>` shows what is in it. One
// process writes a folder at a time (the data file's lock sees to that); others may read beside it.
package dir

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/archive"
	"rapport/shared/fault"
)

var _ archive.Archive = (*Archive)(nil)

const (
	suffix = ".zst"
	temp   = ".tmp"
	stale  = 10 * time.Minute // an unfinished file this old belongs to a process that was killed
)

// Options of an archive.
type Options struct {
	Root   string           // the folder; made when the first batch is written
	NoSync bool             // leave it to the system when files reach the disk: a power cut may lose the last seconds
	Now    func() time.Time // nil = time.Now; only for the age of unfinished files
}

// Archive is an archive.Archive in a folder. Safe for concurrent use.
type Archive struct {
	opt       Options
	codec     archive.Codec
	rewriting sync.Mutex // two rewrites of one batch must not undo each other
	sweep     sync.Once
}

// New opens the archive in a folder.
func New(o Options) (*Archive, error) {
	if o.Root == "" {
		return nil, fault.New(fault.Invalid, "archive: the folder is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Archive{opt: o}, nil
}

// Write stores a batch.
func (a *Archive) Write(ctx context.Context, b archive.Batch) (string, error) {
	ref, err := archive.Ref(b)
	if err != nil {
		return "", err
	}
	if err := ended(ctx); err != nil {
		return "", err
	}
	a.sweep.Do(a.clean)
	return ref, a.store(ref, b)
}

// Read gives a batch back.
func (a *Archive) Read(ctx context.Context, ref string) (archive.Batch, error) {
	if err := ended(ctx); err != nil {
		return archive.Batch{}, err
	}
	path, err := a.path(ref)
	if err != nil {
		return archive.Batch{}, err
	}
	object, err := os.ReadFile(path)
	if err != nil {
		return archive.Batch{}, classify(err, "read", ref)
	}
	return a.codec.Decode(object)
}

// List walks an account's references, oldest first. It reads the names of one day at a time.
func (a *Archive) List(ctx context.Context, account string, from, to time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		name := archive.Name(account)
		days, err := names(filepath.Join(a.opt.Root, name))
		if err != nil {
			yield("", classify(err, "list", name))
			return
		}
		first, last := archive.Span(from, to)
		for _, day := range days {
			if day < first || day > last {
				continue
			}
			files, err := names(filepath.Join(a.opt.Root, name, day))
			if err != nil {
				yield("", classify(err, "list", name+"/"+day))
				return
			}
			for _, file := range files {
				if err := ended(ctx); err != nil {
					yield("", err)
					return
				}
				base, ok := strings.CutSuffix(file, suffix)
				ref := name + "/" + day + "/" + base
				place, err := archive.Locate(ref)
				if !ok || err != nil || !archive.Within(place.At, from, to) {
					continue // not ours, or outside
				}
				if !yield(ref, nil) {
					return
				}
			}
		}
	}
}

// Rewrite removes entries.
func (a *Archive) Rewrite(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	a.clean()
	a.rewriting.Lock()
	defer a.rewriting.Unlock()
	b, err := a.Read(ctx, ref)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	before := len(b.Entries)
	b.Entries = slices.DeleteFunc(b.Entries, drop)
	if len(b.Entries) == before && before > 0 {
		return nil
	}
	if len(b.Entries) > 0 {
		return a.store(ref, b)
	}
	path, err := a.path(ref)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classify(err, "remove", ref)
	}
	return classify(a.flush(filepath.Dir(path)), "remove", ref)
}

// path gives the file of a reference.
func (a *Archive) path(ref string) (string, error) {
	place, err := archive.Locate(ref)
	if err != nil {
		return "", err
	}
	return filepath.Join(a.opt.Root, place.Account, place.Day, place.File+suffix), nil
}

// store writes a batch under .tmp and renames it to its place.
func (a *Archive) store(ref string, b archive.Batch) error {
	object, err := a.codec.Encode(b)
	if err != nil {
		return err
	}
	path, err := a.path(ref)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Join(a.opt.Root, temp), "batch-")
	if errors.Is(err, fs.ErrNotExist) {
		if err = a.mkdir(filepath.Join(a.opt.Root, temp)); err == nil {
			file, err = os.CreateTemp(filepath.Join(a.opt.Root, temp), "batch-")
		}
	}
	if err != nil {
		return classify(err, "write", ref)
	}
	if err := a.fill(file, object, path); err != nil {
		_ = os.Remove(file.Name())
		return classify(err, "write", ref)
	}
	return classify(a.flush(filepath.Dir(path)), "write", ref)
}

// fill writes and closes a temporary file and moves it to its place.
func (a *Archive) fill(file *os.File, object []byte, path string) error {
	_, err := file.Write(object)
	if err == nil && !a.opt.NoSync {
		err = file.Sync()
	}
	if end := file.Close(); err == nil {
		err = end
	}
	if err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); errors.Is(err, fs.ErrNotExist) {
		if err = a.mkdir(filepath.Dir(path)); err == nil {
			err = os.Rename(file.Name(), path)
		}
	}
	return err
}

// mkdir makes a folder with those above it, durably, for the owner alone.
func (a *Archive) mkdir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := a.flush(dir); err != nil {
			return err
		}
		if dir == filepath.Dir(a.opt.Root) || dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// flush makes a folder's names durable.
func (a *Archive) flush(dir string) error {
	if a.opt.NoSync {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// clean removes files that a killed process left unfinished: they may hold what must be erased.
func (a *Archive) clean() {
	dir := filepath.Join(a.opt.Root, temp)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // nothing was written yet
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && a.opt.Now().Sub(info.ModTime()) > stale {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// names lists a folder in order; a missing one is empty.
func names(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.Readdirnames(-1)
	slices.Sort(list)
	return list, err
}

func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Transient, "archive: %w", err)
	}
	return nil
}

// classify names the kind of a file system's error: a full disk passes once somebody made room.
func classify(err error, verb, ref string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "archive: there is no batch %q", ref)
	}
	return fault.New(fault.Transient, "archive: cannot %s %q: %w", verb, ref, err)
}
