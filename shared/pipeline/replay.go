package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"rapport/shared/decide"
	"rapport/shared/fault"
)

// Replayed is the result of deciding again over recorded Inputs.
type Replayed struct {
	Entries int      `json:"entries"`
	Equal   int      `json:"equal"`
	Changed []Change `json:"changed,omitempty"`
}

// Change is a decision that a candidate configuration would make otherwise.
type Change struct {
	Line    string          `json:"line"`
	Mention string          `json:"mention"`
	Was     json.RawMessage `json:"was"`
	Is      json.RawMessage `json:"is"`
}

// Replay decides again over what the archive recorded of an account, with a candidate plan, and tells what would differ.
// It fetches and writes nothing. With the configuration of that time everything is equal.
func (p *Pipeline) Replay(ctx context.Context, candidate *Plan, account string, from, to time.Time) (Replayed, error) {
	var out Replayed
	done := map[string]bool{}
	for ref, err := range p.Archive.List(ctx, account, from, to) {
		if err != nil {
			return out, err
		}
		batch, err := p.Archive.Read(ctx, ref)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return out, err
		}
		for _, e := range batch.Entries {
			if len(e.Inputs) == 0 || done[e.Line] { // a crash may have archived an event twice
				continue
			}
			done[e.Line] = true
			var in decide.Inputs
			if err := json.Unmarshal(e.Inputs, &in); err != nil {
				return out, fault.New(fault.Invalid, "recorded inputs of %s: %w", e.Line, err)
			}
			is, err := json.Marshal(candidate.Decider.Decide(in))
			if err != nil {
				return out, fault.New(fault.Invalid, "decision of %s: %w", e.Line, err)
			}
			out.Entries++
			if bytes.Equal(is, e.Decision) {
				out.Equal++
				continue
			}
			out.Changed = append(out.Changed, Change{e.Line, e.Mention, e.Decision, is})
		}
	}
	return out, nil
}
