// Package network is the contract of a social network's connector.
//
// A connector is one stateless value. Info is data; everything else is an ability of one or two methods that it has or
// has not (a type assertion tells). It is given its account or hook with every call, makes each call once, classifies
// what goes wrong ([fault]) and never loops over failures, logs, or reads the environment. All methods are safe for
// concurrent use and return at once when ctx ends. The suite is networktest.
package network

import (
	"context"
	"net/http"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"rapport/shared/flow"
	"rapport/shared/rest"
	"rapport/shared/webhook"
)

// Account is one configured account with what is needed to call the vendor.
type Account = rest.Account

// Hook is one app registration with its settings and secrets.
type Hook = webhook.Hook

// Network is what every connector has.
type Network interface {
	Info() Info
}

// Info describes a network as data: forms, doctor, documentation and budgets are made from it.
type Info struct {
	Name         string // the word in configurations and ids: lower case, letters and digits
	Title        string
	Docs         string // address of the vendor's documentation
	Origin       string // where it lives when the account names no address; "" = the account must
	Settings     []Field
	Secrets      []Field
	Hook         []Field // settings of a hook; nil = no webhooks
	HookSecrets  []Field
	Forged       int           // status that answers a forged call; 0 = 401
	Poll         time.Duration // usual pause between polls; 0 = never polled
	LookBack     time.Duration // how far a poll looks back over what webhooks may have missed
	Buckets      []Bucket
	Prices       []Price // what the vendor charges for; calls that cost name them in rest.Request.Paid
	PerMention   float64 // USD that reading one mention costs at most, with its author; for estimates
	Rules        Rules
	MaxText      int    // longest reply, in Unit
	Unit         string // runes, utf16, bytes, graphemes, weighted
	Private      bool   // answers can go out in private, so that only their reader sees them
	Needs        []Need
	FirstStreams []string // names of streams read when the account lists none
	Bare         bool     // events tell no counts of their authors and Profiles, free of charge, does: it is asked about each once
}

// Field is one setting or secret.
type Field struct {
	Name     string
	Title    string
	Help     string
	Type     string // text, number, flag, list, map, address, expression, choice
	Choices  []string
	Default  any
	Required bool
}

// Bucket is a shared quota.
type Bucket struct {
	Name    string
	Calls   int           // per Per
	Per     time.Duration //
	Shared  string        // hook, account or origin: who draws from the same bucket
	Cost    float64       // USD per call or resource; more than 0 = paid, under the daily budget
	Reserve int           // percent left for the customer's other tools
}

// Price is what the vendor charges for one resource or one call. An account's setting "prices" may say otherwise.
type Price struct {
	Name string // post, user
	USD  float64
	What string // in words, with where it is written
}

// Rules is the network's rule profile: what may be done with its data.
type Rules struct {
	MayMatch string        // link authors to persons: yes; told (by consent, or by what they told us or show in public, with the evidence kept); optin; no
	MayScore bool          //
	MayStore bool          //
	StoreFor time.Duration // content is removed then; 0 = the tenant's own rule; 48 h or less never reaches the archive
	OnDelete string        // blank: text goes, the tombstone stays
	DeleteBy time.Duration // deadline for it
	Source   string        // where that is written
}

// Need is one thing a customer must have before it works.
type Need struct {
	What, Who, Takes, Before string // what is needed, who approves, how long that takes, what works before
}

// Raw is one received body on its way to Parse.
type Raw struct {
	Settings map[string]any    // of the hook, or of the account where it was polled
	Account  string            // the vendor's account id where the request names it; "" = in the body
	Stream   string            // which stream of a poll; "" = webhook
	Header   map[string]string // the headers that Verify asked to keep
	Body     []byte
	At       time.Time // received
	Origin   string    // of the polled account
}

// Receiver takes webhooks.
type Receiver interface {
	// Verify checks the raw bytes and answers handshakes; it parses no event. Forged: signature, age or shape is wrong.
	// Called by receive for each request, before anything is stored.
	Verify(ctx context.Context, h Hook, r webhook.Request) (webhook.Answer, error)
}

// Parser reads what Verify or Poll let through. Every network has it.
type Parser interface {
	// Parse gives the events of a body in its order. It is pure: the same Raw gives the same events, also years later
	// in a replay; webhook and poll of one thing give the same ids. The brand's own posts have direction out. What is no
	// event of interest is left out quietly. Invalid: the body is no such thing; nothing of it is used. Never panics.
	Parse(raw Raw) ([]flow.Event, error)
}

// Poller reads an account.
type Poller interface {
	// Poll reads the next page after cursor. The first call of a new account has cursor "" and answers with no bodies
	// and a cursor for now, unless a.History asks for all. The cursor is opaque and only moves forward; it is saved after the
	// bodies are durable, so a page may be read twice and must give the same ids then.
	Poll(ctx context.Context, a Account, cursor string) (Page, error)
}

// Page is what one call of Poll or Range brought.
type Page struct {
	Bodies []Body
	Cursor string        // where to go on
	More   bool          // at once
	Wait   time.Duration // else not before; 0 = Info.Poll
}

// Body is one raw body of a page, and its stream.
type Body struct {
	Stream string
	Data   []byte
}

// Profiler reads profiles of authors.
type Profiler interface {
	// Profiles answers for native author ids, at most ProfileBatch of Info… each; absent ones are left out.
	Profiles(ctx context.Context, a Account, ids []string) (map[string]flow.Author, error)
	// ProfileBatch is the most ids of one call.
	ProfileBatch() int
}

// Ranger reads a stretch of the past: backfill, reconciliation, counts.
type Ranger interface {
	// Range reads a page of what was created in [from, to). Cursor "" begins.
	Range(ctx context.Context, a Account, from, to time.Time, cursor string) (Page, error)
	// Estimate tells how many mentions and calls a Range would take, and whether the number is exact.
	Estimate(ctx context.Context, a Account, from, to time.Time) (mentions, calls int, exact bool, err error)
}

// Checker finds out what became of mentions.
type Checker interface {
	// Check looks at mentions as we know them, at most CheckBatch each: bodies for Parse (edits included) and the mention
	// ids that are gone. Of a thin event (flow.Event.Thin) it brings what was said.
	Check(ctx context.Context, a Account, mentions []flow.Mention) (bodies []Body, gone []string, err error)
	// CheckBatch is the most mentions of one call.
	CheckBatch() int
}

// Posted is an answer as it stands on the network.
type Posted struct {
	Native    string
	Permalink string
	At        time.Time
}

// Replier sends answers.
type Replier interface {
	// Reply posts once. key is stable per reply: vendors that honour an idempotency key get it. Gone: the parent is gone;
	// Invalid: too long, not permitted or window closed, in words for the sender; Ambiguous: nobody knows.
	Reply(ctx context.Context, a Account, r flow.Reply, key string) (Posted, error)
	// Idempotent tells whether repeating Reply with the same key posts once.
	Idempotent() bool
}

// ReplyFinder looks whether an answer of unknown outcome is there.
type ReplyFinder interface {
	// FindReply looks for r below its parent. NotFound: certainly not there.
	FindReply(ctx context.Context, a Account, r flow.Reply) (Posted, error)
}

// Extender is a network that may keep the answer window open longer than Mention.ReplyUntil says.
type Extender interface {
	// Extend gives how much longer, with the account's settings; 0 = not at all. It is pure. A reply with a Rule was
	// written by no human.
	Extend(settings map[string]any, r flow.Reply) time.Duration
}

// Aliaser is a network on which one human has several ids, such as one per page.
type Aliaser interface {
	// Aliases gives the other author ids of an author, as far as this account can tell: an erasure goes through them too.
	// NotFound: the network knows nobody of that id.
	Aliases(ctx context.Context, a Account, author string) ([]string, error)
}

// Target is something a grant can be connected to: a page, a profile, a list.
type Target struct{ ID, Title, Handle string }

// Token is what an authorisation brought.
type Token struct {
	Access  flow.Secret
	Refresh flow.Secret
	Expires time.Time // zero = does not expire by itself
	Scopes  []string
	Target  Target
}

// Registrar signs our app up at the vendor, where each server of a network wants a registration of its own.
type Registrar interface {
	// Register gives the secrets to keep (client_id, client_secret). Called before Connect when the account has none.
	Register(ctx context.Context, a Account, redirect string) (map[string]flow.Secret, error)
}

// Authorizer logs in at the vendor.
type Authorizer interface {
	// Connect gives the address to open in a browser. state comes back with the code.
	Connect(ctx context.Context, a Account, redirect, state string) (address string, err error)
	// Exchange turns the code into a token and the targets to choose from. Where the account has no id and there are several, the
	// token has no Access and has expired: Refresh gives it once the account has the id of one of them.
	Exchange(ctx context.Context, a Account, redirect, code string) (Token, []Target, error)
	// Refresh renews a token. The caller holds the only lease and stores the answer before using it. old is empty where the
	// account was refused and nobody logged in so far: whoever can begin with the account's own secrets (an app password, a
	// key) does so, all others answer Unauthorized.
	Refresh(ctx context.Context, a Account, old Token) (Token, error)
}

// Biller tells what the vendor charges for what it sends by webhook, which no budget can hold back.
type Biller interface {
	// Billed gives the prices of one event that came by webhook; nil = it is free.
	Billed(e flow.Event) map[string]int
}

// Subscriber keeps subscriptions at the vendor alive.
type Subscriber interface {
	// Subscription tells whether events of the account are being sent to address.
	Subscription(ctx context.Context, a Account, address string) (live bool, until time.Time, err error)
	// Renew subscribes again.
	Renew(ctx context.Context, a Account, address string) error
}

// Finding is one line of a doctor's report.
type Finding struct {
	What string // credentials, permissions, access level, subscription, clock, fields, billing
	OK   bool
	Say  string // what was seen, in plain words
	Mend string // what to do, where not OK
}

// Prober examines an account without changing anything.
type Prober interface {
	// Probe looks and reports; an error means that it could not look.
	Probe(ctx context.Context, a Account) ([]Finding, error)
}

// Length counts a text in a network's unit: runes, utf16, bytes, weighted (see [Weighted]), or graphemes (the default).
func Length(text, unit string) int {
	switch unit {
	case "bytes":
		return len(text)
	case "runes":
		return utf8.RuneCountInString(text)
	case "utf16":
		n := 0
		for _, r := range text {
			n += utf16.RuneLen(r)
		}
		return n
	case "weighted":
		return Weighted(text)
	}
	return uniseg.GraphemeClusterCount(text)
}

// Signer signs a body as the vendor would, for tests and `rapport send`: it is a receiver's other half.
type Signer interface {
	// Sign gives the headers of a call to address, with the hook's current secret.
	Sign(h Hook, address string, body []byte, at time.Time) (http.Header, error)
}
