// Package hook takes any signed JSON webhook as a network, by settings alone: a monitoring tool, a survey, a forum.
//
// Settings name the signature scheme and say, in expressions over the decoded body, where events lie and what fills
// each field of a mention. In them stand item (one event), body (the whole body) and header (request headers by name).
// A plain path such as item.user.name gives nothing where a part is absent; inside a larger expression that is written
// item.user?.name. Whole numbers keep all their digits, so ids are safe.
//
// Odd about it: nobody vouches for what such a sender calls an id. One tool may deliver many networks, so fields.network
// is an expression too and the mention id is network:id. A call without any verification is refused by design.
//
// Standard Webhooks, for scheme standard: https://www.standardwebhooks.com
package hook

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

var (
	_ network.Receiver = (*Hook)(nil)
	_ network.Parser   = (*Hook)(nil)
)

// Name is the word in configurations, and the network of mentions unless fields.network says otherwise.
const Name = "hook"

// MaxItems is the most events of one body.
const MaxItems = 1000

// Hook is the connector. Create it with New and share it: it keeps what it compiled out of settings.
type Hook struct {
	plans, proofs *expression.Cache[*plan]
}

// New makes the connector.
func New() *Hook { return &Hook{expression.NewCache[*plan](), expression.NewCache[*plan]()} }

// Info describes the connector.
func (*Hook) Info() network.Info {
	return network.Info{
		Name: Name, Title: "Signed webhook", Docs: "https://www.standardwebhooks.com",
		Hook: []network.Field{
			{Name: "scheme", Title: "Signature", Type: "choice", Choices: schemes(), Default: "body", Help: "what is signed, or which proof the sender gives"},
			{Name: "header", Title: "Header of the signature or token", Type: "text"},
			{Name: "algorithm", Title: "Algorithm", Type: "choice", Choices: webhook.Algorithms(), Default: "sha256"},
			{Name: "encoding", Title: "Encoding of the signature", Type: "choice", Choices: webhook.Encodings(), Default: "hex"},
			{Name: "prefix", Title: "Text before the signature or token", Type: "text", Help: `such as "sha256=" or "Bearer "`},
			{Name: "signed_text", Title: "Text signed before all else", Type: "text", Help: `such as "v0:"`},
			{Name: "timestamp_header", Title: "Header of the timestamp", Type: "text"},
			{Name: "timestamp_unit", Title: "Unit of the timestamp", Type: "choice", Choices: []string{"s", "ms", "rfc3339"}, Default: "s"},
			{Name: "separator", Title: "Between timestamp and body", Type: "text", Default: "."},
			{Name: "signature_name", Title: "Name of the signature in a list", Type: "text", Help: `"s" where the header reads t=…,s=…`},
			{Name: "timestamp_name", Title: "Name of the timestamp in a list", Type: "text", Help: `"t" where the header reads t=…,s=…`},
			{Name: "tolerance", Title: "Greatest age", Type: "text", Default: "5m"},
			{Name: "user", Title: "User of Basic authentication", Type: "text"},
			{Name: "handshake", Title: "Handshake", Type: "choice", Choices: []string{"none", "hub", "crc"}, Default: "none"},
			{Name: "items", Title: "Where the events are", Type: "expression", Help: "over body and header; empty: the body itself or its array"},
			{Name: "event", Title: "What happened", Type: "expression", Help: "gives new, edit, delete, reaction or ignore; empty: new"},
			{Name: "account", Title: "Which account it reached", Type: "expression"},
			{Name: "own", Title: "Author ids of the brand itself", Type: "list", Help: "what they say is direction out"},
			{Name: "fields", Title: "Fields of a mention", Type: "map", Required: true, Help: "mention field → expression over item, body and header"},
		},
		HookSecrets: []network.Field{
			{Name: "secret", Title: "Signing secret, token or public key", Type: "text", Required: true},
			{Name: "previous", Title: "The one before, during a rotation", Type: "text"},
			{Name: "verify", Title: "Verify token of handshake hub", Type: "text"},
		},
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true, OnDelete: "blank", Source: "the contract with the sender of the webhook"},
		Needs: []network.Need{{What: "a secret that the sender signs with", Who: "the sender's administrator", Takes: "minutes", Before: "nothing is taken unsigned"}},
	}
}

// Verify checks a call as the settings say. See network.Receiver.
func (k *Hook) Verify(ctx context.Context, h network.Hook, r webhook.Request) (webhook.Answer, error) {
	if err := ctx.Err(); err != nil {
		return webhook.Answer{}, err
	}
	p, err := k.proof(h.Settings)
	if err != nil {
		return webhook.Answer{}, err
	}
	if r.Method == http.MethodGet {
		return p.handshake(h, r)
	}
	if r.Method != http.MethodPost {
		return webhook.Answer{Status: http.StatusMethodNotAllowed}, fault.New(fault.Forged, "events come by POST")
	}
	if err := p.verify(h.Keys(), r); err != nil {
		return webhook.Answer{}, err
	}
	return webhook.Answer{Keep: true, Headers: p.keep}, nil
}

// Sign gives the headers that a sender with the hook's settings and its secret "secret" puts on body. Invalid where the
// settings are wrong, or for ed25519, whose private key only the sender has.
func Sign(h network.Hook, body []byte, at time.Time) (http.Header, error) {
	p, err := New().plan(h.Settings)
	if err != nil {
		return nil, err
	}
	key := h.Secrets["secret"].Reveal()
	switch p.proof {
	case "standard":
		sum := sha256.Sum256(body)
		return webhook.SignStandard([]string{key}, "msg_"+base64.RawURLEncoding.EncodeToString(sum[:16]), body, at)
	case "token":
		return webhook.SignToken(key, p.scheme.Header, p.scheme.Prefix), nil
	case "basic":
		return webhook.SignBasic(p.user, key), nil
	case "ed25519":
		return nil, fault.New(fault.Invalid, "an ed25519 signature needs the sender's private key; use scheme body or standard to sign here")
	}
	return p.scheme.Sign(key, body, at), nil
}

// Parse reads a body as the settings say. See network.Parser.
func (k *Hook) Parse(raw network.Raw) ([]flow.Event, error) {
	p, err := k.plan(raw.Settings)
	if err != nil {
		return nil, err
	}
	body, err := expression.Decode(raw.Body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the body is no JSON: %w", err)
	}
	e := env{Body: body, Header: p.headers(raw.Header)}
	items, err := p.list(e)
	if err != nil {
		return nil, err
	}
	events := make([]flow.Event, 0, len(items))
	for i, item := range items {
		e.Item = item
		event, keep, err := p.event(e, raw)
		if err != nil {
			return nil, fault.New(fault.Invalid, "item %d of %d: %w", i+1, len(items), err)
		}
		if keep {
			events = append(events, event)
		}
	}
	return events, nil
}

// Check gives all mistakes in the settings of a hook, each naming the setting it stands in.
func Check(settings map[string]any) []error {
	_, errs := compile(settings)
	return errs
}

func (k *Hook) plan(settings map[string]any) (*plan, error) { return read(k.plans, settings, compile) }

// proof is the plan as far as Verify needs it, so that what only verifies holds no expressions.
func (k *Hook) proof(settings map[string]any) (*plan, error) { return read(k.proofs, settings, prove) }

func read(from *expression.Cache[*plan], settings map[string]any, compile func(map[string]any) (*plan, []error)) (*plan, error) {
	return from.Get(settings, "", func() (*plan, error) {
		p, errs := compile(settings)
		if len(errs) > 0 {
			return nil, fault.New(fault.Invalid, "settings of the hook: %w", errors.Join(errs...))
		}
		return p, nil
	})
}
