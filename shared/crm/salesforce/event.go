package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

// secretHeader carries what Event Relay's last hop, an API destination of EventBridge, shows us.
const secretHeader = "X-Rapport-Secret"

// Verify checks the agreed secret. Change events are not signed: they come from Salesforce by EventBridge, which adds it.
func (*Salesforce) Verify(_ context.Context, h network.Hook, r webhook.Request) (webhook.Answer, error) {
	if r.Method != http.MethodPost {
		return webhook.Answer{}, fault.New(fault.Forged, "EventBridge sends POST, this is %s", r.Method)
	}
	if err := webhook.VerifyToken(h.Keys(), r, secretHeader, ""); err != nil {
		return webhook.Answer{}, err
	}
	return webhook.Answer{Keep: len(r.Body) > 0}, nil
}

// Sign gives the header of a call that Verify lets through.
func (*Salesforce) Sign(h network.Hook, _ string, _ []byte, _ time.Time) (http.Header, error) {
	keys := h.Keys()
	if len(keys) == 0 {
		return nil, fault.New(fault.Invalid, "hook %s has no secret", h.Name)
	}
	return webhook.SignToken(keys[0], secretHeader, ""), nil
}

// event is a change event in one of its envelopes: EventBridge's, that of Salesforce's own streams, or none. A rule of
// EventBridge may hand over any part of an event.
type event struct {
	Detail  json.RawMessage `json:"detail"` // EventBridge
	Data    json.RawMessage `json:"data"`   // Streaming API
	Payload json.RawMessage `json:"payload"`
	Header  json.RawMessage `json:"ChangeEventHeader"` // none: the body is the payload
}

// payloadOf takes a change event out of its envelopes; nil if there is none.
func payloadOf(body json.RawMessage) json.RawMessage {
	for range 3 { // as deep as envelopes go
		var e event
		if json.Unmarshal(body, &e) != nil {
			return nil
		}
		if len(e.Header) > 0 {
			return body
		}
		for _, inner := range []json.RawMessage{e.Detail, e.Data, e.Payload} {
			if len(inner) > 0 {
				body = inner
				break
			}
		}
	}
	return nil
}

// header is what a change event says of itself.
type header struct {
	Entity  string   `json:"entityName"`
	Records []string `json:"recordIds"`
	Type    string   `json:"changeType"`
	Key     string   `json:"transactionKey"`
	Number  int      `json:"sequenceNumber"`
	Time    int64    `json:"commitTimestamp"`
	User    string   `json:"commitUser"`
}

// parseEvent reads a change event: the fields that changed, of one record or of several that were changed alike. That
// something was lost (gap and overflow events) is left to polling. A merge is told as a deletion, so deletions are left to it too.
func parseEvent(raw network.Raw) ([]flow.Change, error) {
	payload := payloadOf(raw.Body)
	if payload == nil {
		return nil, fault.New(fault.Invalid, "the body is neither a polled page nor a change event of Salesforce: no ChangeEventHeader was found in it, "+
			"nor in its detail, data or payload; send change events unchanged from EventBridge's rule")
	}
	var h struct {
		Header header `json:"ChangeEventHeader"`
	}
	fields := record{}
	if json.Unmarshal(payload, &h) != nil || json.Unmarshal(payload, &fields) != nil || h.Header.Entity == "" || h.Header.Time <= 0 {
		return nil, fault.New(fault.Invalid, "the change event has no header with entityName and commitTimestamp")
	}
	p := polled{Object: ours(h.Header.Entity), Key: vendor(defaultKeyField), Stamp: "SystemModstamp"}
	ch := flow.Change{Account: raw.Account, Object: p.Object, By: h.Header.User, At: time.UnixMilli(h.Header.Time).UTC(), Key: fields.text(p.Key)}
	if same(ch.By, network.Account{Settings: raw.Settings}.Text("user_id")) {
		ch.By = "self"
	}
	switch h.Header.Type {
	case "CREATE", "UNDELETE":
		ch.Verb = "create"
	case "UPDATE":
		ch.Verb = "update"
	default:
		return nil, nil
	}
	if p.Object == replyObject { // it does not say which case it answers
		return nil, nil
	}
	var list []flow.Change
	for i, id := range h.Header.Records {
		if !isID(id) {
			return nil, fault.New(fault.Invalid, "record %d of the change event has no id", i)
		}
		one := ch
		one.Record, one.Fields = id, p.told(raw.Settings, fields)
		one.ID = fmt.Sprintf("%s:%s:%s:%d", p.Object, id, h.Header.Key, h.Header.Number)
		list = append(list, one)
	}
	return list, nil
}

// told puts the fields of an event under their words. An event may name a status without saying whether that is closed.
func (p polled) told(settings map[string]any, fields record) map[string]any {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		v := fields[name]
		if _, compound := v.(map[string]any); !compound && name != "SystemModstamp" && name != "LastModifiedDate" {
			if !strings.HasPrefix(name, "Has") && !strings.Contains(name, "DoNotCall") && !strings.Contains(name, "OptedOut") {
				p.named(settings, out, fields, name)
			}
		}
	}
	if _, says := fields["IsClosed"]; p.Object == "Case" && says {
		out[crm.FieldStatus] = string(statusOf(settings, fields))
	} else {
		delete(out, crm.FieldStatus)
	}
	return out
}
