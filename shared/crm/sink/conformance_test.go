package sink

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/crm/crmtest"
	"rapport/shared/fault"
	"rapport/shared/flow"
	twin "rapport/shared/twin/sink"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// batchSettings drives an endpoint that creates and never matches.
func batchSettings() map[string]any {
	return map[string]any{
		"batch": 100, "id_field": "ExternalId",
		"write":   map[string]any{"path": "/batch"},
		"results": "body.results",
		"result":  map[string]any{"ok": "item.success", "id": "item.id", "error": "item.error", "retry": `item.error == "UNABLE_TO_LOCK_ROW"`},
		"find":    map[string]any{"path": "/find", "ids": "body"},
	}
}

// keyedSettings drives an endpoint that updates what has the same key, with everything that can be configured.
func keyedSettings() map[string]any {
	return map[string]any{
		"keyed": true, "auth": `"Bearer " + secret("token")`, "error": "body.error",
		"drift":   `body.error == "INVALID_FIELD" ? [body.field] : nil`,
		"write":   map[string]any{"path": "/upsert"},
		"results": "body.results",
		"result": map[string]any{"key": "item.key", "ok": "item.success", "id": "item.id", "error": "item.error", "state": `item.created ? "created" : "updated"`,
			"gone": `item.error == "ENTITY_IS_DELETED"`, "drift": `item.error == "INVALID_FIELD" ? [item.field] : nil`, "retry": `item.error == "UNABLE_TO_LOCK_ROW"`},
		"update": map[string]any{"path": "/records/{record.id}", "results": "[body]", "result": map[string]any{"ok": "item.id != nil", "id": "item.id"}},
		"read":   map[string]any{"path": "/read", "rows": "body.rows", "row": map[string]any{"id": "item.id", "key": "item.key", "fields": "item.fields"}},
		"erase":  map[string]any{"path": "/erase", "batch": 100, "body": `{"delete": delete, "records": records}`, "ok": "body.done"},
		"fields": map[string]any{"mention": []any{
			map[string]any{"name": "ExternalId", "unique": true, "ours": true, "required": true},
			map[string]any{"name": "Text", "type": "longtext", "max": 32000}, map[string]any{"name": "Stars", "type": "integer"}, "Handle"}},
	}
}

// rpcSettings drives a JSON-RPC CRM that refuses inside answers of 200.
func rpcSettings() map[string]any {
	call := func(verb, params string) string {
		return `{"id": 1, "method": "model." + object + ".` + verb + `", "params": ` + params + `}`
	}
	return map[string]any{
		"login": map[string]any{"path": "/crm/", "session": "body.result",
			"body": `{"method": "common.db.login", "params": [secret("user"), {"password": secret("password")}]}`},
		"auth": `"Session " + toBase64(secret("user") + ":" + string(session[0]) + ":" + session[1])`,
		"ok":   "body.error == nil", "error": "body.error[1]", "gone": `body.error[0] == "AccessError"`,
		"drift":   `body.error[0] == "FieldError" ? [body.error[1]] : nil`,
		"write":   map[string]any{"path": "/crm/", "body": call("create", "[map(records, .fields)]")},
		"results": "body.result", "result": map[string]any{"id": "item"},
		"update": map[string]any{"method": "POST", "path": "/crm/", "body": call("write", "[[record.id], record.fields]"), "results": `"result" in body ? [true] : nil`},
		"find": map[string]any{"path": "/crm/", "body": call("search_read", `[[["code", "in", keys]], ["code"]]`),
			"ids": `fromPairs(map(body.result, [.code, .id]))`},
		"read": map[string]any{"path": "/crm/", "body": call("search_read", `[[["code", "in", keys], ["id", "in", ids]], fields]`),
			"rows": "body.result", "row": map[string]any{"id": "item.id", "key": "item.code"}},
		"erase":  map[string]any{"path": "/crm/", "body": `delete ? ` + call("delete", "[[record.id]]") + ` : ` + call("write", "[[record.id], record.fields]")},
		"fields": map[string]any{"party": []any{map[string]any{"name": "code", "unique": true, "ours": true}, map[string]any{"name": "text", "type": "longtext", "max": 32000}, map[string]any{"name": "stars", "type": "number"}}},
	}
}

func account(t testing.TB, h http.Handler, settings map[string]any) crm.Account {
	t.Helper()
	if errs := Check(settings); len(errs) > 0 {
		t.Fatal(errs)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return crm.Account{Name: "house", Kind: Name, Origin: server.URL, Settings: settings, HTTP: server.Client(), Now: now,
		Secrets: map[string]flow.Secret{"token": flow.NewSecret("canary-token-1"), "user": flow.NewSecret("canary-user"), "password": flow.NewSecret("canary-password"), "secret": flow.NewSecret("whsec_Y2FuYXJ5LXNlY3JldA==")}}
}

func restWorld(t *testing.T, o twin.Options, settings map[string]any) (crmtest.World, *twin.CRM) {
	o.Fields = []string{"Text", "Stars", "Handle", "Note"}
	c := twin.New(o)
	sample := func(key string) crm.Record {
		return crm.Record{Object: "mention", KeyField: "ExternalId", Key: key, Fields: map[string]any{"Text": "about " + key, "Stars": 4, "Handle": "@kim"}}
	}
	return crmtest.World{Account: account(t, c, settings), Object: "mention", KeyField: "ExternalId", Text: "Text", Foreign: "Note", Sample: sample,
		Bad:   func(key string) crm.Record { r := sample(key); r.Fields["Stars"] = "many"; return r },
		Count: c.Count, Total: c.Total, Row: c.Row, HumanCreate: c.Create, HumanEdit: c.Edit, HumanDelete: c.Delete, RemoveField: c.RemoveField, RefuseBatchOn: c.RefuseBatchOn,
	}, c
}

const notConfigurable = "no setting describes that; endpoints without code have no such thing"

func TestKeyed(t *testing.T) {
	crmtest.Run(t, crmtest.Suite{
		New: func() crm.CRM { return New() },
		Start: func(t *testing.T) crmtest.World {
			w, _ := restWorld(t, twin.Options{Token: "canary-token-1"}, keyedSettings())
			return w
		},
		Skips: map[string]string{"merge": notConfigurable, "convert": notConfigurable, "setup": notConfigurable, "changes": notConfigurable, "list": notConfigurable},
	})
}

func TestCreateOnly(t *testing.T) {
	const cannot = "this endpoint only creates: what is there stays as it is"
	crmtest.Run(t, crmtest.Suite{
		New: func() crm.CRM { return New() },
		Start: func(t *testing.T) crmtest.World {
			w, _ := restWorld(t, twin.Options{}, batchSettings())
			w.Unkeyed = true
			return w
		},
		Skips: map[string]string{"merge": notConfigurable, "convert": notConfigurable, "setup": notConfigurable, "changes": notConfigurable, "list": notConfigurable,
			"order": cannot, "values": cannot, "adopt": cannot, "delete": cannot, "read": "no read is configured here", "erase": "no erase is configured here",
			"erase whole": "no erase is configured here", "describe": "no fields are listed here", "removed field": "no drift is configured here"},
	})
}

func TestRPC(t *testing.T) {
	login := func(name string, status int) crmtest.Status {
		return crmtest.Status{Name: name, Status: status, Want: []fault.Kind{fault.Unauthorized}} // it is the log-in that is refused
	}
	crmtest.Run(t, crmtest.Suite{
		New: func() crm.CRM { return New() },
		Start: func(t *testing.T) crmtest.World {
			c := twin.NewRPC(twin.RPCOptions{User: "canary-user", Password: "canary-password", Fields: []string{"code", "text", "stars", "note"}})
			sample := func(key string) crm.Record {
				return crm.Record{Object: "party", KeyField: "code", Key: key, Fields: map[string]any{"text": "about " + key, "stars": 2.5}}
			}
			return crmtest.World{Account: account(t, c, rpcSettings()), Object: "party", KeyField: "code", Text: "text", Foreign: "note", Unkeyed: true, Sample: sample,
				Bad:   func(key string) crm.Record { r := sample(key); r.Fields["stars"] = "many"; return r },
				Count: func(key string) int { return c.Count("code", key) }, Total: c.Total, Row: c.Row,
				HumanCreate: func(fields map[string]any) string { return c.Create("party", fields) }, HumanEdit: c.Edit, HumanDelete: c.Delete, RemoveField: c.RemoveField,
				Statuses: []crmtest.Status{login("400", 400), login("404", 404), login("409", 409), login("410", 410)}}
		},
		Skips: map[string]string{"merge": notConfigurable, "convert": notConfigurable, "setup": notConfigurable, "changes": notConfigurable, "list": notConfigurable,
			"split": "it refuses what is bad in a batch, and nothing else; one bad record of a batch is checked"},
	})
}
