package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// Story is all that is known of a mention: from its reception to the CRM records, with every receipt.
type Story struct {
	Mention      flow.Mention       `json:"mention"`
	Decision     decide.Decision    `json:"decision"`
	Conversation *flow.Conversation `json:"conversation,omitempty"`
	Lines        []StoryLine        `json:"lines"`
	Receipts     []decide.Receipt   `json:"receipts,omitempty"`
	Corrections  []flow.Correction  `json:"corrections,omitempty"` // of people, oldest first
	Media        []MediaItem        `json:"media,omitempty"`       // attachments, and where their copies are
	Records      map[string][]Shown `json:"records,omitempty"`     // CRM account → what it is asked to hold
}

// StoryLine is one event of a mention.
type StoryLine struct {
	Event string       `json:"event"`
	Place ledger.Place `json:"place"`
	Line  ledger.Line  `json:"line"`

	Amended *Amended `json:"amended,omitempty"` // by a replay or an undo
}

// Shown is a record as the mapping renders it now; after an undo, what it holds since, but for fields that others changed.
type Shown struct {
	Object   string         `json:"object"`
	Key      string         `json:"key"`
	Mode     string         `json:"mode"` // write or observe
	Fields   map[string]any `json:"fields"`
	Problems []string       `json:"problems,omitempty"`
	Undone   bool           `json:"undone,omitempty"`
}

// Story tells a mention's story. NotFound: no such mention is known.
func (p *Pipeline) Story(ctx context.Context, id string) (Story, error) {
	row, err := p.mentions.One(ctx, id, "-")
	if err != nil {
		return Story{}, err
	}
	if row.Version == 0 {
		return Story{}, fault.New(fault.NotFound, "no mention %q is known: ids look like mastodon:https://host/…; `rapport ledger` lists them", id)
	}
	s := Story{Mention: row.Value.Mention, Decision: row.Value.Decision, Receipts: row.Value.Decision.Receipts, Corrections: row.Value.Corrections, Records: map[string][]Shown{}}
	for _, e := range row.Value.Events {
		line, err := p.lines.One(ctx, e.Line.Part, e.Line.Sort)
		if err != nil {
			return s, err
		}
		if err := p.why(ctx, &line.Value); err != nil {
			return s, err
		}
		s.Lines = append(s.Lines, StoryLine{Event: e.ID, Place: e.Line, Line: line.Value})
		if err := p.recall(ctx, &s, e.Line, line.Value); err != nil {
			return s, err
		}
	}
	if c := row.Value.Decision.Conversation; c != nil {
		conv, _, err := p.conversation(ctx, c.ID)
		if err != nil {
			return s, err
		}
		s.Conversation = &conv.Value.Conversation
	}
	if s.Media, err = p.Media(ctx, id); err != nil {
		return s, err
	}
	if err := p.show(ctx, &s, row.Value); err != nil {
		return s, err
	}
	holds, err := p.amended(ctx, s.Lines)
	if err != nil {
		return s, err
	}
	s.givenBack(holds)
	return s, nil
}

// why tells of open deliveries that their account is closed, and why.
func (p *Pipeline) why(ctx context.Context, l *ledger.Line) error {
	for i := range l.Deliveries {
		d := &l.Deliveries[i]
		if !d.State.Open() {
			continue
		}
		g, err := p.gates(ctx, d.Account)
		if err != nil {
			return err
		}
		for _, gate := range []string{wholeGate, bulkGate} {
			if c := g[gate]; c.Version > 0 {
				d.State, d.Reason = ledger.Parked, c.Value.Kind+": "+c.Value.Reason
			}
		}
	}
	return nil
}

// recall reads the receipts of a line's decision from the archive; the newest decision's stay.
func (p *Pipeline) recall(ctx context.Context, s *Story, at ledger.Place, l ledger.Line) error {
	if l.Archive == "" {
		return nil
	}
	batch, err := p.Archive.Read(ctx, l.Archive)
	if fault.Is(err, fault.NotFound) { // erased, or older than it may be kept
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range batch.Entries {
		if e.Line != at.Sort || len(e.Decision) == 0 {
			continue
		}
		var d decide.Decision
		if err := json.Unmarshal(e.Decision, &d); err != nil {
			return fault.New(fault.Invalid, "the receipt of %s is damaged: %w", at.Sort, err)
		}
		s.Receipts = d.Receipts
	}
	return nil
}

// show renders what each CRM account is asked to hold.
func (p *Pipeline) show(ctx context.Context, s *Story, row MentionRow) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	var author AuthorRow
	if id := row.Mention.Author.ID; id != "" {
		r, err := p.authors.One(ctx, id, "-")
		if err != nil {
			return err
		}
		author = r.Value
	}
	var person *flow.Person
	if id := author.Person; id != "" {
		who, err := p.people.One(ctx, id, "-")
		if err != nil {
			return err
		}
		person = &who.Value.Person
	}
	brand := row.Mention.Brand
	src := row.Source
	if src == "" {
		src = "live"
	}
	env := decide.EnvOf(row.Mention, row.Decision, s.Conversation, person, plan.Doc.Brand(brand), src)
	for _, a := range plan.Doc.CRMs {
		if !a.Serves(brand) {
			continue
		}
		for _, kind := range flow.Kinds {
			if kind == flow.KindConversation && s.Conversation == nil || kind == flow.KindPerson && person == nil {
				continue
			}
			for _, t := range plan.Mapping.For(a.Name, kind, brand) {
				seen := *env
				lawful(plan.Doc, &seen, kind, person)
				r, err := t.Render(&seen)
				if err != nil || !r.OK {
					continue
				}
				shown := Shown{Object: r.Record.Object, Key: r.Record.Key, Mode: "observe", Fields: r.Record.Fields}
				if a.Writes(r.Record.Object, brand) {
					shown.Mode = "write"
				}
				for _, x := range r.Problems {
					shown.Problems = append(shown.Problems, x.Field+": "+x.Say)
				}
				s.Records[a.Name] = append(s.Records[a.Name], shown)
			}
		}
	}
	return nil
}

// Report is the ledger of a stretch of time, by account.
type Report struct {
	From, To    time.Time
	Accounts    map[string]ledger.Tally
	Networks    map[string]ledger.Tally
	CRMs        map[string]ledger.Tally // by CRM account: each mention counts in each that was to hold it
	Total       ledger.Tally
	Parked      int
	DeadLetters int
	Waiting     int // messages in all queues
	Unaccounted int // open without an owner
	Found       int // that nobody told of but reconcile
}

// Report counts the ledger. waiting and dead are the queues' own numbers.
func (p *Pipeline) Report(ctx context.Context, from, to time.Time, waiting, dead int) (Report, error) {
	r := Report{From: from, To: to, Accounts: map[string]ledger.Tally{}, Networks: map[string]ledger.Tally{}, CRMs: map[string]ledger.Tally{}, Waiting: waiting, DeadLetters: dead}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return r, err
	}
	young := 0 // in the hands of a worker: one message may own many lines
	for _, name := range places(plan.Doc) {
		t := r.Accounts[name]
		err := p.Lines(ctx, name, from, to, func(_ ledger.Place, l ledger.Line) error {
			t.Add(l)
			if found(l) {
				r.Found++
			}
			if _, open := l.Final(); open && waiting > 0 && p.now().Sub(l.At) < leaseFor {
				young++
			}
			n := r.Networks[l.Network]
			n.Add(l)
			r.Networks[l.Network] = n
			if l.Outcome == ledger.Mention {
				for _, d := range l.Deliveries {
					c := r.CRMs[d.Account]
					c.AddDelivery(d)
					r.CRMs[d.Account] = c
				}
			}
			return nil
		})
		if err != nil {
			return r, err
		}
		if t.Received > 0 {
			r.Accounts[name] = t
			r.Total.Sum(t)
		}
	}
	for _, c := range plan.Doc.CRMs {
		n, err := p.Waiting(ctx, c.Name)
		if err != nil {
			return r, err
		}
		r.Parked += n
	}
	r.Unaccounted = max(r.Total.Open-r.Parked-waiting-young, 0)
	return r, nil
}
