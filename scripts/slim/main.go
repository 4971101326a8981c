// Command slim lets the functions be linked without what none of them uses. It writes to build/slim/ copies of libraries with
// a few lines changed, a go.mod that takes them in the libraries' places, whose path it prints for `go build -modfile`, and
// beside it overlay.json, which does the same for the standard library (`go build -overlay`).
//
// Where a program may ask any value for a method by a name made at run time, the linker keeps every exported method of
// every type: 4 MiB of each function. Package expression lets nobody call a method but those of times, which it calls
// itself; of pages, the words that stand in them are the names that can be called. So both are the same with the copies;
// tests compare them.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// library is a module of which a changed copy is linked.
type library struct {
	path   string
	unused []string // folders that hold tools of its own
	edits  []edit
}

// edit replaces a text in a file of a library, once.
type edit struct{ file, old, new string }

// libraries are those that are copied.
func libraries() []library {
	return []library{
		// Every look-up of a method finds nothing.
		{"github.com/expr-lang/expr", []string{"docgen", "docs", "test", "testdata", "repl", "debug"}, []edit{
			{"builtin/lib.go", "method := v.MethodByName(methodName)", "_, method := methodName, reflect.Value{}"},
			{"checker/info.go", "m, ok := base.MethodByName(name.Value); ok", "m, ok := (reflect.Method{}), false; ok"},
			{"checker/nature/nature.go", "i < n.NumMethods(c); i++ {\n\t\tmethod := n.Type.Method(i)", "false; i++ {\n\t\tmethod := reflect.Method{}"},
			{"checker/nature/utils.go", "; s.idx < s.numMethod; s.idx++ {\n\t\trm := s.rType.Method(s.idx)", "; false; s.idx++ {\n\t\trm := reflect.Method{}"},
			{"compiler/compiler.go", "_, ok = callee.Node.Type().MethodByName(prop.Value); ok &&", "_ = prop; false &&"},
			{"vm/runtime/runtime.go", "method := v.MethodByName(methodName)", "_, method := methodName, reflect.Value{}"},
			{"vm/runtime/runtime.go", "method := v.Method(method.Index)", "method := reflect.Value{}"},
		}},
		// The runtime's own address is called without redirects and cookies, and nobody asks for the signal before the end.
		{"github.com/aws/aws-lambda-go", []string{"cmd", "cfn", "events", "lambda/testdata"}, []edit{
			{"lambda/handler.go", "if h.enableSIGTERM {", "if false {"},
			{"lambda/runtime_api_client.go", "resp, err := c.httpClient.Do(req)\n\tif err != nil {\n\t\treturn nil, fmt.Errorf(\"failed to get", "resp, err := c.httpClient.Transport.RoundTrip(req)\n\tif err != nil {\n\t\treturn nil, fmt.Errorf(\"failed to get"},
			{"lambda/runtime_api_client.go", "resp, err := c.httpClient.Do(req)\n\tif err != nil {\n\t\treturn fmt.Errorf(\"failed to POST", "resp, err := c.httpClient.Transport.RoundTrip(req)\n\tif err != nil {\n\t\treturn fmt.Errorf(\"failed to POST"},
		}},
		// Package feed hands over UTF-8, so that no tables of encodings are needed.
		{"github.com/mmcdole/gofeed", []string{"cmd", "testdata", "examples"}, []edit{
			{"internal/shared/charsetconv.go", "\t\"golang.org/x/net/html/charset\"\n", ""},
			{"internal/shared/charsetconv.go", "charset.NewReaderLabel(label, input)", "input, error(nil)"},
		}},
		// The archive and the queues pack at the fastest level only.
		{"github.com/klauspost/compress", []string{".github", "dict", "gzhttp", "internal/godebug", "internal/lz4ref", "internal/testdata", "s2/cmd", "snappy/xerial", "testdata", "zip"}, []edit{
			{"zstd/encoder_options.go", "\tcase SpeedDefault:\n\t\tif o.dict", "\t}\n\tpanic(\"this level is not linked\")\n\tswitch o.level {\n\tcase SpeedDefault:\n\t\tif o.dict"},
			{"flate/fast_encoder.go", "\tcase 2:\n", "\t}\n\tpanic(\"this level is not linked\")\n\tswitch level {\n\tcase 2:\n"},
			{"flate/deflate.go", "case 7 <= level && level <= 9:", "case false:"},
			{"flate/deflate.go", "case -level >= MinCustomWindowSize && -level <= MaxCustomWindowSize:", "case false:"},
		}},
	}
}

// templates is where the pages stand whose words may be names of methods.
const templates = "shared/console/page/*.html"

// standard are edits of the standard library's files. A look-up by a name that is written in the code keeps only what has it.
func standard(root string) ([]edit, error) {
	files, err := filepath.Glob(templates)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no templates are found: %v", err)
	}
	words := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, action := range regexp.MustCompile(`(?s)\{\{.*?\}\}`).FindAll(text, -1) {
			for _, word := range regexp.MustCompile(`\.([A-Z]\w*)`).FindAllSubmatch(action, -1) {
				words[string(word[1])] = true
			}
		}
	}
	ours, err := methods(root)
	if err != nil {
		return nil, err
	}
	var known strings.Builder
	for _, word := range slices.Sorted(maps.Keys(words)) {
		if !ours[word] {
			continue
		}
		fmt.Fprintf(&known, "\tcase %q:\n\t\tmethod = ptr.MethodByName(%q)\n", word, word)
	}
	return []edit{{"text/template/exec.go", "\tif method := ptr.MethodByName(fieldName); method.IsValid() {",
		"\tvar method reflect.Value\n\tswitch fieldName {\n" + known.String() + "\t}\n\tif method.IsValid() {"}}, nil
}

// methods are the names of all methods that values of pages may have: those of our own words, and of times. Whoever works
// has methods too, and is shown on no page.
func methods(root string) (map[string]bool, error) {
	found := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func \(\w+ (\*?\w+)\) ([A-Z]\w*)\(`)
	for _, dir := range []string{filepath.Join(root, "src/time"), "shared/flow", "shared/fault", "shared/config", "shared/network", "shared/crm", "shared/decide", "shared/decide/*",
		"shared/privacy", "shared/ledger", "shared/cost", "shared/pipeline", "shared/console"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("%s holds no code: %v", dir, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			for _, m := range declared.FindAllSubmatch(text, -1) {
				if !strings.HasSuffix(file, "_test.go") && string(m[1]) != "*Pipeline" {
					found[string(m[2])] = true
				}
			}
		}
	}
	return found, nil
}

func main() {
	path, err := slim(filepath.Join("build", "slim"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/slim:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// slim makes the copies in a folder named by its content, where it is not there yet, and gives the path of its go.mod.
func slim(dir string) (string, error) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		return "", err
	}
	root, err := output("go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	std, err := standard(root)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, string(mod), string(sum), root, libraries(), std)))[:16]
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
	files := map[string][]byte{"go.sum": sum}
	for _, l := range libraries() {
		from, err := output("go", "list", "-m", "-f", "{{.Dir}}", l.path)
		if err != nil {
			return "", fmt.Errorf("the library %s is not there: run go mod download: %w", l.path, err)
		}
		if err := l.copied(from, filepath.Join(half, filepath.Base(l.path))); err != nil {
			return "", err
		}
		mod = fmt.Appendf(mod, "\nreplace %s => ./%s\n", l.path, filepath.ToSlash(filepath.Join(to, filepath.Base(l.path))))
	}
	files["go.mod"] = mod
	if files["overlay.json"], err = overlay(std, root, half, to); err != nil {
		return "", err
	}
	for file, text := range files {
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

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// overlay changes files of the standard library and says in JSON which take whose place.
func overlay(edits []edit, root, half, to string) ([]byte, error) {
	replace := map[string]string{}
	for _, e := range edits {
		from := filepath.Join(root, "src", filepath.FromSlash(e.file))
		text, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if text, err = e.made(text, "the standard library"); err != nil {
			return nil, err
		}
		name := strings.ReplaceAll(e.file, "/", "_")
		if err := os.WriteFile(filepath.Join(half, name), text, 0o600); err != nil {
			return nil, err
		}
		if replace[from], err = filepath.Abs(filepath.Join(to, name)); err != nil {
			return nil, err
		}
	}
	return json.Marshal(map[string]any{"Replace": replace})
}

// made makes the edit, which must fit exactly once.
func (e edit) made(text []byte, in string) ([]byte, error) {
	if n := strings.Count(string(text), e.old); n != 1 {
		return nil, fmt.Errorf("%s of %s has %q %d times, not once: look at its new version", e.file, in, e.old, n)
	}
	return []byte(strings.Replace(string(text), e.old, e.new, 1)), nil
}

// copied copies a library's code with its edits.
func (l library) copied(from, to string) error {
	made := map[string]bool{}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			for _, folder := range l.unused {
				if name == folder {
					return fs.SkipDir
				}
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		switch ext := filepath.Ext(name); {
		case strings.HasSuffix(name, "_test.go"), ext != ".go" && ext != ".s" && ext != ".h" && name != "go.mod":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, e := range l.edits {
			if e.file != name {
				continue
			}
			if text, err = e.made(text, l.path); err != nil {
				return err
			}
			made[e.file] = true
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
	if err != nil {
		return err
	}
	for _, e := range l.edits {
		if !made[e.file] {
			return fmt.Errorf("%s has no %s any more: look at its new version", l.path, e.file)
		}
	}
	return nil
}
