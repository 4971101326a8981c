package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	made    int
	down    time.Time // unavailable until then
	slow    time.Time // 429 until then
	spent   time.Time // the quota is used up until then
	drift   bool      // field "extra" is gone
	humans  int
	serials int // of changes
	answers []*answer

	serial  int // of the token pair
	access  string
	refresh string
	by      *worker // who was given the pair
}

// row is one record.
type row struct {
	object, key, id string
	fields          map[string]any
	human           map[string]string // field → what a human wrote
	edits           int               // by humans
	edited          time.Time
	revision        float64
	gone            bool // a human deleted it
	erased          bool
}

func (r *row) name() string { return r.object + "/" + r.key }

func newModel(s *Sim, name string, byKey bool) *model {
	return &model{s: s, name: name, byKey: byKey, rows: map[string]*row{}}
}

// Info implements crm.CRM.
func (m *model) Info() crm.Info {
	i := crm.Info{Name: m.name, Title: m.name, Batch: 5, Keyed: m.byKey, KeyField: "key", Text: crm.Limit{Max: 1000, Unit: "runes"},
		Buckets: []network.Bucket{{Name: "default", Calls: 200, Per: 10 * time.Second, Shared: "account", Reserve: 10}}}
	if m.name == "keyed" {
		i.Hook, i.HookSecrets = []network.Field{}, []network.Field{{Name: "secret"}}
	}
	return i
}

// trouble draws what happens to a whole call before anything is done.
func (m *model) trouble(a crm.Account) error {
	s := m.s
	if m == s.watch {
		s.violate("%s is observed and was called", m.name)
	}
	s.point("crm")
	switch {
	case s.lost():
		return errLost
	case m.access != "" && a.Secret("token") != m.access:
		return fault.New(fault.Unauthorized, "the token is not valid")
	case s.counted(crmSlow, s.now.Before(m.slow)):
		return fault.Wait(fault.RateLimited, m.slow.Sub(s.now), "slow down")
	case s.counted(crmSpent, s.now.Before(m.spent)):
		return fault.Wait(fault.QuotaExhausted, m.spent.Sub(s.now), "no calls left")
	case s.counted(crmDown, s.now.Before(m.down)), s.chance(crmDown, 0.04):
		return fault.New(fault.Unavailable, "down for maintenance")
	case s.chance(crmNothing, 0.04):
		return fault.New(fault.Ambiguous, "no answer, nothing done")
	case s.chance(crmPasses, 0.02):
		return fault.New(fault.Transient, "try again")
	case s.chance(crmUnknown, 0.02):
		return fmt.Errorf("of no known kind")
	}
	return nil
}

// answered draws whether the answer arrives.
func (m *model) answered() error {
	s := m.s
	if s.chance(crmCut, 0.06) {
		return fault.New(fault.Ambiguous, "done, but the answer was cut")
	}
	s.point("crm answered")
	if s.lost() {
		return errLost
	}
	return nil
}

// Upsert implements crm.CRM.
func (m *model) Upsert(_ context.Context, a crm.Account, records []crm.Record) ([]crm.Outcome, error) {
	if err := m.trouble(a); err != nil {
		return nil, err
	}
	s := m.s
	if len(records) > 5 {
		s.violate("%s: a batch of %d", m.name, len(records))
	}
	for _, r := range records {
		s.clean("what "+m.name+" is sent", fmt.Append(nil, r))
		if _, has := r.Fields["extra"]; s.counted(crmDrift, has && m.drift) {
			return nil, fault.Drifted([]string{"extra"}, "no such field: extra")
		}
	}
	if len(records) > 1 && (s.chance(crmSplit, 0.05) || slices.ContainsFunc(records, poisonous)) {
		return nil, fault.New(fault.Split, "some record of the batch is bad")
	}
	out := make([]crm.Outcome, len(records))
	for i, r := range records {
		out[i] = m.write(r)
	}
	if err := m.answered(); err != nil {
		return nil, err
	}
	return out, nil
}

func poisonous(r crm.Record) bool { return r.Fields["poison"] == true }

// find looks for a record as the vendor would: by its id, by a unique key, or after somebody tried before.
func (m *model) find(r crm.Record) *row {
	if r.ID != "" {
		for _, name := range m.order {
			if have := m.rows[name]; have.object == r.Object && have.id == r.ID {
				return have
			}
		}
		return nil
	}
	if have := m.rows[r.Object+"/"+r.Key]; have != nil && !have.gone && !have.erased && (m.byKey || r.Attempted) {
		return have
	}
	return nil
}

// write stores one record and watches what happens to it.
func (m *model) write(r crm.Record) crm.Outcome {
	s := m.s
	out := crm.Outcome{Key: r.Key}
	switch {
	case s.counted(poisoned, poisonous(r)):
		out.Err = fault.New(fault.Invalid, "this record is never taken: %v", r.Fields["text"])
		return out
	case s.chance(crmLocked, 0.03):
		out.Err = fault.New(fault.Transient, "the row is locked")
		return out
	}
	have := m.find(r)
	if r.ID != "" && (have == nil || have.gone) {
		out.Err = fault.New(fault.Gone, "there is no record %s", r.ID)
		return out
	}
	out.State = crm.Updated
	if have == nil {
		have, out.State = m.create(r), crm.Created
	}
	m.watch(have, r)
	for f, v := range r.Fields {
		have.fields[f] = v
	}
	out.ID = have.id
	return out
}

func (m *model) create(r crm.Record) *row {
	name := r.Object + "/" + r.Key
	switch have := m.rows[name]; {
	case have == nil:
		m.order = append(m.order, name)
	case have.gone:
		m.s.violate("%s: %s was deleted by a human and is created again", m.name, r.Key)
	case !have.erased:
		m.s.violate("%s: %s is created a second time", m.name, r.Key)
	}
	m.made++
	have := &row{object: r.Object, key: r.Key, id: fmt.Sprintf("%s%d", m.name, m.made), fields: map[string]any{}, human: map[string]string{}}
	m.rows[name] = have
	return have
}

// watch checks the invariants of one write.
func (m *model) watch(have *row, r crm.Record) {
	s := m.s
	if n, ok := r.Fields["rev"]; ok {
		rev, _ := n.(float64)
		if i, ok := n.(int); ok {
			rev = float64(i)
		}
		if rev < have.revision && !s.undone { // an undo gives it back what it held before
			s.violate("%s: %s goes back from revision %.0f to %.0f", m.name, r.Key, have.revision, rev)
		}
		have.revision = max(have.revision, rev)
	}
	for _, f := range slices.Sorted(maps.Keys(have.human)) {
		v := have.human[f]
		now, writes := r.Fields[f]
		if !writes || now == v {
			continue
		}
		if m.mayNotKnow(have) {
			delete(have.human, f) // it came between reading and writing: this CRM has no conditional writes
			continue
		}
		s.violate("%s: a human's edit of %s in %s was overwritten with %v", m.name, f, r.Key, now)
	}
	s.log("  %s holds %s rev %.0f %q", m.name, r.Key, have.revision, r.Fields["text"])
}

// mayNotKnow tells whether who writes a row could not know of a human's edit: it came after it looked, or nothing was
// settled yet of a mention's first revision when it began.
func (m *model) mayNotKnow(have *row) bool {
	w := m.s.active
	if w == nil {
		return false
	}
	seen, looked := w.read[m.name+"/"+have.name()]
	if looked {
		return seen != have.edits
	}
	if have.object == "mention" {
		_, id, _ := flow.SplitKey(have.key)
		known := have.edited
		if w.started.Before(known) {
			known = w.started
		}
		return !m.s.settled(m.name, id, known)
	}
	return !w.started.After(have.edited)
}

// Read implements crm.CRM.
func (m *model) Read(_ context.Context, a crm.Account, object string, keys, _ []string) ([]crm.Row, error) {
	if err := m.trouble(a); err != nil {
		return nil, err
	}
	out := make([]crm.Row, len(keys))
	for i, k := range keys {
		for _, name := range m.order {
			if r := m.rows[name]; r.object == object && !r.gone && (r.key == k && !r.erased || "id:"+r.id == k) {
				out[i] = crm.Row{Found: true, ID: r.id, Key: r.key, Fields: maps.Clone(r.fields)}
				if m.s.active != nil {
					m.s.active.read[m.name+"/"+name] = r.edits
				}
			}
		}
	}
	return out, m.answered()
}

// Erase implements crm.CRM: the fields are blanked, and our key is taken off.
func (m *model) Erase(_ context.Context, a crm.Account, subject crm.Subject) error {
	if err := m.trouble(a); err != nil {
		return err
	}
	for _, r := range subject.Records {
		for _, name := range m.order {
			have := m.rows[name]
			if have.object != r.Object || have.gone || have.id != r.ID && have.key != r.Key {
				continue
			}
			for f := range r.Fields {
				delete(have.fields, f)
				delete(have.human, f)
			}
			have.erased = true
			m.s.log("  %s erased %s", m.name, have.key)
		}
	}
	return m.answered()
}

// storm lets the CRM be slow, spent, down, or lose a field, for a while.
func (m *model) storm() {
	s := m.s
	switch s.rng.IntN(4) {
	case 0:
		m.slow = s.now.Add(time.Duration(s.rng.IntN(30)) * time.Second)
	case 1:
		m.down = s.now.Add(time.Duration(s.rng.IntN(60)) * time.Second)
	case 2:
		m.spent = s.now.Add(time.Duration(s.rng.IntN(90)) * time.Second)
	case 3:
		m.drift = !m.drift
	}
}

func (m *model) recover() { m.down, m.slow, m.spent = time.Time{}, time.Time{}, time.Time{} }

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

// grant gives a new pair of tokens; the old ones are worth nothing any more.
func (m *model) grant() network.Token {
	m.serial++
	m.access, m.refresh = fmt.Sprintf("%s-access-%d", secret, m.serial), fmt.Sprintf("%s-refresh-%d", secret, m.serial)
	m.by = m.s.active
	return network.Token{Access: flow.NewSecret(m.access), Refresh: flow.NewSecret(m.refresh), Expires: m.s.now.Add(time.Duration(90+m.s.rng.IntN(200)) * time.Second)}
}

// expire ends the access token before its time.
func (m *model) expire() {
	m.s.count(tokenTaken)
	m.s.counted(tokenMid, m.s.busy("deliver-"))
	m.access = secret + "-nobody-has-this"
}

// rotating is a model with a log-in: each refresh token works once.
type rotating struct{ *model }

// Connect implements network.Authorizer.
func (rotating) Connect(context.Context, crm.Account, string, string) (string, error) { return "", nil }

// Exchange implements network.Authorizer.
func (rotating) Exchange(context.Context, crm.Account, string, string) (network.Token, []network.Target, error) {
	return network.Token{}, nil, nil
}

// Refresh implements network.Authorizer.
func (r rotating) Refresh(_ context.Context, _ crm.Account, old network.Token) (network.Token, error) {
	m, s := r.model, r.s
	s.point("refresh")
	switch {
	case s.lost():
		return network.Token{}, errLost
	case s.chance(loginDown, 0.05):
		return network.Token{}, fault.New(fault.Unavailable, "the log-in is down")
	}
	if old.Refresh.Reveal() != m.refresh {
		if m.by != nil && !m.by.dead && !m.by.troubled && strings.HasPrefix(old.Refresh.Reveal(), secret) {
			s.violate("a spent refresh token was used")
		}
		return network.Token{}, fault.New(fault.Unauthorized, "the refresh token is not valid")
	}
	t := m.grant()
	s.log("  %s renews the token", s.active.name)
	if s.chance(loginCut, 0.05) {
		m.by.troubled = true
		return network.Token{}, fault.New(fault.Ambiguous, "renewed, but the answer was cut")
	}
	s.point("refreshed")
	if s.lost() {
		return network.Token{}, errLost
	}
	return t, nil
}
