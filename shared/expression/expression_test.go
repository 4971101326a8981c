package expression

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

type kind string

type person struct {
	Handle string    `expr:"handle"`
	Kind   kind      `expr:"kind"`
	At     time.Time `expr:"at"`
}

type world struct {
	Text   string         `expr:"text"`
	Person person         `expr:"person"`
	Tags   []string       `expr:"tags"`
	Extra  map[string]any `expr:"extra"`
}

func TestEval(t *testing.T) {
	env := world{Text: "Größe zählt", Person: person{"ada", "post", time.Unix(1790000000, 0)}, Tags: []string{"a", "b"}, Extra: map[string]any{"n": 2.5}}
	for source, want := range map[string]any{
		`"@" + person.handle`:                   "@ada",
		`runes(text, 5)`:                        "Größe",
		`cut(text, 6)`:                          "Größe…",
		`iso(person.at)`:                        "2026-09-21T14:13:20Z",
		`join(tags, ";")`:                       "a;b",
		`extra.n > 2 ? "high" : "low"`:          "high",
		`iso(unix(1790000000))`:                 "2026-09-21T14:13:20Z",
		`"New " + person.kind`:                  "New post",
		`person.kind == "post"`:                 true,
		`person.kind in ["reply", "post"]`:      true,
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

type shell struct {
	*world
	Extra2 string `expr:"extra2"`
}

func TestEmbeddedNames(t *testing.T) {
	p, err := Compile(`person.handle + extra2`, shell{}, Any)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Eval(&shell{&world{Person: person{Handle: "ada"}}, "!"}); err != nil || got != "ada!" {
		t.Errorf("gave %v, %v", got, err)
	}
	if _, err := Compile(`persn.handle`, shell{}, Any); err == nil || !strings.Contains(err.Error(), `"person"`) {
		t.Error(err)
	}
}

func TestOneProgramForMany(t *testing.T) {
	p, err := Compile(`join(map(tags, # + text), ",")`, world{}, Any)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			text := strconv.Itoa(k)
			for range 200 {
				if got, err := p.Eval(world{Text: text, Tags: []string{"a", "b"}}); err != nil || got != "a"+text+",b"+text {
					t.Errorf("gave %v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := p.Eval(nil); err == nil {
		t.Error("nothing passed as an environment")
	}
	if got, err := p.Eval(world{Text: "x", Tags: []string{"a"}}); err != nil || got != "ax" {
		t.Errorf("after a failure: %v, %v", got, err)
	}
}

func BenchmarkEval(b *testing.B) {
	p, err := Compile(`"@" + person.handle`, world{}, Any)
	if err != nil {
		b.Fatal(err)
	}
	env := &world{Person: person{Handle: "ada"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Eval(env); err != nil {
			b.Fatal(err)
		}
	}
}

func TestWhatAProgramGives(t *testing.T) {
	for source, want := range map[string]string{
		`text`: "text", `person.kind`: "text", `person.at`: "time", `len(tags)`: "integer", `1.5`: "number", `text == "a"`: "flag",
		`tags`: "list", `person`: "object", `extra.n`: "any", `nil`: "nil", `extra`: "object",
	} {
		p, err := Compile(source, world{}, Any)
		if err != nil {
			t.Errorf("%s: %v", source, err)
		} else if got := p.Gives(); got != want {
			t.Errorf("%s gives %s, want %s", source, got, want)
		}
	}
	p, err := Compile(`text == "" ? "low" : person.handle == "ada" ? "high" : text`, world{}, Any)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Texts(), " "); got != "low high" {
		t.Errorf("texts are %q", got)
	}
}
