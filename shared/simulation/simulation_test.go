package simulation

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rapport/shared/datafile"
	"rapport/shared/store"
	"rapport/shared/store/sqlite"
)

var (
	seeds = flag.Int("seeds", 1000, "how many seeds to play")
	first = flag.Uint64("seed", 1, "the first seed; with -seeds 1 -v it prints its history")
)

// onFile tells which seeds are played on a data file instead of memory: one in a hundred.
func onFile(seed uint64) bool { return seed%100 == 50 }

// options of a seed.
func options(t *testing.T, seed uint64) Options {
	o := Options{Seed: seed}
	if *seeds == 1 && testing.Verbose() {
		o.Log = os.Stdout
	}
	if onFile(seed) {
		file, err := datafile.Open(filepath.Join(t.TempDir(), "rapport.db"), datafile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		o.Store = func(now func() time.Time) store.Store {
			s, err := sqlite.New(file, sqlite.Options{Now: now})
			if err != nil {
				t.Error(err)
			}
			return s
		}
	}
	return o
}

// TestSimulation plays seeds; a failing one is printed and replays with -seed N -seeds 1 -v.
func TestSimulation(t *testing.T) {
	var wg sync.WaitGroup
	var next, faults, events, steps, searched, amended atomic.Int64
	next.Store(int64(*first) - 1)
	plans, err := Plans()
	if err != nil {
		t.Fatal(err)
	}
	last := int64(*first) + int64(*seeds) - 1
	for range runtime.NumCPU() {
		wg.Go(func() {
			for {
				seed := next.Add(1)
				if seed > last || t.Failed() {
					return
				}
				o := options(t, uint64(seed))
				o.Plans = plans
				res := Run(o)
				faults.Add(int64(res.Faults))
				events.Add(int64(res.Events))
				steps.Add(int64(res.Steps))
				searched.Add(int64(res.Searched))
				amended.Add(int64(res.Amended))
				for _, v := range res.Violations {
					t.Errorf("seed %d: %s", seed, v)
				}
				if len(res.Violations) > 0 {
					t.Errorf("replay with: go test ./shared/simulation -run TestSimulation -seed %d -seeds 1 -v", seed)
				}
			}
		})
	}
	wg.Wait()
	if searched.Load() == 0 {
		t.Error("nothing was looked through for secrets")
	}
	t.Logf("%d pieces were looked through for secrets: found none unless said above", searched.Load())
	t.Logf("%d seeds, %d steps, %d faults injected, %d events taken in, %d sealed lines amended: 0 unaccounted, 0 duplicates, 0 human edits overwritten, 0 lines unlike their seal unless said above",
		*seeds, steps.Load(), faults.Load(), events.Load(), amended.Load())
	if amended.Load() == 0 && *seeds >= 100 {
		t.Error("no line changed after it was sealed")
	}
}

// TestOneSeedIsOneHistory plays seeds twice: everything happens again in the same order.
func TestOneSeedIsOneHistory(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		a, b := Run(Options{Seed: seed}), Run(Options{Seed: seed})
		if a.History != b.History || a.Steps != b.Steps || a.Faults != b.Faults {
			t.Errorf("seed %d: %+v, then %+v", seed, a, b)
		}
		if c := Run(Options{Seed: seed + 1000}); c.History == a.History {
			t.Errorf("seeds %d and %d have one history", seed, seed+1000)
		}
	}
}
