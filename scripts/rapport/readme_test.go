package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const readme = "../../README.md"

// readmeConfig gives the rapport.yaml that the README shows.
func readmeConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], "version: 1") {
			return m[1]
		}
	}
	t.Fatal("the README shows no rapport.yaml")
	return ""
}

// TestReadme looks that the configuration of the README is right and that its commands and links exist.
func TestReadme(t *testing.T) {
	p := newPlace(t)
	p.write("rapport.yaml", readmeConfig(t))
	p.says("is right", "validate")
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	root := p.run(0)
	for _, m := range regexp.MustCompile(`(?m)^(?:\$ )?rapport ([a-z]+)`).FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(root, "  "+m[1]+" ") {
			t.Errorf("the README names the command %q, which there is not", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([a-zA-Z][^):#]*)[^)]*\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../../" + m[1]); err != nil {
			t.Errorf("the README leads to %s, which there is not", m[1])
		}
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`make ([a-z]+)").FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("the README names make %s, which there is not", m[1])
		}
	}
}
