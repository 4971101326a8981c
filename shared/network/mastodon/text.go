package mastodon

import (
	"slices"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"rapport/shared/pattern"
)

// addressLength is what an address counts in a status, however long it is.
const addressLength = 23

var (
	address = pattern.New(`https?://[^\s<>]+`)
	remote  = pattern.New(`@([\pL\pN_.-]*[\pL\pN_])@[\pL\pN.-]*[\pL\pN](?::\d+)?`)
	leading = pattern.New(`^(?:\s*@[\pL\pN_.-]*[\pL\pN_])+\s*`)
)

// writer makes plain text of HTML: line breaks kept, leading mentions and fallbacks of quotes dropped.
type writer struct {
	b     strings.Builder
	gap   int // line breaks owed before the next word
	skip  int // depth inside an element that is dropped
	pre   int
	links []string
}

// plain gives the text of a content and the addresses it links to, without those of mentions and hashtags.
func plain(content string) (string, []string) {
	var w writer
	z := html.NewTokenizer(strings.NewReader(content))
	for {
		switch z.Next() {
		case html.ErrorToken: // the end; a string has no other
			return tidy(w.b.String()), w.links
		case html.TextToken:
			if w.skip == 0 {
				w.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(z.Token())
		case html.EndTagToken:
			w.end(z.Token().DataAtom)
		}
	}
}

func (w *writer) start(t html.Token) {
	open := t.Type == html.StartTagToken && t.DataAtom != atom.Br && t.DataAtom != atom.Img && t.DataAtom != atom.Wbr
	class := strings.Fields(attribute(t, "class"))
	mention := t.DataAtom == atom.A && slices.Contains(class, "mention") && !slices.Contains(class, "hashtag")
	front := mention && strings.TrimSpace(w.b.String()) == ""
	switch {
	case w.skip > 0:
		if open {
			w.skip++
		}
		return
	case open && (front || slices.Contains(class, "quote-inline") || t.DataAtom == atom.Script || t.DataAtom == atom.Style):
		w.skip = 1
		return
	}
	switch t.DataAtom {
	case atom.Br:
		w.gap = min(w.gap+1, 2)
	case atom.P, atom.Blockquote, atom.Ul, atom.Ol, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.gap = 2
	case atom.Div:
		w.gap = max(w.gap, 1)
	case atom.Pre:
		w.gap, w.pre = 2, w.pre+1
	case atom.Li:
		w.gap = max(w.gap, 1)
		w.text("- ")
	case atom.A:
		if href := attribute(t, "href"); !slices.Contains(class, "mention") && strings.HasPrefix(href, "http") && !slices.Contains(w.links, href) {
			w.links = append(w.links, clean(href))
		}
	}
}

func (w *writer) end(tag atom.Atom) {
	if w.skip > 0 {
		w.skip--
		return
	}
	switch tag {
	case atom.P, atom.Blockquote, atom.Ul, atom.Ol, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.gap = 2
	case atom.Div, atom.Li:
		w.gap = max(w.gap, 1)
	case atom.Pre:
		w.gap, w.pre = 2, max(w.pre-1, 0)
	}
}

func (w *writer) text(s string) {
	if w.pre == 0 {
		s = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\t' || r == '\r' {
				return ' '
			}
			return r
		}, s)
	}
	if w.b.Len() == 0 || w.gap > 0 {
		s = strings.TrimLeft(s, " ")
	}
	if s == "" {
		return
	}
	if w.b.Len() > 0 {
		w.b.WriteString(strings.Repeat("\n", w.gap))
	}
	w.gap = 0
	w.b.WriteString(s)
}

func attribute(t html.Token, key string) string {
	for _, a := range t.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// tidy takes the blanks from the ends of lines and text.
func tidy(s string) string {
	lines := strings.Split(clean(s), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// clean takes out what databases refuse.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")
}

// length counts a status as the servers do: graphemes, an address as 23, a mention without its domain.
func length(text string) int {
	text = address().ReplaceAllString(text, strings.Repeat("x", addressLength))
	return uniseg.GraphemeClusterCount(remote().ReplaceAllString(text, "@$1"))
}

// addressed puts the handle in front, without which nobody is notified.
func addressed(text string, to account) string {
	handle := "@" + to.Acct
	if to.Acct == "" || strings.Contains(strings.ToLower(text), strings.ToLower(handle)) {
		return text
	}
	return handle + " " + text
}

// wording is what two forms of one answer have in common: sent as text, read back as HTML.
func wording(text string) string {
	text = remote().ReplaceAllString(strings.Join(strings.Fields(text), " "), "@$1")
	return strings.ToLower(leading().ReplaceAllString(text, ""))
}
