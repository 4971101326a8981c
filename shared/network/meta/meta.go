// Package meta connects Facebook Pages, Messenger and Instagram by one app of Meta's.
//
// What is odd: one address takes the webhooks of all Pages and Instagram accounts of an app, up to 1,000 changes a call, in
// two envelopes (changes in a list, or flat in the entry as Instagram Login sends them), with messages in messaging, or in
// standby where another inbox owns the thread. Non-ASCII text comes as \u escapes and is signed as such. Ids belong to one
// Page or account: nobody is the same person twice. An Instagram mention tells ids alone, its words have to be read. The
// Page's own words come back as events. The HTTP status says little, the code in the body says what is wrong. Private
// messages may be answered for 24 hours, a comment privately once and within 7 days. Nothing of the API has an idempotency
// key. Deletion and deauthorisation requests are forms with a signed_request, to the same address.
//
// Documentation: https://developers.facebook.com/docs/graph-api/webhooks and
// https://developers.facebook.com/documentation/instagram-platform
package meta

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

var (
	_ network.Receiver    = Network{}
	_ network.Parser      = Network{}
	_ network.Signer      = Network{}
	_ network.Profiler    = Network{}
	_ network.Checker     = Network{}
	_ network.Replier     = Network{}
	_ network.ReplyFinder = Network{}
	_ network.Authorizer  = Network{}
	_ network.Subscriber  = Network{}
	_ network.Prober      = Network{}
	_ network.Extender    = Network{}
	_ network.Aliaser     = Network{}
)

// Name is the word in configurations and ids.
const Name = "meta"

const (
	origin    = "https://graph.facebook.com"
	facebook  = "facebook"  // platform of a Page
	instagram = "instagram" // platform of an Instagram account
	version   = "v26.0"

	window      = 24 * time.Hour     // to answer a private message
	humanWindow = 7 * 24 * time.Hour // the same, for a human with the permission
	asked       = 36 * time.Hour     // how old a deletion request may be: Meta repeats calls for so long

	// The longest texts: the first is the longest of all.
	maxComment   = 8000 // characters, Facebook
	maxCaption   = 2200 // characters, Instagram
	maxMessage   = 2000 // characters, Messenger
	maxDirect    = 1000 // bytes, Instagram
	statusParam  = "erasure"
	erasureIntro = "meta-"
)

// Network is the connector. It has no state.
type Network struct{}

// New gives the connector.
func New() Network { return Network{} }

// Info describes it.
func (Network) Info() network.Info {
	return network.Info{
		Name: Name, Title: "Facebook and Instagram", Docs: "https://developers.facebook.com/docs/graph-api/webhooks", Origin: origin,
		Settings: []network.Field{
			{Name: "platform", Title: "What the account is", Type: "choice", Choices: []string{facebook, instagram}, Default: facebook, Help: "a Facebook Page or an Instagram professional account; its id is the account's id"},
			{Name: "page", Title: "Page of an Instagram account", Type: "text", Help: "id of the Page it is connected to; empty for Instagram Login, whose origin is https://graph.instagram.com"},
			{Name: "human_agent", Title: "Human Agent is granted", Type: "flag", Default: false, Help: "the app has the Human Agent permission: what a human wrote may be sent for 7 days instead of 24 hours"},
			{Name: "app_mode", Title: "App mode", Type: "choice", Choices: []string{"unknown", "development", "live"}, Default: "unknown", Help: "as the App Dashboard shows it; no interface tells"},
			{Name: "business", Title: "Business portfolio", Type: "text", Help: "its id, so that doctor can look at its verification"},
			{Name: "login", Title: "Address of the log-in page", Type: "address", Default: "https://www.facebook.com", Help: "https://www.instagram.com for Instagram Login"},
			{Name: "version", Title: "Graph API version", Type: "text", Default: version},
		},
		Secrets: []network.Field{
			{Name: "token", Title: "Page access token", Type: "text", Help: "of a long-lived log-in or a system user; Connect keeps one of its own"},
			{Name: "app_id", Title: "App id", Type: "text", Help: "for Connect, doctor and deletion requests"},
			{Name: "app_secret", Title: "App secret", Type: "text", Help: "proves each call; the same as the hook's secret"},
		},
		Hook: []network.Field{},
		HookSecrets: []network.Field{
			{Name: "secret", Title: "App secret", Type: "text", Required: true},
			{Name: "previous", Title: "The one before, during a rotation", Type: "text"},
			{Name: "instagram", Title: "Instagram app secret", Type: "text", Help: "where calls for Instagram Login are signed with it"},
			{Name: "verify", Title: "Verify token", Type: "text", Required: true, Help: "any text; the same as in the App Dashboard beside the callback address"},
		},
		Buckets: []network.Bucket{{Name: "default", Calls: 200, Per: time.Hour, Shared: "account", Reserve: 20}},
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true, OnDelete: "blank", DeleteBy: 24 * time.Hour,
			Source: "https://developers.facebook.com/terms/"},
		MaxText: maxComment, Unit: "runes", Private: true,
		Needs: []network.Need{
			{What: "an app of type Business with the products Webhooks, Messenger and Instagram", Who: "you, in the App Dashboard", Takes: "an hour", Before: "everything with the demo's twin"},
			{What: "App Review for Advanced Access to " + strings.Join(needed(facebook, ""), ", ") + " and, for Instagram, " + strings.Join(needed(instagram, "page"), ", "), Who: "Meta", Takes: "days to weeks", Before: "comments and messages of people who have a role in the app"},
			{What: "Business Verification", Who: "Meta, with papers of the company", Takes: "days to weeks", Before: "development mode"},
			{What: "the permission Human Agent, for answers after 24 hours", Who: "Meta, in App Review", Takes: "days to weeks", Before: "answers within 24 hours"},
			{What: "the hook's address as callback for webhooks, data deletion and deauthorisation", Who: "you, in the App Dashboard", Takes: "minutes"},
		},
	}
}

// scheme is how calls are signed.
func scheme() webhook.Scheme {
	return webhook.Scheme{Header: "X-Hub-Signature-256", Prefix: "sha256="}
}

func keys(h network.Hook) []string {
	list := h.Keys()
	if s := h.Secrets["instagram"]; !s.Empty() {
		list = append(list, s.Reveal())
	}
	return list
}

// Verify checks a call over its raw bytes, answers the subscription check, takes deletion requests and shows where one
// stands. See network.Receiver.
func (Network) Verify(ctx context.Context, h network.Hook, r webhook.Request) (webhook.Answer, error) {
	if err := ctx.Err(); err != nil {
		return webhook.Answer{}, err
	}
	switch {
	case r.Method == http.MethodGet && r.Query.Has(statusParam):
		return standing(h, r.Query.Get(statusParam))
	case r.Method == http.MethodGet:
		token := h.Secrets["verify"].Reveal()
		if token == "" {
			return webhook.Answer{}, fault.New(fault.Forged, "no verify token is set for this hook, so a subscription cannot be checked")
		}
		return webhook.HubChallenge(r, token)
	case r.Method != http.MethodPost:
		return webhook.Answer{Status: http.StatusMethodNotAllowed}, fault.New(fault.Forged, "events come by POST")
	}
	if signed := signedRequest(r.Body); signed != "" {
		return takeRequest(h, r, signed)
	}
	if err := scheme().Verify(keys(h), r); err != nil {
		return webhook.Answer{}, err
	}
	return webhook.Answer{Keep: true}, nil
}

// Sign signs as Meta does. See network.Signer.
func (Network) Sign(h network.Hook, _ string, body []byte, at time.Time) (http.Header, error) {
	return scheme().Sign(h.Secrets["secret"].Reveal(), body, at), nil
}

// signedRequest gives the signed_request of a form, "" if the body is none.
func signedRequest(body []byte) string {
	if len(body) > 16<<10 || !strings.Contains(string(body), "signed_request=") {
		return ""
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get("signed_request")
}

// request is what a signed_request says.
type request struct {
	User      text   `json:"user_id"`
	Algorithm string `json:"algorithm"`
	Issued    number `json:"issued_at"`
}

func (q request) check() error {
	if q.User == "" || !strings.EqualFold(q.Algorithm, "HMAC-SHA256") || q.Issued.time().IsZero() {
		return fault.New(fault.Forged, "the signed_request names no user, no time or another algorithm than HMAC-SHA256")
	}
	return nil
}

// takeRequest answers a deletion or deauthorisation request as Meta wants it. A repeated one has the same code.
func takeRequest(h network.Hook, r webhook.Request, signed string) (webhook.Answer, error) {
	list := keys(h)
	payload, err := webhook.OpenSignedRequest(list, signed)
	if err != nil {
		return webhook.Answer{}, err
	}
	var q request
	if err := json.Unmarshal(payload, &q); err != nil {
		return webhook.Answer{}, fault.New(fault.Forged, "the signed_request holds no JSON")
	}
	if err := q.check(); err != nil {
		return webhook.Answer{}, err
	}
	if err := webhook.Fresh(q.Issued.time(), r.At, asked); err != nil {
		return webhook.Answer{}, err
	}
	code := codeOf(signed)
	code += "-" + tag(list[0], code)
	address, _, _ := strings.Cut(r.URL, "?")
	body, err := json.Marshal(map[string]string{"url": address + "?" + statusParam + "=" + code, "confirmation_code": code})
	return webhook.Answer{Type: "application/json", Body: body, Keep: true}, err
}

// codeOf names a request. It is made of the signature, which nobody can guess, so that Parse needs no secret for it.
func codeOf(signed string) string {
	signature, _, _ := strings.Cut(signed, ".")
	sum := sha256.Sum256([]byte(signature))
	return hex.EncodeToString(sum[:10])
}

// tag proves that a code is ours before anything was done about it.
func tag(key, code string) string {
	return hex.EncodeToString(webhook.MAC("sha256", key, []byte("erasure "+code))[:6])
}

// standing is the page on which a person sees where their request stands. The pipeline knows more once it has begun.
func standing(h network.Hook, code string) (webhook.Answer, error) {
	id, given, _ := strings.Cut(code, "-")
	a := webhook.Answer{Type: "text/html; charset=utf-8", Erasure: erasureIntro + id, Status: http.StatusNotFound}
	say := "There is no such request."
	for _, key := range keys(h) {
		if webhook.Same(given, tag(key, id)) {
			a.Status, say = http.StatusOK, "The request was received and waits to be carried out."
		}
	}
	a.Body = []byte("<!doctype html><title>Deletion request</title><p>Code " + html.EscapeString(code[:min(len(code), 40)]) + "</p><p>" + say + "</p>\n")
	return a, nil
}

// erasure is the event of a deletion request.
func erasure(body []byte) (flow.Event, error) {
	signed := signedRequest(body)
	_, payload, ok := strings.Cut(signed, ".")
	data, err := base64.RawURLEncoding.DecodeString(payload)
	var q request
	if !ok || err != nil || json.Unmarshal(data, &q) != nil || q.check() != nil {
		return flow.Event{}, fault.New(fault.Invalid, "the body is neither a webhook of Meta nor a signed_request")
	}
	id, at := erasureIntro+codeOf(signed), q.Issued.time()
	return flow.Event{Verb: flow.Delete, At: at, Mention: flow.Mention{ID: flow.MentionID(Name, "request."+codeOf(signed)), Network: Name},
		Erase: &flow.Erasure{ID: id, Author: flow.MentionID(Name, string(q.User)), Reason: "deletion or deauthorisation asked for at Meta", At: at}}, nil
}

// Extend gives how much longer than ReplyUntil an answer may be sent: a human with the permission has 7 days for a private
// message, a rule never has. See network.Extender.
func (Network) Extend(settings map[string]any, r flow.Reply) time.Duration {
	if granted, _ := settings["human_agent"].(bool); granted && r.Rule == "" && r.Private && isMessage(flow.Native(r.Mention)) {
		return humanWindow - window
	}
	return 0
}
