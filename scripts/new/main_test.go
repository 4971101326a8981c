package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// beside generates into a copy and lets Go see it as a part of this module.
func beside(t *testing.T, kind, name string) (root, overlay string) {
	t.Helper()
	module, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	list := filepath.Join("shared", "connectors", "connectors.go")
	text, err := os.ReadFile(filepath.Join(module, list))
	if err != nil {
		t.Fatal(err)
	}
	if err := write(filepath.Join(root, list), text); err != nil {
		t.Fatal(err)
	}
	made, err := generate(root, kind, name)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, path := range made {
		replace[filepath.Join(module, path)] = filepath.Join(root, path)
	}
	text, err = json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(root, "overlay.json")
	if err := write(overlay, text); err != nil {
		t.Fatal(err)
	}
	return root, overlay
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestGenerated builds what is made as a part of the module, and runs its suite against the fake that is made with it.
func TestGenerated(t *testing.T) {
	for kind, name := range map[string]string{"network": "birdsong", "crm": "ledgerbook"} {
		t.Run(kind, func(t *testing.T) {
			root, overlay := beside(t, kind, name)
			module := filepath.Join("..", "..")
			run(t, module, "go", "build", "-overlay", overlay, "./shared/connectors")
			test := filepath.Join(root, "suite.test")
			run(t, module, "go", "test", "-vet=off", "-overlay", overlay, "-c", "-o", test, "./shared/"+kind+"/"+name)
			said := run(t, filepath.Join(root, "shared", kind, name), test, "-test.v")
			if n := strings.Count(said, "--- PASS"); n < 15 {
				t.Errorf("the suite has only %d checks:\n%s", n, said)
			}
			list, err := os.ReadFile(filepath.Join(root, "shared", "connectors", "connectors.go"))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(list), name+".New(),") != 1 {
				t.Errorf("the list of connectors:\n%s", list)
			}
			if _, err := generate(root, kind, name); err == nil || !strings.Contains(err.Error(), "is there already") {
				t.Errorf("made a second time: %v", err)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, c := range [][2]string{{"network", "Bird"}, {"network", "bird-song"}, {"crm", "9x"}, {"crm", "crmtest"}, {"queue", "bird"}, {"network", "../x"}} {
		if made, err := generate(t.TempDir(), c[0], c[1]); err == nil {
			t.Errorf("%v was made: %v", c, made)
		}
	}
}
