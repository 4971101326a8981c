package aws

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// value is one attribute as the service writes it.
type value struct {
	S *string `json:"S,omitempty"`
	N *string `json:"N,omitempty"`
	B []byte  `json:"B,omitempty"`
}

func (v value) text() string {
	if v.S != nil {
		return *v.S
	}
	return ""
}

func (v value) number() int64 {
	if v.N == nil {
		return 0
	}
	n, _ := strconv.ParseInt(*v.N, 10, 64)
	return n
}

type item map[string]value

// size is what an item counts as, in bytes: its names and values.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func (i item) size() float64 {
	n := 0
	for name, v := range i {
		n += len(name) + len(v.text()) + len(v.B)
		if v.N != nil {
			n += len(*v.N)/2 + 2
		}
	}
	return float64(n)
}

// Sizes of units in bytes.
const (
	writeUnit = 1 << 10
	readUnit  = 4 << 10
)

func written(i ...item) float64 {
	most := 1.0
	for _, one := range i {
		most = max(most, math.Ceil(one.size()/writeUnit))
	}
	return most
}

func read(size float64, consistent bool) float64 {
	n := max(1, math.Ceil(size/readUnit))
	if !consistent {
		n /= 2
	}
	return n
}

// Items gives how many items each table of ours holds, by the word that leads its partitions, and the bytes of its
// largest.
func (c *Cloud) Items() (count, largest map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count, largest = map[string]int{}, map[string]int{}
	for part, rows := range c.items {
		name, _, _ := strings.Cut(part, "#")
		count[name] += len(rows)
		for _, i := range rows {
			largest[name] = max(largest[name], int(i.size()))
		}
	}
	return count, largest
}

// request is what our driver asks of the table.
type request struct {
	TableName    string
	RequestItems map[string]struct {
		Keys           []item
		ConsistentRead bool
	}
	Item, Key                 item
	ConditionExpression       string
	ExpressionAttributeValues item
	ConsistentRead            bool
	KeyConditionExpression    string
	ScanIndexForward          *bool
	Limit                     int
}

// table answers one call. The lock is held.
func (c *Cloud) table(operation string, body []byte) (any, error) {
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, refusal{code: "SerializationException"}
	}
	c.units["dynamodb."+operation]++
	switch operation {
	case "BatchGetItem":
		return c.batch(in)
	case "Query":
		return c.query(in)
	case "PutItem":
		return c.put(in, in.Item)
	case "DeleteItem":
		return c.put(in, nil)
	}
	return nil, refusal{code: "UnknownOperationException"}
}

func (c *Cloud) batch(in request) (any, error) {
	out, told := map[string][]item{}, []any{}
	for name, ask := range in.RequestItems {
		units := 0.0
		for _, key := range ask.Keys {
			one, ok := c.items[key["part"].text()][key["sort"].text()]
			units += read(one.size(), ask.ConsistentRead)
			if ok {
				out[name] = append(out[name], one)
			}
		}
		c.units["dynamodb.reads"] += units
		told = append(told, map[string]any{"TableName": name, "CapacityUnits": units})
	}
	return map[string]any{"Responses": out, "UnprocessedKeys": map[string]any{}, "ConsumedCapacity": told}, nil
}

// query gives a partition whole, as far as its keys allow: what expired is left out by the filter after it was paid for.
func (c *Cloud) query(in request) (any, error) {
	v := in.ExpressionAttributeValues
	rows := c.items[v[":part"].text()]
	from, to := v[":from"].text(), v[":to"].text()
	var names []string
	for sort := range rows {
		if sort >= from && (to == "" || sort <= to) {
			names = append(names, sort)
		}
	}
	slices.Sort(names)
	if in.ScanIndexForward != nil && !*in.ScanIndexForward {
		slices.Reverse(names)
	}
	size, items := 0.0, []item{}
	for _, sort := range names {
		size += rows[sort].size()
		if at := rows[sort]["x"].number(); at == 0 || at > c.now().Unix() {
			items = append(items, rows[sort])
		}
	}
	units := read(size, in.ConsistentRead)
	c.units["dynamodb.reads"] += units
	return map[string]any{"Items": items, "Count": len(items), "ConsumedCapacity": map[string]any{"TableName": in.TableName, "CapacityUnits": units}}, nil
}

// put writes or, without an item, deletes under our driver's three conditions. Whoever is refused pays as well.
func (c *Cloud) put(in request, next item) (any, error) {
	key := in.Key
	if next != nil {
		key = next
	}
	part, sort := key["part"].text(), key["sort"].text()
	old, there := c.items[part][sort]
	units := written(old, next)
	c.units["dynamodb.writes"] += units
	alive := there && (old["x"].number() == 0 || old["x"].number() > c.now().Unix())
	met := true
	switch {
	case strings.Contains(in.ConditionExpression, "#v = :v"):
		met = alive && old["v"].number() == in.ExpressionAttributeValues[":v"].number()
	case in.ConditionExpression != "":
		met = !alive
	}
	if !met {
		return nil, refusal{"ConditionalCheckFailedException", old}
	}
	if next == nil {
		delete(c.items[part], sort)
	} else {
		if c.items[part] == nil {
			c.items[part] = map[string]item{}
		}
		c.items[part][sort] = next
	}
	return map[string]any{"ConsumedCapacity": map[string]any{"TableName": in.TableName, "CapacityUnits": units}}, nil
}
