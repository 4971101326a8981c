package meta_test

import (
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/meta"
	"rapport/shared/network/networktest"
	twin "rapport/shared/twin/meta"
	"rapport/shared/webhook"
)

// clock of all tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

const (
	samples = "../../../events/meta"
	page    = "1101"
	insta   = "17841400000000001"
)

func hook() network.Hook {
	return network.Hook{Name: "meta", Kind: meta.Name, Secrets: map[string]flow.Secret{"secret": flow.NewSecret("meta-app-secret-test"), "verify": flow.NewSecret("vt-test")}}
}

// call is what Meta sends.
func call(h network.Hook, body []byte, at time.Time) webhook.Request {
	header, _ := meta.New().Sign(h, "", body, at) // it never fails
	header.Set("Content-Type", "application/json")
	return webhook.Request{Method: http.MethodPost, URL: "https://hooks.nordlicht.example/hooks/meta", Path: "/hooks/meta", Header: header, Body: body, At: at}
}

func shake(query url.Values) webhook.Request {
	return webhook.Request{Method: http.MethodGet, Query: query, At: noon}
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(samples + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// account of one platform on a twin.
func account(platform string) network.Account {
	a := network.Account{Name: "meta", Kind: meta.Name, ID: page, Now: noon, Settings: map[string]any{"platform": platform, "app_mode": "live", "business": "5001"},
		Secrets: map[string]flow.Secret{"token": flow.NewSecret("twin-page-token"), "app_id": flow.NewSecret("7001"), "app_secret": flow.NewSecret("twin-app-secret")}}
	if platform == twin.Instagram {
		a.ID, a.Settings["page"] = insta, page
	}
	return a
}

// suite tests one kind of answers on one platform.
func suite(t testing.TB, platform string, private bool) networktest.Suite {
	s := networktest.Suite{
		New:    func() network.Network { return meta.New() },
		Events: samples,
		Hook: &networktest.Hook{
			Hook: hook(), Sign: call, Signature: "X-Hub-Signature-256", Body: sample(t, "feed.json"),
			Handshakes: []networktest.Handshake{
				{Name: "subscribe", Request: shake(url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"1158201444"}, "hub.verify_token": {"vt-test"}}), Body: "1158201444"},
				{Name: "wrong token", Forged: true, Request: shake(url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"1"}, "hub.verify_token": {"vt-tset"}})},
				{Name: "no token", Forged: true, Request: shake(url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"1"}})},
				{Name: "nothing", Forged: true, Request: shake(nil)},
			},
		},
		Vendor: func(networktest.Reporter, string) networktest.Vendor { return vendor(platform, private) },
		Skip: map[string]string{
			"old":   "the signature knows no time",
			"check": "it polls nothing that could be looked at again: TestCheck does it",
		},
	}
	if !private {
		s.Skip["reply window closed"] = "what is public may be answered at any time"
	}
	return s
}

func vendor(platform string, private bool) networktest.Vendor {
	s := twin.New(twin.Options{Now: now})
	n := 0
	ask := func(text string) flow.Reply {
		n++
		who := twin.Person{ID: "22" + string(rune('0'+n%10)), Name: "Gast", Username: "gast"}
		s.Add(who)
		r := flow.Reply{Text: text, Author: flow.Author{ID: "meta:" + who.ID}, Private: private}
		if private {
			r.Mention, r.Until = "meta:"+s.Write(platform, who.ID, "Wann habt ihr offen?"), noon.Add(24*time.Hour)
			return r
		}
		on := s.Say(twin.Post{Platform: platform, Text: "Neu im Laden."})
		r.Mention = "meta:" + s.Say(twin.Post{Platform: platform, By: who.ID, On: on, Text: "Wann habt ihr offen?"})
		return r
	}
	return networktest.Vendor{
		Handler: s, Page: 25, Account: account(platform),
		Say: func(count int) (ids []string) {
			on := s.Say(twin.Post{Platform: platform, Text: "Neu im Laden.", At: noon.AddDate(0, 0, -40)})
			for i := range count {
				who := "3" + strconv.Itoa(i%7)
				if private {
					ids = append(ids, "meta:"+s.Write(platform, who, "Frage "+strconv.Itoa(i)))
				} else {
					ids = append(ids, "meta:"+s.Say(twin.Post{Platform: platform, By: who, On: on, Text: "Frage " + strconv.Itoa(i), At: noon.Add(-time.Duration(i) * time.Hour)}))
				}
			}
			return ids
		},
		Posts: func() (out []string) {
			for _, p := range s.Sent() {
				out = append(out, p.Text)
			}
			return out
		},
		Answer: func() flow.Reply { return ask("Ab neun Uhr. Grüße 🚲") },
		Gone: func() flow.Reply {
			r := ask("Ab neun.")
			if private {
				r.Author.ID = "meta:404"
			}
			s.Remove(flow.Native(r.Mention))
			return r
		},
		Long: func() flow.Reply { return ask(strings.Repeat("ü", 8001)) },
		Barred: func() flow.Reply {
			r := ask("Ab neun.")
			s.Bar(flow.Native(r.Mention))
			s.Add(twin.Person{ID: flow.Native(r.Author.ID), Blocks: true})
			return r
		},
		Closed: func() flow.Reply { r := ask("Ab neun."); r.Until = noon.Add(-time.Minute); return r },
	}
}

func TestComments(t *testing.T)          { networktest.Run(t, suite(t, twin.Facebook, false)) }
func TestMessenger(t *testing.T)         { networktest.Run(t, suite(t, twin.Facebook, true)) }
func TestInstagramComments(t *testing.T) { networktest.Run(t, suite(t, twin.Instagram, false)) }
func TestInstagramMessages(t *testing.T) { networktest.Run(t, suite(t, twin.Instagram, true)) }

func FuzzParse(f *testing.F) { networktest.Fuzz(f, suite(f, twin.Facebook, false)) }

// FuzzVerify: whatever comes, only what the secret signed passes.
func FuzzVerify(f *testing.F) {
	good := call(hook(), sample(f, "feed.json"), noon)
	form := webhook.SealSignedRequest("meta-app-secret-test", []byte(`{"user_id":"218471","algorithm":"HMAC-SHA256","issued_at":1795262400}`))
	f.Add("POST", good.Header.Get("X-Hub-Signature-256"), good.Body, "")
	f.Add("POST", "", []byte("signed_request="+form), "")
	f.Add("GET", "", []byte(nil), "erasure=0123456789abcdef0123-0123456789ab")
	f.Add("GET", "", []byte(nil), "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x")
	f.Fuzz(func(t *testing.T, method, signature string, body []byte, query string) {
		q, _ := url.ParseQuery(query)
		a, err := meta.New().Verify(t.Context(), hook(), webhook.Request{Method: method, Query: q, Header: http.Header{"X-Hub-Signature-256": {signature}}, Body: body, At: noon})
		switch {
		case err != nil && !fault.Is(err, fault.Forged):
			t.Fatal(err)
		case err == nil && a.Keep && string(body) != string(good.Body) && !strings.Contains(string(body), form[:43]):
			t.Fatal("took what nobody signed")
		}
	})
}

// TestVectors holds what Meta's documentation and others computed.
func TestVectors(t *testing.T) {
	body := []byte(`{"object":"page","entry":[{"id":"111","time":1700000000,"changes":[{"field":"feed","value":{"item":"comment","verb":"add","comment_id":"111_222","post_id":"111_200","message":"Sch\u00f6ne Gr\u00fc\u00dfe"}}]}]}`)
	header, err := meta.New().Sign(hook(), "", body, noon)
	if got := header.Get("X-Hub-Signature-256"); err != nil || got != "sha256=3b5213192c4a34dca3ad3325b1aef90f84d0ca804345a8b0b26c7decf85697d3" {
		t.Errorf("signature %s, %v", got, err)
	}
	r := webhook.Request{Method: "POST", Header: header, Body: []byte(strings.NewReplacer(`\u00f6`, "ö", `\u00fc`, "ü", `\u00df`, "ß").Replace(string(body))), At: noon}
	if _, err := meta.New().Verify(t.Context(), hook(), r); !fault.Is(err, fault.Forged) {
		t.Errorf("the same text with other bytes: %v", err)
	}
	const signed = "qMcSPRoLOAybSvHYKNfMeEgSHcxxg9nE_xL7eIMqJA4.eyJ1c2VyX2lkIjoiMjE4NDcxIiwiYWxnb3JpdGhtIjoiSE1BQy1TSEEyNTYiLCJpc3N1ZWRfYXQiOjE3MDAwMDAwMDAsImV4cGlyZXMiOjE3MDAwMDM2MDB9"
	r = webhook.Request{Method: "POST", URL: "https://h.example/hooks/meta?x=1", Body: []byte("signed_request=" + signed), At: time.Unix(1700000060, 0)}
	a, err := meta.New().Verify(t.Context(), hook(), r)
	if err != nil || !a.Keep || !strings.Contains(string(a.Body), `"url":"https://h.example/hooks/meta?erasure=`) || !strings.Contains(string(a.Body), `"confirmation_code":"`) {
		t.Errorf("%+v %v", a, err)
	}
	events, err := meta.New().Parse(network.Raw{Body: r.Body})
	if err != nil || len(events) != 1 || events[0].Erase == nil || events[0].Erase.Author != "meta:218471" {
		t.Errorf("%+v %v", events, err)
	}
	for what, change := range map[string]func(*webhook.Request){
		"old":      func(r *webhook.Request) { r.At = r.At.AddDate(0, 0, 2) },
		"future":   func(r *webhook.Request) { r.At = r.At.AddDate(0, 0, -2) },
		"one char": func(r *webhook.Request) { r.Body = []byte("signed_request=" + signed[:50] + "A" + signed[51:]) },
		"no dot":   func(r *webhook.Request) { r.Body = []byte("signed_request=abc") },
		"by GET":   func(r *webhook.Request) { r.Method = "GET" },
	} {
		r := r
		change(&r)
		if a, err := meta.New().Verify(t.Context(), hook(), r); !fault.Is(err, fault.Forged) || a.Keep {
			t.Errorf("%s: %+v %v", what, a, err)
		}
	}
}

// TestStatusPage: a code is known before the pipeline has begun, another is not; the page repeats nothing unescaped.
func TestStatusPage(t *testing.T) {
	signed := webhook.SealSignedRequest("meta-app-secret-test", []byte(`{"user_id":"1","algorithm":"HMAC-SHA256","issued_at":1795262400}`))
	a, err := meta.New().Verify(t.Context(), hook(), webhook.Request{Method: "POST", URL: "https://h.example/x", Body: []byte("signed_request=" + signed), At: noon})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(a.Body), "erasure=")
	code, _, _ := strings.Cut(rest, `"`)
	events, err := meta.New().Parse(network.Raw{Body: []byte("signed_request=" + signed)})
	if err != nil {
		t.Fatal(err)
	}
	for given, status := range map[string]int{code: 200, "x" + code: 404, code + "0": 404, `<script>`: 404, "": 404} {
		a, err := meta.New().Verify(t.Context(), hook(), shake(url.Values{"erasure": {given}}))
		if err != nil || a.Status != status || a.Keep || strings.Contains(string(a.Body), "<script>") {
			t.Errorf("%q: %+v %v", given, a, err)
		}
		if status == 200 && a.Erasure != events[0].Erase.ID {
			t.Errorf("the page asks about %q, the event is %q", a.Erasure, events[0].Erase.ID)
		}
	}
}

// TestInstagramSecret: calls for Instagram Login may be signed with the Instagram app's own secret.
func TestInstagramSecret(t *testing.T) {
	h, other := hook(), hook()
	other.Secrets = map[string]flow.Secret{"secret": flow.NewSecret("instagram-secret")}
	r := call(other, sample(t, "instagram-flat.json"), noon)
	if _, err := meta.New().Verify(t.Context(), h, r); !fault.Is(err, fault.Forged) {
		t.Errorf("without it: %v", err)
	}
	h.Secrets["instagram"] = other.Secrets["secret"]
	if _, err := meta.New().Verify(t.Context(), h, r); err != nil {
		t.Error(err)
	}
}

// TestManyPages: a thousand changes of several Pages in one call, each with its own account.
func TestManyPages(t *testing.T) {
	s := twin.New(twin.Options{Now: now, Batch: 1000})
	on := s.Say(twin.Post{Text: "Neu im Laden."})
	for range 999 {
		s.Say(twin.Post{By: "31", On: on, Text: "Schön!"})
	}
	bodies := s.Bodies()
	if len(bodies) != 1 {
		t.Fatalf("%d bodies", len(bodies))
	}
	other := strings.ReplaceAll(string(bodies[0]), `"id":"1101"`, `"id":"1102"`)
	for body, id := range map[string]string{string(bodies[0]): "1101", other: "1102"} {
		events, err := meta.New().Parse(network.Raw{Body: []byte(body), At: noon})
		if err != nil || len(events) != 1000 || slices.ContainsFunc(events, func(e flow.Event) bool { return e.Account != id }) {
			t.Errorf("%d events of %s, %v", len(events), id, err)
		}
	}
}
