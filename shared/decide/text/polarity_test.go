package text

import (
	"strings"
	"testing"
)

func TestPolarity(t *testing.T) {
	list := EncodePolar([]Polar{{"de", "schön", 2}, {"de", "nerven", -2}, {"en", "great", 3}, {"", "🐸", 1}, {"de", "zwei Worte", 2}, {"de", "schön", -1}})
	r, err := RulesWith(string(list))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(text, lang string) (good, bad float32) {
		var d [polarFeatures]float32
		tokens := cut(text)
		r.know(tokens)
		tokens.polarity(lang, d[:])
		return d[0] * 4, d[1] * 4
	}
	for _, c := range []struct {
		text, lang string
		good, bad  float32
	}{
		{"schön", "de", 2, 0},
		{"ein schöner Tag", "de", 2, 0}, // its ending
		{"das nervt", "de", 0, 2},
		{"sehr schön", "de", 2.6, 0},
		{"nicht schön", "de", 0, 1.2},
		{"nicht heute, schön", "de", 2, 0}, // another clause
		{"great", "en", 3, 0},
		{"great", "de", 0, 0},
		{"schön", "en", 0, 0},
		{"🐸🐸", "it", 2, 0},
		{"zwei worte", "de", 0, 0},
		{"", "de", 0, 0},
	} {
		good, bad := sum(c.text, c.lang)
		if near := func(a, b float32) bool { return a-b < 0.01 && b-a < 0.01 }; !near(good, c.good) || !near(bad, c.bad) {
			t.Errorf("%q (%s): +%.2f -%.2f, want +%.2f -%.2f", c.text, c.lang, good, bad, c.good, c.bad)
		}
	}
	for _, broken := range []string{"", "x", string(list)[1:], string(list) + "x"} {
		if _, err := RulesWith(broken); err == nil || !strings.Contains(err.Error(), "scripts/train") {
			t.Errorf("%d bytes: %v", len(broken), err)
		}
	}
}

func TestEmoticon(t *testing.T) {
	for text, want := range map[string]string{
		":)": "🙂", ":-))) so": "🙂", ";-)": "😉", ":(": "🙁", ":'(": "😢", ":D": "😆", "=)": "🙂", "<3": "❤", "^^": "😄", ":/ na": "😕", ":P": "😛",
		":Dann": "", "://x.example": "", ":/pfad": "", ":": "", ":-": "", "=": "", ";": "", "a:)": "", "": "", "<": "", "^": "",
	} {
		if size, got := emoticon(text); got != want || (want == "") != (size == 0) || size > len(text) {
			t.Errorf("%q: %q of %d bytes, want %q", text, got, size, want)
		}
	}
	if tokens := cut("Na danke:) Zeit: 10:30, http://x.example/:)"); len(tokens.words) != 6 || tokens.links != 1 {
		t.Errorf("%d words, %d links", len(tokens.words), tokens.links)
	}
}

// A face says what its emoji says.
func TestFacesAreEmoji(t *testing.T) {
	r := reader(t)
	a, b := r.Tone(Input{Text: "der Bus ist wieder weg :(", Lang: "de", Kind: "post"}), r.Tone(Input{Text: "der Bus ist wieder weg 🙁", Lang: "de", Kind: "post"})
	if a != b || a != "negative" {
		t.Errorf("%s, %s", a, b)
	}
}

func TestLikeliest(t *testing.T) {
	var p [Mains]float32
	p[atPurchase], p[atComplaint], p[atQuestion] = 0.4, 0.25, 0.35
	if got := likeliest(&p); got != atQuestion { // two ways to service outweigh one to sales
		t.Errorf("class %d", got)
	}
	for class := range Mains {
		name, department := "complaint", "product"
		if class < mainProduct {
			name, department = intents[class], "service"
		}
		if got := MainOf(name, department); got != class {
			t.Errorf("%s, %s: class %d, want %d", name, department, got, class)
		}
	}
	if MainOf("nonsense", "") != atChatter {
		t.Error("an unknown intent is chatter")
	}
}
