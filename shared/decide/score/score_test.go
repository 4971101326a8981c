package score

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/config"
	"rapport/shared/flow"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func scorer(t testing.TB, c config.Score) *Scorer {
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func profile(t *rapid.T) Profile {
	return Profile{
		Network: rapid.SampledFrom([]string{"x", "mastodon", "linkedin", "rss", "youtube"}).Draw(t, "network"), Counted: rapid.Bool().Draw(t, "counted"),
		Followers: rapid.IntRange(0, 5_000_000).Draw(t, "followers"), Listed: rapid.IntRange(0, 5000).Draw(t, "listed"),
		Verified: rapid.Bool().Draw(t, "verified"), Proven: rapid.Bool().Draw(t, "proven"),
		Bio: rapid.SampledFrom([]string{"", "Journalistin", "head of nothing", "I like trees"}).Draw(t, "bio"), At: now,
	}
}

func seen(t *rapid.T) Seen {
	return Seen{Mentions: rapid.IntRange(0, 50).Draw(t, "mentions"), Reactions: rapid.Float64Range(0, 1e5).Draw(t, "reactions"), Relevant: rapid.Float64Range(0, 100).Draw(t, "relevant"), Last: now.Add(-time.Hour)}
}

// more gives one more of some good sign.
func more(t *rapid.T, a Profile, b Seen) (Profile, Seen) {
	switch rapid.IntRange(0, 5).Draw(t, "which") {
	case 0:
		a.Followers += rapid.IntRange(0, 1e6).Draw(t, "more")
	case 1:
		a.Listed += rapid.IntRange(0, 1000).Draw(t, "more")
	case 2:
		b.Reactions += rapid.Float64Range(0, 1e4).Draw(t, "more")
	case 3:
		b.Relevant += 5
	case 4:
		a.Verified = true
	case 5:
		a.Proven = true
	}
	return a, b
}

func exact(t *rapid.T, got flow.Score) {
	sum := 0
	for _, p := range got.Parts {
		if p.Points < 0 || p.Points > p.Max || p.Reason == "" {
			t.Fatalf("%+v", p)
		}
		sum += p.Points
	}
	if sum != got.Total || sum > 100 || got.Confidence < 0 || got.Confidence > 100 {
		t.Fatalf("%+v", got)
	}
}

func TestPartsSumAndStayInBounds(t *testing.T) {
	for _, c := range []config.Score{{}, {Max: map[string]int{"reach": 10, "resonance": 60, "connectedness": 0, "relevance": 20, "role": 10}}} {
		s := scorer(t, c)
		rapid.Check(t, func(t *rapid.T) {
			first, b := s.Bound(s.Compute(profile(t), seen(t), now), Seen{}, now)
			exact(t, first)
			later := now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "hours")) * time.Hour)
			next, _ := s.Bound(s.Compute(profile(t), seen(t), later), b, later)
			exact(t, next)
			exact(t, Combine(map[string]flow.Score{"a": first, "b": next}))
		})
	}
}

// More of any good sign never costs points, on the first day and on later ones.
func TestMonotone(t *testing.T) {
	s := scorer(t, config.Score{})
	rapid.Check(t, func(t *rapid.T) {
		a, b := profile(t), seen(t)
		_, b = s.Bound(s.Compute(profile(t), seen(t), now), b, now)
		later := now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "hours")) * time.Hour)
		before, _ := s.Bound(s.Compute(a, b, later), b, later)
		a, b = more(t, a, b)
		if after, _ := s.Bound(s.Compute(a, b, later), b, later); after.Total < before.Total {
			t.Fatalf("more of it made %d of %d", after.Total, before.Total)
		}
	})
}

// Within a day no score moves farther than Step from where the day before left it, whatever happens.
func TestNoDayMovesItFar(t *testing.T) {
	s := scorer(t, config.Score{})
	rapid.Check(t, func(t *rapid.T) {
		at := now
		first, b := s.Bound(s.Compute(profile(t), seen(t), at), Seen{}, at)
		end, day := first.Total, at.Truncate(24*time.Hour)
		for range rapid.IntRange(1, 12).Draw(t, "mentions") {
			last := b
			at = at.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "hours")) * time.Hour)
			if d := at.Truncate(24 * time.Hour); d.After(day) {
				if d.Sub(day) > 24*time.Hour {
					t.Fatal("the test skips no day")
				}
				end, day = sum(last.Points), d
			}
			var is flow.Score
			is, b = s.Bound(s.Compute(profile(t), seen(t), at), last, at)
			if day.After(now.Truncate(24*time.Hour)) && (is.Total > end+Step || is.Total < end-Step) {
				t.Fatalf("%d after %d", is.Total, end)
			}
		}
	})
}

func sum(points [len(parts)]int) (n int) {
	for _, p := range points {
		n += p
	}
	return n
}

func TestHeldBackSaysSo(t *testing.T) {
	s := scorer(t, config.Score{})
	a := Profile{Network: "x", Counted: true, Followers: 100, At: now}
	_, b := s.Bound(s.Compute(a, Seen{}, now), Seen{}, now)
	b.Reactions = 3000
	tomorrow := now.Add(24 * time.Hour)
	got, b := s.Bound(s.Compute(a, b, tomorrow), b, tomorrow)
	if i := slices.IndexFunc(got.Parts, func(p flow.ScorePart) bool { return strings.Contains(p.Reason, "held back") }); i < 0 || got.Parts[i].Name != "resonance" {
		t.Errorf("%+v", got)
	}
	b.From[1]++ // other weights began anew
	if free, _ := scorer(t, config.Score{Max: map[string]int{"reach": 10, "resonance": 60, "connectedness": 0, "relevance": 20, "role": 10}}).Bound(got, b, tomorrow); free.Total != got.Total {
		t.Errorf("held back by points of other weights: %+v", free)
	}
}

// Who is not heard of any more comes to stand where the profile alone puts everybody.
func TestDecaysToNeutral(t *testing.T) {
	s := scorer(t, config.Score{})
	rapid.Check(t, func(t *rapid.T) {
		a, b := profile(t), seen(t)
		later := now.Add(3 * 365 * 24 * time.Hour)
		silent := s.Compute(a, s.Decay(b, later), later)
		neutral := s.Compute(a, Seen{}, later)
		if silent.Total != neutral.Total || silent.Total > s.Compute(a, b, now).Total {
			t.Fatalf("%+v; neutral %+v", silent, neutral)
		}
	})
}

// The score sees no name, language, place, picture or anything else of what the law protects: these are all it is given.
func TestNoProtectedInputs(t *testing.T) {
	var fields []string
	for _, of := range []reflect.Type{reflect.TypeFor[Profile](), reflect.TypeFor[Seen]()} {
		for i := range of.NumField() {
			fields = append(fields, of.Name()+"."+of.Field(i).Name)
		}
	}
	want := strings.Fields(`Profile.Network Profile.Counted Profile.Followers Profile.Listed Profile.Verified Profile.Proven Profile.Bio Profile.At
		Seen.Mentions Seen.Reactions Seen.Relevant Seen.Last Seen.By Seen.Points Seen.Day Seen.From Seen.FromDay`)
	if !slices.Equal(fields, want) {
		t.Errorf("inputs are %q: say in docs/score.md what is new and why it is no protected attribute, then here", fields)
	}
	s := scorer(t, config.Score{})
	rapid.Check(t, func(t *rapid.T) {
		a := flow.Author{ID: "x:1", Counted: true, Followers: rapid.IntRange(0, 1e6).Draw(t, "followers"), Bio: "Journalistin, " + rapid.String().Draw(t, "bio")}
		b := a
		b.ID, b.Handle, b.Name, b.URL = "x:2", rapid.String().Draw(t, "handle"), rapid.String().Draw(t, "name"), rapid.String().Draw(t, "url")
		b.Location, b.Avatar, b.Extra = rapid.String().Draw(t, "place"), "https://x.example/a.png", map[string]any{"gender": "f", "lang": "tr"}
		b.Following, b.Posts, b.Created = 12, 99, now
		if x, y := s.Compute(ProfileOf("x", a, now), Seen{}, now), s.Compute(ProfileOf("x", b, now), Seen{}, now); !reflect.DeepEqual(x, y) {
			t.Fatalf("%+v and %+v", x, y)
		}
	})
}

// Words of professions come in the forms for men and women, and both weigh the same.
func TestRolesHaveNoGender(t *testing.T) {
	for _, pair := range [][2]string{{"Journalist", "Journalistin"}, {"Redakteur", "Redakteurin"}, {"Professor", "Professorin"}, {"Geschäftsführer", "Geschäftsführerin"},
		{"Autor", "Autorin"}, {"Gründer", "Gründerin"}, {"Bürgermeister", "Bürgermeisterin"}, {"Berater", "Beraterin"}, {"Lehrer", "Lehrerin"}, {"Inhaber", "Inhaberin"},
		{"Leiter Einkauf", "Leiterin Einkauf"}, {"Ingenieur", "Ingenieurin"}, {"Architekt", "Architektin"}, {"Wissenschaftler", "Wissenschaftlerin"}} {
		his, _ := role(pair[0])
		hers, _ := role(pair[1])
		if his != hers || his == 0 {
			t.Errorf("%s weighs %v, %s %v", pair[0], his, pair[1], hers)
		}
	}
}

func TestBoughtFollowersAddNearlyNothing(t *testing.T) {
	s := scorer(t, config.Score{})
	real := s.Compute(Profile{Network: "x", Counted: true, Followers: 40_000, Listed: 300}, Seen{Mentions: 5, Reactions: 800}, now)
	bought := s.Compute(Profile{Network: "x", Counted: true, Followers: 40_000}, Seen{Mentions: 5}, now)
	more := s.Compute(Profile{Network: "x", Counted: true, Followers: 4_000_000}, Seen{Mentions: 5}, now)
	if bought.Parts[0].Points >= real.Parts[0].Points || more.Total > bought.Total+1 {
		t.Errorf("real %d, bought %d, ten times more %d", real.Total, bought.Total, more.Total)
	}
	if !strings.Contains(bought.Parts[0].Reason, "capped") {
		t.Errorf("reason %q does not tell", bought.Parts[0].Reason)
	}
}

func TestUnknownAndOldLowerConfidenceOnly(t *testing.T) {
	s := scorer(t, config.Score{})
	known := s.Compute(Profile{Network: "x", Counted: true, Bio: "trees", At: now}, Seen{Mentions: 3}, now)
	unknown := s.Compute(Profile{Network: "x"}, Seen{Mentions: 3}, now)
	old := s.Compute(Profile{Network: "x", Counted: true, Bio: "trees", At: now.Add(-stale)}, Seen{Mentions: 3}, now)
	if unknown.Total != known.Total || unknown.Confidence >= known.Confidence || old.Total != known.Total || old.Confidence >= known.Confidence {
		t.Errorf("unknown %+v, old %+v, known %+v", unknown, old, known)
	}
	rapid.Check(t, func(t *rapid.T) {
		is := s.Compute(profile(t), seen(t), now)
		sure := is.Confidence
		for _, days := range []int{0, 1, 30, 300, 3000} {
			aged := Aged(is, now.AddDate(0, 0, days))
			if aged.Total != is.Total || aged.Confidence > sure || days == 0 && aged.Confidence != sure {
				t.Fatalf("after %d days %+v", days, aged)
			}
			sure = aged.Confidence
		}
	})
}

func TestCombine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := map[string]flow.Score{}
		best, rest := 0, 1.0
		for _, id := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "accounts")] {
			n := rapid.IntRange(0, 100).Draw(t, id)
			of[id] = flow.Score{Total: n, Version: Version, Confidence: 50, At: now, Parts: []flow.ScorePart{{Name: "reach", Points: n, Max: 100, Reason: "x"}}}
			best, rest = max(best, n), rest*(1-float64(n)/100)
		}
		got := Combine(of)
		if want := int((1-rest)*100 + 1e-9); got.Total != want || got.Total < best || got.Confidence != 50 {
			t.Fatalf("%+v; want %d of %v", got, want, of)
		}
		exact(t, got)
	})
	if got := Combine(nil); got.Version != "" || got.Total != 0 {
		t.Errorf("of nothing %+v", got)
	}
}

// A person's accounts come and go in any order; the score is that of those there are.
func TestNote(t *testing.T) {
	one := func(n int) flow.Score { return flow.Score{Total: n, Version: Version, Confidence: 50} }
	p := flow.Person{Authors: []string{"a"}}
	if !Note(&p, "a", one(50)) || p.Score.Total != 50 || p.Scores != nil || Note(&p, "a", one(50)) {
		t.Errorf("%+v", p)
	}
	p.Authors = append(p.Authors, "b")
	if !Note(&p, "b", one(20)) || p.Score.Total != 60 || len(p.Scores) != 2 {
		t.Errorf("%+v", p)
	}
	if !Note(&p, "a", one(40)) || p.Score.Total != 52 {
		t.Errorf("%+v", p)
	}
	if !Note(&p, "a", flow.Score{}) || p.Score.Total != 20 {
		t.Errorf("%+v", p)
	}
	q := flow.Person{Authors: []string{"a", "b"}, Score: one(50)}
	if Note(&q, "b", flow.Score{}) || q.Score.Total != 50 || !Drop(&q, "a") || q.Score.Version != "" {
		t.Errorf("a score nobody knows whose it is: %+v", q)
	}
	if !Note(&p, "b", flow.Score{}) || p.Score.Total != 0 || p.Score.Version != "" || p.Scores != nil {
		t.Errorf("%+v", p)
	}
}

func TestDecay(t *testing.T) {
	s := scorer(t, config.Score{HalfLife: "24h"})
	got := s.Decay(Seen{Reactions: 100, Relevant: 8, Last: now.Add(-48 * time.Hour)}, now)
	if got.Reactions != 25 || got.Relevant != 2 {
		t.Errorf("%+v", got)
	}
	if same := s.Decay(got, now.Add(-99*time.Hour)); same != got {
		t.Error("an older moment changed something")
	}
	if twice := s.Decay(got, now); twice != got {
		t.Error("it decayed twice")
	}
	if next := s.Add(got, now, 7, true, true); next != (Seen{Mentions: 1, Reactions: 32, Relevant: 3, Last: now}) {
		t.Errorf("%+v", next)
	}
	if edit := s.Add(got, now, -3, true, false); edit != got {
		t.Errorf("an edit with fewer reactions changed %+v", edit)
	}
}

func TestMistakes(t *testing.T) {
	for want, c := range map[string]config.Score{
		"sums to 99": {Max: map[string]int{"reach": 99}},
		"is none":    {Max: map[string]int{"reach": 50, "rich": 50}},
		"negative":   {Max: map[string]int{"reach": -1, "role": 101}},
		"720h":       {HalfLife: "a month"},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want …%s…", c, err, want)
		}
	}
}

var update = flag.Bool("update", false, "write testdata/"+Version+".json anew")

// recorded is a score as it was computed once.
type recorded struct {
	Profile Profile
	Seen    Seen
	Score   flow.Score
}

// A version means the same for ever: whoever changes weights, tables or words changes Version, and the old file stays as a
// witness until nobody keeps such scores any more.
func TestVersionMeansTheSame(t *testing.T) {
	file := "testdata/" + Version + ".json"
	s := scorer(t, config.Score{})
	var list []recorded
	if *update {
		for _, network := range []string{"x", "mastodon", "bluesky", "linkedin", "youtube", "somewhere"} {
			for _, followers := range []int{0, 50, 700, 9000, 120_000, 3_000_000} {
				a := Profile{Network: network, Counted: followers > 0, Followers: followers, Listed: followers / 90, Verified: followers == 9000, Bio: []string{"", "Redakteurin"}[followers%4/2], At: now}
				b := Seen{Mentions: followers % 7, Reactions: float64(followers) / 40, Relevant: float64(followers % 11), Last: now}
				list = append(list, recorded{a, b, s.Compute(a, b, now)})
			}
		}
		b, err := json.MarshalIndent(list, "", " ")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil || len(list) == 0 {
		t.Fatal(err, len(list))
	}
	for _, r := range list {
		if got := s.Compute(r.Profile, r.Seen, now); !reflect.DeepEqual(got, r.Score) {
			t.Errorf("%s computed\n%+v, now\n%+v", Version, r.Score, got)
		}
	}
}
