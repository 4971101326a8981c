package pipeline_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/topology"
)

// pointing is a site whose events may name a mention only: what was said has to be read.
type pointing struct {
	*site
	said    map[string]flow.Event
	down    error
	downFor string // the mention for which it is down; "" = all
	calls   map[string]int
}

func (s *pointing) CheckBatch() int { return 1 }

func (s *pointing) Check(_ context.Context, _ network.Account, list []flow.Mention) ([]network.Body, []string, error) {
	if s.calls[list[0].ID]++; s.down != nil && (s.downFor == "" || s.downFor == list[0].ID) {
		return nil, nil, s.down
	}
	body, err := json.Marshal([]flow.Event{s.said[list[0].ID]})
	return []network.Body{{Data: body}}, nil, err
}

func (s *pointing) point(e flow.Event) flow.Event {
	s.said[e.Mention.ID] = e
	return flow.Event{Verb: flow.New, At: e.At, Thin: true, Mention: flow.Mention{ID: e.Mention.ID, Network: "site", Kind: flow.Comment, Direction: flow.In, Created: e.At}}
}

func pointingRig(t *testing.T) (*rig, *pointing) {
	r := newRig(t, options{})
	s := &pointing{site: r.net, said: map[string]flow.Event{}, calls: map[string]int{}}
	r.nets["site"] = s
	r.boot()
	return r, s
}

// report wants that everything is accounted for.
func report(r *rig, open, dead int) {
	r.t.Helper()
	depth, err := r.queue.Depth(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	waiting, letters := 0, 0
	for _, d := range depth {
		if d.Lane != topology.Polls {
			waiting += d.Waiting + d.Held + d.Delayed
		}
		letters += d.Dead
	}
	got, err := r.app.Report(r.t.Context(), start.Add(-time.Hour), r.now.Add(time.Hour), waiting, letters)
	if err != nil || got.Total.Open != open || got.Unaccounted != 0 || letters != dead {
		r.t.Errorf("%+v with %d dead letters (%v), want %d open, 0 unaccounted, %d dead", got.Total, letters, err, open, dead)
	}
}

// TestWhatCannotBeReadNowIsReadLater: a network that cannot be reached for hours delays what it only pointed at, and nothing else.
func TestWhatCannotBeReadNowIsReadLater(t *testing.T) {
	for name, large := range map[string]int{"small": 0, "too large for a queue": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			r, s := pointingRig(t)
			s.down = fault.New(fault.Unavailable, "the network is down")
			thin, whole := said("m1", "anna", complaint, r.now), said("m2", "ben", "Danke für die schnelle Hilfe!", r.now)
			whole.Mention.Extra = map[string]any{"padding": strings.Repeat("x", large*3/4)}
			r.hook(s.point(thin), whole)
			r.run()
			if got := texts(r.crm.all("mention")); len(got) != 1 || !got[whole.Mention.Text] {
				t.Errorf("while the network is down the CRM holds %v", got)
			}
			for range 6 {
				r.live(30*time.Minute, 20*time.Second)
				if l := r.line(ledger.Unread); !strings.Contains(l.Reason, "the network is down") {
					t.Errorf("the line is %+v", l)
				}
				report(r, 1, 0)
			}
			if n := s.calls[thin.Mention.ID]; n > 30 {
				t.Errorf("%d calls in three hours", n)
			}
			s.down = nil
			r.live(16*time.Minute, 20*time.Second)
			if got := texts(r.crm.all("mention")); len(got) != 2 || !got[complaint] {
				t.Errorf("afterwards the CRM holds %v", got)
			}
			if lines := r.lines(); len(lines) != 2 || lines[0].Event != thin.ID() || lines[0].Deliveries[0].State != ledger.Written {
				t.Errorf("the lines are %+v", lines)
			}
			report(r, 0, 0)
		})
	}
}

// TestWhatWasReadIsNotReadAgain: of a message with several such events only those go again that could not be read.
func TestWhatWasReadIsNotReadAgain(t *testing.T) {
	r, s := pointingRig(t)
	first, second := said("m1", "anna", complaint, r.now), said("m2", "ben", "What does the big one cost?", r.now)
	s.down, s.downFor = fault.New(fault.Transient, "not now"), first.Mention.ID
	r.hook(s.point(first), s.point(second))
	r.run()
	r.live(5*time.Minute, 20*time.Second)
	s.down = nil
	r.live(16*time.Minute, 20*time.Second)
	if got := texts(r.crm.all("mention")); len(got) != 2 || s.calls[second.Mention.ID] != 1 || s.calls[first.Mention.ID] < 3 {
		t.Errorf("the CRM holds %v, after these calls: %v", got, s.calls)
	}
	report(r, 0, 0)
}

// TestWhatCannotBeReadForADayIsGivenUp: it lies in the dead letters with its reason; whoever mended the cause drives it again.
func TestWhatCannotBeReadForADayIsGivenUp(t *testing.T) {
	r, s := pointingRig(t)
	s.down = fault.New(fault.Unauthorized, "the token was taken back")
	thin := said("m1", "anna", complaint, r.now)
	r.hook(s.point(thin))
	r.run()
	r.live(23*time.Hour, 5*time.Minute)
	report(r, 1, 0)
	r.live(2*time.Hour, 5*time.Minute)
	if l := r.line(ledger.Rejected); !strings.Contains(l.Reason, "for a day: the token was taken back") {
		t.Errorf("the line is %+v", l)
	}
	report(r, 0, 1)
	calls := s.calls[thin.Mention.ID]
	r.live(2*time.Hour, 5*time.Minute)
	if s.calls[thin.Mention.ID] != calls {
		t.Errorf("it is read on after it was given up")
	}
	s.down = nil
	if n, err := r.queue.Redrive(t.Context(), topology.MentionsLive, 10, nil); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r.run()
	if got := texts(r.crm.all("mention")); len(got) != 1 || !got[complaint] {
		t.Errorf("driven again the CRM holds %v", got)
	}
	if l := r.line(ledger.Mention); l.Event != thin.ID() {
		t.Errorf("the line is %+v", l)
	}
	report(r, 0, 0)
}
