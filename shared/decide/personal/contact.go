package personal

import (
	"strings"

	"rapport/shared/phone"
)

// emails finds name@domain.tld and its spellings "name [at] domain (punkt) tld".
func emails(text string, found []Entity) []Entity {
	for i := 0; i < len(text); i++ {
		end := separator(text, i)
		if end == 0 {
			continue
		}
		from := i
		for from > 0 && text[from-1] == ' ' && text[i] != '@' {
			from--
		}
		start := from
		for start > 0 && localPart(text[start-1]) {
			start--
		}
		local := strings.Trim(text[start:from], ".")
		start = from - len(strings.TrimLeft(text[start:from], "."))
		domain, stop := domainAt(text, end)
		if local == "" || domain == "" {
			continue
		}
		found = add(found, Entity{Email, strings.ToLower(local + "@" + domain), start, stop})
		i = stop - 1
	}
	return found
}

// separator tells whether an at-sign, bare or written out in brackets, begins at i, and where it ends.
func separator(text string, i int) int {
	if text[i] == '@' {
		return i + 1
	}
	if text[i] != '[' && text[i] != '(' {
		return 0
	}
	for _, s := range [...]string{"at", "@", "ät"} {
		if rest, ok := strings.CutPrefix(strings.ToLower(text[i+1:min(len(text), i+8)]), s); ok && len(rest) > 0 && (rest[0] == ']' || rest[0] == ')') {
			end := i + 2 + len(s)
			for end < len(text) && text[end] == ' ' {
				end++
			}
			return end
		}
	}
	return 0
}

func localPart(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-' || b == '+' || b == '%' || b >= 0x80
}

func domainPart(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b >= 0x80
}

// domainAt reads a domain of at least two labels; dots may be written out.
func domainAt(text string, at int) (domain string, end int) {
	var labels []string
	for {
		from := at
		for at < len(text) && domainPart(text[at]) {
			at++
		}
		if at == from {
			break
		}
		labels, end = append(labels, text[from:at]), at
		next := dotAt(text, at)
		if next == 0 {
			break
		}
		at = next
	}
	if len(labels) < 2 || len(labels[len(labels)-1]) < 2 {
		return "", 0
	}
	return strings.Join(labels, "."), end
}

func dotAt(text string, at int) int {
	if at < len(text) && text[at] == '.' {
		return at + 1
	}
	i := at
	for i < len(text) && text[i] == ' ' {
		i++
	}
	if i >= len(text) || text[i] != '(' && text[i] != '[' {
		return 0
	}
	for _, s := range [...]string{"punkt", "dot", "."} {
		if strings.HasPrefix(strings.ToLower(text[i+1:min(len(text), i+8)]), s) && i+1+len(s) < len(text) {
			i += 2 + len(s)
			for i < len(text) && text[i] == ' ' {
				i++
			}
			return i
		}
	}
	return 0
}

// phones finds what looks like a phone number and stands where one is expected; package phone has the last word.
func phones(text, region string, found []Entity) []Entity {
	for i := 0; i < len(text); {
		if !phoneStart(text, i) {
			i++
			continue
		}
		end, n := run(text, i)
		raw := text[i:end]
		if n >= 7 && n <= 15 && expected(text, i, raw) && free(found, i, end) {
			if p, ok := phone.Parse(strings.ReplaceAll(raw, "(0)", ""), region); ok && p.Possible() && plausible(p, raw) {
				found = add(found, Entity{Phone, p.E164(), i, end})
			}
		}
		i = max(end, i+1)
	}
	return found
}

// plausible is stricter where nothing but the digits speaks for a phone.
func plausible(p phone.Number, raw string) bool {
	return p.Valid() || raw[0] == '+' || raw[0] == '0' || raw[0] == '('
}

func phoneStart(text string, i int) bool {
	b := text[i]
	if b != '+' && b != '(' && (b < '0' || b > '9') {
		return false
	}
	if i > 0 && (localPart(text[i-1]) && text[i-1] != '.' || text[i-1] == '/' || text[i-1] == '#') {
		return false
	}
	return b >= '0' && b <= '9' || i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9'
}

// run reads digits with the separators that phone numbers have.
func run(text string, i int) (end, n int) {
	end = i
	for k := i; k < len(text); k++ {
		switch b := text[k]; {
		case b >= '0' && b <= '9':
			n, end = n+1, k+1
		case b == '+' && k == i, b == ' ', b == '/', b == '-', b == '(', b == ')', b == '.':
			if k+1 < len(text) && k > i && text[k-1] == b && b != ' ' {
				return end, n
			}
		default:
			return end, n
		}
	}
	return end, n
}

// expected tells whether a number stands where a phone number would: international, with separators as phones have
// them, or after a word for it.
func expected(text string, at int, raw string) bool {
	if raw[0] == '+' || strings.HasPrefix(raw, "00") {
		return true
	}
	word, before := wordBefore(text, at)
	for range 3 {
		switch word {
		case "tel", "telefon", "telefonnummer", "phone", "call", "mobil", "mobile", "handy", "handynummer", "ruf", "rufen", "anrufen", "unter", "nummer", "number",
			"ring", "on", "rückruf", "zurückrufen", "whatsapp", "erreichbar", "fon", "festnetz", "reach", "me":
			return raw[0] == '0' || raw[0] == '(' || word != "unter" && word != "on" && word != "nummer" && word != "number"
		case "":
			return raw[0] == '0' && strings.ContainsAny(raw, " /-")
		}
		word, before = wordBefore(text, before)
	}
	return raw[0] == '0' && strings.ContainsAny(raw, "/- ") && len(raw) >= 10
}

func free(found []Entity, start, end int) bool {
	for _, f := range found {
		if start < f.end && f.start < end {
			return false
		}
	}
	return true
}
