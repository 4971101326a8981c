package identity

import (
	"hash/fnv"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/flow"
)

func hash(kind, value string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(kind + "#" + value))
	return strconv.FormatUint(h.Sum64(), 36)
}

func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"Müller", "Mueller", "MULLER", "Mùller", "Ｍüller", "Mυller"},
		{"Weiß", "weiss"}, {"Jørgensen", "Joergensen"}, {"Łukasz", "Lukasz"}, {"Pаul", "paul"}, // the second has a Cyrillic а
	} {
		for _, s := range same[1:] {
			if Fold(s) != Fold(same[0]) {
				t.Errorf("%s is %s, %s is %s", same[0], Fold(same[0]), s, Fold(s))
			}
		}
	}
}

func TestParseName(t *testing.T) {
	for in, want := range map[string]string{
		"Dr. Anna von der Heide":       "anna heide",
		"Heide, Anna":                  "anna heide",
		"Tom Müller":                   "thomas muller",
		"Anna-Lena Berg 🌻":             "anna berg",
		"Anna B.":                      "anna b",
		"A. Berg":                      "a berg",
		"Anna Berg (sie/ihr)":          "anna berg",
		"Anna Schmidt-Berg":            "anna schmidtberg schmidt berg",
		"Sonnenkind":                   " ",
		"Anna Berg, M.A.":              "anna berg",
		"Das ist ein langer Satz hier": " ",
	} {
		if n := ParseName(in); n.First+" "+strings.Join(n.Last, " ") != want {
			t.Errorf("%q is %q %q; want %q", in, n.First, n.Last, want)
		}
	}
	if !ParseName("Nordlicht GmbH").Company || ParseName("Anna Berg").Company {
		t.Error("a company is told by its words")
	}
	if n := ofHandle("@anna.berg84@social.example"); n.First != "anna" || n.Last[0] != "berg" {
		t.Errorf("a handle is %+v", n)
	}
}

func TestSound(t *testing.T) {
	for _, same := range [][]string{{"maier", "mayer", "meyer", "mair"}, {"schmidt", "schmitt", "schmid"}, {"fischer", "vischer"}, {"kramer", "cramer"}} {
		for _, s := range same[1:] {
			if Sound(s) != Sound(same[0]) {
				t.Errorf("%s %s, %s %s", same[0], Sound(same[0]), s, Sound(s))
			}
		}
	}
	if Sound("wikipedia") != "3412" || Sound("breschnew") != "17863" {
		t.Errorf("wikipedia %s, breschnew %s", Sound("wikipedia"), Sound("breschnew"))
	}
}

var often = func(kind, _ string) (float64, bool) { return map[string]float64{"city": 0.01}[kind] + 0.001, true }

// against resolves one author against records, with the keys that lead to each.
func against(a flow.Author, keys []Candidate, records ...Record) Choice {
	p := ProfileOf(a, time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), hash)
	var list []Candidate
	for i, r := range records {
		person := "p" + strconv.Itoa(i)
		points := Compare(p, r.Traits(hash), often)
		if a.Extra["taken"] == person {
			points = append(points, Point{Of: "taken", Level: Other})
		}
		list = append(list, Candidate{Person: person, Key: KeyName, Class: "C", Way: InProfile, Evidence: "a name that is alike", Compared: points})
		for _, k := range keys {
			if k.Person == person {
				list = append(list, k)
			}
		}
	}
	return Resolve("", list, 50_000)
}

func TestEvidence(t *testing.T) {
	anna := Record{Name: "Anna Berg", City: "Kiel", Country: "Deutschland", Company: "Nordwerk GmbH", Born: "1984-05-06"}
	otto := Record{Name: "Otto Berg", City: "Kiel"}
	shows := func(name, bio, place string) flow.Author {
		return flow.Author{ID: "m:1", Handle: "x", Name: name, Bio: bio, Location: place}
	}
	mail := func(person, class, way string) Candidate {
		return Candidate{Person: person, Key: KeyEmail, Class: class, Way: way, Evidence: "e-mail"}
	}
	phone := func(person string, class string) Candidate {
		return Candidate{Person: person, Key: KeyPhone, Class: class, Way: InPrivate, Shared: 2, Evidence: "phone"}
	}
	young := shows("Anna Berg", "", "")
	young.Created = time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC)
	taken := shows("Anna Berg", "", "")
	taken.Extra = map[string]any{"taken": "p0"}
	for _, c := range []struct {
		name    string
		author  flow.Author
		keys    []Candidate
		records []Record
		link    string
		suggest int
	}{
		{"the name alone", shows("Anna Berg", "", ""), nil, []Record{anna}, "", 1},
		{"name, employer and city are one claim", shows("Anna Berg", "Ingenieurin bei Nordwerk", "Kiel"), nil, []Record{anna}, "", 1},
		{"and a second one beside", shows("Anna Berg", "Jahrgang 1984, Ingenieurin bei Nordwerk", "Kiel"), nil, []Record{anna}, "p0", 0},
		{"a claimed e-mail alone", shows("Sonnenkind", "", ""), []Candidate{mail("p0", "B", InProfile)}, []Record{anna}, "", 1},
		{"a claimed e-mail and the name", shows("Anna Berg", "", ""), []Candidate{mail("p0", "B", InProfile)}, []Record{anna}, "p0", 0},
		{"somebody else's e-mail in a post", shows("Jan Vogt", "", ""), []Candidate{mail("p0", "B", InPost)}, []Record{anna}, "", 0},
		{"a private e-mail", shows("Sonnenkind", "", ""), []Candidate{mail("p0", "A", InPrivate)}, []Record{anna}, "p0", 0},
		{"a private e-mail of the mother", shows("Jan Berg", "", ""), []Candidate{mail("p0", "A", InPrivate)}, []Record{anna}, "", 1},
		{"a family's phone", shows("Otto Berg", "", ""), []Candidate{phone("p0", "A"), phone("p1", "A")}, []Record{anna, otto}, "p1", 0},
		{"a family's phone, and no name", shows("Sonnenkind", "", ""), []Candidate{phone("p0", "A"), phone("p1", "A")}, []Record{anna, otto}, "", 2},
		{"namesakes", shows("Anna Berg", "", ""), nil, []Record{anna, anna}, "", 2},
		{"a parody", shows("Anna Berg", "Parody", ""), []Candidate{mail("p0", "B", InProfile)}, []Record{anna}, "", 1},
		{"an account made lately", young, []Candidate{mail("p0", "B", InProfile)}, []Record{anna}, "", 1},
		{"a second account on the network", taken, []Candidate{mail("p0", "B", InProfile)}, []Record{anna}, "", 1},
		{"another country and year", shows("Anna Berg", "born 1971", "Wien, Österreich"), nil, []Record{anna}, "", 0},
		{"a company of the name", shows("Anna Berg GmbH", "", "Kiel"), nil, []Record{anna}, "", 0},
	} {
		got := against(c.author, c.keys, c.records...)
		if got.Person != c.link || len(got.Suggest) != c.suggest || got.Reason == "" {
			t.Errorf("%s: %q, %d suggested: %s", c.name, got.Person, len(got.Suggest), got.Reason)
			for _, s := range append(got.Suggest, Candidate{}) {
				t.Logf("  %s %.1f %v", s.Person, s.Bits, s.Why)
			}
		}
		if got.Link != nil && (got.Link.Ground() == "" || strings.Contains(got.Link.Ground(), "@")) {
			t.Errorf("%s: the ground is %q", c.name, got.Link.Ground())
		}
	}
}

// The sum of the steps is the likelihood that is told; evidence against never makes anybody likelier, whom somebody rejected
// is nobody's candidate, and order does not matter.
func TestSums(t *testing.T) {
	kinds := []string{KeyEmail, KeyPhone, KeyCustomer, KeyDomain, KeySite, KeyHandle, KeyName}
	points := []Point{{"first", Same, 0.01}, {"first", Other, 0}, {"last", Same, 0.0001}, {"last", Sounds, 0.001}, {"last", Other, 0}, {"city", Same, 0.02}, {"city", Other, 0},
		{"firm", Same, 0.001}, {"born", Same, 0.01}, {"young", Other, 0}, {"taken", Other, 0}, {"mocking", Other, 0}, {"kind", Other, 0}}
	rapid.Check(t, func(t *rapid.T) {
		var list []Candidate
		for range rapid.IntRange(1, 6).Draw(t, "n") {
			c := Candidate{Person: rapid.SampledFrom([]string{"p1", "p2", "p3"}).Draw(t, "person"), Key: rapid.SampledFrom(kinds).Draw(t, "key"),
				Class: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "class"), Way: rapid.SampledFrom([]string{InPrivate, InPost, InProfile}).Draw(t, "way")}
			if c.Key == KeyName {
				c.Class = "C"
			}
			list = append(list, c)
		}
		for i := range list {
			list[i].Compared = nil
		}
		list[0].Compared = rapid.SliceOfNDistinct(rapid.SampledFrom(points), 0, 5, func(p Point) string { return p.Of }).Draw(t, "points")
		people := rapid.IntRange(0, 1_000_000).Draw(t, "people")
		for _, c := range rank("", list, people) {
			sum := 0.0
			for _, s := range c.Why {
				sum += s.Bits
			}
			if d := sum - c.Bits; d > 0.05 || d < -0.05 {
				t.Fatalf("the steps sum to %.2f, not %.2f", sum, c.Bits)
			}
		}
		got := Resolve("", list, people)
		if l := got.Link; l != nil && (l.Sure < sure || l.Class == "C") {
			t.Fatalf("linked at %.4f, class %s", l.Sure, l.Class)
		}
		worse := append([]Candidate(nil), list...)
		worse[0].Compared = append(append([]Point(nil), list[0].Compared...), Point{"mocking", Other, 0})
		if l := Resolve("", worse, people).Link; l != nil && l.Person == list[0].Person {
			t.Fatal("a parody is linked")
		}
		for i := range list {
			list[i].Rejected = true
		}
		if r := Resolve("", list, people); r.Person != "" || len(r.Suggest) > 0 {
			t.Fatalf("rejected, and yet %+v", r)
		}
	})
}

// Counters may take what is rare for a little more frequent, never for rarer.
func TestCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[a-e]{1,3}`), 0, 200).Draw(t, "names")
		var c Counts
		times := map[string]int{}
		for _, n := range names {
			c.Add(Traits{First: hash("first", n), Last: []string{hash("last", n)}})
			times[n]++
		}
		for n, want := range times {
			if got := c.count("last", hash("last", n)); got < want {
				t.Fatalf("%s was counted %d times, not %d", n, got, want)
			}
		}
		if c.Total != len(names) {
			t.Fatalf("%d persons, want %d", c.Total, len(names))
		}
	})
}

func FuzzProfile(f *testing.F) {
	f.Add("Dr. Anna von Berg", "anna.berg", "bei Nordwerk GmbH, *1984", "Kiel, Deutschland")
	f.Fuzz(func(t *testing.T, name, handle, bio, place string) {
		a := flow.Author{ID: "m:1", Name: name, Handle: handle, Bio: bio, Location: place}
		p := ProfileOf(a, time.Time{}, hash)
		Compare(p, Record{Name: name, City: place, Company: bio, Born: bio, Country: place}.Traits(hash), often)
		if len(p.Blocks()) > 4 {
			t.Error("too many blocks")
		}
	})
}
