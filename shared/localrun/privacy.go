package localrun

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"rapport/shared/pipeline"
	"rapport/shared/queue"
)

// The inputs of the commands of privacy.
type (
	// Request names somebody and says why.
	Request struct {
		Who    string `json:"who"`
		Reason string `json:"reason"`
	}
	// Objecting tells of an objection to a purpose, or that one is taken back.
	Objecting struct {
		Who      string `json:"who"`
		Purpose  string `json:"purpose"`
		Withdraw bool   `json:"withdraw,omitempty"`
		Source   string `json:"source,omitempty"` // how it was told, such as a letter of a day
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
		"privacy/object": args(func(ctx context.Context, in Objecting) (any, error) {
			s, err := h.Resolve(ctx, in.Who)
			if err != nil {
				return nil, err
			}
			return h.Object(ctx, s, in.Purpose, cmp.Or(in.Source, "an operator's command"), in.Withdraw)
		}),
		"privacy/access": args(func(ctx context.Context, in Request) (any, error) {
			s, err := h.Resolve(ctx, in.Who)
			if err != nil {
				return nil, err
			}
			return h.StartAccess(ctx, s)
		}),
		"privacy/informed": args(func(ctx context.Context, in Request) (any, error) {
			s, err := h.Resolve(ctx, in.Who)
			if err != nil {
				return nil, err
			}
			return h.Informed(ctx, s)
		}),
		"score/exclude": args(func(ctx context.Context, in Request) (any, error) {
			s, err := h.Resolve(ctx, in.Who)
			if err != nil {
				return nil, err
			}
			return "done", h.Exclude(ctx, s, in.Reason)
		}),
		// What was only read, and has to stand in the audit trail all the same.
		"privacy/noted": args(func(context.Context, Named) (any, error) { return "noted", nil }),
		"privacy/lift":  args(func(ctx context.Context, in Named) (any, error) { return h.LiftHold(ctx, in.Name) }),
	}
}

// Scan looks for traces in everything that can be read: store, archive, dead letters. What waits in queues is told by its number.
func (h *Home) Scan(ctx context.Context, t pipeline.Traces) (pipeline.Scanned, error) {
	depth, err := h.admin.Depth(ctx)
	if err != nil {
		return pipeline.Scanned{}, err
	}
	var dead []queue.Dead
	var unread []string
	for _, d := range depth {
		if n := d.Waiting + d.Held + d.Delayed; n > 0 {
			unread = append(unread, fmt.Sprintf("%d messages wait in %s; scan again once they are worked on", n, d.Lane))
		}
		if d.Dead == 0 {
			continue
		}
		list, err := h.admin.Dead(ctx, d.Lane, d.Dead)
		if err != nil {
			return pipeline.Scanned{}, err
		}
		if dead = append(dead, list...); len(list) < d.Dead {
			unread = append(unread, fmt.Sprintf("%d dead letters of %s are hidden just now; scan again in a minute", d.Dead-len(list), d.Lane))
		}
	}
	out, err := h.App.Scan(ctx, t, dead)
	out.Unread = unread
	return out, err
}
