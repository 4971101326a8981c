package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/decide/identity"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// Subject is whom a request of privacy is about: an erasure, an access, an objection, a hold.
type Subject struct {
	Authors []string `json:"authors,omitempty"` // ids of social accounts
	Person  string   `json:"person,omitempty"`  // "" = the authors alone
	How     string   `json:"how"`               // how they were found, in plain words
	// Beyond tells of an author who was named alone which person it is linked to: what belongs to that person besides is
	// not part of the subject.
	Beyond string `json:"beyond,omitempty"`
}

// Erasure makes the request of an erasure.
func (s Subject) Erasure(reason string, at time.Time) flow.Erasure {
	e := flow.Erasure{Person: s.Person, Reason: reason, At: at}
	if s.Person == "" && len(s.Authors) > 0 {
		e.Author = s.Authors[0]
	}
	return e
}

// subjectForms says how somebody may be named.
const subjectForms = "name somebody by an author id (mastodon:https://host/users/kari), a handle (mastodon:@kari@host), an e-mail address, a CRM record (account:object/id), or a person's id"

// Resolve finds whom a text means: an author id, network:@handle, an e-mail address, a CRM record as account:object/id, or a
// person's id. E-mails, records and ids are found by their keys; handles, which no key leads to, by a walk through the
// ledger. NotFound: nobody is known by it. Conflict: it may mean several, whom the error names.
func (p *Pipeline) Resolve(ctx context.Context, who string) (Subject, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return Subject{}, err
	}
	who = strings.TrimSpace(who)
	lead, rest, prefixed := strings.Cut(who, ":")
	conf, isCRM := plan.Doc.CRM(lead)
	object, id, isRecord := strings.Cut(rest, "/")
	switch {
	case who == "":
	case prefixed && strings.HasPrefix(rest, "@"):
		return p.byHandle(ctx, plan, lead, rest)
	case prefixed && isCRM && isRecord && id != "":
		return p.byRecord(ctx, conf.Name, object, id)
	case prefixed && rest != "":
		return p.byAuthor(ctx, who)
	case strings.Contains(who, "@"):
		return p.byEmail(ctx, plan, who)
	default:
		row, err := p.people.One(ctx, who, "-")
		if err != nil || row.Version > 0 {
			return p.ofPerson(ctx, row, "by the person's id", err)
		}
		return Subject{}, fault.New(fault.NotFound, "nobody is known as %q: %s", who, subjectForms)
	}
	return Subject{}, fault.New(fault.Invalid, "nobody is named: %s", subjectForms)
}

// byAuthor takes an author as it is, known or not: who is not is kept out from now on.
func (p *Pipeline) byAuthor(ctx context.Context, author string) (Subject, error) {
	s := Subject{Authors: []string{author}, How: "by the author id"}
	row, err := p.authors.One(ctx, author, "-")
	if err != nil || row.Value.Person == "" {
		return s, err
	}
	who, err := p.person(ctx, row.Value.Person)
	if v := who.Value.Person; err == nil && who.Version > 0 && (len(v.Authors) > 1 || len(records(v)) > 0) {
		s.Beyond = fmt.Sprintf("it is linked to person %s, who has %d social accounts and %d CRM records: name the person where all of that is meant", v.ID, len(v.Authors), len(records(v)))
	}
	return s, err
}

// records lists a person's edges to CRM records.
func records(v flow.Person) []flow.Link {
	return slices.DeleteFunc(slices.Clone(v.Links), func(l flow.Link) bool { return l.Record == "" })
}

// person reads a person, through merges.
func (p *Pipeline) person(ctx context.Context, id string) (store.Row[PersonRow], error) {
	for range 4 {
		row, err := p.people.One(ctx, id, "-")
		if err != nil || row.Value.Person.Merged == "" {
			return row, err
		}
		id = row.Value.Person.Merged
	}
	return store.Row[PersonRow]{}, fault.New(fault.Invalid, "person %s was merged too often to be followed", id)
}

func (p *Pipeline) ofPerson(ctx context.Context, row store.Row[PersonRow], how string, err error) (Subject, error) {
	if err == nil && row.Value.Person.Merged != "" {
		row, err = p.person(ctx, row.Value.Person.Merged)
	}
	v := row.Value.Person
	if v.ID == "" {
		v.ID = row.Part
	}
	return Subject{Person: v.ID, Authors: v.Authors, How: how}, err
}

// byEmail finds the one whose CRM record has an address.
func (p *Pipeline) byEmail(ctx context.Context, plan *Plan, email string) (Subject, error) {
	return p.byStrong(ctx, plan, identity.KeyEmail, email, "e-mail address")
}

// byPhone finds the one whose CRM record has a number.
func (p *Pipeline) byPhone(ctx context.Context, plan *Plan, phone string) (Subject, error) {
	return p.byStrong(ctx, plan, identity.KeyPhone, phone, "phone number")
}

func (p *Pipeline) byStrong(ctx context.Context, plan *Plan, kind, value, what string) (Subject, error) {
	var people []string
	for _, form := range strongForms(plan, kind, value) {
		row, err := p.keys.One(ctx, p.hashed(kind, form), "-")
		if err != nil {
			return Subject{}, err
		}
		for _, id := range append([]string{row.Value.Person}, row.Value.Others...) {
			people = with1(people, id)
		}
	}
	switch len(people) {
	case 0:
		return Subject{}, fault.New(fault.NotFound, "no CRM record with that %s is known: %s", what, subjectForms)
	case 1:
		row, err := p.people.One(ctx, people[0], "-")
		return p.ofPerson(ctx, row, "by the "+what+" that stands in a CRM record", err)
	}
	return Subject{}, fault.New(fault.Conflict, "that %s stands in the records of %d persons (%s): look at each, and name the one that is meant", what, len(people), strings.Join(people, ", "))
}

// strongForms gives an address or number as it may have been hashed.
func strongForms(plan *Plan, kind, value string) []string {
	forms := []string{strings.ToLower(strings.TrimSpace(value))}
	for _, conf := range plan.Doc.CRMs {
		forms = with1(forms, normal(plan, conf, kind, value))
	}
	return forms
}

// byRecord finds whom one of our records, or a person's record in a CRM, is about.
func (p *Pipeline) byRecord(ctx context.Context, account, object, id string) (Subject, error) {
	row, err := p.foreign.One(ctx, account, object+"#"+id)
	if err != nil {
		return Subject{}, err
	}
	kind, ours, ok := flow.SplitKey(row.Value.Key)
	if !ok { // nobody told of it, but that a person would be made of it is sure
		kind, ours = flow.KindPerson, "p"+p.hashed("crm", account, object, id)
	}
	how := "by " + object + " " + id + " in " + account
	switch kind {
	case flow.KindPerson:
		who, err := p.people.One(ctx, ours, "-")
		if err != nil || who.Version > 0 {
			return p.ofPerson(ctx, who, how, err)
		}
	case flow.KindConversation:
		c, _, err := p.conversation(ctx, ours)
		if err != nil {
			return Subject{}, err
		}
		if author := c.Value.Conversation.Author.ID; author != "" {
			s, err := p.byAuthor(ctx, author)
			s.How = how
			return s, err
		}
	}
	return Subject{}, fault.New(fault.NotFound, "nothing is known of %s %s in %s: write account:object/id with the object's API name", object, id, account)
}

// byHandle walks the ledger for authors who go, or went, by a handle.
func (p *Pipeline) byHandle(ctx context.Context, plan *Plan, network, handle string) (Subject, error) {
	var found []string
	now := map[string]bool{}
	err := p.walkMentions(ctx, plan, network, time.Time{}, func(row MentionRow) error {
		a := row.Mention.Author
		if a.ID == "" || !sameHandle(a.Handle, handle) || slices.Contains(found, a.ID) {
			return nil
		}
		known, err := p.authors.One(ctx, a.ID, "-")
		now[a.ID] = sameHandle(known.Value.Author.Handle, handle)
		found = append(found, a.ID)
		return err
	})
	if err != nil {
		return Subject{}, err
	}
	if len(found) > 1 { // handles are given anew: who has it now is meant, where that is one
		if current := slices.DeleteFunc(slices.Clone(found), func(id string) bool { return !now[id] }); len(current) == 1 {
			s, err := p.byAuthor(ctx, current[0])
			s.How = fmt.Sprintf("by the handle, which %d others had before", len(found)-1)
			return s, err
		}
	}
	switch len(found) {
	case 0:
		return Subject{}, fault.New(fault.NotFound, "nobody wrote as %s on %s: %s", handle, network, subjectForms)
	case 1:
		s, err := p.byAuthor(ctx, found[0])
		s.How = "by the handle"
		return s, err
	}
	return Subject{}, fault.New(fault.Conflict, "%d authors went by that handle (%s): name one by id", len(found), strings.Join(found, ", "))
}

func sameHandle(a, b string) bool {
	return a != "" && strings.EqualFold(strings.TrimPrefix(a, "@"), strings.TrimPrefix(b, "@"))
}

// keptSince is how far back jobs walk that look for everything.
const keptSince = 10 * 365 * 24 * time.Hour

// walkMentions visits what is known of the mentions of a network ("" = all) that were received since a time, each once for
// every hundred of its events.
func (p *Pipeline) walkMentions(ctx context.Context, plan *Plan, network string, since time.Time, visit func(MentionRow) error) error {
	if since.IsZero() {
		since = p.now().Add(-keptSince)
	}
	var keys []store.Key
	seen := map[string]bool{}
	flush := func() error {
		rows, err := p.mentions.Get(ctx, keys...)
		keys, seen = nil, map[string]bool{}
		for _, row := range rows {
			if err == nil && row.Version > 0 && !row.Value.Erased {
				err = visit(row.Value)
			}
		}
		return err
	}
	for _, name := range places(plan.Doc) {
		err := p.Lines(ctx, name, since, p.now().Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
			if l.Mention == "" || network != "" && l.Network != network || seen[l.Mention] {
				return nil
			}
			seen[l.Mention] = true
			if keys = append(keys, p.mentions.Key(l.Mention, "-")); len(keys) < store.MaxGet {
				return nil
			}
			return flush()
		})
		if err != nil {
			return err
		}
	}
	return flush()
}
