package hook

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/network"
	nethook "rapport/shared/network/hook"
	"rapport/shared/webhook"
)

// receiver takes what verifies, after it was down for some calls.
type receiver struct {
	hook network.Hook
	now  time.Time
	down int

	mu    sync.Mutex
	calls int
	seen  map[string]int
	k     *nethook.Hook
}

// ServeHTTP answers one call.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls++; r.calls <= r.down {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	_, err := r.k.Verify(req.Context(), r.hook, webhook.Request{Method: req.Method, Header: req.Header, Body: body, At: r.now})
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	events, err := r.k.Parse(network.Raw{Settings: r.hook.Settings, Body: body, At: r.now})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, e := range events {
		r.seen[e.Mention.ID]++
	}
}

func world(t *testing.T, o Options) (*Tool, *receiver) {
	t.Helper()
	h := network.Hook{Name: "monitor", Kind: nethook.Name, Secrets: map[string]flow.Secret{"secret": flow.NewSecret("agreed-secret")},
		Settings: map[string]any{"scheme": "timestamp.body", "header": "X-Signature", "timestamp_header": "X-Time", "fields": map[string]any{"id": "item.id", "text": "item.text"}}}
	r := &receiver{hook: h, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), seen: map[string]int{}, k: nethook.New()}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	o.Target, o.Hook, o.HTTP, o.Now = server.URL+"/hooks/monitor", h, server.Client(), func() time.Time { return r.now }
	return New(o), r
}

func TestRepeatsUntilTaken(t *testing.T) {
	tool, r := world(t, Options{Twice: 0.5, Seed: 1})
	r.down = 7
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		if err := tool.Add(map[string]any{"id": id, "text": "hello " + id}); err != nil {
			t.Fatal(err)
		}
	}
	var report Report
	for range 20 {
		var err error
		if report, err = tool.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if report.Open == 0 {
			break
		}
	}
	if report.Taken != 5 || report.Refused != 7 || report.GivenUp != 0 || report.Open != 0 || report.Again == 0 || len(r.seen) != 5 {
		t.Errorf("%+v %v", report, r.seen)
	}
}

func TestGivesUp(t *testing.T) {
	tool, r := world(t, Options{Tries: 2})
	r.hook.Secrets = map[string]flow.Secret{"secret": flow.NewSecret("another-secret")}
	if err := tool.Add([]byte(`{"id":1}`)); err != nil {
		t.Fatal(err)
	}
	_, _ = tool.Send(t.Context())
	report, err := tool.Send(t.Context())
	if err != nil || report.GivenUp != 1 || report.Open != 0 || len(r.seen) != 0 || report.Last[:3] != "401" {
		t.Errorf("%+v %v", report, err)
	}
}

func TestCancelledKeepsAll(t *testing.T) {
	tool, _ := world(t, Options{})
	_ = tool.Add([]byte(`{"id":1}`))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report, err := tool.Send(ctx); err == nil || report.Open != 1 {
		t.Errorf("%+v %v", report, err)
	}
}
