package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"rapport/scripts/train/gauge"
	"rapport/shared/decide/personal"
)

const personalLines = "shared/decide/personal/testdata/lines.txt"

// personalData measures what is found in labelled lines of text: each second one of them, which mended and tuned nothing.
func personalData(dev bool) ([]figure, error) {
	b, err := os.ReadFile(personalLines)
	if err != nil {
		return nil, err
	}
	f, err := personal.New("DE", nil)
	if err != nil {
		return nil, err
	}
	kinds := []string{personal.Email, personal.Phone, personal.IBAN, personal.Order, personal.Customer, personal.Address, personal.Name, "held"}
	counts := map[string]*gauge.Counts{}
	n, number := 0, 0
	for line := range bytes.Lines(b) {
		want, text, ok := strings.Cut(strings.TrimSpace(string(line)), " | ")
		if !ok || strings.HasPrefix(want, "#") {
			continue
		}
		if number++; (number%2 == 1) != dev {
			continue
		}
		n++
		got := map[string]bool{}
		for _, e := range f.Find(text) {
			got[e.Kind+"="+e.Value] = true
		}
		if len(f.Held(text)) > 0 {
			got["held"] = true
		}
		for _, k := range kinds {
			said := false
			for g := range got {
				if kind, _, _ := strings.Cut(g, "="); kind == k {
					said = true
					if g != want {
						gauge.At(counts, k).Count(true, false)
					}
				}
			}
			is, _, _ := strings.Cut(want, "=")
			switch {
			case is == k && got[want]:
				gauge.At(counts, k).Count(true, true)
			case is == k:
				gauge.At(counts, k).Count(false, true)
			}
			if dev && (said || is == k) && !got[want] {
				fmt.Printf("%s: want %s, got %v: %s\n", k, want, got, text)
			}
		}
	}
	var out []figure
	for _, k := range kinds {
		c := *gauge.At(counts, k)
		name := strings.ReplaceAll(k, "_", " ")
		if k == "held" {
			name = "passages held back"
		}
		out = append(out, figure{"4", name + ": precision, recall", fmt.Sprintf("%d lines held back (%.0f with it)", n, c.Hit+c.Missed),
			fmt.Sprintf("%.2f, %.2f", c.Precision(), c.Recall()), "", "", ""})
	}
	return out, nil
}
