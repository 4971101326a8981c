// Package memo remembers what was computed of words, which come again and again: a small table in which each word has one
// place, and the newest in a place stays. What is remembered must depend on the word alone; then nobody can tell whether it
// was remembered or computed.
package memo

import "sync/atomic"

// Cache remembers values by word. It is safe for concurrent use, never waits, and holds at most as many as it was made for.
type Cache[V any] struct {
	places []atomic.Pointer[entry[V]]
}

type entry[V any] struct {
	word  string
	value V
}

// New makes a cache of so many places, a power of two.
func New[V any](places int) *Cache[V] {
	return &Cache[V]{places: make([]atomic.Pointer[entry[V]], places)}
}

// Of gives the value of a word with its hash, computed where it is not remembered. Nobody may change it. A nil cache computes
// it each time.
func (c *Cache[V]) Of(word []byte, hash uint32, compute func(word []byte) V) *V {
	if c == nil {
		v := compute(word)
		return &v
	}
	place := &c.places[(hash^hash>>16)&uint32(len(c.places)-1)]
	e := place.Load()
	if e == nil || e.word != string(word) {
		e = &entry[V]{string(word), compute(word)}
		place.Store(e)
	}
	return &e.value
}
