package pipeline

import (
	"context"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// Answer takes in an answer that somebody wrote and approved in the console. Before it is sent everything is looked at that
// is for any other answer: where the account's replies are off it fails, with the reason.
func (p *Pipeline) Answer(ctx context.Context, conversation, text string, private bool, by string) error {
	return p.answerAs(ctx, conversation, text, private, by, "")
}

// answerAs is Answer; drafted is who wrote the words, "" = by itself.
func (p *Pipeline) answerAs(ctx context.Context, conversation, text string, private bool, by, drafted string) error {
	row, _, err := p.conversation(ctx, conversation)
	if err != nil {
		return err
	}
	if row.Version == 0 || row.Value.Erased {
		return fault.New(fault.NotFound, "no conversation %q is known", conversation)
	}
	if text == "" {
		return fault.New(fault.Invalid, "the answer is empty")
	}
	return p.ask(ctx, config.Account{}, row.Value.Conversation, text, private, flow.Change{By: by, At: p.now()}, drafted)
}
