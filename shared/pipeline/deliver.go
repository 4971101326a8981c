package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/queue"
	"rapport/shared/store"
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
	earlier  string // id of the mention's record, where an earlier revision was written
	done     bool
	err      error // infrastructure: the message goes back to its queue
}

// want is one CRM record that tasks of a batch ask for.
type want struct {
	kind     string
	record   crm.Record
	target   *target
	revision int64                // of what it shows; 0 = a mention's first, which nobody else writes
	journal  store.Row[RecordRow] // where several may write it
	leveled  bool
	brand    string
	release  func()
	outcome  crm.Outcome
	err      error
	state    ledger.State // set once decided
	reason   string
	human    []string // fields left to a human
	dropped  []string // fields parked by drift
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
		t.Attempted = t.Attempted || m.Receives > 1
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
	closure, err := p.closures.One(ctx, account, "-")
	if err != nil {
		return err
	}
	closure.Part, closure.Sort = account, "-"
	if conf.Paused || closure.Version > 0 && p.now().Before(closure.Value.Until) {
		reason := closure.Value.Reason
		if conf.Paused {
			reason = "paused"
		}
		return p.parkTasks(ctx, account, reason, tasks)
	}
	b := &delivering{p: p, plan: plan, conf: conf, adapter: adapter, info: adapter.Info(), tasks: tasks, wants: map[string]*want{}}
	defer b.releaseAll()
	if err := b.load(ctx); err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	closed := b.write(ctx)
	if closed == nil && b.calls > 0 {
		p.openAccount(ctx, closure)
	}
	if err := b.journalAll(ctx); err != nil {
		return err
	}
	return b.conclude(ctx, closed)
}

// finish settles all tasks alike.
func (p *Pipeline) finish(ctx context.Context, tasks []*task, v verdict) error {
	for _, t := range tasks {
		t.verdict = v
	}
	p.settle(ctx, tasks)
	return nil
}

// parkTasks puts tasks aside. What waits has maybe begun, so it is marked as attempted.
func (p *Pipeline) parkTasks(ctx context.Context, account, reason string, tasks []*task) error {
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
	for i, err := range p.park(ctx, account, reason, messages) {
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
	calls   int // vendor calls that were answered
	renewed bool

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
	var mentions, people []string
	for _, t := range b.tasks {
		if t.done {
			continue
		}
		people = append(people, t.Person)
		if row, ok := b.p.recent.get(t.Mention); ok {
			b.mentions[t.Mention] = &held[MentionRow]{Row: row}
		} else {
			mentions = append(mentions, t.Mention)
		}
	}
	if err := fetch(ctx, b.p.mentions, "-", mentions, b.mentions); err != nil {
		return err
	}
	if err := fetch(ctx, b.p.people, "-", people, b.people); err != nil {
		return err
	}
	return b.loadConversations(ctx)
}

// refresh reads the lines of tasks that came before, so that what is settled is not written again.
func (b *delivering) refresh(ctx context.Context) error {
	var keys []store.Key
	var again []*task
	for _, t := range b.tasks {
		if (t.Attempted || !b.keyed() && !b.p.Ports.Exact) && t.Place.Part != "" {
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

// prepare renders the records the tasks ask for, leases those that others may write, and leaves humans' edits alone.
func (b *delivering) prepare(ctx context.Context) error {
	for _, t := range b.tasks {
		if t.done || t.err != nil {
			continue
		}
		if wait := b.behind(ctx, t); wait != nil {
			if fault.Of(wait) != fault.Transient {
				return wait
			}
			t.verdict = verdict{state: ledger.Queued, reason: wait.Error(), wait: fault.After(wait)}
			continue
		}
		for _, kind := range flow.Kinds {
			if err := b.ask(t, kind); err != nil {
				return err
			}
		}
	}
	if err := b.lease(ctx); err != nil {
		return err
	}
	return b.spare(ctx)
}

// behind tells why an edit has to wait: the delivery of an earlier revision is still under way.
func (b *delivering) behind(ctx context.Context, t *task) error {
	row := b.mentions[t.Mention]
	if row == nil || row.Value.Revision < 2 || t.Place.Part == "" {
		return nil
	}
	for _, e := range row.Value.Events {
		if e.Line == t.Place {
			return nil
		}
		line, err := b.p.lines.One(ctx, e.Line.Part, e.Line.Sort)
		if err != nil {
			return err
		}
		d := line.Value.Delivery(t.Account)
		if d == nil {
			continue
		}
		t.earlier = d.Record
		if d.State.Open() {
			return fault.Wait(fault.Transient, 2*time.Second, "an earlier revision is still being delivered")
		}
		if left := b.p.Ports.Fence - b.p.now().Sub(d.At); left > 0 {
			return fault.Wait(fault.Transient, left, "an earlier revision was delivered just now")
		}
	}
	return nil
}

// ask renders the records of one kind that a task wants; tasks of the batch share a record.
func (b *delivering) ask(t *task, kind string) error {
	m := b.mentions[t.Mention]
	c, person := b.conversations[t.Conversation], b.people[t.Person]
	var revision int64
	var brand string
	switch {
	case kind == flow.KindMention && m != nil && m.Version > 0:
		revision, brand = m.Value.Revision, m.Value.Mention.Brand
	case kind == flow.KindConversation && c != nil && c.Version > 0:
		revision, brand = c.Value.Conversation.Revision, c.Value.Conversation.Brand
	case kind == flow.KindPerson && person != nil && person.Version > 0:
		revision = person.Value.Person.Revision
		if m != nil {
			brand = m.Value.Mention.Brand
		}
	default:
		return nil
	}
	for _, target := range b.plan.Mapping.For(b.conf.Name, kind, brand) {
		env := b.env(t, brand)
		r, ok, err := render(target, env)
		if err != nil {
			t.verdict = verdict{state: ledger.Dead, reason: "mapping of " + target.Object() + ": " + err.Error()}
			return nil
		}
		if !ok {
			continue
		}
		if env.Mention.Deleted && kind == flow.KindMention || slices.ContainsFunc(env.Conversation.Turns, func(t flow.Turn) bool { return t.Deleted }) {
			r.forget()
		}
		id := r.record.Object + "\x00" + r.record.Key
		w := b.wants[id]
		if w == nil {
			w = &want{kind: kind, record: r.record, target: r, revision: revision, brand: brand}
			w.leveled = kind != flow.KindMention || revision > 1
			if kind == flow.KindMention && t.earlier != "" {
				w.known(t.earlier)
			}
			b.wants[id] = w
			b.order = append(b.order, w)
		}
		// What has an earlier revision may be there already, so nothing is created blindly.
		w.record.Attempted = w.record.Attempted || t.Attempted || revision > 1
		t.wants = append(t.wants, w)
	}
	return nil
}

// forget lets a deletion reach fields that are otherwise set at creation only, unless a human changed them since.
func (r *rendered) forget() {
	r.human, r.once = append(slices.Clone(r.human), r.once...), nil
}

// known makes a record an update of one that exists: what is set at creation only stays as it is.
func (w *want) known(id string) {
	w.record.ID = id
	for _, f := range w.target.once {
		delete(w.record.Fields, f)
	}
}

// env gathers what the mapping of a task sees.
func (b *delivering) env(t *task, brand string) *decide.Env {
	var m MentionRow
	if row := b.mentions[t.Mention]; row != nil {
		m = row.Value
	}
	var c *flow.Conversation
	if row := b.conversations[t.Conversation]; row != nil && row.Version > 0 {
		c = &row.Value.Conversation
	}
	var person *flow.Person
	if row := b.people[t.Person]; row != nil && row.Version > 0 {
		person = &row.Value.Person
	}
	src := m.Source
	if src == "" {
		src = "live"
	}
	return decide.EnvOf(m.Mention, m.Decision, c, person, b.plan.Doc.Brand(brand), src)
}

// conclude gives every task its verdict and writes it down.
func (b *delivering) conclude(ctx context.Context, closed error) error {
	var waiting []*task
	for _, t := range b.tasks {
		if t.done || t.err != nil {
			continue
		}
		if t.verdict.state == "" {
			t.verdict = b.judge(t)
		}
		if t.verdict.state == ledger.Parked {
			waiting = append(waiting, t)
			t.verdict = verdict{}
		}
	}
	b.p.settle(ctx, b.tasks)
	for _, t := range b.tasks {
		v := &t.verdict
		if t.done || t.err != nil || v.state == "" {
			continue
		}
		if v.state == ledger.Queued && v.judged {
			if limit := b.limit(t); t.attempts >= limit {
				v.state, v.judged = ledger.Dead, false
				b.p.settle(ctx, []*task{t})
			}
		}
		switch {
		case t.err != nil:
		case v.state == ledger.Queued:
			b.p.resend(ctx, t)
		case v.state == ledger.Dead:
			b.p.bury(ctx, t)
		}
	}
	if len(waiting) > 0 {
		if err := b.p.closeAccount(ctx, b.conf.Name, closed); err != nil {
			return err
		}
		return b.p.parkTasks(ctx, b.conf.Name, closed.Error(), waiting)
	}
	return nil
}

// limit tells how many judgements a task may have: fewer where a record's fault is of no known kind.
func (b *delivering) limit(t *task) int {
	for _, w := range t.wants {
		if w.err != nil && fault.Of(w.err) == fault.Unknown {
			return maxUnknown
		}
	}
	return maxTransient
}

// judge folds the outcomes of a task's records: the worst decides.
func (b *delivering) judge(t *task) verdict {
	v := verdict{state: ledger.Unchanged}
	if len(t.wants) == 0 {
		return verdict{state: ledger.NotAllowed, reason: "the mapping asks for no record"}
	}
	observed := 0
	for _, w := range t.wants {
		switch {
		case w.err != nil && (closes(w.err)):
			return verdict{state: ledger.Parked, reason: w.err.Error()}
		case w.err != nil && fault.Is(w.err, fault.Invalid):
			return verdict{state: ledger.Dead, reason: w.record.Object + ": " + w.err.Error()}
		case w.err != nil:
			v = verdict{state: ledger.Queued, reason: w.record.Object + ": " + w.err.Error(), judged: judged(w.err),
				wait: max(fault.After(w.err), backoff(t.attemptsSoFar()))}
		case v.state == ledger.Queued:
		case w.state == ledger.NotAllowed:
			observed++
			if v.reason == "" {
				v.reason = w.reason
			}
		case w.state == ledger.Written:
			v.state = ledger.Written
			if w.outcome.State == crm.Created {
				v.created++
			} else {
				v.updated++
			}
		}
		if w.kind == flow.KindMention && w.outcome.ID != "" {
			v.record = w.outcome.ID
		}
	}
	if observed == len(t.wants) {
		v.state = ledger.NotAllowed
	}
	return v
}

// judged tells whether the vendor looked at that record: then it counts as an attempt. Waiting for a lease does not.
func judged(err error) bool {
	return !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Ambiguous)
}

func (t *task) attemptsSoFar() int {
	if d := t.Line.Delivery(t.Account); d != nil {
		return d.Attempts
	}
	return 0
}

// backoff is 1, 2, 4 … 60 s.
func backoff(attempts int) time.Duration {
	return min(time.Second<<min(attempts, 6), time.Minute)
}

// byObject groups wants that are to be written by object, kinds in their order, keeping first come first.
func (b *delivering) byObject() [][]*want {
	var groups [][]*want
	index := map[string]int{}
	for _, kind := range flow.Kinds {
		for _, w := range b.order {
			if w.kind != kind || w.state != "" || w.err != nil {
				continue
			}
			id := kind + "\x00" + w.record.Object
			at, ok := index[id]
			if !ok {
				at = len(groups)
				index[id] = at
				groups = append(groups, nil)
			}
			groups[at] = append(groups[at], w)
		}
	}
	return groups
}

// batchSize is how many records one call takes.
func (b *delivering) batchSize() int {
	n := max(b.info.Batch, 1)
	if b.conf.Batch > 0 {
		n = b.conf.Batch
	}
	return n
}

// chunks cuts a group into calls.
func chunks(group []*want, size int) [][]*want {
	return slices.Collect(slices.Chunk(group, size))
}
