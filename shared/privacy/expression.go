package privacy

import (
	"regexp"
	"slices"
	"strings"
)

// roots says which type stands behind a word of the expressions of a mapping.
var roots = map[string]string{"mention": "flow.Mention", "author": "flow.Author", "conversation": "flow.Conversation", "person": "flow.Person",
	"decision": "decide.Decision"}

// words says which fields stand behind the short words of expressions.
var words = map[string][2]string{"text": {"flow.Mention", "text"}, "lang": {"decide.Decision", "lang"}, "sentiment": {"decide.Decision", "sentiment"},
	"polarity": {"decide.Decision", "polarity"}, "complaint": {"decide.Decision", "complaint"}, "severity": {"decide.Decision", "severity"},
	"intents": {"decide.Decision", "intents"}, "confidence": {"decide.Decision", "confidence"}, "pii": {"decide.Decision", "pii"},
	"score": {"flow.Score", "total"}, "department": {"decide.Decision", "department"}, "priority": {"decide.Decision", "priority"},
	"action": {"decide.Decision", "action"}, "why": {"decide.Decision", "why"}, "crisis": {"decide.Decision", "crisis"}, "topics": {"decide.Decision", "topics"}, "known": {"decide.Decision", "person"}, "customer": {"decide.Decision", "person"}}

// whole says which field of a part stands for all of it.
var whole = map[string][2]string{"turns": {"flow.Turn", "text"}, "score": {"flow.Score", "total"}, "links": {"flow.Link", "record"},
	"media": {"flow.Media", "url"}, "author": {"flow.Author", "name"}, "conversation": {"flow.Conversation", "subject"}, "receipts": {"decide.Receipt", "say"}, "parts": {"flow.ScorePart", "reason"}}

// nested says of which type a part is.
var nested = map[string]string{"author": "flow.Author", "score": "flow.Score", "conversation": "flow.Conversation"}

var (
	quoted = regexp.MustCompile(`"(\\.|[^"\\])*"|'(\\.|[^'\\])*'`)
	path   = regexp.MustCompile(`(^|[^.\w])([a-z]\w*(?:\??\.\w+)*)`)
)

// Reads gives the mapped fields that an expression of a mapping reads, each once, in its order: what a CRM's field is
// filled from. What it does not know, such as functions, it leaves out.
func Reads(expression string) []Field {
	var out []Field
	add := func(of, name string) {
		t, ok := Find(of)
		f, known := t.Field(name)
		if ok && known && f.Category != Part && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	for _, m := range path.FindAllStringSubmatch(quoted.ReplaceAllString(expression, `""`), -1) {
		steps := strings.Split(strings.ReplaceAll(m[2], "?", ""), ".")
		of := roots[steps[0]]
		if of == "" {
			if w, ok := words[steps[0]]; ok && len(steps) == 1 {
				add(w[0], w[1])
			}
			continue
		}
		for i, step := range steps[1:] {
			if next := nested[step]; next != "" && i+2 < len(steps) {
				of = next
				continue
			}
			if w, ok := whole[step]; ok && partOf(of, step) {
				of, step = w[0], w[1]
			}
			add(of, step)
			break
		}
	}
	return out
}

func partOf(of, name string) bool {
	t, _ := Find(of)
	f, ok := t.Field(name)
	return ok && f.Category == Part
}
