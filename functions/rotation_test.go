package functions_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"rapport/shared/app"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/id"
	"rapport/shared/pipeline"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/secret/env"
	storememory "rapport/shared/store/memory"
	"rapport/shared/telemetry"
	"rapport/shared/webhook"
)

// Who rotates a secret stores the new one; the first call that is signed with it must pass, though the old one is cached
// still.
func TestRotation(t *testing.T) {
	stored, reads := "the secret of long ago, 0123456789", 0
	source := env.New(env.Options{Lookup: func(string) (string, bool) { reads++; return stored, true }})
	a, err := app.New(t.Context(), app.Options{Store: storememory.New(storememory.Options{Now: time.Now}), Queue: queuememory.New(queuememory.Options{Now: time.Now}),
		Archive: archivememory.New(), Secrets: source, Ports: pipeline.Ports{Now: time.Now, NewID: id.New, Log: telemetry.New(io.Discard, 0), HTTP: http.DefaultClient}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../events/bench/rapport.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(t.Context(), text, "rapport.yaml", "test", ""); err != nil {
		t.Fatal(err)
	}
	var e struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal(event(t, "receive.json"), &e); err != nil {
		t.Fatal(err)
	}
	r := webhook.Request{Method: http.MethodPost, Path: "/hooks/bench", URL: "https://d.example/hooks/bench", Header: http.Header{}, Body: []byte(e.Body), At: time.Now()}
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	if answer, _ := a.Receive(t.Context(), "bench", r); answer.Status != http.StatusUnauthorized {
		t.Fatalf("signed with another secret: %d", answer.Status)
	}
	stored = sender
	if answer, err := a.Receive(t.Context(), "bench", r); answer.Status != http.StatusOK {
		t.Fatalf("signed with the new secret: %d (%v)", answer.Status, err)
	}
	before := reads
	if answer, _ := a.Receive(t.Context(), "bench", r); answer.Status != http.StatusOK || reads != before {
		t.Errorf("the next call: %d, and the secret was read %d times", answer.Status, reads-before)
	}
}
