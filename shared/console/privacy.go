package console

import (
	"slices"
	"strings"

	"rapport/shared/config"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

type privacyPage struct {
	Trail  []pipeline.AuditRow `json:"trail"`
	Retain config.Retain       `json:"retain"`
	Basis  config.Basis        `json:"basis"`
	Jobs   []pipeline.JobRow   `json:"jobs"`
}

func (c *Console) privacy(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	p := privacyPage{Retain: plan.Doc.Retain, Basis: plan.Doc.Basis}
	if p.Trail, err = c.trail(ctx, 200); err != nil {
		return answer{}, err
	}
	var keys []store.Key
	for _, a := range p.Trail {
		if a.Did == "erasure" && len(keys) < 20 {
			keys = append(keys, c.jobs.Key(a.What, "-"))
		}
	}
	jobs, err := c.jobs.Get(ctx, keys...)
	for _, j := range jobs {
		if j.Version > 0 {
			p.Jobs = append(p.Jobs, j.Value)
		}
	}
	return answer{Title: "Privacy", Data: p}, err
}

// erase starts the erasure of everything of one subject. The subject is written out twice, so that no slip erases anybody.
func (c *Console) erase(q *request) (answer, error) {
	subject, reason := q.value("subject"), q.value("reason")
	if subject == "" || reason == "" {
		return answer{}, wrong("whom to erase and the reason are needed")
	}
	if q.value("confirm") != subject {
		return answer{}, wrong("to be sure, write the same into both fields: nothing was erased")
	}
	ctx := q.r.Context()
	e := flow.Erasure{ID: c.Pipeline.Ports.NewID(), Reason: reason, At: c.now()}
	author, err := c.authors.One(ctx, subject, "-")
	if err != nil {
		return answer{}, err
	}
	switch {
	case author.Version > 0:
		e.Author = subject
	case strings.Contains(subject, "@") && !strings.Contains(subject, ":"):
		e.Email = subject
	default:
		person, err := c.people.One(ctx, subject, "-")
		if err != nil {
			return answer{}, err
		}
		if person.Version == 0 {
			return answer{}, wrong("no author or person %q is known; write an e-mail address, or an id as the person's page shows it", subject)
		}
		e.Person = subject
	}
	id, err := c.Pipeline.Start(ctx, pipeline.JobRow{ID: e.ID, Kind: "erase", Erasure: e})
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/privacy/jobs/" + id, Data: map[string]any{"job": id}}, c.note(ctx, q.who.User, "erasure", id)
}

func (c *Console) job(q *request) (answer, error) {
	j, err := c.Pipeline.Job(q.r.Context(), q.value("id"))
	reason := j.Erasure.Reason
	j = nobody(j)
	j.Erasure.Reason = reason
	return answer{Title: "Erasure", Data: jobPage{JobRow: j, Back: "/privacy"}}, err
}

type accessPage struct {
	Brands []string   `json:"-"`
	Tokens []apiToken `json:"tokens"`
	Roles  []string   `json:"roles"`
	New    string     `json:"token,omitempty"` // shown once
}

type apiToken struct {
	ID string `json:"id"`
	tokenRow
}

func (c *Console) access(q *request) (answer, error) {
	p := accessPage{Roles: Roles()}
	if plan, err := c.plan(q.r.Context()); err == nil { // before anything is configured there are no brands
		for _, b := range plan.Doc.Brands {
			p.Brands = append(p.Brands, b.Name)
		}
	}
	for row, err := range c.tokens.List(q.r.Context(), store.Range{Part: "-", Limit: 200}) {
		if err != nil {
			return answer{}, err
		}
		p.Tokens = append(p.Tokens, apiToken{row.Sort, row.Value})
	}
	slices.SortStableFunc(p.Tokens, func(x, y apiToken) int { return y.At.Compare(x.At) })
	return answer{Title: "Access", Data: p}, nil
}

func (c *Console) addToken(q *request) (answer, error) {
	name, role := q.value("name"), q.value("role")
	if brand := q.value("brand"); brand != "" {
		role += ":" + brand
	}
	if name == "" {
		return answer{}, wrong("a token needs a name")
	}
	if err := checkGrant(role); err != nil {
		return answer{}, err
	}
	secret := "rapport_" + secretText()
	row := &store.Row[tokenRow]{Part: "-", Sort: hash(secret), Value: tokenRow{name, role, q.who.User, c.now()}}
	if res := c.tokens.Put(q.r.Context(), row)[0]; res.Err != nil {
		return answer{}, res.Err
	}
	if err := c.Pipeline.Named(q.r.Context(), "consoletoken", row.Part, row.Sort); err != nil {
		return answer{}, err
	}
	if err := c.note(q.r.Context(), q.who.User, "made a token", name+" ("+role+")"); err != nil {
		return answer{}, err
	}
	if q.api {
		return answer{Data: map[string]any{"token": secret}}, nil
	}
	a, err := c.access(q)
	if err != nil {
		return answer{}, err
	}
	p, _ := a.Data.(accessPage)
	p.New = secret
	c.show(q.w, q, "access", 200, view{Title: "Access", Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}

func (c *Console) revoke(q *request) (answer, error) {
	c.Pipeline.Store.Delete(q.r.Context(), store.Item{Part: "consoletoken#-", Sort: q.value("token"), Version: store.AnyVersion})
	return answer{To: "/access", Say: "The token is revoked"}, c.note(q.r.Context(), q.who.User, "revoked a token", "")
}
