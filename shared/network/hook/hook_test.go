package hook

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/networktest"
	"rapport/shared/webhook"
)

const samples = "../../../events/hook"

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(samples + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func minimal() map[string]any {
	return map[string]any{"header": "X-Signature", "fields": map[string]any{"id": "item.id", "text": "item.text"}}
}

func with(settings map[string]any, pairs ...any) map[string]any {
	out := map[string]any{}
	for k, v := range settings {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// call is what a sender with these settings sends.
func call(h network.Hook, body []byte, at time.Time) webhook.Request {
	headers, err := Sign(h, body, at)
	if err != nil && h.Settings["scheme"] != "standard" { // an empty or broken secret cannot sign there
		panic(err)
	}
	if headers == nil {
		headers = http.Header{}
	}
	headers.Set("Content-Type", "application/json")
	return webhook.Request{Method: "POST", URL: "https://hooks.example/hooks/monitor", Path: "/hooks/monitor", Header: headers, Body: body, At: at}
}

func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		settings  map[string]any
		secret    string
		signature string
		skip      map[string]string
	}{
		"body": {with(minimal(), "prefix", "sha256="), "agreed-secret", "X-Signature", map[string]string{"old": "this scheme has no clock"}},
		"timestamp": {with(minimal(), "scheme", "timestamp.body", "timestamp_header", "X-Time", "separator", ":", "signed_text", "v0:", "timestamp_unit", "ms",
			"algorithm", "sha512", "encoding", "base64url"), "agreed-secret", "X-Signature", nil},
		"pairs":    {with(minimal(), "scheme", "timestamp.body", "timestamp_name", "t", "signature_name", "v1", "tolerance", 120), "agreed-secret", "X-Signature", nil},
		"standard": {with(minimal(), "scheme", "standard", "header", nil), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", webhook.StandardSignature, nil},
		"token": {with(minimal(), "scheme", "token", "header", "Authorization", "prefix", "Bearer "), "agreed-secret", "Authorization",
			map[string]string{"old": "a token has no clock", "body": "a token proves nothing about the body"}},
		"basic": {with(minimal(), "scheme", "basic", "user", "monitor"), "agreed-secret", "Authorization",
			map[string]string{"old": "Basic authentication has no clock", "body": "Basic authentication proves nothing about the body"}},
	} {
		t.Run(name, func(t *testing.T) {
			delete(c.settings, map[bool]string{true: "header"}[c.settings["header"] == nil])
			age := time.Duration(0)
			if c.skip["old"] == "" {
				age = webhook.Window
			}
			if c.settings["tolerance"] != nil {
				age = 2 * time.Minute
			}
			networktest.Run(t, networktest.Suite{
				New:    func() network.Network { return New() },
				Events: samples,
				Skip:   c.skip,
				Hook: &networktest.Hook{
					Hook: network.Hook{Name: "monitor", Kind: Name, Settings: c.settings, Secrets: map[string]flow.Secret{"secret": flow.NewSecret(c.secret)}},
					Sign: call, Signature: c.signature, MaxAge: age, Body: sample(t, "mention.json"),
					Handshakes: []networktest.Handshake{{Name: "none", Forged: true, Request: webhook.Request{Method: "GET"}}},
				},
			})
		})
	}
}

func TestHandshakes(t *testing.T) {
	secrets := map[string]flow.Secret{"secret": flow.NewSecret("x-consumer-secret-test"), "verify": flow.NewSecret("vt-test")}
	get := func(shake, name, value string) (webhook.Answer, error) {
		r := webhook.Request{Method: "GET", Query: map[string][]string{"hub.mode": {"subscribe"}, "hub.challenge": {"42"}, "crc_token": {"9b4507b3-9040-4669-9ca3-6b94edb50553"}}}
		r.Query.Set(name, value)
		return New().Verify(t.Context(), network.Hook{Settings: with(minimal(), "handshake", shake), Secrets: secrets}, r)
	}
	if a, err := get("hub", "hub.verify_token", "vt-test"); err != nil || string(a.Body) != "42" || a.Keep {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := get("hub", "hub.verify_token", "other"); !fault.Is(err, fault.Forged) {
		t.Error(err)
	}
	if a, err := get("crc", "", ""); err != nil || !strings.Contains(string(a.Body), "sha256=7bkVRZZNqkRODUj+9D32TBUKvobwGCLClKHJI3HG4Ns=") {
		t.Errorf("%s %v", a.Body, err)
	}
	delete(secrets, "verify")
	if _, err := get("hub", "hub.verify_token", ""); !fault.Is(err, fault.Forged) {
		t.Errorf("without a verify token: %v", err)
	}
}

// TestNetworks lets one tool deliver what was said on several networks.
func TestNetworks(t *testing.T) {
	settings := with(minimal(), "fields", map[string]any{"id": "item.id", "network": `item.source ?? ""`, "author.id": "item.by", "parent": "item.re", "root": "item.top", "kind": "item.type"})
	body := `[{"id":"1","source":"Forum 24","by":"ada","re":"0","top":"0","type":"thread"},{"id":"1","source":"news:wire"},{"id":1,"top":1},{"id":2,"source":"  "}]`
	events, err := New().Parse(network.Raw{Settings: settings, Body: []byte(body), At: time.Unix(1e9, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		m := e.Mention
		got = append(got, fmt.Sprint(m.ID, " ", m.Network, " ", m.Author.ID, " ", m.Parent, " ", m.Root, " ", m.Kind))
	}
	want := []string{"forum24:1 forum24 forum24:ada forum24:0 forum24:0 reply", "newswire:1 newswire    post", "hook:1 hook    post", "hook:2 hook    post"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if events[0].Mention.Extra["kind"] != "thread" {
		t.Error("a foreign kind is not kept beside")
	}
}

// TestHeadersAreKept wants the headers that expressions name, under any spelling, to reach Parse.
func TestHeadersAreKept(t *testing.T) {
	settings := with(minimal(), "event", `header["x-event"] == "gone" ? "delete" : ""`, "account", `header.Tenant`)
	h := network.Hook{Settings: settings, Secrets: map[string]flow.Secret{"secret": flow.NewSecret("k")}}
	k := New()
	r := call(h, []byte(`{"id":7}`), time.Unix(1e9, 0).UTC())
	a, err := k.Verify(t.Context(), h, r)
	if err != nil || fmt.Sprint(a.Headers) != "[X-Event Tenant]" {
		t.Fatalf("%v %v", a.Headers, err)
	}
	events, err := k.Parse(network.Raw{Settings: settings, Body: r.Body, Header: map[string]string{"X-Event": "gone", "Tenant": "t1"}, At: r.At})
	if err != nil || len(events) != 1 || events[0].ID() != "hook:7|delete" || events[0].Account != "t1" {
		t.Errorf("%+v %v", events, err)
	}
}

func TestMistakesInBodies(t *testing.T) {
	fields := map[string]any{"id": "item.id", "rating": "item.stars", "created": "item.at", "likes": "item.likes", "private": "item.private", "text": "item.text", "extra.x": "item.x", "media": "item.media", "direction": "item.way"}
	settings := with(minimal(), "event", "item.event", "fields", fields)
	for body, want := range map[string]string{
		`[{"id":"1"},{"text":"x"}]`:               `item 2 of 2: fields.id (item.id) gives nothing`,
		`[{"id":"1"},7]`:                          `item 2 of 2: fields.id (item.id) gives nothing`,
		`{"id":{}}`:                               `fields.id (item.id): must give a text, not an object`,
		`{"id":"1","stars":9}`:                    `fields.rating (item.stars): must give stars`,
		`{"id":"1","at":"gestern"}`:               `fields.created (item.at): must give a time`,
		`{"id":"1","at":1e99}`:                    `between the years`,
		`{"id":"1","likes":"many"}`:               `fields.likes (item.likes): must give a number`,
		`{"id":"1","private":"maybe"}`:            `must give true or false`,
		`{"id":"1","text":["a"]}`:                 `must give a text, not a list`,
		`{"id":"1","x":[1]}`:                      `toJSON`,
		`{"id":"1","media":[1]}`:                  `must give addresses`,
		`{"id":"1","way":"sideways"}`:             `must give in or out`,
		`{"id":"1","event":"created"}`:            `event (item.event): gives "created"`,
		`"text"`:                                  `the body holds a text where`,
		`null`:                                    `the body is null`,
		`{"id":"1"} {"id":"2"}`:                   `more after the first value`,
		`[` + strings.Repeat(`{},`, 1000) + `{}]`: `the body holds 1001 events`,
	} {
		events, err := New().Parse(network.Raw{Settings: settings, Body: []byte(body)})
		if !fault.Is(err, fault.Invalid) || events != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v; want …%s…", body, err, want)
		}
	}
}

func TestLongIDsKeepTheirDigits(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":9007199254740993}`:               "hook:9007199254740993",
		`{"id":123456789012345678901234567890}`: "hook:123456789012345678901234567890",
		`{"id":"007"}`:                          "hook:007",
		`{"id":-3}`:                             "hook:-3",
		`{"id":1.5}`:                            "hook:1.5",
	} {
		events, err := New().Parse(network.Raw{Settings: minimal(), Body: []byte(body)})
		if err != nil || events[0].Mention.ID != want {
			t.Errorf("%s: %v %v", body, events, err)
		}
	}
}

func TestCheck(t *testing.T) {
	if errs := Check(minimal()); len(errs) > 0 {
		t.Error(errs)
	}
	for want, settings := range map[string]map[string]any{
		`algoritm: there is no such setting; did you mean "algorithm"?`:                   with(minimal(), "algoritm", "sha1"),
		`algorithm: "md5" is none of`:                                                     with(minimal(), "algorithm", "md5"),
		`scheme: none is not possible`:                                                    with(minimal(), "scheme", "none"),
		`scheme: "standart" is none of`:                                                   with(minimal(), "scheme", "standart"),
		`timestamp_header: scheme timestamp.body needs it`:                                with(minimal(), "scheme", "timestamp.body"),
		`timestamp_header: scheme body signs no timestamp`:                                with(minimal(), "timestamp_header", "X-Time"),
		`header: scheme token needs the name`:                                             with(minimal(), "scheme", "token", "header", ""),
		`user: scheme basic needs it`:                                                     with(minimal(), "scheme", "basic"),
		`tolerance: "soon" is no duration`:                                                with(minimal(), "tolerance", "soon"),
		`tolerance: must be more than 0`:                                                  with(minimal(), "tolerance", "-5m"),
		`prefix: must be a text, not a number`:                                            with(minimal(), "prefix", 5),
		`fields: must map`:                                                                with(minimal(), "fields", nil),
		`fields.id: is missing`:                                                           with(minimal(), "fields", map[string]any{"text": "item.text"}),
		`fields.autor.handle: a mention has no such field; did you mean "author.handle"?`: with(minimal(), "fields", map[string]any{"id": "item.id", "autor.handle": "item.x"}),
		`fields.id: 1:1: unknown name itm; did you mean "item"?`:                          with(minimal(), "fields", map[string]any{"id": "itm.id"}),
		`fields.text: must be an expression written as text, not a list`:                  with(minimal(), "fields", map[string]any{"id": "item.id", "text": []any{"a"}}),
		`items: 1:`: with(minimal(), "items", "body.("),
		`header Authorization holds a credential`: with(minimal(), "account", `header["authorization"]`),
		`header X-Signature holds a credential`:   with(minimal(), "account", `header["X-Signature"]`),
	} {
		errs := Check(settings)
		if len(errs) == 0 || !strings.Contains(fmt.Sprint(errs), want) {
			t.Errorf("%v; want …%s…", errs, want)
		}
		if _, err := New().Parse(network.Raw{Settings: settings, Body: []byte(`{"id":1}`)}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Parse with wrong settings: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	networktest.Fuzz(f, networktest.Suite{New: func() network.Network { return New() }, Events: samples})
}

// FuzzVerify: whatever comes, only what the secret signed passes.
func FuzzVerify(f *testing.F) {
	h := network.Hook{Settings: with(minimal(), "scheme", "timestamp.body", "timestamp_header", "X-Time"), Secrets: map[string]flow.Secret{"secret": flow.NewSecret("k")}}
	now := time.Unix(1795253400, 0)
	good := call(h, []byte(`{"id":1}`), now)
	f.Add("POST", good.Header.Get("X-Signature"), good.Header.Get("X-Time"), good.Body)
	f.Add("GET", "", "", []byte(nil))
	k := New()
	f.Fuzz(func(t *testing.T, method, signature, stamp string, body []byte) {
		r := webhook.Request{Method: method, Header: http.Header{"X-Signature": {signature}, "X-Time": {stamp}}, Body: body, At: now}
		if a, err := k.Verify(t.Context(), h, r); err == nil {
			if !a.Keep || string(body) != string(good.Body) {
				t.Fatal("took what nobody signed")
			}
		} else if !fault.Is(err, fault.Forged) {
			t.Fatal(err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	settings, body, k := monitor(b), sample(b, "mention.json"), New()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Parse(network.Raw{Settings: settings, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	h := network.Hook{Settings: monitor(b), Secrets: map[string]flow.Secret{"secret": flow.NewSecret("k")}}
	r, k := call(h, sample(b, "mention.json"), time.Unix(1795253400, 0)), New()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Verify(b.Context(), h, r); err != nil {
			b.Fatal(err)
		}
	}
}

// monitor gives the settings of the case that has most fields.
func monitor(t testing.TB) map[string]any {
	t.Helper()
	data, err := os.ReadFile("testdata/mention/settings.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := expression.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)["settings"].(map[string]any)
}
