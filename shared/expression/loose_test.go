package expression

import (
	"fmt"
	"testing"
)

type looseEnv struct {
	Item   any               `expr:"item"`
	Header map[string]string `expr:"header"`
}

func (e looseEnv) Root(name string) any {
	switch name {
	case "item":
		return e.Item
	case "header":
		return e.Header
	}
	return nil
}

func TestLoose(t *testing.T) {
	env := looseEnv{Item: map[string]any{"a": map[string]any{"b": "x", "n": 3}, "list": []any{"first", map[string]any{"k": true}}, "": 1},
		Header: map[string]string{"X-Kind": "post"}}
	for source, want := range map[string]any{
		`item.a.b`:                  "x",
		`item.a["b"]`:               "x",
		` item.a?.b `:               "x",
		`item.nothing.there`:        nil,
		`item.a.b.c`:                nil,
		`item.list[0]`:              "first",
		`item.list[1].k`:            true,
		`item.list[7].k`:            nil,
		`header["X-Kind"]`:          "post",
		`header.absent`:             nil,
		`item.a.n + 1`:              4,
		`item.nothing?.there ?? ""`: "",
		`true`:                      true,
		`nil`:                       nil,
		`"item.a.b"`:                "item.a.b",
	} {
		l, err := CompileLoose(source, looseEnv{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := l.Eval(env); err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", source, got, err, want)
		}
	}
	for _, source := range []string{`itm.a`, `item.`, `item..a`, ``} {
		if _, err := CompileLoose(source, looseEnv{}); err == nil {
			t.Errorf("%q was compiled", source)
		}
	}
}

func TestCache(t *testing.T) {
	c, made := NewCache[int](), 0
	get := func(m map[string]any, about string) int {
		v, _ := c.Get(m, about, func() (int, error) { made++; return made, fmt.Errorf("kept too") })
		return v
	}
	build := func(x any) map[string]any {
		return map[string]any{"fields": map[string]any{"id": "item.id", "text": "item.text"}, "list": []any{"a", x}, "on": true}
	}
	if one, two := get(build("b"), ""), get(build("b"), ""); one != two {
		t.Error("the same content was compiled twice")
	}
	first := get(build("b"), "")
	for _, other := range []any{"c", 1, 1.5, true, false, nil, []any{"b"}, []any{}, map[string]any{}, map[string]any{"b": nil}} {
		if get(build(other), "") == first {
			t.Errorf("%v was taken for another", other)
		}
	}
	if get(build("b"), "object") == first {
		t.Error("about was ignored")
	}
	m := build("b")
	m["fields"].(map[string]any)["id"] = "item.text"
	m["fields"].(map[string]any)["text"] = "item.id"
	if get(m, "") == first {
		t.Error("swapped values were taken for the same")
	}
	for i := range 3 * maxCached {
		get(build(i), "")
	}
	if len(c.known) > maxCached {
		t.Error("the cache grows without bound")
	}
}
