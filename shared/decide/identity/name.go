package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold gives a text in the form in which names are compared: lower case, without accents, umlauts written out and bare alike
// (müller, mueller and muller become muller), letters of other scripts that only look Latin replaced.
func Fold(s string) string {
	s = strings.ToLower(norm.NFKC.String(s))
	latin := strings.ContainsFunc(s, func(r rune) bool { return r >= 'a' && r <= 'z' })
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == 'ß':
			b.WriteString("ss")
		case r == 'æ' || r == 'ä':
			b.WriteString("a")
		case r == 'ø' || r == 'ö' || r == 'œ':
			b.WriteString("o")
		case r == 'ü':
			b.WriteString("u")
		case r == 'ł':
			b.WriteString("l")
		case r == 'đ':
			b.WriteString("d")
		case r == 'ı':
			b.WriteString("i")
		case latin && (unicode.Is(unicode.Cyrillic, r) || unicode.Is(unicode.Greek, r)):
			b.WriteString(alike(r))
		case r < 0x80:
			b.WriteRune(r)
		default:
			for _, d := range norm.NFD.String(string(r)) {
				if !unicode.Is(unicode.Mn, d) {
					b.WriteRune(d)
				}
			}
		}
	}
	return umlauts.Replace(b.String())
}

// umlauts leads written-out umlauts to bare letters; that bauer becomes baur too does no harm, as it does so everywhere.
var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")

// Name is a name taken apart. Parts are folded.
type Name struct {
	First   string   // given name in its full form, or its initial
	Last    []string // family name, then the parts of a double one; or its initial
	Company bool     // the words of a company, a team or a place
}

// whole gives the name in one word, "" where it is not whole.
func (n Name) whole() string {
	if len(n.Last) == 0 || len(n.First) < 2 || len(n.Last[0]) < 2 {
		return ""
	}
	return n.First + n.Last[0]
}

// ParseName takes a name apart: “Dr. Anna von Berg”, “Berg, Anna”, “Anna B.”. Of a single word nothing is made.
func ParseName(s string) Name {
	var n Name
	before, after, comma := strings.Cut(s, ",")
	if comma && len(strings.Fields(before)) <= 2 && len(strings.Fields(after)) == 1 && !strings.Contains(strings.TrimSpace(after), ".") && !titles[strings.TrimSpace(Fold(after))] {
		s = after + " " + before
	} else if comma {
		s = before
	}
	if i := strings.IndexAny(s, "(|/•·–—"); i > 0 {
		s = s[:i]
	}
	var words []string
	for _, w := range strings.FieldsFunc(Fold(s), func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '\'' }) {
		w = strings.Trim(w, "-'")
		n.Company = n.Company || companies[w]
		if w != "" && !titles[w] {
			words = append(words, w)
		}
	}
	for len(words) > 2 && particles[words[len(words)-2]] { // of the family name alone
		words = append(words[:len(words)-2], words[len(words)-1])
	}
	if len(words) < 2 || len(words) > 4 {
		return n
	}
	first, _, _ := strings.Cut(words[0], "-")
	n.First = strings.ReplaceAll(first, "'", "")
	if full, ok := nicknames[n.First]; ok {
		n.First = full
	}
	last := strings.ReplaceAll(words[len(words)-1], "'", "")
	n.Last = []string{strings.ReplaceAll(last, "-", "")}
	if parts := strings.Split(last, "-"); len(parts) > 1 {
		n.Last = append(n.Last, parts...)
	}
	return n
}

// ofHandle takes a handle apart where its form tells the parts: anna.berg84.
func ofHandle(handle string) Name {
	handle, _, _ = strings.Cut(Handle(handle), "@")
	if d, _, ok := strings.Cut(handle, ".bsky"); ok {
		handle = d
	}
	parts := strings.FieldsFunc(Fold(handle), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(parts) != 2 || len(parts[0])+len(parts[1]) < 5 {
		return Name{}
	}
	return ParseName(parts[0] + " " + parts[1])
}

// letters gives the letters of a handle in one word, as whole does of a name.
func letters(handle string) string {
	handle, _, _ = strings.Cut(Handle(handle), "@")
	if d, _, ok := strings.Cut(handle, ".bsky"); ok {
		handle = d
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, Fold(handle))
}

// Sound gives how a folded name sounds to German ears (Kölner Phonetik): maier, meyer and mayr are one.
func Sound(s string) string {
	var out []byte
	var last byte
	at := func(i int) byte {
		if i < 0 || i >= len(s) {
			return 0
		}
		return s[i]
	}
	in := func(c byte, set string) bool { return c != 0 && strings.IndexByte(set, c) >= 0 }
	put := func(c byte) {
		if c != last && (c != '0' || len(out) == 0) {
			out = append(out, c)
		}
		last = c
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case in(c, "aeijouy"):
			put('0')
		case c == 'h':
			last = 'h'
		case c == 'b', c == 'p' && at(i+1) != 'h':
			put('1')
		case in(c, "dt"):
			if in(at(i+1), "csz") {
				put('8')
			} else {
				put('2')
			}
		case in(c, "fvwp"):
			put('3')
		case in(c, "gkq"):
			put('4')
		case c == 'c':
			switch {
			case i == 0 && in(at(1), "ahkloqrux"), i > 0 && !in(at(i-1), "sz") && in(at(i+1), "ahkoqux"):
				put('4')
			default:
				put('8')
			}
		case c == 'x':
			if !in(at(i-1), "ckq") {
				put('4')
			}
			put('8')
		case c == 'l':
			put('5')
		case in(c, "mn"):
			put('6')
		case c == 'r':
			put('7')
		case in(c, "sz"):
			put('8')
		}
	}
	return string(out)
}
