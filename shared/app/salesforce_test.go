package app_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"rapport/shared/app"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/crm"
	"rapport/shared/crm/salesforce"
	"rapport/shared/direct"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	queuememory "rapport/shared/queue/memory"
	storememory "rapport/shared/store/memory"
	salesforcetwin "rapport/shared/twin/salesforce"
	"rapport/shared/webhook"
)

const salesDocument = `version: 1
score: {strangers: true}
brands:
  - {name: nord, languages: [de], terms: [nord]}
hooks:
  - {name: site, kind: site, secrets: {secret: "env:S"}}
  - {name: relay, kind: salesforce, secrets: {secret: "env:R"}}
networks:
  - {name: site, kind: site, hook: site, brand: nord, replies: approve}
crms:
  - name: sales
    kind: salesforce
    hook: relay
    id: "00D000000000001EAA"
    origin: https://nord.my.salesforce.example
    mode: write
    match: [{object: Contact, email: [Email], phone: [Phone, MobilePhone]}]
    settings: {client_id: consumer-1}
    secrets: {client_secret: "env:C"}
`

// sales is a home with an empty org behind it, after setup.
func sales(t *testing.T) (*home, *salesforcetwin.Org) {
	t.Helper()
	h := &home{t: t, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), net: &site{}, crms: map[string]crm.CRM{"salesforce": salesforce.New()}}
	clock := func() time.Time { return h.now }
	org := salesforcetwin.New(salesforcetwin.Options{Now: clock, ClientID: "consumer-1", ClientSecret: token, Instance: "https://nord.my.salesforce.example"})
	h.store = storememory.New(storememory.Options{Now: clock})
	h.queue = queuememory.New(queuememory.Options{Now: clock, NewID: h.newID})
	var err error
	h.app, err = app.New(t.Context(), app.Options{Store: h.store, Queue: h.queue, Archive: archivememory.New(), Secrets: oneSecret{},
		Networks: map[string]network.Network{"site": h.net}, CRMs: h.crms,
		Ports: pipeline.Ports{Now: clock, NewID: h.newID, Log: slog.New(slog.NewTextHandler(&h.log, nil)), HTTP: &http.Client{Transport: direct.Transport{Handler: org}}}})
	if err != nil {
		t.Fatal(err)
	}
	h.publish(salesDocument)
	if _, err := h.app.SetupApply(t.Context(), "sales"); err != nil {
		t.Fatal(err)
	}
	if err := h.app.Learn(t.Context(), "sales"); err != nil {
		t.Fatal(err)
	}
	h.live(time.Minute) // the first poll starts at now
	return h, org
}

// caseOf gives the only case.
func caseOf(h *home, org *salesforcetwin.Org) map[string]any {
	h.t.Helper()
	rows := org.Rows("Case")
	if len(rows) != 1 {
		h.t.Fatalf("%d cases, want 1\n%s", len(rows), h.log.String())
	}
	return rows[0]
}

// By polling alone: owner, acceptance, e-mail, objection, merge, status and deletion come back from Salesforce.
func TestChangesComeBackFromSalesforce(t *testing.T) {
	h, org := sales(t)
	heard := func() { h.live(6 * time.Minute) }
	if _, err := h.app.Start(t.Context(), pipeline.JobRow{Kind: "sync", Account: "sales"}); err != nil {
		t.Fatal(err)
	}
	heard()
	h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.live(time.Minute)
	id := caseOf(h, org)["Id"].(string)
	org.Edit(id, map[string]any{"OwnerId": salesforcetwin.Agent, "rapport_accepted__c": true})
	heard()
	if c := h.story("m1").Conversation; c.Owner != "desk@nordlicht.example" {
		t.Errorf("the owner is %q", c.Owner)
	}
	made := org.Rows("Contact")
	if len(made) != 1 {
		t.Fatalf("%d contacts\n%s", len(made), h.log.String())
	}
	anna := made[0]["Id"].(string)
	org.Edit(anna, map[string]any{"rapport_objected__c": "scoring", "Email": "anna@nordlicht.example"})
	heard()
	if row := org.Row(anna); row["rapport_score__c"] != nil {
		t.Errorf("the score stays: %v", row)
	}
	h.private("m2", "annas-zweites", "Ich bin es, anna@nordlicht.example, immer noch kaputt!")
	h.live(time.Minute)
	if row := org.Row(anna); !strings.Contains(fmt.Sprint(row["rapport_accounts__c"]), "site:annas-zweites") {
		t.Errorf("by her e-mail she is not recognised: %v", row)
	}
	other := org.Create("Contact", map[string]any{"Email": "a.zweig@nordlicht.example", "LastName": "Zweig"})
	heard()
	survivor := org.Merge(anna, other)
	heard()
	h.said("m3", "Hallo? Kaputt!")
	h.private("m4", "annas-drittes", "a.zweig@nordlicht.example: kaputt!")
	h.live(time.Minute)
	rows := org.Rows("Contact")
	if len(rows) != 1 || rows[0]["Id"] != survivor || !strings.Contains(fmt.Sprint(rows[0]["rapport_accounts__c"]), "site:anna;") || !strings.Contains(fmt.Sprint(rows[0]["rapport_accounts__c"]), "annas-drittes") {
		t.Errorf("after the merge: %+v", rows)
	}
	org.Edit(id, map[string]any{"Status": "Closed"})
	heard()
	if c := h.story("m1").Conversation; c.Status != flow.Closed {
		t.Errorf("the conversation is %s", c.Status)
	}
	org.Delete(survivor)
	heard()
	h.said("m5", "Hallo? Immer noch kaputt!")
	h.live(time.Minute)
	if n := len(org.Rows("Contact")); n != 0 {
		t.Errorf("who was deleted is %d contacts again", n)
	}
}

// The first sync reads Salesforce's contacts in bulk; until it is done nobody is recognised.
func TestFirstSyncOfSalesforce(t *testing.T) {
	h, org := sales(t)
	org.Change(func(o *salesforcetwin.Options) { o.Page = 200 })
	for i := range 450 {
		org.Create("Contact", map[string]any{"LastName": "Kunde", "Email": fmt.Sprintf("kunde%d@nordlicht.example", i)})
	}
	id := org.Create("Contact", map[string]any{"LastName": "Letzte", "Email": "letzte@nordlicht.example", "MobilePhone": "+49 170 7654321"})
	h.now = h.now.Add(time.Hour)
	h.private("m1", "anna", "letzte@nordlicht.example, alles kaputt!")
	h.run()
	if row := org.Row(id); row["rapport_accounts__c"] != nil {
		t.Fatal("she is recognised before the sync")
	}
	if n, err := h.app.SyncEstimate(t.Context(), "sales"); err != nil || n != 451 {
		t.Errorf("%d records are estimated, %v", n, err)
	}
	job, err := h.app.Start(t.Context(), pipeline.JobRow{Kind: "sync", Account: "sales"})
	if err != nil {
		t.Fatal(err)
	}
	h.live(5 * time.Minute)
	if j, err := h.app.Job(t.Context(), job); err != nil || j.State != "done" || j.Done != 451 {
		t.Fatalf("%+v %v", j, err)
	}
	h.private("m2", "anna", "0170 7654321 ist meine Nummer, alles kaputt!")
	h.live(time.Minute)
	if row := org.Row(id); row["rapport_accounts__c"] != "site:anna" {
		t.Errorf("she is not recognised: %v\n%s", row, h.log.String())
	}
}

// A note, a comment, an e-mail and every field but the place made for answers lead to no call of the network, whether the org
// tells of them by Event Relay or is polled; an approved answer leads to one.
func TestNothingElseIsPublishedFromSalesforce(t *testing.T) {
	const secret = "Intern: der Kunde ist schwierig."
	h, org := sales(t)
	h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.live(time.Minute)
	id := caseOf(h, org)["Id"].(string)
	relay := func(entity, record, kind string, fields map[string]any) {
		t.Helper()
		payload := map[string]any{"ChangeEventHeader": map[string]any{"entityName": entity, "recordIds": []string{record}, "changeType": kind, "transactionKey": h.newID(), "sequenceNumber": 1,
			"commitTimestamp": h.now.UnixMilli(), "commitUser": salesforcetwin.Agent}}
		for k, v := range fields {
			payload[k] = v
		}
		body, err := json.Marshal(map[string]any{"detail": map[string]any{"payload": payload}, "account": "1"})
		if err != nil {
			t.Fatal(err)
		}
		a, err := h.app.Receive(t.Context(), "relay", webhook.Request{Method: "POST", Body: body, At: h.now, Header: http.Header{"X-Rapport-Secret": {token}}})
		if a.Status != 200 {
			t.Fatal(a.Status, err)
		}
		h.run()
	}
	for _, entity := range []string{"CaseComment", "FeedItem", "EmailMessage"} {
		org.Create(entity, map[string]any{"ParentId": id, "Body": secret})
	}
	for n, entity := range []string{"CaseComment", "FeedItem", "FeedComment", "EmailMessage", "Task", "ContentNote", "Note", "CaseHistory", "VoiceCall"} {
		record := fmt.Sprintf("00a00000000%04dAAA", n)
		for _, kind := range []string{"CREATE", "UPDATE"} {
			relay(entity, record, kind, map[string]any{"ParentId": id, "CommentBody": secret, "Body": secret, "TextBody": secret, "Description": secret, "IsPublished": true, "rapport_reply_state__c": "approved"})
		}
	}
	for _, name := range []string{"Description", "Subject", "Comments", "Reason", "rapport_turns__c", "rapport_action__c", "rapport_reply_reason__c", "rapport_reply_permalink__c", "rapport_reply_visibility__c", "Reply__c"} {
		relay("Case", id, "UPDATE", map[string]any{name: secret})
	}
	relay("Case", id, "UPDATE", map[string]any{"rapport_reply__c": secret}) // written, and approved by nobody
	relay("Case", id, "UPDATE", map[string]any{"rapport_reply__c": secret, "rapport_reply_state__c": "draft"})
	org.Edit(id, map[string]any{"Description": secret, "Subject": secret, "rapport_reply__c": secret, "rapport_reply_reason__c": secret})
	for _, name := range []string{"Description", "Subject", "Status", "Priority", "rapport_status__c", "rapport_action__c", "rapport_reply_reason__c", "rapport_reply_visibility__c", "Reply_State__c", "Approved__c"} {
		relay("Case", id, "UPDATE", map[string]any{name: "approved"})
	}
	h.live(10 * time.Minute)
	if len(h.net.posted)+h.net.calls != 0 {
		t.Fatalf("%d calls of the network, posted %q", h.net.calls, h.net.posted)
	}
	org.Edit(id, map[string]any{"rapport_reply__c": "Das tut uns leid.", "rapport_reply_state__c": "approved"})
	h.live(6 * time.Minute)
	relay("Case", id, "UPDATE", map[string]any{"rapport_reply__c": "Das tut uns leid.", "rapport_reply_state__c": "approved"}) // late, and once more
	h.live(6 * time.Minute)
	if h.net.calls != 1 || len(h.net.posted) != 1 || h.net.posted[0] != "Das tut uns leid." {
		t.Errorf("%d calls, posted %q", h.net.calls, h.net.posted)
	}
}
