package x_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/networktest"
	"rapport/shared/network/x"
	twin "rapport/shared/twin/x"
	"rapport/shared/webhook"
)

// clock of all tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// What events are signed with: the secret and the values of a test vector.
const (
	consumer  = "x-consumer-secret-test"
	event     = `{"data":{"event_uuid":"1","filter":{"user_id":"42"},"event_type":"post.mention.create","tag":"mentions","payload":{"id":"1001","text":"Danke, tolle Mühle!","author_id":"7"}}}`
	signature = "sha256=BsTWSP0F+jZTYpnkTIHx8M6llLLhoBEdCKtGGarf984="
	challenge = "9b4507b3-9040-4669-9ca3-6b94edb50553"
	answer    = `{"response_token":"sha256=7bkVRZZNqkRODUj+9D32TBUKvobwGCLClKHJI3HG4Ns="}`
)

// free lets every paid call pass.
func free(context.Context, map[string]int) (func(map[string]int), error) {
	return func(map[string]int) {}, nil
}

func secrets() map[string]flow.Secret {
	return map[string]flow.Secret{"token": flow.NewSecret("twin-token"), "bearer": flow.NewSecret("twin-bearer")}
}

func crc(token string) webhook.Request {
	return webhook.Request{Method: http.MethodGet, Query: url.Values{"crc_token": {token}}}
}

// suite tests the connector against a twin; text is what strangers say, %d is counted up.
func suite(o twin.Options, text string, streams ...string) networktest.Suite {
	o.Now, o.Page = now, 3
	hook := network.Hook{Name: "h", Kind: x.Name, Secrets: map[string]flow.Secret{"secret": flow.NewSecret(consumer)}}
	return networktest.Suite{
		New: func() network.Network { return x.New() },
		Hook: &networktest.Hook{
			Hook: hook, Signature: "X-Twitter-Webhooks-Signature", Body: []byte(event),
			Sign: func(h network.Hook, body []byte, at time.Time) webhook.Request {
				header, _ := x.New().Sign(h, "", body, at) // it never fails
				return webhook.Request{Method: http.MethodPost, Header: header, Body: body}
			},
			Handshakes: []networktest.Handshake{
				{Name: "challenge", Request: crc(challenge), Body: answer},
				{Name: "no token", Request: crc(""), Forged: true},
				{Name: "a body to be signed", Request: crc(event), Forged: true},
				{Name: "another method", Request: webhook.Request{Method: http.MethodPut, Body: []byte(event)}, Forged: true},
			},
		},
		Events:  "../../../events/x",
		Garbage: [][]byte{[]byte(`{}`), []byte(`{"data":"text"}`), []byte(`{"data":{}}`), []byte(`{"data":[{}]}`), []byte(`{"data":{"event_type":"post.create"}}`), []byte(`{"data":{"event_type":"dm.received","payload":[]}}`)},
		Vendor:  func(networktest.Reporter, string) networktest.Vendor { return vendor(twin.New(o), text, streams) },
		Skip: map[string]string{
			"old":                 "X signs no time; events that come again are known by their ids",
			"reply window closed": "posts have no answer window",
		},
	}
}

func vendor(s *twin.Server, text string, streams []string) networktest.Vendor {
	n := 0
	id := func(native string) string { return flow.MentionID(x.Name, native) }
	ask := func(text, reply string) (flow.Reply, string) {
		n++
		native := s.Post(twin.Post{By: "guest", Text: fmt.Sprintf(text+" %d", n)})
		return flow.Reply{Mention: id(native), Text: reply, Author: flow.Author{ID: id(s.AddUser(twin.User{Handle: "guest"}))}}, native
	}
	return networktest.Vendor{
		Handler: s, Page: 3,
		Account: network.Account{Name: "x", Kind: x.Name, ID: s.Brand(), Settings: map[string]any{"streams": streams}, Secrets: secrets(), Pay: free},
		Say: func(many int) (ids []string) {
			for range many {
				n++
				ids = append(ids, id(s.Post(twin.Post{By: "guest", Text: fmt.Sprintf(text, n)})))
			}
			return ids
		},
		Own: func() string {
			n++
			return id(s.Post(twin.Post{Text: fmt.Sprintf("We open at nine, #mill and all: %d", n)}))
		},
		Remove: func(id string) { s.Delete(flow.Native(id)) },
		Change: func(id, text string) { s.Edit(flow.Native(id), text) },
		Posts: func() (out []string) {
			for _, p := range s.Posted() {
				out = append(out, p.Text)
			}
			return out
		},
		Answer: func() flow.Reply {
			r, _ := ask("@nordlicht when do you open?", "At nine. See https://nordlicht.example/hours <here> & now")
			return r
		},
		Gone: func() flow.Reply {
			r, native := ask("@nordlicht when do you open?", "At nine.")
			s.Delete(native)
			return r
		},
		Long:   func() flow.Reply { r, _ := ask("@nordlicht when do you open?", strings.Repeat("磨", 141)); return r },
		Barred: func() flow.Reply { r, _ := ask("when does nordlicht open?", "At nine."); return r },
	}
}

func TestX(t *testing.T) {
	networktest.Run(t, suite(twin.Options{}, "@nordlicht the mill number %d is great", "mentions", "own"))
}

func TestSearch(t *testing.T) {
	networktest.Run(t, suite(twin.Options{}, "the mill number %d", "search:mill"))
}

func FuzzParse(f *testing.F) {
	networktest.Fuzz(f, suite(twin.Options{}, "%d", "mentions"))
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(event), signature, challenge)
	f.Add([]byte(`{"data":[]}`), "sha256=", "x")
	h := network.Hook{Secrets: map[string]flow.Secret{"secret": flow.NewSecret(consumer)}}
	f.Fuzz(func(t *testing.T, body []byte, given, token string) {
		header := http.Header{"X-Twitter-Webhooks-Signature": {given}}
		a, err := x.New().Verify(t.Context(), h, webhook.Request{Method: http.MethodPost, Header: header, Body: body})
		if err == nil && !(string(body) == event && given == signature) {
			t.Fatalf("%q passes with %q", body, given)
		}
		if err != nil && (!fault.Is(err, fault.Forged) || a.Keep) {
			t.Fatal(err)
		}
		// What a challenge signs must be no body that Parse takes.
		if _, err := x.New().Verify(t.Context(), h, crc(token)); err == nil {
			if events, err := x.New().Parse(network.Raw{Body: []byte(token), At: noon}); err == nil {
				t.Fatalf("%q is signed on demand, and is a body of %d events", token, len(events))
			}
		}
	})
}

// TestVectors: the signature is standard base64 over the raw bytes, with the consumer secret.
func TestVectors(t *testing.T) {
	h := network.Hook{Secrets: map[string]flow.Secret{"secret": flow.NewSecret(consumer)}}
	a, err := x.New().Verify(t.Context(), h, webhook.Request{Method: http.MethodPost, Header: http.Header{"X-Twitter-Webhooks-Signature": {signature}}, Body: []byte(event)})
	if err != nil || !a.Keep {
		t.Errorf("%+v %v", a, err)
	}
	if a, err = x.New().Verify(t.Context(), h, crc(challenge)); err != nil || string(a.Body) != answer || a.Type != "application/json" || a.Keep {
		t.Errorf("%s %v", a.Body, err)
	}
}

// account gives a twin without sockets and an account on it.
func account(t *testing.T, o twin.Options, streams ...string) (*twin.Server, network.Account) {
	t.Helper()
	if o.Now == nil {
		o.Now = now
	}
	s := twin.New(o)
	a := vendor(s, "%d", streams).Account
	a.Origin, a.HTTP, a.Now = "https://x.twin.example", &http.Client{Transport: s}, noon
	return s, a
}

// walk polls to the end of one walk.
func walk(t *testing.T, a network.Account, cursor string) ([]flow.Event, string) {
	t.Helper()
	var events []flow.Event
	for range 100 {
		page, err := x.New().Poll(t.Context(), a, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bodies {
			events = append(events, parse(t, network.Raw{Settings: a.Settings, Account: a.ID, Stream: b.Stream, Body: b.Data, At: a.Now})...)
		}
		if cursor = page.Cursor; !page.More {
			return events, cursor
		}
	}
	t.Fatal("the walk does not end")
	return nil, ""
}

func parse(t *testing.T, raw network.Raw) []flow.Event {
	t.Helper()
	events, err := x.New().Parse(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw.Body)
	}
	return events
}

// TestRules: who said something on X is matched with a customer only by what they told us or show in public.
func TestRules(t *testing.T) {
	if r := x.New().Info().Rules; r.MayMatch != "told" || r.OnDelete != "blank" || r.DeleteBy > 24*time.Hour {
		t.Errorf("%+v", r)
	}
}
