package localrun

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rapport/shared/app"
	"rapport/shared/queue"
	"rapport/shared/topology"
)

// TestNothingIsForgotten compares what topology says there is with what the app can do, with what this home runs, and
// with the folders of functions/ where there are some.
func TestNothingIsForgotten(t *testing.T) {
	woken := map[string]string{} // lane → function
	var names []string
	for _, f := range topology.Functions() {
		if slices.Contains(names, f.Name) {
			t.Errorf("function %s is there twice", f.Name)
		}
		names = append(names, f.Name)
		if f.Does == "" || f.Memory <= 0 || f.Limit <= 0 || f.Limit > 15*time.Minute || len(f.Lanes) > 0 && f.Batch <= 0 {
			t.Errorf("function %s lacks what it does, memory, limit or batch: %+v", f.Name, f)
		}
		if len(f.Lanes) == 0 && !f.HTTP && !f.Timer && !f.Woken {
			t.Errorf("nothing wakes function %s", f.Name)
		}
		for _, lane := range f.Lanes {
			if other := woken[lane]; other != "" {
				t.Errorf("lane %s wakes %s and %s", lane, other, f.Name)
			}
			woken[lane] = f.Name
			if (&app.App{}).Handler(queue.Lane(lane)) == nil {
				t.Errorf("the app has no verb for lane %s of function %s", lane, f.Name)
			}
		}
	}
	lanes(t, woken)
	folders(t, names)
}

// lanes wants each queue to wake a function with time enough, and a pool of this home to work on it.
func lanes(t *testing.T, woken map[string]string) {
	limits := map[string]topology.Function{}
	for _, f := range topology.Functions() {
		limits[f.Name] = f
	}
	worked := map[string]pool{}
	for _, p := range pools() {
		if _, twice := worked[string(p.lane)]; twice || p.loops < 1 || p.size < 1 {
			t.Errorf("pool of lane %s: twice, or without loops: %+v", p.lane, p)
		}
		worked[string(p.lane)] = p
	}
	for _, q := range topology.Queues() {
		f, ok := limits[woken[q.Name]]
		if !ok {
			t.Errorf("queue %s wakes no function", q.Name)
			continue
		}
		if q.Visibility < 6*f.Limit {
			t.Errorf("queue %s hides messages for %v; function %s may take %v, six times that is wanted", q.Name, q.Visibility, f.Name, f.Limit)
		}
		if p := worked[q.Name]; p.loops == 0 {
			t.Errorf("nobody in the local home works on lane %s", q.Name)
		} else if p.size > f.Batch {
			t.Errorf("the local home takes %d messages of lane %s at once, function %s %d", p.size, q.Name, f.Name, f.Batch)
		}
		delete(worked, q.Name)
		delete(woken, q.Name)
	}
	for lane := range worked {
		t.Errorf("the local home works on lane %s, which topology does not know", lane)
	}
	for lane, f := range woken {
		t.Errorf("function %s is woken by lane %s, which is no queue", f, lane)
	}
}

// folders compares functions/ with the functions, once there are folders.
func folders(t *testing.T, names []string) {
	entries, err := os.ReadDir(filepath.Join("..", "..", "functions"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() {
			found = append(found, e.Name())
		}
	}
	if len(found) == 0 {
		return
	}
	for _, name := range names {
		if !slices.Contains(found, name) {
			t.Errorf("functions/%s is missing", name)
		}
	}
	for _, name := range found {
		if !slices.Contains(names, name) {
			t.Errorf("functions/%s is a function that topology does not know", name)
		}
	}
}
