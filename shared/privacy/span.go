package privacy

import (
	"fmt"
	"time"
)

// Span writes a time of whole days, hours or minutes in words.
func Span(lang string, d time.Duration) string {
	for _, u := range []struct {
		of        time.Duration
		one, many Text
	}{
		{24 * time.Hour, Text{"day", "Tag"}, Text{"days", "Tage"}},
		{time.Hour, Text{"hour", "Stunde"}, Text{"hours", "Stunden"}},
		{time.Minute, Text{"minute", "Minute"}, Text{"minutes", "Minuten"}},
	} {
		if d >= u.of && d%u.of == 0 {
			if n := int(d / u.of); n != 1 {
				return fmt.Sprintf("%d %s", n, u.many.In(lang))
			}
			return "1 " + u.one.In(lang)
		}
	}
	return d.String()
}

// KeptFor says how long a network's rules let content be kept; retain is the tenant's own limit as configured, "" = none.
func KeptFor(lang string, may bool, most time.Duration, retain string) string {
	own, _ := time.ParseDuration(retain)
	switch {
	case !may:
		return Text{"not at all", "gar nicht"}.In(lang)
	case most > 0 && (own == 0 || most <= own):
		return Span(lang, most) + Text{" (rule of the network)", " (Regel des Netzwerks)"}.In(lang)
	case own > 0:
		return Span(lang, own) + unless(Sweeps, Text{" (`retain.content`)", " (`retain.content`)"},
			Text{" (`retain.content`; the software does not end it by itself yet)", " (`retain.content`; die Software beendet das noch nicht selbst)"}).In(lang)
	}
	return Text{"as `retain.content` says; not set = without limit", "wie `retain.content` sagt; nicht gesetzt = ohne Grenze"}.In(lang)
}

// BlankedIn says within what time a deletion at the network is carried out here and in the CRM.
func BlankedIn(lang string, d time.Duration) string {
	if d == 0 {
		return Text{"as soon as it is told", "sobald sie mitgeteilt wird"}.In(lang)
	}
	return Span(lang, d)
}
