package dynamo

import (
	"context"
	"errors"
	"math"
	"time"

	"rapport/shared/awsapi"
)

// What the service is asked and what it answers, as far as the driver uses it:
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html

// attribute is one value: a text, a number or bytes. An empty one does not occur.
type attribute struct {
	S string `json:"S,omitempty"`
	N string `json:"N,omitempty"`
	B []byte `json:"B,omitempty"`
}

type attributes map[string]attribute

type batchGet struct {
	RequestItems           map[string]keys
	ReturnConsumedCapacity string `json:",omitempty"`
}

type keys struct {
	Keys           []attributes
	ConsistentRead bool
}

type batchGetOut struct {
	Responses        map[string][]attributes
	UnprocessedKeys  map[string]keys
	ConsumedCapacity []*capacity
}

// write is a put, which has an Item, or a delete, which has a Key.
type write struct {
	TableName                           string
	Item                                attributes        `json:",omitempty"`
	Key                                 attributes        `json:",omitempty"`
	ConditionExpression                 string            `json:",omitempty"`
	ExpressionAttributeNames            map[string]string `json:",omitempty"`
	ExpressionAttributeValues           attributes        `json:",omitempty"`
	ReturnValuesOnConditionCheckFailure string            `json:",omitempty"`
	ReturnConsumedCapacity              string            `json:",omitempty"`
}

// allOld makes a refused condition bring the stored item along.
const allOld = "ALL_OLD"

type writeOut struct{ ConsumedCapacity *capacity }

type query struct {
	TableName                 string
	ConsistentRead            bool
	ScanIndexForward          bool
	KeyConditionExpression    string
	FilterExpression          string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues attributes
	ExclusiveStartKey         attributes `json:",omitempty"`
	Limit                     int        `json:",omitempty"`
	ReturnConsumedCapacity    string     `json:",omitempty"`
}

type queryOut struct {
	Items            []attributes
	LastEvaluatedKey attributes
	ConsumedCapacity *capacity
}

type capacity struct{ CapacityUnits float64 }

// call makes one call; the client repeats it while the service is busy.
func (t *table) call(ctx context.Context, operation string, in, out any) error {
	return t.client.JSON(ctx, "DynamoDB_20120810", operation, in, out)
}

// counted makes the service tell what a call used, where somebody counts.
func (t *table) counted() string {
	if t.used == nil {
		return ""
	}
	return "TOTAL"
}

func (t *table) count(kind string, list ...*capacity) {
	for _, c := range list {
		if c != nil && t.used != nil {
			t.used(kind, c.CapacityUnits)
		}
	}
}

// units is what it costs to write an item: one for each KiB that was begun.
func units(item attributes) float64 {
	n := 0
	for name, value := range item {
		n += len(name) + len(value.S) + len(value.B) + (len(value.N)+1)/2
	}
	return math.Max(1, math.Ceil(float64(n)/1024))
}

// refusedFor gives the service's refusal if its word for it is code, or nil.
func refusedFor(err error, code string) *awsapi.Error {
	var e *awsapi.Error
	if errors.As(err, &e) && e.Code == code {
		return e
	}
	return nil
}

// sleep waits, not beyond the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
