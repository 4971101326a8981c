package app_test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// The mapping of docs/mapping.md opens a task in HubSpot for what raises an alert, and for nothing else: one for each
// mention, also where it comes twice.
func TestAlertsOpenTasks(t *testing.T) {
	page, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "## A task for what raises an alert")
	_, example, _ = strings.Cut(example, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	text := strings.Replace(document, "languages: [de]", `languages: [de], protected: ["site:anna"]`, 1) + strings.ReplaceAll(example, "crm: sales", "crm: hub")
	h := open(t)
	h.publish(text)
	h.setup()
	h.live(3 * time.Minute)
	angry := h.comment("m1", "anna", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.send(angry)
	h.send(h.comment("m2", "ben", "Meine Bestellung kam schon wieder kaputt an, unverschämt!"), h.comment("m3", "anna", "Danke, ihr seid großartig!"))
	h.send(angry)
	h.live(5 * time.Minute)
	rows := h.portal.Rows("tasks")
	if len(rows) != 1 || !strings.HasPrefix(rows[0].Fields["hs_task_subject"], "protected customer in trouble") || rows[0].Fields["hs_task_body"] != "https://site.example/m1" || rows[0].Fields["hs_task_priority"] != "HIGH" {
		t.Errorf("%d tasks: %+v\n%s", len(rows), rows, h.log.String())
	}
}
