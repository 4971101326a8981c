package functions_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"rapport/shared/topology"
)

// TestReproducible builds a function twice for each of Lambda's machines, the second time from another folder: the bytes
// must be the same, for the right machine, without symbols.
func TestReproducible(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Symlink(root, elsewhere); err != nil {
		t.Fatal(err)
	}
	const name = "report" // all are built alike
	for arch, machine := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64} {
		var first []byte
		for _, from := range []string{root, elsewhere} {
			out := t.TempDir()
			cmd := exec.Command(filepath.Join(from, "scripts", "functions.sh"), arch, out, name)
			cmd.Dir = from
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			path := filepath.Join(out, name, topology.Handler)
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = got
			} else if !bytes.Equal(first, got) {
				t.Errorf("two builds for %s differ", arch)
			}
			file, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if file.Machine != machine || file.Section(".symtab") != nil || file.Section(".debug_info") != nil || file.Section(".note.go.buildid") != nil && bytes.Contains(got, []byte(root)) {
				t.Errorf("%s: machine %v, sections %v", arch, file.Machine, file.Sections)
			}
			if bytes.Contains(got, []byte(root+"/")) {
				t.Errorf("%s: the binary names the folder it was built in", arch)
			}
			_ = file.Close()
		}
	}
}

// TestReproducibleCommandLine builds the command line twice, the second time from another folder: the bytes must be the same.
func TestReproducibleCommandLine(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Symlink(root, elsewhere); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, from := range []string{root, elsewhere} {
		out := t.TempDir()
		cmd := exec.Command(filepath.Join(from, "scripts", "build.sh"), runtime.GOARCH, out)
		cmd.Dir = from
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		got, err := os.ReadFile(filepath.Join(out, "rapport"))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		} else if !bytes.Equal(first, got) {
			t.Error("two builds differ")
		}
		if bytes.Contains(got, []byte(root+"/")) {
			t.Error("the program names the folder it was built in")
		}
	}
}

// TestSize wants what bloats to stay out: no function holds a SQLite, a CDK or a twin, and none grows beyond its bound.
func TestSize(t *testing.T) {
	dir := binaries(t)
	for _, f := range topology.Functions() {
		path := filepath.Join(dir, f.Name, topology.Handler)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if size := float64(info.Size()) / (1 << 20); size > bound(f.Name) {
			t.Errorf("%s has %.1f MiB for %s, more than %.1f", f.Name, size, runtime.GOARCH, bound(f.Name))
		}
		out, err := exec.Command("go", "list", "-deps", "../functions/"+f.Name).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"modernc.org/sqlite", "zombiezen.com/go/sqlite", "github.com/aws/aws-cdk-go/awscdk/v2", "rapport/shared/datafile",
			"rapport/shared/twin/sink", "rapport/shared/localrun", "github.com/aws/aws-sdk-go-v2/config", "github.com/spf13/cobra", "testing"} {
			if bytes.Contains(append([]byte("\n"), out...), []byte("\n"+bad+"\n")) {
				t.Errorf("%s holds %s", f.Name, bad)
			}
		}
	}
}

// bound is the largest size of a function in MiB; 1.5 of them are the text models, which receive has not.
func bound(function string) float64 {
	switch function {
	case "receive":
		return 9.6
	case "console": // all verbs, and pages whose templates may call any method
		return 22.5
	case "jobs": // reads of every network, writes to every CRM
		return 16.5
	}
	return 15
}
