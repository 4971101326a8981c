package lambdarun

import (
	"context"
	"encoding/json"
	"log/slog"

	"rapport/shared/fault"
	"rapport/shared/queue"
	"rapport/shared/queue/sqs"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
)

// batch is what the service hands to a function that a queue woke.
type batch struct {
	Records []sqs.Record `json:"Records"`
}

// partial tells the service which messages come again. An empty list must be there: without one, all would be done or
// none.
type partial struct {
	Failures []failure `json:"batchItemFailures"`
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

// Lanes makes the handler of a function that queues wake. ready gives the handler of a lane; it is called for every batch
// and may take its time at the first.
func Lanes(ready func(ctx context.Context, f *Function, lane queue.Lane) (queue.Handler, error)) func(*Function) Handler {
	return func(f *Function) Handler {
		return func(ctx context.Context, event []byte) ([]byte, error) {
			var b batch
			if err := json.Unmarshal(event, &b); err != nil {
				return nil, fault.New(fault.Invalid, "this is no event of SQS: %w", err)
			}
			return json.Marshal(partial{f.lanes(ctx, b.Records, ready)})
		}
	}
}

// lanes works on a batch and gives what must come again: never nil.
func (f *Function) lanes(ctx context.Context, records []sqs.Record, ready func(context.Context, *Function, queue.Lane) (queue.Handler, error)) []failure {
	w := f.begin()
	again := map[string]bool{}
	for _, r := range records {
		again[r.ID] = true // until the handler has come back
	}
	err := f.safely(func() error {
		inner, cancel := f.Time(ctx)
		defer cancel()
		for lane, part := range byLane(records) {
			w.say(slog.String("lane", lane))
			var left []string
			h, err := ready(inner, f, queue.Lane(lane))
			if err != nil {
				w.fail(err)
				continue
			}
			left, err = f.Queue.Handle(inner, queue.Lane(lane), part, h)
			w.fail(err)
			for _, r := range part {
				delete(again, r.ID)
			}
			for _, id := range left {
				again[id] = true
			}
		}
		return nil
	})
	w.fail(err)
	failures := make([]failure, 0, len(again))
	for _, r := range records {
		if again[r.ID] {
			failures = append(failures, failure{r.ID})
			delete(again, r.ID)
		}
	}
	w.say(slog.Int("messages", len(records)), slog.Int("failed", len(failures)))
	w.end(ctx, f.measures(len(records), len(failures))...)
	return failures
}

func (f *Function) measures(messages, failed int) []telemetry.Measure {
	if f.Name != "deliver" {
		return nil
	}
	return []telemetry.Measure{telemetry.Count(topology.MetricWritten, messages-failed)}
}

// byLane sorts a batch by the lane it came from; the service hands over one lane at a time.
func byLane(records []sqs.Record) map[string][]sqs.Record {
	lanes := map[string][]sqs.Record{}
	for _, r := range records {
		lane, ok := topology.LaneOf(r.ARN)
		if !ok {
			lane = r.ARN
		}
		lanes[lane] = append(lanes[lane], r)
	}
	return lanes
}
