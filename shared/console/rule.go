package console

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"rapport/shared/config"
	"rapport/shared/fault"
)

type rulesPage struct {
	Sections []section       `json:"sections"`
	Score    config.Score    `json:"score"`
	Brands   []config.Brand  `json:"-"`
	Names    []string        `json:"-"`
	CanEdit  bool            `json:"-"`
	Document config.Document `json:"-"`
}

type section struct {
	Name  string `json:"name"` // filters, routing, actions
	Title string `json:"-"`
	Help  string `json:"-"`
	Then  string `json:"-"` // the key that says what follows, "" = nothing
	Rules []rule `json:"rules"`
}

type rule struct {
	Index int    `json:"index"`
	Name  string `json:"name"`
	When  string `json:"when"`
	Then  string `json:"then,omitempty"`
}

func sections() []section {
	return []section{
		{Name: "filters", Title: "Filters", Help: "What matches is left out; the ledger keeps the rule's name."},
		{Name: "routing", Title: "Routing", Help: "The first that matches sends a mention to its department.", Then: "department"},
		{Name: "actions", Title: "Actions", Help: "The first that matches proposes what to do.", Then: "do"},
	}
}

func (c *Console) rules(q *request) (answer, error) {
	plan, _, err := c.candidate(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	p := rulesPage{Score: plan.Doc.Score, Brands: plan.Doc.Brands, Names: names, CanEdit: q.who.has(Admin)}
	for _, s := range sections() {
		switch s.Name {
		case "filters":
			for i, r := range plan.Doc.Filters {
				s.Rules = append(s.Rules, rule{i, r.Name, r.When, ""})
			}
		case "routing":
			for i, r := range plan.Doc.Routing {
				s.Rules = append(s.Rules, rule{i, r.Name, r.When, r.Department})
			}
		case "actions":
			for i, r := range plan.Doc.Actions {
				s.Rules = append(s.Rules, rule{i, r.Name, r.When, r.Do})
			}
		}
		p.Sections = append(p.Sections, s)
	}
	return answer{Title: "Rules", Data: p}, nil
}

// setRule changes, adds or takes away a rule of the draft.
func (c *Console) setRule(q *request) (answer, error) {
	var s section
	for _, x := range sections() {
		if x.Name == q.value("section") {
			s = x
		}
	}
	if s.Name == "" {
		return answer{}, wrong("there is no section %q", q.value("section"))
	}
	name := q.value("name")
	err := c.change(q, s.Name+": "+name, func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			list := under(root, s.Name, yaml.SequenceNode)
			n := &yaml.Node{Kind: yaml.MappingNode}
			if at := q.value("index"); at == "" {
				list.Content = append(list.Content, n)
			} else {
				i, err := strconv.Atoi(at)
				if err != nil || i < 0 || i >= len(list.Content) {
					return fault.New(fault.NotFound, "there is no such rule in the draft any more")
				}
				if q.value("remove") == "1" {
					list.Content = append(list.Content[:i:i], list.Content[i+1:]...)
					if len(list.Content) == 0 {
						put(root, s.Name, nil)
					}
					return nil
				}
				n = list.Content[i]
			}
			put(n, "name", textNode(name))
			put(n, "when", textNode(q.value("when")))
			if s.Then != "" {
				put(n, s.Then, textNode(q.value("then")))
			}
			return nil
		})
	})
	return answer{To: "/rules#" + s.Name, Say: fmt.Sprintf("In the draft: %s", strings.TrimSpace(s.Name+" "+name))}, err
}

// names are what expressions can say, offered while somebody types.
var names = []string{
	"text", "lang", "sentiment", "polarity", "complaint", "severity", "intents", "confidence", "pii", "topics", "score", "department", "priority", "action", "crisis", "known", "customer", "source",
	"mention.id", "mention.network", "mention.account", "mention.brand", "mention.kind", "mention.private", "mention.permalink", "mention.created", "mention.edited", "mention.rating",
	"mention.tags", "mention.links", "mention.media", "mention.likes", "mention.shares", "mention.comments", "mention.views", "mention.deleted", "mention.extra",
	"author.id", "author.handle", "author.name", "author.url", "author.bio", "author.location", "author.followers", "author.counted", "author.verified", "author.created",
	"conversation.id", "conversation.subject", "conversation.status", "conversation.department", "conversation.priority", "conversation.severity", "conversation.action", "conversation.due",
	"conversation.case", "conversation.opened", "conversation.answered_at", "conversation.turns", "conversation.author.handle",
	"person.id", "person.name", "person.authors", "person.score.total", "person.score.confidence", "person.owner", "person.protected",
	"decision.why", "decision.words", "decision.alert", "decision.route", "brand.name", "brand.title", "brand.industry", "brand.languages",
	"crm.name", "crm.accepted", "crm.linked",
}

// calls are functions, offered with their bracket.
var calls = []string{"join(", "len(", "upper(", "lower(", "trim(", "filter(", "map(", "first(", "last(", "round(", "string(", "int(", "float(", "cut(", "runes(", "iso(", "unix(", "any(", "all(", "indexOf(", "replace(", "split("}
