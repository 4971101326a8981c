// Package language tells in which language a text is written: German (with its dialects), English, French, Spanish, Italian
// or Dutch; others by their script where that is enough; "und" where nothing can be said: emoji, names, a single loan word,
// an evenly mixed text. A small trained model looks at words and groups of letters; a table of everyday words tells what is too
// little or too mixed to judge; what the network says is a weak hint.
package language

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"rapport/shared/memo"
)

// Und is the answer where the language cannot be told.
const Und = "und"

// enough is how many words are read of a text that leaves no doubt.
const enough = 30

// longest is how many bytes of a word are looked at.
const longest = 24

// Detector knows the words and letter groups. It is immutable and safe for concurrent use.
type Detector struct {
	words map[string]scores
	model *model
	known *memo.Cache[known]
}

// known is what a word says by itself.
type known struct {
	everyday scores
	sum      [Codes]int32 // of the model's weights of its features
	taken    int          // how many they are
}

type scores [len(codes)]float32

// New makes a detector from the tables and weights of this package. An error is a mistake in them.
func New() (*Detector, error) {
	d := tables()
	d.known = memo.New[known](4096)
	var err error
	d.model, err = load(weights)
	return d, err
}

// tables makes a detector without the trained model.
func tables() *Detector {
	d := &Detector{words: make(map[string]scores, 1200)}
	fill(d.words, &everyday, 1)
	fill(d.words, &content, 0.9)
	return d
}

// fill reads the tables. What several languages share says little for each of them.
func fill(into map[string]scores, table *[len(codes)]string, weight float32) {
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
			s[i] *= 0.8 / n
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
	raw     [Codes]int32 // sums of the model's weights
	taken   int          // features
	keep    []uint32     // the features themselves, while training
	sum     scores       // what everyday words say
	hits    scores       // everyday words per language
	words   int
	letters int
	script  [len(scripts)]int
	word    [longest]byte
	n       int // bytes in word
}

// scan walks over the words; addresses, @names and #tags say nothing about the language.
func (c *counter) scan(text string) {
	for i := 0; i < len(text) && c.words < enough; {
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
	h := hash(word)
	k := c.d.known.Of(word, h, func(word []byte) known {
		f := features{m: c.d.model}
		f.of(word, h)
		c.keep = append(c.keep, f.keep...)
		return known{c.d.words[string(word)], f.sum, f.n}
	})
	for i, v := range k.everyday {
		c.sum[i] += v
		if v > 0.7 {
			c.hits[i]++
		}
	}
	for i, v := range k.sum {
		c.raw[i] += v
	}
	c.taken += k.taken
	c.n = 0
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

// decide weighs what was found.
func (c *counter) decide(hint string) (string, float64) {
	if c.words == 0 {
		return Und, 0
	}
	p := c.likely(hint)
	best, second := 0, 1
	if p[second] > p[best] {
		best, second = second, best
	}
	for i := 2; i < len(codes); i++ {
		switch {
		case p[i] > p[best]:
			best, second = i, best
		case p[i] > p[second]:
			second = i
		}
	}
	switch {
	case c.words == 1 && c.sum[best] < 0.75 && (c.letters < longWord || p[best] < certain): // one word, perhaps a loan or a name
		return Und, 0
	case c.hits[best] >= 2 && c.hits[second] >= 2 && c.sum[second] > 0.6*c.sum[best] && p[best] < certain: // evenly mixed
		return Und, 0.3
	case p[best] < least:
		return Und, p[best]
	}
	return codes[best], min(p[best], 0.99)
}

// A single long word, and words of two languages in one text, need a language that is all but certain.
const (
	certain  = 0.97
	longWord = 9 // letters
)

// least is how likely a language must be to be told.
const least = 0.45
