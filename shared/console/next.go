package console

import (
	"slices"
	"strings"
	"time"

	"rapport/shared/decide/action"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// askPath is a call that writes nothing, though it is a POST: so no key of anybody stands in an address.
const askPath = "/next-action"

func (c *Console) nextRoutes() []route {
	return []route{
		{"GET", "/next/{id}", advised, "next", "the next action of a mention as things stand now, why, and what is forbidden", true, c.next},
		{"POST", askPath, advised, "", "who somebody is, how they stand and what to do, by exactly one key: handle, network, email, phone, crm, id, author, person, mention, moment (call, shop, chat or mail), brand", true, c.nextAction},
	}
}

// malformed is a call that does not say what it wants: 400.
type malformed struct{ error }

// Unwrap gives the fault.
func (m malformed) Unwrap() error { return m.error }

// nextAction answers for any moment of contact. Which brands and words are told is as elsewhere.
func (c *Console) nextAction(q *request) (answer, error) {
	n, err := c.nextOf(q, pipeline.NextAsk{Handle: q.value("handle"), Network: strings.ToLower(q.value("network")), Email: q.value("email"), Phone: q.value("phone"), CRM: q.value("crm"), ID: q.value("id"),
		Author: q.value("author"), Person: q.value("person"), Mention: q.value("mention"), Moment: q.value("moment"), Brand: q.value("brand")})
	if fault.Is(err, fault.Invalid) {
		err = malformed{err}
	}
	to := "/"
	if n.Do.Mention != "" {
		to = "/next/" + escape(n.Do.Mention)
	}
	return answer{Title: "Next action", Data: n, To: to}, err
}

// nextOf asks, as far as the route's roles reach, and takes out the words that are not for whoever asks.
func (c *Console) nextOf(q *request, ask pipeline.NextAsk) (pipeline.Next, error) {
	if ask.Brand != "" && !q.mine(ask.Brand) {
		return pipeline.Next{}, fault.New(fault.NotFound, "there is no brand %q", ask.Brand)
	}
	if q.scope() != "" {
		ask.Reach = q.mine
	}
	if !q.who.token {
		ask.Agent = q.who.User
	}
	n, err := c.Pipeline.Next(q.r.Context(), ask)
	if m := n.Standing.Newest; m != nil && !q.who.reads(m.Brand, m.Private) {
		m.Text = ""
	}
	return n, err
}

// nextPage is what to do about a mention.
type nextPage struct {
	Mention    string                 `json:"mention"`
	Action     string                 `json:"action"`
	Why        string                 `json:"why"`
	RunnerUp   string                 `json:"runner_up"`
	Propensity float64                `json:"propensity"`
	Forbidden  []string               `json:"forbidden"`
	Reasons    []action.Bar           `json:"reasons"` // why each of them is
	Department string                 `json:"department"`
	Priority   string                 `json:"priority"`
	Due        time.Time              `json:"due"`
	Template   *pipeline.NextTemplate `json:"template,omitempty"`
}

// next tells an agent's tool what to do about a mention, nothing else of it.
func (c *Console) next(q *request) (answer, error) {
	id := q.value("id")
	n, err := c.nextOf(q, pipeline.NextAsk{Mention: id})
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "no mention %q is known", id)
	}
	if err != nil {
		return answer{}, err
	}
	d := n.Matter.Decision
	p := nextPage{Mention: id, Action: n.Do.Action, Why: n.Do.Why, RunnerUp: n.Do.RunnerUp, Propensity: n.Do.Propensity, Forbidden: []string{}, Reasons: n.Forbidden,
		Department: d.Department, Priority: d.Priority, Due: d.Due, Template: n.Template}
	for _, b := range n.Forbidden {
		p.Forbidden = append(p.Forbidden, b.Action)
	}
	return answer{Title: "Next action", Data: p}, nil
}

// byKeptHandle finds who goes by a handle by its key: whoever had a conversation or is linked to somebody.
func (c *Console) byKeptHandle(q *request, f *found) error {
	handle := strings.TrimPrefix(f.For, "@")
	if len(f.Hits) > 0 || handle == "" || strings.ContainsAny(handle, " /") {
		return nil
	}
	f.Searched = append(f.Searched, "handles of whoever had a conversation or is linked")
	list, err := c.Pipeline.AuthorsOf(q.r.Context(), "", handle)
	list = slices.DeleteFunc(list, func(a flow.Author) bool { return !c.met(q, a.ID) })
	for _, a := range list {
		f.Hits = append(f.Hits, hit{"author", a.ID, "/people/" + escape(a.ID), "@" + strings.TrimPrefix(a.Handle, "@")})
	}
	return err
}
