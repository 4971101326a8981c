// Package host runs functions as Lambda does, as far as a handler can tell: their own bootstrap in a process of its own,
// fed through the Runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), one event at a time per
// process, warm processes kept for the next event, killed when the time is up.
//
// It also answers an emulator of AWS that hands events over by HTTP: a POST with the event as body and the function's
// name in X-Amzn-Lambda-Function-Name.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Function is what is run.
type Function struct {
	Name    string
	ARN     string
	Program string   // path of the bootstrap
	Env     []string // NAME=VALUE; what Lambda itself sets is added
	Limit   time.Duration
	Memory  int // MiB, told to the function, not enforced
}

// Fault is how a call failed, in Lambda's words.
type Fault struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (f *Fault) Error() string { return f.Type + ": " + f.Message }

// Options of a host.
type Options struct {
	Log io.Writer // what the functions print; nil = nothing
	Max int       // processes per function at once; 0 = 10
}

// Host runs functions. Safe for concurrent use.
type Host struct {
	options Options
	mu      sync.Mutex
	pools   map[string]*pool
	serial  int
}

// pool is the processes of one function.
type pool struct {
	function Function
	idle     []*worker
	slots    chan struct{}
	stats    Stats
}

// Stats counts the calls of a function.
type Stats struct {
	Calls  int           // events handed over
	Faults int           // of them failed
	Starts int           // processes started
	Boot   time.Duration // all of them together, from the start of the process to its first poll
}

// New makes a host without functions.
func New(o Options) *Host {
	if o.Max == 0 {
		o.Max = 10
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	o.Log = &lines{next: o.Log}
	return &Host{options: o, pools: map[string]*pool{}}
}

// Set adds a function or replaces it: events under way end in the old one, new ones go to the new one.
func (h *Host) Set(f Function) {
	h.mu.Lock()
	old := h.pools[f.Name]
	p := &pool{function: f, slots: make(chan struct{}, h.options.Max)}
	if old != nil {
		p.stats = old.stats
	}
	h.pools[f.Name] = p
	h.mu.Unlock()
	if old != nil {
		h.drop(old)
	}
}

// Stats tells what a function did so far.
func (h *Host) Stats(name string) Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.pools[name]; p != nil {
		return p.stats
	}
	return Stats{}
}

// Close ends all idle processes.
func (h *Host) Close() {
	h.mu.Lock()
	pools := h.pools
	h.pools = map[string]*pool{}
	h.mu.Unlock()
	for _, p := range pools {
		h.drop(p)
	}
}

func (h *Host) drop(p *pool) {
	h.mu.Lock()
	idle := p.idle
	p.idle = nil
	h.mu.Unlock()
	for _, w := range idle {
		w.end()
	}
}

// Invoke hands an event to a function and gives its answer. The error is a *Fault where the function failed, or broke down.
func (h *Host) Invoke(ctx context.Context, name string, event []byte) ([]byte, error) {
	h.mu.Lock()
	p := h.pools[name]
	h.serial++
	request := fmt.Sprintf("00000000-0000-4000-8000-%012d", h.serial)
	h.mu.Unlock()
	if p == nil {
		return nil, fmt.Errorf("the host has no function %q", name)
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	answer, err := h.invoke(ctx, p, request, event)
	h.mu.Lock()
	p.stats.Calls++
	if err != nil {
		p.stats.Faults++
	}
	h.mu.Unlock()
	return answer, err
}

func (h *Host) invoke(ctx context.Context, p *pool, request string, event []byte) ([]byte, error) {
	w, err := h.take(p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.function.Limit)
	defer cancel()
	deadline, _ := ctx.Deadline()
	answer, err := w.run(ctx, call{id: request, arn: p.function.ARN, deadline: deadline, event: event})
	var failed *Fault
	if err != nil && !(errors.As(err, &failed) && w.alive()) {
		w.end()
		return nil, err
	}
	h.give(p, w)
	return answer, err
}

// take gives an idle process, or a new one that has polled for the first time.
func (h *Host) take(p *pool) (*worker, error) {
	for {
		h.mu.Lock()
		if len(p.idle) == 0 {
			h.mu.Unlock()
			break
		}
		w := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		h.mu.Unlock()
		if w.alive() {
			return w, nil
		}
		w.end()
	}
	begin := time.Now()
	w, err := start(p.function, h.options.Log)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	p.stats.Starts++
	p.stats.Boot += time.Since(begin)
	h.mu.Unlock()
	return w, nil
}

func (h *Host) give(p *pool, w *worker) {
	h.mu.Lock()
	current := h.pools[p.function.Name] == p
	if current {
		p.idle = append(p.idle, w)
	}
	h.mu.Unlock()
	if !current {
		w.end()
	}
}

// ServeHTTP answers an emulator.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := h.Invoke(r.Context(), r.Header.Get("X-Amzn-Lambda-Function-Name"), event)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		var failed *Fault
		if !errors.As(err, &failed) {
			failed = &Fault{Type: "Runtime.Unknown", Message: err.Error()}
		}
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(failed)
		return
	}
	_, _ = w.Write(answer)
}

// lines lets several processes write to one place.
type lines struct {
	mu   sync.Mutex
	next io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next.Write(p)
}
