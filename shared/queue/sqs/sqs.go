// Package sqs keeps lanes in SQS standard queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
//
// What makes it odd: bodies are text, so bytes travel as base64 and large ones compressed; a message and a whole batch
// hold 1 MiB; a batch of ten gives results per message; a lane's group makes the queue fair (MessageGroupId on a standard
// queue), not ordered; times are whole seconds; a queue moves a message to its dead letters by itself only when somebody
// receives it once too often, and without a reason; counts are approximate; nothing tells the age of the oldest message
// (Depth leaves it 0; CloudWatch has it).
//
// In AWS the service wakes a function with the messages: Decode and Group read them, Bury moves one to the dead letters.
// Consume is for a process that runs the workers itself.
package sqs

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"rapport/shared/awsapi"
	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/topology"
)

var (
	_ queue.Queue    = (*Queue)(nil)
	_ queue.Consumer = (*Queue)(nil)
	_ queue.Admin    = (*Queue)(nil)
)

const (
	perCall  = 10 // messages of one request
	atOnce   = 8  // requests of one Send that are under way together
	maxDelay = 15 * time.Minute
	suffix   = "-dead" // of the name of a lane's dead letters
)

// Options of the queues.
type Options struct {
	Client *awsapi.Client    // of sqs, with JSON 1.0
	Prefix string            // of the queues' names: prefix + lane, and prefix + lane + "-dead"
	Queues []topology.Queue  // the lanes, each with its visibility timeout
	URLs   map[string]string // addresses that are known already, by lane; others are asked for once
	Wait   time.Duration     // how long Consume waits for a message in one request: 1–20 s, 0 = 5 s
}

// Queue is queue.Queue, queue.Consumer and queue.Admin. Safe for concurrent use.
type Queue struct {
	opt     Options
	wait    int32
	lanes   []lane
	encoder encoder

	mu       sync.Mutex
	urls     map[string]string
	suspects map[string]bool // messages of batches whose handler panicked: they are handed out alone
}

// lane is one queue and its dead letters.
type lane struct {
	name       queue.Lane
	queue      string
	dead       string
	visibility time.Duration
}

// New makes the queues' client. It asks nothing of the service yet.
func New(o Options) *Queue {
	q := &Queue{opt: o, wait: 5, urls: map[string]string{}, suspects: map[string]bool{}}
	if o.Wait > 0 {
		q.wait = min(seconds(o.Wait), 20)
	}
	for _, t := range o.Queues {
		name := o.Prefix + t.Name
		q.lanes = append(q.lanes, lane{queue.Lane(t.Name), name, name + suffix, t.Visibility})
		if url := o.URLs[t.Name]; url != "" {
			q.urls[name] = url
		}
	}
	return q
}

// envelope is a message on its way into a request.
type envelope struct {
	at    int // its place in the call
	lane  lane
	entry entry
}

// Send stores messages.
func (q *Queue) Send(ctx context.Context, messages ...queue.Message) []error {
	errs := make([]error, len(messages))
	byLane := map[queue.Lane][]envelope{}
	for i, m := range messages {
		e, err := q.seal(m)
		if err != nil {
			errs[i] = err
			continue
		}
		e.at = i
		byLane[m.Lane] = append(byLane[m.Lane], e)
	}
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for _, l := range q.lanes {
		for batch := range batches(byLane[l.name]) {
			slots <- struct{}{}
			wait.Go(func() {
				defer func() { <-slots }()
				q.send(ctx, l.queue, batch, errs)
			})
		}
	}
	wait.Wait()
	return errs
}

// seal encodes a message.
func (q *Queue) seal(m queue.Message) (envelope, error) {
	l, err := q.lane(m.Lane)
	if err != nil {
		return envelope{}, err
	}
	if m.Delay > maxDelay {
		return envelope{}, fault.New(fault.Invalid, "queue: a delay of %s is too long, at most %s may be", m.Delay, maxDelay)
	}
	text, err := q.encoder.encode(m.Body)
	if err != nil {
		return envelope{}, err
	}
	e := envelope{lane: l, entry: entry{MessageBody: text, DelaySeconds: seconds(m.Delay)}}
	if m.Group != "" {
		e.entry.MessageGroupId = groupID(m.Group)
	}
	return e, nil
}

// batches cuts envelopes into requests of at most ten and at most 1 MiB.
func batches(all []envelope) func(func([]envelope) bool) {
	return func(yield func([]envelope) bool) {
		for len(all) > 0 {
			n, size := 0, 0
			for n < min(len(all), perCall) {
				size += len(all[n].entry.MessageBody)
				if n > 0 && size > service {
					break
				}
				n++
			}
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// send sends one request and notes its results.
func (q *Queue) send(ctx context.Context, name string, batch []envelope, errs []error) {
	url, err := q.url(ctx, name)
	if err == nil {
		entries := make([]entry, len(batch))
		for i, e := range batch {
			e.entry.ID = strconv.Itoa(i)
			entries[i] = e.entry
		}
		var out batchOut
		if err = q.call(ctx, "SendMessageBatch", batchIn{url, entries}, &out); err == nil {
			sent := make([]bool, len(batch))
			for _, ok := range out.Successful {
				if i, err := strconv.Atoi(ok.ID); err == nil && i >= 0 && i < len(batch) {
					sent[i] = true
				}
			}
			refused := map[string]entryFailed{}
			for _, f := range out.Failed {
				refused[f.ID] = f
			}
			for i, e := range batch {
				if !sent[i] {
					errs[e.at] = entryError(refused[strconv.Itoa(i)], name)
				}
			}
			return
		}
	}
	for _, e := range batch {
		errs[e.at] = classify(err, "send to "+name)
	}
}

// entryError gives the fault of one message of a request that was accepted.
func entryError(f entryFailed, name string) error {
	kind := fault.Transient
	if f.Code == "InvalidMessageContents" {
		kind = fault.Invalid
	}
	if f.Code == "" {
		return fault.New(kind, "queue: send to %s: the service did not answer for this message", name)
	}
	return fault.New(kind, "queue: send to %s: %s: %s", name, f.Code, f.Message)
}

// Bury moves a copy of a message to the dead letters of its lane, with a reason. The caller then removes the message,
// or lets the service do so, as a function does that reports no failure for it. If that is cut, the message is worked on
// once more. The message keeps its ID there.
func (q *Queue) Bury(ctx context.Context, m queue.Message, reason string) error {
	e, err := q.seal(queue.Message{Lane: m.Lane, Group: m.Group, Body: m.Body})
	if err != nil {
		return err
	}
	return q.bury(ctx, e, m, reason)
}

func (q *Queue) bury(ctx context.Context, e envelope, m queue.Message, reason string) error {
	e.entry.MessageAttributes = map[string]attribute{}
	for name, text := range map[string]string{"reason": label(reason, maxReason), "id": label(m.ID, 200), "receives": strconv.Itoa(m.Receives)} {
		e.entry.MessageAttributes[name] = attribute{DataType: "String", StringValue: text}
	}
	errs := make([]error, 1)
	e.at = 0
	q.send(ctx, e.lane.dead, []envelope{e}, errs)
	return errs[0]
}

// lane finds a lane.
func (q *Queue) lane(name queue.Lane) (lane, error) {
	for _, l := range q.lanes {
		if l.name == name {
			return l, nil
		}
	}
	return lane{}, fault.New(fault.Invalid, "queue: there is no lane %.80q", name)
}

// url gives the address of a queue, which is asked for once.
func (q *Queue) url(ctx context.Context, name string) (string, error) {
	q.mu.Lock()
	url := q.urls[name]
	q.mu.Unlock()
	if url != "" {
		return url, nil
	}
	var out queueURL
	if err := q.call(ctx, "GetQueueUrl", map[string]string{"QueueName": name}, &out); err != nil {
		return "", err
	}
	url = out.URL
	q.mu.Lock()
	q.urls[name] = url
	q.mu.Unlock()
	return url, nil
}

// seconds rounds up to what the service counts in.
func seconds(d time.Duration) int32 { return int32((max(d, 0) + time.Second - 1) / time.Second) }

// fingerprint gives 16 letters that stand for a text.
func fingerprint(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return fmt.Sprintf("%016x", h.Sum64())
}
