package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
)

func ledgerCommand(f *flags) *cobra.Command {
	var since time.Duration
	var list bool
	var only string
	c := &cobra.Command{
		Use:   "ledger [MENTION]",
		Args:  cobra.MaximumNArgs(1),
		Short: "What became of everything received, or one mention's whole story",
		RunE: func(c *cobra.Command, args []string) error {
			if only != "" && !slices.Contains(columns(), only) {
				return usageError{fmt.Errorf("--only wants one of %s, not %q", strings.Join(columns(), ", "), only)}
			}
			return f.look(c.Context(), func(h *localrun.Home) error {
				if len(args) > 0 {
					s, err := h.Story(c.Context(), args[0])
					if err != nil {
						return err
					}
					if f.json {
						return printJSON(c.OutOrStdout(), s)
					}
					return tell(c.OutOrStdout(), s)
				}
				if list || only != "" {
					return listLedger(c, f, h, since, only)
				}
				return showLedger(c, f, h, since)
			})
		},
	}
	c.AddCommand(ledgerCommands(f)...)
	c.Flags().BoolVar(&list, "list", false, "list what was received, line by line")
	c.Flags().StringVar(&only, "only", "", "list one column alone: written, merged, filtered, suppressed, rejected, dead, open")
	c.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back to count")
	return c
}

// columns of the ledger, as Tally counts them.
func columns() []string {
	return []string{"written", "merged", "filtered", "suppressed", "rejected", "dead", "open"}
}

// listLedger lists lines, account by account, hour by hour.
func listLedger(c *cobra.Command, f *flags, h *localrun.Home, since time.Duration, only string) error {
	plan, err := h.Plan(c.Context(), "")
	if err != nil {
		return err
	}
	var names []string
	for _, a := range plan.Doc.Networks {
		names = append(names, a.Name)
	}
	for _, k := range plan.Doc.Hooks { // what reached no account stands under its hook
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	type row struct {
		Column string `json:"column"`
		ledger.Line
	}
	now, rows := time.Now(), []row{}
	for _, name := range names {
		err := h.Lines(c.Context(), name, now.Add(-since), now.Add(time.Minute), func(_ ledger.Place, l ledger.Line) error {
			if column, _ := l.Final(); only == "" || column == only {
				rows = append(rows, row{column, l})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.At.Compare(b.At) })
	if f.json {
		return printJSON(c.OutOrStdout(), rows)
	}
	for _, r := range rows {
		fmt.Fprintf(c.OutOrStdout(), "%s  %-16s %-10s %s%s\n", r.At.Format("2006-01-02 15:04:05"), r.Account, r.Column, dash(r.Mention), reason(r.Line))
	}
	return nil
}

// reason is why a line stands where it does: the event's reason, and that of the deliveries that have one; where several
// CRM accounts were to hold it, where each stands.
func reason(l ledger.Line) string {
	var all []string
	if l.Reason != "" {
		all = append(all, l.Reason)
	}
	for _, d := range l.Deliveries {
		switch {
		case len(l.Deliveries) > 1 && d.Reason != "":
			all = append(all, fmt.Sprintf("%s %s: %s", d.Account, d.State, d.Reason))
		case len(l.Deliveries) > 1:
			all = append(all, fmt.Sprintf("%s %s", d.Account, d.State))
		case d.Reason != "":
			all = append(all, d.Account+": "+d.Reason)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "  (" + strings.Join(all, "; ") + ")"
}

// count reads queues and ledger. They are read one after the other while work goes on, so what seems to have no owner is
// looked at again before it is said.
func count(ctx context.Context, h *localrun.Home, since time.Duration) (r pipeline.Report, err error) {
	for range 10 {
		waiting, dead, err := h.Messages(ctx)
		if err != nil {
			return r, err
		}
		now := time.Now()
		if r, err = h.Report(ctx, now.Add(-since), now.Add(time.Minute), waiting, dead); err != nil || r.Unaccounted == 0 {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return r, nil
}

func showLedger(c *cobra.Command, f *flags, h *localrun.Home, since time.Duration) error {
	r, err := count(c.Context(), h, since)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	if f.json {
		err = printJSON(w, map[string]any{"from": r.From, "to": r.To, "accounts": r.Accounts, "networks": r.Networks, "crms": r.CRMs, "total": r.Total,
			"waiting": r.Waiting, "parked": r.Parked, "dead_letters": r.DeadLetters, "unaccounted": r.Unaccounted, "found": r.Found})
		if err != nil {
			return err
		}
	} else {
		const row = "%-22s %9v %8v %7v %9v %11v %9v %6v %6v\n"
		fmt.Fprintf(w, row, "account", "received", "written", "merged", "filtered", "suppressed", "rejected", "dead", "open")
		line := func(name string, t ledger.Tally) {
			fmt.Fprintf(w, row, name, t.Received, t.Written, t.Merged, t.Filtered, t.Suppressed, t.Rejected, t.Dead, t.Open)
		}
		for _, name := range slices.Sorted(maps.Keys(r.Accounts)) {
			line(name, r.Accounts[name])
		}
		line("all", r.Total)
		const shelf = "%-22s %9v %8v %27v %9v %6v %6v\n"
		fmt.Fprintln(w)
		fmt.Fprintf(w, shelf, "CRM", "owed", "written", "suppressed", "rejected", "dead", "open")
		for _, name := range slices.Sorted(maps.Keys(r.CRMs)) {
			t := r.CRMs[name]
			fmt.Fprintf(w, shelf, name, t.Received, t.Written, t.Suppressed, t.Rejected, t.Dead, t.Open)
		}
		fmt.Fprintf(w, "\nwaiting in queues %d, parked %d, dead letters %d, unaccounted %d\n", r.Waiting, r.Parked, r.DeadLetters, r.Unaccounted)
		if head, err := h.Head(c.Context()); err == nil && head.Seal != nil {
			fmt.Fprintf(w, "newest seal %d, of the hour from %s: %s\n", head.Seal.Number, head.Seal.Hour.Format("2006-01-02 15:04"), head.Hash)
		}
		if r.Found > 0 {
			fmt.Fprintf(w, "%d of these no webhook or poll told of: the network's list did\n", r.Found)
		}
	}
	if r.Unaccounted > 0 {
		return errFound
	}
	return nil
}

// tell writes a story in plain words.
func tell(w io.Writer, s pipeline.Story) error {
	m := s.Mention
	fmt.Fprintf(w, "%s\n%s %s by %s (%s), %s\n", m.ID, m.Network, m.Kind, name(m.Author), m.Author.ID, m.Created.Format(time.RFC1123))
	if m.Permalink != "" {
		fmt.Fprintln(w, m.Permalink)
	}
	text := m.Text
	if s.Decision.Safe != "" {
		text = s.Decision.Safe
	}
	if m.Deleted {
		text = "(deleted)"
	}
	fmt.Fprintf(w, "\n  %s\n\nReceived\n", strings.ReplaceAll(text, "\n", "\n  "))
	for _, l := range s.Lines {
		fmt.Fprintf(w, "  %s  %s", l.Line.At.Format("2006-01-02 15:04:05"), l.Line.Outcome)
		if l.Line.Reason != "" {
			fmt.Fprintf(w, " (%s)", l.Line.Reason)
		}
		fmt.Fprintf(w, ", receipt %s, configuration %.8s, archive %s\n", l.Place.Sort, l.Line.Config, dash(l.Line.Archive))
		for _, d := range l.Line.Deliveries {
			fmt.Fprintf(w, "    → %s: %s", d.Account, d.State)
			if d.Reason != "" {
				fmt.Fprintf(w, " (%s)", d.Reason)
			}
			if d.Record != "" {
				fmt.Fprintf(w, ", record %s", d.Record)
			}
			if d.Attempts > 0 {
				fmt.Fprintf(w, ", %d refusals before", d.Attempts)
			}
			fmt.Fprintln(w)
		}
		if a := l.Amended; a != nil {
			fmt.Fprintf(w, "    then %s by job %s, %s\n", map[string]string{pipeline.JobReplay: "decided again", pipeline.JobUndo: "undone"}[a.Kind], a.Job, a.At.Format("2006-01-02 15:04:05"))
		}
	}
	for _, x := range s.Media {
		fmt.Fprintf(w, "  attachment %s %s (%d bytes): %s %s %s\n", x.Kind, x.Type, x.Size, x.State, x.Ref, x.Reason)
	}
	fmt.Fprintln(w, "\nDecided")
	for _, r := range s.Receipts {
		fmt.Fprintf(w, "  %-14s %s\n", r.Of, r.Say)
	}
	tellConversation(w, s.Conversation)
	tellRecords(w, s.Records)
	return nil
}

func name(a flow.Author) string {
	if a.Name != "" {
		return a.Name
	}
	return a.Handle
}

func dash(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func tellConversation(w io.Writer, c *flow.Conversation) {
	if c == nil {
		return
	}
	fmt.Fprintf(w, "\nConversation %s: %s, %s, priority %s", c.ID, c.Status, c.Department, c.Priority)
	if !c.Due.IsZero() {
		fmt.Fprintf(w, ", answer due %s", c.Due.Format("2006-01-02 15:04"))
	}
	fmt.Fprintln(w)
	for _, t := range c.Turns {
		fmt.Fprintf(w, "  %s %-3s %s: %s\n", t.At.Format("01-02 15:04"), t.Direction, t.By, strings.ReplaceAll(t.Text, "\n", " "))
	}
	if c.ReplyState != "" {
		fmt.Fprintf(w, "  answer %s %s\n", c.ReplyState, c.ReplyNote)
	}
}

func tellRecords(w io.Writer, records map[string][]pipeline.Shown) {
	accounts := make([]string, 0, len(records))
	for a := range records {
		accounts = append(accounts, a)
	}
	slices.Sort(accounts)
	for _, a := range accounts {
		for _, r := range records[a] {
			say := r.Mode
			if r.Undone {
				say = "undone: what it held before, but for what others changed since"
			}
			fmt.Fprintf(w, "\n%s holds %s %s (%s)\n", a, r.Object, r.Key, say)
			if len(r.Fields) == 0 {
				fmt.Fprintln(w, "  nothing of ours")
			}
			fields := make([]string, 0, len(r.Fields))
			for f := range r.Fields {
				fields = append(fields, f)
			}
			slices.Sort(fields)
			for _, f := range fields {
				fmt.Fprintf(w, "  %-28s %s\n", f, strings.ReplaceAll(fmt.Sprint(r.Fields[f]), "\n", "\n"+strings.Repeat(" ", 31)))
			}
			for _, p := range r.Problems {
				fmt.Fprintf(w, "  left out: %s\n", p)
			}
		}
	}
}

func queueCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "queue",
		Short: "Depth of the queues, what is parked and what is dead, with reasons",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return onlyCommands(c, args)
			}
			return f.look(c.Context(), func(h *localrun.Home) error { return showQueues(c, f, h) })
		},
	}
	var in pipeline.Resending
	redrive := &cobra.Command{
		Use:   "redrive LANE|ACCOUNT",
		Short: "Try dead letters of a lane, or dead deliveries of a CRM account, again",
		Args:  exactly("LANE|ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			in.Where = args[0]
			var out pipeline.Resent
			if err := f.call(c.Context(), "queue/redrive", in, &out); err != nil {
				return err
			}
			if f.json {
				return printJSON(c.OutOrStdout(), out)
			}
			switch {
			case out.Try && out.Read < out.Of:
				fmt.Fprintf(c.OutOrStdout(), "%d would be sent again of the %d that were looked at; there are about %d; nothing was done\n", out.N, out.Read, out.Of)
			case out.Try:
				fmt.Fprintf(c.OutOrStdout(), "%d would be sent again; nothing was done\n", out.N)
			default:
				fmt.Fprintf(c.OutOrStdout(), "%d sent again\n", out.N)
			}
			return nil
		},
	}
	redrive.Flags().IntVar(&in.Limit, "limit", 1000, "at most so many")
	redrive.Flags().StringVar(&in.Kind, "kind", "", "a reason as `rapport queue` tells it: only those that failed alike, whatever numbers and ids stand in it")
	redrive.Flags().BoolVar(&in.Try, "dry-run", false, "only count")
	c.AddCommand(redrive)
	return c
}

func showQueues(c *cobra.Command, f *flags, h *localrun.Home) error {
	state, err := h.Queues(c.Context())
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(c.OutOrStdout(), queueView(state))
	}
	w := c.OutOrStdout()
	fmt.Fprintf(w, "%-16s %8s %6s %8s %6s %10s\n", "lane", "waiting", "held", "delayed", "dead", "oldest")
	for _, d := range state.Lanes {
		fmt.Fprintf(w, "%-16s %8d %6d %8d %6d %10s\n", d.Lane, d.Waiting, d.Held, d.Delayed, d.Dead, d.Oldest.Round(time.Second))
	}
	tellLetters(w, state.Letters)
	for _, a := range state.Accounts {
		fmt.Fprintf(w, "\n%s: %d parked, %d dead", a.Account, a.Parked, len(a.Dead))
		if a.Closed != "" {
			fmt.Fprintf(w, "; closed: %s, next try %s", a.Closed, a.Until.Format("15:04:05"))
		}
		fmt.Fprintln(w)
		for _, d := range a.Dead {
			fmt.Fprintf(w, "  %s  %s  %s\n", d.At.Format("2006-01-02 15:04"), d.Mention, d.Reason)
		}
	}
	return nil
}

// tellLetters counts dead letters by lane and cause.
func tellLetters(w io.Writer, letters []queue.Dead) {
	for len(letters) > 0 {
		first, n := letters[0], len(letters)
		letters = slices.DeleteFunc(slices.Clone(letters), func(l queue.Dead) bool {
			return l.Lane == first.Lane && fault.Alike(l.Reason) == fault.Alike(first.Reason)
		})
		fmt.Fprintf(w, "  dead in %s: %d since %s: %s\n", first.Lane, n-len(letters), first.At.Format("2006-01-02 15:04"), first.Reason)
	}
}

// queueView is the state of the queues as --json prints it, without the bodies of dead letters.
func queueView(state localrun.Queues) any {
	type lane struct {
		Lane    string  `json:"lane"`
		Waiting int     `json:"waiting"`
		Held    int     `json:"held"`
		Delayed int     `json:"delayed"`
		Dead    int     `json:"dead"`
		Oldest  float64 `json:"oldest_s"`
	}
	type letter struct {
		Lane     string    `json:"lane"`
		ID       string    `json:"id"`
		Receives int       `json:"receives"`
		Reason   string    `json:"reason"`
		At       time.Time `json:"at"`
	}
	view := struct {
		Lanes    []lane                  `json:"lanes"`
		Letters  []letter                `json:"letters"`
		Accounts []localrun.AccountState `json:"accounts"`
	}{Letters: []letter{}, Accounts: state.Accounts}
	for _, d := range state.Lanes {
		view.Lanes = append(view.Lanes, lane{string(d.Lane), d.Waiting, d.Held, d.Delayed, d.Dead, d.Oldest.Seconds()})
	}
	for _, l := range state.Letters {
		view.Letters = append(view.Letters, letter{string(l.Lane), l.ID, l.Receives, l.Reason, l.At})
	}
	return view
}

func verifyCommand(f *flags) *cobra.Command {
	c := &cobra.Command{Use: "verify", Short: "Prove what was promised", RunE: onlyCommands}
	var from, to string
	receipts := &cobra.Command{
		Use:   "receipts [ACCOUNT]",
		Short: "Decide every event again from its own receipt and the configuration of that time: all must be equal",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			begin, end, err := span(from, to)
			if err != nil {
				return err
			}
			return f.look(c.Context(), func(h *localrun.Home) error {
				plan, err := h.Plan(c.Context(), "")
				if err != nil {
					return err
				}
				accounts, err := networkNames(plan, args)
				if err != nil {
					return err
				}
				r, err := h.VerifyReceipts(c.Context(), accounts, begin, end)
				if err != nil {
					return err
				}
				if f.json {
					err = printJSON(c.OutOrStdout(), r)
				} else {
					fmt.Fprintf(c.OutOrStdout(), "%d decisions made again from their receipts: %d equal\n", r.Entries, r.Equal)
					for _, x := range r.Changed {
						fmt.Fprintf(c.OutOrStdout(), "differs: %s (receipt %s)\n", x.Mention, x.Line)
					}
				}
				if err == nil && len(r.Changed) > 0 {
					return errFound
				}
				return err
			})
		},
	}
	receipts.Flags().StringVar(&from, "from", time.Now().UTC().Format(time.DateOnly), "first day")
	receipts.Flags().StringVar(&to, "to", "", "last day; default today")
	c.AddCommand(receipts)
	return c
}

// networkNames gives the one account that was named, or all.
func networkNames(plan *pipeline.Plan, args []string) ([]string, error) {
	if len(args) > 0 {
		if _, ok := plan.Doc.Network(args[0]); !ok {
			return nil, fault.New(fault.NotFound, "there is no network account %q in the configuration", args[0])
		}
		return args, nil
	}
	var names []string
	for _, a := range plan.Doc.Networks {
		names = append(names, a.Name)
	}
	return names, nil
}
