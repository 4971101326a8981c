package topic

import (
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	f := New([]Topic{
		{Name: "akku", Words: []string{"Batterie", "battery"}}, {Name: "tarif", Words: []string{"Tarife", "Glasfaser L"}}, {Name: "südwind", Words: []string{"Südwind Mobil", "SW"}, Whole: true},
		{Name: "lieferung", Words: []string{"Paket", "delivery", "Versand"}}, {Name: "smart home"}, {Name: "TV"},
	})
	for text, want := range map[string]string{
		"Mein AKKU ist leer":                     "akku",
		"Die Akkulaufzeit ist mies":              "akku",
		"die akkus und Batterien":                "akku",
		"Handybatterie defekt":                   "akku",
		"Batteriën":                              "akku",
		"Glasfaser L ist langsam":                "tarif",
		"Glasfaser ist langsam":                  "",
		"Suedwind ist besser als ihr":            "südwind",
		"bei Südwinds Mobil":                     "südwind",
		"Südwindrad":                             "",
		"SW! sw, #SW":                            "südwind",
		"Swen hat recht":                         "",
		"Das Paket mit der Batterie":             "akku lieferung",
		"Paketbote, Versandkosten":               "lieferung",
		"#PaketNord @paket":                      "lieferung",
		"Mein Smart-Home und smarthome":          "smart home",
		"smart und home":                         "",
		"smarthome":                              "smart home",
		"TV geht nicht, beide TVs":               "TV",
		"tvöd":                                   "",
		"":                                       "",
		"Akku\u00adtausch":                       "akku",
		"Akku" + strings.Repeat("x", 100_000):    "akku",
		strings.Repeat("smart ", 20_000) + "end": "",
	} {
		if got := strings.Join(f.Find(text), " "); got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
	if got := New(nil).Find("akku"); got != nil {
		t.Errorf("%v", got)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("Mein Akku, TV und smart home", "akku")
	f.Fuzz(func(t *testing.T, text, word string) {
		x := New([]Topic{{Name: "a", Words: []string{word}}, {Name: "b"}})
		got := x.Find(text)
		if w := Words(word); len(w) > 0 && len(text) < 1000 && !slices.Contains(x.Find(text+" "+word), "a") {
			t.Errorf("%q is not found behind %q", word, text)
		}
		if len(got) > 2 {
			t.Errorf("%v", got)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	f := New([]Topic{{Name: "akku", Words: []string{"Batterie"}}, {Name: "tarif", Words: []string{"Vertrag"}}, {Name: "lieferung", Words: []string{"Paket"}}})
	for b.Loop() {
		f.Find("Meine Bestellung kam schon wieder kaputt an, der Akku hält keine zwei Stunden und niemand geht ans Telefon, unverschämt! Was soll das?")
	}
}
