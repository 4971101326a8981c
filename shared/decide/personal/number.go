package personal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ibans finds account numbers by form and checksum.
func ibans(text string, found []Entity) []Entity {
	for i := 0; i+14 < len(text); i++ {
		if !letter(text[i]) || !letter(text[i+1]) || !digit(text[i+2]) || !digit(text[i+3]) || i > 0 && localPart(text[i-1]) {
			continue
		}
		var compact [40]byte
		var n, end int
		for k := i; k < len(text) && n < 34; k++ {
			b := text[k]
			if b == ' ' && k+1 < len(text) && (digit(text[k+1]) || n < 15) {
				continue
			}
			if !digit(b) && !letter(b) {
				break
			}
			compact[n], end = upper(b), k+1
			n++
			if n >= 15 && (k+1 == len(text) || !digit(text[k+1]) && !letter(text[k+1])) && mod97(compact[:n]) {
				found = add(found, Entity{IBAN, string(compact[:n]), i, end})
				i = end
				break
			}
		}
	}
	return found
}

func letter(b byte) bool { return b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' }
func digit(b byte) bool  { return b >= '0' && b <= '9' }

func upper(b byte) byte {
	if b >= 'a' && b <= 'z' {
		return b - 32
	}
	return b
}

// mod97 is the checksum of ISO 13616.
func mod97(iban []byte) bool {
	rest := 0
	for i := range iban {
		b := iban[(i+4)%len(iban)]
		if digit(b) {
			rest = (rest*10 + int(b-'0')) % 97
		} else {
			rest = (rest*100 + int(b-'A') + 10) % 97
		}
	}
	return rest == 1
}

// labelled finds numbers behind a word that says what they are: "Kundennummer 4711-0815", "order no. A-12345".
func labelled(text string, found []Entity) []Entity {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsLetter(r) && !digit(text[i]) {
			i += size
			continue
		}
		end := i
		has := 0
		for end < len(text) && (localPart(text[end]) && text[end] != '.' || text[end] == '/' && has > 0) {
			if digit(text[end]) {
				has++
			}
			end++
		}
		raw := strings.TrimRight(text[i:end], "-/_")
		if has >= 4 && len(raw) <= 30 && has*2 >= len(raw)-4 {
			if kind := label(text, i); kind != "" {
				found = add(found, Entity{kind, raw, i, i + len(raw)})
			}
		}
		i = max(end, i+size)
	}
	return found
}

// label reads the two words before a number.
func label(text string, at int) string {
	word, before := wordBefore(text, at)
	for range 2 {
		switch word {
		case "nr", "no", "nummer", "number", "num", "lautet", "ist", "is", "id", "lautete", "":
			word, before = wordBefore(text, before)
			continue
		}
		break
	}
	switch word {
	case "kundennummer", "kundennr", "kunden-nr", "kunden-nummer", "vertragsnummer", "vertragsnr", "vertrags-nr", "vertrag", "kunden", "mitgliedsnummer", "policennummer",
		"versicherungsnummer", "customer", "account", "contract", "policy", "membership", "konto", "client":
		if word == "konto" {
			return ""
		}
		return Customer
	case "bestellnummer", "bestellnr", "bestell-nr", "bestellung", "auftragsnummer", "auftrag", "sendung", "sendungsnummer", "paketnummer", "paket", "buchung", "buchungsnummer",
		"buchungscode", "trackingnummer", "rechnungsnummer", "rechnung", "order", "tracking", "booking", "parcel", "shipment", "reservation", "invoice", "reservierung",
		"commande", "pedido", "ordine", "bestelling", "bestelnummer":
		return Order
	}
	return ""
}

// addresses finds a street with its number: "Lindenstraße 12b", "Am Markt 3", "12 Baker Street".
func addresses(text string, found []Entity) []Entity {
	for i := 0; i < len(text); i++ {
		if !digit(text[i]) || i > 0 && text[i-1] != ' ' {
			continue
		}
		end := i
		for end < len(text) && digit(text[end]) {
			end++
		}
		n := end - i
		if end < len(text) && letter(text[end]) && (end+1 == len(text) || !localPart(text[end+1])) {
			end++
		}
		if n > 4 || end < len(text) && localPart(text[end]) && text[end] != '.' && text[end] != '-' {
			i = end
			continue
		}
		word, from := wordBefore(text, i)
		if street(word) && from > 0 || street(word) && len(word) > 7 {
			found = add(found, Entity{Address, text[from:end], from, end})
		} else if at := place(text, word, from); at >= 0 {
			found = add(found, Entity{Address, text[at:end], at, end})
		} else if stop := english(text, end); stop > 0 {
			found = add(found, Entity{Address, text[i:stop], i, stop})
		}
		i = end
	}
	return found
}

// street tells German street names by their ends.
func street(word string) bool {
	for _, s := range [...]string{"straße", "strasse", "str", "weg", "gasse", "allee", "platz", "ring", "damm", "ufer", "chaussee"} {
		if rest, ok := strings.CutSuffix(word, s); ok && len(rest) >= 3 {
			return true
		}
	}
	return false
}

// place tells streets of two words, "Am Ring", and gives where they begin, −1 where it is none.
func place(text, word string, from int) int {
	if !listed(" ring markt platz hof berg weg see park tor graben wall mühle anger hang bach wald feld hafen bahnhof kirchplatz rathaus ", " ", word, " ") {
		return -1
	}
	if before, at := wordBefore(text, from); listed(" am im zum zur ", " ", before, " ") && text[at] >= 'A' && text[at] <= 'Z' {
		return at
	}
	return -1
}

// english tells whether one to three capitalised words and Street, Road and so on follow.
func english(text string, at int) int {
	for range 4 {
		if at >= len(text) || text[at] != ' ' {
			return 0
		}
		from := at + 1
		at = from
		for at < len(text) && letter(text[at]) {
			at++
		}
		if at == from || text[from] < 'A' || text[from] > 'Z' {
			return 0
		}
		switch text[from:at] {
		case "Street", "Road", "Lane", "Avenue", "Drive", "Close", "Crescent", "Terrace", "Ave", "Rd", "Boulevard", "Court":
			return at
		}
	}
	return 0
}

// names finds names where somebody says one: "mein Name ist …", "hier Gudrun Ahlers", "Herr Krause", "my name is …".
func names(text string, found []Entity) []Entity {
	for i := 0; i < len(text); i++ {
		if i > 0 && localPart(text[i-1]) {
			continue
		}
		cue, least := cueAt(text[i:])
		if cue == 0 {
			continue
		}
		if end, n := capitalised(text, i+cue, 3); n >= least {
			found = add(found, Entity{Name, text[i+cue : end], i + cue, end})
			i = end - 1
		}
	}
	return found
}

// cueAt gives the length of the cue that text begins with, 0 if none, and how many words a name needs behind it.
func cueAt(text string) (length, least int) {
	switch lower(text[0]) {
	case 'm':
		return longest(text, "mein name ist ", "my name is ", "mr ", "mr. ", "mrs ", "mrs. ", "ms ", "ms. "), 1
	case 'i':
		return longest(text, "ich heiße "), 1
	case 'f':
		return longest(text, "frau "), 1
	case 'h':
		if n := longest(text, "herr ", "herrn "); n > 0 {
			return n, 1
		}
		return longest(text, "hier ", "hier ist "), 2
	}
	return 0, 0
}

func longest(text string, cues ...string) int {
	n := 0
	for _, c := range cues {
		if len(c) > n && len(text) >= len(c) && strings.EqualFold(text[:len(c)], c) {
			n = len(c)
		}
	}
	return n
}

// capitalised reads up to most words with a capital first letter.
func capitalised(text string, at, most int) (end, n int) {
	end = at
	for n < most {
		r, _ := utf8.DecodeRuneInString(text[at:])
		if !unicode.IsUpper(r) {
			break
		}
		letters := 0
		for at < len(text) {
			r, size := utf8.DecodeRuneInString(text[at:])
			if !unicode.IsLetter(r) && r != '-' {
				break
			}
			at, letters = at+size, letters+1
		}
		if letters < 2 {
			break
		}
		end, n = at, n+1
		if at >= len(text) || text[at] != ' ' {
			break
		}
		at++
	}
	return end, n
}
