package pulse

import "testing"

// same counts in how many places two prints agree.
func same(a, b string) int {
	n := 0
	for i := 0; i+1 < len(a) && i+1 < len(b); i += 2 {
		if a[i:i+2] == b[i:i+2] {
			n++
		}
	}
	return n
}

// What many copy has one print, whatever each adds of their own; what many say in their own words has not.
func TestPrint(t *testing.T) {
	const say = "Ich mache mit beim Gewinnspiel und wünsche allen viel Glück!"
	p := Print(say)
	for _, copied := range []string{
		"@anna @berta " + say + " #gewinnspiel #nordlicht", "ICH MACHE MIT BEIM GEWINNSPIEL UND WÜNSCHE ALLEN VIEL GLÜCK",
		say + " https://nordlicht.example/x1 4711",
	} {
		if got := same(p, Print(copied)); got != Places {
			t.Errorf("%q agrees in %d places", copied, got)
		}
	}
	for _, other := range []string{"Mein Internet geht seit heute Morgen nicht mehr, was ist da los?", "Seit zwei Stunden kein Netz in Köln, das darf nicht wahr sein",
		"Wann bekomme ich endlich mein Geld für die Retoure zurück?"} {
		if got := same(p, Print(other)); got > 1 {
			t.Errorf("%q agrees in %d places", other, got)
		}
	}
	for _, short := range []string{"", "danke euch sehr", "@a @b #c 12 ://", "!!! ??? … … …"} {
		if got := Print(short); got != "" {
			t.Errorf("%q has the print %q", short, got)
		}
	}
}

// What anybody may write is taken without harm.
func FuzzPrint(f *testing.F) {
	f.Add("Ich mache mit \xff beim Gewinnspiel und wünsche allen viel Glück!")
	f.Fuzz(func(t *testing.T, text string) {
		if got := Print(text); got != "" && len(got) != 2*Places {
			t.Errorf("%q", got)
		}
	})
}
