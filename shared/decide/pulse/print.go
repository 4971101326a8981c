package pulse

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Places is how many places a print has.
const Places = 4

// Print gives a short mark of a text: two texts that share nearly all their words have the same byte in at least three of
// its four places, whatever names, addresses, numbers and tags each has of its own. "" where there are too few words to
// tell. It is made of the least hash of all pairs of words (a MinHash), so nothing of the text can be read out of it.
func Print(text string) string {
	var least [Places]uint32
	for i := range least {
		least[i] = ^uint32(0)
	}
	words, before := 0, uint32(0)
	for word := range strings.FieldsSeq(text) {
		if !plain(word) {
			continue
		}
		h := hash(word)
		if h == offset { // nothing but signs
			continue
		}
		words++
		pair := before*prime ^ h
		for i := range least {
			least[i] = min(least[i], mix(pair+uint32(i)*0x9e3779b9))
		}
		before = h
	}
	if words < fewest {
		return ""
	}
	var b [Places]byte
	for i, n := range least {
		b[i] = byte(mix(n))
	}
	return hex.EncodeToString(b[:])
}

// fewest is how many words a print is made of at least. Of "thank you so much" there are thousands, and no bots behind them.
const fewest = 5

// plain tells whether a word is said by all who say the same: no name, tag, address or number.
func plain(word string) bool {
	switch word[0] {
	case '@', '#':
		return false
	}
	return !strings.Contains(word, "://") && !strings.HasPrefix(word, "www.") && !strings.ContainsAny(word, "0123456789")
}

const (
	offset = 2166136261
	prime  = 16777619
)

// hash is FNV-1a of a word's letters in lower case.
func hash(word string) uint32 {
	h := uint32(offset)
	for i := 0; i < len(word); {
		r, n := utf8.DecodeRuneInString(word[i:])
		i += n
		if r < utf8.RuneSelf {
			if 'A' <= r && r <= 'Z' {
				r |= 0x20
			}
			if r < 'a' || r > 'z' {
				continue
			}
		} else if !unicode.IsLetter(r) {
			continue
		} else {
			r = unicode.ToLower(r)
		}
		h = (h ^ uint32(r)) * prime
	}
	return h
}

// mix spreads the bits of a number.
func mix(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
