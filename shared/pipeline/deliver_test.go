package pipeline_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/topology"
)

// In observe mode nothing at all is called, secrets need not be there, and what would be written is shown.
func TestObserve(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string { return strings.Replace(text, "mode: write", "mode: observe", 1) }})
	delete(r.secrets, "env:CRM")
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.hook(edited(e, complaint+" Edit.", start.Add(time.Minute)))
	r.run()
	r.hook(deleted(e, start.Add(2*time.Minute)))
	r.live(3*time.Hour, 20*time.Minute)
	if len(r.crm.at) > 0 {
		t.Fatalf("%d calls of an observed CRM", len(r.crm.at))
	}
	for _, l := range r.lines() {
		if d := l.Delivery("crm"); d == nil || d.State != ledger.NotAllowed || !strings.Contains(d.Reason, "observe") {
			t.Errorf("%+v", d)
		}
	}
	s, err := r.app.Story(t.Context(), "site:m1")
	if err != nil || len(s.Records["crm"]) == 0 || s.Records["crm"][0].Mode != "observe" {
		t.Errorf("what would be written is not shown: %+v, %v", s.Records, err)
	}
}

// Write mode is switched on per object.
func TestModesPerObject(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "mode: write", "mode: observe, modes: {case: write}", 1)
	}})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	if n, m := len(r.crm.all("case")), len(r.crm.all("mention")); n != 1 || m != 0 {
		t.Errorf("%d cases, %d mentions", n, m)
	}
	if d := r.state("crm"); d.State != ledger.Written || d.Created != 1 {
		t.Errorf("%+v", d)
	}
}

// A poison record is dead at once and never sent again; its batch arrives in the same pass, and so does its own case.
func TestABadRecordSpoilsOnlyItself(t *testing.T) {
	for _, whole := range []bool{false, true} {
		r := newRig(t, options{})
		bad := func(rec recordType) bool {
			text, _ := rec.Fields["text"].(string)
			return rec.Object == "mention" && strings.Contains(text, "POISON")
		}
		if whole {
			r.crm.call = func(_ string, _ accountType, records []recordType) error {
				if slices.ContainsFunc(records, bad) {
					return fault.New(fault.Split, "one of these records is bad")
				}
				return nil
			}
		} else {
			r.crm.judge = func(rec recordType) error {
				if bad(rec) {
					return fault.New(fault.Invalid, "«%s» is not allowed", rec.Fields["text"])
				}
				return nil
			}
		}
		for i := range 10 {
			text := complaint
			if i == 3 {
				text = "POISON " + complaint
			}
			r.hook(said(fmt.Sprintf("m%d", i), fmt.Sprintf("u%d", i), text, start))
		}
		r.run()
		if n := len(r.crm.all("mention")); n != 9 {
			t.Errorf("whole %v: %d of the other 9 arrived", whole, n)
		}
		if n := len(r.crm.all("case")); n != 10 {
			t.Errorf("whole %v: %d cases, want all 10", whole, n)
		}
		dead, err := r.app.DeadDeliveries(t.Context(), "crm", 10)
		if err != nil || len(dead) != 1 || dead[0].Mention != "site:m3" || strings.Contains(dead[0].Reason, "kaputt") {
			t.Errorf("whole %v: dead: %+v, %v", whole, dead, err)
		}
		times := 0
		for _, batch := range r.crm.upserts {
			if slices.ContainsFunc(batch, bad) {
				times++
			}
		}
		if most := map[bool]int{false: 1, true: 5}[whole]; times > most { // halving ten: 10, 5, 3, 2, 1
			t.Errorf("whole %v: it was sent %d times, at most %d", whole, times, most)
		}
		calls := len(r.crm.at)
		r.live(10*time.Minute, time.Minute)
		if len(r.crm.at) != calls {
			t.Errorf("whole %v: it is tried again by itself", whole)
		}
		r.crm.call, r.crm.judge = nil, nil
		n, err := r.app.Redrive(t.Context(), "crm", 10)
		if err != nil || n != 1 {
			t.Errorf("redrive: %d, %v", n, err)
		}
		r.run()
		if n := len(r.crm.all("mention")); n != 10 {
			t.Errorf("whole %v: after the redrive %d records", whole, n)
		}
		if dead, _ := r.app.DeadDeliveries(t.Context(), "crm", 10); len(dead) != 0 {
			t.Errorf("still dead: %v", dead)
		}
	}
}

// One record of a mention that never passes does not keep its other records from being tried again.
func TestADeadRecordAndOneThatWaits(t *testing.T) {
	r := newRig(t, options{})
	tries := 0
	r.crm.judge = func(rec recordType) error {
		switch {
		case rec.Object == "mention":
			return fault.New(fault.Invalid, "never")
		case tries < 2:
			tries++
			return fault.New(fault.Transient, "locked")
		}
		return nil
	}
	r.hook(said("m1", "anna", complaint, start))
	r.live(5*time.Minute, 10*time.Second)
	if n := len(r.crm.all("case")); n != 1 {
		t.Errorf("%d cases", n)
	}
	if d := r.state("crm"); d.State != ledger.Dead || !strings.Contains(d.Reason, "never") {
		t.Errorf("%+v", d)
	}
	mentions := 0
	for _, batch := range r.crm.upserts {
		for _, rec := range batch {
			if rec.Object == "mention" {
				mentions++
			}
		}
	}
	if mentions != 1 {
		t.Errorf("the dead record was sent %d times", mentions)
	}
}

// How often a record is tried: as the vendor judges it, not as the line is down.
func TestTries(t *testing.T) {
	for _, c := range []struct {
		name  string
		judge error
		call  error
		times int // how often the mention is sent at all, 0 = for ever
	}{
		{"locked", fault.New(fault.Transient, "locked"), nil, 12},
		{"of no known kind", errors.New("what?"), nil, 3},
		{"the whole call fails and passes", nil, fault.New(fault.Transient, "bad gateway"), 0},
		{"no answer", nil, fault.New(fault.Ambiguous, "timed out"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{})
			r.crm.judge = func(rec recordType) error {
				if rec.Object == "mention" {
					return c.judge
				}
				return nil
			}
			r.crm.call = func(string, accountType, []recordType) error { return c.call }
			r.hook(said("m1", "anna", "What does the big one cost?", start))
			r.live(2*time.Hour, 30*time.Second)
			times := 0
			for _, batch := range r.crm.upserts {
				if slices.ContainsFunc(batch, func(rec recordType) bool { return rec.Object == "mention" }) {
					times++
				}
			}
			if c.times > 0 && times != c.times || c.times == 0 && times < 60 {
				t.Errorf("it was sent %d times, want %d", times, c.times)
			}
			d := r.state("crm")
			if dead := d.State == ledger.Dead; dead != (c.times > 0) {
				t.Errorf("%+v", d)
			}
			if r.dead("deliver-bulk")+r.dead("deliver-urgent") > 0 {
				t.Error("the queue's own count killed it")
			}
		})
	}
}

// What tells of a conversation without a line of its own is not tried for ever either, and writes no mention.
func TestTasksWithoutALine(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	r.crm.one("mention").Fields["text"] = "as a human wants it"
	r.crm.judge = func(recordType) error { return errors.New("what?") }
	before := len(r.crm.upserts)
	c := r.crm.one("case")
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@status": "closed"}})
	r.live(time.Hour, 20*time.Second)
	if n := len(r.crm.upserts) - before; n != 3 {
		t.Errorf("tried %d times, want 3", n)
	}
	dead, err := r.app.DeadDeliveries(t.Context(), "crm", 10)
	if err != nil || len(dead) != 1 {
		t.Fatalf("dead: %+v, %v", dead, err)
	}
	r.crm.judge = nil
	if n, err := r.app.Redrive(t.Context(), "crm", 10); n != 1 || err != nil {
		t.Fatalf("redrive: %d, %v", n, err)
	}
	r.run()
	if row := r.crm.one("case"); row.Fields["state"] != "closed" {
		t.Errorf("the case says %v", row.Fields["state"])
	}
	if row := r.crm.one("mention"); row.Fields["text"] != "as a human wants it" {
		t.Error("the mention was written again")
	}
}

// A closed account is not called before its time; probes come after 1, 2, 4 … 60 seconds, with what waits longest first.
func TestClosedAccounts(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		pause []time.Duration
	}{
		{"down", fault.New(fault.Unavailable, "down"), []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}},
		{"too fast", fault.Wait(fault.RateLimited, 10*time.Second, "slow down"), []time.Duration{10, 10, 10}},
		{"down, with a word", fault.Wait(fault.Unavailable, 5*time.Second, "back in 5 s"), []time.Duration{5, 5, 5, 8, 16}},
		{"used up", fault.Wait(fault.QuotaExhausted, time.Hour, "until noon"), []time.Duration{3600, 3600}},
		{"refused", fault.New(fault.Unauthorized, "who are you?"), []time.Duration{1, 2, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{})
			r.crm.call = func(string, accountType, []recordType) error { return c.err }
			for i := range 5 {
				r.hook(said(fmt.Sprintf("m%d", i), "anna", "What does the big one cost?", start.Add(time.Duration(i)*time.Second)))
				r.run()
			}
			var at []time.Time
			for range 8000 {
				r.pass(time.Second)
				r.tick()
				r.run()
				at = r.distinct()
				if len(at) > len(c.pause) {
					break
				}
			}
			for i, want := range c.pause {
				if got := at[i+1].Sub(at[i]); got/time.Second != want || got%time.Second != 0 {
					t.Errorf("probe %d comes after %v, want %d s", i+1, got, want)
				}
			}
			if closure, closed, err := r.app.Closed(t.Context(), "crm"); err != nil || !closed || closure.Kind != fault.Of(c.err).String() {
				t.Errorf("%+v, %v, %v", closure, closed, err)
			}
			if n, _ := r.app.Waiting(t.Context(), "crm"); n != 5 {
				t.Errorf("%d wait, want 5", n)
			}
			r.crm.call, r.crm.upserts = nil, nil
			r.live(2*time.Hour, time.Minute)
			var order []string
			for _, batch := range r.crm.upserts {
				for _, rec := range batch {
					if rec.Object == "mention" {
						order = append(order, rec.Key[len(rec.Key)-2:])
					}
				}
			}
			if !slices.Contains(order, "m0") || len(order) != 5 {
				t.Errorf("after it opened: %v", order)
			}
			if _, closed, _ := r.app.Closed(t.Context(), "crm"); closed {
				t.Error("still closed")
			}
			if n := r.dead("deliver-bulk") + r.dead("deliver-urgent"); n > 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}

// distinct gives the moments of CRM calls.
func (r *rig) distinct() []time.Time { return slices.Compact(slices.Clone(r.crm.at)) }

// What waits comes back in the order in which it came.
func TestParkedOrder(t *testing.T) {
	r := newRig(t, options{})
	r.crm.batch = 1
	r.crm.call = func(string, accountType, []recordType) error {
		return fault.Wait(fault.QuotaExhausted, time.Hour, "no calls left")
	}
	for i := range 6 {
		r.hook(said(fmt.Sprintf("m%d", i), "anna", "What does the big one cost?", start))
		r.run()
		r.pass(time.Second)
	}
	r.crm.call, r.crm.upserts = nil, nil
	r.live(3*time.Hour, 30*time.Minute)
	var order []string
	for _, batch := range r.crm.upserts {
		for _, rec := range batch {
			if rec.Object == "mention" {
				order = append(order, strings.TrimPrefix(rec.Key, "rapport:mention:site:"))
			}
		}
	}
	if !slices.IsSorted(order[1:]) || len(order) != 6 { // the first found the door closed, and went behind the others
		t.Errorf("%v", order)
	}
}

// A missing secret closes the account instead of killing messages; the account opens once it is there.
func TestAMissingSecretCloses(t *testing.T) {
	r := newRig(t, options{})
	delete(r.secrets, "env:CRM")
	r.hook(said("m1", "anna", complaint, start))
	r.live(20*time.Minute, 30*time.Second)
	if c, closed, _ := r.app.Closed(t.Context(), "crm"); !closed || c.Kind != "unauthorized" || !strings.Contains(c.Reason, "env:CRM") {
		t.Errorf("%+v, %v", c, closed)
	}
	if n := r.dead("deliver-urgent"); n > 0 {
		t.Errorf("%d dead letters", n)
	}
	r.secrets["env:CRM"] = "crm-token"
	r.live(2*time.Minute, 30*time.Second)
	if d := r.state("crm"); d.State != ledger.Written {
		t.Errorf("%+v", d)
	}
}

// An account that was taken out of the configuration lets go of what waited for it.
func TestAccountsThatAreGone(t *testing.T) {
	more := strings.Replace(basic, "mapping:\n", "  - {name: second, kind: list, mode: write}\nmapping:\n  - {crm: second, object: mention, for: mention, fields: {text: text}}\n", 1)
	r := newRig(t, options{config: more})
	r.other.call = func(string, accountType, []recordType) error { return fault.New(fault.Unavailable, "down") }
	r.hook(said("m1", "anna", complaint, start))
	r.live(time.Minute, 20*time.Second)
	r.publish(basic)
	r.live(5*time.Minute, 20*time.Second)
	if d := r.state("second"); d.State != ledger.Refused {
		t.Errorf("%+v", d)
	}
	if d := r.state("crm"); d.State != ledger.Written {
		t.Errorf("%+v", d)
	}
}

// A token that is refused is renewed once, then the account closes and asks to be connected again.
func TestUnauthorizedRenewsOnce(t *testing.T) {
	f := &refresher{}
	r := newRig(t, options{})
	r.crms["crm"] = struct {
		*crmFake
		*refresher
	}{r.crm, f}
	r.boot()
	valid := "t2"
	f.refresh = func(old network.Token) (network.Token, error) {
		if old.Refresh.Reveal() != "r1" {
			return network.Token{}, fault.New(fault.Unauthorized, "spent")
		}
		return network.Token{Access: flow.NewSecret("t2"), Refresh: flow.NewSecret("r2")}, nil
	}
	r.crm.call = func(_ string, a accountType, _ []recordType) error {
		if a.Secret("token") != valid {
			return fault.New(fault.Unauthorized, "who are you?")
		}
		return nil
	}
	if err := r.app.SaveToken(t.Context(), "crm", network.Token{Access: flow.NewSecret("t1"), Refresh: flow.NewSecret("r1")}); err != nil {
		t.Fatal(err)
	}
	r.store.fail = func(verb string, item itemType) error { // the store is slow just now: a fresh pair must not be lost
		if f.refreshed == 1 && strings.HasPrefix(item.Part, "token#") && len(r.crm.at) < 3 && item.Version == 1 && r.ids%3 != 0 {
			r.ids++
			return fault.New(fault.Transient, "throttled")
		}
		return nil
	}
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	if d := r.state("crm"); d.State != ledger.Written || f.refreshed != 1 {
		t.Fatalf("%+v after %d renewals", d, f.refreshed)
	}
	for _, s := range []string{"t1", "t2", "r1", "r2"} {
		for k, v := range table[pipeline.TokenRow](r, "token") {
			if strings.Contains(string(v.Access)+string(v.Refresh), s) {
				t.Errorf("%s stands in the clear under %v", s, k)
			}
		}
	}
	valid = "t9"
	r.hook(said("m2", "berta", complaint, start))
	r.run()
	if _, closed, _ := r.app.Closed(t.Context(), "crm"); !closed || f.refreshed != 2 {
		t.Errorf("closed %v after %d renewals", closed, f.refreshed)
	}
	if err := r.app.SaveToken(t.Context(), "crm", network.Token{Access: flow.NewSecret("t9")}); err != nil {
		t.Fatal(err)
	}
	r.live(2*time.Minute, 20*time.Second)
	if n := len(r.crm.all("mention")); n != 2 {
		t.Errorf("connected again, %d of 2 arrived", n)
	}
}

// Who was refused with a token that somebody else renewed meanwhile takes theirs, and renews nothing.
func TestOneRenewalForAll(t *testing.T) {
	f := &refresher{refresh: func(network.Token) (network.Token, error) { return network.Token{}, errors.New("not needed") }}
	r := newRig(t, options{})
	r.crms["crm"] = struct {
		*crmFake
		*refresher
	}{r.crm, f}
	r.boot()
	save := func(s string) {
		if err := r.app.SaveToken(t.Context(), "crm", network.Token{Access: flow.NewSecret(s), Refresh: flow.NewSecret("r")}); err != nil {
			t.Fatal(err)
		}
	}
	save("t1")
	r.crm.call = func(_ string, a accountType, _ []recordType) error {
		if a.Secret("token") == "t1" {
			save("t2") // somebody else, while we wait for the answer
			return fault.New(fault.Unauthorized, "who are you?")
		}
		return nil
	}
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	if d := r.state("crm"); d.State != ledger.Written || f.refreshed != 0 {
		t.Errorf("%+v after %d renewals", d, f.refreshed)
	}
}

// A field that is gone is left out and told; it is not sent again until its time, and opens by itself.
func TestDrift(t *testing.T) {
	for _, whole := range []bool{true, false} {
		r := newRig(t, options{})
		goneField := true
		drift := func(rec recordType) error {
			if _, has := rec.Fields["note"]; has && goneField && rec.Object == "mention" {
				return fault.Drifted([]string{"note"}, "there is no note")
			}
			return nil
		}
		if whole {
			r.crm.call = func(_ string, _ accountType, records []recordType) error {
				for _, rec := range records {
					if err := drift(rec); err != nil {
						return err
					}
				}
				return nil
			}
		} else {
			r.crm.judge = drift
		}
		with := func() (n int) {
			for _, batch := range r.crm.upserts {
				if slices.ContainsFunc(batch, func(rec recordType) bool { _, has := rec.Fields["note"]; return has && rec.Object == "mention" }) {
					n++
				}
			}
			return n
		}
		r.hook(said("m1", "anna", "What does the big one cost?", start))
		r.run()
		row := r.crm.one("mention")
		if row.Fields["text"] == nil || row.Fields["note"] != nil {
			t.Errorf("whole %v: %v", whole, row.Fields)
		}
		if d := r.state("crm"); d.State != ledger.Written || !strings.Contains(d.Reason, "note") {
			t.Errorf("whole %v: %+v", whole, d)
		}
		for i := range 5 {
			r.hook(said(fmt.Sprintf("x%d", i), "anna", "What does the big one cost?", start))
			r.run()
		}
		if n := with(); n != 1 {
			t.Errorf("whole %v: the field was sent %d times within its minute", whole, n)
		}
		goneField = false
		r.pass(2 * time.Minute)
		for i := range 2 {
			r.hook(said(fmt.Sprintf("y%d", i), "anna", "What does the big one cost?", start))
			r.run()
		}
		if n := with(); n != 3 {
			t.Errorf("whole %v: the field is back, and was sent %d times", whole, n)
		}
	}
}

// An answer cut after storing doubles nothing, with a unique key and without.
func TestCutAnswers(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "mapping:\n", "  - {name: second, kind: list, mode: write}\nmapping:\n  - {crm: second, object: mention, for: mention, fields: {text: text}}\n"+
			"  - {crm: second, object: case, for: conversation, when: conversation.case, fields: {subject: conversation.subject}}\n", 1)
	}})
	for _, f := range []*crmFake{r.crm, r.other} {
		n := 0
		f.cut = func() error {
			if n++; n <= 3 {
				return fault.New(fault.Ambiguous, "cut")
			}
			return nil
		}
	}
	r.hook(said("m1", "anna", complaint, start))
	r.live(2*time.Minute, 5*time.Second)
	for _, f := range []*crmFake{r.crm, r.other} {
		if n, m := len(f.all("mention")), len(f.all("case")); n != 1 || m != 1 {
			t.Errorf("%s: %d mentions, %d cases", f.Info().Name, n, m)
		}
	}
}

// A worker that died after it created a case without a unique key left its intent: the next finds the case, whoever asks.
func TestAnIntentIsFound(t *testing.T) {
	r := newRig(t, options{config: strings.NewReplacer("{name: crm, kind: crm, hook: crmhook, mode: write", "{name: crm, kind: list, mode: write").Replace(basic)})
	died := false
	r.other.cut = func() error {
		died = true
		return fault.New(fault.Ambiguous, "the worker dies here")
	}
	r.store.fail = func(string, itemType) error {
		if died {
			return errors.New("the worker is dead")
		}
		return nil
	}
	r.hook(said("m1", "anna", complaint, start))
	r.work("mentions-live", 10)
	r.work("deliver-urgent", 10)
	r.store.fail, r.other.cut = nil, nil
	r.pass(3 * time.Minute) // its lease ends
	// Somebody else tells of the conversation before the dead worker's message comes back.
	for k, v := range table[pipeline.ConversationRow](r, "conversation") {
		v.Conversation.Due = r.now.Add(-time.Minute)
		row := storeRow[pipeline.ConversationRow]{Part: k.Part, Sort: k.Sort, Version: r.store.items[keyOf("conversation#"+k.Part, k.Sort)].Version + 1, Value: v}
		tableOf[pipeline.ConversationRow](r, "conversation").Put(t.Context(), &row)
	}
	r.live(3*time.Hour, 10*time.Minute)
	if n := len(r.other.all("case")); n != 1 {
		t.Errorf("%d cases", n)
	}
}

// What a human changed stays, in cases and in mentions, also after an edit by the author; other fields go on.
func TestHumansWin(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.run()
	r.crm.one("mention").Fields["note"] = "human"
	r.crm.one("case").Fields["note"] = "human"
	r.hook(edited(e, complaint+" Edit.", start.Add(time.Minute)))
	r.run()
	r.live(3*time.Hour, 10*time.Minute)
	if row := r.crm.one("mention"); row.Fields["note"] != "human" || row.Fields["text"] != complaint+" Edit." {
		t.Errorf("the mention: %v", row.Fields)
	}
	if row := r.crm.one("case"); row.Fields["note"] != "human" || !strings.Contains(fmt.Sprint(row.Fields["subject"]), "kaputt") {
		t.Errorf("the case: %v", row.Fields)
	}
	told := false
	for _, l := range r.lines() {
		told = told || strings.Contains(l.Delivery("crm").Reason, "left as a human has it: note")
	}
	if !told {
		t.Error("nobody is told that a human won")
	}
}

// Our own write whose answer was cut is not taken for a human's.
func TestOurOwnWritesAreNotHuman(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", "What does the big one cost?", start)
	r.hook(e)
	r.run()
	cut := true
	r.crm.cut = func() error {
		if cut {
			return fault.New(fault.Ambiguous, "cut")
		}
		return nil
	}
	r.hook(said("m2", "anna", complaint, start.Add(time.Minute))) // another exchange
	e2 := e
	e2.Mention.ID, e2.Mention.Root, e2.Mention.Text = "site:m3", "site:m1", complaint
	r.hook(e2) // raises the priority of the first
	r.run()
	cut = false
	r.live(10*time.Minute, 10*time.Second)
	r.live(5*time.Hour, 10*time.Minute) // and overdue, once more
	for k, v := range table[pipeline.RecordRow](r, "record") {
		if len(v.Human) > 0 {
			t.Errorf("%s: taken for a human's: %v", k.Sort, v.Human)
		}
	}
	for _, row := range r.crm.all("case") {
		if row.Fields["note"] != "urgent" {
			t.Errorf("%v", row.Fields)
		}
	}
}

// A record that a human deleted is not created again, whether the CRM tells or not.
func TestDeletedByAHuman(t *testing.T) {
	for _, told := range []bool{true, false} {
		r := newRig(t, options{})
		e := said("m1", "anna", complaint, start)
		r.hook(e)
		r.run()
		c := r.crm.one("case")
		delete(r.crm.rows, "case/"+c.ID)
		if told {
			r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "delete"})
			r.run()
		}
		r.hook(edited(e, complaint+" Edit.", start.Add(time.Minute)))
		r.live(3*time.Hour, 10*time.Minute)
		if n := len(r.crm.all("case")); n != 0 {
			t.Errorf("told %v: the case is created again", told)
		}
		reason := ""
		for _, l := range r.lines() {
			reason += l.Delivery("crm").Reason
		}
		if !strings.Contains(reason, "a human deleted the record") {
			t.Errorf("told %v: nobody says why", told)
		}
	}
}

// A record that lost a merge moves to the survivor, whose fields a human wrote stay.
func TestMerged(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.run()
	c := r.crm.one("case")
	survivor := r.crm.write(recordType{Object: "case", Key: "theirs", Fields: map[string]any{"note": "the survivor's own", "subject": "Theirs"}})
	delete(r.crm.rows, "case/"+c.ID)
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "merge", Into: survivor.ID})
	r.run()
	r.hook(edited(e, complaint+" Edit.", start.Add(time.Minute)))
	r.live(3*time.Hour, 10*time.Minute)
	if row := r.crm.one("case"); row.ID != survivor.ID || row.Fields["note"] != "the survivor's own" || !strings.Contains(fmt.Sprint(row.Fields["subject"]), "kaputt") {
		t.Errorf("%s: %v", row.ID, row.Fields)
	}
}

// A late task never takes a record back.
func TestVersionsNeverGoBack(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.work("mentions-live", 10)
	late := r.sender.sent[len(r.sender.sent)-1]
	r.run()
	r.hook(edited(e, "Doch nicht kaputt, danke!", start.Add(time.Minute)))
	r.live(2*time.Minute, 10*time.Second)
	calls := len(r.crm.upserts)
	r.sender.Queue.Send(t.Context(), late)
	r.run()
	if row := r.crm.one("mention"); row.Fields["text"] != "Doch nicht kaputt, danke!" {
		t.Errorf("the CRM says %v", row.Fields["text"])
	}
	if len(r.crm.upserts) != calls {
		t.Error("what is settled is written again")
	}
}

// Our share of the quota leaves a reserve, and the bulk lane leaves calls for what is urgent.
func TestQuotaReserveAndLanes(t *testing.T) {
	r := newRig(t, options{})
	r.crm.buckets = []bucketType{{Name: "default", Calls: 100, Per: time.Hour, Shared: "account", Reserve: 50}}
	r.crm.batch = 1
	r.boot()
	r.now = r.now.Truncate(time.Hour).Add(59 * time.Minute) // before, the bulk lane leaves what may become urgent
	for i := range 60 {
		r.hook(said(fmt.Sprintf("m%d", i), "anna", "just saw your shop", start))
		r.run()
	}
	if n := len(r.crm.upserts); n != 45 {
		t.Errorf("the bulk lane made %d calls, want 45 of our 50", n)
	}
	if _, closed, _ := r.app.Closed(t.Context(), "crm"); closed {
		t.Error("the whole account is closed for the sake of the bulk lane")
	}
	r.hook(said("u1", "berta", complaint, start))
	r.run()
	if n := len(r.crm.all("case")); n != 1 {
		t.Error("what is urgent found no calls")
	}
	for i := range 10 {
		r.hook(said(fmt.Sprintf("v%d", i), fmt.Sprintf("c%d", i), complaint, start))
		r.run()
	}
	if n := len(r.crm.upserts); n != 50 {
		t.Errorf("%d calls, the reserve begins after 50", n)
	}
	r.live(2*time.Hour, 5*time.Minute)
	if n := len(r.crm.all("mention")); n != 71 {
		t.Errorf("%d of 71 arrived in the end", n)
	}
}

// What an adapter really calls is booked, in every bucket it counts in.
func TestCallsAreBooked(t *testing.T) {
	r := newRig(t, options{})
	r.crm.buckets = []bucketType{{Name: "default", Calls: 100, Per: time.Minute}, {Name: "daily", Calls: 1000, Per: 24 * time.Hour}, {Name: "search", Calls: 50, Per: time.Second}}
	r.boot()
	r.crm.call = func(_ string, a accountType, _ []recordType) error {
		a.OnCall("", 4)
		a.OnCall("search", 1)
		return nil
	}
	r.hook(said("m1", "anna", "just saw your shop", start))
	r.run()
	used := map[string]int{}
	for k, v := range table[pipeline.QuotaRow](r, "quota") {
		used[k.Part] = v.Used
	}
	if used["crm#default"] != 4 || used["crm#daily"] != 4 || used["crm#search"] != 1 {
		t.Errorf("%v", used)
	}
}

// A reason never holds what somebody said, however much of it the vendor quotes.
func TestReasonsHoldNoContent(t *testing.T) {
	r := newRig(t, options{})
	r.crm.judge = func(rec recordType) error {
		return fault.New(fault.Invalid, "the value %q of text is not allowed in %v", rec.Fields["text"], rec.Fields["subject"])
	}
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	d := r.state("crm")
	if d.State != ledger.Dead || strings.Contains(d.Reason, "kaputt") || !strings.Contains(d.Reason, "not allowed") {
		t.Errorf("%+v", d)
	}
	dead, _ := r.app.DeadDeliveries(t.Context(), "crm", 5)
	if len(dead) != 1 || strings.Contains(dead[0].Reason, "kaputt") {
		t.Errorf("%+v", dead)
	}
}

// A contact that holds the person's address already is adopted, and not written over.
func TestAdoptsWhoHoldsTheUniqueValue(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "mode: write", "mode: write, person: create", 1)
	}})
	theirs := r.crm.write(recordType{Object: "contact", Key: "", Fields: map[string]any{"name": "Anna A."}})
	r.crm.judge = func(rec recordType) error {
		if rec.Object == "contact" && rec.ID == "" {
			return fault.New(fault.Conflict, "the address is taken")
		}
		return nil
	}
	r.crm.extra = func(o *outcomeType) {
		if fault.Is(o.Err, fault.Conflict) {
			o.ID = theirs.ID
		}
	}
	e := said("m1", "anna", "Meine Adresse ist anna@example.org, alles kaputt!", start)
	e.Mention.Kind = flow.Message
	r.hook(e)
	r.run()
	row := r.crm.one("contact")
	if row.Fields["name"] != "Anna A." || row.Fields["accounts"] != "site:anna" || row.Key == "" {
		t.Errorf("%+v", row)
	}
}

// A crash between the verdict and the parking of the dead leaves the dead to be found.
func TestTheDeadAreKeptBeforeTheLineSaysSo(t *testing.T) {
	r := newRig(t, options{})
	r.crm.judge = func(recordType) error { return fault.New(fault.Invalid, "never") }
	r.hook(said("m1", "anna", "just saw your shop", start))
	r.work("mentions-live", 10)
	r.store.fail = once("line", fault.New(fault.Transient, "throttled"))
	r.run()
	r.live(3*time.Minute, 20*time.Second)
	dead, err := r.app.DeadDeliveries(t.Context(), "crm", 10)
	if err != nil || len(dead) != 1 {
		t.Errorf("%+v, %v", dead, err)
	}
	if d := r.state("crm"); d.State != ledger.Dead {
		t.Errorf("%+v", d)
	}
}

// Two targets of a mention keep their own ids.
func TestTwoObjectsOfAMention(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "mapping:\n", "mapping:\n  - {crm: crm, object: copy, for: mention, fields: {text: {value: text, wins: rapport}}}\n", 1)
	}})
	r.crm.next = 7
	e := said("m1", "anna", "What does it cost?", start)
	r.hook(e)
	r.run()
	r.hook(edited(e, "What does the big one cost?", start.Add(time.Minute)))
	r.live(2*time.Minute, 20*time.Second)
	for _, object := range []string{"copy", "mention"} {
		if row := r.crm.one(object); row.Fields["text"] != "What does the big one cost?" {
			t.Errorf("%s says %v", object, row.Fields["text"])
		}
	}
}

// A damaged message is a dead letter, not a loop.
func TestDamagedMessages(t *testing.T) {
	r := newRig(t, options{})
	for _, q := range topology.Queues() {
		if err := r.queue.Send(t.Context(), queue.Message{Lane: queue.Lane(q.Name), Body: []byte("{")})[0]; err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	for _, q := range topology.Queues() {
		if n := r.dead(queue.Lane(q.Name)); n != 1 {
			t.Errorf("%s: %d dead letters", q.Name, n)
		}
	}
}

// The story of what waits says why it waits.
func TestStoryOfWhatWaits(t *testing.T) {
	r := newRig(t, options{})
	r.crm.call = func(string, accountType, []recordType) error {
		return fault.New(fault.Unavailable, "down for the night")
	}
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	s, err := r.app.Story(t.Context(), "site:m1")
	if err != nil || len(s.Lines) != 1 {
		t.Fatal(err)
	}
	if d := s.Lines[0].Line.Delivery("crm"); d.State != ledger.Parked || !strings.Contains(d.Reason, "down for the night") {
		t.Errorf("%+v", d)
	}
	report, err := r.app.Report(t.Context(), start.Add(-time.Hour), start.Add(time.Hour), 0, 0)
	if err != nil || report.Parked != 1 || report.Total.Open != 1 || report.Unaccounted != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// After an outage what is urgent does not wait behind what is not, whichever came first.
func TestUrgentLeavesParkingFirst(t *testing.T) {
	r := newRig(t, options{})
	r.crm.batch = 1
	r.crm.call = func(string, accountType, []recordType) error { return fault.New(fault.Unavailable, "down") }
	for i := range 20 {
		r.hook(said(fmt.Sprintf("p%02d", i), "bert", "Love the new nord, thank you!", start))
	}
	r.run()
	r.hook(said("urgent", "anna", complaint, start))
	r.run()
	if n, err := r.app.Waiting(t.Context(), "crm"); n < 21 {
		t.Fatalf("%d wait (%v), want all 21", n, err)
	}
	r.crm.call, r.crm.upserts = nil, nil
	r.live(2*time.Hour, time.Minute)
	first, arrived := "", 0
	for _, batch := range r.crm.upserts {
		for _, rec := range batch {
			if rec.Object == "mention" {
				if arrived++; first == "" {
					first = rec.Key
				}
			}
		}
	}
	if first != "rapport:mention:site:urgent" || arrived != 21 {
		t.Errorf("%s is the first of %d, want the urgent one of 21", first, arrived)
	}
}
