package simulation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// document is the configuration; its variants differ in a rule and a field, and are switched in flight.
func document(variant int) string {
	extra, route := `"one"`, "service"
	switch variant {
	case 2:
		extra, route = `"two"`, "product"
	case 3: // by which the day is replayed
		extra, route = `"three"`, "sales"
	}
	return fmt.Sprintf(`version: 1
score: {strangers: true}
brands:
  - name: nordlicht
    languages: [de, en]
    terms: [nordlicht]
    sla: {low: 4m, normal: 3m, high: 2m, urgent: 1m}
hooks:
  - {name: hook, kind: net, secrets: {secret: "env:X"}}
  - {name: crmhook, kind: keyed, secrets: {secret: "env:X"}}
networks:
  - {name: site, kind: net, hook: hook, brand: nordlicht, replies: "on"}
crms:
  - {name: keyed, kind: keyed, hook: crmhook, mode: write}
  - {name: list, kind: list, mode: write}
  - {name: watch, kind: watch}
filters:
  - {name: ignored, when: 'mention.text contains "ignore"'}
routing:
  - {name: broken, when: 'mention.text contains "kaputt"', department: %s}
mapping:
  - crm: keyed
    object: mention
    for: mention
    fields:
      text: {value: text, wins: rapport}
      note: 'lang + " " + sentiment'
      rev: {value: 'mention.deleted ? 99999999999 : (mention.edited.IsZero() ? mention.created.Unix() : mention.edited.Unix())', wins: rapport}
      poison: {value: 'mention.text contains "POISON"', wins: rapport}
      extra: {value: '%s', wins: rapport}
    links: [{to: conversation}]
  - crm: keyed
    object: case
    for: conversation
    when: conversation.case
    fields: &case
      subject: {value: conversation.subject, wins: rapport}
      note: 'conversation.status + " " + conversation.priority + " " + conversation.department'
      rev: {value: conversation.revision, wins: rapport}
      first: {value: conversation.subject, once: true}
      rapport_reply_state: {value: conversation.reply_state, at: conversation.reply_at}
  - crm: keyed
    object: contact
    for: person
    when: crm.accepted || crm.linked
    fields:
      name: {value: person.name, once: true}
      accounts: {value: 'join(person.authors, ";")', wins: rapport}
      score: {value: person.score.total, wins: rapport}
  - crm: list
    object: mention
    for: mention
    when: not mention.deleted
    fields:
      text: {value: text, wins: rapport}
      poison: {value: 'mention.text contains "POISON"', wins: rapport}
  - {crm: list, object: case, for: conversation, when: conversation.case, fields: *case}
  - {crm: watch, object: case, for: conversation, when: conversation.case, fields: *case}
  - crm: watch
    object: mention
    for: mention
    fields: {text: text}
`, route, extra)
}

// verify compares what the CRMs hold and what the ledger says with what was said.
func (s *Sim) verify() {
	ctx := context.Background()
	lines := map[string][]ledger.Line{}
	total := 0
	for _, account := range []string{"site", "hook"} {
		err := s.app.Lines(ctx, account, begun().Add(-time.Hour), s.now.Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
			lines[l.Event] = append(lines[l.Event], l)
			total++
			s.verifyLine(l)
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
		s.verifyPost(ctx, id, s.net.posts[id], lines)
	}
	s.verifyConversations()
	s.verifyAnswers()
	s.verifyErased(ctx)
	s.verifyRefused()
	s.verifyReplay(ctx)
	s.verifyDead(ctx)
	for _, m := range []*model{s.keyed, s.list} {
		for _, name := range m.order {
			r := m.rows[name]
			for _, f := range slices.Sorted(maps.Keys(r.human)) {
				if r.fields[f] != r.human[f] {
					s.violate("%s: %s lost a human's %s", m.name, name, f)
				}
			}
		}
	}
}

// verifyFound checks that polls brought what no webhook told.
func (s *Sim) verifyFound() {
	known := map[string]bool{}
	err := s.app.Lines(context.Background(), "site", begun().Add(-time.Hour), s.now.Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
		known[l.Event] = true
		return nil
	})
	if err != nil {
		s.violate("ledger: %v", err)
	}
	for _, id := range s.net.ids {
		for _, e := range s.net.posts[id].events {
			if s.net.taken > 0 || !known[e] && !known[s.app.Veil(e)] {
				s.violate("before any webhook came (%d did) polls had not found %s", s.net.taken, e)
			}
			s.found++
		}
	}
}

// verifyLine checks that nothing is under way any more, and that the observed account was told what it would get.
func (s *Sim) verifyLine(l ledger.Line) {
	if column, open := l.Final(); open {
		s.violate("unaccounted: %s is %s (%v)", l.Event, column, l.Deliveries)
	}
	if l.Outcome != ledger.Mention {
		return
	}
	if d := l.Delivery("watch"); d == nil || d.State != ledger.NotAllowed {
		s.violate("%s: the observed account is told %+v", l.Event, d)
	}
	for _, d := range l.Deliveries {
		if strings.Contains(d.Reason, "‹") {
			s.violate("content stands in the ledger: %s", d.Reason)
		}
	}
}

// verifyPost checks one mention: each of its events has a line, and the CRMs hold what the mapping shows.
func (s *Sim) verifyPost(ctx context.Context, id string, p *post, lines map[string][]ledger.Line) {
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
		if p.author == s.erased { // what is erased goes by a hash
			lines[e] = append(lines[e], lines[s.app.Veil(e)]...)
		}
		for _, l := range lines[e] {
			if l.Outcome != ledger.Merged && l.Outcome != ledger.Suppressed {
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
	if p.author == s.erased {
		return
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
	s.verifyStory(ctx, id, p)
}

// verifyStory checks that the CRMs hold what a mention's story shows.
func (s *Sim) verifyStory(ctx context.Context, id string, p *post) {
	story, err := s.app.Story(ctx, id)
	if fault.Is(err, fault.NotFound) && p.deleted {
		return
	}
	if err != nil {
		s.violate("story of %s: %v", id, err)
		return
	}
	if story.Decision.Outcome != string(ledger.Mention) {
		return
	}
	for _, m := range []*model{s.keyed, s.list} {
		for _, shown := range story.Records[m.name] {
			r := m.rows[shown.Object+"/"+shown.Key]
			switch {
			case r != nil && (r.gone || r.erased), shown.Object == "mention" && p.poison:
			case r == nil:
				s.violate("%s: %s of %s is missing", m.name, shown.Key, id)
			default:
				s.verifyFields(m, r, shown)
			}
		}
	}
}

// verifyFields compares a record with what the mapping shows. What is set once, or depends on the version of the
// configuration, may be older.
func (s *Sim) verifyFields(m *model, r *row, shown pipeline.Shown) {
	for _, f := range slices.Sorted(maps.Keys(shown.Fields)) {
		if f == "extra" || f == "name" || f == "first" || r.human[f] != "" {
			continue
		}
		if is, want := plain(r.fields[f]), plain(shown.Fields[f]); is != want {
			s.violate("%s: %s of %s is %q, the mapping shows %q", m.name, f, r.key, is, want)
		}
	}
}

func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// rows decodes a table of the store.
func rows[T any](s *Sim, table string) map[store.Key]T {
	out := map[store.Key]T{}
	for k, data := range s.mirror.table(table) {
		var v T
		if err := json.Unmarshal(data, &v); err != nil {
			s.violate("%s %v in the store: %v", table, k, err)
		}
		out[k] = v
	}
	return out
}

// verifyConversations checks that there is one exchange per author and thread, and a case of each that deserves one.
func (s *Sim) verifyConversations() {
	list := rows[pipeline.ConversationRow](s, "conversation")
	for k, v := range list {
		if k.Sort != "current" || v.Conversation.Number != 1 {
			s.violate("conversation %s %s is number %d", k.Part, k.Sort, v.Conversation.Number)
		}
	}
	for _, id := range s.net.ids {
		p := s.net.posts[id]
		if !p.complaint || p.deleted || p.ignored || p.author == s.erased {
			continue
		}
		place := flow.ConversationID("site", p.thread, p.author, false)
		if _, ok := list[store.Key{Part: place, Sort: "current"}]; !ok {
			s.violate("the complaint %s has no conversation", id)
		}
		for _, m := range []*model{s.keyed, s.list} {
			if m.rows["case/"+flow.Key(flow.KindConversation, place)] == nil {
				s.violate("%s: the complaint %s has no case", m.name, id)
			}
		}
	}
	for _, m := range []*model{s.keyed, s.list} {
		seen := map[string]bool{}
		for _, name := range m.order {
			r := m.rows[name]
			_, id, _ := flow.SplitKey(r.key)
			if place := flow.Place(id); r.object == "case" {
				if seen[place] {
					s.violate("%s: two cases of %s", m.name, place)
				}
				seen[place] = true
			}
		}
	}
}

// verifyAnswers checks that each answer ended, and stands on the network as often as it should.
func (s *Sim) verifyAnswers() {
	byText := map[string]flow.Reply{}
	for _, v := range rows[pipeline.ReplyRow](s, "reply") {
		byText[v.Reply.Text] = v.Reply
	}
	for _, a := range s.keyed.answers {
		n := s.net.posted[a.text]
		r, known := byText[a.text]
		switch {
		case n > 1:
			s.violate("the answer %q stands on the network %d times", a.text, n)
		case !known && n > 0 && s.erased == "":
			s.violate("the answer %q was sent and is forgotten", a.text)
		case !known && a.whole && a.taken && s.erased == "":
			s.violate("the answer %q was lost", a.text)
		case !known:
		case r.State == flow.Sent && n != 1:
			s.violate("the answer %q is said to be sent and is not", a.text)
		case r.State == flow.Failed && n != 0:
			s.violate("the answer %q failed (%s) and stands on the network", a.text, r.Reason)
		case r.State == flow.Failed && !slices.Contains([]string{"answered meanwhile", "the author deleted what it answers", "nothing is left that it could answer", "the author's traces were erased"}, r.Reason):
			s.violate("the answer %q was refused: %s", a.text, r.Reason)
		case r.State != flow.Sent && r.State != flow.Failed:
			s.violate("the answer %q is %s: %s", a.text, r.State, r.Reason)
		}
	}
}

// verifyErased checks that nothing an author said is anywhere, once it objected.
func (s *Sim) verifyErased(ctx context.Context) {
	if s.erased == "" {
		return
	}
	sign := []byte(mark(s.erased))
	look := func(where string, data []byte) {
		if bytes.Contains(data, sign) {
			s.violate("%s objected, and stands in %s: %s", s.erased, where, data)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.mirror), func(a, b store.Key) int {
		return cmp.Or(strings.Compare(a.Part, b.Part), strings.Compare(a.Sort, b.Sort))
	}) {
		look("the store under "+k.Part, s.mirror[k])
		if named(k.Part+" "+k.Sort+" "+string(s.mirror[k]), s.erased) {
			s.violate("%s is erased, and named in the store under %s: %s", s.erased, k, s.mirror[k])
		}
		if table, id, _ := strings.Cut(k.Part, "#"); s.net.posts[id] != nil && s.net.posts[id].author == s.erased && (table == "mention" || table == "media") {
			s.violate("%s is erased, and its mention is kept under %s: %s", s.erased, k, s.mirror[k])
		}
	}
	for _, l := range rows[ledger.Line](s, "line") {
		if p := s.net.posts[l.Mention]; p != nil && p.author == s.erased {
			s.violate("%s is erased, and its mention stands in the ledger: %+v", s.erased, l)
		}
	}
	if r, err := s.app.ErasureReport(ctx, s.job); err != nil || !r.Check() {
		s.violate("the report of the erasure: %+v, %v", r, err)
	}
	for _, account := range []string{"site", "hook"} {
		for ref, err := range s.archive.List(ctx, account, time.Time{}, time.Time{}) {
			var b archive.Batch
			if err == nil {
				b, err = s.archive.Read(ctx, ref)
			}
			if err != nil {
				s.violate("archive: %v", err)
			}
			for _, e := range b.Entries {
				look("the raw archive of "+e.Line, e.Raw)
				look("the inputs of "+e.Line, e.Inputs)
				look("the decision of "+e.Line, e.Decision)
			}
		}
	}
	for _, m := range []*model{s.keyed, s.list} {
		for _, name := range m.order {
			r := m.rows[name]
			for _, f := range slices.Sorted(maps.Keys(r.fields)) {
				if !r.gone {
					look(m.name+" "+name+" "+f, []byte(plain(r.fields[f])))
				}
			}
			_, id, _ := flow.SplitKey(r.key)
			if p := s.net.posts[id]; p != nil && p.author == s.erased && !r.erased {
				s.violate("%s holds a record of %s, whose author objected", m.name, id)
			}
		}
	}
}

// named tells whether an id stands in a text, by itself or before what is no letter or digit.
func named(text, id string) bool {
	for {
		_, rest, found := strings.Cut(text, id)
		if !found {
			return false
		}
		if rest == "" || !strings.Contains("0123456789", rest[:1]) {
			return true
		}
		text = rest
	}
}

// verifyReplay checks that deciding again over each receipt gives the same, under the configuration of that time.
func (s *Sim) verifyReplay(ctx context.Context) {
	again, err := s.app.VerifyReceipts(ctx, []string{"site"}, begun().Add(-time.Hour), s.now.Add(time.Hour))
	if err != nil {
		s.violate("replay: %v", err)
	}
	for _, c := range again.Changed {
		s.violate("replay: %s is decided otherwise now", c.Line)
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
			if p := s.net.posts[d.Mention]; p == nil || !p.poison {
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

// settled tells whether a mention's delivery to an account was settled before a moment.
func (s *Sim) settled(account, mention string, before time.Time) bool {
	for _, l := range rows[ledger.Line](s, "line") {
		if d := l.Delivery(account); l.Mention == mention && d != nil && !d.State.Open() {
			at, known := s.ended[[2]string{account, mention}]
			return known && at.Before(before)
		}
	}
	return false
}

// noteSettled remembers when a delivery was settled, as the line that was just written says.
func (s *Sim) noteSettled(key store.Key, text []byte) {
	var l ledger.Line
	if !strings.HasPrefix(key.Part, "line#") || json.Unmarshal(text, &l) != nil {
		return
	}
	for _, d := range l.Deliveries {
		k := [2]string{d.Account, l.Mention}
		if _, known := s.ended[k]; !known && !d.State.Open() {
			s.ended[k] = s.now
		}
	}
}

// journaled tells whether we know the id of a record.
func (s *Sim) journaled(account string, r *row) bool {
	var v pipeline.RecordRow
	data := s.mirror[store.Key{Part: "record#" + account, Sort: r.object + "#" + r.key}]
	return len(data) > 0 && json.Unmarshal(data, &v) == nil && v.ID == r.id
}
