package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"rapport/shared/fault"
	"rapport/shared/flow"
)

// Options is what a Provider stands on.
type Options struct {
	Settings
	Key  func(ctx context.Context) (flow.Secret, error) // the client secret; nil = none
	HTTP *http.Client
	Now  func() time.Time
}

// Provider is where people log in. It asks the provider nothing before somebody does. Safe for concurrent use.
type Provider struct {
	o      Options
	client *http.Client

	mu    sync.Mutex
	known *known // nil = not discovered yet
}

// known is what discovery told.
type known struct {
	endpoint oauth2.Endpoint
	verifier *oidc.IDTokenVerifier
	end      string // end_session_endpoint
}

// Attempt is one log-in under way. It stays with the browser that began it, sealed.
type Attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
}

// Identity is who logged in, as the provider vouches for.
type Identity struct {
	Subject string
	Name    string // an e-mail address that is verified, else a name, else the subject
	Groups  []string
	Token   string // the id token, to log out with
}

// algorithms are the signatures that are taken: none with a shared key, and never none at all.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// calm is how long keys are not asked for again, however many tokens name keys that nobody knows.
const calm = 10 * time.Second

// most is how much of an answer of the provider is read.
const most = 1 << 20

// New makes a provider. It calls nobody.
func New(o Options) *Provider {
	client := *o.HTTP
	client.Transport = bounded{client.Transport}
	return &Provider{o: o, client: &client}
}

// bounded cuts answers that are longer than any honest one.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, most), resp.Body}
	}
	return resp, err
}

// paced lets keys be fetched once in a while only.
type paced struct {
	next http.RoundTripper
	now  func() time.Time
	mu   sync.Mutex
	last time.Time
}

func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	now := p.now()
	soon := now.Sub(p.last) < calm
	if !soon {
		p.last = now
	}
	p.mu.Unlock()
	if soon {
		return nil, fault.New(fault.Unauthorized, "no key of the provider fits, and they were fetched a moment ago")
	}
	return p.next.RoundTrip(r)
}

// discover asks the provider for its addresses, once.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.o.Issuer)
	if err != nil {
		var other *oidc.IssuerMismatchError
		if errors.As(err, &other) {
			return nil, fault.New(fault.Invalid, "log-in: the provider calls itself %q, not %q: mend the issuer", other.Discovered, other.Provided)
		}
		return nil, fault.New(fault.Unavailable, "log-in: the provider at %s does not tell its addresses", p.o.Issuer)
	}
	var told struct {
		Keys    string   `json:"jwks_uri"`
		End     string   `json:"end_session_endpoint"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&told); err != nil {
		return nil, fault.New(fault.Unavailable, "log-in: what the provider at %s tells is not understood", p.o.Issuer)
	}
	k := &known{endpoint: found.Endpoint(), end: told.End}
	for _, at := range []string{k.endpoint.AuthURL, k.endpoint.TokenURL, told.Keys} {
		if err := address(at); err != nil {
			return nil, fault.New(fault.Invalid, "log-in: the provider at %s names an address %q: %w", p.o.Issuer, at, err)
		}
	}
	k.endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.o.Key == nil || len(told.Methods) > 0 && !slices.Contains(told.Methods, "client_secret_basic") {
		k.endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	keys := *p.client
	keys.Transport = &paced{next: p.client.Transport, now: p.o.Now}
	k.verifier = oidc.NewVerifier(p.o.Issuer, oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), &keys), told.Keys),
		&oidc.Config{ClientID: p.o.Client, SupportedSigningAlgs: algorithms, Now: p.o.Now})
	p.known = k
	return k, nil
}

func (p *Provider) config(k *known, base string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.o.Client, Endpoint: k.endpoint, RedirectURL: base + Back, Scopes: p.o.Scopes}
}

// Begin starts a log-in: where to send the browser, and what it has to bring back. base is our own address.
func (p *Provider) Begin(ctx context.Context, base string) (Attempt, string, error) {
	k, err := p.discover(ctx)
	if err != nil {
		return Attempt{}, "", err
	}
	a := Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	return a, p.config(k, base).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Finish ends a log-in with what the browser brought back: the values of the address. Unauthorized: it proves nobody.
func (p *Provider) Finish(ctx context.Context, base string, a Attempt, back url.Values) (Identity, error) {
	refused := func(why string) (Identity, error) {
		return Identity{}, fault.New(fault.Unauthorized, "log-in: %s: try again", why)
	}
	if a.State == "" || subtle.ConstantTimeCompare([]byte(back.Get("state")), []byte(a.State)) != 1 {
		return refused("this answer does not belong to a log-in that this browser began")
	}
	if issuer := back.Get("iss"); issuer != "" && issuer != p.o.Issuer { // RFC 9207
		return refused("the answer comes from another provider")
	}
	if code := back.Get("error"); code != "" {
		return refused("the provider says " + plain(code))
	}
	if back.Get("code") == "" {
		return refused("the answer holds no code")
	}
	k, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	c := p.config(k, base)
	if p.o.Key != nil {
		secret, err := p.o.Key(ctx)
		if err != nil {
			return Identity{}, err
		}
		c.ClientSecret = secret.Reveal()
	}
	token, err := c.Exchange(oidc.ClientContext(ctx, p.client), back.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		var said *oauth2.RetrieveError
		if errors.As(err, &said) && said.Response != nil && said.Response.StatusCode < 500 {
			return refused("the provider refuses the code: " + plain(said.ErrorCode))
		}
		return Identity{}, fault.New(fault.Unavailable, "log-in: the provider does not exchange codes at present: try again in a minute")
	}
	raw, _ := token.Extra("id_token").(string)
	return p.read(ctx, k, raw, a.Nonce)
}

// read checks an id token: signature, issuer, audience, time, nonce.
func (p *Provider) read(ctx context.Context, k *known, raw, nonce string) (Identity, error) {
	proof, err := k.verifier.Verify(ctx, raw)
	if err != nil { // the library's error may hold what the token says
		return Identity{}, fault.New(fault.Unauthorized, "log-in: the provider's proof is not valid (%s): try again", flaw(err))
	}
	claims := map[string]json.RawMessage{}
	if err := proof.Claims(&claims); err != nil {
		return Identity{}, fault.New(fault.Unauthorized, "log-in: the provider's proof is not understood")
	}
	if subtle.ConstantTimeCompare([]byte(proof.Nonce), []byte(nonce)) != 1 || nonce == "" {
		return Identity{}, fault.New(fault.Unauthorized, "log-in: the provider's proof was made for another log-in: try again")
	}
	if party := text(claims["azp"]); party != "" && party != p.o.Client || party == "" && len(proof.Audience) > 1 {
		return Identity{}, fault.New(fault.Unauthorized, "log-in: the provider's proof was made for another client")
	}
	if proof.Subject == "" || proof.IssuedAt.After(p.o.Now().Add(5*time.Minute)) {
		return Identity{}, fault.New(fault.Unauthorized, "log-in: the provider's proof names nobody, or a time to come")
	}
	who := Identity{Subject: proof.Subject, Name: proof.Subject, Token: raw}
	for _, name := range []string{"name", "preferred_username"} {
		if v := text(claims[name]); v != "" {
			who.Name = v
		}
	}
	if mail := text(claims["email"]); mail != "" && string(claims["email_verified"]) != "false" && text(claims["email_verified"]) != "false" {
		who.Name = mail
	}
	for _, name := range p.o.Claims {
		who.Groups = append(who.Groups, groups(claims[name])...)
	}
	return who, nil
}

// flaw says in plain words why a token is refused, without what it holds.
func flaw(err error) string {
	var old *oidc.TokenExpiredError
	switch said := err.Error(); {
	case errors.As(err, &old):
		return "it is too old"
	case strings.Contains(said, "audience"):
		return "it was made for another client"
	case strings.Contains(said, "different provider"):
		return "it comes from another provider"
	case strings.Contains(said, "signature"):
		return "its signature does not fit"
	}
	return "it cannot be read"
}

func text(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s) // what is no text is none
	return s
}

// groups reads a claim of groups: a list, or a text of names with commas, in brackets where SAML came through Cognito.
func groups(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	for name := range strings.SplitSeq(strings.Trim(text(raw), "[] "), ",") {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// plain lets nothing but an error code through, which is what it should be.
func plain(code string) string {
	if len(code) > 40 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "something that is no error code"
	}
	return code
}

// Leave gives the address at which the provider ends its own session and sends the browser to our address; "" = it has none.
func (p *Provider) Leave(ctx context.Context, base, token string) string {
	if p.o.Logout != "" {
		return p.o.Logout + "?" + url.Values{"client_id": {p.o.Client}, "logout_uri": {base + "/"}}.Encode()
	}
	k, err := p.discover(ctx)
	if err != nil || k.end == "" || address(k.end) != nil {
		return ""
	}
	v := url.Values{"client_id": {p.o.Client}, "post_logout_redirect_uri": {base + "/"}}
	if token != "" {
		v.Set("id_token_hint", token)
	}
	mark := "?"
	if strings.Contains(k.end, "?") {
		mark = "&"
	}
	return k.end + mark + v.Encode()
}
