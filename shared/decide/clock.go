package decide

import (
	"time"

	"rapport/shared/flow"
)

// queue is the routing rule that sent the mention to its department, "" where the text did.
func (w *draft) queue() string {
	if w.Route == "text" {
		return ""
	}
	return w.Route
}

// left is how much working time was left when the brand answered: where the clock only pauses while the author is to speak,
// it goes on with that. 0 = a new clock begins.
func (w *draft) left(c *flow.Conversation) time.Duration {
	if !w.brand.Pause || c.Status != flow.Answered || c.Due.IsZero() || c.AnsweredAt.IsZero() {
		return 0
	}
	return w.brand.calendar.Between(c.AnsweredAt.Truncate(time.Minute), c.Due)
}

// restart sets the clock of a conversation that waits for the brand again.
func (w *draft) restart(c *flow.Conversation, left time.Duration) {
	c.Due, c.Since = time.Time{}, time.Time{}
	if left <= 0 {
		c.Escalated = nil
	} else {
		w.say("route", "the clock goes on: %s of working time are left", left)
	}
	w.owe(c, left)
}

// owe sets when the answer is owed: from the first mention that waits on. Later ones only bring it forward. left is what an
// earlier clock has left, 0 = all of the time.
func (w *draft) owe(c *flow.Conversation, left time.Duration) {
	if w.history() || w.feed() {
		return
	}
	if c.Owed.IsZero() {
		c.Owed = w.at()
	}
	work := w.brand.sla.Of(w.Priority)
	if left > 0 && (work == 0 || left < work) {
		work = left
	}
	if work == 0 {
		return
	}
	due := w.brand.calendar.Add(w.at(), work)
	if !c.ReplyUntil.IsZero() && due.After(c.ReplyUntil) {
		due = c.ReplyUntil.UTC()
	}
	if due.IsZero() || !c.Due.IsZero() && !due.Before(c.Due) {
		return
	}
	if c.Since.IsZero() {
		c.Since = w.at()
	}
	c.Due, w.Due = due, due
	w.say("route", "an answer is owed by %s (%s)", due.Format("2006-01-02 15:04 MST"), w.Priority)
}
