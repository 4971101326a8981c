package network

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"rapport/shared/pattern"
)

// addressLength is what an address counts in weighted characters, however long it is.
const addressLength = 23

// Weighted counts a text as X does: an address counts 23, an emoji of however many parts 2, what lies in Latin and its
// neighbours up to U+10FF and in common punctuation 1, everything else 2; the text is composed (NFC) first. The ranges are
// those of configuration v3 of https://github.com/twitter/twitter-text.
func Weighted(text string) int {
	text = norm.NFC.String(text)
	n := 0
	for {
		at := nextAddress(text)
		if at == nil {
			return n + weigh(text)
		}
		n += weigh(text[:at[0]]) + addressLength
		text = text[at[1]:]
	}
}

// HasAddress tells whether a text holds an address that X would turn into a link, with or without a scheme.
func HasAddress(text string) bool { return nextAddress(norm.NFC.String(text)) != nil }

var addressLike = pattern.New(`(?i)\bhttps?://[^\s"<>]+|(?:[\pL\pN](?:[\pL\pN-]*[\pL\pN])?\.)+[a-z]{2,24}(?:/[^\s"<>]*)?`)

// nextAddress finds the first address; nil if there is none.
func nextAddress(text string) []int {
	from := 0
	for {
		at := addressLike().FindStringIndex(text[from:])
		if at == nil {
			return nil
		}
		begin, end := from+at[0], from+at[1]
		from = end
		found := strings.TrimRight(text[begin:end], ".,;:!?)'")
		if strings.Contains(found, "://") {
			return []int{begin, begin + len(found)}
		}
		host, _, _ := strings.Cut(found, "/")
		_, icann := publicsuffix.PublicSuffix(strings.ToLower(host))
		if begin > 0 && strings.ContainsRune("@#$_", rune(text[begin-1])) || !icann {
			continue // a handle, a file name, a sentence without a blank
		}
		return []int{begin, begin + len(found)}
	}
}

func weigh(text string) int {
	n := 0
	g := uniseg.NewGraphemes(text)
	for g.Next() {
		if runes := g.Runes(); emoji(runes) {
			n += 2
		} else {
			for _, r := range runes {
				n += weight(r)
			}
		}
	}
	return n
}

func weight(r rune) int {
	switch {
	case r <= 0x10FF, r >= 0x2000 && r <= 0x200D, r >= 0x2010 && r <= 0x201F, r >= 0x2032 && r <= 0x2037:
		return 1
	}
	return 2
}

// emoji tells whether a cluster of several code points is one emoji; one alone weighs 2 by itself.
func emoji(runes []rune) bool {
	if len(runes) < 2 || unicode.IsLetter(runes[0]) || unicode.IsMark(runes[0]) {
		return false
	}
	for _, r := range runes[1:] {
		switch {
		case r == 0x200D, r == 0xFE0F, r == 0x20E3, r >= 0x1F1E6 && r <= 0x1F1FF, r >= 0x1F3FB && r <= 0x1F3FF, r >= 0xE0020 && r <= 0xE007F:
			return true
		}
	}
	return false
}
