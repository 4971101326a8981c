package mapping

import (
	"time"

	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// Problem is a field that was left out of a record, and why. It never repeats the value.
type Problem struct {
	Field string `json:"field"`
	Say   string `json:"say"`
}

// Rendered is what a target asks for.
type Rendered struct {
	OK       bool // false = no record: the condition does not hold
	Record   crm.Record
	Human    []string             // fields in which a human's edit stays; shared and read-only
	Once     []string             // fields that are set at creation only; shared and read-only
	Shared   []string             // fields that are read before every write; shared and read-only
	At       map[string]time.Time // when the values of some fields became so: each is written once for each such time; may be nil
	Problems []Problem            // fields that were left out; the record is written without them
}

// Render makes the record of a target. A field whose expression fails or does not fit is left out with a Problem; only
// a condition or key that fails, or a thing without id, is an error, of kind Invalid. env is not changed.
func (t *Target) Render(env *decide.Env) (Rendered, error) {
	sc := t.see(env)
	if ok, err := t.wanted(sc); err != nil || !ok {
		return Rendered{}, err
	}
	id := t.id(env)
	if id == "" {
		return Rendered{}, fault.New(fault.Invalid, "%s: there is no %s to write", t.source, t.kind)
	}
	r := Rendered{OK: true, Human: t.human, Once: t.once, Shared: t.shared}
	r.Record = crm.Record{Object: t.object, KeyField: t.key, Key: flow.Key(t.kind, id), Fields: make(map[string]any, len(t.slots))}
	if t.kind == flow.KindPerson {
		if l, ok := record(&env.Person, t.account, t.object); ok {
			r.Record.ID = l.Record
		}
	}
	for _, s := range t.slots {
		if s.once && r.Record.ID != "" {
			continue // the record exists
		}
		if s.at != nil && !s.since(sc, &r) {
			continue // it is not so yet
		}
		v, err := s.fill(sc)
		if err != nil {
			r.Problems = append(r.Problems, Problem{Field: s.name, Say: err.Error()})
			continue
		}
		r.Record.Fields[s.name] = v
	}
	if t.keyed != nil {
		key, _ := words(r.Record.Fields[t.key])
		if key == "" {
			return Rendered{}, fault.New(fault.Invalid, "%s: the key field %s is empty", t.source, t.key)
		}
		r.Record.Key = key
	}
	var err error
	r.Record.Links, err = t.associate(sc)
	return r, err
}

// Key gives the key that Render would give the record, whether or not there is one to write now: for erasures.
func (t *Target) Key(env *decide.Env) string {
	if t.keyed != nil {
		if v, err := t.keyed.fill(t.see(env)); err == nil {
			if key, _ := words(v); key != "" {
				return key
			}
		}
	}
	return flow.Key(t.kind, t.id(env))
}

// since finds out when a value became so; false where it is not so yet.
func (s *slot) since(sc *scope, r *Rendered) bool {
	v, err := s.at.Eval(sc)
	at, ok := v.(time.Time)
	if err != nil || v != nil && !ok {
		say := "at gives no time"
		if err != nil {
			say = err.Error()
		}
		r.Problems = append(r.Problems, Problem{Field: s.name, Say: say})
	}
	if at.IsZero() {
		return false
	}
	if r.At == nil {
		r.At = map[string]time.Time{}
	}
	r.At[s.name] = at
	return true
}

// fill gives the value of one field.
func (s *slot) fill(sc *scope) (any, error) {
	v, err := s.program.Eval(sc)
	if err != nil {
		return nil, err
	}
	return s.value(v, sc)
}

// wanted tells whether the condition holds.
func (t *Target) wanted(sc *scope) (bool, error) {
	if t.when == nil {
		return true, nil
	}
	ok, err := t.when.True(sc)
	if err != nil {
		return false, fault.New(fault.Invalid, "%s.when: %w", t.source, err)
	}
	return ok, nil
}

func (t *Target) id(env *decide.Env) string {
	switch t.kind {
	case flow.KindMention:
		return env.Mention.ID
	case flow.KindConversation:
		return env.Conversation.ID
	}
	return env.Person.ID
}

// previous is a link to the conversation that one follows.
const previous = "previous"

// associate lists the links to records that exist or are asked for.
func (t *Target) associate(sc *scope) ([]crm.Link, error) {
	var links []crm.Link
	for _, l := range t.links {
		if l.to == flow.KindPerson {
			if known, ok := record(&sc.Env.Person, t.account, ""); ok {
				links = append(links, crm.Link{Object: known.Object, ID: known.Record, Label: l.label})
				continue
			}
		}
		if l.to == previous {
			if id := sc.Env.Conversation.Previous; id != "" {
				links = append(links, crm.Link{Object: t.object, Key: flow.Key(flow.KindConversation, id), Label: l.label})
			}
			continue
		}
		for _, to := range l.targets {
			id := to.id(sc.Env)
			if id == "" || !to.takes(sc.Env.Brand.Name) {
				continue
			}
			ok, err := to.wanted(sc)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			key := flow.Key(to.kind, id)
			if to.keyed != nil {
				v, err := to.keyed.fill(sc)
				if err != nil {
					return nil, fault.New(fault.Invalid, "%s: the key of the linked %s: %w", t.source, to.kind, err)
				}
				key, _ = words(v)
			}
			links = append(links, crm.Link{Object: to.object, Key: key, Label: l.label})
			break
		}
	}
	return links, nil
}
