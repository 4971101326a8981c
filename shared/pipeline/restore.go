package pipeline

import (
	"context"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// restored is where the moment is kept before which no answer is sent any more.
const restored = "#restored"

// Restored is what a restore found in one CRM account.
type Restored struct {
	Account string `json:"account"`
	Records int    `json:"records"` // that carry our key
	Links   int    `json:"links"`   // of them unknown to the store until now
	Skipped string `json:"skipped,omitempty"`
}

// Hold keeps answers that were approved before a moment from being sent: after a restore nobody knows which of them the
// network got. They are parked for a human, who approves anew what is missing.
func (p *Pipeline) Hold(ctx context.Context, before time.Time) error {
	_, err := p.accounts.Update(ctx, restored, "-", func(r *store.Row[AccountRow]) (bool, error) {
		if !r.Value.Last.Before(before) {
			return false, nil
		}
		r.Value.Last = before
		return true, nil
	})
	return err
}

// held tells whether an answer was approved before the last restore.
func (p *Pipeline) held(ctx context.Context, v ReplyRow) (bool, error) {
	row, err := p.accounts.One(ctx, restored, "-")
	return v.At.Before(row.Value.Last), err
}

// Restore makes the links of a CRM account's records anew out of the keys that the CRM holds, after the store was wound
// back: what was written since then is found by its record, changes of it find their way back, and nothing is created a
// second time. What the store knows stays. Twice is fine.
func (p *Pipeline) Restore(ctx context.Context, account string) (out Restored, err error) {
	out.Account = account
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return out, err
	}
	conf, ok := plan.Doc.CRM(account)
	if !ok {
		return out, fault.New(fault.NotFound, "there is no CRM account %q in the configuration", account)
	}
	lister, can := p.CRMs[conf.Kind].(crm.Lister)
	if !can {
		out.Skipped = conf.Kind + " cannot be listed; what is written again is looked for there first"
		return out, nil
	}
	conn, err := p.Connect(ctx, account)
	if err != nil {
		return out, err
	}
	for object, key := range journaled(plan, account) {
		for row, err := range lister.List(ctx, conn, object, []string{key}, "") {
			if err != nil {
				return out, err
			}
			ours, _ := row.Fields[key].(string)
			if ours == "" {
				ours = row.Key
			}
			if kind, _, own := flow.SplitKey(ours); !own || kind == flow.KindMention {
				continue // of mentions there is no journal: they do not change
			}
			out.Records++
			made, err := p.relink(ctx, account, object, ours, row.ID)
			if err != nil {
				return out, err
			}
			if made {
				out.Links++
			}
		}
	}
	return out, nil
}

// journaled gives the objects of an account whose records change, each with the field of our key.
func journaled(plan *Plan, account string) map[string]string {
	objects := map[string]string{}
	for _, brand := range plan.Doc.Brands {
		for _, kind := range []string{flow.KindConversation, flow.KindPerson} {
			for _, t := range plan.Mapping.For(account, kind, brand.Name) {
				objects[t.Object()] = t.KeyField()
			}
		}
	}
	return objects
}

// relink notes that a record is ours, both ways, where that is not known.
func (p *Pipeline) relink(ctx context.Context, account, object, key, id string) (made bool, err error) {
	_, err = p.records.Update(ctx, account, object+"#"+key, func(r *store.Row[RecordRow]) (bool, error) {
		made = r.Value.ID == ""
		if made {
			r.Value.Object, r.Value.ID, r.Value.At = object, id, p.now()
		}
		return made, nil
	})
	if err != nil {
		return false, err
	}
	_, err = p.foreign.Update(ctx, account, object+"#"+id, func(r *store.Row[ForeignRow]) (bool, error) {
		if r.Value.Key != "" || r.Value.Into != "" {
			return false, nil
		}
		r.Value.Key, made = key, true
		return true, nil
	})
	return made, err
}
