package meta

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
)

// early is how long before its end a token of Instagram is renewed: it can be for as long as it is alive.
const early = 7 * 24 * time.Hour

// grant is what the token edges answer.
type grant struct {
	Access  text   `json:"access_token"`
	Expires number `json:"expires_in"` // seconds; absent = does not expire
}

// Exchange turns the code into the token of the Page or account. Of a long-lived log-in the Page's token does not expire by
// itself; the log-in's is kept to make a new one. See network.Authorizer.
func (n Network) Exchange(ctx context.Context, a network.Account, redirect, code string) (network.Token, []network.Target, error) {
	short, err := granted(ctx, a, http.MethodPost, "/oauth/access_token", url.Values{"grant_type": {"authorization_code"}, "client_id": {a.Secret("app_id")},
		"client_secret": {a.Secret("app_secret")}, "redirect_uri": {redirect}, "code": {code}})
	if err != nil {
		return network.Token{}, nil, err
	}
	if byInstagram(a) {
		long, err := granted(ctx, a, http.MethodGet, "/access_token", url.Values{"grant_type": {"ig_exchange_token"}, "client_secret": {a.Secret("app_secret")}, "access_token": {string(short.Access)}})
		if err != nil {
			return network.Token{}, nil, err
		}
		return n.own(ctx, a, long)
	}
	long, err := granted(ctx, a, http.MethodPost, "/oauth/access_token", url.Values{"grant_type": {"fb_exchange_token"}, "client_id": {a.Secret("app_id")},
		"client_secret": {a.Secret("app_secret")}, "fb_exchange_token": {string(short.Access)}})
	if err != nil {
		return network.Token{}, nil, err
	}
	return pages(ctx, a, long.Access)
}

// Refresh makes a new token of a Page by the log-in's, and extends one of Instagram. See network.Authorizer.
func (n Network) Refresh(ctx context.Context, a network.Account, old network.Token) (network.Token, error) {
	if byInstagram(a) && !old.Access.Empty() {
		long, err := granted(ctx, a, http.MethodGet, "/refresh_access_token", url.Values{"grant_type": {"ig_refresh_token"}, "access_token": {old.Access.Reveal()}})
		if err != nil {
			return network.Token{}, err
		}
		return network.Token{Access: flow.NewSecret(string(long.Access)), Expires: ending(a, long), Scopes: old.Scopes, Target: old.Target}, nil
	}
	if old.Refresh.Empty() {
		return network.Token{}, fault.New(fault.Unauthorized, "Meta refuses this token and there is no log-in to make a new one of: connect the account again")
	}
	token, _, err := pages(ctx, a, text(old.Refresh.Reveal()))
	if err == nil && token.Access.Empty() {
		return token, fault.New(fault.Unauthorized, "the log-in manages several: set the account's id to the one that is meant")
	}
	if err == nil && token.Access.Reveal() == old.Access.Reveal() {
		err = fault.New(fault.Unauthorized, "Meta refuses the token that it gives: connect the account again")
	}
	return token, err
}

// granted calls a token edge. What it refuses is refused for good.
func granted(ctx context.Context, a network.Account, method, path string, form url.Values) (grant, error) {
	req := rest.Request{Method: method, URL: "/" + versionOf(a) + path}
	if strings.HasSuffix(path, "access_token") && method == http.MethodGet { // Instagram's edges have no version
		req.URL, req.Query = path, form
	} else {
		req.Body, req.Header = []byte(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	}
	var g grant
	said, _, err := send(ctx, a, req, &g)
	switch {
	case fault.Is(err, fault.Ambiguous):
		return g, fault.New(fault.Transient, "%w", err)
	case said.Code == 100 || said.Code == 190 || fault.Is(err, fault.Invalid):
		return g, fault.New(fault.Unauthorized, "Meta refuses the code or token: connect again")
	case err == nil && g.Access == "":
		return g, fault.New(fault.Unauthorized, "Meta gives no token: connect again")
	}
	return g, err
}

func ending(a network.Account, g grant) time.Time {
	if g.Expires <= 0 {
		return time.Time{}
	}
	end := a.Now.Add(time.Duration(g.Expires) * time.Second)
	if left := end.Sub(a.Now); left > 2*early {
		return end.Add(-early)
	}
	return end
}

// own is the token and target of Instagram Login.
func (Network) own(ctx context.Context, a network.Account, g grant) (network.Token, []network.Target, error) {
	var me struct {
		ID       text `json:"user_id"`
		Username text `json:"username"`
		Name     text `json:"name"`
	}
	if _, _, err := callAs(ctx, a, string(g.Access), "", "/me", url.Values{"fields": {"user_id,username,name"}}, nil, &me); err != nil {
		return network.Token{}, nil, err
	}
	t := network.Target{ID: string(me.ID), Title: string(first(me.Name, me.Username)), Handle: string(me.Username)}
	return network.Token{Access: flow.NewSecret(string(g.Access)), Expires: ending(a, g), Scopes: needed(instagram, ""), Target: t}, []network.Target{t}, nil
}

// pages lists what a log-in manages and picks the account's: by id, or the only one. Of several none is picked where the
// account has no id: the token of the one that somebody chooses is made of the log-in's by Refresh.
func pages(ctx context.Context, a network.Account, login text) (network.Token, []network.Target, error) {
	var answer struct {
		Data []struct {
			ID        text `json:"id"`
			Name      text `json:"name"`
			Token     text `json:"access_token"`
			Instagram *struct {
				ID       text `json:"id"`
				Username text `json:"username"`
			} `json:"instagram_business_account"`
		} `json:"data"`
	}
	query := url.Values{"fields": {"id,name,access_token,instagram_business_account{id,username}"}, "limit": {"200"}}
	if _, _, err := callAs(ctx, a, string(login), "", "/me/accounts", query, nil, &answer); err != nil {
		return network.Token{}, nil, err
	}
	var targets []network.Target
	var tokens []text
	for _, p := range answer.Data {
		switch {
		case platformOf(a) == facebook:
			targets, tokens = append(targets, network.Target{ID: string(p.ID), Title: string(p.Name)}), append(tokens, p.Token)
		case p.Instagram != nil:
			targets = append(targets, network.Target{ID: string(p.Instagram.ID), Title: string(p.Name), Handle: string(p.Instagram.Username)})
			tokens = append(tokens, p.Token)
		}
	}
	i := slices.IndexFunc(targets, func(t network.Target) bool { return t.ID == a.ID })
	if i < 0 && a.ID == "" && len(targets) == 1 {
		i = 0
	}
	if i < 0 && a.ID == "" && len(targets) > 1 {
		return network.Token{Refresh: flow.NewSecret(string(login)), Expires: a.Now, Scopes: needed(platformOf(a), a.Text("page"))}, targets, nil
	}
	if i < 0 || tokens[i] == "" {
		var list []string
		for _, t := range targets {
			list = append(list, title(text(t.Title), text(t.ID)))
		}
		return network.Token{}, targets, fault.New(fault.Unauthorized, "the log-in does not manage %q; it manages %s: set the account's id, and grant access to that one", a.ID, strings.Join(append(list, "nothing else"), ", "))
	}
	return network.Token{Access: flow.NewSecret(string(tokens[i])), Refresh: flow.NewSecret(string(login)), Target: targets[i],
		Scopes: needed(platformOf(a), a.Text("page"))}, targets, nil
}

// fields lists what an account subscribes to.
func fields(a network.Account) []string {
	if platformOf(a) == instagram && a.Text("page") == "" {
		return []string{"comments", "live_comments", "mentions", "messages", "messaging_postbacks", "message_edit"}
	}
	return []string{"feed", "mention", "ratings", "messages", "message_echoes", "message_edits", "messaging_postbacks", "standby"}
}

// subscription reads what Meta sends of an account: the fields, and whether our app is among those that get them.
func subscription(ctx context.Context, a network.Account) (missing []string, live bool, err error) {
	var answer struct {
		Data []struct {
			ID     text   `json:"id"`
			Fields []text `json:"subscribed_fields"`
		} `json:"data"`
	}
	if _, _, err := call(ctx, a, "", "/"+url.PathEscape(inbox(a))+"/subscribed_apps", nil, nil, &answer); err != nil {
		return nil, false, err
	}
	for _, app := range answer.Data {
		if want := a.Secret("app_id"); want != "" && string(app.ID) != want {
			continue
		}
		live = true
		for _, f := range fields(a) {
			if !slices.Contains(app.Fields, text(f)) {
				missing = append(missing, f)
			}
		}
		return missing, live, nil
	}
	return fields(a), false, nil
}

// Subscription tells whether Meta sends the account's events, and, where the app's id and secret are known, whether to this
// address. It does not end by itself, but Meta ends one whose address fails for long. See network.Subscriber.
func (Network) Subscription(ctx context.Context, a network.Account, address string) (bool, time.Time, error) {
	missing, live, err := subscription(ctx, a)
	if err != nil || !live || len(missing) > 0 {
		return false, time.Time{}, err
	}
	callback, active, err := callback(ctx, a)
	if err != nil || callback == "" {
		return live, time.Time{}, err
	}
	return active && (address == "" || callback == address), time.Time{}, nil
}

// callback gives the address that the app's webhooks go to, "" if that cannot be known.
func callback(ctx context.Context, a network.Account) (address string, active bool, err error) {
	token := appToken(a)
	if token == "" {
		return "", false, nil
	}
	var answer struct {
		Data []struct {
			Object   text `json:"object"`
			Callback text `json:"callback_url"`
			Active   bool `json:"active"`
		} `json:"data"`
	}
	if _, _, err := callAs(ctx, a, token, "", "/"+url.PathEscape(a.Secret("app_id"))+"/subscriptions", nil, nil, &answer); err != nil {
		return "", false, err
	}
	object := map[string]text{facebook: "page", instagram: "instagram"}[platformOf(a)]
	for _, s := range answer.Data {
		if s.Object == object {
			return string(s.Callback), s.Active, nil
		}
	}
	return "none", false, nil
}

// Renew subscribes the account. The app's own callback address is set in the App Dashboard. See network.Subscriber.
func (Network) Renew(ctx context.Context, a network.Account, _ string) error {
	var answer struct {
		Success bool `json:"success"`
	}
	_, _, err := call(ctx, a, http.MethodPost, "/"+url.PathEscape(inbox(a))+"/subscribed_apps", url.Values{"subscribed_fields": {strings.Join(fields(a), ",")}}, map[string]any{}, &answer)
	if err == nil && !answer.Success {
		err = fault.New(fault.Transient, "Meta did not take the subscription")
	}
	if fault.Is(err, fault.Ambiguous) { // once more does no harm
		err = fault.New(fault.Transient, "%w", err)
	}
	return err
}
