package sqs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rapport/shared/awsapi"
	"rapport/shared/emulator"
	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/queue/queuetest"
	"rapport/shared/topology"
)

func TestMain(m *testing.M) {
	// The checks wait for whole seconds and cost little: many may run side by side whatever the machine.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	emulator.Main(m)
}

func client(t testing.TB, endpoint string) *awsapi.Client {
	t.Helper()
	c, err := awsapi.New(awsapi.Options{Service: "sqs", Region: emulator.Region, Endpoint: endpoint, HTTP: http.DefaultClient, JSON: "1.0", Tries: 1,
		Credentials: credentials.NewStaticCredentialsProvider(emulator.Key, emulator.Key, "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lanes are hidden for long enough that a busy machine settles in time.
var lanes = []topology.Queue{{Name: "one", Visibility: 2 * time.Second}, {Name: "two", Visibility: 2 * time.Second}}

// fresh makes queues that nobody else uses.
func fresh(t testing.TB) *Queue {
	t.Helper()
	q := New(Options{Client: client(t, emulator.URL(t)), Prefix: "t" + rand.Text() + "-", Queues: lanes, Wait: time.Second})
	if err := q.CreateQueues(t.Context()); err != nil {
		t.Fatal(err)
	}
	return q
}

func TestQueue(t *testing.T) {
	queuetest.Run(t, queuetest.Harness{Lanes: []queue.Lane{"one", "two"}, Retry: time.Second, MaxBody: MaxPlain, Parallel: true, Patience: time.Minute,
		New:  func(t testing.TB) queuetest.Driver { return fresh(t) },
		Skip: map[string]string{"groups": "being fair is up to the service, which the emulator does not imitate; that groups arrive is checked elsewhere"}})
}

// spoiler stands before the emulator and answers in its place where a test wants it, as the service does on a bad day.
type spoiler struct {
	mu    sync.Mutex
	calls map[string]int // by operation
	spoil func(operation string, call int, body []byte) (status int, answer string)
}

func (s *spoiler) count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// spoiled gives the same queues as q behind a spoiler; status 0 lets a request through.
func spoiled(t *testing.T, q *Queue, spoil func(operation string, call int, body []byte) (int, string)) (*Queue, *spoiler) {
	t.Helper()
	target, err := url.Parse(emulator.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	s := &spoiler{calls: map[string]int{}, spoil: spoil}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		s.mu.Lock()
		s.calls[operation]++
		status, answer := s.spoil(operation, s.calls[operation], body)
		s.mu.Unlock()
		if status != 0 {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
			return
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o := q.opt
	o.Client = client(t, server.URL)
	return New(o), s
}

func refuse(code string) (int, string) {
	return http.StatusBadRequest, `{"__type":"com.amazonaws.sqs#` + code + `","message":"told so"}`
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// drain consumes a lane until n messages were handed out, and gives them.
func drain(t *testing.T, q *Queue, lane queue.Lane, n int, answer func(queue.Message) error) []queue.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []queue.Message
	err := q.Consume(ctx, lane, 10, func(_ context.Context, batch []queue.Message) []error {
		errs := make([]error, len(batch))
		for i, m := range batch {
			errs[i] = answer(m)
		}
		if got = append(got, batch...); len(got) >= n {
			cancel()
		}
		return errs
	})
	if err != nil || len(got) < n {
		t.Fatalf("%d messages were handed out (%v), want %d", len(got), err, n)
	}
	return got
}

func accept(queue.Message) error { return nil }

// The stack makes these queues in AWS; here the helper must make the same.
func TestCreateQueues(t *testing.T) {
	t.Parallel()
	q := fresh(t)
	must(t, q.CreateQueues(t.Context())) // once more is fine
	for name, want := range map[string]map[string]string{q.opt.Prefix + "one": {"VisibilityTimeout": "2", "MessageRetentionPeriod": "1209600"}, q.opt.Prefix + "one-dead": {"MessageRetentionPeriod": "1209600"}} {
		at, err := q.url(t.Context(), name)
		must(t, err)
		var out attributesOut
		must(t, q.call(t.Context(), "GetQueueAttributes", attributesIn{at, []string{"All"}}, &out))
		for key, value := range want {
			if out.Attributes[key] != value {
				t.Errorf("%s of %s is %q, want %q", key, name, out.Attributes[key], value)
			}
		}
		if policy := out.Attributes["RedrivePolicy"]; len(want) == 2 && (!strings.Contains(policy, "one-dead") || !strings.Contains(policy, fmt.Sprint(queue.MaxReceives))) {
			t.Errorf("redrive policy is %q", policy)
		}
	}
}

// A request that is accepted may still refuse single messages, and forget others.
func TestResultsPerMessage(t *testing.T) {
	t.Parallel()
	q, _ := spoiled(t, fresh(t), func(operation string, call int, _ []byte) (int, string) {
		if operation != "SendMessageBatch" {
			return 0, ""
		}
		return http.StatusOK, `{"Successful":[{"Id":"3","MessageId":"m","MD5OfMessageBody":"` + md5OfD + `"}],"Failed":[
			{"Id":"1","Code":"InvalidMessageContents","Message":"odd letters","SenderFault":true},{"Id":"0","Code":"InternalError","Message":"sorry","SenderFault":false}]}`
	})
	errs := q.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("a")}, queue.Message{Lane: "one", Body: []byte("b")},
		queue.Message{Lane: "one", Body: []byte("c")}, queue.Message{Lane: "one", Body: []byte("d")})
	if !fault.Is(errs[0], fault.Transient) || !strings.Contains(errs[0].Error(), "sorry") {
		t.Errorf("a message the service failed at gave %v, want Transient", errs[0])
	}
	if !fault.Is(errs[1], fault.Invalid) {
		t.Errorf("a message the service refuses gave %v, want Invalid", errs[1])
	}
	if !fault.Is(errs[2], fault.Transient) {
		t.Errorf("a message without answer gave %v, want Transient", errs[2])
	}
	if errs[3] != nil {
		t.Errorf("an accepted message gave %v", errs[3])
	}
}

const md5OfD = "626726e60bd1215f36719a308a25b798" // of the text "td"

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	whole := fresh(t)
	for _, code := range []string{"RequestThrottled", "AccessDeniedException", "QueueDoesNotExist", "InternalFailure"} {
		q, s := spoiled(t, whole, func(operation string, call int, _ []byte) (int, string) {
			if operation == "SendMessageBatch" && call == 1 {
				return refuse(code)
			}
			return 0, ""
		})
		var messages []queue.Message
		for i := range 12 { // two requests, one of them refused
			messages = append(messages, queue.Message{Lane: "one", Body: fmt.Append(nil, i)})
		}
		failed := 0
		for _, err := range q.Send(t.Context(), messages...) {
			if err != nil && !fault.Is(err, fault.Transient) {
				t.Errorf("%s gave %v, want Transient", code, err)
			}
			if err != nil {
				failed++
			}
		}
		if calls := s.count("SendMessageBatch"); calls != 2 || failed != 10 && failed != 2 {
			t.Errorf("%s: %d requests and %d messages failed, want 2 and those of one request", code, calls, failed)
		}
	}
	if err := whole.Send(t.Context(), queue.Message{Lane: "one", Delay: 15*time.Minute + 1})[0]; !fault.Is(err, fault.Invalid) {
		t.Errorf("a delay over 15 minutes gave %v, want Invalid", err)
	}
}

// Addresses are asked for once, and not at all where they are given.
func TestAddresses(t *testing.T) {
	t.Parallel()
	whole := fresh(t)
	through := func(string, int, []byte) (int, string) { return 0, "" }
	q, s := spoiled(t, whole, through)
	for range 3 {
		must(t, q.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("x")})...)
	}
	if n := s.count("GetQueueUrl"); n != 1 {
		t.Errorf("the address was asked for %d times, want once", n)
	}
	at, err := whole.url(t.Context(), whole.opt.Prefix+"one")
	must(t, err)
	whole.opt.URLs = map[string]string{"one": at}
	q, s = spoiled(t, whole, through)
	must(t, q.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("x")})...)
	if n := s.count("GetQueueUrl"); n != 0 {
		t.Errorf("a given address was asked for %d times", n)
	}
}

// A function buries what it cannot work on; operators look at it and send it back.
func TestBury(t *testing.T) {
	t.Parallel()
	q := fresh(t)
	m := queue.Message{ID: "first-id", Lane: "one", Group: "grüße an alle", Body: []byte("a\x00b"), Receives: 3}
	must(t, q.Bury(t.Context(), m, "the field \x00 is \xff wrong: "+strings.Repeat("very ", 1000)))
	for range 2 { // looking hides nothing for later looks
		letters, err := q.Dead(t.Context(), "one", 10)
		must(t, err)
		if len(letters) != 1 {
			t.Fatalf("%d dead letters, want 1", len(letters))
		}
		d := letters[0]
		if d.ID != m.ID || d.Lane != m.Lane || d.Group != m.Group || string(d.Body) != "a\x00b" || d.Receives != 3 ||
			!strings.HasPrefix(d.Reason, "the field ? is ? wrong: very") || time.Since(d.At).Abs() > time.Minute {
			t.Errorf("the dead letter is %+v", d)
		}
	}
	if n, err := q.Redrive(t.Context(), "one", 5, nil); err != nil || n != 1 {
		t.Fatalf("redrive gave %d, %v", n, err)
	}
	if got := drain(t, q, "one", 1, accept)[0]; string(got.Body) != "a\x00b" || got.Group != m.Group || got.Receives != 1 {
		t.Errorf("what came back is %+v", got)
	}
	if err := q.Bury(t.Context(), queue.Message{Lane: "none"}, "x"); !fault.Is(err, fault.Invalid) {
		t.Errorf("burying in an unknown lane gave %v, want Invalid", err)
	}
}

// What others put into a queue is no reason to stop: it goes to the dead letters as it is.
func TestForeignMessage(t *testing.T) {
	t.Parallel()
	q := fresh(t)
	at, err := q.url(t.Context(), q.opt.Prefix+"one")
	must(t, err)
	err = q.call(t.Context(), "SendMessage", map[string]string{"QueueUrl": at, "MessageBody": `{"hello":1}`}, nil)
	must(t, err)
	must(t, q.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("ours")})...)
	if got := drain(t, q, "one", 1, accept); string(got[0].Body) != "ours" {
		t.Errorf("the handler was given %q", got[0].Body)
	}
	letters, err := q.Dead(t.Context(), "one", 10)
	must(t, err)
	if len(letters) != 1 || string(letters[0].Body) != `{"hello":1}` || !strings.Contains(letters[0].Reason, "not sent by Rapport") {
		t.Errorf("dead letters are %+v, want the foreign message", letters)
	}
}

// Workers that die without an answer leave it to the service to give a message up.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	q := fresh(t)
	must(t, q.Send(t.Context(), queue.Message{Lane: "one", Group: "g", Body: []byte("deadly")})...)
	l, err := q.lane("one")
	must(t, err)
	for i := range queue.MaxReceives {
		got, err := q.receive(t.Context(), l, l.queue, 1, time.Minute, 1)
		must(t, err)
		if len(got) != 1 || got[0].Receives != i+1 {
			t.Fatalf("receive %d gave %+v", i+1, got)
		}
		q.release(t.Context(), l.queue, got)
	}
	if got, err := q.receive(t.Context(), l, l.queue, 1, time.Minute, 0); err != nil || len(got) != 0 {
		t.Fatalf("it is handed out once more: %+v, %v", got, err)
	}
	letters, err := q.Dead(t.Context(), "one", 10)
	must(t, err)
	if len(letters) != 1 || string(letters[0].Body) != "deadly" || letters[0].Group != "g" || letters[0].Receives != queue.MaxReceives || !strings.Contains(letters[0].Reason, "nobody ever answered") {
		t.Errorf("dead letters are %+v", letters)
	}
}

// A redrive that is cut loses nothing: what was not sent stays dead, what was not removed may come twice.
func TestRedriveCut(t *testing.T) {
	t.Parallel()
	whole := fresh(t)
	for i := range 3 {
		must(t, whole.Bury(t.Context(), queue.Message{ID: fmt.Sprint(i), Lane: "one", Body: fmt.Append(nil, i)}, "why"))
	}
	unsent, _ := spoiled(t, whole, func(operation string, _ int, _ []byte) (int, string) {
		if operation == "SendMessageBatch" {
			return refuse("RequestThrottled")
		}
		return 0, ""
	})
	if n, err := unsent.Redrive(t.Context(), "one", 10, nil); n != 0 || !fault.Is(err, fault.Transient) {
		t.Errorf("a redrive that cannot send gave %d, %v", n, err)
	}
	unremoved, _ := spoiled(t, whole, func(operation string, call int, _ []byte) (int, string) {
		if operation == "DeleteMessageBatch" {
			return refuse("RequestThrottled")
		}
		return 0, ""
	})
	if n, err := unremoved.Redrive(t.Context(), "one", 2, nil); n != 0 || !fault.Is(err, fault.Transient) {
		t.Errorf("a redrive that cannot remove gave %d, %v", n, err)
	}
	depths, err := whole.Depth(t.Context())
	must(t, err)
	if depths[0].Dead != 3 || depths[0].Waiting != 2 {
		t.Errorf("depth is %+v, want all 3 dead and 2 sent too", depths[0])
	}
}

func TestConsumeWithoutQueue(t *testing.T) {
	t.Parallel()
	q := New(Options{Client: client(t, emulator.URL(t)), Prefix: "none-", Queues: lanes})
	handler := func(context.Context, []queue.Message) []error { panic("nothing to hand out") }
	if err := q.Consume(t.Context(), "one", 10, handler); !fault.Is(err, fault.Transient) || !strings.Contains(err.Error(), "none-one") {
		t.Errorf("consuming a missing queue gave %v, want an error that names it", err)
	}
	if err := q.Consume(t.Context(), "three", 10, handler); !fault.Is(err, fault.Invalid) {
		t.Errorf("consuming an unknown lane gave %v, want Invalid", err)
	}
	if err := q.Send(t.Context(), queue.Message{Lane: "one"})[0]; !fault.Is(err, fault.Transient) {
		t.Errorf("sending to a missing queue gave %v, want Transient", err)
	}
}

// A bad minute of the service does not end a worker.
func TestConsumeGoesOn(t *testing.T) {
	t.Parallel()
	whole := fresh(t)
	must(t, whole.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("x")})...)
	q, s := spoiled(t, whole, func(operation string, call int, _ []byte) (int, string) {
		if operation == "ReceiveMessage" && call == 1 {
			return refuse("RequestThrottled")
		}
		return 0, ""
	})
	drain(t, q, "one", 1, accept)
	if s.count("ReceiveMessage") < 2 {
		t.Error("the first receive was not refused")
	}
}

// What was received but not handed out before the end is let go, not hidden from the next worker.
func TestEndLetsGo(t *testing.T) {
	t.Parallel()
	slow := []topology.Queue{{Name: "one", Visibility: time.Hour}}
	q := New(Options{Client: client(t, emulator.URL(t)), Prefix: "t" + rand.Text() + "-", Queues: slow, Wait: time.Second})
	must(t, q.CreateQueues(t.Context()))
	must(t, q.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("a")}, queue.Message{Lane: "one", Body: []byte("b")}, queue.Message{Lane: "one", Body: []byte("c")})...)
	l, err := q.lane("one")
	must(t, err)
	for range queue.MaxReceives / 2 { // so that each is handed out alone
		got, err := q.receive(t.Context(), l, l.queue, 3, time.Minute, 1)
		must(t, err)
		q.release(t.Context(), l.queue, got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, q.Consume(ctx, "one", 10, func(_ context.Context, batch []queue.Message) []error {
		if len(batch) != 1 {
			t.Errorf("%d messages that failed often were handed out together", len(batch))
		}
		cancel()
		return make([]error, len(batch))
	}))
	depths, err := q.Depth(t.Context())
	must(t, err)
	if depths[0].Waiting != 2 || depths[0].Held != 0 {
		t.Errorf("depth is %+v, want the 2 that were not handed out waiting", depths[0])
	}
}

// An error names a wait of days; the service knows hours.
func TestLongWait(t *testing.T) {
	t.Parallel()
	whole := fresh(t)
	must(t, whole.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("x")})...)
	var asked []int32
	q, _ := spoiled(t, whole, func(operation string, _ int, body []byte) (int, string) {
		var in struct {
			Entries []struct{ VisibilityTimeout int32 }
		}
		if operation == "ChangeMessageVisibilityBatch" && json.Unmarshal(body, &in) == nil {
			for _, e := range in.Entries {
				asked = append(asked, e.VisibilityTimeout)
			}
		}
		return 0, ""
	})
	drain(t, q, "one", 1, func(queue.Message) error { return fault.Wait(fault.QuotaExhausted, 72*time.Hour, "tomorrow") })
	if len(asked) != 1 || asked[0] != 11*3600 {
		t.Errorf("hidden for %v seconds, want eleven hours", asked)
	}
}

// Together they are more than one request may hold.
func TestLargeOnesTogether(t *testing.T) {
	t.Parallel()
	q := fresh(t)
	var messages []queue.Message
	for _, n := range []int{MaxPlain / 2, MaxPlain / 2, 10, MaxPlain, MaxPlain, 10} {
		messages = append(messages, queue.Message{Lane: "one", Body: noise(n)})
	}
	must(t, q.Send(t.Context(), messages...)...)
	total := 0
	for _, m := range drain(t, q, "one", len(messages), accept) {
		total += len(m.Body)
	}
	if want := 3*MaxPlain + 20 - MaxPlain%2; total != want {
		t.Errorf("%d bytes came, want %d", total, want)
	}
}

// After a panic the messages of the batch come alone, each with its own chance.
func TestAloneAfterPanic(t *testing.T) {
	t.Parallel()
	q := fresh(t)
	must(t, q.Send(t.Context(), queue.Message{Lane: "one", Body: []byte("a")}, queue.Message{Lane: "one", Body: []byte("b")}, queue.Message{Lane: "one", Body: []byte("c")})...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var together, alone int
	must(t, q.Consume(ctx, "one", 10, func(_ context.Context, batch []queue.Message) []error {
		if batch[0].Receives == 1 {
			together += len(batch)
			panic("too much")
		}
		if len(batch) != 1 || batch[0].Receives != 2 {
			t.Errorf("%d messages came together at receive %d after a panic", len(batch), batch[0].Receives)
		}
		if alone++; alone == 3 {
			cancel()
		}
		return make([]error, len(batch))
	}))
	if together != 3 || alone != 3 {
		t.Errorf("%d messages met the panic and %d came alone, want 3 and 3", together, alone)
	}
	if len(q.suspects) != 0 {
		t.Errorf("%d messages are still suspected", len(q.suspects))
	}
}
