package functions_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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
				checkSize(t, name+" for "+arch, got, bound(t, name))
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

// TestReproducibleCommandLine builds the command line twice, the second time from another folder: the bytes must be the same, and what was
// linked without much must still play the whole day of the demo.
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
	var out string
	for _, from := range []string{root, elsewhere} {
		out = t.TempDir()
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
	text, err := exec.CommandContext(t.Context(), filepath.Join(out, "rapport"), "demo").CombinedOutput()
	if err != nil || !bytes.HasSuffix(text, []byte(", 0 unaccounted\n")) {
		t.Errorf("the demo of what was built: %v: %s", err, text)
	}
}

// TestSize wants what bloats to stay out: no function holds a SQLite, a CDK or a twin, and none grows beyond its bound.
func TestSize(t *testing.T) {
	dir := binaries(t)
	for _, f := range topology.Functions() {
		program, err := os.ReadFile(filepath.Join(dir, f.Name, topology.Handler))
		if err != nil {
			t.Fatal(err)
		}
		checkSize(t, f.Name+" for "+runtime.GOARCH, program, bound(t, f.Name))
		out, err := exec.Command("go", "list", "-deps", "../functions/"+f.Name).Output()
		if err != nil {
			t.Fatal(err)
		}
		bad := []string{"modernc.org/sqlite", "zombiezen.com/go/sqlite", "github.com/aws/aws-cdk-go/awscdk/v2", "rapport/shared/datafile",
			"rapport/shared/twin/sink", "rapport/shared/localrun", "github.com/aws/aws-sdk-go-v2/config", "github.com/spf13/cobra", "testing"}
		if f.Name != "console" {
			bad = append(bad, "rapport/shared/console", "rapport/shared/oidc")
		}
		for _, bad := range bad {
			if bytes.Contains(append([]byte("\n"), out...), []byte("\n"+bad+"\n")) {
				t.Errorf("%s holds %s", f.Name, bad)
			}
		}
	}
}

// size is that of a function in MiB: as it is, and zipped as it is handed over.
type size struct{ whole, zipped float64 }

// models are the readers of text and language, which the functions hold that decide.
func models(t *testing.T) size {
	t.Helper()
	var all []byte
	for _, name := range []string{"text/model.bin", "text/polarity.bin", "language/model.bin"} {
		b, err := os.ReadFile(filepath.Join("..", "shared", "decide", name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return size{mib(len(all)), zipped(t, all)}
}

// bound is the largest size of a function for x86-64; those for arm64 are a tenth smaller.
func bound(t *testing.T, function string) size {
	with := func(whole, zipped float64) size {
		m := models(t)
		return size{whole + m.whole, zipped + m.zipped}
	}
	switch function {
	case "receive":
		return size{9, 3.5}
	case "enrich":
		return with(12, 4.5)
	case "jobs": // reads of every network, writes to every CRM, and a replay's decisions
		return with(13.2, 4.9)
	case "console": // nearly all verbs, the pages, and the log-in
		return with(15.7, 5.8)
	}
	return size{12, 4.5}
}

// checkSize compares a program with its bound.
func checkSize(t *testing.T, name string, program []byte, most size) {
	t.Helper()
	got := size{mib(len(program)), zipped(t, program)}
	t.Logf("%s: %.2f (%.2f) MiB", name, got.whole, got.zipped)
	if got.whole > most.whole || got.zipped > most.zipped {
		t.Errorf("%s has %.2f MiB, %.2f zipped, more than %.2f, %.2f: docs/performance.md says how to find out why", name, got.whole, got.zipped, most.whole, most.zipped)
	}
}

func mib(bytes int) float64 { return float64(bytes) / (1 << 20) }

// zipped tells how many MiB are left of a file when it is handed over.
func zipped(t *testing.T, file []byte) float64 {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create(topology.Handler)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return mib(out.Len())
}

// TestSlim plays the tests of what the functions link otherwise than other programs do: pages, feeds, archive, the loop that
// answers the runtime. What needs a browser is left to the pages' own tests.
func TestSlim(t *testing.T) {
	run := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = ".."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	mod := run("go", "run", "./scripts/slim")
	run("go", "test", "-modfile", mod, "-overlay", filepath.Join(filepath.Dir(mod), "overlay.json"), "-tags", "lambda.norpc,nethttpomithttp2", "-skip", "Journey|EveryPage",
		"./shared/console", "./shared/network/feed", "./shared/archive", "./shared/lambdarun")
}
