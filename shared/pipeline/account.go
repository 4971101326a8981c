package pipeline

import (
	"bytes"
	"context"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// TokenRow holds an access token that rotates. Kept under the account; the texts are sealed with the process's key.
type TokenRow struct {
	Access  []byte    `json:"access"`
	Refresh []byte    `json:"refresh,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Scopes  []string  `json:"scopes,omitempty"`
	Target  string    `json:"target,omitempty"`
}

// connect makes an account ready to call: secrets resolved, token fresh, transport guarded.
func (p *Pipeline) connect(ctx context.Context, conf config.Account) (rest.Account, error) {
	secrets, err := p.secrets(ctx, "account "+conf.Name, conf.Secrets)
	if err != nil {
		return rest.Account{}, fault.New(fault.Unauthorized, "%w", err)
	}
	a := rest.Account{Name: conf.Name, Kind: conf.Kind, ID: conf.ID, Brand: conf.Brand, Origin: conf.Origin, Settings: conf.Settings,
		Secrets: secrets, HTTP: p.Ports.HTTP, Now: p.now()}
	if a.Origin == "" {
		a.Origin = p.origin(conf.Kind)
	}
	if len(conf.Streams) > 0 {
		a.Settings = with(conf.Settings, "streams", conf.Streams)
	}
	a.Pay = p.payer(conf, func(ctx context.Context) (config.Brand, error) {
		plan, err := p.Plans.Plan(ctx, "")
		if err != nil {
			return config.Brand{}, err
		}
		return plan.Doc.Brand(conf.Brand), nil
	})
	row, err := p.tokens.One(ctx, conf.Name, "-")
	if err != nil || row.Version == 0 {
		return a, err
	}
	if soon := row.Value.Expires; !soon.IsZero() && p.now().Add(time.Minute).After(soon) {
		fresh, err := p.refresh(ctx, conf, a, row)
		switch {
		case err == nil:
			row = fresh
		case p.now().Before(soon) && !fault.Is(err, fault.Unauthorized): // the old one holds a little longer
		default:
			return a, err
		}
	}
	access, err := p.unseal(row.Value.Access)
	if err != nil {
		return a, err
	}
	a.Secrets = copied(secrets)
	a.Secrets["token"] = flow.NewSecret(access)
	return a, nil
}

// origin is where a kind lives when the account names no address.
func (p *Pipeline) origin(kind string) string {
	if info, ok := p.infos[kind]; ok {
		return info.Origin
	}
	if c, ok := p.CRMs[kind]; ok {
		return c.Info().Origin
	}
	return ""
}

func with(settings map[string]any, name string, value any) map[string]any {
	out := make(map[string]any, len(settings)+1)
	for k, v := range settings {
		out[k] = v
	}
	out[name] = value
	return out
}

func copied(secrets map[string]flow.Secret) map[string]flow.Secret {
	out := make(map[string]flow.Secret, len(secrets)+1)
	for k, v := range secrets {
		out[k] = v
	}
	return out
}

// refresh renews a token under a lease, so that a rotating refresh token is used once. The new pair is stored before its
// first use; who comes second finds it there.
func (p *Pipeline) refresh(ctx context.Context, conf config.Account, a rest.Account, row store.Row[TokenRow]) (store.Row[TokenRow], error) {
	auth, ok := p.authorizer(conf.Kind)
	if !ok {
		return row, nil
	}
	release, ok, err := p.Leases.Acquire(ctx, "token#"+conf.Name, time.Minute)
	if err != nil {
		return row, err
	}
	if !ok {
		return row, fault.Wait(fault.Transient, 2*time.Second, "the token of %s is being renewed", conf.Name)
	}
	defer release()
	now, err := p.tokens.One(ctx, conf.Name, "-")
	if err != nil || now.Version != row.Version {
		return now, err // somebody renewed it meanwhile
	}
	old := network.Token{Expires: row.Value.Expires, Scopes: row.Value.Scopes}
	if old.Access, err = p.unsealed(row.Value.Access); err == nil {
		old.Refresh, err = p.unsealed(row.Value.Refresh)
	}
	if err != nil {
		return row, err
	}
	a.Secrets = copied(a.Secrets)
	a.Secrets["token"] = old.Access
	token, err := auth.Refresh(ctx, a, old)
	if err != nil {
		return row, err
	}
	if token.Refresh.Empty() {
		token.Refresh = old.Refresh
	}
	return p.saveToken(ctx, conf.Name, token, row.Version)
}

// SaveToken stores what an authorisation brought, replacing what was there.
func (p *Pipeline) SaveToken(ctx context.Context, account string, t network.Token) error {
	row, err := p.tokens.One(ctx, account, "-")
	if err == nil {
		_, err = p.saveToken(ctx, account, t, row.Version)
	}
	return err
}

// tokenTries is how often a fresh token is handed to the store: a rotating one that is lost here is lost for good.
const tokenTries = 8

func (p *Pipeline) saveToken(ctx context.Context, account string, t network.Token, version int64) (store.Row[TokenRow], error) {
	row := store.Row[TokenRow]{Part: account, Sort: "-", Version: version,
		Value: TokenRow{Expires: t.Expires, Scopes: t.Scopes, Target: t.Target.ID}}
	var err error
	if row.Value.Access, err = p.seal(t.Access.Reveal()); err != nil {
		return row, err
	}
	if !t.Refresh.Empty() {
		if row.Value.Refresh, err = p.seal(t.Refresh.Reveal()); err != nil {
			return row, err
		}
	}
	for range tokenTries {
		res := p.tokens.Put(ctx, &row)[0]
		if res.Err == nil {
			return row, nil
		}
		err = res.Err
		if conflicted(res) {
			stored, rerr := p.tokens.Row(res.Stored)
			if rerr == nil && bytes.Equal(stored.Value.Access, row.Value.Access) { // an earlier try was stored, its answer cut
				stored.Part, stored.Sort = account, "-"
				return stored, nil
			}
			row.Version = res.Stored.Version // ours is the newer one
		}
	}
	return row, err
}

// renew is called once when a vendor refuses the credentials: cached secrets are forgotten, a token is refreshed unless
// somebody did that meanwhile. It tells whether trying again makes sense.
func (p *Pipeline) renew(ctx context.Context, conf config.Account, refused rest.Account) bool {
	for _, name := range sorted(conf.Secrets) {
		p.Secrets.Forget(conf.Secrets[name])
	}
	row, err := p.tokens.One(ctx, conf.Name, "-")
	if err != nil {
		return false
	}
	if row.Version == 0 {
		if conf.Secrets["token"] == "" { // some begin a session with the account's own secrets
			if fresh, err := p.refresh(ctx, conf, refused, row); err == nil && fresh.Version > 0 {
				return true
			}
		}
		return len(conf.Secrets) > 0
	}
	if access, err := p.unseal(row.Value.Access); err == nil && access != refused.Secret("token") {
		return true
	}
	_, err = p.refresh(ctx, conf, refused, row)
	return err == nil
}

// vendor makes one call for an account: our share of the quota first, then the call, once more with renewed credentials
// where they are refused.
func (p *Pipeline) vendor(ctx context.Context, conf config.Account, buckets []network.Bucket, urgent bool, do func(rest.Account) error) error {
	for renewed := false; ; renewed = true {
		a, err := p.connect(ctx, conf)
		if err != nil {
			return err
		}
		if err := p.draw(ctx, a, buckets, conf, urgent); err != nil {
			return err
		}
		a, count := metered(a)
		err = do(a)
		p.settleCalls(ctx, a, buckets, count, urgent)
		if renewed || !fault.Is(err, fault.Unauthorized) || !p.renew(ctx, conf, a) {
			return err
		}
	}
}

func (p *Pipeline) authorizer(kind string) (network.Authorizer, bool) {
	if n, ok := p.Networks[kind]; ok {
		a, ok := n.(network.Authorizer)
		return a, ok
	}
	a, ok := p.CRMs[kind].(network.Authorizer)
	return a, ok
}

// Connect makes a configured network or CRM account ready to call, for operators' commands.
func (p *Pipeline) Connect(ctx context.Context, name string) (rest.Account, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return rest.Account{}, err
	}
	conf, ok := plan.Doc.Network(name)
	if !ok {
		conf, ok = plan.Doc.CRM(name)
	}
	if !ok {
		return rest.Account{}, fault.New(fault.NotFound, "there is no account %q in the configuration", name)
	}
	return p.connect(ctx, conf)
}

// AccountState tells where the polls of an account stand.
func (p *Pipeline) AccountState(ctx context.Context, account string) (AccountRow, error) {
	row, err := p.accounts.One(ctx, account, "-")
	return row.Value, err
}
