package pipeline

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/topology"
)

// correctStream marks a body of our own: what somebody of the brand says a mention should have been read as. No network has such
// a stream.
const correctStream = "#correct"

// corrects stands in the id of every event that is a correction.
const corrects = "|" + string(flow.Correct) + "|"

// maxCorrections bounds how many corrections a mention remembers.
const maxCorrections = 12

// correcting is the body of a correction.
type correcting struct {
	Mention    string          `json:"mention"`
	Correction flow.Correction `json:"correction"`
}

// Correct says that a mention was read wrongly, or takes the newest correction back. From the queue on it is an event like any
// other: the mention is decided anew, with a receipt, and CRMs are told by the usual deliveries. It gives the correction as it
// will be kept. NotFound: no such mention is known. Invalid: it says nothing, or what nobody can say.
func (p *Pipeline) Correct(ctx context.Context, mention string, c flow.Correction) (flow.Correction, error) {
	row, err := p.mentions.One(ctx, mention, "-")
	if err != nil {
		return c, err
	}
	m := row.Value.Mention
	_, stands := flow.Corrected(row.Value.Corrections)
	switch {
	case row.Version == 0 || row.Value.Erased:
		return c, fault.New(fault.NotFound, "no mention %q is known: `rapport ledger --list` names them", mention)
	case m.Direction == flow.Out:
		return c, fault.New(fault.Invalid, "%s is what the brand said itself: that is not read", mention)
	case m.Deleted:
		return c, fault.New(fault.Invalid, "%s was deleted by its author: nothing is left to correct", mention)
	case c.Undo && !c.To.Empty():
		return c, fault.New(fault.Invalid, "either correct something or take the newest correction back")
	case c.Undo && stands == nil:
		return c, fault.New(fault.Invalid, "no correction of %s stands", mention)
	case !c.Undo && c.To.Empty():
		return c, fault.New(fault.Invalid, "say what is to be corrected: language, sentiment, complaint, severity, intents or department")
	case c.By == "":
		return c, fault.New(fault.Invalid, "a correction needs somebody who makes it")
	}
	if err := decide.Check(c.To); err != nil {
		return c, err
	}
	if c.To.Complaint != nil && *c.To.Complaint && c.To.Severity != nil && *c.To.Severity == 0 {
		return c, fault.New(fault.Invalid, "a complaint has severity 1, 2 or 3")
	}
	c.By = p.Pseudonym(c.By) // it goes into the archive, where no name of the staff stands; the audit trail has it
	c.ID, c.At, c.Of, c.Undone, c.Was = p.Ports.NewID(), p.now(), m.Revision(), time.Time{}, decide.ReadingOf(row.Value.Decision)
	data, err := json.Marshal(correcting{mention, c})
	if err != nil {
		return c, fault.New(fault.Invalid, "the correction of %s: %w", mention, err)
	}
	env := Envelope{Receipt: c.ID, At: c.At, Account: m.Account, Stream: correctStream}
	return c, p.enqueue(ctx, p.Queue, topology.MentionsLive, env, data)
}

// corrections makes events of a body of our own.
func corrections(kind string, data []byte, at time.Time) ([]flow.Event, error) {
	var c correcting
	if err := json.Unmarshal(data, &c); err != nil || c.Correction.ID == "" {
		return nil, fault.New(fault.Invalid, "this is no correction")
	}
	return []flow.Event{{Verb: flow.Correct, At: at, Mention: flow.Mention{ID: c.Mention, Network: kind}, Correction: &c.Correction}}, nil
}

// uncorrected tells why a correction changes nothing, "" if it does.
func uncorrected(row *held[MentionRow], c *flow.Correction) string {
	switch _, stands := flow.Corrected(row.Value.Corrections); {
	case !exists(row) || row.Value.Erased || row.Value.Mention.Direction != flow.In:
		return "corrects what is not known"
	case c == nil || c.Undo && stands == nil:
		return "takes back what was taken back before"
	}
	return ""
}

// corrections gives a mention's corrections with one more, nil = none.
func (r MentionRow) corrections(c *flow.Correction) []flow.Correction {
	if c == nil {
		return r.Corrections
	}
	list := slices.Clone(r.Corrections)
	if _, newest := flow.Corrected(list); c.Undo && newest != nil {
		newest.Undone = c.At
	}
	if list = append(list, *c); len(list) <= maxCorrections {
		return list
	}
	var stand []flow.Correction // what was taken back goes first, then the oldest become one
	for _, c := range list {
		if !c.Undo && c.Undone.IsZero() {
			stand = append(stand, c)
		}
	}
	for len(stand) > maxCorrections {
		stand[1].To = stand[1].To.Over(stand[0].To)
		stand = stand[1:]
	}
	return stand
}

// dropCorrected removes the receipts of a mention's corrections: they were made later, and would outlive what they are about.
func (p *Pipeline) dropCorrected(ctx context.Context, mention string, v MentionRow) error {
	for _, e := range v.Events {
		if !strings.Contains(e.ID, corrects) {
			continue
		}
		line, err := p.lines.One(ctx, e.Line.Part, e.Line.Sort)
		if err == nil && line.Value.Archive != "" {
			err = p.Archive.Rewrite(ctx, line.Value.Archive, func(x archive.Entry) bool { return x.Mention == mention })
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// Example is a text with what people say it should be read as: what a model can be trained with. It names nobody.
type Example struct {
	Text       string       `json:"text"`
	Kind       flow.Kind    `json:"kind"`
	Network    string       `json:"network"`
	Brand      string       `json:"brand"`
	Lang       string       `json:"lang"`
	Sentiment  string       `json:"sentiment"`
	Complaint  bool         `json:"complaint"`
	Severity   int          `json:"severity"`
	Intents    []string     `json:"intents"`
	Department string       `json:"department"`
	Corrected  flow.Reading `json:"corrected"` // what of it people said
	Was        flow.Reading `json:"was"`       // what it was read as before
}

// CorrectedMention is a mention that people corrected.
type CorrectedMention struct {
	Mention     flow.Mention      `json:"mention"`
	Corrections []flow.Correction `json:"corrections"`
	Stale       bool              `json:"stale,omitempty"` // its words were edited since
	Example     Example           `json:"example"`
}

// Corrections walks the mentions of network accounts that were corrected between two times and still are there, each once,
// account by account. Of a text that was edited since the words are not those that were corrected: it is marked.
func (p *Pipeline) Corrections(ctx context.Context, accounts []string, from, to time.Time, visit func(CorrectedMention) error) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, account := range accounts {
		err := p.Lines(ctx, account, from, to, func(_ ledger.Place, l ledger.Line) error {
			if l.Erased || l.Outcome != ledger.Mention && l.Outcome != ledger.Filtered || seen[l.Mention] || !strings.Contains(l.Event, corrects) {
				return nil
			}
			seen[l.Mention] = true
			row, err := p.mentions.One(ctx, l.Mention, "-")
			if err != nil || row.Version == 0 || row.Value.Erased || len(row.Value.Corrections) == 0 {
				return err
			}
			return visit(row.Value.example(plan.Decider))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Write writes the example as a line of JSON. What was edited since, and what nobody corrects any more, it leaves out.
func (m CorrectedMention) Write(to io.Writer) error {
	if m.Stale || m.Example.Corrected.Empty() {
		return nil
	}
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	return e.Encode(m.Example)
}

func (r MentionRow) example(by *decide.Decider) CorrectedMention {
	m, d := r.Mention, r.Decision
	out := CorrectedMention{Mention: m, Corrections: r.Corrections}
	to, newest := flow.Corrected(r.Corrections)
	out.Example = Example{Text: by.Redacted(m.Brand, m.Text), Kind: m.Kind, Network: m.Network, Brand: m.Brand, Lang: d.Lang, Sentiment: d.Sentiment, Complaint: d.Complaint,
		Severity: d.Severity, Intents: d.Intents, Department: d.Department, Corrected: to, Was: r.Corrections[0].Was}
	out.Stale = newest != nil && newest.Of != m.Revision()
	return out
}
