package console

// germanFailure is the German of the page of failures.
var germanFailure = map[string]string{
	"Look in what was said too": "Auch im Gesagten suchen",
	"An example:":               "Ein Beispiel:",
	"By network":                "Nach Netzwerk",
	"for":                       "für",
	"newest":                    "neueste",
	"{0} of the {1} that were looked at would be sent again; there are about {2}; nothing was done": "{0} der {1} angesehenen würden noch einmal gesendet; es gibt etwa {2}; getan wurde nichts",
	"{0} sent again": "{0} noch einmal gesendet",
	"{0} would be sent again; nothing was done":                                    "{0} würden noch einmal gesendet; getan wurde nichts",
	"{0}: looked at the oldest {1}; the counts above are of those.":                "{0}: Angesehen wurden die ältesten {1}; die Zahlen oben gelten für diese.",
	"{0}: looked at {1} of about {2}; the counts above are of those.":              "{0}: Angesehen wurden {1} von etwa {2}; die Zahlen oben gelten für diese.",
	"The vendor refused our log-in":                                                "Der Anbieter lehnt unsere Anmeldung ab",
	"The CRM refused what a field was to hold":                                     "Das CRM nimmt den Inhalt eines Feldes nicht an",
	"The record was deleted":                                                       "Der Datensatz wurde gelöscht",
	"The vendor's limit was reached":                                               "Die Grenze des Anbieters ist erreicht",
	"The account is not configured":                                                "Das Konto ist nicht eingerichtet",
	"The message cannot be read":                                                   "Die Nachricht ist nicht lesbar",
	"No worker could finish it":                                                    "Kein Arbeiter wurde damit fertig",
	"It failed for a reason of its own":                                            "Fehlgeschlagen aus einem eigenen Grund",
	"Add the account or publish the version that knows it, then send these again.": "Lege das Konto an oder veröffentliche die Version, die es kennt, und sende diese dann noch einmal.",
	"It does not get better by itself: keep it for whoever maintains the connector. Nothing else waits for it.": "Von selbst wird es nicht besser: Behalte es für die, die den Konnektor pflegen. Nichts anderes wartet darauf.",
	"To the mapping":     "Zur Zuordnung",
	"To quotas and cost": "Zu Kontingenten und Kosten",
	"To the accounts":    "Zu den Konten",
}
