package crmtest

import (
	"context"
	"fmt"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

func checkAdopt(c *check) {
	c.need(c.world.HumanCreate != nil, "HumanCreate")
	id := c.world.HumanCreate(map[string]any{c.world.Text: "by hand"})
	r := c.world.Sample(key("adopt"))
	r.ID = id
	o := c.upsert(r)[0]
	if o.ID != id || o.State == crm.Created {
		c.errorf("a record made by hand, written by its id %s, is %s of record %s", id, o.State, o.ID)
	}
	c.holds(r, o)
	r = c.again(r)
	r.ID = ""
	r.Fields[c.world.Text] = "by key"
	o = c.upsert(r)[0]
	if o.ID != id {
		c.errorf("the adopted record %s, written by its key, is record %s", id, o.ID)
	}
	c.holds(r, o)
	if n := c.world.Total(); n != 1 {
		c.errorf("adopting left %d records, want 1", n)
	}
	c.mixed(id)
}

// mixed writes an adopted record and a new one in one batch.
func (c *check) mixed(id string) {
	if c.world.Batch < 3 {
		return
	}
	records := c.samples(key("mixed"), key("adopt"), key("mixed-2"))
	records[1].ID = id
	out := c.upsert(records...)
	for i, o := range out {
		c.holds(records[i], o)
	}
	if out[1].ID != id {
		c.errorf("in a mixed batch the adopted record %s is record %s", id, out[1].ID)
	}
}

func checkMerge(c *check) {
	c.need(c.world.Merge != nil, "Merge")
	a, b := c.world.Sample(key("merge-a")), c.world.Sample(key("merge-b"))
	a.ID, b.ID = c.upsert(a)[0].ID, c.upsert(b)[0].ID
	survivor := c.world.Merge(a.ID, b.ID)
	rows := c.read([]string{"id:" + a.ID}, c.world.Text)
	if r := rows[0]; a.ID != survivor && r.MergedInto != survivor {
		c.errorf("Read of the merged record %s says merged into %q, want the survivor %s", a.ID, r.MergedInto, survivor)
	}
	for i, r := range []crm.Record{a, b, a} {
		r = c.again(r)
		r.Fields[c.world.Text] = fmt.Sprintf("after the merge, %d", i)
		o, err := c.one(r)
		if err != nil {
			c.fatalf("writing %s after the merge: %v (%v)", r.Key, err, fault.Of(err))
		}
		if o.ID != survivor {
			c.errorf("writing %s after the merge hits record %s, want the survivor %s", r.Key, o.ID, survivor)
		}
		if got := text(c.world.Row(survivor)[c.world.Text]); got != r.Fields[c.world.Text] {
			c.errorf("writing %s after the merge left %s in the survivor", r.Key, short(got))
		}
		if n := c.world.Total(); n != 1 {
			c.fatalf("writing %s after the merge left %d records, want 1", r.Key, n)
		}
	}
}

func checkDelete(c *check) {
	c.need(c.world.HumanDelete != nil, "HumanDelete")
	records := c.samples(keys("delete", min(c.world.Batch, 3))...)
	out := c.upsert(records...)
	for i, o := range out {
		records[i] = c.again(records[i])
		records[i].ID = o.ID
	}
	c.world.HumanDelete(out[0].ID)
	if c.read([]string{"id:" + out[0].ID}, c.world.Text)[0].Found {
		c.errorf("Read finds the deleted record %s", out[0].ID)
	}
	again, _ := c.send(records...)
	if !fault.Is(again[0].Err, fault.Gone) {
		c.errorf("writing a record that a human deleted gives %v (%v), want Gone", again[0].Err, fault.Of(again[0].Err))
	}
	for i, o := range again[1:] {
		if o.Err != nil {
			c.errorf("writing %s beside a deleted record gives %v", records[i+1].Key, o.Err)
		}
	}
	if n := c.world.Total(); n != len(records)-1 {
		c.errorf("%d records are there, want %d: a deleted one must not be created again", n, len(records)-1)
	}
}

func checkConvert(c *check) {
	c.need(c.world.Convert != nil, "Convert")
	r := c.world.Sample(key("convert"))
	r.ID = c.upsert(r)[0].ID
	object, survivor := c.world.Convert(r.ID)
	before := c.world.Total()
	o, err := c.one(c.again(r))
	if err != nil {
		c.fatalf("writing a converted record: %v (%v)", err, fault.Of(err))
	}
	if o.ID != survivor || o.MovedTo != object {
		c.errorf("writing a converted record gives %s %q, want %s %q", o.ID, o.MovedTo, survivor, object)
	}
	if n := c.world.Total(); n != before {
		c.errorf("writing a converted record changed the number of records from %d to %d", before, n)
	}
}

// blank is a record as Erase is given it: the fields we filled, without values.
func blank(r crm.Record) crm.Record {
	fields := map[string]any{}
	for name := range r.Fields {
		fields[name] = nil
	}
	r.Fields = fields
	return r
}

func (c *check) erase(s crm.Subject) {
	if err := c.crm.Erase(context.Background(), c.world.Account, s); err != nil {
		c.leak("an error of Erase", err.Error())
		c.fatalf("Erase: %v (%v)", err, fault.Of(err))
	}
}

func checkErase(c *check) {
	mine, other := c.world.Sample(key("erase")), c.world.Sample(key("stays"))
	o, p := c.upsert(mine)[0], c.upsert(other)[0]
	if c.world.Foreign != "" {
		c.need(c.world.HumanEdit != nil, "HumanEdit")
		c.world.HumanEdit(o.ID, map[string]any{c.world.Foreign: "foreign"})
	}
	never := c.world.Sample(key("never-written"))
	subject := crm.Subject{Records: []crm.Record{blank(mine), blank(never)}}
	for range 2 {
		c.erase(subject)
		row := c.world.Row(o.ID)
		if c.world.Foreign != "" && row == nil {
			c.fatalf("Erase deleted a record that holds foreign data")
		}
		if got := text(row[c.world.Text]); got != "" {
			c.errorf("Erase left %s = %s", c.world.Text, short(got))
		}
		if got := text(row[c.world.Foreign]); c.world.Foreign != "" && got != "foreign" {
			c.errorf("Erase changed the foreign field %s to %s", c.world.Foreign, short(got))
		}
	}
	c.holds(other, p)
	if n := c.world.Count(never.Key); n != 0 {
		c.errorf("Erase made a record")
	}
}

func checkEraseWhole(c *check) {
	mine, other := c.world.Sample(key("whole")), c.world.Sample(key("whole-stays"))
	mine.ID = c.upsert(mine)[0].ID
	p := c.upsert(other)[0]
	for range 2 {
		c.erase(crm.Subject{Records: []crm.Record{blank(mine)}, Delete: true})
		if got := text(c.world.Row(mine.ID)[c.world.Text]); got != "" {
			c.errorf("Erase left %s = %s", c.world.Text, short(got))
		}
	}
	c.holds(other, p)
}

// checkChanges looks that our own writes come back as our own and a human's as a human's.
func checkChanges(c *check) {
	watcher, ok := c.crm.(crm.Watcher)
	c.need(ok, "a Watcher")
	parser, ok := c.crm.(crm.ChangeParser)
	c.need(ok, "a ChangeParser")
	c.need(c.world.Settle != nil && c.world.HumanEdit != nil && c.world.HumanCreate != nil, "Settle, HumanEdit and HumanCreate")
	r := c.world.Sample(key("ours"))
	cursor, before := c.changes(watcher, parser, "")
	if len(before) != 0 {
		c.errorf("the first poll of a new account gives %d changes, want none", len(before))
	}
	ours := c.upsert(r)[0].ID
	theirs := c.world.HumanCreate(map[string]any{c.world.Text: "by hand"})
	cursor, seen := c.changes(watcher, parser, cursor)
	c.changed(seen, ours, true)
	c.changed(seen, theirs, false)
	c.world.HumanEdit(ours, map[string]any{c.world.Text: "edited by hand"})
	_, seen = c.changes(watcher, parser, cursor)
	if ch := c.changed(seen, ours, false); ch != nil {
		if got, told := ch.Fields[c.world.Text]; told && text(got) != "edited by hand" {
			c.errorf("the change of record %s tells %s = %s", ours, c.world.Text, short(text(got)))
		}
	}
}

// changes polls until there is no more.
func (c *check) changes(w crm.Watcher, p crm.ChangeParser, cursor string) (string, []flow.Change) {
	c.world.Account.Now = c.world.Settle()
	var all []flow.Change
	for range 50 {
		page, err := w.Changes(context.Background(), c.world.Account, cursor)
		if err != nil {
			c.leak("an error of Changes", err.Error())
			c.fatalf("Changes: %v (%v)", err, fault.Of(err))
		}
		for _, b := range page.Bodies {
			raw := network.Raw{Settings: c.world.Account.Settings, Account: c.world.Account.ID, Stream: b.Stream, Body: b.Data, At: c.world.Account.Now, Origin: c.world.Account.Origin}
			one, err := p.ParseChanges(raw)
			if err != nil {
				c.fatalf("ParseChanges of a polled body: %v (%v)", err, fault.Of(err))
			}
			all = append(all, one...)
		}
		cursor = page.Cursor
		if !page.More {
			return cursor, all
		}
	}
	c.fatalf("fifty pages of Changes and no end")
	return "", nil
}

// changed finds the newest change of a record.
func (c *check) changed(all []flow.Change, id string, self bool) *flow.Change {
	var last *flow.Change
	for i, ch := range all {
		if ch.Record == id {
			last = &all[i]
		}
	}
	switch {
	case last == nil:
		c.errorf("no change of record %s came back", id)
	case last.By == "self" != self:
		c.errorf("the change of record %s is by %q, want by ourselves: %v", id, last.By, self)
	}
	return last
}

func checkList(c *check) {
	lister, ok := c.crm.(crm.Lister)
	c.need(ok, "a Lister")
	n := 0
	for n < 250 {
		some := c.samples(keys(fmt.Sprintf("list-%d", n), min(c.world.Batch, 100))...)
		c.upsert(some...)
		n += len(some)
	}
	if c.world.Settle != nil {
		c.world.Account.Now = c.world.Settle()
	}
	seen, order := map[string]bool{}, []string{}
	walk := func(cursor string, limit int) {
		for row, err := range lister.List(context.Background(), c.world.Account, c.world.Object, []string{c.world.Text, c.world.KeyField}, cursor) {
			if err != nil {
				c.fatalf("List: %v (%v)", err, fault.Of(err))
			}
			if seen[row.ID] || row.Key == "" || text(row.Fields[c.world.Text]) == "" {
				c.errorf("List gives record %s twice, or without key or text: %+v", row.ID, row)
			}
			seen[row.ID] = true
			if order = append(order, row.ID); len(order) == limit {
				return
			}
		}
	}
	walk("", 120)
	walk(order[len(order)-1], 0) // the id of the last row is a cursor
	if len(seen) != n {
		c.errorf("List gives %d of %d records", len(seen), n)
	}
	if got, err := lister.Count(context.Background(), c.world.Account, c.world.Object); err != nil || got != n {
		c.errorf("Count says %d, %v, want %d", got, err, n)
	}
}
