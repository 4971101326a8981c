// Package env reads secrets from the environment and from a .env file beside the configuration.
//
// A reference is env:NAME. The environment goes before the file, as everywhere with .env files. The file has lines of
// KEY=VALUE; "export " in front, comments with # and quotes as in a shell are understood: 'as it is', "with \n \t \" \\ \$".
// A quoted value may span lines (keys in PEM do). Nothing is expanded.
package env

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/secret"
)

var (
	_ secret.Source = (*Source)(nil)
	_ secret.Writer = (*Source)(nil)
)

const scheme = "env:"

// Options of a source.
type Options struct {
	Lookup func(name string) (string, bool) // the environment, as main was given it: os.LookupEnv; nil = none
	File   string                           // path of the .env file; "" = none; it need not exist
}

// Source is a secret.Source and secret.Writer. Safe for concurrent use in one process; two processes that Set at once
// may overwrite each other.
type Source struct {
	lookup func(string) (string, bool)
	file   string

	mu    sync.Mutex
	cache map[string]flow.Secret // by name
	read  bool                   // whether lines is what the file held
	lines []line
}

// New makes a source. It reads nothing yet.
func New(o Options) *Source {
	if o.Lookup == nil {
		o.Lookup = func(string) (string, bool) { return "", false }
	}
	return &Source{lookup: o.Lookup, file: o.File, cache: map[string]flow.Secret{}}
}

// String names the source and none of its secrets.
func (s *Source) String() string { return "secrets of the environment" }

// GoString names the source and none of its secrets.
func (s *Source) GoString() string { return "env.Source" }

// Get gives the secret of a reference. An empty value counts as none.
func (s *Source) Get(ctx context.Context, ref string) (flow.Secret, error) {
	name, err := nameOf(ref)
	if err != nil {
		return flow.Secret{}, err
	}
	if err := ctx.Err(); err != nil {
		return flow.Secret{}, fault.New(fault.Transient, "secret %s: %w", ref, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got, ok := s.cache[name]; ok {
		return got, nil
	}
	if text, ok := s.lookup(name); ok && text != "" {
		return s.keep(name, text), nil
	}
	for _, again := range []bool{false, true} { // what the file did not have may have been added since
		if err := s.load(again); err != nil {
			return flow.Secret{}, err
		}
		if l, ok := find(s.lines, name); ok && l.value != "" {
			return s.keep(name, l.value), nil
		}
	}
	where := "the environment"
	if s.file != "" {
		where += " and in " + s.file
	}
	return flow.Secret{}, fault.New(fault.NotFound, "secret %s is missing: set %s in %s", ref, name, where)
}

// Forget drops what is cached of a reference, and of the file.
func (s *Source) Forget(ref string) {
	name, err := nameOf(ref)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cache, name)
	s.read, s.lines = false, nil
}

// Set stores a secret in the .env file, which only the owner may read afterwards. The rest of the file stays as it is.
// Conflict: the environment has the name and would hide the new value.
func (s *Source) Set(ctx context.Context, ref string, value flow.Secret) error {
	name, err := nameOf(ref)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Transient, "secret %s: %w", ref, err)
	}
	switch {
	case s.file == "":
		return fault.New(fault.Invalid, "secret %s cannot be stored: there is no .env file; set %s in the environment", ref, name)
	case value.Empty():
		return fault.New(fault.Invalid, "secret %s cannot be stored: it is empty", ref)
	case strings.ContainsRune(value.Reveal(), 0):
		return fault.New(fault.Invalid, "secret %s cannot be stored: it holds a NUL", ref)
	}
	if text, ok := s.lookup(name); ok && text != "" {
		return fault.New(fault.Conflict, "secret %s cannot be stored: the environment sets %s and goes before %s; change it there", ref, name, s.file)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(true); err != nil {
		return err
	}
	if err := s.save(replace(s.lines, name, value.Reveal())); err != nil {
		return fault.New(fault.Transient, "secret %s cannot be stored in %s: %w", ref, s.file, err)
	}
	s.read, s.lines = false, nil
	s.keep(name, value.Reveal())
	return nil
}

func (s *Source) keep(name, text string) flow.Secret {
	got := flow.NewSecret(text)
	s.cache[name] = got
	return got
}

// load reads the file unless that was done; again reads it anyway.
func (s *Source) load(again bool) error {
	if s.file == "" || s.read && !again {
		return nil
	}
	text, err := os.ReadFile(s.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Transient, "secrets cannot be read: %w", err)
	}
	lines, bad := parse(string(text))
	if bad > 0 {
		return fault.New(fault.Invalid, "secrets cannot be read: line %d of %s is not KEY=VALUE, or its quote does not end", bad, s.file)
	}
	s.read, s.lines = true, lines
	return nil
}

// save replaces the file as a whole, also behind a link.
func (s *Source) save(text string) error {
	path := s.file
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".env-") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.WriteString(text)
	if err == nil {
		err = temp.Sync()
	}
	if end := temp.Close(); err == nil {
		err = end
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// nameOf gives the NAME of env:NAME. The message does not repeat what may be a secret by mistake.
func nameOf(ref string) (string, error) {
	name, ok := strings.CutPrefix(ref, scheme)
	if !ok {
		return "", fault.New(fault.Invalid, "secret: a reference of the environment looks like env:NAME")
	}
	if !valid(name) {
		return "", fault.New(fault.Invalid, "secret: after env: stands a name of letters, digits and _ that begins with no digit")
	}
	return name, nil
}

func valid(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
