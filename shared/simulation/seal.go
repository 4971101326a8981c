package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"rapport/shared/ledger"
	"rapport/shared/pipeline"
)

// settle is how long after its end an hour is sealed: more than workers live, and little, so that much comes late.
const settle = 90 * time.Second

// sealAll lets the hours pass that are not sealed yet. Who seals crashes and is failed as often as everybody else, and is not
// alone; in between dead deliveries are tried again, so that lines change which are sealed already.
func (s *Sim) sealAll() {
	ctx := context.Background()
	for range 3 {
		s.now = s.now.Truncate(time.Hour).Add(time.Hour + settle + time.Second)
		s.calm = false
		for range 150 {
			if s.sealStep(); s.rng.IntN(4) == 0 && len(s.workers) < 4 {
				s.spawn("seal", func() {
					if _, err := s.app.Seal(ctx); err != nil {
						s.log("seal: %v", err)
					}
				})
			}
		}
		s.calm = true
		for n := 0; n < 5000 && (n%25 != 0 || !s.sealed()); n++ {
			s.sealStep()
			if len(s.workers) == 0 { // whoever works has time enough
				s.now = s.now.Add(time.Duration(s.rng.IntN(1000)) * time.Millisecond)
			}
		}
		if !s.sealed() {
			head, err := s.app.Head(ctx)
			s.violate("hours are not sealed: through %s, %v", head.Through, err)
		}
		for _, account := range []string{"keyed", "list"} {
			if _, err := s.app.Redrive(ctx, account, 1000); err != nil {
				s.violate("redrive: %v", err)
			}
		}
		for n := 0; n < 20_000 && !s.idle(); n++ {
			if !s.step() {
				s.now = s.now.Add(time.Duration(50+s.rng.IntN(1000)) * time.Millisecond)
			}
		}
		if !s.idle() {
			s.violate("still busy after the redrive: %s", s.business())
		}
	}
}

// sealStep lets time pass, and those go on who seal.
func (s *Sim) sealStep() {
	s.now = s.now.Add(time.Duration(s.rng.IntN(60)) * time.Millisecond)
	if s.rng.IntN(4) == 0 {
		for _, l := range s.lanes {
			if l.verb == "jobs" && len(s.workers) < 4 {
				s.start(l)
			}
		}
	}
	if s.rng.IntN(6) == 0 && !s.busy("tick") {
		s.spawn("tick", func() { _ = s.app.Tick(context.Background(), pipeline.Feed{Probe: 5, Most: 20}) })
	}
	if len(s.workers) > 0 {
		s.resume(s.rng.IntN(len(s.workers)))
	}
}

// sealed tells whether every hour that is over is done, and nobody is at it any more.
func (s *Sim) sealed() bool {
	head, err := s.app.Head(context.Background())
	return err == nil && len(s.workers) == 0 && !head.Through.Before(s.now.Add(-settle).Truncate(time.Hour).Add(-time.Hour))
}

// verifySeals checks the whole ledger by a file alone: no line differs from what was sealed of it, none is missing, and what
// came since is told.
func (s *Sim) verifySeals() {
	ctx := context.Background()
	var file bytes.Buffer
	out := json.NewEncoder(&file)
	if err := s.app.ExportLedger(ctx, begun().Add(-time.Hour), s.now, func(r ledger.Record) error { return out.Encode(r) }); err != nil {
		s.violate("export of the ledger: %v", err)
		return
	}
	head, err := s.app.Head(ctx)
	if err != nil {
		s.violate("head of the seals: %v", err)
	}
	c, err := ledger.Check(&file, head.Hash)
	if err != nil {
		s.violate("the exported ledger: %v", err)
	}
	for _, f := range c.Findings {
		s.violate("the exported ledger: %s %s: %s", f.What, f.Where, f.Say)
	}
	s.amended = c.Changes
	lines := 0
	for k := range s.mirror.table("line") {
		if hour, ok := ledger.HourOf(k.Part); ok && !hour.After(head.Through) {
			lines++
		}
	}
	if c.Lines != lines || lines == 0 {
		s.violate("the ledger has %d lines in hours that are done, its file %d", lines, c.Lines)
	}
	if len(c.Due) == 0 && c.Sealed != c.Now {
		s.violate("by the seals the ledger holds %+v, by the lines %+v", c.Sealed, c.Now)
	}
}
