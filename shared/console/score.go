package console

import (
	"rapport/shared/fault"
	"rapport/shared/pipeline"
)

// exclude takes somebody's score away and lets none be made, or lets it be made again.
func (c *Console) exclude(q *request) (answer, error) {
	ctx, id, why := q.r.Context(), q.value("id"), q.value("why")
	if q.value("include") != "" {
		why = ""
	} else if why == "" {
		return answer{}, wrong("the reason is needed: it stands with the person, so it must name nobody")
	}
	s := pipeline.Subject{}
	author, err := c.authors.One(ctx, id, "-")
	if err != nil {
		return answer{}, err
	}
	if s.Person = id; author.Version > 0 {
		s.Person, s.Authors = author.Value.Person, []string{id}
	}
	if s.Person != "" {
		row, err := c.people.One(ctx, s.Person, "-")
		if err != nil {
			return answer{}, err
		}
		s.Authors = row.Value.Person.Authors
	}
	if len(s.Authors) == 0 && author.Version == 0 {
		return answer{}, fault.New(fault.NotFound, "no author or person %q is known", id)
	}
	if err := c.Pipeline.Exclude(ctx, s, why); err != nil {
		return answer{}, err
	}
	say, did := "No score is made any more", "score excluded"
	if why == "" {
		say, did = "With the next mention there is a score, where one may be made", "score included"
	}
	return answer{To: "/people/" + escape(id), Say: say}, c.note(ctx, q.who.User, did, id)
}
