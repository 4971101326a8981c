package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"rapport/shared/config"
	"rapport/shared/decide/phrase"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

// templateRoutes are the texts that people start an answer from.
func (c *Console) templateRoutes() []route {
	return []route{
		{"GET", "/rules/templates", reading, "templates", "texts to start an answer from, a brand's own and the built-in ones, filled in for a mention: brand, sample", true, c.templates},
		{"POST", "/rules/template", admins, "", "put a text to start an answer from into the draft: brand, index, action, lang, text, remove", true, c.setTemplate},
		{"POST", "/rules/templates/preview", admins, "", "check a text and fill it in for a mention: field (brand, action and language), value, sample", true, c.tryTemplate},
		{"POST", "/rules/contact", admins, "", "put into the draft where a brand is reached in private: brand, link, channel_de, channel_en", true, c.setContact},
	}
}

// templateSamples are the mentions that are offered for a preview, of the newest that are read for it.
const (
	templateSamples = 12
	templateRead    = 40
)

type templatesPage struct {
	Brand        string         `json:"brand"`
	Brands       []config.Brand `json:"-"`
	Contact      config.Contact `json:"contact"`
	Texts        []templateRow  `json:"texts"`
	Placeholders []pair         `json:"placeholders"`
	Actions      []string       `json:"actions"`
	Samples      []sample       `json:"samples"`
	Sample       string         `json:"sample,omitempty"`
	CanEdit      bool           `json:"-"`
}

type templateRow struct {
	phrase.Text
	Index   int        `json:"index"` // among the brand's own, -1 = built in
	Preview wordedText `json:"preview"`
}

// wordedText is a text filled in.
type wordedText struct {
	Text    string   `json:"text"`
	Missing []string `json:"missing,omitempty"`
	Lengths []length `json:"lengths,omitempty"`
}

// length is how long a text is on a network account, in its unit.
type length struct {
	Account string `json:"account"`
	Is      int    `json:"is"`
	Most    int    `json:"most"`
	Unit    string `json:"unit"`
}

// Sizes says how long it is, in short.
func (w wordedText) Sizes() string {
	var out []string
	for _, l := range w.Lengths {
		out = append(out, fmt.Sprintf("%s %d/%d", l.Account, l.Is, l.Most))
	}
	return strings.Join(out, " · ")
}

func (c *Console) templates(q *request) (answer, error) {
	plan, _, err := c.candidate(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	p := templatesPage{Brand: q.value("brand"), Brands: plan.Doc.Brands, Actions: phrase.Actions(), Sample: q.value("sample"), CanEdit: q.who.has(Admin)}
	i := max(slices.IndexFunc(plan.Doc.Brands, func(b config.Brand) bool { return b.Name == p.Brand }), 0)
	b := plan.Doc.Brands[i]
	if p.Brand != "" && p.Brand != b.Name {
		return answer{}, fault.New(fault.NotFound, "there is no brand %q", p.Brand)
	}
	p.Brand, p.Contact = b.Name, b.Contact
	for _, name := range phrase.Placeholders() {
		say, _ := phrase.Meaning(name)
		p.Placeholders = append(p.Placeholders, pair{name, say})
	}
	if p.CanEdit {
		if p.Samples, err = c.spoken(q, b.Name); err != nil {
			return answer{}, err
		}
	}
	of, err := c.worded(q, b, p.Sample)
	if err != nil {
		return answer{}, err
	}
	for k, t := range b.Templates {
		p.Texts = append(p.Texts, templateRow{Text: phrase.Text{Name: b.Name + "/" + t.Action + "/" + t.Lang, Action: t.Action, Lang: t.Lang, Text: t.Text, Own: true}, Index: k})
	}
	for _, t := range phrase.BuiltIn() {
		if !slices.ContainsFunc(b.Templates, func(own config.Template) bool { return own.Action == t.Action && own.Lang == t.Lang }) {
			p.Texts = append(p.Texts, templateRow{Text: t, Index: -1})
		}
	}
	slices.SortStableFunc(p.Texts, func(x, y templateRow) int {
		return cmp.Or(cmp.Compare(slices.Index(p.Actions, x.Action), slices.Index(p.Actions, y.Action)), cmp.Compare(x.Lang, y.Lang))
	})
	for k := range p.Texts {
		p.Texts[k].Preview = c.fillFor(plan, of, p.Texts[k].Lang, p.Texts[k].Text.Text)
	}
	return answer{Title: "Templates", Data: p}, nil
}

// spoken lists what was said to a brand lately, to fill texts in for.
func (c *Console) spoken(q *request, brand string) ([]sample, error) {
	rows, err := c.recentRows(q, templateRead)
	var out []sample
	for _, r := range rows {
		if m := r.raw.Mention; m.Brand == brand && !r.Masked && !r.raw.Erased && !m.Deleted && m.Direction != flow.Out && len(out) < templateSamples {
			out = append(out, sample{r.ID, fmt.Sprintf("%s · @%s · %s", r.Network, cut(r.By, 24), cut(strings.Join(strings.Fields(r.Text), " "), 60))})
		}
	}
	return out, err
}

// worded gives what a brand's texts are filled in from: a mention, or somebody made up where none is named.
func (c *Console) worded(q *request, b config.Brand, id string) (phrase.Case, error) {
	of := phrase.Case{Brand: b, Author: flow.Author{Name: "Anna Berg", Handle: "anna"}, Network: "Mastodon", Agent: "Ben", Number: "4711"}
	if id == "" {
		return of, nil
	}
	row, err := c.mentions.One(q.r.Context(), id, "-")
	if err != nil {
		return of, err
	}
	m := row.Value.Mention
	if row.Version == 0 || row.Value.Erased || m.Brand != b.Name || !q.who.reads(m.Brand, m.Private || m.Kind == flow.Message) {
		return of, fault.New(fault.NotFound, "no mention %q of this brand is known", id)
	}
	return phrase.Case{Brand: b, Author: m.Author, Network: c.Pipeline.NetworkTitle(m.Network), Private: m.Private || m.Kind == flow.Message, Agent: "Ben"}, nil
}

// fillFor fills a text in and measures it on the brand's networks.
func (c *Console) fillFor(plan *pipeline.Plan, of phrase.Case, lang, text string) wordedText {
	var w wordedText
	w.Text, w.Missing = phrase.Fill(text, of.Values(lang))
	for _, a := range plan.Doc.Networks {
		if n, ok := c.Pipeline.Networks[a.Kind]; ok && a.Brand == of.Brand.Name && n.Info().MaxText > 0 {
			w.Lengths = append(w.Lengths, length{a.Name, network.Length(w.Text, n.Info().Unit), n.Info().MaxText, cmp.Or(n.Info().Unit, "graphemes")})
		}
	}
	return w
}

// tryTemplate checks a text while it is being typed, and shows what it would say.
func (c *Console) tryTemplate(q *request) (answer, error) {
	begin := time.Now()
	field, text := q.value("field"), q.value("value")
	at := strings.Fields(field)
	if len(at) != 3 {
		return answer{}, wrong("field has to be brand, action and language, as in: nord thank de")
	}
	plan, _, err := c.candidate(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	b := plan.Doc.Brand(at[0])
	out := map[string]any{"field": field}
	if bad := phrase.Check(text); len(bad) > 0 {
		out["error"] = fmt.Sprintf("%d:%d: %s", bad[0].Line, bad[0].Column, bad[0].Error())
		return answer{Data: out, To: "/rules/templates"}, nil
	}
	of, err := c.worded(q, b, q.value("sample"))
	if err != nil {
		return answer{}, err
	}
	w := c.fillFor(plan, of, at[2], text)
	shown := rendered{OK: true, Fields: []pair{{field, strings.TrimSpace(w.Text + "\n\n" + w.Sizes())}}}
	for _, l := range w.Lengths {
		if l.Is > l.Most {
			shown.Problems = append(shown.Problems, pair{field, say(q.lang, "too long for {0}: {1} of {2} {3}", l.Account, l.Is, l.Most, l.Unit)})
			break
		}
	}
	out["record"], out["preview"] = shown, w
	out["ms"] = float64(time.Since(begin).Microseconds()) / 1000
	return answer{Data: out, To: "/rules/templates"}, nil
}

func (c *Console) setTemplate(q *request) (answer, error) {
	err := c.changeBrand(q, "template", func(n *yaml.Node) error {
		list := under(n, "templates", yaml.SequenceNode)
		one := &yaml.Node{Kind: yaml.MappingNode}
		if at := q.value("index"); at == "" || at == "-1" {
			list.Content = append(list.Content, one)
		} else {
			i, err := strconv.Atoi(at)
			if err != nil || i < 0 || i >= len(list.Content) {
				return fault.New(fault.NotFound, "there is no such template in the draft any more")
			}
			if q.value("remove") == "1" {
				if list.Content = append(list.Content[:i:i], list.Content[i+1:]...); len(list.Content) == 0 {
					put(n, "templates", nil)
				}
				return nil
			}
			one = list.Content[i]
		}
		put(one, "action", textNode(q.value("action")))
		put(one, "lang", textNode(q.value("lang")))
		put(one, "text", textNode(strings.ReplaceAll(cmp.Or(q.value("text"), q.value("value")), "\r\n", "\n")))
		return nil
	})
	var mistakes config.Errors
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			if strings.Contains(m.Path, ".templates[") {
				err = wrong("%s", phrase.Mistake{Say: m.Say, Near: m.Nearest}.Error())
				break
			}
		}
	}
	return answer{To: "/rules/templates?" + query("brand", q.value("brand")), Say: "In the draft: " + strings.TrimSpace("template "+q.value("action"))}, err
}

func (c *Console) setContact(q *request) (answer, error) {
	err := c.changeBrand(q, "contact", func(n *yaml.Node) error {
		inner(n, "contact", func(contact *yaml.Node) {
			q.setOrClear(contact, "link", "link")
			inner(contact, "channel", func(channel *yaml.Node) {
				q.setOrClear(channel, "de", "channel_de")
				q.setOrClear(channel, "en", "channel_en")
			})
		})
		return nil
	})
	return answer{To: "/rules/templates?" + query("brand", q.value("brand")), Say: "In the draft: " + q.value("brand")}, err
}

// offer gives the text that an answer in a conversation may start with, nil where the action says nothing.
func (c *Console) offer(ctx context.Context, q *request, conv flow.Conversation, action string) (*pipeline.Wording, error) {
	agent := ""
	if q.who.provider { // the others are names of tools and links
		agent = q.who.User
	}
	w, ok, err := c.Pipeline.Wording(ctx, conv, action, agent, q.value("private") != "")
	if err != nil || !ok {
		return nil, err
	}
	return &w, nil
}
