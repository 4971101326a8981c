package secrettest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/secret"
	"rapport/shared/secret/secrettest"
)

// world is where secrets come from in these tests.
type world struct {
	mu   sync.Mutex
	text map[string]string
}

func (w *world) change(_ testing.TB, name, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text[name] = value
}

// source is a sound source with places to break it.
type source struct {
	world  *world
	mu     sync.Mutex
	cache  map[string]flow.Secret
	get    func(ref string, s flow.Secret, err error) (flow.Secret, error)
	set    func(ref string, s flow.Secret) error
	forget bool // false = works
	deaf   bool // ignores the context
	print  bool
}

func (s *source) String() string {
	if s.print {
		return fmt.Sprint(s.world.text)
	}
	return "source"
}

func (s *source) GoString() string { return "source" }

func (s *source) MarshalText() ([]byte, error) { return []byte("source"), nil }

func (s *source) Get(ctx context.Context, ref string) (flow.Secret, error) {
	got, err := s.sound(ctx, ref)
	if s.get != nil {
		return s.get(ref, got, err)
	}
	return got, err
}

func (s *source) sound(ctx context.Context, ref string) (flow.Secret, error) {
	name, ok := strings.CutPrefix(ref, "t:")
	if !ok || name == "" || strings.Contains(name, "!") {
		return flow.Secret{}, fault.New(fault.Invalid, "not a reference")
	}
	if ctx.Err() != nil && !s.deaf {
		return flow.Secret{}, fault.New(fault.Transient, "%w", ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got, ok := s.cache[ref]; ok {
		return got, nil
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	text := s.world.text[name]
	if text == "" {
		return flow.Secret{}, fault.New(fault.NotFound, "%s is missing", ref)
	}
	s.cache[ref] = flow.NewSecret(text)
	return s.cache[ref], nil
}

func (s *source) Forget(ref string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.forget {
		delete(s.cache, ref)
	}
}

func (s *source) Set(ctx context.Context, ref string, value flow.Secret) error {
	if s.set != nil {
		if err := s.set(ref, value); err != nil || value.Empty() {
			return err
		}
	}
	name, ok := strings.CutPrefix(ref, "t:")
	if !ok || name == "" || value.Empty() || strings.Contains(value.Reveal(), "\x00") || strings.Contains(name, "!") {
		return fault.New(fault.Invalid, "cannot be set")
	}
	if ctx.Err() != nil {
		return fault.New(fault.Transient, "%w", ctx.Err())
	}
	s.world.change(nil, name, value.Reveal())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cache, ref)
	return nil
}

// Every fault must be found, by a check whose name says what is wrong.
func TestSuiteFindsBrokenSources(t *testing.T) {
	twins := map[string]struct {
		found string // the check that must fail
		make  func(s *source)
	}{
		"sound":              {"", func(*source) {}},
		"never forgets":      {"forget after rotation", func(s *source) { s.forget = true }},
		"trims":              {"any text", func(s *source) { s.get = trim }},
		"one for all":        {"get", func(s *source) { s.get = oneForAll() }},
		"missing is empty":   {"not found", func(s *source) { s.get = missingIsEmpty }},
		"missing unnamed":    {"not found", func(s *source) { s.get = missingUnnamed }},
		"missing is unknown": {"not found", func(s *source) { s.get = unknown }},
		"remembers missing":  {"added later", func(s *source) { s.get = rememberMissing() }},
		"takes any ref":      {"not understood", func(s *source) { s.get = takesAny }},
		"repeats the ref":    {"not understood", func(s *source) { s.get = repeats }},
		"set does nothing":   {"set", func(s *source) { s.set = func(string, flow.Secret) error { return nil }; s.get = s.early() }},
		"set takes nothing":  {"set", func(s *source) { s.set = func(_ string, v flow.Secret) error { return nil } }},
		"deaf":               {"cancelled context", func(s *source) { s.deaf = true }},
		"error tells":        {"nothing shows the secret", func(s *source) { s.get = s.tells }},
		"set's error tells":  {"nothing shows the secret", func(s *source) { s.set = setTells }},
		"prints itself":      {"nothing shows the secret", func(s *source) { s.print = true }},
	}
	for name, twin := range twins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{text: map[string]string{}}
			failed := secrettest.Failures(t, secrettest.Harness{Change: w.change, Bad: []string{"t:!"}, Ref: func(name string) string { return "t:" + name },
				New: func(testing.TB) secret.Source {
					s := &source{world: w, cache: map[string]flow.Secret{}}
					twin.make(s)
					return s
				}})
			if twin.found == "" {
				if len(failed) > 0 {
					t.Errorf("a sound source fails: %v", failed)
				}
				return
			}
			if !slices.ContainsFunc(failed, func(f secrettest.Failure) bool { return f.Check == twin.found }) {
				t.Errorf("check %q lets it pass; failed: %v", twin.found, failed)
			}
		})
	}
}

func trim(_ string, s flow.Secret, err error) (flow.Secret, error) {
	return flow.NewSecret(strings.TrimSpace(s.Reveal())), err
}

func oneForAll() func(string, flow.Secret, error) (flow.Secret, error) {
	var mu sync.Mutex
	var first flow.Secret
	return func(_ string, s flow.Secret, err error) (flow.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil && first.Empty() {
			first = s
		}
		if err == nil {
			s = first
		}
		return s, err
	}
}

func missingIsEmpty(_ string, s flow.Secret, err error) (flow.Secret, error) {
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return s, err
}

func missingUnnamed(_ string, s flow.Secret, err error) (flow.Secret, error) {
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "a secret is missing")
	}
	return s, err
}

func unknown(ref string, s flow.Secret, err error) (flow.Secret, error) {
	if fault.Is(err, fault.NotFound) {
		err = errors.New(ref + " is missing")
	}
	return s, err
}

func rememberMissing() func(string, flow.Secret, error) (flow.Secret, error) {
	var missing sync.Map
	return func(ref string, s flow.Secret, err error) (flow.Secret, error) {
		if fault.Is(err, fault.NotFound) {
			missing.Store(ref, err)
		}
		if gone, ok := missing.Load(ref); ok {
			return flow.Secret{}, gone.(error)
		}
		return s, err
	}
}

func takesAny(_ string, s flow.Secret, err error) (flow.Secret, error) {
	if fault.Is(err, fault.Invalid) {
		return flow.NewSecret("default"), nil
	}
	return s, err
}

func repeats(ref string, s flow.Secret, err error) (flow.Secret, error) {
	if fault.Is(err, fault.Invalid) {
		err = fault.New(fault.Invalid, "%q is no reference", ref)
	}
	return s, err
}

// early answers a reference for ever as it was the first time, so that a set is not seen.
func (s *source) early() func(string, flow.Secret, error) (flow.Secret, error) {
	var first sync.Map
	return func(ref string, got flow.Secret, err error) (flow.Secret, error) {
		if err != nil {
			return got, err
		}
		old, _ := first.LoadOrStore(ref, got)
		return old.(flow.Secret), nil
	}
}

// tells puts a secret of its cache into the message.
func (s *source) tells(_ string, got flow.Secret, err error) (flow.Secret, error) {
	if fault.Is(err, fault.NotFound) {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		err = fault.New(fault.NotFound, "not among %v", s.world.text)
	}
	return got, err
}

func setTells(ref string, v flow.Secret) error {
	if ref == "" {
		return fault.New(fault.Invalid, "cannot set %s", v.Reveal())
	}
	return nil
}
