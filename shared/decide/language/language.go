// Package language tells in which language a text is written: German (with its dialects), English, French, Spanish, Italian
// or Dutch; others by their script where that is enough; "und" where nothing can be said: emoji, names, a single loan word,
// an evenly mixed text. It counts everyday words and typical letter groups; what the network says is a weak hint.
package language

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Und is the answer where the language cannot be told.
const Und = "und"

// enough is how many words are read of a text that leaves no doubt.
const enough = 30

// longest is how many bytes of a word are looked at.
const longest = 24

// Detector knows the words and letter groups. It is immutable and safe for concurrent use.
type Detector struct {
	words  map[string]scores
	groups map[string]scores
}

type scores [len(codes)]float32

// New makes a detector from the tables of this package.
func New() *Detector {
	d := &Detector{words: make(map[string]scores, 1200), groups: make(map[string]scores, 300)}
	fill(d.words, &everyday, 1, true)
	fill(d.words, &content, 0.9, true)
	fill(d.groups, &groups, 0.22, false)
	return d
}

// fill reads the tables. What several languages share says little for each of them.
func fill(into map[string]scores, table *[len(codes)]string, weight float32, square bool) {
	for lang, list := range table {
		for word := range strings.FieldsSeq(list) {
			s := into[word]
			s[lang] = max(s[lang], weight)
			into[word] = s
		}
	}
	for word, s := range into {
		n := float32(0)
		for _, v := range s {
			if v > 0 {
				n++
			}
		}
		if n < 2 {
			continue
		}
		for i := range s {
			s[i] /= n
			if square {
				s[i] *= 0.8
			}
		}
		into[word] = s
	}
}

// Detect gives the ISO 639-1 code of a text and how sure that is (0–1). hint is what the network says, "" = nothing.
func (d *Detector) Detect(text, hint string) (code string, confidence float64) {
	c := counter{d: d}
	c.scan(text)
	if code, ok := c.foreign(); ok {
		return code, 0.95
	}
	return c.decide(hint)
}

// counter sums up evidence over one text.
type counter struct {
	d       *Detector
	sum     scores
	hits    scores // everyday words per language
	words   int
	letters int
	script  [len(scripts)]int
	word    [longest]byte
	n       int // bytes in word
}

// scan walks over the words; addresses, @names and #tags say nothing about the language.
func (c *counter) scan(text string) {
	for i := 0; i < len(text) && (c.words < enough || !c.clear()); {
		if b := text[i] | 0x20; b >= 'a' && b <= 'z' {
			c.add(rune(b))
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r > 0x7f && unicode.IsLetter(r):
			c.add(unicode.ToLower(r))
		case c.n > 0 && (r == '\'' || r == '’'):
			c.end() // l'hôtel, d'Laterne, don't
		case c.n == 0 && (r == '@' || r == '#') || c.n > 0 && strings.HasPrefix(text[i:], "://"):
			c.n = 0
			i += strings.IndexFunc(text[i:]+" ", unicode.IsSpace)
			continue
		default:
			c.end()
		}
		i += size
	}
	c.end()
}

func (c *counter) add(r rune) {
	c.letters++
	if r > 0x24f {
		for i, s := range scripts {
			if unicode.Is(s.table, r) {
				c.script[i]++
			}
		}
	}
	if c.n+utf8.RuneLen(r) <= longest {
		c.n += utf8.EncodeRune(c.word[c.n:], r)
	}
}

// end judges the word that has been collected.
func (c *counter) end() {
	if c.n == 0 {
		return
	}
	word := c.word[:c.n]
	c.words++
	if s, ok := c.d.words[string(word)]; ok {
		for i, v := range s {
			c.sum[i] += v
			if v > 0.7 {
				c.hits[i]++
			}
		}
	} else if c.n > 3 && !c.clear() {
		c.groups(word)
	}
	c.n = 0
}

// clear tells whether everyday words have settled the matter, so that letter groups need not be looked at.
func (c *counter) clear() bool {
	var most, second float32
	for _, n := range c.hits {
		most, second = max(most, n), max(second, min(most, n))
	}
	return most >= 3 && most >= 3*second
}

// groups looks for letter groups that are typical of a language; ^ and $ in the tables are the word's ends.
func (c *counter) groups(word []byte) {
	var padded [longest + 2]byte
	p := append(append(append(padded[:0], '^'), word...), '$')
	var got scores
	for size := 2; size <= 4; size++ {
		for i := 0; i+size <= len(p); i++ {
			if s, ok := c.d.groups[string(p[i:i+size])]; ok {
				for k, v := range s {
					got[k] += v
				}
			}
		}
	}
	for k, v := range got {
		c.sum[k] += min(v, 0.7)
	}
}

// foreign answers by script where most letters are not Latin.
func (c *counter) foreign() (string, bool) {
	most, at := 0, -1
	for i, n := range c.script {
		if n > most {
			most, at = n, i
		}
	}
	if at < 0 || most*2 < c.letters {
		return "", false
	}
	return scripts[at].code, true
}

// decide weighs the sums.
func (c *counter) decide(hint string) (string, float64) {
	given := c.sum
	for i, code := range codes {
		if code == hint {
			given[i] += 0.45
		}
	}
	best, second := 0, 1
	if given[second] > given[best] {
		best, second = second, best
	}
	for i := 2; i < len(codes); i++ {
		switch {
		case given[i] > given[best]:
			best, second = i, best
		case given[i] > given[second]:
			second = i
		}
	}
	a, b := given[best], given[second]
	switch {
	case c.sum[best] < 0.42, c.words < 2 && c.sum[best] < 0.75: // nothing known, or one loan word
		return Und, 0
	case c.hits[best] >= 2 && c.hits[second] >= 2 && c.sum[second] > 0.6*c.sum[best]: // evenly mixed
		return Und, 0.3
	case a-b < 0.12*a:
		return Und, 0.2
	}
	sure := float64((a - b) / (a + 0.4))
	return codes[best], min(0.5+sure/2, 0.99)
}
