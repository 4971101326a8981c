// Package world plays one invented day of a brand against the local home: fake networks and CRMs on loopback ports, real
// HTTP, real signatures, real log-ins. At the end it counts: what was said, what came in, what every CRM holds, and
// whether anything is missing or doubled. The day itself lies as files in events/demo.
package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/ledger"
)

// Options of a demo.
type Options struct {
	Out  io.Writer    // where the day and its summary are told; nil = nowhere
	Data string       // path of the data file, which must not hold anything yet; "" = a temporary one
	Keep bool         // stay up after the summary, until the context ends
	Log  *slog.Logger // nil = errors on standard error

	// Kept is called with a link to the console when the day is over and Keep is set; nil = not.
	Kept func(link string)

	restart bool // stop and open the home again in the middle of the day
}

// patience is how long any one thing may take before the demo gives up.
const patience = 40 * time.Second

// Summary is what a day came to.
type Summary struct {
	Total       ledger.Tally
	Networks    map[string]ledger.Tally // by network, "" = what could not be read
	CRMs        []CRMCount
	Authors     int // different authors that the ledger knows
	Said        int // posts and webhook events that the fakes sent out
	Forged      int // forged calls that were refused
	Unaccounted int // said but not in the ledger, or in the ledger and neither settled nor under way
	Cases       int
	Talks       map[string]int // conversations by status
	Alerts      []string
	Scores      []Scored // the highest first
	Cost        Cost
	Took        time.Duration
	Problems    []string // checks that failed
	Line        string   // the last line
}

// CRMCount is what one CRM account was given.
type CRMCount struct {
	Name                                             string
	Deliveries, Created, Updated, Unchanged, Records int
	Calls, Limited, Down                             int // calls answered 429 and 503 are among the calls
}

// Scored is an author with a Social Customer Score.
type Scored struct {
	Handle, Network string
	Total           int
	Why             []string // points of each part with the reason
}

// Demo plays the day. The error tells what could not be played, or which checks failed; the summary is whole unless the
// day could not be played to its end.
func Demo(ctx context.Context, o Options) (s Summary, err error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	if o.Data == "" {
		dir, err := os.MkdirTemp("", "rapport-demo-")
		if err != nil {
			return s, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		o.Data = filepath.Join(dir, "demo.db")
	}
	if info, err := os.Stat(o.Data); err == nil && info.Size() > 0 {
		return s, fault.New(fault.Invalid, "the demo wants an empty data file, and %s holds something", o.Data)
	}
	begin := time.Now()
	w, err := open(ctx, o, begin)
	if err != nil {
		return s, fmt.Errorf("the demo cannot start: %w", err)
	}
	defer func() { err = errors.Join(err, w.close()) }()
	day, err := w.read()
	if err != nil {
		return s, err
	}
	w.opening()
	if err := w.play(ctx, day); err != nil {
		return s, err
	}
	if err := w.settle(ctx); err != nil {
		return s, err
	}
	if s, err = w.gather(ctx); err != nil {
		return s, err
	}
	s.Took = time.Since(begin)
	w.tell(s)
	if len(s.Problems) > 0 {
		return s, fault.New(fault.Invalid, "the demo found mistakes: %s", strings.Join(s.Problems, "; "))
	}
	if o.Keep {
		return s, w.keep(ctx)
	}
	return s, nil
}

// keep leaves everything up until the context ends. Polls become slow, as nothing happens any more.
func (w *world) keep(ctx context.Context) error {
	if err := w.publish(ctx, strings.NewReplacer("every: 400ms", "every: 30s", "every: 2s", "every: 1m").Replace(w.config), "polls slowed down after the day"); err != nil {
		return err
	}
	link, err := w.home.ConsoleLink(ctx, "demo")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w.o.Out, "\nThe console of this day, opens once: %s\n", link) // who does not read does not need it
	if w.o.Kept != nil {
		w.o.Kept(link)
	}
	<-ctx.Done()
	return nil
}

// until looks every few milliseconds whether something is so, and gives up after patience.
func until(ctx context.Context, what string, so func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fault.New(fault.Transient, "waited %s in vain until %s", patience, what))
	defer cancel()
	timer := time.NewTicker(25 * time.Millisecond)
	defer timer.Stop()
	for {
		ok, err := so(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}
