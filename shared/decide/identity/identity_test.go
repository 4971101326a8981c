package identity

import (
	"slices"
	"testing"

	"rapport/shared/flow"
)

func TestResolve(t *testing.T) {
	a := func(p string) Candidate {
		return Candidate{Person: p, Key: KeyEmail, Class: "A", Way: InPrivate, Evidence: "e-mail sent in a private message"}
	}
	b := func(p string) Candidate {
		return Candidate{Person: p, Key: KeyEmail, Class: "B", Way: InProfile, Evidence: "claimed in public"}
	}
	for _, c := range []struct {
		name, known, person string
		candidates          []Candidate
		link                bool
		suggest             int
	}{
		{"nobody", "", "", nil, false, 0},
		{"A links alone", "", "p1", []Candidate{a("p1"), a("p1")}, true, 0},
		{"B only suggests", "", "", []Candidate{b("p1"), b("p1")}, false, 1},
		{"two A contradict", "", "", []Candidate{a("p1"), a("p2")}, false, 2},
		{"known stays", "p1", "p1", []Candidate{a("p1")}, false, 0},
		{"known, and evidence for another", "p1", "p1", []Candidate{a("p2"), b("p3")}, false, 2},
		{"A beside B for the same", "", "p1", []Candidate{b("p1"), a("p1"), b("p2")}, true, 1},
	} {
		got := Resolve(c.known, c.candidates, 0)
		if got.Person != c.person || (got.Link != nil) != c.link || len(got.Suggest) != c.suggest || got.Reason == "" {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestImpostor(t *testing.T) {
	names, ours := Marks([]string{"Nordlicht", "@nordlicht", "Nor"}), []string{"x:1"}
	for _, c := range []struct {
		id, handle, name string
		want             bool
	}{
		{"x:1", "nordlicht", "Nordlicht", false},
		{"x:2", "nordlicht_support", "Helpdesk", true},
		{"x:3", "n0rdlicht", "anything", true},
		{"x:4", "somebody", "Nordlicht Kundenservice", true},
		{"x:5", "somebody", "Nоrdlісht", true}, // Cyrillic
		{"x:6", "nordlichtfan", "Fan", false},
		{"x:7", "ada", "Ada Nord", false},
		{"m:8", "nordlicht@fake.example", "N", true},
		{"x:9", "nordlichter_foto", "Polarlichter", false},
	} {
		if by, got := Impostor(flow.Author{ID: c.id, Handle: c.handle, Name: c.name}, names, ours); got != c.want {
			t.Errorf("%s / %s: %v (%s)", c.handle, c.name, got, by)
		}
	}
	if _, got := Impostor(flow.Author{ID: "x:2", Handle: "nordlicht_support", Verified: true}, names, ours); got {
		t.Error("an account the network vouches for is no impostor")
	}
}

func TestDomains(t *testing.T) {
	got := Domains([]string{"https://www.Ada.example/me", "ada.example", "http://blog.firma.example", "::", "localhost"})
	if want := []string{"ada.example", "blog.firma.example"}; !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

func FuzzSkeleton(f *testing.F) {
	f.Add("N0rdlісht 𝐍𝐨𝐫𝐝", "Nordlicht")
	f.Fuzz(func(t *testing.T, a, b string) {
		Impostor(flow.Author{ID: "x:1", Handle: a, Name: b}, Marks([]string{a, b}), nil)
	})
}
