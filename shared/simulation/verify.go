package simulation

import (
	"context"
	"fmt"
	"time"

	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// document is the configuration; its variants differ in a rule and a field, and are switched in flight.
func document(variant int) string {
	extra := `"one"`
	if variant == 2 {
		extra = `"two"`
	}
	return fmt.Sprintf(`version: 1
brands:
  - name: nordlicht
    languages: [de, en]
    terms: [nordlicht]
hooks:
  - {name: hook, kind: net, secrets: {secret: "env:X"}}
  - {name: crmhook, kind: keyed, secrets: {secret: "env:X"}}
networks:
  - {name: site, kind: net, hook: hook, brand: nordlicht, replies: "on"}
crms:
  - {name: keyed, kind: keyed, hook: crmhook, mode: write}
  - {name: list, kind: list, mode: write}
filters:
  - {name: ignored, when: 'mention.text contains "ignore"'}
mapping:
  - crm: keyed
    object: mention
    for: mention
    fields:
      text: text
      rev: &rev 'mention.deleted ? 99999999999 : (mention.edited.IsZero() ? mention.created.Unix() : mention.edited.Unix())'
      poison: 'mention.text contains "POISON"'
      extra: {value: '%s', wins: rapport}
  - crm: keyed
    object: case
    for: conversation
    when: conversation.case
    fields:
      subject: {value: conversation.subject, wins: rapport}
      note: 'conversation.status + " " + conversation.priority'
      rev: {value: conversation.revision, wins: rapport}
      answer: {value: conversation.reply_state, wins: rapport}
  - crm: list
    object: mention
    for: mention
    when: not mention.deleted
    fields:
      text: text
      poison: 'mention.text contains "POISON"'
`, extra)
}

// verify compares what the CRMs hold and what the ledger says with what was said.
func (s *Sim) verify() {
	ctx := context.Background()
	lines := map[string][]ledger.Line{}
	total := 0
	from, to := s.now.Add(-12*time.Hour), s.now.Add(time.Hour)
	for _, account := range []string{"site", "hook"} {
		err := s.app.Lines(ctx, account, from, to, func(_ ledger.Place, l ledger.Line) error {
			lines[l.Event] = append(lines[l.Event], l)
			total++
			if column, open := l.Final(); open {
				s.violate("unaccounted: %s is %s (%v)", l.Event, column, l.Deliveries)
			}
			return nil
		})
		if err != nil {
			s.violate("ledger: %v", err)
		}
	}
	if total < s.net.taken {
		s.violate("%d events were answered with 2xx, the ledger knows %d", s.net.taken, total)
	}
	for _, id := range s.net.ids {
		s.verifyPost(id, s.net.posts[id], lines)
	}
	for text, n := range s.net.posted {
		if n > 1 {
			s.violate("the answer %q stands on the network %d times", text, n)
		}
	}
	for _, m := range []*model{s.keyed, s.list} {
		seen := map[string]bool{}
		for _, k := range m.order {
			if seen[k] {
				s.violate("%s: two records of %s", m.name, k)
			}
			seen[k] = true
			for f, v := range m.rows[k].human {
				if m.rows[k].fields[f] != v {
					s.violate("%s: %s lost a human's %s", m.name, k, f)
				}
			}
		}
	}
	s.verifyDead(ctx)
}

// verifyPost checks one mention: each of its events has a line, and the CRM holds the newest revision.
func (s *Sim) verifyPost(id string, p *post, lines map[string][]ledger.Line) {
	before := len(s.violations)
	defer func() {
		if len(s.violations) > before {
			for _, e := range p.events {
				for _, l := range lines[e] {
					s.log("  line of %s: %+v", e, l)
				}
			}
		}
	}()
	for _, e := range p.events {
		real := 0
		for _, l := range lines[e] {
			if l.Outcome != ledger.Merged {
				real++
			}
		}
		switch {
		case len(lines[e]) == 0:
			s.violate("lost: nothing is known of %s", e)
		case real > 1:
			s.violate("doubled: %s has %d lines that are not merged", e, real)
		}
	}
	r := s.keyed.rows["mention/"+flow.Key(flow.KindMention, id)]
	switch {
	case p.ignored && r != nil && !p.deleted:
		s.violate("%s was filtered and is in the CRM", id)
	case p.ignored, p.poison:
	case r == nil:
		if !p.deleted {
			s.violate("%s is not in the CRM", id)
		}
	case p.deleted && r.fields["text"] != nil && r.fields["text"] != "":
		s.violate("%s was deleted, the CRM still says %q", id, r.fields["text"])
	case !p.deleted && r.fields["text"] != p.last.Mention.Text:
		s.violate("%s: the CRM says %q, the author %q", id, r.fields["text"], p.last.Mention.Text)
	}
}

// verifyDead checks that nothing is dead but poison.
func (s *Sim) verifyDead(ctx context.Context) {
	for _, name := range []string{"keyed", "list"} {
		dead, err := s.app.DeadDeliveries(ctx, name, 0)
		if err != nil {
			s.violate("dead deliveries: %v", err)
		}
		for _, d := range dead {
			if !s.net.posts[d.Mention].poison {
				s.violate("%s: %s is dead: %s", name, d.Mention, d.Reason)
			}
		}
	}
	depth, err := s.queue.Depth(ctx)
	if err != nil {
		s.violate("depth: %v", err)
	}
	for _, d := range depth {
		if d.Dead > 0 {
			s.violate("%d dead letters in %s", d.Dead, d.Lane)
		}
	}
}
