package decide

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/decide/route"
	"rapport/shared/expression"
	"rapport/shared/flow"
)

// Lengths in characters as people count them.
const (
	turnLength    = 1000
	subjectLength = 70
)

// at is when the event happened, as far as anybody knows, never in the future.
func (w *draft) at() time.Time {
	t := w.in.Event.At
	if t.IsZero() {
		t = w.m.Created
	}
	if t.IsZero() || t.After(w.in.Now) {
		t = w.in.Now
	}
	return t.UTC()
}

// copied gives the present conversation in a form that may be changed; nil if there is none.
func (w *draft) copied() *flow.Conversation {
	if w.in.Conversation == nil {
		return nil
	}
	c := *w.in.Conversation
	c.Turns = slices.Clone(c.Turns)
	return &c
}

// changed finishes a conversation that differs from before.
func (w *draft) changed(c *flow.Conversation) *flow.Conversation {
	c.Revision++
	c.Updated = w.in.Now
	return c
}

// deleted blanks what is gone. Where nothing that asks for an answer is left, the clock stops.
func (w *draft) deleted() *flow.Conversation {
	c := w.copied()
	if c == nil {
		w.say("conversation", "deleted; it belongs to no conversation")
		return nil
	}
	i := slices.IndexFunc(c.Turns, func(t flow.Turn) bool { return t.Mention == w.m.ID })
	if i < 0 || c.Turns[i].Deleted {
		return nil
	}
	words := ""
	for k := i; k < len(c.Turns); k++ { // with its edits
		if t := &c.Turns[k]; t.Mention == w.m.ID {
			if t.Text != "" {
				words = opening(t.Text)
			}
			t.Text, t.Deleted = "", true
		}
	}
	if words != "" && strings.HasSuffix(c.Subject, words) {
		c.Subject = strings.TrimSuffix(c.Subject, words) + "deleted by the author"
	}
	w.say("conversation", "the text is blanked: its author deleted it")
	left := slices.ContainsFunc(c.Turns, func(t flow.Turn) bool { return t.Direction != flow.Out && !t.Deleted })
	if !left && (c.Status == flow.Open || c.Status == flow.Waiting) {
		c.Status, c.ClosedAt, c.Due = flow.Closed, w.at(), time.Time{}
		w.say("conversation", "closed: nothing is left to answer")
	}
	return w.changed(c)
}

// answered records what the brand said: the clock stops, unless the author has said more since.
func (w *draft) answered() *flow.Conversation {
	c := w.copied()
	if c == nil {
		w.say("conversation", "the brand's own words; no conversation waits for them")
		return nil
	}
	last := lastIn(c)
	if !w.turn(c, w.m.Text) {
		return nil
	}
	c.Answer(w.said())
	if at := w.said(); !at.Before(last) && c.Status != flow.Closed {
		if c.Status != flow.Answered {
			c.AnsweredAt = at
			w.say("conversation", "answered")
		}
		c.Status = flow.Answered
	}
	return w.changed(c)
}

// lastIn is when the author last said something.
func lastIn(c *flow.Conversation) time.Time {
	var last time.Time
	for _, t := range c.Turns {
		if t.Direction != flow.Out && !t.Edited && t.At.After(last) {
			last = t.At
		}
	}
	return last
}

// said is when the mention was made.
func (w *draft) said() time.Time {
	if w.m.Created.IsZero() {
		return w.at()
	}
	return w.m.Created
}

// turn adds the mention's turn, or that of its edit, and tells whether that changed anything. Turns stay in the order of time.
func (w *draft) turn(c *flow.Conversation, text string) bool {
	t := flow.Turn{Mention: w.m.ID, Direction: flow.In, By: w.author.Handle, At: w.said(), Text: expression.Cut(text, turnLength), Permalink: w.m.Permalink}
	if w.own() {
		t.Direction = flow.Out
	}
	for i := len(c.Turns) - 1; i >= 0; i-- {
		if c.Turns[i].Mention == t.Mention {
			return w.edited(c, i, t)
		}
	}
	insert(c, t)
	return true
}

// edited adds the turn of an edit: who reads the exchange sees when the words became what they are. The words before are not
// kept, as the author took them back. old is the index of the mention's newest turn.
func (w *draft) edited(c *flow.Conversation, old int, t flow.Turn) bool {
	was := &c.Turns[old]
	if was.Deleted || was.Text == t.Text {
		return false
	}
	if words := opening(was.Text); words != "" && strings.HasSuffix(c.Subject, words) {
		c.Subject = strings.TrimSuffix(c.Subject, words) + opening(t.Text)
	}
	if w.own() && w.in.Before == nil { // an answer of ours as the network shows it
		was.Text = t.Text
		return true
	}
	t.Edited = true
	if t.At = w.m.Edited.UTC(); !t.At.After(was.At) {
		t.At = w.at()
	}
	if !t.At.After(was.At) {
		t.At = was.At
	}
	was.Text, was.Replaced = "", true
	insert(c, t)
	return true
}

// Restored gives an exchange the words of a mention back, where an attempt with older ones, lost, wrote those there and then gave way to what is known.
func Restored(c flow.Conversation, m flow.Mention, lost string) (flow.Conversation, bool) {
	at, before := -1, -1
	for i, t := range c.Turns {
		switch {
		case t.Mention != m.ID:
		case t.Replaced:
			before = i
		default:
			at = i
		}
	}
	words := expression.Cut(m.Text, turnLength)
	if at < 0 || c.Turns[at].Deleted || c.Turns[at].Text == words || c.Turns[at].Text != expression.Cut(lost, turnLength) {
		return c, false
	}
	if said := opening(lost); said != "" && strings.HasSuffix(c.Subject, said) {
		c.Subject = strings.TrimSuffix(c.Subject, said) + opening(m.Text)
	}
	c.Turns = slices.Clone(c.Turns)
	if before < 0 {
		c.Turns[at].Text = words
	} else {
		c.Turns[before].Text, c.Turns[before].Replaced = words, false
		c.Turns = slices.Delete(c.Turns, at, at+1)
	}
	c.Revision++
	return c, true
}

// insert puts a turn where its time wants it. What is as old as another stands behind it where it is an edit, else by its id.
func insert(c *flow.Conversation, t flow.Turn) {
	i, found := slices.BinarySearchFunc(c.Turns, t, func(a, b flow.Turn) int {
		if n := a.At.Compare(b.At); n != 0 {
			return n
		}
		return strings.Compare(a.Mention, b.Mention)
	})
	for ; found && i < len(c.Turns) && c.Turns[i].Mention == t.Mention && c.Turns[i].At.Equal(t.At); i++ {
	}
	c.Turns = slices.Insert(c.Turns, i, t)
	if over := len(c.Turns) - flow.MaxTurns; over > 0 {
		c.Turns = c.Turns[over:]
	}
}

// actionable tells whether somebody has to do something about the mention.
func (w *draft) actionable() bool {
	if w.Severity > 0 {
		return true
	}
	return slices.ContainsFunc(w.Intents, func(i string) bool {
		switch i {
		case "complaint", "question", "purchase", "churn", "legal", "press", "job":
			return true
		case "idea":
			return w.Action != "watch" && w.Action != "no_action"
		}
		return false
	})
}

// next gives the conversation's next state; nil where none is touched.
func (w *draft) next() *flow.Conversation {
	text := w.m.Text
	if w.Safe != "" {
		text = w.Safe
	}
	c, act := w.copied(), w.actionable()
	spam := slices.Contains(w.Intents, "spam")
	if c != nil && c.Status == flow.Closed && w.said().Sub(c.ClosedAt) > w.brand.reopen {
		if !act && (!private(*w.m) || spam) {
			return nil
		}
		return w.open(text, c)
	}
	if c == nil {
		if !act && !private(*w.m) && w.Answer == "" || spam {
			w.Answer, w.AnswerBy, w.Notice = "", "", ""
			return nil
		}
		return w.open(text, nil)
	}
	known := slices.ContainsFunc(c.Turns, func(t flow.Turn) bool { return t.Mention == w.m.ID })
	again := w.in.Event.Verb == flow.Correct && known
	if !w.turn(c, text) && !again {
		return nil
	}
	if again {
		w.amend(c, act)
		w.deserve(c, act)
		return w.changed(c)
	}
	w.merge(c, act, known)
	return w.changed(c)
}

// merge brings a mention into a conversation that is there. An edit of something known moves no status.
func (w *draft) merge(c *flow.Conversation, act, known bool) {
	before, left := c.Status, w.left(c)
	late := c.Status == flow.Answered && w.said().Before(c.AnsweredAt)
	switch {
	case known || late || slices.Contains(w.Intents, "spam"):
	case c.Status == flow.Answered && !slices.Contains(w.Intents, "praise"), c.Status == flow.Closed && act, c.Status == flow.Open && act:
		c.Status, c.AnsweredAt, c.ClosedAt = flow.Waiting, time.Time{}, time.Time{}
	}
	if before == flow.Closed && c.Status == flow.Waiting {
		c.ReopenedAt = w.at()
	}
	if w.source() != "history" {
		c.Source = w.source()
	}
	if act {
		if c.Department == "" || c.Department == "none" || route.Rank(w.Priority) > route.Rank(c.Priority) {
			c.Department, c.Queue = w.Department, w.queue()
		}
		if route.Rank(w.Priority) > route.Rank(c.Priority) {
			c.Priority = w.Priority
		}
		c.Severity = max(c.Severity, w.Severity)
		c.Action = w.Action
	}
	w.profile(c)
	switch {
	case c.Status == flow.Waiting && before != flow.Waiting:
		w.say("conversation", "%s before, waits for us now", before)
		w.restart(c, left)
	case c.Status == flow.Waiting && act:
		w.owe(c, 0)
	}
	w.deserve(c, act)
}

// open begins a conversation, the first or one that follows a closed one.
func (w *draft) open(text string, previous *flow.Conversation) *flow.Conversation {
	id := flow.ConversationID(w.m.Account, w.m.Thread(), w.m.Author.ID, private(*w.m))
	c := &flow.Conversation{
		ID: id, Account: w.m.Account, Brand: w.m.Brand, Network: w.m.Network, Private: private(*w.m), Status: flow.Open, Number: 1,
		Opened: w.said().UTC(), Start: w.m.ID, Received: w.in.Received, Source: w.source(), Department: w.Department, Queue: w.queue(), Priority: w.Priority, Severity: w.Severity, Action: w.Action,
	}
	if !c.Private {
		c.Root = w.m.Thread()
	}
	if previous != nil {
		c.Number, c.Previous = max(previous.Number, 1)+1, previous.ID
		c.ID = id + "." + strconv.Itoa(c.Number)
		c.Revision = 0
		w.say("conversation", "a new one, number %d here: the last was closed too long ago", c.Number)
	} else {
		w.say("conversation", "opened")
	}
	c.Subject = w.subject(text)
	w.turn(c, text)
	w.profile(c)
	act := w.actionable()
	if act {
		c.Status = flow.Waiting
		w.owe(c, 0)
	}
	w.deserve(c, act)
	return w.changed(c)
}

// profile brings author, person and reply window up to date.
func (w *draft) profile(c *flow.Conversation) {
	if a := w.author; a.ID != "" { // enough to tell and to answer; the rest stays with the author
		c.Author = flow.Author{ID: a.ID, Handle: a.Handle, Name: a.Name, URL: a.URL, Counted: a.Counted, Followers: a.Followers, Verified: a.Verified}
	}
	if w.Person != "" {
		c.Person = w.Person
	}
	if w.m.ReplyUntil.After(c.ReplyUntil) {
		c.ReplyUntil = w.m.ReplyUntil
	}
}

// deserve marks what a CRM should have a case for. The past makes none.
func (w *draft) deserve(c *flow.Conversation, act bool) {
	if c.Case || !act || w.history() || c.Department == "" || c.Department == "none" {
		return
	}
	c.Case = true
	w.say("conversation", "a case for %s", c.Department)
}

// subject is a title: what it is, and the first words.
func (w *draft) subject(text string) string {
	kind := w.Intents[0]
	if w.Complaint {
		kind = "complaint"
	}
	title := kind
	if w.Lang == "de" {
		title = german(kind)
	}
	return strings.ToUpper(title[:1]) + title[1:] + ": " + opening(text)
}

// opening is how a text begins, on one line.
func opening(text string) string {
	var b strings.Builder
	b.Grow(2 * subjectLength)
	for word := range strings.FieldsSeq(text) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		if b.Len() > 6*subjectLength {
			break // enough of the widest letters
		}
	}
	line := b.String()
	// Letters of Latin scripts are characters of their own; only others have to be counted as people see them.
	seen, end := 0, 0
	for i, r := range line {
		if r >= 0x300 {
			return expression.Cut(line, subjectLength)
		}
		if seen == subjectLength-1 {
			end = i
		}
		if seen++; seen > subjectLength {
			return strings.TrimRight(line[:end], " ") + "…"
		}
	}
	return line
}

func german(intent string) string {
	switch intent {
	case "complaint":
		return "beschwerde"
	case "question":
		return "frage"
	case "praise":
		return "lob"
	case "purchase":
		return "kaufinteresse"
	case "idea":
		return "vorschlag"
	case "churn":
		return "kündigung"
	case "legal":
		return "rechtliches"
	case "press":
		return "presse"
	case "job":
		return "bewerbung"
	}
	return "nachricht"
}
