package console

import (
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

type found struct {
	For      string   `json:"for"`
	Searched []string `json:"searched"` // in words
	Hits     []hit    `json:"hits"`
	Words    string   `json:"words,omitempty"` // where to begin looking for handles and words in mentions, where a key led to something
	Next     string   `json:"next,omitempty"`  // where to look further back for a handle or words
}

type hit struct {
	What string `json:"what"`
	ID   string `json:"id"`
	To   string `json:"-"`
	Say  string `json:"say,omitempty"`
}

// walkedRows is how many of the newest mentions are looked through at once, for a handle or words.
const walkedRows = 1000

// lookUp finds something by what names it exactly.
func (c *Console) lookUp(q *request) (answer, error) {
	f := found{For: q.value("q"), Searched: []string{"ids of mentions, authors, persons and conversations"}}
	if f.For == "" {
		return answer{Title: "Look-up", Data: f}, nil
	}
	if q.value("before") == "" {
		for _, by := range []func(*request, *found) error{c.byID, c.byRecord, c.byMail, c.byKeptHandle} {
			if err := by(q, &f); err != nil {
				return answer{}, err
			}
		}
	}
	var err error
	if len(f.Hits) == 0 {
		err = c.byWalk(q, &f)
	} else {
		f.Words = c.now().Add(time.Hour).Format(hourForm) + "."
	}
	return answer{Title: "Look-up", Data: f}, err
}

func (c *Console) byID(q *request, f *found) error {
	ctx, want := q.r.Context(), f.For
	mention, err := c.mentions.One(ctx, want, "-")
	if err != nil {
		return err
	}
	if m := mention.Value.Mention; mention.Version > 0 && q.mine(m.Brand) {
		f.Hits = append(f.Hits, hit{"mention", want, "/mentions/" + escape(want), m.Author.Handle})
	}
	author, err := c.authors.One(ctx, want, "-")
	if err != nil {
		return err
	}
	if author.Version > 0 && c.met(q, want) {
		f.Hits = append(f.Hits, hit{"author", want, "/people/" + escape(want), author.Value.Author.Handle})
	}
	if err := c.personHit(q, f, want, ""); err != nil {
		return err
	}
	return c.talkHit(q, f, want, "")
}

// personHit adds a person, if there is one who may be shown.
func (c *Console) personHit(q *request, f *found, id, by string) error {
	row, err := c.people.One(q.r.Context(), id, "-")
	if err != nil || row.Version == 0 || !row.Value.Erased.IsZero() || !c.met(q, row.Value.Person.Authors...) {
		return err
	}
	f.Hits = append(f.Hits, hit{"person", id, "/people/" + escape(id), strings.TrimSpace(row.Value.Person.Name + " " + by)})
	return nil
}

func (c *Console) talkHit(q *request, f *found, id, by string) error {
	row, err := c.talks.One(q.r.Context(), flow.Place(id), "current")
	if err != nil || row.Version == 0 || !q.mine(row.Value.Conversation.Brand) {
		return err
	}
	f.Hits = append(f.Hits, hit{"conversation", id, "/conversations/" + escape(id), by})
	return nil
}

// byRecord looks for what a CRM record belongs to.
func (c *Console) byRecord(q *request, f *found) error {
	if len(f.Hits) > 0 || strings.ContainsAny(f.For, "@ ") {
		return nil
	}
	f.Searched = append(f.Searched, "ids of CRM records")
	hits, err := c.Pipeline.Records(q.r.Context(), f.For)
	if err != nil {
		return err
	}
	for _, h := range hits {
		switch h.Kind {
		case flow.KindPerson:
			err = c.personHit(q, f, h.ID, h.Record)
		case flow.KindConversation:
			err = c.talkHit(q, f, h.ID, h.Record)
		case flow.KindMention:
			row, merr := c.mentions.One(q.r.Context(), h.ID, "-")
			if err = merr; err == nil && row.Version > 0 && q.mine(row.Value.Mention.Brand) {
				f.Hits = append(f.Hits, hit{"mention", h.ID, "/mentions/" + escape(h.ID), h.Record})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// byMail looks for who has an e-mail address in a CRM record; its hash is the key.
func (c *Console) byMail(q *request, f *found) error {
	name, domain, is := strings.Cut(f.For, "@")
	if len(f.Hits) > 0 || !is || name == "" || !strings.Contains(domain, ".") || strings.ContainsAny(f.For, ":/ ") || strings.Contains(domain, "@") {
		return nil
	}
	f.Searched = append(f.Searched, "e-mail addresses of CRM records, by their hash")
	s, err := c.Pipeline.Resolve(q.r.Context(), f.For)
	switch {
	case fault.Is(err, fault.Conflict):
		f.Hits = append(f.Hits, hit{What: "person", Say: err.Error()})
		return nil
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	}
	return c.personHit(q, f, s.Person, "")
}

// byWalk looks through the newest mentions for who goes by a handle, and for what holds all the words, as far as the role reads
// it. No key leads to either: a store keeps no index of what people say.
func (c *Console) byWalk(q *request, f *found) error {
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return err
	}
	f.Searched = append(f.Searched, "handles and words among the newest 1,000 mentions")
	entries, next, err := c.newest(q.r.Context(), places(q.narrowed(plan.Doc)), q.value("before"), walkedRows, func(l ledger.Line) bool { return l.Mention != "" })
	if err != nil {
		return err
	}
	f.Next = next
	rows, err := c.rows(q.r.Context(), q, entries)
	plain := func(s string) string { return strings.ToLower(strings.TrimPrefix(s, "@")) }
	handle, words, seen, said := plain(f.For), strings.Fields(strings.ToLower(f.For)), map[string]bool{}, 0
	for _, r := range rows {
		if r.raw == nil || handle == "" {
			continue
		}
		if plain(r.By) == handle && !seen[r.Author] {
			seen[r.Author] = true
			f.Hits = append(f.Hits, hit{"author", r.Author, "/people/" + escape(r.Author), "@" + r.By})
		}
		if said < pageSize && !seen[r.ID] && holds(r, words) {
			seen[r.ID] = true
			said++
			f.Hits = append(f.Hits, hit{"mention", r.ID, "/mentions/" + escape(r.ID), sampleOf(r).Text})
		}
	}
	return err
}

// holds tells whether a mention's text, as it is shown, holds all of some words.
func holds(r row, words []string) bool {
	text := strings.ToLower(r.Text)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return text != "" && !r.Masked
}
