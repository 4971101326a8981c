package text

import (
	_ "embed" // the lexicon
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

//go:embed lexicon.txt
var source string

// The heads that evidence goes to. The intents come in the order in which the main one is chosen.
const (
	hComplaint = iota
	hTone
	hSevere
	hDanger
	hIrony
	hProduct
	hSpam
	hLegal
	hPress
	hJob
	hChurn
	hPurchase
	hIdea
	hQuestion
	hPraise
	hGrief
	heads
)

// head gives a head by its name in the lexicon.
func head(name string) int {
	switch name {
	case "c":
		return hComplaint
	case "t":
		return hTone
	case "s":
		return hSevere
	case "danger":
		return hDanger
	case "irony":
		return hIrony
	case "product":
		return hProduct
	case "spam":
		return hSpam
	case "legal":
		return hLegal
	case "press":
		return hPress
	case "job":
		return hJob
	case "churn":
		return hChurn
	case "purchase":
		return hPurchase
	case "idea":
		return hIdea
	case "question":
		return hQuestion
	case "praise":
		return hPraise
	case "grief":
		return hGrief
	}
	return -1
}

type effects [heads]float32

// elem is one place of a pattern.
type elem struct {
	alts []string // one of these; a trailing * means begins so
	kind byte     // 0 word, '#' number, '_' any, '.' up to six words
}

type pattern struct {
	rest    []elem // after the first
	effects *effects
	denies  bool   // has a negator itself, or is not turned round by one
	lang    string // of this language alone; "" = of all
}

// lexicon finds patterns by their first element.
type lexicon struct {
	exact    map[string][]int32
	prefix   map[string][]int32
	suffix   map[string][]int32
	numbers  []int32
	patterns []pattern
	begins   [27 * 27]uint32 // which lengths of prefixes there are, as bits, by their first two letters
	ends     []int           // lengths of the suffixes
}

// parse reads the lexicon. Its mistakes are the author's, so they name the line.
func parse(source string) (*lexicon, error) {
	l := &lexicon{exact: make(map[string][]int32, 3000), prefix: make(map[string][]int32, 800), suffix: map[string][]int32{}, patterns: make([]pattern, 0, 5000)}
	number := 0
	for line := range strings.Lines(source) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		left, right, ok := strings.Cut(line, "|")
		if !ok {
			return nil, fmt.Errorf("lexicon line %d: no | between effects and patterns", number)
		}
		g, err := parseEffects(left)
		if err != nil {
			return nil, fmt.Errorf("lexicon line %d: %w", number, err)
		}
		for p := range strings.SplitSeq(right, ";") {
			if err := l.add(strings.Fields(p), g); err != nil {
				return nil, fmt.Errorf("lexicon line %d: %q: %w", number, strings.TrimSpace(p), err)
			}
		}
	}
	return l, nil
}

// parseEffects reads the left side of a line: what its patterns share.
func parseEffects(s string) (pattern, error) {
	var e effects
	g := pattern{effects: &e}
	for f := range strings.FieldsSeq(s) {
		switch f {
		case "de", "en":
			g.lang = f
			continue
		case "firm":
			g.denies = true
			continue
		}
		at := strings.IndexAny(f, "+-.0123456789")
		name, weight := f, 1.0
		if at >= 0 {
			name = f[:at]
			var err error
			if weight, err = strconv.ParseFloat(f[at:], 32); err != nil {
				return g, fmt.Errorf("effect %q has no number", f)
			}
		}
		h := head(name)
		if h < 0 {
			return g, fmt.Errorf("effect %q is not known", f)
		}
		e[h] = float32(weight)
	}
	return g, nil
}

func (l *lexicon) add(words []string, p pattern) error {
	if len(words) == 0 {
		return fmt.Errorf("empty pattern")
	}
	for _, w := range words {
		p.rest = append(p.rest, parseElem(w))
		p.denies = p.denies || negator([]byte(foldString(w)))
	}
	first := p.rest[0]
	p.rest = p.rest[1:]
	id := int32(len(l.patterns))
	l.patterns = append(l.patterns, p)
	switch first.kind {
	case '#':
		l.numbers = append(l.numbers, id)
		return nil
	case '_', '.':
		return fmt.Errorf("begins with %c", first.kind)
	}
	for _, w := range first.alts {
		switch {
		case strings.HasPrefix(w, "*"):
			l.suffix[w[1:]] = append(l.suffix[w[1:]], id)
			l.ends = withLength(l.ends, len(w)-1)
		case strings.HasSuffix(w, "*"):
			w = w[:len(w)-1]
			l.prefix[w] = append(l.prefix[w], id)
			if len(w) < 2 || len(w) > 31 {
				return fmt.Errorf("a beginning has 2 to 31 letters")
			}
			l.begins[pair([]byte(w))] |= 1 << len(w)
		default:
			l.exact[w] = append(l.exact[w], id)
		}
	}
	return nil
}

// pair numbers the first two letters of a word.
func pair(w []byte) int { return letter(w[0])*27 + letter(w[1]) }

func letter(b byte) int {
	if b >= 'a' && b <= 'z' {
		return int(b-'a') + 1
	}
	return 0
}

// withLength adds n to a falling list.
func withLength(list []int, n int) []int {
	if slices.Contains(list, n) {
		return list
	}
	list = append(list, n)
	slices.SortFunc(list, func(a, b int) int { return b - a })
	return list
}

func parseElem(w string) elem {
	switch w {
	case "#":
		return elem{kind: '#'}
	case "_":
		return elem{kind: '_'}
	case "..":
		return elem{kind: '.'}
	}
	var e elem
	for a := range strings.SplitSeq(w, "/") {
		e.alts = append(e.alts, foldString(a))
	}
	return e
}

func foldString(s string) string {
	var out []byte
	for _, r := range strings.ToLower(s) {
		if r != '\'' && r != 0xfe0f {
			out = fold(out, r)
		}
	}
	return string(out)
}

func (e *elem) matches(t *tokens, i int) bool {
	switch e.kind {
	case '#':
		return t.words[i].number
	case '_':
		return true
	}
	w := t.at(i)
	for _, a := range e.alts {
		if n := len(a) - 1; n > 0 && a[n] == '*' {
			if len(w) >= n && string(w[:n]) == a[:n] {
				return true
			}
		} else if string(w) == a {
			return true
		}
	}
	return false
}

// end tells where a pattern that began before word i is complete; −1 if it is not. No pattern goes over a sentence's end.
func (p *pattern) end(t *tokens, i, from int) int {
	for k := from; k < len(p.rest); k++ {
		if p.rest[k].kind == '.' {
			for skip := 0; skip <= 6; skip++ {
				if end := p.end(t, i+skip, k+1); end >= 0 {
					return end
				}
				if i+skip >= len(t.words) || t.words[i+skip].sentence {
					break
				}
			}
			return -1
		}
		if i >= len(t.words) || t.words[i].sentence || !p.rest[k].matches(t, i) {
			return -1
		}
		i++
	}
	return i
}

// hit is a pattern found at words [from, to).
type hit struct {
	from, to int
	p        *pattern
}

// begin lists the patterns whose first element a word meets.
func (l *lexicon) begin(w []byte) []int32 {
	ids := slices.Clone(l.exact[string(w)])
	if len(w) > 1 {
		for lengths := l.begins[pair(w)]; lengths != 0; lengths &= lengths - 1 {
			n := bits.TrailingZeros32(lengths)
			if n > len(w) {
				break
			}
			ids = append(ids, l.prefix[string(w[:n])]...)
		}
	}
	for _, n := range l.ends {
		if n < len(w) {
			ids = append(ids, l.suffix[string(w[len(w)-n:])]...)
		}
	}
	return ids
}

// find gives all hits at word i; those over more words first is not promised.
func (l *lexicon) find(t *tokens, i int, lang string, hits []hit) []hit {
	hits = l.try(t.words[i].known.begins, t, i, lang, hits)
	if t.words[i].number {
		hits = l.try(l.numbers, t, i, lang, hits)
	}
	return hits
}

func (l *lexicon) try(ids []int32, t *tokens, i int, lang string, hits []hit) []hit {
	for _, id := range ids {
		p := &l.patterns[id]
		if p.lang != "" && p.lang != lang && lang != "" && lang != "und" {
			continue
		}
		if end := p.end(t, i+1, 0); end >= 0 {
			hits = append(hits, hit{i, end, p})
		}
	}
	return hits
}
