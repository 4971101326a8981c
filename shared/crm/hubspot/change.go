package hubspot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

// historyBatch is how many records a read with history may ask for.
const historyBatch = 50

// Verify checks the signature, version 3, and keeps bodies that hold events.
func (HubSpot) Verify(_ context.Context, h network.Hook, r webhook.Request) (webhook.Answer, error) {
	if r.Method != http.MethodPost {
		return webhook.Answer{}, fault.New(fault.Forged, "HubSpot sends POST, this is %s", r.Method)
	}
	if err := webhook.VerifyHubSpot(h.Keys(), r, 0); err != nil {
		return webhook.Answer{}, err
	}
	return webhook.Answer{Keep: len(r.Body) > 0}, nil
}

// watched are the properties whose changes matter, by object, and what we call them.
func watched(object string, more []string) []string {
	var names []string
	switch object {
	case "contacts":
		names = []string{"email", "phone", "mobilephone", "hubspot_owner_id", "lifecyclestage", "rapport_objected", "rapport_consented", "rapport_accepted"}
	case "tickets":
		names = []string{propStage, "hubspot_owner_id", "hs_ticket_priority", "rapport_reply", "rapport_reply_state", "rapport_reply_visibility", "rapport_accepted"}
	default:
		names = []string{"hubspot_owner_id"}
	}
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// cursor is how far each object was read.
type cursor struct {
	Turn    int            `json:"turn"` // index of the object that is read next
	Objects []objectCursor `json:"objects"`
}

type objectCursor struct {
	Name  string `json:"name"`
	From  int64  `json:"from"` // where this pass began, Unix milliseconds
	Since int64  `json:"since"`
	After string `json:"after,omitempty"` // within one and the same millisecond
}

// polled is the body of a poll: what HubSpot answered, and from when on its values are news.
type polled struct {
	Object  string            `json:"object"`
	Key     string            `json:"key"`
	From    int64             `json:"from"`
	Watch   []string          `json:"watch"`
	Results []json.RawMessage `json:"results"`
}

// Changes makes two calls for a page: a search for what was modified, which lags, and a read of its histories, which
// tell who changed what. Each pass looks back over the lag, so changes come more than once, with the same ids. Deleted
// records are not found this way: webhooks tell of them, and writing them does.
func (HubSpot) Changes(ctx context.Context, a crm.Account, at string) (network.Page, error) {
	c := open(a)
	if err := c.shape(); err != nil {
		return network.Page{}, err
	}
	cur, fresh, err := c.cursor(at)
	if err != nil || fresh {
		return network.Page{Cursor: cur.String()}, err
	}
	o := &cur.Objects[cur.Turn]
	modified := "hs_lastmodifieddate"
	if o.Name == "contacts" {
		modified = "lastmodifieddate"
	}
	query := map[string]any{"limit": historyBatch, "properties": []string{modified}, "sorts": []any{map[string]string{"propertyName": modified, "direction": "ASCENDING"}},
		"filterGroups": []any{map[string]any{"filters": []any{map[string]string{"propertyName": modified, "operator": "GTE", "value": strconv.FormatInt(o.Since, 10)}}}}}
	if o.After != "" {
		query["after"] = o.After
	}
	var hits answer
	if err := c.call(ctx, "POST", c.at(apiObjects, pathOf(o.Name), "search"), query, &hits, 1); err != nil {
		return network.Page{}, err
	}
	page := network.Page{More: true}
	if len(hits.Results) > 0 {
		body, err := c.histories(ctx, *o, hits.Results)
		if err != nil {
			return network.Page{}, err
		}
		page.Bodies = []network.Body{{Stream: o.Name, Data: body}}
	}
	if !o.advance(hits, modified) {
		overlap := time.Duration(a.Int("overlap", 120)) * time.Second
		*o = objectCursor{Name: o.Name, Since: max(o.From, a.Now.Add(-overlap).UnixMilli())}
		o.From = o.Since
		cur.Turn++
	}
	if cur.Turn == len(cur.Objects) {
		cur.Turn, page.More = 0, false
	}
	page.Cursor = cur.String()
	return page, nil
}

// advance moves on after a full page; false = there is no more.
func (o *objectCursor) advance(hits answer, modified string) bool {
	if len(hits.Results) < historyBatch || hits.Paging.Next.After == "" {
		return false
	}
	last, err := time.Parse(time.RFC3339Nano, hits.Results[len(hits.Results)-1].get(modified))
	if err != nil || last.UnixMilli() <= o.Since {
		o.After = hits.Paging.Next.After
		return true
	}
	o.Since, o.After = last.UnixMilli(), ""
	return true
}

func (c cursor) String() string {
	b, _ := json.Marshal(c)
	return string(b)
}

// cursor reads a cursor; fresh is true for a new account, whose cursor is for now.
func (c client) cursor(at string) (cur cursor, fresh bool, err error) {
	names := c.a.Texts("objects")
	if len(names) == 0 {
		names = []string{"contacts", "tickets"}
	}
	if at != "" {
		if err := json.Unmarshal([]byte(at), &cur); err != nil {
			return cur, false, fault.New(fault.Invalid, "the cursor cannot be read: %w", err)
		}
	}
	start := c.a.Now.UnixMilli()
	if c.a.History {
		start = 0
	}
	known := cur.Objects
	cur.Objects = nil
	for _, name := range names { // the settings may have changed since
		i := slices.IndexFunc(known, func(o objectCursor) bool { return o.Name == name })
		if i >= 0 {
			cur.Objects = append(cur.Objects, known[i])
		} else {
			cur.Objects = append(cur.Objects, objectCursor{Name: name, Since: start, From: start})
		}
	}
	if cur.Turn >= len(cur.Objects) || cur.Turn < 0 {
		cur.Turn = 0
	}
	return cur, at == "" && !c.a.History, nil
}

// histories reads records with the past of their watched properties.
func (c client) histories(ctx context.Context, o objectCursor, hits []result) ([]byte, error) {
	inputs := make([]map[string]string, len(hits))
	for i, r := range hits {
		inputs[i] = map[string]string{"id": r.ID}
	}
	watch := watched(o.Name, c.a.Texts("watch"))
	body := map[string]any{"inputs": inputs, "properties": []string{c.keyField}, "propertiesWithHistory": append(slices.Clone(watch), propMerged)}
	var out struct {
		Results []json.RawMessage `json:"results"`
		Errors  []problem         `json:"errors"`
	}
	if err := c.call(ctx, "POST", c.batch(o.Name, "read"), body, &out, 1); err != nil {
		return nil, err
	}
	if out.Results == nil {
		return nil, fault.New(fault.Ambiguous, "HubSpot answered a read of %s without results", o.Name)
	}
	return json.Marshal(polled{Object: o.Name, Key: c.keyField, From: o.From, Watch: watch, Results: out.Results})
}

// ParseChanges reads a webhook body, which is an array of events, or the body of a poll.
func (HubSpot) ParseChanges(raw network.Raw) ([]flow.Change, error) {
	var list []flow.Change
	var err error
	if body := bytes.TrimSpace(raw.Body); len(body) > 0 && body[0] == '[' {
		list, err = parseHook(raw)
	} else {
		list, err = parsePoll(raw)
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b flow.Change) int { return a.At.Compare(b.At) })
	return list, nil
}

// past is one value of a property's history.
type past struct {
	Value  string    `json:"value"`
	At     time.Time `json:"timestamp"`
	Source string    `json:"sourceType"`
	From   string    `json:"sourceId"`
}

func parsePoll(raw network.Raw) ([]flow.Change, error) {
	var p polled
	if err := json.Unmarshal(raw.Body, &p); err != nil || p.Object == "" {
		return nil, fault.New(fault.Invalid, "the body is neither an array of events nor a polled page")
	}
	var list []flow.Change
	for i, one := range p.Results {
		var r struct {
			result
			Created time.Time         `json:"createdAt"`
			History map[string][]past `json:"propertiesWithHistory"`
		}
		if err := json.Unmarshal(one, &r); err != nil || r.ID == "" {
			return nil, fault.New(fault.Invalid, "record %d of the polled page cannot be read", i)
		}
		changes := map[string]*flow.Change{}
		var order []string
		change := func(v past) *flow.Change {
			by := author(raw.Settings, v.Source, v.From, "")
			if changes[by] == nil {
				changes[by] = &flow.Change{Account: raw.Account, Object: p.Object, Record: r.ID, Key: r.get(p.Key), Verb: "update", By: by, Fields: map[string]any{}}
				if r.Created.UnixMilli() >= p.From {
					changes[by].Verb = "create"
				}
				order = append(order, by)
			}
			if v.At.After(changes[by].At) {
				changes[by].At = v.At
			}
			return changes[by]
		}
		for _, name := range p.Watch {
			if v := r.History[name]; len(v) > 0 && v[0].At.UnixMilli() >= p.From {
				named(raw.Settings, change(v[0]).Fields, name, v[0].Value)
			}
			if was, ok := replaced(raw.Settings, p.From, name, r.History[name]); ok {
				list = append(list, flow.Change{Account: raw.Account, Object: p.Object, Record: r.ID, Key: r.get(p.Key), Verb: "update", At: was.At,
					By: author(raw.Settings, was.Source, was.From, ""), Fields: map[string]any{name: was.Value},
					ID: fmt.Sprintf("%s:%s:%d:%s:replaced", p.Object, r.ID, was.At.UnixMilli(), name)})
			}
		}
		for _, by := range order {
			ch := changes[by]
			ch.ID = fmt.Sprintf("%s:%s:%d:%s", p.Object, r.ID, ch.At.UnixMilli(), by)
			whole(raw.Settings, ch, r.History)
			list = append(list, *ch)
		}
		if v := r.History[propMerged]; len(v) > 0 && v[0].At.UnixMilli() >= p.From {
			for _, old := range strings.Split(v[0].Value, ";") {
				list = append(list, flow.Change{Account: raw.Account, Object: p.Object, Record: old, Verb: "merge", Into: r.ID, At: v[0].At, Fields: map[string]any{},
					ID: fmt.Sprintf("%s:%s:merge:%s", p.Object, old, r.ID)})
			}
		}
	}
	return list, nil
}

// replaced gives the value of a human that our own write took the place of, where it is news. Of what Rapport acts on only the
// present value counts.
func replaced(settings map[string]any, from int64, name string, v []past) (past, bool) {
	if len(v) < 2 || fieldOf(name) != name || v[1].At.UnixMilli() < from ||
		author(settings, v[0].Source, v[0].From, "") != "self" || author(settings, v[1].Source, v[1].From, "") == "self" {
		return past{}, false
	}
	return v[1], true
}

// whole completes an answer: text and state are one thing, though they may be filled at different times.
func whole(settings map[string]any, ch *flow.Change, history map[string][]past) {
	names := []string{"rapport_reply", "rapport_reply_state", "rapport_reply_visibility"}
	if !slices.ContainsFunc(names, func(n string) bool { _, ok := ch.Fields[fieldOf(n)]; return ok }) {
		return
	}
	for _, n := range names {
		if v := history[n]; len(v) > 0 {
			named(settings, ch.Fields, n, v[0].Value)
		}
	}
}

// hookEvent is one event of a webhook.
type hookEvent struct {
	ID           json.Number   `json:"eventId"`
	Subscription json.Number   `json:"subscriptionId"`
	Portal       json.Number   `json:"portalId"`
	App          json.Number   `json:"appId"`
	At           int64         `json:"occurredAt"`
	Type         string        `json:"subscriptionType"`
	ObjectType   string        `json:"objectTypeId"`
	Object       json.Number   `json:"objectId"`
	Property     string        `json:"propertyName"`
	Value        string        `json:"propertyValue"`
	Source       string        `json:"changeSource"`
	SourceID     string        `json:"sourceId"`
	Primary      json.Number   `json:"primaryObjectId"`
	Merged       []json.Number `json:"mergedObjectIds"`
	New          json.Number   `json:"newObjectId"`
}

func parseHook(raw network.Raw) ([]flow.Change, error) {
	var events []hookEvent
	if err := json.Unmarshal(raw.Body, &events); err != nil {
		return nil, fault.New(fault.Invalid, "the body is no array of HubSpot events: %w", err)
	}
	var list []flow.Change
	for i, e := range events {
		object, what, ok := strings.Cut(e.Type, ".")
		if !ok || e.Object == "" && e.Primary == "" || e.At <= 0 {
			return nil, fault.New(fault.Invalid, "event %d has no subscriptionType, objectId or occurredAt", i)
		}
		ch := flow.Change{Account: e.Portal.String(), Object: objectOf(object, e.ObjectType), Record: e.Object.String(), At: time.UnixMilli(e.At).UTC(),
			By: author(raw.Settings, e.Source, e.SourceID, e.App.String()), Fields: map[string]any{},
			ID: fmt.Sprintf("%s:%s:%s:%s:%d", e.Portal, e.Subscription, e.ID, e.Object, e.At)}
		switch what {
		case "propertyChange":
			ch.Verb = "update"
			named(raw.Settings, ch.Fields, e.Property, e.Value)
		case "creation", "restore":
			ch.Verb = "create"
		case "deletion":
			ch.Verb = "delete"
		case "privacyDeletion":
			ch.Verb = "delete"
			ch.Fields["privacy_deletion"] = true
		case "merge":
			list = append(list, merged(ch, e)...)
			continue
		default: // associations, messages: no event of interest
			continue
		}
		list = append(list, ch)
	}
	return list, nil
}

// merged gives a change for each record that a merge ended.
func merged(ch flow.Change, e hookEvent) []flow.Change {
	into := e.New.String()
	if into == "" {
		into = e.Primary.String()
	}
	if into == "" {
		into = e.Object.String()
	}
	var list []flow.Change
	for _, id := range append(slices.Clone(e.Merged), e.Primary) {
		if id == "" || id.String() == into {
			continue
		}
		one := ch
		one.Verb, one.Record, one.Into, one.ID = "merge", id.String(), into, ch.ID+":"+id.String()
		list = append(list, one)
	}
	return list
}

// author says who did it: "self" where it was our own application.
func author(settings map[string]any, source, id, app string) string {
	if own := settings["app_id"]; own != nil && own != "" {
		app = fmt.Sprint(own)
	}
	if (source == "INTEGRATION" || source == "API") && id == app && id != "" {
		return "self"
	}
	if source == "CRM_UI" && id != "" {
		return id
	}
	return strings.Trim(source+":"+id, ":")
}

// objectOf names an object as paths do; own objects keep their type id.
func objectOf(name, id string) string {
	plural := map[string]string{"contact": "contacts", "company": "companies", "deal": "deals", "ticket": "tickets", "0-1": "contacts", "0-2": "companies", "0-3": "deals", "0-5": "tickets"}
	for _, n := range []string{name, id} {
		if plural[n] != "" {
			return plural[n]
		}
	}
	if id != "" {
		return id
	}
	return name
}

// fieldOf is the word for a property on which Rapport acts; others keep their names.
func fieldOf(property string) string {
	switch property {
	case propStage:
		return crm.FieldStatus
	case "hubspot_owner_id":
		return crm.FieldOwner
	case "email":
		return crm.FieldEmail
	case "phone", "mobilephone":
		return crm.FieldPhone
	case "rapport_reply":
		return crm.FieldReply
	case "rapport_reply_state":
		return crm.FieldReplyState
	case "rapport_reply_visibility":
		return crm.FieldReplyPrivate
	case "rapport_accepted":
		return crm.FieldAccepted
	case "rapport_objected":
		return crm.FieldObjected
	case "rapport_consented":
		return crm.FieldConsented
	}
	return property
}

// named puts a value under its word. A stage becomes a status, a visibility a flag; a mobile
// number does not hide the phone.
func named(settings map[string]any, fields map[string]any, property, value string) {
	name := fieldOf(property)
	switch {
	case property == propStage:
		fields[propStage] = value
		value = string(statusOf(settings, value))
	case property == "mobilephone" && fields[name] != nil && fields[name] != "":
		return
	case name == crm.FieldReplyPrivate:
		fields[name] = value == "private"
		return
	case name == crm.FieldAccepted:
		fields[name] = value == "true"
		return
	}
	fields[name] = value
}

// statusOf tells what a ticket stage means.
func statusOf(settings map[string]any, stage string) flow.Status {
	in := func(name, def string) bool {
		list := network.Account{Settings: settings}.Texts(name)
		if list == nil {
			list = []string{def}
		}
		return slices.Contains(list, stage)
	}
	switch {
	case in("closed_stages", "4"):
		return flow.Closed
	case in("waiting_stages", "3"):
		return flow.Waiting
	}
	return flow.Open
}
