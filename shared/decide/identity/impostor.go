package identity

import (
	"slices"
	"strings"

	"rapport/shared/flow"
)

// Mark is a name of the brand in the form in which look-alikes are compared.
type Mark struct{ name, skeleton string }

// Marks prepares the brand's title and terms. Very short ones are left out: too many people are called so.
func Marks(names []string) []Mark {
	var out []Mark
	for _, n := range names {
		if s := Skeleton(strings.TrimPrefix(n, "@")); len(s) >= 4 {
			out = append(out, Mark{n, s})
		}
	}
	return out
}

// Impostor tells whether an author goes by the brand's name without being one of its accounts, and by which. Accounts
// that the network vouches for are none.
func Impostor(a flow.Author, marks []Mark, official []string) (string, bool) {
	if a.ID == "" || a.Verified || slices.Contains(official, a.ID) {
		return "", false
	}
	handle, _, _ := strings.Cut(strings.TrimPrefix(a.Handle, "@"), "@") // fediverse: user@host
	handle, _, _ = strings.Cut(handle, ".bsky")
	for _, mine := range [...]string{Skeleton(handle), Skeleton(a.Name)} {
		for _, m := range marks {
			if resembles(mine, m.skeleton) {
				return m.name, true
			}
		}
	}
	return "", false
}

// resembles tells whether a skeleton is the brand's, bare or with words that accounts for customers carry.
func resembles(mine, brand string) bool {
	before, after, ok := strings.Cut(mine, brand)
	return ok && official(before) && official(after)
}

// official tells whether s consists of nothing but such words (as skeletons).
func official(s string) bool {
	for s != "" {
		rest := s
		for _, w := range [...]string{"support", "service", "servlce", "kundenservice", "kundendienst", "kunden", "hilfe", "help", "helpdesk", "team", "official", "offizieller",
			"offizielle", "offiziell", "real", "care", "customer", "info", "online", "de", "at", "ch", "uk", "eu", "the", "die", "der", "das", "bot", "gewinnspiel", "giveaway", "account", "x"} {
			if r, ok := strings.CutPrefix(s, Skeleton(w)); ok && len(r) < len(rest) {
				rest = r
			}
		}
		if len(rest) == len(s) {
			return false
		}
		s = rest
	}
	return true
}

// Skeleton folds a name so that look-alikes fall together: case, accents, letters of other scripts that look Latin, digits
// that stand for letters, and everything that is no letter.
func Skeleton(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		b.WriteString(alike(r))
	}
	return strings.ReplaceAll(b.String(), "rn", "m")
}

// alike gives the Latin letter that r looks like; "" where it is no letter.
func alike(r rune) string {
	switch r {
	case 'ä', 'à', 'á', 'â', 'ã', 'å', 'а', 'α', '@', '4':
		return "a"
	case 'в', 'β', '8':
		return "b"
	case 'с', 'ç', 'ć', 'č':
		return "c"
	case 'é', 'è', 'ê', 'ë', 'е', 'ё', '3', 'є':
		return "e"
	case 'í', 'ì', 'î', 'ï', 'і', 'ι', '1', '!', '|', 'l', 'ł', 'ı':
		return "i" // i, l and 1 are told apart by nobody
	case 'к', 'κ':
		return "k"
	case 'м':
		return "m"
	case 'ñ', 'п', 'η':
		return "n"
	case 'ö', 'ó', 'ò', 'ô', 'õ', 'ø', 'о', 'ο', '0':
		return "o"
	case 'р', 'ρ':
		return "p"
	case 'ѕ', '5', '$', 'š', 'ś':
		return "s"
	case 'т', 'τ', '7':
		return "t"
	case 'ü', 'ú', 'ù', 'û', 'υ', 'μ':
		return "u"
	case 'ν', 'ѵ':
		return "v"
	case 'ш', 'ω':
		return "w"
	case 'х', 'χ':
		return "x"
	case 'у', 'ý', 'ÿ', 'γ':
		return "y"
	case 'ž', 'ź', 'ż':
		return "z"
	case 'ß':
		return "ss"
	}
	if r >= 'a' && r <= 'z' {
		return string(r)
	}
	if r >= 0xff41 && r <= 0xff5a { // full width
		return alike(r - 0xff41 + 'a')
	}
	if r >= 0x1d400 && r <= 0x1d6a3 { // mathematical letters
		return alike('a' + (r-0x1d400)%26)
	}
	return ""
}
