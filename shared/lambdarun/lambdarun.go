// Package lambdarun runs the product's functions in AWS Lambda: it turns what the runtime hands over into messages and
// requests, and what the verbs answer into what the service wants to hear. Its subpackage worker wires the verbs.
//
// Before the first event nothing happens but building clients: no call, no goroutine, so that a cold start costs what
// the process itself costs.
package lambdarun

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"rapport/shared/cloud"
	"rapport/shared/fault"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
)

// Function is a running function.
type Function struct {
	cloud.Drivers
	Name     string
	Settings cloud.Settings
	Log      *slog.Logger // for what goes wrong, from the level that the environment names
	lines    *slog.Logger // for the line of each batch
	units    *cloud.Units
	warm     bool // an event was worked on before
}

// Handler works on an event and answers in JSON.
type Handler func(ctx context.Context, event []byte) ([]byte, error)

// Invoke implements lambda.Handler.
func (h Handler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

// Open builds a function's clients from the environment.
func Open(name string, getenv func(string) string) (*Function, error) {
	f := &Function{Name: name, Log: telemetry.NewLambda(os.Stdout, slog.LevelWarn), lines: telemetry.NewLambda(os.Stdout, slog.LevelInfo)}
	at := slices.IndexFunc(topology.Functions(), func(t topology.Function) bool { return t.Name == name })
	if at < 0 {
		return f, fault.New(fault.Invalid, "topology knows no function %q", name)
	}
	var err error
	if f.Settings, err = cloud.Read(getenv); err != nil {
		return f, err
	}
	f.Log = telemetry.NewLambda(os.Stdout, f.Settings.Level)
	if getenv(topology.EnvUnits) == "1" {
		f.units = cloud.NewUnits()
	}
	var lanes []string
	if t := topology.Functions()[at]; !t.Counts { // who counts looks after every lane
		lanes = append(append([]string{}, t.Lanes...), t.Sends...)
	}
	f.Drivers, err = cloud.Open(cloud.Options{Settings: f.Settings, Credentials: cloud.Env(getenv), Lanes: lanes, Units: f.units})
	return f, err
}

// Start opens a function and answers events until the service ends the process.
func Start(name string, make func(*Function) Handler) {
	f, err := Open(name, os.Getenv)
	if err != nil {
		f.Log.Error("the function cannot start", "function", name, "error", err.Error())
		os.Exit(1)
	}
	lambda.StartWithOptions(make(f))
}

// What of a call's time is kept for the answer.
const (
	margin = 2 * time.Second
	share  = 5 // but never more than its fifth
)

// Time gives a context that ends early enough for an answer to reach the service.
func (f *Function) Time(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	return context.WithDeadline(ctx, end.Add(-min(margin, left/share)))
}

// work is what one event took and brought.
type work struct {
	f     *Function
	begin time.Time
	facts []slog.Attr
}

func (f *Function) begin() *work {
	w := &work{f: f, begin: time.Now(), facts: []slog.Attr{slog.String("function", f.Name)}}
	if !f.warm {
		w.facts = append(w.facts, slog.Bool("cold", true))
	}
	f.warm = true
	return w
}

func (w *work) say(facts ...slog.Attr) { w.facts = append(w.facts, facts...) }

// fail notes why something failed.
func (w *work) fail(err error) {
	if err != nil {
		w.say(slog.String("kind", fault.Of(err).String()), slog.String("error", err.Error()))
	}
}

// end writes the line.
func (w *work) end(ctx context.Context, measures ...telemetry.Measure) {
	now := time.Now()
	w.say(slog.Int64("ms", now.Sub(w.begin).Milliseconds()))
	if w.f.units != nil {
		n := w.f.units.Take()
		var used []any
		for _, name := range cloud.Names(n) {
			used = append(used, slog.Float64(name, n[name]))
		}
		w.say(slog.Group("units", used...))
	}
	telemetry.Line(ctx, w.f.lines, now, w.f.Settings.Prefix, w.facts, measures...)
}

// safely turns a panic into an error; the stack goes to the log.
func (f *Function) safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			f.Log.Error("panic", "function", f.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fault.New(fault.Unknown, "%s panicked: %v", f.Name, p)
		}
	}()
	return do()
}
