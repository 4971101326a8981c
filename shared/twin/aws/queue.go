package aws

import (
	"crypto/md5" //nolint:gosec // what the service answers with
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"strconv"
)

// Record is a message as the service hands it to a function.
type Record struct {
	ID         string            `json:"messageId"`
	Receipt    string            `json:"receiptHandle"`
	Body       string            `json:"body"`
	Attributes map[string]string `json:"attributes"`
	ARN        string            `json:"eventSourceARN"`
}

// What the service takes at once.
const (
	perCall = 10
	payload = 64 << 10 // bytes that one request is charged for
)

func requests(bytes int) float64 { return max(1, math.Ceil(float64(bytes)/payload)) }

// Pull gives what waits in a queue, up to size messages, and charges what the service's pollers ask for them: ten at a
// time, once to receive and once to delete them.
func (c *Cloud) Pull(queue string, size int) []Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.lanes[queue]
	n := min(size, len(waiting))
	batch := waiting[:n]
	c.lanes[queue] = waiting[n:]
	for at := 0; at < n; at += perCall {
		bytes := 0
		for _, r := range batch[at:min(at+perCall, n)] {
			bytes += len(r.Body)
		}
		c.units["sqs.ReceiveMessage"] += requests(bytes)
		c.units["sqs.DeleteMessageBatch"]++
	}
	return batch
}

// Depth gives how many messages wait in a queue.
func (c *Cloud) Depth(queue string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lanes[queue])
}

// queue answers one call. The lock is held.
func (c *Cloud) queue(operation string, body []byte) (any, error) {
	var in struct {
		QueueUrl string
		Entries  []struct{ Id, MessageBody, MessageGroupId string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, refusal{code: "InvalidParameterValue"}
	}
	if operation != "SendMessageBatch" || len(in.Entries) == 0 || len(in.Entries) > perCall {
		return nil, refusal{code: "UnsupportedOperation"}
	}
	name, bytes, sent := path.Base(in.QueueUrl), 0, []any{}
	for _, e := range in.Entries {
		c.next++
		id := fmt.Sprintf("m%08d", c.next)
		bytes += len(e.MessageBody)
		sum := md5.Sum([]byte(e.MessageBody)) //nolint:gosec // what the service answers with
		sent = append(sent, map[string]any{"Id": e.Id, "MessageId": id, "MD5OfMessageBody": hex.EncodeToString(sum[:])})
		c.lanes[name] = append(c.lanes[name], Record{ID: id, Receipt: "r" + id, Body: e.MessageBody, ARN: "arn:aws:sqs:eu-central-1:1:" + name,
			Attributes: map[string]string{"ApproximateReceiveCount": "1", "MessageGroupId": e.MessageGroupId, "SentTimestamp": strconv.FormatInt(c.now().UnixMilli(), 10)}})
	}
	c.units["sqs."+operation] += requests(bytes)
	return map[string]any{"Successful": sent, "Failed": []any{}}, nil
}
