package x

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/webhook"
)

func scopes(a network.Account) string {
	s := "tweet.read users.read tweet.write offline.access"
	if a.Bool("messages") {
		s += " dm.read dm.write"
	}
	return s
}

// verifier is the secret of a log-in (PKCE). Nothing is kept between Connect and Exchange, so it is made of the client secret.
func verifier(a network.Account, redirect string) string {
	return base64.RawURLEncoding.EncodeToString(webhook.MAC("sha256", a.Secret("client_secret"), []byte("rapport pkce "+a.Name+" "+redirect)))
}

// Connect gives the address where the brand's account grants access.
func (Network) Connect(_ context.Context, a network.Account, redirect, state string) (string, error) {
	if a.Secret("client_id") == "" || a.Secret("client_secret") == "" {
		return "", fault.New(fault.Invalid, "account %s needs the secrets client_id and client_secret of a confidential client, from the app's keys in X's Developer Console", a.Name)
	}
	base := a.Origin
	if base == (Network{}).Info().Origin { // people log in at another host than programs
		base = "https://x.com"
	}
	sum := sha256.Sum256([]byte(verifier(a, redirect)))
	return base + "/i/oauth2/authorize?" + url.Values{"response_type": {"code"}, "client_id": {a.Secret("client_id")}, "redirect_uri": {redirect}, "scope": {scopes(a)},
		"state": {state}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode(), nil
}

// Exchange turns the code, which lives 30 seconds, into a token of two hours and its refresh token.
func (Network) Exchange(ctx context.Context, a network.Account, redirect, code string) (network.Token, []network.Target, error) {
	token, err := grant(ctx, a, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier(a, redirect)}})
	if err != nil {
		return network.Token{}, nil, err
	}
	a.Secrets = map[string]flow.Secret{"token": token.Access}
	me, _, err := myself(ctx, a)
	if err != nil {
		return network.Token{}, nil, err
	}
	token.Target = network.Target{ID: me.ID, Title: clean(me.Display), Handle: clean(me.Username)}
	return token, []network.Target{token.Target}, nil
}

// Refresh renews a token. X gives a new refresh token each time; the old one is void from then on.
func (Network) Refresh(ctx context.Context, a network.Account, old network.Token) (network.Token, error) {
	if old.Refresh.Empty() {
		return network.Token{}, fault.New(fault.Unauthorized, "account %s was connected without offline.access: connect it again", a.Name)
	}
	token, err := grant(ctx, a, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.Refresh.Reveal()}})
	token.Target = old.Target
	return token, err
}

func grant(ctx context.Context, a network.Account, form url.Values) (network.Token, error) {
	form.Set("client_id", a.Secret("client_id"))
	pair := url.QueryEscape(a.Secret("client_id")) + ":" + url.QueryEscape(a.Secret("client_secret"))
	resp, err := a.Do(ctx, rest.Request{Method: http.MethodPost, URL: "/2/oauth2/token", Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Auth: "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))})
	if err != nil {
		return network.Token{}, err
	}
	if resp.Status == http.StatusBadRequest || resp.Status == http.StatusUnauthorized {
		return network.Token{}, fault.New(fault.Unauthorized, "X refuses the grant: it was used before, expired or revoked; connect account %s again", a.Name)
	}
	if err := classify(resp, a.Now); err != nil {
		return network.Token{}, err
	}
	var got struct {
		Access  string  `json:"access_token"`
		Refresh string  `json:"refresh_token"`
		Expires float64 `json:"expires_in"`
		Scope   string  `json:"scope"`
	}
	if err := resp.JSON(&got); err != nil {
		return network.Token{}, err
	}
	if got.Access == "" {
		return network.Token{}, fault.New(fault.Unauthorized, "X gives no token: connect account %s again", a.Name)
	}
	t := network.Token{Access: flow.NewSecret(got.Access), Refresh: flow.NewSecret(got.Refresh), Scopes: strings.Fields(got.Scope)}
	if got.Expires > 0 && got.Expires < 1e8 {
		t.Expires = a.Now.Add(time.Duration(got.Expires) * time.Second)
	}
	return t, nil
}

// hook is a webhook registered at X.
type hook struct {
	ID    string `json:"id"`
	URL   string `json:"url"`
	Valid bool   `json:"valid"`
}

// subscription is one kind of event that X sends for one account.
type subscription struct {
	ID     string `json:"subscription_id"`
	Type   string `json:"event_type"`
	Hook   string `json:"webhook_id"`
	Filter struct {
		User string `json:"user_id"`
	} `json:"filter"`
}

// kinds are the events that are wanted; private ones need the user's own grant.
func kinds(a network.Account) (public, private []string) {
	public, private = []string{"post.create", "post.delete"}, []string{"post.mention.create", "post.reply.create", "post.quote.create"}
	if a.Bool("messages") {
		private = append(private, "dm.received", "dm.sent")
	}
	return public, private
}

// registered reads what X has of us: the webhook of an address, if any, and which kinds of events go there.
func registered(ctx context.Context, a network.Account, address string) (h hook, has map[string]bool, err error) {
	var hooks struct {
		Data []hook `json:"data"`
	}
	if _, err = get(ctx, a, bearer(a, "bearer"), rest.Request{URL: "/2/webhooks"}, &hooks); err != nil {
		return h, nil, err
	}
	for _, x := range hooks.Data {
		if x.URL == address {
			h = x
		}
	}
	has = map[string]bool{}
	if h.ID == "" {
		return h, has, nil
	}
	var subs struct {
		Data []subscription `json:"data"`
	}
	if _, err = get(ctx, a, bearer(a, "bearer"), rest.Request{URL: "/2/activity/subscriptions"}, &subs); err != nil {
		return h, nil, err
	}
	for _, s := range subs.Data {
		if s.Filter.User == a.ID && s.Hook == h.ID {
			has[s.Type] = true
		}
	}
	return h, has, nil
}

// Subscription tells whether all wanted events go to address. X looks at the address once a day and gives it up after 28 hours.
func (Network) Subscription(ctx context.Context, a network.Account, address string) (bool, time.Time, error) {
	h, has, err := registered(ctx, a, address)
	if err != nil {
		return false, time.Time{}, err
	}
	public, private := kinds(a)
	for _, kind := range slices.Concat(public, private) {
		if !has[kind] {
			return false, time.Time{}, nil
		}
	}
	return h.Valid, time.Time{}, nil
}

// Renew registers the address, has X look at it again where it was given up, and subscribes what is missing.
func (Network) Renew(ctx context.Context, a network.Account, address string) error {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Port() != "" {
		return fault.New(fault.Invalid, "X sends webhooks to https addresses without a port only, not to %s", address)
	}
	if _, err := self(a); err != nil {
		return err
	}
	h, has, err := registered(ctx, a, address)
	if err != nil {
		return err
	}
	switch {
	case h.ID == "":
		var made struct {
			Data hook `json:"data"`
		}
		if err := change(ctx, a, rest.Request{Method: http.MethodPost, URL: "/2/webhooks", JSON: map[string]string{"url": address}, Auth: bearer(a, "bearer")}, &made); err != nil {
			return err
		}
		h = made.Data
	case !h.Valid:
		if err := change(ctx, a, rest.Request{Method: http.MethodPut, URL: "/2/webhooks/" + url.PathEscape(h.ID), Auth: bearer(a, "bearer")}, nil); err != nil {
			return err
		}
	}
	public, private := kinds(a)
	for _, kind := range slices.Concat(public, private) {
		if has[kind] {
			continue
		}
		auth := bearer(a, "bearer")
		if slices.Contains(private, kind) {
			auth = bearer(a, "token")
		}
		err := change(ctx, a, rest.Request{Method: http.MethodPost, URL: "/2/activity/subscriptions", Auth: auth,
			JSON: map[string]any{"event_type": kind, "filter": map[string]string{"user_id": a.ID}, "tag": "rapport", "webhook_id": h.ID}}, nil)
		if err != nil {
			return fault.New(fault.Of(err), "subscribing to %s: %w", kind, err)
		}
	}
	return nil
}

// change makes a call that sets something up; made twice it is set up once.
func change(ctx context.Context, a network.Account, r rest.Request, out any) error {
	resp, err := a.Do(ctx, r)
	if err != nil {
		return err
	}
	if err := classify(resp, a.Now); err != nil || out == nil {
		return err
	}
	return resp.JSON(out)
}

// Probe looks at the user's grant, the app's access and cap, each stream with what it would cost, and the webhooks.
func (Network) Probe(ctx context.Context, a network.Account) ([]network.Finding, error) {
	out, err := probeUser(ctx, a)
	if err != nil {
		return nil, err
	}
	app, err := probeApp(ctx, a)
	if err != nil {
		return out, err
	}
	return slices.Concat(out, app, probeStreams(ctx, a)), nil
}

// outOf tells that a budget of ours or of X is used up: then a doctor has nothing to mend but to wait.
func outOf(err error) bool { return fault.Is(err, fault.QuotaExhausted) }

func probeUser(ctx context.Context, a network.Account) ([]network.Finding, error) {
	if a.Secret("token") == "" {
		return []network.Finding{{What: "credentials", OK: true, Say: "No user is connected: searches are read with the app's own access; replies, and webhooks of mentions, need `rapport connect " + a.Name + "`."}}, nil
	}
	me, resp, err := myself(ctx, a)
	switch {
	case fault.Is(err, fault.Unauthorized):
		return []network.Finding{{What: "credentials", Say: "X refuses the user token: " + err.Error(), Mend: "Run `rapport connect " + a.Name + "` again."}}, nil
	case outOf(err):
		return []network.Finding{{What: "billing", Say: err.Error(), Mend: "Wait until tomorrow, raise the brand's budget, or buy credits, as the text says."}}, nil
	case err != nil:
		return nil, err
	}
	f := network.Finding{What: "credentials", OK: true, Say: "The token belongs to @" + clean(me.Username) + "."}
	if me.ID != a.ID {
		f = network.Finding{What: "credentials", Say: fmt.Sprintf("The token belongs to @%s, whose id is %s; the account's id is %q.", clean(me.Username), me.ID, a.ID),
			Mend: "Set the account's id to " + me.ID + ", or connect the other account."}
	}
	return append([]network.Finding{f}, network.ProbeClock(resp.Header, a.Now, "X's")...), nil
}

func probeApp(ctx context.Context, a network.Account) ([]network.Finding, error) {
	if a.Secret("bearer") == "" {
		return []network.Finding{{What: "access level", Say: "The app's own bearer token is not set: no estimates, no webhooks.", Mend: "Set the secret bearer, from the app's keys in X's Developer Console."}}, nil
	}
	var usage struct {
		Data struct {
			Cap  any `json:"project_cap"`
			Used any `json:"project_usage"`
		} `json:"data"`
	}
	_, err := get(ctx, a, bearer(a, "bearer"), rest.Request{URL: "/2/usage/tweets"}, &usage)
	switch {
	case fault.Is(err, fault.Unauthorized):
		return []network.Finding{{What: "access level", Say: "X refuses the app's bearer token: " + err.Error(), Mend: "Copy it anew from the app's keys in X's Developer Console; the app must belong to a project."}}, nil
	case outOf(err):
		return []network.Finding{{What: "billing", Say: err.Error(), Mend: "Buy credits or raise the spending limit in X's Developer Console."}}, nil
	case err != nil:
		return nil, err
	}
	out := []network.Finding{{What: "access level", OK: true, Say: "X takes the app's bearer token."}}
	if usage.Data.Cap != nil && usage.Data.Used != nil {
		out = append(out, network.Finding{What: "billing", OK: true, Say: fmt.Sprintf("%v of the month's %v posts are read.", usage.Data.Used, usage.Data.Cap)})
	}
	var hooks struct {
		Data []hook `json:"data"`
	}
	if _, err := get(ctx, a, bearer(a, "bearer"), rest.Request{URL: "/2/webhooks"}, &hooks); err != nil {
		return append(out, network.Finding{What: "subscription", Say: "X does not tell the webhooks of this app: " + err.Error(), Mend: "Check the app's access in X's Developer Console."}), nil
	}
	for _, h := range hooks.Data {
		if !h.Valid {
			out = append(out, network.Finding{What: "subscription", Say: "X gave up the webhook " + clean(h.URL) + ": it failed the challenge.", Mend: "See that the hook answers with the app's consumer secret, then renew the subscription."})
		} else {
			out = append(out, network.Finding{What: "subscription", OK: true, Say: "X sends to " + clean(h.URL) + "."})
		}
	}
	return out, nil
}

// probeStreams says of each stream what the last week would have cost, so that people see it before they keep a query.
func probeStreams(ctx context.Context, a network.Account) (out []network.Finding) {
	info := Network{}.Info()
	for _, stream := range streamsOf(a) {
		n, _, err := count(ctx, a, stream, a.Now.Add(-recent), a.Now)
		if err != nil {
			out = append(out, network.Finding{What: "stream " + stream, Say: "Nobody can say what it costs: " + err.Error(), Mend: "Check the query against https://docs.x.com/x-api/posts/search/integrate/build-a-query, and the account's id."})
			continue
		}
		out = append(out, network.Finding{What: "stream " + stream, OK: true,
			Say: fmt.Sprintf("About %.1f posts a day, %.2f USD a day at most, by the last seven days.", float64(n)/7, float64(n)/7*info.PerMention)})
	}
	return out
}
