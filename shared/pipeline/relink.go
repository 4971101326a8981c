package pipeline

import (
	"context"
	"slices"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// JobRelink is the kind of job that makes or takes back links that a person decided on: its steps bear repeating, so that
// who dies goes on, and mentions and cases follow in pages.
const JobRelink = "relink"

// Relink is what a person decided.
type Relink struct {
	Verb     string    `json:"verb"` // link, unlink, merge, unmerge
	Author   string    `json:"author,omitempty"`
	Person   string    `json:"person,omitempty"`
	Merge    string    `json:"merge,omitempty"`
	Evidence string    `json:"evidence,omitempty"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// relinkPage does the step, then lets a stretch of what the authors said follow. The last page says that all is done.
func (p *Pipeline) relinkPage(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, err
	}
	if j.Relink == nil {
		return false, fault.New(fault.Invalid, "the job does not say what to link")
	}
	if j.Pages == 0 {
		if err := p.relinkStep(ctx, plan, j); err != nil {
			return true, err
		}
	}
	from, to, err := p.eraseStretch(ctx, plan, j)
	if err != nil {
		return true, err
	}
	for _, author := range j.Authors {
		if err := p.follow(ctx, plan, author, from, to, j); err != nil {
			return true, err
		}
	}
	j.Pages++
	if j.Cursor = to.Format(time.RFC3339Nano); to.Before(j.To) {
		return true, nil
	}
	if j.Relink.Merge != "" {
		return false, p.merged(ctx, j.Relink.Merge)
	}
	return false, nil
}

func (p *Pipeline) relinkStep(ctx context.Context, plan *Plan, j *JobRow) error {
	r := *j.Relink
	var people []string
	var err error
	switch r.Verb {
	case "link", "unlink":
		j.Authors, people = []string{r.Author}, []string{r.Person}
		err = p.linkStep(ctx, r)
	case "merge":
		j.Authors, people, err = p.joinStep(ctx, plan, r.Merge)
	default:
		j.Authors, people, err = p.splitStep(ctx, plan, r.Merge)
	}
	for _, id := range people {
		if err == nil {
			err = p.tellPerson(ctx, plan, id)
		}
	}
	return err
}

// follow lets what an author said in a stretch of time point at the person it is linked to now.
func (p *Pipeline) follow(ctx context.Context, plan *Plan, author string, from, to time.Time, j *JobRow) error {
	row, err := p.authors.One(ctx, author, "-")
	if err != nil || row.Version == 0 || row.Value.Objected {
		return err
	}
	who := row.Value.Person
	found, err := p.trace(ctx, plan, author, from, to)
	if err != nil {
		return err
	}
	var exchanges []string
	for _, id := range sorted(found.mentions) {
		m, err := p.mentions.Update(ctx, id, "-", func(r *store.Row[MentionRow]) (bool, error) {
			v := &r.Value
			if r.Version == 0 || v.Erased || v.Mention.Author.ID != author || v.Mention.Direction == flow.Out || v.Decision.Person == who {
				return false, nil
			}
			v.Decision.Person = who
			return true, nil
		})
		p.recent.forget(id)
		if err != nil {
			return err
		}
		if c := m.Value.Decision.Conversation; c != nil && !slices.Contains(exchanges, c.ID) {
			exchanges = append(exchanges, c.ID)
		}
		j.Done++
	}
	for _, id := range exchanges {
		c, err := p.updateConversation(ctx, id, func(r *store.Row[ConversationRow]) bool {
			v := &r.Value.Conversation
			if r.Value.Erased || v.Author.ID != author || v.Person == who {
				return false
			}
			v.Person, v.Updated = who, p.now()
			v.Revision++
			return true
		})
		if err == nil && c.Version > 0 && !c.Value.Erased && c.Value.Conversation.Author.ID == author {
			err = p.tellAll(ctx, plan, c.Value.Conversation, flow.KindConversation)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
