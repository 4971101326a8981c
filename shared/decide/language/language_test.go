package language

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

func detector(t testing.TB) *Detector {
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDetect(t *testing.T) {
	d := detector(t)
	for _, c := range []struct{ text, hint, want string }{
		{"Wo bleibt mein Paket, ihr Schlafmützen?", "", "de"},
		{"Where is my parcel?", "", "en"},
		{"Où est mon colis ?", "", "fr"},
		{"¿Dónde está mi paquete?", "", "es"},
		{"Dov'è il mio pacco?", "", "it"},
		{"Waar blijft mijn pakketje?", "", "nl"},
		{"Do geht nix mehr, i wart scho a Stund", "", "de"},
		{"isch das normal? het öpper en Idee", "", "de"},
		{"Где моя посылка?", "", Und},
		{"荷物はどこですか", "", "ja"},
		{"내 소포는 어디에 있나요", "", "ko"},
		{"", "de", Und},
		{"🙄🙄", "de", Und},
		{"@nordlicht #strom https://nordlicht.example/die/und/der", "de", Und},
		{"Service", "de", Und},
		{"mein train ist delayed and nobody antwortet, what soll das", "", Und},
		{"Kundenservice unerreichbar", "", "de"},
		{"super", "de", Und},
		{"Die Bremse quietscht, niemand antwortet.", "", "de"},
		{"unglaublich langsame Auszahlung", "en", "de"}, // the hint is weak
	} {
		if got, sure := d.Detect(c.text, c.hint); got != c.want {
			t.Errorf("%q (%s) = %s (%.2f); want %s", c.text, c.hint, got, sure, c.want)
		}
	}
}

// The floor is below what was measured when it was written (1.0), and above what a broken table would give.
func TestOwnPosts(t *testing.T) {
	d := detector(t)
	file, err := os.Open("../text/testdata/posts.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	right, all := 0, 0
	for lines := bufio.NewScanner(file); lines.Scan(); all++ {
		var p struct{ Text, Lang string }
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if got, _ := d.Detect(p.Text, ""); got == p.Lang {
			right++
		} else {
			t.Logf("%s for %s: %q", got, p.Lang, p.Text)
		}
	}
	t.Logf("%d of %d right", right, all)
	if right*100 < all*95 {
		t.Errorf("only %d of %d right", right, all)
	}
}

func FuzzDetect(f *testing.F) {
	f.Add("Straße \xff http://x @y #z l’été", "de")
	d := detector(f)
	f.Fuzz(func(t *testing.T, text, hint string) {
		if code, sure := d.Detect(text, hint); code == "" || sure < 0 || sure > 1 {
			t.Errorf("%q: %q %v", text, code, sure)
		}
	})
}

func BenchmarkDetect(b *testing.B) {
	d := detector(b)
	text := "Seit drei Wochen warte ich auf meine Rückerstattung, und am Telefon sagt man mir jedes Mal etwas anderes. Das kann doch nicht wahr sein!"
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d.Detect(text, "de")
	}
}
