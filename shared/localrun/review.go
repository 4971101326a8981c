package localrun

import (
	"cmp"
	"context"

	"rapport/shared/fault"
)

// Verdict is what somebody says about who an author is, or about two persons.
type Verdict struct {
	Author string `json:"author,omitempty"`
	Person string `json:"person,omitempty"`
	Say    string `json:"say"`             // accept, reject or unlink (of author and person); merge (the person stays, Other becomes it); unmerge (Merge)
	Other  string `json:"other,omitempty"` // a person
	Merge  string `json:"merge,omitempty"` // its id, or the person that was merged away
	Why    string `json:"why,omitempty"`
}

func (h *Home) reviewCommands() map[string]command {
	return map[string]command{
		"review/decide": args(func(ctx context.Context, v Verdict) (any, error) {
			by, _ := ctx.Value(operator{}).(string)
			by = cmp.Or(by, h.options.By, "operator")
			switch v.Say {
			case "accept", "reject":
				return "decided", h.Judge(ctx, v.Author, v.Person, v.Say == "accept", by)
			case "unlink":
				return "unlinked", h.Unlink(ctx, v.Author, by)
			case "merge":
				m, err := h.Merge(ctx, v.Person, v.Other, by, v.Why)
				return m.ID, err
			case "unmerge":
				m, err := h.Unmerge(ctx, v.Merge, by)
				return m.ID, err
			}
			return nil, fault.New(fault.Invalid, "there is no verdict %q: use accept, reject, unlink, merge or unmerge", v.Say)
		}),
	}
}
