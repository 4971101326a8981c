package hubspot_test

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/crm/crmtest"
	"rapport/shared/crm/hubspot"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/rest"
	twin "rapport/shared/twin/hubspot"
)

const canary = "pat-eu1-canary-4711-0815"

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

// place is a portal on a socket with an account in it.
type place struct {
	*twin.Portal
	clock   *clock
	account crm.Account
}

func open(t *testing.T, o twin.Options) place {
	t.Helper()
	p := place{clock: &clock{at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}}
	o.Now, o.Token = p.clock.now, canary
	if o.Limit10s == 0 {
		o.Limit10s, o.LimitSearch = -1, -1
	}
	p.Portal = twin.New(o)
	srv := httptest.NewServer(p.Portal)
	t.Cleanup(srv.Close)
	p.account = crm.Account{Name: "hub", Kind: "hubspot", ID: "4711", Origin: srv.URL, HTTP: rest.Guard(rest.GuardOptions{Private: true}), Now: p.clock.now(),
		Settings: map[string]any{"app_id": 62515, "watch": []any{"rapport_text"}}, Secrets: map[string]flow.Secret{"token": flow.NewSecret(canary)}}
	return p
}

// furnish makes our fields in an object.
func (p place) furnish(object string) {
	p.Field(object, "rapport_key", "string", true)
	p.Field(object, "rapport_text", "string", false)
	p.Field(object, "rapport_score", "number", false)
	p.Field(object, "rapport_at", "datetime", false)
	p.Field(object, "rapport_open", "bool", false)
	p.Field(object, "rapport_source", "enumeration", false, "live", "history", "test")
}

func sample(object string) func(key string) crm.Record {
	return func(key string) crm.Record {
		return crm.Record{Object: object, KeyField: "rapport_key", Key: key, Fields: map[string]any{"rapport_text": "about " + key, "rapport_score": 61.5,
			"rapport_at": time.Date(2026, 11, 19, 8, 30, 1, 0, time.UTC), "rapport_open": true, "rapport_source": "live"}}
	}
}

// world is the suite's view of a place.
func world(p place, object, foreign string) crmtest.World {
	p.furnish(object)
	p.account.Settings["objects"] = []any{object}
	sample := sample(object)
	return crmtest.World{
		Account: p.account, Object: object, KeyField: "rapport_key", Text: "rapport_text", Foreign: foreign, Sample: sample,
		Bad: func(key string) crm.Record {
			r := sample(key)
			r.Fields["rapport_score"] = "not a number"
			return r
		},
		Count: func(key string) int { return p.Count(object, "rapport_key", key) },
		Total: func() int { return len(p.Rows(object)) },
		Row: func(id string) map[string]any {
			row, ok := p.Row(object, id)
			if !ok {
				return nil
			}
			fields := map[string]any{}
			for name, v := range row.Fields {
				fields[name] = v
			}
			return fields
		},
		HumanCreate: func(f map[string]any) string {
			if object == "tickets" {
				f["hs_pipeline_stage"] = "2"
			}
			return p.Create(object, f)
		},
		HumanEdit:     func(id string, f map[string]any) { p.Edit(object, id, f) },
		HumanDelete:   func(id string) { p.Delete(object, id) },
		Merge:         func(loser, winner string) string { return p.Merge(object, winner, loser) },
		RemoveField:   func(name string) { p.RemoveField(object, name) },
		RefuseBatchOn: p.Refuse,
		Settle:        func() time.Time { return p.clock.move(3 * time.Minute) },
		Statuses: []crmtest.Status{
			{Name: "429 of ten seconds", Status: 429, Body: `{"status":"error","policyName":"TEN_SECONDLY_ROLLING","message":"limit"}`, Want: []fault.Kind{fault.RateLimited}, After: 10 * time.Second},
			{Name: "429 of a second", Status: 429, Body: `{"status":"error","policyName":"SECONDLY","message":"limit"}`, Want: []fault.Kind{fault.RateLimited}, After: time.Second},
			{Name: "429 of the day", Status: 429, Body: `{"status":"error","policyName":"DAILY","message":"limit"}`, Want: []fault.Kind{fault.QuotaExhausted}, After: 12 * time.Hour},
			{Name: "423", Status: 423, Want: []fault.Kind{fault.Transient}, After: 2 * time.Second},
			{Name: "477", Status: 477, Header: map[string][]string{"Retry-After": {"7200"}}, Want: []fault.Kind{fault.Unavailable}, After: 2 * time.Hour},
			{Name: "524", Status: 524, Want: []fault.Kind{fault.Unavailable}},
			{Name: "403 for scopes", Status: 403, Body: `{"status":"error","category":"MISSING_SCOPES","context":{"requiredGranularScopes":["crm.objects.contacts.write"]}}`, Want: []fault.Kind{fault.Unauthorized}},
		},
		Errors: func(status int) string {
			category := map[int]string{400: "VALIDATION_ERROR", 401: "INVALID_AUTHENTICATION", 409: "CONFLICT", 429: "RATE_LIMITS"}[status]
			return fmt.Sprintf(`{"status":"error","message":"a refusal with status %d","correlationId":"x","category":%q}`, status, category)
		},
	}
}

var noLeads = map[string]string{"convert": "HubSpot's leads are no records that turn into others"}

func TestContacts(t *testing.T) {
	crmtest.Run(t, crmtest.Suite{New: func() crm.CRM { return hubspot.New() }, Skips: noLeads,
		Start: func(t *testing.T) crmtest.World {
			return world(open(t, twin.Options{SearchLag: time.Minute}), "contacts", "firstname")
		}})
}

func TestTickets(t *testing.T) {
	crmtest.Run(t, crmtest.Suite{New: func() crm.CRM { return hubspot.New() }, Skips: noLeads,
		Start: func(t *testing.T) crmtest.World {
			return world(open(t, twin.Options{NoAlias: true, LoserKeeps: true}), "tickets", "subject")
		}})
}

func TestCustomObjects(t *testing.T) {
	crmtest.Run(t, crmtest.Suite{New: func() crm.CRM { return hubspot.New() }, Skips: noLeads,
		Start: func(t *testing.T) crmtest.World {
			p := open(t, twin.Options{CustomObjects: true, PerRecord: true})
			p.Object("rapport_mention", "Mention", "rapport_key")
			p.Field("rapport_mention", "their_note", "string", false)
			p.account.Settings["custom_objects"] = true
			return world(p, "rapport_mention", "their_note")
		}})
}

// TestUntraced: HubSpot forgets to say which inputs its errors are about.
func TestUntraced(t *testing.T) {
	crmtest.Run(t, crmtest.Suite{New: func() crm.CRM { return hubspot.New() }, Skips: noLeads,
		Start: func(t *testing.T) crmtest.World {
			return world(open(t, twin.Options{NoTrace: true, PerRecord: true, NoAlias: true}), "contacts", "firstname")
		}})
}
