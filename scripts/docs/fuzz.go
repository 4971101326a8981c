package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// securityPage writes the list of fuzz targets into the page about security, whose other words are written by hand.
func securityPage() ([]byte, error) {
	table, err := fuzzTargets("shared")
	if err != nil {
		return nil, err
	}
	return within("docs/security.md", "<!-- fuzz targets -->\n", table)
}

// within puts a table into a page between a mark and the next end.
func within(path, begin, table string) ([]byte, error) {
	const end = "<!-- end -->"
	page, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	head, rest, found := strings.Cut(string(page), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		return nil, fmt.Errorf("%s has no place between %q and %q", path, strings.TrimSpace(begin), end)
	}
	return []byte(head + begin + table + end + tail), nil
}

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// fuzzTargets lists every target below a folder.
func fuzzTargets(root string) (string, error) {
	var b strings.Builder
	b.WriteString("| package | target | budget of `make fuzz` |\n|---|---|---|\n")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range fuzzTarget.FindAllSubmatch(text, -1) {
			fmt.Fprintf(&b, "| `%s` | `%s` | 10 s |\n", filepath.ToSlash(filepath.Dir(path)), m[1])
		}
		return nil
	})
	return b.String(), err
}
