package sink

import (
	"maps"
	"slices"
)

// Count tells how many live records carry a key.
func (c *CRM) Count(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, row := range c.rows {
		if row[c.o.KeyField] == key {
			n++
		}
	}
	return n
}

// Total tells how many live records there are.
func (c *CRM) Total() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.rows) }

// Doubles tells how many records there are beyond the first of each key.
func (c *CRM) Doubles() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, n := map[any]bool{}, 0
	for _, row := range c.rows {
		if k := row[c.o.KeyField]; k != nil {
			if seen[k] {
				n++
			}
			seen[k] = true
		}
	}
	return n
}

// Row gives a copy of a live record by its id; nil if there is none.
func (c *CRM) Row(id string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.rows[id])
}

// Rows gives copies of all live records in the order of their creation.
func (c *CRM) Rows() []map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []map[string]any
	for _, id := range c.order {
		if row := c.rows[id]; row != nil {
			out = append(out, maps.Clone(row))
		}
	}
	return out
}

// Calls tells how often a path was called.
func (c *CRM) Calls(path string) int { c.mu.Lock(); defer c.mu.Unlock(); return c.calls[path] }

// Batches tells how many writing calls held so many records.
func (c *CRM) Batches() map[int]int { c.mu.Lock(); defer c.mu.Unlock(); return maps.Clone(c.batch) }

// Create makes a record by hand, without a key.
func (c *CRM) Create(fields map[string]any) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add("", fields)
}

// Edit changes a record by hand.
func (c *CRM) Edit(id string, fields map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows[id] != nil {
		c.merge(id, fields)
	}
}

// Delete removes a record by hand; the endpoint remembers that there was one.
func (c *CRM) Delete(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if row := c.rows[id]; row != nil {
		c.gone[id] = true
		if key, ok := row[c.o.KeyField].(string); ok {
			c.gone[key] = true
		}
		delete(c.rows, id)
	}
}

// RemoveField takes a field away from all records; writing it is refused from now on. Options.Fields must list it.
func (c *CRM) RemoveField(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.o.Fields = slices.DeleteFunc(slices.Clone(c.o.Fields), func(f string) bool { return f == name })
	for _, row := range c.rows {
		delete(row, name)
	}
}

// RefuseBatchOn makes the endpoint refuse every call that holds the key and another.
func (c *CRM) RefuseBatchOn(key string) { c.mu.Lock(); defer c.mu.Unlock(); c.mood.RefuseBoth = key }
