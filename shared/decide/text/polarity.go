package text

import (
	"cmp"
	_ "embed" // the list
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// The list of polarity gives words of general use a tone, apart from any brand. scripts/train makes it of the lists that
// DATA.md names; it is stored as hashes, so a word that is asked for can be found, and none can be read from it.

//go:embed polarity.bin
var polarities string

// The languages of the list. What stands under none of them, such as emoji, is of all.
const (
	polarDE = iota
	polarEN
	polarLangs
)

const (
	polarMark  = "rapport tone 1\n\x00"
	polarEntry = 5        // four bytes of hash, one of tone
	polarUnit  = 1.0 / 20 // a tone of ±4 at most
)

// Polar is a word of the list: its language ("de", "en", or "" for all) and its tone, from -4 to 4.
type Polar struct {
	Lang, Word string
	Tone       float64
}

// EncodePolar gives the bytes of polarity.bin. Of a word that comes twice the first tone counts; what is no single word is left out.
func EncodePolar(list []Polar) []byte {
	seen := map[uint32]bool{}
	type entry struct {
		hash uint32
		tone int8
	}
	var all []entry
	for _, p := range list {
		t := cut(p.Word)
		if len(t.words) != 1 || t.words[0].number {
			continue
		}
		lang := map[string]int{"de": polarDE, "en": polarEN, "": polarLangs}[p.Lang]
		h := hash(polarBasis(lang), t.at(0))
		if tone := int8(min(max(p.Tone, -4), 4) / polarUnit); tone != 0 && !seen[h] {
			seen[h] = true
			all = append(all, entry{h, tone})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
	out := []byte(polarMark)
	for _, e := range all {
		out = append(binary.LittleEndian.AppendUint32(out, e.hash), byte(e.tone))
	}
	return out
}

func polarBasis(lang int) uint32 { return basis ^ uint32(lang+1)*0x9e3779b1 }

// polar is the list made ready.
type polar string

func loadPolar(data string) (polar, error) {
	if rest, ok := strings.CutPrefix(data, polarMark); ok && len(rest)%polarEntry == 0 {
		return polar(rest), nil
	}
	return "", fmt.Errorf("list of polarity: %d bytes, want a list beginning %q: run scripts/train", len(data), polarMark)
}

// find gives the tone of a folded word, 0 = none.
func (p polar) find(lang int, word []byte) float32 {
	h := hash(polarBasis(lang), word)
	from, to := 0, len(p)/polarEntry
	for from < to {
		i := (from + to) / 2
		e := p[i*polarEntry : (i+1)*polarEntry]
		switch k := uint32(e[0]) | uint32(e[1])<<8 | uint32(e[2])<<16 | uint32(e[3])<<24; {
		case k == h:
			return float32(int8(e[4])) * polarUnit
		case k < h:
			from = i + 1
		default:
			to = i
		}
	}
	return 0
}

// endings are what German words end in beside the form that stands in the list.
var endings = [...]string{"e", "en", "er", "es", "em", "n", "s", "t", "st", "te", "ten"}

// tones gives the tone of a folded word in each language.
func (p polar) tones(word []byte) (out [polarLangs]float32) {
	if v := p.find(polarLangs, word); v != 0 {
		return [polarLangs]float32{v, v}
	}
	out[polarEN] = p.find(polarEN, word)
	if out[polarDE] = p.find(polarDE, word); out[polarDE] != 0 {
		return out
	}
	var buffer [40]byte
	for _, e := range endings {
		n := len(word) - len(e)
		if n < 4 || n > 32 || string(word[n:]) != e {
			continue
		}
		if v := p.find(polarDE, word[:n]); v != 0 {
			out[polarDE] = v
			break
		}
		if v := p.find(polarDE, append(append(buffer[:0], word[:n]...), "en"...)); v != 0 { // nervt, nerven
			out[polarDE] = v
			break
		}
	}
	return out
}

// polarFeatures is how many numbers polarity gives.
const polarFeatures = 8

// polarity sums the tones of the words: denied ones turn round, strengthened ones count more, and what follows "but" by itself.
func (t *tokens) polarity(lang string, d []float32) {
	l := polarEN
	if lang == "de" {
		l = polarDE
	}
	var good, bad, turned, last, after, most, least float32
	deny, n := 0, 0
	for i := range t.words {
		w := &t.words[i]
		if w.clause {
			deny = 0
		}
		if but(t.at(i)) {
			after = 0
		}
		if v := w.known.tones[l]; v != 0 {
			v *= intensity(t, i)
			if deny > 0 {
				v *= -0.6
				turned += v
			}
			n++
			if v > 0 {
				good += v
			} else {
				bad -= v
			}
			after += v
			last, most, least = v, max(most, v), min(least, v)
		}
		if deny > 0 {
			deny--
		}
		if w.neg {
			deny = 3
		}
	}
	d[0], d[1] = min(good, 8)/4, min(bad, 8)/4
	d[2] = drawn(good - bad)
	d[3] = drawn(after)
	d[4] = last / 3
	d[5], d[6] = most/3, least/3
	d[7] = max(min(turned, 3), -3) / 3
}

// but tells words after which comes what counts.
func but(w []byte) bool {
	switch string(w) {
	case "aber", "jedoch", "doch", "but", "however", "mais", "pero", "ma", "maar":
		return true
	}
	return false
}

// drawn draws a sum of tones in to -1…1.
func drawn(v float32) float32 { return v / (max(v, -v) + 3) }
