package queuetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

func sendAndConsume(ctx context.Context, b bench) error {
	sent := b.numbered("m", 3)
	sent[1].Group = "g"
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= 3 }); err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, m := range l.all() {
		if m.ID == "" || ids[m.ID] {
			return fmt.Errorf("%q has the id %q, want one of its own", m.Body, m.ID)
		}
		ids[m.ID] = true
		if m.Lane != b.lane || m.Receives != 1 {
			return fmt.Errorf("%q came in lane %q at receive %d, want %q and 1", m.Body, m.Lane, m.Receives, b.lane)
		}
		if want := map[bool]string{true: "g"}[string(m.Body) == "m 1"]; m.Group != want {
			return fmt.Errorf("%q came with group %q, want %q", m.Body, m.Group, want)
		}
	}
	return l.once(sent)
}

func manyInOneSend(ctx context.Context, b bench) error {
	var here, there []queue.Message
	all := b.numbered("m", 137)
	for k := range all {
		if k%3 == 1 {
			all[k].Lane = b.other
			there = append(there, all[k])
		} else {
			here = append(here, all[k])
		}
	}
	if err := b.send(ctx, all...); err != nil {
		return err
	}
	if errs := b.Send(ctx); len(errs) != 0 {
		return fmt.Errorf("send of nothing gave %d answers", len(errs))
	}
	for lane, want := range map[queue.Lane][]queue.Message{b.lane: here, b.other: there} {
		l := newLog()
		if err := b.consume(ctx, lane, 10, l, done, func() bool { return l.total() >= len(want) }); err != nil {
			return err
		}
		if err := l.once(want); err != nil {
			return err
		}
	}
	return nil
}

func lanesApart(ctx context.Context, b bench) error {
	here := queue.Message{Lane: b.lane, Body: []byte("here")}
	there := queue.Message{Lane: b.other, Body: []byte("there")}
	if err := b.send(ctx, there, here); err != nil {
		return err
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.seen("here") > 0 }); err != nil {
		return err
	}
	if err := l.once([]queue.Message{here}); err != nil {
		return err
	}
	l = newLog()
	if err := b.consume(ctx, b.other, 10, l, done, func() bool { return l.seen("there") > 0 }); err != nil {
		return err
	}
	return l.once([]queue.Message{there})
}

func bodies(ctx context.Context, b bench) error {
	every := make([]byte, 256)
	for k := range every {
		every[k] = byte(k)
	}
	random := make([]byte, b.maxBody)
	chance := rand.New(rand.NewPCG(1, 2)) // does not compress
	for k := range random {
		random[k] = byte(chance.Uint32())
	}
	list := []string{"", "text", "ünïcødé 👩‍👩‍👧", "\x00", "\x00\x01\x08\x1f\x7f", "a\xffb\xc3", "\xed\xa0\x80", "\ufffe\uffff",
		string(every), strings.Repeat("a", queue.MaxBody), string(random), " \r\n\t", `{"a":"<&>"}`, "YWJj"}
	var sent []queue.Message
	for _, body := range list {
		sent = append(sent, queue.Message{Lane: b.lane, Body: []byte(body)})
	}
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= len(list) }); err != nil {
		return err
	}
	return l.once(sent)
}

func refusedMessages(ctx context.Context, b bench) error {
	good := b.numbered("good", 2)
	long := queue.Message{Lane: b.lane, Body: make([]byte, queue.MaxBody+1)}
	lost := queue.Message{Lane: "no-such-lane", Body: []byte("x")}
	errs := b.Send(ctx, good[0], long, lost, good[1])
	if len(errs) != 4 {
		return fmt.Errorf("send of 4 messages gave %d answers", len(errs))
	}
	if errs[0] != nil || errs[3] != nil {
		return fmt.Errorf("a refused message spoils others: %v, %v", errs[0], errs[3])
	}
	if !fault.Is(errs[1], fault.Invalid) {
		return fmt.Errorf("a body that is too large gave %v, want invalid", errs[1])
	}
	if !fault.Is(errs[2], fault.Invalid) {
		return fmt.Errorf("an unknown lane gave %v, want invalid", errs[2])
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= 2 }); err != nil {
		return err
	}
	return l.once(good)
}

func endedContext(ctx context.Context, b bench) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	errs := b.Send(ended, b.numbered("m", 2)...)
	if len(errs) != 2 || errs[0] == nil || errs[1] == nil {
		return fmt.Errorf("send with an ended context gave %v, want two errors", errs)
	}
	if err := b.Consume(ended, b.lane, 10, func(context.Context, []queue.Message) []error {
		panic("the handler is called with an ended context")
	}); err != nil {
		return fmt.Errorf("consume with an ended context gave %w, want nil", err)
	}
	if _, err := b.Depth(ended); err == nil {
		return errors.New("depth with an ended context gave no error")
	}
	return b.empty(ctx, b.lane)
}

func batches(ctx context.Context, b bench) error {
	const n, size = 100, 7
	sent := b.numbered("m", n)
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, size, l, done, func() bool { return l.total() >= n }); err != nil {
		return err
	}
	full := 0
	for _, batch := range l.batches {
		if len(batch) == 0 || len(batch) > size {
			return fmt.Errorf("a batch has %d messages, want 1 to %d", len(batch), size)
		}
		if len(batch) > 1 {
			full++
		}
	}
	if full == 0 {
		return errors.New("a hundred waiting messages came one by one, want batches")
	}
	return l.once(sent)
}

func delay(ctx context.Context, b bench) error {
	wait := max(3*b.retry, 60*time.Millisecond)
	slow := queue.Message{Lane: b.lane, Body: []byte("slow"), Delay: wait}
	fast := queue.Message{Lane: b.lane, Body: []byte("fast")}
	sent := time.Now()
	if err := b.send(ctx, slow, fast); err != nil {
		return err
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= 2 }); err != nil {
		return err
	}
	for k, batch := range l.batches {
		for _, m := range batch {
			// Services count in whole seconds and their clock is another one.
			if after := l.times[k].Sub(sent); string(m.Body) == "slow" && after < wait*2/3 {
				return fmt.Errorf("a message with a delay of %v came after %v", wait, after)
			}
		}
	}
	return l.once([]queue.Message{slow, fast})
}

func depth(ctx context.Context, b bench) error {
	sent := b.numbered("m", 3)
	sent = append(sent, queue.Message{Lane: b.lane, Body: []byte("late"), Delay: 15 * time.Minute})
	if err := b.send(ctx, sent...); err != nil {
		return err
	}
	if err := b.depthIs(ctx, b.lane, "3 waiting and 1 delayed", func(d queue.Depth) bool {
		return d.Waiting == 3 && d.Delayed == 1 && d.Held == 0 && d.Dead == 0
	}); err != nil {
		return err
	}
	if err := b.depthIs(ctx, b.other, "nothing in the other lane", func(d queue.Depth) bool {
		return d.Waiting+d.Delayed+d.Held+d.Dead == 0
	}); err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	began, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		ended <- b.Consume(inner, b.lane, 2, func(_ context.Context, batch []queue.Message) []error {
			if first {
				first = false
				close(began)
				<-release
			}
			return done(batch)
		})
	}()
	select {
	case <-began:
	case <-ctx.Done():
		close(release)
		return errors.New("nothing was handed out")
	}
	err := b.depthIs(ctx, b.lane, "some held, the rest waiting", func(d queue.Depth) bool {
		return d.Held >= 1 && d.Held <= 2 && d.Waiting == 3-d.Held && d.Delayed == 1
	})
	close(release)
	if err == nil {
		err = b.depthIs(ctx, b.lane, "1 delayed alone", func(d queue.Depth) bool { return d.Waiting+d.Held == 0 && d.Delayed == 1 })
	}
	stop()
	return errors.Join(err, <-ended)
}

func groups(ctx context.Context, b bench) error {
	var busy, calm []queue.Message
	for k := range 300 {
		busy = append(busy, queue.Message{Lane: b.lane, Group: "busy", Body: fmt.Appendf(nil, "busy %d", k)})
	}
	for k := range 5 {
		calm = append(calm, queue.Message{Lane: b.lane, Group: fmt.Sprintf("calm %d", k%2), Body: fmt.Appendf(nil, "calm %d", k)})
	}
	if err := errors.Join(b.send(ctx, busy...), b.send(ctx, calm...)); err != nil {
		return err
	}
	l := newLog()
	if err := b.consume(ctx, b.lane, 10, l, done, func() bool { return l.total() >= 305 }); err != nil {
		return err
	}
	if err := l.once(append(busy, calm...)); err != nil {
		return err
	}
	for k, m := range l.all() {
		if strings.HasPrefix(string(m.Body), "calm") && k >= 150 {
			return fmt.Errorf("%q came as number %d of 305: a busy group starves the others", m.Body, k)
		}
	}
	return nil
}
