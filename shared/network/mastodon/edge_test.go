package mastodon_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/mastodon"
	twin "rapport/shared/twin/mastodon"
)

// serve runs a handler on a socket and gives an account on it.
func serve(t *testing.T, f http.HandlerFunc) network.Account {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return network.Account{Name: "masto", ID: s.URL + "/users/nordlicht", Origin: s.URL, HTTP: s.Client(), Now: noon,
		Settings: map[string]any{"streams": []any{"notifications"}}, Secrets: map[string]flow.Secret{"token": flow.NewSecret("t")}}
}

// TestLinks: paging links are followed on the account's own origin only, whatever scheme a proxy lets the server believe in.
func TestLinks(t *testing.T) {
	for link, good := range map[string]bool{
		`<https://%/api/v1/notifications?min_id=5>; rel="prev"`:                                          true,
		`<http://%/x?max_id=4>; rel="next", <http://%/api/v1/notifications?limit=80&min_id=5>; rel=prev`: true,
		`</api/v1/notifications?min_id=5>; rel="prev"`:                                                   true,
		`<https://elsewhere.example/api/v1/notifications?min_id=5>; rel="prev"`:                          false,
		`<//elsewhere.example/x?min_id=5>; rel="prev"`:                                                   false,
		`<http://%//elsewhere.example/x?min_id=5>; rel="prev"`:                                           false,
		`<http://%/x>; rel="first"`:                                                                      false,
		``:                                                                                               false,
	} {
		var asked []string
		a := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.RequestURI)
			w.Header().Set("Link", strings.ReplaceAll(link, "%", r.Host))
			_, _ = w.Write([]byte(`[{"type":"follow"}]`))
		})
		page, err := mastodon.New().Poll(t.Context(), a, "")
		if !good {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v, want invalid", link, err)
			}
			continue
		}
		if err != nil || strings.Contains(page.Cursor, "http") {
			t.Errorf("%s: cursor %s, %v", link, page.Cursor, err)
			continue
		}
		if _, err = mastodon.New().Poll(t.Context(), a, page.Cursor); err != nil || !strings.Contains(asked[1], "min_id=5") {
			t.Errorf("%s: asked %v, %v", link, asked, err)
		}
	}
}

// TestCircle: a server that ignores min_id does not keep a walk going for ever.
func TestCircle(t *testing.T) {
	for stream, body := range map[string]string{"notifications": `[{"type":"follow"}]`, "search:mill": `{"statuses":[{"id":"9"},{"id":"8"}]}`} {
		a := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `</api/v1/notifications?min_id=5>; rel="prev", </api/v1/notifications?max_id=5>; rel="next"`)
			_, _ = w.Write([]byte(body))
		})
		a.Settings["streams"] = stream
		for _, history := range []bool{false, true} {
			a.History = history
			cursor := ""
			for calls := 0; ; calls++ {
				page, err := mastodon.New().Poll(t.Context(), a, cursor)
				if err != nil {
					t.Fatal(err)
				}
				if cursor = page.Cursor; !page.More {
					break
				}
				if calls > 5 {
					t.Fatalf("%s: the walk does not end", stream)
				}
			}
		}
	}
}

// TestNothingThere: a server that answers 404 to everything has lost its API, not its statuses.
func TestNothingThere(t *testing.T) {
	a := serve(t, http.NotFound)
	known := []flow.Mention{{ID: "mastodon:https://x.example/1", Extra: map[string]any{"local_id": "1"}}}
	if _, gone, err := mastodon.New().Check(t.Context(), a, known); err == nil || len(gone) > 0 {
		t.Errorf("gone %v, error %v", gone, err)
	}
	if bodies, gone, err := mastodon.New().Check(t.Context(), a, []flow.Mention{{ID: "mastodon:x"}}); err != nil || len(gone)+len(bodies) > 0 {
		t.Errorf("a mention without local id is judged: %v %v %v", bodies, gone, err)
	}
}

// TestToldTwice: one status that is mention and new post of a followed account is one event.
func TestToldTwice(t *testing.T) {
	s, a := account(twin.Options{}, "notifications")
	_, cursor, _ := walk(t, a, "")
	id := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht hello"})
	s.Notify("status", "guest@far.example", id)
	if events, _, _ := walk(t, a, cursor); len(events) != 1 {
		t.Errorf("%d events", len(events))
	}
}

// TestSameWords: an answer of ours with the same text further down the thread is another answer.
func TestSameWords(t *testing.T) {
	s, a := account(twin.Options{})
	first := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht when do you open?"})
	second := s.Post(twin.Post{By: "cook@far.example", Text: "@nordlicht and on Sunday?", ReplyTo: first})
	s.Post(twin.Post{Text: "@cook@far.example At nine.", ReplyTo: second})
	s.Post(twin.Post{By: "cook@far.example", Text: "At nine.", ReplyTo: first})
	reply := flow.Reply{Mention: flow.MentionID("mastodon", s.URI(first)), Text: "At nine."}
	if posted, err := mastodon.New().FindReply(t.Context(), a, reply); !fault.Is(err, fault.NotFound) {
		t.Errorf("found %+v, %v", posted, err)
	}
}

// TestStretch: a range brings what was created in it, from all streams.
func TestStretch(t *testing.T) {
	s, a := account(twin.Options{Page: 2}, "tag:mill", "own", "search:mill")
	var want []string
	for day := 9; day >= 0; day-- {
		id := s.Post(twin.Post{By: "guest@far.example", Text: "my #mill", At: noon.AddDate(0, 0, -day)})
		if day >= 3 && day <= 5 {
			want = append(want, flow.MentionID("mastodon", s.URI(id)))
		}
	}
	from, to := noon.AddDate(0, 0, -5), noon.AddDate(0, 0, -2)
	seen, calls, cursor := map[string]int{}, 0, ""
	a.OnCall = func(string, int) { calls++ }
	for {
		page, err := mastodon.New().Range(t.Context(), a, from, to, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bodies {
			events, err := mastodon.New().Parse(network.Raw{Stream: b.Stream, Body: b.Data})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				seen[e.Mention.ID]++
			}
		}
		if cursor = page.Cursor; !page.More {
			break
		}
	}
	for _, id := range want {
		if seen[id] != 2 { // by tag and by search
			t.Errorf("%s came %d times", id, seen[id])
		}
	}
	if len(seen) != len(want) || calls > 12 {
		t.Errorf("%d mentions in %d calls, want %d", len(seen), calls, len(want))
	}
	if mentions, _, exact, err := mastodon.New().Estimate(t.Context(), a, from, to); err != nil || exact || mentions < 1 || mentions > 60 {
		t.Errorf("estimate %d, exact %v, %v", mentions, exact, err)
	}
}

// TestLateLimit: where a server tells both, Retry-After counts.
func TestLateLimit(t *testing.T) {
	a := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Reset", noon.Add(90*time.Second).Format(time.RFC3339Nano))
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if _, err := mastodon.New().Poll(t.Context(), a, ""); fault.After(err) != 7*time.Second {
		t.Errorf("Retry-After goes before the reset: to wait %v", fault.After(err))
	}
}

// TestBadCursor: a cursor of something else is refused, not taken for the beginning.
func TestBadCursor(t *testing.T) {
	_, a := account(twin.Options{}, "notifications")
	if _, err := mastodon.New().Poll(t.Context(), a, "12345x"); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	if _, err := mastodon.New().Range(t.Context(), a, noon, noon, "x"); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}
