package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"rapport/shared/app"
	"rapport/shared/cloud"
	"rapport/shared/cost"
	"rapport/shared/flow"
	"rapport/shared/id"
	"rapport/shared/network"
	nethook "rapport/shared/network/hook"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/queue/sqs"
	"rapport/shared/rest"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
	awstwin "rapport/shared/twin/aws"
	mastodontwin "rapport/shared/twin/mastodon"
	sinktwin "rapport/shared/twin/sink"
	"rapport/shared/webhook"
)

const unitSecret = "unit-secret-0123456789"

// bench is a stack without Lambda: the real drivers and verbs over services that count what they charge.
type bench struct {
	t       *testing.T
	cloud   *awstwin.Cloud
	drivers cloud.Drivers
	counted *cloud.Units // as a function counts itself
	app     *app.App
	used    map[string]float64
	prefix  string
	ahead   time.Duration // how far the app's clock is ahead
}

func newBench(t *testing.T, configuration string) *bench {
	t.Helper()
	b := &bench{t: t, cloud: awstwin.New(awstwin.Options{Now: time.Now}), counted: cloud.NewUnits(), used: map[string]float64{}, prefix: "u-"}
	services := httptest.NewServer(b.cloud)
	t.Cleanup(services.Close)
	crm := httptest.NewServer(sinktwin.New(sinktwin.Options{}))
	t.Cleanup(crm.Close)
	env := map[string]string{topology.EnvTable: "table", topology.EnvArchive: "archive", topology.EnvPrefix: b.prefix, topology.EnvQueues: services.URL + "/",
		topology.EnvPrivate: "1", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": services.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
	getenv := func(name string) string { return env[name] }
	settings, err := cloud.Read(getenv)
	if err != nil {
		t.Fatal(err)
	}
	if b.drivers, err = cloud.Open(cloud.Options{Settings: settings, Credentials: awssdk.CredentialsProvider(cloud.Env(getenv)), Units: b.counted}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := b.drivers.Secrets.Set(ctx, "aws:unit", flow.NewSecret(unitSecret)); err != nil {
		t.Fatal(err)
	}
	if err := b.drivers.Secrets.Set(ctx, "aws:social", flow.NewSecret("twin-token")); err != nil {
		t.Fatal(err)
	}
	b.app, err = app.New(ctx, app.Options{Store: b.drivers.Store, Queue: b.drivers.Queue, Archive: b.drivers.Archive, Secrets: b.drivers.Secrets, Scheme: "aws:",
		Ports: pipeline.Ports{Now: func() time.Time { return time.Now().Add(b.ahead) }, NewID: id.New, Log: telemetry.New(io.Discard, 0), HTTP: rest.Guard(rest.GuardOptions{Private: true}),
			Fence: time.Minute, Private: true}})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("env:BENCH_SECRET", "aws:unit", "http://127.0.0.1:9900", crm.URL).Replace(configuration)
	if _, err := b.app.Publish(ctx, []byte(text), "rapport.yaml", "test", ""); err != nil {
		t.Fatal(err)
	}
	return b
}

// webhook sends one signed call.
func (b *bench) webhook(body []byte) {
	b.t.Helper()
	plan, err := b.app.Plan(b.t.Context(), "")
	if err != nil {
		b.t.Fatal(err)
	}
	conf, _ := plan.Doc.Hook("bench")
	h := network.Hook{Name: conf.Name, Kind: conf.Kind, Settings: conf.Settings, Secrets: map[string]flow.Secret{"secret": flow.NewSecret(unitSecret)}}
	at := time.Now().UTC()
	header, err := nethook.New().Sign(h, "https://u.example/hooks/bench", body, at)
	if err != nil {
		b.t.Fatal(err)
	}
	b.used["lambda.receive"]++
	a, err := b.app.Receive(b.t.Context(), "bench", webhook.Request{Method: "POST", URL: "https://u.example/hooks/bench", Path: "/hooks/bench", Header: header, Body: body, At: at})
	if err != nil || a.Status != 200 {
		b.t.Fatalf("answered %d: %v", a.Status, err)
	}
}

// drain lets the functions work until nothing waits, in full batches.
func (b *bench) drain() {
	b.t.Helper()
	for worked := true; worked; {
		worked = false
		for _, f := range topology.Functions() {
			for _, lane := range f.Lanes {
				for {
					records := b.cloud.Pull(topology.QueueName(b.prefix, lane), max(f.Batch, 1))
					if len(records) == 0 {
						break
					}
					worked = true
					b.work(f, queue.Lane(lane), records)
				}
			}
		}
	}
}

func (b *bench) work(f topology.Function, lane queue.Lane, records []awstwin.Record) {
	b.t.Helper()
	b.used["lambda."+f.Name]++
	batch := make([]sqs.Record, len(records))
	for i, r := range records {
		batch[i] = sqs.Record(r)
	}
	again, err := b.drivers.Queue.Handle(b.t.Context(), lane, batch, b.app.Handler(lane))
	if err != nil || len(again) > 0 {
		b.t.Fatalf("%s: %d of %d messages come again: %v", f.Name, len(again), len(records), err)
	}
}

// take gives what was used since the last time. The functions' own middleware must have counted the same.
func (b *bench) take() map[string]float64 {
	b.t.Helper()
	n, counted := b.cloud.Take(), b.counted.Take()
	for _, name := range []string{"dynamodb.writes", "dynamodb.reads", "dynamodb.PutItem", "dynamodb.BatchGetItem", "s3.PutObject", "ssm.GetParameter"} {
		if n[name] != counted[name] {
			b.t.Errorf("%s: the service charges %g, the middleware counts %g", name, n[name], counted[name])
		}
	}
	maps.Copy(n, b.used)
	clear(b.used)
	return n
}

// usage sorts counts by what is paid for. Time and log lines are not counted here.
func usage(n map[string]float64) cost.Usage {
	u := cost.Usage{Writes: n["dynamodb.writes"], Reads: n["dynamodb.reads"], Puts: n["s3.PutObject"]}
	for name, count := range n {
		switch service, _, _ := strings.Cut(name, "."); service {
		case "lambda":
			u.Invocations += count
		case "sqs":
			u.Requests += count
		}
	}
	return u
}

// What people say: chatter and praise begin no conversation, trouble does.
var (
	chatter = []string{
		"Heute die erste Runde mit dem Nordlicht gedreht. Läuft ruhig, bremst gut, und der Akku hält, was er verspricht. Morgen geht es an den Deich.",
		"Lovely evening ride along the canal, the new saddle is wonderful. Pictures tomorrow.",
		"Sonntagsrunde: 62 km, Gegenwind, Kuchen. Das Nordlicht hat alles mitgemacht. 😍 Nächste Woche wieder, diesmal mit den Kindern und dem Anhänger.",
	}
	trouble = []string{
		"Mein Nordlicht lädt seit gestern nicht mehr, die Anzeige bleibt dunkel. Ich brauche das Rad für die Arbeit. Wer hilft mir jetzt weiter?",
		"Third week without an answer about my broken rear light. This is really annoying, I want my money back.",
	}
)

// said is one mention on its way into a webhook.
type said struct {
	n, author int
	text      string
	private   bool
}

// body makes it as a monitoring tool sends it.
func (s said) body() []byte {
	body, _ := json.Marshal(map[string]any{"id": fmt.Sprintf("m%08d", s.n), "network": "instagram", "type": "post", "text": s.text, "private": s.private,
		"author": map[string]any{"id": fmt.Sprintf("u%06d", s.author), "name": fmt.Sprintf("Kari Nr. %d", s.author), "handle": fmt.Sprintf("kari_faehrt_%d", s.author),
			"url": fmt.Sprintf("https://photo.example/kari_faehrt_%d", s.author), "followers": 100 + 37*s.author%20000, "bio": "Radtouren und Kaffee", "verified": false},
		"metrics": map[string]any{"likes": s.n % 50, "shares": s.n % 7, "comments": s.n % 9, "views": s.n * 13 % 4000}, "hashtags": []string{"nordlicht", "rad"},
		"permalink": fmt.Sprintf("https://photo.example/p/m%08d", s.n), "created_at": 1795250000 + s.n%3000, "page_id": "page-778811"})
	return body
}

// play sends mentions n by n and lets the functions work on each n of them.
func (b *bench) play(n int, list []said) map[string]float64 {
	b.t.Helper()
	for part := range slices.Chunk(list, n) {
		for _, s := range part {
			b.webhook(s.body())
		}
		b.drain()
	}
	return b.take()
}

// mentions makes n of them; authors are numbered from first on.
func mentions(n, from, first int, texts []string) []said {
	list := make([]said, n)
	for i := range list {
		list[i] = said{n: from + i, author: first + i, text: texts[i%len(texts)]}
	}
	return list
}

func benchConfiguration(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../events/bench/rapport.yaml")
	if err != nil {
		t.Fatal(err)
	}
	keyed := strings.Replace(string(text), "      write: {path: /batch}\n", "      keyed: true\n      write: {path: /upsert}\n", 1)
	return strings.Replace(keyed, "        text: item.text\n", "        text: item.text\n        private: item.private ?? false\n", 1)
}

// steps adds up what the table says of some work.
func steps(fill float64, n map[cost.Step]float64) cost.Usage {
	u := cost.Usage{}
	for step, count := range n {
		u = u.Plus(step.Of(fill).Times(count))
	}
	return u
}

// like wants what was measured to be what the table of units says, within a twentieth and two batches.
func like(t *testing.T, name string, got, want cost.Usage) {
	t.Helper()
	for _, c := range []struct {
		unit      string
		got, want float64
	}{{"invocations", got.Invocations, want.Invocations}, {"requests", got.Requests, want.Requests}, {"writes", got.Writes, want.Writes},
		{"reads", got.Reads, want.Reads}, {"puts", got.Puts, want.Puts}} {
		t.Logf("%-28s %-12s measured %8.1f, by the table %8.1f", name, c.unit, c.got, c.want)
		if math.Abs(c.got-c.want) > 0.05*c.want+8 {
			t.Errorf("%s: %s: measured %g, the table says %g", name, c.unit, c.got, c.want)
		}
	}
}

// within holds what was measured to the budgets of a plan.
func within(t *testing.T, plan string, got map[string]float64) {
	t.Helper()
	seen := 0
	for _, b := range cost.Budgets() {
		if b.Plan != plan {
			continue
		}
		n, measured := got[b.Unit]
		seen++
		t.Logf("%-40s %-22s %9.2f of %9.2f", plan, b.Unit, n, b.Most)
		if !measured || n > b.Most || b.Reason == "" {
			t.Errorf("%s: %s are %.2f, at most %.2f may be (%s)", plan, b.Unit, n, b.Most, b.Reason)
		}
	}
	if seen != len(got) {
		t.Errorf("%s: %d units were measured, %d are bounded", plan, len(got), seen)
	}
}

// inUSD prices what was measured for a million, with time and log lines as the table reckons them.
func inUSD(t *testing.T, by string, measured cost.Usage) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, l := range cost.Lists() {
		reckoned, list, err := cost.Lean(l.Region, by)
		if err != nil {
			t.Fatal(err)
		}
		measured.GBSeconds, measured.LogGB = reckoned.GBSeconds, reckoned.LogGB
		out["USD in "+l.Region] = list.USD(measured)
	}
	return out
}

// TestUnits plays plans over services that count what they charge, and holds the verbs to their budgets and the table of
// units to what was measured.
func TestUnits(t *testing.T) {
	t.Run("webhook", lean)
	t.Run("poll", leanPoll)
	t.Run("cases", cases)
	t.Run("full", full)
	t.Run("idle", idle)
}

func lean(t *testing.T) {
	const n, full = 1000, 100
	b := newBench(t, benchConfiguration(t))
	before, _ := b.cloud.Items()
	b.play(full, mentions(n, 0, 0, chatter))
	items, _ := b.cloud.Items()
	other := 0
	for name, count := range items {
		if name != "author" {
			other += count - before[name]
		}
	}
	within(t, cost.Strangers, map[string]float64{"items of authors": float64(items["author"]), "other items": float64(other - items["hour"])})

	used := b.play(full, mentions(n, n, 0, chatter))
	u := usage(used)
	work := map[cost.Step]float64{cost.Webhook: n, cost.Enrich: n / full, cost.Mention: n, cost.Deliver: n / full, cost.Delivery: n}
	like(t, "known authors", u, steps(full, work))
	within(t, cost.LeanWebhook, map[string]float64{"invocations": u.Invocations, "requests": u.Requests, "writes": u.Writes, "reads": u.Reads, "puts": u.Puts,
		"secrets": used["ssm.GetParameter"]})
	within(t, cost.LeanMillion, inUSD(t, "webhook", u.Times(1e6/n)))

	like(t, "one by one", usage(b.play(1, mentions(50, 2000, 0, chatter))),
		steps(1, map[cost.Step]float64{cost.Webhook: 50, cost.Enrich: 50, cost.Mention: 50, cost.Deliver: 50, cost.Delivery: 50}))
	like(t, "the same again", usage(b.play(full, mentions(200, n, 0, chatter))),
		steps(full, map[cost.Step]float64{cost.Webhook: 200, cost.Enrich: 2, cost.Repeat: 200}))
}

// TestLines holds the length of log lines to what is reckoned for them.
func TestLines(t *testing.T) {
	var out bytes.Buffer
	log, ctx := telemetry.NewLambda(&out, slog.LevelInfo), t.Context()
	telemetry.Line(ctx, log, time.Now(), "rapport-", []slog.Attr{slog.String("function", "receive"), slog.String("call", "POST /hooks/monitor"), slog.Int("status", 200),
		slog.Int64("ms", 6)}, telemetry.Count(topology.MetricReceived, 1))
	call := out.Len() + 26
	out.Reset()
	telemetry.Line(ctx, log, time.Now(), "rapport-", []slog.Attr{slog.String("function", "deliver"), slog.String("lane", "deliver-bulk"), slog.Int("messages", 100),
		slog.Int("failed", 0), slog.Int64("ms", 600)}, telemetry.Count(topology.MetricWritten, 100))
	if batch := out.Len() + 26; float64(call) > cost.CallLine*1e9 || float64(batch) > cost.BatchLine*1e9 {
		t.Errorf("the line of a call takes %d bytes, of a batch %d: more than package cost reckons", call, batch)
	}
}

func leanPoll(t *testing.T) {
	poll, social := withMastodon(t)
	b := newBench(t, poll)
	b.poll("social") // begins at now
	b.take()
	const n, pages = 760, 19
	u := cost.Usage{}
	for round := range 2 { // the first makes authors known
		for i := range n {
			social.Post(mastodontwin.Post{By: fmt.Sprintf("kari%d", i), Text: fmt.Sprintf("%s %d #nordlicht", chatter[i%len(chatter)], round*1000+i)})
		}
		b.poll("social")
		u = usage(b.take())
	}
	like(t, "by poll", u, steps(100, map[cost.Step]float64{cost.Poll: 1, cost.Page: pages, cost.Enrich: 1, cost.Mention: n, cost.Deliver: 8, cost.Delivery: n}))
	within(t, cost.LeanPoll, inUSD(t, "poll", u.Times(1e6/n)))
}

// cases plays complaints, each of which becomes a case in the CRM.
func cases(t *testing.T) {
	b := newBench(t, benchConfiguration(t)+caseMapping)
	const n = 300
	like(t, "with a case each", usage(b.play(100, mentions(n, 0, 0, trouble))), steps(100, map[cost.Step]float64{cost.Webhook: n, cost.Enrich: n / 100, cost.Mention: n,
		cost.Conversation: n, cost.Deliver: n / 100, cost.Delivery: n, cost.Shared: n}))
}

// full plays strangers who write privately and leave an address, to two CRM accounts with three records of each.
func full(t *testing.T) {
	b := newBench(t, fullConfiguration(t))
	const n = 200
	list := mentions(n, 0, 0, []string{""})
	for i := range list {
		list[i].private, list[i].text = true, fmt.Sprintf("Mein Nordlicht lädt nicht mehr, ich brauche das Rad. Bitte melden: kari%d@rad.example", i)
	}
	u := usage(b.play(100, list))
	want := steps(100, map[cost.Step]float64{cost.Webhook: n, cost.Enrich: n / 100, cost.Mention: n, cost.Conversation: n, cost.Person: n, cost.Deliver: 2 * n / 100,
		cost.Delivery: 2 * n, cost.Shared: 4 * n})
	want.Writes += n // two accounts settle one line
	like(t, "full plan", u, want)
	t.Logf("full plan, per 1,000 mentions: %+v", u.Times(1000.0/n))
}

func idle(t *testing.T) {
	b := newBench(t, benchConfiguration(t))
	const minutes = 60
	for minute := range minutes + 1 {
		if err := b.app.Tick(t.Context(), feed); err != nil {
			t.Fatal(err)
		}
		if _, err := b.app.Health(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.drain()
		if b.ahead += time.Minute; minute == 0 { // the first finds everything new
			b.take()
		}
	}
	u := usage(b.take())
	u.Invocations += minutes // of tick itself
	want := cost.Tick.Of(1).Times(minutes)
	want.GBSeconds, want.Schedules, want.LogGB = 0, 0, 0
	like(t, "an hour in which nothing comes", u, want)
	got := map[string]float64{}
	for _, l := range cost.Lists() {
		empty, err := cost.Volumes{Region: l.Region}.Bill()
		if err != nil {
			t.Fatal(err)
		}
		got["USD in "+l.Region] = empty.Idle
		got["USD in "+l.Region+" with alarms"] = empty.Idle + empty.Watch[0].USD
		got["USD in "+l.Region+" paid"] = empty.AWS - cost.Sum(empty.Free)
	}
	within(t, cost.Idle, got)
}

// poll wakes poll as tick does.
func (b *bench) poll(account string) {
	b.t.Helper()
	body, _ := json.Marshal(map[string]any{"account": account})
	if err := b.drivers.Queue.Send(b.t.Context(), queue.Message{Lane: topology.Polls, Group: account, Body: body})[0]; err != nil {
		b.t.Fatal(err)
	}
	b.drain()
}

// withMastodon adds a polled account to the configuration.
func withMastodon(t *testing.T) (string, *mastodontwin.Server) {
	t.Helper()
	social := mastodontwin.New(mastodontwin.Options{})
	server := httptest.NewServer(social)
	t.Cleanup(server.Close)
	social.SetSelf(server.URL)
	for i := range 1000 {
		social.AddAccount(mastodontwin.Account{Name: fmt.Sprintf("kari%d", i), Display: "Kari", Bio: "Radtouren und Kaffee", Followers: i, Posts: 12})
	}
	account := fmt.Sprintf("networks:\n  - {name: social, kind: mastodon, brand: bench, origin: %s, id: %q, streams: [\"tag:nordlicht\"], secrets: {token: \"aws:social\"}}\n", server.URL, social.Brand())
	return strings.Replace(benchConfiguration(t), "networks:\n", account, 1), social
}

// fullConfiguration has two CRM accounts that want three records of each mention.
func fullConfiguration(t *testing.T) string {
	t.Helper()
	text := benchConfiguration(t)
	before, rest, _ := strings.Cut(text, "crms:\n")
	account, mapped, _ := strings.Cut(rest, "\nmapping:\n")
	account = strings.Replace(account, "    mode: write\n", "    mode: write\n    person: create\n", 1)
	second := func(s string) string {
		return strings.NewReplacer("name: crm", "name: second", "crm: crm", "crm: second").Replace(s)
	}
	mapped += caseMapping + personMapping
	return before + "crms:\n" + account + "\n" + second(account) + "\nmapping:\n" + mapped + second(mapped)
}

const (
	caseMapping = `
  - {crm: crm, object: cases, for: conversation, key: ExternalId, fields: {ExternalId: conversation.id, Subject: conversation.subject, State: {value: conversation.status, wins: rapport}}}
`
	personMapping = `
  - {crm: crm, object: people, for: person, key: ExternalId, fields: {ExternalId: person.id, Name: {value: person.name, wins: rapport}}}
`
)
