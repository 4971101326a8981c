package dynamo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rapport/shared/awsapi"
	"rapport/shared/emulator"
	"rapport/shared/fault"
	"rapport/shared/store"
	"rapport/shared/store/dynamo"
	"rapport/shared/store/storetest"
)

func TestMain(m *testing.M) { emulator.Main(m) }

func client(t testing.TB, endpoint string) *awsapi.Client {
	t.Helper()
	c, err := awsapi.New(awsapi.Options{Service: "dynamodb", Region: emulator.Region, Endpoint: endpoint, HTTP: http.DefaultClient, JSON: "1.0", Tries: 1,
		Credentials: credentials.NewStaticCredentialsProvider(emulator.Key, emulator.Key, "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask makes a call beside the driver.
func ask(t testing.TB, operation string, in, out any) {
	t.Helper()
	if err := client(t, emulator.URL(t)).JSON(t.Context(), "DynamoDB_20120810", operation, in, out); err != nil {
		t.Fatal(err)
	}
}

// open makes a table of the test's name behind an endpoint.
func open(t testing.TB, endpoint string, now func() time.Time) *dynamo.Store {
	t.Helper()
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	if err := dynamo.New(dynamo.Options{Client: client(t, emulator.URL(t)), Table: name}).CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dynamo.New(dynamo.Options{Client: client(t, endpoint), Table: name, Now: now})
}

func TestStore(t *testing.T) {
	shared := open(t, emulator.URL(t), nil)
	storetest.Run(t, storetest.Harness{New: func(testing.TB) store.Store { return shared }})
}

func TestStoreWithItsOwnClock(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	shared := open(t, emulator.URL(t), now)
	storetest.Run(t, storetest.Harness{Now: now, Advance: func(d time.Duration) { ahead.Add(int64(d)) },
		New: func(testing.TB) store.Store { return shared }, Skip: slowOnes})
}

// slowOnes have nothing to do with the clock.
var slowOnes = map[string]string{"sizes": "done above", "long walk": "done above", "many items": "done above", "fifty create at once": "done above",
	"fifty update at once": "done above", "read what was written": "done above", "ranges": "done above", "keys": "done above"}

func TestCreateTableTwice(t *testing.T) {
	s := open(t, emulator.URL(t), nil)
	if err := s.CreateTable(t.Context()); err != nil {
		t.Errorf("creating a table that is there: %v", err)
	}
	var out struct {
		TimeToLiveDescription struct{ AttributeName, TimeToLiveStatus string }
	}
	ask(t, "DescribeTimeToLive", map[string]string{"TableName": t.Name()}, &out)
	if out.TimeToLiveDescription.AttributeName != "x" || out.TimeToLiveDescription.TimeToLiveStatus == "DISABLED" {
		t.Errorf("time to live is %+v, want the attribute x", out.TimeToLiveDescription)
	}
}

// proxy stands before the emulator and lets a test spoil requests and answers, as the service does on a bad day.
type proxy struct {
	*httptest.Server
	calls  atomic.Int32
	before func(call int, operation string, body []byte) (replaced []byte, status int, answer string)
}

func spoil(t *testing.T, before func(call int, operation string, body []byte) ([]byte, int, string)) *proxy {
	t.Helper()
	target, err := url.Parse(emulator.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	p := &proxy{before: before}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		replaced, status, answer := p.before(int(p.calls.Add(1)), operation, body)
		if status != 0 {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
			return
		}
		if replaced != nil {
			body = replaced
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// A batch read that leaves keys out is asked again for exactly those, until none is left.
func TestKeysThatWereLeftOut(t *testing.T) {
	plain := open(t, emulator.URL(t), nil)
	var keys []store.Key
	for _, sort := range []string{"a", "b", "c", "d"} {
		if r := plain.Put(t.Context(), store.Item{Part: "p", Sort: sort, Data: []byte(sort)}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		keys = append(keys, store.Key{Part: "p", Sort: sort})
	}
	table := t.Name()
	var asked []int
	p := spoil(t, func(call int, _ string, body []byte) ([]byte, int, string) {
		var in struct {
			RequestItems map[string]struct{ Keys []json.RawMessage }
		}
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		left := in.RequestItems[table].Keys
		asked = append(asked, len(left))
		if call == 2 || call == 3 { // too busy for any
			rest, _ := json.Marshal(map[string]any{"Responses": map[string]any{}, "UnprocessedKeys": in.RequestItems})
			return nil, http.StatusOK, string(rest)
		}
		if len(left) > 2 { // two are answered, by hand
			rest, _ := json.Marshal(map[string]any{
				"Responses": map[string]any{table: []any{record("a", "1"), record("b", "1")}}, "UnprocessedKeys": map[string]any{table: map[string]any{"Keys": left[2:]}}})
			return nil, http.StatusOK, string(rest)
		}
		return nil, 0, ""
	})
	s := dynamo.New(dynamo.Options{Client: client(t, p.URL), Table: table})
	items, err := s.Get(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range items {
		if item.Sort != keys[i].Sort || item.Version != 1 || string(item.Data) != keys[i].Sort {
			t.Errorf("item %d is %+v, want %q at version 1", i, item, keys[i].Sort)
		}
	}
	if want := []int{4, 2, 2, 2}; len(asked) != len(want) || asked[1] != 2 || asked[3] != 2 {
		t.Errorf("keys per request were %v, want %v", asked, want)
	}
}

func record(sort, version string) map[string]any {
	return map[string]any{"part": map[string]string{"S": "p"}, "sort": map[string]string{"S": sort}, "v": map[string]string{"N": version}, "d": map[string][]byte{"B": []byte(sort)}}
}

// When the service answers no key at all, the wait ends with the context.
func TestGetEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := spoil(t, func(call int, _ string, body []byte) ([]byte, int, string) {
		if call == 3 {
			cancel()
		}
		var in map[string]json.RawMessage
		_ = json.Unmarshal(body, &in)
		return nil, http.StatusOK, `{"Responses":{},"UnprocessedKeys":` + string(in["RequestItems"]) + `}`
	})
	s := dynamo.New(dynamo.Options{Client: client(t, p.URL), Table: "any"})
	if _, err := s.Get(ctx, store.Key{Part: "p", Sort: "s"}); !fault.Is(err, fault.Transient) {
		t.Errorf("get gave %v, want Transient", err)
	}
}

func TestKindsOfErrors(t *testing.T) {
	for code, want := range map[string]struct {
		status int
		kind   fault.Kind
	}{
		"ProvisionedThroughputExceededException": {400, fault.Transient}, "ThrottlingException": {400, fault.Transient},
		"RequestLimitExceeded": {400, fault.Transient}, "InternalServerError": {500, fault.Transient}, "ServiceUnavailable": {503, fault.Transient},
		"ResourceNotFoundException": {400, fault.Transient}, "AccessDeniedException": {400, fault.Transient}, "ValidationException": {400, fault.Unknown},
	} {
		t.Run(code, func(t *testing.T) {
			p := spoil(t, func(int, string, []byte) ([]byte, int, string) {
				return nil, want.status, `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `","message":"told so"}`
			})
			s := dynamo.New(dynamo.Options{Client: client(t, p.URL), Table: "any"})
			_, get := s.Get(t.Context(), store.Key{Part: "p", Sort: "s"})
			var list error
			for _, list = range s.List(t.Context(), store.Range{Part: "p"}) {
				break
			}
			for verb, err := range map[string]error{"get": get, "list": list, "put": s.Put(t.Context(), store.Item{Part: "p", Sort: "s"})[0].Err,
				"delete": s.Delete(t.Context(), store.Item{Part: "p", Sort: "s", Version: 1})[0].Err} {
				if err == nil || fault.Of(err) != want.kind || !strings.Contains(err.Error(), "store: "+verb) || !strings.Contains(err.Error(), code) {
					t.Errorf("%s gave %v (%v), want %v", verb, err, fault.Of(err), want.kind)
				}
			}
		})
	}
}

// An answer cut off after the write is no success and no conflict: nobody knows.
func TestCutAnswer(t *testing.T) {
	p := spoil(t, func(int, string, []byte) ([]byte, int, string) { panic(http.ErrAbortHandler) })
	s := dynamo.New(dynamo.Options{Client: client(t, p.URL), Table: "any"})
	if err := s.Put(t.Context(), store.Item{Part: "p", Sort: "s"})[0].Err; !fault.Is(err, fault.Transient) {
		t.Errorf("put gave %v, want Transient", err)
	}
}

// Items that expired but were not swept yet cost a limited walk more pages, never items.
func TestLimitPastExpired(t *testing.T) {
	plain := open(t, emulator.URL(t), nil)
	var items []store.Item
	for i := range 40 {
		item := store.Item{Part: "p", Sort: string(rune('A' + i))}
		if i < 37 {
			item.Expires = time.Now().Add(-time.Hour)
		}
		items = append(items, item)
	}
	for _, r := range plain.Put(t.Context(), items...) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	p := spoil(t, func(int, string, []byte) ([]byte, int, string) { return nil, 0, "" })
	s := dynamo.New(dynamo.Options{Client: client(t, p.URL), Table: t.Name()})
	var got []string
	for item, err := range s.List(t.Context(), store.Range{Part: "p", Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item.Sort)
	}
	if strings.Join(got, "") != string([]rune{'A' + 37, 'A' + 38}) {
		t.Errorf("list gave %q", got)
	}
	if calls := p.calls.Load(); calls > 6 {
		t.Errorf("the walk took %d requests, want pages that grow", calls)
	}
}

// Nobody else's items are taken for ours.
func TestForeignItem(t *testing.T) {
	s := open(t, emulator.URL(t), nil)
	text := func(s string) map[string]string { return map[string]string{"S": s} }
	ask(t, "PutItem", map[string]any{"TableName": t.Name(), "Item": map[string]any{"part": text("p"), "sort": text("s"), "v": text("one")}}, nil)
	if _, err := s.Get(t.Context(), store.Key{Part: "p", Sort: "s"}); err == nil || !strings.Contains(err.Error(), "is not ours") {
		t.Errorf("get of a foreign item gave %v", err)
	}
}

// A key may be asked for twice, which the service itself refuses; the answers are the caller's own.
func TestSameKeyTwice(t *testing.T) {
	s := open(t, emulator.URL(t), nil)
	if r := s.Put(t.Context(), store.Item{Part: "p", Sort: "s", Data: []byte("data")}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	key := store.Key{Part: "p", Sort: "s"}
	items, err := s.Get(t.Context(), key, key)
	if err != nil {
		t.Fatal(err)
	}
	clear(items[0].Data)
	if string(items[1].Data) != "data" {
		t.Errorf("changing one answer changed the other to %q", items[1].Data)
	}
}
