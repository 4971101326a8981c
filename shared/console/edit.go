package console

import (
	"bytes"

	"go.yaml.in/yaml/v4"
)

// This file changes single values of a YAML text and leaves the rest, comments included, as it stands.

// edited parses a text, lets do change it, and writes it again.
func edited(text string, do func(root *yaml.Node) error) (string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return "", wrong("the configuration cannot be read: %w", err)
	}
	if doc.Kind == 0 {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	if err := do(doc.Content[0]); err != nil {
		return "", err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return "", wrong("the configuration cannot be written: %w", err)
	}
	if err := e.Close(); err != nil {
		return "", wrong("the configuration cannot be written: %w", err)
	}
	return b.String(), nil
}

// child gives what stands under a key, nil where nothing does.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// under gives what stands under a key and makes it where nothing does.
func under(n *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
	if c := child(n, key); c != nil && c.Kind == kind {
		return c
	}
	c := &yaml.Node{Kind: kind}
	put(n, key, c)
	return c
}

// put sets a key; nil takes it away.
func put(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		if value == nil {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return
		}
		value.LineComment = n.Content[i+1].LineComment
		n.Content[i+1] = value
		return
	}
	if value != nil {
		n.Content = append(n.Content, textNode(key), value)
	}
}

// textNode is a text; it is quoted where it would be read as something else.
func textNode(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

// plainNode is a number or flag as written, or a text.
func plainNode(text, kind string) *yaml.Node {
	switch kind {
	case "flag":
		if text == "1" || text == "on" || text == "true" {
			text = "true"
		} else {
			text = "false"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: text}
	case "number":
		return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	}
	return textNode(text)
}

// named gives the entry of a list that has a name, nil where none has.
func named(list *yaml.Node, key, name string) *yaml.Node {
	if list == nil {
		return nil
	}
	for _, n := range list.Content {
		if c := child(n, key); c != nil && c.Value == name {
			return n
		}
	}
	return nil
}
