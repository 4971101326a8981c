package console

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// Bounds of one page: how many lines are shown, how many rows of the ledger are read, how many of them at once where few of
// them fit, and how far back at once.
const (
	pageSize = 50
	maxRows  = 3000
	maxWant  = 400
	maxHours = 96
)

// entry is one line of the ledger with its place.
type entry struct {
	Place ledger.Place
	Line  ledger.Line
}

// places lists under which names the ledger keeps lines: the accounts, and hooks for what reached none.
func places(doc *config.Document) []string {
	var names []string
	for _, a := range doc.Networks {
		names = append(names, a.Name)
	}
	for _, h := range doc.Hooks {
		if !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// newest lists lines, newest first, from before a cursor on ("" = now). It stops at limit lines that keep wants, or when it
// has read maxRows; next is where to go on, "" at the end.
func (c *Console) newest(ctx context.Context, accounts []string, before string, limit int, keep func(ledger.Line) bool) (out []entry, next string, err error) {
	hour, sort, _ := strings.Cut(before, ".")
	hours, err := c.hoursOf(ctx, accounts, hour)
	if err != nil {
		return nil, "", err
	}
	read, want := 0, limit
	for _, h := range hours.names {
		at, err := time.Parse(hourForm, h)
		if err != nil {
			continue
		}
		to, first := "", true
		if h == hour {
			to = sort
		}
		for first || to != "" {
			if read >= maxRows {
				return out, h + "." + to, nil
			}
			found, floor, n, err := c.hour(ctx, hours.of[h], at, to, max(want, limit-len(out)))
			if err != nil {
				return nil, "", err
			}
			read += n
			had := len(out)
			for _, e := range found {
				if len(out) == limit {
					return out, h + "." + to, nil
				}
				to = e.Place.Sort
				if keep == nil || keep(e.Line) {
					out = append(out, e)
				}
			}
			if want = 0; 4*(len(out)-had) < len(found) { // few are wanted: more are read at once, as each stretch is read a little twice
				want = min(2*len(found), maxWant)
			}
			to, first = floor, false
		}
	}
	if hours.more != "" {
		next = hours.more + "."
	}
	return out, next, nil
}

// hour lists an hour's lines of accounts before a sort key, newest first. An hour lies in many partitions; of each about its
// share of want is read. floor is where to go on, "" = the hour is done.
func (c *Console) hour(ctx context.Context, accounts []string, at time.Time, before string, want int) (found []entry, floor string, read int, err error) {
	share := max(2*want/(len(accounts)*ledger.Shards), 8)
	for _, account := range accounts {
		for shard := range ledger.Shards {
			part := ledger.Part(account, at, shard)
			n, last := 0, ""
			for row, err := range c.lines.List(ctx, store.Range{Part: part, To: before, Desc: true, Limit: share}) {
				if err != nil {
					return nil, "", read, err
				}
				read++
				found = append(found, entry{ledger.Place{Part: part, Sort: row.Sort}, row.Value})
				n, last = n+1, row.Sort
			}
			if n == share {
				floor = max(floor, last) // below it this partition may have more
			}
		}
	}
	found = slices.DeleteFunc(found, func(e entry) bool { return e.Place.Sort < floor })
	slices.SortFunc(found, func(a, b entry) int { return strings.Compare(b.Place.Sort, a.Place.Sort) })
	return found, floor, read, nil
}

// hourForm is how the ledger writes an hour.
const hourForm = "2006010215"

// someHours are hours with lines, newest first, and in which accounts.
type someHours struct {
	names []string
	of    map[string][]string
	more  string // the hour to go on from, "" = none
}

func (c *Console) hoursOf(ctx context.Context, accounts []string, from string) (s someHours, err error) {
	s.of = map[string][]string{}
	to := ""
	if from != "" {
		to = from + "~" // this hour included
	}
	cut := ""
	for _, account := range accounts {
		n, last := 0, ""
		for row, err := range c.hours.List(ctx, store.Range{Part: account, To: to, Desc: true, Limit: maxHours}) {
			if err != nil {
				return s, err
			}
			s.of[row.Sort] = append(s.of[row.Sort], account)
			n, last = n+1, row.Sort
		}
		if n == maxHours && last > cut {
			cut = last // of this account older hours may be missing
		}
	}
	for name := range s.of {
		if name >= cut {
			s.names = append(s.names, name)
		}
	}
	slices.Sort(s.names)
	slices.Reverse(s.names)
	if cut != "" && len(s.names) > 0 {
		if at, err := time.Parse(hourForm, cut); err == nil {
			s.more = at.Add(-time.Hour).Format(hourForm)
		}
	}
	return s, nil
}

// row is a line of the ledger with the mention it was about.
type row struct {
	ID      string     `json:"id"`
	At      time.Time  `json:"at"`
	Account string     `json:"account"`
	Network string     `json:"network"`
	Column  string     `json:"column"`
	Reason  string     `json:"reason,omitempty"`
	By      string     `json:"by,omitempty"`
	Author  string     `json:"author,omitempty"`
	Text    string     `json:"text,omitempty"`
	Masked  bool       `json:"masked,omitempty"`
	Created time.Time  `json:"created,omitzero"`
	Feeling string     `json:"sentiment,omitempty"`
	Intent  string     `json:"intent,omitempty"`
	Serious int        `json:"severity,omitempty"`
	Action  string     `json:"action,omitempty"`
	Score   int        `json:"score,omitempty"`
	raw     *mentioned // nil where none is known
}

type mentioned = pipeline.MentionRow

// rows reads the mentions of lines.
func (c *Console) rows(ctx context.Context, q *request, entries []entry) ([]row, error) {
	var keys []store.Key
	at := map[string]int{}
	for _, e := range entries {
		if id := e.Line.Mention; id != "" {
			if _, known := at[id]; !known {
				at[id] = len(keys)
				keys = append(keys, c.mentions.Key(id, "-"))
			}
		}
	}
	known, err := c.mentions.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	out := make([]row, len(entries))
	for i, e := range entries {
		column, _ := e.Line.Final()
		out[i] = row{ID: e.Line.Mention, At: e.Line.At, Account: e.Line.Account, Network: e.Line.Network, Column: column, Reason: why(e.Line)}
		if k, ok := at[e.Line.Mention]; ok && known[k].Version > 0 {
			out[i].fill(q, &known[k].Value)
		}
	}
	return out, nil
}

// fill adds what is known of the mention, as far as the role may see it.
func (r *row) fill(q *request, m *mentioned) {
	r.raw = m
	r.By, r.Author, r.Created = m.Mention.Author.Handle, m.Mention.Author.ID, m.Mention.Created
	r.Text, r.Masked = shownText(q, m)
	d := m.Decision
	r.Feeling, r.Serious, r.Action, r.Score = d.Sentiment, d.Severity, d.Action, d.Score.Total
	if len(d.Intents) > 0 {
		r.Intent = d.Intents[0]
	}
}

// shownText gives the text of a mention as the role may see it: redacted where personal data stood in public, nothing of a
// deleted one, and private messages only for who works with them.
func shownText(q *request, m *mentioned) (text string, masked bool) {
	switch {
	case m.Erased || m.Mention.Deleted:
		return "", true
	case !q.who.reads(m.Mention.Brand, m.Mention.Private):
		return "", true
	case m.Decision.Safe != "":
		return m.Decision.Safe, false
	}
	return m.Mention.Text, false
}

// why tells the reason of a line: its own, and those of its deliveries.
func why(l ledger.Line) string {
	var all []string
	if l.Reason != "" {
		all = append(all, l.Reason)
	}
	for _, d := range l.Deliveries {
		if d.Reason != "" {
			all = append(all, d.Account+": "+d.Reason)
		}
	}
	return strings.Join(all, "; ")
}

// talksOf reads the conversations of mentions as they are now, each once, at most so many.
func (c *Console) talksOf(ctx context.Context, rows []row, most int) ([]store.Row[pipeline.ConversationRow], error) {
	var keys []store.Key
	seen := map[string]bool{}
	for _, r := range rows {
		if r.raw == nil || r.raw.Decision.Conversation == nil || len(keys) == most {
			continue
		}
		if place := flow.Place(r.raw.Decision.Conversation.ID); !seen[place] {
			seen[place] = true
			keys = append(keys, c.talks.Key(place, "current"))
		}
	}
	rowsOf, err := c.talks.Get(ctx, keys...)
	return slices.DeleteFunc(rowsOf, func(t store.Row[pipeline.ConversationRow]) bool { return t.Version == 0 || t.Value.Erased }), err
}
