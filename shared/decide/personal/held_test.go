package personal

import (
	"strings"
	"testing"
)

func TestHeld(t *testing.T) {
	f, _ := New("DE", nil)
	for text, want := range map[string]string{
		"Ich habe Diabetes. Ist da Zucker drin?":                           "Ich habe Diabetes.",
		"Super Laden! I'm pregnant, can I use this cream? Thanks":          " I'm pregnant, can I use this cream?",
		"Die Klinik testet ein Gerät. Ich warte seit 14 Tagen.":            "",
		"Ich bin 14, darf ich das?":                                        "Ich bin 14, darf ich das?",
		"Ich bin 14 Tage krank gewesen":                                    "",
		"Ich bin 12 Jahre Kunde bei euch":                                  "",
		"I'm 15 minutes late":                                              "",
		"Ich bin 47 und begeistert":                                        "",
		"Ich gehe in die 7. Klasse und brauche das für meine Eltern":       "Ich gehe in die 7. Klasse und brauche das für meine Eltern",
		"Mein Router ist erster Klasse":                                    "",
		"\xff\xfe ich \xf0 krebs":                                          "\xff\xfe ich \xf0 krebs",
		"Eure Kirche ist schön. Mein Sohn ist Autist! Schreibt mir zurück": " Mein Sohn ist Autist!",
		"Die Krebssuppe war lecker":                                        "",
	} {
		got := ""
		for _, p := range f.Held(text) {
			got += text[p[0]:p[1]]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	text := "Toller Laden. Ich habe Krebs und brauche Hilfe! Danke"
	held := f.Held(text)
	if got := Withhold(text, held); strings.Contains(got, "Krebs") || got != "Toller Laden. […]  Danke" {
		t.Errorf("%q", got)
	}
	if !held.In(text, "krebs") || held.In(text, "toller") {
		t.Error("In")
	}
}

func FuzzHeld(f *testing.F) {
	finder, _ := New("DE", nil)
	f.Add("Ich bin 14. Ich \xff habe Krebs! i'm 15 years old; 7. Klasse")
	f.Fuzz(func(t *testing.T, text string) {
		at := 0
		for _, p := range finder.Held(text) {
			if p[0] < at || p[1] <= p[0] || p[1] > len(text) {
				t.Fatalf("%q: %v", text, p)
			}
			at = p[1]
		}
		Withhold(text, finder.Held(text))
	})
}

func BenchmarkHeld(b *testing.B) {
	finder, _ := New("DE", nil)
	text := strings.Repeat("Seit drei Wochen warte ich auf meine Rückerstattung, und am Telefon sagt man mir jedes Mal etwas anderes. ", 2)
	for b.Loop() {
		finder.Held(text)
	}
}
