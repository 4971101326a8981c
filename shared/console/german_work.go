package console

// germanWork is the German of the pages of jobs, costs, webhooks, promotion and rules.
var germanWork = map[string]string{
	"{0} could not be made; the reason stands beside each.": "{0} ließen sich nicht anlegen; der Grund steht jeweils daneben.", "Rapport keeps its own key and its findings in fields of its own. Nothing else is changed, and nothing is written into records.": "Rapport legt seinen Schlüssel und seine Befunde in eigene Felder. Sonst wird nichts geändert und in keinen Datensatz geschrieben.",
	"Make what is missing ({0})": "Fehlendes anlegen ({0})", "All of our fields are there.": "Alle unsere Felder sind da.", "there": "da", "missing": "fehlt", "Our fields": "Unsere Felder", "Our fields in the CRM": "Unsere Felder im CRM",
	"Approve and send": "Freigeben und senden", "Drop": "Verwerfen", "Keep as a draft": "Als Entwurf behalten", "to be approved": "freizugeben", "The draft waits to be approved": "Der Entwurf wartet auf Freigabe", "draft": "Entwurf", "sent": "gesendet", "approved": "freigegeben", "sending": "wird gesendet",
	"somebody": "jemand",
	"Add one":  "Eine hinzufügen", "Address for the vendor": "Adresse für den Anbieter", "At the vendor": "Beim Anbieter", "Author": "Autor",
	"Back to the draft, to publish it": "Zurück zum Entwurf, um ihn zu veröffentlichen", "Begin": "Beginnen", "Between environments of this configuration": "Zwischen Umgebungen dieser Konfiguration",
	"Between two stacks": "Zwischen zwei Installationen", "Bucket": "Kontingent", "Budgets for paid reads": "Budgets für bezahltes Lesen", "By way of": "Auf dem Weg", "Calls of the CRMs": "Aufrufe der CRMs",
	"Code, or app password": "Code oder App-Passwort", "Compare days with what the network has, and fetch what is missing.": "Tage mit dem vergleichen, was das Netzwerk hat, und Fehlendes holen.",
	"Compare with": "Vergleichen mit", "Compare with the seals": "Mit den Siegeln vergleichen", "Cost": "Kosten", "Days": "Tage", "Decide again by today's rules": "Nach heutigen Regeln neu entscheiden",
	"Decisions that would be otherwise": "Entscheidungen, die anders ausfielen", "Do webhooks come?": "Kommen Webhooks?", "Done": "Getan", "Every line is as it was sealed": "Jede Zeile ist so, wie sie versiegelt wurde", "Fees": "Gebühren",
	"First answer within (working time)": "Erste Antwort binnen (Arbeitszeit)", "First day": "Erster Tag", "For which action": "Für welchen Schritt", "Forecast": "Aussicht", "Further days off": "Weitere freie Tage",
	"Give records back what they held": "Datensätzen zurückgeben, was sie enthielten", "Hour": "Stunde", "In the draft:": "Im Entwurf:", "pause": "Pause", "It is part of the address.": "Er ist Teil der Adresse.",
	"Its hash": "Sein Hash", "Job": "Auftrag", "Jobs": "Aufträge", "Last day": "Letzter Tag", "Leave it empty, and one is made up and shown to you once.": "Bleibt es leer, wird eines erdacht und dir ein Mal gezeigt.", "Ledger": "Hauptbuch",
	"Lines that fit among the newest 3,000 from there on.": "Passende Zeilen unter den neuesten 3.000 von dort an.", "Log in at the vendor": "Beim Anbieter anmelden",
	"Log in there and grant access. The vendor leads you back here.": "Melde dich dort an und erteile Zugriff. Der Anbieter führt dich hierher zurück.", "Logged in": "Angemeldet", "Look among older ones": "Unter älteren suchen", "Made": "Erstellt",
	"Make a new verify token": "Neues Prüf-Token erstellen", "Modes, settings, replies and streams are laid over; addresses, ids and secrets stay.": "Modi, Einstellungen, Antworten und Ströme werden übernommen; Adressen, Ids und Geheimnisse bleiben.",
	"Most points of each part; 100 together, or none at all for the default.": "Höchste Punkte jedes Teils; zusammen 100, oder gar keine für den Standard.", "Newest seal": "Neuestes Siegel", "No app registration sends webhooks.": "Keine App-Registrierung sendet Webhooks.",
	"No job in the last weeks.": "Kein Auftrag in den letzten Wochen.", "Nothing is sealed yet; each hour is, once it is over.": "Noch ist nichts versiegelt; jede Stunde wird es, wenn sie vorbei ist.", "Number": "Nummer", "Of the time": "Aus der Zeit",
	"Promote": "Übertragen", "Public holidays of": "Feiertage von", "Quotas": "Kontingente", "Read the matching keys of a CRM account, kept as hashes.": "Die Abgleichsmerkmale eines CRM-Kontos lesen; behalten werden nur Hashes.",
	"Read the past of a network account. It comes in as history: no case, clock, alert or answer.": "Die Vergangenheit eines Netzwerkkontos lesen. Sie kommt als Verlauf: kein Fall, keine Frist, keine Warnung, keine Antwort.",
	"Reopen a case for days": "Fall wieder öffnen, Tage", "Result": "Ergebnis",
	"Save the configuration of the one as YAML, and bring it in here. What you choose replaces what is here, in the draft; accounts, addresses, secrets and modes stay. The draft is checked against this stack's CRMs, tried on what it received, and published when you say so.": "Sichere die Konfiguration der einen als YAML und bringe sie hier ein. Was du wählst, ersetzt im Entwurf, was hier steht; Konten, Adressen, Geheimnisse und Modi bleiben. Der Entwurf wird gegen die CRMs dieser Installation geprüft, an dem probiert, was sie empfing, und veröffentlicht, wenn du es sagst.",
	"Sealed": "Versiegelt", "Seals": "Siegel", "Searched: the ledger, newest first, at most 3,000 lines at once.": "Durchsucht: das Hauptbuch, Neuestes zuerst, höchstens 3.000 Zeilen auf einmal.", "Searched: the newest {0} lines of the ledger.": "Durchsucht: die neuesten {0} Zeilen des Hauptbuchs.",
	"Searched: {0} rows of the audit trail.": "Durchsucht: {0} Zeilen des Protokolls.", "Send all of this kind again": "Alle dieser Art noch einmal senden", "Show the difference": "Unterschied zeigen",
	"Shows every CRM record that would change. Nothing is written before you have seen it.": "Zeigt jeden CRM-Datensatz, der sich änderte. Nichts wird geschrieben, bevor du es gesehen hast.", "Stop": "Anhalten", "Subscribe anew": "Neu abonnieren",
	"Take back or write anew": "Zurücknehmen oder neu schreiben", "Take over": "Übernehmen", "Text": "Text", "The account acts for": "Das Konto handelt für", "The address to be registered there:": "Dort einzutragende Adresse:",
	"The choice goes into the draft. Once that is published the account works; nobody has to log in again.": "Die Wahl kommt in den Entwurf. Ist er veröffentlicht, arbeitet das Konto; niemand muss sich noch einmal anmelden.",
	"The configuration has no environments; they stand under environments in the YAML.":                     "Die Konfiguration hat keine Umgebungen; sie stehen im YAML unter environments.", "The hook is in the draft": "Die Registrierung ist im Entwurf", "The job stops after its present page": "Der Auftrag hält nach seiner jetzigen Seite an",
	"The vendor sends no webhooks": "Der Anbieter sendet keine Webhooks", "The vendor sends webhooks": "Der Anbieter sendet Webhooks", "The verify token of {0}, shown this once:": "Das Prüf-Token von {0}, nur dieses eine Mal gezeigt:", "There are more: narrow the search.": "Es gibt mehr: Grenze die Suche ein.",
	"This is what would be written. What somebody changed in the CRM since stays.":     "Das würde geschrieben. Was seither jemand im CRM geändert hat, bleibt.",
	"This kind has a log-in page at the vendor; the token it gives is kept encrypted.": "Diese Art hat eine Anmeldeseite beim Anbieter; das Token daraus wird verschlüsselt aufbewahrt.",
	"This log-in may act for several. Which one is the account?":                       "Diese Anmeldung darf für mehrere handeln. Welches ist das Konto?", "This vendor cannot be asked about webhooks: they are set up at its own pages": "Dieser Anbieter lässt sich nach Webhooks nicht fragen: Sie werden auf seinen eigenen Seiten eingerichtet",
	"Time zone": "Zeitzone", "To the account": "Zum Konto", "To the vendor's log-in page": "Zur Anmeldeseite des Anbieters", "Topics that count as relevant": "Themen, die als relevant zählen", "USD of AWS, reckoned": "USD für AWS, gerechnet", "USD of the network's fees": "USD Gebühren der Netzwerke",
	"Under way and done": "Unterwegs und erledigt", "Until the end of hour": "Bis zum Ende der Stunde", "Until the hour": "Bis zur Stunde", "Webhooks": "Webhooks", "What does it take?": "Was braucht es?", "What does not agree with the seals": "Was nicht zu den Siegeln passt", "What it costs": "Was es kostet",
	"What was received on": "Was empfangen wurde am", "Where the vendor shows a code instead": "Wo der Anbieter stattdessen einen Code zeigt",
	"While you type, a condition is tried on the newest mentions. The draft's dry run then decides again what was received.": "Beim Tippen wird eine Bedingung an den neuesten Erwähnungen probiert. Der Probelauf des Entwurfs entscheidet dann noch einmal, was empfangen wurde.",
	"Whoever keeps this hash elsewhere can show later that nothing before it was changed.":                                   "Wer diesen Hash anderswo aufbewahrt, kann später zeigen, dass nichts davor geändert wurde.",
	"Write it":                 "Schreiben",
	"budget, USD":              "Budget, USD",
	"calls":                    "Aufrufe",
	"changed or deleted since": "seither geändert oder gelöscht", "changed since the newest seal": "seit dem neuesten Siegel geändert", "deliveries": "Lieferungen", "done": "getan", "ends at {0}": "endet um {0}", "erased": "gelöscht", "events": "Ereignisse",
	"fields left as somebody has them": "Felder, die jemand so behielt", "for 1,000": "je 1.000", "for each": "je", "holds out": "reicht", "kept for urgent": "für Dringendes", "later changes, sealed too": "spätere Änderungen, auch versiegelt", "left": "übrig", "lines": "Zeilen", "list prices of {0}, {1}": "Listenpreise von {0}, {1}",
	"mentions, about": "Erwähnungen, etwa", "not published": "nicht veröffentlicht", "refused": "abgelehnt", "reserve": "Reserve", "seals": "Siegel", "show all": "alle zeigen", "spent today, USD": "heute ausgegeben, USD", "used": "genutzt", "matches {0} of the newest {1}": "passt auf {0} der neuesten {1}",
	"backfill": "Vergangenheit lesen", "reconcile": "Abgleichen", "sync": "Merkmale lesen", "erase": "Löschung", "recheck": "Nachsehen", "retain": "Aufbewahrung", "gap": "Lücke schließen", "replay": "Neu entscheiden", "undo": "Zurücknehmen", "undone": "zurückgenommen", "failed": "fehlgeschlagen", "cancelled": "abgebrochen",
	"console": "Konsole", "command": "Befehl", "mon": "Mo", "tue": "Di", "wed": "Mi", "thu": "Do", "fri": "Fr", "sat": "Sa", "sun": "So",
	"ids of mentions, authors, persons and conversations": "Ids von Erwähnungen, Autoren, Personen und Gesprächen", "ids of CRM records": "Ids von CRM-Datensätzen", "e-mail addresses of CRM records, by their hash": "E-Mail-Adressen von CRM-Datensätzen, über ihren Hash", "handles and words among the newest 1,000 mentions": "Namen und Wörter unter den neuesten 1.000 Erwähnungen",
}

// germanWords lists the parts of the dictionary; a text is looked for in this order.
func germanWords() []map[string]string {
	return []map[string]string{german, germanWork, germanPulse, germanRights, germanReport, germanReview, germanFailure, germanTemplate, germanTopic, germanNext}
}

// inGerman finds the German of a text.
func inGerman(text string) (string, bool) {
	for _, words := range germanWords() {
		if t, ok := words[text]; ok {
			return t, true
		}
	}
	return "", false
}
