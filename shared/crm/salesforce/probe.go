package salesforce

import (
	"context"
	"fmt"
	"net/http"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/network"
)

// Probe logs in, looks at the day's calls and the storage, and at what the integration user sees of our objects.
func (f *Salesforce) Probe(ctx context.Context, a crm.Account) ([]network.Finding, error) {
	c, err := f.open(ctx, a)
	if fault.Is(err, fault.Unauthorized) || fault.Is(err, fault.Invalid) {
		return []network.Finding{{What: "credentials", Say: err.Error(), Mend: "set the secrets of one way to log in, and its settings, as docs/crms.md lists them"}}, nil
	}
	if err != nil {
		return nil, err
	}
	self, err := c.self(ctx)
	switch {
	case fault.Is(err, fault.Unauthorized):
		return []network.Finding{{What: "credentials", Say: err.Error(), Mend: "renew the token, or look whether the user is active and may use the app"}}, nil
	case err != nil:
		return nil, err
	}
	list := []network.Finding{{What: "credentials", OK: true, Say: "the log-in acts for user " + self}, c.served(ctx)}
	list = append(list, c.limits(ctx)...)
	person := "Contact"
	if a.Bool("person_accounts") {
		person = "Account"
	}
	for _, object := range []string{"Case", person, "rapport_mention", replyObject} {
		list = append(list, c.sees(ctx, object))
	}
	if name := a.Text("queue"); name != "" && !isID(name) {
		one := network.Finding{What: "permissions", OK: true, Say: "the fallback queue " + name + " is there"}
		if found, err := c.people(ctx, []string{name}); err != nil || len(found) == 0 {
			one = network.Finding{What: "permissions", Say: "there is no queue with the developer name " + name, Mend: "correct the setting queue, or make the queue"}
		}
		list = append(list, one)
	}
	return list, nil
}

// served looks whether the configured version is still served.
func (c client) served(ctx context.Context) network.Finding {
	var list []struct {
		Version string `json:"version"`
	}
	if err := c.call(ctx, http.MethodGet, "/services/data", nil, nil, &list, 1); err != nil || len(list) == 0 {
		return network.Finding{What: "access level", Say: "the versions of the API cannot be read", Mend: "look whether origin is the org's My Domain address"}
	}
	for _, v := range list {
		if v.Version == c.version {
			return network.Finding{What: "access level", OK: true, Say: "version " + c.version + " is served, the newest is " + list[len(list)-1].Version}
		}
	}
	return network.Finding{What: "access level", Say: "version " + c.version + " is not served", Mend: "set version to " + list[len(list)-1].Version}
}

// limits looks at the calls of the day and at the storage.
func (c client) limits(ctx context.Context) []network.Finding {
	var all map[string]struct{ Max, Remaining int }
	if err := c.call(ctx, http.MethodGet, c.at("limits"), nil, nil, &all, 1); err != nil {
		return []network.Finding{{What: "billing", Say: "the org's limits cannot be read: " + err.Error(), Mend: "give the user the permission View Setup and Configuration; the permission set Rapport holds it"}}
	}
	calls := all["DailyApiRequests"]
	one := network.Finding{What: "billing", OK: calls.Remaining*5 >= calls.Max, Say: fmt.Sprintf("%d of %d calls of the rolling day are left", calls.Remaining, calls.Max)}
	if !one.OK {
		one.Mend = "find what uses them up, poll less often (every), or buy calls"
	}
	room := all["DataStorageMB"]
	two := network.Finding{What: "billing", OK: room.Remaining*10 >= room.Max, Say: c.storage(ctx)}
	if !two.OK {
		two.Mend = "shorten the retention of mentions, or buy storage"
	}
	return []network.Finding{one, two}
}

// sees looks whether the integration user sees our key in an object.
func (c client) sees(ctx context.Context, object string) network.Finding {
	d, err := c.learn(ctx, object)
	if err != nil {
		return network.Finding{What: "permissions", Say: object + " cannot be seen: " + err.Error(), Mend: "run setup, or give the integration user the permission set Rapport"}
	}
	name, kind := c.key(), "unique external id"
	if object == replyObject {
		name, kind = "rapport_text__c", "field"
	}
	f := d.field(name)
	switch {
	case f == nil:
		return network.Finding{What: "fields", Say: fmt.Sprintf("%s shows no %s %s", object, kind, name), Mend: "run setup with an administrator's token, or give the integration user the permission set Rapport"}
	case object != replyObject && (!f.Unique || !f.External || !f.Caseful):
		return network.Finding{What: "fields", Say: fmt.Sprintf("%s of %s is not a unique external id that tells upper from lower case", name, object), Mend: "change the field in Salesforce: two records whose ids differ in case alone would become one"}
	}
	return network.Finding{What: "fields", OK: true, Say: fmt.Sprintf("%s has the %s %s", object, kind, name)}
}
