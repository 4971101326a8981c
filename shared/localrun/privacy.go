package localrun

import (
	"context"
	"time"
)

// The inputs of the commands of privacy.
type (
	// Request names somebody and says why.
	Request struct {
		Who    string `json:"who"`
		Reason string `json:"reason"`
	}
	// Holding sets a legal hold.
	Holding struct {
		Who   string    `json:"who"`
		By    string    `json:"by"`
		Why   string    `json:"why"`
		Until time.Time `json:"until,omitzero"` // zero = until it is lifted
	}
)

func (h *Home) privacyCommands() map[string]command {
	return map[string]command{
		"privacy/erase": args(func(ctx context.Context, in Request) (any, error) {
			s, err := h.Resolve(ctx, in.Who)
			if err != nil {
				return nil, err
			}
			return h.StartErasure(ctx, s, in.Reason)
		}),
		"privacy/hold": args(func(ctx context.Context, in Holding) (any, error) {
			s, err := h.Resolve(ctx, in.Who)
			if err != nil {
				return nil, err
			}
			return h.PutHold(ctx, s, in.By, in.Why, in.Until)
		}),
		// What was only read, and has to stand in the audit trail all the same.
		"privacy/noted": args(func(context.Context, Named) (any, error) { return "noted", nil }),
		"privacy/lift":  args(func(ctx context.Context, in Named) (any, error) { return h.LiftHold(ctx, in.Name) }),
	}
}
