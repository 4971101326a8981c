package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// How often a vendor may refuse one record before it is dead: with a fault that passes, and with one nobody knows.
const (
	maxTransient = 12
	maxUnknown   = 3
)

// leaseFor bounds one pass over a batch, the vendor's calls included.
const leaseFor = 2 * time.Minute

// task is a deliver message at work.
type task struct {
	Task
	wants    []*want
	verdict  verdict
	attempts int
	earlier  map[string]string // record ids by object, where an earlier revision of the mention was written
	prints   map[string]string // what that revision wrote into fields that humans may change
	first    []string          // kinds it came for
	done     bool
	passed   bool  // a later revision tells what it came for of the mention
	err      error // infrastructure: the message goes back to its queue
}

// want is one CRM record that tasks of a batch ask for.
type want struct {
	kind     string
	record   crm.Record
	target   *target
	revision int64                // of what it shows; 0 = a mention's first, which nobody else writes
	journal  store.Row[RecordRow] // where several may write it
	prints   map[string]string    // of a mention's first revision, which has no journal
	maybe    map[string][]string  // what earlier revisions may have written, where that stands nowhere
	leveled  bool
	brand    string
	release  func()
	outcome  crm.Outcome
	err      error
	judged   bool         // err is the vendor's word on this record alone
	state    ledger.State // set once decided
	reason   string
	human    []string // fields left to a human
	dropped  []string // fields parked by drift
	adopted  bool     // by the record that holds its unique value
	patch    *patch   // somebody approved it; nil = a mapping asks for it
}

// Deliver writes what CRM accounts must come to hold, for a batch of one deliver lane.
func (p *Pipeline) Deliver(ctx context.Context, batch []queue.Message) []error {
	errs := make([]error, len(batch))
	tasks := make([]*task, len(batch))
	var accounts []string
	byAccount := map[string][]*task{}
	for i, m := range batch {
		t := &task{}
		tasks[i] = t
		if err := json.Unmarshal(m.Body, &t.Task); err != nil {
			t.err = fault.New(fault.Invalid, "a deliver message is damaged: %w", err)
			continue
		}
		t.Attempted, t.first = t.Attempted || m.Receives > 1, t.Kinds
		if byAccount[t.Account] == nil {
			accounts = append(accounts, t.Account)
		}
		byAccount[t.Account] = append(byAccount[t.Account], t)
	}
	for _, account := range accounts {
		if err := p.deliverTo(ctx, account, byAccount[account]); err != nil {
			for _, t := range byAccount[account] {
				if t.err == nil {
					t.err = err
				}
			}
		}
	}
	for i, t := range tasks {
		errs[i] = t.err
	}
	return errs
}

// deliverTo works on the tasks of one CRM account. Its error is for all that have none of their own.
func (p *Pipeline) deliverTo(ctx context.Context, account string, tasks []*task) error {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	conf, ok := plan.Doc.CRM(account)
	adapter := p.CRMs[conf.Kind]
	if !ok || adapter == nil {
		return p.finish(ctx, tasks, verdict{state: ledger.Refused, reason: "the CRM account is not configured any more"})
	}
	closed, err := p.gates(ctx, account)
	if err != nil {
		return err
	}
	b := &delivering{p: p, plan: plan, conf: conf, adapter: adapter, info: adapter.Info(), tasks: tasks, gates: closed, wants: map[string]*want{}}
	if conf.Paused {
		return b.park(ctx, "paused", tasks)
	}
	for _, gate := range b.passes() {
		if c, shut := closed.shut(p.now(), gate); shut {
			return b.park(ctx, c.Reason, tasks)
		}
	}
	defer b.releaseAll()
	if err := b.load(ctx); err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	cause := b.write(ctx)
	if cause == nil && b.calls > 0 {
		for _, gate := range b.passes() {
			p.open(ctx, account, closed[gate])
		}
	}
	if err := b.journalAll(ctx); err != nil {
		return err
	}
	return b.conclude(ctx, cause)
}

// passes lists the gates that a batch goes through.
func (b *delivering) passes() []string {
	if b.urgent() {
		return gatesOf(topology.DeliverUrgent)
	}
	return gatesOf(topology.DeliverBulk)
}

// finish settles all tasks alike.
func (p *Pipeline) finish(ctx context.Context, tasks []*task, v verdict) error {
	for _, t := range tasks {
		t.verdict = v
	}
	p.settle(ctx, tasks)
	return nil
}

// park puts tasks aside. What waits has maybe begun, so it is marked as attempted.
func (b *delivering) park(ctx context.Context, reason string, tasks []*task) error {
	account := b.conf.Name
	var messages []queue.Message
	var waiting []*task
	for _, t := range tasks {
		if t.err != nil || t.done {
			continue
		}
		t.Attempted = true
		m := t.Task.message()
		m.Group = account
		messages, waiting = append(messages, m), append(waiting, t)
	}
	for i, err := range b.p.park(ctx, account, reason, messages) {
		waiting[i].err = err
	}
	return nil
}

// delivering is one pass over the tasks of one CRM account.
type delivering struct {
	p       *Pipeline
	plan    *Plan
	conf    config.Account
	adapter crm.CRM
	info    crm.Info
	account crm.Account
	tasks   []*task
	wants   map[string]*want // by object and key
	order   []*want
	gates   gates
	calls   int  // vendor calls that were answered
	renewed bool // the credentials, once
	short   bool // our own share of the quota is used up, in the bulk lane

	mentions      map[string]*held[MentionRow]
	conversations map[string]*held[ConversationRow]
	people        map[string]*held[PersonRow]
}

// load reads the state that the tasks point at, and drops tasks that others settled.
func (b *delivering) load(ctx context.Context) error {
	if err := b.refresh(ctx); err != nil {
		return err
	}
	b.mentions, b.conversations, b.people = map[string]*held[MentionRow]{}, map[string]*held[ConversationRow]{}, map[string]*held[PersonRow]{}
	var mentions, known, people []string
	if err := b.loadConversations(ctx); err != nil {
		return err
	}
	for _, t := range b.tasks {
		if t.done {
			continue
		}
		b.complete(t)
		people = append(people, t.Person)
		if row, ok := b.p.recent.get(t.Mention); ok {
			b.mentions[t.Mention] = &held[MentionRow]{Row: row}
		} else if t.Seen > 0 && !t.Attempted {
			known = append(known, t.Mention)
		} else {
			mentions = append(mentions, t.Mention)
		}
	}
	if err := fetch(ctx, b.p.mentions, "-", mentions, b.mentions); err != nil {
		return err
	}
	if err := b.glance(ctx, known); err != nil {
		return err
	}
	return b.loadPeople(ctx, people)
}

// loadPeople reads the persons, through merges.
func (b *delivering) loadPeople(ctx context.Context, people []string) error {
	for range 4 {
		if err := fetch(ctx, b.p.people, "-", people, b.people); err != nil {
			return err
		}
		people = nil
		for _, t := range b.tasks {
			if row := b.people[t.Person]; row != nil && row.Value.Person.Merged != "" {
				t.Person = row.Value.Person.Merged
				people = append(people, t.Person)
			}
		}
		if len(people) == 0 {
			return nil
		}
	}
	return nil
}

// glance reads mentions of which a version is known that they have reached; what is older than that is read again. A
// mention that was changed since has a task of its own, which knows the later version.
func (b *delivering) glance(ctx context.Context, known []string) error {
	if err := glance(ctx, b.p.mentions, "-", known, b.mentions); err != nil {
		return err
	}
	var old []string
	for _, t := range b.tasks {
		if row := b.mentions[t.Mention]; row != nil && row.Version < t.Seen {
			delete(b.mentions, t.Mention)
			old = append(old, t.Mention)
		}
	}
	return fetch(ctx, b.p.mentions, "-", old, b.mentions)
}

// complete fills in what hangs on the conversation of a task that began there: else the mapping would see nobody.
func (b *delivering) complete(t *task) {
	row := b.conversations[t.Conversation]
	if row == nil || row.Version == 0 {
		return
	}
	c := row.Value.Conversation
	if t.Person == "" {
		t.Person = c.Person
	}
	if n := len(c.Turns); t.Mention == "" && n > 0 {
		t.Mention = c.Turns[n-1].Mention
	}
}

// stale is the age from which a message may be a late copy of one that was settled, and a human may have been at the record.
const stale = 10 * time.Second

// refresh reads the lines of tasks that came before, or that come late, so that what is settled is not written again.
func (b *delivering) refresh(ctx context.Context) error {
	var keys []store.Key
	var again []*task
	for _, t := range b.tasks {
		copied := !b.p.Ports.Exact && (!b.keyed() || b.p.now().Sub(t.Line.At) > stale)
		if (t.Attempted || copied) && t.Place.Part != "" {
			keys, again = append(keys, b.p.lines.Key(t.Place.Part, t.Place.Sort)), append(again, t)
		}
	}
	rows, err := b.p.lines.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		t := again[i]
		if row.Version == 0 {
			continue
		}
		t.Version, t.Line = row.Version, row.Value
		d := t.Line.Delivery(t.Account)
		t.done = d == nil || !d.State.Open()
		t.Attempted = t.Attempted || d != nil && d.Begun
	}
	return nil
}

// loadConversations reads the exchanges; one that was followed by another keeps a row of its own.
func (b *delivering) loadConversations(ctx context.Context) error {
	var keys []store.Key
	var ids []string
	if !b.plan.Mapping.Sees(b.conf.Name, flow.KindConversation) {
		return nil
	}
	for _, t := range b.tasks {
		if t.done || t.Conversation == "" || b.conversations[t.Conversation] != nil {
			continue
		}
		b.conversations[t.Conversation] = &held[ConversationRow]{}
		ids = append(ids, t.Conversation)
		keys = append(keys, b.p.conversations.Key(flow.Place(t.Conversation), current))
	}
	rows, err := b.p.conversations.Get(ctx, keys...)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if row.Value.Conversation.ID != ids[i] {
			if row, err = b.p.conversations.One(ctx, flow.Place(ids[i]), ids[i]); err != nil {
				return err
			}
		}
		b.conversations[ids[i]].Row = row
	}
	return nil
}
