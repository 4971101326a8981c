package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"rapport/shared/fault"
)

// day and clock are the layouts of a reference: fixed width, so that references of an account sort by time.
const (
	day   = "2006-01-02"
	clock = "150405.000000000"
)

// longest is how many bytes of a safe name are kept before it is cut and a hash takes the rest's place.
const longest = 120

// Ref gives the reference of a batch: account, day, and time with ID, as in "nordlicht/2026-03-01/101500.000000000-7f3a".
// Each part is safe as the name of a file (lower case, no dots in front, no slashes) and its whole is safe as the key of
// an object. Invalid: account or ID is missing, an entry is of another account, or the year has no four digits.
func Ref(b Batch) (string, error) {
	if b.Account == "" || b.ID == "" {
		return "", fault.New(fault.Invalid, "archive: a batch needs an account and an id (account %q, id %q)", b.Account, b.ID)
	}
	for _, e := range b.Entries {
		if e.Account != "" && e.Account != b.Account {
			return "", fault.New(fault.Invalid, "archive: batch %q of account %q has an entry of account %q", b.ID, b.Account, e.Account)
		}
	}
	at := b.At.UTC()
	if y := at.Year(); y < 0 || y > 9999 {
		return "", fault.New(fault.Invalid, "archive: batch %q has the impossible year %d", b.ID, y)
	}
	return Name(b.Account) + "/" + at.Format(day) + "/" + at.Format(clock) + "-" + Name(b.ID), nil
}

// Place is a reference taken apart.
type Place struct {
	Account string // safe name
	Day     string // yyyy-mm-dd in UTC
	File    string // hhmmss.nnnnnnnnn-<safe ID>
	At      time.Time
}

// Locate takes a reference apart. Invalid: it is none, so that a forged one never leaves the archive's folder.
func Locate(ref string) (Place, error) {
	part := strings.Split(ref, "/")
	if len(part) != 3 || !safe(part[0]) || len(part[2]) < len(clock)+2 || part[2][len(clock)] != '-' || !safe(part[2][len(clock)+1:]) {
		return Place{}, fault.New(fault.Invalid, "archive: %q is no reference (account/day/time-id)", ref)
	}
	at, err := time.Parse(day+" "+clock, part[1]+" "+part[2][:len(clock)])
	if err != nil || at.Format(day+" "+clock) != part[1]+" "+part[2][:len(clock)] {
		return Place{}, fault.New(fault.Invalid, "archive: %q is no reference: its time is unreadable", ref)
	}
	return Place{part[0], part[1], part[2], at}, nil
}

// Span gives the smallest and the largest day that references with a time in [from, to) can have. A zero to is open.
func Span(from, to time.Time) (first, last string) {
	first, last = "0000-01-01", "9999-12-31"
	if y := from.UTC().Year(); y >= 0 && y <= 9999 {
		first = from.UTC().Format(day)
	}
	if y := to.UTC().Year(); !to.IsZero() && y >= 0 && y <= 9999 {
		last = to.UTC().Format(day)
	}
	return first, last
}

// Within tells whether a time lies in [from, to). A zero to is open.
func Within(at, from, to time.Time) bool { return !at.Before(from) && (to.IsZero() || at.Before(to)) }

// Name makes any text safe as a file's name, differently for different texts, on file systems that ignore case too:
// small letters, digits, "_" and "-" stay, the rest is =hex; what is too long ends in a hash.
func Name(text string) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, len(text)+8)
	for i := range len(text) {
		if c := text[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '=', digits[c>>4], digits[c&15])
		}
	}
	if len(out) <= longest {
		return string(out)
	}
	sum := sha256.Sum256([]byte(text))
	return string(out[:longest-40]) + "~" + hex.EncodeToString(sum[:16])
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

func safe(name string) bool {
	for i := range len(name) {
		if c := name[i]; !plain(c) && c != '=' && c != '~' {
			return false
		}
	}
	return name != "" && len(name) <= longest
}
