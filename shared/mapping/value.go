package mapping

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/expression"
	"rapport/shared/flow"
)

// maxInteger is the largest whole number that every CRM keeps exactly.
const maxInteger = 1<<53 - 1

// value turns the result of an expression into what the field holds: text, float64, int, bool, time.Time or nil. An error
// says in words for people why it cannot; it never repeats the value.
func (s *slot) value(v any, sc *scope) (any, error) {
	v = plain(v)
	if v == nil {
		return nil, nil
	}
	switch s.field.Type {
	case "":
		switch v := v.(type) {
		case string:
			return s.text(v, sc)
		case []string:
			return s.text(strings.Join(v, ";"), sc)
		case time.Time:
			if v.IsZero() {
				return nil, nil
			}
		case float64:
			return finite(v)
		case unknown:
			return nil, errors.New("the expression gives an object or list; name one of its fields")
		}
		return v, nil
	case "number":
		return number(v)
	case "integer":
		return integer(v)
	case "flag":
		return truth(v)
	case "date", "time":
		return moment(v, s.field.Type == "date")
	case "choice":
		t, err := words(v)
		if err != nil || t == "" {
			return nil, err
		}
		return pick(s.field.Choices, t)
	case "choices":
		return several(s.field.Choices, v)
	case "reference":
		t, err := words(v)
		if err != nil || t == "" {
			return nil, err
		}
		if len(s.field.Choices) > 0 {
			return pick(s.field.Choices, t)
		}
		return t, nil
	}
	t, err := words(v)
	if err != nil {
		return nil, err
	}
	return s.text(t, sc)
}

// text cleans and cuts. Where a mention's own text is cut, its permalink follows.
func (s *slot) text(t string, sc *scope) (any, error) {
	t = Clean(t)
	if !s.limit.fits(t) {
		switch s.field.Type {
		case "email", "phone", "url":
			return nil, fmt.Errorf("the text is longer than the %d %s the field takes, and cut it would be wrong", s.limit.Max, unit(s.limit.Unit))
		}
		tail := ""
		if m := &sc.Env.Mention; t == Clean(sc.Env.Text) || t == Clean(m.Text) {
			tail = m.Permalink
		}
		t = s.limit.cut(t, tail)
	}
	if s.limit.html {
		t = escape(t)
	}
	return t, nil
}

func unit(u string) string {
	if u == "" {
		return "runes"
	}
	return u
}

// unknown is a value that no field can hold.
type unknown struct{}

// plain brings a result to one of text, []string, float64, int, bool, time.Time, nil or unknown.
func plain(v any) any {
	switch v := v.(type) {
	case nil, string, float64, int, bool, time.Time, []string:
		return v
	case int64:
		return int(v)
	case int32:
		return int(v)
	case uint64:
		return float64(v)
	case float32:
		return float64(v)
	case flow.Kind:
		return string(v)
	case flow.Verb:
		return string(v)
	case flow.Direction:
		return string(v)
	case flow.Status:
		return string(v)
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			t, err := words(plain(item))
			if err != nil {
				return unknown{}
			}
			list = append(list, t)
		}
		return list
	}
	return unknown{}
}

// words writes a plain value as text.
func words(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	case time.Time:
		return expression.ISO(v), nil
	case []string:
		return strings.Join(v, "; "), nil
	}
	return "", errors.New("the expression gives an object; name one of its fields")
}

func finite(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("the result is no finite number")
	}
	return f, nil
}

func number(v any) (any, error) {
	switch v := v.(type) {
	case int:
		return v, nil
	case float64:
		return finite(v)
	case string:
		if strings.TrimSpace(v) == "" {
			return nil, nil
		}
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return finite(f)
		}
	}
	return nil, errors.New("the field wants a number")
}

func integer(v any) (any, error) {
	n, err := number(v)
	switch n := n.(type) {
	case int:
		if n > maxInteger || n < -maxInteger {
			return nil, errors.New("the number is too large to be kept exactly")
		}
		return n, nil
	case float64:
		if n != math.Trunc(n) {
			return nil, errors.New("the field wants a whole number; use round(…)")
		}
		if math.Abs(n) > maxInteger {
			return nil, errors.New("the number is too large to be kept exactly")
		}
		return int(n), nil
	}
	return nil, err
}

func truth(v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "":
			return nil, nil
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return nil, errors.New("the field wants true or false")
}

// moment gives a time in UTC; a date at its midnight. The zero time is no time.
func moment(v any, date bool) (any, error) {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case string:
		if v = strings.TrimSpace(v); v == "" {
			return nil, nil
		}
		var err error
		if t, err = time.Parse(time.RFC3339, v); err != nil {
			if t, err = time.Parse(time.DateOnly, v); err != nil {
				return nil, errors.New("the field wants a time such as 2026-11-21T09:30:00Z")
			}
		}
	default:
		return nil, errors.New("the field wants a time")
	}
	if t.IsZero() {
		return nil, nil
	}
	if t = t.UTC(); date {
		t = t.Truncate(24 * time.Hour)
	}
	return t, nil
}

// pick finds a choice by its value or its label.
func pick(choices []crm.Choice, t string) (any, error) {
	value, n := find(choices, t)
	switch {
	case len(choices) == 0:
		return Clean(t), nil
	case n == 0:
		return nil, fmt.Errorf("the result is none of the field's choices: %s", list(choices))
	case n > 1:
		return nil, fmt.Errorf("several choices have this label; use a value: %s", list(choices))
	}
	return value, nil
}

// find looks for a choice by value, then by label; n is how many there are.
func find(choices []crm.Choice, t string) (value string, n int) {
	for _, c := range choices {
		if c.Value == t {
			return t, 1
		}
	}
	for _, c := range choices {
		if strings.EqualFold(c.Label, t) || strings.EqualFold(c.Value, t) {
			value, n = c.Value, n+1
		}
	}
	return value, n
}

// list names choices, the first ten of many.
func list(choices []crm.Choice) string {
	var names []string
	for i, c := range choices {
		if i == 10 {
			names = append(names, "…")
			break
		}
		names = append(names, c.Value)
	}
	return strings.Join(names, ", ")
}

// several resolves a list of choices; they are joined by ;
func several(choices []crm.Choice, v any) (any, error) {
	var parts []string
	switch v := v.(type) {
	case []string:
		parts = v
	case string:
		parts = strings.Split(v, ";")
	default:
		t, err := words(v)
		if err != nil {
			return nil, err
		}
		parts = []string{t}
	}
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		one, err := pick(choices, p)
		if err != nil {
			return nil, err
		}
		out = append(out, one.(string))
	}
	if len(out) == 0 {
		return nil, nil
	}
	return strings.Join(out, ";"), nil
}
