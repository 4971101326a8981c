package score

import (
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

func author(t *rapid.T) flow.Author {
	return flow.Author{
		Counted: rapid.Bool().Draw(t, "counted"), Followers: rapid.IntRange(0, 5_000_000).Draw(t, "followers"), Listed: rapid.IntRange(0, 5000).Draw(t, "listed"),
		Verified: rapid.Bool().Draw(t, "verified"), Bio: rapid.SampledFrom([]string{"", "Journalistin", "head of nothing", "I like trees"}).Draw(t, "bio"),
	}
}

func seen(t *rapid.T) Seen {
	return Seen{Mentions: rapid.IntRange(0, 50).Draw(t, "mentions"), Reactions: rapid.Float64Range(0, 1e5).Draw(t, "reactions"), Relevant: rapid.Float64Range(0, 100).Draw(t, "relevant"), Last: now.Add(-time.Hour)}
}

var networks = []string{"x", "mastodon", "linkedin", "rss", "youtube"}

func TestPartsSumAndStayInBounds(t *testing.T) {
	for _, c := range []config.Score{{}, {Max: map[string]int{"reach": 10, "resonance": 60, "connectedness": 0, "relevance": 20, "role": 10}}} {
		s := scorer(t, c)
		rapid.Check(t, func(t *rapid.T) {
			got := s.Compute(rapid.SampledFrom(networks).Draw(t, "network"), author(t), seen(t), now)
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
		})
	}
}

// More of any good sign never costs points.
func TestMonotone(t *testing.T) {
	s := scorer(t, config.Score{})
	rapid.Check(t, func(t *rapid.T) {
		a, b, network := author(t), seen(t), rapid.SampledFrom(networks).Draw(t, "network")
		before := s.Compute(network, a, b, now).Total
		switch rapid.IntRange(0, 4).Draw(t, "which") {
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
		}
		if after := s.Compute(network, a, b, now).Total; after < before {
			t.Fatalf("more of it made %d of %d", after, before)
		}
	})
}

func TestBoughtFollowersAddNearlyNothing(t *testing.T) {
	s := scorer(t, config.Score{})
	real := s.Compute("x", flow.Author{Counted: true, Followers: 40_000, Listed: 300}, Seen{Mentions: 5, Reactions: 800}, now)
	bought := s.Compute("x", flow.Author{Counted: true, Followers: 40_000}, Seen{Mentions: 5}, now)
	more := s.Compute("x", flow.Author{Counted: true, Followers: 4_000_000}, Seen{Mentions: 5}, now)
	if bought.Parts[0].Points >= real.Parts[0].Points || more.Total > bought.Total+1 {
		t.Errorf("real %d, bought %d, ten times more %d", real.Total, bought.Total, more.Total)
	}
	if !strings.Contains(bought.Parts[0].Reason, "capped") {
		t.Errorf("reason %q does not tell", bought.Parts[0].Reason)
	}
}

func TestUnknownLowersConfidenceOnly(t *testing.T) {
	s := scorer(t, config.Score{})
	known := s.Compute("x", flow.Author{Counted: true, Bio: "trees"}, Seen{Mentions: 3}, now)
	unknown := s.Compute("x", flow.Author{}, Seen{Mentions: 3}, now)
	if unknown.Total != known.Total || unknown.Confidence >= known.Confidence {
		t.Errorf("unknown %+v, known %+v", unknown, known)
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
