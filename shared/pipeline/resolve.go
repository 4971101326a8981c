package pipeline

import (
	"slices"
	"strings"
	"time"

	"rapport/shared/decide"
	"rapport/shared/decide/score"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
)

// seen finds the line that an event of this mention became.
func (r MentionRow) seen(event string) (ledger.Place, bool) {
	for _, e := range r.Events {
		if e.ID == event {
			return e.Line, true
		}
	}
	return ledger.Place{}, false
}

// decide settles one event on the world as the events before it in the round left it, and changes the rows it touches.
func (w *world) decide(o *one) {
	if w.rests(o) {
		return
	}
	defer w.confess(o)
	row := w.mentions[o.event.Mention.ID]
	if a := w.authors[o.event.Mention.Author.ID]; row.Value.Mention.Deleted || a != nil && a.Value.Objected {
		o.body.barred = true // else what is gone comes back with its neighbours
	}
	if at, ok := row.Value.seen(o.id); ok {
		o.settled, o.known = true, true
		if at == o.place { // our own earlier attempt got that far
			o.resumed, o.known = true, false
			w.sum(o, row.Value.Decision, row.Value.Events[0].ID != o.id)
			o.left = row.Value.Decision.Outcome == string(ledger.Filtered) && row.Value.Decision.Reason == deletedBefore
			w.owe(o, row.Value.Decision)
			if row.Value.Decision.Alert != "" { // whoever died may not have told it
				w.alerts = append(w.alerts, alert{o, row.Value.Decision.Alert})
			}
			w.speak(o, row.Value.Decision)
			w.remindAgain(w.exchange(o))
			return
		}
		o.line.Outcome, o.line.Reason = ledger.Merged, "the same event came before"
		return
	}
	left := false
	if reason := outdated(row.Value, exists(row), o.event); reason != "" && w.leftover(o, row) {
		left = true
		o.event.Verb, o.event.At = flow.Delete, row.Value.At
		m := &o.event.Mention
		m.Deleted, m.Text, m.Media, m.Links, m.Extra = true, "", nil, nil, nil
	} else if reason != "" {
		o.settled, o.known = true, true
		o.line.Outcome, o.line.Reason = ledger.Merged, reason
		w.restore(o, row)
		return
	}
	if o.event.Verb == flow.Correct {
		if reason := uncorrected(row, o.event.Correction); reason != "" {
			o.settled, o.line.Outcome, o.line.Reason = true, ledger.Filtered, reason
			return
		}
		o.line.Source = row.Value.Source
	}
	switch {
	case o.event.Verb == flow.Reaction:
		w.react(o, row)
	case o.event.Verb == flow.Delete && !exists(row):
		// Remembered, so that the mention itself does not come back when it arrives late.
		w.remember(o, row, decide.Decision{Outcome: string(ledger.Filtered), Reason: "deletes what never came"})
		author := w.authors[row.Value.Mention.Author.ID]
		row.Value.Mention.Author = flow.Author{ID: row.Value.Mention.Author.ID} // no profile is needed for that
		if author != nil && author.Value.Objected {
			row.Value.Mention.Author = flow.Author{}
		}
		o.line.Outcome, o.line.Reason = ledger.Filtered, "deletes what never came"
	default:
		o.inputs = w.inputs(o)
		d := w.plan.Decider.Decide(*o.inputs)
		if left && d.Outcome == string(ledger.Mention) { // no CRM was told of the mention
			d.Outcome, d.Reason, o.left = string(ledger.Filtered), deletedBefore, true
		}
		if w.apply(o, row, d); left {
			o.inputs, o.made = nil, nil // nor is anything archived of it
		}
	}
	o.settled = true
}

// exists tells whether a row is in the store, or will be after this round.
func exists[T any](r *held[T]) bool { return r != nil && (r.Version > 0 || r.dirty) }

// deletedBefore is why nothing is done about what the author deleted before it came.
const deletedBefore = "deleted before"

// outdated tells why an event says nothing new, "" if it does.
func outdated(known MentionRow, exists bool, e flow.Event) string {
	switch {
	case !exists:
		return ""
	case known.Mention.Deleted:
		return deletedBefore
	case (e.Verb == flow.New || e.Verb == flow.Edit) && e.At.Before(known.At):
		return "older than what is known"
	case e.Verb == flow.New && e.At.Equal(known.At) && known.Mention.Edited.After(e.Mention.Edited):
		return "older than what is known"
	}
	return ""
}

// confess notes in the line of an author who objects where an earlier attempt may have left traces, so that they are erased.
func (w *world) confess(o *one) {
	if a := w.authors[o.event.Mention.Author.ID]; a != nil && a.Value.Objected {
		o.line.Exchange = o.exchange
	}
}

// restore sees to it that a conversation, here and in the CRMs, shows what is known, not the older words of an attempt that lost to it.
func (w *world) restore(o *one, row *held[MentionRow]) {
	c := w.exchange(o)
	if row.Value.Mention.Deleted || !exists(c) {
		return
	}
	if is, changed := decide.Restored(c.Value.Conversation, row.Value.Mention, o.event.Mention.Text); changed {
		is.Updated = w.now
		c.Value.Conversation, c.dirty, o.left = is, true, true
	}
}

// leftover tells whether a conversation shows what is deleted: an attempt wrote it there and then lost to the deletion. What it
// left goes the way of what is deleted.
func (w *world) leftover(o *one, row *held[MentionRow]) bool {
	c := w.exchange(o)
	return row.Value.Mention.Deleted && exists(c) && slices.ContainsFunc(c.Value.Conversation.Turns, func(t flow.Turn) bool {
		return t.Mention == o.event.Mention.ID && !t.Deleted
	})
}

// react takes in new counts of likes, shares and comments.
func (w *world) react(o *one, row *held[MentionRow]) {
	o.line.Outcome, o.line.Reason, o.known = ledger.Merged, "reactions counted", true
	if !exists(row) {
		o.line.Outcome, o.line.Reason = ledger.Filtered, "reaction to what never came"
		return
	}
	old, m := row.Value.Mention, o.event.Mention
	more := float64(m.Likes + m.Shares + m.Comments - old.Likes - old.Shares - old.Comments)
	if a := w.authors[m.Author.ID]; a != nil && more > 0 && a.Value.Score.Version != "" && !slices.Contains(a.Value.Applied, o.id) {
		a.Value.Seen.Reactions += more
		a.Value.Applied = last(append(a.Value.Applied, o.id), maxApplied)
		a.dirty = true
	}
	w.grown(o, row)
	row.Value.Mention = m
	row.Value.Events = last(append(row.Value.Events, EventRef{o.id, o.place}), maxEvents)
	row.dirty = true
}

// grown looks whether reactions make a complaint one that people must hear of; then the CRMs learn of it too.
func (w *world) grown(o *one, row *held[MentionRow]) {
	if !row.Value.Decision.Complaint || row.Value.Decision.Alert != "" {
		return
	}
	in := w.inputs(o)
	d := w.plan.Decider.Decide(*in)
	if d.Alert == "" {
		return
	}
	o.inputs, o.made, o.known = in, &d, false
	row.Value.Decision.Alert, row.Value.Decision.Urgent = d.Alert, true
	row.Value.Revision++
	w.alerts = append(w.alerts, alert{o, d.Alert})
	w.owe(o, row.Value.Decision)
}

// alert is what people must hear of at once. It holds no content.
type alert struct {
	of  *one
	say string
}

// inputs gathers what the decision may look at.
func (w *world) inputs(o *one) *decide.Inputs {
	m := o.event.Mention
	in := &decide.Inputs{Now: w.now, Received: o.env.At, Config: w.plan.Doc.Hash, Model: decide.Model, Event: o.event, Source: o.line.Source,
		MayMatch: o.profile.MayMatch, MayScore: o.profile.MayScore}
	if in.Source == "" {
		in.Source = "live"
	}
	if row := w.mentions[m.ID]; exists(row) {
		before := row.Value.Mention
		in.Before, in.Corrections = &before, row.Value.corrections(o.event.Correction)
	}
	_, can := w.p.Networks[o.account.Kind].(network.Replier)
	in.NoReply, in.NoPrivate = !can, can && !w.p.infos[o.account.Kind].Private
	if a := w.authors[m.Author.ID]; exists(a) {
		known := a.Value.Author
		in.Known, in.Seen, in.Objected, in.Refuses = &known, a.Value.Seen, a.Value.Objected, refused(a.Value.Told)
		in.Unscored = a.Value.Unscored
		if p := w.person(a.Value.Person); p != nil {
			w.p.veilStaff(nil, p)
			in.Person, in.Consented = p, p.Consented
		}
	}
	if c := w.exchange(o); exists(c) {
		known := c.Value.Conversation
		known.Turns = slices.Clone(known.Turns)
		w.p.veilStaff(&known, nil)
		in.Conversation = &known
	}
	in.Candidates, in.People = w.candidates(o), w.crowdOf
	in.Crowd, _ = w.crowd(o)
	in.Crisis = w.crisis[m.Brand] && o.line.Source != history
	if w.unsynced[m.Brand] {
		in.Unknown = append(in.Unknown, decide.UnknownKeys)
	}
	return in
}

// crowd tells as which of those who complain under one post an author would count: 0 = was counted before, or does not
// matter.
func (w *world) crowd(o *one) (int, *held[ThreadRow]) {
	t := w.threads[o.event.Mention.Thread()]
	if t == nil || o.event.Verb != flow.New || o.line.Source == history {
		return 0, nil
	}
	short := w.p.authorHash(o.event.Mention.Author.ID)
	for i, c := range t.Value.Crowd {
		if c.Author == short {
			if c.Mention == o.event.Mention.ID { // an attempt that died half way
				return i + 1, nil
			}
			return 0, nil
		}
	}
	return len(t.Value.Crowd) + 1, t
}

// crowdFor is how long those who complain under one post are remembered, from the last on.
const crowdFor = 30 * 24 * time.Hour

// gatherCrowd counts an author among those who complain under one post, until there are enough for the alert.
func (w *world) gatherCrowd(o *one, d decide.Decision) {
	if n, t := w.crowd(o); d.Complaint && t != nil && n <= decide.Crowd(w.plan.Doc.Brand(o.event.Mention.Brand)) {
		t.Value.Crowd = append(slices.Clone(t.Value.Crowd), Complainant{w.p.authorHash(o.event.Mention.Author.ID), o.event.Mention.ID})
		t.Expires, t.dirty = w.now.Add(crowdFor), true
	}
}

// exchange gives the conversation that an event belongs to: the present one of its place, or the one that its mention was
// put into before another followed.
func (w *world) exchange(o *one) *held[ConversationRow] {
	if at := w.mentions[o.event.Mention.ID].Value.Decision.Conversation; at != nil {
		if c := w.past[at.ID]; exists(c) {
			return c
		}
	}
	if o.event.Mention.Direction == flow.Out && o.exchange == "" {
		o.exchange = w.placeOf(o.event.Mention, 0) // what it answers may have come in this very batch
	}
	return w.conversations[o.exchange]
}

// person gives a person by id, through merges.
func (w *world) person(id string) *flow.Person {
	for range 4 {
		row := w.people[id]
		if id == "" || !exists(row) || !row.Value.Erased.IsZero() {
			return nil
		}
		if row.Value.Person.Merged == "" {
			p := row.Value.Person
			return &p
		}
		id = row.Value.Person.Merged
	}
	return nil
}

// apply changes the rows as a decision says.
func (w *world) apply(o *one, row *held[MentionRow], d decide.Decision) {
	o.line.Outcome, o.line.Reason = ledger.Outcome(d.Outcome), d.Reason
	if o.inputs.Objected || d.Outcome == string(ledger.Suppressed) {
		o.inputs, o.line.Outcome = nil, ledger.Suppressed // nothing of it is kept
		return
	}
	o.made = &d
	w.sum(o, d, o.inputs.Before != nil)
	if d.Alert != "" {
		w.alerts = append(w.alerts, alert{o, d.Alert})
	}
	w.gatherCrowd(o, d)
	w.doubt(o, d)
	w.remember(o, row, d)
	w.applyAuthor(o, d)
	w.applyConversation(d)
	w.speak(o, row.Value.Decision)
	w.owe(o, d)
}

// answer is what a rule wants to say.
type answer struct {
	of   *one
	made decide.Decision
}

// speak notes that a rule answers, where the account lets rules do that.
func (w *world) speak(o *one, d decide.Decision) {
	if d.Answer != "" && d.Conversation != nil && o.account.Replies == "on" {
		w.answers = append(w.answers, answer{o, d})
	}
}

// remember writes a mention down with the event that made it so.
func (w *world) remember(o *one, row *held[MentionRow], d decide.Decision) {
	v := &row.Value
	at := v.Decision.Conversation
	told := o.event.At
	if o.event.Verb == flow.Correct { // what the network tells is as old as it was
		told = v.At
	}
	if v.Corrections = v.corrections(o.event.Correction); o.event.Verb == flow.Delete {
		v.Corrections = nil
	}
	v.Mention, v.Decision, v.Source, v.At = o.event.Mention, d, o.line.Source, told
	if o.event.Verb == flow.Delete {
		v.Mention.Deleted = true
	}
	// What other rows and the archive hold is not kept twice.
	v.Decision.Conversation, v.Decision.Seen = nil, decide.Seen{}
	if !soon(o.profile) {
		v.Decision.Receipts = nil
	}
	v.Decision.Score, v.Decision.Combined = lean(v.Decision.Score), lean(v.Decision.Combined)
	v.Decision.Suggest = bare(v.Decision.Suggest)
	switch c := d.Conversation; {
	case c != nil:
		v.Decision.Conversation = &flow.Conversation{ID: c.ID, Revision: c.Revision}
	case at != nil:
		v.Decision.Conversation = at
	default: // an attempt that died half way may have put it there
		v.Decision.Conversation = w.turned(o)
	}
	v.Revision++
	v.Events = last(append(v.Events, EventRef{o.id, o.place}), maxEvents)
	row.dirty = true
}

// turned points at the conversation that holds a turn of the mention already, nil if none does.
func (w *world) turned(o *one) *flow.Conversation {
	c := w.exchange(o)
	if !exists(c) || !slices.ContainsFunc(c.Value.Conversation.Turns, func(t flow.Turn) bool { return t.Mention == o.event.Mention.ID }) {
		return nil
	}
	w.remindAgain(c)
	return &flow.Conversation{ID: c.Value.Conversation.ID, Revision: c.Value.Conversation.Revision}
}

// remindAgain makes sure of the reminder of an attempt that died half way.
func (w *world) remindAgain(c *held[ConversationRow]) {
	if exists(c) && !c.Value.Conversation.Due.IsZero() && c.Value.Conversation.Status == flow.Waiting {
		if row, ok := w.p.reminder(w.plan, c.Value.Conversation); ok {
			w.reminders = append(w.reminders, row)
		}
	}
}

// applyAuthor keeps profile, score and link of the author.
func (w *world) applyAuthor(o *one, d decide.Decision) {
	m := o.event.Mention
	a := w.authors[m.Author.ID]
	if a == nil || m.Direction == flow.Out || o.event.Verb == flow.Delete {
		return
	}
	if a.Value.First.IsZero() {
		a.Value.First = w.now
	}
	if m.Author.Newer(a.Value.Author) {
		a.Value.Author = m.Author
	}
	if !slices.Contains(a.Value.Applied, o.id) {
		a.Value.Seen = d.Seen
		a.Value.Applied = last(append(a.Value.Applied, o.id), maxApplied)
	}
	if d.Outcome == string(ledger.Mention) {
		a.Value.Score = lean(d.Score)
	}
	if o.judged.Print != "" {
		a.Value.Judged = o.judged
	}
	a.dirty = true
	id := d.Person
	if id == "" {
		id = w.newcomer(o, d)
	}
	if p := w.people[id]; id != "" && exists(p) {
		a.Value.Person = id
		w.applyPerson(p, m.Author.ID, d)
	}
}

// applyPerson lets a person have an author, with the evidence, and its score.
func (w *world) applyPerson(row *held[PersonRow], author string, d decide.Decision) {
	p, changed := &row.Value.Person, false
	if !slices.Contains(p.Authors, author) {
		p.Authors, changed = append(p.Authors, author), true
		if d.Link != nil {
			p.Links = append(p.Links, *d.Link)
		}
	}
	if d.Outcome == string(ledger.Mention) && score.Note(p, author, lean(d.Score)) {
		changed = true
	}
	if changed {
		p.Updated = w.now
		p.Revision++
		row.dirty = true
	}
}

// personOf gives the id of the person that is made of an author.
func (p *Pipeline) personOf(author string) string { return "p" + p.hashed("person", author) }

// newcomer makes a person of an author who wrote privately and left an e-mail or phone, where a CRM account wants that.
func (w *world) newcomer(o *one, d decide.Decision) string {
	m := o.event.Mention
	if !m.Private || slices.Contains(o.inputs.Refuses, "matching") || o.line.Source == history || w.unsynced[m.Brand] || !slices.ContainsFunc(d.Found, func(e decide.Entity) bool { return e.Kind == "email" || e.Kind == "phone" }) {
		return ""
	}
	accepted := map[string]bool{}
	for _, c := range w.plan.Doc.CRMs {
		if c.Person == "create" && c.Serves(m.Brand) {
			accepted[c.Name] = true
		}
	}
	if len(accepted) == 0 {
		return ""
	}
	id := w.p.personOf(m.Author.ID)
	row := w.people[id]
	if row == nil {
		row = &held[PersonRow]{}
		row.Part, row.Sort = id, "-"
		w.people[id] = row
	}
	if !exists(row) {
		row.Value.Person = flow.Person{ID: id, Name: m.Author.Name, Accepted: accepted, Updated: w.now}
		row.dirty = true
	}
	return id
}

// applyConversation keeps the next state of an exchange; where a new one follows, the earlier keeps a row of its own.
func (w *world) applyConversation(d decide.Decision) {
	c := d.Conversation
	if c == nil {
		return
	}
	if past := w.past[c.ID]; exists(past) {
		owner := w.p.ownerOf(past.Value.Conversation, c.Owner)
		past.Value.Conversation, past.dirty = *c, true
		past.Value.Conversation.Owner = owner
		return
	}
	row := w.conversations[flow.Place(c.ID)]
	if row == nil {
		row = &held[ConversationRow]{}
		row.Part, row.Sort = flow.Place(c.ID), current
		w.conversations[flow.Place(c.ID)] = row
	}
	if was := row.Value.Conversation; was.ID != "" && was.ID != c.ID {
		earlier := &held[ConversationRow]{dirty: true}
		earlier.Part, earlier.Sort, earlier.Value = flow.Place(was.ID), was.ID, row.Value
		w.earlier = append(w.earlier, earlier)
	}
	next := ConversationRow{Conversation: *c, Replies: row.Value.Replies}
	next.Conversation.Owner = w.p.ownerOf(row.Value.Conversation, c.Owner)
	if row.Value.Conversation.ID == c.ID {
		next.Named, next.Reminded = row.Value.Named, row.Value.Reminded
	}
	if !c.Due.IsZero() && !c.Due.Equal(row.Value.Conversation.Due) {
		if reminder, ok := w.p.reminder(w.plan, *c); ok {
			w.reminders = append(w.reminders, reminder)
			next.remind(reminder.Part, w.now)
		}
	}
	row.Value = next
	row.dirty = true
}

// owe fills in which CRM accounts must come to hold the mention.
func (w *world) owe(o *one, d decide.Decision) {
	if d.Outcome != string(ledger.Mention) {
		return
	}
	o.line.Outcome = ledger.Mention
	brand := o.event.Mention.Brand
	o.line.Deliveries = nil
	for _, c := range w.plan.Doc.CRMs {
		if c.Serves(brand) && w.wanted(c.Name, brand, d) {
			o.line.Deliveries = append(o.line.Deliveries, ledger.Delivery{Account: c.Name, State: ledger.Queued})
		}
	}
	if len(o.line.Deliveries) == 0 {
		o.line.Outcome, o.line.Reason = ledger.Filtered, noTaker
	}
}

// wanted tells whether an account's mapping has a place for what the decision touched.
func (w *world) wanted(account, brand string, d decide.Decision) bool {
	if len(w.plan.Mapping.For(account, flow.KindMention, brand)) > 0 {
		return true
	}
	if d.Conversation != nil && len(w.plan.Mapping.For(account, flow.KindConversation, brand)) > 0 {
		return true
	}
	return d.Person != "" && len(w.plan.Mapping.For(account, flow.KindPerson, brand)) > 0
}

// lean leaves out the parts of a score that gave nothing; the archive has them.
func lean(s flow.Score) flow.Score {
	s.Parts = slices.DeleteFunc(slices.Clone(s.Parts), func(p flow.ScorePart) bool { return p.Points == 0 })
	return s
}

// last keeps the newest n.
func last[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	return slices.Clone(list[len(list)-n:])
}

// lane tells which deliver lane a decision goes to.
func urgent(d decide.Decision, source string) bool {
	return d.Urgent && !strings.EqualFold(source, history)
}
