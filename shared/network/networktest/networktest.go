// Package networktest is the conformance suite of network connectors. A connector's test describes itself with a
// [Suite] and calls [Run]; the suite checks every ability that the connector has.
//
// What cannot be checked for a vendor is declared in Suite.Skip with its reason: it is logged, and an ability without
// the means to check it fails. Calls go over real sockets to the twin that the suite's Vendor gives; the suite stands
// in front of it and forces statuses, cuts answers and turns paging links to a foreign host.
package networktest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

// Suite describes one connector to the checks.
type Suite struct {
	New  func() network.Network
	Hook *Hook // how calls are signed; nil = no webhooks

	// Cases is the directory of Parse cases, "" = testdata. A case is a folder with raw.<any ending> (the body),
	// settings.json (optional: all else of network.Raw, see Context) and want.json: the events, or {"fault":"invalid"}.
	// A case without raw file takes Events/<case>.*. Run the test with -update to write want.json anew.
	Cases   string
	Events  string   // folder of shared samples; each of its files must have a case; "" = none
	Garbage [][]byte // bodies that must be Invalid, beyond the suite's own
	NoJSON  bool     // bodies are no JSON: half a body may pass

	// Vendor starts the connector's fake vendor for one check; origin is the address under which it will be called.
	// nil = the connector neither polls nor replies.
	Vendor func(r Reporter, origin string) Vendor
	Status map[int]fault.Kind // statuses by which the vendor means something else than rest.Classify

	Skip map[string]string // check → reason
	Now  time.Time         // the clock of all calls; zero = 2026-11-21 12:00 UTC
}

// Hook tells how the vendor signs.
type Hook struct {
	Hook network.Hook // with Settings and the secret "secret"
	// Sign makes the call that the vendor would send at a time. It signs with h's secret "secret" alone.
	Sign func(h network.Hook, body []byte, at time.Time) webhook.Request
	// Unsigned takes the signature from a call; nil = all headers but Content-Type go.
	Unsigned   func(webhook.Request) webhook.Request
	Signature  string        // header of the signature; "" = not in a header
	Body       []byte        // a body with events
	MaxAge     time.Duration // older and newer calls are Forged; 0 = the scheme has no clock (skip "old")
	Handshakes []Handshake
}

// Handshake is a call that asks for an answer and holds no events.
type Handshake struct {
	Name    string
	Hook    network.Hook
	Request webhook.Request
	Status  int    // wanted; 0 = 200
	Body    string // wanted, exactly
	Forged  bool   // it must be refused instead
}

// Vendor is a fake vendor, fresh for one check, with what people do there. Functions that a vendor cannot have are nil;
// the checks that need them are then to be skipped by name. Pages of the vendor should be small (3 or so).
type Vendor struct {
	Handler http.Handler
	Account network.Account       // as the pipeline would give it; the suite sets Origin, HTTP and Now
	Page    int                   // things on a page
	Say     func(n int) []string  // somebody says n things that the account's streams show: their mention ids
	Own     func() string         // the brand posts by another tool what the streams show: its mention id
	Remove  func(id string)       // its author deletes a mention
	Change  func(id, text string) // its author edits a mention
	Posts   func() []string       // texts of what was posted through the vendor's API so far
	Answer  func() flow.Reply     // somebody asks, and this reply to it is fit to be sent
	Gone    func() flow.Reply     // a reply whose parent is gone
	Long    func() flow.Reply     // one that is too long
	Barred  func() flow.Reply     // one that is not permitted
	Closed  func() flow.Reply     // one after the answer window closed
}

// Reporter is the part of testing.T that the checks use, so that a [Recorder] can take its place.
type Reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(f func())
}

// check is one rule of the suite.
type check struct {
	name  string
	needs func(Suite, network.Network) bool // nil = always
	run   func(Reporter, Suite)
}

func checks() []check {
	return slices.Concat(infoChecks(), hookChecks(), parseChecks(), pollChecks(), replyChecks(), lookChecks())
}

// Run checks a connector. Each check is a subtest of its own name.
func Run(t *testing.T, s Suite) {
	t.Helper()
	run(s, func(name string, f func(Reporter)) { t.Run(name, func(t *testing.T) { f(t) }) })
}

// run walks all checks; each decides how one is started.
func run(s Suite, each func(name string, f func(Reporter))) {
	s = s.filled()
	n := s.New()
	known := map[string]bool{}
	for _, c := range checks() {
		known[c.name] = true
		if c.needs != nil && !c.needs(s, n) {
			continue
		}
		each(c.name, func(r Reporter) {
			if reason, ok := s.Skip[c.name]; ok {
				if reason == "" {
					r.Errorf("the check is skipped without a reason")
				}
				r.Logf("not checked: %s", reason)
				return
			}
			c.run(r, s)
		})
	}
	each("skips", func(r Reporter) {
		for name := range s.Skip {
			if !known[name] {
				r.Errorf("Skip names %q, but there is no such check", name)
			}
		}
	})
}

func (s Suite) filled() Suite {
	if s.Now.IsZero() {
		s.Now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	}
	if s.Cases == "" {
		s.Cases = "testdata"
	}
	return s
}
