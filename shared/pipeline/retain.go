package pipeline

import (
	"context"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// expired is why a tombstone of what the retention sweep removed stands.
const expired = "expired"

// retainEvery is how often the sweep looks for what was kept as long as it may be.
const retainEvery = 6 * time.Hour

// keeps tells how long content and receipts of a network account may be kept, counted from when they were received; 0 = no
// limit. The shorter of the network's rules and the tenant's own holds, and no receipt outlives its content.
func (p *Pipeline) keeps(plan *Plan, conf config.Account) (content, receipts time.Duration) {
	shorter := func(a, b time.Duration) time.Duration {
		if a <= 0 || b > 0 && b < a {
			return b
		}
		return a
	}
	own, _ := time.ParseDuration(plan.Doc.Retain["content"]) // checked when it was published
	proof, _ := time.ParseDuration(plan.Doc.Retain["receipts"])
	content = shorter(p.infos[conf.Kind].Rules.StoreFor, own)
	return content, shorter(content, proof)
}

// aged tells whether an event is of something so old that the retention sweep may have removed it before.
func (w *world) aged(o *one) bool {
	content, _ := w.p.keeps(w.plan, o.account)
	m := o.event.Mention
	return content > 0 && !m.Created.IsZero() && m.Created.Before(w.now.Add(-content))
}

// tickRetain starts a sweep, the first one some hours after the first tick.
func (p *Pipeline) tickRetain(ctx context.Context) error {
	row, err := p.accounts.One(ctx, "#retain", "-")
	now := p.now()
	if err != nil || row.Version > 0 && now.Before(row.Value.Next) {
		return err
	}
	due := row.Version > 0
	row.Part, row.Sort, row.Value.Next = "#retain", "-", now.Add(retainEvery)
	if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil || !due {
		if conflicted(res) {
			return nil // somebody else starts it
		}
		return res.Err
	}
	_, err = p.Start(ctx, JobRow{ID: "retain-" + now.Format("2006010215"), Kind: retainJob, To: now})
	if err == nil {
		_, err = p.Start(ctx, JobRow{ID: "report-" + now.Format("2006010215"), Kind: reportJob, To: now})
	}
	return err
}

const retainJob = "retain"

// retainPage sweeps one week of what was received: content, receipts and copies of attachments whose time is over. What is on
// legal hold stays, and is looked at again. At its end names go from the audit trail.
func (p *Pipeline) retainPage(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, err
	}
	held, err := p.heldHashes(ctx)
	if err != nil {
		return true, err
	}
	var from time.Time
	if j.Cursor != "" {
		if from, err = time.Parse(time.RFC3339Nano, j.Cursor); err != nil {
			return false, fault.New(fault.Invalid, "the job's cursor is damaged: %w", err)
		}
	} else if from, err = p.firstHour(ctx, plan, j.To); err != nil {
		return true, err
	}
	to := from.Add(eraseSpan)
	for _, conf := range plan.Doc.Networks {
		content, receipts := p.keeps(plan, conf)
		err := p.stretch(ctx, "#kept#"+conf.Name, from, to, j.To.Add(-content), content, func(lo, hi time.Time) (bool, error) {
			return p.sweepLines(ctx, plan, conf, lo, hi, held, j)
		})
		if end, limited := p.lead(conf); err == nil && limited {
			err = p.stretch(ctx, "#copies#"+conf.Name, from, to, j.To.Add(-end), end, func(lo, hi time.Time) (bool, error) {
				return p.sweepCopies(ctx, conf, lo, hi, held, j)
			})
		}
		if err == nil {
			err = p.stretch(ctx, "#receipts#"+conf.Name, from, to, j.To.Add(-receipts), receipts, func(lo, hi time.Time) (bool, error) {
				return p.sweepArchive(ctx, conf.Name, lo, hi, held)
			})
		}
		if err != nil {
			return true, err
		}
	}
	j.Pages++
	if j.Cursor = to.Format(time.RFC3339Nano); to.Before(j.To) {
		return true, nil
	}
	return false, p.pseudonymise(ctx)
}

// stretch does the part of [from, to) that is over its time and was not done by an earlier sweep, and notes how far that is.
// do tells whether everything went.
func (p *Pipeline) stretch(ctx context.Context, name string, from, to, end time.Time, keep time.Duration, do func(lo, hi time.Time) (bool, error)) error {
	row, err := p.accounts.One(ctx, name, "-")
	if err != nil || keep <= 0 {
		return err
	}
	lo, hi := from, to
	if row.Value.Last.After(lo) {
		lo = row.Value.Last
	}
	if end.Before(hi) {
		hi = end
	}
	if !lo.Before(hi) {
		return nil
	}
	whole, err := do(lo, hi)
	if err != nil || row.Version > 0 && (!whole || lo.After(row.Value.Last)) {
		return err
	}
	if !whole {
		hi = lo
	}
	row.Part, row.Sort, row.Value.Last = name, "-", hi
	if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// heldHashes gives the authors on legal hold, by id and as lines name them.
func (p *Pipeline) heldHashes(ctx context.Context) (map[string]bool, error) {
	list, err := p.Holds(ctx)
	held := map[string]bool{}
	for _, h := range list {
		authors := h.Authors
		if h.Person != "" && err == nil {
			row, rerr := p.person(ctx, h.Person)
			authors, err = append(authors, row.Value.Person.Authors...), rerr
		}
		for _, a := range authors {
			held[a], held[p.authorHash(a)] = true, true
		}
	}
	return held, err
}

// sweepArchive removes receipts and raw bodies. A body that tells of several events stays while one of its batch is on hold.
func (p *Pipeline) sweepArchive(ctx context.Context, account string, from, to time.Time, held map[string]bool) (whole bool, err error) {
	whole = true
	for ref, err := range p.Archive.List(ctx, account, from, to) {
		keep := false
		if err == nil && len(held) > 0 {
			b, rerr := p.Archive.Read(ctx, ref)
			if err = rerr; fault.Is(err, fault.NotFound) {
				continue
			}
			for _, e := range b.Entries {
				keep = keep || held[e.Author]
			}
		}
		if err == nil {
			err = p.Archive.Rewrite(ctx, ref, func(e archive.Entry) bool { return !keep || e.Author != "" && !held[e.Author] })
		}
		if err != nil {
			return false, err
		}
		whole = whole && !keep
	}
	return whole, nil
}

// sweepLines removes the content behind lines of an account that were received between two times.
func (p *Pipeline) sweepLines(ctx context.Context, plan *Plan, conf config.Account, from, to time.Time, held map[string]bool, j *JobRow) (whole bool, err error) {
	whole = true
	err = p.Lines(ctx, conf.Name, from, to, func(at ledger.Place, l ledger.Line) error {
		switch {
		case l.Erased || l.Mention == "":
			return nil
		case held[l.Author]:
			whole = false
			return nil
		}
		row, err := p.mentions.One(ctx, l.Mention, "-")
		if err != nil {
			return err
		}
		if row.Version > 0 {
			if younger(row.Value, to) {
				return nil // its newest line leads here again
			}
			if err := p.sweepMention(ctx, plan, l.Mention, row.Value, to); err != nil {
				return err
			}
			j.Done++
			for _, e := range row.Value.Events {
				if err := p.veilLine(ctx, e.Line); err != nil {
					return err
				}
			}
		}
		return p.veilLine(ctx, at)
	})
	return whole, err
}

// younger tells whether a network told of a mention at a time or later. Who corrects it makes it no younger.
func younger(v MentionRow, at time.Time) bool {
	for _, e := range v.Events {
		if strings.Contains(e.ID, corrects) {
			continue
		}
		if hour, ok := ledger.HourOf(e.Line.Part); ok && !hour.Before(at.Truncate(time.Hour)) {
			return true
		}
	}
	return false
}

// sweepMention removes a mention, what it left in its conversation, and its author's profile where nothing newer is known of
// them. A tombstone stays, so that no later read takes it for new. The row goes last, as all else is found by it.
func (p *Pipeline) sweepMention(ctx context.Context, plan *Plan, id string, v MentionRow, before time.Time) error {
	err := p.dropMedia(ctx, id)
	if err == nil {
		err = p.dropCorrected(ctx, id, v)
	}
	if err != nil {
		return err
	}
	if c := v.Decision.Conversation; c != nil {
		if err := p.sweepConversation(ctx, plan, c.ID, id, before); err != nil {
			return err
		}
	}
	if author := v.Mention.Author.ID; author != "" && v.Mention.Direction != flow.Out {
		row, err := p.authors.One(ctx, author, "-")
		if err != nil {
			return err
		}
		if a := row.Value; row.Version > 0 && !a.Objected && a.Person == "" && a.Seen.Last.Before(before) && len(refused(a.Told)) > 0 {
			if err := p.unname(ctx, author, a); err != nil {
				return err
			}
			left := store.Row[AuthorRow]{Part: author, Sort: "-", Version: row.Version, Value: AuthorRow{Author: flow.Author{ID: author}, Told: a.Told}}
			if res := p.authors.Put(ctx, &left)[0]; res.Err != nil && !conflicted(res) { // what they refuse is honoured on
				return res.Err
			}
		} else if row.Version > 0 && !a.Objected && a.Person == "" && a.Seen.Last.Before(before) {
			if err := p.unname(ctx, author, a); err != nil {
				return err
			}
			res := p.Store.Delete(ctx, store.Item{Part: "author#" + author, Sort: "-", Version: row.Version})[0]
			if res.Err != nil && !conflicted(res) {
				return res.Err
			}
		}
	}
	if err := p.putTomb(ctx, p.tombOf(id), "mention", expired); err != nil {
		return err
	}
	if err := p.buryRecords(ctx, plan, flow.KindMention, id); err != nil {
		return err
	}
	p.recent.forget(id)
	return p.remove(ctx, p.medias.Key(id, "-"), p.threads.Key(id, "-"), p.mentions.Key(id, "-"))
}

// sweepConversation removes an exchange that nothing was added to since a time, else the words of one mention in it.
func (p *Pipeline) sweepConversation(ctx context.Context, plan *Plan, id, mention string, before time.Time) error {
	row, err := p.updateConversation(ctx, id, func(r *store.Row[ConversationRow]) bool {
		changed := r.Value.Conversation.Start == mention
		if changed {
			r.Value.Conversation.Start = ""
		}
		for i := range r.Value.Conversation.Turns {
			if t := &r.Value.Conversation.Turns[i]; t.Mention == mention && t.Text+t.Permalink+t.By != "" {
				if kind, words, ok := strings.Cut(r.Value.Conversation.Subject, ": "); ok && strings.HasPrefix(strings.Join(strings.Fields(t.Text), " "), strings.TrimSuffix(words, "…")) {
					r.Value.Conversation.Subject = kind // the words go from the title too
				}
				t.Text, t.Permalink, t.By, changed = "", "", "", true
			}
		}
		return changed
	})
	c := row.Value.Conversation
	if err != nil || row.Version == 0 || !c.Updated.Before(before) {
		return err
	}
	if err := p.undue(ctx, id, ""); err != nil {
		return err
	}
	for _, reply := range row.Value.Replies {
		if err := p.remove(ctx, p.replies.Key(reply, "-")); err != nil {
			return err
		}
	}
	_, sort, err := p.conversation(ctx, id)
	if err == nil {
		err = p.buryRecords(ctx, plan, flow.KindConversation, id)
	}
	if err != nil {
		return err
	}
	return p.remove(ctx, p.conversations.Key(flow.Place(id), sort))
}
