package crmtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// check is one run of one check. Its methods may be called from several goroutines, those that stop only from the first.
type check struct {
	crm   crm.CRM
	world World
	valve *valve
	start func() World

	mu       sync.Mutex
	problems []string
}

// stop ends a check early.
type stop struct{}

func newCheck(s Suite, t *testing.T) *check {
	c := &check{crm: s.New(), start: func() World { return s.Start(t) }}
	c.fresh()
	return c
}

// fresh begins again with an empty vendor.
func (c *check) fresh() {
	c.world = c.start()
	c.valve = newValve(&c.world.Account, c.leak)
	if c.world.Batch == 0 {
		c.world.Batch = c.crm.Info().Batch
	}
}

func (c *check) guarded(run func(*check)) {
	defer func() {
		switch r := recover().(type) {
		case nil, stop:
		default:
			c.errorf("panic: %v", r)
		}
	}()
	run(c)
}

func (c *check) errorf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, c.veil(fmt.Sprintf(format, args...)))
}

func (c *check) fatalf(format string, args ...any) {
	c.errorf(format, args...)
	panic(stop{})
}

func (c *check) found() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.problems
}

// need stops where a hook is missing; ok tells that it is there.
func (c *check) need(ok bool, hook string) {
	if !ok {
		c.fatalf("needs %s: give the hook, or name this check in Skips with the reason", hook)
	}
}

// leak reports a secret where none may be.
func (c *check) leak(where, text string) {
	for name, secret := range c.world.Account.Secrets {
		if s := secret.Reveal(); len(s) >= 8 && strings.Contains(text, s) {
			c.errorf("%s holds the secret %q", where, name)
		}
	}
}

// veil takes secrets out of the suite's own messages.
func (c *check) veil(text string) string {
	for name, secret := range c.world.Account.Secrets {
		if s := secret.Reveal(); len(s) >= 8 {
			text = strings.ReplaceAll(text, s, "«secret "+name+"»")
		}
	}
	return text
}

// key makes a record key.
func key(name string) string { return flow.Key(flow.KindMention, name) }

// keys makes n record keys.
func keys(name string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = key(fmt.Sprintf("%s-%d", name, i))
	}
	return out
}

// samples makes a record for each key.
func (c *check) samples(keys ...string) []crm.Record {
	out := make([]crm.Record, len(keys))
	for i, k := range keys {
		out[i] = c.world.Sample(k)
	}
	return out
}

// again is the record as the pipeline sends it once more, not knowing what became of it.
func (c *check) again(r crm.Record) crm.Record {
	r.Attempted = true
	return r
}

// try calls Upsert and checks the form of the answer: secrets, length, order, ids and states.
func (c *check) try(records ...crm.Record) ([]crm.Outcome, error) {
	return c.tryCtx(context.Background(), records...)
}

func (c *check) tryCtx(ctx context.Context, records ...crm.Record) ([]crm.Outcome, error) {
	out, err := c.crm.Upsert(ctx, c.world.Account, records)
	if err != nil {
		c.leak("an error of Upsert", err.Error())
		return nil, err
	}
	if len(out) != len(records) {
		c.fatalf("Upsert of %d records gave %d outcomes", len(records), len(out))
	}
	for i, o := range out {
		if o.Key != records[i].Key {
			c.errorf("outcome %d is of key %q, the record's is %q", i, o.Key, records[i].Key)
		}
		if o.Err != nil {
			c.leak("the error of an outcome", o.Err.Error())
			continue
		}
		if o.ID == "" {
			c.errorf("outcome %d (%s) names no record id", i, o.Key)
		}
		if o.State != crm.Created && o.State != crm.Updated && o.State != crm.Unchanged {
			c.errorf("outcome %d (%s) has state %q", i, o.Key, o.State)
		}
	}
	return out, nil
}

// upsert writes records of which every one must pass.
func (c *check) upsert(records ...crm.Record) []crm.Outcome {
	out, err := c.try(records...)
	if err != nil {
		c.fatalf("Upsert of %d records: %v (%v)", len(records), err, fault.Of(err))
	}
	for _, o := range out {
		if o.Err != nil {
			c.fatalf("Upsert of %s: %v (%v)", o.Key, o.Err, fault.Of(o.Err))
		}
	}
	return out
}

// one writes one record; the error is that of the call or of the outcome.
func (c *check) one(r crm.Record) (crm.Outcome, error) {
	out, err := c.try(r)
	if err != nil {
		return crm.Outcome{}, err
	}
	return out[0], out[0].Err
}

// send writes as the pipeline does: a batch refused as a whole goes out in halves, then singles. It reports whether
// any call was refused with Split.
func (c *check) send(records ...crm.Record) (out []crm.Outcome, split bool) {
	out, err := c.try(records...)
	switch {
	case err == nil:
		return out, false
	case len(records) == 1 && !fault.Is(err, fault.Split):
		return []crm.Outcome{{Key: records[0].Key, Err: err}}, false
	case !fault.Is(err, fault.Split):
		c.fatalf("Upsert of %d records: %v (%v), want outcomes or Split", len(records), err, fault.Of(err))
	case len(records) == 1:
		c.fatalf("a single record was refused with Split, which cannot be halved: %v", err)
	}
	half := len(records) / 2
	first, _ := c.send(records[:half]...)
	second, _ := c.send(records[half:]...)
	return append(first, second...), true
}

// read reads rows of Object and checks their number.
func (c *check) read(keys []string, fields ...string) []crm.Row {
	rows, err := c.crm.Read(context.Background(), c.world.Account, c.world.Object, keys, fields)
	if err != nil {
		c.leak("an error of Read", err.Error())
		c.fatalf("Read of %d keys: %v (%v)", len(keys), err, fault.Of(err))
	}
	if len(rows) != len(keys) {
		c.fatalf("Read of %d keys gave %d rows", len(keys), len(rows))
	}
	return rows
}

// holds checks that exactly one live record carries the record's key, that it is the one the outcome names, and that
// its text is the record's.
func (c *check) holds(r crm.Record, o crm.Outcome) {
	c.need(c.world.Count != nil && c.world.Row != nil, "Count and Row")
	if n := c.world.Count(r.Key); n != 1 {
		c.errorf("%d records carry key %s, want 1", n, r.Key)
		return
	}
	row := c.world.Row(o.ID)
	if row == nil {
		c.errorf("the outcome of %s names record %s, which there is not", r.Key, o.ID)
		return
	}
	if got, want := text(row[c.world.Text]), text(r.Fields[c.world.Text]); got != want {
		c.errorf("record %s (%s) holds %s = %s, want %s", o.ID, r.Key, c.world.Text, short(got), short(want))
	}
}

// kindOf tells whether err has one of the kinds.
func kindOf(err error, kinds ...fault.Kind) bool {
	for _, k := range kinds {
		if fault.Is(err, k) {
			return true
		}
	}
	return false
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return fmt.Sprintf("%q… (%d characters)", string(r[:60]), len(r))
	}
	return fmt.Sprintf("%q", s)
}
