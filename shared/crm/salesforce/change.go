package salesforce

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// changePage is how many records a poll reads at once.
const changePage = 500

// answered leads from an answer to the case that it answers.
const answered = "rapport_case_link__r."

// individual is the part of a stream's name that stands for objections kept apart from the person.
const individual = ".Individual"

// watchedObjects are the streams that are polled where the settings name none.
func watchedObjects(persons bool) []string {
	if persons {
		return []string{"Case", "Account", "Account" + individual, "Lead", replyObject}
	}
	return []string{"Case", "Contact", "Contact" + individual, "Lead", replyObject}
}

// watched are the columns whose changes matter. Those that the org does not show are not asked for.
func watched(object string, more []string) []string {
	var names []string
	switch object {
	case "Case":
		names = []string{"OwnerId", "Owner.Email", "Status", "IsClosed", "ClosedDate", "Priority", "rapport_reply__c", "rapport_reply_state__c", "rapport_reply_visibility__c", "rapport_accepted__c"}
	case "Contact", "Lead":
		names = []string{"OwnerId", "Owner.Email", "Email", "Phone", "MobilePhone", "HasOptedOutOfEmail", "DoNotCall", "rapport_objected__c", "rapport_accepted__c"}
	case "Account":
		names = []string{"OwnerId", "Owner.Email", "PersonEmail", "Phone", "PersonMobilePhone", "PersonHasOptedOutOfEmail", "PersonDoNotCall", "rapport_objected__c", "rapport_accepted__c"}
	case replyObject:
		names = []string{"rapport_text__c", "rapport_state__c", "rapport_visibility__c"}
	default:
		names = []string{"OwnerId", "Owner.Email"}
	}
	names = append(names, trail(object)...)
	names = append(names, "IndividualId", "Individual.HasOptedOutProcessing", "Individual.HasOptedOutProfiling", "Individual.ShouldForget")
	for _, name := range more {
		if name = vendor(name); !slices.Contains(names, name) && strings.Trim(name, letters) == "" {
			names = append(names, name)
		}
	}
	return names
}

// cursor is how far each stream was read.
type cursor struct {
	Turn    int            `json:"turn"` // index of the stream that is read next
	Streams []streamCursor `json:"streams"`
}

type streamCursor struct {
	Name  string `json:"name"`
	From  int64  `json:"from"` // where this pass began, Unix milliseconds
	Since int64  `json:"since"`
	After string `json:"after,omitempty"` // id of the last record within one and the same moment
}

// polled is the body of a poll: what Salesforce answered, who we are, and from when on its records are news.
type polled struct {
	Object string            `json:"object"`
	Stamp  string            `json:"stamp"` // column by which it was read
	Key    string            `json:"key"`
	Self   string            `json:"self"`
	From   int64             `json:"from"`
	Watch  []string          `json:"watch"`
	Rows   []json.RawMessage `json:"rows"`
}

// Changes makes one query for a page, the bin included: deleted, merged and converted records are told too. Each pass
// looks back, as long transactions show late, so changes come more than once, with the same ids.
func (f *Salesforce) Changes(ctx context.Context, a crm.Account, at string) (network.Page, error) {
	c, err := f.open(ctx, a)
	if err != nil {
		return network.Page{}, err
	}
	cur, fresh, err := c.cursor(at)
	if err != nil || fresh {
		return network.Page{Cursor: cur.String()}, err
	}
	s := &cur.Streams[cur.Turn]
	body, n, err := c.poll(ctx, s)
	if err != nil {
		return network.Page{}, err
	}
	page := network.Page{More: true}
	if n > 0 {
		page.Bodies = []network.Body{{Stream: s.Name, Data: body}}
	}
	if n < changePage {
		overlap := time.Duration(max(a.Int("overlap", 120), 0)) * time.Second
		*s = streamCursor{Name: s.Name, Since: max(s.From, a.Now.Add(-overlap).UnixMilli())}
		s.From = s.Since
		cur.Turn++
	}
	if cur.Turn == len(cur.Streams) {
		cur.Turn, page.More = 0, false
	}
	page.Cursor = cur.String()
	return page, nil
}

// poll reads one page of a stream and moves it on. What the org does not show gives nothing.
func (c client) poll(ctx context.Context, s *streamCursor) ([]byte, int, error) {
	object, apart := strings.CutSuffix(s.Name, individual)
	d, err := c.describe(ctx, object)
	if fault.Is(err, fault.NotFound) || err == nil && (apart && d.field("IndividualId") == nil || object == replyObject && d.field(lookup("Case")) == nil) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	self, err := c.self(ctx)
	if err != nil {
		return nil, 0, err
	}
	stamp := "SystemModstamp"
	if apart {
		stamp = "Individual.SystemModstamp"
	}
	p := polled{Object: object, Stamp: stamp, Key: c.key(), Self: self, From: s.From}
	cols := []string{"Id", "IsDeleted", "CreatedDate", "SystemModstamp", "LastModifiedById"}
	if stamp != cols[3] {
		cols = append(cols, stamp, "Individual.LastModifiedById")
	}
	if object == replyObject {
		cols = append(cols, answered+p.Key)
	}
	for _, name := range append([]string{p.Key}, watched(object, c.a.Texts("watch"))...) {
		head, _, _ := strings.Cut(name, ".")
		base := strings.NewReplacer("__r", "__c").Replace(head)
		if d.field(base) == nil && d.field(head+"Id") == nil {
			continue
		}
		if p.Watch = append(p.Watch, name); !slices.Contains(cols, name) {
			cols = append(cols, name)
		}
	}
	since := instant(time.UnixMilli(s.Since))
	where := stamp + " >= " + since
	if s.After != "" {
		where = "(" + stamp + " > " + since + " OR (" + stamp + " = " + since + " AND Id > " + quote(s.After) + "))"
	}
	path := "SELECT " + strings.Join(cols, ", ") + " FROM " + vendor(object) + " WHERE " + where + " ORDER BY " + stamp + ", Id LIMIT " + fmt.Sprint(changePage)
	rows, err := c.query(ctx, path, true)
	if err != nil {
		if fault.Is(err, fault.Drift) { // what was learnt is out of date: the next poll asks anew
			c.s.mu.Lock()
			delete(c.s.described, object)
			c.s.mu.Unlock()
			err = fault.New(fault.Transient, "the fields of %s changed: %w", object, err)
		}
		return nil, 0, err
	}
	for _, r := range rows {
		raw, err := json.Marshal(r)
		if err != nil {
			return nil, 0, fault.New(fault.Invalid, "a record of %s cannot be written: %w", object, err)
		}
		p.Rows = append(p.Rows, raw)
	}
	if n := len(rows); n > 0 {
		last := rows[n-1]
		s.Since, s.After = last.time(stamp).UnixMilli(), last.text("Id")
	}
	data, err := json.Marshal(p)
	return data, len(rows), err
}

func (c cursor) String() string {
	b, _ := json.Marshal(c)
	return string(b)
}

// cursor reads a cursor; fresh is true for a new account, whose cursor is for now.
func (c client) cursor(at string) (cur cursor, fresh bool, err error) {
	names := c.a.Texts("objects")
	if len(names) == 0 {
		names = watchedObjects(c.a.Bool("person_accounts"))
	}
	if at != "" {
		if err := json.Unmarshal([]byte(at), &cur); err != nil {
			return cur, false, fault.New(fault.Invalid, "the cursor cannot be read: %w", err)
		}
	}
	start := c.a.Now.Truncate(time.Second).UnixMilli() // as times are told
	if c.a.History {
		start = 0
	}
	known := cur.Streams
	cur.Streams = nil
	for _, name := range names { // the settings may have changed since
		name = ours(name)
		i := slices.IndexFunc(known, func(s streamCursor) bool { return s.Name == name })
		if i >= 0 {
			cur.Streams = append(cur.Streams, known[i])
		} else {
			cur.Streams = append(cur.Streams, streamCursor{Name: name, Since: start, From: start})
		}
	}
	if cur.Turn >= len(cur.Streams) || cur.Turn < 0 {
		cur.Turn = 0
	}
	return cur, at == "" && !c.a.History, nil
}

// ParseChanges reads the body of a poll, or a change event that was relayed. Of a record that we were last to touch it is not told what people changed before:
// what they alone fill is told as a state, each state once, and then our own change.
func (*Salesforce) ParseChanges(raw network.Raw) ([]flow.Change, error) {
	var p polled
	if err := json.Unmarshal(raw.Body, &p); err != nil || p.Object == "" || p.Stamp == "" {
		return parseEvent(raw)
	}
	var list []flow.Change
	for i, one := range p.Rows {
		var r record
		if err := json.Unmarshal(one, &r); err != nil || !isID(r.text("Id")) || r.time("SystemModstamp").IsZero() {
			return nil, fault.New(fault.Invalid, "record %d of the polled page cannot be read", i)
		}
		list = append(list, p.changes(raw, r)...)
	}
	slices.SortStableFunc(list, func(a, b flow.Change) int { return a.At.Compare(b.At) })
	return list, nil
}

// changes are what one record tells.
func (p polled) changes(raw network.Raw, r record) []flow.Change {
	by := r.text("LastModifiedById")
	at := r.time(p.Stamp)
	if p.Stamp != "SystemModstamp" {
		by = r.text("Individual.LastModifiedById")
	}
	id := r.text("Id")
	ch := flow.Change{Account: raw.Account, Object: p.Object, Record: id, Key: r.text(p.Key), Verb: "update", By: by, At: at, Fields: map[string]any{}}
	if same(by, p.Self) {
		ch.By = "self"
	}
	if into, moved := r.into(); moved || r.deleted() {
		return p.ended(ch, r, into)
	}
	if r.time("CreatedDate").UnixMilli() >= p.From {
		ch.Verb = "create"
	}
	if p.Object == replyObject {
		if ch.Key = r.text(answered + p.Key); ch.Key == "" {
			return nil // it answers nothing of ours
		}
	}
	for _, name := range p.Watch {
		p.named(raw.Settings, ch.Fields, r, name)
	}
	p.objections(ch.Fields, r)
	// Times are told to the second: what somebody changed twice within one is told apart by what stands there.
	ch.ID = fmt.Sprintf("%s:%s:%d:%s:%s", p.Object, id, at.UnixMilli(), ch.By, digest(ch.Fields))
	if ch.By != "self" {
		return []flow.Change{ch}
	}
	return append(p.state(ch, r), ch)
}

// ended is the change of a record that was deleted, merged or converted.
func (p polled) ended(ch flow.Change, r record, into string) []flow.Change {
	ch.Verb, ch.Into, ch.Object2 = "delete", into, r.movedTo()
	switch {
	case p.Object == replyObject:
		return nil
	case ch.Object2 != "":
		ch.Verb = "convert"
	case into != "":
		ch.Verb = "merge"
	}
	ch.ID = fmt.Sprintf("%s:%s:%s:%s", p.Object, ch.Record, ch.Verb, into)
	return []flow.Change{ch}
}

// state is what people fill in a record that we were last to touch, as a change of nobody. That a case is not closed is
// not told: it may have been closed elsewhere since, and our writing this is no word on it.
func (p polled) state(ch flow.Change, r record) []flow.Change {
	fields := map[string]any{}
	for _, name := range []string{crm.FieldOwner, crm.FieldEmail, crm.FieldPhone, crm.FieldObjected} {
		if v := ch.Fields[name]; v != nil && v != "" {
			fields[name] = v
		}
	}
	if ch.Fields[crm.FieldAccepted] == true {
		fields[crm.FieldAccepted] = true
	}
	if ch.Fields[crm.FieldReplyState] == flow.Approved {
		for _, name := range []string{crm.FieldReply, crm.FieldReplyState, crm.FieldReplyPrivate} {
			fields[name] = ch.Fields[name]
		}
	}
	closed := r.time("ClosedDate")
	if ch.Fields[crm.FieldStatus] == string(flow.Closed) && !closed.IsZero() {
		fields[crm.FieldStatus] = string(flow.Closed)
	}
	if len(fields) == 0 {
		return nil
	}
	if fields[crm.FieldStatus] != nil {
		ch.At = closed // not now, else it would close what was opened again since
	}
	ch.Verb, ch.By, ch.Fields = "update", "people", fields
	ch.ID = fmt.Sprintf("%s:%s:state:%s", p.Object, ch.Record, digest(fields))
	return []flow.Change{ch}
}

// digest is a short hash of fields.
func digest(fields map[string]any) string {
	data, _ := json.Marshal(fields) // keys are sorted
	sum := sha256.Sum256(data)
	return fmt.Sprintf("%x", sum[:9])
}

// named puts a value under its word.
func (p polled) named(settings map[string]any, fields map[string]any, r record, column string) {
	v := r.at(column)
	switch column {
	case p.Key, "IsClosed", "ClosedDate", "Owner.Email", "IndividualId", "MasterRecordId", "IsConverted", "ConvertedContactId":
	case "OwnerId":
		if fields[crm.FieldOwner] = v; r.text("Owner.Email") != "" {
			fields[crm.FieldOwner] = r.text("Owner.Email")
		}
	case "Status":
		if fields[column] = v; p.Object == "Case" {
			fields[crm.FieldStatus] = string(statusOf(settings, r))
		}
	case "Email", "PersonEmail":
		fields[crm.FieldEmail] = v
	case "Phone", "MobilePhone", "PersonMobilePhone":
		if fields[crm.FieldPhone] == nil || fields[crm.FieldPhone] == "" {
			fields[crm.FieldPhone] = v
		}
	case "rapport_reply__c", "rapport_text__c":
		if column == "rapport_text__c" && p.Object != replyObject {
			fields[ours(column)] = v
			return
		}
		fields[crm.FieldReply] = v
	case "rapport_reply_state__c", "rapport_state__c":
		fields[crm.FieldReplyState] = v
	case "rapport_reply_visibility__c", "rapport_visibility__c":
		fields[crm.FieldReplyPrivate] = v == "private"
	case "rapport_accepted__c":
		fields[crm.FieldAccepted] = v == true
	case "rapport_objected__c":
		fields[crm.FieldObjected] = ""
		if text, ok := v.(string); ok {
			fields[crm.FieldObjected] = text
		}
	default:
		fields[ours(column)] = v
	}
}

// objections adds to the purposes a person objects to what the org's own flags say.
func (p polled) objections(fields map[string]any, r record) {
	text, told := fields[crm.FieldObjected].(string)
	list := strings.FieldsFunc(text, func(c rune) bool { return c == ';' })
	add := func(column string, purposes ...string) {
		told = told || slices.Contains(p.Watch, column)
		for _, purpose := range purposes {
			if r.flag(column) && !slices.Contains(list, purpose) {
				list = append(list, purpose)
			}
		}
	}
	add("HasOptedOutOfEmail", "marketing")
	add("PersonHasOptedOutOfEmail", "marketing")
	add("DoNotCall", "marketing")
	add("PersonDoNotCall", "marketing")
	add("Individual.HasOptedOutProfiling", "scoring", "matching")
	add("Individual.HasOptedOutProcessing", "service", "scoring", "matching")
	add("Individual.ShouldForget", "service", "scoring", "matching")
	if told {
		fields[crm.FieldObjected] = strings.Join(list, ";")
	}
}

// statusOf tells what a case's status means.
func statusOf(settings map[string]any, r record) flow.Status {
	waiting := network.Account{Settings: settings}.Texts("waiting_statuses")
	switch {
	case r.flag("IsClosed"):
		return flow.Closed
	case slices.Contains(waiting, r.text("Status")):
		return flow.Waiting
	}
	return flow.Open
}
