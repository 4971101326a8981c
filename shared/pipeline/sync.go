package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide/identity"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/rest"
	"rapport/shared/store"
)

// SyncRow says how far the matching keys of a CRM account are known. Kept under the account.
type SyncRow struct {
	Spec string    `json:"spec"` // hash of the fields that were read
	Job  string    `json:"job"`
	Read int       `json:"read"` // records
	At   time.Time `json:"at"`   // when it was done
}

// Rows of one page of a sync, how many of them are written at once, and how long an acceptance waits for its end.
const (
	syncRows    = 1000
	syncChunk   = 100
	acceptPause = 2 * time.Minute
)

// synced remembers which accounts are done: what is done stays done for the same fields.
type synced struct {
	mu    sync.Mutex
	specs map[string]string
}

func (s *synced) is(account, spec string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.specs[account] == spec
}

func (s *synced) done(account, spec string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.specs[account] = spec
}

// specOf names a choice of matching keys.
func specOf(conf config.Account) string {
	text, _ := json.Marshal(conf.Match) // plain texts: cannot fail
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// Synced tells whether the matching keys of a CRM account are known: always where none are chosen.
func (p *Pipeline) Synced(ctx context.Context, conf config.Account) (bool, error) {
	if len(conf.Match) == 0 {
		return true, nil
	}
	spec := specOf(conf)
	if p.synced.is(conf.Name, spec) {
		return true, nil
	}
	row, err := p.syncs.One(ctx, conf.Name, "-")
	if err != nil || row.Version == 0 || row.Value.Spec != spec {
		return false, err
	}
	p.synced.done(conf.Name, spec)
	return true, nil
}

// unsynced lists the brands of which some CRM's people are not all known yet.
func (p *Pipeline) unsynced(ctx context.Context, plan *Plan) (map[string]bool, error) {
	var out map[string]bool
	for _, conf := range plan.Doc.CRMs {
		if len(conf.Match) == 0 {
			continue
		}
		done, err := p.Synced(ctx, conf)
		if err != nil {
			return nil, err
		}
		for _, b := range plan.Doc.Brands {
			if !done && conf.Serves(b.Name) {
				if out == nil {
					out = map[string]bool{}
				}
				out[b.Name] = true
			}
		}
	}
	return out, nil
}

// lister finds what reads the matching keys of a CRM account in bulk.
func (p *Pipeline) lister(plan *Plan, account string) (config.Account, crm.Lister, error) {
	conf, ok := plan.Doc.CRM(account)
	if !ok {
		return conf, nil, fault.New(fault.NotFound, "there is no CRM account %q in the configuration", account)
	}
	l, can := p.CRMs[conf.Kind].(crm.Lister)
	if !can {
		return conf, nil, fault.New(fault.Invalid, "the records of CRM account %q cannot be read in bulk", account)
	}
	if len(conf.Match) == 0 {
		return conf, nil, fault.New(fault.Invalid, "CRM account %q names no fields under match: say which ones people are recognised by", account)
	}
	return conf, l, nil
}

// SyncEstimate tells how many records a first sync of matching keys reads.
func (p *Pipeline) SyncEstimate(ctx context.Context, account string) (int, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return 0, err
	}
	conf, l, err := p.lister(plan, account)
	if err != nil {
		return 0, err
	}
	return p.countKeys(ctx, conf, l)
}

func (p *Pipeline) countKeys(ctx context.Context, conf config.Account, l crm.Lister) (total int, err error) {
	for _, m := range conf.Match {
		err := p.vendor(ctx, conf, p.CRMs[conf.Kind].Info().Buckets, false, func(a rest.Account) error {
			n, err := l.Count(ctx, a, m.Object)
			total += n
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// syncCursor is where a sync stands.
type syncCursor struct {
	Object int    `json:"object"` // index in the account's match
	After  string `json:"after,omitempty"`
}

// syncPage reads a page of records with nothing but the chosen fields, and keeps their keys, hashed. Who dies goes on after the
// last page that was kept.
func (p *Pipeline) syncPage(ctx context.Context, j *JobRow) (more bool, err error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return true, err
	}
	conf, l, err := p.lister(plan, j.Account)
	if err != nil {
		return false, err
	}
	var at syncCursor
	switch spec := specOf(conf); {
	case j.Spec == "":
		j.Spec = spec
		if j.Total, err = p.countKeys(ctx, conf, l); err != nil {
			j.Spec = ""
			return true, err
		}
	case j.Spec != spec:
		return false, fault.New(fault.Invalid, "the fields under match of %s were changed meanwhile: start again", conf.Name)
	}
	if j.Cursor != "" {
		if err := json.Unmarshal([]byte(j.Cursor), &at); err != nil {
			return false, fault.New(fault.Invalid, "the job's cursor is damaged: %w", err)
		}
	}
	if at.Object >= len(conf.Match) {
		return false, p.syncEnd(ctx, conf, j)
	}
	m := conf.Match[at.Object]
	var rows []crm.Row
	err = p.vendor(ctx, conf, p.CRMs[conf.Kind].Info().Buckets, false, func(a rest.Account) error {
		rows = nil
		for row, err := range l.List(ctx, a, m.Object, m.Fields(), at.After) {
			if err != nil {
				return err
			}
			if rows = append(rows, row); len(rows) == syncRows {
				break
			}
		}
		return nil
	})
	whole := err == nil
	if !whole && len(rows) == 0 { // what came before the failure is kept
		return true, err
	}
	before, traits := j.Done, []identity.Traits(nil)
	for i := 0; i < len(rows); i += syncChunk {
		part := rows[i:min(i+syncChunk, len(rows))]
		kept, kerr := p.keepKeys(ctx, plan, conf, m, part)
		if kerr != nil {
			return true, kerr
		}
		traits = append(traits, kept...)
		at.After = part[len(part)-1].ID
		j.Done += len(part)
		j.advance(at)
	}
	if comparing(conf) {
		if cerr := p.count(ctx, conf.Name, j.ID, before, traits); cerr != nil {
			return true, cerr
		}
	}
	j.Pages++
	if whole && len(rows) < syncRows {
		j.advance(syncCursor{Object: at.Object + 1})
	}
	return true, err
}

func (j *JobRow) advance(at syncCursor) {
	text, _ := json.Marshal(at) // plain data: cannot fail
	j.Cursor = string(text)
}

// syncEnd says that all people are known. From now on a stranger is one.
func (p *Pipeline) syncEnd(ctx context.Context, conf config.Account, j *JobRow) error {
	_, err := p.syncs.Update(ctx, conf.Name, "-", func(r *store.Row[SyncRow]) (bool, error) {
		r.Value = SyncRow{Spec: j.Spec, Job: j.ID, Read: j.Done, At: p.now()}
		return true, nil
	})
	if err == nil {
		p.synced.done(conf.Name, j.Spec)
	}
	return err
}

// known is a record of the CRM with its keys.
type known struct {
	person string
	record crm.Row
	places map[string][]string // place → hashes
	kinds  map[string]string   // hash → kind
	traits map[string]identity.Traits
}

// keepKeys makes the people of some records findable. Of each it keeps where the record is, and hashes; what a change told
// of a record meanwhile is newer and stays. It gives what each record's person is compared by.
func (p *Pipeline) keepKeys(ctx context.Context, plan *Plan, conf config.Account, m config.Match, rows []crm.Row) ([]identity.Traits, error) {
	var list []known
	all := make([]identity.Traits, len(rows))
	for i, row := range rows {
		k := known{person: "p" + p.hashed("crm", conf.Name, m.Object, row.ID), record: row, places: map[string][]string{}, kinds: map[string]string{}}
		if kind, id, ok := flow.SplitKey(row.Key); ok && kind == flow.KindPerson {
			k.person = id
		}
		for _, kind := range []string{identity.KeyEmail, identity.KeyPhone, identity.KeyCustomer} {
			for _, f := range keyFields(m, kind) {
				value, _ := row.Fields[f].(string)
				if kind == identity.KeyCustomer {
					value = identity.Number(value)
				} else {
					value = normal(plan, conf, kind, value)
				}
				k.put(p, keyPlace(conf, m.Object, row.ID, kind), kind, kind, strings.TrimSpace(value))
				if kind == identity.KeyEmail && len(m.Name) > 0 {
					k.put(p, keyPlace(conf, m.Object, row.ID, identity.KeyDomain), identity.KeyDomain, identity.KeyDomain, identity.MailDomain(value))
				}
			}
		}
		all[i] = p.describe(conf, m, &k)
		if len(k.places) > 0 {
			list = append(list, k)
		}
	}
	if err := p.putPeople(ctx, conf, m, list); err != nil {
		return nil, err
	}
	return all, p.putKeys(ctx, conf, list)
}

// put notes a key of a record. as is what it is looked up as, kind what it is.
func (k *known) put(p *Pipeline, place, as, kind, value string) {
	if value != "" {
		h := p.hashed(as, value)
		k.places[place], k.kinds[h] = with1(k.places[place], h), kind
	}
}

// describe adds what a record's person is compared by, and the keys that lead to persons of such a name.
func (p *Pipeline) describe(conf config.Account, m config.Match, k *known) identity.Traits {
	at := func(kind string) string { return keyPlace(conf, m.Object, k.record.ID, kind) }
	text := func(fields ...string) string {
		var out []string
		for _, f := range fields {
			if s, _ := k.record.Fields[f].(string); s != "" {
				out = append(out, s)
			}
		}
		return strings.Join(out, " ")
	}
	for _, f := range m.Site {
		k.put(p, at(identity.KeySite), identity.KeyDomain, identity.KeySite, identity.Domain(text(f)))
	}
	for _, f := range m.Handle {
		k.put(p, at(identity.KeyHandle), identity.KeyHandle, identity.KeyHandle, identity.Handle(text(f)))
	}
	if len(m.Name) == 0 {
		return identity.Traits{}
	}
	r := identity.Record{Name: text(m.Name...), City: text(m.City), Country: text(m.Country), Company: text(m.Company), Born: text(m.Born)}
	t := r.Traits(p.short)
	if blocks := r.Blocks(); len(blocks) > 0 {
		for _, kind := range sorted(blocks) {
			k.put(p, at(namePlace), kind, kind, blocks[kind])
		}
		k.traits = map[string]identity.Traits{at(namePlace): t}
	}
	return t
}

// namePlace is the place of what is made of a record's name.
const namePlace = "name"

// putPeople keeps who the records are about, all at once where they are new.
func (p *Pipeline) putPeople(ctx context.Context, conf config.Account, m config.Match, list []known) error {
	var people []*store.Row[PersonRow]
	var foreign []*store.Row[ForeignRow]
	var records []*store.Row[RecordRow]
	for _, k := range list {
		c := flow.Change{Object: m.Object, Record: k.record.ID}
		row := &store.Row[PersonRow]{Part: k.person, Sort: "-", Value: PersonRow{Person: flow.Person{ID: k.person, Updated: p.now()}, Keys: k.places, Traits: k.traits}}
		link(&row.Value.Person, conf.Name, c, p.now())
		key := flow.Key(flow.KindPerson, k.person)
		people = append(people, row)
		foreign = append(foreign, &store.Row[ForeignRow]{Part: conf.Name, Sort: m.Object + "#" + k.record.ID, Value: ForeignRow{Key: key}})
		records = append(records, &store.Row[RecordRow]{Part: conf.Name, Sort: m.Object + "#" + key, Value: RecordRow{Object: m.Object, ID: k.record.ID, At: p.now()}})
	}
	for i, res := range p.people.Put(ctx, people...) {
		k := list[i]
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
		if !conflicted(res) {
			continue
		}
		var gone []string
		_, err := p.people.Update(ctx, k.person, "-", func(r *store.Row[PersonRow]) (bool, error) {
			if r.Value.Person.Merged != "" || !r.Value.Erased.IsZero() {
				clear(k.kinds)
				return false, nil
			}
			news := r.Value.renew(k)
			gone = r.Value.drop(keyPlace(conf, m.Object, k.record.ID, ""), k)
			next := map[string][]string{}
			for _, place := range sorted(r.Value.Keys) {
				next[place] = r.Value.Keys[place]
			}
			for _, place := range sorted(k.places) {
				if next[place] == nil { // else a change told
					next[place], news = k.places[place], true
					continue
				}
				for _, h := range k.places[place] {
					if !has(next[place], h) {
						delete(k.kinds, h)
					}
				}
			}
			r.Value.Keys = next
			n := len(r.Value.Person.Links)
			link(&r.Value.Person, conf.Name, flow.Change{Object: m.Object, Record: k.record.ID}, p.now())
			return news || len(gone) > 0 || len(r.Value.Person.Links) != n, nil
		})
		if err == nil {
			err = p.takeKeys(ctx, k.person, gone)
		}
		if err != nil {
			return err
		}
	}
	for _, res := range p.foreign.Put(ctx, foreign...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	for _, res := range p.records.Put(ctx, records...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	return nil
}

// renew takes in what a person is compared by, and tells whether that is news.
func (r *PersonRow) renew(k known) bool {
	news := false
	next := maps.Clone(r.Traits)
	for _, place := range sorted(k.traits) {
		if old, ok := next[place]; !ok || !old.Equal(k.traits[place]) {
			if next == nil {
				next = map[string]identity.Traits{}
			}
			next[place], news = k.traits[place], true
		}
	}
	r.Traits = next
	return news
}

// drop takes out of a person's keys what a record does not hold any more, of those that no change tells of: names, domains,
// sites and handles. It gives the hashes that stand nowhere else.
func (r *PersonRow) drop(record string, k known) []string {
	var was []string
	next := maps.Clone(r.Keys)
	for _, kind := range [...]string{namePlace, identity.KeyDomain, identity.KeySite, identity.KeyHandle} {
		place := record + kind
		if now := k.places[place]; len(next[place]) > 0 && !slices.Equal(next[place], now) {
			was = append(was, next[place]...)
			if delete(next, place); len(now) > 0 {
				next[place] = now
			} else {
				delete(r.Traits, place)
			}
		}
	}
	r.Keys = next
	return left(was, next)
}

func has(list []string, text string) bool {
	for _, x := range list {
		if x == text {
			return true
		}
	}
	return false
}

// keyOf gives the row of one of the record's keys.
func (k known) keyOf(hash string, conf config.Account) KeyRow {
	kind := k.kinds[hash]
	for _, place := range sorted(k.traits) {
		if strings.HasSuffix(place, "#"+namePlace) && slices.Contains(k.places[place], hash) {
			return KeyRow{Kind: kind, Known: []KnownRow{{k.person, k.traits[place]}}}
		}
	}
	return keyOf(k.person, kind, conf)
}

// putKeys lets the keys lead to the people. One that is there already leads to both.
func (p *Pipeline) putKeys(ctx context.Context, conf config.Account, list []known) error {
	var rows []*store.Row[KeyRow]
	given := map[string]bool{}
	type late struct {
		hash string
		row  KeyRow
	}
	var again []late
	for _, k := range list {
		for _, h := range sorted(k.kinds) {
			row := k.keyOf(h, conf)
			if given[h] { // two records of one call with one key
				again = append(again, late{h, row})
				continue
			}
			given[h] = true
			rows = append(rows, &store.Row[KeyRow]{Part: h, Sort: "-", Value: row})
		}
	}
	for i, res := range p.keys.Put(ctx, rows...) {
		if conflicted(res) {
			again = append(again, late{rows[i].Part, rows[i].Value})
		} else if res.Err != nil {
			return res.Err
		}
	}
	for _, l := range again {
		if err := p.addKey(ctx, l.hash, l.row); err != nil {
			return err
		}
	}
	return nil
}

// acceptOnce makes a person of an author, once it is known whom the CRM has: else somebody would be there twice.
func (p *Pipeline) acceptOnce(ctx context.Context, plan *Plan, conf config.Account, c flow.Conversation) error {
	done, err := p.Synced(ctx, conf)
	if err != nil {
		return err
	}
	if done {
		return p.accept(ctx, plan, conf, c)
	}
	at := p.now().Add(acceptPause)
	row := &store.Row[DueRow]{Part: at.Truncate(time.Minute).Add(time.Minute).Format(minute), Sort: "accept#" + conf.Name + "#" + c.ID,
		Value: DueRow{Kind: "accept", Subject: c.ID, Account: conf.Name, At: at}}
	if res := p.due.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// acceptLater takes an acceptance up again.
func (p *Pipeline) acceptLater(ctx context.Context, plan *Plan, d DueRow) error {
	conf, ok := plan.Doc.CRM(d.Account)
	row, _, err := p.conversation(ctx, d.Subject)
	if err != nil || !ok || row.Version == 0 || row.Value.Erased {
		return err
	}
	return p.acceptOnce(ctx, plan, conf, row.Value.Conversation)
}
