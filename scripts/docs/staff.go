package main

import (
	"fmt"
	"os"
	"strings"

	"rapport/shared/privacy"
)

// staffPage writes the tables of what is stored about staff into the paper, whose other words are written by hand.
func staffPage() ([]byte, error) {
	const path = "docs/works-council.md"
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	page := string(text)
	for _, lang := range []string{"de", "en"} {
		begin := "<!-- staff " + lang + " -->\n"
		head, rest, found := strings.Cut(page, begin)
		_, tail, closed := strings.Cut(rest, "<!-- end -->")
		if !found || !closed {
			return nil, fmt.Errorf("%s has no place for the table of staff in %s", path, lang)
		}
		page = head + begin + staffTable(lang) + "<!-- end -->" + tail
	}
	return []byte(page), nil
}

func staffTable(lang string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s | %s | %s |\n|---|---|---|---|\n", say(lang, "datum", "Datum"), say(lang, "what", "was"), say(lang, "what for", "wozu"), say(lang, "kept as", "Aufbewahrung"))
	for _, t := range privacy.Types() {
		for _, f := range t.Fields {
			if f.Category == privacy.Staff {
				kept := strings.Join(privacy.Kept(t.Name), ", ")
				if kept == "" {
					kept = say(lang, "with the record it is part of", "mit dem Datensatz, zu dem es gehört")
				}
				fmt.Fprintf(&b, "| `%s` %s | %s | %s | %s |\n", t.Name, f.Name, privacy.StaffNote(t.Name, f.Name).In(lang), privacy.Label(string(f.Purpose)).In(lang), kept)
			}
		}
	}
	if privacy.Pseudonyms {
		b.WriteString("\n" + say(lang, "A name is replaced after 90 days by a pseudonym, which stays in the entry and leads to nobody by itself: in the audit trail, in versions, drafts, tokens, legal holds and answers 90 days after it was written, as the owner of a record 90 days after the CRM last told it, as the owner of a conversation 90 days after that last changed. Each person has one pseudonym, so that counts still hold; who has the key of the installation and a name can compute it. Decisions about links and approvals of replays hold the pseudonym from the beginning, and no name reaches the archive: rules see owners by their pseudonyms. Log-ins end after twelve hours, with their rows.",
			"Ein Name wird nach 90 Tagen durch ein Pseudonym ersetzt, das im Eintrag stehen bleibt, für sich allein aber zu keinem Menschen führt: in Protokoll, Versionen, Entwürfen, Tokens, Aufbewahrungsanordnungen und Antworten 90 Tage, nachdem er geschrieben wurde, als Zuständigkeit für einen Datensatz 90 Tage, nachdem das CRM sie zuletzt gemeldet hat, als Zuständigkeit für ein Gespräch 90 Tage nach dessen letzter Änderung. Jede Person hat ein Pseudonym, damit Zählungen stimmen; wer den Schlüssel der Installation und einen Namen hat, kann es berechnen. Entscheidungen über Verbindungen und Freigaben von Wiederholungen enthalten von Anfang an das Pseudonym, und ins Archiv gelangt kein Name: Regeln sehen Zuständige unter ihrem Pseudonym. Anmeldungen enden nach zwölf Stunden, mit ihren Zeilen.") + "\n")
	} else {
		b.WriteString("\n" + say(lang, "**Not built yet:** that names in audit trail, versions, verdicts and answers are replaced by a pseudonym after 90 days. Until then they stay as long as their entry.",
			"**Noch nicht umgesetzt:** die Ersetzung der Namen in Protokoll, Versionen, Entscheidungen und Antworten durch ein Pseudonym nach 90 Tagen. Bis dahin bleiben sie so lange wie ihr Eintrag.") + "\n")
	}
	return b.String()
}
