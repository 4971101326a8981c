package hubspot

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/phone"
	"rapport/shared/rest"
)

// searchPage is the most records that a search gives at once.
const searchPage = 200

const propPhone = "hs_searchable_calculated_phone_number"

// Find looks e-mails up exactly and at once, phones by search, which lags and knows numbers without their country code;
// what it brings is compared with the whole number where the record holds one. Only contacts have either.
func (HubSpot) Find(ctx context.Context, a crm.Account, object string, emails, phones []string) ([]crm.Found, error) {
	c := open(a)
	if err := c.shape(); err != nil {
		return nil, err
	}
	var found []crm.Found
	fields := []string{"email", "phone", "mobilephone", "firstname", "lastname", "hubspot_owner_id", "lifecyclestage"}
	add := func(by string, r result) {
		if !slices.ContainsFunc(found, func(f crm.Found) bool { return f.ID == r.ID }) {
			row := c.row(r)
			found = append(found, crm.Found{Object: object, ID: r.ID, Key: row.Key, By: by, Fields: row.Fields})
		}
	}
	lowered := make([]string, 0, len(emails))
	for _, e := range emails {
		if e = strings.ToLower(strings.TrimSpace(e)); e != "" {
			lowered = append(lowered, e)
		}
	}
	results, err := c.read(ctx, object, "email", lowered, fields)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		add("email", r)
	}
	local := map[string][]string{} // number without country code → whole numbers
	for _, p := range phones {
		if n, ok := phone.Parse(p, phone.World); ok {
			short := n.National()
			local[short] = append(local[short], p)
		}
	}
	if len(local) == 0 {
		return found, nil
	}
	var numbers []string
	for short := range local {
		numbers = append(numbers, short)
	}
	slices.Sort(numbers)
	for some := range slices.Chunk(numbers, maxBatch) {
		out, err := c.search(ctx, object, map[string]any{"propertyName": propPhone, "operator": "IN", "values": some}, append(fields, propPhone), searchPage)
		if err != nil {
			return nil, err
		}
		for _, r := range out.Results {
			if samePhone(r, local[r.get(propPhone)]) {
				add("phone", r)
			}
		}
	}
	return found, nil
}

// samePhone tells whether a record holds one of the numbers: with country code exactly, without one by the rest alone.
func samePhone(r result, wanted []string) bool {
	for _, name := range []string{"phone", "mobilephone"} {
		have := r.get(name)
		if have == "" {
			continue
		}
		n, ok := phone.Parse(have, phone.World)
		if !ok {
			return len(wanted) > 0 // written without country code
		}
		if slices.Contains(wanted, n.E164()) {
			return true
		}
	}
	return false
}

// search makes one search with one filter, ordered by record id; no filter = all.
func (c client) search(ctx context.Context, object string, filter map[string]any, fields []string, limit int) (answer, error) {
	query := map[string]any{"limit": limit, "properties": append([]string{c.keyField, propMerged}, fields...), "filterGroups": []any{},
		"sorts": []any{map[string]string{"propertyName": "hs_object_id", "direction": "ASCENDING"}}}
	if filter != nil {
		query["filterGroups"] = []any{map[string]any{"filters": []any{filter}}}
	}
	var out answer
	if err := c.call(ctx, "POST", c.at(apiObjects, pathOf(object), "search"), query, &out, 1); err != nil {
		return out, err
	}
	if out.Results == nil {
		return out, fault.New(fault.Ambiguous, "HubSpot answered a search of %s without results", object)
	}
	return out, nil
}

// List walks in the order of record ids, 200 a call; the id of the last row is the cursor. An error ends the walk.
func (HubSpot) List(ctx context.Context, a crm.Account, object string, fields []string, cursor string) iter.Seq2[crm.Row, error] {
	return func(yield func(crm.Row, error) bool) {
		c := open(a)
		if err := c.shape(); err != nil {
			yield(crm.Row{}, err)
			return
		}
		for {
			var filter map[string]any
			if cursor != "" {
				filter = map[string]any{"propertyName": "hs_object_id", "operator": "GT", "value": cursor}
			}
			out, err := c.search(ctx, object, filter, fields, searchPage)
			if err != nil {
				yield(crm.Row{}, err)
				return
			}
			for _, r := range out.Results {
				if !yield(c.row(r), nil) {
					return
				}
				cursor = r.ID
			}
			if len(out.Results) < searchPage {
				return
			}
		}
	}
}

// Count asks a search for its total.
func (HubSpot) Count(ctx context.Context, a crm.Account, object string) (int, error) {
	c := open(a)
	if err := c.shape(); err != nil {
		return 0, err
	}
	out, err := c.search(ctx, object, nil, nil, 1)
	return out.Total, err
}

// Probe reads the account and our properties.
func (h HubSpot) Probe(ctx context.Context, a crm.Account) ([]network.Finding, error) {
	c := open(a)
	if err := c.shape(); err != nil {
		return []network.Finding{{What: "credentials", Say: err.Error(), Mend: "set the secret token to a service key, and version to a date version"}}, nil
	}
	var account struct {
		Portal int64  `json:"portalId"`
		Zone   string `json:"timeZone"`
	}
	err := c.call(ctx, http.MethodGet, c.at(apiAccount, "details"), nil, &account, 1)
	switch {
	case fault.Is(err, fault.Unauthorized), fault.Is(err, fault.Drift):
		return []network.Finding{{What: "credentials", Say: err.Error(), Mend: "renew the token, or correct the version"}}, nil
	case err != nil:
		return nil, err
	}
	list := []network.Finding{{What: "credentials", OK: true, Say: "the token opens account " + number64(account.Portal)}}
	if zone := a.Text("timezone"); zone != account.Zone && !(zone == "" && account.Zone == "UTC") {
		list = append(list, network.Finding{What: "clock", Say: "the account's zone is " + account.Zone, Mend: "set timezone to " + account.Zone + ": the daily quota ends at its midnight"})
	}
	if a.Text("app_id") == "" {
		list = append(list, network.Finding{What: "subscription", Say: "app_id is not set", Mend: "set app_id, so that our own changes are told from others'"})
	}
	for _, object := range []string{"contacts", "tickets"} {
		f := network.Finding{What: "fields", OK: true, Say: object + " has the unique property " + c.keyField}
		d, err := h.Describe(ctx, a, object)
		if err == nil && !slices.ContainsFunc(d.Fields, func(f crm.Field) bool { return f.Name == c.keyField && f.Unique }) {
			f.OK, f.Say, f.Mend = false, object+" has no unique property "+c.keyField, "run setup with an administrator's token"
		}
		if err != nil {
			f = network.Finding{What: "permissions", Say: object + " cannot be read: " + err.Error(), Mend: "give the token the scopes for " + object + " and their schemas"}
		}
		list = append(list, f)
	}
	return list, nil
}

// Connect gives the page on which a person grants access.
func (HubSpot) Connect(_ context.Context, a crm.Account, redirect, state string) (string, error) {
	id, origin := a.Text("client_id"), a.Text("app_origin")
	if id == "" {
		return "", fault.New(fault.Invalid, "account %s has no client_id: copy it from the app's page in HubSpot", a.Name)
	}
	if origin == "" {
		origin = "https://app.hubspot.com"
	}
	scopes := []string{"oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read", "crm.schemas.contacts.write", "tickets"}
	if a.Bool("custom_objects") {
		scopes = append(scopes, "crm.objects.custom.read", "crm.objects.custom.write", "crm.schemas.custom.read", "crm.schemas.custom.write")
	}
	return origin + "/oauth/authorize?" + url.Values{"client_id": {id}, "redirect_uri": {redirect}, "scope": {strings.Join(scopes, " ")}, "state": {state}}.Encode(), nil
}

// Exchange turns the code into tokens; there is one target, the account.
func (HubSpot) Exchange(ctx context.Context, a crm.Account, redirect, code string) (network.Token, []network.Target, error) {
	t, err := open(a).grant(ctx, url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {redirect}, "code": {code}})
	if err != nil {
		return t, nil, err
	}
	return t, []network.Target{t.Target}, nil
}

// Refresh renews the access token, which lives thirty minutes. The refresh token stays unless a new one comes.
func (HubSpot) Refresh(ctx context.Context, a crm.Account, old network.Token) (network.Token, error) {
	t, err := open(a).grant(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.Refresh.Reveal()}})
	if err == nil && t.Refresh.Empty() {
		t.Refresh = old.Refresh
	}
	return t, err
}

// grant asks the token endpoint. A refused grant is Unauthorized: somebody has to connect again.
func (c client) grant(ctx context.Context, form url.Values) (network.Token, error) {
	form.Set("client_id", c.a.Text("client_id"))
	form.Set("client_secret", c.a.Secret("client_secret"))
	resp, err := c.a.Do(ctx, rest.Request{Method: http.MethodPost, URL: c.at(apiToken, "token"), Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	switch {
	case err != nil:
		return network.Token{}, err
	case resp.Status == 400 || resp.Status == 401 || resp.Status == 403:
		return network.Token{}, fault.New(fault.Unauthorized, "HubSpot refused the grant (%d): connect the account again, and look at client_id and client_secret", resp.Status)
	case resp.Status/100 != 2:
		return network.Token{}, c.refused(resp, 1)
	}
	var out struct {
		Access  string   `json:"access_token"`
		Refresh string   `json:"refresh_token"`
		Expires int      `json:"expires_in"`
		Hub     int64    `json:"hub_id"`
		Scopes  []string `json:"scopes"`
	}
	if err := resp.JSON(&out); err != nil || out.Access == "" {
		return network.Token{}, fault.New(fault.Transient, "HubSpot's token endpoint answered no token")
	}
	t := network.Token{Access: flow.NewSecret(out.Access), Refresh: flow.NewSecret(out.Refresh), Scopes: out.Scopes}
	if out.Expires > 0 {
		t.Expires = c.a.Now.Add(time.Duration(out.Expires) * time.Second)
	}
	if out.Hub != 0 {
		t.Target = network.Target{ID: number64(out.Hub), Title: "HubSpot account " + number64(out.Hub)}
	}
	return t, nil
}

func number64(n int64) string { return strconv.FormatInt(n, 10) }
