package app_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"rapport/shared/app"
	"rapport/shared/config"
	"rapport/shared/decide/phrase"
	"rapport/shared/network"
	"rapport/shared/network/mastodon"
	"rapport/shared/network/x"
)

const worded = `version: 1
brands:
  - name: nord
    languages: [de]
    templates:
      - {action: thank, lang: de, text: "Hallo[ {nmae}], danke!"}
      - {action: thnk, lang: de, text: "Danke!"}
      - {action: thank, lang: de, text: "[Werbung] Danke!"}
      - {action: open_case, lang: de, text: "LONG"}
      - {action: call_back, lang: de, text: "MIDDLE"}
networks:
  - {name: masto, kind: mastodon, brand: nord, origin: "https://social.example", replies: on}
  - {name: x, kind: x, brand: nord, replies: approve}
`

// The page about texts tells of each placeholder and action what the code does, and its example is right.
func TestTemplatePage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range phrase.Placeholders() {
		if say, _ := phrase.Meaning(name); !strings.Contains(string(raw), "| `{"+name+"}` | "+say+" |") {
			t.Errorf("the page does not tell that {%s} is %s", name, say)
		}
	}
	for _, name := range phrase.Actions() {
		if !strings.Contains(strings.Join(strings.Fields(string(raw)), " "), name) {
			t.Errorf("the page does not name %s", name)
		}
	}
	_, example, _ := strings.Cut(string(raw), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	doc, err := config.Load([]byte(example), config.Options{})
	if err == nil {
		err = app.Templates(doc, nil)
	}
	if err != nil || len(doc.Brands[0].Templates) != 2 {
		t.Error(err)
	}
}

// Every mistake of a text is told with its place; a text may be too long for one network, but not for all.
func TestTemplates(t *testing.T) {
	networks := map[string]network.Network{"mastodon": mastodon.New(), "x": x.New()}
	text := strings.NewReplacer("LONG", strings.Repeat("lang ", 120), "MIDDLE", strings.Repeat("lang ", 80)).Replace(worded)
	check := func(text string) config.Errors {
		doc, err := config.Load([]byte(text), config.Options{File: "rapport.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		var list config.Errors
		errors.As(app.Templates(doc, networks), &list)
		return list
	}
	got := check(text)
	want := []string{
		`rapport.yaml:6:50: brands[0].templates[0].text: there is no placeholder {nmae}: use one of {name}, {handle}, {brand}, {agent}, {case}, {link}, {channel}, {network}; did you mean "name"?`,
		`rapport.yaml:7:18: brands[0].templates[1].action: must be an action that says something: one of reply_public, move_to_private, call_back, open_case, thank, invite_advocate, ask_to_identify; did you mean "thank"?`,
		`rapport.yaml:8:9: brands[0].templates[2]: another text of the brand is for thank in de`,
		`rapport.yaml:8:42: brands[0].templates[2].text: an optional part needs a placeholder in braces, which decides whether it stays; write \[ for the sign itself`,
		`rapport.yaml:9:46: brands[0].templates[3].text: is too long for every network of the brand: without names 599 of 280 weighted on x`,
	}
	for i, e := range got {
		if i >= len(want) || e.Error() != want[i] {
			t.Errorf("%d: %s", i, e.Error())
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d mistakes, want %d", len(got), len(want))
	}
	// What a rule sends by itself has to fit wherever it may go: 80 words do on Mastodon, 100 do not with the notice.
	rule := "actions: [{name: r, when: 'true', do: call_back, answer: true}]\n"
	for n, bad := range map[int]bool{80: false, 97: true} {
		text := strings.Replace(worded, "LONG", "Danke", 1)
		from, to := strings.Index(text, "      - {action: thank"), strings.Index(text, "      - {action: call_back")
		list := check(strings.Replace(text[:from]+text[to:], "MIDDLE", strings.Repeat("lang ", n), 1) + rule)
		if (len(list) > 0) != bad {
			t.Errorf("%d words: %v", n, list)
		}
	}
}
