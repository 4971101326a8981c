package phone

import (
	"strings"
	"unicode"
)

// clean takes the digits out of what somebody wrote, without an extension; plus tells whether a country code stands in
// front. false: there are letters or hardly any digits.
func clean(text string) (digits string, plus, ok bool) {
	start := strings.IndexFunc(text, func(r rune) bool { return unicode.IsDigit(r) || isPlus(r) })
	if start < 0 || len(text) > 250 {
		return "", false, false
	}
	text = extension(text[start:])
	var out []byte
	for i, r := range text {
		switch {
		case isPlus(r) && (i == 0 || plus && len(out) == 0):
			plus = true
		case unicode.IsDigit(r):
			out = append(out, byte('0'+digit(r)))
		case unicode.IsLetter(r), isPlus(r):
			return "", false, false
		}
	}
	return string(out), plus, len(out) > shortest || len(out) == shortest && len(text) == shortest
}

func isPlus(r rune) bool { return r == '+' || r == '＋' }

// digit gives the value of a digit of any script: their ten digits stand in a row.
func digit(r rune) int {
	n := 0
	for n < 9 && unicode.IsDigit(r-rune(n)-1) {
		n++
	}
	if r < 128 {
		return int(r - '0')
	}
	return n
}

// extension cuts off what is dialled after a connection stands: "ext. 12", "x12", "#12", "/ 2".
func extension(text string) string {
	lower := strings.ToLower(text)
	for _, word := range []string{";ext=", "ext", "x", "#", "~", ";", "durchwahl", "anexo"} {
		if at := strings.Index(lower, word); at > 0 && len(lower) == len(text) {
			text, lower = text[:at], lower[:at]
		}
	}
	return text
}
