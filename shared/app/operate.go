package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/rest"
)

// Doctor examines one account: what the connector finds at the vendor, and what Rapport itself knows.
func (a *App) Doctor(ctx context.Context, account string) ([]network.Finding, error) {
	plan, err := a.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	conf, isNetwork := plan.Doc.Network(account)
	if !isNetwork {
		if conf, isNetwork = plan.Doc.CRM(account); !isNetwork {
			return nil, fault.New(fault.NotFound, "there is no account %q in the configuration", account)
		}
	}
	conn, err := a.Connect(ctx, account)
	if err != nil {
		return []network.Finding{{What: "credentials", Say: err.Error(), Mend: "set the secret the configuration names, or run `rapport connect " + account + "`"}}, nil
	}
	var out []network.Finding
	if p, ok := a.Connector(conf.Kind).(network.Prober); ok {
		found, err := p.Probe(ctx, conn)
		if err != nil {
			out = append(out, network.Finding{What: "reachable", Say: err.Error(), Mend: "check address and network, then try again"})
		}
		out = append(out, found...)
	} else {
		out = append(out, network.Finding{What: "configuration", OK: true, Say: "complete; this kind cannot be probed without sending something"})
	}
	closure, closed, err := a.Closed(ctx, account)
	switch {
	case err != nil:
		return out, err
	case closed:
		out = append(out, network.Finding{What: "deliveries", Say: fmt.Sprintf("closed since %s: %s", closure.Since.Format(time.RFC3339), closure.Reason),
			Mend: "waiting messages are parked and fed back by themselves once the account answers"})
	}
	state, err := a.AccountState(ctx, account)
	if err == nil && state.Problem != "" {
		out = append(out, network.Finding{What: "polls", Say: state.Problem, Mend: "the next try is at " + state.Next.Format(time.RFC3339)})
	}
	if err == nil {
		if out, err = a.missed(ctx, account, state, out); err != nil {
			return out, err
		}
	}
	stands, qerr := a.quotas(ctx, account)
	if qerr != nil {
		return out, qerr
	}
	out = append(out, stands...)
	if n, ok := a.Networks[conf.Kind]; ok && len(n.Info().Prices) > 0 {
		found, ferr := a.budget(ctx, plan, conf)
		if ferr != nil {
			return out, ferr
		}
		out = append(out, found)
	}
	if _, ok := plan.Doc.CRM(account); ok {
		found, ferr := a.fieldsPresent(ctx, account, conn)
		if ferr != nil {
			return out, ferr
		}
		out = append(out, found...)
		switch done, serr := a.Synced(ctx, conf); {
		case serr != nil:
			return out, serr
		case !done:
			out = append(out, network.Finding{What: "matching keys", Say: "not read yet: nobody is recognised and no person is made", Mend: "run `rapport sync " + account + "`"})
		case len(conf.Match) > 0:
			out = append(out, network.Finding{What: "matching keys", OK: true, Say: "read, and kept up to date"})
		}
	}
	return out, err
}

// missed adds what an account's webhooks lack, and the last gap.
func (a *App) missed(ctx context.Context, account string, state pipeline.AccountRow, out []network.Finding) ([]network.Finding, error) {
	list, err := a.Conditions(ctx, account)
	if err != nil || len(list) == 0 {
		return out, err
	}
	c := list[0]
	if c.Bad && c.Say != state.Problem && !c.CRM {
		out = append(out, network.Finding{What: "webhooks", Say: c.Say, Mend: "Rapport looks again every few minutes and mends what it can; if this stays, look at the findings above"})
	}
	if text := c.Gap.Tell(); text != "" {
		out = append(out, network.Finding{What: "gap", OK: !c.Gap.To.IsZero() && !c.Owed, Say: text, Mend: "what is missing is fetched by itself where the network can be read"})
	}
	return out, nil
}

// budget tells what is left today of what the account's brand may spend.
func (a *App) budget(ctx context.Context, plan *pipeline.Plan, conf config.Account) (network.Finding, error) {
	brand := plan.Doc.Brand(conf.Brand)
	spent, err := a.Spent(ctx, brand.Name)
	f := network.Finding{What: "budget", OK: spent < brand.Budget, Say: fmt.Sprintf("%.2f of %.2f USD of brand %s are spent today", spent, brand.Budget, brand.Name)}
	if !f.OK {
		f.Mend = "reading goes on at midnight UTC; raise brands[].budget where that is too little"
	}
	return f, err
}

// Forecast tells what the streams would bring and cost that a configuration adds to the published one, before it is
// published. Only those are asked for whose network charges for each mention.
func (a *App) Forecast(ctx context.Context, text []byte, file string) ([]pipeline.Forecast, error) {
	plan, err := a.Check(ctx, text, file)
	if err != nil {
		return nil, err
	}
	present, err := a.Plan(ctx, "")
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return a.Forecasts(ctx, plan, func(account, stream string) bool {
		if err != nil {
			return false // nothing is published yet
		}
		conf, ok := present.Doc.Network(account)
		return ok && slices.Contains(conf.Streams, stream)
	})
}

// fieldsPresent tells whether setup has still something to do.
func (a *App) fieldsPresent(ctx context.Context, account string, conn rest.Account) ([]network.Finding, error) {
	steps, err := a.SetupPlan(ctx, account)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return []network.Finding{{What: "fields", Say: err.Error(), Mend: "the token needs the right to read the CRM's fields"}}, nil
	}
	missing := 0
	for _, s := range steps {
		if !s.Done {
			missing++
		}
	}
	if missing > 0 {
		return []network.Finding{{What: "fields", Say: fmt.Sprintf("%d of %d fields and objects are missing", missing, len(steps)),
			Mend: "run `rapport setup " + account + " --plan`, then --apply"}}, nil
	}
	return []network.Finding{{What: "fields", OK: true, Say: fmt.Sprintf("all %d fields and objects are there", len(steps))}}, nil
}

// installer finds what makes our fields in a CRM account. NotFound: that CRM takes them as they come.
func (a *App) installer(ctx context.Context, account string) (crm.Installer, []crm.Object, error) {
	plan, err := a.Plan(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	conf, ok := plan.Doc.CRM(account)
	if !ok {
		return nil, nil, fault.New(fault.NotFound, "there is no CRM account %q in the configuration", account)
	}
	i, can := a.CRMs[conf.Kind].(crm.Installer)
	if !can {
		return nil, nil, fault.New(fault.NotFound, "CRM account %q needs no setup: %s takes records as they come", account, conf.Kind)
	}
	return i, plan.Mapping.Objects(account), nil
}

// SetupPlan tells which of our fields and objects a CRM account lacks.
func (a *App) SetupPlan(ctx context.Context, account string) ([]crm.Step, error) {
	i, need, err := a.installer(ctx, account)
	if err != nil {
		return nil, err
	}
	conn, err := a.Connect(ctx, account)
	if err != nil {
		return nil, err
	}
	return i.Plan(ctx, conn, need)
}

// SetupApply makes them.
func (a *App) SetupApply(ctx context.Context, account string) ([]crm.Step, error) {
	i, need, err := a.installer(ctx, account)
	if err != nil {
		return nil, err
	}
	conn, err := a.Connect(ctx, account)
	if err != nil {
		return nil, err
	}
	return i.Apply(ctx, conn, need)
}

// SetupExport gives them as files for an administrator's own pipeline: path → content.
func (a *App) SetupExport(ctx context.Context, account string) (map[string][]byte, error) {
	i, need, err := a.installer(ctx, account)
	if err != nil {
		return nil, err
	}
	return i.Export(rest.Account{Name: account}, need)
}

// Connector gives the network or CRM of a kind, nil if there is none.
func (a *App) Connector(kind string) any {
	if n, ok := a.Networks[kind]; ok {
		return n
	}
	if c, ok := a.CRMs[kind]; ok {
		return c
	}
	return nil
}

// Authorizer gives an account, ready to call, and what logs in at its vendor: nil if it needs no log-in. NotFound: there
// is no such account.
func (a *App) Authorizer(ctx context.Context, account string) (rest.Account, network.Authorizer, error) {
	conn, err := a.Connect(ctx, account)
	if err != nil {
		return conn, nil, err
	}
	auth, _ := a.Connector(conn.Kind).(network.Authorizer) // nil if it is none
	return conn, auth, nil
}

// SecretRef gives the reference under which an account keeps a secret: the configured one, or one made of its name.
func (a *App) SecretRef(ctx context.Context, account, name string) string {
	if plan, err := a.Plan(ctx, ""); err == nil {
		for _, list := range [][]config.Account{plan.Doc.Networks, plan.Doc.CRMs} {
			for _, c := range list {
				if c.Name == account && c.Secrets[name] != "" {
					return c.Secrets[name]
				}
			}
		}
	}
	return cmp.Or(a.options.Scheme, "env:") + strings.ToUpper(strings.ReplaceAll(account+"_"+name, "-", "_"))
}
