// Command new makes the files of a new network or CRM. Run it at the top of the repository:
//
//	go run ./scripts/new network birdsong
//	go run ./scripts/new crm ledgerbook
//
// What it makes compiles and passes its conformance suite against a fake vendor that it makes as well: a small one,
// to be changed step by step into what the vendor really does.
package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed template
var templates embed.FS

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./scripts/new network|crm NAME")
		os.Exit(2)
	}
	made, err := generate(".", os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "new:", err)
		os.Exit(1)
	}
	for _, path := range made {
		fmt.Println(path)
	}
	fmt.Printf("\nnext: go test ./shared/%s/%s, then change the fake vendor, the client and the cases under testdata to what the vendor does,\nand run go run ./scripts/docs\n", os.Args[1], os.Args[2])
}

// subject is what templates see.
type subject struct {
	Name string // birdsong
	Type string // Birdsong
}

// generate makes the files under root and gives their paths.
func generate(root, kind, name string) ([]string, error) {
	if kind != "network" && kind != "crm" {
		return nil, fmt.Errorf("%q is neither network nor crm", kind)
	}
	if !regexp.MustCompile(`^[a-z][a-z0-9]{0,30}$`).MatchString(name) || strings.HasSuffix(name, "test") {
		return nil, fmt.Errorf("%q cannot be a name: lower case letters and digits, beginning with a letter, not ending in test", name)
	}
	adapter, twin := filepath.Join("shared", kind, name), filepath.Join("shared", "twin", name)
	for _, dir := range []string{adapter, twin} {
		if _, err := os.Stat(filepath.Join(root, dir)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is there already", dir)
		}
	}
	files := map[string]string{
		"adapter.go": filepath.Join(adapter, name+".go"), "client.go": filepath.Join(adapter, "client.go"),
		"adapter_test.go": filepath.Join(adapter, name+"_test.go"), "twin.go": filepath.Join(twin, name+".go"),
		"raw.json": filepath.Join(adapter, "testdata", "mention", "raw.json"), "want.json": filepath.Join(adapter, "testdata", "mention", "want.json"),
	}
	var made []string
	for from, to := range files {
		text, err := fill(kind, from, subject{Name: name, Type: strings.ToUpper(name[:1]) + name[1:]})
		if errors.Is(err, fs.ErrNotExist) {
			continue // a CRM has no cases
		}
		if err == nil {
			err = write(filepath.Join(root, to), text)
		}
		if err != nil {
			return nil, err
		}
		made = append(made, to)
	}
	list := filepath.Join("shared", "connectors", "connectors.go")
	if err := enlist(filepath.Join(root, list), kind, name); err != nil {
		return nil, err
	}
	slices.Sort(made)
	return append(made, list), nil
}

// fill fills a template; Go is formatted.
func fill(kind, file string, s subject) ([]byte, error) {
	text, err := templates.ReadFile("template/" + kind + "/" + file + ".tmpl")
	if err != nil {
		return nil, err
	}
	t, err := template.New(file).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(file, ".go") {
		return b.Bytes(), nil
	}
	return format.Source(b.Bytes())
}

func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// enlist adds the import and the one line in the list of connectors, both in their order.
func enlist(path, kind, name string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	begin := slices.Index(lines, "\treturn "+kind+"s(")
	if begin < 0 {
		return fmt.Errorf("%s has no list of %ss to add a line to", path, kind)
	}
	lines = insert(lines, begin+1, "\t\t"+name+".New(),")
	begin = slices.Index(lines, "import (")
	if begin < 0 {
		return fmt.Errorf("%s has no imports", path)
	}
	lines = insert(lines, begin+1, "\t\"rapport/shared/"+kind+"/"+name+"\"")
	out, err := format.Source([]byte(strings.Join(lines, "\n")))
	if err != nil {
		return err
	}
	return os.WriteFile(path, out, 0o644)
}

// insert puts a line into the sorted run of lines that begins at from and ends before a closing bracket.
func insert(lines []string, from int, line string) []string {
	at := from
	for at < len(lines) && strings.TrimSpace(lines[at]) != ")" && lines[at] < line {
		at++
	}
	return slices.Insert(lines, at, line)
}
