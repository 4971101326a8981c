package privacy

// The terms by name.
const (
	keepContent = "content"
	keepReceipt = "receipts"
	keepLink    = "links"
	keepReview  = "review"
	keepProof   = "proof"
	keepTransit = "transit"
	keepWeek    = "week"
	keepSession = "session"
	keepTrial   = "trial"
	keepAccess  = "access"
	keepTrail   = "trail"
	keepState   = "state"
)

// What the software does by itself at the end of a term. A test looks into the code whether that is so; who builds or removes
// such a thing says it here, and every paper follows.
const (
	Sweeps     = true // content and receipts are removed when `retain` ends
	Pseudonyms = true // names of the staff are replaced after 90 days
)

// unless chooses between what holds and what holds as long as something is not built.
func unless(built bool, then, otherwise Text) Text {
	if built {
		return then
	}
	return otherwise
}

// Terms lists how long things are kept.
func Terms() []Term {
	return []Term{
		{keepContent, Text{"mentions, authors, conversations, answers, attachments", "Äußerungen, Autoren, Gespräche, Antworten, Anhänge"},
			unless(Sweeps, Text{"`retain.content`; shorter where the network's rules say so", "`retain.content`; kürzer, wo die Regeln des Netzwerks es verlangen"},
				Text{"until it is deleted for one of the reasons beside; the software does not yet remove content by itself when `retain.content` ends",
					"bis zur Löschung aus einem der nebenstehenden Gründe; die Software entfernt Inhalte noch nicht selbst, wenn `retain.content` abläuft"}),
			Text{"deleted at the network, objection, erasure: the text is blanked, what stays is that there was something", "Löschung im Netzwerk, Widerspruch, Löschverlangen: der Inhalt wird geleert, es bleibt nur, dass es etwas gab"}},
		{keepReceipt, Text{"raw bodies, inputs and decisions in the archive", "Rohtexte, Eingaben und Entscheidungen im Archiv"},
			unless(Sweeps, Text{"`retain.receipts`; on AWS at most the days of the setting `archive` (400)", "`retain.receipts`; auf AWS höchstens die Tage der Einstellung `archive` (400)"},
				Text{"on AWS the days of the setting `archive` (400); in the local home until somebody deletes them, as the software does not yet do so when `retain.receipts` ends",
					"auf AWS die Tage der Einstellung `archive` (400); im lokalen Betrieb bis zur Löschung von Hand, da die Software das bei Ablauf von `retain.receipts` noch nicht tut"}),
			Text{"deletion, objection and erasure rewrite the objects without the entries", "Löschung, Widerspruch und Löschverlangen schreiben die Objekte ohne die Einträge neu"}},
		{keepLink, Text{"persons, links and hashed matching keys", "Personen, Verbindungen und gehashte Abgleichschlüssel"},
			Text{"as long as the record stands in the CRM with that key", "solange der Datensatz mit diesem Schlüssel im CRM steht"},
			Text{"the key changes, the record is deleted, merged or objected to, erasure", "der Schlüssel ändert sich, der Datensatz wird gelöscht oder zusammengeführt, Widerspruch, Löschverlangen"}},
		{keepReview, Text{"persons whom authors may be, for people to look at, and the verdicts", "mögliche Personen hinter Autoren, zur Prüfung durch Menschen, und die Entscheidungen"},
			Text{"90 days from when it was found, or decided; a rejection is kept with the author", "90 Tage ab Fund oder Entscheidung; eine Ablehnung bleibt beim Autor"}, Text{"objection and erasure of the author or the person", "Widerspruch und Löschung von Autor oder Person"}},
		{keepProof, Text{"ledger, journal, tombstones: ids, hashes, reasons; no content", "Hauptbuch, Journal, Sperrvermerke: Kennungen, Hashwerte, Gründe; kein Inhalt"},
			Text{"as long as the installation stands, so that nothing comes twice or comes back", "solange die Installation besteht, damit nichts doppelt kommt oder zurückkehrt"},
			Text{"the end of the installation", "das Ende der Installation"}},
		{keepTransit, Text{"messages under way", "Nachrichten unterwegs"},
			Text{"until they are worked on, mostly seconds; on AWS at most 14 days, dead letters included", "bis zur Verarbeitung, meist Sekunden; auf AWS höchstens 14 Tage, auch für unzustellbare"},
			Text{"what points at erased content writes nothing", "was auf Gelöschtes zeigt, schreibt nichts"}},
		{keepWeek, Text{"ids of changes that were taken in; answers to requests for access that were gathered as a job", "Kennungen angenommener Änderungen; als Auftrag zusammengestellte Auskünfte"}, Text{"7 days", "7 Tage"}, Text{"expire by themselves; answers also with an erasure", "laufen von selbst ab; Auskünfte auch mit einer Löschung"}},
		{keepTrial, Text{"dry runs of the console", "Probeläufe der Konsole"}, Text{"an hour", "eine Stunde"}, Text{"its end", "das Fristende"}},
		{keepSession, Text{"links and log-ins of the console", "Links und Anmeldungen der Konsole"}, Text{"15 minutes, 12 hours", "15 Minuten, 12 Stunden"}, Text{"log-out", "Abmeldung"}},
		{keepAccess, Text{"access to networks and CRMs, tokens of the API", "Zugänge zu Netzwerken und CRMs, Tokens der API"}, Text{"until renewed or withdrawn", "bis zur Erneuerung oder Rücknahme"}, Text{"disconnecting the account", "Trennen des Kontos"}},
		{keepTrail, Text{"who changed what: audit trail, versions, verdicts", "wer was geändert hat: Protokoll, Versionen, Entscheidungen"},
			unless(Pseudonyms, Text{"as long as the installation stands; names 90 days", "solange die Installation besteht; Namen 90 Tage"},
				Text{"as long as the installation stands, names included; replacing the names after 90 days is planned, and the software does not do it yet",
					"solange die Installation besteht, auch die Namen; ihre Ersetzung nach 90 Tagen ist vorgesehen, die Software nimmt sie noch nicht vor"}),
			unless(Pseudonyms, Text{"after 90 days a pseudonym stands in place of the name, one for each person", "nach 90 Tagen steht ein Pseudonym an Stelle des Namens, für jede Person eines"}, Text{"–", "–"})},
		{keepState, Text{"state of accounts, quotas, jobs, descriptions of CRM fields", "Stand von Konten, Kontingenten, Aufträgen, Beschreibungen von CRM-Feldern"},
			Text{"as long as the account is configured", "solange das Konto eingerichtet ist"}, Text{"overwritten by the next state", "wird vom nächsten Stand überschrieben"}},
	}
}

// Places lists where values are kept. A type that is a part of another is kept with it.
func Places() []Place {
	none := Text{}
	return []Place{
		{Store, "mention", "pipeline.MentionRow", keepContent, none},
		{Store, "author", "pipeline.AuthorRow", keepContent, none},
		{Store, "conversation", "pipeline.ConversationRow", keepContent, none},
		{Store, "reply", "pipeline.ReplyRow", keepContent, none},
		{Store, "media", "pipeline.MediaRow", keepContent, none},
		{Store, "thread", "pipeline.ThreadRow", keepContent, none},
		{Store, "person", "pipeline.PersonRow", keepLink, none},
		{Store, "key", "pipeline.KeyRow", keepLink, none},
		{Store, "handle", "pipeline.HandleRow", keepContent, none},
		{Store, "often", "pipeline.OftenRow", keepState, none},
		{Store, "review", "pipeline.ReviewRow", keepReview, none},
		{Store, "merge", "pipeline.MergeRow", keepLink, none},
		{Store, "line", "ledger.Line", keepProof, none},
		{Store, "record", "pipeline.RecordRow", keepProof, none},
		{Store, "foreign", "pipeline.ForeignRow", keepProof, none},
		{Store, "seal", "pipeline.SealRow", keepProof, none},
		{Store, "leaf", "pipeline.LeafRow", keepProof, none},
		{Store, "late", "pipeline.LateRow", keepProof, none},
		{Store, "hour", "pipeline.HourRow", keepProof, none},
		{Store, "report", "report.Day", keepProof, none},
		{Store, "stale", "pipeline.StaleRow", keepProof, none},
		{Store, "tomb", "pipeline.TombRow", keepProof, none},
		{Store, "erasure", "pipeline.ErasureRow", keepProof, none},
		{Store, "access", "pipeline.AccessRow", keepWeek, none},
		{Store, "hold", "pipeline.HoldRow", keepTrail, none},
		{Store, "seen", "pipeline.SeenRow", keepWeek, none},
		{Store, "parked", "pipeline.ParkedRow", keepTransit, none},
		{Store, "due", "pipeline.DueRow", keepTransit, none},
		{Store, "closure", "pipeline.Closure", keepState, none},
		{Store, "account", "pipeline.AccountRow", keepState, none},
		{Store, "quota", "pipeline.QuotaRow", keepState, none},
		{Store, "sync", "pipeline.SyncRow", keepState, none},
		{Store, "job", "pipeline.JobRow", keepState, none},
		{Store, "pulse", "pipeline.PulseRow", keepState, none},
		{Store, "term", "pipeline.TermRow", keepTrail, none},
		{Store, "alert", "pipeline.AlertRow", keepTrail, none},
		{Store, "patch", "pipeline.PatchRow", keepProof, none},
		{Store, "described", "crm.Object", keepState, none},
		{Store, "token", "pipeline.TokenRow", keepAccess, none},
		{Store, "meta", "", keepState, Text{"the key of the hashes", "der Schlüssel der Hashwerte"}},
		{Store, "lease", "", keepTransit, Text{"who works on something just now: a chance number", "wer gerade an etwas arbeitet: eine Zufallszahl"}},
		{Store, "config", "config.Version", keepTrail, none},
		{Store, "consolelink", "console.linkRow", keepSession, none},
		{Store, "consolesession", "console.sessionRow", keepSession, none},
		{Store, "consoletoken", "console.tokenRow", keepAccess, none},
		{Store, "consoledraft", "console.draftRow", keepTrail, none},
		{Store, "audit", "pipeline.AuditRow", keepTrail, none},
		{Store, "consoletrial", "console.trialRow", keepTrial, Text{"a dry run: records as a draft would have written them, with what people said", "ein Probelauf: Datensätze, wie ein Entwurf sie geschrieben hätte, mit dem Gesagten"}},

		{Archive, "batch", "archive.Batch", keepReceipt, none},
		{Archive, "inputs", "decide.Inputs", keepReceipt, none},
		{Archive, "decision", "decide.Decision", keepReceipt, none},
		{Archive, "media", "", keepContent, Text{"copies of attachments: pictures, films, sound, PDF", "Kopien von Anhängen: Bilder, Filme, Ton, PDF"}},

		{Queue, "mentions-live, mentions-bulk", "pipeline.Envelope", keepTransit, none},
		{Queue, "changes", "pipeline.Envelope", keepTransit, Text{"the same, with what changed in a CRM", "dasselbe, mit Änderungen aus einem CRM"}},
		{Queue, "deliver-urgent, deliver-bulk", "pipeline.Task", keepTransit, none},
		{Queue, "polls", "pipeline.pollTask", keepTransit, none},
		{Queue, "replies", "", keepTransit, Text{"the id of an answer", "die Kennung einer Antwort"}},
		{Queue, "jobs", "", keepTransit, Text{"the id of a job, or of a mention whose attachments are copied", "die Kennung eines Auftrags oder einer Äußerung, deren Anhänge kopiert werden"}},

		{File, "rapport.db.api", "localrun.api", keepSession, none},
	}
}
