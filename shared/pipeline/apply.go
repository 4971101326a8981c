package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rapport/shared/archive"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// The kinds of jobs that write what a person approved.
const (
	JobReplay = "replay"
	JobUndo   = "undo"
)

// Again is what a replay or an undo has to know between its pages.
type Again struct {
	Accounts []string `json:"accounts"`          // network accounts
	Event    string   `json:"event,omitempty"`   // of an undo: a mention, or one line of it; "" = all in the time
	Approved string   `json:"approved"`          // hash of the dry run that somebody said yes to
	By       string   `json:"by,omitempty"`      // who
	Drafted  bool     `json:"drafted,omitempty"` // Refs are complete
	Refs     []string `json:"refs,omitempty"`    // the newer receipts, by batch: a page each
	Next     int      `json:"next,omitempty"`    // of them
	Skipped  int      `json:"skipped,omitempty"` // records that would not be written any more: they stay as they are
}

// maxDraft bounds how many receipts a page amends.
const maxDraft = 500

// againPage does one page of a replay or an undo: first everything is computed once more and compared with what was
// approved, then each page amends receipts and sends what they change to the CRMs.
func (p *Pipeline) againPage(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return false, err
	}
	a := j.Again
	switch {
	case a == nil || a.Approved == "":
		return false, fault.New(fault.Invalid, "nothing was approved: look at a dry run first")
	case !a.Drafted:
		if j.Kind == JobUndo {
			err = p.draftUndo(ctx, j)
		} else {
			err = p.draftReplay(ctx, plan, j)
		}
		a.Drafted = err == nil
		return len(a.Refs) > 0, err
	case a.Next >= len(a.Refs):
		return false, nil
	}
	batch, err := p.Archive.Read(ctx, a.Refs[a.Next])
	if err == nil {
		err = p.amendAll(ctx, plan, j, a.Refs[a.Next], batch)
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // erased meanwhile
		return false, err
	}
	a.Next++
	j.Pages++
	return a.Next < len(a.Refs), nil
}

// unapproved is what a job ends with that would do something else than was approved.
func unapproved(approved, now string) error {
	return fault.New(fault.Invalid, "what would change is %s now, and %s was approved: look at the dry run again", now, approved)
}

// draftReplay computes a replay twice: what would change, then the newer receipts with that.
func (p *Pipeline) draftReplay(ctx context.Context, plan *Plan, j *JobRow) error {
	a := j.Again
	now, err := p.Replay(ctx, plan, a.Accounts, j.From, j.To)
	if err != nil {
		return err
	}
	if now.Hash != a.Approved {
		return unapproved(a.Approved, now.Hash)
	}
	d := &drafts{p: p, job: j}
	d.group(now.Writes)
	r := p.replaying(plan)
	d.at = func() time.Time { return r.at }
	r.differs = func(e archive.Entry, in decide.Inputs, is decide.Decision) error {
		return d.add(ctx, e, in, is, amendment{Was: e.Decision})
	}
	if err := r.walk(ctx, a.Accounts, j.From, j.To, r.entry); err != nil {
		return err
	}
	return d.flush(ctx)
}

// drafts collects newer receipts in batches, per account and hour.
type drafts struct {
	p      *Pipeline
	job    *JobRow
	at     func() time.Time   // of the batch of the receipt that is replaced
	writes map[string][]Write // by line
	batch  archive.Batch
	refs   []string
}

// group sorts what changes to the newest line that asks for it.
func (d *drafts) group(writes []Write) {
	d.writes = map[string][]Write{}
	d.job.Total, d.job.Again.Skipped = 0, 0
	for _, w := range writes {
		if w.Verb == WouldSkip { // what was written stays: an undo takes it back
			d.job.Again.Skipped++
			continue
		}
		d.job.Total++
		w.Fields = slices.Clone(w.Fields)
		for i := range w.Fields {
			w.Fields[i].Old, w.Fields[i].New = pack(w.Fields[i].Old), pack(w.Fields[i].New)
		}
		d.writes[w.Line] = append(d.writes[w.Line], w)
	}
}

func (d *drafts) add(ctx context.Context, e archive.Entry, in decide.Inputs, is decide.Decision, a amendment) error {
	at := d.at()
	b := &d.batch
	if len(b.Entries) >= maxDraft || len(b.Entries) > 0 && (b.Account != e.Account || !b.At.Truncate(time.Hour).Equal(at.Truncate(time.Hour))) {
		if err := d.flush(ctx); err != nil {
			return err
		}
	}
	if len(b.Entries) == 0 {
		b.Account, b.At, b.ID = e.Account, at, fmt.Sprintf("%s%s-%05d", amendPrefix, d.job.ID, len(d.refs))
	}
	a.Job, a.Writes = d.job.ID, d.writes[e.Line]
	next := archive.Entry{Line: e.Line, Account: e.Account, At: e.At, Mention: e.Mention, Author: e.Author}
	for _, part := range []struct {
		to *[]byte
		of any
	}{{&next.Inputs, in}, {&next.Decision, is}, {&next.Previous, a}} {
		text, err := json.Marshal(part.of)
		if err != nil {
			return fault.New(fault.Invalid, "the newer receipt of %s: %w", e.Line, err)
		}
		*part.to = text
	}
	b.Entries = append(b.Entries, next)
	return nil
}

// flush writes the batch at hand; the last one completes the job's list.
func (d *drafts) flush(ctx context.Context) error {
	if len(d.batch.Entries) > 0 {
		ref, err := d.p.Archive.Write(ctx, d.batch)
		if err != nil {
			return err
		}
		d.refs, d.batch = append(d.refs, ref), archive.Batch{}
	}
	d.job.Again.Refs = d.refs
	return nil
}

// amendAll brings our own state to what newer receipts say, notes what they change in CRMs, and sends it.
func (p *Pipeline) amendAll(ctx context.Context, plan *Plan, j *JobRow, ref string, b archive.Batch) error {
	var rows []*store.Row[PatchRow]
	for _, e := range b.Entries {
		var a amendment
		var is, was decide.Decision
		if err := json.Unmarshal(e.Previous, &a); err != nil {
			return fault.New(fault.Invalid, "the newer receipt of %s is damaged: %w", e.Line, err)
		}
		if err := json.Unmarshal(e.Decision, &is); err != nil {
			return fault.New(fault.Invalid, "the newer receipt of %s is damaged: %w", e.Line, err)
		}
		if len(a.Was) > 0 {
			if err := json.Unmarshal(a.Was, &was); err != nil {
				return fault.New(fault.Invalid, "the newer receipt of %s is damaged: %w", e.Line, err)
			}
		}
		m, err := p.amendMention(ctx, j, e, a, is)
		if err != nil {
			return err
		}
		for _, w := range a.Writes {
			row := PatchRow{Account: w.Account, Object: w.Object, Key: w.Key, Kind: w.Kind, Verb: w.Verb, Mention: w.Mention,
				Ref: ref, Line: e.Line, Undo: j.Kind == JobUndo, State: ledger.Queued, At: p.now()}
			switch w.Kind {
			case flow.KindMention:
				row.Revision = m.Revision
			case flow.KindConversation:
				if row.Conversation, row.Revision, err = p.amendConversation(ctx, j, is.Conversation, was.Conversation); err != nil {
					return err
				}
			}
			rows = append(rows, &store.Row[PatchRow]{Part: j.ID, Sort: p.hashed("patch", w.Account, w.Object, w.Key), Expires: j.Started.Add(jobListed), Value: row})
		}
	}
	return p.patchAll(ctx, j, rows)
}

// amendMention lets a mention follow its newest decision, once per job. Its revision grows, so that no late message writes
// what was before.
func (p *Pipeline) amendMention(ctx context.Context, j *JobRow, e archive.Entry, a amendment, is decide.Decision) (MentionRow, error) {
	touched := slices.ContainsFunc(a.Writes, func(w Write) bool { return w.Kind == flow.KindMention })
	row, err := p.mentions.Update(ctx, e.Mention, "-", func(r *store.Row[MentionRow]) (bool, error) {
		v := &r.Value
		if r.Version == 0 || v.Erased || v.Amended == j.ID || !v.current(e.Line) {
			return false, nil
		}
		changed := j.Kind == JobReplay && is.Outcome == decide.Mention && len(a.Was) > 0 && string(a.Was) != string(e.Decision)
		if changed {
			at := v.Decision.Conversation
			v.Decision = is
			v.Decision.Seen, v.Decision.Receipts, v.Decision.Score, v.Decision.Combined = decide.Seen{}, nil, lean(is.Score), lean(is.Combined)
			if c := is.Conversation; c != nil {
				at = &flow.Conversation{ID: c.ID, Revision: c.Revision}
			}
			v.Decision.Conversation = at
		}
		if !changed && !touched {
			return false, nil
		}
		v.Amended = j.ID
		v.Revision++
		return true, nil
	})
	p.recent.forget(e.Mention)
	return row.Value, err
}

// amendConversation lets an exchange follow the newest decision where it still is as it was decided then, once per job. No
// clock is set, and its status stays: that is not decided by what is replayed. An exchange that only the candidate sees is
// begun.
func (p *Pipeline) amendConversation(ctx context.Context, j *JobRow, is, was *flow.Conversation) (id string, revision int64, err error) {
	if is == nil {
		return "", 0, nil
	}
	if j.Kind == JobReplay {
		_, err := p.conversations.Update(ctx, flow.Place(is.ID), current, func(r *store.Row[ConversationRow]) (bool, error) {
			if r.Version > 0 {
				return false, nil
			}
			r.Value = ConversationRow{Conversation: *is, Amended: j.ID}
			return true, nil
		})
		if err != nil {
			return "", 0, err
		}
	}
	row, err := p.updateConversation(ctx, is.ID, func(r *store.Row[ConversationRow]) bool {
		if r.Value.Erased || r.Value.Amended == j.ID {
			return false
		}
		c := &r.Value.Conversation
		if j.Kind == JobReplay && was != nil && was.ID == is.ID {
			pursue(c, was, is)
		}
		r.Value.Amended = j.ID
		c.Updated = p.now()
		c.Revision++
		return true
	})
	return is.ID, row.Value.Conversation.Revision, err
}

// pursue lets an exchange follow another decision where it still is as it was decided then; its status stays.
func pursue(c, was, is *flow.Conversation) {
	follow(&c.Subject, was.Subject, is.Subject)
	follow(&c.Department, was.Department, is.Department)
	follow(&c.Priority, was.Priority, is.Priority)
	follow(&c.Severity, was.Severity, is.Severity)
	follow(&c.Action, was.Action, is.Action)
	follow(&c.Case, was.Case, is.Case)
	if c.Due.Equal(was.Due) {
		c.Due = is.Due
	}
}

// follow changes a value that still is what it was.
func follow[T comparable](v *T, was, is T) {
	if *v == was {
		*v = is
	}
}
