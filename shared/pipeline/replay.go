package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// Replayed tells what a candidate configuration would have made of what was received in a time.
type Replayed struct {
	Hash    string         `json:"hash"`              // of what would change: who says yes to it says yes to nothing else
	Undo    bool           `json:"undo,omitempty"`    // it tells what would be put back
	Config  string         `json:"config,omitempty"`  // hash of the candidate
	Entries int            `json:"entries"`           // decisions made again
	Equal   int            `json:"equal"`             // of them as they were made
	Changed []Change       `json:"changed,omitempty"` // the others
	Writes  []Write        `json:"writes,omitempty"`  // CRM records that would end up otherwise, by account, object and key
	Verbs   map[string]int `json:"verbs,omitempty"`   // how many of them are create, update, skip
	Risks   []string       `json:"risks,omitempty"`   // what a person should look at before saying yes
}

// Change is a decision that the candidate would make otherwise.
type Change struct {
	Line    string          `json:"line"`
	Mention string          `json:"mention"`
	Was     json.RawMessage `json:"was"`
	Is      json.RawMessage `json:"is"`
}

// Write is one CRM record as the configuration of that time and the candidate would leave it at the end.
type Write struct {
	Account string       `json:"account"`
	Object  string       `json:"object"`
	Key     string       `json:"key"`
	Kind    string       `json:"kind"`            // mention, conversation, person
	Mention string       `json:"mention"`         // the newest that asked for it
	Line    string       `json:"line"`            // of its event
	ID      string       `json:"id,omitempty"`    // of the record, where a link tells
	Links   []crm.Link   `json:"links,omitempty"` // of one that is created
	Verb    string       `json:"verb"`            // create: only the candidate writes it; update: both, otherwise; skip: the candidate would not
	Fields  []FieldWrite `json:"fields,omitempty"`
}

// FieldWrite is one field that would end up otherwise.
type FieldWrite struct {
	Field string `json:"field"`
	Old   any    `json:"old,omitempty"`
	New   any    `json:"new,omitempty"`
	Rule  string `json:"rule,omitempty"` // the mapping's expression behind the new value, or behind the old where there is none
	Owner bool   `json:"owner,omitempty"`
	Ours  bool   `json:"ours,omitempty"` // old is whatever we wrote last
}

// Verbs of a Write.
const (
	WouldCreate = "create"
	WouldUpdate = "update"
	WouldSkip   = "skip"
	WouldBlank  = "blank" // of an undo: nothing was there before
)

// Replay parses and decides again over what the archive recorded of network accounts, with a candidate plan, and tells which
// decisions and which CRM records would end up otherwise. It fetches and writes nothing. What a decision may look at comes
// from its recorded Inputs; what the candidate itself made of earlier events in the time goes over that. The same record
// and configuration give the same result, byte for byte.
func (p *Pipeline) Replay(ctx context.Context, candidate *Plan, accounts []string, from, to time.Time) (Replayed, error) {
	r := p.replaying(candidate)
	err := r.walk(ctx, accounts, from, to, r.entry)
	r.sum()
	return r.out, err
}

func (p *Pipeline) replaying(candidate *Plan) *replay {
	r := &replay{p: p, candidate: candidate, plans: map[string]*Plan{}, done: map[string]bool{}, jobs: map[string]*JobRow{},
		exchanges: map[string]exchange{}, seen: map[string]pair[decide.Seen]{},
		was: map[string]shown{}, is: map[string]shown{}, writes: map[string]*Write{}}
	if candidate != nil {
		r.out.Config = candidate.Doc.Hash
	}
	return r
}

// VerifyReceipts decides everything again that the archive recorded of network accounts, each event from its own receipt and
// with the configuration of that time. All must be equal: a decision that depends on anything else is a defect.
func (p *Pipeline) VerifyReceipts(ctx context.Context, accounts []string, from, to time.Time) (Replayed, error) {
	r := p.replaying(nil)
	err := r.walk(ctx, accounts, from, to, func(ctx context.Context, e archive.Entry) error {
		var in decide.Inputs
		if err := json.Unmarshal(e.Inputs, &in); err != nil {
			return fault.New(fault.Invalid, "recorded inputs of %s: %w", e.Line, err)
		}
		then, err := r.plan(ctx, in.Config)
		if err != nil {
			return err
		}
		_, err = r.judge(then, in, e)
		return err
	})
	return r.out, err
}

// walk goes through the entries with a decision, oldest batch first, each once, by their newest receipt.
func (r *replay) walk(ctx context.Context, accounts []string, from, to time.Time, visit func(context.Context, archive.Entry) error) error {
	for _, account := range accounts {
		refs, err := r.p.refs(ctx, account, from, to)
		if err == nil {
			err = r.through(ctx, refs, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// through goes through some batches of an account.
func (r *replay) through(ctx context.Context, list refs, visit func(context.Context, archive.Entry) error) error {
	for _, ref := range list.first {
		if err := r.enter(ctx, list, ref); err != nil {
			return err
		}
		batch, err := r.p.Archive.Read(ctx, ref)
		if fault.Is(err, fault.NotFound) { // erased meanwhile
			continue
		}
		if err == nil {
			batch.Entries, err = r.p.counting(ctx, ref, batch.Entries)
		}
		if err == nil {
			err = r.batch(ctx, batch, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// counting leaves out the receipts of attempts that came to nothing: the ledger names the batch with the one that counts.
func (p *Pipeline) counting(ctx context.Context, ref string, entries []archive.Entry) ([]archive.Entry, error) {
	var keys []store.Key
	var of []int // entries
	for i, e := range entries {
		receipt, index, ok := strings.Cut(e.Line, "/")
		if n, err := strconv.Atoi(index); ok && err == nil && len(e.Inputs) > 0 {
			at := ledger.At(e.Account, e.At, receipt, n)
			keys, of = append(keys, p.lines.Key(at.Part, at.Sort)), append(of, i)
		}
	}
	rows, err := p.lines.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for n, row := range rows {
		if row.Version > 0 && row.Value.Archive != ref {
			entries[of[n]].Inputs = nil // others may have been read from the same body
		}
	}
	return entries, nil
}

// judge decides with a plan and compares with what was decided.
func (r *replay) judge(plan *Plan, in decide.Inputs, e archive.Entry) (decide.Decision, error) {
	is := plan.Decider.Decide(in)
	text, err := json.Marshal(is)
	if err != nil {
		return is, fault.New(fault.Invalid, "decision of %s: %w", e.Line, err)
	}
	if r.out.Entries++; bytes.Equal(text, e.Decision) {
		r.out.Equal++
	} else {
		r.out.Changed = append(r.out.Changed, Change{e.Line, e.Mention, e.Decision, text})
	}
	return is, nil
}

// replay is one run.
type replay struct {
	p         *Pipeline
	candidate *Plan
	plans     map[string]*Plan // of that time, by hash
	done      map[string]bool  // lines: a crash may have archived an event twice
	exchanges map[string]exchange
	seen      map[string]pair[decide.Seen] // by author; both only where the candidate made them other than recorded
	was, is   map[string]shown             // what records hold so far, as it was and by the candidate
	writes    map[string]*Write            // records that differ so far
	jobs      map[string]*JobRow           // that amended receipts
	account   string                       // of the batches at hand, and their hour
	hour      time.Time
	at        time.Time            // of the batch at hand
	newer     map[string]amendment // receipts of that hour that replace others, by line
	kept      map[string][]kept    // values that were replaced in records of others, by line
	differs   func(archive.Entry, decide.Inputs, decide.Decision) error
	out       Replayed
}

func (r *replay) batch(ctx context.Context, b archive.Batch, visit func(context.Context, archive.Entry) error) error {
	bodies := map[string][]byte{} // of receipts with several events
	for _, e := range b.Entries {
		if len(e.Inputs) == 0 && len(e.Raw) > 0 {
			bodies[e.Line] = e.Raw
		}
	}
	for _, e := range b.Entries {
		if len(e.Inputs) == 0 || r.done[e.Line] {
			continue
		}
		r.done[e.Line] = true
		if len(e.Raw) == 0 {
			receipt, _, _ := strings.Cut(e.Line, "/")
			e.Raw = bodies[receipt]
		}
		if n, ok := r.newer[e.Line]; ok {
			e.Inputs, e.Decision, e.Previous = n.Inputs, n.Decision, n.Previous
		}
		if err := visit(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// recorded reads what an event was decided by, and how. Invalid: the receipt is damaged.
func recorded(e archive.Entry) (in decide.Inputs, d decide.Decision, err error) {
	if err := json.Unmarshal(e.Inputs, &in); err != nil {
		return in, d, fault.New(fault.Invalid, "recorded inputs of %s: %w", e.Line, err)
	}
	if err := json.Unmarshal(e.Decision, &d); err != nil {
		return in, d, fault.New(fault.Invalid, "recorded decision of %s: %w", e.Line, err)
	}
	return in, d, nil
}

// entry decides one event again and compares.
func (r *replay) entry(ctx context.Context, e archive.Entry) error {
	in, was, err := recorded(e)
	if err != nil {
		return err
	}
	then, err := r.plan(ctx, in.Config)
	if err != nil {
		return err
	}
	now := r.laid(in)
	if r.candidate != then {
		r.parse(then, e, &now)
	}
	equal := r.out.Equal
	is, err := r.judge(r.candidate, now, e)
	if err != nil {
		return err
	}
	r.remember(in, was, is)
	old, err := r.records(then, in, was)
	if err != nil {
		return err
	}
	if n, ok := r.newer[e.Line]; ok && n.Undone {
		old = r.undone(n)
	}
	next, err := r.records(r.candidate, now, is)
	if err != nil {
		return err
	}
	if other := r.compare(e, old, next); (other || equal == r.out.Equal) && r.differs != nil {
		now.Config = r.candidate.Doc.Hash
		return r.differs(e, now, is)
	}
	return nil
}

// plan gives the configuration an event was decided with.
func (r *replay) plan(ctx context.Context, hash string) (*Plan, error) {
	if r.candidate != nil && hash == r.candidate.Doc.Hash {
		return r.candidate, nil
	}
	if plan := r.plans[hash]; plan != nil {
		return plan, nil
	}
	plan, err := r.p.Plans.Plan(ctx, hash)
	if err != nil {
		return nil, fault.New(fault.Of(err), "the configuration %s of that time: %w", hash, err)
	}
	r.plans[hash] = plan
	return plan, nil
}

// laid puts what the candidate made of earlier events over recorded Inputs. What others did in between stays: an agent who
// closed the exchange, an event that was decided between.
func (r *replay) laid(in decide.Inputs) decide.Inputs {
	m := in.Event.Mention
	if s, ok := r.seen[m.Author.ID]; ok && in.Seen == s.was {
		in.Seen = s.is
	}
	if place := flow.ConversationID(m.Account, m.Thread(), m.Author.ID, m.Private); m.Author.ID != "" && m.Direction != flow.Out {
		if c, ok := r.exchanges[place]; ok {
			in.Conversation = c.over(in.Conversation)
		}
	}
	return in
}

// remember keeps what the candidate made otherwise, for the events that follow.
func (r *replay) remember(in decide.Inputs, was, is decide.Decision) {
	if author := in.Event.Mention.Author.ID; author != "" && in.Event.Mention.Direction != flow.Out {
		if delete(r.seen, author); was.Seen != is.Seen {
			r.seen[author] = pair[decide.Seen]{was.Seen, is.Seen}
		}
	}
	for _, d := range []*flow.Conversation{was.Conversation, is.Conversation} {
		if d == nil {
			continue
		}
		place := flow.Place(d.ID)
		if delete(r.exchanges, place); !reflect.DeepEqual(was.Conversation, is.Conversation) {
			r.exchanges[place] = exchange{was.Conversation, is.Conversation}
		}
	}
}

// pair is what an event left, as it was and by the candidate.
type pair[T any] struct{ was, is T }

type exchange pair[*flow.Conversation]

// over changes a recorded exchange as the candidate would have: only what still is as it was decided then.
func (x exchange) over(recorded *flow.Conversation) *flow.Conversation {
	if recorded == nil || x.was == nil || x.is == nil || x.was.ID != recorded.ID || x.is.ID != recorded.ID {
		return x.is
	}
	c := *recorded
	pursue(&c, x.was, x.is)
	follow(&c.Status, x.was.Status, x.is.Status)
	if len(x.was.Turns) != len(x.is.Turns) && reflect.DeepEqual(c.Turns, x.was.Turns) {
		c.Turns = x.is.Turns
	}
	return &c
}

// parse reads the event again where the candidate reads bodies otherwise than the configuration of that time. What the
// pipeline had added to the event stays.
func (r *replay) parse(then *Plan, e archive.Entry, in *decide.Inputs) {
	if len(e.Raw) == 0 {
		return
	}
	was, ok := r.read(then, e)
	if !ok {
		return
	}
	is, ok := r.read(r.candidate, e)
	if !ok || reflect.DeepEqual(was, is) {
		return
	}
	m := in.Event.Mention
	in.Event = is
	in.Event.Mention.Root, in.Event.Mention.Parent = m.Root, m.Parent
	if in.Event.Mention.Author.ID == "" {
		in.Event.Mention.Author = m.Author
	}
}

// read parses the body of an entry and gives its event.
func (r *replay) read(plan *Plan, e archive.Entry) (flow.Event, bool) {
	receipt, index, ok := strings.Cut(e.Line, "/")
	conf, found := plan.Doc.Network(e.Account)
	if !ok || !found {
		return flow.Event{}, false
	}
	env := Envelope{Receipt: receipt, At: e.At, Hook: conf.Hook}
	if conf.Hook == "" {
		env.Account = e.Account
	}
	events, err := r.p.parse(plan, 0, env, e.Raw)
	if err != nil {
		return flow.Event{}, false
	}
	for _, o := range events {
		if strings.HasSuffix(o.place.Sort, "/"+index) && !o.settled {
			return o.event, true
		}
	}
	return flow.Event{}, false
}

// shown is one record as a configuration leaves it.
type shown struct {
	kind   string
	record crm.Record
	once   []string // fields that are set at its creation only
	rule   func(field string) string
}

// recordID names a record in a diff: CRM account, object and key.
func recordID(account, object, key string) string {
	return strings.Join([]string{account, object, key}, "\x00")
}

// recordOf gives the parts of such a name back.
func recordOf(id string) (account, object, key string) {
	part := strings.SplitN(id, "\x00", 3)
	return part[0], part[1], part[2]
}

// records renders what a configuration writes after a decision, by account, object and key.
func (r *replay) records(plan *Plan, in decide.Inputs, d decide.Decision) (map[string]shown, error) {
	m := in.Event.Mention
	if d.Outcome != string(ledger.Mention) || in.Objected {
		return nil, nil
	}
	m.Deleted = m.Deleted || in.Event.Verb == flow.Delete
	return render1(plan, m, decide.EnvOf(m, d, d.Conversation, personAfter(in, d), plan.Doc.Brand(m.Brand), in.Source))
}

// render1 renders all records that a configuration asks for. What is told once for each time that it happens (answers) is
// left out: that is no state.
func render1(plan *Plan, m flow.Mention, env *decide.Env) (map[string]shown, error) {
	out := map[string]shown{}
	for _, conf := range plan.Doc.CRMs {
		if !conf.Serves(m.Brand) {
			continue
		}
		for _, kind := range flow.Kinds {
			if kind == flow.KindConversation && env.Conversation.ID == "" || kind == flow.KindPerson && env.Person.ID == "" {
				continue
			}
			for _, t := range plan.Mapping.For(conf.Name, kind, m.Brand) {
				if !conf.Writes(t.Object(), m.Brand) {
					continue
				}
				made, err := t.Render(env)
				if fault.Is(err, fault.Invalid) || err == nil && !made.OK {
					continue // the delivery would say so
				}
				if err != nil {
					return nil, err
				}
				for f := range made.At {
					delete(made.Record.Fields, f)
				}
				out[recordID(conf.Name, t.Object(), made.Record.Key)] = shown{kind: kind, record: made.Record, once: made.Once, rule: t.Rule}
			}
		}
	}
	return out, nil
}

// personAfter is the person a decision leaves, nil for a stranger.
func personAfter(in decide.Inputs, d decide.Decision) *flow.Person {
	if in.Person == nil {
		return nil
	}
	p := *in.Person
	if d.Link != nil {
		p.Links = append(slices.Clone(p.Links), *d.Link)
	}
	switch {
	case d.Combined.Version != "":
		p.Score = lean(d.Combined)
	case d.Score.Version != "":
		p.Score = lean(d.Score)
	}
	return &p
}

// compare notes which records an event leaves otherwise, and tells whether there are any. What a later event makes equal
// again is forgotten; what an event asks nothing of stays as it was.
func (r *replay) compare(e archive.Entry, old, next map[string]shown) (differs bool) {
	ids := slices.Sorted(maps.Keys(old))
	for id := range next {
		if _, both := old[id]; !both {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if o, ok := old[id]; ok {
			r.was[id] = o
		}
		if n, ok := next[id]; ok {
			r.is[id] = n
		}
		w := difference(id, r.was, r.is)
		if w == nil {
			delete(r.writes, id)
			continue
		}
		w.Mention, w.Line = e.Mention, e.Line
		r.writes[id], differs = w, true
	}
	return differs
}

// difference tells how two states of a record differ, nil if they do not.
func difference(id string, was, is map[string]shown) *Write {
	o, had := was[id]
	n, has := is[id]
	some := n
	if !has {
		some = o
	}
	w := &Write{Object: some.record.Object, Key: some.record.Key, ID: some.record.ID, Kind: some.kind, Verb: WouldUpdate}
	w.Account, _, _ = strings.Cut(id, "\x00")
	if w.Fields = fieldsOf(o, n); had && has {
		w.Fields = slices.DeleteFunc(w.Fields, func(f FieldWrite) bool { return slices.Contains(n.once, f.Field) })
	}
	switch {
	case had == has && len(w.Fields) == 0:
		return nil
	case !had:
		w.Verb, w.Links = WouldCreate, n.record.Links
	case !has:
		w.Verb = WouldSkip
	}
	return w
}

// fieldsOf lists the fields of two states of a record that differ, by name.
func fieldsOf(old, next shown) []FieldWrite {
	names := slices.Sorted(maps.Keys(old.record.Fields))
	for f := range next.record.Fields {
		if _, both := old.record.Fields[f]; !both {
			names = append(names, f)
		}
	}
	slices.Sort(names)
	var out []FieldWrite
	for _, f := range names {
		o, n := old.record.Fields[f], next.record.Fields[f]
		if canonical(o) == canonical(n) {
			continue
		}
		w := FieldWrite{Field: f, Old: o, New: n}
		if next.rule != nil {
			w.Rule = next.rule(f)
		}
		if w.Rule == "" && old.rule != nil {
			w.Rule = old.rule(f)
		}
		w.Owner = strings.Contains(strings.ToLower(f), "owner")
		out = append(out, w)
	}
	return out
}

// sum puts the result in order and names what is risky.
func (r *replay) sum() {
	owners, persons, skipped, blanked := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(r.writes)) {
		w := r.writes[id]
		r.out.Writes = append(r.out.Writes, *w)
		if r.out.Verbs == nil {
			r.out.Verbs = map[string]int{}
		}
		r.out.Verbs[w.Verb]++
		place := w.Account + " " + w.Object
		switch {
		case w.Verb == WouldSkip:
			skipped[place]++
		case w.Verb == WouldBlank:
			blanked[place]++
		case w.Verb == WouldCreate && w.Kind == flow.KindPerson:
			persons[place]++
		case w.Verb == WouldUpdate && slices.ContainsFunc(w.Fields, func(f FieldWrite) bool { return f.Owner }):
			owners[place]++
		}
	}
	for _, risk := range []struct {
		of  map[string]int
		say string
	}{
		{owners, "%d records of %s would change owner"},
		{persons, "%d new records of persons in %s"},
		{skipped, "%d records of %s would not be written any more"},
		{blanked, "%d records of %s would be blanked"},
	} {
		for _, place := range slices.Sorted(maps.Keys(risk.of)) {
			r.out.Risks = append(r.out.Risks, fmt.Sprintf(risk.say, risk.of[place], place))
		}
	}
	r.out.Hash = r.out.print()
}

// print hashes what would change, whatever else was looked at.
func (r *Replayed) print() string {
	text, _ := json.Marshal([]any{r.Undo, r.Config, r.Changed, r.Writes}) // what the archive and a mapping gave: it can be encoded
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
