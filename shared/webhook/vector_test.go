package webhook

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
)

// The vectors come from the vendors' own examples or were computed twice, with two languages' libraries.

func at(sec int64) time.Time { return time.Unix(sec, 0).UTC() }

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const (
	metaBody    = `{"object":"page","entry":[{"id":"111","time":1700000000,"changes":[{"field":"feed","value":{"item":"comment","verb":"add","comment_id":"111_222","post_id":"111_200","message":"Sch\u00f6ne Gr\u00fc\u00dfe"}}]}]}`
	hubBody     = `<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns="http://www.w3.org/2005/Atom"><entry><id>yt:video:abc123</id><yt:videoId>abc123</yt:videoId></entry></feed>`
	hubspotBody = `[{"eventId":100,"subscriptionId":7,"portalId":62515,"occurredAt":1763750000000,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":501,"propertyName":"hubspot_owner_id","propertyValue":"77"}]`
)

type vector struct {
	name   string
	key    string
	body   string
	at     time.Time
	header http.Header
	verify func(keys []string, r Request) error
	sign   func(key string, body []byte, at time.Time) http.Header
}

func scheme(s Scheme) (func([]string, Request) error, func(string, []byte, time.Time) http.Header) {
	return s.Verify, s.Sign
}

func vectors() []vector {
	var all []vector
	add := func(name, key, body string, when time.Time, h http.Header, s Scheme) {
		v := vector{name: name, key: key, body: body, at: when, header: h}
		v.verify, v.sign = scheme(s)
		all = append(all, v)
	}
	now := at(1700000000)
	x := Scheme{Header: "X-Twitter-Webhooks-Signature", Encoding: "base64", Prefix: "sha256="}
	meta := Scheme{Header: "X-Hub-Signature-256", Prefix: "sha256="}
	add("X", "x-consumer-secret-test", `{"data":{"event_uuid":"1","filter":{"user_id":"42"},"event_type":"post.mention.create","tag":"mentions","payload":{"id":"1001","text":"Danke, tolle Mühle!","author_id":"7"}}}`, now,
		headers("x-twitter-webhooks-signature", "sha256=BsTWSP0F+jZTYpnkTIHx8M6llLLhoBEdCKtGGarf984="), x)
	add("Meta", "meta-app-secret-test", metaBody, now, headers("X-Hub-Signature-256", "sha256=3b5213192c4a34dca3ad3325b1aef90f84d0ca804345a8b0b26c7decf85697d3"), meta)
	add("Meta, older header", "meta-app-secret-test", metaBody, now, headers("X-Hub-Signature", "sha1=3ad14ff2479c047fdb7d068eed274e5b7634382a"),
		Scheme{Header: "X-Hub-Signature", Algorithm: "sha1", Prefix: "sha1="})
	add("LinkedIn", "li-client-secret-test", `{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":42,"organizationalEntity":"urn:li:organization:1","action":"COMMENT"}]}`, now,
		headers("X-LI-Signature", "3013c3170f972842bd80f3a1c38d892145540284b33a6dc400f32de794417a0b"), Scheme{Header: "X-Li-Signature", Text: "hmacsha256="})
	slack := Scheme{Header: "X-Slack-Signature", Prefix: "v0=", Timestamp: "X-Slack-Request-Timestamp", Text: "v0:", Separator: ":"}
	add("Slack", "slack-signing-secret-test", `{"type":"event_callback","event_id":"Ev1","event":{"type":"message","text":"hi","ts":"1700000000.000100"}}`, now,
		headers("X-Slack-Signature", "v0=7e4419612557b21de1c1df43b65ef193a05ec5e638f441ea82692de108b60a0d", "X-Slack-Request-Timestamp", "1700000000"), slack)
	add("Slack, its own example", "8f742231b10e8888abcd99yyyzzz85a5", "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c", at(1531420618),
		headers("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", "X-Slack-Request-Timestamp", "1531420618"), slack)
	add("GitHub", "gh-secret-test", `{"action":"created","discussion":{"number":5,"title":"Frage"},"comment":{"id":9}}`, now,
		headers("X-Hub-Signature-256", "sha256=2abff718cbb7b660164ce6e9daff7403ee9fc943533811461dc677a3954ff838"), meta)
	add("GitHub, its own example", "It's a Secret to Everybody", "Hello, World!", now,
		headers("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), meta)
	add("Mastodon", "0123456789abcdef0123456789abcdef01234567", `{"event":"status.created","created_at":"2026-11-21T12:00:00.000Z","object":{"id":"1","content":"<p>hallo</p>"}}`, now,
		headers("X-Hub-Signature", "sha256=7a18210acc4a51c81a2c6ce650acdf10a5e3f30e0a313a876e6f65961af4b031"), Scheme{Header: "X-Hub-Signature", Prefix: "sha256="})
	add("Discourse", "discourse-secret-test", `{"post":{"id":7,"topic_id":3,"username":"erika","raw":"Hallo"}}`, now,
		headers("X-Discourse-Event-Signature", "sha256=a81c57b84517802f49b3953e95fab6e6ecff9836ea062317925977dd4d5ab71d"), Scheme{Header: "X-Discourse-Event-Signature", Prefix: "sha256="})
	add("TikTok", "tiktok-client-secret-test", `{"client_key":"ck","event":"comment.update","create_time":1700000000,"user_openid":"u1","content":"{\"comment_id\":\"9\"}"}`, now,
		headers("TikTok-Signature", "t=1700000000,s=5308c8d4ede9d831ea68b8c24e12485fe053e6e68fae9cdfb4b17801b3d9151c"),
		Scheme{Header: "Tiktok-Signature", Pair: "s", TimePair: "t", Separator: "."})
	add("Zendesk", "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", `{"ticket_id":"42","status":"solved"}`, time.Date(2026, 11, 21, 19, 30, 0, 0, time.UTC),
		headers("X-Zendesk-Webhook-Signature", "gVYJj+D5dniCleHBGyVLCQJU4eeLw9gEJRvnu3zKFII=", "X-Zendesk-Webhook-Signature-Timestamp", "2026-11-21T19:30:00Z"),
		Scheme{Header: "X-Zendesk-Webhook-Signature", Encoding: "base64", Timestamp: "X-Zendesk-Webhook-Signature-Timestamp", Unit: "rfc3339"})
	add("Twenty", "twenty-secret", `{"targetUrl":"https://hooks.example.com/crm/twenty","eventName":"person.updated","record":{"id":"b7c1e0a2-0000-4000-8000-000000000001"}}`, time.UnixMilli(1763750000123),
		headers("X-Twenty-Webhook-Signature", "66b9bc128577ef45da083729b786e8784e9ce31847d88b581650deec7d03dc3d", "X-Twenty-Webhook-Timestamp", "1763750000123"),
		Scheme{Header: "X-Twenty-Webhook-Signature", Timestamp: "X-Twenty-Webhook-Timestamp", Unit: "ms", Separator: ":"})
	all = append(all, vector{"EspoCRM", "espo-webhook-secret", `[{"id":"6740f00000000001","assignedUserId":"u9"}]`, now,
		headers("Signature", "Njc0MGFhMTFiYjIyY2MzM2Q6MjkyN2U4OGMyNzYwYzJjOThmODcyYmM2NDc5MDgxNDgwZDQ4MDVlZTQxMjYzNmI5NmI2YTYxYjM0NjhhN2E4ZA=="),
		func(keys []string, r Request) error { return VerifyEspo("6740aa11bb22cc33d", keys, r) },
		func(key string, body []byte, _ time.Time) http.Header {
			return SignEspo("6740aa11bb22cc33d", key, body)
		}})
	all = append(all, vector{"HubSpot", "hs-client-secret-1", hubspotBody, time.UnixMilli(1763750000123),
		headers("X-HubSpot-Signature-v3", "YtEX4A61J6kDOqqLH2NEDPMM5jNC5e+xCBoKU++F6WA=", "X-HubSpot-Request-Timestamp", "1763750000123"),
		func(keys []string, r Request) error { return VerifyHubSpot(keys, r, 0) },
		func(key string, body []byte, when time.Time) http.Header {
			return SignHubSpot(key, "POST", hubspotURL, body, when)
		}})
	all = append(all, vector{"Standard Webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"type":"contact.updated","data":{"id":"c_1"}}`, at(1674087231),
		headers("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "webhook-timestamp", "1674087231", "webhook-signature", "v1,A5wn6OmdwBzrS5nuUUe1IH+Nd92wrfBRz1albq21+YY="),
		func(keys []string, r Request) error { return VerifyStandard(keys, r, 0) },
		func(key string, body []byte, when time.Time) http.Header {
			h, err := SignStandard([]string{key}, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", body, when)
			if err != nil {
				panic(err)
			}
			return h
		}})
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(i)
	}
	all = append(all, vector{"Discord", "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8", `{"type":1}`, now,
		headers("X-Signature-Ed25519", "c1098e97d711377f30225d53d94b89d43537f92e5b3afaddc590781b1f9f9d4b2eeab335d370be3b9a090bc61a85b86448bc140dcd195f1569c2bff181257607", "X-Signature-Timestamp", "1700000000"),
		Ed25519{}.Verify,
		func(_ string, body []byte, when time.Time) http.Header { return Ed25519{}.Sign(seed, body, when) }})
	for method, sum := range map[string]string{
		"sha1":   "241bb959090e129141b48d401f7d84983e648fcd",
		"sha256": "829a5252e8592dcdd4d45562d8e58d0b558aae9f1e805ab2bf07ab58ccc46610",
		"sha384": "1f70d6dab493c4f800d99c3e9c37efb4755a3793de382e1ae13f2e41ed3c1b8a6674e3528c3b9d3b360676ce9ac6a049",
		"sha512": "e8da1b5ba0ddb349e08be384d3a50c6fa71396de2d2bf03a7cff4315b21671cf11f4323a0cb003c4976845d025a3cd8af5c911aafd4fc88b664690df0eb3e260",
	} {
		v := vector{name: "WebSub " + method, key: "websub-secret-test", body: hubBody, at: now, header: headers("X-Hub-Signature", method+"="+sum)}
		v.verify = func(keys []string, r Request) error { return VerifyHub(keys, r, "") }
		v.sign = Scheme{Header: "X-Hub-Signature", Algorithm: method, Prefix: method + "="}.Sign
		all = append(all, v)
	}
	return all
}

const hubspotURL = "https://hooks.example.com/crm/hubspot?tenant=acme"

func (v vector) request() Request {
	return Request{Method: "POST", URL: hubspotURL, Header: v.header.Clone(), Body: []byte(v.body), At: v.at}
}

// TestVectors checks every scheme against known values, in both directions, and that nothing near them passes.
func TestVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			if err := v.verify([]string{v.key}, v.request()); err != nil {
				t.Fatal(err)
			}
			if v.name != "Discord" {
				if err := v.verify([]string{other(v.key), v.key}, v.request()); err != nil {
					t.Errorf("during a rotation: %v", err)
				}
			}
			signed := v.sign(v.key, []byte(v.body), v.at)
			for name := range v.header {
				if got, want := signed.Get(name), v.header.Get(name); got != want {
					t.Errorf("signed %s = %q, want %q", name, got, want)
				}
			}
			forged := func(what string, keys []string, r Request) {
				t.Helper()
				err := v.verify(keys, r)
				if !fault.Is(err, fault.Forged) {
					t.Fatalf("%s: %v, want a forged fault", what, err)
				}
				if strings.Contains(err.Error(), v.key) || strings.Contains(err.Error(), v.header.Get("X-Hub-Signature")) && v.header.Get("X-Hub-Signature") != "" {
					t.Errorf("%s: the error shows a secret: %v", what, err)
				}
			}
			forged("no keys", nil, v.request())
			forged("another key", []string{other(v.key)}, v.request())
			r := v.request()
			r.Header = http.Header{}
			forged("unsigned", []string{v.key}, r)
			for i := range v.body {
				r = v.request()
				r.Body[i] ^= 1
				forged("one bit of the body", []string{v.key}, r)
			}
			for name := range v.header {
				if name == "Webhook-Id" || strings.Contains(name, "Timestamp") {
					continue
				}
				for i := range v.header.Get(name) {
					for _, bit := range []byte{1, 4, 32} {
						r = v.request()
						text := []byte(v.header.Get(name))
						text[i] ^= bit
						r.Header.Set(name, string(text))
						forged("one bit of "+name+" "+string(text), []string{v.key}, r)
					}
				}
			}
		})
	}
}

func other(key string) string {
	if rest, ok := strings.CutPrefix(key, "whsec_M"); ok {
		return "whsec_N" + rest
	}
	if strings.HasPrefix(key, "03a1") {
		return "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29"
	}
	return key + "-other"
}

// TestAge checks that signed times have a window, to both sides.
func TestAge(t *testing.T) {
	for _, v := range vectors() {
		if !timed(v) {
			continue
		}
		for d, want := range map[time.Duration]string{
			Window - time.Second: "", -Window + time.Second: "",
			Window + time.Second: "too old", -Window - time.Second: "in the future",
		} {
			r := v.request()
			r.At = v.at.Add(d)
			err := v.verify([]string{v.key}, r)
			if want == "" && err != nil || want != "" && (!fault.Is(err, fault.Forged) || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s received %s later: %v, want %q", v.name, d, err, want)
			}
		}
		for name := range v.header {
			if strings.Contains(name, "Timestamp") {
				for _, stamp := range []string{"", "yesterday", "1700000000.5", "99999999999999999999", v.header.Get(name) + "0"} {
					r := v.request()
					r.Header.Set(name, stamp)
					if err := v.verify([]string{v.key}, r); !fault.Is(err, fault.Forged) {
						t.Errorf("%s with timestamp %q: %v", v.name, stamp, err)
					}
				}
			}
		}
	}
}

func timed(v vector) bool {
	for name := range v.header {
		if strings.Contains(name, "Timestamp") || name == "Tiktok-Signature" {
			return true
		}
	}
	return false
}

// TestNegativeVectors holds values that a wrong reading of the schemes gives.
func TestNegativeVectors(t *testing.T) {
	check := func(name string, err error) {
		t.Helper()
		if !fault.Is(err, fault.Forged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	reencoded := Request{Header: headers("X-Hub-Signature-256", "sha256=f7e9b150237bc49f1c2cf8a945517c58b66977fbb443e6612b1e6e0d8dbb1de7"), Body: []byte(metaBody)}
	check("Meta, body written anew", Scheme{Header: "X-Hub-Signature-256", Prefix: "sha256="}.Verify([]string{"meta-app-secret-test"}, reencoded))
	bare := Request{Header: headers("X-LI-Signature", "1d2cf96525fbf17a12a774c6b395a515c4b2e1f277e4369336c0f8f78d68c2cc"),
		Body: []byte(`{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[{"notificationId":42,"organizationalEntity":"urn:li:organization:1","action":"COMMENT"}]}`)}
	check("LinkedIn, without the text before", Scheme{Header: "X-Li-Signature", Text: "hmacsha256="}.Verify([]string{"li-client-secret-test"}, bare))
	for header, sum := range map[string]string{
		"X-Hubspot-Signature":    "a60fb5369598130092f058e7991be1a6ddcee6c651201ce1c0c703f197b988d8",
		"X-Hubspot-Signature-V3": "c2caa9ad716f08e3350f4456a07403d89d742b58475bf8ade70fa31b9b030e62",
	} {
		old := Request{Method: "POST", URL: hubspotURL, Header: headers(header, sum, HubSpotTimestamp, "1763750000123"), Body: []byte(hubspotBody), At: time.UnixMilli(1763750000123)}
		check("HubSpot, version 1 or 2", VerifyHubSpot([]string{"hs-client-secret-1"}, old, 0))
	}
	raw := Request{Header: headers("Signature", "Njc0MGFhMTFiYjIyY2MzM2Q6KSfojCdgwsmPhyvGR5CBSA1IBe5BJja5a2phs0aKeo0="), Body: []byte(`[{"id":"6740f00000000001","assignedUserId":"u9"}]`)}
	check("EspoCRM, raw digest", VerifyEspo("6740aa11bb22cc33d", []string{"espo-webhook-secret"}, raw))
	weak := Request{Header: headers("X-Hub-Signature", "sha1=241bb959090e129141b48d401f7d84983e648fcd"), Body: []byte(hubBody)}
	check("WebSub, weaker than wanted", VerifyHub([]string{"websub-secret-test"}, weak, "sha256"))
}

func TestHubSpotAddress(t *testing.T) {
	plain := SignHubSpot("k", "POST", "https://a.example/x?y=a:b/c", nil, at(1))
	escaped := SignHubSpot("k", "POST", "https://a.example/x?y=a%3Ab%2Fc", nil, at(1))
	kept := SignHubSpot("k", "POST", "https://a.example/x?y=a%20b", nil, at(1))
	if plain.Get(HubSpotSignature) != escaped.Get(HubSpotSignature) {
		t.Error("%3A and %2F are signed unescaped")
	}
	if kept.Get(HubSpotSignature) == SignHubSpot("k", "POST", "https://a.example/x?y=a b", nil, at(1)).Get(HubSpotSignature) {
		t.Error("%20 stays escaped")
	}
}

func TestStandardRotation(t *testing.T) {
	body := []byte(`{}`)
	keys := []string{"whsec_b2xkLW9sZC1vbGQ=", "bmV3LW5ldy1uZXc="}
	h, err := SignStandard(keys, "id", body, at(1000))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if err := VerifyStandard([]string{key}, Request{Header: h, Body: body, At: at(1000)}, 0); err != nil {
			t.Error(err)
		}
	}
	if _, err := SignStandard([]string{"not base64!"}, "id", body, at(1000)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a secret that is no base64: %v", err)
	}
}

func TestTokens(t *testing.T) {
	telegram := func(text string) error {
		return VerifyToken([]string{"old", "tg_secret-Token_1"}, Request{Header: headers("X-Telegram-Bot-Api-Secret-Token", text)}, "X-Telegram-Bot-Api-Secret-Token", "")
	}
	if err := telegram("tg_secret-Token_1"); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"", "tg_secret-Token_", "tg_secret-Token_11", "TG_secret-Token_1"} {
		if err := telegram(wrong); !fault.Is(err, fault.Forged) || strings.Contains(err.Error(), "tg_secret") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if h := SignBasic("admin", "tap-pass"); h.Get("Authorization") != "Basic YWRtaW46dGFwLXBhc3M=" {
		t.Error(h)
	}
	if h := SignBasic("smcrm", "p1pe-secret"); h.Get("Authorization") != "Basic c21jcm06cDFwZS1zZWNyZXQ=" {
		t.Error(h)
	}
	if err := VerifyBasic("admin", []string{"tap-pass"}, Request{Header: SignBasic("admin", "tap-pass")}); err != nil {
		t.Error(err)
	}
	for _, h := range []http.Header{nil, SignBasic("admin", "other"), SignBasic("root", "tap-pass"), headers("Authorization", "Bearer YWRtaW46dGFwLXBhc3M=")} {
		if err := VerifyBasic("admin", []string{"tap-pass"}, Request{Header: h}); !fault.Is(err, fault.Forged) {
			t.Errorf("%v passed: %v", h, err)
		}
	}
	if h := SignToken("t", "Authorization", "Bearer "); VerifyToken([]string{"t"}, Request{Header: h}, "Authorization", "Bearer ") != nil {
		t.Error("bearer")
	}
}

func TestHandshakes(t *testing.T) {
	get := func(query string) Request {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		return Request{Method: "GET", Query: q}
	}
	a, err := HubChallenge(get("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=vt-test"), "vt-test")
	if err != nil || string(a.Body) != "1158201444" || a.Keep || !strings.HasPrefix(a.Type, "text/plain") {
		t.Errorf("%+v %v", a, err)
	}
	for _, q := range []string{"hub.mode=subscribe&hub.challenge=1&hub.verify_token=other", "hub.mode=subscribe&hub.challenge=1", "hub.mode=x&hub.challenge=1&hub.verify_token=vt-test", "", "hub.mode=subscribe&hub.verify_token=vt-test"} {
		if a, err := HubChallenge(get(q), "vt-test"); !fault.Is(err, fault.Forged) || a.Status != 403 || len(a.Body) > 0 {
			t.Errorf("%q: %+v %v", q, a, err)
		}
	}
	a, err = CRC("x-consumer-secret-test", get("crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553"))
	if err != nil || string(a.Body) != `{"response_token":"sha256=7bkVRZZNqkRODUj+9D32TBUKvobwGCLClKHJI3HG4Ns="}` {
		t.Errorf("%s %v", a.Body, err)
	}
	for _, body := range []string{`{"data":{"event_type":"post.create"}}`, `[1]`, `"text"`, "a b", "a\nb", "ü"} { // would be a signed event
		if a, err := CRC("x-consumer-secret-test", Request{Method: "GET", Query: url.Values{"crc_token": {body}}}); !fault.Is(err, fault.Forged) || len(a.Body) > 0 {
			t.Errorf("%q is signed on demand: %s %v", body, a.Body, err)
		}
	}
	a, err = ChallengeCode("li-client-secret-test", get("challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0"))
	if err != nil || string(a.Body) != `{"challengeCode":"890e4665-4dfe-4ab1-b689-ed553bceeed0","challengeResponse":"85afa70d757c69cd4cd7a0eda12d1e6aa33cce6d189a180a39bfc7dc8f8c16a5"}` {
		t.Errorf("%s %v", a.Body, err)
	}
	for _, r := range []Request{get(""), {Method: "POST", Query: url.Values{"crc_token": {"1"}, "challengeCode": {"1"}}}} {
		if _, err := CRC("k", r); !fault.Is(err, fault.Forged) {
			t.Error(err)
		}
		if _, err := ChallengeCode("k", r); !fault.Is(err, fault.Forged) {
			t.Error(err)
		}
	}
}

func TestSignedRequest(t *testing.T) {
	const signed = "qMcSPRoLOAybSvHYKNfMeEgSHcxxg9nE_xL7eIMqJA4.eyJ1c2VyX2lkIjoiMjE4NDcxIiwiYWxnb3JpdGhtIjoiSE1BQy1TSEEyNTYiLCJpc3N1ZWRfYXQiOjE3MDAwMDAwMDAsImV4cGlyZXMiOjE3MDAwMDM2MDB9"
	const payload = `{"user_id":"218471","algorithm":"HMAC-SHA256","issued_at":1700000000,"expires":1700003600}`
	got, err := OpenSignedRequest([]string{"meta-app-secret-test"}, signed)
	if err != nil || string(got) != payload {
		t.Errorf("%s %v", got, err)
	}
	if got := SealSignedRequest("meta-app-secret-test", []byte(payload)); got != signed {
		t.Error(got)
	}
	for i := range signed {
		text := []byte(signed)
		text[i] ^= 1
		if _, err := OpenSignedRequest([]string{"meta-app-secret-test"}, string(text)); !fault.Is(err, fault.Forged) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

// TestMAC holds what senders put on their own calls: Meta's appsecret_proof, EspoCRM's login.
func TestMAC(t *testing.T) {
	if got := hex.EncodeToString(MAC("sha256", "meta-app-secret-test", []byte("EAAB-test-token"))); got != "8909e54adffe9a0ae1402ea04c64c1e9fef5b2ffea352fd7677ce22102a8afd4" {
		t.Error(got)
	}
	if got := espo("0123456789abcdef0123456789abcdef", "espo-api-secret", []byte("POST /Contact")); got != "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY6NTFjODJjODE0ZDBhOTJjZmI0MTc5MDFjNzJjNjFmMDkzMDhmMzc3NGNhODU4Mjg0NzQ3NTkxOWM5ODBkZjBjOQ==" {
		t.Error(got)
	}
	if MAC("md5", "k") != nil {
		t.Error("md5")
	}
}

func TestSchemeCheck(t *testing.T) {
	for _, s := range []Scheme{{}, {Header: "X", Algorithm: "md5"}, {Header: "X", Encoding: "rot13"}, {Header: "X", Unit: "years"}, {Header: "X", Window: -1}} {
		if err := s.Verify([]string{"k"}, Request{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
