package networktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

func replyChecks() []check {
	replies := func(s Suite, n network.Network) bool {
		_, ok := n.(network.Replier)
		return ok && s.Vendor != nil
	}
	refusal := func(what string, kind fault.Kind, pick func(Vendor) func() flow.Reply) check {
		return check{"reply " + what, replies, func(r Reporter, s Suite) { checkRefusal(r, s, what, kind, pick) }}
	}
	return []check{
		{"reply", replies, checkReply},
		{"reply twice", replies, checkTwice},
		{"reply cut", replies, checkCut},
		{"reply cancelled", replies, checkReplyCancelled},
		{"reply refused", replies, checkReplyStatus},
		{"reply in private", func(s Suite, n network.Network) bool { return replies(s, n) && !n.Info().Private }, checkPublicOnly},
		refusal("gone", fault.Gone, func(v Vendor) func() flow.Reply { return v.Gone }),
		refusal("too long", fault.Invalid, func(v Vendor) func() flow.Reply { return v.Long }),
		refusal("not permitted", fault.Invalid, func(v Vendor) func() flow.Reply { return v.Barred }),
		refusal("window closed", fault.Invalid, func(v Vendor) func() flow.Reply { return v.Closed }),
	}
}

func (b *bench) send(reply flow.Reply, key string) (network.Posted, error) {
	posted, err := b.n.(network.Replier).Reply(context.Background(), b.account, reply, key)
	leaks(b.r, err, secrets(b.account.Secrets))
	return posted, err
}

// again sends a reply of unknown outcome as the pipeline does: keyed ones repeat, others are looked for first.
func (b *bench) again(reply flow.Reply, key string) (network.Posted, error) {
	b.r.Helper()
	if b.n.(network.Replier).Idempotent() {
		return b.send(reply, key)
	}
	finder, ok := b.n.(network.ReplyFinder)
	if !ok {
		b.r.Errorf("it is neither Idempotent nor a ReplyFinder: an answer of unknown outcome needs a human; skip this check with that reason")
		return network.Posted{}, nil
	}
	posted, err := finder.FindReply(context.Background(), b.account, reply)
	leaks(b.r, err, secrets(b.account.Secrets))
	if fault.Is(err, fault.NotFound) {
		return b.send(reply, key)
	}
	return posted, err
}

// posts wants that the vendor holds n posts, each with the reply's text.
func (b *bench) posts(n int, text, what string) {
	b.r.Helper()
	got := b.Posts()
	if len(got) != n {
		b.r.Errorf("%s: the vendor holds %d posts, want %d", what, len(got), n)
	}
	for _, p := range got {
		if !strings.Contains(p, text) {
			b.r.Errorf("%s: posted %q, want it to hold %q", what, p, text)
		}
	}
}

func checkReply(r Reporter, s Suite) {
	b := s.bench(r)
	reply := b.Answer()
	finder, finds := b.n.(network.ReplyFinder)
	if finds {
		_, err := finder.FindReply(context.Background(), b.account, reply)
		b.judged(err, "looking for a reply that was not sent", fault.NotFound)
	}
	posted, err := b.send(reply, "key-1")
	if err != nil {
		r.Errorf("a good reply is refused: %v", err)
		return
	}
	if posted.Native == "" {
		r.Errorf("a posted reply has no id")
	}
	b.posts(1, reply.Text, "one reply")
	if !finds {
		return
	}
	found, err := finder.FindReply(context.Background(), b.account, reply)
	if err != nil || found.Native != posted.Native {
		r.Errorf("FindReply gives %q, %v, want %q", found.Native, err, posted.Native)
	}
	other := b.Answer()
	other.Text = reply.Text
	_, err = finder.FindReply(context.Background(), b.account, other)
	b.judged(err, "looking for the same text below another parent", fault.NotFound)
}

func checkTwice(r Reporter, s Suite) {
	b := s.bench(r)
	reply := b.Answer()
	one, err := b.send(reply, "key-1")
	if err != nil {
		r.Errorf("a good reply is refused: %v", err)
		return
	}
	two, err := b.again(reply, "key-1")
	if err != nil {
		r.Errorf("the second time: %v", err)
	}
	if one.Native != two.Native {
		r.Errorf("the second time gives %q, want %q", two.Native, one.Native)
	}
	b.posts(1, reply.Text, "the same reply twice")
	next := b.Answer()
	if _, err := b.send(next, "key-2"); err != nil {
		r.Errorf("the next reply is refused: %v", err)
	}
	if n := len(b.Posts()); n != 2 {
		r.Errorf("two replies made %d posts", n)
	}
}

// checkCut: the vendor posted, but nobody heard.
func checkCut(r Reporter, s Suite) {
	b := s.bench(r)
	reply := b.Answer()
	b.set(func() { b.after = func() bool { return true } })
	_, err := b.send(reply, "key-1")
	b.judged(err, "a cut answer", fault.Ambiguous)
	b.set(func() { b.after = nil })
	if _, err = b.again(reply, "key-1"); err != nil {
		r.Errorf("after a cut answer: %v", err)
	}
	b.posts(1, reply.Text, "a cut answer, then again")

	b = s.bench(r)
	reply = b.Answer()
	b.set(func() { b.lost = 502 })
	_, err = b.send(reply, "key-1")
	kinds := []fault.Kind{fault.Ambiguous}
	if b.n.(network.Replier).Idempotent() {
		kinds = append(kinds, fault.Unavailable, fault.Transient)
	}
	b.judged(err, "a bad gateway after the vendor posted", kinds...)
	if _, err = b.again(reply, "key-1"); err != nil {
		r.Errorf("after a bad gateway: %v", err)
	}
	b.posts(1, reply.Text, "a bad gateway, then again")
}

func checkReplyCancelled(r Reporter, s Suite) {
	b := s.bench(r)
	reply := b.Answer()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	within(r, 5*time.Second, "Reply with an ended context", func(context.Context) {
		if _, err := b.n.(network.Replier).Reply(ctx, b.account, reply, "key-1"); !errors.Is(err, context.Canceled) {
			r.Errorf("an ended context gives %v", err)
		}
	})
	b.posts(0, "", "an ended context")
}

// checkReplyStatus: credentials and limits are told apart from refusals of this reply.
func checkReplyStatus(r Reporter, s Suite) {
	b := s.bench(r)
	reply := b.Answer()
	for _, row := range []struct {
		status int
		kinds  []fault.Kind
	}{
		{401, []fault.Kind{fault.Unauthorized}},
		{429, []fault.Kind{fault.RateLimited, fault.QuotaExhausted}},
		{503, []fault.Kind{fault.Unavailable, fault.Ambiguous}},
	} {
		b.set(func() {
			b.force = &forced{status: row.status, header: map[string]string{"Retry-After": "17"}, body: `{"error":"no"}`}
		})
		_, err := b.send(reply, "key-1")
		kinds := row.kinds
		if k, ok := s.Status[row.status]; ok {
			kinds = append(kinds, k)
		}
		b.judged(err, fmt.Sprintf("a reply answered %d", row.status), kinds...)
	}
	b.set(func() { b.force = nil })
	b.posts(0, "", "refused replies")
}

// checkPublicOnly wants a network that says that it has no private answers to refuse one, with a reason, before it is posted.
func checkPublicOnly(r Reporter, s Suite) {
	b := s.bench(r)
	reply := b.Answer()
	reply.Private = true
	_, err := b.send(reply, "key-1")
	b.judged(err, "in private", fault.Invalid)
	b.posts(0, "", "in private")
}

func checkRefusal(r Reporter, s Suite, what string, kind fault.Kind, pick func(Vendor) func() flow.Reply) {
	b := s.bench(r)
	f := pick(b.Vendor)
	if f == nil {
		r.Errorf("the Vendor has no reply that is refused as %s: add one, or skip this check with the reason", what)
		return
	}
	reply := f()
	before := len(b.Posts())
	_, err := b.send(reply, "key-1")
	b.judged(err, what, kind)
	if n := len(b.Posts()); n != before {
		r.Errorf("%s: it was posted all the same", what)
	}
}
