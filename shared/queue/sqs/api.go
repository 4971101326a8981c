package sqs

import (
	"context"
)

// What the service is asked and what it answers, as far as the driver uses it:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html

// batchIn is a request over up to ten entries or handles.
type batchIn struct {
	QueueURL string `json:"QueueUrl"`
	Entries  any
}

// entry is a message to send.
type entry struct {
	ID                string `json:"Id"`
	MessageBody       string
	DelaySeconds      int32                `json:",omitempty"`
	MessageGroupId    string               `json:",omitempty"` //nolint:revive // the service's name
	MessageAttributes map[string]attribute `json:",omitempty"`
}

// handle names a message that was received.
type handle struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout *int32 `json:",omitempty"`
}

type attribute struct {
	DataType    string
	StringValue string `json:",omitempty"`
}

type batchOut struct {
	Successful []entryDone
	Failed     []entryFailed
}

type entryDone struct {
	ID string `json:"Id"`
}

type entryFailed struct {
	ID      string `json:"Id"`
	Code    string
	Message string
}

type receiveIn struct {
	QueueURL                    string `json:"QueueUrl"`
	MaxNumberOfMessages         int
	WaitTimeSeconds             int32
	VisibilityTimeout           int32
	MessageAttributeNames       []string
	MessageSystemAttributeNames []string
}

// Attributes of a message that the service adds.
const (
	receiveCount  = "ApproximateReceiveCount"
	messageGroup  = "MessageGroupId"
	sentTimestamp = "SentTimestamp"
)

type receiveOut struct{ Messages []message }

type message struct {
	MessageID         string `json:"MessageId"`
	ReceiptHandle     string
	Body              string
	Attributes        map[string]string
	MessageAttributes map[string]attribute
}

type attributesIn struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

type attributesOut struct{ Attributes map[string]string }

type queueURL struct {
	URL string `json:"QueueUrl"`
}

// call makes one call; the client repeats it while the service is busy.
func (q *Queue) call(ctx context.Context, operation string, in, out any) error {
	return q.opt.Client.JSON(ctx, "AmazonSQS", operation, in, out)
}
