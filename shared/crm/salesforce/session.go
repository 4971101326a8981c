package salesforce

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/rest"
)

// sessions keeps the open session of each account. Safe for concurrent use: one caller logs in, the others wait.
type sessions struct {
	mu   sync.Mutex
	open map[string]*slot
}

// slot is one account's session; who holds the token of turn may look at it.
type slot struct {
	turn  chan struct{}
	proof [sha256.Size]byte // of the credentials it was opened with
	value *session
}

// session is an access token and what was learnt with it. Its lifetime is the org's secret: it ends when it is refused.
type session struct {
	token string
	user  string // id of the user it acts for; "" = not told yet

	mu        sync.Mutex
	described map[string]description
}

func newSessions() *sessions { return &sessions{open: map[string]*slot{}} }

func (s *sessions) of(a crm.Account) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := a.Name + "\x00" + a.Origin
	if s.open[name] == nil {
		s.open[name] = &slot{turn: make(chan struct{}, 1)}
	}
	return s.open[name]
}

// get gives the session, opened if there is none or if the credentials changed.
func (s *slot) get(ctx context.Context, proof [sha256.Size]byte, login func() (*session, error)) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.value != nil && s.proof == proof {
		return s.value, nil
	}
	fresh, err := login()
	if err != nil {
		return nil, err
	}
	s.value, s.proof = fresh, proof
	return fresh, nil
}

// drop forgets a session that has ended, unless somebody renewed it already.
func (s *slot) drop(ctx context.Context, ended *session) {
	select {
	case s.turn <- struct{}{}:
		if s.value == ended {
			s.value = nil
		}
		<-s.turn
	case <-ctx.Done():
	}
}

// open checks the form of the settings and gives a client with a session.
func (f *Salesforce) open(ctx context.Context, a crm.Account) (client, error) {
	c := client{a: a, version: a.Text("version"), keyField: a.Text("key_field"), slot: f.sessions.of(a)}
	if c.version == "" {
		c.version = defaultVersion
	}
	if c.keyField == "" {
		c.keyField = defaultKeyField
	}
	if n, ok := strings.CutSuffix(c.version, ".0"); !ok || len(n) != 2 || strings.Trim(n, "0123456789") != "" {
		return c, fault.New(fault.Invalid, "setting version is %q: it has the form 66.0", c.version)
	}
	if strings.Trim(c.keyField, letters) != "" {
		return c, fault.New(fault.Invalid, "setting key_field is %q: letters, digits and _ only", c.keyField)
	}
	proof := sha256.Sum256([]byte(strings.Join([]string{a.Secret("token"), a.Secret("private_key"), a.Secret("client_secret"), a.Text("client_id"), a.Text("username"), a.Text("audience")}, "\x00")))
	var err error
	c.s, err = c.slot.get(ctx, proof, func() (*session, error) { return c.login(ctx) })
	return c, err
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// login opens a session by what secrets there are: a signed assertion, client credentials, or a standing token. The
// token endpoint is called at the account's own address, so that no credential goes anywhere else.
func (c client) login(ctx context.Context) (*session, error) {
	form := url.Values{}
	switch a := c.a; {
	case a.Secret("private_key") != "":
		assertion, err := c.assertion()
		if err != nil {
			return nil, err
		}
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		form.Set("assertion", assertion)
	case a.Secret("client_secret") != "":
		form.Set("grant_type", "client_credentials")
		form.Set("client_id", a.Text("client_id"))
		form.Set("client_secret", a.Secret("client_secret"))
	case a.Secret("token") != "":
		return &session{token: a.Secret("token"), described: map[string]description{}}, nil
	default:
		return nil, fault.New(fault.Unauthorized, "account %s has no credentials: set secret private_key (with client_id and username), client_secret (with client_id), or token", a.Name)
	}
	resp, err := c.a.Do(ctx, rest.Request{Method: http.MethodPost, URL: "/services/oauth2/token", Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}})
	switch {
	case fault.Is(err, fault.Ambiguous): // nothing was written yet
		return nil, fault.New(fault.Transient, "log-in: %w", err)
	case err != nil:
		return nil, err
	}
	var out struct {
		Access      string `json:"access_token"`
		Instance    string `json:"instance_url"`
		ID          string `json:"id"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	decoded := json.Unmarshal(resp.Body, &out)
	switch {
	case resp.Status/100 != 2 && decoded == nil && out.Error != "" && resp.Status < 429:
		return nil, fault.New(fault.Unauthorized, "Salesforce refused the log-in (%s: %s): look at client_id, username, audience, the app's policies and its certificate or secret", rest.Snippet([]byte(out.Error)), rest.Snippet([]byte(out.Description)))
	case resp.Status/100 != 2:
		return nil, c.refused(ctx, resp, 1)
	case decoded != nil || out.Access == "":
		return nil, fault.New(fault.Transient, "Salesforce's token endpoint answered no token")
	}
	if at, err := url.Parse(out.Instance); out.Instance != "" && (err != nil || rest.Origin(at) != strings.ToLower(c.a.Origin)) {
		return nil, fault.New(fault.Unauthorized, "the org of account %s lives at %s: set its origin to that, as tokens go nowhere else", c.a.Name, rest.Snippet([]byte(out.Instance)))
	}
	return &session{token: out.Access, user: path.Base(out.ID), described: map[string]description{}}, nil
}

// assertion signs who we are, for three minutes.
func (c client) assertion() (string, error) {
	audience := c.a.Text("audience")
	if audience == "" {
		audience = defaultAudience
	}
	if c.a.Text("client_id") == "" || c.a.Text("username") == "" {
		return "", fault.New(fault.Unauthorized, "account %s logs in by signed assertion: set client_id and username", c.a.Name)
	}
	block, _ := pem.Decode([]byte(c.a.Secret("private_key")))
	if block == nil {
		return "", fault.New(fault.Unauthorized, "secret private_key of account %s is no PEM text", c.a.Name)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		any, perr := x509.ParsePKCS8PrivateKey(block.Bytes)
		parsed, ok := any.(*rsa.PrivateKey)
		if perr != nil || !ok {
			return "", fault.New(fault.Unauthorized, "secret private_key of account %s holds no RSA key", c.a.Name)
		}
		key = parsed
	}
	claims, err := json.Marshal(map[string]any{"iss": c.a.Text("client_id"), "sub": c.a.Text("username"), "aud": audience, "exp": c.a.Now.Add(3 * time.Minute).Unix()})
	if err != nil {
		return "", fault.New(fault.Invalid, "the assertion cannot be written: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]) // gives the same for the same: needs no chance
	if err != nil {
		return "", fault.New(fault.Unauthorized, "secret private_key of account %s cannot sign", c.a.Name)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// self is the id of the user we act for.
func (c client) self(ctx context.Context) (string, error) {
	c.s.mu.Lock()
	user := c.s.user
	c.s.mu.Unlock()
	if user != "" {
		return user, nil
	}
	var out struct {
		User string `json:"user_id"`
	}
	if err := c.call(ctx, http.MethodGet, "/services/oauth2/userinfo", nil, nil, &out, 1); err != nil {
		return "", err
	}
	if !isID(out.User) {
		return "", fault.New(fault.Ambiguous, "Salesforce does not say who we are")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.user = out.User
	return out.User, nil
}
