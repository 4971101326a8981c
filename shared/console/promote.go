package console

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"rapport/shared/config"
	"rapport/shared/fault"
)

// promoteRoutes carry configuration from one environment or stack to another.
func (c *Console) promoteRoutes() []route {
	return []route{
		{"GET", "/configuration/promote", reading, "promote", "how environments of the configuration differ: from, to", true, c.promotion},
		{"POST", "/configuration/promote", admins, "", "lay what one environment sets over another, in the draft: from, to, account (none = all)", true, c.promote},
		{"POST", "/configuration/import", admins, "", "take parts of another stack's configuration into the draft: text, part (several)", true, c.importText},
	}
}

type promotionPage struct {
	Environments []string        `json:"environments"`
	From         string          `json:"from,omitempty"`
	To           string          `json:"to,omitempty"`
	Changes      []config.Change `json:"changes,omitempty"` // from what To is to what From is
	Parts        []string        `json:"parts"`             // that can be imported
	CanEdit      bool            `json:"-"`
}

// parts of the document that mean the same in every stack. Accounts, hooks, secrets, modes and roles stay each stack's own.
var parts = []string{"mapping", "filters", "routing", "actions", "score", "basis", "retain", "brands"}

func (c *Console) promotion(q *request) (answer, error) {
	d, _, err := c.pending(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	doc, err := config.Load([]byte(d.Text), config.Options{})
	if err != nil {
		return answer{}, err
	}
	p := promotionPage{Environments: sortedKeys(doc.Overlays), From: q.value("from"), To: q.value("to"), Parts: parts, CanEdit: q.who.has(Admin)}
	if p.From == "" || p.To == "" {
		return answer{Title: "Promote", Data: p}, nil
	}
	from, err := config.Load([]byte(d.Text), config.Options{Env: p.From})
	if err != nil {
		return answer{}, err
	}
	to, err := config.Load([]byte(d.Text), config.Options{Env: p.To})
	if err != nil {
		return answer{}, err
	}
	for _, x := range config.Diff(to, from) {
		if !strings.HasPrefix(x.Path, "environments") {
			p.Changes = append(p.Changes, x)
		}
	}
	return answer{Title: "Promote", Data: p}, nil
}

// promote lays the modes and settings of one environment over another's. Addresses, ids and secrets stay its own.
func (c *Console) promote(q *request) (answer, error) {
	from, to, only := q.value("from"), q.value("to"), q.value("account")
	if from == to {
		return answer{}, wrong("choose two different environments")
	}
	err := c.change(q, "environment "+from+" → "+to, func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			all := child(root, "environments")
			source := child(child(all, from), "accounts")
			if source == nil || child(all, to) == nil {
				return fault.New(fault.NotFound, "there is no environment %q with accounts of its own, or no environment %q", from, to)
			}
			target := under(child(all, to), "accounts", yaml.MappingNode)
			for i := 0; i+1 < len(source.Content); i += 2 {
				name := source.Content[i].Value
				if only != "" && name != only {
					continue
				}
				for _, key := range []string{"mode", "modes", "settings", "replies", "streams", "every", "paused"} {
					if v := child(source.Content[i+1], key); v != nil {
						put(under(target, name, yaml.MappingNode), key, copied(v))
					}
				}
			}
			return nil
		})
	})
	return answer{To: "/draft", Say: "In the draft: " + from + " → " + to}, err
}

// copied copies a piece of YAML, remarks included.
func copied(n *yaml.Node) *yaml.Node {
	twin := *n
	twin.Content = nil
	for _, inner := range n.Content {
		twin.Content = append(twin.Content, copied(inner))
	}
	return &twin
}

// importText takes parts of another stack's configuration into the draft. Accounts of the same name are needed here; the
// check of the draft says which are missing.
func (c *Console) importText(q *request) (answer, error) {
	var chosen []string
	for _, p := range strings.FieldsFunc(strings.Join(append(q.form["parts"], q.form["part"]...), ","), func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.Contains(parts, p) {
			return answer{}, wrong("%q cannot be taken over; these can: %s", p, strings.Join(parts, ", "))
		}
		chosen = append(chosen, p)
	}
	if len(chosen) == 0 {
		return answer{}, wrong("choose what to take over: %s", strings.Join(parts, ", "))
	}
	var theirs yaml.Node
	if err := yaml.Unmarshal([]byte(q.form.Get("text")), &theirs); err != nil || theirs.Kind == 0 || theirs.Content[0].Kind != yaml.MappingNode {
		return answer{}, wrong("the text is no configuration: save it as YAML in the other console and bring it here whole")
	}
	err := c.change(q, "imported "+strings.Join(chosen, ", "), func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			for _, p := range chosen {
				if v := child(theirs.Content[0], p); v != nil {
					put(root, p, copied(v))
				} else if p != "brands" {
					put(root, p, nil)
				}
			}
			return nil
		})
	})
	return answer{To: "/draft", Say: fmt.Sprintf("In the draft: %s", strings.Join(chosen, ", "))}, err
}
