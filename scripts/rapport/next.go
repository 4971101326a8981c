package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"rapport/shared/config"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func nextCommand(f *flags) *cobra.Command {
	var ask pipeline.NextAsk
	c := &cobra.Command{
		Use:   "next KEY",
		Short: "Tell who somebody is, how they stand and what to do, with reasons and what is forbidden",
		Long: "Tell who somebody is, how they stand and what to do, with reasons and what is forbidden. KEY is a mention, an author id, a person's id, a handle (@kari, mastodon:@kari@host, " +
			"or any with --network), an e-mail address, a phone number (+49…), or a CRM record (account:id, account:object/id).",
		Args: exactly("KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				plan, err := h.Plans.Plan(c.Context(), "")
				if err != nil {
					return err
				}
				n, err := firstNext(c.Context(), h, keysOf(plan.Doc, strings.TrimSpace(args[0]), ask))
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), n)
				}
				printNext(c.OutOrStdout(), n)
				return nil
			})
		},
	}
	c.Flags().StringVar(&ask.Network, "network", "", "KEY is a handle on this network, such as mastodon")
	c.Flags().StringVar(&ask.Moment, "moment", "", "where they are in contact just now: call, shop, chat or mail")
	c.Flags().StringVar(&ask.Brand, "brand", "", "look at this brand alone")
	return c
}

// keysOf gives what a text may be a key of, the likeliest first.
func keysOf(doc *config.Document, key string, ask pipeline.NextAsk) []pipeline.NextAsk {
	with := func(set func(*pipeline.NextAsk)) pipeline.NextAsk {
		a := ask
		set(&a)
		return a
	}
	lead, rest, prefixed := strings.Cut(key, ":")
	_, isCRM := doc.CRM(lead)
	name, domain, address := strings.Cut(key, "@")
	handle := with(func(a *pipeline.NextAsk) { a.Handle = key })
	switch {
	case ask.Network != "" || strings.HasPrefix(key, "@"):
		return []pipeline.NextAsk{handle}
	case prefixed && strings.HasPrefix(rest, "@"):
		return []pipeline.NextAsk{with(func(a *pipeline.NextAsk) { a.Network, a.Handle = lead, rest })}
	case prefixed && isCRM:
		return []pipeline.NextAsk{with(func(a *pipeline.NextAsk) { a.CRM, a.ID = lead, rest })}
	case prefixed:
		return []pipeline.NextAsk{with(func(a *pipeline.NextAsk) { a.Mention = key }), with(func(a *pipeline.NextAsk) { a.Author = key })}
	case address && name != "" && strings.Contains(domain, "."):
		return []pipeline.NextAsk{with(func(a *pipeline.NextAsk) { a.Email = key }), handle}
	case key != "" && !strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsDigit(r) && !strings.ContainsRune("+ ()/-", r) }):
		return []pipeline.NextAsk{with(func(a *pipeline.NextAsk) { a.Phone = key })}
	}
	return []pipeline.NextAsk{with(func(a *pipeline.NextAsk) { a.Person = key }), handle}
}

// firstNext asks by one key after the other until somebody is known.
func firstNext(ctx context.Context, h *localrun.Home, asks []pipeline.NextAsk) (n pipeline.Next, err error) {
	for _, ask := range asks {
		if n, err = h.Next(ctx, ask); !notFound(err) {
			return n, err
		}
	}
	return n, err
}

func printNext(w io.Writer, n pipeline.Next) {
	who := n.Who
	name := who.Name
	if name == "" {
		name = "somebody without a name"
	}
	fmt.Fprint(w, name)
	if who.Person != "" {
		fmt.Fprintf(w, ", person %s", who.Person)
	}
	fmt.Fprintln(w, ", found by", n.By)
	for _, a := range who.Accounts {
		fmt.Fprintf(w, "  %s @%s\n", a.ID, strings.TrimPrefix(a.Handle, "@"))
	}
	for _, l := range who.Links {
		fmt.Fprintf(w, "  linked to %s (class %s): %s\n", strings.TrimSpace(l.To+" "+l.Object+" "+l.Record), l.Class, l.Evidence)
	}
	if who.Claimed {
		fmt.Fprintln(w, "  linked by a public claim alone: nothing that stands in a CRM may be told them")
	}
	if s := who.Score; s != nil {
		fmt.Fprintf(w, "score %d of 100, confidence %d %%\n", s.Total, s.Confidence)
	} else {
		fmt.Fprintln(w, "score none:", who.Unscored)
	}
	printStanding(w, n.Standing)
	fmt.Fprintf(w, "\n%s: %s\n", n.Do.Action, n.Do.Why)
	if n.Do.Mention != "" {
		fmt.Fprintln(w, "  about", n.Do.Mention)
	}
	if n.Do.RunnerUp != "" {
		fmt.Fprintln(w, "  else", n.Do.RunnerUp)
	}
	for _, b := range n.Forbidden {
		fmt.Fprintf(w, "  not %s: %s\n", b.Action, b.Why)
	}
	if t := n.Template; t != nil {
		fmt.Fprintf(w, "\n%s\n  (%s)\n", t.Text, t.Name)
	}
}

func printStanding(w io.Writer, s pipeline.NextStanding) {
	const stamp = "2006-01-02 15:04 MST"
	for _, t := range s.Open {
		fmt.Fprintf(w, "open: %s, %s, %s, priority %s, severity %d", t.ID, t.Status, t.Department, t.Priority, t.Severity)
		if !t.Due.IsZero() {
			fmt.Fprint(w, ", an answer is owed by ", t.Due.Format(stamp))
		}
		fmt.Fprintln(w)
	}
	if len(s.Open) == 0 {
		fmt.Fprintln(w, "nothing is open")
	}
	if m := s.Newest; m != nil {
		fmt.Fprintf(w, "last heard of %s on %s: %s, %s\n", m.At.Format(stamp), m.Network, m.Sentiment, strings.Join(m.Intents, ", "))
	}
	if !s.Answered.IsZero() {
		fmt.Fprintln(w, "last answered", s.Answered.Format(stamp))
	}
	if s.Pending != "" {
		fmt.Fprintln(w, "an answer is on its way:", s.Pending)
	}
	if len(s.Objections) > 0 {
		fmt.Fprintln(w, "objected to", strings.Join(s.Objections, ", "))
	}
	for _, x := range []struct {
		is  bool
		say string
	}{{s.Late, "the answer is late"}, {s.Protected, "a protected customer"}, {s.Crisis, "the brand is in a crisis"}, {s.Quiet, "outside the brand's hours"}} {
		if x.is {
			fmt.Fprintln(w, x.say)
		}
	}
}
