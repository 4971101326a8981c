package pipeline

import (
	"context"
	"slices"
	"strings"

	"rapport/shared/flow"
)

// needsSecond tells why an answer waits for a second person, "" if it does not. The words of the reason name nothing of what was
// said.
func (p *Pipeline) needsSecond(ctx context.Context, r flow.Reply, c flow.Conversation, m flow.Mention) (string, error) {
	people := p.seconds(r)
	if len(people) > 1 {
		return "", nil
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil || !plan.Decider.Second(c, m, r.Private) {
		return "", err
	}
	if len(people) == 0 {
		return "needs the yes of two people by name: draft it in the console, and let somebody else approve it", nil
	}
	return "needs the yes of a second person: somebody else has to approve the same words too", nil
}

// seconds gives who has said yes to an answer, under pseudonyms: nobody has to see the names.
func (p *Pipeline) seconds(r flow.Reply) []string {
	if strings.TrimSpace(r.Sender) == "" {
		return r.Seconds
	}
	return with1(slices.Clone(r.Seconds), p.Pseudonym(r.Sender))
}
