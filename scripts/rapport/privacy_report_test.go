package main

import "testing"

// TestPrivacyReport prints the record of the running configuration in both languages.
func TestPrivacyReport(t *testing.T) {
	p := newPlace(t)
	p.holds(p.run(0, "privacy", "report"), "Record of processing", "nordlicht (Nordlicht Rad), suedwind", "| `Text` | content | `text` |", "| hubspot | HubSpot | suedwind | observes, writes nothing |", "[[")
	p.holds(p.run(0, "privacy", "report", "--lang", "de"), "Verzeichnis von Verarbeitungstätigkeiten", "| `Text` | Inhalt | `text` |", "beobachtet, schreibt nichts")
	p.holds(p.run(0, "privacy", "report", "--json"), `"record"`)
	p.holds(p.run(exitUsage, "privacy", "report", "--lang", "fr"), "--lang wants de or en")
}
