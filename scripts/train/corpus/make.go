package corpus

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Expand makes each posts of every template. All posts of a template weigh as much together as a few written by hand.
func Expand(name string, data []byte, each int, weight float64, chance *Chance) ([]Post, error) {
	slots := map[string][]string{}
	var out []Post
	number := 0
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		number++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if def, ok := strings.CutPrefix(line, "= "); ok {
			parts := strings.Split(def, " | ")
			slots[strings.TrimSpace(parts[0])] = parts[1:]
			continue
		}
		head, text, _ := strings.Cut(line, ": ")
		lang, label, _ := strings.Cut(head, " ")
		p := Post{Lang: lang, Kind: "comment", Industry: "template", Family: fmt.Sprintf("template %d", number), Weight: weight}
		if err := p.label(label); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		seen := map[string]bool{}
		for range each {
			t, err := fill(text, slots, chance)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, number, err)
			}
			if seen[t] {
				continue
			}
			seen[t] = true
			p.Text = t
			out = append(out, p)
		}
	}
	return out, nil
}

// fill puts words into the slots; a slot with a capital first letter gets one.
func fill(text string, slots map[string][]string, chance *Chance) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			break
		}
		slot, after, _ := strings.Cut(rest, "}")
		list := slots[slot]
		capital := false
		if list == nil {
			list, capital = slots[strings.ToLower(slot)], true
		}
		if len(list) == 0 {
			return "", fmt.Errorf("no list %q", slot)
		}
		w := list[chance.Next(len(list))]
		if capital || b.Len() == 0 || strings.HasSuffix(b.String(), ". ") || strings.HasSuffix(b.String(), "! ") {
			w = upper(w)
		}
		b.WriteString(w)
		text = after
	}
	return b.String(), nil
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

var (
	greetings = map[string][]string{"de": {"Hallo, ", "Hi, ", "Moin, ", "Guten Tag, ", "Liebes Team, ", "Servus, ", "Leute, ", "@nordlicht ", "Also: ", "Sagt mal, "},
		"en": {"Hi, ", "Hello, ", "Hey ", "Hi team, ", "@nordlicht ", "Well, ", "So, ", "Guys, "},
		"fr": {"Bonjour, "}, "es": {"Hola, "}, "it": {"Ciao, "}, "nl": {"Hallo, "}}
	angry  = []string{" 😡", " 🙄", " 🤬", "!!!", " 😤", " 👎", " :("}
	happy  = []string{" 😊", " ❤️", " 👍", "!!", " 🥰", " :)", " 🙏"}
	either = []string{" 😂", " 🤔", " 😅", "…", " ;)", " #montag"}
)

// Vary gives a post as a hurried or excited person would have typed it.
func Vary(p Post, chance *Chance) Post {
	text := p.Text
	if p.Kind != "reply" && chance.Next(4) == 0 && len(greetings[p.Lang]) > 0 && !p.Has("press") {
		g := greetings[p.Lang]
		text = g[chance.Next(len(g))] + text
	}
	switch chance.Next(5) {
	case 0:
		text = strings.ToLower(text)
	case 1:
		text = strings.NewReplacer(",", "", ".", "").Replace(text)
	case 2:
		text = typo(text, chance)
	case 3:
		text = typo(strings.ToLower(strings.TrimRight(text, ".!")), chance)
	}
	if chance.Next(3) == 0 {
		list := either
		switch {
		case p.Has("complaint"):
			list = angry
		case p.Has("praise"):
			list = happy
		}
		text += list[chance.Next(len(list))]
	}
	if chance.Next(8) == 0 { // numbers say nothing
		text += fmt.Sprintf([]string{" %d", " #%d", ", %d", " (%d)"}[chance.Next(4)], chance.Next(200))
	}
	p.Text = text
	return p
}

// typo leaves out, doubles or turns round a letter in a longer word.
func typo(text string, chance *Chance) string {
	words := strings.Split(text, " ")
	for range 3 {
		i := chance.Next(len(words))
		r := []rune(words[i])
		if len(r) < 6 {
			continue
		}
		at := 1 + chance.Next(len(r)-3)
		switch chance.Next(3) {
		case 0:
			r = append(r[:at], r[at+1:]...)
		case 1:
			r[at], r[at+1] = r[at+1], r[at]
		default:
			r = append(r[:at], append([]rune{r[at]}, r[at:]...)...)
		}
		words[i] = string(r)
		break
	}
	return strings.Join(words, " ")
}
