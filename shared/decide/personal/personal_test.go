package personal

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	f, err := New("DE", map[string]string{Order: `\bNL-\d{6}\b`, Customer: `\bK\d{7}\b`})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"Schreibt mir an Ada.Nord@Beispiel.example, danke":              "email=ada.nord@beispiel.example",
		"ada [at] firma (punkt) example":                                "email=ada@firma.example",
		"ada (at) firma.example":                                        "email=ada@firma.example",
		"@nordlicht und @rundfunk.example: was nun?":                    "",
		"Rückruf bitte unter 030 23125071":                              "phone=+493023125071",
		"Tel. 0171/3920000 oder +44 7700 900321":                        "phone=+491713920000 phone=+447700900321",
		"bitte 0049 (0)30 23125071 anrufen":                             "phone=+493023125071",
		"Seit 2026 warte ich 14 Tage, 3 Anrufe, 480 Euro":               "",
		"Ticket 20260412 ist keine Nummer, Fehler 5020001":              "",
		"Gutschrift auf AT61 1904 3002 3457 3201? Seit zwei Wochen":     "iban=AT611904300234573201",
		"DE89370400440532013000.":                                       "iban=DE89370400440532013000",
		"DE89 3704 0044 0532 0130 01 ist falsch":                        "",
		"Bestellung NL-204499 fehlt, K1234567":                          "order_number=NL-204499 customer_number=K1234567",
		"Meine Kundennummer ist 4711-0815.":                             "customer_number=4711-0815",
		"Kundennr. FF-100234":                                           "customer_number=FF-100234",
		"order number A-99120 never came":                               "order_number=A-99120",
		"Ich wohne Lindenstraße 12b, Hinterhaus":                        "address=Lindenstraße 12b",
		"I live at 12 Copper Mill Lane since May":                       "address=12 Copper Mill Lane",
		"Guten Tag, hier Gudrun Ahlers, ich brauche Hilfe":              "name=Gudrun Ahlers",
		"Hier gibt es Strom, und hier Nicht":                            "",
		"Frau Krause am Schalter war sehr nett":                         "name=Krause",
		"\xff\xfe 0 @ [at] (punkt) DE AT61 +":                           "",
		"Sendung PP20449913 seit drei Wochen verschollen, 900 Euro weg": "order_number=PP20449913",
	} {
		var got []string
		for _, e := range f.Find(text) {
			got = append(got, e.Kind+"="+e.Value)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q\n got %q\nwant %q", text, s, want)
		}
	}
}

func TestRedact(t *testing.T) {
	f, _ := New("DE", nil)
	text := "Hier Gudrun Ahlers, ada@firma.example, IBAN AT61 1904 3002 3457 3201, Tel. 030 23125071."
	found := f.Find(text)
	if got, want := Redact(text, found), "Hier Gudrun Ahlers, [email], IBAN [iban], Tel. [phone]."; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	if got := strings.Join(Kinds(found), " "); got != "email phone iban name" {
		t.Errorf("kinds %q", got)
	}
}

func TestMistake(t *testing.T) {
	if _, err := New("DE", map[string]string{Order: `(`}); err == nil {
		t.Error("a broken pattern passed")
	}
}

func FuzzFind(f *testing.F) {
	f.Add("hier Ö Ä, a@b.cc (at) x [at] +49 30 23125071 DE89370400440532013000 Kundennr. 123456")
	finder, _ := New("DE", map[string]string{Order: `\d{6}`})
	f.Fuzz(func(t *testing.T, text string) {
		found := finder.Find(text)
		at := 0
		for _, e := range found {
			if e.start < at || e.end > len(text) || e.end <= e.start {
				t.Fatalf("%q: %+v", text, found)
			}
			at = e.end
		}
		Redact(text, found)
	})
}

func BenchmarkFind(b *testing.B) {
	f, _ := New("DE", map[string]string{Order: `\bNL-\d{6}\b`})
	text := strings.Repeat("Seit drei Wochen warte ich auf meine Rückerstattung, und am Telefon sagt man mir jedes Mal etwas anderes. ", 5)
	b.ReportAllocs()
	for b.Loop() {
		f.Find(text)
	}
}
