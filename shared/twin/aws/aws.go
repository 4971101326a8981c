// Package aws is a fake of the four services that a stack pays for by use: the table, the queues, the archive and the
// secrets. It keeps what it is given in memory and counts what the services would charge, by the rules of their price
// pages: units of the table by the size of what is read and written, requests of the queues by 64 KiB of payload.
//
// It knows what Rapport's drivers ask for and refuses everything else. The drivers themselves are judged against an
// emulator and against AWS by their suites; here their bill is.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
package aws

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options of a cloud.
type Options struct {
	Now func() time.Time
}

// Cloud is the services of one stack behind one address. Safe for concurrent use.
type Cloud struct {
	now func() time.Time

	mu      sync.Mutex
	units   map[string]float64
	items   map[string]map[string]item // part → sort
	lanes   map[string][]Record
	next    int // of the messages' ids
	objects map[string][]byte
	secrets map[string]string
}

// New makes services that hold nothing.
func New(o Options) *Cloud {
	return &Cloud{now: o.Now, units: map[string]float64{}, items: map[string]map[string]item{}, lanes: map[string][]Record{},
		objects: map[string][]byte{}, secrets: map[string]string{}}
}

// Take gives what was charged since the last time and begins again: requests by service and operation, as in
// "sqs.SendMessageBatch" (of the queues a request of more than 64 KiB counts as often as it holds them), and the units of
// the table, as "dynamodb.writes" and "dynamodb.reads".
func (c *Cloud) Take() map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := maps.Clone(c.units)
	clear(c.units)
	return n
}

// refusal is an error as a service says it.
type refusal struct {
	code string
	item map[string]value // what is stored, where a condition failed
}

func (r refusal) Error() string { return r.code }

// ServeHTTP answers a call.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" {
		c.object(w, r, body)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	service, operation, _ := strings.Cut(target, ".")
	var answer any
	switch service {
	case "DynamoDB_20120810":
		answer, err = c.table(operation, body)
	case "AmazonSQS":
		answer, err = c.queue(operation, body)
	case "AmazonSSM":
		answer, err = c.parameter(operation, body)
	default:
		err = refusal{code: "UnknownService"}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if err != nil {
		said := map[string]any{"__type": err.Error(), "message": service + " " + operation}
		if r, ok := err.(refusal); ok && r.item != nil {
			said["Item"] = r.item
		}
		w.WriteHeader(http.StatusBadRequest)
		answer = said
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// object keeps objects of the archive.
func (c *Cloud) object(w http.ResponseWriter, r *http.Request, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held, ok := c.objects[r.URL.Path]
	switch {
	case r.Method == http.MethodPut:
		c.units["s3.PutObject"]++
		c.objects[r.URL.Path] = body
	case r.Method == http.MethodGet && ok:
		c.units["s3.GetObject"]++
		_, _ = w.Write(held)
	case r.Method == http.MethodDelete:
		c.units["s3.DeleteObject"]++
		delete(c.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		c.units["s3.other"]++
		w.WriteHeader(http.StatusNotFound)
	}
}

// parameter keeps secrets.
func (c *Cloud) parameter(operation string, body []byte) (any, error) {
	var in struct{ Name, Value string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, refusal{code: "ValidationException"}
	}
	c.units["ssm."+operation]++
	switch operation {
	case "PutParameter":
		c.secrets[in.Name] = in.Value
		return map[string]any{"Version": 1}, nil
	case "GetParameter":
		text, ok := c.secrets[in.Name]
		if !ok {
			return nil, refusal{code: "ParameterNotFound"}
		}
		return map[string]any{"Parameter": map[string]any{"Name": in.Name, "Value": text, "Version": 1}}, nil
	}
	return nil, refusal{code: "UnknownOperationException"}
}
