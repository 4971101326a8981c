// Package localrun is the local home: one process, one data file, the same verbs as on AWS, woken by HTTP, loops and a
// timer instead of services. One writer process: it holds the file's lock and voids all earlier claims at its start.
package localrun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"rapport/shared/app"
	"rapport/shared/archive/dir"
	"rapport/shared/console"
	"rapport/shared/crm"
	"rapport/shared/datafile"
	"rapport/shared/fault"
	"rapport/shared/id"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuefile "rapport/shared/queue/sqlite"
	"rapport/shared/rest"
	"rapport/shared/secret"
	storefile "rapport/shared/store/sqlite"
	"rapport/shared/telemetry"
	"rapport/shared/topology"
)

// Options says what to run.
type Options struct {
	By       string // who gives commands, for the audit trail
	Data     string // path of the data file; the archive lies beside it
	Config   string // path of rapport.yaml; "" = the version published last
	First    string // path of the configuration that holds where Config is "" and none has been published yet; "" = none
	Listen   string // address of the hooks; "" = none
	Base     string // public address before /hooks/; default http://<Listen>
	Console  string // address of the console, on the loopback interface; "" = none
	Login    []byte // settings of the console's log-in at a provider, see oidc.Settings; nil = links only
	Env      string // environment overlay
	ReadOnly bool   // look beside a running home: nothing can be written or started
	Private  bool   // allow loopback and private addresses
	Secrets  secret.Source
	Log      *slog.Logger
	HTTP     *http.Client // default: guarded
	// Networks and CRMs, nil = all connectors.
	Networks map[string]network.Network
	CRMs     map[string]crm.CRM
}

// Home is a running local home.
type Home struct {
	*app.App
	options   Options
	file      *datafile.File
	store     *storefile.Store
	queue     *queuefile.Queue
	admin     queue.Admin // of the queue, wherever it is
	hooks     net.Listener
	api       *api
	console   *console.Console // nil = none
	consoleAt string
	calls     atomic.Int64 // webhooks being answered
	cancel    context.CancelFunc
	workers   sync.WaitGroup
	servers   []*http.Server
}

// Open opens the data file and wires the app, without starting anything. NewID needs no file.
func Open(ctx context.Context, o Options) (*Home, error) {
	file, err := datafile.Open(o.Data, datafile.Options{ReadOnly: o.ReadOnly})
	if err != nil {
		return nil, err
	}
	h := &Home{options: o, file: file}
	if err := h.wire(ctx); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return h, nil
}

// Attach wires an app to the state of a home elsewhere, for operators: every command works on it, and nothing can be started.
// Of the options only Env, ReadOnly, Config, Secrets and Log are looked at; the rest stands in what the app is made of.
func Attach(ctx context.Context, o Options, parts app.Options, admin queue.Admin) (*Home, error) {
	a, err := app.New(ctx, parts)
	if err != nil {
		return nil, err
	}
	h := &Home{App: a, options: o, admin: admin}
	return h, h.configure(ctx)
}

func (h *Home) wire(ctx context.Context) (err error) {
	o := &h.options
	if o.HTTP == nil {
		o.HTTP = rest.Guard(rest.GuardOptions{Private: o.Private})
	}
	if h.store, err = storefile.New(h.file, storefile.Options{}); err != nil {
		return err
	}
	if h.queue, err = queuefile.New(h.file, queuefile.Options{Linger: linger}); err != nil {
		return err
	}
	h.admin = h.queue
	archive, err := dir.New(dir.Options{Root: o.Data + ".archive"})
	if err != nil {
		return err
	}
	if o.Base == "" {
		o.Base = "http://" + o.Listen
	}
	h.App, err = app.New(ctx, app.Options{Store: h.store, Queue: h.queue, Urgent: h.queue.Urgent(), Archive: archive, Secrets: o.Secrets,
		Leases: &pipeline.LocalLeases{Now: time.Now}, Networks: o.Networks, CRMs: o.CRMs, Env: o.Env,
		Ports: pipeline.Ports{Now: time.Now, NewID: NewID, Log: o.Log, HTTP: o.HTTP, Exact: true, Base: o.Base, Private: o.Private}})
	if err != nil {
		return err
	}
	return h.configure(ctx)
}

// configure publishes the configuration that the options name. A home that is only looked at keeps it to itself.
func (h *Home) configure(ctx context.Context) error {
	file := h.options.Config
	if file == "" && h.options.First != "" {
		if _, err := h.Version(ctx, 0); fault.Is(err, fault.NotFound) {
			file = h.options.First
		} else if err != nil {
			return err
		}
	}
	if file == "" {
		return nil
	}
	if h.options.ReadOnly {
		plan, err := h.Candidate(ctx, file)
		if err == nil {
			h.Use(plan)
		}
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fault.New(fault.Invalid, "configuration: %w", err)
	}
	_, err = h.Publish(ctx, text, filepath.Base(file), "file", "read at start")
	return err
}

// linger lets batches fill up: a vendor's call, or a commit, costs more than the wait.
func linger(lane queue.Lane) time.Duration {
	switch lane {
	case topology.DeliverBulk:
		return 400 * time.Millisecond
	case topology.MentionsLive:
		return 50 * time.Millisecond
	case topology.DeliverUrgent:
		return 200 * time.Millisecond
	}
	return 0
}

// pool is so many loops that work on a lane, and how many messages each takes at once.
type pool struct {
	lane        queue.Lane
	loops, size int
}

func pools() []pool {
	return []pool{
		{topology.MentionsLive, 1, 100},
		{topology.MentionsBulk, 1, 100},
		{topology.DeliverUrgent, 2, 100},
		{topology.DeliverBulk, 2, 100},
		{topology.Polls, 4, 1},
		{topology.Changes, 1, 100},
		{topology.Replies, 2, 1},
		{topology.Jobs, 1, 1},
	}
}

// Start listens, then works until Stop. Addr tells where.
func (h *Home) Start(ctx context.Context) error {
	if h.options.Listen != "" {
		ln, err := net.Listen("tcp", h.options.Listen)
		if err != nil {
			return fault.New(fault.Invalid, "cannot listen for hooks: %w", err)
		}
		h.hooks = ln
		if h.options.Base == "http://"+h.options.Listen {
			h.Ports.Base = "http://" + ln.Addr().String()
		}
		h.serve(ln, h.hookHandler())
	}
	if err := h.openAPI(); err != nil {
		return err
	}
	if err := h.openConsole(); err != nil {
		return err
	}
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, p := range pools() {
		handler := h.courteous(telemetry.Wrap(h.options.Log, time.Now, app.Verb(p.lane), h.Handler(p.lane)))
		for range p.loops {
			h.workers.Go(func() {
				if err := h.queue.Consume(ctx, p.lane, p.size, handler); err != nil {
					h.options.Log.Error("a worker stopped", "lane", string(p.lane), "error", err.Error())
				}
			})
		}
	}
	h.workers.Go(func() { h.ticks(ctx) })
	return nil
}

// busy is how many webhooks at once make the workers step back, pause how often they look, and patience how long they do
// so before a batch: senders come first, and still nothing starves.
const (
	busy     = 6
	pause    = 5 * time.Millisecond
	patience = 40
)

// courteous lets webhooks go first.
func (h *Home) courteous(next queue.Handler) queue.Handler {
	return func(ctx context.Context, batch []queue.Message) []error {
		for range patience {
			if h.calls.Load() < busy || ctx.Err() != nil {
				break
			}
			time.Sleep(pause)
		}
		return next(ctx, batch)
	}
}

// ticks wakes tick every quarter second, and sweeps what expired every minute.
func (h *Home) ticks(ctx context.Context) {
	timer := time.NewTicker(250 * time.Millisecond)
	defer timer.Stop()
	for n := 0; ; n++ {
		if err := h.Tick(ctx, pipeline.Feed{Probe: 100, Most: 1000}); err != nil && ctx.Err() == nil {
			h.options.Log.Warn("tick", "error", err.Error())
		}
		if n%240 == 239 {
			if _, err := h.store.Sweep(ctx, 5000); err != nil && ctx.Err() == nil {
				h.options.Log.Warn("sweep", "error", err.Error())
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

func (h *Home) serve(ln net.Listener, handler http.Handler) {
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(h.options.Log.Handler(), slog.LevelDebug)}
	h.servers = append(h.servers, s)
	h.workers.Go(func() {
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			h.options.Log.Error("a server stopped", "error", err.Error())
		}
	})
}

// Addr is the address of the hooks, "" if there is none.
func (h *Home) Addr() string {
	if h.hooks == nil {
		return ""
	}
	return h.hooks.Addr().String()
}

// Queue is the queues' own view, for operators.
func (h *Home) Admin() queue.Admin { return h.admin }

// Stop takes no more calls, finishes what is in hand within the context, and closes the file.
func (h *Home) Stop(ctx context.Context) error {
	var errs []error
	for _, s := range h.servers {
		errs = append(errs, s.Shutdown(ctx))
	}
	if h.cancel != nil {
		h.cancel()
	}
	h.workers.Wait()
	if h.api != nil {
		errs = append(errs, h.api.remove())
	}
	if h.file != nil {
		errs = append(errs, h.file.Close())
	}
	return errors.Join(errs...)
}

// Drained tells whether nothing is under way: queues empty but for dead letters, nothing parked.
func (h *Home) Drained(ctx context.Context) (bool, error) {
	waiting, _, err := h.Messages(ctx)
	if err != nil || waiting > 0 {
		return false, err
	}
	plan, err := h.Plan(ctx, "")
	if err != nil {
		return false, err
	}
	for _, c := range plan.Doc.CRMs {
		n, err := h.Waiting(ctx, c.Name)
		if err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

// Messages counts what waits in the queues, polls aside, and the dead letters.
func (h *Home) Messages(ctx context.Context) (waiting, dead int, err error) {
	depth, err := h.admin.Depth(ctx)
	for _, d := range depth {
		if d.Lane != topology.Polls {
			waiting += d.Waiting + d.Held + d.Delayed
		}
		dead += d.Dead
	}
	return waiting, dead, err
}

// NewID gives an id that sorts by time.
func NewID() string { return id.New() }

func describe(r *http.Request) string { return fmt.Sprintf("%s %s", r.Method, r.URL.Path) }
