package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"time"

	"rapport/shared/awsapi"
	"rapport/shared/fault"
	"rapport/shared/store"
)

// table speaks the service's words.
type table struct {
	client *awsapi.Client
	name   string
	now    func() time.Time
	used   func(kind string, units float64) // nil = nobody counts
}

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
	err := t.call(ctx, "CreateTable", map[string]any{"TableName": t.name, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []map[string]string{{"AttributeName": "part", "AttributeType": "S"}, {"AttributeName": "sort", "AttributeType": "S"}},
		"KeySchema":            []map[string]string{{"AttributeName": "part", "KeyType": "HASH"}, {"AttributeName": "sort", "KeyType": "RANGE"}}}, nil)
	exists := refusedFor(err, "ResourceInUseException") != nil
	if err != nil && !exists {
		return classify(err, "create the table")
	}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		var out struct {
			Table struct{ TableStatus string }
		}
		if err := t.call(ctx, "DescribeTable", map[string]any{"TableName": t.name}, &out); err != nil {
			return classify(err, "create the table")
		}
		if out.Table.TableStatus == "ACTIVE" {
			break
		}
		if err := sleep(ctx, wait); err != nil {
			return classify(err, "create the table")
		}
	}
	if exists {
		return nil
	}
	return classify(t.call(ctx, "UpdateTimeToLive", map[string]any{"TableName": t.name,
		"TimeToLiveSpecification": map[string]any{"AttributeName": "x", "Enabled": true}}, nil), "create the table")
}

// read gets keys, all different and at most 100, and asks again for those the service left out: at once while it
// gives some (an answer is at most 16 MB), after a growing wait when it gives none (too many requests).
func (t *table) read(ctx context.Context, list []store.Key, consistent bool, found func(store.Item)) error {
	ask := make([]attributes, len(list))
	for i, key := range list {
		ask[i] = keyOf(key)
	}
	for wait := firstWait; ; {
		var out batchGetOut
		if err := t.call(ctx, "BatchGetItem", batchGet{map[string]keys{t.name: {Keys: ask, ConsistentRead: consistent}}, t.counted()}, &out); err != nil {
			return classify(err, "get")
		}
		t.count("reads", out.ConsumedCapacity...)
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
		if err := sleep(ctx, wait); err != nil {
			return classify(err, "get")
		}
		wait = min(2*wait, lastWait)
	}
}

// put writes one item if its version is what is stored.
func (t *table) put(ctx context.Context, item store.Item) store.Result {
	values := keyOf(item.Key())
	values["v"] = attribute{N: number(item.Version + 1)}
	if len(item.Data) > 0 {
		values["d"] = attribute{B: item.Data}
	}
	if !item.Expires.IsZero() {
		values["x"] = attribute{N: number(max(1, item.Expires.Unix()))}
	}
	condition, names, operands := t.condition(item.Version)
	in := write{TableName: t.name, Item: values, ConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: operands,
		ReturnValuesOnConditionCheckFailure: allOld, ReturnConsumedCapacity: t.counted()}
	var out writeOut
	if err := t.call(ctx, "PutItem", in, &out); err != nil {
		return t.refused(err, "put", item, values)
	}
	t.count("writes", out.ConsumedCapacity)
	return store.Result{Version: item.Version + 1}
}

// remove deletes one item if its version is what is stored.
func (t *table) remove(ctx context.Context, item store.Item) store.Result {
	in := write{TableName: t.name, Key: keyOf(item.Key()), ReturnConsumedCapacity: t.counted()}
	if item.Version != store.AnyVersion {
		condition, names, operands := t.condition(item.Version)
		if item.Version == 0 { // what is absent cannot be deleted, what is there has another version
			condition, names, operands = "#v = :v", map[string]string{"#v": "v"}, attributes{":v": attribute{N: "0"}}
		}
		in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = condition, names, operands
		in.ReturnValuesOnConditionCheckFailure = allOld
	}
	var out writeOut
	if err := t.call(ctx, "DeleteItem", in, &out); err != nil {
		return t.refused(err, "delete", item, nil)
	}
	t.count("writes", out.ConsumedCapacity)
	return store.Result{}
}

// condition gives the expression under which a version may be replaced.
func (t *table) condition(version int64) (string, map[string]string, attributes) {
	operands := attributes{":now": attribute{N: number(t.now().Unix())}}
	if version == 0 {
		return whenAbsent, map[string]string{"#part": "part", "#x": "x"}, operands
	}
	operands[":v"] = attribute{N: number(version)}
	return whenVersion, map[string]string{"#v": "v", "#x": "x"}, operands
}

// refused turns an error of a write into a result; a failed condition becomes a conflict with what is stored. It is charged
// too but told by nobody: it costs what the item that was to be written would have cost, one unit at least.
func (t *table) refused(err error, verb string, item store.Item, values attributes) store.Result {
	failed := refusedFor(err, "ConditionalCheckFailedException")
	if failed == nil {
		return store.Result{Err: classify(err, verb)}
	}
	t.count("writes", &capacity{units(values)})
	var old struct{ Item attributes }
	if err := json.Unmarshal(failed.Body, &old); err != nil {
		return store.Result{Err: fault.New(fault.Transient, "store: %s: the service's refusal cannot be read: %w", verb, err)}
	}
	stored, err := t.item(old.Item)
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
	operands := attributes{":part": attribute{S: r.Part}}
	switch {
	case r.From != "" && r.To != "":
		condition += " AND #sort BETWEEN :from AND :to"
	case r.From != "":
		condition += " AND #sort >= :from"
	case r.To != "":
		condition += " AND #sort < :to"
	}
	if r.From != "" {
		names["#sort"], operands[":from"] = "sort", attribute{S: r.From}
	}
	if r.To != "" {
		names["#sort"], operands[":to"] = "sort", attribute{S: r.To}
	}
	in := query{TableName: t.name, ConsistentRead: true, ScanIndexForward: !r.Desc, KeyConditionExpression: condition, FilterExpression: whenAlive,
		ExpressionAttributeNames: names, ExpressionAttributeValues: operands, ReturnConsumedCapacity: t.counted()}
	return func(yield func([]store.Item, error) bool) {
		size := min(r.Limit, largest)
		if r.To != "" {
			size++ // for the one at the end, which is not wanted
		}
		for ; ; size = min(2*size, largest) {
			if r.Limit > 0 {
				in.Limit = size
			}
			operands[":now"] = attribute{N: number(t.now().Unix())}
			var out queryOut
			if err := t.call(ctx, "Query", in, &out); err != nil {
				yield(nil, classify(err, "list"))
				return
			}
			t.count("reads", out.ConsumedCapacity)
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
	return attributes{"part": attribute{S: key.Part}, "sort": attribute{S: key.Sort}}
}

// item reads an item; what is missing or expired has Version 0.
func (t *table) item(values attributes) (store.Item, error) {
	var item store.Item
	if len(values) == 0 {
		return item, nil
	}
	item.Part, item.Sort = values["part"].S, values["sort"].S
	version, err := integer(values, "v")
	if err != nil {
		return store.Item{}, fault.New(fault.Unknown, "store: the item %.80q in table %s is not ours: %w", item.Key(), t.name, err)
	}
	at, err := integer(values, "x")
	if err != nil {
		return store.Item{}, fault.New(fault.Unknown, "store: the item %.80q in table %s is not ours: %w", item.Key(), t.name, err)
	}
	if expired(at, t.now()) {
		return store.Item{}, nil
	}
	if item.Version = version; at != 0 {
		item.Expires = time.Unix(at, 0).UTC()
	}
	item.Data = values["d"].B
	return item, nil
}

// integer reads a number; a missing one is 0.
func integer(values attributes, name string) (int64, error) {
	value, there := values[name]
	if !there {
		return 0, nil
	}
	n, err := strconv.ParseInt(value.N, 10, 64)
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
	var refusal *awsapi.Error
	if errors.As(err, &refusal) {
		switch refusal.Code {
		case "ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException":
			return fault.New(fault.Unknown, "store: %s: %w", verb, err)
		}
	}
	return fault.New(fault.Transient, "store: %s: %w", verb, err)
}
