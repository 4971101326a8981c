package pipeline

import (
	"context"
	"slices"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// Confirm links an author to a person because somebody looked at the evidence and said so. It is told to the CRMs with the
// author's next mention. Conflict: the author is linked to somebody else.
func (p *Pipeline) Confirm(ctx context.Context, author, person, evidence, by string) error {
	who, err := p.people.One(ctx, person, "-")
	if err != nil {
		return err
	}
	if who.Version == 0 || who.Value.Person.Merged != "" || !who.Value.Erased.IsZero() {
		return fault.New(fault.NotFound, "there is no person %q any more", person)
	}
	_, err = p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		switch {
		case r.Version == 0 || r.Value.Objected:
			return false, fault.New(fault.NotFound, "there is no author %q", author)
		case slices.Contains(refused(r.Value.Told), "matching") || slices.Contains(who.Value.Person.Objected, "matching"):
			return false, fault.New(fault.Conflict, "%s objected to being matched", author)
		case r.Value.Person != "" && r.Value.Person != person:
			return false, fault.New(fault.Conflict, "%s is linked to person %s already", author, r.Value.Person)
		}
		again := r.Value.Person == person
		r.Value.Person = person
		return !again, nil
	})
	if err != nil {
		return err
	}
	_, err = p.people.Update(ctx, person, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if slices.Contains(v.Authors, author) {
			return false, nil
		}
		v.Authors = append(v.Authors, author)
		v.Links = append(v.Links, flow.Link{To: author, Evidence: evidence, Class: "A", By: p.Pseudonym(by), At: p.now()})
		v.Updated = p.now()
		v.Revision++
		return true, nil
	})
	return err
}

// Answer takes in an answer that somebody wrote and approved in the console. Before it is sent everything is looked at that
// is for any other answer: where the account's replies are off it fails, with the reason.
func (p *Pipeline) Answer(ctx context.Context, conversation, text string, private bool, by string) error {
	return p.answerAs(ctx, conversation, text, private, by, "")
}

// answerAs is Answer; drafted is who wrote the words, "" = by itself.
func (p *Pipeline) answerAs(ctx context.Context, conversation, text string, private bool, by, drafted string) error {
	row, _, err := p.conversation(ctx, conversation)
	if err != nil {
		return err
	}
	if row.Version == 0 || row.Value.Erased {
		return fault.New(fault.NotFound, "no conversation %q is known", conversation)
	}
	if text == "" {
		return fault.New(fault.Invalid, "the answer is empty")
	}
	return p.ask(ctx, config.Account{}, row.Value.Conversation, text, private, flow.Change{By: by, At: p.now()}, drafted)
}
