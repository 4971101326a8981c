package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"runtime/debug"
	"slices"
	"testing"
)

// TestBill lists every module of every program once, what replaces one in its place, and gives the same bytes every time.
func TestBill(t *testing.T) {
	a := &debug.BuildInfo{GoVersion: "go1.26.1", Path: "rapport/functions/tick", Main: debug.Module{Path: "rapport"}, Settings: []debug.BuildSetting{{Key: "GOARCH", Value: "arm64"}, {Key: "vcs.revision", Value: "x"}},
		Deps: []*debug.Module{{Path: "example.org/One", Version: "v1.0.0", Sum: "h1:aa="}, {Path: "example.org/two", Version: "v2.0.0", Replace: &debug.Module{Path: "example.org/fork", Version: "v0.0.1+incompatible"}}}}
	b := &debug.BuildInfo{GoVersion: "go1.26.1", Path: "rapport/scripts/rapport", Main: debug.Module{Path: "rapport"}, Deps: []*debug.Module{{Path: "example.org/One", Version: "v1.0.0", Sum: "h1:aa="}}}
	first := bill([]program{{nameOf("bootstrap", a), a}, {nameOf("rapport", b), b}})
	var refs []string
	for _, c := range first.Components {
		refs = append(refs, c.Ref)
	}
	want := []string{"pkg:golang/example.org/fork@v0.0.1%2Bincompatible", "pkg:golang/example.org/one@v1.0.0", "pkg:golang/stdlib@1.26.1", "rapport/rapport", "rapport/tick"}
	if !slices.Equal(refs, want) {
		t.Errorf("components %q, want %q", refs, want)
	}
	if on := first.Dependencies[1].On; first.Dependencies[1].Ref != "rapport/tick" || !slices.Equal(on, want[:3]) {
		t.Errorf("tick holds %q", on)
	}
	for _, d := range first.Dependencies {
		for _, ref := range append([]string{d.Ref}, d.On...) {
			if !slices.Contains(refs, ref) {
				t.Errorf("%s stands nowhere", ref)
			}
		}
	}
	one, _ := json.Marshal(first)
	two, _ := json.Marshal(bill([]program{{"rapport", b}, {"tick", a}}))
	if !bytes.Equal(one, two) {
		t.Error("another order of programs gives another bill")
	}
}

// TestReads reads a real program: this one.
func TestReads(t *testing.T) {
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b := bill([]program{{"sbom", info}})
	if b.Metadata.Component.Name != "rapport" || !slices.ContainsFunc(b.Components, func(c component) bool { return c.Name == "stdlib" && "go"+c.Version == info.GoVersion }) {
		t.Errorf("%+v", b)
	}
}
