package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/config"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func objectCommand(f *flags) *cobra.Command {
	in := localrun.Objecting{}
	c := &cobra.Command{
		Use:   "object WHO",
		Short: "Take in somebody's objection to a purpose (Art. 21), or take one back with --withdraw",
		Long: "Take in somebody's objection to a purpose: nothing is done for it any more, and its results go, here and in the CRMs: the score, links to\n" +
			"persons, fields that the mapping says are for it. An objection to service is an erasure. " + whoHelp,
		Args: exactly("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			in.Who = args[0]
			var s pipeline.Subject
			err := f.look(c.Context(), func(h *localrun.Home) (err error) {
				s, err = h.Resolve(c.Context(), args[0])
				return err
			})
			if err != nil {
				return err
			}
			tellSubject(c.ErrOrStderr(), s)
			var id string
			if err := f.call(c.Context(), "privacy/object", in, &id); err != nil {
				return err
			}
			return follow(c, f, id)
		},
	}
	c.Flags().StringVar(&in.Purpose, "purpose", "", "service, matching, scoring, product or marketing")
	c.Flags().BoolVar(&in.Withdraw, "withdraw", false, "the objection is taken back")
	c.Flags().StringVar(&in.Source, "source", "", "how it was told, such as “letter of 2026-11-20”; it stands in the answer to a request for access")
	_ = c.MarkFlagRequired("purpose") // the flag exists
	_ = c.RegisterFlagCompletionFunc("purpose", cobra.FixedCompletions(config.Choices("basis"), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func owedCommand(f *flags) *cobra.Command {
	var days, back int
	c := &cobra.Command{
		Use:   "due",
		Short: "List who has to be told what is done with their data (Art. 14), and who should have been",
		Long: "List who has to be told what is done with their data: a month after it was first kept, or when they were first answered. The first answer\n" +
			"that has room for it carries the brand's line (brands[].information); `rapport privacy informed WHO` notes that somebody was told otherwise.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				now := time.Now().UTC()
				list, more, err := h.Owed(c.Context(), now.AddDate(0, 0, -back), now.AddDate(0, 0, days), 0)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), list)
				}
				tellOwed(c.OutOrStdout(), list, more)
				return nil
			})
		},
	}
	c.Flags().IntVar(&days, "days", 7, "how many days ahead")
	c.Flags().IntVar(&back, "back", 31, "how many days back, for what is overdue")
	return c
}

func tellOwed(w io.Writer, list []pipeline.Owed, more bool) {
	over := 0
	for _, o := range list {
		late := ""
		if o.Over {
			late = "OVERDUE "
			over++
		}
		fmt.Fprintf(w, "%s  %s%s %s  first kept on %s: %s\n", o.Due.Format(time.DateOnly), late, o.Author, o.Handle, o.First.Format(time.DateOnly), o.Why)
	}
	fmt.Fprintf(w, "%d to be told, %d of them overdue\n", len(list), over)
	if more {
		fmt.Fprintln(w, "There are more: choose fewer days.")
	}
}

func informedCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "informed WHO",
		Short: "Note that somebody was told by other means what is done with their data",
		Long:  "Note that somebody was told by other means what is done with their data. " + whoHelp,
		Args:  exactly("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			var n int
			if err := f.call(c.Context(), "privacy/informed", localrun.Request{Who: args[0]}, &n); err != nil {
				return err
			}
			if f.json {
				return printJSON(c.OutOrStdout(), map[string]int{"informed": n})
			}
			fmt.Fprintf(c.OutOrStdout(), "noted for %d accounts\n", n)
			return nil
		},
	}
}
