package networktest

import (
	"fmt"
	"sync"
)

// Recorder collects what checks report instead of failing a test. It is safe for concurrent use.
type Recorder struct {
	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

// Helper does nothing.
func (*Recorder) Helper() {}

// Logf does nothing.
func (*Recorder) Logf(string, ...any) {}

// Errorf keeps the report.
func (r *Recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// Cleanup keeps f for the end of the check.
func (r *Recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// Record runs all checks and gives what each one reported, by name; checks that found nothing are absent. It is how the
// suite's own tests see that a broken connector is noticed.
func Record(s Suite) map[string][]string {
	found := map[string][]string{}
	run(s, func(name string, f func(Reporter)) {
		r := &Recorder{}
		f(r)
		for i := len(r.cleanups) - 1; i >= 0; i-- {
			r.cleanups[i]()
		}
		if len(r.errors) > 0 {
			found[name] = r.errors
		}
	})
	return found
}
