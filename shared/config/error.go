package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a document. It never repeats a secret.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 = not known
	Path         string // mapping[2].fields.hs_content
	Say          string // what is wrong and what to do
	Nearest      string // the nearest right name, where one was misspelt
}

// Error says where, what, and what to do.
func (e Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", e.Line, e.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Say)
	if e.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Nearest)
	}
	return b.String()
}

// Errors is every mistake found, in the order of the text.
type Errors []Error

// Error lists them, one a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Err gives e as an error, nil where there is none. It sorts them and drops what one place says twice.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	e = slices.CompactFunc(e, func(a, b Error) bool {
		return a.File == b.File && a.Line == b.Line && a.Column == b.Column && a.Say == b.Say && (a.Line > 0 || a.Path == b.Path)
	})
	return e
}

// Join makes a path: fields and hs_content give fields.hs_content; a name that is not plain is quoted.
func Join(path, name string) string {
	if name == "" || strings.ContainsAny(name, ".[]\" ") {
		return path + fmt.Sprintf("[%q]", name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// Index makes the path of a list's item.
func Index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// parent gives the path above, "" at the top.
func parent(path string) string {
	if strings.HasSuffix(path, "\"]") {
		if i := strings.LastIndex(path[:len(path)-2], "[\""); i >= 0 {
			return path[:i]
		}
	}
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// nearest gives the name most like unknown, "" if none is near.
func nearest(unknown string, names []string) string {
	best, most := "", max(2, len(unknown)/3)+1
	for _, n := range names {
		if d := distance(strings.ToLower(unknown), strings.ToLower(n)); d < most {
			best, most = n, d
		}
	}
	for _, n := range names {
		if a, b := strings.ToLower(unknown), strings.ToLower(n); best == "" && len(a) > 2 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
			return n
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
