package pipeline

import (
	"context"
	"strings"

	"rapport/shared/flow"
	"rapport/shared/store"
)

// Owned is something of ours that a CRM record belongs to.
type Owned struct {
	Kind   string `json:"kind"`   // mention, conversation or person
	ID     string `json:"id"`     // ours
	Record string `json:"record"` // account:object/id
}

// Records finds what of ours CRM records with an id belong to, by their keys alone: in every CRM account the objects of its
// mapping and of its matching keys are tried. id may also be account:object/id.
func (p *Pipeline) Records(ctx context.Context, id string) ([]Owned, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	var keys []store.Key
	var names []string
	account, rest, _ := strings.Cut(id, ":")
	object, record, whole := strings.Cut(rest, "/")
	for _, conf := range plan.Doc.CRMs {
		if whole && conf.Name == account {
			keys, names = append(keys, p.foreign.Key(conf.Name, object+"#"+record)), append(names, id)
		}
		var objects []string
		for _, o := range plan.Mapping.Objects(conf.Name) {
			objects = with1(objects, o.Name)
		}
		for _, m := range conf.Match {
			objects = with1(objects, m.Object)
		}
		for _, o := range objects {
			if !whole {
				keys, names = append(keys, p.foreign.Key(conf.Name, o+"#"+id)), append(names, conf.Name+":"+o+"/"+id)
			}
		}
	}
	rows, err := p.foreign.Get(ctx, keys...)
	var out []Owned
	for i, row := range rows {
		if kind, ours, ok := flow.SplitKey(row.Value.Key); ok && row.Version > 0 {
			out = append(out, Owned{kind, ours, names[i]})
		}
	}
	return out, err
}

// AuthorMark is how lines of the ledger name an author: a short hash.
func (p *Pipeline) AuthorMark(author string) string { return p.authorHash(author) }
