package console

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/oidc"
	"rapport/shared/store"
)

// How long a log-in at the provider may take, and how a session that began with one ends: not used for so long, or after
// a working day, when groups are read anew. A session is said to be used once in a while, not at each click.
const (
	attemptFor = 10 * time.Minute
	idleFor    = time.Hour
	workingDay = 10 * time.Hour
	touchEvery = 5 * time.Minute
)

// attemptCookie holds a log-in under way, sealed.
const attemptCookie = "rapport_login"

// attempt is a log-in under way, and where it is to end.
type attempt struct {
	oidc.Attempt
	To    string    `json:"to"`
	Until time.Time `json:"until"`
}

// logIn sends somebody to the provider. Nothing is stored: what they must bring back stays with them, sealed.
func (c *Console) logIn(w http.ResponseWriter, r *http.Request) {
	q := c.request(w, r, false)
	if c.Login == nil {
		q.who = nil
		c.fail(q, fault.New(fault.NotFound, "this console knows no provider to log in at"))
		return
	}
	a, to, err := c.Login.Begin(r.Context(), c.base(r))
	if err != nil {
		q.who = nil
		c.fail(q, err)
		return
	}
	sealed, err := c.seal(attempt{a, inside(r.URL.Query().Get("to")), c.now().Add(attemptFor)})
	if err != nil {
		c.fail(q, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: c.cookie(attemptCookie), Value: sealed, Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode, MaxAge: int(attemptFor.Seconds())})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// back takes in who comes from the provider.
func (c *Console) back(w http.ResponseWriter, r *http.Request) {
	q := c.request(w, r, false)
	k, err := r.Cookie(c.cookie(attemptCookie))
	http.SetCookie(w, &http.Cookie{Name: c.cookie(attemptCookie), Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.Secure}) // holds for one answer
	var a attempt
	if err == nil {
		err = c.unseal(k.Value, &a)
	}
	switch {
	case c.Login == nil:
		err = fault.New(fault.NotFound, "this console knows no provider to log in at")
	case err != nil || !c.now().Before(a.Until):
		err = fault.New(fault.Unauthorized, "this log-in took too long, or was begun in another browser: try again")
	}
	var key, to string
	if err == nil {
		key, to, err = c.welcomed(q, a)
	}
	if err != nil {
		c.Pipeline.Ports.Log.Warn("a log-in failed", "kind", fault.Of(err).String(), "error", err.Error())
		q.who = nil
		c.fail(q, err)
		return
	}
	c.setSession(w, key, workingDay, http.SameSiteLaxMode)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// welcomed turns a proof into a session. Who is in no group of ours gets none, and is told.
func (c *Console) welcomed(q *request, a attempt) (key, to string, err error) {
	ctx := q.r.Context()
	who, err := c.Login.Finish(ctx, c.base(q.r), a.Attempt, q.r.URL.Query())
	if err != nil {
		return "", "", err
	}
	plan, err := c.plan(ctx)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", "", err
	}
	var grants []string
	if err != nil { // nothing is configured yet: names of groups alone grant
		grants = grantsOf(who.Groups, nil)
	} else {
		grants = grantsOf(who.Groups, plan.Doc)
	}
	if len(grants) == 0 {
		if err := c.note(ctx, who.Name, "was refused: no group", ""); err != nil {
			return "", "", err
		}
		return "", "", fault.New(fault.Unauthorized, "you are logged in as %s, but in no group that may use this console: ask who looks after it to put you into one", who.Name)
	}
	token, err := c.seal(who.Token)
	if err != nil {
		return "", "", err
	}
	if old, err := q.r.Cookie(c.cookie(cookie)); err == nil {
		c.leave(ctx, old.Value)
	}
	key, err = c.begin(ctx, sessionRow{User: who.Name, Subject: who.Subject, Roles: grants, Proof: token, Idle: idleFor}, workingDay)
	return key, inside(a.To), err
}

// inside lets only paths of our own through, everything else becomes the first page.
func inside(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") ||
		strings.ContainsAny(to, "\\\r\n\t") || strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/login") || strings.HasPrefix(u.Path, "/enter") || strings.HasPrefix(u.Path, prefix) {
		return "/"
	}
	return to
}

// base is our own address, without a slash at its end. The host was checked before.
func (c *Console) base(r *http.Request) string {
	if c.Base != "" {
		return c.Base
	}
	if c.Secure {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// cookie gives the whole name of a cookie: by https only this host may set it.
func (c *Console) cookie(name string) string {
	if c.Secure {
		return "__Host-" + name
	}
	return name
}

func (c *Console) setSession(w http.ResponseWriter, key string, d time.Duration, from http.SameSite) {
	http.SetCookie(w, &http.Cookie{Name: c.cookie(cookie), Value: key, Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: from, MaxAge: int(d.Seconds())})
}

// touch notes that a session is used, or ends it where it was not for too long.
func (c *Console) touch(ctx context.Context, key string, row *store.Row[sessionRow]) (live bool) {
	s, now := &row.Value, c.now()
	if s.Idle == 0 {
		return true
	}
	if now.Sub(s.Seen) >= s.Idle {
		c.leave(ctx, key)
		return false
	}
	if now.Sub(s.Seen) >= touchEvery {
		s.Seen = now
		c.sessions.Put(ctx, row) // a conflict means that another call said so
	}
	return true
}

// cipher is of what browsers keep for us and sessions hold of a provider: AES-256-GCM under a key of its own.
func (c *Console) cipher() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, c.Pipeline.Pepper, nil, "rapport console", 32)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of the console: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of the console: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (c *Console) seal(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fault.New(fault.Invalid, "cannot be sealed: %w", err)
	}
	aead, err := c.cipher()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, text, nil)), nil
}

func (c *Console) unseal(sealed string, v any) error {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return fault.New(fault.Unauthorized, "this was not sealed here")
	}
	aead, err := c.cipher()
	if err != nil {
		return err
	}
	text, err := aead.Open(nil, nil, raw, nil)
	if err != nil {
		return fault.New(fault.Unauthorized, "this was not sealed here")
	}
	return json.Unmarshal(text, v)
}
