package pipeline

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide"
	"rapport/shared/flow"
	"rapport/shared/store"
)

// How many accounts of a person are looked at, and how many mentions of all of them.
const (
	maxNextAuthors  = 12
	maxNextMentions = 60
)

// gather reads what is known of whoever was found: authors, the newest things they said, and the exchanges these belong to.
func (n *asking) gather(ctx context.Context) error {
	if err := n.readAuthors(ctx); err != nil {
		return err
	}
	if err := n.readMentions(ctx); err != nil {
		return err
	}
	nobody := len(n.rows) == 0 && n.person == nil && n.matter == nil
	if far := n.ask.Reach != nil && len(n.mentions) == 0; nobody || far { // who spoke to other brands alone is nobody here
		looked := map[string]string{"author": "ids of authors", "person": "ids of persons", "handle": "handles of whoever had a conversation or is linked",
			"email": "e-mail addresses of CRM records, by their hash", "phone": "phone numbers of CRM records, by their hash", "crm": "records of " + n.ask.CRM, "mention": "ids of mentions"}
		return n.unknown(looked[n.out.By])
	}
	if err := n.readTalks(ctx); err != nil {
		return err
	}
	n.choose()
	n.introduce()
	n.stand()
	return nil
}

// readAuthors reads the accounts, and the person they are linked to. Of whom nothing may be kept, nothing is known.
func (n *asking) readAuthors(ctx context.Context) error {
	var keys []store.Key
	for _, id := range n.authors[:min(len(n.authors), maxNextAuthors)] {
		keys = append(keys, n.p.authors.Key(id, "-"))
	}
	rows, err := n.p.authors.Get(ctx, keys...)
	if err != nil {
		return err
	}
	linked := ""
	for _, r := range rows {
		if r.Version > 0 && !r.Value.Objected {
			n.rows = append(n.rows, r.Value)
			n.told = append(n.told, r.Value.Told...)
			linked = cmp.Or(linked, r.Value.Person)
		}
	}
	if n.person != nil || linked == "" {
		return nil
	}
	row, err := n.p.person(ctx, linked)
	if err != nil {
		return err
	}
	if row.Version == 0 || !row.Value.Erased.IsZero() {
		return nil
	}
	v := row.Value.Person
	n.person = &v
	var others []store.Key
	for _, id := range v.Authors {
		if !slices.Contains(n.authors, id) && len(others) < maxNextAuthors {
			others, n.authors = append(others, n.p.authors.Key(id, "-")), append(n.authors, id)
		}
	}
	more, err := n.p.authors.Get(ctx, others...)
	for _, r := range more {
		if r.Version > 0 && !r.Value.Objected {
			n.rows = append(n.rows, r.Value)
			n.told = append(n.told, r.Value.Told...)
		}
	}
	return err
}

// readMentions reads the newest things that the accounts said, the newest first: their rows name them.
func (n *asking) readMentions(ctx context.Context) error {
	var keys []store.Key
	seen := map[string]bool{}
	if n.matter != nil {
		seen[n.matter.Mention.ID] = true
		n.mentions = append(n.mentions, *n.matter)
	}
	for _, a := range n.rows {
		for _, event := range slices.Backward(a.Applied) {
			id, _, _ := strings.Cut(event, "|")
			if !seen[id] && len(keys) < maxNextMentions {
				seen[id] = true
				keys = append(keys, n.p.mentions.Key(id, "-"))
			}
		}
	}
	rows, err := n.p.mentions.Get(ctx, keys...)
	for _, r := range rows {
		m := r.Value.Mention
		if r.Version > 0 && !r.Value.Erased && !m.Deleted && m.Direction != flow.Out && r.Value.Decision.Outcome == decide.Mention && n.reaches(m.Brand) {
			n.mentions = append(n.mentions, r.Value)
		}
	}
	slices.SortStableFunc(n.mentions, func(a, b MentionRow) int { return b.Mention.Created.Compare(a.Mention.Created) })
	return err
}

// readTalks reads the exchanges of these mentions.
func (n *asking) readTalks(ctx context.Context) error {
	var keys []store.Key
	seen := map[string]bool{}
	for _, m := range n.mentions {
		if c := m.Decision.Conversation; c != nil && !seen[c.ID] {
			seen[c.ID] = true
			keys = append(keys, n.p.conversations.Key(flow.Place(c.ID), current))
		}
	}
	rows, err := n.p.conversations.Get(ctx, keys...)
	if err != nil {
		return err
	}
	if m := n.matter; m != nil && m.Decision.Conversation != nil { // another may have followed it in its place
		row, _, err := n.p.conversation(ctx, m.Decision.Conversation.ID)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	for _, r := range rows {
		c := r.Value.Conversation
		known := slices.ContainsFunc(n.talks, func(t ConversationRow) bool { return t.Conversation.ID == c.ID })
		if r.Version > 0 && !known && !r.Value.Erased && n.reaches(c.Brand) {
			n.talks = append(n.talks, r.Value)
		}
	}
	return nil
}

func waits(c flow.Conversation) bool { return c.Status == flow.Open || c.Status == flow.Waiting }

// choose finds what it is about: the mention that was named; else the gravest thing that waits for an answer, the newest of
// these; else something of these days that nobody has to answer and nobody did.
func (n *asking) choose() {
	of := func(m MentionRow) *ConversationRow {
		for i := range n.talks {
			if c := m.Decision.Conversation; c != nil && n.talks[i].Conversation.ID == c.ID {
				return &n.talks[i]
			}
		}
		return nil
	}
	if n.matter != nil {
		n.talk = of(*n.matter)
		return
	}
	for i := range n.mentions {
		m := &n.mentions[i]
		t := of(*m)
		if t == nil || !waits(t.Conversation) || n.matter != nil && m.Decision.Severity <= n.matter.Decision.Severity {
			continue
		}
		n.matter, n.talk = m, t
	}
	for i := range n.mentions {
		m := &n.mentions[i]
		if n.matter == nil && m.Decision.Conversation == nil && n.now.Sub(m.Mention.Created) < matterFor && !slices.Contains(m.Decision.Intents, "chatter") && !slices.Contains(m.Decision.Intents, "spam") {
			n.matter = m
		}
	}
}

// introduce says who it is.
func (n *asking) introduce() {
	w := &n.out.Who
	met := map[string]bool{}
	for _, m := range n.mentions {
		met[m.Mention.Author.ID] = true
	}
	for _, a := range n.rows {
		if n.ask.Reach == nil || met[a.Author.ID] {
			w.Accounts = append(w.Accounts, flow.Author{ID: a.Author.ID, Handle: a.Author.Handle, Name: a.Author.Name})
			w.Name = cmp.Or(w.Name, a.Author.Name)
		}
	}
	if n.matter != nil && len(w.Accounts) == 0 {
		a := n.matter.Mention.Author
		w.Accounts, w.Name = []flow.Author{{ID: a.ID, Handle: a.Handle, Name: a.Name}}, a.Name
	}
	if n.person != nil {
		w.Person, w.Name = n.person.ID, cmp.Or(n.person.Name, w.Name)
		claims, proofs := 0, 0
		for _, l := range n.person.Links {
			crm, isCRM := n.plan.Doc.CRM(l.To)
			switch {
			case isCRM && n.ask.Reach != nil && !slices.ContainsFunc(n.plan.Doc.Brands, func(b config.Brand) bool { return n.reaches(b.Name) && crm.Serves(b.Name) }):
				continue
			case !isCRM && n.ask.Reach != nil && !met[l.To]:
				continue
			case !isCRM && l.Class == "A":
				proofs++
			case !isCRM:
				claims++
			}
			l.By = ""
			w.Links = append(w.Links, l)
		}
		w.Claimed = claims > 0 && proofs == 0
	}
	w.Score, w.Unscored = n.scored()
}

// stand says how things stand.
func (n *asking) stand() {
	s := &n.out.Standing
	s.Objections = []string{}
	for _, purpose := range refused(n.told) {
		s.Objections = with1(s.Objections, purpose)
	}
	if n.person != nil {
		s.Protected = n.person.Protected
		for _, purpose := range n.person.Objected {
			s.Objections = with1(s.Objections, purpose)
		}
	}
	slices.Sort(s.Objections)
	for _, t := range n.talks {
		c := t.Conversation
		for _, turn := range c.Turns {
			if turn.Direction == flow.Out && turn.At.After(s.Answered) {
				s.Answered = turn.At
			}
		}
		if waits(c) {
			s.Open = append(s.Open, NextTalk{c.ID, c.Brand, c.Network, c.Status, c.Department, c.Priority, c.Severity, c.Private, c.Due})
		}
	}
	slices.SortStableFunc(s.Open, func(a, b NextTalk) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), a.Due.Compare(b.Due))
	})
	for _, a := range n.rows {
		s.Protected = s.Protected || slices.ContainsFunc(n.plan.Doc.Brands, func(b config.Brand) bool { return n.reaches(b.Name) && slices.Contains(b.Protected, a.Author.ID) })
	}
	if n.talk != nil && waits(n.talk.Conversation) {
		s.Due = n.talk.Conversation.Due
		s.Late = !s.Due.IsZero() && n.now.After(s.Due)
	}
	if len(n.mentions) > 0 {
		m := n.mentions[0]
		x := &NextMention{ID: m.Mention.ID, Brand: m.Mention.Brand, Network: m.Mention.Network, At: m.Mention.Created, Private: m.Mention.Private || m.Mention.Kind == flow.Message,
			Sentiment: m.Decision.Sentiment, Intents: m.Decision.Intents, Severity: m.Decision.Severity, Text: m.Mention.Text}
		if m.Decision.Safe != "" {
			x.Text = m.Decision.Safe
		}
		s.Newest = x
	}
}

// answers looks at the answers of the matter's exchange: one that is on its way, and an automatic one as the last word.
func (n *asking) answers(ctx context.Context, at *decide.Moment) error {
	var keys []store.Key
	for _, id := range n.talk.Replies {
		keys = append(keys, n.p.replies.Key(id, "-"))
	}
	rows, err := n.p.replies.Get(ctx, keys...)
	sent, said := time.Time{}, n.out.Standing.Answered
	for _, r := range rows {
		v := r.Value
		if r.Version == 0 || v.Reply.Conversation != n.talk.Conversation.ID {
			continue
		}
		switch v.Reply.State {
		case flow.Draft, flow.Approved, flow.Sending:
			at.Pending, n.out.Standing.Pending = true, v.Reply.State
		case flow.Sent:
			if v.Ended.After(sent) {
				sent, at.Loop = v.Ended, v.Reply.Rule != "" && waits(n.talk.Conversation)
			}
			if v.Ended.After(n.out.Standing.Answered) {
				n.out.Standing.Answered = v.Ended
			}
		}
	}
	at.Loop = at.Loop && !said.After(sent.Add(time.Minute)) // else somebody spoke since, with another tool
	return err
}
