// Package phone reads telephone numbers as people write them, by the rules of libphonenumber
// (https://github.com/google/libphonenumber): which digits call a country, what a number of that country looks like.
//
// The rules are its data; `go generate` takes them from a library that carries all of it and its protocol buffers. That
// library weighs megabytes and ten milliseconds at the start of every process, so it stays in the generator and in the
// test, which compares the two. Here the data is unpacked when the first number is read.
package phone

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	lazily "rapport/shared/pattern"
)

//go:generate go run ./table

//go:embed table.gz
var packed []byte

// Lengths of national numbers that are looked at at all.
const (
	shortest = 2
	longest  = 17
)

// World is an empty region: only numbers with a country code can be read.
const World = "ZZ"

// Number is a telephone number. The zero value is none.
type Number struct {
	code     int
	national string
}

// Parse reads a number that stands in a region (a country's two letters, or World). false: it is none, or needs a region.
func Parse(text, region string) (Number, bool) {
	t := rules()
	text, plus, ok := clean(text)
	if !ok {
		return Number{}, false
	}
	home := t.regions[region]
	if home == nil && !plus {
		return Number{}, false
	}
	code, rest, found := t.country(text, plus, home)
	if !found && plus && home != nil { // the sign was put in front of what is dialled from there
		code, rest, found = t.country(text, false, home)
		found = found && code != 0
	}
	if !found {
		return Number{}, false
	}
	if code == 0 {
		code = home.Code
	} else {
		home = t.main(code)
	}
	if len(rest) < shortest {
		return Number{}, false
	}
	if home != nil {
		if short := home.strip(rest); home.length(short) == possible || home.length(short) == tooLong {
			rest = short
		}
	}
	if len(rest) < shortest || len(rest) > longest {
		return Number{}, false
	}
	return Number{code, rest}, true
}

// E164 gives the number as machines write it: + and digits.
func (n Number) E164() string { return "+" + strconv.Itoa(n.code) + n.national }

// National gives the digits without the country code.
func (n Number) National() string { return n.national }

// International gives the number as its country writes it for others.
func (n Number) International() string {
	text := n.national
	if r := rules().main(n.code); r != nil {
		for i := range r.Formats {
			f := &r.Formats[i]
			if (f.Lead == nil || f.Lead.begins(text)) && f.Pattern.whole(text) {
				text = f.Pattern.head().ReplaceAllString(text, f.Format)
				break
			}
		}
	}
	return "+" + strconv.Itoa(n.code) + " " + text
}

// Possible tells whether the country has numbers of that length.
func (n Number) Possible() bool {
	r := rules().main(n.code)
	return r != nil && (slices.Contains(r.Lengths, len(n.national)) || slices.Contains(r.Local, len(n.national)))
}

// Valid tells whether the number belongs to a range that its country has handed out.
func (n Number) Valid() bool {
	for _, r := range rules().codes[n.code] {
		if len(rules().codes[n.code]) > 1 && r.Lead != nil {
			if !r.Lead.begins(n.national) {
				continue
			}
			return r.valid(n.national)
		}
		if r.valid(n.national) {
			return true
		}
	}
	return false
}

// table is the rules of all countries.
type table struct {
	regions map[string]*region
	codes   map[int][]*region // the main one first
}

// region is the rules of a country.
type region struct {
	Name    string
	Code    int
	Abroad  *pattern `json:",omitempty"` // what is dialled before a country code
	Prefix  *pattern `json:",omitempty"` // what is dialled before a national number
	Rewrite string   `json:",omitempty"` // what becomes of it
	Lead    *pattern `json:",omitempty"` // with what numbers begin, where countries share a code
	General *pattern
	Lengths []int
	Local   []int    `json:",omitempty"` // lengths that can be dialled from near only
	Kinds   []kind   `json:",omitempty"`
	Formats []format `json:",omitempty"`
	Main    bool     `json:",omitempty"`
}

// kind is the numbers of one kind: mobile, free of charge …
type kind struct {
	Pattern *pattern
	Lengths []int `json:",omitempty"`
}

type format struct {
	Pattern *pattern
	Lead    *pattern `json:",omitempty"`
	Format  string
}

// pattern is a regular expression that is compiled when it is first used.
type pattern struct {
	head func() *regexp.Regexp // for the beginning of a text
	all  func() *regexp.Regexp // for the whole of it
}

// UnmarshalText reads a pattern.
func (p *pattern) UnmarshalText(text []byte) error {
	source := "^(?:" + string(text) + ")"
	p.head, p.all = lazily.New(source), lazily.New(source+"$")
	return nil
}

// begins tells whether a text begins with what the pattern says.
func (p *pattern) begins(text string) bool { return p.head().MatchString(text) }

// whole tells whether all of a text is what the pattern says.
func (p *pattern) whole(text string) bool { return p.all().MatchString(text) }

// first unpacks the table. It is no function in a variable: that would hold the table in programs that read no number.
var first struct {
	sync.Once
	table *table
}

// rules gives the table; it is unpacked once.
func rules() *table {
	first.Do(func() { first.table = unpack() })
	return first.table
}

func unpack() *table {
	t := &table{regions: map[string]*region{}, codes: map[int][]*region{}}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return t // the test would have seen it
	}
	var list []*region
	text, err := io.ReadAll(z)
	if err != nil || json.Unmarshal(text, &list) != nil {
		return t
	}
	for _, r := range list {
		t.regions[r.Name] = r
		if r.Main {
			t.codes[r.Code] = append([]*region{r}, t.codes[r.Code]...)
		} else {
			t.codes[r.Code] = append(t.codes[r.Code], r)
		}
	}
	delete(t.regions, "001") // numbers of no country
	return t
}

func (t *table) main(code int) *region {
	if list := t.codes[code]; len(list) > 0 {
		return list[0]
	}
	return nil
}

// country takes the country code off a number. 0 = there is none, the number is a national one.
func (t *table) country(text string, plus bool, home *region) (code int, rest string, ok bool) {
	if !plus && home != nil && home.Abroad != nil {
		if at := home.Abroad.head().FindStringIndex(text); at != nil && !strings.HasPrefix(text[at[1]:], "0") {
			text, plus = text[at[1]:], true
		}
	}
	if plus {
		if len(text) <= shortest || text[0] == '0' {
			return 0, "", false
		}
		for n := 1; n <= 3 && n <= len(text); n++ {
			code, _ := strconv.Atoi(text[:n])
			if t.codes[code] != nil {
				return code, text[n:], true
			}
		}
		return 0, "", false
	}
	own := strconv.Itoa(home.Code)
	if after, has := strings.CutPrefix(text, own); has {
		after = home.strip(after)
		if !home.General.whole(text) && home.General.whole(after) || home.length(text) == tooLong {
			return home.Code, after, true
		}
	}
	return 0, text, true
}

// strip takes off what is dialled before a national number.
func (r *region) strip(text string) string {
	if r.Prefix == nil || text == "" {
		return text
	}
	at := r.Prefix.head().FindStringSubmatchIndex(text)
	if at == nil {
		return text
	}
	short := text[at[1]:]
	if r.Rewrite != "" && at[len(at)-1] >= 0 {
		short = string(r.Prefix.head().ExpandString(nil, r.Rewrite, text, at)) + text[at[1]:]
	}
	if r.General.whole(text) && !r.General.whole(short) {
		return text
	}
	return short
}

const (
	possible = iota
	nearOnly
	tooShort
	tooLong
	wrong
)

// length judges how many digits a national number has.
func (r *region) length(text string) int {
	n := len(text)
	switch {
	case slices.Contains(r.Local, n):
		return nearOnly
	case slices.Contains(r.Lengths, n):
		return possible
	case len(r.Lengths) == 0:
		return wrong
	case n < r.Lengths[0]:
		return tooShort
	case n > r.Lengths[len(r.Lengths)-1]:
		return tooLong
	}
	return wrong
}

func (r *region) valid(text string) bool {
	if len(r.Lengths) > 0 && !slices.Contains(r.Lengths, len(text)) || !r.General.whole(text) {
		return false
	}
	for i := range r.Kinds {
		k := &r.Kinds[i]
		if (len(k.Lengths) == 0 || slices.Contains(k.Lengths, len(text))) && k.Pattern.whole(text) {
			return true
		}
	}
	return false
}
