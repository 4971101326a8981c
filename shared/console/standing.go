package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rapport/shared/decide"
	"rapport/shared/expression"
	"rapport/shared/fault"
)

// brandRoutes change what a brand stands by: hours, promised times, texts, and the weights of the score.
func (c *Console) brandRoutes() []route {
	return []route{
		{"POST", "/rules/preview", admins, "", "check a condition and try it on the newest mentions: value", true, c.tryRule},
		{"POST", "/rules/brand", admins, "", "put a brand's calendar and promised times into the draft: brand, zone, country, holidays, reopen_days, mon, tue, wed, thu, fri, sat, sun, low, normal, high, urgent", true, c.setBrand},
		{"POST", "/rules/score", admins, "", "put the weights of the score into the draft: reach, resonance, connectedness, relevance, role, half_life, terms", true, c.setScore},
	}
}

// weekdays and priorities are the keys of calendars and promised times, components those of the score.
var (
	weekdays   = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	priorities = []string{"urgent", "high", "normal", "low"}
	components = []string{"reach", "resonance", "connectedness", "relevance", "role"}
)

// tried mentions of a rule's preview, and how many of those that match are named.
const (
	ruleSamples = 300
	ruleNamed   = 3
)

// tryRule checks a condition while it is being typed, and tells which of the newest mentions it would match.
func (c *Console) tryRule(q *request) (answer, error) {
	begin := time.Now()
	source, name := q.value("value"), q.value("field")
	out := map[string]any{"field": name}
	program, err := expression.Compile(source, decide.Env{}, expression.Bool)
	if err != nil {
		out["error"] = err.Error()
		return answer{Data: out, To: "/rules"}, nil
	}
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	err = c.tryOn(q, out, name, func(row) bool { return true }, func(r row) bool {
		m := r.raw
		hit, err := program.True(decide.EnvOf(m.Mention, m.Decision, nil, nil, plan.Doc.Brand(m.Mention.Brand), "live"))
		return err == nil && hit
	})
	if err != nil {
		return answer{}, err
	}
	out["ms"] = float64(time.Since(begin).Microseconds()) / 1000
	return answer{Data: out, To: "/rules"}, nil
}

// changeBrand changes a brand of the draft.
func (c *Console) changeBrand(q *request, what string, do func(n *yaml.Node) error) error {
	name := q.value("brand")
	return c.change(q, name+": "+what, func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			n := named(child(root, "brands"), "name", name)
			if n == nil {
				return fault.New(fault.NotFound, "there is no brand %q in the draft", name)
			}
			return do(n)
		})
	})
}

// setOrClear sets a key that the form has; an empty value takes it away.
func (q *request) setOrClear(n *yaml.Node, key, field string) {
	switch v := q.value(field); {
	case !q.form.Has(field):
	case v == "":
		put(n, key, nil)
	default:
		put(n, key, textNode(v))
	}
}

// inner changes an object under a key, which is not there where it would be empty.
func inner(n *yaml.Node, key string, do func(n *yaml.Node)) {
	m := child(n, key)
	if m == nil || m.Kind != yaml.MappingNode {
		m = &yaml.Node{Kind: yaml.MappingNode}
	}
	if do(m); len(m.Content) == 0 {
		put(n, key, nil)
	} else if child(n, key) != m {
		put(n, key, m)
	}
}

func (c *Console) setBrand(q *request) (answer, error) {
	err := c.changeBrand(q, "calendar and times", func(n *yaml.Node) error {
		inner(n, "calendar", func(cal *yaml.Node) {
			q.setOrClear(cal, "zone", "zone")
			q.setOrClear(cal, "country", "country")
			inner(cal, "hours", func(hours *yaml.Node) {
				for _, day := range weekdays {
					q.setOrClear(hours, day, day)
				}
			})
			if q.form.Has("holidays") {
				put(cal, "holidays", listNode(q.value("holidays")))
			}
		})
		inner(n, "sla", func(sla *yaml.Node) {
			for _, p := range priorities {
				q.setOrClear(sla, p, p)
			}
		})
		if v := q.value("reopen_days"); v != "" {
			put(n, "reopen_days", plainNode(v, "number"))
		} else if q.form.Has("reopen_days") {
			put(n, "reopen_days", nil)
		}
		return nil
	})
	return answer{To: "/rules#brand-" + q.value("brand"), Say: "In the draft: " + q.value("brand")}, err
}

// listNode is a list of the words of a text, nil where there are none.
func listNode(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == ';' }) {
		if w = strings.TrimSpace(w); w != "" {
			n.Content = append(n.Content, textNode(w))
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

func (c *Console) setScore(q *request) (answer, error) {
	sum, some := 0, false
	for _, name := range components {
		if v := q.value(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil {
				return answer{}, wrong("the weight of %s has to be a whole number", name)
			}
			sum, some = sum+n, true
		}
	}
	if some && sum != 100 {
		return answer{}, wrong("the weights have to be 100 together, not %d", sum)
	}
	err := c.change(q, "score", func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			inner(root, "score", func(n *yaml.Node) {
				inner(n, "max", func(most *yaml.Node) {
					for _, name := range components {
						if v := q.value(name); v != "" {
							put(most, name, plainNode(v, "number"))
						} else if q.form.Has(name) {
							put(most, name, nil)
						}
					}
				})
				q.setOrClear(n, "half_life", "half_life")
				if q.form.Has("terms") {
					put(n, "terms", listNode(q.value("terms")))
				}
			})
			return nil
		})
	})
	return answer{To: "/rules#score", Say: fmt.Sprintf("In the draft: %s", "score")}, err
}
