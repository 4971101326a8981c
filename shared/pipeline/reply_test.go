package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

// asked makes a rig with a case in which an agent approves an answer.
func asked(t *testing.T, o options, event flow.Event) *rig {
	t.Helper()
	r := newRig(t, o)
	r.hook(event)
	r.run()
	return r
}

// approve lets the agent approve a text now.
func (r *rig) approve(text string) {
	r.t.Helper()
	c := r.crm.one("case")
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", By: "agent", Fields: map[string]any{"@reply": text, "@reply_state": "approved"}})
}

// answer gives the only answer.
func (r *rig) answer() flow.Reply {
	r.t.Helper()
	list := table[pipeline.ReplyRow](r, "reply")
	if len(list) != 1 {
		r.t.Fatalf("%d answers, want 1", len(list))
	}
	for _, v := range list {
		return v.Reply
	}
	return flow.Reply{}
}

func TestAnApprovedAnswerIsSentOnce(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	r.approve("Das tut uns leid.")
	r.approve("Das tut uns leid.") // the CRM repeats itself
	r.run()
	r.live(10*time.Minute, time.Minute)
	if len(r.net.posted) != 1 || r.answer().State != flow.Sent || r.answer().Mention != "site:m1" {
		t.Errorf("posted %q, %+v", r.net.posted, r.answer())
	}
	row := r.crm.one("case")
	if row.Fields["rapport_reply_state"] != "sent" || row.Fields["rapport_reply_reason"] != "https://site.example/r1" || row.Fields["state"] != "answered" {
		t.Errorf("the case says %v", row.Fields)
	}
	r.pass(time.Hour)
	r.approve("Das tut uns leid.")
	r.run()
	if len(r.net.posted) != 1 {
		t.Error("the same text stands there twice")
	}
}

// A draft and a note are nobody's answer.
func TestOnlyWhatIsApprovedIsSent(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	c := r.crm.one("case")
	for _, fields := range []map[string]any{
		{"@reply": "Das tut uns leid.", "@reply_state": "draft"}, {"@reply": "Das tut uns leid."}, {"@reply": "  ", "@reply_state": "approved"},
		{"hs_note": "Das tut uns leid.", "@reply_state": "sent"},
	} {
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: fields})
	}
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", By: "self", Fields: map[string]any{"@reply": "Echo", "@reply_state": "approved"}})
	r.run()
	if len(r.net.posted) > 0 || len(table[pipeline.ReplyRow](r, "reply")) > 0 {
		t.Errorf("posted %q", r.net.posted)
	}
}

// An approval that comes without its text, as webhooks tell one field at a time, is completed from the record.
func TestAnApprovalWithoutItsText(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	c := r.crm.one("case")
	c.Fields["rapport_reply"], c.Fields["rapport_reply_state"] = "Das tut uns leid.", "approved"
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@reply_state": "approved"}})
	r.run()
	if len(r.net.posted) != 1 || r.net.posted[0] != "Das tut uns leid." {
		t.Errorf("posted %q", r.net.posted)
	}
}

// Just before it is sent an answer is refused where it makes no sense any more, and the agent is told why.
func TestRefusals(t *testing.T) {
	private := said("m1", "anna", complaint, start)
	private.Mention.ReplyUntil = start.Add(time.Hour)
	for _, c := range []struct {
		name   string
		config func(string) string
		event  flow.Event
		before func(*rig)
		text   string
		reason string
	}{
		{"answered since", nil, said("m1", "anna", complaint, start), func(r *rig) {
			e := said("o1", "nord", "Schon erledigt.", r.now.Add(time.Minute))
			e.Mention.Direction, e.Mention.Parent = flow.Out, "site:m1"
			r.pass(2 * time.Minute)
			r.hook(e)
			r.work("mentions-live", 10)
		}, "Das tut uns leid.", "answered meanwhile"},
		{"parent gone", nil, said("m1", "anna", complaint, start), func(r *rig) {
			r.hook(deleted(said("m1", "anna", complaint, start), start.Add(time.Minute)))
			r.work("mentions-live", 10)
		}, "Das tut uns leid.", "the author deleted what it answers"},
		{"window closed", nil, private, func(r *rig) { r.pass(2 * time.Hour) }, "Das tut uns leid.", "the network closed the answer window at "},
		{"too long", nil, said("m1", "anna", complaint, start), nil, strings.Repeat("ö", 41), "too long: 41 of 40 runes"},
		{"switched off", func(s string) string { return strings.Replace(s, "replies: approve, ", "", 1) }, said("m1", "anna", complaint, start), nil, "Das tut uns leid.",
			"answers are switched off for account site"},
		{"not permitted", nil, said("m1", "anna", complaint, start), func(r *rig) {
			r.net.reply = func(flow.Reply, string) (network.Posted, error) {
				return network.Posted{}, fault.New(fault.Invalid, "the author does not take answers")
			}
		}, "Das tut uns leid.", "the author does not take answers"},
		{"gone at the network", nil, said("m1", "anna", complaint, start), func(r *rig) {
			r.net.reply = func(flow.Reply, string) (network.Posted, error) {
				return network.Posted{}, fault.New(fault.Gone, "there is no such post any more")
			}
		}, "Das tut uns leid.", "there is no such post any more"},
		{"another app owns the thread", nil, said("m1", "anna", complaint, start), func(r *rig) {
			r.net.reply = func(flow.Reply, string) (network.Posted, error) {
				return network.Posted{}, fault.New(fault.Conflict, "another application answers in this thread")
			}
		}, "Das tut uns leid.", "another application answers in this thread"},
		{"erased", nil, said("m1", "anna", complaint, start), func(r *rig) {
			if _, err := r.app.Erase(r.t.Context(), flow.Erasure{Author: "site:anna"}, start.Add(-time.Hour), start.Add(time.Hour)); err != nil {
				r.t.Fatal(err)
			}
		}, "Das tut uns leid.", "the author's traces were erased"},
		{"refused credentials", nil, said("m1", "anna", complaint, start), func(r *rig) {
			r.net.reply = func(flow.Reply, string) (network.Posted, error) {
				return network.Posted{}, fault.New(fault.Unauthorized, "token site-token is not valid")
			}
		}, "Das tut uns leid.", "the network refuses our credentials: connect account site again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := asked(t, options{edit: c.config}, c.event)
			r.approve(c.text)
			r.work("changes", 10)
			if c.before != nil {
				c.before(r)
			}
			r.run()
			a := r.answer()
			if a.State != flow.Failed || !strings.HasPrefix(a.Reason, c.reason) || len(r.net.posted) != 0 {
				t.Errorf("%s: %q, posted %q", a.State, a.Reason, r.net.posted)
			}
			if c.name == "erased" {
				return
			}
			r.live(2*time.Minute, 20*time.Second)
			if row := r.crm.one("case"); row.Fields["rapport_reply_state"] != "failed" || !strings.HasPrefix(row.Fields["rapport_reply_reason"].(string), c.reason) {
				t.Errorf("the agent is told %v: %v", row.Fields["rapport_reply_state"], row.Fields["rapport_reply_reason"])
			}
		})
	}
}

// Of an unknown outcome the network is asked, or repeated under its key, or a human: never sent blindly again.
func TestUnclearAnswers(t *testing.T) {
	ambiguous := fault.New(fault.Ambiguous, "timed out")
	for _, c := range []struct {
		name   string
		finder func(posted int) (network.Posted, error)
		keyed  bool
		stands bool // it was posted though the answer was cut
		state  string
		calls  int
	}{
		{"the network finds it", func(int) (network.Posted, error) { return network.Posted{Native: "r1"}, nil }, false, true, flow.Sent, 1},
		{"the network does not find it", func(int) (network.Posted, error) {
			return network.Posted{}, fault.New(fault.NotFound, "not there")
		}, false, false, flow.Sent, 2},
		{"the network cannot look just now", func(n int) (network.Posted, error) {
			if n < 3 {
				return network.Posted{}, fault.New(fault.Unavailable, "down")
			}
			return network.Posted{Native: "r1"}, nil
		}, false, true, flow.Sent, 1},
		{"nobody can look", nil, false, true, flow.Parked, 1},
		{"it has a key", nil, true, true, flow.Sent, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{})
			looks := 0
			if c.finder != nil {
				r.net.find = func(flow.Reply) (network.Posted, error) { looks++; return c.finder(looks) }
				r.nets["site"] = looking{r.net}
				r.boot()
			}
			r.net.keyed = c.keyed
			r.net.reply = func(reply flow.Reply, _ string) (network.Posted, error) {
				if len(r.net.keys) > 1 {
					return network.Posted{}, nil
				}
				return network.Posted{}, ambiguous
			}
			r.hook(said("m1", "anna", complaint, start))
			r.run()
			r.approve("Das tut uns leid.")
			r.live(10*time.Minute, 10*time.Second)
			if a := r.answer(); a.State != c.state || len(r.net.keys) != c.calls {
				t.Errorf("%s (%s) after %d calls, want %s after %d", a.State, a.Reason, len(r.net.keys), c.state, c.calls)
			}
			for _, k := range r.net.keys {
				if k != r.net.keys[0] {
					t.Errorf("the keys differ: %v", r.net.keys)
				}
			}
			if row := r.crm.one("case"); row.Fields["rapport_reply_state"] != c.state {
				t.Errorf("the agent is told %v", row.Fields["rapport_reply_state"])
			}
		})
	}
}

// A worker that died while it was sending is recovered the same way.
func TestAWorkerThatDiedSending(t *testing.T) {
	for _, there := range []bool{true, false} {
		r := newRig(t, options{})
		r.net.find = func(flow.Reply) (network.Posted, error) {
			if there {
				return network.Posted{Native: "r1"}, nil
			}
			return network.Posted{}, fault.New(fault.NotFound, "not there")
		}
		r.nets["site"] = looking{r.net}
		r.boot()
		r.hook(said("m1", "anna", complaint, start))
		r.run()
		r.approve("Das tut uns leid.")
		r.work("changes", 10)
		died := false
		r.net.reply = func(flow.Reply, string) (network.Posted, error) {
			died = true
			return network.Posted{}, nil
		}
		r.store.fail = func(string, itemType) error {
			if died {
				return fault.New(fault.Transient, "the worker is dead")
			}
			return nil
		}
		batch := r.queue.Receive("replies", 1)
		r.app.Reply(t.Context(), batch) // and never settles its message
		if got := r.answer().State; got != flow.Sending {
			t.Fatalf("it is stored as %s before the call", got)
		}
		r.store.fail, r.net.reply = nil, nil
		r.live(10*time.Minute, 30*time.Second)
		want := 2
		if there {
			want = 1
		}
		if len(r.net.keys) != want || r.answer().State != flow.Sent {
			t.Errorf("there %v: sent %d times, %s", there, len(r.net.keys), r.answer().State)
		}
	}
}

// An answer waits while the network is too fast for us or down, and is not parked for that.
func TestAnswersWait(t *testing.T) {
	for _, err := range []error{fault.Wait(fault.RateLimited, 5*time.Minute, "slow down"), fault.New(fault.Unavailable, "down")} {
		r := asked(t, options{}, said("m1", "anna", complaint, start))
		down := true
		r.net.reply = func(flow.Reply, string) (network.Posted, error) {
			if down {
				return network.Posted{}, err
			}
			return network.Posted{}, nil
		}
		r.approve("Das tut uns leid.")
		r.live(2*time.Hour, time.Minute)
		if a := r.answer(); a.State != flow.Approved || r.dead("replies") > 0 {
			t.Errorf("%v: %s, %d dead letters", err, a.State, r.dead("replies"))
		}
		if fault.Is(err, fault.RateLimited) && len(r.net.keys) > 25 {
			t.Errorf("%d calls in two hours, though asked to wait five minutes each", len(r.net.keys))
		}
		down = false
		r.live(10*time.Minute, time.Minute)
		if r.answer().State != flow.Sent {
			t.Errorf("%v: %s in the end", err, r.answer().State)
		}
	}
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	r.net.reply = func(flow.Reply, string) (network.Posted, error) {
		return network.Posted{}, fault.New(fault.Unavailable, "down")
	}
	r.approve("Das tut uns leid.")
	r.live(26*time.Hour, 10*time.Minute)
	if a := r.answer(); a.State != flow.Failed || !strings.Contains(a.Reason, "for a day") {
		t.Errorf("%s: %s", a.State, a.Reason)
	}
}

// What failed may be approved anew; the agent's own words in the field stay until then.
func TestApprovedAnew(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	refuse := true
	r.net.reply = func(flow.Reply, string) (network.Posted, error) {
		if refuse {
			return network.Posted{}, fault.New(fault.Invalid, "not now")
		}
		return network.Posted{}, nil
	}
	r.approve("Das tut uns leid.")
	r.run()
	first := table[pipeline.ReplyRow](r, "reply")
	if r.answer().State != flow.Failed {
		t.Fatal(r.answer())
	}
	c := r.crm.one("case")
	c.Fields["rapport_reply_state"] = "draft" // the agent thinks about it
	r.hook(said("m9", "anna", "Noch etwas: alles kaputt!", r.now))
	e := said("m2", "anna", "Und jetzt? Immer noch kaputt!", r.now.Add(time.Minute))
	e.Mention.Root = "site:m1"
	r.hook(e)
	r.run()
	if c.Fields["rapport_reply_state"] != "draft" {
		t.Errorf("the agent's state became %v", c.Fields["rapport_reply_state"])
	}
	refuse = false
	for _, v := range first { // a repeated change of then is not a new approval
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", At: v.At, Fields: map[string]any{"@reply": "Das tut uns leid.", "@reply_state": "approved"}})
	}
	r.run()
	if len(r.net.posted) > 0 {
		t.Error("an old approval was taken for a new one")
	}
	r.pass(time.Minute)
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@reply": "Das tut uns leid.", "@reply_state": "approved"}})
	r.run()
	if len(r.net.posted) != 1 || c.Fields["rapport_reply_state"] != "sent" {
		t.Errorf("posted %q, the case says %v", r.net.posted, c.Fields["rapport_reply_state"])
	}
}

// Of two answers approved at once one is sent; the other finds the conversation answered.
func TestOneOpenAnswerPerConversation(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	r.approve("Das tut uns leid.")
	r.approve("Das tut uns sehr leid.")
	r.work("changes", 10)
	r.pass(time.Second)
	r.run()
	r.live(2*time.Minute, 20*time.Second)
	if len(r.net.posted) != 1 {
		t.Errorf("posted %q", r.net.posted)
	}
}

// A network without answers says so.
func TestANetworkWithoutAnswers(t *testing.T) {
	r := newRig(t, options{})
	r.nets["site"] = struct {
		network.Network
		network.Receiver
		network.Parser
	}{r.net, r.net, r.net}
	r.boot()
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	list := r.crm.all("case")
	if len(list) == 0 {
		return // it asks for no case, and nobody can answer
	}
	r.approve("Das tut uns leid.")
	r.run()
	if a := r.answer(); a.Reason != "this network takes no answers" {
		t.Errorf("%+v", a)
	}
}

// Wherever an attempt dies, a rule's answer is sent, and once.
func TestARulesAnswerSurvives(t *testing.T) {
	for n := range 40 {
		r := newRig(t, options{edit: func(s string) string {
			s = strings.Replace(s, "replies: approve", "replies: on", 1)
			s = strings.Replace(s, "    region: DE\n", "    region: DE\n    templates: [{action: thank, lang: de, text: Danke!}]\n    notice: {de: Automatisch.}\n", 1)
			return s + "actions:\n  - {name: thanks, when: 'intents[0] == \"praise\"', do: thank, answer: true}\n"
		}})
		writes, broken := 0, false
		r.store.fail = func(string, itemType) error {
			if writes++; writes == n {
				broken = true
				return fault.New(fault.Transient, "busy")
			}
			return nil
		}
		r.hook(said("m1", "anna", "Vielen Dank, ihr seid großartig!", start))
		for range 12 {
			r.run()
			r.pass(30 * time.Second)
			_ = r.app.Tick(t.Context(), pipeline.Feed{Probe: 2, Most: 100}) // its own write may be the one that fails
		}
		if len(r.net.posted) != 1 || r.net.posted[0] != "Danke!\n\nAutomatisch." || r.answer().Rule != "thanks" {
			t.Fatalf("write %d fails (%v): posted %q", n, broken, r.net.posted)
		}
		if n > 0 && !broken {
			return
		}
	}
}

// Of what may stand on the network nobody but a human who was told so lets it go out again.
func TestAParkedAnswerIsNotApprovedByAnEcho(t *testing.T) {
	r := asked(t, options{}, said("m1", "anna", complaint, start))
	r.net.reply = func(flow.Reply, string) (network.Posted, error) {
		return network.Posted{}, fault.New(fault.Ambiguous, "timed out")
	}
	r.approve("Das tut uns leid.")
	r.pass(time.Second)
	c := r.crm.one("case")
	again := flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", At: r.now, Fields: map[string]any{"@reply": "Das tut uns leid.", "@reply_state": "approved"}}
	r.pass(time.Second)
	r.run()
	if r.answer().State != flow.Parked {
		t.Fatal(r.answer())
	}
	r.change(again) // the poll tells the same approval, with the time of a neighbouring field
	r.run()
	if len(r.net.keys) != 1 {
		t.Errorf("sent %d times", len(r.net.keys))
	}
	r.pass(time.Minute)
	r.approve("Das tut uns leid.")
	r.run()
	if len(r.net.keys) != 2 {
		t.Errorf("sent %d times after a human looked", len(r.net.keys))
	}
}

// An approval that has to be completed from a CRM that is down waits with everything else of that account; it is no dead letter.
func TestAnApprovalWaitsForItsCRM(t *testing.T) {
	for _, cause := range []error{fault.New(fault.Unavailable, "down"), fault.New(fault.Unauthorized, "the token was taken back")} {
		r := asked(t, options{}, said("m1", "anna", complaint, start))
		c := r.crm.one("case")
		c.Fields["rapport_reply"], c.Fields["rapport_reply_state"] = "Das tut uns leid.", "approved"
		r.crm.call = func(string, accountType, []recordType) error { return cause }
		r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@reply_state": "approved"}})
		r.run()
		r.live(3*time.Hour, time.Minute)
		if closure, closed, err := r.app.Closed(t.Context(), "crm"); !closed || closure.Kind != fault.Of(cause).String() || r.dead("changes") > 0 {
			t.Errorf("%v: closed %v %+v (%v), %d dead letters", cause, closed, closure, err, r.dead("changes"))
		}
		r.crm.call = nil
		r.live(time.Hour, time.Minute)
		if len(r.net.posted) != 1 || r.net.posted[0] != "Das tut uns leid." {
			t.Errorf("%v: posted %q", cause, r.net.posted)
		}
		if _, closed, _ := r.app.Closed(t.Context(), "crm"); closed {
			t.Errorf("%v: still closed", cause)
		}
	}
}
