package feed

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// writer makes plain text of HTML: line breaks kept, what is not read aloud dropped.
type writer struct {
	b     strings.Builder
	gap   int // line breaks owed before the next word
	skip  int // depth inside an element that is dropped
	links []string
}

var dropped = [...]atom.Atom{atom.Script, atom.Style, atom.Iframe, atom.Object, atom.Noscript, atom.Template, atom.Svg, atom.Form}

var blocks = [...]atom.Atom{atom.P, atom.Blockquote, atom.Ul, atom.Ol, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Pre, atom.Table, atom.Figure, atom.Article, atom.Section}

var empty = [...]atom.Atom{atom.Br, atom.Img, atom.Hr, atom.Wbr, atom.Input, atom.Source, atom.Embed, atom.Link, atom.Meta}

// plain gives the text of a content and the addresses it links to.
func plain(content string) (string, []string) {
	var w writer
	z := html.NewTokenizer(strings.NewReader(content))
	for {
		switch z.Next() {
		case html.ErrorToken: // the end; a string has no other
			return cut(tidy(w.b.String())), w.links
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
	open := t.Type == html.StartTagToken && !slices.Contains(empty[:], t.DataAtom)
	switch {
	case w.skip > 0:
		if open && slices.Contains(dropped[:], t.DataAtom) {
			w.skip++
		}
	case open && slices.Contains(dropped[:], t.DataAtom):
		w.skip = 1
	case t.DataAtom == atom.Br:
		w.gap = min(w.gap+1, 2)
	case slices.Contains(blocks[:], t.DataAtom):
		w.gap = 2
	case t.DataAtom == atom.Div || t.DataAtom == atom.Tr:
		w.gap = max(w.gap, 1)
	case t.DataAtom == atom.Li:
		w.gap = max(w.gap, 1)
		w.text("- ")
	case t.DataAtom == atom.A:
		for _, a := range t.Attr {
			if a.Key == "href" && strings.HasPrefix(a.Val, "http") && !slices.Contains(w.links, a.Val) && len(w.links) < 50 {
				w.links = append(w.links, a.Val)
			}
		}
	}
}

func (w *writer) end(tag atom.Atom) {
	switch {
	case w.skip > 0:
		if slices.Contains(dropped[:], tag) {
			w.skip--
		}
	case slices.Contains(blocks[:], tag):
		w.gap = 2
	case tag == atom.Div, tag == atom.Li, tag == atom.Tr:
		w.gap = max(w.gap, 1)
	}
}

func (w *writer) text(s string) {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' || r == '\u00a0' {
			return ' '
		}
		return r
	}, s)
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

// line gives a title: its words in one line, marks gone.
func line(s string) string {
	text, _ := plain(s)
	return strings.Join(strings.Fields(text), " ")
}

// whole joins title and text; a text that begins with its title is enough.
func whole(title, text string) string {
	if title == "" || strings.HasPrefix(strings.Join(strings.Fields(text), " "), strings.TrimRight(title, " .…")) {
		return text
	}
	return strings.TrimSpace(title + "\n\n" + text)
}

// tidy takes doubled blanks and the blanks at the ends of lines out.
func tidy(s string) string {
	lines := strings.Split(clean(s), "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.FieldsFunc(l, func(r rune) bool { return r == ' ' }), " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// cut bounds a text: some feeds hold whole books.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return s
}

// clean takes out what databases refuse.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")
}
