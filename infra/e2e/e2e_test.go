package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"rapport/shared/flow"
	"rapport/shared/localrun"
	"rapport/shared/queue"
	"rapport/shared/topology"
	hubspottwin "rapport/shared/twin/hubspot"
	mastodontwin "rapport/shared/twin/mastodon"
	sinktwin "rapport/shared/twin/sink"
)

const toolSecret = "echolot-secret-0123456789"

// toolSettings is how the monitoring tool signs.
func toolSettings() map[string]any {
	return map[string]any{"scheme": "timestamp.body", "header": "X-Echolot-Signature", "timestamp_header": "X-Echolot-Time", "fields": map[string]any{"id": "item.doc.id"}}
}

const configuration = `version: 1
score: {strangers: true}
brands:
  - {name: nordlicht, title: Nordlicht Rad, languages: [de, en], terms: [Nordlicht]}
hooks:
  - name: echolot
    kind: hook
    brand: nordlicht
    secrets: {secret: "aws:echolot-secret"}
    settings:
      scheme: timestamp.body
      header: X-Echolot-Signature
      timestamp_header: X-Echolot-Time
      event: '{"new": "new", "changed": "edit", "removed": "delete"}[item.kind] ?? "ignore"'
      account: item.project
      fields: {id: item.doc.id, network: item.doc.src, text: item.doc.text, permalink: item.doc.url, created: item.doc.posted, root: item.doc.thread, author.id: item.doc.by.id, author.handle: item.doc.by.name}
  - {name: portal, kind: hubspot, secrets: {secret: "aws:hubspot-client-secret"}}
networks:
  - {name: listening, kind: hook, hook: echolot, id: nordlicht-de, brand: nordlicht}
  - name: mastodon
    kind: mastodon
    origin: %[1]s
    id: %[1]s/users/nordlicht
    brand: nordlicht
    every: 5s
    replies: "on"
    streams: [notifications, own]
    secrets: {token: "aws:mastodon-token"}
crms:
  - name: hubspot
    kind: hubspot
    hook: portal
    id: "4711"
    origin: %[2]s
    mode: write
    every: 1h
    settings: {custom_objects: true, app_id: "62515", closed_stages: ["4"]}
    secrets: {token: "aws:hubspot-token"}
  - name: feedback
    kind: sink
    origin: %[3]s
    mode: write
    secrets: {token: "aws:feedback-token"}
    settings:
      batch: 50
      id_field: ExternalId
      auth: '"Bearer " + secret("token")'
      error: body.error
      write: {path: /batch}
      results: body.results
      result: {ok: item.success, id: item.id, error: item.error}
      update: {path: "/records/{record.id}", results: "[body]", result: {ok: "item.id != nil", id: item.id}}
      find: {path: /find, ids: body}
      read: {path: /read, rows: body.rows, row: {id: item.id, key: item.key, fields: item.fields}}
      erase: {path: /erase, batch: 100, body: '{"delete": delete, "records": records}', ok: body.done}
mapping:
  - {crm: feedback, object: feedback, for: mention, key: ExternalId, fields: {Text: text, Network: mention.network, Author: author.handle, Severity: severity}}
`

// TestEndToEnd is one story: each part goes on from what the parts before left.
func TestEndToEnd(t *testing.T) {
	s := newStage(t)
	for _, part := range []struct {
		name string
		play func(*testing.T)
	}{
		{"configuration", s.configure},
		{"schedule wakes tick", s.schedule},
		{"signed webhooks reach both CRMs once", s.webhooks},
		{"forged webhooks are refused", s.forged},
		{"ledger, receipts, archive", s.kept},
		{"the same message twice changes nothing", s.twice},
		{"a bad message in a batch spoils only itself", s.partial},
		{"dead letter after the right number of receives, and redrive", s.deadLetter},
		{"a CRM is down and comes back", s.outage},
		{"a token expires", s.expired},
		{"a second deployment loses nothing", s.again},
		{"a poll, an answer, a change", s.answer},
		{"an erasure", s.erasure},
		{"the console's log-in page", s.console},
		{"nothing is unaccounted, nothing doubled", s.sums},
		{"recorded events", s.recorded},
		{"deploy looks and asks, outputs, destroy keeps the data", s.operators},
	} {
		if !t.Run(part.name, part.play) && part.name == "configuration" {
			t.FailNow()
		}
	}
}

func (s *stage) configure(t *testing.T) {
	for name, value := range map[string]string{"echolot-secret": toolSecret, "hubspot-client-secret": "hubspot-client-secret", "hubspot-token": "hubspot-token-1",
		"feedback-token": "feedback-token", "mastodon-token": "mastodon-token-1"} {
		s.secret(t, name, value)
	}
	file := filepath.Join(s.work, "e2e.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, configuration, s.urls["mastodon"], s.urls["hubspot"], s.urls["feedback"]), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must(t, "config", "apply", file, "--note", "end to end")
	s.must(t, "setup", "hubspot", "--apply")
	if out := s.must(t, "config", "history"); !strings.Contains(out, "end to end") {
		t.Errorf("the history says %s", out)
	}
	if out, err := s.rapport("doctor"); !strings.Contains(out, "the token opens account 4711") {
		t.Errorf("doctor says %s %v", out, err)
	}
}

// schedule waits until the stack's own schedule has woken tick. From then on the test wakes it too, since a minute is long.
func (s *stage) schedule(t *testing.T) {
	s.waitFor(t, 90*time.Second, "the schedule wakes tick", func() bool { return s.host.Stats("rapport-tick").Calls > 0 })
	if st := s.host.Stats("rapport-tick"); st.Faults > 0 {
		t.Fatalf("tick failed: %+v", st)
	}
}

// tick wakes tick by hand.
func (s *stage) tick(t *testing.T) {
	t.Helper()
	if out, err := s.invoke("tick", []byte("{}")); err != nil {
		t.Fatalf("tick: %s %v", out, err)
	}
}

// say lets people say something that the monitoring tool finds.
func (s *stage) say(t *testing.T, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		s.sayAs(t, n, fmt.Sprintf("u%d", n), fmt.Sprintf("Mein Nordlicht Rad Nummer %d ist kaputt, der Akku lädt nicht. Bitte helft mir!", n))
	}
}

func (s *stage) sayAs(t *testing.T, n int, who, text string) {
	t.Helper()
	id := fmt.Sprintf("e%03d", n)
	err := s.tool.Add(map[string]any{"kind": "new", "project": "nordlicht-de", "doc": map[string]any{"id": id, "src": "forum", "text": text, "thread": id,
		"url": "https://forum.example/t/" + id, "posted": time.Now().UTC().Format(time.RFC3339), "by": map[string]any{"id": who, "name": who}}})
	if err != nil {
		t.Fatal(err)
	}
}

// send lets the tool send until everything was taken, the doubles too.
func (s *stage) send(t *testing.T) {
	t.Helper()
	s.wait(t, "all webhooks are taken", func() bool {
		r, err := s.tool.Send(t.Context())
		if err != nil || r.GivenUp > 0 {
			t.Fatalf("%+v %v", r, err)
		}
		return r.Open == 0
	})
}

func mentionID(n int) string { return fmt.Sprintf("forum:e%03d", n) }

func keyOf(n int) string { return flow.Key(flow.KindMention, mentionID(n)) }

// arrived wants exactly one record of each mention in each CRM.
func (s *stage) arrived(t *testing.T, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		s.wait(t, "both CRMs hold mention "+mentionID(n), func() bool {
			return s.feedback.Count(keyOf(n)) > 0 && s.portal.Count("rapport_mention", "rapport_key", keyOf(n)) > 0
		})
		if a, b := s.feedback.Count(keyOf(n)), s.portal.Count("rapport_mention", "rapport_key", keyOf(n)); a != 1 || b != 1 {
			t.Errorf("mention %s: %d records in feedback, %d in hubspot, want one each", mentionID(n), a, b)
		}
	}
}

func (s *stage) webhooks(t *testing.T) {
	s.say(t, 0, 30)
	s.send(t)
	s.arrived(t, 0, 30)
}

func (s *stage) forged(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.outputs["HooksUrl"]+"/hooks/echolot", strings.NewReader(`{"kind":"new"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Echolot-Signature", "00")
	req.Header.Set("X-Echolot-Time", fmt.Sprint(time.Now().Unix()))
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged call is answered %d", resp.StatusCode)
	}
}

// kept looks for what must lie in the table and in the archive.
func (s *stage) kept(t *testing.T) {
	var line struct {
		Total map[string]int `json:"total"`
	}
	out := s.must(t, "ledger", "--json")
	if err := json.Unmarshal([]byte(out), &line); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	story := s.must(t, "ledger", mentionID(3), "--json")
	for _, want := range []string{"hubspot", "feedback", "written", mentionID(3)} {
		if !strings.Contains(story, want) {
			t.Errorf("the story of %s lacks %q: %.600s", mentionID(3), want, story)
		}
	}
	now, found := time.Now().UTC(), 0
	for ref, err := range s.drivers.Archive.List(t.Context(), "listening", now.Add(-time.Hour), now.Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		batch, err := s.drivers.Archive.Read(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range batch.Entries {
			if strings.HasPrefix(e.Mention, "forum:e") && len(e.Raw) > 0 && len(e.Inputs) > 0 && len(e.Decision) > 0 {
				found++
			}
		}
	}
	if found < 30 {
		t.Errorf("the archive holds raw body, inputs and decision of %d mentions, want 30", found)
	}
}

// last gives the last event a function was handed.
func (s *stage) last(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.events[name]); n > 0 {
		return s.events[name][n-1]
	}
	return nil
}

// twice hands functions once more what they have settled.
func (s *stage) twice(t *testing.T) {
	before, rows := s.feedback.Total(), len(s.portal.Rows("rapport_mention"))
	for _, name := range []string{"enrich", "deliver"} {
		answer, err := s.invoke(name, s.last(name))
		if err != nil || !strings.Contains(string(answer), `"batchItemFailures":[]`) {
			t.Errorf("%s answers a settled batch with %s %v", name, answer, err)
		}
	}
	s.quiet(t)
	if s.feedback.Total() != before || len(s.portal.Rows("rapport_mention")) != rows {
		t.Errorf("records became %d and %d, from %d and %d", s.feedback.Total(), len(s.portal.Rows("rapport_mention")), before, rows)
	}
}

func (s *stage) queueURL(t *testing.T, name string) *string {
	t.Helper()
	out, err := s.mq.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(stackName + "-" + name)})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrl
}

// depth counts the messages of a queue, those in hand too.
func (s *stage) depth(t *testing.T, name string) int {
	t.Helper()
	out, err := s.mq.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: s.queueURL(t, name), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
		var i int
		_, _ = fmt.Sscan(out.Attributes[a], &i)
		n += i
	}
	return n
}

// quiet waits until nothing is under way.
func (s *stage) quiet(t *testing.T) {
	t.Helper()
	s.wait(t, "all lanes are empty", func() bool {
		return !slices.ContainsFunc(topology.Queues(), func(q topology.Queue) bool { return q.Name != topology.Polls && s.depth(t, q.Name) > 0 })
	})
}

// partial puts a message that nobody can read among good ones.
func (s *stage) partial(t *testing.T) {
	s.say(t, 30, 35)
	if _, err := s.mq.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: s.queueURL(t, topology.MentionsLive), MessageBody: aws.String("xno such message")}); err != nil {
		t.Fatal(err)
	}
	s.send(t)
	s.arrived(t, 30, 35)
	dead := topology.DeadName("", topology.MentionsLive)
	s.wait(t, "the bad message is a dead letter", func() bool { return s.depth(t, dead) == 1 })
	s.quiet(t)
	if out := s.must(t, "queue"); !strings.Contains(out, topology.MentionsLive) {
		t.Errorf("queue says %s", out)
	}
	if _, err := s.mq.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: s.queueURL(t, dead)}); err != nil {
		t.Fatal(err)
	}
}

// deadLetter lets deliver crash until the service gives the messages up, then mends it and redrives.
func (s *stage) deadLetter(t *testing.T) {
	lanes := []string{topology.DeliverUrgent, topology.DeliverBulk}
	visibility := func(seconds string) {
		for _, l := range lanes {
			if _, err := s.mq.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: s.queueURL(t, l), Attributes: map[string]string{"VisibilityTimeout": seconds}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	visibility("1") // six minutes are long
	s.breakDown("deliver", true)
	s.say(t, 35, 36)
	s.send(t)
	sum := func() int {
		return s.depth(t, topology.DeadName("", lanes[0])) + s.depth(t, topology.DeadName("", lanes[1]))
	}
	s.wait(t, "the deliveries are dead letters", func() bool {
		return sum() >= 2 && s.depth(t, lanes[0])+s.depth(t, lanes[1])+s.depth(t, topology.MentionsLive) == 0
	})
	for id, n := range s.receives("deliver", mentionID(35)) {
		if n != queue.MaxReceives {
			t.Errorf("message %s was handed out %d times before it was a dead letter, want %d", id, n, queue.MaxReceives)
		}
	}
	s.breakDown("deliver", false)
	visibility("360")
	if n := s.feedback.Count(keyOf(35)); n != 0 {
		t.Errorf("%d records came from a function that did not work", n)
	}
	for _, l := range lanes {
		if s.depth(t, topology.DeadName("", l)) > 0 {
			s.must(t, "queue", "redrive", l)
		}
	}
	s.arrived(t, 35, 36)
	s.quiet(t)
	if sum() != 0 {
		t.Errorf("%d dead letters are left after the redrive", sum())
	}
}

// receives counts how often each message about something was handed to a function.
func (s *stage) receives(name, about string) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]int{}
	for _, e := range s.events[name] {
		var batch struct {
			Records []struct {
				ID   string `json:"messageId"`
				Body string `json:"body"`
			}
		}
		if err := json.Unmarshal(e, &batch); err != nil {
			continue
		}
		for _, r := range batch.Records {
			if strings.Contains(r.Body, about) {
				found[r.ID]++
			}
		}
	}
	return found
}

func (s *stage) outage(t *testing.T) {
	s.feedback.SetMood(sinktwin.Mood{Down: true})
	s.say(t, 36, 41)
	s.send(t)
	s.wait(t, "hubspot holds them", func() bool { return s.portal.Count("rapport_mention", "rapport_key", keyOf(40)) == 1 })
	s.wait(t, "feedback is closed", func() bool { return s.closed(t, "feedback") != "" })
	if s.feedback.Count(keyOf(36)) != 0 {
		t.Error("a CRM that is down holds a record")
	}
	s.feedback.SetMood(sinktwin.Mood{})
	s.ticking(t, "the parked deliveries are written", func() bool {
		for n := 36; n < 41; n++ {
			if s.feedback.Count(keyOf(n)) == 0 {
				return false
			}
		}
		return true
	})
	s.arrived(t, 36, 41)
}

// closed tells why a CRM account takes nothing, as the command line shows it.
func (s *stage) closed(t *testing.T, account string) string {
	t.Helper()
	var q localrun.Queues
	if err := json.Unmarshal([]byte(s.must(t, "queue", "--json")), &q); err != nil {
		t.Fatal(err)
	}
	for _, a := range q.Accounts {
		if a.Account == account {
			return a.Closed
		}
	}
	return ""
}

// ticking wakes tick every second until something is so.
func (s *stage) ticking(t *testing.T, what string, so func() bool) {
	t.Helper()
	next := time.Now()
	s.waitFor(t, 2*patience, what, func() bool {
		if so() {
			return true
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(time.Second)
			s.tick(t)
		}
		return false
	})
}

// expired lets HubSpot refuse its token, then puts a new one where the reference points. Nothing restarts.
func (s *stage) expired(t *testing.T) {
	s.portal.Change(func(o *hubspottwin.Options) { o.Token = "hubspot-token-2" })
	s.say(t, 41, 43)
	s.send(t)
	s.wait(t, "feedback holds them", func() bool { return s.feedback.Count(keyOf(42)) == 1 })
	s.wait(t, "hubspot is closed", func() bool { return s.closed(t, "hubspot") != "" })
	t.Log("hubspot is closed: ", s.closed(t, "hubspot"))
	s.secret(t, "hubspot-token", "hubspot-token-2")
	s.ticking(t, "hubspot holds what waited", func() bool { return s.portal.Count("rapport_mention", "rapport_key", keyOf(42)) == 1 })
	s.arrived(t, 41, 43)
}

// again deploys a second time while webhooks come in.
func (s *stage) again(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 43; n < 63; n++ {
			s.sayAs(t, n, fmt.Sprintf("u%d", n), fmt.Sprintf("Nordlicht Rad %d quietscht beim Bremsen.", n))
			if _, err := s.tool.Send(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	s.change()
	s.deploy()
	<-done
	s.send(t)
	s.arrived(t, 43, 63)
}

// answer plays a conversation on the social network: read by poll, answered by an agent in HubSpot, posted once.
func (s *stage) answer(t *testing.T) {
	kari := s.social.AddAccount(mastodontwin.Account{Name: "kari", Followers: 250})
	s.tick(t)
	id := s.social.Post(mastodontwin.Post{By: kari, Text: "@nordlicht Mein Nordlicht Rad ist kaputt, der Akku lädt nicht. Bitte helft mir!", Language: "de"})
	uri := s.social.URI(id)
	var ticket hubspottwin.Row
	s.ticking(t, "hubspot has a ticket of what was polled", func() bool {
		for _, r := range s.portal.Rows("tickets") {
			if strings.Contains(fmt.Sprint(r.Fields), uri) {
				ticket = r
				return true
			}
		}
		return false
	})
	s.quiet(t)
	const text = "Das tut uns leid. Schalte das Rad bitte aus, wir melden uns sofort."
	s.portal.Edit("tickets", ticket.ID, map[string]any{"rapport_reply": text, "rapport_reply_state": flow.Approved})
	s.wait(t, "the portal's webhooks are taken", func() bool { s.portal.Deliver(t.Context(), s.http); return s.portal.Waiting() == 0 })
	s.ticking(t, "the answer is posted", func() bool { return len(s.social.Posted()) > 0 })
	s.quiet(t)
	if posted := s.social.Posted(); len(posted) != 1 || !strings.Contains(posted[0].Text, text) {
		t.Errorf("posted %+v", posted)
	}
	s.ticking(t, "the ticket says that it was sent", func() bool {
		r, ok := s.portal.Row("tickets", ticket.ID)
		return ok && r.Fields["rapport_reply_state"] == flow.Sent
	})
	s.portal.Edit("tickets", ticket.ID, map[string]any{"hs_pipeline_stage": "4"})
	s.wait(t, "the portal's webhooks are taken", func() bool { s.portal.Deliver(t.Context(), s.http); return s.portal.Waiting() == 0 })
	s.wait(t, "the conversation is closed", func() bool {
		out, err := s.rapport("ledger", "mastodon:"+uri, "--json")
		return err == nil && strings.Contains(out, `"closed"`)
	})
}

// erasure removes what one author said, everywhere.
func (s *stage) erasure(t *testing.T) {
	const secret = "Elfenbeinturm am Hafen"
	s.sayAs(t, 70, "wegda", secret+", bitte ruft mich an. Nordlicht!")
	s.send(t)
	s.arrived(t, 70, 71)
	s.quiet(t)
	if !strings.Contains(fmt.Sprint(s.feedback.Rows()), secret) {
		t.Fatal("the text is not where it has to be removed")
	}
	s.must(t, "erase", "forum:wegda", "--yes")
	s.ticking(t, "no CRM and no archive holds the text", func() bool {
		if strings.Contains(fmt.Sprint(s.feedback.Rows()), secret) || strings.Contains(fmt.Sprint(s.portal.Rows("rapport_mention")), secret) {
			return false
		}
		now := time.Now().UTC()
		for ref, err := range s.drivers.Archive.List(t.Context(), "listening", now.Add(-time.Hour), now.Add(time.Hour)) {
			if err != nil {
				t.Fatal(err)
			}
			if b, err := s.drivers.Archive.Read(t.Context(), ref); err != nil || strings.Contains(fmt.Sprintf("%s", b.Entries), secret) {
				return false
			}
		}
		return true
	})
}

func (s *stage) sums(t *testing.T) {
	s.quiet(t)
	out, err := s.rapport("ledger")
	if err != nil {
		t.Error(err)
	}
	t.Log(out)
	if n := s.feedback.Doubles(); n != 0 {
		t.Errorf("feedback holds %d doubles", n)
	}
	if doubled := s.portal.Doubles("rapport_mention", "rapport_key"); len(doubled) != 0 {
		t.Errorf("hubspot holds doubles of %v", doubled)
	}
	for _, f := range topology.Functions() {
		st := s.host.Stats(topology.FunctionName(stackName+"-", f.Name))
		t.Logf("%-8s %4d calls, %d failed, %d processes", f.Name, st.Calls, st.Faults, st.Starts)
		if st.Faults > 0 {
			t.Errorf("%s failed %d times", f.Name, st.Faults)
		}
	}
}

// recorded hands the functions the files of events/function, under the configuration they were made with.
func (s *stage) recorded(t *testing.T) {
	dir := filepath.Join(s.root, "events")
	text, err := os.ReadFile(filepath.Join(dir, "bench", "rapport.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bench := strings.NewReplacer("env:BENCH_SECRET", "aws:bench-secret", "http://127.0.0.1:9900", s.urls["feedback"]).Replace(string(text))
	file := filepath.Join(s.work, "bench.yaml")
	if err := os.WriteFile(file, []byte(bench), 0o600); err != nil {
		t.Fatal(err)
	}
	s.secret(t, "bench-secret", "bench-secret-0123456789")
	s.must(t, "config", "apply", file)
	files, err := os.ReadDir(filepath.Join(dir, "function"))
	if err != nil || len(files) == 0 {
		t.Fatal("there are no recorded events: ", err)
	}
	for _, f := range topology.Functions() { // new processes know the new configuration
		s.take(f)
	}
	for _, f := range files {
		event, err := os.ReadFile(filepath.Join(dir, "function", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(f.Name(), ".json")
		answer, err := s.invoke(name, event)
		want := `{"batchItemFailures":[`
		if name == "receive" {
			want = `"statusCode":200`
		}
		if err != nil || !strings.Contains(string(answer), want) {
			t.Errorf("%s answers its recorded event with %.300s %v", name, answer, err)
		}
	}
}

// operators plays what `make deploy`, `outputs` and `destroy` do.
func (s *stage) operators(t *testing.T) {
	run := func(in string, args ...string) (string, error) {
		c := exec.Command(filepath.Join(s.work, "deploy"), args...)
		c.Dir, c.Env, c.Stdin = s.work, s.environ(), strings.NewReader(in)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := run("n\n", "up")
	for _, want := range []string{"account     000000000000", "region      eu-central-1", "a month of waiting", "nothing was touched"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("deploy does not say %q: %s %v", want, out, err)
		}
	}
	if out, err = run("", "outputs"); err != nil || !strings.Contains(out, s.outputs["HooksUrl"]) {
		t.Errorf("outputs: %s %v", out, err)
	}
	if out, err = run("", "destroy", "--yes", "--purge", "another"); err == nil {
		t.Errorf("another stack's name purges: %s", out)
	}
	if out, err = run("", "destroy", "--yes"); err != nil || !strings.Contains(out, "the stack is gone") {
		t.Fatalf("destroy: %s %v", out, err)
	}
	table := s.outputs["TableName"]
	if _, err := s.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table}); err != nil {
		t.Errorf("the table went with the stack: %v", err)
	}
	if _, err := run("", "outputs"); err == nil {
		t.Error("the stack is still there")
	}
}
