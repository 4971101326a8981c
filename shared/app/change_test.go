package app_test

import (
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// story tells all that is known of a mention.
func (h *home) story(id string) pipeline.Story {
	h.t.Helper()
	s, err := h.app.Story(h.t.Context(), "site:"+id)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// private sends a private message of somebody.
func (h *home) private(id, author, text string) {
	h.t.Helper()
	e := h.comment(id, author, text)
	e.Mention.Kind, e.Mention.Root = flow.Message, ""
	h.send(e)
}

// By signed webhook, and by polling alone: status, owner, objections, consent, e-mail, merge and deletion come back.
func TestChangesComeBackFromHubSpot(t *testing.T) {
	for _, way := range []string{"webhook", "poll"} {
		t.Run(way, func(t *testing.T) {
			var h *home
			heard := func() { h.live(6 * time.Minute) }
			if way == "webhook" {
				h = hooked(t)
				heard = func() { h.told(); h.live(time.Minute); h.told() }
			} else {
				h = furnished(t, document)
				h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
				h.live(time.Minute)
			}
			ticket := h.ticket().ID
			h.portal.Edit("tickets", ticket, map[string]any{"hubspot_owner_id": "77", "rapport_accepted": "true"})
			heard()
			if c := h.story("m1").Conversation; c.Owner != "77" {
				t.Errorf("the owner is %q", c.Owner)
			}
			made := h.portal.Rows("contacts")
			if len(made) != 1 {
				t.Fatalf("%d contacts", len(made))
			}
			anna := made[0].ID
			h.portal.Edit("contacts", anna, map[string]any{"rapport_objected": "scoring", "email": "anna@nordlicht.example"})
			heard()
			if row, _ := h.portal.Row("contacts", anna); row.Fields["rapport_score"] != "" {
				t.Errorf("the score stays: %v", row.Fields)
			}
			h.private("m2", "annas-zweites", "Ich bin es, anna@nordlicht.example, immer noch kaputt!")
			h.live(time.Minute)
			if row, _ := h.portal.Row("contacts", anna); !strings.Contains(row.Fields["rapport_accounts"], "site:annas-zweites") {
				t.Errorf("by her e-mail she is not recognised: %v", row.Fields)
			}
			other := h.portal.Create("contacts", map[string]any{"email": "a.zweig@nordlicht.example", "lastname": "Zweig"})
			heard()
			survivor := h.portal.Merge("contacts", other, anna)
			heard()
			h.said("m3", "Hallo? Kaputt!")
			h.private("m4", "annas-drittes", "a.zweig@nordlicht.example: kaputt!")
			h.live(time.Minute)
			rows := h.portal.Rows("contacts")
			if len(rows) != 1 || rows[0].ID != survivor || !strings.Contains(rows[0].Fields["rapport_accounts"], "site:anna;") || !strings.Contains(rows[0].Fields["rapport_accounts"], "annas-drittes") {
				t.Errorf("after the merge: %+v", rows)
			}
			h.portal.Edit("tickets", ticket, map[string]any{"hs_pipeline_stage": "4"})
			heard()
			if c := h.story("m1").Conversation; c.Status != flow.Closed {
				t.Errorf("the conversation is %s", c.Status)
			}
			h.portal.Delete("contacts", survivor)
			heard()
			h.said("m5", "Hallo? Immer noch kaputt!")
			h.live(time.Minute)
			if n := len(h.portal.Rows("contacts")); n != 0 {
				t.Errorf("who was deleted is %d contacts again", n)
			}
		})
	}
}

// The first sync reads HubSpot's contacts in bulk; until it is done nobody is recognised.
func TestFirstSyncOfHubSpot(t *testing.T) {
	h := furnished(t, strings.Replace(document, "mode: write", "match: [{object: contacts, email: [email], phone: [phone, mobilephone]}], mode: write", 1))
	for i := range 450 {
		h.portal.Create("contacts", map[string]any{"email": "kunde" + strings.Repeat("i", i%60) + string(rune('a'+i/60)) + "@nordlicht.example"})
		if i%90 == 0 {
			h.now = h.now.Add(10 * time.Second)
		}
	}
	id := h.portal.Create("contacts", map[string]any{"email": "letzte@nordlicht.example", "mobilephone": "+49 170 7654321"})
	h.now = h.now.Add(time.Hour)
	h.private("m1", "anna", "letzte@nordlicht.example, alles kaputt!")
	h.run()
	if row, _ := h.portal.Row("contacts", id); row.Fields["rapport_accounts"] != "" {
		t.Fatal("she is recognised before the sync")
	}
	if n, err := h.app.SyncEstimate(t.Context(), "hub"); err != nil || n != 451 {
		t.Errorf("%d records are estimated, %v", n, err)
	}
	job, err := h.app.Start(t.Context(), pipeline.JobRow{Kind: "sync", Account: "hub"})
	if err != nil {
		t.Fatal(err)
	}
	h.live(5 * time.Minute)
	if j, err := h.app.Job(t.Context(), job); err != nil || j.State != "done" || j.Done != 451 {
		t.Fatalf("%+v %v", j, err)
	}
	h.private("m2", "anna", "0170 7654321 ist meine Nummer, alles kaputt!")
	h.live(time.Minute)
	if row, _ := h.portal.Row("contacts", id); row.Fields["rapport_accounts"] != "site:anna" {
		t.Errorf("she is not recognised: %v\n%s", row.Fields, h.log.String())
	}
}
