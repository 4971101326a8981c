package console

import (
	"encoding/json"
	"strconv"

	"rapport/shared/pipeline"
)

// subject finds whom a form names.
func (c *Console) subject(q *request) (pipeline.Subject, error) {
	who := q.value("subject")
	if who == "" {
		return pipeline.Subject{}, wrong("somebody has to be named: an author id, network:@handle, an e-mail address, a CRM record or a person's id")
	}
	return c.Pipeline.Resolve(q.r.Context(), who)
}

// object takes in an objection to a purpose, or that one is taken back.
func (c *Console) object(q *request) (answer, error) {
	s, err := c.subject(q)
	if err != nil {
		return answer{}, err
	}
	purpose, withdraw := q.value("purpose"), q.value("withdraw") != ""
	id, err := c.Pipeline.Object(q.r.Context(), s, purpose, "the console", withdraw)
	if err != nil {
		return answer{}, err
	}
	did := "objection to " + purpose
	if withdraw {
		did += " taken back"
	}
	return answer{To: "/privacy", Say: "It is being carried out", Data: map[string]any{"job": id}}, c.note(q.r.Context(), q.who.User, did, id)
}

// gather begins to gather everything that is held about somebody.
func (c *Console) gather(q *request) (answer, error) {
	s, err := c.subject(q)
	if err != nil {
		return answer{}, err
	}
	id, err := c.Pipeline.StartAccess(q.r.Context(), s)
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/privacy/access/" + id, Data: map[string]any{"job": id}}, c.note(q.r.Context(), q.who.User, "access", id)
}

// gathered gives what such a job gathered, as a file.
func (c *Console) gathered(q *request) (answer, error) {
	d, err := c.Pipeline.AccessOf(q.r.Context(), q.value("id"))
	if err != nil {
		return answer{}, err
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err == nil {
		err = c.note(q.r.Context(), q.who.User, "fetched an access", q.value("id"))
	}
	return answer{Raw: text, Type: "application/json; charset=utf-8", Name: "access.json"}, err
}

type duePage struct {
	Rows []pipeline.Owed `json:"rows"`
	Days int             `json:"days"`
	Back int             `json:"back"`
	Over int             `json:"overdue"`
	More bool            `json:"more,omitempty"`
}

// dueLines is how many lines of the ledger a page looks at; the command looks at all.
const dueLines = 1000

// due lists who has to be told what is done with their data.
func (c *Console) due(q *request) (answer, error) {
	p := duePage{Days: within(q.value("days"), 7, 62), Back: within(q.value("back"), 7, 366)}
	now := c.now()
	var err error
	if p.Rows, p.More, err = c.Pipeline.Owed(q.r.Context(), now.AddDate(0, 0, -p.Back), now.AddDate(0, 0, p.Days), dueLines); err != nil {
		return answer{}, err
	}
	for _, o := range p.Rows {
		if o.Over {
			p.Over++
		}
	}
	return answer{Title: "To be told", Data: p}, nil
}

// informed notes that somebody was told by other means.
func (c *Console) informed(q *request) (answer, error) {
	s, err := c.subject(q)
	if err != nil {
		return answer{}, err
	}
	n, err := c.Pipeline.Informed(q.r.Context(), s)
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/privacy/due", Say: "It is noted", Data: map[string]any{"informed": n}}, c.note(q.r.Context(), q.who.User, "noted who was told", strconv.Itoa(n))
}
