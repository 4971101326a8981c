package world

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// settle waits until everything that was said has arrived, the approved answers are out, and nothing is under way.
func (w *world) settle(ctx context.Context) error {
	err := until(ctx, "the approved answers stand on the network", func(context.Context) (bool, error) {
		return len(w.social.Posted()) >= len(w.asked) && len(w.circle.answers()) >= len(w.circle.asked), nil
	})
	if err == nil {
		err = until(ctx, "everything that was said has arrived", func(ctx context.Context) (bool, error) {
			missing, err := w.missing(ctx)
			return len(missing) == 0, err
		})
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, w.state(ctx))
	}
	// One more round of polls, so that what two streams show was read from both.
	tags, notices := w.polls()
	rounds := w.circle.polls(w)
	err = until(ctx, "the social network was read once more", func(context.Context) (bool, error) {
		t, n := w.polls()
		return t >= tags+2 && n >= notices+2 && w.circle.polls(w) >= rounds+1, nil
	})
	if err != nil {
		return err
	}
	w.portal.Deliver(ctx, w.http)
	w.circle.x.Deliver(ctx)
	if err := w.sendMeta(ctx); err != nil {
		return err
	}
	err = until(ctx, "nothing is under way", w.home.Drained)
	if err != nil {
		return fmt.Errorf("%w: %s", err, w.state(ctx))
	}
	return nil
}

func (w *world) polls() (tags, notices int) {
	f := w.fronts["mastodon"]
	return f.answered("GET /api/v1/timelines/tag/"), f.answered("GET /api/v1/notifications")
}

// missing lists what was said on the social network, by anybody, and is in no line of the ledger.
func (w *world) missing(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	err := w.lines(ctx, func(_ string, _ ledger.Place, l ledger.Line) error { seen[l.Mention] = true; return nil })
	if err != nil {
		return nil, err
	}
	var out []string
	for _, id := range w.said {
		if m := flow.MentionID("mastodon", w.social.URI(id)); !seen[m] {
			out = append(out, m)
		}
	}
	for _, p := range w.social.Posted() {
		if m := flow.MentionID("mastodon", p.URI); !seen[m] {
			out = append(out, m)
		}
	}
	for _, m := range w.circle.spoken() {
		if !seen[m] {
			out = append(out, m)
		}
	}
	return out, nil
}

// lines walks the whole ledger of the play.
func (w *world) lines(ctx context.Context, visit func(source string, at ledger.Place, l ledger.Line) error) error {
	plan, err := w.home.Plan(ctx, "")
	if err != nil {
		return err
	}
	var names []string
	for _, a := range plan.Doc.Networks {
		names = append(names, a.Name)
	}
	for _, h := range plan.Doc.Hooks {
		names = append(names, h.Name)
	}
	for _, name := range names {
		err := w.home.Lines(ctx, name, w.begin, time.Now().Add(time.Minute), func(at ledger.Place, l ledger.Line) error { return visit(name, at, l) })
		if err != nil {
			return err
		}
	}
	return nil
}

// state says where things stand, for errors.
func (w *world) state(ctx context.Context) string {
	var b strings.Builder
	depth, err := w.home.Admin().Depth(ctx)
	for _, d := range depth {
		if d.Waiting+d.Held+d.Delayed+d.Dead > 0 {
			fmt.Fprintf(&b, "%s: %d waiting, %d held, %d delayed, %d dead; ", d.Lane, d.Waiting, d.Held, d.Delayed, d.Dead)
		}
	}
	for _, name := range crmNames {
		n, failed := w.home.Waiting(ctx, name)
		closure, closed, again := w.home.Closed(ctx, name)
		if n > 0 || closed {
			fmt.Fprintf(&b, "%s: %d parked, closed %v (%s); ", name, n, closed, closure.Reason)
		}
		if failed != nil || again != nil {
			err = failed
		}
	}
	missing, _ := w.missing(ctx)
	fmt.Fprintf(&b, "%d mentions missing", len(missing))
	if len(missing) > 0 {
		fmt.Fprintf(&b, ", such as %s", missing[0])
	}
	for _, label := range w.circle.unanswered() {
		story, _ := w.home.Story(ctx, flow.MentionID(w.circle.on[label], w.circle.native[label]))
		if c := story.Conversation; c != nil {
			fmt.Fprintf(&b, "; the answer to “%s” is not out: %s %s", label, c.ReplyState, c.ReplyNote)
		}
	}
	if err != nil {
		fmt.Fprintf(&b, "; %v", err)
	}
	return b.String()
}
