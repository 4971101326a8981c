package pipeline

import (
	"context"
	"slices"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

// Resending names what failed and is to be sent once more.
type Resending struct {
	Where string `json:"where"`          // a CRM account, or a lane
	Kind  string `json:"kind,omitempty"` // a reason: those that failed alike, fault.Alike; "" = all
	Limit int    `json:"limit"`          // at most so many; 0 = 1000
	Try   bool   `json:"try,omitempty"`  // only count
}

// Resent is what SendAgain did, or would do.
type Resent struct {
	N    int  `json:"n"`              // were sent, or would be
	Try  bool `json:"try,omitempty"`  // it was a dry run
	Read int  `json:"read,omitempty"` // of a dry run: how many were looked at
	Of   int  `json:"of,omitempty"`   // and how many there are, on SQS about
}

// Bounds of a dry run: how many dead deliveries and dead letters it looks at.
const (
	triedDeliveries = 5000
	triedLetters    = 500
)

// SendAgain sends dead deliveries of a CRM account, or dead letters of a lane, again: those of one kind or all. NotFound: there
// is no such account and no such lane.
func (p *Pipeline) SendAgain(ctx context.Context, admin queue.Admin, a Resending) (s Resent, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return s, err
	}
	if a.Limit <= 0 {
		a.Limit = 1000
	}
	s.Try = a.Try
	kind := fault.Alike(a.Kind)
	wanted := func(reason string) bool { return kind == "" || fault.Alike(reason) == kind }
	_, account := plan.Doc.CRM(a.Where)
	switch {
	case account && a.Try:
		dead, err := p.DeadDeliveries(ctx, a.Where, triedDeliveries)
		for _, d := range dead {
			s.count(wanted(d.Reason))
		}
		s.Of = s.Read
		s.N = min(s.N, a.Limit)
		return s, err
	case account:
		s.N, err = p.RedriveSome(ctx, a.Where, a.Limit, wanted)
		return s, err
	}
	lanes, err := admin.Depth(ctx)
	if err != nil {
		return s, err
	}
	at := slices.IndexFunc(lanes, func(d queue.Depth) bool { return string(d.Lane) == a.Where })
	switch {
	case at < 0:
		return s, fault.New(fault.NotFound, "there is no lane and no CRM account %q", a.Where)
	case a.Try && lanes[at].Dead > 0:
		dead, err := admin.Dead(ctx, lanes[at].Lane, triedLetters)
		for _, d := range dead {
			s.count(wanted(d.Reason))
		}
		s.Of = max(lanes[at].Dead, s.Read)
		if kind == "" {
			s.N, s.Read = s.Of, s.Of // no need to look at them
		}
		s.N = min(s.N, a.Limit)
		return s, err
	case a.Try:
		return s, nil
	case kind == "":
		s.N, err = admin.Redrive(ctx, lanes[at].Lane, a.Limit, nil)
	default:
		s.N, err = admin.Redrive(ctx, lanes[at].Lane, a.Limit, wanted)
	}
	return s, err
}

func (s *Resent) count(wanted bool) {
	if s.Read++; wanted {
		s.N++
	}
}
