package networktest

import (
	"context"
	"slices"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

func lookChecks() []check {
	return []check{
		{"check", func(s Suite, n network.Network) bool {
			_, ok := n.(network.Checker)
			return ok && s.Vendor != nil
		}, checkChecker},
		{"range", func(s Suite, n network.Network) bool {
			_, ok := n.(network.Ranger)
			return ok && s.Vendor != nil
		}, checkRanger},
		{"probe", func(s Suite, n network.Network) bool {
			_, ok := n.(network.Prober)
			return ok && s.Vendor != nil
		}, checkProber},
	}
}

// checkChecker: what stands, what was edited and what is gone are told apart.
func checkChecker(r Reporter, s Suite) {
	b, cursor := s.ready(r)
	b.Say(3)
	events, _ := b.walk(cursor)
	if len(events) != 3 {
		r.Errorf("three things were said, %d came", len(events))
		return
	}
	var known []flow.Mention
	for _, e := range events {
		known = append(known, e.Mention)
	}
	c := b.n.(network.Checker)
	if c.CheckBatch() < 1 {
		r.Errorf("CheckBatch is %d", c.CheckBatch())
		return
	}
	b.Remove(known[0].ID)
	if b.Change != nil {
		b.Change(known[1].ID, "quite another text")
	}
	gone, seen := b.check(known)
	if !slices.Equal(gone, []string{known[0].ID}) {
		r.Errorf("gone is %v, want %s alone", gone, known[0].ID)
	}
	if e, ok := seen[known[1].ID]; b.Change != nil && (!ok || e.Mention.Revision() == known[1].Revision()) {
		r.Errorf("the edit of %s was not noticed", known[1].ID)
	}
	if e, ok := seen[known[2].ID]; ok && e.ID() != events[2].ID() {
		r.Errorf("an unchanged mention has another event id: %s, %s", e.ID(), events[2].ID())
	}
	for _, status := range []int{401, 429, 500} {
		b.set(func() { b.force = &forced{status: status} })
		_, lost, err := c.Check(context.Background(), b.account, known[:1])
		if err == nil || len(lost) > 0 {
			r.Errorf("status %d: %v are gone, error %v: a failure is no deletion", status, lost, err)
		}
		leaks(r, err, secrets(b.account.Secrets))
	}
}

func (b *bench) check(known []flow.Mention) (gone []string, seen map[string]flow.Event) {
	seen = map[string]flow.Event{}
	c := b.n.(network.Checker)
	for part := range slices.Chunk(known, c.CheckBatch()) {
		bodies, lost, err := c.Check(context.Background(), b.account, part)
		if err != nil {
			b.r.Errorf("check: %v", err)
		}
		gone = append(gone, lost...)
		for _, e := range b.read(bodies) {
			if e.Verb == flow.Delete {
				gone = append(gone, e.Mention.ID)
				continue
			}
			seen[e.Mention.ID] = e
		}
	}
	return gone, seen
}

// checkRanger: a stretch of the past comes whole and once, and nothing outside of it.
func checkRanger(r Reporter, s Suite) {
	b := s.bench(r)
	said := b.Say(2*b.Page + 1)
	g := b.n.(network.Ranger)
	from, to := s.Now.AddDate(0, 0, -30), s.Now.AddDate(0, 0, 1)
	once(r, b.span(g, s, 0), said, "a range around everything")
	if events := b.span(g, s, 1); len(events) > 0 {
		r.Errorf("a range in the future brings %d events", len(events))
	}
	mentions, calls, exact, err := g.Estimate(context.Background(), b.account, from, to)
	if err != nil || mentions < 0 || calls < 1 {
		r.Errorf("estimate: %d mentions, %d calls, %v", mentions, calls, err)
	}
	if exact && mentions != len(said) {
		r.Errorf("an exact estimate of %d mentions, there are %d", mentions, len(said))
	}
	b.set(func() { b.force = &forced{status: 401} })
	_, err = g.Range(context.Background(), b.account, from, to, "")
	b.judged(err, "a range answered 401", fault.Unauthorized)
}

// span reads [Now-30 days, Now+1 day), moved by whole steps of two months into the future.
func (b *bench) span(g network.Ranger, s Suite, ahead int) (events []flow.Event) {
	b.r.Helper()
	from, to := s.Now.AddDate(0, 2*ahead, -30), s.Now.AddDate(0, 2*ahead, 1)
	cursor := ""
	for range maxPolls {
		page, err := g.Range(context.Background(), b.account, from, to, cursor)
		if err != nil {
			b.r.Errorf("range: %v", err)
			return events
		}
		events = append(events, b.read(page.Bodies)...)
		cursor = page.Cursor
		if !page.More {
			return events
		}
	}
	b.r.Errorf("after %d pages there is still more", maxPolls)
	return events
}

// checkProber: a good account gives a clean report, a refused one says what to do.
func checkProber(r Reporter, s Suite) {
	b := s.bench(r)
	p := b.n.(network.Prober)
	findings, err := p.Probe(context.Background(), b.account)
	if err != nil || len(findings) == 0 {
		r.Errorf("probe: %d findings, %v", len(findings), err)
	}
	for _, f := range findings {
		if !f.OK {
			r.Errorf("a good account: %s: %s", f.What, f.Say)
		}
		if f.What == "" || f.Say == "" {
			r.Errorf("a finding says nothing: %+v", f)
		}
	}
	b.set(func() { b.force = &forced{status: 401, body: `{"error":"no"}`} })
	findings, err = p.Probe(context.Background(), b.account)
	leaks(r, err, secrets(b.account.Secrets))
	bad := slices.ContainsFunc(findings, func(f network.Finding) bool { return !f.OK })
	if err == nil && !bad {
		r.Errorf("refused credentials are not noticed")
	}
	for _, f := range findings {
		if !f.OK && f.Mend == "" {
			r.Errorf("%s is bad, and nothing says what to do: %s", f.What, f.Say)
		}
	}
}
