package report

// Text is a sentence in the languages of the console and the documents.
type Text struct {
	EN string `json:"en"`
	DE string `json:"de"`
}

// In gives the text in a language: de, or anything else for English.
func (t Text) In(lang string) string {
	if lang == "de" {
		return t.DE
	}
	return t.EN
}

// Meaning is a key figure with its definition.
type Meaning struct {
	Key  string `json:"key"` // as in JSON and CSV
	Name Text   `json:"name"`
	Say  Text   `json:"says"`
}

// Meanings lists the key figures in the order of the report. Page, command, CSV and documents show the same.
func Meanings() []Meaning {
	return []Meaning{
		{"mentions", Text{"Mentions", "Äußerungen"},
			Text{"What people said and a rule did not drop, each once, on the day it was received. Edits, repeats, the brand's own words, the past that a backfill brought and tests do not count.",
				"Was Menschen sagten und keine Regel verwarf, jedes einmal, am Tag des Eingangs. Änderungen, Wiederholungen, eigene Worte der Marke, nachgeladene Vergangenheit und Tests zählen nicht."}},
		{"positive", Text{"positive", "positiv"}, Text{"Mentions understood as positive towards the brand.", "Äußerungen, die als freundlich zur Marke verstanden wurden."}},
		{"negative", Text{"negative", "negativ"}, Text{"Mentions understood as negative towards the brand.", "Äußerungen, die als unfreundlich zur Marke verstanden wurden."}},
		{"mood", Text{"Mood", "Stimmung"}, Text{"Positive minus negative, in percent of the mentions: from −100 to 100.", "Positive minus negative, in Prozent der Äußerungen: von −100 bis 100."}},
		{"complaints", Text{"Complaints", "Beschwerden"}, Text{"Mentions understood as a complaint about the brand.", "Äußerungen, die als Beschwerde über die Marke verstanden wurden."}},
		{"contacts", Text{"Contacts", "Kontakte"},
			Text{"Conversations that waited for the brand, on the day when what opened them was received, under the department and queue they have now. What its author took back before any answer does not count.",
				"Gespräche, die auf die Marke warteten, am Eingangstag dessen, was sie eröffnete, bei Abteilung und Warteschlange von jetzt. Was vor einer Antwort zurückgenommen wurde, zählt nicht."}},
		{"answered", Text{"Answered", "Beantwortet"}, Text{"Contacts with an answer of the brand, from whatever tool, whenever it came.", "Kontakte mit einer Antwort der Marke, aus welchem Werkzeug und wann auch immer."}},
		{"closed_without_answer", Text{"Closed without one", "Ohne geschlossen"}, Text{"Contacts that somebody closed in the CRM without a word on the network.", "Kontakte, die im CRM ohne ein Wort im Netzwerk geschlossen wurden."}},
		{"answered_percent", Text{"Share answered", "Anteil beantwortet"}, Text{"Answered, in percent of the contacts.", "Beantwortete in Prozent der Kontakte."}},
		{"first_answer_minutes", Text{"First answer", "Erste Antwort"},
			Text{"The middle time (median) from the first mention that waited to the first answer, in minutes of working time, of the answered contacts; minutes are rounded to two digits.",
				"Die mittlere Zeit (Median) von der ersten wartenden Äußerung bis zur ersten Antwort, in Minuten Arbeitszeit, der beantworteten Kontakte; Minuten auf zwei Stellen gerundet."}},
		{"first_answer_p90_minutes", Text{"First answer, slow", "Erste Antwort, langsam"}, Text{"Nine of ten answered contacts had theirs within so many minutes of working time.", "Neun von zehn beantworteten Kontakten hatten ihre innerhalb so vieler Minuten Arbeitszeit."}},
		{"first_answer_clock_minutes", Text{"First answer, as waited", "Erste Antwort, erlebt"}, Text{"The middle time as the author waits: nights and holidays too.", "Die mittlere Zeit, wie der Autor sie erlebt: auch nachts und an Feiertagen."}},
		{"sla_decided", Text{"SLA decided", "SLA entschieden"}, Text{"Contacts whose first answer was owed by a time, and of which it is certain whether it came by then.", "Kontakte mit einer Frist zur ersten Antwort, bei denen feststeht, ob sie eingehalten wurde."}},
		{"sla_kept_percent", Text{"SLA kept", "SLA gehalten"}, Text{"Of these, those answered, or closed in the CRM, in time.", "Davon die rechtzeitig beantworteten oder im CRM geschlossenen."}},
		{"escalated", Text{"Escalated", "Eskaliert"}, Text{"Contacts that were escalated at least once in the present clock.", "Kontakte, die in der jetzigen Frist mindestens einmal eskaliert wurden."}},
		{"usd_per_contact", Text{"Cost per contact, USD", "Kosten je Kontakt, USD"},
			Text{"What Rapport itself cost, divided by the contacts: AWS reckoned from the ledger by list prices (in a local home: what it would cost there) and the networks' counted fees; without polls, waiting and people. A network's day is shared by mentions.",
				"Was Rapport selbst kostete, geteilt durch die Kontakte: AWS aus dem Hauptbuch nach Listenpreisen gerechnet (lokal: was es dort kosten würde) und gezählte Gebühren der Netzwerke; ohne Abfragen, Warten und Menschen. Der Tag eines Netzwerks wird nach Äußerungen aufgeteilt."}},
		{"reach_of_top_fifth_percent", Text{"Reach of the top 20 %", "Reichweite der oberen 20 %"},
			Text{"Of all followers of those who spoke, as far as networks tell them, the share of the fifth with the most; each author counts once a day, followers are rounded to two digits.",
				"Der Anteil des Fünftels mit den meisten Followern an allen Followern derer, die sprachen, soweit Netzwerke sie nennen; jeder Autor zählt einmal am Tag, Follower auf zwei Stellen gerundet."}},
	}
}

// Rules are what holds for all figures.
func Rules() []Text {
	return []Text{
		{"Nothing is said of groups and days with fewer than five people; they are counted together as “other” where they are five together, and otherwise left out of the total too.",
			"Über Gruppen und Tage mit weniger als fünf Menschen wird nichts gesagt; sie stehen zusammen unter „other“, wenn sie zusammen fünf sind, und fehlen sonst auch in der Summe."},
		{"Days are those of the brand's time zone. A day is counted every six hours as long as it lasts or something of it changes, so an answer to an old contact shows within six hours.",
			"Tage sind die der Zeitzone der Marke. Ein Tag wird alle sechs Stunden gezählt, solange er dauert oder sich etwas an ihm ändert; eine Antwort auf einen alten Kontakt erscheint also binnen sechs Stunden."},
		{"Mentions count as they were read first. What a person corrects later, or an author edits, moves the contact to the department it has then; mood and complaints stay.",
			"Äußerungen zählen so, wie sie zuerst gelesen wurden. Was ein Mensch später berichtigt oder ein Autor ändert, verschiebt den Kontakt zu der Abteilung, die er dann hat; Stimmung und Beschwerden bleiben."},
		{"What was counted names nobody and stays when somebody is erased; a day that is counted anew afterwards has their mentions still, without the author, and their conversations no more.",
			"Gezähltes nennt niemanden und bleibt bei einer Löschung stehen; ein danach neu gezählter Tag enthält die Äußerungen weiter ohne Autor, die Gespräche nicht mehr."},
		{"Figures of single members of the staff do not exist unless the configuration switches them on with a reason; nobody is ranked.",
			"Zahlen zu einzelnen Beschäftigten gibt es nur, wenn die Konfiguration sie mit einer Begründung einschaltet; eine Rangfolge gibt es nicht."},
	}
}
