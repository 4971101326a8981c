// Package pattern holds regular expressions that are compiled when they are first used, so that a process pays at its
// start for none that it may never need. That matters where processes start often.
package pattern

import (
	"regexp"
	"sync"
)

// New gives the compiled expression, always the same one. A mistake in it panics at the first use.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
