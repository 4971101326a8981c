package console

import (
	"slices"
	"strings"

	"rapport/shared/config"
	"rapport/shared/fault"
)

// A grant is what somebody may, written as role, for all brands, or as role:brand. Log-ins, links and tokens hold some.

// groupPrefix is what groups of the provider begin with that name a grant by themselves: rapport-viewer,
// rapport-viewer:nordlicht.
const groupPrefix = "rapport-"

// right is what a route takes: one of the roles; each = for one brand is enough, and the route shows that brand alone.
type right struct {
	roles []string
	each  bool
}

// has tells whether one of the roles is theirs for all brands.
func (w *who) has(roles ...string) bool {
	return w != nil && slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(w.Roles, r) })
}

// anywhere tells whether one of the roles is theirs, be it for one brand.
func (w *who) anywhere(roles ...string) bool {
	return w != nil && slices.ContainsFunc(w.Roles, func(g string) bool {
		role, _, _ := strings.Cut(g, ":")
		return slices.Contains(roles, role)
	})
}

// in tells whether one of the roles is theirs for a brand.
func (w *who) in(brand string, roles ...string) bool {
	return w.has(roles...) || w != nil && brand != "" && slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(w.Roles, r+":"+brand) })
}

// allows tells whether a right is theirs.
func (w *who) allows(r right) bool {
	if r.each {
		return w.anywhere(r.roles...)
	}
	return w.has(r.roles...)
}

// reads tells whether they read what was said to a brand. Who keeps things running needs no words; private messages are
// read by who answers them (viewer and operator in one), configures or looks after personal data.
func (w *who) reads(brand string, private bool) bool {
	if !private {
		return w.in(brand, Viewer, Admin, Privacy)
	}
	return w.in(brand, Admin, Privacy) || w.in(brand, Viewer) && w.in(brand, Operator)
}

// answers tells whether they may write to people in a brand's name: who does must have read what they answer.
func (w *who) answers(brand string) bool {
	return w.in(brand, Admin) || w.in(brand, Viewer) && w.in(brand, Operator)
}

// narrowed is the configuration as far as the route's roles reach: the whole, or the brands of somebody, with the accounts
// of these brands. A CRM account that serves other brands too is shown, see owns.
func (q *request) narrowed(doc *config.Document) *config.Document {
	if q.who.has(q.right.roles...) {
		return doc
	}
	mine := *doc
	mine.Brands = keep(doc.Brands, func(b config.Brand) bool { return q.mine(b.Name) })
	mine.Networks = keep(doc.Networks, func(a config.Account) bool { return q.mine(a.Brand) })
	mine.CRMs = keep(doc.CRMs, func(a config.Account) bool {
		return slices.ContainsFunc(mine.Brands, func(b config.Brand) bool { return a.Serves(b.Name) })
	})
	mine.Hooks = nil // what reaches no account belongs to no brand
	return &mine
}

func keep[T any](list []T, wanted func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !wanted(v) })
}

// mine tells whether the route's roles reach a brand.
func (q *request) mine(brand string) bool { return q.who.in(brand, q.right.roles...) }

// owns tells whether the route's roles reach everything that an account serves: nobody acts on what is others' too.
func (q *request) owns(a config.Account, isCRM bool) bool {
	if !isCRM {
		return q.mine(a.Brand)
	}
	return q.who.has(q.right.roles...) || len(a.Brands) > 0 && !slices.ContainsFunc(a.Brands, func(b string) bool { return !q.mine(b) })
}

// scope names the brands that the route's roles reach, "" = all: what may be kept for one may not be shown to another.
func (q *request) scope() string {
	if q.who.has(q.right.roles...) {
		return ""
	}
	var names []string
	for _, g := range q.who.Roles {
		if role, brand, ok := strings.Cut(g, ":"); ok && slices.Contains(q.right.roles, role) {
			names = append(names, brand)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// checkGrant wants a role, or a role and a brand.
func checkGrant(g string) error {
	role, brand, some := strings.Cut(g, ":")
	if !slices.Contains(Roles(), role) || some && brand == "" {
		return fault.New(fault.Invalid, "%q is no role: write one of %s, or one and a brand, such as viewer:nordlicht", g, strings.Join(Roles(), ", "))
	}
	return nil
}

// grantsOf gives what groups of the provider grant: those that say so by their name, and those that the configuration
// names, for all brands or for one.
func grantsOf(groups []string, doc *config.Document) []string {
	var list []string
	for _, group := range groups {
		if g, ok := strings.CutPrefix(group, groupPrefix); ok && checkGrant(g) == nil {
			list = append(list, g)
		}
		if doc == nil {
			continue
		}
		for _, role := range Roles() {
			if slices.Contains(doc.Roles[role], group) {
				list = append(list, role)
			}
			for _, b := range doc.Brands {
				if slices.Contains(b.Roles[role], group) {
					list = append(list, role+":"+b.Name)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
