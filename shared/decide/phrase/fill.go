package phrase

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"rapport/shared/expression"
)

// piece is a part of a text: words, or a placeholder.
type piece struct {
	words string
	slot  string // name of the placeholder, "" = words
	part  int    // 1, 2 … = within that optional part; 0 = always there
}

// Mistake is what is wrong with a text, with its place in it.
type Mistake struct {
	Line, Column int    // from 1, in characters
	Say          string // what is wrong and what to do
	Near         string // the nearest right name, where one was misspelt
}

// Error says it without the place.
func (m Mistake) Error() string {
	if m.Near != "" {
		return fmt.Sprintf("%s; did you mean %q?", m.Say, m.Near)
	}
	return m.Say
}

// Check tells everything that is wrong with a text: placeholders that do not exist, braces and brackets that do not close.
func Check(text string) []Mistake {
	_, wrong := parse(text)
	return wrong
}

// parser reads a text character by character.
type parser struct {
	text    []rune
	words   strings.Builder
	pieces  []piece
	wrong   []Mistake
	parts   int
	inside  int // the optional part that is open, 0 = none
	opened  int // where it was opened
	holding bool
}

// parse takes a text apart. What is wrong is kept as words, but for the braces of placeholders that do not exist.
func parse(text string) ([]piece, []Mistake) {
	p := parser{text: []rune(text)}
	for i := 0; i < len(p.text); i++ {
		r := p.text[i]
		switch {
		case r == '\\' && i+1 < len(p.text) && strings.ContainsRune(`\{}[]`, p.text[i+1]):
			i++
			p.words.WriteRune(p.text[i])
		case r == '{':
			i = p.placeholder(i)
		case r == '}':
			p.fail(i, "", `no { opens this }; write \} for the sign itself`)
			p.words.WriteRune(r)
		case r == '[' && p.inside > 0:
			p.fail(i, "", `an optional part cannot stand in another; write \[ for the sign itself`)
			p.words.WriteRune(r)
		case r == '[':
			p.flush()
			p.parts++
			p.inside, p.opened, p.holding = p.parts, i, false
		case r == ']' && p.inside == 0:
			p.fail(i, "", `no [ opens this ]; write \] for the sign itself`)
			p.words.WriteRune(r)
		case r == ']':
			p.flush()
			if !p.holding {
				p.fail(p.opened, "", `an optional part needs a placeholder in braces, which decides whether it stays; write \[ for the sign itself`)
			}
			p.inside = 0
		default:
			p.words.WriteRune(r)
		}
	}
	p.flush()
	if p.inside > 0 {
		p.fail(p.opened, "", `no ] closes the optional part that begins here; write \[ for the sign itself`)
	}
	return p.pieces, p.wrong
}

// placeholder reads one from its brace on, and gives where it ends.
func (p *parser) placeholder(at int) int {
	end := slices.Index(p.text[at:], '}')
	if next := slices.IndexFunc(p.text[at+1:], func(r rune) bool { return strings.ContainsRune("{[]\n", r) }); end < 0 || next >= 0 && next+1 < end {
		p.fail(at, "", `no } closes the placeholder that begins here; write \{ for the sign itself`)
		p.words.WriteRune('{')
		return at
	}
	name := strings.TrimSpace(string(p.text[at+1 : at+end]))
	if _, ok := Meaning(name); !ok {
		p.fail(at+1, expression.Nearest(name, Placeholders()), "there is no placeholder {%s}: use one of {%s}", name, strings.Join(Placeholders(), "}, {"))
	}
	p.flush()
	p.pieces = append(p.pieces, piece{slot: name, part: p.inside})
	p.holding = true
	return at + end
}

func (p *parser) flush() {
	if p.words.Len() > 0 {
		p.pieces = append(p.pieces, piece{words: p.words.String(), part: p.inside})
		p.words.Reset()
	}
}

func (p *parser) fail(at int, near, format string, args ...any) {
	line, column := 1, 1
	for _, r := range p.text[:at] {
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	p.wrong = append(p.wrong, Mistake{line, column, fmt.Sprintf(format, args...), near})
}

// Fill puts values into a text. missing lists the placeholders that had none, each once, in the order of the text. An
// optional part that lacks a value is left out, and so is the sentence around a placeholder elsewhere: the answer may be
// shorter, even empty, and never holds a brace. A value is taken as it is: braces and brackets in it mean nothing.
func Fill(text string, values map[string]string) (filled string, missing []string) {
	pieces, _ := parse(text)
	lacks := map[int]bool{}
	for i, p := range pieces {
		if p.slot == "" {
			continue
		}
		if pieces[i].words = clean(values[p.slot]); pieces[i].words == "" {
			lacks[p.part] = true
			if !slices.Contains(missing, p.slot) {
				missing = append(missing, p.slot)
			}
		}
	}
	var said strings.Builder
	for _, p := range pieces {
		switch {
		case p.part > 0 && lacks[p.part]:
		case p.slot != "" && p.words == "":
			said.WriteRune(gap)
		case p.slot == "":
			said.WriteString(strings.ReplaceAll(p.words, string(gap), ""))
		default:
			said.WriteString(p.words)
		}
	}
	return tidy([]rune(said.String())), missing
}

// gap stands where a value is missing; no text of ours has it.
const gap = '\uFFFC'

// clean makes one line of a value, without signs that change how other text is read.
func clean(value string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r == gap, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, value)), " ")
}

// tidy leaves out the sentences with gaps, and what white space that leaves behind.
func tidy(said []rune) string {
	var b strings.Builder
	begin := 0
	for i := range said {
		if i+1 < len(said) && !ends(said, i) {
			continue
		}
		if sentence := said[begin : i+1]; !slices.Contains(sentence, gap) {
			b.WriteString(string(sentence))
		} else if said[i] == '\n' {
			b.WriteByte('\n')
		}
		begin = i + 1
	}
	var lines []string
	for line := range strings.SplitSeq(b.String(), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// ends tells whether a sentence ends with a character: a line's end, or a mark before white space and a new beginning. A full
// stop after a short word may be that of an abbreviation, and ends none.
func ends(said []rune, i int) bool {
	if said[i] == '\n' {
		return true
	}
	if !strings.ContainsRune(".!?…", said[i]) {
		return false
	}
	next := i + 1
	for next < len(said) && said[next] == ' ' {
		next++
	}
	switch {
	case next == len(said) || said[next] == '\n':
		return true
	case next == i+1 || unicode.IsLower(said[next]):
		return false
	}
	word := 0
	for k := i - 1; k >= 0 && (unicode.IsLetter(said[k]) || unicode.IsDigit(said[k]) || said[k] == gap); k-- {
		if word++; said[k] == gap {
			return true
		}
	}
	return said[i] != '.' || word > 3
}
