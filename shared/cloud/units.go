package cloud

import (
	"maps"
	"slices"
	"sync"
)

// Units counts what a process uses of the services that are paid by use: calls by service and operation, as in
// "sqs.SendMessageBatch", repetitions among them, and the units of the table, as "dynamodb.writes" and "dynamodb.reads".
// Safe for concurrent use.
type Units struct {
	mu sync.Mutex
	n  map[string]float64
}

// NewUnits makes an empty count.
func NewUnits() *Units { return &Units{n: map[string]float64{}} }

// Take gives what was counted since the last time and begins again.
func (u *Units) Take() map[string]float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.n
	u.n = map[string]float64{}
	return n
}

// Names gives the names of a count in order.
func Names(n map[string]float64) []string { return slices.Sorted(maps.Keys(n)) }

func (u *Units) add(name string, n float64) {
	if n == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n[name] += n
}

// call counts a call, as the client of any service tells of it.
func (u *Units) call(service, operation string) { u.add(service+"."+operation, 1) }

// used counts units of the table.
func (u *Units) used(kind string, n float64) { u.add("dynamodb."+kind, n) }
