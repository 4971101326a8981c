// Package identity says who an author is, by exact strong keys only: class A evidence links, B (claimed in public) and C
// (likeness) suggest. It also tells who only looks like the brand.
package identity

import (
	"net/url"
	"slices"
	"strings"

	"rapport/shared/flow"
)

// Version names the rules in the edges they make.
const Version = "identity-1"

// The kinds of keys.
const (
	KeyAuthor   = "author"          // the author id itself
	KeyEmail    = "email"           // lower case
	KeyPhone    = "phone"           // E.164
	KeyCustomer = "customer_number" // as it stands, without spaces, upper case
	KeyDomain   = "domain"          // an own domain whose page links back
)

// Key is something exact by which a person can be looked up. Values are normalised but not hashed.
type Key struct {
	Kind     string
	Value    string
	Class    string // A links alone, B and C suggest
	Evidence string // in plain words, without the value
}

// Candidate is a person that a strong key led to.
type Candidate struct {
	Person   string `json:"person" expr:"person"`
	Key      string `json:"key" expr:"key"`           // email, phone, author, customer_number
	Evidence string `json:"evidence" expr:"evidence"` // in plain words, without the value
	Class    string `json:"class" expr:"class"`       // A, B, C
}

// Domains gives the domains of proven addresses, without www, each once.
func Domains(proven []string) []string {
	var out []string
	for _, p := range proven {
		if !strings.Contains(p, "://") {
			p = "https://" + p
		}
		u, err := url.Parse(p)
		if err != nil || u.Hostname() == "" {
			continue
		}
		if d := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www."); strings.Contains(d, ".") && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// Number normalises a customer or order number for comparison.
func Number(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

// Choice is what Resolve decided.
type Choice struct {
	Person  string      // "" = a stranger
	Link    *Candidate  // the evidence of a new edge; nil where the author was linked already
	Suggest []Candidate // for people to look at
	Reason  string      // in plain words
}

// Resolve chooses among candidates. known is the person the author is already linked to, "" if none. Two persons with
// class A evidence contradict each other: then nobody is linked and both are suggested.
func Resolve(known string, candidates []Candidate) Choice {
	var strong []Candidate
	c := Choice{Person: known}
	for _, x := range candidates {
		switch {
		case x.Person == "" || x.Person == known:
		case x.Class == "A" && !has(strong, x.Person):
			strong = append(strong, x)
		case x.Class != "A" && !has(c.Suggest, x.Person):
			c.Suggest = append(c.Suggest, x)
		}
	}
	c.Suggest = slices.DeleteFunc(c.Suggest, func(s Candidate) bool { return has(strong, s.Person) })
	switch {
	case known != "" && len(strong) > 0:
		c.Suggest = append(strong, c.Suggest...)
		c.Reason = "linked already; strong evidence leads to somebody else too: for people to look at"
	case known != "":
		c.Reason = "linked already"
	case len(strong) == 1:
		c.Person, c.Link = strong[0].Person, &strong[0]
		c.Reason = "linked: " + strong[0].Evidence
	case len(strong) > 1:
		c.Suggest = append(strong, c.Suggest...)
		c.Reason = "strong evidence leads to several persons: for people to look at"
	case len(c.Suggest) > 0:
		c.Reason = "only claimed or alike: suggested, not linked"
	default:
		c.Reason = "nobody known"
	}
	if len(c.Suggest) == 0 {
		c.Suggest = nil
	}
	return c
}

func has(list []Candidate, person string) bool {
	return slices.ContainsFunc(list, func(c Candidate) bool { return c.Person == person })
}

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
