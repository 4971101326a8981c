package expression

import (
	"hash/maphash"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Roots is an environment whose top-level names can be asked for one by one; see [Loose]. It is a struct with expr tags.
type Roots interface {
	// Root gives the value of a top-level name, nil for any other.
	Root(name string) any
}

// Loose is an expression over decoded JSON. A plain path such as item.user.name or items[0].id gives nil where any part
// of it is absent; inside a larger expression the author writes item.user?.name for that. Immutable, safe for
// concurrent use.
type Loose struct {
	path    []any // names and indexes; nil = no plain path
	program *Program
}

// CompileLoose checks source against env, as Compile does. env must be a struct value that is Roots.
func CompileLoose(source string, env Roots) (*Loose, error) {
	p, err := Compile(source, env, Any)
	if err != nil {
		return nil, err
	}
	l := &Loose{program: p}
	if path := plainPath(source); path != nil && slices.Contains(fieldNames(reflect.TypeOf(env)), path[0].(string)) {
		l.path = path
	}
	return l, nil
}

// Eval gives the value.
func (l *Loose) Eval(env Roots) (any, error) {
	if l.path == nil {
		return l.program.Eval(env)
	}
	return Walk(env.Root(l.path[0].(string)), l.path[1:]), nil
}

// String gives the source.
func (l *Loose) String() string { return l.program.source }

// Walk follows names and indexes through decoded JSON; nil where a part is absent.
func Walk(v any, path []any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			switch m := v.(type) {
			case map[string]any:
				v = m[s]
			case map[string]string:
				text, ok := m[s]
				if !ok {
					return nil
				}
				v = text
			default:
				return nil
			}
		case int:
			list, ok := v.([]any)
			if !ok || s >= len(list) {
				return nil
			}
			v = list[s]
		}
	}
	return v
}

// plainPath reads source as a path of names and indexes; nil where it is anything else.
func plainPath(source string) []any {
	var path []any
	for rest := strings.TrimSpace(source); ; {
		n := 0
		for n < len(rest) && (rest[n] == '_' || rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z' || n > 0 && rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		if n == 0 {
			return nil
		}
		path, rest = append(path, rest[:n]), rest[n:]
		for strings.HasPrefix(rest, "[") {
			inner, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil
			}
			if i, err := strconv.ParseUint(inner, 10, 16); err == nil {
				path = append(path, int(i))
			} else if len(inner) > 2 && inner[0] == '"' && inner[len(inner)-1] == '"' && !strings.ContainsAny(inner[1:len(inner)-1], `"\`) {
				path = append(path, inner[1:len(inner)-1])
			} else {
				return nil
			}
			rest = after
		}
		if rest == "" {
			return path
		}
		rest = strings.TrimPrefix(rest, "?")
		if !strings.HasPrefix(rest, ".") {
			return nil
		}
		rest = rest[1:]
	}
}

// Cache keeps what was compiled out of settings, found again by their content: a map that was read anew from a store
// hits as well. It costs a microsecond or two. Safe for concurrent use; what it gives must be immutable.
type Cache[T any] struct {
	seed  maphash.Seed
	mu    sync.RWMutex
	known map[uint64]entry[T]
}

type entry[T any] struct {
	value T
	err   error
}

const maxCached = 1000

// NewCache makes an empty cache.
func NewCache[T any]() *Cache[T] {
	return &Cache[T]{seed: maphash.MakeSeed(), known: map[uint64]entry[T]{}}
}

// Get gives what compile made of settings of this content, its error included. about names what else it depends on.
func (c *Cache[T]) Get(settings map[string]any, about string, compile func() (T, error)) (T, error) {
	sum := c.sum(settings) + maphash.String(c.seed, about)
	c.mu.RLock()
	e, ok := c.known[sum]
	c.mu.RUnlock()
	if ok {
		return e.value, e.err
	}
	e.value, e.err = compile()
	c.mu.Lock()
	if len(c.known) >= maxCached {
		clear(c.known)
	}
	c.known[sum] = e
	c.mu.Unlock()
	return e.value, e.err
}

// sum is a keyed hash of the content. Entries of a map are added up, so that their order does not matter.
func (c *Cache[T]) sum(v any) uint64 {
	switch v := v.(type) {
	case string:
		return maphash.String(c.seed, v)
	case map[string]any:
		total := c.pair(1, uint64(len(v)))
		for k, x := range v {
			total += c.pair(maphash.String(c.seed, k), c.sum(x))
		}
		return total
	case []any:
		total := c.pair(2, uint64(len(v)))
		for _, x := range v {
			total = c.pair(total, c.sum(x))
		}
		return total
	case []string:
		total := c.pair(2, uint64(len(v)))
		for _, x := range v {
			total = c.pair(total, c.sum(x))
		}
		return total
	case bool:
		if v {
			return c.pair(3, 1)
		}
		return c.pair(3, 0)
	case int:
		return c.pair(4, math.Float64bits(float64(v)))
	case int64:
		return c.pair(4, math.Float64bits(float64(v)))
	case uint64:
		return c.pair(4, math.Float64bits(float64(v)))
	case float64:
		return c.pair(4, math.Float64bits(v))
	}
	return c.pair(5, 0)
}

func (c *Cache[T]) pair(a, b uint64) uint64 {
	return maphash.Comparable(c.seed, [2]uint64{a, b})
}
