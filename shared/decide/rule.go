package decide

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"rapport/shared/config"
	"rapport/shared/decide/action"
	"rapport/shared/decide/phrase"
	"rapport/shared/decide/route"
	"rapport/shared/expression"
)

// rule is a compiled condition of filters, routing or actions with what it says.
type rule struct {
	name    string
	brands  []string
	when    *expression.Program // nil = always
	value   string              // department, or action
	urgency string              // priority of a route
	answers bool                // an action that is carried out at once
	weighs  bool                // its condition looks at the score
}

// compile reads the three lists of rules. It gives all mistakes at once.
func (d *Decider) compile(doc *config.Document) error {
	var errs []error
	add := func(to *[]rule, list string, i int, r rule, source string, mistake error) {
		at := fmt.Sprintf("%s[%d] %q", list, i, r.name)
		if mistake != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, mistake))
		}
		r.weighs = weighs(source)
		if source != "" {
			var err error
			if r.when, err = expression.Compile(source, Env{}, expression.Bool); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", at, err))
			}
		}
		*to = append(*to, r)
	}
	for i, f := range doc.Filters {
		var mistake error
		if f.When == "" {
			mistake = errors.New("when is missing: a filter without a condition would drop everything")
		} else if weighs(f.When) {
			mistake = errors.New("when looks at the score: a score may bring somebody forward, and drops nobody")
		}
		add(&d.filters, "filters", i, rule{name: f.Name, brands: f.Brands}, f.When, mistake)
	}
	for i, r := range doc.Routing {
		add(&d.routes, "routing", i, rule{name: r.Name, brands: r.Brands, value: r.Department, urgency: r.Priority}, r.When, checkRoute(r))
	}
	for i, a := range doc.Actions {
		var mistake error
		if !action.Known(a.Do) {
			mistake = unknown("do", a.Do, action.Names())
		} else if a.Answer {
			mistake = checkAnswer(doc, a)
		}
		add(&d.actions, "actions", i, rule{name: a.Name, brands: a.Brands, value: a.Do, answers: a.Answer}, a.When, mistake)
	}
	return errors.Join(errs...)
}

// quotes are texts in a condition.
var quotes = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'|`[^`]*`")

// weighs tells whether a condition looks at the score.
func weighs(source string) bool {
	source = quotes.ReplaceAllString(source, " ")
	return slices.ContainsFunc(strings.FieldsFunc(source, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) }), func(word string) bool {
		return word == "score" || word == "scores" || word == "combined"
	})
}

// checkAnswer wants words to answer with.
func checkAnswer(doc *config.Document, a config.Action) error {
	if !slices.Contains(answering[:], a.Do) {
		return fmt.Errorf("answer: nothing can be sent to %s; use one of %v", a.Do, answering)
	}
	for _, b := range doc.Brands {
		serves := len(a.Brands) == 0 || slices.Contains(a.Brands, b.Name)
		if _, ok := phrase.Own(b, "", a.Do); serves && !ok {
			return fmt.Errorf("answer: brand %q has no template for %s", b.Name, a.Do)
		}
	}
	return nil
}

// answering are the actions that consist of an answer.
var answering = [...]string{action.ReplyPublic, action.MoveToPrivate, action.Thank, action.Advocate, action.Identify}

func checkRoute(r config.Route) error {
	if !slices.Contains(departments[:], r.Department) {
		return unknown("department", r.Department, departments[:])
	}
	if r.Priority != "" && route.Rank(r.Priority) == 0 {
		return unknown("priority", r.Priority, []string{route.Low, route.Normal, route.High, route.Urgent})
	}
	return nil
}

// departments are who can act first.
var departments = [...]string{"service", "sales", "marketing", "hr", "legal", "product", "none"}

func unknown(key, value string, names []string) error {
	if near := expression.Nearest(value, names); near != "" {
		return fmt.Errorf("%s %q is not known; did you mean %q?", key, value, near)
	}
	return fmt.Errorf("%s %q is not known: use one of %v", key, value, names)
}

// first gives the first rule that holds for a brand. A rule that fails while it runs does not hold; the receipt tells.
func first(rules []rule, brand string, env *Env, receipts *[]Receipt) *rule {
	for i := range rules {
		r := &rules[i]
		if len(r.brands) > 0 && !slices.Contains(r.brands, brand) {
			continue
		}
		if r.when == nil {
			return r
		}
		ok, err := r.when.True(env)
		if err != nil {
			*receipts = append(*receipts, Receipt{"rule", fmt.Sprintf("“%s” failed and was passed over: %v", r.name, err)})
		}
		if ok {
			return r
		}
	}
	return nil
}
