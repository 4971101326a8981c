package pipeline

import (
	"context"
	"time"

	"rapport/shared/decide"
	"rapport/shared/flow"
)

// Dossier is everything that is held about one person, for an answer under Art. 15 GDPR. What others said, and who of the
// staff worked on it, is left out.
type Dossier struct {
	Made          time.Time           `json:"made"`
	How           string              `json:"found"` // how the person was found
	Accounts      []DossierAuthor     `json:"accounts"`
	Person        *flow.Person        `json:"person,omitempty"`
	Keys          int                 `json:"matching_keys"` // hashes of addresses and numbers that lead to the person
	Basis         []Standing          `json:"basis"`         // what each purpose rests on, from where that is known and since when
	Mentions      []DossierMention    `json:"mentions"`
	Conversations []flow.Conversation `json:"conversations"`
	Keeps         map[string]string   `json:"keeps"` // what is kept → for how long
	Holds         int                 `json:"legal_holds"`
}

// DossierAuthor is one social account.
type DossierAuthor struct {
	Author flow.Author `json:"author"`
	Seen   decide.Seen `json:"history"`
	Score  flow.Score  `json:"score"`
}

// DossierMention is one thing the person said, what was made of it, and where it went.
type DossierMention struct {
	Mention  flow.Mention       `json:"mention"`
	Decision decide.Decision    `json:"decision"`
	Reasons  []decide.Receipt   `json:"reasons,omitempty"`
	Lines    []StoryLine        `json:"received"`
	Media    []MediaItem        `json:"media,omitempty"`
	Records  map[string][]Shown `json:"records,omitempty"` // CRM account → what we wrote there
}

// Access gathers everything that is held about a subject. It walks the ledger; what is being erased just now may be missing.
func (p *Pipeline) Access(ctx context.Context, s Subject) (Dossier, error) {
	d := Dossier{Made: p.now(), How: s.How, Keeps: map[string]string{}, Mentions: []DossierMention{}, Conversations: []flow.Conversation{}}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return d, err
	}
	first, err := p.firstHour(ctx, plan, p.now())
	if err != nil {
		return d, err
	}
	seen := map[string]bool{}
	var told []flow.Told
	for _, author := range s.Authors {
		row, err := p.authors.One(ctx, author, "-")
		if err != nil {
			return d, err
		}
		if row.Version > 0 {
			d.Accounts = append(d.Accounts, DossierAuthor{row.Value.Author, row.Value.Seen, row.Value.Score})
			told = append(told, row.Value.Told...)
		}
		found, err := p.trace(ctx, plan, author, first, p.now().Add(time.Hour))
		if err != nil {
			return d, err
		}
		for _, id := range sorted(found.mentions) {
			if err := p.tellOwn(ctx, &d, author, id, seen); err != nil {
				return d, err
			}
		}
	}
	if s.Person != "" {
		row, err := p.person(ctx, s.Person)
		if err != nil {
			return d, err
		}
		who := row.Value.Person
		who.Owner = ""
		for i := range who.Links {
			who.Links[i].By = ""
		}
		d.Person, d.Keys = &who, len(row.Value.Keys)
	}
	if d.Basis, err = p.standings(ctx, plan, told, d.Person); err != nil {
		return d, err
	}
	for _, what := range []string{"content", "receipts"} {
		if d.Keeps[what] = plan.Doc.Retain[what]; d.Keeps[what] == "" {
			d.Keeps[what] = "no limit is configured"
		}
	}
	holds, err := p.Holds(ctx)
	for _, h := range holds {
		if h.covers(s.Authors, []string{s.Person}) {
			d.Holds++
		}
	}
	return d, err
}

// tellOwn adds a mention, and the conversation it belongs to.
func (p *Pipeline) tellOwn(ctx context.Context, d *Dossier, author, id string, seen map[string]bool) error {
	row, err := p.mentions.One(ctx, id, "-")
	if err != nil || row.Version == 0 || row.Value.Erased || seen[id] {
		return err
	}
	seen[id] = true
	s, err := p.Story(ctx, id)
	if err != nil {
		return err
	}
	m := DossierMention{Mention: s.Mention, Decision: s.Decision, Reasons: s.Receipts, Lines: s.Lines, Media: s.Media, Records: s.Records}
	m.Decision.Conversation, m.Decision.Receipts, m.Decision.Suggest = nil, nil, nil // suggestions are about others
	d.Mentions = append(d.Mentions, m)
	if c := s.Conversation; c != nil && c.Author.ID == author && !seen[c.ID] {
		seen[c.ID] = true
		own := *c
		own.Owner = ""
		d.Conversations = append(d.Conversations, own)
	}
	return nil
}
