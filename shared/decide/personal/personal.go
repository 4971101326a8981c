// Package personal finds personal data in a text: e-mail addresses (also written out), phone numbers, IBANs, order and
// customer numbers, street addresses, and names where people introduce themselves. It says kinds and places; whether a
// value may be kept is the caller's matter: of a public text never.
package personal

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of personal data.
const (
	Email    = "email"
	Phone    = "phone"
	Order    = "order_number"
	Customer = "customer_number"
	IBAN     = "iban"
	Address  = "address"
	Name     = "name"
)

// Kinds lists them in the order in which they are told.
var kinds = [...]string{Email, Phone, Order, Customer, IBAN, Address, Name}

// Entity is a value found in a text, normalised: e-mail in lower case, phone in E.164; numbers as they stand.
type Entity struct {
	Kind  string `json:"kind" expr:"kind"` // email, phone, order_number, customer_number, iban, address, name
	Value string `json:"value" expr:"value"`
	start int
	end   int
}

// Finder looks for personal data as one brand needs it. It is immutable and safe for concurrent use.
type Finder struct {
	region  string
	numbers []numbered
	lists   lists
}

// numbered is a brand's own pattern of a number.
type numbered struct {
	kind    string
	pattern *regexp.Regexp
}

// New makes a finder. region is for phone numbers without country (DE, GB, …; "" = DE); numbers gives a regular expression
// per kind of number. An error names the pattern that is none.
func New(region string, numbers map[string]string) (*Finder, error) {
	f := &Finder{region: region, lists: newLists()}
	if region == "" {
		f.region = "DE"
	}
	for _, kind := range []string{Order, Customer} {
		if numbers[kind] == "" {
			continue
		}
		p, err := regexp.Compile(numbers[kind])
		if err != nil {
			return nil, err
		}
		f.numbers = append(f.numbers, numbered{kind, p})
	}
	return f, nil
}

// Find gives what stands in text, in its order. Places do not overlap.
func (f *Finder) Find(text string) []Entity {
	found := f.Strong(text)
	if digits(text) >= 1 {
		found = addresses(text, found)
	}
	found = names(text, found)
	slices.SortFunc(found, func(a, b Entity) int { return a.start - b.start })
	return found
}

// Strong finds what alone can lead to a person: e-mails, phones, numbers and IBANs, in no order.
func (f *Finder) Strong(text string) []Entity {
	var found []Entity
	if strings.IndexByte(text, '@') >= 0 || spelt(text, ']') || spelt(text, ')') {
		found = emails(text, found)
	}
	if digits(text) < 4 {
		return found
	}
	found = ibans(text, found)
	for _, n := range f.numbers {
		for _, at := range n.pattern.FindAllStringIndex(text, 8) {
			found = add(found, Entity{n.kind, text[at[0]:at[1]], at[0], at[1]})
		}
	}
	return phones(text, f.region, labelled(text, found))
}

// Kinds gives which kinds are among entities, each once.
func Kinds(found []Entity) []string {
	var out []string
	for _, k := range kinds {
		if slices.ContainsFunc(found, func(e Entity) bool { return e.Kind == k }) {
			out = append(out, k)
		}
	}
	return out
}

// Redact puts [kind] in the place of what was found. Names stay: they are how people sign, and mostly the author's own.
func Redact(text string, found []Entity) string {
	return Blank(text, slices.DeleteFunc(slices.Clone(found), func(e Entity) bool { return e.Kind == Name }))
}

// Blank is Redact for names too.
func Blank(text string, found []Entity) string {
	var b strings.Builder
	at := 0
	for _, e := range found {
		if e.start < at {
			continue
		}
		b.WriteString(text[at:e.start])
		b.WriteString("[" + strings.ReplaceAll(e.Kind, "_", " ") + "]")
		at = e.end
	}
	b.WriteString(text[at:])
	return b.String()
}

// add keeps what does not overlap with what is there.
func add(found []Entity, e Entity) []Entity {
	for _, f := range found {
		if e.start < f.end && f.start < e.end {
			return found
		}
	}
	return append(found, e)
}

func digits(text string) int {
	n := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			n++
		}
	}
	return n
}

// spelt tells whether an "at" stands before a bracket, as in "name [at] firm".
func spelt(text string, bracket byte) bool {
	for from := 0; ; {
		at := strings.IndexByte(text[from:], bracket)
		if at < 0 {
			return false
		}
		if at += from; at >= 2 && lower(text[at-2]) == 'a' && lower(text[at-1]) == 't' {
			return true
		}
		from = at + 1
	}
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 32
	}
	return b
}

// wordBefore gives the word that ends at or before at, in lower case, and where it begins; "" at the text's start.
func wordBefore(text string, at int) (string, int) {
	for at > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			break
		}
		if r == '\n' || r == '.' && at < len(text) && at > 1 {
			if w := text[:at-size]; !strings.HasSuffix(w, "Tel") && !strings.HasSuffix(w, "Nr") && !strings.HasSuffix(w, "nr") && !strings.HasSuffix(w, "str") {
				return "", 0
			}
		}
		at -= size
	}
	from := at
	for from > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:from])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' {
			break
		}
		from -= size
	}
	return strings.ToLower(text[from:at]), from
}
