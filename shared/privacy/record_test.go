package privacy_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"rapport/shared/config"
	"rapport/shared/connectors"
	"rapport/shared/crm"
	"rapport/shared/network"
	"rapport/shared/privacy"
)

const recorded = `version: 1
brands: [{name: nordlicht, title: Nordlicht Rad}, {name: suedwind}]
hooks: [{name: monitor, kind: hook, secrets: {secret: env:MONITOR}, settings: {header: X-S, fields: {id: item.id}}}]
networks:
  - {name: listening, kind: hook, hook: monitor, brand: nordlicht}
  - {name: brandx, kind: x, brand: suedwind, id: "1", streams: [mentions], replies: approve, secrets: {bearer: env:BEARER}}
  - {name: papers, kind: feed, brand: nordlicht, streams: ["https://news.example/feed"]}
crms:
  - {name: sales, kind: hubspot, mode: write, modes: {tickets/suedwind: observe}, person: create, secrets: {token: env:TOKEN}, match: [{object: contacts, email: [email]}]}
basis: {service: contract, scoring: none, marketing: consent}
retain: {content: 8760h}
`

func running(t *testing.T) privacy.Running {
	t.Helper()
	doc, err := config.Load([]byte(recorded), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := privacy.Running{Doc: doc, Networks: map[string]network.Info{}, CRMs: map[string]crm.Info{}, At: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Written: []privacy.Written{{Account: "sales", Object: "tickets", For: "conversation", Fields: map[string]string{"subject": "conversation.subject", "owner": "conversation.owner"}}}}
	for name, n := range connectors.Networks() {
		in.Networks[name] = n.Info()
	}
	for name, c := range connectors.CRMs() {
		in.CRMs[name] = c.Info()
	}
	return in
}

// TestRecord: the paper says what the configuration says, in both languages, and the same every time.
func TestRecord(t *testing.T) {
	in := running(t)
	for lang, wanted := range map[string][]string{
		"en": {"nordlicht (Nordlicht Rad), suedwind", "contract, Art. 6(1)(b) GDPR", "scoring: weigh how far it carries | not done", "consent, Art. 6(1)(a)", "`retain.content` is 365 days",
			"| sales | HubSpot | all | writes; tickets/suedwind: observes, writes nothing | yes | contacts: email |", "365 days (`retain.content`", "| brandx | people approve each |",
			"| papers | Feeds", "| no | no | 365 days", "`owner` | staff", "[[set it]]", "[[nobody, or the host of the server]]"},
		"de": {"Vertrag, Art. 6 Abs. 1 lit. b DSGVO", "findet nicht statt", "`retain.content` ist 365 Tage", "schreibt; tickets/suedwind: beobachtet, schreibt nichts | ja",
			"ein Mensch gibt jede frei", "`owner` | Beschäftigte", "`subject` | Inhalt", "[[Firma, Anschrift, Vertretung]]"},
	} {
		paper := privacy.Record(lang, in)
		for _, w := range wanted {
			if !strings.Contains(paper, w) {
				t.Errorf("%s: the record says not %q", lang, w)
			}
		}
		if again := privacy.Record(lang, in); again != paper {
			t.Errorf("%s: the same input gives another record", lang)
		}
		for _, secret := range []string{"env:", "MONITOR", "BEARER", "TOKEN"} {
			if strings.Contains(paper, secret) {
				t.Errorf("%s: the record holds %q", lang, secret)
			}
		}
		if strings.Contains(paper, "%!") {
			t.Errorf("%s: a text was not filled in: %s", lang, paper)
		}
		columns := regexp.MustCompile(`(?m)^\|.*\|$`)
		var head int
		for _, line := range columns.FindAllString(paper, -1) {
			n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			if strings.HasPrefix(line, "|---") && n != head {
				t.Errorf("%s: a table is broken: %s", lang, line)
			}
			head = n
		}
	}
	in.Home = "eu-central-1"
	if paper := privacy.Record("de", in); !strings.Contains(paper, "Amazon Web Services") || !strings.Contains(paper, "Region eu-central-1") {
		t.Error("the record of an installation on AWS names no region")
	}
}
