package phrase

import (
	"slices"
	"strings"
	"unicode"

	"rapport/shared/config"
	"rapport/shared/flow"
)

// placeholders are what can stand in braces, and what each means.
var placeholders = [...][2]string{
	{"name", "the author's name as it is shown; missing where it does not look like one, and in public where the brand's profile holds names back"},
	{"handle", "the author's handle, with @; in public as the name"},
	{"brand", "the brand's title"},
	{"agent", "whoever answers"},
	{"case", "number of the case in the CRM"},
	{"link", "the brand's contact.link: where people reach it in private"},
	{"channel", "the brand's contact.channel in the text's language: what that way is called"},
	{"network", "the network where it was said"},
}

// Placeholders lists the names of placeholders.
func Placeholders() []string {
	out := make([]string, len(placeholders))
	for i, p := range placeholders {
		out[i] = p[0]
	}
	return out
}

// Meaning tells what a placeholder stands for; false: there is none of the name.
func Meaning(name string) (string, bool) {
	i := slices.IndexFunc(placeholders[:], func(p [2]string) bool { return p[0] == name })
	if i < 0 {
		return "", false
	}
	return placeholders[i][1], true
}

// Case is what the values of a text come from.
type Case struct {
	Brand   config.Brand
	Author  flow.Author
	Network string // as people read it
	Private bool   // nobody but the author reads the answer
	Agent   string // name of whoever answers, "" = nobody known, or nobody at all
	Number  string // of the case in the CRM
}

// Values gives what the placeholders of a text in a language stand for; what is not known is absent.
func (c Case) Values(lang string) map[string]string {
	v := map[string]string{"brand": c.Brand.Title, "agent": Name(c.Agent), "case": c.Number, "network": c.Network,
		"link": c.Brand.Contact.Link, "channel": c.Brand.Contact.Channel[lang]}
	if v["brand"] == "" {
		v["brand"] = c.Brand.Name
	}
	if c.Private || c.Brand.Profile == "" || c.Brand.Profile == "default" { // health and finance show nobody's name in public
		v["name"] = Name(c.Author.Name)
		if c.Author.Handle != "" {
			v["handle"] = "@" + strings.TrimPrefix(c.Author.Handle, "@")
		}
	}
	for name, value := range v {
		if value == "" {
			delete(v, name)
		}
	}
	return v
}

// longest is the most characters of a name that somebody is called by.
const longest = 40

// Name gives a display name as somebody can be called by it, "" where it does not look like a name: it has digits, signs or an
// address in it, or is long. Little pictures around it are left out.
func Name(shown string) string {
	var b strings.Builder
	for _, r := range shown {
		switch {
		case unicode.IsLetter(r), unicode.Is(unicode.M, r), strings.ContainsRune(" -.'’", r):
			b.WriteRune(r)
		case unicode.Is(unicode.So, r), unicode.Is(unicode.Sk, r), unicode.Is(unicode.Cf, r):
		default:
			return ""
		}
	}
	words := strings.Fields(b.String())
	letters := 0
	for _, w := range words {
		if i := strings.IndexByte(w, '.'); i >= 0 && i < len(w)-1 {
			return "" // an address, or part of one
		}
		letters += strings.Count(strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) {
				return 'x'
			}
			return -1
		}, w), "x")
	}
	name := strings.Join(words, " ")
	if letters < 2 || len(words) > 4 || len([]rune(name)) > longest {
		return ""
	}
	return name
}
