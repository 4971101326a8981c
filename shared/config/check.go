package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones are the same on every machine
	"unicode"
)

// check looks at one text: say is "" where it is right.
type check func(s string) (say, near string)

// Choices gives what a setting may be, by its path without indices (networks.replies); nil = anything. Forms, the editors'
// schema and validation read it.
func Choices(path string) []string {
	switch path {
	case "networks.replies":
		return []string{"off", "approve", "on"}
	case "networks.media":
		return []string{"copy", "off"}
	case "crms.mode", "crms.modes":
		return []string{"observe", "write"}
	case "crms.person":
		return []string{"link-only", "create"}
	case "mapping.for":
		return []string{"mention", "conversation", "person"}
	case "mapping.links.to":
		return []string{"mention", "conversation", "person", "previous"}
	case "mapping.fields.wins":
		return []string{"human", "rapport"}
	case "mapping.fields.purpose":
		return Choices("basis")
	case "routing.priority", "brands.sla", "brands.escalate.priority":
		return []string{"low", "normal", "high", "urgent"}
	case "alerts.on":
		return []string{"crisis", "watch", "cooling", "normal", "mention"}
	case "brands.topics.kind":
		return []string{"product", "competitor", "theme"}
	case "brands.profile":
		return []string{"default", "health", "finance"}
	case "brands.pulse.sensitivity":
		return []string{"low", "normal", "high"}
	case "score.max":
		return []string{"reach", "resonance", "connectedness", "relevance", "role"}
	case "basis":
		return []string{"service", "matching", "scoring", "product", "marketing"}
	case "basis.*":
		return []string{"contract", "legitimate_interest", "consent", "none"}
	case "retain":
		return []string{"content", "receipts"}
	case "brands.calendar.hours":
		return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	case "roles", "brands.roles":
		return []string{"viewer", "operator", "admin", "privacy", "agent"}
	case "brands.numbers":
		return []string{"order_number", "customer_number"}
	}
	return nil
}

// oneOf wants one of the choices of a path.
func oneOf(path string) check { return among(Choices(path)) }

func among(choices []string) check {
	return func(s string) (string, string) {
		for _, c := range choices {
			if s == c {
				return "", ""
			}
		}
		return "must be one of " + strings.Join(choices, ", "), nearest(s, choices)
	}
}

// matches wants a text of a form, which say describes.
func matches(pattern, say string) check {
	return func(s string) (string, string) {
		if regexp.MustCompile(pattern).MatchString(s) {
			return "", ""
		}
		return "must be " + say, ""
	}
}

// isName wants what can stand in keys, addresses and logs.
func isName(s string) (string, string) {
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == 0 || !strings.ContainsRune("._-", r)) || i >= 64 {
			return "must be a name of letters, digits, . _ and -, at most 64 long", ""
		}
	}
	return notEmpty(s)
}

// isReference wants where a secret is kept. Its message never repeats the text, which may be the secret itself.
func isReference(s string) (string, string) {
	if say, _ := matches(`^(env:[A-Za-z_][A-Za-z0-9_]*|aws:[A-Za-z0-9/_.+=@:-]+)$`, "")(s); say != "" {
		return "must say where the secret is kept, as env:NAME or aws:NAME, never the secret itself", ""
	}
	return "", ""
}

func notEmpty(s string) (string, string) {
	if strings.TrimSpace(s) == "" {
		return "is empty", ""
	}
	return "", ""
}

func isDuration(s string) (string, string) {
	if d, err := time.ParseDuration(s); err != nil || d <= 0 {
		return "must be a time span such as 90s, 30m, 8h or 1h30m", ""
	}
	return "", ""
}

func isZone(s string) (string, string) {
	if _, err := time.LoadLocation(s); err != nil || s == "Local" {
		return "must be a time zone such as Europe/Berlin", nearest(s, []string{"Europe/Berlin", "Europe/Vienna", "Europe/Zurich", "Europe/London",
			"Europe/Paris", "America/New_York", "America/Chicago", "America/Los_Angeles", "Asia/Tokyo", "UTC"})
	}
	return "", ""
}

func isDate(s string) (string, string) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "must be a date such as 2026-12-25", ""
	}
	return "", ""
}

// isHours wants a stretch of one day, 24:00 being its end.
func isHours(s string) (string, string) {
	const say = "must be hours such as 09:00-17:30"
	from, to, ok := strings.Cut(s, "-")
	f, err := minutes(from)
	t, err2 := minutes(to)
	switch {
	case !ok || err != nil || err2 != nil:
		return say, ""
	case f >= t:
		return say + ", the end after the beginning", ""
	}
	return "", ""
}

func minutes(s string) (int, error) {
	if s == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err
}

func isRegexp(s string) (string, string) {
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Sprintf("is no regular expression: %v", strings.TrimPrefix(err.Error(), "error parsing regexp: ")), ""
	}
	return "", ""
}

// isAddress wants a whole address that may be called.
func isAddress(s string) (string, string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return "must be an address such as https://pager.example/alerts, without user or password", ""
	}
	return "", ""
}

// isOrigin wants scheme, host and port alone.
func isOrigin(s string) (string, string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "must be an origin such as https://social.example, without path", ""
	}
	return "", ""
}
