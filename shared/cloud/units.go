package cloud

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// Units counts what a process uses of the services that are paid by use: calls by service and operation, as in
// "sqs.SendMessageBatch", and the units of the table, as "dynamodb.writes" and "dynamodb.reads". Safe for concurrent use.
//
// It is middleware of the SDK's clients, so repetitions of the SDK itself count too.
type Units struct {
	mu sync.Mutex
	n  map[string]float64
}

// NewUnits makes an empty count.
func NewUnits() *Units { return &Units{n: map[string]float64{}} }

// Take gives what was counted since the last time and begins again.
func (u *Units) Take() map[string]float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.n
	u.n = map[string]float64{}
	return n
}

// Names gives the names of a count in order.
func Names(n map[string]float64) []string { return slices.Sorted(maps.Keys(n)) }

func (u *Units) add(name string, n float64) {
	if n == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n[name] += n
}

func (u *Units) call(service, operation string) { u.add(service+"."+operation, 1) }

// each counts every request of a client that leaves.
func (u *Units) each(service string) middleware.FinalizeMiddleware {
	return middleware.FinalizeMiddlewareFunc("RapportUnits", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		u.call(service, middleware.GetOperationName(ctx))
		return next.HandleFinalize(ctx, in)
	})
}

func (u *Units) sqs(stack *middleware.Stack) error {
	return stack.Finalize.Add(u.each("sqs"), middleware.After)
}

// dynamo counts calls and units.
func (u *Units) dynamo(stack *middleware.Stack) error {
	if err := stack.Finalize.Add(u.each("dynamodb"), middleware.After); err != nil {
		return err
	}
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("RapportCapacity", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		ask(in.Parameters)
		out, meta, err := next.HandleInitialize(ctx, in)
		u.capacity(in.Parameters, out.Result, err)
		return out, meta, err
	}), middleware.Before)
}

// ask makes the service tell what a call used.
func ask(in any) {
	const total = types.ReturnConsumedCapacityTotal
	switch p := in.(type) {
	case *dynamodb.BatchGetItemInput:
		p.ReturnConsumedCapacity = total
	case *dynamodb.QueryInput:
		p.ReturnConsumedCapacity = total
	case *dynamodb.PutItemInput:
		p.ReturnConsumedCapacity = total
	case *dynamodb.DeleteItemInput:
		p.ReturnConsumedCapacity = total
	}
}

// capacity counts what the service told. A refused condition is charged too but told by nobody: it costs what the item
// that was to be written would have cost, one unit at least.
func (u *Units) capacity(in, out any, err error) {
	if err != nil {
		if p, ok := in.(*dynamodb.PutItemInput); ok && strings.Contains(err.Error(), "ConditionalCheckFailed") {
			u.add("dynamodb.writes", math.Max(1, math.Ceil(size(p.Item)/1024)))
		}
		return
	}
	told := func(kind string, list ...*types.ConsumedCapacity) {
		for _, c := range list {
			if c != nil && c.CapacityUnits != nil {
				u.add("dynamodb."+kind, *c.CapacityUnits)
			}
		}
	}
	switch o := out.(type) {
	case *dynamodb.BatchGetItemOutput:
		for i := range o.ConsumedCapacity {
			told("reads", &o.ConsumedCapacity[i])
		}
	case *dynamodb.QueryOutput:
		told("reads", o.ConsumedCapacity)
	case *dynamodb.PutItemOutput:
		told("writes", o.ConsumedCapacity)
	case *dynamodb.DeleteItemOutput:
		told("writes", o.ConsumedCapacity)
	}
}

// size gives the bytes of an item, about.
func size(item map[string]types.AttributeValue) float64 {
	n := 0
	for name, value := range item {
		n += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			n += len(v.Value)
		case *types.AttributeValueMemberN:
			n += len(v.Value)/2 + 1
		case *types.AttributeValueMemberB:
			n += len(v.Value)
		}
	}
	return float64(n)
}
