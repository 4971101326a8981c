package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// eraseSpan is how much of the ledger one page of an erasure goes through.
const eraseSpan = 7 * 24 * time.Hour

// holdLook is how often an erasure that waits for a legal hold looks by itself whether it ended.
const holdLook = 24 * time.Hour

func heldError(h HoldRow) error {
	if h.ID == "" {
		return nil
	}
	return fault.New(fault.Conflict, "%s", heldSay(h))
}

func heldSay(h HoldRow) string {
	until := "until it is lifted"
	if !h.Until.IsZero() {
		until = "until " + h.Until.Format(time.DateOnly)
	}
	return fmt.Sprintf("waits for the legal hold %s of %s (%s), %s", h.ID, h.By, h.Why, until)
}

// erasePage does one page of an erasure. It is done after the first pass; what was on its way into the ledger or a CRM
// meanwhile is found in the next, which begins when nobody can be at it any more. The last is the one that finds nothing.
// Then, when nobody can be at it once more, ids give way to hashes.
func (p *Pipeline) erasePage(ctx context.Context, j *JobRow) (more bool, wait time.Duration, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, 0, err
	}
	if j.Authors == nil && j.People == nil {
		if j.Authors, j.People, err = p.subjects(ctx, plan, j.Erasure); err == nil {
			j.Authors, err = p.aliases(ctx, plan, j.Authors)
		}
		if err != nil {
			j.Authors, j.People = nil, nil
			return true, 0, err
		}
	}
	if !j.Closing {
		if wait, err = p.waitsFor(ctx, j); err != nil || j.Held != "" {
			return true, wait, err
		}
	}
	if j.Result == nil {
		j.Result = &Erased{}
	}
	from, to, err := p.eraseStretch(ctx, plan, j)
	if err != nil {
		return false, 0, err
	}
	last := to.Equal(j.To)
	if j.Closing {
		err = p.buryPage(ctx, plan, j, from, to, last)
	} else {
		err = p.eraseStep(ctx, plan, j, from, to, last)
	}
	if err != nil {
		return true, 0, err
	}
	j.Pages++
	if !last {
		j.Cursor = to.Format(time.RFC3339Nano)
		return true, 0, nil
	}
	j.Cursor = ""
	if j.Closing {
		j.Swept = true
		return false, 0, nil
	}
	if j.Pass > 0 && j.Fresh == 0 {
		if err := p.putTombs(ctx, j); err != nil { // without them nothing may be buried
			return true, 0, err
		}
		j.Closing = true
	}
	j.Fresh = 0
	j.Pass++
	return true, leaseFor + p.Ports.Fence, nil
}

// waitsFor notes in a job the legal hold that it has to wait for.
func (p *Pipeline) waitsFor(ctx context.Context, j *JobRow) (time.Duration, error) {
	people := slices.Clone(j.People)
	for _, author := range j.Authors {
		row, err := p.authors.One(ctx, author, "-")
		if err != nil {
			return 0, err
		}
		people = with1(people, row.Value.Person)
	}
	h, err := p.heldBy(ctx, j.ID, j.Authors, people)
	if err != nil {
		return 0, err
	}
	if j.Held = ""; h.ID == "" {
		return 0, nil
	}
	j.Held = heldSay(h)
	if left := h.Until.Sub(p.now()); !h.Until.IsZero() && left < holdLook {
		return left, nil
	}
	return holdLook, nil
}

// eraseStretch gives the part of the ledger that a page is about.
func (p *Pipeline) eraseStretch(ctx context.Context, plan *Plan, j *JobRow) (from, to time.Time, err error) {
	if j.To.IsZero() {
		j.To = p.now().Add(time.Minute)
	}
	if j.From.IsZero() {
		if j.From, err = p.firstHour(ctx, plan, j.To); err != nil {
			return from, to, err
		}
	}
	if end := p.now().Add(time.Minute); j.Cursor == "" && end.After(j.To) {
		j.To = end // all that came before the tombstone
	}
	from = j.From
	if j.Cursor != "" {
		if from, err = time.Parse(time.RFC3339Nano, j.Cursor); err != nil {
			return from, to, fault.New(fault.Invalid, "the job's cursor is damaged: %w", err)
		}
	}
	if to = from.Add(eraseSpan); to.After(j.To) {
		to = j.To
	}
	return from, to, nil
}

// firstHour gives the hour in which the ledger begins, or just before a time where that is later.
func (p *Pipeline) firstHour(ctx context.Context, plan *Plan, before time.Time) (time.Time, error) {
	first := before.Add(-time.Hour)
	for _, name := range places(plan.Doc) {
		for hour, err := range p.hourly.List(ctx, store.Range{Part: name, Limit: 1}) {
			if err != nil {
				return first, err
			}
			if at, err := time.Parse(hourFormat, hour.Sort); err == nil && at.Before(first) {
				first = at
			}
		}
	}
	return first, nil
}

func (p *Pipeline) eraseStep(ctx context.Context, plan *Plan, j *JobRow, from, to time.Time, last bool) error {
	page := *j.Result
	for _, author := range j.Authors {
		if err := p.entomb(ctx, author); err != nil {
			return err
		}
	}
	if last {
		for _, id := range j.People {
			if err := p.eraseWhole(ctx, plan, id, &page); err != nil {
				return err
			}
		}
	}
	for _, author := range j.Authors {
		if err := p.erase(ctx, plan, author, from, to, &page); err != nil {
			return err
		}
		if last {
			if err := p.erasePerson(ctx, plan, author, &page); err != nil {
				return err
			}
		}
	}
	j.Fresh += page.fresh
	page.fresh = 0
	if j.Pass == 0 {
		j.Result, j.Done = &page, page.Mentions
	}
	return nil
}

// eraseWhole removes a person: keys, links, name, score, and our fields in the records it is linked to. A tombstone keeps a
// CRM that still has such a record from bringing it back. The links go last, so that who dies before finds them again.
func (p *Pipeline) eraseWhole(ctx context.Context, plan *Plan, id string, done *Erased) error {
	row, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		if r.Version == 0 || !r.Value.Erased.IsZero() {
			return false, nil
		}
		r.Value.Erased = p.now()
		done.fresh++
		return true, nil
	})
	if err != nil || row.Version == 0 {
		return err
	}
	who := row.Value.Person
	for _, a := range plan.Doc.CRMs {
		for _, brand := range plan.Doc.Brands {
			env := decide.EnvOf(flow.Mention{}, decide.Decision{}, nil, &flow.Person{ID: id}, brand, "")
			mine := p.erasable(plan, a, flow.KindPerson, brand.Name, env)
			for _, r := range slices.Clone(mine) {
				for _, l := range records(who) {
					if same := r; l.To == a.Name && l.Object == r.Object {
						same.ID = l.Record
						mine = append(mine, same)
					}
				}
			}
			if err := p.eraseFromPeople(ctx, a, mine, done); err != nil {
				return err
			}
		}
	}
	for _, l := range records(who) {
		done.propose(Foreign{l.To, l.Object, l.Record})
	}
	for _, place := range sorted(row.Value.Keys) {
		if err := p.takeKeys(ctx, id, row.Value.Keys[place]); err != nil {
			return err
		}
	}
	if err := p.forgetMerges(ctx, plan, id, row.Value); err != nil {
		return err
	}
	_, err = p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
		left := PersonRow{Person: flow.Person{ID: id, Revision: r.Value.Person.Revision, Updated: r.Value.Erased}, Erased: r.Value.Erased}
		again := len(r.Value.Keys) == 0 && len(r.Value.Person.Links) == 0 && len(r.Value.Person.Authors) == 0 && r.Value.Person.Name == ""
		r.Value = left
		return !again, nil
	})
	return err
}

// eraseFromPeople blanks our fields in records of persons, and proposes what else there is to a human. What is set at creation
// only is ours where we created the record, and what a human took over is the human's.
func (p *Pipeline) eraseFromPeople(ctx context.Context, conf config.Account, mine []crm.Record, done *Erased) error {
	for _, r := range mine {
		row, err := p.records.One(ctx, conf.Name, r.Object+"#"+r.Key)
		if err != nil {
			return err
		}
		for _, f := range sorted(r.Fields) {
			wrote := row.Value.Fields[f] != "" || row.Value.Intents[f] != ""
			if row.Version == 0 || !wrote || slices.Contains(row.Value.Human, f) {
				delete(r.Fields, f)
			}
		}
	}
	if err := p.eraseFrom(ctx, conf, mine, done); err != nil {
		return err
	}
	for _, r := range mine {
		if r.ID != "" {
			done.propose(Foreign{conf.Name, r.Object, r.ID})
		}
	}
	return nil
}

// maxForeign bounds how many records an erasure proposes.
const maxForeign = 200

func (e *Erased) propose(f Foreign) {
	if !slices.Contains(e.Foreign, f) && len(e.Foreign) < maxForeign {
		e.Foreign = append(slices.Clone(e.Foreign), f)
	}
}

// undue takes back the reminders of a conversation, and the look at its owner's name. Where an author is named it must be theirs.
func (p *Pipeline) undue(ctx context.Context, id, author string) error {
	row, _, err := p.conversation(ctx, id)
	if err != nil || author != "" && row.Value.Conversation.Author.ID != author {
		return err
	}
	if err := p.unnamed(ctx, row.Value, id); err != nil {
		return err
	}
	var keys []store.Key
	for _, at := range row.Value.Reminded {
		keys = append(keys, p.due.Key(at, "sla#"+id))
	}
	return p.remove(ctx, keys...)
}

// unthread takes the references to an author's mentions out of what the brand answered, which is kept.
func (p *Pipeline) unthread(ctx context.Context, id, author string) error {
	row, _, err := p.conversation(ctx, id)
	c := row.Value.Conversation
	if err != nil || row.Version == 0 || row.Value.Erased || author != "" && c.Author.ID != author {
		return err
	}
	theirs := map[string]bool{}
	for _, t := range c.Turns {
		theirs[t.Mention] = theirs[t.Mention] || t.Direction == flow.In
	}
	for _, t := range c.Turns {
		if t.Direction != flow.Out || t.Mention == "" {
			continue
		}
		_, err := p.mentions.Update(ctx, t.Mention, "-", func(r *store.Row[MentionRow]) (bool, error) {
			m := &r.Value.Mention
			was := m.Parent + m.Root + m.To
			if theirs[m.Parent] {
				m.Parent = ""
			}
			if theirs[m.Root] {
				m.Root = ""
			}
			if m.To == c.Author.ID {
				m.To = ""
			}
			if c := r.Value.Decision.Conversation; c != nil && c.ID == id {
				r.Value.Decision.Conversation = nil
			}
			return r.Version > 0 && was != m.Parent+m.Root+m.To, nil
		})
		p.recent.forget(t.Mention)
		if err != nil {
			return err
		}
	}
	return nil
}
