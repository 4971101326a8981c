package phrase

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rapport/shared/config"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// Each action has both languages; no text has a mistake, and each reads well with everything known and with nothing but the
// brand, and fits into a post of X.
func TestBuiltIn(t *testing.T) {
	full := Case{Brand: config.Brand{Name: "nord", Title: "Nordlicht", Contact: config.Contact{Link: "https://nordlicht.example/kontakt", Channel: map[string]string{"de": "Direktnachricht", "en": "direct message"}}},
		Author: flow.Author{Name: "Anna Berg", Handle: "anna"}, Network: "Mastodon", Agent: "Ben", Number: "00104711"}
	bare := Case{Brand: config.Brand{Name: "nord", Title: "Nordlicht"}}
	for _, x := range BuiltIn() {
		if bad := Check(x.Text); len(bad) > 0 {
			t.Errorf("%s: %v", x.Name, bad)
		}
		for _, lang := range []string{"de", "en"} {
			if got, ok := Pick(config.Brand{}, lang, x.Action); !ok || got.Lang != lang || got.Own {
				t.Errorf("%s in %s: %+v", x.Action, lang, got)
			}
		}
		long, missing := Fill(x.Text, full.Values(x.Lang))
		if len(missing) > 0 || !strings.Contains(long, " Anna Berg") || network.Length(long, "weighted") > 280 {
			t.Errorf("%s: %d long, lacks %v:\n%s", x.Name, network.Length(long, "weighted"), missing, long)
		}
		short, _ := Fill(x.Text, bare.Values(x.Lang))
		if len(short) < 40 || strings.ContainsAny(short, "{}[]") || strings.Contains(short, " .") || strings.Contains(short, " ,") || strings.Contains(short, "  ") || strings.Contains(short, "()") {
			t.Errorf("%s without values:\n%s", x.Name, short)
		}
	}
}

func TestPick(t *testing.T) {
	own := []config.Template{{Action: "thank", Lang: "fr", Text: "Merci !"}, {Action: "thank", Lang: "de", Text: "Danke!"}, {Action: "open_case", Lang: "nl", Text: "Bedankt"}}
	for _, c := range []struct {
		name, lang, action string
		languages          []string
		want               string
	}{
		{"its own in the language", "fr", "thank", []string{"de"}, "nord/thank/fr"},
		{"its own in its first language", "en", "thank", []string{"de", "en"}, "nord/thank/de"},
		{"not its own in a third one", "en", "open_case", []string{"de"}, "built-in/open_case/en"},
		{"the built-in one in the language", "de", "call_back", []string{"de"}, "built-in/call_back/de"},
		{"the built-in English one", "it", "call_back", []string{"de"}, "built-in/call_back/en"},
		{"a language nobody could tell", "und", "thank", []string{"de"}, "nord/thank/de"},
		{"no languages named", "it", "thank", nil, "nord/thank/fr"},
	} {
		got, ok := Pick(config.Brand{Name: "nord", Languages: c.languages, Templates: own}, c.lang, c.action)
		if !ok || got.Name != c.want || got.Own != strings.HasPrefix(c.want, "nord") {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
	for _, silent := range []string{"watch", "hide_spam", "", "no_action", "send_to_sales", "escalate_crisis"} {
		if got, ok := Pick(config.Brand{Name: "nord", Templates: own}, "de", silent); ok {
			t.Errorf("%s says %+v", silent, got)
		}
	}
}

func TestFill(t *testing.T) {
	values := map[string]string{"name": "Anna", "brand": "Nordlicht", "link": "https://nord.example/{x}"}
	for _, c := range []struct{ text, want, missing string }{
		{"Hallo[ {name}], danke!", "Hallo Anna, danke!", ""},
		{"Hallo[ {agent}], danke!", "Hallo, danke!", "agent"},
		{"Danke.[\n\nGruß, {agent}]", "Danke.", "agent"},
		{"Danke.[\n\nGruß, {brand}]", "Danke.\n\nGruß, Nordlicht", ""},
		{"Danke! Ihre Nummer ist {case}. Bis bald!", "Danke! Bis bald!", "case"},
		{"Danke! Sie finden uns z. B. unter {agent}. Bis bald!", "Danke! Bis bald!", "agent"},
		{"{agent} grüßt. Danke!", "Danke!", "agent"},
		{"Danke! {agent}", "Danke!", "agent"},
		{"Danke!\n{agent}\nBis bald", "Danke!\n\nBis bald", "agent"},
		{"Frage an {agent}", "", "agent"},
		{"Hier: {link}", "Hier: https://nord.example/{x}", ""}, // braces of a value are a value's
		{`Ein \{Zeichen\} und \[eins\] und \\ und \n`, `Ein {Zeichen} und [eins] und \ und \n`, ""},
		{"[{name} und {agent} ]gemeinsam", "gemeinsam", "agent"},
		{"{ name } von {nmae}. Ende gut.", "Ende gut.", "nmae"}, // a placeholder that is none has no value
	} {
		got, missing := Fill(c.text, values)
		if got != c.want || strings.Join(missing, " ") != c.missing {
			t.Errorf("%q: %q lacks %v; want %q", c.text, got, missing, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		text, near string
		line, at   int
	}{
		{"Hallo {nmae}!", "name", 1, 8},
		{"Hällo\nlieber {agnet}", "agent", 2, 9},
		{"Hallo {name", "", 1, 7},
		{"Hallo {na{brand}", "", 1, 7},
		{"Hallo name}", "", 1, 11},
		{"Hallo [ {name}", "", 1, 7},
		{"Hallo {name}]", "", 1, 13},
		{"[a [{name}]]", "", 1, 4},
		{"[Werbung] Danke", "", 1, 1},
		{"Hallo {}", "", 1, 8},
	} {
		bad := Check(c.text)
		if len(bad) == 0 || bad[0].Line != c.line || bad[0].Column != c.at || bad[0].Near != c.near || bad[0].Say == "" {
			t.Errorf("%q: %+v", c.text, bad)
		}
	}
	if bad := Check(`Hallo[ {name}], \[gut\] {link}`); len(bad) > 0 {
		t.Error(bad)
	}
}

// Nobody is called by what is no name, and in public not at all where the brand's profile holds names back.
func TestValues(t *testing.T) {
	for shown, want := range map[string]string{
		"Anna Berg": "Anna Berg", " Jörg  O’Neill-Škoda 🌻": "Jörg O’Neill-Škoda", "Dr. Anna Berg": "Dr. Anna Berg", "李小龍": "李小龍", "": "", "A": "", "🌻": "",
		"anna@nord.example": "", "evil.example": "", "Ruf 0190 an": "", "<b>Anna</b>": "", "{brand}": "", "Kauft jetzt bei uns ganz billig": "", "@anna": "", "Anna\nBerg": "",
	} {
		if got := Name(shown); got != want {
			t.Errorf("%q is called %q, want %q", shown, got, want)
		}
	}
	author := flow.Author{Name: "Anna", Handle: "anna"}
	for _, c := range []struct {
		profile string
		private bool
		named   bool
	}{{"", false, true}, {"default", false, true}, {"health", false, false}, {"finance", false, false}, {"health", true, true}} {
		v := Case{Brand: config.Brand{Name: "nord", Profile: c.profile}, Author: author, Private: c.private}.Values("de")
		if (v["name"] == "Anna") != c.named || (v["handle"] == "@anna") != c.named || v["brand"] != "nord" {
			t.Errorf("%+v: %v", c, v)
		}
	}
}

// Whatever the text and the values: nothing panics, no placeholder is left, and a text without mistakes and with all its
// values is given whole.
func TestProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"{name}", "{brand}", "{x}", "[", "]", "{", "}", `\`, ". ", "\n", "Wort ", "!", "…"})).Draw(t, "text"), "")
		values := map[string]string{"name": rapid.SampledFrom([]string{"", "Anna", "Ben Berg"}).Draw(t, "name"), "brand": "Nordlicht"}
		got, missing := Fill(text, values)
		if strings.Contains(got, "{name}") || strings.Contains(got, "{brand}") || strings.ContainsRune(got, gap) {
			if len(Check(text)) == 0 && !strings.Contains(text, `\`) {
				t.Fatalf("%q gives %q", text, got)
			}
		}
		if len(Check(text)) == 0 && len(missing) == 0 && strings.Count(got, "Nordlicht") != strings.Count(strings.ReplaceAll(text, `\{`, ""), "{brand}") {
			t.Fatalf("%q gives %q", text, got)
		}
		if len(missing) > 0 && !slices.Contains(missing, "name") && !slices.Contains(missing, "x") {
			t.Fatalf("%q lacks %v", text, missing)
		}
	})
}

func FuzzFill(f *testing.F) {
	for _, t := range BuiltIn() {
		f.Add(t.Text, "Anna")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		Fill(text, map[string]string{"name": name})
		for _, m := range Check(text) {
			if m.Line < 1 || m.Column < 1 || m.Say == "" {
				t.Fatalf("%+v", m)
			}
		}
	})
}
