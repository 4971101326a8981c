package env_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/secret"
	"rapport/shared/secret/env"
	"rapport/shared/secret/secrettest"
)

func ref(name string) string { return "env:" + name }

var bad = []string{"env:", "env:a b", "env:1A", "env:A-B", "env:A=B", "env:ä", "aws:NAME", "ENV:NAME", " env:NAME", "env:A\n"}

func TestEnvironment(t *testing.T) {
	var mu sync.Mutex
	world := map[string]string{}
	h := secrettest.Harness{Ref: ref, Bad: bad}
	h.New = func(t testing.TB) secret.Source {
		return env.New(env.Options{File: filepath.Join(t.TempDir(), ".env"), Lookup: func(name string) (string, bool) {
			mu.Lock()
			defer mu.Unlock()
			v, ok := world[name]
			return v, ok
		}})
	}
	h.Change = func(_ testing.TB, name, value string) {
		mu.Lock()
		defer mu.Unlock()
		world[name] = value
	}
	secrettest.Run(t, h)
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	h := secrettest.Harness{Ref: ref, Bad: bad}
	h.New = func(testing.TB) secret.Source { return env.New(env.Options{File: file}) }
	h.Change = func(t testing.TB, name, value string) { // by another process
		if err := env.New(env.Options{File: file}).Set(context.Background(), ref(name), flow.NewSecret(value)); err != nil {
			t.Fatal(err)
		}
	}
	secrettest.Run(t, h)
}

const written = "\ufeff# keys of the shop\r\n" + `
A=plain
export B = spaced # a comment
  C='single $x \n "quoted"'
D="double \"x\" \$y \n \\ \d"   # more
E=
F=#nothing
G=a#b
H="-----BEGIN-----
two
-----END-----
"
I='it
is'
J=http://user:x@host/?a=b&c=d
A2=first
A2=second
EMPTY=""
exported=yes
Z=last`

func TestFormat(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
		t.Fatal(err)
	}
	s := env.New(env.Options{File: file})
	want := map[string]string{"A": "plain", "B": "spaced", "C": `single $x \n "quoted"`, "D": "double \"x\" $y \n \\ \\d", "G": "a#b",
		"H": "-----BEGIN-----\ntwo\n-----END-----\n", "I": "it\nis", "J": "http://user:x@host/?a=b&c=d", "A2": "second", "exported": "yes", "Z": "last"}
	check := func() {
		t.Helper()
		for name, value := range want {
			if got, err := s.Get(context.Background(), ref(name)); err != nil || got.Reveal() != value {
				t.Errorf("%s is %q (%v), want %q", name, got.Reveal(), err, value)
			}
		}
		for _, name := range []string{"E", "F", "EMPTY", "X"} {
			if got, err := s.Get(context.Background(), ref(name)); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s is %q (%v), want NotFound", name, got.Reveal(), err)
			}
		}
	}
	check()

	// Setting changes its own lines and no other byte.
	for name, value := range map[string]string{"A2": "third", "H": "-----NEW-----\n", "NEW": "n"} {
		if err := s.Set(context.Background(), ref(name), flow.NewSecret(value)); err != nil {
			t.Fatal(err)
		}
		want[name] = value
	}
	s = env.New(env.Options{File: file})
	check()
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	expect := strings.NewReplacer("A2=first\nA2=second\n", "A2=third\n", "H=\"-----BEGIN-----\ntwo\n-----END-----\n\"\n", `H="-----NEW-----\n"`+"\n",
		"Z=last", "Z=last\nNEW=n\n").Replace(written)
	if string(after) != expect {
		t.Errorf("the file is now\n%q, want\n%q", after, expect)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v (%v), want 0600", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Errorf("beside the file lie %v", left)
	}
}

func TestMalformed(t *testing.T) {
	for name, text := range map[string]string{"no value": "A=1\nhunter2\n", "open quote": "\nB=\"hunter2\n", "rest": "\nB='hunter2' hunter3\n", "name": "\nB-C=hunter2\n", "no name": "\n=hunter2\n"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), ".env")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := env.New(env.Options{File: file})
			_, err := s.Get(context.Background(), ref("A"))
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "line 2 of "+file) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("get gave %v, want Invalid with the line's number and without its text", err)
			}
			if err := s.Set(context.Background(), ref("A"), flow.NewSecret("x")); !fault.Is(err, fault.Invalid) {
				t.Errorf("set gave %v, want Invalid", err)
			}
			if now, _ := os.ReadFile(file); !bytes.Equal(now, []byte(text)) {
				t.Errorf("a file that cannot be read was changed")
			}
		})
	}
}

func TestEnvironmentGoesFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("A=file\nB=file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	world := map[string]string{"A": "world", "B": ""}
	s := env.New(env.Options{File: file, Lookup: func(name string) (string, bool) { v, ok := world[name]; return v, ok }})
	for name, want := range map[string]string{"A": "world", "B": "file"} {
		if got, err := s.Get(context.Background(), ref(name)); err != nil || got.Reveal() != want {
			t.Errorf("%s is %q (%v), want %q", name, got.Reveal(), err, want)
		}
	}
	if err := s.Set(context.Background(), ref("A"), flow.NewSecret("x")); !fault.Is(err, fault.Conflict) {
		t.Errorf("setting what the environment hides gave %v, want Conflict", err)
	}
	if err := env.New(env.Options{}).Set(context.Background(), ref("A"), flow.NewSecret("x")); !fault.Is(err, fault.Invalid) {
		t.Errorf("setting without a file gave %v, want Invalid", err)
	}
}

// A get of what is cached reads no file: workers ask before every call.
func TestCached(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("A=old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := env.New(env.Options{File: file})
	get := func() string {
		got, err := s.Get(context.Background(), ref("A"))
		if err != nil {
			t.Fatal(err)
		}
		return got.Reveal()
	}
	get()
	if err := os.WriteFile(file, []byte("A=new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := get(); got != "old" {
		t.Errorf("before Forget the secret is %q, want the cached one", got)
	}
	s.Forget(ref("A"))
	if got := get(); got != "new" {
		t.Errorf("after Forget the secret is %q, want the new one", got)
	}
}

func TestLinkedFile(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, ".env")
	if err := os.WriteFile(real, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := env.New(env.Options{File: link}).Set(context.Background(), ref("A"), flow.NewSecret("x")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(real); err != nil || string(text) != "A=x\n" {
		t.Errorf("the file behind the link holds %q (%v)", text, err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(written), "value")
	f.Add([]byte("A='x"), "a\\n\"b")
	f.Add([]byte("A=\"x\\"), "\r\n")
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		if value == "" || strings.ContainsRune(value, 0) || len(text) > 10000 {
			return
		}
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := env.New(env.Options{File: file})
		before, missing := s.Get(context.Background(), ref("A"))
		if err := s.Set(context.Background(), ref("SET"), flow.NewSecret(value)); err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("set gave %v", err)
			}
			return
		}
		s = env.New(env.Options{File: file})
		if got, err := s.Get(context.Background(), ref("SET")); err != nil || got.Reveal() != value {
			t.Errorf("SET is %q (%v), want %q", got.Reveal(), err, value)
		}
		if after, err := s.Get(context.Background(), ref("A")); (err == nil) != (missing == nil) || after.Reveal() != before.Reveal() {
			t.Errorf("A was %q (%v) and is %q (%v)", before.Reveal(), missing, after.Reveal(), err)
		}
	})
}
