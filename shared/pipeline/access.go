package pipeline

import (
	"context"
	"slices"
	"time"

	"rapport/shared/decide"
	"rapport/shared/flow"
)

// Dossier is everything that is held about one person, for an answer under Art. 15 GDPR. What others said, and who of the
// staff worked on it, is left out.
type Dossier struct {
	Made          time.Time             `json:"made"`
	How           string                `json:"found"` // how the person was found
	Accounts      []DossierAuthor       `json:"accounts"`
	Person        *flow.Person          `json:"person,omitempty"`
	Keys          int                   `json:"matching_keys"` // hashes of addresses and numbers that lead to the person
	Basis         []Standing            `json:"basis"`         // what each purpose rests on, from where that is known and since when
	Mentions      []DossierMention      `json:"mentions"`
	Conversations []DossierConversation `json:"conversations"`
	Keeps         map[string]string     `json:"keeps"` // what is kept → for how long
	Holds         int                   `json:"legal_holds"`
}

// DossierAuthor is one social account.
type DossierAuthor struct {
	Author flow.Author `json:"author"`
	Seen   decide.Seen `json:"history"`
	Score  flow.Score  `json:"score"`

	Since    time.Time `json:"since,omitzero"`        // when the first of it was kept
	Handles  int       `json:"handle_keys,omitempty"` // hashes of handles that lead here
	Informed time.Time `json:"informed,omitzero"`     // when they were told what is done with their data
	InformBy time.Time `json:"inform_by,omitzero"`    // until when they have to be told
	Expires  time.Time `json:"expires,omitzero"`      // zero = no limit is configured
}

// DossierConversation is an exchange with the person.
type DossierConversation struct {
	flow.Conversation

	Expires time.Time `json:"expires,omitzero"` // unless somebody says more; zero = no limit is configured
}

// DossierMention is one thing the person said, what was made of it, and where it went.
type DossierMention struct {
	Mention  flow.Mention       `json:"mention"`
	Decision decide.Decision    `json:"decision"`
	Reasons  []decide.Receipt   `json:"reasons,omitempty"`
	Lines    []StoryLine        `json:"received"`
	Media    []MediaItem        `json:"media,omitempty"`
	Records  map[string][]Shown `json:"records,omitempty"` // CRM account → what we wrote there

	Expires        time.Time `json:"expires,omitzero"`         // zero = no limit is configured
	ReceiptsExpire time.Time `json:"receipts_expire,omitzero"` // of the raw message and the reasons; zero = likewise
}

// Access gathers everything that is held about a subject. It walks the ledger; what is being erased just now may be missing. Of
// somebody who said very much StartAccess does the same as a job.
func (p *Pipeline) Access(ctx context.Context, s Subject) (Dossier, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return Dossier{}, err
	}
	d, err := p.dossier(ctx, plan, s)
	if err != nil {
		return d, err
	}
	first, err := p.firstHour(ctx, plan, p.now())
	if err != nil {
		return d, err
	}
	seen := map[string]bool{}
	for _, author := range s.Authors {
		if err := p.tellAuthor(ctx, plan, &d, author, first, p.now().Add(time.Hour), seen); err != nil {
			return d, err
		}
	}
	d.ends()
	return d, nil
}

// tellAuthor adds what an author said in a stretch of time.
func (p *Pipeline) tellAuthor(ctx context.Context, plan *Plan, d *Dossier, author string, from, to time.Time, seen map[string]bool) error {
	found, err := p.trace(ctx, plan, author, from, to)
	if err != nil {
		return err
	}
	for _, id := range sorted(found.mentions) {
		if err := p.tellOwn(ctx, plan, d, author, id, seen); err != nil {
			return err
		}
	}
	return nil
}

// dossier gathers what is held of a subject besides what it said.
func (p *Pipeline) dossier(ctx context.Context, plan *Plan, s Subject) (Dossier, error) {
	d := Dossier{Made: p.now(), How: s.How, Keeps: map[string]string{}, Mentions: []DossierMention{}, Conversations: []DossierConversation{}}
	var told []flow.Told
	for _, author := range s.Authors {
		row, err := p.authors.One(ctx, author, "-")
		if err != nil {
			return d, err
		}
		if v := row.Value; row.Version > 0 {
			d.Accounts = append(d.Accounts, DossierAuthor{Author: v.Author, Seen: v.Seen, Score: v.Score, Since: v.First, Handles: len(v.Handles), Informed: v.Informed, InformBy: v.informBy()})
			told = append(told, v.Told...)
		}
	}
	if s.Person != "" {
		row, err := p.person(ctx, s.Person)
		if err != nil {
			return d, err
		}
		who := row.Value.Person
		who.Owner = ""
		who.Links = slices.Clone(who.Links)
		for i := range who.Links {
			who.Links[i].By = ""
		}
		d.Person, d.Keys = &who, len(row.Value.Keys)
		d.Keeps["person"] = "as long as a CRM record leads to the person"
	}
	var err error
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

// ends says of accounts until when they are kept: as long as anything they said.
func (d *Dossier) ends() {
	for i := range d.Accounts {
		a := &d.Accounts[i]
		open := false
		for _, m := range d.Mentions {
			if m.Mention.Author.ID != a.Author.ID {
				continue
			}
			open = open || m.Expires.IsZero()
			if m.Expires.After(a.Expires) {
				a.Expires = m.Expires
			}
		}
		if open {
			a.Expires = time.Time{}
		}
	}
}

// tellOwn adds a mention, and the conversation it belongs to.
func (p *Pipeline) tellOwn(ctx context.Context, plan *Plan, d *Dossier, author, id string, seen map[string]bool) error {
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
	conf, _ := plan.Doc.Network(m.Mention.Account)
	content, receipts := p.keeps(plan, conf)
	for _, l := range m.Lines { // counted from the newest event
		if end := l.Line.At.Add(content); content > 0 && end.After(m.Expires) {
			m.Expires = end
		}
		if end := l.Line.At.Add(receipts); receipts > 0 && end.After(m.ReceiptsExpire) {
			m.ReceiptsExpire = end
		}
	}
	d.Mentions = append(d.Mentions, m)
	if c := s.Conversation; c != nil && c.Author.ID == author && !seen[c.ID] {
		seen[c.ID] = true
		own := DossierConversation{Conversation: *c}
		own.Owner = ""
		if end := c.Updated.Add(content); content > 0 {
			own.Expires = end
		}
		d.Conversations = append(d.Conversations, own)
	}
	return nil
}
