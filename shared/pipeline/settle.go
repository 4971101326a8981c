package pipeline

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/ledger"
	"rapport/shared/queue"
	"rapport/shared/store"
)

// verdict is what became of a task in this pass.
type verdict struct {
	state   ledger.State // Queued = goes on
	reason  string
	created int
	updated int
	records []string          // ids of the mention's records
	prints  map[string]string // what was written into fields that humans may change
	begun   bool              // it is about to be sent, or may have been
	judged  bool              // the vendor judged it: counts as an attempt
	wait    time.Duration
}

// settle writes verdicts into lines; what lost a race merges with what is stored. Each answer belongs to its task.
func (p *Pipeline) settle(ctx context.Context, tasks []*task) {
	p.reread(ctx, tasks)
	todo := make([]*task, 0, len(tasks))
	rows := make([]*store.Row[ledger.Line], 0, len(tasks))
	for _, t := range tasks {
		if t.Patch != "" && t.err == nil && t.verdict.state != "" && !t.verdict.state.Open() {
			p.settlePatch(ctx, t)
		}
		if t.err != nil || t.Place.Part == "" || t.verdict.state == "" {
			continue
		}
		row := &store.Row[ledger.Line]{Part: t.Place.Part, Sort: t.Place.Sort, Version: t.Version, Value: t.Line}
		if p.enter(row, t) {
			todo, rows = append(todo, t), append(rows, row)
		}
	}
	for round := 0; len(rows) > 0; round++ {
		var again []*task
		var next []*store.Row[ledger.Line]
		for i, res := range p.writeLines(ctx, rows...) {
			t := todo[i]
			switch {
			case res.Err == nil:
				t.Version, t.Line = rows[i].Version, rows[i].Value
			case conflicted(res) && round < 20:
				stored, err := p.lines.Row(res.Stored)
				if err != nil || stored.Version == 0 {
					t.err = fault.New(fault.Transient, "ledger line %s is not there yet: %w", t.Place.Sort, err)
					continue
				}
				stored.Part, stored.Sort = t.Place.Part, t.Place.Sort
				t.Version, t.Line = stored.Version, stored.Value
				if p.enter(&stored, t) {
					again, next = append(again, t), append(next, &stored)
				}
			default:
				t.err = res.Err
			}
		}
		todo, rows = again, next
	}
}

// reread gives tasks their lines that came without, as those do that somebody was at before.
func (p *Pipeline) reread(ctx context.Context, tasks []*task) {
	var keys []store.Key
	var bare []*task
	for _, t := range tasks {
		if t.err == nil && t.Place.Part != "" && t.Version == 0 {
			keys, bare = append(keys, p.lines.Key(t.Place.Part, t.Place.Sort)), append(bare, t)
		}
	}
	rows, err := p.lines.Get(ctx, keys...)
	for i, t := range bare {
		if t.err = err; err != nil {
			continue
		}
		if t.Version, t.Line = rows[i].Version, rows[i].Value; t.Version == 0 {
			t.err = fault.New(fault.Transient, "ledger line %s is not there", t.Place.Sort)
		}
	}
}

// enter puts a verdict into a line and tells whether that changed it. What is settled stays settled.
func (p *Pipeline) enter(row *store.Row[ledger.Line], t *task) bool {
	line := row.Value
	line.Deliveries = append([]ledger.Delivery(nil), line.Deliveries...)
	d := line.Delivery(t.Account)
	v := t.verdict
	if d == nil || !d.State.Open() {
		return false
	}
	if v.judged {
		d.Attempts++
	}
	if v.state.Open() && !v.judged && d.Reason == v.reason && d.Begun == v.begun {
		return false
	}
	d.Begun = d.Begun || v.begun
	d.State, d.Reason = v.state, v.reason
	d.Created += v.created
	d.Updated += v.updated
	switch {
	case len(v.records) == 1:
		_, d.Record, _ = strings.Cut(v.records[0], "#")
	case len(v.records) > 1:
		d.Records = v.records
	}
	if v.prints != nil {
		d.Prints = v.prints
	}
	if !v.state.Open() {
		d.At = p.now()
	}
	row.Value = line
	t.attempts = d.Attempts
	return true
}

// bury keeps a dead delivery for redrive, once.
func (p *Pipeline) bury(ctx context.Context, t *task) {
	t.Attempted = true
	dead := t.Task
	dead.Kinds, dead.Bad, dead.Tries = t.first, "", 0 // a redrive tries everything
	dead.Line, dead.Version = ledger.Line{}, 0        // and reads the line anew
	body, _ := json.Marshal(dead)                     // plain data: cannot fail
	sort := t.Place.Sort
	if sort == "" {
		sort = "~" + p.hashed(t.Mention, t.Conversation, t.Person, t.Patch)
	}
	row := &store.Row[ParkedRow]{Part: deadOf(t.Account), Sort: sort,
		Value: ParkedRow{Lane: t.Lane, Group: t.Account, Body: body, Reason: t.verdict.reason, Dead: true, At: p.now()}}
	if res := p.parked.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		t.err = res.Err
	}
}

func deadOf(account string) string { return account + "#dead" }

// DeadDelivery is a delivery that will not be tried again by itself.
type DeadDelivery struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Mention string    `json:"mention"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// DeadDeliveries lists dead deliveries of a CRM account, oldest first.
func (p *Pipeline) DeadDeliveries(ctx context.Context, account string, limit int) ([]DeadDelivery, error) {
	var out []DeadDelivery
	for row, err := range p.parked.List(ctx, store.Range{Part: deadOf(account), Limit: limit}) {
		if err != nil {
			return nil, err
		}
		var t Task
		if err := json.Unmarshal(row.Value.Body, &t); err != nil {
			return nil, fault.New(fault.Invalid, "dead delivery %s is damaged: %w", row.Sort, err)
		}
		out = append(out, DeadDelivery{ID: row.Sort, Account: account, Mention: t.Mention, Reason: row.Value.Reason, At: row.Value.At})
	}
	return out, nil
}

// Redrive reopens up to limit dead deliveries of a CRM account and sends them again.
func (p *Pipeline) Redrive(ctx context.Context, account string, limit int) (int, error) {
	return p.RedriveSome(ctx, account, limit, func(string) bool { return true })
}

// RedriveSome is Redrive of those alone whose reason is wanted.
func (p *Pipeline) RedriveSome(ctx context.Context, account string, limit int, wanted func(reason string) bool) (int, error) {
	n := 0
	for row, err := range p.parked.List(ctx, store.Range{Part: deadOf(account)}) {
		if err != nil || n == limit {
			return n, err
		}
		if !wanted(row.Value.Reason) {
			continue
		}
		var t Task
		if err := json.Unmarshal(row.Value.Body, &t); err != nil {
			return n, fault.New(fault.Invalid, "dead delivery %s is damaged: %w", row.Sort, err)
		}
		if err := p.reopen(ctx, &t); err != nil {
			return n, err
		}
		if err := p.Queue.Send(ctx, t.message())[0]; err != nil {
			return n, err
		}
		p.Store.Delete(ctx, store.Item{Part: "parked#" + deadOf(account), Sort: row.Sort, Version: store.AnyVersion})
		n++
	}
	return n, nil
}

// reopen makes a dead delivery's line say that it is under way again. What was settled otherwise meanwhile stays.
func (p *Pipeline) reopen(ctx context.Context, t *Task) error {
	if t.Place.Part == "" { // no line hangs on it
		return nil
	}
	line, err := p.changeLine(ctx, t.Place, func(l *ledger.Line) bool {
		d := l.Delivery(t.Account)
		if d == nil || d.State != ledger.Dead {
			return false
		}
		d.State, d.Reason, d.Attempts = ledger.Queued, "", 0
		return true
	})
	t.Version, t.Line = line.Version, line.Value
	return err
}

// resend gives a task back to its queue as a new message, so that the queue's own count stays for crashes.
func (p *Pipeline) resend(ctx context.Context, t *task) {
	t.Attempted = true
	m := t.message()
	m.Delay = min(max(t.verdict.wait, time.Second), 15*time.Minute)
	t.err = p.Queue.Send(ctx, []queue.Message{m}...)[0]
}
