package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Change is one difference between two documents.
type Change struct {
	Path string `json:"path"`          // networks[shop].settings.tag: lists of named things by name
	Old  string `json:"old,omitempty"` // as JSON, "" = absent
	New  string `json:"new,omitempty"`
}

// Diff lists what differs between two documents as they are in force, field by field, sorted by path. Moving a thing to
// another place of its list is no difference, but for rules, where the first that matches decides.
func Diff(a, b *Document) []Change {
	old, now := flat(a), flat(b)
	var changes []Change
	for _, path := range sorted(old) {
		if now[path] != old[path] {
			changes = append(changes, Change{Path: path, Old: old[path], New: now[path]})
		}
	}
	for _, path := range sorted(now) {
		if _, ok := old[path]; !ok {
			changes = append(changes, Change{Path: path, New: now[path]})
		}
	}
	slices.SortFunc(changes, func(x, y Change) int { return strings.Compare(x.Path, y.Path) })
	return changes
}

// flat gives every leaf of a document by its path.
func flat(d *Document) map[string]string {
	leaves := map[string]string{}
	if d == nil {
		return leaves
	}
	plain := *d
	plain.Hash = ""
	text, err := json.Marshal(plain)
	if err != nil {
		return leaves
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var tree any
	if dec.Decode(&tree) == nil {
		walk(leaves, "", tree)
	}
	for _, rules := range []string{"filters", "routing", "actions"} {
		if names := order(tree, rules); len(names) > 1 {
			leaves[rules+".order"] = strings.Join(names, ", ")
		}
	}
	return leaves
}

func walk(leaves map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sorted(v) {
			walk(leaves, Join(path, name), v[name])
		}
	case []any:
		seen := map[string]bool{}
		for i, item := range v {
			name := label(item)
			at := path + "[" + name + "]"
			if name == "" || seen[name] {
				at = Index(path, i)
			}
			if _, object := item.(map[string]any); !object {
				b, _ := json.Marshal(v)
				leaves[path] = string(b) // a list of texts changes as a whole
				return
			}
			seen[name] = true
			walk(leaves, at, item)
		}
	case nil:
	default:
		b, _ := json.Marshal(v)
		leaves[path] = string(b)
	}
}

// label names an item of a list: its name, or what it maps.
func label(item any) string {
	m, _ := item.(map[string]any)
	if name, _ := m["name"].(string); name != "" {
		return name
	}
	crm, _ := m["crm"].(string)
	object, _ := m["object"].(string)
	kind, _ := m["for"].(string)
	if crm != "" {
		return crm + " " + object + " " + kind
	}
	return ""
}

func order(tree any, list string) []string {
	m, _ := tree.(map[string]any)
	items, _ := m[list].([]any)
	var names []string
	for _, item := range items {
		names = append(names, label(item))
	}
	return names
}
