package config

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// MaxText is the largest document in bytes.
const MaxText = 1 << 20

// Options say how a document is read.
type Options struct {
	File       string               // its name in errors
	Env        string               // environment whose overlay applies; "" = none
	Connectors map[string]Connector // by kind; nil = kinds, settings and secrets are taken as they are
}

// Connector says as data what a kind of network or CRM wants to be configured with.
type Connector struct {
	CRM         bool
	Settings    []Setting
	Secrets     []Setting
	Hook        []Setting // settings of a hook; nil and no HookSecrets = it has no hooks
	HookSecrets []Setting
	// Check and CheckHook look deeper into settings that have the right form. An error that begins with a setting's path
	// ("fields.text: …") is placed there. Both may be nil.
	Check     func(settings map[string]any) []error
	CheckHook func(settings map[string]any) []error
}

// Setting is one setting or secret of a connector.
type Setting struct {
	Name     string
	Type     string // text, number, flag, list, map, address, expression, choice; anything else is not checked
	Required bool
	Choices  []string
}

// Load reads a document, applies the overlay of o.Env and checks everything but expressions. The error is of type [Errors]
// and lists every mistake. Equal content gives an equal Hash, whatever its layout.
func Load(text []byte, o Options) (*Document, error) {
	d := &decoder{file: o.File, places: map[string]place{}}
	root := d.parse(text)
	if root == nil {
		return nil, d.errs.Err()
	}
	doc := &Document{file: o.File}
	if o.Env != "" {
		// All overlays are judged as they stand in the text, then the text with one overlay laid over it.
		document(d, root, "", &Document{})
		root = d.overlay(root, o.Env)
	}
	document(d, root, "", doc)
	doc.normalise()
	d.refer(doc)
	if o.Connectors != nil {
		d.connectors(doc, o.Connectors)
	}
	if err := d.errs.Err(); err != nil {
		return nil, err
	}
	doc.places = d.places
	doc.Hash = doc.sum()
	return doc, nil
}

// LoadMapping reads a text that holds a mapping alone, such as the default mappings.
func LoadMapping(text []byte, file string) ([]Object, error) {
	d := &decoder{file: file, places: map[string]place{}}
	var objects []Object
	if root := d.parse(text); root != nil {
		d.object(root, "", keys{"mapping": list(&objects, object)}, "mapping")
	}
	return objects, d.errs.Err()
}

// parse gives the topmost mapping, nil after a mistake.
func (d *decoder) parse(text []byte) *yaml.Node {
	if len(text) > MaxText {
		d.errs = append(d.errs, Error{File: d.file, Say: fmt.Sprintf("the document is larger than %d bytes", MaxText)})
		return nil
	}
	var top yaml.Node
	err := yaml.Load(text, &top)
	var le *yaml.LoadError
	switch {
	case errors.As(err, &le):
		e := Error{File: d.file, Line: le.Mark.Line, Column: le.Mark.Column, Say: "is no YAML: " + le.Message}
		switch {
		case strings.HasPrefix(le.Message, "unknown anchor"):
			e.Say = "* refers to nothing; put a text that begins with * in quotes"
		case strings.Contains(le.Message, "multiple"):
			e.Say = "there is more than one document; remove the line ---"
		case strings.Contains(le.Message, "no documents"):
			e.Say = "the document is empty; it begins with: version: 1"
		}
		d.errs = append(d.errs, e)
		return nil
	case err != nil:
		d.errs = append(d.errs, Error{File: d.file, Say: "is no YAML"})
		return nil
	case len(top.Content) == 0 || top.Content[0].Kind != yaml.MappingNode:
		d.errs = append(d.errs, Error{File: d.file, Line: 1, Column: 1, Say: "the document must be an object that begins with: version: 1"})
		return nil
	}
	return top.Content[0]
}

// overlay gives root with an environment's pieces laid over its accounts and hooks.
func (d *decoder) overlay(root *yaml.Node, env string) *yaml.Node {
	all := child(root, "environments")
	piece := child(all, env)
	if piece == nil {
		var names []string
		for i := 0; all != nil && i+1 < len(all.Content); i += 2 {
			names = append(names, all.Content[i].Value)
		}
		d.at("environments", nearest(env, names), "there is no environment %q", env)
		return root
	}
	out := *root
	out.Content = append([]*yaml.Node(nil), root.Content...)
	for i := 0; i+1 < len(out.Content); i += 2 {
		switch out.Content[i].Value {
		case "networks", "crms":
			out.Content[i+1] = cover(out.Content[i+1], child(piece, "accounts"))
		case "hooks":
			out.Content[i+1] = cover(out.Content[i+1], child(piece, "hooks"))
		}
	}
	return &out
}

// cover lays pieces by name over the objects of a list.
func cover(list, pieces *yaml.Node) *yaml.Node {
	list = follow(list)
	if list.Kind != yaml.SequenceNode || pieces == nil {
		return list
	}
	out := *list
	out.Content = append([]*yaml.Node(nil), list.Content...)
	for i, item := range out.Content {
		if name := child(item, "name"); name != nil {
			if piece := child(pieces, name.Value); piece != nil {
				out.Content[i] = merge(item, piece, 0)
			}
		}
	}
	return &out
}

// merge lays b over a: objects key by key, everything else as a whole.
func merge(a, b *yaml.Node, depth int) *yaml.Node {
	a, b = follow(a), follow(b)
	if a.Kind != yaml.MappingNode || b.Kind != yaml.MappingNode || depth > 50 {
		return b
	}
	out := *a
	out.Content = append([]*yaml.Node(nil), a.Content...)
	for i := 0; i+1 < len(b.Content); i += 2 {
		key, value := b.Content[i], b.Content[i+1]
		at := -1
		for k := 0; k+1 < len(out.Content); k += 2 {
			if out.Content[k].Value == key.Value {
				at = k + 1
			}
		}
		if at < 0 {
			out.Content = append(out.Content, key, value)
		} else {
			out.Content[at] = merge(out.Content[at], value, depth+1)
		}
	}
	return &out
}

func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// child gives a mapping's value by name, nil if absent.
func child(n *yaml.Node, name string) *yaml.Node {
	if n = follow(n); n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return follow(n.Content[i+1])
		}
	}
	return nil
}

// normalise fills in what is meant where nothing is said.
func (d *Document) normalise() {
	if len(d.Brands) == 1 {
		for i := range d.Networks {
			if d.Networks[i].Brand == "" {
				d.Networks[i].Brand = d.Brands[0].Name
			}
		}
	}
	for i := range d.Networks {
		d.Networks[i].Origin = strings.TrimSuffix(d.Networks[i].Origin, "/")
	}
	for i := range d.CRMs {
		d.CRMs[i].Origin = strings.TrimSuffix(d.CRMs[i].Origin, "/")
	}
}

// sum hashes what is in force: the document with its overlay applied, without the overlays of other environments.
func (d *Document) sum() string {
	plain := *d
	plain.Hash, plain.Overlays = "", nil
	text, err := json.Marshal(plain)
	if err != nil {
		return "" // cannot be: settings hold what YAML can say and no NaN
	}
	h := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(h[:12])
}

// File is the name under which the document was loaded.
func (d *Document) File() string { return d.file }

// Where gives line and column of a path such as mapping[2].fields.hs_content, or of the nearest thing above it that the
// text holds; 0, 0 where nothing is known, as in a document built by hand.
func (d *Document) Where(path string) (line, column int) {
	p := (&decoder{places: d.places}).find(path)
	return p.line, p.column
}

// Mistake makes the error for a path. line and column, from 1, are a place inside the text that stands there (an
// expression); 0 = the whole of it.
func (d *Document) Mistake(path, say, near string, line, column int) Error {
	p, exact := d.places[path]
	if !exact {
		p = (&decoder{places: d.places}).find(path)
	}
	e := Error{File: d.file, Line: p.line, Column: p.column, Path: path, Say: say, Nearest: near}
	if exact && p.inline && line == 1 {
		e.Column += column - 1
	} else if line > 0 {
		e.Say = fmt.Sprintf("%d:%d of the text: %s", line, column, say)
	}
	return e
}
