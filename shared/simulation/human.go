package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/mapping"
	"rapport/shared/pipeline"
	"rapport/shared/topology"
	"rapport/shared/webhook"
)

// answer is what an agent asked for.
type answer struct {
	text  string
	whole bool // told with its text
	taken bool // the change was answered with 2xx
}

// disturb changes the world: humans, agents, configuration, the end of a process.
func (s *Sim) disturb() {
	kind := s.rng.IntN(13)
	if s.amending {
		kind = []int{0, 6, 9, 10}[kind%4]
	}
	switch kind {
	case 0, 1:
		s.keyed.humanEdits()
	case 2, 3:
		s.keyed.agentAnswers()
	case 4:
		s.keyed.agentTells(map[string]any{crm.FieldStatus: "closed"})
	case 5:
		s.keyed.agentTells(map[string]any{crm.FieldAccepted: true})
	case 6:
		s.keyed.expire()
	case 7:
		s.keyed.storm()
		s.list.storm()
	case 8:
		s.net.slow = s.now.Add(time.Duration(s.rng.IntN(60)) * time.Second)
	case 9:
		s.burst = s.now.Add(time.Duration(s.rng.IntN(3000)) * time.Millisecond)
	case 10:
		if s.kills < 3 {
			s.kills++
			s.log("the process is killed")
			s.count(processDies)
			s.killAll()
			s.queue.Reopen()
		}
	case 11:
		s.count(configTurns)
		s.app.Use(s.options.Plans[s.rng.IntN(2)])
		s.log("the configuration changes")
	case 12:
		if s.rng.IntN(2) == 0 {
			s.keyed.humanDeletes()
		} else {
			s.objection()
		}
	}
}

// objection lets an author's traces go, once in a run.
func (s *Sim) objection() {
	if s.job != "" {
		s.refusal()
		return
	}
	s.count(objects)
	s.erased = s.net.authors[s.rng.IntN(len(s.net.authors))]
	id, err := s.app.Start(context.Background(), pipeline.JobRow{ID: "erase1", Kind: "erase", From: begun().Add(-time.Hour),
		Erasure: flow.Erasure{ID: "erase1", Author: s.erased, Reason: "objection", At: s.now}})
	if err != nil {
		s.violate("erasure: %v", err)
	}
	s.job = id
	s.log("%s objects", s.erased)
}

// refusal lets another author object to being scored, once in a run.
func (s *Sim) refusal() {
	if s.refused != "" {
		return
	}
	s.refused = s.net.authors[s.rng.IntN(len(s.net.authors))]
	if _, err := s.app.Object(context.Background(), pipeline.Subject{Authors: []string{s.refused}}, "scoring", "a letter", false); err != nil {
		s.violate("objection: %v", err)
	}
	s.log("%s objects to being scored", s.refused)
}

// verifyRefused checks that nobody who objected to it has a score.
func (s *Sim) verifyRefused() {
	if s.refused == "" || s.refused == s.erased {
		return
	}
	for k, a := range rows[pipeline.AuthorRow](s, "author") {
		if k.Part == s.refused && (a.Score.Total != 0 || a.Seen.Mentions != 0 || len(a.Told) != 1) {
			s.violate("%s objected to being scored, and has %+v %+v %+v", k.Part, a.Score, a.Seen, a.Told)
		}
	}
	for _, m := range rows[pipeline.MentionRow](s, "mention") {
		if m.Mention.Author.ID == s.refused && m.Decision.Score.Total != 0 {
			s.violate("%s objected to being scored, and %s has %+v", s.refused, m.Mention.ID, m.Decision.Score)
		}
	}
}

// some picks a record that is there.
func (m *model) some(object string) *row {
	var list []*row
	for _, name := range m.order {
		if r := m.rows[name]; !r.gone && !r.erased && (object == "" || r.object == object) {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[m.s.rng.IntN(len(list))]
}

// humanEdits lets a human change a field of a case or mention.
func (m *model) humanEdits() {
	r := m.some("")
	if r == nil || r.object == "contact" {
		return
	}
	m.s.count(humanEdits)
	m.humans++
	r.edits++
	r.edited = m.s.now
	r.human["note"] = fmt.Sprintf("human %d", m.humans)
	r.fields["note"] = r.human["note"]
	m.s.log("a human edits %s", r.key)
}

// humanDeletes lets a human delete a case that we know the record of. The CRM may or may not tell.
func (m *model) humanDeletes() {
	r := m.some("case")
	if r == nil || !m.s.journaled(m.name, r) {
		return
	}
	r.gone = true
	m.s.count(humanDeletes)
	m.s.log("a human deletes %s", r.key)
	if m.s.rng.IntN(2) == 0 {
		m.tell(flow.Change{Object: r.object, Record: r.id, Key: r.key, Verb: "delete"}, nil)
	}
}

// agentTells changes something of a case.
func (m *model) agentTells(fields map[string]any) {
	if r := m.some("case"); r != nil {
		m.s.log("an agent tells %v of %s", fields, r.key)
		m.tell(flow.Change{Object: r.object, Record: r.id, Key: r.key, Verb: "update", Fields: fields}, nil)
	}
}

// agentAnswers lets an agent approve an answer; the CRM tells it once or twice, whole or only that it is approved.
func (m *model) agentAnswers() {
	r := m.some("case")
	if r == nil {
		return
	}
	a := &answer{text: fmt.Sprintf("answer %d", len(m.answers)+1), whole: m.s.rng.IntN(4) > 0}
	m.answers = append(m.answers, a)
	m.s.count(agentAnswers)
	r.fields[mapping.ReplyText], r.fields[mapping.ReplyState] = a.text, flow.Approved
	fields := map[string]any{crm.FieldReplyState: flow.Approved}
	if a.whole {
		fields[crm.FieldReply] = a.text
	}
	m.s.log("an agent answers %q in %s", a.text, r.key)
	m.tell(flow.Change{Object: "case", Record: r.id, Key: r.key, Verb: "update", Fields: fields}, func() { a.taken = true })
}

// tell sends a change, once or twice, until it is answered with 2xx.
func (m *model) tell(c flow.Change, taken func()) {
	m.serials++
	c.At, c.ID, c.By = m.s.now, fmt.Sprintf("c%d", m.serials), "agent"
	body, _ := json.Marshal([]flow.Change{c})
	for range 1 + m.s.rng.IntN(2) {
		m.s.spawn("crm hook", func() {
			for range 50 { // a CRM repeats, too
				a, err := m.s.app.Receive(context.Background(), "crmhook", webhook.Request{Method: "POST", Body: body, At: m.s.now})
				if err == nil && a.Status == 200 {
					if taken != nil {
						taken()
					}
					return
				}
			}
		})
	}
}

// operator does what people do with what is left at the end, and tells whether that was something.
func (s *Sim) operator() (some bool) {
	depth, err := s.queue.Depth(context.Background())
	if err != nil {
		s.violate("depth: %v", err)
	}
	for _, d := range depth {
		if d.Dead > 0 && s.redriven < 20 { // messages that crashed six times are tried again
			if d.Lane == topology.Changes && s.keyed.by != nil && (s.keyed.by.dead || s.keyed.by.troubled) { // who renewed the token may have died with it
				if err := s.app.SaveToken(context.Background(), "keyed", s.keyed.grant()); err != nil {
					s.violate("connect: %v", err)
				}
			}
			n, err := s.queue.Redrive(context.Background(), d.Lane, 100, nil)
			if err != nil {
				s.violate("redrive: %v", err)
			}
			s.redriven++
			some = some || n > 0
			s.log("redrive of %d in %s", n, d.Lane)
		}
	}
	for _, account := range []string{"keyed", "list"} { // and so are deliveries that died of what passed since
		dead, err := s.app.DeadDeliveries(context.Background(), account, 0)
		if err != nil {
			s.violate("dead deliveries: %v", err)
		}
		curable := slices.ContainsFunc(dead, func(d pipeline.DeadDelivery) bool {
			p := s.net.posts[d.Mention] // none has the name of what was erased
			return p != nil && !p.poison
		})
		if !curable || s.redriven >= 20 {
			continue
		}
		n, err := s.app.Redrive(context.Background(), account, 1000)
		if err != nil {
			s.violate("redrive: %v", err)
		}
		s.redriven++
		some = some || n > 0
		s.log("redrive of %d dead deliveries of %s", n, account)
	}
	return some
}

// reconnect logs in again where the CRM refuses us for good: who renewed the token may have died with the new one.
func (s *Sim) reconnect() {
	c, closed, err := s.app.Closed(context.Background(), "keyed")
	if err != nil || !closed || c.Kind != fault.Unauthorized.String() || c.Probes < 3 {
		return
	}
	if err := s.app.SaveToken(context.Background(), "keyed", s.keyed.grant()); err != nil {
		s.violate("connect: %v", err)
	}
	s.log("the account is connected again")
}
