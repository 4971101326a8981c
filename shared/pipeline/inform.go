package pipeline

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/store"
)

// Who spoke about the brand, and not to it, is told within a month what is done with their data, or with the first answer where that
// comes earlier (Art. 14(3) GDPR). The first answer that has room for it carries the brand's line, whoever wrote the answer, once
// per author.

// information gives the brand's line in a language, else in another of the brand's; "" = it has none.
func information(b config.Brand, lang string) string {
	for _, l := range append([]string{lang}, b.Languages...) {
		if text := b.Information[l]; text != "" {
			return text
		}
	}
	for _, l := range sorted(b.Information) {
		return b.Information[l]
	}
	return ""
}

// inform adds the line to an answer that is about to be sent, where its author was not told yet and the network has room for it.
// Which answer carries it is noted with the author first: of two at the same time one does.
func (p *Pipeline) inform(ctx context.Context, plan *Plan, conf config.Account, r *flow.Reply) error {
	brand := plan.Doc.Brand(conf.Brand)
	if r.Author.ID == "" || r.Information != "" || len(brand.Information) == 0 {
		return nil
	}
	mention, err := p.mentions.One(ctx, r.Mention, "-")
	if err != nil {
		return err
	}
	line := information(brand, mention.Value.Decision.Lang)
	text := r.Text
	if !strings.Contains(text, line) { // who wrote it may have thought of it
		text += "\n\n" + line
	}
	if info := p.infos[conf.Kind]; info.MaxText > 0 && network.Length(text, info.Unit) > info.MaxText {
		return nil
	}
	row, err := p.authors.Update(ctx, r.Author.ID, "-", func(row *store.Row[AuthorRow]) (bool, error) {
		v := &row.Value
		if row.Version == 0 || v.Objected || !v.Informed.IsZero() || v.InformBy != "" {
			return false, nil
		}
		v.InformBy = r.ID
		return true, nil
	})
	if err == nil && row.Value.InformBy == r.ID {
		r.Text, r.Information = text, line
	}
	return err
}

// informed notes with an author that an answer reached them, and whether it told them. One that was not sent told nobody.
func (p *Pipeline) informed(ctx context.Context, v ReplyRow) error {
	r := v.Reply
	if r.Author.ID == "" {
		return nil
	}
	_, err := p.authors.Update(ctx, r.Author.ID, "-", func(row *store.Row[AuthorRow]) (bool, error) {
		a := &row.Value
		if row.Version == 0 || a.Objected {
			return false, nil
		}
		was := [2]bool{a.InformBy != "", a.Answered.IsZero()}
		if a.InformBy == r.ID {
			a.InformBy = ""
			if r.State == flow.Sent {
				a.Informed = v.Ended
			}
		}
		if r.State == flow.Sent && a.Answered.IsZero() {
			a.Answered = v.Ended
		}
		return was != [2]bool{a.InformBy != "", a.Answered.IsZero()}, nil
	})
	return err
}

// informBy is until when an author has to be told what is done with their data: a month after the first of it was kept, or when
// they were first answered. Zero = they were told, or nobody knows since when they are known.
func (a AuthorRow) informBy() time.Time {
	if !a.Informed.IsZero() || a.First.IsZero() || a.Objected {
		return time.Time{}
	}
	due := a.First.AddDate(0, 1, 0)
	if !a.Answered.IsZero() && a.Answered.Before(due) {
		due = a.Answered
	}
	return due
}

// Owed is an author who has to be told what is done with their data.
type Owed struct {
	Author  string    `json:"author"`
	Handle  string    `json:"handle,omitempty"`
	Account string    `json:"account"` // network account
	Mention string    `json:"mention"` // the first that is known
	First   time.Time `json:"first"`   // when the first of their data was kept
	Due     time.Time `json:"due"`
	Over    bool      `json:"overdue"`
	Why     string    `json:"why"` // a month is over, or they were answered
}

// longestMonth is how far back somebody was first known who has to be told now.
const longestMonth = 31 * 24 * time.Hour

// maxOwed bounds how many are listed at once.
const maxOwed = 1000

// Owed lists who has to be told between two times, in that order, at most maxOwed: whoever was first known in the month before,
// found through the ledger's hours of that time, so that nobody needs a row of their own. Who wrote privately gave the data
// themselves and is left out. lines bounds how many lines of the ledger are looked at, the oldest first; 0 = all. more tells that
// there may be more.
func (p *Pipeline) Owed(ctx context.Context, from, to time.Time, lines int) (list []Owed, more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, false, err
	}
	end := to
	if now := p.now().Add(time.Hour); end.After(now) {
		end = now
	}
	w := owing{p: p, from: from, to: to, seen: map[string]bool{}}
	looked := 0
	for _, name := range places(plan.Doc) {
		err := p.Lines(ctx, name, from.Add(-longestMonth), end, func(_ ledger.Place, l ledger.Line) error {
			if looked++; lines > 0 && looked > lines {
				return errEnough
			}
			if l.Author == "" || l.Mention == "" || l.Erased || l.Outcome == ledger.Suppressed || l.Outcome == ledger.Rejected || w.seen[l.Author] {
				return nil
			}
			w.seen[l.Author] = true
			if w.lines = append(w.lines, l); len(w.lines) < store.MaxGet {
				return nil
			}
			return w.look(ctx)
		})
		if more = errors.Is(err, errEnough); err == nil || more {
			err = w.look(ctx)
		}
		if err != nil {
			return nil, false, err
		}
		if more {
			break
		}
	}
	slices.SortFunc(w.list, func(a, b Owed) int { return cmp.Or(a.Due.Compare(b.Due), strings.Compare(a.Author, b.Author)) })
	more = more || len(w.list) > maxOwed
	return w.list[:min(len(w.list), maxOwed)], more, nil
}

// errEnough ends a walk that has looked at as much as it may.
var errEnough = errors.New("enough")

// owing gathers who is owed the information.
type owing struct {
	p        *Pipeline
	from, to time.Time
	seen     map[string]bool
	lines    []ledger.Line
	list     []Owed
}

// look reads who is behind some lines.
func (w *owing) look(ctx context.Context) error {
	mentions, authors := make([]store.Key, len(w.lines)), make([]store.Key, len(w.lines))
	for i, l := range w.lines {
		mentions[i] = w.p.mentions.Key(l.Mention, "-")
	}
	rows, err := w.p.mentions.Get(ctx, mentions...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		authors[i] = w.p.authors.Key(cmp.Or(row.Value.Mention.Author.ID, "-"), "-")
	}
	who, err := w.p.authors.Get(ctx, authors...)
	if err != nil {
		return err
	}
	for i, row := range who {
		m, a := rows[i].Value.Mention, row.Value
		due := a.informBy()
		if row.Version == 0 || due.IsZero() || due.Before(w.from) || !due.Before(w.to) || m.Private || m.Direction == flow.Out {
			continue
		}
		o := Owed{Author: a.Author.ID, Handle: a.Author.Handle, Account: w.lines[i].Account, Mention: m.ID, First: a.First, Due: due, Over: !w.p.now().Before(due), Why: "a month after the first data"}
		if !a.Answered.IsZero() && due.Equal(a.Answered) {
			o.Why = "answered before, without room for it or without a text"
		}
		w.list = append(w.list, o)
	}
	w.lines = w.lines[:0]
	return nil
}

// Informed notes that somebody was told by other means what is done with their data, and counts the accounts.
func (p *Pipeline) Informed(ctx context.Context, s Subject) (n int, err error) {
	for _, author := range s.Authors {
		_, err := p.authors.Update(ctx, author, "-", func(row *store.Row[AuthorRow]) (bool, error) {
			if row.Version == 0 || row.Value.Objected || !row.Value.Informed.IsZero() {
				return false, nil
			}
			row.Value.Informed = p.now()
			n++
			return true, nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
