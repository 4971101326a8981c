package mapping

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"rapport/shared/crm"
	"rapport/shared/decide"
)

func TestCut(t *testing.T) {
	const family = "👨‍👩‍👧"
	for _, c := range []struct {
		text, tail string
		max        int
		unit       string
		want       string
	}{
		{"kurz", "", 4, "runes", "kurz"},
		{"zu lang", "", 5, "runes", "zu l…"},
		{"zu   lang", "", 5, "runes", "zu…"},
		{"Größe", "", 5, "runes", "Größe"},
		{"Größe", "", 6, "bytes", "Gr…"},
		{"Größe zählt", "", 5, "graphemes", "Größ…"},
		{"a" + family + "b", "", 6, "utf16", "a…"},
		{"a" + family + "b", "", 9, "utf16", "a…"},
		{"a" + family + "b", "", 10, "utf16", "a" + family + "b"},
		{"a" + family + "bc", "", 10, "utf16", "a" + family + "…"},
		{"شكرا جزيلا لكم", "", 6, "runes", "شكرا…"},
		{"0123456789012345678901234567890123456789", "http://x/1", 30, "runes", "012345678901234567… http://x/1"},
		{"0123456789012345678901234567890123456789", "http://x.example/1", 30, "runes", "01234567890123456789012345678…"},
		{family, "", 2, "runes", "…"},
		{"äöü", "", 2, "bytes", ""},
		{"unbounded", "", 0, "runes", "unbounded"},
	} {
		if got := Cut(c.text, crm.Limit{Max: c.max, Unit: c.unit}, c.tail); got != c.want {
			t.Errorf("%q to %d %s gives %q, want %q", c.text, c.max, c.unit, got, c.want)
		}
	}
}

func TestCutProperties(t *testing.T) {
	pieces := []string{"a", " ", "\n", "é", "e\u0301", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "שלום", "<", "&", "ก็", "한", "\u200d", "Z̷̢͍"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "text"), "")
		tail := rapid.SampledFrom([]string{"", "https://s.example/1", "https://social.example/@frieda/990"}).Draw(t, "tail")
		l := limit{Limit: crm.Limit{Max: rapid.IntRange(1, 120).Draw(t, "max"), Unit: rapid.SampledFrom([]string{"runes", "utf16", "bytes", "graphemes"}).Draw(t, "unit")},
			html: rapid.Bool().Draw(t, "html")}
		got := l.cut(text, tail)
		if l.size(text) <= l.Max {
			if got != text {
				t.Fatalf("a text that fits was changed to %q", got)
			}
			return
		}
		if n := l.size(got); n > l.Max {
			t.Fatalf("%q is %d %s long", got, n, l.Unit)
		}
		if !utf8.ValidString(got) {
			t.Fatalf("%q is no UTF-8", got)
		}
		if got == "" {
			if l.size("…") <= l.Max {
				t.Fatal("nothing is left")
			}
			return
		}
		body, end, ok := strings.Cut(got, "…")
		if !ok || end != "" && end != " "+tail {
			t.Fatalf("%q does not end as it should", got)
		}
		if !boundary(text, body) {
			t.Fatalf("%q cuts %q inside a character", body, text)
		}
	})
}

// boundary tells whether body, with or without white space behind it, ends between two characters of text.
func boundary(text, body string) bool {
	if !strings.HasPrefix(text, body) {
		return false
	}
	g, at := uniseg.NewGraphemes(text), 0
	for at < len(body) && g.Next() {
		_, at = g.Positions()
	}
	return at == len(body)
}

func TestTextOfAMention(t *testing.T) {
	long := strings.Repeat("Wörter und 👍🏽 ", 40)
	fields := []crm.Field{{Name: "rapport_key", Type: "text", Unique: true}, {Name: "short", Type: "text", Max: 255}, {Name: "other", Type: "text", Max: 255}, {Name: "runes", Type: "text", Max: 255}}
	r := one(t, "short: text\nother: '\"So: \" + text'\nrunes: runes(text, 255)", fields, crm.Info{KeyField: "rapport_key", Text: crm.Limit{Max: 1000, Unit: "runes"}},
		func(e *decide.Env) { e.Mention.Text, e.Text = long, long })
	short, other, runes := r.Record.Fields["short"].(string), r.Record.Fields["other"].(string), r.Record.Fields["runes"].(string)
	if !strings.HasSuffix(short, "… https://social.example/@frieda/990") || utf8.RuneCountInString(short) > 255 {
		t.Errorf("the mention's text became %q", short)
	}
	if !strings.HasSuffix(other, "…") {
		t.Errorf("another text became %q", other)
	}
	if runes != string([]rune(long)[:255]) {
		t.Errorf("a text that the expression cut became %q", runes)
	}
}
