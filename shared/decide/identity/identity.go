// Package identity says who an author is. It weighs what agrees and what contradicts between an author and persons known to
// a CRM (Fellegi and Sunter, with how often a value occurs), and links by itself only on evidence that is hard to fake
// (class A), or on a public claim (B) together with a second attribute. Likeness (C) suggests. It also tells who only looks
// like the brand. Everything here is pure; names and places are compared by their hashes.
package identity

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Version names the rules and weights in the edges they make.
const Version = "identity-2"

// The kinds of keys that lead to one person each.
const (
	KeyAuthor   = "author"          // the author id itself
	KeyEmail    = "email"           // lower case
	KeyPhone    = "phone"           // E.164
	KeyCustomer = "customer_number" // as it stands, without spaces, upper case
	KeyDomain   = "domain"          // an own domain whose page links back; in a CRM that of an e-mail address
	KeySite     = "site"            // the same, where the CRM says that it is the person's site
	KeyHandle   = "handle"          // a social handle that stands in the CRM
	KeyName     = "name"            // no key: what the author is called, and what else is alike
)

// The kinds of keys that lead to several persons who are then compared.
const (
	BlockSound = "sound" // how the family name sounds, and the first initial
	BlockName  = "name"  // the whole name
	BlockPlace = "place" // the whole name and the city
	BlockFirm  = "firm"  // the whole name and the employer
)

// MaxReads bounds how many keys are looked up for one author.
const MaxReads = 6

// Where a key was found. What stands in a profile is looked up once, not with every mention.
const (
	InPrivate = "private" // in a private message
	InPost    = "post"    // in a public post
	InProfile = "profile" // in the bio, handle or proven links
)

// Key is something exact by which a person can be looked up. Values are normalised but not hashed.
type Key struct {
	Kind     string
	Value    string
	Class    string // A links alone, B and C suggest
	Way      string // where it was found
	Evidence string // in plain words, without the value
}

// Candidate is a person that a key led to, with what was compared. Key, Evidence and Class tell of the strongest key.
type Candidate struct {
	Person   string  `json:"person" expr:"person"`
	Key      string  `json:"key" expr:"key"`                     // email, phone, author, customer_number, domain, handle, name
	Evidence string  `json:"evidence" expr:"evidence"`           // in plain words, without the value
	Class    string  `json:"class" expr:"class"`                 // A, B, C
	Way      string  `json:"way,omitempty" expr:"way"`           // where the key was found
	Shared   int     `json:"shared,omitempty" expr:"shared"`     // how many persons have that key; 0 = one
	Compared []Point `json:"compared,omitempty" expr:"compared"` // what else was compared
	Rejected bool    `json:"rejected,omitempty" expr:"rejected"` // somebody said that it is not this person
	Bits     float64 `json:"bits,omitempty" expr:"bits"`         // set by Resolve: log2 of the odds
	Sure     float64 `json:"sure,omitempty" expr:"sure"`         // set by Resolve: how likely it is this person, 0–1
	Why      []Step  `json:"why,omitempty" expr:"why"`           // set by Resolve: the sum, step by step
}

// Step is one step of the sum that leads from how likely anybody is to how likely this person is.
type Step struct {
	Of   string  `json:"of" expr:"of"`
	Say  string  `json:"say" expr:"say"`
	Bits float64 `json:"bits" expr:"bits"` // each bit doubles the odds
}

// Domains gives the domains of proven addresses, without www, each once.
func Domains(proven []string) []string {
	var out []string
	for _, p := range proven {
		if d := Domain(p); d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// Domain gives the domain of an address, without www; "" where there is none.
func Domain(address string) string {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return ""
	}
	if d := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www."); strings.Contains(d, ".") {
		return d
	}
	return ""
}

// Sites gives the domains of the addresses that stand in a text, each once.
func Sites(text string) []string {
	var out []string
	for rest := text; ; {
		i := strings.Index(rest, "://")
		if i < 0 {
			return out
		}
		rest = rest[i+3:]
		end := strings.IndexFunc(rest, unicode.IsSpace)
		if end < 0 {
			end = len(rest)
		}
		if d := Domain(strings.TrimRight(rest[:end], ".,;)")); d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
}

// MailDomain gives the domain of an e-mail address where it may be somebody's own; "" for those of mail providers.
func MailDomain(email string) string {
	_, d, ok := strings.Cut(strings.ToLower(email), "@")
	if !ok || slices.Contains(providers[:], d) {
		return ""
	}
	return Domain(d)
}

// providers are domains under which anybody gets an address.
var providers = [...]string{"gmail.com", "googlemail.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "posteo.de", "mailbox.org",
	"outlook.com", "outlook.de", "hotmail.com", "hotmail.de", "live.com", "live.de", "yahoo.com", "yahoo.de", "icloud.com", "me.com", "mac.com", "aol.com", "arcor.de",
	"proton.me", "protonmail.com", "vodafone.de", "online.de", "bluewin.ch", "orange.fr", "free.fr", "laposte.net", "libero.it", "ziggo.nl", "mail.example"}

// Number normalises a customer or order number for comparison.
func Number(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

// Email normalises an e-mail address for comparison: plus-tags, and the dots that one provider ignores.
func Email(s string) string {
	name, domain, ok := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "@")
	if !ok {
		return name
	}
	if domain == "googlemail.com" {
		domain = "gmail.com"
	}
	name, _, _ = strings.Cut(name, "+")
	if domain == "gmail.com" {
		name = strings.ReplaceAll(name, ".", "")
	}
	return name + "@" + domain
}

// Handle normalises a social handle or the address of a profile: the name alone, lower case.
func Handle(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if i := strings.Index(s, "://"); i >= 0 {
		s = strings.TrimRight(s[i+3:], "/")
		i = strings.LastIndexByte(s, '/')
		s = s[i+1:]
	}
	return strings.TrimPrefix(s, "@")
}
