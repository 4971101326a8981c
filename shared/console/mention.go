package console

import (
	"slices"
	"strings"
	"time"

	"rapport/shared/decide"
	"rapport/shared/decide/phrase"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// columns of the ledger.
var columns = []string{"written", "merged", "filtered", "suppressed", "rejected", "dead", "open"}

type mentionList struct {
	Rows     []row    `json:"rows"`
	Next     string   `json:"next,omitempty"`
	Account  string   `json:"account,omitempty"`
	Column   string   `json:"column,omitempty"`
	Author   string   `json:"author,omitempty"`
	Hour     string   `json:"hour,omitempty"` // 2026-11-20T10: this hour and before it
	Accounts []string `json:"-"`
	Columns  []string `json:"-"`
}

func (c *Console) mentionList(q *request) (answer, error) {
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	l := mentionList{Account: q.value("account"), Column: q.value("column"), Author: q.value("author"), Hour: q.value("hour"), Accounts: places(q.narrowed(plan.Doc)), Columns: columns}
	from := l.Accounts
	if l.Account != "" {
		if !slices.Contains(from, l.Account) {
			return answer{}, fault.New(fault.NotFound, "there is no account %q", l.Account)
		}
		from = []string{l.Account}
	}
	before := q.value("before")
	if before == "" && l.Hour != "" {
		at, err := time.Parse("2006-01-02T15", l.Hour[:min(len(l.Hour), 13)])
		if err != nil {
			return answer{}, wrong("an hour is written as 2026-11-20T10, in UTC")
		}
		before = at.Format(hourForm) + "."
	}
	mark := ""
	if l.Author != "" {
		mark = c.Pipeline.AuthorMark(l.Author)
	}
	entries, next, err := c.newest(q.r.Context(), from, before, pageSize, func(line ledger.Line) bool {
		column, _ := line.Final()
		return (l.Column == "" || column == l.Column) && (mark == "" || line.Author == mark)
	})
	if err != nil {
		return answer{}, err
	}
	l.Next = next
	if l.Rows, err = c.rows(q.r.Context(), q, entries); err != nil {
		return answer{}, err
	}
	return answer{Title: "Mentions", Data: l}, nil
}

type story struct {
	pipeline.Story
	Text    string         `json:"text"`
	Masked  bool           `json:"masked,omitempty"`
	Objects []storedObject `json:"-"`
	Steps   []step         `json:"steps"`
	Correct *wording       `json:"-"`
	Begin   bool           `json:"-"` // an answer may start from a text
}

// step is one thing that happened, for the timeline.
type step struct {
	At   string `json:"at,omitempty"`
	What string `json:"what"`
	Say  string `json:"say,omitempty"`
	Tone string `json:"-"`
}

type storedObject struct {
	Account string
	pipeline.Shown
	Rows []pair
}

type pair struct{ Name, Value string }

func (c *Console) story(q *request) (answer, error) {
	s, err := c.Pipeline.Story(q.r.Context(), q.value("id"))
	if err != nil {
		return answer{}, err
	}
	if !q.mine(s.Mention.Brand) {
		return answer{}, fault.New(fault.NotFound, "no mention %q is known", q.value("id"))
	}
	st := story{Story: s}
	st.Text, st.Masked = shownText(q, &mentioned{Mention: s.Mention, Decision: s.Decision})
	if st.Masked {
		st.mask()
	}
	for _, account := range sortedKeys(st.Records) {
		for _, shown := range st.Records[account] {
			o := storedObject{Account: account, Shown: shown}
			for _, f := range sortedKeys(shown.Fields) {
				o.Rows = append(o.Rows, pair{f, cut(plainValue(shown.Fields[f]), 400)})
			}
			st.Objects = append(st.Objects, o)
		}
	}
	st.steps()
	st.Correct = wordingOf(q, s)
	st.Begin = q.who.answers(s.Mention.Brand) && slices.Contains(phrase.Actions(), s.Decision.Action)
	return answer{Title: "Story", Data: st}, nil
}

// mask takes everything out that repeats the text.
func (st *story) mask() {
	st.Mention.Text, st.Mention.Tags, st.Mention.Extra = "", nil, nil
	st.Decision = decide.Decision{Outcome: st.Decision.Outcome, Sentiment: st.Decision.Sentiment, Severity: st.Decision.Severity, Department: st.Decision.Department,
		Priority: st.Decision.Priority, Action: st.Decision.Action, Due: st.Decision.Due, Score: st.Decision.Score}
	st.Receipts = slices.DeleteFunc(slices.Clone(st.Receipts), func(r decide.Receipt) bool {
		return !slices.Contains([]string{"route", "action", "score", "identity", "filter"}, r.Of)
	})
	st.Records, st.Corrections = nil, nil
	if st.Conversation != nil {
		conv := *st.Conversation
		conv.Turns, conv.Subject = nil, ""
		st.Conversation = &conv
	}
}

func (st *story) steps() {
	const stamp = "2006-01-02 15:04:05"
	add := func(at, what, say, tone string) { st.Steps = append(st.Steps, step{at, what, say, tone}) }
	add(st.Mention.Created.Format(stamp), "said", st.Mention.Network, "calm")
	for _, l := range st.Lines {
		add(l.Line.At.Format(stamp), "received", strings.TrimSpace(string(l.Line.Outcome)+" "+l.Line.Reason), tone(string(l.Line.Outcome)))
		for _, d := range l.Line.Deliveries {
			text := d.Account
			if d.Reason != "" {
				text += ": " + d.Reason
			}
			if d.Record != "" {
				text += " · " + d.Record
			}
			at := ""
			if !d.At.IsZero() {
				at = d.At.Format(stamp)
			}
			add(at, string(d.State), text, tone(string(d.State)))
		}
		if a := l.Amended; a != nil {
			add(a.At.Format(stamp), a.Kind, a.Job, "calm")
		}
	}
}

// met tells whether one of some authors spoke to a brand that the route's roles reach, lately as far as not all of them
// are reached.
func (c *Console) met(q *request, authors ...string) bool {
	if q.scope() == "" {
		return true
	}
	rows, err := c.recentRows(q, 1200)
	return err == nil && slices.ContainsFunc(rows, func(r row) bool { return slices.Contains(authors, r.Author) })
}

// recentRows gives the newest mentions, each once.
func (c *Console) recentRows(q *request, most int) ([]row, error) {
	plan, err := c.plan(q.r.Context())
	if err != nil {
		return nil, err
	}
	entries, _, err := c.newest(q.r.Context(), places(q.narrowed(plan.Doc)), q.value("before"), most, func(l ledger.Line) bool { return l.Mention != "" })
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(q.r.Context(), q, entries)
	seen := map[string]bool{}
	return slices.DeleteFunc(rows, func(r row) bool {
		again := r.raw == nil || seen[r.ID]
		seen[r.ID] = true
		return again
	}), err
}

type talkList struct {
	Rows   []talkRow `json:"rows"`
	State  string    `json:"state,omitempty"`
	States []string  `json:"-"`
	Read   int       `json:"looked_at"`
}

type talkRow struct {
	flow.Conversation
	Late  bool   `json:"late,omitempty"`
	Last  string `json:"last,omitempty"`
	Count int    `json:"count"`
}

func (c *Console) talkList(q *request) (answer, error) {
	ctx := q.r.Context()
	l := talkList{State: q.value("state"), States: []string{"open", "waiting", "answered", "closed", "late"}}
	rows, err := c.recentRows(q, 600)
	if err != nil {
		return answer{}, err
	}
	l.Read = len(rows)
	talks, err := c.talksOf(ctx, rows, 600)
	if err != nil {
		return answer{}, err
	}
	for _, t := range talks {
		if len(l.Rows) >= 100 {
			continue
		}
		r := talkRow{Conversation: t.Value.Conversation, Count: len(t.Value.Conversation.Turns)}
		r.Late = !r.Due.IsZero() && r.AnsweredAt.IsZero() && r.Status != flow.Closed && c.now().After(r.Due)
		hidden := !q.who.reads(r.Brand, r.Private)
		if n := len(r.Turns); n > 0 && !hidden {
			r.Last = r.Turns[n-1].Text
		}
		if hidden {
			r.Subject = ""
		}
		r.Turns = nil
		if l.State == "" || string(r.Status) == l.State || l.State == "late" && r.Late {
			l.Rows = append(l.Rows, r)
		}
	}
	return answer{Title: "Conversations", Data: l}, nil
}

type talk struct {
	flow.Conversation
	Masked  bool                `json:"masked,omitempty"`
	May     bool                `json:"-"` // answer
	Replies []pipeline.ReplyRow `json:"replies,omitempty"`
	Offer   *pipeline.Wording   `json:"offer,omitempty"` // a text to start an answer from; nothing of it is sent by itself
	Actions []string            `json:"-"`               // that have one
	Start   string              `json:"-"`               // of it, where somebody chose one
}

func (c *Console) talk(q *request) (answer, error) {
	ctx, id := q.r.Context(), q.value("id")
	row, err := c.talks.One(ctx, flow.Place(id), "current")
	if err == nil && (row.Version == 0 || row.Value.Conversation.ID != id) {
		if row, err = c.talks.One(ctx, flow.Place(id), id); err == nil && row.Version == 0 {
			row, err = c.talks.One(ctx, flow.Place(id), "current")
		}
	}
	if err != nil {
		return answer{}, err
	}
	if row.Version == 0 || row.Value.Erased || !q.mine(row.Value.Conversation.Brand) {
		return answer{}, fault.New(fault.NotFound, "no conversation %q is known", id)
	}
	t := talk{Conversation: row.Value.Conversation, May: q.who.answers(row.Value.Conversation.Brand)}
	var keys []store.Key
	for _, id := range row.Value.Replies {
		keys = append(keys, c.replies.Key(id, "-"))
	}
	replies, err := c.replies.Get(ctx, keys...)
	if err != nil {
		return answer{}, err
	}
	for _, r := range replies {
		shown := slices.ContainsFunc(t.Turns, func(turn flow.Turn) bool {
			return turn.Direction == flow.Out && r.Value.Reply.Text != "" && strings.Contains(turn.Text, r.Value.Reply.Text)
		})
		if r.Version > 0 && !(shown && r.Value.Reply.State == flow.Sent) {
			t.Replies = append(t.Replies, r.Value)
		}
	}
	if !q.who.reads(t.Brand, t.Private) {
		t.Masked, t.Turns, t.Subject, t.Replies = true, nil, "", nil
	}
	if t.May && !t.Masked {
		t.Actions = phrase.Actions()
		if action := q.value("template"); action != "" && !slices.Contains(t.Actions, action) {
			return answer{}, wrong("no text belongs to %q: use one of %s", action, strings.Join(t.Actions, ", "))
		}
		if t.Offer, err = c.offer(ctx, q, t.Conversation, q.value("template")); err != nil {
			return answer{}, err
		}
		if t.Offer != nil && q.value("template") != "" {
			t.Start = t.Offer.Text
		}
	}
	return answer{Title: "Conversation", Data: t}, nil
}
