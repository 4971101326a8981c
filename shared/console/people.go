package console

import (
	"maps"
	"slices"
	"sort"
	"time"

	"rapport/shared/decide/score"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

type peopleList struct {
	Rows []personRow `json:"rows"`
	Read int         `json:"looked_at"`
	By   string      `json:"by"`
}

type personRow struct {
	ID       string    `json:"id"`
	Handle   string    `json:"handle"`
	Name     string    `json:"name,omitempty"`
	Network  string    `json:"network"`
	Score    int       `json:"score"`
	Sure     int       `json:"confidence"`
	Mentions int       `json:"mentions"`
	Unhappy  int       `json:"negative"`
	Last     time.Time `json:"last"`
	Person   string    `json:"person,omitempty"`
}

func (c *Console) peopleList(q *request) (answer, error) {
	l := peopleList{By: q.value("by")}
	rows, err := c.recentRows(q, 1200)
	if err != nil {
		return answer{}, err
	}
	l.Read = len(rows)
	at := map[string]int{}
	for _, r := range rows {
		m, d := r.raw.Mention, r.raw.Decision
		if m.Author.ID == "" || m.Direction == flow.Out || r.raw.Erased {
			continue
		}
		i, ok := at[m.Author.ID]
		if !ok {
			i = len(l.Rows)
			at[m.Author.ID] = i
			l.Rows = append(l.Rows, personRow{ID: m.Author.ID, Handle: m.Author.Handle, Name: m.Author.Name, Network: m.Network, Score: d.Score.Total, Sure: d.Score.Confidence, Person: d.Person})
		}
		p := &l.Rows[i]
		p.Mentions++
		if d.Sentiment == "negative" {
			p.Unhappy++
		}
		if m.Created.After(p.Last) {
			p.Last = m.Created
		}
	}
	sort.SliceStable(l.Rows, func(i, j int) bool {
		x, y := l.Rows[i], l.Rows[j]
		switch l.By {
		case "mentions":
			return x.Mentions > y.Mentions
		case "last":
			return x.Last.After(y.Last)
		}
		return x.Score > y.Score
	})
	l.Rows = l.Rows[:min(len(l.Rows), 100)]
	return answer{Title: "People", Data: l}, nil
}

type personPage struct {
	Author   *flow.Author        `json:"author,omitempty"`
	Person   *flow.Person        `json:"person,omitempty"`
	Objected bool                `json:"objected,omitempty"`
	Score    flow.Score          `json:"score"`
	Unscored string              `json:"unscored,omitempty"` // why no score may be made
	Seen     int                 `json:"mentions"`
	Others   []string            `json:"authors,omitempty"`
	Lines    []row               `json:"timeline"`
	Merges   []mergeShown        `json:"merges,omitempty"` // that made the person what it is
	Next     string              `json:"next,omitempty"`
	ID       string              `json:"-"`
	Basis    []pipeline.Standing `json:"basis,omitempty"`
}

func (c *Console) person(q *request) (answer, error) {
	ctx, id := q.r.Context(), q.value("id")
	var p personPage
	author, err := c.authors.One(ctx, id, "-")
	if err != nil {
		return answer{}, err
	}
	person := id
	mine := map[string]bool{}
	if author.Version > 0 {
		a := author.Value
		if p.Objected = a.Objected; p.Objected {
			return answer{Title: "Person", Data: p}, nil
		}
		p.Author, p.Score, p.Unscored, p.Seen, person = &a.Author, score.Aged(a.Score, c.now()), a.Unscored, a.Seen.Mentions, a.Person
		mine[id] = true
	}
	if person != "" {
		row, err := c.people.One(ctx, person, "-")
		if into := row.Value.Person.Merged; err == nil && into != "" {
			row, err = c.people.One(ctx, into, "-")
		}
		if err != nil {
			return answer{}, err
		}
		if row.Version > 0 {
			p.Person, p.Merges = &row.Value.Person, mergesOf(row.Value)
			p.Others = row.Value.Person.Authors
			for _, a := range p.Others {
				mine[a] = true
			}
			if p.Unscored == "" {
				p.Unscored = row.Value.Person.Unscored
			}
			if p.Author == nil {
				p.Score = score.Aged(row.Value.Person.Score, c.now())
			}
		}
	}
	if p.Author == nil && p.Person == nil {
		if _, p.Objected, err = c.Pipeline.Tomb(ctx, id); err != nil || p.Objected {
			return answer{Title: "Person", Data: p}, err
		}
		return answer{}, fault.New(fault.NotFound, "no author or person %q is known", id)
	}
	subject := pipeline.Subject{Authors: slices.Sorted(maps.Keys(mine))}
	if p.Person != nil {
		subject.Person = p.Person.ID
	}
	if p.Basis, err = c.Pipeline.Basis(ctx, subject); err != nil {
		return answer{}, err
	}
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	marks := map[string]bool{}
	for a := range mine {
		marks[c.Pipeline.AuthorMark(a)] = true
	}
	entries, next, err := c.newest(ctx, places(q.narrowed(plan.Doc)), q.value("before"), pageSize, func(l ledger.Line) bool { return l.Mention != "" && marks[l.Author] })
	if err != nil {
		return answer{}, err
	}
	p.Next, p.ID = next, id
	rows, err := c.rows(ctx, q, entries)
	if err != nil {
		return answer{}, err
	}
	told := map[string]bool{}
	for _, r := range rows {
		if r.raw != nil && mine[r.Author] && !told[r.ID] {
			told[r.ID] = true
			p.Lines = append(p.Lines, r)
		}
	}
	if len(p.Lines) == 0 && q.scope() != "" { // who spoke to other brands alone is nobody here
		return answer{}, fault.New(fault.NotFound, "no author or person %q is known", id)
	}
	sort.SliceStable(p.Lines, func(i, j int) bool { return p.Lines[i].Created.After(p.Lines[j].Created) })
	return answer{Title: "Person", Data: p}, nil
}

type answersPage struct {
	Rows []pipeline.ReplyRow `json:"rows"`
	Due  []talkRow           `json:"closing"` // whose window closes soon
	Off  []string            `json:"off,omitempty"`
}

func (c *Console) answers(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	var p answersPage
	for _, a := range q.narrowed(plan.Doc).Networks {
		if a.Replies == "" || a.Replies == "off" {
			p.Off = append(p.Off, a.Name)
		}
	}
	rows, err := c.recentRows(q, 800)
	if err != nil {
		return answer{}, err
	}
	talks, err := c.talksOf(ctx, rows, 600)
	if err != nil {
		return answer{}, err
	}
	var keys []store.Key
	dumb := map[string]bool{} // whose words are not shown
	for _, t := range talks {
		conv := t.Value.Conversation
		if !q.who.reads(conv.Brand, conv.Private) {
			if conv.Private {
				continue
			}
			conv.Subject = ""
			dumb[conv.ID] = true
		}
		for _, id := range t.Value.Replies {
			keys = append(keys, c.replies.Key(id, "-"))
		}
		conv.Turns = nil
		if left := conv.ReplyUntil.Sub(c.now()); left > 0 && left < 24*time.Hour && conv.Status != flow.Closed && conv.Status != flow.Answered {
			p.Due = append(p.Due, talkRow{Conversation: conv})
		}
	}
	replies, err := c.replies.Get(ctx, keys...)
	if err != nil {
		return answer{}, err
	}
	for _, r := range replies {
		if r.Version > 0 {
			if dumb[r.Value.Reply.Conversation] {
				r.Value.Reply.Text = ""
			}
			p.Rows = append(p.Rows, r.Value)
		}
	}
	slices.SortStableFunc(p.Rows, func(x, y pipeline.ReplyRow) int { return y.Reply.Asked.Compare(x.Reply.Asked) })
	slices.SortStableFunc(p.Due, func(x, y talkRow) int { return x.ReplyUntil.Compare(y.ReplyUntil) })
	p.Rows, p.Due = p.Rows[:min(len(p.Rows), 100)], p.Due[:min(len(p.Due), 20)]
	return answer{Title: "Answers", Data: p}, nil
}

// reply sends an answer that was written in the console.
func (c *Console) reply(q *request) (answer, error) {
	id := q.value("id")
	t, err := c.talk(q)
	if err != nil {
		return answer{}, err
	}
	of, _ := t.Data.(talk)
	if err := mayAnswer(q, of.Brand); err != nil {
		return answer{}, err
	}
	if err := c.Pipeline.Answer(q.r.Context(), id, q.value("text"), q.value("private") != "", q.who.User); err != nil {
		return answer{}, err
	}
	return answer{To: "/conversations/" + escape(id), Say: "The answer is on its way"}, c.note(q.r.Context(), q.who.User, "answered", id)
}
