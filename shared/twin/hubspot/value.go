package hubspot

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// flaw is what is wrong with one value.
type flaw struct{ code, name, message string }

// check turns values into what is stored, and tells what is wrong with them.
func (o *object) check(in map[string]any) (map[string]string, []flaw) {
	out := map[string]string{}
	var bad []flaw
	for _, name := range sorted(in) {
		d := o.props[name]
		if d == nil {
			bad = append(bad, flaw{"PROPERTY_DOESNT_EXIST", name, fmt.Sprintf("Property %q does not exist", name)})
			continue
		}
		text := plainText(in[name])
		if d.ReadOnly {
			bad = append(bad, flaw{"READ_ONLY_VALUE", name, fmt.Sprintf("%q is a read only property; its value cannot be set.", name)})
			continue
		}
		stored, code := d.store(text)
		if code != "" {
			bad = append(bad, flaw{code, name, fmt.Sprintf("%.40q was not valid for %q", text, name)})
			continue
		}
		out[name] = stored
	}
	return out, bad
}

func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(v)
}

// store gives a value as it is kept, or the code of its refusal.
func (d *property) store(text string) (stored, code string) {
	if text == "" {
		return "", ""
	}
	switch d.Type {
	case "string":
		if len(utf16.Encode([]rune(text))) > MaxText {
			return "", "PROPERTY_TOO_LONG"
		}
		if strings.ContainsRune(text, 0) {
			return "", "INVALID_STRING"
		}
		if a, err := mail.ParseAddress(text); d.Name == "email" && (err != nil || a.Address != text || !strings.Contains(text, ".")) {
			return "", "INVALID_EMAIL"
		}
	case "number":
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "", "INVALID_NUMBER"
		}
		return strconv.FormatFloat(n, 'f', -1, 64), ""
	case "bool":
		if text != "true" && text != "false" {
			return "", "INVALID_BOOLEAN"
		}
	case "enumeration":
		return d.choice(text)
	case "date", "datetime":
		return d.moment(text)
	}
	return text, ""
}

func (d *property) choice(text string) (string, string) {
	if d.Name == "hubspot_owner_id" {
		if _, err := strconv.Atoi(text); err != nil {
			return "", "INVALID_OWNER_ID"
		}
		return text, ""
	}
	parts := []string{text}
	if d.FieldType == "checkbox" {
		parts = strings.Split(text, ";")
	}
	for _, part := range parts {
		if !slices.ContainsFunc(d.Options, func(o option) bool { return o.Value == part }) {
			return "", "INVALID_OPTION"
		}
	}
	return text, ""
}

// moment reads Unix milliseconds, a date, or RFC 3339. A date must be at midnight UTC.
func (d *property) moment(text string) (string, string) {
	var t time.Time
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		t = time.UnixMilli(ms).UTC()
	} else if t, err = time.Parse(time.DateOnly, text); err != nil {
		if t, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return "", "INVALID_DATE"
		}
	}
	t = t.UTC()
	if d.Type == "date" {
		if t.Hour() != 0 || t.Minute() != 0 || t.Second() != 0 {
			return "", "INVALID_DATE"
		}
		return t.Format(time.DateOnly), ""
	}
	return t.Truncate(time.Millisecond).Format(time.RFC3339Nano), ""
}

// invalid is the refusal of a whole batch for some values: it does not say in which inputs they are.
func invalid(bad []flaw) *refusal {
	var errs, list []map[string]any
	for _, f := range bad {
		errs = append(errs, map[string]any{"message": f.message, "code": f.code, "context": map[string]any{"propertyName": []string{f.name}}})
		list = append(list, map[string]any{"isValid": false, "message": f.message, "error": f.code, "name": f.name})
	}
	text, _ := json.Marshal(list)
	return refuse(400, "VALIDATION_ERROR", "Property values were not valid: %s", text).with("errors", errs)
}

// missing tells what a new record lacks.
func (o *object) missing(fields map[string]string) *refusal {
	var lack []string
	for _, name := range o.required {
		if fields[name] == "" {
			lack = append(lack, name)
		}
	}
	if lack == nil {
		return nil
	}
	return refuse(400, "VALIDATION_ERROR", "Error creating %s. Some required properties were not set.", strings.ToUpper(o.singular)).
		with("errors", []map[string]any{{"message": "Some required properties were not set.", "code": "REQUIRED_PROPERTY", "context": map[string]any{"properties": lack}}})
}

// clash finds a live record that holds a unique value of fields already.
func (o *object) clash(fields map[string]string, self *row) *row {
	for _, name := range sorted(fields) {
		if o.unique[name] == nil || fields[name] == "" {
			continue
		}
		if r := o.by(name, fields[name]); r != nil && r != self {
			return r
		}
	}
	return nil
}
