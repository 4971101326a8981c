package main

import "testing"

func TestPairs(t *testing.T) {
	of := func(k known) float64 { return float64(k.followers) + 1e6*k.reactions }
	set := []judged{{known{9, 0, 0}, known{3, 0, 0}, true}, {known{1, 0, 0}, known{2, 0, 0}, false}, {known{5, 0, 0}, known{5, 0, 0}, true}, {known{5, 0, 0}, known{1, 0, 0}, false}}
	// ahead: +6, 0; behind: -1, +4. Of four comparisons +6 wins both, 0 wins one.
	if got := area(set, of); got != 0.75 {
		t.Errorf("area %v", got)
	}
	if got := overtaken(set, of); got != 100 {
		t.Errorf("ten times as many overtake in %v %%", got)
	}
	if got := overtaken([]judged{{known{9, 0, 1}, known{3, 0, 0}, true}}, of); got != 0 {
		t.Errorf("followers overtake reactions in %v %%", got)
	}
}
