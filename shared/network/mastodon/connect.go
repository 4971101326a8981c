package mastodon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
)

// Register signs our app up at the account's server and gives client_id and client_secret to keep.
func (Network) Register(ctx context.Context, a network.Account, redirect string) (map[string]flow.Secret, error) {
	resp, err := a.Do(ctx, rest.Request{Method: http.MethodPost, URL: "/api/v1/apps",
		JSON: map[string]string{"client_name": "Rapport", "redirect_uris": redirect, "scopes": scopes}})
	if err != nil {
		return nil, err
	}
	if err := classify(resp, a.Now); err != nil {
		return nil, err
	}
	var app struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := resp.JSON(&app); err != nil {
		return nil, err
	}
	if app.ID == "" || app.Secret == "" {
		return nil, fault.New(fault.Transient, "the server gives no client id for our app")
	}
	return map[string]flow.Secret{"client_id": flow.NewSecret(app.ID), "client_secret": flow.NewSecret(app.Secret)}, nil
}

// Connect gives the address where the brand's account grants access. Without client id it is Invalid: Register first.
func (Network) Connect(_ context.Context, a network.Account, redirect, state string) (string, error) {
	if a.Secret("client_id") == "" {
		return "", fault.New(fault.Invalid, "account %s has no client_id: our app must be registered on this server first", a.Name)
	}
	base, err := url.Parse(a.Origin)
	if err != nil || base.Host == "" {
		return "", fault.New(fault.Invalid, "account %s has no origin: set the server's address", a.Name)
	}
	u := base.JoinPath("/oauth/authorize")
	u.RawQuery = url.Values{"response_type": {"code"}, "client_id": {a.Secret("client_id")}, "redirect_uri": {redirect}, "scope": {scopes}, "state": {state}}.Encode()
	return u.String(), nil
}

// Exchange turns the code into a token, which does not expire by itself. The one target is the account that granted it.
func (Network) Exchange(ctx context.Context, a network.Account, redirect, code string) (network.Token, []network.Target, error) {
	resp, err := a.Do(ctx, rest.Request{Method: http.MethodPost, URL: "/oauth/token", JSON: map[string]string{"grant_type": "authorization_code",
		"code": code, "client_id": a.Secret("client_id"), "client_secret": a.Secret("client_secret"), "redirect_uri": redirect, "scope": scopes}})
	if err != nil {
		return network.Token{}, nil, err
	}
	if resp.Status == http.StatusBadRequest || resp.Status == http.StatusUnauthorized {
		return network.Token{}, nil, fault.New(fault.Unauthorized, "the server refuses the code: connect again")
	}
	if err := classify(resp, a.Now); err != nil {
		return network.Token{}, nil, err
	}
	var granted struct {
		Access string `json:"access_token"`
		Scope  string `json:"scope"`
	}
	if err := resp.JSON(&granted); err != nil {
		return network.Token{}, nil, err
	}
	if granted.Access == "" {
		return network.Token{}, nil, fault.New(fault.Unauthorized, "the server gives no token: connect again")
	}
	a.Secrets = map[string]flow.Secret{"token": flow.NewSecret(granted.Access)}
	me, err := myself(ctx, a)
	if err != nil {
		return network.Token{}, nil, err
	}
	target := network.Target{ID: me.address(), Title: clean(first(me.Display, me.Username)), Handle: me.handle(a.Origin)}
	return network.Token{Access: flow.NewSecret(granted.Access), Scopes: strings.Fields(granted.Scope), Target: target}, []network.Target{target}, nil
}

// Refresh always fails: tokens do not expire, so one that is refused was revoked.
func (Network) Refresh(context.Context, network.Account, network.Token) (network.Token, error) {
	return network.Token{}, fault.New(fault.Unauthorized, "tokens of this server do not expire; this one was revoked: connect the account again")
}

// Probe looks at the server, the token, its scopes, the clocks and each stream.
func (Network) Probe(ctx context.Context, a network.Account) ([]network.Finding, error) {
	server, err := probeServer(ctx, a)
	if err != nil {
		return nil, err
	}
	me, err := myself(ctx, a)
	if err != nil {
		if !fault.Is(err, fault.Unauthorized) {
			return nil, err
		}
		return append(server, network.Finding{What: "credentials", Say: "The server refuses the token.", Mend: "Connect the account again, or make a new token under Preferences > Development."}), nil
	}
	return slices.Concat(server, []network.Finding{probeAccount(a, me)}, probeScopes(ctx, a), probeStreams(ctx, a, me.ID)), nil
}

func probeServer(ctx context.Context, a network.Account) ([]network.Finding, error) {
	var v struct {
		Version string `json:"version"`
		Source  string `json:"source_url"`
		Limit   int    `json:"max_toot_chars"` // as some servers tell it in v1
		Config  struct {
			Statuses struct {
				Max int `json:"max_characters"`
			} `json:"statuses"`
		} `json:"configuration"`
	}
	resp, err := get(ctx, a, "/api/v2/instance", nil, &v)
	if fault.Is(err, fault.NotFound) {
		resp, err = get(ctx, a, "/api/v1/instance", nil, &v)
	}
	if fault.Is(err, fault.Unauthorized) {
		return []network.Finding{{What: "credentials", Say: "The server tells nothing about itself to this token.", Mend: "Connect the account again."}}, nil
	}
	if err != nil {
		return nil, err
	}
	software := "Mastodon API"
	switch said := strings.ToLower(v.Source + " " + v.Version); {
	case strings.Contains(said, "gotosocial"):
		software = "GoToSocial"
	case strings.Contains(said, "akkoma"):
		software = "Akkoma"
	case strings.Contains(said, "pleroma"):
		software = "Pleroma"
	case strings.Contains(said, "mastodon/mastodon"):
		software = "Mastodon"
	}
	out := []network.Finding{{What: "server", OK: true, Say: fmt.Sprintf("%s, version %s.", software, rest.Snippet([]byte(v.Version)))}}
	limit, ours := max(v.Limit, v.Config.Statuses.Max), a.Int("max_text", maxText)
	if limit > 0 && limit < ours {
		out = append(out, network.Finding{What: "settings", Say: fmt.Sprintf("The server takes %d characters, max_text is %d.", limit, ours), Mend: fmt.Sprintf("Set max_text to %d.", limit)})
	}
	if on, set := a.Settings["idempotent"].(bool); software == "GoToSocial" && (on || !set) {
		out = append(out, network.Finding{What: "settings", Say: "GoToSocial ignores idempotency keys.", Mend: "Set idempotent to false."})
	}
	return append(out, network.ProbeClock(resp.Header, a.Now, "the server's")...), nil
}

func probeAccount(a network.Account, me account) network.Finding {
	switch {
	case a.ID == "":
		return network.Finding{What: "credentials", Say: "The token belongs to " + me.handle(a.Origin) + ", but the account has no id.", Mend: "Set the account's id to " + me.address() + ", so that its own posts are known as such."}
	case !me.is(a.ID):
		return network.Finding{What: "credentials", Say: "The token belongs to " + me.handle(a.Origin) + ", the account's id is " + a.ID + ".", Mend: "Set the id to " + me.address() + ", or connect the other account."}
	}
	return network.Finding{What: "credentials", OK: true, Say: "The token belongs to " + me.handle(a.Origin) + "."}
}

// probeScopes compares what was granted with what is needed; older servers do not tell.
func probeScopes(ctx context.Context, a network.Account) []network.Finding {
	var app struct {
		Scopes json.RawMessage `json:"scopes"`
	}
	var granted []string
	if _, err := get(ctx, a, "/api/v1/apps/verify_credentials", nil, &app); err != nil || json.Unmarshal(app.Scopes, &granted) != nil || len(granted) == 0 {
		return nil
	}
	var missing []string
	for _, scope := range strings.Fields(scopes) {
		wide, _, _ := strings.Cut(scope, ":")
		if !slices.Contains(granted, scope) && !slices.Contains(granted, wide) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		return []network.Finding{{What: "permissions", Say: "Missing scopes: " + strings.Join(missing, " ") + ".", Mend: "Connect the account again and grant them."}}
	}
	return []network.Finding{{What: "permissions", OK: true, Say: "All scopes are granted."}}
}

func probeStreams(ctx context.Context, a network.Account, self string) (out []network.Finding) {
	for _, stream := range streamsOf(a) {
		var err error
		if strings.HasPrefix(stream, search) {
			_, _, err = searchPage(ctx, a, stream, "", "")
		} else {
			var path string
			var query url.Values
			if path, query, err = beginning(stream, self); err == nil {
				query.Set("limit", "1")
				_, err = get(ctx, a, path, query, nil)
			}
		}
		if err != nil {
			out = append(out, network.Finding{What: "stream " + stream, Say: "It cannot be read: " + err.Error(), Mend: "Check its name, the token's scopes, and whether the server offers it."})
			continue
		}
		out = append(out, network.Finding{What: "stream " + stream, OK: true, Say: "It can be read."})
	}
	return out
}
