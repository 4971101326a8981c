package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// print hashes a field value so that what a CRM gives back equals what it was given: numbers by value, times by
// instant, texts without outer space and with one kind of line break. Empty, nil and absent are the same. The hash is keyed,
// so that nobody finds an e-mail address or phone number by trying.
func (p *Pipeline) print(v any) string {
	s := canonical(v)
	if s == "" {
		return ""
	}
	return p.hashed("field", s)[:12]
}

func canonical(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case time.Time:
		if x.IsZero() {
			return ""
		}
		return strconv.FormatInt(x.Unix(), 10)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case int:
		return strconv.Itoa(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case bool:
		return strconv.FormatBool(x)
	case string:
		return canonicalText(x)
	}
	return canonicalText(fmt.Sprint(v))
}

// canonicalText reads numbers and times that came back as text.
func canonicalText(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	if s == "" || len(s) > 40 {
		return s
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && len(s) < 16 {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.000-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return strconv.FormatInt(t.Unix(), 10)
		}
	}
	return s
}
