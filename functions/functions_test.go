// Package functions_test runs the functions' own binaries as Lambda does, with the events under events/function, against
// an emulator of the services.
package functions_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/scripts/lambdahost/host"
	"rapport/shared/app"
	"rapport/shared/cloud"
	"rapport/shared/emulator"
	"rapport/shared/flow"
	"rapport/shared/id"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
)

func TestMain(m *testing.M) { emulator.Main(m) }

const (
	bucket = "functions-archive"
	table  = "functions"
	sender = "bench-secret-0123456789" // of the bench alone; events/function/receive.json is signed with it
)

// stack is a stack without Lambda: what the functions find, the functions, and a CRM outside.
type stack struct {
	cloud.Drivers
	app  *app.App
	host *host.Host
	log  *memo
	crm  *endpoint
	env  []string
}

// memo keeps what functions print.
type memo struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (m *memo) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
	return m.text.Write(p)
}

func (m *memo) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

// lines waits for n lines of a function's events and gives them. They arrive on a pipe of their own, perhaps after the answer.
func (m *memo) lines(t *testing.T, function string, n int) []map[string]any {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		var found []map[string]any
		for text := range strings.SplitSeq(m.String(), "\n") {
			var line map[string]any
			if json.Unmarshal([]byte(text), &line) == nil && line["function"] == function && line["msg"] == "batch" {
				found = append(found, line)
			}
		}
		if len(found) >= n {
			return found
		}
		select {
		case <-m.changed:
		case <-late:
			t.Fatalf("%s wrote %d lines, want %d:\n%s", function, len(found), n, m)
		}
	}
}

// endpoint is a CRM that takes every record and remembers its id.
type endpoint struct {
	mu  sync.Mutex
	ids []string
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	records, ok := body.([]any)
	for _, v := range asMap(body) {
		if list, is := v.([]any); is && !ok {
			records = list
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	results := []map[string]any{}
	for _, one := range records {
		name, _ := asMap(one)["ExternalId"].(string)
		if r.URL.Path == "/batch" {
			e.ids = append(e.ids, name)
		}
		results = append(results, map[string]any{"success": true, "id": name})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": results})
}

func asMap(v any) map[string]any { m, _ := v.(map[string]any); return m }

func (e *endpoint) took() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.ids...)
}

// build builds all functions for this machine, once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "rapport-functions-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("../scripts/functions.sh", runtime.GOARCH, dir).CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func binaries(t *testing.T) string {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// open makes everything that the stack would, publishes the bench's configuration and starts the functions.
func open(t *testing.T) *stack {
	t.Helper()
	dir := binaries(t)
	s := &stack{log: &memo{changed: make(chan struct{}, 1)}, crm: &endpoint{}}
	server := httptest.NewServer(s.crm)
	t.Cleanup(server.Close)
	prefix := "f" + strings.ToLower(id.New()[12:]) + "-"
	env := map[string]string{topology.EnvTable: prefix + table, topology.EnvArchive: prefix + bucket, topology.EnvPrefix: prefix,
		topology.EnvPrivate: "1", topology.EnvUnits: "1", "AWS_REGION": emulator.Region, "AWS_ENDPOINT_URL": emulator.URL(t),
		"AWS_ACCESS_KEY_ID": emulator.Key, "AWS_SECRET_ACCESS_KEY": emulator.Key}
	getenv := func(name string) string { return env[name] }
	settings, err := cloud.Read(getenv)
	if err != nil {
		t.Fatal(err)
	}
	if s.Drivers, err = cloud.Open(cloud.Options{Settings: settings, Credentials: cloud.Env(getenv)}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, err := range []error{s.Store.CreateTable(ctx), s.Queue.CreateQueues(ctx), s.Archive.CreateBucket(ctx, emulator.Region),
		s.Secrets.Set(ctx, "aws:bench", flow.NewSecret(sender))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.app, err = app.New(ctx, app.Options{Store: s.Store, Queue: s.Queue, Archive: s.Archive, Secrets: s.Secrets,
		Ports: pipeline.Ports{Now: time.Now, NewID: id.New, Log: telemetry.New(io.Discard, 0), HTTP: rest.Guard(rest.GuardOptions{Private: true}), Private: true}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../events/bench/rapport.yaml")
	if err != nil {
		t.Fatal(err)
	}
	conf := strings.NewReplacer("env:BENCH_SECRET", "aws:bench", "http://127.0.0.1:9900", server.URL).Replace(string(text))
	if _, err := s.app.Publish(ctx, []byte(conf), "rapport.yaml", "test", ""); err != nil {
		t.Fatal(err)
	}
	s.host = host.New(host.Options{Log: s.log})
	t.Cleanup(s.host.Close)
	for name, value := range env {
		s.env = append(s.env, name+"="+value)
	}
	for _, f := range topology.Functions() {
		s.host.Set(host.Function{Name: f.Name, ARN: "arn:aws:lambda:eu-west-1:123456789012:function:" + prefix + f.Name,
			Program: filepath.Join(dir, f.Name, topology.Handler), Env: s.env, Limit: f.Limit, Memory: f.Memory})
	}
	return s
}

// invoke hands an event over and decodes the answer.
func (s *stack) invoke(t *testing.T, function string, event []byte, out any) {
	t.Helper()
	answer, err := s.host.Invoke(t.Context(), function, event)
	if err != nil {
		t.Fatalf("%s: %v\n%s", function, err, s.log)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s answered %s: %v", function, answer, err)
	}
}

func event(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "events", "function", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// partial hands a batch over and wants a list of failures, which may be empty but must be there.
func (s *stack) partial(t *testing.T, function string, event []byte) []string {
	t.Helper()
	var answer map[string]json.RawMessage
	s.invoke(t, function, event, &answer)
	var list []map[string]string
	if text := string(answer["batchItemFailures"]); !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &list) != nil || len(answer) != 1 {
		t.Fatalf("%s answered %s, want a list of failures", function, answer)
	}
	var ids []string
	for _, f := range list {
		ids = append(ids, f["itemIdentifier"])
	}
	return ids
}

type answered struct {
	StatusCode int
	Body       string
}

func (s *stack) depth(t *testing.T, lane queue.Lane) queue.Depth {
	t.Helper()
	all, err := s.Queue.Depth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.Lane == lane {
			return d
		}
	}
	t.Fatalf("no lane %s", lane)
	return queue.Depth{}
}

// TestOneMention carries one mention through the functions by the events that are kept for that: each function's event
// was made by the one before it.
func TestOneMention(t *testing.T) {
	s := open(t)
	var a answered
	s.invoke(t, "receive", event(t, "receive.json"), &a)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("receive answered %d %s", a.StatusCode, a.Body)
	}
	if d := s.depth(t, topology.MentionsLive); d.Waiting != 1 {
		t.Fatalf("after the webhook %d mentions wait", d.Waiting)
	}
	if ids := s.partial(t, "enrich", event(t, "enrich.json")); len(ids) != 0 {
		t.Fatalf("enrich gave back %v\n%s", ids, s.log)
	}
	if n := s.depth(t, topology.DeliverUrgent).Waiting + s.depth(t, topology.DeliverBulk).Waiting; n != 1 {
		t.Fatalf("after enrich %d deliveries wait", n)
	}
	refs := 0
	for _, err := range s.Archive.List(t.Context(), "monitor", time.Time{}, time.Time{}) {
		if refs++; err != nil {
			t.Fatal(err)
		}
	}
	if refs != 1 {
		t.Errorf("%d batches are archived, want 1", refs)
	}
	for range 2 { // the second is a copy
		if ids := s.partial(t, "deliver", event(t, "deliver.json")); len(ids) != 0 {
			t.Fatalf("deliver gave back %v\n%s", ids, s.log)
		}
	}
	if got := s.crm.took(); len(got) != 1 || got[0] != "instagram:m00000001" {
		t.Errorf("the CRM took %v, want the mention once", got)
	}
	var report struct {
		Total struct{ Received, Written int }
	}
	s.invoke(t, "report", []byte(`{"from":"2026-11-21T00:00:00Z","to":"2026-11-22T00:00:00Z"}`), &report)
	if report.Total.Received != 1 {
		t.Errorf("the report counts %+v, want one received", report.Total)
	}
	line := s.log.lines(t, "deliver", 2)
	if len(line) != 2 || line[0]["messages"] != 1.0 || line[0]["failed"] != 0.0 || line[0]["lane"] != topology.DeliverBulk || line[0]["cold"] != true || line[1]["cold"] == true {
		t.Errorf("deliver's lines: %v", line)
	}
}

// TestLines looks at what CloudWatch makes metrics of.
func TestLines(t *testing.T) {
	s := open(t)
	var a answered
	s.invoke(t, "receive", event(t, "receive.json"), &a)
	s.invoke(t, "receive", event(t, "receive.json"), &a)
	lines := s.log.lines(t, "receive", 2)
	if len(lines) != 2 {
		t.Fatalf("receive wrote %d lines for two calls", len(lines))
	}
	line := lines[1]
	embedded := asMap(line["_aws"])
	directives, _ := embedded["CloudWatchMetrics"].([]any)
	if len(directives) != 1 || asMap(directives[0])["Namespace"] != topology.Namespace || line[topology.MetricReceived] != 1.0 || embedded["Timestamp"] == nil ||
		line["timestamp"] == nil || line["level"] != "INFO" || line[topology.Dimension] == "" {
		t.Errorf("the line is %v", line)
	}
	if text := fmt.Sprint(line); strings.Contains(text, "Klingel") || strings.Contains(text, sender) {
		t.Errorf("the line shows content or a secret: %s", text)
	}
	units := asMap(line["units"])
	if units["sqs.SendMessageBatch"] != 1.0 || units["ssm.GetParameter"] != nil || units["dynamodb.BatchGetItem"] != nil {
		t.Errorf("a warm webhook used %v, want one send and nothing else", units)
	}
	if cold := asMap(lines[0]["units"]); cold["ssm.GetParameter"] != 1.0 || cold["dynamodb.BatchGetItem"] != 1.0 {
		t.Errorf("the first webhook used %v, want the secret and the configuration to be read, each once", cold)
	}
}

// edited gives receive.json with another body.
func edited(t *testing.T, change func(e map[string]any)) []byte {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(event(t, "receive.json"), &e); err != nil {
		t.Fatal(err)
	}
	change(e)
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReceive(t *testing.T) {
	s := open(t)
	for _, c := range []struct {
		name   string
		change func(e map[string]any)
		status int
		kept   int
	}{
		{"as base64", func(e map[string]any) {
			e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(e["body"].(string))), true
		}, 200, 1},
		{"base64 that nobody announced", func(e map[string]any) {
			e["body"] = base64.StdEncoding.EncodeToString([]byte(e["body"].(string)))
		}, 401, 0},
		{"one bit off", func(e map[string]any) { e["body"] = strings.Replace(e["body"].(string), "Rad", "Rat", 1) }, 401, 0},
		{"no base64", func(e map[string]any) { e["body"], e["isBase64Encoded"] = "%%%", true }, 400, 0},
		{"too large", func(e map[string]any) { e["body"] = strings.Repeat("x", 1<<20+1) }, 413, 0},
		{"no such hook", func(e map[string]any) { e["rawPath"] = "/hooks/other" }, 404, 0},
		{"health", func(e map[string]any) { e["rawPath"] = "/healthz" }, 200, 0},
	} {
		before := s.depth(t, topology.MentionsLive).Waiting
		var a answered
		s.invoke(t, "receive", edited(t, c.change), &a)
		if kept := s.depth(t, topology.MentionsLive).Waiting - before; a.StatusCode != c.status || kept != c.kept {
			t.Errorf("%s: answered %d and kept %d, want %d and %d", c.name, a.StatusCode, kept, c.status, c.kept)
		}
	}
	if _, err := s.host.Invoke(t.Context(), "receive", []byte(`{"Records":[]}`)); err == nil {
		t.Error("an event of another kind was answered as if all were well")
	}
}

// batch makes the event of a lane with bodies as the queue would hold them.
func batch(lane string, receives int, bodies ...string) []byte {
	var records []map[string]any
	for i, body := range bodies {
		records = append(records, map[string]any{"messageId": fmt.Sprintf("m%d", i), "receiptHandle": "r", "body": body, "eventSource": "aws:sqs",
			"attributes":     map[string]string{"ApproximateReceiveCount": fmt.Sprint(receives), "SentTimestamp": "1795262400000"},
			"eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:rapport-" + lane})
	}
	text, _ := json.Marshal(map[string]any{"Records": records}) // plain data
	return text
}

// TestEveryLane wants of every function that a queue wakes: an answer for any batch, damaged messages among the dead
// letters with their reason, good ones beside them done.
func TestEveryLane(t *testing.T) {
	s := open(t)
	for _, f := range topology.Functions() {
		for _, lane := range f.Lanes {
			if ids := s.partial(t, f.Name, batch(lane, 1, "not sent by us", `t{"damaged`)); len(ids) != 0 {
				t.Errorf("%s gave back %v of damaged messages", lane, ids)
			}
			dead, err := s.Queue.Dead(t.Context(), queue.Lane(lane), 10)
			if err != nil || len(dead) != 2 || dead[0].Reason == "" {
				t.Errorf("%s: dead letters are %+v (%v), want the two damaged messages", lane, dead, err)
			}
		}
		if len(f.Lanes) > 0 {
			if ids := s.partial(t, f.Name, []byte(`{"Records":[]}`)); len(ids) != 0 {
				t.Errorf("%s gave back %v of nothing", f.Name, ids)
			}
			if ids := s.partial(t, f.Name, batch("unheard-of", 1, "tx", "ty")); len(ids) != 2 {
				t.Errorf("%s gave back %v of a lane it does not know, want both", f.Name, ids)
			}
			if _, err := s.host.Invoke(t.Context(), f.Name, []byte(`[]`)); err == nil {
				t.Errorf("%s answered what is no event as if all were done", f.Name)
			}
		}
	}
	for _, name := range []string{"poll.json", "jobs.json"} { // of accounts and jobs that are not there
		if ids := s.partial(t, strings.TrimSuffix(name, ".json"), event(t, name)); len(ids) != 0 {
			t.Errorf("%s gave back %v", name, ids)
		}
	}
}

func TestClock(t *testing.T) {
	s := open(t)
	var said string
	s.invoke(t, "tick", []byte(`{}`), &said)
	if said != "ticked" {
		t.Errorf("tick said %q", said)
	}
	if line := s.log.lines(t, "tick", 1); len(line) != 1 || line[0][topology.MetricClosed] != 0.0 {
		t.Errorf("tick's lines: %v", line)
	}
}

// TestDown: what cannot be worked on comes again, all of it.
func TestDown(t *testing.T) {
	s := open(t)
	env := append(slices.Clone(s.env), topology.EnvTable+"=nothing-of-that-name")
	s.host.Set(host.Function{Name: "enrich", Program: filepath.Join(binaries(t), "enrich", topology.Handler), Env: env, Limit: time.Minute, Memory: 512})
	if ids := s.partial(t, "enrich", batch(topology.MentionsLive, 1, "tx", "ty")); len(ids) != 2 {
		t.Errorf("without a table enrich gave back %v, want both messages", ids)
	}
	if line := s.log.lines(t, "enrich", 1); len(line) != 1 || line[0]["failed"] != 2.0 || line[0]["error"] == nil {
		t.Errorf("enrich's lines: %v", line)
	}
	s.host.Set(host.Function{Name: "receive", Program: filepath.Join(binaries(t), "receive", topology.Handler), Env: env, Limit: 10 * time.Second, Memory: 256})
	var a answered
	if s.invoke(t, "receive", event(t, "receive.json"), &a); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without a table receive answered %d, want 503: the sender must come again", a.StatusCode)
	}
}
