package privacy

import "strings"

// is lists fields of one kind by their names.
func is(c Category, w Whose, p Purpose, names string) (list []Field) {
	for _, name := range strings.Fields(names) {
		list = append(list, Field{name, c, w, p})
	}
	return list
}

// parts lists fields that consist of other types.
func parts(names string) []Field { return is(Part, Nobody, "", names) }

// kind makes a type of the map.
func kind(name, en, de string, lists ...[]Field) Type {
	t := Type{Name: name, What: Text{en, de}}
	for _, l := range lists {
		t.Fields = append(t.Fields, l...)
	}
	return t
}

// Types lists every stored type. A type that holds another names it by a part.
func Types() []Type {
	var list []Type
	for _, some := range [][]Type{said(), decided(), people(), exchanged(), proven(), carried(), operated(), worked(), rights()} {
		list = append(list, some...)
	}
	return list
}

// said is what networks tell.
func said() []Type {
	return []Type{
		kind("flow.Mention", "one thing somebody said", "eine einzelne Äußerung",
			is(Identifier, Authors, Service, "id permalink to parent root"),
			is(Content, Authors, Service, "text tags links rating extra"),
			is(Derived, Authors, Service, "lang"),
			is(Content, Authors, Scoring, "likes shares comments views"),
			is(Operational, Nobody, Service, "network account brand kind direction private created edited reply_until deleted"),
			parts("author media")),
		kind("flow.Media", "one attachment, as its source describes it", "ein Anhang, wie ihn die Quelle beschreibt",
			is(Content, Authors, Service, "kind url alt type size expires")),
		kind("flow.Author", "the social account that said it", "das Konto, das sich geäußert hat",
			is(Identifier, Authors, Service, "id handle url"),
			is(Profile, Authors, Service, "name bio avatar location bot no_index extra created"),
			is(Profile, Authors, Scoring, "counted followers following posts listed verified"),
			is(Identifier, Authors, Matching, "proven")),
		kind("flow.Event", "one message of a network about a mention", "eine Mitteilung eines Netzwerks über eine Äußerung",
			is(Operational, Nobody, Service, "account verb at source thin"), parts("erase mention correction")),
		kind("flow.Correction", "what somebody of the brand says a text should have been read as", "als was ein Text nach Ansicht einer beschäftigten Person zu lesen war",
			is(Staff, Workers, Proof, "by at"), is(Operational, Nobody, Proof, "id of undo undone"), parts("to was")),
		kind("flow.Reading", "what a text is taken for", "wofür ein Text gehalten wird",
			is(Derived, Authors, Service, "lang sentiment complaint severity intents department")),
		kind("pipeline.MediaRow", "what became of a mention's attachments", "was aus den Anhängen einer Äußerung wurde",
			is(Operational, Nobody, Service, "at tries"), parts("items")),
		kind("pipeline.MediaItem", "one attachment and where its copy is", "ein Anhang und wo seine Kopie liegt",
			is(Operational, Nobody, Service, "state reason"), is(Identifier, Authors, Service, "ref")),
	}
}

// decided is what Rapport concludes.
func decided() []Type {
	return []Type{
		kind("decide.Inputs", "everything a decision looked at", "alles, worauf eine Entscheidung beruht",
			is(Operational, Nobody, Proof, "now received config model source may_match may_score no_reply no_private crowd crisis unknown people"),
			is(Derived, Authors, Proof, "objected consented refuses unscored"),
			parts("event known seen person candidates conversation before corrections")),
		kind("decide.Decision", "what was decided, with its reasons", "was entschieden wurde, mit Begründung",
			is(Derived, Authors, Service, "outcome reason lang sentiment polarity complaint severity intents confidence words pii department route priority due action why runner_up forbidden propensity urgent alert impostor claimed crisis topics"),
			is(Content, Authors, Service, "safe answer notice"),
			is(Operational, Nobody, Service, "answer_by"),
			is(Identifier, Authors, Matching, "person"),
			parts("found link suggest score combined seen conversation receipts")),
		kind("decide.Receipt", "the reason of one decision in plain words", "die Begründung einer Entscheidung in Worten",
			is(Operational, Nobody, Proof, "of"), is(Derived, Authors, Proof, "say")),
		kind("decide/personal.Entity", "an address or number that stands in a private message", "eine Adresse oder Nummer, die in einer privaten Nachricht steht",
			is(Content, Authors, Matching, "kind value")),
		kind("decide/identity.Candidate", "a person the author may be", "eine Person, die der Autor sein könnte",
			is(Identifier, Persons, Matching, "person"), is(Derived, Persons, Matching, "key evidence class way shared rejected bits sure"), parts("compared why")),
		kind("decide/identity.Point", "what was compared between an author and a person: that it agrees or not, without the value", "was zwischen einem Autor und einer Person verglichen wurde: ob es übereinstimmt, ohne den Wert",
			is(Derived, Persons, Matching, "of level often")),
		kind("decide/identity.Step", "what that is worth", "was das zählt",
			is(Derived, Persons, Matching, "of say bits")),
		kind("decide/score.Seen", "what an author did so far, in sums", "was ein Autor bisher tat, in Summen",
			is(Operational, Authors, Service, "last"), is(Derived, Authors, Scoring, "mentions reactions relevant by points day from from_day")),
		kind("flow.Score", "the Social Customer Score", "der Social Customer Score",
			is(Derived, Authors, Scoring, "total confidence version at"), parts("parts")),
		kind("flow.ScorePart", "one part of the score with its reason", "ein Teil des Scores mit Begründung",
			is(Derived, Authors, Scoring, "name points max reason")),
	}
}

// people is who speaks and whom they were linked to.
func people() []Type {
	return []Type{
		kind("pipeline.AuthorRow", "what is known of an author", "was über einen Autor bekannt ist",
			is(Identifier, Authors, Matching, "person"), is(Derived, Authors, Proof, "objected unscored"),
			is(Identifier, Authors, Proof, "applied inform_by"), is(Operational, Nobody, Proof, "first answered informed"), is(Identifier, Persons, Matching, "rejected"), is(Identifier, Authors, Service, "handles"), parts("author seen score judged told")),
		kind("pipeline.HandleRow", "from a handle, hashed, to who goes or went by it", "von einem Handle, als Hashwert, zu denen, die so heißen oder hießen",
			is(Identifier, Authors, Service, "authors")),
		kind("pipeline.Judged", "by which profile an author was looked for among known persons", "mit welchem Profil ein Autor unter bekannten Personen gesucht wurde",
			is(Identifier, Authors, Matching, "print"), is(Operational, Nobody, Matching, "look")),
		kind("flow.Told", "what somebody said about a purpose: a consent, an objection, or what took one back", "was jemand zu einem Zweck erklärt hat: Einwilligung, Widerspruch oder deren Rücknahme",
			is(Derived, Authors, Proof, "purpose what source at")),
		kind("flow.Person", "the human or company behind authors and CRM records", "der Mensch oder die Firma hinter Autoren und CRM-Datensätzen",
			is(Identifier, Persons, Matching, "id authors merged"), is(Profile, Persons, Matching, "name"),
			is(Derived, Persons, Proof, "objected consented unscored"), is(Derived, Persons, Service, "protected"),
			is(Staff, Workers, Service, "owner"), is(Operational, Nobody, Service, "accepted updated revision"), parts("links score scores told")),
		kind("flow.Link", "an edge to an author or to a CRM record, with its evidence", "eine Verbindung zu einem Autor oder CRM-Datensatz, mit Beleg",
			is(Identifier, Persons, Matching, "to object record"), is(Derived, Persons, Matching, "evidence class at"), is(Staff, Workers, Proof, "by")),
		kind("pipeline.PersonRow", "a person with the hashes of its matching keys", "eine Person mit den Hashwerten ihrer Abgleichschlüssel",
			is(Identifier, Persons, Matching, "keys"), is(Operational, Nobody, Proof, "erased owned"), parts("person traits merges")),
		kind("decide/identity.Traits", "what a person is compared by: name, city, employer and year of birth as hashes, initials and country as they are", "woran eine Person erkannt wird: Name, Ort, Arbeitgeber und Geburtsjahr als Hashwerte, Anfangsbuchstaben und Land offen",
			is(Profile, Persons, Matching, "f i l a s c n e b o")),
		kind("pipeline.KeyRow", "a hashed e-mail address, phone or customer number that leads to a person", "eine gehashte E-Mail-Adresse, Rufnummer oder Kundennummer, die zu einer Person führt",
			is(Identifier, Persons, Matching, "person others"), is(Derived, Persons, Matching, "kind evidence hot"), parts("known")),
		kind("pipeline.KnownRow", "one of those who go by a hashed name", "eine von mehreren Personen zu einem gehashten Namen",
			is(Identifier, Persons, Matching, "person"), parts("traits")),
		kind("pipeline.OftenRow", "how often names, cities and employers occur among known persons", "wie häufig Namen, Orte und Arbeitgeber unter bekannten Personen sind",
			is(Operational, Nobody, Matching, "job"), parts("counts")),
		kind("decide/identity.Counts", "counters of hashes; no name can be read out of them", "Zähler über Hashwerte; kein Name ist daraus zu lesen",
			is(Operational, Nobody, Matching, "total cells")),
		kind("flow.Erasure", "whose traces must go", "wessen Spuren zu löschen sind",
			is(Identifier, Authors, Proof, "id author person email"), is(Operational, Nobody, Proof, "reason at")),
	}
}

// exchanged is conversations and answers.
func exchanged() []Type {
	return []Type{
		kind("pipeline.ConversationRow", "the state of one exchange", "der Stand eines Austauschs",
			is(Operational, Nobody, Service, "erased replies status_at amended named reminded"), parts("conversation")),
		kind("flow.Conversation", "one exchange with one author in one place", "ein Austausch mit einem Autor an einem Ort",
			is(Identifier, Authors, Service, "id root previous start"), is(Identifier, Authors, Matching, "person"), is(Content, Authors, Service, "subject reply_note"),
			is(Derived, Authors, Service, "department queue priority severity action case due"), is(Staff, Workers, Service, "owner"),
			is(Operational, Nobody, Service, "account brand network private status number opened received owed first sla since escalated answered_at closed_at reopened_at reply_until updated reply_state reply_at source revision"),
			parts("author turns")),
		kind("flow.Turn", "one utterance of a conversation, shortened", "ein Beitrag eines Austauschs, gekürzt",
			is(Identifier, Authors, Service, "mention by permalink"), is(Content, Authors, Service, "text"), is(Operational, Nobody, Service, "direction at deleted edited replaced")),
		kind("pipeline.ReplyRow", "an answer on its way", "eine Antwort auf ihrem Weg",
			is(Operational, Nobody, Service, "at tries ended"), parts("reply")),
		kind("flow.Reply", "what goes back to a network", "was an ein Netzwerk zurückgeht",
			is(Identifier, Authors, Service, "id conversation mention native permalink record"), is(Content, Authors, Service, "text"),
			is(Staff, Workers, Proof, "sender seconds"), is(Operational, Nobody, Service, "account private state reason rule information crm asked until"), parts("author")),
	}
}

// proven is the ledger, the journal and what keeps things from coming twice.
func proven() []Type {
	return []Type{
		kind("pipeline.MentionRow", "a mention with the decision on it", "eine Äußerung mit der Entscheidung darüber",
			is(Operational, Nobody, Service, "source at revision erased amended"), is(Identifier, Authors, Proof, "by"), parts("mention decision events corrections")),
		kind("pipeline.EventRef", "which ledger line an event became", "welche Zeile des Hauptbuchs ein Ereignis wurde",
			is(Identifier, Authors, Proof, "id"), parts("line")),
		kind("ledger.Place", "where a ledger line is kept", "wo eine Zeile des Hauptbuchs liegt",
			is(Operational, Nobody, Proof, "Part Sort")),
		kind("ledger.Line", "what became of one received event: ids and reasons, no content", "was aus einem empfangenen Ereignis wurde: Kennungen und Gründe, kein Inhalt",
			is(Identifier, Authors, Proof, "event mention author exchange"), is(Operational, Nobody, Proof, "account network brand at outcome reason source config archive found erased salt"), parts("deliveries gist")),
		kind("ledger.Gist", "what was decided on it, for counts; the print of the words and the reach go with the author", "was darüber entschieden wurde, zum Zählen; Abdruck der Worte und Reichweite verschwinden mit dem Autor",
			is(Derived, Authors, Service, "sentiment complaint severity reach department topics queue opens heard"), is(Identifier, Authors, Service, "print"),
			is(Operational, Nobody, Proof, "own again"), is(Derived, Authors, Scoring, "score")),
		kind("pipeline.SealRow", "the seal of an hour of the ledger, or the head of their chain", "das Siegel einer Stunde des Hauptbuchs, oder der Kopf ihrer Kette",
			is(Operational, Nobody, Proof, "through hash"), parts("seal")),
		kind("ledger.Seal", "the seal of an hour: counts and roots over salted hashes", "das Siegel einer Stunde: Zahlen und Wurzeln über gesalzenen Hashwerten",
			is(Operational, Nobody, Proof, "number hour root config at prev"), parts("parts changes count")),
		kind("ledger.Sealed", "a part of a seal", "ein Teil eines Siegels",
			is(Operational, Nobody, Proof, "part chunks root"), parts("count")),
		kind("ledger.Tally", "counts by column", "Zahlen je Spalte",
			is(Operational, Nobody, Proof, "received written merged filtered suppressed rejected dead open")),
		kind("pipeline.LeafRow", "the entries of a seal: a salted hash of each line, which says nothing once the salt is erased", "die Einträge eines Siegels: je Zeile ein gesalzener Hashwert, der nach Löschung des Salzes nichts mehr aussagt", parts("entries")),
		kind("ledger.Entry", "one entry of a seal", "ein Eintrag eines Siegels",
			is(Operational, Nobody, Proof, "part sort old leaf from column")),
		kind("pipeline.LateRow", "that a line of an earlier hour is about to be changed", "dass eine Zeile einer früheren Stunde gleich geändert wird", parts("place")),
		kind("ledger.Delivery", "where one CRM account stands with it", "wie weit ein CRM-Konto damit ist",
			is(Identifier, Authors, Proof, "record records"), is(Operational, Nobody, Proof, "account state reason attempts begun created updated prints at")),
		kind("pipeline.RecordRow", "the journal of one CRM record: hashes of what was written", "das Journal eines CRM-Datensatzes: Hashwerte des Geschriebenen",
			is(Identifier, Authors, Proof, "object id"), is(Operational, Nobody, Proof, "written fields intents config at gone human patched looked restored undone")),
		kind("pipeline.ForeignRow", "leads from a CRM record back to our key", "führt von einem CRM-Datensatz zu unserem Schlüssel",
			is(Identifier, Persons, Proof, "key into")),
		kind("pipeline.SeenRow", "that something with an id was taken in", "dass etwas mit einer Kennung angenommen wurde",
			is(Operational, Nobody, Proof, "at")),
		kind("report.Day", "a brand's day in figures: it names nobody, and stays when somebody is erased", "der Tag einer Marke in Zahlen: er nennt niemanden und bleibt bei Löschungen stehen",
			is(Operational, Nobody, Service, "brand day at"), parts("cells tops agents")),
		kind("report.Cell", "counts of a network, department and queue; of authors two letters of a hash that thousands share, at most five", "Zahlen zu Netzwerk, Abteilung und Warteschlange; von Autoren zwei Buchstaben eines Hashwerts, den Tausende teilen, höchstens fünf",
			is(Operational, Nobody, Service, "network department queue mentions positive negative complaints marks reach contacts answered closed promised kept escalated first worked usd")),
		kind("report.Top", "points at the line of a mention whose author had a high score; to nothing once they are erased", "zeigt auf die Zeile einer Äußerung mit hoher Bewertung des Autors; nach einer Löschung auf nichts",
			is(Derived, Authors, Scoring, "score"), is(Operational, Nobody, Scoring, "mark part sort")),
		kind("report.Agent", "figures of one of the staff, only where the configuration switches them on with a reason", "Zahlen zu einer beschäftigten Person, nur wenn die Konfiguration sie mit Begründung einschaltet",
			is(Staff, Workers, Service, "name contacts answered promised kept worked"), is(Operational, Nobody, Service, "marks")),
		kind("pipeline.StaleRow", "that something of a day that is over has changed", "dass sich an einem vergangenen Tag etwas geändert hat"),
		kind("pipeline.HourRow", "that the ledger has lines in an hour", "dass das Hauptbuch in einer Stunde Zeilen hat"),
		kind("pipeline.PulseRow", "how a brand is: counts of what is said about it, of nobody", "wie es einer Marke geht: Zahlen darüber, was über sie gesagt wird, von niemandem",
			is(Operational, Nobody, Service, "terms"), parts("pulse pending")),
		kind("pipeline.TermRow", "words that at least five people said about a brand in a week, no names; made anew daily", "Wörter, die mindestens fünf Menschen in einer Woche über eine Marke sagten, keine Namen; täglich neu gebildet",
			is(Operational, Nobody, Service, "at"), parts("terms")),
		kind("decide/pulse.Terms", "such words", "solche Wörter",
			is(Operational, Nobody, Service, "people"), parts("terms")),
		kind("decide/pulse.Term", "a word, and how many people said it", "ein Wort, und wie viele Menschen es sagten",
			is(Operational, Nobody, Service, "word people")),
		kind("decide/pulse.Pulse", "the state of a brand", "der Zustand einer Marke",
			is(Operational, Nobody, Service, "at state kind since quiet number trouble volume record_at"), parts("level reading")),
		kind("decide/pulse.Level", "how much is usually said about it, by hour of the week", "wie viel üblicherweise über sie gesagt wird, nach Stunde der Woche",
			is(Operational, Nobody, Service, "from through sums all bad spread last last_bad")),
		kind("decide/pulse.Reading", "what one look at a brand counted", "was ein Blick auf eine Marke zählte",
			is(Operational, Nobody, Service, "at minutes voices bad good wide copies usual usual_bad trouble volume kind")),
		kind("decide/pulse.Change", "one change of a brand's state", "ein Wechsel des Zustands einer Marke",
			is(Operational, Nobody, Service, "number from to at"), parts("reading")),
		kind("pipeline.AlertRow", "a change of a brand's state that people were told of", "ein Zustandswechsel einer Marke, der Menschen gemeldet wurde",
			is(Operational, Nobody, Service, "say"), parts("change")),
		kind("pipeline.ThreadRow", "who complained under one post, in the order of coming", "wer sich unter einem Beitrag beschwert hat, in der Reihenfolge", parts("crowd")),
		kind("pipeline.Complainant", "an author, hashed, with the mention they came with", "ein Autor, gehasht, und seine Äußerung",
			is(Identifier, Authors, Service, "author mention")),
		kind("archive.Batch", "one object of the archive", "ein Objekt des Archivs",
			is(Operational, Nobody, Proof, "account at id"), parts("entries")),
		kind("archive.Entry", "what is kept of one received thing; inputs and decision hold decide.Inputs and decide.Decision", "was von etwas Empfangenem aufbewahrt wird; inputs und decision enthalten decide.Inputs und decide.Decision",
			is(Operational, Nobody, Proof, "line account at headers"), is(Identifier, Authors, Proof, "mention author"), is(Content, Authors, Proof, "raw inputs decision"),
			is(Content, Persons, Proof, "previous")),
	}
}

// carried is what travels through queues.
func carried() []Type {
	return []Type{
		kind("pipeline.Envelope", "leads a raw body through a queue; the body follows it", "führt einen Rohtext durch eine Warteschlange; der Rohtext folgt darauf",
			is(Operational, Nobody, Service, "r t h a s o d p n f i")),
		kind("pipeline.Task", "points at what a CRM must come to hold", "zeigt auf das, was ein CRM enthalten soll",
			is(Operational, Nobody, Service, "version seen lane kinds tries patch bad"), parts("place line")),
		kind("flow.Delivery", "the pointer itself", "der Zeiger selbst",
			is(Identifier, Authors, Service, "mention conversation person"), is(Operational, Nobody, Service, "account attempted")),
		kind("pipeline.pollTask", "an account whose time has come to be read", "ein Konto, das jetzt zu lesen ist",
			is(Operational, Nobody, Service, "account crm subscribe")),
		kind("pipeline.ParkedRow", "a message that waits for its account", "eine Nachricht, die auf ihr Konto wartet",
			is(Content, Authors, Service, "body"), is(Operational, Nobody, Service, "lane group reason dead at")),
	}
}

// operated is what the machinery keeps of itself.
func operated() []Type {
	return []Type{
		kind("pipeline.Closure", "that an account takes nothing now, and why", "dass ein Konto gerade nichts annimmt, und warum",
			is(Operational, Nobody, Operation, "kind reason since until probes fields")),
		kind("pipeline.AccountRow", "how far an account was read, and what is amiss", "wie weit ein Konto gelesen ist, und was fehlt",
			is(Operational, Nobody, Operation, "cursor next last fails problem kind config bad"), parts("gap")),
		kind("pipeline.Gap", "a stretch in which an account told nothing", "eine Zeit, in der ein Konto nichts meldete",
			is(Operational, Nobody, Operation, "from to events job note")),
		kind("pipeline.TokenRow", "an account's access, encrypted", "der Zugang eines Kontos, verschlüsselt",
			is(Operational, Nobody, Operation, "access refresh expires scopes target")),
		kind("pipeline.QuotaRow", "how many calls were made or how much was spent", "wie viele Aufrufe erfolgten oder wie viel ausgegeben wurde",
			is(Operational, Nobody, Operation, "window used urgent before by spent"), parts("days")),
		kind("pipeline.DayCalls", "how many calls were made on a day", "wie viele Aufrufe an einem Tag erfolgten",
			is(Operational, Nobody, Operation, "day by")),
		kind("pipeline.SyncRow", "how far the matching keys of a CRM are known", "wie weit die Abgleichschlüssel eines CRM bekannt sind",
			is(Operational, Nobody, Operation, "spec job read at")),
		kind("pipeline.DueRow", "something that has to happen at a minute", "etwas, das zu einer Minute geschehen muss",
			is(Identifier, Authors, Service, "subject"), is(Operational, Nobody, Service, "kind account at")),
		kind("pipeline.JobRow", "long work in pages", "lange Arbeit in Seiten",
			is(Identifier, Authors, Proof, "authors people"),
			is(Operational, Nobody, Operation, "id kind account from to cursor pages done total state problem started updated fails pass fresh swept closing report held spec copies"), parts("erasure result gaps again objection relink")),
		kind("pipeline.Objection", "purposes that somebody objected to, on the way to being carried out", "Zwecke, denen jemand widersprochen hat, in Ausführung",
			is(Derived, Authors, Proof, "purposes what source at"), is(Operational, Nobody, Proof, "passes")),
		kind("pipeline.Gaps", "what a network lists, compared with what came, in numbers", "was ein Netzwerk auflistet, verglichen mit dem Eingegangenen, in Zahlen",
			is(Operational, Nobody, Proof, "listed known found"), parts("hours")),
		kind("pipeline.GapHour", "the same of one hour", "dasselbe für eine Stunde",
			is(Operational, Nobody, Proof, "hour listed known found")),
		kind("pipeline.Again", "what somebody approved of a replay or an undo", "was jemand an einer Wiederholung oder Rücknahme gebilligt hat",
			is(Identifier, Authors, Proof, "event"), is(Staff, Workers, Proof, "by"), is(Operational, Nobody, Operation, "accounts approved drafted refs next skipped")),
		kind("pipeline.PatchRow", "one CRM record that a replay or an undo changes; the values stand in the archive alone", "ein CRM-Datensatz, den eine Wiederholung oder Rücknahme ändert; die Werte stehen allein im Archiv",
			is(Identifier, Authors, Proof, "key mention conversation"),
			is(Operational, Nobody, Operation, "account object kind verb ref line revision undo state reason left at")),
		kind("pipeline.Erased", "what an erasure found and removed, in numbers", "was eine Löschung fand und entfernte, in Zahlen",
			is(Operational, Nobody, Proof, "mentions conversations records archive in"), parts("foreign")),
		kind("crm.Object", "which fields a CRM has", "welche Felder ein CRM hat",
			is(Operational, Nobody, Operation, "Name Label Creatable"), parts("Fields")),
		kind("crm.Field", "one field of a CRM", "ein Feld eines CRM",
			is(Operational, Nobody, Operation, "Name Label Type Max Required ReadOnly Unique Ours Refers"), parts("Choices")),
		kind("crm.Choice", "one value of a pick list", "ein Wert einer Auswahlliste",
			is(Operational, Nobody, Operation, "Value Label")),
	}
}

// worked is what is kept of the customer's own people.
func worked() []Type {
	return []Type{
		kind("config.Version", "one published configuration", "eine veröffentlichte Konfiguration",
			is(Staff, Workers, Proof, "by"), is(Identifier, Authors, Operation, "text"), is(Operational, Nobody, Operation, "number hash at note")),
		kind("console.linkRow", "a one-time link into the console", "ein Einmal-Link in die Konsole",
			is(Staff, Workers, Operation, "user roles")),
		kind("console.sessionRow", "a log-in", "eine Anmeldung",
			is(Staff, Workers, Operation, "user roles until seen subject proof"), is(Operational, Nobody, Operation, "csrf idle")),
		kind("console.trialRow", "a dry run between two calls: records as a draft would have written them, encrypted", "ein Probelauf zwischen zwei Aufrufen: Datensätze, wie ein Entwurf sie geschrieben hätte, verschlüsselt",
			is(Content, Authors, Operation, "sealed")),
		kind("console.tokenRow", "a token of the API; the token itself is kept as a hash alone", "ein Token der API; vom Token selbst nur der Hashwert",
			is(Staff, Workers, Operation, "by"), is(Operational, Nobody, Operation, "name role at")),
		kind("console.draftRow", "the configuration as it may become", "die Konfiguration im Entwurf",
			is(Staff, Workers, Proof, "by"), is(Identifier, Authors, Operation, "text"), is(Operational, Nobody, Operation, "base at")),
		kind("pipeline.AuditRow", "one thing that somebody did, or tried to do, in the console or by command", "eine Handlung, auch eine versuchte, in der Konsole oder per Befehl",
			is(Staff, Workers, Proof, "at by did"), is(Identifier, Authors, Proof, "what"), is(Operational, Nobody, Proof, "from result")),
		kind("localrun.api", "where the running process takes commands, and its token, for its owner alone", "wo der laufende Prozess Befehle annimmt, und sein Token, nur für den Besitzer lesbar",
			is(Operational, Nobody, Operation, "addr token")),
		kind("pipeline.ReviewRow", "somebody an author may be, and what a person of the staff said about it", "eine mögliche Person hinter einem Autor, und was jemand darüber entschied",
			is(Identifier, Authors, Matching, "author mention"), is(Identifier, Persons, Matching, "person"), is(Operational, Nobody, Matching, "brand network at"),
			is(Staff, Workers, Proof, "by decided"), is(Derived, Persons, Matching, "verdict"), parts("candidate")),
		kind("pipeline.MergeRow", "two persons that somebody made one, with what undoes it", "zwei von jemandem zusammengeführte Personen, mit dem, was das rückgängig macht",
			is(Identifier, Persons, Matching, "id winner loser"), is(Operational, Nobody, Proof, "state at undone noted why"), is(Staff, Workers, Proof, "by"), parts("was keys records")),
		kind("pipeline.MovedKey", "where the two stood under a hashed key", "wo die beiden unter einem gehashten Schlüssel standen",
			is(Identifier, Persons, Matching, "hash"), is(Operational, Nobody, Matching, "loser winner"), parts("known")),
		kind("pipeline.MovedRecord", "a CRM record that stands for the survivor", "ein CRM-Datensatz, der für die verbleibende Person steht",
			is(Operational, Nobody, Matching, "account object")),
		kind("pipeline.Absorbed", "what a person got in a merge", "was eine Person bei einer Zusammenführung erhielt",
			is(Identifier, Persons, Matching, "merge authors places"), is(Profile, Persons, Matching, "name"), is(Identifier, Authors, Scoring, "scores"), is(Derived, Persons, Proof, "objected brought had scored unscored excludes excluded protected protects"),
			is(Operational, Nobody, Service, "accepted"), parts("links told")),
		kind("pipeline.Relink", "a link that somebody made or took back", "eine von jemandem hergestellte oder gelöste Verbindung",
			is(Identifier, Authors, Matching, "author"), is(Identifier, Persons, Matching, "person merge"), is(Derived, Persons, Matching, "evidence"), is(Staff, Workers, Proof, "by at"),
			is(Operational, Nobody, Proof, "verb")),
	}
}
