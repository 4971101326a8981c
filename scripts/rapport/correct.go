package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/decide"
	"rapport/shared/decide/text"
	"rapport/shared/flow"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func correctCommand(f *flags) *cobra.Command {
	var to flow.Reading
	var complaint string
	var severity int
	var undo bool
	c := &cobra.Command{
		Use:   "correct MENTION",
		Short: "Say how a mention should have been read; it is decided anew, and CRMs learn of it",
		Long: "Say how a mention should have been read: what is named replaces what the reader found, and what hangs on it follows. The\n" +
			"mention is decided anew with a receipt, and CRMs learn of it like of an edit. The correction holds until it is taken back by\n" +
			"--undo, also when the text is edited; it goes with the mention. `rapport corrections` lists them.",
		Args: exactly("MENTION"),
		RunE: func(c *cobra.Command, args []string) error {
			switch yes := complaint == "yes"; {
			case yes || complaint == "no":
				to.Complaint = &yes
			case complaint != "":
				return usageError{fmt.Errorf("--complaint wants yes or no, not %q", complaint)}
			}
			if c.Flags().Changed("severity") {
				to.Severity = &severity
			}
			if undo == !to.Empty() {
				return usageError{errors.New("correct wants something to correct, such as --sentiment neutral, or --undo")}
			}
			if err := decide.Check(to); err != nil {
				return usageError{err}
			}
			var done flow.Correction
			if err := f.call(c.Context(), "mention/correct", localrun.Correcting{Mention: args[0], To: to, Undo: undo}, &done); err != nil {
				return err
			}
			if f.json {
				return printJSON(c.OutOrStdout(), done)
			}
			say := "corrected to " + decide.Tell(to)
			if undo {
				say = "the newest correction is taken back"
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s; `rapport explain %s` shows what follows\n", args[0], say, args[0])
			return nil
		},
	}
	known := func(flag string, values []string) {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	}
	p := c.Flags()
	p.StringVar(&to.Sentiment, "sentiment", "", "positive, neutral or negative")
	p.StringVar(&complaint, "complaint", "", "yes or no")
	p.IntVar(&severity, "severity", 0, "0 no problem, 1 annoyance, 2 money or plans lost, 3 danger")
	p.StringSliceVar(&to.Intents, "intents", nil, "what is meant, the main one first: "+strings.Join(text.Intents(), ", "))
	p.StringVar(&to.Department, "department", "", strings.Join(decide.Departments(), ", "))
	p.StringVar(&to.Lang, "lang", "", "the text's language, such as de, en or und")
	p.BoolVar(&undo, "undo", false, "take the newest correction back")
	known("sentiment", decide.Sentiments())
	known("complaint", []string{"yes", "no"})
	known("severity", []string{"0", "1", "2", "3"})
	known("intents", text.Intents())
	known("department", decide.Departments())
	return c
}

func correctionsCommand(f *flags) *cobra.Command {
	var since time.Duration
	var export bool
	c := &cobra.Command{
		Use:   "corrections [ACCOUNT]",
		Short: "List what people corrected; --export prints it as training data, one JSON object a line",
		Long: "List the mentions of one network account, or of all, that people corrected. With --export each prints as one JSON object a line:\n" +
			"the text with personal data taken out, what it should be read as, and what it was read as. It names nobody. Texts that were edited\n" +
			"after the correction, and corrections that were taken back, are left out.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: complete(f, networks),
		RunE: func(c *cobra.Command, args []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				plan, err := h.Plan(c.Context(), "")
				if err != nil {
					return err
				}
				accounts, err := networkNames(plan, args)
				if err != nil {
					return err
				}
				now, list := time.Now(), []pipeline.CorrectedMention{}
				err = h.Corrections(c.Context(), accounts, now.Add(-since), now.Add(time.Minute), func(m pipeline.CorrectedMention) error {
					if export {
						return m.Write(c.OutOrStdout())
					}
					list = append(list, m)
					return nil
				})
				if err != nil || export {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), list)
				}
				for _, m := range list {
					for _, x := range m.Corrections {
						say := decide.Tell(x.To)
						if x.Undo {
							say = "taken back"
						} else if !x.Undone.IsZero() {
							say += " (taken back)"
						}
						if m.Stale {
							say += "; edited since"
						}
						fmt.Fprintf(c.OutOrStdout(), "%s  %-12s %s  %s\n", x.At.Format(time.DateTime), x.By, m.Mention.ID, say)
					}
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&export, "export", false, "print training data")
	c.Flags().DurationVar(&since, "since", 365*24*time.Hour, "how far back")
	return c
}
