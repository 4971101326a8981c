package pipeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/queue"
	"rapport/shared/webhook"
)

func TestReceiveAnswers(t *testing.T) {
	body := []byte("[]")
	for _, c := range []struct {
		name   string
		hook   string
		body   []byte
		change func(*rig)
		want   int
		queued int
	}{
		{"durable", "hook", body, func(*rig) {}, 200, 1},
		{"forged", "hook", body, func(r *rig) { r.net.verify = fault.New(fault.Forged, "bad signature") }, 401, 0},
		{"forged, answered as the network wants it", "hook", body, func(r *rig) {
			r.net.verify, r.net.forged = fault.New(fault.Forged, "bad signature"), 202
			r.boot()
		}, 202, 0},
		{"not readable", "hook", body, func(r *rig) { r.net.verify = fault.New(fault.Invalid, "no body") }, 400, 0},
		{"too large", "hook", make([]byte, webhook.MaxBody+1), func(*rig) {}, 413, 0},
		{"unknown hook", "nowhere", body, func(*rig) {}, 404, 0},
		{"the queue is down", "hook", body, func(r *rig) { r.sender.fail = func(queue.Message) error { return errors.New("down") } }, 503, 0},
		{"a secret is missing", "hook", body, func(r *rig) { delete(r.secrets, "env:HOOK") }, 503, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{})
			c.change(r)
			before := len(r.store.items)
			r.post(c.hook, c.body, c.want)
			if n := len(r.sender.sent); n != c.queued {
				t.Errorf("%d messages are queued, want %d", n, c.queued)
			}
			if len(r.store.items) != before {
				t.Error("something was stored")
			}
		})
	}
}

// A body that does not fit into a message waits in the archive, and is there under its receipt alone afterwards.
func TestLargeBodyTravelsByPointer(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	e.Mention.Extra = map[string]any{"blob": strings.Repeat("x", 800<<10)}
	r.hook(e)
	if n := len(r.sender.sent[0].Body); n > 2000 {
		t.Fatalf("the message holds %d bytes", n)
	}
	message := r.sender.sent[0]
	r.run()
	if d := r.state("crm"); d.State != ledger.Written {
		t.Fatalf("the mention is %+v", d)
	}
	refs := func() (list []string) {
		for ref, err := range r.archive.List(t.Context(), "hook", time.Time{}, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, ref)
		}
		return list
	}
	if left := refs(); len(left) > 0 {
		t.Errorf("the waiting body is still there: %v", left)
	}
	before := len(r.lines())
	r.sender.Queue.Send(t.Context(), message) // at least once
	r.run()
	if n := len(r.lines()); n != before {
		t.Errorf("a copy of the message makes %d lines of %d", n, before)
	}
	if dead := r.dead("mentions-live"); dead != 0 {
		t.Errorf("%d dead letters", dead)
	}
}

func (r *rig) dead(lane queue.Lane) int {
	r.t.Helper()
	list, err := r.queue.Dead(r.t.Context(), lane, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(list)
}

// What belongs to nobody, or cannot be read, is told in the ledger and kept in the archive, without content in the ledger.
func TestRejected(t *testing.T) {
	config := strings.Replace(basic, "networks:\n", "networks:\n  - {name: site2, kind: site, hook: hook, brand: nord, id: a2}\n", 1)
	r := newRig(t, options{config: config})
	stranger := said("m1", "anna", complaint, start)
	stranger.Account = "a9"
	r.hook(stranger)
	r.post("hook", []byte(`{"this is":"`+strings.Repeat("geheimer Inhalt ", 5)+`"}`), http.StatusOK)
	known := said("m2", "anna", complaint, start)
	known.Account = "a2"
	r.hook(known)
	r.run()
	var reasons []string
	for _, l := range r.lines() {
		if l.Outcome == ledger.Rejected {
			reasons = append(reasons, l.Account+": "+l.Reason)
			b, err := r.archive.Read(t.Context(), l.Archive)
			if err != nil || len(b.Entries) == 0 || len(b.Entries[0].Raw) == 0 {
				t.Errorf("the body of %q is not in the archive: %v", l.Reason, err)
			}
		}
		if strings.Contains(l.Reason, "geheim") {
			t.Errorf("content in the ledger: %s", l.Reason)
		}
	}
	if len(reasons) != 2 || reasons[0] != "hook: unknown account a9" || !strings.HasPrefix(reasons[1], "hook: cannot be read: ") {
		t.Errorf("rejected: %q", reasons)
	}
	if l := r.line(ledger.Mention); l.Account != "site2" {
		t.Errorf("the known account is %s", l.Account)
	}
}

// Every combination of the same thing by webhook, twice, and by poll is one mention.
func TestTheSameThingComesOnce(t *testing.T) {
	r := newRig(t, options{})
	e := said("m1", "anna", complaint, start)
	r.hook(e, e)
	r.hook(e)
	r.net.pages = pageOf(t, e)
	r.poll()
	r.run()
	if l := r.line(ledger.Mention); l.Mention != "site:m1" {
		t.Error(l)
	}
	if n := len(r.lines()); n != 4 {
		t.Errorf("%d lines, want 4", n)
	}
	if n := len(r.crm.all("mention")); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestOrderOfEvents(t *testing.T) {
	first := said("m1", "anna", complaint, start.Add(-time.Hour))
	second := edited(first, "Doch nicht kaputt, danke!", start.Add(-30*time.Minute))
	gone := deleted(first, start.Add(-time.Minute))
	for _, c := range []struct {
		name   string
		events []flow.Event
		text   any
	}{
		{"in order", []flow.Event{first, second}, second.Mention.Text},
		{"the edit first", []flow.Event{second, first}, second.Mention.Text},
		{"deleted at last", []flow.Event{first, second, gone}, nil},
		{"the original late", []flow.Event{gone, second, first}, "none"},
		{"a copy after the edit", []flow.Event{first, second, first}, second.Mention.Text},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{})
			for _, e := range c.events {
				r.hook(e)
				r.run()
				r.pass(time.Minute)
				r.run()
			}
			rows := r.crm.all("mention")
			switch {
			case c.text == "none":
				if len(rows) != 0 {
					t.Errorf("it came back: %v", rows[0].Fields)
				}
			case len(rows) != 1:
				t.Errorf("%d records", len(rows))
			case c.text == nil && rows[0].Fields["text"] != nil && rows[0].Fields["text"] != "":
				t.Errorf("deleted, the CRM says %v", rows[0].Fields["text"])
			case c.text != nil && rows[0].Fields["text"] != c.text:
				t.Errorf("the CRM says %v, want %v", rows[0].Fields["text"], c.text)
			}
			for _, l := range r.lines() {
				if _, open := l.Final(); open {
					t.Errorf("unaccounted: %+v", l)
				}
			}
		})
	}
}

// What is far too large is cut, what no store would keep is told; nothing is lost in silence.
func TestOversizedMentions(t *testing.T) {
	r := newRig(t, options{})
	long := said("m1", "anna", complaint+" "+strings.Repeat("Ö", 200<<10), start)
	wild := said("m2", "berta", complaint, start)
	wild.Mention.Author.ID = "site:" + strings.Repeat("b", 900)
	wild.Mention.Extra = map[string]any{"list": strings.Repeat("y", 300<<10)}
	r.hook(long)
	r.hook(wild)
	r.run()
	if n := len(r.crm.all("mention")); n != 2 {
		t.Errorf("%d records, want both", n)
	}
	r.store.fail = func(verb string, item itemType) error {
		if verb == "put" && strings.HasPrefix(item.Part, "mention#") {
			return fault.New(fault.Invalid, "an item of 400 KB")
		}
		return nil
	}
	r.hook(said("m3", "carla", complaint, start))
	r.run()
	if l := r.line(ledger.Rejected); !strings.HasPrefix(l.Reason, "cannot be kept: ") {
		t.Error(l)
	}
	if r.dead("mentions-live") > 0 {
		t.Error("it is a dead letter instead of a line")
	}
}

func TestPollSavesItsCursorAfterTheBodies(t *testing.T) {
	r := newRig(t, options{})
	r.net.pages = pageOf(t, said("m1", "anna", complaint, start))
	r.sender.fail = func(m queue.Message) error {
		if m.Lane == "mentions-live" {
			return errors.New("the queue is down")
		}
		return nil
	}
	r.tick()
	r.work("polls", 1)
	if s, _ := r.app.AccountState(t.Context(), "site"); s.Cursor != "" || s.Fails != 1 {
		t.Fatalf("the cursor moved without its bodies: %+v", s)
	}
	r.sender.fail = nil
	r.live(2*time.Minute, time.Minute)
	if s, _ := r.app.AccountState(t.Context(), "site"); s.Cursor != "1" || s.Fails != 0 || s.Problem != "" {
		t.Errorf("%+v", s)
	}
	r.line(ledger.Mention)
}

func TestPollWaitsAsLongAsTheVendorSays(t *testing.T) {
	for _, c := range []struct {
		err  error
		wait time.Duration
	}{
		{fault.Wait(fault.RateLimited, 7*time.Minute, "slow"), 7 * time.Minute},
		{fault.Wait(fault.QuotaExhausted, 3*time.Hour, "used up"), 3 * time.Hour},
		{fault.New(fault.Unavailable, "down"), time.Second},
		{fault.New(fault.Invalid, "wrong stream"), time.Minute},
	} {
		r := newRig(t, options{})
		r.net.pages = func(string) (pageType, error) { return pageType{}, c.err }
		r.poll()
		s, err := r.app.AccountState(t.Context(), "site")
		if err != nil || s.Next.Sub(r.now) != c.wait || s.Problem == "" {
			t.Errorf("%v: the next try is in %v, want %v (%+v)", c.err, s.Next.Sub(r.now), c.wait, s)
		}
	}
}

// A paid read is made only while the brand's daily budget lasts.
func TestPaidReadsPassTheBudget(t *testing.T) {
	r := newRig(t, options{})
	r.net.buckets = []bucketType{{Name: "default", Calls: 1000, Per: time.Hour, Cost: 0.4}}
	r.boot()
	r.net.pages = func(cursor string) (pageType, error) { return pageType{Cursor: cursor + "x"}, nil }
	for range 4 { // 1 USD a day pays two of them
		r.poll()
		r.pass(2 * time.Minute)
	}
	if n := len(r.net.seen); n != 2 {
		t.Errorf("%d paid reads, want 2", n)
	}
	s, _ := r.app.AccountState(t.Context(), "site")
	if !strings.Contains(s.Problem, "budget") || s.Next.Before(start.Add(15*time.Hour)) {
		t.Errorf("%+v", s)
	}
	r.pass(15 * time.Hour)
	r.live(2*time.Minute, time.Minute)
	if n := len(r.net.seen); n < 3 {
		t.Errorf("nothing is read the next day")
	}
	if _, err := r.app.Start(t.Context(), jobOf("backfill")); err != nil {
		t.Fatal(err)
	}
	r.net.past = func(string) (pageType, error) { return pageType{}, nil }
	before := len(r.net.seen)
	for range 5 {
		r.run()
		r.pass(time.Minute)
	}
	if n := len(r.net.seen) - before; n > 1 {
		t.Errorf("a backfill made %d paid reads beside the budget", n)
	}
}

func TestPausedAccountsAreLeftAlone(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(strings.Replace(text, "replies: approve", "replies: approve, paused: true", 1), "mode: write", "mode: write, paused: true", 1)
	}})
	r.hook(said("m1", "anna", complaint, start))
	r.live(5*time.Minute, time.Minute)
	if len(r.net.seen) > 0 || len(r.crm.at) > 0 {
		t.Errorf("%d polls, %d CRM calls of paused accounts", len(r.net.seen), len(r.crm.at))
	}
	r.publish(basic)
	r.live(time.Minute, time.Minute)
	if d := r.state("crm"); d.State != ledger.Written {
		t.Errorf("after the pause: %+v", d)
	}
}

// poll reads the account once, now.
func (r *rig) poll() {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"account": "site"})
	if err != nil {
		r.t.Fatal(err)
	}
	errs := r.app.Poll(r.t.Context(), []queue.Message{{Lane: "polls", Body: body}})
	if errs[0] != nil {
		r.t.Fatal(errs[0])
	}
}

// pageOf gives events at the first read, nothing afterwards.
func pageOf(t *testing.T, events ...flow.Event) func(string) (pageType, error) {
	body, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	return func(cursor string) (pageType, error) {
		if cursor != "" {
			return pageType{Cursor: "1"}, nil
		}
		return pageType{Bodies: []bodyType{{Data: bytes.Clone(body)}}, Cursor: "1"}, nil
	}
}
