package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/queue"
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
		if err := p.once(ctx, conf.Name+"#"+changeID(c), func() error { return p.change(ctx, plan, conf, c) }); err != nil {
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
	return fmt.Sprintf("%s#%s#%s#%d", c.Object, c.Record, c.Verb, c.At.UnixMilli())
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
	switch {
	case ours && kind == flow.KindConversation:
		return p.caseChanged(ctx, plan, conf, id, c)
	case ours && kind == flow.KindPerson:
		return p.personChanged(ctx, conf, id, c)
	case !ours && (c.Fields[crm.FieldEmail] != nil || c.Fields[crm.FieldPhone] != nil):
		return p.foreignPerson(ctx, conf, c)
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
	row, sort, err := p.conversation(ctx, id)
	if err != nil || row.Version == 0 {
		return err
	}
	_, err = p.conversations.Update(ctx, flow.Place(id), sort, func(r *store.Row[ConversationRow]) (bool, error) {
		v := &r.Value.Conversation
		was := *v
		if s, _ := c.Fields[crm.FieldStatus].(string); s != "" {
			switch flow.Status(s) {
			case flow.Closed:
				if v.Status != flow.Closed {
					v.Status, v.ClosedAt = flow.Closed, c.At
				}
			case flow.Open, flow.Waiting:
				if v.Status == flow.Closed {
					v.Status, v.ClosedAt = flow.Waiting, time.Time{}
				}
			}
		}
		if o, ok := c.Fields[crm.FieldOwner].(string); ok {
			v.Owner = o
		}
		v.Updated = p.now()
		// What the CRM told us it knows: no new revision, so nothing is written back.
		return was.Status != v.Status || was.Owner != v.Owner, nil
	})
	if err != nil {
		return err
	}
	if yes(c.Fields[crm.FieldAccepted]) {
		if err := p.accept(ctx, conf, row.Value.Conversation); err != nil {
			return err
		}
	}
	text, _ := c.Fields[crm.FieldReply].(string)
	state, _ := c.Fields[crm.FieldReplyState].(string)
	if strings.TrimSpace(text) == "" || state != flow.Approved {
		return nil
	}
	return p.ask(ctx, plan, conf, row.Value.Conversation, text, yes(c.Fields[crm.FieldReplyPrivate]), c)
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

// personChanged takes in owner, matching keys and objections of a person's record.
func (p *Pipeline) personChanged(ctx context.Context, conf config.Account, id string, c flow.Change) error {
	_, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if r.Version == 0 {
			return false, nil
		}
		if o, ok := c.Fields[crm.FieldOwner].(string); ok {
			v.Owner = o
		}
		if o, ok := c.Fields[crm.FieldObjected].(string); ok {
			v.Objected = slices.DeleteFunc(strings.Split(o, ";"), func(s string) bool { return s == "" })
		}
		link(v, conf.Name, c, p.now())
		return true, nil
	})
	if err != nil {
		return err
	}
	return p.saveKeys(ctx, id, c)
}

// foreignPerson makes a person of a CRM record that carries an e-mail or phone, so that authors can be linked to it. It
// writes nothing to the CRM.
func (p *Pipeline) foreignPerson(ctx context.Context, conf config.Account, c flow.Change) error {
	id := "p" + p.hashed("crm", conf.Name, c.Object, c.Record)
	if c.Verb == "delete" {
		p.Store.Delete(ctx, store.Item{Part: "person#" + id, Sort: "-", Version: store.AnyVersion})
		return nil
	}
	_, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		v.ID, v.Updated = id, p.now()
		link(v, conf.Name, c, p.now())
		return true, nil
	})
	if err != nil {
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
	return p.saveKeys(ctx, id, c)
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

// saveKeys makes a person findable by the strong keys of a change, hashed.
func (p *Pipeline) saveKeys(ctx context.Context, person string, c flow.Change) error {
	for _, k := range [][2]string{{"email", crm.FieldEmail}, {"phone", crm.FieldPhone}} {
		kind := k[0]
		value, _ := c.Fields[k[1]].(string)
		if value = strings.ToLower(strings.TrimSpace(value)); value == "" {
			continue
		}
		_, err := p.keys.Update(ctx, p.hashed(kind, value), "-", func(r *store.Row[KeyRow]) (bool, error) {
			was := r.Value
			r.Value = KeyRow{Person: person, Kind: kind, Evidence: "the same " + kind + " as the record in " + c.Account}
			return was != r.Value, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// accept makes a person of an author because an agent said so, and delivers it.
func (p *Pipeline) accept(ctx context.Context, conf config.Account, c flow.Conversation) error {
	id := p.personOf(c.Author.ID)
	author, err := p.authors.Update(ctx, c.Author.ID, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		if r.Value.Person != "" {
			id = r.Value.Person
			return false, nil
		}
		r.Value.Person = id
		return true, nil
	})
	if err != nil {
		return err
	}
	_, err = p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if v.Accepted[conf.Name] {
			return false, nil
		}
		v.ID, v.Name, v.Score, v.Updated = id, c.Author.Name, author.Value.Score, p.now()
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
	t := Task{Lane: topology.DeliverBulk}
	t.Account, t.Person, t.Conversation = conf.Name, id, c.ID
	if len(c.Turns) > 0 {
		t.Mention = c.Turns[len(c.Turns)-1].Mention
	}
	return p.Queue.Send(ctx, t.message())[0]
}
