package console

// germanRights is the German of the pages about people's rights.
var germanRights = map[string]string{
	"Objection": "Widerspruch", "Author id, handle, e-mail address, CRM record or person id": "Autor-Id, Name, E-Mail-Adresse, CRM-Datensatz oder Personen-Id", "Purpose": "Zweck",
	"scoring": "Bewertung", "matching": "Abgleich", "contract": "Vertrag", "legitimate_interest": "berechtigtes Interesse", "consent": "Einwilligung", "no basis": "keine Grundlage", "not done": "findet nicht statt",
	"The objection is taken back": "Der Widerspruch wird zurückgenommen", "The purpose ends for this person, and its results go, here and in the CRMs.": "Der Zweck endet für diese Person, und seine Ergebnisse verschwinden, hier und in den CRMs.",
	"Carry out": "Ausführen", "Answer to a request for access": "Auskunft", "Gathers everything that is held about them. The file can be fetched for a week.": "Stellt alles zusammen, was über die Person gespeichert ist. Die Datei lässt sich eine Woche lang abholen.",
	"Gather it": "Zusammenstellen", "To be told": "Zu unterrichten", "To be told, of them overdue:": "Zu unterrichten, davon überfällig:", "It is being carried out": "Er wird ausgeführt", "It is noted": "Es ist vermerkt",
	"Who spoke about the brand is told what is done with their data within a month, or with the first answer. The first answer that has room for it carries the brand's line.": "Wer über die Marke gesprochen hat, erfährt binnen eines Monats oder mit der ersten Antwort, was mit den Daten geschieht. Die erste Antwort, in die sie passt, trägt die Zeile der Marke.",
	"Kept since": "Gespeichert seit", "Note": "Vermerk", "Told otherwise": "Anders unterrichtet", "overdue": "überfällig",
	"a month after the first data": "ein Monat nach den ersten Daten", "answered before, without room for it or without a text": "bereits beantwortet, ohne Platz dafür oder ohne Text",
}
