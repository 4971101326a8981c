// Command slim lets the functions be linked without the methods that nobody calls. It writes to build/slim/ a copy of the
// expression library that looks up no methods by their names, and a go.mod that takes it in the library's place, whose
// path it prints for `go build -modfile`.
//
// Where a program may ask any value for a method by a name made at run time, the linker keeps every exported method of
// every type: 4 MiB of each function. Package expression lets nobody call a method but those of times, which it calls
// itself, so that its language is the same with both; a test compares them.
package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const library = "github.com/expr-lang/expr"

// edit replaces a text in a file of the library, once.
type edit struct{ file, old, new string }

// edits make every look-up find nothing.
func edits() []edit {
	return []edit{
		{"builtin/lib.go", "method := v.MethodByName(methodName)", "_, method := methodName, reflect.Value{}"},
		{"checker/info.go", "m, ok := base.MethodByName(name.Value); ok", "m, ok := (reflect.Method{}), false; ok"},
		{"checker/nature/nature.go", "i < n.NumMethods(c); i++ {\n\t\tmethod := n.Type.Method(i)", "false; i++ {\n\t\tmethod := reflect.Method{}"},
		{"checker/nature/utils.go", "; s.idx < s.numMethod; s.idx++ {\n\t\trm := s.rType.Method(s.idx)", "; false; s.idx++ {\n\t\trm := reflect.Method{}"},
		{"compiler/compiler.go", "_, ok = callee.Node.Type().MethodByName(prop.Value); ok &&", "_ = prop; false &&"},
		{"vm/runtime/runtime.go", "method := v.MethodByName(methodName)", "_, method := methodName, reflect.Value{}"},
		{"vm/runtime/runtime.go", "method := v.Method(method.Index)", "method := reflect.Value{}"},
	}
}

// unused folders of the library hold tools of its own.
func unused() []string { return []string{"docgen", "docs", "test", "testdata", "repl", "debug"} }

func main() {
	path, err := slim(filepath.Join("build", "slim"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/slim:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// slim makes the copy in a folder named by its content, where it is not there yet, and gives the path of its go.mod.
func slim(dir string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", library).Output()
	if err != nil {
		return "", fmt.Errorf("the library %s is not there: run go mod download: %w", library, err)
	}
	from := strings.TrimSpace(string(out))
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, string(mod), string(sum), edits())))[:16]
	to := filepath.Join(dir, name)
	path := filepath.Join(to, "go.mod")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	half, err := os.MkdirTemp(dir, "half-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(half)
	if err := copied(from, filepath.Join(half, "expr")); err != nil {
		return "", err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => ./%s\n", library, filepath.ToSlash(filepath.Join(to, "expr")))
	for file, text := range map[string][]byte{"go.mod": mod, "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(half, file), text, 0o600); err != nil {
			return "", err
		}
	}
	if err := os.Rename(half, to); err != nil {
		if _, there := os.Stat(path); there != nil { // another may have been quicker
			return "", err
		}
	}
	return path, nil
}

// copied copies the library's code with the edits; each must fit exactly once.
func copied(from, to string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			for _, folder := range unused() {
				if name == folder {
					return fs.SkipDir
				}
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		if name != "go.mod" && (!strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go")) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, e := range edits() {
			if e.file != filepath.ToSlash(name) {
				continue
			}
			if n := strings.Count(string(text), e.old); n != 1 {
				return fmt.Errorf("%s of %s has %q %d times, not once: look at its new version", e.file, library, e.old, n)
			}
			text = []byte(strings.Replace(string(text), e.old, e.new, 1))
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
	if err != nil {
		return err
	}
	for _, e := range edits() {
		if _, err := os.Stat(filepath.Join(to, e.file)); err != nil {
			return fmt.Errorf("%s has no %s any more: look at its new version", library, e.file)
		}
	}
	return nil
}
