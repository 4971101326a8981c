package network_test

import (
	"strings"
	"testing"

	"rapport/shared/network"
)

func TestWeighted(t *testing.T) {
	for text, want := range map[string]int{
		"":                                     0,
		"Hello, world! 👋":                      16,
		"Schöne Grüße":                         12,
		"cafe\u0301":                           4, // composed first
		"👾":                                    2,
		"🙋🏽":                                   2,
		"👨‍🎤":                                  2,
		"👨‍👩‍👧‍👦":                              2,
		"🇩🇪🇦🇹":                                 4,
		"1️⃣":                                  2,
		"日本語":                                  6,
		"Привет":                               6,
		"“so” – ‘yes’ …":                       15, // the three dots in one weigh 2
		"https://shop.de/hours/very/long/path": 23,
		"siehe https://shop.de.":               6 + 23 + 1,
		"siehe shop.de/a, bitte":               6 + 23 + 7,
		"a.b und readme.notatld":               22,
		"@shop.de ruft":                        13,
		strings.Repeat("x", 280):               280,
		"क्\u200dष":                            4, // a joiner between letters makes no emoji
	} {
		if got := network.Length(text, "weighted"); got != want {
			t.Errorf("%.40q counts %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]bool{"see https://nordlicht.example/x": true, "see nordlicht.de": true, "see nordlicht.example": false, "end.Notatld": false, "@nordlicht.de": false, "": false} {
		if network.HasAddress(text) != want {
			t.Errorf("%q has an address: want %v", text, want)
		}
	}
}

func FuzzWeighted(f *testing.F) {
	f.Add("Hello 👋 https://shop.de 日本 shop.de/…")
	f.Fuzz(func(t *testing.T, text string) {
		if n := network.Weighted(text); n < 0 || text == "" && n != 0 {
			t.Fatalf("%q counts %d", text, n)
		}
	})
}
