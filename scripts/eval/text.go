package main

import (
	"fmt"
	"math"

	"rapport/scripts/train/gauge"
)

// figures compares a reader with the lexicon's rules on one set.
func figures(name string, t, rules *gauge.Tally, goals bool) []figure {
	g := func(x float64) float64 {
		if goals {
			return x
		}
		return 0
	}
	was := func(x float64) string { return fmt.Sprintf("%.3f rules alone", x) }
	c, rc := *t.Intents["complaint"], *rules.Intents["complaint"]
	spam := *t.Intents["spam"]
	share := func(a, b int) float64 { return float64(a) / math.Max(float64(b), 1) }
	out := []figure{
		least("2", "complaint recall", name, c.Recall(), was(rc.Recall()), g(0.85)),
		least("2", "complaint precision", name, c.Precision(), was(rc.Precision()), g(0.70)),
		least("2", "intents, macro-F1 of 11", name, gauge.Macro(t.Intents, gauge.Counts.F1), was(gauge.Macro(rules.Intents, gauge.Counts.F1)), g(0.72)),
		least("2", "main intent right", name, share(t.Main, t.N), was(share(rules.Main, rules.N)), 0),
		least("2", "department, macro-F1 of 7", name, gauge.Macro(t.Departments, gauge.Counts.F1), was(gauge.Macro(rules.Departments, gauge.Counts.F1)), g(0.80)),
		least("2", "sentiment, macro-F1", name, gauge.Macro(t.Sentiment, gauge.Counts.F1), was(gauge.Macro(rules.Sentiment, gauge.Counts.F1)), 0),
		least("2", "severity exact, of complaints", name, share(t.Severity, t.Complaints), was(share(rules.Severity, rules.Complaints)), 0),
		least("2", "severity within one", name, share(t.Near, t.Complaints), was(share(rules.Near, rules.Complaints)), 0),
		least("2", fmt.Sprintf("spam precision (%.0f of %.0f found)", spam.Hit, spam.Hit+spam.Missed), name, spam.Precision(), was(rules.Intents["spam"].Precision()), g(0.98)),
	}
	if goals {
		out = append(out, most("2", "expected calibration error, complaint", name, t.Calibration(), "%.3f", was(rules.Calibration()), 0.05))
	} else {
		out = append(out, least("2", "expected calibration error, complaint", name, t.Calibration(), was(rules.Calibration()), 0))
	}
	return out
}
