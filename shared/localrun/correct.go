package localrun

import (
	"cmp"
	"context"

	"rapport/shared/flow"
)

// Correcting says what a mention should have been read as, or takes the newest correction back.
type Correcting struct {
	Mention string       `json:"mention"`
	To      flow.Reading `json:"to"`
	Undo    bool         `json:"undo,omitempty"`
}

func (h *Home) correctCommands() map[string]command {
	return map[string]command{
		"mention/correct": args(func(ctx context.Context, in Correcting) (any, error) {
			by, _ := ctx.Value(operator{}).(string)
			return h.Correct(ctx, in.Mention, flow.Correction{By: cmp.Or(by, h.options.By, "operator"), To: in.To, Undo: in.Undo})
		}),
	}
}
