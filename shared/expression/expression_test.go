package expression

import (
	"strings"
	"testing"
	"time"
)

type person struct {
	Handle string    `expr:"handle"`
	At     time.Time `expr:"at"`
}

type world struct {
	Text   string         `expr:"text"`
	Person person         `expr:"person"`
	Tags   []string       `expr:"tags"`
	Extra  map[string]any `expr:"extra"`
}

func TestEval(t *testing.T) {
	env := world{Text: "Größe zählt", Person: person{"ada", time.Unix(1790000000, 0)}, Tags: []string{"a", "b"}, Extra: map[string]any{"n": 2.5}}
	for source, want := range map[string]any{
		`"@" + person.handle`:                   "@ada",
		`runes(text, 5)`:                        "Größe",
		`cut(text, 6)`:                          "Größe…",
		`iso(person.at)`:                        "2026-09-21T14:13:20Z",
		`join(tags, ";")`:                       "a;b",
		`extra.n > 2 ? "high" : "low"`:          "high",
		`iso(unix(1790000000))`:                 "2026-09-21T14:13:20Z",
		`"b" in tags and text contains "zählt"`: true,
	} {
		p, err := Compile(source, world{}, Any)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := p.Eval(env)
		if err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", source, got, err, want)
		}
	}
}

func TestMistakesNameThePlaceAndTheRightName(t *testing.T) {
	for source, want := range map[string]string{
		`persn.handle`:  `1:1: unknown name persn; did you mean "person"?`,
		`person.handel`: `did you mean "handle"?`,
		`text +`:        `1:`,
		`now()`:         `now`,
	} {
		_, err := Compile(source, world{}, Any)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want …%s…", source, err, want)
		}
	}
	if _, err := Compile(`text`, world{}, Bool); err == nil {
		t.Error("a text passed as a condition")
	}
}

func TestLimits(t *testing.T) {
	p, err := Compile(`map(1..1000000, # * 2)`, world{}, Any)
	if err == nil {
		if _, err = p.Eval(world{}); err == nil {
			t.Error("a million steps ran through")
		}
	}
	if _, err := Compile(strings.Repeat("1+", MaxNodes)+"1", world{}, Any); err == nil {
		t.Error("a huge expression passed")
	}
}
