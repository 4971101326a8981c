package privacy

// StaffNote says what a field about the customer's own people holds, and who sees it. Empty for fields of others.
func StaffNote(of, field string) Text {
	return map[string]Text{
		"flow.Person owner":          {"e-mail address of who owns the record in the CRM, as the CRM tells it", "E-Mail-Adresse der im CRM zuständigen Person, wie das CRM sie meldet"},
		"flow.Conversation owner":    {"e-mail address of who works on the case in the CRM, as the CRM tells it", "E-Mail-Adresse der im CRM am Vorgang arbeitenden Person, wie das CRM sie meldet"},
		"report.Agent name":          {"the pseudonym of who owns cases in the CRM; nothing of it is kept unless the configuration asks for it with a reason", "das Pseudonym der im CRM zuständigen Person; nichts davon wird aufbewahrt, solange die Konfiguration es nicht mit Begründung verlangt"},
		"report.Agent contacts":      {"how many contacts of a day were theirs", "wie viele Kontakte eines Tages bei ihr lagen"},
		"report.Agent answered":      {"how many of these were answered, by whomever", "wie viele davon beantwortet wurden, von wem auch immer"},
		"report.Agent promised":      {"for how many an answer was owed by a time", "bei wie vielen eine Frist galt"},
		"report.Agent kept":          {"how many of these were answered in time", "wie viele davon rechtzeitig beantwortet wurden"},
		"report.Agent worked":        {"how long the first answers took in working time", "wie lange die ersten Antworten in Arbeitszeit brauchten"},
		"flow.Link by":               {"the rule that made the link, or the pseudonym of who confirmed it", "die Regel, die die Verbindung hergestellt hat, oder das Pseudonym der Person, die sie bestätigt hat"},
		"flow.Correction by":         {"the pseudonym of who corrected what a text was read as", "das Pseudonym der Person, die korrigiert hat, wofür ein Text gehalten wurde"},
		"flow.Correction at":         {"when", "wann"},
		"pipeline.HoldRow by":        {"who set the legal hold", "wer die Aufbewahrung angeordnet hat"},
		"flow.Reply seconds":         {"who else wrote or approved the same words", "wer dieselben Worte sonst noch geschrieben oder freigegeben hat"},
		"flow.Reply sender":          {"who approved the answer", "wer die Antwort freigegeben hat"},
		"config.Version by":          {"who published the configuration", "wer die Konfiguration veröffentlicht hat"},
		"console.draftRow by":        {"who last changed the draft", "wer den Entwurf zuletzt geändert hat"},
		"console.linkRow user":       {"for whom the link was made", "für wen der Link erzeugt wurde"},
		"console.linkRow roles":      {"what they may do", "was die Person darf"},
		"console.sessionRow user":    {"who is logged in", "wer angemeldet ist"},
		"console.sessionRow roles":   {"what they may do", "was die Person darf"},
		"console.sessionRow until":   {"when the log-in ends", "wann die Anmeldung endet"},
		"console.sessionRow seen":    {"when the log-in was last used, so that it ends when it is not", "wann die Anmeldung zuletzt benutzt wurde, damit sie bei Nichtnutzung endet"},
		"console.sessionRow subject": {"the id by which the company's log-in service knows them", "die Kennung, unter der der Anmeldedienst des Unternehmens die Person führt"},
		"console.sessionRow proof":   {"the log-in service's proof, encrypted, to log out with", "der Nachweis des Anmeldedienstes, verschlüsselt, zum Abmelden"},
		"console.tokenRow by":        {"who made the token", "wer das Token erzeugt hat"},
		"pipeline.AuditRow at":       {"when it was done", "wann es geschah"},
		"pipeline.AuditRow by":       {"who did it", "wer es tat"},
		"pipeline.AuditRow did":      {"what was done, such as “logged in”", "was getan wurde, etwa „logged in“"},
		"console.verdictRow by":      {"the pseudonym of who decided about a suggested link", "das Pseudonym der Person, die über eine vorgeschlagene Verbindung entschied"},
		"console.verdictRow at":      {"when", "wann"},
		"pipeline.Again by":          {"the pseudonym of who approved a replay or an undo", "das Pseudonym der Person, die eine Wiederholung oder Rücknahme gebilligt hat"},
	}[of+" "+field]
}
