package pipeline

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"slices"

	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/webhook"
)

// requested makes the line of an erasure that a network asks for. Of its body nothing is kept; the job is begun when the line
// is written.
func (p *Pipeline) requested(i int, env Envelope, whole *body, k int, e flow.Event) *one {
	o := p.reject(i, env, whole, k, e, "erasure")
	whole.barred = true
	o.line.Outcome, o.line.Event, o.line.Mention = ledger.Suppressed, e.Mention.ID, ""
	o.line.Author = p.authorHash(e.Erase.Author)
	return o
}

// aliases adds to the authors of an erasure what else the networks know them by.
func (p *Pipeline) aliases(ctx context.Context, plan *Plan, authors []string) ([]string, error) {
	all := slices.Clone(authors)
	for _, conf := range plan.Doc.Networks {
		aliaser, can := p.Networks[conf.Kind].(network.Aliaser)
		if !can || conf.Paused {
			continue
		}
		for _, author := range authors {
			if author != flow.MentionID(p.infos[conf.Kind].Name, flow.Native(author)) {
				continue
			}
			var more []string
			err := p.vendor(ctx, conf, p.infos[conf.Kind].Buckets, true, func(a rest.Account) (err error) {
				more, err = aliaser.Aliases(ctx, a, author)
				return err
			})
			switch {
			case fault.Is(err, fault.NotFound), fault.Is(err, fault.Invalid), fault.Is(err, fault.Unauthorized): // it will not tell, and what is known goes now
				p.Ports.Log.Warn("an author's other ids cannot be asked for", "account", conf.Name, "kind", fault.Of(err).String(), "error", err.Error())
			case err != nil:
				return nil, err
			}
			for _, id := range more {
				if !slices.Contains(all, id) {
					all = append(all, id)
				}
			}
		}
	}
	return all, nil
}

// standing answers who asks where an erasure stands: with what the job knows, or as the connector does.
func (p *Pipeline) standing(ctx context.Context, a webhook.Answer) (webhook.Answer, error) {
	j, err := p.Job(ctx, a.Erasure)
	if fault.Is(err, fault.NotFound) || err == nil && j.Kind != "erase" {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	say := "The request was received on " + expression.ISO(j.Started) + " and is being carried out."
	switch {
	case j.State == "done" && j.Result != nil:
		say = fmt.Sprintf("The request of %s was carried out: %d posts and messages and %d conversations were erased, also in %d records of connected systems. The search is repeated once, for what was on its way.",
			expression.ISO(j.Started), j.Result.Mentions, j.Result.Conversations, j.Result.Records)
	case j.State == "failed" || j.State == "cancelled":
		say = "The request of " + expression.ISO(j.Started) + " needs a person: please write to us and name the code."
	}
	a.Status, a.Type = http.StatusOK, "text/html; charset=utf-8"
	a.Body = []byte("<!doctype html><title>Deletion request</title><p>" + html.EscapeString(say) + "</p>\n")
	return a, nil
}
