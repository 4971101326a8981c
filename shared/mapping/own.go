package mapping

import (
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/flow"
)

// Fields that setup makes and that have a meaning of their own.
const (
	DefaultKey  = "rapport_key"    // unique; holds our record key
	SourceField = "rapport_source" // live, history or test

	// The place made for answers, on the object that holds conversations. An agent fills the first three.
	ReplyText       = "rapport_reply"
	ReplyVisibility = "rapport_reply_visibility" // public or private
	ReplyState      = "rapport_reply_state"      // draft, approved, sending, sent, failed, parked
	ReplyReason     = "rapport_reply_reason"     // why it failed
	ReplySender     = "rapport_reply_sender"
	ReplyPermalink  = "rapport_reply_permalink"

	Accepted = "rapport_accepted" // an agent accepts the author as a person
	Objected = "rapport_objected" // purposes a person objects to, separated by semicolons

	Consented = "rapport_consented" // purposes a person consented to, separated by semicolons
)

// isOurs tells whether setup makes an object or field of this name.
func isOurs(name string) bool { return strings.HasPrefix(strings.ToLower(name), "rapport_") }

// own describes a field that no CRM has described. Of our own fields the type is known where it matters; others have
// none, and take what the expression gives.
func own(name string) crm.Field {
	f := crm.Field{Name: name}
	if !isOurs(name) {
		return f
	}
	f.Ours, f.Label = true, labelOf(name)
	switch name {
	case DefaultKey:
		f.Type, f.Unique = "text", true
	case SourceField:
		f.Type, f.Choices = "choice", choicesOf("live", "history", "test")
	case "rapport_sentiment":
		f.Type, f.Choices = "choice", choicesOf("positive", "neutral", "negative")
	case "rapport_priority":
		f.Type, f.Choices = "choice", choicesOf("low", "normal", "high", "urgent")
	case "rapport_status":
		f.Type, f.Choices = "choice", choicesOf("open", "waiting", "answered", "closed")
	case ReplyVisibility:
		f.Type, f.Choices = "choice", choicesOf("public", "private")
	case ReplyState:
		f.Type, f.Choices = "choice", choicesOf(flow.Draft, flow.Approved, flow.Sending, flow.Sent, flow.Failed, flow.Parked)
	case "rapport_text", "rapport_turns", "rapport_score_reasons", ReplyText:
		f.Type = "longtext"
	case "rapport_permalink", "rapport_author_url", ReplyPermalink:
		f.Type = "url"
	case ReplyReason, ReplySender, Objected, Consented:
		f.Type = "text"
	case Accepted:
		f.Type = "flag"
	}
	return f
}

// labelOf makes rapport_score_reasons "Rapport score reasons".
func labelOf(name string) string {
	words := strings.ReplaceAll(strings.TrimSuffix(name, "__c"), "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

func choicesOf(values ...string) []crm.Choice {
	var out []crm.Choice
	for _, v := range values {
		out = append(out, crm.Choice{Value: v, Label: strings.ToUpper(v[:1]) + v[1:]})
	}
	return out
}

// needs lists what setup must create for targets: our objects and fields, each object once.
func needs(targets []*Target) []crm.Object {
	var objects []crm.Object
	for _, t := range targets {
		at := slices.IndexFunc(objects, func(o crm.Object) bool { return o.Name == t.object })
		if at < 0 {
			at = len(objects)
			o := crm.Object{Name: t.object, Label: t.label, Creatable: t.ours}
			if o.Label == "" && t.ours {
				o.Label = labelOf(t.object)
			}
			objects = append(objects, o)
		}
		o := &objects[at]
		if isOurs(t.key) {
			f := own(t.key)
			f.Type, f.Unique = "text", true
			o.Fields = with(o.Fields, f)
		}
		for _, s := range t.slots {
			if !isOurs(s.name) || s.name == t.key {
				continue
			}
			f := own(s.name)
			if f.Type == "" {
				f.Type = typeOf(s.program.Gives())
			}
			o.Fields = with(o.Fields, f)
		}
		if isOurs(t.key) {
			for _, name := range places(t.kind) {
				o.Fields = with(o.Fields, own(name))
			}
		}
	}
	return slices.DeleteFunc(objects, func(o crm.Object) bool { return len(o.Fields) == 0 })
}

// places lists the fields in which people tell us something, on objects that hold a kind.
func places(kind string) []string {
	switch kind {
	case flow.KindConversation:
		return []string{ReplyText, ReplyVisibility, ReplyState, ReplyReason, ReplySender, ReplyPermalink, Accepted}
	case flow.KindPerson:
		return []string{Objected, Consented}
	}
	return nil
}

// typeOf gives the type of a field that shall hold what an expression gives.
func typeOf(gives string) string {
	switch gives {
	case "integer", "number", "flag", "time":
		return gives
	}
	return "text"
}

// with adds a field that is not there yet.
func with(fields []crm.Field, f crm.Field) []crm.Field {
	if slices.ContainsFunc(fields, func(g crm.Field) bool { return g.Name == f.Name }) {
		return fields
	}
	return append(fields, f)
}
