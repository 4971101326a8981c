// Package simulation runs the whole app in virtual time, deterministically: one seed is one history. Workers are
// coroutines that give way at every call to store, queue, archive, CRM and network, so that any interleaving can happen;
// at those points they crash, are throttled, lose answers, or see the world change under them. A tiny model of what must
// come out is the oracle: nothing lost, nothing doubled, no version going back, no human edit overwritten.
package simulation

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/app"
	archivememory "rapport/shared/archive/memory"
	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/fault"
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
	// Store replaces the memory driver, for runs on a real one. It is given the clock.
	Store func(now func() time.Time) store.Store
	// Plans are the versions of the configuration, made by Plans; nil = made for this run.
	Plans []*pipeline.Plan
	// Withheld is how long the network sends no webhooks; the poll that looks back finds what was said.
	Withheld time.Duration
	// Log gets a line per step, for looking at a failing seed.
	Log io.Writer
}

// Result is what a run came to.
type Result struct {
	Seed       uint64
	Steps      int
	Faults     int // injected
	Kinds      map[Kind]int
	Mentions   int    // that were said
	Found      int    // events that polls brought while webhooks were withheld
	Events     int    // taken in, repeats included
	Searched   int    // pieces that were stored, queued, archived, logged or sent, each looked through for secrets
	History    uint64 // a hash of everything that happened, in order
	Amended    int    // sealed lines that a later seal told anew
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
	archive  *archivememory.Archive
	mirror   mirror
	ended    map[[2]string]time.Time // by CRM account and mention: when its delivery was first settled, by no worker's clock
	net      *net
	keyed    *model // a unique key, webhooks, a token that rotates
	list     *model // no unique key
	watch    *model // observed: never called
	workers  []*worker
	active   *worker
	calm     bool // no more faults: the world recovers
	amending bool // a replay or an undo is written: the configuration stays
	undone   bool // something was taken back
	burst    time.Time
	faults   int
	late     int // faults of a calm world
	kinds    map[Kind]int
	steps    int
	kills    int
	redriven int
	found    int    // events that polls found before any webhook told them
	amended  int    // lines that a later seal told anew
	erased   string // author whose traces had to go
	refused  string // who objected to being scored
	job      string
	lanes    []lane
	history  hash.Hash64
	traces   [][]byte // of secrets
	searched int
	log      func(format string, args ...any)

	violations []string
}

// lane is a queue with what works on it.
type lane struct {
	name    queue.Lane
	verb    string
	most    int
	handler queue.Handler
}

// worker is one call of a handler, as a coroutine.
type worker struct {
	name     string
	started  time.Time
	next     func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
	dead     bool
	troubled bool           // the store failed it
	skew     time.Duration  // how far its clock is off
	read     map[string]int // CRM rows it read: row → edits by humans it saw
}

// crash is how a worker dies.
type crash struct{}

var errLost = errors.New("the connection was cut")

// begun is when every history begins.
func begun() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

// againEvery thins out the runs that go on after the day with a replay and an undo.
const againEvery = 10

// limit is how long a worker may run; the platform ends it then. Claims outlast it, leases outlast claims.
const (
	limit      = 20 * time.Second
	visibility = 45 * time.Second
)

// Run plays one seed to its end.
func Run(o Options) (res Result) {
	s := &Sim{rng: rand.New(rand.NewPCG(o.Seed, 0x5eed)), options: o, now: time.Date(2026, 3, 2, 8, 58, 0, 0, time.UTC), history: fnv.New64a(), traces: disguises()}
	res.Seed = o.Seed
	out := io.Writer(s.history)
	if o.Log != nil {
		out = io.MultiWriter(s.history, o.Log)
	}
	s.log = func(format string, args ...any) {
		fmt.Fprintf(out, "%s #%d ", s.now.Format("15:04:05.000"), s.steps)
		fmt.Fprintf(out, format+"\n", args...)
	}
	if err := s.build(); err != nil {
		res.Violations = []string{"setup: " + err.Error()}
		return res
	}
	defer s.killAll()
	s.play()
	s.sealAll()
	s.verify()
	s.verifySeals()
	if o.Seed%againEvery == 0 {
		s.again()
	}
	res.Kinds, res.Mentions, res.Found = s.kinds, len(s.net.ids), s.found
	res.Steps, res.Faults, res.Events, res.Searched, res.History, res.Violations = s.steps, s.faults, s.net.taken, s.searched, s.history.Sum64(), s.violations
	res.Amended = s.amended
	return res
}

func (s *Sim) build() error {
	if s.options.Posts == 0 {
		s.options.Posts = 16
	}
	clock := func() time.Time { return s.now } // of the services
	var inner store.Store = storememory.New(storememory.Options{Now: clock})
	if s.options.Store != nil {
		inner = s.options.Store(clock)
	}
	// The key of the hashes is the same in every run, else nothing could be replayed.
	meta := store.Table[string]{Store: inner, Name: "meta"}
	pepper := store.Row[string]{Part: "pepper", Sort: "-", Value: base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))}
	if res := meta.Put(context.Background(), &pepper)[0]; res.Err != nil {
		return res.Err
	}
	s.queue = queuememory.New(queuememory.Options{Now: clock, NewID: s.newID, Visibility: visibility})
	s.archive, s.mirror = archivememory.New(), mirror{}
	s.ended = map[[2]string]time.Time{}
	s.net = newNet(s)
	s.keyed, s.list, s.watch = newModel(s, "keyed", true), newModel(s, "list", false), newModel(s, "watch", true)
	var err error
	s.app, err = app.New(context.Background(), app.Options{
		Store: &unsafeStore{inner, s, map[store.Key]bygone{}}, Queue: &unsafeQueue{s.queue, s}, Archive: &unsafeArchive{s.archive, s}, Secrets: canary{s},
		Networks: map[string]network.Network{"net": s.net}, CRMs: map[string]crm.CRM{"keyed": rotating{s.keyed}, "list": s.list, "watch": s.watch},
		Ports: pipeline.Ports{Now: s.clock, NewID: s.newID, Log: slog.New(slog.NewTextHandler(&watchful{s}, nil)), Fence: visibility, Settle: settle},
	})
	if err != nil {
		return err
	}
	for _, q := range topology.Queues() {
		l := lane{name: queue.Lane(q.Name), verb: app.Verb(queue.Lane(q.Name)), most: 8}
		if l.handler = s.app.Handler(l.name); l.verb == "poll" || l.verb == "reply" || l.verb == "jobs" {
			l.most = 1
		}
		s.lanes = append(s.lanes, l)
	}
	if s.options.Plans == nil {
		if s.options.Plans, err = Plans(); err != nil {
			return err
		}
	}
	s.app.Use(s.options.Plans[0])
	return s.app.SaveToken(context.Background(), "keyed", s.keyed.grant())
}

// Plans compiles the versions of the configuration between which runs switch. They may be shared by runs.
func Plans() ([]*pipeline.Plan, error) {
	s := &Sim{options: Options{Posts: 1}, rng: rand.New(rand.NewPCG(0, 0))}
	crms := map[string]crm.CRM{"keyed": newModel(s, "keyed", true), "list": newModel(s, "list", false), "watch": newModel(s, "watch", true)}
	connectors := app.Connectors(map[string]network.Network{"net": &net{}}, crms)
	var plans []*pipeline.Plan
	for variant := 1; variant <= 3; variant++ {
		doc, err := config.Load([]byte(document(variant)), config.Options{File: "simulation", Connectors: connectors})
		if err != nil {
			return nil, err
		}
		plan, err := app.Compile(doc, crms)
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

func (s *Sim) newID() string { s.ids++; return fmt.Sprintf("%011d%06d", s.now.UnixMilli()%1e11, s.ids) }

// chance draws a fault with probability p, none once the world is calm.
func (s *Sim) chance(k Kind, p float64) bool {
	if s.calm || s.rng.Float64() >= p {
		return false
	}
	s.count(k)
	return true
}

// stubborn draws a fault that a calm world has too, a few times: answers are mostly sent when the rest has come to an end.
func (s *Sim) stubborn(k Kind, p float64) bool {
	if s.late == 4 || s.rng.Float64() >= p {
		return false
	}
	s.late++
	s.count(k)
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
	if s.chance(workerDies, 0.012) || s.now.Sub(w.started) > limit {
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
	if s.rng.IntN(4) == 0 {
		w.skew = time.Duration(s.rng.IntN(8001)-4000) * time.Millisecond
		s.count(clockOff)
	}
	s.counted(racing, strings.HasPrefix(name, "deliver-") && s.busy("deliver-"))
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
func (s *Sim) start(l lane) {
	batch := s.queue.Receive(l.name, 1+s.rng.IntN(l.most))
	if len(batch) == 0 {
		return
	}
	s.spawn(l.verb+"-"+strconv.Itoa(s.steps), func() {
		s.log("%s takes %d", s.active.name, len(batch))
		errs := l.handler(context.Background(), batch)
		for i, m := range batch {
			var err error = fault.New(fault.Transient, "no answer")
			if i < len(errs) {
				err = errs[i]
			}
			if err != nil {
				s.log("  %s: %v", s.active.name, err)
			}
			s.queue.Settle(m, err)
			if s.chance(queueTwice, 0.02) { // at least once: it comes again although it was done
				_ = s.queue.Send(context.Background(), queue.Message{Lane: m.Lane, Group: m.Group, Body: m.Body})
			}
		}
	})
}

// most bounds the steps of a run: who needs more is stuck.
const most = 250_000

// play runs history: first with faults, then calm, until nothing is under way.
func (s *Sim) play() {
	for s.steps = 0; s.steps < most; s.steps++ {
		if !s.calm && (s.net.finished() || s.net.silent() && !s.net.unread()) && s.rng.IntN(150) == 0 {
			s.calm = true
			for _, m := range []*model{s.keyed, s.list} {
				m.recover()
			}
			s.net.slow, s.burst = time.Time{}, time.Time{}
			s.log("calm")
		}
		if s.calm && s.net.silent() && s.steps%2000 == 0 {
			s.operator() // what waits for a dead letter waits for somebody who looks
		}
		if s.calm && s.net.silent() && s.underway() == "" && !s.operator() {
			s.verifyFound()
			s.now, s.calm = s.net.held, false
			s.log("the webhooks come")
		}
		if s.step() {
			continue
		}
		if s.calm && s.idle() && !s.operator() {
			return
		}
		s.now = s.now.Add(time.Duration(50+s.rng.IntN(1000)) * time.Millisecond)
		if len(s.workers) == 0 && s.rng.IntN(3) == 0 {
			s.now = s.now.Add(time.Duration(s.rng.IntN(30)) * time.Second)
		}
	}
	s.violate("still busy after %d steps: %s; %s", s.steps, s.business(), s.underway())
}

// step does one thing; false where nothing could be done but to wait.
func (s *Sim) step() bool {
	s.now = s.now.Add(time.Duration(s.rng.IntN(15)) * time.Millisecond)
	switch n := s.rng.IntN(100); {
	case n < 60 && len(s.workers) > 0:
		s.resume(s.rng.IntN(len(s.workers)))
		return true
	case n < 80 && len(s.workers) < 5:
		before := len(s.workers)
		for i, at := 0, s.rng.IntN(len(s.lanes)); i < len(s.lanes); i++ {
			if s.start(s.lanes[(at+i)%len(s.lanes)]); len(s.workers) > before {
				return true
			}
		}
		return len(s.workers) > 0
	case n < 90 && !s.net.finished() && !s.net.silent() && len(s.workers) < 7:
		s.spawn("receive", s.net.send)
		return true
	case n < 93 && !s.busy("tick"):
		s.spawn("tick", func() {
			if err := s.app.Tick(context.Background(), pipeline.Feed{Probe: 5, Most: 20}); err != nil {
				s.log("tick: %v", err)
			}
		})
		return false
	case n == 94 && !s.calm:
		s.disturb()
		return true
	case n == 95:
		s.reconnect()
	}
	return len(s.workers) > 0
}

// busy tells whether a worker of that name is alive, or of a verb, where the name ends with a dash.
func (s *Sim) busy(name string) bool {
	return slices.ContainsFunc(s.workers, func(w *worker) bool {
		return w.name == name || strings.HasSuffix(name, "-") && strings.HasPrefix(w.name, name)
	})
}

// idle tells whether nothing is under way any more.
func (s *Sim) idle() bool { return s.business() == "" }

// business tells what is under way, "" if nothing is.
func (s *Sim) business() string {
	if !s.net.finished() || s.net.unread() {
		return fmt.Sprintf("%d webhooks to send, feed read up to %d of %d", len(s.net.todo), s.net.cursor, len(s.net.feed))
	}
	return s.underway()
}

// underway tells what is in hand or waits, whatever is still to come.
func (s *Sim) underway() string {
	if len(s.workers) > 0 {
		return fmt.Sprintf("%d workers", len(s.workers))
	}
	depth, err := s.queue.Depth(context.Background())
	if err != nil {
		s.violate("depth: %v", err)
	}
	for _, d := range depth {
		if n := d.Waiting + d.Held + d.Delayed; d.Lane != topology.Polls && n > 0 {
			return fmt.Sprintf("%d messages in %s", n, d.Lane)
		}
	}
	for _, name := range []string{"keyed", "list"} {
		if n, err := s.app.Waiting(context.Background(), name); err != nil || n > 0 {
			return fmt.Sprintf("%d parked for %s", n, name)
		}
	}
	if s.job != "" {
		if j, err := s.app.Job(context.Background(), s.job); err != nil || !j.Swept {
			return fmt.Sprintf("erasure in pass %d: %v", j.Pass, err)
		}
		for k, j := range rows[pipeline.JobRow](s, "job") { // what an attempt left is erased by jobs of its own
			if k.Sort == "-" && j.Kind == "erase" && !j.Swept {
				return "erasure " + j.ID
			}
		}
	}
	return ""
}

func (s *Sim) violate(format string, args ...any) {
	v := fmt.Sprintf(format, args...)
	s.log("VIOLATION %s", v)
	s.violations = append(s.violations, v)
}
