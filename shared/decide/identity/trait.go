package identity

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rapport/shared/flow"
)

// Hash turns a value of a kind into what may be kept of it.
type Hash func(kind, value string) string

// Traits is what a person in a CRM is recognised by, besides exact keys. All but the initials and the country are hashes.
type Traits struct {
	First   string   `json:"f,omitempty"` // given name in its full form
	Initial string   `json:"i,omitempty"` // its first letter
	Last    []string `json:"l,omitempty"` // family name, then the parts of a double one
	Letter  string   `json:"a,omitempty"` // the family name's first letter
	Sound   string   `json:"s,omitempty"` // how the family name sounds
	City    string   `json:"c,omitempty"`
	Land    string   `json:"n,omitempty"` // country code
	Firm    string   `json:"e,omitempty"` // employer
	Born    string   `json:"b,omitempty"` // year
	Company bool     `json:"o,omitempty"` // not a human
}

// Equal tells whether two are the same.
func (t Traits) Equal(o Traits) bool {
	return slices.Equal(t.Last, o.Last) && t.First == o.First && t.Initial == o.Initial && t.Letter == o.Letter && t.Sound == o.Sound && t.City == o.City && t.Land == o.Land &&
		t.Firm == o.Firm && t.Born == o.Born && t.Company == o.Company
}

// Record is what a CRM says of somebody, as it stands there.
type Record struct{ Name, City, Country, Company, Born string }

// Traits gives what may be kept of a record.
func (r Record) Traits(hash Hash) Traits {
	t := ParseName(r.Name).traits(hash)
	t.City, t.Firm, t.Land = hashed(hash, "city", place(r.City)), hashed(hash, "firm", firm(r.Company)), land(r.Country)
	if y := year(r.Born); y != "" {
		t.Born = hash("born", y)
	}
	return t
}

// Blocks gives the keys under which a record is found beside others, each by its kind.
func (r Record) Blocks() map[string]string {
	return blocks(ParseName(r.Name), place(r.City), firm(r.Company))
}

func blocks(n Name, city, firm string) map[string]string {
	out := map[string]string{}
	if len(n.Last) > 0 && n.First != "" && len(n.Last[0]) > 1 {
		out[BlockSound] = Sound(n.Last[0]) + n.First[:1]
	}
	if whole := n.whole(); whole != "" {
		out[BlockName] = whole
		if city != "" {
			out[BlockPlace] = whole + "@" + city
		}
		if firm != "" {
			out[BlockFirm] = whole + "@" + firm
		}
	}
	return out
}

func (n Name) traits(hash Hash) Traits {
	t := Traits{Company: n.Company}
	if n.First == "" || len(n.Last) == 0 {
		return t
	}
	t.Initial, t.Letter = n.First[:1], n.Last[0][:1]
	if len(n.First) > 1 {
		t.First = hash("first", n.First)
	}
	if len(n.Last[0]) > 1 {
		t.Sound = hash("sounds", Sound(n.Last[0]))
		for _, l := range n.Last {
			t.Last = append(t.Last, hash("last", l))
		}
	}
	return t
}

func hashed(hash Hash, kind, value string) string {
	if value == "" {
		return ""
	}
	return hash(kind, value)
}

// place folds a city to one word; what follows a comma, a slash or a bracket is left out.
func place(s string) string {
	if i := strings.IndexAny(s, ",/(|"); i >= 0 {
		s = s[:i]
	}
	return strings.Join(words(s), "")
}

// firm folds a company's name to one word, without its legal form.
func firm(s string) string {
	return strings.Join(slices.DeleteFunc(words(s), func(w string) bool { return legal[w] }), "")
}

func land(s string) string {
	c := countries[strings.Join(words(s), " ")]
	return c
}

func words(s string) []string {
	return strings.FieldsFunc(Fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// year finds a year of birth in a date or number.
func year(s string) string {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		if y, err := strconv.Atoi(w); err == nil && y >= 1915 && y <= 2015 && len(w) == 4 {
			return w
		}
	}
	return ""
}

// Profile is what an author shows that can be compared.
type Profile struct {
	Traits            // of the name
	Words    []string // hashed words, pairs and triples of bio and place, each as a city and as an employer
	Located  bool     // says where it lives
	Called   string   // the whole of what it is called, as an employer
	Spelt    bool     // the name stands in the handle alone
	Named    bool     // the given name is one that many have
	Mocking  bool     // says that it is a fan, a parody or the like
	Young    bool     // made lately
	Bot      bool
	Verified bool
	Network  string
	blocks   map[string]string
}

// maxWords bounds how many words of a profile are compared.
const maxWords = 40

// youth is how long an account is young.
const youth = 90 * 24 * time.Hour

// ProfileOf takes an author's profile apart.
func ProfileOf(a flow.Author, now time.Time, hash Hash) Profile {
	n, spelt := ParseName(a.Name), false
	if n.First == "" || len(n.Last) == 0 {
		company := n.Company
		n, spelt = ofHandle(a.Handle), true
		n.Company = company
	}
	p := Profile{Traits: n.traits(hash), Bot: a.Bot, Verified: a.Verified, Young: !a.Created.IsZero() && now.Sub(a.Created) < youth}
	p.Named, p.Spelt, p.Called = named[n.First], spelt && n.First != "", hashed(hash, "firm", firm(a.Name))
	p.Network, _, _ = strings.Cut(a.ID, ":")
	for _, text := range [...]string{a.Name, a.Bio, a.Handle} {
		for _, w := range words(text) {
			p.Mocking = p.Mocking || mockery[w]
		}
	}
	city := place(a.Location)
	p.Located = city != ""
	if parts := strings.Split(a.Location, ","); len(parts) > 0 {
		p.Land = land(parts[len(parts)-1])
	}
	if y := born(a.Bio); y != "" {
		p.Born = hash("born", y)
	}
	if city != "" {
		p.Words = append(p.Words, hash("city", city))
	}
	seen := words(a.Bio)
	seen = seen[:min(len(seen), maxWords)]
	for i := range seen {
		for n := 1; n <= 3 && i+n <= len(seen); n++ {
			w := strings.Join(slices.DeleteFunc(slices.Clone(seen[i:i+n]), func(w string) bool { return legal[w] && n > 1 }), "")
			if len(w) > 2 {
				p.Words = append(p.Words, hash("firm", w))
			}
			if n == 1 && len(w) > 2 {
				p.Words = append(p.Words, hash("city", w))
			}
		}
	}
	p.blocks = blocks(n, city, employer(a.Bio))
	if p.blocks[BlockName] == "" && a.Handle != "" { // annaberg
		if l := letters(a.Handle); len(l) >= 8 {
			p.blocks[BlockName] = l
		}
	}
	return p
}

// Blocks gives the keys by which persons are looked up who may be this author, the best first.
func (p Profile) Blocks() []Key {
	var out []Key
	for _, kind := range [...]string{BlockSound, BlockName, BlockPlace, BlockFirm} {
		if v := p.blocks[kind]; v != "" {
			out = append(out, Key{Kind: kind, Value: v, Class: "C", Way: InProfile, Evidence: "the name"})
		}
	}
	return out
}

// born finds a year of birth that a bio tells: “*1984”, “Jahrgang 1984”, “born 1984”.
func born(bio string) string {
	low := strings.ToLower(bio)
	for _, mark := range [...]string{"*", "jahrgang ", "jg. ", "jg ", "born ", "geboren ", "geb. "} {
		if i := strings.Index(low, mark); i >= 0 {
			rest := strings.TrimLeft(low[i+len(mark):], " in")
			if len(rest) >= 4 {
				if y := year(rest[:4]); y != "" {
					return y
				}
			}
		}
	}
	return ""
}

// employer finds the company that a bio names: “bei Nordlicht GmbH”, “@ Nordlicht”.
func employer(bio string) string {
	for _, mark := range [...]string{" bei der ", " bei ", " at ", " @ ", " for "} {
		if i := strings.Index(" "+strings.ToLower(bio), mark); i >= 0 {
			rest := bio[min(i+len(mark)-1, len(bio)):]
			if j := strings.IndexAny(rest, ",.;|·•/\n-–("); j >= 0 {
				rest = rest[:j]
			}
			if w := words(rest); len(w) > 0 && len(w) <= 4 {
				return firm(rest)
			}
		}
	}
	return ""
}
