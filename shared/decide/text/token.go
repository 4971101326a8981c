package text

import (
	"unicode"
	"unicode/utf8"
)

// word is one word, number or emoji of a text: folded to lower-case a–z where it was Latin.
type word struct {
	from, to   int32 // in the folded buffer
	start, end int32 // in the text
	number     bool
	neg        bool // says no
	sentence   bool // the first of a sentence
	clause     bool // the first after a comma or the like
	hash       uint32
	known      *known
}

// tokens is a text cut into words.
type tokens struct {
	text      string
	folded    []byte
	words     []word
	questions int // sentences that end with a question mark
	shouts    int // exclamation marks
	links     int
	tags      int // #tags and @names
	capitals  int // words of three letters and more written in capitals
}

func (t *tokens) at(i int) []byte { w := t.words[i]; return t.folded[w.from:w.to] }

// cut reads a text. Addresses and @names are no words; of a #tag the word counts.
func cut(text string) *tokens {
	t := &tokens{text: text, folded: make([]byte, 0, len(text)+len(text)/4+8), words: make([]word, 0, len(text)/5+4)}
	sentence, clause := true, true
	for i := 0; i < len(text); {
		if text[i] == ' ' {
			i++
			continue
		}
		if n, emoji := emoticon(text[i:]); n > 0 {
			t.symbol(i, n, emoji)
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsLetter(r) || r >= '0' && r <= '9':
			next := t.word(i, r)
			if next < 0 {
				next = i + addressEnd(text[i:])
				t.links++
			} else {
				w := &t.words[len(t.words)-1]
				w.sentence, w.clause = sentence, clause
				sentence, clause = false, false
			}
			i = next
			continue
		case r == '@' && i+1 < len(text) && wordish(text[i+1]):
			t.tags++
			i += addressEnd(text[i:])
			continue
		case r == '#':
			t.tags++
		case r == '?':
			if !sentence {
				t.questions++
			}
			sentence, clause = true, true
		case r == '!':
			t.shouts++
			sentence, clause = true, true
		case r == '.' || r == '…' || r == '\n':
			sentence, clause = true, true
		case r == ',' || r == ';' || r == ':' || r == '–' || r == '(' || r == ')':
			clause = true
		case r == '%' || r == '+' || r == '€' || r == '$' || r == '£' || symbol(r):
			t.symbol(i, size, text[i:i+size])
		}
		i += size
	}
	return t
}

func wordish(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b >= 0x80
}

// symbol tells emoji and their like.
func symbol(r rune) bool {
	return r >= 0x2600 && r <= 0x27bf || r == 0x2b50 || r == 0x2b55 || r >= 0x1f300 && r <= 0x1faff && (r < 0x1f3fb || r > 0x1f3ff)
}

// symbol adds an emoji or the like as a word; what stands in the text may be written otherwise.
func (t *tokens) symbol(at, size int, emoji string) {
	from := int32(len(t.folded))
	t.folded = append(t.folded, emoji...)
	t.words = append(t.words, word{from: from, to: int32(len(t.folded)), start: int32(at), end: int32(at + size)})
}

// addressEnd is how far an address or @name goes.
func addressEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ', '\n', '\t', '\r', ',', '!', ')', ';', '"':
			return max(i, 1)
		case '?':
			if i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n' {
				return max(i, 1)
			}
		}
	}
	return len(s)
}

// word folds one word and gives where it ends, −1 for an address.
func (t *tokens) word(at int, first rune) int {
	w := word{from: int32(len(t.folded)), start: int32(at), number: first <= '9'}
	i, letters, upper := at, 0, 0
	var last, before rune
	for i < len(t.text) {
		if b := t.text[i] | 0x20; b >= 'a' && b <= 'z' {
			letters++
			if t.text[i] != b {
				upper++
			}
			if r := rune(b); r != last || r != before {
				t.folded = append(t.folded, b)
				before, last = last, r
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(t.text[i:])
		switch {
		case r >= 0x80 && unicode.IsLetter(r) || r == 0x303 || r == 0x308 || r == 0x301:
			letters++
			if unicode.IsUpper(r) {
				upper++
			}
			low := unicode.ToLower(r)
			if low != last || low != before { // runs of a letter count two
				t.folded = fold(t.folded, low)
			}
			last, before = low, last
		case r >= '0' && r <= '9':
			t.folded = append(t.folded, byte(r))
			last, before = 0, 0
		case (r == '\'' || r == '’') && letters > 0 && i+size < len(t.text) && wordish(t.text[i+size]):
			// don't, gibt's, d'Lampe: one word
		case r == '.' && i+1 < len(t.text) && (wordish(t.text[i+1]) && !w.number && len(t.folded) > int(w.from) && lowerTail(t.text[i+1:])):
			t.folded = t.folded[:w.from]
			return -1 // nordlicht.example
		case (r == '.' || r == ',') && w.number && letters == 0 && i+1 < len(t.text) && t.text[i+1] >= '0' && t.text[i+1] <= '9':
			// 1.200,50 and 3.4: one number
		case r == ':' && len(t.text) > i+2 && t.text[i+1] == '/' && t.text[i+2] == '/':
			t.folded = t.folded[:w.from]
			return -1
		default:
			return t.close(w, i, letters, upper)
		}
		i += size
	}
	return t.close(w, i, letters, upper)
}

// lowerTail tells whether what follows a full stop without space looks like the rest of an address.
func lowerTail(s string) bool {
	n := 0
	for n < len(s) && s[n] >= 'a' && s[n] <= 'z' {
		n++
	}
	return n >= 2
}

func (t *tokens) close(w word, end, letters, upper int) int {
	w.to, w.end = int32(len(t.folded)), int32(end)
	w.number = w.number && letters <= 1
	if letters >= 3 && upper == letters {
		t.capitals++
	}
	if !w.number {
		w.number, w.neg = numeral(t.folded[w.from:]), negator(t.folded[w.from:])
	}
	t.words = append(t.words, w)
	return end
}

// fold writes a lower-case letter in a–z where it is Latin.
func fold(to []byte, r rune) []byte {
	if r < 0x80 {
		return append(to, byte(r))
	}
	switch r {
	case 'ä':
		return append(to, 'a', 'e')
	case 'ö', 'œ':
		return append(to, 'o', 'e')
	case 'ü':
		return append(to, 'u', 'e')
	case 'ß':
		return append(to, 's', 's')
	case 'à', 'á', 'â', 'ã', 'å':
		return append(to, 'a')
	case 'é', 'è', 'ê', 'ë':
		return append(to, 'e')
	case 'í', 'ì', 'î', 'ï':
		return append(to, 'i')
	case 'ó', 'ò', 'ô', 'õ', 'ø':
		return append(to, 'o')
	case 'ú', 'ù', 'û':
		return append(to, 'u')
	case 'ç':
		return append(to, 'c')
	case 'ñ':
		return append(to, 'n')
	case 0x308: // diaeresis written apart
		return append(to, 'e')
	case 0x301, 0x303:
		return to
	}
	return utf8.AppendRune(to, r)
}

// numeral tells number words from one (not as an article) to twelve and a few more.
func numeral(w []byte) bool {
	switch string(w) {
	case "zwei", "drei", "vier", "fuenf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwoelf", "zwanzig", "dreissig", "zig",
		"paar", "mehreren", "mehrere", "zweiten", "dritten", "vierten", "fuenften", "dritte", "vierte", "fuenfte", "zweite", "hundert", "einer", "einem",
		"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty", "several", "few",
		"third", "fourth", "fifth", "hundred", "dozen", "couple", "deux", "trois", "quatre", "cinq", "dos", "tres", "cuatro",
		"due", "tre", "quattro", "cinque", "twee", "drie", "vijf":
		return true
	}
	return false
}

// negator tells words that turn the next ones round.
func negator(w []byte) bool {
	switch string(w) {
	case "nicht", "kein", "keine", "keinen", "keiner", "keinem", "keinerlei", "nie", "niemals", "weder", "ohne", "net", "ned", "nit", "noed", "nix", "kaum",
		"not", "no", "never", "dont", "doesnt", "didnt", "isnt", "wasnt", "arent", "werent", "wont", "wouldnt", "couldnt", "cant", "cannot", "hasnt", "havent",
		"neither", "nor", "without", "hardly", "pas", "jamais", "aucun", "aucune", "non", "nunca", "sin", "senza", "mai", "niet", "geen", "nooit", "zonder":
		return true
	}
	return false
}
