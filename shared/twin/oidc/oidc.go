// Package oidc is a fake OpenID Connect provider: discovery, a log-in page, codes that hold once and only with their PKCE
// verifier, id tokens with true RS256 signatures, keys that rotate, log-out. A test may have the next token forged.
package oidc

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Options is what a provider is made of.
type Options struct {
	Now       func() time.Time
	Issuer    string            // "" = http:// and the host that is called
	Client    string            // the one client
	Secret    string            // of the client; "" = a public client
	Redirects []string          // where people may be sent back to; none = everywhere
	People    map[string]Person // by name; who logs in chooses one
}

// Person is somebody who may log in.
type Person struct {
	Email  string
	Groups []string
}

// Token is an id token before it is signed. Alg is RS256, HS256 (with Key's public half as the shared key, the old
// confusion) or none.
type Token struct {
	Alg    string
	ID     string // of the key
	Key    *rsa.PrivateKey
	Claims map[string]any
}

// grant is a code that was given out.
type grant struct {
	person, nonce, challenge, redirect string
	until                              time.Time
}

// Provider is the fake. Safe for concurrent use.
type Provider struct {
	o   Options
	mux *http.ServeMux

	mu      sync.Mutex
	keys    []key // newest last
	codes   map[string]grant
	forge   func(*Token)
	asked   int
	left    int
	granted int
}

type key struct {
	id string
	of *rsa.PrivateKey
}

// codeFor is how long a code holds.
const codeFor = time.Minute

// New makes a provider with its first key.
func New(o Options) *Provider {
	p := &Provider{o: o, mux: http.NewServeMux(), codes: map[string]grant{}}
	p.Rotate()
	p.mux.HandleFunc("GET /.well-known/openid-configuration", p.discover)
	p.mux.HandleFunc("GET /keys", p.jwks)
	p.mux.HandleFunc("GET /authorize", p.ask)
	p.mux.HandleFunc("POST /authorize", p.admit)
	p.mux.HandleFunc("POST /token", p.token)
	p.mux.HandleFunc("GET /logout", p.leave)
	return p
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Rotate makes a new key, with which everything is signed from now on, and forgets the others.
func (p *Provider) Rotate() {
	of, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // no chance left in the machine
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = []key{{rand.Text()[:8], of}}
}

// Forge has the next id token changed before it is signed.
func (p *Provider) Forge(change func(*Token)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forge = change
}

// Counts tells how often keys were fetched, tokens given and people logged out.
func (p *Provider) Counts() (keys, tokens, left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.granted, p.left
}

func (p *Provider) issuer(r *http.Request) string {
	if p.o.Issuer != "" {
		return p.o.Issuer
	}
	return "http://" + r.Host
}

func tell(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone
}

func (p *Provider) discover(w http.ResponseWriter, r *http.Request) {
	at := p.issuer(r)
	methods := []string{"none"}
	if p.o.Secret != "" {
		methods = []string{"client_secret_basic", "client_secret_post"}
	}
	tell(w, http.StatusOK, map[string]any{"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
		"end_session_endpoint": at + "/logout", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "token_endpoint_auth_methods_supported": methods, "code_challenge_methods_supported": []string{"S256"}})
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	var list []map[string]string
	for _, k := range p.keys {
		list = append(list, map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.id, "n": encode(k.of.N.Bytes()), "e": encode(big.NewInt(int64(k.of.E)).Bytes())})
	}
	tell(w, http.StatusOK, map[string]any{"keys": list})
}

var logIn = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Log in</title><main><h1>Who are you?</h1>
<form method="post" action="?{{.Query}}">{{range .People}}<p><button name="person" value="{{.}}">{{.}}</button></p>{{end}}</form></main></html>`))

// ask shows the log-in page.
func (p *Provider) ask(w http.ResponseWriter, r *http.Request) {
	if !p.sound(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = logIn.Execute(w, map[string]any{"Query": template.URL(r.URL.RawQuery), "People": slices.Sorted(maps.Keys(p.o.People))}) //nolint:gosec // the caller's own query
}

// sound checks a request for a code. What is wrong with client or redirect is never sent back to the redirect.
func (p *Provider) sound(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	switch {
	case q.Get("client_id") != p.o.Client:
		http.Error(w, "no such client", http.StatusBadRequest)
	case len(p.o.Redirects) > 0 && !slices.Contains(p.o.Redirects, q.Get("redirect_uri")):
		http.Error(w, "redirect_uri is not registered", http.StatusBadRequest)
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "":
		http.Error(w, "response_type=code, state and a code_challenge with S256 are needed", http.StatusBadRequest)
	default:
		return true
	}
	return false
}

// admit sends somebody back with a code; who is unknown comes back with an error.
func (p *Provider) admit(w http.ResponseWriter, r *http.Request) {
	if !p.sound(w, r) {
		return
	}
	q, person := r.URL.Query(), r.PostFormValue("person")
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "redirect_uri is no address", http.StatusBadRequest)
		return
	}
	v := url.Values{"state": {q.Get("state")}, "iss": {p.issuer(r)}}
	if _, known := p.o.People[person]; !known {
		v.Set("error", "access_denied")
	} else {
		v.Set("code", p.Code(person, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")))
	}
	back.RawQuery = v.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// Code gives out a code for somebody, as the log-in page does.
func (p *Provider) Code(person, nonce, challenge, redirect string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	p.codes[code] = grant{person, nonce, challenge, redirect, p.o.Now().Add(codeFor)}
	return code
}

// token exchanges a code for an id token, once.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	client, secret, basic := r.BasicAuth()
	if !basic {
		client, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if client != p.o.Client || subtle.ConstantTimeCompare([]byte(secret), []byte(p.o.Secret)) != 1 {
		tell(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := r.PostFormValue("code")
	g, ok := p.codes[code]
	delete(p.codes, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || p.o.Now().After(g.until) || g.redirect != r.PostFormValue("redirect_uri") || encode(sum[:]) != g.challenge || r.PostFormValue("grant_type") != "authorization_code" {
		tell(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	now, who := p.o.Now(), p.o.People[g.person]
	newest := p.keys[len(p.keys)-1]
	t := &Token{Alg: "RS256", ID: newest.id, Key: newest.of, Claims: map[string]any{"iss": p.issuer(r), "sub": "sub-" + g.person, "aud": p.o.Client, "nonce": g.nonce,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "email": who.Email, "email_verified": true, "groups": who.Groups}}
	if p.forge != nil {
		p.forge(t)
		p.forge = nil
	}
	p.granted++
	tell(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": t.sign()})
}

func (t *Token) sign() string {
	head, err := json.Marshal(map[string]string{"alg": t.Alg, "kid": t.ID, "typ": "JWT"})
	if err != nil {
		panic(err) // texts alone
	}
	body, err := json.Marshal(t.Claims)
	if err != nil {
		panic(err) // a test put a channel in
	}
	text := encode(head) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	switch t.Alg {
	case "none":
		return text + "."
	case "HS256":
		return text + "." + encode(shared(t.Key, text))
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, t.Key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // the key is of our own making
	}
	return text + "." + encode(sig)
}

// leave ends a session and sends people back where the client may have them.
func (p *Provider) leave(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.left++
	p.mu.Unlock()
	to := r.URL.Query().Get("post_logout_redirect_uri")
	if to == "" || r.URL.Query().Get("client_id") != p.o.Client {
		http.Error(w, "logged out", http.StatusOK)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// shared signs with a key that everybody has, for who takes any algorithm that a token names.
func shared(k *rsa.PrivateKey, text string) []byte {
	mac := hmac.New(sha256.New, x509.MarshalPKCS1PublicKey(&k.PublicKey))
	mac.Write([]byte(text)) // never fails
	return mac.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
