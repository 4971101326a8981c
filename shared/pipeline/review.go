package pipeline

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rapport/shared/decide"
	"rapport/shared/decide/score"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// ReviewRow is somebody an author may be, for people to look at. Kept under the brand, sorted by author and person; it goes
// by itself after reviewFor.
type ReviewRow struct {
	Author    string           `json:"author"`
	Person    string           `json:"person"`
	Brand     string           `json:"brand"`
	Network   string           `json:"network"`
	Mention   string           `json:"mention"`   // in which it was seen first
	Candidate decide.Candidate `json:"candidate"` // with the sum of the evidence
	At        time.Time        `json:"at"`
	Verdict   string           `json:"verdict,omitempty"` // accepted, rejected; "" = open
	By        string           `json:"by,omitempty"`
	Decided   time.Time        `json:"decided,omitzero"`
}

const (
	reviewFor   = 90 * 24 * time.Hour
	maxReviews  = 500 // open ones that are read at once
	maxRejected = 50  // persons that an author remembers not to be
)

func reviewSort(author, person string) string { return author + "#" + person }

// reviewed lists the brands that have review lists, "-" for what is of none.
func reviewed(plan *Plan) []string {
	out := []string{"-"}
	for _, b := range plan.Doc.Brands {
		out = append(out, b.Name)
	}
	return out
}

// doubts writes down who authors may be. A row that is there stays as it is: somebody may have decided on it.
func (p *Pipeline) doubts(w *world) []staged {
	var out []staged
	seen := map[string]bool{}
	for _, r := range w.reviews {
		sort := reviewSort(r.Author, r.Person)
		if seen[r.Brand+"#"+sort] {
			continue
		}
		seen[r.Brand+"#"+sort] = true
		item, err := p.reviews.Item(store.Row[ReviewRow]{Part: r.Brand, Sort: sort, Expires: w.now.Add(reviewFor), Value: r})
		if err != nil {
			w.err = err
			continue
		}
		out = append(out, staged{item, func(res store.Result) {
			if res.Err != nil && !conflicted(res) {
				w.err = res.Err
			}
		}})
	}
	return out
}

// doubt notes whom a decision suggests.
func (w *world) doubt(o *one, d decide.Decision) {
	m := o.event.Mention
	for _, c := range d.Suggest {
		w.reviews = append(w.reviews, ReviewRow{Author: m.Author.ID, Person: c.Person, Brand: cmp.Or(m.Brand, "-"), Network: m.Network, Mention: m.ID, Candidate: c, At: w.now})
	}
}

// bare leaves of suggestions what finds them in the review list.
func bare(list []decide.Candidate) []decide.Candidate {
	out := slices.Clone(list)
	for i := range out {
		out[i].Compared, out[i].Why = nil, nil
	}
	return out
}

// Reviews lists what is open for some brands, the likeliest first.
func (p *Pipeline) Reviews(ctx context.Context, brands []string) ([]ReviewRow, error) {
	var out []ReviewRow
	for _, b := range brands {
		for row, err := range p.reviews.List(ctx, store.Range{Part: cmp.Or(b, "-"), Limit: maxReviews}) {
			if err != nil {
				return nil, err
			}
			if row.Value.Verdict == "" {
				out = append(out, row.Value)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b ReviewRow) int { return cmp.Compare(b.Candidate.Sure, a.Candidate.Sure) })
	return out, nil
}

// Judge takes in what somebody says about a suggested link: accepted it is made, rejected it is not proposed again.
// NotFound: there is no such author or person. Conflict: the author is linked to somebody else.
func (p *Pipeline) Judge(ctx context.Context, author, person string, accept bool, by string) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	verdict, ground := "rejected", ""
	for _, b := range reviewed(plan) {
		row, err := p.reviews.One(ctx, b, reviewSort(author, person))
		if err != nil {
			return err
		}
		if row.Version > 0 {
			ground = row.Value.Candidate.Evidence
		}
	}
	if accept {
		verdict = "accepted"
		err = p.Confirm(ctx, author, person, "a person said so: "+cmp.Or(ground, "without a suggestion"), by)
	} else {
		err = p.deny(ctx, author, person)
	}
	if err != nil {
		return err
	}
	for _, b := range reviewed(plan) { // last: who dies before is asked again
		_, err := p.reviews.Update(ctx, b, reviewSort(author, person), func(r *store.Row[ReviewRow]) (bool, error) {
			if r.Version == 0 || r.Value.Verdict == verdict {
				return false, nil
			}
			r.Value.Verdict, r.Value.By, r.Value.Decided = verdict, p.Pseudonym(by), p.now()
			r.Expires = p.now().Add(reviewFor)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deny remembers that an author is not a person.
func (p *Pipeline) deny(ctx context.Context, author, person string) error {
	_, err := p.authors.Update(ctx, author, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		switch {
		case r.Version == 0 || r.Value.Objected:
			return false, fault.New(fault.NotFound, "there is no author %q", author)
		case slices.Contains(r.Value.Rejected, person):
			return false, nil
		}
		r.Value.Rejected = last(append(slices.Clone(r.Value.Rejected), person), maxRejected)
		return true, nil
	})
	return err
}

// Confirm links an author to a person because somebody looked at the evidence and said so. Open cases follow in a job.
// Conflict: the author is linked to somebody else. NotFound: there is no such person or author any more.
func (p *Pipeline) Confirm(ctx context.Context, author, person, evidence, by string) error {
	who, err := p.people.One(ctx, person, "-")
	if err != nil {
		return err
	}
	if who.Version == 0 || who.Value.Person.Merged != "" || !who.Value.Erased.IsZero() {
		return fault.New(fault.NotFound, "there is no person %q any more", person)
	}
	row, err := p.authors.One(ctx, author, "-")
	switch {
	case err != nil:
		return err
	case row.Version == 0 || row.Value.Objected:
		return fault.New(fault.NotFound, "there is no author %q", author)
	case slices.Contains(refused(row.Value.Told), "matching") || slices.Contains(who.Value.Person.Objected, "matching"):
		return fault.New(fault.Conflict, "%s objected to being matched", author)
	case row.Value.Person != "" && row.Value.Person != person:
		return fault.New(fault.Conflict, "%s is linked to person %s already", author, row.Value.Person)
	}
	r := Relink{Verb: "link", Author: author, Person: person, Evidence: evidence, By: p.Pseudonym(by), At: p.now()}
	if _, err := p.Start(ctx, JobRow{Kind: JobRelink, Relink: &r}); err != nil {
		return err
	}
	return p.linkStep(ctx, r)
}

// Unlink takes an author away from its person because somebody said that it is not; it is not proposed again. Open cases
// follow in a job. NotFound: the author is linked to nobody.
func (p *Pipeline) Unlink(ctx context.Context, author, by string) error {
	row, err := p.authors.One(ctx, author, "-")
	if err != nil {
		return err
	}
	if row.Version == 0 || row.Value.Person == "" || row.Value.Objected {
		return fault.New(fault.NotFound, "%s is linked to nobody", author)
	}
	r := Relink{Verb: "unlink", Author: author, Person: row.Value.Person, By: p.Pseudonym(by), At: p.now()}
	if _, err := p.Start(ctx, JobRow{Kind: JobRelink, Relink: &r}); err != nil {
		return err
	}
	return p.linkStep(ctx, r)
}

// linkStep makes or removes an edge; again it changes nothing.
func (p *Pipeline) linkStep(ctx context.Context, r Relink) error {
	link := r.Verb == "link"
	gone := false
	_, err := p.authors.Update(ctx, r.Author, "-", func(row *store.Row[AuthorRow]) (bool, error) {
		v := &row.Value
		if gone = row.Version == 0 || v.Objected || v.Person != "" && v.Person != r.Person; gone {
			return false, nil
		}
		was, rejected := v.Person, slices.Contains(v.Rejected, r.Person)
		v.Rejected = slices.DeleteFunc(slices.Clone(v.Rejected), func(id string) bool { return id == r.Person })
		if v.Person = r.Person; !link {
			v.Person, v.Rejected = "", last(append(v.Rejected, r.Person), maxRejected)
		}
		return was != v.Person || rejected == link, nil
	})
	if err != nil || gone {
		return err
	}
	_, err = p.people.Update(ctx, r.Person, "-", func(row *store.Row[PersonRow]) (bool, error) {
		v := &row.Value.Person
		if row.Version == 0 || !row.Value.Erased.IsZero() || slices.Contains(v.Authors, r.Author) == link {
			return false, nil
		}
		if link {
			v.Authors = append(v.Authors, r.Author)
			v.Links = append(v.Links, flow.Link{To: r.Author, Evidence: r.Evidence, Class: "A", By: r.By, At: r.At})
		} else {
			score.Drop(v, r.Author)
			v.Authors = slices.DeleteFunc(v.Authors, func(a string) bool { return a == r.Author })
			v.Links = slices.DeleteFunc(v.Links, func(l flow.Link) bool { return l.To == r.Author })
		}
		v.Updated = p.now()
		v.Revision++
		return true, nil
	})
	if err == nil && link {
		err = p.nameAuthor(ctx, r.Author)
	}
	return err
}

// unreview takes an author, or a person, out of the review lists.
func (p *Pipeline) unreview(ctx context.Context, plan *Plan, author, person string) error {
	for _, b := range reviewed(plan) {
		r := store.Range{Part: b}
		if author != "" {
			r.From, r.To = author+"#", author+"$"
		}
		for row, err := range p.reviews.List(ctx, r) {
			if err == nil && (row.Value.Author == author || row.Value.Person == person) {
				err = p.remove(ctx, p.reviews.Key(b, row.Sort))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
