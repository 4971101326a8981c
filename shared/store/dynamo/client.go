package dynamo

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"rapport/shared/fault"
	"rapport/shared/store"
)

// table speaks the service's words.
type table struct {
	client *dynamodb.Client
	name   string
	now    func() time.Time
}

type attributes = map[string]types.AttributeValue

// Conditions and filters; an item without "x" never expires.
const (
	whenAbsent  = "attribute_not_exists(#part) OR #x <= :now"
	whenVersion = "#v = :v AND (attribute_not_exists(#x) OR #x > :now)"
	whenAlive   = "attribute_not_exists(#x) OR #x > :now"
)

// Waits between asking again for keys that a batch read left out, doubling from the first to the last.
const (
	firstWait = 25 * time.Millisecond
	lastWait  = 2 * time.Second
)

// largest is the most items one page may be asked for; the service ends a page at 1 MB anyway.
const largest = 10_000

// CreateTable makes the table where it is missing, billed by request, and waits until it can be used. For tests and
// local use; in AWS the stack makes it.
func (t *table) CreateTable(ctx context.Context) error {
	_, err := t.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &t.name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("part"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sort"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("part"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sort"), KeyType: types.KeyTypeRange}},
	})
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return classify(err, "create the table")
	}
	wait := dynamodb.NewTableExistsWaiter(t.client)
	if err := wait.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &t.name}, time.Minute); err != nil {
		return classify(err, "create the table")
	}
	if exists != nil {
		return nil
	}
	_, err = t.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &t.name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("x"), Enabled: aws.Bool(true)}})
	return classify(err, "create the table")
}

// read gets keys, all different and at most 100, and asks again for those the service left out: at once while it
// gives some (an answer is at most 16 MB), after a growing wait when it gives none (too many requests).
func (t *table) read(ctx context.Context, keys []store.Key, consistent bool, found func(store.Item)) error {
	ask := make([]attributes, len(keys))
	for i, key := range keys {
		ask[i] = keyOf(key)
	}
	for wait := firstWait; ; {
		out, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.name: {Keys: ask, ConsistentRead: &consistent}}})
		if err != nil {
			return classify(err, "get")
		}
		for _, values := range out.Responses[t.name] {
			item, err := t.item(values)
			if err != nil {
				return err
			}
			if item.Version != 0 {
				found(item)
			}
		}
		left := out.UnprocessedKeys[t.name].Keys
		if len(left) == 0 {
			return nil
		}
		if len(left) < len(ask) {
			ask, wait = left, firstWait
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return classify(ctx.Err(), "get")
		}
		wait = min(2*wait, lastWait)
	}
}

// put writes one item if its version is what is stored.
func (t *table) put(ctx context.Context, item store.Item) store.Result {
	values := keyOf(item.Key())
	values["v"] = &types.AttributeValueMemberN{Value: number(item.Version + 1)}
	if len(item.Data) > 0 {
		values["d"] = &types.AttributeValueMemberB{Value: item.Data}
	}
	if !item.Expires.IsZero() {
		values["x"] = &types.AttributeValueMemberN{Value: number(max(1, item.Expires.Unix()))}
	}
	condition, names, operands := t.condition(item.Version)
	_, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: values,
		ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: operands,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	if err != nil {
		return t.refused(err, "put", item)
	}
	return store.Result{Version: item.Version + 1}
}

// remove deletes one item if its version is what is stored.
func (t *table) remove(ctx context.Context, item store.Item) store.Result {
	in := &dynamodb.DeleteItemInput{TableName: &t.name, Key: keyOf(item.Key())}
	if item.Version != store.AnyVersion {
		condition, names, operands := t.condition(item.Version)
		if item.Version == 0 { // what is absent cannot be deleted, what is there has another version
			condition, names, operands = "#v = :v", map[string]string{"#v": "v"}, attributes{":v": &types.AttributeValueMemberN{Value: "0"}}
		}
		in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = &condition, names, operands
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	if _, err := t.client.DeleteItem(ctx, in); err != nil {
		return t.refused(err, "delete", item)
	}
	return store.Result{}
}

// condition gives the expression under which a version may be replaced.
func (t *table) condition(version int64) (string, map[string]string, attributes) {
	operands := attributes{":now": &types.AttributeValueMemberN{Value: number(t.now().Unix())}}
	if version == 0 {
		return whenAbsent, map[string]string{"#part": "part", "#x": "x"}, operands
	}
	operands[":v"] = &types.AttributeValueMemberN{Value: number(version)}
	return whenVersion, map[string]string{"#v": "v", "#x": "x"}, operands
}

// refused turns an error of a write into a result; a failed condition becomes a conflict with what is stored.
func (t *table) refused(err error, verb string, item store.Item) store.Result {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return store.Result{Err: classify(err, verb)}
	}
	stored, err := t.item(failed.Item)
	if err != nil {
		return store.Result{Err: err}
	}
	if stored.Version == 0 {
		stored = store.Item{Part: item.Part, Sort: item.Sort}
	}
	return store.Result{Stored: stored, Err: fault.New(fault.Conflict,
		"store: %s of %.80q at version %d, but version %d is stored", verb, item.Key(), item.Version, stored.Version)}
}

// pages asks for a range page by page. A limited walk begins with small pages and takes larger ones while what it reads
// has expired.
func (t *table) pages(ctx context.Context, r store.Range) iter.Seq2[[]store.Item, error] {
	condition, names := "#part = :part", map[string]string{"#part": "part", "#x": "x"}
	operands := attributes{":part": &types.AttributeValueMemberS{Value: r.Part}}
	switch {
	case r.From != "" && r.To != "":
		condition += " AND #sort BETWEEN :from AND :to"
	case r.From != "":
		condition += " AND #sort >= :from"
	case r.To != "":
		condition += " AND #sort < :to"
	}
	if r.From != "" {
		names["#sort"], operands[":from"] = "sort", &types.AttributeValueMemberS{Value: r.From}
	}
	if r.To != "" {
		names["#sort"], operands[":to"] = "sort", &types.AttributeValueMemberS{Value: r.To}
	}
	in := &dynamodb.QueryInput{TableName: &t.name, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(!r.Desc),
		KeyConditionExpression: &condition, FilterExpression: aws.String(whenAlive), ExpressionAttributeNames: names, ExpressionAttributeValues: operands}
	return func(yield func([]store.Item, error) bool) {
		size := min(r.Limit, largest)
		if r.To != "" {
			size++ // for the one at the end, which is not wanted
		}
		for ; ; size = min(2*size, largest) {
			if r.Limit > 0 {
				in.Limit = aws.Int32(int32(size))
			}
			operands[":now"] = &types.AttributeValueMemberN{Value: number(t.now().Unix())}
			out, err := t.client.Query(ctx, in)
			if err != nil {
				yield(nil, classify(err, "list"))
				return
			}
			page := make([]store.Item, 0, len(out.Items))
			for _, values := range out.Items {
				item, err := t.item(values)
				if err != nil {
					yield(nil, err)
					return
				}
				if item.Version != 0 {
					page = append(page, item)
				}
			}
			if !yield(page, nil) || len(out.LastEvaluatedKey) == 0 {
				return
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}

func keyOf(key store.Key) attributes {
	return attributes{"part": &types.AttributeValueMemberS{Value: key.Part}, "sort": &types.AttributeValueMemberS{Value: key.Sort}}
}

// item reads an item; what is missing or expired has Version 0.
func (t *table) item(values attributes) (store.Item, error) {
	var item store.Item
	if len(values) == 0 {
		return item, nil
	}
	if v, ok := values["part"].(*types.AttributeValueMemberS); ok {
		item.Part = v.Value
	}
	if v, ok := values["sort"].(*types.AttributeValueMemberS); ok {
		item.Sort = v.Value
	}
	version, err := integer(values["v"])
	if err != nil {
		return store.Item{}, fault.New(fault.Unknown, "store: the item %.80q in table %s is not ours: %w", item.Key(), t.name, err)
	}
	at, err := integer(values["x"])
	if err != nil {
		return store.Item{}, fault.New(fault.Unknown, "store: the item %.80q in table %s is not ours: %w", item.Key(), t.name, err)
	}
	if expired(at, t.now()) {
		return store.Item{}, nil
	}
	if item.Version = version; at != 0 {
		item.Expires = time.Unix(at, 0).UTC()
	}
	if v, ok := values["d"].(*types.AttributeValueMemberB); ok {
		item.Data = v.Value
	}
	return item, nil
}

// integer reads a number; a missing one is 0.
func integer(value types.AttributeValue) (int64, error) {
	if value == nil {
		return 0, nil
	}
	v, ok := value.(*types.AttributeValueMemberN)
	if !ok {
		return 0, errNoNumber
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		return 0, errNoNumber
	}
	return n, nil
}

// classify names the kind of the service's error. What is wrong with the table or with the rights to it passes once
// somebody has mended it, so it is as transient as too many requests; only what no repetition can cure is Unknown.
func classify(err error, verb string) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException":
			return fault.New(fault.Unknown, "store: %s: %w", verb, err)
		}
	}
	return fault.New(fault.Transient, "store: %s: %w", verb, err)
}
