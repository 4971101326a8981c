package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/decide/score"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// Erased is what an erasure found and removed.
type Erased struct {
	Mentions      int `json:"mentions"`
	Conversations int `json:"conversations"`
	Records       int `json:"records"`
	Archive       int `json:"archive"` // batches looked through

	In      map[string]int `json:"in,omitempty"`      // CRM account → records of it
	Foreign []Foreign      `json:"foreign,omitempty"` // records that are not ours, for a human to decide on

	fresh int // of the mentions, those that were not erased before
}

// Foreign is a record about the subject that is not ours: our fields in it are blanked, the rest a human decides on.
type Foreign struct {
	Account string `json:"account"`
	Object  string `json:"object"`
	Record  string `json:"record"`
}

// Erase removes the traces of an author, or of all authors of a person, between two times: content in the store and
// archive, what we wrote into CRMs. A tombstone stays, so that no look-back or replay brings it back. Twice is fine, and
// needed: what was on its way into the ledger or a CRM while it ran is found the next time. A job does that until nothing
// new is found.
func (p *Pipeline) Erase(ctx context.Context, e flow.Erasure, from, to time.Time) (Erased, error) {
	var done Erased
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return done, err
	}
	authors, people, err := p.subjects(ctx, plan, e)
	if err != nil {
		return done, err
	}
	if h, err := p.heldBy(ctx, "", authors, people); err != nil || h.ID != "" {
		return done, errors.Join(err, heldError(h))
	}
	for _, id := range people {
		if err := p.eraseWhole(ctx, plan, id, &done); err != nil {
			return done, err
		}
	}
	for _, author := range authors {
		err := p.entomb(ctx, author)
		if end := p.now().Add(time.Minute); end.After(to) {
			to = end // all that came before the tombstone
		}
		if err == nil {
			err = p.erase(ctx, plan, author, from, to, &done)
		}
		if err == nil {
			err = p.erasePerson(ctx, plan, author, &done)
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// subjects lists the authors and persons an erasure is about.
func (p *Pipeline) subjects(ctx context.Context, plan *Plan, e flow.Erasure) (authors, people []string, err error) {
	switch {
	case e.Author != "":
		return []string{e.Author}, nil, nil
	case e.Person != "" || e.Email != "":
		var s Subject
		if e.Person != "" {
			row, rerr := p.people.One(ctx, e.Person, "-")
			if rerr == nil && row.Version == 0 {
				rerr = fault.New(fault.NotFound, "no person %s is known", e.Person)
			}
			s, err = p.ofPerson(ctx, row, "", rerr)
		} else {
			s, err = p.byEmail(ctx, plan, e.Email)
		}
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
			err = fault.New(fault.Invalid, "an erasure needs somebody who is known: %w", err)
		}
		return s.Authors, []string{s.Person}, err
	}
	return nil, nil, fault.New(fault.Invalid, "an erasure needs somebody who is known: an author id such as mastodon:https://host/users/name, a person, or an e-mail address")
}

// entomb leaves of an author only that nothing may be stored, and whom it was linked to until that is undone.
func (p *Pipeline) entomb(ctx context.Context, author string) error {
	row, err := p.authors.One(ctx, author, "-")
	if err == nil {
		err = p.unname(ctx, author, row.Value)
	}
	if err != nil {
		return err
	}
	_, err = p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		was := r.Value.Objected
		r.Value = AuthorRow{Objected: true, Person: r.Value.Person, Handles: r.Value.Handles}
		return !was || r.Version == 0, nil
	})
	return err
}

// traces is what the ledger knows of an author in a stretch of time.
type traces struct {
	mentions  map[string]map[string][]string // mention → CRM account → records, as object#id
	exchanges map[string]bool                // conversations in which an attempt may have left something
	receipts  map[string]bool
}

// erase removes what an author said in a stretch of time.
func (p *Pipeline) erase(ctx context.Context, plan *Plan, author string, from, to time.Time, done *Erased) error {
	found, err := p.trace(ctx, plan, author, from, to)
	if err != nil {
		return err
	}
	for _, id := range sorted(found.mentions) {
		if err := p.eraseMention(ctx, plan, id, found.mentions[id], done); err != nil {
			return err
		}
		done.Mentions++
	}
	for _, id := range sorted(found.exchanges) {
		if err := p.eraseConversation(ctx, plan, id, author, done); err != nil {
			return err
		}
	}
	return p.unarchive(ctx, plan, author, found, from, to, done)
}

// places lists the names under which lines and archived bodies are kept.
func places(doc *config.Document) []string {
	var names []string
	for _, a := range doc.Networks {
		names = append(names, a.Name)
	}
	for _, h := range doc.Hooks {
		names = append(names, h.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// trace finds what an author left.
func (p *Pipeline) trace(ctx context.Context, plan *Plan, author string, from, to time.Time) (traces, error) {
	found := traces{map[string]map[string][]string{}, map[string]bool{}, map[string]bool{}}
	short := p.authorHash(author)
	for _, name := range places(plan.Doc) {
		err := p.Lines(ctx, name, from, to, func(at ledger.Place, l ledger.Line) error {
			if l.Author != short {
				return nil
			}
			receipt, _, _ := strings.Cut(at.Sort, "/")
			found.receipts[receipt] = true
			if l.Exchange != "" {
				found.exchanges[l.Exchange] = true
			}
			if l.Mention == "" {
				return nil
			}
			if found.mentions[l.Mention] == nil {
				found.mentions[l.Mention] = map[string][]string{}
			}
			for _, d := range l.Deliveries {
				if d.Record != "" {
					found.mentions[l.Mention][d.Account] = append(found.mentions[l.Mention][d.Account], "#"+d.Record)
				}
				found.mentions[l.Mention][d.Account] = append(found.mentions[l.Mention][d.Account], d.Records...)
			}
			return nil
		})
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// authorHash is how lines name an author.
func (p *Pipeline) authorHash(author string) string { return p.hashed("author", author)[:12] }

// unarchive removes receipts and bodies that hold something of an author: its own, bodies with several events, and what the
// brand's answers to it saw of the conversation.
func (p *Pipeline) unarchive(ctx context.Context, plan *Plan, author string, found traces, from, to time.Time, done *Erased) error {
	quoted, _ := json.Marshal(author) // a text: cannot fail
	native := []byte(flow.Native(author))
	drop := func(x archive.Entry) bool {
		body := len(x.Inputs) == 0 && (found.receipts[x.Line] || len(native) > 0 && bytes.Contains(x.Raw, native))
		return x.Author == author || found.mentions[x.Mention] != nil || body || bytes.Contains(x.Inputs, quoted) || bytes.Contains(x.Decision, quoted) || bytes.Contains(x.Previous, quoted)
	}
	for _, name := range places(plan.Doc) {
		for ref, err := range p.Archive.List(ctx, name, from, to) {
			if err == nil {
				err = p.Archive.Rewrite(ctx, ref, drop)
			}
			if err != nil {
				return err
			}
			done.Archive++
		}
	}
	return nil
}

// eraseMention blanks a mention and its conversation: first here, so that nothing writes them again, then in the CRMs.
func (p *Pipeline) eraseMention(ctx context.Context, plan *Plan, id string, records map[string][]string, done *Erased) error {
	row, err := p.mentions.One(ctx, id, "-")
	if err != nil || row.Version == 0 {
		return err
	}
	m := row.Value.Mention
	conv := ""
	if c := row.Value.Decision.Conversation; c != nil {
		conv = c.ID
	}
	if conv == "" && m.Author.ID != "" && m.Direction != flow.Out { // an attempt that lost may have opened one
		conv = flow.ConversationID(m.Account, m.Thread(), m.Author.ID, m.Private)
	}
	env := decide.EnvOf(m, row.Value.Decision, &flow.Conversation{ID: conv}, nil, plan.Doc.Brand(m.Brand), row.Value.Source)
	_, err = p.mentions.Update(ctx, id, "-", func(r *store.Row[MentionRow]) (bool, error) {
		v := &r.Value
		if v.Erased {
			return false, nil
		}
		v.Mention = flow.Mention{ID: id, Network: m.Network, Account: m.Account, Brand: m.Brand, Direction: m.Direction, Deleted: true}
		v.Decision = decide.Decision{Outcome: v.Decision.Outcome, Conversation: v.Decision.Conversation}
		if v.Decision.Conversation == nil && conv != "" {
			v.Decision.Conversation = &flow.Conversation{ID: conv}
		}
		v.Erased, v.By, v.Corrections = true, p.whoseLine(m), nil
		done.fresh++
		return true, nil
	})
	p.recent.forget(id)
	if err == nil {
		err = p.dropMedia(ctx, id)
	}
	if err == nil && conv != "" && m.Direction != flow.Out {
		err = p.eraseConversation(ctx, plan, conv, m.Author.ID, done)
	}
	if err != nil {
		return err
	}
	for _, a := range plan.Doc.CRMs {
		mine := p.erasable(plan, a, flow.KindMention, m.Brand, env)
		for i := range mine {
			for _, known := range records[a.Name] {
				if object, id, ok := strings.Cut(known, "#"); ok && (object == mine[i].Object || object == "" && len(mine) == 1) {
					mine[i].ID = id
				}
			}
		}
		if err := p.eraseFrom(ctx, a, mine, done); err != nil {
			return err
		}
	}
	return nil
}

// eraseConversation leaves of an exchange that there was one, and of its answers that they were given. Where an author is
// named it must be theirs.
func (p *Pipeline) eraseConversation(ctx context.Context, plan *Plan, id, author string, done *Erased) error {
	mine := false
	if err := p.unthread(ctx, id, author); err != nil {
		return err
	}
	if err := p.undue(ctx, id, author); err != nil {
		return err
	}
	row, err := p.updateConversation(ctx, id, func(r *store.Row[ConversationRow]) bool {
		c := r.Value.Conversation
		if mine = author == "" || c.Author.ID == author; !mine || r.Value.Erased {
			return false
		}
		r.Value.Conversation = flow.Conversation{ID: c.ID, Account: c.Account, Brand: c.Brand, Network: c.Network, Root: c.Root, Private: c.Private,
			Author: flow.Author{ID: c.Author.ID}, Status: flow.Closed, Number: c.Number, Previous: c.Previous, Opened: c.Opened, ClosedAt: p.now(),
			Updated: p.now(), Source: c.Source, Revision: c.Revision + 1}
		r.Value.Erased = true
		done.Conversations++
		done.fresh++
		return true
	})
	if err != nil || row.Version == 0 || !mine {
		return err
	}
	for _, reply := range row.Value.Replies {
		if err := p.eraseReply(ctx, reply); err != nil {
			return err
		}
	}
	brand := row.Value.Conversation.Brand
	env := decide.EnvOf(flow.Mention{}, decide.Decision{}, &row.Value.Conversation, nil, plan.Doc.Brand(brand), "")
	for _, a := range plan.Doc.CRMs {
		if err := p.eraseFrom(ctx, a, p.erasable(plan, a, flow.KindConversation, brand, env), done); err != nil {
			return err
		}
	}
	return nil
}

// eraseReply forgets to whom an answer went, and what it said. One that was not sent yet is not sent any more.
func (p *Pipeline) eraseReply(ctx context.Context, id string) error {
	_, err := p.replies.Update(ctx, id, "-", func(r *store.Row[ReplyRow]) (bool, error) {
		a := &r.Value.Reply
		if r.Version == 0 || a.Author.ID == "" {
			return false, nil
		}
		a.Author, a.Text, a.Permalink = flow.Author{}, "", ""
		if a.State == flow.Approved {
			a.State, a.Reason, r.Value.Ended = flow.Failed, "the author's traces were erased", p.now()
		}
		return true, nil
	})
	return err
}

// erasePerson takes an author away from the person it was linked to. A person that we made of the author alone goes from
// the CRMs as well; of another, whose record is the customer's own, our fields are written anew.
func (p *Pipeline) erasePerson(ctx context.Context, plan *Plan, author string, done *Erased) error {
	row, err := p.authors.One(ctx, author, "-")
	if err != nil {
		return err
	}
	made := p.personOf(author)
	if id := row.Value.Person; id != "" && id != made {
		if err := p.eraseFromPerson(ctx, plan, author, id, done); err != nil {
			return err
		}
	}
	return p.eraseFromPerson(ctx, plan, author, made, done) // an attempt may have made it without noting it
}

func (p *Pipeline) eraseFromPerson(ctx context.Context, plan *Plan, author, id string, done *Erased) error {
	ours := id == p.personOf(author)
	who, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if r.Version == 0 || !slices.Contains(v.Authors, author) && (!ours || v.Name == "" && v.Accepted == nil) {
			return false, nil
		}
		v.Authors = slices.DeleteFunc(v.Authors, func(a string) bool { return a == author })
		v.Links = slices.DeleteFunc(v.Links, func(l flow.Link) bool { return l.To == author })
		score.Drop(v, author)
		r.Value.Merges = withoutAuthor(r.Value.Merges, author)
		if ours {
			v.Name, v.Accepted = "", nil
		}
		v.Updated = p.now()
		v.Revision++
		return true, nil
	})
	if err == nil {
		err = p.unmention(ctx, plan, who.Value, author)
	}
	if err != nil || who.Version == 0 {
		return err
	}
	if !ours {
		return p.tellPerson(ctx, plan, id)
	}
	for _, a := range plan.Doc.CRMs {
		for _, brand := range plan.Doc.Brands {
			env := decide.EnvOf(flow.Mention{}, decide.Decision{}, nil, &who.Value.Person, brand, "")
			if err := p.eraseFromPeople(ctx, a, p.erasable(plan, a, flow.KindPerson, brand.Name, env), done); err != nil {
				return err
			}
		}
	}
	return nil
}

// erasable lists the records of one kind that we may have written into an account, with our fields.
func (p *Pipeline) erasable(plan *Plan, conf config.Account, kind, brand string, env *decide.Env) []crm.Record {
	var list []crm.Record
	for _, t := range plan.Mapping.For(conf.Name, kind, brand) {
		if !conf.Writes(t.Object(), brand) {
			continue
		}
		r := crm.Record{Object: t.Object(), KeyField: t.KeyField(), Key: t.Key(env), Fields: map[string]any{}}
		for _, mark := range t.Marks() {
			if mark.Field != r.KeyField {
				r.Fields[mark.Field] = nil
			}
		}
		list = append(list, r)
	}
	return list
}

// lockedOut closes an account that refuses its log-in, so that people learn of it though nothing else is written there, and opens
// it again after a call that worked.
func (p *Pipeline) lockedOut(ctx context.Context, account string, err error) error {
	if fault.Is(err, fault.Unauthorized) {
		return p.closeAccount(ctx, account, wholeGate, err)
	}
	if err != nil {
		return nil
	}
	g, err := p.gates(ctx, account)
	if row := g[wholeGate]; row.Value.Kind == fault.Unauthorized.String() {
		p.open(ctx, account, row)
	}
	return err
}

// eraseFrom blanks records in one CRM account.
func (p *Pipeline) eraseFrom(ctx context.Context, conf config.Account, list []crm.Record, done *Erased) error {
	adapter := p.CRMs[conf.Kind]
	if len(list) == 0 || adapter == nil {
		return nil
	}
	keys := make([]store.Key, len(list))
	for i, r := range list {
		keys[i] = p.records.Key(conf.Name, r.Object+"#"+r.Key)
	}
	rows, err := p.records.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if list[i].ID == "" {
			list[i].ID = row.Value.ID
		}
	}
	err = p.vendor(ctx, conf, adapter.Info().Buckets, true, func(a rest.Account) error {
		return adapter.Erase(ctx, a, crm.Subject{Records: list})
	})
	if err := p.lockedOut(ctx, conf.Name, err); err != nil {
		return err
	}
	if err == nil {
		done.Records += len(list)
		in := maps.Clone(done.In) // a page that fails leaves the job's own as it was
		if in == nil {
			in = map[string]int{}
		}
		in[conf.Name] += len(list)
		done.In = in
	}
	return err
}
