package lambdarun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"rapport/shared/cloud"
	"rapport/shared/emulator"
	"rapport/shared/fault"
	"rapport/shared/id"
	"rapport/shared/queue"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

func TestMain(m *testing.M) { emulator.Main(m) }

// open makes a function over queues of its own; what it writes comes back too.
func open(t *testing.T, name string) (*Function, *bytes.Buffer) {
	t.Helper()
	env := map[string]string{topology.EnvTable: "t", topology.EnvArchive: "a", topology.EnvPrefix: "l" + strings.ToLower(id.New()[12:]) + "-", topology.EnvUnits: "1",
		"AWS_REGION": emulator.Region, "AWS_ENDPOINT_URL": emulator.URL(t), "AWS_ACCESS_KEY_ID": emulator.Key, "AWS_SECRET_ACCESS_KEY": emulator.Key}
	f, err := Open(name, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Queue.CreateQueues(t.Context()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f.lines, f.Log = telemetry.NewLambda(&out, 0), telemetry.NewLambda(&out, 0)
	return f, &out
}

// event makes a batch of messages that were received so often.
func event(t *testing.T, lane string, receives string, ids ...string) []byte {
	t.Helper()
	var records []map[string]any
	for _, id := range ids {
		records = append(records, map[string]any{"messageId": id, "receiptHandle": "r-" + id, "body": "t" + id,
			"attributes": map[string]string{"ApproximateReceiveCount": receives}, "eventSourceARN": "arn:aws:sqs:eu-west-1:1:x-" + lane})
	}
	text, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// invoke lets h work on a batch and gives what comes again.
func invoke(t *testing.T, f *Function, ctx context.Context, event []byte, h queue.Handler) string {
	t.Helper()
	answer, err := Lanes(func(context.Context, *Function, queue.Lane) (queue.Handler, error) { return h, nil })(f)(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &got); err != nil || got.Failures == nil {
		t.Fatalf("the answer is %s (%v): the list must be there", answer, err)
	}
	var ids []string
	for _, f := range got.Failures {
		ids = append(ids, f.ID)
	}
	return strings.Join(ids, " ")
}

func each(judge func(m queue.Message) error) queue.Handler {
	return func(_ context.Context, batch []queue.Message) []error {
		errs := make([]error, len(batch))
		for i, m := range batch {
			errs[i] = judge(m)
		}
		return errs
	}
}

func TestAnswers(t *testing.T) {
	passing := errors.New("passes")
	for _, c := range []struct {
		name, receives string
		handler        queue.Handler
		again          string
		dead           int
	}{
		{"all done", "1", each(func(queue.Message) error { return nil }), "", 0},
		{"one fails", "1", each(func(m queue.Message) error {
			if m.ID == "b" {
				return passing
			}
			return nil
		}), "b", 0},
		{"one never passes", "1", each(func(m queue.Message) error {
			if m.ID == "b" {
				return fault.New(fault.Invalid, "never")
			}
			return nil
		}), "", 1},
		{"for the last time", "6", each(func(m queue.Message) error {
			if m.ID != "b" {
				return passing
			}
			return nil
		}), "", 2},
		{"one time too few", "5", each(func(queue.Message) error { return passing }), "a b c", 0},
		{"panic", "1", func(context.Context, []queue.Message) []error { panic("oh") }, "a b c", 0},
		{"panic over one of them, handed out before", "4", each(func(m queue.Message) error {
			if m.ID == "b" {
				var p *int
				*p = 1
			}
			return nil
		}), "b", 0},
		{"answers left out", "1", func(context.Context, []queue.Message) []error { return nil }, "a b c", 0},
		{"asks for a time", "1", each(func(m queue.Message) error { return fault.Wait(fault.RateLimited, time.Minute, "slow down") }), "a b c", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, out := open(t, "enrich")
			if got := invoke(t, f, t.Context(), event(t, topology.MentionsLive, c.receives, "a", "b", "c"), c.handler); got != c.again {
				t.Errorf("comes again: %q, want %q", got, c.again)
			}
			dead, err := f.Queue.Dead(t.Context(), topology.MentionsLive, 10)
			if err != nil || len(dead) != c.dead {
				t.Errorf("%d dead letters (%v), want %d", len(dead), err, c.dead)
			}
			for _, d := range dead {
				if d.Reason != "never" && d.Reason != "passes" {
					t.Errorf("the reason is %q", d.Reason)
				}
			}
			if n := strings.Count(out.String(), `"msg":"batch"`); n != 1 {
				t.Errorf("%d lines for one batch:\n%s", n, out)
			}
		})
	}
}

// A panic outside the handler must not lose the batch either.
func TestPanicBeforeTheHandler(t *testing.T) {
	f, out := open(t, "enrich")
	answer, err := Lanes(func(context.Context, *Function, queue.Lane) (queue.Handler, error) { panic("before") })(f)(t.Context(), event(t, topology.MentionsLive, "1", "a", "b"))
	if err != nil || string(answer) != `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}` || !strings.Contains(out.String(), "before") {
		t.Errorf("answered %s (%v)\n%s", answer, err, out)
	}
}

func TestDeadline(t *testing.T) {
	f, _ := open(t, "enrich")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	end, _ := ctx.Deadline()
	// Received often, they are worked on one by one: what the first leaves no time for comes again untouched.
	seen := 0
	got := invoke(t, f, ctx, event(t, topology.MentionsLive, "4", "a", "b", "c"), func(inner context.Context, batch []queue.Message) []error {
		seen += len(batch)
		if at, ok := inner.Deadline(); !ok || !at.Before(end) {
			t.Errorf("the handler has time until %v, the answer is wanted by %v", at, end)
		}
		<-inner.Done()
		return make([]error, len(batch))
	})
	if got != "b c" || seen != 1 || ctx.Err() != nil {
		t.Errorf("comes again: %q after %d were worked on, context %v", got, seen, ctx.Err())
	}
}

func TestCallThatPanics(t *testing.T) {
	f, _ := open(t, "receive")
	const call = `{"rawPath":"/hooks/x","requestContext":{"domainName":"d.example","http":{"method":"POST"}},"body":"x"}`
	answer, err := HTTP(func(context.Context, *Function, webhook.Request) (webhook.Answer, error) { panic("oh") })(f)(t.Context(), []byte(call))
	if err != nil || !strings.Contains(string(answer), `"statusCode":500`) {
		t.Errorf("answered %s (%v), want 500: the sender comes again", answer, err)
	}
}

// What the sender signed is its own idea of the address.
func TestRequest(t *testing.T) {
	f, _ := open(t, "receive")
	const call = `{"rawPath":"/hooks/a b","rawQueryString":"x=1&y=%2F","headers":{"x-sign":"s","content-encoding":"identity"},"cookies":["a=1","b=2"],
		"requestContext":{"domainName":"d.example","http":{"method":"PUT"}},"body":"aGk=","isBase64Encoded":true}`
	var got webhook.Request
	if _, err := HTTP(func(_ context.Context, _ *Function, r webhook.Request) (webhook.Answer, error) {
		got = r
		return webhook.Answer{}, nil
	})(f)(t.Context(), []byte(call)); err != nil {
		t.Fatal(err)
	}
	if got.URL != "https://d.example/hooks/a b?x=1&y=%2F" || got.Method != "PUT" || got.Query.Get("y") != "/" || got.Header.Get("X-Sign") != "s" ||
		got.Header.Get("Cookie") != "a=1; b=2" || string(got.Body) != "hi" || got.At.IsZero() {
		t.Errorf("the request is %+v", got)
	}
}

// A function may send to no lane that topology does not name for it: its role would refuse it in AWS.
func TestLanesOfAFunction(t *testing.T) {
	f, _ := open(t, "receive")
	errs := f.Queue.Send(t.Context(), queue.Message{Lane: topology.MentionsLive, Body: []byte("x")}, queue.Message{Lane: topology.Jobs, Body: []byte("x")})
	if errs[0] != nil || !fault.Is(errs[1], fault.Invalid) {
		t.Errorf("receive sends to its lane: %v, to that of jobs: %v", errs[0], errs[1])
	}
}

func TestEnvironment(t *testing.T) {
	for name, env := range map[string]map[string]string{
		topology.EnvTable:   {topology.EnvArchive: "a", "AWS_REGION": "r"},
		topology.EnvArchive: {topology.EnvTable: "t", "AWS_REGION": "r"},
		"AWS_REGION":        {topology.EnvTable: "t", topology.EnvArchive: "a"},
		topology.EnvSecrets: {topology.EnvTable: "t", topology.EnvArchive: "a", "AWS_REGION": "r", topology.EnvSecrets: "vault"},
		topology.EnvLog:     {topology.EnvTable: "t", topology.EnvArchive: "a", "AWS_REGION": "r", topology.EnvLog: "loud"},
	} {
		if _, err := cloud.Read(func(n string) string { return env[n] }); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("without a good %s: %v", name, err)
		}
	}
	if _, err := Open("nobody", func(string) string { return "x" }); err == nil {
		t.Error("a function that topology does not know was opened")
	}
}
