package config

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxNodes bounds a document, aliases counted as often as they are used.
const maxNodes = 200_000

// place is where a value stands. A plain or quoted text of one line has its first character there.
type place struct {
	line, column int
	inline       bool // positions inside the text count from here
}

// decoder reads a tree of YAML nodes strictly and collects every mistake with its place.
type decoder struct {
	file   string
	errs   Errors
	places map[string]place
	nodes  int
}

// field reads one value.
type field func(d *decoder, n *yaml.Node, path string)

// keys names the fields of an object.
type keys map[string]field

func (d *decoder) fail(n *yaml.Node, path, near, format string, args ...any) {
	e := Error{File: d.file, Path: path, Say: fmt.Sprintf(format, args...), Nearest: near}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	d.errs = append(d.errs, e)
}

// at fails at the place of a path that was read before.
func (d *decoder) at(path, near, format string, args ...any) {
	p := d.find(path)
	d.errs = append(d.errs, Error{File: d.file, Line: p.line, Column: p.column, Path: path, Say: fmt.Sprintf(format, args...), Nearest: near})
}

// find gives the place of a path, or of the nearest thing above it.
func (d *decoder) find(path string) place {
	for ; path != ""; path = parent(path) {
		if p, ok := d.places[path]; ok {
			return p
		}
	}
	return place{}
}

// see follows an alias and notes where the value stands. ok is false for what is empty or too much.
func (d *decoder) see(n *yaml.Node, path string) (target *yaml.Node, ok bool) {
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.fail(n, path, "", "the document is too large")
		}
		return n, false
	}
	p := place{line: n.Line, column: n.Column}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	} else if n.Kind == yaml.ScalarNode {
		switch {
		case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
			p.column, p.inline = p.column+1, true
		case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0:
			p.inline = true
		}
	}
	d.places[path] = p
	return n, !(n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null")
}

// object reads a mapping whose keys are known.
func (d *decoder) object(n *yaml.Node, path string, known keys, required ...string) {
	seen := d.pairs(n, path, "an object", func(key *yaml.Node, value *yaml.Node) {
		at := Join(path, key.Value)
		read, ok := known[key.Value]
		if !ok {
			d.fail(key, at, nearest(key.Value, sorted(known)), "there is no such setting here")
			return
		}
		if target, ok := d.see(value, at); ok {
			read(d, target, at)
		}
	})
	for _, name := range required {
		if !seen[name] {
			d.fail(n, path, "", "%s is missing", name)
		}
	}
}

// pairs walks a mapping's keys and values in their order and tells which keys had a value.
func (d *decoder) pairs(n *yaml.Node, path, want string, each func(key, value *yaml.Node)) map[string]bool {
	seen := map[string]bool{}
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "", "wants %s, not %s", want, kindOf(n))
		return seen
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind == yaml.AliasNode || key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			d.fail(key, path, "", "a name must be a text")
		case key.ShortTag() == "!!merge":
			d.fail(key, path, "", "<< is not supported: write the settings out, or use an alias for a whole value")
		default:
			if _, twice := seen[key.Value]; twice {
				d.fail(key, Join(path, key.Value), "", "is given twice")
				continue
			}
			seen[key.Value] = value.ShortTag() != "!!null"
			each(key, value)
		}
	}
	return seen
}

// list reads a list of objects.
func list[T any](p *[]T, one func(d *decoder, n *yaml.Node, path string, v *T)) field {
	return items(func(d *decoder, n *yaml.Node, path string) {
		var v T
		one(d, n, path, &v)
		*p = append(*p, v)
	})
}

// items reads each item of a list.
func items(one field) field {
	return func(d *decoder, n *yaml.Node, path string) {
		if n.Kind != yaml.SequenceNode {
			d.fail(n, path, "", "wants a list, not %s", kindOf(n))
			return
		}
		for i, item := range n.Content {
			at := Index(path, i)
			if target, ok := d.see(item, at); ok {
				one(d, target, at)
			} else {
				d.fail(item, at, "", "is empty")
			}
		}
	}
}

// texts reads a list of texts.
func texts(p *[]string, checks ...check) field {
	return items(func(d *decoder, n *yaml.Node, path string) {
		var s string
		text(&s, checks...)(d, n, path)
		*p = append(*p, s)
	})
}

// textLists reads a mapping of lists of texts. name checks the keys.
func textLists(p *map[string][]string, name check, checks ...check) field {
	return func(d *decoder, n *yaml.Node, path string) {
		m := map[string][]string{}
		d.pairs(n, path, "an object", func(key, value *yaml.Node) {
			at := Join(path, key.Value)
			if say, near := name(key.Value); say != "" {
				d.fail(key, at, near, "%s", say)
			}
			var list []string
			texts(&list, checks...)(d, value, at)
			m[key.Value] = list
		})
		*p = m
	}
}

// textMap reads a mapping of texts. name checks the keys and may be nil.
func textMap(p *map[string]string, name check, checks ...check) field {
	return func(d *decoder, n *yaml.Node, path string) {
		m := map[string]string{}
		d.pairs(n, path, "an object", func(key, value *yaml.Node) {
			at := Join(path, key.Value)
			if name != nil {
				if say, near := name(key.Value); say != "" {
					d.fail(key, at, near, "%s", say)
				}
			}
			if target, ok := d.see(value, at); ok {
				var s string
				text(&s, checks...)(d, target, at)
				m[key.Value] = s
			} else {
				d.fail(value, at, "", "is empty")
			}
		})
		*p = m
	}
}

// text reads a text. A number or date is taken as it is written, so that ids need no quotes.
func text(p *string, checks ...check) field {
	return func(d *decoder, n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !slices.Contains([]string{"!!str", "!!int", "!!float", "!!timestamp"}, n.ShortTag()) {
			d.fail(n, path, "", "wants a text, not %s", kindOf(n))
			return
		}
		*p = n.Value
		for _, ok := range checks {
			if say, near := ok(n.Value); say != "" {
				d.fail(n, path, near, "%s", say)
				return
			}
		}
	}
}

// flag reads true or false.
func flag(p *bool) field {
	return func(d *decoder, n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(p) != nil {
			d.fail(n, path, "", "wants true or false, not %s", kindOf(n))
		}
	}
}

// whole reads a whole number from low to high.
func whole(p *int, low, high int) field {
	return func(d *decoder, n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(p) != nil || *p < low || *p > high {
			if low == high {
				d.fail(n, path, "", "must be %d", low)
				return
			}
			d.fail(n, path, "", "wants a whole number from %d to %d", low, high)
		}
	}
}

// amount reads a number that is not negative.
func amount(p *float64) field {
	return func(d *decoder, n *yaml.Node, path string) {
		tag := n.ShortTag()
		if n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || n.Decode(p) != nil || !(*p >= 0) || math.IsInf(*p, 0) {
			d.fail(n, path, "", "wants a number of 0 or more")
		}
	}
}

// settings reads free settings: text, int, float64, bool, list and object.
func settings(p *map[string]any) field {
	return func(d *decoder, n *yaml.Node, path string) {
		if n.Kind != yaml.MappingNode {
			d.fail(n, path, "", "wants an object, not %s", kindOf(n))
			return
		}
		*p, _ = d.any(n, path, 0).(map[string]any)
	}
}

func (d *decoder) any(n *yaml.Node, path string, depth int) any {
	if depth > 50 {
		d.fail(n, path, "", "is nested too deeply")
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.pairs(n, path, "an object", func(key, value *yaml.Node) {
			at := Join(path, key.Value)
			if target, ok := d.see(value, at); ok {
				m[key.Value] = d.any(target, at, depth+1)
			}
		})
		return m
	case yaml.SequenceNode:
		l := []any{}
		for i, item := range n.Content {
			at := Index(path, i)
			if target, ok := d.see(item, at); ok {
				l = append(l, d.any(target, at, depth+1))
			}
		}
		return l
	}
	switch n.ShortTag() {
	case "!!bool":
		return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	case "!!int":
		var i int
		if n.Decode(&i) != nil {
			d.fail(n, path, "", "the number is too large; put it in quotes if it is an id")
		}
		return i
	case "!!float":
		if !strings.ContainsAny(n.Value, ".eE") {
			d.fail(n, path, "", "the number is too large; put it in quotes if it is an id")
			return nil
		}
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			d.fail(n, path, "", "is no number")
			return nil
		}
		return f
	case "!!str", "!!timestamp":
		return n.Value
	}
	d.fail(n, path, "", "wants a text, number, true or false, list or object, not %s", kindOf(n))
	return nil
}

// kindOf names what a node is, without its value.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return "a text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false (put it in quotes if it is a text)"
	}
	return "a value of its own type"
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
