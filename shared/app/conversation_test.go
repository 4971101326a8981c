package app_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/direct"
	"rapport/shared/flow"
	twin "rapport/shared/twin/hubspot"
	"rapport/shared/webhook"
)

// furnished is a home with a portal that was set up, and its first poll done.
func furnished(t *testing.T, text string) *home {
	t.Helper()
	h := open(t)
	h.publish(text)
	h.setup()
	h.live(3 * time.Minute)
	return h
}

// brigade names n people who complain.
func brigade(n int) []string {
	var out []string
	for i := range n {
		out = append(out, "kunde"+string(rune('a'+i)))
	}
	return out
}

// 200 comments by 12 people who complain, and by others who do not, under one post: one ticket for each who complains.
func TestTwelveComplainants(t *testing.T) {
	h := furnished(t, document)
	angry := []string{"Meine Bestellung kam kaputt an!", "Immer noch kaputt, niemand meldet sich!", "Unverschämt, so ein schlechter Service!"}
	kind := []string{"Danke, ihr seid großartig!", "Guten Morgen in die Runde", "Ich liebe die Lampe!"}
	people := brigade(12)
	var batch []flow.Event
	for i := range 200 {
		h.now = h.now.Add(time.Second)
		who, text := people[(i/4*3+i%4)%12], angry[i%len(angry)]
		if i%4 == 3 {
			who, text = fmt.Sprintf("freund%d", i%30), kind[i%len(kind)]
		}
		if batch = append(batch, h.comment(fmt.Sprintf("m%d", i), who, text)); len(batch) == 7 || i == 199 {
			h.send(batch...)
			if batch = nil; i%21 == 0 {
				h.run()
			}
		}
	}
	h.live(2 * time.Minute)
	var authors []string
	for _, row := range h.portal.Rows("tickets") {
		authors = append(authors, row.Fields["rapport_author"])
		if n := strings.Count(row.Fields["rapport_turns"], "@"+strings.TrimPrefix(row.Fields["rapport_author"], "site:")+","); n < 12 || n > 13 {
			t.Errorf("the ticket of %s tells of %d comments", row.Fields["rapport_author"], n)
		}
	}
	slices.Sort(authors)
	if len(authors) != 12 || len(slices.Compact(authors)) != 12 {
		t.Errorf("%d tickets: %v", len(authors), authors)
	}
	if more := h.portal.Doubles("tickets", "rapport_key"); len(more) > 0 {
		t.Errorf("twice: %v", more)
	}
}

// What is said later, edits and our answers are appended in order, with direction, who, when and where.
func TestTheTicketTellsTheExchange(t *testing.T) {
	h := furnished(t, document)
	first := h.comment("m1", "anna", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.send(first)
	h.live(time.Minute)
	h.send(h.comment("m2", "anna", "Und niemand meldet sich!"))
	h.live(time.Minute)
	h.portal.Edit("tickets", h.ticket().ID, map[string]any{"rapport_reply": "Das tut uns leid.", "rapport_reply_state": "approved"})
	h.live(6 * time.Minute)
	edit := first
	edit.Verb, edit.At = flow.Edit, h.now
	edit.Mention.Text, edit.Mention.Edited = "Meine Lampe kam schon wieder kaputt an!", h.now
	h.send(edit)
	h.live(time.Minute)
	h.said("m3", "Danke, aber sie ist immer noch kaputt!")
	h.live(time.Minute)
	echo := h.comment("r", "nord", "@anna Das tut uns leid.") // the network shows our own answer in its own words
	echo.Mention.Direction, echo.Mention.Parent, echo.Mention.Permalink = flow.Out, "site:m1", "https://site.example/r1"
	h.send(echo)
	h.live(time.Minute)

	got := h.ticket().Fields["rapport_turns"]
	var order []string
	for _, turn := range strings.Split(got, "\n\n") {
		head, rest, _ := strings.Cut(turn, "\n")
		who, when, _ := strings.Cut(head, ", ")
		text, link, _ := strings.Cut(rest, "\n")
		if _, err := time.Parse(time.RFC3339, when); err != nil {
			t.Errorf("%q does not say when", head)
		}
		order = append(order, who+" | "+text+" | "+link)
	}
	want := []string{
		"@anna | (edited below) | https://site.example/m1",
		"@anna | Und niemand meldet sich! | https://site.example/m2",
		"→ @site | @anna Das tut uns leid. | https://site.example/r1",
		"@anna | (edited) Meine Lampe kam schon wieder kaputt an! | https://site.example/m1",
		"@anna | Danke, aber sie ist immer noch kaputt! | https://site.example/m3",
	}
	if !slices.Equal(order, want) {
		t.Errorf("the ticket tells\n%s\nwant\n%s", strings.Join(order, "\n"), strings.Join(want, "\n"))
	}
}

// Within the configured days a closed case opens again; later there is a new one, linked to the old.
func TestReopenedOrFollowed(t *testing.T) {
	h := furnished(t, strings.Replace(document, "terms: [nord]}", "terms: [nord], reopen_days: 3}", 1))
	h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.live(time.Minute)
	old := h.ticket().ID
	closeIt := func() {
		t.Helper()
		h.live(2 * time.Minute)
		h.portal.Edit("tickets", old, map[string]any{"hs_pipeline_stage": "4"})
		h.live(6 * time.Minute)
		if row, _ := h.portal.Row("tickets", old); row.Fields["rapport_status"] != "closed" {
			t.Fatalf("the closed ticket says %q", row.Fields["rapport_status"])
		}
	}
	closeIt()
	h.now = h.now.Add(2 * 24 * time.Hour)
	h.said("m2", "Schon wieder kaputt!")
	h.live(time.Minute)
	h.want("rapport_status", "waiting")
	h.want("hs_pipeline_stage", "3") // where agents see it
	h.said("m2b", "Hallo?")
	h.portal.Edit("tickets", old, map[string]any{"hs_pipeline_stage": "2"}) // which is theirs to move
	h.live(time.Minute)
	h.want("hs_pipeline_stage", "2")
	closeIt()
	h.now = h.now.Add(4 * 24 * time.Hour)
	h.said("m3", "Und noch einmal kaputt, unverschämt!")
	h.live(2 * time.Minute)
	rows := h.portal.Rows("tickets")
	if len(rows) != 2 {
		t.Fatalf("%d tickets, want 2", len(rows))
	}
	if prev := "rapport:conversation:" + rows[1].Fields["rapport_previous"]; prev != rows[0].Fields["rapport_key"] || !h.portal.Linked("tickets", rows[1].ID, "tickets", rows[0].ID) {
		t.Errorf("the new ticket follows %q, linked %v", prev, h.portal.Linked("tickets", rows[1].ID, "tickets", rows[0].ID))
	}
	if rows[0].Fields["rapport_status"] != "closed" || strings.Contains(rows[1].Fields["rapport_turns"], "Schon wieder") {
		t.Errorf("old and new: %v %v", rows[0].Fields, rows[1].Fields)
	}
}

// told lets the portal's signed webhooks reach the app at once. Nothing is polled in these tests.
func (h *home) told() {
	h.t.Helper()
	h.portal.Deliver(h.t.Context(), &http.Client{Transport: direct.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a, err := h.app.Receive(h.t.Context(), "hubhook", webhook.Request{Method: r.Method, URL: r.URL.String(), Path: r.URL.Path, Header: r.Header, Body: body, At: h.now})
		if err != nil {
			h.t.Error(err)
		}
		w.WriteHeader(a.Status)
	})}})
	h.run()
}

// hooked is a home whose portal tells by webhook alone: it is polled once a year.
func hooked(t *testing.T) *home {
	t.Helper()
	text := strings.Replace(document, "networks:", "  - {name: hubhook, kind: hubspot, secrets: {secret: \"env:HUB\"}}\nnetworks:", 1)
	text = strings.Replace(text, "kind: hubspot, mode", "kind: hubspot, hook: hubhook, id: \"4711\", every: 8760h, mode", 1)
	h := furnished(t, text)
	h.portal.Change(func(o *twin.Options) {
		o.ClientSecret, o.Hook.Target = token, "https://rapport.example/hooks/hubhook"
	})
	h.said("m1", "Meine Bestellung kam schon wieder kaputt an, unverschämt!")
	h.live(time.Minute)
	h.told()
	return h
}

// A webhook tells one property at a time, in any order, and the answer goes out with the one that completes it.
func TestAnswersToldByWebhookAlone(t *testing.T) {
	for _, order := range [][]string{{"rapport_reply", "rapport_reply_state"}, {"rapport_reply_state", "rapport_reply"}} {
		h := hooked(t)
		value := map[string]any{"rapport_reply": "Das tut uns leid.", "rapport_reply_state": "approved"}
		for i, name := range order {
			if len(h.net.posted) != 0 {
				t.Errorf("%v: posted after step %d: %q", order, i, h.net.posted)
			}
			h.portal.Edit("tickets", h.ticket().ID, map[string]any{name: value[name]})
			h.told()
		}
		if len(h.net.posted) != 1 || h.net.posted[0] != "Das tut uns leid." {
			t.Fatalf("%v: posted %q\n%s", order, h.net.posted, h.log.String())
		}
		h.want("rapport_reply_state", "sent")
		h.portal.Edit("tickets", h.ticket().ID, map[string]any{"rapport_reply_visibility": "private"}) // too late
		h.told()
		if len(h.net.posted) != 1 {
			t.Errorf("%v: posted %q", order, h.net.posted)
		}
	}
	h := hooked(t)
	h.portal.Edit("tickets", h.ticket().ID, map[string]any{"rapport_reply": "Das tut uns leid.", "rapport_reply_state": "approved"}) // saved at once
	h.told()
	if len(h.net.posted) != 1 {
		t.Errorf("saved at once: posted %q", h.net.posted)
	}
}
