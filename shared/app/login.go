package app

import (
	"context"
	"maps"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/secret"
)

// LogInAddress gives the address of the vendor's log-in page, "" where the account needs no log-in or the configuration
// names its token; the app is registered there first where that is needed. The vendor leads back to redirect, with state.
func (a *App) LogInAddress(ctx context.Context, account, redirect, state string) (string, error) {
	conn, auth, err := a.Authorizer(ctx, account)
	if err != nil || auth == nil || a.hasToken(ctx, account) {
		return "", err
	}
	if reg, ok := a.Connector(conn.Kind).(network.Registrar); ok {
		if conn, err = a.registered(ctx, conn); err != nil {
			return "", err
		}
		if to := conn.Secret(registeredFor); conn.Secret("client_id") == "" || to != "" && to != redirect {
			if conn, err = a.register(ctx, reg, conn, redirect); err != nil {
				return "", err
			}
		}
	}
	return auth.Connect(ctx, conn, redirect, state)
}

// hasToken tells whether the configuration names a token of the account: then nobody has to log in.
func (a *App) hasToken(ctx context.Context, account string) bool {
	plan, err := a.Plan(ctx, "")
	if err != nil {
		return false
	}
	conf, ok := plan.Doc.Network(account)
	if !ok {
		conf, _ = plan.Doc.CRM(account)
	}
	return conf.Secrets["token"] != ""
}

// registration names the secrets of an app's registration at a vendor; the last is the address that it was made for.
var registration = [...]string{"client_id", "client_secret", registeredFor}

const registeredFor = "client_redirect"

// registered adds what an earlier registration brought, where the configuration names no secrets of its own for it.
func (a *App) registered(ctx context.Context, conn rest.Account) (rest.Account, error) {
	conn.Secrets = maps.Clone(conn.Secrets)
	if conn.Secrets == nil {
		conn.Secrets = map[string]flow.Secret{}
	}
	if !conn.Secrets["client_id"].Empty() || a.options.Secrets == nil {
		return conn, nil
	}
	for _, name := range registration {
		got, err := a.options.Secrets.Get(ctx, a.SecretRef(ctx, conn.Name, name))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return conn, err
		}
		conn.Secrets[name] = got
	}
	return conn, nil
}

// register signs our app up at the vendor and keeps what that brings.
func (a *App) register(ctx context.Context, reg network.Registrar, conn rest.Account, redirect string) (rest.Account, error) {
	writer, can := a.options.Secrets.(secret.Writer)
	if !can {
		return conn, fault.New(fault.Invalid, "no place to keep the registration of %s: start with a .env file beside the configuration", conn.Name)
	}
	got, err := reg.Register(ctx, conn, redirect)
	if err != nil {
		return conn, err
	}
	got = maps.Clone(got)
	got[registeredFor] = flow.NewSecret(redirect)
	for _, name := range registration {
		conn.Secrets[name] = got[name]
		ref := a.SecretRef(ctx, conn.Name, name)
		if err := writer.Set(ctx, ref, got[name]); err != nil {
			return conn, err
		}
		a.options.Secrets.Forget(ref)
	}
	return conn, nil
}

// LogIn turns the code of the log-in page into a token and keeps it. Of several accounts that the log-in may act for, and none
// that the configuration names, one has to be chosen: then target is empty, and the account works once its id is that one's.
func (a *App) LogIn(ctx context.Context, account, redirect, code string) (target network.Target, all []network.Target, err error) {
	conn, auth, err := a.Authorizer(ctx, account)
	if err != nil {
		return target, nil, err
	}
	if auth == nil {
		return target, nil, fault.New(fault.Invalid, "%s has no log-in of its own: it uses the secrets that the configuration names", account)
	}
	if conn, err = a.registered(ctx, conn); err != nil {
		return target, nil, err
	}
	token, all, err := auth.Exchange(ctx, conn, redirect, code)
	if err != nil {
		return target, all, err
	}
	return token.Target, all, a.SaveToken(ctx, account, token)
}
