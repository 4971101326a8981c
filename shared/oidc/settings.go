// Package oidc logs people in at an OpenID Connect provider: authorization code with PKCE, state and nonce, as
// https://openid.net/specs/openid-connect-core-1_0.html and RFC 9700 want it. Which provider that is (Cognito, Keycloak,
// Entra, Okta) is told by its issuer alone; passwords, second factors and federation are the provider's.
package oidc

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"

	"rapport/shared/fault"
	"rapport/shared/topology"
)

// Settings says where people log in. It holds no secret.
type Settings struct {
	Issuer string   `json:"issuer"`           // https://…; where /.well-known/openid-configuration is found
	Client string   `json:"client"`           // our client id there
	Secret string   `json:"secret,omitempty"` // reference of the client secret; "" = a public client, which PKCE protects
	Base   string   `json:"base,omitempty"`   // our own address, without a slash at its end
	Logout string   `json:"logout,omitempty"` // log-out page of Cognito, which its discovery does not tell; "" = what the provider tells
	Claims []string `json:"claims,omitempty"` // where groups stand in the id token; none = groups, roles, cognito:groups
	Scopes []string `json:"scopes,omitempty"` // none = openid, email, profile
}

// Back is the path behind Base to which a provider sends people back.
const Back = topology.ConsoleBack

// Parse reads settings from JSON and checks them. Invalid: what is wrong, and how it should be.
func Parse(text []byte) (Settings, error) {
	var s Settings
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fault.New(fault.Invalid, "log-in: the settings have to be a JSON object of issuer, client, secret, base, logout, claims, scopes: %w", err)
	}
	if s.Client == "" {
		return s, fault.New(fault.Invalid, "log-in: client is missing: the client id that the provider gave")
	}
	for name, value := range map[string]string{"issuer": s.Issuer, "base": s.Base, "logout": s.Logout} {
		if value == "" && name != "issuer" {
			continue
		}
		if err := address(value); err != nil {
			return s, fault.New(fault.Invalid, "log-in: %s is %q: %w", name, value, err)
		}
	}
	s.Base = strings.TrimSuffix(s.Base, "/")
	if len(s.Claims) == 0 {
		s.Claims = []string{"groups", "roles", "cognito:groups"}
	}
	if len(s.Scopes) == 0 {
		s.Scopes = []string{"openid", "email", "profile"}
	}
	return s, nil
}

// address wants https, or http on this machine: what a log-in sends is secret.
func address(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fault.New(fault.Invalid, "it must be an address such as https://login.example")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !here) {
		return fault.New(fault.Invalid, "it must begin with https://")
	}
	return nil
}
