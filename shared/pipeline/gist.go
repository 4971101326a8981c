package pipeline

import (
	"rapport/shared/decide"
	"rapport/shared/decide/pulse"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// sum notes in an event's line what was decided, for whoever counts. again says that the mention was known before.
func (w *world) sum(o *one, d decide.Decision, again bool) {
	m := &o.event.Mention
	if o.event.Verb == flow.Delete || m.Deleted || d.Outcome == decide.Suppressed {
		return
	}
	g := &ledger.Gist{Again: again}
	if d.Sentiment == "" { // the brand's own words are not judged
		g.Own = true
		o.line.Gist = g
		return
	}
	author := m.Author
	if a := w.authors[m.Author.ID]; exists(a) && !author.Newer(a.Value.Author) {
		author = a.Value.Author
	}
	switch d.Sentiment {
	case "positive":
		g.Sentiment = 1
	case "negative":
		g.Sentiment = -1
	}
	g.Topics = d.Topics
	g.Complaint, g.Severity, g.Department = d.Complaint, d.Severity, d.Department
	g.Reach = ledger.Reach(author.Counted, author.Followers)
	if author.Counted {
		g.Heard = author.Followers
	}
	if g.Queue = d.Route; d.Route == "text" {
		g.Queue = ""
	}
	if d.Score.Version != "" {
		g.Score = d.Score.Total
	}
	c := d.Conversation // an earlier attempt's is in place already
	if at := w.exchange(o); exists(at) && (c == nil || c.Start == "") {
		c = &at.Value.Conversation
	}
	g.Opens = c != nil && c.Start == m.ID && c.Received.Equal(o.env.At)
	if !m.Private {
		g.Print = pulse.Print(m.Text)
	}
	o.line.Gist = g
}
