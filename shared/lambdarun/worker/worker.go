// Package worker wires the verbs for the functions: the app over a stack's drivers, made when the first event comes.
package worker

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"rapport/shared/app"
	"rapport/shared/fault"
	"rapport/shared/id"
	"rapport/shared/lambdarun"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
)

// fresh is how long a version of the configuration is used without looking for a newer one.
const fresh = 15 * time.Second

// Home is the app of a process. The zero value is ready.
type Home struct {
	mu     sync.Mutex
	app    *app.App
	looked time.Time
}

// Ready gives the app, made at the first call, with a configuration that is fresh.
func (h *Home) Ready(ctx context.Context, f *lambdarun.Function) (*app.App, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.app == nil {
		a, err := app.New(ctx, Options(f))
		if err != nil {
			return nil, err
		}
		h.app, h.looked = a, now
		return a, nil
	}
	if now.Sub(h.looked) >= fresh {
		if err := h.app.Refresh(ctx); err != nil {
			f.Log.Warn("the configuration cannot be looked up; the known one is used", "error", err.Error())
		}
		h.looked = now
	}
	return h.app, nil
}

// Options is the app over a stack's drivers.
func Options(f *lambdarun.Function) app.Options {
	// A message that the service hands out again is never in two hands for longer than a call may last.
	fence := time.Duration(0)
	for _, t := range topology.Functions() {
		if t.Name == "deliver" {
			fence = t.Limit
		}
	}
	return app.Options{Store: f.Store, Queue: f.Queue, Archive: f.Archive, Secrets: f.Secrets, Env: f.Settings.Stage, Scheme: "aws:",
		Ports: pipeline.Ports{Now: time.Now, NewID: id.New, Log: f.Log, HTTP: rest.Guard(rest.GuardOptions{Private: f.Settings.Private, Never: os.Getenv("AWS_LAMBDA_RUNTIME_API")}),
			Fence: fence, Base: f.Settings.Base, Private: f.Settings.Private}}
}

// Lanes runs a function that queues wake, by the one verb that it does: what only other verbs need is not linked.
func Lanes(name string, verb func(*app.App, context.Context, []queue.Message) []error) {
	var h Home
	lambdarun.Start(name, lambdarun.Lanes(func(ctx context.Context, f *lambdarun.Function, lane queue.Lane) (queue.Handler, error) {
		if app.Verb(lane) != name {
			return nil, fault.New(fault.Unknown, "function %s does not work on lane %.80q", name, lane)
		}
		a, err := h.Ready(ctx, f)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, batch []queue.Message) []error { return verb(a, ctx, batch) }, nil
	}))
}

// feed is how much of what is parked one minute brings back: probes of what is closed, and the rest of what opened.
var feed = pipeline.Feed{Probe: 100, Most: 5000}

// round is when this process last woke who counts: a new process does it once more, which is harmless.
type round struct{ quarter, hour time.Time }

// wake lets the report count, every hour, and look at the queues every quarter of an hour. What fails is tried again a
// minute later. The alarm clock tells by it that the clock stands.
func (r *round) wake(ctx context.Context, f *lambdarun.Function) {
	now := time.Now()
	quarter, hour, event := now.Truncate(15*time.Minute), now.Truncate(time.Hour), []byte(`{"queues":true}`)
	if quarter.Equal(r.quarter) {
		return
	}
	if !hour.Equal(r.hour) {
		event = []byte(`{}`)
	}
	if err := f.Wake(ctx, "report", event); err != nil {
		f.Log.Warn("the report cannot be woken; it is tried again in a minute", "error", err.Error())
		return
	}
	r.quarter, r.hour = quarter, hour
}

// Tick runs the function of the clock.
func Tick() {
	var h Home
	var r round
	lambdarun.Start("tick", lambdarun.Calls(func(ctx context.Context, f *lambdarun.Function, _ []byte) (any, []telemetry.Measure, error) {
		a, err := h.Ready(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		_, err = a.Plan(ctx, "")
		if fault.Is(err, fault.NotFound) {
			r.wake(ctx, f) // an alarm watches that report is woken
			return "nothing is configured yet", nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if err := a.Tick(ctx, feed); err != nil {
			return nil, nil, err
		}
		r.wake(ctx, f)
		h, err := a.Health(ctx)
		if err != nil {
			return nil, nil, err
		}
		return "ticked", []telemetry.Measure{telemetry.Count(topology.MetricClosed, h.Closed), telemetry.Count(topology.MetricDegraded, h.Degraded), telemetry.Count(topology.MetricExpiring, h.Expiring), telemetry.Count(topology.MetricCrisis, a.Crises()),
			telemetry.Percent(topology.MetricQuota, h.Quota)}, nil
	}))
}

// window is what a report covers where nobody asks for another.
const window = 24 * time.Hour

// asked is the event of a report: of what tick asks for, or a person.
type asked struct {
	Queues bool      `json:"queues"` // nothing but how many dead letters there are
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
}

// Report runs the function that counts what became of everything.
func Report() {
	var h Home
	lambdarun.Start("report", lambdarun.Calls(func(ctx context.Context, f *lambdarun.Function, event []byte) (any, []telemetry.Measure, error) {
		var in asked
		_ = json.Unmarshal(event, &in) // most name no time
		if in.To.IsZero() {
			in.To = time.Now().UTC()
		}
		if in.From.IsZero() {
			in.From = in.To.Add(-window)
		}
		depths, err := f.Queue.Depth(ctx)
		if err != nil {
			return nil, nil, err
		}
		waiting, dead := 0, 0
		for _, d := range depths {
			if d.Lane != topology.Polls {
				waiting += d.Waiting + d.Held + d.Delayed
			}
			dead += d.Dead
		}
		letters := telemetry.Count(topology.MetricDead, dead)
		if in.Queues {
			return depths, []telemetry.Measure{letters}, nil
		}
		a, err := h.Ready(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		r, err := a.Report(ctx, in.From, in.To, waiting, dead)
		if fault.Is(err, fault.NotFound) {
			return "nothing is configured yet", []telemetry.Measure{letters}, nil
		}
		if err != nil {
			return nil, nil, err
		}
		return r, []telemetry.Measure{telemetry.Count(topology.MetricUnaccounted, r.Unaccounted), letters}, nil
	}))
}
