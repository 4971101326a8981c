// Package simulation runs the whole app in virtual time, deterministically: one seed is one history. Workers are
// coroutines that give way at every call to store, queue, archive, CRM and network, so that any interleaving can happen;
// at those points they crash, are throttled, lose answers, or see the world change under them. A tiny model of what must
// come out is the oracle: nothing lost, nothing doubled, no version going back, no human edit overwritten.
package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"rapport/shared/app"
	"rapport/shared/archive"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	queuememory "rapport/shared/queue/memory"
	"rapport/shared/store"
	storememory "rapport/shared/store/memory"
	"rapport/shared/topology"
)

// Options shape one run.
type Options struct {
	Seed  uint64
	Posts int // 0 = 25
	// Store replaces the memory driver, for runs on a real one.
	Store store.Store
	// Log gets a line per step, for looking at a failing seed.
	Log io.Writer
}

// Result is what a run came to.
type Result struct {
	Seed       uint64
	Steps      int
	Faults     int // injected
	Events     int // taken in, repeats included
	Violations []string
}

// Sim is one run.
type Sim struct {
	rng      *rand.Rand
	options  Options
	now      time.Time
	ids      int
	app      *app.App
	queue    *queuememory.Queue
	net      *net
	keyed    *model
	list     *model
	workers  []*worker
	active   *worker
	calm     bool // no more faults: the world recovers
	faults   int
	steps    int
	kills    int
	redriven int
	log      func(format string, args ...any)

	violations []string
}

// worker is one call of a handler, as a coroutine.
type worker struct {
	name    string
	started time.Time
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	dead    bool
	read    map[string]int // CRM rows it read: row → edits by humans it saw
}

// crash is how a worker dies.
type crash struct{}

var errLost = errors.New("the connection was cut")

// limit is how long a worker may run; the platform ends it then. Claims outlast it, leases outlast claims.
const (
	limit      = 20 * time.Second
	visibility = 45 * time.Second
)

// Run plays one seed to its end.
func Run(o Options) (res Result) {
	s := &Sim{rng: rand.New(rand.NewPCG(o.Seed, 0x5eed)), options: o, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	res.Seed = o.Seed
	s.log = func(string, ...any) {}
	if o.Log != nil {
		s.log = func(format string, args ...any) {
			fmt.Fprintf(o.Log, "%s #%d ", s.now.Format("15:04:05.000"), s.steps)
			fmt.Fprintf(o.Log, format+"\n", args...)
		}
	}
	if err := s.build(); err != nil {
		res.Violations = []string{"setup: " + err.Error()}
		return res
	}
	defer s.killAll()
	s.play()
	s.verify()
	res.Steps, res.Faults, res.Events, res.Violations = s.steps, s.faults, s.net.taken, s.violations
	return res
}

func (s *Sim) build() error {
	if s.options.Posts == 0 {
		s.options.Posts = 25
	}
	clock := func() time.Time { return s.now }
	var inner store.Store = storememory.New(storememory.Options{Now: clock})
	if s.options.Store != nil {
		inner = s.options.Store
	}
	s.queue = queuememory.New(queuememory.Options{Now: clock, NewID: s.newID, Visibility: visibility})
	s.net = newNet(s)
	s.keyed, s.list = newModel(s, "keyed", true), newModel(s, "list", false)
	var err error
	s.app, err = app.New(context.Background(), app.Options{
		Store: &unsafeStore{inner, s}, Queue: &unsafeQueue{s.queue, s}, Archive: &unsafeArchive{archivememory.New(), s}, Secrets: oneSecret{},
		Networks: map[string]network.Network{"net": s.net}, CRMs: map[string]crm.CRM{"keyed": s.keyed, "list": s.list},
		Ports: pipeline.Ports{Now: clock, NewID: s.newID, Log: slog.New(slog.DiscardHandler), Fence: visibility},
	})
	if err != nil {
		return err
	}
	_, err = s.app.Publish(context.Background(), []byte(document(1)), "simulation", "seed", "")
	return err
}

func (s *Sim) newID() string { s.ids++; return fmt.Sprintf("%011d%06d", s.now.UnixMilli()%1e11, s.ids) }

// chance draws a fault with probability p, none once the world is calm.
func (s *Sim) chance(p float64) bool {
	if s.calm || s.rng.Float64() >= p {
		return false
	}
	s.faults++
	return true
}

// point is where a worker gives way, and where it may die.
func (s *Sim) point(where string) {
	w := s.active
	if w == nil {
		return
	}
	if w.dead { // its deferred calls reach nothing any more
		return
	}
	if s.chance(0.005) || s.now.Sub(w.started) > limit {
		s.log("%s crashes at %s", w.name, where)
		w.dead = true
		panic(crash{})
	}
	if !w.yield(struct{}{}) {
		w.dead = true
		panic(crash{})
	}
}

// lost tells whether the active worker is dead: nothing it still calls has an effect.
func (s *Sim) lost() bool { return s.active != nil && s.active.dead }

// spawn starts a coroutine.
func (s *Sim) spawn(name string, f func()) {
	w := &worker{name: name, started: s.now, read: map[string]int{}}
	w.next, w.stop = iter.Pull(func(yield func(struct{}) bool) {
		w.yield = yield
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(crash); !ok {
					panic(r)
				}
			}
		}()
		if !yield(struct{}{}) {
			return
		}
		f()
	})
	s.workers = append(s.workers, w)
}

// resume lets one worker go on to its next point.
func (s *Sim) resume(i int) {
	w := s.workers[i]
	s.active = w
	_, alive := w.next()
	s.active = nil
	if !alive {
		s.workers = append(s.workers[:i], s.workers[i+1:]...)
	}
}

// killAll ends every worker at once: the process dies, and with it all claims.
func (s *Sim) killAll() {
	for _, w := range s.workers {
		s.active = w
		w.dead = true
		w.stop()
	}
	s.active = nil
	s.workers = nil
}

// start hands a batch of a lane to a worker.
func (s *Sim) start(lane queue.Lane) {
	size := 1 + s.rng.IntN(8)
	if v := app.Verb(lane); v == "poll" || v == "reply" || v == "jobs" {
		size = 1
	}
	batch := s.queue.Receive(lane, size)
	if len(batch) == 0 {
		return
	}
	handler := s.app.Handler(lane)
	s.spawn(fmt.Sprintf("%s-%d", app.Verb(lane), s.steps), func() {
		s.log("%s takes %d", s.active.name, len(batch))
		errs := handler(context.Background(), batch)
		for i, m := range batch {
			var err error = fault.New(fault.Transient, "no answer")
			if i < len(errs) {
				err = errs[i]
			}
			if err != nil {
				s.log("  %s: %v", s.active.name, err)
			}
			s.queue.Settle(m, err)
			if s.chance(0.01) { // at least once: it comes again although it was done
				_ = s.queue.Send(context.Background(), queue.Message{Lane: m.Lane, Group: m.Group, Body: m.Body})
			}
		}
	})
}

// play runs history: first with faults, then calm, until nothing is under way.
func (s *Sim) play() {
	for s.steps = 0; s.steps < 200_000; s.steps++ {
		if !s.calm && s.net.finished() && s.rng.IntN(200) == 0 {
			s.calm = true
			s.keyed.recover()
			s.list.recover()
			s.log("calm")
		}
		if s.step() {
			continue
		}
		if s.calm && s.idle() && !s.redrive() {
			return
		}
		s.now = s.now.Add(time.Duration(50+s.rng.IntN(1000)) * time.Millisecond)
		if len(s.workers) == 0 && s.rng.IntN(3) == 0 {
			s.now = s.now.Add(time.Duration(s.rng.IntN(20)) * time.Second)
		}
	}
	s.violate("still busy after %d steps", s.steps)
}

// step does one thing; false where nothing could be done but to wait.
func (s *Sim) step() bool {
	s.now = s.now.Add(time.Duration(s.rng.IntN(15)) * time.Millisecond)
	switch n := s.rng.IntN(100); {
	case n < 60 && len(s.workers) > 0:
		s.resume(s.rng.IntN(len(s.workers)))
		return true
	case n < 80 && len(s.workers) < 5:
		lanes := topology.Queues()
		before := len(s.workers)
		for _, i := range s.rng.Perm(len(lanes)) {
			if s.start(queue.Lane(lanes[i].Name)); len(s.workers) > before {
				return true
			}
		}
		return len(s.workers) > 0
	case n < 90 && !s.net.finished() && len(s.workers) < 7:
		s.spawn("receive", s.net.send)
		return true
	case n < 93 && !s.busy("tick"):
		s.spawn("tick", func() {
			if err := s.app.Tick(context.Background(), pipeline.Feed{Probe: 5, Most: 20}); err != nil {
				s.log("tick: %v", err)
			}
		})
		return false
	case n == 94 && !s.calm && s.rng.IntN(3) == 0:
		s.disturb()
		return true
	}
	return len(s.workers) > 0
}

// busy tells whether a worker of that name is alive.
func (s *Sim) busy(name string) bool {
	return slices.ContainsFunc(s.workers, func(w *worker) bool { return w.name == name })
}

// disturb changes the world: humans, agents, configuration, the end of a process.
func (s *Sim) disturb() {
	switch s.rng.IntN(8) {
	case 0, 1:
		s.keyed.humanEdit()
	case 2, 3:
		s.keyed.agentAnswers()
	case 4:
		s.keyed.expire()
	case 5:
		s.keyed.storm()
	case 6:
		if s.kills < 3 {
			s.kills++
			s.log("the process is killed")
			s.faults++
			s.killAll()
			s.queue.Reopen()
		}
	case 7:
		text := document(1 + s.rng.IntN(2))
		if _, err := s.app.Publish(context.Background(), []byte(text), "simulation", "seed", ""); err != nil && !fault.Is(err, fault.Transient) {
			s.violate("publish: %v", err)
		}
	}
}

// redrive does what an operator does with messages that crashed six times: it tries them again.
func (s *Sim) redrive() (some bool) {
	depth, err := s.queue.Depth(context.Background())
	if err != nil {
		s.violate("depth: %v", err)
	}
	for _, d := range depth {
		if d.Dead > 0 && s.redriven < 20 {
			n, err := s.queue.Redrive(context.Background(), d.Lane, 100)
			if err != nil {
				s.violate("redrive: %v", err)
			}
			s.redriven++
			some = some || n > 0
			s.log("redrive of %d in %s", n, d.Lane)
		}
	}
	return some
}

// idle tells whether nothing is under way any more.
func (s *Sim) idle() bool {
	if len(s.workers) > 0 || !s.net.finished() || s.net.unread() {
		return false
	}
	depth, err := s.queue.Depth(context.Background())
	if err != nil {
		s.violate("depth: %v", err)
	}
	for _, d := range depth {
		if d.Lane != topology.Polls && d.Waiting+d.Held+d.Delayed > 0 {
			return false
		}
	}
	for _, name := range []string{"keyed", "list"} {
		if n, err := s.app.Waiting(context.Background(), name); err != nil || n > 0 {
			return false
		}
	}
	return true
}

func (s *Sim) violate(format string, args ...any) {
	v := fmt.Sprintf(format, args...)
	s.log("VIOLATION %s", v)
	s.violations = append(s.violations, v)
}

// oneSecret has one secret for everything.
type oneSecret struct{}

func (oneSecret) Get(context.Context, string) (flow.Secret, error) {
	return flow.NewSecret("one for all"), nil
}
func (oneSecret) Forget(string) {}

// unsafeStore gives way and fails at every call.
type unsafeStore struct {
	store.Store
	s *Sim
}

// before draws what happens at a call: nothing, or a failure before it took effect.
func (s *Sim) before(where string) error {
	s.point(where)
	if s.lost() {
		return errLost
	}
	if s.active != nil && s.chance(0.012) {
		s.log("  %s throttled at %s", s.active.name, where)
		return fault.New(fault.Transient, "throttled at %s", where)
	}
	return nil
}

func (u *unsafeStore) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if err := u.s.before("get"); err != nil {
		return nil, err
	}
	return u.Store.Get(ctx, keys...)
}

func (u *unsafeStore) Put(ctx context.Context, items ...store.Item) []store.Result {
	return u.each("put", items, func(item store.Item) store.Result { return u.Store.Put(ctx, item)[0] })
}

func (u *unsafeStore) Delete(ctx context.Context, items ...store.Item) []store.Result {
	return u.each("delete", items, func(item store.Item) store.Result { return u.Store.Delete(ctx, item)[0] })
}

// each writes items one by one: in between the worker may die, and a write may happen although its answer is lost.
func (u *unsafeStore) each(where string, items []store.Item, write func(store.Item) store.Result) []store.Result {
	out := make([]store.Result, len(items))
	for i, item := range items {
		if i%4 == 0 {
			u.s.point(where)
		}
		if u.s.lost() {
			out[i].Err = errLost
			continue
		}
		if u.s.active != nil && u.s.chance(0.004) {
			out[i].Err = fault.New(fault.Transient, "throttled at %s", where)
			continue
		}
		out[i] = write(item)
		if out[i].Err == nil && u.s.active != nil && u.s.chance(0.002) {
			out[i] = store.Result{Err: fault.New(fault.Ambiguous, "%s was done, the answer was cut", where)}
		}
	}
	return out
}

// unsafeQueue fails before and after sending, and sends twice.
type unsafeQueue struct {
	queue.Queue
	s *Sim
}

func (u *unsafeQueue) Send(ctx context.Context, messages ...queue.Message) []error {
	errs := make([]error, len(messages))
	u.s.point("send")
	for i, m := range messages {
		switch {
		case u.s.lost():
			errs[i] = errLost
		case u.s.active != nil && u.s.chance(0.004):
			errs[i] = fault.New(fault.Transient, "the queue is busy")
		default:
			if u.s.chance(0.05) {
				m.Delay += time.Duration(u.s.rng.IntN(20)) * time.Second
			}
			errs[i] = u.Queue.Send(ctx, m)[0]
			if u.s.active != nil && u.s.chance(0.004) {
				errs[i] = fault.New(fault.Ambiguous, "sent, but the answer was cut")
			}
		}
	}
	return errs
}

// unsafeArchive fails now and then.
type unsafeArchive struct {
	archive.Archive
	s *Sim
}

func (u *unsafeArchive) Write(ctx context.Context, b archive.Batch) (string, error) {
	if err := u.s.before("archive"); err != nil {
		return "", err
	}
	return u.Archive.Write(ctx, b)
}
