package memo

import (
	"strconv"
	"sync"
	"testing"
)

// Two words of one place push each other out, and each has its own value.
func TestOf(t *testing.T) {
	c := New[int](4)
	made := 0
	length := func(w []byte) int { made++; return len(w) }
	for _, word := range []string{"a", "a", "bbb", "a", "bbb", "bbb"} {
		if got := *c.Of([]byte(word), 7, length); got != len(word) {
			t.Errorf("%s: %d", word, got)
		}
	}
	if made != 4 {
		t.Errorf("computed %d times, want 4", made)
	}
	if got := *(*Cache[int])(nil).Of([]byte("cc"), 7, length); got != 2 {
		t.Errorf("without a cache: %d", got)
	}
}

func TestConcurrent(t *testing.T) {
	c := New[string](8)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				word := strconv.Itoa((i + g) % 37)
				if got := *c.Of([]byte(word), uint32(i+g)%37, func(w []byte) string { return "=" + string(w) }); got != "="+word {
					t.Errorf("%s: %s", word, got)
				}
			}
		})
	}
	all.Wait()
}
