package salesforce_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/crm/crmtest"
	"rapport/shared/crm/salesforce"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/rest"
	twin "rapport/shared/twin/salesforce"
)

const canary = "00D000000000001!canary.4711.0815"

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

// place is an org on a socket with an account in it, and an adapter of its own.
type place struct {
	*twin.Org
	clock   *clock
	account crm.Account
	crm     *salesforce.Salesforce
}

func open(t *testing.T, o twin.Options) place {
	t.Helper()
	p := place{clock: &clock{at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}, crm: salesforce.New()}
	o.Now = p.clock.now
	secrets := map[string]flow.Secret{}
	if o.Key == nil && o.ClientSecret == "" {
		o.Token = canary
		secrets["token"] = flow.NewSecret(canary)
	}
	p.Org = twin.New(o)
	srv := httptest.NewServer(p.Org)
	t.Cleanup(srv.Close)
	p.account = crm.Account{Name: "sales", Kind: "salesforce", Origin: srv.URL, HTTP: rest.Guard(rest.GuardOptions{Private: true}), Now: p.clock.now(),
		Settings: map[string]any{"watch": []any{"rapport_text"}, "person_accounts": o.PersonAccounts}, Secrets: secrets}
	return p
}

// furnish makes our fields in an object.
func (p place) furnish(object string) {
	p.Key(object, "rapport_key__c")
	p.Field(object, "rapport_text__c", "textarea")
	p.Field(object, "rapport_score__c", "double")
	p.Field(object, "rapport_at__c", "datetime")
	p.Field(object, "rapport_open__c", "boolean")
	p.Field(object, "rapport_source__c", "picklist", "live", "history", "test")
}

func sample(object string) func(key string) crm.Record {
	return func(key string) crm.Record {
		r := crm.Record{Object: object, KeyField: "rapport_key", Key: key, Fields: map[string]any{"rapport_text": "about " + key, "rapport_score": 61.5,
			"rapport_at": time.Date(2026, 11, 19, 8, 30, 1, 0, time.UTC), "rapport_open": true, "rapport_source": "live"}}
		switch object {
		case "Lead":
			r.Fields["Company"] = "Nordlicht Rad"
			r.Fields["LastName"] = "Radlerin"
		case "Contact", "Account":
			r.Fields["LastName"] = "Radlerin"
		}
		return r
	}
}

func vendorFields(fields map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range fields {
		if len(name) > 8 && name[:8] == "rapport_" {
			name += "__c"
		}
		out[name] = v
	}
	return out
}

// world is the suite's view of a place.
func world(p place, object, foreign string) crmtest.World {
	api := object
	if object == "rapport_mention" {
		api += "__c"
		p.Object(api, "Mention")
		p.Field(api, "their_note__c", "string")
	}
	p.furnish(api)
	p.account.Settings["objects"] = []any{object}
	sample := sample(object)
	return crmtest.World{
		Account: p.account, Object: object, KeyField: "rapport_key", Text: "rapport_text", Foreign: foreign, Sample: sample,
		Bad: func(key string) crm.Record {
			r := sample(key)
			r.Fields["rapport_score"] = "not a number"
			return r
		},
		Count: func(key string) int { return p.Count(api, "rapport_key__c", key) },
		Total: func() int { return len(p.Rows(api)) },
		Row: func(id string) map[string]any {
			row := p.Row(id)
			if row == nil {
				return nil
			}
			fields := map[string]any{}
			for name, v := range row {
				if n := len(name) - 3; n > 8 && name[:8] == "rapport_" && name[n:] == "__c" {
					name = name[:n]
				}
				fields[name] = v
			}
			return fields
		},
		HumanCreate: func(f map[string]any) string { return p.Create(api, vendorFields(f)) },
		HumanEdit:   func(id string, f map[string]any) { p.Edit(id, vendorFields(f)) },
		HumanDelete: func(id string) { p.Delete(id) },
		Merge:       p.Merge, Convert: p.Convert,
		RemoveField:   func(name string) { p.RemoveField(api, name+"__c") },
		RefuseBatchOn: p.Refuse,
		Settle:        func() time.Time { return p.clock.move(3 * time.Minute) },
		Statuses: []crmtest.Status{
			{Name: "403 of the day", Status: 403, Header: map[string][]string{"Sforce-Limit-Info": {"api-usage=100000/100000; api-bursts=1/750"}}, Body: `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`, Want: []fault.Kind{fault.QuotaExhausted}, After: 15 * time.Minute},
			{Name: "403 of the moment", Status: 403, Header: map[string][]string{"Sforce-Limit-Info": {"api-usage=10018/100000; api-bursts=1/750"}}, Body: `[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`, Want: []fault.Kind{fault.RateLimited}, After: 5 * time.Second},
			{Name: "403 switched off", Status: 403, Body: `[{"message":"The REST API is not enabled for this Organization.","errorCode":"API_DISABLED_FOR_ORG"}]`, Want: []fault.Kind{fault.Unauthorized}},
			{Name: "503 of the org", Status: 503, Body: `[{"message":"Server too busy","errorCode":"SERVER_UNAVAILABLE"}]`, Want: []fault.Kind{fault.Unavailable}},
			{Name: "400 slow query", Status: 400, Body: `[{"message":"Your query request was running for too long.","errorCode":"QUERY_TIMEOUT"}]`, Want: []fault.Kind{fault.Transient}},
		},
		Errors: func(status int) string {
			code := map[int]string{400: "MALFORMED_QUERY", 401: "INVALID_SESSION_ID", 403: "INSUFFICIENT_ACCESS", 404: "NOT_FOUND", 410: "UNSUPPORTED_API_VERSION"}[status]
			return fmt.Sprintf(`[{"message":"a refusal with status %d","errorCode":%q}]`, status, code)
		},
	}
}

func suite(t *testing.T, object, foreign string, o twin.Options, skips map[string]string) {
	crmtest.Run(t, crmtest.Suite{New: func() crm.CRM { return salesforce.New() }, Skips: skips,
		Start: func(t *testing.T) crmtest.World { return world(open(t, o), object, foreign) }})
}

var noConversion = map[string]string{"convert": "only leads turn into records of another object"}

func TestContacts(t *testing.T) { suite(t, "Contact", "FirstName", twin.Options{}, noConversion) }

func TestCases(t *testing.T) {
	suite(t, "Case", "Subject", twin.Options{WholeBatch: true, AssignTo: twin.Agent}, noConversion)
}

func TestLeads(t *testing.T) { suite(t, "Lead", "FirstName", twin.Options{Page: 50}, nil) }

func TestPersonAccounts(t *testing.T) {
	suite(t, "Account", "FirstName", twin.Options{PersonAccounts: true}, noConversion)
}

func TestMentions(t *testing.T) {
	suite(t, "rapport_mention", "their_note__c", twin.Options{}, map[string]string{"convert": "only leads turn into records of another object", "merge": "records of own objects cannot be merged in Salesforce"})
}

// rsaKey is made once for all tests.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func keyText() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey())}))
}

// byAssertion is a place in which the log-in is a signed assertion.
func byAssertion(t *testing.T, o twin.Options) place {
	o.Key, o.ClientID, o.Username = &rsaKey().PublicKey, "consumer-1", "rapport@nordlicht.example"
	p := open(t, o)
	p.account.Settings["client_id"], p.account.Settings["username"] = "consumer-1", "rapport@nordlicht.example"
	p.account.Secrets["private_key"] = flow.NewSecret(keyText())
	return p
}

// TestAssertion runs the suite with a log-in before the first call.
func TestAssertion(t *testing.T) {
	crmtest.Run(t, crmtest.Suite{New: func() crm.CRM { return salesforce.New() }, Skips: noConversion,
		Start: func(t *testing.T) crmtest.World { return world(byAssertion(t, twin.Options{}), "Contact", "FirstName") }})
}

// TestClientCredentials runs the suite with the other log-in.
func TestClientCredentials(t *testing.T) {
	crmtest.Run(t, crmtest.Suite{New: func() crm.CRM { return salesforce.New() }, Skips: noConversion,
		Start: func(t *testing.T) crmtest.World {
			p := open(t, twin.Options{ClientID: "consumer-1", ClientSecret: "consumer-secret-1"})
			p.account.Settings["client_id"] = "consumer-1"
			p.account.Secrets["client_secret"] = flow.NewSecret("consumer-secret-1")
			return world(p, "Case", "Subject")
		}})
}
