package pipeline

import (
	"sync"

	"rapport/shared/store"
)

// recent remembers the newest rows that this process wrote, so that the verb that comes next need not read and decode
// them again. It is right only where no other process writes (Ports.Exact), and holds copies that nobody changes.
type recent[T any] struct {
	mu    sync.Mutex
	rows  map[string]store.Row[T]
	order []string // oldest first; a ring once full
	next  int
}

// maxRecent bounds how many rows are remembered: a few batches, since deliver follows enrich closely.
const maxRecent = 1000

// keep remembers a row as it was written. A nil recent remembers nothing.
func (c *recent[T]) keep(id string, row store.Row[T]) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.rows[id]; !known {
		if len(c.order) < maxRecent {
			c.order = append(c.order, id)
		} else {
			delete(c.rows, c.order[c.next])
			c.order[c.next] = id
			c.next = (c.next + 1) % maxRecent
		}
	}
	c.rows[id] = row
}

// forget drops a row that was changed otherwise. It keeps its place in the order.
func (c *recent[T]) forget(id string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.rows[id]; known {
		c.rows[id] = store.Row[T]{}
	}
}

// get gives a row, ok false where it is not remembered.
func (c *recent[T]) get(id string) (store.Row[T], bool) {
	if c == nil {
		return store.Row[T]{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	row := c.rows[id]
	return row, row.Version > 0
}
