package sink

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func call(t *testing.T, h http.Handler, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(data)), resp.Header
}

// TestBatch holds the endpoint to the contract that independent measurements use.
func TestBatch(t *testing.T) {
	c := New(Options{})
	post := func(path, body string) string {
		status, said, _ := call(t, c, "POST", path, body)
		return fmt.Sprint(status, " ", said)
	}
	for _, x := range []struct{ path, body, want string }{
		{"/batch", `[{"ExternalId":"a:1","Text":"x"},{"Text":"y"},{"ExternalId":"a:2","Stars":"many"}]`,
			`200 {"results":[{"id":"a:1","key":"a:1","success":true},{"id":"","success":false,"error":"REQUIRED_FIELD_MISSING","field":"ExternalId"},{"id":"a:2","key":"a:2","success":false,"error":"NUMBER_EXPECTED","field":"Stars"}]}`},
		{"/find", `["a:1","a:2"]`, `200 ["a:1"]`},
		{"/batch", `[{"ExternalId":"a:1"}]`, `200 {"results":[{"id":"a:1#1","key":"a:1","success":true}]}`},
		{"/batch", `[` + strings.Repeat(`{},`, 100) + `{}]`, `400 {"error":"EXCEEDED_MAX_SIZE","field":""}`},
		{"/find", `[` + strings.Repeat(`"x",`, 200) + `"x"]`, `400 {"error":"EXCEEDED_MAX_SIZE","field":""}`},
		{"/batch", `{`, `400 {"error":"JSON_PARSER_ERROR","field":""}`},
		{"/other", `[]`, `404 {"error":"NOT_FOUND","field":""}`},
	} {
		if got := post(x.path, x.body); got != x.want {
			t.Errorf("%s %.60s\n%s, want\n%s", x.path, x.body, got, x.want)
		}
	}
	if c.Total() != 2 || c.Doubles() != 1 || c.Count("a:1") != 2 {
		t.Errorf("%d records, %d doubles", c.Total(), c.Doubles())
	}
}

func TestMoods(t *testing.T) {
	c := New(Options{Sleep: func(d time.Duration) {
		if d != time.Second {
			t.Errorf("slept %v", d)
		}
	}})
	c.SetMood(Mood{Latency: time.Second, Down: true})
	if status, _, _ := call(t, c, "POST", "/batch", `[]`); status != 503 {
		t.Error(status)
	}
	c.SetMood(Mood{Limited: 1})
	if status, _, h := call(t, c, "POST", "/batch", `[]`); status != 429 || h.Get("Retry-After") != "1" {
		t.Error(status, h)
	}
	c.SetMood(Mood{Cut: 1})
	if status, _, _ := call(t, c, "POST", "/batch", `[{"ExternalId":"k"}]`); status != 0 || c.Count("k") != 1 {
		t.Errorf("a cut answer: status %d, %d records", status, c.Count("k"))
	}
	c.SetMood(Mood{Locked: 1})
	if _, said, _ := call(t, c, "POST", "/batch", `[{"ExternalId":"l"}]`); !strings.Contains(said, "UNABLE_TO_LOCK_ROW") || c.Count("l") != 0 {
		t.Error(said)
	}
}

func TestRPCSessions(t *testing.T) {
	c := NewRPC(RPCOptions{User: "kim", Password: "p", Uses: 1})
	if status, _, _ := call(t, c, "POST", "/crm/", `{"method":"model.party.create","params":[[{}]]}`); status != 401 {
		t.Error(status)
	}
	if _, said, _ := call(t, c, "POST", "/crm/", `{"method":"common.db.login","params":["kim",{"password":"x"}]}`); !strings.Contains(said, "LoginException") {
		t.Error(said)
	}
	_, said, _ := call(t, c, "POST", "/crm/", `{"method":"common.db.login","params":["kim",{"password":"p"}]}`)
	var login struct{ Result []any }
	if err := json.Unmarshal([]byte(said), &login); err != nil || len(login.Result) != 2 {
		t.Fatal(said)
	}
	const header = "Session a2ltOjc6dG9rZW4tMDAwMQ==" // kim:7:token-0001
	status, said, _ := call(t, c, "POST", "/crm/", `{"id":1,"method":"model.party.create","params":[[{"code":"a"},{"stars":"many"}]]}`, "Authorization", header)
	if status != 200 || !strings.Contains(said, `"error":["UserError"`) || c.Total() != 0 {
		t.Errorf("all or nothing: %d %s", status, said)
	}
	if status, _, _ := call(t, c, "POST", "/crm/", `{"method":"model.party.create","params":[[{}]]}`, "Authorization", header); status != 401 {
		t.Errorf("a used-up session: %d", status)
	}
}
