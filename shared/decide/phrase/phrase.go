// Package phrase keeps the texts that people start an answer from: a brand's own, and built-in ones in German and English
// for each action that says something. A text has placeholders in braces and optional parts in square brackets; what is not
// known leaves no gap: the optional part, or else the sentence that needs it, is left out. Everything here is pure.
package phrase

import (
	"slices"

	"rapport/shared/config"
)

// Text is a template as it was found.
type Text struct {
	Name   string `json:"name"` // of the template: brand/thank/de, or built-in/thank/de
	Action string `json:"action"`
	Lang   string `json:"language"`
	Text   string `json:"text"`          // with its placeholders
	Own    bool   `json:"own,omitempty"` // people of the brand wrote it
}

// builtIn are the texts that are there without any configuration. They promise nothing, admit nothing and ask for nothing in
// public that belongs elsewhere.
var builtIn = [...]Text{
	{Action: "reply_public", Lang: "de", Text: "Hallo[ {name}], danke für Ihre Nachricht an {brand}.\n\n[Viele Grüße, {agent}]"},
	{Action: "reply_public", Lang: "en", Text: "Hello[ {name}], thank you for writing to {brand}.\n\n[Kind regards, {agent}]"},
	{Action: "move_to_private", Lang: "de", Text: "Hallo[ {name}], danke, dass Sie sich melden. Wir möchten uns das genauer ansehen. Bitte schreiben Sie uns privat[ per {channel}][: {link}], persönliche Angaben bitte nicht hier."},
	{Action: "move_to_private", Lang: "en", Text: "Hello[ {name}], thank you for telling us. We would like to look into this. Please write to us privately[ by {channel}][: {link}], and leave no personal details here."},
	{Action: "call_back", Lang: "de", Text: "Hallo[ {name}], das besprechen wir gern mit Ihnen am Telefon. Nennen Sie uns bitte privat[ per {channel}][ ({link})] eine Nummer und eine Zeit, die Ihnen passt."},
	{Action: "call_back", Lang: "en", Text: "Hello[ {name}], we would be glad to talk this over on the phone. Please tell us privately[ by {channel}][ ({link})] a number and a time that suits you."},
	{Action: "open_case", Lang: "de", Text: "Hallo[ {name}], danke für Ihre Nachricht. Wir haben Ihr Anliegen aufgenommen[, unter der Nummer {case}].\n\n[Viele Grüße, {agent}]"},
	{Action: "open_case", Lang: "en", Text: "Hello[ {name}], thank you for your message. We have taken down what you told us[, under number {case}].\n\n[Kind regards, {agent}]"},
	{Action: "thank", Lang: "de", Text: "Hallo[ {name}], das freut uns sehr. Danke, dass Sie es uns sagen!\n\n[Viele Grüße, {agent}]"},
	{Action: "thank", Lang: "en", Text: "Hello[ {name}], that makes us very happy. Thank you for telling us!\n\n[Kind regards, {agent}]"},
	{Action: "invite_advocate", Lang: "de", Text: "Hallo[ {name}], vielen Dank für Ihr Lob! Wenn Sie mögen, erzählen Sie anderen davon[: {link}]. Nur wenn es Ihnen recht ist."},
	{Action: "invite_advocate", Lang: "en", Text: "Hello[ {name}], thank you so much for your kind words! If you like, tell others about it[: {link}]. Only if you feel like it."},
	{Action: "ask_to_identify", Lang: "de", Text: "Hallo[ {name}], damit wir nachsehen können, nennen Sie uns bitte Ihre Kunden- oder Bestellnummer. Bitte nur hier im privaten Gespräch, nicht öffentlich."},
	{Action: "ask_to_identify", Lang: "en", Text: "Hello[ {name}], so that we can look it up, please tell us your customer or order number. Only here in private please, not in public."},
}

// BuiltIn lists the built-in texts, German and English side by side.
func BuiltIn() []Text {
	out := slices.Clone(builtIn[:])
	for i := range out {
		out[i].Name = "built-in/" + out[i].Action + "/" + out[i].Lang
	}
	return out
}

// Actions lists the actions that say something, and so can have a text.
func Actions() []string {
	var out []string
	for _, t := range builtIn {
		if !slices.Contains(out, t.Action) {
			out = append(out, t.Action)
		}
	}
	return out
}

// Pick finds the text for an action: the brand's own in the language, else its own in the first of its languages, else the
// built-in one in the language, else the built-in English one. A brand that names no languages has that of its first text
// for the action. false: the action says nothing.
func Pick(b config.Brand, lang, action string) (Text, bool) {
	if t, how := own(b, lang, action); how > other || how == other && len(b.Languages) == 0 {
		return t, true
	}
	for _, l := range []string{lang, "en"} {
		for _, t := range BuiltIn() {
			if t.Action == action && t.Lang == l {
				return t, true
			}
		}
	}
	return Text{}, false
}

// Own finds a text for an action among those that people of the brand wrote, in any language where there is no better one: for
// answers that nobody looks at, which a built-in text never is.
func Own(b config.Brand, lang, action string) (Text, bool) {
	t, how := own(b, lang, action)
	return t, how > 0
}

// How well a text of a brand fits.
const (
	other = iota + 1 // it is in another language
	first            // in the first of the brand's
	exact
)

func own(b config.Brand, lang, action string) (best Text, how int) {
	for _, t := range b.Templates {
		fits := other
		switch {
		case t.Action != action:
			continue
		case t.Lang == lang:
			fits = exact
		case len(b.Languages) > 0 && t.Lang == b.Languages[0]:
			fits = first
		}
		if fits > how {
			best, how = Text{Name: b.Name + "/" + t.Action + "/" + t.Lang, Action: t.Action, Lang: t.Lang, Text: t.Text, Own: true}, fits
		}
	}
	return best, how
}
