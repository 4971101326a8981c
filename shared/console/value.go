package console

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plainValue writes a value of a record or setting as people read it.
func plainValue(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case fmt.Stringer:
		return v.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.Trim(string(text), `"`)
}

// number writes a whole number with thousands apart.
func number(lang string, n any) string {
	s := fmt.Sprint(n)
	mark := ","
	if lang == "de" {
		mark = "."
	}
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + mark + s[i:]
	}
	if neg {
		return "−" + s
	}
	return s
}

// ago tells how long something is past.
func ago(lang string, d time.Duration) string {
	switch {
	case d < 0:
		return say(lang, "in {0}", span(lang, -d))
	case d < 5*time.Second:
		return say(lang, "just now")
	}
	return say(lang, "{0} ago", span(lang, d))
}

func span(lang string, d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return say(lang, "{0} days", int(d.Hours()/24))
}

func pick(lang, en, de string) string {
	if lang == "de" {
		return de
	}
	return en
}

// say translates a text; {0}, {1} … stand for args.
func say(lang, text string, args ...any) string {
	if lang == "de" {
		if t, ok := inGerman(text); ok {
			text = t
		}
	}
	for i, a := range args {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	return text
}

// icons are paths in a square of 24, drawn as lines.
var icons = map[string]string{
	"tiles":  "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
	"pulse":  "M3 12h4l3-8 4 16 3-8h4",
	"list":   "M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01",
	"talk":   "M21 12a8 8 0 0 1-8 8H4l2.5-3A8 8 0 1 1 21 12z",
	"person": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0",
	"alert":  "M12 4 2.5 20h19L12 4zM12 10v4M12 17h.01",
	"link":   "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
	"send":   "M4 12 21 4l-5 17-4-7-8-2zM12 14l4-5",
	"plug":   "M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0V8zM12 18v3",
	"map":    "M4 5h6v5H4zM14 14h6v5h-6zM10 7.5h4a3 3 0 0 1 3 3V14",
	"branch": "M6 4v16M6 12h6a5 5 0 0 0 5-5V5M14 8l3-3 3 3",
	"file":   "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
	"chart":  "M4 20V4M4 20h17M8 16v-5M12 16V8M16 16v-3",
	"shield": "M12 3 5 6v6c0 4.5 3 7.5 7 9 4-1.500 7-4.500 7-9V6z",
	"key":    "M14 10a4 4 0 1 1-4-4 4 4 0 0 1 4 4zM13 13l7 7M17 17l2-2",
	"search": "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
	"check":  "M4 12l5 5L20 6",
	"cross":  "M6 6l12 12M18 6 6 18",
	"clock":  "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
	"hook":   "M12 3v9M8 8l4 4 4-4M5 15v4a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-4",
	"coin":   "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM15 9.500a3 3 0 0 0-3-1.500c-4 0-4 4 0 4s4 4 0 4a3 3 0 0 1-3-1.500M12 6v2M12 16v2",
	"seal":   "M12 15a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM8.500 14 7 21l5-2.500L17 21l-1.500-7",
	"eye":    "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z",
	"moon":   "M20 14A8 8 0 1 1 10 4a6.500 6.500 0 0 0 10 10z",
}

// icon draws an icon; it says nothing to screen readers, so a text stands beside it.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false"><path d="` + icons[name] + `"/></svg>`) //nolint:gosec // of the table above alone
}

// coded begins an id that escape wrote; no id of ours begins so.
const coded = "~"

// escape makes an id part of an address. A gateway on the way may undo percent signs, and what was a slash of the id would
// be one of the address: so other signs stand for what would be escaped.
func escape(id string) string {
	plain := url.PathEscape(id)
	if plain == id && !strings.ContainsAny(id, coded) {
		return id
	}
	return coded + strings.ReplaceAll(strings.ReplaceAll(plain, "~", "%7E"), "%", "~")
}

// unescape reads what escape wrote, and leaves every other text as it is.
func unescape(text string) string {
	rest, ok := strings.CutPrefix(text, coded)
	if !ok {
		return text
	}
	id, err := url.PathUnescape(strings.ReplaceAll(rest, "~", "%"))
	if err != nil {
		return text
	}
	return id
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
