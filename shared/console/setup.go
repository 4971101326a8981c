package console

import (
	"rapport/shared/crm"
	"rapport/shared/fault"
)

// setupPage is what a CRM lacks of our fields and objects, or what became of making them.
type setupPage struct {
	Account string      `json:"account"`
	Steps   []setupStep `json:"steps"`
	Missing int         `json:"missing"`
	Made    bool        `json:"made,omitempty"` // it was tried just now
}

type setupStep struct {
	What  string `json:"what"`
	Name  string `json:"name"`
	Why   string `json:"why,omitempty"`
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"`
}

// setup shows which of our fields and objects a CRM account lacks; make=1 makes them, and reads the fields anew.
func (c *Console) setup(q *request) (answer, error) {
	ctx, name := q.r.Context(), q.value("name")
	p := setupPage{Account: name, Made: q.value("make") == "1"}
	var steps []crm.Step
	var err error
	if p.Made {
		steps, err = c.Backend.SetupApply(ctx, name)
	} else {
		steps, err = c.Backend.SetupPlan(ctx, name)
	}
	if err != nil {
		return answer{}, notFoundHere(err)
	}
	for _, s := range steps {
		row := setupStep{What: s.What, Name: s.Name, Why: s.Why, Done: s.Done}
		if s.Error != nil {
			row.Error, row.Done = s.Error.Error(), false
		}
		if !row.Done {
			p.Missing++
		}
		p.Steps = append(p.Steps, row)
	}
	did := "looked at what a CRM lacks"
	if p.Made {
		did = "made fields in a CRM"
		c.lore.mu.Lock()
		c.lore.of = nil
		c.lore.mu.Unlock()
		if err := c.Backend.Learn(ctx, name); err != nil && !fault.Is(err, fault.NotFound) {
			return answer{}, err
		}
	}
	if err := c.note(ctx, q.who.User, did, name); err != nil || q.api {
		return answer{Data: p}, err
	}
	c.show(q.w, q, "setup", 200, view{Title: "Our fields in the CRM", Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}
