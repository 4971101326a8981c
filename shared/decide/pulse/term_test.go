package pulse_test

import (
	"fmt"
	"strings"
	"testing"

	"rapport/shared/decide/pulse"
)

func saying(n int, text string, from int) []pulse.Said {
	var out []pulse.Said
	for i := range n {
		out = append(out, pulse.Said{Author: fmt.Sprint("a", from+i), Names: []string{fmt.Sprintf("handle%c", 'a'+i), "Kathrin Müller"}, Text: text})
	}
	return out
}

// Words stand there from five people on; names, addresses and numbers never.
func TestCount(t *testing.T) {
	all := append(saying(5, "Totalausfall bei euch! Kathrin @peter_lustig frag paul@post.example 0171/234567 www.nordlicht.example Müller #Störung", 0), saying(4, "Lieferung", 10)...)
	all = append(all, saying(9, "Nordlicht", 0)...)
	got := pulse.Count(all, "Nordlicht")
	var words []string
	for _, w := range got.Terms {
		words = append(words, w.Word)
	}
	if s := strings.Join(words, " "); s != "frag störung totalausfall" || got.People != 14-1 {
		t.Errorf("%q of %d people", s, got.People)
	}
	many := saying(50, "Störung", 0)
	if c := pulse.Count(append(many, many...)); c.Terms[0].People != 50 {
		t.Errorf("%+v", c)
	}
}

// What is said more than before rises; what is said as always does not, nor does anything in a first week.
func TestRising(t *testing.T) {
	usual := pulse.Count(append(saying(60, "Rechnung Lieferung", 0), saying(40, "Service", 100)...))
	now := pulse.Count(append(append(saying(60, "Rechnung Lieferung", 0), saying(40, "Totalausfall", 100)...), saying(12, "Service", 300)...))
	var got []string
	for _, r := range pulse.Rising(now, []pulse.Terms{usual, usual}, 10) {
		got = append(got, r.Word)
	}
	if len(got) != 1 || got[0] != "totalausfall" {
		t.Errorf("%v", got)
	}
	if first := pulse.Rising(now, nil, 10); first != nil {
		t.Errorf("%v", first)
	}
}
