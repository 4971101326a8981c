package pipeline

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"rapport/shared/decide/phrase"
	"rapport/shared/flow"
)

// Wording is a text to start an answer from: a brand's own template or a built-in one, filled in.
type Wording struct {
	Name    string   `json:"name"` // of the template
	Action  string   `json:"action"`
	Lang    string   `json:"language"`
	Text    string   `json:"text"`
	Missing []string `json:"missing,omitempty"` // placeholders that nothing is known for: what needs them is left out
}

// Wording gives the text to start an answer from in a conversation, for an action: "" = the one that is proposed there. The
// language is that of what the author said last. agent is the name of whoever answers, "" = not known; private: nobody else
// will read the answer. Nothing is stored and nothing sent. false: the action says nothing.
func (p *Pipeline) Wording(ctx context.Context, c flow.Conversation, action, agent string, private bool) (Wording, bool, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return Wording{}, false, err
	}
	if action == "" {
		action = c.Action
	}
	lang := ""
	for _, t := range slices.Backward(c.Turns) {
		if t.Direction == flow.Out || t.Mention == "" {
			continue
		}
		row, err := p.mentions.One(ctx, t.Mention, "-")
		if err != nil {
			return Wording{}, false, err
		}
		if lang = row.Value.Decision.Lang; lang != "" {
			break
		}
	}
	brand := plan.Doc.Brand(c.Brand)
	t, ok := phrase.Pick(brand, lang, action)
	if !ok {
		return Wording{}, false, nil
	}
	of := phrase.Case{Brand: brand, Author: c.Author, Network: p.NetworkTitle(c.Network), Private: c.Private || private, Agent: agent}
	if of.Number, err = p.caseNumber(ctx, plan, c.ID); err != nil {
		return Wording{}, false, err
	}
	w := Wording{Name: t.Name, Action: t.Action, Lang: t.Lang}
	w.Text, w.Missing = phrase.Fill(t.Text, of.Values(t.Lang))
	return w, true, nil
}

// NetworkTitle is a network's name as people read it.
func (p *Pipeline) NetworkTitle(name string) string {
	if n, ok := p.Networks[name]; ok {
		return n.Info().Title
	}
	r := []rune(name) // one of several that a connector speaks to
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// caseNumber gives the number of a conversation's case in a CRM, "" where there is none that people can read to each other.
func (p *Pipeline) caseNumber(ctx context.Context, plan *Plan, conversation string) (string, error) {
	key := flow.Key(flow.KindConversation, conversation)
	for _, a := range plan.Doc.CRMs {
		for _, object := range plan.objects(a.Name, flow.KindConversation) {
			row, err := p.records.One(ctx, a.Name, object+"#"+key)
			if err != nil {
				return "", err
			}
			if id := row.Value.ID; row.Version > 0 && !row.Value.Gone && id != "" && len(id) <= 20 && strings.Trim(id, "0123456789") == "" {
				return id, nil
			}
		}
	}
	return "", nil
}
