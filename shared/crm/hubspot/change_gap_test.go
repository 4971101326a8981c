package hubspot

import (
	"testing"

	"rapport/shared/network"
)

// A polled history tells of a human's value that our own write took the place of; of fields on which Rapport acts, and of what
// people wrote over each other, only the present value is told.
func TestReplacedValues(t *testing.T) {
	body := `{"object":"tickets","key":"rapport_key","from":1,"watch":["rapport_priority","hubspot_owner_id","rapport_department"],"results":[{"id":"7","createdAt":"2026-11-20T00:00:00Z",
"properties":{"rapport_key":"rapport:conversation:x"},"propertiesWithHistory":{
"rapport_priority":[{"value":"high","timestamp":"2026-11-20T10:00:02Z","sourceType":"INTEGRATION","sourceId":"62515"},{"value":"low","timestamp":"2026-11-20T10:00:01Z","sourceType":"CRM_UI","sourceId":"userId:9"}],
"hubspot_owner_id":[{"value":"1","timestamp":"2026-11-20T10:00:02Z","sourceType":"INTEGRATION","sourceId":"62515"},{"value":"2","timestamp":"2026-11-20T10:00:01Z","sourceType":"CRM_UI","sourceId":"userId:9"}],
"rapport_department":[{"value":"b","timestamp":"2026-11-20T10:00:02Z","sourceType":"CRM_UI","sourceId":"userId:9"},{"value":"a","timestamp":"2026-11-20T10:00:01Z","sourceType":"CRM_UI","sourceId":"userId:8"}]}}]}`
	list, err := HubSpot{}.ParseChanges(network.Raw{Body: []byte(body), Settings: map[string]any{"app_id": "62515"}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range list {
		if c.By == "self" {
			continue
		}
		n++
		switch {
		case c.Fields["rapport_priority"] == "low" && c.Key == "rapport:conversation:x" && c.At.Second() == 1:
		case c.Fields["rapport_department"] == "b" && len(c.Fields) == 1:
		default:
			t.Errorf("%+v", c)
		}
	}
	if n != 2 {
		t.Errorf("%d changes by people: %+v", n, list)
	}
}
