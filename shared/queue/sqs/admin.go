package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"rapport/shared/awsapi"
	"rapport/shared/fault"
	"rapport/shared/queue"
)

const (
	retention = 14 * 24 * time.Hour // the longest there is
	peeking   = time.Minute         // how long dead letters are hidden from others at most
)

// CreateQueues makes the lanes' queues and their dead letters where they are missing. For tests and local use; in AWS
// the stack makes them.
func (q *Queue) CreateQueues(ctx context.Context) error {
	for _, l := range q.lanes {
		dead, err := q.create(ctx, l.dead, map[string]string{"MessageRetentionPeriod": decimal(seconds(retention))})
		if err != nil {
			return err
		}
		var out attributesOut
		if err := q.call(ctx, "GetQueueAttributes", attributesIn{dead, []string{"QueueArn"}}, &out); err != nil {
			return classify(err, "create "+l.dead)
		}
		policy, err := json.Marshal(map[string]any{"deadLetterTargetArn": out.Attributes["QueueArn"], "maxReceiveCount": queue.MaxReceives})
		if err != nil {
			return fault.New(fault.Unknown, "queue: create %s: %w", l.queue, err)
		}
		if _, err := q.create(ctx, l.queue, map[string]string{"MessageRetentionPeriod": decimal(seconds(retention)),
			"VisibilityTimeout": decimal(seconds(l.visibility)), "RedrivePolicy": string(policy)}); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) create(ctx context.Context, name string, attributes map[string]string) (url string, err error) {
	var out queueURL
	if err := q.call(ctx, "CreateQueue", map[string]any{"QueueName": name, "Attributes": attributes}, &out); err != nil {
		return "", classify(err, "create "+name)
	}
	return out.URL, nil
}

// Depth counts every lane, approximately. Oldest stays 0: the service tells it to CloudWatch only.
func (q *Queue) Depth(ctx context.Context) ([]queue.Depth, error) {
	depths, errs := make([]queue.Depth, len(q.lanes)), make([]error, 2*len(q.lanes))
	var wait sync.WaitGroup
	for i, l := range q.lanes {
		wait.Go(func() {
			var waiting, held, delayed int
			waiting, held, delayed, errs[2*i] = q.count(ctx, l.queue)
			depths[i].Lane, depths[i].Waiting, depths[i].Held, depths[i].Delayed = l.name, waiting, held, delayed
		})
		wait.Go(func() {
			waiting, held, delayed, err := q.count(ctx, l.dead)
			depths[i].Dead, errs[2*i+1] = waiting+held+delayed, err
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, fault.New(fault.Of(err), "queue: depth: %w", err)
	}
	return depths, nil
}

func (q *Queue) count(ctx context.Context, name string) (waiting, held, delayed int, err error) {
	url, err := q.url(ctx, name)
	if err != nil {
		return 0, 0, 0, classify(err, "count "+name)
	}
	names := []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}
	var out attributesOut
	if err := q.call(ctx, "GetQueueAttributes", attributesIn{url, names}, &out); err != nil {
		return 0, 0, 0, classify(err, "count "+name)
	}
	var numbers [3]int
	for i, name := range names {
		numbers[i], _ = strconv.Atoi(out.Attributes[name])
	}
	return numbers[0], numbers[1], numbers[2], nil
}

// Dead lists dead letters; others do not see them while it does.
func (q *Queue) Dead(ctx context.Context, name queue.Lane, limit int) ([]queue.Dead, error) {
	l, err := q.lane(name)
	if err != nil {
		return nil, err
	}
	letters, err := q.letters(ctx, l, limit)
	q.release(ctx, l.dead, letters)
	if err != nil {
		return nil, err
	}
	list := make([]queue.Dead, len(letters))
	for i, r := range letters {
		list[i] = queue.Dead{Message: r.Message, Reason: reasonOf(r), At: r.sent}
		d := &list[i]
		d.Receives = queue.MaxReceives
		if text := labelled(r, "id"); text != "" {
			d.ID = text
		}
		if n, err := strconv.Atoi(labelled(r, "receives")); err == nil {
			d.Receives = n
		}
		if r.bad != nil {
			d.Body = []byte(r.text)
		}
	}
	return list, nil
}

// letters takes up to limit dead letters, hidden from others for a minute. On an error it gives what it has taken.
func (q *Queue) letters(ctx context.Context, l lane, limit int) ([]received, error) {
	var all []received
	for len(all) < limit {
		// Without a wait the service asks some of its machines only, and may find nothing where there is something.
		some, err := q.receive(ctx, l, l.dead, min(limit-len(all), perCall), peeking, 1)
		if err != nil {
			return all, classify(err, "read "+l.dead)
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	return all, nil
}

// reasonOf tells why a letter is dead. One that the service itself moved brings no reason.
func reasonOf(r received) string {
	if text := labelled(r, "reason"); text != "" {
		return text
	}
	return "handed out " + strconv.Itoa(queue.MaxReceives) + " times, and nobody ever answered for it"
}

func labelled(r received, name string) string { return r.labels[name].StringValue }

// Redrive sends dead letters back to their lane, each before it is removed: cut in between, one may come twice. It looks at
// letters for a minute at most: after that those which are not wanted would come a second time.
func (q *Queue) Redrive(ctx context.Context, name queue.Lane, limit int, wanted func(reason string) bool) (int, error) {
	l, err := q.lane(name)
	if err != nil {
		return 0, err
	}
	var left []received
	defer func() { q.release(ctx, l.dead, left) }()
	seen := map[string]bool{}
	count := 0
	for count < limit {
		size := perCall
		if wanted == nil {
			size = min(limit-count, perCall)
		}
		all, err := q.receive(ctx, l, l.dead, size, peeking, 1)
		if err != nil {
			return count, classify(err, "read "+l.dead)
		}
		var letters []received
		again := false
		for _, r := range all {
			if count+len(letters) < limit && (wanted == nil || wanted(reasonOf(r))) {
				letters = append(letters, r)
				continue
			}
			again = again || seen[r.ID]
			seen[r.ID] = true
			left = append(left, r)
		}
		if len(all) == 0 || again && len(letters) == 0 {
			return count, nil
		}
		sent, err := q.resend(ctx, l, letters)
		gone := q.remove(ctx, l.dead, sent)
		count += gone
		switch {
		case err != nil:
			return count, err
		case gone < len(sent):
			return count, fault.New(fault.Transient, "queue: %d messages of %s were sent again but could not be removed: they may come twice", len(sent)-gone, l.dead)
		}
	}
	return count, nil
}

// resend sends dead letters to their lane, gives those that arrived, and lets go of the others.
func (q *Queue) resend(ctx context.Context, l lane, letters []received) (sent []received, err error) {
	envelopes, errs := make([]envelope, len(letters)), make([]error, len(letters))
	for i, r := range letters {
		envelopes[i] = envelope{at: i, lane: l, entry: entry{MessageBody: r.text}}
		if r.group != "" {
			envelopes[i].entry.MessageGroupId = r.group
		}
	}
	for batch := range batches(envelopes) {
		q.send(ctx, l.queue, batch, errs)
	}
	var left []received
	for i, r := range letters {
		if errs[i] == nil {
			sent = append(sent, r)
		} else {
			left = append(left, r)
		}
	}
	q.release(ctx, l.dead, left)
	return sent, errors.Join(errs...)
}

func decimal(n int32) string { return strconv.Itoa(int(n)) }

// permanent tells whether an error stays until somebody mends the queue or the rights to it.
func permanent(err error) bool {
	var e *awsapi.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "AccessDenied", "AccessDeniedException", "KmsAccessDenied", "KmsNotFound",
		"InvalidSecurity", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch":
		return true
	}
	return false
}

// classify names the kind of the service's error. A missing queue and a missing right pass once somebody has mended
// them, so they are as transient as too many requests: no message is condemned for them.
func classify(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Transient, "queue: %s: %w", doing, err)
}
