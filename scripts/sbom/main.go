// Command sbom writes what compiled programs are made of, as CycloneDX 1.6 in JSON: go run ./scripts/sbom PROGRAM… > sbom.json
// It reads what the linker put into the programs themselves, so nothing is listed that is not in them, and nothing is left
// out. The same programs give the same bytes.
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// bom is a bill of materials: https://cyclonedx.org/docs/1.6/json/
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	URL        string     `json:"purl,omitempty"`
	Scope      string     `json:"scope,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// dependency says what one thing holds.
type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// program is a compiled program and what is in it.
type program struct {
	name string
	info *debug.BuildInfo
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "sbom: name compiled programs, such as build/rapport")
		os.Exit(2)
	}
	var programs []program
	for _, file := range os.Args[1:] {
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "sbom: %s: %v\n", file, err)
			os.Exit(1)
		}
		programs = append(programs, program{nameOf(file, info), info})
	}
	text, err := json.MarshalIndent(bill(programs), "", "  ")
	if err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}

// nameOf calls a program by its package, as all functions are called bootstrap.
func nameOf(file string, info *debug.BuildInfo) string {
	if info.Path != "" {
		return path.Base(info.Path)
	}
	return filepath.Base(file)
}

// bill gathers what programs of one module hold.
func bill(programs []program) bom {
	main := programs[0].info.Main
	out := bom{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{component{Type: "application", Ref: main.Path, Name: main.Path}}}
	seen := map[string]component{}
	for _, p := range programs {
		ref := main.Path + "/" + p.name
		seen[ref] = component{Type: "application", Ref: ref, Name: p.name, Properties: settings(p.info)}
		std := moduleOf(&debug.Module{Path: "stdlib", Version: strings.TrimPrefix(p.info.GoVersion, "go")}) // as scanners call it
		seen[std.Ref] = std
		on := []string{std.Ref}
		for _, m := range p.info.Deps {
			c := moduleOf(m)
			seen[c.Ref] = c
			on = append(on, c.Ref)
		}
		slices.Sort(on)
		out.Dependencies = append(out.Dependencies, dependency{ref, on})
	}
	for _, c := range seen {
		out.Components = append(out.Components, c)
	}
	slices.SortFunc(out.Components, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	slices.SortFunc(out.Dependencies, func(a, b dependency) int { return strings.Compare(a.Ref, b.Ref) })
	return out
}

// moduleOf describes a module; what stands in its place, where it is replaced.
func moduleOf(m *debug.Module) component {
	if m.Replace != nil {
		m = m.Replace
	}
	address := "pkg:golang/" + strings.ToLower(m.Path) + "@" + url.QueryEscape(m.Version)
	c := component{Type: "library", Ref: address, Name: m.Path, Version: m.Version, URL: address, Scope: "required"}
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

// settings says for which machine a program was built.
func settings(info *debug.BuildInfo) (list []property) {
	for _, s := range info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" || s.Key == "CGO_ENABLED" {
			list = append(list, property{"go:" + s.Key, s.Value})
		}
	}
	return list
}
