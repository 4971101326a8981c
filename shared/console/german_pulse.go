package console

// germanPulse is the German of the page of the pulse.
var germanPulse = map[string]string{
	"Pulse": "Puls", "watch": "beobachten", "crisis": "Krise", "cooling": "klingt ab", "since": "seit",
	"People per four hours": "Menschen je vier Stunden", "complaining": "mit Beschwerde", "Changes of state": "Zustandswechsel",
	"A dot marks more than three times the usual of that time of the week.": "Ein Punkt markiert mehr als das Dreifache des zu dieser Zeit der Woche Üblichen.",
	"Topic": "Thema", "Kind": "Art", "competitor": "Mitbewerber", "theme": "Thema", "No topics are configured.": "Es sind keine Themen eingerichtet.",
	"Rising words": "Wörter im Aufwind", "week of": "Woche ab", "No word rises.": "Kein Wort ist im Aufwind.",
	"Words of at least five people that were said at least twice as often as in the weeks before.": "Wörter von mindestens fünf Menschen, mindestens doppelt so oft gesagt wie in den Wochen davor.",
}
