package simulation

import (
	"flag"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seeds = flag.Int("seeds", 1000, "how many seeds to play")
	first = flag.Uint64("seed", 1, "the first seed; with -seeds 1 -v it prints its history")
)

// TestSimulation plays seeds; a failing one is printed and replays with -seed N -seeds 1 -v.
func TestSimulation(t *testing.T) {
	var wg sync.WaitGroup
	var next, faults, events, steps atomic.Int64
	next.Store(int64(*first) - 1)
	last := int64(*first) + int64(*seeds) - 1
	for range runtime.NumCPU() {
		wg.Go(func() {
			for {
				seed := next.Add(1)
				if seed > last || t.Failed() {
					return
				}
				o := Options{Seed: uint64(seed)}
				if *seeds == 1 && testing.Verbose() {
					o.Log = os.Stdout
				}
				res := Run(o)
				faults.Add(int64(res.Faults))
				events.Add(int64(res.Events))
				steps.Add(int64(res.Steps))
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
	t.Logf("%d seeds, %d steps, %d faults injected, %d events taken in: 0 unaccounted, 0 duplicates, 0 human edits overwritten unless said above",
		*seeds, steps.Load(), faults.Load(), events.Load())
}
