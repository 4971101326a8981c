package main

import (
	"fmt"
	"strings"

	"rapport/shared/report"
)

// reportPage defines the key figures, from the same table as the report itself.
func reportPage() ([]byte, error) {
	var b strings.Builder
	b.WriteString(`# Reports

` + "`rapport report --from 2026-11-01 --to 2026-11-30 --by team`" + ` prints key figures by network, team, queue, brand or day; ` + "`--json` and `--csv`" + `
write them for other tools. A team is a department. A queue is the routing rule that sent a mention there, or what its text says.

Each day of a brand is kept as one row of counts, so that a year reads 365 rows per brand. A job counts the days that are over,
those that changed, and today, every six hours; what is not counted yet is counted when somebody asks.

## Clocks and escalations

`)
	b.WriteString("```yaml\n" + `brands:
  - name: nordlicht
    sla: {urgent: 30m, high: 2h, normal: 8h}   # working time until the first answer
    calendar: {zone: Europe/Berlin, country: DE-BY, hours: {mon: "09:00-17:30", fri: "09:00-15:00"}}
    pause: true          # while the author is to speak the clock pauses, and goes on with what was left
    escalate:            # each once while nobody answers; none at all = a late answer becomes urgent
      - {name: hurry, after: 50%, queues: [bills], priority: high}
      - {name: lead, after: breach, department: legal, alert: true}
` + "```\n" + `
Due times are exact to the minute, also on days on which the clock changes. The clock stops when the brand says something in the
conversation, from whatever tool; when an approved answer was sent; when the case is closed in the CRM; and when the author took
everything back. What was escalated stands in the conversation and in the case (` + "`rapport_escalated`, `rapport_sla`, `rapport_queue`" + `), and in
alerts.

## The figures

| figure | in JSON and CSV | definition |
|---|---|---|
`)
	for _, m := range report.Meanings() {
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", m.Name.EN, m.Key, m.Say.EN)
	}
	b.WriteString("\n## What holds for all\n\n")
	for _, r := range report.Rules() {
		fmt.Fprintf(&b, "- %s\n", r.EN)
	}
	b.WriteString("\n" + "Figures of the staff are switched on by `reports: {agents: {on: true, reason: …}}`; the reason stands on every report, and the change in the\naudit trail; people stand there under pseudonyms. Multipliers are looked up when somebody asks: only who is scored stands there, and nobody who objected or was erased.\n")
	b.WriteString("\n## Kennzahlen auf Deutsch\n\n| Kennzahl | Bedeutung |\n|---|---|\n")
	for _, m := range report.Meanings() {
		fmt.Fprintf(&b, "| %s | %s |\n", m.Name.DE, m.Say.DE)
	}
	b.WriteString("\n")
	for _, r := range report.Rules() {
		fmt.Fprintf(&b, "- %s\n", r.DE)
	}
	return []byte(b.String()), nil
}
