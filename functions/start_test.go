package functions_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/scripts/lambdahost/host"
	"rapport/shared/topology"
)

// starts is how many processes of each function are started in turn.
const starts = 7

// hello builds the least that a function can be.
func hello(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hello")
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w -buildid=", "-o", path, "../shared/lambdarun/testdata/hello")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// BenchmarkStart measures what a cold start costs of ours: from exec to the first poll of the Runtime API, the median of
// some, hello world's in the same run beside it, and the memory at rest. `go test ./functions -bench Start -run ^$`
func BenchmarkStart(b *testing.B) {
	dir, err := build()
	if err != nil {
		b.Fatal(err)
	}
	programs := map[string]string{"hello": hello(b)}
	names := []string{"hello"}
	for _, f := range topology.Functions() {
		names = append(names, f.Name)
		programs[f.Name] = filepath.Join(dir, f.Name, topology.Handler)
	}
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				median, memory := measure(b, name, programs[name])
				b.ReportMetric(float64(median.Microseconds())/1000, "ms/start")
				if memory > 0 {
					b.ReportMetric(memory, "MiB/rest")
				}
				info, err := os.Stat(programs[name])
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/(1<<20), "MiB/binary")
			}
		})
	}
}

// measure gives the median of some starts.
func measure(t testing.TB, name, program string) (median time.Duration, memory float64) {
	t.Helper()
	var times []time.Duration
	var memories []float64
	for n := range starts + 1 {
		h := host.New(host.Options{})
		h.Set(host.Function{Name: name, ARN: "arn:aws:lambda:eu-west-1:123456789012:function:" + name, Program: program, Limit: 10 * time.Second, Memory: 256,
			Env: []string{topology.EnvTable + "=t", topology.EnvArchive + "=a", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_ENDPOINT_URL=http://127.0.0.1:9"}})
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		_, _ = h.Invoke(ctx, name, []byte(`{}`)) // whatever it answers: it has started
		cancel()
		if n > 0 { // the first fills the caches of the disk
			times = append(times, h.Stats(name).Boot)
			memories = append(memories, resident(program))
		}
		h.Close()
	}
	slices.Sort(times)
	slices.Sort(memories)
	return times[len(times)/2], memories[len(memories)/2]
}

// resident gives the memory of the process that runs a program, in MiB; 0 where the system does not tell.
func resident(program string) float64 {
	list, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, exe := range list {
		if target, err := os.Readlink(exe); err != nil || target != program {
			continue
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(exe), "status"))
		if err != nil {
			continue
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n := 0.0
				for _, c := range strings.TrimSpace(strings.TrimSuffix(kb, "kB")) {
					n = n*10 + float64(c-'0')
				}
				return n / 1024
			}
		}
	}
	return 0
}

// TestStart wants every function small at rest. How long starts take is measured by BenchmarkStart; here it is only told.
func TestStart(t *testing.T) {
	dir := binaries(t)
	floor, _ := measure(t, "hello", hello(t))
	for _, f := range topology.Functions() {
		got, memory := measure(t, f.Name, filepath.Join(dir, f.Name, topology.Handler))
		t.Logf("%-8s %v, hello world %v, %.1f MiB", f.Name, got, floor, memory)
		if memory > 25 {
			t.Errorf("%s takes %.1f MiB at rest, more than 25", f.Name, memory)
		}
	}
}
