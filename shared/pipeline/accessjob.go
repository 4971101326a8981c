package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

// AccessRow is a part of an answer under Art. 15 that a job gathers: one thing that was said, encrypted. Kept under the job for
// accessFor, by the id; and in one partition, under the job, about whom it is, so that an erasure finds it.
type AccessRow struct {
	Sealed  []byte   `json:"sealed,omitempty"`
	Authors []string `json:"authors,omitempty"`
	Person  string   `json:"person,omitempty"`
}

// accessPart is what stands in a row.
type accessPart struct {
	Mention      *DossierMention      `json:"mention,omitempty"`
	Conversation *DossierConversation `json:"conversation,omitempty"`
}

// accessFor is how long what a job gathered can be fetched.
const accessFor = 7 * 24 * time.Hour

const accessJob = "access"

// StartAccess begins to gather everything that is held about a subject, as a job: a week of the ledger at a time.
func (p *Pipeline) StartAccess(ctx context.Context, s Subject) (job string, err error) {
	j := JobRow{Kind: accessJob, Authors: s.Authors}
	if s.Person != "" {
		j.People = []string{s.Person}
	}
	return p.Start(ctx, j)
}

// accessPage gathers what was said in a stretch of time. Whoever does it again replaces what is there; of who is erased meanwhile
// nothing is gathered.
func (p *Pipeline) accessPage(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, err
	}
	if j.Cursor == "" {
		if err := p.putAccess(ctx, "-", j.ID, AccessRow{Authors: j.Authors, Person: first(j.People)}); err != nil {
			return true, err
		}
	}
	from, to, err := p.eraseStretch(ctx, plan, j)
	if err != nil {
		return false, err
	}
	var d Dossier
	seen := map[string]bool{}
	for _, author := range j.Authors {
		row, err := p.authors.One(ctx, author, "-")
		if err != nil {
			return true, err
		}
		if row.Version == 0 || row.Value.Objected {
			continue
		}
		if err := p.tellAuthor(ctx, plan, &d, author, from, to, seen); err != nil {
			return true, err
		}
	}
	for i := range d.Mentions {
		if err := p.sealAccess(ctx, j.ID, "mention#"+d.Mentions[i].Mention.ID, accessPart{Mention: &d.Mentions[i]}); err != nil {
			return true, err
		}
	}
	for i := range d.Conversations {
		if err := p.sealAccess(ctx, j.ID, "conversation#"+d.Conversations[i].ID, accessPart{Conversation: &d.Conversations[i]}); err != nil {
			return true, err
		}
	}
	j.Done += len(d.Mentions)
	j.Pages++
	if j.Cursor = to.Format(time.RFC3339Nano); to.Before(j.To) {
		return true, nil
	}
	p.veilAuthors(j)
	return false, nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func (p *Pipeline) sealAccess(ctx context.Context, job, name string, part accessPart) error {
	text, err := json.Marshal(part)
	if err != nil {
		return fault.New(fault.Invalid, "%s: %w", name, err)
	}
	sealed, err := p.seal(string(text))
	if err != nil {
		return err
	}
	return p.putAccess(ctx, job, p.hashed("access", name), AccessRow{Sealed: sealed})
}

func (p *Pipeline) putAccess(ctx context.Context, part, sort string, v AccessRow) error {
	_, err := p.accesses.Update(ctx, part, sort, func(r *store.Row[AccessRow]) (bool, error) {
		r.Value, r.Expires = v, p.now().Add(accessFor)
		return true, nil
	})
	return err
}

// AccessOf gives what a job gathered. NotFound: there is no such job, its week is over, or the person was erased since. Conflict: it
// is not done yet.
func (p *Pipeline) AccessOf(ctx context.Context, job string) (Dossier, error) {
	j, err := p.Job(ctx, job)
	if err == nil && j.Kind != accessJob {
		err = fault.New(fault.NotFound, "job %s gathers no answer to a request for access", job)
	}
	if err == nil && j.State != "done" {
		err = fault.New(fault.Conflict, "job %s is %s: %d things were gathered so far %s", job, j.State, j.Done, j.Problem)
	}
	if err != nil {
		return Dossier{}, err
	}
	about, err := p.accesses.One(ctx, "-", job)
	if err == nil && about.Version == 0 {
		err = fault.New(fault.NotFound, "what job %s gathered is not kept any more: ask for it anew", job)
	}
	if err != nil {
		return Dossier{}, err
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return Dossier{}, err
	}
	d, err := p.dossier(ctx, plan, Subject{Authors: about.Value.Authors, Person: about.Value.Person, How: "by job " + job})
	if err != nil {
		return d, err
	}
	for row, err := range p.accesses.List(ctx, store.Range{Part: job}) {
		var text string
		if err == nil {
			text, err = p.unseal(row.Value.Sealed)
		}
		var part accessPart
		if err == nil {
			err = json.Unmarshal([]byte(text), &part)
		}
		if err != nil {
			return d, err
		}
		if part.Mention != nil {
			d.Mentions = append(d.Mentions, *part.Mention)
		}
		if part.Conversation != nil {
			d.Conversations = append(d.Conversations, *part.Conversation)
		}
	}
	slices.SortFunc(d.Mentions, func(a, b DossierMention) int { return a.Mention.Created.Compare(b.Mention.Created) })
	slices.SortFunc(d.Conversations, func(a, b DossierConversation) int { return a.Opened.Compare(b.Opened) })
	d.ends()
	return d, nil
}

// removeAccesses forgets what was gathered about an author.
func (p *Pipeline) removeAccesses(ctx context.Context, author string) error {
	for about, err := range p.accesses.List(ctx, store.Range{Part: "-"}) {
		if err != nil {
			return err
		}
		if !slices.Contains(about.Value.Authors, author) {
			continue
		}
		for row, err := range p.accesses.List(ctx, store.Range{Part: about.Sort}) {
			if err == nil {
				err = p.remove(ctx, p.accesses.Key(about.Sort, row.Sort))
			}
			if err != nil {
				return err
			}
		}
		if err := p.remove(ctx, p.accesses.Key("-", about.Sort)); err != nil {
			return err
		}
	}
	return nil
}
