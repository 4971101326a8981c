package privacy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/network"
)

// Running is what a record of processing is made of: the configuration in use, and what connectors say of themselves.
type Running struct {
	Doc      *config.Document
	Networks map[string]network.Info // by kind
	CRMs     map[string]crm.Info     // by kind
	Written  []Written
	Home     string // where it runs: the region on AWS, "" = one process with one file
	At       time.Time
}

// Written is what one CRM account is given of one object.
type Written struct {
	Account, Object, For string
	Fields               map[string]string // field → expression that fills it
}

// Purposes lists what personal data may be processed for, as the configuration names it.
func Purposes() []string { return []string{"service", "matching", "scoring", "product", "marketing"} }

// BasisOf gives the basis of a purpose under a configuration.
func BasisOf(doc *config.Document, purpose string) string {
	if b := doc.Basis[purpose]; b != "" {
		return b
	}
	if purpose == "product" || purpose == "marketing" {
		return "none"
	}
	return "legitimate_interest"
}

// record writes the paper.
type record struct {
	strings.Builder
	Running
	lang string
}

// say writes a text in the paper's language.
func (r *record) say(en, de string, args ...any) {
	fmt.Fprintf(r, Text{en, de}.In(r.lang), args...)
}

func (r *record) text(en, de string) string { return Text{en, de}.In(r.lang) }

func (r *record) label(word string) string { return Label(word).In(r.lang) }

// row writes a row of a table.
func (r *record) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.NewReplacer("|", "\\|", "\n", " ").Replace(c)
	}
	fmt.Fprintf(r, "| %s |\n", strings.Join(cells, " | "))
}

func (r *record) head(cells ...string) {
	r.row(cells...)
	fmt.Fprintf(r, "|%s\n", strings.Repeat("---|", len(cells)))
}

// Record writes the record of processing activities (Art. 30(1) GDPR) of a running installation, as Markdown in a language:
// de, or anything else for English. What only the company knows is a blank in double brackets. It holds no personal data
// and no secret. The same input gives the same text.
func Record(lang string, in Running) string {
	r := &record{Running: in, lang: lang}
	r.say("# Record of processing: social networks and CRM\n\nArt. 30(1) GDPR. Made by `rapport privacy report` on %s from configuration `%s`. Fill in what stands in [[double brackets]], and let your data protection officer look at all of it.\n",
		"# Verzeichnis von Verarbeitungstätigkeiten: soziale Netzwerke und CRM\n\nArt. 30 Abs. 1 DSGVO. Erstellt von `rapport privacy report --lang de` am %s aus der Konfiguration `%s`. Was in [[doppelten Klammern]] steht, ist zu ergänzen; Ihre Datenschutzbeauftragte oder Ihr Datenschutzbeauftragter prüft das Ganze.\n",
		in.At.UTC().Format("2006-01-02"), short(in.Doc.Hash))
	r.who()
	r.purposes()
	r.subjects()
	r.sources()
	r.recipients()
	r.processors()
	r.terms()
	r.replies()
	r.say("\n## 9. Technical and organisational measures\n\nArt. 30(1)(g), Art. 32 GDPR: see `docs/privacy/en/measures.md`, and [[your own measures: building, staff, devices]].\n",
		"\n## 9. Technische und organisatorische Maßnahmen\n\nArt. 30 Abs. 1 lit. g, Art. 32 DSGVO: siehe `docs/privacy/de/measures.md` sowie [[eigene Maßnahmen: Gebäude, Personal, Geräte]].\n")
	return r.String()
}

func short(hash string) string { return hash[:min(len(hash), 12)] }

func (r *record) who() {
	r.say("\n## 1. Who\n\n", "\n## 1. Verantwortliche\n\n")
	r.head(r.text("role", "Rolle"), r.text("name and contact", "Name und Kontakt"))
	r.row(r.text("controller, Art. 4(7) GDPR", "Verantwortlicher, Art. 4 Nr. 7 DSGVO"), r.text("[[company, address, represented by]]", "[[Firma, Anschrift, Vertretung]]"))
	r.row(r.text("data protection officer, Art. 37 GDPR", "Datenschutzbeauftragte oder Datenschutzbeauftragter, Art. 37 DSGVO"), r.text("[[name, e-mail]]", "[[Name, E-Mail]]"))
	r.row(r.text("department in charge", "zuständige Abteilung"), r.text("[[department]]", "[[Abteilung]]"))
	r.row(r.text("jointly with, Art. 26 GDPR", "gemeinsam mit, Art. 26 DSGVO"), r.text("[[none, or: Meta for Page insights, if you use them]]", "[[niemandem, oder: Meta für Seiten-Insights, falls genutzt]]"))
	var brands []string
	for _, b := range r.Doc.Brands {
		name := b.Name
		if b.Title != "" && b.Title != b.Name {
			name += " (" + b.Title + ")"
		}
		brands = append(brands, name)
	}
	r.row(r.text("brands", "Marken"), strings.Join(brands, ", "))
}

func (r *record) purposes() {
	r.say("\n## 2. Purposes and lawful bases\n\nArt. 30(1)(b), Art. 6 GDPR. A purpose without a basis is not carried out; an objection (Art. 21) or a withdrawn consent (Art. 7(3)) stops it for that person and removes its results.\n\n",
		"\n## 2. Zwecke und Rechtsgrundlagen\n\nArt. 30 Abs. 1 lit. b, Art. 6 DSGVO. Ein Zweck ohne Grundlage wird nicht verfolgt; ein Widerspruch (Art. 21) oder eine widerrufene Einwilligung (Art. 7 Abs. 3) beendet ihn für die betroffene Person und entfernt seine Ergebnisse.\n\n")
	r.head(r.text("purpose", "Zweck"), r.text("basis", "Grundlage"))
	for _, p := range Purposes() {
		basis := r.label(BasisOf(r.Doc, p))
		if p == "scoring" && r.Doc.Score.Off {
			basis = r.label("none")
		}
		r.row(r.label(p), basis)
	}
	for _, p := range []Purpose{Proof, Operation} {
		r.row(r.label(string(p)), r.label(p.Basis()))
	}
	r.say("\nWhere the basis is legitimate interest, the balance is in `docs/privacy/en/legitimate-interest.md`.\n", "\nDie Abwägung zum berechtigten Interesse steht in `docs/privacy/de/legitimate-interest.md`.\n")
}

func (r *record) subjects() {
	r.say("\n## 3. Whose data, and which\n\nArt. 30(1)(c) GDPR. Field by field: `docs/privacy/en/data-map.md`.\n\n", "\n## 3. Betroffene Personen und Datenkategorien\n\nArt. 30 Abs. 1 lit. c DSGVO. Feld für Feld: `docs/privacy/de/data-map.md`.\n\n")
	r.head(r.text("people", "Personen"), r.text("data", "Daten"))
	r.row(r.text("people who write to or about the brands, and whom they name", "Menschen, die den Marken oder über sie schreiben, und wen sie nennen"),
		r.text("what they wrote, with attachments; id, handle, name, picture, biography, follower counts, as the network shows them; what was concluded: language, sentiment, complaint, intent, department, priority, score with its reasons",
			"was sie geschrieben haben, mit Anhängen; Kennung, Name im Netzwerk, Name, Bild, Selbstbeschreibung, Zahl der Follower, soweit das Netzwerk sie zeigt; Schlussfolgerungen: Sprache, Stimmung, Beschwerde, Anliegen, Abteilung, Dringlichkeit, Score mit Gründen"))
	r.row(r.text("customers and contacts in the CRM", "Kundinnen, Kunden und Kontakte im CRM"),
		r.text("record id, matching keys as keyed hashes (e-mail, phone, customer number), objections and consents, links with their evidence", "Datensatz-Kennung, Abgleichschlüssel als Hashwerte mit geheimem Schlüssel (E-Mail, Rufnummer, Kundennummer), Widersprüche und Einwilligungen, Verbindungen mit Beleg"))
	r.row(r.text("staff", "Beschäftigte"), r.text("see `docs/works-council.md`", "siehe `docs/works-council.md`"))
	r.say("\nSpecial categories (Art. 9 GDPR) are not sought and never derived; texts may hold them because somebody wrote them.\n",
		"\nBesondere Kategorien (Art. 9 DSGVO) werden weder gesucht noch abgeleitet; Texte können sie enthalten, weil jemand sie geschrieben hat.\n")
}

func (r *record) sources() {
	r.say("\n## 4. Sources: networks\n\n", "\n## 4. Quellen: Netzwerke\n\n")
	r.head(r.text("account", "Konto"), r.text("network", "Netzwerk"), r.text("brand", "Marke"), r.text("address", "Adresse"), r.text("streams", "Ströme"),
		r.text("matched with persons", "Abgleich mit Personen"), r.text("scored", "bewertet"), r.text("content kept", "Inhalt bleibt"), r.text("deleted there: blanked within", "dort gelöscht: geleert binnen"))
	for _, a := range r.Doc.Networks {
		i := r.Networks[a.Kind]
		origin := a.Origin
		if origin == "" {
			origin = i.Origin
		}
		r.row(a.Name, i.Title, a.Brand, origin, strings.Join(a.Streams, ", "), r.matching(i.Rules.MayMatch), r.yes(i.Rules.MayScore && BasisOf(r.Doc, "scoring") != "none" && !r.Doc.Score.Off),
			KeptFor(r.lang, i.Rules.MayStore, i.Rules.StoreFor, r.Doc.Retain["content"]), BlankedIn(r.lang, i.Rules.DeleteBy))
	}
}

func (r *record) yes(ok bool) string {
	if ok {
		return r.text("yes", "ja")
	}
	return r.text("no", "nein")
}

// matching says in words what a network's rules and the configuration allow.
func (r *record) matching(rule string) string {
	if BasisOf(r.Doc, "matching") == "none" {
		return r.text("no", "nein")
	}
	switch rule {
	case "yes":
		return r.text("yes", "ja")
	case "told":
		return r.text("by consent, or by what they told us or show in public", "mit Einwilligung oder nach eigenen oder öffentlichen Angaben")
	case "optin":
		return r.text("by consent alone", "nur mit Einwilligung")
	}
	return r.text("no", "nein")
}

func (r *record) recipients() {
	r.say("\n## 5. Recipients: CRM systems\n\nArt. 30(1)(d) GDPR.\n\n", "\n## 5. Empfänger: CRM-Systeme\n\nArt. 30 Abs. 1 lit. d DSGVO.\n\n")
	r.head(r.text("account", "Konto"), "CRM", r.text("brands", "Marken"), r.text("mode", "Betriebsart"), r.text("persons are created", "Personen werden angelegt"), r.text("fields read to recognise people", "gelesene Felder zum Wiedererkennen"))
	for _, a := range r.Doc.CRMs {
		brands := strings.Join(a.Brands, ", ")
		if brands == "" {
			brands = r.text("all", "alle")
		}
		create := r.text("no, linked only", "nein, nur verbunden")
		if a.Person == "create" {
			create = r.text("yes", "ja")
		}
		r.row(a.Name, r.CRMs[a.Kind].Title, brands, r.mode(a), create, r.matched(a))
	}
	for _, w := range r.Written {
		fmt.Fprintf(r, "\n**%s: %s**\n\n", w.Account, w.Object)
		r.head(r.text("field", "Feld"), r.text("kind of data", "Art der Daten"), r.text("made of", "gebildet aus"))
		for _, name := range slices.Sorted(maps.Keys(w.Fields)) {
			var kinds []string
			for _, f := range Reads(w.Fields[name]) {
				if k := r.label(string(f.Category)); !slices.Contains(kinds, k) {
					kinds = append(kinds, k)
				}
			}
			if len(kinds) == 0 {
				kinds = []string{r.label(string(Operational))}
			}
			r.row("`"+name+"`", strings.Join(kinds, ", "), "`"+w.Fields[name]+"`")
		}
	}
}

func (r *record) mode(a config.Account) string {
	word := func(mode string) string {
		if mode == "write" {
			return r.text("writes", "schreibt")
		}
		return r.text("observes, writes nothing", "beobachtet, schreibt nichts")
	}
	list := []string{word(a.Mode)}
	for _, of := range slices.Sorted(maps.Keys(a.Modes)) {
		list = append(list, of+": "+word(a.Modes[of]))
	}
	return strings.Join(list, "; ")
}

func (r *record) matched(a config.Account) string {
	var list []string
	for _, m := range a.Match {
		list = append(list, m.Object+": "+strings.Join(m.Fields(), ", "))
	}
	if len(list) == 0 {
		return r.text("none in bulk; e-mail and phone of changed records", "keine im Ganzen; E-Mail und Rufnummer geänderter Datensätze")
	}
	return strings.Join(list, "; ")
}

func (r *record) processors() {
	r.say("\n## 6. Processors and transfers\n\nArt. 28, Art. 30(1)(d) and (e), Chapter V GDPR. More: `docs/privacy/en/sub-processors.md`.\n\n", "\n## 6. Auftragsverarbeiter und Übermittlungen\n\nArt. 28, Art. 30 Abs. 1 lit. d und e, Kapitel V DSGVO. Mehr: `docs/privacy/de/sub-processors.md`.\n\n")
	r.head(r.text("who", "wer"), r.text("for what", "wofür"), r.text("where", "wo"), r.text("contract and transfer", "Vertrag und Übermittlung"))
	if r.Home != "" {
		r.row("Amazon Web Services", r.text("runs and stores everything", "Betrieb und Speicherung"), r.text("region ", "Region ")+r.Home, r.text("[[AWS data processing addendum, date]]", "[[AWS-Auftragsverarbeitungsvertrag, Datum]]"))
	} else {
		r.row(r.text("[[nobody, or the host of the server]]", "[[niemand, oder Betreiber des Servers]]"), r.text("one process with one data file", "ein Prozess mit einer Datendatei"), r.text("[[place]]", "[[Ort]]"), r.text("[[contract]]", "[[Vertrag]]"))
	}
	for _, kind := range kinds(r.Doc.CRMs) {
		r.row(r.CRMs[kind].Title, "CRM", r.text("[[region of your contract]]", "[[Region laut Vertrag]]"), r.text("[[contract, and the ground of any transfer: Art. 45 or 46]]", "[[Vertrag und Grundlage einer Übermittlung: Art. 45 oder 46]]"))
	}
	for _, kind := range kinds(r.Doc.Networks) {
		r.row(r.Networks[kind].Title, r.text("source, and recipient of the answers; a controller of its own, no processor", "Quelle und Empfänger der Antworten; eigener Verantwortlicher, kein Auftragsverarbeiter"),
			r.text("[[seat]]", "[[Sitz]]"), r.text("[[terms of use; ground of the transfer of answers]]", "[[Nutzungsbedingungen; Grundlage der Übermittlung von Antworten]]"))
	}
	r.say("\nThe software itself sends nothing to its makers or to anybody else: no telemetry, no text model of a third party.\n", "\nDie Software selbst übermittelt nichts an ihre Hersteller oder Dritte: keine Telemetrie, kein Textmodell eines Dritten.\n")
}

// kinds lists what accounts are of, each once.
func kinds(accounts []config.Account) (out []string) {
	for _, a := range accounts {
		if !slices.Contains(out, a.Kind) {
			out = append(out, a.Kind)
		}
	}
	slices.Sort(out)
	return out
}

func (r *record) terms() {
	r.say("\n## 7. Retention\n\nArt. 30(1)(f) GDPR. `retain.content` is %s, `retain.receipts` is %s.\n\n", "\n## 7. Löschfristen\n\nArt. 30 Abs. 1 lit. f DSGVO. `retain.content` ist %s, `retain.receipts` ist %s.\n\n", r.retain("content"), r.retain("receipts"))
	r.head(r.text("about", "betrifft"), r.text("how long", "Dauer"), r.text("what ends it earlier", "was sie früher beendet"))
	for _, t := range Terms() {
		r.row(t.What.In(r.lang), t.Long.In(r.lang), t.Ends.In(r.lang))
	}
}

func (r *record) retain(class string) string {
	d, err := time.ParseDuration(r.Doc.Retain[class])
	if err != nil || d <= 0 {
		return r.text("not set: [[set it]]", "nicht gesetzt: [[festlegen]]")
	}
	return Span(r.lang, d)
}

func (r *record) replies() {
	r.say("\n## 8. Answers, and decisions by machine\n\nArt. 22 GDPR: nothing decides about a person with legal or similar effect; score and priority order the work of people. Where a rule answers by itself, the answer says so.\n\n",
		"\n## 8. Antworten und automatisierte Entscheidungen\n\nArt. 22 DSGVO: Es fällt keine Entscheidung mit rechtlicher oder ähnlich erheblicher Wirkung; Score und Dringlichkeit ordnen die Arbeit von Menschen. Wo eine Regel selbst antwortet, sagt die Antwort das.\n\n")
	r.head(r.text("account", "Konto"), r.text("answers", "Antworten"))
	for _, a := range r.Doc.Networks {
		r.row(a.Name, map[string]string{"approve": r.text("people approve each", "ein Mensch gibt jede frei"), "on": r.text("people approve; rules may answer", "ein Mensch gibt frei; Regeln dürfen antworten")}[a.Replies]+
			map[bool]string{true: r.text("none are sent", "es werden keine gesendet")}[a.Replies == "" || a.Replies == "off"])
	}
	var rules []string
	for _, a := range r.Doc.Actions {
		if a.Answer {
			rules = append(rules, a.Name)
		}
	}
	if len(rules) > 0 {
		r.say("\nRules that answer by themselves: %s.\n", "\nRegeln, die selbst antworten: %s.\n", strings.Join(rules, ", "))
	}
}
