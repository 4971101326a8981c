package simulation

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
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
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a seed is small, and most of it rubbish at its end
	var wg sync.WaitGroup
	var next, faults, events, steps, searched, amended, mentions atomic.Int64
	var tally tally
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
				mentions.Add(int64(res.Mentions))
				tally.add(res.Kinds)
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
	t.Logf("\n%s", tally.table(t, *seeds >= 1000))
	t.Logf("%d mentions, of them lost 0, doubled 0, human edits overwritten 0 unless said above", mentions.Load())
	t.Logf("%d seeds, %d steps, %d faults injected, %d events taken in, %d sealed lines amended: 0 unaccounted, 0 duplicates, 0 human edits overwritten, 0 lines unlike their seal unless said above",
		*seeds, steps.Load(), faults.Load(), events.Load(), amended.Load())
	if amended.Load() == 0 && *seeds >= 100 {
		t.Error("no line changed after it was sealed")
	}
}

// tally adds up the faults of all seeds.
type tally struct {
	mu    sync.Mutex
	kinds map[Kind]int
	seeds map[Kind]int
}

func (y *tally) add(kinds map[Kind]int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.kinds == nil {
		y.kinds, y.seeds = map[Kind]int{}, map[Kind]int{}
	}
	for k, n := range kinds {
		y.kinds[k] += n
		y.seeds[k]++
	}
}

// table prints it. A kind that never happens proves nothing: over enough seeds each must.
func (y *tally) table(t *testing.T, all bool) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| fault | injected | in seeds |\n|---|---|---|\n")
	known := 0
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", k, y.kinds[k], y.seeds[k])
		if y.kinds[k] > 0 {
			known++
		} else if all {
			t.Errorf("never injected: %s", k)
		}
	}
	if known != len(y.kinds) {
		t.Errorf("%d kinds were injected, %d of them are listed", len(y.kinds), known)
	}
	return b.String()
}

// TestWithheld: the network sends no webhook for a day. Polls that look back find everything; what comes a day late is known.
func TestWithheld(t *testing.T) {
	plans, err := Plans()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for seed := uint64(1); seed <= 20; seed++ {
		res := Run(Options{Seed: seed, Plans: plans, Withheld: 24 * time.Hour})
		found += res.Found
		for _, v := range res.Violations {
			t.Errorf("seed %d: %s", seed, v)
		}
	}
	if found == 0 {
		t.Error("polls found nothing before the webhooks came")
	}
	t.Logf("20 seeds: %d events were found by polls while webhooks were withheld for 24 h; when these came, nothing doubled", found)
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
