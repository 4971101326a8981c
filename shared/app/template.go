package app

import (
	"fmt"
	"slices"
	"strings"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/decide/phrase"
	"rapport/shared/expression"
	"rapport/shared/network"
)

// Templates checks the texts of brands: their actions and placeholders, and that there is a network that takes so much; where a
// rule sends one by itself, that each network takes it which it may be sent to. The error is a config.Errors with every mistake
// and its place.
func Templates(doc *config.Document, networks map[string]network.Network) error {
	var wrong config.Errors
	for i, b := range doc.Brands {
		seen := map[[2]string]bool{}
		for k, t := range b.Templates {
			at := config.Index(config.Join(config.Index("brands", i), "templates"), k)
			key := [2]string{t.Action, t.Lang}
			if known := phrase.Actions(); !slices.Contains(known, t.Action) {
				wrong = append(wrong, doc.Mistake(config.Join(at, "action"), "must be an action that says something: one of "+strings.Join(known, ", "), expression.Nearest(t.Action, known), 0, 0))
			} else if seen[key] {
				wrong = append(wrong, doc.Mistake(at, fmt.Sprintf("another text of the brand is for %s in %s", t.Action, t.Lang), "", 0, 0))
			}
			seen[key] = true
			mistakes := phrase.Check(t.Text)
			for _, m := range mistakes {
				wrong = append(wrong, doc.Mistake(config.Join(at, "text"), m.Say, m.Near, m.Line, m.Column))
			}
			if len(mistakes) == 0 {
				if say := tooLong(doc, b, t, networks); say != "" {
					wrong = append(wrong, doc.Mistake(config.Join(at, "text"), say, "", 0, 0))
				}
			}
		}
	}
	return wrong.Err()
}

// tooLong says which network does not take a text, "" = none, or not all of those on which a person may use it.
func tooLong(doc *config.Document, b config.Brand, t config.Template, networks map[string]network.Network) string {
	text, _ := phrase.Fill(t.Text, phrase.Case{Brand: b}.Values(t.Lang))
	sent := text + "\n\n" + decide.Notice(b, t.Lang)
	itself := slices.ContainsFunc(doc.Actions, func(a config.Action) bool {
		return a.Answer && a.Do == t.Action && (len(a.Brands) == 0 || slices.Contains(a.Brands, b.Name))
	})
	fits, say := false, ""
	for _, a := range doc.Networks {
		n, ok := networks[a.Kind]
		if !ok || a.Brand != b.Name || n.Info().MaxText == 0 {
			continue
		}
		info := n.Info()
		if long := network.Length(sent, info.Unit); itself && a.Replies == "on" && long > info.MaxText {
			return fmt.Sprintf("is too long to be sent by a rule: with the notice %d of %d %s on %s", long, info.MaxText, info.Unit, a.Name)
		}
		if long := network.Length(text, info.Unit); long > info.MaxText {
			say = fmt.Sprintf("is too long for every network of the brand: without names %d of %d %s on %s", long, info.MaxText, info.Unit, a.Name)
		} else {
			fits = true
		}
	}
	if fits {
		return ""
	}
	return say
}
