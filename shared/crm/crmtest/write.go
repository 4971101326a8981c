package crmtest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
)

func checkInfo(c *check) {
	i := c.crm.Info()
	switch {
	case i.Name == "" || strings.ToLower(i.Name) != i.Name || i.Title == "":
		c.errorf("Info has name %q and title %q", i.Name, i.Title)
	case i.Batch < 1:
		c.errorf("Info.Batch is %d", i.Batch)
	case i.Text.Max < 1 || !slices.Contains([]string{"runes", "utf16", "bytes", "graphemes"}, i.Text.Unit):
		c.errorf("Info.Text is %+v", i.Text)
	case c.world.Unkeyed && i.Keyed:
		c.errorf("Info.Keyed is true, the world is unkeyed")
	}
	seen := map[string]bool{}
	for _, f := range slices.Concat(i.Settings, i.Secrets) {
		if f.Name == "" || f.Title == "" || seen[f.Name] {
			c.errorf("Info names setting %q (title %q) twice, or without a title", f.Name, f.Title)
		}
		seen[f.Name] = true
	}
	for name := range c.world.Account.Secrets {
		if !seen[name] && name != "token" {
			c.errorf("the account has the secret %q, which Info does not name", name)
		}
	}
}

func checkEmpty(c *check) {
	c.upsert()
	if rows := c.read(nil); len(rows) != 0 {
		c.errorf("Read of no keys gave rows")
	}
	if n := c.valve.count(); n != 0 {
		c.errorf("nothing to write and nothing to read took %d calls", n)
	}
}

func checkTwice(c *check) {
	r := c.world.Sample(key("twice"))
	first := c.upsert(r)[0]
	if first.State != crm.Created {
		c.errorf("a new record is %q, want created", first.State)
	}
	second := c.upsert(c.again(r))[0]
	if second.ID != first.ID || second.State == crm.Created {
		c.errorf("written again it is %s of record %s, first it was %s of %s", second.State, second.ID, first.State, first.ID)
	}
	r.ID = first.ID
	if third := c.upsert(r)[0]; third.ID != first.ID || third.State == crm.Created {
		c.errorf("written by its id it is %s of record %s", third.State, third.ID)
	}
	c.holds(r, first)
}

func checkOrder(c *check) {
	n := min(c.world.Batch, 5)
	all := c.samples(keys("order", n)...)
	if n > 2 {
		c.upsert(all[2]) // one is there already, so that creations and updates mix
		all[2] = c.again(all[2])
		all[2].Fields[c.world.Text] = "a later text"
	}
	slices.Reverse(all)
	for i, o := range c.upsert(all...) {
		c.holds(all[i], o)
	}
}

func checkRead(c *check) {
	n := min(c.world.Batch, 3)
	records := c.samples(keys("read", n)...)
	out := c.upsert(records...)
	ask := []string{key("absent"), "id:999999999"}
	for i := len(records) - 1; i >= 0; i-- {
		ask = append(ask, records[i].Key, "id:"+out[i].ID)
	}
	rows := c.read(ask, c.world.Text, c.world.KeyField)
	if rows[0].Found || rows[1].Found {
		c.errorf("Read finds records that there are not")
	}
	for i, k := range ask[2:] {
		at := len(records) - 1 - i/2
		row := rows[i+2]
		switch {
		case !row.Found:
			c.errorf("Read does not find %s", k)
		case row.ID != out[at].ID || row.Key != records[at].Key:
			c.errorf("Read of %s gives record %s with key %s, want %s with %s", k, row.ID, row.Key, out[at].ID, records[at].Key)
		case text(row.Fields[c.world.Text]) != text(records[at].Fields[c.world.Text]):
			c.errorf("Read of %s gives %s", k, short(text(row.Fields[c.world.Text])))
		}
	}
}

func checkValues(c *check) {
	r := c.world.Sample(key("values"))
	o := c.upsert(r)[0]
	row := c.world.Row(o.ID)
	for name, want := range r.Fields {
		if got := text(row[name]); want != nil && got == "" {
			c.errorf("field %s was written as %v and is empty", name, want)
		}
	}
	r = c.again(r)
	r.ID = o.ID
	r.Fields[c.world.Text] = nil
	c.upsert(r)
	if got := text(c.world.Row(o.ID)[c.world.Text]); got != "" {
		c.errorf("nil left %s = %s", c.world.Text, short(got))
	}
}

func checkOneBad(c *check) {
	c.need(c.world.Bad != nil, "Bad")
	if o, err := c.one(c.world.Bad(key("bad-alone"))); !fault.Is(err, fault.Invalid) {
		c.errorf("a bad record alone gives %+v, %v (%v), want Invalid", o, err, fault.Of(err))
	}
	n := min(c.world.Batch, 5)
	ks := keys("bad", n)
	records := c.samples(ks...)
	records[n/2] = c.world.Bad(ks[n/2])
	out, _ := c.send(records...)
	for i, o := range out {
		switch {
		case i == n/2 && !fault.Is(o.Err, fault.Invalid):
			c.errorf("the bad record of a batch gives %v (%v), want Invalid", o.Err, fault.Of(o.Err))
		case i == n/2:
			if c.world.Count(ks[i]) != 0 {
				c.errorf("the bad record was stored")
			}
		case o.Err != nil:
			c.errorf("a good record beside a bad one gives %v", o.Err)
		default:
			c.holds(records[i], o)
		}
	}
}

func checkBatch(c *check) {
	full := c.samples(keys("full", c.world.Batch)...)
	for i, o := range c.upsert(full...) {
		c.holds(full[i], o)
	}
	over := c.samples(keys("over", c.world.Batch+1)...)
	out, err := c.try(over...)
	if err != nil {
		if !kindOf(err, fault.Invalid, fault.Split) {
			c.errorf("a batch over the limit gives %v (%v), want Invalid, Split or success", err, fault.Of(err))
		}
		return
	}
	for i, o := range out {
		if o.Err == nil {
			c.holds(over[i], o)
		}
	}
}

func checkSameKey(c *check) {
	if c.world.Batch < 2 {
		return // batches of one hold no key twice
	}
	a, b := c.world.Sample(key("same")), c.world.Sample(key("same"))
	b.Fields[c.world.Text] = "the later of two"
	out, err := c.try(a, b)
	if err != nil {
		if !kindOf(err, fault.Invalid, fault.Split) {
			c.errorf("one key twice gives %v (%v), want Invalid or the last to win", err, fault.Of(err))
		}
		if n := c.world.Count(a.Key); n > 1 {
			c.errorf("one key twice left %d records", n)
		}
		return
	}
	if out[0].Err != nil && !fault.Is(out[0].Err, fault.Invalid) || out[1].Err != nil && !fault.Is(out[1].Err, fault.Invalid) {
		c.errorf("one key twice gives %v and %v, want Invalid or success", out[0].Err, out[1].Err)
	}
	n := c.world.Count(a.Key)
	if ok := out[0].Err == nil || out[1].Err == nil; n > 1 || ok && n != 1 {
		c.errorf("one key twice left %d records", n)
	}
	if out[1].Err == nil {
		c.holds(b, out[1])
	}
}

func checkRemovedField(c *check) {
	c.need(c.world.RemoveField != nil, "RemoveField")
	c.upsert(c.world.Sample(key("before")))
	c.world.RemoveField(c.world.Text)
	r := c.world.Sample(key("after"))
	for _, batch := range [][]crm.Record{{r}, {r, c.world.Sample(key("after-2"))}} {
		if len(batch) > c.world.Batch {
			continue
		}
		out, err := c.try(batch...)
		if err == nil {
			err = out[0].Err
		}
		if !fault.Is(err, fault.Drift) || !slices.Contains(fault.Fields(err), c.world.Text) {
			c.errorf("a removed field gives %v (%v, fields %q), want Drift that names %s", err, fault.Of(err), fault.Fields(err), c.world.Text)
		}
	}
	delete(r.Fields, c.world.Text)
	c.upsert(r)
	if n := c.world.Count(r.Key); n != 1 {
		c.errorf("without the field %d records carry the key, want 1", n)
	}
}

func checkSplit(c *check) {
	c.need(c.world.RefuseBatchOn != nil, "RefuseBatchOn")
	ks := keys("split", min(c.world.Batch, 8))
	c.world.RefuseBatchOn(ks[len(ks)/3])
	records := c.samples(ks...)
	out, split := c.send(records...)
	if !split && len(ks) > 1 {
		c.errorf("the vendor refused the batch, Upsert did not say Split")
	}
	for i, o := range out {
		if o.Err != nil {
			c.errorf("after halving %s gives %v", o.Key, o.Err)
			continue
		}
		c.holds(records[i], o)
	}
}

// checkCut loses the answer of each call of an Upsert in turn. Whatever was lost, sending again doubles nothing.
func checkCut(c *check) {
	ambiguous := false
	for n := 1; n < 20; n++ {
		c.fresh()
		records := c.samples(keys("cut", min(c.world.Batch, 3))...)
		c.valve.cutAt(n)
		out, err := c.try(records...)
		if calls := c.valve.count(); calls < n {
			break // all calls of an Upsert had their turn
		}
		for _, o := range out {
			if err == nil {
				err = o.Err
			}
		}
		ambiguous = ambiguous || fault.Is(err, fault.Ambiguous)
		if err != nil && !kindOf(err, fault.Ambiguous, fault.Transient, fault.Unavailable, fault.Unknown) {
			c.errorf("with the answer of call %d lost: %v (%v), want Ambiguous", n, err, fault.Of(err))
		}
		for i := range records {
			if err == nil {
				break
			}
			records[i] = c.again(records[i])
		}
		for i, o := range c.upsert(records...) {
			c.holds(records[i], o)
		}
		if got := c.world.Total(); got != len(records) {
			c.errorf("with the answer of call %d lost, then repeated: %d records, want %d", n, got, len(records))
		}
	}
	if !ambiguous {
		c.errorf("no lost answer made Upsert say Ambiguous")
	}
}

func checkAtOnce(c *check) {
	var wg sync.WaitGroup
	all := c.samples(keys("once", 12)...)
	out := make([]crm.Outcome, len(all))
	errs := make([]error, len(all))
	for i := range all {
		wg.Go(func() { out[i], errs[i] = c.one(all[i]) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			c.errorf("twelve at once: %v", err)
			continue
		}
		c.holds(all[i], out[i])
	}
}

func checkCancelled(c *check) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	began := time.Now()
	if _, err := c.tryCtx(ctx, c.world.Sample(key("cancelled"))); err == nil {
		c.errorf("Upsert with a cancelled context succeeds")
	}
	if _, err := c.crm.Read(ctx, c.world.Account, c.world.Object, []string{key("cancelled")}, []string{c.world.Text}); err == nil {
		c.errorf("Read with a cancelled context succeeds")
	}
	if err := c.crm.Erase(ctx, c.world.Account, crm.Subject{Records: c.samples(key("cancelled"))}); err == nil {
		c.errorf("Erase with a cancelled context succeeds")
	}
	if took := time.Since(began); took > 2*time.Second {
		c.errorf("calls with a cancelled context took %v", took)
	}
	if n := c.world.Total(); n != 0 {
		c.errorf("a cancelled call stored %d records", n)
	}
}
