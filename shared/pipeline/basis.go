package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/flow"
	"rapport/shared/mapping"
)

// Standing is what a purpose rests on for somebody: the basis, whether it holds, from where that is known and since when.
type Standing struct {
	Purpose string    `json:"purpose"`
	Basis   string    `json:"basis"` // contract, legitimate_interest, consent, none
	Holds   bool      `json:"holds"` // it is done for this person
	Source  string    `json:"source"`
	Since   time.Time `json:"since,omitzero"` // zero = from the beginning, or nobody knows
}

// Versions is a Planner that knows since when its configuration says something.
type Versions interface {
	// Since gives, for each of the things that say tells of a configuration, the first of the versions in a row, up to the present
	// one, that says the same, and when it was published. Nothing was published: none.
	Since(ctx context.Context, say func(*config.Document) []string) ([]Since, error)
}

// Since is since when a configuration says something. Of very old things it is the oldest version that was looked at.
type Since struct {
	Number int
	At     time.Time
}

// basisOf gives the basis of a purpose under a configuration.
func basisOf(doc *config.Document, purpose string) string {
	switch basis := doc.Basis[purpose]; {
	case basis != "":
		return basis
	case purpose == "product" || purpose == "marketing":
		return "none"
	}
	return "legitimate_interest"
}

// holds tells whether a purpose has a basis for a person, who may be nil, and an author of whom told says what they refuse.
func holds(doc *config.Document, purpose string, who *flow.Person, told []flow.Told) bool {
	if slices.Contains(refused(told), purpose) || who != nil && slices.Contains(who.Objected, purpose) {
		return false
	}
	switch basisOf(doc, purpose) {
	case "none":
		return false
	case "consent":
		return who != nil && slices.Contains(who.Consented, purpose)
	}
	return true
}

// standings says for every purpose what it rests on.
func (p *Pipeline) standings(ctx context.Context, plan *Plan, told []flow.Told, who *flow.Person) ([]Standing, error) {
	var out []Standing
	purposes := config.Choices("basis")
	since := make([]Since, len(purposes))
	if v, ok := p.Plans.(Versions); ok {
		list, err := v.Since(ctx, func(doc *config.Document) []string {
			var bases []string
			for _, purpose := range purposes {
				bases = append(bases, basisOf(doc, purpose))
			}
			return bases
		})
		if err != nil {
			return nil, err
		}
		copy(since, list)
	}
	for i, purpose := range purposes {
		s := Standing{Purpose: purpose, Basis: basisOf(plan.Doc, purpose), Holds: holds(plan.Doc, purpose, who, told), Source: "the software's default"}
		if plan.Doc.Basis[purpose] != "" {
			s.Source = fmt.Sprintf("configuration version %d", since[i].Number)
		}
		s.Since = since[i].At
		all := told
		if who != nil {
			all = append(slices.Clone(who.Told), told...)
		}
		for _, t := range all {
			decisive := t.What == flow.Objection || t.What == flow.Consents && s.Basis == "consent" && s.Holds || t.What == flow.Withdrawn && s.Basis == "consent" && !s.Holds
			if t.Purpose == purpose && decisive {
				s.Source, s.Since = t.What+" told by "+t.Source, t.At
			}
		}
		if purpose == "matching" && s.Holds && who != nil {
			for _, l := range who.Links {
				if strings.Contains(l.To, ":") { // an account, by what its owner said or shows
					s.Source += fmt.Sprintf("; linked on %s: %s", l.At.Format(time.DateOnly), l.Evidence)
				}
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// Basis says of a subject what each purpose rests on.
func (p *Pipeline) Basis(ctx context.Context, s Subject) ([]Standing, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	d, err := p.dossier(ctx, plan, s)
	return d.Basis, err
}

// lawful takes out of what a mapping sees what may not be used for whom it is about: it may have been decided before an objection,
// or under another configuration.
func lawful(doc *config.Document, env *decide.Env, kind string, who *flow.Person) {
	if !holds(doc, "scoring", who, nil) {
		env.Score, env.Decision.Score, env.Decision.Combined, env.Person.Score, env.Person.Scores = 0, flow.Score{}, flow.Score{}, flow.Score{}, nil
	}
	if kind != flow.KindPerson && !holds(doc, "matching", who, nil) {
		env.Person, env.Known, env.Customer = flow.Person{}, false, false
		env.Decision.Person, env.Conversation.Person = "", ""
	}
}

func (b *delivering) lawful(t *task, env *decide.Env, kind string) {
	var who *flow.Person
	if row := b.people[t.Person]; row != nil && row.Version > 0 {
		who = &row.Value.Person
	}
	lawful(b.plan.Doc, env, kind, who)
}

// withhold empties the fields that are for a purpose which has no basis for the author. Only where the mapping says of fields what
// they are for, the author has to be read.
func (b *delivering) withhold(ctx context.Context, target *mapping.Target, t *task, r *rendered) error {
	purposes := target.Purposes()
	if len(purposes) == 0 {
		return nil
	}
	var who *flow.Person
	if row := b.people[t.Person]; row != nil && row.Version > 0 {
		who = &row.Value.Person
	}
	var told []flow.Told
	if m := b.mentions[t.Mention]; m != nil && m.Value.Mention.Author.ID != "" {
		row, err := b.p.authors.One(ctx, m.Value.Mention.Author.ID, "-")
		if err != nil {
			return err
		}
		told = row.Value.Told
	}
	for field, purpose := range purposes {
		if _, asks := r.record.Fields[field]; asks && !holds(b.plan.Doc, purpose, who, told) {
			r.record.Fields[field] = nil
		}
	}
	return nil
}
