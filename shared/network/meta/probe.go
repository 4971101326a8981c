package meta

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/rest"
)

const (
	soon = 14 * 24 * time.Hour // what ends within is told
	full = 80                  // percent of a limit that is worth telling
)

// debugged is what Meta tells of a token.
type debugged struct {
	Data struct {
		App    text   `json:"app_id"`
		Type   text   `json:"type"`
		Valid  bool   `json:"is_valid"`
		Ends   number `json:"expires_at"`
		Access number `json:"data_access_expires_at"`
		Scopes []text `json:"scopes"`
	} `json:"data"`
}

// Probe looks at token, permissions and their access level, app mode, business verification, subscription, clocks and
// limits. See network.Prober.
func (Network) Probe(ctx context.Context, a network.Account) ([]network.Finding, error) {
	var me struct {
		ID       text `json:"id"`
		User     text `json:"user_id"`
		Name     text `json:"name"`
		Username text `json:"username"`
	}
	_, resp, err := call(ctx, a, "", "/"+url.PathEscape(a.ID), url.Values{"fields": {probed(a)}}, nil, &me)
	if err != nil {
		if fault.Is(err, fault.Unauthorized) || fault.Is(err, fault.Gone) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
			return []network.Finding{{What: "credentials", Say: "The account cannot be read: " + err.Error() + ".", Mend: "Connect the account again as somebody who manages it, and check that its id is right."}}, nil
		}
		return nil, err
	}
	out := []network.Finding{{What: "credentials", OK: true, Say: "The token reads " + title(first(me.Name, me.Username), me.ID) + "."}}
	scopes, found := probeToken(ctx, a)
	out = append(out, found...)
	out = append(out, probePermissions(ctx, a, scopes)...)
	out = append(out, probeMode(a), probeBusiness(ctx, a), probeAgent(a))
	out = append(out, probeSubscription(ctx, a)...)
	return append(out, probeRest(resp, a.Now)...), nil
}

func probed(a network.Account) string {
	if platformOf(a) == instagram {
		return "id,username,name"
	}
	return "id,name"
}

// probeToken tells how long the token lives; scopes are nil where that cannot be known.
func probeToken(ctx context.Context, a network.Account) (scopes []text, out []network.Finding) {
	token := appToken(a)
	if token == "" {
		return nil, []network.Finding{{What: "token", Say: "Without app_id and app_secret nobody can say how long the token lives and what it may do.", Mend: "Set both secrets of the account: they stand in the App Dashboard under Settings > Basic."}}
	}
	if byInstagram(a) {
		return nil, nil // Instagram Login has no such look-up
	}
	var d debugged
	if _, _, err := callAs(ctx, a, token, "", "/debug_token", url.Values{"input_token": {a.Secret("token")}}, nil, &d); err != nil {
		return nil, []network.Finding{{What: "token", Say: "It cannot be looked up: " + err.Error() + ".", Mend: "Check app_id and app_secret."}}
	}
	again := "Connect the account again; somebody who manages it has to log in."
	switch ends, access := d.Data.Ends.time(), d.Data.Access.time(); {
	case !d.Data.Valid:
		return nil, []network.Finding{{What: "token", Say: "Meta calls the token invalid.", Mend: again}}
	case string(d.Data.App) != a.Secret("app_id"):
		out = append(out, network.Finding{What: "token", Say: "The token belongs to another app, " + string(d.Data.App) + ".", Mend: again})
	case d.Data.Type == "USER":
		out = append(out, network.Finding{What: "token", Say: "It is a person's token, not the Page's: it ends within 60 days.", Mend: "Connect the account: that keeps the Page's own token."})
	case !ends.IsZero() && ends.Before(a.Now.Add(soon)):
		out = append(out, network.Finding{What: "token", Say: "The token ends on " + ends.Format(time.DateOnly) + ".", Mend: again})
	case !access.IsZero() && access.Before(a.Now.Add(soon)):
		out = append(out, network.Finding{What: "token", Say: "Access to data ends on " + access.Format(time.DateOnly) + ": a person has to confirm it every 90 days.", Mend: again})
	default:
		out = append(out, network.Finding{What: "token", OK: true, Say: "The token is valid and does not end soon."})
	}
	if d.Data.Scopes == nil {
		d.Data.Scopes = []text{}
	}
	return d.Data.Scopes, out
}

// probePermissions names for each permission whether the log-in granted it and which access level the app has.
func probePermissions(ctx context.Context, a network.Account, scopes []text) (out []network.Finding) {
	levels := map[text]text{}
	known := false
	if token := appToken(a); token != "" {
		var answer struct {
			Data []struct {
				Permission text `json:"permission"`
				Status     text `json:"status"`
			} `json:"data"`
		}
		if _, _, err := callAs(ctx, a, token, "", "/"+url.PathEscape(a.Secret("app_id"))+"/permissions", url.Values{"limit": {"200"}}, nil, &answer); err == nil {
			known = true
			for _, p := range answer.Data {
				levels[p.Permission] = p.Status
			}
		}
	}
	for _, p := range needed(platformOf(a), a.Text("page")) {
		f := network.Finding{What: "permission " + p, OK: true, Say: "granted"}
		if scopes != nil && !slices.Contains(scopes, text(p)) {
			f.OK, f.Say, f.Mend = false, "not granted by the log-in", "Connect the account again and leave this permission switched on."
		} else if scopes == nil {
			f.Say = "nobody can say whether it is granted"
		}
		switch advanced := levels[text(p)] == "live" || levels[text(p)] == "approved"; {
		case advanced:
			f.Say += "; Advanced Access: works for everybody."
		case known:
			f.OK, f.Say = false, f.Say+"; Standard Access: works only for people who have a role in the app."
			f.Mend = strings.TrimSpace(f.Mend + " Ask for Advanced Access in the App Dashboard under App Review > Permissions and Features.")
		default:
			f.Say += "; its access level is shown in the App Dashboard under App Review > Permissions and Features."
		}
		out = append(out, f)
	}
	return out
}

// probeMode tells the app mode, which only the dashboard shows.
func probeMode(a network.Account) network.Finding {
	switch a.Text("app_mode") {
	case "live":
		return network.Finding{What: "app mode", OK: true, Say: "Live, as the setting app_mode says."}
	case "development":
		return network.Finding{What: "app mode", Say: "Development, as the setting app_mode says: only events of people with a role in the app arrive.", Mend: "Switch the app to Live at the top of the App Dashboard once App Review is done, then set app_mode to live."}
	}
	return network.Finding{What: "app mode", Say: "Not known: no interface of Meta tells whether the app is in development or live mode.", Mend: "Look at the top of the App Dashboard and set app_mode to what it shows."}
}

func probeBusiness(ctx context.Context, a network.Account) network.Finding {
	f := network.Finding{What: "business verification"}
	portfolio := a.Text("business")
	if portfolio == "" {
		f.Say, f.Mend = "Not looked at: no portfolio is named.", "Set business to the id of the business portfolio that owns the app; it stands in Business Settings > Business Info."
		return f
	}
	var b struct {
		Name   text `json:"name"`
		Status text `json:"verification_status"`
	}
	if _, _, err := call(ctx, a, "", "/"+url.PathEscape(portfolio), url.Values{"fields": {"name,verification_status"}}, nil, &b); err != nil {
		f.Say, f.Mend = "It cannot be read: "+err.Error()+".", "Check the id; the token needs the permission business_management, or look at Business Settings > Security Center."
		return f
	}
	switch b.Status {
	case "verified":
		f.OK, f.Say = true, title(b.Name, text(portfolio))+" is verified."
	case "pending", "pending_submission", "pending_need_more_info":
		f.Say, f.Mend = title(b.Name, text(portfolio))+" is being verified.", "Wait for Meta, or send the papers it asks for in Business Settings > Security Center."
	default:
		f.Say, f.Mend = title(b.Name, text(portfolio))+" is not verified: Advanced Access needs that.", "Start it in Business Settings > Security Center."
	}
	return f
}

func probeAgent(a network.Account) network.Finding {
	if a.Bool("human_agent") {
		return network.Finding{What: "answer window", OK: true, Say: "24 hours; 7 days for what a human wrote, since human_agent says that the permission is granted."}
	}
	return network.Finding{What: "answer window", OK: true, Say: "24 hours after the author's last private message."}
}

func probeSubscription(ctx context.Context, a network.Account) (out []network.Finding) {
	missing, live, err := subscription(ctx, a)
	f := network.Finding{What: "subscription", OK: true, Say: "Meta sends the events of this account."}
	switch {
	case err != nil:
		f = network.Finding{What: "subscription", Say: "It cannot be read: " + err.Error() + ".", Mend: "The token needs pages_manage_metadata."}
	case !live:
		f = network.Finding{What: "subscription", Say: "The app is not subscribed to this account: nothing arrives.", Mend: "Rapport subscribes by itself within minutes and looks every six hours; if this stays, the token lacks pages_manage_metadata."}
	case len(missing) > 0:
		f = network.Finding{What: "subscription", Say: "These fields are not sent: " + strings.Join(missing, ", ") + ".", Mend: "Add them in the App Dashboard under Webhooks; Rapport then subscribes to them by itself."}
	}
	out = append(out, f)
	address, active, err := callback(ctx, a)
	switch {
	case err != nil:
		out = append(out, network.Finding{What: "callback", Say: "The app's webhooks cannot be read: " + err.Error() + ".", Mend: "Check app_id and app_secret."})
	case address == "none":
		out = append(out, network.Finding{What: "callback", Say: "The app has no callback address for this platform.", Mend: "Set the hook's address and verify token in the App Dashboard under Webhooks."})
	case address != "" && !active:
		out = append(out, network.Finding{What: "callback", Say: "Meta has switched off the webhooks to " + address + ", as it does when an address fails for long.", Mend: "Mend the address, then subscribe it again in the App Dashboard under Webhooks."})
	case address != "":
		out = append(out, network.Finding{What: "callback", OK: true, Say: "Webhooks go to " + address + "."})
	}
	return out
}

func probeRest(resp rest.Response, now time.Time) (out []network.Finding) {
	out = network.ProbeClock(resp.Header, now, "Meta's")
	if n := used(resp); n >= full {
		return append(out, network.Finding{What: "limits", Say: fmt.Sprintf("%.0f %% of Meta's limit of calls are used.", n), Mend: "Let other tools call less; the limit grows with the people who deal with the Page."})
	}
	return append(out, network.Finding{What: "limits", OK: true, Say: "Meta's limits of calls are far away."})
}
