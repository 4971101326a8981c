// Package secrettest is the conformance suite of package secret. Every driver runs it.
//
// A check gets a source and says in an error what is wrong with it. The suite itself is tested with broken sources:
// each must be found out.
package secrettest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/secret"
)

// Harness tells the suite how to make a source and how the world behind it changes.
type Harness struct {
	// New gives a source; it may be the same for every check. Cleaning up belongs to t.Cleanup.
	New func(t testing.TB) secret.Source
	// Ref makes the reference of a name of capital letters and digits.
	Ref func(name string) string
	// Change sets a secret behind the source's back, as somebody does who rotates it.
	Change func(t testing.TB, name, value string)
	// Bad are references that the source does not understand.
	Bad []string
	// Patience bounds one check; 0 = one minute.
	Patience time.Duration
}

// Failure is a check that a source does not pass.
type Failure struct {
	Check string
	Err   error
}

// Run runs every check as a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := h.run(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Failures runs every check and gives those that fail, in order; t is only for making sources.
func Failures(t testing.TB, h Harness) []Failure {
	t.Helper()
	var failed []Failure
	for _, c := range checks {
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
	return c.run(ctx, bench{Source: h.New(t), ref: h.Ref, change: func(name, value string) { h.Change(t, name, value) }, bad: h.Bad,
		name: "CANARY" + rand.Text()})
}

type check struct {
	name string
	run  func(ctx context.Context, b bench) error
}

var checks = []check{
	{"get", gets},
	{"not found", notFound},
	{"not understood", notUnderstood},
	{"forget after rotation", forgets},
	{"added later", addedLater},
	{"any text", anyText},
	{"set", sets},
	{"many at once", manyAtOnce},
	{"cancelled context", cancelled},
	{"nothing shows the secret", nothingShows},
}

// bench is what a check works with.
type bench struct {
	secret.Source
	ref    func(name string) string
	change func(name, value string)
	bad    []string
	name   string // a name nobody else uses; more of them by appending
}

// gives checks what a name's reference gives.
func (b bench) gives(ctx context.Context, name, want string) error {
	got, err := b.Get(ctx, b.ref(name))
	if err != nil {
		return fmt.Errorf("get of %s: %w", name, err)
	}
	if got.Reveal() != want {
		return fmt.Errorf("get of %s gave %q, want %q", name, got.Reveal(), want)
	}
	return nil
}

func gets(ctx context.Context, b bench) error {
	b.change(b.name, "one")
	b.change(b.name+"2", "two")
	for range 2 {
		if err := b.gives(ctx, b.name, "one"); err != nil {
			return err
		}
		if err := b.gives(ctx, b.name+"2", "two"); err != nil {
			return err
		}
	}
	return nil
}

func notFound(ctx context.Context, b bench) error {
	got, err := b.Get(ctx, b.ref(b.name))
	if !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("get of what is not there gave %v, want NotFound", err)
	}
	if !got.Empty() {
		return fmt.Errorf("get of what is not there gave a value")
	}
	if !strings.Contains(err.Error(), b.ref(b.name)) {
		return fmt.Errorf("the message does not name the reference %s: %w", b.ref(b.name), err)
	}
	return nil
}

func notUnderstood(ctx context.Context, b bench) error {
	for _, ref := range append([]string{"", "other:NAME", "no-scheme", "://", b.ref("")}, b.bad...) {
		if _, err := b.Get(ctx, ref); !fault.Is(err, fault.Invalid) {
			return fmt.Errorf("get of %q gave %v, want Invalid", ref, err)
		}
		b.Forget(ref) // must not panic
	}
	// Somebody puts the secret where its reference belongs: the message must not spread it.
	const pasted = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
	if _, err := b.Get(ctx, pasted); err == nil || strings.Contains(err.Error(), pasted) {
		return fmt.Errorf("a secret in place of its reference shows in the message: %v", err)
	}
	return nil
}

func forgets(ctx context.Context, b bench) error {
	b.change(b.name, "old")
	if err := b.gives(ctx, b.name, "old"); err != nil {
		return err
	}
	b.change(b.name, "new")
	b.Forget(b.ref(b.name))
	if err := b.gives(ctx, b.name, "new"); err != nil {
		return fmt.Errorf("after rotation and Forget: %w", err)
	}
	b.Forget(b.ref(b.name + "NEVER"))
	return b.gives(ctx, b.name, "new")
}

func addedLater(ctx context.Context, b bench) error {
	b.change(b.name+"OTHER", "x")
	if err := b.gives(ctx, b.name+"OTHER", "x"); err != nil {
		return err
	}
	if err := notFound(ctx, b); err != nil {
		return err
	}
	b.change(b.name, "late")
	b.Forget(b.ref(b.name))
	return b.gives(ctx, b.name, "late")
}

// texts are what secrets may look like.
var texts = []string{"x", "with space", " edges ", `"`, `'`, `it's "quoted"`, `back\slash`, `\n`, "a#b", "a #b", "#a", "a=b==", "$HOME ${HOME} `x`", "ünï💬", "tab\there",
	"-----BEGIN KEY-----\nMIIB+/=\nline\n-----END KEY-----\n", "cr\r\nlf", strings.Repeat("long", 900)}

func anyText(ctx context.Context, b bench) error {
	for i, text := range texts {
		name := fmt.Sprintf("%sT%d", b.name, i)
		b.change(name, text)
		if err := b.gives(ctx, name, text); err != nil {
			return err
		}
	}
	return nil
}

func sets(ctx context.Context, b bench) error {
	w, ok := b.Source.(secret.Writer)
	if !ok {
		return nil // a source need not write
	}
	b.change(b.name+"KEPT", "kept")
	for i, text := range texts {
		for _, name := range []string{b.name, fmt.Sprintf("%sS%d", b.name, i)} {
			if err := w.Set(ctx, b.ref(name), flow.NewSecret(text)); err != nil {
				return fmt.Errorf("set of %s: %w", name, err)
			}
			if err := b.gives(ctx, name, text); err != nil {
				return err
			}
			b.Forget(b.ref(name))
			if err := b.gives(ctx, name, text); err != nil {
				return fmt.Errorf("after set and Forget: %w", err)
			}
		}
	}
	for i, text := range texts {
		if err := b.gives(ctx, fmt.Sprintf("%sS%d", b.name, i), text); err != nil {
			return fmt.Errorf("after other sets: %w", err)
		}
	}
	if err := b.gives(ctx, b.name+"KEPT", "kept"); err != nil {
		return fmt.Errorf("after other sets: %w", err)
	}
	for _, ref := range b.bad {
		if err := w.Set(ctx, ref, flow.NewSecret("x")); !fault.Is(err, fault.Invalid) {
			return fmt.Errorf("set of %q gave %v, want Invalid", ref, err)
		}
	}
	if err := w.Set(ctx, b.ref(b.name), flow.Secret{}); !fault.Is(err, fault.Invalid) {
		return fmt.Errorf("set of nothing gave %v, want Invalid", err)
	}
	return b.gives(ctx, b.name, texts[len(texts)-1])
}

func manyAtOnce(ctx context.Context, b bench) error {
	b.change(b.name, "same")
	errs := make([]error, 40)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() {
			if i%4 == 0 {
				b.Forget(b.ref(b.name))
			}
			if w, ok := b.Source.(secret.Writer); ok && i%4 == 1 {
				if errs[i] = w.Set(ctx, b.ref(fmt.Sprintf("%sW%d", b.name, i)), flow.NewSecret("w")); errs[i] != nil {
					return
				}
				errs[i] = b.gives(ctx, fmt.Sprintf("%sW%d", b.name, i), "w")
				return
			}
			errs[i] = b.gives(ctx, b.name, "same")
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func cancelled(ctx context.Context, b bench) error {
	over, cancel := context.WithCancel(ctx)
	cancel()
	b.change(b.name, "x")
	if _, err := b.Get(over, b.ref(b.name)); !fault.Is(err, fault.Transient) {
		return fmt.Errorf("get after the context's end gave %v, want Transient", err)
	}
	if w, ok := b.Source.(secret.Writer); ok {
		if err := w.Set(over, b.ref(b.name), flow.NewSecret("y")); !fault.Is(err, fault.Transient) {
			return fmt.Errorf("set after the context's end gave %v, want Transient", err)
		}
	}
	return b.gives(ctx, b.name, "x")
}

// nothingShows looks for a secret in whatever a careless log line could print.
func nothingShows(ctx context.Context, b bench) error {
	canary := "canary" + rand.Text()
	b.change(b.name, canary)
	got, err := b.Get(ctx, b.ref(b.name))
	if err != nil {
		return err
	}
	if got.Reveal() != canary {
		return fmt.Errorf("get gave another secret")
	}
	seen := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		seen["the secret with "+verb] = fmt.Sprintf(verb, got)
		seen["the source with "+verb] = fmt.Sprintf(verb, b.Source)
	}
	for what, value := range map[string]any{"the secret": got, "a struct with it": struct{ S flow.Secret }{got}, "the source": b.Source} {
		text, _ := json.Marshal(value)
		seen[what+" as JSON"] = string(text)
	}
	for i, ref := range append([]string{b.ref(b.name + "MISSING"), canary, b.ref(canary + "!")}, b.bad...) {
		if _, err := b.Get(ctx, ref); err != nil && ref != canary {
			seen[fmt.Sprintf("error %d", i)] = strings.ReplaceAll(err.Error(), ref, "")
		} else if err != nil {
			seen[fmt.Sprintf("error %d", i)] = err.Error()
		}
	}
	if w, ok := b.Source.(secret.Writer); ok {
		over, cancel := context.WithCancel(ctx)
		cancel()
		for i, ref := range append([]string{"", b.ref("")}, b.bad...) {
			if err := w.Set(ctx, ref, got); err != nil {
				seen[fmt.Sprintf("error %d of set", i)] = err.Error()
			}
		}
		if err := w.Set(over, b.ref(b.name), got); err != nil {
			seen["error of a cancelled set"] = err.Error()
		}
		if err := w.Set(ctx, b.ref(b.name), flow.NewSecret(canary+"\x00")); err != nil {
			seen["error of an impossible set"] = err.Error()
		}
	}
	for what, text := range seen {
		if strings.Contains(text, canary) {
			return fmt.Errorf("%s shows the secret", what)
		}
	}
	return nil
}
