package simulation

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/pipeline"
)

// again lets an operator replay the day through another configuration and write what that changes, then take one mention
// back; with crashes, cut answers and humans who edit meanwhile, as everywhere.
func (s *Sim) again() {
	s.app.Use(s.options.Plans[len(s.options.Plans)-1])
	s.amend(pipeline.JobReplay, "")
	if diff, err := s.diff(pipeline.JobReplay, ""); err != nil || len(diff.Writes) > 0 {
		s.violate("a replay that was written would change again: %+v, %v", diff.Writes, err)
	}
	var known []string
	for _, id := range s.net.ids {
		if r := s.keyed.rows["mention/rapport:mention:"+id]; r != nil && !r.gone && !r.erased && !s.net.posts[id].poison {
			known = append(known, id)
		}
	}
	if len(known) > 0 {
		s.undone = true
		s.amend(pipeline.JobUndo, known[s.rng.IntN(len(known))])
	}
	s.verifyErased(context.Background())
}

// diff tells what a replay of the day by the present configuration, or an undo of a mention, would write.
func (s *Sim) diff(kind, mention string) (pipeline.Replayed, error) {
	ctx := context.Background()
	if kind == pipeline.JobUndo {
		return s.app.Undo(ctx, []string{"site"}, begun().Add(-time.Hour), s.now, mention)
	}
	plan, err := s.app.Plan(ctx, "")
	if err != nil {
		return pipeline.Replayed{}, err
	}
	return s.app.Replay(ctx, plan, []string{"site"}, begun().Add(-time.Hour), s.now)
}

// amend says yes to a dry run, and checks that exactly that was written, but for what a human has meanwhile.
func (s *Sim) amend(kind, mention string) {
	ctx := context.Background()
	diff, err := s.diff(kind, mention)
	if err != nil {
		s.violate("dry run of the %s: %v", kind, err)
		return
	}
	id := kind + "1"
	s.log("%s of %s: %v", kind, mention, diff.Verbs)
	for _, w := range diff.Writes {
		s.log("  %+v", w)
	}
	_, err = s.app.Start(ctx, pipeline.JobRow{ID: id, Kind: kind, From: begun().Add(-time.Hour), To: s.now,
		Again: &pipeline.Again{Accounts: []string{"site"}, Event: mention, Approved: diff.Hash}})
	if err != nil {
		s.violate("%s: %v", kind, err)
		return
	}
	s.amending, s.calm = true, false
	for range 300 {
		s.step()
	}
	s.amending, s.calm = false, true
	var is pipeline.Patched
	for n := 0; n < 20_000; n++ {
		if !s.step() {
			s.now = s.now.Add(time.Duration(50+s.rng.IntN(1000)) * time.Millisecond)
		}
		if n%50 != 0 || !s.idle() || s.operator() {
			continue
		}
		if is, err = s.app.Patched(ctx, id); err == nil && is.Open == 0 && is.Job.State != "running" {
			break
		}
	}
	asked := 0
	for _, w := range diff.Writes {
		if w.Verb != pipeline.WouldSkip {
			asked++
			s.verifyWrite(is, w)
		}
	}
	if err != nil || is.Job.State != "done" || is.Open > 0 || is.Failed > 0 || is.Total != asked {
		s.violate("the %s of %d records ends %s (%s) with %+v, %v", kind, asked, is.Job.State, is.Job.Problem, is, err)
	}
}

// verifyWrite checks that a record holds what somebody said yes to.
func (s *Sim) verifyWrite(is pipeline.Patched, w pipeline.Write) {
	var left []string
	for _, p := range is.List {
		if p.Account == w.Account && p.Object == w.Object && p.Key == w.Key {
			if left = p.Left; p.Reason != "" && len(left) == 0 {
				return // told as skipped
			}
		}
	}
	for _, m := range []*model{s.keyed, s.list} {
		r := m.rows[w.Object+"/"+w.Key]
		if m.name != w.Account || r != nil && (r.gone || r.erased) {
			continue
		}
		if r == nil {
			s.violate("%s: %s was approved and is not there", m.name, w.Key)
			continue
		}
		for _, f := range w.Fields {
			if m.drift && f.Field == "extra" || slices.Contains(left, f.Field) || r.human[f.Field] != "" {
				continue
			}
			if got := plain(r.fields[f.Field]); got != strings.TrimSpace(plain(f.New)) {
				s.violate("%s: %s of %s is %q, and %q was approved (%s)", m.name, f.Field, w.Key, got, plain(f.New), w.Verb)
			}
		}
	}
}
