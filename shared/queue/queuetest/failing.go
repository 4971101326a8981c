package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

// failing answers err to the first n hand-outs of a body and nil to everything else.
func failing(l *log, body string, n int, err func() error) func([]queue.Message) []error {
	return func(batch []queue.Message) []error {
		errs := make([]error, len(batch))
		for k, m := range batch {
			if string(m.Body) == body && l.seen(body) < n {
				errs[k] = err()
			}
		}
		return errs
	}
}

func redelivery(ctx context.Context, b bench) error {
	if err := b.send(ctx, queue.Message{Lane: b.lane, Group: "g", Body: []byte("again")}); err != nil {
		return err
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, 10, l, failing(l, "again", 2, b.later), func() bool { return l.total() >= 3 }); err != nil {
		return err
	}
	all := l.all()
	if len(all) != 3 {
		return fmt.Errorf("a message that failed twice was handed out %d times, want 3", len(all))
	}
	for k, m := range all {
		if m.ID != all[0].ID || m.Group != "g" || m.Lane != b.lane || string(m.Body) != "again" {
			return fmt.Errorf("hand-out %d is %q of group %q in %q with id %q, want what the first was", k+1, m.Body, m.Group, m.Lane, m.ID)
		}
		if m.Receives != k+1 {
			return fmt.Errorf("hand-out %d says it is receive %d", k+1, m.Receives)
		}
	}
	return nil
}

func errorSaysWhen(ctx context.Context, b bench) error {
	if err := b.send(ctx, queue.Message{Lane: b.lane, Body: []byte("wait")}); err != nil {
		return err
	}
	wait := max(3*b.retry, 60*time.Millisecond)
	l := newLog()
	answer := failing(l, "wait", 1, func() error { return fault.Wait(fault.RateLimited, wait, "too fast") })
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool { return l.total() >= 2 }); err != nil {
		return err
	}
	if between := l.times[1].Sub(l.times[0]); between < wait*2/3 {
		return fmt.Errorf("the error asked for a wait of %v, the message came again after %v", wait, between)
	}
	return nil
}

func plainError(ctx context.Context, b bench) error {
	if err := b.send(ctx, queue.Message{Lane: b.lane, Body: []byte("plain")}); err != nil {
		return err
	}
	l := newLog()
	answer := failing(l, "plain", 1, func() error { return errors.New("broken") })
	return b.consume(ctx, b.lane, 10, l, answer, func() bool { return l.seen("plain") >= 2 })
}

func partialAnswers(ctx context.Context, b bench) error {
	sent := b.numbered("m", 8)
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	answer := func(batch []queue.Message) []error {
		errs := make([]error, len(batch))
		for k, m := range batch {
			if m.Receives == 1 && strings.HasSuffix(string(m.Body), "3") {
				errs[k] = b.later()
			}
			if m.Receives == 1 && strings.HasSuffix(string(m.Body), "6") {
				errs[k] = b.later()
			}
		}
		return errs
	}
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool { return l.total() >= 10 }); err != nil {
		return err
	}
	for k, m := range sent {
		want := 1
		if k == 3 || k == 6 {
			want = 2
		}
		if n := l.seen(string(m.Body)); n != want {
			return fmt.Errorf("%q was handed out %d times, want %d", m.Body, n, want)
		}
	}
	return nil
}

func missingAnswers(ctx context.Context, b bench) error {
	sent := b.numbered("m", 5)
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	answer := func(batch []queue.Message) []error {
		if slices.ContainsFunc(batch, func(m queue.Message) bool { return m.Receives == 1 }) {
			return make([]error, len(batch)-1)
		}
		return done(batch)
	}
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool { return l.total() >= 10 }); err != nil {
		return err
	}
	for _, m := range sent {
		if n := l.seen(string(m.Body)); n < 2 {
			return fmt.Errorf("%q was handed out %d times; a batch with a missing answer must come again", m.Body, n)
		}
	}
	return nil
}

func panics(ctx context.Context, b bench) error {
	sent := b.numbered("m", 5)
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	var calls atomic.Int32
	answer := func(batch []queue.Message) []error {
		if calls.Add(1) == 1 {
			panic("the handler is broken")
		}
		return done(batch)
	}
	all := func() bool {
		for _, m := range sent {
			if l.seen(string(m.Body)) == 0 {
				return false
			}
		}
		return calls.Load() > 1
	}
	if err := b.consume(ctx, b.lane, 10, l, answer, all); err != nil {
		return err
	}
	return b.noneDead(ctx)
}

func (b bench) noneDead(ctx context.Context) error {
	letters, err := b.Dead(ctx, b.lane, 10)
	if err == nil && len(letters) > 0 {
		err = fmt.Errorf("%d messages are dead, want none; the first: %.20q because of %s", len(letters), letters[0].Body, letters[0].Reason)
	}
	return err
}

func poison(ctx context.Context, b bench) error {
	sent := append(b.numbered("good", 8), queue.Message{Lane: b.lane, Body: []byte("poison")})
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	var good atomic.Int32
	answer := func(batch []queue.Message) []error {
		for _, m := range batch {
			if string(m.Body) == "poison" {
				panic("poison")
			}
		}
		good.Add(int32(len(batch)))
		return done(batch)
	}
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool { return good.Load() >= 8 && l.seen("poison") >= queue.MaxReceives }); err != nil {
		return err
	}
	letters, err := b.dead(ctx, b.lane, 1)
	if err != nil {
		return err
	}
	if string(letters[0].Body) != "poison" {
		return fmt.Errorf("%q is dead, want the poison", letters[0].Body)
	}
	return count("good messages that were done", int(good.Load()), 8)
}

func invalidIsDead(ctx context.Context, b bench) error {
	sent := append(b.numbered("good", 3), queue.Message{Lane: b.lane, Group: "g", Body: []byte("bad\x00\xff")})
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	answer := failing(l, "bad\x00\xff", 99, func() error { return fault.New(fault.Invalid, "the field Colour is no number") })
	began := time.Now()
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool { return l.total() >= 4 }); err != nil {
		return err
	}
	if err := l.once(sent); err != nil {
		return err
	}
	letters, err := b.dead(ctx, b.lane, 1)
	if err != nil {
		return err
	}
	d := letters[0]
	if string(d.Body) != "bad\x00\xff" || d.Lane != b.lane || d.Group != "g" {
		return fmt.Errorf("the dead letter is %q of group %q in lane %q, want what was sent", d.Body, d.Group, d.Lane)
	}
	if !strings.Contains(d.Reason, "the field Colour is no number") {
		return fmt.Errorf("the dead letter's reason is %q, want the error's words", d.Reason)
	}
	if d.At.Before(began.Add(-time.Minute)) || d.At.After(time.Now().Add(time.Minute)) {
		return fmt.Errorf("the dead letter is of %v, want about %v", d.At, began)
	}
	return nil
}

func deadAfterMany(ctx context.Context, b bench) error {
	sent := []queue.Message{{Lane: b.lane, Body: []byte("never")}, {Lane: b.lane, Body: []byte("last")}}
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	answer := func(batch []queue.Message) []error {
		errs := make([]error, len(batch))
		for k, m := range batch {
			if string(m.Body) == "never" || m.Receives < queue.MaxReceives {
				errs[k] = fault.Wait(fault.Transient, b.retry, "the vendor is asleep")
			}
		}
		return errs
	}
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool {
		return l.seen("never") >= queue.MaxReceives && l.seen("last") >= queue.MaxReceives
	}); err != nil {
		return err
	}
	letters, err := b.dead(ctx, b.lane, 1)
	if err != nil {
		return err
	}
	if string(letters[0].Body) != "never" {
		return fmt.Errorf("%q is dead, want the message that always failed", letters[0].Body)
	}
	if !strings.Contains(letters[0].Reason, "the vendor is asleep") {
		return fmt.Errorf("the dead letter's reason is %q, want the last error's words", letters[0].Reason)
	}
	for _, m := range sent {
		if err := count("hand-outs of "+string(m.Body), l.seen(string(m.Body)), queue.MaxReceives); err != nil {
			return err
		}
	}
	return nil
}

func redriveSome(ctx context.Context, b bench) error {
	var sent []queue.Message
	for k := range 25 {
		sent = append(sent, queue.Message{Lane: b.lane, Body: []byte([]string{"mend", "leave"}[k%2] + fmt.Sprint(" ", k))})
	}
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	answer := func(batch []queue.Message) []error {
		errs := make([]error, len(batch))
		for k, m := range batch {
			word, _, _ := strings.Cut(string(m.Body), " ")
			errs[k] = fault.New(fault.Invalid, "%s this", word)
		}
		return errs
	}
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool { return l.total() >= 25 }); err != nil {
		return err
	}
	if _, err := b.dead(ctx, b.lane, 25); err != nil {
		return err
	}
	wanted := func(reason string) bool { return strings.Contains(reason, "mend this") }
	for k, want := range []int{3, 10, 0} { // 13 of them are wanted
		n, err := b.Redrive(ctx, b.lane, []int{3, 100, 100}[k], wanted)
		if err != nil || n != want {
			return fmt.Errorf("redrive of those wanted gave %d and %v, want %d", n, err, want)
		}
	}
	letters, err := b.dead(ctx, b.lane, 12)
	if err != nil {
		return err
	}
	for _, d := range letters {
		if wanted(d.Reason) {
			return fmt.Errorf("%q is still dead, though it was wanted", d.Body)
		}
	}
	l = newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= 13 }); err != nil {
		return err
	}
	for _, m := range l.all() {
		if !strings.HasPrefix(string(m.Body), "mend") {
			return fmt.Errorf("%q came back from the dead, though it was not wanted", m.Body)
		}
	}
	return nil
}

func redrive(ctx context.Context, b bench) error {
	sent := b.numbered("m", 5)
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	answer := func(batch []queue.Message) []error {
		errs := make([]error, len(batch))
		for k := range errs {
			errs[k] = fault.New(fault.Invalid, "not today")
		}
		return errs
	}
	if err := b.consume(ctx, b.lane, 10, l, answer, func() bool { return l.total() >= 5 }); err != nil {
		return err
	}
	if err := b.depthIs(ctx, b.lane, "5 dead letters", func(d queue.Depth) bool { return d.Dead == 5 }); err != nil {
		return err
	}
	n, err := b.Redrive(ctx, b.lane, 2, nil)
	if err != nil {
		return fmt.Errorf("redrive: %w", err)
	}
	if err := count("redriven", n, 2); err != nil {
		return err
	}
	if err := b.depthIs(ctx, b.lane, "3 dead letters and 2 waiting", func(d queue.Depth) bool { return d.Dead == 3 && d.Waiting == 2 }); err != nil {
		return err
	}
	if n, err = b.Redrive(ctx, b.lane, 100, nil); err != nil || n != 3 {
		return fmt.Errorf("redrive of the rest gave %d and %v, want 3", n, err)
	}
	if n, err = b.Redrive(ctx, b.lane, 100, nil); err != nil || n != 0 {
		return fmt.Errorf("redrive of nothing gave %d and %v, want 0", n, err)
	}
	l = newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= 5 }); err != nil {
		return err
	}
	for _, m := range l.all() {
		if m.Receives != 1 {
			return fmt.Errorf("%q comes back from the dead at receive %d, want 1", m.Body, m.Receives)
		}
	}
	if err := b.noneDead(ctx); err != nil {
		return err
	}
	return l.once(sent)
}

func workersShare(ctx context.Context, b bench) error {
	const n = 200
	sent := b.numbered("m", n)
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	l := newLog()
	ended := make(chan error, 3)
	for range 3 {
		go func() {
			ended <- b.Consume(inner, b.lane, 5, func(_ context.Context, batch []queue.Message) []error {
				defer l.add(batch)
				return done(batch)
			})
		}()
	}
	err := b.wait(ctx, l, func() bool { return l.total() >= n })
	if err == nil {
		err = b.empty(ctx, b.lane)
	}
	stop()
	for range 3 {
		err = errors.Join(err, <-ended)
	}
	if err != nil {
		return err
	}
	return l.once(sent)
}

func consumeEnds(ctx context.Context, b bench) error {
	if err := b.send(ctx, b.numbered("m", 1)...); err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	began, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var back atomic.Bool
	go func() {
		err := b.Consume(inner, b.lane, 10, func(_ context.Context, batch []queue.Message) []error {
			close(began)
			<-release
			back.Store(true)
			return done(batch)
		})
		if !back.Load() {
			err = errors.Join(err, errors.New("consume ended before its handler came back"))
		}
		ended <- err
	}()
	select {
	case <-began:
	case <-ctx.Done():
		close(release)
		return errors.New("nothing was handed out")
	}
	stop()
	select {
	case err := <-ended:
		close(release)
		return errors.Join(err, errors.New("consume ended while its handler was at work"))
	case <-time.After(b.retry):
	}
	close(release)
	if err := <-ended; err != nil {
		return err
	}
	// What the handler answered counts, though the context had ended by then.
	return b.empty(ctx, b.lane)
}

func sendWhileConsuming(ctx context.Context, b bench) error {
	const n = 150
	sent := b.numbered("m", n)
	failed := make(chan error, 1)
	l := newLog()
	go func() {
		for _, m := range sent {
			if err := b.send(ctx, m); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= n })
	if err := errors.Join(err, <-failed); err != nil {
		return err
	}
	return l.once(sent)
}

// count wraps a count that is not what it should be.
func count(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s: %d, want %d", what, got, want)
	}
	return nil
}
