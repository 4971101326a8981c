package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/mapping"
)

// conclude gives every task its verdict and writes it down. What is dead is kept for redrive before its line says so.
func (b *delivering) conclude(ctx context.Context, closed error) error {
	var waiting []*task
	for _, t := range b.tasks {
		if t.done || t.err != nil {
			continue
		}
		if t.verdict.state == "" {
			t.verdict = b.judge(t)
		}
		switch t.verdict.state {
		case ledger.Parked:
			waiting = append(waiting, t)
			t.verdict = verdict{}
		case ledger.Dead:
			b.p.bury(ctx, t)
		}
	}
	b.p.settle(ctx, b.tasks)
	for _, t := range b.tasks {
		if t.done || t.err != nil || t.verdict.state != ledger.Queued {
			continue
		}
		if t.Tries++; t.verdict.judged && b.spent(t) {
			t.verdict.state, t.verdict.judged = ledger.Dead, false
			if b.p.bury(ctx, t); t.err == nil {
				b.p.settle(ctx, []*task{t})
			}
			continue
		}
		b.p.resend(ctx, t)
	}
	if len(waiting) == 0 {
		return nil
	}
	return b.wait(ctx, closed, waiting)
}

// wait closes the account, or its bulk lane, and parks what could not be written.
func (b *delivering) wait(ctx context.Context, closed error, waiting []*task) error {
	gate := wholeGate
	if b.short {
		gate = bulkGate
	}
	err := b.p.closeAccount(ctx, b.conf.Name, gate, closed)
	if err == nil {
		err = b.park(ctx, brief(closed.Error()), waiting)
	}
	if err != nil {
		for _, t := range waiting {
			t.err = err
		}
	}
	return nil
}

// spent tells whether a task had all its tries: fewer where a record's fault is of no known kind. Of a task on which no
// line hangs the tries are in its message.
func (b *delivering) spent(t *task) bool {
	limit := maxTransient
	for _, w := range t.wants {
		if w.err != nil && fault.Of(w.err) == fault.Unknown {
			limit = maxUnknown
		}
	}
	if t.Place.Part == "" {
		return t.Tries >= limit
	}
	return t.attempts >= limit
}

// judge folds the outcomes of a task's records. What closes the account goes first, then what can be tried again, then
// what never will pass: one bad record does not keep the others from being written. Else the worst decides.
func (b *delivering) judge(t *task) verdict {
	v := verdict{state: ledger.Unchanged}
	if len(t.wants) == 0 && t.passed {
		brand := b.mentions[t.Mention].Value.Mention.Brand
		if !slices.ContainsFunc(b.plan.Mapping.For(b.conf.Name, flow.KindMention, brand), func(m *mapping.Target) bool { return b.conf.Writes(m.Object(), brand) }) {
			v.state, v.reason = ledger.NotAllowed, "observe mode"
		}
		return v
	}
	if len(t.wants) == 0 && t.Bad == "" {
		return verdict{state: ledger.NotAllowed, reason: b.nothing(t)}
	}
	var closed, again []*want
	var says []string
	observed := 0
	for _, w := range t.wants {
		switch {
		case w.err != nil && closes(w.err):
			closed = append(closed, w)
		case w.err != nil && fault.Is(w.err, fault.Invalid):
			if t.Bad == "" {
				t.Bad = w.says(w.err.Error())
			}
		case w.err != nil:
			again = append(again, w)
		case w.state == ledger.NotAllowed:
			observed++
			says = with1(says, w.reason)
		case w.state == ledger.Written:
			v.state = ledger.Written
			if w.outcome.State == crm.Created {
				v.created++
			} else {
				v.updated++
			}
		}
		says = append(says, w.leftOut()...)
		b.note(w, &v)
	}
	v.reason = brief(strings.Join(slices.Compact(says), "; "))
	switch {
	case len(closed) > 0:
		t.narrow(append(closed, again...))
		return verdict{state: ledger.Parked, reason: closed[0].says(closed[0].err.Error())}
	case len(again) > 0:
		t.narrow(again)
		v.state, v.reason = ledger.Queued, again[0].says(again[0].err.Error())
		for _, w := range again {
			v.judged = v.judged || w.judged
			v.wait = max(v.wait, fault.After(w.err), backoff(t.Tries))
		}
	case t.Bad != "":
		v.state, v.reason = ledger.Dead, t.Bad
	case observed == len(t.wants):
		v.state = ledger.NotAllowed
	}
	return v
}

// nothing tells why a task asks for no record.
func (b *delivering) nothing(t *task) string {
	if m := b.mentions[t.Mention]; m != nil && m.Value.Erased {
		return "erased"
	}
	return "the mapping asks for no record"
}

// narrow lets a task that has a dead record try the kinds alone that may still pass.
func (t *task) narrow(rest []*want) {
	if t.Bad == "" {
		return
	}
	t.Kinds = nil
	for _, w := range rest {
		t.Kinds = with1(t.Kinds, w.kind)
	}
}

// note keeps what a later revision has to know of a mention's record: its id, and what was written where humans may write.
func (b *delivering) note(w *want, v *verdict) {
	if w.kind != flow.KindMention || w.state != ledger.Written && w.state != ledger.Unchanged {
		return
	}
	if w.outcome.ID != "" {
		v.records = append(v.records, w.record.Object+"#"+w.outcome.ID)
	}
	if w.leveled || w.state != ledger.Written || !b.readable() { // what has a journal needs nothing here
		return
	}
	for _, list := range [][]string{w.target.human, w.target.once} {
		for _, f := range list {
			if value, has := w.record.Fields[f]; has {
				if v.prints == nil {
					v.prints = map[string]string{}
				}
				v.prints[w.record.Object+"."+f] = b.p.print(value)
			}
		}
	}
}

// leftOut tells in words what of a record was not written.
func (w *want) leftOut() []string {
	var says []string
	if len(w.human) > 0 {
		says = append(says, w.record.Object+": left as a human has it: "+strings.Join(w.human, ", "))
	}
	if len(w.dropped) > 0 {
		says = append(says, w.record.Object+": not in the CRM any more: "+strings.Join(slices.Compact(slices.Sorted(slices.Values(w.dropped))), ", "))
	}
	return says
}

// says gives an error's words for the ledger: short, and without the content that a vendor may have quoted.
func (w *want) says(text string) string {
	for _, name := range sorted(w.record.Fields) {
		if value, ok := w.record.Fields[name].(string); ok {
			for _, line := range append([]string{value}, strings.Split(value, "\n")...) {
				if line = strings.TrimSpace(line); len(line) > 3 {
					text = strings.ReplaceAll(text, line, "«"+name+"»")
				}
			}
		}
	}
	return brief(w.record.Object + ": " + text)
}

// reasonLength bounds reasons in the ledger, in characters.
const reasonLength = 300

// brief cuts a reason.
func brief(text string) string { return expression.Cut(text, reasonLength) }

// backoff is 1, 2, 4 … 60 s.
func backoff(attempts int) time.Duration {
	return min(time.Second<<min(attempts, 6), time.Minute)
}
