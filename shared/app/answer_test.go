package app_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rapport/shared/webhook"
)

// A note, a comment, an e-mail and every field but the place made for answers lead to no call of the network, whether the
// portal tells of them by webhook or is polled.
func TestNothingElseIsPublished(t *testing.T) {
	const secret = "Intern: der Kunde ist schwierig."
	h := hooked(t)
	id := json.Number(h.ticket().ID)
	event := func(kind string, more map[string]any) map[string]any {
		e := map[string]any{"eventId": h.newID(), "subscriptionId": 7100, "portalId": 4711, "appId": 62515, "occurredAt": h.now.UnixMilli(), "subscriptionType": kind,
			"objectId": id, "changeSource": "CRM_UI", "sourceId": "userId:8"}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	var events []map[string]any
	for _, object := range []string{"0-46", "0-49", "0-47", "0-48", "0-27", "0-18"} { // notes, e-mails, meetings, calls, tasks, communications
		events = append(events, event("object.creation", map[string]any{"objectTypeId": object, "objectId": 778}),
			event("object.propertyChange", map[string]any{"objectTypeId": object, "objectId": 778, "propertyName": "hs_note_body", "propertyValue": secret}),
			event("object.propertyChange", map[string]any{"objectTypeId": object, "objectId": 778, "propertyName": "hs_email_text", "propertyValue": secret}),
			event("object.associationChange", map[string]any{"objectTypeId": object, "fromObjectId": 778, "toObjectId": id}))
	}
	events = append(events, event("conversation.newMessage", map[string]any{"messageType": "COMMENT", "messageId": "c1"}),
		event("conversation.newMessage", map[string]any{"messageType": "MESSAGE", "messageId": "c2"}))
	for _, name := range []string{"content", "subject", "hs_note_body", "rapport_reply_reason", "rapport_reply_permalink", "rapport_reply_sender", "rapport_turns",
		"rapport_text", "rapport_reply_visibility", "rapport_action", "hs_resolution", "hs_all_conversation_mentions", "reply", "@reply"} {
		events = append(events, event("ticket.propertyChange", map[string]any{"propertyName": name, "propertyValue": secret}))
	}
	for _, e := range events {
		body, err := json.Marshal([]map[string]any{e})
		if err != nil {
			t.Fatal(err)
		}
		const address = "https://rapport.example/hooks/hubhook"
		a, err := h.app.Receive(t.Context(), "hubhook", webhook.Request{Method: "POST", URL: address, Path: "/hooks/hubhook", Body: body, At: h.now,
			Header: webhook.SignHubSpot(token, "POST", address, body, h.now)})
		if a.Status != 200 {
			t.Fatalf("%s: %d %v", body, a.Status, err)
		}
		h.run()
	}
	h.portal.Edit("tickets", h.ticket().ID, map[string]any{"content": secret, "subject": secret, "rapport_reply_reason": secret, "rapport_department": "legal"})
	h.told()
	h.portal.Edit("tickets", h.ticket().ID, map[string]any{"rapport_reply": secret}) // written, and approved by nobody
	h.told()
	h.live(5 * time.Minute)
	if len(h.net.posted)+h.net.calls != 0 {
		t.Errorf("%d calls of the network, posted %q", h.net.calls, h.net.posted)
	}

	// The same where the portal is polled.
	h = furnished(t, document)
	h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.live(time.Minute)
	note := h.portal
	note.Object("notes", "Note", "hs_key")
	note.Field("notes", "hs_note_body", "string", false)
	note.Create("notes", map[string]any{"hs_note_body": secret})
	h.portal.Edit("tickets", h.ticket().ID, map[string]any{"content": secret, "subject": secret, "rapport_reply": secret, "rapport_reply_visibility": "public"})
	h.live(10 * time.Minute)
	if h.net.calls != 0 {
		t.Errorf("polled: %d calls of the network, posted %q", h.net.calls, h.net.posted)
	}
}

// automatic is a document whose rule thanks and acknowledges by itself.
func automatic(replies string) string {
	text := strings.Replace(document, "replies: approve", "replies: "+replies, 1)
	text = strings.Replace(text, "terms: [nord]}", `terms: [nord], templates: [{action: thank, lang: de, text: "Das freut uns[, {name}]!"}, {action: thank, lang: en, text: "Thank you!"}]}`, 1)
	return text + "actions:\n  - {name: thanks, when: 'intents[0] == \"praise\"', do: thank, answer: true}\n"
}

// A rule answers with the brand's words, once in a conversation, and says that nobody wrote it by hand; never where the
// account's replies are not on, and never where somebody of the brand has spoken.
func TestARuleAnswers(t *testing.T) {
	h := furnished(t, automatic("on"))
	h.said("m1", "Vielen Dank, ihr seid großartig, die Lampe ist wunderbar!")
	h.live(time.Minute)
	if len(h.net.posted) != 1 || h.net.posted[0] != "Das freut uns!\n\nAutomatische Antwort." {
		t.Fatalf("posted %q\n%s", h.net.posted, h.log.String())
	}
	h.said("m2", "Ihr seid wirklich großartig, vielen Dank!")
	h.live(10 * time.Minute)
	if len(h.net.posted) != 1 {
		t.Errorf("twice: %q", h.net.posted)
	}
	h.send(h.comment("m3", "ben", "Thank you so much, this lamp is wonderful, you are great!"))
	h.live(time.Minute)
	if len(h.net.posted) != 2 || h.net.posted[1] != "Thank you!\n\nThis is an automated answer." {
		t.Errorf("posted %q", h.net.posted)
	}
	if n := len(h.portal.Rows("tickets")); n != 0 {
		t.Errorf("praise is %d tickets", n)
	}
	for _, replies := range []string{"approve", "off"} {
		h := furnished(t, automatic(replies))
		h.said("m1", "Vielen Dank, ihr seid großartig, die Lampe ist wunderbar!")
		h.live(time.Minute)
		if h.net.calls != 0 {
			t.Errorf("%s: posted %q", replies, h.net.posted)
		}
	}
	h = open(t)
	bad := strings.Replace(automatic("on"), "do: thank", "do: open_case", 1)
	if _, err := h.app.Check(t.Context(), []byte(bad), "bad"); err == nil || !strings.Contains(err.Error(), "nothing can be sent to open_case") {
		t.Errorf("a rule that answers with a case: %v", err)
	}
}
