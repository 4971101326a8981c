package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNamedTestsExist: the page about security proves what it says by tests. Each of them has to be there.
func TestNamedTestsExist(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	page, err := os.ReadFile(filepath.Join("docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, m := range regexp.MustCompile("`([a-z/]+)` ((?:`Test\\w+`(?:, )?)+)").FindAllStringSubmatch(string(page), -1) {
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(m[2], -1) {
			named++
			files, err := filepath.Glob(filepath.Join(filepath.FromSlash(m[1]), "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Errorf("%s has no tests", m[1])
			}
			found := false
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				found = found || strings.Contains(string(text), "func "+name+"(")
			}
			if !found {
				t.Errorf("docs/security.md names %s of %s, which is not there", name, m[1])
			}
		}
	}
	if named < 25 {
		t.Errorf("only %d tests are named", named)
	}
}
