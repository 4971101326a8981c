package world

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
)

// crmNames are the accounts of the configuration, in the order in which they are told.
var crmNames = []string{"hubspot", "feedback", "salesforce"}

// crowd is how many different authors must complain under one post before the summary calls it a growing complaint.
const crowd = 8

// gather counts what became of the day and checks it.
func (w *world) gather(ctx context.Context) (Summary, error) {
	s := Summary{Networks: map[string]ledger.Tally{}, Talks: map[string]int{}, Forged: w.bad}
	crms, held := map[string]*CRMCount{}, map[string]map[string]bool{} // held: CRM → mentions it must hold
	for _, name := range crmNames {
		crms[name], held[name] = &CRMCount{Name: name}, map[string]bool{}
	}
	authors, bySource := map[string]bool{}, map[string]int{}
	var ids []string
	err := w.lines(ctx, func(source string, _ ledger.Place, l ledger.Line) error {
		s.Total.Add(l)
		n := s.Networks[l.Network]
		n.Add(l)
		s.Networks[l.Network] = n
		bySource[source]++
		if l.Author != "" {
			authors[l.Author] = true
		}
		if l.Outcome == ledger.Mention && !slices.Contains(ids, l.Mention) {
			ids = append(ids, l.Mention)
		}
		for _, d := range l.Deliveries {
			c := crms[d.Account]
			c.Deliveries++
			c.Created += d.Created
			c.Updated += d.Updated
			if d.State == ledger.Unchanged {
				c.Unchanged++
			}
			if d.State == ledger.Written || d.State == ledger.Unchanged {
				held[d.Account][l.Mention] = true
			}
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	s.Authors = len(authors)
	for _, name := range crmNames {
		c := crms[name]
		c.Calls, c.Limited, c.Down = w.fronts[name].counts()
		s.CRMs = append(s.CRMs, *c)
	}
	s.CRMs[0].Records = len(w.portal.Rows(mentions)) + len(w.portal.Rows(tickets)) + len(w.portal.Rows("contacts"))
	s.CRMs[1].Records = w.feedback.Total()
	s.CRMs[2].Records = len(w.circle.org.Rows(sfMentions)) + len(w.circle.org.Rows(cases)) + len(w.circle.org.Rows("Contact"))
	stories, err := w.stories(ctx, ids)
	if err != nil {
		return s, err
	}
	s.read(stories)
	if err := w.account(ctx, &s, bySource); err != nil {
		return s, err
	}
	s.Problems = w.check(ctx, held)
	s.Cost = w.cost(s.Total.Received)
	t := s.Total
	s.Line = fmt.Sprintf("demo: %d received, %d written, %d merged, %d filtered, %d suppressed, %d rejected, %d dead, %d unaccounted",
		t.Received, t.Written, t.Merged, t.Filtered, t.Suppressed, t.Rejected, t.Dead, s.Unaccounted)
	if s.Unaccounted > 0 {
		s.Problems = append(s.Problems, fmt.Sprintf("%d events are unaccounted for", s.Unaccounted))
	}
	return s, nil
}

// account compares what was sent out with what the ledger has.
func (w *world) account(ctx context.Context, s *Summary, bySource map[string]int) error {
	missing, err := w.missing(ctx)
	if err != nil {
		return err
	}
	s.Unaccounted = s.Total.Open + len(missing)
	s.Said = len(w.said) + len(w.circle.spoken())
	for hook, accounts := range map[string][]string{"echolot": {"echolot", "listening"}, "sterne": {"sterne", "reviews"}} {
		got := 0
		for _, a := range accounts {
			got += bySource[a]
		}
		s.Said += w.sent[hook]
		s.Unaccounted += max(w.sent[hook]-got, 0)
	}
	return nil
}

// stories reads all that is known of the mentions. One that was erased since has none.
func (w *world) stories(ctx context.Context, ids []string) ([]pipeline.Story, error) {
	var out []pipeline.Story
	for _, id := range ids {
		story, err := w.home.Story(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, story)
	}
	return out, nil
}

// read takes conversations, scores and alerts out of the stories.
func (s *Summary) read(stories []pipeline.Story) {
	talks := map[string]bool{}
	best := map[string]Scored{}
	angry := map[string]map[string]bool{} // start of a thread → authors who complain in it
	words := map[string]string{}
	for _, x := range stories {
		m, d := x.Mention, x.Decision
		words[m.ID] = m.Text
		if c := x.Conversation; c != nil && !talks[c.ID] {
			talks[c.ID] = true
			s.Talks[string(c.Status)]++
			if c.Case {
				s.Cases++
			}
		}
		if d.Alert != "" {
			s.Alerts = append(s.Alerts, fmt.Sprintf("%s: @%s on %s", d.Alert, m.Author.Handle, m.Network))
		}
		if d.Complaint && !m.Deleted {
			start := m.Root
			if start == "" {
				start = m.Parent
			}
			if angry[start] == nil {
				angry[start] = map[string]bool{}
			}
			angry[start][m.Author.ID] = true
		}
		if m.Direction == flow.In && d.Score.Total > best[m.Author.ID].Total {
			best[m.Author.ID] = scored(m, d.Score)
		}
	}
	slices.Sort(s.Alerts)
	for _, start := range sorted(angry) {
		if n := len(angry[start]); start != "" && n >= crowd {
			s.Alerts = append(s.Alerts, fmt.Sprintf("growing complaint: %d authors under “%s”", n, short(words[start], 48)))
		}
	}
	for _, id := range sorted(best) {
		s.Scores = append(s.Scores, best[id])
	}
	slices.SortStableFunc(s.Scores, func(a, b Scored) int { return b.Total - a.Total })
	s.Scores = s.Scores[:min(5, len(s.Scores))]
}

func scored(m flow.Mention, score flow.Score) Scored {
	x := Scored{Handle: m.Author.Handle, Network: m.Network, Total: score.Total}
	for _, p := range score.Parts {
		x.Why = append(x.Why, p.Name+" "+p.Reason)
	}
	return x
}

// check looks whether the CRMs and the network hold exactly what they should, and gives what is wrong.
func (w *world) check(ctx context.Context, held map[string]map[string]bool) []string {
	problems := slices.Clone(w.wrong)
	for _, id := range w.erased { // what is left of them names nobody
		delete(held["hubspot"], id)
		delete(held["feedback"], id)
	}
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	inPortal := map[string]int{}
	var texts []string // where it stands, and what
	for _, object := range []string{mentions, tickets, "contacts"} {
		for _, r := range w.portal.Rows(object) {
			inPortal[object+r.Fields[fieldKey]]++
			for _, f := range sorted(r.Fields) {
				texts = append(texts, object+"."+f+": "+r.Fields[f])
			}
		}
	}
	for _, key := range sorted(inPortal) {
		if n := inPortal[key]; n > 1 {
			wrong("HubSpot holds %d records of %s", n, key)
		}
	}
	for _, id := range sorted(held["hubspot"]) {
		if n := inPortal[mentions+flow.Key(flow.KindMention, id)]; n != 1 {
			wrong("HubSpot holds %d records of mention %s", n, id)
		}
	}
	for _, id := range sorted(held["feedback"]) {
		if n := w.feedback.Count(flow.Key(flow.KindMention, id)); n != 1 {
			wrong("the feedback endpoint holds %d records of mention %s", n, id)
		}
	}
	if n := w.feedback.Doubles(); n > 0 {
		wrong("the feedback endpoint holds %d doubles", n)
	}
	for _, r := range w.feedback.Rows() {
		texts = append(texts, fmt.Sprintf("feedback.Text: %v", r["Text"]))
	}
	for _, gone := range []string{"Ich widerspreche", "welches Öl nehmt", "Wie oft soll man nachölen", "Unverschämter Laden", "So ein Saftladen", "Gefälscht", "Selber schuld, wer ein Rad"} {
		if at := slices.IndexFunc(texts, func(t string) bool { return strings.Contains(t, gone) }); at >= 0 {
			wrong("a CRM holds “%s”, which must be in none: %s", gone, short(texts[at], 200))
		}
	}
	problems = append(problems, w.circle.check(held["salesforce"])...)
	return append(problems, w.checkPeople(ctx)...)
}

// checkPeople looks at what people did in the CRM: corrections, answers, closed cases.
func (w *world) checkPeople(ctx context.Context) []string {
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, id := range sorted(w.human) {
		row, ok := w.portal.Row(tickets, id)
		if !ok || row.Fields[fieldDepartment] != w.human[id] {
			wrong("the human's “%s” in ticket %s became “%s”", w.human[id], id, row.Fields[fieldDepartment])
		}
		if !strings.Contains(row.Fields[fieldTurns], "heute noch jemand melden") {
			wrong("ticket %s does not show what was said after the human's edit", id)
		}
	}
	for _, label := range sorted(w.asked) {
		n := 0
		for _, p := range w.social.Posted() {
			if strings.Contains(p.Text, w.asked[label]) {
				n++
			}
		}
		if n != 1 {
			wrong("the approved answer to “%s” stands on the network %d times", label, n)
		}
		w.status(ctx, label, flow.Answered, wrong)
	}
	for _, label := range w.shut {
		w.status(ctx, label, flow.Closed, wrong)
	}
	return problems
}

func (w *world) status(ctx context.Context, label string, want flow.Status, wrong func(string, ...any)) {
	story, err := w.known(ctx, label)
	switch {
	case err != nil:
		wrong("“%s”: %v", label, err)
	case story.Conversation == nil || story.Conversation.Status != want:
		wrong("the conversation of “%s” is not %s", label, want)
	}
}

func sorted[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func short(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// seconds rounds a duration for people.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
