package salesforce

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// token serves the OAuth token endpoint. A session's lifetime is not told.
func (g *Org) token(r *http.Request, body []byte) (int, any) {
	refused := func(code, text string) (int, any) {
		return 400, map[string]any{"error": code, "error_description": text}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Method != http.MethodPost {
		return refused("invalid_request", "must use HTTP POST")
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		if g.o.ClientSecret == "" {
			return refused("invalid_grant", "no client credentials user enabled")
		}
		if form.Get("client_id") != g.o.ClientID || form.Get("client_secret") != g.o.ClientSecret {
			return refused("invalid_client", "invalid client credentials")
		}
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		if why := g.assertion(form.Get("assertion")); why != "" {
			return refused("invalid_grant", why)
		}
	default:
		return refused("unsupported_grant_type", "grant type not supported")
	}
	g.grants++
	access := fmt.Sprintf("00D000000000001!session.%d", g.grants)
	g.sessions[access] = g.o.Now().Add(g.o.Life)
	instance := g.o.Instance
	if instance == "" {
		instance = "http://" + r.Host
	}
	return 200, map[string]any{"access_token": access, "instance_url": instance, "id": "https://login.salesforce.com/id/" + OrgID + "/" + Integration,
		"token_type": "Bearer", "scope": "api"}
}

// assertion checks a signed assertion and says what is wrong with it.
func (g *Org) assertion(text string) string {
	parts := strings.Split(text, ".")
	if g.o.Key == nil || len(parts) != 3 {
		return "invalid assertion"
	}
	var head struct{ Alg string }
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	for i, v := range []any{&head, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, v) != nil {
			return "invalid assertion"
		}
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	left := time.Unix(claims.Exp, 0).Sub(g.o.Now())
	switch {
	case head.Alg != "RS256" || err != nil || rsa.VerifyPKCS1v15(g.o.Key, crypto.SHA256, sum[:], signature) != nil:
		return "invalid assertion"
	case claims.Iss != g.o.ClientID:
		return "client identifier invalid"
	case claims.Aud != g.o.Audience:
		return "audience is invalid"
	case left <= 0 || left > 5*time.Minute:
		return "expired or too far ahead"
	case claims.Sub != g.o.Username:
		return "user hasn't approved this consumer"
	}
	return ""
}

// Expire ends all sessions that log-ins opened.
func (g *Org) Expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for token := range g.sessions {
		g.sessions[token] = g.o.Now().Add(-time.Second)
	}
}

// Grants tells how many log-ins there were.
func (g *Org) Grants() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}
