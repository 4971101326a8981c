package queue

import "time"

// Line holds what waits in one lane of a driver that keeps its own order: ready entries, fair by group, and those that
// become ready later. It is deterministic and not safe for concurrent use.
type Line[T any] struct {
	groups map[string]*group[T]
	turn   fifo[*group[T]] // the groups that have something, in the order of their turns
	ready  int
	since  time.Time // when the oldest of what is ready became so, about
	later  []delayed[T]
	seq    int64
}

type group[T any] struct {
	name    string
	entries fifo[T]
}

type delayed[T any] struct {
	at    time.Time
	seq   int64
	group string
	entry T
}

// Push adds a ready entry at its group's end.
func (l *Line[T]) Push(name string, entry T, now time.Time) { l.at(name, now).push(entry) }

// Back gives an entry back that was popped: it is the next of its group.
func (l *Line[T]) Back(name string, entry T, now time.Time) { l.at(name, now).unpop(entry) }

func (l *Line[T]) at(name string, now time.Time) *fifo[T] {
	if l.groups == nil {
		l.groups = map[string]*group[T]{}
	}
	g := l.groups[name]
	if g == nil {
		g = &group[T]{name: name}
		l.groups[name] = g
	}
	if g.entries.len() == 0 {
		l.turn.push(g)
	}
	if l.ready == 0 {
		l.since = now
	}
	l.ready++
	return &g.entries
}

// Later adds an entry that becomes ready at a moment.
func (l *Line[T]) Later(at time.Time, name string, entry T) {
	l.seq++
	l.later = append(l.later, delayed[T]{at, l.seq, name, entry})
	for k := len(l.later) - 1; k > 0; {
		up := (k - 1) / 2
		if !l.sooner(k, up) {
			break
		}
		l.later[k], l.later[up] = l.later[up], l.later[k]
		k = up
	}
}

// Pop takes the next ready entry, group by group in turn.
func (l *Line[T]) Pop() (name string, entry T, ok bool) {
	if l.ready == 0 {
		return "", entry, false
	}
	g := l.turn.pop()
	entry = g.entries.pop()
	if g.entries.len() > 0 {
		l.turn.push(g)
	} else {
		delete(l.groups, g.name)
	}
	l.ready--
	return g.name, entry, true
}

// Due makes ready what has become so by now, and tells whether a batch of size may be taken: something is ready and the
// batch is full or has lingered. If not, at says when to look again; zero = not before something is added.
func (l *Line[T]) Due(now time.Time, size int, linger time.Duration) (ok bool, at time.Time) {
	for len(l.later) > 0 && !l.later[0].at.After(now) {
		d := l.soonest()
		l.Push(d.group, d.entry, now)
	}
	if l.ready >= size || l.ready > 0 && now.Sub(l.since) >= linger {
		return true, now
	}
	if len(l.later) > 0 {
		at = l.later[0].at
	}
	if full := l.since.Add(linger); l.ready > 0 && (at.IsZero() || full.Before(at)) {
		at = full
	}
	return false, at
}

// Taken says that a batch was taken: what is left lingers from now on.
func (l *Line[T]) Taken(now time.Time) { l.since = now }

// Ready counts the ready entries, Delayed those that become ready later.
func (l *Line[T]) Ready() int { return l.ready }

// Delayed counts the entries that become ready later.
func (l *Line[T]) Delayed() int { return len(l.later) }

// Each calls f for every ready entry, in no promised order.
func (l *Line[T]) Each(f func(T)) {
	for _, g := range l.turn.all() {
		for _, e := range g.entries.all() {
			f(e)
		}
	}
}

// soonest takes the top of the heap.
func (l *Line[T]) soonest() delayed[T] {
	top, last := l.later[0], len(l.later)-1
	l.later[0] = l.later[last]
	l.later[last] = delayed[T]{}
	l.later = l.later[:last]
	for k := 0; ; {
		down := 2*k + 1
		if down+1 < last && l.sooner(down+1, down) {
			down++
		}
		if down >= last || !l.sooner(down, k) {
			return top
		}
		l.later[k], l.later[down] = l.later[down], l.later[k]
		k = down
	}
}

func (l *Line[T]) sooner(a, b int) bool {
	x, y := &l.later[a], &l.later[b]
	if x.at.Equal(y.at) {
		return x.seq < y.seq
	}
	return x.at.Before(y.at)
}

// fifo is first in, first out, and gives its memory back.
type fifo[T any] struct {
	entries []T
	head    int
}

func (f *fifo[T]) len() int { return len(f.entries) - f.head }

func (f *fifo[T]) all() []T { return f.entries[f.head:] }

func (f *fifo[T]) push(v T) { f.entries = append(f.entries, v) }

func (f *fifo[T]) pop() T {
	var none T
	v := f.entries[f.head]
	f.entries[f.head] = none
	f.head++
	switch {
	case f.head == len(f.entries) && cap(f.entries) <= 64:
		f.entries, f.head = f.entries[:0], 0
	case f.head == len(f.entries):
		f.entries, f.head = nil, 0
	case f.head >= 1024 && f.head > len(f.entries)/2:
		f.entries, f.head = append([]T(nil), f.entries[f.head:]...), 0
	}
	return v
}

func (f *fifo[T]) unpop(v T) {
	if f.head == 0 {
		f.entries = append([]T{v}, f.entries...)
		return
	}
	f.head--
	f.entries[f.head] = v
}
