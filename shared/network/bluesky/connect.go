package bluesky

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
)

const (
	life = 100 * time.Minute // of a session whose token does not tell
)

// session is what logging in and renewing bring.
type session struct {
	DID     string `json:"did"`
	Handle  string `json:"handle"`
	Access  string `json:"accessJwt"`
	Refresh string `json:"refreshJwt"`
	Active  *bool  `json:"active"`
	Status  string `json:"status"`
	Doc     struct {
		Services []struct {
			ID       string `json:"id"`
			Endpoint string `json:"serviceEndpoint"`
		} `json:"service"`
	} `json:"didDoc"`
}

// Connect gives the page where the brand makes an app password: that is the code. There is no redirect; the password is
// typed in and only the session that it opens is kept.
func (Network) Connect(_ context.Context, a network.Account, _, _ string) (string, error) {
	return strings.TrimSuffix(first(a.Text("web"), web), "/") + "/settings/app-passwords", nil
}

// Exchange opens a session with an app password. The one target is the account.
func (Network) Exchange(ctx context.Context, a network.Account, _, code string) (network.Token, []network.Target, error) {
	t, err := logIn(ctx, a, strings.TrimSpace(code))
	if err != nil {
		return t, nil, err
	}
	return t, []network.Target{t.Target}, nil
}

// Refresh renews a session; the old refresh token is used up. Where there is none, or it ran out, a new session is opened
// with the secret "password", if the account has one.
func (Network) Refresh(ctx context.Context, a network.Account, old network.Token) (network.Token, error) {
	if !old.Refresh.Empty() {
		var s session
		err := post(ctx, a, "com.atproto.server.refreshSession", old.Refresh.Reveal(), nil, &s)
		if err == nil {
			return s.token(a)
		}
		if !fault.Is(err, fault.Unauthorized) || a.Secret("password") == "" {
			return network.Token{}, hide(err, old.Refresh)
		}
	}
	if a.Secret("password") == "" {
		return network.Token{}, fault.New(fault.Unauthorized, "the account has no session: connect it, or name an app password as secret \"password\"")
	}
	return logIn(ctx, a, a.Secret("password"))
}

// logIn opens a session. Hosts count log-ins strictly, so nobody but Exchange and Refresh does.
func logIn(ctx context.Context, a network.Account, password string) (network.Token, error) {
	identifier := first(a.Text("identifier"), a.ID)
	if identifier == "" {
		return network.Token{}, fault.New(fault.Invalid, "account %s has neither identifier nor id: set the handle that logs in as setting \"identifier\"", a.Name)
	}
	if password == "" {
		return network.Token{}, fault.New(fault.Unauthorized, "no app password was given")
	}
	var s session
	err := post(ctx, a, "com.atproto.server.createSession", "", map[string]string{"identifier": identifier, "password": password}, &s)
	switch {
	case word(err) == "AuthFactorTokenRequired":
		return network.Token{}, fault.New(fault.Unauthorized, "this is the account's main password, which asks for a second factor: make an app password and use that")
	case word(err) == "AuthenticationRequired":
		return network.Token{}, fault.New(fault.Unauthorized, "the server refuses handle and app password of %s: make a new app password", identifier)
	case err != nil:
		return network.Token{}, hide(err, flow.NewSecret(password))
	}
	return s.token(a)
}

// hide takes a secret that is none of the account's yet out of a refusal that repeats it.
func hide(err error, secret flow.Secret) error {
	if text := secret.Reveal(); len(text) >= 4 && strings.Contains(err.Error(), text) {
		return fault.Wait(fault.Of(err), fault.After(err), "%s", strings.ReplaceAll(err.Error(), text, secret.String()))
	}
	return err
}

func (s session) token(a network.Account) (network.Token, error) {
	switch {
	case s.Active != nil && !*s.Active:
		return network.Token{}, fault.New(fault.Unauthorized, "the account %s is not active (%s): look into the app", s.Handle, first(s.Status, "no reason given"))
	case s.Access == "" || s.Refresh == "" || s.DID == "":
		return network.Token{}, fault.New(fault.Transient, "the server gives no session")
	case strings.HasPrefix(a.ID, "did:") && s.DID != a.ID:
		return network.Token{}, fault.New(fault.Unauthorized, "this session belongs to %s (%s), the account's id is %s: connect the right one", s.Handle, s.DID, a.ID)
	}
	return network.Token{Access: flow.NewSecret(s.Access), Refresh: flow.NewSecret(s.Refresh), Expires: expiry(s.Access, a.Now),
		Target: network.Target{ID: s.DID, Title: "@" + s.Handle, Handle: s.Handle}}, nil
}

// expiry reads when a token ends out of its claims, without checking its signature: it is only used to renew in time.
func expiry(token string, now time.Time) time.Time {
	parts := strings.Split(token, ".")
	var claims struct {
		Exp int64 `json:"exp"`
	}
	if len(parts) == 3 {
		if raw, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(raw, &claims) == nil {
			if at := time.Unix(claims.Exp, 0).UTC(); at.After(now) && at.Before(now.AddDate(1, 0, 0)) {
				return at
			}
		}
	}
	return now.Add(life)
}

// whoami asks whose session it is.
func whoami(ctx context.Context, a network.Account) (session, error) {
	var s session
	err := get(ctx, a, "com.atproto.server.getSession", nil, &s)
	if err == nil && s.DID == "" {
		err = fault.New(fault.Transient, "the server does not say whose session this is")
	}
	return s, err
}

// Probe looks at the host, the session, the handle and each stream.
func (Network) Probe(ctx context.Context, a network.Account) ([]network.Finding, error) {
	resp, err := a.Do(ctx, rest.Request{URL: "/xrpc/com.atproto.server.describeServer"})
	if err != nil {
		return nil, err
	}
	if resp.Status == http.StatusForbidden {
		return []network.Finding{{What: "server", Say: "The network's edge turns our calls away.", Mend: "Wait some hours; if it stays, call from another address."}}, nil
	}
	var out []network.Finding
	if resp.Status == http.StatusOK {
		out = append(out, network.Finding{What: "server", OK: true, Say: "The host answers."})
	} else if resp.Status != http.StatusUnauthorized {
		return nil, classify(resp, a.Now)
	}
	out = append(out, network.ProbeClock(resp.Header, a.Now, "the server's")...)
	me, err := whoami(ctx, a)
	if fault.Is(err, fault.Unauthorized) {
		return append(out, network.Finding{What: "credentials", Say: "The host refuses the session, or there is none.", Mend: "Connect the account with an app password, or name one as secret \"password\"."}), nil
	}
	if err != nil {
		return nil, err
	}
	out = append(append(out, probeAccount(a, me)...), probeStreams(ctx, a, me.DID)...)
	return out, nil
}

func probeAccount(a network.Account, me session) []network.Finding {
	var out []network.Finding
	switch {
	case a.ID == "":
		out = append(out, network.Finding{What: "credentials", Say: "The session belongs to @" + me.Handle + ", but the account has no id.", Mend: "Set the account's id to " + me.DID + ", so that its own posts are known as such."})
	case a.ID != me.DID:
		out = append(out, network.Finding{What: "credentials", Say: "The session belongs to @" + me.Handle + " (" + me.DID + "), the account's id is " + a.ID + ".", Mend: "Set the id to " + me.DID + ", or connect the other account."})
	default:
		out = append(out, network.Finding{What: "credentials", OK: true, Say: "The session belongs to @" + me.Handle + "."})
	}
	if me.Handle == "handle.invalid" {
		out = append(out, network.Finding{What: "handle", Say: "The handle's domain does not name the account any more.", Mend: "Set the DNS record _atproto of the domain, or choose the handle anew in the app."})
	}
	for _, s := range me.Doc.Services {
		if strings.HasSuffix(s.ID, "#atproto_pds") && !strings.EqualFold(strings.TrimSuffix(s.Endpoint, "/"), a.Origin) && a.Origin != home {
			out = append(out, network.Finding{What: "server", Say: "The account lives on " + s.Endpoint + ", its origin is " + a.Origin + ".", Mend: "Set the account's origin to " + s.Endpoint + "."})
		}
	}
	return out
}

func probeStreams(ctx context.Context, a network.Account, did string) (out []network.Finding) {
	for _, stream := range streamsOf(a) {
		if _, _, err := list(ctx, a, stream, did, "", time.Time{}, time.Time{}); err != nil {
			out = append(out, network.Finding{What: "stream " + stream, Say: "It cannot be read: " + err.Error(), Mend: "Check its name, and whether the host passes reads on to an index."})
			continue
		}
		out = append(out, network.Finding{What: "stream " + stream, OK: true, Say: "It can be read."})
	}
	return out
}
