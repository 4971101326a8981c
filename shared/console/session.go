package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

// The roles. Who came by the local link has all but agent, which is for tokens of CRM agents' tools.
const (
	Viewer   = "viewer"   // looks; private messages are masked
	Admin    = "admin"    // configures
	Operator = "operator" // keeps it running: failures, dry runs, tests
	Privacy  = "privacy"  // persons, objections, erasures, audit trail
	Agent    = "agent"    // is told the next action of a mention, and of whoever is in contact just now; no words of anybody
)

// Roles lists them.
func Roles() []string { return []string{Viewer, Admin, Operator, Privacy, Agent} }

const (
	linkFor    = 15 * time.Minute
	sessionFor = 12 * time.Hour
	cookie     = "rapport_session"
)

// linkRow is a one-time link. Kept under the hash of its secret.
type linkRow struct {
	User  string   `json:"user"`
	Roles []string `json:"roles"`
}

// sessionRow is a log-in. Kept under the hash of the cookie.
type sessionRow struct {
	User    string        `json:"user"`
	Roles   []string      `json:"roles"` // grants
	CSRF    string        `json:"csrf"`
	Until   time.Time     `json:"until"`
	Seen    time.Time     `json:"seen,omitzero"`
	Idle    time.Duration `json:"idle,omitempty"`    // it ends when it is not used for so long; 0 = never
	Subject string        `json:"subject,omitempty"` // as the provider calls them
	Proof   string        `json:"proof,omitempty"`   // the provider's id token, sealed, to log out with
}

// tokenRow is a token of the API. Kept under "-", by the hash of the token.
type tokenRow struct {
	Name string    `json:"name"`
	Role string    `json:"role"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Link makes a link that opens the console once within a quarter of an hour: a path to put behind the console's address.
func (c *Console) Link(ctx context.Context, user string, roles ...string) (path string, err error) {
	if len(roles) == 0 {
		roles = []string{Viewer, Admin, Operator, Privacy}
	}
	secret := secretText()
	row := &store.Row[linkRow]{Part: hash(secret), Sort: "-", Expires: c.now().Add(linkFor), Value: linkRow{user, roles}}
	if res := c.links.Put(ctx, row)[0]; res.Err != nil {
		return "", res.Err
	}
	return "/enter?key=" + secret, nil
}

// enter turns a link into a session. Of two who open the same link one gets in.
func (c *Console) enter(ctx context.Context, secret string) (string, error) {
	link, err := c.links.One(ctx, hash(secret), "-")
	if err != nil {
		return "", err
	}
	refused := fault.New(fault.Unauthorized, "this link is used up, too old or not complete: start `rapport up` again, or run `rapport console`, for a new one")
	if link.Version == 0 {
		return "", refused
	}
	gone := store.Item{Part: "consolelink#" + hash(secret), Sort: "-", Version: link.Version}
	if res := c.Pipeline.Store.Delete(ctx, gone)[0]; res.Err != nil {
		return "", refused
	}
	return c.begin(ctx, sessionRow{User: link.Value.User, Roles: link.Value.Roles}, sessionFor)
}

// begin makes a session under a key that nobody had before.
func (c *Console) begin(ctx context.Context, s sessionRow, d time.Duration) (key string, err error) {
	key = secretText()
	s.CSRF, s.Seen, s.Until = secretText(), c.now(), c.now().Add(d)
	if res := c.sessions.Put(ctx, &store.Row[sessionRow]{Part: hash(key), Sort: "-", Expires: s.Until, Value: s})[0]; res.Err != nil {
		return "", res.Err
	}
	return key, c.note(ctx, s.User, "logged in", strings.Join(s.Roles, ", "))
}

// leave ends a session.
func (c *Console) leave(ctx context.Context, key string) {
	c.Pipeline.Store.Delete(ctx, store.Item{Part: "consolesession#" + hash(key), Sort: "-", Version: store.AnyVersion})
}

// who is the one behind a request.
type who struct {
	User  string
	Roles []string
	CSRF  string
	token bool // by the API's token: no cookie, so no foreign page can borrow it

	provider bool   // logged in at the provider
	proof    string // its id token, sealed
}

// May tells templates whether one of the roles is theirs for all brands, Any whether it is for one.
func (w *who) May(roles ...string) bool { return w.has(roles...) }

// Any is anywhere.
func (w *who) Any(roles ...string) bool { return w.anywhere(roles...) }

// identify finds out who asks, nil = nobody known.
func (c *Console) identify(r *http.Request) (*who, error) {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		row, err := c.tokens.One(r.Context(), "-", hash(bearer))
		if err != nil || row.Version == 0 {
			return nil, err
		}
		return &who{User: "token " + row.Value.Name, Roles: []string{row.Value.Role}, token: true}, nil
	}
	k, err := r.Cookie(c.cookie(cookie))
	if err != nil {
		return nil, nil
	}
	row, err := c.sessions.One(r.Context(), hash(k.Value), "-")
	if err != nil || row.Version == 0 || !c.now().Before(row.Value.Until) {
		return nil, err
	}
	if !c.touch(r.Context(), k.Value, &row) {
		return nil, nil
	}
	return &who{User: row.Value.User, Roles: row.Value.Roles, CSRF: row.Value.CSRF, proof: row.Value.Proof, provider: row.Value.Subject != ""}, nil
}

// genuine tells whether a writing request comes from one of our own pages.
func genuine(r *http.Request, w *who) bool {
	if w.token {
		return true
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "null" {
		if _, host, _ := strings.Cut(origin, "://"); !strings.EqualFold(host, r.Host) {
			return false
		}
	}
	got := r.Header.Get("X-CSRF")
	if got == "" {
		got = r.PostFormValue("csrf")
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(w.CSRF)) == 1
}
