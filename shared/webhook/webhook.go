// Package webhook has what receivers share: the raw request, the answer, and signatures, ages and handshakes as the
// senders define them. Everything is checked over the raw bytes and in constant time.
package webhook

import (
	"net/http"
	"net/url"
	"time"

	"rapport/shared/flow"
)

// MaxBody bounds an inbound body in bytes, as sent and after decompression.
const MaxBody = 1 << 20

// Request is an inbound call as it came, body decoded from its transport only.
type Request struct {
	Method string
	URL    string // as the sender called it: the hook's public base address + path and query; for signatures over it
	Path   string
	Query  url.Values
	Header http.Header // canonical names
	Body   []byte
	At     time.Time // received
}

// Hook is one app registration at a vendor: one address, one pair of secrets, many accounts.
type Hook struct {
	Name     string
	Kind     string // the network or CRM
	Settings map[string]any
	Secrets  map[string]flow.Secret // by name; during a rotation "secret" and "previous" both hold
}

// Text gives a setting as text, "" if absent.
func (h Hook) Text(name string) string { s, _ := h.Settings[name].(string); return s }

// Keys gives the texts of the current and the previous signing secret, without empty ones.
func (h Hook) Keys() []string {
	var keys []string
	for _, name := range []string{"secret", "previous"} {
		if s := h.Secrets[name]; !s.Empty() {
			keys = append(keys, s.Reveal())
		}
	}
	return keys
}

// Answer is what the sender gets, and whether the body is to be kept.
type Answer struct {
	Status int // 0 = 200
	Type   string
	Body   []byte
	Keep   bool // the body holds events: make it durable before answering
	// Headers names the request headers that Parse needs later; all others are forgotten.
	Headers []string
	// Erasure is the id of an erasure that the sender asks about, as a network's event of it named it. Where it is known,
	// its state is answered instead of this Answer.
	Erasure string
}
