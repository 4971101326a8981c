package mapping

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"rapport/shared/crm"
)

// limit is how long a text may be.
type limit struct {
	crm.Limit
	html bool // the text is written as HTML, and its escapes count
}

// size measures a text in the limit's unit.
func (l limit) size(s string) int {
	if l.html {
		s = escape(s)
	}
	switch l.Unit {
	case "bytes":
		return len(s)
	case "utf16":
		n := 0
		for _, r := range s {
			n++
			if r >= 0x10000 {
				n++
			}
		}
		return n
	case "graphemes":
		return uniseg.GraphemeClusterCount(s)
	}
	return utf8.RuneCountInString(s)
}

// fits tells whether a text needs no cutting. No unit counts more than the bytes.
func (l limit) fits(s string) bool {
	return l.Max <= 0 || !l.html && len(s) <= l.Max || l.size(s) <= l.Max
}

// cut shortens a text that does not fit, between two characters as people see them, and ends it with … and, where there
// is room, tail.
func (l limit) cut(s, tail string) string {
	if l.fits(s) {
		return s
	}
	end := "…"
	if tail != "" && l.size("… "+tail) <= l.Max/2 {
		end = "… " + tail
	}
	room := l.Max - l.size(end)
	if room < 0 {
		return ""
	}
	kept, state := 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if room -= l.size(cluster); room < 0 {
			break
		}
		kept += len(cluster)
	}
	return strings.TrimRightFunc(s[:kept], unicode.IsSpace) + end
}

// Cut shortens text to a limit: between two characters as people see them, with … at the end and, where it leaves at
// least half of the room, tail. A text that fits comes back as it is.
func Cut(text string, to crm.Limit, tail string) string { return limit{Limit: to}.cut(text, tail) }

// Clean removes what no CRM takes: NUL and what is no UTF-8.
func Clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return s
}

// escape writes plain text as HTML. What strangers wrote is never markup.
func escape(s string) string { return strings.ReplaceAll(html.EscapeString(s), "\n", "<br>") }
