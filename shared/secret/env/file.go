package env

import (
	"strings"
	"unicode/utf8"
)

// line is a piece of a .env file: an assignment, or what stands between two of them.
type line struct {
	name  string // "" = no assignment
	value string
	text  string // as it stands in the file, with its line end
}

const blank = " \t"

// parse cuts a file into lines; their texts joined are the file. bad is the number of the first line that is neither
// an assignment nor empty nor a comment, 0 if there is none.
func parse(text string) (lines []line, bad int) {
	number := 1
	for rest := text; rest != ""; {
		l, size := next(rest, number == 1)
		if size < 0 {
			return nil, number
		}
		l.text, rest = rest[:size], rest[size:]
		number += strings.Count(l.text, "\n")
		lines = append(lines, l)
	}
	return lines, 0
}

// next reads the first line of text and says how many bytes it takes, -1 if it is malformed.
func next(text string, first bool) (line, int) {
	end := lineEnd(text)
	s := text[:end]
	if first {
		s = strings.TrimPrefix(s, "\ufeff")
	}
	s = strings.TrimLeft(s, blank)
	if body := strings.TrimRight(s, blank+"\r\n"); body == "" || body[0] == '#' {
		return line{}, end
	}
	if export, ok := strings.CutPrefix(s, "export"); ok && strings.TrimLeft(export, blank) != export {
		s = strings.TrimLeft(export, blank)
	}
	name, value, ok := strings.Cut(s, "=")
	name = strings.TrimRight(name, blank)
	if !ok || !valid(name) {
		return line{}, -1
	}
	at := end - len(strings.TrimLeft(value, blank)) // where the value begins in text
	if at < end && (text[at] == '"' || text[at] == '\'') {
		quoted, size := unquote(text[at:])
		if size < 0 {
			return line{}, -1
		}
		rest := text[at+size:]
		tail := rest[:lineEnd(rest)]
		if left := strings.Trim(tail, blank+"\r\n"); left != "" && left[0] != '#' {
			return line{}, -1
		}
		return line{name: name, value: quoted}, at + size + len(tail)
	}
	return line{name: name, value: bare(text[at:end])}, end
}

// lineEnd gives the size of the first line with its end.
func lineEnd(text string) int {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// bare reads a value without quotes: it ends before a # that follows a blank.
func bare(value string) string {
	if strings.HasPrefix(value, "#") {
		return ""
	}
	for i := 1; i < len(value); i++ {
		if value[i] == '#' && strings.IndexByte(blank, value[i-1]) >= 0 {
			value = value[:i]
			break
		}
	}
	return strings.TrimRight(value, blank+"\r\n")
}

// unquote reads a value from its opening quote to its closing one and says how many bytes that takes, -1 without end.
func unquote(text string) (string, int) {
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			return b.String(), i + 1
		case c == '\\' && quote == '"' && i+1 < len(text):
			i++
			b.WriteString(escaped(text[i]))
		case c == '\r' && i+1 < len(text) && text[i+1] == '\n': // a line end of Windows inside a value
		default:
			b.WriteByte(c)
		}
	}
	return "", -1
}

// escaped gives what a backslash and a letter stand for.
func escaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$', '`':
		return string(rune(c))
	}
	return "\\" + string([]byte{c})
}

// find gives the last assignment of a name, which is the one that counts in a shell.
func find(lines []line, name string) (line, bool) {
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].name == name {
			return lines[i], true
		}
	}
	return line{}, false
}

// replace gives the file's text with a name set to a value: in the place of its last assignment, or at the end.
// Earlier assignments of the name go, they may hold the old secret.
func replace(lines []line, name, value string) string {
	last := -1
	for i, l := range lines {
		if l.name == name {
			last = i
		}
	}
	var b strings.Builder
	for i, l := range lines {
		switch {
		case i == last:
			b.WriteString(assignment(name, value))
		case l.name != name:
			b.WriteString(l.text)
			if i == len(lines)-1 && !strings.HasSuffix(l.text, "\n") {
				b.WriteByte('\n')
			}
		}
	}
	if last < 0 {
		b.WriteString(assignment(name, value))
	}
	return b.String()
}

// assignment writes a line, with quotes only where needed.
func assignment(name, value string) string {
	plain := utf8.ValidString(value)
	for i := range len(value) {
		c := value[i]
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.,:/+=@%", c) >= 0)
	}
	if plain {
		return name + "=" + value + "\n"
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`", "\n", `\n`, "\r", `\r`, "\t", `\t`)
	return name + `="` + escape.Replace(value) + `"` + "\n"
}
