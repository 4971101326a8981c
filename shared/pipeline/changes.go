package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/mapping"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// seenFor is how long a change's id is remembered: longer than any vendor repeats.
const seenFor = 7 * 24 * time.Hour

// Changes takes in what somebody changed in a CRM. Our own echoes are dropped.
func (p *Pipeline) Changes(ctx context.Context, batch []queue.Message) []error {
	errs := make([]error, len(batch))
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return all(len(batch), err)
	}
	for i, m := range batch {
		errs[i] = p.changes(ctx, plan, m)
	}
	return errs
}

func (p *Pipeline) changes(ctx context.Context, plan *Plan, m queue.Message) error {
	env, body, err := open(m.Body)
	if err != nil {
		return err
	}
	kind, raw := "", network.Raw{Stream: env.Stream, Header: env.Header, Body: body, At: env.At}
	if conf, ok := plan.Doc.CRM(env.Account); ok {
		kind, raw.Settings, raw.Account = conf.Kind, conf.Settings, conf.ID
	} else if h, ok := plan.Doc.Hook(env.Hook); ok {
		kind, raw.Settings = h.Kind, h.Settings
	}
	parser, ok := p.CRMs[kind].(crm.ChangeParser)
	if !ok {
		return fault.New(fault.Invalid, "changes of %s%s cannot be read: the account is not configured", env.Hook, env.Account)
	}
	list, err := parser.ParseChanges(raw)
	if err != nil {
		return fault.New(fault.Invalid, "changes of %s%s: %w", env.Hook, env.Account, err)
	}
	for _, c := range list {
		conf, ok := crmOf(plan.Doc, env, c)
		if !ok || c.By == "self" {
			continue
		}
		err := p.once(ctx, conf.Name+"#"+changeID(c), func() error { return p.change(ctx, plan, conf, c) })
		if closes(err) { // the CRM cannot be asked just now: it waits with everything else of the account
			if err := p.closeAccount(ctx, conf.Name, wholeGate, err); err != nil {
				return err
			}
			return p.park(ctx, conf.Name, brief(err.Error()), []queue.Message{{Lane: topology.Changes, Group: m.Group, Body: m.Body}})[0]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// crmOf finds the account of a change: the polled one, or by the vendor's id among those of the hook.
func crmOf(doc *config.Document, env Envelope, c flow.Change) (config.Account, bool) {
	if env.Account != "" {
		return doc.CRM(env.Account)
	}
	var only []config.Account
	for _, a := range doc.CRMs {
		if a.Hook == env.Hook {
			if a.ID == c.Account {
				return a, true
			}
			only = append(only, a)
		}
	}
	if len(only) == 1 && only[0].ID == "" {
		return only[0], true
	}
	return config.Account{}, false
}

func changeID(c flow.Change) string {
	if c.ID != "" {
		return c.ID
	}
	fields, _ := json.Marshal(c.Fields) // keys are sorted; what cannot be encoded counts as nothing
	sum := sha256.Sum256(fields)
	return fmt.Sprintf("%s#%s#%s#%d#%x", c.Object, c.Record, c.Verb, c.At.UnixMilli(), sum[:6])
}

// once does something that bears repeating but should not be repeated: the id is remembered afterwards.
func (p *Pipeline) once(ctx context.Context, id string, do func() error) error {
	row, err := p.seen.One(ctx, id, "-")
	if err != nil || row.Version > 0 {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	row = store.Row[SeenRow]{Part: id, Sort: "-", Expires: p.now().Add(seenFor), Value: SeenRow{At: p.now()}}
	if res := p.seen.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// change acts on one change.
func (p *Pipeline) change(ctx context.Context, plan *Plan, conf config.Account, c flow.Change) error {
	key := c.Key
	if key == "" {
		row, err := p.foreign.One(ctx, conf.Name, c.Object+"#"+c.Record)
		if err != nil {
			return err
		}
		key = row.Value.Key
	}
	kind, id, ours := flow.SplitKey(key)
	if ours && (c.Verb == "delete" || c.Verb == "merge" || c.Verb == "convert") {
		if err := p.moved(ctx, conf, c, key); err != nil {
			return err
		}
	}
	if ours {
		if err := p.overwritten(ctx, plan, conf, key, c); err != nil {
			return err
		}
	}
	switch {
	case ours && kind == flow.KindConversation:
		return p.caseChanged(ctx, plan, conf, id, c)
	case ours && kind == flow.KindPerson:
		return p.personChanged(ctx, plan, conf, id, c)
	case !ours && (c.Fields[crm.FieldEmail] != nil || c.Fields[crm.FieldPhone] != nil):
		return p.foreignPerson(ctx, plan, conf, c)
	}
	return nil
}

// moved notes that a record of ours was deleted, merged or converted by a human.
func (p *Pipeline) moved(ctx context.Context, conf config.Account, c flow.Change, key string) error {
	_, err := p.records.Update(ctx, conf.Name, c.Object+"#"+key, func(r *store.Row[RecordRow]) (bool, error) {
		v := &r.Value
		switch {
		case c.Verb == "delete":
			v.Gone = true
		case c.Into != "":
			v.ID = c.Into
			if c.Object2 != "" {
				v.Object = c.Object2
			}
		}
		v.At = p.now()
		return true, nil
	})
	if err != nil || c.Into == "" {
		return err
	}
	object := c.Object
	if c.Object2 != "" {
		object = c.Object2
	}
	rows := []*store.Row[ForeignRow]{{Part: conf.Name, Sort: object + "#" + c.Into, Value: ForeignRow{Key: key}}}
	if res := p.foreign.Put(ctx, rows...)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// caseChanged takes in status and owner of a case, and the answer an agent wrote in the place made for it.
func (p *Pipeline) caseChanged(ctx context.Context, plan *Plan, conf config.Account, id string, c flow.Change) error {
	row, err := p.updateConversation(ctx, id, func(r *store.Row[ConversationRow]) bool {
		if !takeOver(&r.Value, c) {
			return false
		}
		r.Value.Conversation.Updated = p.now()
		r.Value.Conversation.Revision++
		p.owned(&r.Value)
		return true
	})
	if err != nil || row.Version == 0 || row.Value.Erased {
		return err
	}
	if err := p.nameOwner(ctx, row.Value); err != nil {
		return err
	}
	if c.Fields[crm.FieldStatus] != nil || c.Fields[crm.FieldOwner] != nil {
		// Other CRMs have a case of it too, and this one fields of ours; an attempt that died may not have told them.
		if err := p.tellAll(ctx, plan, row.Value.Conversation, flow.KindConversation); err != nil {
			return err
		}
	}
	if yes(c.Fields[crm.FieldAccepted]) {
		if err := p.acceptOnce(ctx, plan, conf, row.Value.Conversation); err != nil {
			return err
		}
	}
	return p.answer(ctx, conf, row.Value.Conversation, c)
}

// answer takes in what somebody wrote in the place made for answers, once it is approved. Nothing else of a change is looked
// at: a note, a comment, an e-mail or any other field is nobody's answer. A webhook tells one property at a time, so what
// it does not tell is read from the record; a poll that tells the same later finds the same answer.
func (p *Pipeline) answer(ctx context.Context, conf config.Account, of flow.Conversation, c flow.Change) error {
	state, told := c.Fields[crm.FieldReplyState]
	text, _ := c.Fields[crm.FieldReply].(string)
	private := yes(c.Fields[crm.FieldReplyPrivate])
	text = strings.TrimSpace(text)
	if told && state != flow.Approved || !told && text == "" {
		return nil
	}
	if !told || text == "" { // the record is right, whatever came first
		var err error
		if text, private, err = p.readReply(ctx, conf, c); err != nil {
			return err
		}
		if err = p.wakeAsked(ctx, of.ID); err != nil || text == "" { // what an attempt read that died may be replaced since
			return err
		}
	}
	return p.ask(ctx, conf, of, text, private, c)
}

// takeOver brings a conversation to what a CRM says of its case, and tells whether that changed it. What was said before
// the last word of the CRM, or a closing before the author's last word, is out of date.
func takeOver(row *ConversationRow, c flow.Change) bool {
	v := &row.Conversation
	was := *v
	s, _ := c.Fields[crm.FieldStatus].(string)
	if s != "" && !c.At.Before(row.StatusAt) {
		switch flow.Status(s) {
		case flow.Closed:
			later := slices.ContainsFunc(v.Turns, func(t flow.Turn) bool { return t.Direction == flow.In && !t.Edited && t.At.After(c.At) })
			if v.Status != flow.Closed && !later {
				v.Status, v.ClosedAt, row.StatusAt = flow.Closed, c.At, c.At
				if v.First.IsZero() && !v.Due.IsZero() { // whoever closes it needs no public answer
					v.Settle(c.At)
				}
			}
		case flow.Open, flow.Waiting:
			if v.Status == flow.Closed && !c.At.Before(v.ClosedAt) {
				v.Status, v.ClosedAt, row.StatusAt = flow.Waiting, time.Time{}, c.At
				if v.First.IsZero() { // the clock goes on as if nothing had been
					v.SLA = ""
				}
			}
		}
	}
	if o, ok := c.Fields[crm.FieldOwner].(string); ok {
		v.Owner = o
	}
	return was.Status != v.Status || was.Owner != v.Owner
}

// readReply reads an approved answer from its record; text is "" where there is none.
func (p *Pipeline) readReply(ctx context.Context, conf config.Account, c flow.Change) (text string, private bool, err error) {
	adapter := p.CRMs[conf.Kind]
	if c.Record == "" || !readable(adapter, conf, p.now()) {
		return "", false, nil
	}
	var rows []crm.Row
	err = p.vendor(ctx, conf, adapter.Info().Buckets, true, func(a rest.Account) (err error) {
		rows, err = adapter.Read(ctx, a, c.Object, []string{"id:" + c.Record}, []string{mapping.ReplyText, mapping.ReplyState, mapping.ReplyVisibility})
		return err
	})
	if fault.Is(err, fault.Drift) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return "", false, nil // there is no such place in that object
	}
	if err != nil || len(rows) != 1 || !rows[0].Found || fmt.Sprint(rows[0].Fields[mapping.ReplyState]) != flow.Approved {
		return "", false, err
	}
	text, _ = rows[0].Fields[mapping.ReplyText].(string)
	return strings.TrimSpace(text), fmt.Sprint(rows[0].Fields[mapping.ReplyVisibility]) == "private", nil
}

func yes(v any) bool {
	return v == true || v == "true" || v == "1"
}

// conversation reads an exchange by id and tells where it is kept.
func (p *Pipeline) conversation(ctx context.Context, id string) (store.Row[ConversationRow], string, error) {
	row, err := p.conversations.One(ctx, flow.Place(id), current)
	if err != nil || row.Value.Conversation.ID == id {
		return row, current, err
	}
	row, err = p.conversations.One(ctx, flow.Place(id), id)
	return row, id, err
}

// updateConversation changes an exchange wherever it is kept: it may be put aside in between.
func (p *Pipeline) updateConversation(ctx context.Context, id string, change func(*store.Row[ConversationRow]) bool) (store.Row[ConversationRow], error) {
	for range 3 {
		known, sort, err := p.conversation(ctx, id)
		if err == nil && known.Version > 0 {
			err = p.expire(ctx, known.Value.Conversation)
		}
		if err != nil {
			return store.Row[ConversationRow]{}, err
		}
		moved := false
		row, err := p.conversations.Update(ctx, flow.Place(id), sort, func(r *store.Row[ConversationRow]) (bool, error) {
			moved = r.Version > 0 && r.Value.Conversation.ID != id
			return r.Version > 0 && !moved && change(r), nil
		})
		if err != nil || !moved {
			return row, err
		}
	}
	return store.Row[ConversationRow]{}, fault.New(fault.Transient, "conversation %s is being put aside", id)
}

// personChanged takes in owner, matching keys, objections and the end of a person's record. What has to be removed is begun as a
// job before the person says so: who dies in between finds it begun.
func (p *Pipeline) personChanged(ctx context.Context, plan *Plan, conf config.Account, id string, c flow.Change) error {
	if c.Into == "" { // a record of somebody who was merged here is the survivor's
		who, err := p.person(ctx, id)
		if err != nil {
			return err
		}
		if who.Version > 0 {
			id = who.Part
		}
	}
	was, err := p.people.One(ctx, id, "-")
	if err != nil || was.Version == 0 || !was.Value.Erased.IsZero() {
		return err
	}
	after := was.Value.Person
	if err := p.willChanged(ctx, plan, conf, id, c, toldBy(&after, conf, c)); err != nil {
		return err
	}
	row, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if r.Version == 0 || !r.Value.Erased.IsZero() {
			return false, nil
		}
		if c.Verb == "delete" {
			n := len(v.Links)
			v.Links = slices.DeleteFunc(v.Links, func(l flow.Link) bool { return l.To == conf.Name && l.Record == c.Record })
			return len(v.Links) != n, nil // its keys go below
		}
		if o, ok := c.Fields[crm.FieldOwner].(string); ok && o != v.Owner {
			v.Owner, r.Value.Owned = o, p.now()
		}
		toldBy(v, conf, c)
		link(v, conf.Name, c, p.now())
		return true, nil
	})
	if err != nil || row.Version == 0 || !row.Value.Erased.IsZero() {
		return err
	}
	if _, told := c.Fields[crm.FieldOwner]; told && row.Value.Person.Owner != "" {
		if err := p.namedAt(ctx, "person", id, "-", row.Value.Owned.Add(StaffFor)); err != nil {
			return err
		}
	}
	switch {
	case c.Verb == "delete":
		return p.dropKeys(ctx, id, keyPlace(conf, c.Object, c.Record, ""))
	case c.Into != "":
		if err := p.joined(ctx, plan, conf, id, c); err != nil {
			return err
		}
	}
	return p.saveKeys(ctx, plan, conf, id, c)
}

// purposes reads a list that is separated by semicolons.
func purposes(list string) []string {
	out := strings.FieldsFunc(list, func(r rune) bool { return r == ';' || r == ' ' })
	return slices.Compact(slices.Sorted(slices.Values(out)))
}

// tellPerson sends the present state of a person to the CRMs.
func (p *Pipeline) tellPerson(ctx context.Context, plan *Plan, id string) error {
	var messages []queue.Message
	for _, a := range plan.Doc.CRMs {
		t := Task{Lane: topology.DeliverBulk, Kinds: []string{flow.KindPerson}}
		t.Account, t.Person = a.Name, id
		messages = append(messages, t.message())
	}
	for _, err := range p.Queue.Send(ctx, messages...) {
		if err != nil {
			return err
		}
	}
	return nil
}

// foreignPerson makes a person of a CRM record that carries an e-mail or phone, so that authors can be linked to it. It
// writes nothing to the CRM.
func (p *Pipeline) foreignPerson(ctx context.Context, plan *Plan, conf config.Account, c flow.Change) error {
	id := "p" + p.hashed("crm", conf.Name, c.Object, c.Record)
	if c.Verb == "delete" { // nothing was made of it yet
		return nil
	}
	who, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if !r.Value.Erased.IsZero() {
			return false, nil
		}
		v.ID, v.Updated = id, p.now()
		link(v, conf.Name, c, p.now())
		return true, nil
	})
	if err != nil || !who.Value.Erased.IsZero() {
		return err
	}
	key := flow.Key(flow.KindPerson, id)
	rows := []*store.Row[ForeignRow]{{Part: conf.Name, Sort: c.Object + "#" + c.Record, Value: ForeignRow{Key: key}}}
	if res := p.foreign.Put(ctx, rows...)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	_, err = p.records.Update(ctx, conf.Name, c.Object+"#"+key, func(r *store.Row[RecordRow]) (bool, error) {
		was := r.Value.ID
		r.Value.Object, r.Value.ID, r.Value.At = c.Object, c.Record, p.now()
		return was != c.Record, nil
	})
	if err != nil {
		return err
	}
	return p.saveKeys(ctx, plan, conf, id, c)
}

// link adds or moves the edge from a person to a CRM record.
func link(v *flow.Person, account string, c flow.Change, now time.Time) {
	record, object := c.Record, c.Object
	if c.Into != "" {
		record = c.Into
		if c.Object2 != "" {
			object = c.Object2
		}
	}
	for i := range v.Links {
		if l := &v.Links[i]; l.To == account && (l.Record == c.Record || l.Record == record) {
			l.Record, l.Object = record, object
			return
		}
	}
	v.Links = append(v.Links, flow.Link{To: account, Object: object, Record: record, Class: "A", Evidence: "the record itself", By: "crm", At: now})
}

// normal gives an e-mail address or phone number in the form in which texts are searched for them.
func normal(plan *Plan, conf config.Account, kind, value string) string {
	value = strings.ToLower(strings.TrimSpace(value))
	for _, b := range plan.Doc.Brands {
		if value == "" || !conf.Serves(b.Name) {
			continue
		}
		if found := plan.Decider.Normal(b.Name, kind, value); found != "" {
			return found
		}
	}
	return value
}

// accept makes a person of an author because an agent said so, and delivers it.
func (p *Pipeline) accept(ctx context.Context, plan *Plan, conf config.Account, c flow.Conversation) error {
	if c.Author.ID == "" {
		return nil
	}
	id, gone := p.personOf(c.Author.ID), false
	author, err := p.authors.Update(ctx, c.Author.ID, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		if gone = r.Value.Objected || slices.Contains(refused(r.Value.Told), "matching"); gone {
			return false, nil
		}
		if r.Value.Person != "" {
			id = r.Value.Person
			return false, nil
		}
		r.Value.Person = id
		return true, nil
	})
	if err != nil || gone {
		return err
	}
	_, err = p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if v.Accepted[conf.Name] || !r.Value.Erased.IsZero() {
			return false, nil
		}
		if v.ID = id; v.Name == "" {
			v.Name = c.Author.Name
		}
		if v.Name == "" {
			v.Name = c.Author.Handle
		}
		v.Score, v.Updated = author.Value.Score, p.now()
		if !slices.Contains(v.Authors, c.Author.ID) {
			v.Authors = append(v.Authors, c.Author.ID)
		}
		if v.Accepted == nil {
			v.Accepted = map[string]bool{}
		}
		v.Accepted[conf.Name] = true
		v.Revision++
		return true, nil
	})
	if err != nil {
		return err
	}
	row, err := p.updateConversation(ctx, c.ID, func(r *store.Row[ConversationRow]) bool {
		if v := &r.Value.Conversation; v.Person == "" {
			v.Person = id
			v.Revision++ // so that the case is linked to the person
			return true
		}
		return false
	})
	if err != nil {
		return err
	}
	// In one task, so that the person is there when the case is linked to it.
	return p.tellAll(ctx, plan, row.Value.Conversation, flow.KindPerson, flow.KindConversation)
}
