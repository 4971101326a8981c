package privacy

// Label gives the word of the papers for a word of the map: a category, whose, a purpose, a basis, a kind of place.
func Label(word string) Text {
	t, ok := map[string]Text{
		string(Content):     {"content", "Inhalt"},
		string(Identifier):  {"identifier", "Kennung"},
		string(Profile):     {"profile", "Profil"},
		string(Derived):     {"derived", "abgeleitet"},
		string(Staff):       {"staff", "Beschäftigte"},
		string(Operational): {"operational", "Betrieb"},

		string(Authors): {"authors", "Autoren"},
		string(Persons): {"persons in the CRM", "Personen im CRM"},
		string(Nobody):  {"nobody", "niemand"},

		string(Service):   {"service: see, route and answer what is said to the brand", "Service: sehen, zuordnen und beantworten, was der Marke gesagt wird"},
		string(Matching):  {"matching: know whether who speaks is a customer already", "Abgleich: wissen, ob jemand bereits Kunde ist"},
		string(Scoring):   {"scoring: weigh how far it carries", "Bewertung: einschätzen, wie weit eine Äußerung trägt"},
		string(Proof):     {"proof: show what became of everything, honour deletions and objections", "Nachweis: belegen, was womit geschah, Löschungen und Widersprüche beachten"},
		string(Operation): {"operation: run safely", "Betrieb: sicher betreiben"},
		"product":         {"product feedback", "Rückmeldungen zu Produkten"},
		"marketing":       {"marketing", "Marketing"},

		"contract":            {"contract, Art. 6(1)(b) GDPR", "Vertrag, Art. 6 Abs. 1 lit. b DSGVO"},
		"legitimate_interest": {"legitimate interest, Art. 6(1)(f) GDPR", "berechtigtes Interesse, Art. 6 Abs. 1 lit. f DSGVO"},
		"legal_obligation":    {"legal obligation, Art. 6(1)(c) with Art. 5(2), 17 and 21 GDPR", "rechtliche Verpflichtung, Art. 6 Abs. 1 lit. c i. V. m. Art. 5 Abs. 2, Art. 17 und 21 DSGVO"},
		"consent":             {"consent, Art. 6(1)(a) GDPR", "Einwilligung, Art. 6 Abs. 1 lit. a DSGVO"},
		"none":                {"not done", "findet nicht statt"},

		Store:   {"store", "Datenspeicher"},
		Archive: {"archive", "Archiv"},
		Queue:   {"queue", "Warteschlange"},
		File:    {"file", "Datei"},
	}[word]
	if !ok {
		return Text{word, word}
	}
	return t
}
