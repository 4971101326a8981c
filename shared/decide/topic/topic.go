// Package topic finds what a text is about: a tenant's products, competitors and themes, each with its synonyms. Words are
// compared in lower case and without accents, with the usual endings of German and English, and as parts of German compounds.
// It compiles no patterns, so no text and no list can make it slow.
package topic

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Topic is a name and the words that stand for it.
type Topic struct {
	Name  string
	Words []string // words or short phrases; the name itself counts as well
	Whole bool     // whole words alone: no compounds
}

// Finder finds topics. It is immutable and safe for concurrent use.
type Finder struct {
	names []string
	heads map[string][]term // by how their first word begins
	tails map[string][]term // by how they end: of single words that may end a compound
}

// term is one synonym, folded into words.
type term struct {
	topic int
	words []string
	whole bool
}

// How long the part of a word must be to be found in a compound, and what it is found by.
const (
	head = 4
	tail = 5
	most = 64 << 10 // bytes of a text that are looked at
)

// New makes a finder.
func New(topics []Topic) *Finder {
	f := &Finder{heads: map[string][]term{}, tails: map[string][]term{}}
	for i, t := range topics {
		f.names = append(f.names, t.Name)
		for _, w := range append([]string{t.Name}, t.Words...) {
			words := Words(w)
			if len(words) == 0 {
				continue
			}
			x := term{i, words, t.Whole}
			f.heads[begin(words[0])] = append(f.heads[begin(words[0])], x)
			if last := words[0]; len(words) == 1 && !t.Whole && len(last) >= tail {
				f.tails[last[len(last)-tail:]] = append(f.tails[last[len(last)-tail:]], x)
			}
		}
	}
	return f
}

func begin(word string) string { return word[:min(head, len(word))] }

// Find gives the names of the topics of a text, in the order in which they were given; nil where there is none.
func (f *Finder) Find(text string) []string {
	if len(f.names) == 0 {
		return nil
	}
	if len(text) > most {
		text = text[:most]
	}
	var hit []int
	words := Words(text)
	for i, w := range words {
		for n := 1; n <= min(head, len(w)); n++ { // short synonyms begin with less
			if n < head && n < len(w)-2 {
				continue
			}
			for _, t := range f.heads[w[:n]] {
				if t.at(words[i:]) && !slices.Contains(hit, t.topic) {
					hit = append(hit, t.topic)
				}
			}
		}
		for end := max(len(w)-3, tail); end <= len(w); end++ { // with an ending or without
			if !ending(w[end:]) {
				continue
			}
			for _, t := range f.tails[w[end-tail:end]] {
				if strings.HasSuffix(w[:end], t.words[0]) && !slices.Contains(hit, t.topic) {
					hit = append(hit, t.topic)
				}
			}
		}
	}
	slices.Sort(hit)
	var out []string
	for _, i := range hit {
		out = append(out, f.names[i])
	}
	return out
}

// at tells whether a text goes on with the term.
func (t term) at(words []string) bool {
	if len(words) < len(t.words) {
		return len(t.words) > 1 && len(words) > 0 && words[0] == strings.Join(t.words, "")
	}
	for i, w := range t.words {
		last := i == len(t.words)-1
		rest, ok := strings.CutPrefix(words[i], w)
		switch {
		case !ok:
			return len(t.words) > 1 && words[0] == strings.Join(t.words, "")
		case rest == "" || rest == "s" || len(w) >= head && ending(rest):
		case last && !t.whole && len(w) >= head && len(rest) >= 3 && letters(rest):
		default:
			return false
		}
	}
	return true
}

// ending tells whether something is a usual ending of a word.
func ending(s string) bool {
	switch s {
	case "", "s", "e", "n", "en", "er", "es", "em", "ern", "ns", "se", "nen":
		return true
	}
	return false
}

func letters(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
}

// Words gives the words of a text in lower case, without accents: ä becomes ae. Letters and digits make words; all else ends
// one.
func Words(text string) []string {
	var b strings.Builder
	b.Grow(len(text) + 8)
	out := make([]string, 0, len(text)/6+1)
	start := 0
	end := func() {
		if b.Len() > start {
			out = append(out, b.String()[start:b.Len()])
			start = b.Len()
		}
	}
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		i += n
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteByte(byte(r))
		case 'A' <= r && r <= 'Z':
			b.WriteByte(byte(r) | 0x20)
		case r == 0xad || r >= 0x300 && r <= 0x36f: // soft hyphen and marks above letters
		case r < utf8.RuneSelf:
			end()
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteString(folded(unicode.ToLower(r)))
		default:
			end()
		}
	}
	end()
	return out
}

// folded writes a letter without its accent.
func folded(r rune) string {
	switch r {
	case 'ä', 'æ':
		return "ae"
	case 'ö', 'œ':
		return "oe"
	case 'ü':
		return "ue"
	case 'ß', 'ẞ':
		return "ss"
	case 'à', 'á', 'â', 'ã', 'å':
		return "a"
	case 'è', 'é', 'ê', 'ë':
		return "e"
	case 'ì', 'í', 'î', 'ï':
		return "i"
	case 'ò', 'ó', 'ô', 'õ', 'ø':
		return "o"
	case 'ù', 'ú', 'û':
		return "u"
	case 'ç':
		return "c"
	case 'ñ':
		return "n"
	case 'š':
		return "s"
	case 'ž':
		return "z"
	}
	return string(r)
}
