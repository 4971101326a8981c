package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	twin "rapport/shared/twin/meta"
)

// told is a network that brings events by webhook alone. Its vendor may end that; it can be read backwards.
type told struct {
	*site
	live    bool
	until   time.Time
	err     error
	renews  int
	history []flow.Event
}

func (n *told) Subscription(context.Context, network.Account, string) (bool, time.Time, error) {
	return n.live, n.until, n.err
}

func (n *told) Renew(context.Context, network.Account, string) error {
	n.renews++
	n.live, n.until = n.err == nil, time.Time{}
	return n.err
}

func (n *told) Range(_ context.Context, _ network.Account, from, to time.Time, cursor string) (network.Page, error) {
	var list []flow.Event
	for _, e := range n.history {
		if !e.At.Before(from) && e.At.Before(to) {
			list = append(list, e)
		}
	}
	at := 0
	_, _ = fmt.Sscan(cursor, &at)
	end := min(at+10, len(list))
	body, err := json.Marshal(list[min(at, end):end])
	return network.Page{Bodies: []network.Body{{Data: body}}, Cursor: fmt.Sprint(end), More: end < len(list)}, err
}

func toldRig(t *testing.T) (*rig, *told) {
	r := newRig(t, options{})
	r.net.poll = 0
	n := &told{site: r.net, live: true}
	r.nets["site"] = n
	r.boot()
	r.live(10*time.Minute, time.Minute)
	return r, n
}

// say lets somebody say something; it comes by webhook while that lives.
func (n *told) say(id string) {
	e := said(id, "anna", "What does the "+id+" cost?", n.r.now)
	n.history = append(n.history, e)
	if n.live {
		n.r.hook(e)
	}
}

func (r *rig) condition(account string) pipeline.Condition {
	r.t.Helper()
	list, err := r.app.Conditions(r.t.Context(), account)
	if err != nil || len(list) != 1 {
		r.t.Fatalf("%+v %v", list, err)
	}
	return list[0]
}

// wait lets time go by until the account is well or not, and tells how long that took.
func (r *rig) wait(bad bool, most time.Duration) time.Duration {
	r.t.Helper()
	begun := r.now
	for r.condition("site").Bad != bad {
		if r.now.Sub(begun) > most {
			r.t.Fatalf("after %v the account is %+v", most, r.condition("site"))
		}
		r.live(30*time.Second, 30*time.Second)
	}
	return r.now.Sub(begun)
}

// TestDeadSubscription: the vendor ends it; within minutes it is asked for anew and what was missed is fetched and counted.
func TestDeadSubscription(t *testing.T) {
	r, n := toldRig(t)
	n.say("m0")
	r.run()
	n.live = false
	for i := range 3 {
		n.say(fmt.Sprintf("missed%d", i))
	}
	r.live(6*time.Minute, 30*time.Second)
	if !n.live || n.renews != 1 {
		t.Fatalf("after six minutes: live %v, renewed %d times", n.live, n.renews)
	}
	c := r.condition("site")
	if c.Bad || c.Gap.Events != 3 || !strings.Contains(c.Gap.Tell(), ", 3 events fetched") {
		t.Errorf("the account is %+v: %s", c, c.Gap.Tell())
	}
	if got := texts(r.crm.all("mention")); len(got) != 4 {
		t.Errorf("the CRM holds %v", got)
	}
	r.live(time.Hour, time.Minute)
	if n.renews != 1 || len(r.crm.all("mention")) != 4 {
		t.Errorf("an hour later: renewed %d times, %d mentions", n.renews, len(r.crm.all("mention")))
	}
}

// TestDeadForHours: while the vendor refuses us, the account is degraded; then all of the gap is fetched, in pages.
func TestDeadForHours(t *testing.T) {
	r, n := toldRig(t)
	n.live, n.err = false, fault.New(fault.Unauthorized, "the app was removed by its owner")
	since := r.now
	if took := r.wait(true, 6*time.Minute); took > 5*time.Minute {
		t.Errorf("noticed after %v", took)
	}
	for i := range 41 {
		n.say(fmt.Sprintf("missed%d", i))
		r.live(4*time.Minute, time.Minute)
	}
	r.live(20*time.Minute, time.Minute)
	c := r.condition("site")
	if h, err := r.app.Health(t.Context()); err != nil || h.Degraded != 1 || !strings.Contains(c.Say, "removed by its owner") || c.Since.Before(since) || c.Gap.Tell() == "" {
		t.Errorf("while it is refused: %+v %+v %v", c, h, err)
	}
	found, err := r.app.Doctor(t.Context(), "site")
	if err != nil || !strings.Contains(fmt.Sprint(found), "removed by its owner") {
		t.Errorf("the doctor says %+v (%v)", found, err)
	}
	n.err = nil
	if took := r.wait(false, 6*time.Minute); took > 5*time.Minute {
		t.Errorf("mended after %v", took)
	}
	r.run()
	if c = r.condition("site"); c.Gap.Tell() != "gap of 3 h until "+r.now.Format("2006-01-02 15:04")+", 41 events fetched" {
		t.Errorf("%+v: %s", c, c.Gap.Tell())
	}
	if got := texts(r.crm.all("mention")); len(got) != 41 {
		t.Errorf("the CRM holds %d mentions", len(got))
	}
	if found, err = r.app.Doctor(t.Context(), "site"); err != nil || !strings.Contains(fmt.Sprint(found), "41 events fetched") {
		t.Errorf("the doctor says %+v (%v)", found, err)
	}
	if h, err := r.app.Health(t.Context()); err != nil || h.Degraded != 0 {
		t.Errorf("%+v %v", h, err)
	}
	r.live(8*24*time.Hour, time.Hour)
	if c = r.condition("site"); c.Gap.Tell() != "" {
		t.Errorf("a week later it is still told: %s", c.Gap.Tell())
	}
}

// TestACrashWhileMending: who dies between any two steps leaves the gap known.
func TestACrashWhileMending(t *testing.T) {
	for step := range 12 {
		r, n := toldRig(t)
		n.live = false
		n.say("missed")
		calls := 0
		die := func(where string) error {
			if !n.live || calls > 0 {
				if calls++; calls > step {
					return fault.New(fault.Transient, "the process died before %s", where)
				}
			}
			return nil
		}
		r.store.fail = func(string, itemType) error { return die("a write") }
		r.pass(6 * time.Minute)
		_ = r.app.Tick(t.Context(), pipeline.Feed{Probe: 2, Most: 100})
		for range 5 {
			r.work("polls", 1)
		}
		r.store.fail = nil
		r.boot()
		r.live(20*time.Minute, time.Minute)
		if c := r.condition("site"); !n.live || c.Bad || c.Gap.Events > 1 || len(r.crm.all("mention")) != 1 {
			t.Errorf("died at write %d: live %v, %+v, %d mentions", step, n.live, c, len(r.crm.all("mention")))
		}
	}
}

// TestSubscriptionThatEnds is renewed before its end, and nothing was missed.
func TestSubscriptionThatEnds(t *testing.T) {
	r, n := toldRig(t)
	n.until = r.now.Add(20 * time.Hour)
	r.live(7*time.Hour, 5*time.Minute)
	if n.renews != 0 {
		t.Errorf("renewed %d times long before its end", n.renews)
	}
	r.live(3*time.Hour, 5*time.Minute)
	if c := r.condition("site"); n.renews != 1 || c.Bad || c.Gap.Tell() != "" {
		t.Errorf("renewed %d times, %+v", n.renews, c)
	}
}

// TestSilence: an account that usually tells something every working hour and is silent is looked through, whatever the vendor says.
func TestSilence(t *testing.T) {
	r, n := toldRig(t)
	for r.now.Weekday() != time.Monday || r.now.Hour() != 0 {
		r.pass(time.Hour - time.Duration(r.now.Minute())*time.Minute)
	}
	day := func(hours int, heard bool) {
		for h := range hours {
			if d := r.now.Weekday(); d != time.Saturday && d != time.Sunday && r.now.Hour() >= 8 && r.now.Hour() < 18 {
				e := said(r.newID(), "anna", "What does it cost?", r.now)
				if n.history = append(n.history, e); heard {
					r.hook(e)
				}
			}
			if r.live(time.Hour, 20*time.Minute); heard && r.condition("site").Bad {
				t.Fatalf("hour %d of a usual day: %+v", h, r.condition("site"))
			}
		}
	}
	for range 14 { // nights and weekends are silent
		day(24, true)
	}
	day(12, true)
	before := len(r.crm.all("mention"))
	day(4, false)
	c := r.condition("site")
	if n.renews != 1 || c.Gap.Events == 0 {
		t.Errorf("after hours of silence: %+v, renewed %d times", c, n.renews)
	}
	if got := len(r.crm.all("mention")); got < before+3 {
		t.Errorf("%d mentions, %d before the silence", got, before)
	}
	day(16, true)
	r.live(8*time.Hour, 20*time.Minute) // nobody says anything
	if c = r.condition("site"); !c.Bad || c.Kind != "silence" || n.renews != 2 || c.Gap.Events != 0 {
		t.Errorf("after a silence in which nothing was said: %+v, renewed %d times", c, n.renews)
	}
	r.hook(said("again", "anna", "What does it cost?", r.now))
	r.live(10*time.Minute, time.Minute)
	if c = r.condition("site"); c.Bad {
		t.Errorf("when it tells something again: %+v", c)
	}
}

// TestPollsThatWorkAgain: an account whose token was taken back is degraded; when it is read again the gap is told and counted.
func TestPollsThatWorkAgain(t *testing.T) {
	r := newRig(t, options{})
	var refused error
	var feed []flow.Event
	r.net.pages = func(cursor string) (pageType, error) {
		if refused != nil {
			return pageType{}, refused
		}
		at := 0
		_, _ = fmt.Sscan(cursor, &at)
		end := min(at+10, len(feed))
		body, err := json.Marshal(feed[at:end])
		p := pageType{Cursor: fmt.Sprint(end), More: end < len(feed)}
		if end > at {
			p.Bodies = []bodyType{{Data: body}}
		}
		return p, err
	}
	r.live(10*time.Minute, time.Minute)
	refused = fault.New(fault.Unauthorized, "the token was taken back")
	r.live(2*time.Minute, 30*time.Second)
	if c := r.condition("site"); !c.Bad || c.Kind != "unauthorized" {
		t.Errorf("two minutes later: %+v", c)
	}
	for i := range 23 {
		feed = append(feed, said(fmt.Sprintf("m%d", i), "anna", fmt.Sprintf("What does number %d cost?", i), r.now))
	}
	r.live(3*time.Hour, time.Minute)
	refused = nil
	r.live(3*time.Minute, 30*time.Second)
	if c := r.condition("site"); c.Bad || !strings.HasPrefix(c.Gap.Tell(), "gap of 3 h") || !strings.HasSuffix(c.Gap.Tell(), "23 events fetched") {
		t.Errorf("when it is read again: %+v: %s", c, c.Gap.Tell())
	}
	if got := len(r.crm.all("mention")); got != 23 {
		t.Errorf("%d mentions", got)
	}
	feed = append(feed, said("later", "anna", "What does it cost?", r.now))
	r.live(5*time.Minute, 30*time.Second)
	if c := r.condition("site"); c.Gap.Events != 23 {
		t.Errorf("what came later counts too: %+v", c)
	}
}

// TestMetaHealsItself: Meta ends a subscription, refuses the token, and takes a new one.
func TestMetaHealsItself(t *testing.T) {
	r, s := metaRig(t, twin.Options{})
	r.live(12*time.Minute, time.Minute)
	s.Unsubscribe("1101")
	s.Say(twin.Post{By: "41", On: s.Say(twin.Post{Text: "Neu im Laden.", At: r.now.AddDate(0, 0, -2)}), Text: "Schön!", At: r.now.Add(time.Minute)})
	r.live(6*time.Minute, time.Minute)
	c := r.condition("site")
	if c.Bad || !strings.Contains(c.Gap.Tell(), "1 event fetched") {
		t.Errorf("after the subscription was ended: %+v %s", c, c.Gap.Tell())
	}
	s.Revoke("twin-page-token")
	r.wait(true, 6*time.Minute)
	if c = r.condition("site"); c.Kind != "unauthorized" || c.Since.IsZero() {
		t.Errorf("with a dead token: %+v", c)
	}
	r.live(2*time.Hour, 5*time.Minute)
	s.Rotate("twin-page-token")
	r.wait(false, 6*time.Minute)
	if c = r.condition("site"); !strings.Contains(c.Gap.Tell(), "gap of 2 h") {
		t.Errorf("with a new token: %s", c.Gap.Tell())
	}
}

// Who waits for the next day because a budget is used up is read at once where another configuration may have raised it.
func TestARaisedBudgetIsSeen(t *testing.T) {
	r := newRig(t, options{})
	asked := 0
	var refused error
	r.net.pages = func(string) (pageType, error) {
		asked++
		return pageType{}, refused
	}
	refused = fault.Wait(fault.QuotaExhausted, 10*time.Hour, "the daily budget is used up")
	r.live(10*time.Minute, time.Minute)
	before := asked
	r.live(10*time.Minute, time.Minute)
	if asked != before || before == 0 {
		t.Errorf("asked %d times, then %d: it waits for the next day", before, asked)
	}
	refused = nil
	r.publish(strings.Replace(basic, "budget: 1", "budget: 9", 1))
	r.live(2*time.Minute, time.Minute)
	if asked == before {
		t.Error("with another configuration it still waits")
	}
}
