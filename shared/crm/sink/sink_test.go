package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/expression"
	"rapport/shared/fault"
	twin "rapport/shared/twin/sink"
	"rapport/shared/webhook"
)

// mentions makes records as a mapping with ExternalId = network:id gives them.
func mentions(n int) []crm.Record {
	out := make([]crm.Record, n)
	for i := range out {
		fields := map[string]any{"ExternalId": fmt.Sprintf("forum:%d", i)}
		for f := range 14 {
			fields[fmt.Sprintf("Field%02d", f)] = fmt.Sprintf("Wert %d für die Mühle von Nordlicht", f)
		}
		out[i] = crm.Record{Object: "mention", KeyField: "ExternalId", Key: fmt.Sprintf("rapport:mention:forum:%d", i), Fields: fields}
	}
	return out
}

func kinds(out []crm.Outcome) map[string]int {
	n := map[string]int{}
	for _, o := range out {
		if o.Err != nil {
			n[fault.Of(o.Err).String()]++
		} else {
			n[string(o.State)]++
		}
	}
	return n
}

// TestBatchEndpoint writes to an endpoint that creates and never matches until everything is there, through all its
// moods: nothing is lost and nothing is doubled.
func TestBatchEndpoint(t *testing.T) {
	c := twin.New(twin.Options{Seed: 7})
	k, a := New(), account(t, c, batchSettings())
	records := mentions(300)
	c.SetMood(twin.Mood{Limited: 0.2, Cut: 0.2, Locked: 0.1})
	open := records
	for round := 0; len(open) > 0; round++ {
		if round > 200 {
			t.Fatalf("%d records are still open", len(open))
		}
		part := open[:min(100, len(open))]
		out, err := k.Upsert(t.Context(), a, part)
		var again []crm.Record
		for i, r := range part {
			switch {
			case err != nil && !fault.Is(err, fault.RateLimited):
				r.Attempted = true
				again = append(again, r)
			case err != nil:
				again = append(again, r)
			case fault.Is(out[i].Err, fault.Transient):
				r.Attempted = true
				again = append(again, r)
			case out[i].Err != nil || out[i].Key != r.Key || out[i].ID != r.Fields["ExternalId"]:
				t.Fatalf("%+v", out[i])
			}
		}
		open = append(slices.Clone(open[len(part):]), again...)
	}
	if c.Total() != 300 || c.Doubles() != 0 {
		t.Errorf("%d records, %d doubles", c.Total(), c.Doubles())
	}
	if n := len(c.Row("forum:12")); n != 15 {
		t.Errorf("a record holds %d fields: %v", n, c.Row("forum:12"))
	}
}

func TestBatchEndpointStates(t *testing.T) {
	c := twin.New(twin.Options{})
	k, a := New(), account(t, c, batchSettings())
	out, err := k.Upsert(t.Context(), a, mentions(100))
	if err != nil || kinds(out)["created"] != 100 || c.Batches()[100] != 1 {
		t.Fatalf("%v %v %v", kinds(out), err, c.Batches())
	}
	again := mentions(103)
	for i := range again {
		again[i].Attempted = true
	}
	out, err = k.Upsert(t.Context(), a, again)
	if err != nil || kinds(out)["unchanged"] != 100 || kinds(out)["created"] != 3 || c.Batches()[3] != 1 || c.Calls("/find") != 1 {
		t.Fatalf("%v %v %v", kinds(out), err, c.Batches())
	}
	known := mentions(1)
	known[0].ID = out[0].ID
	if out, err = k.Upsert(t.Context(), a, known); err != nil || out[0].State != crm.Unchanged || c.Total() != 103 {
		t.Errorf("a record whose id is known: %+v %v", out, err)
	}
	c.SetMood(twin.Mood{Limited: 1})
	if _, err := k.Upsert(t.Context(), a, mentions(2)); !fault.Is(err, fault.RateLimited) || fault.After(err) != time.Second {
		t.Errorf("%v", err)
	}
	c.SetMood(twin.Mood{Down: true})
	if _, err := k.Upsert(t.Context(), a, mentions(2)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
	c.SetMood(twin.Mood{Locked: 1})
	if out, err := k.Upsert(t.Context(), a, mentions(2)); err != nil || kinds(out)["transient"] != 2 || !strings.Contains(out[0].Err.Error(), "UNABLE_TO_LOCK_ROW") {
		t.Errorf("%v %v", out, err)
	}
}

// TestSeveralCalls: where records need several calls, what was written before a failure stays written.
func TestSeveralCalls(t *testing.T) {
	calls := 0
	a := account(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var list []map[string]any
		_ = json.NewDecoder(r.Body).Decode(&list)
		if calls++; calls == 2 {
			w.WriteHeader(429)
			return
		}
		_, _ = fmt.Fprint(w, `[`+strings.Repeat(`true,`, len(list)-1)+`true]`)
	}), map[string]any{"batch": 2, "keyed": true, "write": map[string]any{"path": "/"}, "results": "body", "result": map[string]any{"ok": "item"}})
	out, err := New().Upsert(t.Context(), a, mentions(5))
	if err != nil || kinds(out)["created"] != 2 || kinds(out)["rate limited"] != 3 || calls != 2 {
		t.Errorf("%v %v after %d calls", kinds(out), err, calls)
	}
	calls = 1
	if _, err := New().Upsert(t.Context(), a, mentions(5)); !fault.Is(err, fault.RateLimited) {
		t.Errorf("the first call fails: %v", err)
	}
}

// TestUnclearAnswers: what the answer does not say of a record is not known, whatever its status.
func TestUnclearAnswers(t *testing.T) {
	keyed := map[string]any{"key": "item.id", "ok": "item.success"}
	for body, want := range map[string]string{
		`{"results":[{"id":"forum:0","success":true}]}`:                    "1 results for 2 records",
		`{"results":[{"success":true},{"success":true},{"success":true}]}`: "3 results for 2 records",
		`{"results":[]}`: "0 results",
		`{"results":7}`:  "has no results",
		`{"result":[]}`:  "has no results",
		`{"results":[{"id":"forum:0","success":true}`: "no JSON",
	} {
		a := account(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }), batchSettings())
		if out, err := New().Upsert(t.Context(), a, mentions(2)); !fault.Is(err, fault.Ambiguous) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v %v; want …%s…", body, out, err, want)
		}
	}
	for body, want := range map[string]string{
		`{"results":[{"id":"forum:1","success":true}]}`:                                             "map[ambiguous:1 created:1]",
		`{"results":{"forum:1":{"success":false},"forum:0":{"success":true}}}`:                      "map[created:1 invalid:1]",
		`{"results":[{"id":"forum:1","success":false},{"id":"forum:0","success":true},{"id":"x"}]}`: "map[created:1 invalid:1]",
	} {
		a := account(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }), with(batchSettings(), "result", keyed))
		if out, err := New().Upsert(t.Context(), a, mentions(2)); err != nil || fmt.Sprint(kinds(out)) != want {
			t.Errorf("%s: %v %v; want %s", body, kinds(out), err, want)
		}
	}
}

// TestRequests looks at what goes over the wire.
func TestRequests(t *testing.T) {
	type seen struct {
		method, path, body string
		header             http.Header
	}
	var mu sync.Mutex
	var last seen
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		last = seen{r.Method, r.URL.RequestURI(), string(body), r.Header}
		mu.Unlock()
		_, _ = io.WriteString(w, `{}`)
	})
	record := crm.Record{Object: "note", KeyField: "ref", Key: "rapport:mention:x:1", Fields: map[string]any{"b": "ü\x00<", "a": 1, "t": now, "n": nil, "z": time.Time{}},
		Links: []crm.Link{{Object: "person", ID: "9", Label: "about"}}}
	send := func(settings map[string]any, r crm.Record) seen {
		t.Helper()
		out, err := New().Upsert(t.Context(), account(t, h, settings), []crm.Record{r})
		if err != nil || out[0].Err != nil {
			t.Fatalf("%v %v", err, out)
		}
		return last
	}
	for name, c := range map[string]struct {
		settings map[string]any
		body     string
	}{
		"array":  {map[string]any{}, `[{"a":1,"b":"ü<","n":null,"ref":"rapport:mention:x:1","t":"2026-11-21T12:00:00Z","z":null}]`},
		"single": {map[string]any{"mode": "single"}, `{"a":1,"b":"ü<","n":null,"ref":"rapport:mention:x:1","t":"2026-11-21T12:00:00Z","z":null}`},
		"ndjson": {map[string]any{"mode": "ndjson", "write": map[string]any{"path": "/", "body": `[{"index": object}, record.fields.a]`}}, "{\"index\":\"note\"}\n1\n"},
		"wrapped": {map[string]any{"write": map[string]any{"path": "/", "body": `{"account": account, "items": map(records, {{"k": .key, "to": .links[0].id}})}`}},
			`{"account":"house","items":[{"k":"rapport:mention:x:1","to":"9"}]}`},
		"rows": {map[string]any{"write": map[string]any{"path": "/", "body": `record`}},
			`{"key":"rapport:mention:x:1","object":"note","key_field":"ref","fields":{"a":1,"b":"ü\u003c","n":null,"ref":"rapport:mention:x:1","t":"2026-11-21T12:00:00Z","z":null},"links":[{"object":"person","id":"9","label":"about"}]}`},
	} {
		settings := map[string]any{"keyed": true, "write": map[string]any{"path": "/"}}
		for k, v := range c.settings {
			settings[k] = v
		}
		if got := send(settings, record); got.body != c.body {
			t.Errorf("%s: sent\n%s\nwant\n%s", name, got.body, c.body)
		}
	}
	got := send(map[string]any{"keyed": true, "headers": map[string]any{"X-Api-Key": `secret("token")`, "X-Absent": `""`}, "write": map[string]any{"method": "put", "path": "/{object}/{record.fields.b}?k={record.key}"}},
		crm.Record{Object: "a b/c", Key: "x&y=z/ü", Fields: map[string]any{"b": "../../etc"}})
	if got.method != "PUT" || got.path != "/a%20b%2Fc/..%2F..%2Fetc?k=x%26y%3Dz%2F%C3%BC" || got.header.Get("X-Api-Key") != "canary-token-1" || got.header.Values("X-Absent") != nil {
		t.Errorf("%+v", got)
	}
	idempotent := map[string]any{"mode": "single", "idempotency": true, "standard": true, "write": map[string]any{"path": "/"}}
	one := send(idempotent, record)
	two := send(idempotent, record)
	record.Fields["a"] = 2
	three := send(idempotent, record)
	if k := one.header.Get("Idempotency-Key"); k == "" || k != two.header.Get("Idempotency-Key") || k == three.header.Get("Idempotency-Key") {
		t.Errorf("Idempotency-Key %q, %q, changed %q", k, two.header.Get("Idempotency-Key"), three.header.Get("Idempotency-Key"))
	}
	if err := webhook.VerifyStandard([]string{"whsec_Y2FuYXJ5LXNlY3JldA=="}, webhook.Request{Header: three.header, Body: []byte(three.body), At: now}, 0); err != nil {
		t.Error(err)
	}
}

// TestNothingLeavesTheOrigin: no content can turn a path into another host.
func TestNothingLeavesTheOrigin(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a foreign host was called") }))
	t.Cleanup(foreign.Close)
	host := strings.TrimPrefix(foreign.URL, "http:")
	a := account(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }),
		map[string]any{"keyed": true, "write": map[string]any{"path": "/{object}{record.key}"}})
	for _, name := range []string{host, "/" + host, foreign.URL, "\\" + host, "@" + host} {
		_, _ = New().Upsert(t.Context(), a, []crm.Record{{Object: name, Key: name, Fields: map[string]any{"x": 1}}})
	}
	if errs := Check(map[string]any{"keyed": true, "write": map[string]any{"path": host + "/x"}}); len(errs) == 0 {
		t.Error("a path to another host passed")
	}
}

func TestBadRecordsStayAlone(t *testing.T) {
	c := twin.New(twin.Options{})
	k, a := New(), account(t, c, batchSettings())
	records := mentions(4)
	records[1].Fields["Field00"] = math.NaN()
	records[3].Fields["ExternalId"] = "forum:0"
	out, err := k.Upsert(t.Context(), a, records)
	if err != nil || kinds(out)["created"] != 2 || kinds(out)["invalid"] != 2 || c.Total() != 2 {
		t.Errorf("%v %v", out, err)
	}
	settings := batchSettings()
	delete(settings, "find")
	settings["mode"], settings["idempotency"] = "single", true
	records = mentions(1)
	records[0].Attempted = true
	if out, err = k.Upsert(t.Context(), account(t, twin.New(twin.Options{}), with(settings, "write", map[string]any{"path": "/batch", "body": "[record.fields]"})), records); err != nil || out[0].State != crm.Created {
		t.Errorf("idempotent and single: %+v %v", out, err)
	}
}

func TestSessions(t *testing.T) {
	c := twin.NewRPC(twin.RPCOptions{User: "canary-user", Password: "canary-password", Uses: 3})
	k, a := New(), account(t, c, rpcSettings())
	write := func(n int) error {
		out, err := k.Upsert(t.Context(), a, []crm.Record{{Object: "party", KeyField: "code", Key: fmt.Sprint("k", n), Fields: map[string]any{"text": "x"}}})
		if err == nil {
			err = out[0].Err
		}
		return err
	}
	for n := range 10 {
		if err := write(n); err != nil {
			t.Fatal(err)
		}
	}
	if c.Logins() != 4 || c.Total() != 10 {
		t.Errorf("%d log-ins, %d records", c.Logins(), c.Total())
	}
	c.EndSessions()
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			if err := write(100 + n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c.Logins() != 5 {
		t.Errorf("three at once logged in %d times", c.Logins()-4)
	}
	a.Secrets["password"] = a.Secrets["token"]
	k = New()
	if err := write(200); !fault.Is(err, fault.Unauthorized) || !strings.Contains(err.Error(), "wrong user or password") {
		t.Errorf("wrong password: %v", err)
	}
	delete(a.Secrets, "password")
	if err := write(201); !fault.Is(err, fault.Unauthorized) || !strings.Contains(err.Error(), `secret "password" of account house is not set`) {
		t.Errorf("no password: %v", err)
	}
}

// TestRenewedOnce: an endpoint that takes no session is not asked for ever.
func TestRenewedOnce(t *testing.T) {
	logins, writes := 0, 0
	a := account(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			logins++
			_, _ = fmt.Fprintf(w, `{"token":"t%d"}`, logins)
			return
		}
		writes++
		_, _ = io.WriteString(w, `{"fault":"session expired, canary-password"}`)
	}), map[string]any{"keyed": true, "auth": "session", "ok": "body.fault == nil", "error": "body.fault", "expired": `(body.fault ?? "") contains "expired"`,
		"write": map[string]any{"path": "/write"}, "login": map[string]any{"path": "/login", "session": "body.token"}})
	_, err := New().Upsert(t.Context(), a, mentions(1))
	if !fault.Is(err, fault.Unauthorized) || logins != 2 || writes != 2 || strings.Contains(err.Error(), "canary-password") {
		t.Errorf("%v after %d log-ins and %d writes", err, logins, writes)
	}
}

func TestCancelledWhileAnotherLogsIn(t *testing.T) {
	gate, in := make(chan struct{}), make(chan struct{})
	a := account(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			close(in)
			<-gate
		}
		_, _ = io.WriteString(w, `{"token":"t"}`)
	}), map[string]any{"keyed": true, "auth": "session", "write": map[string]any{"path": "/write"}, "login": map[string]any{"path": "/login", "session": "body.token"}})
	k, done := New(), make(chan error)
	go func() {
		_, err := k.Upsert(context.Background(), a, mentions(1))
		done <- err
	}()
	<-in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Upsert(ctx, a, mentions(1)); err == nil {
		t.Error("a cancelled call succeeded")
	}
	close(gate)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestForbiddenAddress(t *testing.T) {
	a := account(t, http.NotFoundHandler(), batchSettings())
	a.HTTP = nil
	if _, err := New().Upsert(t.Context(), a, mentions(2)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no record is to blame for an address: %v (%v)", err, fault.Of(err))
	}
}

func TestNotConfigured(t *testing.T) {
	k, a := New(), account(t, http.NotFoundHandler(), batchSettings())
	if _, err := k.Read(t.Context(), a, "mention", []string{"x"}, nil); !fault.Is(err, fault.Invalid) || k.Readable(a) {
		t.Errorf("%v", err)
	}
	if err := k.Erase(t.Context(), a, crm.Subject{Records: mentions(1)}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	if o, err := k.Describe(t.Context(), a, "mention"); err != nil || o.Name != "mention" || !o.Creatable {
		t.Errorf("%+v %v", o, err)
	}
	if !k.Readable(account(t, http.NotFoundHandler(), keyedSettings())) {
		t.Error("read is configured")
	}
}

func TestObjects(t *testing.T) {
	var paths []string
	settings := map[string]any{"keyed": true, "write": map[string]any{"path": "/notes"}, "objects": map[string]any{"person": map[string]any{"write": map[string]any{"path": "/people"}}}}
	a := account(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths = append(paths, r.URL.Path) }), settings)
	k := New()
	for _, object := range []string{"person", "note"} {
		if _, err := k.Upsert(t.Context(), a, []crm.Record{{Object: object, Key: "k"}}); err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(paths) != "[/people /notes]" {
		t.Error(paths)
	}
	if list, err := k.Objects(t.Context(), a); err != nil || len(list) != 1 || list[0].Name != "person" {
		t.Errorf("%v %v", list, err)
	}
}

func TestCheck(t *testing.T) {
	base := func(pairs ...any) map[string]any {
		m := batchSettings()
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	for want, settings := range map[string]map[string]any{
		`write: is missing`:                                         base("write", nil),
		`find: is missing: a call whose answer is lost`:             base("find", nil),
		`wirte: there is no such setting; did you mean "write"?`:    base("wirte", nil),
		`write.pth: there is no such setting; did you mean "path"?`: base("write", map[string]any{"pth": "/"}),
		`write.path: must begin with one /`:                         base("write", map[string]any{"path": "https://elsewhere.example/"}),
		`write.path: { without }`:                                   base("write", map[string]any{"path": "/{id"}),
		`write.path: 1:1: unknown name recrod`:                      base("write", map[string]any{"path": "/{recrod.id}"}),
		`write.method: "FETCH" is none of`:                          base("write", map[string]any{"path": "/", "method": "fetch"}),
		`write.body: 1:1: unknown name secret`:                      base("write", map[string]any{"path": "/", "body": `secret("token")`}),
		`write.body: 1:8: type sink.row has no field feilds`:        base("write", map[string]any{"path": "/", "body": `record.feilds`}),
		`results: 1:1: unknown name bdy; did you mean "body"?`:      base("results", "bdy.results"),
		`result.sucess: there is no such setting`:                   base("result", map[string]any{"sucess": "item.ok"}),
		`result: must map names to expressions`:                     base("result", "item.id"),
		`find.ids: is missing`:                                      base("find", map[string]any{"path": "/find"}),
		`read.rows: is missing`:                                     base("read", map[string]any{"path": "/read"}),
		`login.session: is missing`:                                 base("login", map[string]any{"path": "/login"}),
		`headers.X-Key: 1:1: unknown name secrets`:                  base("headers", map[string]any{"X-Key": `secrets("a")`}),
		`mode: "wrapped" is none of`:                                base("mode", "wrapped"),
		`batch: must be a whole number`:                             base("batch", "many"),
		`keyed: must be true or false`:                              base("keyed", "yes"),
		`fields[0]: has no name`:                                    base("fields", []any{map[string]any{"label": "x"}}),
		`objects.person: write.path: must begin`:                    base("objects", map[string]any{"person": map[string]any{"write": map[string]any{"path": "x"}}}),
	} {
		if errs := Check(settings); len(errs) == 0 || !strings.Contains(fmt.Sprint(errs), want) {
			t.Errorf("%v; want …%s…", errs, want)
		}
	}
	a := account(t, http.NotFoundHandler(), batchSettings())
	a.Settings = base("write", nil)
	if _, err := New().Upsert(t.Context(), a, mentions(1)); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("records are not to blame for settings: %v (%v)", err, fault.Of(err))
	}
}

func TestEncode(t *testing.T) {
	for _, v := range []any{nil, true, 0, -7, 1.5, 1e-9, 1e20, 123456789.25, "", "a\"b\\c\n\x01\x7f", "ü😀", "half \xf0\x9f", "<&>", []any{}, []string{"a", "b"}, int64(9), now,
		map[string]any{"b": map[string]any{"y": 1, "x": []any{1, "z"}}, "a": nil, "c": map[string]any{"b": 1, "a": 2}, "": false}} {
		got, err := encode(v)
		if err != nil {
			t.Error(err)
		}
		want, _ := json.Marshal(v)
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if _, err := encode([]any{math.NaN()}); err == nil {
		t.Error("NaN was written")
	}
}

// FuzzAnswer answers a write with anything: no panic, outcomes of the right number, and no success that was not told.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"results":[{"key":"k","id":"1","success":true}]}`)
	f.Add(200, `{"results":{"k":null}}`)
	f.Add(429, `[[]]`)
	k := New()
	settings := keyedSettings()
	p, errs := compile(settings, "mention")
	if len(errs) > 0 {
		f.Fatal(errs)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		a := crm.Account{Name: "house", Origin: "http://crm.example", Settings: settings, HTTP: &http.Client{Transport: fixed{status, body}}, Secrets: nil}
		c := &calling{sink: k, plan: p, account: a, object: "mention"}
		out := make([]crm.Outcome, 1)
		rows := p.rows([]crm.Record{{Object: "mention", Key: "k", Fields: map[string]any{"Text": "x"}}}, out)
		resp, err := a.Do(t.Context(), restRequest())
		if err != nil {
			t.Fatal(err)
		}
		ans, err := c.judge(p.write, resp)
		if err == nil {
			err = c.outcomes(p.write, ans, rows, out)
		}
		if err == nil && out[0].Err == nil {
			v, bad := expression.Decode([]byte(body))
			if bad != nil || !strings.Contains(fmt.Sprint(v), "success") {
				t.Fatalf("status %d with %q is taken for success: %+v", status, body, out[0])
			}
		}
	})
}

// BenchmarkEncode is the cost of a body of 100 records of 15 fields.
func BenchmarkEncode(b *testing.B) {
	p, errs := compile(batchSettings(), "mention")
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	c := &calling{plan: p, object: "mention"}
	records := mentions(100)
	b.ReportAllocs()
	for b.Loop() {
		rows := p.rows(records, make([]crm.Outcome, len(records)))
		if _, _, err := c.body(p.write, request{Records: rows, Record: rows[0]}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/record")
}

// BenchmarkUpsert is one call of 100 records over a real socket.
func BenchmarkUpsert(b *testing.B) {
	k := New()
	a := account(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, hundred)
	}), batchSettings())
	records := mentions(100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Upsert(b.Context(), a, records); err != nil {
			b.Fatal(err)
		}
	}
}
