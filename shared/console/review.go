package console

import (
	"slices"
	"strings"
	"time"

	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

type reviewPage struct {
	Rows []suggestion `json:"rows"`
	More int          `json:"more,omitempty"` // that are not shown
	All  bool         `json:"-"`              // merging is theirs to decide
}

// suggestion is somebody an author may be.
type suggestion struct {
	Author  string           `json:"author"`
	Handle  string           `json:"handle,omitempty"`
	Called  string           `json:"called,omitempty"` // what the author goes by
	Network string           `json:"network"`
	Person  string           `json:"person"`
	Name    string           `json:"name,omitempty"`
	Linked  string           `json:"linked,omitempty"` // the person whom the author is linked to
	Is      decide.Candidate `json:"is"`
	Mention string           `json:"mention"`
	At      time.Time        `json:"at"`
	Links   []string         `json:"links,omitempty"`
}

// review shows whom authors may be, the likeliest first.
func (c *Console) review(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	var brands []string
	for _, b := range q.narrowed(plan.Doc).Brands {
		brands = append(brands, b.Name)
	}
	open, err := c.Pipeline.Reviews(ctx, brands)
	if err != nil {
		return answer{}, err
	}
	p := reviewPage{All: q.who.has(deciders.roles...)}
	if p.More = max(len(open)-pageSize, 0); p.More > 0 {
		open = open[:pageSize]
	}
	authors, people := make([]store.Key, len(open)), make([]store.Key, len(open))
	for i, r := range open {
		authors[i], people[i] = c.authors.Key(r.Author, "-"), c.people.Key(r.Person, "-")
	}
	who, err := c.authors.Get(ctx, authors...)
	if err != nil {
		return answer{}, err
	}
	are, err := c.people.Get(ctx, people...)
	if err != nil {
		return answer{}, err
	}
	linked := make([]store.Key, len(open))
	for i := range open {
		linked[i] = c.people.Key(who[i].Value.Person, "-")
	}
	so, err := c.people.Get(ctx, linked...)
	if err != nil {
		return answer{}, err
	}
	for i, r := range open {
		a, v := who[i].Value, are[i].Value
		if a.Objected || a.Person == r.Person || are[i].Version == 0 || v.Person.Merged != "" || !v.Erased.IsZero() || so[i].Value.Person.Merged == r.Person {
			continue // settled meanwhile
		}
		s := suggestion{Author: r.Author, Handle: a.Author.Handle, Called: a.Author.Name, Network: r.Network, Person: r.Person, Name: v.Person.Name, Linked: a.Person, Is: r.Candidate,
			Mention: r.Mention, At: r.At}
		for _, l := range v.Person.Links {
			if l.Record != "" {
				s.Links = append(s.Links, strings.TrimSpace(l.To+" "+l.Object+" "+l.Record))
			}
		}
		p.Rows = append(p.Rows, s)
	}
	return answer{Title: "Review", Data: p}, nil
}

// judge takes in a verdict on a suggested link.
func (c *Console) judge(q *request) (answer, error) {
	ctx, author, person, verdict := q.r.Context(), q.value("author"), q.value("person"), q.value("verdict")
	words := map[string]string{"accept": "Linked", "reject": "Rejected; it is not suggested again", "merge": "The two become one person"}
	if author == "" || person == "" || words[verdict] == "" {
		return answer{}, wrong("author, person and a verdict (accept, reject or merge) are needed")
	}
	if !c.met(q, author) {
		return answer{}, fault.New(fault.NotFound, "no author %q is known", author)
	}
	var err error
	if verdict == "merge" {
		err = c.mergeInto(q, author, person)
	} else {
		err = c.Pipeline.Judge(ctx, author, person, verdict == "accept", q.who.User)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/review", Say: words[verdict]}, c.note(ctx, q.who.User, "review: "+verdict, author+" → "+person)
}

// mergeInto makes one of the person that an author is linked to and another. Who stands in a CRM stays.
func (c *Console) mergeInto(q *request, author, person string) error {
	if !q.who.has(deciders.roles...) {
		return fault.New(fault.Unauthorized, "a merge concerns all brands: that takes a role for all of them")
	}
	row, err := c.authors.One(q.r.Context(), author, "-")
	if err != nil {
		return err
	}
	if row.Value.Person == "" {
		return fault.New(fault.NotFound, "%s is linked to nobody: accept the link instead", author)
	}
	winner, loser := row.Value.Person, person
	is, err := c.people.One(q.r.Context(), winner, "-")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(is.Value.Person.Links, func(l flow.Link) bool { return l.Record != "" }) {
		winner, loser = loser, winner
	}
	_, err = c.Pipeline.Merge(q.r.Context(), winner, loser, q.who.User, "review")
	return err
}

// unlink takes an author away from its person.
func (c *Console) unlink(q *request) (answer, error) {
	author := q.value("id")
	if !c.met(q, author) {
		return answer{}, fault.New(fault.NotFound, "no author %q is known", author)
	}
	if err := c.Pipeline.Unlink(q.r.Context(), author, q.who.User); err != nil {
		return answer{}, err
	}
	return answer{To: "/people/" + escape(author), Say: "Unlinked; it is not suggested again"}, c.note(q.r.Context(), q.who.User, "unlinked", author)
}

// mergePeople makes one person of two.
func (c *Console) mergePeople(q *request) (answer, error) {
	id, other := q.value("id"), q.value("other")
	if other == "" {
		return answer{}, wrong("the id of the other person is needed")
	}
	m, err := c.Pipeline.Merge(q.r.Context(), id, other, q.who.User, q.value("why"))
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/people/" + escape(id), Say: "The two become one person", Data: m.ID}, c.note(q.r.Context(), q.who.User, "merged people", other+" → "+id)
}

// unmergePeople undoes a merge.
func (c *Console) unmergePeople(q *request) (answer, error) {
	m, err := c.Pipeline.Unmerge(q.r.Context(), q.value("merge"), q.who.User)
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/people/" + escape(q.value("id")), Say: "The merge is being undone"}, c.note(q.r.Context(), q.who.User, "undid a merge", m.Loser+" ← "+m.Winner)
}

// mergeShown is a merge that can be undone.
type mergeShown struct {
	Merge   string   `json:"merge"`
	Authors []string `json:"authors,omitempty"`
}

func mergesOf(row pipeline.PersonRow) []mergeShown {
	var out []mergeShown
	for _, a := range row.Merges {
		out = append(out, mergeShown{a.Merge, a.Authors})
	}
	return out
}
