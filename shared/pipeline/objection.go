package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// Objection is what a job of that kind carries out: purposes end for somebody and their results go, or may be done again.
type Objection struct {
	Purposes []string  `json:"purposes"`
	What     string    `json:"what"`   // objection, withdrawn (a consent that a purpose rested on), lifted
	Source   string    `json:"source"` // from where it is known
	At       time.Time `json:"at"`
	Passes   int       `json:"passes,omitempty"` // how often everything was gone through
}

const objectJob = "object"

// Object takes in an objection to a purpose (Art. 21 GDPR), or that one is taken back, and begins what follows from it: nothing is
// done for that purpose any more, and its results go, here and in the CRMs. An objection to service is an erasure, which nothing
// takes back. source says who took it in. Invalid: there is no such purpose, or nobody is named.
func (p *Pipeline) Object(ctx context.Context, s Subject, purpose, source string, withdraw bool) (job string, err error) {
	known := config.Choices("basis")
	switch {
	case !slices.Contains(known, purpose):
		return "", fault.New(fault.Invalid, "%q is no purpose: it is one of %s", purpose, strings.Join(known, ", "))
	case s.Person == "" && len(s.Authors) == 0:
		return "", fault.New(fault.Invalid, "an objection needs somebody: %s", subjectForms)
	case purpose == "service" && withdraw:
		return "", fault.New(fault.Invalid, "an objection to service erased everything, and a tombstone keeps it from coming back: that is not taken back here")
	}
	what := flow.Objection
	if withdraw {
		what = flow.Lifted
	}
	var people []string
	if s.Person != "" {
		people = []string{s.Person}
	}
	return p.Start(ctx, JobRow{Kind: objectJob, Authors: s.Authors, People: people, Objection: &Objection{Purposes: []string{purpose}, What: what, Source: source, At: p.now()}})
}

// willChanged begins what follows from what a CRM newly says about a person's will. The same change begins the same jobs.
func (p *Pipeline) willChanged(ctx context.Context, plan *Plan, conf config.Account, id string, c flow.Change, news []flow.Told) error {
	row, err := p.people.One(ctx, id, "-")
	if err != nil {
		return err
	}
	if c.Verb == "delete" && c.Fields["privacy_deletion"] == true { // the person asked to be forgotten there
		news = append(news, flow.Told{Purpose: "service", What: flow.Objection})
	}
	by := map[string][]string{}
	for _, t := range news {
		if t.What == flow.Objection || t.What == flow.Lifted || t.What == flow.Withdrawn && plan.Doc.Basis[t.Purpose] == "consent" {
			by[t.What] = with1(by[t.What], t.Purpose)
		}
	}
	for _, what := range sorted(by) {
		j := JobRow{ID: objectJob + "-" + p.hashed(conf.Name, changeID(c), what), Kind: objectJob, Authors: row.Value.Person.Authors, People: []string{id},
			Objection: &Objection{Purposes: by[what], What: what, Source: crmSource(conf, c), At: c.At}}
		if _, err := p.Start(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// objectPage does one page of an objection: first what is known of the person and the accounts changes, then, a week of the ledger
// at a time, what was concluded from each thing they said, and the CRMs are told. Every page may be done again.
//
// What was decided before and is written down after the first time through is found in a second, which begins when nobody can be
// at it any more.
func (p *Pipeline) objectPage(ctx context.Context, j *JobRow) (more bool, wait time.Duration, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, 0, err
	}
	o := j.Objection
	if o == nil {
		return false, 0, fault.New(fault.Invalid, "an objection names no purpose")
	}
	if j.Cursor == "" {
		if err := p.objected(ctx, plan, j); err != nil {
			return true, 0, err
		}
	}
	if rest := slices.DeleteFunc(slices.Clone(o.Purposes), func(s string) bool { return s == "service" }); o.What == flow.Lifted || len(rest) == 0 {
		p.veilAuthors(j)
		return false, 0, nil // what is lifted shows with the next thing they say
	}
	from, to, err := p.eraseStretch(ctx, plan, j)
	if err != nil {
		return false, 0, err
	}
	for _, author := range j.Authors {
		found, err := p.trace(ctx, plan, author, from, to)
		if err != nil {
			return true, 0, err
		}
		for _, id := range sorted(found.mentions) {
			if err := p.unlearn(ctx, plan, j, id); err != nil {
				return true, 0, err
			}
		}
	}
	j.Pages++
	if j.Cursor = to.Format(time.RFC3339Nano); to.Before(j.To) {
		return true, 0, nil
	}
	again := *o
	if again.Passes++; again.Passes == 1 {
		j.Cursor, j.Objection = "", &again
		return true, leaseFor + p.Ports.Fence, nil
	}
	j.Objection = &again
	p.veilAuthors(j)
	return false, 0, nil
}

// veilAuthors takes the ids of authors out of a job that is done with them, as no erasure would find them there.
func (p *Pipeline) veilAuthors(j *JobRow) {
	authors := make([]string, len(j.Authors))
	for i, author := range j.Authors {
		authors[i] = p.Veil(author)
	}
	j.Authors = authors
}

// objected changes what is known of the persons and authors of an objection.
func (p *Pipeline) objected(ctx context.Context, plan *Plan, j *JobRow) error {
	o := j.Objection
	for _, id := range j.People {
		row, err := p.people.Update(ctx, id, "-", func(r *store.Row[PersonRow]) (bool, error) {
			if r.Version == 0 || !r.Value.Erased.IsZero() {
				return false, nil
			}
			o.onPerson(&r.Value.Person, p.now())
			return true, nil
		})
		if err != nil {
			return err
		}
		if row.Version > 0 && row.Value.Erased.IsZero() {
			for _, author := range row.Value.Person.Authors { // linked since
				j.Authors = with1(j.Authors, author)
			}
			if unscorable(row.Value.Person) {
				if err := p.unscoreMerges(ctx, row.Value.Merges); err != nil {
					return err
				}
			}
			if err := p.tellPerson(ctx, plan, id); err != nil {
				return err
			}
		}
	}
	for _, author := range j.Authors {
		if o.What == flow.Objection && slices.Contains(o.Purposes, "service") { // nothing may be kept
			id := "objection-" + p.hashed("author", author)
			if _, err := p.Start(ctx, JobRow{ID: id, Kind: "erase", Erasure: flow.Erasure{ID: id, Author: author, Reason: "objection", At: p.now()}}); err != nil {
				return err
			}
			continue
		}
		if err := p.onAuthor(ctx, plan, o, author, len(j.People) > 0); err != nil {
			return err
		}
	}
	return nil
}

// onPerson lets a person have an objection, and takes back what came of the purposes.
func (o Objection) onPerson(v *flow.Person, now time.Time) {
	for _, purpose := range o.Purposes {
		t := flow.Told{Purpose: purpose, What: o.What, Source: o.Source, At: o.At}
		v.Told = withTold(v.Told, t)
		switch o.What {
		case flow.Objection:
			v.Objected = with1(slices.Clone(v.Objected), purpose)
			slices.Sort(v.Objected)
		case flow.Lifted:
			v.Objected = slices.DeleteFunc(slices.Clone(v.Objected), func(s string) bool { return s == purpose })
			continue
		}
		switch purpose {
		case "scoring":
			v.Score, v.Scores = flow.Score{}, nil
		case "matching":
			v.Links = slices.DeleteFunc(slices.Clone(v.Links), func(l flow.Link) bool { return slices.Contains(v.Authors, l.To) })
			v.Authors = nil
		}
	}
	v.Updated = now
	v.Revision++
}

// onAuthor does the same for an author, known or not: who is not is kept out of the purpose from now on. Of an author who is
// erased nothing is noted. By a consent that ended no objection is made.
func (p *Pipeline) onAuthor(ctx context.Context, plan *Plan, o *Objection, author string, byPerson bool) error {
	if _, erased, err := p.Tomb(ctx, author); err != nil || erased {
		return err
	}
	was := ""
	_, err := p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		v := &r.Value
		if v.Objected || r.Version == 0 && o.What != flow.Objection {
			return false, nil
		}
		was = v.Person
		if v.Author.ID == "" {
			v.Author.ID = author
		}
		for _, purpose := range o.Purposes {
			if o.What != flow.Withdrawn {
				v.Told = withTold(v.Told, flow.Told{Purpose: purpose, What: o.What, Source: o.Source, At: o.At})
			}
			switch {
			case o.What == flow.Lifted:
			case purpose == "scoring":
				v.Score, v.Seen = flow.Score{}, decide.Seen{}
			case purpose == "matching":
				v.Person = ""
			}
		}
		return true, nil
	})
	if err != nil || byPerson || was == "" || o.What == flow.Lifted {
		return err
	}
	// The account alone objects, so the person it was linked to knows it no more, and has no score that came from it.
	_, err = p.people.Update(ctx, was, "-", func(r *store.Row[PersonRow]) (bool, error) {
		v := &r.Value.Person
		if r.Version == 0 || !r.Value.Erased.IsZero() || !slices.Contains(v.Authors, author) {
			return false, nil
		}
		if slices.Contains(o.Purposes, "scoring") {
			v.Score, v.Scores = flow.Score{}, nil
		}
		if slices.Contains(o.Purposes, "matching") {
			v.Authors = slices.DeleteFunc(slices.Clone(v.Authors), func(a string) bool { return a == author })
			v.Links = slices.DeleteFunc(slices.Clone(v.Links), func(l flow.Link) bool { return l.To == author })
		}
		v.Updated = p.now()
		v.Revision++
		return true, nil
	})
	if err != nil {
		return err
	}
	return p.tellPerson(ctx, plan, was)
}

// unlearn takes back what was concluded from one mention for the purposes of an objection, and lets the CRMs know. The job's name
// stands in the row, so that who dies between the two tells them again.
func (p *Pipeline) unlearn(ctx context.Context, plan *Plan, j *JobRow, id string) error {
	o := j.Objection
	row, err := p.mentions.Update(ctx, id, "-", func(r *store.Row[MentionRow]) (bool, error) {
		v := &r.Value
		if r.Version == 0 || v.Erased || v.Amended == j.ID || v.Mention.Direction == flow.Out {
			return false, nil
		}
		for _, purpose := range o.Purposes {
			switch purpose {
			case "scoring":
				v.Decision.Score, v.Decision.Combined = flow.Score{}, flow.Score{}
			case "matching":
				v.Decision.Person, v.Decision.Link, v.Decision.Suggest, v.Decision.Found = "", nil, nil, nil
			}
		}
		v.Amended = j.ID
		v.Revision++
		return true, nil
	})
	p.recent.forget(id)
	if err != nil || row.Version == 0 || row.Value.Amended != j.ID {
		return err
	}
	v := row.Value
	conversation := ""
	if c := v.Decision.Conversation; c != nil && v.Decision.Outcome == decide.Mention {
		if conversation, err = p.unlearnConversation(ctx, j, c.ID, v.Mention.Author.ID); err != nil {
			return err
		}
	}
	return p.tellMention(ctx, plan, v, conversation)
}

// unlearnConversation does that in the exchange a mention belongs to.
func (p *Pipeline) unlearnConversation(ctx context.Context, j *JobRow, id, author string) (string, error) {
	row, err := p.updateConversation(ctx, id, func(r *store.Row[ConversationRow]) bool {
		v := &r.Value
		if v.Erased || v.Amended == j.ID || v.Conversation.Author.ID != author {
			return false
		}
		if slices.Contains(j.Objection.Purposes, "matching") {
			v.Conversation.Person = ""
		}
		v.Amended = j.ID
		v.Conversation.Updated = p.now()
		v.Conversation.Revision++
		return true
	})
	if err != nil || row.Value.Amended != j.ID {
		return "", err
	}
	return row.Value.Conversation.ID, nil
}

// tellMention sends the present state of a mention, and of its conversation where that is named, to the CRMs that take it.
func (p *Pipeline) tellMention(ctx context.Context, plan *Plan, v MentionRow, conversation string) error {
	if v.Decision.Outcome != decide.Mention {
		return nil
	}
	author, err := p.authors.One(ctx, v.Mention.Author.ID, "-")
	if err != nil {
		return err
	}
	var messages []queue.Message
	for _, a := range plan.Doc.CRMs {
		if !a.Serves(v.Mention.Brand) {
			continue
		}
		t := Task{Lane: topology.DeliverBulk, Kinds: []string{flow.KindMention}}
		if conversation != "" {
			t.Kinds = append(t.Kinds, flow.KindConversation)
		}
		t.Account, t.Mention, t.Conversation, t.Person = a.Name, v.Mention.ID, conversation, author.Value.Person
		messages = append(messages, t.message())
	}
	for _, err := range p.Queue.Send(ctx, messages...) {
		if err != nil {
			return err
		}
	}
	return nil
}
