package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

// model is a CRM as small as can be, and the oracle of what it is given.
type model struct {
	s       *Sim
	name    string
	byKey   bool // has a unique key
	rows    map[string]*row
	order   []string
	down    time.Time // unavailable until then
	slow    time.Time // 429 until then
	expired bool
	drift   bool // field "extra" is gone
	humans  int
	replies int
}

// row is one record.
type row struct {
	object, key, id string
	fields          map[string]any
	copies          int               // of an unkeyed CRM: how often it was created
	human           map[string]string // field → what a human wrote
	edits           int               // by humans
	revision        float64
}

func newModel(s *Sim, name string, byKey bool) *model {
	return &model{s: s, name: name, byKey: byKey, rows: map[string]*row{}}
}

// Info implements crm.CRM.
func (m *model) Info() crm.Info {
	i := crm.Info{Name: m.name, Title: m.name, Batch: 5, Keyed: m.byKey, KeyField: "key", Text: crm.Limit{Max: 1000, Unit: "runes"}}
	if m.byKey {
		i.Hook, i.HookSecrets = []network.Field{}, []network.Field{{Name: "secret"}}
	}
	return i
}

// trouble draws what happens to a whole call before anything is done.
func (m *model) trouble() error {
	s := m.s
	s.point("crm")
	switch {
	case s.lost():
		return errLost
	case s.now.Before(m.slow):
		return fault.Wait(fault.RateLimited, m.slow.Sub(s.now), "slow down")
	case s.now.Before(m.down), s.chance(0.02):
		return fault.New(fault.Unavailable, "down for maintenance")
	case m.expired:
		return fault.New(fault.Unauthorized, "the token expired")
	case s.chance(0.02):
		return fault.New(fault.Ambiguous, "no answer, nothing done")
	}
	return nil
}

// Upsert implements crm.CRM.
func (m *model) Upsert(_ context.Context, _ crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	if err := m.trouble(); err != nil {
		return nil, err
	}
	s := m.s
	if len(records) > 5 {
		s.violate("%s: a batch of %d", m.name, len(records))
	}
	for _, r := range records {
		if _, has := r.Fields["extra"]; has && m.drift {
			return nil, fault.Drifted([]string{"extra"}, "no such field: extra")
		}
	}
	if len(records) > 1 && (s.chance(0.05) || slices.ContainsFunc(records, poisonous)) {
		return nil, fault.New(fault.Split, "some record of the batch is bad")
	}
	out := make([]crm.Outcome, len(records))
	for i, r := range records {
		out[i] = m.write(r)
	}
	if s.chance(0.04) {
		s.log("  %s stored %d, the answer is cut", m.name, len(records))
		return nil, fault.New(fault.Ambiguous, "stored, but the answer was cut")
	}
	s.point("crm answered")
	if s.lost() {
		return nil, errLost
	}
	return out, nil
}

func poisonous(r crm.Record) bool { return r.Fields["poison"] == true }

// write stores one record and watches what happens to it.
func (m *model) write(r crm.Record) crm.Outcome {
	s := m.s
	out := crm.Outcome{Key: r.Key}
	if poisonous(r) {
		out.Err = fault.New(fault.Invalid, "this record is never taken")
		return out
	}
	have := m.rows[r.Object+"/"+r.Key]
	if s.chance(0.03) {
		out.Err = fault.New(fault.Transient, "the row is locked")
		return out
	}
	if have == nil {
		have = &row{object: r.Object, key: r.Key, id: fmt.Sprintf("%s%d", m.name, len(m.rows)+1), fields: map[string]any{}, human: map[string]string{}}
		m.rows[r.Object+"/"+r.Key] = have
		m.order = append(m.order, r.Object+"/"+r.Key)
		out.State = crm.Created
	} else {
		out.State = crm.Updated
		if !m.byKey && r.Attempted { // found before it was created again
			out.ID, out.State = have.id, crm.Unchanged
			return out
		}
	}
	have.copies++
	if !m.byKey && have.copies > 1 {
		s.violate("%s: %s was created %d times", m.name, r.Key, have.copies)
	}
	m.watch(have, r)
	for f, v := range r.Fields {
		have.fields[f] = v
	}
	out.ID = have.id
	return out
}

// watch checks the invariants of one write.
func (m *model) watch(have *row, r crm.Record) {
	s := m.s
	rev, _ := r.Fields["rev"].(float64)
	if n, ok := r.Fields["rev"].(int); ok {
		rev = float64(n)
	}
	if rev < have.revision {
		s.violate("%s: %s goes back from revision %.0f to %.0f", m.name, r.Key, have.revision, rev)
	}
	have.revision = max(have.revision, rev)
	for _, f := range slices.Sorted(maps.Keys(have.human)) {
		v := have.human[f]
		now, writes := r.Fields[f]
		if !writes || now == v {
			continue
		}
		if s.active == nil || s.active.read[r.Object+"/"+r.Key] == have.edits {
			s.violate("%s: a human's edit of %s in %s was overwritten", m.name, f, r.Key)
			continue
		}
		delete(have.human, f) // it came between our read and our write: this CRM has no conditional writes
	}
	s.log("  %s holds %s rev %.0f %q", m.name, r.Key, rev, r.Fields["text"])
}

// Read implements crm.CRM.
func (m *model) Read(_ context.Context, _ crm.Account, object string, keys, _ []string) ([]crm.Row, error) {
	if err := m.trouble(); err != nil {
		return nil, err
	}
	out := make([]crm.Row, len(keys))
	for i, k := range keys {
		for _, name := range m.order {
			if r := m.rows[name]; r.object == object && (r.key == k || "id:"+r.id == k) {
				fields := map[string]any{}
				for f, v := range r.fields {
					fields[f] = v
				}
				out[i] = crm.Row{Found: true, ID: r.id, Key: r.key, Fields: fields}
				if m.s.active != nil {
					m.s.active.read[name] = r.edits
				}
			}
		}
	}
	return out, nil
}

// Erase implements crm.CRM.
func (m *model) Erase(context.Context, crm.Account, crm.Subject) error { return nil }

// humanEdit lets a human change a field of a case.
func (m *model) humanEdit() {
	if r := m.someCase(); r != nil {
		m.humans++
		r.edits++
		r.human["note"] = fmt.Sprintf("human %d", m.humans)
		r.fields["note"] = r.human["note"]
		m.s.log("human edits %s", r.key)
	}
}

func (m *model) someCase() *row {
	var cases []*row
	for _, k := range m.order {
		if m.rows[k].object == "case" {
			cases = append(cases, m.rows[k])
		}
	}
	if len(cases) == 0 {
		return nil
	}
	return cases[m.s.rng.IntN(len(cases))]
}

// agentAnswers lets an agent approve an answer; the CRM tells it once or twice.
func (m *model) agentAnswers() {
	r := m.someCase()
	if r == nil {
		return
	}
	m.replies++
	c := flow.Change{Object: "case", Record: r.id, Key: r.key, Verb: "update", At: m.s.now, ID: fmt.Sprintf("c%d", m.replies), By: "agent",
		Fields: map[string]any{crm.FieldReply: fmt.Sprintf("answer %d", m.replies), crm.FieldReplyState: "approved"}}
	body, _ := json.Marshal([]flow.Change{c})
	for range 1 + m.s.rng.IntN(2) {
		m.s.spawn("agent", func() {
			for range 50 { // a CRM repeats, too
				a, err := m.s.app.Receive(context.Background(), "crmhook", webhook.Request{Method: "POST", Body: body, At: m.s.now})
				if err == nil && a.Status == 200 {
					return
				}
			}
		})
	}
}

// expire ends the token; storm answers 429 for a while, or is down, or loses a field.
func (m *model) expire() { m.expired = true; m.s.faults++ }

func (m *model) storm() {
	m.s.faults++
	switch m.s.rng.IntN(3) {
	case 0:
		m.slow = m.s.now.Add(time.Duration(m.s.rng.IntN(30)) * time.Second)
	case 1:
		m.down = m.s.now.Add(time.Duration(m.s.rng.IntN(60)) * time.Second)
	case 2:
		m.drift = true
	}
}

func (m *model) recover() { m.down, m.slow, m.expired = time.Time{}, time.Time{}, false }

// Verify, ParseChanges: the CRM's webhooks.
func (m *model) Verify(context.Context, network.Hook, webhook.Request) (webhook.Answer, error) {
	return webhook.Answer{Keep: true}, nil
}

// ParseChanges implements crm.ChangeParser.
func (m *model) ParseChanges(raw network.Raw) ([]flow.Change, error) {
	var list []flow.Change
	if err := json.Unmarshal(raw.Body, &list); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	return list, nil
}

// Refresh and its neighbours implement network.Authorizer: the token is renewed once it expired.
func (m *model) Connect(context.Context, crm.Account, string, string) (string, error) { return "", nil }

// Exchange implements network.Authorizer.
func (m *model) Exchange(context.Context, crm.Account, string, string) (network.Token, []network.Target, error) {
	return network.Token{}, nil, nil
}

// Refresh implements network.Authorizer; each refresh token works once.
func (m *model) Refresh(_ context.Context, _ crm.Account, old network.Token) (network.Token, error) {
	s := m.s
	s.point("refresh")
	if s.lost() {
		return network.Token{}, errLost
	}
	m.expired = false
	return network.Token{Access: flow.NewSecret("a"), Refresh: flow.NewSecret("r")}, nil
}
