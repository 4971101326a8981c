package pipeline

import (
	"context"
	"time"

	"rapport/shared/archive"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// Erased is what an erasure found and removed.
type Erased struct {
	Mentions      int `json:"mentions"`
	Conversations int `json:"conversations"`
	Records       int `json:"records"`
	Archive       int `json:"archive"`
}

// Erase removes the traces of an author between two times: content in the store and archive, what we wrote into CRMs.
// A tombstone stays, so that no look-back or replay brings it back. Twice is fine.
func (p *Pipeline) Erase(ctx context.Context, e flow.Erasure, from, to time.Time) (Erased, error) {
	var done Erased
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return done, err
	}
	if err := p.entomb(ctx, e.Author); err != nil {
		return done, err
	}
	short := p.hashed("author", e.Author)[:12]
	mentions, archives := map[string]bool{}, map[string]bool{}
	for _, a := range plan.Doc.Networks {
		err := p.Lines(ctx, a.Name, from, to, func(_ ledger.Place, l ledger.Line) error {
			if l.Author == short {
				mentions[l.Mention] = true
				if l.Archive != "" {
					archives[l.Archive] = true
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
	}
	for _, id := range sorted(mentions) {
		n, c, err := p.eraseMention(ctx, plan, id)
		if err != nil {
			return done, err
		}
		done.Mentions++
		done.Records += n
		done.Conversations += c
	}
	for _, ref := range sorted(archives) {
		err := p.Archive.Rewrite(ctx, ref, func(x archive.Entry) bool { return x.Author == e.Author || mentions[x.Mention] })
		if err != nil {
			return done, err
		}
		done.Archive++
	}
	return done, nil
}

// entomb leaves of an author only that nothing may be stored.
func (p *Pipeline) entomb(ctx context.Context, author string) error {
	if author == "" {
		return fault.New(fault.Invalid, "an erasure needs an author id, such as mastodon:https://host/users/name")
	}
	_, err := p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		was := r.Value.Objected
		r.Value = AuthorRow{Objected: true}
		return !was || r.Version == 0, nil
	})
	return err
}

// eraseMention blanks a mention, its turn, and what the CRMs hold of both.
func (p *Pipeline) eraseMention(ctx context.Context, plan *Plan, id string) (records, conversations int, err error) {
	row, err := p.mentions.One(ctx, id, "-")
	if err != nil || row.Version == 0 {
		return 0, 0, err
	}
	m := row.Value.Mention
	conv := ""
	if c := row.Value.Decision.Conversation; c != nil {
		conv = c.ID
	}
	for _, a := range plan.Doc.CRMs {
		n, err := p.eraseFrom(ctx, plan, a.Name, row.Value, conv)
		if err != nil {
			return records, conversations, err
		}
		records += n
	}
	if conv != "" {
		_, sort, err := p.conversation(ctx, conv)
		if err != nil {
			return records, conversations, err
		}
		_, err = p.conversations.Update(ctx, flow.Place(conv), sort, func(r *store.Row[ConversationRow]) (bool, error) {
			if r.Version == 0 {
				return false, nil
			}
			c := &r.Value.Conversation
			c.Author, c.Turns, c.Subject = flow.Author{ID: c.Author.ID}, nil, ""
			c.Revision++
			conversations++
			return true, nil
		})
		if err != nil {
			return records, conversations, err
		}
	}
	_, err = p.mentions.Update(ctx, id, "-", func(r *store.Row[MentionRow]) (bool, error) {
		v := &r.Value
		v.Mention = flow.Mention{ID: id, Network: m.Network, Account: m.Account, Brand: m.Brand, Deleted: true}
		v.Decision.Found, v.Decision.Safe, v.Decision.Words, v.Decision.Receipts = nil, "", nil, nil
		v.Decision.Score = flow.Score{}
		return true, nil
	})
	p.recent.forget(id)
	return records, conversations, err
}

// eraseFrom blanks what one CRM account holds of a mention and its conversation.
func (p *Pipeline) eraseFrom(ctx context.Context, plan *Plan, account string, row MentionRow, conv string) (int, error) {
	m := row.Mention
	env := decide.EnvOf(m, row.Decision, &flow.Conversation{ID: conv}, nil, plan.Doc.Brand(m.Brand), row.Source)
	conf, ok := plan.Doc.CRM(account)
	adapter := p.CRMs[conf.Kind]
	if !ok || adapter == nil {
		return 0, nil
	}
	var s crm.Subject
	for _, k := range [][2]string{{flow.KindMention, m.ID}, {flow.KindConversation, conv}} {
		if k[1] == "" {
			continue
		}
		for _, t := range plan.Mapping.For(account, k[0], m.Brand) {
			if !conf.Writes(t.Object(), m.Brand) {
				continue
			}
			r := crm.Record{Object: t.Object(), KeyField: t.KeyField(), Key: t.Key(env), Fields: map[string]any{}}
			for _, mark := range t.Marks() {
				if mark.Field != r.KeyField {
					r.Fields[mark.Field] = nil
				}
			}
			s.Records = append(s.Records, r)
		}
	}
	if len(s.Records) == 0 {
		return 0, nil
	}
	a, err := p.connect(ctx, conf)
	if err != nil {
		return 0, err
	}
	return len(s.Records), adapter.Erase(ctx, a, s)
}
