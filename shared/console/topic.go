package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rapport/shared/config"
	"rapport/shared/decide/topic"
	"rapport/shared/fault"
)

// topicRoutes change what a brand looks for in what is said.
func (c *Console) topicRoutes() []route {
	return []route{
		{"GET", "/rules/topics", reading, "topics", "products, competitors and themes that are looked for in what is said, by brand", true, c.topicList},
		{"POST", "/rules/topics", admins, "", "put a topic into the draft: brand, index, name, kind (product, competitor, theme), words, whole, remove", true, c.setTopic},
		{"POST", "/rules/topics/preview", admins, "", "tell which of the newest mentions a topic would be found in: brand, name, words, whole", true, c.tryTopic},
	}
}

// topicsShown is how many topics of a brand have a form; more are changed as YAML.
const topicsShown = 60

type topicsPage struct {
	Brands  []brandTopics `json:"brands"`
	Kinds   []string      `json:"-"`
	CanEdit bool          `json:"-"`
}

type brandTopics struct {
	Brand  string         `json:"brand"`
	Title  string         `json:"title,omitempty"`
	Topics []config.Topic `json:"topics"`
	More   int            `json:"more,omitempty"` // that are not listed
}

func (c *Console) topicList(q *request) (answer, error) {
	plan, _, err := c.candidate(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	p := topicsPage{Kinds: []string{"theme", "product", "competitor"}, CanEdit: q.who.has(Admin)}
	for _, b := range plan.Doc.Brands {
		n := min(len(b.Topics), topicsShown)
		p.Brands = append(p.Brands, brandTopics{b.Name, b.Title, append([]config.Topic{}, b.Topics[:n]...), len(b.Topics) - n})
	}
	return answer{Title: "Topics", Data: p}, nil
}

// setTopic changes, adds or takes away a topic of a brand in the draft.
func (c *Console) setTopic(q *request) (answer, error) {
	name := q.value("name")
	err := c.changeBrand(q, "topic "+name, func(n *yaml.Node) error {
		list := under(n, "topics", yaml.SequenceNode)
		one := &yaml.Node{Kind: yaml.MappingNode}
		if at := q.value("index"); at == "" {
			list.Content = append(list.Content, one)
		} else {
			i, err := strconv.Atoi(at)
			if err != nil || i < 0 || i >= len(list.Content) {
				return fault.New(fault.NotFound, "there is no such topic in the draft any more")
			}
			if q.value("remove") == "1" {
				if list.Content = append(list.Content[:i:i], list.Content[i+1:]...); len(list.Content) == 0 {
					put(n, "topics", nil)
				}
				return nil
			}
			one = list.Content[i]
		}
		put(one, "name", textNode(name))
		put(one, "kind", nil)
		if kind := q.value("kind"); kind != "" && kind != "theme" {
			put(one, "kind", textNode(kind))
		}
		put(one, "words", listNode(q.value("words")))
		put(one, "whole", nil)
		if q.value("whole") == "1" {
			put(one, "whole", plainNode("true", "flag"))
		}
		return nil
	})
	return answer{To: "/rules/topics#brand-" + q.value("brand"), Say: fmt.Sprintf("In the draft: %s", strings.TrimSpace("topic "+name))}, err
}

// tryTopic looks for a topic in the newest mentions of its brand while it is being typed.
func (c *Console) tryTopic(q *request) (answer, error) {
	begin, name := time.Now(), q.value("name")
	out := map[string]any{"field": name}
	if name == "" {
		out["error"] = say(q.lang, "a topic needs a name")
		return answer{Data: out, To: "/rules/topics"}, nil
	}
	var words []string
	if list := listNode(q.value("words")); list != nil {
		for _, n := range list.Content {
			words = append(words, n.Value)
		}
	}
	finder := topic.New([]topic.Topic{{Name: name, Words: words, Whole: q.value("whole") == "1"}})
	ofBrand := func(r row) bool { return r.raw.Mention.Brand == q.value("brand") }
	err := c.tryOn(q, out, name, ofBrand, func(r row) bool { return len(finder.Find(r.raw.Mention.Text)) > 0 })
	if err != nil {
		return answer{}, err
	}
	out["ms"] = float64(time.Since(begin).Microseconds()) / 1000
	return answer{Data: out, To: "/rules/topics"}, nil
}

// example is one of the mentions that something was tried on.
type example struct {
	ID   string `json:"id"`
	By   string `json:"by"`
	Text string `json:"text"`
}

func sampleOf(r row) example {
	return example{r.ID, r.By, cut(strings.Join(strings.Fields(r.Text), " "), 70)}
}

// tryOn looks for something in the newest mentions that the role may read, and puts into an answer in how many of them it was found,
// and some of these. of tells whether a mention counts at all.
func (c *Console) tryOn(q *request, out map[string]any, field string, of, hit func(row) bool) error {
	rows, err := c.recentRows(q, ruleSamples)
	if err != nil {
		return err
	}
	n, all := 0, 0
	var some []example
	lines := []string{""}
	for _, r := range rows {
		if r.Masked || !of(r) { // nothing tried must tell what the role may not read
			continue
		}
		all++
		if !hit(r) {
			continue
		}
		if n++; len(some) < ruleNamed {
			t := sampleOf(r)
			some, lines = append(some, t), append(lines, "@"+cut(t.By, 24)+": "+t.Text)
		}
	}
	lines[0] = say(q.lang, "matches {0} of the newest {1}", n, all)
	out["matches"], out["of"], out["samples"] = n, all, some
	out["record"] = rendered{OK: true, Fields: []pair{{field, strings.Join(lines, "\n")}}}
	return nil
}

// germanTopic is the German of the page of topics.
var germanTopic = map[string]string{
	"Add a topic":          "Thema hinzufügen",
	"a topic needs a name": "Ein Thema braucht einen Namen",
	"No topic.":            "Kein Thema.",
	"Products, competitors and themes that are looked for in what is said. Rules and mappings see those found as topics; pulse and reports count them.": "Produkte, Mitbewerber und Themen, nach denen in Äußerungen gesucht wird. Regeln und Zuordnungen sehen die gefundenen als topics; Puls und Berichte zählen sie.",
	"The name is looked for too. While you type, the newest mentions are searched; the draft's dry run then decides again what was received.":           "Auch der Name wird gesucht. Beim Tippen werden die neuesten Äußerungen durchsucht; der Probelauf des Entwurfs entscheidet dann noch einmal, was empfangen wurde.",
	"Words and short phrases, with commas": "Wörter und kurze Wendungen, mit Kommas",
	"whole words alone":                    "nur ganze Wörter",
	"{0} more stand in the YAML.":          "{0} weitere stehen im YAML.",
}
