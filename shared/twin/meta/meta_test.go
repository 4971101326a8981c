package meta_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	twin "rapport/shared/twin/meta"
)

func now() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// TestQuirks: errors are 400 with a code, and every call wants its proof.
func TestQuirks(t *testing.T) {
	server := httptest.NewServer(twin.New(twin.Options{Now: now}))
	defer server.Close()
	for address, code := range map[string]float64{"/v26.0/1101?access_token=wrong": 190, "/v26.0/1101?access_token=twin-page-token": 100} {
		resp, err := http.Get(server.URL + address)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var e struct {
			Error struct {
				Code float64 `json:"code"`
			} `json:"error"`
		}
		if err != nil || json.Unmarshal(body, &e) != nil || resp.StatusCode != http.StatusBadRequest || e.Error.Code != code {
			t.Errorf("%s: %d %s %v", address, resp.StatusCode, body, err)
		}
	}
}

// TestBodies: escaped, batched by object, flat where Instagram Login sends, in standby where another inbox owns the thread.
func TestBodies(t *testing.T) {
	s := twin.New(twin.Options{Now: now, Batch: 10, Flat: true, Standby: true})
	on := s.Say(twin.Post{Text: "Grüße 🚲 und/oder"})
	s.Say(twin.Post{By: "41", On: on, Text: "Schön"})
	media := s.Say(twin.Post{Platform: twin.Instagram, Text: "Neu"})
	s.Say(twin.Post{Platform: twin.Instagram, By: "42", On: media, Text: "Oh"})
	s.Write(twin.Facebook, "41", "Hallo")
	bodies := s.Bodies()
	if len(bodies) != 3 {
		t.Fatalf("%d bodies, want 3", len(bodies))
	}
	for i, want := range []string{`Gr\u00fc\u00dfe \ud83d\udeb2 und\/oder`, `"field":"comments"`, `"standby":[`} {
		if !strings.Contains(string(bodies[i]), want) || !json.Valid(bodies[i]) {
			t.Errorf("%s\nhas no %s", bodies[i], want)
		}
	}
	if strings.Contains(string(bodies[1]), "changes") || strings.Count(string(bodies[0]), `"field":"feed"`) != 2 {
		t.Errorf("%s\n%s", bodies[0], bodies[1])
	}
}
