package main

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"rapport/shared/app"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/queue/sqs"
	"rapport/shared/secret/env"
	"rapport/shared/store"
	storememory "rapport/shared/store/memory"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

var update = flag.Bool("update", false, "write events/function anew")

const (
	examples = "../../events"
	sender   = "bench-secret-0123456789" // of the bench alone
)

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// TestFunctionEvents keeps events/function current: what Lambda hands to each function, made by the functions before it.
func TestFunctionEvents(t *testing.T) {
	made := map[string]any{"receive.json": receiveEvent(t)}
	for name, lane := range queueEvents(t) {
		made[name] = lane
	}
	for name, event := range made {
		var want bytes.Buffer
		if err := printJSON(&want, event); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(examples, "function", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is out of date: go test ./scripts/rapport -run TestFunctionEvents -update\nwant:\n%s", path, want.Bytes())
		}
	}
}

func example(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func secrets() *env.Source {
	return env.New(env.Options{Lookup: func(name string) (string, bool) { return sender, name == "BENCH_SECRET" }})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// signed is the example mention as its sender would post it.
func signed(t *testing.T) webhook.Request {
	t.Helper()
	h, err := localrun.Open(t.Context(), localrun.Options{Data: filepath.Join(t.TempDir(), "x.db"), Config: filepath.Join(examples, "bench", "rapport.yaml"), Secrets: secrets(), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Sign(t.Context(), "bench", "https://hooks.example", example(t, "bench/mention.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.At = noon()
	return r
}

func receiveEvent(t *testing.T) functionURL {
	e := functionURLEvent(signed(t), false)
	if e.Base64 || e.Headers["x-hub-signature-256"] != "sha256="+mac(sender, e.Body) || e.Context.HTTP.Method != http.MethodPost || e.Path != "/hooks/bench" {
		t.Errorf("the event of the receive function: %+v", e)
	}
	return e
}

// queueEvents lets an app of memory drivers work by hand and takes down what lies in its queues on the way.
func queueEvents(t *testing.T) map[string]sqsEvent {
	ctx, clock, ids := t.Context(), noon(), 0
	now := func() time.Time { return clock }
	q := queuememory.New(queuememory.Options{Now: now})
	rows := storememory.New(storememory.Options{Now: now})
	key := store.Row[string]{Part: "pepper", Sort: "-", Value: base64.StdEncoding.EncodeToString(make([]byte, 32))} // the same hashes each time
	if res := (store.Table[string]{Store: rows, Name: "meta"}).Put(ctx, &key)[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	a, err := app.New(ctx, app.Options{Store: rows, Queue: q, Archive: archivememory.New(), Secrets: secrets(),
		Ports: pipeline.Ports{Now: now, NewID: func() string { ids++; return fmt.Sprintf("id%022d", ids) }, Log: quiet(), HTTP: http.DefaultClient, Base: "https://hooks.example"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(ctx, example(t, "bench/rapport.yaml"), "rapport.yaml", "example", ""); err != nil {
		t.Fatal(err)
	}
	events := map[string]sqsEvent{}
	take := func(file string, lanes ...queue.Lane) []queue.Message {
		for _, lane := range lanes {
			if messages := q.Receive(lane, 10); len(messages) > 0 {
				events[file] = asSQS(t, lane, messages)
				return messages
			}
		}
		t.Fatalf("nothing waits in %v", lanes)
		return nil
	}
	if answer, err := a.Receive(ctx, "bench", signed(t)); err != nil {
		t.Fatalf("receive answers %d: %v", answer.Status, err)
	}
	for _, err := range a.Enrich(ctx, take("enrich.json", topology.MentionsLive)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	take("deliver.json", topology.DeliverUrgent, topology.DeliverBulk)
	if _, err := a.Start(ctx, pipeline.JobRow{Kind: "backfill", Account: "monitor", From: clock.AddDate(0, 0, -1), To: clock}); err != nil {
		t.Fatal(err)
	}
	take("jobs.json", topology.Jobs)
	if _, err := a.Publish(ctx, []byte(readmeConfig(t)), "rapport.yaml", "example", ""); err != nil {
		t.Fatal(err)
	}
	if err := a.Tick(ctx, pipeline.Feed{Probe: 1, Most: 1}); err != nil {
		t.Fatal(err)
	}
	take("poll.json", topology.Polls)
	return events
}

func asSQS(t *testing.T, lane queue.Lane, messages []queue.Message) (e sqsEvent) {
	t.Helper()
	for i, m := range messages {
		body := "t" + string(m.Body) // as package sqs writes text; Decode below would tell a change
		if back, err := sqs.Decode(body); err != nil || !bytes.Equal(back, m.Body) {
			t.Fatalf("lane %s: the body does not come back: %v", lane, err)
		}
		sent := strconv.FormatInt(noon().UnixMilli(), 10)
		attributes := map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": sent, "ApproximateFirstReceiveTimestamp": sent, "SenderId": "AIDAEXAMPLE"}
		if m.Group != "" {
			attributes["MessageGroupId"] = m.Group
		}
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
		e.Records = append(e.Records, sqsRecord{ID: id, Receipt: base64.StdEncoding.EncodeToString([]byte(id)), Body: body, Attributes: attributes,
			Custom: map[string]any{}, Source: "aws:sqs", ARN: "arn:aws:sqs:eu-central-1:123456789012:rapport-" + string(lane), Region: "eu-central-1"})
	}
	return e
}

// TestSendForLambda looks that the command prints the same event, and base64 where it is asked for or needed.
func TestSendForLambda(t *testing.T) {
	p := newPlace(t)
	p.write("one.json", review("r1", "Grüße", 4))
	var e functionURL
	p.reads(0, &e, "send", "one.json", "--hook", "reviews", "--lambda")
	if e.Base64 || e.Body != p.read("one.json") || e.Headers["x-signature"] != "sha256="+mac(canaries()["REVIEWS_SECRET"], e.Body) || e.Version != "2.0" || e.Path != "/hooks/reviews" {
		t.Errorf("%+v", e)
	}
	p.reads(0, &e, "send", "one.json", "--hook", "reviews", "--lambda", "--base64")
	if body, err := base64.StdEncoding.DecodeString(e.Body); err != nil || !e.Base64 || string(body) != p.read("one.json") {
		t.Errorf("%+v %v", e, err)
	}
	r := webhook.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte("\xff"), URL: "https://hooks.example/hooks/x?a=1&a=2"}
	if e = functionURLEvent(r, false); !e.Base64 || e.RawQuery != "a=1&a=2" || e.Query["a"] != "1,2" {
		t.Errorf("%+v", e)
	}
}
